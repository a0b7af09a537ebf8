"""Layers by the name of PyTorch's module."""

from ..channel_norms import *
