"""Where minigrad differs from PyTorch on purpose, or PyTorch's values cannot be compared: each row with its reason."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any, NamedTuple

import torch


class Difference(NamedTuple):
    """What is not compared, and why."""

    operations: str
    stages: str  # as report.STAGES names them, separated by commas
    selects: Callable[[Any], bool]  # of a sample's input, arguments and keywords
    reason: str


def _has_number(arguments: Any) -> bool:
    first, args, _ = arguments
    return any(isinstance(x, Number) for x in (first, *args))


def _makes_half(arguments: Any) -> bool:
    return arguments[2].get("dtype") is torch.float16


DELIBERATE = [
    Difference(
        "rsub __radd__ __rmul__ __rdiv__ atan2 fmod gcd lcm maximum minimum logaddexp hypot eq ne lt le gt ge __rand__ __ror__ __rxor__",
        "errors raised",
        _has_number,
        "a number is as good as a tensor on either side, as it is for the operators; PyTorch refuses some and takes others",
    ),
    Difference(
        "linalg.norm",
        "second order",
        lambda sample: not sample[0].any(),
        "all derivatives of a norm are 0 where it is 0; PyTorch's second one is NaN",
    ),
    Difference(
        "ldexp",
        "gradient",
        lambda arguments: arguments[0].dtype is torch.float32,
        "sums of terms up to 2⁹ that cancel: both libraries err by 4e-4 in the mean",
    ),
    Difference(
        "linspace",
        "forward",
        _makes_half,
        "minigrad rounds to float16 once; PyTorch rounds the step and each product to it",
    ),
    Difference(
        "nn.functional.hardsigmoid",
        "gradient, second order, forward mode",
        lambda arguments: arguments[0].dtype is torch.float64,
        "the slope is 1/6 in float64; PyTorch's is 1/6 rounded to float32",
    ),
    Difference(
        "logcumsumexp",
        "gradient",
        lambda arguments: arguments[0].dtype is not torch.float64,
        "PyTorch's rules cancel: in float32 they err by 3e-3 where minigrad's err by 5e-7",
    ),
    Difference(
        "logcumsumexp",
        "forward mode",
        lambda arguments: arguments[0].dtype is torch.float64,
        "PyTorch's tangents cancel in float64, too: they err by 2e-6 where its own reverse mode agrees with minigrad's to 1e-9",
    ),
]

# Which of equal elements these choose PyTorch leaves open (minigrad: the first ones, mode the last one). So the elements
# at the indices are compared, not the indices: the place of `dim` among the arguments behind the input.
CHOICES = {"sort": 0, "argsort": 0, "topk": 1, "kthvalue": 1, "mode": 0}

# Of these only shape and dtype are compared.
UNDEFINED_VALUES = {
    "random numbers are minigrad's own generator's": (
        "rand randn randint rand_like randn_like randint_like normal uniform bernoulli multinomial randperm "
        "nn.functional.dropout"
    ),
    "memory that nobody has written to": "empty empty_like new_empty",
}

VALUES_UNDEFINED = {name for names in UNDEFINED_VALUES.values() for name in names.split()}


def is_deliberate(name: str, stage: str, arguments: Any) -> bool:
    """Return whether the table has a row for this sample."""
    return any(
        name in row.operations.split() and stage in row.stages.split(", ") and row.selects(arguments)
        for row in DELIBERATE
    )
