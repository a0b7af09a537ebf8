"""Losses of probabilities: binary cross-entropy and the Kullback-Leibler divergence. 《深度学习与梯度》, section 5."""

from __future__ import annotations

from .. import _core
from ..batching import bottom
from ..tensor import Tensor, array_of
from .creation import full_like
from .elementwise import _add, _sub, div, exp, log, mul, neg, safe_mul
from .pointwise_loss import _binary_cross_entropy, _binary_cross_entropy_with_logits, reduced, reduction_code, wide
from .reduce import _mean
from .shape import broadcast

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div", "multilabel_soft_margin_loss"]


def _check_probabilities(name: str, x: Tensor, what: str) -> None:
    array = bottom(x._array)
    if array.size and array.dtype.kind == "f":
        array = wide(array)
        least, most = [_core.kernels[extremum](array, (), False).item() for extremum in ("min", "max")]
        if not (least >= 0 and most <= 1):
            raise RuntimeError(f"{name}: all elements of {what} must lie in [0, 1], got {least} to {most}")


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
        return _binary_cross_entropy(input, target, code)
    losses = mul(_binary_cross_entropy(input, target, 0), broadcast(weight, input._array.shape))
    return reduced(losses, code)


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
        return _binary_cross_entropy_with_logits(input, target, code)
    if pos_weight is None:
        losses = _binary_cross_entropy_with_logits(input, target, 0)
    else:
        # (1 - y) x + (1 + (p - 1) y) ln(1 + e^-x): the last is the loss of -x against 0.
        of_positive = _add(mul(_sub(pos_weight, 1.0), target), 1.0)
        softplus = _binary_cross_entropy_with_logits(neg(input), full_like(input, 0), 0)
        losses = _add(mul(_sub(1.0, target), input), mul(of_positive, softplus))
    return reduced(losses if weight is None else mul(losses, weight), code)


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


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the binary cross-entropy of logits (..., c) against labels of the same shape, averaged over the classes.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.zeros(2, 3)
    >>> minigrad.nn.functional.multilabel_soft_margin_loss(x, minigrad.ones(2, 3))
    tensor(0.6931)
    """
    code = reduction_code("multilabel_soft_margin_loss", reduction, size_average, reduce)
    losses = binary_cross_entropy_with_logits(input, target, weight, reduction="none")
    return reduced(_mean(losses, (losses._array.ndim - 1,), False), code)
