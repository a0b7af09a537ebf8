"""Numbers one step after the other, unit matrices, and the places of triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtype
from .._dtype import dtype as DType
from ..graph import Array
from ..tensor import Tensor, wrap
from .creation import full_kernel, refuse_negative
from .options import check_options
from .shape import sizes_of, whole

__all__ = ["arange", "eye", "linspace", "logspace", "tril_indices", "triu_indices"]

_ramp, _triangle, _cast = (_core.kernels[name] for name in ("ramp", "triangle_indices", "cast"))
_WHOLE = (int, np.integer)


def _number(x: Any) -> Any:
    return x.item() if isinstance(x, Tensor) else x


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return the numbers from `start` (0 where only one is given) up to but without `end`, `step` apart.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.arange(1, 7, 2)
    tensor([1, 3, 5])
    >>> minigrad.arange(3.0)
    tensor([0., 1., 2.])
    """
    if options or device is not None:
        check_options("arange", device, options)
    if end is None:
        start, end = None, start
    if start is None:
        start = 0
    if end is None:
        raise TypeError("arange: needs an end")
    if not start.__class__ is end.__class__ is step.__class__ is int:
        start, end, step = _number(start), _number(end), _number(step)
    if step == 0 or (end - start) * step < 0:
        raise RuntimeError(f"arange: cannot step from {start} to {end} by {step}")
    if dtype is None:
        whole = isinstance(start, _WHOLE) and isinstance(end, _WHOLE) and isinstance(step, _WHOLE)
        dtype = _dtype.int64 if whole else _dtype.get_default_dtype()
    array = _counted(start, end, step, _dtype.as_dtype(dtype))
    return wrap(array) if requires_grad is False else wrap(array).requires_grad_(requires_grad)


def _counted(start: Any, end: Any, step: Any, dtype: DType) -> Array:
    """Return the numbers from `start` up to but without `end`, `step` apart."""
    if dtype is _dtype.int64:
        start, end, step = int(start), int(end), int(step)
        if step == 0:
            raise RuntimeError("arange: a step below 1 is none for integers")
    count = -((start - end) // step) if dtype is _dtype.int64 else int(np.ceil((end - start) / step))
    if dtype.is_floating_point:
        return _ramp_of(start, end, step, count, count, dtype.numpy)
    if max(abs(start), abs(end), abs(step)) < 2**53:  # below which whole numbers are doubles
        array: Array = _ramp(float(int(start)), 0.0, float(int(step)), (count,), _dtype.int64.code, count)
    else:
        for number in (count, start, start + (count - 1) * step) if count > 0 else ():
            _dtype.held("arange", int(number), _dtype.int64.numpy)
        array = np.arange(count) * int(step) + int(start)
    return array if dtype is _dtype.int64 else array.astype(dtype.numpy)


def _ramp_of(start: float, end: float, step: float, count: int, near: int, stored: Any) -> Array:
    """Return numbers `step` apart, computed in float64, the first `near` from `start` on and the others up to `end`."""
    direct = _dtype.float32 if stored == np.float32 else _dtype.float64
    out: Array = _ramp(float(start), float(end), float(step), (count,), direct.code, near)
    return out if out.dtype == stored else out.astype(stored)


def _evenly(name: str, start: float, end: float, steps: int, dtype: DType, stored: Any) -> Array:
    """Return numbers from `start` to `end`, both included, counted from the nearer one; whole ends for whole numbers."""
    if not dtype.is_floating_point:
        start, end = (_dtype.held(name, int(x), dtype.numpy) for x in (start, end))
    step = (end - start) / (steps - 1) if steps > 1 else 0.0
    return _ramp_of(start, end, step, steps, steps // 2 if steps > 1 else steps, stored)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return `steps` numbers from `start` to `end`, both included, equally far apart.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    check_options("linspace", device, options)
    steps = whole("linspace", "steps", steps)
    if steps < 0:
        raise RuntimeError(f"linspace: number of steps must be non-negative, got {steps}")
    dtype = _dtype.chosen(dtype, _dtype.get_default_dtype())
    return wrap(_evenly("linspace", _number(start), _number(end), steps, dtype, dtype.numpy)).requires_grad_(
        requires_grad
    )


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return `steps` numbers from base**start to base**end, both included, whose logarithms are equally far apart.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    check_options("logspace", device, options)
    steps = whole("logspace", "steps", steps)
    if steps < 0:
        raise RuntimeError(f"logspace: number of steps must be non-negative, got {steps}")
    dtype = _dtype.chosen(dtype, _dtype.get_default_dtype())
    array = np.power(float(base), _evenly("logspace", _number(start), _number(end), steps, dtype, np.float64))
    return wrap(array.astype(dtype.numpy)).requires_grad_(requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return the n × m matrix with ones on the diagonal.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.eye(2, 3)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if options or device is not None:
        check_options("eye", device, options)
    rows, columns = sizes = sizes_of((n, n if m is None else m))
    refuse_negative("eye", sizes)
    array = full_kernel(0.0, (rows, columns), _dtype.chosen(dtype, _dtype.get_default_dtype()).code)
    _core.strided_view(array, (min(rows, columns),), ((columns + 1) * array.itemsize,), 0).fill(1)
    return wrap(array) if requires_grad is False else wrap(array).requires_grad_(requires_grad)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType | None = None, device: Any = None, **options: Any
) -> Tensor:
    """Return the rows and the columns of the lower triangle of a row × col matrix, row by row.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle_indices("tril_indices", True, row, col, offset, dtype, device, options)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType | None = None, device: Any = None, **options: Any
) -> Tensor:
    """Return the rows and the columns of the upper triangle of a row × col matrix, row by row.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _triangle_indices("triu_indices", False, row, col, offset, dtype, device, options)


def _triangle_indices(
    name: str, lower: bool, row: int, col: int, offset: int, dtype: DType | None, device: Any, options: dict[str, Any]
) -> Tensor:
    check_options(name, device, options)
    rows, columns = sizes = sizes_of((row, col))
    refuse_negative(name, sizes)
    offset = max(-rows, min(whole(name, "offset", offset), columns))  # beyond which nothing changes
    places = _triangle(rows, columns, offset, lower)
    code = _dtype.chosen(dtype, _dtype.int64).code
    return wrap(places if code == _dtype.int64.code else _cast(places, code))
