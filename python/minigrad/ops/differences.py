"""Derivatives of functions that are known at points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tensor import Tensor, array_of
from .elementwise import add, div, mul, sub
from .functions import as_floats
from .joining import cat
from .rearrange import diff
from .shape import Dims, normalise_dims, reshape
from .views import narrow

__all__ = ["gradient"]


def gradient(
    input: Tensor,
    *,
    spacing: float | Sequence[float] | Tensor | Sequence[Tensor] = 1,
    dim: Dims = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """Return the derivatives along dimensions of a function that is known at points.

    Parameters
    ----------
    input : Tensor
        The values, of any shape but (); integers become floats of the default dtype.
    spacing : number, or a sequence of numbers or of vectors, default 1
        How far apart the points are, along all dimensions or each, or their coordinates along each.
    dim : int or sequence of int, optional
        The dimensions, all by default.
    edge_order : {1, 2}
        The degree of the polynomial that is laid through the points at the edges. Elsewhere it is 2.

    Returns
    -------
    tuple of Tensor
        For each of the dimensions a tensor of the shape of `input`.

    Raises
    ------
    RuntimeError
        If `edge_order` is another one, there are too few points for it, or `spacing` does not fit.

    Notes
    -----
    Between slopes s and s' over distances h and h' it is (h' s + h s') / (h + h'); at an edge it is s, or
    s + (s - s') h / (h + h').

    Examples
    --------
    >>> import minigrad
    >>> minigrad.gradient(minigrad.tensor([0.0, 1.0, 4.0, 9.0]), edge_order=2)
    (tensor([0., 2., 4., 6.]),)
    """
    shape = array_of("gradient", input).shape
    dims = tuple(range(len(shape))) if dim is None else normalise_dims("gradient", dim, shape)
    several = isinstance(spacing, (list, tuple))
    steps: Sequence[Any] = spacing if several else [spacing] * len(dims)  # type: ignore[assignment]
    if len(steps) != len(dims):
        raise RuntimeError(f"gradient: spacing must be one for each of {len(dims)} dims, got {len(steps)}")
    if edge_order not in (1, 2):
        raise RuntimeError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    for d, step in zip(dims, steps, strict=True):
        if shape[d] <= edge_order:
            raise RuntimeError(f"gradient: needs more than {edge_order} points along dim {d}, got shape {shape}")
        if isinstance(step, Tensor) and step._array.shape not in ((), (shape[d],)):
            raise RuntimeError(f"gradient: needs {shape[d]} coordinates along dim {d}, got shape {step._array.shape}")
    input = as_floats("gradient", input)
    steps = [as_floats("gradient", step) if isinstance(step, Tensor) else step for step in steps]
    return tuple([_along(input, d, step, edge_order) for d, step in zip(dims, steps, strict=True)])


def _along(x: Tensor, d: int, step: Any, edge_order: int) -> Tensor:
    count = x._array.shape[d] - 1  # of the distances between neighbours

    def part(t: Any, start: int, length: int) -> Any:
        return narrow(t, d, start, length) if isinstance(t, Tensor) and t._array.ndim > 0 else t

    def slopes(start: int, length: int) -> Tensor:
        rise = sub(part(x, start + 1, length), part(x, start, length))
        return div(rise, part(step, start, length))

    if isinstance(step, Tensor) and step._array.ndim == 1:
        step = reshape(diff(step), [count if i == d else 1 for i in range(x._array.ndim)])
        both = add(part(step, 0, count - 1), part(step, 1, count - 1))
        share: Any = div(part(step, 0, count - 1), both)  # of the slope behind
        left = slopes(0, count - 1)
        inner = add(left, mul(sub(slopes(1, count - 1), left), share))
    else:
        inner, share = div(sub(part(x, 2, count - 1), part(x, 0, count - 1)), step * 2), 0.5
    first, last = slopes(0, 1), slopes(count - 1, 1)
    if edge_order == 2:
        first = add(first, mul(sub(first, slopes(1, 1)), part(share, 0, 1)))
        last = add(last, mul(sub(last, slopes(count - 2, 1)), 1 - part(share, count - 2, 1)))
    return cat([first, inner, last], d)
