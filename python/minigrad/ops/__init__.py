"""The operations: their records, their public functions and, through those, the methods of tensors."""

from . import conversion, creation, elementwise, index, inplace, linalg, loss, reduce, rounding, scan, shape, softmax

__all__ = [
    "conversion",
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
