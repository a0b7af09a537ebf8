"""Further views: picked dimensions, diagonals and windows, which share the memory of what they are taken from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from .. import _core
from .._methods import method
from ..batching import hands_on
from ..primitive import LINEAR, MANY_TO_ONE, ONE_TO_MANY, ONE_TO_ONE, Primitive, view_primitive
from ..tensor import Tensor, array_of
from .records import ARTICLE
from .shape import (
    Shape,
    basic_index,
    broadcast,
    common_shape,
    contiguous,
    expand,
    normalise_dim,
    reshape,
    sizes_for,
    sizes_of,
    transpose,
    unsqueeze,
    whole,
)

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_tensors",
    "diagonal",
    "meshgrid",
    "narrow",
    "ravel",
    "select",
    "swapaxes",
    "swapdims",
    "unflatten",
]

# ----------------------------------------------------------------------------------------------------------------------
# Primitives.


@lru_cache(maxsize=512)
def _diagonal_places(shape: Shape, offset: int, dims: tuple[int, int]) -> tuple[int, Shape]:
    """Return where a diagonal of an array without gaps begins, and how far apart its elements lie, each last."""
    strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    rows, columns = (strides[d] for d in dims)
    others = [strides[d] for d in range(len(shape)) if d not in dims]
    return columns * offset if offset > 0 else rows * -offset, (*others, rows + columns)


_unstride = _core.kernels["unstride"]


@hands_on
def _run_undiagonal(g: Any, shape: Shape, offset: int, dims: tuple[int, int]) -> Any:
    start, strides = _diagonal_places(shape, offset, dims)
    return _unstride(g, shape, start if g.size else 0, strides)


_diagonal: Callable[..., Any] = view_primitive(
    "diagonal",
    run=_core.diagonal_view,
    attributes=("offset", "dims"),
    equation="out[..., i] = x[i, i + offset, ...]",
    source=f"{ARTICLE} section 4",
    relation=ONE_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g, offset, dims, x_shape: undiagonal(g, x_shape, offset, dims)},
)

#: Zeros of `shape` with `g` on a diagonal.
undiagonal: Callable[..., Any] = Primitive(
    "undiagonal",
    run=_run_undiagonal,
    inputs=("g",),
    attributes=("shape", "offset", "dims"),
    equation="out[i, i + offset, ...] = g[..., i], 0 elsewhere",
    source=f"{ARTICLE} section 4",
    relation=ONE_TO_ONE,
    structure=LINEAR,
    vjp={"g": lambda h, offset, dims: _diagonal(h, offset, dims)},
    promotion=None,
).eager


def _run_unfold(x: Any, dim: int, size: int, step: int) -> Any:
    shape, strides = list(x.shape), list(x.strides)
    shape[dim] = (shape[dim] - size) // step + 1
    window = strides[dim]
    strides[dim] *= step
    return _core.strided_view(x, (*shape, size), (*strides, window), 0)


_unfold: Callable[..., Any] = view_primitive(
    "unfold",
    run=_run_unfold,
    attributes=("dim", "size", "step"),
    equation="out[..., w, ..., k] = x[..., w step + k, ...]",
    source=f"{ARTICLE} section 4",
    relation=ONE_TO_MANY,
    structure=LINEAR,
    vjp={"x": lambda g, dim, step, x_shape: _fold(g, dim, x_shape[dim], step)},
)

_fold_kernel = _core.kernels["fold"]

_fold: Callable[..., Any] = Primitive(
    "fold_windows",
    run=hands_on(lambda g, dim, extent, step: _fold_kernel(g, dim, extent, step)),
    inputs=("g",),
    attributes=("dim", "extent", "step"),
    equation="out[..., w step + k, ...] += g[..., w, ..., k], from zeros",
    source=f"{ARTICLE} section 4",
    relation=MANY_TO_ONE,
    structure=LINEAR,
    vjp={"g": lambda h, dim, step, g_shape: _unfold(h, dim, g_shape[-1], step)},
    promotion=None,
).eager

# ----------------------------------------------------------------------------------------------------------------------
# Public functions.


def along(dim: int, k: Any) -> tuple[Any, ...]:
    """Return the key that takes `k` of dimension `dim`, and all of the others."""
    return (*[slice(None)] * dim, k, Ellipsis)


@method
def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """Return a view of `length` neighbouring slices along a dimension, from `start` on.

    Parameters
    ----------
    input : Tensor
        With at least one dimension.
    dim : int
        The dimension.
    start : int or Tensor
        The first slice, counted from the end where negative.
    length : int
        How many.

    Returns
    -------
    Tensor
        A view.

    Raises
    ------
    IndexError
        If `start` is out of range.
    RuntimeError
        If there are fewer slices from there on, or `input` has no dimensions.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    shape = array_of("narrow", input).shape
    if not shape:
        raise RuntimeError("narrow: cannot be taken of a tensor without dimensions")
    d = normalise_dim("narrow", dim, shape)
    if isinstance(start, Tensor) and (start._array.ndim or start._array.dtype.kind not in "iu"):
        raise RuntimeError(f"narrow: start must be an integer without dimensions, got {start!r}")
    first, length = whole("narrow", "start", start), whole("narrow", "length", length)
    if not -shape[d] <= first <= shape[d]:
        raise IndexError(f"narrow: start {first} is out of range for dim {d} of shape {shape}")
    first += shape[d] if first < 0 else 0
    if length < 0 or first + length > shape[d]:
        raise RuntimeError(f"narrow: {length} slices from {first} on exceed dim {d} of shape {shape}")
    return basic_index(input, along(d, slice(first, first + length)))


