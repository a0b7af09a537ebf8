"""Losses of classification. 《深度学习与梯度》, section 5."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core, _dtype
from ..batching import bottom
from ..batching_rules import call, spread
from ..primitive import MANY_TO_MANY, MANY_TO_ONE, ONE_TO_MANY, kernel_primitive
from ..tensor import Tensor, array_of
from .elementwise import _add, _sub, _where, div, mul, ne, neg, safe_mul
from .pointwise_loss import reduction_code
from .promotion import to_dtype
from .reduce import _sum
from .shape import _reshape, _zeros, broadcast, reshape
from .softmax import _log_softmax, softmax_grad

__all__ = ["cross_entropy", "nll_loss"]

_INT64 = np.dtype(np.int64)

# The probabilities are a residual that only rules see, but an output nevertheless, with a derivative of its own: they
# depend on x, and the second derivative of the loss goes through them.


def _cross_entropy_vjp(
    g: Any, probabilities: Any, target: Any, ignore_index: int, label_smoothing: float, reduction: int
) -> Any:
    of_loss, of_probabilities = g
    gx = None
    if of_loss is not None:
        gx = cross_entropy_grad(of_loss, probabilities, target, ignore_index, label_smoothing, reduction)
    if of_probabilities is None:
        return gx
    through = softmax_grad(of_probabilities, probabilities, 1)
    return through if gx is None else _add(gx, through)


def _cross_entropy_jvp(
    t: Any, probabilities: Any, target: Any, ignore_index: int, label_smoothing: float, reduction: int
) -> Any:
    gradient = cross_entropy_grad(_ones(t, reduction), probabilities, target, ignore_index, label_smoothing, reduction)
    of_loss = _sum(mul(gradient, t), (1,) if reduction == 0 else (), False)
    return of_loss, softmax_grad(t, probabilities, 1)


def _ones(like: Any, reduction: int) -> Any:
    """Return a cotangent of ones for the loss."""
    array = like._array if isinstance(like, Tensor) else like
    return np.ones(array.shape[:1] if reduction == 0 else (), dtype=array.dtype)


_cross_entropy = kernel_primitive(
    "cross_entropy",
    equation="loss = -Σ q ln p, with p = softmax(x) and q the smoothed target",
    source="《深度学习与梯度》 (5.10)",
    relation=MANY_TO_ONE,
    returned=1,
    vjp={"x": _cross_entropy_vjp},
    jvp={"x": _cross_entropy_jvp},
    batch=lambda level, values, batched, *settings: _batched_cross_entropy(level, values, batched, settings),
)


def _rows(level: Any, x: Any, batched: bool) -> Any:
    """Return all examples' rows, one example behind the other."""
    whole = spread(level, x, batched)
    return _reshape(whole, (whole.shape[0] * whole.shape[1], *whole.shape[2:]))


def _sums(level: Any, rows: Any) -> Any:
    """Return, for each example, the sum over its rows."""
    return _sum(_reshape(rows, (level.size, -1)), (1,), False)


def _counted(target: Any, ignore_index: int, like: Any) -> Any:
    """Return 1 for each target that counts, else 0, in the dtype of `like`."""
    return to_dtype(ne(target, ignore_index), _dtype.from_numpy_dtype(getattr(like, "_array", like).dtype))


def _of_examples(level: Any, losses: Any, shares: Callable[[], Any], reduction: int) -> Any:
    """Return what becomes of all examples' losses, each example's by itself; a mean is divided by the sum of `shares`."""
    if reduction == 0:
        return _reshape(losses, (level.size, -1))
    totals = _sums(level, losses)
    return div(totals, _sums(level, shares())) if reduction == 1 else totals


def _batched_cross_entropy(level: Any, values: Any, batched: Any, settings: _Settings) -> Any:
    x, target = (_rows(level, v, b) for v, b in zip(values, batched, strict=True))
    ignore_index, label_smoothing, reduction = settings
    losses, probabilities = call(
        _cross_entropy.primitive,  # type: ignore[attr-defined]
        (x, target),
        (ignore_index, label_smoothing, 0),
    )
    losses = _of_examples(level, losses, lambda: _counted(target, ignore_index, losses), reduction)
    return losses, _reshape(probabilities, (level.size, -1, x.shape[1]))


_Settings = tuple[int, float, int]


