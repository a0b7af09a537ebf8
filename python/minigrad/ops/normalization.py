"""Normalisation: layer, root mean square, group, instance and batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core, _dtype
from ..batching import is_batched
from ..batching_rules import call, spread
from ..primitive import MANY_TO_MANY, Rule, kernel_primitive, registry
from ..tensor import Tensor, array_of, wrap
from .elementwise import _add, _addcmul, _sub, div, mul, neg, sqrt, to_dtype
from .pointwise_loss import wide
from .reduce import _mean, _sum
from .shape import _permute, _reshape, broadcast, movedim, reshape

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]

# ----------------------------------------------------------------------------------------------------------------------
# Primitives: the rows (dim 1) or columns (dim 0) of a matrix x are brought to mean 0 and variance 1, or, unless
# `centred`, to mean square 1, then multiplied by the weight and shifted by the bias of their column. A weight or bias
# without elements stands for ones or zeros.
#
# Mean and variance of each line are outputs that only rules see: with u = (x - mean) r and r = 1 / sqrt(variance + eps),
# what goes back through x is r (a - mean of a - u times the mean of u a) for a = g w, without the second term unless
# centred. The derivatives treat x, mean and variance as inputs of their own, and mean and variance depend on x.

_Settings = tuple[float, int, bool]  # eps, dim, centred


def _nothing(like: Any) -> Any:
    """Return a weight or a bias that is not there."""
    return np.zeros(0, dtype=like._array.dtype if isinstance(like, Tensor) else like.dtype)


def _times(x: Any, w: Any) -> Any:
    """Return x times the weight, if there is one."""
    return mul(x, w) if w.shape != (0,) else x


def _lines(v: Any, dim: int) -> Any:
    """Return a vector with an element for each line as a matrix."""
    return _reshape(v, (v.shape[0], 1) if dim == 1 else (1, v.shape[0]))


def _total(x: Any, dim: int) -> Any:
    """Return the sums along lines as a matrix."""
    return _sum(x, (dim,), True)


def _vector(x: Any) -> Any:
    return _reshape(x, (math.prod(x.shape),))


def _distance(x: Any, mean: Any, dim: int) -> Any:
    return _sub(x, _lines(mean, dim))


def _scale(variance: Any, eps: float, dim: int) -> Any:
    """Return r, one for each line, as a matrix."""
    return div(1.0, sqrt(_add(_lines(variance, dim), eps)))


def _scale_slope(r: Any) -> Any:
    """Return the derivative of r by the variance."""
    return mul(mul(r, mul(r, r)), -0.5)


def _wide(t: Any, x: Any) -> Any:
    """Return the tangent of a weight or bias, zeros where there is none of them."""
    return t if t.shape != (0,) else np.zeros(x.shape[1], dtype=_nothing(x).dtype)


def _moments_vjp(of_mean: Any, of_variance: Any, x: Any, mean: Any, dim: int, centred: bool) -> Any:
    """Return what goes back to x through the moments; None for nothing."""
    n, out = float(max(x.shape[dim], 1)), None
    if of_mean is not None and centred:
        out = broadcast(_lines(div(of_mean, n), dim), x.shape)
    if of_variance is not None:
        through = mul(_lines(mul(of_variance, 2 / n), dim), _distance(x, mean, dim))
        out = through if out is None else _add(out, through)
    return out


def _standardize_vjp(g: Any, x: Any, w: Any, mean: Any, variance: Any, eps: float, dim: int, centred: bool) -> Any:
    through = _moments_vjp(g[1], g[2], x, mean, dim, centred)
    if g[0] is None:
        return through
    out = standardize_grad(g[0], x, w, mean, variance, eps, dim, centred)
    return out if through is None else _add(out, through)


def _weight_vjp(g: Any, x: Any, w: Any, mean: Any, variance: Any, eps: float, dim: int, centred: bool) -> Any:
    if g[0] is None or w.shape == (0,):
        return mul(w, 0.0)
    return standardize_weight_grad(g[0], x, mean, variance, eps, dim, centred)


def _standardize_jvp(t: Any, x: Any, w: Any, mean: Any, variance: Any, eps: float, dim: int, centred: bool) -> Any:
    out = _times(standardize_grad(t, x, _nothing(x), mean, variance, eps, dim, centred), w)
    of_variance = mul(_sum(mul(t, _distance(x, mean, dim)), (dim,), False), 2 / max(x.shape[dim], 1))
    return out, _mean(t, (dim,), False) if centred else None, of_variance


standardize = kernel_primitive(
    "standardize",
    equation="out = (x - mean) / sqrt(variance + eps) w + b along rows (dim 1) or columns (dim 0)",
    source="Ba, Kiros and Hinton, Layer Normalization; Ioffe and Szegedy, Batch Normalization",
    relation=MANY_TO_MANY,
    returned=1,
    vjp={
        "x": _standardize_vjp,
        "w": _weight_vjp,
        "b": lambda g, b: mul(b, 0.0) if g[0] is None or b.shape == (0,) else _sum(g[0], (0,), False),
    },
    jvp={
        "x": _standardize_jvp,
        "w": lambda t, x, mean, variance, eps, dim: (
            mul(mul(_distance(x, mean, dim), _scale(variance, eps, dim)), _wide(t, x)), None, None
        ),
        "b": lambda t, x: (broadcast(_wide(t, x), x.shape), None, None),
    },
    batch=lambda level, values, batched, *settings: _batched_standardize(level, values, batched, settings),
)  # fmt: skip


def _as_matrix(level: Any, x: Any, batched: bool, dim: int) -> Any:
    """Return all examples' matrices as one, next to each other where columns are standardised."""
    whole = spread(level, x, batched)
    if dim == 1:
        return _reshape(whole, (whole.shape[0] * whole.shape[1], whole.shape[2]))
    return _reshape(_permute(whole, (1, 0, 2)), (whole.shape[1], whole.shape[0] * whole.shape[2]))


