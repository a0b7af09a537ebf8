"""Operands of drawn shapes: for every differentiable primitive, as many calls as one likes.

The elementwise rows (`unary`, `binary`) say by themselves how their operands are drawn. Reductions, scans and the like take
operands of one shape and attributes that go by their names. All others stand in the table at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad
import minigrad.utils.checkpoint
from minigrad.primitive import Primitive, registry

from .case import FLOAT64, Array, Draw, Drawn, Shape, apart, between, nonzero, normal, shaped

Call = tuple[tuple[Any, ...], tuple[Any, ...]]


def any_shape(draw: Draw, least: int = 0) -> Shape:
    """Return a shape of `least` to 4 dimensions: empty, of one element, odd."""
    ndim = int(draw.integers(least, 5))
    sizes = draw.choice([0, 1, 1, 2, 2, 3, 3, 5], ndim)
    return tuple(int(n) for n in sizes) if np.prod(sizes) <= 60 else tuple(int(min(n, 2)) for n in sizes)


def broadcastable(draw: Draw, count: int) -> list[Shape]:
    """Return shapes that broadcast with each other."""
    full = any_shape(draw)
    shapes = []
    for _ in range(count):
        shape = tuple(1 if draw.random() < 0.2 else n for n in full)
        shapes.append(shape[int(draw.integers(0, len(shape) + 1)) if draw.random() < 0.3 else 0 :])
    return shapes


def subset(draw: Draw, ndim: int) -> tuple[int, ...]:
    return tuple(d for d in range(ndim) if draw.random() < 0.6)


def laid_out(draw: Draw, x: Array) -> Array:
    """Return an array with the elements of `x` that lies in memory as it happens: transposed, sliced, reversed."""
    order = draw.permutation(x.ndim)
    steps = draw.choice([-2, -1, 1, 1, 2], x.ndim)
    memory = np.zeros([x.shape[d] * abs(steps[d]) for d in order])
    out = memory.transpose(np.argsort(order))[(..., *(slice(None, None, int(s)) for s in steps))]
    out[...] = x
    return out


# ----------------------------------------------------------------------------------------------------------------------
# By the names of the attributes.


def flag(draw: Draw, *_: Any) -> bool:
    return bool(draw.random() < 0.5)


BY_NAME: dict[str, Callable[[Draw, Shape, dict[str, Any]], Any]] = {
    "dim": lambda draw, shape, _: int(draw.integers(0, len(shape))),
    "dims": lambda draw, shape, _: subset(draw, len(shape)),
    "keepdim": flag,
    "reverse": flag,
    "exclusive": flag,
    "correction": lambda *_: 0.0,
    "p": lambda draw, *_: float(draw.choice([1.0, 2.0, 2.5, 3.0])),
    "by": lambda draw, *_: int(draw.choice([-1, 1])),
}


#: Of no elements, these are infinite, not a number, or an error.
NEED_ELEMENTS = {"amax", "amin", "logsumexp", "mean", "norm", "var_mean", "max_with_index", "min_with_index", "mode"}


def of_one_shape(p: Primitive) -> Callable[[Draw], Call] | None:
    """Return what draws a call whose operands have one shape, if the attributes' names say how."""
    if not p.attributes or any(name not in BY_NAME for name in p.attributes):
        return None

    def call(draw: Draw) -> Call:
        shape = any_shape(draw, least="dim" in p.attributes)
        chosen: dict[str, Any] = {}
        for name in p.attributes:
            chosen[name] = BY_NAME[name](draw, shape, chosen)
        if p.name in NEED_ELEMENTS:  # along what is reduced; dims () are all
            reduced = (chosen["dim"],) if "dim" in chosen else chosen["dims"] or range(len(shape))
            shape = tuple(max(n, 1) if d in reduced else n for d, n in enumerate(shape))
        return tuple(normal(draw, shape) for _ in p.inputs), tuple(chosen.values())

    return call


# ----------------------------------------------------------------------------------------------------------------------
# All others.


def nonempty(draw: Draw, least: int = 1) -> Shape:
    return tuple(max(n, 1) for n in any_shape(draw, least))


def part(draw: Draw) -> Call:
    shape = any_shape(draw)
    kept = tuple(1 if draw.random() < 0.5 else n for n in shape)
    return (normal(draw, kept), normal(draw, shape), nonzero(draw, kept)), ()