def _scaled(h: Any, g: Any, p: Any, target: Any, settings: _Settings) -> Any:
    """Return h times the factor that multiplies p in cross_entropy_grad: affine in p, less its value at p = 0."""
    return _sub(
        cross_entropy_grad(g, h, target, *settings),
        cross_entropy_grad(g, _zeros(p, p.shape), target, *settings),
    )


def _grad_of_g(h: Any, p: Any, target: Any, settings: _Settings) -> Any:
    gradient = cross_entropy_grad(_ones(p, settings[2]), p, target, *settings)
    return _sum(mul(h, gradient), (1,) if settings[2] == 0 else (), False)


cross_entropy_grad: Callable[..., Any] = kernel_primitive(
    "cross_entropy_grad",
    equation="out = g (p - q), divided by the number of targets for a mean",
    source="《深度学习与梯度》 (5.11)",
    relation=MANY_TO_MANY,
    vjp={
        "g": lambda h, probabilities, target, ignore_index, label_smoothing, reduction: _grad_of_g(
            h, probabilities, target, (ignore_index, label_smoothing, reduction)
        ),
        "probabilities": lambda h, g, probabilities, target, ignore_index, label_smoothing, reduction: _scaled(
            h, g, probabilities, target, (ignore_index, label_smoothing, reduction)
        ),
    },
    jvp={
        "g": lambda t, probabilities, target, ignore_index, label_smoothing, reduction: cross_entropy_grad(
            t, probabilities, target, ignore_index, label_smoothing, reduction
        ),
        "probabilities": lambda t, g, probabilities, target, ignore_index, label_smoothing, reduction: _scaled(
            t, g, probabilities, target, (ignore_index, label_smoothing, reduction)
        ),
    },
    batch=lambda level, values, batched, *settings: _batched_cross_entropy_grad(level, values, batched, settings),
)


def _row_cotangents(level: Any, g: Any, target: Any, shares: Callable[[], Any], reduction: int) -> Any:
    """Return what of the cotangents of all examples' losses goes to each row; of a mean, before weights are applied."""
    if reduction == 1:
        g = div(g, _sums(level, shares()))
    if reduction > 0:
        g = _reshape(g, (*g.shape, 1))
    return _reshape(broadcast(g, (level.size, _each(level, target))), (target.shape[0],))


def _each(level: Any, rows: Any) -> int:
    """Return how many of all examples' rows belong to each."""
    return rows.shape[0] // level.size if level.size else 0


def _batched_cross_entropy_grad(level: Any, values: Any, batched: Any, settings: _Settings) -> Any:
    p, target = (_rows(level, v, b) for v, b in zip(values[1:], batched[1:], strict=True))
    ignore_index, label_smoothing, reduction = settings
    g = values[0]
    rows = _row_cotangents(level, g, target, lambda: _counted(target, ignore_index, g), reduction)
    out = cross_entropy_grad(rows, p, target, ignore_index, label_smoothing, 0)
    return _reshape(out, (level.size, _each(level, target), p.shape[1]))


def _batched_nll(level: Any, values: Any, batched: Any, ignore_index: int, reduction: int) -> Any:
    x, target = (_rows(level, values[i], batched[i]) for i in (0, 2))
    weight, minus = values[1], _minus_ones(x, x.shape)
    if batched[1]:  # each example has weights of its own
        each = _example_weights(level, weight, x.shape)
        x, minus, weight = mul(x, each), mul(minus, each), 1.0
    losses = _nll_loss(x, weight, target, ignore_index, 0)
    return _of_examples(level, losses, lambda: _nll_loss(minus, weight, target, ignore_index, 0), reduction)


def _batched_nll_grad(
    level: Any, values: Any, batched: Any, ignore_index: int, reduction: int, shape: tuple[int, ...]
) -> Any:
    g, weight = values[:2]
    target = _rows(level, values[2], batched[2])
    whole = (level.size * shape[0], *shape[1:])
    minus = _minus_ones(g, whole)
    if batched[1]:
        each = _example_weights(level, weight, whole)
        minus, weight = mul(minus, each), 1.0
    cotangents = _row_cotangents(level, g, target, lambda: _nll_loss(minus, weight, target, ignore_index, 0), reduction)
    out = nll_loss_grad(cotangents, weight, target, ignore_index, 0, whole)
    return _reshape(mul(out, each) if batched[1] else out, (level.size, *shape))


