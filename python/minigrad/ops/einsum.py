"""Sums over labelled dimensions of two tensors or more.

《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》 sorts products by what is summed and what is kept. Here all of them go one way:
dimensions get labels, and two tensors are multiplied as batches of matrices (`_contract`), whose rules they inherit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

from ..tensor import Tensor, array_of
from .elementwise import mul
from .linalg import matmul
from .reduce import sum as sum_
from .shape import Shape, _permute, _reshape, squeeze
from .views import diagonal

__all__ = ["einsum"]

#: In the order of their codes, in which labels are sorted: numbered labels keep the order of their numbers.
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

#: What a dimension is called while a product is worked out: a letter, or "..." and a number counted from the right.
Label = str | tuple[str, int]


class Labelled(NamedTuple):
    """A tensor and a label for each of its dimensions."""

    tensor: Tensor
    labels: tuple[Label, ...]

    def sizes(self) -> dict[Label, int]:
        return dict(zip(self.labels, self.tensor._array.shape, strict=True))


# ----------------------------------------------------------------------------------------------------------------------
# Two tensors. What is to be done follows from labels and shapes alone, and is kept for the next time.


class _Steps(NamedTuple):
    """What brings an operand into the form in which it is multiplied; None where there is nothing to do."""

    squeezed: Shape | None
    summed: Shape | None
    order: Shape | None
    shape: Shape | None


class Plan(NamedTuple):
    """How two operands are multiplied: as matrices or elementwise; the result's shape and labels."""

    left: _Steps
    right: _Steps
    matrices: bool
    shape: Shape
    labels: tuple[Label, ...]


def _contract(x: Labelled, y: Labelled, kept: tuple[Label, ...]) -> Labelled:
    """Return the product of two tensors, summed over all labels but those in `kept`.

    The result's labels: those that both have, those of x alone, those of y alone.
    """
    plan = plan_of(x.labels, x.tensor._array.shape, y.labels, y.tensor._array.shape, kept)
    return Labelled(multiplied(x.tensor, y.tensor, plan), plan.labels)


def multiplied(x: Tensor, y: Tensor, plan: Plan) -> Tensor:
    a, b = _brought(x, plan.left), _brought(y, plan.right)
    return shaped(matmul(a, b) if plan.matrices else mul(a, b), plan.shape)


def _brought(x: Tensor, steps: _Steps) -> Tensor:
    if steps.squeezed is not None:
        x = squeeze(x, steps.squeezed)
    if steps.summed is not None:
        x = sum_(x, steps.summed)
    if steps.order is not None:
        x = _permute(x, steps.order)
    return x if steps.shape is None else _reshape(x, steps.shape)


@lru_cache(maxsize=512)
def plan_of(
    x_labels: tuple[Label, ...], x_shape: Shape, y_labels: tuple[Label, ...], y_shape: Shape, kept: tuple[Label, ...]
) -> Plan:
    x, y = dict(zip(x_labels, x_shape, strict=True)), dict(zip(y_labels, y_shape, strict=True))
    a, b = _without_broadcast(x, y), _without_broadcast(y, x)
    both = [label for label in a if label in b]
    batch = [label for label in both if label in kept]
    inner = [label for label in both if label not in kept]
    left = [label for label in a if label in kept and label not in b]
    right = [label for label in b if label in kept and label not in a]
    sizes = x | a | b

    def grouped(*groups: Sequence[Label]) -> Shape:
        return tuple([math.prod(sizes[label] for label in group) for group in (*([batch] if batch else []), *groups)])

    def shape_of(labels: Sequence[Label]) -> Shape:
        return tuple([sizes[label] for label in labels])

    if inner:
        # Vectors, where nothing else is left: the cotangent of their product is a number, not a matrix.
        forms = (grouped(left, inner), grouped(inner, right)) if batch or left or right else (grouped(inner),) * 2
        orders = [*batch, *left, *inner], [*batch, *inner, *right]
    else:
        ones = (1,) * len(left)
        forms = shape_of([*batch, *left]) + (1,) * len(right), shape_of(batch) + ones + shape_of(right)
        orders = [*batch, *left], [*batch, *right]
    labels = (*batch, *left, *right)
    steps = [_steps(given, form, order) for given, form, order in zip(((x, a), (y, b)), forms, orders, strict=True)]
    return Plan(steps[0], steps[1], bool(inner), shape_of(labels), labels)


