"""Layers by the name of PyTorch's module, and the class by which all of them are known."""

from .. import channel_norms
from ..channel_norms import *

_BatchNorm = channel_norms._BatchNorm
