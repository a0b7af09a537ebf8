"""The table of cases: for every primitive, operands and attributes that the tests run it on.

A row draws float64 operands from a generator seeded by the row's own name. Rows where finite differences hold are
``smooth``; the others stand at kinks, infinities and the like, where PyTorch says what the gradient is. Layouts in memory
(transposed, sliced, reversed) are no matter of the table: the tests try every row in all of them.

Each module here has the rows of a family of operations and lists the functions that make them as ``FAMILIES``.
"""

from __future__ import annotations

from . import (
    activation,
    arithmetic,
    elementwise,
    functions,
    index,
    linalg,
    logic,
    loss,
    normalization,
    order,
    reduce,
    rounding,
    scan,
    selection,
    shape,
)
from .case import FLOAT64, PRIVATE, Array, Case

CASES: list[Case] = [
    case
    for module in (
        activation,
        elementwise,
        functions,
        rounding,
        arithmetic,
        selection,
        logic,
        shape,
        index,
        scan,
        reduce,
        order,
        linalg,
        loss,
        normalization,
    )
    for family in module.FAMILIES
    for case in family()
]

__all__ = ["CASES", "FLOAT64", "PRIVATE", "Array", "Case"]
