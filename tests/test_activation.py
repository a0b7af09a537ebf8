"""Activations beside PyTorch's: options, in-place forms, errors, kinks, infinite arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import autograd
from minigrad.nn import functional as F

torch = pytest.importorskip("torch")

INF = float("inf")
POINTS = [-7.0, -3.0, -2.5, -1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0, 2.5, 3.0, 6.0, 7.0, 30.0]

#: Each takes a library's nn.functional and x.
ACTIVATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "relu": lambda f, x: f.relu(x),
    "relu6": lambda f, x: f.relu6(x),
    "leaky_relu": lambda f, x: f.leaky_relu(x),
    "leaky_relu steep": lambda f, x: f.leaky_relu(x, negative_slope=0.3),
    "elu": lambda f, x: f.elu(x),
    "elu with alpha": lambda f, x: f.elu(x, alpha=0.3),
    "celu": lambda f, x: f.celu(x, alpha=2.0),
    "selu": lambda f, x: f.selu(x),
    "gelu": lambda f, x: f.gelu(x),
    "gelu with tanh": lambda f, x: f.gelu(x, approximate="tanh"),
    "silu": lambda f, x: f.silu(x),
    "mish": lambda f, x: f.mish(x),
    "hardtanh": lambda f, x: f.hardtanh(x),
    "hardtanh wide": lambda f, x: f.hardtanh(x, min_val=-2.5, max_val=3.0),
    "hardsigmoid": lambda f, x: f.hardsigmoid(x),
    "hardswish": lambda f, x: f.hardswish(x),
    "softplus": lambda f, x: f.softplus(x),
    "softplus sharp": lambda f, x: f.softplus(x, beta=4.0, threshold=5.0),
    "softsign": lambda f, x: f.softsign(x),
    "tanhshrink": lambda f, x: f.tanhshrink(x),
    "softshrink": lambda f, x: f.softshrink(x),
    "softshrink wide": lambda f, x: f.softshrink(x, lambd=1.0),
    "hardshrink": lambda f, x: f.hardshrink(x),
    "hardshrink wide": lambda f, x: f.hardshrink(x, lambd=1.0),
    "threshold": lambda f, x: f.threshold(x, 0.5, -2.0),
    "logsigmoid": lambda f, x: f.logsigmoid(x),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_gradient_are_pytorchs(name: str) -> None:
    """At kinks too."""
    x, t = mg.tensor(POINTS, dtype=mg.float64, requires_grad=True), torch.tensor(POINTS, dtype=torch.float64)
    t.requires_grad_()
    y, u = ACTIVATIONS[name](F, x), ACTIVATIONS[name](torch.nn.functional, t)
    np.testing.assert_allclose(y.detach().numpy(), u.detach().numpy(), rtol=1e-12, atol=1e-15)
    (found,) = autograd.grad(y.sum(), x)
    (expected,) = torch.autograd.grad(u.sum(), t)
    rtol = 1e-7 if name.startswith("hards") else 1e-12  # PyTorch's 1/6 is that of float32
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=rtol, atol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_of_both_modes_and_orders(name: str) -> None:
    x = mg.tensor([-4.2, -1.7, -0.3, 0.2, 0.7, 1.4, 4.3], dtype=mg.float64, requires_grad=True)
    assert autograd.gradcheck(lambda v: ACTIVATIONS[name](F, v), (x,), check_forward_ad=True)
    assert autograd.gradgradcheck(lambda v: ACTIVATIONS[name](F, v), (x,))


IN_PLACE = [
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "celu",
    "selu",
    "silu",
    "mish",
    "hardtanh",
    "hardsigmoid",
    "hardswish",
]


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name: str) -> None:
    function = getattr(F, name)
    x = mg.tensor([-4.2, -0.3, 0.2, 1.4], dtype=mg.float64, requires_grad=True)
    y = x * 1.0
    memory = y.detach().numpy()
    assert function(y, inplace=True) is y
    np.testing.assert_array_equal(memory, function(x).detach().numpy())
    (found,) = autograd.grad(y.sum(), x)
    (expected,) = autograd.grad(function(x).sum(), x)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_threshold_in_place() -> None:
    x = mg.tensor([0.0, 1.0, 2.0])
    assert F.threshold(x, 1.0, 7.0, inplace=True) is x
    assert x.tolist() == [7.0, 7.0, 2.0]


@pytest.mark.parametrize("name", ["silu", "gelu", "mish"])
def test_products_with_infinity_have_their_limits(name: str) -> None:
    x = mg.tensor([-INF, INF], requires_grad=True)
    y = getattr(F, name)(x)
    assert y.tolist() == [0.0, INF]
    (slope,) = autograd.grad(y, x, mg.ones(2))
    assert slope.tolist() == [0.0, 1.0]


FLAT: dict[str, tuple[Callable[[Any], Any], float]] = {
    **{
        name: (getattr(F, name), -300.0)
        for name in ("relu", "relu6", "silu", "gelu", "mish", "elu", "selu", "softplus")
    },
    **{name: (getattr(F, name), -5.0) for name in ("hardtanh", "hardsigmoid", "hardswish")},
    **{name: (getattr(mg, name), 60.0) for name in ("tanh", "sigmoid", "sign", "floor")},
    "logsigmoid": (F.logsigmoid, 300.0),
    "gelu tanh": (lambda x: F.gelu(x, approximate="tanh"), -60.0),
    "prelu": (lambda x: F.prelu(x, mg.zeros(1)), -2.0),
    "clamp": (lambda x: x.clamp(0, 1), -2.0),
    "exp": (mg.exp, -300.0),
}


@pytest.mark.parametrize("name", FLAT)
def test_an_infinite_tangent_does_not_pass_where_a_function_is_flat(name: str) -> None:
    function, point = FLAT[name]
    assert autograd.functional.jvp(function, mg.tensor([point]), mg.tensor([INF]))[1].tolist() == [0.0]


def test_gelu_is_accurate_in_its_lower_tail() -> None:
    """PyTorch's is 0 there: 1 + erf cancels."""
    x = np.array([-5.0, -8.0, -12.0, -30.0])
    exact = [-1.4332578593959695e-06, -4.976768459417427e-15, -2.1317785344932147e-32, -1.472014178144456e-196]
    np.testing.assert_allclose(F.gelu(mg.from_numpy(x)).numpy(), exact, rtol=2e-15)