def _from_matrix(level: Any, x: Any, dim: int, shape: tuple[int, ...]) -> Any:
    if dim == 1:
        return _reshape(x, (level.size, *shape))
    return _permute(_reshape(x, (shape[0], level.size, shape[1])), (1, 0, 2))


def _of_columns(x: Any, batched: bool) -> Any:
    """Return a weight or bias with the dimension of the rows, None where there is none of them."""
    if x.shape[batched:] == (0,):
        return None
    return _reshape(x, (x.shape[0], 1, x.shape[1])) if batched else x


def _batched_standardize(level: Any, values: Any, batched: Any, settings: Any) -> Any:
    x, w, b = values
    shape, dim = x.shape[batched[0] :], settings[1]
    matrix, none = _as_matrix(level, x, batched[0], dim), _nothing(x)
    at_once = dim == 1 and not batched[1] and not batched[2]
    out, *moments = call(
        standardize.primitive,  # type: ignore[attr-defined]
        (matrix, w, b) if at_once else (matrix, none, none),
        settings,
    )
    out = _from_matrix(level, out, dim, shape)
    if not at_once:
        weight, bias = _of_columns(w, batched[1]), _of_columns(b, batched[2])
        out = out if weight is None else mul(out, weight)
        out = out if bias is None else _add(out, bias)
    return out, *[_reshape(v, (level.size, shape[1 - dim])) for v in moments]


def _batched_standardize_grad(level: Any, values: Any, batched: Any, settings: Any) -> Any:
    g, x, w, *moments = values
    shape, dim = x.shape[batched[1] :], settings[1]
    weight = _of_columns(w, batched[2])
    if weight is not None:
        g, batched = mul(spread(level, g, batched[0]), weight), (True, *batched[1:])
    g, matrix = (_as_matrix(level, v, b, dim) for v, b in ((g, batched[0]), (x, batched[1])))
    lines = [_vector(spread(level, v, b)) for v, b in zip(moments, batched[3:], strict=True)]
    return _from_matrix(level, standardize_grad(g, matrix, _nothing(x), *lines, *settings), dim, shape)


