"""``x[key]`` for every key that PyTorch takes, read and assigned.

A key is taken apart in two steps. Integers, slices, None and Ellipsis make a view. Tensors of indices and masks then
pick from the view: those of neighbouring dims become one vector of positions in the one dim that these make when they
are merged (`linear_index`), and that is all that the primitives see. Indices that are not neighbours have their dims
moved to the front first, where NumPy and PyTorch want the result's dims as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._dtype import element, held
from .._methods import method
from ..batching import is_batched, levels
from ..batching_rules import writable_copy
from ..graph import Array, is_array
from ..sharing import wrote
from ..tensor import Tensor, array_of, grad_enabled, wrap
from .elementwise import _where, clone
from .index import along, gather_along, index_rows, linear_index, refuse_outside, true_positions
from .promotion import to_dtype
from .scatter import combine, combine_in_place
from .scatter_records import _scatter, _scatter_sum
from .shape import Shape, _permute, basic_index, broadcast, reshape

__all__ = ["index_put"]

# ----------------------------------------------------------------------------------------------------------------------
# Keys.


#: NumPy's own objects, which compare quickly.
_INT64, _BOOL, _UINT8 = (np.dtype(t) for t in (np.int64, np.bool_, np.uint8))


class _Picked(NamedTuple):
    """Indices or a mask in a key, and where they stand."""

    dim: int  # the dim of the view that they pick from, or the first one of those that the mask covers
    own: int  # the same dim's number in the tensor, for errors
    array: Array
    dims: int  # 1; for a mask, as many as it has


def _is_basic(k: Any) -> bool:
    if k is None or k is Ellipsis or type(k) is int or isinstance(k, slice):
        return True
    if isinstance(k, _FLAGS):
        return False
    if isinstance(k, Tensor) or is_array(k):
        array = k._array if isinstance(k, Tensor) else k
        return array.ndim == 0 and array.dtype.kind in "iu" and array.dtype != _UINT8 and not is_batched(array)
    return isinstance(k, (int, np.integer))


_FLAGS = (bool, np.bool_)


def _plain(name: str, k: Any) -> Any:
    """Return a basic part of a key with integers as Python's, which nobody changes, having checked a slice's step."""
    if k is None or k is Ellipsis or type(k) is int:
        return k
    if not isinstance(k, slice):
        return k.__index__()
    if k.step is not None and not hasattr(k.step, "__index__"):
        raise TypeError(f"{name}: the step of a slice must be an integer or None, got {k.step!r}")
    if k.step is not None and k.step.__index__() <= 0:
        raise ValueError(f"{name}: the step of a slice must be positive, got {k.step}")
    return slice(*[n.__index__() if hasattr(n, "__index__") else n for n in (k.start, k.stop, k.step)])


def _is_structured(k: Any) -> bool:
    if isinstance(k, Tensor):
        return k._array.ndim > 0
    return k is None or k is Ellipsis or isinstance(k, (slice, list, tuple, np.ndarray))


def _parts(key: Any) -> tuple[Any, ...]:
    """Return a key as a tuple. As in PyTorch, a short list that holds sequences, slices or the like is one as well."""
    if isinstance(key, tuple):
        return key
    if isinstance(key, list) and len(key) < 32 and any(map(_is_structured, key)):
        return tuple(key)
    return (key,)


def _as_array(name: str, k: Any) -> Array:
    """Return a key's indices or mask as an array of its own dtype; uint8 is a mask."""
    if isinstance(k, Tensor):
        array = k._array
    elif is_array(k):
        array = k
    elif isinstance(k, (bool, np.bool_)):
        array = np.array(bool(k))
    elif type(k) is list and set(map(type, k)) == {int}:
        array = np.array(k)
    elif isinstance(k, (list, tuple, range)):
        array = np.array([x._array if isinstance(x, Tensor) else x for x in k])
        array = array.astype(np.int64) if array.size == 0 else array
    else:
        raise IndexError(
            f"{name}: only integers, slices, None, Ellipsis, and tensors or lists of integers or booleans are indices, "
            f"got {type(k).__name__}"
        )
    if array.dtype.kind not in "biu":
        raise IndexError(f"{name}: tensors used as indices must hold integers or booleans, got {array.dtype}")
    return array.astype(np.bool_) if array.dtype == _UINT8 else array


