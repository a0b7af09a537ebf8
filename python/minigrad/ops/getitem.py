"""``x[key]``, read: a view, or the elements that indices and masks pick."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._methods import method
from ..graph import Array
from ..tensor import Tensor, wrap
from .index import along, gather_along, index_rows, linear_index, refuse_outside, true_positions
from .keys import BOOL, INT64, are_places, is_basic, parts_of, places_of, split, target_of, view_of, with_dims_merged
from .shape import Shape, basic_index, reshape


def getitem(x: Tensor, key: Any) -> Tensor:
    """Return ``x[key]``.

    Parameters
    ----------
    x : Tensor
        Of any shape.
    key : int, slice, None, Ellipsis, bool, Tensor, array, list, or a tuple of these
        Integers, slices with positive steps, None and Ellipsis make a view. Tensors, arrays and lists of integers,
        which broadcast against each other and may count from the end, pick elements; booleans (and uint8) are masks.

    Returns
    -------
    Tensor
        A view where there is no tensor, array or list in the key; otherwise a copy. The dims of the indices stand in
        place of those that they pick from where these are neighbours, otherwise in front.

    Raises
    ------
    IndexError
        If there are too many indices, or one is out of range or of another kind.
    ValueError
        If the step of a slice is not positive.

    Notes
    -----
    Elements that are picked several times add their gradients up (《反向传播算法实现》 section 4).

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([[1, 2, 3], [4, 5, 6]])
    >>> x[:, [2, 0]]
    tensor([[3, 1],
            [6, 4]])
    >>> x[x > 3]
    tensor([4, 5, 6])
    """
    if (basic := _core.basic_key(key, x)) is not None:
        return basic_index(x, basic)
    if (picked := _core.get_items(x, key)) is not None:
        return picked
    kind, rank = type(key), x._array.ndim
    if kind is tuple and are_places(key, x):
        return index_rows(*places_of("index", x, key))
    if rank > 0 and kind is not tuple and (at := _array_of_key(key)) is not None:
        if at.dtype.kind == "i":
            return _rows(x, key if kind is Tensor and at.dtype == INT64 else at.astype(INT64, copy=False))
        if at.dtype == BOOL and at.shape == x._array.shape[: at.ndim]:
            return index_rows(with_dims_merged(x, 0, at.ndim), true_positions(at))
    if (lone := _core.lone_index(key, rank)) is not None:
        return _taken(x, *lone)
    parts = parts_of(key)
    if all(map(is_basic, parts)):
        return view_of("index", x, parts)
    view, picked = split("index", x, parts)
    target = target_of("index", view, picked, x._array.shape)
    if target.dim == 0:  # rows come with their indices' shape, which spares a step
        return index_rows(target.merged, target.at.reshape(target.shape))
    out = gather_along(target.merged, along(target.at, target.before, target.after), target.dim)
    if len(target.shape) == 1:
        return out
    return reshape(out, (*target.before, *target.shape, *target.after))


def _taken(x: Tensor, key: tuple[Any, ...] | None, index: Tensor | Array, dim: int, own: int) -> Tensor:
    """Return what indices pick along a dim of the view that a key makes; in `x` itself it has the number `own`."""
    view = x if key is None else basic_index(x, key)
    if dim == 0:
        return _rows(view, index, own, x._array.shape)
    shape = view._array.shape
    before, after = shape[:dim], shape[dim + 1 :]
    at = index._array if isinstance(index, Tensor) else index
    if 0 in shape:  # nobody else would look at the indices
        linear_index("index", [at], shape[dim : dim + 1], (own,), x._array.shape)
    lines = along(at if at.ndim == 1 else at.reshape(-1), before, after)
    try:
        out = gather_along(view, wrap(lines, None, index._cell) if isinstance(index, Tensor) else lines, dim)
    except IndexError:  # some may count from the end
        flat = linear_index("index", [at], shape[dim : dim + 1], (own,), x._array.shape).reshape(-1)
        out = gather_along(view, along(flat, before, after), dim)
    return out if at.ndim == 1 else reshape(out, (*before, *at.shape, *after))


def _array_of_key(key: Any) -> Array | None:
    """Return the indices or the mask of a key that is one tensor, array or list of integers; None for other keys."""
    kind = type(key)
    if kind is Tensor:
        array: Array = key._array
        return array if array.ndim > 0 and type(array) is np.ndarray else None
    if kind is np.ndarray:
        return key.copy() if key.ndim > 0 else None  # which the caller may change before the graph reads it
    return np.array(key) if kind is list and set(map(type, key)) == {int} else None


def _rows(x: Tensor, index: Tensor | Array, dim: int = 0, shape: Shape | None = None) -> Tensor:
    """Return rows of a view; for errors, what number its rows' dim has in the shape of the tensor."""
    try:
        return index_rows(x, index)
    except IndexError:
        refuse_outside("index", shape or x._array.shape, index._array if isinstance(index, Tensor) else index, dim)
        raise


method(getitem, "__getitem__")