@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 3, 2, 2)])
@pytest.mark.parametrize("each", [False, True])
def test_prelu(shape: tuple[int, ...], each: bool) -> None:
    rng = np.random.default_rng(0)
    data = rng.standard_normal(shape)
    data.flat[0] = 0.0
    weight = rng.uniform(0.1, 0.5, 3 if each and len(shape) > 1 else 1)
    pairs = [(mg.tensor(v, dtype=mg.float64, requires_grad=True), torch.tensor(v, requires_grad=True))
             for v in (data, weight)]  # fmt: skip
    y, u = F.prelu(pairs[0][0], pairs[1][0]), torch.nn.functional.prelu(pairs[0][1], pairs[1][1])
    np.testing.assert_array_equal(y.detach().numpy(), u.detach().numpy())
    for mine, other in zip(
        autograd.grad(y.sum(), [p[0] for p in pairs]), torch.autograd.grad(u.sum(), [p[1] for p in pairs]), strict=True
    ):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-14)


@pytest.mark.parametrize("dim", [-1, 0, 1])
def test_glu(dim: int) -> None:
    data = np.random.default_rng(1).standard_normal((4, 2, 6))
    x = mg.tensor(data, requires_grad=True)
    found = F.glu(x, dim)
    np.testing.assert_allclose(
        found.detach().numpy(), torch.nn.functional.glu(torch.tensor(data, dtype=torch.float32), dim).numpy(), rtol=1e-6
    )
    assert autograd.gradcheck(lambda v: F.glu(v, dim), (mg.tensor(data, dtype=mg.float64, requires_grad=True),))


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: F.gelu(x, "exact"), RuntimeError, "gelu: .*'exact'"),
        (lambda x: F.celu(x, 0.0), RuntimeError, "celu: .*alpha"),
        (lambda x: F.softshrink(x, -1.0), RuntimeError, "softshrink: .*lambd"),
        (lambda x: F.hardtanh(x, 1.0, -1.0), ValueError, "hardtanh: .*min_val"),
        (lambda x: F.prelu(x, mg.ones(5)), RuntimeError, r"prelu: .*\(2, 3\).*\(5,\)"),
        (lambda x: F.glu(x), RuntimeError, r"glu: .*\(2, 3\)"),
        (lambda x: F.glu(x, 5), IndexError, r"glu: dim 5 out of range"),
        (lambda x: F.silu(x.long()), TypeError, "silu: "),
    ],
)
def test_misuse(call: Callable[[Any], Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call(mg.ones(2, 3))


@pytest.mark.parametrize("name", ["relu", "elu", "celu", "selu", "leaky_relu", "hardtanh"])
def test_functions_that_write_into_their_input(name: str) -> None:
    x = mg.tensor([-2.0, -0.5, 0.5, 2.0])
    expected = getattr(F, name)(x).tolist()
    assert getattr(F, f"{name}_")(x) is x
    assert x.tolist() == expected
    assert F.threshold_(x, 0.75, -9.0).tolist()[2] == -9.0
