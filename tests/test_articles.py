"""What the articles describe and work out by hand. Each test's name begins with the row of the acceptance table."""

from __future__ import annotations

import itertools
import math
import re
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import test_repository_rows as repository
from cases import CASES, Case
from minigrad import Tensor, autograd
from minigrad.autograd import functional
from minigrad.graph import Node
from minigrad.nn import functional as F
from minigrad.primitive import MANY_TO_MANY, MANY_TO_ONE, ONE_TO_MANY, ONE_TO_ONE, registry
from visits import visiting

Array = np.ndarray[Any, Any]


def leaf(data: Any, dtype: Any = mg.float64) -> Tensor:
    return mg.tensor(data, dtype=dtype, requires_grad=True)


def const(data: Any) -> Tensor:
    return mg.tensor(data, dtype=mg.float64)


def draw(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def gradients(out: Tensor, *inputs: Tensor, v: Any = None) -> tuple[Array, ...]:
    """Return the cotangents of the inputs as arrays, from `v` or from ones."""
    cotangent = mg.ones_like(out) if v is None else const(v)
    return tuple(g.numpy() for g in autograd.grad(out, inputs, cotangent))


def assert_equal(actual: Any, expected: Any) -> None:
    np.testing.assert_array_equal(actual.numpy() if isinstance(actual, Tensor) else actual, expected)


def assert_close(actual: Any, expected: Any, atol: float = 1e-12) -> None:
    array = actual.detach().numpy() if isinstance(actual, Tensor) else actual
    np.testing.assert_allclose(array, expected, rtol=0, atol=atol)


# ---- 《反向传播算法实现》 --------------------------------------------------------------------------------------------


def softmax_of(x: Array) -> Array:
    e = np.exp(x - x.max())
    return np.asarray(e / e.sum())


# For functions of three numbers, the Jacobian as the article writes it down: a row for each output.
JACOBIANS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Array], Array]]] = {
    "sin (3.3)": (mg.sin, lambda x: np.diag(np.cos(x))),
    "exp": (mg.exp, lambda x: np.diag(np.exp(x))),
    "square": (lambda x: x**2, lambda x: np.diag(2 * x)),
    "relu (3.9)": (mg.relu, lambda x: np.diag(np.where(x > 0, 1.0, 0.0))),
    "sigmoid (3.7)": (mg.sigmoid, lambda x: np.diag(np.exp(-x) / (1 + np.exp(-x)) ** 2)),
    "sum (5.2)": (mg.sum, lambda x: np.ones((1, 3))),
    "prod (5.4)": (mg.prod, lambda x: np.array([[x[1] * x[2], x[0] * x[2], x[0] * x[1]]])),
    "mean (5.6)": (mg.mean, lambda x: np.full((1, 3), 1 / 3)),
    "softmax (6.2)": (
        lambda x: mg.softmax(x, 0),
        lambda x: np.diag(softmax_of(x)) - np.outer(softmax_of(x), softmax_of(x)),
    ),
    "cumsum (6.4)": (lambda x: mg.cumsum(x, 0), lambda x: np.tril(np.ones((3, 3)))),
    "cumprod (6.6)": (
        lambda x: mg.cumprod(x, 0),
        lambda x: np.array([[1, 0, 0], [x[1], x[0], 0], [x[1] * x[2], x[0] * x[2], x[0] * x[1]]]),
    ),
    "mv (7.6)": (lambda x: const([[1, 2, 3], [4, 5, 6]]) @ x, lambda x: np.array([[1.0, 2, 3], [4, 5, 6]])),
    "expand": (lambda x: x.expand(2, 3), lambda x: np.vstack([np.eye(3), np.eye(3)])),
}


@pytest.mark.parametrize("name", JACOBIANS)
def test_a1_vjp_is_the_transposed_jacobian_times_v(name: str) -> None:
    """《反向传播算法实现》 eq. 1.5: v_x = Jᵀ v_o."""
    function, jacobian = JACOBIANS[name]
    for seed in range(3):
        x = leaf(draw(3, seed=seed))
        out = function(x)
        v = draw(*out.shape, seed=seed + 100)
        J = jacobian(x.detach().numpy())
        assert_close(gradients(out, x, v=v)[0], J.T @ v.reshape(-1))
        assert_close(functional.jacobian(function, x.detach()).reshape(J.shape), J)


def case_of(name: str) -> Case:
    """Return a smooth row of a primitive with few elements."""
    rows = [c for c in CASES if c.primitive == name and c.smooth and not c.large and c.differentiated(c.operands())]
    some = [c for c in rows if all(np.size(x) for x in c.operands())]
    return min(some, key=lambda c: (any(np.size(x) > 20 for x in c.operands()), -max(np.size(x) for x in c.operands())))


def jacobian_of(case: Case, number: int) -> tuple[Array, Callable[[Array], Array]]:
    """Return the dense Jacobian by one operand, column by column, and the product of its transpose with a vector."""
    function, xs = case.function(case.operands())
    f = lambda x: function(*xs[:number], x, *xs[number + 1 :])
    x = xs[number]
    columns = []
    for k in range(x.numel()):
        unit = np.zeros(x.numel())
        unit[k] = 1
        columns.append(functional.jvp(f, x, const(unit.reshape(x.shape)))[1].numpy().reshape(-1))
    shape = f(x).shape
    return np.stack(columns, 1), lambda v: functional.vjp(f, x, const(v.reshape(shape)))[1].numpy().reshape(-1)


DIFFERENTIABLE = [name for name, p in registry.items() if p.differentiable]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a1_a3_every_vjp_is_the_transposed_jacobian_times_v(name: str) -> None:
    """《反向传播算法实现》 eq. 1.5 and section 2, for each operation: the Jacobian has the places that its class says."""
    case = case_of(name)
    for number in range(len(case.differentiated(case.operands()))):
        J, pull = jacobian_of(case, number)
        v = draw(len(J), seed=number)
        assert_close(pull(v), J.T @ v, 1e-12 * max(1, np.abs(J).max()))
        relation = registry[name].relation
        if relation in (ONE_TO_ONE, ONE_TO_MANY):  # an output has one element
            assert ((J != 0).sum(axis=1) <= 1).all()
        if relation in (ONE_TO_ONE, MANY_TO_ONE):  # an element has one output
            assert ((J != 0).sum(axis=0) <= 1).all()


def test_a1_backward_needs_a_scalar() -> None:
    """《反向传播算法实现》 section 1: a loss is a scalar."""
    x = leaf([1, 2, 3])
    with pytest.raises(RuntimeError, match=r"^backward: .*scalar.*\(3,\)"):
        x.sin().backward()
    assert x.grad is None


def test_a2_vectorised_sin_is_a_sine_for_each_element() -> None:
    """《反向传播算法实现》 section 2: 2 × 3 × 4 sines in one call."""
    x = const(draw(2, 3, 4))
    one_by_one = [const(float(element)).sin().item() for element in x.numpy().reshape(-1)]
    assert len(one_by_one) == 24
    assert_equal(x.sin().reshape(-1), np.array(one_by_one))


def test_a2_vectorised_sum_reduces_eight_vectors() -> None:
    """《反向传播算法实现》 section 2: a sum along dim 1 of [2, 3, 4] has the shape [2, 4]."""
    x = const(draw(2, 3, 4))
    out = x.sum(dim=1)
    assert out.shape == (2, 4)
    for i in range(2):
        for j in range(4):
            assert_close(out[i, j], x.numpy()[i, :, j].sum(), 1e-15)


def test_a3_relations() -> None:
    """《反向传播算法实现》 section 2: one-to-one, one-to-many, many-to-one, many-to-many."""
    assert {p.relation for p in registry.values()} == {ONE_TO_ONE, ONE_TO_MANY, MANY_TO_ONE, MANY_TO_MANY}
    expected = {"sin": ONE_TO_ONE, "expand": ONE_TO_MANY, "sum": MANY_TO_ONE, "softmax": MANY_TO_MANY}
    assert {name: registry[name].relation for name in expected} == expected


def test_a3_unconnected_elements_have_gradient_zero() -> None:
    """《反向传播算法实现》 section 2: where there is no edge, the derivative is 0."""
    x = leaf(draw(2, 3))
    out = x.cumsum(1)
    assert_equal(gradients(out[0, 1], x)[0], [[1, 1, 0], [0, 0, 0]])


def test_a4_sin() -> None:
    """《反向传播算法实现》 eq. 3.5 and the listing below it."""
    x = leaf(draw(2, 3, 4, 5))
    v = draw(2, 3, 4, 5, seed=1)
    mg.sin(x).backward(const(v))
    assert x.grad is not None
    assert x.grad.dtype is mg.float64
    assert_close(x.grad, np.cos(x.detach().numpy()) * v, 1e-15)


