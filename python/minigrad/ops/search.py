"""Finding elements: nonzero, searchsorted, isin. Places carry no gradient.

The number of results of nonzero depends on the data: one kernel counts, another one is told the count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _core, _dtype
from .._methods import method
from ..batching import BatchedArray, array_in, levels, refuse_ragged
from ..batching_rules import level_of, split_level, spread
from ..tensor import Tensor, array_of, wrap
from .count import any
from .elementwise import eq
from .index import gather_along
from .logic import logical_not
from .order import _sort
from .promotion import number_tensor, to_dtype
from .rounding import floor_divide, remainder
from .shape import _reshape, reshape, sizes_of, unsqueeze

__all__ = ["argwhere", "bucketize", "isin", "nonzero", "searchsorted", "unravel_index"]

_count_nonzero = _core.kernels["count_nonzero"]
_nonzero = _core.kernels["nonzero"]
_searchsorted = _core.kernels["searchsorted"]


@method
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Return the indices of the elements that are not zero, row by row.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype.
    as_tuple : bool, default False
        Return a tuple with a line of indices for each dimension, which can be used as an index.

    Returns
    -------
    Tensor or tuple of Tensor
        Int64, of shape (elements that are not zero, dimensions).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([[1, 0], [0, 4]]).nonzero()
    tensor([[0, 0],
            [1, 1]])
    """
    array = array_of("nonzero", input)
    refuse_ragged("nonzero", array)
    if as_tuple and array.ndim == 0:
        array = _reshape(array, (1,))
    places = _nonzero(array, int(_count_nonzero(array, tuple(range(array.ndim)), False)))
    return tuple(wrap(places[:, d]) for d in range(array.ndim)) if as_tuple else wrap(places)


@method
def argwhere(input: Tensor) -> Tensor:
    """Return the indices of the elements that are not zero, row by row; see :func:`nonzero`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([0, 7, 0, 5]).argwhere()
    tensor([[1],
            [3]])
    """
    array_of("argwhere", input)
    return nonzero(input)


def _is_right(right: bool, side: str | None) -> bool:
    if side not in (None, "left", "right"):
        raise RuntimeError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    if side == "left" and right:
        raise RuntimeError("searchsorted: side='left' contradicts right=True")
    return right or side == "right"


def _search(boundaries: Tensor, input: Any, out_int32: bool, right: bool) -> Tensor:
    if not isinstance(input, Tensor):
        from .data import tensor

        target = _dtype.result_type(boundaries, input)
        boundaries, input = to_dtype(boundaries, target), tensor(input, dtype=target)
    if boundaries.dtype is not input.dtype:
        target = _dtype.result_type(boundaries, input)
        boundaries, input = to_dtype(boundaries, target), to_dtype(input, target)
    out = wrap(_places(boundaries._array, input._array, right))
    return to_dtype(out, _dtype.int32) if out_int32 else out


