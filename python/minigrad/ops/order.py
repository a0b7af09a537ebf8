"""Choosing and finding elements by their order: sort, topk, median, unique, nonzero, searchsorted and their relatives.

Whatever is chosen along a dimension is ``values = gather(x, indices)``: linear in x once the indices are known. So all
of these share one rule each way, and none is written per operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core, _dtype, _return_types
from .._methods import method, numpy_names
from ..batching import BatchedArray, levels, refuse_ragged
from ..batching_rules import level_of, split_level, spread
from ..primitive import MANY_TO_MANY, MANY_TO_ONE, kernel_primitive
from ..tensor import Tensor, array_of, grad_enabled, wrap
from .elementwise import eq, mul
from .index import _scatter_add, gather_along, index_rows, index_select
from .logic import logical_not
from .promotion import number_tensor, to_dtype
from .records import DEFINITION
from .reduce import _amax, _sum, any, share_ties
from .shape import _reshape, movedim, normalise_dim, reshape, unsqueeze

__all__ = [
    "argsort",
    "argwhere",
    "bincount",
    "bucketize",
    "cummax",
    "cummin",
    "isin",
    "kthvalue",
    "median",
    "mode",
    "msort",
    "nanmedian",
    "nonzero",
    "searchsorted",
    "sort",
    "topk",
    "unique",
    "unique_consecutive",
]

Shape = tuple[int, ...]

# ----------------------------------------------------------------------------------------------------------------------
# Primitives. Values and places along `dim`, which stays, with as many elements as were chosen.


def _put_back(g: Any, indices: Any, dim: int, x_shape: Shape) -> Any:
    """Return the cotangent of the chosen elements, added where they stood."""
    return None if g[0] is None else _scatter_add(g[0], indices, x_shape, dim)


def _chosen(name: str, equation: str, relation: str = MANY_TO_ONE) -> Callable[..., Any]:
    """Make the record of an operation whose values are ``gather(x, indices)`` along the attribute `dim`."""
    return kernel_primitive(
        name,
        equation=equation,
        source=DEFINITION,
        relation=relation,
        vjp={"x": lambda g, indices, dim, x_shape: _put_back(g, indices, dim, x_shape)},
        jvp={"x": lambda t, indices, dim: (gather_along(t, indices, dim), None)},
        promotion=None,
    )


_sort = _chosen("sort", "values = x in order, equal elements as they stood", MANY_TO_MANY)
_topk = _chosen("topk", "values = the first k of x in order", MANY_TO_MANY)
_kthvalue = _chosen("kthvalue", "values = the k-th smallest of x, counted from 1")
_median = _chosen("median", "values = the lower of the two elements in the middle of x in order")
_mode = _chosen("mode", "values = the smallest of the most frequent elements of x")
_cummax = _chosen("cummax", "values[i] = max x[j] for j ≤ i", MANY_TO_MANY)
_cummin = _chosen("cummin", "values[i] = min x[j] for j ≤ i", MANY_TO_MANY)

_median_of_all = kernel_primitive(
    "median_of_all",
    kernel="median",
    equation="out = the lower of the two elements in the middle of the line x in order",
    source=f"{DEFINITION}; ties share the gradient evenly",
    relation=MANY_TO_ONE,
    vjp={
        "x": lambda g, x, values, dim: share_ties(g[0], x, values, (dim,)),
    },
    jvp={
        "x": lambda t, x, values, dim: (_sum(mul(t, share_ties(1.0, x, values, (dim,))), (dim,), True), None),
    },
    promotion=None,
    returned=1,
)

# What has no gradient: places and counts.
_nonzero_count = _core.kernels["nonzero_count"]
_nonzero = _core.kernels["nonzero"]
_searchsorted = _core.kernels["searchsorted"]
_sort_rows = _core.kernels["sort_rows"]
_run_count = _core.kernels["run_count"]
_run_numbers = _core.kernels["run_numbers"]
_runs = _core.kernels["runs"]
_bincount = _core.kernels["bincount"]

# ----------------------------------------------------------------------------------------------------------------------
# Order along a dimension.


def _dim_of(name: str, input: Tensor, dim: int) -> int:
    array = array_of(name, input)
    return normalise_dim(name, dim, array.ndim, array.shape)


@method
@numpy_names
def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Any:  # noqa: ARG001
    """Return the elements in order along a dimension, and where each stood.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype. NaN is the largest element.
    dim : int, default -1
        The dimension to sort along.
    descending : bool, default False
        The largest first.
    stable : bool, default False
        Keep equal elements as they stood. They are kept in any case.

    Returns
    -------
    minigrad.return_types.sort
        The named tuple ``(values, indices)``, both of `input`'s shape, the indices as int64.

    Raises
    ------
    IndexError
        If `dim` is out of range.

    Notes
    -----
    values = gather(x, indices), so that the cotangent is scattered to the indices. Lines are sorted by the bytes of their
    elements.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([3.0, 1.0, 2.0]).sort(descending=True)
    minigrad.return_types.sort(
    values=tensor([3., 2., 1.]),
    indices=tensor([0, 2, 1]))
    """
    return _return_types.sort(_sort(input, _dim_of("sort", input, dim), descending))


@method
@numpy_names
def argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Tensor:  # noqa: ARG001
    """Return the indices that :func:`sort` returns, as int64; no graph is recorded.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([3.0, 1.0, 2.0]).argsort()
    tensor([1, 2, 0])
    """
    return wrap(_sort(array_of("argsort", input), _dim_of("argsort", input, dim), descending)[1])


@method
def msort(input: Tensor) -> Tensor:
    """Return the elements in order along the first dimension: the values of ``sort(input, 0)``.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([3.0, 1.0, 2.0]).msort()
    tensor([1., 2., 3.])
    """
    return _sort(input, _dim_of("msort", input, 0), False)[0]  # type: ignore[no-any-return]


@method
@numpy_names
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """Return the k largest or smallest elements along a dimension, and where each stood.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype. NaN is the largest element.
    k : int
        How many to return.
    dim : int, default -1
        The dimension to choose along.
    largest : bool, default True
        The largest elements; the smallest otherwise.
    sorted : bool, default True
        Return them in order.

    Returns
    -------
    minigrad.return_types.topk
        The named tuple ``(values, indices)``, of size `k` along `dim`. Of equal elements the first ones are chosen.

    Raises
    ------
    RuntimeError
        If there are fewer than `k` elements, or k is negative.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([3.0, 1.0, 2.0]).topk(2).indices
    tensor([0, 2])
    """
    return _return_types.topk(_topk(input, k, _dim_of("topk", input, dim), largest, sorted))


def _one_of_each_line(name: str, results: tuple[Tensor, Tensor], dim: int, keepdim: bool) -> Any:
    """Return the results, of size 1 along `dim`, without that dimension unless it is to be kept."""
    shape = results[0]._array.shape
    if shape and not keepdim:
        left = shape[:dim] + shape[dim + 1 :]
        results = (_reshape(results[0], left), _reshape(results[1], left))
    return getattr(_return_types, name)(results)


@method
@numpy_names
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """Return the k-th smallest elements along a dimension, k counted from 1, and where each stood.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype. NaN is the largest element.
    k : int
        Which one in order.
    dim : int, default -1
        The dimension to choose along.
    keepdim : bool, default False
        Keep it with size 1.

    Returns
    -------
    minigrad.return_types.kthvalue
        The named tuple ``(values, indices)``.

    Raises
    ------
    RuntimeError
        If there is no k-th element.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([3.0, 1.0, 2.0]).kthvalue(2).values
    tensor(2.)
    """
    d = _dim_of("kthvalue", input, dim)
    return _one_of_each_line("kthvalue", _kthvalue(input, k, d), d, keepdim)


def _middle(name: str, input: Tensor, dim: int | None, keepdim: bool, skip_nan: bool) -> Any:
    if dim is not None:
        d = _dim_of(name, input, dim)
        return _one_of_each_line(name, _median(input, d, skip_nan), d, keepdim)
    array = array_of(name, input)
    if array.size == 0:
        if array.dtype.kind != "f":
            raise RuntimeError(f"{name}: no elements to choose from in shape {array.shape}")
        return _amax_of_nothing(input)
    return _reshape(_median_of_all(_reshape(input, (array.size,)), 0, skip_nan), ())


def _amax_of_nothing(input: Tensor) -> Tensor:
    """Return NaN, part of `input`'s graph: the sum of nothing over nothing."""
    total = _sum(input, (), False)
    return total / 0.0  # type: ignore[no-any-return]


