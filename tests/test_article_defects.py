"""Defects of the repository that accompanies 《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》.

Each test's name begins with the row of the acceptance table.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, autograd
from minigrad.graph import Node
from visits import visiting
from worked import assert_close, assert_equal, const, draw, gradients, leaf

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
