"""What a classifier learns: labels as numbers for the network, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from ..graph import Array
from ..nn.functional import logsigmoid
from ..ops.elementwise import sigmoid
from ..ops.softmax import log_softmax, softmax
from ..tensor import Tensor
from . import _losses


class OneOfTwo:
    """Two classes, or only one: a network with one output, the logit of the second class."""

    activation = "logistic"
    losses = _losses.OF_LABELS

    def __init__(self, classes: Array) -> None:
        self.classes = classes
        self.n_outputs = 1

    def encode(self, y: Array, dtype: Any) -> Array:
        """Return 0 and 1 as floats, (n, 1)."""
        return (y == self.classes[-1] if len(self.classes) > 1 else np.zeros(len(y))).astype(dtype).reshape(-1, 1)

    def probabilities(self, scores: Tensor) -> Array:
        """Return those of each class, (n, 1) or (n, 2)."""
        p: Array = sigmoid(scores).numpy()
        return np.hstack([1 - p, p]) if len(self.classes) > 1 else np.ones_like(p)

    def log_probabilities(self, scores: Tensor) -> Array:
        """Return their logarithms."""
        right: Array = logsigmoid(scores).numpy()
        return np.hstack([logsigmoid(-scores).numpy(), right]) if len(self.classes) > 1 else np.zeros_like(right)

    def decide(self, scores: Array) -> Array:
        """Return the labels."""
        chosen = (scores[:, 0] > 0) & (len(self.classes) > 1)
        labels: Array = self.classes[chosen.astype(int)]
        return labels


class OneOfMany:
    """Several classes: a network with an output for each."""

    activation = "softmax"
    losses = _losses.OF_CLASSES

    def __init__(self, classes: Array) -> None:
        self.classes = classes
        self.n_outputs = len(classes)

    def encode(self, y: Array, dtype: Any) -> Array:
        """Return the numbers of the classes, (n,)."""
        return np.searchsorted(self.classes, y).astype(np.int64)

    def probabilities(self, scores: Tensor) -> Array:
        """Return those of each class, (n, classes)."""
        return softmax(scores, 1).numpy()

    def log_probabilities(self, scores: Tensor) -> Array:
        """Return their logarithms."""
        return log_softmax(scores, 1).numpy()

    def decide(self, scores: Array) -> Array:
        """Return the labels."""
        labels: Array = self.classes[scores.argmax(axis=1)]
        return labels


class Labels:
    """Any number of labels for each sample, given as an indicator matrix: a network with a logit for each."""

    activation = "logistic"
    losses = _losses.OF_LABELS

    def __init__(self, count: int) -> None:
        self.classes = np.arange(count)
        self.n_outputs = count

    def encode(self, y: Any, dtype: Any) -> Array:
        """Return 0 and 1 as floats, (n, labels)."""
        dense = y.toarray() if hasattr(y, "toarray") else y
        return np.asarray(dense == 1, dtype)

    def probabilities(self, scores: Tensor) -> Array:
        """Return that of each label, (n, labels)."""
        return sigmoid(scores).numpy()

    def log_probabilities(self, scores: Tensor) -> Array:
        """Return their logarithms."""
        return logsigmoid(scores).numpy()

    def decide(self, scores: Array) -> Array:
        """Return the indicator matrix."""
        return np.asarray(scores > 0, int)


class Several:
    """Several targets, each with classes of its own: a network with the outputs of all of them side by side."""

    activation = "softmax"

    def __init__(self, classes: list[Array]) -> None:
        self.classes = classes
        self.heads = [OneOfMany(own) for own in classes]
        self.n_outputs = sum(head.n_outputs for head in self.heads)
        self._ends = np.cumsum([head.n_outputs for head in self.heads]).tolist()

    @property
    def losses(self) -> dict[str, _losses.Loss]:
        """The losses of one target, added up over all of them."""
        return {name: _losses.of_samples(self._added_up(loss.each)) for name, loss in _losses.OF_CLASSES.items()}

    def _added_up(self, each: _losses.Function) -> _losses.Function:
        def total(output: Tensor, target: Tensor) -> Tensor:
            losses = [each(part, target[:, i]) for i, part in enumerate(self._parts(output))]
            return sum(losses[1:], start=losses[0])

        return total

    def _parts(self, scores: Any) -> list[Any]:
        starts = [0, *self._ends[:-1]]
        return [scores[:, start:end] for start, end in zip(starts, self._ends, strict=True)]

    def encode(self, y: Array, dtype: Any) -> Array:
        """Return the numbers of the classes, (n, targets)."""
        return np.stack([head.encode(y[:, i], dtype) for i, head in enumerate(self.heads)], axis=1)

    def probabilities(self, scores: Tensor) -> list[Array]:
        """Return for each target those of its classes."""
        return [head.probabilities(part) for head, part in zip(self.heads, self._parts(scores), strict=True)]

    def log_probabilities(self, scores: Tensor) -> list[Array]:
        """Return their logarithms."""
        return [head.log_probabilities(part) for head, part in zip(self.heads, self._parts(scores), strict=True)]

    def decide(self, scores: Array) -> Array:
        """Return the labels, (n, targets)."""
        parts = zip(self.heads, self._parts(scores), strict=True)
        return np.stack([head.decide(part) for head, part in parts], axis=1)


Targets = OneOfTwo | OneOfMany | Labels | Several


def find(y: Any) -> Targets:
    """Return what has to be learned for labels such as these.

    Raises
    ------
    ValueError
        If they are no labels.
    """
    check_classification_targets(y)
    kind = type_of_target(y, input_name="y")
    if kind == "multilabel-indicator":
        return Labels(y.shape[1])
    if kind == "multiclass-multioutput":
        return Several([np.unique(column) for column in np.asarray(y).T])
    return of_classes(np.unique(y))


def of_classes(classes: Any) -> Targets:
    """Return what has to be learned for one label a sample out of these."""
    if isinstance(classes, list) and classes and isinstance(classes[0], np.ndarray | list):
        return Several([np.unique(own) for own in classes])
    known = unique_labels(classes)
    return OneOfTwo(known) if len(known) <= 2 else OneOfMany(known)


def check_known(targets: Targets, y: Any) -> None:
    """Raise ValueError where y has labels that the network was not made for."""
    if isinstance(targets, Several):
        pairs = list(zip(targets.classes, np.asarray(y).T, strict=True))
    elif isinstance(targets, Labels):
        if y.shape[1] != len(targets.classes):
            raise ValueError(f"`y` has {y.shape[1]} labels, but {len(targets.classes)} before.")
        return
    else:
        pairs = [(targets.classes, y)]
    for classes, labels in pairs:
        if len(unknown := np.setdiff1d(labels, classes)):
            raise ValueError(f"`y` has classes not in `self.classes_`: {unknown}; `self.classes_` has {classes}.")


def is_indicator(y: Any) -> bool:
    """Return whether y is an indicator matrix of labels."""
    return bool(type_of_target(y) == "multilabel-indicator")
