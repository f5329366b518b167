"""Nsight Compute: which metrics are asked for, and what they come to as the simulated GPU's Counters.

Metric names are those of "Nsight Compute", section "Metrics Reference", and exist alike from sm_75 on. The raw page as
CSV has a row per kernel and a column per metric, and a row of units below the names ("Nsight Compute CLI", "Output
Pages", --page raw); lines that begin with == are the tool's own.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cudagym.build.program import Launch, Program
from cudagym.device import Buffer, Counters, KernelTime, LaunchRun, Run
from cudagym.hardware import GPU
from cudagym.simulator.clock.bounds import INSTRUCTIONS_PER_PTX
from cudagym.simulator.clock.program import predict

_SECTORS_PER_LINE, _WARP = 4, 32
_FLOATS = {
    kind: tuple(f"smsp__sass_thread_inst_executed_op_{letter}{op}_pred_on.sum" for op in ("add", "mul", "fma"))
    for kind, letter in (("fp32", "f"), ("fp64", "d"), ("fp16", "h"))
}
_PLAIN = {
    "instructions": "smsp__inst_executed.sum",
    "active_lanes": "smsp__thread_inst_executed.sum",
    "warps": "smsp__warps_launched.sum",
    "global_loads": "l1tex__t_requests_pipe_lsu_mem_global_op_ld.sum",
    "global_stores": "l1tex__t_requests_pipe_lsu_mem_global_op_st.sum",
    "global_load_sectors": "l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum",
    "global_store_sectors": "l1tex__t_sectors_pipe_lsu_mem_global_op_st.sum",
    "unique_load_sectors": "lts__t_sectors_op_read.sum",
    "unique_store_sectors": "lts__t_sectors_op_write.sum",
    "shared_loads": "smsp__inst_executed_op_shared_ld.sum",
    "shared_stores": "smsp__inst_executed_op_shared_st.sum",
    "shared_wavefronts": "l1tex__data_pipe_lsu_wavefronts_mem_shared.sum",
    "local_loads": "smsp__inst_executed_op_local_ld.sum",
    "local_stores": "smsp__inst_executed_op_local_st.sum",
}
"""By the name of a counter. What the L1 asks of the L2 stands for a block's distinct sectors."""
METRICS = (*_PLAIN.values(), *(name for names in _FLOATS.values() for name in names))
_KERNEL = "Kernel Name"
_NO_PERMISSION = "ERR_NVGPUCTRPERM"


def arguments(report: Path) -> list[str]:
    """How the tool is asked ("Command Line Options"). It may change no clocks: that is the owner's to do."""
    return [
        "--csv",
        *("--page", "raw"),
        *("--print-units", "base"),
        *("--print-kernel-base", "mangled"),
        *("--clock-control", "none"),
        *("--target-processes", "application-only"),
        *("--log-file", str(report)),
        *("--metrics", ",".join(METRICS)),
    ]


def counters(report: str, program: Program) -> tuple[Counters, ...]:
    """What was counted in each launch; nothing where one cannot be read. Never raises."""
    launches = program.plan.launches
    rows = list(_rows(report))
    if [row.get(_KERNEL) for row in rows] != [launch.kernel for launch in launches]:
        return ()  # other launches than ours, or some that were not profiled: nobody knows which is which
    found = [_counted(row, launch) for row, launch in zip(rows, launches, strict=True)]
    known = tuple(counted for counted in found if counted is not None)
    return known if len(known) == len(found) else ()


def limits(
    counted: Sequence[Counters], program: Program, buffers: Sequence[Buffer], gpu: GPU
) -> tuple[KernelTime, ...]:
    """What bounds each launch: what the simulated GPU would say of the same counts, in the same words."""
    launches = tuple(
        LaunchRun(
            kernel=launch.kernel,
            blocks=launch.blocks,
            complete=True,
            instructions=each.instructions,
            global_accesses=each.global_loads + each.global_stores,
            counters=each,
        )
        for launch, each in zip(program.plan.launches, counted, strict=True)
    )
    return predict(gpu, program, Run(launches=launches, seconds=0), buffers).kernels


def excuse(said: str) -> str:
    """Why there are no figures, as far as the tool said."""
    if _NO_PERMISSION in said:
        return (
            f"ncu may not read the card's counters ({_NO_PERMISSION}): an administrator can allow it, see NVIDIA's page"
            " of that name"
        )
    error = re.search(r"==ERROR== (.{1,200})", said)
    return f"ncu gave no figures: {error[1].strip()}" if error else "ncu gave no figures that can be read"


def _rows(report: str) -> Iterator[Mapping[str, str]]:
    lines = [line for line in report.splitlines() if line.startswith('"')]
    try:
        reader = csv.DictReader(lines)
        next(reader, None)  # units
        yield from reader
    except csv.Error:
        return


def _counted(row: Mapping[str, str], launch: Launch) -> Counters | None:
    values = {name: _number(row.get(name)) for name in METRICS}
    if any(value is None for value in values.values()):
        return None
    known = {name: value or 0.0 for name, value in values.items()}
    plain = {counter: known[name] for counter, name in _PLAIN.items()}
    floats = {kind: sum(known[name] for name in names) / _WARP for kind, names in _FLOATS.items()}
    for counter in ("instructions", "active_lanes"):
        plain[counter] /= INSTRUCTIONS_PER_PTX
    # Lines are not counted, but a line has four sectors: this many at least.
    lines = {f"global_{act}_lines": plain[f"global_{act}_sectors"] / _SECTORS_PER_LINE for act in ("load", "store")}
    figures = {name: round(value) for name, value in (plain | floats | lines).items()}
    return Counters(blocks=launch.blocks, **figures)


def _number(text: str | None) -> float | None:
    """A metric's value; None for what is none, as `n/a`."""
    try:
        value = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
