"""Misuse: an exception that opens with the operation and quotes what it got; never a crash, never a wrong result."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, _core, autograd, memory, nn
from minigrad.nn import functional as F
from minigrad.primitive import registry

KERNELS = _core.kernels
Call = Callable[[], Any]


def t(*shape: int, dtype: mg.dtype = mg.float32) -> Tensor:
    return mg.tensor(np.ones(shape), dtype=dtype)


def leaf(*shape: int) -> Tensor:
    return mg.tensor(np.ones(shape), dtype=mg.float64, requires_grad=True)


def i(*data: Any) -> Tensor:
    return mg.tensor(list(data), dtype=mg.int64)


def refuses(call: Call, kind: type[Exception] | tuple[type[Exception], ...], opening: str, *quoted: str) -> None:
    """Check the kind of exception, the operation's name that its message opens with, and what it quotes."""
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert re.match(rf"_?({opening}): ", message), message
    for text in quoted:
        assert text in message, message


# ---- Flags -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["sum", "mean", "prod", "amax", "max", "argmin", "all", "std", "logsumexp", "median", "mode"]
)
def test_a_second_dim_is_not_taken_for_keepdim(name: str) -> None:
    x = mg.ones(2, 3)
    own = {"std": "(std|var)"}.get(name, name)  # the second place of std is keepdim's only by name
    refuses(lambda: getattr(x, name)(0, keepdim=1), TypeError, own, "keepdim must be True or False, got int")
    if name != "std":
        refuses(lambda: getattr(x, name)(0, 1), TypeError, own, "keepdim must be True or False, got int")
    assert getattr(x, name)(0, keepdim=np.True_) is not None


def test_a_reduction_in_the_place_of_an_older_flag() -> None:
    """``F.mse_loss(x, y, "sum")`` would be the mean."""
    refuses(lambda: F.mse_loss(t(3), t(3), "sum"), TypeError, "mse_loss", "size_average must be True or False, got str")


@pytest.mark.parametrize(("rows", "padding_idx"), [(5, 5), (5, -6), (0, 0)])
def test_a_row_that_is_none_is_no_padding(rows: int, padding_idx: int) -> None:
    for name in ("embedding", "embedding_bag"):
        call = lambda name=name: getattr(F, name)(i()[None], t(rows, 2), padding_idx=padding_idx)
        refuses(call, ValueError, name, f"padding_idx must lie in [-{rows}, {rows}), got {padding_idx}")


def test_orders_and_results_wanted_are_flags() -> None:
    x = mg.ones(3)
    refuses(lambda: x.sort(0, "descending"), TypeError, "sort", "descending must be True or False, got str")
    refuses(lambda: x.topk(2, 0, None), TypeError, "topk", "largest must be True or False, got NoneType")
    refuses(lambda: x.unique(True, 1), TypeError, "unique", "return_inverse must be True or False, got int")
    refuses(lambda: x.quantile(0.5, 0, 1), TypeError, "quantile", "keepdim must be True or False, got int")


# ---- Names -----------------------------------------------------------------------------------------------------------

#: What is composed of other operations, or shares a kernel with others.
COMPOSED: dict[str, Call] = {
    "leaky_relu": lambda: F.leaky_relu(i(1)),
    "leaky_relu_": lambda: F.leaky_relu_(i(1)),
    "logsigmoid": lambda: F.logsigmoid(i(1)),
    "selu": lambda: F.selu(i(1)),
    "hardsigmoid": lambda: F.hardsigmoid("x"),
    "hardshrink": lambda: F.hardshrink(i(1)),
    "threshold": lambda: F.threshold(t(3), "x", 0.0),
    "layer_norm": lambda: F.layer_norm(t(2, 3), (3,), eps="x"),
    "group_norm": lambda: F.group_norm(t(2, 4), 2, eps="x"),
    "kl_div": lambda: F.kl_div(t(2, 3), t(3, 2)),
    "triplet_margin_loss": lambda: F.triplet_margin_loss(t(2, 3), t(3, 2), t(2, 3)),
    "allclose": lambda: mg.allclose(t(2), t(3)),
    "addmm": lambda: mg.addmm(t(2, 2), t(2, 3), t(2, 3)),
    "tril": lambda: mg.tril(t(3)),
    "logit": lambda: mg.logit("x"),
    "einsum": lambda: mg.einsum("ij,jk->ik", t(2, 3), t(2, 3)),
}


def test_what_is_no_reduction_and_no_dimension() -> None:
    for reduction in ("men", ["mean"], None):
        refuses(lambda r=reduction: F.mse_loss(t(2), t(2), reduction=r), ValueError, "mse_loss", repr(reduction))
    for dim in (2, -3):
        refuses(lambda d=dim: t(2, 3).stride(d), IndexError, "stride", str(dim), "(2, 3)")


@pytest.mark.parametrize("name", COMPOSED)
def test_the_public_function_is_named(name: str) -> None:
    refuses(COMPOSED[name], (TypeError, RuntimeError), name)


def test_no_error_opens_with_the_name_of_a_primitive() -> None:
    """Whatever function is called with something wrong: what opens the message is known to its caller."""
    modules = (mg, F, mg.linalg)
    known = {name for module in modules for name in module.__all__} | set(dir(Tensor))
    inner = {p.lstrip("_") for p in registry} | set(KERNELS)
    inner -= known | {name.rstrip("_") for name in known} | {"index"}  # what __index__ says
    assert {"broken_line", "standardize", "safe_mul", "triangle"} <= inner
    found, asked = set(), 0
    for module in modules:
        for name in module.__all__:
            function = getattr(module, name)
            changes_settings = name.startswith(("set_", "seed", "manual_seed", "use_", "save"))
            if inspect.isclass(function) or not inspect.isroutine(function) or changes_settings:
                continue
            for wrong in ("x", i(1), t(2, 3, dtype=mg.bool), t()):
                for count in (1, 2, 3):
                    try:
                        function(*[wrong, t(3, 2), t(2, 2)][:count])
                    except Exception as error:  # noqa: BLE001
                        opening = str(error).partition(": ")[0]
                        asked += 1
                        found |= {(name, opening)} if opening.lstrip("_") in inner else set()
    assert asked > 1000
    assert not found


def test_an_array_is_a_number_only_if_it_has_one_element() -> None:
    x = mg.ones(2, dtype=mg.int64)
    for value in (np.array([3]), np.array(3), np.uint8(3), np.float32(3.5)):
        assert x.masked_fill(x > 0, value).tolist() == mg.full((2,), value, dtype=mg.int64).tolist() == [3, 3]
    for value in (np.ones(3), np.ones(0, np.int8), np.ones((2, 0), np.uint8)):
        with pytest.raises(TypeError, match="masked_fill: expected a number, got ndarray"):
            x.masked_fill(x > 0, value)
        with pytest.raises(TypeError, match="full: expected a number, got ndarray"):
            mg.full((2,), value)


# ---- Shapes ----------------------------------------------------------------------------------------------------------

BROADCASTING: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "add": mg.add,
    "sub": mg.sub,
    "mul": mg.mul,
    "div": mg.div,
    "pow": mg.pow,
    "maximum": mg.maximum,
    "minimum": mg.minimum,
    "eq": mg.eq,
    "lt": mg.lt,
    "ge": mg.ge,
}


