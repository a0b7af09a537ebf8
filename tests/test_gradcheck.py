"""The gradient checker itself: it finds rules that are wrong by one part in a thousand, and accepts right ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.autograd import GradcheckError, gradcheck, gradgradcheck
from minigrad.ops.elementwise import cos, mul, neg, sin
from minigrad.primitive import ELEMENTWISE, LINEAR, ONE_TO_ONE, Primitive, registry
from minigrad.tensor import Tensor

Make = Callable[..., Callable[..., Any]]


@pytest.fixture
def make() -> Iterator[Make]:
    """Give a function that makes primitives for the length of a test: sines, unless told otherwise."""
    before = dict(registry)

    def record(name: str = "odd_sine", **settings: Any) -> Callable[..., Any]:
        fields: dict[str, Any] = {
            "run": minigrad._core.kernels["sin"],
            "inputs": ("x",),
            "equation": "out = sin x",
            "source": "a test",
            "relation": ONE_TO_ONE,
            "vjp": {"x": lambda g, x: mul(g, cos(x))},
        }
        return Primitive(name, **(fields | settings)).eager

    yield record
    for name in registry.keys() - before.keys():
        del registry[name]


def point(*values: float) -> Tensor:
    return minigrad.tensor(values or [0.4, -0.7, 1.1], dtype=minigrad.float64, requires_grad=True)


def by(factor: float) -> Callable[..., Any]:
    """Return the rule of the sine, its result multiplied."""
    return lambda g, x: mul(mul(g, cos(x)), factor)


# ---- Right rules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"structure": ELEMENTWISE},
        {"jvp": {"x": lambda t, x: mul(t, cos(x))}},
    ],
)
def test_right_rules_pass(make: Make, settings: dict[str, Any]) -> None:
    f = make(**settings)
    assert gradcheck(f, point(), check_forward_ad=True)
    assert gradgradcheck(f, point(), check_fwd_over_rev=True)


def test_several_inputs_and_outputs_pass() -> None:
    def f(x: Tensor, y: Tensor, n: int) -> tuple[Tensor, ...]:
        return x.sin() * y, (x * y).sum(), x > 0, y**n

    x, y = point(), point(0.3)
    assert gradcheck(f, (x, y, 3), check_forward_ad=True)
    assert gradgradcheck(lambda x, y: (x.sin() * y, (x * y).sum()), (x, y), check_fwd_over_rev=True)


def test_inputs_without_gradient_are_left_alone() -> None:
    x, constant = point(), minigrad.tensor([1, 2, 3])
    assert gradcheck(lambda x, c: x * c, (x, constant))


def test_inputs_are_as_before() -> None:
    x = point()
    before = x.tolist()
    assert gradcheck(minigrad.exp, x)
    assert x.tolist() == before
    assert x.grad is None
    assert x._version == 0


def test_scalars_and_empty_inputs_pass() -> None:
    assert gradcheck(minigrad.sin, minigrad.tensor(0.3, dtype=minigrad.float64, requires_grad=True))
    assert gradcheck(minigrad.sin, minigrad.zeros(0, 3, dtype=minigrad.float64, requires_grad=True))


def test_it_sees_one_part_in_a_million_of_large_derivatives() -> None:
    assert gradcheck(lambda x: (x * 1e6).sin(), point(0.0), eps=1e-9, rtol=1e-5)
    assert gradcheck(lambda x: x * 1e9, point())


# ---- Wrong rules at first order --------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1.001, 0.999])
def test_reverse_rule_wrong_by_a_thousandth_is_found(make: Make, factor: float) -> None:
    f = make(vjp={"x": by(factor)}, jvp={"x": by(1)})
    with pytest.raises(GradcheckError, match="input 0, output 0"):
        gradcheck(f, point())
    assert not gradcheck(f, point(), raise_exception=False)
    assert gradcheck(f, point(), check_backward_ad=False, check_forward_ad=True)


@pytest.mark.parametrize("factor", [1.001, 0.999])
def test_forward_rule_wrong_by_a_thousandth_is_found(make: Make, factor: float) -> None:
    f = make(jvp={"x": lambda t, x: mul(mul(t, cos(x)), factor)})
    assert gradcheck(f, point())
    with pytest.raises(GradcheckError, match="forward mode"):
        gradcheck(f, point(), check_forward_ad=True)


def test_derived_forward_rule_wrong_by_a_thousandth_is_found(make: Make) -> None:
    """What claims to be linear and is not: the tangent goes through the sine."""
    f = make(structure=LINEAR)
    assert gradcheck(f, point())
    with pytest.raises(GradcheckError, match="forward mode"):
        gradcheck(f, point(), check_forward_ad=True)


def test_one_wrong_element_is_found_and_named(make: Make) -> None:
    weights = np.array([1.0, 1.0, 1.001])
    f = make(vjp={"x": lambda g, x: mul(mul(g, cos(x)), weights)})
    with pytest.raises(GradcheckError, match="output element 2 by input element 2"):
        gradcheck(f, point())


def test_missing_dependence_is_found(make: Make) -> None:
    """A product that forgets one of its factors."""
    f = make(
        "forgetful_product",
        run=minigrad._core.kernels["mul"],
        inputs=("x", "y"),
        equation="out = x y",
        vjp={"x": lambda g, y: mul(g, y)},
    )
    x, y = point(), point(0.5, 1.5, 2.5)
    assert gradcheck(f, (x, y.detach()))
    with pytest.raises(GradcheckError, match="input 1"):
        gradcheck(f, (x, y))


def test_detached_part_is_found() -> None:
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: x * x.detach(), point())
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: x.detach() * 2, point())


def test_second_output_is_checked() -> None:
    with pytest.raises(GradcheckError, match="output 1"):
        gradcheck(lambda x: (x.sin(), x.detach() + x * 2), point())


def test_second_input_is_checked() -> None:
    with pytest.raises(GradcheckError, match="input 1"):
        gradcheck(lambda x, y: x + y + y.detach(), (point(), point()))


# ---- Wrong rules at second order -------------------------------------------------------------------------------------


def inner_rule(make: Make, factor: float, name: str = "odd_cosine", **settings: Any) -> Callable[..., Any]:
    """Return a cosine whose own derivative is multiplied by `factor`: the sine's gradient, when used in its rule."""
    return make(
        name,
        run=minigrad._core.kernels["cos"],
        equation="out = cos x",
        vjp={"x": lambda g, x: mul(neg(mul(g, sin(x))), factor)},
        **settings,
    )


