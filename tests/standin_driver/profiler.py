"""A stand-in for ncu: it runs a command on the stand-in card and writes, as the raw page of a CSV, what the simulated
GPU counted in its launches.

    python profiler.py FOLDER [options] COMMAND...

Options and values are those of "Nsight Compute CLI", "Command Line Options". `tool_not_permitted`, asked of the card
(faults.py), makes it say that the user may not read counters.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from standin_driver.faults import Faults
from standin_driver.sanitizer import parser, watch

from cudagym.device import Counters

_SASS_PER_PTX = 0.75


def metrics_of(c: Counters) -> dict[str, float]:
    """A card's metrics for what the simulated GPU counted."""
    l1, sass = "l1tex__t_{}_pipe_lsu_mem_global_op_{}.sum", "smsp__sass_thread_inst_executed_op_{}_pred_on.sum"
    return {
        "smsp__inst_executed.sum": c.instructions * _SASS_PER_PTX,
        "smsp__thread_inst_executed.sum": c.active_lanes * _SASS_PER_PTX,
        "smsp__warps_launched.sum": c.warps,
        l1.format("requests", "ld"): c.global_loads,
        l1.format("requests", "st"): c.global_stores,
        l1.format("sectors", "ld"): c.global_load_sectors,
        l1.format("sectors", "st"): c.global_store_sectors,
        "lts__t_sectors_op_read.sum": c.unique_load_sectors,
        "lts__t_sectors_op_write.sum": c.unique_store_sectors,
        "smsp__inst_executed_op_shared_ld.sum": c.shared_loads,
        "smsp__inst_executed_op_shared_st.sum": c.shared_stores,
        "l1tex__data_pipe_lsu_wavefronts_mem_shared.sum": c.shared_wavefronts,
        "smsp__inst_executed_op_local_ld.sum": c.local_loads,
        "smsp__inst_executed_op_local_st.sum": c.local_stores,
        **{sass.format(f"{kind}{op}"): 0 for kind in "fdh" for op in ("add", "mul")},
        **{sass.format(f"{kind}fma"): 32 * n for kind, n in (("f", c.fp32), ("d", c.fp64), ("h", c.fp16))},
    }


def ncu_parser() -> argparse.ArgumentParser:
    made = parser("ncu")
    made.add_argument("--csv", action="store_true")
    made.add_argument("--page", choices=("details", "raw", "source", "session"))
    made.add_argument("--print-units", choices=("auto", "base"))
    made.add_argument("--print-kernel-base", choices=("function", "demangled", "mangled"))
    made.add_argument("--clock-control", choices=("base", "boost", "none", "reset"))
    made.add_argument("--target-processes", choices=("application-only", "all"))
    made.add_argument("--log-file", type=Path)
    made.add_argument("--metrics")
    made.add_argument("command", nargs=argparse.REMAINDER)
    return made


def main(folder: Path, words: list[str]) -> None:
    options = ncu_parser().parse_args(words)
    if options.version:
        print("NVIDIA (R) Nsight Compute Command Line Profiler\nVersion 2026.1.0.0 (build 0) (stand-in)")
        return
    wanted = options.metrics.split(",")
    with options.log_file.open("w") as file:
        print("==PROF== Connected to process 1", file=file)
        if Faults(folder).fires("tool_not_permitted"):
            print(
                "==ERROR== ERR_NVGPUCTRPERM - The user does not have permission to access NVIDIA GPU Performance"
                " Counters on the target device 0.",
                file=file,
            )
            sys.exit(1)
        seen = watch(folder, options.command)
        if unknown := set(wanted) - set(metrics_of(Counters())):
            print(f"==ERROR== Failed to find metric {min(unknown)}", file=file)
            sys.exit(1)
        table = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        table.writerow(["ID", "Process ID", "Kernel Name", "Block Size", "Grid Size", *wanted])
        table.writerow(["", "", "", "block", "grid", *("inst" if "inst" in name else "" for name in wanted)])
        for number, each in enumerate(seen):
            metrics, launch = metrics_of(each.counters or Counters()), each.launch
            values = [f"{metrics[name]:,.0f}" for name in wanted]
            table.writerow([number, 1, launch.kernel, launch.block, launch.grid, *values])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
