"""Times minigrad beside the peers that are installed.

Each implementation runs in a process of its own; rounds alternate between them, so that a slow moment of the machine
meets all; what is printed is the median of the rounds and its ratio to minigrad's.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from .cases import CASES, IMPORT

PEERS = ("minigrad", "torch", "jax", "numpy")


class Worker:
    """The process of one implementation."""

    def __init__(self, peer: str, threads: int) -> None:
        environment = dict(os.environ)
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            environment[name] = str(threads)
        if peer == "jax" and threads == 1:
            environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", peer, str(threads)],
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
        seconds: float | None = json.loads(self._process.stdout.readline())
        return seconds

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def import_time(module: str) -> float:
    """Return the seconds that `import module` takes in a fresh process that has imported NumPy."""
    code = f"import time, numpy; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def measure(peers: list[str], cases: list[str], rounds: int, threads: int) -> dict[str, dict[str, float]]:
    """Return for each case and peer the median of the rounds, in seconds."""
    workers = {peer: Worker(peer, threads) for peer in peers}
    results: dict[str, dict[str, float]] = {}
    for case in cases:
        times: dict[str, list[float]] = {peer: [] for peer in peers}
        for _ in range(rounds):
            for peer in peers:
                if case == IMPORT:
                    seconds = None if peer == "numpy" else import_time(peer)
                else:
                    seconds = workers[peer].time(case)
                if seconds is not None:
                    times[peer].append(seconds)
        results[case] = {peer: statistics.median(t) for peer, t in times.items() if t}
        print_row(case, results[case], peers)
    for worker in workers.values():
        worker.close()
    return results


def print_row(case: str, medians: dict[str, float], peers: list[str]) -> None:
    """Print one line of the table: microseconds, and how many times minigrad's time they are."""
    own = medians["minigrad"]
    cells = [f"{medians[p] * 1e6:10.1f} ({medians[p] / own:6.2f})" if p in medians else " " * 19 for p in peers]
    print(f"{case:<32}" + " ".join(cells), flush=True)


def main() -> None:
    """Parse the command line, measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: about a minute")
    parser.add_argument("--threads", type=int, default=1, help="threads of each implementation (default 1)")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--json", type=Path, help="where to save the medians, in seconds")
    options = parser.parse_args()
    peers = [p for p in PEERS if importlib.util.find_spec(p) is not None]
    print("not installed, left out:", ", ".join(p for p in PEERS if p not in peers) or "none")
    print(f"{'µs a call (times minigrad)':<32}" + " ".join(f"{p:>19}" for p in peers))
    cases = [case for case in CASES if options.only in case]
    results = measure(peers, cases, 5 if options.quick else 31, options.threads)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
