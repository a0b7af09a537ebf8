"""Products made of matrix products: sums over any dimensions of two tensors or more.

《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》 sorts them by what is summed and what is kept. Here all of them go one way:
dimensions get labels, and two tensors are multiplied as batches of matrices (`_contract`), whose rules they inherit.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

from .._dtype import result_type
from .._methods import method
from ..tensor import Tensor, array_of
from .conversion import to
from .elementwise import add, clone, mul, safe_mul, sub
from .joining import stack, unbind
from .linalg import bmm, linear, matmul, mm, mv
from .reduce import _sum
from .reduce import sum as sum_
from .shape import _permute, _reshape, broadcast, broadcast_shapes, normalise_dim, squeeze
from .views import _diagonal, diagonal

__all__ = ["addmm", "addmv", "baddbmm", "cross", "einsum", "inner", "kron", "tensordot", "trace"]

Shape = tuple[int, ...]

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


class _Plan(NamedTuple):
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
    plan = _plan(x.labels, x.tensor._array.shape, y.labels, y.tensor._array.shape, kept)
    return Labelled(_multiplied(x.tensor, y.tensor, plan), plan.labels)


def _multiplied(x: Tensor, y: Tensor, plan: _Plan) -> Tensor:
    a, b = _brought(x, plan.left), _brought(y, plan.right)
    return _shaped(matmul(a, b) if plan.matrices else mul(a, b), plan.shape)


def _brought(x: Tensor, steps: _Steps) -> Tensor:
    if steps.squeezed is not None:
        x = squeeze(x, steps.squeezed)
    if steps.summed is not None:
        x = sum_(x, steps.summed)
    if steps.order is not None:
        x = _permute(x, steps.order)
    return x if steps.shape is None else _reshape(x, steps.shape)


@lru_cache(maxsize=512)
def _plan(
    x_labels: tuple[Label, ...], x_shape: Shape, y_labels: tuple[Label, ...], y_shape: Shape, kept: tuple[Label, ...]
) -> _Plan:
    x, y = dict(zip(x_labels, x_shape, strict=True)), dict(zip(y_labels, y_shape, strict=True))
    # Dimensions of size 1 along which the other tensor has more elements are dropped: they broadcast.
    a = {label: n for label, n in x.items() if n != 1 or y.get(label, 1) == 1}
    b = {label: n for label, n in y.items() if n != 1 or x.get(label, 1) == 1}
    batch = [label for label in a if label in b and label in kept]
    inner = [label for label in a if label in b and label not in kept]
    left = [label for label in a if label not in b and label in kept]
    right = [label for label in b if label not in a and label in kept]
    sizes = x | a | b

    def grouped(*groups: Sequence[Label]) -> Shape:
        return tuple([_product(sizes[label] for label in group) for group in (*([batch] if batch else []), *groups)])

    def shape_of(labels: Sequence[Label]) -> Shape:
        return tuple([sizes[label] for label in labels])

    if inner:
        forms = grouped(left, inner), grouped(inner, right)
        orders = [*batch, *left, *inner], [*batch, *inner, *right]
    else:
        ones = (1,) * len(left)
        forms = shape_of([*batch, *left]) + (1,) * len(right), shape_of(batch) + ones + shape_of(right)
        orders = [*batch, *left], [*batch, *right]
    labels = (*batch, *left, *right)
    steps = [_steps(given, form, order) for given, form, order in zip(((x, a), (y, b)), forms, orders, strict=True)]
    return _Plan(steps[0], steps[1], bool(inner), shape_of(labels), labels)


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


def _shaped(x: Tensor, shape: Shape) -> Tensor:
    return x if x._array.shape == shape else _reshape(x, shape)


def _product(sizes: Any) -> int:
    n = 1
    for size in sizes:
        n *= size
    return n


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
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    if isinstance(equation, Tensor):
        equation, operands = _from_sublists((equation, *operands))
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
    if any(letter not in string.ascii_letters for letter in letters):
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
        return _product(n for label, n in sizes.items() if label in rest)

    return min(combinations(range(len(parts)), 2), key=size)


def _from_sublists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return the equation and the operands for tensors that are each followed by a list of numbers for its labels."""
    *pairs, result = arguments if len(arguments) % 2 else (*arguments, None)
    operands, lists = pairs[::2], pairs[1::2]

    def text(labels: Any) -> str:
        if not isinstance(labels, list | tuple) or not all(n is ... or n in range(52) for n in labels):
            raise RuntimeError(f"einsum: labels must be numbers from 0 to 51 or ..., got {labels!r}")
        return "".join("..." if n is ... else string.ascii_letters[n] for n in labels)

    equation = ",".join(map(text, lists))
    return (equation if result is None else f"{equation}->{text(result)}"), tuple(operands)


