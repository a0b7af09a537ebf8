"""《反向传播算法实现》: what it describes and works out by hand.

Each test's name begins with the row of the acceptance table.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from cases import CASES, Case
from minigrad import Tensor, autograd
from minigrad.autograd import functional
from minigrad.primitive import MANY_TO_MANY, MANY_TO_ONE, ONE_TO_MANY, ONE_TO_ONE, registry
from worked import Array, assert_close, assert_equal, const, draw, gradients, leaf, softmax_of

# ---- 《反向传播算法实现》 --------------------------------------------------------------------------------------------


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
            operation(const([1.0, 2.0]))


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
