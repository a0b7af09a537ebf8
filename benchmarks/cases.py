"""What is timed. The PyTorch script runs unchanged on minigrad; JAX and NumPy have their own."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Run = Callable[[], Any]


class Net(NamedTuple):
    """A training step: the layers' sizes and the batch."""

    sizes: tuple[int, ...]
    batch: int


NETS = {
    "step 2-16-16-2, batch 100": Net((2, 16, 16, 2), 100),
    "step 64-64-10, batch 32": Net((64, 64, 10), 32),
    "step 784-256-128-10, batch 128": Net((784, 256, 128, 10), 128),
}
PRODUCTS = {"matmul 64x784x10": (64, 784, 10), "matmul 512x784x1024": (512, 784, 1024), "matmul 1024³": (1024,) * 3}
IMPORT = "import, over import numpy"

CASES = (IMPORT, *NETS, *PRODUCTS)


def _data(net: Net) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    draw = np.random.default_rng(0)
    x = draw.standard_normal((net.batch, net.sizes[0])).astype(np.float32)
    return x, draw.integers(0, net.sizes[-1], net.batch)


def _operands(case: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    m, k, n = PRODUCTS[case]
    draw = np.random.default_rng(0)
    return draw.standard_normal((m, k)).astype(np.float32), draw.standard_normal((k, n)).astype(np.float32)


def torch_like(name: str, case: str) -> Run:
    """Return the case for `torch` or for `minigrad`, which take the same code."""
    lib = importlib.import_module(name)
    nn, optim = importlib.import_module(f"{name}.nn"), importlib.import_module(f"{name}.optim")
    if case in PRODUCTS:
        a, b = (lib.tensor(x) for x in _operands(case))
        return lambda: a @ b
    net = NETS[case]
    layers: list[Any] = []
    for fan_in, fan_out in zip(net.sizes[:-1], net.sizes[1:], strict=True):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    options = {"fused": True} if name == "torch" else {}
    optimizer = optim.Adam(model.parameters(), lr=1e-3, **options)
    loss_of = nn.CrossEntropyLoss()
    x, y = (lib.tensor(array) for array in _data(net))

    def step() -> None:
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def jax_case(case: str) -> Run:
    """Return the case for JAX, compiled by jit."""
    import jax
    import jax.numpy as jnp

    if case in PRODUCTS:
        a, b = map(jnp.asarray, _operands(case))
        product = jax.jit(jnp.matmul)
        return lambda: product(a, b).block_until_ready()
    net = NETS[case]
    draw = np.random.default_rng(0)
    params = [
        (draw.standard_normal((i, o)).astype(np.float32) / i**0.5, np.zeros(o, np.float32))
        for i, o in zip(net.sizes[:-1], net.sizes[1:], strict=True)
    ]
    x, y = _data(net)

    def loss_of(params: Any) -> Any:
        h = x
        for n, (w, b) in enumerate(params):
            h = h @ w + b
            h = jax.nn.relu(h) if n + 1 < len(params) else h
        return -jnp.mean(jax.nn.log_softmax(h)[jnp.arange(net.batch), y])

    @jax.jit
    def update(params: Any, m: Any, v: Any, t: Any) -> Any:
        g = jax.grad(loss_of)(params)
        m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
        params = jax.tree.map(
            lambda p, a, b: p - 1e-3 * (a / (1 - 0.9**t)) / (jnp.sqrt(b / (1 - 0.999**t)) + 1e-8), params, m, v
        )
        return params, m, v, t + 1

    zeros = jax.tree.map(jnp.zeros_like, params)
    state: Any = (params, zeros, zeros, jnp.float32(1))

    def step() -> None:
        nonlocal state
        state = jax.block_until_ready(update(*state))

    return step


def numpy_case(case: str) -> Run:
    """Return the case for NumPy: products only."""
    a, b = _operands(case)
    return lambda: a @ b


def make(peer: str, case: str) -> Run:
    """Return what one round of a case runs; ImportError where the peer is not installed, KeyError where it has none."""
    if peer == "numpy":
        return numpy_case(case)
    return jax_case(case) if peer == "jax" else torch_like(peer, case)
