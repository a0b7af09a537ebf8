"""Choosing elements by their order: sort, topk, median, mode, cummax and their relatives.

Whatever is chosen along a dimension is ``values = gather(x, indices)``: linear in x once the indices are known. So all
of these share one rule each way, and none is written per operation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _return_types
from .._methods import method, numpy_names
from ..primitive import MANY_TO_MANY, MANY_TO_ONE, kernel_primitive
from ..tensor import Tensor, array_of, wrap
from .elementwise import mul
from .extrema import share_ties
from .index import _scatter_add, gather_along
from .records import DEFINITION
from .reduce import _sum
from .shape import Shape, _reshape, normalise_dim

__all__ = ["argsort", "cummax", "cummin", "kthvalue", "median", "mode", "msort", "nanmedian", "sort", "topk"]

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


# ----------------------------------------------------------------------------------------------------------------------
# Order along a dimension.


def _dim_of(name: str, input: Tensor, dim: int) -> int:
    return normalise_dim(name, dim, array_of(name, input).shape)


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
    return _sort(input, _dim_of("msort", input, 0), False)[0]


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
    return total / 0.0


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
