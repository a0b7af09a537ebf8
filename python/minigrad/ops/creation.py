"""Tensors from data and from nothing."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from .. import _core, _dtype
from .._device import require_cpu
from .._dtype import dtype as DType  # noqa: N812
from .._formats import contiguous_format, preserve_format, strided
from .._methods import method
from ..batching import levels
from ..batching_rules import made_like
from ..graph import Array
from ..sharing import foreign
from ..tensor import Size, Tensor, array_of, wrap
from .promotion import to_dtype
from .shape import sizes_of

__all__ = [
    "arange",
    "as_tensor",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "scalar_tensor",
    "tensor",
    "tril_indices",
    "triu_indices",
    "zeros",
    "zeros_like",
]

_copy = _core.kernels["copy"]
_MOST_DIMENSIONS = 16  # that kernels take
_full_kernel, _ramp, _copy_kernel = (_core.kernels[name] for name in ("full", "ramp", "copy"))

#: What PyTorch's functions that make tensors take besides, and the values that mean nothing here.
_OPTIONS: dict[str, tuple[Any, ...]] = {
    "layout": (None, strided),
    "pin_memory": (None, False),
    "memory_format": (None, contiguous_format, preserve_format),
    "non_blocking": (None, False, True),
}


def check_options(name: str, device: Any, options: dict[str, Any]) -> None:
    """Raise for a device that is not the CPU, and for an option that is unknown or asks for what there is not.

    Raises
    ------
    TypeError
        If an option is unknown.
    RuntimeError
        If it has another value than PyTorch's default, or the device is not the CPU.
    """
    if device is not None:
        require_cpu(name, device)
    for option, value in options.items():
        if option not in _OPTIONS:
            raise TypeError(f"{name}() got an unexpected keyword argument {option!r}")
        if not any(value is known for known in _OPTIONS[option]):
            raise RuntimeError(f"{name}: {option}={value!r} is not supported")


def array_from(data: Any, dtype: DType | None) -> Array:
    """Return a new array of `data`, in `dtype` or in what PyTorch would choose."""
    if isinstance(data, Tensor):
        data = data._array
    if not isinstance(data, np.ndarray | np.generic):
        data = _from_python(data)
        if dtype is None and data.dtype == np.float64:
            dtype = _dtype.get_default_dtype()
    native = data.dtype if data.dtype.isnative else data.dtype.newbyteorder("=")
    given = dtype is not None and native.kind in "biuf"  # others NumPy would convert to numbers, or fail at
    wanted = _dtype.as_dtype(dtype) if given else _dtype.from_numpy_dtype(native)
    if isinstance(data, np.ndarray) and data.dtype == wanted.numpy and data.ndim <= _MOST_DIMENSIONS:
        copied: Array = _copy(data)  # into memory that begins at a cache line, as NumPy's need not
        return copied
    return np.array(data, dtype=wanted.numpy, order="C", copy=True)


def _from_python(data: Any) -> Array:
    """Return an array of numbers in nested sequences, which may also hold tensors."""
    if isinstance(data, list | tuple) and any(issubclass(kind, Tensor) for kind in set(map(type, data))):
        data = [x._array if isinstance(x, Tensor) else x for x in data]
    try:
        array = np.array(data)
    except ValueError as error:
        raise ValueError(f"tensor: the rows of nested sequences must be equally long: {error}") from None
    if array.size == 0 and array.dtype == np.float64:
        return array
    if array.dtype.kind not in "biuf":
        if data is None:
            raise TypeError(
                "tensor: expected numbers, got None; the grad of a tensor is None until a backward pass reaches it"
            )
        raise TypeError(f"tensor: expected numbers, got {type(data).__name__} that becomes an array of {array.dtype}")
    return array


def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
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
    pin_memory : bool, default False
        Must be False.

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
    if device is not None or pin_memory is not False:
        check_options("tensor", device, {"pin_memory": pin_memory})
    out = wrap(array_from(data, dtype))
    return out if requires_grad is False else out.requires_grad_(requires_grad)


def scalar_tensor(s: float, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a number as a tensor without dimensions, in the default dtype unless another is given."""
    return tensor(s, dtype=_dtype.chosen(dtype, _dtype.get_default_dtype()), device=device, requires_grad=requires_grad)


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Return `data` as a tensor, sharing memory where it is a tensor or an array of the dtype asked for."""
    check_options("as_tensor", device, {})
    if isinstance(data, Tensor):
        wanted = _dtype.chosen(dtype, data.dtype)
        return data if wanted is data.dtype else to_dtype(data, wanted)
    if (
        isinstance(data, np.ndarray)
        and (dtype is None or _dtype.as_dtype(dtype).numpy == data.dtype)
        and _lies_well(data)
    ):
        return from_numpy(data)
    return tensor(data, dtype=dtype)


def _lies_well(array: Array) -> bool:
    """Return whether kernels could write into an array's elements: whole, and in the order of this machine's bytes."""
    return array.flags.aligned and array.dtype.isnative


def asarray(
    obj: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `obj` as a tensor: sharing memory where it can, never where `copy` is True, ValueError where False cannot."""
    check_options("asarray", device, {})
    if copy:
        return tensor(obj.detach() if isinstance(obj, Tensor) else obj, dtype=dtype, requires_grad=requires_grad)
    out = as_tensor(obj, dtype=dtype)
    shared = out is obj or (isinstance(obj, np.ndarray) and np.may_share_memory(out._array, obj))
    if copy is False and not shared:
        raise ValueError("asarray: memory cannot be shared with this; leave copy out")
    if requires_grad:
        return (out.detach() if out.requires_grad else out).requires_grad_()
    return out


