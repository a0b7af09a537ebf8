"""What layers' constructors share: sizes, devices, dtypes and new parameters."""

from __future__ import annotations

from typing import Any

from .. import _core, _dtype
from .._device import require_cpu
from .._dtype import dtype as DType
from ..tensor import wrap
from .parameter import Parameter


def layer_size(layer: str, name: str, size: Any) -> int:
    """Return a size, checked: TypeError if it is no integer, RuntimeError if it is negative."""
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f"{layer}: {name} must be an integer, got {size!r}")
    if size < 0:
        raise RuntimeError(f"{layer}: {name} must not be negative, got {size}")
    return size


def parameter_dtype(layer: str, device: Any, dtype: DType | None) -> DType:
    """Return the dtype of a layer's parameters, by default the default one.

    Raises
    ------
    RuntimeError
        If they are to be elsewhere than on the CPU.
    TypeError
        If the dtype is not of floats.
    """
    require_cpu(layer, device)
    kind = _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)
    if not kind.is_floating_point:
        raise TypeError(f"{layer}: dtype must be a floating-point dtype, got {kind}")
    return kind


def new_parameter(shape: tuple[int, ...], dtype: DType, value: float = 0.0) -> Parameter:
    """Return a parameter with memory of its own, all its elements alike."""
    return Parameter(wrap(_core.kernels["full"](value, shape, dtype.code)))
