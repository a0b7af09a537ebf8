"""Neural networks: modules, layers, losses and initialisation."""

from . import activations, functional, init, losses, norms, utils
from .activations import *
from .containers import ModuleDict, ModuleList, ParameterList, Sequential
from .layers import Flatten, Identity, Linear, ReLU, Sigmoid, Tanh
from .losses import *
from .module import Module
from .norms import *
from .parameter import Buffer, Parameter

__all__ = [
    "Buffer",
    "Flatten",
    "Identity",
    "Linear",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterList",
    "ReLU",
]
__all__ += ["Sequential", "Sigmoid", "Tanh"]
__all__ += ["functional", "init", "utils"]
__all__ += activations.__all__
__all__ += losses.__all__
__all__ += norms.__all__

from . import modules  # the last one: it has the names above

__all__ += ["modules"]