# ----------------------------------------------------------------------------------------------------------------------
# Sums over dimensions given by number.


def tensordot(a: Tensor, b: Tensor, dims: int | Sequence[Sequence[int]] = 2) -> Tensor:
    """Return the product of two tensors, summed over pairs of dimensions.

    Parameters
    ----------
    a, b : Tensor
        The factors.
    dims : int or pair of sequences of int, default 2
        How many of the last dimensions of `a` are summed over with the first ones of `b`; or the dimensions of each.

    Returns
    -------
    Tensor
        With the other dimensions of `a`, then those of `b`.

    Raises
    ------
    RuntimeError
        If the sizes or the numbers of the dimensions differ.
    IndexError
        If a dimension is out of range.

    Notes
    -----
    out[i, j] = Σ a[i, k] b[k, j] over k, where each letter stands for several dimensions.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensordot(minigrad.ones(2, 3, 4), minigrad.ones(4, 3), dims=([1, 2], [1, 0]))
    tensor([12., 12.])
    """
    x, y = array_of("tensordot", a).shape, array_of("tensordot", b).shape
    of_a, of_b = _summed_dims(dims, len(x), len(y))
    out = _multiplied(a, b, _dot_plan(x, y, tuple(of_a), tuple(of_b)))
    return out if out.is_floating_point() else to(out, result_type(a, b))  # sums of integers widen them


@lru_cache(maxsize=512)
def _dot_plan(x: Shape, y: Shape, of_a: Shape, of_b: Shape) -> _Plan:
    """Return how tensors of two shapes are multiplied; dimensions that are summed together share their labels."""
    of_a = tuple([normalise_dim("tensordot", d, x) for d in of_a])
    of_b = tuple([normalise_dim("tensordot", d, y) for d in of_b])
    if len(of_a) != len(of_b) or any(x[d] != y[e] and 1 not in (x[d], y[e]) for d, e in zip(of_a, of_b, strict=True)):
        raise RuntimeError(f"tensordot: cannot sum dims {list(of_a)} of shape {x} with dims {list(of_b)} of shape {y}")
    labels: list[Label] = [("a", d) for d in range(len(x))]
    others: list[Label] = [("b", d) for d in range(len(y))]
    for d, e in zip(of_a, of_b, strict=True):
        others[e] = labels[d]
    summed = {labels[d] for d in of_a}
    kept = tuple([label for label in (*labels, *others) if label not in summed])
    return _plan(tuple(labels), x, tuple(others), y, kept)


def _summed_dims(dims: Any, ndim_a: int, ndim_b: int) -> tuple[list[int], list[int]]:
    if isinstance(dims, int):
        if not 0 <= dims <= min(ndim_a, ndim_b):
            raise RuntimeError(f"tensordot: cannot sum over {dims} dims of tensors that have {ndim_a} and {ndim_b}")
        return list(range(ndim_a - dims, ndim_a)), list(range(dims))
    of_a, of_b = dims
    return [of_a] if isinstance(of_a, int) else list(of_a), [of_b] if isinstance(of_b, int) else list(of_b)


