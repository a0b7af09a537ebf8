"""Views and writes into memory: who shares what, what the graph learns of it, and what it refuses."""

from __future__ import annotations

import copy
import gc
import inspect
import math
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import in_threads, with_threads

import minigrad as mg
from minigrad import Tensor, _core, autograd
from minigrad._methods import in_place_forms
from minigrad.graph import next_sequence
from worked import const, leaf, values

Array = np.ndarray[Any, Any]


# ---- The two of the plan ---------------------------------------------------------------------------------------------


def test_write_through_a_view_reaches_the_base() -> None:
    x = leaf([1.0, 2.0, 3.0])
    y = x.clone()
    v = y[1:]
    v.mul_(2)
    assert values(y) == [1, 4, 6]
    (y * const([1.0, 10.0, 100.0])).sum().backward()
    assert values(x.grad) == [1, 20, 200]


def test_assignment_to_an_element() -> None:
    x = leaf([1.0, 2.0, 3.0])
    y = x.clone()
    y[0] = 5
    assert values(y) == [5, 2, 3]
    (y * y).sum().backward()
    assert values(x.grad) == [0, 4, 6]


def test_write_to_the_base_reaches_the_view() -> None:
    x = leaf([1.0, 2.0, 3.0])
    y = x.clone()
    v = y[1:]
    y.mul_(const([2.0, 3.0, 4.0]))
    assert values(v) == [6, 12]
    v.sum().backward()
    assert values(x.grad) == [0, 3, 4]


def test_assigned_tensor_gets_its_gradient() -> None:
    x, w = leaf([1.0, 2.0, 3.0]), leaf(7.0)
    y = x * 2
    y[1] = w * w
    (y * const([1.0, 10.0, 100.0])).sum().backward()
    assert values(x.grad) == [2, 0, 200]
    assert values(w.grad) == 140


def test_assignment_into_a_constant_makes_it_depend() -> None:
    w = leaf([1.0, 2.0])
    buffer = mg.zeros(3, dtype=mg.float64)
    view = buffer[1:]
    buffer[1:] = w * 3
    assert buffer.requires_grad
    assert view.requires_grad
    (buffer.sum() + view.sum()).backward()
    assert values(w.grad) == [6, 6]


# ---- A table of programs, against PyTorch ----------------------------------------------------------------------------

