"""The graph and the sweeps over it: backward, grad, grad modes, derivatives of functions, memory."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from helpers import count_calls, in_threads

import minigrad as mg
from minigrad import Tensor, autograd
from minigrad.autograd import functional
from minigrad.graph import Leaf, Node
from visits import visiting
from worked import const, draw, leaf, values

Array = np.ndarray[Any, Any]


@contextmanager
def counted_visits() -> Iterator[list[str]]:
    """Yield a list that gets the name of every operation that a backward sweep visits."""
    visits: list[str] = []
    with visiting(lambda node: visits.append(node.primitive.name)):
        yield visits


# ---- backward --------------------------------------------------------------------------------------------------------


def test_backward_of_a_scalar() -> None:
    x, y = leaf([1.0, 2.0]), leaf([3.0, 5.0])
    (x * y).sum().backward()
    assert values(x.grad) == [3, 5]
    assert values(y.grad) == [1, 2]


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_element_needs_no_cotangent(shape: tuple[int, ...]) -> None:
    x = leaf(np.full(shape, 3.0))
    (x * x).backward()
    assert x.grad is not None
    assert x.grad.shape == shape
    assert x.grad.item() == 6


def test_backward_with_a_cotangent() -> None:
    x = leaf([1.0, 2.0, 3.0])
    (x * x).backward(const([1.0, 10.0, 100.0]))
    assert values(x.grad) == [2, 40, 600]


def test_gradients_accumulate() -> None:
    x = leaf([1.0, 2.0])
    for n in (1, 2, 3):
        (x * x).sum().backward()
        assert values(x.grad) == [2 * n, 4 * n]


def test_gradient_can_be_cleared_and_given() -> None:
    x = leaf([1.0, 2.0])
    x.grad = const([10.0, 20.0])
    (x * 3).sum().backward()
    assert values(x.grad) == [13, 23]
    x.grad = None
    (x * 3).sum().backward()
    assert values(x.grad) == [3, 3]


def test_a_given_gradient_must_fit() -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"^grad: .*\(2,\)"):
        x.grad = const([1.0])
    with pytest.raises(RuntimeError, match=r"^grad: .*float64.*float32"):
        x.grad = mg.ones(2)
    assert x.grad is None


def test_several_outputs_at_once() -> None:
    x = leaf(2.0)
    autograd.backward([x * 3, x * x], [const(1.0), const(10.0)])
    assert values(x.grad) == 3 + 40


def test_backward_with_chosen_inputs() -> None:
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[x])
    assert values(x.grad) == 3
    assert y.grad is None
    y = x * 3
    (y * y).backward(inputs=[y, x])
    assert values(y.grad) == 12
    assert values(x.grad) == 3 + 36
    with pytest.raises(RuntimeError, match=r"^backward: inputs must be tensors that require gradients"):
        (x * y).backward(inputs=[])


def test_constants_get_no_gradient() -> None:
    x, c = leaf(2.0), const(3.0)
    (x * c).backward()
    assert c.grad is None
    assert not c.requires_grad
    assert values(x.grad) == 3


@pytest.mark.parametrize("change", ["x", "y"])
def test_leaves_with_one_shared_cotangent_do_not_alias(change: str) -> None:
    """The sum hands one cotangent to both terms: neither gradient may share the other's memory, or the caller's."""
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    g = const([1.0, 1.0])
    (x + y).backward(g)
    changed, other = (x, y) if change == "x" else (y, x)
    assert changed.grad is not None
    changed.grad.mul_(100)
    assert values(changed.grad) == [100, 100]
    assert values(other.grad) == [1, 1]
    assert values(g) == [1, 1]


def test_gradient_does_not_alias_through_views() -> None:
    x, y = leaf([[1.0, 2.0]]), leaf([3.0, 4.0])
    g = const([1.0, 1.0])
    (x.reshape(2) + y).backward(g)
    assert x.grad is not None
    x.grad.zero_()
    assert values(y.grad) == [1, 1]
    assert values(g) == [1, 1]


def test_gradient_of_one_leaf_twice_in_a_sum() -> None:
    x = leaf([1.0, 2.0])
    g = const([1.0, 1.0])
    (x + x).backward(g)
    assert values(x.grad) == [2, 2]
    assert values(g) == [1, 1]


def test_scalar_loss_cotangent_is_nobodys_gradient() -> None:
    x, y = leaf(1.0), leaf(2.0)
    (x + y).backward()
    assert x.grad is not None
    x.grad.fill_(50)
    x.backward()
    assert values(x.grad) == 51
    assert values(y.grad) == 1
    z = leaf(3.0)
    z.backward()
    assert values(z.grad) == 1


def test_backward_of_a_leaf_leaves_the_cotangent_alone() -> None:
    """The cotangent given, or the 1 made up for a scalar, must not become the gradient that later passes add to."""
    x, v = leaf([3.0]), const([1.0])
    x.backward(v)
    x.backward(v)
    assert values(x.grad) == [2]
    assert values(v) == [1]
    y, z = leaf(3.0), leaf(3.0)
    y.backward()
    y.backward()
    assert values(y.grad) == 2
    z.backward()
    assert values(z.grad) == 1


def test_accumulated_gradient_keeps_its_memory() -> None:
    """Accumulation adds in place, so that whoever holds .grad sees it; under create_graph it must not."""
    x = leaf([1.0, 2.0])
    (x * 2).sum().backward()
    held = x.grad
    (x * 2).sum().backward()
    assert x.grad is held
    assert values(held) == [4, 4]


# ---- retain_graph ----------------------------------------------------------------------------------------------------


def test_second_backward_names_the_remedy() -> None:
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match=r"^\w+: the graph was freed.*retain_graph=True"):
        loss.backward()
    assert values(x.grad) == [2, 4]


def test_retain_graph() -> None:
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    loss.backward(retain_graph=True)
    loss.backward()
    assert values(x.grad) == [6, 12]
    with pytest.raises(RuntimeError, match="retain_graph"):
        loss.backward()


def test_graph_that_kept_nothing_can_be_used_again() -> None:
    x = leaf([1.0, 2.0])
    loss = (x + 1).sum()
    loss.backward()
    loss.backward()
    assert values(x.grad) == [2, 2]


def test_shared_part_is_freed_by_the_first_pass() -> None:
    x = leaf(2.0)
    shared = x.exp()
    a, b = shared * 2, shared * 3
    a.backward()
    with pytest.raises(RuntimeError, match=r"^exp: the graph was freed"):
        b.backward()


# ---- grad ------------------------------------------------------------------------------------------------------------


def test_grad_accumulates_nowhere() -> None:
    x, y = leaf(2.0), leaf(3.0)
    of_x, of_y = autograd.grad(x * x * y, (x, y))
    assert (values(of_x), values(of_y)) == (12, 4)
    assert x.grad is None
    assert y.grad is None
    assert not of_x.requires_grad


def test_grad_by_what_lies_between() -> None:
    x = leaf(2.0)
    y = x * x
    z = y.exp()
    of_y, of_x, of_z = autograd.grad(z, (y, x, z))
    assert of_y.item() == pytest.approx(np.exp(4), rel=1e-15)
    assert of_x.item() == pytest.approx(4 * np.exp(4), rel=1e-15)
    assert of_z.item() == 1


def test_grad_by_both_outputs_of_one_operation() -> None:
    x = leaf([[1.0, 5.0], [7.0, 2.0]])
    result = x.max(1)
    (of_values,) = autograd.grad((result.values * const([2.0, 3.0])).sum(), result.values)
    assert values(of_values) == [2, 3]


def test_grad_visits_only_what_leads_to_the_inputs() -> None:
    x, y = leaf(2.0), leaf(3.0)
    loss = x.sin() * y.cos().exp().tanh()
    with counted_visits() as visits:
        autograd.grad(loss, x)
    assert visits == ["mul", "sin"]


def test_grad_of_several_outputs() -> None:
    x = leaf(2.0)
    (g,) = autograd.grad([x * 3, x * x], x, [const(1.0), const(10.0)])
    assert values(g) == 43
    (g,) = autograd.grad([x * 3, x * x], x)
    assert values(g) == 7


def test_grad_with_an_input_named_twice() -> None:
    x = leaf(2.0)
    a, b = autograd.grad(x * x, (x, x))
    assert (values(a), values(b)) == (4, 4)


def test_unused_inputs() -> None:
    x, y = leaf(2.0), leaf([3.0, 4.0])
    with pytest.raises(RuntimeError, match=r"^grad: .*\(2,\).*allow_unused=True"):
        autograd.grad(x * x, (x, y))
    g, nothing = autograd.grad(x * x, (x, y), allow_unused=True)
    assert values(g) == 4
    assert nothing is None
    g, zeros = autograd.grad(x * x, (x, y), materialize_grads=True)
    assert values(g) == 4
    assert values(zeros) == [0, 0]


def test_grad_input_without_requires_grad() -> None:
    x = leaf(2.0)
    with pytest.raises(RuntimeError, match=r"^grad: an input of shape \(\) does not require a gradient"):
        autograd.grad(x * 2, const(1.0))


# ---- create_graph ----------------------------------------------------------------------------------------------------


def test_derivatives_up_to_the_fourth() -> None:
    x = leaf(1.3)
    y = x**5
    expected = [5 * 1.3**4, 20 * 1.3**3, 60 * 1.3**2, 120 * 1.3]
    for value in expected:
        (y,) = autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    ("function", "third"),
    [
        (mg.sin, lambda x: -np.cos(x)),
        (mg.exp, np.exp),
        (mg.log, lambda x: 2 / x**3),
        (lambda x: 1 / x, lambda x: -6 / x**4),
        (mg.sqrt, lambda x: 3 / 8 * x**-2.5),
        (mg.tanh, lambda x: (4 * np.sinh(x) ** 2 - 2) / np.cosh(x) ** 4),
        (lambda x: x.sigmoid(), lambda x: -(2 * np.cosh(x) - 4) / (2 * np.cosh(x / 2)) ** 4 * -1),
        (lambda x: x * x.exp(), lambda x: (x + 3) * np.exp(x)),
    ],
)
def test_third_derivative(function: Callable[[Tensor], Tensor], third: Callable[[float], float]) -> None:
    x = leaf(0.8)
    y = function(x)
    for _ in range(3):
        (y,) = autograd.grad(y, x, create_graph=True)
    assert y.item() == pytest.approx(third(0.8), rel=1e-12)


def test_backward_with_create_graph_accumulates_a_differentiable_gradient() -> None:
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    assert x.grad is not None
    assert x.grad.requires_grad
    assert values(x.grad) == 12
    g = x.grad
    x.grad = None
    g.backward()
    assert values(x.grad) == 12  # 6 x


def test_gradient_penalty() -> None:
    """The derivative of a gradient's norm by the weights, as closed form: f = Σ w x², |∇f|² = 4 Σ w² x²."""
    x, w = leaf([1.0, 2.0]), leaf([3.0, 5.0])
    (g,) = autograd.grad((w * x * x).sum(), x, create_graph=True)
    (g * g).sum().backward()
    assert values(w.grad) == [8 * 3 * 1, 8 * 5 * 4]
    assert values(x.grad) == [8 * 9 * 1, 8 * 25 * 2]


