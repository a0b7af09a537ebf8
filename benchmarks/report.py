"""What becomes of the medians: rows, means of the groups, a file, a chart."""

from __future__ import annotations

import importlib
import json
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

from .cases import group, scaling

Times = dict[str, list[float]]  # of each implementation, the seconds of each round
Medians = dict[str, dict[str, float]]  # of each case, the seconds of each implementation

MOST_BARS = 60  # of cases in a chart: of more, the groups are drawn

# What no case of a group should be below against PyTorch.
LEAST = {"overhead": 1.5, "kernels": 1.0, "everyday": 1.0, "rest": 1.0, "matmul": 0.97, "step": 1.0}


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


def print_bandwidths(medians: Medians) -> None:
    """Print what the kernels that wait for memory move, beside what a copy of as many numbers does."""
    for case, (rate, of_copy) in scaling.bandwidths({c: m["minigrad"] for c, m in medians.items()}).items():
        print(f"{case}: {rate:.1f} GB/s, {of_copy:.2f} times a copy's")


def processor() -> str:
    """Return the name of the processor, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", maxsplit=1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def save(path: Path, medians: dict[int, Medians], peers: list[str]) -> None:
    """Write the medians of each number of threads, with what they were measured on."""
    record: dict[str, Any] = {
        "machine": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "versions": {peer: importlib.import_module(peer).__version__ for peer in peers},
    }
    record["seconds"] = {str(threads): values for threads, values in medians.items()}
    path.write_text(json.dumps(record, indent=2) + "\n")


def _lines(medians: Medians, peers: list[str]) -> dict[str, dict[str, list[float]]]:
    """Return the chart's lines, each with the ratios of every peer: the cases, or where they are many the groups."""
    cases = [case for case, m in medians.items() if len(m) > 1]
    lines: dict[str, dict[str, list[float]]] = {}
    if len(cases) > MOST_BARS:
        for of in dict.fromkeys(map(group, cases)):
            found = {peer: list(ratios(medians, peer, of).values()) for peer in peers[1:]}
            lines[f"{of}: mean of {max(map(len, found.values()))}"] = {p: r for p, r in found.items() if r}
        cases = [case for case in cases if group(case) == "step"]
    for case in cases:
        own = medians[case]["minigrad"]
        lines[case] = {peer: [medians[case][peer] / own] for peer in peers[1:] if peer in medians[case]}
    return lines


def draw_chart(path: Path, medians: Medians, peers: list[str], title: str) -> None:
    """Draw a bar for each case and peer: how many times minigrad's time it takes, on a logarithmic axis.

    Where there are many cases, a bar is the geometric mean of a group, a thin line goes from its least to its greatest
    ratio, and only training steps have bars of their own.
    """
    from matplotlib.figure import Figure

    lines = _lines(medians, peers)
    figure = Figure(figsize=(9, 1.5 + 0.15 * len(lines) * len(peers)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / max(1, len(peers) - 1)
    for n, peer in enumerate(peers[1:]):
        places = [i + n * height for i, of in enumerate(lines.values()) if peer in of]
        found = [np.array(of[peer]) for of in lines.values() if peer in of]
        means = [float(np.exp(np.log(r).mean())) for r in found]
        axes.barh(places, [m - 1 for m in means], height, left=1, label=peer)
        axes.hlines(places, [r.min() for r in found], [r.max() for r in found], color="black", linewidth=0.6)
        for place, mean, r in zip(places, means, found, strict=True):
            axes.text(max(1, r.max()) * 1.03, place, f"{mean:.2g}", va="center", fontsize=6)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks([i + height * (len(peers) - 2) / 2 for i in range(len(lines))], list(lines), fontsize=7)
    axes.set_ylim(len(lines), -1)
    axes.set_xlabel("times minigrad's time")
    axes.set_title(title)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    figure.savefig(path, dpi=120)
