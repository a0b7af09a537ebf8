"""Repeating, reversing and rolling elements, diagonals and triangles of matrices, differences of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .. import _core, _dtype
from .._methods import KernelCall, kernel_call, method, numpy_names
from ..batching import hands_on
from ..primitive import LEADING, LINEAR, ONE_TO_ONE, Primitive, kernel_primitive
from ..tensor import Tensor, array_of, wrap
from . import elementwise as ew
from .elementwise import add, clone, div, mul, sub
from .functions import as_floats
from .joining import cat
from .records import ARTICLE
from .shape import (
    Shape,
    basic_index,
    broadcast,
    contiguous,
    normalise_dim,
    normalise_dims,
    reshape,
    sizes_of,
    transpose,
    unsqueeze,
)
from .views import along, diagonal, narrow, select, two_dims, undiagonal

__all__ = [
    "cumulative_trapezoid",
    "diag",
    "diag_embed",
    "diagflat",
    "diff",
    "flip",
    "fliplr",
    "flipud",
    "repeat_interleave",
    "roll",
    "rot90",
    "tile",
    "trapezoid",
    "trapz",
    "tril",
    "triu",
]

# ----------------------------------------------------------------------------------------------------------------------
# Primitives.

_clone = _core.kernels["clone"]
_copy = _core.kernels["copy"]
_cat = _core.kernels["cat"]


@lru_cache(256)
def _backwards(dims: Shape, ndim: int) -> tuple[slice, ...]:
    return tuple([slice(None, None, -1 if d in dims else 1) for d in range(ndim)])


@hands_on
def _run_flip(x: Any, dims: Shape) -> Any:
    return _clone(x[_backwards(dims, x.ndim)] if dims else x)


_flip: Callable[..., Any] = Primitive(
    "flip",
    run=_run_flip,
    inputs=("x",),
    attributes=("dims",),
    equation="out[i] = x[n - 1 - i] along each of dims",
    source=f"{ARTICLE} section 3",
    relation=ONE_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g, dims: _flip(g, dims)},
    promotion=None,
).eager


def _run_roll(x: Any, shifts: Shape, dims: Shape) -> Any:
    out = x
    for shift, d in zip(shifts, dims, strict=True):
        if x.shape[d] and (cut := -shift % x.shape[d]):
            head, tail = _core.pieces(out, (cut, x.shape[d] - cut), d, False, None, None)
            out = _cat((tail, head), d, False)
    return _copy(x) if out is x else out


_roll: Callable[..., Any] = Primitive(
    "roll",
    run=_run_roll,
    inputs=("x",),
    attributes=("shifts", "dims"),
    equation="out[(i + shift) mod n] = x[i] along each of dims",
    source=f"{ARTICLE} section 3",
    relation=ONE_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g, shifts, dims: _roll(g, tuple([-s for s in shifts]), dims)},
    promotion=None,
).eager

_triangle: Callable[..., Any] = kernel_primitive(
    "triangle",
    equation="out[i, j] = x[i, j] where j - i <= diagonal (upper: >=), 0 elsewhere",
    source="a definition",
    relation=ONE_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g, diagonal, upper: _triangle(g, diagonal, upper)},
    promotion=None,
    batch=LEADING,
)

# ----------------------------------------------------------------------------------------------------------------------
# Repeating.


def _repeated(input: Tensor, shape: Shape, counts: Shape) -> Tensor:
    """Return the elements, seen in `shape`, repeated so often as a whole along each dimension."""
    apart: list[int] = []  # a dimension that is repeated stands behind one of its own for the copies
    wide: list[int] = []
    for n, count in zip(shape, counts, strict=True):
        apart += [n] if count == 1 else [1, n]
        wide += [n] if count == 1 else [count, n]
    if apart == wide:
        return ew._copy(reshape(input, shape))
    repeated = ew._copy(broadcast(reshape(input, tuple(apart)), tuple(wide)))
    return reshape(repeated, tuple([n * count for n, count in zip(shape, counts, strict=True)]))


@method
def repeat(input: Tensor, *args: Any, repeats: Any = None) -> Tensor:
    """Return copies of the tensor, side by side along each dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    *args, repeats : int or one sequence of int
        How many along each dimension; dimensions that `input` lacks come first.

    Returns
    -------
    Tensor
        A new tensor.

    Raises
    ------
    RuntimeError
        If there are fewer numbers than dimensions, or a negative one.

    Notes
    -----
    The gradient of an element is the sum of the cotangents of its copies (《反向传播算法实现》 section 4).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    shape = array_of("repeat", input).shape
    counts = sizes_of(args, repeats)
    if len(counts) < len(shape):
        raise RuntimeError(f"repeat: needs a number for each dimension of shape {shape}, got {counts}")
    if any(n < 0 for n in counts):
        raise RuntimeError(f"repeat: the numbers must not be negative, got {counts}")
    return _repeated(input, (1,) * (len(counts) - len(shape)) + shape, counts)


