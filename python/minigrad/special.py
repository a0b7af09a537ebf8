"""Special functions, as ``torch.special`` names them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from . import _dtype
from ._absent import lookup
from ._out import publish
from .batching import levels
from .ops.elementwise import log, where
from .ops.elementwise import sigmoid as expit
from .ops.functions import (
    as_floats,
    entropy,
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    log1p,
    logit,
    normal_quantile,
    numbers_as_tensors,
    sinc,
    xlogy,
)
from .ops.functions import xlog1py as _xlog1py
from .ops.promotion import to_dtype
from .ops.reduce import logsumexp
from .ops.rounding import round
from .ops.softmax import log_softmax, softmax
from .tensor import Tensor

__all__ = [
    "entr",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "ndtr",
    "ndtri",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
]


def entr(input: Tensor) -> Tensor:
    """Return ``-x log x``, what a probability adds to an entropy: 0 where x is 0, -inf where it is negative.

    Parameters
    ----------
    input : Tensor
        Of any shape; integers become floats of the default dtype.

    Returns
    -------
    Tensor
        Of the same shape.

    Notes
    -----
    dx = -g (1 + log x): infinite where x is 0, NaN where it is negative, as in PyTorch.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.special.entr(minigrad.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.3466, 0.0000])
    """
    return entropy(as_floats("entr", input))


def xlog1py(input: Any, other: Any) -> Tensor:
    """Return ``x log(1 + y)``, 0 where x is 0 unless y is NaN.

    Parameters
    ----------
    input, other : Tensor or number
        At least one of them a tensor; their shapes broadcast. Integers become floats of the default dtype.

    Returns
    -------
    Tensor
        Of the broadcast shape.

    Notes
    -----
    dx = g log(1 + y), 0 where x = 0 and y ≤ -1; dy = g x / (1 + y), 0 where x = 0.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.special.xlog1py(minigrad.tensor([0.0, 2.0]), minigrad.tensor([-1.0, 1.0]))
    tensor([0.0000, 1.3863])
    """
    x, y = numbers_as_tensors(input, other)
    if isinstance(x, Tensor) and isinstance(y, Tensor) and x.dtype is not y.dtype:
        common = _dtype.result_type(x, y)
        x, y = to_dtype(x, common), to_dtype(y, common)
    return _xlog1py(as_floats("xlog1py", x), as_floats("xlog1py", y))


def ndtr(input: Tensor) -> Tensor:
    """Return the probability with which the standard normal distribution is at most x.

    Parameters
    ----------
    input : Tensor
        Of any shape; integers become floats of the default dtype.

    Returns
    -------
    Tensor
        Of the same shape.

    Notes
    -----
    out = erfc(-x / sqrt(2)) / 2, in which nothing cancels where x is small.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.special.ndtr(minigrad.tensor([-2.0, 0.0, 2.0]))
    tensor([0.0228, 0.5000, 0.9772])
    """
    return 0.5 * erfc(as_floats("ndtr", input) * -math.sqrt(0.5))


def ndtri(input: Tensor) -> Tensor:
    """Return the x at which the standard normal distribution has reached the probability p: the inverse of `ndtr`.

    Parameters
    ----------
    input : Tensor
        Probabilities, of any shape; integers become floats of the default dtype.

    Returns
    -------
    Tensor
        Of the same shape: -inf of 0, inf of 1, NaN outside of these.

    Notes
    -----
    Exact to a few last bits, also of the smallest p; those below the smallest normal number have four digits or more.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.special.ndtri(minigrad.tensor([0.025, 0.5, 0.975]))
    tensor([-1.9600,  0.0000,  1.9600])
    """
    return normal_quantile(as_floats("ndtri", input))


def log_ndtr(input: Tensor) -> Tensor:
    """Return the logarithm of `ndtr`, also where that is too small to be a number.

    Parameters
    ----------
    input : Tensor
        Of any shape; integers become floats of the default dtype.

    Returns
    -------
    Tensor
        Of the same shape.

    Notes
    -----
    Below -10, in float64 below -20, it is the asymptotic expansion, of ten terms.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.special.log_ndtr(minigrad.tensor([-100.0, 0.0, 2.0]))
    tensor([-5.0055e+03, -6.9315e-01, -2.3013e-02])
    """
    x = as_floats("log_ndtr", input)
    limit = -20.0 if x.dtype is _dtype.float64 else -10.0
    far, near = x < limit, x > -1
    smaller = ndtr(where(near, -x, x))
    close = where(near, log1p(-smaller), log(smaller))
    if not (levels or far.any()):
        return close
    tail = where(far, x, limit)
    series: Any = 0.0
    for k in range(10, 0, -1):  # 1 - 1 / x² (1 - 3 / x² (1 - 5 / x² ...)), less 1
        series = (1 - 2 * k) / (tail * tail) * (1 + series)
    asymptotic = log1p(series) - 0.5 * tail * tail - log(-tail) - 0.5 * math.log(2 * math.pi)
    return where(far, asymptotic, close)


publish(globals(), __all__)

if not TYPE_CHECKING:
    __getattr__ = lookup(__name__)