@pytest.mark.parametrize("name", BROADCASTING)
@pytest.mark.parametrize(("left", "right"), [((2, 3), (4,)), ((2, 3), (3, 2)), ((2,), (0,)), ((5, 1, 3), (2, 2))])
def test_shapes_that_do_not_broadcast(name: str, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    refuses(lambda: BROADCASTING[name](t(*left), t(*right)), RuntimeError, name, str(left), str(right))
    refuses(lambda: BROADCASTING[name](leaf(*left), leaf(*right)), RuntimeError, name, str(left), str(right))


SHAPES: dict[str, tuple[Call, str, tuple[str, ...]]] = {
    "where": (lambda: mg.where(t(2) > 0, t(3), 0.0), "where", ("(2,)", "(3,)")),
    "broadcast_shapes": (lambda: mg.broadcast_shapes((2,), (3,)), "broadcast_shapes", ("(2,)", "(3,)")),
    "matmul": (lambda: t(3, 4) @ t(5, 6), "matmul", ("(3, 4)", "(5, 6)")),
    "matmul vector": (lambda: t(3) @ t(4), "matmul", ("(3,)", "(4,)")),
    "matmul vector matrix": (lambda: t(3) @ t(4, 3), "matmul", ("(3,)", "(4, 3)")),
    "matmul batches": (lambda: t(2, 3, 4) @ t(3, 4, 5), "matmul", ("(2, 3, 4)", "(3, 4, 5)")),
    "matmul number": (lambda: t() @ t(3), "matmul", ("()", "(3,)")),
    "mm": (lambda: mg.mm(t(2, 3), t(3)), "mm", ("(2, 3)", "(3,)")),
    "mv": (lambda: mg.mv(t(2, 3), t(3, 1)), "mv", ("(2, 3)", "(3, 1)")),
    "bmm": (lambda: mg.bmm(t(2, 3, 4), t(3, 4, 5)), "bmm", ("(2, 3, 4)", "(3, 4, 5)")),
    "dot": (lambda: mg.dot(t(2, 3), t(3)), "dot", ("(2, 3)", "(3,)")),
    "outer": (lambda: mg.outer(t(2, 3), t(3)), "outer", ("(2, 3)", "(3,)")),
    "linear": (lambda: F.linear(t(2, 3), t(5, 4)), "linear", ("(2, 3)", "(5, 4)")),
    "linear bias": (lambda: F.linear(t(2, 3), t(5, 3), t(4)), "linear", ("(4,)",)),
    "linear number": (lambda: F.linear(t(), t(5, 3)), "linear", ("()",)),
    "reshape": (lambda: t(2, 3).reshape(4, 2), "reshape", ("(2, 3)", "(4, 2)")),
    "reshape -1": (lambda: t(2, 3).reshape(-1, 4), "reshape", ("(2, 3)", "(-1, 4)")),
    "reshape two -1": (lambda: t(2, 3).reshape(-1, -1), "reshape", ("(2, 3)", "(-1, -1)")),
    "reshape -2": (lambda: t(2, 3).reshape(-2, -3), "reshape", ("(2, 3)", "(-2, -3)")),
    "reshape empty": (lambda: t(0, 3).reshape(-1, 0), "reshape", ("(0, 3)", "(-1, 0)")),
    "expand": (lambda: t(2, 3).expand(2, 4), "expand", ("(2, 3)", "(2, 4)")),
    "expand fewer": (lambda: t(2, 3).expand(3), "expand", ("(2, 3)", "(3,)")),
    "expand new -1": (lambda: t(3).expand(-1, 3), "expand", ("(3,)", "(-1, 3)")),
    "permute": (lambda: t(2, 3).permute(0), "permute", ("(2, 3)", "(0,)")),
    "permute twice": (lambda: t(2, 3).permute(0, 0), "permute", ("(2, 3)", "(0, 0)")),
    "t": (lambda: t(2, 3, 4).t(), "t", ("(2, 3, 4)",)),
    "view": (lambda: t(2, 3).t().view(6), "view", ("(3, 2)", "(6,)")),
    "flatten": (lambda: t(2, 3, 4).flatten(2, 1), "flatten", ("2", "1")),
    "sum twice": (lambda: t(2, 3).sum((0, -2)), "sum", ("(0, -2)", "(2, 3)")),
    "zeros": (lambda: mg.zeros(2, -1), "zeros", ("(2, -1)",)),
    "full": (lambda: mg.full((-2,), 1.0), "full", ("(-2,)",)),
    "full of integers": (lambda: mg.full((-2,), 1), "full", ("(-2,)",)),
    "eye": (lambda: mg.eye(-1), "eye", ("-1",)),
    "arange": (lambda: mg.arange(0, 3, -1), "arange", ("0", "3", "-1")),
    "arange step": (lambda: mg.arange(0, 3, 0), "arange", ("0", "3")),
    "max of nothing": (lambda: t(0).max(), "a?max", ("(0,)",)),
    "mse_loss": (lambda: F.mse_loss(t(3, 2), t(3)), "mse_loss", ("(3, 2)", "(3,)")),
    "cross_entropy": (lambda: F.cross_entropy(t(3, 4), i(0, 1)), "cross_entropy", ("(3, 4)", "(2,)")),
    "cross_entropy rank": (lambda: F.cross_entropy(t(3, 4, 5), i(0, 1, 2)), "cross_entropy", ("(3, 4, 5)",)),
    "cross_entropy vector": (lambda: F.cross_entropy(t(3), i(0, 1)), "cross_entropy", ("(3,)", "(2,)")),
    "gather rank": (lambda: t(2, 3).gather(0, i(0)), "gather", ("(2, 3)", "(1,)")),
    "gather size": (lambda: t(2, 3).gather(0, i([0] * 4)), "gather", ("(2, 3)", "(1, 4)")),
    "scatter_add": (lambda: t(2, 3).scatter_add(0, i([0, 0]), t(1, 1)), "scatter_add", ("(1, 1)", "(1, 2)")),
    "scatter_add size": (lambda: t(2, 3).scatter_add(0, i([0] * 4), t(1, 4)), "scatter_add", ("(2, 3)", "(1, 4)")),
    "setitem": (lambda: t(3).__setitem__(slice(2), t(3)), "setitem", ("(3,)", "(2,)")),
    "copy_": (lambda: t(3).copy_(t(2)), "copy_|expand", ("(2,)", "(3,)")),
    "add_": (lambda: t(3).add_(t(2, 3)), "add_", ("(2, 3)", "(3,)")),
    "grad": (lambda: setattr(leaf(3), "grad", t(2)), "grad", ("(3,)",)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_wrong_shapes(name: str) -> None:
    call, opening, quoted = SHAPES[name]
    refuses(call, ValueError if name == "cross_entropy" else RuntimeError, opening, *quoted)


NOTHING: dict[str, Callable[[], Any]] = {
    "max": lambda: t(2, 0).max(1),
    "amax": lambda: t(2, 0).amax(1),
    "aminmax": lambda: t(2, 0).aminmax(dim=1),
    "argmax": lambda: t(2, 0).argmax(),
    "argmin": lambda: t(2, 0).argmin(1),
}


@pytest.mark.parametrize("name", NOTHING)
def test_extrema_of_nothing_along_a_dim(name: str) -> None:
    refuses(NOTHING[name], IndexError, "a?(max|min)\\w*|argm\\w+", "(2, 0)")


OF_DIM: dict[str, Callable[[Tensor, int], Any]] = {
    "sum": lambda x, d: x.sum(d),
    "mean": lambda x, d: x.mean(d),
    "prod": lambda x, d: x.prod(d),
    "amax": lambda x, d: x.amax(d),
    "amin": lambda x, d: x.amin(d),
    "max": lambda x, d: x.max(d),
    "min": lambda x, d: x.min(d),
    "argmax": lambda x, d: x.argmax(d),
    "var|mean": lambda x, d: x.var(d),
    "any|sum": lambda x, d: x.any(d),
    "all|sum": lambda x, d: x.all(d),
    "cumsum": lambda x, d: x.cumsum(d),
    "cumprod": lambda x, d: x.cumprod(d),
    "softmax": lambda x, d: x.softmax(d),
    "log_softmax": lambda x, d: x.log_softmax(d),
    "squeeze": lambda x, d: x.squeeze(d),
    "transpose": lambda x, d: x.transpose(0, d),
    "permute": lambda x, d: x.permute(0, d),
    "movedim": lambda x, d: x.movedim(0, d),
    "flatten": lambda x, d: x.flatten(d),
    "gather": lambda x, d: x.gather(d, i([0])),
    "index_select": lambda x, d: x.index_select(d, i(0)),
    "scatter_add": lambda x, d: x.scatter_add(d, i([0]), x),
    "size": lambda x, d: x.size(d),
}


@pytest.mark.parametrize("dim", [2, -3, 100, -100, 2**40, 10**30])
@pytest.mark.parametrize("name", OF_DIM)
def test_dim_out_of_range(name: str, dim: int) -> None:
    refuses(lambda: OF_DIM[name](t(2, 4), dim), IndexError, name, f"dim {dim}", "(2, 4)")


def test_dim_out_of_range_to_insert_at() -> None:
    for dim in (3, -4):
        refuses(lambda dim=dim: t(2, 4).unsqueeze(dim), IndexError, "unsqueeze", f"dim {dim}", "(2, 4)")


@pytest.mark.parametrize("dims", [10**30, (-(10**30),), [0, 2**63]])
def test_dims_that_no_machine_word_holds(dims: Any) -> None:
    for name in ("sum", "any", "amax", "flip", "squeeze"):
        with pytest.raises(IndexError, match="out of range"):
            getattr(t(2, 4), name)(dims)


def test_dims_are_integers_whatever_was_asked_before() -> None:
    x = t(2, 4)
    for ask in (lambda d: x.transpose(d, 1).shape, lambda d: x.flatten(d).shape):
        wanted = ask(0)
        for dim in (np.int64(0), np.array(0), mg.tensor(0)):
            assert ask(dim) == wanted
        with pytest.raises(TypeError):
            ask(0.0)


@pytest.mark.parametrize("dim", ["0", 0.5, [0.5]])
def test_dim_that_is_no_integer(dim: Any) -> None:
    for operation in (mg.sum, mg.softmax, mg.cumsum, mg.max):
        with pytest.raises(TypeError):
            operation(t(2, 4), dim)


# ---- Indices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [3, -4, 2**62, -(2**63)])
def test_index_out_of_range(index: int) -> None:
    x, along = t(3, 3), i([index, 0, 0])
    refuses(lambda: x.gather(0, along), IndexError, "gather", "(3, 3)", "(1, 3)")
    refuses(lambda: x.scatter_add(0, along, t(1, 3)), IndexError, "scatter_add", "(1, 3)")
    refuses(lambda: x[i(index)], IndexError, "index\\w*", "(3, 3)", "(1,)")
    refuses(lambda: x[[index]], IndexError, "index\\w*", "(3, 3)", "(1,)")
    refuses(lambda: x.index_select(1, i(index)), IndexError, "index\\w*", "(3, 3)", "(1,)")
    refuses(lambda: x[index], IndexError, "index", str(index), "(3, 3)")
    refuses(lambda: x[:, index], IndexError, "index", str(index), "(3, 3)")
    refuses(lambda: x.__setitem__(index, 1.0), IndexError, "index|setitem", str(index), "(3, 3)")
    assert x.tolist() == np.ones((3, 3)).tolist()


def test_class_out_of_range() -> None:
    for target in (4, -1, 2**40):
        refuses(
            lambda target=target: F.cross_entropy(t(2, 4), i(0, target)), IndexError, "cross_entropy", "(2, 4)", "(2,)"
        )


def test_too_many_indices() -> None:
    refuses(lambda: t(2, 3)[0, 0, 0], IndexError, "index", "(2, 3)")
    refuses(lambda: t()[0], IndexError, "index", "()")


@pytest.mark.parametrize("key", ["a", 1.0, (0, "a"), t(3) > 0, {}, [0.5], object()])
def test_keys_that_are_no_index(key: Any) -> None:
    refuses(lambda: t(2, 3)[key], IndexError, "index")
    refuses(lambda: t(2, 3).__setitem__(key, 1.0), IndexError, "index|setitem")


@pytest.mark.parametrize("key", [slice("a"), (slice("a"), 0), (slice(0.5), t(3) > 0), slice(None, None, "a")])
def test_slices_of_what_is_no_integer(key: Any) -> None:
    refuses(lambda: t(3, 3)[key], TypeError, "index", "slice")
    with pytest.raises(TypeError, match=r"^(index|setitem): .*slice"):
        t(3, 3)[key] = 1.0


def test_diagonals() -> None:
    for offset in ("a", 1.5, None):
        refuses(lambda offset=offset: t(3, 3).diagonal(offset), TypeError, "diagonal", type(offset).__name__)
    for rank in (17, 19, 33, 64):
        x = mg.from_numpy(np.zeros((1,) * rank))
        refuses(x.diagonal, RuntimeError, "diagonal", "16 dimensions")


def test_steps_of_slices() -> None:
    for step in (0, -1):
        refuses(lambda step=step: t(3)[::step], ValueError, "index", str(step))


def test_index_of_floats() -> None:
    refuses(lambda: t(3, 3).gather(0, t(1, 3)), IndexError, "gather", "float32")
    refuses(lambda: t(3).index_select(0, t(1)), IndexError, "index_select", "float32")


# ---- Dtypes ----------------------------------------------------------------------------------------------------------


def test_dtype_that_cannot_carry_a_gradient() -> None:
    for dtype in (mg.int64, mg.uint8, mg.bool):
        refuses(lambda dtype=dtype: t(2, dtype=dtype).requires_grad_(), RuntimeError, "requires_grad_", dtype.name)
        refuses(lambda dtype=dtype: mg.zeros(2, dtype=dtype, requires_grad=True), RuntimeError, "zeros", dtype.name)


DTYPES: dict[str, tuple[Call, tuple[type[Exception], ...], str, tuple[str, ...]]] = {
    "mean": (lambda: t(2, dtype=mg.int64).mean(), (RuntimeError,), "mean", ("int64",)),
    "where": (lambda: mg.where(t(2), t(2), t(2)), (TypeError,), "where", ("float32",)),
    "sub of booleans": (lambda: (t(2) > 0) - (t(2) > 0), (RuntimeError,), "sub", ("bool - minigrad.bool",)),
    "sub of a mask": (lambda: 1 - (t(2) > 0), (RuntimeError,), "sub", ("int - minigrad.bool",)),
    "sub of True": (lambda: t(2) - True, (RuntimeError,), "sub", ("float32 - bool",)),
    "sub_ of a mask": (lambda: t(2).sub_(t(2) > 0), (RuntimeError,), "sub", ("float32 - minigrad.bool",)),
    "sub with alpha": (lambda: mg.sub(t(2), t(2) > 0, alpha=2), (RuntimeError,), "sub", ("float32 - minigrad.bool",)),
    "sub in vmap": (lambda: mg.vmap(lambda x: x - (x > 0))(t(2)), (RuntimeError,), "sub", ("bool",)),
    "neg of booleans": (lambda: -(t(2) > 0), (RuntimeError,), "neg", ("bool",)),
    "div_": (lambda: i(1, 2).div_(2), (RuntimeError,), "div_", ("float32", "int64")),
    "cross_entropy": (lambda: F.cross_entropy(t(2, 3), t(2)), (TypeError, RuntimeError), "cross_entropy", ("float32",)),
    "backward": (
        lambda: leaf(2).backward(t(2, dtype=mg.float32)),
        (RuntimeError,),
        "backward",
        ("float32", "float64"),
    ),
    "grad": (lambda: setattr(leaf(2), "grad", t(2)), (RuntimeError,), "grad", ("float32", "float64")),
    "device": (lambda: t(2).to("cuda"), (RuntimeError,), "to", ("cuda",)),
}


@pytest.mark.parametrize("name", DTYPES)
def test_wrong_dtypes(name: str) -> None:
    call, kind, opening, quoted = DTYPES[name]
    refuses(call, kind, opening, *quoted)


FILLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "setitem": lambda m, x, v: x.__setitem__(..., v),
    "setitem of a row": lambda m, x, v: x.__setitem__(0, v),
    "setitem by indices": lambda m, x, v: x.__setitem__(m.tensor([0]), v),
    "setitem by a mask": lambda m, x, v: x.__setitem__(x == 0, v),
    "fill_": lambda m, x, v: x.fill_(v),
    "full": lambda m, x, v: x.copy_(m.full((2,), v, dtype=x.dtype)),
    "masked_fill_": lambda m, x, v: x.masked_fill_(x == 0, v),
    "index_fill_": lambda m, x, v: x.index_fill_(0, m.tensor([0, 1]), v),
}


@pytest.mark.parametrize("name", FILLS)
def test_numbers_that_an_integer_does_not_hold(name: str) -> None:
    """They are refused where PyTorch refuses them; a negative one wraps around in an integer without a sign."""
    torch = pytest.importorskip("torch")
    for dtype in ("uint8", "int8", "int16", "int64", "bool"):
        for value in (-1, 127, 128, -129, 255, 256, 2**40, 2.7, 1e10, float("nan"), float("-inf"), True):
            ours, theirs = (m.zeros(2, dtype=getattr(m, dtype)) for m in (mg, torch))
            try:
                FILLS[name](torch, theirs, value)
            except RuntimeError:
                with pytest.raises(RuntimeError, match=rf"^\w+: {value} is out of range for {dtype}"):
                    FILLS[name](mg, ours, value)
            else:
                FILLS[name](mg, ours, value)
            assert ours.tolist() == theirs.tolist()


def test_bounds_that_an_integer_does_not_hold() -> None:
    for dtype, lower, upper in (("uint8", -1, 300), ("int8", 0, 255), ("int8", -300, 5), ("uint8", None, 256)):
        x = t(3, dtype=getattr(mg, dtype))
        refuses(lambda x=x, b=(lower, upper): x.clamp(*b), RuntimeError, "clamp", dtype)
        refuses(lambda x=x, b=(lower, upper): x.clamp_(*b), RuntimeError, "clamp", dtype)
        assert x.clamp(lower, 2.5).dtype is mg.float32
    assert t(3, dtype=mg.int8).clamp_(-128, 127).tolist() == [1, 1, 1]


@pytest.mark.parametrize("dtype", [mg.uint8, mg.int8, mg.int16, mg.int32, mg.int64])
def test_one_bound_leaves_integers_their_other_end(dtype: mg.dtype) -> None:
    info = mg.iinfo(dtype)
    x = mg.tensor([info.min, 3, info.max], dtype=dtype)
    assert x.clamp(min=4).tolist() == [4, 4, info.max]
    assert x.clamp(max=2).tolist() == [info.min, 2, 2]
    assert x.clamp_min(3).clamp_max(3).tolist() == [3, 3, 3]
    assert x.clamp(max=mg.tensor(2, dtype=dtype)).tolist() == [info.min, 2, 2]
    assert {x.clamp(min=1).dtype, x.clamp(min=mg.tensor(1, dtype=dtype)).dtype} == {dtype}
    assert x.clamp(min=True).tolist() == x.clamp(min=1).tolist()
    refuses(lambda: x.clamp(), RuntimeError, "clamp", "at least one")
    refuses(lambda: x.clamp(max=2**70), RuntimeError, "clamp", "out of range")
    assert mg.tensor([False, True]).clamp(min=True).tolist() == [True, True]
    x = t(3, dtype=mg.int8)
    refuses(lambda: mg.where(x > 1, x, 300), RuntimeError, "where", "300", "int8")
    refuses(lambda: mg.where(x > 1, -129, x), RuntimeError, "where", "-129", "int8")
    assert mg.where(x > 0, -128, x).tolist() == [-128, -128, -128]


UNUSUAL = {
    "object": np.array([1, None], dtype=object),
    "complex128": np.array([1j]),
    "text": np.array(["a", "b"]),
    "bytes": np.array([b"a"]),
    "dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
    "structured": np.zeros(2, dtype=[("a", "f4")]),
    "uint16": np.zeros(2, dtype=np.uint16),
    "uint64": np.zeros(2, dtype=np.uint64),
    "long double": np.zeros(2, dtype=np.longdouble),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_arrays_of_other_dtypes(name: str) -> None:
    array = UNUSUAL[name]
    for make in (mg.tensor, mg.from_numpy, mg.as_tensor, Tensor):
        refuses(lambda make=make: make(array), TypeError, make.__name__.lower(), str(array.dtype))
    x = t(1)
    for call in (lambda: x + array, lambda: array + x, lambda: mg.where(x > 0, x, array)):
        with pytest.raises(TypeError, match=r"^\w+: "):
            call()
    for kernel in (KERNELS[other] for other in ("add", "matmul", "exp")):
        try:
            assert kernel(*[array] * len(kernel.inputs)) is NotImplemented
        except TypeError as error:
            assert str(error).startswith(f"{kernel.name}: ")  # noqa: PT017


def test_flags_whose_truth_is_ambiguous() -> None:
    several = t(4)
    for x, g in ((t(1), None), (t(), None), (t(2), t(2))):
        y = x.requires_grad_(True) * 2
        with pytest.raises(RuntimeError, match="ambiguous"):
            y.backward(g, several)
        with pytest.raises(RuntimeError, match="ambiguous"):
            y.backward(g, False, several)


def test_what_is_no_dtype() -> None:
    for ask in (
        lambda d: mg.promote_types(d, mg.int64),
        lambda d: mg.can_cast(mg.int64, d),
        lambda d: mg.zeros(1, dtype=d),
    ):
        for wrong in (1, t(2), "text", [mg.int64]):
            with pytest.raises(TypeError, match="dtype must be one of"):
                ask(wrong)


def without_address(x: Any) -> str:
    """Return a name for a test that is the same in every process."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(x))


@pytest.mark.parametrize(
    "data", ["text", None, object(), [None], ["a"], [1j], {1: 2}, {1, 2}, [object()], b"bytes"], ids=without_address
)
def test_data_that_is_no_numbers(data: Any) -> None:
    refuses(lambda: mg.tensor(data), TypeError, "tensor")


def test_ragged_lists() -> None:
    for data in ([[1, 2], [3]], [1, [2]], [[[1]], [2]]):
        refuses(lambda data=data: mg.tensor(data), ValueError, "tensor")


def test_numbers_too_large() -> None:
    for data in (2**70, [2**70], -(2**64)):
        with pytest.raises((TypeError, OverflowError), match=r"^tensor: "):
            mg.tensor(data)


@pytest.mark.parametrize("name", ["add", "mul", "div", "maximum", "eq", "matmul", "pow"])
def test_operands_that_are_none(name: str) -> None:
    for call in (
        lambda: getattr(mg, name)(t(2), None),
        lambda: getattr(mg, name)(None, t(2)),
        lambda: getattr(mg, name)(None, None),
    ):
        refuses(call, TypeError, name)


@pytest.mark.parametrize(
    "name", ["sum", "mean", "exp", "softmax", "reshape", "max", "cumsum", "squeeze", "gather", "neg", "relu"]
)
def test_input_that_is_none(name: str) -> None:
    arguments = {"softmax": (0,), "reshape": (2,), "cumsum": (0,), "gather": (0, i(0))}.get(name, ())
    with pytest.raises(TypeError):
        getattr(mg, name)(None, *arguments)


# ---- Numbers ---------------------------------------------------------------------------------------------------------


def test_integer_division_by_zero_is_float_division() -> None:
    """Integers are divided as floats, as PyTorch divides them: there is nothing to raise about."""
    assert (i(1, -1) / 0).tolist() == [np.inf, -np.inf]
    assert np.isnan((i(0) / i(0)).item())


@pytest.mark.parametrize("sign", ["//", "%"])
def test_integer_division_by_zero(sign: str) -> None:
    divide = {"//": lambda x, y: x // y, "%": lambda x, y: x % y}[sign]
    name = {"//": "floor_divide", "%": "remainder"}[sign]
    refuses(lambda: divide(i(1, 2), i(1, 0)), ZeroDivisionError, name, "zero", "(2,), (2,)")
    refuses(lambda: divide(i(1, 2), 0), ZeroDivisionError, name, "zero", "(2,), ()")


def test_negative_power_of_integers() -> None:
    refuses(lambda: i(1, 2) ** -1, RuntimeError, "pow")


def test_label_smoothing_and_reduction() -> None:
    refuses(lambda: F.cross_entropy(t(2, 3), i(0, 1), label_smoothing=1.5), ValueError, "cross_entropy", "1.5")
    refuses(lambda: F.cross_entropy(t(2, 3), i(0, 1), reduction="no"), ValueError, "cross_entropy", "'no'")
    refuses(lambda: F.mse_loss(t(2), t(2), reduction="no"), ValueError, "mse_loss", "'no'")


def test_threads_must_be_positive() -> None:
    before = mg.get_num_threads()
    for threads in (0, -1, 1.5, "2", None):
        refuses(lambda threads=threads: mg.set_num_threads(threads), RuntimeError, "set_num_threads", repr(threads))
    assert mg.get_num_threads() == before


# ---- Backward --------------------------------------------------------------------------------------------------------


def test_backward_of_several_elements() -> None:
    refuses(lambda: (leaf(2, 3) * 2).backward(), RuntimeError, "backward", "(2, 3)")
    refuses(lambda: autograd.grad(leaf(2, 3) * 2, leaf(1)), RuntimeError, "grad", "(2, 3)")
    refuses(lambda: leaf(0).backward(), RuntimeError, "backward", "(0,)")


def test_backward_twice() -> None:
    x = leaf(2)
    loss = (x * x).sum()
    loss.backward()
    refuses(loss.backward, RuntimeError, "mul", "freed", "retain_graph=True")


def test_backward_without_a_graph() -> None:
    refuses(lambda: t(2).sum().backward(), RuntimeError, "backward", "()", "no graph")
    refuses(lambda: autograd.grad(t(1), leaf(1)), RuntimeError, "grad", "(1,)")
    with mg.no_grad():
        y = leaf(2).sum()
    refuses(y.backward, RuntimeError, "backward", "no_grad()")


def test_wrong_cotangents() -> None:
    y = leaf(2, 3) * 2
    refuses(lambda: y.backward(t(3, 2, dtype=mg.float64)), RuntimeError, "backward", "(3, 2)", "(2, 3)")
    refuses(lambda: y.backward(t(3, dtype=mg.float64)), RuntimeError, "backward", "(3,)", "(2, 3)")
    refuses(lambda: y.backward(t(2, 3)), RuntimeError, "backward", "float32", "float64")
    refuses(lambda: y.backward(np.ones((2, 3))), TypeError, "backward", "ndarray")
    refuses(lambda: autograd.backward([y, y], [y]), RuntimeError, "backward", "2", "1")
    refuses(lambda: autograd.grad(y, leaf(1), t(1, dtype=mg.float64)), RuntimeError, "grad", "(1,)", "(2, 3)")


def test_things_that_are_no_tensors() -> None:
    for call in (
        lambda: autograd.backward(3.0),
        lambda: autograd.backward([None]),
        lambda: autograd.grad("text", leaf(1)),
    ):
        with pytest.raises((TypeError, RuntimeError)):
            call()
    refuses(lambda: autograd.grad(leaf(1), None), RuntimeError, "grad")


@pytest.mark.parametrize("dtype", [mg.bool, mg.int64, mg.float32], ids=str)
@pytest.mark.parametrize("value", ["a", "5", None, b"5", {}, object, 1j], ids=repr)
def test_what_is_no_number_is_not_stored(value: Any, dtype: mg.dtype) -> None:
    x = mg.zeros(3, dtype=dtype)
    mask = mg.tensor([True, False, True])
    refuses(lambda: mg.full((2,), value, dtype=dtype), TypeError, "full")
    refuses(lambda: x.fill_(value), TypeError, "fill_|full_like")
    refuses(lambda: x.masked_fill(mask, value), TypeError, "masked_fill|where")
    for key in (0, slice(0, 2), mask):
        refuses(lambda: x.__setitem__(key, value), TypeError, "setitem")  # noqa: B023
    assert x.tolist() == [0, 0, 0]


@pytest.mark.parametrize("value", ["x", None, object, [1.0], 1j])
def test_what_is_no_number_is_no_operand(value: Any) -> None:
    refuses(
        lambda: mg.float_power(value, 2), TypeError, "float_power", f"expected a number, got {type(value).__name__}"
    )
    for among in (t(2), i(1)):
        refuses(lambda: mg.isin(value, among), TypeError, "isin", f"expected a number, got {type(value).__name__}")  # noqa: B023


@pytest.mark.parametrize("name", ["zeros", "ones", "empty", "rand", "randn"])
def test_negative_sizes(name: str) -> None:
    for size in ((-1,), (2, -(10**30)), (-1, 2**63)):
        refuses(lambda: getattr(mg, name)(size), RuntimeError, name, "must not be negative")  # noqa: B023


def test_functions_are_named_in_errors_about_their_arguments() -> None:
    with pytest.raises(TypeError, match=r"^float\(\) takes"):
        t(1).float(1, 2)
    with pytest.raises(TypeError, match=r"^copy_\(\) takes"):
        t(1).copy_(1, 2, 3)


def test_padding_goes_by_integers_whatever_was_asked_before() -> None:
    x = t(2, 3)
    for sizes in ((1.0, 2.0), (np.float32(1), 2), ("1", "2")):
        with pytest.raises(TypeError):
            mg.nn.functional.pad(x, sizes)
    for sizes in ((1, 2), [np.int64(1), np.int64(2)], np.array([1, 2]), mg.tensor([1, 2])):
        assert mg.nn.functional.pad(x, sizes, value=5.0).shape == (2, 6)
    refuses(lambda: mg.nn.functional.pad(t(*[1] * 17), (1, 1)), RuntimeError, "pad", "16 dimensions")


def test_ranges_end_where_int64_does() -> None:
    assert mg.arange(2**63 - 2, 2**63).tolist() == [2**63 - 2, 2**63 - 1]
    assert mg.arange(254, 258, dtype=mg.uint8).tolist() == [254, 255, 0, 1]  # as PyTorch's
    for call in (
        lambda: mg.arange(2**63),
        lambda: mg.arange(2**63, 2**63 + 2),
        lambda: mg.arange(0, 2**64, 2**62),
        lambda: mg.arange(10**30),
        lambda: mg.arange(-(2**63), -(2**64), -1),
    ):
        refuses(call, RuntimeError, "arange", "out of range")


# ---- Memory ----------------------------------------------------------------------------------------------------------

HUGE: dict[str, Call] = {
    "zeros": lambda: mg.zeros(2**40, 2**40),
    "zeros of one dim": lambda: mg.zeros(2**62),
    "zeros beyond int64": lambda: mg.zeros(2**70),
    "full of integers": lambda: mg.full((2**40, 2**40), 1),
    "eye": lambda: mg.eye(2**40),
    "outer": lambda: mg.outer(t(1).expand(2**40), t(1).expand(2**40)),
    "add": lambda: t(1, 1).expand(2**40, 1) + t(1, 1).expand(1, 2**40),
    "matmul": lambda: t(1, 1).expand(2**40, 1) @ t(1, 1).expand(1, 2**40),
    "expand": lambda: t(1).expand(2**40, 2**40).clone(),
    "where": lambda: mg.where(t(1, 1).expand(2**40, 1) > 0, t(1, 1).expand(1, 2**40), 0.0),
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_shapes_raise_before_allocating(name: str) -> None:
    memory.reset_peak()
    before = memory.stats()["in_use"]
    with pytest.raises((RuntimeError, ValueError, MemoryError, OverflowError)):
        HUGE[name]()
    assert memory.stats()["peak"] <= before + 1024


# Terabytes, which fit the computation of addresses.
TOO_MUCH: dict[str, Call] = {
    "zeros": lambda: mg.zeros(2**44),
    "full of integers": lambda: mg.full((2**44,), 1),
    "clone": lambda: t(1).expand(2**44).clone(),
    "add": lambda: t(2**10, 1) + t(1).expand(2**34),
    "matmul": lambda: t(1, 1).expand(2**22, 1) @ t(1, 1).expand(1, 2**22),
    "outer": lambda: mg.outer(t(1).expand(2**22), t(1).expand(2**22)),
    "gather": lambda: t(4).gather(0, i(0).expand(2**43)),
    "index rows": lambda: t(4, 2**20)[i(0).expand(2**24)],
    "cast": lambda: t(1).expand(2**44).double(),
    "softmax": lambda: t(1).expand(2**44).softmax(0),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_no_memory_is_a_memory_error(name: str) -> None:
    with pytest.raises(MemoryError):
        TOO_MUCH[name]()
    assert (t(2) + t(2)).tolist() == [2, 2]


def test_no_memory_in_backward() -> None:
    x = leaf(1)
    y = x.expand(2**44)
    with pytest.raises(MemoryError):
        autograd.grad(y, x, mg.ones(1, dtype=mg.float64).expand(2**44) * 1)


def test_rank_above_sixteen() -> None:
    x = mg.tensor(np.ones((1,) * 17))
    for call in (lambda: x + x, lambda: x.exp(), lambda: x.sum(), lambda: x.clone(), lambda: x.softmax(0)):
        with pytest.raises((RuntimeError, ValueError), match=r"^\w+: .*(17|16)"):
            call()
    assert mg.tensor(np.ones((1,) * 16)).exp().shape == (1,) * 16


# ---- Arrays that lie in memory in unusual ways -----------------------------------------------------------------------


def misaligned(n: int) -> np.ndarray[Any, Any]:
    return np.frombuffer(bytearray(8 * n + 1), dtype=np.uint8)[1:].view(np.float64)


def test_misaligned_arrays() -> None:
    array = misaligned(4)
    assert not array.flags.aligned
    array[:] = [1, 2, 3, 4]
    refuses(lambda: mg.from_numpy(array), ValueError, "from_numpy", "misaligned")
    assert mg.tensor(array).tolist() == [1, 2, 3, 4]
    x = t(4, dtype=mg.float64)
    for call, expected in (
        (lambda: x + array, [2, 3, 4, 5]),
        (lambda: array * x, [1, 2, 3, 4]),
        (lambda: x @ array, 10),
    ):
        try:
            out = call()
        except (ValueError, TypeError, RuntimeError) as error:
            assert re.match(r"\w+: .*align", str(error))  # noqa: PT017
        else:
            assert out.tolist() == expected


def test_foreign_byte_order() -> None:
    array = np.array([1.0, 2.0]).astype(">f8")
    with pytest.raises(TypeError, match=r"^from_numpy: .*>f8"):
        mg.from_numpy(array)
    for call in (lambda: t(2) + array, lambda: KERNELS["add"](array, array)):
        try:
            out = call()
        except TypeError as error:
            assert re.match(r"\w+: ", str(error))  # noqa: PT017
        else:
            assert out is NotImplemented or out.tolist() in ([2, 3], [2, 4])


def test_read_only_arrays_are_read() -> None:
    array = np.array([1.0, 2.0])
    array.flags.writeable = False
    x = mg.from_numpy(array)
    assert (x + x).tolist() == [2, 4]
    refuses(lambda: x.mul_(2), RuntimeError, "mul_", "read-only")
    with pytest.raises((ValueError, RuntimeError, TypeError)):
        KERNELS["add"].into(array, array, array)
    assert array.tolist() == [1, 2]


@pytest.mark.parametrize("factor", [0, -1])
def test_arrays_with_overlapping_memory_are_read(factor: int) -> None:
    array = np.lib.stride_tricks.as_strided(np.arange(5.0)[2:], (3, 3), (8 * factor, 8))
    assert (mg.from_numpy(array) + 1).tolist() == (array + 1).tolist()


def test_subclasses_of_arrays() -> None:
    masked = np.ma.masked_array([1.0, 2.0], mask=[True, False])
    assert mg.from_numpy(masked).tolist() == [1, 2]
    assert type(mg.from_numpy(masked).numpy()) is np.ndarray


# ---- Kernels called directly -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_kernels_refuse_wrong_arguments(name: str) -> None:
    kernel = KERNELS[name]
    for arguments in ((), (None,), ("text",) * 3, (object(),) * 30, ([],) * len(kernel.inputs + kernel.attributes)):
        if len(arguments) == len(kernel.inputs + kernel.attributes) == 0:
            continue
        with pytest.raises((TypeError, ValueError, RuntimeError), match=rf"^{name}: "):
            kernel(*arguments)
    with pytest.raises(TypeError):
        kernel(nothing=1)


ARRAY = np.ones((2, 3), np.float32)


# Kernels whose attributes are all floating-point numbers, which 2**80 is too. The one of searchsorted is a truth value,
# which every object has.
REALS = {"broken_line", "broken_line_grad", "cut", "elu", "elu_grad", "softplus", "softplus_grad"}


@pytest.mark.parametrize(
    "name", sorted(name for name in KERNELS if KERNELS[name].attributes and name != "searchsorted")
)
def test_kernels_refuse_wrong_attributes(name: str) -> None:
    kernel = KERNELS[name]
    inputs = [
        np.zeros((2, 3), np.int64) if letter == "i" else 1.0 if letter == "d" else ARRAY for letter in kernel.types
    ]
    for attribute in (None, "text", 1.5j, 2**80, (2**80,), (-(2**40),), object(), [[]]):
        if name in REALS and attribute == 2**80:
            continue
        with pytest.raises((TypeError, ValueError, RuntimeError, IndexError, OverflowError), match=r"."):
            kernel(*inputs, *[attribute] * len(kernel.attributes))


@pytest.mark.parametrize("power", range(36, 61))
def test_results_larger_than_memory(power: int) -> None:
    """The sizes lie within the classes of the pool's buffers and beyond them."""
    x = mg.ones(2, 3)
    with pytest.raises((MemoryError, RuntimeError, ValueError), match=r"memory|too big"):
        x.repeat_interleave(2**power, 0)


def test_operations_with_wrong_arity() -> None:
    for call in (
        lambda: mg.add(t(1)),
        lambda: mg.exp(),
        lambda: mg.exp(t(1), t(1), t(1)),
        lambda: mg.mul(t(1), t(1), t(1)),
    ):
        with pytest.raises(TypeError):
            call()


# ---- Fuzz ------------------------------------------------------------------------------------------------------------

FUZZ = """
import faulthandler, functools, inspect, random, sys
faulthandler.enable()
import numpy as np
import minigrad as mg
from minigrad import Tensor
from minigrad.nn import functional as F

seed, rounds, wild = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "wild"
draw, rng = random.Random(seed), np.random.default_rng(seed)
EXPECTED = (TypeError, ValueError, RuntimeError, IndexError, MemoryError, OverflowError, ZeroDivisionError)
if wild:
    EXPECTED += (AttributeError,)
SKIPPED = {"load", "save", "set_num_threads", "set_default_dtype", "set_grad_enabled", "no_grad", "enable_grad", "show_config", "Tensor",
           "Size", "cuda", "set_printoptions", "manual_seed", "Generator", "set_rng_state", "get_rng_state", "initial_seed", "dtype", "requires_grad_"}
DTYPES = [np.float32, np.float64, np.float32, np.float64, np.int64, np.int32, np.uint8, np.int8, np.bool_]
COMMON = [()]

def shape():
    if draw.random() < 0.6:
        return COMMON[0]
    return tuple(draw.choice([0, 1, 1, 2, 3, 3, 4, 7, 17]) for _ in range(draw.choice([0, 1, 1, 2, 2, 2, 3, 3, 4])))

def array():
    x = np.asarray(rng.standard_normal(shape()) * draw.choice([1, 3, 100, 0])).astype(draw.choice(DTYPES))
    if x.ndim and draw.random() < 0.3:
        x = x[tuple(slice(None, None, draw.choice([-1, 1, 2])) for _ in x.shape)]
    if x.ndim > 1 and draw.random() < 0.3:
        x = x.T
    return x

def tensor(*fixed):
    x = mg.from_numpy(rng.standard_normal(fixed) if fixed else array())
    if x.is_floating_point() and draw.random() < 0.5:
        x.requires_grad_()
    return x

def index():
    return mg.tensor(rng.integers(0 if draw.random() < 0.7 else -4, 3, draw.choice([shape(), shape(), (3,)])))

integer = lambda: draw.randint(-3, 4)
number = lambda: draw.choice([integer(), draw.random() * 4 - 2, True, 2**40, float("nan")])
sizes = lambda: draw.choice([shape(), shape()[::-1], (-1,), (2, -1)])
dims = lambda: draw.choice([integer(), integer(), (0, 1), (-1,), (0, 0), (), None])
anything_or_number = lambda: draw.choice([tensor(), number()])
# Something of the right type for a parameter, by its annotation or its name.
MAKERS = {"index": lambda: draw.choice([index, index, tensor])(), "target": lambda: draw.choice([index, index, tensor])(),
          "condition": lambda: tensor() > 0, "mask": lambda: tensor() > 0, "indices": lambda: draw.choice([index(), (index(),)]),
          "reduce": lambda: draw.choice(["mean", "amax", "sum", "prod", "add", None, "x"]), "src": anything_or_number,
          "equation": lambda: draw.choice(["ij,jk", "ij->ji", "...", "ii", "i,i", "i,,"]), "vec": lambda: tensor(3),
          "mat": lambda: tensor(3, 3), "mat1": lambda: tensor(3, 3), "mat2": lambda: tensor(3, 3),
          "batch1": lambda: tensor(2, 3, 3), "batch2": lambda: tensor(2, 3, 3),
          "size": sizes, "shape": sizes, "sizes": sizes, "dims": sizes, "shapes": shape,
          "start_dim": integer, "end_dim": integer, "dim": dims, "n": lambda: draw.randint(-2, 9),
          "m": lambda: draw.randint(-2, 9), "weight": tensor, "bias": lambda: draw.choice([tensor(), None]),
          "key": lambda: draw.choice([integer(), slice(1), ..., None, (0, ...), (slice(None, None, 2), 0), index(), [0, 1]])}
TYPES = {"Tensor": tensor, "int": integer, "float": number, "bool": lambda: draw.random() < 0.5, "Dims": dims,
         "Tensor | None": lambda: draw.choice([tensor(), None]), "Array": array, "str": lambda: draw.choice(["mean", "sum", "none", "x"])}
anything = lambda: draw.choice([tensor, tensor, tensor, array, index, integer, number])()
everything = lambda: draw.choice([anything, shape, dims, lambda: None, lambda: [1, 2], lambda: "text", lambda: object()])()

@functools.cache
def parameters(function):
    return list(inspect.signature(function).parameters.values())

def make_arguments(function):
    if wild:
        return [everything() for _ in range(draw.choice([0, 1, 1, 2, 2, 2, 3, 3, 4]))], {}
    COMMON[0] = draw.choice([shape(), (3, 3), (2, 3, 3), (3,), (4, 3)])
    positional, named = [], {}
    for p in parameters(function):
        if p.default is not p.empty and draw.random() < 0.6:
            break
        if p.annotation in ("DType | None", "_dtype.dtype | None") or p.name in ("device", "args", "kwargs", "generator"):
            break
        value = MAKERS.get(p.name, TYPES.get(str(p.annotation), anything))()
        if p.kind is p.KEYWORD_ONLY:
            named[p.name] = value
        elif p.kind is p.VAR_POSITIONAL:
            positional += list(value) if isinstance(value, tuple) and draw.random() < 0.5 else [value]
        else:
            positional.append(value)
    return positional, named

names = [n for n in sorted(mg.__all__) if n not in SKIPPED and callable(getattr(mg, n)) and not isinstance(getattr(mg, n), type)]
methods = [n for n in dir(Tensor) if n not in SKIPPED and inspect.isroutine(getattr(Tensor, n, None)) and (
    not n.startswith("_") or n in ("__getitem__", "__setitem__", "__add__", "__radd__", "__mul__", "__matmul__",
    "__rmatmul__", "__pow__", "__rpow__", "__truediv__", "__iadd__", "__imul__", "__eq__", "__lt__", "__len__", "__bool__"))]
calls = ([("mg." + n, getattr(mg, n)) for n in names if inspect.isroutine(getattr(mg, n))]
         + [("F." + n, getattr(F, n)) for n in F.__all__] + [("Tensor." + n, getattr(Tensor, n)) for n in methods])
worked, unexpected = set(), {}

def use(out):
    for y in out if isinstance(out, tuple) else (out,):
        if isinstance(y, Tensor) and y.numel() < 10_000:  # an expanded one may be of any size
            repr(y)
            if y.requires_grad:
                y.backward(mg.ones_like(y), retain_graph=True)

for _ in range(rounds):
    for name, function in calls:
        positional, named = make_arguments(function)
        if name.startswith("Tensor."):
            positional[:1] = [tensor()]
        given = ", ".join(f"{type(a).__name__}{tuple(a.shape)}{a.dtype}" if hasattr(a, "shape") else repr(a)
                          for a in [*positional, *named.values()])
        try:
            with np.errstate(all="ignore"):
                use(function(*positional, **named))
            worked.add(name)
        except EXPECTED as error:
            if not str(error) and not isinstance(error, MemoryError):
                unexpected[name] = f"{type(error).__name__} without a message: {given}"
        except Exception as error:
            unexpected.setdefault(f"{name} {type(error).__name__}", f"{error} <- ({given})")
for key, value in sorted(unexpected.items()):
    print("UNEXPECTED", key, value)
print("NEVER WORKED", *sorted({name for name, _ in calls} - worked))
print("CALLS", len(calls))
"""


def fuzz(seed: int, mode: str, folder: Path) -> list[str]:
    """Return the lines that the fuzz in a process of its own prints, having checked that it did not crash.

    It may write files into the folder.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FUZZ, str(seed), "60", mode],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert lines[-1].startswith("CALLS")
    return lines


@pytest.mark.parametrize("seed", range(4))
def test_fuzz(seed: int, tmp_path: Path) -> None:
    """Random shapes and dtypes in every public function and method: only exceptions that explain themselves."""
    lines = fuzz(seed, "typed", tmp_path)
    unexpected = [line for line in lines if line.startswith("UNEXPECTED")]
    assert not unexpected, "\n".join(unexpected)
    # The fuzz would be worth nothing if its arguments fitted few functions.
    calls, never = int(lines[-1].split()[1]), lines[-2].split()[2:]
    assert calls > 100
    assert len(never) < calls / 10, " ".join(never)


@pytest.mark.parametrize("seed", range(2))
def test_fuzz_with_anything(seed: int, tmp_path: Path) -> None:
    """Objects of any type: a mistake that Python itself may name, but no crash and no broken interpreter."""
    unexpected = [line for line in fuzz(seed, "wild", tmp_path) if line.startswith("UNEXPECTED")]
    assert not unexpected, "\n".join(unexpected)


LAYERS: dict[str, Callable[[], Any]] = {
    "Linear": lambda: mg.nn.Linear(2, 2),
    "BatchNorm1d": lambda: mg.nn.BatchNorm1d(2),
    "InstanceNorm1d": lambda: mg.nn.InstanceNorm1d(2),
    "Softmax": lambda: mg.nn.Softmax(),
    "Softmax2d": lambda: mg.nn.Softmax2d(),
    "GLU": lambda: mg.nn.GLU(),
    "ReLU6": lambda: mg.nn.ReLU6(),
    "RReLU": lambda: mg.nn.RReLU(),
    "Threshold": lambda: mg.nn.Threshold(0.1, 1.0),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("given", [[[1.0, 2.0]], 3, None, "text"], ids=str)
def test_layers_want_tensors(layer: str, given: Any) -> None:
    with pytest.raises(TypeError, match=f"Tensor.*got {type(given).__name__}"):
        LAYERS[layer]()(given)


@pytest.mark.parametrize("call", [mg.mm, mg.mv, mg.dot, mg.vdot, mg.outer, mg.bmm, mg.nn.functional.linear])
def test_products_want_tensors(call: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"Tensor.*got list"):
        call([1.0], [1.0])
    with pytest.raises(TypeError, match=r"got (list|\w*array)"):
        call(mg.ones(2, 2), [1.0])


@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss", "multi_margin_loss"])
@pytest.mark.parametrize("weighted", [False, True])
def test_targets_that_are_no_classes_are_told(loss: str, weighted: bool) -> None:
    weight = mg.ones(3) if weighted else None
    with pytest.raises(
        IndexError, match=rf"{loss}: target 7 at \(2,\) is out of range for 3 classes, got shapes \(4, 3\)"
    ):
        getattr(mg.nn.functional, loss)(mg.zeros(4, 3), mg.tensor([0, 1, 7, -1]), weight=weight)
    if loss != "multi_margin_loss":
        with pytest.raises(IndexError, match=rf"{loss}: target -1 at \(1, 0\) is out of range"):
            getattr(mg.nn.functional, loss)(mg.zeros(2, 3, 2), mg.tensor([[0, 1], [-1, -100]]), weight=weight)


DIMS: dict[str, Any] = {
    "sum": lambda x, d: x.sum(d),
    "softmax": lambda x, d: x.softmax(d),
    "cumsum": lambda x, d: x.cumsum(d),
    "sort": lambda x, d: x.sort(d),
    "unsqueeze": lambda x, d: x.unsqueeze(d),
    "cat": lambda x, d: mg.cat([x, x], d),
    "gather": lambda x, d: x.gather(d, mg.zeros(1, 1, dtype=mg.int64)),
}


@pytest.mark.parametrize("name", DIMS)
def test_dims_that_are_no_integers(name: str) -> None:
    for dim in ("a", 1.5, object(), 1j):
        with pytest.raises(TypeError, match=f"^{name}: dim must be an integer, got {type(dim).__name__}$"):
            DIMS[name](mg.ones(2, 3), dim)


#: Functions of sizes or shifts.
SIZES: dict[str, Callable[[Any], Any]] = {
    "zeros": mg.zeros,
    "rand": mg.rand,
    "full": lambda s: mg.full(s, 1.0),
    "reshape": lambda s: mg.ones(2).reshape(s),
    "view": lambda s: mg.ones(2).view(s),
    "expand": lambda s: mg.ones(1).expand(s),
    "repeat": lambda s: mg.ones(1).repeat(s),
    "unflatten": lambda s: mg.ones(2).unflatten(0, s),
    "roll": lambda s: mg.ones(2).roll(s),
    "split": lambda s: mg.ones(2).split(s),
    "movedim": lambda s: mg.ones(2, 3).movedim(s, 0),
}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("size", [(1.0, 2.0), [1.7], "23", (2, None), mg.ones(2), object()])
def test_sizes_that_are_no_integers(name: str, size: Any) -> None:
    opening = {"split": "split|split_with_sizes"}.get(name, name)
    refuses(lambda: SIZES[name](size), TypeError, opening, "expected integers, one by one or in a sequence, got")


def test_sizes_may_be_arrays() -> None:
    assert mg.zeros(np.array([2, 3])).shape == mg.zeros(mg.tensor([2, 3])).shape == (2, 3)
    assert mg.ones(2, 3).sum(range(2)).item() == mg.ones(2, 3).sum(np.array([0, 1])).item() == 6


#: Functions of a count or a place, and what they call it.
COUNTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "chunk": ("chunks", lambda n: mg.ones(4).chunk(n)),
    "flatten": ("end_dim", lambda n: mg.ones(4, 2).flatten(0, n)),
    "linspace": ("steps", lambda n: mg.linspace(0, 1, n)),
    "logspace": ("steps", lambda n: mg.logspace(0, 1, n)),
    "narrow": ("length", lambda n: mg.ones(4).narrow(0, 0, n)),
    "one_hot": ("num_classes", lambda n: F.one_hot(i(0, 0), n)),
    "randperm": ("n", mg.randperm),
    "select": ("index", lambda n: mg.ones(4).select(0, n)),
    "tensor_split": ("an index", lambda n: mg.ones(4).tensor_split([1, n])),
    "transpose": ("dim1", lambda n: mg.ones(4, 2).transpose(0, n)),
    "triu_indices": ("offset", lambda n: mg.triu_indices(2, 2, n)),
    "unfold": ("size", lambda n: mg.ones(4).unfold(0, n, 1)),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_that_are_no_integers(name: str) -> None:
    what, call = COUNTS[name]
    for n in ("1", 1.0, None):
        refuses(lambda n=n: call(n), TypeError, name, f"{what} must be an integer, got {type(n).__name__}")
    call(np.int64(1))


def test_values_of_another_kind() -> None:
    x = mg.ones(3)
    with pytest.raises(TypeError, match=r"data: value must be a Tensor, got numpy\.ndarray"):
        x.data = np.ones(3)
    for count in (1.5, "a", mg.tensor(1.0), None):
        with pytest.raises(TypeError, match=r"multinomial: (num_samples must be an integer|only one integer)"):
            x.multinomial(count)
    assert tuple(x.multinomial(np.int64(2)).shape) == (2,)
    with pytest.raises(TypeError, match="histc: bins must be an integer, got Tensor"):
        mg.histc(x, mg.tensor(3))
    with pytest.raises(TypeError, match="pad_sequence: needs a sequence of tensors, got one of int"):
        mg.nn.utils.rnn.pad_sequence([1, 2])


def test_values_of_another_dtype_are_searched_for() -> None:
    edges = mg.tensor([0, 2, 4])
    assert mg.searchsorted(edges, mg.tensor([1.5, 3.9])).tolist() == [1, 2]
    assert mg.bucketize(mg.tensor([1, 3]), mg.tensor([0.5, 2.5])).tolist() == [1, 2]


# ---- Functions as users call them ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "opening", "text"),
    [
        (lambda x: mg.unique(x, sorted=1), "unique", "sorted must be True or False, got int"),
        (lambda x: x.sort(stable="a"), "sort", "stable must be True or False, got str"),
        (lambda x: mg.nonzero(x, as_tuple=None), "nonzero", "as_tuple must be True or False, got NoneType"),
        (lambda x: F.dropout(x, 0.5, x), "dropout", "training must be True or False, got Tensor"),
        (lambda x: F.kl_div(x, x, log_target=1), "kl_div", "log_target must be True or False, got int"),
        (lambda x: x.put_(i(0), x[:1], 2), "put_", "accumulate must be True or False, got int"),
        (lambda x: x.round(decimals=1.5), "round", "decimals must be an integer, got float"),
        (lambda x: x.round_(decimals=1.5), "round_", "decimals must be an integer, got float"),
        (lambda x: F.embedding(i(0), x[None], padding_idx=0.5), "embedding", "padding_idx must be an integer"),
        (lambda x: mg.isclose(x, x, "a"), "isclose", "rtol must be a number, got str"),
        (lambda x: x.logit("a"), "logit", "eps must be a number, got str"),
        (lambda x: F.layer_norm(x, (3,), eps=None), "layer_norm", "eps must be a number, got NoneType"),
        (lambda x: mg.std(x, unbiased=2), "std", "unbiased must be True or False, got int"),
        (lambda x: mg.cumsum(x, 0, out=2), "cumsum", "out must be a tensor"),
        (lambda x: mg.cov(x, fweights="a"), "cov", "fweights must be a Tensor, got str"),
        (lambda x: x.scatter(0, i(0), x, value=1.0), "scatter", "src and value"),
        (lambda x: x.reshape(3, shape=(3,)), "reshape", "not both"),
    ],
)
def test_arguments_are_what_they_are_declared_as(call: Callable[[Tensor], Any], opening: str, text: str) -> None:
    refuses(lambda: call(mg.tensor([1.0, 2.0, 3.0])), TypeError, opening, text)


def test_what_stands_for_flags_and_numbers_is_taken() -> None:
    x = mg.tensor([3.0, 1.0])
    assert x.sort(descending=np.True_)[0].tolist() == [3.0, 1.0]
    assert x.round(decimals=np.int64(0)).tolist() == [3.0, 1.0]
    assert mg.isclose(x, x, mg.tensor(0.0), np.float32(0)).all()
    assert x.roll(mg.tensor(1)).tolist() == [1.0, 3.0]


def test_errors_of_an_alias_and_within_open_with_the_function_that_was_called() -> None:
    x = t(3)
    for call, opening in (
        (lambda: mg.absolute("a"), "absolute"),
        (lambda: x.arccos_("a"), r"arccos_\(\)"),
        (lambda: F.selu(None), "selu"),
        (lambda: mg.addmm(x, None, x), "addmm"),
        (lambda: x.clamp_("a"), "clamp"),
        (lambda: mg.multinomial(x, 2, True, None, 5), r"multinomial\(\)"),
        (lambda: nn.Softplus(beta="a")(x), "softplus"),
    ):
        with pytest.raises(TypeError, match=f"^{opening}[: ]"):
            call()


def test_errors_of_the_users_code_stay_as_they_are() -> None:
    def distance(a: Tensor, b: Tensor) -> Tensor:
        raise ValueError("mine: as it is")

    with pytest.raises(ValueError, match=r"^mine: as it is$"):
        F.triplet_margin_with_distance_loss(t(2, 2), t(2, 2), t(2, 2), distance_function=distance)


def test_errors_in_code_without_a_module() -> None:
    """What is run by exec() in a plain dict has no __name__."""
    refuses(lambda: eval("f('a')", {"f": t(2).reshape}), TypeError, "reshape", "'a'")
    refuses(lambda: eval("f('a')", {"f": mg.zeros}), TypeError, "zeros", "'a'")
