"""Distributions that have a density."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..ops.creation import full_like
from ..ops.elementwise import where
from ..random import rand, randn
from ..tensor import Tensor
from . import constraints
from .constraints import Constraint
from .distribution import Distribution, as_tensors

__all__ = [
    "Cauchy",
    "Exponential",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Laplace",
    "Normal",
    "Pareto",
    "Uniform",
    "Weibull",
]

_EULER = 0.57721566490153286


class _Shifted(Distribution):
    """A distribution with a location and a scale."""

    has_rsample = True
    arg_constraints: Mapping[str, Constraint] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = as_tensors(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def _standardized(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return (value - self.loc) / self.scale

    def _uniform(self, sample_shape: Sequence[int]) -> Tensor:
        """Draw numbers above 0 and below 1."""
        tiny = float(np.finfo(self.scale.dtype.numpy).tiny)
        return rand(self._extended_shape(sample_shape), dtype=self.scale.dtype).clamp(min=tiny)

    @property
    def mean(self) -> Tensor:
        """The location."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """The location."""
        return self.loc


class Normal(_Shifted):
    """The normal distribution.

    Parameters
    ----------
    loc, scale : float or Tensor
        The mean and the standard deviation.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> normal = minigrad.distributions.Normal(0.0, 1.0)
    >>> normal, normal.log_prob(minigrad.tensor(0.0))
    (Normal(loc: 0.0, scale: 1.0), tensor(-0.9189))
    """

    @property
    def stddev(self) -> Tensor:
        """The scale."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """The square of the scale."""
        return self.scale * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        return self.loc + randn(self._extended_shape(sample_shape), dtype=self.loc.dtype) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        z = self._standardized(value)
        return -0.5 * z * z - self.scale.log() - 0.5 * math.log(2 * math.pi)

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one."""
        return 0.5 * (self._standardized(value) / -math.sqrt(2)).erfc()

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value up to which the probability is so much."""
        return self.loc + self.scale * (2 * value - 1).erfinv() * math.sqrt(2)

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return self.scale.log() + 0.5 * (1 + math.log(2 * math.pi))


class Laplace(_Shifted):
    """Laplace's distribution, whose density falls exponentially on both sides.

    Parameters
    ----------
    loc, scale : float or Tensor
        The mean, and the mean distance from it.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.Laplace(0.0, 1.0).entropy()
    tensor(1.6931)
    """

    @property
    def variance(self) -> Tensor:
        """Twice the square of the scale."""
        return 2 * self.scale * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        u = 2 * self._uniform(sample_shape) - 1
        distance = -(-u.abs()).clamp(min=-1 + float(np.finfo(u.dtype.numpy).eps)).log1p()
        return self.loc + self.scale * u.sign() * distance

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        return -self._standardized(value).abs() - (2 * self.scale).log()

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one."""
        z = self._standardized(value)
        return 0.5 - 0.5 * z.sign() * (-z.abs()).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value up to which the probability is so much."""
        centred = value - 0.5
        return self.loc - self.scale * centred.sign() * (-2 * centred.abs()).log1p()

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return 1 + (2 * self.scale).log()


class Gumbel(_Shifted):
    """Gumbel's distribution: of the greatest of many numbers.

    Parameters
    ----------
    loc, scale : float or Tensor
        The most probable value, and how wide it is.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.Gumbel(0.0, 1.0).mean
    tensor(0.5772)
    """

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        return self.loc + _EULER * self.scale

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        return math.pi**2 / 6 * self.scale * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        u = self._uniform(sample_shape).clamp(max=1 - float(np.finfo(self.scale.dtype.numpy).epsneg))
        return self.icdf(u)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        z = -self._standardized(value)
        return z - z.exp() - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one."""
        return (-(-self._standardized(value)).exp()).exp()

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value up to which the probability is so much."""
        return self.loc - self.scale * (-value.log()).log()

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return self.scale.log() + (1 + _EULER)


class Cauchy(_Shifted):
    """Cauchy's distribution, whose tails are so heavy that it has no mean.

    Parameters
    ----------
    loc, scale : float or Tensor
        The median, and half the width at half the height.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.Cauchy(0.0, 1.0).cdf(minigrad.tensor(1.0))
    tensor(0.7500)
    """

    @property
    def mean(self) -> Tensor:
        """NaN: there is none."""
        return full_like(self.loc, math.nan)

    @property
    def variance(self) -> Tensor:
        """Infinity."""
        return full_like(self.loc, math.inf)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        return self.icdf(self._uniform(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        z = self._standardized(value)
        return -(z * z).log1p() - self.scale.log() - math.log(math.pi)

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one."""
        return self._standardized(value).atan() / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value up to which the probability is so much."""
        return self.loc + self.scale * (math.pi * (value - 0.5)).tan()

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return (4 * math.pi * self.scale).log()


class _Half(Distribution):
    """The distribution of the absolute value of what another one draws around 0."""

    has_rsample = True
    arg_constraints: Mapping[str, Constraint] = {"scale": constraints.positive}
    support = constraints.nonnegative
    _whole: type[_Shifted]

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        (self.scale,) = as_tensors(scale)
        super().__init__(self.scale.shape, validate_args=validate_args)

    @property
    def _base(self) -> _Shifted:
        return self._whole(0.0, self.scale, validate_args=False)

    @property
    def mode(self) -> Tensor:
        """0."""
        return full_like(self.scale, 0)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        return self._base.rsample(sample_shape).abs()

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        self._validate_sample(value)
        return where(value >= 0, self._base.log_prob(value) + math.log(2), -math.inf)

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value up to which the probability is so much."""
        return self._base.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return self._base.entropy() - math.log(2)


