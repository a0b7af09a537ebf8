"""Tensors in other dtypes, and the questions and requests about devices that scripts make."""

from __future__ import annotations

import builtins
from typing import Any

from .. import _dtype
from .._device import device as Device
from .._device import require_cpu
from .._dtype import dtype as DType
from .._formats import contiguous_format
from .._methods import method
from ..tensor import Tensor, array_of
from .promotion import to_dtype
from .shape import contiguous

__all__ = ["can_cast", "detach", "is_complex", "is_floating_point", "is_nonzero", "is_tensor", "numel"]


@method
def to(
    input: Tensor,
    *args: Any,
    dtype: DType | None = None,
    device: Any = None,
    non_blocking: bool = False,  # noqa: ARG001
    copy: bool = False,
) -> Tensor:
    """Return the tensor in another dtype, or on a device, which can only be the CPU; itself where nothing changes.

    Parameters
    ----------
    *args : dtype, device, str or Tensor
        A dtype, a device, a device and a dtype, or a tensor whose dtype is meant; behind them `non_blocking` and `copy`.
    dtype : dtype, optional
        The dtype of the result.
    device : device or str, optional
        Where the result lies.
    non_blocking : bool, default False
        Without effect.
    copy : bool, default False
        Whether to return a copy where nothing changes.

    Returns
    -------
    Tensor
        Of the same shape; between floating-point dtypes a differentiable operation.

    Raises
    ------
    RuntimeError
        If the device is not the CPU.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1, 2]).to("cpu", minigrad.float64)
    tensor([1., 2.], dtype=minigrad.float64)
    """
    if dtype is None and not copy and len(args) + (device is not None) == 1:  # the common cases
        given = args[0] if args else device
        kind = given.__class__
        if kind is Device or kind is str:
            require_cpu("to", given)
            return input
        wanted = given.dtype if kind is Tensor else given
        if wanted.__class__ is DType:
            return input if wanted is input.dtype else to_dtype(input, wanted)
    flags = [arg for arg in args if arg.__class__ is bool]  # non_blocking, copy
    copy = flags[1] if len(flags) > 1 else copy
    for arg in (*args, device):
        if isinstance(arg, (str, Device)):
            require_cpu("to", arg)
        elif isinstance(arg, (DType, builtins.type)):
            dtype = arg  # type: ignore[assignment]
        elif isinstance(arg, Tensor):
            dtype = arg.dtype
        elif arg is not None and arg.__class__ is not bool:
            raise TypeError(f"to: expected a dtype, a device or a tensor, got {arg!r}")
    wanted = _dtype.chosen(dtype, input.dtype)
    if wanted is input.dtype:
        return input.clone() if copy else input
    return to_dtype(input, wanted)


@method
def type(input: Tensor, dtype: Any = None) -> str | Tensor:  # noqa: A001
    """Return the tensor in another dtype; without one, the name of the tensor's type, such as ``"minigrad.FloatTensor"``."""
    if dtype is None:
        return f"minigrad.{_TYPE_NAMES[input.dtype]}Tensor"
    if isinstance(dtype, str):
        named = {f"{name}Tensor": d for d, name in _TYPE_NAMES.items()}
        found = named.get(dtype.removeprefix("torch.").removeprefix("minigrad."))
        if found is None:
            raise ValueError(f"type: there is no type {dtype!r}")
        dtype = found
    return to(input, getattr(dtype, "dtype", dtype))


@method
def type_as(input: Tensor, other: Tensor) -> Tensor:
    """Return the tensor in the dtype of `other`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.ones(2).type_as(minigrad.tensor(1))
    tensor([1, 1])
    """
    array_of("type_as", other, "other")
    return input if input.dtype is other.dtype else to_dtype(input, other.dtype)


@method
def cpu(input: Tensor, memory_format: Any = None) -> Tensor:  # noqa: ARG001
    """Return the tensor itself, which lies on the CPU."""
    return input


@method
def cuda(input: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:  # noqa: ARG001
    """Raise a RuntimeError: minigrad computes on the CPU only."""
    raise RuntimeError("cuda: minigrad computes on the CPU only; minigrad.cuda.is_available() is False")


def detach(input: Tensor) -> Tensor:
    """Return a tensor that shares `input`'s memory and versions but has no part in the graph.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> minigrad.detach(x).requires_grad
    False
    """
    array_of("detach", input)
    return input.detach()


def is_tensor(obj: Any) -> bool:
    """Return whether `obj` is a tensor.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.is_tensor([1.0])
    False
    """
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Return whether the elements are floats.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.is_floating_point(minigrad.tensor([1, 2]))
    False
    """
    return bool(array_of("is_floating_point", input).dtype.kind == "f")


def is_complex(input: Tensor) -> bool:
    """Return False: there are no complex tensors."""
    return bool(array_of("is_complex", input).dtype.kind == "c")


def numel(input: Tensor) -> int:
    """Return the number of elements.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.numel(minigrad.ones(2, 3))
    6
    """
    return int(array_of("numel", input).size)


@method
def is_nonzero(input: Tensor) -> bool:
    """Return whether the only element is not 0; RuntimeError where there is not exactly one.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.is_nonzero(minigrad.tensor([2.0]))
    True
    """
    if array_of("is_nonzero", input).size != 1:
        raise RuntimeError(f"is_nonzero: needs a tensor with one element, got shape {tuple(input.shape)}")
    return input.item() != 0


def can_cast(from_: DType, to: DType) -> bool:
    """Return whether PyTorch converts from one dtype to the other where results are stored: never to a lower category.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.can_cast(minigrad.float64, minigrad.float32), minigrad.can_cast(minigrad.float32, minigrad.int64)
    (True, False)
    """
    return _dtype.category(_dtype.as_dtype(from_)) <= _dtype.category(_dtype.as_dtype(to))


def _conversion(name: str, target: DType) -> None:
    def convert(input: Tensor, memory_format: Any = None) -> Tensor:
        if memory_format is None:
            return input if input.dtype is target else to_dtype(input, target)
        out = to(input, target)
        return contiguous(out) if memory_format is contiguous_format else out

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"Return the tensor in {target.name}; itself where it is so already."
    method(convert)


_TYPE_NAMES = {
    _dtype.float16: "Half",
    _dtype.float32: "Float",
    _dtype.float64: "Double",
    _dtype.int8: "Char",
    _dtype.int16: "Short",
    _dtype.int32: "Int",
    _dtype.int64: "Long",
    _dtype.uint8: "Byte",
    _dtype.bool_: "Bool",
}

for _target, _name in _TYPE_NAMES.items():
    _conversion(_name.lower(), _target)
