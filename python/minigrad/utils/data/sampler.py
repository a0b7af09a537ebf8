"""Samplers: in which order samples are taken."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from ... import _dtype
from ...graph import Array
from ...ops.data import as_tensor
from ...random import Generator, multinomial, randint, randperm
from ...tensor import Tensor

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """Base class of samplers.

    A subclass defines ``__iter__``, which yields the numbers of samples, or lists of them for batches, and as a rule
    ``__len__``.

    Examples
    --------
    >>> import minigrad
    >>> class Backwards(minigrad.utils.data.Sampler):
    ...     def __iter__(self):
    ...         return iter([2, 1, 0])
    >>> list(minigrad.utils.data.DataLoader("abc", batch_size=None, sampler=Backwards()))
    ['c', 'b', 'a']
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__}: a Sampler must define __iter__")


class OrderSampler(Sampler[int]):
    """A sampler that knows its whole order when it begins: a subclass defines `order`."""

    def order(self) -> Array:
        """Return the numbers of the samples, a new int64 array without gaps."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())


class SequentialSampler(OrderSampler):
    """All samples in their order.

    Parameters
    ----------
    data_source : Sized
        What has the samples.

    Examples
    --------
    >>> from minigrad.utils.data import SequentialSampler
    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def order(self) -> Array:
        """Return 0, 1, 2, ..."""
        return np.arange(len(self.data_source), dtype=np.int64)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(OrderSampler):
    """Samples at random.

    Parameters
    ----------
    data_source : Sized
        What has the samples.
    replacement : bool, default False
        Whether each is drawn from all of them; otherwise all come before one comes again.
    num_samples : int, optional
        How many to draw, all unless given.
    generator : Generator, optional
        Where the order comes from. Unless given, a new one, seeded from the default generator each time.

    Raises
    ------
    TypeError
        If `replacement` is not a bool.
    ValueError
        If `num_samples` is not a positive integer.

    Examples
    --------
    >>> from minigrad.utils.data import RandomSampler
    >>> sorted(RandomSampler("abc"))
    [0, 1, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise TypeError(f"RandomSampler: replacement should be a bool, got {replacement!r}")
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        _check_positive("RandomSampler", "num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many samples are drawn."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self) -> Array:
        """Return a permutation, several where there are more samples than that, or numbers drawn with replacement."""
        generator = Generator().manual_seed(drawn_seed(None)) if self.generator is None else self.generator
        count, choices = self.num_samples, len(self.data_source)
        if self.replacement:
            return randint(choices, (count,), generator=generator)._array
        rounds = [randperm(choices, generator=generator)._array for _ in range(-(-count // choices))]
        return (rounds[0] if len(rounds) == 1 else np.concatenate(rounds))[:count]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given samples at random, each once.

    Parameters
    ----------
    indices : sequence of int
        Their numbers.
    generator : Generator, optional
        Where the order comes from, the default generator unless given.

    Examples
    --------
    >>> import minigrad
    >>> sorted(minigrad.utils.data.SubsetRandomSampler([2, 0, 5]))
    [0, 2, 5]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = randperm(len(self.indices), generator=self.generator).tolist()
        return iter([self.indices[i] for i in order])

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(OrderSampler):
    """Samples at random, drawn by weights.

    Parameters
    ----------
    weights : sequence of float
        The weights of samples 0, 1, 2, ...; they need not add up to 1.
    num_samples : int
        How many to draw.
    replacement : bool, default True
        Whether a sample can be drawn again.
    generator : Generator, optional
        Where the draws come from, the default generator unless given.

    Raises
    ------
    ValueError
        If `num_samples` is not a positive integer, `replacement` not a bool, or `weights` not of one dimension.

    Examples
    --------
    >>> from minigrad.utils.data import WeightedRandomSampler
    >>> list(WeightedRandomSampler([0.0, 2.0, 0.0], 3))
    [1, 1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        _check_positive("WeightedRandomSampler", "num_samples", num_samples)
        _check_bool("WeightedRandomSampler", "replacement", replacement)
        self.weights = as_tensor(weights, dtype=_dtype.float64)
        if self.weights.ndim != 1:
            raise ValueError(f"WeightedRandomSampler: weights should be a 1d sequence, got shape {self.weights.shape}")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def order(self) -> Array:
        """Return what is drawn."""
        drawn: Tensor = multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        return np.ascontiguousarray(drawn._array)

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Batches of what another sampler yields.

    Parameters
    ----------
    sampler : Sampler or iterable of int
        The other sampler.
    batch_size : int
        How many samples a batch has.
    drop_last : bool
        Whether a last batch that has fewer is left out.

    Raises
    ------
    ValueError
        If `batch_size` is not a positive integer or `drop_last` not a bool.

    Examples
    --------
    >>> from minigrad.utils.data import BatchSampler
    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        _check_positive("BatchSampler", "batch_size", batch_size)
        _check_bool("BatchSampler", "drop_last", drop_last)
        self.sampler: Any = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        numbers = iter(self.sampler)
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)


def drawn_seed(generator: Generator | None) -> int:
    """Return a seed that a generator, the default one if None, draws."""
    return int(randint(2**63 - 1, (1,), generator=generator)._array[0])


def _check_positive(name: str, argument: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name}: {argument} should be a positive integer value, got {value!r}")


def _check_bool(name: str, argument: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{name}: {argument} should be a boolean value, got {value!r}")  # noqa: TRY004  (PyTorch's)