def tall(draw: Draw) -> Call:
    *batch, m, n = any_shape(draw, least=2)
    return (normal(draw, (*batch, max(m, n), n)),), ()


def matmul(draw: Draw) -> Call:
    m, k, n = (int(x) for x in draw.choice([0, 1, 2, 3, 5], 3))
    a, b = broadcastable(draw, 2)
    return (normal(draw, (*a[-2:], m, k)), normal(draw, (*b[-2:], k, n))), ()


def rows_apart(*, weights: str = "") -> Callable[[Draw], Call]:
    """Return what draws two matrices with rows of one length, behind weights (n, m) or (n, d)."""

    def make(draw: Draw) -> Call:
        n, m, d = (int(x) for x in draw.choice([0, 1, 2, 3, 5], 3))
        x, y = broadcastable(draw, 2)
        operands = [normal(draw, (*x[-2:], n, d)), normal(draw, (*y[-2:], m, d))]
        if weights:
            operands.insert(0, normal(draw, (n, m if weights == "m" else d)))
        return tuple(operands), (float(draw.choice([1, 2])),)

    return make


def linear(draw: Draw) -> Call:
    m, k, n = (int(x) for x in draw.choice([0, 1, 2, 3, 5], 3))
    return (normal(draw, (m, k)), normal(draw, (n, k)), normal(draw, (n,))), ()


def lined(draw: Draw) -> tuple[Shape, int]:
    """Return a shape and a dim along which there are elements."""
    shape = any_shape(draw, least=1)
    dim = int(draw.integers(0, len(shape)))
    return (*shape[:dim], max(shape[dim], 1), *shape[dim + 1 :]), dim


def along(draw: Draw) -> tuple[Shape, Array, int]:
    """Return a shape, indices along one of its dims, and that dim."""
    shape, dim = lined(draw)
    counts = tuple(
        int(draw.integers(0, 4)) if d == dim else int(draw.integers(min(n, 1), n + 1)) for d, n in enumerate(shape)
    )
    return shape, draw.integers(0, shape[dim], counts), dim


def gather(draw: Draw) -> Call:
    shape, index, dim = along(draw)
    return (normal(draw, shape), index), (dim,)


def scatter_add(draw: Draw) -> Call:
    shape, index, dim = along(draw)
    return (normal(draw, index.shape), index), (shape, dim)


def scatter(draw: Draw) -> Call:
    shape, index, dim = along(draw)
    return (normal(draw, shape), normal(draw, index.shape), index), (dim,)


def scatter_shares(draw: Draw) -> Call:
    shape, dim = lined(draw)
    x, src = draw.integers(0, 3, shape).astype(float), draw.integers(0, 3, shape).astype(float)
    return (normal(draw, shape), x, src, draw.integers(0, shape[dim], shape), np.maximum(x, 1.0)), (dim,)


def rows(draw: Draw) -> tuple[Shape, Array]:
    first, *rest = any_shape(draw, least=1)
    return (max(first, 1), *rest), draw.integers(0, max(first, 1), any_shape(draw)[-2:])


def index_rows(draw: Draw) -> Call:
    shape, index = rows(draw)
    return (normal(draw, shape), index), ()


def index_rows_add(draw: Draw) -> Call:
    shape, index = rows(draw)
    return (normal(draw, (*index.shape, *shape[1:])), index), (shape[0],)


def add_rows(draw: Draw) -> Call:
    shape, index = rows(draw)
    count = int(draw.integers(1, 4))
    factor = normal(draw, (index.size,)) if draw.integers(0, 2) else 1
    return (normal(draw, shape), draw.integers(0, count, index.size), index.reshape(-1), factor), (count,)


def key_of(draw: Draw, shape: Shape) -> tuple[Any, ...]:
    key: list[Any] = []
    for n in shape:
        choice = draw.integers(0, 4)
        if choice == 0 and n:
            key.append(int(draw.integers(0, n)))
        elif choice == 1:
            key += [None, slice(None)]
        else:
            key.append(slice(int(draw.integers(0, n + 1)), None, int(draw.integers(1, 3))))
    return tuple(key)


def index(draw: Draw) -> Call:
    shape = any_shape(draw)
    return (normal(draw, shape),), ((*key_of(draw, shape), ...),)  # a view, even of one element


