"""Layers by the name of PyTorch's module, and what losses of users' own derive from."""

from .._loss import ReducedLoss, WeightedLoss
from ..losses import *
from ..pair_losses import *
from ..regression_losses import *

_Loss = ReducedLoss
_WeightedLoss = WeightedLoss
