"""What distributions have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from .._facts import Size
from ..grad_mode import no_grad
from ..ops.data import tensor
from ..ops.views import broadcast_tensors
from ..tensor import Tensor, wrap
from .constraints import Constraint

__all__ = ["Distribution"]


def as_tensors(*values: Any) -> tuple[Tensor, ...]:
    """Return tensors of one shape; numbers take the dtype of the first tensor, or the default one.

    A tensor that has the shape is returned as it is, so that a leaf stays one.
    """
    dtype = next((x.dtype for x in values if isinstance(x, Tensor)), None)
    made = [x if isinstance(x, Tensor) else tensor(float(x), dtype=dtype) for x in values]
    views = broadcast_tensors(*made)
    return tuple([x if x._array.shape == view._array.shape else view for x, view in zip(made, views, strict=True)])


def sum_rightmost(x: Any, count: int) -> Any:
    """Return the sums over the last dimensions, so many of them."""
    return x.sum(tuple(range(-count, 0))) if count > 0 else x


class Distribution:
    """A distribution of random tensors, or a batch of them.

    A subclass sets its parameters as attributes, calls ``super().__init__`` and defines `rsample` or `sample`, and
    `log_prob`.

    Parameters
    ----------
    batch_shape : Size
        The shape of the batch: each element is a distribution of its own.
    event_shape : Size
        The shape of what one distribution draws.
    validate_args : bool, optional
        Whether parameters, and the values given to `log_prob`, are checked; they are by default.

    Raises
    ------
    ValueError
        If a parameter is not what `arg_constraints` says.
    """

    #: Whether `rsample` draws differentiably, and whether `enumerate_support` lists all values.
    has_rsample: ClassVar[bool] = False
    has_enumerate_support: ClassVar[bool] = False
    #: What the parameters may be, by name; what values may be.
    arg_constraints: Mapping[str, Constraint] = {}
    support: Constraint | None = None

    _validates = __debug__

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validates = validate_args
        if self._validates:
            for name, constraint in self.arg_constraints.items():
                if name in self.__dict__:
                    self._check(name, constraint, self.__dict__[name])

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Say whether distributions check their arguments unless told otherwise."""
        Distribution._validates = value

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of what one distribution draws."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise self._absent("mean")

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        raise self._absent("mode")

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        raise self._absent("variance")

    @property
    def stddev(self) -> Tensor:
        """The root of the variance."""
        return self.variance.sqrt()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, as a differentiable function of the parameters, of shape ``sample + batch + event``."""
        raise self._absent("rsample")

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, without a gradient, of shape ``sample_shape + batch_shape + event_shape``."""
        with no_grad():
            return self.rsample(sample_shape)

    def sample_n(self, n: int) -> Tensor:
        """Draw `n` values."""
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability, or of the density, of a value: one number for each distribution."""
        raise self._absent("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to this one."""
        raise self._absent("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value up to which the probability is so much."""
        raise self._absent("icdf")

    def entropy(self) -> Tensor:
        """Return the expected negative logarithm of the probability or the density."""
        raise self._absent("entropy")

    def perplexity(self) -> Tensor:
        """Return the exponential of the entropy."""
        return self.entropy().exp()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all values, along a new first dimension."""
        raise self._absent("enumerate_support")

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> Self:
        """Return the distribution with its parameters expanded to a larger batch."""
        batch = Size(batch_shape)
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        for name, value in self.__dict__.items():
            if isinstance(value, Tensor):
                kept = tuple(value.shape[len(self._batch_shape) :])
                new.__dict__[name] = value.expand((*batch, *kept))
            elif isinstance(value, Distribution):
                inner = value._batch_shape[len(self._batch_shape) :]
                new.__dict__[name] = value.expand((*batch, *inner))
        new._batch_shape = batch
        return new

    def _absent(self, name: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__}: has no {name}")

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _check(self, name: str, constraint: Constraint, value: Tensor) -> None:
        """Raise a ValueError that shows a value that is not what it has to be."""
        with no_grad():
            holds = constraint.check(value)
        if holds._array.all():
            return
        x = value.detach()._array
        wrong = x[(~holds)._array.reshape(holds.shape)] if holds.ndim else x
        shown = wrap(wrong.reshape(-1, *x.shape[x.ndim - constraint.event_dim :])[0].copy())
        raise ValueError(
            f"{type(self).__name__}: {name} must be {constraint.text}, got a tensor of shape {tuple(value.shape)} with {shown}"
        )

    def _validate_sample(self, value: Any) -> None:
        """Raise a ValueError for a value that the distribution cannot have, where arguments are checked."""
        if not isinstance(value, Tensor):
            raise ValueError(f"{type(self).__name__}: the value must be a tensor, got {type(value).__name__}")  # noqa: TRY004
        if not self._validates:
            return
        shape, own = tuple(value.shape), tuple(self._extended_shape())
        for n, m in zip(reversed(shape), reversed(own), strict=False):
            if 1 not in (n, m) and n != m:
                raise ValueError(f"{type(self).__name__}: a value of shape {shape} does not broadcast with {own}")
        if self.support is not None:
            self._check("the value", self.support, value)

    def __repr__(self) -> str:
        given = {name: self.__dict__[name] for name in self.arg_constraints if name in self.__dict__}
        texts = [f"{name}: {x if x.numel() == 1 else x.size()}" for name, x in given.items()]
        return f"{type(self).__name__}({', '.join(texts)})"
