"""Arrays of random numbers: what the kernels draw, brought to a range and a dtype."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core, _dtype
from .._dtype import dtype as DType
from ..batching import bottom, for_each_example, is_batched, levels, sizes_drawn
from ..graph import Array, is_array
from ..primitive import registry
from ..tensor import Tensor, wrap
from .generator import Generator, default_generator, source_of

kernels = _core.kernels


def reserved(name: str, shape: tuple[int, ...], in_a_counter: int, generator: Generator | None) -> tuple[int, int]:
    """Return the key and the first counter for numbers of a shape."""
    source = default_generator if generator is None else source_of(generator, name)
    place = source._reserve(shape, in_a_counter)
    if place is None:
        raise RuntimeError(f"{name}: sizes must not be negative, got {shape}")
    return place


def floats(kernel: str, shape: tuple[int, ...], dtype: DType, generator: Generator | None, name: str) -> Array:
    """Return what a kernel draws: float64, or float32 for a narrower dtype."""
    if not dtype.is_floating_point:
        raise RuntimeError(f"{name}: only floating-point tensors can be filled, got {dtype}")
    # float16 has no arithmetic of its own.
    code, in_a_counter = (_FLOAT64, 2) if dtype is _dtype.float64 else (_FLOAT32, 4)
    sizes = sizes_drawn(name, shape) if levels else shape
    key, offset = reserved(name, sizes, in_a_counter, generator)
    array: Array = kernels[kernel](key, offset, sizes, code)
    return for_each_example(array) if levels else array


_FLOAT32, _FLOAT64 = _dtype.float32.code, _dtype.float64.code


def for_all_examples(name: str, input: Tensor) -> Tensor:
    """Return `input` with values for every example, inside `vmap`, that draws numbers of its own."""
    sizes = sizes_drawn(name, (1,) * len(input._array.shape))
    zeros = wrap(for_each_example(np.zeros(sizes, input.dtype.numpy)))
    return registry["add"].eager(input, zeros)


def uniform_numbers(name: str, a: float, b: float) -> tuple[str, float, float]:
    """Return the kernel, and the factor and the shift of its numbers, for numbers distributed uniformly over [a, b)."""
    if not (math.isfinite(a) and math.isfinite(b) and a <= b):
        raise RuntimeError(f"{name}: needs a finite range from low to high, got {a} and {b}")
    return "uniform", b - a, a


def normal_numbers(name: str, mean: float, std: float) -> tuple[str, float, float]:
    """Return the same for normally distributed numbers."""
    if not std >= 0:
        raise RuntimeError(f"{name}: std must not be negative, got {std}")
    return "normal", std, mean


def uniform_array(t: Tensor, a: float, b: float, generator: Generator | None, name: str) -> Array:
    """Return numbers distributed uniformly over [a, b), in the tensor's shape and dtype."""
    return _like(t, *uniform_numbers(name, a, b), generator, name)


def normal_array(t: Tensor, mean: float, std: float, generator: Generator | None, name: str) -> Array:
    """Return normally distributed numbers, in the tensor's shape and dtype."""
    return _like(t, *normal_numbers(name, mean, std), generator, name)


def _like(t: Tensor, kernel: str, factor: float, shift: float, generator: Generator | None, name: str) -> Array:
    return converted(scaled(floats(kernel, t._array.shape, t.dtype, generator, name), factor, shift), t.dtype)


def fill(t: Tensor, kernel: str, factor: float, shift: float, generator: Generator | None, name: str) -> Tensor:
    """Fill a tensor with what a kernel draws times the factor, plus the shift; return it."""
    if levels or t.dtype is not _dtype.float32:
        return t._write(wrap(_like(t, kernel, factor, shift, generator, name)), name)
    source = default_generator if generator is None else source_of(generator, name)
    place = source._reserve(t._array.shape, 4)
    assert place is not None  # no size is negative
    if _core.compute_into(kernels[kernel], t, place):
        if factor != 1 or shift != 0:
            scaled(t._array, factor, shift)
        return t
    return t._write(wrap(scaled(kernels[kernel](*place, t._array.shape, _FLOAT32), factor, shift)), name)


def integers(
    name: str, low: int, high: int, shape: tuple[int, ...], dtype: DType, generator: Generator | None
) -> Array:
    """Return integers distributed uniformly over [low, high)."""
    if low >= high:
        raise RuntimeError(f"{name}: low must be less than high, got {low} and {high}")
    check_range(name, low, high - 1, dtype)
    sizes = sizes_drawn(name, shape) if levels else shape
    array = kernels["randint"](*reserved(name, sizes, 2, generator), low, high, sizes)
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


def within(array: Array, least: float, most: float) -> bool:
    """Return whether all elements, none of them NaN, lie in a range."""
    if array.dtype not in _WITH_EXTREMA or array.size == 0:
        return bool(((array >= least) & (array <= most)).all())
    low, high = [kernels[extremum](array, (), False).item() for extremum in ("min", "max")]
    return bool(least <= low and high <= most)


_WITH_EXTREMA = (np.dtype(np.float32), np.dtype(np.float64))


def chances(p: Any, shape: tuple[int, ...], dtype: DType, generator: Generator | None, name: str) -> Array:
    """Return whether numbers uniform over [0, 1) are below the chances `p`, an array or a number."""
    below: Array
    if p.__class__ is float and dtype is not _dtype.float16 and 0 <= p <= 1:
        below = computed("lt", floats("uniform", shape, dtype, generator, name), p)
        return below
    array = p if is_array(p) else np.array(p, dtype.numpy)
    if not within(bottom(array), 0, 1):
        raise RuntimeError(f"{name}: the probabilities must be between 0 and 1")
    u = floats("uniform", shape, dtype, generator, name)
    below = computed("lt", u, array.astype(u.dtype, copy=False))
    return below


def scaled(array: Array, factor: float, shift: float) -> Array:
    """Return array * factor + shift, computed in the array's memory."""
    if levels and is_batched(array):
        return computed("add", computed("mul", array, float(factor)), float(shift))
    if factor != 1:
        kernels["mul"].into(array, array, float(factor))
    if shift != 0:
        kernels["add"].into(array, array, float(shift))
    return array
