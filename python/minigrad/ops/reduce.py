"""Reductions: many-to-one. 《反向传播算法实现》, section 5."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import _dtype
from .._methods import method, numpy_names
from ..primitive import ELEMENTWISE, LINEAR, MANY_TO_MANY, MANY_TO_ONE, ONE_TO_MANY, kernel_primitive
from ..tensor import Tensor, array_of, float_array_of
from . import elementwise as ew
from .count import _count_nonzero
from .elementwise import add, div, eq, mul, safe_mul
from .promotion import to_dtype
from .records import ARTICLE, DEFINITION
from .scan import _cumprod, cumprod_jvp, cumprod_vjp
from .shape import Dims, Shape, _reshape, broadcast, dims_of

__all__ = ["logsumexp", "mean", "nanmean", "nansum", "prod", "sum"]

# ----------------------------------------------------------------------------------------------------------------------
# Primitives. The empty tuple of dims means all of them.


def kept_shape(shape: Shape, dims: Shape) -> Shape:
    """Return `shape` with size 1 along the reduced dims: what keepdim would have given."""
    return tuple([1 if not dims or d in dims else n for d, n in enumerate(shape)])


def broadcast_back(g: Any, x_shape: Shape, dims: Shape) -> Any:
    """Return what belongs to the reduced elements, repeated along the dims that were reduced."""
    return broadcast(_reshape(g, kept_shape(x_shape, dims)), x_shape)


def reduced_count(shape: Shape, dims: Shape) -> int:
    """Return how many elements become one."""
    n = 1
    for d, extent in enumerate(shape):
        if not dims or d in dims:
            n *= extent
    return n


_sum = kernel_primitive(
    "sum",
    equation="out = Σ x",
    source=f"{ARTICLE} (5.1)",
    relation=MANY_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g, dims, x_shape: broadcast_back(g, x_shape, dims)},
    promotion=None,
)

_mean = kernel_primitive(
    "mean",
    equation="out = (Σ x) / n",
    source=f"{ARTICLE} (5.5)",
    relation=MANY_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g, dims, x_shape: broadcast_back(div(g, float(reduced_count(x_shape, dims))), x_shape, dims)},
    promotion=None,
)


def _one_sided(x: Any, dim: int) -> tuple[Any, Any]:
    """Return for each element the product of what stands before it, and of what stands behind it."""
    return _cumprod(x, dim, False, True), _cumprod(x, dim, True, True)


def others_vjp(h: Any, g: Any, x: Any, dim: int) -> Any:
    before, behind = _one_sided(x, dim)
    h = safe_mul(h, g)
    return add(
        cumprod_vjp(safe_mul(h, behind), x, dim, False, True),
        cumprod_vjp(safe_mul(h, before), x, dim, True, True),
    )


def others_jvp(t: Any, g: Any, x: Any, dim: int) -> Any:
    before, behind = _one_sided(x, dim)
    change = add(
        safe_mul(cumprod_jvp(t, x, dim, False, True), behind),
        safe_mul(cumprod_jvp(t, x, dim, True, True), before),
    )
    return safe_mul(change, g)


#: For each element the product of all others along `dim`, times its line's cotangent, which has size 1 along `dim` or is a
#: number: no division, so zeros do no harm.
product_of_others: Callable[..., Any] = kernel_primitive(
    "product_of_others",
    equation="out[i] = g Π x[j] for j ≠ i",
    source=f"{ARTICLE} (5.4); its (output / input) is NaN at zeros, products of the others are not",
    relation=MANY_TO_MANY,
    vjp={
        "g": lambda h, x, dim: _sum(safe_mul(h, product_of_others(1.0, x, dim)), (dim,), True),
        "x": others_vjp,
    },
    jvp={"g": lambda t, x, dim: product_of_others(t, x, dim), "x": others_jvp},
    promotion=None,
)


def _others(g: Any, x: Any, dims: Shape, x_shape: Shape) -> Any:
    """Return for each element the product of all others along the one dim, or of all elements, times `g`.

    Several dims are those of an example inside `vmap`, the last ones.
    """
    if len(dims) == 1 and x_shape:
        return product_of_others(g, x, dims[0])
    examples = x_shape[: -len(dims)] if dims else ()
    line = _reshape(x, (*examples, reduced_count(x_shape, dims)))
    return _reshape(product_of_others(g, line, len(examples)), x_shape)


def _prod_vjp(g: Any, x: Any, dims: Shape, x_shape: Shape) -> Any:
    if len(dims) == 1 and x_shape:
        return product_of_others(_reshape(g, kept_shape(x_shape, dims)), x, dims[0])
    return _others(_reshape(g, (*(x_shape[: -len(dims)] if dims else ()), 1)), x, dims, x_shape)


_prod = kernel_primitive(
    "prod",
    equation="out = Π x",
    source=f"{ARTICLE} (5.3); its (output / input) is NaN at zeros, products of the others are not",
    relation=MANY_TO_ONE,
    vjp={"x": _prod_vjp},
    jvp={"x": lambda t, x, dims, keepdim, x_shape: _sum(safe_mul(t, _others(1.0, x, dims, x_shape)), dims, keepdim)},
    promotion=None,
)


_nansum = kernel_primitive(
    "nansum",
    equation="out = Σ x, without NaN",
    source=DEFINITION,
    relation=MANY_TO_ONE,
    vjp={"x": lambda g, x, dims, x_shape: ew._where(eq(x, x), _reshape(g, kept_shape(x_shape, dims)), 0.0)},
    jvp={"x": lambda t, x, dims, keepdim: _sum(ew._where(eq(x, x), t, 0.0), dims, keepdim)},
    promotion=None,
)

exp_difference: Callable[..., Any] = kernel_primitive(
    "exp_difference",
    equation="out = g e^(x - total), with e^x where total is -inf",
    source="derivative of logsumexp, from its output",
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "g": lambda h, x, total: exp_difference(h, x, total),
        "x": lambda h, out: mul(h, out),
        "total": lambda h, out: ew.neg(mul(h, out)),
    },
)


def _logsumexp_vjp(g: Any, x: Any, out: Any, dims: Shape, x_shape: Shape) -> Any:
    kept = kept_shape(x_shape, dims)
    return exp_difference(_reshape(g, kept), x, _reshape(out, kept))


def _logsumexp_jvp(t: Any, x: Any, out: Any, dims: Shape, keepdim: bool, x_shape: Shape) -> Any:
    return _sum(exp_difference(t, x, _reshape(out, kept_shape(x_shape, dims))), dims, keepdim)


_logsumexp = kernel_primitive(
    "logsumexp",
    equation="out = ln Σ e^x",
    source=f"{ARTICLE} (6.1), the denominator; its derivative is softmax",
    relation=MANY_TO_ONE,
    vjp={"x": _logsumexp_vjp},
    jvp={"x": _logsumexp_jvp},
    promotion="float",
)

# ----------------------------------------------------------------------------------------------------------------------
# Public functions.


def _converted(name: str, x: Tensor, dtype: _dtype.dtype | None) -> Tensor:
    """Return x in the dtype asked for; integers and booleans without one as int64."""
    array = array_of(name, x)
    if dtype is not None:
        wanted = _dtype.as_dtype(dtype)
        return x if x.dtype is wanted else to_dtype(x, wanted)
    return x if array.dtype.kind == "f" or x.dtype is _dtype.int64 else to_dtype(x, _dtype.int64)


def _widens(primitive: Any, x: Tensor, wanted: _dtype.dtype) -> bool:
    """Return whether the kernel may read x as it is: integers in int64, which wraps around as they do or holds the sum."""
    if x.dtype.is_floating_point or wanted is _dtype.bool_:
        return False
    return not wanted.is_floating_point or (primitive is _sum and x.dtype is not _dtype.int64)


def _add_up(primitive: Any, x: Tensor, dims: Shape, keepdim: bool) -> Tensor:
    """Run sum or mean of floats. float16 is read as it is, but where it lies turned a copy as float32 is sooner there."""
    if x.dtype is _dtype.float16 and not x.is_contiguous():
        return to_dtype(primitive(to_dtype(x, _dtype.float32), dims, keepdim), _dtype.float16)
    return primitive(x, dims, keepdim)


def _total(name: str, primitive: Any, x: Tensor, dims: Shape, keepdim: bool, dtype: _dtype.dtype | None) -> Tensor:
    """Run sum or prod in the dtype asked for."""
    real = array_of(name, x).dtype.kind == "f"
    if dtype is None and primitive is _sum and x.dtype is _dtype.bool_:
        return _count_nonzero(x, dims, keepdim)
    wanted = _dtype.as_dtype(dtype) if dtype is not None else x.dtype if real else _dtype.int64
    if x.dtype is not wanted and not _widens(primitive, x, wanted):
        x = to_dtype(x, wanted)
    out = primitive(x, dims, keepdim)
    return out if out.dtype is wanted else to_dtype(out, wanted)


@method
@numpy_names
def sum(  # noqa: A001
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: _dtype.dtype | None = None
) -> Tensor:
    """Return the sum over all elements, or over one or several dimensions.

    Parameters
    ----------
    input : Tensor
        Of any shape. Booleans and integers are summed as int64.
    dim : int or sequence of int, optional
        The dimensions to sum over; all by default, and where there are none in the sequence.
    keepdim : bool, default False
        Keep them with size 1.
    dtype : dtype, optional
        What to convert to first. Small integers are summed in int64 whatever it is, and the sums are converted.

    Returns
    -------
    Tensor
        Without the dimensions in `dim`.

    Raises
    ------
    IndexError
        If a dimension is out of range.

    Notes
    -----
    out = Σ x, 《反向传播算法实现》 (5.1); every element's gradient is the cotangent of its sum (5.2). The order of
    additions is a function of the shape and `dim` alone, so that the result is the same for any number of threads.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.ones(2, 3).sum(dim=1)
    tensor([3., 3.])
    """
    if dtype is None and array_of("sum", input).dtype.kind == "f":
        return _add_up(_sum, input, () if dim is None else dims_of("sum", input, dim), keepdim)
    return _total("sum", _sum, input, dims_of("sum", input, dim), keepdim, dtype)


@method
@numpy_names
def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: _dtype.dtype | None = None) -> Tensor:
    """Return the mean over all elements, or over one or several dimensions; see :func:`sum`.

    Raises
    ------
    RuntimeError
        If the elements are not floats.

    Notes
    -----
    out = (Σ x) / n, 《反向传播算法实现》 (5.5); the mean of nothing is NaN.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.mean(minigrad.tensor([[1.0, 2.0], [3.0, 6.0]]), 1)
    tensor([1.5000, 4.5000])
    """
    dims = dims_of("mean", input, dim)
    if dtype is not None:
        wanted = _dtype.as_dtype(dtype)
        if wanted.is_floating_point and _widens(_sum, input, wanted):
            total = to_dtype(_sum(input, dims, keepdim), _dtype.float64)
            return to_dtype(div(total, float(reduced_count(input.shape, dims))), wanted)
        input = _converted("mean", input, wanted)
    float_array_of("mean", input)
    return _add_up(_mean, input, dims, keepdim)


@method
@numpy_names
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: _dtype.dtype | None = None) -> Tensor:
    """Return the product over all elements or over one dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape. Booleans and integers are multiplied as int64.
    dim : int, optional
        The dimension to multiply over; all by default.
    keepdim : bool, default False
        Keep it with size 1.
    dtype : dtype, optional
        What to convert to first.

    Returns
    -------
    Tensor
        Without the dimension `dim`.

    Notes
    -----
    out = Π x, 《反向传播算法实现》 (5.3). The gradient is the product of the other elements (5.4), right at zeros too.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([2.0, 0.0, 3.0], requires_grad=True)
    >>> x.prod().backward()
    >>> x.grad
    tensor([0., 6., 0.])
    """
    if dim is None:
        return _total("prod", _prod, input, (), False, dtype)
    if not isinstance(dim, int):
        raise TypeError(f"prod: dim must be an int, got {dim}")
    return _total("prod", _prod, input, dims_of("prod", input, dim), keepdim, dtype)


@method
@numpy_names
def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: _dtype.dtype | None = None) -> Tensor:
    """Return the sum of the elements that are numbers; see :func:`sum`.

    Notes
    -----
    The gradient of NaN is 0.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nansum(minigrad.tensor([1.0, float("nan"), 3.0]))
    tensor(4.)
    """
    if array_of("nansum", input).dtype.kind == "f" and dtype is not None:
        if not _dtype.as_dtype(dtype).is_floating_point:  # which holds no NaN
            input = ew._where(eq(input, input), input, 0.0)
        input = _converted("nansum", input, dtype)
    if not input.dtype.is_floating_point:
        return sum(input, dim, keepdim, dtype=dtype)
    return _nansum(input, dims_of("nansum", input, dim), keepdim)


@method
@numpy_names
def nanmean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: _dtype.dtype | None = None) -> Tensor:
    """Return the mean of the elements that are numbers, NaN where there are none; see :func:`mean`.

    Notes
    -----
    The gradient of NaN is 0.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nanmean(minigrad.tensor([1.0, float("nan"), 3.0]))
    tensor(2.)
    """
    if dtype is not None:
        input = _converted("nanmean", input, dtype)
    float_array_of("nanmean", input)
    dims = dims_of("nanmean", input, dim)
    count = _count_nonzero(eq(input, input), dims, keepdim)
    return div(_nansum(input, dims, keepdim), to_dtype(count, input.dtype))


@method
@numpy_names
def logsumexp(input: Tensor, dim: int | Sequence[int], keepdim: bool = False) -> Tensor:
    """Return the logarithm of the sum of the exponentials, without overflow.

    Parameters
    ----------
    input : Tensor
        Of any shape; integers become floats of the default dtype.
    dim : int or sequence of int
        The dimensions to reduce.
    keepdim : bool, default False
        Keep them with size 1.

    Returns
    -------
    Tensor
        Without the dimensions in `dim`; -inf where there is nothing but -inf, and where there are no elements.

    Notes
    -----
    out = m + ln Σ e^(x - m) with m = max x. The gradient is softmax, 0 where all elements are -inf.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1000.0, 1000.0]).logsumexp(0)
    tensor(1000.6932)
    """
    return _logsumexp(input, dims_of("logsumexp", input, dim), keepdim)
