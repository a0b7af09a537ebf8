"""Picking elements by integer tensors, and its adjoint, adding to picked elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core, _dtype
from .._methods import method
from ..batching import BatchedArray, array_in, bottom, levels, refuse_ragged
from ..batching_rules import aligned, level_of, split_level, spread
from ..graph import Array
from ..primitive import LINEAR, MANY_TO_MANY, MANY_TO_ONE, MULTILINEAR, ONE_TO_MANY, kernel_primitive
from ..tensor import Tensor, array_of, wrap
from .elementwise import _add, _where, lt, mul, product_sum_to
from .promotion import to_dtype
from .records import ARTICLE
from .shape import Shape, _reshape, broadcast, normalise_dim, reshape

__all__ = [
    "gather",
    "index_select",
    "masked_select",
    "take",
    "take_along_dim",
]

_INT64 = np.dtype(np.int64)  # NumPy's own object, which compares quickly

# ----------------------------------------------------------------------------------------------------------------------
# Primitives.

#: Picks along `dim`: out[i, j] = x[index[i, j], j] for dim 0.
gather_along = kernel_primitive(
    "gather",
    equation="out[i, j] = x[index[i, j], j] for dim 0",
    source=f"{ARTICLE} section 5: scatter and gather are each other's inverse",
    relation=ONE_TO_MANY,
    structure=LINEAR,
    vjp={"x": lambda g, index, dim, x_shape: _scatter_add(g, index, x_shape, dim)},
    promotion=None,
)

#: Adds into zeros of `shape`: out[index[i, j], j] += src[i, j] for dim 0.
_scatter_add: Callable[..., Any] = kernel_primitive(
    "scatter_add",
    equation="out[index[i, j], j] += src[i, j] for dim 0, from zeros",
    source=f"{ARTICLE} section 5",
    relation=MANY_TO_ONE,
    structure=LINEAR,
    vjp={"src": lambda g, index, dim: gather_along(g, index, dim)},
    promotion=None,
)

#: Picks rows: out[n] = x[index[n]], for an index of any shape, which may count from the end.
index_rows = kernel_primitive(
    "index_rows",
    equation="out[i] = x[index[i]]",
    source=f"{ARTICLE} section 4",
    relation=ONE_TO_MANY,
    structure=LINEAR,
    vjp={"x": lambda g, index, x_shape: _index_rows_add(g, index, x_shape[0])},
    promotion=None,
    batch=lambda level, values, batched: _batched_rows(level, values, batched),
)

_index_rows_add: Callable[..., Any] = kernel_primitive(
    "index_rows_add",
    equation="out[index[i]] += g[i], from zeros",
    source=f"{ARTICLE} section 4",
    relation=MANY_TO_ONE,
    structure=LINEAR,
    vjp={"g": lambda h, index: index_rows(h, index)},
    promotion=None,
    batch=lambda level, values, batched, rows: _batched_rows_add(level, values, batched, rows),
)

add_rows: Callable[..., Any] = kernel_primitive(
    "add_rows",
    equation="out[places[i]] += factor[i] x[index[i]], from zeros",
    source=f"{ARTICLE} section 4",
    relation=MANY_TO_MANY,
    structure=MULTILINEAR,
    vjp={
        "x": lambda g, places, index, factor, x_shape: add_rows(g, index, places, factor, x_shape[0]),
        "factor": lambda g, x, places, index: _products_of_rows(g, places, x, index),
    },
    promotion=None,
    batch=lambda level, values, batched, rows: _batched_add_rows(level, values, batched, rows),
)


def _products_of_rows(x: Any, index: Any, y: Any, others: Any) -> Any:
    """Return the dot products of rows of `x` and of `y`."""
    out = product_sum_to(index_rows(x, index), index_rows(y, others), (*index.shape, *(1,) * (x.ndim - 1)))
    return _reshape(out, index.shape)


def _batched_rows(level: Any, values: Any, batched: Any) -> Any:
    x, index = values
    if not batched[0]:
        return index_rows(x, index)
    rest = x.shape[2:]
    at, shape = _lines(level, _from_the_front(index, x.shape[1]), batched[1], rest)
    return _reshape(gather_along(x, at, 1), (level.size, *shape, *rest))


def _batched_rows_add(level: Any, values: Any, batched: Any, rows: int) -> Any:
    whole, index = spread(level, values[0], batched[0]), values[1]
    rest = whole.shape[1 + index.ndim - batched[1] :]
    at, _ = _lines(level, _from_the_front(index, rows), batched[1], rest)
    return _scatter_add(_reshape(whole, at.shape), at, (level.size, rows, *rest), 1)


def _batched_add_rows(level: Any, values: Any, batched: Any, rows: int) -> Any:
    x, places, index, factor = values
    named = spread(level, _batched_rows(level, (x, index), (batched[0], batched[2])), batched[0] or batched[2])
    if not isinstance(factor, (int, float)):
        factor = spread(level, factor, batched[3])
        named = mul(named, _reshape(factor, (*factor.shape, *(1,) * (named.ndim - 2))))
    return _batched_rows_add(level, (named, places), (True, batched[1]), rows)


def _from_the_front(index: Any, rows: int) -> Any:
    return _where(lt(index, 0), _add(index, rows), index)


def _lines(level: Any, index: Any, batched: bool, rest: Shape) -> tuple[Any, Shape]:
    """Return indices of rows as those of `gather` along dim 1, and an example's shape."""
    shape = index.shape[1:] if batched else index.shape
    count = math.prod(shape)
    flat = _reshape(index, (level.size if batched else 1, count, *(1,) * len(rest)))
    return broadcast(flat, (level.size, count, *rest)), shape


