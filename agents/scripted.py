"""The scripted teacher: kernels that are right by construction, from slow to fast, for every registered spec.

Each family has at least three structurally different algorithms, each a template in `kernels/`. Knobs (block
size, tile, items per thread) vary within an algorithm and make no new one. Nothing here is learned, and nothing
graded: a demonstration is a claim until `cudagym.grade` has confirmed it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from random import Random

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import Field

from cudagym.agents.skeletons import bind
from cudagym.errors import UsageError
from cudagym.record import Record
from cudagym.specs.spec import KernelSpec

_BLANK_LINES = re.compile(r"\n{3,}")
Knobs = Mapping[str, int]


class Demonstration(Record):
    """One source for one spec, and how it came about."""

    spec: str
    algorithm: str
    knobs: dict[str, int]
    source: str


class Algorithm(Record):
    """One way of computing a family's kernels."""

    name: str
    family: str
    skeleton: str
    """Which set of templates: `<skeleton>_<name>.cu`."""
    description: str
    knobs: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    """The values each knob may take, the default first."""

    @property
    def template(self) -> str:
        return f"{self.skeleton}_{self.name}"

    @property
    def defaults(self) -> dict[str, int]:
        return {knob: values[0] for knob, values in self.knobs.items()}

    def settings(self) -> list[dict[str, int]]:
        """Every combination of knob values, the defaults first; a square of tile / per threads is at most 16 wide, as
        1024 threads would have too few registers for their sums."""
        combined = [dict(zip(self.knobs, values, strict=True)) for values in itertools.product(*self.knobs.values())]
        return [knobs for knobs in combined if "per" not in knobs or knobs["tile"] <= 16 * knobs["per"]]

    def supports(self, spec: KernelSpec) -> bool:
        """Whether `write` can make this algorithm compute `spec`."""
        return spec.family == self.family and bind(self.template, spec) is not None

    def write(self, spec: KernelSpec, knobs: Knobs | None = None) -> str:
        """The CUDA source, one translation unit defining `solve`.

        Knobs left out take their defaults. Raises UsageError for a spec the algorithm does not support and for
        a knob or value it does not have.
        """
        chosen = {**self.defaults, **(knobs or {})}
        for knob, value in chosen.items():
            if value not in self.knobs.get(knob, ()):
                known = ", ".join(f"{name} in {values}" for name, values in self.knobs.items())
                raise UsageError(f"algorithm {self.name} has no setting {knob}={value}; it has {known or 'no knobs'}")
        variables = bind(self.template, spec) if spec.family == self.family else None
        if variables is None:
            raise UsageError(f"algorithm {self.name} of family {self.family} does not fit spec {spec.name}")
        template = _environment().get_template(f"{self.template}.cu")
        source = template.render(algorithm=self.name, **variables, **chosen)
        return _BLANK_LINES.sub("\n\n", source)  # An empty piece of a template leaves two.


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "kernels"),
        variable_start_string="${",
        variable_end_string="}",
        line_statement_prefix="%%",
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )


Choices = dict[str, tuple[int, ...]]
Row = tuple[str, str, Choices]

_BLOCK: Choices = {"block": (256, 128, 512)}
_WARPS: Choices = {"block": (256, 128)}

_MAPS: tuple[Row, ...] = (
    ("chunk_per_thread", "neighbouring elements per thread: strided accesses", {**_BLOCK, "items": (16, 8)}),
    ("thread_per_element", "one thread per element", _BLOCK),
    ("grid_stride", "a fixed grid strides over the elements", {**_BLOCK, "blocks": (2112, 1056)}),
    ("block_per_row", "one block per row: no division to find the column", _BLOCK),
    ("packed", "16 bytes per access, the tail one by one", _BLOCK),
    (
        "packed_row",
        "a fixed grid over rows, 16 bytes per access where they are aligned",
        {**_BLOCK, "blocks": (528, 1056)},
    ),
)
_PRODUCTS: tuple[Row, ...] = (
    ("thread_per_output", "one thread per element of C, operands from global memory", _BLOCK),
    ("shared_tile", "tiles of both operands in shared memory, one element per thread", {"tile": (16, 32)}),
    (
        "register_tile",
        "tiles in shared memory, a square of sums in each thread's registers",
        {"tile": (64, 128), "per": (4, 8), "depth": (16, 8)},
    ),
    ("packed_tile", "large tiles read 16 bytes at a time, 8 x 8 sums per thread", {"depth": (8, 16)}),
)

