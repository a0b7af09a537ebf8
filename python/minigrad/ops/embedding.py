"""Classes as vectors: rows of a table, and ones among zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.function import Function
from ..batching import bottom, refuse_ragged
from ..grad_mode import no_grad
from ..tensor import Tensor, array_of, wrap
from .elementwise import _add, _where, div, gt, maximum, mul
from .index import _scatter_add, index_rows
from .norms import vector_norm
from .shape import unsqueeze

__all__ = ["embedding", "one_hot"]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,  # noqa: ARG001
) -> Tensor:
    """Return the rows of a table that indices name.

    Parameters
    ----------
    input : Tensor
        The indices, int32 or int64 in [0, n), of any shape.
    weight : Tensor
        The table, of shape (n, d).
    padding_idx : int, optional
        A row whose gradient is 0; negative numbers count from the end.
    max_norm : float, optional
        If given, rows that are named and longer are first shortened to this length, in the table itself.
    norm_type : float, default 2
        The norm that measures them.
    scale_grad_by_freq : bool, default False
        Whether a row's gradient is divided by how often the row is named.
    sparse : bool
        Accepted so that scripts run: gradients are dense.

    Returns
    -------
    Tensor
        Of shape (..., d).

    Raises
    ------
    IndexError
        If an index is out of range.
    RuntimeError
        If the indices are no integers or the table is no matrix.
    ValueError
        If `padding_idx` is out of range.

    Notes
    -----
    out = weight[input]; the gradients of a row named several times add up.

    Examples
    --------
    >>> import minigrad
    >>> table = minigrad.tensor([[0.0, 0.0], [1.0, 2.0]])
    >>> minigrad.nn.functional.embedding(minigrad.tensor([1, 0]), table)
    tensor([[1., 2.],
            [0., 0.]])
    """
    name = "embedding"
    indices, table = array_of(name, input), array_of(name, weight, "weight")
    if indices.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}: indices must be int32 or int64, got {input.dtype}")
    if table.ndim != 2:
        raise RuntimeError(f"{name}: weight must be a matrix, got shape {table.shape}")
    rows = table.shape[0]
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ValueError(f"{name}: padding_idx must lie in [-{rows}, {rows}), got {padding_idx}")
    indices = indices.astype(np.int64, copy=False)
    known = bottom(indices)
    if known.size and (known.min() < 0 or known.max() >= rows):
        raise IndexError(f"{name}: an index is out of range for {rows} rows, got {known.min()} to {known.max()}")
    if max_norm is not None:
        _shorten(weight, np.unique(indices), max_norm, norm_type)
    if weight.requires_grad and (padding_idx is not None or scale_grad_by_freq):
        shares = _shares(indices, rows, padding_idx, scale_grad_by_freq)
        weight = _Shared.apply(weight, wrap(shares.astype(table.dtype)))
    return index_rows(weight, wrap(indices))  # type: ignore[no-any-return]


def _shorten(weight: Tensor, rows: Any, length: float, order: float) -> None:
    """Scale rows longer than a length down to it, in place."""
    with no_grad():
        table = weight.detach()
        picked = index_rows(table, wrap(rows))
        lengths = vector_norm(picked, order, 1, True)
        factor = _where(gt(lengths, length), div(length, _add(lengths, 1e-7)), 1.0)
        table.index_copy_(0, wrap(rows), mul(picked, factor))


def _shares(indices: Any, rows: int, padding: int | None, by_frequency: bool) -> Any:
    """Return which share of its gradient each row of the table gets."""
    shares: Any = np.ones(rows)
    if padding is not None:
        shares[padding] = 0.0
    if by_frequency:
        places = indices.reshape(-1)
        counts = _scatter_add(np.ones(places.shape), places, (rows,), 0)
        shares = div(shares, maximum(counts, 1.0))
    return shares.reshape(rows, 1)


class _Shared(Function):
    """Hands a table on; of the gradient, a share of each row goes back."""

    generate_vmap_rule = True

    @staticmethod
    def forward(table: Tensor, shares: Tensor) -> Tensor:  # noqa: ARG004
        return table

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG004
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return mul(grads[0], ctx.saved_tensors[0]), None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        return mul(tangents[0], ctx.saved_tensors[0])


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return, for each class, a vector with a 1 in its place and zeros elsewhere.

    Parameters
    ----------
    tensor : Tensor
        The classes, int64 in [0, num_classes), of any shape.
    num_classes : int, default -1
        How many classes there are; -1 for one more than the largest.

    Returns
    -------
    Tensor
        int64, of shape (..., num_classes).

    Raises
    ------
    RuntimeError
        If a class is out of range, the elements are not int64, or there is nothing to tell the number of classes from.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.one_hot(minigrad.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    classes = array_of("one_hot", tensor)
    if classes.dtype != np.int64:
        raise RuntimeError(f"one_hot: the classes must be int64, got {tensor.dtype}")
    if classes.size == 0 and num_classes <= 0:
        raise RuntimeError("one_hot: no classes to tell their number from; give num_classes")
    if num_classes == -1:
        refuse_ragged("one_hot: without num_classes", classes)
    known = bottom(classes)
    least, most = (int(known.min()), int(known.max())) if known.size else (0, -1)
    count = most + 1 if num_classes == -1 else num_classes
    if least < 0 or most >= count:
        raise RuntimeError(f"one_hot: classes must lie in [0, {count}), got {least} to {most}")
    at = unsqueeze(tensor, -1)
    return _scatter_add(wrap(np.ones(at.shape, np.int64)), at, (*classes.shape, count), classes.ndim)  # type: ignore[no-any-return]
