"""Where minigrad differs from PyTorch on purpose, or PyTorch's values cannot be compared: each row with its reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """What is not compared, and why."""

    operations: str
    stages: str  # of forward, gradient, "second order", "forward mode", error; separated by commas
    selects: Callable[[Any], bool]  # of a sample's input, arguments and keywords
    reason: str


DELIBERATE: list[Difference] = [
    Difference(
        "scatter_reduce",
        "forward mode",
        lambda sample: "prod" in sample[1],
        "PyTorch's tangent of a product is 0; its own second-order rules give what minigrad gives",
    ),
    Difference(
        "scatter_reduce index_reduce",
        "forward",
        lambda sample: str(sample[0].dtype) == "torch.float16",
        "PyTorch rounds to float16 after each step, minigrad once",
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
