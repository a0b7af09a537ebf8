"""Layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._dtype import dtype as DType
from ..ops.elementwise import relu, sigmoid, tanh
from ..ops.linalg import bilinear, linear
from ..ops.shape import flatten
from ..ops.views import unflatten
from ..tensor import Tensor, array_of
from . import init
from ._new import layer_size, new_parameter, parameter_dtype
from .module import Module
from .parameter import Parameter, UninitializedParameter

__all__ = ["Bilinear", "Flatten", "Identity", "LazyLinear", "Linear", "ReLU", "Sigmoid", "Tanh", "Unflatten"]


class Identity(Module):
    """Hands its input on; takes and ignores any arguments.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Identity(3, bias=False)(minigrad.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
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


class Unflatten(Module):
    """Makes several dimensions of one: the reverse of :class:`Flatten`.

    Parameters
    ----------
    dim : int
        The dimension.
    unflattened_size : sequence of int
        The sizes that it becomes; one of them may be -1 and follows from the others.

    Raises
    ------
    TypeError
        If the dimension is no integer, or the sizes are no tuple or list of integers.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Unflatten(1, (2, 3))(minigrad.ones(5, 6)).shape
    minigrad.Size([5, 2, 3])
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(dim, int):
            raise TypeError(f"Unflatten: dim must be an integer, got {dim!r}")
        if not isinstance(unflattened_size, tuple | list) or not all(isinstance(n, int) for n in unflattened_size):
            raise TypeError(f"Unflatten: unflattened_size must be a tuple of integers, got {unflattened_size!r}")
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with this dimension made several."""
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Return the dimension and its sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Linear(Module):
    """An affine function of the last dimension: ``out = input weightᵀ + bias``.

    Parameters
    ----------
    in_features, out_features : int
        The sizes of the last dimension of input and output.
    bias : bool, default True
        Whether a bias is added.
    device : device or str, optional
        The CPU, or RuntimeError.
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
    TypeError
        If `dtype` is not a floating-point dtype.
    RuntimeError
        If a size is negative, or the device not the CPU; when called, if the input's last dimension is not in_features long.

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
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.in_features = layer_size("Linear", "in_features", in_features)
        self.out_features = layer_size("Linear", "out_features", out_features)
        kind = parameter_dtype("Linear", device, dtype)
        self.weight = new_parameter((out_features, in_features), kind)
        self.register_parameter("bias", new_parameter((out_features,), kind) if bias else None)
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


class LazyLinear(Linear):
    """A :class:`Linear` whose `in_features` is the size of the last dimension of the first input.

    With the first call, or the first state that it loads, it becomes a :class:`Linear`; its parameters, which are
    empty until then, remain the same objects.

    Parameters
    ----------
    out_features : int
        The size of the last dimension of the output.
    bias : bool, default True
        Whether a bias is added.
    device, dtype : optional
        As for :class:`Linear`.

    Examples
    --------
    >>> import minigrad
    >>> layer = minigrad.nn.LazyLinear(2)
    >>> layer(minigrad.ones(5, 3)).shape
    minigrad.Size([5, 2])
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    """

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: DType | None = None) -> None:
        super().__init__(0, 0, bias, device, dtype)
        self.out_features = layer_size("LazyLinear", "out_features", out_features)
        for parameter in self.parameters():
            parameter.__class__ = UninitializedParameter
        self.register_load_state_dict_pre_hook(_fit_state)

    def has_uninitialized_params(self) -> bool:
        """Return True: the parameters have no shapes yet."""
        return True

    def initialize_parameters(self, in_features: int) -> None:
        """Give the parameters their sizes and draw them; the layer is a :class:`Linear` from now on."""
        self.in_features = in_features
        shapes: dict[Any, tuple[int, ...]] = {
            self.weight: (self.out_features, in_features),
            self.bias: (self.out_features,),
        }
        for parameter, shape in shapes.items():
            if parameter is not None:
                parameter.materialize(shape)
        self.__class__ = Linear  # type: ignore[assignment]
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input weightᵀ + bias``."""
        self.initialize_parameters(array_of("LazyLinear", input).shape[-1])
        return linear(input, self.weight, self.bias)


def _fit_state(layer: Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    weight = state.get(f"{prefix}weight")
    if isinstance(layer, LazyLinear) and weight is not None:
        layer.initialize_parameters(weight.shape[-1])


class Bilinear(Module):
    """A function linear in each of two inputs: ``out_k = x1 A_k x2 + b_k``.

    Parameters
    ----------
    in1_features, in2_features, out_features : int
        The sizes of the last dimensions of both inputs and the output.
    bias : bool, default True
        Whether a bias is added.
    device : device or str, optional
        The CPU, or RuntimeError.
    dtype : dtype, optional
        That of the parameters, the default dtype if not given.

    Attributes
    ----------
    weight : Parameter
        Of shape (out_features, in1_features, in2_features).
    bias : Parameter or None
        Of shape (out_features,).

    Raises
    ------
    ValueError
        If `in1_features` is not positive.

    Notes
    -----
    out_k = Σ_ij x1_i A_kij x2_j + b_k. Weight and bias start uniform over ±1/√in1_features.

    Examples
    --------
    >>> import minigrad
    >>> layer = minigrad.nn.Bilinear(3, 4, 2)
    >>> layer(minigrad.ones(5, 3), minigrad.ones(5, 4)).shape
    minigrad.Size([5, 2])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"Bilinear: in1_features must be positive, got {in1_features}")
        self.in1_features = layer_size("Bilinear", "in1_features", in1_features)
        self.in2_features = layer_size("Bilinear", "in2_features", in2_features)
        self.out_features = layer_size("Bilinear", "out_features", out_features)
        kind = parameter_dtype("Bilinear", device, dtype)
        self.weight = new_parameter((out_features, in1_features, in2_features), kind)
        self.register_parameter("bias", new_parameter((out_features,), kind) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Return the function's value: from (..., in1_features) and (..., in2_features) to (..., out_features)."""
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


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
