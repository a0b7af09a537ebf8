"""One implementation in a process of its own: reads a case a line, answers with the seconds of a round."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

ROUND = 0.05  # seconds that one round lasts, about


def _limit_threads(peer: str, threads: int) -> None:
    if peer == "torch":
        import torch

        torch.set_num_threads(threads)


def _calls_a_round(run: Callable[[], Any]) -> int:
    """Return how many calls make a round, after having warmed up."""
    run()
    calls = 1
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            run()
        spent = time.perf_counter() - start
        if spent > ROUND / 2:
            return max(1, round(calls * ROUND / spent))
        calls *= 2


def main() -> None:
    """Answer until there is nothing more to read."""
    from . import cases

    peer, threads = sys.argv[1], int(sys.argv[2])
    _limit_threads(peer, threads)
    prepared: dict[str, tuple[Callable[[], Any], int]] = {}
    for line in sys.stdin:
        case = line.strip()
        if case not in prepared:
            try:
                run = cases.make(peer, case)
            except KeyError:
                print(json.dumps(None), flush=True)
                continue
            prepared[case] = run, _calls_a_round(run)
        run, calls = prepared[case]
        start = time.perf_counter()
        for _ in range(calls):
            run()
        print(json.dumps((time.perf_counter() - start) / calls), flush=True)


if __name__ == "__main__":
    main()
