"""Distributions over things that can be counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..grad_mode import no_grad
from ..ops.creation import full_like
from ..ops.elementwise import where
from ..ops.embedding import one_hot
from ..ops.probability_loss import binary_cross_entropy_with_logits
from ..ops.ranges import arange, eye
from ..ops.softmax import log_softmax, softmax
from ..random import bernoulli, multinomial, rand
from ..tensor import Tensor
from . import constraints
from .constraints import Constraint
from .distribution import Distribution, as_tensors

__all__ = ["Bernoulli", "Categorical", "Geometric", "OneHotCategorical", "OneHotCategoricalStraightThrough"]


def _eps(x: Tensor) -> float:
    return float(np.finfo(x.dtype.numpy).eps)


class OfOneParameter(Distribution):
    """A distribution with probabilities or logits, of which the caller gives one."""

    probs: Tensor
    logits: Tensor

    def __init__(self, probs: Any, logits: Any, event_dim: int, validate_args: bool | None) -> None:
        name = type(self).__name__
        if (probs is None) == (logits is None):
            raise ValueError(f"{name}: give either probs or logits, and not both")
        (given,) = as_tensors(logits if probs is None else probs)
        if given.ndim < event_dim:
            raise ValueError(f"{name}: needs at least one dimension, got {given}")
        setattr(self, "logits" if probs is None else "probs", given)
        self._settle()
        batch = given.shape[: given.ndim - event_dim]
        super().__init__(batch, self._event(given), validate_args)

    def __getattr__(self, name: str) -> Any:
        """Compute the parameter that was not given when it is first asked for."""
        if name not in ("logits", "probs"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = self._other(name)
        self.__dict__[name] = value
        return value

    def _settle(self) -> None:
        """Bring what was given to its usual form."""

    def _other(self, name: str) -> Tensor:
        """Return the logits from the probabilities, or these from those."""
        if name == "probs":
            return self.logits.sigmoid()
        eps = _eps(self.probs)
        return self.probs.clamp(eps, 1 - eps).logit()

    def _event(self, given: Tensor) -> Sequence[int]:
        return ()

    @property
    def param_shape(self) -> Any:
        """The shape of the probabilities."""
        return vars(self)["probs" if "probs" in vars(self) else "logits"].shape


class Bernoulli(OfOneParameter):
    """1 with some probability, otherwise 0.

    Parameters
    ----------
    probs, logits : float or Tensor
        The probability of 1, or the logarithm of the odds; one of them.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.Bernoulli(0.25).log_prob(minigrad.tensor(1.0))
    tensor(-1.3863)
    """

    has_enumerate_support = True
    arg_constraints: Mapping[str, Constraint] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(probs, logits, 0, validate_args)

    @property
    def mean(self) -> Tensor:
        """The probability of 1."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The more probable value; NaN where both are."""
        return where(self.probs == 0.5, math.nan, (self.probs > 0.5).to(self.probs.dtype))

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw zeros and ones."""
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability."""
        self._validate_sample(value)
        logits, value = as_tensors(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value.to(logits.dtype), reduction="none")

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return 0 and 1."""
        return _listed(arange(2, dtype=self.probs.dtype), self._batch_shape, expand)


def _listed(values: Tensor, batch: Sequence[int], expand: bool) -> Tensor:
    out = values.reshape(-1, *[1] * len(batch))
    return out.expand(-1, *batch) if expand else out


class Geometric(OfOneParameter):
    """How many trials fail before one succeeds.

    Parameters
    ----------
    probs, logits : float or Tensor
        The probability of a success, or the logarithm of its odds; one of them.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.Geometric(0.25).mean
    tensor(3.)
    """

    arg_constraints: Mapping[str, Constraint] = {
        "probs": Constraint("above 0 and at most 1", lambda x: (x > 0) & (x <= 1)),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(probs, logits, 0, validate_args)

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        """0."""
        return full_like(self.probs, 0)

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw numbers of failures."""
        with no_grad():
            u = rand(self._extended_shape(sample_shape), dtype=self.probs.dtype)
            u = u.clamp(min=float(np.finfo(u.dtype.numpy).tiny))
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability."""
        self._validate_sample(value)
        failure = where((self.probs == 1) & (value == 0), 0.0, self.probs)
        return value * (-failure).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs


class Categorical(OfOneParameter):
    """One of the numbers 0, 1, ..., each with a probability of its own.

    Parameters
    ----------
    probs, logits : Tensor
        The probabilities along the last dimension, which are divided by their sum, or their logarithms up to a
        constant; one of them.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> choice = minigrad.distributions.Categorical(minigrad.tensor([1.0, 2.0, 1.0]))
    >>> choice.probs, choice.log_prob(minigrad.tensor([0, 1]))
    (tensor([0.2500, 0.5000, 0.2500]), tensor([-1.3863, -0.6931]))
    """

    has_enumerate_support = True
    arg_constraints: Mapping[str, Constraint] = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(probs, logits, 1, validate_args)

    def _settle(self) -> None:
        if "probs" in self.__dict__:
            self.probs = self.probs / self.probs.sum(-1, keepdim=True)
        else:
            self.logits = log_softmax(self.logits, -1)

    def _other(self, name: str) -> Tensor:
        if name == "probs":
            return softmax(self.logits, -1)
        eps = _eps(self.probs)
        return self.probs.clamp(eps, 1 - eps).log()

    @property
    def _count(self) -> int:
        return int(self.param_shape[-1])

    @property
    def support(self) -> Constraint:  # type: ignore[override]
        """The numbers from 0, as many as there are probabilities."""
        return constraints.integer_interval(0, self._count - 1)

    @property
    def mean(self) -> Tensor:
        """NaN: the numbers stand for things without an order."""
        return full_like(self.probs[..., 0], math.nan)

    @property
    def mode(self) -> Tensor:
        """The most probable number."""
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        """NaN: the numbers stand for things without an order."""
        return full_like(self.probs[..., 0], math.nan)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw numbers, as int64."""
        count = math.prod(sample_shape)
        with no_grad():
            drawn = multinomial(self.probs.reshape(-1, self._count), count, replacement=True) if count else None
        if drawn is None:
            return arange(0).reshape(self._extended_shape(sample_shape))
        return drawn.t().reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability of numbers."""
        self._validate_sample(value)
        index, logits = _matched(value.long(), self.logits)
        return logits.gather(-1, index.unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        """Return the entropy."""
        lowest = float(np.finfo(self.logits.dtype.numpy).min)
        return -(self.probs * self.logits.clamp(min=lowest)).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all numbers, along a new first dimension."""
        return _listed(arange(self._count), self._batch_shape, expand)


