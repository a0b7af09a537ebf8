"""Dropout: elements or whole channels set to zero at random, the others enlarged so that the mean stays."""

from __future__ import annotations

import math
import warnings
from typing import Any

from .. import _dtype
from ..random.arrays import chances, converted
from ..tensor import Tensor, array_of, wrap
from .activation import placed
from .elementwise import _add, _sub, mul

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]

#: Where selu goes to at -infinity, taken away from 0: the value of what alpha dropout drops.
_ALPHA = 1.7580993408473766


def _does_nothing(name: str, input: Tensor, p: float, training: bool) -> bool:
    array = array_of(name, input)
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name}: p must lie in [0, 1], got {p}")
    if not training or p == 0 or array.size == 0:
        return True
    if p < 1 and not input.is_floating_point():
        raise RuntimeError(f"{name}: needs floating-point elements, got {input.dtype}")
    return False


def _kept(name: str, input: Tensor, p: float, channels: bool) -> Tensor:
    """Return 1 with chance 1 - p, else 0, for each element or for each channel of (n, c, ...)."""
    shape = input._array.shape
    if channels:
        shape = shape[:2] + (1,) * (len(shape) - 2)
    drawn = _dtype.float64 if input.dtype is _dtype.float64 else _dtype.float32
    return wrap(converted(chances(1 - p, shape, drawn, None, name), input.dtype))


def _dropped(name: str, input: Tensor, p: float, training: bool, inplace: bool, channels: bool = False) -> Tensor:
    if _does_nothing(name, input, p, training):
        return input

    def drop(x: Tensor) -> Any:
        kept = _kept(name, x, p, channels)
        return mul(x, mul(kept, 1 / (1 - p)) if p < 1 else kept)

    return placed(drop, name, input, inplace)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Return the input with each element set to zero with chance p, the others divided by 1 - p.

    Parameters
    ----------
    input : Tensor
        Of any shape with floating-point elements.
    p : float in [0, 1], default 0.5
        The chance; 1 gives zeros.
    training : bool, default True
        Whether anything is done: without, the input itself is returned.
    inplace : bool, default False
        Whether the result takes the input's memory.

    Returns
    -------
    Tensor
        Of the same shape.

    Raises
    ------
    ValueError
        If `p` is no chance.

    Notes
    -----
    out = x d / (1 - p), where d is 1 with chance 1 - p and else 0, so that the mean is x (Srivastava and others, Dropout:
    A Simple Way to Prevent Neural Networks from Overfitting). The numbers come from the default generator.

    Examples
    --------
    >>> import minigrad
    >>> sorted(set(minigrad.nn.functional.dropout(minigrad.ones(100)).tolist()))
    [0.0, 2.0]
    """
    return _dropped("dropout", input, p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Return the input (n, c, l) or (c, l) with each channel set to zero with chance p; see :func:`dropout`."""
    return _of_channels("dropout1d", input, (2, 3), p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Return the input (n, c, h, w) with each channel set to zero with chance p; see :func:`dropout`.

    The first two of three dimensions are samples and channels too, as PyTorch has it.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.dropout2d(minigrad.ones(1, 1, 2, 2), training=False)
    tensor([[[[1., 1.],
              [1., 1.]]]])
    """
    name = "dropout2d"
    if array_of(name, input).ndim not in (3, 4):
        warnings.warn(f"{name}: meant for shape (n, c, h, w), got {input._array.shape}", UserWarning, stacklevel=2)
    return _dropped(name, input, p, training, inplace, True)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Return the input (n, c, d, h, w) or (c, d, h, w) with each channel set to zero with chance p; see :func:`dropout`."""
    return _of_channels("dropout3d", input, (4, 5), p, training, inplace)


def _of_channels(name: str, input: Tensor, ranks: tuple[int, int], p: float, training: bool, inplace: bool) -> Tensor:
    """Drop channels of samples, or of one sample without a dimension of its own."""
    rank = array_of(name, input).ndim
    if rank not in ranks:
        raise RuntimeError(
            f"{name}: needs {ranks[0]} or {ranks[1]} dimensions, got input of shape {input._array.shape}"
        )
    if rank == ranks[1]:
        return _dropped(name, input, p, training, inplace, True)
    out = _dropped(name, input.unsqueeze(0), p, training, inplace, True)
    return input if inplace else out.squeeze(0)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Return the input with elements set, with chance p, to what selu tends to; mean 0 and variance 1 stay.

    The arguments are those of :func:`dropout`, but `training` is False by default.

    Notes
    -----
    out = a (x d - α (1 - d)) + a α p, with α = 1.7581 and a = 1 / sqrt((1 - p)(1 + p α²)) (Klambauer and others,
    Self-Normalizing Neural Networks).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.alpha_dropout(minigrad.ones(2))
    tensor([1., 1.])
    """
    return _alpha_dropped("alpha_dropout", input, p, training, inplace, False)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Return :func:`alpha_dropout` of whole channels of (n, c, ...)."""
    return _alpha_dropped("feature_alpha_dropout", input, p, training, inplace, True)


def _alpha_dropped(name: str, input: Tensor, p: float, training: bool, inplace: bool, channels: bool) -> Tensor:
    if _does_nothing(name, input, p, training):
        return input

    def drop(x: Tensor) -> Any:
        kept = _kept(name, x, p, channels)
        if p == 1:
            return mul(x, kept)
        a = 1 / math.sqrt((1 - p) * (1 + p * _ALPHA**2))
        shift = _add(mul(_sub(kept, 1.0), _ALPHA * a), _ALPHA * a * p)
        return _add(mul(x, mul(kept, a)), shift)

    return placed(drop, name, input, inplace)
