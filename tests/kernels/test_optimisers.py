"""Kernels of optimisers: one step over all parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from helpers import FLOATS, ISAS, PROMISED, Array, layouts, same_bits, with_threads

from minigrad import _core

KERNELS = _core.kernels
SHAPES = [(7, 9), (9,), (), (0, 3), (2, 3, 5), (130,)]
Lists = list[list[Array]]


@dataclass
class Step:
    """A way to call a kernel: how many lists it has, which of them are absent, the counters, settings and flags."""

    name: str
    lists: int
    counters: tuple[float, ...]
    settings: tuple[float, ...]
    flags: tuple[bool, ...]
    absent: tuple[int, ...] = ()
    positive: tuple[int, ...] = ()
    label: str = field(default="")

    def draw(self, dtype: type, seed: int = 0) -> Lists:
        """Return the lists of arrays, those that are absent empty, and the counters."""
        rng = np.random.default_rng(seed)
        drawn = [[np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES] for _ in range(self.lists)]
        for i in self.positive:
            drawn[i] = [np.asarray(np.abs(x) + 1) for x in drawn[i]]
        for i in self.absent:
            drawn[i] = []
        # Every third parameter has done three steps more.
        counters = [[np.array(c if i % 3 else c + 3 * (c >= 1)) for i in range(len(SHAPES))] for c in self.counters]
        return drawn + counters

    def run(self, kernel: Any, lists: Lists) -> None:
        kernel(*lists, *self.settings, *self.flags)


def steps() -> list[Step]:
    """Return ways to call all optimisers' kernels."""
    found = []
    for decay, maximize, flag in ((0.0, False, False), (0.1, False, True), (0.1, True, False)):
        flags = (maximize, flag)
        for t in (0.0, 1233.0):
            moments = (1e-2, 0.8, 0.99, 1e-6, decay)
            found += [
                Step("adam", 5, (t,), moments, flags, absent=(4,), positive=(3,)),
                Step("adam", 5, (t,), moments, flags, positive=(3, 4), label="amsgrad"),
                Step("nadam", 4, (t, 0.5), (*moments, 4e-3), flags, positive=(3,)),
                Step("radam", 4, (t,), moments, flags, positive=(3,)),
                Step("adamax", 4, (t,), moments, flags[:1], positive=(3,)),
            ]
        found += [
            Step("sgd", 3, (), (1e-2, 0.0, 0.0, decay), flags, absent=(2,), label="plain"),
            Step("sgd", 3, (), (1e-2, 0.9, 0.3, decay), flags),
            Step("adagrad", 3, (7.0,), (1e-2, 0.1, 1e-6, decay), flags[:1], positive=(2,)),
            Step("adadelta", 4, (7.0,), (1e-2, 0.9, 1e-6, decay), flags[:1], positive=(2, 3)),
            Step("rprop", 4, (7.0,), (0.5, 1.2, 1e-2, 2.0), flags[:1], positive=(3,)),
        ]
        found += [
            Step("rmsprop", 5, (7.0,), (1e-2, 0.9, 1e-6, decay, 0.9), flags[:1], absent=absent, positive=(2,))
            for absent in ((), (3,), (4,), (3, 4))
        ]
    return found


STEPS = steps()


def copies(lists: Lists) -> Lists:
    return [[x.copy() for x in xs] for xs in lists]


def in_layout(x: Array, way: int) -> Array:
    """Copy x into one of the layouts."""
    ways = list(layouts(x))
    return ways[way % len(ways)]


def same_lists(found: Lists, expected: Lists) -> bool:
    """Compare lists of lists of arrays bit by bit, whatever their layouts."""
    pairs = [pair for xs, ys in zip(found, expected, strict=True) for pair in zip(xs, ys, strict=True)]
    return all(same_bits(np.array(x, order="C"), y) for x, y in pairs)


def test_every_kernel_has_a_step() -> None:
    variadic = {name for name, kernel in KERNELS.items() if "D" in kernel.types or "t" in kernel.types}
    assert variadic == {step.name for step in STEPS}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name + step.label)
def test_steps_against_their_references(step: Step, dtype: type) -> None:
    given = step.draw(dtype)
    expected = copies(given)
    step.run(KERNELS[step.name].reference, expected)
    for kernels in ISAS.values():
        found = copies(given)
        step.run(kernels[step.name], found)
        for i, (xs, ys) in enumerate(zip(found, expected, strict=True)):
            for x, y in zip(xs, ys, strict=True):
                scale = max(1, np.abs(y).max(initial=0))
                np.testing.assert_allclose(x, y, rtol=0, atol=4 * np.finfo(x.dtype).eps * scale)
            if not xs or (step.name, i) == ("adam", 4):  # absent, or a maximum, which may stay
                continue
            assert same_lists([xs], [given[i]]) == (i == 1)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("step", STEPS[:24], ids=lambda step: step.name + step.label)
