"""Context: one card made ready in this process. There is one per executor, and its first fault is its last."""

from __future__ import annotations

import time

import numpy as np

from cudagym.cuda.driver import Driver, DriverError
from cudagym.cuda.memory import DeviceMemory
from cudagym.errors import InfrastructureError

_SPIN_SECONDS = 0.02
"""Waiting is by asking again at once for this long, so that no nap is part of a short time; then every 0.2 ms."""


class Hung(Exception):
    """The card did not finish in time. Only the end of this process ends its kernel."""


class Context:
    """The primary context of card `index`, a stream of its own, and memory.

    Raises InfrastructureError when the card cannot serve: it is checked with a fill, a copy and a look.
    """

    def __init__(self, index: int) -> None:
        self.driver = driver = Driver()
        count = driver("cuDeviceGetCount")
        if not 0 <= index < count:
            raise InfrastructureError(f"there is no card cuda:{index}: the driver sees {count}, counted from 0")
        try:
            self.device = driver("cuDeviceGet", index)
            if not driver.attribute(self.device, "VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED"):
                raise InfrastructureError(f"cuda:{index} does not let programs choose addresses (cuMemAddressReserve)")
            driver("cuCtxSetCurrent", driver("cuDevicePrimaryCtxRetain", self.device))
            flags = driver.api.CUstream_flags.CU_STREAM_NON_BLOCKING
            self.stream = driver("cuStreamCreate", flags)
            self.memory = DeviceMemory(driver, index)
            self.pci: str = driver("cuDeviceGetPCIBusId", 32, self.device).split(b"\0")[0].decode()
            self.persists = driver.attribute(self.device, "MAX_PERSISTING_L2_CACHE_SIZE") > 0
            self._check_health()
        except DriverError as error:
            raise error.as_infrastructure() from None

    def wait(self, deadline: float) -> None:
        """Until the stream is idle. Raises Hung at `deadline` (time.monotonic), DriverError for what went wrong."""
        start = time.monotonic()
        while not self.driver.is_ready("cuStreamQuery", self.stream):
            _pause(start, deadline)

    def wait_for(self, event: object, deadline: float) -> None:
        """Until the event has happened."""
        start = time.monotonic()
        while not self.driver.is_ready("cuEventQuery", event):
            _pause(start, deadline)

    def _check_health(self) -> None:
        """Raises InfrastructureError when the card does not keep what is written to it."""
        size = 1 << 20
        one, other = self.memory.map(size), self.memory.map(size)
        found = np.zeros(size, np.uint8)
        self.driver("cuMemsetD32Async", one.address, 0x5AA5_C33C, size // 4, self.stream)
        self.driver("cuMemcpyDtoDAsync", other.address, one.address, size, self.stream)
        try:
            self.wait(time.monotonic() + 10)
        except Hung:
            raise InfrastructureError(
                "the card does not finish a fill of 1 MiB: it hangs; look at nvidia-smi"
            ) from None
        self.memory.read(other.address, found)
        self.memory.clear()
        if not (found.view("<u4") == 0x5AA5_C33C).all():
            raise InfrastructureError("the card does not keep what is written to its memory: it is broken")


def _pause(start: float, deadline: float) -> None:
    now = time.monotonic()
    if now > deadline:
        raise Hung
    if now - start > _SPIN_SECONDS:
        time.sleep(0.0002)
