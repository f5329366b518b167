"""The GPUs cudagym knows: what the SMs of an architecture can do, and one exact card per name, each with its sources.

NVIDIA's documents, cited by their letter:

[A] NVIDIA A100 Tensor Core GPU Architecture, whitepaper v1.0 (2020), tables 1, 3 and 4
[B] NVIDIA RTX Blackwell GPU Architecture, whitepaper v1.1 (2025), appendix A
[D] NVIDIA Ada GPU Architecture, whitepaper v2.02 (2023), appendix A
[H] NVIDIA H100 Tensor Core GPU Architecture, whitepaper v1.04 (2023), tables 1 to 3
[P] CUDA C++ Programming Guide 13.0: "Compute Capabilities" and "Throughput of Native Arithmetic Instructions", and
    those of the CUDA Programming Guide 11.8 for compute capabilities 6.0 to 7.0
[S] the product's datasheet or product page
[T] NVIDIA Turing GPU Architecture, whitepaper WP-09183-001 (2018), appendix B (Tesla T4)
[V] NVIDIA Tesla V100 GPU Architecture, whitepaper v1.1 (2017), tables 1 and 2, for P100 and V100
[X] NVIDIA Ampere GA102 GPU Architecture, whitepaper v2.1 (2021), appendix A and table 2

Measurements of others:

[AK] Abdelkhalik, Arafa, Santhi, Badawy: "Demystifying the Nvidia Ampere Architecture through Microbenchmarking and
     Instruction-level Analysis", 2022
[AS] Accel-Sim's tuned configurations (trace.config): SM7_GV100, SM75_RTX2060, SM80_A100, SM86_RTX3070, SM90_H100
[C]  Chips and Cheese: "Blackwell: Nvidia's Massive GPU", 2025 (RTX PRO 6000)
[D1] Dewing, table of pointer chases on seven cards: github.com/markdewing/AI_kernels, latency/README.md. Its L1 figures
     are 6 to 8 cycles above those of [R] on every architecture that both have, so they count less that
[F]  Feng: github.com/sjfeng1999/gpu-arch-microbenchmark (RTX 2070)
[J]  Jia, Maggioni, Staiger, Scarpazza: "Dissecting the NVIDIA Volta GPU Architecture via Microbenchmarking", 2018
[J2] Jia, Maggioni, Smith, Scarpazza: "Dissecting the NVidia Turing T4 GPU via Microbenchmarking", 2019
[L]  Luo, Fan, Li, Du, Wang, Chu: "Benchmarking and Dissecting the Nvidia Hopper GPU Architecture", 2024
[R]  Ernst: github.com/RRZE-HPC/gpu-benches, results of gpu-latency, gpu-cache, gpu-l2-cache and gpu-stream (2025) on
     V100, A100 40 and 80 GB, A40, L40, H100 PCIe, GH200 and H200
[U]  the database of techpowerup.com, for base clocks and cards whose documents leave something out

[AS], [D1], [F] and [R] are data files whose figures stand here as they are there. Those of the papers and of [C] are
quoted from memory of their tables and summaries: they may be a cycle or a few percent off.

Where sources disagree, the figure lies between them. Where no source has a figure, it is that of the nearest relative
and the card's `sources` say so. Peaks are the documents' dense figures, with results accumulated in fp32 for fp16 and
bf16; GeForce cards reach twice that with fp16 accumulation. They may use another clock than `boost_mhz`: the H100's
989.4 TFLOP/s in fp16 are at 1830 MHz, its 66.9 TFLOP/s in fp32 at 1980 MHz; the often quoted 1979 are with sparsity.
"""

from __future__ import annotations

from typing import Literal, cast

from pydantic import Field

from cudagym.errors import UsageError
from cudagym.record import Record

