"""What an agent is told: a specification as text, in full or in a few lines, and the source in its answer.

Everything a writer must know is in `render(spec, gpu)`; nothing else about the specification is ever shown, so a
fact that is missing here is a bug. The text depends on the spec, the card and the weights of the score only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from cudagym.hardware import GPU
from cudagym.record import shape_text
from cudagym.roofline import least_time_us, math_mode
from cudagym.specs.compare import relative_bound
from cudagym.specs.spec import HEADERS, KernelSpec, Parameter
from cudagym.verdict import Verdict

Style = Literal["full", "compact"]
WEIGHTS: Mapping[str, float] = {"compile": 0.1, "numeric": 0.3, "throughput": 0.6}
"""What each part of the score counts unless told otherwise: the defaults of `cudagym.rewards.terms.Weights`."""

_FULL = """\
Write a CUDA kernel for {gpu.title}: {spec.name}.

Operation
{spec.summary}

Interface
Define this host function:

    extern "C" {spec.signature};

{parameters}
Pointers are device pointers to dense row-major arrays that start at multiples of 256 bytes.

Shapes
The kernel must be right for any sizes from 1 up, unless the operation says otherwise. It is checked at shapes
such as {checked}.
It is timed near {timed}; the exact sizes vary from one evaluation to the next, and what it
computes there is checked too.

Accuracy
Every output element is compared with a float64 reference. {accuracy}
Inputs are drawn in several ways ({distributions}), some of them meant to expose overflow,
cancellation and wrong boundaries.

Rules
- solve launches its kernels on the default stream and returns; it need not synchronise.
- solve must not read device memory on the host: no copies to the host, no managed or mapped memory. It may take
  scratch memory with cudaMalloc, and use cudaMemset and device-to-device copies.
- Guard zones surround every buffer. An access out of bounds, a misaligned access, a data race in shared memory, and
  a read of uninitialised shared or scratch memory that changes the result make the kernel wrong.
- The card is simulated. It runs wmma, mma.sync and ldmatrix on its tensor cores, but no wgmma, sparse mma, TMA or
  thread block clusters: a kernel that uses those fails.
- Everything is in one file, compiled by nvcc as C++17 without relocatable device code. Allowed are the headers of
  the CUDA toolkit (cuda_runtime.h is included already; cuda_fp16.h, cuda_bf16.h, cuda_fp8.h, mma.h,
  cooperative_groups.h) and of the C++ standard library. There are no other libraries: no cuBLAS, cuDNN or PyTorch.

Target
{gpu.title} ({gpu.arch}): {gpu.sms} SMs at {gpu.boost_mhz:g} MHz, {gpu.dram_gb_s:g} GB/s of device memory
bandwidth, {l2} MiB of L2 cache. Per SM: {gpu.max_warps_per_sm} warps, {gpu.max_blocks_per_sm} blocks, \
{gpu.registers_per_sm} registers, {shared_per_sm} KiB of shared memory.
Per block: {gpu.max_threads_per_block} threads, 48 KiB of shared memory ({shared_per_block} KiB when opted in).
Dense peaks in TFLOP/s: {peaks}.

Score
{score}
At the timed shape the least possible time is {least_us:.1f} us: {moved:.1f} MB to move and {gflop:.3g} GFLOP to
compute ({math} peak).{ceiling}

