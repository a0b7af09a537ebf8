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
        "in order": [x is p for x, (_, p) in zip(m.parameters(), m.named_parameters(), strict=True)],
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


# ----------------------------------------------------------------------------------------------------------------------
# Containers.


def part(lib: Any, n: int) -> Any:
    """Return a module, or something that is none."""
    kinds = [lib.nn.ReLU, lib.nn.Tanh, lambda: lib.nn.Linear(2, 1), lambda: lib.nn.Sequential(lib.nn.ReLU()), int]
    return kinds[n % 5]()


def entry(lib: Any, n: int) -> Any:
    """Return what a list or dictionary of parameters may hold."""
    kinds = [lambda: lib.nn.Parameter(lib.ones(2)), lambda: lib.zeros(1, 3), lambda: lib.ones(()), int, lambda: None]
    return kinds[n % 5]()


SEQUENCES = {
    "append": lambda lib, m, n, k: m.append(part(lib, n)),
    "extend": lambda lib, m, n, k: m.extend([part(lib, n), part(lib, k)]),
    "insert": lambda lib, m, n, k: [m.insert(k % (len(m) + 1), part(lib, n % 4))][:0],
    "set": lambda lib, m, n, k: m.__setitem__(k - 3, part(lib, n)),
    "delete": lambda lib, m, n, k: m.__delitem__(k - 3),
    "delete slice": lambda lib, m, n, k: m.__delitem__(slice(n % 3, k - 2)),
    "pop": lambda lib, m, n, k: m.pop(k - 3),
    "get": lambda lib, m, n, k: m[k - 3],
    "slice": lambda lib, m, n, k: m[n % 3 : k : 1 + n % 2],
    "add": lambda lib, m, n, k: (
        m + type(m)(*([part(lib, n)] if isinstance(m, lib.nn.Sequential) else [[part(lib, n)]]))
    ),
    "contains": lambda lib, m, n, k: m[0] in m if len(m) else None,
    "iterate": lambda lib, m, n, k: [type(x).__name__ for x in m],
    "length": lambda lib, m, n, k: len(m),
}
DICTIONARIES = {
    "set": lambda lib, m, n, k, new: m.__setitem__("abcde"[k % 5], new(lib, n)),
    "delete": lambda lib, m, n, k, new: m.__delitem__("abcde"[k % 5]),
    "pop": lambda lib, m, n, k, new: m.pop("abcde"[k % 5]),
    "get": lambda lib, m, n, k, new: m["abcde"[k % 5]],
    "update": lambda lib, m, n, k, new: m.update([("abcde"[k % 5], new(lib, n)), ("abcde"[n % 5], new(lib, k))]),
    "contains": lambda lib, m, n, k, new: "abcde"[k % 5] in m,
    "keys": lambda lib, m, n, k, new: list(m.keys()),
    "clear": lambda lib, m, n, k, new: m.clear() if n == 0 else None,
    "iterate": lambda lib, m, n, k, new: list(m),
    "length": lambda lib, m, n, k, new: len(m),
}
LISTS = {
    "append": lambda lib, m, n, k: m.append(entry(lib, n)),
    "extend": lambda lib, m, n, k: m.extend([entry(lib, n), entry(lib, k)]),
    "set": lambda lib, m, n, k: m.__setitem__(k - 3, entry(lib, n)),
    "get": lambda lib, m, n, k: m[k - 3],
    "slice": lambda lib, m, n, k: m[n % 3 : k],
    "length": lambda lib, m, n, k: len(m),
    "+=": lambda lib, m, n, k: m.__iadd__([entry(lib, n)]),
}


def told(lib: Any, x: Any) -> Any:
    """Return what can be compared."""
    if isinstance(x, lib.nn.Module):
        text = repr(x).replace("torch.FloatTensor", "float32").replace("torch.float32", "float32")
        return text.replace("minigrad.float32", "float32"), list(x.state_dict())
    return type(x).__name__ if isinstance(x, lib.Tensor) else x


def outcome(lib: Any, call: Any, *args: Any) -> Any:
    try:
        return told(lib, call(lib, *args))
    except (TypeError, KeyError, AttributeError, ValueError, RuntimeError, IndexError) as error:
        # What a dictionary does not have is a KeyError; PyTorch's of parameters looks for an attribute.
        return "KeyError" if type(error) is AttributeError else type(error).__name__


@pytest.mark.parametrize("kind", ["Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"])
def test_programs_of_containers(kind: str) -> None:
    of_modules = kind.startswith("Module")
    table = DICTIONARIES if "Dict" in kind else LISTS if kind == "ParameterList" else SEQUENCES
    extra = ((part if of_modules else entry),) if "Dict" in kind else ()
    for seed in range(60):
        random = np.random.default_rng(seed)
        theirs, ours = getattr(torch.nn, kind)(), getattr(minigrad.nn, kind)()
        done = []
        for _ in range(20):
            name, n, k = str(random.choice(list(table))), int(random.integers(10)), int(random.integers(7))
            done.append((name, n, k))
            expected = outcome(torch, table[name], theirs, n, k, *extra)
            got = outcome(minigrad, table[name], ours, n, k, *extra)
            assert got == expected, done
            assert told(minigrad, ours) == told(torch, theirs), done
