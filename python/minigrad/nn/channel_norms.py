"""Normalisation of channels, of a batch's or of each sample's, as modules."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

from .._dtype import dtype as DType
from ..ops.creation import ones, zeros
from ..ops.data import tensor
from ..tensor import Tensor, array_of
from . import functional as F
from ._new import parameter_dtype
from .norms import Affine

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _Tracked(Affine):
    """A normalisation of channels with running statistics, or without them."""

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

    def _check_rank(self, input: Tensor) -> None:
        if array_of(type(self).__name__, input).ndim not in self._ranks:
            raise ValueError(
                f"{self._get_name()}: needs {' or '.join(map(str, self._ranks))} dimensions, got shape {input.shape}"
            )

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


class _BatchNorm(_Tracked):
    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised input; while training, move the running statistics."""
        self._check_rank(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            momentum = 1.0 / self.num_batches_tracked.item() if self.momentum is None else momentum
        mean, variance = self.running_mean, self.running_var
        of_batch = self.training or (mean is None and variance is None)
        if self.training and not self.track_running_stats:
            mean = variance = None
        return F.batch_norm(input, mean, variance, self.weight, self.bias, of_batch, momentum, self.eps)


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


class _InstanceNorm(_Tracked):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised input; while training, move the running statistics if there are any."""
        self._check_rank(input)
        alone = array_of(type(self).__name__, input).ndim == self._ranks[0]
        channels = input.shape[0 if alone else 1]
        if channels != self.num_features:
            message = f"{self._get_name()}: made for {self.num_features} channels, got input of shape {input.shape}"
            if self.affine:
                raise ValueError(message)
            warnings.warn(message, stacklevel=3)
        out = F.instance_norm(
            input.unsqueeze(0) if alone else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return out.squeeze(0) if alone else out


class InstanceNorm1d(_InstanceNorm):
    """Gives each channel of each sample mean 0 and variance 1, then perhaps a scale and a shift that are learned.

    Parameters
    ----------
    num_features : int
        The number of channels c of input of shape (n, c, l) or (c, l).
    eps, momentum, affine, track_running_stats, device, dtype, bias
        As for :class:`BatchNorm1d`; but there is neither weight nor bias, nor are there running statistics, by default.

    Raises
    ------
    ValueError
        When called, if the shape does not fit, or there is one value in a channel of a sample.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.InstanceNorm1d(2)(minigrad.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """

    _ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """:class:`InstanceNorm1d` for input of shape (n, c, h, w) or (c, h, w).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.InstanceNorm2d(3)(minigrad.rand(2, 3, 4, 4)).shape
    minigrad.Size([2, 3, 4, 4])
    """

    _ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """:class:`InstanceNorm1d` for input of shape (n, c, d, h, w) or (c, d, h, w).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.InstanceNorm3d(3)(minigrad.rand(2, 3, 2, 4, 4)).shape
    minigrad.Size([2, 3, 2, 4, 4])
    """

    _ranks = (4, 5)