@method
def tile(input: Tensor, *args: Any, dims: Any = None) -> Tensor:
    """Return copies of the tensor, side by side; the first dimensions are taken once where numbers are missing.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tile(minigrad.tensor([1, 2]), (2, 2))
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    ndim = array_of("tile", input).ndim
    counts = sizes_of(args, dims)
    return repeat(input, (1,) * (ndim - len(counts)) + counts)


@method
@numpy_names
def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Return the tensor with every slice repeated where it stands.

    Parameters
    ----------
    input : Tensor
        Of any shape. Alone, ``repeat_interleave(repeats)``, it counts: the indices from 0, each so often.
    repeats : int or Tensor
        How often each slice; a vector has a number for each.
    dim : int, optional
        The dimension; by default the elements of the flattened tensor are repeated.
    output_size : int, optional
        What `repeats` add up to; checked.

    Returns
    -------
    Tensor
        A new tensor.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1, 2]).repeat_interleave(minigrad.tensor([2, 1]))
    tensor([1, 1, 2])
    """
    array = array_of("repeat_interleave", input)
    if repeats is None:
        return wrap(_places(input, array.size, output_size))
    if dim is None:
        input, dim = reshape(input, (-1,)), 0
    shape = input._array.shape or (1,)
    d = normalise_dim("repeat_interleave", dim, shape)
    if isinstance(repeats, Tensor) and repeats._array.size == 1 and repeats._array.dtype.kind == "i":
        repeats = int(repeats.item())
    if not isinstance(repeats, int):
        from .index import index_select

        places = _places(repeats if isinstance(repeats, Tensor) else Tensor(repeats), shape[d], output_size)
        return index_select(reshape(input, shape), d, wrap(places))
    if repeats < 0:
        raise RuntimeError(f"repeat_interleave: repeats must not be negative, got {repeats}")
    if output_size is not None and output_size != repeats * shape[d]:
        raise RuntimeError(f"repeat_interleave: output_size is {output_size}, but the slices are {repeats * shape[d]}")
    column = unsqueeze(reshape(contiguous(input), shape), d + 1)
    wide = broadcast(column, (*shape[: d + 1], repeats, *shape[d + 1 :]))
    return reshape(ew._copy(wide), (*shape[:d], shape[d] * repeats, *shape[d + 1 :]))


def _places(repeats: Tensor, count: int, output_size: int | None) -> Any:
    """Return the indices from 0 to count - 1, each as often as `repeats` says."""
    numbers = repeats._array
    if numbers.dtype not in (np.int32, np.int64):
        raise RuntimeError(f"repeat_interleave: repeats must be int32 or int64, got {repeats.dtype}")
    if numbers.ndim > 1 or (numbers.size not in {count, 1}):
        raise RuntimeError(f"repeat_interleave: needs {count} repeats, got shape {numbers.shape}")
    if (numbers < 0).any():
        raise RuntimeError("repeat_interleave: repeats must not be negative")
    if output_size is not None and int(numbers.sum()) != output_size:
        raise RuntimeError(f"repeat_interleave: output_size is {output_size}, but repeats add up to {numbers.sum()}")
    return np.repeat(np.arange(count), numbers)


# ----------------------------------------------------------------------------------------------------------------------
# Reversing and rolling.


@method
def flip(input: Tensor, *args: Any, dims: Any = None) -> Tensor:
    """Return a copy with the elements along each of `dims`, one or several, in reverse order.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1, 2, 3]).flip(0)
    tensor([3, 2, 1])
    """
    if not (shape := array_of("flip", input).shape):
        normalise_dims("flip", sizes_of(args, dims), shape)
        return clone(input)
    return _flip(input, normalise_dims("flip", sizes_of(args, dims), shape))


