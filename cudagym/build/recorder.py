"""Records what `solve` asks of the device: runs it in a box against a CUDA runtime that only writes things down.

The worker (`recorder.c`, `recorder_cudart.c`) is built once against the toolkit's own headers; every function of
the real runtime that it does not implement becomes a stub that ends the recording by name. Its answer comes from
the candidate's process, so nothing in it is believed: each field is checked against module, buffers and card.
"""

from __future__ import annotations

import functools
import re
import signal
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cudagym.build.native import native
from cudagym.build.program import (
    FIRST_ADDRESS,
    MAX_SLOTS,
    SLOT_BITS,
    Allocate,
    Copy,
    Fill,
    Kernel,
    Launch,
    LaunchPlan,
    Module,
    Release,
    Step,
    Upload,
    address_of,
)
from cudagym.build.toolchain import Toolchain
from cudagym.errors import CandidateError, GraderError, InfrastructureError, LaunchFailed, Rejected, Violation
from cudagym.hardware import GPU
from cudagym.record import Shape
from cudagym.sandbox import BoxLimits, BoxResult, private_folder, run_boxed
from cudagym.specs.spec import DType, KernelSpec

LIMITS = BoxLimits(wall_seconds=5.0, cpu_seconds=2, memory_bytes=2 << 30, file_bytes=1 << 20, open_files=16)
MAX_LAUNCHES = 1000
MAX_STEPS = 20_000
MAX_UPLOAD_BYTES = 64 << 20
_CHANNEL_BYTES = MAX_UPLOAD_BYTES + (64 << 20)

# Operations on the channel, as enum operation in recorder.h.
_LAUNCH, _FILL, _COPY, _UPLOAD, _ALLOCATE, _RELEASE = range(1, 7)
_DONE, _REFUSED, _EARLY, _TOO_MUCH, _NOT_LOADED, _SYSTEM_CALL, _DEVICE_ADDRESS, _CRASHED = range(32, 40)

_INSTEAD = (
    (r"cudaMallocManaged|cudaMemPrefetch|cudaMemAdvise|ManagedVar", "managed memory cannot be recorded; "
     "take scratch memory with cudaMalloc and fill it from a kernel or with cudaMemcpyHostToDevice"),
    (r"cudaMemcpyDeviceToHost|cudaMemcpy\w*From", "device memory cannot be read back on the host, as under CUDA "
     "graph capture; keep the value on the device and let the next kernel read it"),
    (r"cudaMallocHost|cudaHost|cudaFreeHost|HostVar", "pinned and mapped host memory cannot be recorded; copy "
     "constants from ordinary host memory with cudaMemcpy, and keep results on the device"),
    (r"cudaEventElapsedTime", "a recording has no times; choose launch parameters from device properties"),
    (r"HostFunc|Callback", "host callbacks cannot be recorded; do the work in a kernel"),
    (r"Texture|Surface|Array|Mipmapped|ChannelDesc", "textures, surfaces and CUDA arrays are not supported; read "
     "global memory through const __restrict__ pointers or __ldg"),
    (r"Cluster", "thread block clusters are not supported; launch without cluster dimensions"),
    (r"Graph|Capture", "CUDA graphs are not supported yet; launch the kernels directly"),
    (r"EntryPoint|Library|ExportTable|ProcAddress", "the driver API is not available; use the CUDA runtime"),
    (r"Peer|Ipc|External|EGL|GL|VDPAU|Pool", "only plain memory of one device is available; use cudaMalloc"),
)  # fmt: skip


def record_plan(
    library: bytes, module: Module, spec: KernelSpec, shape: Shape, gpu: GPU, toolchain: Toolchain
) -> LaunchPlan:
    """What `solve` does for `shape` on `gpu`, in issue order.

    Raises Rejected for host code that cannot be recorded, Violation for host code that tried to leave its box or
    touched device memory, LaunchFailed for work the card would refuse.
    """
    sizes = [parameter.bytes(shape) for parameter in spec.arrays]
    given = _worker_input(module, spec, shape, gpu).encode()
    with private_folder() as folder:
        path = folder / "candidate.so"
        path.write_bytes(library)
        result = run_boxed(
            [_worker(toolchain), path], cwd=folder, limits=LIMITS, stdin=given, channel_bytes=_CHANNEL_BYTES
        )
    names = [parameter.name for parameter in spec.arrays]
    reader = _PlanReader(module, dict(enumerate(zip(names, sizes, strict=True))), gpu)
    for operation, payload in _messages(result.channel):
        if operation >= _DONE:
            if operation == _DONE:
                return LaunchPlan(steps=tuple(reader.steps))
            raise _ending(operation, payload, result)
        reader.step(operation, payload)
    raise _silent_ending(result)


