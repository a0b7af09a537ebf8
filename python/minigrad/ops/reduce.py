"""Reductions: many-to-one. 《反向传播算法实现》, section 5."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import _dtype
from .. import _return_types as return_types
from .._methods import method, numpy_names
from ..primitive import ELEMENTWISE, LINEAR, MANY_TO_MANY, MANY_TO_ONE, ONE_TO_MANY, kernel_primitive
from ..tensor import Tensor, array_of
from . import elementwise as ew
from .elementwise import add, div, eq, mul, safe_mul
from .index import _scatter_add, gather_along
from .promotion import to_dtype
from .records import ARTICLE, DEFINITION
from .scan import _cumprod, cumprod_jvp, cumprod_vjp
from .shape import _reshape, broadcast, normalise_dim, normalise_dims

__all__ = [
    "all",
    "amax",
    "amin",
    "aminmax",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "logsumexp",
    "max",
    "mean",
    "min",
    "nanmean",
    "nansum",
    "prod",
    "sum",
]

Shape = tuple[int, ...]
Dims = int | Sequence[int] | None

# ----------------------------------------------------------------------------------------------------------------------
# Primitives. The empty tuple of dims means all of them.


def _kept_shape(shape: Shape, dims: Shape) -> Shape:
    """Return `shape` with size 1 along the reduced dims: what keepdim would have given."""
    return tuple([1 if not dims or d in dims else n for d, n in enumerate(shape)])


def _spread(g: Any, x_shape: Shape, dims: Shape) -> Any:
    """Return what belongs to the reduced elements, repeated along the dims that were reduced."""
    return broadcast(_reshape(g, _kept_shape(x_shape, dims)), x_shape)


def _count(shape: Shape, dims: Shape) -> int:
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
    vjp={"x": lambda g, dims, x_shape: _spread(g, x_shape, dims)},
    promotion=None,
)

_mean = kernel_primitive(
    "mean",
    equation="out = (Σ x) / n",
    source=f"{ARTICLE} (5.5)",
    relation=MANY_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g, dims, x_shape: _spread(div(g, float(_count(x_shape, dims))), x_shape, dims)},
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
    """Return for each element the product of all others along the one dim, or of all elements, times `g`."""
    if dims and x_shape:
        return product_of_others(g, x, dims[0])
    line = product_of_others(g, _reshape(x, (_count(x_shape, dims),)), 0)
    return _reshape(line, x_shape)


def _prod_vjp(g: Any, x: Any, dims: Shape, x_shape: Shape) -> Any:
    return _others(_reshape(g, _kept_shape(x_shape, dims) if dims and x_shape else (1,)), x, dims, x_shape)


_prod = kernel_primitive(
    "prod",
    equation="out = Π x",
    source=f"{ARTICLE} (5.3); its (output / input) is NaN at zeros, products of the others are not",
    relation=MANY_TO_ONE,
    vjp={"x": _prod_vjp},
    jvp={"x": lambda t, x, dims, keepdim, x_shape: _sum(mul(t, _others(1.0, x, dims, x_shape)), dims, keepdim)},
    promotion=None,
)


#: Each result's cotangent, shared evenly by the elements that equal the result; `result` (and `g`, where it is no number)
#: has size 1 along the reduced dims. NaN equals NaN.
share_ties: Callable[..., Any] = kernel_primitive(
    "share_ties",
    equation="out = g / n where x = result, which n elements do; 0 elsewhere",
    source=f"{ARTICLE} (5.8); ties share the gradient evenly",
    relation=ONE_TO_MANY,
    structure=LINEAR,
    vjp={"g": lambda h, x, result, dims: _sum(mul(h, share_ties(1.0, x, result, dims)), dims, True)},
    promotion=None,
)


def _extremum_vjp(g: Any, x: Any, out: Any, dims: Shape, x_shape: Shape) -> Any:
    kept = _kept_shape(x_shape, dims)
    return share_ties(_reshape(g, kept), x, _reshape(out, kept), dims)


def _extremum_jvp(t: Any, x: Any, out: Any, dims: Shape, keepdim: bool, x_shape: Shape) -> Any:
    return _sum(mul(t, share_ties(1.0, x, _reshape(out, _kept_shape(x_shape, dims)), dims)), dims, keepdim)


def _extremum(name: str) -> Any:
    return kernel_primitive(
        f"a{name}",
        kernel=name,
        equation=f"out = {name} x",
        source=f"{ARTICLE} (5.7); ties share the gradient evenly",
        relation=MANY_TO_ONE,
        vjp={"x": _extremum_vjp},
        jvp={"x": _extremum_jvp},
        promotion=None,
    )


_amax = _extremum("max")
_amin = _extremum("min")


def _to_one(g: Any, indices: Any, dim: int, x_shape: Shape) -> Any:
    """Return the cotangent of the chosen elements, put where they stood."""
    if g[0] is None:
        return None
    kept = _kept_shape(x_shape, (dim,))
    return _scatter_add(_reshape(g[0], kept), _reshape(indices, kept), x_shape, dim)


def _from_one(t: Any, indices: Any, dim: int, keepdim: bool, x_shape: Shape) -> Any:
    kept = _kept_shape(x_shape, (dim,))
    chosen = gather_along(t, _reshape(indices, kept), dim)
    shape = kept if keepdim else kept[:dim] + kept[dim + 1 :]
    return _reshape(chosen, shape), None


def _indexed_extremum(name: str) -> Any:
    return kernel_primitive(
        f"{name}_with_index",
        equation=f"values, indices = {name} x and where it stands first",
        source=f"{ARTICLE} (5.7); the gradient goes to the one index returned",
        relation=MANY_TO_ONE,
        vjp={"x": lambda g, indices, dim, x_shape: _to_one(g, indices, dim, x_shape)},
        jvp={"x": lambda t, indices, dim, keepdim, x_shape: _from_one(t, indices, dim, keepdim, x_shape)},
        promotion=None,
    )


_max_with_index = _indexed_extremum("max")
_min_with_index = _indexed_extremum("min")


def _index_of(name: str) -> Any:
    primitive: Any = kernel_primitive(
        f"arg{name}",
        equation=f"out = the first index of {name} x",
        source=DEFINITION,
        relation=MANY_TO_ONE,
        promotion=None,
        batch=lambda level, values, batched, *dims: _batched_index_over(primitive, level, values[0], *dims),  # noqa: ARG005
    )
    return primitive


_argmax = _index_of("max")
_argmin = _index_of("min")


def _counting(name: str, equation: str) -> Any:
    return kernel_primitive(name, equation=equation, source=DEFINITION, relation=MANY_TO_ONE, promotion=None)


_any = _counting("any", "out = whether an element is not 0")
_all = _counting("all", "out = whether no element is 0")
_count_nonzero = _counting("count_nonzero", "out = how many elements are not 0")

_nansum = kernel_primitive(
    "nansum",
    equation="out = Σ x, without NaN",
    source=DEFINITION,
    relation=MANY_TO_ONE,
    vjp={"x": lambda g, x, dims, x_shape: ew._where(eq(x, x), _reshape(g, _kept_shape(x_shape, dims)), 0.0)},
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
    kept = _kept_shape(x_shape, dims)
    return exp_difference(_reshape(g, kept), x, _reshape(out, kept))


def _logsumexp_jvp(t: Any, x: Any, out: Any, dims: Shape, keepdim: bool, x_shape: Shape) -> Any:
    return _sum(exp_difference(t, x, _reshape(out, _kept_shape(x_shape, dims))), dims, keepdim)


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


def _dims_of(name: str, x: Tensor, dim: Dims) -> Shape:
    array = array_of(name, x)
    if dim is None:
        return ()
    if dim.__class__ is int and 0 <= dim < array.ndim:  # the usual one needs no call
        return (dim,)
    return normalise_dims(name, dim, array.ndim, array.shape)


def _converted(name: str, x: Tensor, dtype: _dtype.dtype | None) -> Tensor:
    """Return x in the dtype asked for; integers and booleans without one as int64."""
    array = array_of(name, x)
    if dtype is not None:
        wanted = _dtype.as_dtype(dtype)
        return x if x.dtype is wanted else to_dtype(x, wanted)
    return x if array.dtype.kind == "f" or x.dtype is _dtype.int64 else to_dtype(x, _dtype.int64)


def _total(name: str, primitive: Any, x: Tensor, dims: Shape, keepdim: bool, dtype: _dtype.dtype | None) -> Tensor:
    """Run sum or prod in the dtype asked for; small integers go through int64, which wraps around as they do."""
    if dtype is None and array_of(name, x).dtype.kind == "f":
        return primitive(x, dims, keepdim)  # type: ignore[no-any-return]
    if dtype is None and primitive is _sum and x.dtype is _dtype.bool_:
        return _count_nonzero(x, dims, keepdim)  # type: ignore[no-any-return]
    x = _converted(name, x, dtype)
    if x.dtype.is_floating_point or x.dtype is _dtype.int64:
        return primitive(x, dims, keepdim)  # type: ignore[no-any-return]
    return to_dtype(primitive(to_dtype(x, _dtype.int64), dims, keepdim), x.dtype)  # type: ignore[no-any-return]


def _check_float(name: str, x: Tensor) -> None:
    if array_of(name, x).dtype.kind != "f":
        raise RuntimeError(f"{name}: needs floating-point elements, got {x.dtype}; convert with .float()")


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
        What to convert to first.

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
        return _sum(input, () if dim is None else _dims_of("sum", input, dim), keepdim)  # type: ignore[no-any-return]
    return _total("sum", _sum, input, _dims_of("sum", input, dim), keepdim, dtype)


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
    """
    if dtype is not None:
        input = _converted("mean", input, dtype)
    _check_float("mean", input)
    return _mean(input, _dims_of("mean", input, dim), keepdim)  # type: ignore[no-any-return]


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
    return _total("prod", _prod, input, _dims_of("prod", input, dim), keepdim, dtype)


