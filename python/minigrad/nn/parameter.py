"""Tensors that modules learn."""

from __future__ import annotations

from ..graph import Leaf
from ..tensor import Tensor


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

    __slots__ = ()

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        if data is None:
            super().__init__()
        elif isinstance(data, Tensor):
            self._array = data._array
            self._cell = data._cell
        else:
            raise TypeError(f"Parameter: data must be a Tensor, got {type(data).__name__}")
        if requires_grad and self._array.dtype.kind != "f":
            raise RuntimeError(f"Parameter: only floating-point tensors can require gradients, got {self.dtype}")
        self._edge = (Leaf(self._array), 0) if requires_grad else None

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()
