"""``out=``: PyTorch's functions that take it, and its rules."""

from __future__ import annotations

import contextlib
import copy
import inspect
import pickle
import re
import warnings
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import _core, _out

NAMES = [name for name in (*_out.NAMES, *_out.MAKERS) if hasattr(mg, name)]

#: PyTorch's text says that they take it; they do not.
NOT_REALLY = {"std_mean", "var_mean"}

#: Arguments for those that take other things than the first few of `candidates`.
CALLS: dict[str, Any] = {
    "addcdiv": lambda o: ((o.x, o.x, o.y), {}),
    "addcmul": lambda o: ((o.x, o.x, o.y), {}),
    "addmm": lambda o: ((o.m, o.m, o.m), {}),
    "addmv": lambda o: ((o.m[0], o.m, o.m[0]), {}),
    "aminmax": lambda o: ((o.x,), {"dim": 0}),
    "arange": lambda o: ((4,), {}),
    "baddbmm": lambda o: ((o.b, o.b, o.b), {}),
    "bucketize": lambda o: ((o.x, o.sorted), {}),
    "clamp": lambda o: ((o.x, 0.3, 0.6), {}),
    "clip": lambda o: ((o.x, 0.3, 0.6), {}),
    "cross": lambda o: ((o.m, o.m.t()), {"dim": 0}),
    "empty": lambda o: ((0,), {}),
    "eye": lambda o: ((2, 3), {}),
    "full": lambda o: (((2, 3), 1.5), {}),
    "gather": lambda o: ((o.x, 0, o.i[:1]), {}),
    "index_add": lambda o: ((o.m, 0, o.rows, o.m), {}),
    "index_copy": lambda o: ((o.m, 0, o.rows, o.m), {}),
    "index_reduce": lambda o: ((o.m, 0, o.rows, o.m, "amax"), {}),
    "index_select": lambda o: ((o.m, 0, o.rows), {}),
    "kthvalue": lambda o: ((o.x, 1), {}),
    "lerp": lambda o: ((o.x, o.y, 0.25), {}),
    "linspace": lambda o: ((0, 1, 5), {}),
    "logspace": lambda o: ((0, 1, 5), {}),
    "masked_select": lambda o: ((o.x, o.x > 0.4), {}),
    "multinomial": lambda o: ((o.x, 2), {}),
    "norm": lambda o: ((o.x, 2, 0), {}),
    "normal": lambda o: ((0.0, 1.0, (3,)), {}),
    "ones": lambda o: ((2, 3), {}),
    "outer": lambda o: ((o.m[0], o.m[1]), {}),
    "rand": lambda o: ((3,), {}),
    "randint": lambda o: ((9, (3,)), {}),
    "randn": lambda o: ((3,), {}),
    "randperm": lambda o: ((3,), {}),
    "renorm": lambda o: ((o.x, 2, 0, 0.5), {}),
    "scatter": lambda o: ((o.m, 0, o.i[:, :2], o.m), {}),
    "scatter_add": lambda o: ((o.m, 0, o.i[:, :2], o.m), {}),
    "searchsorted": lambda o: ((o.sorted, o.x), {}),
    "take": lambda o: ((o.x, o.i), {}),
    "take_along_dim": lambda o: ((o.x, o.i[:1], 0), {}),
    "topk": lambda o: ((o.x, 1), {}),
    "where": lambda o: ((o.x > 0.4, o.x, o.y), {}),
    "zeros": lambda o: ((2, 3), {}),
}
DRAWN = {"bernoulli", "empty", "multinomial", "normal", "rand", "randint", "randn", "randperm"}


class Operands:
    def __init__(self, lib: Any) -> None:
        draw = np.random.default_rng(0)
        x, y = draw.uniform(0.1, 0.9, (2, 2, 3))
        self.x, self.y, self.m, self.b = (lib.tensor(v) for v in (x, y, draw.normal(size=(3, 3)), x.reshape(1, 2, 3)))
        self.b = lib.tensor(draw.normal(size=(2, 3, 3)))
        self.i = lib.tensor([[0, 1, 1], [1, 0, 1], [0, 0, 1]])
        self.rows = lib.tensor([2, 0, 1])
        self.sorted = lib.tensor([0.2, 0.5, 0.7], dtype=lib.float64)


