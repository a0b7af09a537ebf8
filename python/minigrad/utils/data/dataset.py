"""Data sets: samples by their numbers, or one after the other."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ...random import Generator, randperm
from ...tensor import Tensor

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples by their numbers.

    A subclass defines ``__getitem__``, as a rule ``__len__``, and where many samples at once are cheaper
    ``__getitems__``, which takes a list of numbers and returns a list of samples.

    Examples
    --------
    >>> from minigrad.utils.data import Dataset
    >>> class Squares(Dataset):
    ...     def __getitem__(self, index):
    ...         return index * index
    ...
    ...     def __len__(self):
    ...         return 3
    >>> len(Squares() + Squares())
    6
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__}: a Dataset must define __getitem__")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Samples one after the other, such as those of a stream.

    A subclass defines ``__iter__``. Each worker of a :class:`DataLoader` has a copy of its own and yields what that
    yields: :func:`get_worker_info` tells which part is a worker's.

    Examples
    --------
    >>> import minigrad
    >>> class Count(minigrad.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(3))
    >>> [int(batch.sum()) for batch in minigrad.utils.data.DataLoader(Count(), batch_size=2)]
    [1, 2]
    """

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """The rows of tensors: sample i is the tuple of their rows i.

    A :class:`DataLoader` gathers the rows of a batch in one call for each tensor.

    Parameters
    ----------
    *tensors : Tensor
        With equally many rows.

    Raises
    ------
    AssertionError
        If they differ in their first dimension.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.utils.data import TensorDataset
    >>> TensorDataset(minigrad.arange(6).reshape(3, 2), minigrad.tensor([7, 8, 9]))[1]
    (tensor([2, 3]), tensor(8))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        rows = {t.shape[0] for t in tensors}
        if len(rows) != 1:
            raise AssertionError(f"TensorDataset: size mismatch between tensors: needs equally many rows, got {rows}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple([t[index] for t in self.tensors])

    def __len__(self) -> int:
        return self.tensors[0].shape[0]


class StackDataset(Dataset[Any]):
    """Several data sets side by side: sample i is the tuple, or the dictionary, of their samples i.

    Parameters
    ----------
    *args : Dataset
        For tuples.
    **kwargs : Dataset
        For dictionaries.

    Raises
    ------
    ValueError
        If there are both, or none, or if their lengths differ.

    Examples
    --------
    >>> from minigrad.utils.data import StackDataset
    >>> StackDataset(x=range(3), y="abc")[2]
    {'x': 2, 'y': 'c'}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError("StackDataset: needs data sets, all by position (for tuples) or all by name (for dicts)")
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in self._parts()]
        if len(set(lengths)) > 1:
            raise ValueError(f"StackDataset: size mismatch between datasets, got lengths {lengths}")
        self._length = lengths[0]

    def _parts(self) -> Iterable[Any]:
        return self.datasets.values() if isinstance(self.datasets, dict) else self.datasets

    def _joined(self, values: Iterable[Any]) -> Any:
        return dict(zip(self.datasets, values, strict=True)) if isinstance(self.datasets, dict) else tuple(values)

    def __getitem__(self, index: Any) -> Any:
        return self._joined([dataset[index] for dataset in self._parts()])

    def __getitems__(self, indices: list[int]) -> list[Any]:
        columns = [samples_of(dataset, indices) for dataset in self._parts()]
        return [self._joined(sample) for sample in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[Any]):
    """Data sets one behind the other.

    Parameters
    ----------
    datasets : iterable of Dataset
        At least one; none may be an :class:`IterableDataset`.

    Attributes
    ----------
    datasets : list of Dataset
        The data sets.
    cumulative_sizes : list of int
        Where each of them ends.

    Raises
    ------
    AssertionError
        If there are none, or one is an :class:`IterableDataset`.

    Examples
    --------
    >>> from minigrad.utils.data import ConcatDataset
    >>> letters = ConcatDataset(["ab", "c", "de"])
    >>> letters[2], letters[-1]
    ('c', 'e')
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("ConcatDataset: needs at least one data set; datasets should not be empty")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset: does not support IterableDataset; use ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __getitem__(self, index: int) -> Any:
        if index < 0:
            if index < -len(self):
                raise ValueError(f"ConcatDataset: index {index} should not exceed the length {len(self)}")
            index += len(self)
        number = bisect.bisect_right(self.cumulative_sizes, index)
        if number == len(self.datasets):
            raise IndexError(f"ConcatDataset: index {index} out of range for length {len(self)}")
        return self.datasets[number][index - self.cumulative_sizes[number - 1] if number else index]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset[Any]):
    """Streams one behind the other.

    Parameters
    ----------
    datasets : iterable of IterableDataset
        The streams.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.utils.data import ChainDataset, IterableDataset
    >>> class Count(IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(2))
    >>> list(ChainDataset([Count(), Count()]))
    [0, 1, 0, 1]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _streams(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                got = type(dataset).__name__
                raise AssertionError(f"ChainDataset: only supports IterableDataset, got {got}")  # noqa: TRY004
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self._streams())

    def __len__(self) -> int:
        return sum(map(len, self._streams()))


