"""Where minigrad differs from PyTorch on purpose, or PyTorch's values cannot be compared: each row with its reason."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any, NamedTuple

import torch

from .convert import tensors
from .scope import ELEMENTWISE


class Difference(NamedTuple):
    """What is not compared, and why."""

    operations: str
    stages: str  # as report.STAGES names them, separated by commas
    selects: Callable[[Any], bool]  # of a sample's input, arguments and keywords
    reason: str


def has_ties(arguments: Any) -> bool:
    """Return whether the sample draws integers from so few that some are equal."""
    return not arguments[0].is_floating_point()


def _has_number(arguments: Any) -> bool:
    first, args, _ = arguments
    return any(isinstance(x, Number) for x in (first, *args))


def _is_half(arguments: Any) -> bool:
    return any(t.dtype is torch.float16 for t in tensors(arguments))


def needs_singular_values(sample: Any) -> bool:
    x, args, kwargs = sample[:3]
    order = args[0] if args else kwargs.get("ord")
    dim = args[1] if len(args) > 1 else kwargs.get("dim", tuple(range(x.ndim)))
    return order == "nuc" or (order in (2, -2) and isinstance(dim, tuple) and len(dim) == 2)


DELIBERATE = [
    Difference(
        ELEMENTWISE,
        "errors raised",
        _has_number,
        "a number is as good as a tensor on either side, as it is for the operators; PyTorch refuses some and takes others",
    ),
    Difference(
        "div floor_divide",
        "forward",
        _is_half,
        "the quotient is rounded down from float32; PyTorch rounds it to float16 first, which can reach the next integer",
    ),
    Difference(
        "scatter_reduce",
        "forward",
        _is_half,
        "PyTorch rounds to float16 after each term, minigrad once",
    ),
    Difference(
        "norm",
        "forward, gradient, second order, forward mode",
        lambda sample: "nuc" in sample[1],
        "singular values are outside the scope",
    ),
    Difference(
        "linalg.norm linalg.matrix_norm",
        "forward, gradient, second order, forward mode",
        needs_singular_values,
        "singular values are outside the scope",
    ),
    Difference(
        "linalg.norm linalg.vector_norm norm",
        "second order",
        lambda sample: not sample[0].any(),
        "all derivatives of a norm are 0 where it is 0; PyTorch's second one is NaN",
    ),
    Difference(
        "topk kthvalue mode",
        "forward",
        has_ties,
        "PyTorch leaves open which of equal elements is chosen; minigrad takes the first ones, mode the last one",
    ),
    Difference(
        "logcumsumexp",
        "gradient, forward mode",
        lambda arguments: True,
        "PyTorch's rules cancel: in float32 they err by 3e-3 where minigrad's err by 5e-7",
    ),
]

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
