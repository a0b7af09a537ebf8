"""Tensors of given sizes, all of whose elements are one number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _core, _dtype
from .._dtype import dtype as DType
from .._facts import Size
from .._formats import contiguous_format
from .._methods import method
from ..batching import levels
from ..batching_rules import made_like
from ..graph import Array
from ..tensor import Tensor, array_of, wrap
from .data import array_from, tensor
from .options import check_options
from .shape import sizes_of

__all__ = ["empty", "empty_like", "full", "full_like", "ones", "ones_like", "zeros", "zeros_like"]

full_kernel, _copy_kernel = _core.kernels["full"], _core.kernels["copy"]


def refuse_negative(name: str, sizes: tuple[int, ...]) -> None:
    if sizes and min(sizes) < 0:
        raise RuntimeError(f"{name}: sizes must not be negative, got {sizes}")


def filled(
    sizes: tuple[int, ...], value: float, dtype: DType | None, requires_grad: bool = False, name: str = "full"
) -> Tensor:
    """Return a tensor with every element `value`, in the default dtype unless another is given."""
    dtype = _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)
    try:
        if dtype.is_floating_point or value in (0, 1) or _is_small(value, dtype):
            out = wrap(full_kernel(float(value), sizes, dtype.code))
        else:
            out = wrap(_copy_kernel(np.broadcast_to(_dtype.element(name, value, dtype.numpy), sizes)))
    except (RuntimeError, ValueError, OverflowError):
        refuse_negative(name, sizes)
        raise
    return out if requires_grad is False else out.requires_grad_(requires_grad)


def _is_small(value: Any, dtype: DType) -> bool:
    """Return whether a value is an integer that the dtype and a double hold."""
    least, largest = _dtype.integer_range(dtype.numpy)
    return type(value) is int and max(least, -(2**53)) <= value <= min(largest, 2**53)


def _filled(
    name: str,
    sizes: tuple[int, ...],
    value: Any,
    dtype: DType | None,
    device: Any,
    requires_grad: bool,
    options: dict[str, Any],
) -> Tensor:
    """Return a tensor with every element `value`, for a function of this name and PyTorch's further arguments."""
    if options or device is not None:
        check_options(name, device, options)
    return filled(sizes, value, dtype, requires_grad, name)


def _filled_like(
    name: str,
    input: Tensor,
    value: Any,
    dtype: DType | None,
    device: Any,
    requires_grad: bool,
    options: dict[str, Any],
) -> Tensor:
    """Return a tensor of `input`'s shape and, unless another is given, its dtype, with every element `value`."""
    if options or device is not None:
        check_options(name, device, options)
    array, dtype = array_of(name, input), _dtype.chosen(dtype, input.dtype)
    if not keeps_layout(array, options):
        made = filled(array.shape, value, dtype, requires_grad, name)
        return made_like(made, input) if levels else made
    out = _core.empty_like(array, dtype.code)
    if value in (0, 1) or dtype.is_floating_point or _is_small(value, dtype):
        full_kernel.into(out, float(value), array.shape, dtype.code)
    else:
        _copy_kernel.into(out, np.broadcast_to(_dtype.element(name, value, dtype.numpy), array.shape))
    return wrap(out).requires_grad_(requires_grad)


def keeps_layout(array: Any, options: dict[str, Any]) -> bool:
    """Return whether what is made like an array lies in another way than row-major, as the array does."""
    if not isinstance(array, np.ndarray) or array.flags.c_contiguous:
        return False
    return bool(array.flags.aligned) and options.get("memory_format") is not contiguous_format


def _for_examples(made: Tensor, like: Tensor) -> Tensor:
    """Return a new tensor; inside `vmap` one for each example where `like` is, so that it can be written to."""
    return made_like(made, like) if levels else made


