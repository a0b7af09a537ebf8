"""The operations: their records, their public functions and, through those, the methods of tensors."""

from . import creation, elementwise, index, inplace, linalg, loss, reduce, rounding, scan, shape, softmax

__all__ = [
    "creation",
    "elementwise",
    "index",
    "inplace",
    "linalg",
    "loss",
    "reduce",
    "rounding",
    "scan",
    "shape",
    "softmax",
]
