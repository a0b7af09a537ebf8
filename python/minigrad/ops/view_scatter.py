"""Copies of which a view has other elements."""

from __future__ import annotations

from collections.abc import Callable

from .._methods import method
from ..batching_rules import writable_copy
from ..tensor import Tensor, array_of
from .keys import WHOLE_DIM, plain_part
from .setitem import as_value
from .shape import basic_index, normalise_dim
from .views import diagonal

__all__ = ["diagonal_scatter", "select_scatter", "slice_scatter"]


def _with_view_written(name: str, input: Tensor, view: Callable[[Tensor], Tensor], src: Tensor) -> Tensor:
    """Return a copy of `input` of which a view has the elements of `src`."""
    array_of(name, src, "src")
    out = writable_copy(input, src)
    part = view(out)
    if src._array.shape != part._array.shape:
        raise RuntimeError(f"{name}: src must have shape {part._array.shape}, got {src._array.shape}")
    part._write(as_value(out, src), name)
    return out


@method
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Return `input` with `src` in place of the slice at an index along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    src : Tensor
        Of the shape of ``input.select(dim, index)``.
    dim, index : int
        Which slice.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If the dim or the index is out of range.
    RuntimeError
        If `src` has another shape.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.zeros(2, 2).select_scatter(minigrad.ones(2), 1, 0)
    tensor([[1., 0.],
            [1., 0.]])
    """
    shape = array_of("select_scatter", input).shape
    d = normalise_dim("select_scatter", dim, shape)
    key = (*(WHOLE_DIM,) * d, index, ...)
    return _with_view_written("select_scatter", input, lambda x: basic_index(x, key), src)


@method
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """Return `input` with `src` in place of a slice along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    src : Tensor
        Of the shape of the slice.
    dim : int
        Along which it lies.
    start, end, step : int
        As in ``input[start:end:step]``.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If the dim is out of range.
    RuntimeError
        If `src` has another shape.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.zeros(5).slice_scatter(minigrad.ones(2), start=1, step=2, end=4)
    tensor([0., 1., 0., 1., 0.])
    """
    shape = array_of("slice_scatter", input).shape
    d = normalise_dim("slice_scatter", dim, shape)
    key = (*(WHOLE_DIM,) * d, plain_part("slice_scatter", slice(start, end, step)), ...)
    return _with_view_written("slice_scatter", input, lambda x: basic_index(x, key), src)


@method
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return `input` with `src` in place of a diagonal.

    Parameters
    ----------
    input : Tensor
        With at least two dimensions.
    src : Tensor
        Of the shape of ``input.diagonal(offset, dim1, dim2)``.
    offset : int, default 0
        Above the main diagonal where positive, below it where negative.
    dim1, dim2 : int
        The rows and the columns.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    IndexError
        If a dim is out of range.
    RuntimeError
        If the dims are equal, or `src` has another shape.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.zeros(2, 2).diagonal_scatter(minigrad.ones(1), 1)
    tensor([[0., 1.],
            [0., 0.]])
    """
    array_of("diagonal_scatter", input)
    return _with_view_written("diagonal_scatter", input, lambda x: diagonal(x, offset, dim1, dim2), src)
