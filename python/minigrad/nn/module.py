"""The base of all layers and models."""

from __future__ import annotations

import textwrap
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np

from .. import _core, _dtype
from .._device import require_cpu
from .._dtype import dtype as DType  # noqa: N812
from ..graph import Array
from ..tensor import Tensor, wrap
from .parameter import Parameter

T = TypeVar("T")


class IncompatibleKeys(NamedTuple):
    """The names that a module and a state have not in common.

    Attributes
    ----------
    missing_keys : list of str
        What the module has and the state has not.
    unexpected_keys : list of str
        What the state has and the module has not.
    """

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Module:
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
    # The buffers' names, each with whether a state holds it. Every module that has one has a mapping of its own.
    _buffers: Mapping[str, bool] = MappingProxyType({})

    #: What the module computes; subclasses define it.
    forward: Callable[..., Any]

    def __init__(self) -> None:
        self.training = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what ``forward`` makes of the arguments."""
        return self.forward(*args, **kwargs) if kwargs else self.forward(*args)

    def __getattr__(self, name: str) -> Any:
        # Reached only where there is no such attribute.
        if name == "forward":
            raise NotImplementedError(f"{type(self).__name__}: a module must define forward")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; TypeError where a parameter, part or buffer would be replaced by something else."""
        known = self.__dict__.get(name)
        if isinstance(known, Parameter):
            _check_kind(name, value, "parameter", Parameter)
        elif isinstance(known, Module):
            _check_kind(name, value, "child module", Module | Parameter)
        elif name in self._buffers:
            _check_kind(name, value, "buffer", Tensor)
        object.__setattr__(self, name, value)

    # ------------------------------------------------------------------------------------------------------------------
    # Giving it parameters, buffers and parts.

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make `param` the attribute `name`; None says that the module goes without.

        Raises
        ------
        TypeError
            If `name` is not a string or `param` not a parameter.
        KeyError
            If the name is empty, contains a dot or is taken.
        """
        self._check_name("register_parameter", name)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"register_parameter: {name} must be a Parameter or None, got {type(param).__name__}")
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make `tensor` the attribute `name`, as a buffer: part of the module's state, but not learned.

        Parameters
        ----------
        name : str
            The attribute's name.
        tensor : Tensor or None
            Of any shape.
        persistent : bool, default True
            Whether :meth:`state_dict` contains it.

        Raises
        ------
        TypeError
            If `name` is not a string or `tensor` not a tensor.
        KeyError
            If the name is empty, contains a dot or is taken.
        """
        self._check_name("register_buffer", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"register_buffer: {name} must be a Tensor or None, got {type(tensor).__name__}")
        setattr(self, name, tensor)
        self.__dict__["_buffers"] = {**self._buffers, name: persistent}

    def add_module(self, name: str, module: Module | None) -> None:
        """Make `module` the attribute `name`.

        Raises
        ------
        TypeError
            If `name` is not a string or `module` not a module.
        KeyError
            If the name is empty, contains a dot or is taken.
        """
        if not isinstance(self.__dict__.get(name), Module):
            self._check_name("add_module", name)
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"add_module: {name} must be a Module or None, got {type(module).__name__}")
        setattr(self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """Make `module` the attribute `name`; the same as :meth:`add_module`."""
        self.add_module(name, module)

    def _check_name(self, function: str, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{function}: the name must be a string, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"{function}: the name must not be empty and must not contain a dot, got {name!r}")
        if name in self.__dict__ or hasattr(type(self), name):
            raise KeyError(f"{function}: {type(self).__name__} already has an attribute {name!r}")

    # ------------------------------------------------------------------------------------------------------------------
    # What it consists of.

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield the module itself and all its parts, each with its name; what is there twice only once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, part in self._own(Module):
            yield from part.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """Yield the module itself and all its parts."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the immediate parts, each with its name."""
        return _once(self._own(Module))

    def children(self) -> Iterator[Module]:
        """Yield the immediate parts."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters, each with its name, such as ``"layers.0.weight"``.

        Parameters
        ----------
        prefix : str, optional
            Put before all names.
        recurse : bool, default True
            Whether to yield the parts' parameters as well.
        remove_duplicate : bool, default True
            Whether to yield a parameter that is there twice only once.
        """
        named = self._members(lambda module: module._own(Parameter), prefix, recurse, remove_duplicate)
        return _once(named) if remove_duplicate else named

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, the module's own and with `recurse` those of its parts."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers, each with its name; the arguments are those of :meth:`named_parameters`."""
        named = self._members(lambda module: module._own_buffers(), prefix, recurse, remove_duplicate)
        return _once(named) if remove_duplicate else named

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers, the module's own and with `recurse` those of its parts."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _own(self, kind: type[T]) -> Iterator[tuple[str, T]]:
        return ((name, value) for name, value in list(vars(self).items()) if isinstance(value, kind))

    def _own_buffers(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, value) for name in self._buffers if (value := vars(self).get(name)) is not None)

    def _members(
        self, own: Callable[[Module], Iterator[tuple[str, T]]], prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, T]]:
        modules = self.named_modules(None, prefix, remove_duplicate) if recurse else iter([(prefix, self)])
        for module_name, module in modules:
            for name, value in own(module):
                yield f"{module_name}.{name}" if module_name else name, value

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

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Make all parameters want gradients or, with False, go without; return the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all parameters' gradients or, with ``set_to_none=False``, make them zeros."""
        stack: list[Module] = [self]
        while stack:
            for value in stack.pop().__dict__.values():
                if isinstance(value, Parameter):
                    clear_grad(value, set_to_none)
                elif isinstance(value, Module):
                    stack.append(value)

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` with each part and then with the module itself; return it."""
        for part in self.children():
            part.apply(fn)
        fn(self)
        return self

    def to(self, *args: Any, dtype: DType | None = None, device: Any = None, non_blocking: bool = False) -> Self:  # noqa: ARG002
        """Turn the floating-point parameters, gradients and buffers into another dtype; return the module.

        Parameters
        ----------
        *args : dtype, device, str or Tensor
            A dtype, a device, or a tensor whose dtype is meant.
        dtype : dtype, optional
            The new dtype.
        device : device or str, optional
            Where the module is to be: on the CPU.
        non_blocking : bool, default False
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
        for parameter in self.parameters():
            _convert(parameter, target)
        for buffer in self.buffers():
            _convert(buffer, target)
        return self

    def float(self) -> Self:
        """Turn the floating-point parameters and buffers into float32; return the module."""
        return self.to(_dtype.float32)

    def half(self) -> Self:
        """Turn the floating-point parameters and buffers into float16; return the module."""
        return self.to(_dtype.float16)

    def cpu(self) -> Self:
        """Return the module, which is on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Self:  # noqa: ARG002
        """Raise a RuntimeError: minigrad computes on the CPU only."""
        raise RuntimeError("cuda: minigrad computes on the CPU only; minigrad.cuda.is_available() is False")

    def double(self) -> Self:
        """Turn the floating-point parameters and buffers into float64; return the module."""
        return self.to(_dtype.float64)

    # ------------------------------------------------------------------------------------------------------------------
    # Its state.

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> OrderedDict[str, Tensor]:
        """Return all parameters and persistent buffers by their names.

        Parameters
        ----------
        prefix : str, optional
            Put before all names.
        keep_vars : bool, default False
            Whether to return the tensors themselves rather than tensors without gradients that share their memory.

        Returns
        -------
        OrderedDict
            From names such as ``"layers.0.weight"`` to tensors.

        Examples
        --------
        >>> import minigrad
        >>> list(minigrad.nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        state: OrderedDict[str, Tensor] = OrderedDict()
        for module_name, module in self.named_modules(remove_duplicate=False):
            start = f"{prefix}{module_name}." if module_name else prefix
            for name, value in module._own_state():
                state[start + name] = value if keep_vars else value.detach()
        return state

    def _own_state(self) -> Iterator[tuple[str, Tensor]]:
        yield from self._own(Parameter)
        for name, buffer in self._own_buffers():
            if self._buffers[name]:
                yield name, buffer

    def load_state_dict(self, state_dict: Mapping[str, Tensor | Array], strict: bool = True) -> IncompatibleKeys:
        """Copy the elements of a state into the parameters and buffers of the same names.

        Nothing is copied unless everything fits.

        Parameters
        ----------
        state_dict : mapping
            From names to tensors or arrays.
        strict : bool, default True
            Whether the names must be exactly those of :meth:`state_dict`.

        Returns
        -------
        IncompatibleKeys
            The missing and the unexpected names.

        Raises
        ------
        RuntimeError
            If with `strict` names are missing or unexpected, or if a shape differs; all of them are named.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: expected a mapping from names to tensors, got {type(state_dict).__name__}"
            )
        own = self.state_dict(keep_vars=True)
        keys = IncompatibleKeys([k for k in own if k not in state_dict], [k for k in state_dict if k not in own])
        given = {name: _array_of(name, state_dict[name]) for name in own if name in state_dict}
        problems = [p for name, array in given.items() if (p := _misfit(name, own[name], array))]
        if strict and keys.unexpected_keys:
            problems.insert(0, f"unexpected keys: {', '.join(map(repr, keys.unexpected_keys))}")
        if strict and keys.missing_keys:
            problems.insert(0, f"missing keys: {', '.join(map(repr, keys.missing_keys))}")
        if problems:
            raise RuntimeError(f"load_state_dict: the state does not fit {type(self).__name__}: " + "; ".join(problems))
        for name, array in given.items():
            overwrite(own[name], array, "load_state_dict")
        return keys

    # ------------------------------------------------------------------------------------------------------------------
    # What it looks like.

    def extra_repr(self) -> str:
        """Return what is shown between the parentheses of the module's text."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        lines = self.extra_repr().splitlines()
        parts = [f"({name}): {part!r}" for name, part in self._own(Module)]
        if not parts and len(lines) <= 1:
            return f"{self._get_name()}({''.join(lines)})"
        return f"{self._get_name()}(\n{textwrap.indent(chr(10).join(lines + parts), '  ')}\n)"


def _check_kind(name: str, value: Any, role: str, kind: Any) -> None:
    if value is not None and not isinstance(value, kind):
        expected = {"parameter": "Parameter", "child module": "Module", "buffer": "Tensor"}[role]
        raise TypeError(f"cannot assign {type(value).__name__} as {role} {name!r} ({expected} or None expected)")


def _once(named: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the pairs but for those with a value that was there before."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value


def clear_grad(parameter: Tensor, set_to_none: bool) -> None:
    """Forget the gradient of a leaf, or make it zeros."""
    edge = parameter._edge
    if edge is None:
        return
    grad = edge[0].grad  # type: ignore[union-attr]
    if set_to_none:
        edge[0].grad = None  # type: ignore[union-attr]
    elif grad is not None:
        edge[0].grad = wrap(np.zeros_like(grad._array))  # type: ignore[union-attr]


def overwrite(t: Tensor, array: Array, name: str) -> None:
    """Write `array` into the memory of `t`, unseen by the graph."""
    enabled = _core.set_grad_enabled(False)
    try:
        t._write(wrap(array), name)
    finally:
        _core.set_grad_enabled(enabled)


def _convert(t: Tensor, target: DType) -> None:
    """Give the tensor elements of another dtype, if it has floats: the same tensor with memory of its own."""
    if not t.dtype.is_floating_point or t.dtype is target:
        return
    t._cell[0] += 1  # what was saved of the old memory is not what this tensor is now
    t._array = _core.kernels["cast"](t._array, target.code)
    t._cell = [0]
    if t._edge is not None:
        leaf = t._edge[0]
        leaf.array = t._array  # type: ignore[union-attr]
        if leaf.grad is not None:  # type: ignore[union-attr]
            leaf.grad = wrap(_core.kernels["cast"](leaf.grad._array, target.code))  # type: ignore[union-attr]


def _array_of(name: str, value: Any) -> Array:
    if isinstance(value, Tensor):
        return value._array
    if isinstance(value, np.ndarray):
        return value
    raise TypeError(f"load_state_dict: {name} must be a tensor or an array, got {type(value).__name__}")


def _misfit(name: str, own: Tensor, array: Array) -> str | None:
    """Return what keeps the array from being copied into `own`, None if nothing does."""
    if array.shape != own._array.shape:
        return f"{name} has shape {own._array.shape}, but {array.shape} in the state"
    if not np.can_cast(array.dtype, own._array.dtype, "same_kind"):
        return f"{name} has dtype {own.dtype}, but {array.dtype} in the state"
    return None
