"""Tensors that carry tangents, beside PyTorch's."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import in_threads

import minigrad as mg
import minigrad.autograd.forward_ad as fwad

torch = pytest.importorskip("torch")
importlib.import_module("torch.autograd.forward_ad")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own

X, V = np.random.default_rng(0).standard_normal((2, 3, 4))


def _reused(lib: Any, x: Any) -> Any:
    y = x.sin()
    y[0] = x[1] * 2
    return y.T @ x


FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "elementwise": lambda lib, x: lib.exp(x) * x + 1,
    "products": lambda lib, x: x @ x.T,
    "written in place": _reused,
    "losses": lambda lib, x: lib.nn.functional.cross_entropy(x, lib.tensor([0, 1, 3])),
    "the tensor itself": lambda lib, x: x,
    "nothing of it": lambda lib, x: lib.ones(2),
    "out of the graph": lambda lib, x: x.argmax(1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tangents_are_pytorchs(name: str) -> None:
    found = []
    for lib in (mg, torch):
        ad = lib.autograd.forward_ad
        with lib.no_grad(), ad.dual_level():
            dual = ad.make_dual(lib.tensor(X), lib.tensor(V))
            found.append(ad.unpack_dual(FUNCTIONS[name](lib, dual)))
    ours, theirs = found
    np.testing.assert_allclose(ours.primal.numpy(), theirs.primal.numpy(), rtol=1e-12)
    assert (ours.tangent is None) == (theirs.tangent is None)
    if theirs.tangent is not None:
        assert not ours.tangent.requires_grad
        np.testing.assert_allclose(ours.tangent.numpy(), theirs.tangent.numpy(), rtol=1e-12)


def test_tangents_of_several_and_of_a_modules_parameters() -> None:
    layer = mg.nn.Linear(4, 2, dtype=mg.float64)
    x = mg.tensor(X)
    weight, bias = (p.detach() for p in layer.parameters())
    with fwad.dual_level():
        for name, p in dict(layer.named_parameters()).items():
            delattr(layer, name)
            setattr(layer, name, fwad.make_dual(p, mg.ones_like(p)))
        out, tangent = fwad.unpack_dual(layer(fwad.make_dual(x, mg.tensor(V))))
    assert tangent is not None
    assert mg.allclose(out, x @ weight.T + bias)
    assert mg.allclose(tangent, mg.tensor(V) @ weight.T + x.sum(1, keepdim=True) + 1)


def test_tangents_can_be_differentiated() -> None:
    grads = []
    for lib in (mg, torch):
        ad = lib.autograd.forward_ad
        w = lib.tensor(X, requires_grad=True)
        with ad.dual_level():
            dual = ad.make_dual(w, lib.tensor(V))
            _, tangent = ad.unpack_dual((dual * w).sin().sum())
            grads.append(lib.autograd.grad(tangent, w)[0].numpy())
    np.testing.assert_allclose(*grads, rtol=1e-12)


def test_a_function_of_the_users_own_is_carried_through_by_its_jvp() -> None:
    class Cube(mg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.x = x.detach()
            return x**3

        @staticmethod
        def jvp(ctx: Any, t: Any) -> Any:
            return 3 * ctx.x**2 * t

    with fwad.dual_level():
        dual = fwad.make_dual(mg.tensor([2.0]), mg.tensor([1.0]))
        assert fwad.unpack_dual(Cube.apply(dual)).tangent.tolist() == [12.0]


def test_a_level_ends() -> None:
    x, t = mg.ones(2), mg.ones(2)
    with fwad.dual_level() as level:
        dual = fwad.make_dual(x, t, level=level)
        assert fwad.unpack_dual(dual).tangent is t
        assert fwad.unpack_dual(x).tangent is None
        with pytest.raises(RuntimeError, match="levels do not nest"), fwad.dual_level():
            pass
    assert fwad.unpack_dual(dual).tangent is None
    assert fwad.enter_dual_level() == 0
    fwad.exit_dual_level()
    with pytest.raises(RuntimeError, match="exit_dual_level: there is no level"):
        fwad.exit_dual_level()


def test_a_level_ends_with_its_thread() -> None:
    """The system gives the number of a thread that has ended to the next one."""

    def outside() -> None:
        with pytest.raises(RuntimeError, match="make_dual: needs a level"):
            fwad.make_dual(mg.ones(2), mg.ones(2))

    in_threads(fwad.enter_dual_level)
    for _ in range(10):
        in_threads(outside)
    fwad._levels.clear()


WRONG: dict[str, tuple[type[Exception], Callable[[Any, Any], Any]]] = {
    "shapes": (RuntimeError, lambda lib, ad: ad.make_dual(lib.ones(2), lib.ones(3))),
    "integers": (ValueError, lambda lib, ad: ad.make_dual(lib.tensor([1]), lib.tensor([1]))),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_tangents_are_refused(name: str) -> None:
    kind, call = WRONG[name]
    for lib in (mg, torch):
        ad = lib.autograd.forward_ad
        with ad.dual_level(), pytest.raises(kind):
            call(lib, ad)
        with pytest.raises(RuntimeError):
            ad.make_dual(lib.ones(1), lib.ones(1))
    with fwad.dual_level():
        with pytest.raises(TypeError, match="make_dual: tangent must be a Tensor, got int"):
            fwad.make_dual(mg.ones(1), 1)
        with pytest.raises(TypeError, match="unpack_dual: needs a Tensor, got int"):
            fwad.unpack_dual(1)


@pytest.mark.parametrize(
    ("x", "t", "expected"),
    [
        ([0.0, 2.0, 3.0], [1.0, np.inf, 0.0], 6.0),
        ([0.0, 0.0], [np.inf, 1.0], 0.0),
        ([1.0, 2.0], [np.inf, 1.0], np.inf),
    ],
)
def test_an_infinite_tangent_beside_a_zero_adds_nothing_to_a_product(
    x: list[float], t: list[float], expected: float
) -> None:
    with fwad.dual_level():
        dual = fwad.make_dual(mg.tensor(x), mg.tensor(t))
        for out in (dual.prod(), dual.prod(0)):
            tangent = fwad.unpack_dual(out).tangent
            assert tangent is not None
            assert tangent.item() == expected
