"""《深度学习与梯度》, 《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》: what they describe and work out by hand.

Each test's name begins with the row of the acceptance table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, autograd
from minigrad.autograd import functional
from minigrad.nn import functional as F
from worked import assert_close, assert_equal, const, draw, gradients, leaf, softmax_of

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
