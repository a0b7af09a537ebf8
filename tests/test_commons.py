"""Gradients that are parts of one array, held in common until one of their holders writes: nobody sees the others' writes."""

from __future__ import annotations

import copy
import ctypes
import gc
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, _core, graph
from minigrad.ops.inplace import TensorMethods

ROWS, COLUMNS = 80, 64  # more elements than are copied rather than watched
SHAPE = (ROWS, COLUMNS)

numbers = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def no_hooks_of_other_tests() -> None:
    """Passes go the quick way, which alone knows the tensor given, while no leaf has hooks."""
    graph.hooks_used.clear()


def array(*shape: int) -> Any:
    return numbers.uniform(0.1, 0.9, shape or SHAPE).astype(np.float32)


def leaf(*shape: int) -> Tensor:
    return mg.tensor(array(*shape), requires_grad=True)


def is_common(x: Tensor) -> bool:
    return _core.is_common(x._array)


class Joined:
    """Two leaves, what they were joined to, and the gradient that was given: all of it in common."""

    def __init__(self) -> None:
        self.x, self.y = leaf(), leaf()
        self.z = mg.cat([self.x, self.y])
        self.given = array(2 * ROWS, COLUMNS)
        self.g = mg.tensor(self.given)
        self.z.backward(self.g, retain_graph=True)
        assert all(is_common(t) for t in self.holders().values())

    def holders(self) -> dict[str, Tensor]:
        assert self.x.grad is not None
        assert self.y.grad is not None
        return {"x": self.x.grad, "y": self.y.grad, "g": self.g}

    def expected(self) -> dict[str, Any]:
        return {"x": self.given[:ROWS], "y": self.given[ROWS:], "g": self.given}

    def check(self, but: str | None = None) -> None:
        """All but one have the elements that they had."""
        for name, t in self.holders().items():
            if name != but:
                np.testing.assert_array_equal(t.detach().clone().numpy(), self.expected()[name], err_msg=name)


HOLDERS = ["x", "y", "g"]

# ---- What is held in common ------------------------------------------------------------------------------------------

JOINS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cat": lambda x, y: mg.cat([x, y]),
    "concat": lambda x, y: mg.concat([x, y]),
    "stack": lambda x, y: mg.stack([x, y]),
    "vstack": lambda x, y: mg.vstack([x, y]),
    "add": lambda x, y: x + y,
}


