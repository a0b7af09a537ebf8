"""PyTorch's module of this name."""

from .composed import TransformedDistribution

__all__ = ["TransformedDistribution"]
