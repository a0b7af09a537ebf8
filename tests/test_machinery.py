"""The machinery around the graph: packed values, anomalies, threads, changes of what was saved."""

from __future__ import annotations

import gc
from functools import partial

import numpy as np
import pytest
from helpers import in_threads, run_python

import minigrad as mg
from minigrad._observers import observers
from minigrad.autograd import detect_anomaly, why_nan
from minigrad.autograd.graph import save_on_cpu, saved_tensors_hooks


def leaf(*values):
    return mg.tensor(list(values), dtype=mg.float64, requires_grad=True)


class Square(mg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g


# ----------------------------------------------------------------------------------------------------------------------
# Nodes, and packing what they keep.


def test_nodes_are_walked_by_name():
    x = leaf(1.0, 2.0)
    node = (x.exp() * x).sum().grad_fn
    assert node.name() == node.name == "SumBackward"
    product = node.next_functions[0][0]
    assert [parent.name() for parent, _ in product.next_functions] == ["ExpBackward", "AccumulateGrad"]
    assert product.next_functions[1][0].next_functions == ()
    product.metadata["mine"] = 3
    assert product.metadata == {"mine": 3}
    assert node.metadata == {}


def packed_gradients(library, array):
    x = library.tensor(array, requires_grad=True)
    seen = []

    def pack(t):
        seen.append(tuple(t.shape))
        return t.numpy().tolist() if not t.requires_grad else t.detach().numpy().tolist()

    with library.autograd.graph.saved_tensors_hooks(pack, lambda v: library.tensor(v, dtype=library.float64)):
        y = (x * x.exp()).sum()
    (g,) = library.autograd.grad(y, x, create_graph=True)
    (h,) = library.autograd.grad(g.sum(), x)
    return seen, g.detach().numpy(), h.numpy()


def test_packed_values_give_first_and_second_order_as_in_pytorch():
    torch = pytest.importorskip("torch")
    array = np.array([0.3, -1.2, 2.0])
    ours, theirs = packed_gradients(mg, array), packed_gradients(torch, array)
    assert sorted(ours[0]) == sorted(theirs[0])
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-14)
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-14)


def test_the_innermost_hooks_pack_and_other_threads_do_not():
    x, packed = leaf(1.0, 2.0), []

    def hooks(name):
        return saved_tensors_hooks(lambda t: (packed.append(name), t)[1], lambda t: t)

    with hooks("outer"):
        x.exp()
        with hooks("inner"):
            x.exp()
        in_threads(x.exp)
        x.exp()
    x.exp()
    assert packed == ["outer", "inner", "outer"]


def test_a_function_is_packed():
    x = leaf(1.0, 3.0)
    with saved_tensors_hooks(lambda t: t.numpy().copy(), mg.tensor):
        y = Square.apply(x)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 6.0]


def test_a_packed_copy_may_be_changed_and_packed_memory_may_not():
    x = leaf(1.0, 2.0)
    with save_on_cpu():
        y = x * 1
        z = y * y
    y.detach().zero_()
    z.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    with saved_tensors_hooks(lambda t: t, lambda t: t):
        y = x * 1
        z = y * y
    y.detach().zero_()
    with pytest.raises(RuntimeError, match=r"mul: .* changed in place"):
        z.sum().backward()


def test_a_packed_graph_is_freed():
    x = leaf(1.0)
    with save_on_cpu():
        y = x.exp().sum()
    y.backward()
    with pytest.raises(RuntimeError, match="freed"):
        y.backward()


def test_packing_can_be_refused():
    with mg.autograd.graph.disable_saved_tensors_hooks("not here"):
        with pytest.raises(RuntimeError, match="not here"), save_on_cpu():
            pass
        leaf(1.0).exp().backward()
    with save_on_cpu():
        leaf(1.0).exp().backward()


@pytest.mark.parametrize("name", ["minigrad", "torch"])
def test_saved_values_may_be_allowed_to_change(name):
    lib = pytest.importorskip(name)
    x = lib.tensor([0.5, 1.0], dtype=lib.float64, requires_grad=True)
    with lib.autograd.graph.allow_mutation_on_saved_tensors():
        y = x.exp()
        z = (y * y).sum()
        y.mul_(0)
        (g,) = lib.autograd.grad(z, x, create_graph=True)
        (h,) = lib.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(g.detach().numpy(), 2 * np.exp([1.0, 2.0]))
    np.testing.assert_allclose(h.numpy(), 4 * np.exp([1.0, 2.0]))