def _batched_weight_grad(level: Any, values: Any, batched: Any, settings: Any) -> Any:
    g, x, mean, variance = (spread(level, v, b) for v, b in zip(values, batched, strict=True))
    eps, dim, _ = settings
    lines = (level.size, -1, 1) if dim == 1 else (level.size, 1, -1)
    r = div(1.0, sqrt(_add(_reshape(variance, lines), eps)))
    return _sum(mul(g, mul(_sub(x, _reshape(mean, lines)), r)), (1,), False)


# h · J a = r (S - H A / n - Q P / n) for S = h · a, A and H the sums of a and h, P = u · a and Q = u · h.
def _grad_parts(h: Any, g: Any, x: Any, w: Any, mean: Any, variance: Any, settings: _Settings) -> Any:
    """Return a, r, u, P and Q."""
    eps, dim, _ = settings
    a, r = _times(g, w), _scale(variance, eps, dim)
    u = mul(_distance(x, mean, dim), r)
    return a, r, u, _total(mul(u, a), dim), _total(mul(u, h), dim)


def _share(r: Any, x: Any, dim: int) -> Any:
    """Return r² / n."""
    return mul(mul(r, r), 1 / max(x.shape[dim], 1))


def _grad_by_x(h: Any, g: Any, x: Any, w: Any, mean: Any, variance: Any, *settings: Any) -> Any:
    a, r, _, of_a, of_h = _grad_parts(h, g, x, w, mean, variance, settings)
    return neg(mul(_share(r, x, settings[1]), _add(mul(of_h, a), mul(of_a, h))))


def _grad_by_mean(h: Any, g: Any, x: Any, w: Any, mean: Any, variance: Any, *settings: Any) -> Any:
    a, r, _, of_a, of_h = _grad_parts(h, g, x, w, mean, variance, settings)
    dim = settings[1]
    return _vector(mul(_share(r, x, dim), _add(mul(of_h, _total(a, dim)), mul(of_a, _total(h, dim)))))


def _grad_by_variance(h: Any, g: Any, x: Any, w: Any, mean: Any, variance: Any, *settings: Any) -> Any:
    a, r, _, of_a, of_h = _grad_parts(h, g, x, w, mean, variance, settings)
    dim, n = settings[1], 1 / max(x.shape[settings[1]], 1)
    total = _sub(_total(mul(h, a), dim), mul(mul(of_h, of_a), 3 * n))
    if settings[2]:
        total = _sub(total, mul(mul(_total(h, dim), _total(a, dim)), n))
    return _vector(mul(total, _scale_slope(r)))


def _grad_by_weight(h: Any, g: Any, x: Any, w: Any, mean: Any, variance: Any, *settings: Any) -> Any:
    if w.shape == (0,):
        return mul(w, 0.0)
    return _sum(mul(g, standardize_grad(h, x, _nothing(x), mean, variance, *settings)), (0,), False)


def _grad_along_x(t: Any, g: Any, x: Any, w: Any, mean: Any, variance: Any, *settings: Any) -> Any:
    a, r, u, of_a, _ = _grad_parts(t, g, x, w, mean, variance, settings)
    dim = settings[1]
    return neg(mul(_share(r, x, dim), _add(mul(t, of_a), mul(u, _total(mul(t, a), dim)))))


def _grad_along_mean(t: Any, g: Any, x: Any, w: Any, mean: Any, variance: Any, *settings: Any) -> Any:
    a, r, u, of_a, _ = _grad_parts(x, g, x, w, mean, variance, settings)
    dim = settings[1]
    return mul(mul(_share(r, x, dim), _lines(t, dim)), _add(of_a, mul(u, _total(a, dim))))


def _grad_along_variance(t: Any, g: Any, x: Any, w: Any, mean: Any, variance: Any, *settings: Any) -> Any:
    a, r, u, of_a, _ = _grad_parts(x, g, x, w, mean, variance, settings)
    dim, n = settings[1], 1 / max(x.shape[settings[1]], 1)
    slope = _sub(a, mul(u, mul(of_a, 3 * n)))
    if settings[2]:
        slope = _sub(slope, mul(_total(a, dim), n))
    return mul(mul(_lines(t, dim), _scale_slope(r)), slope)