@method
@numpy_names
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the median of all elements, or along a dimension with its index.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype.
    dim : int, optional
        The dimension to choose along; all elements by default.
    keepdim : bool, default False
        Keep the dimension with size 1.

    Returns
    -------
    Tensor or minigrad.return_types.median
        The named tuple ``(values, indices)`` where `dim` is given. Of an even number of elements it is the lower one in the
        middle; NaN, if there is one.

    Raises
    ------
    IndexError
        If there is no element along `dim`.

    Notes
    -----
    Over all elements, those that equal the median share the gradient evenly; along a dimension it goes to the index
    returned, the first of them if there are several.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([3.0, 1.0, 2.0, 4.0]).median()
    tensor(2.)
    """
    return _middle("median", input, dim, keepdim, False)


@method
@numpy_names
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the median of the elements that are not NaN; see :func:`median`. It is NaN if all of them are.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([3.0, float("nan"), 2.0]).nanmedian()
    tensor(2.)
    """
    return _middle("nanmedian", input, dim, keepdim, True)


@method
@numpy_names
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """Return the most frequent elements along a dimension, and where each stands last.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype. NaN equals NaN.
    dim : int, default -1
        The dimension to choose along.
    keepdim : bool, default False
        Keep it with size 1.

    Returns
    -------
    minigrad.return_types.mode
        The named tuple ``(values, indices)``; the smallest of several that are as frequent.

    Raises
    ------
    IndexError
        If there is no element along `dim`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([2, 1, 2, 1, 3]).mode().values
    tensor(1)
    """
    d = _dim_of("mode", input, dim)
    return _one_of_each_line("mode", _mode(input, d), d, keepdim)


