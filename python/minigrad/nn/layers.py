"""Layers."""

from __future__ import annotations

import math
import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from .. import _core, _dtype
from .._dtype import dtype as DType  # noqa: N812
from ..ops.elementwise import relu, sigmoid, tanh
from ..ops.linalg import linear
from ..ops.shape import flatten
from ..tensor import Tensor, wrap
from . import init
from .module import Module
from .parameter import Parameter


class Identity(Module):
    """Hands its input on; takes and ignores any arguments.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Identity(3, bias=False)(minigrad.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Return the input."""
        return input


class Flatten(Module):
    """Makes one dimension of the dimensions from `start_dim` to `end_dim`.

    Parameters
    ----------
    start_dim, end_dim : int
        The first and the last of them; by default all but dimension 0, which counts the samples.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Flatten()(minigrad.ones(5, 2, 3)).shape
    minigrad.Size([5, 6])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with these dimensions made one."""
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Return the dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Linear(Module):
    """An affine function of the last dimension: ``out = input weightᵀ + bias``.

    Parameters
    ----------
    in_features, out_features : int
        The sizes of the last dimension of input and output.
    bias : bool, default True
        Whether a bias is added.
    device : optional
        Accepted for PyTorch's sake: everything is on the CPU.
    dtype : dtype, optional
        That of the parameters, the default dtype if not given.

    Attributes
    ----------
    weight : Parameter
        Of shape (out_features, in_features).
    bias : Parameter or None
        Of shape (out_features,).

    Raises
    ------
    ValueError
        If a size is negative.
    TypeError
        If `dtype` is not a floating-point dtype.
    RuntimeError
        When called, if the input's last dimension is not in_features long.

    Notes
    -----
    out = x Wᵀ + b (《反向传播算法实现》). Weight and bias start uniform over ±1/√in_features, which for the weight is
    ``kaiming_uniform_(a=√5)``.

    Examples
    --------
    >>> import minigrad
    >>> layer = minigrad.nn.Linear(3, 2)
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    >>> layer(minigrad.ones(5, 3)).shape
    minigrad.Size([5, 2])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,  # noqa: ARG002
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.in_features = _size("in_features", in_features)
        self.out_features = _size("out_features", out_features)
        kind = _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)
        if not kind.is_floating_point:
            raise TypeError(f"Linear: dtype must be a floating-point dtype, got {kind}")
        self.weight = _new_parameter((out_features, in_features), kind)
        self.bias = _new_parameter((out_features,), kind) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0.0
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input weightᵀ + bias``: from (..., in_features) to (..., out_features)."""
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def _size(name: str, size: Any) -> int:
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f"Linear: {name} must be an integer, got {size!r}")
    if size < 0:
        raise ValueError(f"Linear: {name} must not be negative, got {size}")
    return size


def _new_parameter(shape: tuple[int, ...], dtype: DType) -> Parameter:
    return Parameter(wrap(_core.kernels["full"](0.0, shape, dtype.code)))


class Sequential(Module):
    """Calls modules one after the other, each with what the one before it returned.

    Parameters
    ----------
    *args : Module, or one OrderedDict of modules
        The modules, called "0", "1", ..., or by their names in the dictionary.

    Examples
    --------
    >>> import minigrad.nn as nn
    >>> model = nn.Sequential(nn.Linear(64, 10), nn.ReLU())
    >>> model
    Sequential(
      (0): Linear(in_features=64, out_features=10, bias=True)
      (1): ReLU()
    )
    >>> len(model), model[-1]
    (2, ReLU())
    """

    _layers: list[Module]  # the modules in order, what is there twice twice
    _plain: bool  # calling each of them does nothing but call its forward, so that this can be called at once

    def __init__(self, *args: Module | OrderedDict[str, Module]) -> None:
        super().__init__()
        self._collect()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            named: Iterable[tuple[str, Any]] = args[0].items()
        else:
            named = ((str(i), module) for i, module in enumerate(args))
        for name, module in named:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential: {name!r} must be a Module, got {type(module).__name__}")
            self.add_module(name, module)

    def __setattr__(self, name: str, value: Any) -> None:
        changes = isinstance(value, Module) or isinstance(self.__dict__.get(name), Module)
        super().__setattr__(name, value)
        if changes:
            self._collect()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._collect()

    def _collect(self) -> None:
        layers = [module for _, module in self._own(Module)]
        self.__dict__["_layers"] = layers
        self.__dict__["_plain"] = all(type(layer).__call__ is Module.__call__ for layer in layers)

    def forward(self, input: Any) -> Any:
        """Return what the last module makes of what the others made of the input."""
        out = input
        if self._plain:
            for layer in self._layers:
                out = layer.forward(out)
        else:
            for layer in self._layers:
                out = layer(out)
        return out

    # ------------------------------------------------------------------------------------------------------------------
    # As a sequence.

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._own(Module))[index]))
        return self._layers[self._position(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        name = [name for name, _ in self._own(Module)][self._position(index)]
        self.add_module(name, module)

    def __delitem__(self, index: int | slice) -> None:
        names = [name for name, _ in self._own(Module)]
        gone = names[index] if isinstance(index, slice) else [names[self._position(index)]]
        left = [module for name, module in self._own(Module) if name not in gone]
        if all(name.isdecimal() for name in names):
            self._replace(left)
        else:
            for name in gone:
                delattr(self, name)

    def _position(self, index: int) -> int:
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"Sequential: index {position} out of range for {len(self)} modules")
        return position % len(self)

    def _replace(self, modules: Iterable[Module]) -> None:
        """Make these the modules, named by their numbers."""
        for name in [name for name, _ in self._own(Module)]:
            del self.__dict__[name]
        for i, module in enumerate(modules):
            self.__dict__[str(i)] = module
        self._collect()

    def append(self, module: Module) -> Sequential:
        """Put a module behind the others; return the whole."""
        return self.insert(len(self), module)

    def insert(self, index: int, module: Module) -> Sequential:
        """Put a module before the one with this index; return the whole.

        Raises
        ------
        TypeError
            If it is not a module.
        IndexError
            If there is no such place.
        """
        if not isinstance(module, Module):
            raise TypeError(f"Sequential: only modules can be inserted, got {type(module).__name__}")
        n = len(self)
        if not -n <= index <= n:
            raise IndexError(f"Sequential: index {index} out of range for {n} modules")
        index += n if index < 0 else 0
        if index == n and str(n) not in self.__dict__:
            self.add_module(str(n), module)
        else:
            self._replace([*self._layers[:index], module, *self._layers[index:]])
        return self

    def extend(self, sequential: Iterable[Module]) -> Sequential:
        """Put several modules behind the others; return the whole."""
        for module in list(sequential):
            self.append(module)
        return self


class ReLU(Module):
    """The rectifier, max(x, 0) of each element; its derivative at 0 is 0.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input's memory.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.ReLU()(minigrad.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return max(input, 0)."""
        return input._write(relu(input), "relu_") if self.inplace else relu(input)

    def extra_repr(self) -> str:
        """Return whether it works in place."""
        return "inplace=True" if self.inplace else ""


class Tanh(Module):
    """The hyperbolic tangent of each element.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Tanh()(minigrad.zeros(2))
    tensor([0., 0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return tanh(input)."""
        return tanh(input)


class Sigmoid(Module):
    """The logistic function 1 / (1 + exp(-x)) of each element.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Sigmoid()(minigrad.zeros(2))
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return 1 / (1 + exp(-input))."""
        return sigmoid(input)