@pytest.mark.parametrize("name", ["minigrad", "torch"])
def test_edges_stand_for_tensors(name):
    lib = pytest.importorskip(name)
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    z = y * 3
    middle, end = map(lib.autograd.graph.get_gradient_edge, (y, z))
    assert (middle.output_nr, middle.node) == (0, y.grad_fn)
    del y
    (g,) = lib.autograd.grad(z.sum(), middle, retain_graph=True)
    assert g.tolist() == [3.0, 3.0]
    g, h = lib.autograd.grad(end, (x, middle), grad_outputs=lib.ones(2), retain_graph=True)
    assert (g.tolist(), h.tolist()) == ([6.0, 12.0], [3.0, 3.0])
    lib.autograd.backward(end, lib.ones(2))
    assert x.grad.tolist() == [6.0, 12.0]
    with pytest.raises(RuntimeError):
        lib.autograd.backward(end)
    with pytest.raises(RuntimeError):
        lib.autograd.graph.get_gradient_edge(lib.ones(2))


def test_a_version_raised_by_hand():
    x, y = leaf(1.0), leaf(2.0)
    z = x * y
    mg.autograd.graph.increment_version([y.detach()])
    assert y._version == 1
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()


def test_an_unpack_hook_returns_a_tensor_of_the_same_shape():
    x = leaf(1.0, 2.0)
    for unpack, error in ((lambda _: 3, TypeError), (lambda _: mg.ones(3), RuntimeError)):
        with saved_tensors_hooks(lambda t: t, unpack):
            y = x.exp().sum()
        with pytest.raises(error, match="unpack hook"):
            y.backward()


# ----------------------------------------------------------------------------------------------------------------------
# Anomalies.


def test_a_nan_of_the_backward_pass_names_operation_and_line():
    torch = pytest.importorskip("torch")
    t = torch.tensor([4.0, -1.0], requires_grad=True)
    message = r"(?s)Function 'SqrtBackward0?' returned nan values in its 0th output"
    with (
        pytest.warns(UserWarning, match="nomaly"),
        torch.autograd.detect_anomaly(),
        pytest.raises(RuntimeError, match=message),
    ):
        torch.sqrt(t).sum().backward()
    x = leaf(4.0, -1.0)
    with detect_anomaly():
        y = mg.sqrt(x)  # the guilty line
        with pytest.raises(RuntimeError, match=message + r".*index \(1,\).*the guilty line"):
            (y * 2).sum().backward()


def test_a_nan_raises_nothing_unless_asked_for():
    x = leaf(0.0)
    with detect_anomaly(check_nan=False):
        (x * float("nan")).sum().backward()
    assert np.isnan(x.grad.item())
    assert why_nan().direction == "forward"
    (x * float("nan")).sum().backward()


def test_why_nan_tells_the_first_of_the_forward_pass():
    x = leaf(1.0, 0.0, 2.0)
    with detect_anomaly():
        y = x.log()  # makes it
        y.exp() * y
    found = why_nan()
    assert (found.kind, found.direction, found.operation) == ("inf", "forward", "log")
    assert (found.index, found.inputs_finite) == ((1,), (True,))
    assert "makes it" in found.line
    assert "test_machinery.py" in str(found)
    with detect_anomaly():
        x.exp()
    assert why_nan() is None


def test_why_nan_tells_what_came_in_from_outside():
    data = mg.tensor([0.0, 1.0]).log()  # records nothing
    with detect_anomaly():
        mg.ones(2, requires_grad=True) + data
    assert why_nan().inputs_finite == (True, False)
    assert str(why_nan()).startswith(
        "add passed on the first inf forward, at index (0,): its inputs were (finite, not finite)"
    )


def test_why_nan_tells_the_first_of_the_backward_pass():
    x = leaf(1.0, 0.0)
    with detect_anomaly():
        x.sqrt().sum().backward()
    assert (why_nan().direction, why_nan().kind, why_nan().index) == ("backward", "inf", (1,))