def test_second_derivative_by_the_cotangent() -> None:
    """The gradient is linear in the cotangent: a cotangent that requires a gradient gets one."""
    x, v = leaf([1.0, 2.0]), leaf([1.0, 1.0])
    (g,) = autograd.grad(x * x, x, v, create_graph=True)
    (of_v,) = autograd.grad(g.sum(), v)
    assert values(of_v) == [2, 4]


# ---- Grad modes ------------------------------------------------------------------------------------------------------


def test_modes_as_contexts() -> None:
    x = leaf(1.0)
    assert mg.is_grad_enabled()
    with mg.no_grad():
        assert not mg.is_grad_enabled()
        assert not (x * 2).requires_grad
        with mg.enable_grad():
            assert (x * 2).requires_grad
        assert not mg.is_grad_enabled()
    assert mg.is_grad_enabled()
    with mg.set_grad_enabled(False):
        assert not (x * 2).requires_grad
        with mg.set_grad_enabled(True):
            assert (x * 2).requires_grad
    assert mg.is_grad_enabled()


def test_modes_as_decorators() -> None:
    x = leaf(1.0)

    @mg.no_grad()
    def with_parentheses() -> bool:
        return (x * 2).requires_grad

    @mg.no_grad
    def without_parentheses() -> bool:
        return (x * 2).requires_grad

    @mg.enable_grad()
    def enabled() -> bool:
        return (x * 2).requires_grad

    @mg.set_grad_enabled(False)
    def disabled() -> bool:
        return (x * 2).requires_grad

    mg.set_grad_enabled(True)
    assert not with_parentheses()
    assert not without_parentheses()
    assert not disabled()
    assert mg.is_grad_enabled()
    with mg.no_grad():
        assert enabled()
        assert not mg.is_grad_enabled()


