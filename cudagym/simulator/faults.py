"""What went wrong in a kernel, in a sentence for whoever must fix it."""

from __future__ import annotations

from typing import NamedTuple

from cudagym.build.names import kernel_title
from cudagym.build.program import FIRST_ADDRESS, SLOT_BITS, SLOT_BYTES, Launch
from cudagym.device import Fault, FaultKind
from cudagym.simulator.calls import STACK, STACK_BYTES
from cudagym.simulator.emit import LANES, LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW
from cudagym.simulator.flow import Flow
from cudagym.simulator.native import FaultRecord

KINDS: dict[int, FaultKind] = {
    1: "out_of_bounds",
    2: "misaligned",
    3: "input_modified",
    4: "race",
    5: "barrier_divergence",
    6: "deadlock",
    7: "timed_out",
    8: "timed_out",
    9: "trap",
    10: "timed_out",
    12: "uninitialised",
    13: "trap",
    14: "trap",
}
"""By enum FaultKind of runtime.h. 7: over the budget of instructions, 8: of time, 10: a loop that cannot end."""
NO_MEMORY = 11
_RACE, _UNINITIALISED = 4, 12
_MOST_ARRIVALS = (1 << 20) - 1
_SHARED = 3
_LOCAL = 2
_NEAR = 1 << 33
"""An address up to this far behind a buffer, or before the next, is explained as missing that buffer."""


class Place(NamedTuple):
    """A buffer as messages name it."""

    name: str
    size: int
    released: bool


