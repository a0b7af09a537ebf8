"""Scans: many-to-many along one dimension. 《反向传播算法实现》, section 6.

No rule divides. The adjoint of the recurrence r[i] = a[i] r[i-1] + b[i] is the same recurrence run the other way, and
cumprod's gradient is an exclusive product times such a recurrence: O(n), and right at zeros at every order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _dtype
from .._methods import method, numpy_names
from ..primitive import LINEAR, MANY_TO_MANY, ONE_TO_ONE, kernel_primitive
from ..tensor import Tensor, array_of, float_array_of
from .elementwise import _where, eq, safe_mul, sigmoid
from .functions import difference
from .promotion import to_dtype
from .records import ARTICLE
from .shape import Shape, _zeros, normalise_dim

__all__ = [
    "cumprod",
    "cumsum",
    "logcumsumexp",
]


def _step(reverse: bool) -> int:
    """Return +1 where a scan runs upwards, -1 where it runs downwards."""
    return -1 if reverse else 1


#: Moves the elements by `by` places along `dim`; zeros move in.
shift: Callable[..., Any] = kernel_primitive(
    "shift",
    equation="out[i] = x[i - by], 0 beyond the end",
    source="definition",
    relation=ONE_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g, dim, by: shift(g, dim, -by)},
    promotion=None,
)

_cumsum: Callable[..., Any] = kernel_primitive(
    "cumsum",
    equation="out[i] = Σ x[j] for j ≤ i",
    source=f"{ARTICLE} (6.3)",
    relation=MANY_TO_MANY,
    structure=LINEAR,
    vjp={"x": lambda g, dim, reverse: _cumsum(g, dim, not reverse)},
    promotion=None,
)

linear_recurrence: Callable[..., Any] = kernel_primitive(
    "linear_recurrence",
    equation="out[i] = a[i] out[i-1] + b[i], with out[-1] = 0",
    source="its adjoint is the same recurrence reversed",
    relation=MANY_TO_MANY,
    vjp={
        "a": lambda g, a, out, dim, reverse: safe_mul(
            _recurrence_adjoint(a, g, dim, reverse), shift(out, dim, _step(reverse))
        ),
        "b": lambda g, a, dim, reverse: _recurrence_adjoint(a, g, dim, reverse),
    },
    jvp={
        "a": lambda t, a, out, dim, reverse: linear_recurrence(
            a, safe_mul(t, shift(out, dim, _step(reverse))), dim, reverse
        ),
        "b": lambda t, a, dim, reverse: linear_recurrence(a, t, dim, reverse),
    },
    promotion=None,
)


def _recurrence_adjoint(a: Any, g: Any, dim: int, reverse: bool) -> Any:
    """Return s with s[i] = g[i] + a[i+1] s[i+1]: the cotangent of b."""
    return linear_recurrence(shift(a, dim, -_step(reverse)), g, dim, not reverse)


def cumprod_vjp(g: Any, x: Any, dim: int, reverse: bool, exclusive: bool) -> Any:
    before = _cumprod(x, dim, reverse, True)
    if exclusive:
        later = shift(linear_recurrence(x, g, dim, not reverse), dim, -_step(reverse))
    else:
        later = _recurrence_adjoint(x, g, dim, reverse)
    return safe_mul(before, later)


def cumprod_jvp(t: Any, x: Any, dim: int, reverse: bool, exclusive: bool) -> Any:
    inclusive = linear_recurrence(x, safe_mul(_cumprod(x, dim, reverse, True), t), dim, reverse)
    return shift(inclusive, dim, _step(reverse)) if exclusive else inclusive


_cumprod = kernel_primitive(
    "cumprod",
    equation="out[i] = Π x[j] for j ≤ i (j < i if exclusive)",
    source=f"{ARTICLE} (6.5); its (output / input) is NaN at zeros, the recurrence is not",
    relation=MANY_TO_MANY,
    vjp={"x": cumprod_vjp},
    jvp={"x": cumprod_jvp},
    promotion=None,
)


def _shares(x: Any, out: Any, dim: int, x_shape: Shape) -> tuple[Any, Any]:
    """Return the weights of an element and of the sum before it within the sum: the logistic of their differences.

    They add up to 1, where both are equal infinities too: each has a half. There is nothing before the first element.
    """
    before = shift(out, dim, 1)
    own = _where(shift(eq(_zeros(x, x_shape), 0.0), dim, 1), sigmoid(difference(x, before)), 1.0)
    return own, sigmoid(difference(before, x))


def _logcumsumexp_vjp(g: Any, x: Any, out: Any, dim: int, x_shape: Shape) -> Any:
    own, earlier = _shares(x, out, dim, x_shape)
    return safe_mul(own, _recurrence_adjoint(earlier, g, dim, False))


def _logcumsumexp_jvp(t: Any, x: Any, out: Any, dim: int, x_shape: Shape) -> Any:
    own, earlier = _shares(x, out, dim, x_shape)
    return linear_recurrence(earlier, safe_mul(own, t), dim, False)


_logcumsumexp: Callable[..., Any] = kernel_primitive(
    "logcumsumexp",
    constants=(False,),
    equation="out[i] = log Σ exp(x[j]) for j ≤ i",
    source="a linear recurrence, log-sum-exp of two: the weights are logistic functions of differences",
    relation=MANY_TO_MANY,
    vjp={"x": _logcumsumexp_vjp},
    jvp={"x": _logcumsumexp_jvp},
    promotion=None,
)


def _cumulated(primitive: Any, input: Tensor, dim: int, dtype: _dtype.dtype | None, *flags: bool) -> Tensor:
    """Run a scan in the dtype asked for; integers without one, and small ones, as int64."""
    target = _dtype.chosen(dtype, _dtype.int64)
    taken = target if target.is_floating_point else _dtype.int64
    out = primitive(input if input.dtype is taken else to_dtype(input, taken), dim, *flags)
    return out if out.dtype is target else to_dtype(out, target)


@method(in_place=True)
@numpy_names
def cumsum(input: Tensor, dim: int, *, dtype: _dtype.dtype | None = None) -> Tensor:
    """Return the running sums along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape. Booleans and integers are summed as int64.
    dim : int
        The dimension to run along.
    dtype : dtype, optional
        What to convert to first.

    Returns
    -------
    Tensor
        Of the same shape.

    Notes
    -----
    out[i] = Σ x[j] for j ≤ i, 《反向传播算法实现》 (6.3); the vjp is the running sum from the other end (6.4).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1.0, 2.0, 3.0]).cumsum(0)
    tensor([1., 3., 6.])
    """
    array = array_of("cumsum", input)
    d = normalise_dim("cumsum", dim, array.shape)
    if dtype is None and array.dtype.kind == "f":
        return _cumsum(input, d, False)
    return _cumulated(_cumsum, input, d, dtype, False)


@method(in_place=True)
@numpy_names
def cumprod(input: Tensor, dim: int, *, dtype: _dtype.dtype | None = None) -> Tensor:
    """Return the running products along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape. Booleans and integers are multiplied as int64.
    dim : int
        The dimension to run along.
    dtype : dtype, optional
        What to convert to first.

    Returns
    -------
    Tensor
        Of the same shape.

    Notes
    -----
    out[i] = Π x[j] for j ≤ i, 《反向传播算法实现》 (6.5). The gradient uses no division and is right at zeros.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([2.0, 0.0, 3.0], requires_grad=True)
    >>> x.cumprod(0).sum().backward()
    >>> x.grad
    tensor([1., 8., 0.])
    """
    array = array_of("cumprod", input)
    d = normalise_dim("cumprod", dim, array.shape)
    if dtype is None and array.dtype.kind == "f":
        return _cumprod(input, d, False, False)
    return _cumulated(_cumprod, input, d, dtype, False, False)


@method
@numpy_names
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """Return the logarithms of the running sums of exponentials along a dimension.

    Parameters
    ----------
    input : Tensor
        Of floats, of any shape.
    dim : int
        The dimension to run along.

    Returns
    -------
    Tensor
        Of the same shape.

    Raises
    ------
    RuntimeError
        If the elements are not floats.

    Notes
    -----
    out[i] = log Σ exp(x[j]) for j ≤ i, computed from differences, so that nothing overflows. An infinity and an equal one
    before it have half of the derivative each.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1000.0, 1000.0]).logcumsumexp(0)
    tensor([1000.0000, 1000.6932])
    """
    shape = float_array_of("logcumsumexp", input).shape
    return _logcumsumexp(input, normalise_dim("logcumsumexp", dim, shape))
