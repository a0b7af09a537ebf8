"""Operations that users write: values, gradients of every order, both modes, and misuse, as PyTorch has them."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.autograd import Function, gradcheck, gradgradcheck
from minigrad.autograd.function import once_differentiable


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g

    @staticmethod
    def jvp(ctx: Any, t: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * t


class CubeWithSetup(Function):
    @staticmethod
    def forward(x: Any) -> Any:
        return x**3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    backward = Cube.backward
    jvp = Cube.jvp


class Exp(Function):
    """Saves its output."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        out = x.exp()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return ctx.saved_tensors[0] * g


class SumAndProduct(Function):
    """Takes a number between tensors, returns two tensors."""

    @staticmethod
    def forward(ctx: Any, x: Any, factor: float, y: Any) -> Any:
        ctx.save_for_backward(x, y)
        ctx.factor = factor
        return x + factor * y, x * y

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        x, y = ctx.saved_tensors
        return g + h * y, None, ctx.factor * g + h * x


def leaf(*shape: int) -> mg.Tensor:
    return mg.randn(*shape, dtype=mg.float64, generator=mg.Generator().manual_seed(0)).requires_grad_()


@pytest.mark.parametrize("function", [Cube, CubeWithSetup, Exp], ids=lambda f: f.__name__)
def test_gradients_of_both_orders(function: type[Function]) -> None:
    assert gradcheck(function.apply, (leaf(3, 2),))
    assert gradgradcheck(function.apply, (leaf(3, 2),))


def test_several_arguments_and_outputs() -> None:
    def weighted(x: mg.Tensor, y: mg.Tensor) -> mg.Tensor:
        a, b = SumAndProduct.apply(x, 2.0, y)
        return a * b + a

    inputs = (leaf(3), leaf(3) * 2)
    assert gradcheck(weighted, (inputs[0], inputs[1].detach().requires_grad_()))
    assert gradgradcheck(weighted, (inputs[0], inputs[1].detach().requires_grad_()))


def test_a_cotangent_that_is_absent_is_zeros_or_none() -> None:
    x, y = leaf(2), leaf(2)
    SumAndProduct.apply(x, 2.0, y)[1].sum().backward()
    np.testing.assert_array_equal(x.grad, y.detach())

    class Bare(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            assert g is None
            return 2 * h

    x = leaf(2)
    Bare.apply(x)[1].sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]


def test_second_derivative_at_a_point() -> None:
    x = mg.tensor(2.0, requires_grad=True)
    (g,) = mg.autograd.grad(Cube.apply(x), x, create_graph=True)
    (h,) = mg.autograd.grad(g, x, create_graph=True)
    (third,) = mg.autograd.grad(h, x)
    assert [v.item() for v in (g, h, third)] == [12.0, 12.0, 6.0]


def test_forward_mode() -> None:
    x, t = leaf(3).detach(), leaf(3).detach()
    _, tangent = mg.autograd.functional.jvp(Cube.apply, (x,), (t,))
    np.testing.assert_allclose(tangent, 3 * x**2 * t)


def test_forward_mode_without_a_rule() -> None:
    with pytest.raises(NotImplementedError, match="define jvp to be used in forward mode"):
        mg.autograd.functional.jvp(Exp.apply, (mg.ones(1),), (mg.ones(1),), strict=True)


