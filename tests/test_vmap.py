"""What vmap takes and gives, what it refuses, and what it is for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import count_calls, in_threads

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.autograd import functional
from minigrad.func import functional_call, grad, hessian, jacfwd, jacrev, stack_module_state, vmap


def draw(*shape: int, seed: int = 0) -> mg.Tensor:
    return mg.tensor(np.random.default_rng(seed).standard_normal(shape))


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-13)


# ----------------------------------------------------------------------------------------------------------------------
# What it refuses.

NEEDS_ELEMENTS: dict[str, Callable[[mg.Tensor], Any]] = {
    "if": lambda x: x if x.sum() > 0 else -x,
    "while": lambda x: next(y for y in (x, -x) if y.sum() > 0),
    "item": lambda x: x.sum().item(),
    "float": lambda x: float(x.sum()),
    "int": lambda x: int(x.sum()),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.numpy(),
    "np.asarray": lambda x: mg.tensor(np.asarray(x)),
    "as a size": lambda x: mg.zeros(x.sum().long()),
    "in": lambda x: x * (1.0 in x),
}
RAGGED: dict[str, Callable[[mg.Tensor], Any]] = {
    "mask": lambda x: x[x > 0],
    "nonzero": lambda x: x.nonzero(),
    "masked_select": lambda x: x.masked_select(x > 0),
    "unique": lambda x: x.unique(),
    "one_hot": lambda x: F.one_hot(x.long().abs()),
    "bincount": lambda x: x.long().abs().bincount(),
}


@pytest.mark.parametrize("name", NEEDS_ELEMENTS)
def test_what_needs_elements(name: str) -> None:
    with pytest.raises(RuntimeError, match=r"vmap: .* needs the elements of a tensor of shape .*where\(\)"):
        vmap(NEEDS_ELEMENTS[name])(draw(4, 3))


@pytest.mark.parametrize("name", RAGGED)
def test_what_would_be_ragged(name: str) -> None:
    with pytest.raises(RuntimeError, match="inside vmap the result would have another shape for each example"):
        vmap(RAGGED[name])(draw(4, 3))


def test_what_all_examples_share_has_elements() -> None:
    x, w = draw(4, 3), draw(3)
    close(vmap(lambda x, w: x if w.sum().item() > 0 else -x, in_dims=(0, None))(x, w), x if w.sum() > 0 else -x)


def test_misuse() -> None:
    x = draw(4, 3)
    for result in (lambda x: 3, lambda x: None, lambda x: (x, "a")):
        with pytest.raises(ValueError, match="must return tensors"):
            vmap(result)(x)
    with pytest.raises(ValueError, match="in_dims"):
        vmap(lambda x, y: x, in_dims=(0,))(x, x)
    with pytest.raises(ValueError, match="not none"):
        vmap(lambda x: x, in_dims=None)(x)
    with pytest.raises(ValueError, match="in_dim 0 needs a tensor"):
        vmap(lambda x, n: x)(x, 3)
    with pytest.raises(ValueError, match="out_dims is None"):
        vmap(lambda x: x, out_dims=None)(x)
    with pytest.raises(ValueError, match="out_dims"):
        vmap(lambda x: x, out_dims=(0, 0))(x)
    with pytest.raises(IndexError, match="out_dims 2"):
        vmap(lambda x: x, out_dims=2)(x)
    with pytest.raises(ValueError, match="chunk_size"):
        vmap(lambda x: x, chunk_size=0)
    with pytest.raises(RuntimeError, match="randomness"):
        vmap(lambda x: x, randomness="some")


def test_dims_are_those_of_an_example() -> None:
    with pytest.raises(RuntimeError, match="add: shapes") as raised:
        vmap(lambda x: x + mg.ones(4, dtype=mg.float64))(draw(5, 3))
    assert "its 5 examples" in raised.value.__notes__[0]
    with pytest.raises(IndexError, match="dim 1 out of range"):
        vmap(lambda x: x.sum(1))(draw(5, 3))


def test_a_tensor_taken_outside() -> None:
    kept: list[mg.Tensor] = []
    vmap(lambda x: kept.append(x) or x)(draw(4, 3))
    assert "4 examples of shape (3,)" in repr(kept[0])
    with pytest.raises(RuntimeError, match="taken out of the function"):
        kept[0] + 1


def test_a_failure_leaves_no_level_behind() -> None:
    with pytest.raises(KeyError):
        vmap(lambda x: {}["a"])(draw(4, 3))
    assert not mg.batching.levels
    close(vmap(lambda x: x * 2)(draw(4, 3)), draw(4, 3) * 2)


# ----------------------------------------------------------------------------------------------------------------------
# Writing in place.


def test_writing_to_what_is_mapped() -> None:
    x = draw(4, 3)
    expected = x * 2
    vmap(lambda x: x.mul_(2))(x)
    close(x, expected)
    version = x._version
    vmap(lambda x: x.__setitem__(0, 0.0) or x, in_dims=1)(x)
    assert x[0].tolist() == [0.0, 0.0, 0.0]
    assert x._version > version


def test_writing_to_what_all_share() -> None:
    shared = mg.zeros(3, dtype=mg.float64)
    with pytest.raises(RuntimeError, match=r"add_: inside vmap, a tensor of shape \(3,\) that all examples share"):
        vmap(lambda x: shared.add_(x))(draw(4, 3))
    with pytest.raises(RuntimeError, match="all examples share"):
        vmap(lambda x: mg.zeros(3, dtype=mg.float64).copy_(x))(draw(4, 3))
    vmap(lambda x: x + shared.add_(1))(draw(4, 3))
    assert shared.tolist() == [1.0, 1.0, 1.0]
    made = vmap(lambda x: x.new_zeros(2, 3).copy_(x))(draw(4, 3))
    close(made, draw(4, 3)[:, None].expand(4, 2, 3))


def test_a_change_of_what_was_saved_is_seen() -> None:
    def changed(x: mg.Tensor) -> mg.Tensor:
        y = x.exp()
        z = y * y
        y += 1
        return z.sum()

    with pytest.raises(RuntimeError, match="changed in place"):
        vmap(grad(changed))(draw(4, 3))
    leaf = draw(4, 3).requires_grad_()
    with pytest.raises(RuntimeError, match="leaf"):
        vmap(lambda x: x.mul_(2))(leaf)


@pytest.mark.parametrize("key", [0, slice(1, None), ..., [2, 0]])
def test_setitem_with_an_outer_gradient(key: Any) -> None:
    def f(x: mg.Tensor, w: mg.Tensor) -> mg.Tensor:
        y = x * w
        y[key] = (y[key].clone() * w.sum()).sin()
        return y

    x, w = draw(4, 3), draw(3).requires_grad_()
    (mapped,) = mg.autograd.grad(vmap(f, in_dims=(0, None))(x, w).pow(2).sum(), w)
    (looped,) = mg.autograd.grad(mg.stack([f(row, w) for row in x]).pow(2).sum(), w)
    close(mapped, looped)


@pytest.mark.parametrize("key", [0, slice(1, None), (slice(None), 1), ([1, 0],), (..., None), ...])
def test_a_number_is_assigned_to_several_elements(key: Any) -> None:
    def f(x: mg.Tensor) -> mg.Tensor:
        y = x * 2
        y[key] = 0.5
        return (y * y * x).sum()

    x = draw(2, 4, 3)
    close(vmap(f)(x), mg.stack([f(row) for row in x]))
    close(vmap(grad(f))(x), mg.stack([grad(f)(row) for row in x]))


# ----------------------------------------------------------------------------------------------------------------------
# Random numbers.

DRAWS: dict[str, Callable[[mg.Tensor], mg.Tensor]] = {
    "rand": lambda x: mg.rand(50, dtype=mg.float64),
    "randn_like": lambda x: mg.randn_like(x),
    "randint": lambda x: mg.randint(0, 1000, (50,)),
    "randperm": lambda x: mg.randperm(50),
    "normal": lambda x: mg.normal(x, 2.0),
    "normal of numbers": lambda x: mg.normal(0.0, 2.0, (50,)),
    "bernoulli": lambda x: mg.bernoulli(x.sigmoid()),
    "dropout": lambda x: F.dropout(x),
    "uniform_": lambda x: mg.zeros_like(x).uniform_(),
    "exponential_": lambda x: mg.zeros_like(x).exponential_(),
    "log_normal_": lambda x: mg.zeros_like(x).log_normal_(),
    "random_": lambda x: mg.zeros_like(x).random_(0, 1000),
    "multinomial": lambda x: mg.multinomial(x.sigmoid(), 30),
    "multinomial of the same": lambda x: mg.multinomial(mg.ones(50), 50),
    "multinomial with replacement": lambda x: mg.multinomial(mg.ones(3), 50, replacement=True),
    "gumbel_softmax of the same": lambda x: F.gumbel_softmax(mg.zeros(50, dtype=mg.float64)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_randomness(name: str) -> None:
    x = draw(50).expand(4, 50).clone()
    mg.manual_seed(3)
    different = vmap(DRAWS[name], randomness="different")(x)
    assert len({str(row.tolist()) for row in different}) == 4
    mg.manual_seed(3)
    close(different, vmap(DRAWS[name], randomness="different")(x))
    with pytest.raises(RuntimeError, match=r"vmap: .*randomness='different'"):
        vmap(DRAWS[name])(x)
    if name != "multinomial":
        mg.manual_seed(3)
        same = vmap(DRAWS[name], randomness="same")(x)
        mg.manual_seed(3)
        close(same, DRAWS[name](x[0]).expand(4, -1))


@pytest.mark.parametrize("replacement", [False, True])
def test_choices_inside_nested_levels(replacement: bool) -> None:
    rows = mg.eye(3).expand(2, 3, 3).clone()
    drawn = lambda f, inner, outer: vmap(vmap(f, randomness=inner), randomness=outer)(rows)
    chosen = lambda w: mg.multinomial(w, 1, replacement)
    close(drawn(chosen, "different", "different"), mg.arange(3).view(3, 1).expand(2, 3, 1))
    shared = lambda w: mg.multinomial(mg.ones(50), 20, replacement)
    for inner, outer, each in (("different", "different", 6), ("same", "different", 2), ("same", "same", 1)):
        assert len({str(row) for row in drawn(shared, inner, outer).flatten(0, 1).tolist()}) == each
    with pytest.raises(NotImplementedError, match=r"multinomial: weights .* need .*randomness='different'"):
        drawn(chosen, "same", "different")


def test_weights_of_a_covariance_may_differ() -> None:
    x, weights = mg.rand(2, 5, dtype=mg.float64), mg.rand(3, 5, dtype=mg.float64)
    close(vmap(lambda w: mg.cov(x, aweights=w))(weights), mg.stack([mg.cov(x, aweights=w) for w in weights]))


def test_randomness_of_nested_levels() -> None:
    x = draw(2, 3)
    both = lambda inner, outer: vmap(
        vmap(lambda x: x * 0 + mg.rand((), dtype=mg.float64), randomness=inner), randomness=outer
    )(x)
    assert both("different", "different").unique().numel() == 6
    rows = both("same", "different")
    close(rows, rows[:, :1].expand(2, 3))
    assert rows.unique().numel() == 2
    assert both("same", "same").unique().numel() == 1
    with pytest.raises(RuntimeError, match="random"):
        both("different", "error")


# ----------------------------------------------------------------------------------------------------------------------
# Gradients.


def wave(x: mg.Tensor) -> mg.Tensor:
    return (x.sin()[:, None] * x.exp()[None, :]).sum(0)


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_vectorized_jacobian(strategy: str, create_graph: bool) -> None:
    f = lambda x, y: (wave(x) * y.sum(), x[0] * y)
    x, y = draw(3).requires_grad_(), draw(2, 2, seed=1).requires_grad_()
    plain = functional.jacobian(f, (x, y), create_graph=create_graph, strategy=strategy)
    fast = functional.jacobian(f, (x, y), create_graph=create_graph, strategy=strategy, vectorize=True)
    for a, b in zip(sum(plain, ()), sum(fast, ()), strict=True):
        close(a, b)
        assert a.requires_grad == b.requires_grad == create_graph
        if create_graph:
            close(*(mg.autograd.grad(j.sin().sum(), y, retain_graph=True, materialize_grads=True)[0] for j in (a, b)))


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_vectorized_hessian(strategy: str) -> None:
    f = lambda x, y: (wave(x) * y.sum()).pow(2).sum()
    x, y = draw(3), draw(2, seed=1)
    plain = functional.hessian(f, (x, y))
    fast = functional.hessian(f, (x, y), vectorize=True, outer_jacobian_strategy=strategy)
    for a, b in zip(sum(plain, ()), sum(fast, ()), strict=True):
        close(a, b)


def test_a_jacobian_of_nothing() -> None:
    empty = draw(0)
    for make in (jacrev, jacfwd):
        assert make(lambda x: x * 2)(empty).shape == (0, 0)
        assert make(lambda x: x.sum())(empty).shape == (0,)
    assert hessian(lambda x: (x * x).sum())(empty).shape == (0, 0)


def test_batched_cotangents() -> None:
    x, w = draw(3).requires_grad_(), draw(3, seed=1).requires_grad_()
    y, gs = wave(x) * w, draw(5, 3, seed=2)
    together = mg.autograd.grad(y, (x, w), gs, retain_graph=True, create_graph=True, is_grads_batched=True)
    for n in range(5):
        for whole, one in zip(together, mg.autograd.grad(y, (x, w), gs[n], retain_graph=True), strict=True):
            close(whole[n], one)
    assert mg.autograd.grad(together[0].sum(), w)[0].shape == (3,)
    unused = mg.autograd.grad(wave(x), (x, w), gs, allow_unused=True, is_grads_batched=True)
    assert unused[1] is None


def test_backward_inside() -> None:
    def f(x: mg.Tensor) -> mg.Tensor:
        z = x.detach().clone().requires_grad_()
        (z * z * x).sum().backward()
        assert z.grad is not None
        return z.grad

    close(vmap(f)(draw(4, 3)), 2 * draw(4, 3) ** 2)


def test_no_grad_and_detach_hold_for_outer_graphs() -> None:
    w = draw(3).requires_grad_()

    def without(x: mg.Tensor) -> mg.Tensor:
        with mg.no_grad():
            return x * w

    assert not vmap(without)(draw(4, 3)).requires_grad
    (g,) = mg.autograd.grad(vmap(lambda x: (x * w).detach() * w)(draw(4, 3)).sum(), w)
    close(g, (draw(4, 3) * w).sum(0))


def test_detach_holds_for_nested_levels() -> None:
    def product(x: mg.Tensor) -> mg.Tensor:
        return vmap(vmap(lambda y: y.detach() * y))(x[None, None])[0, 0]

    x = draw(3)
    close(grad(lambda x: product(x).sum())(x), x)
    close(mg.func.jvp(product, (x,), (mg.ones_like(x),))[1], x)


def test_writing_to_new_tensors_of_nested_levels_with_an_outer_gradient() -> None:
    def f(x: mg.Tensor) -> mg.Tensor:
        y = mg.zeros_like(x)
        view = y[1:]
        view.add_(x[:2])
        y[0] = x[1] * x[2]
        return y

    x = draw(2, 4, 3)
    close(grad(lambda x: vmap(vmap(f))(x).square().sum())(x), vmap(vmap(grad(lambda x: f(x).square().sum())))(x))


def test_writing_what_examples_share_to_a_new_tensor() -> None:
    def f(w: mg.Tensor, x: mg.Tensor) -> mg.Tensor:
        y = mg.zeros(5, dtype=mg.float64)
        view = y[1:4]
        view.add_(w)
        y[0] = w[2]
        return (F.pad(w, (1, 1), value=2.0) * y * x).sin().sum()

    w, x = draw(3), draw(4, 5, seed=1)
    inside = vmap(grad(f), (None, 0))
    close(inside(w, x), mg.stack([grad(f)(w, row) for row in x]))
    expected = grad(lambda w: mg.stack([grad(f)(w, row) for row in x]).sin().sum())(w)
    close(grad(lambda w: inside(w, x).sin().sum())(w), expected)


def test_indices_that_are_computed_inside_under_an_outer_gradient() -> None:
    def f(a: mg.Tensor, b: mg.Tensor) -> mg.Tensor:
        places = mg.searchsorted(a.sort()[0], b).clamp(max=2)
        return a[b.argsort()] * mg.take_along_dim(b, places, 0)

    a, b = draw(4, 3), draw(4, 3, seed=1)
    expected = mg.stack([grad(lambda a, b: f(a, b).sum())(u, v) for u, v in zip(a, b, strict=True)])
    close(grad(lambda a: vmap(f)(a, b).sum())(a), expected)
    close(mg.func.jvp(lambda a: vmap(f)(a, b), (a,), (mg.ones_like(a),))[1].sum(1), expected.sum(1))


def test_a_scatter_from_an_outer_level() -> None:
    def f(a: mg.Tensor, b: mg.Tensor) -> mg.Tensor:
        return mg.select_scatter(mg.outer(b, b), a, 0, 1)

    a, b = draw(2, 3), draw(4, 3, seed=1)
    both = vmap(vmap(f, (None, 0)), (0, None))(a, b)
    close(both, mg.stack([mg.stack([f(u, v) for v in b]) for u in a]))


def test_products_inside_know_of_outer_tangents() -> None:
    def pulled(x: mg.Tensor) -> mg.Tensor:
        return mg.func.vjp(lambda y: 2 * y, x)[1](x * x)[0]

    def pushed(x: mg.Tensor) -> mg.Tensor:
        return mg.func.linearize(lambda y: 2 * y, x)[1](x * x)

    x, t = draw(4, 3), draw(4, 3, seed=1)
    for f in (pulled, pushed):
        close(mg.func.jvp(vmap(f), (x,), (t,))[1], 4 * x * t)
        close(grad(lambda x, f=f: vmap(f)(x).sum())(x), 4 * x)


def test_columns_of_a_written_view_inside() -> None:
    def f(x: mg.Tensor) -> mg.Tensor:
        y = x.clone()
        y[1:] = x[:1] * x[1:]
        return y

    x = draw(4, 3)
    close(vmap(jacfwd(f))(x), mg.stack([jacrev(f)(row) for row in x]))


def test_threads() -> None:
    x = draw(4, 3)
    expected = vmap(grad(lambda x: wave(x).sum()))(x)

    def work() -> list[mg.Tensor]:
        return [vmap(grad(lambda x: wave(x).sum()))(x) for _ in range(20)]

    for results in in_threads(*[work] * 4):
        for r in results:
            close(r, expected)
    assert not mg.batching.levels


def test_memory_that_arrays_share() -> None:
    array = np.arange(6.0).reshape(2, 3)
    x = mg.from_numpy(array)
    close(vmap(grad(lambda x: (x**3).sum()))(x), 3 * x**2)


def test_anomalies_inside_are_found() -> None:
    with mg.autograd.detect_anomaly(), pytest.raises(RuntimeError, match=r"NaN|nan"):
        vmap(grad(lambda x: (x * 0 - 1).log().sum() * x.sqrt().sum()))(draw(4, 3))


# ----------------------------------------------------------------------------------------------------------------------
# Modules.


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.GELU(), nn.Linear(5, 2)).double()


def test_an_ensemble() -> None:
    models = [net() for _ in range(3)]
    parameters, buffers = stack_module_state(models)
    base, x = copy.deepcopy(models[0]), draw(6, 3)
    together = vmap(lambda p, b, x: functional_call(base, (p, b), (x,)), in_dims=(0, 0, None))
    close(together(parameters, buffers, x), mg.stack([m(x) for m in models]))
    together(parameters, buffers, x).pow(2).sum().backward()
    for n, m in enumerate(models):
        m(x).pow(2).sum().backward()
        for name, p in m.named_parameters():
            assert parameters[name].grad is not None
            close(parameters[name].grad[n], p.grad)


def test_running_statistics() -> None:
    models = [nn.BatchNorm1d(3).double() for _ in range(2)]
    parameters, buffers = stack_module_state(models)
    base, x = copy.deepcopy(models[0]), draw(6, 3)
    vmap(lambda p, b, x: functional_call(base, (p, b), (x,)), in_dims=(0, 0, None))(parameters, buffers, x)
    models[0](x)
    close(buffers["running_mean"][1], models[0].running_mean)
    close(buffers["running_var"][1], models[0].running_var)
    with pytest.raises(RuntimeError, match="running statistics that all examples share"):
        vmap(models[0])(draw(2, 6, 3))
    models[0].eval()
    assert vmap(models[0])(draw(2, 6, 3)).shape == (2, 6, 3)


@pytest.mark.parametrize("options", [{}, {"padding_idx": 0}, {"padding_idx": 1, "scale_grad_by_freq": True}])
def test_an_embedding(options: Any) -> None:
    table, indices = draw(5, 2), mg.tensor([[0, 1, 1], [4, 0, 4], [1, 1, 1]])
    value = lambda w, i: F.embedding(i, w, **options).sin().sum()
    each = mg.stack([grad(value)(table, i) for i in indices])
    close(vmap(grad(value), in_dims=(None, 0))(table, indices), each)
    close(grad(lambda w: vmap(value, in_dims=(None, 0))(w, indices).sum())(table), each.sum(0))
    tables = mg.stack([table, table * 2])
    close(vmap(grad(value), in_dims=(0, None))(tables, indices[0])[0], each[0])


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3, bias=False)
        self.second = nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("scale", mg.ones(3))

    def forward(self, x: Any) -> Any:
        return self.second(self.first(x)) * self.scale


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("pick", [lambda x, i: x[i], lambda x, i: x.take(i), lambda x, i: x[i, i]])
def test_indices_that_count_from_the_end(pick: Callable[..., Any], mapped: bool) -> None:
    x, i = mg.randn(2, 3, 4, dtype=mg.float64), mg.tensor([[0, -1, 2], [-3, 1, -2]])
    i, dim = (i, 0) if mapped else (i[1], None)
    ones = [pick(x[n], i[n] if mapped else i) for n in range(2)]
    close(vmap(pick, in_dims=(0, dim))(x, i), mg.stack(ones))
    slope = grad(lambda x, i: (pick(x, i) ** 3).sum())
    close(vmap(slope, in_dims=(0, dim))(x, i), mg.stack([slope(x[n], i[n] if mapped else i) for n in range(2)]))
    with pytest.raises(IndexError):
        vmap(pick, in_dims=(0, dim))(x, i - 24)


def test_results_with_names() -> None:
    x = mg.randn(3, 4)
    out = vmap(lambda x: x.sort())(x)
    assert type(out) is mg.return_types.sort
    assert mg.equal(out.indices, x.sort(1).indices)
    assert type(vmap(lambda x: {"all": (x.max(0), x)})(x)["all"][0]) is mg.return_types.max


def test_functional_call_with_tied_weights() -> None:
    m, x, w = Tied(), mg.ones(2, 3), mg.eye(3) * 2
    close(functional_call(m, {"first.weight": w}, x), x * 4)
    close(functional_call(m, {"second.weight": w}, x), x * 4)
    own = m.first.weight
    close(functional_call(m, {"first.weight": w}, x, tie_weights=False), F.linear(F.linear(x, w), own))
    close(functional_call(m, ({"first.weight": w}, {"scale": mg.zeros(3)}), (x,)), x * 0)
    assert m.first.weight is own is m.second.weight
    with pytest.raises(RuntimeError, match="unknown"):
        functional_call(m, {"third.weight": w}, x)
    with pytest.raises(RuntimeError, match="scale"):
        functional_call(m, {"first.weight": w}, x, strict=True)
    close(functional_call(m, {"first.weight": w, "scale": mg.ones(3)}, x, strict=True), x * 4)
    with pytest.raises(ValueError, match="tied"):
        functional_call(m, {"first.weight": w, "second.weight": w + 1}, x)


def test_per_sample_gradients_in_one_call() -> None:
    """Row B of an MLP: the same bits as a loop, by a few calls for all examples together."""
    m = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10))
    parameters = {name: p.detach() for name, p in m.named_parameters()}
    x, y = mg.randn(64, 64), mg.randint(0, 10, (64,))

    def loss(p: Any, x: Any, y: Any) -> Any:
        return F.cross_entropy(functional_call(m, p, (x[None],)), y[None])

    together, one = vmap(grad(loss), in_dims=(None, 0, 0)), grad(loss)
    looped = lambda: [one(parameters, x[n], y[n]) for n in range(64)]
    for name, whole in together(parameters, x, y).items():
        assert (whole.numpy() == np.stack([g[name].numpy() for g in looped()])).all()
    assert count_calls(lambda: together(parameters, x, y)) * 16 < count_calls(looped)  # of 64


def _drawn(*shape: int) -> mg.Tensor:
    return mg.tensor(np.random.default_rng(7).normal(size=shape))


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("t_", ()),
        ("squeeze_", ()),
        ("transpose_", (0, 1)),
        ("swapaxes_", (0, 1)),
        ("swapdims_", (0, 1)),
        ("unsqueeze_", (0,)),
    ],
)
def test_another_shape_in_place_keeps_outer_graphs(name: str, args: tuple[int, ...]) -> None:
    """What an outer transform knew of the tensor was lost: gradients of 0."""
    x = _drawn(3, 2, 2)
    weights = _drawn(2, 2)

    def f(each: mg.Tensor) -> mg.Tensor:
        return (getattr(each * each, name)(*args) * weights).sum()

    wanted = mg.stack([grad(f)(each) for each in x])
    np.testing.assert_array_equal(grad(lambda x: vmap(f)(x).sum())(x).numpy(), wanted.numpy())


@pytest.mark.parametrize("options", [{"padding_idx": 1}, {"scale_grad_by_freq": True}])
def test_a_table_mapped_over_inside_a_gradient(options: dict[str, Any]) -> None:
    tables, rows = _drawn(3, 4, 2), mg.tensor([0, 1, 0, 3])

    def f(table: mg.Tensor) -> mg.Tensor:
        out = F.embedding(rows, table, **options)
        return (out * out).sum()

    wanted = mg.stack([grad(f)(table) for table in tables])
    np.testing.assert_array_equal(grad(lambda x: vmap(f)(x).sum())(tables).numpy(), wanted.numpy())


def test_deviations_of_equal_elements_inside_a_gradient() -> None:
    same = mg.ones(3, 4, dtype=mg.float64)
    assert not grad(lambda x: vmap(lambda each: each.std())(x).sum())(same).any()


def test_combinations_of_examples() -> None:
    x = mg.tensor([[1, 2, 3], [4, 5, 6]])
    for options in ({}, {"r": 3}, {"with_replacement": True}):
        wanted = mg.stack([mg.combinations(each, **options) for each in x])
        assert vmap(lambda each, options=options: mg.combinations(each, **options))(x).tolist() == wanted.tolist()


@pytest.mark.parametrize("shape", [(3, 2, 2), (3, 4), (3, 0, 2), (3, 1, 2, 2), (3,)])
def test_products_of_whole_examples_inside_a_gradient(shape: tuple[int, ...]) -> None:
    """Examples have several dims to be multiplied over, which raised."""
    x = _drawn(*shape)

    def f(each: mg.Tensor) -> mg.Tensor:
        return each.prod()

    def mapped(x: mg.Tensor) -> mg.Tensor:
        return vmap(f)(x).sum()

    wanted = mg.stack([grad(f)(each) for each in x])
    np.testing.assert_allclose(grad(mapped)(x).numpy(), wanted.numpy(), rtol=1e-13)
    _, tangents = mg.func.jvp(vmap(f), (x,), (mg.ones_like(x),))
    np.testing.assert_allclose(tangents.numpy(), wanted.reshape(3, -1).sum(1).numpy(), rtol=1e-13)
    second = mg.stack([grad(lambda each: (grad(f)(each) ** 2).sum())(each) for each in x])
    got = grad(lambda x: (grad(mapped)(x) ** 2).sum())(x)
    np.testing.assert_allclose(got.numpy(), second.numpy(), rtol=1e-13)


ROWS, COLUMNS, MASK = mg.tensor([0, 1]), mg.tensor([1, 0]), mg.eye(3) > 0


@pytest.mark.parametrize(
    "write",
    [
        lambda z, x: z.__setitem__((ROWS, COLUMNS), x[0, :2]),
        lambda z, x: z.__setitem__(MASK, x[0]),
        lambda z, x: z.__setitem__((None, MASK), x[0]),
        lambda z, x: z.index_put_((ROWS, COLUMNS), x[1, 1:]),
        lambda z, x: z.index_put_((ROWS, COLUMNS), x[1, 1:], accumulate=True),
        lambda z, x: z.t().__setitem__((ROWS, COLUMNS), x[0, :2]),
        lambda z, x: z.view(3, 3, 1).__setitem__((ROWS, COLUMNS, ROWS * 0), x[0, :2]),
    ],
)
@pytest.mark.parametrize("mapped_twice", [False, True])
def test_several_indices_into_a_new_tensor_inside_a_gradient(write: Callable[..., Any], mapped_twice: bool) -> None:
    """The elements were written through a view of which outer graphs did not know: gradients and tangents of 0."""
    x = _drawn(3, 3, 3)

    def f(each: mg.Tensor) -> mg.Tensor:
        z = mg.zeros_like(each)
        write(z, each)
        return (z * z).sum()

    def mapped(x: mg.Tensor) -> mg.Tensor:
        return vmap(vmap(f))(x.unsqueeze(1)) if mapped_twice else vmap(f)(x)

    wanted = mg.stack([grad(f)(each) for each in x])
    assert wanted.any()
    np.testing.assert_array_equal(grad(lambda x: mapped(x).sum())(x).numpy(), wanted.numpy())
    _, tangents = mg.func.jvp(mapped, (x,), (mg.ones_like(x),))
    np.testing.assert_allclose(tangents.flatten().numpy(), wanted.sum((1, 2)).numpy(), rtol=1e-13)
