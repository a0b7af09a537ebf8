"""How parameters start: distributions, shapes and errors, beside PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import init

torch = pytest.importorskip("torch")


def truncated(x: float) -> float:
    """Return the distribution function of the normal distribution with mean 0.5 and std 2, cut to [-3, 1.5]."""
    low, high = (math.erf((t - 0.5) / 2 / math.sqrt(2)) for t in (-3, 1.5))
    return (math.erf((x - 0.5) / 2 / math.sqrt(2)) - low) / (high - low)


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64, mg.float16], ids=str)
def test_truncated_normal_numbers(dtype: mg.dtype) -> None:
    mg.manual_seed(4)
    x = mg.nn.Parameter(mg.empty(200, 300, dtype=dtype))
    assert init.trunc_normal_(x, 0.5, 2.0, -3.0, 1.5) is x
    drawn = np.sort(x.detach().numpy().ravel().astype(np.float64))
    assert drawn.min() >= -3
    assert drawn.max() <= 1.5
    expected = np.arange(1, drawn.size + 1) / drawn.size
    distance = max(abs(truncated(v) - e) for v, e in zip(drawn[::97], expected[::97], strict=True))
    assert distance < 0.008  # Kolmogorov-Smirnov: 1.95 / sqrt(60000), exceeded once in a thousand


@pytest.mark.parametrize(("a", "b"), [(2.0, 2.5), (-6.5, -6.0), (4.0, 9.0)])
def test_truncated_normal_numbers_of_a_tail(a: float, b: float) -> None:
    x = init.trunc_normal_(mg.empty(1000, dtype=mg.float64), a=a, b=b)
    assert a <= x.min().item() < x.max().item() <= b
    assert len(set(x.tolist())) > 900


def test_truncated_normal_numbers_that_there_are_none_of() -> None:
    with pytest.warns(UserWarning, match="further than 7 std"):
        x = init.trunc_normal_(mg.empty(5), a=9, b=10)
    assert bool(((x >= 9) & (x <= 10)).all())
    with pytest.raises(RuntimeError, match="needs a range and a positive std"):
        init.trunc_normal_(mg.empty(5), a=1, b=0)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3), (1, 1), (0, 3), (40, 60)])
@pytest.mark.parametrize("dtype", [mg.float32, mg.float64], ids=str)
def test_orthogonal(shape: tuple[int, ...], dtype: mg.dtype) -> None:
    mg.manual_seed(0)
    w = init.orthogonal_(mg.empty(*shape, dtype=dtype), gain=2.0).numpy().astype(np.float64)
    w = w.reshape(shape[0], math.prod(shape[1:]))
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-6 if dtype is mg.float32 else 1e-13)


def test_orthogonal_matrices_are_drawn_evenly() -> None:
    mg.manual_seed(2)
    drawn = np.stack([init.orthogonal_(mg.empty(3, 3, dtype=mg.float64)).numpy() for _ in range(2000)])
    np.testing.assert_allclose(drawn.mean(0), 0, atol=0.06)
    np.testing.assert_allclose((drawn**2).mean(0), 1 / 3, atol=0.03)
    assert abs(np.linalg.det(drawn).mean()) < 0.1


def test_sparse() -> None:
    w = init.sparse_(mg.empty(9, 200), 0.25, std=0.5)
    assert (w == 0).sum(0).tolist() == [3] * 200
    assert 0.45 < w[w != 0].std().item() < 0.55
    zeros = (w == 0).to(mg.float64).mean(1)
    assert 0.2 < zeros.min().item() < zeros.max().item() < 0.47


@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        ("eye_", (3, 5), {}),
        ("eye_", (5, 3), {}),
        ("dirac_", (4, 2, 3), {"groups": 2}),
        ("dirac_", (3, 3, 3, 4), {}),
        ("dirac_", (2, 3, 2, 3, 4), {"groups": 1}),
        ("ones_", (2, 2), {}),
        ("zeros_", (2, 2), {}),
    ],
)
def test_fixed_values_are_pytorchs(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    w = mg.nn.Parameter(mg.empty(*shape))
    assert getattr(init, name)(w, **options) is w
    np.testing.assert_array_equal(w.detach().numpy(), getattr(torch.nn.init, name)(torch.empty(*shape), **options))


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (ValueError, lambda lib, t: lib.nn.init.eye_(t(3))),
        (ValueError, lambda lib, t: lib.nn.init.dirac_(t(3, 3))),
        (ValueError, lambda lib, t: lib.nn.init.dirac_(t(3, 3, 3), groups=2)),
        (ValueError, lambda lib, t: lib.nn.init.orthogonal_(t(3))),
        (ValueError, lambda lib, t: lib.nn.init.sparse_(t(3, 3, 3), 0.5)),
        (ValueError, lambda lib, t: lib.nn.init.xavier_uniform_(t(3))),
        (ValueError, lambda lib, t: lib.nn.init.kaiming_normal_(t(3, 2), mode="both")),
        (ValueError, lambda lib, t: lib.nn.init.kaiming_normal_(t(3, 2), nonlinearity="none")),
        (ValueError, lambda lib, t: lib.nn.init.calculate_gain("identity")),
        (ValueError, lambda lib, t: lib.nn.init.calculate_gain("leaky_relu", True)),
    ],
)
def test_errors_are_pytorchs(error: type[Exception], call: Callable[[Any, Any], Any]) -> None:
    for lib in (torch, mg):
        with pytest.raises(error):
            call(lib, lib.empty)


GAINS = ["linear", "conv1d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]


@pytest.mark.parametrize("name", GAINS)
def test_gains_are_pytorchs(name: str) -> None:
    assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert init.calculate_gain(name, 0.3) == torch.nn.init.calculate_gain(name, 0.3)


FILLS: list[tuple[str, dict[str, Any]]] = [
    ("uniform_", {"a": -1.0}),
    ("normal_", {"std": 0.1}),
    ("trunc_normal_", {}),
    ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {}),
    ("kaiming_uniform_", {"a": 1.0}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("orthogonal_", {}),
    ("sparse_", {"sparsity": 0.1}),
]


@pytest.mark.parametrize(("name", "options"), FILLS)
def test_random_numbers_follow_the_generator_and_have_pytorchs_moments(name: str, options: dict[str, Any]) -> None:
    fill = getattr(init, name)
    drawn = [fill(mg.empty(60, 50), **options, generator=mg.Generator().manual_seed(3)).numpy() for _ in range(2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    theirs = getattr(torch.nn.init, name)(torch.empty(60, 50), **options).numpy()
    assert abs(drawn[0].mean() - theirs.mean()) < 4 * theirs.std() / math.sqrt(1500)
    np.testing.assert_allclose(drawn[0].std(), theirs.std(), rtol=0.1)
    np.testing.assert_allclose(np.abs(drawn[0]).max(), np.abs(theirs).max(), rtol=0.4)


def test_gradients_do_not_see_initialisation() -> None:
    w = mg.nn.Parameter(mg.ones(2, 2))
    y = (w * w).sum()
    init.eye_(w)
    assert w.requires_grad
    assert w.is_leaf
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


LAYERS = [
    ("Linear", (3, 2)),
    ("Bilinear", (3, 2, 2)),
    ("Embedding", (3, 2)),
    ("PReLU", ()),
    ("BatchNorm1d", (3,)),
    ("LayerNorm", (3,)),
    ("RMSNorm", (3,)),
    ("GroupNorm", (1, 3)),
]


@pytest.mark.parametrize(("name", "args"), LAYERS)
def test_layers_check_device_and_dtype(name: str, args: tuple[Any, ...]) -> None:
    make = getattr(mg.nn, name)
    for place in ("cpu", mg.device("cpu"), None):
        layer = make(*args, device=place, dtype=mg.float64)
        assert {p.dtype for p in layer.parameters()} == {mg.float64}
    with pytest.raises(RuntimeError, match=f"{name}: minigrad computes on the CPU only, got device 'cuda:0'"):
        make(*args, device="cuda:0")
    with pytest.raises(TypeError, match=f"{name}: dtype must be a floating-point dtype"):
        make(*args, dtype=mg.int64)
    layer = make(*args, dtype=mg.float16)
    assert {p.dtype for p in layer.parameters()} == {mg.float16}
