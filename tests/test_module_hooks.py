"""Hooks of modules: the same program in PyTorch and in minigrad writes the same log."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")


def plain(x: Any) -> Any:
    """Return tensors as lists, in containers too."""
    if isinstance(x, torch.Tensor | minigrad.Tensor):
        return x.detach().tolist()
    if isinstance(x, tuple | list):
        return [plain(y) for y in x]
    if isinstance(x, dict):
        return {key: plain(y) for key, y in x.items()}
    return x


class Log(list[Any]):
    """What hooks saw."""

    def __call__(self, name: str, returns: Any = None) -> Callable[..., Any]:
        """Return a hook that notes its arguments but the module, and returns something, perhaps made of them."""

        def hook(module: Any, *seen: Any) -> Any:
            self.append((name, type(module).__name__, [plain(x) for x in seen]))
            return returns(*seen) if callable(returns) else returns

        return hook


def make(lib: Any) -> Any:
    class Both(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = lib.nn.Parameter(lib.tensor([2.0, 3.0]))

        def forward(self, x: Any, y: Any = None, n: int = 1) -> Any:
            if n < 0:
                raise ValueError("negative")
            return self.w * x * n, y

    return Both()


def leaf(lib: Any, *values: float) -> Any:
    return lib.tensor(list(values), requires_grad=True)


def forward_hooks(lib: Any, log: Log) -> None:
    m = make(lib)
    m.register_forward_pre_hook(log("pre"))
    m.register_forward_pre_hook(log("doubled", lambda args: (args[0] * 2, *args[1:])), prepend=True)
    m.register_forward_pre_hook(log("with kwargs", lambda args, kw: (args, {**kw, "n": 5})), with_kwargs=True)
    m.register_forward_hook(log("post"))
    m.register_forward_hook(log("replaced", lambda args, out: out[0]))
    m.register_forward_hook(log("first", lambda args, kw, out: (out[0] + 1, 7)), prepend=True, with_kwargs=True)
    log.append(plain(m(leaf(lib, 1.0, 2.0), n=2)))
    log.append(plain(m(leaf(lib, 1.0, 2.0), leaf(lib, 4.0))))


def one_argument(lib: Any, log: Log) -> None:
    m = make(lib)
    m.register_forward_pre_hook(log("alone", lambda args: args[0] * 3))
    log.append(plain(m(leaf(lib, 1.0, 1.0))))


def removed(lib: Any, log: Log) -> None:
    m = make(lib)
    x = leaf(lib, 1.0, 1.0)
    handles = [m.register_forward_hook(log(str(i))) for i in range(3)]
    handles[1].remove()
    m(x)
    handles[1].remove()
    with m.register_forward_pre_hook(log("for a while")):
        m(x)
    handles[0].remove()
    handles[2].remove()
    m(x)


def always_called(lib: Any, log: Log) -> None:
    m = make(lib)
    m.register_forward_hook(log("not called"))
    m.register_forward_hook(log("always"), always_call=True)
    m.register_forward_hook(
        log("always, first", lambda args, kw, out: 3), always_call=True, with_kwargs=True, prepend=True
    )
    try:
        m(leaf(lib, 1.0, 1.0), n=-1)
    except ValueError as error:
        log.append(str(error))


def backward_hooks(lib: Any, log: Log) -> None:
    m = make(lib)
    m.register_full_backward_pre_hook(log("pre"))
    m.register_full_backward_pre_hook(log("doubled", lambda out: (out[0] * 2, *out[1:])), prepend=True)
    m.register_full_backward_hook(log("full"))
    m.register_full_backward_hook(
        log("tens", lambda ins, out: tuple(g if g is None else g * 10 for g in ins)), prepend=True
    )
    x, y, constant = leaf(lib, 1.0, 2.0), leaf(lib, 5.0), lib.tensor([1.0, 1.0])
    m(x, y)[0].sum().backward()
    log.append([plain(x.grad), plain(y.grad), plain(m.w.grad)])
    m(x, 4, n=3)[0].sum().backward()
    m(x, constant)[0].sum().backward()
    log.append([plain(x.grad), plain(m.w.grad)])
    out = m(x, y)
    (out[0].sum() + 3 * out[1].sum()).backward()
    log.append([plain(x.grad), plain(y.grad)])


def no_argument_requires_a_gradient(lib: Any, log: Log) -> None:
    m = make(lib)
    m.register_full_backward_hook(log("full"))
    m.register_full_backward_pre_hook(log("pre", lambda out: (out[0] * 2, out[1])))
    m(lib.tensor([1.0, 2.0]), 3)[0].sum().backward()
    log.append(plain(m.w.grad))
    m.requires_grad_(False)
    log.append(plain(m(lib.tensor([1.0, 2.0]))))


def in_a_stack(lib: Any, log: Log) -> None:
    nn = lib.nn
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    for p in net.parameters():
        nn.init.constant_(p, 0.5)
    for part in net.modules():
        part.register_forward_hook(log("forward"))
        part.register_full_backward_hook(log("backward"))
    x = lib.tensor([[1.0, 2.0]], requires_grad=True)
    net(x).sum().backward()
    log.append(plain(x.grad))


def under_no_grad(lib: Any, log: Log) -> None:
    m = make(lib)
    m.register_full_backward_hook(log("full"))
    with lib.no_grad():
        log.append(m(leaf(lib, 1.0, 2.0))[0].requires_grad)


def second_order(lib: Any, log: Log) -> None:
    m = make(lib)
    m.register_full_backward_hook(log("full", lambda ins, out: (ins[0] * 2, *ins[1:])))
    x = leaf(lib, 1.0, 2.0)
    (g,) = lib.autograd.grad((m(x * x)[0] ** 2).sum(), x, create_graph=True)
    (h,) = lib.autograd.grad(g.sum(), x)
    log.append([plain(g), plain(h)])


def of_all_modules(lib: Any, log: Log) -> None:
    where = torch.nn.modules.module if lib is torch else minigrad.nn.modules.module
    m = make(lib)
    m.register_forward_hook(log("own"))
    handles = [
        where.register_module_forward_pre_hook(log("all pre")),
        where.register_module_forward_hook(log("all")),
        where.register_module_full_backward_hook(log("all backward")),
        where.register_module_full_backward_pre_hook(log("all backward pre")),
    ]
    try:
        lib.nn.Sequential(lib.nn.Tanh())(leaf(lib, 0.0)).sum().backward()
        m(leaf(lib, 1.0, 2.0))[0].sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    m(leaf(lib, 1.0, 2.0))


def states(lib: Any, log: Log) -> None:
    net = lib.nn.Sequential(make(lib), make(lib))
    part = net[1]
    part.register_state_dict_pre_hook(log("pre"))
    part.register_state_dict_post_hook(lambda module, state, prefix, metadata: state.update({prefix + "more": 3}))
    part.register_state_dict_post_hook(log("post"))
    state = net.state_dict()
    log.append(list(state))

    def move(module: Any, state: Any, prefix: str, *rest: Any) -> None:
        log.append((prefix, *rest))
        state[prefix + "w"] = state.pop(prefix + "more")

    state["1.more"] = lib.tensor([7.0, 8.0])
    given = dict(state)
    part.register_load_state_dict_pre_hook(move)
    part.register_load_state_dict_post_hook(lambda module, keys: log.append([keys.missing_keys, keys.unexpected_keys]))
    log.append(str(net.load_state_dict(state)))
    log.append([plain(p) for p in net.parameters()])
    log.append(list(state) == list(given))
    part.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    del state["0.w"]
    log.append(str(net.load_state_dict(state)))


PROGRAMS = [
    forward_hooks,
    one_argument,
    removed,
    always_called,
    backward_hooks,
    no_argument_requires_a_gradient,
    in_a_stack,
    under_no_grad,
    second_order,
    of_all_modules,
    states,
]


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
@pytest.mark.parametrize("program", PROGRAMS)
def test_hooks_see_and_do_what_pytorchs_do(program: Callable[[Any, Log], None]) -> None:
    theirs, ours = Log(), Log()
    program(torch, theirs)
    program(minigrad, ours)
    assert ours == theirs
    assert len(ours) > 0


@pytest.fixture
def layer() -> Any:
    return make(minigrad)


def test_misuse(layer: Any) -> None:
    x = leaf(minigrad, 1.0, 2.0)
    with pytest.raises(TypeError, match="hook: expected something that can be called"):
        layer.register_forward_hook(3)
    handle = layer.register_forward_pre_hook(lambda module, args, kwargs: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"must return None or a pair \(args, kwargs\)"):
        layer(x)
    handle.remove()
    with (
        layer.register_full_backward_hook(lambda module, ins, outs: (ins[0], ins[0])),
        pytest.raises(RuntimeError, match="returned 2 gradients in place of 1"),
    ):
        layer(x)[0].sum().backward()
    with (
        layer.register_full_backward_hook(lambda module, ins, outs: (outs[0],)),
        pytest.raises(RuntimeError, match="no gradients to replace"),
    ):
        layer(x.detach())[0].sum().backward()
    with (
        layer.register_state_dict_post_hook(lambda *_: 1),
        pytest.raises(RuntimeError, match="a post-hook must return None"),
    ):
        layer.state_dict()


def test_an_always_called_hook_that_raises_does_not_hide_the_error(layer: Any) -> None:
    layer.register_forward_hook(lambda module, args, out: 1 / 0, always_call=True)
    with pytest.warns(UserWarning, match="ZeroDivisionError"), pytest.raises(ValueError, match="negative"):
        layer(leaf(minigrad, 1.0, 2.0), n=-1)


def test_a_hooked_modules_result_may_be_changed_in_place(layer: Any) -> None:
    layer.register_full_backward_hook(lambda module, ins, outs: None)
    x = leaf(minigrad, 1.0, 2.0)
    y = x * 1
    out, _ = layer(y)
    out.mul_(3)
    (out.sum() + y.sum()).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [7.0, 10.0]


def module_level_hook(module: Any, args: Any, out: Any) -> Any:
    return out[0] + 100


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_keep_hooks(duplicate: Callable[[Any], Any]) -> None:
    layer = minigrad.nn.Sequential(minigrad.nn.Linear(2, 2))
    layer[0].register_forward_hook(module_level_hook)
    other = duplicate(layer)
    x = minigrad.ones(1, 2)
    np.testing.assert_array_equal(other(x).detach().numpy(), layer(x).detach().numpy())
    assert other(x).min().item() > 90


class Pair(NamedTuple):
    first: Any
    second: Any


def test_results_keep_their_class() -> None:
    class Both(minigrad.nn.Module):
        def forward(self, x: Any, named: bool) -> Any:
            return Pair(x * 2, 3) if named else x.max(0)

    m = Both()
    seen = []
    m.register_full_backward_hook(lambda module, ins, outs: seen.append(len(outs)))
    x = minigrad.ones(2, requires_grad=True)
    named, largest = m(x, True), m(x, False)
    assert isinstance(named, Pair)
    assert type(largest) is type(x.max(0))
    (named.first.sum() + largest.values).backward()
    assert seen == [2, 2]


def test_hooks_leave_no_cycles(layer: Any) -> None:
    layer.register_full_backward_hook(lambda module, ins, outs: None)
    layer.register_full_backward_pre_hook(lambda module, outs: None)
    gc.disable()
    try:
        x = leaf(minigrad, 1.0, 2.0) * 1
        out = layer(x)[0]
        kept = [weakref.ref(x), weakref.ref(out)]
        out.sum().backward()
        del x, out
        assert [ref() for ref in kept] == [None, None]
    finally:
        gc.enable()


def test_hooks_of_all_modules_cost_nothing_once_they_are_gone(layer: Any) -> None:
    of_all = minigrad.nn.modules.module.register_module_forward_hook
    with of_all(lambda module, args, out: None):
        assert minigrad.nn.Tanh._call_hooks is not None
    layer(leaf(minigrad, 1.0, 2.0))
    assert minigrad.nn.Tanh._call_hooks is None
    handle = layer.register_forward_hook(lambda module, args, out: 5)
    assert layer(leaf(minigrad, 1.0, 2.0)) == 5
    handle.remove()


def test_hooked_modules_inside_transforms() -> None:
    from minigrad import func

    net = minigrad.nn.Sequential(minigrad.nn.Linear(3, 4), minigrad.nn.Tanh(), minigrad.nn.Linear(4, 1))
    x = minigrad.rand(5, 3)
    parameters = {name: p.detach() for name, p in net.named_parameters()}

    def loss(parameters: Any, x: Any) -> Any:
        return func.functional_call(net, parameters, (x,)).sum()

    per_sample = func.vmap(func.grad(loss), in_dims=(None, 0))
    expected = per_sample(parameters, x)
    _, tangent = func.jvp(net, (x,), (minigrad.ones(5, 3),))
    for part in net:
        part.register_full_backward_hook(lambda module, ins, outs: None)
        part.register_forward_hook(lambda module, args, out: None)
    for name, g in per_sample(parameters, x).items():
        np.testing.assert_array_equal(g.numpy(), expected[name].numpy())
    np.testing.assert_array_equal(
        func.jvp(net, (x,), (minigrad.ones(5, 3),))[1].detach().numpy(), tangent.detach().numpy()
    )
