"""Functions that can be undone, and how they change densities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops.activation import softplus
from ..ops.logic import equal
from ..tensor import Tensor
from . import constraints
from .constraints import Constraint
from .distribution import as_tensors, sum_rightmost

__all__ = [
    "AffineTransform",
    "ComposeTransform",
    "ExpTransform",
    "PowerTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "TanhTransform",
    "Transform",
    "biject_to",
    "identity_transform",
    "transform_to",
]


class Transform:
    """A function with an inverse. A subclass defines ``_call``, ``_inverse`` and `log_abs_det_jacobian`.

    Parameters
    ----------
    cache_size : int, default 0
        1 to remember the last value and its result, so that undoing it gives the very value.
    """

    #: What it takes and gives; their `event_dim` says how many dimensions the function mixes.
    domain: Constraint = constraints.real
    codomain: Constraint = constraints.real
    bijective = True

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ValueError(f"{type(self).__name__}: cache_size must be 0 or 1, got {cache_size}")
        self._cache_size = cache_size
        self._last: tuple[Any, Any] = (None, None)

    @property
    def event_dim(self) -> int:
        """How many dimensions the function mixes."""
        return max(self.domain.event_dim, self.codomain.event_dim)

    @property
    def inv(self) -> Transform:
        """The inverse."""
        return _Inverse(self)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the function's value."""
        if self._cache_size and x is self._last[0]:
            return self._last[1]
        y = self._call(x)
        self._last = (x, y) if self._cache_size else self._last
        return y

    def undo(self, y: Tensor) -> Tensor:
        """Return what the function has this value for."""
        if self._cache_size and y is self._last[1]:
            return self._last[0]
        x = self._inverse(y)
        self._last = (x, y) if self._cache_size else self._last
        return x

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: has no _call")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: has no _inverse")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the logarithm of the absolute determinant of the Jacobian at `x`, where the value is `y`."""
        raise NotImplementedError(f"{type(self).__name__}: has no log_abs_det_jacobian")

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and self._equals(other))

    def __hash__(self) -> int:
        return hash(type(self))

    def _equals(self, other: Any) -> bool:
        """Return whether another transform of this type is the same function; False where nobody can tell."""
        return False

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _WithoutParameters(Transform):
    """A function that its type tells."""

    def _equals(self, other: Any) -> bool:
        return True


class _Inverse(Transform):
    """Another transform the other way round."""

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self._transform = transform

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return self._transform.codomain

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        return self._transform.domain

    @property
    def inv(self) -> Transform:
        return self._transform

    def __call__(self, x: Tensor) -> Tensor:
        return self._transform.undo(x)

    def undo(self, y: Tensor) -> Tensor:
        return self._transform(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._transform.log_abs_det_jacobian(y, x)

    def _equals(self, other: Any) -> bool:
        return bool(self._transform == other._transform)

    def __repr__(self) -> str:
        return f"{self._transform!r}.inv"


class ExpTransform(_WithoutParameters):
    """``y = exp(x)``.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.transforms.ExpTransform()(minigrad.tensor([0.0]))
    tensor([1.])
    """

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return `x`."""
        return x


class SigmoidTransform(_WithoutParameters):
    """``y = 1 / (1 + exp(-x))``.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.transforms.SigmoidTransform()(minigrad.tensor([0.0]))
    tensor([0.5000])
    """

    codomain = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        return x.sigmoid()

    def _inverse(self, y: Tensor) -> Tensor:
        limits = np.finfo(y.dtype.numpy)
        return y.clamp(float(limits.tiny), 1 - float(limits.eps)).logit()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``log(y (1 - y))``, from `x`."""
        return -softplus(-x) - softplus(x)


class TanhTransform(_WithoutParameters):
    """``y = tanh(x)``.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.transforms.TanhTransform()(minigrad.tensor([0.0]))
    tensor([0.])
    """

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``log(1 - y²)``, from `x`."""
        return 2 * (math.log(2) - x - softplus(-2 * x))


