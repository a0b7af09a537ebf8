"""Losses of scores that should keep a margin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core, _dtype
from ..batching import is_batched
from ..tensor import Tensor, array_of, wrap
from .creation import full_like
from .elementwise import _add, _sub, _where, div, ge, lt, mul, ne, neg, relu
from .index import gather_along, index_rows
from .loss import as_rows, check_class_weight, class_indices, no_class
from .order import _cummin
from .pointwise_loss import _binary_cross_entropy_with_logits, reduced, reduction_code
from .reduce import _mean, _sum
from .scatter_records import _scatter
from .selection import clamp
from .shape import _reshape, basic_index

__all__ = [
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "soft_margin_loss",
]


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ln(1 + e^(-target input)) for targets of 1 or -1, or its mean or sum; see :func:`mse_loss`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.soft_margin_loss(minigrad.tensor([0.0, 100.0]), minigrad.tensor([1.0, -1.0]))
    tensor(50.3466)
    """
    code = reduction_code("soft_margin_loss", reduction, size_average, reduce)
    shapes = array_of("soft_margin_loss", input).shape, array_of("soft_margin_loss", target, "target").shape
    against = neg(mul(target, input))
    if against._array.shape != shapes[0]:
        raise RuntimeError(
            f"soft_margin_loss: target must broadcast to the shape of input, got {shapes[1]} for {shapes[0]}"
        )
    return _binary_cross_entropy_with_logits(against, full_like(against, 0), code)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the distance where the target is 1, and by how much it misses the margin where it is -1.

    Parameters
    ----------
    input, target : Tensor
        Distances, and 1 for pairs that belong together or -1 for others; the shapes broadcast.
    margin : float, default 1
        How far others should be from each other.
    size_average, reduce, reduction
        Those of :func:`mse_loss`.

    Returns
    -------
    Tensor
        Of shape (), or the broadcast one for ``"none"``.

    Notes
    -----
    loss = x for target 1, max(0, margin - x) for target -1 (Hadsell, Chopra and LeCun, Dimensionality Reduction by
    Learning an Invariant Mapping). The gradient where x is the margin is -1, as PyTorch has it.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([0.25, 0.25])
    >>> minigrad.nn.functional.hinge_embedding_loss(x, minigrad.tensor([1, -1]), reduction="none")
    tensor([0.2500, 0.7500])
    """
    code = reduction_code("hinge_embedding_loss", reduction, size_average, reduce)
    array_of("hinge_embedding_loss", target, "target")
    array_of("hinge_embedding_loss", input)
    apart = _where(ne(target, 1), clamp(_sub(margin, input), 0.0), 0.0)
    together = _where(ne(target, -1), input, 0.0)
    return reduced(_add(apart, together), code)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return by how much pairs miss their order: max(0, -target (input1 - input2) + margin).

    Parameters
    ----------
    input1, input2, target : Tensor
        Of equally many dimensions; the target is 1 where `input1` should be larger and -1 where `input2` should.
    margin : float, default 0
        By how much.
    size_average, reduce, reduction
        Those of :func:`mse_loss`.

    Returns
    -------
    Tensor
        Of shape (), or the broadcast one for ``"none"``.

    Raises
    ------
    RuntimeError
        If the numbers of dimensions differ.

    Examples
    --------
    >>> import minigrad
    >>> a, b = minigrad.tensor([1.0, 2.0]), minigrad.tensor([3.0, 0.0])
    >>> minigrad.nn.functional.margin_ranking_loss(a, b, minigrad.tensor([1, 1]), reduction="none")
    tensor([2., 0.])
    """
    name = "margin_ranking_loss"
    code = reduction_code(name, reduction, size_average, reduce)
    shapes = [array_of(name, x).shape for x in (input1, input2, target)]
    if len({len(shape) for shape in shapes}) > 1:
        raise RuntimeError(f"{name}: all operands must have equally many dimensions, got {shapes}")
    missed = _add(neg(mul(target, _sub(input1, input2))), margin)
    return reduced(clamp(missed, 0.0), code)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return by how much the other classes come closer to the target's score than the margin.

    Parameters
    ----------
    input : Tensor
        The scores, of shape (n, c) or (c,).
    target : Tensor
        The classes, integers in [0, c), of shape (n,) or ().
    p : {1, 2}
        The power that each class's miss is raised to.
    margin : float, default 1
        How much larger than the others the target's score should be.
    weight : Tensor, optional
        A factor for each target class, of shape (c,).
    size_average, reduce, reduction
        Those of :func:`cross_entropy`; the mean is divided by n.

    Returns
    -------
    Tensor
        Of shape (), or the target's for ``"none"``.

    Raises
    ------
    IndexError
        If a class is out of range.
    RuntimeError
        If the shapes do not fit.
    ValueError
        If `p` is neither 1 nor 2.

    Notes
    -----
    loss = Σ max(0, margin - x[t] + x[k])^p / c over the classes k other than t (Crammer and Singer, On the Algorithmic
    Implementation of Multiclass Kernel-based Vector Machines).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.multi_margin_loss(minigrad.tensor([1.0, 0.5, 3.0]), minigrad.tensor(0))
    tensor(1.1667)
    """
    name = "multi_margin_loss"
    code = reduction_code(name, reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError(f"{name}: p must be 1 or 2, got {p}")
    if array_of(name, input).ndim > 2:
        raise RuntimeError(f"{name}: the input must have shape (n, c) or (c,), got {input._array.shape}")
    target = class_indices(name, target)
    rows, labels = as_rows(name, input if input._array.ndim else _reshape(input, (1,)), target)
    n, classes = rows._array.shape
    check_class_weight(name, weight, classes)
    labels = _reshape(labels, (n, 1))
    try:
        picked = gather_along(rows, labels, 1)
    except IndexError:
        raise no_class(name, input, target, None) from None
    missed = relu(_sub(_add(_scatter(rows, -math.inf, labels, 1), margin), picked))  # not by the target itself
    terms = missed if p == 1 else mul(missed, missed)
    if weight is not None:
        terms = mul(terms, _reshape(index_rows(weight, _reshape(labels, (n,))), (n, 1)))
    if code == 0:
        return _reshape(_mean(terms, (1,), False), target._array.shape)
    return reduced(terms, 1) if code == 1 else div(reduced(terms, 2), float(classes))


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return by how much classes that are no targets come closer than 1 to the scores of those that are.

    Parameters
    ----------
    input : Tensor
        The scores, of shape (n, c) or (c,).
    target : Tensor
        Of the same shape: the targets' classes, and from the first -1 on nothing that counts.
    size_average, reduce, reduction
        Those of :func:`cross_entropy`; the mean is divided by n.

    Returns
    -------
    Tensor
        Of shape (), or (n,) for ``"none"``.

    Raises
    ------
    IndexError
        If a class is out of range.
    RuntimeError
        If the shapes differ.

    Notes
    -----
    loss = Σ max(0, 1 - x[t] + x[k]) / c over the targets t and the other classes k.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([0.1, 0.2, 0.4, 0.8])
    >>> minigrad.nn.functional.multilabel_margin_loss(x, minigrad.tensor([3, 0, -1, 1]))
    tensor(0.8500)
    """
    name = "multilabel_margin_loss"
    code = reduction_code(name, reduction, size_average, reduce)
    shape = array_of(name, input).shape
    if array_of(name, target, "target").shape != shape or len(shape) not in (1, 2) or shape[-1] == 0:
        raise RuntimeError(
            f"{name}: needs input and target of one shape (n, c) or (c,), c not 0, got {shape} and {target.shape}"
        )
    classes = shape[-1]
    n = shape[0] if len(shape) > 1 else 1
    rows, labels = _reshape(input, (n, classes)), _reshape(class_indices(name, target), (n, classes))
    dense = n * classes * classes <= _FEW or is_batched(labels)
    if dense:
        counts = ge(_cummin(labels, 1)[0], 0)  # before the first -1
    else:
        labels, counts = _leading_targets(labels._array)
    try:
        picked = gather_along(rows, _where(counts, labels, 0), 1)
    except IndexError:
        raise IndexError(f"{name}: a target is out of range for {classes} classes") from None
    all_classes = _full(1.0, (n, classes + 1), _dtype.bool_.code)  # and one for what is no target
    others = basic_index(_scatter(wrap(all_classes), False, _where(counts, labels, classes), 1), (..., slice(classes)))
    if not dense:
        rows, others = _untargeted(rows, others, labels._array.shape[1])
    most, left = labels._array.shape[1], others._array.shape[1]
    missed = relu(_add(_sub(_reshape(rows, (n, 1, left)), _reshape(picked, (n, most, 1))), 1.0))
    pairs = mul(_reshape(counts, (n, most, 1)), _reshape(others, (n, 1, left)))
    losses = div(_sum(_where(pairs, missed, 0.0), (1, 2), False), float(classes))
    return _reshape(losses, shape[:-1]) if code == 0 else reduced(losses, code)


