"""Layers."""

from __future__ import annotations

import math
from typing import Any

from .._dtype import dtype as DType  # noqa: N812
from ..ops.elementwise import relu, sigmoid, tanh
from ..ops.linalg import linear
from ..ops.shape import flatten
from ..tensor import Tensor
from . import init
from ._new import float_dtype, layer_size, new_parameter
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
        self.in_features = layer_size("Linear", "in_features", in_features)
        self.out_features = layer_size("Linear", "out_features", out_features)
        kind = float_dtype("Linear", dtype)
        self.weight = new_parameter((out_features, in_features), kind)
        self.bias = new_parameter((out_features,), kind) if bias else None
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
