"""Special functions: values from tables, derivatives by finite differences, and what happens at the ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import autograd, special

INF, NAN = math.inf, math.nan

#: Arguments and values, to double precision.
VALUES: dict[str, list[tuple[float, float]]] = {
    "erfc": [(0.5, 0.4795001221869535), (3.0, 2.209049699858544e-05), (25.0, 8.300172571196522e-274), (-INF, 2.0)],
    "erfinv": [(0.5, 0.4769362762044699), (-0.9, -1.1630871536766743), (1.0, INF), (2.0, NAN)],
    "ndtr": [(0.0, 0.5), (-10.0, 7.619853024160527e-24), (INF, 1.0)],
    "log_ndtr": [
        (-1e3, -500007.8266948122), (-30.0, -454.3212439563432), (-20.0, -203.91715537109727),
        (-1.0, -1.8410216450092636), (0.0, -math.log(2)), (10.0, -7.61985302416053e-24), (-INF, -INF),
    ],
    "ndtri": [
        (1e-10, -6.361340902404056), (0.025, -1.959963984540054), (0.5, 0.0), (0.3, -0.5244005127080409),
        (0.975, 1.959963984540054), (0.0, -INF), (1.0, INF), (1.5, NAN), (-0.5, NAN), (NAN, NAN),
    ],
    "entr": [(0.0, 0.0), (0.5, math.log(2) / 2), (1.0, 0.0), (-1.0, -INF), (INF, -INF), (NAN, NAN)],
    "sinc": [(0.0, 1.0), (0.5, 2 / math.pi), (0.1, 0.983631643083466), (1.5, -2 / (3 * math.pi))],
    "expit": [(0.0, 0.5), (-INF, 0.0)],
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    x, wanted = zip(*VALUES[name], strict=True)
    for dtype, tolerance in ((mg.float64, 1e-14), (mg.float32, 5e-6)):
        got = getattr(special, name)(mg.tensor(x, dtype=dtype)).numpy()
        with np.errstate(all="ignore"):
            expected = np.array(wanted).astype(got.dtype)
        tiny = np.finfo(got.dtype).tiny
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tiny)


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("erfc", [-1.5, 0.0, 0.7, 2.0]),
        ("erfinv", [-0.8, 0.0, 0.3, 0.95]),
        ("sinc", [-1.2, -0.3, 0.0, 0.2, 2.5]),
        ("ndtr", [-2.0, 0.0, 1.0]),
        ("log_ndtr", [-30.0, -5.0, -1.5, 0.5, 3.0]),
        ("ndtri", [0.09, 0.2, 0.5, 0.9]),
        ("entr", [0.2, 1.5]),
    ],
)
def test_derivatives(name: str, points: list[float]) -> None:
    function = getattr(special, name)
    x = mg.tensor(points, dtype=mg.float64, requires_grad=True)
    assert autograd.gradcheck(function, (x,), check_forward_ad=True)
    assert autograd.gradgradcheck(function, (x,))
    rows = mg.func.vmap(mg.func.grad(function))(x.detach())
    np.testing.assert_allclose(rows.numpy(), autograd.grad(function(x).sum(), x)[0].numpy(), rtol=1e-14)


def test_derivatives_of_sinc_at_0() -> None:
    """sin(pi x) / (pi x) = 1 - pi² x² / 6 + pi⁴ x⁴ / 120 - ..."""
    x = mg.tensor(0.0, dtype=mg.float64, requires_grad=True)
    found, y = [], mg.sinc(x)
    for _ in range(4):
        (y,) = autograd.grad(y, x, create_graph=True)
        found.append(y.item())
    np.testing.assert_allclose(found, [0, -(math.pi**2) / 3, 0, math.pi**4 / 5], atol=1e-14)


def test_derivatives_of_sinc_by_its_recurrence() -> None:
    """Of f(u) = sin u / u: u f'' + 2 f' + u f = 0, on both sides of where the sum of powers ends."""
    u = np.concatenate([np.linspace(0.001, 4, 400), np.linspace(4, 60, 57)])
    for dtype, tolerance in ((mg.float64, 1e-14), (mg.float32, 3e-6)):
        x = mg.tensor(u / math.pi, dtype=dtype, requires_grad=True)
        y = mg.sinc(x)
        (slope,) = autograd.grad(y.sum(), x, create_graph=True)
        (curvature,) = autograd.grad(slope.sum(), x)
        slope, curvature = slope / math.pi, curvature / math.pi**2
        residue = x * math.pi * (curvature + y) + 2 * slope
        np.testing.assert_allclose(residue.detach().numpy(), 0, atol=tolerance * 4)


@pytest.mark.parametrize(
    ("base", "exponent", "mixed"),
    [(0.0, 2.0, 0.0), (-2.0, 0.0, -0.5), (INF, 0.0, 0.0), (0.0, 0.0, 0.0), (4.0, 0.5, 0.8465735902799727)],
)
def test_mixed_second_derivatives_of_powers(base: float, exponent: float, mixed: float) -> None:
    """x^(y-1) (1 + y ln x): no logarithm of a base that is 0 or negative counts where it is multiplied by 0."""
    for order in (0, 1):
        xy = [mg.tensor(v, dtype=mg.float64, requires_grad=True) for v in (base, exponent)]
        (first,) = autograd.grad(xy[0] ** xy[1], xy[order], create_graph=True)
        assert autograd.grad(first, xy[1 - order])[0].item() == pytest.approx(mixed, rel=1e-15)