MathMode = Literal["fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "int8"]
"""Which pipe bounds the flops: `fp32` and `fp64` are the plain pipes, the rest the dense tensor cores."""
TensorType = Literal["fp64", "tf32", "fp16", "fp16_half", "bf16", "fp8", "int8"]
"""What a tensor core multiplies. It accumulates in fp32 (int32, fp64 for these); in fp16 only for `fp16_half`."""

_GIB = 1 << 30
_MIB = 1 << 20
_KIB = 1 << 10


class SM(Record):
    """What the SMs of all cards of one compute capability share. Rates are per clock and count lanes, not warps."""

    name: str
    capability: str
    """`9.0`."""
    compiled_as: str
    """What nvcc compiles for: `sm_90a`. nvcc 13 knows nothing older than sm_75, which stands in for Pascal and Volta:
    their machine code would differ, so such cards serve to hold the clock against published times."""
    schedulers: int = 4
    """Each issues one instruction of one warp per clock, to the lanes of its own quarter (or half) of the SM."""
    fp32: int
    fp64: int
    fp16: int
    """Plain (not tensor) half-precision lanes, counting both halves of an f16x2."""
    integer: int
    """Additions and logic."""
    integer_multiply: int
    integer_on_fp32: int
    """How many of the integer lanes are fp32 lanes at other times; the others run beside them."""
    special: int = 16
    """Transcendentals, reciprocals and roots; conversions pass here too."""
    tensor: dict[TensorType, int] = Field(default_factory=dict)
    """Operations per clock, a fused multiply-add counted as two, dense."""
    mma_share: float = 1.0
    """Of `tensor`, what mma and wmma reach where only wgmma or tcgen05 reaches all."""
    l1_bytes: int
    """L1 and shared memory together."""
    shared_sizes: tuple[int, ...]
    """What the driver can set aside of `l1_bytes` for shared memory, ascending."""
    shared_bytes_per_block: int
    """With opt-in; 48 KiB without."""
    shared_granule: int = 128
    shared_reserved: int = 1024
    """Bytes of shared memory that the system keeps per block."""
    registers: int = 65536
    register_granule: int = 256
    """Registers are handed to a warp in units of this many."""
    max_warps: int
    max_blocks: int
    max_threads_per_block: int = 1024
    alu_latency: float = 4.0
    """Cycles from an fp32 or integer instruction to one that needs its result."""
    fp64_latency: float
    fp16_latency: float
    special_latency: float
    shared_latency: float
    """Of a load from shared memory without conflicts; shuffles pass the same crossbar."""
    l1_latency: float
    """Of a global load that hits the L1."""
    l1_bytes_per_clock: int
    """Of global loads that hit the L1, as measured; shared memory gives 32 banks of 4 bytes everywhere."""
    held_out: bool = False
    """Whether nothing may be trained on its cards, so that they show how a policy fares on unseen hardware."""
    sources: str

    @property
    def shared_bytes(self) -> int:
        """The most shared memory that resident blocks can have together."""
        return self.shared_sizes[-1]

    def cache_bytes(self, shared: int) -> int:
        """What is left of the L1 while resident blocks use `shared` bytes of shared memory."""
        return self.l1_bytes - next((size for size in self.shared_sizes if size >= shared), self.shared_bytes)


def _kib(*sizes: int) -> tuple[int, ...]:
    return tuple(size * _KIB for size in sizes)


PASCAL_DATACENTRE = SM(
    name="Pascal (GP100)",
    capability="6.0",
    compiled_as="sm_75",
    schedulers=2,
    fp32=64,
    fp64=32,
    fp16=128,
    integer=64,
    integer_multiply=21,
    integer_on_fp32=64,
    l1_bytes=88 * _KIB,
    shared_sizes=_kib(64),
    shared_bytes_per_block=48 * _KIB,
    shared_granule=256,
    shared_reserved=0,
    max_warps=64,
    max_blocks=32,
    alu_latency=6,
    fp64_latency=8,
    fp16_latency=6,
    special_latency=20,
    shared_latency=24,
    l1_latency=82,
    l1_bytes_per_clock=32,
    sources="[P]; [J] for P100: latencies, L1 31 bytes per clock. A multiplication is three XMAD. Special as Volta's",
)
PASCAL = PASCAL_DATACENTRE.model_copy(
    update={
        "name": "Pascal (GP10x)",
        "capability": "6.1",
        "schedulers": 4,
        "fp32": 128,
        "fp64": 4,
        "fp16": 2,
        "integer": 128,
        "integer_multiply": 42,
        "integer_on_fp32": 128,
        "special": 32,
        "l1_bytes": 144 * _KIB,
        "shared_sizes": _kib(96),
        "sources": "[P]; latencies and L1 as the P100's",
    }
)
VOLTA = SM(
    name="Volta",
    capability="7.0",
    compiled_as="sm_75",
    fp32=64,
    fp64=32,
    fp16=128,
    integer=64,
    integer_multiply=64,
    integer_on_fp32=0,
    tensor={"fp16": 1024, "fp16_half": 1024},
    l1_bytes=128 * _KIB,
    shared_sizes=_kib(0, 8, 16, 32, 64, 96),
    shared_bytes_per_block=96 * _KIB,
    shared_granule=256,
    shared_reserved=0,
    max_warps=64,
    max_blocks=32,
    fp64_latency=8,
    fp16_latency=6,
    special_latency=20,
    shared_latency=19,
    l1_latency=28,
    l1_bytes_per_clock=126,
    sources="[P]; [V] table 1; [J] latencies, L1 28 and [R] 27.9 cycles; [R] L1 126 bytes per clock; [AS] special",
)
TURING = SM(
    name="Turing",
    capability="7.5",
    compiled_as="sm_75",
    fp32=64,
    fp64=2,
    fp16=128,
    integer=64,
    integer_multiply=64,
    integer_on_fp32=0,
    tensor={"fp16": 1024, "fp16_half": 1024, "int8": 2048},
    l1_bytes=96 * _KIB,
    shared_sizes=_kib(32, 64),
    shared_bytes_per_block=64 * _KIB,
    shared_granule=256,
    shared_reserved=0,
    max_warps=32,
    max_blocks=16,
    fp64_latency=56,
    fp16_latency=6,
    special_latency=21,
    shared_latency=21,
    l1_latency=32,
    l1_bytes_per_clock=59,
    sources="[P]; [T]; [J2] latencies, shared 19 and [F] 23; [J2] and [F] L1 32; [J2] L1 59 bytes per clock; "
    "[AS] special, and fp64 with [J2] between 48 and 64",
)
AMPERE_DATACENTRE = SM(
    name="Ampere (GA100)",
    capability="8.0",
    compiled_as="sm_80",
    fp32=64,
    fp64=32,
    fp16=256,
    integer=64,
    integer_multiply=64,
    integer_on_fp32=0,
    tensor={"fp64": 128, "tf32": 1024, "fp16": 2048, "fp16_half": 2048, "bf16": 2048, "int8": 4096},
    l1_bytes=192 * _KIB,
    shared_sizes=_kib(0, 8, 16, 32, 64, 100, 132, 164),
    shared_bytes_per_block=163 * _KIB,
    max_warps=64,
    max_blocks=32,
    fp64_latency=8,
    fp16_latency=5,
    special_latency=20,
    shared_latency=23,
    l1_latency=33,
    l1_bytes_per_clock=126,
    sources="[P]; [A]; [AK] latencies, special 18 and [AS] 23; [AK] and [R] L1 33; [R] L1 126 bytes per clock",
)
AMPERE = SM(
    name="Ampere (GA10x)",
    capability="8.6",
    compiled_as="sm_86",
    fp32=128,
    fp64=2,
    fp16=128,
    integer=64,
    integer_multiply=64,
    integer_on_fp32=64,
    tensor={"tf32": 512, "fp16": 1024, "fp16_half": 1024, "bf16": 1024, "int8": 2048},
    l1_bytes=128 * _KIB,
    shared_sizes=_kib(0, 8, 16, 32, 64, 100),
    shared_bytes_per_block=99 * _KIB,
    max_warps=48,
    max_blocks=16,
    fp64_latency=56,
    fp16_latency=5,
    special_latency=20,
    shared_latency=23,
    l1_latency=33,
    l1_bytes_per_clock=64,
    sources="[P]; [X]; [R] for A40: L1 33 cycles, 64 bytes per clock; [AS] special; other latencies as the A100's, "
    "fp64's as Turing's",
)
ADA = AMPERE.model_copy(
    update={
        "name": "Ada",
        "capability": "8.9",
        "compiled_as": "sm_89",
        "tensor": {**AMPERE.tensor, "fp8": 2048},
        "max_blocks": 24,
        "l1_latency": 34.0,
        "held_out": True,
        "sources": "[P]; [D]; [R] for L40: L1 34 cycles, 64 bytes per clock; other latencies as the RTX 30 series': "
        "[L] finds shared memory 1 cycle apart",
    }
)
HOPPER = SM(
    name="Hopper",
    capability="9.0",
    compiled_as="sm_90a",
    fp32=128,
    fp64=64,
    fp16=256,
    integer=64,
    integer_multiply=64,
    integer_on_fp32=0,
    tensor={
        "fp64": 256,
        "tf32": 2048,
        "fp16": 4096,
        "fp16_half": 4096,
        "bf16": 4096,
        "fp8": 8192,
        "int8": 8192,
    },
    mma_share=0.63,
    l1_bytes=256 * _KIB,
    shared_sizes=_kib(0, 8, 16, 32, 64, 100, 132, 164, 196, 228),
    shared_bytes_per_block=227 * _KIB,
    max_warps=64,
    max_blocks=32,
    fp64_latency=8,
    fp16_latency=5,
    special_latency=23,
    shared_latency=23,
    l1_latency=32,
    l1_bytes_per_clock=126,
    sources="[P]; [H]; [L] share of mma, shared memory as the A100's; [R] for GH200: L1 32; for H200: L1 126 bytes per "
    "clock; [AS] special; other latencies as the A100's",
)
BLACKWELL_DATACENTRE = HOPPER.model_copy(
    update={
        "name": "Blackwell (GB100)",
        "capability": "10.0",
        "compiled_as": "sm_100a",
        "tensor": {
            "fp64": 256,
            "tf32": 4096,
            "fp16": 8192,
            "fp16_half": 8192,
            "bf16": 8192,
            "fp8": 16384,
            "int8": 16384,
        },
        "mma_share": 0.32,
        "sources": "[P]; [S] of B200 for the tensor cores; mma at Hopper's speed; [D1] L1 as GH200's; rest as Hopper's",
    }
)
BLACKWELL = ADA.model_copy(
    update={
        "name": "Blackwell (GB20x)",
        "capability": "12.0",
        "compiled_as": "sm_120a",
        "integer": 128,
        "integer_on_fp32": 128,
        "held_out": False,
        "l1_latency": 37.0,
        "l1_bytes_per_clock": 128,
        "sources": "[P]; [B]; [D1] L1 4 cycles after Ada's, less 1 for the half of it that [R] sees; [C] L1 128 bytes "
        "per clock, 16 multiplications per quarter; other latencies as Ada's",
    }
)


class GPU(Record):
    """One card."""

    name: str
    """The short name: `h100`."""
    title: str
    sm: SM
    sms: int
    boost_mhz: float
    base_mhz: float
    """What profilers lock the SMs to unless told otherwise."""
    dram_gb_s: float
    """Of the datasheet."""
    dram_bytes: int
    dram_share: float
    """Of `dram_gb_s`, what a long copy reaches: the mean of reading alone and of reading and writing."""
    dram_ns: float
    """Latency of a load that misses every cache but hits the TLBs, in nanoseconds: it follows the memory's clock."""
    l2_bytes: int
    l2_bytes_per_clock: int
    """Whole chip, per clock of the SMs: what the ports could deliver, used to recognise the impossible."""
    l2_read_bytes_per_clock: int
    """The same as measured, or as the nearest measured relative's L2 scales."""
    l2_latency: float
    """Cycles of a load that misses the L1 and hits the L2, on average over near and far slices."""
    watts: float
    peak_tflops: dict[MathMode, float]
    """Dense peak of every pipe, in 1e12 operations per second; a fused multiply-add counts as two."""
    fp32_accumulate: float = 1.0
    """Of the SM's tensor rate, what the card keeps when it multiplies floats and adds in fp32: GeForce has half."""
    tensor_share: float = 1.0
    """Of the SM's tensor rates, what the card keeps of all of them."""
    sources: str

    @property
    def arch(self) -> str:
        """What nvcc compiles for: `sm_90a`."""
        return self.sm.compiled_as

    @property
    def is_stand_in(self) -> bool:
        """Whether `arch` is not the card's own, which nvcc no longer knows: times on it only support the clock's."""
        return self.sm.capability.replace(".", "") not in self.arch

    @property
    def held_out(self) -> bool:
        """Whether nothing may be trained on this card, so that it shows how a policy fares on unseen hardware."""
        return self.sm.held_out

    @property
    def clock_hz(self) -> float:
        return self.boost_mhz * 1e6

    @property
    def bandwidth(self) -> float:
        """Datasheet DRAM bandwidth in bytes per second."""
        return self.dram_gb_s * 1e9

    @property
    def l2_bandwidth(self) -> float:
        """Bytes per second the ports of the L2 can deliver at boost clock."""
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
        lanes = max(2.0 * self.sm.fp16, *map(self.tensor_per_sm, self.sm.tensor), 0.0)
        return max(*self.peak_tflops.values(), lanes * self.sms * self.clock_hz / 1e12) * 1e12

    def tensor_per_sm(self, kind: TensorType) -> float:
        """Operations per SM and clock of this card's tensor cores; 0 where they lack the type."""
        share = self.fp32_accumulate if kind in ("tf32", "fp16", "bf16", "fp8") else 1.0
        return self.sm.tensor.get(kind, 0) * self.tensor_share * share

    @property
    def l1_bytes(self) -> int:
        """L1 and shared memory together, per SM."""
        return self.sm.l1_bytes

    @property
    def shared_bytes_per_sm(self) -> int:
        return self.sm.shared_bytes

    @property
    def shared_bytes_per_block(self) -> int:
        """With opt-in; 48 KiB without."""
        return self.sm.shared_bytes_per_block

    @property
    def registers_per_sm(self) -> int:
        return self.sm.registers

    @property
    def max_warps_per_sm(self) -> int:
        return self.sm.max_warps

    @property
    def max_blocks_per_sm(self) -> int:
        return self.sm.max_blocks

    @property
    def max_threads_per_block(self) -> int:
        return self.sm.max_threads_per_block

    @property
    def schedulers(self) -> int:
        return self.sm.schedulers

    @property
    def fp32_per_sm(self) -> int:
        return self.sm.fp32

    @property
    def fp64_per_sm(self) -> int:
        return self.sm.fp64

    @property
    def integer_per_sm(self) -> int:
        return self.sm.integer

    @property
    def fp16_per_sm(self) -> int:
        return self.sm.fp16

    @property
    def special_per_sm(self) -> int:
        return self.sm.special


def _peaks(**tflops: float) -> dict[MathMode, float]:
    """Tensor cores that know tf32 take bf16 at the pace of fp16."""
    return cast("dict[MathMode, float]", tflops | ({"bf16": tflops["fp16"]} if "tf32" in tflops else {}))


_A100_PEAKS = _peaks(fp64=9.7, fp32=19.5, tf32=156.0, fp16=312.0, int8=624.0)
_H100_PEAKS = _peaks(fp64=33.5, fp32=66.9, tf32=494.7, fp16=989.4, fp8=1978.9, int8=1978.9)

GPUS: dict[str, GPU] = {
    gpu.name: gpu
    for gpu in (
        GPU(
            name="p100",
            title="NVIDIA Tesla P100 SXM2 16 GB",
            sm=PASCAL_DATACENTRE,
            sms=56,
            boost_mhz=1480,
            base_mhz=1328,
            dram_gb_s=732,
            dram_bytes=16 * _GIB,
            dram_share=0.74,
            dram_ns=330,
            l2_bytes=4 * _MIB,
            l2_bytes_per_clock=2048,
            l2_read_bytes_per_clock=1220,
            l2_latency=234,
            watts=300,
            peak_tflops=_peaks(fp64=5.3, fp32=10.6),
            sources="[V] table 1; [J] L2 (1624 GB/s at 1328 MHz, 234 cycles), DRAM .70, and .78 as GDDR5 cards'; its "
            "latency near the V100's",
        ),
        GPU(
            name="gtx1080ti",
            title="NVIDIA GeForce GTX 1080 Ti 11 GB",
            sm=PASCAL,
            sms=28,
            boost_mhz=1582,
            base_mhz=1481,
            dram_gb_s=484,
            dram_bytes=11 * _GIB,
            dram_share=0.84,
            dram_ns=330,
            l2_bytes=2816 * _KIB,
            l2_bytes_per_clock=1408,
            l2_read_bytes_per_clock=880,
            l2_latency=234,
            watts=250,
            peak_tflops=_peaks(fp64=0.354, fp32=11.3),
            sources="[T] table 7; [U]; L2: 22 slices x 64 bytes, of which [J] measures 979 GB/s at 1531 MHz on the 16 "
            "of a P4, DRAM .84 there; latencies as the P100's",
        ),
        GPU(
            name="gtx1060",
            title="NVIDIA GeForce GTX 1060 Mobile 6 GB",
            sm=PASCAL,
            sms=10,
            boost_mhz=1670,
            base_mhz=1404,
            dram_gb_s=192,
            dram_bytes=6 * _GIB,
            dram_share=0.84,
            dram_ns=330,
            l2_bytes=1536 * _KIB,
            l2_bytes_per_clock=768,
            l2_read_bytes_per_clock=480,
            l2_latency=234,
            watts=80,
            peak_tflops=_peaks(fp64=0.134, fp32=4.28),
            sources="[U]; L2 and DRAM as the GTX 1080 Ti's, 12 slices; laptops vary in clock and power",
        ),
        GPU(
            name="v100",
            title="NVIDIA Tesla V100 SXM2 16 GB",
            sm=VOLTA,
            sms=80,
            boost_mhz=1530,
            base_mhz=1312,
            dram_gb_s=900,
            dram_bytes=16 * _GIB,
            dram_share=0.93,
            dram_ns=312,
            l2_bytes=6 * _MIB,
            l2_bytes_per_clock=2048,
            l2_read_bytes_per_clock=1670,
            l2_latency=205,
            watts=300,
            peak_tflops=_peaks(fp64=7.8, fp32=15.7, fp16=125.0),
            sources="[V] table 1; [U] base; L2: 32 slices x 64 bytes; [R] 1768 and [J] 1562 bytes per clock, 212 and "
            "193 cycles; [R] DRAM (of a PCIe card)",
        ),
        GPU(
            name="t4",
            title="NVIDIA T4 16 GB",
            sm=TURING,
            sms=40,
            boost_mhz=1590,
            base_mhz=585,
            dram_gb_s=320,
            dram_bytes=16 * _GIB,
            dram_share=0.75,
            dram_ns=387,
            l2_bytes=4 * _MIB,
            l2_bytes_per_clock=1024,
            l2_read_bytes_per_clock=800,
            l2_latency=212,
            watts=70,
            peak_tflops=_peaks(fp64=0.25, fp32=8.1, fp16=65.1, int8=130.3),
            sources="[T] appendix B; L2: 16 slices x 64 bytes; [J2] 1270 GB/s, 188 cycles, and [F] 236; [J2] DRAM 220 "
            "GB/s, others' copies 80 %; 616 cycles. It clocks down at 70 W",
        ),
        GPU(
            name="a100",
            title="NVIDIA A100 SXM4 80 GB",
            sm=AMPERE_DATACENTRE,
            sms=108,
            boost_mhz=1410,
            base_mhz=1275,
            dram_gb_s=2039,
            dram_bytes=80 * _GIB,
            dram_share=0.87,
            dram_ns=361,
            l2_bytes=40 * _MIB,
            l2_bytes_per_clock=5120,
            l2_read_bytes_per_clock=3830,
            l2_latency=220,
            watts=400,
            peak_tflops=_A100_PEAKS,
            sources="[A] table 4, L2: 5120 bytes per clock; [S] 80 GB; [U] base; [R] L2 5400 GB/s, 205 cycles near, "
            "more in the far half; [AK] 200, [L] 262; DRAM [R] 552 cycles, [L] 466",
        ),
        GPU(
            name="a100-40gb",
            title="NVIDIA A100 SXM4 40 GB",
            sm=AMPERE_DATACENTRE,
            sms=108,
            boost_mhz=1410,
            base_mhz=1095,
            dram_gb_s=1555,
            dram_bytes=40 * _GIB,
            dram_share=0.93,
            dram_ns=361,
            l2_bytes=40 * _MIB,
            l2_bytes_per_clock=5120,
            l2_read_bytes_per_clock=3830,
            l2_latency=220,
            watts=400,
            peak_tflops=_A100_PEAKS,
            sources="[A] table 4; [U] base; [R] DRAM share; rest as the 80 GB card's",
        ),
        GPU(
            name="a100-pcie-40gb",
            title="NVIDIA A100 PCIe 40 GB",
            sm=AMPERE_DATACENTRE,
            sms=108,
            boost_mhz=1410,
            base_mhz=765,
            dram_gb_s=1555,
            dram_bytes=40 * _GIB,
            dram_share=0.93,
            dram_ns=361,
            l2_bytes=40 * _MIB,
            l2_bytes_per_clock=5120,
            l2_read_bytes_per_clock=3830,
            l2_latency=220,
            watts=250,
            peak_tflops=_A100_PEAKS,
            sources="[S]; [U] base; rest as the SXM4 card's. Long arithmetic clocks down at 250 W",
        ),
        GPU(
            name="a100-pcie-80gb",
            title="NVIDIA A100 PCIe 80 GB",
            sm=AMPERE_DATACENTRE,
            sms=108,
            boost_mhz=1410,
            base_mhz=1065,
            dram_gb_s=1935,
            dram_bytes=80 * _GIB,
            dram_share=0.9,
            dram_ns=361,
            l2_bytes=40 * _MIB,
            l2_bytes_per_clock=5120,
            l2_read_bytes_per_clock=3830,
            l2_latency=220,
            watts=300,
            peak_tflops=_A100_PEAKS,
            sources="[S]; [U] base; DRAM share between the other A100s'; rest as theirs",
        ),
        GPU(
            name="a6000",
            title="NVIDIA RTX A6000 48 GB",
            sm=AMPERE,
            sms=84,
            boost_mhz=1800,
            base_mhz=1410,
            dram_gb_s=768,
            dram_bytes=48 * _GIB,
            dram_share=0.95,
            dram_ns=318,
            l2_bytes=6 * _MIB,
            l2_bytes_per_clock=1536,
            l2_read_bytes_per_clock=1437,
            l2_latency=250,
            watts=300,
            peak_tflops=_peaks(fp64=0.6, fp32=38.7, tf32=77.4, fp16=154.8, int8=309.7),
            sources="[X] appendix A, at 1800 MHz; [U] base; L2: 12 slices x 128 bytes; [R] for A40: L2 2500 GB/s at "
            "1740 MHz, 250 cycles, DRAM",
        ),
        GPU(
            name="rtx3070",
            title="NVIDIA GeForce RTX 3070 8 GB",
            sm=AMPERE,
            sms=46,
            boost_mhz=1725,
            base_mhz=1500,
            dram_gb_s=448,
            dram_bytes=8 * _GIB,
            dram_share=0.95,
            dram_ns=318,
            l2_bytes=4 * _MIB,
            l2_bytes_per_clock=1024,
            l2_read_bytes_per_clock=958,
            l2_latency=250,
            watts=220,
            peak_tflops=_peaks(fp64=0.32, fp32=20.3, tf32=20.3, fp16=40.6, int8=162.6),
            fp32_accumulate=0.5,
            sources="[X] table 2 and [S]; [U] base; L2: 8 slices, else as the A40's",
        ),
        GPU(
            name="rtx3070-laptop",
            title="NVIDIA GeForce RTX 3070 Laptop 8 GB",
            sm=AMPERE,
            sms=40,
            boost_mhz=1620,
            base_mhz=1290,
            dram_gb_s=448,
            dram_bytes=8 * _GIB,
            dram_share=0.95,
            dram_ns=318,
            l2_bytes=4 * _MIB,
            l2_bytes_per_clock=1024,
            l2_read_bytes_per_clock=958,
            l2_latency=250,
            watts=125,
            peak_tflops=_peaks(fp64=0.26, fp32=16.6, tf32=16.6, fp16=33.2, int8=132.7),
            fp32_accumulate=0.5,
            sources="[S], the version of 125 W; peaks at its clock; rest as the RTX 3070's",
        ),
        GPU(
            name="rtx3080-laptop",
            title="NVIDIA GeForce RTX 3080 Laptop 16 GB",
            sm=AMPERE,
            sms=48,
            boost_mhz=1710,
            base_mhz=1245,
            dram_gb_s=448,
            dram_bytes=16 * _GIB,
            dram_share=0.95,
            dram_ns=318,
            l2_bytes=4 * _MIB,
            l2_bytes_per_clock=1024,
            l2_read_bytes_per_clock=958,
            l2_latency=250,
            watts=150,
            peak_tflops=_peaks(fp64=0.33, fp32=21.0, tf32=21.0, fp16=42.0, int8=168.1),
            fp32_accumulate=0.5,
            sources="[S], the version of 150 W; peaks at its clock; rest as the RTX 3070's",
        ),
        GPU(
            name="rtx3090",
            title="NVIDIA GeForce RTX 3090 24 GB",
            sm=AMPERE,
            sms=82,
            boost_mhz=1695,
            base_mhz=1395,
            dram_gb_s=936,
            dram_bytes=24 * _GIB,
            dram_share=0.95,
            dram_ns=318,
            l2_bytes=6 * _MIB,
            l2_bytes_per_clock=1536,
            l2_read_bytes_per_clock=1437,
            l2_latency=250,
            watts=350,
            peak_tflops=_peaks(fp64=0.56, fp32=35.6, tf32=35.6, fp16=71.2, int8=284.7),
            fp32_accumulate=0.5,
            sources="[X] table 2; [U] base; L2: 12 slices x 128 bytes; [R] for A40, DRAM too",
        ),
        GPU(
            name="rtx3090ti",
            title="NVIDIA GeForce RTX 3090 Ti 24 GB",
            sm=AMPERE,
            sms=84,
            boost_mhz=1860,
            base_mhz=1560,
            dram_gb_s=1008,
            dram_bytes=24 * _GIB,
            dram_share=0.95,
            dram_ns=318,
            l2_bytes=6 * _MIB,
            l2_bytes_per_clock=1536,
            l2_read_bytes_per_clock=1437,
            l2_latency=250,
            watts=450,
            peak_tflops=_peaks(fp64=0.63, fp32=40.0, tf32=40.0, fp16=80.0, int8=320.0),
            fp32_accumulate=0.5,
            sources="[S]; [U]; rest as the RTX 3090's",
        ),
        GPU(
            name="rtx4070tisuper",
            title="NVIDIA GeForce RTX 4070 Ti SUPER 16 GB",
            sm=ADA,
            sms=66,
            boost_mhz=2610,
            base_mhz=2340,
            dram_gb_s=672,
            dram_bytes=16 * _GIB,
            dram_share=0.94,
            dram_ns=251,
            l2_bytes=48 * _MIB,
            l2_bytes_per_clock=2048,
            l2_read_bytes_per_clock=1150,
            l2_latency=273,
            watts=285,
            peak_tflops=_peaks(fp64=0.69, fp32=44.1, tf32=44.1, fp16=88.2, fp8=176.3, int8=352.7),
            fp32_accumulate=0.5,
            sources="[S]; [U]; L2: 16 slices x 128 bytes; measured: half the L40's, as its capacity; rest as the L40's",
        ),
        GPU(
            name="rtx4090",
            title="NVIDIA GeForce RTX 4090 24 GB",
            sm=ADA,
            sms=128,
            boost_mhz=2520,
            base_mhz=2235,
            dram_gb_s=1008,
            dram_bytes=24 * _GIB,
            dram_share=0.94,
            dram_ns=245,
            l2_bytes=72 * _MIB,
            l2_bytes_per_clock=3072,
            l2_read_bytes_per_clock=1670,
            l2_latency=285,
            watts=450,
            peak_tflops=_peaks(fp64=1.29, fp32=82.6, tf32=82.6, fp16=165.2, fp8=330.3, int8=660.6),
            fp32_accumulate=0.5,
            sources="[D] appendix A; [U] base; L2: 24 slices x 128 bytes; [L] 1622 bytes per clock, three quarters of "
            "the L40's are 1720; [R] for L40 273 and [D1] 296 cycles; DRAM [D1] 252, [R] for L40 251, [L] 215 "
            "ns",
        ),
        GPU(
            name="l20",
            title="NVIDIA L20 48 GB",
            sm=ADA,
            sms=92,
            boost_mhz=2520,
            base_mhz=1440,
            dram_gb_s=864,
            dram_bytes=48 * _GIB,
            dram_share=0.94,
            dram_ns=251,
            l2_bytes=96 * _MIB,
            l2_bytes_per_clock=3072,
            l2_read_bytes_per_clock=2200,
            l2_latency=273,
            watts=275,
            peak_tflops=_peaks(fp64=0.93, fp32=59.8, tf32=59.8, fp16=119.5, fp8=239.0, int8=239.0),
            tensor_share=0.5,
            sources="[S]: half the tensor rate of an L40S; [U]; L2 and DRAM as the L40's",
        ),
        GPU(
            name="l40s",
            title="NVIDIA L40S 48 GB",
            sm=ADA,
            sms=142,
            boost_mhz=2520,
            base_mhz=1110,
            dram_gb_s=864,
            dram_bytes=48 * _GIB,
            dram_share=0.94,
            dram_ns=251,
            l2_bytes=96 * _MIB,
            l2_bytes_per_clock=3072,
            l2_read_bytes_per_clock=2200,
            l2_latency=273,
            watts=350,
            peak_tflops=_peaks(fp64=1.43, fp32=91.6, tf32=183.0, fp16=362.0, fp8=733.0, int8=733.0),
            sources="[S]; [U]; [R] for L40: L2 5230 and 5710 GB/s at 2490 MHz, 273 cycles, DRAM 251 ns",
        ),
        GPU(
            name="rtx5090",
            title="NVIDIA GeForce RTX 5090 32 GB",
            sm=BLACKWELL,
            sms=170,
            boost_mhz=2407,
            base_mhz=2017,
            dram_gb_s=1792,
            dram_bytes=32 * _GIB,
            dram_share=0.91,
            dram_ns=360,
            l2_bytes=96 * _MIB,
            l2_bytes_per_clock=4096,
            l2_read_bytes_per_clock=2500,
            l2_latency=340,
            watts=575,
            peak_tflops=_peaks(fp64=1.64, fp32=104.8, tf32=104.8, fp16=209.5, fp8=419.0, int8=838.0),
            fp32_accumulate=0.5,
            sources="[B] appendix A; [U] base; L2: 32 slices x 128 bytes; measured: three quarters of the RTX PRO "
            "6000's, as its capacity; [D1] 360 cycles less what it is above [R]; DRAM as the RTX PRO 6000's",
        ),
        GPU(
            name="rtxpro6000",
            title="NVIDIA RTX PRO 6000 Blackwell Max-Q 96 GB",
            sm=BLACKWELL,
            sms=188,
            boost_mhz=2288,
            base_mhz=1590,
            dram_gb_s=1792,
            dram_bytes=96 * _GIB,
            dram_share=0.91,
            dram_ns=360,
            l2_bytes=128 * _MIB,
            l2_bytes_per_clock=4096,
            l2_read_bytes_per_clock=3330,
            l2_latency=335,
            watts=300,
            peak_tflops=_peaks(fp64=1.72, fp32=110.1, tf32=220.0, fp16=439.0, fp8=878.0, int8=878.0),
            sources="[S]; [U]; L2: 32 slices x 128 bytes; [C] 8.7 TB/s at 2617 MHz and 130 ns, [D1] 352 cycles; DRAM "
            "[D1] 864 cycles; its share between .89, said of this card, and the L40's. It clocks down at 300 "
            "W",
        ),
        GPU(
            name="rtxpro6000-workstation",
            title="NVIDIA RTX PRO 6000 Blackwell Workstation 96 GB",
            sm=BLACKWELL,
            sms=188,
            boost_mhz=2617,
            base_mhz=1590,
            dram_gb_s=1792,
            dram_bytes=96 * _GIB,
            dram_share=0.91,
            dram_ns=350,
            l2_bytes=128 * _MIB,
            l2_bytes_per_clock=4096,
            l2_read_bytes_per_clock=3330,
            l2_latency=335,
            watts=600,
            peak_tflops=_peaks(fp64=1.97, fp32=125.0, tf32=251.9, fp16=503.8, fp8=1007.6, int8=1007.6),
            sources="[B] appendix A; [U]; rest as the Max-Q's",
        ),
        GPU(
            name="h100",
            title="NVIDIA H100 SXM5 80 GB",
            sm=HOPPER,
            sms=132,
            boost_mhz=1980,
            base_mhz=1590,
            dram_gb_s=3352,
            dram_bytes=80 * _GIB,
            dram_share=0.92,
            dram_ns=330,
            l2_bytes=50 * _MIB,
            l2_bytes_per_clock=5120,
            l2_read_bytes_per_clock=4930,
            l2_latency=273,
            watts=700,
            peak_tflops=_H100_PEAKS,
            sources="[H] table 3; [U] base; L2 ports as the A100's; [R] for H200: 9750 GB/s at 1980 MHz; L2 [R] 281 "
            "for GH200, [L] 263; DRAM [R] 348 ns for GH200, [L] 273, and its share between H100 PCIe's .89 "
            "and .97, which others reach by reading",
        ),
        GPU(
            name="h100-pcie",
            title="NVIDIA H100 PCIe 80 GB",
            sm=HOPPER,
            sms=114,
            boost_mhz=1755,
            base_mhz=1095,
            dram_gb_s=2039,
            dram_bytes=80 * _GIB,
            dram_share=0.9,
            dram_ns=300,
            l2_bytes=50 * _MIB,
            l2_bytes_per_clock=5120,
            l2_read_bytes_per_clock=4100,
            l2_latency=268,
            watts=350,
            peak_tflops=_peaks(fp64=25.6, fp32=51.2, tf32=378.0, fp16=756.0, fp8=1513.0, int8=1513.0),
            sources="[H] table 3; [U] base; [R] L2 7000 GB/s, at its limit of power; [L] 263 cycles and 273 ns, [R] "
            "for GH200; [R] DRAM share. It clocks down to 1400 MHz at 350 W",
        ),
        GPU(
            name="gh200",
            title="NVIDIA GH200 96 GB",
            sm=HOPPER,
            sms=132,
            boost_mhz=1980,
            base_mhz=1500,
            dram_gb_s=4023,
            dram_bytes=96 * _GIB,
            dram_share=0.9,
            dram_ns=348,
            l2_bytes=60 * _MIB,
            l2_bytes_per_clock=5120,
            l2_read_bytes_per_clock=4930,
            l2_latency=281,
            watts=700,
            peak_tflops=_H100_PEAKS,
            sources="[S]; [U] base; [R] latencies; copies .79, triads .94, reading .97 of DRAM; peaks as the H100's",
        ),
        GPU(
            name="h200",
            title="NVIDIA H200 SXM 141 GB",
            sm=HOPPER,
            sms=132,
            boost_mhz=1980,
            base_mhz=1500,
            dram_gb_s=4800,
            dram_bytes=141 * 10**9,
            dram_share=0.9,
            dram_ns=348,
            l2_bytes=60 * _MIB,
            l2_bytes_per_clock=5120,
            l2_read_bytes_per_clock=4930,
            l2_latency=281,
            watts=700,
            peak_tflops=_H100_PEAKS,
            sources="[S]; [U] base; [R] L2 9750 GB/s; latencies and DRAM share as the GH200's; peaks as the H100's",
        ),
        GPU(
            name="b200",
            title="NVIDIA B200 SXM 180 GB",
            sm=BLACKWELL_DATACENTRE,
            sms=148,
            boost_mhz=1965,
            base_mhz=1665,
            dram_gb_s=8000,
            dram_bytes=180 * 10**9,
            dram_share=0.9,
            dram_ns=438,
            l2_bytes=126 * _MIB,
            l2_bytes_per_clock=10240,
            l2_read_bytes_per_clock=5520,
            l2_latency=295,
            watts=1000,
            peak_tflops=_peaks(fp64=37.0, fp32=75.0, tf32=1125.0, fp16=2250.0, fp8=4500.0, int8=4500.0),
            sources="[S]; [U] clocks, base as the B100's; L2 ports: two dies with the A100's; measured: the H200's "
            "per SM; [D1] L2 295 and DRAM 860 cycles; DRAM share as the H200's",
        ),
    )
}


def gpu(name: str) -> GPU:
    """The card with this short name. Raises UsageError naming the known ones."""
    try:
        return GPUS[name]
    except KeyError:
        raise UsageError(f"no GPU is called {name!r}; known are {', '.join(sorted(GPUS))}") from None