def held(join: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    x, y = leaf(), leaf()
    z = join(x, y)
    g = mg.tensor(array(*z.shape))
    z.backward(g)
    assert x.grad is not None
    assert y.grad is not None
    return x.grad, y.grad, g


@pytest.mark.parametrize("join", JOINS.values(), ids=JOINS)
def test_gradients_of_joined_leaves_are_parts_of_the_gradient_given(join: Callable[[Tensor, Tensor], Tensor]) -> None:
    x, y, g = held(join)
    assert all(np.shares_memory(t._array, g._array) for t in (x, y))
    assert all(map(is_common, (x, y, g)))


def test_a_reshaped_leaf_has_the_gradient_given() -> None:
    x = leaf()
    g = mg.tensor(array(ROWS * COLUMNS))
    x.reshape(-1).backward(g)
    assert x.grad is not None
    assert np.shares_memory(x.grad._array, g._array)


def test_parts_of_a_gradient_on_its_way_are_not_copied() -> None:
    x, y = leaf(), leaf()
    (mg.cat([x, y]) * 2).backward(mg.tensor(array(2 * ROWS, COLUMNS)))
    assert x.grad is not None
    assert y.grad is not None
    assert x.grad._array.base is y.grad._array.base is not None


def _with_array(g: Tensor) -> Any:
    return g.numpy()


OTHERS: dict[str, Callable[[Tensor], Any]] = {
    "an array": _with_array,
    "a view's array": lambda g: g[1:].numpy(),
    "asarray": np.asarray,
    "a buffer": lambda g: memoryview(g),
    "DLPack": lambda g: np.from_dlpack(g),
    "a detached tensor": lambda g: g.detach(),
    "a view": lambda g: g[2:],
    "a view of a view": lambda g: g[2:].t(),
    "a parameter": lambda g: mg.nn.Parameter(g),
    "a copy by reference": lambda g: copy.copy(g),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_memory_that_somebody_else_holds_is_copied(other: Callable[[Tensor], Any]) -> None:
    x, y = leaf(), leaf()
    z = mg.cat([x, y])
    g = mg.tensor(array(*z.shape))
    given = g.tolist()
    kept = other(g)
    z.backward(g)
    for t in (x.grad, y.grad):
        assert t is not None
        assert not np.shares_memory(t._array, g._array)
    with mg.no_grad():
        (mg.from_numpy(np.asarray(kept)) if not isinstance(kept, Tensor) else kept).zero_()
    assert x.grad is not None
    assert x.grad.tolist() == given[:ROWS]
    assert g.tolist() != given


def test_memory_of_others_is_copied() -> None:
    """That of an array outside, that of inference mode, that of a leaf, that of a view."""
    mine = array(2 * ROWS, COLUMNS)
    with mg.inference_mode():
        inferred = mg.tensor(mine)
    locked = mine.copy()
    locked.flags.writeable = False
    wide = mg.tensor(array(4 * ROWS, COLUMNS))
    for g in (
        mg.from_numpy(mine),
        inferred,
        mg.tensor(mine, requires_grad=True),
        mg.from_numpy(locked),
        wide[: 2 * ROWS],
    ):
        x, y = leaf(), leaf()
        mg.cat([x, y]).backward(g)
        for t in (x.grad, y.grad):
            assert t is not None
            assert not np.shares_memory(t._array, g._array)
            assert not t.is_inference()
            assert t._array.flags.writeable


def test_small_parts_and_parts_with_gaps_are_copied() -> None:
    small, rest, x, y = leaf(1, COLUMNS), leaf(), leaf(), leaf()
    for leaves, dim in (((small, rest), 0), ((x, y), 1)):
        z = mg.cat(list(leaves), dim)
        g = mg.tensor(array(*z.shape))
        z.backward(g)
        first = leaves[0].grad
        assert first is not None
        assert not np.shares_memory(first._array, g._array)
        assert first.is_contiguous()


def test_a_small_part_does_not_keep_a_large_gradient_alive() -> None:
    rows = 100
    x, y = leaf(rows, COLUMNS), leaf(20 * rows, COLUMNS)
    z = mg.cat([x, y])
    g = mg.tensor(array(*z.shape))
    for _ in range(2):  # the second time, the gradient given is in common already
        x.grad = y.grad = None
        z.backward(g, retain_graph=True)
        assert x.grad is not None
        assert y.grad is not None
        assert is_common(y.grad)
        assert not is_common(x.grad)


# ---- Writing ---------------------------------------------------------------------------------------------------------


def _setting(key: Any) -> Callable[[Tensor], Any]:
    def write(t: Tensor) -> None:
        t[key] = 5.0

    return write


def _optimise(t: Tensor) -> None:
    p = mg.nn.Parameter(t)
    p.grad = mg.ones_like(t)
    mg.optim.SGD([p], lr=0.5).step()


def _through(make: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    def write(t: Tensor) -> None:
        made = make(t)
        made[...] = 9.0

    return write


def _through_address(t: Tensor) -> None:
    ctypes.memset(t.data_ptr(), 0, t.nbytes)


def _iadd(t: Tensor) -> None:
    t += 1


def _imatrix(t: Tensor) -> None:
    t[mg.tensor([0, 1])] += 2.0


def _out(t: Tensor) -> None:
    mg.exp(t.detach().clone(), out=t)


def _clip(t: Tensor) -> None:
    p = leaf(*t.shape)
    p.grad = t
    mg.nn.utils.clip_grad_norm_([p], 0.1)


def _clip_values(t: Tensor) -> None:
    p = leaf(*t.shape)
    p.grad = t
    mg.nn.utils.clip_grad_value_([p], 0.2)


def _zero_grad(t: Tensor) -> None:
    p = mg.nn.Parameter(mg.zeros(t.shape))
    p.grad = t
    p.backward(mg.ones(t.shape))


def _under_inference(t: Tensor) -> None:
    with mg.inference_mode():
        t.mul_(2)
    assert not t.is_inference()


def _recorded(t: Tensor) -> None:
    t.mul_(mg.full(t.shape, 2.0, requires_grad=True))


def _moved(t: Tensor) -> None:
    other = mg.zeros(3)
    other.data = t
    other.zero_()


def _vmapped(t: Tensor) -> None:
    mg.func.vmap(lambda row: row.mul_(2))(t)


def _captured(t: Tensor) -> None:
    mg.func.vmap(lambda row: (t.zero_(), row)[1])(mg.ones(3, 2))


def _of_function(t: Tensor) -> None:
    class Same(mg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x

        @staticmethod
        def backward(ctx: Any, *gs: Any) -> Any:
            return gs[0]

    Same.apply(t).zero_()


WRITES: dict[str, Callable[[Tensor], Any]] = {
    "zero_": lambda t: t.zero_(),
    "fill_": lambda t: t.fill_(3.0),
    "fill_ of a tensor": lambda t: t.fill_(mg.tensor(3.0)),
    "copy_": lambda t: t.copy_(mg.ones(t.shape)),
    "mul_": lambda t: t.mul_(2),
    "itself": lambda t: t.mul_(t),
    "+=": _iadd,
    "sin_": lambda t: t.sin_(),
    "clamp_": lambda t: t.clamp_(0.4, 0.5),
    "addcmul_": lambda t: t.addcmul_(t, t),
    "uniform_": lambda t: t.uniform_(2, 3),
    "normal_": lambda t: t.normal_(),
    "masked_fill_": lambda t: t.masked_fill_(t > 0.5, 0.0),
    "index_add_": lambda t: t.index_add_(0, mg.tensor([0]), mg.ones(1, t.shape[1])),
    "index_fill_": lambda t: t.index_fill_(0, mg.tensor([1]), 7.0),
    "index_copy_": lambda t: t.index_copy_(0, mg.tensor([1]), mg.ones(1, t.shape[1])),
    "index_put_": lambda t: t.index_put_((mg.tensor([1]), mg.tensor([2])), mg.tensor([4.0])),
    "put_": lambda t: t.put_(mg.tensor([3]), mg.tensor([4.0])),
    "scatter_": lambda t: t.scatter_(0, mg.tensor([[1]]), 4.0),
    "scatter_add_": lambda t: t.scatter_add_(0, mg.tensor([[1]]), mg.ones(1, 1)),
    "t[0]": _setting(0),
    "t[1:, ::2]": _setting((slice(1, None), slice(None, None, 2))),
    "t[...]": _setting(...),
    "t[[0, 2]]": _setting(mg.tensor([0, 2])),
    "t[[0, 2], [1, 1]]": _setting((mg.tensor([0, 2]), mg.tensor([1, 1]))),
    "t[[0], :, None]": _setting((mg.tensor([0]), slice(None))),
    "t[mask]": lambda t: _setting(t > 0.5)(t),
    "t[rows] +=": _imatrix,
    "a row": lambda t: t[0].zero_(),
    "a part of a part": lambda t: t[2:][1].mul_(3),
    "its transpose": lambda t: t.t().zero_(),
    "flat": lambda t: t.view(-1).zero_(),
    "reshaped": lambda t: t.reshape(-1, 2).zero_(),
    "unbound": lambda t: t.unbind()[1].zero_(),
    "a chunk": lambda t: t.chunk(2)[1].zero_(),
    "a diagonal": lambda t: t.diagonal().fill_(9.0),
    "detached": lambda t: t.detach().zero_(),
    "data": lambda t: t.data.zero_(),
    "a detached row": lambda t: t[0].detach().zero_(),
    "a row of the detached": lambda t: t.detach()[0].zero_(),
    "a copy by reference": lambda t: copy.copy(t).zero_(),
    "a parameter": lambda t: mg.nn.Parameter(t, requires_grad=False).zero_(),
    "a buffer": lambda t: mg.nn.Buffer(t).zero_(),
    "an optimiser": _optimise,
    "another's data": _moved,
    "squeezed in place": lambda t: t.t_().zero_().t_(),
    "numpy": _through(lambda t: t.numpy()),
    "a row's numpy": _through(lambda t: t[0].numpy()),
    "asarray": _through(np.asarray),
    "DLPack": _through(np.from_dlpack),
    "from_dlpack": lambda t: mg.from_dlpack(t).zero_(),
    "from_numpy": lambda t: mg.from_numpy(t.numpy()).zero_(),
    "its address": _through_address,
    "out=": _out,
    "clip_grad_norm_": _clip,
    "clip_grad_value_": _clip_values,
    "accumulating": _zero_grad,
    "inference mode": _under_inference,
    "recording": _recorded,
    "vmap": _vmapped,
    "vmap's surroundings": _captured,
    "a function's output": _of_function,
}


@pytest.mark.parametrize("who", HOLDERS)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_changes_the_writer_alone_and_as_it_would_without_company(
    write: Callable[[Tensor], Any], who: str
) -> None:
    all_of_it = Joined()
    t = all_of_it.holders()[who]
    alone = t.clone()
    mg.manual_seed(0)
    write(alone)
    mg.manual_seed(0)
    write(t)
    all_of_it.check(but=who)
    np.testing.assert_array_equal(t.detach().numpy(), alone.detach().numpy())
    assert t._version == alone._version
    assert not np.array_equal(t.detach().numpy(), all_of_it.expected()[who])


def test_every_method_that_writes_is_among_those_which_ask() -> None:
    """All in-place methods of one tensor or two, on gradients in common, do what they do on others."""
    names = [name for name in dir(TensorMethods) if name.endswith("_") and not name.startswith("_")]
    ran = 0
    for name in names:
        for args in ((), (0.5,), (mg.tensor(array()),)):
            x, y, g = held(lambda x, y: x + y)
            before, alone = x.tolist(), x.clone()
            try:
                mg.manual_seed(1)
                getattr(alone, name)(*args)
            except (TypeError, RuntimeError, IndexError, ValueError, AttributeError):
                continue
            mg.manual_seed(1)
            getattr(x, name)(*args)
            ran += 1
            np.testing.assert_array_equal(x.detach().numpy(), alone.detach().numpy(), err_msg=name)
            assert y.tolist() == before, name
            assert g.tolist() == before, name
    assert ran > 80


@pytest.mark.parametrize("who", HOLDERS)
def test_aliases_made_before_and_after_a_write_see_it(who: str) -> None:
    """Views and detached tensors of a holder stay such, whenever they were made."""
    all_of_it = Joined()
    t = all_of_it.holders()[who]
    early_view = t[3:]
    early_column = early_view.t()[1]
    early_detached = t.detach()
    early_row = early_detached[4]
    t.mul_(2)
    late = t.view(-1).detach()
    with mg.no_grad():
        early_row.add_(1)
    values = np.array(all_of_it.expected()[who]) * np.float32(2)
    values[4] += 1
    for name, seen, wanted in (
        ("itself", t, values),
        ("view", early_view, values[3:]),
        ("column", early_column, values[3:, 1]),
        ("detached", early_detached, values),
        ("late", late, values.reshape(-1)),
    ):
        np.testing.assert_array_equal(seen.numpy(), wanted, err_msg=name)
    all_of_it.check(but=who)


@pytest.mark.parametrize("who", HOLDERS)
def test_a_view_that_is_written_to_takes_its_base_and_the_other_views_along(who: str) -> None:
    all_of_it = Joined()
    t = all_of_it.holders()[who]
    top, bottom, flat = t[:2], t[1:], t.view(-1)
    top[1].zero_()
    assert bottom[0].sum() == 0
    assert t[1].sum() == 0
    assert flat[COLUMNS : 2 * COLUMNS].sum() == 0
    bottom.fill_(1.0)
    assert flat.sum() == t.sum()
    assert np.shares_memory(flat._array, t._array)
    all_of_it.check(but=who)


def test_reading_copies_nothing() -> None:
    all_of_it = Joined()
    for t in all_of_it.holders().values():
        _ = t + 1, t.sum(), t[0], t.clone(), t.tolist(), t[0, 0].item(), repr(t), t.t() @ t, t > 0
        assert is_common(t)
        assert is_common(t[1:])


def test_the_last_holder_writes_without_a_copy() -> None:
    x, _, g = held(JOINS["cat"])
    address = g._array.__array_interface__["data"][0]
    del x, _
    gc.collect()
    assert is_common(g)
    g.mul_(2)
    assert g.data_ptr() == address
    x, y, g = held(JOINS["cat"])
    address = x._array.__array_interface__["data"][0]
    del y, g
    gc.collect()
    x.mul_(2)
    assert x.data_ptr() == address
    assert not is_common(x)


def test_copies_and_pickles_are_strangers() -> None:
    all_of_it = Joined()
    x = all_of_it.holders()["x"]
    buffers: list[pickle.PickleBuffer] = []
    dumped = pickle.dumps(x, protocol=5, buffer_callback=buffers.append)
    for other in (
        copy.deepcopy(x),
        pickle.loads(pickle.dumps(x)),
        x.clone(),
        pickle.loads(dumped, buffers=[bytearray(b) for b in buffers]),
    ):
        other.zero_()
    all_of_it.check()


# ---- Passes ----------------------------------------------------------------------------------------------------------


def test_a_second_pass_accumulates_into_the_same_tensors() -> None:
    all_of_it = Joined()
    x, y, g = all_of_it.holders().values()
    row = x[0]
    all_of_it.z.backward(g, retain_graph=True)
    assert all_of_it.x.grad is x
    np.testing.assert_array_equal(x.numpy(), 2 * all_of_it.given[:ROWS])
    np.testing.assert_array_equal(row.numpy(), 2 * all_of_it.given[0])
    np.testing.assert_array_equal(y.numpy(), 2 * all_of_it.given[ROWS:])
    np.testing.assert_array_equal(g.numpy(), all_of_it.given)
    assert x._version == 1
    all_of_it.z.backward(g)
    np.testing.assert_array_equal(x.numpy(), all_of_it.given[:ROWS] * 2 + all_of_it.given[:ROWS])
    assert g._version == 0


def test_a_gradient_given_twice_is_changed_in_between() -> None:
    x, y = leaf(), leaf()
    z = mg.cat([x, y])
    g = mg.tensor(array(*z.shape))
    first = g.clone()
    z.backward(g, retain_graph=True)
    g.mul_(3)
    z.backward(g)
    assert x.grad is not None
    assert y.grad is not None
    np.testing.assert_array_equal(mg.cat([x.grad, y.grad]).numpy(), (first + 3 * first).numpy())


def test_one_leaf_in_several_places() -> None:
    x = leaf()
    g = mg.tensor(array(3 * ROWS, COLUMNS))
    given = g.clone()
    mg.cat([x, x, x]).backward(g)
    assert x.grad is not None
    a, b, c = given.chunk(3)
    np.testing.assert_array_equal(x.grad.numpy(), (a + b + c).numpy())
    assert mg.equal(g, given)
    (x + x).backward(given[:ROWS].clone())
    assert mg.equal(g, given)


def test_a_part_of_a_gradient_in_common_as_a_gradient() -> None:
    """Accumulating into a view of memory in common, small enough for the quick way, is a write, too."""
    all_of_it = Joined()
    x = all_of_it.holders()["x"]
    w = leaf(COLUMNS)
    w.grad = x[1]
    (w * 2).sum().backward()
    np.testing.assert_array_equal(x[1].numpy(), all_of_it.given[1] + np.float32(2))
    all_of_it.check(but="x")


def test_what_a_graph_saved_of_it_is_watched() -> None:
    """A gradient in common that was saved, then written to, is stale as any other; one whose company writes is not."""
    all_of_it = Joined()
    x, y, g = all_of_it.holders().values()
    w = leaf()
    product = (w * x).sum()
    y.zero_()
    g.zero_()
    product.backward(retain_graph=True)
    np.testing.assert_array_equal(w.grad.numpy(), all_of_it.given[:ROWS])  # type: ignore[union-attr]
    x.zero_()
    with pytest.raises(RuntimeError, match="changed in place"):
        product.backward()


def test_create_graph_and_gradients_of_gradients() -> None:
    x, y = leaf(), leaf()
    g = mg.tensor(array(2 * ROWS, COLUMNS))
    given = g.clone()
    dx, dy = mg.autograd.grad(mg.cat([x * x, y * y]), [x, y], g, create_graph=True)
    (dx.sum() + dy.sum()).backward()
    g.zero_()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), (2 * given[:ROWS]).numpy())


def test_a_gradient_in_common_can_become_a_leaf() -> None:
    all_of_it = Joined()
    x = all_of_it.holders()["x"].requires_grad_()
    all_of_it.g.zero_()
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * all_of_it.given[:ROWS])  # type: ignore[union-attr]
    mg.optim.SGD([x], lr=1.0).step()
    all_of_it.g = mg.tensor(all_of_it.given)
    all_of_it.check(but="x")


def test_hooks_see_and_keep_gradients() -> None:
    x, y = leaf(), leaf()
    seen: list[Tensor] = []
    z = mg.cat([x * 1, y * 1])
    z.register_hook(seen.append)
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad))  # type: ignore[arg-type]
    g = mg.tensor(array(2 * ROWS, COLUMNS))
    given = g.clone()
    z.backward(g)
    seen[1].zero_()
    assert y.grad is not None
    assert mg.equal(y.grad, given[ROWS:])
    assert mg.equal(g, given)


