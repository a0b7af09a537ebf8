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

from . import _load  # noqa: F401  (first: it loads the extension)
from . import _dtype, autograd, nn, optim, ops
from ._config import __version__, get_num_threads, set_num_threads, show_config
from ._dtype import (
    dtype,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    result_type,
    set_default_dtype,
    uint8,
)
from ._dtype import bool_ as bool  # noqa: A004
from .grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .ops.creation import (
    arange,
    as_tensor,
    empty,
    eye,
    from_numpy,
    full,
    full_like,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from .ops.elementwise import (
    abs,  # noqa: A004
    add,
    clone,
    cos,
    div,
    eq,
    exp,
    ge,
    gt,
    le,
    log,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    neg,
    pow,  # noqa: A004
    reciprocal,
    relu,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    sub,
    tanh,
    where,
)
from .ops.index import _public_scatter_add as scatter_add
from .ops.index import gather, index_select
from .ops.linalg import bmm, dot, matmul, mm, mv, outer
from .ops.reduce import all, amax, amin, any, argmax, argmin, max, mean, min, prod, std, sum, var  # noqa: A004
from .ops.scan import cumprod, cumsum
from .ops.shape import (
    broadcast_shapes,
    broadcast_to,
    flatten,
    movedim,
    permute,
    reshape,
    squeeze,
    t,
    transpose,
    unsqueeze,
)
from .ops.softmax import log_softmax, softmax
from .random import (
    Generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    set_rng_state,
)
from .tensor import Size, Tensor

float = float32  # noqa: A001
double = float64
short = int16
int = int32  # noqa: A001
long = int64

__all__ = [name for name in dir() if not name.startswith("_") or name == "__version__"]
