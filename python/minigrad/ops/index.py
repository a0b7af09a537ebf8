"""Picking elements by integer tensors, and its adjoint, adding to picked elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _dtype
from .._methods import method
from ..primitive import LINEAR, MANY_TO_ONE, ONE_TO_MANY, kernel_primitive
from ..tensor import Tensor, array_of, wrap
from .elementwise import ARTICLE, clone, to_dtype
from .shape import basic_index, broadcast, normalise_dim

__all__ = [
    "gather",
    "index_select",
    "scatter_add",
]

Shape = tuple[int, ...]

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

_index_rows = kernel_primitive(
    "index_rows",
    equation="out[i] = x[index[i]]",
    source=f"{ARTICLE} section 4",
    relation=ONE_TO_MANY,
    structure=LINEAR,
    vjp={"x": lambda g, index, x_shape: _index_rows_add(g, index, x_shape[0])},
    promotion=None,
)

_index_rows_add: Callable[..., Any] = kernel_primitive(
    "index_rows_add",
    equation="out[index[i]] += g[i], from zeros",
    source=f"{ARTICLE} section 4",
    relation=MANY_TO_ONE,
    structure=LINEAR,
    vjp={"g": lambda h, index: _index_rows(h, index)},
    promotion=None,
)

# ----------------------------------------------------------------------------------------------------------------------
# Public functions.


def _index_tensor(name: str, index: Any) -> Tensor:
    """Return an index as an int64 tensor."""
    if not isinstance(index, Tensor):
        array = np.asarray(index)
        if array.size == 0:
            array = array.astype(np.int64)
        index = wrap(array)
    kind = index._array.dtype.kind
    if kind not in "iu":
        raise IndexError(f"{name}: indices must be integers, got {index._array.dtype}")
    return index if index._array.dtype == np.int64 else to_dtype(index, _dtype.int64)  # type: ignore[no-any-return]


@method
def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the elements that `index` picks along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The dimension that the indices count along.
    index : Tensor
        Integers from 0, of as many dimensions, no larger than `input` along the others.

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
    d = normalise_dim("gather", dim, array.ndim, array.shape)
    return gather_along(input, _index_tensor("gather", index), d)  # type: ignore[no-any-return]


@method
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the slices of `input` at the indices along a dimension."""
    from .shape import movedim

    array = array_of("index_select", input)
    d = normalise_dim("index_select", dim, array.ndim, array.shape)
    index = _index_tensor("index_select", index)
    if d == 0:
        return _index_rows(input, index)  # type: ignore[no-any-return]
    return movedim(_index_rows(movedim(input, d, 0), index), 0, d)


@method
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return `input` with the elements of `src` added where `index` says.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The dimension that the indices count along.
    index : Tensor
        Integers from 0, of `src`'s shape.
    src : Tensor
        What is added; elements for one place add up in row-major order.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If an index is out of range.
    """
    array = array_of("scatter_add", input)
    d = normalise_dim("scatter_add", dim, array.ndim, array.shape)
    index = _index_tensor("scatter_add", index)
    return input + _scatter_add(src, index, array.shape, d)  # type: ignore[no-any-return]


def getitem(x: Tensor, key: Any) -> Tensor:
    """Return ``x[key]``: a view for integers, slices, None and Ellipsis; a copy of rows for integer tensors or lists."""
    if type(key) is int:  # the common case, which the general way would take three times as long for
        return basic_index(x, (key, Ellipsis))
    parts = key if isinstance(key, tuple) else (key,)
    if all(map(_is_basic, parts)):
        plain = [k if k is None or k is Ellipsis else _plain(k) for k in parts]
        # The trailing Ellipsis makes NumPy return a view without dimensions where it would return a number.
        return basic_index(x, tuple(plain if Ellipsis in plain else [*plain, Ellipsis]))
    if len(parts) == 1:
        index = parts[0]
        if isinstance(index, list | np.ndarray) or (isinstance(index, Tensor) and index._array.dtype.kind in "iu"):
            return _index_rows(x, _index_tensor("index", index))  # type: ignore[no-any-return]
    raise IndexError(
        f"index: not supported as an index: {key!r}; use integers, slices, or one tensor or list of integers"
    )


def _is_basic(k: Any) -> bool:
    if k is None or k is Ellipsis or isinstance(k, slice):
        return True
    if isinstance(k, bool | np.bool_):
        return False
    if isinstance(k, Tensor):
        return k._array.ndim == 0 and k._array.dtype.kind in "iu"
    return isinstance(k, int | np.integer)


def _plain(k: Any) -> Any:
    """Return an integer or a slice of integers; RuntimeError for a negative step."""
    if not isinstance(k, slice):
        return k.__index__()
    if k.step is not None and k.step <= 0:
        raise ValueError(f"index: the step of a slice must be positive, got {k.step}")
    return k


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """Set ``x[key] = value`` for integers, slices, None and Ellipsis; the graph knows of it."""
    parts = key if isinstance(key, tuple) else (key,)
    if not all(_is_basic(k) for k in parts):
        raise IndexError(f"setitem: not supported as an index to assign to: {key!r}; use integers and slices")
    target = getitem(x, key)
    if not isinstance(value, Tensor):
        value = wrap(np.asarray(value, dtype=x._array.dtype))
    elif value._array.dtype != x._array.dtype:
        value = to_dtype(value, x.dtype)
    shape = target._array.shape
    if value._array.shape != shape:
        try:
            value = broadcast(value, shape)
        except RuntimeError:
            raise RuntimeError(
                f"setitem: shape {value._array.shape} does not broadcast to {shape}, that of the elements assigned to"
            ) from None
    if np.may_share_memory(value._array, x._array):
        value = clone(value)
    target._write(value, "setitem")


method(getitem, "__getitem__")
method(setitem, "__setitem__")
