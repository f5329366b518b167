"""The CUDA driver, through NVIDIA's own bindings: every call is checked, and every error knows whose fault it is.

Section names are those of the CUDA Driver API 13.0. Only executor processes and `cudagym.cuda.card` load the driver:
a context in the judge's process would not survive a fork, nor a candidate's fault.
"""

from __future__ import annotations

import importlib
from typing import Any

from cudagym.device import FaultKind
from cudagym.errors import InfrastructureError

OLDEST = 13_000
"""The driver's CUDA version that loads what the toolkit compiles: cubins of CUDA 13.0, so driver branch 580."""

FAULTS: dict[str, tuple[FaultKind, str]] = {
    "CUDA_ERROR_ILLEGAL_ADDRESS": ("out_of_bounds", "a thread touched memory that belongs to no buffer"),
    "CUDA_ERROR_INVALID_ADDRESS_SPACE": ("out_of_bounds", "an instruction met an address of the wrong state space"),
    "CUDA_ERROR_HARDWARE_STACK_ERROR": ("out_of_bounds", "the call stack was corrupted or exceeded its limit"),
    "CUDA_ERROR_INVALID_PC": ("out_of_bounds", "the program counter left its code: a broken function pointer"),
    "CUDA_ERROR_MISALIGNED_ADDRESS": ("misaligned", "an access is not aligned to its size"),
    "CUDA_ERROR_LAUNCH_TIMEOUT": ("timed_out", "the driver ended the kernel, which ran too long"),
    "CUDA_ERROR_ILLEGAL_INSTRUCTION": ("trap", "an illegal instruction, or __trap()"),
    "CUDA_ERROR_ASSERT": ("trap", "an assertion failed"),
    "CUDA_ERROR_LAUNCH_FAILED": ("trap", "the card gave the kernel up without saying why"),
}
"""What a kernel can do to its context. All are sticky: every later call fails until the process ends ("CUresult")."""

REFUSALS = frozenset(
    {
        "CUDA_ERROR_INVALID_VALUE",
        "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
        "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE",
        "CUDA_ERROR_INVALID_CONFIGURATION",
    }
)
"""Answers to a launch that say that its dimensions do not fit this card."""

_TOO_OLD = frozenset(
    {
        "CUDA_ERROR_NO_BINARY_FOR_GPU",
        "CUDA_ERROR_INVALID_IMAGE",
        "CUDA_ERROR_INVALID_PTX",
        "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
        "CUDA_ERROR_JIT_COMPILATION_DISABLED",
        "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
    }
)


class DriverError(Exception):
    """The driver refused a call, or reports what went wrong before it."""

    def __init__(self, call: str, name: str, text: str) -> None:
        super().__init__(f"{call} answered {name}: {text}")
        self.call, self.name, self.text = call, name, text

    @property
    def is_fault(self) -> bool:
        """Whether a kernel did something that its context does not survive."""
        return self.name in FAULTS

    def as_infrastructure(self) -> InfrastructureError:
        """The same where no candidate can be to blame."""
        if self.name == "CUDA_ERROR_OUT_OF_MEMORY":
            return InfrastructureError(f"the card has too little free memory ({self.call}); end what else uses it")
        if self.name in _TOO_OLD:
            return InfrastructureError(
                f"the driver does not take the toolkit's machine code ({self.name}): install driver 580 or newer"
            )
        return InfrastructureError(f"the card or its driver failed: {self}; look at nvidia-smi and the kernel's log")


class Driver:
    """Calls by name: `driver("cuMemMap", address, size, 0, handle, 0)` gives what the call gives beside its status.

    Raises DriverError for every answer but success.
    """

    def __init__(self) -> None:
        """Raises InfrastructureError when the bindings, the driver or a card are missing, or the driver is too old."""
        try:
            self.api: Any = importlib.import_module("cuda.bindings.driver")
        except ImportError as error:
            raise InfrastructureError(
                f"NVIDIA's driver bindings are missing ({error}): pip install 'cudagym[gpu]'"
            ) from None
        try:
            self("cuInit", 0)
            self.version: int = self("cuDriverGetVersion")
        except RuntimeError as error:  # of the bindings: the library is missing, or lacks the function
            raise InfrastructureError(
                f"this machine has no NVIDIA driver ({error}): install one of branch 580 or newer"
            ) from None
        except DriverError as error:
            if error.name == "CUDA_ERROR_NO_DEVICE":
                raise InfrastructureError("the NVIDIA driver sees no card; look at nvidia-smi") from None
            raise error.as_infrastructure() from None
        if self.version < OLDEST:
            raise InfrastructureError(
                f"the NVIDIA driver is too old: it knows CUDA {_version(self.version)}, but the toolkit's machine code"
                f" needs {_version(OLDEST)}: install driver 580 or newer"
            )

    def __call__(self, name: str, *arguments: Any) -> Any:
        status, *answers = getattr(self.api, name)(*arguments)
        if status != self.api.CUresult.CUDA_SUCCESS:
            raise self._error(name, status)
        return answers[0] if len(answers) == 1 else tuple(answers)

    def is_ready(self, name: str, handle: Any) -> bool:
        """What `cuStreamQuery` or `cuEventQuery` says: whether the work is done. Raises DriverError when it failed."""
        (status,) = getattr(self.api, name)(handle)
        if status == self.api.CUresult.CUDA_ERROR_NOT_READY:
            return False
        if status != self.api.CUresult.CUDA_SUCCESS:
            raise self._error(name, status)
        return True

    def attribute(self, device: Any, name: str) -> int:
        """`MULTIPROCESSOR_COUNT` and its like ("CUdevice_attribute")."""
        wanted = getattr(self.api.CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}")
        return int(self("cuDeviceGetAttribute", wanted, device))

    def _error(self, call: str, status: Any) -> DriverError:
        _, text = self.api.cuGetErrorString(status)
        name = getattr(status, "name", f"error {int(status)}")
        return DriverError(call, name, text.decode() if isinstance(text, bytes) else "unknown error")


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"