@method
def fliplr(input: Tensor) -> Tensor:
    """Return a copy with the columns, dim 1, in reverse order.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.fliplr(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if array_of("fliplr", input).ndim < 2:
        raise RuntimeError(f"fliplr: needs at least two dimensions, got shape {input._array.shape}")
    return flip(input, (1,))


@method
def flipud(input: Tensor) -> Tensor:
    """Return a copy with the rows, dim 0, in reverse order.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.flipud(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if array_of("flipud", input).ndim < 1:
        raise RuntimeError("flipud: needs at least one dimension, got shape ()")
    return flip(input, (0,))


@method
def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """Return a copy with the elements moved on along dimensions, the last ones to the front.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    shifts : int or sequence of int
        By how many places.
    dims : int or sequence of int, optional
        Along which dimensions; by default along the flattened tensor.

    Returns
    -------
    Tensor
        A new tensor of the same shape.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1, 2, 3]).roll(1)
    tensor([3, 1, 2])
    """
    shape = array_of("roll", input).shape
    by, along_dims = sizes_of((shifts,)), () if dims is None else sizes_of((dims,))
    if not by:
        raise RuntimeError("roll: needs at least one shift")
    if not along_dims and len(by) == len(shape) == 1:
        return _roll(input, by, (0,))
    if not along_dims and len(by) == 1:
        flat = _roll(reshape(input, (input._array.size,)), by, (0,))
        return reshape(flat, shape)
    if len(along_dims) != len(by):
        raise RuntimeError(f"roll: shifts and dims must be equally many, got {by} and {along_dims}")
    if not shape:
        raise IndexError(f"roll: dims {along_dims} for a tensor without dimensions")
    order = tuple([normalise_dim("roll", d, shape) for d in along_dims])
    return _roll(input, by, order)


@method
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Return the tensor turned `k` times by 90 degrees in the plane of two dimensions, from the first to the second.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.rot90(minigrad.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    shape = array_of("rot90", input).shape
    if len(dims) != 2 or len(shape) < 2:
        raise RuntimeError(f"rot90: needs two dims of at least two, got {tuple(dims)} for shape {shape}")
    a, b = two_dims("rot90", dims[0], dims[1], shape)
    turns = k % 4
    if turns == 0:
        return clone(input)
    if turns == 2:
        return flip(input, (a, b))
    return transpose(flip(input, (b,) if turns == 1 else (a,)), a, b)


# ----------------------------------------------------------------------------------------------------------------------
# Triangles and diagonals.


def _triangle_calls(upper: bool) -> tuple[KernelCall, ...]:
    main = False  # diagonal 0
    return kernel_call("triangle", 0, main, upper), kernel_call("triangle", 0, 1, upper, diagonal="any")


@method(in_place=_triangle_calls(False))
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the lower triangles of matrices, and 0 above `diagonal`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.ones(2, 3).tril()
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
    """
    array_of("tril", input)
    return _triangle(input, diagonal, False)


@method(in_place=_triangle_calls(True))
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the upper triangles of matrices, and 0 below `diagonal`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.ones(2, 3).triu(1)
    tensor([[0., 1., 1.],
            [0., 0., 1.]])
    """
    array_of("triu", input)
    return _triangle(input, diagonal, True)


@method
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return matrices of zeros with the rows of the last dimension on a diagonal.

    Parameters
    ----------
    input : Tensor
        With at least one dimension, the last being the diagonal.
    offset : int, default 0
        Above the main diagonal where positive, below it where negative.
    dim1, dim2 : int
        Where the rows and the columns stand in the result.

    Returns
    -------
    Tensor
        With one dimension more.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1, 2]).diag_embed()
    tensor([[1, 0],
            [0, 2]])
    """
    shape = array_of("diag_embed", input).shape
    if not shape:
        raise RuntimeError("diag_embed: needs at least one dimension, got shape ()")
    a, b = two_dims("diag_embed", dim1, dim2, (*shape, 1))
    extent = shape[-1] + abs(offset)
    rest = iter(shape[:-1])
    full = tuple([extent if d in (a, b) else next(rest) for d in range(len(shape) + 1)])
    return undiagonal(input, full, offset, (a, b))


@method
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return a matrix with a vector on a diagonal, or a copy of a diagonal of a matrix.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.diag(minigrad.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    ndim = array_of("diag", input).ndim
    if ndim == 1:
        return diag_embed(input, diagonal)
    if ndim != 2:
        raise RuntimeError(f"diag: needs a vector or a matrix, got shape {input._array.shape}")
    return clone(_diagonal(input, diagonal))


_diagonal = diagonal


@method
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """Return a matrix with all elements, flattened, on a diagonal.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.diagflat(minigrad.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(reshape(input, (array_of("diagflat", input).size,)), offset)


# ----------------------------------------------------------------------------------------------------------------------
# Differences.


@method
@numpy_names
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Return the differences of neighbours along a dimension, taken `n` times.

    Parameters
    ----------
    input : Tensor
        With at least one dimension.
    n : int, default 1
        How many times.
    dim : int, default -1
        The dimension.
    prepend, append : Tensor, optional
        What to put before and behind `input` first.

    Returns
    -------
    Tensor
        `n` slices shorter. Of booleans, whether neighbours differ.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1, 4, 9]).diff()
    tensor([3, 5])
    """
    shape = array_of("diff", input).shape
    if not shape:
        raise RuntimeError("diff: expects at least one dimension")
    d = normalise_dim("diff", dim, shape)
    if n < 0:
        raise RuntimeError(f"diff: n must not be negative, got {n}")
    if n == 0:
        return clone(input)
    parts = [x for x in (prepend, input, append) if x is not None]
    x = cat(parts, d) if len(parts) > 1 else input
    for _ in range(min(n, x._array.shape[d])):
        later, earlier = (basic_index(x, along(d, part)) for part in (slice(1, None), slice(None, -1)))
        x = ew.ne(later, earlier) if x.dtype is _dtype.bool_ else later - earlier
    return x


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """Return the area under lines from point to point along a dimension.

    Parameters
    ----------
    y : Tensor
        The heights, of any shape; integers become floats of the default dtype.
    x : Tensor, optional
        Where they are; as many along `dim`, or a vector for the last dimension. Otherwise `dx` apart.
    dx : float, default 1
        How far apart.
    dim : int, default -1
        The dimension along which the points follow each other.

    Returns
    -------
    Tensor
        Without `dim`.

    Raises
    ------
    IndexError
        If `dim` is out of range.
    RuntimeError
        If there are not as many places along `dim` as heights.

    Notes
    -----
    out = Σ (x[i+1] - x[i]) (y[i] + y[i+1]) / 2.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.trapezoid(minigrad.tensor([1.0, 2.0, 3.0]), minigrad.tensor([0.0, 1.0, 3.0]))
    tensor(6.5000)
    """
    shape = array_of("trapezoid", y).shape
    d = normalise_dim("trapezoid", dim, shape)
    count = max(shape[d] - 1, 0)
    if x is None and count > 0:
        y = as_floats("trapezoid", y)
        area = sub(y.sum(d), mul(add(select(y, d, 0), select(y, d, count)), 0.5))
        return area if dx == 1 else mul(area, dx)
    return div(_strips("trapezoid", y, x, dx, d).sum(d), 2)


def _strips(name: str, y: Tensor, x: Tensor | None, dx: float, d: int) -> Tensor:
    """Return twice the areas between neighbouring points along dimension d."""
    y = as_floats(name, y)
    shape = y._array.shape
    count = max(shape[d] - 1, 0)
    pairs = add(narrow(y, d, 0, count), narrow(y, d, shape[d] - count, count))
    if x is None:
        return mul(pairs, dx)
    array_of(name, x, "x")
    x = as_floats(name, x)
    along = -1 if x.ndim == 1 else d - len(shape)
    if x.ndim >= -along and x._array.shape[along] != shape[d]:
        raise RuntimeError(f"trapezoid: {shape[d]} heights along dim {d} need as many places, got x {x._array.shape}")
    widths = diff(x, dim=along)
    if x.ndim == 1:
        widths = reshape(widths, [-1 if i == d else 1 for i in range(len(shape))])
    return pairs * widths


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """Return the areas under lines from point to point, from the first point to each other one along a dimension.

    Parameters
    ----------
    y : Tensor
        The heights, of any shape; integers become floats of the default dtype.
    x : Tensor, optional
        Where they are; as many along `dim`, or a vector for the last dimension. Otherwise `dx` apart.
    dx : float, default 1
        How far apart.
    dim : int, default -1
        The dimension along which the points follow each other.

    Returns
    -------
    Tensor
        With one element less along `dim`.

    Raises
    ------
    IndexError
        If `dim` is out of range.
    RuntimeError
        If there are not as many places along `dim` as heights.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.cumulative_trapezoid(minigrad.tensor([1.0, 2.0, 3.0]), minigrad.tensor([0.0, 1.0, 3.0]))
    tensor([1.5000, 6.5000])
    """
    d = normalise_dim("cumulative_trapezoid", dim, array_of("cumulative_trapezoid", y).shape)
    return div(_strips("cumulative_trapezoid", y, x, dx, d).cumsum(d), 2)


trapz = trapezoid
