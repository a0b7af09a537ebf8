"""Drawn programs that build, change and take modules apart: after each step PyTorch's and minigrad's say the same."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")

NAMES = ["a", "b", "c", "weight", "part"]
KINDS = ["parameter", "constant parameter", "tensor", "module", "linear", "none", "number"]


def value(lib: Any, kind: str) -> Any:
    """Return something that an attribute may become."""
    if "parameter" in kind:
        return lib.nn.Parameter(lib.zeros(2), requires_grad=kind == "parameter")
    makers = {"tensor": lambda: lib.ones(3), "module": lib.nn.Tanh, "linear": lambda: lib.nn.Linear(2, 1)}
    return makers[kind]() if kind in makers else {"none": None, "number": 5}[kind]


def step(lib: Any, root: Any, draw: list[Any]) -> Any:
    """Do one thing, drawn; return what can be compared of what it returned."""
    what, deep, name, kind, flag = draw
    m = root.part if deep and isinstance(getattr(root, "part", None), lib.nn.Module) else root
    new = value(lib, kind)
    if what == "set":
        setattr(m, name, new)
    elif what == "delete":
        delattr(m, name)
    elif what == "train":
        m.train(flag)
    elif what == "requires_grad_":
        m.requires_grad_(flag)
    elif what == "double":
        m.double() if flag else m.float()
    elif what in ("get_parameter", "get_buffer", "get_submodule"):
        return type(getattr(root, what)(f"part.{name}" if deep else name)).__name__
    elif what == "set_submodule":
        root.set_submodule(f"part.{name}" if deep else name, new, flag)
    elif what == "share":
        root.shared = getattr(m, name)
    elif what == "buffer" and "parameter" not in kind:  # PyTorch's conversions make a plain tensor of such a buffer
        m.register_buffer(name, new, persistent=flag)
    elif what == "copy":
        return copy.deepcopy(m)
    elif what != "buffer":
        getattr(m, what)(name, new)
    return None


STEPS = [
    "set",
    "set",
    "set",
    "delete",
    "register_parameter",
    "buffer",
    "add_module",
    "register_module",
    "train",
    "copy",
]
STEPS += ["requires_grad_", "double", "get_parameter", "get_buffer", "get_submodule", "set_submodule", "share"]


def seen(m: Any) -> dict[str, Any]:
    """Return all that a module says about itself."""
    return {
        "parameters": [
            (n, tuple(p.shape), str(p.dtype).split(".")[-1], p.requires_grad) for n, p in m.named_parameters()
        ],
        "all parameters": [n for n, _ in m.named_parameters(remove_duplicate=False)],
        "own": [n for n, _ in m.named_parameters(recurse=False)],
        "buffers": [(n, str(b.dtype).split(".")[-1]) for n, b in m.named_buffers()],
        "modules": [(n, type(x).__name__, x.training) for n, x in m.named_modules()],
        "all modules": [n for n, _ in m.named_modules(remove_duplicate=False)],
        "children": [n for n, _ in m.named_children()],
        "state": [(n, tuple(x.shape)) for n, x in m.state_dict(prefix="p.").items()],
        "text": repr(m),
        "absent": [getattr(m, n, "nothing") is None for n in NAMES],
    }


def attempt(lib: Any, root: Any, draw: list[Any]) -> Any:
    try:
        return step(lib, root, draw)
    except (TypeError, KeyError, AttributeError, ValueError, RuntimeError) as error:
        return type(error).__name__


@pytest.mark.parametrize("seed", range(150))
def test_programs(seed: int) -> None:
    random = np.random.default_rng(seed)
    theirs, ours = torch.nn.Module(), minigrad.nn.Module()
    for lib, root in ((torch, theirs), (minigrad, ours)):
        root.part = lib.nn.Module()
    done = []
    for _ in range(25):
        draw = [random.choice(STEPS), random.random() < 0.4, random.choice(NAMES), random.choice(KINDS)]
        draw = [x if isinstance(x, bool) else str(x) for x in draw] + [bool(random.random() < 0.5)]
        done.append(draw)
        expected, got = attempt(torch, theirs, draw), attempt(minigrad, ours, draw)
        if isinstance(expected, torch.nn.Module):
            assert seen(got) == seen(expected), done
        else:
            assert got == expected, done
        assert seen(ours) == seen(theirs), done