_largest, _full = _core.kernels["max"], _core.kernels["full"]
_FEW = 4096  # pairs of classes, all of which are looked at, as those are where vmap batches targets


def _leading_targets(labels: Any) -> tuple[Tensor, Tensor]:
    """Return the columns of targets in which any row has one before its first -1, and which of them count."""
    n, classes = labels.shape
    ends = np.ones((n, classes + 1), np.bool_)  # where targets do, or behind the last one
    np.less(labels, 0, out=ends[:, :classes])
    lengths = ends.argmax(1)
    most = int(_largest(lengths, (), False)) if n else 0
    return wrap(labels[:, :most]), wrap(lt(np.arange(most), lengths[:, None]))


def _untargeted(rows: Tensor, others: Tensor, targets: int) -> tuple[Tensor, Tensor]:
    """Return rows that have all scores of `others`, the classes that are no targets, and which of theirs these are.

    Where such classes are few, they alone: the pairs with targets are many.
    """
    flags = others._array
    classes = flags.shape[1]
    if 2 * targets < classes:
        return rows, others
    most = int(flags.sum(1).max(initial=0))
    if 2 * most > classes:
        return rows, others
    columns = np.argsort(~flags, axis=1, kind="stable")[:, :most]
    return gather_along(rows, wrap(columns), 1), wrap(np.take_along_axis(flags, columns, 1))