# Per skeleton: the families it serves, and (name, description, knobs) of its algorithms from slow to fast.
_TABLE: tuple[tuple[str, tuple[str, ...], tuple[Row, ...]], ...] = (
    ("map", ("elementwise", "fused_elementwise"), _MAPS),
    (
        "reduce",
        ("reduction", "loss"),
        (
            ("single_block", "one block walks the whole vector", {"block": (1024, 512, 256)}),
            ("shared_tree", "a tree in shared memory per block, a second launch for the rest", _BLOCK),
            ("atomic_per_thread", "a partial and an atomic per thread", {**_BLOCK, "blocks": (1056, 528)}),
            ("shuffle_atomic", "warp shuffles, one atomic per warp", {**_BLOCK, "blocks": (1056, 528)}),
            (
                "packed_shuffle",
                "16-byte loads, warp shuffles, one atomic per warp",
                {**_BLOCK, "blocks": (1056, 528)},
            ),
        ),
    ),
    (
        "row_reduce",
        ("reduction",),
        (
            ("thread_per_row", "one thread per row: strided accesses", _BLOCK),
            ("warp_per_row", "one warp per row, shuffles only", _WARPS),
            ("block_per_row", "one block per row, a tree in shared memory", _BLOCK),
            ("packed_warp", "one warp per row, 16-byte loads where rows are aligned, shuffles", _WARPS),
        ),
    ),
    (
        "softmax",
        ("softmax",),
        (
            ("thread_per_row", "one thread per row: strided accesses", _BLOCK),
            ("block_three_pass", "one block per row reads it three times, trees in shared memory", _BLOCK),
            ("warp_online", "one warp per row reads it twice, maximum and sum in one pass", _WARPS),
            ("block_packed", "one block per row, 16 bytes per access where rows are aligned", _BLOCK),
        ),
    ),
    (
        "norm",
        ("norm",),
        (
            ("thread_per_row", "one thread per row: strided accesses", _BLOCK),
            ("block_per_row", "one block per row, trees in shared memory", _BLOCK),
            ("warp_per_row", "one warp per row, shuffles only", _WARPS),
            (
                "block_packed",
                "a fixed grid over rows, 16 bytes per access where they are aligned",
                {**_BLOCK, "blocks": (792, 1056)},
            ),
        ),
    ),
    (
        "permutation",
        ("permutation",),
        (
            ("thread_per_row", "one thread per row: strided loads, contiguous stores", _BLOCK),
            ("thread_per_element", "one thread per element: strided stores", _BLOCK),
            ("packed_rows", "four short rows per thread, wide loads and stores", _BLOCK),
            ("shared_tile", "tiles through padded shared memory, one element per thread", {"tile": (32, 16)}),
            ("shared_tile_rows", "tiles through padded shared memory, several rows per thread", _BLOCK),
        ),
    ),
    (
        "each",
        ("permutation", "matmul", "attention", "convolution", "pooling", "stencil"),
        (
            ("thread_per_output", "one thread per output element", _BLOCK),
            ("block_per_row", "one block per row of the output: coordinates are taken apart once", _BLOCK),
        ),
    ),
    (
        "team",
        ("reduction", "norm", "quantized_matmul", "loss"),
        (
            ("thread", "one thread per unit of work, a row or a channel", _BLOCK),
            ("warp", "one warp per unit of work, shuffles", _WARPS),
            ("block", "one block per unit of work, trees in shared memory", _BLOCK),
        ),
    ),
    ("matmul", ("matmul", "quantized_matmul"), _PRODUCTS),
    (
        "matmul",
        ("matmul",),
        (
            ("tensor_tile", "tiles in shared memory, products on the tensor cores", {"depth": (32, 16)}),
            ("tensor_packed", "large tiles read 16 bytes at a time, products on the tensor cores", {}),
        ),
    ),
    (
        "matmul",
        ("quantized_matmul",),
        (
            (
                "dot4_tile",
                "bytes packed by four in shared memory, four products per instruction",
                {"tile": (64,), "per": (4,), "depth": (32, 16)},
            ),
        ),
    ),
    (
        "attention",
        ("attention",),
        (
            ("three_launches", "scores in scratch memory, softmax, weighted sum", _BLOCK),
            ("block_per_query", "one block per query, softmax online over blocks of keys", {"block": (128, 256)}),
            ("warp_per_query", "one warp per query, tiles of keys and values in shared memory", _WARPS),
            ("tile_flash", "tiles of queries, keys and values, sums in registers", {}),
        ),
    ),
    (
        "stream",
        ("attention",),
        (
            ("keys_by_warp", "one warp per query streams keys and values from global memory", _WARPS),
            ("keys_by_block", "the warps of a block share the keys of one query", {"block": (128, 256)}),
            ("split_keys", "several blocks share the keys of one query", {"block": (128, 256), "splits": (16, 32)}),
        ),
    ),
    (
        "row_scan",
        ("scan",),
        (
            ("thread_per_row", "one thread per row: strided accesses", _BLOCK),
            ("block_tree", "one block per row, doubling steps in shared memory", _BLOCK),
            ("block_shuffle", "one block per row, shuffles within warps", _BLOCK),
            ("warp_per_row", "one warp per row, shuffles and a carry", _WARPS),
        ),
    ),
    (
        "scan",
        ("scan",),
        (
            ("single_block", "one block walks the vector with a carry", {"block": (1024, 512, 256)}),
            ("three_phase", "scan blocks, scan their totals, add them", _BLOCK),
            ("reduce_then_scan", "sum chunks, scan the sums, scan chunks", {**_BLOCK, "items": (8, 4)}),
            ("look_back", "one pass: each block waits for the sums before it", {**_BLOCK, "items": (4, 8)}),
        ),
    ),
    (
        "histogram",
        ("histogram",),
        (
            ("global_atomics", "an atomic in device memory per element", {**_BLOCK, "blocks": (1056, 528)}),
            ("matched", "lanes of a warp with equal values share an atomic", {**_BLOCK, "blocks": (1056, 528)}),
            (
                "shared_counters",
                "counters of each block in shared memory, added up at the end",
                {**_BLOCK, "blocks": (1056, 528)},
            ),
        ),
    ),
    (
        "compaction",
        ("compaction",),
        (
            ("three_phase", "count by blocks, scan the counts, move", _BLOCK),
            ("ballots", "count by warps with ballots, scan the counts, move", {**_BLOCK, "items": (32, 16)}),
        ),
    ),
    (
        "sort",
        ("sort",),
        (
            ("rank", "every element counts those before it", _BLOCK),
            ("bitonic", "a comparison network in shared memory, one block per row", _BLOCK),
        ),
    ),
    (
        "top",
        ("sort",),
        (
            ("thread_per_row", "one thread per row keeps its best in registers", _BLOCK),
            ("warp_per_row", "the lanes of a warp keep their best, then merge them by shuffles", _WARPS),
        ),
    ),
)
_ALGORITHMS = tuple(
    Algorithm(name=name, family=family, skeleton=skeleton, description=description, knobs=knobs)
    for skeleton, families, rows in _TABLE
    for family in families
    for name, description, knobs in rows
)