def candidates(o: Operands) -> list[tuple[Any, ...]]:
    """Return arguments that most functions take: the first that PyTorch takes, with out= as well, are meant."""
    floats = [(o.x,), (o.x + 1,), (o.x, o.y), (o.m, o.m), (o.b, o.b), (o.m, o.m[0]), (o.m[0], o.m[0])]
    return [*floats, (o.x, 0), (o.m, 1), ((o.x, o.y),), (o.i,), (o.i, o.i), ([o.m, o.m],)]


def arguments(name: str) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """Return the arguments for ours and for PyTorch's."""
    torch = pytest.importorskip("torch")
    both = Operands(mg), Operands(torch)
    if name in CALLS:
        calls = [CALLS[name](o) for o in both]
        return [args for args, _ in calls], calls[0][1]
    for ours, theirs in zip(*map(candidates, both), strict=True):
        try:
            out = getattr(torch, name)(*theirs)
            getattr(torch, name)(
                *theirs, out=tuple(map(torch.empty_like, out)) if isinstance(out, tuple) else torch.empty_like(out)
            )
        except (TypeError, RuntimeError, IndexError):
            continue
        return [ours, theirs], {}
    raise AssertionError(f"{name}: needs arguments of its own in CALLS")


def several(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, tuple) else (x,)


def test_the_functions_are_pytorchs() -> None:
    """The signatures at the beginning of PyTorch's documentation name out."""
    torch = pytest.importorskip("torch")
    for name in dir(torch):
        text = getattr(getattr(torch, name), "__doc__", None)
        if name.startswith("_") or not hasattr(mg, name) or not isinstance(text, str) or name in NOT_REALLY:
            continue
        if inspect.isclass(getattr(torch, name)) or not re.search(
            rf"^ *(torch\.)?{name}\([^)]*\bout\b", text[:1500], re.MULTILINE
        ):
            continue
        assert isinstance(getattr(mg, name), _core.Deflection), name


@pytest.mark.filterwarnings("ignore:index_reduce")
@pytest.mark.parametrize("name", NAMES)
def test_results_are_stored_as_pytorch_does(name: str) -> None:
    torch = pytest.importorskip("torch")
    (ours, theirs), options = arguments(name)
    function = getattr(mg, name)
    expected = several(getattr(torch, name)(*theirs, **options))
    plain = several(function(*ours, **options))
    outs = tuple(mg.zeros(x.shape, dtype=x.dtype) for x in plain)
    memory = [x._array for x in outs]
    result = function(*ours, **options, out=outs if len(outs) > 1 else outs[0])
    for out, r, known, there in zip(outs, several(result), memory, expected, strict=True):
        assert r is out
        assert out._array is known
        assert tuple(out.shape) == tuple(there.shape)
        if name not in DRAWN:
            np.testing.assert_allclose(out.numpy(), there.numpy(), rtol=1e-12)
    if len(outs) > 1:
        assert type(result).__name__ == type(function(*ours, **options)).__name__


def test_the_first_ones_of_other_shapes_get_new_memory() -> None:
    torch = pytest.importorskip("torch")
    x = np.array([1.0, 4.0, 9.0])
    for lib in (mg, torch):
        out = lib.zeros(2, dtype=lib.float64)
        part = out[:1]
        with pytest.warns(UserWarning, match="shape"):
            assert lib.sqrt(lib.tensor(x), out=out) is out
        assert out.tolist() == [1.0, 2.0, 3.0]
        assert part.tolist() == [0.0] or lib is torch
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            empty = lib.empty(0)
            lib.sqrt(lib.tensor([1.0, 4.0]), out=empty)
        assert empty.tolist() == [1.0, 2.0]


def test_nothing_is_shared_with_an_argument() -> None:
    x, out = mg.tensor([1.0, 2.0]), mg.empty(0)
    mg.clamp(x, out=out, min=0)
    mg.cat([x], out=(empty := mg.empty(0)))
    for o in (out, empty):
        o.zero_()
    assert x.tolist() == [1.0, 2.0]


