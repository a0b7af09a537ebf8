"""Data in batches."""

from __future__ import annotations

from collections.abc import Iterator

from .. import _core
from ..random import Generator, randperm
from ..tensor import Tensor, wrap


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
    take = _core.kernels["index_rows"]
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        yield tuple([wrap(take(t._array, chosen)) for t in tensors])
