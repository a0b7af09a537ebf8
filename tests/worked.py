"""What tests of the graph and of articles share: leaves, constants, gradients and comparisons of float64."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Tensor, autograd

Array = np.ndarray[Any, Any]


def leaf(data: Any, dtype: Any = mg.float64) -> Tensor:
    return mg.tensor(data, dtype=dtype, requires_grad=True)


def const(data: Any) -> Tensor:
    return mg.tensor(data, dtype=mg.float64)


def draw(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def values(t: Tensor | None) -> Any:
    assert t is not None
    return t.detach().tolist()


def gradients(out: Tensor, *inputs: Tensor, v: Any = None) -> tuple[Array, ...]:
    """Return the cotangents of the inputs as arrays, from `v` or from ones."""
    cotangent = mg.ones_like(out) if v is None else const(v)
    return tuple(g.numpy() for g in autograd.grad(out, inputs, cotangent))


def assert_equal(actual: Any, expected: Any) -> None:
    np.testing.assert_array_equal(actual.numpy() if isinstance(actual, Tensor) else actual, expected)


def assert_close(actual: Any, expected: Any, atol: float = 1e-12) -> None:
    array = actual.detach().numpy() if isinstance(actual, Tensor) else actual
    np.testing.assert_allclose(array, expected, rtol=0, atol=atol)


def softmax_of(x: Array) -> Array:
    e = np.exp(x - x.max())
    return np.asarray(e / e.sum())


def gradient(y: Tensor, x: Tensor) -> list[float]:
    return list(autograd.grad(y, x)[0].tolist())
