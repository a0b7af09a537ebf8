"""Neural networks: modules, layers, losses and initialisation."""

from . import activations, functional, init, losses, utils
from .activations import *
from .layers import Flatten, Identity, Linear, ReLU, Sequential, Sigmoid, Tanh
from .losses import *
from .module import Module
from .parameter import Parameter

__all__ = ["Flatten", "Identity", "Linear", "Module", "Parameter", "ReLU", "Sequential", "Sigmoid", "Tanh"]
__all__ += ["functional", "init", "utils"]
__all__ += activations.__all__
__all__ += losses.__all__
