"""The eager call as a Python object, and the short ways that the usual cases take."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, _core
from minigrad._observers import Observer, observers
from minigrad.ops import elementwise


def leaf(*shape: int) -> Tensor:
    return mg.rand(*shape, requires_grad=True)


# ---- Arguments -------------------------------------------------------------------------------------------------------


def test_arguments_by_position_and_by_name() -> None:
    x, y = mg.tensor([1.0, 2.0]), mg.tensor([3.0, 5.0])
    for product in (mg.mul(x, y), mg.mul(x, other=y), mg.mul(input=x, other=y), x.mul(y), x.mul(other=y)):
        assert product.tolist() == [3, 10]


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((), {}, r"mul\(\) missing a required argument: 'input'"),
        ((1.0,), {}, r"mul\(\) missing a required argument: 'other'"),
        ((1.0, 2.0, 3.0), {}, r"mul\(\) takes 2 positional arguments but 3 were given"),
        ((1.0,), {"input": 2.0}, r"mul\(\) got multiple values for argument 'input'"),
        ((1.0,), {"others": 2.0}, r"mul\(\) got an unexpected keyword argument 'others'"),
    ],
)
def test_wrong_arguments(args: tuple[float, ...], kwargs: dict[str, float], text: str) -> None:
    with pytest.raises(TypeError, match=text):
        elementwise.mul(*args, **kwargs)


def test_an_operation_passes_for_a_function() -> None:
    mul = elementwise.mul
    assert list(inspect.signature(mul).parameters) == ["input", "other"]
    assert inspect.isroutine(mul)
    assert mul.__name__ == mul.__qualname__ == "mul"
    assert "broadcast" in (mul.__doc__ or "")
    assert pickle.loads(pickle.dumps(mg.relu)) is mg.relu
    assert copy.deepcopy(mul) is mul
    bound = mg.ones(2).mul
    assert bound(3).tolist() == [3, 3]


@pytest.mark.parametrize("owner", [mg, mg.nn.functional, mg.special, mg.linalg, Tensor])
def test_functions_and_methods_are_pickled_by_name(owner: Any) -> None:
    called = [getattr(owner, name) for name in dir(owner) if not name.startswith("_")]
    functions = [function for function in called if callable(function) and not isinstance(function, type)]
    assert len(functions) > 5
    for function in functions:
        assert pickle.loads(pickle.dumps(function)) is function


def test_what_makes_no_operation() -> None:
    with pytest.raises(TypeError):
        _core.Operation()
    record = elementwise.mul.primitive
    form = {"inputs": 2, "attributes": 0, "outputs": 1, "returned": 1, "differentiable": 3, "shapes_read": 0}
    with pytest.raises(TypeError, match="too many"):
        _core.Operation(
            record, record.run, ("x",), (), record.vjp, (0, 0, 0), None, **form, broadcasts=True, view=False
        )


@pytest.mark.parametrize("name", ["axis", "keepdims"])
def test_numpys_names(name: str) -> None:
    x = mg.ones(2, 3)
    assert x.sum(axis=1, keepdims=True).shape == mg.sum(x, dim=1, keepdim=True).shape == (2, 1)
    with pytest.raises(TypeError, match=r"multiple values|unexpected keyword"):
        x.sum(1, True, **{name: 1})


# ---- Short ways ------------------------------------------------------------------------------------------------------


def test_backward_is_the_same_with_and_without_the_short_way() -> None:
    w, x = leaf(4, 3), mg.rand(5, 4)
    gradients = []
    for watched in (False, True):
        entry = (None, Observer())
        observers.extend([entry] * watched)
        try:
            ((x @ w).relu() * w.sum(0)).sum().backward()
        finally:
            observers[:] = []
        gradients.append(w.grad.numpy().copy())
        w.grad = None
    assert gradients[0].tobytes() == gradients[1].tobytes()


@pytest.mark.parametrize("size", [3, 4096, 4097, 100_000])
def test_gradients_of_all_sizes_add_up(size: int) -> None:
    x = leaf(size)
    for n in range(1, 4):
        (x * 2).sum().backward()
        grad = x.grad
        assert grad is not None
        assert grad._version == n - 1
        assert np.all(grad.numpy() == 2 * n)


def test_a_gradient_is_nobody_elses_memory() -> None:
    x, y = leaf(3), leaf(3)
    g = mg.ones(3)
    (x + y).backward(g)
    memories = [t.numpy() for t in (x.grad, y.grad, g) if t is not None]
    assert len(memories) == 3
    assert not any(np.shares_memory(a, b) for n, a in enumerate(memories) for b in memories[:n])


@pytest.mark.parametrize("retain", [None, False, True, 1, 0])
def test_what_retain_graph_may_be(retain: bool | None) -> None:
    x = leaf(3)
    loss = (x * x).sum()
    loss.backward(retain_graph=retain)
    if retain:
        loss.backward()
    else:
        with pytest.raises(RuntimeError, match="freed by an earlier backward pass"):
            loss.backward()


def test_recording_is_put_back_behind_a_sweep_that_fails() -> None:
    x = leaf(3)
    y = x.exp()
    loss = (y * y).sum()
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()
    assert mg.is_grad_enabled()
    assert (x * 2).requires_grad


# ---- Views -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(24,), (-1,), (2, -1), (4, 6), (2, 3, 4), (1, 24, 1)])
def test_reshape_by_sizes_and_by_a_tuple(sizes: tuple[int, ...]) -> None:
    x = mg.arange(24).reshape(4, 6)
    expected = x.numpy().reshape(sizes)
    for found in (x.reshape(*sizes), x.reshape(sizes), x.reshape(list(sizes)), x.view(*sizes), x.reshape(shape=sizes)):
        assert found.shape == expected.shape
        assert np.shares_memory(found.numpy(), x.numpy())
    assert x.t().reshape(sizes).tolist() == x.numpy().T.reshape(sizes).tolist()


@pytest.mark.parametrize("sizes", [(5, -1), (-1, -1), (23,), (-2, -12), (2**62, 2**62), (0, -1), (24.0,), (2**70,)])
def test_sizes_that_do_not_fit(sizes: tuple[int, ...]) -> None:
    with pytest.raises((RuntimeError, TypeError, OverflowError)):
        mg.arange(24).reshape(*sizes)


def test_many_views_of_one_base_are_forgotten_when_gone() -> None:
    x = mg.rand(8, 8)
    kept = [x[n] for n in range(8)]
    for _ in range(1000):
        x[0]
    assert len(_core.living_views(x)) == 8
    x.zero_()
    assert all(row.sum() == 0 for row in kept)


# ---- In place --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "relu", "exp", "pow", "clamp_min"])
@pytest.mark.parametrize("layout", ["whole", "transposed", "every second"])
def test_in_place_is_what_the_function_gives(name: str, layout: str) -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.5, 2, (6, 8)).astype(np.float32)
    view = {"whole": np.s_[:], "transposed": np.s_[:, :6], "every second": np.s_[::2, 1::2]}[layout]
    x, y = mg.tensor(base), mg.tensor(rng.uniform(0.5, 2, (6, 8)).astype(np.float32))
    part, other = (x[view].t(), y[view].t()) if layout == "transposed" else (x[view], y[view])
    operands = () if name in ("relu", "exp") else (0.7,) if name == "clamp_min" else (other,)
    expected = getattr(part, name)(*operands).numpy().copy()
    version = x._version
    assert getattr(part, f"{name}_")(*operands) is part
    assert part.numpy().tobytes() == expected.tobytes()
    assert x._version == version + 1


def test_in_place_with_operands_that_overlap() -> None:
    for key in (np.s_[::-1], np.s_[1:9], np.s_[0:8]):
        x = mg.arange(9.0)
        expected = x.numpy()[1:9] + x.numpy()[key][:8]
        x[1:9].add_(x.flip(0)[:8] if key == np.s_[::-1] else x[key])
        assert x[1:].tolist() == expected.tolist()


def test_what_fails_in_place_changes_nothing() -> None:
    for x, y in (
        (mg.ones(3), mg.ones(2, 3)),
        (mg.ones(3), mg.ones(4)),
        (mg.ones(3), "text"),
        (mg.arange(3), mg.tensor([1, 1, 0])),
    ):
        with pytest.raises((RuntimeError, TypeError, ValueError, ZeroDivisionError)):
            x.floor_divide_(y)
        assert x.tolist() == (mg.ones(3) if x.dtype is mg.float32 else mg.arange(3)).tolist()
        assert x._version == 0
