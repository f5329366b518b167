"""Records what `solve` asks of the device: runs it in a box against a CUDA runtime that only writes things down.

The worker (`recorder.c`, `recorder_cudart.c`) is built once against the toolkit's own headers; every function of
the real runtime that it does not implement becomes a stub that ends the recording by name. Its answer comes from
the candidate's process, so nothing in it is believed: each field is checked against module, buffers and card. A plan
that passed is kept in the cache.
"""

from __future__ import annotations

import functools
import json
import re
import signal
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from cudagym.build.cache import Store, key_of
from cudagym.build.native import native
from cudagym.build.plan import MAX_UPLOAD_BYTES, Operation, PlanReader, forged, records
from cudagym.build.program import LaunchPlan, Module, address_of
from cudagym.build.toolchain import Toolchain
from cudagym.errors import CandidateError, Disturbed, GraderError, InfrastructureError, Rejected, Violation
from cudagym.hardware import GPU
from cudagym.record import Shape
from cudagym.sandbox import BoxLimits, BoxResult, Reach, private_folder, run_boxed
from cudagym.specs.spec import DType, KernelSpec

LIMITS = BoxLimits(wall_seconds=5.0, cpu_seconds=2, memory_bytes=512 << 20, file_bytes=1 << 20, open_files=16)
_CACHE_VERSION = "1"
_MAX_CACHED_BYTES = 1 << 20
_CHANNEL_BYTES = MAX_UPLOAD_BYTES + (64 << 20)

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
_MEANINGS = {
    "clone": "starting a process or thread",
    "newfstatat": "looking for a file",
    "stat": "looking for a file",
    "execve": "running a program",
    "open": "opening a file",
    "openat": "opening a file",
    "rt_sigaction": "handling a signal",
    "socket": "opening a connection",
    "statx": "looking for a file",
}


class HostFailed(Rejected):
    """The host code itself failed: it crashed, did not end, or could not be loaded."""


def record_plan(
    library: bytes, module: Module, spec: KernelSpec, shape: Shape, gpu: GPU, toolchain: Toolchain
) -> LaunchPlan:
    """What `solve` does for `shape` on `gpu`, in issue order.

    Raises Rejected for host code that cannot be recorded, Violation for host code that tried to leave its box or
    touched device memory, LaunchFailed for work the card would refuse, Disturbed when something else killed it.
    """
    sizes = [parameter.bytes(shape) for parameter in spec.arrays]
    given = _worker_input(module, spec, shape, gpu).encode()
    worker = _worker(toolchain)
    store = Store("plans", max_bytes=256 << 20)
    key = key_of(_CACHE_VERSION, str(worker), given, json.dumps(sizes), gpu.model_dump_json(), library)
    if kept := store.read(key, lambda files: LaunchPlan.model_validate_json(files["plan.json"])):
        return kept
    plan = _recorded(worker, toolchain, library, given, module, spec, sizes, gpu)
    text = plan.model_dump_json().encode()
    if len(text) <= _MAX_CACHED_BYTES:
        store.put(key, {"plan.json": text})
    return plan


def _recorded(
    worker: Path,
    toolchain: Toolchain,
    library: bytes,
    given: bytes,
    module: Module,
    spec: KernelSpec,
    sizes: list[int],
    gpu: GPU,
) -> LaunchPlan:
    with private_folder() as folder:
        path = folder / "candidate.so"
        path.write_bytes(library)
        reach = Reach(files=(*toolchain.reach.files, worker))
        result = run_boxed(
            [worker, path], cwd=folder, limits=LIMITS, reach=reach, stdin=given, channel_bytes=_CHANNEL_BYTES
        )
    names = [parameter.name for parameter in spec.arrays]
    if result.exit_code != 0:
        raise _silent_ending(result)
    reader = PlanReader(module, dict(enumerate(zip(names, sizes, strict=True))), gpu)
    for operation, payload in records(result.channel):
        if operation == Operation.READY:
            continue
        if operation == Operation.DONE:
            return LaunchPlan(steps=tuple(reader.steps))
        if operation > Operation.DONE:
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
        [here / "recorder.c", here / "recorder_cudart.c", here / "recorder.h", here.parent / "confine.h"],
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


