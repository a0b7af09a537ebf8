"""Arrays of random numbers: what the kernels draw, brought to a range and a dtype."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core, _dtype
from .._dtype import dtype as DType  # noqa: N812
from ..batching import bottom, for_each_example, is_batched, levels, sizes_drawn
from ..graph import Array, is_array
from ..primitive import registry
from ..tensor import Tensor
from .generator import Generator, source_of

kernels = _core.kernels


def floats(kernel: str, shape: tuple[int, ...], dtype: DType, generator: Generator | None, name: str) -> Array:
    """Return what a kernel draws: float64, or float32 for a narrower dtype."""
    if not dtype.is_floating_point:
        raise RuntimeError(f"{name}: only floating-point tensors can be filled, got {dtype}")
    if shape and min(shape) < 0:
        raise RuntimeError(f"{name}: sizes must not be negative, got {shape}")
    drawn = _dtype.float64 if dtype is _dtype.float64 else _dtype.float32  # float16 has no arithmetic of its own
    in_a_counter = 4 if drawn is _dtype.float32 else 2
    sizes = sizes_drawn(name, shape) if levels else shape
    key, offset = source_of(generator, name)._reserve(-(-math.prod(sizes) // in_a_counter))
    array: Array = kernels[kernel](key, offset, sizes, drawn.code)
    return for_each_example(array) if levels else array


def uniform_array(t: Tensor, a: float, b: float, generator: Generator | None, name: str) -> Array:
    """Return numbers distributed uniformly over [a, b), in the tensor's shape and dtype."""
    if not (math.isfinite(a) and math.isfinite(b) and a <= b):
        raise RuntimeError(f"{name}: needs a finite range from low to high, got {a} and {b}")
    array = floats("uniform", t._array.shape, t.dtype, generator, name)
    return converted(scaled(array, b - a, a), t.dtype)


def normal_array(t: Tensor, mean: float, std: float, generator: Generator | None, name: str) -> Array:
    """Return normally distributed numbers, in the tensor's shape and dtype."""
    if not std >= 0:
        raise RuntimeError(f"{name}: std must not be negative, got {std}")
    array = floats("normal", t._array.shape, t.dtype, generator, name)
    return converted(scaled(array, std, mean), t.dtype)


def integers(
    name: str, low: int, high: int, shape: tuple[int, ...], dtype: DType, generator: Generator | None
) -> Array:
    """Return integers distributed uniformly over [low, high)."""
    if low >= high:
        raise RuntimeError(f"{name}: low must be less than high, got {low} and {high}")
    if shape and min(shape) < 0:
        raise RuntimeError(f"{name}: sizes must not be negative, got {shape}")
    check_range(name, low, high - 1, dtype)
    sizes = sizes_drawn(name, shape) if levels else shape
    key, offset = source_of(generator, name)._reserve(-(-math.prod(sizes) // 2))
    array = kernels["randint"](key, offset, low, high, sizes)
    return converted(for_each_example(array) if levels else array, dtype)


def check_range(name: str, least: int, largest: int, dtype: DType) -> None:
    """Raise where an integer dtype cannot hold the numbers from least to largest."""
    if dtype.is_floating_point:
        return
    limits = _dtype.integer_range(dtype.numpy)
    if least < limits[0] or largest > limits[1]:
        raise RuntimeError(f"{name}: {dtype} cannot hold the integers from {least} to {largest}")


def converted(array: Array, dtype: DType) -> Array:
    """Return the array in a dtype: itself, if it has that one."""
    if array.dtype == dtype.numpy:
        return array
    return array.astype(dtype.numpy) if is_batched(array) else kernels["cast"](array, dtype.code)


def computed(name: str, *arrays: Any) -> Any:
    """Return what an operation makes of arrays, of one example or of several."""
    return registry[name].eager(*arrays)


def chances(p: Any, shape: tuple[int, ...], dtype: DType, generator: Generator | None, name: str) -> Array:
    """Return whether numbers uniform over [0, 1) are below the chances `p`, an array or a number."""
    below: Array
    if p.__class__ is float and dtype is not _dtype.float16 and 0 <= p <= 1:
        below = computed("lt", floats("uniform", shape, dtype, generator, name), p)
        return below
    array = p if is_array(p) else np.array(p, dtype.numpy)
    known = bottom(array)
    if not ((known >= 0) & (known <= 1)).all():
        raise RuntimeError(f"{name}: the probabilities must be between 0 and 1")
    u = floats("uniform", shape, dtype, generator, name)
    below = computed("lt", u, array.astype(u.dtype, copy=False))
    return below


def scaled(array: Array, factor: float, shift: float) -> Array:
    """Return array * factor + shift, computed in the array's memory."""
    if levels and is_batched(array):
        return computed("add", computed("mul", array, float(factor)), float(shift))  # type: ignore[no-any-return]
    if factor != 1:
        kernels["mul"].into(array, array, float(factor))
    if shift != 0:
        kernels["add"].into(array, array, float(shift))
    return array
