"""Names of PyTorch's older days, which tutorials still use: FloatTensor and its kin, and Variable."""

from __future__ import annotations

from typing import Any, ClassVar

from . import _dtype
from ._dtype import dtype as DType
from .ops.creation import array_of_older_form
from .tensor import Tensor, wrap

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "set_default_tensor_type",
]


class _Old(type):
    """A type in name only: calling it makes a Tensor."""

    dtype: DType | None

    def __call__(cls, *args: Any) -> Tensor:
        assert cls.dtype is not None
        return wrap(array_of_older_form(cls.__name__, cls.dtype, args))

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and cls.dtype in (None, instance.dtype)


class _OldVariable(_Old):
    """The type of Variable, which takes a tensor."""

    def __call__(cls, data: Tensor, requires_grad: bool = False) -> Tensor:
        return data if data.requires_grad == requires_grad else data.detach().requires_grad_(requires_grad)


class Variable(metaclass=_OldVariable):
    """A tensor: ``Variable(x, requires_grad)`` is `x`, or a leaf on its memory that wants a gradient.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.autograd.Variable(minigrad.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    dtype: ClassVar[DType | None] = None


def _old_type(name: str, dtype: DType) -> _Old:
    text = f"""Make a tensor of {dtype.name}: of the sizes given, or with the data given.

    ``isinstance`` asks for the dtype.

    Examples
    --------
    >>> import minigrad
    >>> isinstance(minigrad.{name}([1, 0]), minigrad.{name})
    True
    """
    return _Old(name, (), {"dtype": dtype, "__doc__": text, "__module__": "minigrad"})


BoolTensor = _old_type("BoolTensor", _dtype.bool_)
ByteTensor = _old_type("ByteTensor", _dtype.uint8)
CharTensor = _old_type("CharTensor", _dtype.int8)
ShortTensor = _old_type("ShortTensor", _dtype.int16)
IntTensor = _old_type("IntTensor", _dtype.int32)
LongTensor = _old_type("LongTensor", _dtype.int64)
HalfTensor = _old_type("HalfTensor", _dtype.float16)
FloatTensor = _old_type("FloatTensor", _dtype.float32)
DoubleTensor = _old_type("DoubleTensor", _dtype.float64)


def set_default_tensor_type(t: Any) -> None:
    """Set the dtype that Python floats get, by the name of a tensor's type: the older form of `set_default_dtype`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.set_default_tensor_type("torch.DoubleTensor")
    >>> minigrad.tensor([1.0]).dtype
    minigrad.float64
    >>> minigrad.set_default_tensor_type(minigrad.FloatTensor)
    """
    found = globals().get(t.rpartition(".")[2]) if isinstance(t, str) else t
    if not isinstance(found, _Old) or found.dtype is None:
        raise TypeError(f"set_default_tensor_type: expected a tensor's type, got {t!r}")
    _dtype.set_default_dtype(found.dtype)