def test_a4_sin_refuses_a_cotangent_of_another_size() -> None:
    """《反向传播算法实现》 section 3: the sizes of input and cotangent must be equal."""
    with pytest.raises(RuntimeError, match=r"^backward: .*\(3, 2\).*\(2, 3\)"):
        mg.sin(leaf(draw(2, 3))).backward(const(draw(3, 2)))


@pytest.mark.parametrize(
    "function", [lambda x: x**3, lambda x: x**-1.5, lambda x: 2.0**x, lambda x: x**x, mg.exp, mg.log]
)
def test_a5_pow_exp_log_pass_gradcheck(function: Callable[[Tensor], Tensor]) -> None:
    """《反向传播算法实现》 section 3."""
    x = leaf(np.random.default_rng(0).uniform(0.5, 2, (2, 3)))
    assert autograd.gradcheck(function, x, check_forward_ad=True)
    assert autograd.gradgradcheck(function, x)


def test_a5_pow_zero_at_zero() -> None:
    """《反向传播算法实现》 section 3: the derivative of x⁰ = 1 is 0, at 0 too."""
    x = leaf([0.0, 2.0])
    assert_equal((x**0).detach(), [1, 1])
    assert_equal(gradients(x**0, x)[0], [0, 0])
    exponent = const([0.0, 0.0])
    assert_equal(gradients(x**exponent, x)[0], [0, 0])


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
def test_a6_sigmoid(dtype: mg.dtype) -> None:
    """《反向传播算法实现》 eq. 3.7: the derivative is o (1 - o), at most 0.25; 0 far away, never NaN."""
    x = leaf([0.0, 4.0, -4.0, 1000.0, -1000.0], dtype)
    out = x.sigmoid()
    (g,) = autograd.grad(out.sum(), x)
    assert_equal(out.detach()[3:], [1, 0])
    assert g[0].item() == 0.25
    assert_close(g[1:3], [0.017663, 0.017663], 5e-7)
    assert_equal(g[3:], [0, 0])
    everywhere = leaf(np.linspace(-30, 30, 601), dtype)
    (slopes,) = autograd.grad(everywhere.sigmoid().sum(), everywhere)
    assert slopes.max().item() == 0.25


def test_a7_relu_at_zero() -> None:
    """《反向传播算法实现》 eq. 3.9: the Heaviside function, 0 at 0."""
    x = leaf([-1.0, 0.0, -0.0, 2.0])
    assert_equal(x.relu().detach(), [0, 0, 0, 2])
    assert_equal(gradients(x.relu(), x)[0], [0, 0, 0, 1])


SHAPE_OPERATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Array], Array], Callable[[Array], Array]]] = {
    "unsqueeze": (lambda x: x.unsqueeze(1), lambda x: x[:, None], lambda g: g[:, 0]),
    "squeeze": (lambda x: x.squeeze(1), lambda x: x[:, 0], lambda g: g[:, None]),
    "flatten": (lambda x: x.flatten(), lambda x: x.reshape(-1), lambda g: g.reshape(2, 1, 3, 4)),
    "flatten from 1 to 2": (
        lambda x: x.flatten(1, 2),
        lambda x: x.reshape(2, 3, 4),
        lambda g: g.reshape(2, 1, 3, 4),
    ),
    "reshape": (lambda x: x.reshape(6, -1), lambda x: x.reshape(6, 4), lambda g: g.reshape(2, 1, 3, 4)),
    "transpose": (lambda x: x.transpose(0, -1), lambda x: x.swapaxes(0, 3), lambda g: g.swapaxes(0, 3)),
    "permute": (
        lambda x: x.permute(2, 0, 3, 1),
        lambda x: x.transpose(2, 0, 3, 1),
        lambda g: g.transpose(1, 3, 0, 2),
    ),
}


@pytest.mark.parametrize("name", SHAPE_OPERATIONS)
def test_a8_shape_operations_go_back_by_their_inverse(name: str) -> None:
    """《反向传播算法实现》 section 3: the opposite operation on the cotangent; views share memory."""
    function, forwards, backwards = SHAPE_OPERATIONS[name]
    x = leaf(draw(2, 1, 3, 4))
    out = function(x)
    assert_equal(out.detach(), forwards(x.detach().numpy()))
    assert np.shares_memory(out.detach().numpy(), x.detach().numpy())
    v = draw(*out.shape, seed=1)
    assert_equal(gradients(out, x, v=v)[0], backwards(v))


def test_a9_add_and_mul_of_one_size() -> None:
    """《反向传播算法实现》 section 4: v and v; v b and v a."""
    a, b, v = leaf(draw(2, 3)), leaf(draw(2, 3, seed=1)), draw(2, 3, seed=2)
    for g in gradients(a + b, a, b, v=v):
        assert_equal(g, v)
    of_a, of_b = gradients(a * b, a, b, v=v)
    assert_equal(of_a, v * b.detach().numpy())
    assert_equal(of_b, v * a.detach().numpy())


