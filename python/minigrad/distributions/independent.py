"""PyTorch's module of this name."""

from .composed import Independent

__all__ = ["Independent"]
