"""The base of all layers and models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from .. import _core, _dtype
from .._device import require_cpu
from .._dtype import dtype as DType
from ..tensor import Tensor, wrap
from ._calls import Calls
from ._state import IncompatibleKeys, State, overwrite

__all__ = ["IncompatibleKeys", "Module", "clear_grad", "overwrite"]


def _no_forward(self: Any, *args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError(f"{type(self).__name__}: a module must define forward")


class Module(Calls, State):
    """Base class of layers and models: a function with parameters.

    A subclass makes its parameters and its parts in ``__init__`` and says in ``forward`` what it computes; calling the
    module calls ``forward``. Parameters and parts are found by their type among the instance's attributes, in the order
    in which these were first set.

    Attributes
    ----------
    training : bool
        Whether the module is being trained (:meth:`train`) or used (:meth:`eval`).

    Examples
    --------
    >>> import minigrad
    >>> class Scale(minigrad.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = minigrad.nn.Parameter(minigrad.tensor(3.0))
    ...
    ...     def forward(self, input):
    ...         return self.factor * input
    >>> scale = Scale()
    >>> scale(minigrad.tensor([1.0, 2.0])).detach()
    tensor([3., 6.])
    >>> [name for name, _ in scale.named_parameters()]
    ['factor']
    """

    training: bool = True

    #: What the module computes; subclasses define it.
    forward: Callable[..., Any] = _no_forward

    def __init__(self) -> None:
        self.training = True

    # ------------------------------------------------------------------------------------------------------------------
    # Changing all of it.

    def train(self, mode: bool = True) -> Self:
        """Say that the module and its parts are being trained, or with False that they are not; return it."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode must be a bool, got {mode!r}")  # noqa: TRY004  (PyTorch's error)
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Say that the module and its parts are being used, not trained; return it."""
        return self.train(False)

    def compile(self, *args: Any, **options: Any) -> None:
        """Do nothing: there is nothing to compile, as :func:`minigrad.compile` says."""

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Make all parameters want gradients or, with False, go without; return the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all parameters' gradients or, with ``set_to_none=False``, make them zeros."""
        for parameter in self.parameters():
            clear_grad(parameter, set_to_none)

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` with each part and then with the module itself; return it."""
        for part in self.children():
            part.apply(fn)
        fn(self)
        return self

    def to(
        self,
        *args: Any,
        dtype: DType | None = None,
        device: Any = None,
        non_blocking: bool = False,
        memory_format: Any = None,
    ) -> Self:
        """Turn the floating-point parameters, gradients and buffers into another dtype; return the module.

        Parameters
        ----------
        *args : dtype, device, str or Tensor
            A dtype, a device, or a tensor whose dtype is meant.
        dtype : dtype, optional
            The new dtype.
        device : device or str, optional
            Where the module is to be: on the CPU.
        non_blocking, memory_format : optional
            Without effect.

        Raises
        ------
        TypeError
            If `dtype` is not a floating-point dtype.
        RuntimeError
            If the device is not the CPU.
        """
        for arg in (*args, device):
            if isinstance(arg, DType | Tensor):
                dtype = arg if isinstance(arg, DType) else arg.dtype
            elif not isinstance(arg, bool):
                require_cpu("to", arg)
        if dtype is None:
            return self
        target = _dtype.as_dtype(dtype)
        if not target.is_floating_point:
            raise TypeError(f"to: a module's dtype must be a floating-point one, got {target}")
        for t in (*self.parameters(), *self.buffers()):
            if t.dtype.is_floating_point:
                _convert(t, target)
        return self

    def float(self) -> Self:
        """Turn the floating-point parameters and buffers into float32; return the module."""
        return self.to(_dtype.float32)

    def half(self) -> Self:
        """Turn the floating-point parameters and buffers into float16; return the module."""
        return self.to(_dtype.float16)

    def type(self, dst_type: DType) -> Self:
        """Turn all parameters and buffers into a dtype, also those of integers; return the module.

        Raises
        ------
        TypeError
            If it is not a floating-point dtype, and a parameter wants a gradient.
        """
        target = _dtype.as_dtype(dst_type)
        tensors = [*self.parameters(), *self.buffers()]
        if not target.is_floating_point and any(t.requires_grad for t in tensors):
            raise TypeError(f"type: parameters that want gradients must be of floats, got {target}")
        for t in tensors:
            _convert(t, target)
        return self

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Return the module, which keeps what it holds; RuntimeError if the device is not the CPU."""
        require_cpu("to_empty", device)
        return self

    def cpu(self) -> Self:
        """Return the module, which is on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Raise a RuntimeError: minigrad computes on the CPU only."""
        raise RuntimeError("cuda: minigrad computes on the CPU only; minigrad.cuda.is_available() is False")

    def double(self) -> Self:
        """Turn the floating-point parameters and buffers into float64; return the module."""
        return self.to(_dtype.float64)

    # ------------------------------------------------------------------------------------------------------------------
    # What it looks like.

    def extra_repr(self) -> str:
        """Return what is shown between the parentheses of the module's text."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        lines = self.extra_repr().splitlines()
        named = self._modules.items() if self._absent else self._own_modules()
        parts = [f"({name}): {part!r}" for name, part in named]
        if not parts and len(lines) <= 1:
            return f"{self._get_name()}({''.join(lines)})"
        inside = "\n".join(lines + parts).replace("\n", "\n  ")
        return f"{self._get_name()}(\n  {inside}\n)"


def clear_grad(parameter: Tensor, set_to_none: bool) -> None:
    """Forget the gradient of a parameter, or make it zeros."""
    grad = parameter.grad
    parameter.grad = None if set_to_none or grad is None else wrap(np.zeros_like(grad._array))


def _convert(t: Tensor, target: DType) -> None:
    """Give the tensor elements of another dtype: the same tensor with memory of its own."""
    if t.dtype is target:
        return
    t._cell.version += 1  # a node that saved the old elements must not read these
    t._array = _core.kernels["cast"](t._array, target.code)
    t._cell = _core.Cell()
    t.grad = None if t.grad is None else wrap(_core.kernels["cast"](t.grad._array, target.code))
    if t._edge is not None:
        t._edge[0].array = t._array  # type: ignore[union-attr]
