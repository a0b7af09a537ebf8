"""A training step as one writes it by hand with NumPy: no graph, updates in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .tools import Array, Run

if TYPE_CHECKING:
    from .steps import Net


def _forward(net: Net, params: list[tuple[Array, Array]], x: Array) -> list[Array]:
    """Return the input and the output of every layer, activations applied."""
    outs = [x]
    for n, (w, b) in enumerate(params):
        h = outs[-1] @ w
        h += b
        if n + 1 < len(params):
            h = np.tanh(h, out=h) if net.activation == "tanh" else np.maximum(h, 0, out=h)
        outs.append(h)
    return outs


def _loss_gradient(net: Net, h: Array, y: Array) -> Array:
    """Return the derivative of the mean loss by the last layer's output."""
    if net.regression:
        return (h - y) * np.float32(2 / h.size)
    e = np.exp(h - h.max(1, keepdims=True))
    e /= e.sum(1, keepdims=True)
    e[np.arange(net.batch), y] -= 1
    e /= np.float32(net.batch)
    return e


def _backward(net: Net, params: list[tuple[Array, Array]], outs: list[Array], g: Array) -> list[Array]:
    """Return the gradients of weights and biases, in the parameters' order."""
    gradients: list[Array] = []
    for n in reversed(range(len(params))):
        gradients[:0] = [outs[n].T @ g, g.sum(0)]
        if n > 0:
            g = g @ params[n][0].T
            g *= 1 - outs[n] ** 2 if net.activation == "tanh" else outs[n] > 0
    return gradients


def _adam(p: Array, g: Array, m: Array, v: Array, t: int) -> None:
    m *= np.float32(0.9)
    m += np.float32(0.1) * g
    v *= np.float32(0.999)
    v += np.float32(0.001) * (g * g)
    scale = np.float32(1e-3 / (1 - 0.9**t))
    p -= scale * m / (np.sqrt(v) / np.float32((1 - 0.999**t) ** 0.5) + np.float32(1e-8))


def numpy_step(net: Net, params: list[tuple[Array, Array]], x: Array, y: Array) -> Run:
    """Return the step that trains these parameters."""
    flat = [p for layer in params for p in layer]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in flat]
    t = 0

    def step() -> None:
        nonlocal t
        t += 1
        outs = _forward(net, params, x)
        gradients = _backward(net, params, outs, _loss_gradient(net, outs[-1], y))
        for p, g, (m, v) in zip(flat, gradients, moments, strict=True):
            if net.optimizer == "SGD":
                np.subtract(p, np.float32(1e-3) * g, out=p)
            else:
                _adam(p, g, m, v, t)

    return step
