"""The greatest and the smallest elements, and where they stand. 《反向传播算法实现》, section 5."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import _dtype
from .. import _return_types as return_types
from .._methods import method, numpy_names
from ..primitive import LINEAR, MANY_TO_ONE, ONE_TO_MANY, kernel_primitive
from ..tensor import Tensor, array_of
from . import elementwise as ew
from .elementwise import safe_mul
from .index import _scatter_add, gather_along
from .records import ARTICLE, DEFINITION
from .reduce import _sum, kept_shape
from .shape import Dims, Shape, _reshape, dims_of, normalise_dim

__all__ = ["amax", "amin", "aminmax", "argmax", "argmin", "max", "min"]

#: Each result's cotangent, shared evenly by the elements that equal the result; `result` (and `g`, where it is no number)
#: has size 1 along the reduced dims. NaN equals NaN.
share_ties: Callable[..., Any] = kernel_primitive(
    "share_ties",
    equation="out = g / n where x = result, which n elements do; 0 elsewhere",
    source=f"{ARTICLE} (5.8); ties share the gradient evenly",
    relation=ONE_TO_MANY,
    structure=LINEAR,
    vjp={"g": lambda h, x, result, dims: _sum(safe_mul(h, share_ties(1.0, x, result, dims)), dims, True)},
    promotion=None,
)


def _extremum_vjp(g: Any, x: Any, out: Any, dims: Shape, x_shape: Shape) -> Any:
    kept = kept_shape(x_shape, dims)
    return share_ties(_reshape(g, kept), x, _reshape(out, kept), dims)


def _extremum_jvp(t: Any, x: Any, out: Any, dims: Shape, keepdim: bool, x_shape: Shape) -> Any:
    return _sum(safe_mul(t, share_ties(1.0, x, _reshape(out, kept_shape(x_shape, dims)), dims)), dims, keepdim)


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
    kept = kept_shape(x_shape, (dim,))
    return _scatter_add(_reshape(g[0], kept), _reshape(indices, kept), x_shape, dim)


def _from_one(t: Any, indices: Any, dim: int, keepdim: bool, x_shape: Shape) -> Any:
    kept = kept_shape(x_shape, (dim,))
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
        batch=lambda level, values, _batched, *dims: _batched_index_over(primitive, level, values[0], *dims),
    )
    return primitive


_argmax = _index_of("max")
_argmin = _index_of("min")


@method
@numpy_names
def amax(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """Return the largest elements over all or some dimensions; ties share the gradient evenly.

    Notes
    -----
    NaN counts as the largest, and +0 as greater than -0.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.amax(minigrad.tensor([[1.0, 4.0], [3.0, 2.0]]), 1)
    tensor([4., 3.])
    """
    return _amax(input, dims_of("amax", input, dim), keepdim)


@method
@numpy_names
def amin(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """Return the smallest elements over all or some dimensions; ties share the gradient evenly.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.amin(minigrad.tensor([[1.0, 4.0], [3.0, 2.0]]), 1)
    tensor([1., 2.])
    """
    return _amin(input, dims_of("amin", input, dim), keepdim)


class _Extremum(NamedTuple):
    name: str
    whole: Any  # over all elements
    indexed: Any  # along a dim
    pairwise: Any  # of two tensors
    named: Any  # the values with their indices

    def of(self, input: Tensor, dim: Any, keepdim: bool, other: Tensor | None) -> Any:
        array = array_of(self.name, input)
        if other is not None:
            if dim is not None:
                raise TypeError(f"{self.name}: takes dim or other, not both")
            return self.pairwise(input, other)
        if dim is None:
            return self.whole(input, (), False)
        if isinstance(dim, Tensor):
            return self.pairwise(input, dim)
        d = normalise_dim(self.name, dim, array.shape)
        if array.ndim == 0:
            return self.named(self.indexed(_reshape(input, (1,)), 0, False))
        return self.named(self.indexed(input, d, keepdim))


_MAX = _Extremum("max", _amax, _max_with_index, ew.maximum, return_types.max)
_MIN = _Extremum("min", _amin, _min_with_index, ew.minimum, return_types.min)


@method
@numpy_names
def max(  # noqa: A001
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None
) -> Any:
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
    other : Tensor, optional
        Another name of `dim` where it is a tensor.

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
    return _MAX.of(input, dim, keepdim, other)


@method
@numpy_names
def min(  # noqa: A001
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None
) -> Any:
    """Return the smallest element, or along a dimension, or of two tensors; see :func:`max`."""
    return _MIN.of(input, dim, keepdim, other)


def _index_over(primitive: Any, name: str, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    dims = dims_of(name, input, dim)
    if input.dtype is _dtype.bool_:
        raise RuntimeError(f"{name}: not for bool")
    if input._array.ndim == 0:
        return primitive(_reshape(input, (1,)), (0,), False)
    return primitive(input, dims, keepdim)


def _batched_index_over(primitive: Any, level: Any, x: Any, dims: Shape, keepdim: bool) -> Any:
    if dims:
        return primitive(x, tuple([d + 1 for d in dims]), keepdim)
    out = primitive(_reshape(x, (level.size, math.prod(x.shape[1:]))), (1,), False)
    return _reshape(out, (level.size, *(1,) * (x.ndim - 1))) if keepdim else out


@method
@numpy_names
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the index of the first largest element, over all (row by row) or along a dimension, as int64.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.argmax(minigrad.tensor([[1.0, 4.0], [3.0, 2.0]]), 1)
    tensor([1, 0])
    """
    return _index_over(_argmax, "argmax", input, dim, keepdim)


@method
@numpy_names
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the index of the first smallest element, over all (row by row) or along a dimension, as int64.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.argmin(minigrad.tensor([[1.0, 4.0], [3.0, 2.0]]), 1)
    tensor([0, 1])
    """
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
    dims = dims_of("aminmax", input, dim)
    return return_types.aminmax((_amin(input, dims, keepdim), _amax(input, dims, keepdim)))