def test_quantiles_are_the_inverse_of_ndtr() -> None:
    p = np.concatenate([10.0 ** -np.linspace(0.31, 300, 997), np.linspace(0.01, 0.99, 99)])
    x = special.ndtri(mg.tensor(p))
    np.testing.assert_allclose(special.log_ndtr(x).numpy(), np.log(p), rtol=4e-15)
    assert special.ndtri(mg.tensor(1e-300, dtype=mg.float64)).item() == pytest.approx(-37.04709629936119, rel=1e-15)
    single = special.ndtri(mg.tensor(p, dtype=mg.float32)[p > 1e-37])
    rounded = p.astype(np.float32).astype(np.float64)[p > 1e-37]
    assert single.tolist() == special.ndtri(mg.tensor(rounded)).float().tolist()


def test_derivatives_at_the_ends_are_pytorchs() -> None:
    x = mg.tensor([0.0, -0.0, 1.0, -1.0, INF, NAN], dtype=mg.float64, requires_grad=True)
    found = autograd.grad(special.entr(x).sum(), x)[0]
    np.testing.assert_array_equal(found.numpy(), [INF, INF, -1.0, NAN, -INF, NAN])
    assert autograd.grad(special.entr(x), x, mg.zeros(6).double())[0].tolist() == [0.0] * 6
    p = mg.tensor([0.0, 1.0], requires_grad=True)
    assert autograd.grad(special.ndtri(p).sum(), p)[0].tolist() == [INF, INF]
    x, y = (
        mg.tensor(z, dtype=mg.float64, requires_grad=True)
        for z in ([0.0] * 5 + [2.0], [1.0, -1.0, -2.0, INF, NAN, 1.0])
    )
    by_x, by_y = autograd.grad(special.xlog1py(x, y).sum(), (x, y))
    np.testing.assert_array_equal(by_x.numpy(), [math.log(2), 0.0, 0.0, INF, NAN, math.log(2)])
    np.testing.assert_array_equal(by_y.numpy(), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0])


def test_erfinv_at_its_ends() -> None:
    x = mg.tensor([1.0, -1.0], requires_grad=True)
    y = mg.erfinv(x)
    assert autograd.grad(y, x, mg.ones(2), retain_graph=True)[0].tolist() == [INF, INF]
    assert autograd.grad(y, x, mg.zeros(2))[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda x: special.xlog1py(x, x), [0.0, 2 * math.log(3), NAN]),
        (lambda x: special.xlog1py(x, -1.0), [0.0, -INF, NAN]),
        (lambda x: special.xlog1py(x, INF), [0.0, INF, NAN]),
        (lambda x: special.xlog1py(INF, x), [NAN, INF, NAN]),
        (lambda x: special.xlog1py(2, x), [0.0, 2 * math.log(3), NAN]),
        (lambda x: special.logsumexp(x[:2], 0), math.log(1 + math.e**2)),
        (lambda x: special.softmax(x[:2], 0), [1 / (1 + math.e**2), 1 / (1 + math.e**-2)]),
        (lambda x: special.log_softmax(x[:2], 0), [-math.log(1 + math.e**2), -math.log(1 + math.e**-2)]),
    ],
)
def test_functions_of_several(call: Callable[[Any], Any], wanted: Any) -> None:
    np.testing.assert_allclose(call(mg.tensor([0.0, 2.0, NAN], dtype=mg.float64)).tolist(), wanted, rtol=1e-14)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
def test_errors_open_with_the_function(name: str) -> None:
    with pytest.raises(RuntimeError, match=rf"^{name}: shapes \(2,\) and \(3,\) do not broadcast"):
        getattr(special, name)(mg.ones(2), mg.ones(3))


def test_integers_become_floats_and_results_go_to_out() -> None:
    assert special.ndtr(mg.tensor([0])).dtype is mg.float32
    assert mg.sinc(mg.tensor([0, 1])).tolist() == pytest.approx([1.0, 0.0], abs=1e-7)
    out = mg.empty(1)
    assert special.entr(mg.ones(1), out=out) is out
    with pytest.raises(AttributeError, match="the gamma function"):
        special.gammaln  # noqa: B018


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "points"), [("log_ndtr", [-100.0, -5.0, -1.0, 0.3, 4.0]), ("ndtri", [1e-12, 1e-6, 0.05, 0.4, 0.99])]
)
def test_tails_do_not_change_what_stands_beside_them(name: str, points: list[float], dtype: str) -> None:
    x = mg.tensor(points, dtype=getattr(mg, dtype), requires_grad=True)
    function = getattr(special, name)
    (together,) = mg.autograd.grad(function(x).sum(), x)
    for i, value in enumerate(function(x).tolist()):
        one = x[i : i + 1].detach().requires_grad_()
        out = function(one)
        assert out.tolist() == [value]
        assert mg.autograd.grad(out.sum(), one)[0].item() == together[i].item()