def test_set_grad_enabled_as_a_function() -> None:
    try:
        mg.set_grad_enabled(False)
        assert not (leaf(1.0) * 2).requires_grad
    finally:
        mg.set_grad_enabled(True)
    assert mg.is_grad_enabled()


def test_one_context_object_nests() -> None:
    mode = mg.no_grad()
    with mode:
        with mode:
            assert not mg.is_grad_enabled()
        assert not mg.is_grad_enabled()
    assert mg.is_grad_enabled()


def test_mode_is_put_back_after_an_error() -> None:
    with pytest.raises(KeyError), mg.no_grad():
        raise KeyError
    assert mg.is_grad_enabled()
    with pytest.raises(RuntimeError):
        const(1.0).backward()
    assert mg.is_grad_enabled()


def test_failing_backward_puts_the_mode_back() -> None:
    x = leaf(2.0)
    y = x * x
    x.data.fill_(3)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
    assert mg.is_grad_enabled()


def test_mode_belongs_to_its_thread() -> None:
    with mg.no_grad():
        assert in_threads(mg.is_grad_enabled) == [True]
        assert not mg.is_grad_enabled()


def test_leaf_made_under_no_grad_still_requires_a_gradient() -> None:
    with mg.no_grad():
        x = leaf(2.0)
    (x * 3).backward()
    assert values(x.grad) == 3