def _worker(toolchain: Toolchain) -> Path:
    """The recorder for this toolkit. Stubs are weak, so that the functions it implements replace theirs."""
    exports = _exports(toolchain.cudart)
    stubs = [f'__attribute__((weak)) void {name}(void) {{ finish(REFUSED, "{name}"); }}' for name in exports]
    here = Path(__file__).parent
    return native(
        "recorder",
        [here / "recorder.c", here / "recorder_cudart.c", here / "recorder.h"],
        # Only the runtime's names are visible to the candidate; the libraries it may need are loaded beforehand.
        [f"-I{toolchain.include}", "-Wl,--dynamic-list=exports", "-Wl,--no-as-needed", *_LIBRARIES],
        {
            "stubs.c": '#include "recorder.h"\n' + "\n".join(stubs) + "\n",
            "exports": "{ cuda*; __cuda*; };\n",
        },
    )


_LIBRARIES = ("-lstdc++", "-lm", "-lgcc_s", "-ldl", "-lpthread")


@functools.cache
def _exports(cudart: Path) -> tuple[str, ...]:
    """The functions that the real CUDA runtime exports."""
    try:
        command = ["nm", "--dynamic", "--defined-only", "--format=posix", str(cudart)]
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise InfrastructureError(f"nm cannot list {cudart} ({error}); install binutils") from error
    return tuple(sorted(set(re.findall(r"^((?:__)?cuda\w+)@*\S* T ", listing, re.MULTILINE))))


def _worker_input(module: Module, spec: KernelSpec, shape: Shape, gpu: GPU) -> str:
    """The text that recorder.c's `read_input` reads."""
    capability = re.fullmatch(r"sm_(\d+)(\d)[a-z]?", gpu.arch)
    if capability is None:
        raise GraderError(f"{gpu.name}: {gpu.arch} is no architecture of the form sm_90a")
    bus_bits = 8 * round(gpu.dram_gb_s / 6) or 8  # as if at 3 GHz double data rate; not in the table of GPUs
    fields = [*capability.groups(), gpu.sms, round(gpu.boost_mhz * 1000), 3_000_000, bus_bits, gpu.l2_bytes]
    fields += [gpu.shared_bytes_per_sm, gpu.shared_bytes_per_block, gpu.registers_per_sm]
    fields += [gpu.max_warps_per_sm * 32, gpu.max_blocks_per_sm, gpu.max_threads_per_block, gpu.dram_bytes]
    lines = [" ".join(map(str, [*fields, gpu.title])), str(len(module.kernels))]
    for kernel in module.kernels:
        numbers = [kernel.registers, kernel.static_shared_bytes, kernel.local_bytes, kernel.max_threads]
        numbers += [kernel.parameter_bytes, len(kernel.parameters)]
        numbers += [number for p in kernel.parameters for number in (p.offset, p.size)]
        lines.append(" ".join(map(str, [kernel.name, *numbers])))
    lines.append(str(len(module.variables)))
    lines += [f"{v.name} {v.size} {address_of(v.slot):x}" for v in module.variables]
    lines.append(f"{len(spec.arrays) + len(module.variables)} {len(spec.parameters)}")
    lines += [f"{kind} {word:x}" for kind, word in _arguments(spec, shape)]
    return "\n".join(lines) + "\n"


def _arguments(spec: KernelSpec, shape: Shape) -> Iterator[tuple[str, int]]:
    """The arguments of `solve`: the kind of register (i or f) and the 8 bytes that go there."""
    slot = 0
    for parameter in spec.parameters:
        if parameter.role != "scalar":
            yield "i", address_of(slot)
            slot += 1
            continue
        value = shape[parameter.name]
        match parameter.dtype:
            case DType.F64:
                yield "f", int.from_bytes(struct.pack("<d", value), "little")
            case DType.F32:
                yield "f", int.from_bytes(struct.pack("<f", value), "little")
            case DType.F16:  # __half and __nv_bfloat16 are structs of one short: they travel as integers
                yield "i", int.from_bytes(struct.pack("<e", value), "little")
            case DType.BF16:
                yield "i", int.from_bytes(struct.pack("<f", value), "little") >> 16
            case _:
                yield "i", int(value) & (1 << 64) - 1


def _messages(channel: bytes) -> Iterator[tuple[int, bytes]]:
    """The records on the channel, as far as they are whole."""
    position = 0
    while position + 8 <= len(channel):
        operation, size = struct.unpack_from("<II", channel, position)
        position += 8
        if position + size > len(channel):
            return
        yield operation, channel[position : position + size]
        position += size


