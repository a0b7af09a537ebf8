"""Data types: PyTorch's names for NumPy's dtypes, and PyTorch's promotion rules."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from .batching import ARRAYS, array_in

if TYPE_CHECKING:
    from .tensor import Tensor


class dtype:  # noqa: N801  (PyTorch's name)
    """The type of a tensor's elements.

    Attributes
    ----------
    name : str
        Its name, such as ``"float32"``.
    numpy : numpy.dtype
        The same type in NumPy.
    itemsize : int
        The size of an element, in bytes.
    code : int
        Its number among the kernels' dtypes.
    is_floating_point : bool
        Whether elements are floats, which alone can carry gradients.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.float32.is_floating_point, minigrad.int16.itemsize
    (True, 2)
    """

    __slots__ = ("code", "is_floating_point", "itemsize", "name", "numpy")

    def __init__(self, name: str, code: int) -> None:
        self.name = name
        self.code = code
        self.numpy: np.dtype[Any] = np.dtype(name)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = self.numpy.kind == "f"

    @property
    def is_signed(self) -> bool:
        """Whether elements can be negative."""
        return self.numpy.kind in "if"

    def __repr__(self) -> str:
        return f"minigrad.{self.name}"

    def __reduce__(self) -> str:
        return self.name


# The order is that of DType in src/core/view.hpp.
bool_ = dtype("bool", 0)
uint8 = dtype("uint8", 1)
int8 = dtype("int8", 2)
int16 = dtype("int16", 3)
int32 = dtype("int32", 4)
int64 = dtype("int64", 5)
float32 = dtype("float32", 6)
float64 = dtype("float64", 7)
float16 = dtype("float16", 8)

ALL = (bool_, uint8, int8, int16, int32, int64, float32, float64, float16)
_BY_NUMPY: dict[Any, dtype] = {d.numpy: d for d in ALL}
_BY_PYTHON: dict[Any, dtype] = {bool: bool_, int: int64, float: float64}

_default = float32
_core.connect(dtypes=ALL, default_dtype=_default)


def get_default_dtype() -> dtype:
    """Return the dtype that Python floats get: float32 unless set otherwise.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.get_default_dtype()
    minigrad.float32
    """
    return _default


def set_default_dtype(d: dtype) -> None:
    """Set the dtype that Python floats get.

    Parameters
    ----------
    d : dtype
        float16, float32 or float64.

    Raises
    ------
    TypeError
        If `d` is not a floating-point dtype.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.set_default_dtype(minigrad.float64)
    >>> minigrad.tensor(0.5).dtype
    minigrad.float64
    >>> minigrad.set_default_dtype(minigrad.float32)
    """
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:  # type: ignore[redundant-expr]
        raise TypeError(f"set_default_dtype: only floating-point dtypes can be the default, got {d!r}")
    _default = d
    _core.connect(default_dtype=d)


class finfo:  # noqa: N801  (PyTorch's name)
    """What a floating-point dtype can hold.

    Parameters
    ----------
    dtype : dtype, optional
        The dtype; the default one if there is none.

    Attributes
    ----------
    bits : int
        The size of an element, in bits.
    eps : float
        The distance from 1 to the next larger number.
    max, min : float
        The largest and the smallest finite number.
    smallest_normal, tiny : float
        The smallest positive number with all its digits.
    resolution : float
        What decimal fractions of about 1 can be told apart by.
    dtype : str
        The dtype's name.

    Raises
    ------
    TypeError
        If the dtype is not a floating-point one.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.finfo(minigrad.float32).bits
    32
    """

    def __init__(self, dtype: dtype | None = None) -> None:
        d = _default if dtype is None else as_dtype(dtype)
        if not d.is_floating_point:
            raise TypeError(f"finfo: needs a floating-point dtype, got {d!r}; iinfo tells of integers")
        limits = np.finfo(d.numpy)
        self.dtype, self.bits = d.name, 8 * d.itemsize
        self.eps, self.max, self.min = float(limits.eps), float(limits.max), float(limits.min)
        self.smallest_normal = self.tiny = float(limits.smallest_normal)
        self.resolution = 10.0**-limits.precision

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:  # noqa: N801  (PyTorch's name)
    """What an integer dtype can hold.

    Parameters
    ----------
    dtype : dtype
        The dtype.

    Attributes
    ----------
    bits, max, min : int
        The size of an element, in bits; the largest and the smallest number.
    dtype : str
        The dtype's name.

    Raises
    ------
    TypeError
        If the dtype is not an integer one.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.iinfo(minigrad.int8)
    iinfo(min=-128, max=127, dtype=int8)
    """

    def __init__(self, dtype: dtype) -> None:
        d = as_dtype(dtype)
        if d.numpy.kind not in "iu":
            raise TypeError(f"iinfo: needs an integer dtype, got {d!r}")
        limits = np.iinfo(d.numpy)
        self.dtype, self.bits = d.name, 8 * d.itemsize
        self.max, self.min = int(limits.max), int(limits.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


@cache
def integer_range(own: np.dtype[Any]) -> tuple[int, int]:
    """Return the least and the largest number of an integer dtype of NumPy's, or of bool."""
    if own.kind == "b":
        return 0, 1
    info = np.iinfo(own)
    return int(info.min), int(info.max)


