"""no_grad, enable_grad, set_grad_enabled and inference_mode: nested, as decorators, in generators, per thread."""

from __future__ import annotations

import contextlib
import copy
import gc
import pickle
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from helpers import in_threads, interrupt

import minigrad as mg
from minigrad._contexts import Changing
from minigrad._observers import observers
from minigrad.autograd import forward_ad, graph
from minigrad.autograd.anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled
from minigrad.batching import below, levels
from minigrad.nn import init
from minigrad.nn.utils import parametrizations, parametrize
from minigrad.utils.checkpoint import checkpoint

CONTEXTS = {
    "no_grad": (mg.no_grad, False),
    "enable_grad": (mg.enable_grad, True),
    "set off": (lambda: mg.set_grad_enabled(False), False),
    "set on": (lambda: mg.set_grad_enabled(True), True),
    "inference": (mg.inference_mode, False),
    "no inference": (lambda: mg.inference_mode(False), True),
}


@pytest.fixture(autouse=True)
def state_is_put_back() -> Iterator[None]:
    yield
    assert mg.is_grad_enabled()
    assert not mg.is_inference_mode_enabled()


@pytest.mark.parametrize("outer", CONTEXTS)
@pytest.mark.parametrize("inner", CONTEXTS)
def test_nesting(outer: str, inner: str) -> None:
    (make_outer, on_outside), (make_inner, on_inside) = CONTEXTS[outer], CONTEXTS[inner]
    with make_outer():
        assert mg.is_grad_enabled() == on_outside
        with make_inner():  # within inference mode nothing else records
            assert mg.is_grad_enabled() == (on_inside and not (outer == "inference" and "inference" not in inner))
        assert mg.is_grad_enabled() == on_outside
        with contextlib.suppress(KeyError), make_inner():
            raise KeyError
        assert mg.is_grad_enabled() == on_outside


@pytest.mark.parametrize("name", CONTEXTS)
def test_decorator(name: str) -> None:
    make, on = CONTEXTS[name]

    @make()
    def function(x: int) -> tuple[int, bool]:
        return x, mg.is_grad_enabled()

    assert function(3) == (3, on)
    assert function.__name__ == "function"
    assert mg.is_grad_enabled()


def test_decorator_without_parentheses() -> None:
    assert mg.no_grad(mg.is_grad_enabled)() is False
    assert mg.inference_mode(mg.is_inference_mode_enabled)() is True


@pytest.mark.parametrize("make", [mg.no_grad, mg.inference_mode])
def test_generators_run_in_the_mode_and_wait_outside_of_it(make: Callable[[], Any]) -> None:
    seen: list[Any] = []

    @make()
    def numbers() -> Iterator[Any]:
        try:
            while True:
                seen.append((yield mg.is_grad_enabled()))
        except KeyError:
            seen.append(mg.is_grad_enabled())
            yield "caught"
        finally:
            seen.append(("closed", mg.is_grad_enabled()))

    g: Any = numbers()
    assert next(g) is False
    assert mg.is_grad_enabled()
    assert g.send(7) is False
    assert g.throw(KeyError()) == "caught"
    assert mg.is_grad_enabled()
    g.close()
    assert seen == [7, False, ("closed", False)]


def test_a_generator_returns_its_value() -> None:
    @mg.no_grad()
    def one() -> Any:
        yield 1
        return 2

    g = one()
    next(g)
    with pytest.raises(StopIteration) as end:
        next(g)
    assert end.value.value == 2


@pytest.mark.parametrize("name", CONTEXTS)
def test_threads_have_modes_of_their_own(name: str) -> None:
    with CONTEXTS[name][0]():
        assert in_threads(mg.is_grad_enabled, mg.is_inference_mode_enabled) == [True, False]


# ----------------------------------------------------------------------------------------------------------------------
# Inference tensors.


def made() -> tuple[mg.Tensor, mg.Tensor]:
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.inference_mode():
        return w, w * 2


def test_what_is_an_inference_tensor() -> None:
    w = mg.ones(2, 2, requires_grad=True)
    outside = mg.ones(2)
    assert not w.is_inference()
    with mg.inference_mode():
        results = [w * 2, mg.zeros(2), mg.tensor([1.0]), mg.arange(3), (w * 2)[0], mg.rand(2), mg.cat([w, w])]
        assert all(x.is_inference() for x in results)
        assert not any(x.requires_grad for x in results)
        assert not any(mg.is_inference(x) for x in (w[0], w.T, outside.add_(1), w.detach()))
        with mg.inference_mode(False):
            assert not (w * 2).is_inference()
            assert (w * 2).requires_grad
        assert (w * 2).is_inference()
    assert not (results[0] + 1).is_inference()
    assert results[0][0].is_inference()
    assert not results[0].clone().is_inference()


