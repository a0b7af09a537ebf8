"""`minigrad.func` beside `torch.func`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import minigrad as mg
from minigrad import func
from minigrad.func.tree import map_tree

torch = pytest.importorskip("torch")
import torch.func as tfunc

# PyTorch's forward mode compiles with what it has itself deprecated, and its linearize warns of its own graph.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning"),
]


class Pair(NamedTuple):
    a: Any
    b: Any


def draw(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


def arrays(tree: Any) -> Any:
    return map_tree(lambda x: x.detach().numpy() if hasattr(x, "detach") else x, tree)


def both(make: Any, *args: Any) -> None:
    """Check that make(module of transforms, namespace) gives the same results here and there."""
    ours = make(func, mg)(*map_tree(mg.tensor, args))
    theirs = make(tfunc, torch)(*map_tree(torch.tensor, args))
    check(arrays(ours), arrays(theirs))


def check(ours: Any, theirs: Any) -> None:
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(ours, tuple | list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            check(a, b)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


def wave(x: Any) -> Any:
    return (x.sin() * x.exp()).sum()


def mixed(x: Any) -> Any:
    return (x.sin()[:, None] * x.exp()[None, :]).sum(0)


def written(m: Any, x: Any) -> Any:
    """Write parts of x into a new tensor, and then all over it."""
    out = m.zeros_like(x)
    out[0] = x[1] * 3
    out[1:] = x[:2].sin()
    out += x
    return out * x


TRANSFORMS = {
    "grad": (lambda f, m: f.grad(wave), draw(3)),
    "grad of grad": (lambda f, m: f.grad(lambda x: f.grad(wave)(x).cos().sum()), draw(3)),
    "third": (lambda f, m: f.grad(f.grad(f.grad(lambda x: x.exp() * x.sin()))), draw()),
    "no perturbation confusion": (lambda f, m: f.grad(lambda x: x * f.grad(lambda y: x * y * y)(x)), draw()),
    "grad_and_value": (lambda f, m: f.grad_and_value(wave), draw(3)),
    "argnums": (lambda f, m: f.grad(lambda x, y: (x * y).sin().sum(), argnums=(1, 0)), draw(3), draw(3, seed=1)),
    "aux": (lambda f, m: f.grad(lambda x: (wave(x), {"x": x * 2}), has_aux=True), draw(3)),
    "tree": (lambda f, m: f.grad(lambda p: (p["w"] * p["l"][0] * p["t"][1]).sum()),
             {"w": draw(2), "l": [draw(2, seed=1)], "t": (draw(2, seed=3), draw(2, seed=4))}),
    "namedtuple": (lambda f, m: f.grad(lambda p: (p.a.sin() * p.b).sum()), Pair(draw(2), draw(2, seed=1))),
    "jacrev": (lambda f, m: f.jacrev(mixed), draw(3)),
    "jacfwd": (lambda f, m: f.jacfwd(mixed), draw(3)),
    "jacrev of a tree": (lambda f, m: f.jacrev(lambda x, y: {"s": x * y, "t": (x.sum(),)}, argnums=(0, 1)), draw(2), draw(2)),
    "jacfwd of a tree": (lambda f, m: f.jacfwd(lambda x, y: {"s": x * y, "t": (x.sum(),)}, argnums=(0, 1)), draw(2), draw(2)),
    "jacfwd of jacrev": (lambda f, m: f.jacfwd(f.jacrev(mixed)), draw(3)),
    "jacrev of jacfwd": (lambda f, m: f.jacrev(f.jacfwd(mixed)), draw(3)),
    "jacfwd of jacfwd": (lambda f, m: f.jacfwd(f.jacfwd(mixed)), draw(3)),
    "hessian": (lambda f, m: f.hessian(wave), draw(3)),
    "hessian of a constant": (lambda f, m: f.hessian(lambda x: x.sum()), draw(3)),
    "jvp": (lambda f, m: lambda x, t: f.jvp(mixed, (x,), (t,)), draw(3), draw(3, seed=1)),
    "jvp of jvp": (lambda f, m: lambda x, t: f.jvp(lambda x: f.jvp(mixed, (x,), (t,))[1], (x,), (t,)), draw(3), draw(3, seed=1)),
    "jvp of grad": (lambda f, m: lambda x, t: f.jvp(f.grad(wave), (x,), (t,)), draw(3), draw(3, seed=1)),
    "grad of jvp": (lambda f, m: f.grad(lambda x, t: f.jvp(mixed, (x,), (t,))[1].sum()), draw(3), draw(3, seed=1)),
    "linearize": (lambda f, m: lambda x, t: f.linearize(mixed, x)[1](t), draw(3), draw(3, seed=1)),
    "vjp": (lambda f, m: lambda x, g: f.vjp(mixed, x)[1](g), draw(3), draw(3, seed=1)),
    "grad of vjp": (lambda f, m: f.grad(lambda x, g: f.vjp(mixed, x)[1](g)[0].sin().sum()), draw(3), draw(3, seed=1)),
    "vmap": (lambda f, m: f.vmap(lambda x, y: x * y.sum(), in_dims=(1, None), out_dims=1), draw(3, 4), draw(2)),
    "vmap of vmap": (lambda f, m: f.vmap(f.vmap(lambda x: x.sin().sum()), in_dims=1), draw(2, 3, 4)),
    "vmap of a tree": (lambda f, m: f.vmap(lambda p: {"o": p["x"] * p["y"]}, in_dims=({"x": 0, "y": None},)),
                       {"x": draw(3, 2), "y": draw(2)}),
    "vmap of grad": (lambda f, m: f.vmap(f.grad(wave)), draw(4, 3)),
    "vmap of hessian": (lambda f, m: f.vmap(f.hessian(wave)), draw(4, 3)),
    "jacrev of vmap": (lambda f, m: f.jacrev(f.vmap(lambda x: x.prod())), draw(2, 3)),
    "hessian of vmap": (lambda f, m: f.hessian(lambda x: f.vmap(wave)(x).prod()), draw(2, 3)),
    "jacfwd of vmap": (lambda f, m: f.jacfwd(f.vmap(lambda x: x.prod())), draw(2, 3)),
    "vmap of jacfwd": (lambda f, m: f.vmap(f.jacfwd(mixed)), draw(4, 3)),
    "vmap of jacrev": (lambda f, m: f.vmap(f.jacrev(mixed), out_dims=-1), draw(4, 3)),
    "jacrev in chunks": (lambda f, m: f.jacrev(mixed, chunk_size=2), draw(3)),
    "vmap in chunks": (lambda f, m: f.vmap(mixed, in_dims=1, out_dims=-1, chunk_size=3), draw(3, 7)),
    "vmap of jvp of vmap": (
        lambda f, m: f.vmap(lambda x: f.jvp(lambda y: f.vmap(lambda z: z.sin() * y.sum())(y), (x,), (x * 2,))), draw(4, 3)),
    "vmap of a pull": (lambda f, m: lambda x, g: f.vmap(f.vjp(mixed, x)[1])(g), draw(3), draw(5, 3, seed=1)),
    "vmap of a derivative": (lambda f, m: lambda x, t: f.vmap(f.linearize(mixed, x)[1])(t), draw(3), draw(5, 3, seed=1)),
    "vmap of vjp": (lambda f, m: f.vmap(lambda x, g: f.vjp(mixed, x)[1](g), in_dims=(0, None)), draw(4, 3), draw(3, seed=1)),
    "grad of vmap of grad": (
        lambda f, m: f.grad(lambda w, x: f.vmap(f.grad(lambda x: (x.sin() * w).prod()))(x).exp().sum()),
        draw(3), draw(4, 3, seed=1)),
    "captured by both": (
        lambda f, m: f.jacrev(lambda w, x: f.vmap(lambda x: f.vmap(lambda u: (u * w).sum() * x)(x))(x)),
        draw(3), draw(4, 3, seed=1)),
    "three levels": (
        lambda f, m: f.vmap(f.vmap(f.vmap(f.grad(lambda x, y: (x * y).sin()), in_dims=(0, None)), in_dims=(None, 0))),
        draw(2, 3), draw(2, 4, seed=1)),
    "dims": (lambda f, m: f.vmap(lambda x, y: (x @ y, x.sum(), y), in_dims=(-1, 1), out_dims=(1, 0, -1)),
             draw(2, 3, 4), draw(3, 4, seed=1)),
    "keywords": (lambda f, m: lambda x: f.vmap(lambda x, y: x * y.sum())(x, y=x + 1), draw(3, 2)),
    "a result that all share": (lambda f, m: f.vmap(lambda x, y: (x, y * 2), in_dims=(0, None), out_dims=(0, None)),
                                draw(3, 2), draw(2, seed=1)),
    "loss and softmax": (
        lambda f, m: f.vmap(f.grad(lambda x: m.nn.functional.cross_entropy(x, m.arange(3)) + x.softmax(1)[0, 1])),
        draw(4, 3, 5)),
    "layer norm": (
        lambda f, m: f.vmap(f.hessian(lambda x: m.nn.functional.layer_norm(x, (4,)).exp().sum())), draw(2, 4)),
    "indices": (
        lambda f, m: lambda x: f.vmap(f.grad(lambda x, i: (x[i] * x[:2, :1]).sum()))(x, (x[:, 0] * 0).long()[:, :2]),
        draw(4, 3, 3)),
    "in place": (lambda f, m: f.vmap(f.grad(lambda x: written(m, x).pow(2).sum())), draw(4, 3)),
    "in place outside": (lambda f, m: f.grad(lambda x: f.vmap(lambda x: written(m, x))(x).pow(2).sum()), draw(4, 3)),
    "per-sample gradients": (
        lambda f, m: f.vmap(f.grad(lambda p, x, y: ((x @ p["a"]).tanh() @ p["b"] - y).pow(2).sum()), in_dims=(None, 0, 0)),
        {"a": draw(3, 5), "b": draw(5, 2, seed=1)}, draw(6, 3, seed=2), draw(6, 2, seed=3)),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
def test_beside_torch(name: str) -> None:
    make, *args = TRANSFORMS[name]
    both(make, *args)


def test_results_are_plain_unless_something_outside_wants_a_gradient() -> None:
    x, w = mg.tensor(draw(3)), mg.tensor(draw(3, seed=1)).requires_grad_()
    assert not func.grad(wave)(x).requires_grad
    g = func.grad(lambda x: (x * x * w).sum())(x)
    (dw,) = mg.autograd.grad(g.sum(), w)
    np.testing.assert_allclose(dw.numpy(), 2 * x.numpy())
    inner = func.grad(lambda x, c: (x * x * c).sum(), argnums=(0, 1))
    assert not func.grad(lambda c: sum(inner(x, c)).sum())(x).requires_grad  # x is a leaf of the inner transform alone
    with mg.no_grad():
        assert not func.grad(lambda x: (x * x * w).sum())(x).requires_grad
        assert func.grad(func.grad(lambda x: x**3))(mg.tensor(2.0)).item() == 12


def test_randomness() -> None:
    x = mg.zeros(4)
    draw_one = lambda x: x + mg.rand(())
    with pytest.raises(RuntimeError, match="random"):
        func.vmap(draw_one)(x)
    assert len(set(func.vmap(draw_one, randomness="different")(x).tolist())) == 4
    assert len(set(func.vmap(draw_one, randomness="same")(x).tolist())) == 1


def test_misuse() -> None:
    x = mg.tensor(draw(3))
    with pytest.raises(RuntimeError, match="without dimensions"):
        func.grad(lambda x: x)(x)
    with pytest.raises(RuntimeError, match="argnums 1 out of range"):
        func.grad(wave, argnums=1)(x)
    with pytest.raises(ValueError, match="in_dim 1"):
        func.vmap(wave, in_dims=1)(x)
    with pytest.raises(ValueError, match="one size"):
        func.vmap(lambda x, y: x)(x, mg.zeros(2))
    with pytest.raises(RuntimeError, match="cotangents must have shapes"):
        func.vjp(wave, x)[1](x)


def mlp(m: Any) -> Any:
    return m.nn.Sequential(m.nn.Linear(3, 5), m.nn.Tanh(), m.nn.Linear(5, 2)).double()


def test_per_sample_gradients_of_a_module() -> None:
    ours, theirs = mlp(mg), mlp(torch)
    state = {n: draw(*p.shape, seed=k) for k, (n, p) in enumerate(ours.named_parameters())}

    def gradients(f: Any, m: Any, model: Any) -> Any:
        def loss(p: Any, x: Any, y: Any) -> Any:
            return (f.functional_call(model, p, (x,)) - y).pow(2).sum()

        given = [map_tree(m.tensor, a) for a in (state, draw(6, 3), draw(6, 2))]
        return arrays(f.vmap(f.grad(loss), in_dims=(None, 0, 0))(*given))

    before = list(ours.parameters())
    check(gradients(func, mg, ours), gradients(tfunc, torch, theirs))
    assert all(a is b for a, b in zip(before, ours.parameters(), strict=True))


def test_functional_call_and_stacked_state() -> None:
    models = [mlp(mg) for _ in range(3)]
    parameters, buffers = func.stack_module_state(models)
    assert buffers == {}
    assert all(p.is_leaf and p.requires_grad for p in parameters.values())
    x = mg.tensor(draw(4, 3))
    out = func.vmap(lambda p: func.functional_call(models[0], p, x))(parameters)
    np.testing.assert_array_equal(out.detach().numpy(), np.stack([m(x).detach().numpy() for m in models]))
    with pytest.raises(RuntimeError, match="unknown names"):
        func.functional_call(models[0], {"none": x}, x)
    with pytest.raises(RuntimeError, match="not given"):
        func.functional_call(models[0], {}, x, strict=True)


def test_functional_call_replaces_a_tied_parameter_in_all_places() -> None:
    model = mg.nn.Sequential(mg.nn.Linear(2, 2, bias=False), mg.nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    out = func.functional_call(model, {"0.weight": 2 * mg.eye(2)}, mg.ones(2))
    assert out.tolist() == [4, 4]


@pytest.mark.parametrize("name", ["hvp", "vhp"])
def test_products_with_the_hessian(name: str) -> None:
    x, y, v, w = (draw(3, seed=k) for k in range(4))

    def product(m: Any) -> Any:
        inputs, vectors = (m.tensor(x), m.tensor(y)), (m.tensor(v), m.tensor(w))
        given = getattr(m.autograd.functional, name)
        return arrays(given(lambda x, y: (x.sin() * y.exp() * x).sum(), inputs, vectors))

    ours, theirs = product(mg), product(torch)
    check(ours, theirs)
    constant = getattr(mg.autograd.functional, name)(lambda x: mg.ones(()), mg.tensor(x), mg.tensor(v))[1]
    assert constant.tolist() == [0, 0, 0]
    with pytest.raises(RuntimeError, match="depend"):
        getattr(mg.autograd.functional, name)(lambda x: x.sum(), mg.tensor(x), mg.tensor(v), strict=True)
