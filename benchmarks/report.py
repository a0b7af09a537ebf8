"""What becomes of the medians: rows, means of the groups, a file, a chart."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import numpy as np

from .cases import group

Medians = dict[str, dict[str, float]]  # of each case, the seconds of each implementation

# What no case of a group should be below against PyTorch.
LEAST = {"overhead": 1.5, "kernels": 1.0, "everyday": 1.0, "matmul": 0.97, "step": 1.0}


def print_head(peers: list[str]) -> None:
    """Print the first line of the table."""
    print(f"{'µs a call (times minigrad)':<46}" + " ".join(f"{p:>21}" for p in peers))


def print_row(case: str, medians: dict[str, float], peers: list[str]) -> None:
    """Print one line of the table: microseconds, and how many times minigrad's time they are."""
    own = medians["minigrad"]
    cells = [f"{medians[p] * 1e6:12.2f} ({medians[p] / own:6.2f})" if p in medians else " " * 21 for p in peers]
    print(f"{case:<46}" + " ".join(cells), flush=True)


def ratios(medians: Medians, peer: str, of: str) -> dict[str, float]:
    """Return for the cases of a group how many times minigrad's time the peer takes."""
    own = {case: m for case, m in medians.items() if group(case) == of and peer in m}
    return {case: m[peer] / m["minigrad"] for case, m in own.items()}


def print_means(medians: Medians, peers: list[str]) -> None:
    """Print the geometric mean of each group against each peer, and the cases that miss PyTorch's target."""
    print()
    for of in dict.fromkeys(map(group, medians)):
        for peer in peers[1:]:
            values = ratios(medians, peer, of)
            if values:
                mean = np.exp(np.mean(np.log(list(values.values()))))
                print(f"{of}: {peer} takes {mean:.2f} times as long, {min(values.values()):.2f} at least")
        for case, ratio in sorted(ratios(medians, "torch", of).items(), key=lambda item: item[1]):
            if ratio < LEAST.get(of, 0.0):
                print(f"    below {LEAST[of]}: {case} ({ratio:.2f})")


def save(path: Path, medians: dict[int, Medians]) -> None:
    """Write the medians of each number of threads, with what they were measured on."""
    record: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
    }
    record["seconds"] = {str(threads): values for threads, values in medians.items()}
    path.write_text(json.dumps(record, indent=2) + "\n")


def draw_chart(path: Path, medians: Medians, peers: list[str], title: str) -> None:
    """Draw a bar for each case and peer: how many times minigrad's time it takes, on a logarithmic axis."""
    from matplotlib.figure import Figure

    cases = [case for case, m in medians.items() if len(m) > 1][::-1]
    figure = Figure(figsize=(9, 1.5 + 0.16 * len(cases) * len(peers[1:])), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / max(1, len(peers) - 1)
    for n, peer in enumerate(peers[1:]):
        drawn = [
            (i, medians[case][peer] / medians[case]["minigrad"])
            for i, case in enumerate(cases)
            if peer in medians[case]
        ]
        axes.barh([i - n * height for i, _ in drawn], [r - 1 for _, r in drawn], height, left=1, label=peer)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(cases)), cases, fontsize=7)
    axes.set_ylim(-1, len(cases))
    axes.set_xlabel("times minigrad's time")
    axes.set_title(title)
    axes.legend()
    figure.savefig(path, dpi=120)
