"""A stand-in for compute-sanitizer: it runs a command on the stand-in card and reports, in the real one's words, what
the simulated GPU found in its launches.

    python sanitizer.py FOLDER [options] COMMAND...

It takes the options of the manual ("Command Line Options") that cudagym has a use for, and refuses all others, and
values that the manual does not name. Faults asked of the card (faults.py) make it misbehave: `tool_crashes`,
`tool_hangs`, `tool_mumbles`.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from standin_driver.faults import Faults
from standin_driver.server import WATCHED, Seen

from cudagym.device import Fault

VERSION = "Version 2026.4.0.0 (build 0) (stand-in)"
_KINDS = {
    "memcheck": ("out_of_bounds", "misaligned"),
    "racecheck": ("race",),
    "initcheck": ("uninitialised",),
    "synccheck": ("barrier_divergence",),
}


def parser(name: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(name, allow_abbrev=False)
    made.add_argument("--version", action="store_true")
    return made


def sanitizer_parser() -> argparse.ArgumentParser:
    made = parser("compute-sanitizer")
    made.add_argument("--tool", choices=tuple(_KINDS), default="memcheck")
    made.add_argument("--log-file", type=Path)
    made.add_argument("--demangle", choices=("full", "simple", "no"), default="full")
    made.add_argument("--show-backtrace", choices=("no", "host", "device", "yes"), default="yes")
    made.add_argument("--print-limit", type=int, default=100)
    made.add_argument("--target-processes", choices=("application-only", "all"), default="all")
    made.add_argument("--launch-timeout", type=int)
    made.add_argument("--padding", type=int, default=0)
    made.add_argument("--report-api-errors", choices=("all", "extended", "explicit", "no"), default="extended")
    made.add_argument("--racecheck-report", choices=("all", "hazard", "analysis"), default="analysis")
    made.add_argument("--check-api-memory-access", choices=("yes", "no"), default="yes")
    made.add_argument("command", nargs=argparse.REMAINDER)
    return made


def watch(folder: Path, command: list[str]) -> list[Seen]:
    """What the card saw while the command ran, launch by launch."""
    faults, watched = Faults(folder), folder / WATCHED
    if faults.fires("tool_crashes"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if faults.fires("tool_hangs"):
        time.sleep(600)
    watched.write_text("")
    try:
        subprocess.run(command, check=False)
        return [Seen.model_validate_json(line) for line in watched.read_text().splitlines()]
    finally:
        watched.unlink()


def record(fault: Fault) -> Iterator[str]:
    """One fault as the manual's examples show it ("Understanding Memcheck Errors" and the other tools' sections)."""
    where = f"at {fault.kernel}+0x90" + (f" in candidate.cu:{fault.line}" if fault.line else "")
    thread, block = (",".join(map(str, index or (0, 0, 0))) for index in (fault.thread, fault.block))
    who = f"by thread ({thread}) in block ({block})"
    space = "__shared__" if "shared memory" in fault.message else "__global__"
    address = f"0x{fault.address or 0:x}"
    match fault.kind:
        case "out_of_bounds" | "misaligned":
            verb, size = re.search(r"(reads|writes) (\d+) bytes", fault.message).groups()
            yield f"Invalid {space} {verb[:-1]} of size {size} bytes"
            yield f"    {where}"
            yield f"    {who}"
            yield f"    Access to {address} is {'misaligned' if fault.kind == 'misaligned' else 'out of bounds'}"
            yield "    and is 4 bytes after the nearest allocation at 0x7f0000000000 of size 1,024 bytes"
        case "uninitialised":
            yield f"Uninitialized {space} memory read of size 4 bytes"
            yield f"    {where}"
            yield f"    {who}"
            yield f"    Address {address}"
        case "barrier_divergence":
            yield "Barrier error detected. Divergent thread(s) in warp"
            yield f"    {where}"
            yield f"    {who}"
        case "race":
            verbs = re.search(r"(writes|reads) .*? also (writes|uses)", fault.message).groups()
            other = re.search(r"which thread \(([\d,]+)\)(?: \(line (\d+)\))?", fault.message).groups()
            later, earlier = ("Read" if verb == "reads" else "Write" for verb in verbs)
            if verbs[1] == "uses":
                earlier = "Read"
            kind = {"RW": "WAR", "WR": "RAW", "WW": "WAW"}[earlier[0] + later[0]]
            yield f"Error: Potential {kind} hazard detected at {space} {address} in block ({block}) :"
            yield f"    {earlier} Thread ({other[0]}) at {fault.kernel}+0x80 in candidate.cu:{other[1]}"
            yield f"    {later} Thread ({thread}) {where}"
            yield "    Current Value : 1, Incoming Value : 2"


def main(folder: Path, words: list[str]) -> None:
    options = sanitizer_parser().parse_args(words)
    if options.version:
        print(f"NVIDIA (R) Compute Sanitizer\n{VERSION}")
        return
    seen = watch(folder, options.command)
    found = [fault for each in seen for fault in each.faults if fault.kind in _KINDS[options.tool]]
    lines = ["COMPUTE-SANITIZER"]
    for fault in found[: options.print_limit]:
        lines += [*record(fault), ""]
    lines.append(
        f"RACECHECK SUMMARY: {len(found)} hazards displayed ({len(found)} errors, 0 warnings)"
        if options.tool == "racecheck"
        else f"ERROR SUMMARY: {len(found)} errors"
    )
    text = "".join(f"========= {line}".rstrip() + "\n" for line in lines)
    if Faults(folder).fires("tool_mumbles"):
        text = text[: len(text) // 2].upper()
    options.log_file.write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