def _consumed(k: Any) -> int:
    """Return how many of the tensor's dims a part of a key speaks of."""
    if type(k) is int or type(k) is slice:
        return 1
    if is_array(k):
        return k.ndim if k.dtype == _BOOL else 1
    return 0 if k is None or k is Ellipsis else 1


def _split(name: str, x: Tensor, parts: Sequence[Any]) -> tuple[Tensor, list[_Picked]]:
    """Return the view that the basic part of a key makes, and the indices and masks that pick from it."""
    parts = [_plain(name, k) if _is_basic(k) else _as_array(name, k) for k in parts]
    shape = x._array.shape
    missing = len(shape) - sum([_consumed(k) for k in parts])
    if missing < 0:
        raise IndexError(f"{name}: too many indices for shape {shape}: {len(shape) - missing}")
    key: list[Any] = []
    picked: list[_Picked] = []
    dim = own = 0  # of the view, of x
    filled = False
    for k in parts:
        if k is Ellipsis:
            width = 0 if filled else missing
            filled = True
            key += [slice(None)] * width
            dim, own = dim + width, own + width
        elif is_array(k):
            width = _consumed(k)
            if width == 0:  # a mask without dims: of a dim of size 1, all or nothing
                key.append(None)
                picked.append(_Picked(dim, own, np.zeros(int(k), np.int64), 1))
                dim += 1
                continue
            if k.dtype == _BOOL and k.shape != shape[own : own + width]:
                raise IndexError(f"{name}: the mask {k.shape} does not match shape {shape} from dim {own} on")
            key += [slice(None)] * width
            picked.append(_Picked(dim, own, k, width))
            dim, own = dim + width, own + width
        else:
            key.append(k)
            dim += not isinstance(k, int)
            own += k is not None
    if key.count(_ALL) == len(key):
        return x, picked
    return basic_index(x, (*key, ...)), picked


_ALL = slice(None)


class _Target(NamedTuple):
    """What a key with indices means: positions along one dim of a tensor."""

    source: Tensor  # with the dims that are picked from next to each other
    merged: Tensor  # the same with these as one
    at: Array  # the positions, a vector
    dim: int  # which one it is
    shape: Shape  # of the positions before they became a vector

    @property
    def before(self) -> Shape:
        return tuple(self.merged._array.shape[: self.dim])

    @property
    def after(self) -> Shape:
        return tuple(self.merged._array.shape[self.dim + 1 :])


def _target(name: str, view: Tensor, picked: Sequence[_Picked], own: Shape, value: Any = None) -> _Target:
    """Bring indices and masks to one form; `own` is the shape of the tensor before it was viewed, for errors.

    `value` is what is to be written there: a graph that it has becomes that of the tensor.
    """
    shape = view._array.shape
    first = picked[0]
    if len(picked) == 1 and first.array.dtype == _BOOL:
        dim, at, width = first.dim, true_positions(first.array), first.dims
    elif len(picked) == 1:
        dim, width = first.dim, 1
        at = linear_index(name, [first.array], (shape[dim],), (first.own,), own)
    else:
        if any(p.array.dtype == _BOOL for p in picked):
            picked = [q for p in picked for q in _of_mask(p)]
        indices, dims, names = [p.array for p in picked], [p.dim for p in picked], [p.own for p in picked]
        at = linear_index(name, indices, tuple([shape[d] for d in dims]), names, own)
        dim, width = dims[0], len(dims)
        if width > 1 and dims != list(range(dim, dim + width)):
            view = _permute(view, (*dims, *[d for d in range(len(shape)) if d not in dims]))
            dim, shape = 0, view._array.shape
    merged = _with_dims_merged(view, dim, width, value)
    return _Target(view, merged, at if at.ndim == 1 else at.reshape(-1), dim, at.shape)


def _with_dims_merged(view: Tensor, dim: int, width: int, value: Any = None) -> Tensor:
    if width == 1:
        return view
    shape = view._array.shape
    sizes = (*shape[:dim], _product(shape[dim : dim + width]), *shape[dim + width :])
    no_graph = view._edge is None and not (isinstance(value, Tensor) and value._edge is not None)
    if no_graph or not grad_enabled():  # nobody has to know of this view
        return wrap(view._array.reshape(sizes), None, view._cell)
    return reshape(view, sizes)


def _product(sizes: Shape) -> int:
    n = 1
    for size in sizes:
        n *= size
    return n