def test_bits_do_not_depend_on_threads_layout_or_instruction_set(step: Step, dtype: type) -> None:
    given = step.draw(dtype, 1)
    expected = copies(given)
    step.run(PROMISED[0][step.name], expected)
    for kernels in PROMISED:
        for threads in (1, 2, 3, 8):
            for way in range(5):
                found = [[in_layout(x, way + i) for x in xs] for i, xs in enumerate(given)]
                with with_threads(threads):
                    step.run(kernels[step.name], found)
                assert same_lists(found, expected)


@pytest.mark.parametrize("step", STEPS[:24], ids=lambda step: step.name + step.label)
def test_parameters_do_not_depend_on_each_other(step: Step) -> None:
    together = step.draw(np.float64, 2)
    alone = [[[x.copy() for x in xs[i : i + 1]] for xs in together] for i in range(len(SHAPES))]
    step.run(KERNELS[step.name], together)
    for i, lists in enumerate(alone):
        step.run(KERNELS[step.name], lists)
        assert same_lists(lists, [xs[i : i + 1] for xs in together])


# ---- Adam ------------------------------------------------------------------------------------------------------------


def adam(param: Any, grad: Any, mean: Any, square: Any, step: float, *settings: float, flags: Any = ()) -> None:
    """Run the kernel on one parameter that is about to do its step `step`."""
    lists = [[x] for x in (param, grad, mean, square)]
    KERNELS["adam"](*lists, (), [np.array(step - 1.0)], *settings, *(flags or (False, False)))


def adam_trace(count: int, *, decoupled: bool, decay: float) -> tuple[list[float], list[float]]:
    """Return Adam's and Python's traces for one parameter in double precision, by PyTorch's formulas."""
    rng = np.random.default_rng(2)
    p, m, v = 0.7, 0.0, 0.0
    lr, beta1, beta2, eps = 1e-3, 0.9, 0.999, 1e-8
    param, mean, square = np.array(p), np.array(m), np.array(v)
    found, expected = [], []
    for step in range(1, count + 1):
        g = float(rng.standard_normal())
        adam(param, np.array(g), mean, square, step, lr, beta1, beta2, eps, decay, flags=(False, decoupled))
        if decoupled:
            p *= 1 - lr * decay
        else:
            g += decay * p
        m += (1 - beta1) * (g - m)
        v = beta2 * v + (1 - beta2) * g * g
        p -= lr / (1 - beta1**step) * m / (math.sqrt(v) / math.sqrt(1 - beta2**step) + eps)
        found.append(float(param))
        expected.append(p)
    return found, expected


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_follows_its_formulas_for_a_hundred_steps(decay: float, *, decoupled: bool) -> None:
    found, expected = adam_trace(100, decoupled=decoupled, decay=decay)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert all(a != b for a, b in pairwise(found))


@pytest.mark.parametrize(("decoupled", "expected"), [(False, [0.9, 1.9]), (True, [0.899, 1.898])])
def test_first_adam_step_is_the_learning_rate(expected: list[float], *, decoupled: bool) -> None:
    param, grad = np.array([1.0, 2.0]), np.array([1.0, 10.0])
    adam(param, grad, np.zeros(2), np.zeros(2), 1, 0.1, 0.9, 0.999, 1e-8, 0.01, flags=(False, decoupled))
    np.testing.assert_allclose(param, expected, rtol=1e-7)


def test_bias_correction_of_late_steps() -> None:
    # With m = 1, v = 1 and eps = 0 kept as they are, a step is lr sqrt(1 - beta2^t) / (1 - beta1^t).
    for step in (1, 2, 3, 10, 999, 1000, 123_456, 10**9):
        param = np.zeros(1)
        adam(param, np.ones(1), np.ones(1), np.ones(1), step, 1.0, 0.9, 0.999, 0.0, 0.0)
        expected = -math.sqrt(-math.expm1(step * math.log(0.999))) / -math.expm1(step * math.log(0.9))
        np.testing.assert_allclose(param, expected, rtol=2e-15)


def test_momentum_of_nadam_is_exact_in_late_steps() -> None:
    """With g = m = v = 1, eps = 0 and a product of 0, a step is lr ((1 - μₜ) + μₜ₊₁) √(1 - β₂ᵗ)."""
    for step in (1, 2, 1000, 10**6):
        param, ones = np.zeros(1), [np.ones(1) for _ in range(3)]
        counters = [np.array(step - 1.0)], [np.array(0.0)]
        KERNELS["nadam"]([param], *[[x] for x in ones], *counters, 1.0, 0.9, 0.999, 0.0, 0.0, 4e-3, False, False)
        mu, after = (0.9 * (1 - 0.5 * 0.96 ** (t * 4e-3)) for t in (step, step + 1))
        expected = -(1 - mu + after) * math.sqrt(-math.expm1(step * math.log(0.999)))
        np.testing.assert_allclose(param, expected, rtol=2e-15)


# ---- Singular values -------------------------------------------------------------------------------------------------