def of_a_function():
    class Inverse(mg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 1 / x

        @staticmethod
        def backward(ctx, g):
            return g

    return Inverse.apply(leaf(1.0, 0.0))  # guilty


def in_place():
    y = leaf(1.0, 0.0) * 1
    y.log_()  # guilty


def inside_vmap():
    mg.func.vmap(mg.log)(mg.tensor([[1.0], [0.0]], requires_grad=True))  # guilty


def behind_joining():
    x = leaf(1.0, 0.0)
    a, b = mg.cat([x, x]).split(2)
    (a * b).log()  # guilty


def in_a_layer():
    layer = mg.nn.Linear(1, 2)
    mg.nn.init.constant_(layer.weight, 3e38)
    layer(mg.tensor([[0.0], [3.0]]))  # guilty


def of_a_gradient():
    x = leaf(1.0, 0.0)
    mg.autograd.grad(x.sqrt().sum(), x, create_graph=True)  # guilty


@pytest.mark.parametrize("program", [of_a_function, in_place, inside_vmap, behind_joining, in_a_layer, of_a_gradient])
def test_why_nan_tells_the_line_wherever_it_is(program):
    with detect_anomaly(check_nan=False):
        program()
    found = why_nan()
    assert found.kind == "inf"
    assert "# guilty" in found.line
    assert found.index[0] == 1
    assert all(found.inputs_finite)


def test_nothing_is_remembered_outside():
    x = leaf(1.0)
    with detect_anomaly():
        inside = x.exp().grad_fn
    outside = x.exp().grad_fn
    assert type(outside) is mg.graph.Node
    assert not hasattr(outside, "notes")
    assert "line" in inside.metadata
    assert observers == []
    y = x * 1
    y.mul_(2)
    assert (y._cell.version, y._cell.line) == (1, None)


def test_set_detect_anomaly():
    x = leaf(-1.0)
    mg.autograd.set_detect_anomaly(True)
    try:
        assert mg.autograd.is_anomaly_enabled()
        with mg.autograd.set_detect_anomaly(False):
            assert not mg.autograd.is_anomaly_enabled()
        assert mg.autograd.is_anomaly_enabled()
    finally:
        mg.autograd.set_detect_anomaly(False)
    x.log().sum().backward()


def test_errors_name_the_lines():
    x = leaf(1.0)
    with detect_anomaly():
        y = x.exp()
        z = y * y  # saves it
        y.detach().zero_()  # changes it
        with pytest.raises(RuntimeError, match=r"(?s)changed in place.*saves it.*changes it"):
            z.backward()
        w = x.exp()  # records it
        w.backward()  # frees it
        with pytest.raises(RuntimeError, match=r"(?s)freed.*records it.*frees it"):
            w.backward()


# ----------------------------------------------------------------------------------------------------------------------
# Changing what was saved.


def _set_data(y):
    y.data = y.data * 2


def _set_item(y):
    y[0] = 5.0


def _copy_without_recording(y):
    with mg.no_grad():
        y.copy_(y * 2)


CHANGES = {
    "in-place method": lambda y: y.mul_(2),
    "through a view": lambda y: y[:1].mul_(2),
    "through detach": lambda y: y.detach().mul_(2),
    "through data": lambda y: y.data.mul_(2),
    "through numpy": lambda y: np.multiply(y.detach().numpy(), 2, out=y.detach().numpy()),
    "by setting data": _set_data,
    "by setitem": _set_item,
    "by a copy without recording": _copy_without_recording,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_no_change_of_a_saved_value_goes_unseen(change):
    y = leaf(1.0, 2.0) * 1
    z = y * y
    change(y)
    with pytest.raises(RuntimeError, match=r"mul: .*changed in place"):
        z.sum().backward()


# ----------------------------------------------------------------------------------------------------------------------
# Threads, exceptions and interrupts.


def test_threads_add_to_shared_leaves_exactly():
    x = mg.zeros(1000, requires_grad=True)

    def run():
        for _ in range(200):
            (x * 3).sum().backward()

    in_threads(run, run)
    assert (x.grad.numpy() == 1200).all()


def test_an_exception_in_a_sweep_leaves_the_next_one_right():
    x = leaf(1.0, 2.0)
    y = x.exp()
    handle = y.register_hook(lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.sum().backward()
    assert x.grad is None
    assert mg.is_grad_enabled()
    handle.remove()
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


def test_a_failed_sweep_leaves_no_memory_behind():
    """Nodes that the sweep passed have let go of what they kept; the others do with the last tensor."""
    before = mg._core.memory_statistics()["in_use"]
    x = leaf(*range(1000))
    y = x
    for _ in range(20):
        y = y.sin()
    middle = y
    for _ in range(20):
        y = y.sin()
    middle.register_hook(lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.sum().backward()
    with pytest.raises(RuntimeError, match=r"^\w+: the graph was freed"):
        y.sum().backward()
    (middle.detach() * x).sum().backward()  # another graph with the same leaf
    np.testing.assert_array_equal(x.grad.numpy(), middle.detach().numpy())
    del x, y, middle
    gc.collect()
    assert mg._core.memory_statistics()["in_use"] <= before + 8192


def test_threads_with_graphs_of_their_own_and_shared_parameters():
    """Each thread's own results are those of a run alone; the shared gradient is the sum of all shares, in some order."""
    w = mg.tensor(np.linspace(-1, 1, 64).reshape(8, 8), requires_grad=True)
    inputs = [mg.tensor(np.random.default_rng(n).integers(-3, 4, (5, 8)).astype(float)) for n in range(4)]

    def gradient(x, weight, own):
        y = ((x * own) @ weight).relu().sum()
        return mg.autograd.grad(y, own, retain_graph=True)[0].tolist(), y

    alone = [gradient(x, w, leaf(*range(8)))[0] for x in inputs]
    found = [[] for _ in inputs]

    def run(n):
        for _ in range(30):
            own = leaf(*range(8))
            g, y = gradient(inputs[n], w, own)
            found[n].append(g == alone[n])
            y.backward()

    in_threads(*(partial(run, n) for n in range(4)))
    assert all(all(f) and len(f) == 30 for f in found)
    together, w.grad = w.grad, None
    for x in inputs:
        for _ in range(30):
            gradient(x, w, leaf(*range(8)))[1].backward()
    np.testing.assert_array_equal(together.numpy(), w.grad.numpy())  # whole numbers: any order gives the same


INTERRUPTED = """
import itertools, signal
import minigrad as mg


# Calls the function and sends a signal each millisecond; the one of this number raises in its handler. Those that come
# while nobody listens are one. What is raised amid a callback is lost, so a later one raises again.
def interrupt(signals, function):
    handled = itertools.count(1)

    def handle(*_):
        if next(handled) % 1000 == signals:
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        function()
    except KeyboardInterrupt:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        assert mg.is_grad_enabled()
        return
    raise SystemExit(f"ended after {next(handled) - 1} signals")


x = mg.ones(4, requires_grad=True)
y = x * 1
for n in range(1_000_000):
    y = y * 1
    if n == 1000:
        shorter = y.sum()
loss = y.sum()
interrupt(4, lambda: loss.backward(retain_graph=True))
x.grad = None
shorter.backward()
assert x.grad.tolist() == [1.0] * 4

mg.set_num_threads(1)
a = mg.ones(3000, 3000)  # a kernel of 200 ms and more, which listens each 10
interrupt(4, lambda: a @ a)
w = mg.ones(3000, 3000, requires_grad=True)
loss = (a @ w).sum()
interrupt(4, lambda: loss.backward(retain_graph=True))
w.grad = None
(a[:2] @ w).sum().backward()
assert (w.grad == 2).all()

model = mg.nn.Linear(64, 64)
optimizer = mg.optim.Adam(model.parameters())
data = mg.ones(512, 64)
steps = 0


def train():
    global steps
    while True:
        optimizer.zero_grad()
        model(data).sum().backward()
        optimizer.step()
        steps += 1


interrupt(50, train)
assert steps - 1 <= optimizer.state[model.weight]["step"] <= steps + 1
assert mg.isfinite(model.weight).all()
"""


def test_an_interrupt_comes_amid_sweeps_and_kernels():
    """They listen more than once: a call in which nobody does ends before the fourth signal is handled."""
    run_python("-c", INTERRUPTED)