def _without_broadcast(sizes: dict[Label, int], others: dict[Label, int]) -> dict[Label, int]:
    """Leave out dimensions of size 1 along which the other tensor has more elements: they broadcast."""
    return {label: n for label, n in sizes.items() if n != 1 or others.get(label, 1) == 1}


def _steps(given: tuple[dict[Label, int], dict[Label, int]], form: Shape, order: Sequence[Label]) -> _Steps:
    """Return what brings a tensor of some labels, of which those that broadcast are left out, to an order and a shape."""
    whole, squeezed = given
    left = [label for label in squeezed if label in order]
    return _Steps(
        tuple([d for d, label in enumerate(whole) if label not in squeezed]) or None,
        tuple([d for d, label in enumerate(squeezed) if label not in order]) or None,
        None if left == list(order) else tuple([left.index(label) for label in order]),
        None if form == tuple([whole[label] for label in order]) else form,
    )


def _sum_out(x: Labelled, kept: set[Label]) -> Labelled:
    """Sum over the dimensions whose labels nobody keeps."""
    dims = tuple(d for d, label in enumerate(x.labels) if label not in kept)
    if not dims:
        return x
    return Labelled(sum_(x.tensor, dims), tuple(label for label in x.labels if label in kept))


def _ordered(x: Labelled, labels: Sequence[Label]) -> Tensor:
    """Return the tensor with its dimensions in the order of `labels`."""
    return x.tensor if x.labels == labels else _permute(x.tensor, tuple(x.labels.index(label) for label in labels))


def shaped(x: Tensor, shape: Shape) -> Tensor:
    return x if x._array.shape == shape else _reshape(x, shape)


# ----------------------------------------------------------------------------------------------------------------------
# Sums over named dimensions.


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Return the sum of products that an equation of labels describes.

    Parameters
    ----------
    equation : str
        A label for each dimension of each operand, and behind ``->`` those of the result: ``"ij,jk->ik"`` is a matrix
        product. Labels that the result lacks are summed over. A label that an operand has twice means its diagonal;
        ``...`` stands for any dimensions, which broadcast. Without ``->`` the result has the labels that occur once, in
        alphabetical order, behind the dimensions that ``...`` stands for.
    *operands : Tensor
        As many as the equation has terms, one by one or as one sequence. Instead of an equation, each operand may be
        followed by a list of numbers for its labels, and the last one by that of the result.

    Returns
    -------
    Tensor
        With the dimensions that the equation says.

    Raises
    ------
    RuntimeError
        If the equation is malformed, does not fit the operands, or sizes under one label differ.

    Notes
    -----
    out[kept] = Σ x[labels of x] y[labels of y] ... over the labels that are not kept. Two operands are multiplied as
    matrices; of more, again and again those two whose product is the smallest.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> minigrad.einsum("ii", x)
    tensor(5.)
    >>> minigrad.einsum("ij,kj->ik", x, x)
    tensor([[ 5., 11.],
            [11., 25.]])
    """
    if isinstance(equation, Tensor):
        equation, operands = _from_sublists((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not isinstance(equation, str) or not operands:
        raise RuntimeError(f"einsum: needs an equation and at least one operand, got {equation!r}")
    terms, kept = _parse(equation, tuple([array_of("einsum", x).shape for x in operands]))
    parts = [_with_diagonals(Labelled(x, labels)) for x, labels in zip(operands, terms, strict=True)]
    while len(parts) > 1:
        i, j = _next_pair(parts, kept) if len(parts) > 2 else (0, 1)
        y, x = parts.pop(j), parts.pop(i)
        parts.append(
            _contract(x, y, tuple(dict.fromkeys([*kept, *[label for part in parts for label in part.labels]])))
        )
    return _ordered(_sum_out(parts[0], set(kept)), kept)


@lru_cache(maxsize=512)
def _parse(equation: str, shapes: tuple[Shape, ...]) -> tuple[list[tuple[Label, ...]], tuple[Label, ...]]:
    """Return the labels of each operand's dimensions, and those of the result's."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != len(shapes):
        raise RuntimeError(f"einsum: {equation!r} has {len(texts)} terms, but there are {len(shapes)} operands")
    terms = [_labels(text, len(shape), equation) for text, shape in zip(texts, shapes, strict=True)]
    flat = [label for term in terms for label in term]
    dots = sorted({label for label in flat if isinstance(label, tuple)}, key=lambda label: -label[1])
    if arrow:
        in_dots = len(dots) if "..." in right else 0
        kept = _labels(right, in_dots + len(right.replace("...", "")), equation)
        _check_kept(kept, flat, equation)
    else:
        kept = (*dots, *sorted(label for label in flat if isinstance(label, str) and flat.count(label) == 1))
    _check_sizes(terms, shapes)
    return terms, kept


