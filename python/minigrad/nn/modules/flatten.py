"""Layers by the name of PyTorch's module."""

from ..layers import Flatten, Unflatten

__all__ = ["Flatten", "Unflatten"]