def _matched(index: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return numbers and logits for one batch."""
    from ..ops.shape import broadcast_shapes

    shape = broadcast_shapes(tuple(index.shape), tuple(logits.shape[:-1]))
    return index.expand(shape), logits.expand(*shape, logits.shape[-1])


class OneHotCategorical(OfOneParameter):
    """One of some unit vectors, each with a probability of its own; see :class:`Categorical`.

    Parameters
    ----------
    probs, logits : Tensor
        As for :class:`Categorical`.
    validate_args : bool, optional
        See :class:`Distribution`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.OneHotCategorical(minigrad.tensor([0.0, 1.0])).sample()
    tensor([0., 1.])
    """

    has_enumerate_support = True
    arg_constraints: Mapping[str, Constraint] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(probs, logits, 1, validate_args)

    _settle, _other = Categorical._settle, Categorical._other

    def _event(self, given: Tensor) -> Sequence[int]:
        return given.shape[-1:]

    @property
    def _categorical(self) -> Categorical:
        return Categorical(probs=self.probs, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The probabilities."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The most probable vector."""
        return one_hot(self.probs.argmax(-1), self.probs.shape[-1]).to(self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw unit vectors."""
        drawn = self._categorical.sample(sample_shape)
        return one_hot(drawn, self.probs.shape[-1]).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability of unit vectors."""
        self._validate_sample(value)
        index, logits = _matched(value.argmax(-1), self.logits)
        return logits.gather(-1, index.unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all unit vectors, along a new first dimension."""
        n = self.probs.shape[-1]
        values = eye(n, dtype=self.probs.dtype).reshape(n, *[1] * len(self._batch_shape), n)
        return values.expand(n, *self._batch_shape, n) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """As :class:`OneHotCategorical`; what it draws passes its gradient to the probabilities.

    Examples
    --------
    >>> import minigrad
    >>> p = minigrad.tensor([0.25, 0.75], requires_grad=True)
    >>> drawn = minigrad.distributions.OneHotCategoricalStraightThrough(p).rsample()
    >>> drawn.requires_grad
    True
    """

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw unit vectors whose gradient goes to the probabilities."""
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