def test_steps_of_an_optimiser() -> None:
    """Leaves that are joined learn what they learn apart, with gradients let go or set to zero."""
    for to_none in (True, False):
        joined = [leaf(), leaf()]
        apart = [p.detach().clone().requires_grad_() for p in joined]
        ways = [(joined, mg.optim.Adam(joined, lr=0.1)), (apart, mg.optim.Adam(apart, lr=0.1))]
        for _ in range(4):
            g = mg.tensor(array(2 * ROWS, COLUMNS))
            for leaves, optimizer in ways:
                optimizer.zero_grad(set_to_none=to_none)
                if leaves is joined:
                    mg.cat(leaves).backward(g)
                else:
                    for p, part in zip(leaves, g.clone().chunk(2), strict=True):
                        (p * 1).backward(part.clone())
                mg.nn.utils.clip_grad_norm_(leaves, 1.0)
                optimizer.step()
        for p, q in zip(joined, apart, strict=True):
            np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


# ---- What sweeps give out -------------------------------------------------------------------------------------------

SPOIL: dict[str, Callable[[Tensor], Any]] = {
    "zero_": lambda t: t.zero_(),
    "mul_": lambda t: t.mul_(3),
    "numpy": _through(lambda t: t.numpy()),
    "detach": lambda t: t.detach().fill_(7.0),
    "setitem": _setting(...),
}


