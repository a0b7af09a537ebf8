"""Transforms of functions: examples mapped, gradients for each of them, Jacobians and Hessians."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from .tools import Run, library

Make = Callable[[Any, Any, Any], Run]


def _arrays() -> dict[str, Any]:
    numbers = np.random.default_rng(0)
    shapes = {"x": (256, 64), "w": (64, 64), "v": (64,)}
    return {name: numbers.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def _per_sample(sizes: tuple[int, ...], batch: int) -> Callable[[str], Run]:
    """Return the maker of the gradients of a net's parameters for each sample of a batch."""

    def make(peer: str) -> Run:
        lib = library(peer)
        func = importlib.import_module(f"{peer}.func")
        layers: list[Any] = []
        for m, n in pairwise(sizes):
            layers += [lib.nn.Linear(m, n), lib.nn.ReLU()]
        net = lib.nn.Sequential(*layers[:-1])
        parameters = {name: p.detach() for name, p in net.named_parameters()}
        x, y = lib.randn(batch, sizes[0]), lib.randint(0, sizes[-1], (batch,))

        def loss(p: Any, x: Any, y: Any) -> Any:
            return lib.nn.functional.cross_entropy(func.functional_call(net, p, (x[None],)), y[None])

        gradients = func.vmap(func.grad(loss), in_dims=(None, 0, 0))
        return lambda: gradients(parameters, x, y)

    return make


def _of_net(make: Make) -> Callable[[str], Run]:
    def made(peer: str) -> Run:
        lib = library(peer)
        a = {name: lib.tensor(array) for name, array in _arrays().items()}
        net = lambda x: ((x @ a["w"]).tanh() @ a["w"]).sin().sum()
        return make(importlib.import_module(f"{peer}.func"), net, a)

    return made


def cases() -> dict[str, Callable[[str], Run]]:
    """Return the cases of the group func by name."""
    of_nets: dict[str, Make] = {
        "vmap of a sum 256×64": lambda f, net, a: lambda: f.vmap(lambda x: (x.sin() * x.exp()).sum())(a["x"]),
        "vmap of grad 256×64": lambda f, net, a: lambda: f.vmap(f.grad(net))(a["x"]),
        "jacrev 64×64": lambda f, net, a: lambda: f.jacrev(lambda x: (x @ a["w"]).tanh())(a["v"]),
        "jacfwd 64×64": lambda f, net, a: lambda: f.jacfwd(lambda x: (x @ a["w"]).tanh())(a["v"]),
        "hessian 64×64": lambda f, net, a: lambda: f.hessian(net)(a["v"]),
        "vmap of hessian 16×64×64": lambda f, net, a: lambda: f.vmap(f.hessian(net))(a["x"][:16]),
    }
    return {
        "func: per-sample gradients 64-64-10, batch 32": _per_sample((64, 64, 10), 32),
        "func: per-sample gradients 784-256-128-10, batch 64": _per_sample((784, 256, 128, 10), 64),
        **{f"func: {name}": _of_net(make) for name, make in of_nets.items()},
    }
