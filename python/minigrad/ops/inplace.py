"""In-place forms: compute as the function does, then write the result into the tensor's own memory.

Kernels of elementwise functions write there themselves where no graph has to know (`_core.compute_into`).

A function gets one where it becomes a method: ``method(function, in_place=True)``. All of them are `_compute_in_place`,
which leaves the writing to `Tensor._write`, which knows of versions, views and the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core
from .._methods import TensorMethods
from ..batching import levels
from ..batching_rules import copy_values
from ..primitive import ELEMENTWISE, Primitive
from ..tensor import Tensor, grad_enabled, wrap
from . import arithmetic, rounding, selection
from . import elementwise as ew
from .creation import array_from, full_like
from .shape import broadcast

#: A result of one kind of elements can be stored in its own and in later kinds; integers wrap around in narrower ones.
_KINDS = {"b": 0, "u": 1, "i": 1, "f": 2}

_copy = _core.kernels["copy"]
_full = _core.kernels["full"]


def _compute_in_place(
    self: Tensor, function: Callable[..., Tensor], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Tensor:
    """Give this tensor the elements and the origin of ``function(self, *args, **kwargs)``; return it."""
    kernel, operands = _kernel_call((self, *args), function, kwargs)
    if kernel is not None and _core.compute_into(kernel, operands):
        return self
    others = (*args, *kwargs.values()) if kwargs else args
    if not grad_enabled() or (
        not levels and self._edge is None and not any(isinstance(x, Tensor) and x._edge for x in others)
    ):
        return store(self, function(self, *args, **kwargs), name)
    # The graph may have to keep what the tensor was before: a copy, since its memory is about to be overwritten.
    before = wrap(copy_values(self._array) if levels else _copy(self._array), self._edge)
    rest = [before if x is self else x for x in args]
    options = {key: before if x is self else x for key, x in kwargs.items()}
    return store(self, function(before, *rest, **options), name)


def _kernel_call(
    operands: tuple[Any, ...], function: Callable[..., Any], kwargs: dict[str, Any]
) -> tuple[Any, tuple[Any, ...]]:
    """Return the kernel that is all of an elementwise function, and its operands; None for others."""
    kernel, count = _KERNELS.get(function) or _find_kernel(function)
    if len(operands) == count and not kwargs:
        return kernel, operands
    step = _STEPS.get(function)
    if step is None:
        return None, ()
    function, operands = step(*operands, **kwargs)
    kernel, count = _KERNELS.get(function) or _find_kernel(function)
    return (kernel if len(operands) == count else None), operands


#: By function the kernel that is all of it where it gets as many operands and no more; None and -1 where there is none.
_KERNELS: dict[Callable[..., Any], tuple[Any, int]] = {
    ew.add: (_core.kernels["add"], 2),
    ew.sub: (_core.kernels["sub"], 2),
    rounding.div: (_core.kernels["div"], 2),
    rounding.true_divide: (_core.kernels["div"], 2),
}


def _find_kernel(function: Callable[..., Any]) -> tuple[Any, int]:
    record: Primitive | None = getattr(function, "primitive", None)
    whole = record is not None and record.structure == ELEMENTWISE and not record.constants
    if record is None or not whole or not isinstance(record.run, _core.Kernel):
        return _KERNELS.setdefault(function, (None, -1))
    return _KERNELS.setdefault(function, (record.run, len(record.inputs) + len(record.attributes)))


#: The steps of functions that do no more with their arguments than to choose a primitive and its operands.
_STEPS: dict[Callable[..., Any], Callable[..., ew.Call]] = {
    ew.add: ew.add_call,
    ew.sub: ew.sub_call,
    rounding.div: rounding.div_call,
    selection.clamp: selection.clamp_call,
    selection.clamp_min: selection.clamp_min_call,
    selection.clamp_max: selection.clamp_max_call,
    arithmetic.addcmul: arithmetic.addcmul_call,
    arithmetic.addcdiv: arithmetic.addcdiv_call,
    arithmetic.lerp: arithmetic.lerp_call,
}
for _function, _step in _STEPS.items():
    _step.__qualname__ = _function.__name__  # for what Python says of arguments too few or too many


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
        if _KINDS[value._array.dtype.kind] > _KINDS[own.dtype.kind]:
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


def fill_(self: Tensor, value: Any) -> Tensor:
    """Set every element to `value`, a number or a tensor without dimensions; return the tensor."""
    if not isinstance(value, Tensor):
        return _filled(self, value, "fill_")
    if value.ndim > 0:
        raise RuntimeError(f"fill_: the value must have no dimensions, got shape {value._array.shape}")
    value = value if value.dtype is self.dtype else ew.to_dtype(value, self.dtype)
    return self._write(broadcast(value, self._array.shape), "fill_")


def zero_(self: Tensor) -> Tensor:
    """Set every element to 0; return the tensor."""
    return _filled(self, 0.0, "zero_")


def _filled(self: Tensor, value: Any, name: str) -> Tensor:
    if isinstance(value, int | float) and _core.fill_into(_full, self, float(value)):
        return self
    return self._write(full_like(self, value), name)


_OPERATORS = {"__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__ipow__": "pow_"}

for _name, _method in _OPERATORS.items():
    setattr(TensorMethods, _name, getattr(TensorMethods, _method))
for _function in (_compute_in_place, copy_, fill_, zero_):
    setattr(TensorMethods, _function.__name__, _function)