def _scalar_grads() -> list[Tensor]:
    y = mg.tensor(2.0, requires_grad=True)
    x = mg.ones(3, requires_grad=True)
    s = x.sum()
    s.retain_grad()
    shown: list[Tensor] = []
    s.register_hook(shown.append)
    s.backward(retain_graph=True)
    assert s.grad is not None
    half = mg.tensor(1.0, dtype=mg.float16, requires_grad=True)
    return [
        *mg.autograd.grad(y, y),
        *mg.autograd.grad(x.sum(), x),
        *mg.autograd.grad(half, half),
        mg.func.grad(lambda x: x.sum())(mg.ones(4)),
        s.grad,
        *shown,
    ]


@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL)
def test_the_one_that_sweeps_begin_with_is_nobodys_to_change(spoil: Callable[[Tensor], Any]) -> None:
    for t in _scalar_grads():
        spoil(t)
    for t in _scalar_grads():
        assert set(np.ravel(t.tolist())) == {1.0}


FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    **JOINS,
    "sub": lambda x, y: x - y,
    "reshape": lambda x, y: (x + y).reshape(-1),
    "transpose": lambda x, y: (x + y).t(),
    "identities": lambda x, y: (x + 1) + (y + 1) + 1,
    "sums": lambda x, y: x.sum() + y.sum(),
    "columns": lambda x, y: mg.cat([x, y], 1),
    "scaled": lambda x, y: mg.cat([x, y]) * 2,
}


