"""Keys: what ``x[key]`` means, for every key that PyTorch takes, be it read or assigned.

A key is taken apart in two steps. Integers, slices, None and Ellipsis make a view (`view_of`, `split`). Tensors of indices
and masks then pick from the view (`target_of`): the dims that they pick from are merged into one, and the indices become
one vector of positions along it. These positions are all that the primitives see. The dims that indices pick from may not
be neighbours; they are then moved to the front first, where NumPy and PyTorch put the result's dims as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..batching import is_batched, levels
from ..graph import Array, is_array
from ..tensor import Tensor, grad_enabled, wrap
from .index import linear_index, true_positions
from .shape import Shape, _permute, basic_index, reshape

#: NumPy's own objects, which compare quickly.
INT64, BOOL, _UINT8 = (np.dtype(t) for t in (np.int64, np.bool_, np.uint8))

_FLAGS = (bool, np.bool_)
WHOLE_DIM = slice(None)

# ----------------------------------------------------------------------------------------------------------------------
# The parts of a key.


def parts_of(key: Any) -> tuple[Any, ...]:
    """Return a key as a tuple. As in PyTorch, a short list that holds sequences, slices or the like is one as well."""
    if isinstance(key, tuple):
        return key
    if isinstance(key, list) and len(key) < 32 and any(map(_is_structured, key)):
        return tuple(key)
    return (key,)


def _is_structured(k: Any) -> bool:
    if isinstance(k, Tensor):
        return k._array.ndim > 0
    return k is None or k is Ellipsis or isinstance(k, (slice, list, tuple, np.ndarray))


def is_basic(k: Any) -> bool:
    """Return whether a part of a key makes a view: an integer, a slice, None or Ellipsis."""
    if k is None or k is Ellipsis or type(k) is int or isinstance(k, slice):
        return True
    if isinstance(k, _FLAGS):
        return False
    if isinstance(k, Tensor) or is_array(k):
        array = k._array if isinstance(k, Tensor) else k
        return array.ndim == 0 and array.dtype.kind in "iu" and array.dtype != _UINT8 and not is_batched(array)
    return isinstance(k, (int, np.integer))


def plain_part(name: str, k: Any) -> Any:
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


def indices_of(name: str, k: Any) -> Array:
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


# ----------------------------------------------------------------------------------------------------------------------
# First step: the view.


def view_of(name: str, x: Tensor, parts: Sequence[Any]) -> Tensor:
    """Return the view that a key of basic parts makes."""
    plain = [plain_part(name, k) for k in parts]
    if x._array.ndim == 0 and any(isinstance(k, int) for k in plain):
        raise IndexError(f"{name}: a tensor without dimensions takes no integer; use item() for its number")
    if plain.count(Ellipsis) > 1:  # all but the first one stand for nothing
        first = plain.index(Ellipsis)
        plain = plain[: first + 1] + [k for k in plain[first + 1 :] if k is not Ellipsis]
    # The trailing Ellipsis makes NumPy return a view without dimensions where it would return a number.
    return basic_index(x, tuple(plain if Ellipsis in plain else [*plain, Ellipsis]))


class Picked(NamedTuple):
    """Indices or a mask in a key, and where they stand."""

    dim: int  # the dim of the view that they pick from, or the first one of those that the mask covers
    own: int  # the same dim's number in the tensor, for errors
    array: Array
    dims: int  # how many dims they cover: 1; for a mask, as many as it has


def _covered(k: Any) -> int:
    """Return how many of the tensor's dims a part of a key speaks of."""
    if is_array(k):
        return k.ndim if k.dtype == BOOL else 1
    return 0 if k is None or k is Ellipsis else 1


class _Splitter:
    """Goes through the parts of a key and gathers the key of the view, and what picks from the view."""

    def __init__(self, name: str, shape: Shape) -> None:
        self.name, self.shape = name, shape
        self.key: list[Any] = []
        self.picked: list[Picked] = []
        self.dim = self.own = 0  # the next dim of the view, and of the tensor

    def keep(self, dims: int) -> None:
        """Let the next dims be whole in the view."""
        self.key += [WHOLE_DIM] * dims
        self.dim += dims
        self.own += dims

    def pick(self, array: Array) -> None:
        """Let indices or a mask pick from the next dims, which are whole in the view."""
        dims = _covered(array)
        if dims == 0:  # a mask without dims picks all or nothing of a new dim of size 1
            self.picked.append(Picked(self.dim, self.own, np.zeros(int(array), np.int64), 1))
            self.view(None)
            return
        if array.dtype == BOOL and array.shape != self.shape[self.own : self.own + dims]:
            raise IndexError(
                f"{self.name}: the mask {array.shape} does not match shape {self.shape} from dim {self.own} on"
            )
        self.picked.append(Picked(self.dim, self.own, array, dims))
        self.keep(dims)

    def view(self, k: int | slice | None) -> None:
        """Let a basic part say what becomes of the next dim; None makes a new one."""
        self.key.append(k)
        self.dim += not isinstance(k, int)
        self.own += k is not None


