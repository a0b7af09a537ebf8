"""Writing to the places that integer tensors say: an index for each element.

All of them are primitives of scatter_records.py: a public function brings its arguments to the form
``(x, src, index, dim)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core, _dtype
from .._methods import method
from ..batching import levels
from ..graph import Array
from ..sharing import wrote
from ..tensor import Tensor, array_of, grad_enabled, wrap
from .elementwise import div, maximum
from .index import index_tensor, refuse_outside
from .scatter_records import _scatter, _scatter_amax, _scatter_amin, _scatter_product, _scatter_sum
from .shape import basic_index, normalise_dim, reshape

__all__ = ["scatter", "scatter_add", "scatter_reduce"]

_kernel, _full = _core.kernels["scatter"], _core.kernels["full"]
_PRODUCTS = {"add": _scatter_sum, "multiply": _scatter_product}


def combine(name: str, x: Tensor, src: Any, index: Any, dim: int, primitive: Callable[..., Any]) -> Tensor:
    """Return `x` with `src` combined into it; an IndexError says which index is out of range."""
    try:
        return primitive(x, src, index, dim)
    except IndexError:
        _refuse_index(name, x, index, dim)
        raise
    except RuntimeError as error:  # of the kernel, which is called by another name
        raise RuntimeError(f"{name}: {str(error).partition(': ')[2]}") from None


def _refuse_index(name: str, x: Tensor, index: Any, dim: int) -> None:
    at = index._array if isinstance(index, Tensor) else index
    refuse_outside(name, x._array.shape, at, dim, wraps=False)


_FLOAT16 = np.dtype(np.float16)  # NumPy's own object, which compares quickly


def combine_in_place(name: str, x: Tensor, src: Any, index: Any, dim: int, primitive: Callable[..., Any]) -> Tensor:
    """Combine `src` into the memory of `x`, touching nothing but the places that the indices say; return `x`."""
    recorded = grad_enabled() and (x._edge is not None or (isinstance(src, Tensor) and src._edge is not None))
    if levels or recorded or not x._array.flags.c_contiguous or x._array.dtype == _FLOAT16:
        # Setting and adding have rules that do not read x, whose memory may thus be overwritten.
        return x._write(combine(name, wrap(x._array, x._edge), src, index, dim, primitive), name)
    record = primitive.primitive  # type: ignore[attr-defined]
    array = src._array if isinstance(src, Tensor) else src
    at = index if isinstance(index, Tensor) else wrap(index)
    try:
        itself = array is x._array or at._array is x._array  # would be read again where it has been written
        if not itself and _core.compute_into(_kernel, x, (x, src, at, dim, *record.constants)):
            return x
        x._refuse_write(name)
        own = x._array
        apart = (
            y.copy() if isinstance(y, np.ndarray) and np.may_share_memory(y, own) else y for y in (array, at._array)
        )
        _kernel.into(own, own, *apart, dim, *record.constants)
    except IndexError:
        _refuse_index(name, x, index, dim)
        raise
    wrote(x._cell)
    return x


def like_input(name: str, array: Array, src: Any, role: str = "src") -> Any:
    """Return what is written: a tensor of the input's dtype, or a number that the dtype holds."""
    if isinstance(src, Tensor):
        if src._array.dtype != array.dtype:
            raise RuntimeError(f"{name}: {role} must have input's dtype {array.dtype}, got {src._array.dtype}")
        return src
    if not isinstance(src, (bool, int, float, np.number, np.bool_)):
        raise TypeError(f"{name}: {role} must be a Tensor or a number, got {type(src).__name__}")
    return _dtype.held(name, src, array.dtype)


# ----------------------------------------------------------------------------------------------------------------------
# scatter and its kin: an index for each element.


def _scattered(name: str, input: Tensor, dim: int, index: Any, src: Any) -> tuple[Any, Tensor, int]:
    """Return `src` cut to the index's sizes, the index, and `dim` from the front."""
    array = array_of(name, input)
    d = normalise_dim(name, dim, array.shape)
    at = index_tensor(name, index)
    src = like_input(name, array, src)
    if array.ndim <= 1:
        at, src = _of_rank(array.ndim, at), _of_rank(array.ndim, src)
    if not isinstance(src, Tensor):
        return src, at, d
    own, wanted = src._array.shape, at._array.shape
    if len(own) == len(wanted) and own != wanted and all(n <= m for n, m in zip(wanted, own, strict=True)):
        src = basic_index(src, tuple([slice(0, n) for n in wanted]))
    return src, at, d


def _of_rank(rank: int, x: Any) -> Any:
    """Return one element with one dimension or none, as `rank` says: PyTorch takes the one for the other."""
    if isinstance(x, Tensor) and x._array.ndim == 1 - rank and x._array.size == 1:
        return reshape(x, (1,) * rank)
    return x


@method
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: float | None = None,
    reduce: str | None = None,
) -> Tensor:
    """Return `input` with elements of `src`, or `value`, at the places that `index` says along `dim`.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The dimension that the indices count along.
    index : Tensor
        Integers from 0, of as many dimensions as `input`, and no larger than it along the others.
    src : Tensor or number
        What is written: of the same dtype, and at least as large as `index`.
    value : number
        The same by another name.
    reduce : {"add", "multiply"}, optional
        Combine with what is there, in place of replacing it.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If an index is out of range.
    RuntimeError
        If shapes or dtypes do not fit.

    Notes
    -----
    out = x, but out[index[i, j], j] = src[i, j] for dim 0. Of several elements for one place the last one in row-major
    order stays, and it alone gets the gradient; the gradient of what it replaced is 0. :func:`gather` is the inverse
    (《反向传播算法实现》 section 5).

    Examples
    --------
    >>> import minigrad
    >>> index = minigrad.tensor([[2], [0]])
    >>> minigrad.zeros(2, 3).scatter(1, index, minigrad.tensor([[5.0], [6.0]]))
    tensor([[0., 0., 5.],
            [6., 0., 0.]])
    """
    return _scatter_with("scatter", input, dim, index, src, value, reduce, combine)


