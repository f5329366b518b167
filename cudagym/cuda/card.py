"""Cards: which ones the driver sees, what they are in cudagym.hardware, and how they are doing.

`python -m cudagym.cuda.card` prints them as JSON, for processes that must not load the driver.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from functools import lru_cache
from typing import Any, NamedTuple

from cudagym.child import environment
from cudagym.cuda.driver import Driver, DriverError
from cudagym.errors import InfrastructureError
from cudagym.hardware import GPU, GPUS
from cudagym.record import Record

ENVIRONMENT = {
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    "CUDA_DISABLE_PTX_JIT": "1",
    "CUDA_CACHE_DISABLE": "1",
    "CUDA_MODULE_LOADING": "EAGER",
}
"""Of processes that load the driver ("CUDA Environment Variables"): cards in nvidia-smi's order, no compiler, and
nothing that is loaded at a kernel's first launch."""
KEPT = ("CUDA_VISIBLE_DEVICES",)

DRIVER_NAMES = {
    "NVIDIA A100-PCIE-40GB": "a100-pcie-40gb",
    "NVIDIA A100 80GB PCIe": "a100-pcie-80gb",
    "NVIDIA A100-SXM4-40GB": "a100-40gb",
    "NVIDIA A100-SXM4-80GB": "a100",
    "NVIDIA B200": "b200",
    "NVIDIA GH200 480GB": "gh200",
    "NVIDIA GeForce RTX 3070": "rtx3070",
    "NVIDIA GeForce RTX 3070 Laptop GPU": "rtx3070-laptop",
    "NVIDIA GeForce RTX 3080 Laptop GPU": "rtx3080-laptop",
    "NVIDIA GeForce RTX 3090": "rtx3090",
    "NVIDIA GeForce RTX 3090 Ti": "rtx3090ti",
    "NVIDIA GeForce RTX 4070 Ti SUPER": "rtx4070tisuper",
    "NVIDIA GeForce RTX 4090": "rtx4090",
    "NVIDIA GeForce RTX 5090": "rtx5090",
    "NVIDIA H100 80GB HBM3": "h100",
    "NVIDIA H100 PCIe": "h100-pcie",
    "NVIDIA H200": "h200",
    "NVIDIA L20": "l20",
    "NVIDIA L40S": "l40s",
    "NVIDIA RTX A6000": "a6000",
    "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition": "rtxpro6000",
    "NVIDIA RTX PRO 6000 Blackwell Workstation Edition": "rtxpro6000-workstation",
    "Tesla T4": "t4",
}
"""What the driver calls the cards of cudagym.hardware. A part of a card, as MIG makes, has another name."""

_THROTTLED = {
    "SwPowerCap": "power limit",
    "HwSlowdown": "hardware slowdown",
    "SyncBoost": "sync boost with other cards",
    "SwThermalSlowdown": "temperature",
    "HwThermalSlowdown": "temperature, by hardware",
    "HwPowerBrakeSlowdown": "power brake",
    "ApplicationsClocksSetting": "clocks that someone set",
}
"""NVML's clocks event reasons that make a time doubtful, of `nvmlClocksEventReason*`."""


class Card(Record):
    """One card as the driver describes it."""

    index: int
    name: str
    uuid: str
    pci: str
    capability: str
    """`9.0`."""
    sms: int
    memory_bytes: int
    l2_bytes: int
    driver: str
    """The driver's CUDA version, and its own where NVML says."""

    @property
    def gpu(self) -> GPU:
        """The same card in the table that has its peaks. Raises InfrastructureError when it has none."""
        known = GPUS.get(DRIVER_NAMES.get(self.name, ""))
        if known is None:
            raise InfrastructureError(
                f"cuda:{self.index} is a {self.name!r}, whose peaks cudagym does not know, so that no time on it could"
                f" be scored; it knows {', '.join(DRIVER_NAMES)}"
            )
        if (known.sms, known.sm.capability) != (self.sms, self.capability):
            raise InfrastructureError(
                f"cuda:{self.index} calls itself {self.name}, but has {self.sms} SMs of compute capability"
                f" {self.capability} instead of {known.sms} of {known.sm.capability}"
            )
        return known


class Reading(NamedTuple):
    """What NVML says at one moment."""

    sm_mhz: int
    memory_mhz: int
    celsius: int
    throttled: tuple[str, ...]