def unindex(draw: Draw) -> Call:
    shape = any_shape(draw)
    key = (*key_of(draw, shape), ...)
    return (normal(draw, np.empty(shape)[key].shape),), (key, shape)


def overwrite(draw: Draw) -> Call:
    shape = any_shape(draw)
    key = (*key_of(draw, shape), ...)
    return (normal(draw, shape), normal(draw, np.empty(shape)[key].shape)), ((None, registry["index"], (key,)),)


def reshape(draw: Draw) -> Call:
    shape = any_shape(draw)
    count = int(np.prod(shape))
    return (normal(draw, shape),), ((count, 1) if draw.random() < 0.5 else (1, count),)


def permute(draw: Draw) -> Call:
    shape = any_shape(draw)
    return (normal(draw, shape),), (tuple(int(d) for d in draw.permutation(len(shape))),)


def expand(draw: Draw) -> Call:
    shape, full = broadcastable(draw, 2)
    return (normal(draw, shape),), (np.broadcast_shapes(shape, full),)


def sum_to(draw: Draw) -> Call:
    (shape,), (full,) = expand(draw)
    return (normal(draw, full),), (shape.shape,)


def product_sum_to(draw: Draw) -> Call:
    (x,), (shape,) = sum_to(draw)
    return (x, normal(draw, x.shape)), (shape,)


def matrix_transpose(draw: Draw) -> Call:
    return (normal(draw, any_shape(draw, least=2)),), ()


def labels(draw: Draw) -> tuple[int, int, Array, tuple[int, float, int]]:
    n, classes = (int(x) for x in draw.integers(1, 5, 2))
    return n, classes, draw.integers(0, classes, n), (-100, float(draw.choice([0.0, 0.1])), int(draw.integers(0, 3)))


def cross_entropy(draw: Draw) -> Call:
    n, classes, target, options = labels(draw)
    return (normal(draw, (n, classes)), target), options


def cross_entropy_grad(draw: Draw) -> Call:
    n, classes, target, options = labels(draw)
    g = normal(draw, () if options[2] else (n,))
    return (g, between(0.1, 1)(draw, (n, classes)), target), options


def likelihoods(draw: Draw) -> tuple[tuple[int, ...], Array, Array, tuple[int, int]]:
    n, classes, target, (ignored, _, reduction) = labels(draw)
    d = int(draw.integers(1, 4))
    shape = (n, classes, d) if draw.integers(2) else (n, classes)
    target = np.repeat(target, d) if len(shape) == 3 else target
    return shape, normal(draw, (classes,) if draw.integers(2) else ()), target, (ignored, reduction)


def nll_loss(draw: Draw) -> Call:
    shape, weight, target, options = likelihoods(draw)
    return (normal(draw, shape), weight, target), options


def nll_loss_grad(draw: Draw) -> Call:
    shape, weight, target, options = likelihoods(draw)
    return (normal(draw, () if options[1] else target.shape), weight, target), (*options, shape)


def cast(draw: Draw) -> Call:
    return (normal(draw, any_shape(draw)),), (FLOAT64, FLOAT64)


def gather_last(draw: Draw) -> Call:
    (src, index_), (_, dim) = scatter_add(draw)
    return (normal(draw, tuple(max(n, 1 + int(index_.max(initial=0))) for n in src.shape)), index_), (dim,)


def share_ties(draw: Draw) -> Call:
    shape = nonempty(draw)
    dims = subset(draw, len(shape)) or (0,)
    x = draw.integers(0, 3, shape).astype(float)
    result = x.max(dims, keepdims=True)
    return (normal(draw, result.shape), x, result), (dims,)


def product_of_others(draw: Draw) -> Call:
    shape = any_shape(draw, least=1)
    dim = int(draw.integers(0, len(shape)))
    return (normal(draw, (*shape[:dim], 1, *shape[dim + 1 :])), normal(draw, shape)), (dim,)


def halved(draw: Draw) -> tuple[Shape, Array, int]:
    """Return a shape, an operand twice as long along one of its dims, and that dim."""
    shape = any_shape(draw, least=1)
    dim = int(draw.integers(0, len(shape)))
    return shape, normal(draw, (*shape[:dim], 2 * shape[dim], *shape[dim + 1 :])), dim


