"""Layers by the name of PyTorch's module."""

from ..layers import Bilinear, Identity, LazyLinear, Linear

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear"]