# ----------------------------------------------------------------------------------------------------------------------
# Indices brought to one form.

_linear_kernel = _core.kernels["linear_index"]
_count_nonzero = _core.kernels["count_nonzero"]
_nonzero = _core.kernels["nonzero"]


def index_tensor(name: str, index: Any) -> Tensor:
    """Return an index as an int64 tensor; IndexError for what holds no integers."""
    if not isinstance(index, Tensor):
        array = np.array(index)
        if array.size == 0:
            array = array.astype(np.int64)
        index = wrap(array)
    if index._array.dtype.kind not in "iu":
        raise IndexError(f"{name}: indices must be integers, got {index._array.dtype}")
    return index if index._array.dtype == _INT64 else to_dtype(index, _dtype.int64)


def linear_index(name: str, indices: Sequence[Array], sizes: Shape, dims: Sequence[int], shape: Shape) -> Array:
    """Return where the indices of neighbouring dims, which broadcast and may count from the end, point to.

    A new array of positions in the one dim that these dims, of the given sizes, make when they are merged. `dims` are
    the dims' numbers in `shape`, the tensor's, for the IndexError that names an index out of range.
    """
    if levels and (level := level_of(indices)) is not None:
        values, batched = split_level(indices, level)
        inner = linear_index(name, [array_in(v) for v in aligned(values, batched)], sizes, dims, shape)
        return BatchedArray(level, inner, any(batched))  # type: ignore[return-value]
    signed = [a if a.dtype == _INT64 else a.astype(np.int64) for a in indices]
    try:
        return _linear_kernel(signed, sizes)
    except IndexError:
        for array, dim in zip(signed, dims, strict=True):
            refuse_outside(name, shape, array, dim)
        raise
    except RuntimeError:
        shapes = ", ".join(str(a.shape) for a in signed)
        raise IndexError(f"{name}: indices of shapes {shapes} do not broadcast") from None


def refuse_outside(name: str, shape: Shape, index: Array, dim: int, *, wraps: bool = True) -> None:
    """Raise the IndexError that names the first index out of range in a dim of `shape`, if there is one."""
    size = shape[dim] if shape else 1
    index = bottom(index)
    outside = index[(index < (-size if wraps else 0)) | (index >= size)]
    if outside.size > 0:
        raise IndexError(
            f"{name}: index {outside[0]} is out of bounds for dim {dim} with size {size}, "
            f"got shape {shape} and indices {index.shape}"
        )