@method
@numpy_names
def amax(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """Return the largest elements over all or some dimensions; ties share the gradient evenly."""
    return _amax(input, _dims_of("amax", input, dim), keepdim)  # type: ignore[no-any-return]


@method
@numpy_names
def amin(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """Return the smallest elements over all or some dimensions; ties share the gradient evenly."""
    return _amin(input, _dims_of("amin", input, dim), keepdim)  # type: ignore[no-any-return]


class _Extremum(NamedTuple):
    name: str
    whole: Any  # over all elements
    indexed: Any  # along a dim
    pairwise: Any  # of two tensors
    named: Any  # the values with their indices

    def of(self, input: Tensor, dim: Any, keepdim: bool) -> Any:
        array = array_of(self.name, input)
        if dim is None:
            return self.whole(input, (), False)
        if isinstance(dim, Tensor):
            return self.pairwise(input, dim)
        d = normalise_dim(self.name, dim, array.ndim, array.shape)
        if array.ndim == 0:
            return self.named(self.indexed(_reshape(input, (1,)), 0, False))
        return self.named(self.indexed(input, d, keepdim))


_MAX = _Extremum("max", _amax, _max_with_index, ew.maximum, return_types.max)
_MIN = _Extremum("min", _amin, _min_with_index, ew.minimum, return_types.min)


@method
@numpy_names
def max(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Any:  # noqa: A001
    """Return the largest element, or the largest along a dimension with its index, or the larger of two tensors.

    Parameters
    ----------
    input : Tensor
        Of any shape, not empty along what is reduced.
    dim : int or Tensor, optional
        Without it, the largest of all elements. A dimension: values and indices along it. A tensor: elementwise
        :func:`maximum`.
    keepdim : bool, default False
        Keep the dimension with size 1.

    Returns
    -------
    Tensor or return_types.max
        The named tuple ``(values, indices)`` where `dim` is a dimension. NaN counts as the largest.

    Raises
    ------
    RuntimeError
        If there is no element to choose from.

    Notes
    -----
    《反向传播算法实现》 (5.7), (5.8): over all elements, ties share the gradient evenly; along a dimension it goes to the
    one index returned, the first.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1.0, 3.0, 3.0]).max(0).indices
    tensor(1)
    """
    return _MAX.of(input, dim, keepdim)


@method
@numpy_names
def min(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Any:  # noqa: A001
    """Return the smallest element, or along a dimension, or of two tensors; see :func:`max`."""
    return _MIN.of(input, dim, keepdim)


def _index_over(primitive: Any, name: str, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    dims = _dims_of(name, input, dim)
    if input.dtype is _dtype.bool_:
        raise RuntimeError(f"{name}: not for bool")
    if input._array.ndim == 0:
        return primitive(_reshape(input, (1,)), (0,), False)  # type: ignore[no-any-return]
    return primitive(input, dims, keepdim)  # type: ignore[no-any-return]


def _batched_index_over(primitive: Any, level: Any, x: Any, dims: Shape, keepdim: bool) -> Any:
    if dims:
        return primitive(x, tuple([d + 1 for d in dims]), keepdim)
    out = primitive(_reshape(x, (level.size, math.prod(x.shape[1:]))), (1,), False)
    return _reshape(out, (level.size, *(1,) * (x.ndim - 1))) if keepdim else out


@method
@numpy_names
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the index of the first largest element, over all (row by row) or along a dimension, as int64."""
    return _index_over(_argmax, "argmax", input, dim, keepdim)


@method
@numpy_names
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the index of the first smallest element, over all (row by row) or along a dimension, as int64."""
    return _index_over(_argmin, "argmin", input, dim, keepdim)


@method
@numpy_names
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the smallest and the largest elements, over all or along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape, not empty along what is reduced.
    dim : int, optional
        The dimension to reduce; all by default.
    keepdim : bool, default False
        Keep what is reduced with size 1.

    Returns
    -------
    return_types.aminmax
        The named tuple ``(min, max)``, as :func:`amin` and :func:`amax` give them.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([3, 1, 2]).aminmax().min
    tensor(1)
    """
    dims = _dims_of("aminmax", input, dim)
    return return_types.aminmax((_amin(input, dims, keepdim), _amax(input, dims, keepdim)))


def _flag(primitive: Any, name: str, input: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    """Run any or all: of uint8 the result is uint8, and an empty tuple of dims is no dim."""
    dims = _dims_of(name, input, dim)
    out = to_dtype(input, _dtype.bool_) if dim is not None and dims == () else primitive(input, dims, keepdim)
    return to_dtype(out, _dtype.uint8) if input.dtype is _dtype.uint8 else out  # type: ignore[no-any-return]


@method
@numpy_names
def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:  # noqa: A001
    """Return whether any element is true or not 0, over all or some dimensions.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype. NaN is not 0.
    dim : int or sequence of int, optional
        The dimensions to reduce; all by default.
    keepdim : bool, default False
        Keep them with size 1.

    Returns
    -------
    Tensor
        Of bool, or of uint8 where `input` is; False where there are no elements.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([[0, 0], [0, 1]]).any(dim=1)
    tensor([False,  True])
    """
    return _flag(_any, "any", input, dim, keepdim)


@method
@numpy_names
def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:  # noqa: A001
    """Return whether all elements are true or not 0, over all or some dimensions; see :func:`any`.

    It is True where there are no elements.
    """
    return _flag(_all, "all", input, dim, keepdim)


@method
@numpy_names
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """Return how many elements are not 0, over all or some dimensions, as int64.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype. NaN is not 0.
    dim : int or sequence of int, optional
        The dimensions to count along; all by default.

    Returns
    -------
    Tensor
        Without the dimensions in `dim`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([[0, 2], [3, 1]]).count_nonzero(dim=0)
    tensor([1, 2])
    """
    return _count_nonzero(input, _dims_of("count_nonzero", input, dim), False)  # type: ignore[no-any-return]


@method
@numpy_names
def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: _dtype.dtype | None = None) -> Tensor:
    """Return the sum of the elements that are numbers; see :func:`sum`.

    Notes
    -----
    The gradient of NaN is 0.
    """
    if dtype is not None or array_of("nansum", input).dtype.kind != "f":
        input = _converted("nansum", input, dtype)
        if not input.dtype.is_floating_point:
            return sum(input, dim, keepdim)
    return _nansum(input, _dims_of("nansum", input, dim), keepdim)  # type: ignore[no-any-return]


@method
@numpy_names
def nanmean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: _dtype.dtype | None = None) -> Tensor:
    """Return the mean of the elements that are numbers, NaN where there are none; see :func:`mean`.

    Notes
    -----
    The gradient of NaN is 0.
    """
    if dtype is not None:
        input = _converted("nanmean", input, dtype)
    _check_float("nanmean", input)
    dims = _dims_of("nanmean", input, dim)
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
    return _logsumexp(input, _dims_of("logsumexp", input, dim), keepdim)  # type: ignore[no-any-return]
