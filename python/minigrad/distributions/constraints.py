"""What parameters and values may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor

__all__ = [
    "Constraint",
    "boolean",
    "greater_than",
    "greater_than_eq",
    "independent",
    "integer_interval",
    "interval",
    "less_than",
    "nonnegative",
    "nonnegative_integer",
    "one_hot",
    "positive",
    "real",
    "real_vector",
    "simplex",
    "unit_interval",
]


class Constraint:
    """A condition on tensors.

    Parameters
    ----------
    text : str
        What a tensor has to be, for errors.
    check : callable
        Returns for each element, or each vector along the last dimension, whether it holds.
    event_dim : int, default 0
        How many dimensions of a tensor the condition is about.
    bounds : pair, optional
        Where it is about whole ranges of numbers: their ends, None for no end. `transform_to` looks at them.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.constraints.positive.check(minigrad.tensor([1.0, -1.0]))
    tensor([ True, False])
    """

    def __init__(
        self,
        text: str,
        check: Callable[[Tensor], Any],
        event_dim: int = 0,
        bounds: tuple[Any, Any] | None = None,
    ) -> None:
        self.text, self.check, self.event_dim, self.bounds = text, check, event_dim, bounds

    def __repr__(self) -> str:
        return f"Constraint({self.text})"


def greater_than(lower_bound: Any) -> Constraint:
    """Return the condition that elements are greater than a number.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.constraints.greater_than(0).check(minigrad.tensor([1.0, 0.0]))
    tensor([ True, False])
    """
    return Constraint(f"greater than {lower_bound}", lambda x: x > lower_bound, bounds=(lower_bound, None))


def greater_than_eq(lower_bound: Any) -> Constraint:
    """Return the condition that elements are a number or greater.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.constraints.greater_than_eq(0).check(minigrad.tensor([0.0, -1.0]))
    tensor([ True, False])
    """
    return Constraint(f"{lower_bound} or greater", lambda x: x >= lower_bound, bounds=(lower_bound, None))


def less_than(upper_bound: Any) -> Constraint:
    """Return the condition that elements are less than a number.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.constraints.less_than(0).check(minigrad.tensor([-1.0, 0.0]))
    tensor([ True, False])
    """
    return Constraint(f"less than {upper_bound}", lambda x: x < upper_bound, bounds=(None, upper_bound))


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Return the condition that elements lie between two numbers, or are one of them.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.constraints.interval(0, 1).check(minigrad.tensor([1.0, 2.0]))
    tensor([ True, False])
    """
    text, bounds = f"between {lower_bound} and {upper_bound}", (lower_bound, upper_bound)
    return Constraint(text, lambda x: (x >= lower_bound) & (x <= upper_bound), bounds=bounds)


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Return the condition that elements are whole numbers between two others, or are one of them.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.distributions.constraints.integer_interval(0, 2).check(minigrad.tensor([1.0, 1.5]))
    tensor([ True, False])
    """
    text = f"a whole number from {lower_bound} to {upper_bound}"
    return Constraint(text, lambda x: (x % 1 == 0) & (x >= lower_bound) & (x <= upper_bound))


def independent(base_constraint: Constraint, reinterpreted_batch_ndims: int) -> Constraint:
    """Return the condition that one holds for all of the last so many dimensions more.

    Examples
    --------
    >>> import minigrad
    >>> constraints = minigrad.distributions.constraints
    >>> constraints.independent(constraints.positive, 1).check(minigrad.tensor([[1.0, 2.0], [1.0, -1.0]]))
    tensor([ True, False])
    """
    base, dims = base_constraint, reinterpreted_batch_ndims
    over = tuple(range(-dims, 0))
    check = (lambda x: base.check(x).all(over)) if dims else base.check
    return Constraint(base.text, check, base.event_dim + dims, base.bounds)


def _is_number(x: Tensor) -> Any:
    return x == x  # noqa: PLR0124  (NaN is not equal to itself)


real = Constraint("a number, not NaN", _is_number, bounds=(None, None))
real_vector = Constraint("a vector of numbers, not NaN", lambda x: _is_number(x).all(-1), 1, (None, None))
positive = Constraint("positive", lambda x: x > 0, bounds=(0.0, None))
nonnegative = Constraint("not negative", lambda x: x >= 0, bounds=(0.0, None))
unit_interval = interval(0, 1)
boolean = Constraint("0 or 1", lambda x: (x == 0) | (x == 1))
nonnegative_integer = Constraint("a whole number, not negative", lambda x: (x % 1 == 0) & (x >= 0))
simplex = Constraint(
    "probabilities with sum 1", lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6 * max(x.shape[-1], 10)), 1
)
one_hot = Constraint("a single 1 among zeros", lambda x: ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1), 1)
