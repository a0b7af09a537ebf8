"""Run the operator database: `python -m tests.op_db [--only sum,mean] [--quick] [--failures N] [--write-missing]`."""

from __future__ import annotations

import argparse
import sys

import torch

import minigrad

from .report import STAGES, Report
from .runner import run_operation
from .sample import MOST_ELEMENTS
from .scope import MISSING_FILE, SCOPE, missing_forms


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.op_db", description="PyTorch's samples, run in minigrad.")
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--quick", action="store_true", help="ten float64 samples an operation")
    parser.add_argument("--failures", type=int, default=3, help="how many failures of an operation to print in full")
    parser.add_argument("--write-missing", action="store_true", help="write missing.txt anew and stop")
    return parser.parse_args()


def _line(report: Report) -> str:
    counts = " ".join(f"{report.counts[stage]:>6}" for stage in ("samples", *STAGES))
    return f"{report.name:<45} {counts} {len(report.failures):>8} {report.seconds:6.1f}"


def _print_totals(total: Report, operations: int, missing: list[str]) -> None:
    print(f"\noperations {operations}")
    for what in ("samples", *STAGES):
        of = f" of {total.counts['error inputs']}" if what == "errors raised" else ""
        print(f"{what} {total.counts[what]}{of}")
    print(f"second order and forward mode: float64, inputs of at most {MOST_ELEMENTS} elements together")
    for reason, count in sorted(total.skipped.items()):
        print(f"skipped, {reason}: {count}")
    print(f"failures {len(total.failures)}, in {len({f.name for f in total.failures})} operations")
    print(f"missing: {', '.join(missing) or 'nothing'}")


def main() -> int:
    """Run, print a line for each operation and the totals; return 1 where something fails or is missing."""
    arguments = _arguments()
    if arguments.write_missing:
        MISSING_FILE.write_text("".join(f"{form}\n" for form in sorted(missing_forms(torch, minigrad))))
        return 0
    torch.set_num_threads(1)
    names = arguments.only.split(",") if arguments.only else SCOPE
    total, operations, missing = Report("total"), 0, []
    print(f"{'operation':<45} {' '.join(f'{s[:6]:>6}' for s in ('samples', *STAGES))} failures seconds")
    for name in names:
        report = run_operation(name, arguments.quick)
        if report is None:
            missing.append(name)
            continue
        operations += 1
        total.add(report)
        print(_line(report), flush=True)
        for failure in report.failures[: arguments.failures]:
            print(f"  {failure}")
    _print_totals(total, operations, missing)
    return int(bool(total.failures or missing))


sys.exit(main())
