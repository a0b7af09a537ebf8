"""Losses of single elements against targets. 《深度学习与梯度》, section 5."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core, _dtype
from ..batching import bottom
from ..batching_rules import spread
from ..grad_mode import no_grad
from ..primitive import MANY_TO_ONE, ONE_TO_MANY, Rule, kernel_primitive
from ..tensor import Tensor, array_of
from .creation import full_like
from .elementwise import (
    _add,
    _sub,
    _where,
    abs,
    div,
    exp,
    ge,
    gt,
    log,
    lt,
    maximum,
    mul,
    ne,
    neg,
    safe_mul,
    sigmoid,
    sigmoid_grad,
)
from .reduce import _mean, _sum
from .selection import clamp
from .shape import _reshape, broadcast, broadcast_shapes, unsqueeze

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "margin_ranking_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
]

#: The least denominator in the derivative of binary cross-entropy: 1e-12 as a float.
_LEAST = float(np.float32(1e-12))

GRADIENTS = "《深度学习与梯度》"
REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}

# ----------------------------------------------------------------------------------------------------------------------
# Reductions.


def reduction_code(name: str, reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> int:
    """Return the number of a reduction; ValueError where there is none of this name.

    `size_average` and `reduce` are what PyTorch had before `reduction`; where either is given it decides.
    """
    if size_average is not None or reduce is not None:
        return 0 if reduce is False else 2 if size_average is False else 1
    code = REDUCTIONS.get(reduction)
    if code is None:
        raise ValueError(f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
    return code


def reduced(losses: Any, code: int) -> Any:
    """Return losses as they are, their mean or their sum."""
    return losses if code == 0 else _mean(losses, (), False) if code == 1 else _sum(losses, (), False)


def _share(g: Any, code: int, x_shape: tuple[int, ...]) -> Any:
    """Return what of a loss's cotangent goes to each element."""
    return div(g, float(math.prod(x_shape))) if code == 1 and g.shape == () else g


def _one(like: Any) -> Any:
    return np.ones((), dtype=like._array.dtype if isinstance(like, Tensor) else like.dtype)


# ----------------------------------------------------------------------------------------------------------------------
# Primitives: a loss of input x and target y, and its derivative by x times the cotangent, both with the reduction.
#
# The rules of such a pair follow from three functions: the derivative by y, and what multiplies h in the derivative of
# the derivative by x and by y.

Parameters = tuple[float, ...]  # nothing, or where the loss changes from a parabola to a line