class _PlanReader:
    """Turns the worker's records into steps and refuses what no honest recording contains."""

    def __init__(self, module: Module, arrays: Mapping[int, tuple[str, int]], gpu: GPU) -> None:
        self.module, self.gpu = module, gpu
        self.buffers = dict(arrays) | {v.slot: (v.name, v.size) for v in module.variables}
        self.next_slot = len(self.buffers)
        self.first_scratch = self.next_slot
        self.launches = self.uploaded = 0
        self.steps: list[Step] = []

    def step(self, operation: int, payload: bytes) -> None:
        """Adds one step. Raises Violation when it is malformed, LaunchFailed when the card would refuse it."""
        if len(self.steps) >= MAX_STEPS:
            raise _forged("it has too many steps")
        match operation, len(payload):
            case (1, size) if size >= 56:
                self.steps.append(self._launch(payload))
            case (2, 24):
                address, value, count = struct.unpack("<QQQ", payload)
                self._check("cudaMemset", address, count)
                self.steps.append(Fill(address=address, value=value & 255, count=count))
            case (3, 24):
                target, source, size = struct.unpack("<QQQ", payload)
                self._check("cudaMemcpy", target, size)
                self._check("cudaMemcpy", source, size)
                self.steps.append(Copy(target=target, source=source, size=size))
            case (4, size) if size > 8:
                (target,) = struct.unpack_from("<Q", payload)
                self._check("cudaMemcpy", target, size - 8)
                self.uploaded += size - 8
                if self.uploaded > MAX_UPLOAD_BYTES:
                    raise _forged("it uploads too much")
                self.steps.append(Upload(target=target, data=payload[8:]))
            case (5, 12):
                self._allocate(*struct.unpack("<IQ", payload))
            case (6, 4):
                (slot,) = struct.unpack("<I", payload)
                if slot < self.first_scratch or slot not in self.buffers:
                    raise _forged(f"it frees slot {slot}")
                del self.buffers[slot]
                self.steps.append(Release(slot=slot))
            case _:
                raise _forged(f"it has an operation {operation} of {len(payload)} bytes")

    def _allocate(self, slot: int, size: int) -> None:
        if slot != self.next_slot or slot >= MAX_SLOTS or not 0 < size <= 1 << SLOT_BITS:
            raise _forged(f"it allocates {size} bytes in slot {slot}")
        self.next_slot += 1
        self.buffers[slot] = (f"scratch allocation {slot - self.first_scratch}", size)
        self.steps.append(Allocate(slot=slot, size=size))

    def _check(self, what: str, address: int, size: int) -> None:
        """Fill and copy must stay inside of one live buffer."""
        slot, offset = (address - FIRST_ADDRESS) >> SLOT_BITS, address & ((1 << SLOT_BITS) - 1)
        if slot not in self.buffers:
            raise LaunchFailed(f"{what} of {size} bytes uses device memory that was freed or never allocated.")
        name, extent = self.buffers[slot]
        if offset + size > extent:
            raise LaunchFailed(
                f"{what} of {size} bytes at byte {offset} of {name} leaves it: {name} has {extent} bytes."
            )

    def _launch(self, payload: bytes) -> Launch:
        index, *numbers, cooperative = struct.unpack_from("<8I", payload)
        dynamic, opted, resident = struct.unpack_from("<3Q", payload, 32)
        self.launches += 1
        if index >= len(self.module.kernels) or self.launches > MAX_LAUNCHES or cooperative > 1:
            raise _forged("it has an impossible launch")
        kernel = self.module.kernels[index]
        arguments = payload[56:]
        if len(arguments) != kernel.parameter_bytes:
            raise _forged(f"it launches {kernel.name} with {len(arguments)} bytes of arguments")
        launch = Launch(
            kernel=kernel.name,
            grid=(numbers[0], numbers[1], numbers[2]),
            block=(numbers[3], numbers[4], numbers[5]),
            dynamic_shared_bytes=min(dynamic, 1 << 31),
            arguments=arguments,
            cooperative=bool(cooperative),
        )
        for refusal in _refusals(launch, kernel, self.gpu, opted, resident):
            raise LaunchFailed(f"The launch of {kernel.name} fails: {refusal}.")
        return launch