def test_an_infinite_parameter_without_decay_stays() -> None:
    for step in STEPS:
        if step.settings[-1] != 0.0 and step.name in {"sgd", "adagrad", "adadelta"}:
            continue
        given = step.draw(np.float64)
        given[0][1][...] = -np.inf
        decays = step.name != "rprop" and 0.1 in step.settings
        if not decays:
            step.run(KERNELS[step.name], given)
            assert np.isneginf(given[0][1]).all()


def test_a_rounded_variance_below_0_counts_as_0() -> None:
    param, grads = np.zeros(1000), np.random.default_rng(0).uniform(0.1, 10, 1000)
    square, mean, step = np.zeros(1000), np.zeros(1000), np.array(0.0)
    for _ in range(3000):
        KERNELS["rmsprop"]([param], [grads], [square], [mean], (), [step], 1e-3, 0.9, 1e-8, 0.0, 0.0, False)
    assert np.isfinite(param).all()
    assert step == 3000


@pytest.mark.parametrize("dtype", FLOATS)
def test_rprop_compares_signs_where_the_product_underflows(dtype: type) -> None:
    tiny = np.finfo(dtype).tiny
    param, grad = np.zeros(3, dtype), np.array([tiny, -tiny, tiny], dtype)
    previous, size = np.array([tiny, tiny, 0], dtype), np.ones(3, dtype)
    KERNELS["rprop"]([param], [grad], [previous], [size], [np.array(1.0)], 0.5, 1.5, 1e-6, 50.0, False)
    assert size.tolist() == [1.5, 0.5, 1]
    assert param.tolist() == [-1.5, 0, -1]


@pytest.mark.parametrize("step", STEPS[:24], ids=lambda step: step.name + step.label)
def test_nan_gradients_reach_the_parameters(step: Step) -> None:
    given = step.draw(np.float64)
    given[1][0][...] = np.nan
    step.run(KERNELS[step.name], given)
    assert np.isnan(given[0][0]).all()
    assert not np.isnan(given[0][1]).any()


# ---- Calls -----------------------------------------------------------------------------------------------------------


def test_large_parameters_use_threads_and_keep_their_bits() -> None:
    rng = np.random.default_rng(3)
    shapes = [(300, 401), (401,), (1,), (50_000,)]
    given = [[rng.standard_normal(shape).astype(np.float32) for shape in shapes] for _ in range(4)]
    given[3] = [np.abs(x) for x in given[3]]
    results = []
    for threads in (1, 2, 3, 8):
        found = copies(given)
        counters = [np.array(6.0) for _ in shapes]
        with with_threads(threads):
            KERNELS["adam"](*found, (), counters, 1e-3, 0.9, 0.999, 1e-8, 0.0, False, False)
        assert counters == [7.0] * 4
        results.append(found)
    for found in results[1:]:
        assert same_lists(found, results[0])


def sgd(params: Any, grads: Any, buffers: Any = (), lr: Any = 0.1) -> Any:
    return KERNELS["sgd"](params, grads, buffers, lr, 0.0, 0.0, 0.0, False, False)


def test_errors() -> None:
    one, two = np.zeros(1), np.zeros(2)
    with pytest.raises(RuntimeError, match=r"parameter 1 has shape \(2,\), an array that goes with it \(1,\)"):
        sgd([one, two], [one, one])
    with pytest.raises(ValueError, match="grads has 1 arrays where the others have 2"):
        sgd([one, two], [one])
    with pytest.raises(ValueError, match="momentum_buffers has 1 arrays where the others have 2"):
        sgd([one, two], [one, two], [one])
    with pytest.raises(ValueError, match="grads has 0 arrays where the others have 1"):
        sgd([one], [])
    with pytest.raises(RuntimeError, match=r"hyperparameter must have shape \(\), got \(1,\)"):
        sgd([one], [one], (), np.ones(1))
    repeated = np.lib.stride_tricks.as_strided(one, (3,), (0,), writeable=True)
    with pytest.raises(RuntimeError, match="parameter 0 repeats elements"):
        sgd([repeated], [np.zeros(3)])
    frozen = np.zeros(2)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="params is read-only"):
        sgd([frozen], [two])
    assert sgd([one], [one.astype(np.float32)]) is NotImplemented
    assert sgd([], []) is NotImplemented


def test_counters_are_numbers_in_double() -> None:
    one = np.zeros(1)
    settings = (0.1, 0.0, 1e-8, 0.0, False)
    with pytest.raises(RuntimeError, match=r"a counter must have shape \(\), got \(1,\)"):
        KERNELS["adagrad"]([one], [one], [one], [np.zeros(1)], *settings)
    with pytest.raises(TypeError, match="steps must have dtype float64, got float32"):
        KERNELS["adagrad"]([one], [one], [one], [np.zeros((), np.float32)], *settings)
    with pytest.raises(ValueError, match="steps has 2 arrays where the others have 1"):
        KERNELS["adagrad"]([one], [one], [one], [np.zeros(()), np.zeros(())], *settings)