def _of_mask(p: _Picked) -> list[_Picked]:
    """Return for each dim of a mask the indices of its true elements; indices as they are."""
    if p.array.dtype != _BOOL:
        return [p]
    indices = np.unravel_index(true_positions(p.array), p.array.shape)
    return [_Picked(p.dim + d, p.own + d, array, 1) for d, array in enumerate(indices)]


# ----------------------------------------------------------------------------------------------------------------------
# Reading.


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
    rank = x._array.ndim
    if (basic := _core.basic_key(key, rank)) is not None:
        return basic_index(x, basic)
    if (picked := _core.get_items(x, key)) is not None:
        return picked  # type: ignore[no-any-return]
    kind = type(key)
    if kind is tuple and _are_places(key, x):
        return index_rows(*_places("index", x, key))  # type: ignore[no-any-return]
    if rank > 0 and kind is not tuple and (at := _array_of_key(key)) is not None:
        if at.dtype.kind == "i":
            return _rows(x, key if kind is Tensor and at.dtype == _INT64 else at.astype(_INT64, copy=False))
        if at.dtype == _BOOL and at.shape == x._array.shape[: at.ndim]:
            return index_rows(_with_dims_merged(x, 0, at.ndim), true_positions(at))  # type: ignore[no-any-return]
    if (lone := _core.lone_index(key, rank)) is not None:
        return _taken(x, *lone)
    parts = _parts(key)
    if all(map(_is_basic, parts)):
        return _basic("index", x, parts)
    view, picked = _split("index", x, parts)
    target = _target("index", view, picked, x._array.shape)
    if target.dim == 0:  # rows come with their indices' shape, which spares a step
        return index_rows(target.merged, target.at.reshape(target.shape))  # type: ignore[no-any-return]
    out = gather_along(target.merged, along(target.at, target.before, target.after), target.dim)
    if len(target.shape) == 1:
        return out  # type: ignore[no-any-return]
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


def _are_places(key: Sequence[Any], x: Tensor) -> bool:
    """Return whether a key has nothing but int64 tensors, at most one for each dim."""
    for k in key:
        if type(k) is not Tensor or (array := k._array).dtype != _INT64 or array.ndim == 0:
            return False
    return 0 < len(key) <= x._array.ndim


def _places(name: str, x: Tensor, key: Sequence[Any], value: Any = None) -> tuple[Tensor, Array]:
    """Return `x` with the dims of a key of places made one, and the positions there."""
    shape, width = x._array.shape, len(key)
    at = linear_index(name, [k._array for k in key], shape[:width], range(width), shape)
    return _with_dims_merged(x, 0, width, value), at


def _rows(x: Tensor, index: Tensor | Array, dim: int = 0, shape: Shape | None = None) -> Tensor:
    """Return rows of a view; for errors, what number its rows' dim has in the shape of the tensor."""
    try:
        return index_rows(x, index)  # type: ignore[no-any-return]
    except IndexError:
        refuse_outside("index", shape or x._array.shape, index._array if isinstance(index, Tensor) else index, dim)
        raise


def _refuse_no_dims(name: str) -> Tensor:
    raise IndexError(f"{name}: a tensor without dimensions takes no integer; use item() for its number")


def _basic(name: str, x: Tensor, parts: Sequence[Any]) -> Tensor:
    plain = [_plain(name, k) for k in parts]
    if x._array.ndim == 0 and any(isinstance(k, int) for k in plain):
        _refuse_no_dims(name)
    if plain.count(Ellipsis) > 1:  # all but the first one stand for nothing
        first = plain.index(Ellipsis)
        plain = plain[: first + 1] + [k for k in plain[first + 1 :] if k is not Ellipsis]
    # The trailing Ellipsis makes NumPy return a view without dimensions where it would return a number.
    return basic_index(x, tuple(plain if Ellipsis in plain else [*plain, Ellipsis]))