class Monitor:
    """NVML on one card. It only reads."""

    def __init__(self, pci: str) -> None:
        """Without NVML there are no readings; that is no error."""
        self._nvml: Any = None
        try:
            nvml = importlib.import_module("pynvml")
            nvml.nvmlInit()
            self._handle = nvml.nvmlDeviceGetHandleByPciBusId(pci)
            self._nvml = nvml
        except Exception:
            return  # no package, no library, or a card that NVML does not show: then nothing is known

    @property
    def driver(self) -> str:
        """The driver's version, `580.65.06`; empty where it is unknown."""
        if self._nvml is None:
            return ""
        version = self._nvml.nvmlSystemGetDriverVersion()
        return str(version.decode() if isinstance(version, bytes) else version)

    def read(self) -> Reading | None:
        """None where the card does not tell."""
        nvml = self._nvml
        if nvml is None:
            return None
        try:
            reasons = nvml.nvmlDeviceGetCurrentClocksEventReasons(self._handle)
            return Reading(
                sm_mhz=nvml.nvmlDeviceGetClockInfo(self._handle, nvml.NVML_CLOCK_SM),
                memory_mhz=nvml.nvmlDeviceGetClockInfo(self._handle, nvml.NVML_CLOCK_MEM),
                celsius=nvml.nvmlDeviceGetTemperature(self._handle, nvml.NVML_TEMPERATURE_GPU),
                throttled=tuple(text for name, text in _THROTTLED.items() if reasons & _reason(nvml, name)),
            )
        except nvml.NVMLError:
            return None


def _reason(nvml: Any, name: str) -> int:
    """A bit by its name of today or of before driver 535."""
    return int(getattr(nvml, f"nvmlClocksEventReason{name}", None) or getattr(nvml, f"nvmlClocksThrottleReason{name}"))


def describe(driver: Driver, index: int) -> Card:
    """Card `index` of this process's driver."""
    device = driver("cuDeviceGet", index)
    attributes = {
        "sms": driver.attribute(device, "MULTIPROCESSOR_COUNT"),
        "l2_bytes": driver.attribute(device, "L2_CACHE_SIZE"),
    }
    major, minor = (driver.attribute(device, f"COMPUTE_CAPABILITY_{part}") for part in ("MAJOR", "MINOR"))
    pci = _text(driver("cuDeviceGetPCIBusId", 32, device))
    own = Monitor(pci).driver
    version = f"CUDA {driver.version // 1000}.{driver.version % 1000 // 10}"
    return Card(
        index=index,
        name=_text(driver("cuDeviceGetName", 256, device)),
        uuid=bytes(driver("cuDeviceGetUuid", device).bytes).hex(),
        pci=pci,
        capability=f"{major}.{minor}",
        memory_bytes=int(driver("cuDeviceTotalMem", device)),
        driver=f"{own}, {version}" if own else version,
        **attributes,
    )


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode(errors="replace")


class Found(Record):
    """The cards of this machine, or why there is none."""

    cards: tuple[Card, ...] = ()
    problem: str = ""
    """A sentence; with no card, what is missing."""
    has_driver: bool = True
    """Whether there is a driver at all: without one nothing is amiss, there is just no card."""


def find_cards() -> Found:
    """The cards of this machine, asked of a process of its own once and remembered."""
    return _found(os.environ.get("LD_LIBRARY_PATH", ""), os.environ.get("CUDA_VISIBLE_DEVICES", ""))


@lru_cache(maxsize=4)
def _found(*_: str) -> Found:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "cudagym.cuda.card"],
            env=environment(KEPT) | ENVIRONMENT,
            capture_output=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Found(problem="the NVIDIA driver does not answer within a minute; look at nvidia-smi")
    if done.returncode:
        return Found(problem=f"the NVIDIA driver ended the process that asked it, with code {done.returncode}")
    return Found.model_validate_json(done.stdout)


def _list() -> Found:
    import ctypes

    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Found(problem="this machine has no NVIDIA driver", has_driver=False)
    try:
        driver = Driver()
        return Found(cards=tuple(describe(driver, index) for index in range(driver("cuDeviceGetCount"))))
    except InfrastructureError as error:
        return Found(problem=str(error))
    except DriverError as error:
        return Found(problem=str(error.as_infrastructure()))


if __name__ == "__main__":
    print(json.dumps(_list().model_dump(mode="json")))
