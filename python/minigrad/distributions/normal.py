"""PyTorch's module of this name."""

from .continuous import Normal

__all__ = ["Normal"]
