"""The simulated GPU behind the stand-in driver: a process that answers the library's questions (wire.c).

    python server.py FOLDER CARD WARP_INSTRUCTIONS

It knows the PTX of a cubin by the cubin's hash, from FOLDER/modules, and device memory by the memfds that the library
sends. A launch runs whole, on that memory; one that needs more instructions hangs. Times are not the clock's
predictions but a plain function of the instructions and accesses that ran, so that tests can compute with them.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from standin_driver.faults import Faults

from cudagym.build.program import Copy, Launch, LaunchPlan, Module, Program, Step, Upload, address_of, slot_of
from cudagym.device import Counters, Fault, Limits, Run
from cudagym.errors import LaunchFailed, Unsupported
from cudagym.hardware import GPU
from cudagym.hardware import gpu as gpu_named
from cudagym.memory import map_shared
from cudagym.record import Record
from cudagym.simulator.clock.bounds import occupancy
from cudagym.simulator.machine import LOCAL_LIMIT, Machine, Memory, check_launch

START_NS = 2000
"""That a launch takes before its first instruction."""
BYTES_PER_ACCESS = 128
"""Counted for each global access of a warp, as if all its lanes used a word of their own."""
WATCHED = "watched"
"""A file of the card's folder: while it is there, kernels run under all checks, and what was seen goes into it."""
UNWRITTEN, GRANULE = 0x5A, 2 << 20
"""What memory.c fills the beginning of new memory with."""
_MIRROR = 1000
"""The first of the slots that stand for variables' memory while the machine runs: it keeps variables of its own."""
_HEAD = struct.Struct("<QQ")
_LENGTH = struct.Struct("<Q")
_READ_WRITE = 3
"""CU_MEM_ACCESS_FLAGS_PROT_READWRITE."""
_ERRORS = {
    "out_of_bounds": 700,
    "input_modified": 700,
    "misaligned": 716,
    "trap": 719,
}
"""CUresult (cuda.h) of what stops a kernel. Whatever else does so leaves the real GPU busy for ever."""
_INJECTED = {"illegal_address": 700, "misaligned_address": 716, "launch_timeout": 702, "launch_failed": 719}


class Refused(Exception):
    """A question that is answered with an error: its CUresult, and why."""


class Seen(Record):
    """One launch under a tool."""

    launch: Launch
    faults: tuple[Fault, ...]
    counters: Counters | None


class Mapping(NamedTuple):
    """Device memory that kernels can reach."""

    slot: int
    identity: int
    size: int
    writable: bool


