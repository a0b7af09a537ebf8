"""Gradients that are parts of one array, held in common until one of their holders writes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from helpers import in_threads

import minigrad as mg
from joined import COLUMNS, JOINS, OTHERS, ROWS, Joined, array, held, is_common, leaf
from minigrad import Tensor


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
    np.testing.assert_array_equal(w.grad.numpy(), all_of_it.given[:ROWS])
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
    np.testing.assert_array_equal(x.grad.numpy(), 2 * all_of_it.given[:ROWS])
    mg.optim.SGD([x], lr=1.0).step()
    all_of_it.g = mg.tensor(all_of_it.given)
    all_of_it.check(but="x")


def test_hooks_see_and_keep_gradients() -> None:
    x, y = leaf(), leaf()
    seen: list[Tensor] = []
    z = mg.cat([x * 1, y * 1])
    z.register_hook(seen.append)
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad))
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


# ---- Threads ---------------------------------------------------------------------------------------------------------


def test_threads_write_to_their_parts() -> None:
    """Holders, and disjoint parts of one holder, are written to by threads at once: no write is lost."""
    for _ in range(20):
        all_of_it = Joined()
        x, y, g = all_of_it.holders().values()
        halves = [x[: ROWS // 2], x[ROWS // 2 :]]
        jobs = [(halves[0], 2), (halves[1], 3), (y, 4), (g, 5)]
        in_threads(*(partial(t.mul_, factor) for t, factor in jobs))
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

    in_threads(*[work] * 3)
    assert len(found) == 150
    for x, y in found:
        assert mg.equal(x, given[:ROWS] + 1)
        assert mg.equal(y, given[ROWS:])
    assert mg.equal(g, given)
