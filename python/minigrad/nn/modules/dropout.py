"""Layers by the name of PyTorch's module."""

from ..dropout import *
