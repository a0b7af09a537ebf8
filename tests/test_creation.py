"""Making tensors, from numbers and from generators: rows R1 and R17, options, distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import autograd
from minigrad.random import fork_rng

MAKERS: dict[str, Callable[[Any], Any]] = {
    "arange": lambda lib: lib.arange(5),
    "arange of floats": lambda lib: lib.arange(0.5, 2, 0.25),
    "arange down": lambda lib: lib.arange(3, -2, -2),
    "arange dtype": lambda lib: lib.arange(3, dtype=lib.float64),
    "linspace": lambda lib: lib.linspace(-1, 1, 7, dtype=lib.float64),
    "arange of large numbers": lambda lib: lib.arange(2**60, 2**60 + 5),
    "arange of nothing": lambda lib: lib.arange(3, 3),
    "arange of many": lambda lib: lib.arange(-700, 1300, 3),
    "arange of many floats": lambda lib: lib.arange(-3.0, 5.0, 2**-7),
    "arange of halves": lambda lib: lib.arange(0, 3, 0.5, dtype=lib.float16),
    "arange of bytes": lambda lib: lib.arange(5, -5, -2, dtype=lib.int8),
    "linspace of many": lambda lib: lib.linspace(-1, 3, 1025, dtype=lib.float64),
    "linspace of none": lambda lib: lib.linspace(-1, 3, 0),
    "linspace of two": lambda lib: lib.linspace(-1, 3, 2),
    "linspace of integers": lambda lib: lib.linspace(0, 10, 4, dtype=lib.int64),
    "linspace one": lambda lib: lib.linspace(3, 4, 1),
    "logspace": lambda lib: lib.logspace(0, 3, 4, base=2.0),
    "eye": lambda lib: lib.eye(2, 3),
    "full": lambda lib: lib.full((2,), 3),
    "full bool": lambda lib: lib.full((2,), True),
    "full_like": lambda lib: lib.full_like(lib.ones(2, dtype=lib.int32), 3),
    "zeros size": lambda lib: lib.zeros(size=(2, 3), dtype=lib.int64),
    "ones_like": lambda lib: lib.ones_like(lib.zeros(2, 1), dtype=lib.float64),
    "new_zeros": lambda lib: lib.ones(1, dtype=lib.float64).new_zeros(2, 3),
    "new_ones": lambda lib: lib.ones(1, dtype=lib.int8).new_ones((2,)),
    "new_full": lambda lib: lib.ones(1).new_full((2,), 7),
    "new_tensor": lambda lib: lib.ones(1, dtype=lib.float64).new_tensor([1, 2]),
    "tril_indices": lambda lib: lib.tril_indices(3, 4, -1),
    "triu_indices": lambda lib: lib.triu_indices(3, 4, 1),
    "options": lambda lib: lib.zeros(2, device="cpu", layout=lib.strided, pin_memory=False),
    "memory_format": lambda lib: lib.zeros_like(lib.ones(2), memory_format=lib.preserve_format),
    "asarray": lambda lib: lib.asarray([1.0, 2.0]),
}


@pytest.mark.parametrize("name", MAKERS)
def test_r1_makers_against_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine, right = MAKERS[name](mg), MAKERS[name](torch)
    assert str(mine.dtype).split(".")[1] == str(right.dtype).split(".")[1]
    np.testing.assert_allclose(mine.numpy(), right.numpy(), rtol=1e-15, atol=1e-16)


def test_r1_requires_grad_as_asked() -> None:
    for x in (mg.zeros(2, requires_grad=True), mg.rand(2, requires_grad=True), mg.arange(2.0, requires_grad=True)):
        assert x.requires_grad
        assert x.is_leaf


@pytest.mark.parametrize("options", [{"pin_memory": True}, {"device": "cuda"}, {"layout": "sparse"}])
def test_options_that_there_are_not(options: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="zeros"):
        mg.zeros(2, **options)
    with pytest.raises(TypeError, match="unexpected"):
        mg.zeros(2, colour="red")


DRAWS: dict[str, Callable[[mg.Generator], mg.Tensor]] = {
    "rand": lambda g: mg.rand(3, 4, generator=g),
    "randn": lambda g: mg.randn(5, generator=g),
    "randint": lambda g: mg.randint(0, 10, (5,), generator=g),
    "randperm": lambda g: mg.randperm(9, generator=g),
    "normal": lambda g: mg.normal(1.0, 2.0, (5,), generator=g),
    "normal of tensors": lambda g: mg.normal(mg.zeros(3, 1), mg.ones(4), generator=g),
    "bernoulli": lambda g: mg.full((9,), 0.5).bernoulli(generator=g),
    "multinomial": lambda g: mg.multinomial(mg.ones(9), 4, generator=g),
    "multinomial again": lambda g: mg.ones(2, 3).multinomial(8, True, generator=g),
    "random_": lambda g: mg.zeros(9, dtype=mg.int64).random_(0, 10, generator=g),
    "exponential_": lambda g: mg.zeros(9).exponential_(2.0, generator=g),
    "log_normal_": lambda g: mg.zeros(9).log_normal_(generator=g),
    "bernoulli_": lambda g: mg.zeros(9).bernoulli_(0.3, generator=g),
    "half": lambda g: mg.rand(9, dtype=mg.float16, generator=g),
}


@pytest.mark.parametrize("name", DRAWS)
def test_r17_seeds_replay(name: str) -> None:
    g = mg.Generator().manual_seed(5)
    first = DRAWS[name](g)
    second = DRAWS[name](g)
    assert first.tolist() == DRAWS[name](mg.Generator().manual_seed(5)).tolist()
    assert first.shape == second.shape
    state = g.get_state()
    third = DRAWS[name](g)
    g.set_state(state)
    assert third.tolist() == DRAWS[name](g).tolist()


def test_r17_likes_and_the_default_generator() -> None:
    x = mg.zeros(3, 4, dtype=mg.float64)
    for draw in (mg.rand_like, mg.randn_like, lambda x: mg.randint_like(x, 2, 9)):
        mg.manual_seed(1)
        y = draw(x)
        assert y.dtype is mg.float64
        mg.manual_seed(1)
        assert draw(x).tolist() == y.tolist()
    with fork_rng():
        expected = mg.rand(3).tolist()
    assert mg.rand(3).tolist() == expected


def test_forked_generators_are_functions_of_seed_and_stream() -> None:
    g = mg.Generator().manual_seed(3)
    drawn = [mg.rand(4, generator=g.fork(i)).tolist() for i in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert mg.rand(4, generator=g).tolist() == mg.rand(4, generator=mg.Generator().manual_seed(3)).tolist()


def test_moments() -> None:
    g = mg.Generator().manual_seed(0)
    n = 100_000
    assert abs(float(mg.zeros(n).exponential_(4.0, generator=g).mean()) - 0.25) < 0.005
    assert abs(float(mg.full((n,), 0.3).bernoulli(generator=g).mean()) - 0.3) < 0.01
    assert abs(float(mg.normal(mg.full((n,), 2.0), 3.0, generator=g).std()) - 3) < 0.05
    counts = np.bincount(mg.tensor([1.0, 0.0, 3.0]).multinomial(n, True, generator=g).numpy(), minlength=3)
    np.testing.assert_allclose(counts / n, [0.25, 0, 0.75], atol=0.01)
    assert sorted(mg.ones(5).multinomial(5, generator=g).tolist()) == [0, 1, 2, 3, 4]


def test_weights_of_no_rows_and_of_halves() -> None:
    for replacement in (False, True):
        assert mg.zeros(0, 3).multinomial(2, replacement).shape == (0, 2)
        assert mg.tensor([0.0, 1.0, 0.0]).half().multinomial(1, replacement).tolist() == [1]


def test_what_is_drawn_in_place_has_gradient_zero() -> None:
    x = mg.ones(3, requires_grad=True)
    for draw in ("uniform_", "normal_", "exponential_", "bernoulli_"):
        y = x * 2
        getattr(y, draw)()
        (g,) = autograd.grad((y * 1.0).sum() + x.sum(), x)
        assert g.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: mg.ones(3).multinomial(4),
        lambda: mg.zeros(3).multinomial(1),
        lambda: mg.tensor([-1.0, 2.0]).multinomial(1),
        lambda: mg.full((2,), 1.5).bernoulli(),
        lambda: mg.zeros(2).exponential_(0.0),
        lambda: mg.zeros(2).random_(3, 3),
        lambda: mg.normal(0.0, -1.0, (2,)),
    ],
)
def test_refused(draw: Callable[[], Any]) -> None:
    with pytest.raises(RuntimeError):
        draw()


@pytest.mark.parametrize("offset", [-70, -1, 0, 3, 90])
def test_indices_of_triangles_with_long_rows_are_numpys(offset: int) -> None:
    np.testing.assert_array_equal(mg.triu_indices(100, 150, offset).numpy(), np.triu_indices(100, offset, 150))
    np.testing.assert_array_equal(mg.tril_indices(100, 150, offset).numpy(), np.tril_indices(100, offset, 150))


def test_few_indices_of_a_wide_triangle() -> None:
    assert mg.triu_indices(1, 2**40, 2**40 - 2).tolist() == [[0, 0], [2**40 - 2, 2**40 - 1]]
    assert mg.tril_indices(2, 2**40, 0).tolist() == [[0, 1, 1], [0, 0, 1]]
    assert mg.triu_indices(2**62, 3, 1).tolist() == [[0, 0, 1], [1, 2, 2]]
    assert mg.tril_indices(2**62, 3, 2 - 2**62).tolist() == [[2**62 - 2, 2**62 - 1, 2**62 - 1], [0, 0, 1]]
