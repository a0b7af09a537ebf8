"""``x[key] = value``, and `index_put`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _core
from .._dtype import element, held
from .._methods import method
from ..batching import levels
from ..batching_rules import writable_copy
from ..graph import Array, is_array
from ..sharing import wrote
from ..tensor import Tensor, array_of, grad_enabled, wrap
from .elementwise import _where, clone
from .index import along, linear_index
from .keys import (
    BOOL,
    WHOLE_DIM,
    Picked,
    Target,
    are_places,
    indices_of,
    is_basic,
    parts_of,
    places_of,
    split,
    target_of,
    view_of,
)
from .promotion import to_dtype
from .scatter import combine, combine_in_place
from .scatter_records import _scatter, _scatter_sum
from .shape import Shape, basic_index, broadcast, reshape

__all__ = ["index_put"]


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """Set ``x[key] = value``; the graph knows of it.

    Parameters
    ----------
    x : Tensor
        Of any shape.
    key
        As for reading. Of several indices for one place, the last one in row-major order stays.
    value : number, Tensor, array or list
        What is written: it broadcasts to the shape of ``x[key]`` and is converted to the dtype of `x`.

    Raises
    ------
    IndexError
        If there are too many indices, or one is out of range or of another kind.
    RuntimeError
        If the shapes do not broadcast, or `x` is a leaf that requires a gradient.
    """
    _set("setitem", x, key, value)


def _set(name: str, x: Tensor, key: Any, value: Any) -> None:
    """Write to the places that a key means, by the quickest way that its form allows."""
    if _core.set_items(x, key, value) or (type(key) is Tensor and _set_by_mask(x, key, value)):
        return
    x._own()
    places = (key,) if type(key) is Tensor else key
    if type(places) is tuple and are_places(places, x):
        _set_at_places(name, x, places, _written(x, value), accumulate=False)
    elif (lone := _core.lone_index(key, x._array.ndim)) is not None:
        _set_along_dim(name, x, *lone, value)
    elif all(map(is_basic, parts := (key,) if type(key) in (int, Tensor) else parts_of(key))):
        _set_view(name, x, parts, value)
    else:
        _set_picked(name, x, parts, value)


def _set_view(name: str, x: Tensor, parts: Sequence[Any], value: Any) -> None:
    """Write to the view that a key of basic parts makes."""
    view = view_of(name, x, parts)
    if isinstance(value, (int, float)):  # NumPy repeats it, and the graph knows nothing of it
        if x._array.dtype.kind in "iu":
            value = element(name, value, x._array.dtype)
        view._write(wrap(np.asarray(value, x._array.dtype)), name)
        return
    value = _fitted(name, as_value(x, value), view._array.shape)
    if np.may_share_memory(value._array, x._array):
        value = clone(value)
    view._write(value, name)


def _set_picked(name: str, x: Tensor, parts: Sequence[Any], value: Any) -> None:
    """Write to what indices and masks pick, whatever else is in the key."""
    view, picked = split(name, x, parts)
    if len(picked) == 1 and picked[0].array.dtype == BOOL and _is_number(value):
        _fill(name, view, picked[0], value)
        return
    value = _written(x, value)
    _assign(name, target_of(name, view, picked, x._array.shape, value), value, accumulate=False)


def _set_at_places(name: str, x: Tensor, key: Sequence[Any], value: Any, accumulate: bool) -> None:
    merged, at = places_of(name, x, key, value)
    behind = merged._array.shape[1:]
    fits = not isinstance(value, Tensor) or (at.ndim == 1 and value._array.shape == at.shape + behind)
    if fits and (merged is x or x._array.flags.c_contiguous):
        places = along(at if at.ndim == 1 else at.reshape(-1), (), behind)
        combine_in_place(name, merged, value, places, 0, _scatter_sum if accumulate else _scatter)
    else:
        _assign(name, Target(x, merged, at.reshape(-1), 0, at.shape), value, accumulate)


def _set_along_dim(
    name: str, x: Tensor, key: tuple[Any, ...] | None, index: Tensor | Array, dim: int, own: int, value: Any
) -> None:
    """Write to the places that indices along a dim of a view mean, as `_taken` reads them."""
    view = x if key is None else basic_index(x, key)
    shape = view._array.shape
    given = index._array if isinstance(index, Tensor) else index
    at = linear_index(name, [given], shape[dim : dim + 1], (own,), x._array.shape)
    target = Target(view, view, at if at.ndim == 1 else at.reshape(-1), dim, at.shape)
    _assign(name, target, _written(x, value), accumulate=False)


def _set_by_mask(x: Tensor, mask: Tensor, value: Any) -> bool:
    """Write a number where a mask is true; False, with nothing done, where there is more to consider."""
    own, at = x._array, mask._array
    if at.dtype.kind != "b" or at.shape != own.shape[: at.ndim]:
        return False
    if type(value) in (int, float) and own.dtype.kind == "f":
        value = float(value)
    elif not isinstance(value, Tensor) or not _is_number(value) or value._array.dtype != own.dtype:
        return False
    if at.ndim < own.ndim:
        mask = wrap(at.reshape(at.shape + (1,) * (own.ndim - at.ndim)))
    return _core.compute_into(_where_kernel, x, (mask, value, x))


def _written(x: Tensor, value: Any) -> Any:
    return held("setitem", value, x._array.dtype) if isinstance(value, (bool, int, float)) else as_value(x, value)


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value._array.shape in ((), (1,))
    return isinstance(value, (bool, int, float, np.number, np.bool_))


def as_value(x: Tensor, value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        if np.asarray(value).dtype.kind not in "biuf":
            raise TypeError(f"setitem: expected a tensor, an array or numbers, got {type(value).__name__}")
        return wrap(np.asarray(value, dtype=x._array.dtype))
    return value if value._array.dtype == x._array.dtype else to_dtype(value, x.dtype)


def _fitted(name: str, value: Tensor, shape: Shape) -> Tensor:
    """Return a value broadcast to a shape; dims of size 1 that are too many in front do no harm."""
    own = value._array.shape
    if own == shape:
        return value
    extra = len(own) - len(shape)
    if extra > 0 and own[:extra] == (1,) * extra:
        value = reshape(value, own[extra:])
    try:
        return broadcast(value, shape)
    except RuntimeError:
        raise RuntimeError(
            f"{name}: shape {own} does not broadcast to {shape}, that of the elements assigned to"
        ) from None


def _fill(name: str, view: Tensor, picked: Picked, value: Any) -> None:
    """Write one number where a mask is true."""
    shape = view._array.shape
    behind = shape[picked.dim + picked.dims :]
    mask = broadcast(picked.array.reshape(picked.array.shape + (1,) * len(behind)), shape)
    if isinstance(value, Tensor):
        value = value if value._array.dtype == view._array.dtype else to_dtype(value, view.dtype)
    else:
        value = held(name, value, view._array.dtype)
    if (
        not levels
        and view._array.flags.c_contiguous
        and not (grad_enabled() and (view._edge or isinstance(value, Tensor)))
    ):
        view._refuse_write(name)
        _where_kernel.into(view._array, mask, value._array if isinstance(value, Tensor) else value, view._array)
        wrote(view._cell)
    else:
        view._write(_where(mask, value, wrap(view._array, view._edge)), name)


_where_kernel = _core.kernels["where"]


def _fitted_to(name: str, target: Target, value: Any) -> tuple[Any, Array]:
    """Return what is written, a tensor or a number, and the positions, as `scatter` takes them."""
    before, after = target.before, target.after
    if isinstance(value, Tensor):
        value = _fitted(name, value, (*before, *target.shape, *after))
        if len(target.shape) != 1:
            value = reshape(value, (*before, target.at.size, *after))
    return value, along(target.at, before, after)


def _assign(name: str, target: Target, value: Any, accumulate: bool) -> None:
    """Write a tensor or a number to the places that a key means."""
    value, at = _fitted_to(name, target, value)
    merged, primitive = target.merged, _scatter_sum if accumulate else _scatter
    if merged is target.source or np.may_share_memory(merged._array, target.source._array):
        combine_in_place(name, merged, value, at, target.dim, primitive)
    else:  # the dims could not be merged without a copy
        target.source._refuse_write(name)
        out = combine(name, merged, value, at, target.dim, primitive)
        target.source._write(reshape(out, target.source._array.shape), name)


@method
def index_put_(input: Tensor, indices: tuple[Tensor | None, ...], values: Tensor, accumulate: bool = False) -> Tensor:
    """Do as `index_put` does in this tensor's memory; return it."""
    _check_put("index_put_", input, values)
    if _are_tensors(indices):
        key = tuple(indices) if len(indices) > 1 else indices[0]
        if not accumulate:
            _set("index_put_", input, key, values)
            return input
        if _core.set_items(input, key, values, "add"):
            return input
    input._own()
    if are_places(indices, input):
        _set_at_places("index_put_", input, indices, values, accumulate)
    else:
        _assign("index_put_", _put_target("index_put_", input, indices, values), values, accumulate)
    return input