class Explainer:
    """Turns the runtime's fault records of one launch into Faults."""

    def __init__(self, flow: Flow, launch: Launch, places: dict[int, Place], shared_bytes: int) -> None:
        self.flow, self.launch, self.places, self.shared_bytes = flow, launch, places, shared_bytes

    def explain(self, record: FaultRecord) -> Fault:
        """The Fault for a record."""
        kind = KINDS[record.kind]
        thread, block = self._thread(record.warp * LANES + record.lane), self._block(record.block)
        line = self._line(record.site)
        is_access = record.kind <= _RACE or record.kind == _UNINITIALISED
        return Fault(
            kind=kind,
            kernel=self.launch.kernel,
            message=self._message(record, kind),
            line=line,
            block=block,
            thread=thread,
            address=record.address if is_access else None,
            buffer=self._buffer(record) if is_access else None,
        )

    # -- where --

    def _thread(self, index: int) -> tuple[int, int, int]:
        x, y, _ = self.launch.block
        return index % x, index // x % y, index // (x * y)

    def _block(self, index: int) -> tuple[int, int, int]:
        x, y, _ = self.launch.grid
        return index % x, index // x % y, index // (x * y)

    def _line(self, site: int) -> int | None:
        """The line of a site; sites from -2 down stand for the start of a basic block."""
        if site >= 0:
            return self.flow.line(site)
        if site == -1 or -2 - site >= len(self.flow.blocks):
            return None
        block = self.flow.blocks[-2 - site]
        sites = [*block.sites, block.end.site]
        return next((line for s in sites if (line := self.flow.line(s))), None)

    @staticmethod
    def _at(line: int | None) -> str:
        return f" (line {line})" if line else ""

    def _who(self, record: FaultRecord) -> str:
        thread = ",".join(map(str, self._thread(record.warp * LANES + record.lane)))
        block = ",".join(map(str, self._block(record.block)))
        return f"thread ({thread}) of block ({block}) of {kernel_title(self.launch.kernel)}"

    def _other(self, record: FaultRecord) -> str:
        thread = ",".join(map(str, self._thread(record.other_thread)))
        block = ",".join(map(str, self._block(record.other_block)))
        elsewhere = f" of block ({block})" if record.kind == _RACE and record.other_block != record.block else ""
        return f"thread ({thread}){elsewhere}{self._at(self._line(record.other_site))}"

    def _space(self, record: FaultRecord) -> str:
        if record.space == _SHARED or 0 <= record.address - SHARED_WINDOW < 1 << 32:
            return "shared"
        if record.space == _LOCAL or 0 <= record.address - LOCAL_WINDOW < 1 << 32:
            return "local"
        if 0 <= record.address - PARAM_WINDOW < 1 << 32:
            return "param"
        return "global"

    def _buffer(self, record: FaultRecord) -> str | None:
        if self._space(record) != "global":
            return None
        found = self._nearest(record.address)
        return found[1].name if found else None

    def _nearest(self, address: int) -> tuple[int, Place] | None:
        """The buffer that an address most likely was meant for, with its start."""
        slot, offset = divmod(address - FIRST_ADDRESS, SLOT_BYTES)
        if slot in self.places and offset < _NEAR:
            return FIRST_ADDRESS + (slot << SLOT_BITS), self.places[slot]
        if slot + 1 in self.places and offset >= _NEAR:
            return FIRST_ADDRESS + (slot + 1 << SLOT_BITS), self.places[slot + 1]
        return None

    # -- sentences --

    def _message(self, record: FaultRecord, kind: FaultKind) -> str:
        who, at = self._who(record), self._at(self._line(record.site))
        match record.kind:
            case 1 | 2 | 3:
                return self._bad_access(record, kind, who, at)
            case 4:
                return self._race(record, who, at)
            case 12:
                return (
                    f"uninitialised: {who} reads {self._where(record)}{at}, which nothing has written, and the results "
                    "depend on it; write it first, or wait for who does"
                )
            case 5:
                return (
                    f"barrier divergence: {who} waits at a barrier{at} while {self._other(record)} of the same warp "
                    "waits at another; every thread of a warp must reach the same __syncthreads(), so move it out "
                    "of the branch or loop that only some threads take"
                )
            case 6:
                return self._deadlock(record, who, at)
            case 9:
                return f"trap: {self._trapped(record.site)} in {who}{at}"
            case 10:
                return f"timed out: {who} is in a loop{at} that never ends: nothing it computes changes any more"
            case 13:
                return f"trap: {who} {self._misuse(record)}{at}"
            case 14:
                return (
                    f"trap: {who} frees {record.address:#x}{at}, which malloc has not given, or which is free already"
                )
            case 8:
                return f"timed out: the limit of time was reached in {who}{at}"
        return f"timed out: the limit on executed instructions was reached in {who}{at}"

    def _race(self, record: FaultRecord, who: str, at: str) -> str:
        verb, other_verb = ("writes", "uses") if record.write else ("reads", "writes")
        act = f"race: {who} {verb} {self._where(record)}{at}, which {self._other(record)} also {other_verb}"
        if record.other_block != record.block:
            return (
                f"{act} with nothing that orders the two blocks; use an atomic, a flag with __threadfence(), or a "
                "second launch"
            )
        if record.write and record.other_thread // LANES == record.warp:
            return f"{act} with another value in the same instruction; let one thread write it, or use an atomic"
        return f"{act} with no barrier between them; put a __syncthreads() between the two"

    def _where(self, record: FaultRecord) -> str:
        """The place of an access that is within bounds."""
        if self._space(record) != "global":
            return f"{self._space(record)} memory at byte {record.address}"
        found = self._nearest(record.address)
        return self._element(record, *found) if found else f"address {record.address:#x}"

    @staticmethod
    def _misuse(record: FaultRecord) -> str:
        """What a kernel did with an mbarrier that PTX leaves undefined."""
        if not record.write:
            return "uses an mbarrier that has not been initialised; call init on it and __syncthreads() before"
        if record.width in range(1, _MOST_ARRIVALS + 1):
            return (
                f"arrives at an mbarrier more often than expected: its phase waits for {record.width} more; "
                "initialise it with the number of threads that arrive"
            )
        return f"gives an mbarrier a count of arrivals that is not between 1 and {_MOST_ARRIVALS}"

    def _trapped(self, site: int) -> str:
        kind, *texts = (*self.flow.instructions[site].modifiers, "")
        if kind == "call":
            return "a call through a pointer that holds no function of this signature"
        if kind != "assert":
            return "__trap() was called"
        condition, function, _ = texts
        return f"an assertion failed: {condition or '(not known)'} in {function or 'a function'}"

    def _deadlock(self, record: FaultRecord, who: str, at: str) -> str:
        waits_for_warp = "sync" in self._name(record.site)
        if record.site < -1 and "try_wait" in self._name(self.flow.blocks[-2 - record.site].sites[0]):
            return (
                f"deadlock: {who} waits for a phase of an mbarrier{at} that never ends; every arrival it was "
                "initialised for must come, and every byte it expects"
            )
        if record.site < 0:
            return f"deadlock: {who} waits in a loop{at} for something that no running thread changes"
        if record.other_thread < 0:
            what = "its warp" if waits_for_warp else "a barrier"
            return (
                f"deadlock: {who} waits for {what}{at}, and not all threads it names ever come; name only threads "
                "that reach this point"
            )
        return (
            f"deadlock: {who} waits{at} while {self._other(record)} waits elsewhere; every thread that takes part "
            "must reach the same barrier"
        )

    def _name(self, site: int) -> str:
        return self.flow.instructions[site].name if 0 <= site < len(self.flow.instructions) else ""

    def _bad_access(self, record: FaultRecord, kind: FaultKind, who: str, at: str) -> str:
        space = self._space(record)
        verb = "writes" if record.write else "reads"
        act = f"{who} {verb} {record.width} bytes"
        if kind == "misaligned":
            return (
                f"misaligned: {act}{at} at an address that is not a multiple of {record.width}"
                f"{self._relative(record.address, space)}; align the address or use a narrower access"
            )
        if space != "global":
            size = {"shared": self.shared_bytes, "local": self.flow.frame.local_bytes}.get(
                space, self.flow.frame.parameter_bytes
            )
            window = {"shared": SHARED_WINDOW, "local": LOCAL_WINDOW}.get(space, PARAM_WINDOW)
            offset = record.address if record.address < SHARED_WINDOW else record.address - window
            stack = self.flow.frame.local.get(STACK, 1 << 62)
            if space == "local" and offset >= stack:
                return (
                    f"out of bounds: {who} runs out of its stack of {STACK_BYTES} bytes{at}: functions that call "
                    "themselves, or each other, go too deep"
                )
            if 0 <= offset <= size - record.width:
                why = f"which allows no such {verb[:-1]}"
            elif offset >= size:
                why = f"{offset - size} bytes past the end of its {size} bytes"
            else:
                why = f"across the end of its {size} bytes"
            return f"out of bounds: {act} at byte {offset} of {space} memory{at}, {why}"
        found = self._nearest(record.address)
        if found is None:
            what = "a null pointer" if record.address < 4096 else f"address {record.address:#x}, which is in no buffer"
            return f"out of bounds: {act} through {what}{at}"
        start, place = found
        if kind == "input_modified":
            return f"input modified: {act} at {self._element(record, start, place)}{at}, but {place.name} is read-only"
        if place.released:
            return f"out of bounds: {act} of {place.name}{at} after it was freed"
        return (
            f"out of bounds: {act} at {self._element(record, start, place)}{at}, {self._distance(record, start, place)}"
        )

    def _relative(self, address: int, space: str) -> str:
        if space != "global" or (found := self._nearest(address)) is None:
            return ""
        return f" (byte {address - found[0]} of {found[1].name})"

    @staticmethod
    def _element(record: FaultRecord, start: int, place: Place) -> str:
        offset = record.address - start
        if record.width in (1, 2, 4, 8) and offset % record.width == 0:
            return f"{place.name}[{offset // record.width}]"
        return f"byte {offset} of {place.name}"

    @staticmethod
    def _distance(record: FaultRecord, start: int, place: Place) -> str:
        offset = record.address - start
        size = f"{place.size} bytes"
        if record.width in (1, 2, 4, 8) and place.size % record.width == 0:
            size = f"{place.size // record.width} elements of {record.width} bytes"
        if offset < 0:
            return f"{-offset} bytes before the start of {place.name} ({size})"
        if offset < place.size:
            return f"across the end of {place.name} ({size})"
        return f"{offset - place.size} bytes past the end of {place.name} ({size})"
