"""Distributions made of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..grad_mode import no_grad
from ..ops.reduce import logsumexp
from ..ops.softmax import log_softmax
from ..tensor import Tensor
from . import constraints
from .constraints import Constraint
from .continuous import Normal
from .discrete import Categorical
from .distribution import Distribution, sum_rightmost
from .transforms import ExpTransform, Transform

__all__ = ["Independent", "LogNormal", "MixtureSameFamily", "TransformedDistribution"]


class Independent(Distribution):
    """Distributions of a batch, taken as one distribution of all of them together.

    Parameters
    ----------
    base_distribution : Distribution
        The batch.
    reinterpreted_batch_ndims : int
        How many of its last dimensions become one event.
    validate_args : bool, optional
        See :class:`Distribution`.

    Raises
    ------
    ValueError
        If the batch has fewer dimensions.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.distributions import Independent, Normal
    >>> Independent(Normal(minigrad.zeros(3), minigrad.ones(3)), 1).log_prob(minigrad.zeros(3))
    tensor(-2.7568)
    """

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        batch = base_distribution.batch_shape
        kept = len(batch) - reinterpreted_batch_ndims
        if kept < 0:
            raise ValueError(
                f"Independent: a batch of shape {tuple(batch)} has no {reinterpreted_batch_ndims} dimensions to take together"
            )
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, reinterpreted_batch_ndims
        super().__init__(batch[:kept], (*batch[kept:], *base_distribution.event_shape), validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has."""
        return self.base_dist.has_rsample

    @property
    def support(self) -> Constraint | None:  # type: ignore[override]
        """The base's, of all of its values."""
        base = self.base_dist.support
        return base and constraints.independent(base, self.reinterpreted_batch_ndims)

    @property
    def mean(self) -> Tensor:
        """The base's."""
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        """The base's."""
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        """The base's."""
        return self.base_dist.variance

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        return self.base_dist.rsample(sample_shape)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values."""
        return self.base_dist.sample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the sum of the base's."""
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        """Return the sum of the base's."""
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamily(Distribution):
    """A mixture: one of the distributions of a batch is chosen, and draws the value.

    Parameters
    ----------
    mixture_distribution : Categorical
        How probable each is.
    component_distribution : Distribution
        The distributions, along the last dimension of its batch.
    validate_args : bool, optional
        See :class:`Distribution`.

    Raises
    ------
    ValueError
        If they are not as many.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.distributions import Categorical, MixtureSameFamily, Normal
    >>> parts = Normal(minigrad.tensor([-1.0, 1.0]), minigrad.ones(2))
    >>> MixtureSameFamily(Categorical(minigrad.ones(2)), parts).mean
    tensor(0.)
    """

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        self._mixture, self._component = mixture_distribution, component_distribution
        batch, count = component_distribution.batch_shape, mixture_distribution.param_shape[-1]
        if not batch or batch[-1] != count:
            raise ValueError(f"MixtureSameFamily: {count} probabilities for components of shape {tuple(batch)}")
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args)

    @property
    def mixture_distribution(self) -> Categorical:
        """How probable each component is."""
        return self._mixture

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component

    def _weights(self) -> Any:
        """Return the probabilities, with a dimension of size 1 for each of an event."""
        p = self._mixture.probs
        return p.reshape(*p.shape, *[1] * len(self._event_shape))

    @property
    def _dim(self) -> int:
        """Where the components lie."""
        return -1 - len(self._event_shape)

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        return (self._weights() * self._component.mean).sum(self._dim)

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        within = (self._weights() * self._component.variance).sum(self._dim)
        gap = self._component.mean - self.mean.unsqueeze(self._dim)
        return within + (self._weights() * gap * gap).sum(self._dim)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values."""
        with no_grad():
            values = self._component.sample(sample_shape)
            chosen = self._mixture.expand(self._batch_shape).sample(sample_shape)
            index = chosen.reshape(*chosen.shape, 1, *[1] * len(self._event_shape))
            index = index.expand(*chosen.shape, 1, *self._event_shape)
            return values.gather(self._dim, index).squeeze(self._dim)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density or probability."""
        of_each = self._component.log_prob(value.unsqueeze(self._dim))
        return logsumexp(of_each + log_softmax(self._mixture.logits, -1), -1)

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one."""
        return (self._component.cdf(value.unsqueeze(-1)) * self._mixture.probs).sum(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture},\n  {self._component})"


class TransformedDistribution(Distribution):
    """The distribution of a function of what another one draws.

    Parameters
    ----------
    base_distribution : Distribution
        What is drawn first.
    transforms : Transform or sequence of Transform
        What is done to it, one after the other.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.distributions import Normal, TransformedDistribution
    >>> from minigrad.distributions.transforms import TanhTransform
    >>> squashed = TransformedDistribution(Normal(0.0, 1.0), [TanhTransform()])
    >>> squashed.log_prob(minigrad.tensor(0.5))
    tensor(-0.7821)
    """

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.base_dist = base_distribution
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        dims = max(len(base_distribution.event_shape), *(t.event_dim for t in self.transforms), 0)
        if dims > len(shape):
            raise ValueError(f"TransformedDistribution: transforms of {dims} dimensions for a base of shape {shape}")
        cut = len(shape) - dims
        super().__init__(shape[:cut], shape[cut:], validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has."""
        return self.base_dist.has_rsample

    @property
    def support(self) -> Constraint | None:  # type: ignore[override]
        """What the last transform gives."""
        return self.transforms[-1].codomain if self.transforms else self.base_dist.support

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values."""
        with no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        return self._forward(self.base_dist.rsample(sample_shape))

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        self._validate_sample(value)
        dims, total = len(self._event_shape), 0
        for transform in reversed(self.transforms):
            x = transform.inv(value)
            total = total - sum_rightmost(transform.log_abs_det_jacobian(x, value), dims - transform.event_dim)
            value = x
        inner = self.base_dist.log_prob(value)
        return total + sum_rightmost(inner, dims - len(self.base_dist.event_shape))

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one, where the transforms rise."""
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        return self.base_dist.cdf(value)

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value up to which the probability is so much, where the transforms rise."""
        value = self.base_dist.icdf(value)
        for transform in self.transforms:
            value = transform(value)
        return value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.transforms})"


class LogNormal(TransformedDistribution):
    """The distribution of the exponential of what :class:`Normal` draws.

    Parameters
    ----------
    loc, scale : float or Tensor
        The mean and standard deviation of the logarithm.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.LogNormal(0.0, 1.0).mean
    tensor(1.6487)
    """

    arg_constraints: Mapping[str, Constraint] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(loc, scale, validate_args), ExpTransform(), validate_args)

    @property
    def _normal(self) -> Normal:
        assert isinstance(self.base_dist, Normal)
        return self.base_dist

    @property
    def loc(self) -> Tensor:
        """The mean of the logarithm."""
        return self._normal.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the logarithm."""
        return self._normal.scale

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        return (self.loc + self._normal.variance / 2).exp()

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        return (self.loc - self._normal.variance).exp()

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        square = self._normal.variance
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return self._normal.entropy() + self.loc

    def __repr__(self) -> str:
        return f"LogNormal({self._normal!r})"
