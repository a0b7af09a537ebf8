"""Layers by the name of PyTorch's module."""

from ..norms import *