def _example_weights(level: Any, weight: Any, shape: tuple[int, ...]) -> Any:
    """Return the weights of each example's classes, to be multiplied by all examples' rows, which have this shape."""
    each = shape[0] // level.size if level.size else 0
    classes = weight.shape[1:] or (1,)
    repeated = broadcast(_reshape(weight, (level.size, 1, *classes)), (level.size, each, *classes))
    return _reshape(repeated, (shape[0], *classes, *(1,) * (len(shape) - 2)))


def _minus_ones(like: Any, shape: tuple[int, ...]) -> Any:
    """Return logarithms of -1 everywhere, by which nll_loss gives weights."""
    return _core.broadcast_view(np.full((), -1, getattr(like, "_array", like).dtype), shape)


def _total_weight(like: Any, weight: Any, target: Any, ignore_index: int, shape: tuple[int, ...]) -> Any:
    """Return the sum of the targets' weights, by which a mean is divided."""
    return _nll_loss(_minus_ones(like, shape), weight, target, ignore_index, 2)


def _weight_vjp(
    g: Any, x: Any, weight: Any, target: Any, ignore_index: int, reduction: int, weight_shape: tuple[int, ...]
) -> Any:
    """Return the cotangent that the weights get of that of nll_loss(x).

    The mean m = -Σ w x / Σ w has the derivative -(x + m) / Σ w by the weight of a target.
    """
    if reduction == 1:
        mean = _nll_loss(x, weight, target, ignore_index, 1)
        g, x = div(g, _total_weight(x, weight, target, ignore_index, x.shape)), _add(x, mean)
    of_elements = safe_mul(nll_loss_grad(g, 1.0, target, ignore_index, 2 if reduction else 0, x.shape), x)
    return _sum(of_elements, (0, *range(2, len(x.shape))) if weight_shape else (), False)


def _nll_weight_jvp(t: Any, x: Any, weight: Any, target: Any, ignore_index: int, reduction: int) -> Any:
    if reduction != 1:
        return _nll_loss(x, t, target, ignore_index, reduction)
    x = _add(x, _nll_loss(x, weight, target, ignore_index, 1))
    total = _total_weight(x, weight, target, ignore_index, x.shape)
    return div(_nll_loss(x, t, target, ignore_index, 2), total)


def _nll_grad_weight_jvp(
    t: Any, g: Any, weight: Any, target: Any, ignore_index: int, reduction: int, shape: tuple[int, ...]
) -> Any:
    if reduction != 1:
        return nll_loss_grad(g, t, target, ignore_index, reduction, shape)
    total, of_total = (_total_weight(g, w, target, ignore_index, shape) for w in (weight, t))
    direct = nll_loss_grad(div(g, total), t, target, ignore_index, 2, shape)
    return _sub(direct, nll_loss_grad(mul(g, div(of_total, total)), weight, target, ignore_index, 1, shape))


_nll_loss: Callable[..., Any] = kernel_primitive(
    "nll_loss",
    equation="loss = -weight[target] x[target], their sum, or the sum divided by that of the targets' weights",
    source="《深度学习与梯度》 (5.10)",
    relation=MANY_TO_MANY,
    vjp={
        "x": lambda g, weight, target, ignore_index, reduction, x_shape: nll_loss_grad(
            g, weight, target, ignore_index, reduction, x_shape
        ),
        "weight": _weight_vjp,
    },
    jvp={
        "x": lambda t, weight, target, ignore_index, reduction: _nll_loss(t, weight, target, ignore_index, reduction),
        "weight": _nll_weight_jvp,
    },
    batch=_batched_nll,
)
nll_loss_grad: Callable[..., Any] = kernel_primitive(
    "nll_loss_grad",
    equation="out = -g weight[target] at the target, divided by the sum of the targets' weights for a mean, 0 elsewhere",
    source="derivative of nll_loss",
    relation=ONE_TO_MANY,
    vjp={
        "g": lambda h, weight, target, ignore_index, reduction: _nll_loss(h, weight, target, ignore_index, reduction),
        "weight": lambda h, g, weight, target, ignore_index, reduction, weight_shape: _weight_vjp(
            g, h, weight, target, ignore_index, reduction, weight_shape
        ),
    },
    jvp={
        "g": lambda t, weight, target, ignore_index, reduction, shape: nll_loss_grad(
            t, weight, target, ignore_index, reduction, shape
        ),
        "weight": _nll_grad_weight_jvp,
    },
    batch=_batched_nll_grad,
)