def _places(boundaries: Any, values: Any, right: bool) -> Any:
    """Return where values would be inserted into lines, which are one or as many as there are lines of values."""
    level = level_of((boundaries, values)) if levels else None
    if level is None:
        return _searchsorted(boundaries, values, right)
    parts, (of_lines, of_numbers) = split_level((boundaries, values), level)
    lines, numbers = map(array_in, parts)
    if of_lines:  # a line for each example, so that an example's values are a line as well
        numbers = spread(level, numbers, of_numbers)
        if lines.ndim == 2:
            flat = _reshape(numbers, (level.size, math.prod(numbers.shape[1:])))
            return BatchedArray(level, _reshape(_places(lines, flat, right), numbers.shape), True)
    elif of_numbers and lines.ndim > 1:
        lines = spread(level, lines, False)
    return BatchedArray(level, _places(lines, numbers, right), of_lines or of_numbers)


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Return where elements would be inserted into sorted lines so that these stay sorted.

    Parameters
    ----------
    sorted_sequence : Tensor
        Sorted along the last dimension: one line, or as many as `input` has.
    input : Tensor or number
        What would be inserted, of the same dtype.
    out_int32 : bool, default False
        Return int32 in place of int64.
    right : bool, default False
        Insert behind equal elements; before them otherwise.
    side : {'left', 'right'}, optional
        The same in words.
    sorter : Tensor, optional
        The indices that sort `sorted_sequence`, if it is not sorted.

    Returns
    -------
    Tensor
        Of `input`'s shape: how many elements of the line are smaller (with `right`, not larger). NaN goes to the end.

    Raises
    ------
    RuntimeError
        If shapes or dtypes do not fit together, or `side` contradicts `right`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.searchsorted(minigrad.tensor([1, 3, 5]), minigrad.tensor([3, 6]))
    tensor([1, 3])
    """
    line = array_of("searchsorted", sorted_sequence)
    behind = _is_right(right, side)
    if sorter is not None:
        order = array_of("searchsorted", sorter)
        if order.dtype != "int64" or order.shape != line.shape:
            raise RuntimeError(
                f"searchsorted: sorter must be int64 of shape {line.shape}, got {sorter.dtype} of shape {order.shape}"
            )
        sorted_sequence = wrap(gather_along(line, order, -1))
    return _search(sorted_sequence, input, out_int32, behind)


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Return the number of the bucket between sorted boundaries that each element falls into.

    Parameters
    ----------
    input : Tensor or number
        Of any shape.
    boundaries : Tensor
        One sorted line of the same dtype.
    out_int32 : bool, default False
        Return int32 in place of int64.
    right : bool, default False
        A boundary belongs to the bucket above it; otherwise to the one below.

    Returns
    -------
    Tensor
        Of `input`'s shape: ``searchsorted(boundaries, input)``.

    Raises
    ------
    RuntimeError
        If `boundaries` has not one dimension.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.bucketize(minigrad.tensor([3, 6, 9]), minigrad.tensor([1, 3, 5, 7]))
    tensor([1, 3, 4])
    """
    shape = array_of("bucketize", boundaries).shape
    if len(shape) != 1:
        raise RuntimeError(f"bucketize: boundaries must have one dimension, got shape {shape}")
    return _search(boundaries, input, out_int32, right)


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:  # noqa: ARG001
    """Return for each element whether it is among some others.

    Parameters
    ----------
    elements, test_elements : Tensor or number
        What is looked for, and where; one of them is a tensor.
    assume_unique : bool, default False
        Accepted for PyTorch's sake.
    invert : bool, default False
        Return whether it is not.

    Returns
    -------
    Tensor
        Of bools and `elements`' shape.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.isin(minigrad.tensor([1, 2, 3]), minigrad.tensor([2, 5]))
    tensor([False,  True, False])
    """
    if not isinstance(test_elements, Tensor):
        found = eq(elements, test_elements)
    else:
        if not isinstance(elements, Tensor):
            _dtype.expect_number("isin", elements)
        x = (
            elements
            if isinstance(elements, Tensor)
            else number_tensor(elements, _dtype.result_type(elements, test_elements))
        )
        among = reshape(test_elements, -1)
        few = levels or among._array.size <= _FEW_ELEMENTS
        found = any(eq(unsqueeze(x, -1), among), -1) if few else _found(x, among)
    return logical_not(found) if invert else found


def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Return for places in a flat tensor their indices in one of the shape `shape`.

    Parameters
    ----------
    indices : Tensor
        Integers of any shape: what `argmax` gives without a dimension.
    shape : int or sequence of int
        The shape.

    Returns
    -------
    tuple of Tensor
        For each dimension its indices, int64, of the shape of `indices`.

    Raises
    ------
    TypeError
        If `indices` or the sizes are no integers.
    ValueError
        If a size is negative.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.unravel_index(minigrad.tensor([1, 5]), (2, 3))
    (tensor([0, 1]), tensor([1, 2]))
    """
    if array_of("unravel_index", indices, "indices").dtype.kind not in "iu":
        raise TypeError(f"unravel_index: the indices must be integers, got {indices.dtype}")
    sizes = sizes_of((), shape)
    if min(sizes, default=0) < 0:
        raise ValueError(f"unravel_index: sizes must not be negative, got {sizes}")
    found, indices = [], to_dtype(indices, _dtype.int64)  # a byte holds not every size
    for size in reversed(sizes):
        found.append(remainder(indices, size))
        indices = floor_divide(indices, size)
    return tuple(reversed(found))


_FEW_ELEMENTS = 8  # so many are compared with one by one


def _found(x: Tensor, among: Tensor) -> Tensor:
    """Return for each element whether it is in a line of elements, by looking it up among the sorted ones."""
    dtype = _dtype.result_type(x, among)
    sought, line = to_dtype(x.detach(), dtype)._array, to_dtype(among.detach(), dtype)._array
    ordered = _sort(line, 0, False)[0]
    numbers = max(int(_count_nonzero(eq(ordered, ordered), (0,), False)), 1)
    ordered = ordered[:numbers]  # NaN, which stands behind them, would lead a search astray
    places = _searchsorted(ordered, sought, False)
    return eq(wrap(sought), wrap(np.asarray(ordered[np.minimum(places, numbers - 1)])))