@pytest.mark.parametrize("shape", [(2, 3), SHAPE], ids=["small", "large"])
@pytest.mark.parametrize("company", [None, *OTHERS], ids=str)
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_autograd_grad_returns_is_independent(
    function: Callable[[Tensor, Tensor], Tensor], company: str | None, shape: tuple[int, int]
) -> None:
    x, y = leaf(*shape), leaf(*shape)
    z = function(x, y)
    g = mg.full(z.shape, 0.5)
    kept = OTHERS[company](g) if company and z.ndim == 2 and z.shape[0] > 2 else None
    found = [*mg.autograd.grad(z, [x, y], g), g]
    before = [t.clone().numpy().copy() for t in found]
    for k, t in enumerate(found):
        t.add_(1)
        before[k] += 1
        for other, wanted in zip(found, before, strict=True):
            np.testing.assert_array_equal(other.detach().clone().numpy(), wanted)
    if isinstance(kept, Tensor):
        with mg.no_grad():
            kept.zero_()
        for other, wanted in zip(found[:2], before, strict=False):
            np.testing.assert_array_equal(other.numpy(), wanted)


@pytest.mark.parametrize("given", ["first", "last"])
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_gradients_with_graphs_are_independent(function: Callable[[Tensor, Tensor], Tensor], given: str) -> None:
    """Recording, a gradient is not the tensor given, nor another one's: neither by grad() nor by backward()."""
    for way in ("grad", "backward"):
        x, y = leaf(2, 3), leaf(2, 3)
        z = function(x, y)
        g = mg.full(z.shape, 0.5)
        if way == "grad":
            found = [*mg.autograd.grad(z, [x, y], g, create_graph=True)]
        else:
            z.backward(g, create_graph=True)
            found = [x.grad, y.grad]  # type: ignore[list-item]
        found = [g, *found] if given == "first" else [*found, g]
        before = [t.detach().clone().numpy().copy() for t in found]
        for k, t in enumerate(found):
            t.add_(1)
            before[k] += 1
            for other, wanted in zip(found, before, strict=True):
                np.testing.assert_array_equal(other.detach().clone().numpy(), wanted)


