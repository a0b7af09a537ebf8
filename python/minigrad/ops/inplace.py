"""In-place forms: compute as the function does, then write the result into the tensor's own memory.

One mechanism serves them all, `Tensor._write`, which knows of versions, views and the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core
from .._methods import TensorMethods
from ..tensor import Tensor, grad_enabled, wrap
from . import elementwise as ew
from .creation import array_from, full_like
from .shape import broadcast

_copy = _core.kernels["copy"]


def _in_place(function: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    def call(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not grad_enabled() or (self._edge is None and not any(isinstance(x, Tensor) and x._edge for x in args)):
            return store(self, function(self, *args, **kwargs), name)
        # The graph may have to keep what the tensor was before: a copy, since its memory is about to be overwritten.
        before = wrap(_copy(self._array), self._edge)
        operands = [before if x is self else x for x in args]
        return store(self, function(before, *operands, **kwargs), name)

    call.__name__ = name
    call.__doc__ = f"Do as `{name.rstrip('_')}` does, writing the result into this tensor's memory; return it."
    return call


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
        if not np.can_cast(value._array.dtype, own.dtype, "same_kind"):
            raise RuntimeError(f"{name}: a result of {value.dtype} cannot be stored in {self.dtype}")
        value = ew.to_dtype(value, self.dtype)
    return self._write(value, name)


def copy_(self: Tensor, src: Any) -> Tensor:
    """Write `src`, broadcast and converted, into this tensor's memory; return it."""
    if not isinstance(src, Tensor):
        src = Tensor(array_from(src, self.dtype))
    if src.dtype is not self.dtype:
        src = ew.to_dtype(src, self.dtype)
    if src._array.shape != self._array.shape:
        src = broadcast(src, self._array.shape)
    if np.may_share_memory(src._array, self._array):
        src = ew.clone(src)
    return self._write(src, "copy_")


def fill_(self: Tensor, value: float) -> Tensor:
    """Set every element to `value`; return the tensor."""
    return self._write(full_like(self, value), "fill_")


def zero_(self: Tensor) -> Tensor:
    """Set every element to 0; return the tensor."""
    return self._write(full_like(self, 0), "zero_")


_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "add_": ew.add,
    "sub_": ew.sub,
    "mul_": ew.mul,
    "div_": ew.div,
    "pow_": ew.pow,
    "neg_": ew.neg,
    "abs_": ew.abs,
    "exp_": ew.exp,
    "log_": ew.log,
    "sqrt_": ew.sqrt,
    "sin_": ew.sin,
    "cos_": ew.cos,
    "tanh_": ew.tanh,
    "sigmoid_": ew.sigmoid,
    "relu_": ew.relu,
}

_OPERATORS = {"__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_", "__ipow__": "pow_"}

for _name, _function in _FUNCTIONS.items():
    setattr(TensorMethods, _name, _in_place(_function, _name))
for _name, _method in _OPERATORS.items():
    setattr(TensorMethods, _name, getattr(TensorMethods, _method))
for _function in (copy_, fill_, zero_):
    setattr(TensorMethods, _function.__name__, _function)