class Subset(Dataset[T_co]):
    """Some samples of a data set.

    Parameters
    ----------
    dataset : Dataset
        The data set.
    indices : sequence of int
        Which of its samples, in which order.

    Raises
    ------
    NotImplementedError
        If a subclass defines ``__getitem__`` without ``__getitems__``, by which a :class:`DataLoader` would go.

    Examples
    --------
    >>> import minigrad
    >>> list(minigrad.utils.data.Subset("abcd", [2, 0]))
    ['c', 'a']
    """

    dataset: Any
    indices: Sequence[int]

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__}: defines __getitem__ without __getitems__, which must do the same"
            )

    def __getitem__(self, index: Any) -> T_co:
        chosen = [self.indices[i] for i in index] if isinstance(index, list) else self.indices[index]
        sample: T_co = self.dataset[chosen]
        return sample

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        return samples_of(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def samples_of(dataset: Any, indices: list[int]) -> list[Any]:
    """Return several samples of a data set, by its ``__getitems__`` if it has one."""
    several = getattr(dataset, "__getitems__", None)
    if several is None:
        return [dataset[i] for i in indices]
    samples: list[Any] = several(indices)
    if len(samples) != len(indices):
        raise ValueError(
            f"{type(dataset).__name__}.__getitems__: size mismatch: expected {len(indices)} samples, got {len(samples)}"
        )
    return samples


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None) -> list[Subset[Any]]:
    """Divide a data set at random into parts that do not overlap.

    Parameters
    ----------
    dataset : Dataset
        The data set.
    lengths : sequence of int or of float
        How many samples each part gets: numbers that add up to the length, or fractions that add up to 1. What rounding
        down leaves over goes to the first parts, one each.
    generator : Generator, optional
        Where the order comes from, the default generator unless given.

    Returns
    -------
    list of Subset
        The parts.

    Raises
    ------
    ValueError
        If the lengths do not add up, or a fraction is not between 0 and 1.

    Examples
    --------
    >>> from minigrad.utils.data import random_split
    >>> [len(part) for part in random_split(range(10), [0.75, 0.25])]
    [8, 2]
    """
    total = sum(lengths)
    if math.isclose(total, 1) and total <= 1:
        lengths = _shared_out(len(dataset), lengths)
    if sum(lengths) != len(dataset):
        raise ValueError(
            f"random_split: the sum of the lengths must equal that of the data set, {len(dataset)}, got {list(lengths)}"
        )
    order = randperm(len(dataset), generator=generator).tolist()
    ends = [int(end) for end in itertools.accumulate(lengths, initial=0)]
    return [Subset(dataset, order[start:end]) for start, end in itertools.pairwise(ends)]


def _shared_out(total: int, fractions: Sequence[float]) -> list[int]:
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"random_split: the fraction at index {i} is not between 0 and 1, got {fraction}")
    lengths = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(lengths)):
        lengths[i % len(lengths)] += 1
    for i, length in enumerate(lengths):
        if length == 0:
            warnings.warn(f"random_split: the length of the part at index {i} is 0: it is empty", stacklevel=3)
    return lengths
