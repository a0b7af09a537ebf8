"""Linear algebra, as ``torch.linalg`` names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._absent import lookup
from ._out import give_out
from .ops.linalg import matmul
from .ops.norms import linalg_norm as norm
from .ops.norms import matrix_norm, vector_norm
from .ops.products import matrix_power, multi_dot

__all__ = ["matmul", "matrix_norm", "matrix_power", "multi_dot", "norm", "vector_norm"]

give_out(globals(), ("matmul", "matrix_power", "multi_dot", "norm", "vector_norm"))

if not TYPE_CHECKING:
    __getattr__ = lookup(__name__)
