"""Layers by the name of PyTorch's module."""

from .. import activations
from ..activations import *
from ..layers import ReLU, Sigmoid, Tanh

__all__ = ["ReLU", "Sigmoid", "Tanh"]
__all__ += activations.__all__