def algorithms(family: str) -> tuple[Algorithm, ...]:
    """A family's algorithms, from slow to fast. Raises UsageError for an unknown one."""
    found = tuple(algorithm for algorithm in _ALGORITHMS if algorithm.family == family)
    if not found:
        known = ", ".join(dict.fromkeys(algorithm.family for algorithm in _ALGORITHMS))
        raise UsageError(f"the scripted teacher knows no family {family!r}; it knows {known}")
    return found


class ScriptedTeacher:
    """Writes demonstrations for any spec that one of its algorithms supports."""

    def ladder(self, spec: KernelSpec) -> list[Demonstration]:
        """One demonstration per algorithm, slow to fast, with default knobs.

        Raises UsageError when no algorithm supports the spec.
        """
        return [_demonstrate(algorithm, spec, algorithm.defaults) for algorithm in _fitting(spec)]

    def sources(self, spec: KernelSpec, *, limit: int | None = None, seed: int = 0) -> Iterator[Demonstration]:
        """Distinct demonstrations in rounds: the ladder first, then each algorithm with other knobs.

        `limit` is the most to yield; `seed` orders the knobs of later rounds. Raises UsageError when no algorithm
        supports the spec.
        """
        random = Random(seed)
        queues = []
        for algorithm in _fitting(spec):
            first, *others = algorithm.settings()
            random.shuffle(others)
            queues.append([_demonstrate(algorithm, spec, knobs) for knobs in (first, *others)])
        rounds = itertools.chain.from_iterable(itertools.zip_longest(*queues))
        return itertools.islice((demonstration for demonstration in rounds if demonstration), limit)


def _fitting(spec: KernelSpec) -> list[Algorithm]:
    found = [algorithm for algorithm in algorithms(spec.family) if algorithm.supports(spec)]
    if not found:
        raise UsageError(
            f"the scripted teacher has no algorithm for spec {spec.name}: it knows the operations of the "
            f"registered specs only. Bring demonstrations of your own for it, or train without them."
        )
    return found


def _demonstrate(algorithm: Algorithm, spec: KernelSpec, knobs: Knobs) -> Demonstration:
    return Demonstration(
        spec=spec.name, algorithm=algorithm.name, knobs=dict(knobs), source=algorithm.write(spec, knobs)
    )