# ----------------------------------------------------------------------------------------------------------------------
# Public functions.


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of logits against classes or against probabilities of classes.

    Parameters
    ----------
    input : Tensor
        The logits, of shape (n, c), (c,) or (n, c, d1, ...).
    target : Tensor
        The classes, integers in [0, c), of shape (n,), () or (n, d1, ...); or, as floats of the input's shape, the
        probabilities of the classes.
    weight : Tensor, optional
        A factor for each class, of shape (c,).
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`.
    ignore_index : int, default -100
        Targets of this value count for nothing.
    reduction : {"mean", "sum", "none"}
        What becomes of the n losses. The mean over classes is divided by the sum of the targets' weights, that over
        probabilities by the number of losses.
    label_smoothing : float in [0, 1], default 0
        How much of the target's probability is spread over all classes.

    Returns
    -------
    Tensor
        Of shape (), or for ``"none"`` of the target's, without the dimension of classes.

    Raises
    ------
    IndexError
        If a class is out of range.
    RuntimeError
        If the shapes do not fit.

    Notes
    -----
    loss = -ln softmax(x)[target], computed without overflow; its gradient is p - onehot(target)
    (《深度学习与梯度》 (5.10), (5.11)).

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.zeros(1, 3, requires_grad=True)
    >>> minigrad.nn.functional.cross_entropy(x, minigrad.tensor([0])).backward()
    >>> x.grad
    tensor([[-0.6667,  0.3333,  0.3333]])
    """
    code = reduction_code("cross_entropy", reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"cross_entropy: label_smoothing must lie in [0, 1], got {label_smoothing}")
    shape = array_of("cross_entropy", input).shape
    kind = array_of("cross_entropy", target, "target").dtype
    if kind.kind == "f" and target._array.shape == shape and shape:
        if ignore_index >= 0:
            raise RuntimeError(f"cross_entropy: probabilities have no class to ignore, got ignore_index={ignore_index}")
        return _against_probabilities(input, target, weight, code, label_smoothing)
    if kind is not _INT64:
        target = class_indices("cross_entropy", target)
    try:
        if weight is None and len(shape) == 2 and shape[:1] == target._array.shape:
            return _cross_entropy(input, target, ignore_index, label_smoothing, code)
        rows, labels = as_rows("cross_entropy", input, target)
        if weight is None and len(rows._array.shape) == 2:
            losses = _cross_entropy(rows, labels, ignore_index, label_smoothing, code)
        else:
            losses = _nll("cross_entropy", _log_softmax(rows, 1), labels, weight, ignore_index, code, label_smoothing)
    except IndexError:
        raise no_class("cross_entropy", input, target, ignore_index) from None
    return _reshape(losses, target._array.shape) if code == 0 else losses


def class_indices(name: str, target: Tensor) -> Tensor:
    """Return a target's classes as int64; RuntimeError where they are no integers."""
    kind = array_of(name, target, "target").dtype
    if kind is _INT64:
        return target
    if kind.kind not in "iu":
        raise RuntimeError(f"{name}: the target must be integers, got {target.dtype}")
    return to_dtype(target, _dtype.int64)


def check_class_weight(name: str, weight: Tensor | None, classes: int) -> None:
    """Raise a RuntimeError where there are weights, but not one for each class."""
    if weight is not None and array_of(name, weight, "weight").shape != (classes,):
        raise RuntimeError(f"{name}: weight must have shape ({classes},), got {weight._array.shape}")


def no_class(name: str, input: Tensor, target: Tensor, ignored: int | None) -> IndexError:
    """Return the error for a target that is no class, which tells the first one."""
    shape, labels = input._array.shape, bottom(target._array)
    classes = shape[min(len(shape) - 1, 1)]
    wrong = np.argwhere(((labels < 0) | (labels >= classes)) & (labels != ignored))
    place = tuple(wrong[0].tolist()) if len(wrong) else ()
    which = f"target {labels[place]}" + (f" at {place}" if place else "") if len(wrong) else "a target"
    return IndexError(f"{name}: {which} is out of range for {classes} classes, got shapes {shape} and {labels.shape}")


def as_rows(name: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return input (n, c, ...) as (n, c) or (n, c, d), and the classes (n, ...) as a vector."""
    x, labels = input._array.shape, target._array.shape
    if len(x) < 2:
        if len(x) == 0 or labels not in ((), (1,)):
            raise RuntimeError(
                f"{name}: one row of logits needs a target of shape (), got input {x} and target {labels}"
            )
        return _reshape(input, (1, *x)), _reshape(target, (1,))
    if x[:1] + x[2:] != labels:
        error = ValueError if labels[:1] != x[:1] else RuntimeError
        more = f" of {target.dtype}; probabilities of the classes are to be floats" if x == labels else ""
        raise error(f"{name}: input of shape {x} needs a target of shape {x[:1] + x[2:]}, got target {labels}{more}")
    if len(x) == 2:
        return input, target
    return reshape(input, *x[:2], math.prod(x[2:])), reshape(target, math.prod(labels))


def _nll(
    name: str, log_p: Any, target: Any, weight: Tensor | None, ignored: int, code: int, smoothing: float = 0.0
) -> Any:
    """Return -weight[t] log_p[t] of the target t of each sample, or the weighted mean or the sum.

    With smoothing, all classes count a little.
    """
    check_class_weight(name, weight, log_p._array.shape[1])
    factor = 1.0 if weight is None else weight
    if not smoothing:
        return _nll_loss(log_p, factor, target, ignored, code)
    shape = log_p._array.shape
    losses = _nll_loss(log_p, factor, target, ignored, 2 if code else 0)
    spread = _spread(log_p, weight, ne(target, ignored))
    losses = _add(
        mul(losses, 1 - smoothing), mul(_sum(spread, (), False) if code else spread, _each_class(smoothing, shape[1]))
    )
    return losses if code != 1 else div(losses, _total_weight(log_p, factor, target, ignored, shape))


def _each_class(smoothing: float, classes: int) -> float:
    """Return what smoothing gives each class."""
    return smoothing / classes if classes else 0.0


def _spread(log_p: Any, weight: Tensor | None, counts: Any) -> Any:
    """Return, for each sample that counts, the weighted sum of -log_p over all classes; 0 for the others."""
    if weight is not None:
        log_p = mul(log_p, _reshape(weight, (-1, *(1,) * (log_p._array.ndim - 2))))
    return _where(counts, neg(_reshape(_sum(log_p, (1,), False), counts._array.shape)), 0.0)


def _against_probabilities(input: Tensor, target: Tensor, weight: Tensor | None, code: int, smoothing: float) -> Tensor:
    shape = input._array.shape
    dim = 0 if len(shape) == 1 else 1
    classes = shape[dim]
    if smoothing:
        target = _add(mul(target, 1 - smoothing), _each_class(smoothing, classes))
    check_class_weight("cross_entropy", weight, classes)
    terms = safe_mul(target, _log_softmax(input, dim))
    if weight is not None:
        terms = mul(terms, _reshape(weight, (classes, *(1,) * (len(shape) - dim - 1))))
    if code == 0:
        return neg(_sum(terms, (dim,), False))
    total = neg(_sum(terms, (), False))
    return div(total, float(math.prod(shape[:dim] + shape[dim + 1 :]))) if code == 1 else total


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative logarithm of the target's likelihood, given logarithms of probabilities.

    Parameters
    ----------
    input : Tensor
        Logarithms, as :func:`log_softmax` gives them, of shape (n, c), (c,) or (n, c, d1, ...).
    target, weight, size_average, ignore_index, reduce, reduction
        Those of :func:`cross_entropy`; the target has classes.

    Returns
    -------
    Tensor
        Of shape (), or the target's for ``"none"``.

    Raises
    ------
    IndexError
        If a class is out of range.
    RuntimeError
        If the shapes do not fit.

    Notes
    -----
    loss = -weight[target] input[target]; the mean is divided by the sum of weight[target].

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.nll_loss(minigrad.tensor([[-1.0, -2.0]]), minigrad.tensor([1]))
    tensor(2.)
    """
    code = reduction_code("nll_loss", reduction, size_average, reduce)
    array_of("nll_loss", input)
    target = class_indices("nll_loss", target)
    rows, labels = as_rows("nll_loss", input, target)
    try:
        losses = _nll("nll_loss", rows, labels, weight, ignore_index, code)
    except IndexError:
        raise no_class("nll_loss", input, target, ignore_index) from None
    return _reshape(losses, target._array.shape) if code == 0 else losses
