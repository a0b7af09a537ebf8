"""Activations with the signatures of ``torch.nn.functional``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import _core
from .._methods import elementwise_kernel, method
from ..random.arrays import uniform_array
from ..tensor import Tensor, array_of, wrap
from . import elementwise as ew
from .activation_records import (
    _broken_line,
    _cut,
    _elu,
    _gelu,
    _gelu_tanh,
    _glu,
    _hardswish,
    _mish,
    _prelu,
    _silu,
    _softplus,
    _softsign,
)
from .elementwise import _sub, _where, gt, le, mul, tanh
from .shape import normalise_dim, reshape

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "silu",
    "softplus",
    "softshrink",
    "softsign",
    "tanhshrink",
    "threshold",
    "threshold_",
]


def placed(function: Callable[..., Any], name: str, input: Tensor, inplace: bool, *options: Any) -> Tensor:
    """Return ``function(input, *options)``, which `inplace` stores in `input`'s memory."""
    if inplace:
        array_of(name, input)
        kernel = elementwise_kernel(function)
        if kernel is not None and _core.compute_into(kernel, input, (input, *options)):
            return input
        return input._compute_in_place(function, f"{name}_", options, {})
    return function(input, *options)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return the larger of each element and 0."""
    return placed(ew.relu, "relu", input, inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return each element times its logistic function (SiLU, swish)."""
    return placed(_silu, "silu", input, inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Return each element times the normal probability of what is less."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return (_gelu_tanh if approximate == "tanh" else _gelu)(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return each element times the hyperbolic tangent of its softplus."""
    return placed(_mish, "mish", input, inplace)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """Return a smooth version of the larger of each element and 0."""
    return _softplus(input, beta, threshold)


def logsigmoid(input: Tensor) -> Tensor:
    """Return the logarithm of the logistic function of each element."""
    return _softplus(input, -1.0, math.inf)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return each positive element and alpha times the exponential less 1 of the others."""
    return placed(_elu, "elu", input, inplace, alpha, 1.0, 1.0)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return each positive element and a smooth continuation of the others."""
    if alpha == 0:
        raise RuntimeError("celu: alpha must not be 0")
    return placed(_elu, "celu", input, inplace, alpha, 1.0, 1 / alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return the scaled ELU, which keeps mean 0 and variance 1 from layer to layer."""
    return placed(_elu, "selu", input, inplace, 1.6732632423543772 * 1.0507009873554805, 1.0507009873554805, 1.0)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return each positive element and the others with a small slope."""
    return placed(_broken_line, "leaky_relu", input, inplace, 0.0, 0.0, negative_slope, negative_slope, 1.0, 0.0)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """Return each positive element and the others with slopes that are drawn at random.

    Parameters
    ----------
    input : Tensor
        Any shape, of floats.
    lower, upper : float
        The range of slopes, [1/8, 1/3] by default.
    training : bool, default False
        Whether each element has a slope drawn for it, by the default generator, rather than the middle of the range.
    inplace : bool, default False
        Whether the result takes the input's memory.

    Returns
    -------
    Tensor
        Of `input`'s dtype and shape.

    Raises
    ------
    RuntimeError
        If the range is empty.

    Notes
    -----
    out = x where x > 0, r x elsewhere, r uniform over the range (Xu and others, Empirical Evaluation of Rectified
    Activations in Convolutional Network).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.rrelu(minigrad.tensor([-1.0, 2.0]), 0.125, 0.375)
    tensor([-0.2500,  2.0000])
    """
    if not lower <= upper:
        raise RuntimeError(f"rrelu: lower must not exceed upper, got {lower} and {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)

    def draw(x: Tensor) -> Any:
        slopes = wrap(uniform_array(x, lower, upper, None, "rrelu"))
        return mul(x, _where(gt(x, 0.0), 1.0, slopes))

    array_of("rrelu", input)
    return placed(draw, "rrelu", input, inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Return each element limited to an interval."""
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val must not exceed max_val, got {min_val} and {max_val}")
    if array_of("hardtanh", input).dtype.kind != "f":
        low, high = int(min_val), int(max_val)
        return placed(lambda x: ew.minimum(ew.maximum(x, low), high), "hardtanh", input, inplace)
    return placed(_broken_line, "hardtanh", input, inplace, min_val, max_val, 0.0, 1.0, 0.0, 0.0)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Return each element limited to the interval from 0 to 6."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """Return a logistic function of three straight pieces."""
    return placed(_broken_line, "hardsigmoid", input, inplace, -3.0, 3.0, 0.0, 1 / 6, 0.0, 3.0)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return each element times its hardsigmoid."""
    return placed(_hardswish, "hardswish", input, inplace)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return each element brought nearer to 0, at most to 0."""
    if lambd < 0:
        raise RuntimeError(f"softshrink: lambd must not be negative, got {lambd}")
    return _broken_line(input, -lambd, lambd, 1.0, 0.0, 1.0, 0.0)


@method
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return each element, but small ones as 0."""
    return _cut(input, input, -lambd, lambd, 0.0)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Return each element above the threshold, else a value."""
    array_of("threshold", input)
    return placed(lambda x: _above(x, threshold, value), "threshold", input, inplace)


def _above(x: Tensor, threshold: float, value: float) -> Any:
    if x._array.dtype.kind != "f":
        return _where(le(x, threshold), value, x)
    return _cut(x, x, -math.inf, threshold, value)


def softsign(input: Tensor) -> Tensor:
    """Return each element over 1 plus its size."""
    return _softsign(input)


def tanhshrink(input: Tensor) -> Tensor:
    """Return each element less its hyperbolic tangent."""
    return _sub(input, tanh(input))


@method
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return each positive element and the others with a slope that is learned."""
    x, w = array_of("prelu", input), array_of("prelu", weight, "weight")
    channels = x.shape[1] if x.ndim > 1 else 1
    if w.ndim > 1 or w.size not in (1, channels):
        raise RuntimeError(
            f"prelu: weight must have one element or one for each of the {channels} channels of input, "
            f"got shapes {x.shape} and {w.shape}"
        )
    if x.ndim != 2 or w.size == 1:  # else the channels are the last dimension
        weight = reshape(weight, (-1,) + (1,) * (x.ndim - 2) if w.size > 1 else ())
    return _prelu(input, input, weight)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Return the first half of a dimension times the logistic function of the second."""
    return _glu(input, normalise_dim("glu", dim, array_of("glu", input).shape))


# ----------------------------------------------------------------------------------------------------------------------
# What the functions say of themselves.

_OPTIONS = {
    "input": "Tensor\n        Of any shape, of a floating-point dtype.",
    "inplace": "bool, default False\n        Whether to store the result in `input`'s memory and to return `input`.",
    "approximate": '{"none", "tanh"}\n        Whether to take tanh in place of the normal distribution function.',
    "beta": "float, default 1\n        How sharp the bend is.",
    "threshold": "float\n        Where the other piece begins.",
    "value": "float\n        The result up to the threshold.",
    "alpha": "float, default 1\n        Minus the limit for large negative elements.",
    "negative_slope": "float, default 0.01\n        The slope below 0.",
    "min_val": "float, default -1\n        The least result.",
    "max_val": "float, default 1\n        The largest result.",
    "lambd": "float, default 0.5\n        The size up to which elements become 0.",
    "weight": "Tensor\n        The slope below 0: one element, or one for each index of dimension 1.",
    "dim": "int, default -1\n        The dimension that is halved.",
}


def _describe(function: Callable[..., Tensor], equation: str, options: str, result: str) -> None:
    """Complete a docstring: parameters, equation, and an example with its options and result."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    parameters = "\n".join(f"    {name} : {_OPTIONS[name]}" for name in names)
    function.__doc__ = f"""{function.__doc__}

    Parameters
    ----------
{parameters}

    Returns
    -------
    Tensor
        Of `input`'s dtype{" and shape" if "dim" not in names else ", half as long along `dim`"}.

    Notes
    -----
    {equation}.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> F.{function.__name__}(minigrad.tensor([-4.0, -0.25, 0.5, 8.0]){options})
    {result}
    """


_TEXTS: dict[Callable[..., Tensor], tuple[str, str, str]] = {
    relu: ("out = max(x, 0); the derivative at 0 is 0", "", "tensor([0.0000, 0.0000, 0.5000, 8.0000])"),
    silu: ("out = x / (1 + e^-x); 0 at -inf", "", "tensor([-0.0719, -0.1095,  0.3112,  7.9973])"),
    gelu: (
        "out = x P(x), P the normal distribution function; with tanh, out = x (1 + tanh(sqrt(2/pi) (x + 0.044715 x³))) / 2",
        "",
        "tensor([-1.2668e-04, -1.0032e-01,  3.4573e-01,  8.0000e+00])",
    ),
    mish: ("out = x tanh(ln(1 + e^x))", "", "tensor([-0.0726, -0.1299,  0.3752,  8.0000])"),
    softplus: (
        "out = ln(1 + e^(beta x)) / beta; x where beta x > threshold",
        "",
        "tensor([0.0181, 0.5759, 0.9741, 8.0003])",
    ),
    logsigmoid: (
        "out = -ln(1 + e^-x), which neither overflows nor cancels",
        "",
        "tensor([-4.0181e+00, -8.2594e-01, -4.7408e-01, -3.3541e-04])",
    ),
    elu: ("out = x where x > 0, else alpha (e^x - 1)", "", "tensor([-0.9817, -0.2212,  0.5000,  8.0000])"),
    celu: ("out = x where x > 0, else alpha (e^(x / alpha) - 1)", "", "tensor([-0.9817, -0.2212,  0.5000,  8.0000])"),
    selu: (
        "out = s x where x > 0, else s a (e^x - 1), s = 1.0507..., a = 1.6732...; Klambauer and others, Self-Normalizing Neural Networks",
        "",
        "tensor([-1.7259, -0.3889,  0.5254,  8.4056])",
    ),
    leaky_relu: (
        "out = x where x > 0, else negative_slope x; at 0 the derivative is the smaller slope",
        "",
        "tensor([-4.0000e-02, -2.5000e-03,  5.0000e-01,  8.0000e+00])",
    ),
    hardtanh: (
        "out = min(max(x, min_val), max_val); at both ends the derivative is 0",
        "",
        "tensor([-1.0000, -0.2500,  0.5000,  1.0000])",
    ),
    relu6: (
        "out = min(max(x, 0), 6); at both ends the derivative is 0",
        "",
        "tensor([0.0000, 0.0000, 0.5000, 6.0000])",
    ),
    hardsigmoid: (
        "out = min(max(x + 3, 0), 6) / 6; at both joints the derivative is 0",
        "",
        "tensor([0.0000, 0.4583, 0.5833, 1.0000])",
    ),
    hardswish: ("out = x min(max(x + 3, 0), 6) / 6", "", "tensor([-0.0000, -0.1146,  0.2917,  8.0000])"),
    softshrink: (
        "out = x - lambd where x > lambd, x + lambd where x < -lambd, else 0",
        "",
        "tensor([-3.5000,  0.0000,  0.0000,  7.5000])",
    ),
    hardshrink: ("out = x where abs(x) > lambd, else 0", "", "tensor([-4.,  0.,  0.,  8.])"),
    threshold: (
        "out = x where x > threshold, else value",
        ", 0.1, -1.0",
        "tensor([-1.0000, -1.0000,  0.5000,  8.0000])",
    ),
    softsign: ("out = x / (1 + abs(x))", "", "tensor([-0.8000, -0.2000,  0.3333,  0.8889])"),
    tanhshrink: ("out = x - tanh x", "", "tensor([-3.0007e+00, -5.0813e-03,  3.7883e-02,  7.0000e+00])"),
    prelu: (
        "out = x where x > 0, else weight x",
        ", minigrad.tensor([0.5])",
        "tensor([-2.0000, -0.1250,  0.5000,  8.0000])",
    ),
    glu: ("out = a / (1 + e^-b) for the halves a, b", "", "tensor([-2.4898, -0.2499])"),
}

for _function, _texts in _TEXTS.items():
    _describe(_function, *_texts)


def relu_(input: Tensor) -> Tensor:
    """Do as :func:`relu` does, writing the result into `input`'s memory; return it."""
    return relu(input, inplace=True)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Do as :func:`elu` does, writing the result into `input`'s memory; return it."""
    return elu(input, alpha, inplace=True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Do as :func:`celu` does, writing the result into `input`'s memory; return it."""
    return celu(input, alpha, inplace=True)


def selu_(input: Tensor) -> Tensor:
    """Do as :func:`selu` does, writing the result into `input`'s memory; return it."""
    return selu(input, inplace=True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Do as :func:`leaky_relu` does, writing the result into `input`'s memory; return it."""
    return leaky_relu(input, negative_slope, inplace=True)


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """Change the tensor as :func:`rrelu` does; return it."""
    return rrelu(input, lower, upper, training, True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Do as :func:`hardtanh` does, writing the result into `input`'s memory; return it."""
    return hardtanh(input, min_val, max_val, inplace=True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """Do as :func:`threshold` does, writing the result into `input`'s memory; return it."""
    return placed(lambda x: _above(x, threshold, value), "threshold", input, True)