class PowerTransform(Transform):
    """``y = x**exponent``, of positive numbers.

    Parameters
    ----------
    exponent : float or Tensor
        The power, not 0.
    cache_size : int, default 0
        See :class:`Transform`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.transforms.PowerTransform(2.0)(minigrad.tensor([3.0]))
    tensor([9.])
    """

    domain = codomain = constraints.positive

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        (self.exponent,) = as_tensors(exponent)

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def _equals(self, other: Any) -> bool:
        return equal(self.exponent, other.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``log |exponent y / x|``."""
        return (self.exponent * y / x).abs().log()


class SoftmaxTransform(_WithoutParameters):
    """``y = softmax(x)`` along the last dimension. Its inverse, the logarithm, gives one of many vectors: it has no density.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.transforms.SoftmaxTransform()(minigrad.zeros(2))
    tensor([0.5000, 0.5000])
    """

    domain, codomain = constraints.real_vector, constraints.simplex
    bijective = False

    def _call(self, x: Tensor) -> Tensor:
        return x.softmax(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()


class AffineTransform(Transform):
    """``y = loc + scale x``.

    Parameters
    ----------
    loc, scale : float or Tensor
        What is added, and what is multiplied by.
    event_dim : int, default 0
        How many dimensions are one event.
    cache_size : int, default 0
        See :class:`Transform`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.transforms.AffineTransform(1.0, 2.0)(minigrad.tensor([3.0]))
    tensor([7.])
    """

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale = loc, scale
        self.domain = self.codomain = Constraint("a number, not NaN", constraints.real.check, event_dim)

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def _equals(self, other: Any) -> bool:
        pairs = ((self.loc, other.loc), (self.scale, other.scale))
        return self.event_dim == other.event_dim and all(equal(*as_tensors(a), *as_tensors(b)) for a, b in pairs)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``log |scale|``, summed over the dimensions of an event."""
        size = self.scale.abs().log() if isinstance(self.scale, Tensor) else math.log(abs(self.scale))
        return sum_rightmost(x * 0 + size, self.event_dim)


class ComposeTransform(Transform):
    """Several transforms, one after the other.

    Parameters
    ----------
    parts : sequence of Transform
        The first one first.
    cache_size : int, default 0
        See :class:`Transform`.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.distributions.transforms import AffineTransform, ComposeTransform, ExpTransform
    >>> ComposeTransform([AffineTransform(0.0, 2.0), ExpTransform()]).inv(minigrad.tensor([1.0]))
    tensor([0.])
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = list(parts)

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        """What the first part takes."""
        return self.parts[0].domain if self.parts else constraints.real

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        """What the last part gives."""
        return self.parts[-1].codomain if self.parts else constraints.real

    @property
    def event_dim(self) -> int:
        """How many dimensions the parts mix."""
        return max((part.event_dim for part in self.parts), default=0)

    def _call(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part.undo(y)
        return y

    def _equals(self, other: Any) -> bool:
        return bool(self.parts == other.parts)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the sum over the parts."""
        total: Any = 0
        for n, part in enumerate(self.parts):
            after = y if n == len(self.parts) - 1 else part(x)
            total = total + sum_rightmost(part.log_abs_det_jacobian(x, after), self.event_dim - part.event_dim)
            x = after
        return total if self.parts else x * 0

    def __repr__(self) -> str:
        return f"ComposeTransform({self.parts})"


identity_transform = ComposeTransform([])


def biject_to(constraint: Constraint) -> Transform:
    """Return a function with an inverse from all numbers onto those for which a condition holds.

    Parameters
    ----------
    constraint : Constraint
        About real numbers, or those beyond a bound or between two: ``normal.arg_constraints["scale"]``, for example.

    Returns
    -------
    Transform
        The exponential, the logistic function or the identity, shifted and scaled.

    Raises
    ------
    NotImplementedError
        If the condition is another.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.distributions import biject_to, constraints
    >>> biject_to(constraints.positive)(minigrad.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    if constraint.bounds is None:
        raise NotImplementedError(f"biject_to: there is no function onto {constraint}")
    low, high = constraint.bounds
    dims = constraint.event_dim
    if low is None and high is None:
        return AffineTransform(0.0, 1.0, dims) if dims else identity_transform
    if low is None:
        return ComposeTransform([ExpTransform(), AffineTransform(high, -1.0, dims)])
    if high is None:
        return ComposeTransform([ExpTransform(), AffineTransform(low, 1.0, dims)])
    return ComposeTransform([SigmoidTransform(), AffineTransform(low, high - low, dims)])


def transform_to(constraint: Constraint) -> Transform:
    """Return a function from all numbers to those for which a condition holds: what makes parameters that are optimised legal.

    As :func:`biject_to`, and the softmax for vectors of probabilities, which has no true inverse.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.distributions import constraints, transform_to
    >>> transform_to(constraints.simplex)(minigrad.zeros(4))
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    return SoftmaxTransform() if constraint is constraints.simplex else biject_to(constraint)