# ---- What a tensor tells of its place --------------------------------------------------------------------------------


def test_leaves() -> None:
    x, c = leaf(1.0), const(1.0)
    assert x.is_leaf
    assert c.is_leaf
    y = x * 2
    assert not y.is_leaf
    assert y.requires_grad
    assert (c * 2).is_leaf
    assert y.detach().is_leaf
    assert x.grad_fn is None
    with pytest.warns(UserWarning, match=r"^grad: .*no leaf.*retain_grad"):
        assert y.grad is None


def test_detach_shares_memory_and_leaves_the_graph() -> None:
    x = leaf([1.0, 2.0])
    y = x * 2
    d = y.detach()
    assert not d.requires_grad
    assert np.shares_memory(d.numpy(), y.detach().numpy())
    (y * d).sum().backward()
    assert values(x.grad) == [4, 8]


def test_requires_grad_() -> None:
    x = const([1.0])
    assert x.requires_grad_() is x
    assert x.requires_grad
    (x * 2).sum().backward()
    assert values(x.grad) == [2]
    x.requires_grad_(False)
    assert not x.requires_grad
    x.requires_grad = True
    assert x.requires_grad
    y = x * 2
    assert y.requires_grad_() is y
    with pytest.raises(RuntimeError, match=r"^requires_grad_: .*detach\(\)"):
        y.requires_grad_(False)


