"""Times minigrad beside the peers that are installed.

Each implementation runs in a process of its own; rounds alternate between them, so that a slow moment of the machine
meets all. The processes are started several times: where the memory of one lies is a draw, which all its rounds share.
What is printed is the median of all rounds and its ratio to minigrad's. All cases, on one thread and on all cores, take
about an hour and a half.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from . import report
from .cases import CASES, IMPORT

PEERS = ("minigrad", "torch", "jax", "numpy")


class Effort(NamedTuple):
    """How much is measured of a case."""

    starts: int  # of the processes
    rounds: int  # of each start
    round_length: float  # seconds, about


QUICK, WHOLE = Effort(1, 3, 0.005), Effort(3, 4, 0.05)
ENOUGH = (2, 4.0)  # rounds, and seconds, after which a start leaves a case of long calls
# Too long, or much like others, for a run of a minute.
NOT_QUICK = ("4096×", "2048×2048", "1024-4096", "1024×4096", "scaling:", "rest:")


class Worker:
    """The process of one implementation."""

    def __init__(self, peer: str, threads: int, round_length: float) -> None:
        environment = dict(os.environ)
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            environment[name] = str(threads)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", peer, str(threads), str(round_length)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def time(self, case: str) -> float | None:
        """Return the seconds that one call of the case takes; None where this implementation has none."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(case, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"the process of one implementation ended in the case {case!r}")
        seconds: float | None = json.loads(answer)
        return seconds

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def workers(peers: list[str], threads: int, round_length: float) -> Iterator[dict[str, Worker]]:
    """Start a process for each implementation, and end them."""
    with ExitStack() as stack:
        started = {peer: Worker(peer, threads, round_length) for peer in peers}
        for worker in started.values():
            stack.callback(worker.close)
        yield started


def import_time(module: str) -> float | None:
    """Return the seconds that `import module` takes in a fresh process that has imported NumPy."""
    if module == "numpy":
        return None
    code = f"import time, numpy; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def rounds_of(case: str, started: dict[str, Worker], most: int) -> report.Times:
    """Return the seconds that a call takes in each round, of each implementation that has the case."""
    times: report.Times = {peer: [] for peer in started}
    start = time.perf_counter()
    for n in range(most):
        if n >= ENOUGH[0] and time.perf_counter() - start > ENOUGH[1]:
            break
        for peer, worker in started.items():
            seconds = import_time(peer) if case == IMPORT else worker.time(case)
            if seconds is not None:
                times[peer].append(seconds)
    return times


def measure(peers: list[str], cases: list[str], threads: int, effort: Effort) -> report.Medians:
    """Return for each case and peer the median of all rounds, in seconds."""
    times: dict[str, report.Times] = {case: {peer: [] for peer in peers} for case in cases}
    results: report.Medians = {}
    for start in range(1, effort.starts + 1):
        with workers(peers, threads, effort.round_length) as started:
            for case in cases:
                for peer, seconds in rounds_of(case, started, effort.rounds).items():
                    times[case][peer] += seconds
                if start == effort.starts:
                    results[case] = {peer: statistics.median(t) for peer, t in times[case].items() if t}
                    report.print_row(case, results[case], peers)
        if start < effort.starts:
            print(f"start {start} of {effort.starts} is measured", file=sys.stderr, flush=True)
    return results


def select(only: str, quick: bool) -> list[str]:
    """Return the cases whose name contains the text; a quick run leaves out the large ones."""
    chosen = [case for case in (IMPORT, *CASES) if only in case]
    return [case for case in chosen if not quick or not any(part in case for part in NOT_QUICK)]


def parse() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few short rounds on one thread: about a minute")
    parser.add_argument("--threads", type=int, nargs="*", help="threads of each implementation (default: 1, all cores)")
    parser.add_argument("--only", default="", help="cases whose name contains this; a name begins with its group")
    parser.add_argument("--rounds", type=int, help="rounds of each case and start")
    parser.add_argument("--starts", type=int, help="how often each process is started")
    parser.add_argument("--peers", default=",".join(PEERS), help="implementations, with commas between them")
    parser.add_argument("--json", type=Path, help="where to save the medians, in seconds")
    parser.add_argument("--chart", type=Path, help="where to draw the ratios; needs matplotlib")
    options = parser.parse_args()
    for problem in problems(options):
        parser.error(problem)
    return options


def problems(options: argparse.Namespace) -> Iterator[str]:
    """Yield what would fail after the measuring, or make it pointless."""
    if importlib.util.find_spec("minigrad") is None:
        yield "minigrad is not installed: pip install ."
    if min(options.rounds or 1, options.starts or 1) < 1:
        yield "--rounds and --starts: at least 1"
    unknown = [peer for peer in options.peers.split(",") if peer not in PEERS]
    if unknown:
        yield f"--peers: no implementation is called {unknown[0]}, they are {', '.join(PEERS)}"
    if not select(options.only, options.quick):
        yield f"--only: no case's name contains {options.only!r}"
    for path in (options.json, options.chart):
        if path is not None and not path.absolute().parent.is_dir():
            yield f"there is no folder {path.absolute().parent}"
    if options.chart is not None and importlib.util.find_spec("matplotlib") is None:
        yield "--chart: needs matplotlib"


def main() -> None:
    """Measure, print, save."""
    options = parse()
    wanted = [p for p in PEERS if p in options.peers.split(",") or p == "minigrad"]
    peers = [p for p in wanted if importlib.util.find_spec(p) is not None]
    print("not installed, left out:", ", ".join(p for p in wanted if p not in peers) or "none")
    effort = QUICK if options.quick else WHOLE
    effort = effort._replace(starts=options.starts or effort.starts, rounds=options.rounds or effort.rounds)
    cores = len(os.sched_getaffinity(0))
    results: dict[int, report.Medians] = {}
    for threads in options.threads or ([1] if options.quick else sorted({1, cores})):
        print(f"\nthreads: {threads}")
        report.print_head(peers)
        cases = select(options.only, options.quick)
        results[threads] = measure(peers, cases, threads, effort)
        report.print_means(results[threads], peers)
        report.print_bandwidths(results[threads])
        if options.json is not None:
            report.save(options.json, results, peers)
        if options.chart is not None:
            chart = options.chart.with_stem(f"{options.chart.stem}-{threads}")
            report.draw_chart(chart, results[threads], peers, f"Threads: {threads}")


if __name__ == "__main__":
    main()
