"""Run the module database: `python -m tests.op_db.modules [names]`; prints a line for each module and the totals."""

from __future__ import annotations

import sys

import torch

from ..report import Report
from .runner import SCOPE, STAGES, run_module


def main() -> int:
    """Run; return 1 where something fails."""
    torch.set_num_threads(1)
    total = Report("total")
    print(f"{'module':<28} {' '.join(f'{s[:8]:>8}' for s in ('samples', *STAGES))} failures seconds")
    for info in SCOPE:
        if sys.argv[1:] and info.module_cls.__name__ not in sys.argv[1:]:
            continue
        report = run_module(info)
        total.add(report)
        counts = " ".join(f"{report.counts[stage]:>8}" for stage in ("samples", *STAGES))
        print(f"{report.name:<28} {counts} {len(report.failures):>8} {report.seconds:6.1f}", flush=True)
        for failure in report.failures[:3]:
            print(f"  {failure}")
    print(f"\nmodules {len(SCOPE)}")
    for what in ("samples", *STAGES):
        print(f"{what} {total.counts[what]}" + (f" of {total.counts['error inputs']}" if what == STAGES[-1] else ""))
    for reason, count in sorted(total.skipped.items()):
        print(f"skipped, {reason}: {count}")
    print(f"failures {len(total.failures)}, in {len({f.name for f in total.failures})} modules")
    return int(bool(total.failures))


sys.exit(main())
