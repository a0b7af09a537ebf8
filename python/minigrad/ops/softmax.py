"""Softmax and its logarithm: many-to-many. 《反向传播算法实现》 (6.1), (6.2)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .. import _dtype
from .._methods import method, numpy_names
from ..primitive import MANY_TO_MANY, kernel_primitive
from ..tensor import Tensor, array_of
from .elementwise import _sub, exp, mul, neg
from .promotion import to_dtype
from .records import ARTICLE
from .reduce import _sum
from .shape import _reshape, normalise_dim

__all__ = [
    "log_softmax",
    "softmax",
]

# The Jacobian of softmax is symmetric, so that tangents and cotangents go through the same function.
_softmax = kernel_primitive(
    "softmax",
    equation="out = e^x / Σ e^x",
    source=f"{ARTICLE} (6.1)",
    relation=MANY_TO_MANY,
    vjp={"x": lambda g, out, dim: softmax_grad(g, out, dim)},
    jvp={"x": lambda t, out, dim: softmax_grad(t, out, dim)},
    promotion="float",
)

softmax_grad: Callable[..., Any] = kernel_primitive(
    "softmax_grad",
    equation="out = result (g - Σ g result)",
    source=f"{ARTICLE} (6.2): (diag(o) - o oᵀ) g without the matrix",
    relation=MANY_TO_MANY,
    vjp={
        "g": lambda h, result, dim: softmax_grad(h, result, dim),
        "result": lambda h, g, result, dim: _sub(mul(h, _centred(g, result, dim)), mul(g, _total(mul(h, result), dim))),
    },
    jvp={
        "g": lambda t, result, dim: softmax_grad(t, result, dim),
        "result": lambda t, g, result, dim: _sub(mul(t, _centred(g, result, dim)), mul(result, _total(mul(g, t), dim))),
    },
)

_log_softmax = kernel_primitive(
    "log_softmax",
    equation="out = x - ln Σ e^x",
    source=f"{ARTICLE} (6.1)",
    relation=MANY_TO_MANY,
    vjp={"x": lambda g, out, dim: log_softmax_grad(g, out, dim)},
    jvp={"x": lambda t, out, dim: _sub(t, _total(mul(exp(out), t), dim))},
    promotion="float",
)

log_softmax_grad: Callable[..., Any] = kernel_primitive(
    "log_softmax_grad",
    equation="out = g - e^result Σ g",
    source="derivative of log_softmax, from its output",
    relation=MANY_TO_MANY,
    vjp={
        "g": lambda h, result, dim: _sub(h, _total(mul(h, exp(result)), dim)),
        "result": lambda h, g, result, dim: neg(mul(mul(h, exp(result)), _total(g, dim))),
    },
    jvp={
        "g": lambda t, result, dim: log_softmax_grad(t, result, dim),
        "result": lambda t, g, result, dim: neg(mul(mul(t, exp(result)), _total(g, dim))),
    },
)


def _total(x: Any, dim: int) -> Any:
    return _sum(x, (dim,), True)


def _centred(g: Any, result: Any, dim: int) -> Any:
    return _sub(g, _total(mul(g, result), dim))


def _apply(primitive: Any, name: str, input: Tensor, dim: int, dtype: _dtype.dtype | None) -> Tensor:
    array = array_of(name, input)
    usual = dim.__class__ is int and 0 <= dim < array.ndim  # needs no call
    d = dim if usual else normalise_dim(name, dim, array.shape)
    if dtype is not None and input.dtype is not dtype:
        input = to_dtype(input, _dtype.as_dtype(dtype))
    if array.ndim == 0:
        return _reshape(primitive(_reshape(input, (1,)), 0), ())
    return primitive(input, d)


@method
@numpy_names
def softmax(input: Tensor, dim: int, dtype: _dtype.dtype | None = None) -> Tensor:
    """Return the exponentials along a dimension, divided by their sum.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The dimension along which the results add up to 1.
    dtype : dtype, optional
        What to convert to first.

    Returns
    -------
    Tensor
        Of the same shape.

    Notes
    -----
    out = e^(x - max x) / Σ e^(x - max x), 《反向传播算法实现》 (6.1); the vjp is out (g - Σ g out), which needs no n × n
    Jacobian (6.2).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1.0, 1.0, 1.0, 1.0]).softmax(0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    return _apply(_softmax, "softmax", input, dim, dtype)


@method
@numpy_names
def log_softmax(input: Tensor, dim: int, dtype: _dtype.dtype | None = None) -> Tensor:
    """Return the logarithm of :func:`softmax`, computed without its overflow: out = x - ln Σ e^x.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.log_softmax(minigrad.tensor([0.0, 0.0]), 0)
    tensor([-0.6931, -0.6931])
    """
    return _apply(_log_softmax, "log_softmax", input, dim, dtype)


# ----------------------------------------------------------------------------------------------------------------------
# As nn.functional has them: the dim may be left out, and the dtype comes last.


@numpy_names
def functional_softmax(
    input: Tensor,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: _dtype.dtype | None = None,
) -> Tensor:
    """Return :func:`minigrad.softmax`. Without `dim` it warns and takes 0 for 0, 1 or 3 dimensions and 1 for others.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.softmax(minigrad.tensor([1.0, 1.0]), dim=-1)
    tensor([0.5000, 0.5000])
    """
    return _apply(_softmax, "softmax", input, _chosen("softmax", input, dim, _stacklevel), dtype)


@numpy_names
def functional_log_softmax(
    input: Tensor,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: _dtype.dtype | None = None,
) -> Tensor:
    """Return :func:`minigrad.log_softmax`. Without `dim` it warns and takes 0 for 0, 1 or 3 dimensions and 1 for others.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.log_softmax(minigrad.tensor([0.0, 0.0]), dim=-1)
    tensor([-0.6931, -0.6931])
    """
    return _apply(_log_softmax, "log_softmax", input, _chosen("log_softmax", input, dim, _stacklevel), dtype)


@numpy_names
def softmin(
    input: Tensor,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: _dtype.dtype | None = None,
) -> Tensor:
    """Return the softmax of the negative elements: the smallest gets the most. Without `dim` as :func:`softmax`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.softmin(minigrad.tensor([1.0, 1.0]), 0)
    tensor([0.5000, 0.5000])
    """
    return _apply(_softmax, "softmin", neg(input), _chosen("softmin", input, dim, _stacklevel), dtype)


def _chosen(name: str, input: Tensor, dim: int | None, stacklevel: int) -> int:
    """Return the dim: where there is none the one that PyTorch takes, with its warning."""
    if dim is not None:
        return dim
    dim = 0 if array_of(name, input).ndim in (0, 1, 3) else 1
    warnings.warn(f"{name}: the dim is not given, {dim} is taken; pass dim={dim}", stacklevel=stacklevel)
    return dim
