"""PyTorch's module of this name."""

from .discrete import Categorical

__all__ = ["Categorical"]
