"""Tensors that modules learn."""

from __future__ import annotations

from typing import Any

from ..graph import Leaf
from ..tensor import Tensor, array_of


class Parameter(Tensor):
    """A tensor that is learned: a module that has it as an attribute lists it among its parameters.

    Parameters
    ----------
    data : Tensor, optional
        What it starts as, of any shape. Memory is shared with it. Without it, the parameter is empty.
    requires_grad : bool, default True
        Whether backward passes compute its gradient.

    Raises
    ------
    TypeError
        If `data` is not a tensor.
    RuntimeError
        If a gradient is wanted of elements that are not floats.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Parameter(minigrad.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ("__dict__",)  # for the marks that scripts put on parameters

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        if data is None:
            super().__init__()
        else:
            array_of("Parameter", data, "data")
            data._own()
            self._array, self._cell = data._array, data._cell
        if requires_grad and self._array.dtype.kind != "f":
            raise RuntimeError(f"Parameter: only floating-point tensors can require gradients, got {self.dtype}")
        self._edge = (Leaf(self._array), 0) if requires_grad else None

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """Return a parameter with memory of its own and, as PyTorch has it, without the gradient."""
        copied = super().__deepcopy__(memo)
        copied.grad = None
        return copied

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class UninitializedParameter(Parameter):
    """A parameter without a shape, which a lazy layer's first call gives it: it is a :class:`Parameter` from then on.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.LazyLinear(2).weight
    <UninitializedParameter>
    """

    __slots__ = ()

    @property
    def shape(self) -> Any:
        """Not known yet: a RuntimeError that says so."""
        raise RuntimeError(
            "shape: an uninitialized parameter has none; call the module with an input, or materialize(shape), first"
        )

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become a parameter of the given shape, of zeros that are to be written."""
        self.data = self.data.new_zeros(shape, dtype=dtype)
        self.__class__ = Parameter  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<UninitializedParameter>"


class Buffer(Tensor):
    """A tensor that is part of a module's state, but not learned: setting it as an attribute registers it as a buffer.

    Parameters
    ----------
    data : Tensor, optional
        What it starts as, of any shape. Memory is shared with it. Without it, the buffer is empty.
    persistent : bool, default True
        Whether the module's ``state_dict`` contains it.

    Raises
    ------
    TypeError
        If `data` is not a tensor.

    Examples
    --------
    >>> import minigrad
    >>> module = minigrad.nn.Module()
    >>> module.scale = minigrad.nn.Buffer(minigrad.ones(2))
    >>> list(module.state_dict())
    ['scale']
    """

    __slots__ = ("persistent",)

    persistent: bool

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        if data is None:
            super().__init__()
        else:
            array_of("Buffer", data, "data")
            data._own()
            self._array, self._cell, self._edge = data._array, data._cell, None
            self.requires_grad_(data.requires_grad)
        self.persistent = persistent

    def __copy__(self) -> Buffer:
        return Buffer(self, persistent=self.persistent)

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        copied = super().__deepcopy__(memo)
        copied.persistent = self.persistent  # type: ignore[attr-defined]
        return copied  # type: ignore[return-value]

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_buffer, (self.detach().requires_grad_(self.requires_grad), self.persistent)


def _rebuild_buffer(data: Tensor, persistent: bool) -> Buffer:
    return Buffer(data, persistent=persistent)