class HalfNormal(_Half):
    """The distribution of the absolute value of what :class:`Normal` draws around 0.

    Parameters
    ----------
    scale : float or Tensor
        The standard deviation of the normal distribution.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.HalfNormal(1.0).mean
    tensor(0.7979)
    """

    _whole = Normal

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        return self.scale * self.scale * (1 - 2 / math.pi)

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one."""
        self._validate_sample(value)
        return (value / (self.scale * math.sqrt(2))).erf()


class HalfCauchy(_Half):
    """The distribution of the absolute value of what :class:`Cauchy` draws around 0.

    Parameters
    ----------
    scale : float or Tensor
        The median.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.HalfCauchy(1.0).cdf(minigrad.tensor(1.0))
    tensor(0.5000)
    """

    _whole = Cauchy

    @property
    def mean(self) -> Tensor:
        """Infinity."""
        return full_like(self.scale, math.inf)

    @property
    def variance(self) -> Tensor:
        """Infinity."""
        return full_like(self.scale, math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one."""
        self._validate_sample(value)
        return (value / self.scale).atan() * (2 / math.pi)


class Exponential(Distribution):
    """The exponential distribution: of the time until something happens.

    Parameters
    ----------
    rate : float or Tensor
        How often it happens: 1 over the mean.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.Exponential(2.0).mean
    tensor(0.5000)
    """

    has_rsample = True
    arg_constraints: Mapping[str, Constraint] = {"rate": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = as_tensors(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """1 over the rate."""
        return self.rate.reciprocal()

    @property
    def stddev(self) -> Tensor:
        """1 over the rate."""
        return self.rate.reciprocal()

    @property
    def mode(self) -> Tensor:
        """0."""
        return full_like(self.rate, 0)

    @property
    def variance(self) -> Tensor:
        """The square of the mean."""
        return self.rate**-2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.rate.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one."""
        self._validate_sample(value)
        return -(-self.rate * value).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value up to which the probability is so much."""
        return -(-value).log1p() / self.rate

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return 1 - self.rate.log()


class Weibull(Distribution):
    """Weibull's distribution: of the time until something breaks. Mean and variance need the gamma function: it has none.

    Parameters
    ----------
    scale : float or Tensor
        The time after which one in e is left.
    concentration : float or Tensor
        Below 1 what is old breaks more rarely, above 1 more often; at 1 it is the exponential distribution.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.Weibull(2.0, 1.0).log_prob(minigrad.tensor(2.0))
    tensor(-1.6931)
    """

    has_rsample = True
    arg_constraints: Mapping[str, Constraint] = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = as_tensors(scale, concentration)
        super().__init__(self.scale.shape, validate_args=validate_args)

    @property
    def mode(self) -> Tensor:
        """The most probable value, 0 where the concentration is at most 1."""
        k = self.concentration.clamp(min=1.0)
        return self.scale * (1 - 1 / k) ** (1 / k)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        tiny = float(np.finfo(self.scale.dtype.numpy).tiny)
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.scale.dtype).clamp(min=tiny))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        self._validate_sample(value)
        z, k = value / self.scale, self.concentration
        return (k / self.scale).log() + (k - 1) * z.log() - z**k

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one."""
        self._validate_sample(value)
        return -(-((value / self.scale) ** self.concentration)).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value up to which the probability is so much."""
        return self.scale * (-(-value).log1p()) ** (1 / self.concentration)

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return _EULER * (1 - 1 / self.concentration) + (self.scale / self.concentration).log() + 1