def undo_broadcasting(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum as the article's step 3 does: extra leading dimensions first, then those of size 1."""
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for d, n in enumerate(shape):
        if g.shape[d] != n:
            g = g.sum(axis=d, keepdims=True)
    return g


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3, 1, 5), (4, 1)),
        ((2, 3), ()),
        ((), (2, 3)),
        ((1,), (4, 3)),
        ((2, 1, 3), (1, 5, 1)),
        ((1, 1), (1,)),
        ((0, 3), (3,)),
    ],
)
def test_a10_broadcasting_is_undone_by_sums(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """《反向传播算法实现》 section 4, step 3 of both listings."""
    a, b = leaf(draw(*left)), leaf(draw(*right, seed=1))
    shape = np.broadcast_shapes(left, right)
    v = draw(*shape, seed=2)
    for g, x in zip(gradients(a + b, a, b, v=v), (a, b), strict=True):
        assert g.shape == x.shape
        assert_close(g, undo_broadcasting(v, x.shape), 1e-14)
    for g, x, other in zip(gradients(a * b, a, b, v=v), (a, b), (b, a), strict=True):
        assert g.shape == x.shape
        assert_close(g, undo_broadcasting(v * other.detach().numpy(), x.shape), 1e-14)


def test_a10_shapes_that_do_not_broadcast() -> None:
    """《反向传播算法实现》 section 4: the listings raise."""
    for operation in (mg.add, mg.mul):
        with pytest.raises(RuntimeError, match=r"(add|mul): .*\(3, 2\).*\(4, 2\)"):
            operation(leaf(draw(3, 2)), leaf(draw(4, 2)))


def test_a11_copies_add_their_gradients_up() -> None:
    """《反向传播算法实现》 section 4: expand and integer indices."""
    x = leaf([1.0, 2.0, 3.0])
    assert_equal(gradients(x[[0, 0, 1]], x)[0], [2, 1, 0])
    assert_equal(gradients(x[mg.tensor([0, 0, 1])], x)[0], [2, 1, 0])
    assert_equal(gradients(x[np.array([0, 0, 1])], x)[0], [2, 1, 0])
    assert_equal(gradients(x.expand(4, 3), x)[0], [4, 4, 4])
    assert_equal(gradients(x.index_select(0, mg.tensor([2, 2, 2])), x)[0], [0, 0, 3])
    y = leaf(draw(3, 4))
    i, j = mg.tensor([0, 0, 2, 0]), mg.tensor([1, 1, 3, 0])
    assert_equal(gradients(y[i, j], y)[0], [[1, 2, 0, 0], [0] * 4, [0, 0, 0, 1]])
    assert_equal(gradients(y[:, j], y)[0], [[1, 2, 0, 1]] * 3)


DIMS = [None, 0, 1, -1, (0, 2), (0, 1, 2)]


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", DIMS)
def test_a12_sum(dim: Any, keepdim: bool) -> None:
    """《反向传播算法实现》 eq. 5.1, 5.2: the cotangent, broadcast back."""
    x = leaf(draw(2, 3, 4))
    out = x.sum() if dim is None else x.sum(dim, keepdim)
    expected = x.detach().numpy().sum(axis=dim, keepdims=keepdim and dim is not None)
    assert_close(out, expected, 1e-14)
    v = draw(*out.shape, seed=1)
    spread = v if dim is None or keepdim else np.expand_dims(v, dim)
    assert_equal(gradients(out, x, v=v)[0], np.broadcast_to(spread, (2, 3, 4)))


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", DIMS)
def test_a13_mean(dim: Any, keepdim: bool) -> None:
    """《反向传播算法实现》 eq. 5.5, 5.6: 1/n."""
    x = leaf(draw(2, 3, 4))
    out = x.mean() if dim is None else x.mean(dim, keepdim)
    assert_close(out, x.detach().numpy().mean(axis=dim, keepdims=keepdim and dim is not None), 1e-14)
    v = draw(*out.shape, seed=1)
    spread = v if dim is None or keepdim else np.expand_dims(v, dim)
    assert_close(gradients(out, x, v=v)[0], np.broadcast_to(spread / (24 // v.size), (2, 3, 4)), 1e-16)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2.0, 0.0, 3.0], [0, 6, 0]),
        ([2.0, 0.0, 0.0], [0, 0, 0]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
        ([2.0, 5.0, 3.0], [15, 6, 10]),
        ([0.0], [1]),
    ],
)
def test_a14_prod_gradient_at_zeros(values: list[float], expected: list[float]) -> None:
    """《反向传播算法实现》 eq. 5.4. Erratum: the listing's output / input is NaN at a zero."""
    x = leaf(values)
    assert_equal(gradients(x.prod(), x)[0], expected)
    assert_equal(gradients(x.prod(0), x)[0], expected)
    columns = leaf(np.array(values)[:, None] * [[1.0, 1.0]])
    assert_equal(gradients(columns.prod(0), columns)[0], np.array(expected)[:, None] * [[1, 1]])


def test_a14_prod_second_derivative_at_zeros() -> None:
    """《反向传播算法实现》 eq. 5.4, differentiated once more: ∂²o / ∂x_i ∂x_j is the product of the others."""
    hessian = functional.hessian(mg.prod, const([2.0, 0.0, 3.0]))
    assert_equal(hessian, [[0, 3, 0], [3, 0, 2], [0, 2, 0]])


def test_a15_max_over_all_splits_ties() -> None:
    """《反向传播算法实现》 eq. 5.8 and the listing: without dim, equal maxima share the gradient."""
    x = leaf([1.0, 3.0, 3.0])
    assert x.max().item() == 3
    assert_equal(gradients(x.max(), x)[0], [0, 0.5, 0.5])
    y = leaf([[2.0, 2.0], [2.0, 2.0]])
    assert_equal(gradients(y.max(), y)[0], np.full((2, 2), 0.25))
    assert_equal(gradients(-(-x).min(), x)[0], [0, 0.5, 0.5])


def test_a16_max_along_dim_goes_to_one_index() -> None:
    """《反向传播算法实现》 eq. 5.8 and the listing: with dim, values and indices; a tie goes to one of them."""
    x = leaf([1.0, 3.0, 3.0])
    values, indices = x.max(0)
    assert (values.item(), indices.item()) == (3, 1)
    assert_equal(gradients(values, x)[0], [0, 1, 0])
    batch = leaf([[1.0, 3.0, 3.0], [5.0, 2.0, 5.0]])
    result = batch.max(dim=1)
    assert result.indices.dtype is mg.int64
    assert_equal(result.indices, [1, 0])
    assert_equal(gradients(result.values, batch, v=[2.0, 7.0])[0], [[0, 2, 0], [7, 0, 0]])


def test_a16_scatter_and_gather_are_inverse() -> None:
    """《反向传播算法实现》 section 5: scatter_ and gather undo each other."""
    x = leaf(draw(2, 4))
    index = mg.tensor([[3], [1]])
    picked = x.gather(1, index)
    v = draw(2, 1, seed=1)
    (g,) = gradients(picked, x, v=v)
    placed = mg.zeros(2, 4, dtype=mg.float64).scatter_add(1, index, const(v))
    assert_equal(g, placed.numpy())
    assert_equal(placed.gather(1, index), v)


def test_a16_scatter_in_place_undoes_gather() -> None:
    """《反向传播算法实现》 section 5: the listing makes max's gradient by scatter_ into zeros."""
    x = leaf([[1.0, 3.0, 3.0], [5.0, 2.0, 5.0]])
    values, index = x.max(1, keepdim=True)
    v = draw(2, 1, seed=2)
    by_hand = mg.zeros(2, 3, dtype=mg.float64)
    memory = by_hand.numpy()
    assert by_hand.scatter_(1, index, const(v)) is by_hand
    assert np.shares_memory(by_hand.numpy(), memory)
    assert_equal(gradients(values, x, v=v)[0], memory)
    assert_equal(by_hand.gather(1, index), v)
    back = mg.zeros(2, 3, dtype=mg.float64).scatter_(1, index, x.gather(1, index))
    assert_equal(gradients(back, x)[0], np.array([[0, 1, 0], [1, 0, 0]]))


@pytest.mark.parametrize("dim", [None, 0, 1])
def test_a17_var_of_a_population(dim: int | None) -> None:
    """《反向传播算法实现》 eq. 5.9, 5.10: divides by n, which is correction=0 and not the default."""
    x = leaf(draw(4, 5))
    array = x.detach().numpy()
    out = x.var(dim, correction=0)
    assert_close(out, array.var(axis=dim), 1e-15)
    assert_close(x.var(dim), array.var(axis=dim, ddof=1), 1e-15)
    n = array.size if dim is None else array.shape[dim]
    deviation = array - array.mean(axis=dim, keepdims=True)
    # Twice the deviation over n; the article's sum over the deviations of the others is 0.
    assert_close(gradients(out, x)[0], 2 / n * deviation, 1e-15)


def test_a17_var_of_the_article() -> None:
    """《反向传播算法实现》 eq. 5.10, term by term. Its listing's float32 unit matrix would leave an error of 4e-8."""
    x = leaf([0.3, -1.2, 2.9])
    d = x.detach().numpy() - x.detach().numpy().mean()
    article = [2 / 3 * sum(d[j] * ((i == j) - 1 / 3) for j in range(3)) for i in range(3)]
    assert_close(gradients(x.var(correction=0), x)[0], article, 1e-15)


def test_a18_softmax() -> None:
    """《反向传播算法实现》 eq. 6.1, 6.2."""
    x = leaf([1.0, 2.0, 3.0])
    (g,) = gradients(x.softmax(0), x, v=[1.0, 0.0, 0.0])
    assert_close(g, [0.081925, -0.022033, -0.059892], 5e-7)
    o = softmax_of(x.detach().numpy())
    assert_close(g, o[0] * (np.array([1, 0, 0]) - o), 1e-16)


def test_a18_softmax_needs_a_dim() -> None:
    """《反向传播算法实现》 section 6: such operations must be given a dim."""
    for operation in (mg.softmax, mg.log_softmax, mg.cumsum, mg.cumprod):
        with pytest.raises(TypeError, match="dim"):
            operation(const([1.0, 2.0]))  # type: ignore[call-arg]


def test_a18_softmax_goes_back_without_the_jacobian() -> None:
    """《反向传播算法实现》 eq. 6.2: o (v - Σ v o). With the n × n matrix, 3 GB would be needed here."""
    x = leaf(draw(20_000))
    v = draw(20_000, seed=1)
    o = softmax_of(x.detach().numpy())
    assert_close(gradients(x.softmax(0), x, v=v)[0], o * (v - v @ o), 1e-15)


def test_a19_cumsum() -> None:
    """《反向传播算法实现》 eq. 6.3, 6.4."""
    x = leaf([1.0, 2.0, 3.0])
    assert_equal(x.cumsum(0).detach(), [1, 3, 6])
    assert_equal(functional.jacobian(lambda x: x.cumsum(0), x.detach()), np.tril(np.ones((3, 3))))
    assert_equal(gradients(x.cumsum(0), x)[0], [3, 2, 1])


@pytest.mark.parametrize(
    ("values", "expected"),
    [([2.0, 0.0, 3.0], [1, 8, 0]), ([0.0, 0.0, 3.0], [1, 0, 0]), ([2.0, 5.0, 3.0], [21, 8, 10]), ([0.0], [1])],
)
def test_a20_cumprod_gradient_at_zeros(values: list[float], expected: list[float]) -> None:
    """《反向传播算法实现》 eq. 6.5, 6.6. Erratum: the second form of 6.6, o_i / x_j, is NaN at a zero."""
    x = leaf(values)
    assert_equal(gradients(x.cumprod(0), x)[0], expected)


def test_a20_cumprod_jacobian_at_zeros() -> None:
    """《反向传播算法实现》 eq. 6.6, the first form, in both modes."""
    expected = [[1, 0, 0], [0, 2, 0], [0, 6, 0]]
    for strategy in ("reverse-mode", "forward-mode"):
        J = functional.jacobian(lambda x: x.cumprod(0), const([2.0, 0.0, 3.0]), strategy=strategy)
        assert_equal(J, expected)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 2, 3), (3,)),
        ((6, 1, 2, 3), (5, 3, 4)),
        ((1, 1), (1, 1)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
    ],
)
def test_a21_matmul(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """《反向传播算法实现》 section 7: dot, mv, mm, bmm and broadcast batches."""
    a, b = leaf(draw(*left)), leaf(draw(*right, seed=1))
    out = a @ b
    assert_close(out, np.matmul(a.detach().numpy(), b.detach().numpy()), 1e-14)
    if a.numel() and b.numel():
        assert autograd.gradcheck(mg.matmul, (a, b), check_forward_ad=True)
    of_a, of_b = gradients(out, a, b)
    assert of_a.shape == left
    assert of_b.shape == right


def test_a21_the_last_two_dimensions_never_broadcast() -> None:
    """《反向传播算法实现》 section 7: note that the last two dimensions do not broadcast."""
    with pytest.raises(RuntimeError, match=r"^matmul: .*\(2, 1\).*\(3, 4\)"):
        mg.matmul(const(draw(2, 1)), const(draw(3, 4)))


def test_a21_matrix_times_vector() -> None:
    """《反向传播算法实现》 eq. 7.5, 7.6: ∂o/∂x = W; the rows of ∂/∂W are x."""
    W, x = leaf(draw(2, 3)), leaf(draw(3, seed=1))
    v = draw(2, seed=2)
    of_W, of_x = gradients(W @ x, W, x, v=v)
    assert_close(of_x, W.detach().numpy().T @ v, 1e-15)
    assert_close(of_W, np.outer(v, x.detach().numpy()), 1e-15)


def test_a22_vector_times_batch() -> None:
    """《反向传播算法实现》 section 7, case 3. Erratum: there is broadcasting, where the matrix is one of a batch."""
    a, b = leaf(draw(3)), leaf(draw(2, 3, 4, seed=1))
    assert (a @ b).shape == (2, 4)
    assert autograd.gradcheck(mg.matmul, (a, b), check_forward_ad=True)
    of_a, of_b = gradients(a @ b, a, b)
    assert_close(of_a, b.detach().numpy().sum(axis=(0, 2)), 1e-14)
    assert_equal(of_b, np.broadcast_to(a.detach().numpy()[:, None], (2, 3, 4)))


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
@pytest.mark.parametrize("shape", [(), (1,), (3, 1), (2, 3, 4), (0,), (0, 3), (3, 0)], ids=str)
@pytest.mark.parametrize("name", ["sum", "mean", "var", "amax", "amin", "any", "all", "nansum", "logsumexp"])
def test_a27_reductions_in_general(name: str, shape: tuple[int, ...]) -> None:
    """`dim` as a number, several or none, with and without keepdim; nothing and one element along it."""
    torch = pytest.importorskip("torch")
    x = draw(*shape)
    forms = [None, *range(len(shape)), -1, tuple(range(len(shape)))] if shape else [0, -1]
    for dim in forms:
        if dim is None and name == "logsumexp":
            continue
        for keepdim in (False, True):
            given = {} if dim is None else {"dim": dim, "keepdim": keepdim}
            settings = {"correction": 0} if name == "var" else {}
            try:
                right = getattr(torch, name)(torch.from_numpy(x), **given, **settings)
            except (RuntimeError, IndexError) as error:
                with pytest.raises(type(error)):
                    getattr(const(x), name)(**given, **settings)
                continue
            found = getattr(const(x), name)(**given, **settings)
            assert found.shape == tuple(right.shape)
            np.testing.assert_allclose(found.numpy(), right.numpy(), rtol=1e-13, atol=1e-14)


def test_a27_the_variance_of_one_element_has_no_value() -> None:
    assert np.isnan(mg.tensor([2.0]).var().item())
    assert np.isnan(mg.tensor([[2.0], [3.0]]).std(1).numpy()).all()


MODES = [("reverse", "reverse"), ("reverse", "forward"), ("forward", "reverse"), ("forward", "forward")]


def second_derivative(f: Callable[[Tensor], Tensor], x: Array, modes: tuple[str, str], v: Array, u: Array) -> Array:
    """Return ``H v`` by the first mode over the second one, or ``u H v``, H the second derivative of a number."""
    outer, inner = modes

    def first(x: Tensor) -> Tensor:
        if inner == "forward":
            return functional.jvp(f, x, const(v), create_graph=True)[1]
        return (functional.vjp(f, x, const(1.0), create_graph=True)[1] * const(v)).sum()

    if outer == "forward":
        return functional.jvp(first, const(x), const(u))[1].numpy()
    return functional.vjp(first, const(x), const(1.0))[1].numpy()


def hessian_of_product(x: Array) -> Array:
    """Return the products of all elements but two."""
    n = range(len(x))
    return np.array([[0.0 if i == j else np.prod(np.delete(x, [i, j])) for j in n] for i in n])


PRODUCTS: dict[str, tuple[Callable[[Tensor, Array], Tensor], Callable[[Array, Array], Array]]] = {
    "prod": (lambda x, w: x.prod() * w[0], lambda x, w: hessian_of_product(x) * w[0]),
    "prod along a dim": (
        lambda x, w: x.reshape(1, 5, 1).prod(1).sum() * w[0],
        lambda x, w: hessian_of_product(x) * w[0],
    ),
    "cumprod": (
        lambda x, w: (x.cumprod(0) * const(w)).sum(),
        lambda x, w: sum(np.pad(hessian_of_product(x[:k]), (0, 5 - k)) * w[k - 1] for k in range(1, 6)),
    ),
}


@pytest.mark.parametrize("modes", MODES, ids=" over ".join)
@pytest.mark.parametrize("places", [(), (0,), (2,), (4,), (0, 1), (1, 3), (3, 4), (0, 2, 4), (0, 1, 2, 3, 4)], ids=str)
@pytest.mark.parametrize("name", PRODUCTS)
def test_a14_a20_second_derivatives_at_zeros(name: str, places: tuple[int, ...], modes: tuple[str, str]) -> None:
    """《反向传播算法实现》 eq. 5.4 and 6.6, differentiated once more, in all four pairs of modes."""
    function, hessian = PRODUCTS[name]
    x, w, u, v = np.array([2.0, 3.0, -1.5, 0.5, 4.0]), *(draw(5, seed=seed) for seed in range(3))
    x[list(places)] = 0
    expected = hessian(x, w) @ v
    found = second_derivative(lambda x: function(x, w), x, modes, v, u)
    assert_close(found, u @ expected if modes[0] == "forward" else expected, 1e-13)


@pytest.mark.parametrize("modes", MODES, ids=" over ".join)
def test_a19_second_derivative_of_cumsum(modes: tuple[str, str]) -> None:
    """《反向传播算法实现》 eq. 6.4, differentiated once more: 0 for the sums, that of the square for their squares."""
    lower, u, v = np.tril(np.ones((4, 4))), draw(4), draw(4, seed=1)
    expected = 2 * lower.T @ lower @ v
    found = second_derivative(lambda x: (x.cumsum(0) ** 2).sum(), np.array([1.0, 0.0, -2.0, 0.0]), modes, v, u)
    assert_close(found, u @ expected if modes[0] == "forward" else expected, 1e-13)
    assert not second_derivative(lambda x: x.cumsum(0).sum(), np.zeros(4), modes, v, u).any()


class CoarseSoftmax(autograd.Function):
    """The softmax of a linear layer as one operation."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        out = (x @ w).softmax(-1)
        ctx.save_for_backward(x, w, out)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        x, w, out = ctx.saved_tensors
        g = out * (grads[0] - (grads[0] * out).sum(-1, keepdim=True))
        return g @ w.mT, x.mT @ g


def test_a24_granularity() -> None:
    """《反向传播算法实现》: a layer as one operation, as in caffe, or composed of small ones, as in PyTorch."""
    x, w, v = leaf(draw(3, 4)), leaf(draw(4, 5, seed=1)), draw(3, 5, seed=2)
    coarse, fine = CoarseSoftmax.apply(x, w), (x @ w).softmax(-1)
    assert coarse.grad_fn.next_functions == ((x._edge[0], 0), (w._edge[0], 0))  # one node
    assert [type(node).__name__ for node, _ in fine.grad_fn.next_functions] != ["Leaf", "Leaf"]
    assert_close(coarse, fine.detach().numpy(), 1e-15)
    for mine, right in zip(gradients(coarse, x, w, v=v), gradients(fine, x, w, v=v), strict=True):
        assert_close(mine, right, 1e-14)
    assert autograd.gradcheck(CoarseSoftmax.apply, (x, w))
    assert autograd.gradgradcheck(CoarseSoftmax.apply, (x, w))
    page = Path(__file__).resolve().parent.parent / "docs" / "granularity.md"
    if page.parent.is_dir():  # not part of every copy
        assert "caffe" in page.read_text(encoding="utf-8")


# ---- 《深度学习与梯度》 ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [-1.5, 0.3, 2.0])
@pytest.mark.parametrize(
    ("f", "derivative"),
    [(mg.sin, math.cos), (mg.exp, math.exp), (lambda x: x**3 - 2 * x, lambda x: 3 * x**2 - 2)],
)
def test_b1_derivative_and_the_direction_of_less(f: Any, derivative: Callable[[float], float], x: float) -> None:
    """《深度学习与梯度》 eq. 2.1-2.3: in the direction -1 the derivative is -f'; so is the limit of the quotients."""
    right = derivative(x)
    for direction, expected in ((1.0, right), (-1.0, -right)):
        assert_close(functional.jvp(f, const(x), const(direction))[1], expected, 1e-12)
        steps = [(f(const(x + h * direction)) - f(const(x))).item() / h for h in (1e-3, 1e-4, 1e-5)]
        errors = [abs(step - expected) for step in steps]
        assert errors[2] < errors[1] < errors[0] < 0.02
    assert_close(gradients(f(at := leaf(x)), at)[0], right, 1e-12)


def test_b1_one_sided_derivatives_of_a_kink() -> None:
    """《深度学习与梯度》 section 2: |x| at 0 grows in both directions, and its gradient there is taken as 0."""
    for direction in (1.0, -1.0):
        assert ((const(0.0) + 1e-6 * direction).abs() / 1e-6).item() == 1
    x = leaf(0.0)
    assert gradients(x.abs(), x)[0] == 0


def test_b2_directional_derivative() -> None:
    """《深度学习与梯度》 eq. 3.5: ∇f · v. Errata: (3.3), (3.4) exchange the axes; the appendix' proof says 0 = 0."""
    f = lambda x: x[0] ** 2 * x[1] + (x[0] * x[1]).sin()
    point = np.array([0.7, -1.2])
    x = leaf(point)
    (gradient,) = gradients(f(x), x)
    a, b = point
    assert_close(gradient, [2 * a * b + b * np.cos(a * b), a**2 + a * np.cos(a * b)], 1e-15)
    for v in ([1.0, 0.0], [0.0, 1.0], [0.6, -0.8], list(draw(2))):
        jvp = functional.jvp(f, const(point), const(v))[1].item()
        h = 1e-6
        quotient = (f(const(point + h * np.array(v))) - f(const(point - h * np.array(v)))).item() / (2 * h)
        assert jvp == pytest.approx(gradient @ v, rel=1e-14, abs=1e-15)
        assert jvp == pytest.approx(quotient, abs=1e-9)


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
def test_b4_one_step_of_gradient_descent(dtype: mg.dtype) -> None:
    """《深度学习与梯度》 section 4, the six steps; every number is exact."""
    x, y, lr = 2.0, 9.0, 0.125
    theta = mg.tensor(5.0, dtype=dtype, requires_grad=True)
    y_hat = theta * x
    loss = (y - y_hat) ** 2
    assert y_hat.item() == 10
    assert loss.item() == 1
    assert autograd.grad(loss, y_hat, retain_graph=True)[0].item() == 2
    assert autograd.grad(y_hat, theta, retain_graph=True)[0].item() == 2
    loss.backward()
    assert theta.grad is not None
    assert theta.grad.item() == 4
    with mg.no_grad():
        theta -= lr * theta.grad
    assert theta.item() == 4.5
    assert theta.is_leaf


def test_b6_l2_loss() -> None:
    """《深度学习与梯度》 eq. 5.1, 5.2."""
    prediction, target = leaf([1.0, -2.0, 4.0]), const([3.0, -2.0, 1.0])
    loss = F.mse_loss(prediction, target, reduction="sum")
    assert loss.item() == 13
    assert_equal(gradients(loss, prediction)[0], [-4, 0, 6])


def test_b7_l1_loss() -> None:
    """《深度学习与梯度》 eq. 5.3, 5.4: the sign, 0 where they are equal."""
    prediction, target = leaf([1.0, -2.0, 4.0]), const([3.0, -2.0, 1.0])
    for loss in ((prediction - target).abs().sum(), F.l1_loss(prediction, target, reduction="sum")):
        assert loss.item() == 5
        assert_equal(gradients(loss, prediction)[0], [-1, 0, 1])


def test_b8_binary_cross_entropy_of_logits() -> None:
    logits = leaf([0.0, 0.0, 2.0, 2.0, -3.0, 1000.0, 1000.0, -1000.0])
    targets = const([1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    losses = mg.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    (gradient,) = gradients(losses.sum(), logits)
    assert_close(gradient, logits.detach().sigmoid().numpy() - targets.numpy())
    assert_equal(gradient[:2], [-0.5, 0.5])
    assert (np.abs(gradient[2:]) < 0.5).tolist() == [True, False, False, True, False, False]  # where the class is right
    assert_equal(losses.detach().numpy()[5:], [0.0, 1000.0, 1000.0])


def test_b9_softmax_cross_entropy() -> None:
    """《深度学习与梯度》 eq. 5.10, 5.11: p - onehot; [-2/3, 1/3, 1/3] for equal logits; the elements add up to 0."""
    for value in (0.0, 5.0, -1000.0):
        equal = leaf([value] * 3)
        loss = F.cross_entropy(equal, mg.tensor(0))
        assert abs(loss.item() - np.log(3)) < 1e-15
        assert_close(gradients(loss, equal)[0], [-2 / 3, 1 / 3, 1 / 3], 1e-15)
    logits = leaf(draw(4, 7))
    target = mg.tensor([0, 6, 3, 3])
    (g,) = gradients(F.cross_entropy(logits, target, reduction="sum"), logits)
    p = np.array([softmax_of(row) for row in logits.detach().numpy()])
    assert_close(g, p - np.eye(7)[target.numpy()], 1e-15)
    assert_close(g.sum(axis=1), np.zeros(4), 1e-15)


def test_b11_both_paths_add_up() -> None:
    """《深度学习与梯度》 eq. 6.1: z = x y with x = sin t, y = t²."""
    t = leaf(0.7)
    z = t.sin() * t**2
    (g,) = gradients(z, t)
    assert_close(g, np.cos(0.7) * 0.7**2 + np.sin(0.7) * 2 * 0.7, 1e-15)


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
def test_b12_softmax_grad_script(dtype: mg.dtype) -> None:
    """《深度学习与梯度》 eq. 6.6 and the script. Erratum: the v of 6.7 is ∂loss/∂o, not ∂loss/∂x."""
    logits = mg.tensor(draw(10), dtype=dtype)
    v = mg.tensor(draw(10, seed=1), dtype=dtype)
    outputs = mg.softmax(logits, dim=0)
    jacobian = (mg.eye(10, dtype=dtype) - outputs) * outputs.unsqueeze(-1)
    by_hand = jacobian.t() @ v
    x = mg.tensor(logits, requires_grad=True)
    mg.softmax(x, dim=0).backward(v)
    assert x.grad is not None
    assert mg.all(mg.abs(by_hand - x.grad) < 1e-6).item()


def test_b12_jacobian_is_outputs_by_inputs() -> None:
    """《深度学习与梯度》 section 6: the shape of J is [n_outputs, n_inputs]."""
    J = functional.jacobian(lambda x: const(draw(2, 5)) @ x, const(draw(5, seed=1)))
    assert_equal(J, draw(2, 5))


def test_b16_forward_mode_equals_reverse_mode() -> None:
    """《深度学习与梯度》 section 7: forward mode, and the Hessian."""

    def f(x: Tensor) -> Tensor:
        return ((x.sin() * x.exp()).cumsum(0) / (1 + x * x)).tanh()

    x, t = const(draw(4)), const(draw(4, seed=1))
    J = functional.jacobian(f, x).numpy()
    assert_close(functional.jvp(f, x, t)[1], J @ t.numpy(), 1e-14)
    assert_close(functional.jacobian(f, x, strategy="forward-mode"), J, 1e-14)


def test_b16_hessian() -> None:
    """《深度学习与梯度》 section 7: f = Σ x³ + x₀ x₁ has the Hessian diag(6 x) with ones for the pair (0, 1)."""
    x = const([1.0, 2.0, -3.0])
    expected = np.array([[6.0, 1, 0], [1, 12, 0], [0, 0, -18]])
    for strategy in ("reverse-mode", "forward-mode"):
        H = functional.hessian(lambda x: (x**3).sum() + x[0] * x[1], x, outer_jacobian_strategy=strategy)
        assert_equal(H, expected)


# ---- 《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》 -----------------------------------------------------------


def test_c1_dot() -> None:
    """《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》, DotBackward: ∂s/∂x = y, ∂s/∂y = x."""
    x, y = leaf(draw(5)), leaf(draw(5, seed=1))
    of_x, of_y = gradients(mg.dot(x, y), x, y)
    assert_equal(of_x, y.detach().numpy())
    assert_equal(of_y, x.detach().numpy())


@pytest.mark.parametrize(("matrix", "out"), [((3, 4), (3,)), ((2, 3, 4), (2, 3)), ((5, 2, 3, 4), (5, 2, 3))])
def test_c2_mv(matrix: tuple[int, ...], out: tuple[int, ...]) -> None:
    """《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》, MvBackward: sums over the leading axes for the vector."""
    a, x = leaf(draw(*matrix)), leaf(draw(4, seed=1))
    y = a @ x
    assert y.shape == out
    v = draw(*out, seed=2)
    of_a, of_x = gradients(y, a, x, v=v)
    assert_close(of_a, v[..., None] * x.detach().numpy(), 1e-14)
    summed = (a.detach().numpy() * v[..., None]).sum(axis=tuple(range(len(matrix) - 1)))
    assert_close(of_x, summed, 1e-13)


@pytest.mark.parametrize(
    ("left", "right"), [((4,), (2, 4, 3)), ((2, 3, 4), (4,)), ((4,), (4, 3)), ((5, 2, 3, 4), (4,))]
)
def test_c3_vector_and_tensor_in_both_orders(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》, MvBackward, both cases."""
    operands = leaf(draw(*left)), leaf(draw(*right, seed=1))
    assert autograd.gradcheck(mg.matmul, operands, check_forward_ad=True)
    assert autograd.gradgradcheck(mg.matmul, operands)


def test_c4_mm() -> None:
    """《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》, MmBackward: ∂A = G Bᵀ, ∂B = Aᵀ G."""
    a, b = leaf(draw(2, 3, 4, 5)), leaf(draw(2, 3, 5, 6, seed=1))
    out = a @ b
    assert out.shape == (2, 3, 4, 6)
    v = draw(2, 3, 4, 6, seed=2)
    of_a, of_b = gradients(out, a, b, v=v)
    assert_close(of_a, v @ b.detach().numpy().swapaxes(-1, -2), 1e-13)
    assert_close(of_b, a.detach().numpy().swapaxes(-1, -2) @ v, 1e-13)


def test_c5_mm_broadcast() -> None:
    """《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》, MmBackward: the gradients have the shapes of the inputs."""
    a, b = leaf(draw(2, 3, 4, 5)), leaf(draw(3, 5, 6, seed=1))
    v = draw(2, 3, 4, 6, seed=2)
    of_a, of_b = gradients(a @ b, a, b, v=v)
    assert of_a.shape == (2, 3, 4, 5)
    assert_close(of_b, (a.detach().numpy().swapaxes(-1, -2) @ v).sum(axis=0), 1e-13)


def test_c6_matmul_of_tensor_and_array() -> None:
    """《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》, __matmul__: arrays are taken, others refused clearly."""
    a, b = leaf(draw(2, 3)), draw(3, 4, seed=1)
    assert isinstance(a @ b, Tensor)
    assert_close(a @ b, a.detach().numpy() @ b, 1e-15)
    assert_close(b.T @ a.t(), b.T @ a.detach().numpy().T, 1e-15)
    assert_close(gradients(b.T @ a.t(), a)[0], np.broadcast_to(b.sum(axis=1), (2, 3)), 1e-14)
    with pytest.raises(TypeError, match=r"^matmul: .*list"):
        a @ [1.0, 2.0, 3.0]


def test_c7_outer() -> None:
    """《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》. Erratum: what it calls 叉积 is the outer product."""
    x, y = leaf(draw(3)), leaf(draw(4, seed=1))
    assert_equal(mg.outer(x, y).detach(), np.outer(x.detach().numpy(), y.detach().numpy()))
    assert autograd.gradcheck(mg.outer, (x, y), check_forward_ad=True)


# ---- 《前向和反向传播》 ----------------------------------------------------------------------------------------------

Y = np.array([0.1177, -0.4787, 1.1570, -0.7038, -0.3809])
Y2 = np.array([1.0282, 2.7791, 2.5685, -1.9691, 2.8020])
Y2_GRAD = np.array([1.8210, 6.5158, 2.8230, -2.5306, 6.3659])
W2 = np.array([0.10958, 1.97410, -1.45472, 0.40184])
Y1_GRAD = np.array(
    [
        [0.1996, 3.5949, -2.6491, 0.7318],
        [0.7140, 12.8628, -9.4787, 2.6183],
        [0.3094, 5.5730, -4.1067, 1.1344],
        [-0.2773, -4.9956, 3.6813, -1.0169],
        [0.6976, 12.5669, -9.2606, 2.5581],
    ]
)
X_TIMES_Y2_GRAD = np.array([24.2818, 1.7456, 2.0050])
W1_GRAD = np.array(
    [
        [2.6609, 47.9346, -35.3232, 9.7575],
        [0.1913, 3.4460, -2.5394, 0.7015],
        [0.2197, 3.9581, -2.9167, 0.8057],
    ]
)
B1_GRAD = np.array([1.6432, 29.6020, -21.8138, 6.0257])
ROUNDING = 3e-4  # the article prints four decimals


class ArticleMLP:
    """The article's network, y2 = (x w1 + b1) w2 + b2, at numbers that lead to those that it prints.

    It prints y, y2 and gradients, not x and w1. Here x is one that gives ``xᵀ ∂y2`` and, with ``w1 w2 = u``, y2; biases
    are 0. What follows from ∂y2 is held against four printed decimals, so ∂y2 is taken as printed, and y is
    ``y2 - ∂y2 / 2``.
    """

    def __init__(self, dtype: mg.dtype) -> None:
        g, c = Y2_GRAD, X_TIMES_Y2_GRAD
        u = c * (g @ Y2) / (c @ c)
        beside_g = Y2 - g * (g @ Y2) / (g @ g)
        x = np.outer(g, c) / (g @ g) + np.outer(beside_g, u) / (u @ u)
        self.x = mg.tensor(x, dtype=dtype)
        self.y = mg.tensor(Y2 - Y2_GRAD / 2, dtype=dtype)
        self.w1 = leaf(np.outer(u, W2) / (W2 @ W2), dtype)
        self.b1 = leaf(np.zeros(4), dtype)
        self.w2 = leaf(W2[:, None], dtype)
        self.b2 = leaf(np.zeros(1), dtype)
        self.y1 = self.x @ self.w1 + self.b1
        self.y2 = self.y1 @ self.w2 + self.b2
        self.loss = ((self.y - self.y2.squeeze()) ** 2).sum()


@pytest.fixture(params=[mg.float32, mg.float64], ids=str)
def mlp(request: pytest.FixtureRequest) -> ArticleMLP:
    return ArticleMLP(request.param)


def test_d1_update_only_after_gradients_exist() -> None:
    """《前向和反向传播》, the building blocks: forward, backward, then the optimiser's update."""
    w = leaf([1.0, 2.0])
    loss = (w * w).sum()
    assert w.grad is None
    assert_equal(w.detach(), [1, 2])
    loss.backward()
    assert_equal(w.detach(), [1, 2])
    assert w.grad is not None
    with mg.no_grad():
        w -= 0.5 * w.grad
    assert_equal(w.detach(), [0, 0])


def test_d2_activations_go_layer_by_layer() -> None:
    """《前向和反向传播》, the pebble graph: what a layer kept is given up once its backward pass has run."""
    x = leaf(draw(3, 3))
    kept, y = [], x
    for _ in range(5):
        y = y.sin()
        node = y.grad_fn
        assert node is not None
        assert node.saved is not None
        kept.append(weakref.ref(node.saved[0]))
    loss = y.sum()
    del y, node
    alive = []

    def note(node: Node) -> None:
        if node.primitive.name == "sin":
            alive.append(sum(ref() is not None for ref in kept))

    with visiting(note):
        loss.backward()
    assert alive == [5, 4, 3, 2, 1]


def test_d2_gradients_are_ready_layer_by_layer() -> None:
    """《前向和反向传播》, the pebble graph: a layer's gradient is there before the pass comes to earlier layers."""
    weights = [leaf(draw(3, 3, seed=seed)) for seed in range(3)]
    y = const(draw(2, 3))
    for w in weights:
        y = y @ w
    loss = y.sum()
    events: list[str] = []
    for n, w in enumerate(weights):
        w.register_post_accumulate_grad_hook(lambda _, n=n: events.append(f"gradient {n}"))
    with visiting(lambda node: events.append("layer") if node.primitive.name == "matmul" else None):
        loss.backward()
    assert events == ["layer", "gradient 2", "layer", "gradient 1", "layer", "gradient 0"]


def test_d3_a_layer_keeps_its_input_and_its_weight() -> None:
    """《前向和反向传播》, the corrected picture: not its output, not its bias."""
    x, w, b = leaf(draw(5, 3)), leaf(draw(4, 3, seed=1)), leaf(draw(4, seed=2))
    out = F.linear(x, w, b)
    node = out.grad_fn
    assert node is not None
    assert node.saved is not None
    kept = [array for array in node.saved if isinstance(array, np.ndarray)]
    assert [array.shape for array in kept] == [(5, 3), (4, 3)]
    assert np.shares_memory(kept[0], x.detach().numpy())
    assert np.shares_memory(kept[1], w.detach().numpy())


def test_d4_linear_layer() -> None:
    """《前向和反向传播》, Y = X W + b. Erratum: b is a row of m numbers; an m × 1 matrix cannot be added to n × m."""
    X, W, b = leaf(draw(5, 3)), leaf(draw(3, 4, seed=1)), leaf(draw(4, seed=2))
    G = draw(5, 4, seed=3)
    of_X, of_W, of_b = gradients(X @ W + b, X, W, b, v=G)
    assert_close(of_X, G @ W.detach().numpy().T, 1e-14)
    assert_close(of_W, X.detach().numpy().T @ G, 1e-14)
    assert_close(of_b, G.T @ np.ones(5), 1e-14)
    fused = F.linear(X, W.t(), b)
    assert_close(fused, (X @ W + b).detach().numpy(), 1e-14)
    for separate, one in zip((of_X, of_W, of_b), gradients(fused, X, W, b, v=G), strict=True):
        assert_close(one, separate, 1e-14)
    with pytest.raises(RuntimeError, match=r"^add: .*\(5, 4\).*\(4, 1\)"):
        X @ W + b.unsqueeze(1)


def test_d5_loss_and_gradient_of_y2() -> None:
    """《前向和反向传播》, the example: ∂y2 = 2 (y2 - y), from the printed y and y2."""
    y, y2 = const(Y), leaf(Y2[:, None])
    loss = ((y - y2.squeeze()) ** 2).sum()
    assert loss.item() == pytest.approx(25.1672, abs=1e-3)
    (g,) = autograd.grad(loss, y2, retain_graph=True)
    assert g.shape == (5, 1)
    assert_close(g.squeeze(), Y2_GRAD, ROUNDING)
    loss.backward()
    assert y2.grad is not None
    assert_equal(y2.grad, g.numpy())


def test_d5_example_leads_to_the_printed_numbers(mlp: ArticleMLP) -> None:
    """《前向和反向传播》, the example as a whole, forwards."""
    assert_close(mlp.y2.squeeze(), Y2, ROUNDING)
    assert_close(mlp.y, Y, ROUNDING)
    assert mlp.loss.item() == pytest.approx(25.1672, abs=1e-3)
    (g,) = autograd.grad(mlp.loss, mlp.y2)
    assert_close(g.squeeze(), Y2_GRAD, ROUNDING)


def test_d6_gradient_of_y1(mlp: ArticleMLP) -> None:
    """《前向和反向传播》, the example: ∂y1 = ∂y2 w2ᵀ."""
    (g,) = autograd.grad(mlp.loss, mlp.y1, retain_graph=True)
    assert g.shape == (5, 4)
    assert_close(g[0], [0.1996, 3.5949, -2.6491, 0.7318], ROUNDING)
    assert_close(g, Y1_GRAD, ROUNDING)
    (of_y2,) = autograd.grad(mlp.loss, mlp.y2)
    assert_close(of_y2 @ mlp.w2.detach().t(), g.numpy(), 1e-6)


def test_d7_gradient_of_w1(mlp: ArticleMLP) -> None:
    """《前向和反向传播》, the example: ∂w1 = xᵀ ∂y1."""
    assert_close(mlp.x.t() @ mg.tensor(Y2_GRAD, dtype=mlp.x.dtype), X_TIMES_Y2_GRAD, 1e-4)
    mlp.loss.backward()
    assert mlp.w1.grad is not None
    assert_close(mlp.w1.grad, W1_GRAD, ROUNDING)


def test_d8_gradients_of_b1_and_b2(mlp: ArticleMLP) -> None:
    """《前向和反向传播》, the example: ∂b1 = ∂y1ᵀ 1, ∂b2 = ∂y2ᵀ 1."""
    mlp.loss.backward()
    assert mlp.b1.grad is not None
    assert mlp.b2.grad is not None
    assert_close(mlp.b1.grad, B1_GRAD, ROUNDING)
    assert_close(mlp.b2.grad, [14.995], ROUNDING)


def test_d9_grad_after_backward_names_the_remedy(mlp: ArticleMLP) -> None:
    """《前向和反向传播》, the example. Erratum: after l.backward() the graph is freed, and autograd.grad raises."""
    before = autograd.grad(mlp.loss, mlp.y1, retain_graph=True)[0]
    mlp.loss.backward()
    for x in (mlp.y2, mlp.y1):
        with pytest.raises(RuntimeError, match=r"freed.*retain_graph=True"):
            autograd.grad(mlp.loss, x, retain_graph=True)
    assert_close(before, Y1_GRAD, ROUNDING)


# ---- Defects of the repository that accompanies 《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》 ----------------


def test_x1_max_honours_the_cotangent() -> None:
    x = leaf([1.0, 3.0, 2.0])
    assert_equal(gradients(3 * x.max(), x)[0], [0, 3, 0])
    assert_equal(gradients(3 * x.max(0).values, x)[0], [0, 3, 0])


@pytest.mark.parametrize("shape", [(3, 3), (2, 3)])
def test_x2_weighted_row_sums(shape: tuple[int, int]) -> None:
    x = leaf(draw(*shape))
    weights = np.arange(1.0, shape[0] + 1)
    (g,) = gradients((x.sum(1) * const(weights)).sum(), x)
    assert_equal(g, np.broadcast_to(weights[:, None], shape))


def test_x9_repeated_indices_add_up() -> None:
    x = leaf([1.0, 2.0, 3.0])
    assert_equal(gradients(x[np.array([0, 0, 1])], x)[0], [2, 1, 0])


def test_x10_assignment_is_tracked() -> None:
    x = leaf([1.0, 2.0, 3.0])
    y = 2 * x
    y[0] = 100
    assert_equal(y.detach(), [100, 4, 6])
    assert_equal(gradients(y.sum(), x)[0], [0, 2, 2])


@pytest.mark.parametrize("how", ["fill", "setitem", "assign"])
def test_x11_overwritten_data_is_noticed(how: str) -> None:
    x = leaf(2.0)
    y = x * x
    if how == "fill":
        x.data.fill_(5)
    elif how == "setitem":
        x.data[...] = 5.0
    else:
        x.data = const(5.0)
    assert x.item() == 5
    with pytest.raises(RuntimeError, match=r"^mul: .*changed in place"):
        y.backward()
    assert x.grad is None


def test_x12_nested_no_grad_stays_off() -> None:
    x = leaf(1.0)
    with mg.no_grad():
        with mg.no_grad():
            assert not (x * 2).requires_grad
        assert not mg.is_grad_enabled()
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_x13_float64_stays_float64() -> None:
    x = const(draw(2, 3))
    for out in (x.reshape(3, 2), x.sum(), x.sum(0), x @ x.t(), x.mean(), x * 2, x + 1.5, x.exp(), x.softmax(0)):
        assert out.dtype is mg.float64
        assert out.numpy().dtype == np.float64


def test_x24_seventeen_doublings_take_seventeen_visits() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(17):
        y = y + y
    visits: list[Node] = []
    with visiting(visits.append):
        y.backward()
    assert len(visits) == 17
    assert x.grad is not None
    assert x.grad.item() == 2**17


def test_x25_backward_of_a_leaf_accumulates() -> None:
    x = leaf(3.0)
    x.backward()
    x.backward()
    assert x.grad is not None
    assert x.grad.item() == 2


def test_x26_mean_over_two_dims() -> None:
    x = leaf(draw(2, 3, 4))
    out = x.mean(dim=(0, 1))
    assert_close(out, x.detach().numpy().mean(axis=(0, 1)), 1e-15)
    assert_close(gradients(out, x)[0], np.full((2, 3, 4), 1 / 6), 1e-16)


def test_x26_zero_to_the_zero() -> None:
    x = leaf([0.0, 3.0])
    assert_equal(gradients((x**0).sum(), x)[0], [0, 0])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.unsqueeze(1),
        lambda x: x.unsqueeze(0).squeeze(0),
        lambda x: x.flatten(1),
        lambda x: x.reshape(6, 4),
        lambda x: x.transpose(0, 2),
        lambda x: x.permute(2, 0, 1),
    ],
)
def test_a8_views_share_storage_and_go_back_the_way_they_came(function: Callable[[Tensor], Tensor]) -> None:
    """《反向传播算法实现》 section 3: the vjp of a change of shape is the change back."""
    x = leaf(draw(2, 3, 4))
    y = function(x)
    assert np.shares_memory(y.detach().numpy(), x.detach().numpy())
    assert_equal(gradients(y, x, v=y.detach().numpy())[0], x.detach().numpy())


def test_a11_the_gradients_of_copies_add_up() -> None:
    """《反向传播算法实现》 section 4."""
    x = leaf(draw(3))
    ones = np.ones
    assert_equal(autograd.grad(x[[0, 0, 1]], x, const(ones(3)))[0], [2, 1, 0])
    assert_equal(autograd.grad(x.expand(4, 3), x, const(ones((4, 3))))[0], [4, 4, 4])
    assert_equal(autograd.grad(x.repeat(2, 2), x, const(ones((2, 6))))[0], [4, 4, 4])
    repeated = x.repeat_interleave(mg.tensor([2, 0, 1]))
    assert_equal(autograd.grad(repeated, x, const(ones(3)))[0], [2, 0, 1])
    assert_equal(autograd.grad(x.repeat_interleave(3), x, const(ones(9)))[0], [3, 3, 3])


# ---- Rows that concern the engine as a whole -------------------------------------------------------------------------


def test_a28_helpers_of_the_listings() -> None:
    x = mg.randn(2, 3).double()
    assert mg.heaviside(mg.tensor([-1.0, 0.0, 2.0]), mg.tensor([0.0])).tolist() == [0.0, 0.0, 1.0]
    assert mg.movedim(x, 0, 1).shape == (3, 2)
    written = mg.zeros(2, 3).scatter_(1, mg.tensor([[2], [0]]), 1.0)
    assert written.tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    assert mg.tril(mg.ones(2, 2)).tolist() == [[1.0, 0.0], [1.0, 1.0]]
    assert mg.allclose(mg.eye(2) * 3, mg.diag(mg.full((2,), 3.0)))
    for made, value in ((mg.full_like(x, 2), 2.0), (mg.zeros_like(x), 0.0), (mg.ones_like(x), 1.0)):
        assert made.dtype is x.dtype
        assert made.tolist() == [[value] * 3] * 2
    assert mg.ones(3).expand_as(x).shape == x.shape
    assert mg.ones(6).reshape_as(x).shape == x.shape
    assert mg.broadcast_shapes((3, 1), (1, 4)) == (3, 4)
    assert mg.zeros(2, 3, 4).flatten(1, 2).shape == (2, 12)
    assert mg.randn_like(x).dtype is mg.float64
    parameter = mg.nn.Parameter(mg.ones(2))

    @mg.no_grad()
    def unrecorded() -> mg.Tensor:
        return parameter * 2

    assert parameter.requires_grad
    assert not unrecorded().requires_grad


def test_b3_the_gradient_is_the_direction_of_steepest_ascent() -> None:
    x = mg.tensor([1.0, 2.0], dtype=mg.float64, requires_grad=True)
    (gradient,) = mg.autograd.grad((x**2).sum() + x.prod(), x)
    length = gradient.norm().item()
    angles = [2 * math.pi * n / 360 for n in range(360)]
    start = math.atan2(gradient[1].item(), gradient[0].item())
    slopes = [
        (gradient * mg.tensor([math.cos(start + a), math.sin(start + a)], dtype=mg.float64)).sum().item()
        for a in angles
    ]
    assert max(slopes) == pytest.approx(slopes[0]) == pytest.approx(length)
    assert min(slopes) == pytest.approx(slopes[180]) == pytest.approx(-length)
    assert slopes[90] == pytest.approx(0, abs=1e-12)


def test_b5_the_backward_pass_does_not_read_the_loss() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    gradients = []
    for overwritten in (False, True):
        loss = (x * x).sum()
        if overwritten:
            with mg.no_grad():
                loss.fill_(1e9)
        gradients.append(mg.autograd.grad(loss, x)[0].tolist())
    assert gradients == [[2.0, 4.0]] * 2


def test_b13_operators_say_what_they_keep_and_form_an_acyclic_graph() -> None:
    x = mg.ones(2, requires_grad=True)
    out = (x.exp() * x.sin()).sum()
    pending, seen = [out.grad_fn], []
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.append(node)
        for parent, _ in node.next_functions:
            assert parent is None or parent.sequence < node.sequence  # towards lower numbers: no way back
            pending.append(parent)
    kept = {repr(node) for node in seen if "Mul" in repr(node)}
    assert kept == {"<MulBackward saved: x (2,), y (2,)>"}


def test_b14_a_shared_expression_is_evaluated_once() -> None:
    x = mg.tensor(1.1, dtype=mg.float64, requires_grad=True)
    runs = []
    y = x
    for _ in range(40):
        y = y * y / 1.1  # written out in symbols, 2^40 factors
        assert y.grad_fn is not None
        y.grad_fn.register_hook(lambda *_: runs.append(1))
    y.backward()
    assert len(runs) == 40


def test_b10_gradients_vanish_through_sigmoids_and_not_through_the_remedies() -> None:
    """《深度学习与梯度》: σ' ≤ 1/4, so n sigmoids alone pass on 4^-n at most; ReLU and residuals do not."""
    x = leaf(np.linspace(-3, 3, 7))
    y, chain, residual = x, x, x
    for n in range(1, 11):
        y = mg.sigmoid(y)
        chain, residual = mg.relu(chain), residual + mg.sigmoid(residual)
        slopes = [autograd.grad(out.sum(), x, retain_graph=True)[0].numpy() for out in (y, chain, residual)]
        assert (slopes[0] <= 0.25**n).all()
        assert (slopes[1][x.detach().numpy() > 0] == 1).all()
        assert (slopes[2] >= 1).all()


@pytest.mark.parametrize(
    ("fill", "variance"),
    [
        (lambda w: mg.nn.init.uniform_(w, -2, 4), 3.0),
        (lambda w: mg.nn.init.normal_(w, 1.0, 0.5), 0.25),
        (lambda w: mg.nn.init.xavier_uniform_(w, 2.0), 4 * 2 / 700),
        (mg.nn.init.xavier_normal_, 2 / 700),
        (mg.nn.init.kaiming_uniform_, 2 / 300),
        (lambda w: mg.nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="tanh"), (5 / 3) ** 2 / 400),
        (lambda w: mg.nn.init.trunc_normal_(w, std=0.1, a=-0.2, b=0.2), 0.01 * 0.7737413),
        (mg.nn.init.orthogonal_, 1 / 400),
    ],
)
def test_b17_initialisers_have_their_variance(fill: Callable[[Tensor], Tensor], variance: float) -> None:
    """《深度学习与梯度》 names initialisation: what the papers say is what is drawn."""
    mg.manual_seed(1)
    drawn = fill(mg.empty(400, 300)).numpy().astype(np.float64)
    assert drawn.var() == pytest.approx(variance, rel=0.02)


def test_d2_hooks_see_a_layers_gradient_before_earlier_layers_are_computed() -> None:
    """《前向和反向传播》, the pebble graph, as a user sees it: hooks of layers and of their parameters."""
    net = mg.nn.Sequential(mg.nn.Linear(3, 3), mg.nn.Tanh(), mg.nn.Linear(3, 2))
    events: list[str] = []
    for name, part in net.named_children():
        part.register_full_backward_pre_hook(lambda *_, name=name: events.append(f"into {name}"))
        part.register_full_backward_hook(lambda *_, name=name: events.append(f"out of {name}"))
        for own, p in part.named_parameters():
            p.register_post_accumulate_grad_hook(lambda *_, key=f"{name}.{own}": events.append(key))
    net(leaf(draw(4, 3)).float()).sum().backward()
    assert events.index("into 2") < events.index("2.weight") < events.index("into 1")
    assert events.index("2.bias") < events.index("into 1") < events.index("out of 1") < events.index("into 0")
    assert {"0.weight", "0.bias"} < set(events[events.index("into 0") :])


# ---- Completeness ----------------------------------------------------------------------------------------------------

#: The rows of the acceptance table that concern tensors and their gradients.
ROWS = {
    *(f"a{n}" for n in range(1, 29) if n not in (23, 25, 26)),
    *(f"b{n}" for n in range(1, 17) if n != 15),
    *(f"c{n}" for n in range(1, 8)),
    *(f"d{n}" for n in range(1, 10)),
    *(f"r{n}" for n in range(1, 18)),
    *(f"x{n}" for n in (*range(1, 14), 24, 25, 26)),
}


def test_every_row_has_a_test() -> None:
    names = [
        name for module in (sys.modules[__name__], repository) for name in vars(module) if name.startswith("test_")
    ]
    is_row = re.compile(r"[abcdrx]\d+").fullmatch
    leading = (itertools.takewhile(is_row, name.lower().split("_")[1:]) for name in names)
    assert not ROWS - set(itertools.chain.from_iterable(leading))
