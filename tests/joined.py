"""Leaves that are joined, so that their gradients are held in common; what others may hold of a tensor; ways to write to it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, _core

ROWS, COLUMNS = 80, 64  # more elements than are copied rather than watched
SHAPE = (ROWS, COLUMNS)

numbers = np.random.default_rng(3)


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


def by_dlpack(x: Tensor) -> Any:
    """Return NumPy's array of a tensor's memory; skip the test where NumPy takes all of DLPack for read-only."""
    array = np.from_dlpack(x)
    if not array.flags.writeable:
        pytest.skip("NumPy 2.0 reads what comes by DLPack, and writes nothing")
    return array


OTHERS: dict[str, Callable[[Tensor], Any]] = {
    "an array": lambda g: g.numpy(),
    "a view's array": lambda g: g[1:].numpy(),
    "asarray": np.asarray,
    "a buffer": lambda g: memoryview(g),
    "DLPack": by_dlpack,
    "a detached tensor": lambda g: g.detach(),
    "a view": lambda g: g[2:],
    "a view of a view": lambda g: g[2:].t(),
    "a parameter": lambda g: mg.nn.Parameter(g),
    "a copy by reference": lambda g: copy.copy(g),
}


def setting(key: Any) -> Callable[[Tensor], Any]:
    def write(t: Tensor) -> None:
        t[key] = 5.0

    return write


def through(make: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    def write(t: Tensor) -> None:
        made = make(t)
        made[...] = 9.0

    return write