def test_needs_input_grad() -> None:
    seen = []

    class Product(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            seen.append(ctx.needs_input_grad)
            x, y = ctx.saved_tensors
            return (g * y if ctx.needs_input_grad[0] else None), (g * x if ctx.needs_input_grad[1] else None)

    x = leaf(2)
    Product.apply(x, mg.ones(2, dtype=mg.float64)).sum().backward()
    assert seen == [(True, False)]


def test_outputs_without_gradients() -> None:
    class Sorted(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            mask = x > 0
            whole = x.sign()
            ctx.mark_non_differentiable(mask, whole)
            ctx.save_for_backward(mask)
            return x * mask, mask, whole

        @staticmethod
        def backward(ctx: Any, g: Any, *_: Any) -> Any:
            return g * ctx.saved_tensors[0]

    x = mg.tensor([1.5, -2.0], requires_grad=True)
    out, mask, whole = Sorted.apply(x)
    assert (out.requires_grad, mask.requires_grad, whole.requires_grad) == (True, False, False)
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 0.0]


def test_an_input_changed_in_place() -> None:
    class Double(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * g

    x = mg.ones(2, requires_grad=True)
    y = x * 3
    z = Double.apply(y)
    assert z is y
    z.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [6.0, 6.0]
    saved = x * 1.0
    kept = saved * saved
    Double.apply(saved)
    with pytest.raises(RuntimeError, match="changed in place"):
        kept.sum().backward()
    with pytest.raises(RuntimeError, match="Double: a leaf that requires a gradient was changed in place"):
        Double.apply(x)


def test_an_input_given_back() -> None:
    class Identity(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 5 * g

    x = mg.ones(2, requires_grad=True)
    y = Identity.apply(x)
    assert y is not x
    assert x.is_leaf
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [5.0, 5.0]


def test_once_differentiable() -> None:
    class Once(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            assert not mg.is_grad_enabled()
            return 2 * ctx.saved_tensors[0] * g

    x = mg.tensor(3.0, requires_grad=True)
    (g,) = mg.autograd.grad(Once.apply(x), x, create_graph=True)
    assert g.item() == 6.0
    with pytest.raises(RuntimeError, match="Once: its backward is marked once_differentiable"):
        g.backward()


def test_nothing_keeps_the_graph_alive() -> None:
    x = mg.ones(2, requires_grad=True)
    out = Exp.apply(x)
    node = weakref.ref(out.grad_fn)
    gc.collect()
    gc.disable()
    try:
        del out
        assert node() is None
    finally:
        gc.enable()


MISUSE: dict[str, tuple[Any, str]] = {
    "too few": (lambda g: (), "must return a gradient or None for each of the 1 arguments of forward, got 0"),
    "too many": (lambda g: (g, g), "must return a gradient or None for each of the 1 arguments"),
    "shape": (lambda g: mg.ones(3), r"returned a gradient of shape \(3,\) for argument 0, which has shape \(2,\)"),
    "type": (lambda g: 1.0, "must return tensors or None, got float"),
}


@pytest.mark.parametrize("name", MISUSE)
def test_gradients_that_do_not_fit(name: str) -> None:
    rule, message = MISUSE[name]

    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return rule(g)

    out = Wrong.apply(mg.ones(2, requires_grad=True))
    with pytest.raises((RuntimeError, TypeError), match=f"WrongBackward: backward {message}"):
        out.sum().backward()


def test_saved_tensors_are_freed_and_watched() -> None:
    x = mg.ones(2, requires_grad=True)
    y = x * 2
    out = Cube.apply(y)
    out.sum().backward(retain_graph=True)
    y.mul_(2)
    with pytest.raises(RuntimeError, match=r"Cube: saved tensor 0, of shape .* was changed in place"):
        out.sum().backward()
    out = Cube.apply(x)
    out.sum().backward()
    with pytest.raises(RuntimeError, match="Cube: the graph was freed"):
        out.sum().backward()
    with pytest.raises(TypeError, match="Bad: save_for_backward takes tensors, got int"):
        type("Bad", (Function,), {"forward": staticmethod(lambda ctx, x: ctx.save_for_backward(1))}).apply(x)


def test_functions_without_parts() -> None:
    with pytest.raises(NotImplementedError, match="define forward"):
        Function.apply(mg.ones(1))
    out = type("Half", (Function,), {"forward": staticmethod(lambda ctx, x: x * 1)}).apply(
        mg.ones(1, requires_grad=True)
    )
    with pytest.raises(NotImplementedError, match="define backward"):
        out.backward()


def test_no_graph_under_no_grad() -> None:
    with mg.no_grad():
        assert not Cube.apply(mg.ones(1, requires_grad=True)).requires_grad


def test_the_node() -> None:
    out = Cube.apply(mg.ones(1, requires_grad=True))
    assert out.grad_fn is not None
    assert out.grad_fn.name == "CubeBackward"
    seen = []
    out.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs, outputs)))
    out.backward()
    assert [len(part) for part in seen[0]] == [1, 1]


def test_vjp_is_another_name_of_backward() -> None:
    class Named(Cube):
        @staticmethod
        def vjp(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 6 * x**2 * g  # twice that of Cube

    class Later(Named):
        pass

    x = mg.tensor(2.0, requires_grad=True)
    for function in (Named, Later):
        assert mg.autograd.grad(function.apply(x), x)[0].item() == 24.0
    assert mg.autograd.grad(Cube.apply(x), x)[0].item() == 12.0
    with pytest.raises(RuntimeError, match="Both: backward and vjp are two names of one function"):
        type("Both", (Function,), {"vjp": len, "backward": len})
