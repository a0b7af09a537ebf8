"""The rest of the public operations, on 512×1024 numbers: what neither the kernels nor the everyday set time."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from .tools import Function, Run, both

SHAPE = (512, 1024)
INF = float("inf")


def _call(path: str, operands: str = "x", *more: Any, backward: bool = True, **keywords: Any) -> Function:
    """Return the call of a function by its path, with operands by their kinds, then further arguments."""
    options = [*map(str, more), *(f"{key}={value}" for key, value in keywords.items())]
    name, kinds = path.replace("nn.functional", "F"), operands.split()
    call = lambda lib, *tensors: attrgetter(path)(lib)(*tensors, *more, **keywords)
    return Function(f"{name}({', '.join(kinds + options)})", call, tuple(kinds), backward)


def _plain(calls: dict[str, str], prefix: str = "", backward: bool = True) -> list[Function]:
    return [
        _call(prefix + name, operands, backward=backward) for operands, names in calls.items() for name in names.split()
    ]


def _each(path: str, operands: str, *options: Any, **keywords: Any) -> list[Function]:
    """Return the calls of a function with each of several arguments behind the operands."""
    return [_call(path, operands, *(o if isinstance(o, tuple) else (o,)), **keywords) for o in options]


def _losses(calls: dict[str, str]) -> list[Function]:
    kinds = [(operands, f"nn.functional.{name}") for operands, names in calls.items() for name in names.split()]
    return [_call(path, operands, reduction=how) for operands, path in kinds for how in ("mean", "none")]


#: Calls without options, by their operands.
DIFFERENTIABLE = {
    "x": "aminmax deg2rad rad2deg sgn sinc positive special.entr special.log_ndtr special.ndtr special.expit amax amin min "
    "median nanmedian std_mean var_mean corrcoef msort cumulative_trapezoid trapezoid linalg.matrix_norm atleast_3d "
    "flatten ravel fliplr flipud squeeze diag rot90 Tensor.double Tensor.half nn.functional.gumbel_softmax",
    "unit": "special.ndtri special.logit",
    "features": "cov diag diagflat combinations",
    "near1": "prod",
    "x positive": "special.xlog1py remainder",
    "positive y": "float_power",
    "x y": "fmin rsub fmod block_diag dist nn.functional.pairwise_distance",
    "x y positive": "clamp addcdiv",
    "x y unit": "lerp",
    "x features": "mv inner",
    "positive row": "pow atan2 hypot xlogy maximum",
    "positive column": "pow div atan2 hypot copysign logaddexp minimum",
}
CONSTANT = {
    "x": "isfinite isinf isneginf isposinf signbit logical_not all any argmax argmin count_nonzero argwhere histc rand_like "
    "randn_like zeros_like ones_like Tensor.int Tensor.short Tensor.byte Tensor.char",
    "x y": "eq ne lt le gt ge isclose allclose logical_and logical_or logical_xor heaviside",
    "counts counts": "bitwise_and bitwise_or bitwise_xor bitwise_left_shift add mul remainder floor_divide",
    "counts": "bitwise_not abs neg",
    "labels": "unique_consecutive",
    "x sorted": "isin",
    "unit": "bernoulli",
    "x positive": "normal",
}
IN_PLACE = {
    "near1": "abs_ neg_ ceil_ round_ relu_ sgn_ tanh_ sigmoid_ sqrt_ sin_ reciprocal_ frac_ logical_not_ nan_to_num_ tril_ "
    "square_ rsqrt_ uniform_ normal_ exponential_ cauchy_ log_normal_ random_ bernoulli_",
    "x unit": "copy_ sub_ mul_ copysign_ hypot_ fmod_ atan2_ lt_ heaviside_ logical_and_ div_",
    "x y unit": "addcmul_ lerp_",
}
LOSSES = {
    "x y": "mse_loss l1_loss huber_loss smooth_l1_loss",
    "x positive": "poisson_nll_loss",
    "x signs": "hinge_embedding_loss soft_margin_loss",
    "x labels": "multi_margin_loss",
    "x unit": "kl_div multilabel_soft_margin_loss",
    "unit target": "binary_cross_entropy",
    "x target": "binary_cross_entropy_with_logits",
    "x y signs": "margin_ranking_loss",
    "x y positive": "gaussian_nll_loss triplet_margin_loss",
}

WITH_OPTIONS = [
    _call("float_power", "positive", 1.5),
    _call("round", decimals=2),
    _call("clamp_max", "x", 0.5),
    _call("where", "mask x", 0.0),
    _call("nan_to_num", "x", 0.5, 2.0, -2.0),
    _call("div", "x positive", rounding_mode="floor"),
    _call("div", "x positive", rounding_mode="trunc"),
    _call("nn.functional.softmin", "x", 1),
    _call("nn.functional.hardtanh", "x", -0.5, 0.5),
    _call("nn.functional.gumbel_softmax", hard=True),
    *[
        _call(f"nn.functional.{name}", "x", 0.2)
        for name in ("alpha_dropout", "feature_alpha_dropout", "rrelu", "dropout1d")
    ],
    *_each("linalg.vector_norm", "x", 0, 1, 3, INF, -INF, (1, 0), (1, 1), (3, 0), (3, 1), (INF, 0), (INF, 1)),
    *[_call(name, "x", dim) for name in ("mode", "cummin", "nanmedian", "var_mean") for dim in (0, 1)],
    *[_call(name, dim=dim) for name in ("trapezoid", "cumulative_trapezoid", "diff") for dim in (0, 1)],
    *_each("quantile", "x", (0.3, 0), (0.3, 1)),
    _call("nanquantile", "x", 0.3, 1),
    *_each("renorm", "x", (2, 0, 5.0), (2, 1, 5.0)),
    _call("histogram", "x", 100, backward=False),
    *_each("dist", "x y", 1, 3, INF),
    _call("broadcast_to", "row", SHAPE),
    _call("tile", "row", (512, 1)),
    *[_call(name, "x", 0, 1) for name in ("swapaxes", "movedim")],
    _call("unsqueeze", "x", 0),
    _call("narrow", "x", 1, 3, 500),
    _call("select", "x", 1, 3),
    *[_call(name, "x", 4) for name in ("chunk", "tensor_split", "hsplit", "vsplit")],
    _call("split", "x", 100, 1),
    _call("roll", "x", 3),
    *_each("nn.functional.pairwise_distance", "x y", 1.0, 3.0),
    *_each("nn.functional.glu", "x", 0),
    *[_call("nn.functional.normalize", **options) for options in ({"dim": 0}, {"p": 1.0})],
    _call("nn.functional.cosine_similarity", "x y", 0),
    _call("nn.functional.kl_div", "x y", log_target=True),
    _call("nn.functional.poisson_nll_loss", "x positive", log_input=False, full=True),
    _call("nn.functional.gaussian_nll_loss", "x y positive", full=True),
    _call("nn.functional.triplet_margin_with_distance_loss", "x y positive"),
    _call("nn.functional.cross_entropy", "x labels weight"),
    _call("nn.functional.nll_loss", "x labels weight"),
    _call("nn.functional.cross_entropy", "x labels", label_smoothing=0.1),
    _call("nn.functional.multi_margin_loss", "x labels", 2),
    _call("nn.functional.binary_cross_entropy", "unit target weights"),
    _call("nn.functional.binary_cross_entropy_with_logits", "x target weights"),
    _call("nn.functional.multilabel_soft_margin_loss", "x target weight"),
    _call("nn.functional.huber_loss", "x y", delta=0.3),
    _call("nn.functional.smooth_l1_loss", "x y", beta=0.3),
    _call("full_like", "x", 2.0, backward=False),
    _call("multinomial", "unit", 4, backward=False),
    _call("multinomial", "unit", 4, True, backward=False),
    _call("Tensor.geometric_", "near1", 0.3, backward=False),
    _call("Tensor.fill_", "x", 2.0, backward=False),
    _call("Tensor.masked_fill_", "x mask", 2.0, backward=False),
    _call("Tensor.lerp_", "x y", 0.5, backward=False),
    _call("Tensor.cumsum_", "x", 1, backward=False),
]


def _function(name: str, call: Callable[..., Any], operands: str = "x", backward: bool = True) -> Function:
    return Function(name, call, tuple(operands.split()), backward)


def _pads(sizes: tuple[int, ...]) -> list[Function]:
    return [
        _function(f"pad({mode}, {sizes})", lambda lib, x, m=mode: lib.nn.functional.pad(x[None, None], sizes, m))
        for mode in ("reflect", "replicate", "circular")
    ]


def _orders(name: str, call: Callable[..., Any], operands: str) -> list[Function]:
    return [_function(f"{name}(p={p})", lambda lib, *x, p=p: call(lib, p, *x), operands) for p in (1.0, 2.0, 3.0, INF)]


def _reducing(name: str, call: Callable[..., Any], operands: str, hows: str) -> list[Function]:
    return [_function(f"{name}({how})", lambda lib, *x, how=how: call(lib, how, *x), operands) for how in hows.split()]


WITH_SHAPES = [
    *[
        _function(f"{name} of two", lambda lib, x, y, name=name: getattr(lib, name)([x, y]), "x y")
        for name in ("hstack", "vstack", "dstack", "column_stack")
    ],
    *_pads((3, 5, 2, 2)),
    *_pads((3, 5, 0, 0)),
    *_orders("cdist", lambda lib, p, x, y: lib.cdist(x[:, :64], y[:, :64], p), "x y"),
    *_orders("pdist", lambda lib, p, x: lib.pdist(x[:, :64], p), "x"),
    _function("meshgrid", lambda lib, x, y: lib.meshgrid(x, y, indexing="ij")[0].clone(), "features features"),
    _function("cartesian_prod", lambda lib, x: lib.cartesian_prod(x[:700], x[:700]), "features"),
    _function("diag_embed", lambda lib, x: lib.diag_embed(x[:, :32])),
    _function("diagonal_scatter", lambda lib, x, v: lib.diagonal_scatter(x, v[:512]), "x features"),
    _function("select_scatter", lambda lib, x, v: lib.select_scatter(x, v, 0, 3), "x features"),
    _function("slice_scatter", lambda lib, x, y: lib.slice_scatter(x, y[:, :500], 1, 3, 503), "x y"),
    _function("index_copy", lambda lib, x, i, y: lib.index_copy(x, 0, i, y), "x shuffled y"),
    _function("index_fill", lambda lib, x, i: lib.index_fill(x, 0, i[:99], 2.0), "x rows"),
    _function("index_put", lambda lib, x, i, y: lib.index_put(x, (i,), y), "x rows y"),
    _function("index_put, added", lambda lib, x, i, y: lib.index_put(x, (i,), y, accumulate=True), "x rows y"),
    _function("index_put by a mask", lambda lib, x, m: lib.index_put(x, (m,), lib.tensor(2.0)), "x mask"),
    *_reducing(
        "index_reduce",
        lambda lib, how, x, i, y: lib.index_reduce(x, 0, i, y, how),
        "near1 rows y",
        "prod mean amax amin",
    ),
    *_reducing(
        "scatter_reduce 0",
        lambda lib, how, x, i, y: x.scatter_reduce(0, i, y, how),
        "near1 index y",
        "sum prod mean amax amin",
    ),
    *_reducing(
        "scatter_reduce 1", lambda lib, how, x, i, y: x.scatter_reduce(1, i, y, how), "near1 places y", "sum prod amin"
    ),
    *_reducing(
        "embedding_bag",
        lambda lib, how, i, w: lib.nn.functional.embedding_bag(i, w, mode=how),
        "bags x",
        "sum mean max",
    ),
    _function("put", lambda lib, x, i, y: lib.put(x, i, y), "x index y"),
    _function("put, added", lambda lib, x, i, y: lib.put(x, i, y, accumulate=True), "x index y"),
    _function("masked_select", lambda lib, x, m: lib.masked_select(x, m), "x mask"),
    _function("roll(0)", lambda lib, x: lib.roll(x, 3, 0)),
    _function("unfold", lambda lib, x: x.unfold(1, 4, 2)),
    _function("cross", lambda lib, x, y: lib.cross(x[:510].view(3, -1), y[:510].view(3, -1), 0), "x y"),
    _function("cross(1)", lambda lib, x, y: lib.cross(x[:510].view(-1, 3), y[:510].view(-1, 3), 1), "x y"),
    _function("addmv", lambda lib, x, v: lib.addmv(x[:, 0], x, v), "x features"),
    _function("dot", lambda lib, x, y: lib.dot(x.view(-1), y.view(-1)), "x y"),
    _function("outer", lambda lib, x, y: lib.outer(x[:512], y), "features features"),
    _function("kron", lambda lib, x, y: lib.kron(x[:16, :32], y[:32, :32]), "x y"),
    _function("instance_norm", lambda lib, x: lib.nn.functional.instance_norm(x.view(8, 64, 1024))),
    _function(
        "cosine_embedding_loss",
        lambda lib, x, y, s: lib.nn.functional.cosine_embedding_loss(x, y, s[:, 0]),
        "x y signs",
    ),
    _function(
        "nll_loss of pixels",
        lambda lib, x, i: lib.nn.functional.nll_loss(x.view(8, 64, 1024), i[:8].remainder(64)),
        "x places",
    ),
    _function(
        "multilabel_margin_loss",
        lambda lib, x, i: lib.nn.functional.multilabel_margin_loss(x, i.masked_fill(lib.arange(1024) > 2, -1)),
        "x places",
    ),
    _function("unravel_index", lambda lib, i: lib.unravel_index(i, (32, 32)), "index", False),
    *[
        _function(name, lambda lib, x, name=name, more=more: getattr(lib, name)(*more), "x", False)
        for name, more in {
            "randint": (0, 100, SHAPE),
            "randperm": (524288,),
            "eye": SHAPE,
            "ones": (SHAPE,),
            "logspace": (0.0, 1.0, 524288),
            "tril_indices": SHAPE,
            "triu_indices": SHAPE,
        }.items()
    ],
    _function("index_add_", lambda lib, x, i, y: x.index_add_(0, i, y), "x rows y", False),
    _function("index_fill_", lambda lib, x, i: x.index_fill_(0, i, 2.0), "x rows", False),
    _function("scatter_", lambda lib, x, i, y: x.scatter_(1, i, y), "x places y", False),
    _function("put_", lambda lib, x, i, y: x.put_(i, y), "x index y", False),
    _function("x[i] = y", lambda lib, x, i, y: x.__setitem__(i, y), "x rows y", False),
    _function("x[::2] = 0", lambda lib, x: x.__setitem__(slice(None, None, 2), 0.0), "x", False),
    _function("x[3:9] = y", lambda lib, x, y: x.__setitem__(slice(3, 9), y[3:9]), "x y", False),
]


def cases() -> dict[str, Callable[[str], Run]]:
    """Return the cases of the group rest by name."""
    functions = [
        *_plain(DIFFERENTIABLE),
        *_plain(CONSTANT, backward=False),
        *_plain(IN_PLACE, "Tensor.", backward=False),
        *_losses(LOSSES),
        *WITH_OPTIONS,
        *WITH_SHAPES,
    ]
    return dict(both("rest", functions, SHAPE))
