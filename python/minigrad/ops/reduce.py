"""Reductions: many-to-one. 《反向传播算法实现》, section 5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import _dtype
from .._methods import method
from ..primitive import LINEAR, MANY_TO_ONE, kernel_primitive
from ..tensor import Tensor, array_of
from . import elementwise as ew
from .elementwise import ARTICLE, div, eq, mul, to_dtype
from .index import _scatter_add, gather_along
from .scan import _cumprod
from .shape import _reshape, broadcast, normalise_dim, normalise_dims, reshape

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "max",
    "mean",
    "min",
    "prod",
    "std",
    "sum",
    "var",
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


def _others(x: Any, dims: Shape) -> Any:
    """Return for each element the product of all others along the one dim: no division, so zeros do no harm."""
    return mul(_cumprod(x, dims[0], False, True), _cumprod(x, dims[0], True, True))


_prod = kernel_primitive(
    "prod",
    equation="out = Π x",
    source=f"{ARTICLE} (5.3); its (output / input) is NaN at zeros, exclusive products are not",
    relation=MANY_TO_ONE,
    vjp={"x": lambda g, x, dims, x_shape: mul(_spread(g, x_shape, dims), _others(x, dims))},
    jvp={"x": lambda t, x, dims, keepdim: _sum(mul(t, _others(x, dims)), dims, keepdim)},
    promotion=None,
)


def _tie_share(x: Any, out: Any, dims: Shape, x_shape: Shape) -> Any:
    """Return each element's share in the extremum: 1 over the number of elements that equal it, 0 for the others.

    NaN is equal to NaN here.
    """
    extremum = _spread(out, x_shape, dims)
    equal = ew.maximum(eq(x, extremum), mul(ew.ne(x, x), ew.ne(extremum, extremum)))
    ties = to_dtype(equal, _dtype.from_numpy_dtype(_array(x).dtype))
    return div(ties, _spread(_sum(ties, dims, True), x_shape, dims))


def _array(x: Any) -> Any:
    return x._array if isinstance(x, Tensor) else x


def _extremum(name: str) -> Any:
    return kernel_primitive(
        f"a{name}",
        kernel=name,
        equation=f"out = {name} x",
        source=f"{ARTICLE} (5.7); ties share the gradient evenly",
        relation=MANY_TO_ONE,
        vjp={
            "x": lambda g, x, out, dims, x_shape: mul(_spread(g, x_shape, dims), _tie_share(x, out, dims, x_shape)),
        },
        jvp={
            "x": lambda t, x, out, dims, keepdim, x_shape: _sum(
                mul(t, _tie_share(x, out, dims, x_shape)), dims, keepdim
            ),
        },
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
    return kernel_primitive(
        f"arg{name}",
        equation=f"out = the first index of {name} x",
        source=ew.DEFINITION,
        relation=MANY_TO_ONE,
        promotion=None,
    )


_argmax = _index_of("max")
_argmin = _index_of("min")

# ----------------------------------------------------------------------------------------------------------------------
# Public functions.


class MaxResult(NamedTuple):
    """The largest (or smallest) elements along a dimension, and where each stands first."""

    values: Tensor
    indices: Tensor


def _dims_of(name: str, x: Tensor, dim: Dims) -> Shape:
    array = array_of(name, x)
    return () if dim is None else normalise_dims(name, dim, array.ndim, array.shape)


@method
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
    if dtype is not None:
        input = to_dtype(input, dtype) if array_of("sum", input).dtype != dtype.numpy else input
    elif array_of("sum", input).dtype.kind != "f" and input.dtype is not _dtype.int64:
        input = to_dtype(input, _dtype.int64)
    return _sum(input, _dims_of("sum", input, dim), keepdim)  # type: ignore[no-any-return]


@method
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
        input = to_dtype(input, dtype) if array_of("mean", input).dtype != dtype.numpy else input
    if array_of("mean", input).dtype.kind != "f":
        raise RuntimeError(f"mean: needs floating-point elements, got {input.dtype}; convert with .float()")
    return _mean(input, _dims_of("mean", input, dim), keepdim)  # type: ignore[no-any-return]


@method
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the product over all elements or over one dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape. Booleans and integers are multiplied as int64.
    dim : int, optional
        The dimension to multiply over; all by default.
    keepdim : bool, default False
        Keep it with size 1.

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
    if array_of("prod", input).dtype.kind != "f" and input.dtype is not _dtype.int64:
        input = to_dtype(input, _dtype.int64)
    if dim is None:
        return _prod(reshape(input, -1), (0,), False)  # type: ignore[no-any-return]
    if input._array.ndim == 0:
        return _prod(_reshape(input, (1,)), _dims_of("prod", input, dim), False)  # type: ignore[no-any-return]
    return _prod(input, _dims_of("prod", input, dim), keepdim)  # type: ignore[no-any-return]


@method
def amax(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """Return the largest elements over all or some dimensions; ties share the gradient evenly."""
    return _amax(input, _dims_of("amax", input, dim), keepdim)  # type: ignore[no-any-return]


@method
def amin(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """Return the smallest elements over all or some dimensions; ties share the gradient evenly."""
    return _amin(input, _dims_of("amin", input, dim), keepdim)  # type: ignore[no-any-return]


def _extremum_of(name: str, input: Tensor, dim: Any, keepdim: bool) -> Any:
    whole, indexed, pairwise = {
        "max": (_amax, _max_with_index, ew.maximum),
        "min": (_amin, _min_with_index, ew.minimum),
    }[name]
    array = array_of(name, input)
    if dim is None:
        return whole(input, (), False)
    if isinstance(dim, Tensor):
        return pairwise(input, dim)
    d = normalise_dim(name, dim, array.ndim, array.shape)
    if array.ndim == 0:
        values, indices = indexed(_reshape(input, (1,)), 0, False)
    else:
        values, indices = indexed(input, d, keepdim)
    return MaxResult(values, indices)


@method
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
    Tensor or MaxResult
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
    return _extremum_of("max", input, dim, keepdim)


@method
def min(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Any:  # noqa: A001
    """Return the smallest element, or along a dimension, or of two tensors; see :func:`max`."""
    return _extremum_of("min", input, dim, keepdim)


def _index_over(primitive: Any, name: str, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    dims = _dims_of(name, input, dim)
    if input._array.ndim == 0:
        return primitive(_reshape(input, (1,)), (0,), False)  # type: ignore[no-any-return]
    return primitive(input, dims, keepdim)  # type: ignore[no-any-return]


@method
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the index of the first largest element, over all (row by row) or along a dimension, as int64."""
    return _index_over(_argmax, "argmax", input, dim, keepdim)


