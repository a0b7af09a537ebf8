"""Operations that move elements without computing: views and their adjoints.

One-to-one where every element goes to one place, one-to-many where it is repeated; the vjp is the way back:
《反向传播算法实现》, sections 3 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import getitem, index
from typing import Any

import numpy as np

from .. import _core, _dtype, graph
from .._facts import Size, view_properties
from .._methods import method, numpy_names
from .._views import replay
from ..batching_rules import of_level, writable_copy
from ..primitive import (
    LEADING,
    LINEAR,
    MANY_TO_ONE,
    ONE_TO_MANY,
    ONE_TO_ONE,
    Primitive,
    kernel_primitive,
    view_primitive,
)
from ..tensor import Tensor, array_of, wrap
from .elementwise import _copy
from .records import ARTICLE

__all__ = [
    "broadcast_shapes",
    "broadcast_to",
    "flatten",
    "moveaxis",
    "movedim",
    "permute",
    "reshape",
    "squeeze",
    "t",
    "transpose",
    "unsqueeze",
]

Shape = tuple[int, ...]
Dims = int | Sequence[int] | None

# ----------------------------------------------------------------------------------------------------------------------
# Primitives.

_reshape: Callable[..., Any] = view_primitive(
    "reshape",
    run=_core.reshape_view,
    attributes=("shape",),
    equation="out[i] = x[i], both counted row by row",
    source=f"{ARTICLE} section 3",
    relation=ONE_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g, x_shape: _reshape(g, x_shape)},
)

_permute: Callable[..., Any] = view_primitive(
    "permute",
    run=_core.permute_view,
    attributes=("dims",),
    equation="out[i_dims] = x[i]",
    source=f"{ARTICLE} section 3",
    relation=ONE_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g, dims: _permute(g, _inverse(dims))},
    batch=lambda _level, values, _batched, dims: _permute(values[0], (0, *[d + 1 for d in dims])),
)

#: The matrix transpose: the last two dimensions exchanged.
matrix_transpose: Callable[..., Any] = view_primitive(
    "matrix_transpose",
    run=lambda x: x.mT,
    attributes=(),
    equation="out[..., i, j] = x[..., j, i]",
    source=f"{ARTICLE} section 3",
    relation=ONE_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g: matrix_transpose(g)},
    batch=LEADING,
)

#: Repeats `x` to a shape that it broadcasts to, without copying.
broadcast = view_primitive(
    "expand",
    run=_core.broadcast_view,
    attributes=("shape",),
    equation="out[i] = x[i], with the index 0 along repeated dimensions",
    source=f"{ARTICLE} section 4",
    relation=ONE_TO_MANY,
    structure=LINEAR,
    vjp={"x": lambda g, x_shape: g if g.shape == x_shape else sum_to(g, x_shape)},
    batch=lambda level, values, _batched, shape: _batched_expand(level, values[0], shape),
)


def _batched_expand(level: Any, x: Any, shape: Shape) -> Any:
    return broadcast(_reshape(x, (level.size, *(1,) * (len(shape) + 1 - x.ndim), *x.shape[1:])), (level.size, *shape))


#: Undoes broadcasting: sums `x` over repeated dimensions, down to `shape`.
sum_to: Callable[..., Any] = kernel_primitive(
    "sum_to",
    equation="out = x summed over the dimensions that broadcasting `shape` to x's shape repeats",
    source=f"{ARTICLE} section 4",
    relation=MANY_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g, x_shape: broadcast(g, x_shape)},
    promotion=None,
    batch=lambda level, values, _batched, shape: _reshape(
        sum_to(values[0], (level.size, *(1,) * (values[0].ndim - 1 - len(shape)), *shape)), (level.size, *shape)
    ),
)

_ALL = slice(None)


def _unindexed(g: Any, key: tuple[Any, ...], x_shape: Shape) -> Any:
    """Return the cotangent of an indexed x: a view where the index leaves nothing out."""
    parts = [k for k in key if k is not None and k is not Ellipsis and k != _ALL]
    return unindex(g, key, x_shape) if parts else _reshape(g, x_shape)


_index = view_primitive(
    "index",
    run=getitem,
    attributes=("key",),
    equation="out[i] = x[start + i step]",
    source=f"{ARTICLE} section 4",
    relation=ONE_TO_ONE,
    structure=LINEAR,
    vjp={"x": _unindexed},
)

unindex: Callable[..., Any] = Primitive(
    "unindex",
    run=_core.unindex,
    inputs=("g",),
    attributes=("key", "shape"),
    equation="out[start + i step] = g[i], 0 elsewhere",
    source=f"{ARTICLE} section 4",
    relation=ONE_TO_ONE,
    structure=LINEAR,
    vjp={"g": lambda h, key: _index(h, key)},
    promotion=None,
).eager


def _run_overwrite(x: Any, value: Any, steps: Any) -> Any:
    out = _core.kernels["copy"](x)
    np.copyto(replay(out, steps), value)
    return out


def _batched_overwrite(level: Any, values: Any, batched: Any, steps: Any) -> Any:
    x, value = values
    whole = x if batched[0] else broadcast(x, (level.size, *x.shape))
    copied = writable_copy(whole if isinstance(whole, Tensor) else wrap(whole), value)
    out = of_level(level, copied if copied._edge is not None else copied._array)
    view = replay(out, steps)
    if isinstance(value, float):  # of a rule: nothing is left of what the view had
        value = _zeros(copied, view.shape)
    view._write(of_level(level, value, batched[1]), "overwrite")
    array: Any = out._array
    return array.value


#: The meaning of writing `value` into a view of `x`: out is x but for the elements of that view.
_overwrite: Callable[..., Any] = Primitive(
    "overwrite",
    run=_run_overwrite,
    inputs=("x", "value"),
    attributes=("steps",),
    equation="out = x, but value in the view of x that steps make",
    source="assignment to a view",
    relation=ONE_TO_ONE,
    vjp={"x": lambda g, steps: _overwrite(g, 0.0, steps), "value": lambda g, steps: replay(g, steps)},
    jvp={
        "x": lambda t, steps: _overwrite(t, 0.0, steps),
        "value": lambda t, steps, x_shape: _overwrite(_zeros(t, x_shape), t, steps),
    },
    promotion=None,
    batch=_batched_overwrite,
).eager

graph.sum_to = sum_to
_core.connect(sum_to=sum_to)
graph.broadcast_to = broadcast


def _zeros(like: Any, shape: Shape) -> Any:
    array = like._array if isinstance(like, Tensor) else like
    return np.zeros(shape, dtype=array.dtype)


def _inverse(dims: Sequence[int]) -> Shape:
    inverse = [0] * len(dims)
    for i, d in enumerate(dims):
        inverse[d] = i
    return tuple(inverse)


# ----------------------------------------------------------------------------------------------------------------------
# Arguments brought to one form.


def normalise_dim(name: str, dim: int, shape: Shape, added: int = 0) -> int:
    """Return `dim` counted from the front; IndexError where there is no such dimension, `added` ones included.

    A shape without dimensions counts as one with one.
    """
    limit = len(shape) + added or 1
    if dim.__class__ is not int:
        dim = whole(name, "dim", dim)
    if not -limit <= dim < limit:
        raise IndexError(f"{name}: dim {dim} out of range for shape {tuple(shape)}")
    return dim + limit if dim < 0 else dim


def whole(name: str, what: str, value: Any) -> int:
    """Return an integer that a function was given; TypeError for anything else."""
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name}: {what} must be an integer, got {type(value).__name__}") from None


def _is_several(x: Any) -> bool:
    """Return whether something has items: a list, a tuple, an array, but none without dimensions."""
    return hasattr(x, "__iter__") and getattr(x, "ndim", 1) > 0


def normalise_dims(name: str, dims: Any, shape: Shape) -> Shape:
    """Return one dim, or several, counted from the front; RuntimeError where one is named twice."""
    if (plain := _core.dims_of(dims, len(shape))) is not None:
        return plain
    several = tuple([whole(name, "dim", d) for d in (dims if _is_several(dims) else (dims,))])
    result = tuple([normalise_dim(name, d, shape) for d in several])
    if len(set(result)) != len(result):
        raise RuntimeError(f"{name}: a dim appears twice in {several} for shape {tuple(shape)}")
    return result


def dims_of(name: str, x: Tensor, dim: Dims) -> Shape:
    """Return the dimensions that a reduction is over, counted from the front; none means all."""
    array = array_of(name, x)
    if dim is None:
        return ()
    if dim.__class__ is int and 0 <= dim < array.ndim:  # the usual one needs no call
        return (dim,)
    return normalise_dims(name, dim, array.shape)


def sizes_of(args: tuple[Any, ...], named: Any = None) -> Shape:
    """Return the sizes given one by one, as one sequence, or by their name."""
    if named is not None:
        if args:
            raise TypeError("sizes or dims are given one by one or by their name, not both")
        args = (named,)
    if (plain := _core.sizes_of(args)) is not None:
        return plain
    try:
        return tuple(map(index, args[0] if len(args) == 1 and _is_several(args[0]) else args))
    except TypeError:
        given = ", ".join(repr(x) for x in args)
        raise TypeError(f"expected integers, one by one or in a sequence, got {given[:200]}") from None


def _resolve(name: str, sizes: Shape, x: Tensor) -> Shape:
    """Return the sizes with -1 replaced by what is left of x's elements."""
    resolved = sizes_for(array_of(name, x).size, sizes)
    if resolved is None:
        raise RuntimeError(f"{name}: shape {tuple(x._array.shape)} cannot become {sizes}")
    return resolved


