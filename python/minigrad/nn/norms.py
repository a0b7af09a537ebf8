"""Normalisation of samples and their groups of channels, as modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._dtype import dtype as DType
from ..tensor import Tensor
from . import functional as F
from ._new import new_parameter, parameter_dtype
from .module import Module
from .parameter import Parameter

__all__ = ["GroupNorm", "LayerNorm", "RMSNorm"]


class Affine(Module):
    """A normalisation with a weight, first 1, and a bias, first 0, or without them."""

    weight: Parameter | None
    bias: Parameter | None

    def _make_affine(self, shape: tuple[int, ...], weight: bool, bias: bool, dtype: DType) -> None:
        self.register_parameter("weight", new_parameter(shape, dtype, 1.0) if weight else None)
        self.register_parameter("bias", new_parameter(shape, dtype) if bias else None)

    def reset_parameters(self) -> None:
        """Let the weight be 1 and the bias 0."""
        if self.weight is not None:
            self.weight.detach().fill_(1.0)
        if self.bias is not None:
            self.bias.detach().fill_(0.0)


def _shape_of(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(Affine):
    """Gives the last dimensions of each sample mean 0 and variance 1, then a scale and a shift that are learned.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The sizes of these dimensions.
    eps : float, default 1e-5
        What is added to the variance.
    elementwise_affine : bool, default True
        Whether there are a weight and a bias.
    bias : bool, default True
        Whether there is a bias next to the weight.
    device : device or str, optional
        The CPU, or RuntimeError.
    dtype : dtype, optional
        That of the parameters, the default dtype if not given.

    Attributes
    ----------
    weight, bias : Parameter or None
        Of shape `normalized_shape`, first 1 and 0.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.LayerNorm(2)(minigrad.tensor([[1.0, 3.0], [30.0, 10.0]])).detach()
    tensor([[-1.0000,  1.0000],
            [ 1.0000, -1.0000]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape_of(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        kind = parameter_dtype("LayerNorm", device, dtype)
        self._make_affine(self.normalized_shape, elementwise_affine, elementwise_affine and bias, kind)

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised input."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        shown = f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        return f"{shown}, bias={self.bias is not None}"


class RMSNorm(Affine):
    """Divides the last dimensions of each sample by their root mean square, then scales them by what is learned.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The sizes of these dimensions.
    eps : float, optional
        What is added to the mean square, by default the dtype's precision.
    elementwise_affine : bool, default True
        Whether there is a weight.
    device : device or str, optional
        The CPU, or RuntimeError.
    dtype : dtype, optional
        That of the weight, the default dtype if not given.

    Attributes
    ----------
    weight : Parameter or None
        Of shape `normalized_shape`, first 1.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.RMSNorm(2)(minigrad.tensor([[2.0, 2.0], [0.0, -1.0]])).detach()
    tensor([[ 1.0000,  1.0000],
            [ 0.0000, -1.4142]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape_of(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make_affine(self.normalized_shape, elementwise_affine, False, parameter_dtype("RMSNorm", device, dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Return the scaled input."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Affine):
    """Gives each group of channels of a sample mean 0 and variance 1, then each channel a learned scale and shift.

    Parameters
    ----------
    num_groups : int
        The number of groups.
    num_channels : int
        The number of channels c of input of shape (n, c, ...), a multiple of it.
    eps : float, default 1e-5
        What is added to the variance.
    affine : bool, default True
        Whether there are a weight and a bias.
    device : device or str, optional
        The CPU, or RuntimeError.
    dtype : dtype, optional
        That of the parameters, the default dtype if not given.
    bias : bool, default True
        Whether there is a bias next to the weight.

    Attributes
    ----------
    weight, bias : Parameter or None
        Of shape (c,), first 1 and 0.

    Raises
    ------
    ValueError
        If the number of channels is no multiple of the number of groups.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.GroupNorm(2, 4)(minigrad.tensor([[1.0, 3.0, 30.0, 10.0]])).detach()
    tensor([[-1.0000,  1.0000,  1.0000, -1.0000]])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_channels} channels cannot be split into {num_groups} groups of one size")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make_affine((num_channels,), affine, affine and bias, parameter_dtype("GroupNorm", device, dtype))

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised input."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        shown = f"{self.num_groups}, {self.num_channels}, eps={self.eps}"
        return f"{shown}, affine={self.affine}, bias={self.bias is not None}"
