"""Losses of regression: how far numbers are from what they should be. 《深度学习与梯度》, section 5."""

from __future__ import annotations

import math
import warnings

from .. import _core
from ..batching import bottom
from ..grad_mode import no_grad
from ..tensor import Tensor, array_of
from .creation import full_like
from .elementwise import _add, _sub, _where, div, exp, gt, log, maximum, mul
from .pointwise_loss import _huber_loss, _l1_loss, _mse_loss, _smooth_l1_loss, reduced, reduction_code, wide
from .reduce import _sum
from .shape import broadcast, broadcast_shapes, unsqueeze

__all__ = ["gaussian_nll_loss", "huber_loss", "l1_loss", "mse_loss", "poisson_nll_loss", "smooth_l1_loss"]


def _pair(name: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in one shape; a warning where they had to be broadcast to it."""
    shape = array_of(name, input).shape
    other = array_of(name, target, "target").shape
    if shape == other:
        return input, target
    try:
        common = broadcast_shapes(shape, other)
    except RuntimeError:
        raise RuntimeError(f"{name}: input of shape {shape} and target of shape {other} do not broadcast") from None
    warnings.warn(
        f"{name}: input of shape {shape} and target of shape {other} are broadcast to {common}; is that intended?",
        UserWarning,
        stacklevel=4,
    )
    return broadcast(input, common), broadcast(target, common)


def weighted(name: str, losses: Tensor, weight: Tensor, code: int) -> Tensor:
    """Return the losses times their weights, or the sum of that, or the weighted mean."""
    if array_of(name, weight, "weight").shape != losses._array.shape:
        raise ValueError(f"{name}: weight must have shape {losses._array.shape}, got {weight._array.shape}")
    products = mul(losses, weight)
    if code != 1:
        return reduced(products, code)
    return div(_sum(products, (), False), _sum(weight, (), False))


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return the squared differences, or their mean or sum.

    Parameters
    ----------
    input, target : Tensor
        Of one shape. Other shapes are broadcast, with a warning: for (n, 1) and (n,) that is rarely what is meant.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`.
    reduction : {"mean", "sum", "none"}
        What becomes of the elements' losses.
    weight : Tensor, optional
        A factor for each element; the mean is then divided by the sum of the weights.

    Returns
    -------
    Tensor
        Of shape (), or the inputs' for ``"none"``.

    Raises
    ------
    RuntimeError
        If the shapes do not broadcast.
    ValueError
        If there is no such reduction, or the weight has another shape.

    Notes
    -----
    loss = (ŷ - y)², its gradient 2 (ŷ - y) (《深度学习与梯度》 (5.1), (5.2)).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.mse_loss(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(2.)
    """
    code = reduction_code("mse_loss", reduction, size_average, reduce)
    input, target = _pair("mse_loss", input, target)
    if weight is not None:
        return weighted("mse_loss", _mse_loss(input, target, 0), weight, code)
    return _mse_loss(input, target, code)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return the absolute differences, or their mean or sum; the arguments are those of :func:`mse_loss`.

    Notes
    -----
    loss = |ŷ - y|, its gradient sign(ŷ - y), 0 where both are equal (《深度学习与梯度》 (5.3), (5.4)).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.l1_loss(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(1.)
    """
    code = reduction_code("l1_loss", reduction, size_average, reduce)
    input, target = _pair("l1_loss", input, target)
    if weight is not None:
        return weighted("l1_loss", _l1_loss(input, target, 0), weight, code)
    return _l1_loss(input, target, code)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Return losses that are squares of small differences and absolute values of large ones, or their mean or sum.

    Parameters
    ----------
    input, target, size_average, reduce, reduction
        Those of :func:`mse_loss`.
    beta : float, default 1
        From which difference on the loss is a line.

    Returns
    -------
    Tensor
        Of shape (), or the inputs' for ``"none"``.

    Raises
    ------
    RuntimeError
        If `beta` is negative or the shapes do not broadcast.

    Notes
    -----
    loss = d² / 2β where |d| < β, else |d| - β/2, with d = input - target (Girshick, Fast R-CNN).

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([0.5, 3.0])
    >>> minigrad.nn.functional.smooth_l1_loss(x, minigrad.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    code = reduction_code("smooth_l1_loss", reduction, size_average, reduce)
    if not beta >= 0:
        raise RuntimeError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    input, target = _pair("smooth_l1_loss", input, target)
    return _smooth_l1_loss(input, target, code, beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Return losses that are squares of small differences and grow evenly with large ones, or their mean or sum.

    Parameters
    ----------
    input, target, reduction
        Those of :func:`mse_loss`.
    weight : Tensor, optional
        A factor for each element; as in PyTorch, the mean is here that of the products.
    delta : float, default 1
        From which difference on the loss is a line.

    Returns
    -------
    Tensor
        Of shape (), or the inputs' for ``"none"``.

    Raises
    ------
    RuntimeError
        If `delta` is not positive or the shapes do not broadcast.

    Notes
    -----
    loss = d² / 2 where |d| < δ, else δ (|d| - δ/2), with d = input - target (Huber, Robust Estimation of a Location
    Parameter).

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([0.5, 3.0])
    >>> minigrad.nn.functional.huber_loss(x, minigrad.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    code = reduction_code("huber_loss", reduction)
    if not delta > 0:
        raise RuntimeError(f"huber_loss: delta must be positive, got {delta}")
    input, target = _pair("huber_loss", input, target)
    if weight is not None:
        losses = weighted("huber_loss", _huber_loss(input, target, 0, delta), weight, 0)
        return reduced(losses, code)
    return _huber_loss(input, target, code, delta)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative logarithm of the Poisson likelihood of counts, or its mean or sum.

    Parameters
    ----------
    input : Tensor
        The expected counts, or their logarithms.
    target : Tensor
        The counts; the shapes broadcast.
    log_input : bool, default True
        Whether `input` has logarithms.
    full : bool, default False
        Add Stirling's approximation of ln(target!) for targets above 1.
    eps : float, default 1e-8
        What is added to expected counts before their logarithm is taken.
    size_average, reduce, reduction
        Those of :func:`mse_loss`.

    Returns
    -------
    Tensor
        Of shape (), or the broadcast one for ``"none"``.

    Notes
    -----
    loss = λ - y ln λ, with λ = e^input for logarithms.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.poisson_nll_loss(minigrad.zeros(2), minigrad.tensor([0.0, 3.0]))
    tensor(1.)
    """
    code = reduction_code("poisson_nll_loss", reduction, size_average, reduce)
    array_of("poisson_nll_loss", target, "target")
    array_of("poisson_nll_loss", input)
    rate, log_rate = (exp(input), input) if log_input else (input, log(_add(input, eps)))
    losses = _sub(rate, mul(target, log_rate))
    if full:
        half_log = mul(log(mul(target, 2 * math.pi)), 0.5)
        stirling = _add(_sub(mul(target, log(target)), target), half_log)
        losses = _add(losses, _where(gt(target, 1.0), stirling, 0.0))
    return reduced(losses, code)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative logarithm of the normal likelihood of targets, or its mean or sum.

    Parameters
    ----------
    input, target : Tensor
        The expected values and what was met, which broadcast.
    var : Tensor or float
        The variances: one number, of the input's shape, or without its last dimension or with that of size 1.
    full : bool, default False
        Add the constant ln(2 pi) / 2.
    eps : float, default 1e-6
        The least variance; the gradient goes to smaller ones as if they were as large as this.
    reduction : {"mean", "sum", "none"}
        What becomes of the elements' losses.

    Returns
    -------
    Tensor
        Of shape (), or the broadcast one for ``"none"``.

    Raises
    ------
    ValueError
        If a variance is negative or the variances' shape does not fit.

    Notes
    -----
    loss = (ln v + (x - y)² / v) / 2 (Nix and Weigend, Estimating the Mean and Variance of the Target Probability
    Distribution).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.gaussian_nll_loss(minigrad.zeros(2), minigrad.tensor([1.0, 3.0]), minigrad.ones(2))
    tensor(2.5000)
    """
    name = "gaussian_nll_loss"
    code = reduction_code(name, reduction)
    shape = array_of(name, input).shape
    array_of(name, target, "target")
    if not isinstance(var, Tensor):
        var = full_like(input, var)
    variances = _variances(name, var, shape)
    if variances._array.size and not _core.kernels["min"](wide(bottom(variances._array)), (), False) >= 0:
        raise ValueError(f"{name}: the variances must not be negative")
    with no_grad():
        raised = maximum(variances, eps)
        change = _sub(raised, variances)
    variances = _add(variances, change)
    difference = _sub(input, target)
    losses = mul(_add(log(variances), div(mul(difference, difference), variances)), 0.5)
    return reduced(_add(losses, 0.5 * math.log(2 * math.pi)) if full else losses, code)


def _variances(name: str, var: Tensor, shape: tuple[int, ...]) -> Tensor:
    own = var._array.shape
    if own in (shape, ()) or (len(own) == len(shape) and [a for a, b in zip(own, shape, strict=True) if a != b] == [1]):
        return var
    if own == shape[:-1]:
        return unsqueeze(var, -1)
    raise ValueError(f"{name}: variances of shape {own} do not fit input of shape {shape}")
