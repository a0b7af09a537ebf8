"""The primitives of normalisation: channels, or groups of them, are brought to mean 0 and variance 1.

x has shape (n, c, ...), n samples of c channels. With `groups` groups, each group of channels of each sample is a line
that is brought to one scale by itself: with 1, all of a sample, as layer normalisation does, with c each channel. With 0
groups a line is a channel of all samples. Unless `centred`, lines are brought to mean square 1. Weight and bias belong to
the channels; either may have no elements, which stands for ones or zeros.

Mean and variance of each line are outputs that only rules see: with u = (x - mean) r and r = 1 / sqrt(variance + eps),
what goes back through x is r (a - mean of a - u times the mean of u a) for a = g w, without the second term unless
centred. The derivatives treat x, mean and variance as inputs of their own, and mean and variance depend on x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from ..batching_rules import call, spread
from ..primitive import MANY_TO_MANY, Rule, kernel_primitive
from .elementwise import _add, _sub, div, mul, neg
from .reduce import _mean
from .shape import _permute, _reshape, broadcast
from .standardize_frame import Frame, Standard, nothing, standard, vector, wide_tangent

__all__: list[str] = []

# ----------------------------------------------------------------------------------------------------------------------
# Rules of standardize.


def _moments_vjp(of_mean: Any, of_variance: Any, x: Any, mean: Any, groups: int, centred: bool) -> Any:
    """Return what goes back to x through the moments; None for nothing."""
    f, out = Frame(x.shape, groups), None
    if of_mean is not None and centred:
        out = broadcast(f.lines(div(of_mean, float(f.size))), f.whole_shape)
    if of_variance is not None:
        through = mul(f.lines(mul(of_variance, 2 / f.size)), _sub(f.whole(x), f.lines(mean)))
        out = through if out is None else _add(out, through)
    return None if out is None else f.back(out)


def _standardize_vjp(g: Any, x: Any, w: Any, mean: Any, variance: Any, eps: float, groups: int, centred: bool) -> Any:
    through = _moments_vjp(g[1], g[2], x, mean, groups, centred)
    if g[0] is None:
        return through
    out = standardize_grad(g[0], x, w, mean, variance, eps, groups, centred)
    return out if through is None else _add(out, through)


def _weight_vjp(g: Any, x: Any, mean: Any, variance: Any, eps: float, groups: int, w_shape: tuple[int, ...]) -> Any:
    if g[0] is None or w_shape == (0,):
        return None
    s = standard(x, mean, variance, eps, groups)
    return s.frame.of_channels(mul(g[0], s.frame.back(s.u)))


def _bias_vjp(g: Any, groups: int, b_shape: tuple[int, ...]) -> Any:
    if g[0] is None or b_shape == (0,):
        return None
    return Frame(g[0].shape, groups).of_channels(g[0])


_grads, _sums = _core.kernels["standardize_grads"], _core.kernels["standardize_sums"]
_OF_X, _OF_WEIGHT, _OF_BIAS = 1, 2, 4


def _are_there(wanted: int, w_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> bool:
    """Return whether the weight has elements if it is wanted, and the bias."""
    return not (wanted & _OF_WEIGHT and w_shape == (0,)) and not (wanted & _OF_BIAS and b_shape == (0,))


def _joint_vjp(
    g: Any,
    wanted: int,
    x: Any,
    w: Any,
    mean: Any,
    variance: Any,
    eps: float,
    groups: int,
    centred: bool,
    w_shape: tuple[int, ...],
    b_shape: tuple[int, ...],
) -> Any:
    if not isinstance(g[0], np.ndarray) or g[1] is not None or g[2] is not None or wanted in (_OF_X, _OF_BIAS):
        return NotImplemented
    if not _are_there(wanted, w_shape, b_shape):
        return NotImplemented
    if wanted & _OF_X:
        return _grads(g[0], x, w, mean, variance, eps, groups, centred)
    return _behind_x(_sums(g[0], x, mean, variance, eps, groups, centred))


def _behind_x(sums: Any, others: tuple[Any, ...] = ()) -> Any:
    """Return the cotangents of weight and bias as those of all inputs, unless they are NotImplemented."""
    return sums if sums is NotImplemented else (NotImplemented, *sums, *others)


def _standardize_jvp(t: Any, x: Any, w: Any, mean: Any, variance: Any, eps: float, groups: int, centred: bool) -> Any:
    f = Frame(x.shape, groups)
    out = f.back(f.times(f.whole(standardize_grad(t, x, nothing(x), mean, variance, eps, groups, centred)), w))
    distance = _sub(f.whole(x), f.lines(mean))
    of_variance = mul(f.of_lines(mul(f.whole(t), distance)), 2 / f.size)
    return out, vector(_mean(f.whole(t), f.dims, True)) if centred else None, of_variance


def _standardize_weight_jvp(t: Any, x: Any, mean: Any, variance: Any, eps: float, groups: int) -> Any:
    s = standard(x, mean, variance, eps, groups)
    return s.frame.back(mul(s.u, s.frame.columns(wide_tangent(t, x)))), None, None


def _standardize_bias_jvp(t: Any, x: Any, groups: int) -> Any:
    f = Frame(x.shape, groups)
    return f.back(broadcast(f.columns(wide_tangent(t, x)), f.whole_shape)), None, None


standardize = kernel_primitive(
    "standardize",
    equation="out = (x - mean) / sqrt(variance + eps) w + b for each group of channels, or each channel of all samples",
    source="Ba, Kiros and Hinton, Layer Normalization; Ioffe and Szegedy, Batch Normalization; Wu and He, Group Normalization",
    relation=MANY_TO_MANY,
    returned=1,
    vjp={"x": _standardize_vjp, "w": _weight_vjp, "b": _bias_vjp},
    vjp_at_once=_joint_vjp,
    jvp={"x": _standardize_jvp, "w": _standardize_weight_jvp, "b": _standardize_bias_jvp},
    batch=lambda level, values, batched, *settings: _batched_standardize(level, values, batched, settings),
)


# ----------------------------------------------------------------------------------------------------------------------
# vmap: the examples' channels next to each other, as channels of one array with so many more groups.


def _side_by_side(level: Any, x: Any, batched: bool) -> Any:
    """Return all examples' samples (examples, n, c, ...) as (n, examples c, ...)."""
    whole = spread(level, x, batched)
    examples, n, c, *rest = whole.shape
    return _reshape(_permute(whole, (1, 0, *range(2, len(whole.shape)))), (n, examples * c, *rest))