@pytest.mark.parametrize("dtype", [mg.int64, mg.int8, mg.uint8, mg.bool])
def test_only_floats_require_gradients(dtype: mg.dtype) -> None:
    with pytest.raises(RuntimeError, match=rf"^tensor: .*{dtype.name}"):
        mg.tensor([1, 0], dtype=dtype, requires_grad=True)


def test_grad_fn_tells_the_operation_and_what_it_kept() -> None:
    x, y = leaf(draw(2, 3)), const(draw(3))
    product = x * y
    assert repr(product.grad_fn) == "<MulBackward saved: y (3,)>"
    assert repr((x + y).grad_fn) == "<AddBackward>"
    assert "ExpBackward saved: out (2, 3)" in repr(x.exp().grad_fn)
    total = product.sum()
    node = product.grad_fn
    total.backward()
    assert repr(node) == "<MulBackward, freed>"


def test_next_functions() -> None:
    x, c = leaf([1.0, 2.0]), const([1.0, 2.0])
    y = x * c
    z = (y + x).sum()
    node = z.grad_fn
    assert node is not None
    ((add, index),) = node.next_functions
    assert index == 0
    assert isinstance(add, Node)
    assert add.name == "AddBackward"
    (mul, _), (end, _) = add.next_functions
    assert mul is y.grad_fn
    assert isinstance(end, Leaf)
    assert end.name == "AccumulateGrad"
    assert "(2,)" in repr(end)
    assert isinstance(mul, Node)
    assert mul.next_functions == ((end, 0), (None, 0))


# ---- Derivatives of functions ----------------------------------------------------------------------------------------

A = draw(3, 4, seed=5)


def affine_sine(x: Tensor) -> Tensor:
    return (const(A) @ x).sin()


def affine_sine_jacobian(x: Array) -> Array:
    return np.asarray(np.cos(A @ x)[:, None] * A)


def test_jacobian_against_the_closed_form() -> None:
    x = draw(4)
    for strategy in ("reverse-mode", "forward-mode"):
        J = functional.jacobian(affine_sine, const(x), strategy=strategy)
        assert not J.requires_grad
        np.testing.assert_allclose(J.numpy(), affine_sine_jacobian(x), rtol=1e-14, atol=1e-15)


