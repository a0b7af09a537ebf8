"""How an entry of the database is called: in PyTorch, and in minigrad under the same name."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.testing._internal import common_utils
from torch.testing._internal.common_methods_invocations import op_db

import minigrad

from .scope import look_up

Call = Callable[..., Any]


def _seed(seed: int | None = None) -> None:
    """Seed what the database draws from, which it does before each sample.

    PyTorch would also note the call and its stack for three devices that are not there, which takes longer than the tests.
    """
    seed = common_utils.SEED if seed is None else seed
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - it draws from there


common_utils.set_rng_seed = _seed


def entries(name: str) -> list[Any]:
    """Return the database's entries for an operation, under its own name or another one's alias."""
    return [info for info in op_db if name == info.name or name in {alias.name for alias in info.aliases}]


def _attribute(name: str) -> Call:
    return lambda x: getattr(x, name)


# Entries that take their arguments in another order than the function, or are methods although a function has the name.
SPECIAL: dict[str, Call] = {
    "where": lambda x, condition, other: minigrad.where(condition, x, other),
    "einsum": lambda operands, equation: minigrad.einsum(equation, operands),
    "nn.functional.embedding": lambda weight, indices, **keywords: minigrad.nn.functional.embedding(
        indices, weight, **keywords
    ),
    "T": _attribute("T"),
    "mT": _attribute("mT"),
    "to": lambda x, *args, **keywords: x.to(*args, **keywords),
}

# Entries without a function of their name in PyTorch: methods, some of which change their tensor.
_METHODS = """
    __getitem__ __radd__ __rsub__ __rmul__ __rpow__ __rmod__ __rmatmul__ __rand__ __ror__ __rxor__ item
    contiguous expand expand_as view view_as reshape_as unfold repeat new_zeros new_ones new_full new_empty
    float double bool byte char short int long
"""
METHODS = {"uniform": "uniform_", "__rdiv__": "__rtruediv__"} | {name: name for name in _METHODS.split()}


def minigrad_call(name: str, info: Any) -> Call | None:
    """Return what calls minigrad's operation with an entry's arguments, None where minigrad lacks it."""
    if info.variant_test_name == "in_place":
        return look_up(minigrad, f"Tensor.{name}_")
    if name in METHODS:
        return look_up(minigrad, f"Tensor.{METHODS[name]}")
    if name in {"T", "mT", "to"}:
        return SPECIAL[name] if hasattr(minigrad.Tensor, name) else None
    if look_up(minigrad, name) is None:
        return None
    return SPECIAL.get(name, look_up(minigrad, name))


def torch_call(name: str, info: Any) -> Call:
    """Return what calls PyTorch: the entry's own, or the alias that is meant."""
    return info.op if name == info.name else look_up(torch, name)


def method_call(name: str) -> tuple[Call, Call] | None:
    """Return the method of both libraries, where both have one beside the function."""
    if name in METHODS or name in SPECIAL or name.startswith(("nn.", "linalg.")):
        return None
    pair = look_up(torch, f"Tensor.{name}"), look_up(minigrad, f"Tensor.{name}")
    return None if None in pair else pair


def inplace_call(name: str) -> tuple[Call, Call] | None:
    """Return what changes its first argument, where both libraries have it."""
    if name in METHODS or name in SPECIAL or name.startswith("__"):
        return None
    path = f"{name}_" if name.startswith("nn.") else f"Tensor.{name}_"
    pair = look_up(torch, path), look_up(minigrad, path)
    return None if None in pair else pair
