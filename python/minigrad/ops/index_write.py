"""Writing slices at indices along a dimension, or elements counted through the whole tensor: index_add, put and their kin.

All of them are primitives of scatter.py, once their arguments are in its form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core
from .._methods import method
from ..batching import levels
from ..graph import Array
from ..tensor import Tensor, array_of, grad_enabled, wrap
from .elementwise import clone, mul
from .index import along, broadcast_with_mask, index_tensor, linear_index, true_positions, vector_index
from .promotion import to_dtype
from .scatter import combine, combine_in_place, like_input, reduced_into
from .scatter_records import _scatter, _scatter_sum
from .shape import basic_index, broadcast, normalise_dim, reshape

__all__ = ["index_add", "index_copy", "index_fill", "index_reduce", "masked_scatter", "put"]

# ----------------------------------------------------------------------------------------------------------------------
# An index for each slice.


def _slices_at(name: str, input: Tensor, dim: int, index: Any, source: Any) -> tuple[Tensor, Any, Tensor, int]:
    """Return input and source with at least one dimension, the index repeated for every element, and `dim`."""
    array = array_of(name, input)
    d = normalise_dim(name, dim, array.shape)
    index = vector_index(name, index)
    count = index._array.size
    if array.ndim == 0:
        input = reshape(input, 1)
    shape = input._array.shape
    if isinstance(source, Tensor):
        if source._array.ndim == 0:
            source = reshape(source, (1,) * len(shape))
        own = source._array.shape
        if own != (shape if count == shape[d] else (*shape[:d], count, *shape[d + 1 :])):
            raise RuntimeError(
                f"{name}: source {own} must be like input {shape}, with {count} elements, as many as index has, "
                f"in dim {d}"
            )
    return input, source, wrap(along(index._array, shape[:d], shape[d + 1 :]), None, index._cell), d


def _to_slices(
    name: str, input: Tensor, dim: int, index: Any, source: Any, primitive: Callable[..., Any], in_place: bool
) -> Tensor:
    source = like_input(name, array_of(name, input), source, "source")
    x, source, at, d = _slices_at(name, input, dim, index, source)
    if in_place:
        combine_in_place(name, x, source, at, d, primitive)
        return input
    out = combine(name, x, source, at, d, primitive)
    return out if x is input else reshape(out, ())


@method
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """Return `input` with slices of `source`, times `alpha`, added at the indices along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The dimension that the indices count along.
    index : Tensor
        A vector of integers from 0.
    source : Tensor
        Like `input`, with as many slices along `dim` as there are indices.
    alpha : number, default 1
        What the slices are multiplied by.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If an index is out of range.
    RuntimeError
        If shapes or dtypes do not fit.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.zeros(3).index_add(0, minigrad.tensor([2, 2]), minigrad.tensor([1.0, 2.0]), alpha=10)
    tensor([ 0.,  0., 30.])
    """
    source = _times("index_add", source, alpha)
    return _to_slices("index_add", input, dim, index, source, _scatter_sum, in_place=False)


def _times(name: str, source: Tensor, alpha: Any) -> Tensor:
    array = array_of(name, source, "source")
    if alpha == 1:
        return source
    if array.dtype.kind == "f":
        return mul(source, alpha)
    if isinstance(alpha, float):
        raise TypeError(f"{name}: alpha must be an integer for {array.dtype}, got {alpha}")
    return mul(source, np.asarray(alpha).astype(array.dtype).item())  # it wraps around as the products do


@method
def index_add_(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """Do as `index_add` does in this tensor's memory; return it."""
    source = _times("index_add_", source, alpha)
    return _to_slices("index_add_", input, dim, index, source, _scatter_sum, in_place=True)


