"""PyTorch's module of this name."""

from .discrete import Bernoulli

__all__ = ["Bernoulli"]