def test_a_result_may_lie_over_its_arguments() -> None:
    x = mg.tensor([1.0, 2.0, 3.0, 4.0])
    mg.add(x[:-1], x[1:], out=x[1:])
    assert x.tolist() == [1.0, 3.0, 5.0, 7.0]
    square = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
    mg.matmul(square, square, out=square.t())
    assert square.tolist() == [[7.0, 15.0], [10.0, 22.0]]


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64, mg.int64, mg.uint8, mg.bool, mg.float16])
def test_comparisons_and_logic_are_stored_in_any_dtype(dtype: Any) -> None:
    x, y = mg.tensor([0, 1, 2, 0]).to(dtype), mg.tensor([0, 1, 0, 1]).to(dtype)
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"):
        function = getattr(mg, name)
        right = function(x, y)
        assert right.dtype is mg.bool
        place = x.clone()
        memory = place._array
        assert getattr(place, f"{name}_")(y) is place
        assert place._array is memory
        assert place.dtype is dtype
        assert place.tolist() == right.to(dtype).tolist()
        assert function(x, y, out=(out := mg.zeros(4, dtype=dtype))) is out
        assert out.tolist() == right.to(dtype).tolist()
    assert x.clone().logical_not_().tolist() == mg.logical_not(x).to(dtype).tolist()


def test_a_smaller_result_is_not_repeated_in_a_turned_place() -> None:
    x, out = mg.tensor([1.0, 2.0]), mg.zeros(2, 3)
    with pytest.warns(UserWarning, match="shape"):
        mg.add(x, x, out=out.t())
    assert out.tolist() == [[0.0] * 3] * 2
    turned = out.t()
    mg.add(mg.ones(3, 2), 1, out=turned)
    assert out.tolist() == [[2.0] * 3] * 2


def test_operands_of_several_dtypes_are_promoted_first() -> None:
    whole = mg.tensor([1, 2])
    assert mg.add(whole, 0.5, out=mg.zeros(2)).tolist() == [1.5, 2.5]
    assert mg.mul(mg.tensor([1.5, 2.0]), whole, out=mg.zeros(2, dtype=mg.float64)).tolist() == [1.5, 4.0]
    assert mg.lt(whole, 1.5, out=mg.zeros(2)).tolist() == [1.0, 0.0]
    assert mg.clamp(whole, 0.5, 1.5, out=mg.zeros(2)).tolist() == [1.0, 1.5]
    with pytest.raises(ZeroDivisionError, match=r"^floor_divide: integer division by zero"):
        mg.floor_divide(whole, 0, out=whole)


@pytest.mark.parametrize("dtype", [mg.uint8, mg.int8, mg.int64, mg.float32])
def test_bounds_of_integers_are_in_their_range(dtype: Any) -> None:
    x = mg.tensor([0, 3, 100]).to(dtype)
    calls: list[Any] = [
        lambda t: t.clamp_(2, 5),
        lambda t: t.clamp_(min=2),
        lambda t: t.clamp_(max=2),
        lambda t: t.clamp_min_(2),
        lambda t: t.clamp_max_(2),
        lambda t: t.clamp_(min=mg.tensor([1, 4, 2]).to(dtype)),
    ]
    rights = [[2, 3, 5], [2, 3, 100], [0, 2, 2], [2, 3, 100], [0, 2, 2], [1, 4, 100]]
    for call, right in zip(calls, rights, strict=True):
        assert call(x.clone()).tolist() == right
    for bound in (2**8, 2**70, -(2**7) - 1):
        results = []
        for function in (mg.clamp, mg.Tensor.clamp_):
            try:
                results.append(function(x.clone(), min=bound).tolist())
            except (RuntimeError, OverflowError) as error:
                results.append(str(error).replace("clamp_", "clamp"))
        assert results[0] == results[1]