@method
@numpy_names
def cummax(input: Tensor, dim: int) -> Any:
    """Return the largest element so far along a dimension, and where it stands last.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype. NaN is the largest element.
    dim : int
        The dimension to run along.

    Returns
    -------
    minigrad.return_types.cummax
        The named tuple ``(values, indices)``, both of `input`'s shape.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1.0, 3.0, 2.0, 3.0]).cummax(0).indices
    tensor([0, 1, 1, 3])
    """
    return _return_types.cummax(_cummax(input, _dim_of("cummax", input, dim)))


@method
@numpy_names
def cummin(input: Tensor, dim: int) -> Any:
    """Return the smallest element so far along a dimension, and where it stands last; NaN once there was one.

    See :func:`cummax`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([2.0, 3.0, 1.0]).cummin(0).values
    tensor([2., 2., 1.])
    """
    return _return_types.cummin(_cummin(input, _dim_of("cummin", input, dim)))


# ----------------------------------------------------------------------------------------------------------------------
# Places. The number of results depends on the data: one kernel counts, another one is told the count.


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
    places = _nonzero(array, int(_nonzero_count(array)))
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
    return nonzero(input)  # type: ignore[no-any-return]


def _check_side(name: str, right: bool, side: str | None) -> bool:
    if side not in (None, "left", "right"):
        raise RuntimeError(f"{name}: side must be 'left' or 'right', got {side!r}")
    if side == "left" and right:
        raise RuntimeError(f"{name}: side='left' contradicts right=True")
    return right or side == "right"


