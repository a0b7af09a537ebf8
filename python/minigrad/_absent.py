"""What PyTorch has and minigrad does not: the errors for it say so."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["lookup"]

#: What names stand for, by their beginnings or, where they end with $, as a whole.
_SUBJECTS = {
    "convolution, pooling and other layers of images": r"(Lazy)?conv(_?transpose)?\d|convolution|(adaptive_)?(max|avg|lp|fractional_max)_?(un)?pool"
    "|adaptive(max|avg)pool|(un)?fold$|interpolate|upsampl|grid_sample|affine_grid|pixel_?(un)?shuffle|channel_?shuffle"
    "|local_?response|(reflection|replication|zero|constant|circular)pad|crossmap|LazyBatch|LazyInstance",
    "recurrent layers": "(rnn|lstm|gru)(base|cell|cellbase)?$|rnn_(tanh|relu)",
    "attention layers": "multi_?head|transformer|scaled_dot_product|attention$",
    "inverses, determinants and decompositions of matrices": "inv$|inverse|pinv|det$|slogdet|logdet|svd|qr$|eig|cholesky"
    "|lu$|lu_|solve|lstsq|matrix_(rank|exp|power)|orthogonal|MultivariateNormal|pca_lowrank|householder",
    "the gamma function": "lgamma|digamma|polygamma|mvlgamma|igamma|Beta$|Gamma$|Dirichlet|Poisson$|StudentT|Binomial"
    "|NegativeBinomial|Multinomial$|Chi2|poisson$|special$",
    "complex numbers and Fourier transforms": "complex|cfloat|cdouble|chalf|fft|stft|istft|polar$|view_as_(real|complex)",
    "bfloat16 and quantisation": "bfloat16|BFloat|quint|qint|float8|quanti|uint(16|32|64)$|ao$",
    "sparse and nested tensors": "sparse|SparseAdam|nested|to_sparse|hspmm|spmm",
    "automatic mixed precision": "get_autocast|set_autocast",
    "compiled or traced graphs": "jit$|fx$|export$|onnx|compiler$|_dynamo|package$",
    "training on several machines": "distributed$|DataParallel|DistributedSampler|SyncBatchNorm|parallel$|futures|share_memory",
    "profilers": "profiler",
}


def lookup(module: str) -> Callable[[str], object]:
    """Return a module's ``__getattr__``: an AttributeError that says which subject is not there."""

    def absent(name: str) -> object:
        text = f"module {module!r} has no attribute {name!r}"
        subject = next((s for s, names in _SUBJECTS.items() if re.match(names, name, re.IGNORECASE)), None)
        if subject is not None:
            text += f": minigrad leaves out {subject}; see Limits in its README"
        raise AttributeError(text)

    return absent