def true_positions(mask: Array) -> Array:
    """Return where a mask is true, as positions in the array in row-major order."""
    refuse_ragged("choosing elements by a mask", mask)
    flat = mask.reshape(-1)
    return _nonzero(flat, int(_count_nonzero(flat, (0,), False))).reshape(-1)


def along(index: Array, before: Shape, after: Shape) -> Array:
    """Return a vector of indices, repeated as `gather_along` wants it between dims of the given sizes."""
    if not before and not after:
        return index
    if not levels:
        strides = (0,) * len(before) + index.strides + (0,) * len(after)
        return _core.strided_view(index, (*before, index.shape[0], *after), strides, 0)
    if after:
        index = index.reshape(index.shape + (1,) * len(after))
    return broadcast(index, (*before, index.shape[0], *after))


def pick(name: str, x: Tensor, index: Tensor, dim: int, given: Tensor | None = None) -> Tensor:
    """Return ``gather_along(x, index, dim)``; an IndexError says which index, of those `given`, is out of range."""
    try:
        return gather_along(x, index, dim)
    except IndexError:
        refuse_outside(name, x._array.shape, (index if given is None else given)._array, dim, wraps=False)
        raise


# ----------------------------------------------------------------------------------------------------------------------
# Public functions.


@method
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:  # noqa: ARG001
    """Return the elements that `index` picks along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The dimension that the indices count along.
    index : Tensor
        Integers from 0, of as many dimensions, no larger than `input` along the others.
    sparse_grad : bool
        Accepted so that scripts run: gradients are dense.

    Returns
    -------
    Tensor
        Of `index`'s shape.

    Raises
    ------
    IndexError
        If an index is out of range.

    Notes
    -----
    out[i, j] = x[index[i, j], j] for dim 0. Elements picked several times add their gradients up.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([[1, 2], [3, 4]]).gather(1, minigrad.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    array = array_of("gather", input)
    d = normalise_dim("gather", dim, array.shape)
    index = index_tensor("gather", index)
    if index._array.ndim != array.ndim:
        if index._array.size == 0:
            return index_rows(reshape(input, -1), index)
        shapes = array.shape, index._array.shape
        if max(map(len, shapes)) > 1:
            raise RuntimeError(
                f"gather: index must have as many dimensions as input, got shapes {shapes[1]} and {shapes[0]}"
            )
        if array.ndim > 0:
            return reshape(pick("gather", input, reshape(index, 1), d), ())
        input = reshape(input, 1)
    return pick("gather", input, index, d)


@method
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the slices of `input` at the indices along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The dimension that the indices count along.
    index : Tensor
        Integers from 0: a vector, or one number.

    Returns
    -------
    Tensor
        A copy, with as many slices as there are indices. Slices picked several times add their gradients up.

    Raises
    ------
    IndexError
        If `index` has more than one dimension, or one of its elements is out of range.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([[1, 2], [3, 4]]).index_select(1, minigrad.tensor([1, 1]))
    tensor([[2, 2],
            [4, 4]])
    """
    array = array_of("index_select", input)
    d = normalise_dim("index_select", dim, array.shape)
    index = vector_index("index_select", index)
    if array.ndim == 0:
        if index._array.size != 1:
            raise RuntimeError(f"index_select: a tensor without dimensions takes one index, got {index._array.shape}")
        return reshape(pick("index_select", reshape(input, 1), index, 0), ())
    if 0 in array.shape:  # nobody else would look at the indices
        refuse_outside("index_select", array.shape, index._array, d, wraps=False)
    at = along(index._array, array.shape[:d], array.shape[d + 1 :])
    return pick("index_select", input, wrap(at, None, index._cell), d, index)


