"""What each kernel is called with for its digest in ``tests/golden.json``.

A kernel's signature says most of it: elementwise functions get numbers of every size, other kernels operands of several
shapes with every combination of settings. Kernels whose operands belong together have a line of their own. Operands are
drawn by what is the same on every machine: bits, and uniform numbers from bits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import minigrad
from minigrad import _core
from minigrad.primitive import ELEMENTWISE, registry

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Arguments = tuple[Any, ...]
Kernels = Mapping[str, Any]

SHAPES: list[Shape] = [(1, 1), (7,), (3, 70), (70, 3), (67, 190), (5, 4, 33), (2000, 9), (9, 2000), (30011,)]
MATRICES = [shape for shape in SHAPES if len(shape) == 2]
# Shapes of channels, and in how many groups.
CHANNELS = [
    ((4, 6, 70), 0),
    ((4, 6, 70), 3),
    ((70, 5, 3, 3), 0),
    ((70, 5, 3, 3), 5),
    ((2, 2, 1500), 0),
    ((2, 2, 1500), 1),
]
PRODUCTS = [
    (1, 1, 1), (3, 5, 7), (1, 300, 40), (33, 700, 1), (3, 9000, 1), (17, 260, 65), (64, 784, 10), (130, 513, 140),
    (1, 1024, 1024),
]  # fmt: skip
CODES = {np.float32: minigrad.float32.code, np.float64: minigrad.float64.code}
SPECIAL = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 20.0, 88.8, 710.0, 5e-324, 1e-40, 1e-30, 1e22, 1e300, math.inf, math.nan]

#: Kernels that only move or compare elements or count them, and those of integers: nothing is rounded.
EXACT = {
    "bincount", "border", "cat", "full", "gather", "gather_last", "gcd", "index_rows", "lcm", "linear_index", "nonzero",
    "occurrence", "run_count", "run_numbers", "runs", "searchsorted", "shift", "sort_rows", "triangle", "triangle_indices", "unslice", "unstride",
    *(f"bitwise_{what}" for what in ("not", "and", "or", "xor", "left_shift", "right_shift")),
}  # fmt: skip

#: Functions of one argument that are a kernel with some setting.
SETTINGS: dict[str, Callable[[Kernels, Array], Array]] = {
    "celu": lambda k, x: k["elu"](x, 2.0, 1.0, 0.5),
    "elu": lambda k, x: k["elu"](x, 1.0, 1.0, 1.0),
    "selu": lambda k, x: k["elu"](x, 1.6732632423543772 * 1.0507009873554805, 1.0507009873554805, 1.0),
    "softplus": lambda k, x: k["softplus"](x, 1.0, 20.0),
    "logsigmoid": lambda k, x: k["softplus"](x, -1.0, math.inf),
    "leaky_relu": lambda k, x: k["broken_line"](x, 0.0, 0.0, 0.01, 0.01, 1.0, 0.0),
    "hardtanh": lambda k, x: k["broken_line"](x, -1.0, 1.0, 0.0, 1.0, 0.0, 0.0),
    "hardsigmoid": lambda k, x: k["broken_line"](x, -3.0, 3.0, 0.0, 1 / 6, 0.0, 3.0),
    "softshrink": lambda k, x: k["broken_line"](x, -0.5, 0.5, 1.0, 0.0, 1.0, 0.0),
    "reciprocal": lambda k, x: k["div"](1.0, x),
    "cube": lambda k, x: k["pow"](x, 3.0),
    "two to a power": lambda k, x: k["pow"](2.0, x),
    "power 2.5": lambda k, x: k["pow"](x, 2.5),
}

#: The same of several arguments.
SEVERAL_SETTINGS: dict[str, list[Arguments]] = {
    "clamp_grad": [(0,), (1,), (2,)],
    "cut": [(-0.5, 0.5, 0.25)],
    "elu_grad": [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)],
    "softplus_grad": [(1.0, 20.0), (-1.0, math.inf)],
    "broken_line_grad": [(-1.0, 1.0, 0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 0.01, 0.01, 1.0, 0.0)],
}

#: Operands of kernels that are not for all numbers: the total of what is added up is no less than a part of it.
DOMAINS: dict[str, Callable[..., Arguments]] = {
    "exp_difference": lambda g, x, total: (g, x, np.maximum(x, total)),
}

#: What a kernel's attributes are set to, by their names; `dim`, `dims` and `k` depend on the operands' shape.
ATTRIBUTES: dict[str, list[Any]] = {
    "correction": [0.0, 1.0],
    "p": [0.0, 1.0, 2.0, 2.5, math.inf],
    "sorted": [True],
    "keepdim": [False],
    **{key: [False, True] for key in ["reverse", "exclusive", "descending", "largest", "skip_nan"]},
}

#: An optimiser's settings, by their names; what is not here is remembered from step to step.
RATES = {
    "lr": 1e-2, "momentum": 0.9, "dampening": 0.0, "weight_decay": 1e-2, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
    "momentum_decay": 4e-3, "lr_decay": 1e-2, "rho": 0.9, "alpha": 0.99, "eta_minus": 0.5, "eta_plus": 1.2,
    "least": 1e-6, "most": 50.0,
}  # fmt: skip
STEPS = 3  # of an optimiser
STREAMS = [(np.array(key), np.array(offset)) for key, offset in [(0, 0), (3, 5), (1 << 40, 999)]]  # of random numbers


def drawn(shape: Shape, dtype: Any, seed: int = 0) -> Array:
    """Return uniform numbers between -2 and 2."""
    return np.random.default_rng([seed, *shape]).uniform(-2, 2, shape).astype(dtype)


def between_0_and_1(shape: Shape, dtype: Any, seed: int = 0) -> Array:
    """Return probabilities."""
    return (drawn(shape, dtype, seed) / 4 + 0.5).astype(dtype)


def places(shape: Shape, size: int) -> Array:
    """Return integers from 0 to below size, many of them several times."""
    return np.random.default_rng(list(shape)).integers(0, size, shape)


# ---- Elementwise functions -------------------------------------------------------------------------------------------


def _elementwise() -> Iterator[Any]:
    used = {p.run.name for p in registry.values() if p.structure is ELEMENTWISE and isinstance(p.run, _core.Kernel)}
    return (kernel for name, kernel in _core.kernels.items() if name in used - EXACT)


def _plain(name: str) -> Callable[[Kernels, Array], Array]:
    return lambda kernels, x: kernels[name](x)


#: Functions of one argument: of the kernels of an instruction set, and an array.
FUNCTIONS = SETTINGS | {k.name: _plain(k.name) for k in _elementwise() if len(k.inputs) == 1 and not k.attributes}
#: Kernels that compute one element from several.
SEVERAL = [k.name for k in _elementwise() if len(k.inputs) > 1]


def of_any_size(dtype: Any, seed: int, count: int = 1 << 15) -> Array:
    """Return numbers of all exponents, then ordinary ones."""
    size = np.dtype(dtype).itemsize
    bits = np.random.default_rng(seed).integers(0, 1 << 8 * size, count, f"u{size}")
    return np.concatenate([bits.view(dtype), drawn((count,), dtype, seed)])


def of_several(name: str) -> Iterator[Arguments]:
    """Yield special operands, each with each, and drawn ones."""
    kernel = _core.kernels[name]
    with np.errstate(over="ignore"):
        for dtype in (np.float32, np.float64):
            special = np.array([sign * x for x in SPECIAL for sign in (1, -1)]).astype(dtype)
            grid = [x.ravel() for x in np.meshgrid(*[special] * min(2, len(kernel.inputs)))]
            for operands in (
                [grid[i % 2] for i in range(len(kernel.inputs))],
                [of_any_size(dtype, i) for i in range(len(kernel.inputs))],
            ):
                typed = [x > 0 if t == "b" else x for t, x in zip(kernel.types, operands, strict=True)]
                typed = DOMAINS.get(name, lambda *whole: whole)(*typed)
                yield from ((*typed, *settings) for settings in SEVERAL_SETTINGS.get(name, [()]))


# ---- Kernels whose operands have one shape ---------------------------------------------------------------------------


def each_and_all(shape: Shape) -> list[Shape]:
    """Return each dim alone, then all of them."""
    return [*((d,) for d in range(len(shape))), tuple(range(len(shape)))]


def of_one_shape(kernel: Any, dtype: Any) -> Iterator[Arguments]:
    """Yield operands of several shapes with every combination of attributes."""
    for shape in SHAPES:
        operands = [drawn(shape, dtype, seed) for seed in range(len(kernel.inputs))]
        choices = {**ATTRIBUTES, "dim": range(len(shape)), "dims": each_and_all(shape), "k": [min(shape) // 2 + 1]}
        for attributes in itertools.product(*[choices[name] for name in kernel.attributes]):
            yield (*operands, *attributes)


# ---- Kernels whose operands belong together --------------------------------------------------------------------------


def _products(dtype: Any) -> Iterator[Arguments]:
    for m, k, n in PRODUCTS:
        yield drawn((m, k), dtype), drawn((k, n), dtype)
        yield drawn((k, m), dtype).T, drawn((n, k), dtype).T


def _products_and_batches(dtype: Any) -> Iterator[Arguments]:
    yield from _products(dtype)
    yield drawn((4, 1, 9, 30), dtype), drawn((1, 3, 30, 12), dtype)


def _layers(dtype: Any) -> Iterator[Arguments]:
    for a, b in _products(dtype):
        yield from ((a, b.T, drawn(b.shape[1:], dtype), activation) for activation in (0, 1))


def _sums_to(dtype: Any) -> Iterator[Arguments]:
    for shape in SHAPES:
        yield drawn(shape, dtype), shape[-1:]
        yield drawn(shape, dtype), (*shape[:-1], 1)


def _product_sums_to(dtype: Any) -> Iterator[Arguments]:
    yield from ((x, drawn(x.shape[::-1], dtype).T, shape) for x, shape in _sums_to(dtype))


def _ties(dtype: Any) -> Iterator[Arguments]:
    for shape in SHAPES:
        x = places(shape, 3).astype(dtype)
        for dims in each_and_all(shape):
            best = x.max(dims, keepdims=True)
            yield drawn(best.shape, dtype), x, best, dims


def _lines_of_factors(dtype: Any) -> Iterator[Arguments]:
    for shape in SHAPES:
        for dim in range(len(shape)):
            g = drawn((*shape[:dim], 1, *shape[dim + 1 :]), dtype)
            yield g, (1 + drawn(shape, dtype, 1) / 64).astype(dtype), dim


def _classes(operand: Callable[..., Array], cotangent: bool) -> Callable[[Any], Iterator[Arguments]]:
    def calls(dtype: Any) -> Iterator[Arguments]:
        for (n, classes), reduction, smoothing in itertools.product(MATRICES, (0, 1, 2), (0.0, 0.1)):
            g = [drawn(() if reduction else (n,), dtype)] if cotangent else []
            yield (*g, operand((n, classes), dtype), places((n,), classes), 1, smoothing, reduction)

    return calls


def _likelihoods(cotangent: bool) -> Callable[[Any], Iterator[Arguments]]:
    def calls(dtype: Any) -> Iterator[Arguments]:
        for (n, classes), reduction, d in itertools.product(MATRICES, (0, 1, 2), (1, 3)):
            shape, weight = ((n, classes, d), (classes,)) if d > 1 else ((n, classes), ())
            given = drawn((() if reduction else (n * d,)) if cotangent else shape, dtype)
            weights = drawn(weight, dtype, 1) if weight else np.ones((), dtype)
            yield given, weights, places((n * d,), classes), 1, reduction, *([shape] if cotangent else [])

    return calls


def _pairs(
    *operands: Callable[..., Array], cotangent: bool = False, settings: Arguments = ()
) -> Callable[[Any], Iterator[Arguments]]:
    def calls(dtype: Any) -> Iterator[Arguments]:
        for shape, reduction in itertools.product(SHAPES, (0, 1, 2)):
            g = [drawn(() if reduction else shape, dtype, 9)] if cotangent else []
            yield (*g, *(f(shape, dtype, i) for i, f in enumerate(operands)), reduction, *settings)

    return calls


def _standardized(arrays: int, vectors: int, moments: bool = False) -> Callable[[Any], Iterator[Arguments]]:
    def calls(dtype: Any) -> Iterator[Arguments]:
        forms = [(shape, groups) for shape in MATRICES for groups in (0, 1)]
        for (shape, groups), centred in itertools.product((*forms, *CHANNELS), (False, True)):
            operands = [drawn(shape, dtype, seed) for seed in range(arrays)]
            lines = (shape[0] * groups or shape[1],)
            given = [drawn(lines, dtype, 7), between_0_and_1(lines, dtype, 8)] if moments else []
            yield (*operands, *[drawn(shape[1:2], dtype, 9)] * vectors, *given, 1e-5, groups, centred)

    return calls


def _scattered(dtype: Any) -> Iterator[Arguments]:
    for shape, mode in itertools.product(MATRICES, range(4)):
        yield drawn(shape, dtype), drawn(shape, dtype, 1), places(shape, shape[0]), 0, mode


def _scattered_back(dtype: Any) -> Iterator[Arguments]:
    for shape, dim in itertools.product(MATRICES, (0, 1)):
        yield drawn(shape, dtype), drawn(shape, dtype, 1), places(shape, shape[dim]), dim


def _shared_among_scattered(dtype: Any) -> Iterator[Arguments]:
    for x, src, index, dim in _scattered_back(dtype):
        yield drawn(x.shape, dtype, 2), np.round(x), np.round(src), index, np.maximum(np.round(x), 1), dim


def _scattered_on_zeros(dtype: Any) -> Iterator[Arguments]:
    for shape, dim in itertools.product(MATRICES, (0, 1)):
        yield drawn(shape, dtype), places(shape, shape[dim]), shape, dim


def _added_rows(dtype: Any) -> Iterator[Arguments]:
    return ((drawn(shape, dtype), places(shape[:1], 5), 5) for shape in SHAPES)


def _added_rows_of(dtype: Any) -> Iterator[Arguments]:
    for shape in SHAPES:
        for factor in (1, drawn(shape[:1], dtype)):
            yield drawn(shape, dtype), places(shape[:1], 5), places(shape[:1], shape[0]), factor, 5


def _folded(dtype: Any) -> Iterator[Arguments]:
    return ((drawn((8, size), dtype), 0, 7 * 2 + size, 2) for size in (3, 40))


def _places_of_extremes(dtype: Any) -> Iterator[Arguments]:
    for shape in SHAPES:
        yield from ((places(shape, 9).astype(dtype), dims, False) for dims in [(), *((d,) for d in range(len(shape)))])


def _converted(dtype: Any) -> Iterator[Arguments]:
    x = of_any_size(dtype, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        half = x.astype(np.float16)
    yield from ((x, code) for code in (*CODES.values(), minigrad.float16.code))
    yield half, CODES[dtype]


def _tall(dtype: Any) -> Iterator[Arguments]:
    return ((drawn(shape, dtype),) for shape in [(3, 3), (20, 7), (33, 33)])


def _distances(dtype: Any, weights: int | None = None) -> Iterator[Arguments]:
    for (n, d), p in itertools.product(MATRICES, (1.0, 2.0)):
        w = () if weights is None else (drawn((n, (n + 1, d)[weights]), dtype, 2),)
        yield *w, drawn((n, d), dtype), drawn((n + 1, d), dtype, 1), p


def _floats(dtype: Any) -> Iterator[Arguments]:
    return ((*at, (1000,), CODES[dtype]) for at in STREAMS)


def _integers(_: Any) -> Iterator[Arguments]:
    return ((*at, -2, 5, (1000,)) for at in STREAMS)


def _ramps(dtype: Any) -> Iterator[Arguments]:
    return ((-0.3, 1.7, 2.0 / (n - 1), (n,), CODES[dtype], near) for n in (7, 1001) for near in (n // 2, n))


def _permutations(_: Any) -> Iterator[Arguments]:
    return ((*at, 1000) for at in STREAMS)


def _halved(dtype: Any, cotangent: bool) -> Iterator[Arguments]:
    for shape in SHAPES:
        for dim in range(len(shape)):
            x = drawn((*shape[:dim], 2 * shape[dim], *shape[dim + 1 :]), dtype)
            yield *([drawn(shape, dtype, 1)] if cotangent else []), x, dim


TOGETHER: dict[str, Callable[[Any], Iterator[Arguments]]] = {
    "matmul": _products_and_batches,
    "linear": _layers,
    "sum_to": _sums_to,
    "product_sum_to": _product_sums_to,
    "share_ties": _ties,
    "product_of_others": _lines_of_factors,
    "cross_entropy": _classes(drawn, cotangent=False),
    "cross_entropy_grad": _classes(between_0_and_1, cotangent=True),
    "nll_loss": _likelihoods(cotangent=False),
    "nll_loss_grad": _likelihoods(cotangent=True),
    **{
        f"{name}_loss{grad}": _pairs(drawn, drawn, cotangent=bool(grad), settings=settings)
        for name, settings in (("mse", ()), ("l1", ()), ("smooth_l1", (0.7,)), ("huber", (0.7,)))
        for grad in ("", "_grad")
    },
    **{
        f"binary_cross_entropy{kind}{grad}": _pairs(operand, between_0_and_1, cotangent=bool(grad))
        for kind, operand in (("", between_0_and_1), ("_with_logits", drawn))
        for grad in ("", "_grad")
    },
    "binary_cross_entropy_target_grad": _pairs(between_0_and_1, between_0_and_1, cotangent=True),
    "standardize": _standardized(1, 2),
    "standardize_given": _standardized(1, 2, moments=True),
    "standardize_grad": _standardized(2, 1, moments=True),
    "standardize_sums": _standardized(2, 0, moments=True),
    "standardize_grads": _standardized(2, 1, moments=True),
    "scatter": _scattered,
    "scatter_add": _scattered_on_zeros,
    "scatter_others": _scattered_back,
    "scatter_shares": _shared_among_scattered,
    "glu": lambda dtype: _halved(dtype, cotangent=False),
    "glu_grad": lambda dtype: _halved(dtype, cotangent=True),
    "index_rows_add": _added_rows,
    "add_rows": _added_rows_of,
    "fold": _folded,
    "cast": _converted,
    "cdist": _distances,
    "cdist_pull": lambda dtype: _distances(dtype, 0),
    "cdist_push": lambda dtype: _distances(dtype, 1),
    "singular_values": _tall,
    "uniform": _floats,
    "normal": _floats,
    "randint": _integers,
    "permutation": _permutations,
    "ramp": _ramps,
    "argmax": _places_of_extremes,
    "argmin": _places_of_extremes,
}


# ---- Optimisers ------------------------------------------------------------------------------------------------------


def is_optimiser(kernel: Any) -> bool:
    """Tell whether a kernel steps through lists of parameters in place."""
    return "params" in kernel.inputs


def of_optimiser(kernel: Any, dtype: Any) -> Iterator[Arguments]:
    """Yield parameters, gradients, what is remembered and settings; the parameters come first."""
    for flags in itertools.product((False, True), repeat=len(kernel.attributes)):
        inputs = [_optimised(name, seed, dtype) for seed, name in enumerate(kernel.inputs)]
        yield (*inputs, *flags)


def _optimised(name: str, seed: int, dtype: Any) -> Any:
    if name in RATES:
        return RATES[name]
    if name in {"steps", "mu_products"}:
        return [np.full((), 0.0 if name == "steps" else 1.0) for _ in SHAPES]
    if name in {"params", "grads"}:
        return [drawn(shape, dtype, seed) for shape in SHAPES]
    return [between_0_and_1(shape, dtype, seed) for shape in SHAPES]


def arguments(name: str) -> Iterator[tuple[Any, ...]]:
    """Yield what a kernel that is no elementwise function is called with."""
    kernel = _core.kernels[name]
    for dtype in (np.float32, np.float64):
        if is_optimiser(kernel):
            yield from of_optimiser(kernel, dtype)
        else:
            yield from TOGETHER[name](dtype) if name in TOGETHER else of_one_shape(kernel, dtype)


#: All other kernels.
OTHERS = [k.name for k in _core.kernels.values() if k.name not in {*EXACT, *(e.name for e in _elementwise())}]