@pytest.mark.parametrize("factor", [1.001, 0.999])
def test_second_order_rule_wrong_by_a_thousandth_is_found(make: Make, factor: float) -> None:
    odd = inner_rule(make, factor, jvp={"x": lambda t, x: neg(mul(t, sin(x)))})
    f = make(vjp={"x": lambda g, x: mul(g, odd(x))}, structure=ELEMENTWISE)
    assert gradcheck(f, point(), check_forward_ad=True)
    with pytest.raises(GradcheckError):
        gradgradcheck(f, point())
    assert not gradgradcheck(f, point(), raise_exception=False)


@pytest.mark.parametrize("factor", [1.001, 0.999])
def test_forward_over_reverse_wrong_by_a_thousandth_is_found(make: Make, factor: float) -> None:
    odd = inner_rule(make, 1.0, jvp={"x": lambda t, x: mul(neg(mul(t, sin(x))), factor)})
    f = make(vjp={"x": lambda g, x: mul(g, odd(x))}, structure=ELEMENTWISE)
    assert gradgradcheck(f, point())
    with pytest.raises(GradcheckError, match="forward mode"):
        gradgradcheck(f, point(), check_fwd_over_rev=True)


def test_dependence_missing_at_second_order_is_found(make: Make) -> None:
    """A rule that reads the cotangent, but takes the input for a constant."""
    odd = make("constant_cosine", run=minigrad._core.kernels["cos"], equation="out = cos x", vjp={})
    f = make(vjp={"x": lambda g, x: mul(g, odd(x))})
    assert gradcheck(f, point())
    with pytest.raises(GradcheckError):
        gradgradcheck(f, point())


def test_second_derivatives_by_given_cotangents(make: Make) -> None:
    f = make(structure=ELEMENTWISE)
    g = point(0.5, 2.0, -1.0)
    assert gradgradcheck(f, point(), g, check_fwd_over_rev=True)
    assert gradgradcheck(f, point(), [g.detach()])


# ---- Bad arguments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_nothing_to_check_raises(check: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="no input requires a gradient"):
        check(minigrad.sin, point().detach())
    with pytest.raises(ValueError, match="no input requires a gradient"):
        check(minigrad.sin, ())


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_float32_raises(check: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="float64"):
        check(minigrad.sin, minigrad.ones(3, requires_grad=True))


def test_errors_of_the_function_come_through() -> None:
    def broken(_: Tensor) -> Tensor:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        gradcheck(broken, point(), raise_exception=False)


def test_rules_for_unknown_inputs_and_of_unknown_values_raise(make: Make) -> None:
    with pytest.raises(TypeError, match="odd_sine: there are rules for"):
        make(vjp={"z": lambda g: g})
    with pytest.raises(TypeError, match="reads"):
        make(vjp={"x": lambda g, nothing: mul(g, nothing)})
