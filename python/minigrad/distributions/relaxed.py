"""Distributions near those that choose, with draws that gradients pass: the concrete distributions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..grad_mode import no_grad
from ..ops.reduce import logsumexp
from ..ops.softmax import softmax
from ..random import rand
from ..tensor import Tensor
from . import constraints
from .constraints import Constraint
from .discrete import Categorical, OfOneParameter
from .distribution import as_tensors

__all__ = ["RelaxedBernoulli", "RelaxedOneHotCategorical"]


class _Relaxed(OfOneParameter):
    """A distribution with a temperature besides, and draws that are differentiable."""

    has_rsample = True

    def __init__(self, temperature: Any, probs: Any, logits: Any, event_dim: int, validate_args: bool | None) -> None:
        self._given = as_tensors(temperature)  # which does not grow with the batch
        super().__init__(probs, logits, event_dim, validate_args)

    @property
    def temperature(self) -> Tensor:
        """How far from a choice the draws are."""
        return self._given[0]

    def _uniform(self, sample_shape: Sequence[int]) -> Tensor:
        """Draw numbers above 0 and below 1."""
        limits = np.finfo(self.logits.dtype.numpy)
        u = rand(self._extended_shape(sample_shape), dtype=self.logits.dtype)
        return u.clamp(float(limits.tiny), 1 - float(limits.epsneg))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values."""
        with no_grad():
            return self.rsample(sample_shape)


class RelaxedBernoulli(_Relaxed):
    """Numbers between 0 and 1, the nearer to one of them the lower the temperature; see :class:`Bernoulli`.

    Parameters
    ----------
    temperature : float or Tensor
        Above 0.
    probs, logits : float or Tensor
        As for :class:`Bernoulli`.
    validate_args : bool, optional
        See :class:`Distribution`.

    Notes
    -----
    σ((logits + log u - log(1 - u)) / t): Maddison, Mnih and Teh, "The Concrete Distribution".

    Examples
    --------
    >>> import minigrad
    >>> relaxed = minigrad.distributions.RelaxedBernoulli(minigrad.tensor(0.5), probs=minigrad.tensor(0.5))
    >>> relaxed.log_prob(minigrad.tensor(0.5))
    tensor(-0.6931)
    """

    arg_constraints: Mapping[str, Constraint] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(temperature, probs, logits, 0, validate_args)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        x = (self._uniform(sample_shape).logit() + self.logits) / self.temperature
        eps = float(np.finfo(x.dtype.numpy).eps)
        return x.sigmoid().clamp(float(np.finfo(x.dtype.numpy).tiny), 1 - eps)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        self._validate_sample(value)
        x = value.logit()
        z = self.logits - x * self.temperature
        density = self.temperature.log() + z - 2 * z.logaddexp(z.new_zeros(()))
        return density - value.log() - (1 - value).log()


class RelaxedOneHotCategorical(_Relaxed):
    """Vectors with the sum 1, the nearer to unit vectors the lower the temperature; see :class:`OneHotCategorical`.

    Parameters
    ----------
    temperature : float or Tensor
        Above 0.
    probs, logits : Tensor
        As for :class:`Categorical`.
    validate_args : bool, optional
        See :class:`Distribution`.

    Notes
    -----
    softmax((logits + Gumbel noise) / t): Maddison, Mnih and Teh, "The Concrete Distribution"; Jang, Gu and Poole,
    "Categorical Reparameterization with Gumbel-Softmax".

    Examples
    --------
    >>> import minigrad
    >>> relaxed = minigrad.distributions.RelaxedOneHotCategorical(minigrad.tensor(1.0), probs=minigrad.ones(2))
    >>> relaxed.log_prob(minigrad.tensor([0.5, 0.5])).abs() < 1e-6
    tensor(True)
    """

    arg_constraints: Mapping[str, Constraint] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(temperature, probs, logits, 1, validate_args)

    _settle, _other = Categorical._settle, Categorical._other

    def _event(self, given: Tensor) -> Sequence[int]:
        return given.shape[-1:]

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, differentiably."""
        noise = -(-self._uniform(sample_shape).log()).log()
        return softmax((self.logits + noise) / self.temperature, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        self._validate_sample(value)
        count = self._event_shape[-1]
        logs = value.log()
        score = self.logits - self.temperature * logs
        within = (score - logsumexp(score, -1, True) - logs).sum(-1)
        return within + math.lgamma(count) + (count - 1) * self.temperature.log()