@method
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Return the products of the last dimensions: out[i, j] = Σ input[i, k] other[j, k] over k.

    Parameters
    ----------
    input, other : Tensor
        Of shapes (..., k) and (..., k); where one has no dimensions, the product is elementwise.

    Returns
    -------
    Tensor
        With the other dimensions of `input`, then those of `other`.

    Raises
    ------
    RuntimeError
        If the last sizes differ.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.inner(minigrad.tensor([1.0, 2.0]), minigrad.tensor([[3.0, 4.0], [5.0, 6.0]]))
    tensor([11., 17.])
    """
    x, y = array_of("inner", input).shape, array_of("inner", other).shape
    if not x or not y:
        return mul(input, other)
    if x[-1] != y[-1]:
        raise RuntimeError(f"inner: the last sizes differ, got shapes {x} and {y}")
    return tensordot(input, other, ([-1], [-1]))


#: Kronecker's product gets operands whose rows are those of the result where these have, together, at most so many
#: elements for each row of `other` in the result.
_COPIED = 64


@method
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Return Kronecker's product: each element of `input` times all of `other`.

    Parameters
    ----------
    input, other : Tensor
        Of shapes (a, b, ...) and (c, d, ...); the one with fewer dimensions gets leading ones of size 1.

    Returns
    -------
    Tensor
        Of shape (a c, b d, ...).

    Notes
    -----
    out[i c + k, j d + l] = input[i, j] other[k, l].

    Examples
    --------
    >>> import minigrad
    >>> minigrad.kron(minigrad.eye(2), minigrad.tensor([[1.0, 2.0]]))
    tensor([[1., 2., 0., 0.],
            [0., 0., 1., 2.]])
    """
    x, y = array_of("kron", input).shape, array_of("kron", other).shape
    ndim = max(len(x), len(y))
    x, y = (1,) * (ndim - len(x)) + x, (1,) * (ndim - len(y)) + y
    outer = _shaped(input, tuple(n for size in x for n in (size, 1)))
    inside = _shaped(other, tuple(n for size in y for n in (1, size)))
    copied = (_product(x) * y[-1] + _product(y) * x[-1]) if ndim else 0
    if ndim and max(y[-1], _COPIED) * copied <= _COPIED * _product(x) * _product(y):
        outer = clone(broadcast(outer, (*outer._array.shape[:-1], y[-1])))
        inside = clone(broadcast(inside, (*inside._array.shape[:-2], x[-1], y[-1])))
    return _shaped(mul(outer, inside), tuple(n * m for n, m in zip(x, y, strict=True)))


@method
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Return the cross products of the vectors of three elements along a dimension.

    Parameters
    ----------
    input, other : Tensor
        Of shapes that broadcast, with size 3 along `dim`.
    dim : int, optional
        The dimension of the vectors; the first of size 3 if there is none.

    Returns
    -------
    Tensor
        Of the broadcast shape.

    Raises
    ------
    RuntimeError
        If the shapes do not broadcast, or no dimension fits.

    Notes
    -----
    out[0] = x[1] y[2] - x[2] y[1], and so on cyclically.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.cross(minigrad.tensor([1.0, 0.0, 0.0]), minigrad.tensor([0.0, 1.0, 0.0]), 0)
    tensor([0., 0., 1.])
    """
    x, y = array_of("cross", input).shape, array_of("cross", other).shape
    if len(x) != len(y):
        raise RuntimeError(f"cross: needs tensors of equally many dimensions, got shapes {x} and {y}")
    shape = broadcast_shapes(x, y)
    if dim is None:
        dim = next((d for d, n in enumerate(shape) if n == 3), None)
        if dim is None:
            raise RuntimeError(f"cross: no dimension has size 3, got shapes {x} and {y}")
    d = normalise_dim("cross", dim, shape)
    if x[d] != 3 or y[d] != 3:
        raise RuntimeError(f"cross: needs size 3 along dim {dim}, got shapes {x} and {y}")
    a, b = unbind(input, d), unbind(other, d)
    parts = [sub(mul(a[i], b[j]), mul(a[j], b[i])) for i, j in ((1, 2), (2, 0), (0, 1))]
    return stack(parts, d)


@method
def trace(input: Tensor) -> Tensor:
    """Return the sum of a matrix's diagonal: Σ input[i, i] over i.

    Parameters
    ----------
    input : Tensor
        Of shape (n, m).

    Returns
    -------
    Tensor
        Without dimensions.

    Raises
    ------
    RuntimeError
        If `input` is not a matrix.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.trace(minigrad.eye(3))
    tensor(3.)
    """
    array = array_of("trace", input)
    if array.ndim != 2:
        raise RuntimeError(f"trace: needs a matrix, got shape {array.shape}")
    line = _diagonal(input, 0, (0, 1))
    return _sum(line, (), False) if array.dtype.kind == "f" else sum_(line)


# ----------------------------------------------------------------------------------------------------------------------
# A product and something added.


def _added(name: str, input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    """Return ``beta * input + alpha * product``; a `beta` of 0 lets no NaN of `input` through."""
    own, shape = array_of(name, input).shape, product._array.shape
    fits = own == shape or all(n in (1, m) for n, m in zip(own[::-1], shape[::-1], strict=False))
    if len(own) > len(shape) or not fits:
        raise RuntimeError(f"{name}: input of shape {own} does not broadcast to the product's shape {shape}")
    if not product.is_floating_point():
        beta, alpha = int(beta), int(alpha)
    scale = safe_mul if beta == 0 and input.is_floating_point() else mul
    addend = input if beta == 1 else scale(input, beta)
    return add(addend, product if alpha == 1 else mul(product, alpha))


@method(in_place=True)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return ``beta * input + alpha * (mat1 @ mat2)``.

    Parameters
    ----------
    input : Tensor
        Of a shape that broadcasts to (n, m).
    mat1, mat2 : Tensor
        Of shapes (n, k) and (k, m).
    beta, alpha : number, default 1
        The factors, cut to whole numbers for integers. Where `beta` is 0, `input` counts as 0 even if it is not finite.

    Returns
    -------
    Tensor
        Of shape (n, m).

    Raises
    ------
    RuntimeError
        If the sizes do not fit.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.addmm(minigrad.ones(2), minigrad.ones(1, 3), minigrad.ones(3, 2))
    tensor([[4., 4.]])
    """
    bias, b = array_of("addmm", input), array_of("addmm", mat2)
    plain = beta == 1 and alpha == 1 and bias.ndim == 1 and bias.shape == b.shape[1:]
    if plain and b.ndim == 2 and bias.dtype == b.dtype and array_of("addmm", mat1).ndim == 2 and b.size:
        return linear(mat1, _permute(mat2, (1, 0)), input)
    return _added("addmm", input, mm(mat1, mat2), beta, alpha)


