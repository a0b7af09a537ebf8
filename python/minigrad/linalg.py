"""Linear algebra, as ``torch.linalg`` names it."""

from __future__ import annotations

from .ops.linalg import matmul
from .ops.products import multi_dot

__all__ = ["matmul", "multi_dot"]
