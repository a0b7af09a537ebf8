"""In-place forms: compute as the function does, then write the result into the tensor's own memory.

Kernels of elementwise functions write there themselves where no graph has to know (`_core.compute_into`).

A function gets one where it becomes a method: ``method(function, in_place=True)``. All of them are `_compute_in_place`,
which leaves the writing to `Tensor._write`, which knows of versions, views and the graph.
"""

from __future__ import annotations

import math
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

_copy = _core.kernels["copy"]
_full = _core.kernels["full"]

_Form = Callable[..., tuple[Any, tuple[Any, ...]]]


def _compute_in_place(
    self: Tensor, function: Callable[..., Tensor], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Tensor:
    """Give this tensor the elements and the origin of ``function(self, *args, **kwargs)``; return it."""
    kernel, own = _kernel_call(function, args, kwargs)
    if kernel is not None and _core.compute_into(kernel, self, own, True):
        return self
    others = (*args, *kwargs.values()) if kwargs else args
    if not grad_enabled() or (
        not levels and self._edge is None and not any(isinstance(x, Tensor) and x._edge for x in others)
    ):
        return store(self, function(self, *args, **kwargs), name)
    # The graph may have to keep what the tensor was before: a copy, since its memory is about to be overwritten.
    before = wrap(copy_values(self._array) if levels else _copy(self._array), self._edge)
    operands = [before if x is self else x for x in args]
    options = {key: before if x is self else x for key, x in kwargs.items()}
    return store(self, function(before, *operands, **options), name)


def _kernel_call(
    function: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, tuple[Any, ...]]:
    """Return the kernel that is all of an elementwise function, and its operands but the first; None for others."""
    form = _FORMS.get(function)
    if form is not None:
        try:
            return form(*args, **kwargs)
        except TypeError:  # which the function itself says better
            return None, ()
    record: Primitive | None = getattr(function, "primitive", None)
    if kwargs or record is None or record.structure != ELEMENTWISE or record.constants:
        return None, ()
    whole = len(args) + 1 == len(record.inputs) + len(record.attributes) and isinstance(record.run, _core.Kernel)
    return (record.run, args) if whole else (None, ())


def _scaled(kernel: Any, sign: int) -> _Form:
    """Return the form of a sum or a difference."""

    def form(other: Any, *, alpha: float = 1) -> tuple[Any, tuple[Any, ...]]:
        return (kernel, (other,)) if alpha == 1 else (ew.add_scaled_kernel, (other, 1.0, sign * alpha))

    return form


def _quotient(other: Any, *, rounding_mode: str | None = None) -> tuple[Any, tuple[Any, ...]]:
    return (None if rounding_mode else _core.kernels["div"], (other,))


def _between(min: Any = None, max: Any = None) -> tuple[Any, tuple[Any, ...]]:
    kernel = None if min is max is None else _core.kernels["clamp"]
    return kernel, (-math.inf if min is None else min, math.inf if max is None else max)


def _with_value(kernel: Any) -> _Form:
    return lambda tensor1, tensor2, *, value=1: (kernel, (tensor1, tensor2, value))


#: For functions that take more than their kernels do: the kernel for their arguments behind the tensor, and its operands.
_FORMS: dict[Callable[..., Any], _Form] = {
    ew.add: _scaled(_core.kernels["add"], 1),
    ew.sub: _scaled(_core.kernels["sub"], -1),
    rounding.div: _quotient,
    rounding.true_divide: lambda other: (_core.kernels["div"], (other,)),
    selection.clamp: _between,
    selection.clamp_min: lambda min: _between(min),
    selection.clamp_max: lambda max: _between(None, max),
    arithmetic.addcmul: _with_value(_core.kernels["addcmul"]),
    arithmetic.addcdiv: _with_value(_core.kernels["addcdiv"]),
    arithmetic.lerp: lambda end, weight: (_core.kernels["lerp"], (end, weight)),
}


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
    if isinstance(value, int | float):
        operands = float(value), self._array.shape, self.dtype.code
        if _core.compute_into(_full, self, operands, False):
            return self
    return self._write(full_like(self, value), name)


_OPERATORS = {"__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__ipow__": "pow_"}

for _name, _method in _OPERATORS.items():
    setattr(TensorMethods, _name, getattr(TensorMethods, _method))
for _function in (_compute_in_place, copy_, fill_, zero_):
    setattr(TensorMethods, _function.__name__, _function)