def _refusals(launch: Launch, kernel: Kernel, gpu: GPU, opted: int, resident: int) -> Iterator[str]:
    """Why the card would refuse this launch. Limits on dimensions hold for every compute capability since 3.0
    (CUDA C++ Programming Guide 13.0, "Technical Specifications per Compute Capability").
    """
    grid, block = launch.grid, launch.block
    if min(grid) < 1 or min(block) < 1:
        yield f"grid {grid} and block {block} must have at least 1 in every dimension"
    if grid[0] >= 1 << 31 or max(grid[1:]) > 65535:
        yield f"grid {grid} is larger than (2147483647, 65535, 65535)"
    if launch.threads > gpu.max_threads_per_block or block[2] > 64:
        yield f"block {block} has more than {gpu.max_threads_per_block} threads, or more than 64 along z"
    if launch.threads > kernel.max_threads:
        yield f"block {block} has more threads than the {kernel.max_threads} of its __launch_bounds__"
    registers = -(-kernel.registers * 32 // 256) * 256 * -(-launch.threads // 32)
    if registers > gpu.registers_per_sm:
        yield (
            f"{launch.threads} threads with {kernel.registers} registers each need more than the "
            f"{gpu.registers_per_sm} registers of an SM; use fewer threads or __launch_bounds__"
        )
    shared = launch.dynamic_shared_bytes + kernel.static_shared_bytes
    if shared > gpu.shared_bytes_per_block:
        yield f"{shared} bytes of shared memory per block exceed the {gpu.shared_bytes_per_block} of {gpu.title}"
    elif shared > 48 << 10 and launch.dynamic_shared_bytes > opted:
        yield (
            f"{shared} bytes of shared memory per block exceed 49152; opt in with cudaFuncSetAttribute("
            "kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes)"
        )
    if launch.cooperative and launch.blocks > resident:
        yield f"a cooperative grid of {launch.blocks} blocks does not fit: {resident} can be resident at once"


def _forged(why: str) -> Violation:
    return Violation(f"The recording of solve was tampered with: {why}.")


def _ending(operation: int, payload: bytes, result: BoxResult) -> CandidateError:
    """Why a recording ended early, from the worker's last record."""
    text = payload[:500].decode(errors="replace")
    match operation:
        case 33:
            hints = (hint for pattern, hint in _INSTEAD if re.search(pattern, text))
            return Rejected(
                f"{text}: {next(hints, 'this function is not available; use the basic CUDA runtime')}."
            )
        case 34:
            return Rejected(
                f"{text} outside of solve (in a constructor of a global?): solve must do all the work."
            )
        case 35:
            return Rejected(f"solve asks for {text}, which is more than a recording holds.")
        case 36:
            missing = re.search(r"undefined symbol: (\w+)", text)
            if missing:
                return Rejected(f"The host code calls {missing[1]}, which is not part of the CUDA runtime.")
            return Rejected(f"The host library cannot be loaded: {text.rpartition('/')[2]}.")
        case 37:
            return Violation(f"The host code made the system call {text}, which the grader does not allow.")
        case 38 if len(payload) == 8:
            return Violation(
                f"The host code dereferenced the device address {int.from_bytes(payload, 'little'):#x}: device "
                "memory can only be touched in kernels, or with cudaMemset and cudaMemcpy."
            )
        case 39 if len(payload) == 16:
            number, address = struct.unpack("<QQ", payload)
            return _crash(number, address, result)
        case _:
            return _forged(f"it ends with operation {operation}")


def _crash(number: int, address: int, result: BoxResult) -> CandidateError:
    if number == signal.SIGXCPU:
        return Rejected(f"solve used {LIMITS.cpu_seconds} s of CPU time on the host without returning.")
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    where = f" at address {address:#x}" if number in (signal.SIGSEGV, signal.SIGBUS) else ""
    return Rejected(f"The host code crashed with {name}{where}.{_said(result)}")


def _silent_ending(result: BoxResult) -> CandidateError:
    """Why a worker ended without saying so."""
    if result.timed_out:
        return Rejected(f"solve did not return within {LIMITS.wall_seconds:.0f} s on the host.")
    if len(result.channel) >= _CHANNEL_BYTES:
        return _forged("it is too long")
    if result.exit_code in (95, 96):
        raise GraderError(f"the recorder failed: {result.output.decode(errors='replace').strip()[-500:]}")
    if result.signal == signal.SIGSYS:
        return Violation("The host code made a system call that the grader does not allow.")
    if result.over_cpu or (result.signal == signal.SIGKILL and result.cpu_seconds >= (LIMITS.cpu_seconds or 0)):
        return _crash(signal.SIGXCPU, 0, result)
    if result.signal is not None:
        return Rejected(f"The host code ended with {signal.Signals(result.signal).name}.{_said(result)}")
    return Rejected(f"solve ended the process with exit({result.exit_code}) instead of returning.{_said(result)}")


def _said(result: BoxResult) -> str:
    """The last line the host code printed, which often explains its end."""
    lines: Sequence[str] = result.output.decode(errors="replace").strip().splitlines()
    return f" Its last words: {lines[-1][:300]}" if lines else ""