def glu(draw: Draw) -> Call:
    _, x, dim = halved(draw)
    return (x,), (dim,)


def glu_grad(draw: Draw) -> Call:
    shape, x, dim = halved(draw)
    return (normal(draw, shape), x), (dim,)


def clamp_grad(draw: Draw) -> Call:
    (x, lower, upper), _ = elements(normal, between(-1, 0), between(0, 1))(draw)
    g = normal(draw, np.broadcast_shapes(x.shape, lower.shape, upper.shape))
    return (g, x, lower, upper), (int(draw.integers(0, 3)),)


def elements(*operands: Drawn, numbers: tuple[float, ...] = ()) -> Callable[[Draw], Call]:
    """Return what draws operands that broadcast, with numbers behind them."""

    def call(draw: Draw) -> Call:
        shapes = broadcastable(draw, len(operands))
        return (*(f(draw, shape) for f, shape in zip(operands, shapes, strict=True)), *numbers), ()

    return call


def prod(draw: Draw) -> Call:
    shape = any_shape(draw, least=1)
    return (normal(draw, shape),), ((int(draw.integers(0, len(shape))),), flag(draw))


def pow_number(draw: Draw) -> Call:
    return (between(0.5, 2)(draw, any_shape(draw)),), (float(draw.choice([-2.0, -0.5, 0.0, 1.0, 2.0, 3.0, 2.5])),)


def power_of_base(draw: Draw) -> Call:
    return (normal(draw, any_shape(draw)),), (float(draw.choice([0.5, 1.0, 2.0, 10.0])),)


def pointwise_loss(
    *operands: Drawn, cotangent: bool = False, options: tuple[float, ...] = ()
) -> Callable[[Draw], Call]:
    """Return what draws a loss of each element or reduced, or its gradient, of operands of one shape."""

    def call(draw: Draw) -> Call:
        shape, reduction = nonempty(draw, 0), int(draw.integers(0, 3))
        g = [normal(draw, () if reduction else shape)] if cotangent else []
        return (*g, *(f(draw, shape) for f in operands)), (reduction, *options)

    return call


def diagonal(draw: Draw) -> Call:
    shape = any_shape(draw, least=2)
    dims = tuple(int(d) for d in draw.permutation(len(shape))[:2])
    return (normal(draw, shape),), (int(draw.integers(-2, 3)), dims)


def undiagonal(draw: Draw) -> Call:
    (x,), (offset, dims) = diagonal(draw)
    return (normal(draw, np.diagonal(x, offset, *dims).shape),), (x.shape, offset, dims)


def unfold(draw: Draw) -> Call:
    shape, dim = lined(draw)
    return (normal(draw, shape),), (dim, int(draw.integers(1, shape[dim] + 1)), int(draw.integers(1, 3)))


def fold_windows(draw: Draw) -> Call:
    (x,), (dim, size, step) = unfold(draw)
    count = (x.shape[dim] - size) // step + 1
    shape = (*x.shape[:dim], count, *x.shape[dim + 1 :], size)
    return (normal(draw, shape),), (dim, x.shape[dim], step)


def roll(draw: Draw) -> Call:
    shape = any_shape(draw, least=1)
    dims = subset(draw, len(shape)) or (0,)
    return (normal(draw, shape),), (tuple(int(n) for n in draw.integers(-4, 5, len(dims))), dims)


def border(draw: Draw) -> Call:
    shape = (1, int(draw.integers(1, 4)), int(draw.integers(2, 5)))
    sizes = (*draw.integers(0, shape[2], 2), *draw.integers(0, shape[1], 2))
    return (normal(draw, shape),), (tuple(map(int, sizes)), int(draw.integers(3)))


def round_to(draw: Draw) -> Call:
    return (normal(draw, any_shape(draw)),), (int(draw.choice([-1, 1, 2])),)


def triangle(draw: Draw) -> Call:
    return (normal(draw, any_shape(draw, least=2)),), (int(draw.integers(-3, 4)), flag(draw))


def line(draw: Draw) -> tuple[tuple[Any, ...], int, int]:
    """Return an operand, a dim and how many elements lie along it."""
    shape, dim = lined(draw)
    return (apart(draw, shape),), dim, shape[dim]


def sort(draw: Draw) -> Call:
    x, dim, _ = line(draw)
    return x, (dim, flag(draw))


