"""Device memory at addresses of our choice, and the relocation of recorded pointers where the driver disagrees.

A plan names memory by the device addresses of cudagym.build.program. `cuMemAddressReserve` is asked for just these
("Virtual Memory Management"), so that recorded pointers hold as they are, also where no reader would take them for
pointers. Where another address is granted, and for module variables, whose place the driver chooses, pointers are
found and changed: 8-byte words, aligned as the ABI aligns them, whose value lies inside a buffer of the plan. Two
small integers side by side can look like that. It never happens to the arrays of a card that grants the addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from cudagym.build.program import FIRST_ADDRESS, SLOT_BITS, SLOT_BYTES, KernelParameter, address_of, slot_of
from cudagym.cuda.driver import Driver, DriverError
from cudagym.record import Record

GUARD = 0xC7
"""Fills what lies between the end of a buffer and the end of its last page."""


class Region(Record):
    """Mapped device memory: `size` bytes in use at `address`, `mapped` bytes in all."""

    address: int
    size: int
    mapped: int
    reserved: int
    handle: object


class DeviceMemory:
    """Maps regions of one card and knows those that are mapped."""

    poisons = True
    """Whether what nobody has given a content is filled with poison."""

    def __init__(self, driver: Driver, device: int) -> None:
        self._driver, api = driver, driver.api
        self._properties = api.CUmemAllocationProp()
        self._properties.type = api.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
        self._properties.location.type = api.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
        self._properties.location.id = device
        self._access = api.CUmemAccessDesc()
        self._access.location.type = api.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
        self._access.location.id = device
        self._access.flags = api.CUmemAccess_flags.CU_MEM_ACCESS_FLAGS_PROT_READWRITE
        flag = api.CUmemAllocationGranularity_flags.CU_MEM_ALLOC_GRANULARITY_MINIMUM
        self.granularity = int(driver("cuMemGetAllocationGranularity", self._properties, flag))
        self._regions: list[Region] = []

    def map(self, size: int, at: int = 0) -> Region:
        """`size` bytes, at `at` where the driver grants that. What lies behind them belongs to nobody.

        Raises DriverError, above all for want of memory.
        """
        mapped = -(-max(size, 1) // self.granularity) * self.granularity
        reserved = mapped if mapped >= SLOT_BYTES else mapped + self.granularity
        address = self._reserve(reserved, at)
        try:
            handle = self._driver("cuMemCreate", mapped, self._properties, 0)
        except BaseException:
            self._driver("cuMemAddressFree", address, reserved)
            raise
        self._driver("cuMemMap", address, mapped, 0, handle, 0)
        self._driver("cuMemSetAccess", address, mapped, [self._access], 1)
        region = Region(address=address, size=size, mapped=mapped, reserved=reserved, handle=handle)
        self._regions.append(region)
        return region

    def _reserve(self, size: int, at: int) -> int:
        try:
            return int(self._driver("cuMemAddressReserve", size, 0, at, 0))
        except DriverError:
            if not at:
                raise
            return int(self._driver("cuMemAddressReserve", size, 0, 0, 0))

    def unmap(self, region: Region) -> None:
        """Give it back. The card must be idle."""
        self._regions.remove(region)
        self._driver("cuMemUnmap", region.address, region.mapped)
        self._driver("cuMemRelease", region.handle)
        self._driver("cuMemAddressFree", region.address, region.reserved)

    def clear(self) -> None:
        """Give everything back."""
        for region in reversed(self._regions.copy()):
            self.unmap(region)

    def write(self, address: int, data: NDArray[np.uint8]) -> None:
        """Copy from the host. The card must be idle."""
        if data.size:
            self._driver("cuMemcpyHtoD", address, data.ctypes.data, data.size)

    def read(self, address: int, data: NDArray[np.uint8]) -> None:
        """Copy to the host, into `data`. The card must be idle."""
        if data.size:
            self._driver("cuMemcpyDtoH", data.ctypes.data, address, data.size)


class TrackedMemory(DeviceMemory):
    """Allocations as a tool that watches them wants them: each exactly as large as asked for, at the driver's choice
    of address ("Memory Management", cuMemAlloc), and unwritten until someone writes."""

    poisons = False

    def map(self, size: int, at: int = 0) -> Region:
        """`at` is not heeded."""
        del at
        address = int(self._driver("cuMemAlloc", max(size, 1)))
        region = Region(address=address, size=size, mapped=size, reserved=size, handle=None)
        self._regions.append(region)
        return region

    def unmap(self, region: Region) -> None:
        self._regions.remove(region)
        self._driver("cuMemFree", region.address)


class Places:
    """Where the slots of a plan really lie."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[int, int]] = {}

    def put(self, slot: int, address: int, size: int) -> None:
        self._places[slot] = address, size

    def drop(self, slot: int) -> None:
        del self._places[slot]

    def items(self) -> Iterable[tuple[int, tuple[int, int]]]:
        """Slots, each with its address and size."""
        return self._places.items()

    @property
    def are_as_recorded(self) -> bool:
        """Whether every slot lies where the recorder said."""
        return all(address == address_of(slot) for slot, (address, _) in self._places.items())

    def address(self, recorded: int) -> int:
        """The real address for a recorded one; itself where it belongs to no slot. One past the end belongs."""
        slot = slot_of(recorded)
        place = self._places.get(slot)
        offset = recorded - FIRST_ADDRESS & (1 << SLOT_BITS) - 1
        return recorded if place is None or offset > place[1] else place[0] + offset

    def in_words(self, data: bytes, at: int = 0) -> bytes:
        """`data`, which goes to address `at`, with every aligned 8-byte word that is a recorded address replaced."""
        skipped = -at % 8
        if self.are_as_recorded or len(data) < skipped + 8:
            return data
        changed = bytearray(data)
        words = np.frombuffer(changed, "<u8", count=(len(data) - skipped) // 8, offset=skipped)
        slots = (words.astype(np.int64) - FIRST_ADDRESS) >> SLOT_BITS
        for index in np.flatnonzero(np.isin(slots, list(self._places))):
            words[index] = self.address(int(words[index]))
        return bytes(changed)

    def in_arguments(self, arguments: bytes, parameters: Sequence[KernelParameter]) -> bytes:
        """A launch's parameter buffer with its pointers replaced, those inside of structs too."""
        changed = bytearray(arguments)
        for parameter in parameters:
            part = slice(parameter.offset, parameter.offset + parameter.size)
            changed[part] = self.in_words(arguments[part], parameter.offset)
        return bytes(changed)
