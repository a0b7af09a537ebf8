"""Normalisation as modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from .._dtype import dtype as DType  # noqa: N812
from ..ops.creation import ones, tensor, zeros
from ..tensor import Tensor
from . import functional as F  # noqa: N812
from ._new import new_parameter, parameter_dtype
from .module import Module
from .parameter import Parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "LayerNorm", "RMSNorm"]


class _Affine(Module):
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


class _BatchNorm(_Affine):
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    _version = 2
    _ranks: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        kind = parameter_dtype(self._get_name(), device, dtype)
        self._make_affine((num_features,), affine, affine and bias, kind)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, dtype=kind) if tracked else None)
        self.register_buffer("running_var", ones(num_features, dtype=kind) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0) if tracked else None)

    def reset_running_stats(self) -> None:
        """Let the running mean be 0 and the running variance 1, as if there had been no batch."""
        for statistic, value in ((self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)):
            if statistic is not None:
                statistic.fill_(value)

    def reset_parameters(self) -> None:
        """Let weight, bias and running statistics be what they started as."""
        self.reset_running_stats()
        super().reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised input; while training, move the running statistics."""
        if input.ndim not in self._ranks:
            raise ValueError(
                f"{self._get_name()}: needs {' or '.join(map(str, self._ranks))} dimensions, got shape {input.shape}"
            )
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            momentum = 1.0 / self.num_batches_tracked.item() if self.momentum is None else momentum
        mean, variance = self.running_mean, self.running_var
        of_batch = self.training or (mean is None and variance is None)
        if self.training and not self.track_running_stats:
            mean = variance = None
        return F.batch_norm(input, mean, variance, self.weight, self.bias, of_batch, momentum, self.eps)

    def _complete_state(self, state: dict[str, Any], prefix: str, metadata: Mapping[str, Any]) -> None:
        # Of version 2 is num_batches_tracked; states without a version are as old or made by hand.
        if metadata.get("version", 1) < 2 and self.num_batches_tracked is not None:
            state.setdefault(f"{prefix}num_batches_tracked", self.num_batches_tracked)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Gives each channel of a batch mean 0 and variance 1, then a scale and a shift that are learned.

    Parameters
    ----------
    num_features : int
        The number of channels c of input of shape (n, c) or (n, c, l).
    eps : float, default 1e-5
        What is added to the variance.
    momentum : float or None, default 0.1
        How far the running statistics move towards each batch's; None for their plain mean over all batches.
    affine : bool, default True
        Whether there are a weight and a bias.
    track_running_stats : bool, default True
        Whether there are running statistics, which take the place of the batch's outside training.
    device : device or str, optional
        The CPU, or RuntimeError.
    dtype : dtype, optional
        That of parameters and statistics, the default dtype if not given.
    bias : bool, default True
        Whether there is a bias next to the weight.

    Attributes
    ----------
    weight, bias : Parameter or None
        Of shape (c,), first 1 and 0.
    running_mean, running_var : Tensor or None
        Buffers of shape (c,), first 0 and 1. The variance is the unbiased one.
    num_batches_tracked : Tensor or None
        How many batches they have seen.

    Raises
    ------
    ValueError
        When called, if the input is not of two or three dimensions, or has one value in a channel while training.

    Examples
    --------
    >>> import minigrad
    >>> layer = minigrad.nn.BatchNorm1d(1)
    >>> layer(minigrad.tensor([[0.0], [2.0]])).detach()
    tensor([[-1.0000],
            [ 1.0000]])
    >>> layer.running_var
    tensor([1.1000])
    """

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """:class:`BatchNorm1d` for input of shape (n, c, h, w).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.BatchNorm2d(3)(minigrad.rand(2, 3, 4, 4)).shape
    minigrad.Size([2, 3, 4, 4])
    """

    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """:class:`BatchNorm1d` for input of shape (n, c, d, h, w).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.BatchNorm3d(3)(minigrad.rand(2, 3, 2, 4, 4)).shape
    minigrad.Size([2, 3, 2, 4, 4])
    """

    _ranks = (5,)


def _shape_of(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(_Affine):
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


class RMSNorm(_Affine):
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


class GroupNorm(_Affine):
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
