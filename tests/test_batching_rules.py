"""Every primitive's batching rule beside a loop over examples: values, and derivatives of both modes and orders, nested.

Examples are drawn calls of one form (tests/cases/drawn.py): each operand is an array of its own for each example, or
shared by all, and lies in memory as it happens.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from cases import CASES
from cases.drawn import call_of, laid_out
from minigrad import Tensor
from minigrad.batching_rules import kind_of_rule
from minigrad.func import vmap
from minigrad.primitive import registry
from minigrad.tensor import wrap

assert CASES  # which says how the elementwise primitives' operands are drawn

Draw = np.random.Generator
Array = np.ndarray[Any, Any]

#: Those that run once for each example. None; a new one needs a reason.
LOOPS: set[str] = set()
CALLS = 8


def test_every_primitive_has_a_rule() -> None:
    assert {name for name, p in registry.items() if kind_of_rule(p) == "loop"} == LOOPS


def test_every_primitive_is_drawn() -> None:
    assert not [name for name in registry if calls_of(name) is None]


def calls_of(name: str) -> Any:
    return call_of(name)


def form(call: Any) -> Any:
    operands, attributes = call
    return [(np.shape(x), np.asarray(x).dtype) if isinstance(x, np.ndarray | np.generic) else x for x in operands], attributes


def examples_of(name: str, draw: Draw, count: int) -> Any:
    """Return calls of a primitive that differ in their elements only."""
    call = calls_of(name)
    state = draw.bit_generator.state
    calls = [call(draw)]
    for _ in range(200):
        if len(calls) == count:
            break
        another = call(draw)
        if form(another) == form(calls[0]):
            calls.append(another)
    while len(calls) < count:
        calls.append(shuffled(calls[0], draw))
    return calls


def shuffled(call: Any, draw: Draw) -> Any:
    """Return the call with the elements of each operand in another order: smooth points stay smooth."""
    return tuple(x if not isinstance(x, np.ndarray) or x.dtype.kind != "f" else permuted(x, draw) for x in call[0]), call[1]


def permuted(x: Array, draw: Draw) -> Array:
    return draw.permutation(x.reshape(-1)).reshape(x.shape)


def batch_of(name: str, draw: Draw, count: int) -> tuple[list[Any], list[int | None], tuple[Any, ...]]:
    calls = examples_of(name, draw, count)
    operands, dims = [], []
    for column in zip(*(c[0] for c in calls), strict=True):
        if not isinstance(column[0], np.ndarray | np.generic):
            operands.append(column[0])
            dims.append(None)
        elif draw.random() < 0.3:
            operands.append(np.asarray(column[0]))
            dims.append(None)
        else:
            dim = int(draw.integers(0, np.ndim(column[0]) + 1))
            whole = np.stack(column, dim)
            operands.append(laid_out(draw, whole) if whole.dtype.kind == "f" else whole)
            dims.append(dim)
    if all(d is None for d in dims):
        return batch_of(name, draw, count)
    return operands, dims, calls[0][1]


def outputs(y: Any) -> tuple[Any, ...]:
    return y if isinstance(y, tuple) else (y,)


def example(x: Any, dim: int | None, n: int) -> Any:
    return x if dim is None else x.select(dim, n)


def check_value(name: str, draw: Draw) -> None:
    p = registry[name]
    operands, dims, attributes = batch_of(name, draw, 3)
    tensors = [wrap(x) if isinstance(x, np.ndarray) else x for x in operands]
    mapped = [x for x, d in zip(tensors, dims, strict=True) if d is not None]

    def one(*parts: Tensor) -> Any:
        rest = iter(parts)
        return p.eager(*[x if d is None else next(rest) for x, d in zip(tensors, dims, strict=True)], *attributes)

    got = outputs(vmap(one, in_dims=tuple(d for d in dims if d is not None))(*mapped))
    each = [outputs(p.eager(*[example(x, d, n) for x, d in zip(tensors, dims, strict=True)], *attributes)) for n in range(3)]
    for k, y in enumerate(got):
        expected = np.stack([e[k].numpy() for e in each])
        assert y.shape == expected.shape, (dims, attributes, [np.shape(x) for x in operands])
        assert y.numpy().dtype == expected.dtype
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", registry)
def test_value(name: str) -> None:
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    for _ in range(CALLS):
        check_value(name, draw)
