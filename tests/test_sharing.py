"""Memory that arrays outside share with tensors: who sees what, who may write, and that no write goes unseen."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import in_threads

import minigrad as mg
from joined import by_dlpack
from minigrad import Tensor
from minigrad.autograd import detect_anomaly

Array = np.ndarray[Any, Any]


def leaf(*values: float) -> Tensor:
    return mg.tensor(list(values), dtype=mg.float64, requires_grad=True)


def product() -> tuple[Tensor, Tensor]:
    """Return a tensor, and its square's sum, which keeps it."""
    y = leaf(1.0, 2.0) * 1
    return y, (y * y).sum()


# ---- Writes through arrays -------------------------------------------------------------------------------------------


def _through_memoryview(y: Tensor) -> Any:
    view = memoryview(y.detach())
    view[0] = 5.0
    return view


def _through_dlpack(y: Tensor) -> Any:
    array = by_dlpack(y.detach())
    array[0] = 5.0
    return array


def _through_torch(y: Tensor) -> Any:
    torch = pytest.importorskip("torch")
    t = torch.from_dlpack(y.detach())
    t.mul_(2)
    return t


def _through_array(make: Callable[[Tensor], Array]) -> Callable[[Tensor], Any]:
    def write(y: Tensor) -> Any:
        array = make(y.detach())
        array[...] = 7.0
        return array

    return write


WRITES: dict[str, Callable[[Tensor], Any]] = {
    "numpy": _through_array(lambda y: y.numpy()),
    "an array made of it": _through_array(lambda y: y.numpy()[::-1][:1]),
    "asarray": _through_array(np.asarray),
    "__array__": _through_array(lambda y: y.__array__()),
    "a view's array": _through_array(lambda y: y[1:].numpy()),
    "memoryview": _through_memoryview,
    "numpy's from_dlpack": _through_dlpack,
    "torch's from_dlpack": _through_torch,
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("alive", [False, True], ids=["gone", "alive"])
@pytest.mark.parametrize("given", ["before", "after"])
def test_a_write_through_an_array_is_seen(write: Callable[[Tensor], Any], alive: bool, given: str) -> None:
    """The array was given out before or after the value was saved, and is alive or gone when it is read again."""
    y = leaf(1.0, 2.0) * 1
    early = y.detach().numpy() if given == "before" else None
    z = (y * y).sum()
    kept: list[Any] = [write(y)]
    if not alive:
        kept.clear()
        del early
        gc.collect()
    with pytest.raises(RuntimeError, match=r"^mul: its x, of shape \(2,\), .*changed in place"):
        z.backward()


def test_reading_is_no_write() -> None:
    y, z = product()
    array = y.detach().numpy()
    assert array.tolist() == np.asarray(y.detach()).tolist() == [1.0, 2.0]
    z.backward(retain_graph=True)
    del array
    z.backward()


def test_a_write_before_a_save_is_none_after_it() -> None:
    """What was written into an array before an operation ran is what the operation read."""
    array = np.ones(3)
    x, w = mg.from_numpy(array), leaf(1.0, 2.0, 3.0)
    for n in range(3):
        array[:] = n
        w.grad = None
        (x * w).sum().backward()
        assert w.grad is not None
        assert w.grad.tolist() == [n, n, n]


def test_an_old_save_is_stale_and_a_new_one_is_not() -> None:
    y, old = product()
    array = y.detach().numpy()
    array[0] = 3.0
    new = (y * y).sum()
    with pytest.raises(RuntimeError, match="changed in place"):
        old.backward()
    new.backward()
    del array
    with pytest.raises(RuntimeError, match="changed in place"):
        old.backward()


def test_a_write_to_memory_that_was_taken_in_is_seen() -> None:
    array = np.array([1.0, 2.0])
    x, w = mg.from_numpy(array), leaf(3.0, 4.0)
    loss = (x * w).sum()
    array[0] = 5.0
    with pytest.raises(RuntimeError, match=r"^mul: .*changed in place through an array that shares its memory"):
        loss.backward()
    assert (x[1:] * w[1:]).sum().backward() is None


def test_memory_is_private_again_when_its_arrays_are_gone() -> None:
    y, _ = product()
    part = y.detach().numpy()[1:]
    assert y._cell.version < 0
    assert y._version == 0
    part = part[:1].T
    gc.collect()
    assert y._cell.version < 0
    del part
    assert (y._cell.version, y._cell.loans) == (0, ())
    with mg.no_grad():
        y.mul_(1)
    assert y._version == 1


def test_threads_that_take_arrays_leave_the_memory_private() -> None:
    y, z = product()

    def run() -> None:
        for n in range(300):
            array = y.detach().numpy()
            part = np.asarray(y.detach()[n % 2 :])
            del array
            assert part.size

    in_threads(*[run] * 4)
    gc.collect()
    assert (y._cell.version, y._cell.loans) == (0, ())
    z.backward()


def test_functions_and_packing_see_writes_too() -> None:
    class Square(mg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, *g: Any) -> Any:
            return 2 * ctx.saved_tensors[0] * g[0]

    array = np.array([1.0, 2.0])
    x = mg.from_numpy(array).requires_grad_()
    own = Square.apply(x).sum()
    with mg.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        packed = (x * x).sum()
    with mg.autograd.graph.save_on_cpu():
        copied = (x * x).sum()
    array[0] = 9.0
    with pytest.raises(RuntimeError, match=r"^Square: saved tensor 0, of shape \(2,\), .*changed in place"):
        own.backward()
    with pytest.raises(RuntimeError, match=r"^mul: .*changed in place"):
        packed.backward()
    copied.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 4.0]


