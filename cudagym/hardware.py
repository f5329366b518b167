"""The GPUs cudagym knows, one exact card per name, with the source of every figure.

Sources, cited per entry by their letter:

[A] NVIDIA A100 Tensor Core GPU Architecture, whitepaper v1.0 (2020), tables 1, 3 and 4
[H] NVIDIA H100 Tensor Core GPU Architecture, whitepaper v1.04 (2023), tables 1 to 3
[X] NVIDIA Ampere GA102 GPU Architecture, whitepaper v2.1 (2021), appendix A (RTX A6000) and table 2
[D] NVIDIA Ada GPU Architecture, whitepaper v2.02 (2023), appendix A (RTX 4090)
[T] NVIDIA Turing GPU Architecture, whitepaper WP-09183-001 (2018), appendix B (Tesla T4)
[P] CUDA C++ Programming Guide 13.0, appendix "Compute Capabilities": technical specifications per capability

Peaks are the documents' dense figures. They may use another clock than `boost_mhz`: the H100's 989.4 TFLOP/s in
fp16 are at 1830 MHz, its 66.9 TFLOP/s in fp32 at 1980 MHz; the often quoted 1979 are with structured sparsity.
"""

from __future__ import annotations

from typing import Any, Literal

from cudagym.errors import UsageError
from cudagym.record import Record