def test_vjp_and_jvp_against_the_closed_form() -> None:
    x, v, t = draw(4), draw(3, seed=1), draw(4, seed=2)
    out, pulled = functional.vjp(affine_sine, const(x), const(v))
    np.testing.assert_allclose(pulled.numpy(), v @ affine_sine_jacobian(x), rtol=1e-13)
    assert not out.requires_grad
    np.testing.assert_array_equal(out.numpy(), affine_sine(const(x)).numpy())
    out, pushed = functional.jvp(affine_sine, const(x), const(t))
    np.testing.assert_allclose(pushed.numpy(), affine_sine_jacobian(x) @ t, rtol=1e-13)
    np.testing.assert_array_equal(out.numpy(), affine_sine(const(x)).numpy())


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_jacobian_of_several_inputs_and_outputs(strategy: str) -> None:
    def f(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x * y, x.sum() + 0 * y.sum()

    x, y = const([1.0, 2.0]), const([3.0, 5.0])
    (xx, xy), (sx, sy) = functional.jacobian(f, (x, y), strategy=strategy)
    assert values(xx) == [[3, 0], [0, 5]]
    assert values(xy) == [[1, 0], [0, 2]]
    assert values(sx) == [1, 1]
    assert values(sy) == [0, 0]


def test_jacobian_has_the_shape_of_output_and_input() -> None:
    J = functional.jacobian(lambda x: x.reshape(3, 2).sum(1), const(draw(2, 3)))
    assert J.shape == (3, 2, 3)


def test_jacobian_of_what_does_not_depend() -> None:
    def constant(x: Tensor) -> Tensor:
        return const([1.0, 2.0])

    assert values(functional.jacobian(constant, const([1.0]))) == [[0], [0]]
    with pytest.raises(RuntimeError, match=r"^jacobian: .*depend"):
        functional.jacobian(constant, const([1.0]), strict=True)


def test_jacobian_with_create_graph() -> None:
    x = leaf([1.0, 2.0])
    for strategy in ("reverse-mode", "forward-mode"):
        J = functional.jacobian(lambda x: x**3, x, create_graph=True, strategy=strategy)
        (g,) = autograd.grad(J.sum(), x)
        assert values(g) == [6, 12]


HESSIAN_CASES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Array], Array]]] = {
    "quadratic": (lambda x: x @ (const(A[:, :3]) @ x), lambda x: A[:, :3] + A[:, :3].T),
    "cubes": (lambda x: (x**3).sum(), lambda x: np.diag(6 * x)),
    "product": (
        lambda x: x.prod(),
        lambda x: np.array([[0, x[2], x[1]], [x[2], 0, x[0]], [x[1], x[0], 0]]),
    ),
    "log-sum-exp": (
        lambda x: x.exp().sum().log(),
        lambda x: np.diag(softmax_of(x)) - np.outer(softmax_of(x), softmax_of(x)),
    ),
    "linear": (lambda x: (2 * x).sum(), lambda x: np.zeros((3, 3))),
}


def softmax_of(x: Array) -> Array:
    return np.asarray(np.exp(x) / np.exp(x).sum())


@pytest.mark.parametrize("outer", ["reverse-mode", "forward-mode"])
@pytest.mark.parametrize("name", HESSIAN_CASES)
def test_hessian_against_the_closed_form(name: str, outer: str) -> None:
    function, closed = HESSIAN_CASES[name]
    x, v = draw(3), draw(3, seed=3)
    H = functional.hessian(function, const(x), outer_jacobian_strategy=outer)
    np.testing.assert_allclose(H.numpy(), closed(x), rtol=1e-13, atol=1e-14)
    value, product = functional.hvp(function, const(x), const(v))
    np.testing.assert_allclose(product.numpy(), closed(x) @ v, rtol=1e-12, atol=1e-14)
    assert value.item() == function(const(x)).item()


def test_hessian_of_two_inputs() -> None:
    x, y = const([1.0, 2.0]), const(3.0)
    (xx, xy), (yx, yy) = functional.hessian(lambda x, y: (x * x).sum() * y, (x, y))
    assert values(xx) == [[6, 0], [0, 6]]
    assert values(xy) == [2, 4]
    assert values(yx) == [2, 4]
    assert values(yy) == 0


def test_hessian_needs_one_value() -> None:
    with pytest.raises(RuntimeError, match=r"^hessian: .*one value"):
        functional.hessian(lambda x: x * 2, const([1.0, 2.0]))


@pytest.mark.parametrize("function", [functional.vjp, functional.jvp])
def test_vectors_must_fit(function: Callable[..., Any]) -> None:
    with pytest.raises(RuntimeError, match=rf"^{function.__name__}: v .*\(2,\).*\(3,\)"):
        function(lambda x: x * 2, const([1.0, 2.0]), const([1.0, 2.0, 3.0]))
    with pytest.raises(RuntimeError, match=rf"^{function.__name__}: v may be left out"):
        function(lambda x: x * 2, const([1.0, 2.0]))
    with pytest.raises(TypeError, match=rf"^{function.__name__}: inputs must be tensors of floats"):
        function(lambda x: x * 2, mg.tensor([1, 2]), mg.tensor([1, 2]))


def test_functions_leave_the_callers_graph_alone() -> None:
    x = leaf([1.0, 2.0])
    functional.jacobian(lambda x: x**2, x)
    functional.hessian(lambda x: (x**3).sum(), x)
    assert x.grad is None