Program = Callable[[Any, Any], Any]
PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Add a program, a function of a (3, 4) tensor and a (4,) tensor that both PyTorch and minigrad run."""
    PROGRAMS[function.__name__] = function
    return function


@program
def base_written_after_the_view(x: Any, w: Any) -> Any:
    y = x.clone()
    v = y[1:]
    y.mul_(3)
    return (v * v).sum() + y.sum()


@program
def view_of_a_view(x: Any, w: Any) -> Any:
    y = x * 2
    v = y[1:]
    u = v[:, 1:3]
    u.mul_(w[0])
    return (y * y).sum() + (v * x[1:]).sum()


@program
def view_of_a_view_written_at_every_level(x: Any, w: Any) -> Any:
    y = x * 2
    v = y[1:]
    u = v[0]
    u.mul_(w)
    v.add_(x[1:])
    y.mul_(x)
    return (u * w).sum() + (v * v).sum() + y.exp().sum()


@program
def transposed(x: Any, w: Any) -> Any:
    y = x.clone()
    y.t()[1].mul_(5)
    return (y * y).sum()


@program
def transposed_assignment(x: Any, w: Any) -> Any:
    y = x.clone()
    y.t()[:] = w.reshape(4, 1)
    return (y * x).sum()


@program
def permuted(x: Any, w: Any) -> Any:
    y = x.reshape(3, 2, 2).clone()
    y.permute(2, 0, 1)[0].mul_(x[:, :2])
    return (y * y).sum()


@program
def reshaped(x: Any, w: Any) -> Any:
    y = x.clone()
    v = y.reshape(-1)
    v[3:9] = v[3:9] * 2
    return (y * y).sum() + v[5]


@program
def unsqueezed_and_squeezed(x: Any, w: Any) -> Any:
    y = x.clone()
    y.unsqueeze(1)[0].mul_(w)
    y.unsqueeze(0).squeeze(0)[2].add_(w)
    return (y * y).sum()


@program
def flattened(x: Any, w: Any) -> Any:
    y = x.clone()
    y.flatten()[::2].mul_(0)
    return (y * x).sum()


@program
def expanded_base_written(x: Any, w: Any) -> Any:
    y = w.clone()
    v = y.expand(3, 4)
    y.mul_(2)
    return (v * x).sum() + y.sum()


@program
def several_views(x: Any, w: Any) -> Any:
    y = x.clone()
    a, b, c = y[0], y[:, 1], y[1:, ::2]
    a.mul_(w)
    b.add_(1)
    c.mul_(3)
    return (a * w).sum() + (b * b).sum() + c.sum() + (y * x).sum()


@program
def in_place_with_a_tensor_that_needs_a_gradient(x: Any, w: Any) -> Any:
    y = x.clone()
    y.mul_(w)
    y.add_(w * w)
    y[1].sub_(w)
    y[2].div_(w)
    return (y * y).sum()


@program
def operators(x: Any, w: Any) -> Any:
    y = x * 1
    y += w
    y *= 2
    y -= x
    y /= 3
    y **= 2
    return (y * x).sum()


@program
def operators_on_views(x: Any, w: Any) -> Any:
    y = x * 1
    y[1] += w
    y[:, 2] *= 3
    y[0, 0] -= w[1]
    return (y * y).sum()


@program
def filled_and_zeroed(x: Any, w: Any) -> Any:
    y = x.clone()
    y[0].zero_()
    y[:, 1].fill_(2)
    return (y * x).sum()


@program
def copied(x: Any, w: Any) -> Any:
    y = x.clone()
    y[1:].copy_(w)
    y[0].copy_(y[2])
    return (y * y * x).sum()


@program
def set_slices(x: Any, w: Any) -> Any:
    y = x * 2
    y[1:, 1:3] = w[:2]
    y[:, -1] = 7
    return (y * y * x).sum()


@program
def set_stepped_slices(x: Any, w: Any) -> Any:
    y = x * 2
    y[::2, 1::2] = w[2:]
    return (y * y * x).sum()


@program
def set_with_none(x: Any, w: Any) -> Any:
    y = x * 2
    y[None, 1] = w
    y[:, None, 0] = w[3]
    return (y * y * x).sum()


@program
def set_with_ellipsis(x: Any, w: Any) -> Any:
    y = x * 2
    y[..., 0] = w[1]
    y[1, ...] = w
    y[...] = y * 3
    return (y * y).sum()


@program
def set_with_negative_index(x: Any, w: Any) -> Any:
    y = x * 2
    y[-1] = w
    y[-2, -1] = w[0]
    return (y * y * x).sum()


@program
def set_whole(x: Any, w: Any) -> Any:
    y = x * 2
    v = y[1]
    y[:] = w
    return (y * x).sum() + (v * v).sum()


@program
def view_made_before_and_after(x: Any, w: Any) -> Any:
    y = x.clone()
    before = y[1]
    y[1] = w
    after = y[1]
    return (before * after * x[0]).sum()


@program
def overwritten_twice(x: Any, w: Any) -> Any:
    y = x.clone()
    y[0] = w
    y[0] = w * w
    y[0, 0] = 3
    return (y * y).sum()


@program
def constant_base(x: Any, w: Any) -> Any:
    y = (x * 0).detach()
    v = y[1]
    v.add_(w)
    return (y * x).sum() + v.sum()


@program
def view_read_by_an_earlier_operation(x: Any, w: Any) -> Any:
    y = x.clone()
    v = y[0]
    early = (v + w).sum()  # keeps nothing, so the write is harmless
    v.mul_(w)
    return early * (v * v).sum()


@program
def detached_alias_of_another_row(x: Any, w: Any) -> Any:
    y = x.clone()
    d = y.detach()[0]
    y[1].mul_(w)
    return (y * y).sum() + (d * w).sum()


@program
def write_under_no_grad(x: Any, w: Any) -> Any:
    y = x.clone()
    lib = mg if isinstance(x, Tensor) else pytest.importorskip("torch")
    with lib.no_grad():
        y[0] = 4
        y.mul_(2)
    return (y + x).sum()


@program
def view_under_a_loop(x: Any, w: Any) -> Any:
    y = x.clone()
    for i in range(3):
        y[i] = x[i] * w[i]
        if i:
            y[i] = y[i] + y[i - 1]
    return (y * x).sum()


# Programs that PyTorch refuses.


def function_after_function(x: Any, w: Any) -> Any:
    y = x.clone()
    y[0].exp_()
    y[1].sin_()
    y[2].tanh_()
    y.sigmoid_()
    return (y * x).sum()


def overlapping_views(x: Any, w: Any) -> Any:
    y = x.clone()
    a, b = y[:2], y[1:]
    a.mul_(2)
    b.mul_(a)
    return (a * a).sum() + b.sum()


def set_one_part_by_another(x: Any, w: Any) -> Any:
    y = x * 2
    y[0] = y[1]
    y[1:] = y[:2]
    return (y * y * x).sum()


def product_with_itself(x: Any, w: Any) -> Any:
    y = x.clone()
    y[1:].mul_(y[1:])
    return y.sum()


def row_by_row(x: Any, w: Any) -> Any:
    y = x.clone()
    for i in range(3):
        y[i] = y[i] * w[i]
    return (y * x).sum()


REFUSED = [function_after_function, overlapping_views, set_one_part_by_another, product_with_itself, row_by_row]

X = np.random.default_rng(0).uniform(0.5, 1.5, (3, 4))
W = np.random.default_rng(1).uniform(0.5, 1.5, 4)


def run_minigrad(function: Program) -> tuple[Array, list[Array]]:
    x, w = leaf(X), leaf(W)
    out = function(x, w)
    found = autograd.grad(out, (x, w), materialize_grads=True)
    return out.detach().numpy(), [g.numpy() for g in found]


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_against_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    out, gs = run_minigrad(PROGRAMS[name])
    x, w = (torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (X, W))
    expected = PROGRAMS[name](x, w)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-13)
    for g, h in zip(gs, torch.autograd.grad(expected, (x, w), materialize_grads=True), strict=True):
        np.testing.assert_allclose(g, h.numpy(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "name", sorted(set(PROGRAMS) - {"write_under_no_grad", "detached_alias_of_another_row", "constant_base"})
)
def test_program_against_finite_differences(name: str) -> None:
    """The same programs without PyTorch, but for those that take a value out of the graph."""
    assert autograd.gradcheck(PROGRAMS[name], (leaf(X), leaf(W)), rtol=1e-7, check_forward_ad=True)


@pytest.mark.parametrize("function", REFUSED)
def test_program_that_pytorch_refuses(function: Program) -> None:
    """It may raise, or its gradients are right; a wrong gradient is the one thing that must not come out."""
    x, w = leaf(X), leaf(W)
    out = function(x, w)
    try:
        found = autograd.grad(out, (x, w), materialize_grads=True)
    except RuntimeError as error:
        assert "changed in place" in str(error)  # noqa: PT017
    else:
        assert [g.shape for g in found] == [(3, 4), (4,)]
        assert autograd.gradcheck(function, (x, w), rtol=1e-7)


IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "add_": lambda y, w: y.add_(w),
    "add_ with alpha": lambda y, w: y.add_(w, alpha=3),
    "sub_": lambda y, w: y.sub_(w),
    "mul_": lambda y, w: y.mul_(w),
    "div_": lambda y, w: y.div_(w),
    "pow_ of a number": lambda y, w: y.pow_(3),
    "pow_": lambda y, w: y.pow_(w),
    "neg_": lambda y, w: y.neg_(),
    "abs_": lambda y, w: y.abs_(),
    "exp_": lambda y, w: y.exp_(),
    "log_": lambda y, w: y.log_(),
    "sqrt_": lambda y, w: y.sqrt_(),
    "sin_": lambda y, w: y.sin_(),
    "cos_": lambda y, w: y.cos_(),
    "tanh_": lambda y, w: y.tanh_(),
    "sigmoid_": lambda y, w: y.sigmoid_(),
    "relu_": lambda y, w: y.relu_(),
    "copy_": lambda y, w: y.copy_(w),
    "fill_": lambda y, w: y.fill_(2),
    "zero_": lambda y, w: y.zero_(),
}


@pytest.mark.parametrize("on", ["whole", "view", "transposed view"])
@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_form_is_the_function(name: str, on: str) -> None:
    """What an in-place form itself needs of the value that it overwrites, it has kept."""
    operation = IN_PLACE[name]
    part = {"whole": lambda y: y, "view": lambda y: y[1:], "transposed view": lambda y: y.reshape(2, 6).t()[2:, :1]}[on]

    def run(x: Tensor, w: Tensor) -> Tensor:
        y = x.clone()
        operation(part(y), w if on != "transposed view" else w.reshape(4, 1))
        return (y * y).sum()

    x, w = leaf(X), leaf(W)
    assert autograd.gradcheck(run, (x, w), rtol=1e-7, check_forward_ad=True)


FOUR = [0.25, 0.5, 0.75, 0.875]

#: The shapes of tensors that have to fit each other.
SHAPES = {
    "tril_": [(2, 2)],
    "triu_": [(2, 2)],
    "renorm_": [(2, 2)],
    "addmm_": [(2, 2), (2, 2), (2, 2)],
    "addmv_": [(2,), (2, 2), (2,)],
    "baddbmm_": [(1, 2, 2), (1, 2, 2), (1, 2, 2)],
}

#: What follows the tensor, for functions that want more than tensors like it.
REST: dict[str, tuple[Any, ...]] = {
    "index_reduce_": (0, mg.tensor([1, 1]), const([0.5, 2.0]), "amax"),
    "masked_scatter_": (mg.tensor([True, False, True, False]), const([0.5, 2.0])),
    "scatter_reduce_": (0, mg.tensor([1, 1]), const([0.5, 2.0]), "prod"),
    "clamp_": (0.3, 0.8),
    "cumprod_": (0,),
    "cumsum_": (0,),
    "logcumsumexp_": (0,),
    "clip_": (0.3, 0.8),
    "renorm_": (2, 0, 1.0),
    "masked_fill_": (mg.tensor([True, False, False, True]), 2.0),
}


@pytest.mark.parametrize("name", sorted(in_place_forms))
def test_in_place_form_stores_what_its_function_returns(name: str) -> None:
    function = in_place_forms[name]
    required = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    shapes = SHAPES.get(name, [(4,)] * len(required))
    x, *others = [const(FOUR * shape[0])[: math.prod(shape)].reshape(shape) for shape in shapes]
    if name.startswith(("bitwise", "gcd", "lcm")):
        x, *others = [mg.tensor([1, 5, 2, 7]) for _ in required]
    others = REST.get(name, others)
    expected = function(x.clone(), *others)
    memory = x.numpy()
    assert getattr(x, name)(*others) is x
    np.testing.assert_array_equal(memory, expected.numpy().astype(memory.dtype))


#: Calls of in-place forms that are one kernel's, by what they write.
KERNEL_CALLS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "x + y": lambda x, y: x.add_(y),
    "x + 2": lambda x, y: x.__iadd__(2),
    "x + y ": lambda x, y: x.add_(other=y),
    "x + y * 0.5": lambda x, y: x.add_(y, alpha=0.5),
    "x - y * 3": lambda x, y: x.subtract_(y, alpha=3),
    "x / y": lambda x, y: x.div_(y),
    "x * x": lambda x, y: x.mul_(x),
    "1 / x": lambda x, y: x.reciprocal_(),
    "x + y * y": lambda x, y: x.addcmul_(y, y),
    "x + y * x * 2": lambda x, y: x.addcmul_(y, x, value=2),
    "x + y / x * 2": lambda x, y: x.addcdiv_(tensor1=y, tensor2=x, value=2),
    "x + (y - x) * 0.25": lambda x, y: x.lerp_(y, 0.25),
    "x.clamp(0.5, 1)": lambda x, y: x.clamp_(0.5, 1),
    "x.clamp(0.5)": lambda x, y: x.clamp_(min=0.5),
    "x.clamp(max=y)": lambda x, y: x.clip_(max=y),
    "x.clamp(0.5, 1) ": lambda x, y: x.clamp_(max=1, min=0.5),
    "x.clamp(0.5) ": lambda x, y: x.clamp_min_(0.5),
    "x.clamp(max=0.5)": lambda x, y: x.clamp_max_(0.5),
    "mg.where(const([1, 0, 1]) > 0, 7.0, x)": lambda x, y: x.masked_fill_(const([1, 0, 1]) > 0, 7),
    "y": lambda x, y: x.copy_(y),
    "y * 0 + 3": lambda x, y: x.fill_(3),
    "y * 0": lambda x, y: x.zero_(),
    "x.relu()": lambda x, y: mg.nn.functional.relu(x, inplace=True),
}


@pytest.mark.parametrize("expression", KERNEL_CALLS)
def test_kernel_writes_where_no_graph_has_to_know(expression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = const([-1.0, 0.5, 4.0]), const([2.0, -1.0, 0.25])
    expected = eval(expression.strip(), {"x": x.clone(), "y": y, "mg": mg, "const": const})
    x._cell = mg._core.Cell()
    monkeypatch.delattr(Tensor, "_write")
    assert KERNEL_CALLS[expression](x, y) is x
    np.testing.assert_array_equal(x.numpy(), expected.numpy())
    assert x._cell.version == 1


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64, mg.int8, mg.bool, mg.float16])
@pytest.mark.parametrize("diagonal", [(), (0,), (1,), (-2,), (100,), (-100,)])
@pytest.mark.parametrize("name", ["tril_", "triu_"])
def test_triangle_is_cut_where_it_lies(
    name: str, diagonal: tuple[int, ...], dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = mg.arange(1, 41).reshape(2, 4, 5).to(dtype)
    expected = getattr(mg, name.rstrip("_"))(x, *diagonal)
    turned = x.transpose(1, 2).clone(memory_format=mg.contiguous_format).transpose(1, 2)
    monkeypatch.delattr(Tensor, "_write")
    for y in (x.clone(), turned):
        memory = y.numpy()
        assert getattr(y, name)(*diagonal) is y
        np.testing.assert_array_equal(memory, expected.numpy())


@pytest.mark.parametrize("name", ["add_", "mul_", "bitwise_or_", "floor_divide_", "zero_", "neg_"])
def test_kernel_writes_into_integers_and_turned_memory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = mg.tensor([[1, -2], [3, 7]], dtype=mg.int32).t()
    others = [] if name in ("zero_", "neg_") else [2]
    expected = x * 0 if name == "zero_" else getattr(mg, name.rstrip("_"))(x, *others)
    base = x._base
    monkeypatch.delattr(Tensor, "_write")
    assert getattr(x, name)(*others) is x
    assert mg.equal(x, expected)
    assert mg.equal(base.t(), expected)


def test_an_integer_division_by_zero_changes_nothing() -> None:
    x = mg.arange(4)
    with pytest.raises(ZeroDivisionError):
        x.floor_divide_(mg.tensor([1, 2, 0, 1]))
    assert x.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.add_(1, 2), TypeError, r"add_\(\) takes 2 positional arguments but 3 were given"),
        (lambda x: x.add_(1, beta=2), TypeError, "unexpected keyword argument 'beta'"),
        (lambda x: x.add_(x, alpha=True), RuntimeError, "add: a boolean alpha"),
        (lambda x: x.lerp_(1.0, 0.5), TypeError, "lerp: end must be a Tensor"),
        (lambda x: x.addcmul_(x, 2.0), TypeError, "addcmul: tensor2 must be a Tensor"),
        (lambda x: x.clamp_(), RuntimeError, "clamp: at least one of min and max"),
        (lambda x: x.masked_fill_(x, 1.0), RuntimeError, "masked_fill: the mask must be of bool"),
        (lambda x: x.masked_fill_(x > 0, x), RuntimeError, "masked_fill: the value must have no dimensions"),
        (lambda x: x.fill_(x), RuntimeError, "fill_: the value must have no dimensions"),
        (lambda x: x.add_(mg.ones(2, 3)), RuntimeError, r"add_: the result has shape \(2, 3\)"),
        (lambda x: type(x).add_(), TypeError, "missing 1 required positional argument"),
    ],
)
def test_in_place_form_refuses_what_its_function_refuses(call: Any, error: type[Exception], message: str) -> None:
    x = mg.ones(3)
    with pytest.raises(error, match=message):
        call(x)
    assert x.tolist() == [1.0, 1.0, 1.0]


def test_in_place_forms_are_functions_to_others() -> None:
    assert pickle.loads(pickle.dumps(Tensor.add_)) is Tensor.add_
    assert copy.deepcopy(Tensor.add_) is Tensor.add_
    assert str(inspect.signature(Tensor.add_)) == str(inspect.signature(Tensor.add))
    assert inspect.isroutine(Tensor.add_)
    assert repr(Tensor.add_) == "<function add_>"
    assert Tensor.clamp_.__name__ == "clamp_"
    assert mg.ones(2).mul_.__self__.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "name", ["set_slices", "several_views", "operators_on_views", "transposed_assignment", "set_whole"]
)
def test_program_at_second_order(name: str) -> None:
    assert autograd.gradgradcheck(PROGRAMS[name], (leaf(X), leaf(W)), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("lib", ["minigrad", "torch"])
@pytest.mark.parametrize("of_a_leaf", [True, False])
def test_a_copy_is_another_place_in_the_graph(lib: str, of_a_leaf: bool) -> None:
    m: Any = pytest.importorskip(lib)
    source = m.ones(3, requires_grad=True)
    source = source if of_a_leaf else source * 1
    copied, seen = m.zeros(3), []
    copied.copy_(source)
    copied.register_hook(lambda g: seen.append(g.tolist()))
    assert not copied.is_leaf
    (m.ones(3).copy_(source).add_(1) * copied * 2 + source * 3).sum().backward()
    assert seen == [[4.0, 4.0, 4.0]]


# ---- Changed values are noticed --------------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Tensor], Any]] = {
    "in place": lambda y: y.mul_(2),
    "operator": lambda y: y.__iadd__(1),
    "view": lambda y: y[1:].mul_(2),
    "view of a view": lambda y: y[1:][0].fill_(9),
    "reshaped view": lambda y: y.reshape(-1, 1).zero_(),
    "transposed view": lambda y: y.reshape(1, 3).t().add_(1),
    "detach": lambda y: y.detach().mul_(2),
    "view of detach": lambda y: y.detach()[0].add_(2),
    "data": lambda y: y.data.mul_(2),
    "data in a view": lambda y: y[1:].data.fill_(3),
    "data assigned": lambda y: setattr(y, "data", const([1.0, 2.0, 3.0])),
    "setitem": lambda y: y.__setitem__(0, 5.0),
    "setitem on detach": lambda y: y.detach().__setitem__(slice(None), 5.0),
    "setitem with Ellipsis": lambda y: y.__setitem__(..., 5.0),
    "copy_ under no_grad": lambda y: mg.no_grad()(y.copy_)(const([7.0, 8.0, 9.0])),
    "fill_ under no_grad": lambda y: mg.no_grad()(y.fill_)(1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_input_is_noticed(change: str) -> None:
    x = leaf([1.0, 2.0, 3.0])
    y = x * 2
    z = y.sin()
    CHANGES[change](y)
    with pytest.raises(RuntimeError, match=r"^sin: its x, of shape \(3,\), .*changed in place.*version 1.*version 0"):
        z.sum().backward()
    assert x.grad is None


@pytest.mark.parametrize("change", CHANGES)
def test_changed_output_is_noticed(change: str) -> None:
    x = leaf([1.0, 2.0, 3.0])
    y = x.exp()
    total = y.sum()
    CHANGES[change](y)
    with pytest.raises(RuntimeError, match=r"^exp: its out, of shape \(3,\), .*changed in place"):
        total.backward()
    assert x.grad is None


@pytest.mark.parametrize("change", ["detach", "data", "data assigned", "setitem on detach", "copy_ under no_grad"])
def test_changed_leaf_is_noticed(change: str) -> None:
    x = leaf([1.0, 2.0, 3.0])
    loss = (x * x).sum()
    CHANGES[change](x)
    with pytest.raises(RuntimeError, match=r"^mul: .*changed in place"):
        loss.backward()
    assert x.grad is None


@pytest.mark.parametrize("change", ["in place", "view", "setitem"])
def test_changed_value_is_noticed_at_second_order(change: str) -> None:
    x = leaf([1.0, 2.0, 3.0])
    y = x * 1
    z = (y**3).sum()
    (g,) = autograd.grad(z, y, create_graph=True)
    CHANGES[change](y)
    with pytest.raises(RuntimeError, match="changed in place"):
        autograd.grad(g.sum(), x)


def test_changed_constant_is_noticed() -> None:
    x, c = leaf([1.0, 2.0]), const([3.0, 4.0])
    loss = (x * c).sum()
    c.add_(1)
    with pytest.raises(RuntimeError, match=r"^mul: its y, of shape \(2,\), "):
        loss.backward()


def test_changed_value_that_nobody_reads_is_fine() -> None:
    x, c = leaf([1.0, 2.0]), const([3.0, 4.0])
    y = x + c
    c.mul_(10)
    y.mul_(2)
    y.sum().backward()
    assert values(x.grad) == [2, 2]


def test_changed_index_is_noticed() -> None:
    x = leaf([1.0, 2.0, 3.0])
    index = mg.tensor([0, 0, 1])
    y = x[index]
    index.fill_(2)
    with pytest.raises(RuntimeError, match=r"^index_rows: .*changed in place"):
        y.sum().backward()


def test_changed_value_is_noticed_by_forward_mode() -> None:
    def f(x: Tensor) -> Tensor:
        y = x * 2
        z = y.sin()
        y.mul_(2)
        return z

    with pytest.raises(RuntimeError, match=r"^sin: .*changed in place"):
        autograd.functional.jvp(f, const([1.0, 2.0]), const([1.0, 1.0]))


# ---- What must not be written to -------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["in place", "operator", "view", "view of a view", "reshaped view", "setitem"])
def test_leaf_in_place_raises(change: str) -> None:
    x = leaf([1.0, 2.0, 3.0])
    with pytest.raises(RuntimeError, match=r"^\w+: a (view of a )?leaf that requires a gradient.*in place"):
        CHANGES[change](x)
    assert values(x) == [1, 2, 3]
    assert x._version == 0


def test_leaf_under_no_grad_stays_a_leaf() -> None:
    x = leaf([1.0, 2.0])
    with mg.no_grad():
        x.mul_(3)
        x[0] = 5
    assert x.is_leaf
    assert x.requires_grad
    assert values(x) == [5, 6]


def test_read_only_memory() -> None:
    array = np.arange(3.0)
    array.flags.writeable = False
    x = mg.from_numpy(array)
    for change in (lambda: x.mul_(2), lambda: x[1:].zero_(), lambda: x.__setitem__(0, 1.0)):
        with pytest.raises(RuntimeError, match=r"^\w+: this tensor's memory is read-only.*clone\(\)"):
            change()
    assert array.tolist() == [0, 1, 2]
    assert values(x * 2) == [0, 2, 4]
    assert values(x.clone().mul_(2)) == [0, 2, 4]


@pytest.mark.parametrize("change", ["mul_", "setitem", "copy_", "rows"])
def test_expanded_memory_cannot_be_written(change: str) -> None:
    """One number of the memory is many elements: writing another number to each would have no meaning."""
    base = const([1.0, 2.0])
    v = base.expand(3, 2)
    other = const([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])

    def write() -> None:
        if change == "mul_":
            v.mul_(other)
        elif change == "copy_":
            v.copy_(other)
        elif change == "setitem":
            v[:] = other
        else:
            v[:2] = other[:2]

    with pytest.raises(RuntimeError, match=rf"^({change}|setitem): .*clone\(\)"):
        write()
    assert values(base) == [1, 2]


def test_in_place_keeps_shape_and_dtype() -> None:
    x = const([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"^add_: .*\(3, 2\).*\(2,\)"):
        x.add_(const(np.ones((3, 2))))
    whole = mg.tensor([1, 2])
    with pytest.raises(RuntimeError, match=r"^div_: .*float32.*int64"):
        whole.div_(2)
    with pytest.raises(RuntimeError, match=r"^add_: .*float32.*int64"):
        whole.add_(0.5)
    narrow = mg.tensor([1.0, 2.0])
    assert narrow.mul_(const([2.0, 3.0])).dtype is mg.float32
    assert values(narrow) == [2, 6]
    assert values(x) == [1, 2]


@pytest.mark.parametrize("value", [[1.0, 2.0, 3.0], np.ones((2, 2))])
def test_assigned_shape_must_broadcast(value: Any) -> None:
    y = const([1.0, 2.0, 3.0, 4.0])
    for assigned in (value, const(value)):
        with pytest.raises(RuntimeError, match=r"^setitem: .*\(2,\)"):
            y[1:3] = assigned
    assert values(y) == [1, 2, 3, 4]


# ---- Memory ----------------------------------------------------------------------------------------------------------

VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "slice": lambda x: x[1:],
    "stepped slice": lambda x: x[:, ::2],
    "integer": lambda x: x[1],
    "two integers": lambda x: x[1, 2],
    "None": lambda x: x[None],
    "Ellipsis": lambda x: x[..., 0],
    "reshape": lambda x: x.reshape(4, 3),
    "view": lambda x: x.view(2, -1),
    "flatten": lambda x: x.flatten(),
    "transpose": lambda x: x.transpose(0, 1),
    "t": lambda x: x.t(),
    "permute": lambda x: x.permute(1, 0),
    "movedim": lambda x: x.movedim(0, 1),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "squeeze": lambda x: x.squeeze(),
    "expand": lambda x: x.expand(2, 3, 4),
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_and_versions(name: str) -> None:
    x = const(np.arange(12.0).reshape(3, 4))
    v = VIEWS[name](x)
    assert np.shares_memory(v.numpy(), x.numpy())
    assert v._version == x._version == 0
    x.mul_(2)
    assert v._version == x._version == 1
    assert v.numpy().max() <= 22
    np.testing.assert_array_equal(v.numpy(), VIEWS[name](const(np.arange(12.0).reshape(3, 4) * 2)).numpy())


@pytest.mark.parametrize("name", ["clone", "contiguous copy", "reshape copy", "rows", "cast"])
def test_copies_share_nothing(name: str) -> None:
    x = const(np.arange(12.0).reshape(3, 4))
    copy = {
        "clone": lambda: x.clone(),
        "contiguous copy": lambda: x.t().contiguous(),
        "reshape copy": lambda: x.t().reshape(-1),
        "rows": lambda: x[[0, 1]],
        "cast": lambda: x.float(),
    }[name]()
    before = copy.tolist()
    assert not np.shares_memory(copy.numpy(), x.numpy())
    x.mul_(2)
    assert copy.tolist() == before
    assert copy._version == 0


def test_view_refuses_to_copy() -> None:
    with pytest.raises(RuntimeError, match=r"^view: .*\(4, 3\).*strides.*\(12,\)"):
        const(np.zeros((3, 4))).t().view(12)


def test_views_do_not_keep_each_other_alive() -> None:
    gc.collect()
    gc.disable()
    try:
        base = const(np.zeros(10))
        views = [base[i:] for i in range(10)]
        refs = [weakref.ref(v) for v in views]
        del views
        assert all(ref() is None for ref in refs)
        memory, view = weakref.ref(base), base[3:]
        del base
        assert memory() is not None
        del view
        assert memory() is None
    finally:
        gc.enable()


def test_many_short_lived_views_cost_no_memory() -> None:
    base = const(np.zeros(10))
    for _ in range(10_000):
        base[1:]
    assert _core.living_views(base) == []


def test_array_written_to_by_numpy_is_seen() -> None:
    """Writes past the tensors cannot be noticed by the graph, but the memory is one."""
    array = np.zeros(3)
    x = mg.from_numpy(array)
    array[1] = 7
    assert x.tolist() == [0, 7, 0]
    x[0] = 5
    assert array.tolist() == [5, 7, 0]
    copy = mg.tensor(array)
    array[2] = 9
    assert copy.tolist() == [5, 7, 0]


def test_a_view_that_got_other_data_is_no_view_any_more() -> None:
    for in_place in (lambda x: x.t_(), lambda x: x.unsqueeze_(0)):
        base = mg.ones(3, 4)
        left, stayed = base[1:], base[2]
        left.data = left.detach()
        w = mg.full((3, 4), 2.0, requires_grad=True)
        base.mul_(w)
        assert left.grad_fn is None
        assert stayed.grad_fn is not None
        in_place(base)
        stayed.sum().backward()
        assert w.grad is not None
        assert w.grad.tolist() == [[0.0] * 4, [0.0] * 4, [1.0] * 4]
        assert not hasattr(left, "_base")


@pytest.mark.parametrize("again", [False, True])
def test_other_data_for_a_former_base_is_nothing_to_the_views_that_left(again: bool) -> None:
    x = mg.zeros(4, 3)
    v = x[0]
    v.data = mg.ones(2, 3)
    w = v[0]
    v.t_()
    if again:
        x.data = mg.zeros(1)
    p = mg.tensor(3.0, requires_grad=True)
    v.mul_(p)
    assert w.requires_grad
    w.sum().backward()
    assert p.grad is not None
    assert p.grad.tolist() == 3.0


def test_a_view_that_left_is_not_batched_with_its_former_base() -> None:
    """A write under vmap makes all views of a memory known to an outer graph."""

    def of_one(row: mg.Tensor, factor: mg.Tensor) -> mg.Tensor:
        y = row.clone()
        stayed, left = y[0], y[1]
        left.data = mg.full((), 5.0)
        y.mul_(factor)
        return stayed + left

    factors = mg.tensor([2.0, 3.0, 4.0], requires_grad=True)
    sums = mg.vmap(of_one)(mg.ones(3, 2), factors)
    assert sums.tolist() == [7.0, 8.0, 9.0]
    sums.sum().backward()
    assert factors.grad is not None
    assert factors.grad.tolist() == [1.0, 1.0, 1.0]


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "neighbours": lambda x: x,
    "turned": lambda x: x.T,
    "backwards": lambda x: x[::-1, ::-1],
    "every other": lambda x: x[::2, 1::2],
    "turned and backwards": lambda x: x.T[::-1],
    "nothing": lambda x: x[:0],
    "one": lambda x: x[3:4, 2:3],
    "without dimensions": lambda x: x[2:3, 3:4].reshape(()),
}


@pytest.mark.parametrize("dtype", ["bool", "int16", "float16", "int32", "float32", "int64", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_elements_are_written_whatever_lies_how(layout: str, dtype: str) -> None:
    drawn = np.random.default_rng(1).integers(0, 100, (2, 40, 40)).astype(dtype)
    for from_layout in LAYOUTS.values():
        x, right = drawn[0].copy(), drawn[0].copy()
        target, value = LAYOUTS[layout](x)[...], np.asarray(from_layout(drawn[1]))
        if value.shape in (target.shape, ()):
            mg.from_numpy(target).copy_(mg.from_numpy(value))
            np.copyto(LAYOUTS[layout](right)[...], value)
            assert x.tolist() == right.tolist()


def test_what_shares_memory_is_written_as_if_it_were_copied_first() -> None:
    x, right = mg.arange(36.0).reshape(6, 6), np.arange(36.0).reshape(6, 6)
    x.copy_(x.t())
    right[...] = right.T.copy()
    assert x.numpy().tolist() == right.tolist()
    x[1:] = x[:-1]
    right[1:] = right[:-1].copy()
    assert x.numpy().tolist() == right.tolist()


@pytest.mark.parametrize("step", [1, 5])
@pytest.mark.parametrize("threads", [1, 4])
def test_of_windows_that_overlap_the_last_one_counts(threads: int, step: int) -> None:
    rows = np.random.default_rng(0).standard_normal((700, 300), dtype=np.float32)
    right = np.zeros(699 * step + 300, np.float32)
    for i, row in enumerate(rows):
        right[i * step : i * step + 300] = row
    with with_threads(threads):
        for _ in range(2):
            x = mg.zeros(len(right))
            x.unfold(0, 300, step).copy_(mg.tensor(rows))
            assert x.numpy().tobytes() == right.tobytes()


@pytest.mark.parametrize("offset", [0, 1, -1, 3, -2, 4, -9, 2**62, -(2**63)])
@pytest.mark.parametrize("layout", ["neighbours", "turned", "backwards", "every other", "nothing"])
def test_diagonals_are_views_of_every_layout(layout: str, offset: int) -> None:
    array = LAYOUTS[layout](np.arange(35.0).reshape(5, 7))
    x = mg.from_numpy(array)
    right = np.diagonal(array, max(min(offset, 99), -99))
    found = mg.diagonal(x, offset)
    assert found.tolist() == right.tolist()
    assert mg.diagonal(x, -offset if offset > -(2**63) else 2**62, 1, 0).tolist() == right.tolist()
    if right.size:
        found.fill_(-1.0)
        assert np.diagonal(array, offset).tolist() == [-1.0] * right.size


# ---- Origins that are made again when they are asked for -------------------------------------------------------------


def _outdated() -> tuple[Tensor, Tensor, Tensor]:
    """Return a leaf, what was computed of it and written to, and a view from before the write."""
    x = leaf([1.0, 2.0, 3.0])
    y = x * 2
    v = y[:2]
    y.mul_(const([3.0, 4.0, 5.0]))
    return x, y, v


def test_a_write_makes_no_node_for_views_that_nobody_asks() -> None:
    x = leaf(np.ones(40))
    y = x * 2
    nested = y
    views = [y[i:] for i in range(40)] + [nested := nested[:] for _ in range(100)]
    before = next_sequence()
    for _ in range(10):
        y.mul_(1.5)
    assert next_sequence() - before <= 10 * 3
    (views[39].sum() + views[-1].sum()).backward()
    assert values(x.grad) == [2 * 1.5**10] * 39 + [4 * 1.5**10]


ASKED: dict[str, Callable[[Tensor], Any]] = {
    "requires_grad": lambda v: v.requires_grad,
    "is_leaf": lambda v: not v.is_leaf,
    "grad_fn": lambda v: v.grad_fn is not None,
    "grad": lambda v: v.grad is None,
    "grad_fn without recording": mg.no_grad()(lambda v: v.grad_fn is not None),
    "grad_fn in inference mode": mg.inference_mode()(lambda v: v.grad_fn is not None),
    "a product without recording": mg.no_grad()(lambda v: not (v * 2).requires_grad),
}


@pytest.mark.filterwarnings("ignore:grad. this tensor")
@pytest.mark.parametrize("asked", ASKED)
def test_whatever_is_asked_first_a_view_has_the_origin_of_what_it_now_is(asked: str) -> None:
    x, _, v = _outdated()
    assert ASKED[asked](v)
    v.sum().backward()
    assert values(x.grad) == [6, 8, 0]


USES: dict[str, Callable[[Tensor], Tensor]] = {
    "backward": lambda v: v,
    "a product": lambda v: v * 1,
    "the second operand": lambda v: const([1.0, 1.0]) * v,
    "twice": lambda v: v * 3 - v * 2,
    "joined": lambda v: mg.cat([v, const([1.0])]),
    "split": lambda v: v.split(1)[0] + v.split(1)[1],
    "a view": lambda v: v[:1] + v[1:],
    "written into another": lambda v: const([0.0, 0.0]).copy_(v),
    "added to another": lambda v: const([0.0, 0.0]).add_(v),
    "assigned": lambda v: (z := const([0.0, 0.0])).__setitem__(slice(None), v) or z,
    "inside vmap": lambda v: mg.vmap(lambda a: a * 1)(v),
    "a function of the user's": lambda v: _Same.apply(v),
}


class _Same(autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g


@pytest.mark.parametrize("use", USES)
def test_an_outdated_view_is_used_as_what_it_now_is(use: str) -> None:
    x, _, v = _outdated()
    result = USES[use](v)
    result.backward(mg.ones_like(result))
    assert values(x.grad) == [6, 8, 0]


def test_the_origin_is_older_than_what_is_computed_of_it() -> None:
    """The sweep takes nodes in the order of their numbers."""
    x, y, v = _outdated()
    product = v * y[:2]
    assert product.grad_fn.sequence > v.grad_fn.sequence > y.grad_fn.sequence
    product.sum().backward()
    assert values(x.grad) == [72, 256, 0]


def test_an_outdated_view_keeps_its_origin_when_its_base_leaves() -> None:
    x, y, v = _outdated()
    y.detach_()
    v.sum().backward()
    assert values(x.grad) == [6, 8, 0]
    x, y, v = _outdated()
    y.data = const([0.0])
    v.sum().backward()
    assert values(x.grad) == [6, 8, 0]
    x, _, v = _outdated()
    v.data = const([1.0, 1.0])
    assert v.grad_fn is not None
    x, y, v = _outdated()
    y.unsqueeze_(0)  # a view itself from now on, of a base that nobody sees
    y.mul_(2)
    v.sum().backward()
    assert values(x.grad) == [12, 16, 0]


def test_a_function_that_changes_its_argument_outdates_views() -> None:
    class Double(autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return 2 * g

    x = leaf([1.0, 2.0, 3.0])
    y = x * 1
    v = y[1:]
    Double.apply(y)
    v.sum().backward()
    assert values(x.grad) == [0, 2, 2]


def test_a_view_retains_the_gradient_of_what_it_is_when_asked() -> None:
    """A view that was used before a write, and is not asked for afterwards, retains what it was, as in PyTorch."""
    x = leaf([1.0, 2.0, 3.0])
    y = x * 2
    v = y[:2]
    v.retain_grad()
    used = (v * 5).sum()
    y.add_(3)
    (used + y.sum()).backward()
    assert values(v.grad) == [5, 5]
    y = x * 2
    v = y[:2]
    v.retain_grad()
    v.mul_(3)
    assert v.retains_grad
    (v * 7).sum().backward()
    assert values(v.grad) == [7, 7]


def test_hooks_of_an_outdated_view_see_the_gradient_of_what_it_now_is() -> None:
    _, _, v = _outdated()
    seen = []
    v.register_hook(lambda g: seen.append(values(g)))
    (v * 7).sum().backward()
    assert seen == [[7, 7]]


def test_tangents_of_outdated_views() -> None:
    def f(x: Tensor) -> Tensor:
        y = x * 2
        v, w = y[:2], y[1:]
        y.mul_(x)
        w.mul_(3)
        return v * w

    x, t = const([1.0, 2.0, 3.0]), const([1.0, 0.0, 0.0])
    value, tangent = mg.func.jvp(f, (x,), (t,))
    assert values(value) == [2 * 24, 24 * 54]
    assert values(tangent) == [4 * 24, 0]
    rows = mg.vmap(f)(mg.stack([x, 2 * x]))
    assert values(rows) == [[48, 1296], [768, 20736]]


def test_threads_ask_an_outdated_view_at_once() -> None:
    for _ in range(50):
        x, y, v = _outdated()
        v.retain_grad()
        y.mul_(1.0)
        sums = in_threads(*[lambda v=v: (v * 2).sum() for _ in range(4)])
        assert v.retains_grad
        mg.stack(sums).sum().backward()
        assert values(v.grad) == [8, 8]
        assert values(x.grad) == [48, 64, 0]


def test_a_view_that_is_a_leaf_cannot_be_changed_in_place() -> None:
    v = const([1.0, 2.0, 3.0])[:2].requires_grad_()
    with pytest.raises(RuntimeError, match="mul_: a leaf that requires a gradient cannot be changed in place"):
        v.mul_(2)
    with mg.no_grad():
        v.mul_(2)
    (v * v).sum().backward()
    assert values(v.grad) == [4, 8]


def test_views_of_views_share_the_steps_to_what_they_are_views_of() -> None:
    """So that a chain of them takes room and time for each only once, and goes as it came."""
    x = leaf([1.0, 2.0])
    y = x * 2
    v = y
    for _ in range(30_000):
        w, v = v, v.view(2)
    assert v._steps[0] is w._steps
    y.mul_(3.0)
    v.sum().backward()
    assert values(x.grad) == [6, 6]