def test_changes_inside_are_free() -> None:
    w = mg.ones(2, requires_grad=True)
    with mg.inference_mode():
        y = w * 2
        y += 1
        w.mul_(3)
        leaf = mg.zeros(2, requires_grad=True)
    assert y.tolist() == [3.0, 3.0]
    assert w.tolist() == [3.0, 3.0]
    assert leaf.requires_grad


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda y: y.add_(1), "add_"),
        (lambda y: y.zero_(), "zero_"),
        (lambda y: y.__setitem__(0, 1.0), "setitem"),
        (lambda y: y[0].fill_(1.0), "fill_"),
        (lambda y: y.requires_grad_(), "requires_grad_"),
    ],
)
def test_no_change_outside(change: Callable[[mg.Tensor], Any], name: str) -> None:
    _, y = made()
    with pytest.raises(RuntimeError, match=f"{name}: a tensor that was made in inference_mode"):
        change(y)
    with mg.inference_mode():
        change(y)


def test_not_saved_for_a_backward_pass() -> None:
    w, y = made()
    with pytest.raises(RuntimeError, match=r"mul: .*inference_mode.* cannot be saved"):
        w * y
    (w + y).sum().backward()  # nothing is saved
    assert w.grad is not None
    (w * y.clone()).sum().backward()
    with mg.no_grad():
        w * y


def test_not_saved_by_a_function() -> None:
    class Times(mg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: mg.Tensor, y: mg.Tensor) -> mg.Tensor:
            ctx.save_for_backward(y)
            return x * y

    w, y = made()
    with pytest.raises(RuntimeError, match=r"Times: .*inference_mode"):
        Times.apply(w, y)


def test_others_are_as_quick_as_ever_while_one_lives() -> None:
    """Neither are nodes watched nor writes to other tensors left to Python."""
    from minigrad import _core

    _, y = made()
    x = mg.zeros(2)
    assert not observers
    assert _core.set_items(x, 0, 1.0)
    assert _core.compute_into(_core.kernels["mul"], x, (x, y))
    assert not _core.set_items(y, 0, 1.0)


def test_beside_torch() -> None:
    torch = pytest.importorskip("torch")

    def story(m: Any) -> list[Any]:
        w, told = m.ones(2, requires_grad=True), []
        with m.inference_mode():
            y = w * 2
            told += [y.is_inference(), w[0].is_inference(), y[0].is_inference(), m.is_inference_mode_enabled()]
            with m.inference_mode(False):
                told += [(w * 2).is_inference(), (w * 2).requires_grad, m.is_grad_enabled()]
            with m.enable_grad():
                told.append((w * 2).requires_grad)
        for use in (lambda: w * y, lambda: y.add_(1), lambda: y.requires_grad_(), lambda: (w + y).requires_grad):
            try:
                use()
                told.append("fine")
            except RuntimeError:
                told.append("error")
        return [*told, (y + 1).is_inference(), y.clone().is_inference(), y.detach().is_inference()]

    assert story(mg) == story(torch)


def test_memory_is_counted() -> None:
    from minigrad import _core

    gc.collect()
    before = _core.inference_arrays()
    with mg.inference_mode():
        kept = [mg.zeros(n) + np.ones(n, np.float32).sum().item() for n in range(5)]
    assert _core.inference_arrays() >= before + 5
    kept.clear()
    assert _core.inference_arrays() == before


def _contexts() -> None:
    with mg.no_grad(), mg.enable_grad(), mg.inference_mode():
        mg.is_grad_enabled()


def _gradient() -> None:
    x = mg.ones(2, requires_grad=True)
    mg.autograd.grad((x * x).sum(), x)
    (x * x).sum().backward()


