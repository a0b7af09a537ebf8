"""Rows of the articles that concern the engine as a whole, and whether every row has a test.

Each test's name begins with the row of the acceptance table.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, autograd
from worked import draw, leaf

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
    files = [path for name in ("article", "repository") for path in Path(__file__).parent.glob(f"test_{name}_*.py")]
    names = re.findall(r"^def test_(\w+)", "".join(path.read_text(encoding="utf-8") for path in files), re.MULTILINE)
    is_row = re.compile(r"[abcdrx]\d+").fullmatch
    leading = (itertools.takewhile(is_row, name.lower().split("_")) for name in names)
    assert not ROWS - set(itertools.chain.from_iterable(leading))
