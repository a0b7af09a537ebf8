"""PyTorch's module of this name."""

from .continuous import Uniform

__all__ = ["Uniform"]
