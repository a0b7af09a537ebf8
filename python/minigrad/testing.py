"""Comparing results in tests: PyTorch's `torch.testing.assert_close`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _dtype
from .graph import Array
from .tensor import Tensor

__all__ = ["assert_close"]

#: The relative and absolute differences that are allowed for each dtype; PyTorch's.
_TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,  # noqa: ARG001
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,  # noqa: ARG001
    check_dtype: bool = True,
    check_layout: bool = True,  # noqa: ARG001
    check_stride: bool = False,
    msg: Any = None,
) -> None:
    """Raise an AssertionError that tells the differences, unless ``|actual - expected| <= atol + rtol * |expected|``.

    Parameters
    ----------
    actual, expected : Tensor, numpy.ndarray, number, or sequences and mappings of them
        What is compared.
    rtol, atol : float, optional
        Give both or neither; by default they follow from the dtypes, and are 0 for integers and booleans.
    equal_nan : bool, default False
        Whether NaN is close to NaN.
    check_dtype, check_stride : bool
        Whether dtypes and strides must be the same.
    msg : str or callable, optional
        The text of the error, or what makes it of the text that it would have.
    allow_subclasses, check_device, check_layout : bool
        Accepted for PyTorch's sake.

    Raises
    ------
    AssertionError
        If they differ.
    ValueError
        If one tolerance is given without the other.
    TypeError
        If they cannot be compared.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.testing.assert_close(minigrad.ones(2) / 3, minigrad.tensor([0.3333333, 0.3333333]))
    """
    if (rtol is None) != (atol is None):
        raise ValueError("assert_close: give both rtol and atol, or neither")
    tolerances = None if rtol is None or atol is None else (rtol, atol)
    text = _difference(actual, expected, tolerances, equal_nan, check_dtype, check_stride)
    if text:
        raise AssertionError(msg(text) if callable(msg) else msg or text)


def _difference(actual: Any, expected: Any, tolerances: tuple[float, float] | None, *settings: bool) -> str:
    """Return what to say of two values, nothing if they are close."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            return f"assert_close: the keys are {list(actual)}, expected {list(expected)}"
        pairs: Any = [(key, actual[key], expected[key]) for key in actual]
    elif _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            return f"assert_close: there are {len(actual)} items, expected {len(expected)}"
        pairs = [(i, x, y) for i, (x, y) in enumerate(zip(actual, expected, strict=True))]
    else:
        return _of_elements(actual, expected, tolerances, *settings)
    found = ((key, _difference(x, y, tolerances, *settings)) for key, x, y in pairs)
    return next((f"{text}\nin item {key!r}" for key, text in found if text), "")


def _is_sequence(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, str)


def _array(x: Any) -> Array:
    if not isinstance(x, Tensor | np.ndarray | np.generic | bool | int | float):
        raise TypeError(f"assert_close: expected tensors, arrays or numbers, got {type(x).__name__}")
    return np.asarray(x.detach() if isinstance(x, Tensor) else x)


def _of_elements(
    actual: Any, expected: Any, tolerances: tuple[float, float] | None, equal_nan: bool, dtypes: bool, strides: bool
) -> str:
    x, y = _array(actual), _array(expected)
    tensors = isinstance(actual, Tensor) and isinstance(expected, Tensor)
    if x.shape != y.shape:
        return f"assert_close: the shape is {x.shape}, expected {y.shape}"
    if dtypes and tensors and x.dtype != y.dtype:
        return f"assert_close: the dtype is {actual.dtype}, expected {expected.dtype}"
    if strides and tensors and actual.stride() != expected.stride():
        return f"assert_close: the stride is {actual.stride()}, expected {expected.stride()}"
    rtol, atol = tolerances or tuple(max(pair) for pair in zip(_tolerances(x), _tolerances(y), strict=True))
    wide = np.result_type(x, y, np.float64 if "f" in (x.dtype.kind, y.dtype.kind) else np.int64)
    x, y = x.astype(wide), y.astype(wide)
    with np.errstate(invalid="ignore"):
        close = np.isclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan)
    return "" if close.all() else _text(x, y, close, rtol, atol)


def _tolerances(array: Array) -> tuple[float, float]:
    return _TOLERANCES.get(_dtype.from_numpy_dtype(array.dtype).name, (0.0, 0.0))


def _text(x: Array, y: Array, close: Array, rtol: float, atol: float) -> str:
    """Return how two arrays that are not close differ."""
    with np.errstate(all="ignore"):
        gap = np.where(close, 0, abs(x - y))
        share = np.where(close, 0, gap / abs(y))
    worst, worst_share = (np.unravel_index(np.argmax(a), a.shape) for a in (gap, share))
    where = tuple(map(int, worst))
    return (
        f"assert_close: {close.size - close.sum()} of {close.size} elements differ by more than {atol} + {rtol} |expected|\n"
        f"the most, {gap[worst]}, {f'at {where}' if where else 'as numbers'}: {x[worst]}, expected {y[worst]}\n"
        f"relatively the most, {share[worst_share]}: {x[worst_share]}, expected {y[worst_share]}"
    )
