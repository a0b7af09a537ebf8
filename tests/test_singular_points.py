"""What docs/singular-points.md says of PyTorch, held against PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F

TOOLS = Path(__file__).resolve().parent.parent / "tools"
sys.path.insert(0, str(TOOLS))

from singular_points import PYTORCH, REASONS, ROWS, Row, shown
from write_reference import derivatives


def outcome(compute: Callable[[], Any]) -> str:
    try:
        result = compute()
    except (RuntimeError, IndexError, ValueError, NotImplementedError):
        return "an error"
    several = result if isinstance(result, tuple) else (result,)
    return shown(tuple((x.detach() + 0.0).tolist() for x in several))


def pytorchs(torch: Any, row: Row, point: tuple[Any, ...]) -> dict[str, str]:
    """Return what PyTorch gives at a point; its functional transforms stand for the modes."""
    func = torch.func

    def f(*xs: Any) -> Any:
        return row.call(torch, *xs)

    def pull(g: Callable[..., Any]) -> Callable[..., Any]:
        def pulled(*xs: Any) -> Any:
            out, back = func.vjp(g, *xs)
            return back(tuple(map(torch.ones_like, out)) if isinstance(out, tuple) else torch.ones_like(out))

        return pulled

    def push(g: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *xs: func.jvp(g, xs, tuple(map(torch.ones_like, xs)))[1]

    inputs = tuple(torch.tensor(x, dtype=torch.float64) for x in point)
    functions = {"value": f, "vjp": pull(f), "jvp": push(f), "second": pull(pull(f)), "jvp of jvp": push(push(f))}
    return {name: outcome(lambda g=g: g(*inputs)) for name, g in functions.items()}


def differing(torch: Any, row: Row, point: tuple[Any, ...]) -> str:
    """Return where PyTorch gives something else, as the column has it."""
    ours, theirs = derivatives(row, point), pytorchs(torch, row, point)
    ours = {name: "an error" if text.endswith("Error") else text for name, text in ours.items()}
    ours["second"] = ours["vjp of vjp"]
    return ", ".join(f"{name} {text}" for name, text in theirs.items() if text != ours[name])


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # torch.func loads what PyTorch deprecates
@pytest.mark.filterwarnings("ignore:.*degrees of freedom is <= 0:UserWarning")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operation)
def test_pytorch_column(row: Row) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    measured = {shown(point): differing(torch, row, point) for point in row.points}
    assert {at: text for at, text in measured.items() if text} == PYTORCH.get(row.operation, {})


def test_std_of_equal_elements_has_a_derivative_of_zero_at_every_order() -> None:
    row = next(row for row in ROWS if row.operation == "std")
    at_one = derivatives(row, ([1.0, 1.0],))
    assert at_one.pop("vjp of vjp") == at_one.pop("vjp") == "[0, 0]"
    assert at_one == {"value": "0", "jvp": "0", "jvp of vjp": "[0, 0]", "vjp of jvp": "[0, 0]", "jvp of jvp": "0"}


def test_rows_are_told_apart() -> None:
    names = [row.operation for row in ROWS]
    assert len(names) == len(set(names))


def test_every_difference_has_a_reason() -> None:
    explained = [name for names in REASONS.values() for name in names]
    assert sorted(explained) == sorted(PYTORCH)


MASKED: dict[str, Callable[[Any, Any], Any]] = {
    "mse_loss": lambda x, y: F.mse_loss(x, y, reduction="none"),
    "smooth_l1_loss": lambda x, y: F.smooth_l1_loss(x, y, reduction="none"),
    "huber_loss": lambda x, y: F.huber_loss(x, y, reduction="none"),
    "l1_loss": lambda x, y: F.l1_loss(x, y, reduction="none"),
    "binary_cross_entropy_with_logits": lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none"),
    "softmax": lambda x, y: F.softmax(x + y, 1),
    "softmax, few elements": lambda x, y: F.softmax((x + y)[:, :5], 1),
    "softmax, columns": lambda x, y: F.softmax((x + y).T, 0).T,
    "log_softmax": lambda x, y: F.log_softmax(x + y, 1),
    "log_softmax, columns": lambda x, y: F.log_softmax((x + y).T, 0).T,
}


@pytest.mark.parametrize("name", MASKED)
def test_rows_of_nan_that_a_mask_leaves_out_have_a_gradient_of_0(name: str) -> None:
    """The others have the gradient that they have without these rows, at the second order too."""
    draw = np.random.default_rng(0)
    x, y = (mg.tensor(draw.standard_normal((19, 70))) for _ in range(2))
    known = mg.tensor(np.arange(19) % 3 != 1)

    def gradients(x: Any, y: Any, known: Any) -> tuple[Any, Any]:
        x = x.clone().requires_grad_()
        loss = mg.where(known[:, None], MASKED[name](x, y), 0.0)
        first = mg.autograd.grad((loss * loss).sum(), x, create_graph=True)[0]
        return first.detach(), mg.autograd.grad(first[known].square().sum(), x)[0]

    masked = mg.where(known[:, None], y, float("nan"))
    alone = gradients(x[known], y[known], known[known])
    for found, right in zip(gradients(x, masked, known), alone, strict=True):
        np.testing.assert_allclose(found[known].numpy(), right.numpy(), rtol=1e-12, atol=1e-14)
    assert not gradients(x, masked, known)[0][~known].any()
