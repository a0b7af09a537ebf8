"""What a module does not have at once: what is imported when it is first asked for, and what PyTorch alone has."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from opcode import opmap

__all__ = ["Finder", "late", "lookup"]

#: What names stand for, by their beginnings or, where they end with $, as a whole.
_SUBJECTS = {
    "convolution, pooling and other layers of images": r"(Lazy)?conv(_?transpose)?\d|convolution|(adaptive_)?(max|avg|lp|fractional_max)_?(un)?pool"
    "|adaptive(max|avg)pool|(un)?fold$|interpolate|upsampl|grid_sample|affine_grid|pixel_?(un)?shuffle|channel_?shuffle"
    "|local_?response|conv$|pooling$|padding$|(reflection|replication|zero|constant|circular)pad|crossmap|LazyBatch|LazyInstance",
    "recurrent layers": "(rnn|lstm|gru)(base|cell|cellbase)?$|rnn_(tanh|relu)|Packed|pack_|pad_packed|un(pack|pad)_seq",
    "attention layers": "multi_?head|transformer|scaled_dot_product|attention$",
    "inverses, determinants and decompositions of matrices": "inv(_ex)?$|inverse|pinv|det$|slogdet|logdet|svd|qr$|eig|cholesky"
    "|lu$|lu_|ldl_|(tensor|triangular_)?solve|tensorinv|lstsq|matrix_(rank|exp)|orthogonal|LinAlgError"
    "|(LowRank)?MultivariateNormal|Wishart|LKJ|pca_lowrank|householder",
    "the gamma function": "lgamma|digamma|polygamma|mvlgamma|igamma|Beta$|Gamma$|Dirichlet|Poisson$|StudentT|Binomial"
    "|NegativeBinomial|Multinomial$|Chi2|InverseGamma|FisherSnedecor|Kumaraswamy|poisson$|gammaln|gammainc|psi$|multigammaln|zeta$",
    "Bessel functions": "i0|i1|.*bessel_|VonMises",
    "complex numbers and Fourier transforms": "complex|cfloat|cdouble|chalf|fft|stft|istft|polar$|view_as_(real|complex)",
    "bfloat16 and quantisation": "bfloat16|BFloat|quint|qint|float8|quanti|uint(16|32|64)$|ao$",
    "sparse and nested tensors": "sparse|SparseAdam|nested|to_sparse|hspmm|spmm",
    "automatic mixed precision": "get_autocast|set_autocast",
    "compiled or traced graphs": "jit$|fx$|export$|onnx|compiler$|_dynamo|package$",
    "training on several machines": "distributed$|DataParallel|DistributedSampler|SyncBatchNorm|parallel$|futures|share_memory",
    "profilers": "profiler|benchmark$|bottleneck$",
    "pruning": "prune$",
}

_IMPORT_FROM = opmap["IMPORT_FROM"]


def _left_out(name: str) -> str | None:
    """Return what is said of a name that belongs to a subject that is left out."""
    subjects = () if name.startswith("__") else _SUBJECTS.items()  # an import asks for __path__: no patterns for that
    subject = next((s for s, names in subjects if re.match(names, name, re.IGNORECASE)), None)
    return subject and f"minigrad leaves out {subject}; see Limits in its README"


def lookup(module: str, reason: str | None = None) -> Callable[[str], object]:
    """Return a module's ``__getattr__``: an error that says which subject is not there, or the `reason` for all names.

    An AttributeError; an ImportError for ``from module import name``, as Python would not pass on what the other says.
    """

    def absent(name: str) -> object:
        text = f"module {module!r} has no attribute {name!r}"
        why = reason or _left_out(name)
        caller = sys._getframe(1)
        if why and caller.f_code.co_code[caller.f_lasti] == _IMPORT_FROM:
            raise ImportError(f"cannot import {name!r} from {module!r}: {why}")
        raise AttributeError(f"{text}: {why}" if why else text)

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


class Finder:
    """The last of the import system's finders: for a module of minigrad's that is left out the error says so.

    ``from minigrad.nn import LSTM`` comes here as well, since what is no attribute of a package may be a module in it.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Return None, as who has not found it, or raise a ModuleNotFoundError for what is left out."""
        package, _, last = name.rpartition(".")
        why = _left_out(last) if package.partition(".")[0] == __package__ else None
        if why:
            raise ModuleNotFoundError(f"cannot import {last!r} from {package!r}: {why}")
        return None


sys.meta_path.append(Finder)