def topk(draw: Draw) -> Call:
    x, dim, n = line(draw)
    return x, (int(draw.integers(0, n + 1)), dim, flag(draw), True)


def kthvalue(draw: Draw) -> Call:
    x, dim, n = line(draw)
    return x, (int(draw.integers(1, n + 1)), dim)


def median(draw: Draw) -> Call:
    x, dim, _ = line(draw)
    return x, (dim, flag(draw))


def median_of_all(draw: Draw) -> Call:
    return (apart(draw, (int(draw.integers(1, 9)),)),), (0, flag(draw))


def standardized(operands: int, vectors: int, moments: bool = True) -> Callable[[Draw], Call]:
    """Return what draws arrays (n, c, ...), vectors with an element for each channel, moments, and how they go together."""

    def call(draw: Draw) -> Call:
        n, each, *rest = (int(n) for n in draw.integers(2, 5, draw.integers(2, 5)))
        parts, groups = int(draw.integers(1, 3)), int(draw.integers(0, 2))
        groups *= parts
        shape = (n, each * parts, *rest)
        arrays = (normal(draw, shape) for _ in range(operands))
        columns = (normal(draw, shape[1:2]) for _ in range(vectors))
        lines = [f(draw, (n * groups or shape[1],)) for f in (normal, between(0.5, 2)) if moments]
        return (*arrays, *columns, *lines), (0.01, groups, flag(draw))

    return call


share = between(0.1, 0.9)

OTHERS: dict[str, Callable[[Draw], Call]] = {
    "addcdiv": elements(normal, normal, nonzero, numbers=(0.7,)),
    "addcmul": elements(normal, normal, normal, numbers=(0.7,)),
    "clamp": elements(normal, between(-1, 0), between(0, 1)),
    "clamp_grad": clamp_grad,
    "deviation": elements(normal, normal, normal),
    "exp_difference": elements(normal, normal, between(2, 3)),
    "gather_last": gather_last,
    "glu": glu,
    "glu_grad": glu_grad,
    "lerp": elements(normal, normal, normal),
    "safe_product": elements(normal, normal, normal),
    "safe_quotient": elements(normal, normal, normal),
    "nan_to_num": elements(normal, numbers=(0.0, 9.0, -9.0)),
    "share_ties": share_ties,
    "border": border,
    "cast": cast,
    "cross_entropy": cross_entropy,
    "cross_entropy_grad": cross_entropy_grad,
    "nll_loss": nll_loss,
    "nll_loss_grad": nll_loss_grad,
    "expand": expand,
    "gather": gather,
    "index": index,
    "index_rows": index_rows,
    "index_rows_add": index_rows_add,
    "add_rows": add_rows,
    "linear": linear,
    "matmul": matmul,
    "matrix_transpose": matrix_transpose,
    "overwrite": overwrite,
    "part": part,
    "permute": permute,
    "pow_number": pow_number,
    "power_of_base": power_of_base,
    "prelu": elements(normal, normal, normal),
    "prod": prod,
    "product_of_others": product_of_others,
    "reshape": reshape,
    "scatter": scatter,
    "scatter_add": scatter_add,
    "scatter_amax": scatter,
    "scatter_amin": scatter,
    "scatter_others": scatter,
    "scatter_product": scatter,
    "scatter_shares": scatter_shares,
    "scatter_sum": scatter,
    "sum_to": sum_to,
    "product_sum_to": product_sum_to,
    "binary_cross_entropy": pointwise_loss(share, share),
    "binary_cross_entropy_grad": pointwise_loss(share, share, cotangent=True),
    "binary_cross_entropy_target_grad": pointwise_loss(share, share, cotangent=True),
    "binary_cross_entropy_with_logits": pointwise_loss(normal, share),
    "binary_cross_entropy_with_logits_grad": pointwise_loss(normal, share, cotangent=True),
    "diagonal": diagonal,
    "fold_windows": fold_windows,
    "huber_loss": pointwise_loss(normal, normal, options=(0.5,)),
    "huber_loss_grad": pointwise_loss(normal, normal, cotangent=True, options=(0.5,)),
    "kthvalue": kthvalue,
    "l1_loss": pointwise_loss(normal, normal),
    "l1_loss_grad": pointwise_loss(normal, normal, cotangent=True),
    "median": median,
    "median_of_all": median_of_all,
    "mse_loss": pointwise_loss(normal, normal),
    "mse_loss_grad": pointwise_loss(normal, normal, cotangent=True),
    "roll": roll,
    "round_to": round_to,
    "smooth_l1_loss": pointwise_loss(normal, normal, options=(0.5,)),
    "smooth_l1_loss_grad": pointwise_loss(normal, normal, cotangent=True, options=(0.5,)),
    "cdist": rows_apart(),
    "cdist_pull": rows_apart(weights="m"),
    "cdist_push": rows_apart(weights="d"),
    "singular_values": tall,
    "sort": sort,
    "standardize": standardized(1, 2, moments=False),
    "standardize_given": standardized(1, 2),
    "standardize_grad": standardized(2, 1),
    "topk": topk,
    "triangle": triangle,
    "undiagonal": undiagonal,
    "unfold": unfold,
    "unindex": unindex,
    "where": elements(lambda draw, shape: normal(draw, shape) > 0, normal, normal),
}


