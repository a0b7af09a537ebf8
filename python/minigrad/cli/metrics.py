"""How well a network does."""

from __future__ import annotations

import numpy as np

from ..graph import Array
from ..ops.softmax import log_softmax
from ..tensor import Tensor, wrap

PERCENT = frozenset({"accuracy", "val_accuracy"})


def accuracy(output: Tensor, target: Tensor) -> float:
    """Return the share of samples for which the largest output is that of the right class."""
    return float((output._array.argmax(axis=1) == target._array).mean())


def confusion(scores: Array, classes: Array, count: int) -> Array:
    """Return how often each class, a row, was taken for each, a column."""
    table = np.zeros((count, count), np.int64)
    np.add.at(table, (classes, scores.argmax(axis=1)), 1)
    return table


def of_classes(scores: Array, classes: Array) -> dict[str, float]:
    """Return accuracy, the mean cross-entropy, and the mean of the classes' F1."""
    table = confusion(scores, classes, scores.shape[1])
    right = np.diag(table)
    sizes = table.sum(axis=0) + table.sum(axis=1)
    present = sizes > 0
    log_p = log_softmax(wrap(scores.astype(np.float64)), 1)._array
    return {
        "accuracy": float(right.sum() / len(classes)),
        "log loss": float(-log_p[np.arange(len(classes)), classes].mean()),
        "macro F1": float((2 * right[present] / sizes[present]).mean()),
    }


def of_numbers(predicted: Array, true: Array) -> dict[str, float]:
    """Return the root of the mean squared error, the mean absolute error, and the coefficient of determination."""
    errors = predicted - true
    total = float(((true - true.mean()) ** 2).sum())
    return {
        "RMSE": float(np.sqrt((errors**2).mean())),
        "MAE": float(np.abs(errors).mean()),
        "R²": 1 - float((errors**2).sum()) / total if total else float("nan"),
    }


def shown(name: str, value: float) -> str:
    """Return a metric as text, such as ``accuracy 98.1 %``."""
    return f"{name} {100 * value:.1f} %" if name in PERCENT else f"{name} {value:.6g}"