def test_divisors_and_multiples() -> None:
    x, y = mg.tensor([[12], [-18], [0]]), mg.tensor([8, 0, -27])
    assert mg.gcd(x, y).tolist() == [[4, 12, 3], [2, 18, 9], [8, 0, 27]]
    assert mg.lcm(x, y).tolist() == [[24, 0, 108], [72, 0, 54], [0, 0, 0]]
    assert mg.gcd(x, mg.tensor(4, dtype=mg.int8)).dtype is mg.int64
    assert x.clone().gcd_(mg.tensor([6])).tolist() == [[6], [6], [6]]
    assert x.clone().lcm_(mg.tensor([4])).tolist() == [[12], [36], [0]]
    assert mg.gcd(x, y, out=mg.zeros(3, 3, dtype=mg.int64)).tolist() == mg.gcd(x, y).tolist()
    for wrong in (mg.tensor([1.5]), mg.tensor([True])):
        with pytest.raises((TypeError, RuntimeError), match=r"^gcd: "):
            mg.gcd(wrong, wrong)


@pytest.mark.parametrize("given", ["bool", "uint8", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("made", ["bool", "int64", "float32"])
def test_dtypes_are_cast_where_pytorch_casts(given: str, made: str) -> None:
    torch = pytest.importorskip("torch")
    results = []
    for lib in (mg, torch):
        x = lib.tensor([0, 1, 1], dtype=getattr(lib, made))
        out = lib.zeros(3, dtype=getattr(lib, given))
        if lib is mg and "biuf".index(out._array.dtype.kind.replace("u", "i")) < "biuf".index(x._array.dtype.kind):
            with pytest.raises(RuntimeError, match=r"^mul: a result of .* cannot be stored in out"):
                mg.mul(x, x, out=out)
        with contextlib.suppress(RuntimeError):
            lib.mul(x, x, out=out)
        results.append(out.tolist())
    assert results[0] == results[1]


def test_makers_make_the_dtype_of_out() -> None:
    mg.random.manual_seed(3)
    expected = mg.rand(4, dtype=mg.float64)
    mg.random.manual_seed(3)
    out = mg.zeros(4, dtype=mg.float64)
    assert mg.rand(4, out=out).tolist() == expected.tolist()


def test_misuse() -> None:
    x, w = mg.ones(2), mg.ones(2, requires_grad=True)
    for call in (
        lambda: mg.exp(w, out=mg.zeros(2)),
        lambda: mg.exp(x, out=w),
        lambda: mg.exp(x, out=w * 1),
        lambda: mg.cat([x, w], out=mg.zeros(4)),
        lambda: mg.mul(x, other=w, out=mg.zeros(2)),
    ):
        with pytest.raises(RuntimeError, match=r"^\w+: with out= no gradient is recorded.*no_grad\(\)"):
            call()
    with mg.no_grad():
        mg.exp(w, out=w)
    assert w.is_leaf
    with pytest.raises(TypeError, match=r"^exp: out must be a tensor, got ndarray"):
        mg.exp(x, out=np.zeros(2))
    for outs in (x, (x, x, x)):
        with pytest.raises(TypeError, match=r"^sort: out must be 2 tensors"):
            mg.sort(x, out=outs)
    with pytest.raises(RuntimeError, match=r"^exp: .*float32.*int64"):
        mg.exp(x, out=mg.zeros(2, dtype=mg.int64))
    with pytest.raises(TypeError):
        x.exp(out=x)
    assert mg.exp(x, out=None).tolist() == x.exp().tolist()


def test_a_stored_result_is_a_change() -> None:
    w, y = mg.ones(2, requires_grad=True), mg.ones(2)
    loss = (w * y).sum()
    mg.exp(y, out=y)
    with pytest.raises(RuntimeError, match=r"^mul: its y.*changed in place"):
        loss.backward()


def test_linalg_takes_it_too() -> None:
    m, out = mg.tensor([[3.0, 4.0], [0.0, 5.0]]), mg.empty(2)
    assert mg.linalg.norm(m, dim=1, out=out) is out
    assert out.tolist() == [5.0, 5.0]


def test_they_pass_for_functions() -> None:
    assert inspect.isroutine(mg.exp)
    assert mg.exp.__name__ == "exp"
    assert "logarithm" in (mg.log.__doc__ or "")
    assert str(inspect.signature(mg.matmul)).startswith("(input")
    assert copy.deepcopy(mg.exp) is mg.exp
    assert pickle.loads(pickle.dumps(mg.exp)) is mg.exp

    class Layer:
        activation = mg.tanh

    x = mg.ones(2)
    assert Layer().activation(x).tolist() == x.tanh().tolist()