def elementwise(name: str) -> Callable[[Draw], Call]:
    operands, attributes = shaped[name]
    return lambda draw: (
        tuple(f(draw, s) for f, s in zip(operands, broadcastable(draw, len(operands)), strict=True)),
        attributes,
    )


def call_of(name: str) -> Callable[[Draw], Call] | None:
    """Return what draws calls of a primitive; None where nobody has said how."""
    if name in OTHERS:
        return OTHERS[name]
    return elementwise(name) if name in shaped else of_one_shape(registry[name])


# ----------------------------------------------------------------------------------------------------------------------
# What is no primitive, because it has any number of operands or results: a function and its operands. Sines give it a
# second derivative.

Joined = tuple[Callable[..., Any], list[Array]]


def joined(draw: Draw) -> Joined:
    shape, count = any_shape(draw, least=1), int(draw.integers(1, 5))
    dim = int(draw.integers(0, len(shape)))
    sizes = [int(draw.integers(0, 4)) for _ in range(count)]
    xs = [normal(draw, (*shape[:dim], n, *shape[dim + 1 :])) for n in sizes]
    negative = dim - len(shape)
    return lambda *ts: minigrad.cat([t.sin() for t in ts], negative), xs


def stacked(draw: Draw) -> Joined:
    shape = any_shape(draw)
    dim = int(draw.integers(0, len(shape) + 1))
    xs = [normal(draw, shape) for _ in range(int(draw.integers(1, 5)))]
    return lambda *ts: minigrad.stack([t.sin() for t in ts], dim), xs


def parted(part: Callable[[Any, int, Draw], tuple[Any, ...]]) -> Callable[[Draw], Joined]:
    """Return what draws a tensor of which one or two parts are used, and the others are not."""

    def call(draw: Draw) -> Joined:
        (shape, dim), seed = lined(draw), int(draw.integers(1 << 30))

        def function(x: Any) -> Any:
            again = np.random.default_rng(seed)
            parts = part(x.sin(), dim, again)
            first, second = (parts[int(k)] for k in again.integers(0, len(parts), 2))
            return minigrad.cat([first.reshape(-1), second.exp().reshape(-1)])

        return function, [normal(draw, shape)]

    return call


class Cube(minigrad.autograd.Function):
    """An operation that a user wrote, in both modes."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (x,) = ctx.saved_tensors
        return grads[0] * x * x * 3.0

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        (x,) = ctx.saved_tensors
        return tangents[0] * x * x * 3.0


JOINING: dict[str, Callable[[Draw], Joined]] = {
    "cat": joined,
    "stack": stacked,
    "split": parted(lambda x, dim, draw: x.split(int(draw.integers(1, 4)), dim)),
    "tensor_split": parted(lambda x, dim, draw: x.tensor_split(int(draw.integers(1, 4)), dim)),
    "unbind": parted(lambda x, dim, _: x.unbind(dim)),
    "Function": lambda draw: (Cube.apply, [normal(draw, any_shape(draw))]),
    "checkpoint": lambda draw: (
        lambda x: minigrad.utils.checkpoint.checkpoint(lambda y: (y.exp() * y).sin(), x, use_reentrant=False),
        [normal(draw, any_shape(draw))],
    ),
}
