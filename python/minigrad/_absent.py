"""What a module does not have at once: what is imported when it is first asked for, and what PyTorch alone has."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module

__all__ = ["late", "lookup"]

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
        names = () if name.startswith("__") else _SUBJECTS.items()  # an import asks for __path__: no patterns for that
        subject = next((s for s, pattern in names if re.match(pattern, name, re.IGNORECASE)), None)
        if subject is not None:
            text += f": minigrad leaves out {subject}; see Limits in its README"
        raise AttributeError(text)

    return absent


def late(package: str, parts: Mapping[str, tuple[str, ...]]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return a package's ``__getattr__`` and ``__dir__``, for submodules that are imported when first asked for.

    `parts` has their names, and what the package takes from each of them.
    """
    sources = {name: part for part, names in parts.items() for name in names}
    absent = lookup(package)

    def get(name: str) -> object:
        if name in parts:
            return import_module(f"{package}.{name}")
        if name not in sources:
            return absent(name)
        value = getattr(import_module(f"{package}.{sources[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*vars(sys.modules[package]), *parts, *sources})