def mixed(x: Tensor) -> Tensor:
    return (x.sin() * x.cumsum(0)).softmax(0) @ x.exp()


def test_reverse_over_forward_equals_forward_over_reverse() -> None:
    x, t = leaf(draw(4)), const(draw(4, seed=1))
    (reverse_over_forward,) = autograd.grad(functional.jvp(mixed, x, t, create_graph=True)[1], x)
    forward_over_reverse = functional.hvp(mixed, x.detach(), t)[1]
    H = functional.hessian(mixed, x.detach()).numpy()
    np.testing.assert_allclose(reverse_over_forward.numpy(), H @ t.numpy(), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(forward_over_reverse.numpy(), H @ t.numpy(), rtol=1e-11, atol=1e-13)


def test_forward_over_forward() -> None:
    x, t = const(draw(4)), const(draw(4, seed=1))

    def slope(x: Tensor) -> Tensor:
        return functional.jvp(mixed, x, t, create_graph=True)[1]

    second = functional.jvp(slope, x, t)[1]
    H = functional.hessian(mixed, x).numpy()
    assert second.item() == pytest.approx(t.numpy() @ H @ t.numpy(), rel=1e-11)


# ---- Size ------------------------------------------------------------------------------------------------------------


def test_a_chain_of_a_million_nodes() -> None:
    """Forward, backward and away, within Python's recursion limit and far below it."""
    limit = sys.getrecursionlimit()
    x = leaf(1.0, mg.float32)
    y = x
    for _ in range(1_000_000):
        y = -y
    try:
        sys.setrecursionlimit(len(_stack()) + 60)
        y.backward()
        del y
    finally:
        sys.setrecursionlimit(limit)
    assert values(x.grad) == 1


def _stack() -> list[Any]:
    frame, frames = sys._getframe(), []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames


def test_a_chain_that_kept_arrays_goes_away_without_a_backward_pass() -> None:
    y = leaf(0.5, mg.float32)
    for _ in range(300_000):
        y = y.sin()
    first = weakref.ref(y.grad_fn.saved[0])
    del y
    assert first() is None


@pytest.mark.parametrize("targeted", [False, True])
def test_work_is_linear_in_the_length(targeted: bool) -> None:
    """Calls, not seconds, are counted: ten times the nodes take ten times the calls, in all but a constant part."""
    calls, visits = [], []
    for n in (10_000, 100_000):
        x = leaf(1.0, mg.float32)
        y = x
        for _ in range(n):
            y = -y
        run = (lambda y=y, x=x: autograd.grad(y, x)) if targeted else y.backward
        calls.append(count_calls(run))
        with counted_visits() as visited:
            if targeted:
                autograd.grad(y, x)
            else:
                y.backward()
        visits.append(len(visited))
    assert visits == [10_000, 100_000]
    assert calls[1] <= 10 * calls[0]


def test_a_diamond_of_sixty_doublings() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    with counted_visits() as visits:
        y.backward()
    assert len(visits) == 60
    assert values(x.grad) == 2.0**60


def test_diamond_in_forward_mode_and_at_second_order() -> None:
    def doubled(x: Tensor) -> Tensor:
        for _ in range(60):
            x = x + x
        return x * x

    x = const(1.0)
    assert functional.jvp(doubled, x, const(1.0))[1].item() == 2 * 2.0**120
    assert functional.hessian(doubled, x).item() == 2 * 2.0**120


def test_wide_fan_out_is_visited_once() -> None:
    x = leaf(1.0)
    shared = x.exp()
    total = shared * 1
    for k in range(2, 101):
        total = total + shared * k
    with counted_visits() as visits:
        total.backward()
    assert visits.count("exp") == 1
    assert x.grad is not None
    assert x.grad.item() == pytest.approx(5050 * np.e, rel=1e-13)


# ---- Memory ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive(*types: type) -> int:
    """Count the objects of these very types. (isinstance would ask every object of the process for its class.)"""
    return sum(type(o) in types for o in gc.get_objects())


@pytest.mark.usefixtures("no_collector")
def test_saved_arrays_go_as_the_sweep_passes() -> None:
    x = leaf(draw(50))
    y, refs = x, []
    for _ in range(6):
        y = y.exp().sin()
        refs.append(weakref.ref(y.grad_fn.saved[0]))
    loss = y.sum()
    del y
    alive = []

    def note(node: Node) -> None:
        if node.primitive.name == "sin":
            alive.append([ref() is not None for ref in refs])

    with visiting(note):
        loss.backward()
    # As the sweep is at sine k, those behind it have lost what they kept.
    assert alive == [[n <= k for n in range(6)] for k in range(5, -1, -1)]
    assert not any(ref() is not None for ref in refs)


@pytest.mark.usefixtures("no_collector")
def test_retained_graph_keeps_its_arrays_until_the_last_tensor_goes() -> None:
    x = leaf(draw(5))
    loss = x.exp().sin().sum()
    node = loss.grad_fn.next_functions[0][0]
    ref = weakref.ref(node.saved[0])
    del node
    loss.backward(retain_graph=True)
    assert ref() is not None
    del loss
    assert ref() is None


PROGRAMS: dict[str, Callable[[Tensor], Tensor]] = {
    "output kept": lambda x: x.exp().tanh().sigmoid().sum(),
    "softmax": lambda x: x.softmax(0).log().sum(),
    "max with index": lambda x: x.max(0).values * 2,
    "view": lambda x: x[1:].reshape(2, 2).t().sum(),
    "in place": lambda x: x.clone().mul_(3).exp_().sum(),
    "in place on a view": lambda x: in_place_on_view(x),
    "scan": lambda x: x.cumprod(0).sum(),
    "matmul": lambda x: x @ x,
    "cross-entropy": lambda x: mg.nn.functional.cross_entropy(x, mg.tensor(1)),
}


def in_place_on_view(x: Tensor) -> Tensor:
    y = x.clone()
    v = y[1:]
    v.mul_(2)
    y[0] = 5
    return (y * v.sum()).sum()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("mode", ["dropped", "backward", "create_graph"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_no_cycle_keeps_a_graph_alive(name: str, mode: str) -> None:
    """With the cycle collector off, what a program made is gone when its last tensor is."""
    x = leaf([0.3, 0.5, 0.7, 0.9, 1.1])
    before = alive(Node, Tensor)
    out = PROGRAMS[name](x)
    assert alive(Node, Tensor) > before
    if mode == "backward":
        out.backward()
        x.grad = None
    elif mode == "create_graph":
        (g,) = autograd.grad(out, x, create_graph=True)
        assert g.shape == (5,)
        del g
    del out
    assert alive(Node, Tensor) == before


@pytest.mark.usefixtures("no_collector")
def test_functional_leaves_nothing_behind() -> None:
    x = const([0.3, 0.5])
    functional.hessian(lambda x: (x.exp() * x.sin()).sum(), x)  # what is made once, such as caches
    before = alive(Node, Tensor, Leaf)
    functional.hessian(lambda x: (x.exp() * x.sin()).sum(), x)
    functional.jvp(lambda x: x.exp() * x.sin(), x, x)
    functional.jacobian(lambda x: x.exp() * x.sin(), x, strategy="forward-mode")
    assert alive(Node, Tensor, Leaf) == before


# ---- The checker -----------------------------------------------------------------------------------------------------


def test_gradcheck_wants_float64_and_something_to_check() -> None:
    with pytest.raises(ValueError, match=r"^gradcheck: .*float64"):
        autograd.gradcheck(mg.sin, leaf([1.0], mg.float32))
    with pytest.raises(ValueError, match=r"^gradcheck: no input"):
        autograd.gradcheck(mg.sin, const([1.0]))