def sizes_for(count: int, sizes: Shape) -> Shape | None:
    """Return the sizes, -1 replaced by what is left of `count` elements; None where they do not multiply to these."""
    product = math.prod(sizes)
    if product == count and (not sizes or min(sizes) >= 0):
        return sizes
    if sizes.count(-1) != 1 or min(sizes) < -1 or product == 0 or count % product != 0:
        return None
    return tuple([-(count // product) if n == -1 else n for n in sizes])


# ----------------------------------------------------------------------------------------------------------------------
# Public functions.


@method
def reshape(input: Tensor, *args: Any, shape: Any = None) -> Tensor:
    """Return the elements, in row-major order, in another shape.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    *args, shape : int or one sequence of int
        The new extents; one of them may be -1 and is found out.

    Returns
    -------
    Tensor
        A view where the memory's layout allows it, a copy otherwise.

    Raises
    ------
    RuntimeError
        If the numbers of elements differ.

    Notes
    -----
    out[i] = x[i], both counted row by row; the vjp is the reshape back (《反向传播算法实现》 section 3).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    if shape is None and (plain := _core.viewed_sizes(input, args)) is not None:
        return _reshape(input, plain)
    sizes = _resolve("reshape", sizes_of(args, shape), input)
    return _reshape(input if _is_viewable(input._array, sizes) else _copy(input), sizes)


def _is_viewable(array: Any, sizes: Shape) -> bool:
    """Return whether the array's memory, as it lies, can be read in another shape."""
    if isinstance(array, np.ndarray):
        return _core.is_viewable(array, sizes)
    return bool(array.flags.c_contiguous) or np.may_share_memory(array.reshape(sizes), array)


@method
def view(input: Tensor, *args: Any, size: Any = None) -> Tensor:
    """Return a view in another shape; RuntimeError where the memory's layout does not allow it. See :func:`reshape`."""
    if len(args) == 1 and isinstance(args[0], _dtype.dtype):
        raise TypeError("view: reinterpreting memory as another dtype is not supported; use to(dtype)")
    if size is None and (plain := _core.viewed_sizes(input, args)) is not None:
        return _reshape(input, plain)
    sizes = _resolve("view", sizes_of(args, size), input)
    if not _is_viewable(input._array, sizes):
        raise RuntimeError(
            f"view: view size is not compatible with the memory's layout: shape {tuple(input._array.shape)} and strides "
            f"{input.stride()} cannot be seen as {sizes} without copying; use reshape()"
        )
    return _reshape(input, sizes)


@method
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return the tensor with the dimensions from `start_dim` to `end_dim` made one.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.flatten(minigrad.ones(2, 3, 4), 1).shape
    minigrad.Size([2, 12])
    """
    array = array_of("flatten", input)
    sizes = _flattened(array.shape, whole("flatten", "start_dim", start_dim), whole("flatten", "end_dim", end_dim))
    if sizes == array.shape:
        return input
    return _reshape(input if _is_viewable(array, sizes) else _copy(input), sizes)


@lru_cache(maxsize=512)
def _flattened(shape: Shape, start_dim: int, end_dim: int) -> Shape:
    first = normalise_dim("flatten", start_dim, shape)
    last = normalise_dim("flatten", end_dim, shape)
    if first > last:
        raise RuntimeError(f"flatten: start_dim {start_dim} lies behind end_dim {end_dim}")
    return (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])


@method
@numpy_names
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Return a view with a dimension of size 1 inserted at `dim`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.unsqueeze(minigrad.tensor([1, 2]), 1)
    tensor([[1],
            [2]])
    """
    shape = array_of("unsqueeze", input).shape
    at = normalise_dim("unsqueeze", dim, shape, added=1)
    return _reshape(input, (*shape[:at], 1, *shape[at:]))


@method
@numpy_names
def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Return a view without the dimensions of size 1, or without those of `dim` that have size 1.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.squeeze(minigrad.ones(2, 1, 3, 1)).shape
    minigrad.Size([2, 3])
    """
    shape = array_of("squeeze", input).shape
    return _reshape(input, _squeezed(shape, dim if dim is None or dim.__class__ is int else tuple_of(dim)))


@lru_cache(maxsize=512)
def _squeezed(shape: Shape, dim: int | Shape | None) -> Shape:
    dims = range(len(shape)) if dim is None else normalise_dims("squeeze", dim, shape)
    return tuple([n for d, n in enumerate(shape) if n != 1 or d not in dims])


def tuple_of(dims: Any) -> Any:
    """Return one dim as it is, several as a tuple."""
    return dims if isinstance(dims, int) else sizes_of((dims,))


@method
def permute(input: Tensor, *args: Any, dims: Any = None) -> Tensor:
    """Return a view with the dimensions in another order.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.permute(minigrad.ones(2, 3, 4), (2, 0, 1)).shape
    minigrad.Size([4, 2, 3])
    """
    shape = array_of("permute", input).shape
    order = normalise_dims("permute", sizes_of(args, dims), shape)
    if len(order) != len(shape):
        raise RuntimeError(f"permute: needs all {len(shape)} dims of shape {shape}, got {order}")
    return _permute(input, order)


@method
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return a view with two dimensions exchanged.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.transpose(minigrad.ones(2, 3, 4), 0, 2).shape
    minigrad.Size([4, 3, 2])
    """
    shape = array_of("transpose", input).shape
    if not (dim0.__class__ is dim1.__class__ is int):
        dim0, dim1 = whole("transpose", "dim0", dim0), whole("transpose", "dim1", dim1)
    return _permute(input, _exchanged(shape, dim0, dim1))


@lru_cache(maxsize=512)
def _exchanged(shape: Shape, dim0: int, dim1: int) -> Shape:
    """Return the dims of a shape with two of them exchanged."""
    a = normalise_dim("transpose", dim0, shape)
    b = normalise_dim("transpose", dim1, shape)
    order = list(range(len(shape)))
    if order:
        order[a], order[b] = order[b], order[a]
    return tuple(order)


@method
def t(input: Tensor) -> Tensor:
    """Return the transpose of a matrix; a tensor with fewer than two dimensions as it is.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.t(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    rank = array_of("t", input).ndim
    if rank > 2:
        raise RuntimeError(f"t: needs at most two dimensions, got shape {input._array.shape}")
    return _permute(input, _REVERSED[rank])


#: The dims of arrays of each rank, in reverse order.
_REVERSED = [tuple(range(rank))[::-1] for rank in range(65)]


@method
def expand(input: Tensor, *args: Any, size: Any = None) -> Tensor:
    """Return a view repeated along dimensions of size 1, without copying.

    Parameters
    ----------
    input : Tensor
        Whose shape broadcasts to the new one.
    *args, size : int or one sequence of int
        The new extents; -1 keeps an extent.

    Returns
    -------
    Tensor
        A view.

    Notes
    -----
    The gradient of an element is the sum of the cotangents of its copies (《反向传播算法实现》 section 4).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([[1], [2]]).expand(-1, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    array = array_of("expand", input)
    wanted = args if len(args) > 1 else sizes_of(args, size)
    return broadcast(input, _kept(array.shape, wanted) if -1 in wanted else wanted)


def _kept(shape: Shape, wanted: Shape) -> Shape:
    """Return the sizes with those of `shape`, counted from the end, in place of -1."""
    added = len(wanted) - len(shape)
    sizes = list(wanted)
    for d, n in enumerate(wanted):
        if n == -1:
            if d < added or added < 0:
                raise RuntimeError(f"expand: shape {shape} does not broadcast to {wanted}")
            sizes[d] = shape[d - added]
    return tuple(sizes)


@method
def broadcast_to(input: Tensor, shape: Sequence[int]) -> Tensor:
    """Return a view repeated to `shape`; the same as ``input.expand(shape)``.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.broadcast_to(minigrad.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    array_of("broadcast_to", input)
    return expand(input, shape)


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """Return the shape that the shapes broadcast to; RuntimeError where they do not.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.broadcast_shapes((2, 1), (3,))
    minigrad.Size([2, 3])
    """
    return Size(
        common_shape(
            *[tuple(s) if isinstance(s, Sequence) else (whole("broadcast_shapes", "an extent", s),) for s in shapes]
        )
    )


@lru_cache(maxsize=512)
def common_shape(*shapes: Shape) -> Shape:
    """Return the shape that tuples of sizes broadcast to; RuntimeError where they do not."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = ", ".join(map(str, shapes))
        raise RuntimeError(f"broadcast_shapes: shapes {listed} do not broadcast") from None


@method
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Return a view repeated to `other`'s shape."""
    array_of("expand_as", input)
    return expand(input, array_of("expand_as", other, "other").shape)


@method
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """Return the elements in `other`'s shape."""
    array_of("reshape_as", input)
    return reshape(input, array_of("reshape_as", other, "other").shape)


@method
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """Return a view in `other`'s shape."""
    array_of("view_as", input)
    return view(input, array_of("view_as", other, "other").shape)


@method
def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Return a view with the dimensions `source` moved to the places `destination`; the others keep their order.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.movedim(minigrad.ones(2, 3, 4), 0, -1).shape
    minigrad.Size([3, 4, 2])
    """
    return _permute(input, _moved(array_of("movedim", input).shape, tuple_of(source), tuple_of(destination)))


@lru_cache(maxsize=512)
def _moved(shape: Shape, source: int | Shape, destination: int | Shape) -> Shape:
    """Return the dims of a shape with some of them moved."""
    moved, places = [normalise_dims("movedim", dims, shape) for dims in (source, destination)]
    if len(moved) != len(places):
        raise RuntimeError(f"movedim: source and destination must be equally many, got {source} and {destination}")
    to = dict(zip(places, moved, strict=True))
    rest = iter([d for d in range(len(shape)) if d not in moved])
    return tuple([to[d] if d in to else next(rest) for d in range(len(shape))])


@method
def moveaxis(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Return a view with dimensions moved; the same as :func:`movedim`."""
    return movedim(input, source, destination)


def reversed_dims(x: Tensor) -> Tensor:
    """Return a view with all dimensions in reverse order."""
    return _permute(x, _REVERSED[x._array.ndim])


view_properties.update(T=reversed_dims, mT=matrix_transpose)


@method
def contiguous(input: Tensor) -> Tensor:
    """Return the tensor itself where its elements lie in row-major order, a copy that does otherwise."""
    return input if array_of("contiguous", input).flags.c_contiguous else _copy(input)


def basic_index(x: Tensor, key: tuple[Any, ...]) -> Tensor:
    """Return the view that a key of integers, slices, None and Ellipsis means."""
    try:
        return _index(x, key)
    except IndexError as error:
        raise IndexError(f"{error}, for shape {x._array.shape}") from None
    except TypeError as error:
        raise TypeError(f"{error}, got {key[:-1]}") from None