@method
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Return `input` with slices of `source` at the indices along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The dimension that the indices count along.
    index : Tensor
        A vector of integers from 0. Of several slices for one place the last one stays.
    source : Tensor
        Like `input`, with as many slices along `dim` as there are indices.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If an index is out of range.
    RuntimeError
        If shapes or dtypes do not fit.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.zeros(3).index_copy(0, minigrad.tensor([2, 0]), minigrad.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    return _to_slices("index_copy", input, dim, index, source, _scatter, in_place=False)


@method
def index_copy_(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Do as `index_copy` does in this tensor's memory; return it."""
    return _to_slices("index_copy_", input, dim, index, source, _scatter, in_place=True)


@method
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """Return `input` with a number in all elements of the slices at the indices along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The dimension that the indices count along.
    index : Tensor
        A vector of integers; negative ones count from the end.
    value : number or Tensor without dimensions
        What is written.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If an index is out of range.
    RuntimeError
        If `value` has dimensions.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.zeros(3).index_fill(0, minigrad.tensor([0, -1]), 7)
    tensor([7., 0., 7.])
    """
    return _filled("index_fill", input, dim, index, value, in_place=False)


@method
def index_fill_(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """Do as `index_fill` does in this tensor's memory; return it."""
    return _filled("index_fill_", input, dim, index, value, in_place=True)


def _filled(name: str, input: Tensor, dim: int, index: Any, value: Any, in_place: bool) -> Tensor:
    array = array_of(name, input)
    d = normalise_dim(name, dim, array.shape)
    index = vector_index(name, index)
    if not in_place and not levels and not (grad_enabled() and (input._edge or getattr(value, "_edge", None))):
        input, in_place = clone(input), True
    is_number = not isinstance(value, Tensor) or value._array.ndim == 0
    if in_place and is_number and _core.set_items(input, (*(slice(None),) * d, index), value):
        return input
    at = index._array
    at = linear_index(name, [at], (array.shape[d] if array.ndim else 1,), (d,), array.shape)
    if isinstance(value, Tensor):
        if value._array.ndim > 0:
            raise RuntimeError(f"{name}: value must have no dimensions, got shape {value._array.shape}")
        value = value if value._array.dtype == array.dtype else to_dtype(value, input.dtype)
        shape = array.shape or (1,)
        value = broadcast(value, (*shape[:d], at.size, *shape[d + 1 :]))
    elif in_place and array.ndim > 0:
        at = along(at, array.shape[:d], array.shape[d + 1 :])
        return combine_in_place(name, input, like_input(name, array, value, "source"), at, d, _scatter)
    return _to_slices(name, input, d, wrap(at), value, _scatter, in_place)


@method(in_place=True)
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Return `input` with slices of `source` combined at the indices along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The dimension that the indices count along.
    index : Tensor
        A vector of integers from 0.
    source : Tensor
        Like `input`, with as many slices along `dim` as there are indices.
    reduce : {"prod", "mean", "amax", "amin"}
        How; see :func:`scatter_reduce`.
    include_self : bool, default True
        Whether the elements of `input` take part where something is combined with them.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If an index is out of range.
    RuntimeError
        If shapes or dtypes do not fit, or there is no such reduction.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.ones(2).index_reduce(0, minigrad.tensor([1, 1]), minigrad.tensor([2.0, 3.0]), "prod")
    tensor([1., 6.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce: reduce must be one of prod, mean, amax, amin, got {reduce!r}")
    like_input("index_reduce", array_of("index_reduce", input), source, "source")
    x, source, at, d = _slices_at("index_reduce", input, dim, index, source)
    out = reduced_into("index_reduce", x, d, at, source, reduce, include_self)
    return out if x is input else reshape(out, ())


# ----------------------------------------------------------------------------------------------------------------------
# Elements counted through the whole tensor.


@method
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Return `input` with the elements of `source` at the indices, counted through all of `input` row by row.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    index : Tensor
        Integers, of any shape; negative ones count from the end.
    source : Tensor
        With as many elements.
    accumulate : bool, default False
        Add to what is there, in place of replacing it.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If an index is out of range, or the numbers of elements differ.
    RuntimeError
        If the dtypes differ.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.zeros(2, 2).put(minigrad.tensor([1, -1]), minigrad.tensor([3.0, 4.0]))
    tensor([[0., 3.],
            [0., 4.]])
    """
    src, at = _flat("put", input, index, source)
    out = combine("put", reshape(input, -1), src, at, 0, _scatter_sum if accumulate else _scatter)
    return reshape(out, input._array.shape)


@method
def put_(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Do as `put` does in this tensor's memory; return it."""
    if not input._array.flags.c_contiguous:
        return input._write(put(input, index, source, accumulate), "put_")
    plain = not accumulate and getattr(source, "shape", None) == getattr(index, "shape", ())
    if plain and _core.set_items(reshape(input, -1), reshape(index_tensor("put_", index), -1), reshape(source, -1)):
        return input
    src, at = _flat("put_", input, index, source)
    combine_in_place("put_", reshape(input, -1), src, at, 0, _scatter_sum if accumulate else _scatter)
    return input


def _flat(name: str, input: Tensor, index: Any, source: Any) -> tuple[Any, Array]:
    array = array_of(name, input)
    source = like_input(name, array, source, "source")
    at = index_tensor(name, index)._array
    if isinstance(source, Tensor) and source._array.size != at.size:
        raise IndexError(
            f"{name}: source and index must have equally many elements, got {source._array.shape} and {at.shape}"
        )
    at = linear_index(name, [at], (array.size,), (0,), (array.size,)).reshape(-1)
    return reshape(source, -1) if isinstance(source, Tensor) else source, at


_FEW = 1024  # elements of a mask that is read at once


@method
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return `input` with the elements of `source`, one after the other, where the mask is true.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    mask : Tensor
        Of dtype bool; the shapes broadcast.
    source : Tensor
        With at least as many elements as the mask has true ones.

    Returns
    -------
    Tensor
        Of the broadcast shape.

    Raises
    ------
    RuntimeError
        If `source` has too few elements, or dtypes do not fit.

    Examples
    --------
    >>> import minigrad
    >>> mask = minigrad.tensor([False, True, True])
    >>> minigrad.zeros(3).masked_scatter(mask, minigrad.tensor([1.0, 2.0]))
    tensor([0., 1., 2.])
    """
    array_of("masked_scatter", source, "source")
    source = like_input("masked_scatter", array_of("masked_scatter", input), source, "source")
    x, m = broadcast_with_mask("masked_scatter", input, mask)
    if x is input and m.size < _FEW and not (levels or (grad_enabled() and (x._edge or source._edge))):
        out = clone(x)
        if _core.set_items(out, m, source, "first"):
            return out
    at = true_positions(m)
    if source._array.size < at.size:
        raise RuntimeError(f"masked_scatter: source has {source._array.size} elements, the mask {at.size} true ones")
    taken = basic_index(reshape(source, -1), (slice(0, at.size),))
    return reshape(combine("masked_scatter", reshape(x, -1), taken, at, 0, _scatter), m.shape)


@method
def masked_scatter_(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Do as `masked_scatter` does in this tensor's memory; return it."""
    alike = type(mask) is type(source) is Tensor and mask._array.shape == array_of("masked_scatter_", input).shape
    if alike and mask._array.dtype.kind == "b" and _core.set_items(input, mask, source, "first"):
        return input
    return input._compute_in_place(masked_scatter, "masked_scatter_", (mask, source), {})
