"""Products, sums, embeddings and GELU, element by element."""

from __future__ import annotations

from typing import Any

from benchmarks.clock.cases import Address, Array, Call, Case

FLOAT, HALF = "float", "half"
_BYTES = {FLOAT: 4, HALF: 2}
_DTYPE: dict[str, Any] = {FLOAT: "f32", HALF: "f16"}
SUMS = (  # element, elements per thread
    ("add", FLOAT, 1),
    ("add_vectors", FLOAT, 4),
    ("add", HALF, 1),
    ("add_pairs", HALF, 2),
    ("add_four_pairs", HALF, 8),
    ("add_packs", HALF, 8),
)
BLOCKS = (32, 64, 128, 256, 512, 1024)
TOKENS = (8, 1024)
CHANNELS = 768


def _binary(kernel: str, n: int, element: str, grid: int, block: int, *more: int, **settings: Any) -> Case:
    """Two arrays of `n` elements make a third."""
    size = n * _BYTES[element]
    array = Array(bytes=size, content="random", dtype=_DTYPE[element])
    return Case(
        source="elementwise.cu",
        defines={"ELEMENT": element},
        arrays=(array, array, Array(bytes=size)),
        calls=(
            Call(
                kernel=kernel,
                grid=(grid, 1, 1),
                block=(block, 1, 1),
                arguments=(Address(array=0), Address(array=1), Address(array=2), *more),
            ),
        ),
        flops=n,
        least_bytes=3 * size,
        **settings,
    )


def product(element: str, n: int = 32 << 20, *, packs: bool, row: str) -> Case:
    """`packs` go through the array in at most 32 waves of the blocks that fit: 108 SMs of 8."""
    # Nsight Compute locks the base clock: 765 MHz (A100 40GB PCIe product brief PB-10137, table 1).
    settings: dict[str, Any] = {"table": "T35", "row": row, "gpu": "a100-pcie-40gb", "warm": False, "clock_mhz": 765.0}
    if not packs:
        return _binary("multiply", n, element, n // 256, 256, **settings)
    count, left = divmod(n, 16 // _BYTES[element])
    grid = min(-(-count // 256), 108 * 8 * 32)
    return _binary("multiply_packs", n, element, grid, 256, count, left, **settings)


def tensor_sum(kernel: str, element: str, per_thread: int, rows: int, columns: int, *, row: str) -> Case:
    """A row of the tensor per block, where a block is wide enough; else 256 elements."""
    fits = columns // per_thread <= 1024
    n, block = rows * columns, (columns if fits else 256) // per_thread
    return _binary(kernel, n, element, rows if fits else n // 256, block, n, table="T52", row=row, gpu="l20", warm=True)


def residual(block: int, n: int = TOKENS[0] * TOKENS[1] * CHANNELS, *, row: str) -> Case:
    return _binary("add", n, FLOAT, -(-n // block), block, n, table="T41", row=row, gpu="rtx3070", warm=True)


def embedding(
    kernel: str, block: int, tokens: tuple[int, int] = TOKENS, channels: int = CHANNELS, words: int = 50257, *, row: str
) -> Case:
    """Texts of `tokens` (how many, of which length) in a vocabulary of `words`."""
    texts, length = tokens
    n = texts * length * channels
    threads = n if kernel == "embed" else n // 4
    return Case(
        table="T41",
        row=row,
        gpu="rtx3070",
        source="elementwise.cu",
        defines={"ELEMENT": FLOAT},
        arrays=(
            Array(bytes=4 * n),
            Array(bytes=4 * texts * length, content="iota", dtype="i32"),
            Array(bytes=4 * words * channels, content="random"),
            Array(bytes=4 * length * channels, content="random"),
        ),
        calls=(
            Call(
                kernel=kernel,
                grid=(-(-threads // block), 1, 1),
                block=(block, 1, 1),
                arguments=(*(Address(array=i) for i in range(4)), texts, length, channels),
            ),
        ),
        flops=n,
        least_bytes=4 * (2 * n + length * channels + texts * length),
        warm=True,
    )


def gelu(kernel: str, block: int, n: int = TOKENS[0] * TOKENS[1] * CHANNELS, *, row: str) -> Case:
    return Case(
        table="T42",
        row=row,
        gpu="h100-pcie",
        source="elementwise.cu",
        defines={"ELEMENT": FLOAT},
        arrays=(Array(bytes=2 * n), Array(bytes=2 * n, content="random", dtype="bf16")),
        calls=(
            Call(
                kernel=kernel,
                grid=(-(-n // (8 * block)), 1, 1),
                block=(block, 1, 1),
                arguments=(Address(array=0), Address(array=1), n),
            ),
        ),
        flops=9 * n,
        least_bytes=4 * n,
        warm=False,
    )


CASES: tuple[Case, ...] = (
    *(
        product(element, packs=packs, row=f"T35-{1 + 2 * e + packs:02}")
        for e, element in enumerate((FLOAT, HALF))
        for packs in (False, True)
    ),
    # The measuring loop of these two pull requests (April 2024) did not yet clear the L2 between launches.
    *(embedding("embed", block, row=f"T41-{i:02}") for i, block in enumerate(BLOCKS, start=7)),
    *(embedding("embed_vectors", block, row=f"T41-{i}") for i, block in enumerate(BLOCKS, start=13)),
    *(residual(block, row=f"T41-{i}") for i, block in enumerate(BLOCKS, start=19)),
    *(gelu("gelu", block, row=f"T42-{i:02}") for i, block in enumerate(BLOCKS, start=1)),
    *(gelu("gelu_approx", block, row=f"T42-{i:02}") for i, block in enumerate(BLOCKS[:4], start=7)),
    *(
        tensor_sum(*form, n, n, row=f"T52-{first + i:02}")
        for n, first in ((1024, 1), (4096, 7))
        for i, form in enumerate(SUMS)
    ),
)