class _Twice(mg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 2


def _function() -> None:
    _Twice.apply(mg.ones(2, requires_grad=True)).sum().backward()


def _examples() -> None:
    mg.func.vmap(lambda x: (x * x).sum())(mg.ones(2, 2))


def _checkpoint() -> None:
    checkpoint(lambda x: x * x, mg.ones(2, requires_grad=True)).sum().backward()


def _saved() -> None:
    x = mg.ones(2, requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: t, lambda t: t), graph.save_on_cpu():
        x * x
    with graph.disable_saved_tensors_hooks("no"), below():
        pass


def _anomaly() -> None:
    with mg.autograd.detect_anomaly(), mg.autograd.detect_anomaly(check_nan=False):
        pass


def _dual() -> None:
    with forward_ad.dual_level():
        forward_ad.make_dual(ONES, ONES)


def _generator() -> None:
    with mg.random.fork_rng():
        mg.rand(2)


LAYER = parametrizations.weight_norm(mg.nn.Linear(2, 2))
ONES = mg.ones(2)
GIVEN = {name: mg.ones_like(p.detach()) for name, p in LAYER.named_parameters()}


def _modules() -> None:
    with parametrize.cached(), parametrize.cached(), init.skipped():
        pass
    mg.func.functional_call(LAYER, GIVEN, ONES)


def _state() -> list[Any]:
    """Return all that contexts change."""
    modes = [mg.is_grad_enabled(), mg.is_inference_mode_enabled(), mg.autograd.is_anomaly_check_nan_enabled()]
    lists = [levels, observers, graph._refusals, forward_ad._levels, parametrize._caches, init._skipping]
    return [*modes, *map(list, lists), mg.get_rng_state().tolist(), [id(p) for p in LAYER.parameters()]]


RUNS = [_contexts, _gradient, _function, _examples, _checkpoint, _saved, _anomaly, _dual, _generator, _modules]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("run", RUNS)
def test_an_interrupt_leaves_nothing_changed(run: Callable[[], None]) -> None:
    """Whenever it comes: amid the beginning and the end of a context too."""

    def for_ever() -> None:
        while True:
            run()

    run()
    start = time.perf_counter()
    for _ in range(100):
        run()
    longest = time.perf_counter() - start
    as_ever = _state()
    for n in range(1, 301):
        interrupt(for_ever, longest * n / 301)
        assert _state() == as_ever


def test_a_change_that_fails_is_undone() -> None:
    seen: list[int] = []
    with pytest.raises(ZeroDivisionError), Changing([(seen.append, 1), (divmod, 1, 0)], [(seen.remove, 1)]):
        pytest.fail("the block must not run")
    assert not seen


def test_an_end_that_fails_undoes_the_rest() -> None:
    seen = [1]
    with pytest.raises(ZeroDivisionError), Changing([], [(divmod, 1, 0), (seen.remove, 1), (seen.remove, 7)]):
        pass
    assert not seen


def test_contexts_of_one_list_are_left_in_any_order() -> None:
    one, other = graph.save_on_cpu(), graph.save_on_cpu()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert [observer for _, observer in observers] == [other]
    other.__exit__(None, None, None)
    assert not observers


def test_contexts_decorate() -> None:
    @forward_ad.dual_level()
    @mg.random.fork_rng()
    def draw() -> tuple[Any, ...]:
        dual = forward_ad.make_dual(mg.rand(2), mg.ones(2))
        return forward_ad.unpack_dual(dual * 2).tangent.tolist(), dual.tolist()

    assert draw() == draw()
    assert draw()[0] == [2.0, 2.0]


def test_a_context_is_left_as_often_as_it_was_entered() -> None:
    context = mg.no_grad()
    with context, context:
        pass
    with pytest.raises(RuntimeError, match="no_grad: left without having been entered"):
        context.__exit__(None, None, None)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_other_contexts_can_be_copied_as_well(copied: Callable[[Any], Any]) -> None:
    module = mg.nn.Linear(1, 1)
    module.context = mg.autograd.detect_anomaly(check_nan=False)
    with module.context:
        other = copied(module).context
    with other:
        assert (is_anomaly_enabled(), is_anomaly_check_nan_enabled()) == (True, False)
    assert not is_anomaly_enabled()
    refusing = copied(graph.disable_saved_tensors_hooks("not here"))
    with refusing, pytest.raises(RuntimeError, match="not here"), graph.save_on_cpu():
        pass
    with copied(graph.saved_tensors_hooks(mg.Tensor.clone, mg.Tensor.detach)):
        x = mg.ones(1, requires_grad=True)
        (x * x).backward()
    assert x.grad.tolist() == [2.0]
    with mg.no_grad(), copied(forward_ad.dual_level()) as level:
        assert level == 0
        assert mg.is_grad_enabled()


@pytest.mark.parametrize("name", CONTEXTS)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_are_contexts_of_the_same_kind(name: str, copied: Callable[[Any], Any]) -> None:
    make, on = CONTEXTS[name]
    context = make()
    context.note = [3]
    with context, mg.inference_mode(False):  # entered, which a copy is not
        other = copied(context)
        assert mg.is_grad_enabled()
    assert type(other) is type(context)
    assert other.note == [3]
    with other:
        assert mg.is_grad_enabled() == on
        assert mg.is_inference_mode_enabled() == (name == "inference")
    assert mg.is_grad_enabled()
    with pytest.raises(RuntimeError, match="left without having been entered"):
        other.__exit__(None, None, None)