def _labels(text: str, ndim: int, equation: str) -> tuple[Label, ...]:
    """Return a label for each of `ndim` dimensions that one term describes."""
    before, dots, after = text.partition("...")
    letters = before + after
    if any(letter not in _LETTERS for letter in letters):
        raise RuntimeError(f"einsum: labels must be letters, got {text!r} in {equation!r}")
    rest = ndim - len(letters)
    if rest < 0 or (rest > 0 and not dots):
        raise RuntimeError(f"einsum: {text!r} in {equation!r} does not describe {ndim} dimensions")
    return (*before, *(("...", n) for n in range(rest, 0, -1)), *after)


def _check_kept(kept: tuple[Label, ...], known: list[Label], equation: str) -> None:
    if len(set(kept)) < len(kept):
        raise RuntimeError(f"einsum: a label occurs twice in the result of {equation!r}")
    unknown = [label for label in kept if label not in known]
    if unknown:
        raise RuntimeError(f"einsum: the result of {equation!r} has a label that no operand has")


def _check_sizes(terms: list[tuple[Label, ...]], shapes: tuple[Shape, ...]) -> None:
    sizes: dict[Label, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for label, n in zip(term, shape, strict=True):
            known = sizes.setdefault(label, n)
            if n not in (known, 1) and known != 1:
                raise RuntimeError(f"einsum: {label!r} has the sizes {known} and {n}, got shapes {list(shapes)}")
            sizes[label] = n if known == 1 else known


def _with_diagonals(x: Labelled) -> Labelled:
    """Replace dimensions of one label by their diagonal."""
    for label in x.labels:
        places = [d for d, other in enumerate(x.labels) if other == label]
        if len(places) > 1:
            first, second = places[:2]
            n, m = x.tensor._array.shape[first], x.tensor._array.shape[second]
            if n != m:
                raise RuntimeError(f"einsum: {label!r} has the sizes {n} and {m} in one operand")
            others = [d for d in range(len(x.labels)) if d not in (first, second)]
            rest = tuple(x.labels[d] for d in others)
            return _with_diagonals(Labelled(diagonal(x.tensor, 0, first, second), (*rest, label)))
    return x


def _next_pair(parts: list[Labelled], kept: tuple[Label, ...]) -> tuple[int, int]:
    """Return which two operands to multiply next: those whose product is the smallest, the first of them."""

    def size(pair: tuple[int, int]) -> int:
        rest = {label for n, part in enumerate(parts) if n not in pair for label in part.labels}.union(kept)
        sizes = parts[pair[0]].sizes() | parts[pair[1]].sizes()
        return math.prod(n for label, n in sizes.items() if label in rest)

    return min(combinations(range(len(parts)), 2), key=size)


def _from_sublists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return the equation and the operands for tensors that are each followed by a list of numbers for its labels."""
    *pairs, result = arguments if len(arguments) % 2 else (*arguments, None)
    operands, lists = pairs[::2], pairs[1::2]

    def text(labels: Any) -> str:
        if not isinstance(labels, (list, tuple)) or not all(n is ... or n in range(52) for n in labels):
            raise RuntimeError(f"einsum: labels must be numbers from 0 to 51 or ..., got {labels!r}")
        return "".join("..." if n is ... else _LETTERS[n] for n in labels)

    equation = ",".join(map(text, lists))
    return (equation if result is None else f"{equation}->{text(result)}"), tuple(operands)