def _ending(operation: int, payload: bytes, result: BoxResult) -> CandidateError:
    """Why a recording ended early, from the worker's last record."""
    text = payload[:500].decode(errors="replace")
    match operation:
        case Operation.REFUSED:
            hints = (hint for pattern, hint in _INSTEAD if re.search(pattern, text))
            return Rejected(f"{text}: {next(hints, 'this function is not available; use the basic CUDA runtime')}.")
        case Operation.EARLY:
            return Rejected(f"{text} outside of solve (in a constructor of a global?): solve must do all the work.")
        case Operation.TOO_MUCH:
            return Rejected(f"solve asks for {text}, which is more than a recording holds.")
        case Operation.NOT_LOADED:
            missing = re.search(r"undefined symbol: (\w+)", text)
            if missing:
                return HostFailed(f"The host code calls {missing[1]}, which is not part of the CUDA runtime.")
            return HostFailed(f"The host library cannot be loaded: {text.rpartition('/')[2]}.")
        case Operation.SYSTEM_CALL:
            meaning = f" ({_MEANINGS[text]})" if text in _MEANINGS else ""
            return Violation(f"The host code made the system call {text}{meaning}, which the grader forbids.")
        case Operation.DEVICE_ADDRESS if len(payload) == 8:
            return Violation(
                f"The host code dereferenced the device address {int.from_bytes(payload, 'little'):#x}: device "
                "memory can only be touched in kernels, or with cudaMemset and cudaMemcpy."
            )
        case Operation.CRASHED if len(payload) == 16:
            number, address = struct.unpack("<QQ", payload)
            return _crash(number, address, result)
        case _:
            return forged(f"it ends with operation {operation}")


def _crash(number: int, address: int, result: BoxResult) -> CandidateError:
    if number == signal.SIGXCPU:
        return HostFailed(f"solve used {LIMITS.cpu_seconds} s of CPU time on the host without returning.")
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    where = f" at address {address:#x}" if number in (signal.SIGSEGV, signal.SIGBUS) else ""
    return HostFailed(f"The host code crashed with {name}{where}.{_said(result)}")


def _silent_ending(result: BoxResult) -> CandidateError:
    """Why a worker ended without saying so."""
    if result.was_killed and result.cpu_seconds < (LIMITS.cpu_seconds or 0):
        raise Disturbed("the recorder was killed")
    if result.out_of_memory:
        return HostFailed(f"solve used more than {(LIMITS.memory_bytes or 0) >> 20} MiB of memory on the host.")
    if result.timed_out:
        return HostFailed(f"solve took {LIMITS.wall_seconds:.0f} s on the host without returning.")
    if len(result.channel) >= _CHANNEL_BYTES:
        return forged("it is too long")
    if not result.channel:  # not even ready to load the candidate's code
        raise GraderError(f"the recorder failed: {result.output.decode(errors='replace').strip()[-500:]}")
    if result.signal == signal.SIGSYS:
        return Violation("The host code made a system call that the grader forbids, such as starting a thread.")
    if result.over_cpu or result.was_killed:
        return _crash(signal.SIGXCPU, 0, result)
    if result.signal is not None:
        return HostFailed(f"The host code ended with {signal.Signals(result.signal).name}.{_said(result)}")
    return HostFailed(f"solve ended the process with exit({result.exit_code}) instead of returning.{_said(result)}")


def _said(result: BoxResult) -> str:
    """The last line the host code printed, which often explains its end."""
    lines: Sequence[str] = result.output.decode(errors="replace").strip().splitlines()
    return f" Its last output: {lines[-1][:300]}" if lines else ""