def _losses(
    name: str,
    equation: str,
    slope: str,
    source: str,
    *,
    to_target: Callable[..., Any],
    bend: Callable[[Any, Any, Any, Parameters], Any],
    bend_target: Callable[[Any, Any, Any, Parameters], Any],
    has_beta: bool = False,
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Make the records of a loss and of its gradient.

    ``to_target(by_x, g, x, y, reduction, parameters)`` is the rule for y, where by_x takes the same and is that for x;
    ``bend(h, x, y, parameters)`` and ``bend_target`` are h times the derivatives of the slope by x and by y.
    """

    def by_x(g: Any, x: Any, y: Any, code: int, parameters: Parameters) -> Any:
        return grad(g, x, y, code, *parameters)

    def by_y(g: Any, x: Any, y: Any, code: int, parameters: Parameters) -> Any:
        return to_target(by_x, g, x, y, code, parameters)

    def times(rule: Callable[..., Any]) -> Callable[..., Any]:
        """Return what adds up t times the derivatives of the elements; 0 without elements."""
        return lambda t, x, y, code, parameters: _total(mul(t, rule(_one(x), x, y, 0, parameters)), code)

    def bent(how: Callable[..., Any]) -> Callable[..., Any]:
        return lambda h, g, x, y, code, parameters: how(safe_mul(h, _share(g, code, x.shape)), x, y, parameters)

    def batched_loss(level: Any, values: Any, batched: Any, code: int, *parameters: float) -> Any:
        x, y = (spread(level, v, b) for v, b in zip(values, batched, strict=True))
        losses = loss(x, y, 0, *parameters)
        if code == 0:
            return losses
        flat = _reshape(losses, (level.size, math.prod(x.shape[1:])))
        return (_mean if code == 1 else _sum)(flat, (1,), False)

    bends = {"x": _reading_g(bent(bend), has_beta), "y": _reading_g(bent(bend_target), has_beta)}
    loss = kernel_primitive(
        name,
        equation=f"out = {equation}, or their mean or sum",
        source=source,
        relation=MANY_TO_ONE,
        vjp={"x": _reading(by_x, has_beta), "y": _reading(by_y, has_beta)},
        jvp={"x": _reading(times(by_x), has_beta), "y": _reading(times(by_y), has_beta)},
        batch=batched_loss,
    )
    grad: Callable[..., Any] = kernel_primitive(
        f"{name}_grad",
        equation=f"out = g {slope}, divided by the number of elements for a mean",
        source=source,
        relation=ONE_TO_MANY,
        vjp={"g": _reading(times(by_x), has_beta), **bends},
        jvp={"g": _reading(by_x, has_beta), **bends},
        batch=lambda *call: _batched_grad(grad, *call),
    )
    return loss, grad


def _total(each: Any, code: int) -> Any:
    """Return what becomes of the elements' tangents; 0 without elements."""
    return reduced(each, code if math.prod(each.shape) else 2 * (code > 0))


def _batched_grad(
    grad: Callable[..., Any], level: Any, values: Any, batched: Any, code: int, *parameters: float
) -> Any:
    """Return the batching rule's result for the gradient of a loss."""
    g, *operands = values
    x, y = (spread(level, v, b) for v, b in zip(operands, batched[1:], strict=True))
    shape = x.shape[1:]
    if g.shape[batched[0] :] == ():
        g = div(g, float(math.prod(shape))) if code == 1 else g
        g = _reshape(g, (*g.shape, *(1,) * len(shape))) if batched[0] else g
    return grad(broadcast(g, x.shape), x, y, 0, *parameters)


def _reading(function: Callable[..., Any], has_beta: bool) -> Rule:
    """Return a rule that reads the operands and the attributes."""
    if has_beta:
        return lambda t, x, y, reduction, beta: function(t, x, y, reduction, (beta,))
    return lambda t, x, y, reduction: function(t, x, y, reduction, ())


def _reading_g(function: Callable[..., Any], has_beta: bool) -> Rule:
    if has_beta:
        return lambda h, g, x, y, reduction, beta: function(h, g, x, y, reduction, (beta,))
    return lambda h, g, x, y, reduction: function(h, g, x, y, reduction, ())


def _minus(by_x: Any, g: Any, x: Any, y: Any, code: int, parameters: Parameters) -> Any:
    return by_x(neg(g), x, y, code, parameters)


def _of_difference(bend: Callable[[Any, Any, Parameters], Any]) -> dict[str, Any]:
    """Return the rules of a loss of d = x - y, of which ``bend(h, d)`` is h times the second derivative."""
    return {
        "to_target": _minus,
        "bend": lambda h, x, y, parameters: bend(h, _sub(x, y), parameters),
        "bend_target": lambda h, x, y, parameters: neg(bend(h, _sub(x, y), parameters)),
    }


_mse_loss, mse_loss_grad = _losses(
    "mse_loss",
    "(x - y)²",
    "2 (x - y)",
    f"{GRADIENTS} (5.1), (5.2)",
    **_of_difference(lambda h, d, parameters: mul(_like(h, d), 2.0)),  # noqa: ARG005
)
_l1_loss, l1_loss_grad = _losses(
    "l1_loss",
    "|x - y|",
    "sign(x - y)",
    f"{GRADIENTS} (5.3), (5.4)",
    **_of_difference(lambda h, d, parameters: mul(_like(h, d), 0.0)),  # noqa: ARG005
)
_smooth_l1_loss, smooth_l1_loss_grad = _losses(
    "smooth_l1_loss",
    "(x - y)² / 2β where |x - y| < β, else |x - y| - β/2",
    "(x - y) / β where |x - y| < β, else sign(x - y)",
    "Girshick, Fast R-CNN",
    **_of_difference(lambda h, d, parameters: _where(lt(abs(d), parameters[0]), div(h, parameters[0] or 1.0), 0.0)),
    has_beta=True,
)
_huber_loss, huber_loss_grad = _losses(
    "huber_loss",
    "(x - y)² / 2 where |x - y| < β, else β (|x - y| - β/2)",
    "the difference x - y, limited to ±β",
    "Huber, Robust Estimation of a Location Parameter",
    **_of_difference(lambda h, d, parameters: _where(lt(abs(d), parameters[0]), h, 0.0)),
    has_beta=True,
)


def _like(h: Any, d: Any) -> Any:
    """Return h in d's shape."""
    return h if h.shape == d.shape else broadcast(h, d.shape)


def _spread(x: Any) -> Any:
    """Return x (1 - x)."""
    return mul(x, _sub(1.0, x))


def _bend_probability(h: Any, x: Any, y: Any, parameters: Parameters) -> Any:  # noqa: ARG001
    """Return h times the derivative of (x - y) / (x (1 - x)) by x, 1e-12 being the least of the denominator."""
    spread = _spread(x)
    free = ge(spread, _LEAST)
    denominator = _where(free, spread, _LEAST)
    bend = mul(div(_sub(x, y), mul(denominator, denominator)), _where(free, _sub(1.0, mul(x, 2.0)), 0.0))
    return safe_mul(h, _sub(div(1.0, denominator), bend))


def _bend_probability_target(h: Any, x: Any, y: Any, parameters: Parameters) -> Any:  # noqa: ARG001
    spread = _spread(x)
    return neg(div(_like(h, y), _where(ge(spread, _LEAST), spread, _LEAST)))


def _bend_target(h: Any, g: Any, x: Any, y: Any, reduction: int) -> Any:
    return _bend_probability_target(safe_mul(h, _share(g, reduction, x.shape)), x, y, ())


binary_cross_entropy_target_grad: Callable[..., Any] = kernel_primitive(
    "binary_cross_entropy_target_grad",
    equation="out = g (ln(1 - x) - ln x), with logarithms of at least -100, divided by the number of elements for a mean",
    source=f"derivative of {GRADIENTS} (5.5) by y",
    relation=ONE_TO_MANY,
    vjp={
        "g": lambda h, x, y, reduction: _total(mul(h, binary_cross_entropy_target_grad(_one(x), x, y, 0)), reduction),
        "x": lambda h, g, x, y, reduction: _bend_target(h, g, x, y, reduction),
    },
    jvp={
        "g": lambda t, x, y, reduction: binary_cross_entropy_target_grad(t, x, y, reduction),
        "x": lambda t, g, x, y, reduction: _bend_target(t, g, x, y, reduction),
    },
    batch=lambda *call: _batched_grad(binary_cross_entropy_target_grad, *call),
)


_binary_cross_entropy, binary_cross_entropy_grad = _losses(
    "binary_cross_entropy",
    "-(y ln x + (1 - y) ln(1 - x)), with logarithms of at least -100",
    "(x - y) / (x (1 - x)), the denominator at least 1e-12",
    f"{GRADIENTS} (5.5), (5.6)",
    to_target=lambda by_x, g, x, y, code, parameters: binary_cross_entropy_target_grad(g, x, y, code),  # noqa: ARG005
    bend=_bend_probability,
    bend_target=_bend_probability_target,
)


def _bend_logits(h: Any, x: Any, y: Any, parameters: Parameters) -> Any:  # noqa: ARG001
    return sigmoid_grad(_like(h, x), sigmoid(x))


_binary_cross_entropy_with_logits, binary_cross_entropy_with_logits_grad = _losses(
    "binary_cross_entropy_with_logits",
    "|x| (y where x < 0, else 1 - y) + ln(1 + e^-|x|)",
    "(σ(x) - y)",
    f"{GRADIENTS} (5.7), (5.9)",
    to_target=lambda by_x, g, x, y, code, parameters: safe_mul(neg(_share(g, code, x.shape)), x),  # noqa: ARG005
    bend=_bend_logits,
    bend_target=lambda h, x, y, parameters: neg(_like(h, y)),  # noqa: ARG005
)


# ----------------------------------------------------------------------------------------------------------------------
# Public functions.


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
        return reduced(products, code)  # type: ignore[no-any-return]
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
    return _mse_loss(input, target, code)  # type: ignore[no-any-return]


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
    return _l1_loss(input, target, code)  # type: ignore[no-any-return]


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
    return _smooth_l1_loss(input, target, code, beta)  # type: ignore[no-any-return]


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Return losses that are squares of small differences and grow evenly with large ones, or their mean or sum.

    Parameters
    ----------
    input, target, reduction, weight
        Those of :func:`mse_loss`.
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
        return weighted("huber_loss", _huber_loss(input, target, 0, delta), weight, code)
    return _huber_loss(input, target, code, delta)  # type: ignore[no-any-return]


def wide(array: Any) -> Any:
    """Return an array as kernels that compute take it: float16 as float32."""
    return _core.kernels["cast"](array, _dtype.float32.code) if array.dtype == np.float16 else array


def _check_probabilities(name: str, x: Tensor, what: str) -> None:
    array = bottom(x._array)
    if array.size and array.dtype.kind == "f":
        array = wide(array)
        least, most = _core.kernels["min"](array, (), False), _core.kernels["max"](array, (), False)
        if not (least >= 0 and most <= 1):
            raise RuntimeError(
                f"{name}: all elements of {what} must lie in [0, 1], got {least.item()} to {most.item()}"
            )


def _same_shape(name: str, input: Tensor, target: Tensor) -> None:
    if array_of(name, input).shape != array_of(name, target, "target").shape:
        raise ValueError(
            f"{name}: input and target must have one shape, got {input._array.shape} and {target._array.shape}"
        )


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the cross-entropy of probabilities against targets, or its mean or sum.

    Parameters
    ----------
    input : Tensor
        Probabilities, in [0, 1].
    target : Tensor
        What they are held against, in [0, 1] and of the same shape.
    weight : Tensor, optional
        Factors for the elements, which broadcast.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`.
    reduction : {"mean", "sum", "none"}
        What becomes of the elements' losses. A mean is divided by the number of elements.

    Returns
    -------
    Tensor
        Of shape (), or the inputs' for ``"none"``.

    Raises
    ------
    ValueError
        If the shapes differ.
    RuntimeError
        If an element is not in [0, 1].

    Notes
    -----
    loss = -(y ln p + (1 - y) ln(1 - p)) (《深度学习与梯度》 (5.5)), where the logarithms are at least -100: a certain
    error costs 100.

    Examples
    --------
    >>> import minigrad
    >>> p = minigrad.tensor([0.5, 1.0])
    >>> minigrad.nn.functional.binary_cross_entropy(p, minigrad.tensor([1.0, 0.0]), reduction="none")
    tensor([  0.6931, 100.0000])
    """
    name = "binary_cross_entropy"
    code = reduction_code(name, reduction, size_average, reduce)
    _same_shape(name, input, target)
    _check_probabilities(name, input, "input")
    _check_probabilities(name, target, "target")
    if weight is None:
        return _binary_cross_entropy(input, target, code)  # type: ignore[no-any-return]
    losses = mul(_binary_cross_entropy(input, target, 0), broadcast(weight, input._array.shape))
    return reduced(losses, code)  # type: ignore[no-any-return]


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return the cross-entropy of sigmoid(input) against targets, or its mean or sum, without overflow.

    Parameters
    ----------
    input : Tensor
        Logits of any size.
    target : Tensor
        What their sigmoid is held against, in [0, 1] and of the same shape.
    weight, pos_weight : Tensor, optional
        Factors for the elements, and for what targets of 1 cost; they broadcast.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`.
    reduction : {"mean", "sum", "none"}
        What becomes of the elements' losses. A mean is divided by the number of elements.

    Returns
    -------
    Tensor
        Of shape (), or the inputs' for ``"none"``.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    loss = |x| (y where x < 0, else 1 - y) + ln(1 + e^-|x|) (《深度学习与梯度》 (5.7)), its gradient σ(x) - y (5.9).

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([0.0, 1000.0], requires_grad=True)
    >>> loss = minigrad.nn.functional.binary_cross_entropy_with_logits(x, minigrad.tensor([1.0, 0.0]), reduction="sum")
    >>> loss
    tensor(1000.6932, grad_fn=<BinaryCrossEntropyWithLogitsBackward>)
    """
    name = "binary_cross_entropy_with_logits"
    code = reduction_code(name, reduction, size_average, reduce)
    _same_shape(name, input, target)
    if weight is None and pos_weight is None:
        return _binary_cross_entropy_with_logits(input, target, code)  # type: ignore[no-any-return]
    if pos_weight is None:
        losses = _binary_cross_entropy_with_logits(input, target, 0)
    else:
        # (1 - y) x + (1 + (p - 1) y) ln(1 + e^-x): the last is the loss of -x against 0.
        of_positive = _add(mul(_sub(pos_weight, 1.0), target), 1.0)
        softplus = _binary_cross_entropy_with_logits(neg(input), full_like(input, 0), 0)
        losses = _add(mul(_sub(1.0, target), input), mul(of_positive, softplus))
    return reduced(losses if weight is None else mul(losses, weight), code)  # type: ignore[no-any-return]


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Return the terms of the Kullback-Leibler divergence of `target` from `input`, or their mean or sum.

    Parameters
    ----------
    input : Tensor
        Logarithms of probabilities.
    target : Tensor
        Probabilities, or their logarithms; the shapes broadcast.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`.
    reduction : {"mean", "sum", "batchmean", "none"}
        What becomes of the terms. ``"batchmean"``, the sum divided by the size of dim 0, is the divergence.
    log_target : bool, default False
        Whether `target` has logarithms.

    Returns
    -------
    Tensor
        Of shape (), or the broadcast one for ``"none"``.

    Notes
    -----
    loss = q (ln q - input), 0 where q is 0 (Kullback and Leibler, On Information and Sufficiency).

    Examples
    --------
    >>> import minigrad
    >>> q = minigrad.tensor([[0.5, 0.5]])
    >>> minigrad.nn.functional.kl_div(minigrad.tensor([[0.25, 0.75]]).log(), q, reduction="batchmean")
    tensor(0.1438)
    """
    by_batch = reduction == "batchmean" and size_average is None and reduce is None
    code = 2 if by_batch else reduction_code("kl_div", reduction, size_average, reduce)
    array_of("kl_div", target, "target")
    rows = array_of("kl_div", input).shape[:1]
    if log_target:
        terms = mul(exp(target), _sub(target, input))
    else:
        terms = _sub(safe_mul(target, log(target)), safe_mul(target, input))
    out = reduced(terms, code)
    return div(out, float(rows[0])) if by_batch and rows else out


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
    return reduced(losses, code)  # type: ignore[no-any-return]


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
    return reduced(_add(losses, 0.5 * math.log(2 * math.pi)) if full else losses, code)  # type: ignore[no-any-return]


def _variances(name: str, var: Tensor, shape: tuple[int, ...]) -> Tensor:
    own = var._array.shape
    if own in (shape, ()) or (len(own) == len(shape) and [a for a, b in zip(own, shape, strict=True) if a != b] == [1]):
        return var
    if own == shape[:-1]:
        return unsqueeze(var, -1)
    raise ValueError(f"{name}: variances of shape {own} do not fit input of shape {shape}")


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ln(1 + e^(-target input)) for targets of 1 or -1, or its mean or sum; see :func:`mse_loss`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.soft_margin_loss(minigrad.tensor([0.0, 100.0]), minigrad.tensor([1.0, -1.0]))
    tensor(50.3466)
    """
    code = reduction_code("soft_margin_loss", reduction, size_average, reduce)
    array_of("soft_margin_loss", input)
    array_of("soft_margin_loss", target, "target")
    against = neg(mul(target, input))
    return _binary_cross_entropy_with_logits(against, full_like(against, 0), code)  # type: ignore[no-any-return]


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the distance where the target is 1, and by how much it misses the margin where it is -1.

    Parameters
    ----------
    input, target : Tensor
        Distances, and 1 for pairs that belong together or -1 for others; the shapes broadcast.
    margin : float, default 1
        How far others should be from each other.
    size_average, reduce, reduction
        Those of :func:`mse_loss`.

    Returns
    -------
    Tensor
        Of shape (), or the broadcast one for ``"none"``.

    Notes
    -----
    loss = x for target 1, max(0, margin - x) for target -1 (Hadsell, Chopra and LeCun, Dimensionality Reduction by
    Learning an Invariant Mapping). The gradient where x is the margin is -1, as PyTorch has it.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([0.25, 0.25])
    >>> minigrad.nn.functional.hinge_embedding_loss(x, minigrad.tensor([1, -1]), reduction="none")
    tensor([0.2500, 0.7500])
    """
    code = reduction_code("hinge_embedding_loss", reduction, size_average, reduce)
    array_of("hinge_embedding_loss", target, "target")
    array_of("hinge_embedding_loss", input)
    apart = _where(ne(target, 1), clamp(_sub(margin, input), 0.0), 0.0)
    together = _where(ne(target, -1), input, 0.0)
    return reduced(_add(apart, together), code)  # type: ignore[no-any-return]


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return by how much pairs miss their order: max(0, -target (input1 - input2) + margin).

    Parameters
    ----------
    input1, input2, target : Tensor
        Of equally many dimensions; the target is 1 where `input1` should be larger and -1 where `input2` should.
    margin : float, default 0
        By how much.
    size_average, reduce, reduction
        Those of :func:`mse_loss`.

    Returns
    -------
    Tensor
        Of shape (), or the broadcast one for ``"none"``.

    Raises
    ------
    RuntimeError
        If the numbers of dimensions differ.

    Examples
    --------
    >>> import minigrad
    >>> a, b = minigrad.tensor([1.0, 2.0]), minigrad.tensor([3.0, 0.0])
    >>> minigrad.nn.functional.margin_ranking_loss(a, b, minigrad.tensor([1, 1]), reduction="none")
    tensor([2., 0.])
    """
    name = "margin_ranking_loss"
    code = reduction_code(name, reduction, size_average, reduce)
    shapes = [array_of(name, x).shape for x in (input1, input2, target)]
    if len({len(shape) for shape in shapes}) > 1:
        raise RuntimeError(f"{name}: all operands must have equally many dimensions, got {shapes}")
    missed = _add(neg(mul(target, _sub(input1, input2))), margin)
    return reduced(clamp(missed, 0.0), code)  # type: ignore[no-any-return]
