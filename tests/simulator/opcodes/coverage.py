"""Runs the case of every row of `opcodes.csv`, then injects errors, and prints how it went: `make ptx-coverage`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cudagym.errors import CudagymError
from cudagym.hardware import gpu
from cudagym.simulator.machine import Machine
from opcodes.injection import mutants
from opcodes.table import Row, cases, rows, uncovered


def share(covered: Iterable[int], listed: Iterable[int]) -> str:
    """The share of two counts, in words."""
    part, whole = sum(covered), sum(listed)
    return f"{part:>7} of {whole:>7}  {100 * part / whole:5.1f} %"


def main() -> int:
    """Prints the table. Returns 1 when a case fails."""
    machine, known, listed, reasons = Machine(gpu("h100")), cases(), rows(), uncovered()
    failed: dict[str, str] = {}
    for name, case in known.items():
        try:
            wrong = case.run(machine)
        except (CudagymError, AssertionError) as error:
            wrong = [str(error)]
        if wrong:
            failed[name] = wrong[0]
    covered = {row for row in listed if row.name in known and row.name not in failed}
    by_opcode: dict[str, list[Row]] = {}
    for row in listed:
        by_opcode.setdefault(row.opcode, []).append(row)
    print(f"{'opcode':<12} {'rows':>9} {'uses':>17}")
    for opcode, group in sorted(by_opcode.items(), key=lambda item: -sum(row.count for row in item[1])):
        done = [row for row in group if row in covered]
        uses = f"{sum(row.count for row in done)}/{sum(row.count for row in group)}"
        print(f"{opcode:<12} {f'{len(done)}/{len(group)}':>9} {uses:>17}")
    print(f"\nrows covered {share([1] * len(covered), [1] * len(listed))}")
    print(f"uses covered {share([row.count for row in covered], [row.count for row in listed])}")
    for row in listed:
        if row not in covered:
            print(f"  {row.name}: {failed.get(row.name) or reasons.get(row.name, 'no case')}")
    injected = [(case.name, *mutant) for case in known.values() for mutant in mutants(case)]
    survivors = [f"{name} {what}" for name, what, mutant in injected if not mutant.run(machine, checked=False)]
    print(f"injected errors found {len(injected) - len(survivors)} of {len(injected)}", *survivors, sep="\n  ")
    return 1 if failed or survivors else 0


if __name__ == "__main__":
    sys.exit(main())