def _reads_all(rule: Callable[..., Any]) -> Rule:
    """Return a rule of standardize_grad that reads all of its operands."""
    return lambda t, g, x, w, mean, variance, eps, dim, centred: rule(t, g, x, w, mean, variance, eps, dim, centred)


standardize_grad: Callable[..., Any] = kernel_primitive(
    "standardize_grad",
    equation="out = r (g w - mean of g w - u times the mean of u g w), with u = (x - mean) r, r = 1 / sqrt(variance + eps)",
    source="derivative of standardize",
    relation=MANY_TO_MANY,
    vjp={
        "g": lambda h, x, w, mean, variance, eps, dim, centred: _times(
            standardize_grad(h, x, _nothing(x), mean, variance, eps, dim, centred), w
        ),
        "x": _reads_all(_grad_by_x),
        "w": _reads_all(_grad_by_weight),
        "mean": _reads_all(_grad_by_mean),
        "variance": _reads_all(_grad_by_variance),
    },
    jvp={
        "g": lambda t, x, w, mean, variance, eps, dim, centred: standardize_grad(
            t, x, w, mean, variance, eps, dim, centred
        ),
        "x": _reads_all(_grad_along_x),
        "w": lambda t, g, x, mean, variance, eps, dim, centred: standardize_grad(
            g, x, _wide(t, x), mean, variance, eps, dim, centred
        ),
        "mean": _reads_all(_grad_along_mean),
        "variance": _reads_all(_grad_along_variance),
    },
    batch=lambda level, values, batched, *settings: _batched_standardize_grad(level, values, batched, settings),
)


def _weighted(h: Any, g: Any, variance: Any, eps: float, dim: int) -> Any:
    """Return h g r."""
    return mul(mul(g, h), _scale(variance, eps, dim))


def _bent(h: Any, x: Any, mean: Any, variance: Any, eps: float, dim: int) -> Any:
    """Return h times the derivative of u by the variance."""
    return mul(h, mul(_distance(x, mean, dim), _scale_slope(_scale(variance, eps, dim))))


standardize_weight_grad: Callable[..., Any] = kernel_primitive(
    "standardize_weight_grad",
    equation="out = Σ g u over the rows, with u = (x - mean) / sqrt(variance + eps)",
    source="derivative of standardize by the weight",
    relation=MANY_TO_MANY,
    vjp={
        "g": lambda h, x, mean, variance, eps, dim: mul(mul(_distance(x, mean, dim), _scale(variance, eps, dim)), h),
        "x": lambda h, g, variance, eps, dim: _weighted(h, g, variance, eps, dim),
        "mean": lambda h, g, variance, eps, dim: neg(_vector(_total(_weighted(h, g, variance, eps, dim), dim))),
        "variance": lambda h, g, x, mean, variance, eps, dim: _vector(
            _total(_bent(mul(g, h), x, mean, variance, eps, dim), dim)
        ),
    },
    jvp={
        "g": lambda t, x, mean, variance, eps, dim, centred: standardize_weight_grad(
            t, x, mean, variance, eps, dim, centred
        ),
        "x": lambda t, g, variance, eps, dim: _sum(_weighted(t, g, variance, eps, dim), (0,), False),
        "mean": lambda t, g, variance, eps, dim: neg(
            _sum(_weighted(_lines(t, dim), g, variance, eps, dim), (0,), False)
        ),
        "variance": lambda t, g, x, mean, variance, eps, dim: _sum(
            _bent(mul(g, _lines(t, dim)), x, mean, variance, eps, dim), (0,), False
        ),
    },
    batch=lambda level, values, batched, *settings: _batched_weight_grad(level, values, batched, settings),
)


# ----------------------------------------------------------------------------------------------------------------------
# Public functions.