@method
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """Return a view of the slice at `index` along a dimension, without that dimension.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.select(minigrad.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    shape = array_of("select", input).shape
    if not shape:
        raise IndexError("select: cannot be applied to a tensor without dimensions")
    d = normalise_dim("select", dim, shape)
    at = whole("select", "index", index)
    if not -shape[d] <= at < shape[d]:
        raise IndexError(f"select: index {at} out of range for dim {d} of shape {shape}")
    return basic_index(input, along(d, at))


@method
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return a view of a diagonal, which becomes the last dimension.

    Parameters
    ----------
    input : Tensor
        With at least two dimensions.
    offset : int, default 0
        Above the main diagonal where positive, below it where negative.
    dim1, dim2 : int
        The rows and the columns.

    Returns
    -------
    Tensor
        A view: out[..., i] = x[i, i + offset, ...].

    Examples
    --------
    >>> import minigrad
    >>> minigrad.arange(9).reshape(3, 3).diagonal(1)
    tensor([1, 5])
    """
    shape = array_of("diagonal", input).shape
    return _diagonal(input, offset, two_dims("diagonal", dim1, dim2, shape))


def two_dims(name: str, dim1: int, dim2: int, shape: Shape) -> tuple[int, int]:
    """Return two different dims counted from the front."""
    a = normalise_dim(name, dim1, shape)
    b = normalise_dim(name, dim2, shape)
    if a == b:
        raise RuntimeError(f"{name}: the dims must differ, got {dim1} and {dim2} for shape {shape}")
    return a, b


@method
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Return a view of all windows of `size` neighbours along a dimension, `step` apart.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dimension : int
        Along which the windows lie; in the result it counts them.
    size, step : int
        How long a window is, and how far the next one begins.

    Returns
    -------
    Tensor
        A view with the windows' elements in a new last dimension: out[..., w, ..., k] = x[..., w step + k, ...].

    Examples
    --------
    >>> import minigrad
    >>> minigrad.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    shape = array_of("unfold", input).shape
    d = normalise_dim("unfold", dimension, shape)
    extent = shape[d] if shape else 1
    size, step = whole("unfold", "size", size), whole("unfold", "step", step)
    if not 0 <= size <= extent:
        raise RuntimeError(f"unfold: size {size} must be between 0 and {extent}, that of dim {d} of shape {shape}")
    if step <= 0:
        raise RuntimeError(f"unfold: step must be positive, got {step}")
    if not shape:
        return narrow(reshape(input, (1,)), 0, 0, size)
    return _unfold(input, d, size, step)


@method
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Return a view with one dimension made several; one of `sizes` may be -1 and is found out.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.unflatten(minigrad.ones(6), 0, (2, -1))
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    shape = array_of("unflatten", input).shape
    d = normalise_dim("unflatten", dim, shape)
    wanted = sizes_of((sizes,))
    if not wanted:
        raise RuntimeError("unflatten: sizes must not be empty")
    resolved = sizes_for(shape[d], wanted)
    if resolved is None:
        raise RuntimeError(f"unflatten: sizes {wanted} do not multiply to {shape[d]}, dim {d} of shape {shape}")
    return reshape(input, (*shape[:d], *resolved, *shape[d + 1 :]))


