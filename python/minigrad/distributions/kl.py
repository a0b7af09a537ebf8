"""How far one distribution is from another: Kullback and Leibler's divergence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from ..ops.activation import softplus
from ..ops.creation import full_like
from ..ops.elementwise import where
from ..ops.functions import erf
from ..tensor import Tensor
from .composed import Independent, TransformedDistribution
from .continuous import Cauchy, Exponential, Gumbel, HalfNormal, Laplace, Normal, Uniform
from .discrete import Bernoulli, Categorical, Geometric, OneHotCategorical
from .distribution import Distribution, sum_rightmost

__all__ = ["kl_divergence", "register_kl"]

F = TypeVar("F", bound=Callable[..., Any])

_RULES: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[F], F]:
    """Return a decorator that makes a function of two distributions the divergence of these types.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.distributions import Normal, kl_divergence, register_kl
    >>> class Standard(Normal):
    ...     def __init__(self):
    ...         super().__init__(0.0, 1.0)
    >>> @register_kl(Standard, Standard)
    ... def same(p, q):
    ...     return 0.0
    >>> kl_divergence(Standard(), Standard())
    0.0
    """

    def register(function: F) -> F:
        _RULES[type_p, type_q] = function
        return function

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """Return the divergence of `q` from `p`: the expected ``log p(x) - log q(x)`` of what `p` draws.

    Parameters
    ----------
    p, q : Distribution
        Of types for which there is a rule; see :func:`register_kl`.

    Returns
    -------
    Tensor
        One number for each distribution of the batch.

    Raises
    ------
    NotImplementedError
        If there is no rule.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    for of_p in type(p).__mro__:
        for of_q in type(q).__mro__:
            if (of_p, of_q) in _RULES:
                return _RULES[of_p, of_q](p, q)
    raise NotImplementedError(f"kl_divergence: there is no rule for {type(p).__name__} and {type(q).__name__}")


@register_kl(Normal, Normal)
def _normals(p: Normal, q: Normal) -> Tensor:
    ratio, gap = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return 0.5 * (ratio * ratio + gap * gap - 1) - ratio.log()


@register_kl(HalfNormal, HalfNormal)
def _half_normals(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normals(Normal(0.0, p.scale), Normal(0.0, q.scale))


@register_kl(Laplace, Laplace)
def _laplaces(p: Laplace, q: Laplace) -> Tensor:
    ratio, gap = p.scale / q.scale, (p.loc - q.loc).abs()
    return ratio * (-gap / p.scale).exp() + gap / q.scale - ratio.log() - 1


@register_kl(Exponential, Exponential)
def _exponentials(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Uniform, Uniform)
def _uniforms(p: Uniform, q: Uniform) -> Tensor:
    outside = (q.low > p.low) | (q.high < p.high)
    return where(outside, math.inf, ((q.high - q.low) / (p.high - p.low)).log())


@register_kl(Cauchy, Cauchy)
def _cauchys(p: Cauchy, q: Cauchy) -> Tensor:
    width, gap = p.scale + q.scale, p.loc - q.loc
    return ((width * width + gap * gap) / (4 * p.scale * q.scale)).log()


@register_kl(Exponential, Normal)
@register_kl(Gumbel, Normal)
@register_kl(Laplace, Normal)
@register_kl(Uniform, Normal)
def _from_a_normal(p: Distribution, q: Normal) -> Tensor:
    gap = p.mean - q.loc
    return (p.variance + gap * gap) / (2 * q.variance) + q.scale.log() + 0.5 * math.log(2 * math.pi) - p.entropy()


@register_kl(Normal, Laplace)
def _normal_from_a_laplace(p: Normal, q: Laplace) -> Tensor:
    z = (p.loc - q.loc) / p.scale
    distance = p.scale * (math.sqrt(2 / math.pi) * (-0.5 * z * z).exp() + z * erf(z * math.sqrt(0.5)))
    return distance / q.scale + (2 * q.scale).log() - p.entropy()


@register_kl(Uniform, Exponential)
def _uniform_from_an_exponential(p: Uniform, q: Exponential) -> Tensor:
    return where(p.low < 0, math.inf, q.rate * p.mean - q.rate.log() - p.entropy())


@register_kl(Exponential, Uniform)
@register_kl(Gumbel, Exponential)
@register_kl(Gumbel, Uniform)
@register_kl(Laplace, Exponential)
@register_kl(Laplace, Uniform)
@register_kl(Normal, Exponential)
@register_kl(Normal, Uniform)
def _impossible(p: Distribution, q: Distribution) -> Tensor:
    """Return infinity: `q` never draws some of what `p` does."""
    return full_like(p.mean - q.mean, math.inf)


def _expected(p: Tensor, log_ratio: Tensor) -> Tensor:
    """Return ``p log_ratio``, 0 where `p` is 0."""
    return where(p == 0, 0.0, p * log_ratio)


@register_kl(Bernoulli, Bernoulli)
def _bernoullis(p: Bernoulli, q: Bernoulli) -> Tensor:
    ones = _expected(p.probs, softplus(-q.logits) - softplus(-p.logits))
    zeros = _expected(1 - p.probs, softplus(q.logits) - softplus(p.logits))
    impossible = ((q.probs == 0) & (p.probs > 0)) | ((q.probs == 1) & (p.probs < 1))
    return where(impossible, math.inf, ones + zeros)


@register_kl(Geometric, Geometric)
def _geometrics(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Categorical, Categorical)
@register_kl(OneHotCategorical, OneHotCategorical)
def _categoricals(p: Any, q: Any) -> Tensor:
    terms = _expected(p.probs, p.logits - q.logits)
    return where((q.probs == 0) & (p.probs > 0), math.inf, terms).sum(-1)


@register_kl(Independent, Independent)
def _independents(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("kl_divergence: the two Independent take different numbers of dimensions together")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms:
        raise NotImplementedError("kl_divergence: the two distributions are transformed in different ways")
    inner = kl_divergence(p.base_dist, q.base_dist)
    return sum_rightmost(inner, len(p.event_shape) - len(p.base_dist.event_shape))
