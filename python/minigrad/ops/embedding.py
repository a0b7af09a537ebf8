"""Classes as vectors: rows of a table, and ones among zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ..autograd.function import Function
from ..batching import bottom, levels, refuse_ragged
from ..grad_mode import no_grad
from ..tensor import Tensor, array_of, wrap
from .elementwise import _add, _where, div, gt, maximum, mul
from .index import _scatter_add, add_rows, index_rows
from .norms import vector_norm
from .shape import reshape, unsqueeze, whole

__all__ = ["embedding", "embedding_bag", "one_hot"]

_ONE = np.ones((), np.int64)


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
    indices = _checked("embedding", input, weight)
    if padding_idx is not None:
        _check_padding("embedding", padding_idx, weight._array.shape[0])
    weight = _prepared(weight, indices, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    return index_rows(weight, wrap(indices))


def _prepared(
    weight: Tensor, indices: Any, padding: int | None, max_norm: float | None, order: float, by_frequency: bool
) -> Tensor:
    """Return a table whose rows are short enough, and whose gradient is shared as it ought to be."""
    if max_norm is not None:
        _shorten(weight, np.unique(indices), max_norm, order)
    if (padding is not None or by_frequency) and (levels or weight.requires_grad):
        shares = _shares(indices, weight._array.shape[0], padding, by_frequency)
        weight = _Shared.apply(weight, wrap(shares.astype(weight._array.dtype)))
    return weight


def _check_padding(name: str, padding_idx: int, rows: int) -> None:
    if not -rows <= padding_idx < rows:
        raise ValueError(f"{name}: padding_idx must lie in [-{rows}, {rows}), got {padding_idx}")


def _checked(name: str, input: Tensor, weight: Tensor) -> Any:
    """Return the indices, which are those of rows of the table."""
    indices, table = array_of(name, input), array_of(name, weight, "weight")
    if indices.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}: indices must be int32 or int64, got {input.dtype}")
    if table.ndim != 2:
        raise RuntimeError(f"{name}: weight must be a matrix, got shape {table.shape}")
    rows = table.shape[0]
    indices = indices if indices.dtype == np.int64 else indices.astype(np.int64)
    least, most = _extremes(indices)
    if least < 0 or most >= rows:
        raise IndexError(f"{name}: an index is out of range for {rows} rows, got {least} to {most}")
    return indices


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,  # noqa: ARG001
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Return sums, means or maxima of rows of a table that bags of indices name.

    Parameters
    ----------
    input : Tensor
        The indices: a bag a row, or a vector of all bags one behind the other.
    weight : Tensor
        The table, of shape (n, d).
    offsets : Tensor, optional
        For a vector: where each bag begins. The first one begins at 0.
    max_norm, norm_type, scale_grad_by_freq, sparse
        As for :func:`embedding`.
    mode : {"mean", "sum", "max"}
        What is made of a bag; of an empty one zeros.
    per_sample_weights : Tensor, optional
        What each row is multiplied by, in `input`'s shape; for ``"sum"`` alone.
    include_last_offset : bool, default False
        Whether the last of the offsets is the end of the last bag.
    padding_idx : int, optional
        An index that does not count.

    Returns
    -------
    Tensor
        Of shape (bags, d).

    Raises
    ------
    ValueError
        If the offsets do not fit, or the mode is unknown.
    NotImplementedError
        If there are weights for another mode than ``"sum"``.

    Examples
    --------
    >>> import minigrad
    >>> table = minigrad.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> F = minigrad.nn.functional
    >>> F.embedding_bag(minigrad.tensor([0, 2, 1]), table, minigrad.tensor([0, 2]))
    tensor([[3., 4.],
            [3., 4.]])
    """
    if mode not in ("mean", "sum", "max"):
        raise ValueError(f"embedding_bag: mode must be mean, sum or max, got {mode!r}")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(f"embedding_bag: per_sample_weights are for the mode sum, got {mode}")
    array_of("embedding_bag", weight, "weight")
    if offsets is not None:
        array_of("embedding_bag", offsets, "offsets")
    sizes = _sizes(input, offsets, include_last_offset)
    count = len(sizes)
    bags = np.repeat(np.arange(count), sizes)  # for each index the bag that it is in
    indices = reshape(input, -1)
    factors = None if per_sample_weights is None else reshape(per_sample_weights, -1)
    if padding_idx is not None:
        _check_padding("embedding_bag", padding_idx, weight.shape[0])
        kept = indices._array != padding_idx % weight.shape[0]
        bags, indices = bags[kept], indices[wrap(kept)]
        sizes = np.bincount(bags, minlength=count)
        factors = None if factors is None else factors[wrap(kept)]
    at = _checked("embedding_bag", indices, weight)
    weight = _prepared(weight, at, None, max_norm, norm_type, scale_grad_by_freq)
    if mode != "max" and weight.itemsize > 2 and (factors is None or factors.dtype is weight.dtype):
        out = add_rows(weight, wrap(bags), wrap(at), 1 if factors is None else factors, count)
    else:
        rows = index_rows(weight, wrap(at))
        rows = rows if factors is None else mul(rows, unsqueeze(factors, 1))
        if mode == "max" and input.ndim == 2 and input.shape[1] > 0 and padding_idx is None:
            return reshape(rows, (count, -1, weight.shape[1])).max(1).values
        out = rows.new_zeros(count, weight.shape[1])
        if mode == "max":
            return out.index_reduce(0, wrap(bags), rows, "amax", include_self=False)
        out = out.index_add(0, wrap(bags), rows)
    if mode == "sum":
        return out
    return div(out, wrap(sizes.clip(1).astype(out._array.dtype).reshape(-1, 1)))


