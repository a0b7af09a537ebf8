"""What passes over memory: each function on 512×1024 and 4096×1024 numbers, or on the former only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .tools import Function, Run, both

SHAPES = ((512, 1024), (4096, 1024))


def _functional(name: str, *more: Any) -> Callable[..., Any]:
    """Return the call of a function of nn.functional with the operands, then further arguments."""
    return lambda lib, *operands: getattr(lib.nn.functional, name)(*operands, *more)


def _unary(*names: str, operand: str = "x") -> list[Function]:
    return [Function(name, lambda lib, x, name=name: getattr(lib, name)(x), (operand,)) for name in names]


def _functionals(*names: str, operands: tuple[str, ...] = ("x", "y")) -> list[Function]:
    return [Function(name, _functional(name), operands) for name in names]


def _along(*names: str, operand: str = "x") -> list[Function]:
    """Return reductions over everything, over dim 0 and over dim 1."""
    return [f for name in names for f in (*_unary(name, operand=operand), *_dims(name, operand))]


def _dims(name: str, operand: str = "x") -> list[Function]:
    """Return the function along dim 0 and along dim 1."""
    return [
        Function(f"{name}({dim})", lambda lib, x, dim=dim: getattr(lib, name)(x, dim), (operand,)) for dim in (0, 1)
    ]


FUNCTIONS = [
    Function("add row", lambda lib, x, y: x + y, ("x", "row")),
    Function("add column", lambda lib, x, y: x + y, ("x", "column")),
    Function("mul row", lambda lib, x, y: x * y, ("x", "row")),
    Function("mul column", lambda lib, x, y: x * y, ("x", "column")),
    *_unary("exp"),
    *_unary("log", operand="positive"),
    *_unary("sin", "tanh", "sigmoid", "relu"),
    *_along("sum", "mean", "var"),
    *_along("prod", operand="near1"),
    *_along("max"),
    *_dims("cumsum"),
    *_dims("cumprod", "near1"),
    *_dims("softmax"),
    *_dims("log_softmax"),
    *_dims("logsumexp"),
    Function("index rows", lambda lib, x, i: x[i], ("x", "rows")),
    Function("gather(0)", lambda lib, x, i: lib.gather(x, 0, i), ("x", "index")),
    Function("gather(1)", lambda lib, x, i: lib.gather(x, 1, i), ("x", "places")),
    Function("scatter_add(0)", lambda lib, x, i, y: x.scatter_add(0, i, y), ("x", "index", "y")),
    Function("scatter_add(1)", lambda lib, x, i, y: x.scatter_add(1, i, y), ("x", "places", "y")),
    Function("repeat", lambda lib, x: x.repeat(2, 2)),
    Function("repeat_interleave(0)", lambda lib, x: lib.repeat_interleave(x, 2, 0)),
    Function("repeat_interleave(1)", lambda lib, x: lib.repeat_interleave(x, 2, 1)),
    Function("expand", lambda lib, x: x.expand(512, -1), ("row",)),
    Function("transpose copy", lambda lib, x: x.t().contiguous()),
    Function("cat(0)", lambda lib, x, y: lib.cat([x, y], 0), ("x", "y")),
    Function("cat(1)", lambda lib, x, y: lib.cat([x, y], 1), ("x", "y")),
    Function("where", lambda lib, c, x, y: lib.where(c, x, y), ("mask", "x", "y")),
    Function(
        "layer_norm",
        lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (x.shape[1],), w, b),
        ("x", "features", "features"),
    ),
    Function("cross_entropy", _functional("cross_entropy"), ("x", "labels")),
    Function("mse", _functional("mse_loss"), ("x", "y")),
    Function("bce with logits", _functional("binary_cross_entropy_with_logits"), ("x", "unit")),
]

# The rest of the everyday set.
EVERYDAY = [
    Function("add", lambda lib, x, y: x + y, ("x", "y")),
    Function("sub", lambda lib, x, y: x - y, ("x", "y")),
    Function("mul", lambda lib, x, y: x * y, ("x", "y")),
    Function("div", lambda lib, x, y: x / y, ("x", "positive")),
    Function("add number", lambda lib, x: x + 2.0),
    Function("mul number", lambda lib, x: x * 2.0),
    Function("number minus", lambda lib, x: 1.0 - x),
    Function("number over", lambda lib, x: 1.0 / x, ("positive",)),
    Function("add alpha", lambda lib, x, y: lib.add(x, y, alpha=0.5), ("x", "y")),
    Function("x ** 2", lambda lib, x: x**2),
    Function("x ** 3", lambda lib, x: x**3),
    Function("x ** -1", lambda lib, x: x**-1, ("positive",)),
    Function("x ** 0.5", lambda lib, x: x**0.5, ("positive",)),
    Function("x ** 2.5", lambda lib, x: x**2.5, ("positive",)),
    Function("pow", lambda lib, x, y: lib.pow(x, y), ("positive", "y")),
    Function("x > 0", lambda lib, x: x > 0, backward=False),
    Function("x == y", lambda lib, x, y: x == y, ("x", "y"), backward=False),
    Function("~mask", lambda lib, m: ~m, ("mask",), backward=False),
    Function("mask & mask", lambda lib, m: m & m, ("mask",), backward=False),
    Function("mask.float()", lambda lib, m: m.float(), ("mask",), backward=False),
    Function("x.half()", lambda lib, x: x.half(), backward=False),
    Function("x.double()", lambda lib, x: x.double(), backward=False),
    Function("x.long()", lambda lib, x: x.long(), backward=False),
    Function("x.bool()", lambda lib, x: x.bool(), backward=False),
    Function("add_", lambda lib, x, y: x.add_(y, alpha=1e-9), ("x", "y"), backward=False),
    Function("clamp_", lambda lib, x: x.clamp_(-1.0, 1.0), backward=False),
    Function("zero_", lambda lib, x: x.zero_(), backward=False),
    *_unary("abs", "neg", "sign", "square", "clone", "exp2", "expm1", "cos", "tan", "atan", "sinh", "cosh", "asinh"),
    *_unary("erf", "erfc"),
    *_unary("sqrt", "rsqrt", "reciprocal", "log1p", "log2", "log10", operand="positive"),
    *_unary("asin", "acos", "atanh", "erfinv", operand="unit"),
    *_unary("floor", "ceil", "round", "trunc", "frac"),
    Function("acosh", lambda lib, x: lib.acosh(x + 1), ("positive",)),
    Function("atan2", lambda lib, x, y: lib.atan2(x, y), ("x", "y")),
    Function("maximum", lambda lib, x, y: lib.maximum(x, y), ("x", "y")),
    Function("minimum", lambda lib, x, y: lib.minimum(x, y), ("x", "y")),
    Function("hypot", lambda lib, x, y: lib.hypot(x, y), ("x", "y")),
    Function("logaddexp", lambda lib, x, y: lib.logaddexp(x, y), ("x", "y")),
    Function("xlogy", lambda lib, x, y: lib.xlogy(x, y), ("x", "positive")),
    Function("fmod", lambda lib, x: lib.fmod(x, 0.7)),
    Function("remainder", lambda lib, x: lib.remainder(x, 0.7)),
    Function("floor_divide", lambda lib, x, y: x // y, ("x", "positive"), backward=False),
    *[
        Function(name, lambda lib, x, y, name=name: getattr(lib, name)(x, y), ("x", "y"))
        for name in ("fmax", "copysign")
    ],
    Function("clamp", lambda lib, x: lib.clamp(x, -0.5, 0.5)),
    Function("clamp_min", lambda lib, x: lib.clamp(x, min=0.0)),
    Function("lerp", lambda lib, x, y: lib.lerp(x, y, 0.3), ("x", "y")),
    Function("addcmul", lambda lib, x, y, z: lib.addcmul(x, y, z, value=0.5), ("x", "y", "unit")),
    Function("addcdiv", lambda lib, x, y, z: lib.addcdiv(x, y, z, value=0.5), ("x", "y", "positive")),
    Function("nan_to_num", lambda lib, x: lib.nan_to_num(x)),
    Function("masked_fill", lambda lib, x, m: x.masked_fill(m, 0.0), ("x", "mask")),
    Function("isnan", lambda lib, x: lib.isnan(x), backward=False),
    *_functionals("relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish", operands=("x",)),
    *_functionals("hardtanh", "hardsigmoid", "hardswish", "softplus", "softsign", operands=("x",)),
    *_functionals("tanhshrink", "softshrink", "hardshrink", "logsigmoid", operands=("x",)),
    Function("gelu tanh", lambda lib, x: lib.nn.functional.gelu(x, approximate="tanh")),
    Function("threshold", _functional("threshold", 0.1, 0.0)),
    Function("prelu", _functional("prelu"), ("x", "features")),
    Function("glu", _functional("glu")),
    Function("dropout", _functional("dropout", 0.5)),
    *_unary("std", "norm", "nansum", "nanmean"),
    Function("std_mean(1)", lambda lib, x: lib.std_mean(x, 1)),
    Function("sum of mask", lambda lib, m: m.sum(), ("mask",), backward=False),
    Function("sum(0) of mask", lambda lib, m: m.sum(0), ("mask",), backward=False),
    Function("softmax(1) of x.t()", lambda lib, x: lib.softmax(x.t(), 1)),
    Function("logsumexp(1) of x.t()", lambda lib, x: lib.logsumexp(x.t(), 1)),
    Function("einsum of rows", lambda lib, x, y: lib.einsum("ij,ij->i", x, y), ("x", "y")),
    *[
        f
        for name in ("std", "amax", "amin", "min", "nansum", "nanmean", "median", "cummax", "logcumsumexp", "sort")
        for f in _dims(name)
    ],
    *[f._replace(backward=False) for name in ("argmax", "argmin", "any", "count_nonzero") for f in _dims(name)],
    Function("norm(1)", lambda lib, x: lib.linalg.vector_norm(x, dim=1)),
    Function("norm(0)", lambda lib, x: lib.linalg.vector_norm(x, dim=0)),
    Function("topk", lambda lib, x: lib.topk(x, 10, 1)),
    Function("kthvalue", lambda lib, x: lib.kthvalue(x, 10, 1)),
    Function("argsort", lambda lib, x: lib.argsort(x, 1), backward=False),
    Function("unique", lambda lib, i: lib.unique(i), ("labels",), backward=False),
    Function("nonzero", lambda lib, m: lib.nonzero(m), ("mask",), backward=False),
    Function("searchsorted", lambda lib, s, x: lib.searchsorted(s, x), ("sorted", "x"), backward=False),
    Function("bucketize", lambda lib, x, s: lib.bucketize(x, s), ("x", "sorted"), backward=False),
    Function("bincount", lambda lib, i: lib.bincount(i), ("labels",), backward=False),
    Function("one_hot", lambda lib, i: lib.nn.functional.one_hot(i, 1024), ("labels",), backward=False),
    Function("embedding", lambda lib, i, w: lib.nn.functional.embedding(i, w), ("rows", "x")),
    Function("flip(0)", lambda lib, x: x.flip(0)),
    Function("flip(1)", lambda lib, x: x.flip(1)),
    Function("roll", lambda lib, x: lib.roll(x, 3, 1)),
    Function("stack", lambda lib, x, y: lib.stack([x, y]), ("x", "y")),
    Function("stack(2)", lambda lib, x, y: lib.stack([x, y], 2), ("x", "y")),
    Function("heads permuted", lambda lib, x: x.reshape(8, 64, 32, 32).permute(0, 2, 1, 3).contiguous()),
    Function("x.t().reshape(-1)", lambda lib, x: x.t().reshape(-1)),
    Function("stack of unbind", lambda lib, x: lib.stack(x.unbind(0))),
    Function("chunk and cat", lambda lib, x: lib.cat(x.chunk(4, 1), 0)),
    Function("tril", lambda lib, x: lib.tril(x)),
    Function("triu", lambda lib, x: lib.triu(x)),
    Function("diff", lambda lib, x: lib.diff(x)),
    Function("pad", _functional("pad", (1, 1))),
    Function("pad with 1", _functional("pad", (1, 1), "constant", 1.0)),
    Function("x[:, ::2] + y[:, ::2]", lambda lib, x, y: x[:, ::2] + y[:, ::2], ("x", "y")),
    Function("x[::2] copy", lambda lib, x: x[::2].contiguous()),
    Function("x[:, ::2] copy", lambda lib, x: x[:, ::2].contiguous()),
    Function("x[mask]", lambda lib, x, m: x[m], ("x", "mask")),
    Function("index_select(1)", lambda lib, x, i: lib.index_select(x, 1, i), ("x", "rows")),
    Function("scatter(0)", lambda lib, x, i, y: x.scatter(0, i, y), ("x", "index", "y")),
    Function("scatter(1)", lambda lib, x, i, y: x.scatter(1, i, y), ("x", "places", "y")),
    Function("index_add", lambda lib, x, i, y: x.index_add(0, i, y), ("x", "rows", "y")),
    Function("take", lambda lib, x, i: lib.take(x, i), ("x", "index")),
    Function("take_along_dim", lambda lib, x, i: lib.take_along_dim(x, i, 1), ("x", "places")),
    Function("index_select(0)", lambda lib, x, i: lib.index_select(x, 0, i), ("x", "rows")),
    Function("x[i, j]", lambda lib, x, i, j: x[i, j], ("x", "rows", "labels")),
    *[
        Function(
            f"scatter_reduce {how}", lambda lib, x, i, y, how=how: x.scatter_reduce(1, i, y, how), ("x", "places", "y")
        )
        for how in ("mean", "amax")
    ],
    Function("masked_scatter", lambda lib, x, m, y: x.masked_scatter(m, y), ("x", "mask", "y")),
    Function("copy_ of y.t()", lambda lib, x, y: x.reshape(1024, 512).copy_(y.t()), ("x", "y"), backward=False),
    Function("diagonal", lambda lib, x: lib.diagonal(x)),
    Function("trace", lambda lib, x: lib.trace(x)),
    Function("rot90", lambda lib, x: lib.rot90(x), backward=False),
    Function("windows", lambda lib, x: x.unfold(1, 4, 2).contiguous()),
    Function("einsum to a number", lambda lib, x, y: lib.einsum("ij,ij->", x, y), ("x", "y")),
    Function("einsum with a vector", lambda lib, x, v: lib.einsum("ij,j->i", x, v), ("x", "features")),
    Function("tensordot", lambda lib, x, y: lib.tensordot(x, y, 2), ("x", "y")),
    Function("arange", lambda lib, x: lib.arange(0.0, 524288.0), backward=False),
    Function("linspace", lambda lib, x: lib.linspace(0.0, 1.0, 524288), backward=False),
    Function("equal", lambda lib, x, y: lib.equal(x, y.clone()), ("x", "x"), backward=False),
    *_functionals("l1_loss", "smooth_l1_loss", "huber_loss"),
    Function("soft_margin_loss", lambda lib, x, y: lib.nn.functional.soft_margin_loss(x, y), ("x", "signs")),
    Function("nll", _functional("nll_loss"), ("x", "labels")),
    Function("bce", _functional("binary_cross_entropy"), ("unit", "unit")),
    Function("kl_div", _functional("kl_div"), ("x", "unit")),
    Function("cosine_similarity", _functional("cosine_similarity"), ("x", "y")),
    Function("normalize", _functional("normalize")),
    Function("rms_norm", lambda lib, x, w: lib.nn.functional.rms_norm(x, (x.shape[1],), w), ("x", "features")),
    Function("group_norm", _functional("group_norm", 8)),
    Function(
        "batch_norm of channels",
        lambda lib, x: lib.nn.functional.batch_norm(x.reshape(8, 64, 1024), None, None, training=True),
    ),
    Function(
        "batch_norm",
        lambda lib, x, w, b: lib.nn.functional.batch_norm(x, None, None, w, b, training=True),
        ("x", "features", "features"),
    ),
    Function("cross_entropy of probabilities", _functional("cross_entropy"), ("x", "unit")),
]


def cases() -> dict[str, Callable[[str], Run]]:
    """Return the cases of the group kernels by name."""
    return {name: case for shape in SHAPES for name, case in both("kernels", FUNCTIONS, shape)}


def everyday_cases() -> dict[str, Callable[[str], Run]]:
    """Return the cases of the group everyday by name."""
    return dict(both("everyday", EVERYDAY, SHAPES[0]))
