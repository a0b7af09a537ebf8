"""The singular points of every operation: kinks, ties, zeros, infinities, NaN. One row an operation.

`tools/write_reference.py` runs the rows and writes `docs/singular-points.md`; `tests/test_singular_points.py` holds the
column `PYTORCH`, which says where PyTorch gives something else, against PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf, nan
from typing import Any, NamedTuple

Point = tuple[Any, ...]

#: What is left of terms that cancel.
ROUNDING = 1e-12


class Row(NamedTuple):
    """An operation and where it is looked at.

    Attributes
    ----------
    section, operation : str
        Under which heading it stands, and what it is called there.
    call : callable
        Takes a library, minigrad or torch, and tensors; returns a tensor.
    points : tuple
        For each point the inputs: numbers, or lists for vectors.
    """

    section: str
    operation: str
    call: Callable[..., Any]
    points: tuple[Point, ...]


def shown(value: Any) -> str:
    """Return a number, a list or a tuple of them with six digits; what is smaller than `ROUNDING` is 0."""
    if isinstance(value, tuple):
        return "; ".join(map(shown, value))
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return f"{0 if abs(value) < ROUNDING else value:.6g}"


def find(lib: Any, name: str) -> Callable[..., Any]:
    """Return a function of a library, or of its nn.functional."""
    function: Callable[..., Any] = getattr(lib, name, None) or getattr(lib.nn.functional, name)
    return function


def unary(section: str, name: str, *kinks: float, **settings: Any) -> Row:
    """Make the row of a function of one element: infinities, 0 and NaN beside its own points."""
    points = sorted({-inf, 0.0, inf, *kinks})
    options = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    return Row(
        section,
        f"{name}({options})" if options else name,
        lambda lib, x: find(lib, name)(x, **settings),
        tuple((x,) for x in [*points, nan]),
    )


def of(section: str, operation: str, call: Callable[..., Any], *points: Any) -> Row:
    """Make a row of several operands (points are tuples), of a vector (lists), or of a number."""
    return Row(section, operation, call, tuple(p if isinstance(p, tuple) else (p,) for p in points))


def binary(name: str, *points: Point) -> Row:
    """Make the row of a function of two elements."""
    return of("Two operands", name, lambda lib, x, y: find(lib, name)(x, y), *points)


# ---- Functions of one element ----------------------------------------------------------------------------------------

#: With the points at which they differ from their neighbours, beside 0.
ELEMENTWISE: dict[str, tuple[float, ...]] = {
    "neg": (), "abs": (-0.0,), "sign": (), "square": (), "sqrt": (-1,), "rsqrt": (-1,), "reciprocal": (),
    "exp": (1000,), "exp2": (), "expm1": (), "log": (-1,), "log1p": (-1,), "log2": (), "log10": (),
    "sin": (), "cos": (), "tan": (), "asin": (-1, 1, 2), "acos": (-1, 1, 2), "atan": (),
    "sinh": (), "cosh": (), "tanh": (), "asinh": (), "acosh": (1,), "atanh": (-1, 1),
    "erf": (), "erfc": (), "erfinv": (-1, 1), "sinc": (), "sigmoid": (-1000, 1000), "nan_to_num": (),
    "floor": (1,), "ceil": (1,), "round": (0.5,), "trunc": (1,), "frac": (1,),
}  # fmt: skip
ACTIVATIONS: dict[str, tuple[float, ...]] = {
    "relu": (), "relu6": (6,), "leaky_relu": (), "elu": (), "celu": (), "selu": (), "gelu": (), "silu": (), "mish": (),
    "hardtanh": (-1, 1), "hardsigmoid": (-3, 3), "hardswish": (-3, 3), "softplus": (20,), "softsign": (),
    "tanhshrink": (), "softshrink": (-0.5, 0.5), "hardshrink": (-0.5, 0.5), "logsigmoid": (-1000, 1000),
}  # fmt: skip
POWERS = (0, 1, 2, 0.5, -1)


def elementwise() -> Iterator[Row]:
    """Yield the functions of one element."""
    for name, kinks in ELEMENTWISE.items():
        yield unary("One operand", name, *kinks)
    for exponent in POWERS:
        yield of("One operand", f"x ** {exponent}", lambda lib, x, p=exponent: x**p, -inf, -1.0, 0.0, inf, nan)
    yield of("One operand", "0 ** x", lambda lib, x: 0.0**x, -1.0, 0.0, 1.0, 2.0, inf, nan)
    for name, kinks in ACTIVATIONS.items():
        yield unary("Activations", name, *kinks)
    yield unary("Activations", "gelu", approximate="tanh")
    yield unary("Activations", "threshold", 1, threshold=1.0, value=0.0)
    yield unary("Bounds", "clamp", -1, 1, min=-1.0, max=1.0)
    yield unary("Bounds", "clamp", 1, min=1.0)


# ---- Several operands ------------------------------------------------------------------------------------------------

PAIRS = ((1.0, 1.0), (0.0, 0.0), (inf, inf), (nan, 1.0), (1.0, nan))


def pairs() -> Iterator[Row]:
    """Yield the functions of two elements."""
    yield of("Two operands", "x * y", lambda lib, x, y: x * y, (0.0, inf), (0.0, nan), (inf, 1.0))
    quotients = ((1.0, 0.0), (0.0, 0.0), (-1.0, 0.0), (1.0, inf), (inf, inf), (nan, 1.0))
    yield of("Two operands", "x / y", lambda lib, x, y: x / y, *quotients)
    powers = ((0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (0.0, 0.5), (0.0, -1.0), (-1.0, 2.0), (1.0, nan), (nan, 0.0))
    yield of("Two operands", "x ** y", lambda lib, x, y: x**y, *powers, (inf, 0.0), (0.0, inf))
    for name in ("maximum", "minimum", "fmax", "fmin"):
        yield binary(name, *PAIRS)
    yield binary("atan2", (0.0, 0.0), (0.0, -1.0), (0.0, 1.0), (inf, inf), (nan, 1.0))
    yield binary("hypot", (0.0, 0.0), (0.0, 1.0), (inf, 1.0), (inf, nan), (nan, 1.0))
    yield binary("xlogy", (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (0.0, inf), (0.0, nan), (nan, 1.0))
    yield binary("logaddexp", (-inf, -inf), (inf, inf), (-inf, 0.0), (inf, 0.0), (nan, 0.0))
    yield binary("fmod", (6.0, 2.0), (5.0, 0.0), (1.0, inf), (inf, 2.0))
    yield binary("remainder", (6.0, 2.0), (5.0, 0.0), (1.0, inf), (inf, 2.0))
    yield binary("copysign", (0.0, -1.0), (1.0, 0.0), (nan, 1.0))
    bounds = ((1.0, 1.0, 2.0), (2.0, 1.0, 2.0), (1.0, 1.0, 1.0), (1.5, 2.0, 1.0), (nan, 0.0, 1.0))
    yield of("Bounds", "clamp(x, low, high)", lambda lib, x, low, high: lib.clamp(x, low, high), *bounds)


def branches() -> Iterator[Row]:
    """Yield selections in whose branch not taken something infinite or NaN stands."""
    section = "Branches not taken"
    zero: Any = lambda lib, x: lib.zeros_like(x)
    yield of(section, "where(x > 0, log(x), 0)", lambda lib, x: lib.where(x > 0, lib.log(x), zero(lib, x)), -1.0, 0.0)
    yield of(
        section, "where(x > 0, x * log(x), 0)", lambda lib, x: lib.where(x > 0, x * lib.log(x), zero(lib, x)), -1.0, 0.0
    )
    yield of(section, "where(x > 0, sqrt(x), 0)", lambda lib, x: lib.where(x > 0, lib.sqrt(x), zero(lib, x)), -1.0, 0.0)
    yield of(
        section, "where(x != 0, sin(x) / x, 1)", lambda lib, x: lib.where(x != 0, lib.sin(x) / x, zero(lib, x) + 1), 0.0
    )
    yield of(section, "where(x < 9, exp(x), 0)", lambda lib, x: lib.where(x < 9, lib.exp(x), zero(lib, x)), 1000.0, inf)
    yield of(section, "where(x == x, x, 0)", lambda lib, x: lib.where(x == x, x, zero(lib, x)), nan, inf)  # noqa: PLR0124
    yield of(section, "masked_fill(1 / x, x == 0, 0)", lambda lib, x: lib.masked_fill(1 / x, x == 0, 0.0), 0.0)
    yield of(section, "maximum of sqrt(x) and x + 1", lambda lib, x: lib.maximum(lib.sqrt(x), x + 1), 0.0)
    yield of(section, "hardswish(sqrt(x) - 4)", lambda lib, x: lib.nn.functional.hardswish(lib.sqrt(x) - 4), 0.0)
    for name in ("amax", "max"):
        yield of(
            section,
            f"{name} of sqrt(x) and x + 1",
            lambda lib, x, f=name: find(lib, f)(lib.stack([lib.sqrt(x), x + 1])),
            0.0,
        )


# ---- Vectors ---------------------------------------------------------------------------------------------------------

PRODUCTS = ([2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [0.0, inf, 2.0], [0.0, nan, 2.0], [])
TIES = ([1.0, 3.0, 3.0], [1.0, 1.0, 1.0], [inf, inf, 0.0], [1.0, nan, nan], [])
EXPONENTS = ([-inf, -inf], [-inf, 0.0], [inf, 0.0], [inf, inf], [nan, 0.0], [])


def vectors() -> Iterator[Row]:
    """Yield what goes over a vector: products, the greatest and least, exponentials, norms."""
    for name in ("prod", "cumprod"):
        yield of("Products", name, lambda lib, x, f=name: find(lib, f)(x, 0), *PRODUCTS)
    yield of("Sums", "sum", lambda lib, x: lib.sum(x), [], [inf, -inf], [nan, 1.0])
    yield of("Sums", "mean", lambda lib, x: lib.mean(x), [], [inf, -inf], [nan, 1.0])
    yield of("Sums", "nansum", lambda lib, x: lib.nansum(x), [], [nan, nan], [nan, 1.0])
    yield of("Sums", "nanmean", lambda lib, x: lib.nanmean(x), [], [nan, nan], [nan, 1.0])
    yield of("Sums", "cumsum", lambda lib, x: lib.cumsum(x, 0), [], [inf, 1.0], [nan, 1.0])
    for name in ("var", "std"):
        yield of("Sums", name, lambda lib, x, f=name: find(lib, f)(x), [], [1.0], [1.0, 1.0], [inf, 1.0], [nan, 1.0])
    for name in ("logsumexp", "logcumsumexp", "softmax", "log_softmax"):
        yield of("Exponentials", name, lambda lib, x, f=name: find(lib, f)(x, 0), *EXPONENTS)


def ties() -> Iterator[Row]:
    """Yield what chooses among elements."""
    section = "Ties"
    for name in ("max", "min"):
        yield of(section, name, lambda lib, x, f=name: find(lib, f)(x), *TIES)
        yield of(section, f"{name}(dim)", lambda lib, x, f=name: find(lib, f)(x, 0)[0], *TIES)
        yield of(section, f"a{name}", lambda lib, x, f=name: find(lib, "a" + f)(x, 0), *TIES)
    few = ([1.0, 1.0, 3.0], [3.0, 1.0, 3.0], [1.0, nan, 1.0])
    yield of(section, "sort", lambda lib, x: lib.sort(x, stable=True)[0] * lib.tensor([1.0, 2.0, 4.0]), *few)
    yield of(section, "median", lambda lib, x: lib.median(x), [1.0, 1.0, 3.0], [1.0, 3.0], [1.0, nan, 1.0], [])
    yield of(section, "median(dim)", lambda lib, x: lib.median(x, 0)[0], [1.0, 3.0, 3.0], [1.0, 3.0], [1.0, nan, 1.0])
    yield of(section, "kthvalue(2)", lambda lib, x: lib.kthvalue(x, 2)[0], *few)
    yield of(section, "mode", lambda lib, x: lib.mode(x)[0], *few)
    yield of(section, "nanmedian", lambda lib, x: lib.nanmedian(x), [1.0, 3.0, 1.0], [1.0, nan, 3.0], [nan, nan])
    yield of(section, "aminmax", lambda lib, x: lib.stack(tuple(lib.aminmax(x))), *TIES[:3])
    yield of(section, "topk(2)", lambda lib, x: lib.topk(x, 2)[0], [1.0, 3.0, 3.0], [1.0, nan, 3.0])
    for name in ("cummax", "cummin"):
        yield of(section, name, lambda lib, x, f=name: find(lib, f)(x, 0)[0], [1.0, 3.0, 3.0], [3.0, 1.0, 1.0], [])


def norms() -> Iterator[Row]:
    """Yield norms and distances."""
    lengths = ([0.0, 0.0], [0.0, -3.0], [3.0, 3.0], [inf, 1.0], [nan, 1.0], [])
    for p in (0, 0.5, 1, 2, 3, inf, -inf):
        yield of("Norms and distances", f"norm(p={p:g})", lambda lib, x, p=p: lib.norm(x, p), *lengths)
    both = (([0.0, 0.0], [0.0, 0.0]), ([0.0, 0.0], [1.0, 0.0]), ([1.0, 2.0], [1.0, 2.0]))
    for name in ("cosine_similarity", "pairwise_distance"):
        dim = {"dim": 0} if name == "cosine_similarity" else {}
        yield of("Norms and distances", name, lambda lib, x, y, f=name, d=dim: find(lib, f)(x, y, **d), *both)
    yield of(
        "Norms and distances", "normalize", lambda lib, x: lib.nn.functional.normalize(x, dim=0), [0.0, 0.0], [0.0, 2.0]
    )


def losses() -> Iterator[Row]:
    """Yield the losses at their kinks."""
    section = "Losses, for a target of 1"

    def loss(name: str, *points: Any) -> Row:
        return of(section, name, lambda lib, x: getattr(lib.nn.functional, name)(x, lib.ones_like(x)), *points)

    yield loss("l1_loss", [1.0], [inf], [nan])
    yield loss("smooth_l1_loss", [1.0], [0.0], [2.0], [inf])
    yield loss("huber_loss", [1.0], [0.0], [2.0], [inf])
    yield loss("mse_loss", [1.0], [inf])
    yield loss("binary_cross_entropy", [0.0], [1.0])
    yield loss("binary_cross_entropy_with_logits", [-inf], [-1000.0], [0.0], [1000.0], [inf])
    yield loss("hinge_embedding_loss", [0.0])
    yield loss("soft_margin_loss", [-1000.0], [0.0], [1000.0])
    target: Any = lambda lib: lib.tensor(0)
    logits = ([0.0, 0.0], [-inf, 0.0], [0.0, -inf], [0.0, 1000.0], [inf, 0.0])
    yield of("Losses, for class 0", "cross_entropy", lambda lib, x: find(lib, "cross_entropy")(x, target(lib)), *logits)


def further() -> Iterator[Row]:
    """Yield what scales, rounds or scatters, and further losses."""
    f: Any = lambda lib: lib.nn.functional
    section = "Normalisation"
    rows = ([2.0, 2.0], [0.0, 0.0], [inf, 1.0], [nan, 1.0])
    yield of(section, "layer_norm", lambda lib, x: f(lib).layer_norm(x, (2,)), *rows)
    yield of(section, "rms_norm", lambda lib, x: f(lib).rms_norm(x, (2,)), *rows)
    yield of(section, "batch_norm", lambda lib, x: f(lib).batch_norm(x, None, None, training=True), [[2.0], [2.0]])
    section = "Two operands"
    yield binary("prelu", ([0.0], [0.5]), ([-inf], [0.5]), ([-inf], [0.0]), ([nan], [0.5]))
    yield of(section, "addcdiv(1, x, y)", lambda lib, x, y: lib.addcdiv(lib.ones_like(x), x, y), (1.0, inf), (0.0, 0.0))
    yield of(section, "lerp(x, y, 0.5)", lambda lib, x, y: lib.lerp(x, y, 0.5), (inf, 1.0), (inf, -inf), (nan, 1.0))
    for mode in ("floor", "trunc"):
        name = f"div(x, y, rounding_mode={mode!r})"
        yield of(section, name, lambda lib, x, y, m=mode: lib.div(x, y, rounding_mode=m), (6.0, 2.0), (1.0, 0.0))
    section = "Scatters"
    values = ([1.0, 3.0], [3.0, 3.0]), ([0.0, 2.0], [0.0, 5.0]), ([nan, 2.0], [1.0, 2.0])
    for how in ("prod", "amax", "amin", "mean"):
        yield of(
            section,
            f"scatter_reduce({how!r}) to place 0",
            lambda lib, x, y, h=how: lib.scatter_reduce(x, 0, lib.tensor([0, 0]), y, h),
            *values,
        )
    for how in ("amax", "amin"):
        yield of(
            section,
            f"scatter_reduce({how!r}, include_self=False)",
            lambda lib, x, y, h=how: lib.scatter_reduce(x, 0, lib.tensor([0, 0]), y, h, include_self=False),
            ([3.0, 1.0], [3.0, 3.0]),
            ([3.0, 1.0], [1.0, 2.0]),
            ([1.0, 1.0], [1.0, 1.0]),
        )
    section = "Losses"
    yield of(
        section,
        "kl_div",
        lambda lib, x, y: f(lib).kl_div(x, y, reduction="sum"),
        ([-1.0], [0.0]),
        ([-inf], [0.0]),
        ([-inf], [0.5]),
    )
    yield of(
        section, "poisson_nll_loss", lambda lib, x: f(lib).poisson_nll_loss(x, lib.ones_like(x)), [-inf], [0.0], [inf]
    )
    yield of(
        section,
        "gaussian_nll_loss",
        lambda lib, x, v: f(lib).gaussian_nll_loss(x, lib.ones_like(x), v),
        ([1.0], [0.0]),
        ([2.0], [0.0]),
        ([inf], [1.0]),
    )
    yield of(
        section,
        "margin_ranking_loss",
        lambda lib, x, y: f(lib).margin_ranking_loss(x, y, lib.ones_like(x), margin=1.0),
        ([1.0], [0.0]),
        ([0.0], [0.0]),
    )
    yield of(
        section,
        "triplet_margin_loss",
        lambda lib, x, y: f(lib).triplet_margin_loss(x, y, y + 1.0, margin=1.0, eps=0.0),
        ([[0.0, 0.0]], [[0.0, 0.0]]),
        ([[1.0, 0.0]], [[0.0, 0.0]]),
    )
    yield of(
        section,
        "multi_margin_loss, class 0",
        lambda lib, x: f(lib).multi_margin_loss(x, lib.tensor([0])),
        [[1.0, 0.0]],
        [[0.0, 0.0]],
        [[inf, 0.0]],
    )


ROWS = [*elementwise(), *pairs(), *branches(), *vectors(), *ties(), *norms(), *losses(), *further()]

# ---- PyTorch ---------------------------------------------------------------------------------------------------------

#: Where PyTorch 2.13 gives something else: for an operation and a point, which columns, and what stands there.
NAN_AT_INFINITY = {
    "-inf": "value nan, vjp nan, jvp nan, second nan, jvp of jvp nan",
    "inf": "vjp nan, jvp nan, second nan, jvp of jvp nan",
}
PYTORCH: dict[str, dict[str, str]] = {
    "atan": {"-inf": "second nan, jvp of jvp nan", "inf": "second nan, jvp of jvp nan"},
    "asinh": {"-inf": "second nan, jvp of jvp nan", "inf": "second nan, jvp of jvp nan"},
    "acosh": {"-inf": "second nan, jvp of jvp nan", "0": "jvp of jvp nan", "inf": "second nan, jvp of jvp nan"},
    "atanh": {"-inf": "second nan, jvp of jvp nan", "inf": "second nan, jvp of jvp nan"},
    "erf": {"-inf": "second nan, jvp of jvp nan", "inf": "second nan, jvp of jvp nan"},
    "erfc": {"-inf": "second nan, jvp of jvp nan", "inf": "second nan, jvp of jvp nan"},
    "sinc": {"0": "second nan, jvp of jvp 0"},
    "0 ** x": {"0": "second nan", "1": "second nan", "2": "second nan", "inf": "second nan"},
    "gelu": NAN_AT_INFINITY,
    "silu": NAN_AT_INFINITY,
    "mish": NAN_AT_INFINITY,
    "hardsigmoid": {
        "-inf": "second an error, jvp of jvp an error",
        "-3": "second an error, jvp of jvp an error",
        "0": "second an error, jvp of jvp an error",
        "3": "second an error, jvp of jvp an error",
        "inf": "second an error, jvp of jvp an error",
        "nan": "vjp 0, jvp 0, second an error, jvp of jvp an error",
    },
    "hardswish": {"-inf": "value nan", "nan": "vjp 1, jvp 1"},
    "softplus": {"20": "second 0, jvp of jvp 0"},
    "softshrink": {"nan": "vjp 1, jvp 1"},
    "softsign": {
        "-inf": "value nan, vjp nan, jvp nan, second nan, jvp of jvp nan",
        "inf": "value nan, vjp nan, jvp nan, second nan, jvp of jvp nan",
    },
    "gelu(approximate='tanh')": NAN_AT_INFINITY,
    "x / y": {"1; 0": "jvp -inf, jvp of jvp inf"},
    "x ** y": {
        "0; 0": "second nan; nan",
        "0; 1": "second nan; nan, jvp of jvp 1",
        "0; 2": "second nan; nan",
        "0; 0.5": "second nan; nan, jvp of jvp nan",
        "1; nan": "second nan; nan",
        "inf; 0": "second 0; nan",
        "0; inf": "vjp nan; 0, jvp nan, second nan; nan, jvp of jvp nan",
    },
    "maximum": {"nan; 1": "jvp 1", "1; nan": "jvp 1"},
    "minimum": {"nan; 1": "jvp 1", "1; nan": "jvp 1"},
    "atan2": {"0; 0": "jvp nan, second nan; nan, jvp of jvp nan"},
    "hypot": {"0; 0": "vjp nan; nan, jvp nan, second nan; nan, jvp of jvp nan", "inf; 1": "second nan; nan"},
    "xlogy": {
        "0; 0": "vjp 0; nan, jvp nan, second inf; nan, jvp of jvp nan",
        "0; nan": "vjp nan; nan",
    },
    "logaddexp": {
        "-inf; -inf": "vjp nan; nan, jvp nan, second nan; nan, jvp of jvp nan",
        "inf; inf": "vjp nan; nan, jvp nan, second nan; nan, jvp of jvp nan",
        "-inf; 0": "second nan; nan, jvp of jvp nan",
        "inf; 0": "second nan; nan, jvp of jvp nan",
        "nan; 0": "jvp of jvp nan",
    },
    "copysign": {"0; -1": "second nan; 0", "nan; 1": "vjp nan; 0, jvp nan, second nan; 0, jvp of jvp nan"},
    "clamp(x, low, high)": {"nan; 0; 1": "jvp 1"},
    "where(x > 0, log(x), 0)": {"0": "vjp nan, second nan"},
    "where(x > 0, x * log(x), 0)": {"-1": "vjp nan", "0": "vjp nan, second nan"},
    "where(x > 0, sqrt(x), 0)": {"-1": "vjp nan, second nan", "0": "vjp nan, second nan"},
    "where(x != 0, sin(x) / x, 1)": {"0": "vjp nan, second nan"},
    "where(x < 9, exp(x), 0)": {"1000": "vjp nan, second nan", "inf": "vjp nan, second nan"},
    "masked_fill(1 / x, x == 0, 0)": {"0": "vjp nan, second nan"},
    "maximum of sqrt(x) and x + 1": {"0": "vjp nan, jvp nan, second nan, jvp of jvp nan"},
    "hardswish(sqrt(x) - 4)": {"0": "vjp nan, second nan"},
    "amax of sqrt(x) and x + 1": {"0": "vjp nan, second nan"},
    "max of sqrt(x) and x + 1": {"0": "vjp nan, jvp nan, second nan, jvp of jvp nan"},
    "prod": {"[0, inf, 2]": "second [inf, nan, inf], jvp of jvp nan", "[0, nan, 2]": "second [nan, nan, nan]"},
    "cumprod": {
        "[2, 0, 3]": "jvp of jvp [0, 1, 5]",
        "[0, 0, 3]": "jvp of jvp [0, 1, 3]",
        "[0, 0, 0]": "jvp of jvp [0, 1, 0]",
        "[0, inf, 2]": "jvp [1, inf, inf], second [inf, nan, inf], jvp of jvp [0, nan, inf]",
        "[0, nan, 2]": "second [nan, nan, nan]",
    },
    "nanmean": {"[]": "jvp nan", "[nan, nan]": "vjp [nan, nan], jvp nan"},
    "var": {"[]": "jvp 0", "[1]": "second [0]"},
    "logsumexp": {
        "[-inf, -inf]": "vjp [nan, nan], jvp nan, second [nan, nan], jvp of jvp nan",
        "[]": "jvp nan, jvp of jvp nan",
    },
    "logcumsumexp": {
        "[-inf, -inf]": "vjp [nan, nan], jvp [nan, nan], second [nan, nan], jvp of jvp [nan, nan]",
        "[-inf, 0]": "vjp [nan, 1], jvp [0, 1], second [nan, 0]",
        "[inf, 0]": "vjp [nan, 0], jvp [nan, nan], second [nan, 0], jvp of jvp [nan, nan]",
        "[inf, inf]": "vjp [nan, nan], jvp [nan, nan], second [nan, nan], jvp of jvp [nan, nan]",
        "[nan, 0]": "jvp [nan, nan], jvp of jvp [nan, nan]",
        "[]": "jvp an error, jvp of jvp an error",
    },
    "max": {"[1, nan, nan]": "jvp nan"},
    "amax": {"[1, nan, nan]": "vjp [nan, nan, nan], jvp nan"},
    "min": {"[1, nan, nan]": "jvp nan"},
    "amin": {"[1, nan, nan]": "vjp [nan, nan, nan], jvp nan"},
    "median": {"[1, nan, 1]": "jvp nan"},
    "kthvalue(2)": {"[1, 1, 3]": "vjp [1, 0, 0]", "[1, nan, 1]": "vjp [1, 0, 0]"},
    "mode": {"[1, nan, 1]": "vjp [1, 0, 0]"},
    "nanmedian": {"[nan, nan]": "jvp nan"},
    "norm(p=0.5)": {
        "[0, 0]": "second [nan, nan], jvp of jvp nan",
        "[0, -3]": "second [nan, 0]",
        "[inf, 1]": "vjp [nan, inf], second [nan, nan]",
        "[]": "jvp of jvp nan",
    },
    "norm(p=2)": {
        "[0, 0]": "second [nan, nan]",
        "[inf, 1]": "vjp [nan, 0], jvp nan, second [nan, nan], jvp of jvp nan",
    },
    "norm(p=3)": {"[inf, 1]": "vjp [nan, 0], jvp nan, second [nan, nan], jvp of jvp nan"},
    "cosine_similarity": {
        "[0, 0]; [0, 0]": "second [nan, nan]; [nan, nan]",
        "[0, 0]; [1, 0]": "second [nan, nan]; [0, 1e+08]",
    },
    "normalize": {"[0, 0]": "second [nan, nan]"},
    "prelu": {"[0]; [0.5]": "jvp [1], second [0]; [0], jvp of jvp [0]"},
    "addcdiv(1, x, y)": {
        "1; inf": "second 0; nan",
        "0; 0": "vjp inf; nan, jvp nan, second -inf; nan, jvp of jvp nan",
    },
    "scatter_reduce('prod') to place 0": {
        "[1, 3]; [3, 3]": "jvp [0, 0], jvp of jvp [0, 0]",
        "[0, 2]; [0, 5]": "jvp [0, 0], jvp of jvp [0, 0]",
        "[nan, 2]; [1, 2]": "vjp [nan, 1]; [nan, nan], jvp [0, 0], second [nan, 0]; [nan, nan], jvp of jvp [0, 0]",
    },
    "scatter_reduce('amax') to place 0": {"[nan, 2]; [1, 2]": "vjp [nan, 1]; [nan, nan], jvp [nan, 1]"},
    "scatter_reduce('amin') to place 0": {"[nan, 2]; [1, 2]": "vjp [nan, 1]; [nan, nan], jvp [nan, 1]"},
    "scatter_reduce('amax', include_self=False)": {
        "[3, 1]; [3, 3]": "vjp [0, 1]; [0.333333, 0.333333]",
        "[1, 1]; [1, 1]": "vjp [0, 1]; [0.333333, 0.333333]",
    },
    "scatter_reduce('amin', include_self=False)": {
        "[3, 1]; [3, 3]": "vjp [0, 1]; [0.333333, 0.333333]",
        "[1, 1]; [1, 1]": "vjp [0, 1]; [0.333333, 0.333333]",
    },
    "kl_div": {
        "[-1]; [0]": "vjp [0]; [nan], jvp nan, second [-1]; [nan], jvp of jvp nan",
        "[-inf]; [0]": "value nan, second [-1]; [nan], jvp of jvp nan",
    },
    "gaussian_nll_loss": {"[1]; [0]": "jvp 0, jvp of jvp 1e+06", "[2]; [0]": "jvp 1e+06, jvp of jvp 1e+06"},
    "triplet_margin_loss": {"[[0, 0]]; [[0, 0]]": "second [[nan, nan]]; [[nan, nan]]"},
    "multi_margin_loss, class 0": {
        "[[1, 0]]": "jvp an error, second an error, jvp of jvp an error",
        "[[0, 0]]": "jvp an error, second an error, jvp of jvp an error",
        "[[inf, 0]]": "jvp an error, second an error, jvp of jvp an error",
    },
    "huber_loss": {
        "[1]": "jvp of jvp an error",
        "[0]": "jvp of jvp an error",
        "[2]": "jvp of jvp an error",
        "[inf]": "jvp of jvp an error",
    },
    "mse_loss": {"[inf]": "jvp nan, jvp of jvp nan"},
    "binary_cross_entropy": {"[0]": "second [1e+24], jvp of jvp 1e+24", "[1]": "second [0], jvp of jvp 0"},
    "binary_cross_entropy_with_logits": {
        "[-inf]": "value nan, vjp [nan], jvp nan, second [nan], jvp of jvp an error",
        "[-1000]": "jvp of jvp an error",
        "[0]": "jvp of jvp an error",
        "[1000]": "jvp of jvp an error",
        "[inf]": "value nan, jvp of jvp an error",
    },
    "soft_margin_loss": {
        "[-1000]": "value inf, vjp [nan], jvp nan, second [nan], jvp of jvp an error",
        "[0]": "jvp of jvp an error",
        "[1000]": "jvp of jvp an error",
    },
}

#: Why, and for which operations.
REASONS: dict[str, list[str]] = {
    "Its rule divides by x. Near 0 ours is a sum of powers, whose derivatives of every order are right.": ["sinc"],
    "Its rule multiplies 0 by infinity. Ours multiplies by `safe_mul`, in which 0 times infinity is 0, or is a kernel of its own that knows the limit.": [
        "atan",
        "asinh",
        "acosh",
        "atanh",
        "erf",
        "erfc",
        "gelu",
        "gelu(approximate='tanh')",
        "silu",
        "mish",
        "hardswish",
        "hypot",
        "xlogy",
        "atan2",
        "mse_loss",
        "copysign",
        "addcdiv(1, x, y)",
        "kl_div",
    ],
    "A cotangent of 0 meets an infinite derivative or NaN in the branch not taken, and becomes NaN. Ours stays 0.": [
        "where(x > 0, log(x), 0)",
        "where(x > 0, x * log(x), 0)",
        "where(x > 0, sqrt(x), 0)",
        "where(x != 0, sin(x) / x, 1)",
        "where(x < 9, exp(x), 0)",
        "masked_fill(1 / x, x == 0, 0)",
        "maximum of sqrt(x) and x + 1",
        "hardswish(sqrt(x) - 4)",
        "amax of sqrt(x) and x + 1",
        "max of sqrt(x) and x + 1",
    ],
    "The rule takes log 0. The mathematical derivative, where there is one, is ours; 0 to the 0 has all derivatives 0.": [
        "0 ** x",
        "x ** y",
    ],
    "It divides infinity by infinity; ours has the limit: if one element alone is infinite, a norm grows as that one does.": [
        "softsign",
        "norm(p=3)",
    ],
    "It cannot be differentiated twice in this mode there.": [
        "hardsigmoid",
        "huber_loss",
        "binary_cross_entropy_with_logits",
        "soft_margin_loss",
        "multi_margin_loss, class 0",
    ],
    "It is a straight line from there on, without a second derivative.": ["softplus"],
    "NaN takes another of the two pieces.": ["softshrink", "clamp(x, low, high)"],
    "Its forward mode gives each operand a share of 1/2, its reverse mode all to each; ours does that in both.": [
        "maximum",
        "minimum",
    ],
    "The terms are put together in another order: both have terms of opposite infinite signs.": ["x / y", "prod"],
    "Its rule subtracts infinity from infinity. The derivative, a softmax, has a limit or the value written here.": [
        "logaddexp",
        "logsumexp",
        "logcumsumexp",
    ],
    "Its modes take different pieces at the joint; ours take one.": ["gaussian_nll_loss"],
    "Its modes take different pieces at the joint; ours take one. A slope of 0 it multiplies by infinity.": ["prelu"],
    "Its forward mode takes the product for a constant.": ["scatter_reduce('prod') to place 0"],
    "Its forward mode over forward mode loses half of the second derivative; its other modes agree with ours.": [
        "cumprod"
    ],
    "It divides 0 by 0: there is nothing to share among, or NaN equals nothing.": [
        "nanmean",
        "amax",
        "amin",
        "max",
        "min",
        "median",
        "nanmedian",
        "scatter_reduce('amax') to place 0",
        "scatter_reduce('amin') to place 0",
    ],
    "It counts the old element, which takes no part, among those that share; what that would get is lost.": [
        "scatter_reduce('amax', include_self=False)",
        "scatter_reduce('amin', include_self=False)",
    ],
    "The variance of too few elements is NaN; its rule makes 0 of it.": ["var"],
    "Which of equal elements it chooses is open; PyTorch says so.": ["kthvalue(2)", "mode"],
    "Its rule masks the first derivative at 0, and not the second. Ours is 0 at every order.": [
        "norm(p=2)",
        "norm(p=0.5)",
        "triplet_margin_loss",
        "normalize",
        "cosine_similarity",
    ],
    "It clamps the denominator of the first derivative, and differentiates that again.": ["binary_cross_entropy"],
}
