"""Layers by the name of PyTorch's module."""

from ..activations import CosineSimilarity, PairwiseDistance

__all__ = ["CosineSimilarity", "PairwiseDistance"]