def _sizes(input: Tensor, offsets: Tensor | None, with_end: bool) -> Any:
    """Return how many indices each bag has."""
    shape = array_of("embedding_bag", input).shape
    if len(shape) == 2 and offsets is None:
        return np.full(shape[0], shape[1])
    if len(shape) != 1 or offsets is None or offsets.ndim != 1:
        raise ValueError(
            "embedding_bag: needs a matrix of indices without offsets, or a vector of them with a vector of offsets, got "
            f"shape {shape}" + ("" if offsets is None else f" and offsets of shape {tuple(offsets.shape)}")
        )
    edges = offsets._array.astype(np.int64, copy=False)
    if not with_end:
        edges = np.append(edges, shape[0])
    if len(edges) and (edges[0] != 0 or edges[-1] > shape[0] or (edges[1:] < edges[:-1]).any()):
        raise ValueError(
            f"embedding_bag: offsets must begin with 0, not fall, and not exceed {shape[0]}, got {offsets}"
        )
    return edges[1:] - edges[:-1]


_least, _greatest = _core.kernels["min"], _core.kernels["max"]


def _extremes(indices: Any) -> tuple[int, int]:
    """Return the least and the greatest of some integers; 0 and -1 where there is none."""
    known = bottom(indices)
    if known.size == 0:
        return 0, -1
    return int(_least(known, (), False)), int(_greatest(known, (), False))


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
    def forward(table: Tensor, shares: Tensor) -> Tensor:
        return table

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
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
    num_classes = whole("one_hot", "num_classes", num_classes)
    if classes.size == 0 and num_classes <= 0:
        raise RuntimeError("one_hot: no classes to tell their number from; give num_classes")
    if num_classes == -1:
        refuse_ragged("one_hot: without num_classes", classes)
    least, most = _extremes(classes)
    count = most + 1 if num_classes == -1 else num_classes
    if least < 0 or most >= count:
        bound = "not be negative" if num_classes == -1 else f"lie in [0, {count})"
        raise RuntimeError(f"one_hot: classes must {bound}, got {least} to {most}")
    at = unsqueeze(tensor, -1)
    return _scatter_add(wrap(_core.broadcast_view(_ONE, at._array.shape)), at, (*classes.shape, count), classes.ndim)
