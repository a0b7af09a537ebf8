"""One implementation in a process of its own: reads a case a line, answers with the seconds of a round."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any


def _limit_threads(peer: str, threads: int) -> None:
    if peer == "torch":
        import torch

        torch.set_num_threads(threads)
    if peer == "jax":  # nothing else limits them
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _spent(run: Callable[[], Any], calls: int) -> float:
    """Return the seconds that so many calls take."""
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return time.perf_counter() - start


def _calls_a_round(run: Callable[[], Any], round_length: float) -> int:
    """Return how many calls make a round, after having warmed up."""
    run()
    calls = 1
    while True:
        spent = _spent(run, calls)
        if spent > round_length / 2:
            return max(1, round(calls * round_length / spent))
        calls *= 2


def _settle() -> None:
    """Wait until this process is idle: threads that look for more work would slow the next implementation's round."""
    for _ in range(100):
        before = time.process_time()
        time.sleep(0.01)
        if time.process_time() - before < 0.001:
            return


def _prepare(peer: str, case: str, round_length: float) -> tuple[Callable[[], Any], int] | None:
    """Return what the case calls and how often a round does; None where this implementation has none."""
    from .cases import CASES

    try:
        run = CASES[case](peer)
    except KeyError:
        return None
    return run, _calls_a_round(run, round_length)


def main() -> None:
    """Answer until there is nothing more to read. Only the operands of the last case are kept."""
    peer, threads, round_length = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    _limit_threads(peer, threads)
    warnings.simplefilter("ignore")
    name, prepared = "", None
    for line in sys.stdin:
        if line.strip() != name:
            name, prepared = line.strip(), None
            prepared = _prepare(peer, name, round_length)
        answer = None if prepared is None else _spent(*prepared) / prepared[1]
        if threads > 1:
            _settle()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