# ----------------------------------------------------------------------------------------------------------------------
# Writing.


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
    if _core.set_items(x, key, value) or (type(key) is Tensor and _set_by_mask(x, key, value)):
        return
    x._own()
    places = (key,) if type(key) is Tensor else key
    if type(places) is tuple and _are_places(places, x):
        _set_at_places(name, x, places, _written(x, value), accumulate=False)
        return
    if (lone := _core.lone_index(key, x._array.ndim)) is not None:
        _put(name, x, *lone, value)
        return
    parts = (key,) if type(key) in (int, Tensor) else _parts(key)
    if all(map(_is_basic, parts)):
        target = _basic(name, x, parts)
        if isinstance(value, (int, float)):  # NumPy repeats it, and the graph knows nothing of it
            if x._array.dtype.kind in "iu":
                value = element(name, value, x._array.dtype)
            target._write(wrap(np.asarray(value, x._array.dtype)), name)
            return
        value = _fitted(name, _value(x, value), target._array.shape)
        if np.may_share_memory(value._array, x._array):
            value = clone(value)
        target._write(value, name)
        return
    view, picked = _split(name, x, parts)
    if len(picked) == 1 and picked[0].array.dtype == _BOOL and _is_number(value):
        _fill(name, view, picked[0], value)
        return
    value = _written(x, value)
    _assign(name, _target(name, view, picked, x._array.shape, value), value, accumulate=False)


def _set_at_places(name: str, x: Tensor, key: Sequence[Any], value: Any, accumulate: bool) -> None:
    merged, at = _places(name, x, key, value)
    behind = merged._array.shape[1:]
    fits = not isinstance(value, Tensor) or (at.ndim == 1 and value._array.shape == at.shape + behind)
    if fits and (merged is x or x._array.flags.c_contiguous):
        places = along(at if at.ndim == 1 else at.reshape(-1), (), behind)
        combine_in_place(name, merged, value, places, 0, _scatter_sum if accumulate else _scatter)
    else:
        _assign(name, _Target(x, merged, at.reshape(-1), 0, at.shape), value, accumulate)


def _put(
    name: str, x: Tensor, key: tuple[Any, ...] | None, index: Tensor | Array, dim: int, own: int, value: Any
) -> None:
    """Write to the places that indices along a dim of a view mean, as `_taken` reads them."""
    view = x if key is None else basic_index(x, key)
    shape = view._array.shape
    given = index._array if isinstance(index, Tensor) else index
    at = linear_index(name, [given], shape[dim : dim + 1], (own,), x._array.shape)
    target = _Target(view, view, at if at.ndim == 1 else at.reshape(-1), dim, at.shape)
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
    return held("setitem", value, x._array.dtype) if isinstance(value, (bool, int, float)) else _value(x, value)


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value._array.shape in ((), (1,))
    return isinstance(value, (bool, int, float, np.number, np.bool_))


def _value(x: Tensor, value: Any) -> Tensor:
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
        return broadcast(value, shape)  # type: ignore[no-any-return]
    except RuntimeError:
        raise RuntimeError(
            f"{name}: shape {own} does not broadcast to {shape}, that of the elements assigned to"
        ) from None


def _fill(name: str, view: Tensor, picked: _Picked, value: Any) -> None:
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


def _fitted_to(name: str, target: _Target, value: Any) -> tuple[Any, Array]:
    """Return what is written, a tensor or a number, and the positions, as `scatter` takes them."""
    before, after = target.before, target.after
    if isinstance(value, Tensor):
        value = _fitted(name, value, (*before, *target.shape, *after))
        if len(target.shape) != 1:
            value = reshape(value, (*before, target.at.size, *after))
    return value, along(target.at, before, after)


def _assign(name: str, target: _Target, value: Any, accumulate: bool) -> None:
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
    if _are_tensors(indices) and not accumulate:
        _set("index_put_", input, tuple(indices) if len(indices) > 1 else indices[0], values)
        return input
    input._own()
    if _are_places(indices, input):
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


def _put_target(name: str, input: Tensor, indices: Sequence[Any], values: Tensor) -> _Target:
    parts: list[Any] = [slice(None) if k is None else _as_array(name, k) for k in indices]
    parts = [k.reshape(1) if is_array(k) and k.ndim == 0 and k.dtype.kind != "b" else k for k in parts]
    view, picked = _split(name, input, parts)
    if not picked:
        raise IndexError(f"{name}: at least one tensor of indices is needed")
    return _target(name, view, picked, input._array.shape, values)


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
    target = None if levels else _put_target("index_put", input, indices, values)
    if target is not None and target.source is input:
        value, at = _fitted_to("index_put", target, values)
        out = combine("index_put", target.merged, value, at, target.dim, _scatter_sum if accumulate else _scatter)
        return reshape(out, input._array.shape)
    out = writable_copy(input, *indices, values)
    _assign("index_put", _put_target("index_put", out, indices, values), values, accumulate)
    return out


method(getitem, "__getitem__")
method(setitem, "__setitem__")