def split(name: str, x: Tensor, parts: Sequence[Any]) -> tuple[Tensor, list[Picked]]:
    """Return the view that the basic parts of a key make, and the indices and masks that pick from it."""
    parts = [plain_part(name, k) if is_basic(k) else indices_of(name, k) for k in parts]
    shape = x._array.shape
    missing = len(shape) - sum([_covered(k) for k in parts])
    if missing < 0:
        raise IndexError(f"{name}: too many indices for shape {shape}: {len(shape) - missing}")
    splitter = _Splitter(name, shape)
    for k in parts:
        if k is Ellipsis:
            splitter.keep(missing)
            missing = 0  # further ones stand for nothing
        elif is_array(k):
            splitter.pick(k)
        else:
            splitter.view(k)
    if splitter.key.count(WHOLE_DIM) == len(splitter.key):
        return x, splitter.picked
    return basic_index(x, (*splitter.key, ...)), splitter.picked


# ----------------------------------------------------------------------------------------------------------------------
# Second step: positions along one dim.


class Target(NamedTuple):
    """What a key with indices means: positions along one dim of a tensor."""

    source: Tensor  # with the dims that are picked from next to each other
    merged: Tensor  # the same with these as one
    at: Array  # the positions, a vector
    dim: int  # which one it is
    shape: Shape  # of the positions before they became a vector

    @property
    def before(self) -> Shape:
        """The sizes in front of the dim."""
        return tuple(self.merged._array.shape[: self.dim])

    @property
    def after(self) -> Shape:
        """The sizes behind it."""
        return tuple(self.merged._array.shape[self.dim + 1 :])


def target_of(name: str, view: Tensor, picked: Sequence[Picked], own: Shape, value: Any = None) -> Target:
    """Bring indices and masks to one form; `own` is the shape of the tensor before it was viewed, for errors.

    `value` is what will be written there: where it has a graph, the tensor will be part of it.
    """
    shape = view._array.shape
    if len(picked) == 1 and picked[0].array.dtype == BOOL:
        mask = picked[0]
        return _along_merged(view, true_positions(mask.array), mask.dim, mask.dims, value)
    indices = [q for p in picked for q in _without_mask(p)]
    dims = [p.dim for p in indices]
    sizes = tuple([shape[d] for d in dims])
    at = linear_index(name, [p.array for p in indices], sizes, [p.own for p in indices], own)
    if dims == list(range(dims[0], dims[0] + len(dims))):
        return _along_merged(view, at, dims[0], len(dims), value)
    moved = _permute(view, (*dims, *[d for d in range(len(shape)) if d not in dims]))
    return _along_merged(moved, at, 0, len(dims), value)


def _along_merged(source: Tensor, at: Array, dim: int, dims: int, value: Any) -> Target:
    merged = with_dims_merged(source, dim, dims, value)
    return Target(source, merged, at if at.ndim == 1 else at.reshape(-1), dim, at.shape)


def _without_mask(p: Picked) -> list[Picked]:
    """Return for each dim of a mask the indices of its true elements; indices as they are."""
    if p.array.dtype != BOOL:
        return [p]
    indices = np.unravel_index(true_positions(p.array), p.array.shape)
    return [Picked(p.dim + d, p.own + d, array, 1) for d, array in enumerate(indices)]


def with_dims_merged(view: Tensor, dim: int, width: int, value: Any = None) -> Tensor:
    """Return the view with `width` dims from `dim` on as one; `value` as for `target_of`."""
    if width == 1:
        return view
    shape = view._array.shape
    sizes = (*shape[:dim], math.prod(shape[dim : dim + width]), *shape[dim + width :])
    no_graph = view._edge is None and not (isinstance(value, Tensor) and value._edge is not None)
    if not levels and (no_graph or not grad_enabled()):  # nobody has to know of this view
        return wrap(view._array.reshape(sizes), None, view._cell)
    return reshape(view, sizes)


# ----------------------------------------------------------------------------------------------------------------------
# Keys of places: nothing but int64 tensors, one for each of the leading dims.


def are_places(key: Sequence[Any], x: Tensor) -> bool:
    """Return whether a key has nothing but int64 tensors, at most one for each dim."""
    for k in key:
        if type(k) is not Tensor or (array := k._array).dtype != INT64 or array.ndim == 0:
            return False
    return 0 < len(key) <= x._array.ndim


def places_of(name: str, x: Tensor, key: Sequence[Any], value: Any = None) -> tuple[Tensor, Array]:
    """Return `x` with the dims that a key of places speaks of as one, and the positions there."""
    shape, width = x._array.shape, len(key)
    at = linear_index(name, [k._array for k in key], shape[:width], range(width), shape)
    return with_dims_merged(x, 0, width, value), at