class Pareto(Distribution):
    """Pareto's distribution: of what is at least so large, with a tail that falls as a power.

    Parameters
    ----------
    scale : float or Tensor
        The smallest value.
    alpha : float or Tensor
        The power; the smaller, the heavier the tail.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.Pareto(1.0, 3.0).mean
    tensor(1.5000)
    """

    has_rsample = True
    arg_constraints: Mapping[str, Constraint] = {"scale": constraints.positive, "alpha": constraints.positive}

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = as_tensors(scale, alpha)
        super().__init__(self.scale.shape, validate_args=validate_args)

    @property
    def support(self) -> Constraint:  # type: ignore[override]
        """From the smallest value on."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        """The expected value, infinite for a power of at most 1."""
        a = self.alpha.clamp(min=1.0)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Tensor:
        """The smallest value."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean, infinite for a power of at most 2."""
        a = self.alpha.clamp(min=2.0)
        return self.scale * self.scale * a / ((a - 1) ** 2 * (a - 2))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.scale.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        self._validate_sample(value)
        return self.alpha.log() + self.alpha * self.scale.log() - (self.alpha + 1) * value.log()

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one."""
        self._validate_sample(value)
        return 1 - (self.scale / value) ** self.alpha

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value up to which the probability is so much."""
        return self.scale * (-(-value).log1p() / self.alpha).exp()

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return (self.scale / self.alpha).log() + 1 + 1 / self.alpha


class Uniform(Distribution):
    """The uniform distribution: all numbers from `low` to `high` are equally probable.

    Parameters
    ----------
    low, high : float or Tensor
        The ends.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.Uniform(0.0, 4.0).log_prob(minigrad.tensor(1.0))
    tensor(-1.3863)
    """

    has_rsample = True
    arg_constraints: Mapping[str, Constraint] = {"low": constraints.real, "high": constraints.real}

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = as_tensors(low, high)
        super().__init__(self.low.shape, validate_args=validate_args)
        if self._validates and not (self.low._array < self.high._array).all():
            raise ValueError(f"Uniform: low must be less than high, got {self.low} and {self.high}")

    @property
    def support(self) -> Constraint:  # type: ignore[override]
        """From `low` to `high`."""
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        """The number in the middle."""
        return (self.low + self.high) / 2

    @property
    def mode(self) -> Tensor:
        """NaN: there is none."""
        return full_like(self.low, math.nan)

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.low.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        self._validate_sample(value)
        inside = (value >= self.low) & (value < self.high)
        return where(inside, -(self.high - self.low).log(), -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one."""
        self._validate_sample(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value up to which the probability is so much."""
        return self.low + value * (self.high - self.low)

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return (self.high - self.low).log()