def _are_tensors(indices: Sequence[Any]) -> bool:
    return len(indices) > 0 and all(isinstance(k, Tensor) and k._array.ndim > 0 for k in indices)


def _check_put(name: str, input: Tensor, values: Tensor) -> None:
    array, given = array_of(name, input), array_of(name, values, "values")
    if given.dtype != array.dtype:
        raise RuntimeError(f"{name}: values must have input's dtype {array.dtype}, got {given.dtype}")


def _put_target(name: str, input: Tensor, indices: Sequence[Any], values: Tensor) -> Target:
    parts: list[Any] = [WHOLE_DIM if k is None else indices_of(name, k) for k in indices]
    parts = [k.reshape(1) if is_array(k) and k.ndim == 0 and k.dtype.kind != "b" else k for k in parts]
    view, picked = split(name, input, parts)
    if not picked:
        raise IndexError(f"{name}: at least one tensor of indices is needed")
    return target_of(name, view, picked, input._array.shape, values)


@method
def index_put(input: Tensor, indices: tuple[Tensor | None, ...], values: Tensor, accumulate: bool = False) -> Tensor:
    """Return `input` with `values` at the places that a tuple of indices or masks says.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    indices : tuple of Tensor
        One for each of the leading dims, or masks that cover several: as in ``input[indices]``.
    values : Tensor
        Of the same dtype; it broadcasts to the shape of ``input[indices]``.
    accumulate : bool, default False
        Add to what is there, in place of replacing it. Otherwise, of several values for one place, the last one in
        row-major order stays, and it alone gets the gradient.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If an index is out of range.
    RuntimeError
        If dtypes differ or shapes do not broadcast.

    Examples
    --------
    >>> import minigrad
    >>> i = minigrad.tensor([0, 0])
    >>> minigrad.zeros(2).index_put((i,), minigrad.tensor([1.0, 2.0]), accumulate=True)
    tensor([3., 0.])
    """
    _check_put("index_put", input, values)
    recorded = grad_enabled() and (input._edge or values._edge)
    if not (recorded or levels) and _are_tensors(indices):
        return index_put_(input.clone(), indices, values, accumulate)
    target = None if levels else _put_target("index_put", input, indices, values)
    if target is not None and target.source is input:
        value, at = _fitted_to("index_put", target, values)
        out = combine("index_put", target.merged, value, at, target.dim, _scatter_sum if accumulate else _scatter)
        return reshape(out, input._array.shape)
    out = writable_copy(input, *indices, values)
    _assign("index_put", _put_target("index_put", out, indices, values), values, accumulate)
    return out


method(setitem, "__setitem__")
