"""minigrad: an autograd engine for Python on the CPU, with PyTorch's names.

>>> import minigrad
>>> x = minigrad.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> loss = (x.sin() * x).sum()
>>> loss.backward()
>>> x.grad
tensor([ 1.3818,  0.0770, -2.8289])
"""

from __future__ import annotations

from math import e, inf, nan, pi
from typing import TYPE_CHECKING

from . import (
    _absent,
    _environment,
    _legacy,
    memory,
    ops,
    random,
)
from . import _return_types as return_types
from ._config import __version__, get_num_threads, set_num_threads, show_config
from ._device import device
from ._dtype import bool_ as bool
from ._dtype import (
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    result_type,
    set_default_dtype,
    uint8,
)
from ._environment import *
from ._facts import Size
from ._formats import contiguous_format, preserve_format, strided
from ._legacy import *
from .grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .inference import inference_mode, is_inference, is_inference_mode_enabled
from .ops.activation import celu, hardshrink, prelu, selu
from .ops.arithmetic import *
from .ops.conversion import *
from .ops.count import *
from .ops.covariance import *
from .ops.creation import *
from .ops.data import *
from .ops.differences import *
from .ops.distance import cdist, cosine_similarity, dist, pairwise_distance, pdist
from .ops.einsum import *
from .ops.elementwise import *
from .ops.extrema import *
from .ops.functions import *
from .ops.index import *
from .ops.index_write import *
from .ops.joining import *
from .ops.linalg import *
from .ops.logic import *
from .ops.norms import *
from .ops.order import *
from .ops.powers import *
from .ops.products import *
from .ops.quantiles import *
from .ops.ranges import *
from .ops.rearrange import *
from .ops.reduce import *
from .ops.rounding import *
from .ops.scan import *
from .ops.scatter import *
from .ops.search import *
from .ops.selection import *
from .ops.setitem import *
from .ops.shape import *
from .ops.softmax import *
from .ops.statistics import *
from .ops.unique import *
from .ops.view_scatter import *
from .ops.views import *
from .random import *
from .tensor import Tensor

# isort: split
from . import _out

half = float16
float = float32  # noqa: A001
double = float64
newaxis = None
short = int16
int = int32  # noqa: A001
long = int64

__all__ = [
    "CheckpointError",
    "GradScaler",
    "Size",
    "Tensor",
    "__version__",
    "accelerator",
    "amp",
    "autocast",
    "autograd",
    "backends",
    "bool",
    "contiguous_format",
    "cuda",
    "device",
    "double",
    "dtype",
    "e",
    "enable_grad",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "func",
    "get_default_dtype",
    "get_num_threads",
    "half",
    "iinfo",
    "inf",
    "inference_mode",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_autocast_enabled",
    "is_grad_enabled",
    "is_inference",
    "is_inference_mode_enabled",
    "linalg",
    "load",
    "long",
    "memory",
    "nan",
    "newaxis",
    "nn",
    "no_grad",
    "ops",
    "optim",
    "pi",
    "preserve_format",
    "promote_types",
    "random",
    "result_type",
    "return_types",
    "save",
    "set_default_dtype",
    "set_grad_enabled",
    "set_num_threads",
    "set_printoptions",
    "short",
    "show_config",
    "strided",
    "uint8",
    "version",
    "vmap",
]
__all__ += ["celu", "hardshrink", "prelu", "selu"]
__all__ += ["cdist", "cosine_similarity", "dist", "pairwise_distance", "pdist"]
__all__ += _environment.__all__
__all__ += _legacy.__all__
__all__ += ops.arithmetic.__all__
__all__ += ops.conversion.__all__
__all__ += ops.count.__all__
__all__ += ops.covariance.__all__
__all__ += ops.creation.__all__
__all__ += ops.data.__all__
__all__ += ops.differences.__all__
__all__ += ops.einsum.__all__
__all__ += ops.elementwise.__all__
__all__ += ops.extrema.__all__
__all__ += ops.functions.__all__
__all__ += ops.index.__all__
__all__ += ops.index_write.__all__
__all__ += ops.joining.__all__
__all__ += ops.linalg.__all__
__all__ += ops.logic.__all__
__all__ += ops.norms.__all__
__all__ += ops.order.__all__
__all__ += ops.powers.__all__
__all__ += ops.products.__all__
__all__ += ops.quantiles.__all__
__all__ += ops.ranges.__all__
__all__ += ops.rearrange.__all__
__all__ += ops.reduce.__all__
__all__ += ops.rounding.__all__
__all__ += ops.scan.__all__
__all__ += ops.scatter.__all__
__all__ += ops.search.__all__
__all__ += ops.selection.__all__
__all__ += ops.setitem.__all__
__all__ += ops.shape.__all__
__all__ += ops.softmax.__all__
__all__ += ops.statistics.__all__
__all__ += ops.unique.__all__
__all__ += ops.view_scatter.__all__
__all__ += ops.views.__all__
__all__ += random.__all__

_out.publish(globals(), (*_out.NAMES, *_out.MAKERS))

# What not every program needs is imported when it is first asked for.

if TYPE_CHECKING:
    from . import accelerator as accelerator
    from . import amp as amp
    from . import autograd as autograd
    from . import backends as backends
    from . import cuda as cuda
    from . import datasets as datasets
    from . import distributions as distributions
    from . import func as func
    from . import linalg as linalg
    from . import multiprocessing as multiprocessing
    from . import nn as nn
    from . import optim as optim
    from . import special as special
    from . import testing as testing
    from . import utils as utils
    from . import version as version
    from ._printing import set_printoptions
    from .amp import GradScaler, autocast, is_autocast_enabled
    from .func import vmap
    from .serialization import CheckpointError, load, save
else:
    __getattr__, __dir__ = _absent.late(
        __name__,
        {
            **dict.fromkeys(("accelerator", "autograd", "backends", "cuda", "datasets", "distributions", "linalg"), ()),
            **dict.fromkeys(("multiprocessing", "nn", "optim", "special", "testing", "utils", "version"), ()),
            "_printing": ("set_printoptions",),
            "amp": ("GradScaler", "autocast", "is_autocast_enabled"),
            "func": ("vmap",),
            "serialization": ("CheckpointError", "load", "save"),
        },
    )