@method(in_place=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return ``beta * input + alpha * (mat @ vec)``; see :func:`addmm`."""
    return _added("addmv", input, mv(mat, vec), beta, alpha)


@method(in_place=True)
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return ``beta * input + alpha * bmm(batch1, batch2)``; see :func:`addmm`."""
    return _added("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """Return the product of several matrices, multiplied in the order that takes the fewest multiplications.

    Parameters
    ----------
    tensors : sequence of Tensor
        At least two: matrices, of which the first and the last may be vectors.

    Returns
    -------
    Tensor
        The product; a vector or a number where the first or the last tensor is a vector.

    Raises
    ------
    RuntimeError
        If there are fewer than two tensors, one in between is no matrix, or inner sizes differ.

    Notes
    -----
    The order is found by dynamic programming over all ways of setting the brackets, O(n³) for n tensors (Cormen and
    others, Introduction to Algorithms, section 14.2).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.linalg.multi_dot([minigrad.ones(1, 2), minigrad.ones(2, 3), minigrad.ones(3)])
    tensor([6.])
    """
    shapes = [array_of("multi_dot", x).shape for x in tensors]
    if len(shapes) < 2:
        raise RuntimeError(f"multi_dot: needs at least two tensors, got {len(shapes)}")
    ends = (shapes[0], shapes[-1])
    if any(len(s) != 2 for s in shapes[1:-1]) or any(len(s) not in (1, 2) for s in ends):
        raise RuntimeError(f"multi_dot: needs matrices, of which the first and the last may be vectors, got {shapes}")
    matrices = list(tensors)
    if len(ends[0]) == 1:
        matrices[0] = _shaped(matrices[0], (1, *ends[0]))
    if len(ends[1]) == 1:
        matrices[-1] = _shaped(matrices[-1], (*ends[1], 1))
    sizes = [matrices[0]._array.shape[0], *(m._array.shape[1] for m in matrices)]
    out = _chain(matrices, _best_splits(sizes), 0, len(matrices) - 1)
    return _shaped(out, (*ends[0][:-1], *ends[1][1:]))


def _best_splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Return for each run of matrices i to j, of sizes[i] × sizes[i + 1] and so on, behind which one to split it."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            ways = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            split[i, j] = min(ways, key=ways.__getitem__)
            cost[i, j] = ways[split[i, j]]
    return split


def _chain(matrices: list[Tensor], split: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return matrices[i]
    k = split[i, j]
    return mm(_chain(matrices, split, i, k), _chain(matrices, split, k + 1, j))
