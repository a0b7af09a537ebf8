"""Questions about how many elements are not 0."""

from __future__ import annotations

from typing import Any

from .. import _dtype
from .._methods import method, numpy_names
from ..primitive import MANY_TO_ONE, kernel_primitive
from ..tensor import Tensor
from .promotion import to_dtype
from .records import DEFINITION
from .shape import Dims, dims_of

__all__ = ["all", "any", "count_nonzero"]


def _counting(name: str, equation: str) -> Any:
    return kernel_primitive(name, equation=equation, source=DEFINITION, relation=MANY_TO_ONE, promotion=None)


_any = _counting("any", "out = whether an element is not 0")
_all = _counting("all", "out = whether no element is 0")
_count_nonzero = _counting("count_nonzero", "out = how many elements are not 0")


def _flag(primitive: Any, name: str, input: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    """Run any or all: of uint8 the result is uint8, and an empty tuple of dims is no dim."""
    dims = dims_of(name, input, dim)
    out = to_dtype(input, _dtype.bool_) if dim is not None and dims == () else primitive(input, dims, keepdim)
    return to_dtype(out, _dtype.uint8) if input.dtype is _dtype.uint8 else out


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
    return _count_nonzero(input, dims_of("count_nonzero", input, dim), False)