def from_numpy_dtype(numpy_dtype: np.dtype[Any]) -> dtype:
    """Return the dtype of arrays with the given NumPy dtype; TypeError where no tensor can hold them."""
    found = _BY_NUMPY.get(numpy_dtype)
    if found is None:
        raise TypeError(f"tensor: arrays of dtype {numpy_dtype} cannot become tensors; use one of {_names()}")
    return found


def is_known(numpy_dtype: np.dtype[Any]) -> bool:
    """Return whether tensors can hold elements of the given NumPy dtype."""
    return numpy_dtype in _BY_NUMPY


def as_dtype(d: Any) -> dtype:
    """Return `d` as a dtype: one already, Python's bool, int or float, or anything NumPy reads as one."""
    if isinstance(d, dtype):
        return d
    try:
        return _BY_PYTHON.get(d) or from_numpy_dtype(np.dtype(d))
    except (TypeError, ValueError):
        raise TypeError(
            f"dtype must be one of minigrad's ({_names()}) or Python's bool, int and float, got {d!r}"
        ) from None


def chosen(d: Any, default: dtype) -> dtype:
    """Return the dtype that a caller asks for, the default one for None."""
    if d is None:
        return default
    return d if d.__class__ is dtype else as_dtype(d)


def _names() -> str:
    return ", ".join(d.name for d in ALL)


def expect_number(name: str, value: Any) -> None:
    """Raise a TypeError, in the name of a function, for what is no real number."""
    if not hasattr(value, "__float__") or (isinstance(value, np.ndarray) and value.size != 1):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")


_FLAGS, _PLAIN = (bool, np.bool), {bool, int, float}


def expect_flag(name: str, argument: str, value: Any) -> None:
    """Raise a TypeError, in the name of a function, for an argument that is neither True nor False."""
    if not isinstance(value, _FLAGS):
        raise TypeError(f"{name}: {argument} must be True or False, got {type(value).__name__}")


def held(name: str, value: Any, own: np.dtype[Any]) -> Any:
    """Return a number as elements of a dtype hold it: truncated for integers, its truth for booleans.

    As in PyTorch, integers without a sign take the negative of what they hold, too: it wraps around. RuntimeError, in
    the name of the function that was asked, for an integer that is out of range; TypeError for what is no number.
    """
    if value.__class__ not in _PLAIN:
        expect_number(name, value)
        value = value.item() if isinstance(value, np.ndarray | np.generic) else value
    if own.kind not in "iu":
        return bool(value) if own.kind == "b" else float(value)
    least, largest = integer_range(own)
    if not (-largest if own.kind == "u" else least) <= value <= largest:
        raise RuntimeError(f"{name}: {value} is out of range for {own}")
    return int(value)


def element(name: str, value: Any, own: np.dtype[Any]) -> Any:
    """Return a number as an array without dimensions, of a dtype that has to hold it; see `held`."""
    return np.array(held(name, value, own)).astype(own)


# ----------------------------------------------------------------------------------------------------------------------
# Promotion: PyTorch's rules, which are in src/bindings/promotion.cpp.


def category(d: dtype) -> int:
    """Return the dtype's category: 0 bool, 1 integer, 2 float."""
    return 2 if d.is_floating_point else int(d is not bool_)


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """Return the smallest dtype that tensors of both are converted to.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.promote_types(minigrad.int64, minigrad.float32)
    minigrad.float32
    """
    return result_type(*[np.empty(0, as_dtype(d).numpy) for d in (type1, type2)])


def result_type(*operands: Tensor | np.ndarray[Any, Any] | complex) -> dtype:
    """Return the dtype that an arithmetic operation on `operands` computes in.

    Tensors with dimensions rank above tensors without, and those above Python numbers: an operand of a lower rank
    only counts where it is of a higher category (bool, integer, float) than all operands of higher ranks.

    Parameters
    ----------
    *operands : Tensor, numpy.ndarray or number
        The operands.

    Returns
    -------
    dtype
        The dtype that the operands are cast to.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.result_type(minigrad.tensor([1, 2]), 1.0)
    minigrad.float32
    """
    return _core.result_type(*operands) or _core.result_type(*map(_plain, operands)) or _default


def _plain(x: Any) -> Any:
    """Return a number or an array that counts as any operand does; TypeError for what is none."""
    if isinstance(x, np.generic):
        x = x.item()  # NumPy's scalars count as Python's numbers
    for number in (bool, int, float):
        if isinstance(x, number):
            return number(x)
    array = array_in(x)
    if not isinstance(array, ARRAYS):
        raise TypeError(f"result_type: expected tensors or numbers, got {type(x).__name__}")
    return np.empty((0,) * array.ndim, from_numpy_dtype(array.dtype).numpy)