def vector_index(name: str, index: Any) -> Tensor:
    """Return an index as a vector of int64; IndexError where it has more dimensions."""
    index = index_tensor(name, index)
    if index._array.ndim == 1:
        return index
    if index._array.ndim > 1:
        raise IndexError(f"{name}: index must be a vector, got shape {index._array.shape}")
    return reshape(index, 1)


@method
def take(input: Tensor, index: Tensor) -> Tensor:
    """Return the elements at the indices, counted through all of `input` row by row.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    index : Tensor
        Integers, of any shape; negative ones count from the end.

    Returns
    -------
    Tensor
        Of `index`'s shape.

    Raises
    ------
    IndexError
        If an index is out of range.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([[1, 2], [3, 4]]).take(minigrad.tensor([0, -1, 0]))
    tensor([1, 4, 1])
    """
    flat = reshape(input, (array_of("take", input).size,))
    index = index_tensor("take", index)
    try:
        return index_rows(flat, index)
    except IndexError:
        refuse_outside("take", flat._array.shape, index._array, 0)
        raise


@method
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Return the elements that `indices` picks along `dim`; shapes broadcast along the others.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    indices : Tensor
        Integers, of as many dimensions; negative ones count from the end.
    dim : int, optional
        The dimension that the indices count along; by default both are taken as vectors.

    Returns
    -------
    Tensor
        As :func:`gather` does, with `input` and `indices` broadcast.

    Raises
    ------
    IndexError
        If an index is out of range.
    RuntimeError
        If the numbers of dimensions differ.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([[3, 1, 2], [6, 5, 4]])
    >>> minigrad.take_along_dim(x, x.argmax(1, keepdim=True), 1)
    tensor([[3],
            [6]])
    """
    array = array_of("take_along_dim", input)
    at = index_tensor("take_along_dim", indices)._array
    if dim is None:
        return take(input, reshape(wrap(at), -1))
    if at.ndim != array.ndim:
        raise RuntimeError(
            f"take_along_dim: input and indices must have equally many dimensions, got {array.shape} and {at.shape}"
        )
    d = normalise_dim("take_along_dim", dim, array.shape)
    if array.ndim == 0:
        return take(input, wrap(at))
    at = linear_index("take_along_dim", [at], (array.shape[d],), (d,), array.shape)
    full = list(
        np.broadcast_shapes((*array.shape[:d], 1, *array.shape[d + 1 :]), (*at.shape[:d], 1, *at.shape[d + 1 :]))
    )
    own, theirs = list(full), list(full)
    own[d], theirs[d] = array.shape[d], at.shape[d]
    x = broadcast(input, tuple(own)) if tuple(own) != array.shape else input
    return gather_along(x, broadcast(at, tuple(theirs)), d)


@method
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Return the elements where the mask is true.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    mask : Tensor
        Of dtype bool; the shapes broadcast.

    Returns
    -------
    Tensor
        A vector, in row-major order.

    Raises
    ------
    RuntimeError
        If the mask is not of dtype bool.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([[1, -2], [-3, 4]])
    >>> x.masked_select(x > 0)
    tensor([1, 4])
    """
    x, m = broadcast_with_mask("masked_select", input, mask)
    return index_rows(reshape(x, -1), true_positions(m))


def broadcast_with_mask(name: str, input: Tensor, mask: Tensor) -> tuple[Tensor, Array]:
    """Return a tensor and a mask brought to one shape."""
    array, m = array_of(name, input), array_of(name, mask, "mask")
    if m.dtype != np.bool_:
        raise RuntimeError(f"{name}: mask must have dtype bool, got {m.dtype}")
    if array.shape == m.shape:
        return input, m
    try:
        shape = np.broadcast_shapes(array.shape, m.shape)
    except ValueError:
        raise RuntimeError(f"{name}: shapes {array.shape} and {m.shape} do not broadcast") from None
    return broadcast(input, shape), broadcast(m, shape)