TANGENTS: dict[str, Callable[[Tensor], Any]] = {
    "itself": lambda x: x,
    "shifted": lambda x: x + 1,
    "twice": lambda x: (x + 1, x + 2),
    "reshaped": lambda x: (x.reshape(-1), x.t()),
    "joined": lambda x: (mg.cat([x, x]), x[0]),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("function", TANGENTS.values(), ids=TANGENTS)
def test_tangents_are_independent(function: Callable[[Tensor], Any], create_graph: bool) -> None:
    for jvp in (
        lambda f, x, v: mg.autograd.functional.jvp(f, x, v, create_graph=create_graph),
        lambda f, x, v: mg.func.jvp(f, (x,), (v,)),
    ):
        v = mg.full((2, 3), 0.5)
        _, found = jvp(function, mg.ones(2, 3), v)
        found = [*(found if isinstance(found, tuple) else (found,)), v]
        before = [t.detach().clone().numpy().copy() for t in found]
        for k, t in enumerate(found):
            t.add_(1)
            before[k] += 1
            for other, wanted in zip(found, before, strict=True):
                np.testing.assert_array_equal(other.detach().clone().numpy(), wanted)


def test_retained_gradients_are_independent() -> None:
    x = leaf()
    a = x + 1
    b = a + 1
    a.retain_grad()
    b.retain_grad()
    g = mg.tensor(array())
    given = g.clone()
    b.backward(g)
    assert a.grad is not None
    assert b.grad is not None
    assert x.grad is not None
    held_ones = [a.grad, b.grad, x.grad, g]
    for k, t in enumerate(held_ones):
        t.zero_()
        for other in held_ones[k + 1 :]:
            assert mg.equal(other, given)


def test_what_hooks_keep_is_theirs() -> None:
    x, kept = leaf(), []  # type: ignore[var-annotated]
    a = x + 1
    b = a + 1
    for t in (a, b):
        t.register_hook(kept.append)
        assert t.grad_fn is not None
        t.grad_fn.register_prehook(lambda gs: kept.append(gs[0]))
        t.grad_fn.register_hook(lambda gs, outs: kept.extend((gs[0], outs[0])))
    g = mg.tensor(array())
    given = g.clone()
    b.backward(g)
    assert x.grad is not None
    kept += [x.grad, g]
    assert len(kept) == 10
    for k, t in enumerate(kept):
        t.zero_()
        for other in kept[k + 1 :]:
            assert mg.equal(other, given)


def test_what_a_hook_writes_goes_on_and_nowhere_else() -> None:
    """As in PyTorch the next ones see it; unlike there, the gradient given and other ways of it do not."""
    x, y = leaf(), leaf()
    a = x + 1
    b = a + y
    a.register_hook(lambda g: (g.mul_(3), None)[1])
    a.register_hook(lambda g: (g.add_(1), None)[1])
    assert b.grad_fn is not None
    b.grad_fn.register_prehook(lambda gs: (gs[0].mul_(2), None)[1])
    g = mg.tensor(array())
    given = g.clone()
    b.backward(g)
    assert x.grad is not None
    assert y.grad is not None
    assert mg.equal(g, given)
    assert mg.equal(y.grad, given * 2)
    assert mg.equal(x.grad, given * 2 * 3 + 1)


def test_what_a_function_is_given_is_its_own() -> None:
    kept: list[Tensor] = []

    class Scaled(mg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return 2 * x

        @staticmethod
        def backward(ctx: Any, *gs: Any) -> Any:
            kept.append(gs[0])
            return gs[0].mul_(2)

    x, y = leaf(), leaf()
    g = mg.tensor(array())
    given = g.clone()
    (Scaled.apply(x) + y).backward(g)
    assert x.grad is not None
    assert y.grad is not None
    kept[0].zero_()
    assert mg.equal(g, given)
    assert mg.equal(y.grad, given)
    assert mg.equal(x.grad, 2 * given)


def test_the_gradient_given_is_not_copied_once_the_others_are_gone() -> None:
    x = leaf()
    g = mg.tensor(array())
    z = x * 2
    address = g._array.__array_interface__["data"][0]
    for _ in range(3):
        z.backward(g, retain_graph=True)
        assert is_common(g)
        g.mul_(2)
        assert not is_common(g)
    assert g._array.__array_interface__["data"][0] == address


# ---- Drawn programs --------------------------------------------------------------------------------------------------


def programs(count: int, seed: int = 11) -> list[list[tuple[str, int, int]]]:
    draw = np.random.default_rng(seed)
    names = [*STEPS]

    def step() -> tuple[str, int, int]:
        i, j = draw.integers(0, 50, 2)
        return names[draw.integers(len(names))], int(i), int(j)

    return [[step() for _ in range(14)] for _ in range(count)]


def _given(known: list[Tensor], shape: Any, i: int, j: int) -> Tensor:
    candidates = [t for t in known if t.shape == shape]
    return candidates[i % len(candidates)] if candidates and j % 2 else mg.full(shape, float(i % 7 + 1))


def _join(kind: Callable[[Tensor, Tensor], Tensor], part: Callable[[Tensor], Tensor]) -> Callable[..., None]:
    def step(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
        x, y = leaf(), leaf()
        z = kind(x, y)
        g = _given(known, z.shape, i, j)
        for _ in range(2 if j % 3 == 0 else 1):
            z.backward(part(g), retain_graph=True)
            x.grad, y.grad = part(x.grad), part(y.grad)  # type: ignore[arg-type]
        known.extend([g, x.grad, y.grad])  # type: ignore[list-item]

    return step


def _grad(part: Callable[[Tensor], Tensor]) -> Callable[..., None]:
    def step(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
        x, y = leaf(), leaf()
        z = [*JOINS.values()][i % len(JOINS)](x, y)
        g = _given(known, z.shape, i, j)
        known.extend([g, *map(part, mg.autograd.grad(z, [x, y], part(g)))])

    return step


def _retain(part: Callable[[Tensor], Tensor]) -> Callable[..., None]:
    """Retain gradients, and keep what a hook sees."""

    def step(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
        x, y = leaf(), leaf()
        a = x + 1
        z = [*JOINS.values()][i % len(JOINS)](a, y)
        a.retain_grad()
        z.retain_grad()
        seen: list[Tensor] = []
        z.register_hook(lambda g: (seen.append(part(g)), None)[1])
        a.register_hook(lambda g: (seen.append(part(g)), None)[1])
        g = _given(known, z.shape, i, j)
        z.backward(part(g))
        known.extend([g, *seen, *[part(t.grad) for t in (a, z, x, y)]])  # type: ignore[arg-type]

    return step


def _make(function: Callable[[Tensor], Tensor]) -> Callable[..., None]:
    def step(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
        known.append(function(known[i % len(known)]))

    return step


def _change(function: Callable[[Tensor, int], Any]) -> Callable[..., None]:
    def step(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
        function(known[i % len(known)], j)

    return step


def _row(t: Tensor, j: int) -> Tensor:
    return t[j % t.shape[0]] if t.ndim else t


def _keep_array(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
    kept.append(known[i % len(known)].numpy())


def _write_array(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
    if kept:
        kept[i % len(kept)][...] = j


def _drop(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
    if len(known) > 1:
        del known[i % len(known)]
    if kept and j % 2:
        del kept[j % len(kept)]


def sweeps(part: Callable[[Tensor], Tensor]) -> dict[str, Callable[..., None]]:
    """Return steps that sweep; `part` makes independent of others what goes in and what comes out."""
    return {
        **{name: _join(kind, part) for name, kind in JOINS.items()},
        "grad": _grad(part),
        "retain": _retain(part),
    }


SWEEPS = sweeps(lambda t: t)
CLONING_SWEEPS = sweeps(lambda t: t.clone())

STEPS: dict[str, Callable[..., None]] = {
    **SWEEPS,
    "row": _make(lambda t: _row(t, 1)),
    "tail": _make(lambda t: t[1:] if t.ndim and t.shape[0] > 1 else t),
    "flat": _make(lambda t: t.reshape(-1)),
    "transposed": _make(lambda t: t.transpose(0, -1) if t.ndim else t),
    "detached": _make(lambda t: t.detach()),
    "same": _make(copy.copy),
    "buffer": _make(lambda t: mg.nn.Buffer(t)),
    "sum": _make(lambda t: t * 1),
    "t_": _change(lambda t, j: t.t_() if t.ndim == 2 else t),
    "unsqueeze_": _change(lambda t, j: t.unsqueeze_(0) if t.ndim < 4 else t),
    "data": _change(lambda t, j: setattr(t, "data", t.detach() if j % 2 else t * 1)),
    "mul_": _change(lambda t, j: t.mul_(j % 3 - 1)),
    "add_": _change(lambda t, j: t.add_(j)),
    "set": _change(lambda t, j: t.__setitem__(..., j)),
    "set row": _change(lambda t, j: _row(t, j).fill_(j)),
    "set rows": _change(lambda t, j: t.__setitem__(mg.tensor([0]), float(j)) if t.ndim else t.zero_()),
    "set mask": _change(lambda t, j: t.__setitem__(t > 2, float(j))),
    "keep array": _keep_array,
    "write array": _write_array,
    "drop": _drop,
}


def _run(program: list[tuple[str, int, int]], steps: dict[str, Callable[..., None]]) -> list[Any]:
    known, kept = [mg.full(SHAPE, 2.0)], []  # type: ignore[var-annotated]
    for name, i, j in program:
        with mg.set_grad_enabled(name in SWEEPS):
            steps[name](known, kept, i, j)
    return [t.detach().clone().numpy() for t in known] + [a.copy() for a in kept]


@pytest.mark.parametrize("program", programs(200))
def test_drawn_programs_give_what_they_give_where_all_is_cloned(program: list[tuple[str, int, int]]) -> None:
    for a, b in zip(_run(program, STEPS), _run(program, STEPS | CLONING_SWEEPS), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- Threads ---------------------------------------------------------------------------------------------------------


def test_threads_write_to_their_parts() -> None:
    """Holders, and disjoint parts of one holder, are written to by threads at once: no write is lost."""
    for _ in range(20):
        all_of_it = Joined()
        x, y, g = all_of_it.holders().values()
        halves = [x[: ROWS // 2], x[ROWS // 2 :]]
        start = threading.Barrier(4)

        def work(t: Tensor, factor: int, start: threading.Barrier = start) -> None:
            start.wait()
            t.mul_(factor)

        jobs = [(halves[0], 2), (halves[1], 3), (y, 4), (g, 5)]
        threads = [threading.Thread(target=work, args=job) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wanted = all_of_it.given.copy()
        wanted[: ROWS // 2] *= 2
        wanted[ROWS // 2 : ROWS] *= 3
        np.testing.assert_array_equal(x.numpy(), wanted[:ROWS])
        np.testing.assert_array_equal(y.numpy(), all_of_it.given[ROWS:] * 4)
        np.testing.assert_array_equal(g.numpy(), all_of_it.given * 5)


def test_threads_that_sweep_with_one_gradient() -> None:
    g = mg.tensor(array(2 * ROWS, COLUMNS))
    given = g.clone()
    found: list[tuple[Tensor, Tensor]] = []

    def work() -> None:
        for _ in range(50):
            x, y = leaf(), leaf()
            mg.cat([x, y]).backward(g)
            assert x.grad is not None
            assert y.grad is not None
            x.grad.add_(1)
            found.append((x.grad, y.grad))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 150
    for x, y in found:
        assert mg.equal(x, given[:ROWS] + 1)
        assert mg.equal(y, given[ROWS:])
    assert mg.equal(g, given)