def zeros(
    *args: Any,
    size: Any = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return a tensor of zeros of the given sizes, in the default dtype unless another is given.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.zeros(2, dtype=minigrad.int64)
    tensor([0, 0])
    """
    return _filled("zeros", sizes_of(args, size), 0, dtype, device, requires_grad, options)


def ones(
    *args: Any,
    size: Any = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return a tensor of ones of the given sizes, in the default dtype unless another is given.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.ones(2, 3)
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    return _filled("ones", sizes_of(args, size), 1, dtype, device, requires_grad, options)


def empty(
    *args: Any,
    size: Any = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return a tensor whose elements are to be written: zeros, so that nothing depends on what memory held before.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.empty(2)
    tensor([0., 0.])
    """
    return _filled("empty", sizes_of(args, size), 0, dtype, device, requires_grad, options)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return a tensor of the given sizes with every element `fill_value`, whose type gives the dtype by default.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    value = _filling("full", fill_value)
    dtype = dtype or _dtype.result_type(value)
    return _filled("full", sizes_of((size,)), value, dtype, device, requires_grad, options)


def _filling(name: str, value: Any) -> Any:
    _dtype.expect_number(name, value)
    return value.item() if isinstance(value, Tensor) else value


def zeros_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return zeros of `input`'s shape and, unless another is given, its dtype.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.zeros_like(minigrad.tensor([1.0, 2.0]))
    tensor([0., 0.])
    """
    return _filled_like("zeros_like", input, 0, dtype, device, requires_grad, options)


def ones_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return ones of `input`'s shape and, unless another is given, its dtype.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.ones_like(minigrad.tensor([1, 2]))
    tensor([1, 1])
    """
    return _filled_like("ones_like", input, 1, dtype, device, requires_grad, options)


def empty_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return zeros, to be written, of `input`'s shape and, unless another is given, its dtype.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.empty_like(minigrad.ones(2))
    tensor([0., 0.])
    """
    return _filled_like("empty_like", input, 0, dtype, device, requires_grad, options)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return a tensor of `input`'s shape and, unless another is given, its dtype, with every element `fill_value`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.full_like(minigrad.ones(2), 7)
    tensor([7., 7.])
    """
    value = _filling("full_like", fill_value)
    return _filled_like("full_like", input, value, dtype, device, requires_grad, options)


# ----------------------------------------------------------------------------------------------------------------------
# Methods that make tensors of a tensor's dtype.


@method
def new_tensor(
    self: Tensor, data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor with a copy of `data`, in this tensor's dtype unless another is given."""
    return tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


@method
def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """Return zeros of the given sizes, or a tensor with the given data, in this tensor's dtype: PyTorch's older form."""
    check_options("new", device, {})
    return _for_examples(wrap(array_of_older_form("new", self.dtype, args)), self)


def array_of_older_form(name: str, dtype: DType, args: tuple[Any, ...]) -> Array:
    """Return the array that PyTorch's older constructors mean: of these sizes, or with this data converted to `dtype`.

    Raises
    ------
    TypeError
        If the arguments are neither integers nor one array, tensor or sequence.
    """
    data = args[0] if len(args) == 1 else args
    if isinstance(data, Size) or (data is args and all(isinstance(n, int) for n in args)):
        return empty(*args, dtype=dtype)._array if args else np.zeros(0, dtype.numpy)
    if isinstance(data, int) and not isinstance(data, bool):
        return empty(data, dtype=dtype)._array
    known = isinstance(data, (Tensor, Sequence)) or hasattr(data, "__array__")
    if data is args or not known or isinstance(data, (str, np.generic)):
        given = ", ".join(type(x).__name__ for x in args)
        raise TypeError(f"{name}: expected sizes or a sequence of data, got {given}; minigrad.tensor takes a number")
    if isinstance(data, np.ndarray):
        _dtype.from_numpy_dtype(data.dtype.newbyteorder("="))
    return array_from(data, dtype)


@method
def new_full(self: Tensor, size: Any, fill_value: Any, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Return a tensor with every element `fill_value`, in this tensor's dtype unless another is given."""
    return _for_examples(full(size, fill_value, dtype=dtype or self.dtype, **options), self)


@method
def new_zeros(self: Tensor, *args: Any, size: Any = None, dtype: DType | None = None, **options: Any) -> Tensor:
    """Return zeros of the given sizes, in this tensor's dtype unless another is given."""
    return _for_examples(zeros(*args, size=size, dtype=dtype or self.dtype, **options), self)


@method
def new_ones(self: Tensor, *args: Any, size: Any = None, dtype: DType | None = None, **options: Any) -> Tensor:
    """Return ones of the given sizes, in this tensor's dtype unless another is given."""
    return _for_examples(ones(*args, size=size, dtype=dtype or self.dtype, **options), self)


@method
def new_empty(self: Tensor, *args: Any, size: Any = None, dtype: DType | None = None, **options: Any) -> Tensor:
    """Return zeros, to be written, of the given sizes, in this tensor's dtype unless another is given."""
    return _for_examples(empty(*args, size=size, dtype=dtype or self.dtype, **options), self)