def _search(name: str, boundaries: Tensor, input: Any, out_int32: bool, right: bool) -> Tensor:
    if not isinstance(input, Tensor):
        from .creation import tensor

        target = _dtype.result_type(boundaries, input)
        boundaries, input = to_dtype(boundaries, target), tensor(input, dtype=target)
    if boundaries.dtype is not input.dtype:
        raise RuntimeError(f"{name}: boundaries of {boundaries.dtype} but values of {input.dtype}")
    out = wrap(_places(boundaries._array, input._array, right))
    return to_dtype(out, _dtype.int32) if out_int32 else out


def _places(boundaries: Any, values: Any, right: bool) -> Any:
    """Return where values would be inserted into lines, which are one or as many as there are lines of values."""
    level = level_of((boundaries, values)) if levels else None
    if level is None:
        return _searchsorted(boundaries, values, right)
    (lines, numbers), (of_lines, of_numbers) = split_level((boundaries, values), level)
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
    behind = _check_side("searchsorted", right, side)
    if sorter is not None:
        order = array_of("searchsorted", sorter)
        if order.dtype != "int64" or order.shape != line.shape:
            raise RuntimeError(
                f"searchsorted: sorter must be int64 of shape {line.shape}, got {sorter.dtype} of shape {order.shape}"
            )
        sorted_sequence = wrap(gather_along(line, order, -1))
    return _search("searchsorted", sorted_sequence, input, out_int32, behind)


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
    return _search("bucketize", boundaries, input, out_int32, right)


