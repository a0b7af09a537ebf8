"""Writing to memory held in common: nobody sees the others' writes, by whatever way they are made."""

from __future__ import annotations

import copy
import ctypes
import gc
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from joined import COLUMNS, HOLDERS, JOINS, Joined, array, by_dlpack, held, is_common, leaf, setting, through
from minigrad import Tensor
from minigrad.ops.inplace import TensorMethods


def _optimise(t: Tensor) -> None:
    p = mg.nn.Parameter(t)
    p.grad = mg.ones_like(t)
    mg.optim.SGD([p], lr=0.5).step()


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
    "t[0]": setting(0),
    "t[1:, ::2]": setting((slice(1, None), slice(None, None, 2))),
    "t[...]": setting(...),
    "t[[0, 2]]": setting(mg.tensor([0, 2])),
    "t[[0, 2], [1, 1]]": setting((mg.tensor([0, 2]), mg.tensor([1, 1]))),
    "t[[0], :, None]": setting((mg.tensor([0]), slice(None))),
    "t[mask]": lambda t: setting(t > 0.5)(t),
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
    "numpy": through(lambda t: t.numpy()),
    "a row's numpy": through(lambda t: t[0].numpy()),
    "asarray": through(np.asarray),
    "DLPack": through(by_dlpack),
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


@pytest.mark.parametrize("shown", ["itself", "a view", "a view's base"])
def test_memory_whose_address_is_known_is_never_held_in_common(shown: str) -> None:
    """Whoever has the address may write there at any time: also after the pass."""
    for join in JOINS.values():
        x, y = leaf(), leaf()
        z = join(x, y)
        whole = mg.tensor(array(*z.shape))
        part = whole.view(z.shape)
        g = part if shown == "a view's base" else whole
        address = (part if shown == "a view" else whole).data_ptr()
        del whole, part
        z.backward(g)
        assert not is_common(g)
        assert not is_common(x.grad)
        before = x.grad.tolist(), y.grad.tolist()
        ctypes.memset(address, 0, g.nbytes)
        assert (x.grad.tolist(), y.grad.tolist()) == before
        assert not g.any()


def test_the_address_of_a_gradient_is_its_own_for_good() -> None:
    x, y, g = held(JOINS["cat"])
    before = y.tolist(), g.tolist()
    address = x.data_ptr()
    (joined,) = mg.autograd.grad((z := leaf()).view(z.shape), z, x)
    ctypes.memset(address, 0, x.nbytes)
    assert x.data_ptr() == address
    assert not x.any()
    assert joined.all()
    assert (y.tolist(), g.tolist()) == before