Answer
Give one complete CUDA C++ translation unit in one fenced block that starts with ```cuda. It defines solve and
every kernel and helper it needs, and no main function.
"""

_EARNED = {
    "compile": "when the source compiles",
    "numeric": "when every check passes",
    "throughput": "times the fraction of peak of a kernel that passes: the least possible time over its own",
}
_ROLES = {
    "in": "input, read-only: storing to it is an error",
    "out": "output, filled with garbage before the call: every element must be written",
    "inout": "read, and overwritten in place",
}
# Possessive quantifiers, because an answer may be a megabyte of blanks.
_FENCE = re.compile(
    r"^[ \t]*+```[ \t]*+([^\s`]*+)[^\n`]*+\n(.*?)(?:^[ \t]*+```[ \t]*+\r?$|\Z)",
    re.DOTALL | re.MULTILINE,
)
_LANGUAGES = {"", "cuda", "cu", "cpp", "c++", "cxx", "c"}


def render(spec: KernelSpec, gpu: GPU, style: Style = "full", *, weights: Mapping[str, float] = WEIGHTS) -> str:
    """The specification as a prompt for `gpu`: complete, or as four short lines (`compact`) for small models.

    `weights` are those of the score, by the same names as in WEIGHTS; the compact prompt does not mention them.
    """
    return _compact(spec, gpu) if style == "compact" else _full(spec, gpu, weights)


def has_block(completion: str) -> bool:
    """Whether an answer has a fenced block that `extract_source` takes, so that its whole text is not the source."""
    return any(language.lower() in _LANGUAGES for language, _ in _FENCE.findall(completion))


def extract_source(completion: str) -> str:
    """The CUDA source in an answer: its last fenced block (```cuda, ```cpp or unnamed), else the whole text.

    A block that the answer's end cuts off counts.
    """
    blocks = [code for language, code in _FENCE.findall(completion) if language.lower() in _LANGUAGES]
    return blocks[-1] if blocks else completion


def feedback(verdict: Verdict) -> str:
    """What an agent is told about its last source before it may write another."""
    return f"Your last source was judged {verdict.status}:\n{verdict.message}\n"


def _compact(spec: KernelSpec, gpu: GPU) -> str:
    lines = (
        f"{spec.name} on {gpu.name}",
        spec.formula or spec.summary.partition(". ")[0],
        spec.signature,
        f"{_range(spec)}; timed {shape_text(spec.timing_shape)}",
    )
    return "\n".join(lines) + "\n"


def _full(spec: KernelSpec, gpu: GPU, weights: Mapping[str, float]) -> str:
    moved, flops = spec.least_bytes(spec.timing_shape), spec.flops(spec.timing_shape)
    return _FULL.format(
        spec=spec,
        gpu=gpu,
        parameters="\n".join(f"- {_parameter(p)}" for p in spec.parameters),
        checked="; ".join(shape_text(shape) for shape in spec.check_shapes),
        timed=shape_text(spec.timing_shape),
        accuracy=_accuracy(spec),
        distributions=", ".join(d.name for d in spec.distributions),
        l2=gpu.l2_bytes >> 20,
        shared_per_sm=gpu.shared_bytes_per_sm >> 10,
        shared_per_block=gpu.shared_bytes_per_block >> 10,
        peaks=", ".join(f"{name} {rate:g}" for name, rate in gpu.peak_tflops.items()),
        score=_score(weights),
        least_us=least_time_us(spec, spec.timing_shape, gpu),
        moved=moved / 1e6,
        gflop=flops / 1e9,
        math=math_mode(spec, gpu),
        ceiling=f"\n{spec.ceiling}" if spec.ceiling else "",
    )


def _parameter(p: Parameter) -> str:
    if p.role == "scalar":
        return f"{p.name}: {p.dtype.c}, by value"
    extents = "".join(f"[{axis}]" for axis in p.axes)
    header = f" (include <{HEADERS[p.dtype]}>)" if p.dtype in HEADERS else ""
    indices = f", values from 0 to {p.below} - 1" if p.below else ""
    return f"{p.name}: {p.dtype.c}{extents}{header}, {_ROLES[p.role]}{indices}"


def _accuracy(spec: KernelSpec) -> str:
    """The tolerance in words; the compared bound has the same parts (see `cudagym.specs.spec.Tolerance`)."""
    shapes = (*spec.check_shapes, spec.timing_shape)
    bounds = [relative_bound(spec.tolerance, p.dtype, shape) for p in spec.outputs for shape in shapes]
    if not any(bounds):
        return "It must be exact."
    allowed = f"{min(bounds):.1e}" if min(bounds) == max(bounds) else f"{min(bounds):.1e} to {max(bounds):.1e}"
    growing = "" if min(bounds) == max(bounds) else ", growing with the length of the sums,"
    return (
        f"Its error may be {allowed}{growing} times its size\n"
        "plus that of the terms it is made of. A NaN or an infinity where none belongs is wrong."
    )


def _score(weights: Mapping[str, float]) -> str:
    """What earns how much. What counts nothing is left out."""
    counted = {part: weights[part] for part in _EARNED if weights[part]}
    lines = [f"The sum of these, at most {sum(counted.values()):g}:"]
    return "\n".join([*lines, *(f"- {weight:g} {_EARNED[part]}" for part, weight in counted.items())])


def _range(spec: KernelSpec) -> str:
    """The check shapes as a range per scalar: `rows 1..129, cols 1..4099`."""
    texts = []
    for name in spec.timing_shape:
        values = [shape[name] for shape in spec.check_shapes]
        low, high = min(values), max(values)
        texts.append(f"{name} {low:.9g}" if low == high else f"{name} {low:.9g}..{high:.9g}")
    return ", ".join(texts)
