"""Programs of sweeps, views and writes, drawn at random, beside themselves with clones in place of all that is shared."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from joined import JOINS, SHAPE, leaf
from minigrad import Tensor


def programs(count: int, seed: int = 11) -> list[list[tuple[str, int, int]]]:
    draw = np.random.default_rng(seed)
    names = [*STEPS]

    def step() -> tuple[str, int, int]:
        i, j = draw.integers(0, 50, 2)
        return names[draw.integers(len(names))], int(i), int(j)

    return [[step() for _ in range(14)] for _ in range(count)]


def _given(known: list[Tensor], shape: Any, i: int, j: int) -> Tensor:
    candidates = [t for t in known if t.shape == shape]
    return candidates[i % len(candidates)] if candidates and j % 2 else mg.full(shape, float(i % 7 + 1))


def _join(kind: Callable[[Tensor, Tensor], Tensor], part: Callable[[Tensor], Tensor]) -> Callable[..., None]:
    def step(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
        x, y = leaf(), leaf()
        z = kind(x, y)
        g = _given(known, z.shape, i, j)
        for _ in range(2 if j % 3 == 0 else 1):
            z.backward(part(g), retain_graph=True)
            x.grad, y.grad = part(x.grad), part(y.grad)
        known.extend([g, x.grad, y.grad])

    return step


def _grad(part: Callable[[Tensor], Tensor]) -> Callable[..., None]:
    def step(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
        x, y = leaf(), leaf()
        z = [*JOINS.values()][i % len(JOINS)](x, y)
        g = _given(known, z.shape, i, j)
        known.extend([g, *map(part, mg.autograd.grad(z, [x, y], part(g)))])

    return step


def _retain(part: Callable[[Tensor], Tensor]) -> Callable[..., None]:
    """Retain gradients, and keep what a hook sees."""

    def step(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
        x, y = leaf(), leaf()
        a = x + 1
        z = [*JOINS.values()][i % len(JOINS)](a, y)
        a.retain_grad()
        z.retain_grad()
        seen: list[Tensor] = []
        z.register_hook(lambda g: (seen.append(part(g)), None)[1])
        a.register_hook(lambda g: (seen.append(part(g)), None)[1])
        g = _given(known, z.shape, i, j)
        z.backward(part(g))
        known.extend([g, *seen, *[part(t.grad) for t in (a, z, x, y)]])

    return step


def _make(function: Callable[[Tensor], Tensor]) -> Callable[..., None]:
    def step(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
        known.append(function(known[i % len(known)]))

    return step


def _change(function: Callable[[Tensor, int], Any]) -> Callable[..., None]:
    def step(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
        function(known[i % len(known)], j)

    return step


def _row(t: Tensor, j: int) -> Tensor:
    return t[j % t.shape[0]] if t.ndim else t


def _keep_array(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
    kept.append(known[i % len(known)].numpy())


def _write_array(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
    if kept:
        kept[i % len(kept)][...] = j


def _drop(known: list[Tensor], kept: list[Any], i: int, j: int) -> None:
    if len(known) > 1:
        del known[i % len(known)]
    if kept and j % 2:
        del kept[j % len(kept)]


def sweeps(part: Callable[[Tensor], Tensor]) -> dict[str, Callable[..., None]]:
    """Return steps that sweep; `part` makes independent of others what goes in and what comes out."""
    return {
        **{name: _join(kind, part) for name, kind in JOINS.items()},
        "grad": _grad(part),
        "retain": _retain(part),
    }


SWEEPS = sweeps(lambda t: t)
CLONING_SWEEPS = sweeps(lambda t: t.clone())

STEPS: dict[str, Callable[..., None]] = {
    **SWEEPS,
    "row": _make(lambda t: _row(t, 1)),
    "tail": _make(lambda t: t[1:] if t.ndim and t.shape[0] > 1 else t),
    "flat": _make(lambda t: t.reshape(-1)),
    "transposed": _make(lambda t: t.transpose(0, -1) if t.ndim else t),
    "detached": _make(lambda t: t.detach()),
    "same": _make(copy.copy),
    "buffer": _make(lambda t: mg.nn.Buffer(t)),
    "sum": _make(lambda t: t * 1),
    "t_": _change(lambda t, j: t.t_() if t.ndim == 2 else t),
    "unsqueeze_": _change(lambda t, j: t.unsqueeze_(0) if t.ndim < 4 else t),
    "data": _change(lambda t, j: setattr(t, "data", t.detach() if j % 2 else t * 1)),
    "mul_": _change(lambda t, j: t.mul_(j % 3 - 1)),
    "add_": _change(lambda t, j: t.add_(j)),
    "set": _change(lambda t, j: t.__setitem__(..., j)),
    "set row": _change(lambda t, j: _row(t, j).fill_(j)),
    "set rows": _change(lambda t, j: t.__setitem__(mg.tensor([0]), float(j)) if t.ndim else t.zero_()),
    "set mask": _change(lambda t, j: t.__setitem__(t > 2, float(j))),
    "keep array": _keep_array,
    "write array": _write_array,
    "drop": _drop,
}


def _run(program: list[tuple[str, int, int]], steps: dict[str, Callable[..., None]]) -> list[Any]:
    known, kept = [mg.full(SHAPE, 2.0)], []
    for name, i, j in program:
        with mg.set_grad_enabled(name in SWEEPS):
            steps[name](known, kept, i, j)
    return [t.detach().clone().numpy() for t in known] + [a.copy() for a in kept]


@pytest.mark.parametrize("program", programs(200))
def test_drawn_programs_give_what_they_give_where_all_is_cloned(program: list[tuple[str, int, int]]) -> None:
    for a, b in zip(_run(program, STEPS), _run(program, STEPS | CLONING_SWEEPS), strict=True):
        np.testing.assert_array_equal(a, b)
