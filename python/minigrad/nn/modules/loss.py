"""Layers by the name of PyTorch's module."""

from ..losses import *
from ..pair_losses import *
from ..regression_losses import *
