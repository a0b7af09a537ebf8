"""Rare arguments of ordinary functions: dtypes that wrap around, arrays without elements, keywords, orders of norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F

INF, NAN = float("inf"), float("nan")


def t(data: Any, dtype: mg.dtype = mg.float32) -> mg.Tensor:
    return mg.tensor(data, dtype=dtype)


def same(got: mg.Tensor, wanted: Any, dtype: mg.dtype, tolerance: float = 0.0) -> None:
    assert got.dtype is dtype
    np.testing.assert_allclose(got.numpy(), wanted, rtol=tolerance)


# ---- Integers that would wrap around ---------------------------------------------------------------------------------


def test_areas_under_small_integers() -> None:
    y, x = t([200, 200, 100], mg.uint8), t([5, 2, 1], mg.uint8)
    same(mg.trapezoid(y, dx=-1), -350.0, mg.float32)
    same(mg.cumulative_trapezoid(y, dx=-1), [-200.0, -350.0], mg.float32)
    same(mg.trapezoid(y, x), -750.0, mg.float32)
    same(mg.cumulative_trapezoid(y, x), [-600.0, -750.0], mg.float32)


def test_slopes_of_small_integers() -> None:
    (slope,) = mg.gradient(t([4, 1, 0], mg.uint8))
    same(slope, [-3.0, -2.0, -1.0], mg.float32)
    (slope,) = mg.gradient(t([4, 1, 0], mg.uint8), spacing=[t([3, 2, 0], mg.uint8)])
    same(slope, [3.0, (2 * 3.0 + 1 * 0.5) / 3, 0.5], mg.float32, 1e-6)


@pytest.mark.parametrize(
    ("x", "y", "dtype", "close"),
    [(0, 255, mg.uint8, False), (5, 3, mg.uint8, True), (-128, 127, mg.int8, False), (True, False, mg.bool, True)],
)
def test_integers_that_are_close(x: Any, y: Any, dtype: mg.dtype, close: bool) -> None:
    assert mg.isclose(t([x], dtype), t([y], dtype), atol=2).item() is close


def test_a_number_among_integers() -> None:
    assert not mg.isin(1.5, t([1, 2], mg.int16)).item()
    assert mg.isin(2.0, t([1, 2], mg.int16)).item()


def test_the_ends_of_a_range_are_held_by_its_dtype() -> None:
    for end, dtype in ((300, mg.uint8), (1e10, mg.int8)):
        with pytest.raises(RuntimeError, match=r"^linspace: \d+ is out of range for u?int8"):
            mg.linspace(0, end, 3, dtype=dtype)
    same(mg.linspace(0, 255, 2, dtype=mg.uint8), [0, 255], mg.uint8)
    with pytest.raises(RuntimeError, match=r"^arange: "):
        mg.arange(0, 5, 0.5, dtype=mg.int64)


def test_a_sum_as_integers_leaves_nan_out() -> None:
    same(mg.nansum(t([NAN, 2.0, 3.0]), dtype=mg.int32), 5, mg.int32)


# ---- Dtypes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "dtype"),
    [
        (t([1.0, 2.0]), t([1, 2], mg.int64), mg.float32),
        (t([1, 2], mg.int64), t([1.0, 2.0], mg.float64), mg.float64),
        (t([1, 2], mg.uint8), t([1, 2], mg.int64), mg.float32),
        (t([1.0, 2.0], mg.float16), t([1, 2], mg.int64), mg.float16),
        (t([1.0, 2.0], mg.float16), t([1.0, 2.0], mg.float64), mg.float64),
    ],
)
def test_xlog1py_takes_integers(x: mg.Tensor, y: mg.Tensor, dtype: mg.dtype) -> None:
    same(mg.special.xlog1py(x, y), [np.log(2), 2 * np.log(3)], dtype, 2e-3 if dtype is mg.float16 else 1e-6)


def test_float_power_is_of_float64() -> None:
    same(mg.float_power(2.0, t([1.0, 3.0])), [2.0, 8.0], mg.float64)
    same(mg.float_power(t(2.0), t([1.0, 3.0])), [2.0, 8.0], mg.float64)


def test_half_precision_is_computed_in_single() -> None:
    same(mg.sinc(t([-1.0, 2.5, 60000.0], mg.float16)), [0.0, 1 / (2.5 * np.pi), 0.0], mg.float16, 1e-3)
    small = t([[0.025]], mg.float16)  # whose square is less than the epsilon of float16
    same(F.rms_norm(small, (1,)), [[1.0]], mg.float16, 1e-3)


@pytest.mark.parametrize("name", ["ceil", "floor", "trunc", "fix", "frac", "bitwise_not"])
def test_input_by_its_name(name: str) -> None:
    x = t([5], mg.int64) if name == "bitwise_not" else t([1.5])
    assert getattr(mg, name)(input=x).item() == getattr(mg, name)(x).item()


# ---- Arrays without elements or dimensions ---------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0,), (4, 2, 0), (2, 0, 0)])
def test_linear_of_no_features(shape: tuple[int, ...]) -> None:
    bias = t([1.0, 2.0, 3.0])
    out = F.linear(mg.ones(shape), mg.ones(3, 0), bias)
    np.testing.assert_array_equal(out.numpy(), np.broadcast_to(bias.numpy(), (*shape[:-1], 3)))
    assert F.linear(mg.ones(shape), mg.ones(3, 0)).shape == (*shape[:-1], 3)


def test_no_dimensions() -> None:
    x = mg.tensor(2.0, dtype=mg.float64, requires_grad=True)
    for y in (mg.flip(x, [0]), mg.flip(x, (-1,)), F.pad(x, ())):
        (g,) = mg.autograd.grad(y * y, x, create_graph=True)
        assert (y.shape, g.item(), mg.autograd.grad(g, x)[0].item()) == ((), 4.0, 2.0)
    for call in (lambda: x.flip(1), lambda: x.quantile(0.5, dim=1), lambda: x.nanquantile(0.5, dim=-2)):
        with pytest.raises(IndexError):
            call()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(2, 0, 3), (3, 0)])
def test_second_derivatives_of_no_channels(training: bool, shape: tuple[int, ...]) -> None:
    x = mg.zeros(shape, dtype=mg.float64, requires_grad=True)
    mean, variance = mg.zeros(0, dtype=mg.float64), mg.ones(0, dtype=mg.float64)
    out = F.batch_norm(x, mean, variance, mg.ones(0, dtype=mg.float64), training=training)
    (g,) = mg.autograd.grad((out * out).sum(), x, create_graph=True)
    assert g.shape == shape
    (again,) = mg.autograd.grad((g * g).sum(), x, allow_unused=True)
    assert again is None or again.shape == shape


# ---- Numbers that are none, and infinite ones ------------------------------------------------------------------------


def test_quantiles_of_infinite_elements_are_elements() -> None:
    x = t([-INF, 1.0, INF])
    for q, wanted in ((0.0, -INF), (0.5, 1.0), (1.0, INF)):
        for interpolation in ("nearest", "lower", "higher"):
            assert x.quantile(q, interpolation=interpolation).item() == wanted
            assert x.nanquantile(q, interpolation=interpolation).item() == wanted


def test_no_quantile_of_what_is_no_probability() -> None:
    assert np.isnan(mg.special.ndtri(t([-1e-30, -1e-300, -0.5, 1.5, NAN], mg.float64)).numpy()).all()
    assert mg.special.ndtri(t([-0.0, 0.0])).tolist() == [-INF, -INF]


@pytest.mark.parametrize(
    ("call", "opening"),
    [
        (lambda x: mg.cdist(x, x, p=-1.0), "cdist"),
        (lambda x: mg.cdist(x, x, p=NAN), "cdist"),
        (lambda x: mg.pdist(x, p=-2.0), "pdist"),
        (lambda x: mg.isclose(x, x, rtol=NAN), "isclose"),
        (lambda x: mg.isclose(x, x, atol=NAN), "isclose"),
        (lambda x: mg.renorm(x, 2, 0, NAN), "renorm"),
    ],
)
def test_orders_and_tolerances_that_are_none(call: Callable[[mg.Tensor], Any], opening: str) -> None:
    with pytest.raises(RuntimeError, match=f"^{opening}: "):
        call(mg.ones(3, 2))


# ---- Derivatives at kinks and where values are 0 ---------------------------------------------------------------------


@pytest.mark.parametrize("p", [-1.0, -2.0, -0.5])
def test_norms_of_negative_order_beside_a_zero(p: float) -> None:
    """The norm is 0 whatever stands beside the 0: all derivatives are 0."""
    x = mg.tensor([[1.0, -1.0, 0.0, 0.5], [1.0, 2.0, -1.0, 0.5]], dtype=mg.float64, requires_grad=True)
    y = mg.linalg.vector_norm(x, p, dim=1)
    (g,) = mg.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = mg.autograd.grad((g * g).sum(), x)
    assert y[0].item() == 0.0
    assert not g[0].any()
    assert not h[0].any()
    values = x[1].detach().numpy()
    norm = (np.abs(values) ** p).sum() ** (1 / p)
    np.testing.assert_allclose(g[1].detach().numpy(), np.sign(values) * (np.abs(values) / norm) ** (p - 1), rtol=1e-12)
    assert np.isfinite(h[1].numpy()).all()
    _, tangent = mg.func.jvp(lambda x: mg.linalg.vector_norm(x, p, dim=1), (x.detach(),), (mg.ones_like(x),))
    np.testing.assert_allclose(tangent.numpy(), g.detach().numpy().sum(1), rtol=1e-12)


@pytest.mark.parametrize("slope", [0.01, 1.5, -1.5, -0.5, 1e10])
def test_a_leaky_rectifier_has_the_slope_below_at_0(slope: float) -> None:
    x = mg.tensor([0.0, -0.0, 1.0, -1.0], requires_grad=True)
    F.leaky_relu(x, slope).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.float32([slope, slope, 1.0, slope]))


def test_a_norm_that_is_the_least_one_counts() -> None:
    """Where the norm equals eps it is what is divided by: the unit vector does not change along itself."""
    for x in (mg.tensor([1.0], requires_grad=True), mg.tensor(-1.0, requires_grad=True)):
        F.normalize(x, dim=0, eps=1.0).sum().backward()
        assert not x.grad.any()


def _derivative(x: np.ndarray, p: Any, order: int) -> tuple[float, np.ndarray]:
    """Return a derivative of a matrix norm along fixed directions, and its gradient, the derivative of the next order."""
    directions = np.random.default_rng(5).uniform(0.5, 1.5, (order, *x.shape))
    leaf = mg.tensor(x, requires_grad=True)
    value = mg.linalg.matrix_norm(leaf, p)
    for direction in directions[:-1]:
        (g,) = mg.autograd.grad(value, leaf, create_graph=True)
        value = (g * mg.tensor(direction)).sum()
    return value.item(), mg.autograd.grad(value, leaf)[0].numpy()


@pytest.mark.parametrize(
    ("x", "p", "order"),
    [
        (np.outer([1.0, 2.0, 3.0], [1.0, 0.5]), 2, 3),  # a value of 0 beside the greatest
        (np.array([[0.4, 0.3, 0.5], [0.4, 0.3, 0.5]]), 2, 3),
        (np.eye(3), "nuc", 2),  # values that are equal
        (2 * np.eye(3)[:, :2], "nuc", 2),
        (np.random.default_rng(3).normal(size=(4, 3)), "nuc", 4),
        (np.random.default_rng(4).normal(size=(2, 4)), 2, 4),
    ],
)
def test_matrix_norms_by_finite_differences(x: np.ndarray, p: Any, order: int) -> None:
    _, got = _derivative(x, p, order)
    wanted, step = np.zeros(x.shape), 1e-5
    for place in np.ndindex(*x.shape):
        change = np.zeros(x.shape)
        change[place] = step
        wanted[place] = (_derivative(x + change, p, order)[0] - _derivative(x - change, p, order)[0]) / (2 * step)
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)