def from_numpy(ndarray: Array) -> Tensor:
    """Return a tensor that shares the array's memory; TypeError for a dtype that tensors do not have."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy: expected an array, got {type(ndarray).__name__}")
    _dtype.from_numpy_dtype(ndarray.dtype)
    if not ndarray.flags.aligned:
        raise ValueError("from_numpy: the array's memory is misaligned; use tensor() to copy it")
    return wrap(np.asarray(ndarray), None, foreign())


def frombuffer(buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """Return a tensor of one dimension that shares the memory of an object with the buffer protocol.

    Parameters
    ----------
    buffer : bytes, bytearray, memoryview, array.array, ...
        Whose memory is shared. Where it is read-only, as that of bytes, writing to the tensor raises.
    dtype : dtype
        What the bytes are read as.
    count : int, default -1
        How many elements; all that are there by default.
    offset : int, default 0
        How many bytes to leave out first.
    requires_grad : bool, default False
        Whether backward passes accumulate a gradient in it.

    Raises
    ------
    TypeError
        If the object has no buffer.
    ValueError
        If the buffer is too small, does not hold whole elements, or its elements are misaligned.

    Examples
    --------
    >>> import minigrad
    >>> memory = bytearray(b"abc")
    >>> x = minigrad.frombuffer(memory, dtype=minigrad.uint8)
    >>> x[0] = 65
    >>> memory
    bytearray(b'Abc')
    """
    if not isinstance(dtype, DType):
        raise TypeError(f"frombuffer: dtype must be a dtype, got {type(dtype).__name__}")
    try:
        array = np.frombuffer(buffer, dtype=dtype.numpy, count=index(count), offset=index(offset))
    except (TypeError, ValueError, OverflowError) as error:
        raise type(error)(f"frombuffer: {error}") from None
    return from_numpy(array).requires_grad_(requires_grad)


class _Capsule:
    """A DLPack capsule as something that hands it over."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """Return a tensor that shares the memory of another library's.

    Parameters
    ----------
    ext_tensor : object
        Whatever speaks DLPack (has ``__dlpack__``: arrays of NumPy, PyTorch, JAX and others), or a capsule.
    device : optional
        Only the CPU.
    copy : bool, optional
        True copies. Otherwise memory is shared; where the other library says that it is read-only, writing raises.

    Returns
    -------
    Tensor
        A leaf that requires no gradient.

    Raises
    ------
    TypeError
        If the object does not speak DLPack, or its dtype is none of a tensor's.
    BufferError
        If the other library cannot give its memory out: because it is on another device, or requires a gradient.

    Examples
    --------
    >>> import minigrad, numpy
    >>> array = numpy.zeros(2)
    >>> x = minigrad.from_dlpack(array)
    >>> array[0] = 3
    >>> x
    tensor([3., 0.], dtype=minigrad.float64)
    """
    check_options("from_dlpack", device, {})
    if isinstance(ext_tensor, Tensor):
        ext_tensor._refuse_export("from_dlpack")
        return ext_tensor.clone() if copy else ext_tensor.detach()
    if type(ext_tensor).__name__ == "PyCapsule":
        ext_tensor = _Capsule(ext_tensor)
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(f"from_dlpack: expected what speaks DLPack, got {type(ext_tensor).__name__}")
    try:
        array = np.from_dlpack(ext_tensor)
    except RuntimeError as error:  # NumPy's, for dtypes that it does not have
        raise TypeError(f"from_dlpack: {error}") from None
    out = from_numpy(array)
    return out.clone() if copy else out


def _refuse_negative(name: str, sizes: tuple[int, ...]) -> None:
    if sizes and min(sizes) < 0:
        raise RuntimeError(f"{name}: sizes must not be negative, got {sizes}")


def filled(
    sizes: tuple[int, ...], value: float, dtype: DType | None, requires_grad: bool = False, name: str = "full"
) -> Tensor:
    """Return a tensor with every element `value`, in the default dtype unless another is given."""
    dtype = _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)
    try:
        if dtype.is_floating_point or value in (0, 1) or _is_small(value, dtype):
            out = wrap(_full_kernel(float(value), sizes, dtype.code))
        else:
            out = wrap(_copy_kernel(np.broadcast_to(_dtype.element(name, value, dtype.numpy), sizes)))
    except (RuntimeError, ValueError, OverflowError):
        _refuse_negative(name, sizes)
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
        _full_kernel.into(out, float(value), array.shape, dtype.code)
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
    """Return a tensor of zeros of the given sizes, in the default dtype unless another is given."""
    return _filled("zeros", sizes_of(args, size), 0, dtype, device, requires_grad, options)


def ones(
    *args: Any,
    size: Any = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return a tensor of ones of the given sizes, in the default dtype unless another is given."""
    return _filled("ones", sizes_of(args, size), 1, dtype, device, requires_grad, options)