def test_memory_that_was_taken_in_is_mapped_over() -> None:
    array = np.arange(6.0).reshape(2, 3)
    x, w = mg.from_numpy(array), mg.ones(3, dtype=mg.float64)
    g = mg.func.vmap(mg.func.grad(lambda w, v: (w * v * v).sum()), in_dims=(None, 0))(w, x)
    np.testing.assert_array_equal(g.numpy(), array**2)
    with pytest.raises(RuntimeError, match=r"^vmap: numpy needs the elements"):
        mg.func.vmap(lambda v: mg.tensor(v.numpy()))(x)


def test_an_error_names_the_line_that_gave_the_array_out() -> None:
    with detect_anomaly():
        y, z = product()
        array = y.detach().numpy()  # gives it out
        array[0] = 3.0
        with pytest.raises(RuntimeError, match=r"(?s)changed in place.*recorded at.*given out at .*gives it out"):
            z.backward()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, np.bool_])
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (64,), (2, 3, 41), (1000,)])
def test_a_digest_tells_any_element_and_their_order(dtype: Any, shape: tuple[int, ...]) -> None:
    draw = np.random.default_rng(0)
    array = draw.permutation(np.arange(np.prod(shape))).reshape(shape).astype(dtype)
    cell = mg._core.Cell(mg._core.SHARED + 3)  # of memory that arrays outside share, written to three times
    then = mg._core.version_of(cell, array)
    assert then[0] == 3

    def changed(other: Any) -> bool:
        return mg._core.changed(cell, then, other)

    assert not changed(array.copy())
    assert not changed(np.stack([array, array], -1)[..., 0])
    for at in {0, array.size // 2, array.size - 1}:
        other = array.copy()
        other.flat[at] = not other.flat[at] if dtype == np.bool_ else other.flat[at] + 1
        assert changed(other)
    if array.flat[0] != array.flat[-1]:
        other = array.copy()
        other.flat[[0, -1]] = array.flat[[-1, 0]]
        assert changed(other)
    assert changed(array[:0])


def test_a_version_tells_writes() -> None:
    array = np.ones(3)
    shared, own = mg._core.Cell(mg._core.SHARED), mg._core.Cell(5)
    kinds = [(shared, mg._core.version_of(shared, array)), (own, mg._core.version_of(own, array))]
    assert kinds[1][1] == 5
    for cell, then in kinds:
        assert not mg._core.changed(cell, then, array)
        cell.version += 1
        assert mg._core.changed(cell, then, array)
    own.version += mg._core.SHARED - 1  # given out since, and not written to
    assert not mg._core.changed(own, 5, array)
    for wrong in ((), (shared,), (3, array)):
        with pytest.raises(TypeError, match="version_of: takes a cell and an array"):
            mg._core.version_of(*wrong)
    for wrong in ((shared, 1), (3, 1, array)):
        with pytest.raises(TypeError, match="changed: takes a cell"):
            mg._core.changed(*wrong)
    with pytest.raises(TypeError):
        mg._core.changed(shared, "1", array)
    with pytest.raises(TypeError, match="takes an array"):
        mg._core.version_of(shared, [1.0])


def test_only_what_is_saved_is_digested() -> None:
    y, _ = product()
    saved = y.detach().numpy()
    assert y._cell.loans == (True,)
    x = mg.ones(3)
    first, second, part = x.numpy(), x.numpy(), x[1:].numpy()
    assert x._cell.loans == (False,) * 3
    del saved, first, second, part


# ---- Other libraries -------------------------------------------------------------------------------------------------

DTYPES = [np.bool_, np.uint8, np.int8, np.int16, np.int32, np.int64, np.float16, np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_shares_by_every_way(dtype: Any) -> None:
    x = mg.tensor(np.arange(6).reshape(2, 3).astype(dtype))
    for array in (x.numpy(), np.asarray(x), np.from_dlpack(x), np.asarray(memoryview(x))):
        assert array.dtype == dtype
        assert np.shares_memory(array, x._array)
        np.testing.assert_array_equal(array, x._array)
    back = mg.from_dlpack(x._array)
    assert back.dtype is x.dtype
    x[0, 1] = 0
    assert back.tolist() == x.tolist()


def test_array_copies_where_asked() -> None:
    x = mg.tensor([1.0, 2.0])
    for array in (x.__array__(copy=True), np.array(x), np.asarray(x, dtype=np.float64), x.__array__(np.int64)):
        assert not np.shares_memory(array, x._array)
    with pytest.raises(ValueError, match=r"^__array__: .*float32.*float64"):
        x.__array__(np.float64, copy=False)
    assert np.shares_memory(x.__array__(np.float32, copy=False), x._array)
    assert x.__dlpack_device__() == (1, 0)
    w = leaf(1.0)
    for give in (np.asarray, np.array, memoryview, np.from_dlpack, Tensor.numpy, mg.from_dlpack):
        with pytest.raises(RuntimeError, match=r"requires a gradient.*detach"):
            give(w)


def test_an_array_and_a_tensor_make_a_tensor() -> None:
    array, x = np.array([1.0, 2.0]), mg.tensor([3.0, 5.0], dtype=mg.float64)
    for out, expected in ((array + x, [4, 7]), (array - x, [-2, -3]), (array / x, [1 / 3, 0.4]), (array @ x, 13)):
        assert isinstance(out, Tensor)
        np.testing.assert_allclose(out.numpy(), expected)
    assert isinstance(np.float64(2) * x, Tensor)


@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_shares_both_ways(dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    x = mg.tensor(np.arange(12).reshape(3, 4).astype(dtype))[:, 1:].T
    t = torch.from_dlpack(x)
    assert (tuple(t.shape), t.stride()) == ((3, 3), (1, 4))
    t[0, 0] = 0
    np.testing.assert_array_equal(t.numpy(), x.numpy())
    back = mg.from_dlpack(t)
    assert back._array.ctypes.data == x._array.ctypes.data
    back.fill_(1)
    assert bool((t == 1).all())
    assert x.tolist() == back.tolist()


def test_torch_gives_capsules_and_refusals() -> None:
    torch = pytest.importorskip("torch")
    from minigrad.utils.dlpack import from_dlpack, to_dlpack

    x = mg.tensor([1.0, 2.0])
    t = torch.utils.dlpack.from_dlpack(to_dlpack(x))
    assert t.data_ptr() == x._array.ctypes.data
    assert from_dlpack(torch.utils.dlpack.to_dlpack(t))._array.ctypes.data == x._array.ctypes.data
    assert not np.shares_memory(mg.from_dlpack(t, copy=True)._array, x._array)
    assert not np.shares_memory(mg.from_dlpack(x, copy=True)._array, x._array)
    assert mg.from_dlpack(x)._cell is x._cell
    with pytest.raises(BufferError, match="require gradient"):
        mg.from_dlpack(torch.ones(2, requires_grad=True))
    for dtype in (torch.bfloat16, torch.complex64):
        with pytest.raises(TypeError, match=r"^(from_dlpack|tensor): "):
            mg.from_dlpack(torch.ones(2, dtype=dtype))
    with pytest.raises(TypeError, match=r"^from_dlpack: .*got int"):
        mg.from_dlpack(3)


def test_jax_shares_both_ways() -> None:
    jax = pytest.importorskip("jax")
    x = mg.tensor(np.arange(6, dtype=np.float32).reshape(2, 3)) * 1  # whose memory is aligned, as JAX needs it to share
    j = jax.dlpack.from_dlpack(x)
    assert j.unsafe_buffer_pointer() == x._array.ctypes.data
    assert j.tolist() == x.tolist()
    back = mg.from_dlpack(jax.numpy.arange(3.0))
    with pytest.raises(RuntimeError, match=r"^mul_: .*read-only"):  # as JAX says
        back.mul_(2)
    assert (back * 2).tolist() == [0.0, 2.0, 4.0]


@pytest.mark.parametrize("name", ["minigrad", "torch"])
def test_buffers_are_taken_in(name: str) -> None:
    lib = pytest.importorskip(name)
    memory = bytearray(np.arange(4.0).tobytes())
    x = lib.frombuffer(memory, dtype=lib.float64, count=2, offset=8)
    assert x.tolist() == [1.0, 2.0]
    x[0] = 9.0
    assert np.frombuffer(memory).tolist() == [0.0, 9.0, 2.0, 3.0]
    for wrong in ({"offset": 64}, {"count": 9}, {"offset": 7, "count": -1}):
        with pytest.raises(ValueError, match=r".+"):
            lib.frombuffer(memory, dtype=lib.float64, **wrong)


def test_bytes_are_read_only() -> None:
    x = mg.frombuffer(b"abc", dtype=mg.uint8)
    with pytest.raises(RuntimeError, match=r"^zero_: .*read-only"):
        x.zero_()
    assert (x - 97).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="misaligned"):
        mg.frombuffer(bytes(17), dtype=mg.float64, offset=1)


@pytest.mark.parametrize("name", ["minigrad", "torch"])
def test_where_memory_lies(name: str) -> None:
    lib = pytest.importorskip(name)
    x = lib.ones(3, 4, requires_grad=True)
    part = x[1:, 2:]
    assert (part.storage_offset(), x.storage_offset()) == (6, 0)
    assert part.data_ptr() == x.data_ptr() + 6 * x.element_size()
    assert (part._is_view(), x._is_view(), x.is_complex(), x.is_signed()) == (True, False, False, True)
    assert x.numpy(force=True).sum() == 12
    assert (x.output_nr, lib.split(x, 1)[2].output_nr) == (0, 2)
    y = x * 2
    assert y.detach_() is y
    assert not y.requires_grad
    assert y.is_leaf
    with pytest.raises(RuntimeError, match=r"(?i)view"):
        part.detach_()


# ---- Arrays that lie oddly -------------------------------------------------------------------------------------------


def test_swapped_and_misaligned_arrays_are_copied_or_refused() -> None:
    misaligned = np.frombuffer(b"\0" + np.array([1.0, 2.0]).tobytes(), np.uint8)[1:].view(np.float64)
    assert not misaligned.flags.aligned
    for array, error in ((np.array([1.0, 2.0]).astype(">f8"), TypeError), (misaligned, ValueError)):
        for copying in (mg.tensor, mg.as_tensor, mg.asarray, Tensor):
            x = copying(array)
            assert x._array.flags.aligned
            assert x._array.dtype.isnative
            assert (x + 1).tolist() == [2.0, 3.0]
        with pytest.raises(error):
            mg.from_numpy(array)
        with pytest.raises(ValueError, match=r"^asarray: memory cannot be shared"):
            mg.asarray(array, copy=False)


def test_arrays_that_run_backwards_are_shared() -> None:
    array = np.arange(6.0).reshape(2, 3)
    x = mg.from_numpy(array[::-1, ::-2])
    assert x.tolist() == [[5, 3], [2, 0]]
    assert x.stride() == (-3, -2)
    for operation in (mg.exp, mg.sum, lambda v: v @ v.t(), lambda v: v.softmax(1), lambda v: v.cumsum(0)):
        np.testing.assert_array_equal(operation(x).numpy(), operation(mg.tensor(array[::-1, ::-2])).numpy())
    x.mul_(10)
    assert array.tolist() == [[0, 1, 20], [30, 4, 50]]


def test_read_only_memory_is_never_written_to() -> None:
    array = np.arange(3.0)
    array.flags.writeable = False
    x = mg.from_numpy(array)
    for given in (x.numpy(), np.asarray(x), np.asarray(memoryview(x)), x[1:].numpy()):
        assert not given.flags.writeable
    with pytest.raises(BufferError):
        x.__dlpack__()  # which could not say so
    index, part = mg.tensor([0, 1]), mg.ones(2, dtype=mg.float64)
    writes: list[Callable[[], Any]] = [
        lambda: x.add_(1),
        lambda: x.zero_(),
        lambda: x.fill_(1.0),
        lambda: x.copy_(mg.ones(3)),
        lambda: x.uniform_(),
        lambda: x[1:].exp_(),
        lambda: x.view(3, 1).mul_(2),
        lambda: x.__setitem__(0, 1.0),
        lambda: x.__setitem__(index, part),
        lambda: x.__setitem__(x > 0, 5.0),
        lambda: x.scatter_(0, index, part),
        lambda: x.scatter_add_(0, index, part),
        lambda: x.index_fill_(0, index, 1.0),
        lambda: x.index_copy_(0, index, part),
        lambda: x.masked_fill_(x > 0, 1.0),
        lambda: x.data.add_(1),
    ]
    for n, write in enumerate(writes):
        with pytest.raises(RuntimeError, match=r"^\w+: .*read-only"):
            write()
        assert array.tolist() == [0, 1, 2], n
    for make in (mg.optim.SGD, mg.optim.Adam):
        w = mg.from_numpy(array).requires_grad_()
        w.grad = mg.ones(3, dtype=mg.float64)
        with pytest.raises((RuntimeError, ValueError), match=r"writ|read-only"):
            make([w], lr=0.1).step()
        assert array.tolist() == [0, 1, 2]


# ---- Copies ----------------------------------------------------------------------------------------------------------


def test_copies_are_leaves_with_memory_of_their_own() -> None:
    w = leaf(1.0, 2.0)
    (w * w).sum().backward()
    parameter = mg.nn.Parameter(mg.ones(2))
    for x in (w, parameter, mg.tensor([1, 2]), mg.from_numpy(np.arange(4.0)[::-2]), mg.zeros(0, 3), mg.tensor(True)):
        deep, pickled = copy.deepcopy(x), pickle.loads(pickle.dumps(x))
        for other in (deep, pickled):
            assert type(other) is type(x)
            assert (other.dtype, other.requires_grad, other.shape) == (x.dtype, x.requires_grad, x.shape)
            assert other.tolist() == x.tolist()
            assert not np.may_share_memory(other._array, x._array)
    twice = copy.deepcopy([w, w])
    assert twice[0] is twice[1]
    assert twice[0].grad.tolist() == [2.0, 4.0]
    shallow = copy.copy(w)
    assert shallow._array is w._array or np.shares_memory(shallow._array, w._array)
    with mg.no_grad():
        shallow.mul_(3)
    assert w.tolist() == [3.0, 6.0]
    for call in (copy.deepcopy, pickle.dumps):
        with pytest.raises(RuntimeError, match=r"^(deepcopy|pickle): only leaves"):
            call(w * 2)