@method
def scatter_(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: float | None = None, reduce: str | None = None
) -> Tensor:
    """Do as `scatter` does in this tensor's memory; return it."""
    return _scatter_with("scatter_", input, dim, index, src, value, reduce, combine_in_place)


def _scatter_with(
    name: str, input: Tensor, dim: int, index: Any, src: Any, value: Any, reduce: str | None, run: Callable[..., Tensor]
) -> Tensor:
    if src is not None and value is not None:
        raise TypeError(f"{name}: src and value are two names of one thing; give one of them")
    src = value if src is None else src
    if reduce is not None and reduce not in _PRODUCTS:
        raise RuntimeError(f"{name}: reduce must be 'add' or 'multiply', got {reduce!r}")
    if reduce == "multiply":
        if run is combine_in_place:  # the gradient of a product reads what is overwritten
            return input._compute_in_place(scatter, name, (dim, index, src), {"reduce": reduce})
        return reduced_into(name, input, dim, index, src, "prod", True)
    src, at, d = _scattered(name, input, dim, index, src)
    return run(name, input, src, at, d, _scatter if reduce is None else _scatter_sum)


@method
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return `input` with the elements of `src` added where `index` says.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The dimension that the indices count along.
    index : Tensor
        Integers from 0, of `src`'s shape or smaller.
    src : Tensor
        What is added; elements for one place add up in row-major order.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If an index is out of range.

    Notes
    -----
    out = x, then out[index[i, j], j] += src[i, j] for dim 0.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.zeros(3).scatter_add(0, minigrad.tensor([0, 2, 2]), minigrad.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 5.])
    """
    array_of("scatter_add", src, "src")
    src, at, d = _scattered("scatter_add", input, dim, index, src)
    return combine("scatter_add", input, src, at, d, _scatter_sum)


@method
def scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Do as `scatter_add` does in this tensor's memory; return it."""
    array_of("scatter_add_", src, "src")
    src, at, d = _scattered("scatter_add_", input, dim, index, src)
    return combine_in_place("scatter_add_", input, src, at, d, _scatter_sum)


@method(in_place=True)
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Return `input` with the elements of `src` combined where `index` says.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The dimension that the indices count along.
    index : Tensor
        Integers from 0, of `src`'s shape or smaller.
    src : Tensor
        What is combined.
    reduce : {"sum", "prod", "mean", "amax", "amin"}
        How.
    include_self : bool, default True
        Whether the elements of `input` take part where something is combined with them.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If an index is out of range.
    RuntimeError
        If shapes or dtypes do not fit, or there is no such reduction.

    Notes
    -----
    Ties of amax and amin share the gradient evenly. The gradient of a product is that of the others' product, right at
    zeros at every order.

    Examples
    --------
    >>> import minigrad
    >>> index = minigrad.tensor([0, 1, 0, 1])
    >>> src = minigrad.tensor([1.0, 2.0, 3.0, 4.0])
    >>> minigrad.ones(3).scatter_reduce(0, index, src, "amax")
    tensor([3., 4., 1.])
    """
    array_of("scatter_reduce", src, "src")
    return reduced_into("scatter_reduce", input, dim, index, src, reduce, include_self)


_REDUCTIONS = {
    "sum": _scatter_sum,
    "mean": _scatter_sum,
    "prod": _scatter_product,
    "amax": _scatter_amax,
    "amin": _scatter_amin,
}


def reduced_into(name: str, input: Tensor, dim: int, index: Any, src: Any, reduce: str, include_self: bool) -> Tensor:
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"{name}: reduce must be one of {', '.join(_REDUCTIONS)}, got {reduce!r}")
    src, index, d = _scattered(name, input, dim, index, src)
    at = index._array
    x = input if include_self else combine(name, input, _identity(input._array.dtype, reduce), at, d, _scatter)
    out = combine(name, x, src, index, d, _REDUCTIONS[reduce])
    return _mean(out, at, d, include_self) if reduce == "mean" else out


def _identity(dtype: Any, reduce: str) -> Any:
    """Return the element that changes nothing."""
    if reduce not in ("amax", "amin"):
        return _dtype.held(reduce, reduce == "prod", np.dtype(dtype))
    lowest = reduce == "amax"
    if dtype.kind == "f":
        return -np.inf if lowest else np.inf
    if dtype.kind == "b":
        return not lowest
    return int(np.iinfo(dtype).min if lowest else np.iinfo(dtype).max)


def _mean(total: Tensor, index: Array, dim: int, include_self: bool) -> Tensor:
    """Return sums divided by the numbers of their terms."""
    array = total._array
    kind = total.dtype if array.dtype.char in "fd" and index.size < 2**24 else _dtype.int64  # that counts exactly
    counts: Any = maximum(_scatter_sum(_full(float(include_self), array.shape, kind.code), 1, index, dim), 1)
    from .rounding import floor_divide

    divisors = wrap(counts.astype(array.dtype, copy=False))
    return div(total, divisors) if array.dtype.kind == "f" else floor_divide(total, divisors)
