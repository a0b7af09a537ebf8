"""What a tensor is: its shape, dtype and layout, and what scripts ask besides."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

from . import _core, _dtype
from ._device import CPU, device
from ._dtype import dtype as DType
from ._formats import strided
from ._methods import TensorMethods
from .graph import Array

if TYPE_CHECKING:
    from .tensor import Tensor

#: What the properties of that name return. The module that makes views sets them, being imported later.
view_properties: dict[str, Callable[[Any], Tensor]] = {}


class Size(_core.SizeBase):
    """A tensor's shape: a tuple that knows how many elements it means.

    Examples
    --------
    >>> import minigrad
    >>> shape = minigrad.ones(2, 3).shape
    >>> shape
    minigrad.Size([2, 3])
    >>> shape.numel()
    6
    """

    __slots__ = ()

    def numel(self) -> int:
        """Return the number of elements."""
        return math.prod(self)

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any) -> Size:
        return Size((*other, *self))

    def __mul__(self, count: Any) -> Size:
        return Size(tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"minigrad.Size({list(self)})"


class TensorFacts(TensorMethods):
    """What tensors say of themselves."""

    __slots__ = ()

    _array: Array

    # shape, ndim, dtype, requires_grad, is_leaf and grad, which every step asks for, are in src/bindings/objects.cpp. It leaves to
    # these what is not as usual.

    def _shape(self) -> Size:
        return Size(self._array.shape)

    def size(self, dim: int | None = None) -> Size | int:
        """Return the shape, or the extent of dimension `dim`."""
        if dim is None:
            return self.shape
        shape = self._array.shape
        if not -len(shape) <= dim < len(shape):
            raise IndexError(f"size: dim {dim} out of range for shape {shape}")
        return int(shape[dim])

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        """Return the number of elements."""
        return self._array.size

    @property
    def T(self) -> Tensor:  # noqa: N802
        """A view with all dimensions in reverse order."""
        return view_properties["T"](self)

    @property
    def mT(self) -> Tensor:  # noqa: N802
        """A view with the last two dimensions exchanged; RuntimeError where there are fewer."""
        if self._array.ndim < 2:
            raise RuntimeError(f"mT: needs at least two dimensions, got shape {self._array.shape}")
        return view_properties["mT"](self)

    def stride(self, dim: int | None = None) -> tuple[int, ...] | int:
        """Return how many elements apart neighbours along each dimension, or along `dim`, lie."""
        size = self._array.itemsize
        strides = tuple([s // size for s in self._array.strides])
        if dim is not None and not -len(strides) <= dim < len(strides):
            raise IndexError(f"stride: dim {dim} out of range for shape {self._array.shape}")
        return strides if dim is None else strides[dim]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Return whether the elements lie one after the other in row-major order."""
        return self._array.flags.c_contiguous

    def _dtype(self) -> DType:
        return _dtype.from_numpy_dtype(self._array.dtype)

    @property
    def device(self) -> device:
        """Where the elements lie: on the CPU."""
        return CPU

    @property
    def is_cuda(self) -> bool:
        """False: the elements lie on the CPU."""
        return False

    @property
    def is_cpu(self) -> bool:
        """True: the elements lie on the CPU."""
        return True

    @property
    def is_sparse(self) -> bool:
        """False: all elements are stored."""
        return False

    @property
    def layout(self) -> Any:
        """``minigrad.strided``: all elements are stored."""
        return strided

    @property
    def real(self) -> Self:
        """The tensor itself: there are no complex ones."""
        return self

    @property
    def itemsize(self) -> int:
        """The size of an element, in bytes."""
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        """The size of all elements, in bytes."""
        return self._array.nbytes

    def element_size(self) -> int:
        """Return the size of an element, in bytes."""
        return self._array.itemsize

    def nelement(self) -> int:
        """Return the number of elements."""
        return self._array.size

    def get_device(self) -> int:
        """Return -1: PyTorch's number for the CPU."""
        return -1

    def data_ptr(self) -> int:
        """Return the address of the first element. Gradients never share this memory from now on."""
        self._own()
        return _core.keep_apart(self._array)

    def storage_offset(self) -> int:
        """Return how many elements behind the first one of its base this view's first one lies; 0 for no view."""
        base: Tensor | None = getattr(self, "_base", None)
        if base is None:
            return 0
        first, own = (x._array.__array_interface__["data"][0] for x in (base, self))
        return int(own - first) // self._array.itemsize

    def _is_view(self) -> bool:
        return hasattr(self, "_base")

    def is_complex(self) -> bool:
        """Return False: there are no complex tensors."""
        return False

    def is_signed(self) -> bool:
        """Return whether the dtype has negative numbers."""
        return self._array.dtype.kind in "if"

    def is_floating_point(self) -> bool:
        """Return whether the elements are floats."""
        return bool(self._array.dtype.kind == "f")

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len: a tensor without dimensions has no length")
        return int(self._array.shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        if self._array.ndim == 0:
            raise TypeError("iter: a tensor without dimensions cannot be iterated over")
        return iter(self.unbind())  # at once: the gradient of all of them is one pass

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any())
