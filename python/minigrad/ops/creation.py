"""Tensors from data and from nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtype
from .._dtype import dtype as DType  # noqa: N812
from ..graph import Array
from ..tensor import Tensor, array_of, wrap
from .elementwise import to_dtype
from .shape import sizes_of

__all__ = [
    "arange",
    "as_tensor",
    "empty",
    "eye",
    "from_numpy",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "tensor",
    "zeros",
    "zeros_like",
]

_full_kernel = _core.kernels["full"]


def array_from(data: Any, dtype: DType | None) -> Array:
    """Return a new array of `data`, in `dtype` or in what PyTorch would choose."""
    if isinstance(data, Tensor):
        data = data._array
    if not isinstance(data, np.ndarray | np.generic):
        data = _from_python(data)
        if dtype is None and data.dtype == np.float64:
            dtype = _dtype.get_default_dtype()
    wanted = _dtype.from_numpy_dtype(data.dtype.newbyteorder("=")) if dtype is None else dtype
    return np.array(data, dtype=wanted.numpy, order="C", copy=True)


def _from_python(data: Any) -> Array:
    """Return an array of numbers in nested sequences, which may also hold tensors."""
    if isinstance(data, list | tuple) and any(isinstance(x, Tensor) for x in data):
        data = [x._array if isinstance(x, Tensor) else x for x in data]
    try:
        array = np.array(data)
    except ValueError as error:
        raise ValueError(f"tensor: the rows of nested sequences must be equally long: {error}") from None
    if array.size == 0 and array.dtype == np.float64:
        return array
    if array.dtype.kind not in "biuf":
        raise TypeError(f"tensor: expected numbers, got {type(data).__name__} that becomes an array of {array.dtype}")
    return array


def tensor(data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor with a copy of `data`.

    Parameters
    ----------
    data : number, nested sequence, numpy.ndarray or Tensor
        The elements.
    dtype : dtype, optional
        Of the elements; by default an array's own, int64 for integers, and the default dtype for Python floats.
    device : optional
        Only the CPU: accepted so that scripts run.
    requires_grad : bool, default False
        Whether backward passes accumulate a gradient in it.

    Returns
    -------
    Tensor
        A leaf.

    Raises
    ------
    TypeError
        If `data` is not made of numbers.
    ValueError
        If nested sequences are not equally long.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    return wrap(array_from(data, dtype)).requires_grad_(requires_grad)


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Return `data` as a tensor, sharing memory where it is a tensor or an array of the dtype asked for."""
    if isinstance(data, Tensor):
        return data if dtype is None or dtype is data.dtype else to_dtype(data, dtype)
    if isinstance(data, np.ndarray) and (dtype is None or dtype.numpy == data.dtype):
        return from_numpy(data)
    return tensor(data, dtype=dtype)


def from_numpy(ndarray: Array) -> Tensor:
    """Return a tensor that shares the array's memory; TypeError for a dtype that tensors do not have."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy: expected an array, got {type(ndarray).__name__}")
    _dtype.from_numpy_dtype(ndarray.dtype)
    if not ndarray.flags.aligned:
        raise ValueError("from_numpy: the array's memory is misaligned; use tensor() to copy it")
    return wrap(np.asarray(ndarray))


def _sizes(name: str, size: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the sizes given one by one or as one sequence; RuntimeError where one is negative."""
    sizes = sizes_of(size)
    if any(n < 0 for n in sizes):
        raise RuntimeError(f"{name}: sizes must not be negative, got {sizes}")
    return sizes


def _filled(name: str, size: tuple[Any, ...], value: float, dtype: DType | None, requires_grad: bool) -> Tensor:
    sizes = _sizes(name, size)
    code = (dtype or _dtype.get_default_dtype()).code
    return wrap(_full_kernel(value, sizes, code)).requires_grad_(requires_grad)


def zeros(*size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros of the given sizes, in the default dtype unless another is given."""
    return _filled("zeros", size, 0.0, dtype, requires_grad)


def ones(*size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones of the given sizes, in the default dtype unless another is given."""
    return _filled("ones", size, 1.0, dtype, requires_grad)


def empty(*size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor whose elements are to be written: zeros, so that nothing depends on what memory held before."""
    return _filled("empty", size, 0.0, dtype, requires_grad)


def full(
    size: Any, fill_value: float, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor of the given sizes with every element `fill_value`, whose type gives the dtype by default."""
    if dtype is None:
        dtype = _dtype.result_type(fill_value)
    if not dtype.is_floating_point:
        array = np.full(_sizes("full", (size,)), fill_value, dtype=dtype.numpy)
        return wrap(array).requires_grad_(requires_grad)
    return _filled("full", (size,), float(fill_value), dtype, requires_grad)


def zeros_like(input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return zeros of `input`'s shape and dtype."""
    return zeros(array_of("zeros_like", input).shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def ones_like(input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ones of `input`'s shape and dtype."""
    return ones(array_of("ones_like", input).shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def full_like(
    input: Tensor, fill_value: float, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor of `input`'s shape and dtype with every element `fill_value`."""
    return full(array_of("full_like", input).shape, fill_value, dtype=dtype or input.dtype, requires_grad=requires_grad)


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return the numbers from `start` (0 where only one is given) up to but without `end`, `step` apart."""
    if end is None:
        start, end = 0, start
    if step == 0 or (end - start) * step < 0:
        raise RuntimeError(f"arange: cannot step from {start} to {end} by {step}")
    if dtype is None:
        dtype = _dtype.result_type(start, end, step)
    return wrap(np.arange(start, end, step).astype(dtype.numpy)).requires_grad_(requires_grad)


def eye(
    n: int, m: int | None = None, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return the n × m matrix with ones on the diagonal."""
    rows, columns = _sizes("eye", (n, n if m is None else m))
    return wrap(np.eye(rows, columns, dtype=(dtype or _dtype.get_default_dtype()).numpy)).requires_grad_(requires_grad)
