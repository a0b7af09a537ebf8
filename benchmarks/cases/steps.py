"""Whole training steps: forward, loss, backward, update."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .steps_numpy import numpy_step
from .tools import Array, Run, library


class Net(NamedTuple):
    """A training step: the layers' sizes, the batch, and what is done with them."""

    sizes: tuple[int, ...]
    batch: int
    optimizer: str = "Adam"
    activation: str = "relu"
    regression: bool = False


SMALL = Net((64, 64, 10), 32)
MEDIUM = Net((784, 256, 128, 10), 128)
NETS = {
    "2-16-16-2, batch 100": Net((2, 16, 16, 2), 100),
    "64-64-10, batch 32": SMALL,
    "784-256-128-10, batch 128": MEDIUM,
    "784-1024-1024-10, batch 512": Net((784, 1024, 1024, 10), 512),
    "1024-4096-4096-1000, batch 1024": Net((1024, 4096, 4096, 1000), 1024),
    "64-64-10, batch 32, SGD": SMALL._replace(optimizer="SGD"),
    "64-64-10, batch 32, tanh": SMALL._replace(activation="tanh"),
    "64-64-10, batch 32, regression": SMALL._replace(regression=True),
    "784-256-128-10, batch 128, SGD": MEDIUM._replace(optimizer="SGD"),
    "784-256-128-10, batch 128, tanh": MEDIUM._replace(activation="tanh"),
    "784-256-128-10, batch 128, regression": MEDIUM._replace(regression=True),
}


def _data(net: Net) -> tuple[Array, Array]:
    draw = np.random.default_rng(0)
    x = draw.standard_normal((net.batch, net.sizes[0]), np.float32)
    if net.regression:
        return x, draw.standard_normal((net.batch, net.sizes[-1]), np.float32)
    return x, draw.integers(0, net.sizes[-1], net.batch)


def _parameters(net: Net) -> list[tuple[Array, Array]]:
    draw = np.random.default_rng(1)
    return [
        (draw.standard_normal((i, o), np.float32) / np.float32(i**0.5), np.zeros(o, np.float32))
        for i, o in zip(net.sizes[:-1], net.sizes[1:], strict=True)
    ]


def _torch_like(peer: str, net: Net) -> Run:
    lib = library(peer)
    nn, optim = importlib.import_module(f"{peer}.nn"), importlib.import_module(f"{peer}.optim")
    layers: list[Any] = []
    for fan_in, fan_out in zip(net.sizes[:-1], net.sizes[1:], strict=True):
        layers += [nn.Linear(fan_in, fan_out), nn.Tanh() if net.activation == "tanh" else nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    options = {"fused": True} if peer == "torch" else {}
    optimizer = getattr(optim, net.optimizer)(model.parameters(), lr=1e-3, **options)
    loss_of = nn.MSELoss() if net.regression else nn.CrossEntropyLoss()
    x, y = (lib.tensor(array) for array in _data(net))

    def step() -> None:
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _jax_loss(net: Net) -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    activation = jnp.tanh if net.activation == "tanh" else jax.nn.relu

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        h = x
        for n, (w, b) in enumerate(params):
            h = h @ w + b
            h = activation(h) if n + 1 < len(params) else h
        if net.regression:
            return jnp.mean((h - y) ** 2)
        return -jnp.mean(jax.nn.log_softmax(h)[jnp.arange(net.batch), y])

    return loss_of


def _jax_update(net: Net) -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    if net.optimizer == "SGD":
        return lambda params, g, m, v, t: (jax.tree.map(lambda p, a: p - 1e-3 * a, params, g), m, v, t)

    def adam(params: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
        m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
        params = jax.tree.map(
            lambda p, a, b: p - 1e-3 * (a / (1 - 0.9**t)) / (jnp.sqrt(b / (1 - 0.999**t)) + 1e-8), params, m, v
        )
        return params, m, v, t + 1

    return adam


def _jax(net: Net) -> Run:
    import jax
    import jax.numpy as jnp

    loss_of, rule = _jax_loss(net), _jax_update(net)
    params = _parameters(net)
    zeros = jax.tree.map(jnp.zeros_like, params)
    state: Any = (params, zeros, zeros, jnp.float32(1))
    x, y = map(jnp.asarray, _data(net))
    update = jax.jit(lambda x, y, params, *rest: rule(params, jax.grad(loss_of)(params, x, y), *rest))

    def step() -> None:
        nonlocal state
        state = jax.block_until_ready(update(x, y, *state))

    return step


def _case(net: Net) -> Callable[[str], Run]:
    def make(peer: str) -> Run:
        if peer == "numpy":
            return numpy_step(net, _parameters(net), *_data(net))
        return _jax(net) if peer == "jax" else _torch_like(peer, net)

    return make


def cases() -> dict[str, Callable[[str], Run]]:
    """Return the cases of the group step by name."""
    return {f"step: {name}": _case(net) for name, net in NETS.items()}