MathMode = Literal["fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "int8"]
"""Which pipe bounds the flops: `fp32` and `fp64` are the plain pipes, the rest the dense tensor cores."""


class GPU(Record):
    """One card. Rates per SM are per clock and count scalar operations (lanes), not warps."""

    name: str
    """The short name: `h100`."""
    title: str
    arch: str
    """What nvcc compiles for: `sm_90a`."""
    sms: int
    boost_mhz: float
    dram_gb_s: float
    dram_bytes: int
    l2_bytes: int
    l2_bytes_per_clock: int
    """Whole chip, per clock of the SMs: what the L2 can deliver, used to recognise the impossible."""
    l1_bytes: int
    """L1 and shared memory together, per SM."""
    shared_bytes_per_sm: int
    shared_bytes_per_block: int
    """With opt-in; 48 KiB without."""
    registers_per_sm: int = 65536
    max_warps_per_sm: int
    max_blocks_per_sm: int
    max_threads_per_block: int = 1024
    schedulers: int = 4
    fp32_per_sm: int
    fp64_per_sm: int
    integer_per_sm: int
    fp16_per_sm: int
    """Plain (not tensor) half-precision lanes, counting both halves of an f16x2."""
    special_per_sm: int = 16
    peak_tflops: dict[MathMode, float]
    """Dense peak of every pipe, in 1e12 operations per second; a fused multiply-add counts as two."""
    held_out: bool = False
    """Whether nothing may be trained on this card, so that it shows how a policy fares on unseen hardware."""
    sources: str

    @property
    def clock_hz(self) -> float:
        return self.boost_mhz * 1e6

    @property
    def bandwidth(self) -> float:
        """Datasheet DRAM bandwidth in bytes per second."""
        return self.dram_gb_s * 1e9

    @property
    def l2_bandwidth(self) -> float:
        """Bytes per second the L2 can deliver at boost clock."""
        return self.l2_bytes_per_clock * self.clock_hz

    def peak_flops(self, math: MathMode) -> float:
        """Peak operations per second of the pipe that `math` names.

        Raises UsageError when the card has no such pipe.
        """
        if math not in self.peak_tflops:
            raise UsageError(f"{self.title} has no pipe for {math}")
        return self.peak_tflops[math] * 1e12

    @property
    def fastest_flops(self) -> float:
        """Peak of the fastest pipe: no arithmetic of any kind is faster than this."""
        return max(self.peak_tflops.values()) * 1e12


_GIB = 1 << 30
_MIB = 1 << 20
_KIB = 1 << 10

_AMPERE_DATACENTRE: dict[str, Any] = dict(  # noqa: C408
    l1_bytes=192 * _KIB,
    shared_bytes_per_sm=164 * _KIB,
    shared_bytes_per_block=163 * _KIB,
    max_warps_per_sm=64,
    max_blocks_per_sm=32,
    fp32_per_sm=64,
    fp64_per_sm=32,
    integer_per_sm=64,
    fp16_per_sm=256,
)
_HOPPER: dict[str, Any] = dict(  # noqa: C408
    l1_bytes=256 * _KIB,
    shared_bytes_per_sm=228 * _KIB,
    shared_bytes_per_block=227 * _KIB,
    max_warps_per_sm=64,
    max_blocks_per_sm=32,
    fp32_per_sm=128,
    fp64_per_sm=64,
    integer_per_sm=64,
    fp16_per_sm=256,
)
_GA102: dict[str, Any] = dict(  # noqa: C408
    l1_bytes=128 * _KIB,
    shared_bytes_per_sm=100 * _KIB,
    shared_bytes_per_block=99 * _KIB,
    max_warps_per_sm=48,
    max_blocks_per_sm=16,
    fp32_per_sm=128,
    fp64_per_sm=2,
    integer_per_sm=64,
    fp16_per_sm=128,
)

GPUS: dict[str, GPU] = {
    gpu.name: gpu
    for gpu in (
        GPU(
            name="h100",
            title="NVIDIA H100 SXM5 80 GB",
            arch="sm_90a",
            sms=132,
            boost_mhz=1980,
            dram_gb_s=3352,
            dram_bytes=80 * _GIB,
            l2_bytes=50 * _MIB,
            l2_bytes_per_clock=5120,
            peak_tflops={
                "fp64": 33.5,
                "fp32": 66.9,
                "tf32": 494.7,
                "fp16": 989.4,
                "bf16": 989.4,
                "fp8": 1978.9,
                "int8": 1978.9,
            },
            sources="[H] table 3; [P]. L2 rate as the A100's",
            **_HOPPER,
        ),
        GPU(
            name="a100",
            title="NVIDIA A100 SXM4 80 GB",
            arch="sm_80",
            sms=108,
            boost_mhz=1410,
            dram_gb_s=2039,
            dram_bytes=80 * _GIB,
            l2_bytes=40 * _MIB,
            l2_bytes_per_clock=5120,
            peak_tflops={
                "fp64": 9.7,
                "fp32": 19.5,
                "tf32": 156.0,
                "fp16": 312.0,
                "bf16": 312.0,
                "int8": 624.0,
            },
            sources="[A] table 4, L2: 5120 bytes per clock; [P]. 80 GB bandwidth: A100 datasheet (2021)",
            **_AMPERE_DATACENTRE,
        ),
        GPU(
            name="a6000",
            title="NVIDIA RTX A6000 48 GB",
            arch="sm_86",
            sms=84,
            boost_mhz=1800,
            dram_gb_s=768,
            dram_bytes=48 * _GIB,
            l2_bytes=6 * _MIB,
            l2_bytes_per_clock=1536,
            peak_tflops={
                "fp64": 0.6,
                "fp32": 38.7,
                "tf32": 77.4,
                "fp16": 154.8,
                "bf16": 154.8,
                "int8": 309.7,
            },
            sources="[X] appendix A, at 1800 MHz; [P]. L2: 12 slices x 128 bytes",
            **_GA102,
        ),
        GPU(
            name="rtx3090",
            title="NVIDIA GeForce RTX 3090 24 GB",
            arch="sm_86",
            sms=82,
            boost_mhz=1695,
            dram_gb_s=936,
            dram_bytes=24 * _GIB,
            l2_bytes=6 * _MIB,
            l2_bytes_per_clock=1536,
            peak_tflops={
                "fp64": 0.56,
                "fp32": 35.6,
                "tf32": 35.6,
                "fp16": 142.3,
                "bf16": 71.2,
                "int8": 284.7,
            },
            sources="[X] table 2, fp16 with fp16 accumulation; [P]. L2: 12 slices x 128 bytes",
            **_GA102,
        ),
        GPU(
            name="rtx4090",
            title="NVIDIA GeForce RTX 4090 24 GB",
            arch="sm_89",
            sms=128,
            boost_mhz=2520,
            dram_gb_s=1008,
            dram_bytes=24 * _GIB,
            l2_bytes=72 * _MIB,
            l2_bytes_per_clock=3072,
            l1_bytes=128 * _KIB,
            shared_bytes_per_sm=100 * _KIB,
            shared_bytes_per_block=99 * _KIB,
            max_warps_per_sm=48,
            max_blocks_per_sm=24,
            fp32_per_sm=128,
            fp64_per_sm=2,
            integer_per_sm=64,
            fp16_per_sm=128,
            peak_tflops={
                "fp64": 1.29,
                "fp32": 82.6,
                "tf32": 82.6,
                "fp16": 330.3,
                "bf16": 165.2,
                "fp8": 330.3,
                "int8": 660.6,
            },
            held_out=True,
            sources="[D] appendix A, fp16 with fp16, fp8 with fp32 accumulation; [P]. L2: 24 slices x 128 bytes",
        ),
        GPU(
            name="t4",
            title="NVIDIA T4 16 GB",
            arch="sm_75",
            sms=40,
            boost_mhz=1590,
            dram_gb_s=320,
            dram_bytes=16 * _GIB,
            l2_bytes=4 * _MIB,
            l2_bytes_per_clock=1024,
            l1_bytes=96 * _KIB,
            shared_bytes_per_sm=64 * _KIB,
            shared_bytes_per_block=64 * _KIB,
            max_warps_per_sm=32,
            max_blocks_per_sm=16,
            fp32_per_sm=64,
            fp64_per_sm=2,
            integer_per_sm=64,
            fp16_per_sm=128,
            peak_tflops={"fp64": 0.25, "fp32": 8.1, "fp16": 65.1, "int8": 130.3},
            sources="[T] appendix B (8.1 TFLOP/s fp32, 65 fp16 tensor); [P]. L2: 16 slices x 64 bytes",
        ),
    )
}


def gpu(name: str) -> GPU:
    """The card with this short name. Raises UsageError naming the known ones."""
    try:
        return GPUS[name]
    except KeyError:
        raise UsageError(f"no GPU is called {name!r}; known are {', '.join(sorted(GPUS))}") from None
