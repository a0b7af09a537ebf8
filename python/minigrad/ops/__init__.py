"""The operations: their records, their public functions and, through those, the methods of tensors."""

from . import (
    conversion,
    creation,
    elementwise,
    functions,
    getitem,
    index,
    inplace,
    linalg,
    loss,
    products,
    reduce,
    rounding,
    scan,
    scatter,
    shape,
    softmax,
)

__all__ = [
    "conversion",
    "creation",
    "elementwise",
    "functions",
    "getitem",
    "index",
    "inplace",
    "linalg",
    "loss",
    "products",
    "reduce",
    "rounding",
    "scan",
    "scatter",
    "shape",
    "softmax",
]
