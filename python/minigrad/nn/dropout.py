"""Dropout as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..tensor import Tensor
from . import functional as F
from .module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _Dropout(Module):
    _function: ClassVar[Callable[..., Any]]

    def __init_subclass__(cls, function: Callable[..., Any] | None = None) -> None:
        super().__init_subclass__()
        if function is not None:
            cls._function = staticmethod(function)

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{self._get_name()}: p must lie in [0, 1], got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, while training with elements dropped."""
        return self._function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout, function=F.dropout):
    """Sets each element to zero with chance p while training, and divides the others by 1 - p.

    Parameters
    ----------
    p : float in [0, 1], default 0.5
        The chance.
    inplace : bool, default False
        Write the result into the input's memory.

    Raises
    ------
    ValueError
        If `p` is no chance.

    Examples
    --------
    >>> import minigrad
    >>> layer = minigrad.nn.Dropout(0.75)
    >>> sorted(set(layer(minigrad.ones(100)).tolist()))
    [0.0, 4.0]
    >>> layer.eval()(minigrad.ones(2))
    tensor([1., 1.])
    """


class Dropout1d(_Dropout, function=F.dropout1d):
    """:class:`Dropout` of whole channels of (n, c, l) or (c, l).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Dropout1d()(minigrad.ones(2, 3, 4)).shape
    minigrad.Size([2, 3, 4])
    """


class Dropout2d(_Dropout, function=F.dropout2d):
    """:class:`Dropout` of whole channels of (n, c, h, w).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Dropout2d()(minigrad.ones(2, 3, 4, 5)).shape
    minigrad.Size([2, 3, 4, 5])
    """


class Dropout3d(_Dropout, function=F.dropout3d):
    """:class:`Dropout` of whole channels of (n, c, d, h, w) or (c, d, h, w).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Dropout3d()(minigrad.ones(2, 3, 4, 5, 6)).shape
    minigrad.Size([2, 3, 4, 5, 6])
    """


class AlphaDropout(_Dropout, function=F.alpha_dropout):
    """Sets each element with chance p to what selu tends to, such that mean 0 and variance 1 stay, while training.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.AlphaDropout(p=0.2).eval()(minigrad.ones(2))
    tensor([1., 1.])
    """


class FeatureAlphaDropout(_Dropout, function=F.feature_alpha_dropout):
    """:class:`AlphaDropout` of whole channels of (n, c, ...).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.FeatureAlphaDropout(p=0.2)(minigrad.ones(2, 3, 4)).shape
    minigrad.Size([2, 3, 4])
    """
