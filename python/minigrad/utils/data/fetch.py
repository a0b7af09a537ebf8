"""From the numbers of samples to batches, in the loader's process or in a worker's."""

from __future__ import annotations

import itertools
import operator
import pickle
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _core
from ...graph import Array
from ...random import Generator, randperm
from ...tensor import Tensor, wrap
from .collate import default_collate
from .dataset import IterableDataset, Subset, TensorDataset, samples_of

__all__ = ["END", "Failure", "Fetch", "Job", "shuffled_batches"]

Fetch = Callable[[Any], Any]

# It would end the epoch as if there were no more batches.
_STOPPED = "DataLoader: the data set or collate_fn raised StopIteration"

END = object()  # in place of a batch: the stream has ended


@dataclass(frozen=True)
class Job:
    """What a loader makes its batches of, and how.

    Attributes
    ----------
    dataset : Dataset
        Where the samples are.
    collate_fn : callable
        From the samples of a batch to the batch; without batches, from a sample to what is yielded.
    batched : bool
        Whether there are batches.
    batch_size : int or None
        How many samples of a stream make a batch.
    drop_last : bool
        Whether a stream's last batch is left out if it has fewer.
    """

    dataset: Any
    collate_fn: Callable[[Any], Any]
    batched: bool
    batch_size: int | None
    drop_last: bool

    @property
    def streams(self) -> bool:
        """Whether samples come one after the other and have no numbers."""
        return isinstance(self.dataset, IterableDataset)

    def fetch(self) -> Fetch:
        """Return what makes a batch of the numbers of its samples, or of None the next one of a stream."""
        if self.streams:
            batches = self._stream()
            return lambda _: next(batches, END)
        if not self.batched:
            return self._sample
        if self.collate_fn is default_collate:
            rows = _rows_of(self.dataset)
            if rows is not None:
                return _gathering(*rows)
        return self._batch

    def _sample(self, number: Any) -> Any:
        try:
            return self.collate_fn(self.dataset[number])
        except StopIteration as error:
            raise RuntimeError(_STOPPED) from error

    def _batch(self, numbers: Any) -> Any:
        try:
            return self.collate_fn(samples_of(self.dataset, _as_list(numbers)))
        except StopIteration as error:
            raise RuntimeError(_STOPPED) from error

    def _stream(self) -> Iterator[Any]:
        samples = iter(self.dataset)
        if not self.batched:
            yield from map(self.collate_fn, samples)
            return
        size = self.batch_size or 1
        while batch := list(itertools.islice(samples, size)):
            if len(batch) < size and self.drop_last:
                return
            yield self.collate_fn(batch)


class Failure:
    """An exception in a worker, with its traceback as text."""

    def __init__(self, exception: Exception, number: int) -> None:
        self.kind: type[Exception] = type(exception)
        try:
            pickle.loads(pickle.dumps(self.kind))
        except Exception:  # noqa: BLE001  (anything: a class that was made in a function, one that says no)
            self.kind = RuntimeError
        text = "".join(traceback.format_exception(exception))
        self.text = f"Caught {type(exception).__name__} in DataLoader worker process {number}.\nOriginal {text}"

    def error(self) -> Exception:
        """Return the exception, of its class where that takes a text alone."""
        try:
            return self.kind(_Lines(self.text))
        except TypeError:
            return RuntimeError(self.text)


class _Lines(str):
    """A text that a KeyError shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _as_list(numbers: Any) -> list[int]:
    return numbers.tolist() if isinstance(numbers, np.ndarray) else list(numbers)


# ----------------------------------------------------------------------------------------------------------------------
# Tensors in memory: a batch is one gather for each.


def _rows_of(dataset: Any) -> tuple[tuple[Tensor, ...], Array | None] | None:
    """Return the tensors whose rows the samples are, and the numbers of those rows if these are some; None if none are."""
    kind = type(dataset)
    if kind is Subset:
        inner = _rows_of(dataset.dataset)
        return None if inner is None else (inner[0], _positions(dataset.indices, inner[1]))
    if not isinstance(dataset, TensorDataset) or kind.__getitem__ is not TensorDataset.__getitem__:
        return None
    if hasattr(dataset, "__getitems__") or not all(_is_plain(t) for t in dataset.tensors):
        return None
    return dataset.tensors, None


def _is_plain(t: Any) -> bool:
    return type(t) is Tensor and not t.requires_grad


def _positions(numbers: Iterable[int] | Array, positions: Array | None) -> Array:
    if not isinstance(numbers, np.ndarray):
        numbers = np.fromiter(map(operator.index, numbers), np.int64)
    return numbers if positions is None else positions[numbers]


def _gathering(tensors: tuple[Tensor, ...], positions: Array | None) -> Fetch:
    take = _core.kernels["index_rows"]

    def fetch(numbers: Any) -> list[Tensor]:
        if positions is not None or type(numbers) is not np.ndarray:
            numbers = _positions(numbers, positions)
        return [wrap(take(t._array, numbers)) for t in tensors]

    return fetch


def shuffled_batches(
    *tensors: Tensor, batch_size: int, generator: Generator | None = None
) -> Iterator[tuple[Tensor, ...]]:
    """Yield the rows of tensors in a new random order, in batches.

    Parameters
    ----------
    *tensors : Tensor
        With the same number of rows n: those with one index belong together.
    batch_size : int
        How many rows a batch has; the last one has what is left.
    generator : Generator, optional
        Where the order comes from, the default generator unless given.

    Yields
    ------
    tuple of Tensor
        A batch of each tensor.

    Raises
    ------
    ValueError
        If the tensors differ in their numbers of rows, there are none, or `batch_size` is not positive.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.utils.data import shuffled_batches
    >>> [len(x) for x, in shuffled_batches(minigrad.arange(5), batch_size=2)]
    [2, 2, 1]
    """
    rows = {len(t) for t in tensors}
    if len(rows) != 1:
        raise ValueError(f"shuffled_batches: needs tensors with equally many rows, got {sorted(rows)}")
    if batch_size < 1:
        raise ValueError(f"shuffled_batches: batch_size must be positive, got {batch_size}")
    order = randperm(rows.pop(), generator=generator)._array
    fetch = _gathering(tensors, None)
    for start in range(0, len(order), batch_size):
        yield tuple(fetch(order[start : start + batch_size]))
