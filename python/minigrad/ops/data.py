"""Tensors from data: numbers, sequences, arrays and buffers."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from .. import _core, _dtype
from .._dtype import dtype as DType
from ..graph import Array
from ..sharing import foreign
from ..tensor import Tensor, wrap
from .options import check_options
from .promotion import to_dtype

__all__ = ["as_tensor", "asarray", "from_dlpack", "from_numpy", "frombuffer", "scalar_tensor", "tensor"]

_copy = _core.kernels["copy"]
_MOST_DIMENSIONS = 16  # that kernels take


def array_from(data: Any, dtype: DType | None) -> Array:
    """Return a new array of `data`, in `dtype` or in what PyTorch would choose."""
    if isinstance(data, Tensor):
        data = data._array
    elif not isinstance(data, _NESTED) and hasattr(data, "__array__"):  # as a column of a table
        data = np.asarray(data)
    if not isinstance(data, (np.ndarray, np.generic)):
        given, data = data, _from_python(data)
        if dtype is None and data.dtype.char == "d" and not _holds_doubles(given):
            dtype = _dtype.get_default_dtype()
    native = data.dtype if data.dtype.isnative else data.dtype.newbyteorder("=")
    given = dtype is not None and native.kind in "biuf"  # others NumPy would convert to numbers, or fail at
    wanted = _dtype.as_dtype(dtype) if given else _dtype.from_numpy_dtype(native)
    if isinstance(data, np.ndarray) and data.dtype == wanted.numpy and data.ndim <= _MOST_DIMENSIONS:
        copied: Array = _copy(data)  # into memory that begins at a cache line, as NumPy's need not
        return copied
    return np.array(data, dtype=wanted.numpy, order="C", copy=True)


_NESTED = (list, tuple, np.ndarray)
_PLAIN = {bool, float, int}
_WITHOUT_TENSORS = {*_PLAIN, list, tuple}


def _holds_doubles(data: Any) -> bool:
    """Return whether nested sequences hold what is float64 by itself, unlike Python's floats: NumPy's, or a tensor's."""
    if not isinstance(data, (list, tuple)):
        dtype = getattr(data, "dtype", None)
        return dtype is _dtype.float64 or getattr(dtype, "char", None) == "d"
    kinds = set(map(type, data))
    return not kinds <= _PLAIN and any(_holds_doubles(x) for x in data if type(x) not in _PLAIN)


def _from_python(data: Any) -> Array:
    """Return an array of numbers in nested sequences, which may also hold tensors."""
    kinds = set(map(type, data)) if isinstance(data, (list, tuple)) else _PLAIN
    if not kinds <= _WITHOUT_TENSORS and any(issubclass(kind, Tensor) for kind in kinds):
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
    data : number, nested sequence, numpy.ndarray, Tensor, or what NumPy can make an array of
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
    """Return a number as a tensor without dimensions, in the default dtype unless another is given.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.scalar_tensor(3)
    tensor(3.)
    """
    return tensor(s, dtype=_dtype.chosen(dtype, _dtype.get_default_dtype()), device=device, requires_grad=requires_grad)


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Return `data` as a tensor, sharing memory where it is a tensor or an array of the dtype asked for.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.as_tensor([1, 2])
    tensor([1, 2])
    """
    if device is not None:
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
    """Return `obj` as a tensor: sharing memory where it can, never where `copy` is True, ValueError where False cannot.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.asarray([1.0, 2.0], dtype=minigrad.float64)
    tensor([1., 2.], dtype=minigrad.float64)
    """
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
    """Return a tensor that shares the array's memory; TypeError for a dtype that tensors do not have.

    Examples
    --------
    >>> import minigrad
    >>> import numpy
    >>> array = numpy.zeros(2)
    >>> x = minigrad.from_numpy(array)
    >>> array[0] = 1.0
    >>> x
    tensor([1., 0.], dtype=minigrad.float64)
    """
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