@method
def ravel(input: Tensor) -> Tensor:
    """Return all elements in one dimension, in row-major order: a view where they lie so.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.ravel(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    array_of("ravel", input)
    return reshape(contiguous(input), (input._array.size,))


@method
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Return a view with two dimensions exchanged; the same as :func:`transpose`."""
    return transpose(input, axis0, axis1)


@method
def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return a view with two dimensions exchanged; the same as :func:`transpose`."""
    return transpose(input, dim0, dim1)


def tensors_of(name: str, tensors: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Return the tensors given one by one or as one sequence; TypeError for what is no tensor."""
    given = tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    for i, x in enumerate(given):
        if not isinstance(x, Tensor):
            array_of(name, x, f"tensor {i}")
    return given


def _each(name: str, tensors: tuple[Any, ...], function: Callable[[Tensor], Tensor]) -> Any:
    """Apply a function to one tensor, or to each of several."""
    results = tuple([function(x) for x in tensors_of(name, tensors)])
    return results[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else results


def rank_1(x: Tensor) -> Tensor:
    """Return a tensor with at least one dimension."""
    return x if x._array.ndim else reshape(x, (1,))


def rank_2(x: Tensor) -> Tensor:
    """Return a tensor with at least two dimensions, a vector as a row."""
    return x if x._array.ndim > 1 else unsqueeze(rank_1(x), 0)


def rank_3(x: Tensor) -> Tensor:
    """Return a tensor with at least three dimensions, a matrix with a last one of size 1."""
    return x if x._array.ndim > 2 else unsqueeze(rank_2(x), -1)


def atleast_1d(*tensors: Any) -> Any:
    """Return the tensor with one dimension where it has none; of several tensors, a tuple.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.atleast_1d(minigrad.tensor(1.0))
    tensor([1.])
    """
    return _each("atleast_1d", tensors, rank_1)


def atleast_2d(*tensors: Any) -> Any:
    """Return the tensor with two dimensions, a vector as a row, where it has fewer; of several tensors, a tuple.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.atleast_2d(minigrad.tensor([1.0, 2.0]))
    tensor([[1., 2.]])
    """
    return _each("atleast_2d", tensors, rank_2)


def atleast_3d(*tensors: Any) -> Any:
    """Return the tensor with three dimensions, a matrix with a last one of size 1, where it has fewer.

    Of several tensors, a tuple.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.atleast_3d(minigrad.ones(2, 3)).shape
    minigrad.Size([2, 3, 1])
    """
    return _each("atleast_3d", tensors, rank_3)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Return views of all tensors, repeated to the shape that they broadcast to.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.broadcast_tensors(minigrad.tensor([1, 2]), minigrad.tensor([[3]]))
    (tensor([[1, 2]]), tensor([[3, 3]]))
    """
    given = tensors_of("broadcast_tensors", tensors)
    shapes = [x._array.shape for x in given]
    shape = common_shape(*shapes)
    return tuple([broadcast(x, shape) for x in given])


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Return the coordinates of a grid, one tensor for each axis.

    Parameters
    ----------
    *tensors : Tensor, or one sequence of them
        The coordinates along each axis: vectors or single numbers, of one dtype.
    indexing : {"ij", "xy"}, optional
        "ij", the default: dimension i runs along axis i. "xy": the first two are exchanged.

    Returns
    -------
    tuple of Tensor
        Views, all of the grid's shape.

    Examples
    --------
    >>> import minigrad
    >>> x, y = minigrad.meshgrid(minigrad.tensor([1, 2]), minigrad.tensor([3, 4, 5]), indexing="ij")
    >>> x
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    given = tensors_of("meshgrid", tensors)
    if not given:
        raise RuntimeError("meshgrid: needs at least one tensor")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be "ij" or "xy", got {indexing!r}')
    if len({x._array.dtype for x in given}) > 1:
        raise RuntimeError(f"meshgrid: all tensors must have one dtype, got {[x.dtype for x in given]}")
    if any(x._array.ndim > 1 for x in given):
        raise RuntimeError(f"meshgrid: needs vectors or numbers, got shapes {[x._array.shape for x in given]}")
    swapped = indexing == "xy" and len(given) > 1
    axes = [given[1], given[0], *given[2:]] if swapped else list(given)
    shape = tuple([x._array.size for x in axes])
    grids = []
    for d, x in enumerate(axes):
        column = reshape(x, tuple([n if d == axis else 1 for axis, n in enumerate(shape)]))
        grids.append(expand(column, shape))
    if swapped:
        grids[:2] = grids[1::-1]
    return tuple(grids)