def empty(
    *args: Any,
    size: Any = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return a tensor whose elements are to be written: zeros, so that nothing depends on what memory held before."""
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
    """Return a tensor of the given sizes with every element `fill_value`, whose type gives the dtype by default."""
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
    """Return zeros of `input`'s shape and, unless another is given, its dtype."""
    return _filled_like("zeros_like", input, 0, dtype, device, requires_grad, options)


def ones_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return ones of `input`'s shape and, unless another is given, its dtype."""
    return _filled_like("ones_like", input, 1, dtype, device, requires_grad, options)


def empty_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return zeros, to be written, of `input`'s shape and, unless another is given, its dtype."""
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
    """Return a tensor of `input`'s shape and, unless another is given, its dtype, with every element `fill_value`."""
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
    if data is args or not isinstance(data, Tensor | np.ndarray | Sequence) or isinstance(data, str):
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


# ----------------------------------------------------------------------------------------------------------------------
# Sequences.


def _number(x: Any) -> Any:
    return x.item() if isinstance(x, Tensor) else x


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return the numbers from `start` (0 where only one is given) up to but without `end`, `step` apart."""
    if options or device is not None:
        check_options("arange", device, options)
    start, end, step = _number(start), _number(end), _number(step)
    if end is None:
        start, end = 0, start
    if step == 0 or (end - start) * step < 0:
        raise RuntimeError(f"arange: cannot step from {start} to {end} by {step}")
    if dtype is None:
        whole = isinstance(start, _WHOLE) and isinstance(end, _WHOLE) and isinstance(step, _WHOLE)
        dtype = _dtype.int64 if whole else _dtype.get_default_dtype()
    dtype = _dtype.as_dtype(dtype)
    if dtype is _dtype.int64:
        start, end, step = int(start), int(end), int(step)
    count = -((start - end) // step) if dtype is _dtype.int64 else int(np.ceil((end - start) / step))
    if dtype.is_floating_point:
        array = _ramp_of(start, end, step, count, count, dtype.numpy)
    elif max(abs(start), abs(end), abs(step)) < 2**53:  # below which whole numbers are doubles
        array = _ramp(float(int(start)), 0.0, float(int(step)), (count,), _dtype.int64.code, count)
    else:
        array = np.arange(count) * int(step) + int(start)
    out = wrap(array if array.dtype == dtype.numpy else array.astype(dtype.numpy))
    return out if requires_grad is False else out.requires_grad_(requires_grad)


_WHOLE = (int, np.integer)


def _ramp_of(start: float, end: float, step: float, count: int, near: int, stored: Any) -> Array:
    """Return numbers `step` apart, computed in float64, the first `near` from `start` on and the others up to `end`."""
    direct = _dtype.float32 if stored == np.float32 else _dtype.float64
    out: Array = _ramp(float(start), float(end), float(step), (count,), direct.code, near)
    return out if out.dtype == stored else out.astype(stored)


def _evenly(start: float, end: float, steps: int, dtype: DType, stored: Any) -> Array:
    """Return numbers from `start` to `end`, both included, counted from the nearer one; whole ends for whole numbers."""
    if not dtype.is_floating_point:
        start, end = int(start), int(end)
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
    steps = index(steps)
    if steps < 0:
        raise RuntimeError(f"linspace: number of steps must be non-negative, got {steps}")
    dtype = _dtype.chosen(dtype, _dtype.get_default_dtype())
    return wrap(_evenly(_number(start), _number(end), steps, dtype, dtype.numpy)).requires_grad_(requires_grad)


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
    steps = index(steps)
    if steps < 0:
        raise RuntimeError(f"logspace: number of steps must be non-negative, got {steps}")
    dtype = _dtype.chosen(dtype, _dtype.get_default_dtype())
    array = np.power(float(base), _evenly(_number(start), _number(end), steps, dtype, np.float64))
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
    """Return the n × m matrix with ones on the diagonal."""
    check_options("eye", device, options)
    rows, columns = sizes = sizes_of((n, n if m is None else m))
    _refuse_negative("eye", sizes)
    array = _full_kernel(0.0, (rows, columns), _dtype.chosen(dtype, _dtype.get_default_dtype()).code)
    array.reshape(-1)[: min(rows, columns) * (columns + 1) : columns + 1] = 1
    return wrap(array).requires_grad_(requires_grad)


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
    """Return the rows and the columns of the upper triangle of a row × col matrix, row by row."""
    return _triangle_indices("triu_indices", False, row, col, offset, dtype, device, options)


def _triangle_indices(
    name: str, lower: bool, row: int, col: int, offset: int, dtype: DType | None, device: Any, options: dict[str, Any]
) -> Tensor:
    check_options(name, device, options)
    rows, columns = sizes = sizes_of((row, col))
    _refuse_negative(name, sizes)
    offset = max(-rows, min(index(offset), columns))  # beyond which nothing changes
    # Where the other triangle begins in each row.
    border = np.minimum(np.maximum(np.arange(offset + lower, rows + offset + lower), 0), columns)
    first, counts = (0, border) if lower else (border, columns - border)
    total = int(counts.sum())
    out = _core.empty_like(np.broadcast_to(np.int64(0), (2, total)), _dtype.chosen(dtype, _dtype.int64).code)
    short = np.int32 if max(total, columns) < 1 << 31 else np.int64  # half as much to read
    out[0] = np.repeat(np.arange(rows, dtype=short), counts)
    before = (np.cumsum(counts) - counts - first).astype(short)
    np.subtract(np.arange(total, dtype=short), np.repeat(before, counts), out[1], casting="unsafe")
    return wrap(out)
