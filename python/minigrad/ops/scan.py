"""Scans: many-to-many along one dimension. 《反向传播算法实现》, section 6.

No rule divides. The adjoint of the recurrence r[i] = a[i] r[i-1] + b[i] is the same recurrence run the other way, and
cumprod's gradient is an exclusive product times such a recurrence: O(n), and right at zeros at every order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _dtype
from .._methods import method
from ..primitive import LINEAR, MANY_TO_MANY, ONE_TO_ONE, kernel_primitive
from ..tensor import Tensor, array_of
from .elementwise import ARTICLE, mul, to_dtype
from .shape import _reshape, normalise_dim

__all__ = [
    "cumprod",
    "cumsum",
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
        "a": lambda g, a, out, dim, reverse: mul(
            _recurrence_adjoint(a, g, dim, reverse), shift(out, dim, _step(reverse))
        ),
        "b": lambda g, a, dim, reverse: _recurrence_adjoint(a, g, dim, reverse),
    },
    jvp={
        "a": lambda t, a, out, dim, reverse: linear_recurrence(
            a, mul(t, shift(out, dim, _step(reverse))), dim, reverse
        ),
        "b": lambda t, a, dim, reverse: linear_recurrence(a, t, dim, reverse),
    },
    promotion=None,
)


def _recurrence_adjoint(a: Any, g: Any, dim: int, reverse: bool) -> Any:
    """Return s with s[i] = g[i] + a[i+1] s[i+1]: the cotangent of b."""
    return linear_recurrence(shift(a, dim, -_step(reverse)), g, dim, not reverse)


def _cumprod_vjp(g: Any, x: Any, dim: int, reverse: bool, exclusive: bool) -> Any:
    before = _cumprod(x, dim, reverse, True)
    if exclusive:
        later = shift(linear_recurrence(x, g, dim, not reverse), dim, -_step(reverse))
    else:
        later = _recurrence_adjoint(x, g, dim, reverse)
    return mul(before, later)


def _cumprod_jvp(t: Any, x: Any, dim: int, reverse: bool, exclusive: bool) -> Any:
    inclusive = linear_recurrence(x, mul(_cumprod(x, dim, reverse, True), t), dim, reverse)
    return shift(inclusive, dim, _step(reverse)) if exclusive else inclusive


_cumprod = kernel_primitive(
    "cumprod",
    equation="out[i] = Π x[j] for j ≤ i (j < i if exclusive)",
    source=f"{ARTICLE} (6.5); its (output / input) is NaN at zeros, the recurrence is not",
    relation=MANY_TO_MANY,
    vjp={"x": _cumprod_vjp},
    jvp={"x": _cumprod_jvp},
    promotion=None,
)


def _prepare(name: str, input: Tensor, dim: int) -> tuple[Tensor, int]:
    array = array_of(name, input)
    d = normalise_dim(name, dim, array.ndim, array.shape)
    if array.dtype.kind != "f" and input.dtype is not _dtype.int64:
        input = to_dtype(input, _dtype.int64)
    return (_reshape(input, (1,)) if array.ndim == 0 else input), d


@method
def cumsum(input: Tensor, dim: int) -> Tensor:
    """Return the running sums along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape. Booleans and integers are summed as int64.
    dim : int
        The dimension to run along.

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
    x, d = _prepare("cumsum", input, dim)
    out = _cumsum(x, d, False)
    return _reshape(out, ()) if input._array.ndim == 0 else out  # type: ignore[no-any-return]


@method
def cumprod(input: Tensor, dim: int) -> Tensor:
    """Return the running products along a dimension.

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
    x, d = _prepare("cumprod", input, dim)
    if x._array.dtype.kind != "f":
        raise TypeError(f"cumprod: needs floating-point elements, got {input.dtype}; convert with .float()")
    out = _cumprod(x, d, False, False)
    return _reshape(out, ()) if input._array.ndim == 0 else out  # type: ignore[no-any-return]