def _shape_of(name: str, normalized_shape: int | Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return `normalized_shape` as a tuple; RuntimeError unless a shape ends with it."""
    own = (normalized_shape,) if isinstance(normalized_shape, int) else tuple([int(n) for n in normalized_shape])
    if not own or shape[-len(own) :] != own:
        raise RuntimeError(f"{name}: the input's shape must end with {own}, got {shape}")
    return own


def _vector_of(name: str, what: str, x: Tensor | None, shape: tuple[int, ...], like: Tensor) -> Any:
    """Return a weight or bias as a vector, without elements where there is none."""
    if x is None:
        return wrap(_nothing(like))
    if array_of(name, x, what).shape != shape:
        raise RuntimeError(f"{name}: {what} must have shape {shape}, got {x._array.shape}")
    return x if len(shape) == 1 else _reshape(x, (math.prod(shape),))


def _check_float(name: str, input: Tensor) -> tuple[int, ...]:
    array = array_of(name, input)
    if array.dtype.kind != "f":
        raise RuntimeError(f"{name}: needs floating-point elements, got {input.dtype}")
    return array.shape  # type: ignore[no-any-return]


def _of_rows(
    name: str, input: Tensor, own: tuple[int, ...], weight: Any, bias: Any, eps: float, centred: bool
) -> Tensor:
    shape = input._array.shape
    w, b = _vector_of(name, "weight", weight, own, input), _vector_of(name, "bias", bias, own, input)
    if len(shape) == 2 and len(own) == 1:
        return standardize(input, w, b, eps, 1, centred)  # type: ignore[no-any-return]
    rows = _reshape(input, (math.prod(shape[: len(shape) - len(own)]), math.prod(own)))
    return _reshape(standardize(rows, w, b, eps, 1, centred), shape)  # type: ignore[no-any-return]


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return the input with mean 0 and variance 1 over its last dimensions, times a weight, plus a bias.

    Parameters
    ----------
    input : Tensor
        Of a shape that ends with `normalized_shape`.
    normalized_shape : int or sequence of int
        The sizes of the last dimensions.
    weight, bias : Tensor, optional
        Of shape `normalized_shape`.
    eps : float, default 1e-5
        What is added to the variance.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    RuntimeError
        If the shapes do not fit or the elements are not floats.

    Notes
    -----
    out = (x - mean) / sqrt(variance + eps) w + b, where the variance is divided by the number of elements (Ba, Kiros and
    Hinton, Layer Normalization).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.layer_norm(minigrad.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    own = _shape_of("layer_norm", normalized_shape, _check_float("layer_norm", input))
    return _rounded(_of_rows("layer_norm", input, own, weight, bias, eps, True), input)


def rms_norm(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Return the input with mean square 1 over its last dimensions, times a weight.

    Parameters
    ----------
    input : Tensor
        Of a shape that ends with `normalized_shape`.
    normalized_shape : int or sequence of int
        The sizes of the last dimensions.
    weight : Tensor, optional
        Of shape `normalized_shape`.
    eps : float, optional
        What is added to the mean square, the dtype's epsilon unless given.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    RuntimeError
        If the shapes do not fit or the elements are not floats.

    Notes
    -----
    out = x / sqrt(mean of x² + eps) w (Zhang and Sennrich, Root Mean Square Layer Normalization).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.rms_norm(minigrad.tensor([[3.0, -3.0]]), (2,))
    tensor([[ 1., -1.]])
    """
    own = _shape_of("rms_norm", normalized_shape, _check_float("rms_norm", input))
    if eps is None:
        eps = float(np.finfo(input._array.dtype).eps)
    return _rounded(_of_rows("rms_norm", input, own, weight, None, eps, False), input)


def _of_channels(name: str, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Return x (n, c, ...) times the weight, plus the bias, of each channel."""
    shape = x._array.shape
    per_channel = (shape[1], *(1,) * (len(shape) - 2))
    w, b = [
        None if v is None else _reshape(_vector_of(name, what, v, (shape[1],), x), per_channel)
        for v, what in ((weight, "weight"), (bias, "bias"))
    ]
    if w is not None and b is not None:
        return _addcmul(b, x, w, 1.0)  # type: ignore[no-any-return]
    x = x if w is None else mul(x, w)
    return x if b is None else _add(x, b)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return the input with mean 0 and variance 1 over each group of channels, times a weight, plus a bias.

    Parameters
    ----------
    input : Tensor
        Of shape (n, c, ...).
    num_groups : int
        How many groups the channels are divided into.
    weight, bias : Tensor, optional
        Of shape (c,).
    eps : float, default 1e-5
        What is added to the variance.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    RuntimeError
        If the channels cannot be divided so, or the shapes do not fit.
    ValueError
        If there is only one value in a group.

    Notes
    -----
    See :func:`layer_norm` (Wu and He, Group Normalization).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.group_norm(minigrad.tensor([[1.0, 3.0, 10.0, 14.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    name = "group_norm"
    shape = _check_float(name, input)
    if len(shape) < 2:
        raise RuntimeError(f"{name}: the input must have shape (n, c, ...), got {shape}")
    if num_groups <= 0 or shape[1] % num_groups:
        raise RuntimeError(f"{name}: {shape[1]} channels cannot be divided into {num_groups} groups")
    each = shape[1] // num_groups * math.prod(shape[2:])
    if shape[0] * each == 1:
        raise ValueError(f"{name}: needs more than one value in a group, got input of shape {shape}")
    unit = _unit_rows(_reshape(input, (shape[0] * num_groups, each)), eps)
    return _rounded(_of_channels(name, _reshape(unit, shape), weight, bias), input)


_moments = _core.kernels["moments"]


def _mean_and_variance(matrix: Any, eps: float, dim: int) -> Any:
    if is_batched(matrix):
        variance, mean = registry["var_mean"].eager(matrix, (dim,), False, 0.0)
        return mean, variance
    return _moments(wide(matrix), eps, dim, True)


def _follow(running: Tensor | None, now: Any, momentum: float) -> None:
    """Move running statistics towards what is now, in place."""
    if running is not None:
        new = _add(mul(running.detach(), 1 - momentum), mul(wrap(now), momentum))
        if is_batched(new) and not is_batched(running):
            raise RuntimeError(
                "batch_norm, instance_norm: inside vmap, running statistics that all examples share cannot follow each "
                "of them; use eval(), track_running_stats=False or a normalisation within an example (group_norm)"
            )
        running.detach().copy_(new)


def _check_statistics(name: str, running: Tensor | None, what: str, channels: int) -> None:
    if running is not None and array_of(name, running, what).shape != (channels,):
        raise RuntimeError(f"{name}: {what} must have shape ({channels},), got {running._array.shape}")


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return the input with mean 0 and variance 1 in each channel, times a weight, plus a bias.

    Parameters
    ----------
    input : Tensor
        Of shape (n, c) or (n, c, ...).
    running_mean, running_var : Tensor or None
        Of shape (c,). While training they are moved, in place, towards the batch's mean and unbiased variance;
        otherwise they take the place of these.
    weight, bias : Tensor, optional
        Of shape (c,).
    training : bool, default False
        Whether the batch's own mean and variance are used.
    momentum : float, default 0.1
        How far running statistics are moved.
    eps : float, default 1e-5
        What is added to the variance.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    ValueError
        If there is only one value in a channel while training, or `eps` is negative, or 0 while training.
    RuntimeError
        If the shapes do not fit, or running statistics are missing where they are needed.

    Notes
    -----
    out = (x - mean) / sqrt(variance + eps) w + b (Ioffe and Szegedy, Batch Normalization). While training the gradient
    goes through the batch's mean and variance; otherwise each element has a gradient of its own.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> minigrad.nn.functional.batch_norm(x, None, None, training=True)
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    """
    name = "batch_norm"
    shape = _check_float(name, input)
    if shape == (0,):
        return mul(input, 1.0)
    if len(shape) < 2:
        raise RuntimeError(f"{name}: the input must have shape (n, c, ...), got {shape}")
    channels = shape[1]
    _check_statistics(name, running_mean, "running_mean", channels)
    _check_statistics(name, running_var, "running_var", channels)
    if eps < 0 or (training and eps == 0):
        raise ValueError(f"{name}: eps must be positive, or 0 outside training, got {eps}")
    if not training:
        return _rounded(_with_statistics(name, input, running_mean, running_var, weight, bias, eps), input)
    count = math.prod(shape) // channels if channels else 0
    if count == 1:
        raise ValueError(f"{name}: needs more than one value in a channel while training, got input of shape {shape}")
    flat = len(shape) == 2
    matrix = input if flat else reshape(movedim(input, 1, 0), channels, count)  # with a channel in a column, or a row
    if count and (running_mean is not None or running_var is not None):
        mean, variance = _mean_and_variance(matrix._array, eps, 0 if flat else 1)
        _follow(running_mean, mean, momentum)
        _follow(running_var, mul(variance, count / (count - 1)), momentum)
    if not flat:
        unit = _reshape(_unit_rows(matrix, eps), (channels, shape[0], *shape[2:]))
        return _rounded(_of_channels(name, movedim(unit, 0, 1), weight, bias), input)
    w, b = _vector_of(name, "weight", weight, (channels,), input), _vector_of(name, "bias", bias, (channels,), input)
    return _rounded(standardize(matrix, w, b, eps, 0, True), input)


def _unit_rows(rows: Tensor, eps: float) -> Tensor:
    """Return rows with mean 0 and variance 1; of float16 in float32, since more is to come."""
    none = wrap(_nothing(rows))
    wider = to_dtype(rows, _dtype.float32) if rows.dtype is _dtype.float16 else rows
    return standardize(wider, none, none, eps, 1, True)  # type: ignore[no-any-return]


def _rounded(out: Tensor, like: Tensor) -> Tensor:
    return out if out.dtype is like.dtype else to_dtype(out, like.dtype)


def _with_statistics(
    name: str,
    input: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    """Return the input normalised by given means and variances of its channels."""
    if mean is None or variance is None:
        raise RuntimeError(f"{name}: needs running_mean and running_var unless the batch's own statistics are used")
    shape = input._array.shape
    per_channel = (shape[1], *(1,) * (len(shape) - 2))
    scale = div(1.0, sqrt(_add(variance, eps)))
    if weight is not None:
        scale = mul(scale, _vector_of(name, "weight", weight, (shape[1],), input))
    out = mul(_sub(input, _reshape(mean, per_channel)), _reshape(scale, per_channel))
    return _of_channels(name, out, None, bias)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return the input with mean 0 and variance 1 in each channel of each sample, times a weight, plus a bias.

    The arguments are those of :func:`batch_norm`; `use_input_stats` stands for `training`, and running statistics follow
    the samples' averages.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.instance_norm(minigrad.tensor([[[1.0, 3.0], [10.0, 30.0]]]))
    tensor([[[-1.0000,  1.0000],
             [-1.0000,  1.0000]]])
    """
    name = "instance_norm"
    shape = _check_float(name, input)
    if len(shape) < 3:
        raise RuntimeError(f"{name}: the input must have shape (n, c, d1, ...), got {shape}")
    _check_statistics(name, running_mean, "running_mean", shape[1])
    _check_statistics(name, running_var, "running_var", shape[1])
    if not use_input_stats:
        return _rounded(_with_statistics(name, input, running_mean, running_var, weight, bias, eps), input)
    count = math.prod(shape[2:])
    if count == 1:
        raise ValueError(f"{name}: needs more than one value in a channel of a sample, got input of shape {shape}")
    rows = _reshape(input, (shape[0] * shape[1], count))
    if running_mean is not None or running_var is not None:
        mean, variance = (_mean(_reshape(x, shape[:2]), (0,), False) for x in _mean_and_variance(rows._array, eps, 1))
        _follow(running_mean, mean, momentum)
        _follow(running_var, mul(variance, count / (count - 1) if count else 1.0), momentum)
    none = wrap(_nothing(input))
    return _rounded(
        _of_channels(name, _reshape(standardize(rows, none, none, eps, 1, True), shape), weight, bias), input
    )