@method
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the index of the first smallest element, over all (row by row) or along a dimension, as int64."""
    return _index_over(_argmin, "argmin", input, dim, keepdim)


@method
def var(input: Tensor, dim: Dims = None, *, correction: float = 1, keepdim: bool = False) -> Tensor:
    """Return the variance over all elements, or over one or several dimensions.

    Parameters
    ----------
    input : Tensor
        Of floats.
    dim : int or sequence of int, optional
        The dimensions to reduce; all by default.
    correction : number, default 1
        What is taken from n in the divisor: 1 for a sample's variance, 0 for a population's.
    keepdim : bool, default False
        Keep the dimensions with size 1.

    Returns
    -------
    Tensor
        Without the dimensions in `dim`.

    Notes
    -----
    out = Σ (x - mean)² / (n - correction), 《反向传播算法实现》 (5.9), which divides by n: ``correction=0``.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1.0, 2.0, 4.0]).var(correction=0)
    tensor(1.5556)
    """
    dims = _dims_of("var", input, dim)
    deviation = ew._sub(input, mean(input, dim, keepdim=True) if dim is not None else mean(input))
    n = _count(input._array.shape, dims)
    divisor = float(n - correction) if n > correction else 0.0
    return div(sum(mul(deviation, deviation), dim, keepdim), divisor)


@method
def std(input: Tensor, dim: Dims = None, *, correction: float = 1, keepdim: bool = False) -> Tensor:
    """Return the standard deviation, the root of :func:`var`."""
    array_of("std", input)
    return ew.sqrt(var(input, dim, correction=correction, keepdim=keepdim))


@method
def any(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:  # noqa: A001
    """Return whether any element, or any along a dimension, is true or not zero."""
    array_of("any", input)
    return ew.gt(sum(ew.ne(input, 0), dim, keepdim), 0)


@method
def all(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:  # noqa: A001
    """Return whether all elements, or all along a dimension, are true or not zero."""
    array_of("all", input)
    return eq(sum(eq(input, 0), dim, keepdim), 0)
