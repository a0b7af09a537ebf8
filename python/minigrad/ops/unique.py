"""Distinct elements, which are runs of equal ones where these are sorted, and how often each occurs."""

from __future__ import annotations

from typing import Any

from .. import _core, _dtype
from .._methods import method
from ..batching import refuse_ragged
from ..tensor import Tensor, array_of, grad_enabled, wrap
from .extrema import _amax
from .index import _scatter_add, index_rows, index_select
from .order import _sort
from .promotion import to_dtype
from .shape import _reshape, movedim, normalise_dim, reshape

__all__ = ["bincount", "unique", "unique_consecutive"]

_sort_rows = _core.kernels["sort_rows"]
_run_count = _core.kernels["run_count"]
_run_numbers = _core.kernels["run_numbers"]
_runs = _core.kernels["runs"]
_bincount = _core.kernels["bincount"]


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


def _rows_in_order(name: str, array: Any, dim: int | None, consecutive: bool) -> tuple[Any, Any]:
    """Return the elements, or the slices along `dim`, as rows of a matrix, and where the rows stood before.

    They are sorted unless `consecutive`; None says that they stand where they stood.
    """
    if dim is None:
        line = _reshape(array, (array.size,))
        line, order = (line, None) if consecutive else _sort(line, 0, False)
        return _reshape(line, (array.size, 1)), order
    rows = _rows_of(name, array, dim) if array.ndim else _reshape(array, (1, 1))
    order = None if consecutive else _sort_rows(rows)
    return rows if order is None else index_rows(rows, order), order


def _distinct(
    name: str, input: Tensor, consecutive: bool, return_inverse: bool, return_counts: bool, dim: int | None
) -> Any:
    array = array_of(name, input)
    refuse_ragged(name, array)
    d = None if dim is None else normalise_dim(name, dim, array.shape)
    rows, order = _rows_in_order(name, array, d, consecutive)
    at_once = dim is None and not (input._edge is not None and grad_enabled())
    first, starts, lengths = _runs(rows, int(_run_count(rows)), at_once, return_counts)
    if at_once:
        values = wrap(first)
    else:
        picked = wrap(starts if order is None else index_rows(order, starts))
        values = index_select(reshape(input, -1) if dim is None or array.ndim == 0 else input, d or 0, picked)
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
        return _scatter_add(weights, array, (size,), 0)
    except IndexError:
        raise RuntimeError("bincount: the integers must not be negative") from None