def _apart(level: Any, x: Any, shape: tuple[int, ...]) -> Any:
    n, c, *rest = shape
    return _permute(_reshape(x, (n, level.size, c, *rest)), (1, 0, *range(2, len(shape) + 1)))


def _of_all_channels(level: Any, w: Any, batched: bool) -> Any:
    """Return all examples' weights or biases as one vector, without elements where there are none."""
    if w.shape[batched:] == (0,):
        return nothing(w)
    return vector(spread(level, w, batched))


def _of_all_lines(level: Any, v: Any, batched: bool, groups: int) -> Any:
    """Return all examples' moments, (examples, lines), in the order of the lines of all of them."""
    whole = spread(level, v, batched)
    if groups:
        whole = _permute(_reshape(whole, (level.size, whole.shape[1] // groups, groups)), (1, 0, 2))
    return vector(whole)


def _lines_apart(level: Any, v: Any, groups: int) -> Any:
    if groups:
        v = _permute(_reshape(v, (v.shape[0] // (level.size * groups), level.size, groups)), (1, 0, 2))
    return _reshape(v, (level.size, math.prod(v.shape) // level.size))


def _batched_standardize(level: Any, values: Any, batched: Any, settings: Any) -> Any:
    x, w, b = values
    eps, groups, centred = settings
    out, *moments = call(
        standardize.primitive,  # type: ignore[attr-defined]
        (
            _side_by_side(level, x, batched[0]),
            _of_all_channels(level, w, batched[1]),
            _of_all_channels(level, b, batched[2]),
        ),
        (eps, groups * level.size, centred),
    )
    return _apart(level, out, x.shape[batched[0] :]), *[_lines_apart(level, v, groups) for v in moments]


def _batched_grad(level: Any, values: Any, batched: Any, settings: Any) -> Any:
    g, x, w, *moments = values
    eps, groups, centred = settings
    lines = [_of_all_lines(level, v, b, groups) for v, b in zip(moments, batched[3:], strict=True)]
    whole = [_side_by_side(level, v, b) for v, b in ((g, batched[0]), (x, batched[1]))]
    weight = _of_all_channels(level, w, batched[2])
    out = standardize_grad(*whole, weight, *lines, eps, groups * level.size, centred)
    return _apart(level, out, x.shape[batched[1] :])


# ----------------------------------------------------------------------------------------------------------------------
# The gradient of x. h · J a = r (S - H A / n - Q P / n) for S = h · a, A and H the sums of a and h, P = u · a, Q = u · h.


class _Parts(NamedTuple):
    """What h and a = g w have to do with each other."""

    s: Standard
    a: Any
    h: Any
    of_a: Any  # P
    of_h: Any  # Q
    centred: bool

    def both(self, x: Any, y: Any) -> Any:
        """Return r² / n (Q x + P y)."""
        return mul(self.s.share, _add(mul(self.of_h, x), mul(self.of_a, y)))


def _parts(h: Any, g: Any, x: Any, w: Any, mean: Any, variance: Any, eps: float, groups: int, centred: bool) -> _Parts:
    s = standard(x, mean, variance, eps, groups)
    f, u = s.frame, s.u
    a, h = f.times(f.whole(g), w), f.whole(h)
    return _Parts(s, a, h, f.total(mul(u, a)), f.total(mul(u, h)), centred)


def _grad_by_x(p: _Parts) -> Any:
    return p.s.frame.back(neg(p.both(p.a, p.h)))


def _grad_by_mean(p: _Parts) -> Any:
    return vector(p.both(p.s.frame.total(p.a), p.s.frame.total(p.h)))


def _grad_by_variance(p: _Parts) -> Any:
    f, n = p.s.frame, 1 / p.s.frame.size
    total = _sub(f.total(mul(p.h, p.a)), mul(mul(p.of_h, p.of_a), 3 * n))
    if p.centred:
        total = _sub(total, mul(mul(f.total(p.h), f.total(p.a)), n))
    return vector(mul(total, p.s.r_slope))


def _grad_by_weight(h: Any, g: Any, x: Any, w: Any, mean: Any, variance: Any, *settings: Any) -> Any:
    if w.shape == (0,):
        return mul(w, 0.0)
    return Frame(x.shape, settings[1]).of_channels(
        mul(g, standardize_grad(h, x, nothing(x), mean, variance, *settings))
    )


def _grad_by_cotangent(h: Any, x: Any, w: Any, mean: Any, variance: Any, eps: float, groups: int, centred: bool) -> Any:
    f = Frame(x.shape, groups)
    return f.back(f.times(f.whole(standardize_grad(h, x, nothing(x), mean, variance, eps, groups, centred)), w))


def _grad_along_x(p: _Parts) -> Any:
    f = p.s.frame
    return f.back(neg(mul(p.s.share, _add(mul(p.h, p.of_a), mul(p.s.u, f.total(mul(p.h, p.a)))))))


def _grad_along_mean(t: Any, g: Any, x: Any, w: Any, mean: Any, variance: Any, *settings: Any) -> Any:
    p = _parts(x, g, x, w, mean, variance, *settings)
    f = p.s.frame
    return f.back(mul(mul(p.s.share, f.lines(t)), _add(p.of_a, mul(p.s.u, f.total(p.a)))))


def _grad_along_variance(t: Any, g: Any, x: Any, w: Any, mean: Any, variance: Any, *settings: Any) -> Any:
    p = _parts(x, g, x, w, mean, variance, *settings)
    f, n = p.s.frame, 1 / p.s.frame.size
    slope = _sub(p.a, mul(p.s.u, mul(p.of_a, 3 * n)))
    if p.centred:
        slope = _sub(slope, mul(f.total(p.a), n))
    return f.back(mul(mul(f.lines(t), p.s.r_slope), slope))


def _of_parts(rule: Callable[[_Parts], Any]) -> Rule:
    """Return a rule that reads all operands, and takes them together."""
    return lambda h, g, x, w, mean, variance, *settings: rule(_parts(h, g, x, w, mean, variance, *settings))


standardize_grad: Callable[..., Any] = kernel_primitive(
    "standardize_grad",
    equation="out = r (g w - mean of g w - u times the mean of u g w), with u = (x - mean) r, r = 1 / sqrt(variance + eps)",
    source="derivative of standardize",
    relation=MANY_TO_MANY,
    vjp={
        "g": _grad_by_cotangent,
        "x": _of_parts(_grad_by_x),
        "w": _grad_by_weight,
        "mean": _of_parts(_grad_by_mean),
        "variance": _of_parts(_grad_by_variance),
    },
    jvp={
        "g": lambda t, x, w, mean, variance, *settings: standardize_grad(t, x, w, mean, variance, *settings),
        "x": _of_parts(_grad_along_x),
        "w": lambda t, g, x, mean, variance, *settings: standardize_grad(
            g, x, wide_tangent(t, x), mean, variance, *settings
        ),
        "mean": _grad_along_mean,
        "variance": _grad_along_variance,
    },
    batch=lambda level, values, batched, *settings: _batched_grad(level, values, batched, settings),
)


# ----------------------------------------------------------------------------------------------------------------------
# By given moments: linear in x.


def _bent(h: Any, s: Standard) -> Any:
    """Return h times the derivative of u by the variance."""
    return mul(h, mul(s.d, s.r_slope))


def _slope(f: Frame, w: Any, variance: Any, eps: float) -> Any:
    """Return r w, what distances are multiplied with."""
    return f.times(f.scale(variance, eps), w)


def _given_by_x(g: Any, w: Any, variance: Any, eps: float, groups: int, x_shape: tuple[int, ...]) -> Any:
    f = Frame(x_shape, groups)
    return f.back(mul(f.whole(g), _slope(f, w, variance, eps)))


def _given_by_mean(g: Any, w: Any, variance: Any, eps: float, groups: int, x_shape: tuple[int, ...]) -> Any:
    f = Frame(x_shape, groups)
    return neg(f.of_lines(mul(f.whole(g), _slope(f, w, variance, eps))))


def _given_by_variance(g: Any, x: Any, w: Any, mean: Any, variance: Any, eps: float, groups: int) -> Any:
    s = standard(x, mean, variance, eps, groups)
    return s.frame.of_lines(_bent(s.frame.times(s.frame.whole(g), w), s))


def _given_along_mean(t: Any, w: Any, variance: Any, eps: float, groups: int, x_shape: tuple[int, ...]) -> Any:
    f = Frame(x_shape, groups)
    return f.back(broadcast(neg(mul(f.lines(t), _slope(f, w, variance, eps))), f.whole_shape))


def _given_along_variance(t: Any, x: Any, w: Any, mean: Any, variance: Any, eps: float, groups: int) -> Any:
    s = standard(x, mean, variance, eps, groups)
    return s.frame.back(s.frame.times(_bent(s.frame.lines(t), s), w))


def _given_joint_vjp(
    g: Any,
    wanted: int,
    x: Any,
    mean: Any,
    variance: Any,
    eps: float,
    groups: int,
    centred: bool,
    w_shape: tuple[int, ...],
    b_shape: tuple[int, ...],
) -> Any:
    if not isinstance(g, np.ndarray) or not wanted & _OF_WEIGHT or not _are_there(wanted, w_shape, b_shape):
        return NotImplemented
    return _behind_x(_sums(g, x, mean, variance, eps, groups, centred), (NotImplemented, NotImplemented))


standardize_given: Callable[..., Any] = kernel_primitive(
    "standardize_given",
    equation="out = (x - mean) / sqrt(variance + eps) w + b, with given moments of each line",
    source="Ioffe and Szegedy, Batch Normalization",
    relation=MANY_TO_MANY,
    vjp={
        "x": _given_by_x,
        "w": lambda g, x, mean, variance, eps, groups, w_shape: _weight_vjp(
            (g,), x, mean, variance, eps, groups, w_shape
        ),
        "b": lambda g, groups, b_shape: _bias_vjp((g,), groups, b_shape),
        "mean": _given_by_mean,
        "variance": _given_by_variance,
    },
    vjp_at_once=_given_joint_vjp,
    jvp={
        "x": lambda t, w, variance, eps, groups, x_shape: _given_by_x(t, w, variance, eps, groups, x_shape),
        "w": lambda t, x, mean, variance, eps, groups: _standardize_weight_jvp(t, x, mean, variance, eps, groups)[0],
        "b": lambda t, x, groups: _standardize_bias_jvp(t, x, groups)[0],
        "mean": _given_along_mean,
        "variance": _given_along_variance,
    },
    batch=lambda level, values, batched, *settings: _batched_given(level, values, batched, settings),
)


def _batched_given(level: Any, values: Any, batched: Any, settings: Any) -> Any:
    x, w, b, *moments = values
    eps, groups, centred = settings
    out = standardize_given(
        _side_by_side(level, x, batched[0]),
        *[_of_all_channels(level, v, own) for v, own in zip((w, b), batched[1:3], strict=True)],
        *[_of_all_lines(level, v, own, groups) for v, own in zip(moments, batched[3:], strict=True)],
        eps,
        groups * level.size,
        centred,
    )
    return _apart(level, out, x.shape[batched[0] :])
