"""What ``minigrad train`` draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .._extras import require
from ..graph import Array
from . import metrics
from .preparation import Classes
from .recipe import Result, scores

NUMBERED = 30  # up to this many classes the cells of a confusion matrix have numbers


def draw(result: Result, folder: Path, name: str) -> list[Path]:
    """Write the learning curves, and the confusion matrix or the residuals of the last part; return the files."""
    curves = folder / f"{name}-curves.png"
    result.history.plot(curves, title=f"{result.problem.title}, seed {result.settings.seed}")
    scored = "test" if "test" in result.problem.parts else list(result.problem.parts)[-1]
    samples, target = result.problem.parts[scored], result.problem.target
    output = scores(result.model, samples.x)
    if isinstance(target, Classes):
        path = folder / f"{name}-confusion.png"
        _confusion(metrics.confusion(output, samples.y._array, len(target.values)), target.values, scored, path)
    else:
        path = folder / f"{name}-residuals.png"
        predicted, true = (a[:, 0].astype(np.float64) * target.std + target.mean for a in (output, samples.y._array))
        _residuals(predicted, true, f"{target.name}, {scored}", path)
    return [curves, path]


def _new_figure(width: float, height: float) -> Any:
    return require("matplotlib.figure", "train", "minigrad train").Figure(figsize=(width, height), layout="constrained")


def _confusion(table: Array, names: list[str], scored: str, path: Path) -> None:
    size = min(14.0, 3.0 + 0.4 * len(names))
    figure = _new_figure(size + 1, size)
    axes = figure.add_subplot()
    share = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    figure.colorbar(axes.imshow(share, cmap="Blues", vmin=0, vmax=1), label="share of the row")
    if len(names) <= NUMBERED:
        for (i, j), count in np.ndenumerate(table):
            if count:
                color = "white" if share[i, j] > 0.5 else "black"
                axes.text(j, i, str(count), ha="center", va="center", color=color, fontsize=8)
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"{scored}: {100 * table.trace() / max(1, table.sum()):.1f} % right")
    figure.savefig(path, dpi=120)


def _residuals(predicted: Array, true: Array, title: str, path: Path) -> None:
    figure = _new_figure(9, 4)
    left, right = figure.subplots(1, 2)
    ends = [min(predicted.min(), true.min()), max(predicted.max(), true.max())]
    left.plot(ends, ends, color="black", linewidth=0.8)
    left.scatter(true, predicted, s=6, alpha=0.4)
    left.set_xlabel("true")
    left.set_ylabel("predicted")
    right.hist(predicted - true, bins=50)
    right.set_xlabel("predicted − true")
    right.locator_params(axis="x", nbins=5)
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