@method
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Return how often each number 0, 1, 2, ... occurs, or the sum of the weights where it does.

    Parameters
    ----------
    input : Tensor
        One line of integers, none of them negative.
    weights : Tensor, optional
        What each element counts, of the same shape; differentiable.
    minlength : int, default 0
        The least size of the result.

    Returns
    -------
    Tensor
        Of size ``max(input) + 1``, at least `minlength`; int64, or with `weights` their float dtype, float64 for integers.

    Raises
    ------
    RuntimeError
        If `input` is not a line of integers from 0, or the weights are not as many.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([0, 1, 1, 3]).bincount()
    tensor([1, 2, 0, 1])
    """
    array = array_of("bincount", input)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise RuntimeError(f"bincount: needs one line of integers, got {input.dtype} of shape {array.shape}")
    if minlength < 0:
        raise RuntimeError(f"bincount: minlength must not be negative, got {minlength}")
    refuse_ragged("bincount", array)
    if input.dtype is not _dtype.int64:
        array = to_dtype(array, _dtype.int64)
    size = max(minlength, int(_amax(array, (), False)) + 1 if array.size else 0)
    if weights is not None and array_of("bincount", weights).shape != array.shape:
        raise RuntimeError(f"bincount: weights of shape {weights._array.shape} for elements of shape {array.shape}")
    try:
        if weights is None:
            return wrap(_bincount(array, size))
        if weights._array.dtype.kind != "f":
            weights = to_dtype(weights, _dtype.float64)
        return _scatter_add(weights, array, (size,), 0)  # type: ignore[no-any-return]
    except IndexError:
        raise RuntimeError("bincount: the integers must not be negative") from None


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
        x = elements if isinstance(elements, Tensor) else number_tensor(elements, test_elements.dtype)
        among = reshape(test_elements, -1)
        few = levels or among._array.size <= _FEW_ELEMENTS
        found = any(eq(unsqueeze(x, -1), among), -1) if few else _found(x, among)
    return logical_not(found) if invert else found


_FEW_ELEMENTS = 8  # so many are compared with one by one


def _found(x: Tensor, among: Tensor) -> Tensor:
    """Return for each element whether it is in a line of elements, by looking it up among the sorted ones."""
    dtype = _dtype.result_type(x, among)
    sought, line = to_dtype(x.detach(), dtype)._array, to_dtype(among.detach(), dtype)._array
    ordered = _sort(line, 0, False)[0]
    numbers = max(int(_nonzero_count(eq(ordered, ordered))), 1)
    ordered = ordered[:numbers]  # NaN, which stands behind them, would lead a search astray
    places = _searchsorted(ordered, sought, False)
    return eq(wrap(sought), wrap(np.asarray(ordered[np.minimum(places, numbers - 1)])))


# ----------------------------------------------------------------------------------------------------------------------
# unique: runs of equal rows, of the sorted rows or as they stand.


def _numbers(rows: Any, order: Any) -> Any:
    """Return the number of each row's run.

    `order` are the places where the rows stood before they were sorted, or None where they were not.
    """
    numbers = _run_numbers(rows)
    return numbers if order is None else _scatter_add(numbers, order, numbers.shape, 0)


def _rows_of(name: str, array: Any, dim: int) -> Any:
    """Return the slices along `dim` as rows of a matrix."""
    if 0 in array.shape[:dim] + array.shape[dim + 1 :]:
        raise RuntimeError(f"{name}: dim {dim} of shape {array.shape} has slices without elements")
    n = array.shape[dim]
    return _reshape(movedim(wrap(array), dim, 0)._array, (n, array.size // n if n else 1))


def _distinct(
    name: str, input: Tensor, consecutive: bool, return_inverse: bool, return_counts: bool, dim: int | None
) -> Any:
    array = array_of(name, input)
    refuse_ragged(name, array)
    d = 0 if dim is None else normalise_dim(name, dim, array.ndim, array.shape)
    if dim is None:
        line = _reshape(array, (array.size,))
        rows, order = (line, None) if consecutive else _sort(line, 0, False)
        rows = _reshape(rows, (array.size, 1))
    else:
        rows = _rows_of(name, array, d) if array.ndim else _reshape(array, (1, 1))
        order = None if consecutive else _sort_rows(rows)
        rows = rows if consecutive else index_rows(rows, order)
    at_once = dim is None and not (input._edge is not None and grad_enabled())
    first, starts, lengths = _runs(rows, int(_run_count(rows)), at_once, return_counts)
    if at_once:
        values = wrap(first)
    else:
        picked = wrap(starts if order is None else index_rows(order, starts))
        values = index_select(reshape(input, -1) if dim is None or array.ndim == 0 else input, d, picked)
    results = [values]
    if return_inverse:
        inverse = _numbers(rows, order)
        results.append(wrap(_reshape(inverse, array.shape) if dim is None else inverse))
    if return_counts:
        results.append(wrap(lengths))
    return tuple(results) if len(results) > 1 else values


@method
def unique(
    input: Tensor,
    sorted: bool = True,  # noqa: ARG001
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return the distinct elements in order, or the distinct slices along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype. NaN differs from NaN.
    sorted : bool, default True
        The result is sorted in any case.
    return_inverse : bool, default False
        Return besides where each element is among the distinct ones.
    return_counts : bool, default False
        Return besides how often each one occurs.
    dim : int, optional
        The dimension whose slices are compared, by their elements in order; single elements by default.

    Returns
    -------
    Tensor or tuple of Tensor
        The distinct elements; then the inverse, of `input`'s shape (or one line for `dim`), and the counts, if asked for.

    Notes
    -----
    An element of the result is the first one that equals it, and the gradient goes there.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([3, 1, 3, 2]).unique(return_counts=True)
    (tensor([1, 2, 3]), tensor([1, 1, 2]))
    """
    return _distinct("unique", input, False, return_inverse, return_counts, dim)


@method
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Return the elements without those that equal the one before them; see :func:`unique`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1, 1, 2, 1]).unique_consecutive()
    tensor([1, 2, 1])
    """
    return _distinct("unique_consecutive", input, True, return_inverse, return_counts, dim)