class Client:
    """What one process that loaded the library has on the card."""

    def __init__(self, number: int, machine: Machine, folder: Path, limits: Limits) -> None:
        self.number = number
        self.machine, self.folder, self.limits, self.faults = machine, folder, limits, Faults(folder)
        self.memory: dict[int, np.ndarray] = {}
        self.modules: list[Module] = []
        self.chooser = random.Random(0)

    def answer(self, text: str, data: bytes, fds: list[int]) -> str:
        """The reply to one question, a CUresult first."""
        question, *words = text.split()
        head, _, mappings = text.partition("|")
        words = head.split()[1:]
        match question:
            case "memory":
                self.memory[int(words[0])] = map_shared(fds[0], int(words[1]), private=False)
            case "forget":
                del self.memory[int(words[0])]
            case "module":
                return "0 " + "\n".join(self.load(data))
            case "place":
                self.place(int(words[0]), [slot_of(int(word)) for word in words[1:]], list(_mappings(mappings)))
            case "check":
                self.check(*self._launch(words))
            case "occupancy":
                number, launch = self._launch(words)
                return f"0 {occupancy(self.machine.gpu, self.modules[number].kernel(launch.kernel), launch)}"
            case "launch":
                return f"0 {self.launch(*self._launch(words), list(_mappings(mappings)))}"
        return "0"

    def load(self, cubin: bytes) -> Iterator[str]:
        path = self.folder / "modules" / hashlib.sha256(cubin).hexdigest()
        if not path.exists():
            raise Refused(200, "nobody told this driver the PTX of that cubin")
        module = Module.model_validate_json(path.read_text())
        if module.arch != self.machine.gpu.arch:
            raise Refused(209, f"the cubin is for {module.arch}, the card wants {self.machine.gpu.arch}")
        self.modules.append(module)
        yield str(len(self.modules) - 1)
        for kernel in module.kernels:
            figures = (
                kernel.parameter_bytes,
                kernel.registers,
                kernel.static_shared_bytes,
                kernel.local_bytes,
                kernel.max_threads,
                len(kernel.parameters),
            )
            places = " ".join(f"{p.offset}:{p.size}" for p in kernel.parameters)
            yield f"kernel {kernel.name} {' '.join(map(str, figures))} {places}"
        for variable in module.variables:
            yield f"variable {variable.name} {variable.size}"

    def place(self, number: int, slots: list[int], mappings: list[Mapping]) -> None:
        """Gives a module's variables their addresses, and the values that its image has for them."""
        module = self.modules[number]
        variables = tuple(v.model_copy(update={"slot": slot}) for v, slot in zip(module.variables, slots, strict=True))
        self.modules[number] = module.model_copy(update={"variables": variables})
        self._run(number, [], mappings, keep=True)

    def _launch(self, words: list[str]) -> tuple[int, Launch]:
        number, name, *figures, arguments = words
        gx, gy, gz, bx, by, bz, shared, cooperative = map(int, figures)
        return int(number), Launch(
            kernel=name,
            grid=(gx, gy, gz),
            block=(bx, by, bz),
            dynamic_shared_bytes=shared,
            arguments=bytes.fromhex(arguments[1:]),
            cooperative=bool(cooperative),
        )

    def check(self, number: int, launch: Launch) -> None:
        """Whether an SM has room for a block of it, and the card for a cooperative grid."""
        kernel = self.modules[number].kernel(launch.kernel)
        try:
            check_launch(self.machine.gpu, kernel, launch)
        except LaunchFailed as error:
            raise Refused(720 if launch.cooperative else 701, str(error)) from error
        if kernel.local_bytes > LOCAL_LIMIT:
            raise Refused(701, f"{kernel.local_bytes} bytes of local memory per thread")

    def launch(self, number: int, launch: Launch, mappings: list[Mapping]) -> str:
        """Runs a kernel. What it took, in nanoseconds, or `hang`."""
        if (diary := self.folder / "diary").exists():
            with diary.open("a") as file:
                file.write(f"{self.number}\n")
        for fault, error in _INJECTED.items():
            if self.faults.fires(fault):
                raise Refused(error, f"asked for: {fault}")
        if self.faults.fires("hang"):
            return "hang"
        run = self._run(number, [launch], mappings)
        if (watched := self.folder / WATCHED).exists():
            counters = run.launches[0].counters if run.launches else None
            with watched.open("a") as file:
                file.write(Seen(launch=launch, faults=run.faults, counters=counters).model_dump_json() + "\n")
            if any(fault.kind not in ("race", "uninitialised") for fault in run.faults):
                raise Refused(719, "a tool ends a kernel that breaks a rule")
            return str(START_NS)
        if run.faults:
            first = run.faults[0]
            if first.kind in _ERRORS:
                raise Refused(_ERRORS[first.kind], first.message)
            return "hang"
        return str(round(self._nanoseconds(run)))

    def _run(self, number: int, launches: list[Launch], mappings: list[Mapping], keep: bool = False) -> Run:
        """Runs launches between copies of the variables: the machine starts from the image each time, the card not."""
        module = self.modules[number]
        own = {variable.slot for variable in module.variables}
        views = {m.slot: self.memory[m.identity][: m.size] for m in mappings}
        memory = {
            m.slot: Memory(
                views[m.slot],
                f"the memory at {address_of(m.slot):#x}",
                read_only=not m.writable,
                has_content=bool((views[m.slot][:GRANULE] != UNWRITTEN).any()),
            )
            for m in mappings
            if m.slot not in own
        }
        before: list[Step] = []
        after: list[Step] = []
        for mirror, variable in enumerate(module.variables, _MIRROR):
            memory[mirror] = Memory(views[variable.slot], variable.name)
            address = address_of(variable.slot)
            before.append(Upload(target=address, data=views[variable.slot].tobytes()))
            after.append(Copy(target=address_of(mirror), source=address, size=variable.size))
        steps = (*([] if keep else before), *launches, *after)
        program = Program(module=module, plan=LaunchPlan(steps=steps), shape={}, device=f"sim:{self.machine.gpu.name}")
        try:
            watched = (self.folder / WATCHED).exists()
            return self.machine.execute(program, memory, checked=watched, limits=self.limits)
        except LaunchFailed as error:
            raise Refused(719, str(error)) from error
        except Unsupported as error:
            raise Refused(801, str(error)) from error

    def _nanoseconds(self, run: Run) -> float:
        (launch,) = run.launches
        gpu = self.machine.gpu
        issue = launch.instructions / (gpu.sms * gpu.clock_hz)
        traffic = launch.global_accesses * BYTES_PER_ACCESS / gpu.bandwidth
        taken = START_NS + 1e9 * max(issue, traffic)
        if self.faults.asked("slow_clocks"):
            taken *= 2
        if spread := self.faults.value("noise"):
            taken *= max(0.5, 1 + self.chooser.gauss(0, spread))
        return taken


def _mappings(text: str) -> Iterator[Mapping]:
    for word in text.split():
        start, identity, size, access = map(int, word.split(":"))
        yield Mapping(slot_of(start), identity, size, access == _READ_WRITE)


def serve(connection: socket.socket, client: Client, turn: threading.Lock) -> None:
    """Answers one process until it ends. The simulated GPU does one thing at a time."""
    while True:
        try:
            head, fds, _, _ = socket.recv_fds(connection, _HEAD.size, 1)
        except ConnectionResetError:
            return
        if not head:
            return
        text_length, data_length = _HEAD.unpack(head)
        text = connection.recv(text_length, socket.MSG_WAITALL).decode()
        data = connection.recv(data_length, socket.MSG_WAITALL) if data_length else b""
        with turn:
            try:
                reply = client.answer(text, data, fds)
            except Refused as error:
                reply = f"{error.args[0]} {error.args[1]}"
        for fd in fds:
            socket.close(fd)
        connection.sendall(_LENGTH.pack(len(reply.encode())) + reply.encode())


def main(folder: Path, gpu: GPU, limits: Limits) -> None:
    """Listens for processes that call cuInit."""
    machine, turn = Machine(gpu), threading.Lock()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "unready"))
        listener.listen()
        (folder / "unready").rename(folder / "server")
        for number in itertools.count():
            connection, _ = listener.accept()
            client = Client(number, machine, folder, limits)
            threading.Thread(target=serve, args=(connection, client, turn), daemon=True).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]), gpu_named(sys.argv[2]), Limits(warp_instructions=int(sys.argv[3])))
