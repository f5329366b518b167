"""Copies by element size."""

from __future__ import annotations

from benchmarks.clock.cases import Address, Array, Call, Case

SIZES = (2**18, 2**21, 2**27)
ELEMENTS = {1: "char", 2: "short", 4: "int", 8: "long long"}


def copy(kernel: str, n: int, element: int, *, chunk: int = 0, row: str) -> Case:
    """`n` elements of `element` bytes, with a thread for each `chunk` of bytes (0: for each element)."""
    size = n * element
    threads = -(-size // chunk) if chunk else n
    return Case(
        table="T47",
        row=row,
        gpu="rtx3090",
        source="copy.cu",
        defines={"ELEMENT": ELEMENTS[element]},
        arrays=(Array(bytes=size), Array(bytes=size, content="random", dtype="i8")),
        calls=(
            Call(
                kernel=kernel,
                grid=(-(-threads // 1024), 1, 1),
                block=(1024, 1, 1),
                arguments=(Address(array=0), Address(array=1), n),
            ),
        ),
        flops=0,
        least_bytes=2 * size,
        warm=True,
    )


# The table's launcher takes the width for its grid alone: the kernel moves 8 bytes per thread whatever the row says.
# So of the 4-byte row's threads half do nothing, and those of the 16-byte row take two turns.
_KERNELS = (("copy_elements", 0), ("copy_shared", 0), ("copy_words", 4), ("copy_words", 8), ("copy_words", 16))

CASES: tuple[Case, ...] = tuple(
    copy(kernel, n, element, chunk=chunk, row=f"T47-{13 + 12 * k + 4 * s + e}")
    for k, (kernel, chunk) in enumerate(_KERNELS)
    for s, n in enumerate(SIZES)
    for e, element in enumerate(ELEMENTS)
)
