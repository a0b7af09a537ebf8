"""Variances and what is made of them: many-to-one. 《反向传播算法实现》, section 5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._methods import method, numpy_names
from ..batching import levels
from ..primitive import ELEMENTWISE, MANY_TO_ONE, ONE_TO_MANY, kernel_primitive
from ..tensor import Tensor, float_array_of
from .elementwise import _add, div, mul, ne, neg, sqrt, where
from .records import ARTICLE
from .reduce import _mean, _sum, broadcast_back, kept_shape, reduced_count
from .shape import Dims, Shape, _reshape, dims_of

__all__ = ["std", "std_mean", "var", "var_mean"]

#: The derivative of the variance: elements' distances from their mean, times a cotangent.
deviation: Callable[..., Any] = kernel_primitive(
    "deviation",
    equation="out = g (x - mean)",
    source=f"{ARTICLE} (5.10)",
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "g": lambda h, x, mean: deviation(h, x, mean),
        "x": lambda h, g: mul(h, g),
        "mean": lambda h, g: neg(mul(h, g)),
    },
)


def _slope(shape: Shape, dims: Shape, correction: float) -> float:
    """Return 2 / (n - correction), infinite where nothing is left."""
    degrees = reduced_count(shape, dims) - correction
    return 2 / degrees if degrees > 0 else float("inf")


def _var_mean_vjp(g: Any, x: Any, mean: Any, dims: Shape, correction: float, x_shape: Shape) -> Any:
    kept = kept_shape(x_shape, dims)
    parts = []
    if g[0] is not None:
        scaled = mul(_reshape(g[0], kept), _slope(x_shape, dims, correction))
        parts.append(deviation(scaled, x, _reshape(mean, kept)))
    if g[1] is not None:
        parts.append(broadcast_back(div(g[1], float(reduced_count(x_shape, dims))), x_shape, dims))
    return parts[0] if len(parts) == 1 else _add(*parts) if parts else None


def _var_mean_jvp(t: Any, x: Any, mean: Any, dims: Shape, keepdim: bool, correction: float, x_shape: Shape) -> Any:
    distances = deviation(t, x, _reshape(mean, kept_shape(x_shape, dims)))
    slope = _slope(x_shape, dims, correction)
    return mul(_sum(distances, dims, keepdim), slope), _mean(t, dims, keepdim)


_var_mean = kernel_primitive(
    "var_mean",
    equation="out = Σ (x - mean)² / (n - correction), mean = Σ x / n",
    source=f"{ARTICLE} (5.9), which divides by n",
    relation=MANY_TO_ONE,
    vjp={"x": _var_mean_vjp},
    jvp={"x": _var_mean_jvp},
    promotion=None,
)


def _moments(
    name: str, input: Tensor, dim: Any, unbiased: Any, correction: Any, keepdim: bool
) -> tuple[Tensor, Tensor]:
    """Bring the forms of the arguments to one: `var(x, unbiased)`, `var(x, dim, unbiased)` and `correction`."""
    float_array_of(name, input)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        if correction is not None:
            raise TypeError(f"{name}: takes unbiased or correction, not both")
        correction = int(unbiased)
    correction = 1 if correction is None else correction
    return _var_mean(input, dims_of(name, input, dim), keepdim, correction)


def _root(variance: Tensor) -> Tensor:
    """Return the square root, with a derivative of 0 where all elements are equal, as the norm has at 0."""
    return sqrt(where(ne(variance, 0), variance, 0.0)) if levels or variance.requires_grad else sqrt(variance)


@method
@numpy_names
def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Return the variance over all elements, or over one or several dimensions.

    Parameters
    ----------
    input : Tensor
        Of floats.
    dim : int or sequence of int, optional
        The dimensions to reduce; all by default, and where there are none in the sequence.
    unbiased : bool, optional
        PyTorch's older form of `correction`: 1 where true, 0 where false.
    keepdim : bool, default False
        Keep the dimensions with size 1.
    correction : number, default 1
        What is taken from n in the divisor: 1 for a sample's variance, 0 for a population's.

    Returns
    -------
    Tensor
        Without the dimensions in `dim`; NaN where there is one element only and `correction` is 1.

    Raises
    ------
    RuntimeError
        If the elements are not floats.

    Notes
    -----
    out = Σ (x - mean)² / (n - correction), 《反向传播算法实现》 (5.9), which divides by n: ``correction=0``. The mean is
    computed first, so that large means cost no digits.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1.0, 2.0, 4.0]).var(correction=0)
    tensor(1.5556)
    """
    return _moments("var", input, dim, unbiased, correction, keepdim)[0]


@method
@numpy_names
def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Return the standard deviation, the root of :func:`var`; its gradient is 0 where all elements are equal.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.std(minigrad.tensor([1.0, 3.0]))
    tensor(1.4142)
    """
    return _root(_moments("std", input, dim, unbiased, correction, keepdim)[0])


@numpy_names
def var_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the variance and the mean, computed together; see :func:`var`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.var_mean(minigrad.tensor([1.0, 3.0]))
    (tensor(2.), tensor(2.))
    """
    return _moments("var_mean", input, dim, unbiased, correction, keepdim)


@numpy_names
def std_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the standard deviation and the mean, computed together; see :func:`std`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.std_mean(minigrad.tensor([1.0, 3.0]))
    (tensor(1.4142), tensor(2.))
    """
    variance, mean = _moments("std_mean", input, dim, unbiased, correction, keepdim)
    return _root(variance), mean
