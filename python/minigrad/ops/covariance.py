"""How variables vary together."""

from __future__ import annotations

from typing import Any

from .._methods import method
from ..batching import bottom
from ..tensor import Tensor, array_of
from .elementwise import div, mul, sqrt
from .functions import as_floats
from .linalg import matmul
from .reduce import sum
from .selection import clamp
from .shape import reshape, unsqueeze
from .views import diagonal

__all__ = ["corrcoef", "cov"]


@method
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """Return the covariances of variables, each of which has a row of observations.

    Parameters
    ----------
    input : Tensor
        Of shape (variables, observations), or one variable of shape (observations,). Integers count as floats.
    correction : int, default 1
        What is taken from the number of observations in the divisor.
    fweights : Tensor, optional
        How often each observation was made: integers.
    aweights : Tensor, optional
        How much each observation counts: floats.

    Returns
    -------
    Tensor
        Of shape (variables, variables), or () for a single one.

    Raises
    ------
    RuntimeError
        If there are more than two dimensions, or the weights do not fit or are negative.

    Notes
    -----
    out = Σ w (x - mean)(x - mean)ᵀ / (Σ w - correction Σ w a / Σ w), where w = f a are the weights, 1 by default.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.cov(minigrad.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    shape = array_of("cov", input).shape
    if len(shape) > 2:
        raise RuntimeError(f"cov: needs at most two dimensions, got shape {shape}")
    rows = as_floats("cov", reshape(input, (1, -1)) if len(shape) < 2 else input)
    observations = rows.shape[1]
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is not None and array_of("cov", weights, name).shape != (observations,):
            raise RuntimeError(f"cov: {name} must be a vector of {observations}, got shape {weights._array.shape}")
        if weights is not None and (bottom(weights._array) < 0).any():
            raise RuntimeError(f"cov: {name} must not be negative")
    weight = fweights if aweights is None else aweights if fweights is None else mul(fweights, aweights)
    if weight is None:
        centred = spread = rows - rows.mean(1, keepdim=True)
        divisor: Any = max(observations - correction, 0)
    else:
        total = sum(weight)
        divisor = total - correction * (1 if aweights is None else sum(mul(weight, aweights)) / total)
        centred = rows - unsqueeze(sum(mul(rows, weight), 1) / total, 1)
        spread = mul(centred, weight)
    out = div(matmul(spread, centred.t()), divisor)
    return reshape(out, ()) if out.numel() == 1 else out


@method
def corrcoef(input: Tensor) -> Tensor:
    """Return the correlations of variables, each of which has a row of observations; see :func:`cov`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.corrcoef(minigrad.tensor([[0.0, 1.0, 2.0], [4.0, 2.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    covariances = cov(input)
    if covariances.ndim == 0:
        return div(covariances, covariances)
    deviations = sqrt(diagonal(covariances))
    return clamp(covariances / unsqueeze(deviations, 1) / deviations, -1, 1)
