"""In-place forms: compute as the function does, then write the result into the tensor's own memory.

A function gets one where it becomes a method: ``method(function, in_place=True)``. Calls that an elementwise kernel does
alone, where no graph has to know, go straight to it (`_core.InPlaceForm`). All others are `_compute_in_place`, which leaves
the writing to `Tensor._write`, which knows of versions, views and the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core, _dtype
from .._methods import TensorMethods, add_method, kernel_call, with_kernel_calls
from ..batching import levels
from ..batching_rules import copy_values
from ..tensor import Tensor, grad_enabled, wrap
from . import elementwise as ew
from .creation import full_like
from .data import array_from
from .promotion import to_dtype
from .ranges import arange
from .shape import _reshape, broadcast
from .views import diagonal

#: A result of one kind of elements can be stored in its own and in later kinds; integers wrap around in narrower ones.
_KINDS = {"b": 0, "u": 1, "i": 1, "f": 2}

_cast, _clone = _core.kernels["cast"], _core.kernels["clone"]


def _compute_in_place(
    self: Tensor, function: Callable[..., Tensor], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Tensor:
    """Give this tensor the elements and the origin of ``function(self, *args, **kwargs)``; return it."""
    others = (*args, *kwargs.values()) if kwargs else args
    if not grad_enabled() or (
        not levels and self._edge is None and not any(isinstance(x, Tensor) and x._edge for x in others)
    ):
        return store(self, function(self, *args, **kwargs), name)
    # The graph may have to keep what the tensor was before: a copy, since its memory is about to be overwritten.
    before = wrap(copy_values(self._array) if levels else _clone(self._array), self._edge)
    rest = [before if x is self else x for x in args]
    options = {key: before if x is self else x for key, x in kwargs.items()}
    return store(self, function(before, *rest, **options), name)


def can_hold(place: Tensor, value: Tensor) -> bool:
    """Return whether a result's kind of elements can be stored in that of a place."""
    return _KINDS[value._array.dtype.kind] <= _KINDS[place._array.dtype.kind]


def store(self: Tensor, value: Tensor, name: str) -> Tensor:
    """Write `value`, brought to the tensor's shape and dtype, into `self`.

    Raises
    ------
    RuntimeError
        If the shape or the dtype would have to change.
    """
    own = self._array
    if value._array.shape != own.shape:
        raise RuntimeError(f"{name}: the result has shape {value._array.shape}, but is to be stored in {own.shape}")
    if value._array.dtype != own.dtype:
        if not can_hold(self, value):
            raise RuntimeError(f"{name}: a result of {value.dtype} cannot be stored in {self.dtype}")
        if _core.compute_into(_cast, self, (value, self.dtype.code)):
            return self
        value = to_dtype(value, self.dtype)
    return self._write(value, name)


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:  # noqa: ARG001
    """Write `src`, broadcast and converted, into this tensor's memory; return it. `non_blocking` changes nothing."""
    if not isinstance(src, Tensor):
        src = wrap(array_from(src, self.dtype))
    if src.dtype is not self.dtype:
        if src._array.shape == self._array.shape and _core.compute_into(_cast, self, (src, self.dtype.code)):
            return self
        src = to_dtype(src, self.dtype)
    if _core.set_items(self, ..., src):
        return self
    if src._array.shape != self._array.shape:
        src = broadcast(src, self._array.shape)
    if np.may_share_memory(src._array, self._array):
        src = ew.clone(src)
    elif src._edge is not None:
        src = _reshape(src, src._array.shape)  # an edge of its own: hooks and gradients of the two are not the same
    return self._write(src, "copy_")


def _source(self: Tensor, src: Any, non_blocking: bool = False) -> Any:  # noqa: ARG001
    return src


_source.__qualname__ = "copy_"  # which errors about its arguments name


def fill_(self: Tensor, value: Any) -> Tensor:
    """Set every element to `value`, a number or a tensor without dimensions; return the tensor."""
    if not isinstance(value, Tensor) and _core.set_items(self, ..., value):
        return self
    if not isinstance(value, Tensor):
        if levels or self.dtype.is_floating_point:
            return self._write(full_like(self, value), "fill_")
        value = wrap(_dtype.element("fill_", value, self.dtype.numpy))
    if value.ndim > 0:
        raise RuntimeError(f"fill_: the value must have no dimensions, got shape {value._array.shape}")
    value = value if value.dtype is self.dtype else to_dtype(value, self.dtype)
    return self._write(broadcast(value, self._array.shape), "fill_")


def zero_(self: Tensor) -> Tensor:
    """Set every element to 0; return the tensor."""
    return self if _core.set_items(self, ..., 0) else self._write(full_like(self, 0), "zero_")


def apply_(self: Tensor, callable: Any) -> Tensor:
    """Replace each element by what a function of Python's makes of it; return the tensor.

    It calls Python for every element: operations are thousands of times as fast.

    Raises
    ------
    RuntimeError
        If the tensor requires a gradient: what Python computes has none.
    """
    if self.requires_grad:
        raise RuntimeError("apply_: has no gradient; use detach().apply_() on a tensor that requires one")
    made = [callable(x) for x in self._array.ravel().tolist()]
    return self._write(wrap(np.array(made, self._array.dtype).reshape(self._array.shape)), "apply_")


def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Set the elements whose indices are all alike to a number; return the tensor.

    With `wrap`, the diagonal of a matrix with more rows than columns begins again one row below its end.
    """
    shape = self._array.shape
    if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
        raise RuntimeError(f"fill_diagonal_: needs a matrix, or more dimensions of one size, got shape {shape}")
    if len(shape) == 2 and not (wrap and shape[0] > shape[1]):
        fill_(diagonal(self), fill_value)
    elif wrap and len(shape) == 2 and shape[0] > shape[1]:
        places = arange(0, self.numel(), shape[1] + 1)
        self[places // shape[1], places % shape[1]] = fill_value
    else:
        self[(arange(min(shape)),) * len(shape)] = fill_value
    return self


_OPERATORS = {"__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__ipow__": "pow_"}

for _name, _method in _OPERATORS.items():
    setattr(TensorMethods, _name, getattr(TensorMethods, _method))
for _function in (
    _compute_in_place,
    apply_,
    fill_diagonal_,
    with_kernel_calls(copy_, plain=_source),
    with_kernel_calls(fill_, kernel_call("full", 1, value="number")),
    with_kernel_calls(zero_, kernel_call("full", 0.0)),
):
    add_method(_function, _function.__name__)
