"""Random numbers: seeds, states, distributions."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from helpers import PROMISED_ISAS, run_python

import minigrad
from minigrad import Generator

SEED_0_INTEGERS = [880, 605, 362, 37, 319, 271]
SEED_0_UNIFORM = ["0x1.9321de0000000p-1", "0x1.a911d00000000p-2", "0x1.3592260000000p-1", "0x1.b504f80000000p-2"]


@pytest.fixture(autouse=True)
def same_state_afterwards() -> Iterator[None]:
    state = minigrad.get_rng_state()
    yield
    minigrad.set_rng_state(state)


DRAWS: dict[str, Callable[[Generator | None], Any]] = {
    "rand": lambda g: minigrad.rand(5, 3, generator=g),
    "rand float64": lambda g: minigrad.rand(7, dtype=minigrad.float64, generator=g),
    "randn": lambda g: minigrad.randn(5, 3, generator=g),
    "randint": lambda g: minigrad.randint(-5, 1000, (11,), generator=g),
    "randperm": lambda g: minigrad.randperm(20, generator=g),
    "rand_like": lambda g: minigrad.rand_like(minigrad.zeros(9), generator=g),
    "randn_like": lambda g: minigrad.randn_like(minigrad.zeros(9), generator=g),
    "uniform_": lambda g: minigrad.zeros(9).uniform_(-2, 5, generator=g),
    "normal_": lambda g: minigrad.zeros(9).normal_(3, 2, generator=g),
}


@pytest.mark.parametrize("name", DRAWS)
def test_seed_decides(name: str) -> None:
    draw = DRAWS[name]
    g = Generator().manual_seed(7)
    first, second = draw(g).numpy(), draw(g).numpy()
    assert not np.array_equal(first, second)
    g.manual_seed(7)
    np.testing.assert_array_equal(draw(g).numpy(), first)
    np.testing.assert_array_equal(draw(g).numpy(), second)
    assert not np.array_equal(draw(Generator().manual_seed(8)).numpy(), first)
    minigrad.manual_seed(7)
    np.testing.assert_array_equal(draw(None).numpy(), first)


@pytest.mark.parametrize("name", DRAWS)
def test_state_goes_on(name: str) -> None:
    draw = DRAWS[name]
    g = Generator().manual_seed(3)
    draw(g)
    state = g.get_state()
    following = draw(g).numpy()
    h = Generator()
    h.set_state(state)
    assert h.initial_seed() == 3
    np.testing.assert_array_equal(draw(h).numpy(), following)
    g.set_state(state)
    copies = [copy.copy(g), copy.deepcopy(g), pickle.loads(pickle.dumps(g))]
    np.testing.assert_array_equal(draw(g).numpy(), following)
    for other in copies:
        np.testing.assert_array_equal(draw(other).numpy(), following)


def test_calls_share_no_counters() -> None:
    """Two halves drawn one after the other are the two halves of one draw."""
    whole = minigrad.rand(16, generator=Generator().manual_seed(1)).numpy()
    g = Generator().manual_seed(1)
    halves = [minigrad.rand(8, generator=g).numpy() for _ in range(2)]
    np.testing.assert_array_equal(np.concatenate(halves), whole)
    g.manual_seed(1)
    minigrad.rand(5, generator=g)  # uses two counters of four numbers
    np.testing.assert_array_equal(minigrad.rand(8, generator=g).numpy(), whole[8:])


def test_default_generators_state() -> None:
    assert minigrad.manual_seed(-1).initial_seed() == 2**64 - 1 == minigrad.initial_seed()
    state = minigrad.get_rng_state()
    assert (state.dtype, state.shape) == (minigrad.uint8, (16,))
    first = minigrad.rand(3).numpy()
    minigrad.set_rng_state(state)
    np.testing.assert_array_equal(minigrad.rand(3).numpy(), first)


def test_seed_draws_a_seed() -> None:
    g = Generator()
    assert g.seed() == g.initial_seed()
    assert g.seed() != g.seed()


def test_threads_share_a_generator() -> None:
    g = Generator().manual_seed(5)
    with ThreadPoolExecutor(4) as pool:
        draws = list(pool.map(lambda _: tuple(minigrad.rand(4, generator=g).tolist()), range(200)))
    g.manual_seed(5)
    assert sorted(draws) == sorted(tuple(minigrad.rand(4, generator=g).tolist()) for _ in range(200))


def test_seed_bits_are_these() -> None:
    """Seeds outlive versions: these numbers may never change."""
    g = Generator().manual_seed(0)
    assert minigrad.randint(0, 1000, (6,), generator=g).tolist() == SEED_0_INTEGERS
    assert [x.hex() for x in minigrad.rand(4, generator=g).tolist()] == SEED_0_UNIFORM


def test_same_bits_for_every_number_of_threads_and_instruction_set() -> None:
    code = (
        "import hashlib, minigrad as m; from minigrad import _core; m.set_num_threads(int(__import__('sys').argv[1]));"
        "_core.set_parallel_threshold(0); m.manual_seed(4);"
        "x = [m.rand(1001), m.randn(1001), m.randn(1001, dtype=m.float64), m.randint(0, 9, (1001,)), m.randperm(1001)];"
        "print(hashlib.sha256(b''.join(t.numpy().tobytes() for t in x)).hexdigest())"
    )
    runs = [(isa, threads) for isa in PROMISED_ISAS for threads in ("1", "3")]
    digests = set()
    for isa, threads in runs:
        digests.add(run_python("-c", code, threads, MINIGRAD_ISA=isa))
    assert len(digests) == 1


# ---- Distributions ---------------------------------------------------------------------------------------------------


def test_uniform() -> None:
    x = minigrad.rand(100_000, generator=Generator().manual_seed(0)).numpy()
    assert 0 <= x.min() < 1e-4
    assert 1 - 1e-4 < x.max() < 1
    counts = np.histogram(x, bins=50, range=(0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 94  # chi-squared, 49 degrees: exceeded by one seed in 10,000


def test_uniform_in_a_range() -> None:
    x = minigrad.zeros(1000).uniform_(-3, 5, generator=Generator().manual_seed(0)).numpy()
    u = minigrad.rand(1000, generator=Generator().manual_seed(0)).numpy()
    np.testing.assert_array_equal(x, u * np.float32(8) + np.float32(-3))


def test_normal() -> None:
    x = minigrad.randn(100_000, generator=Generator().manual_seed(0)).numpy().astype(np.float64)
    assert abs(x.mean()) < 4 / np.sqrt(len(x))
    assert abs(x.var() - 1) < 4 * np.sqrt(2 / len(x))
    assert abs((np.abs(x) < 1).mean() - 0.6827) < 0.006


def test_normal_with_mean_and_deviation() -> None:
    x = minigrad.zeros(1000).normal_(3, 0.5, generator=Generator().manual_seed(0)).numpy()
    u = minigrad.randn(1000, generator=Generator().manual_seed(0)).numpy()
    np.testing.assert_array_equal(x, u * np.float32(0.5) + np.float32(3))


def test_integers() -> None:
    x = minigrad.randint(2, 9, (70_000,), generator=Generator().manual_seed(0)).numpy()
    counts = np.bincount(x)
    assert counts[:2].tolist() == [0, 0]
    assert len(counts) == 9
    assert ((counts[2:] - 10_000) ** 2 / 10_000).sum() < 28  # 6 degrees: one seed in 10,000


def test_permutation() -> None:
    g = Generator().manual_seed(0)
    firsts = np.zeros(6)
    for _ in range(6000):
        order = minigrad.randperm(6, generator=g).tolist()
        assert sorted(order) == list(range(6))
        firsts[order[0]] += 1
    assert ((firsts - 1000) ** 2 / 1000).sum() < 26  # 5 degrees


# ---- Arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(), (0,), (3, 0, 2), (2, 3)])
def test_sizes(size: tuple[int, ...]) -> None:
    assert minigrad.rand(*size).shape == minigrad.rand(size).shape == minigrad.randn(size).shape == size
    assert minigrad.randint(5, size).shape == size


def test_dtypes_and_gradients() -> None:
    x = minigrad.rand(2, dtype=minigrad.float64, requires_grad=True)
    assert (x.dtype, x.requires_grad, x.is_leaf) == (minigrad.float64, True, True)
    assert minigrad.rand_like(x).dtype is minigrad.float64
    assert minigrad.randn_like(x, dtype=minigrad.float32).dtype is minigrad.float32
    assert minigrad.randint(0, 200, (3,), dtype=minigrad.uint8).dtype is minigrad.uint8
    assert minigrad.randperm(3, dtype=minigrad.int32).dtype is minigrad.int32


def test_randint_takes_its_arguments_by_name() -> None:
    draws = [
        lambda: minigrad.randint(9, (4,)),
        lambda: minigrad.randint(0, 9, (4,)),
        lambda: minigrad.randint(9, size=(4,)),
        lambda: minigrad.randint(high=9, size=(4,)),
        lambda: minigrad.randint(low=0, high=9, size=(4,)),
        lambda: minigrad.randint(0, high=9, size=(4,)),
        lambda: minigrad.randint(0, 9, size=(4,)),
    ]
    results = set()
    for draw in draws:
        minigrad.manual_seed(2)
        results.add(tuple(draw().tolist()))
    assert len(results) == 1


def test_filling_in_place() -> None:
    x = minigrad.zeros(4, requires_grad=True)
    with pytest.raises(RuntimeError, match="uniform_: a leaf that requires a gradient"):
        x.uniform_()
    with minigrad.no_grad():
        assert x.uniform_(1, 2) is x
    assert (x.detach() >= 1).all()
    y = x * 2
    y.normal_()
    assert y.requires_grad  # as in PyTorch: what was there before gets the gradient 0
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0] * 4


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (RuntimeError, "rand: sizes must not be negative", lambda: minigrad.rand(2, -1)),
        (RuntimeError, "rand: only floating-point", lambda: minigrad.rand(2, dtype=minigrad.int64)),
        (RuntimeError, "randn: only floating-point", lambda: minigrad.randn(2, dtype=minigrad.int64)),
        (RuntimeError, "uniform_: only floating-point", lambda: minigrad.arange(3).uniform_()),
        (RuntimeError, "uniform_: needs a finite range", lambda: minigrad.zeros(3).uniform_(2, 1)),
        (RuntimeError, "normal_: std must not be negative", lambda: minigrad.zeros(3).normal_(0, -1)),
        (RuntimeError, "randint: low must be less than high", lambda: minigrad.randint(3, 3, (2,))),
        (RuntimeError, "randint: sizes", lambda: minigrad.randint(3, (-2,))),
        (RuntimeError, "randint: .* cannot hold", lambda: minigrad.randint(0, 300, (2,), dtype=minigrad.uint8)),
        (TypeError, "randint: takes", lambda: minigrad.randint(3)),
        (TypeError, "randint: .* must be integers", lambda: minigrad.randint(0, 2.5, (2,))),
        (RuntimeError, "randperm: n must not be negative", lambda: minigrad.randperm(-1)),
        (RuntimeError, "randperm: .* cannot hold", lambda: minigrad.randperm(300, dtype=minigrad.int8)),
        (TypeError, "rand: generator must be a Generator", lambda: minigrad.rand(2, generator=3)),
        (TypeError, "manual_seed: seed must be an integer", lambda: minigrad.manual_seed(1.5)),
        (RuntimeError, "manual_seed: the seed must be between", lambda: minigrad.manual_seed(2**64)),
        (TypeError, "set_state: .* uint8", lambda: minigrad.set_rng_state(minigrad.zeros(16))),
        (RuntimeError, "set_state: .* shape", lambda: minigrad.set_rng_state(minigrad.zeros(3, dtype=minigrad.uint8))),
    ],
)
def test_bad_arguments(error: type[Exception], match: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=match):
        call()


@pytest.mark.parametrize(
    "make",
    [
        lambda place: minigrad.rand(2, device=place),
        lambda place: minigrad.randn(2, device=place),
        lambda place: minigrad.rand_like(minigrad.ones(2), device=place),
        lambda place: minigrad.randn_like(minigrad.ones(2), device=place),
        lambda place: minigrad.randint(3, (2,), device=place),
        lambda place: minigrad.randint_like(minigrad.ones(2), 3, device=place),
        lambda place: minigrad.randperm(3, device=place),
        lambda place: minigrad.normal(0.0, 1.0, (2,), device=place),
        lambda place: minigrad.Generator(device=place),
    ],
)
def test_only_the_cpu_draws(make: Any) -> None:
    make("cpu")
    with pytest.raises(RuntimeError, match=r"^\w+: .*cuda"):
        make("cuda")


def test_a_drawn_order_takes_pytorchs_options() -> None:
    assert minigrad.randperm(3, dtype=minigrad.float64, requires_grad=True, pin_memory=False).requires_grad
    with pytest.raises(TypeError, match="unexpected"):
        minigrad.randperm(3, colour="red")
