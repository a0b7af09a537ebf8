"""Derivatives of what both libraries made of one call, of first and second order."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import minigrad

from .compare import Mismatch, compare_gradients
from .convert import array, tensors


def differentiable(x: Any, kind: type) -> list[Any]:
    """Return the tensors that require gradients, in nested containers."""
    return [t for t in tensors(x, kind) if t.requires_grad]


def draw(seed: int, likes: list[Any]) -> list[Any]:
    """Return normal numbers for each of some tensors."""
    random = np.random.default_rng(seed)
    return [np.asarray(random.standard_normal(x.shape), dtype=x.dtype) for x in map(array, likes)]


def torch_grad(outputs: list[Any], inputs: list[Any], cotangents: list[Any], create: bool = False) -> list[Any]:
    return list(
        torch.autograd.grad(outputs, inputs, cotangents, retain_graph=True, create_graph=create, allow_unused=True)
    )


def minigrad_grad(outputs: list[Any], inputs: list[Any], cotangents: list[Any], create: bool = False) -> list[Any]:
    if not outputs:
        return [None] * len(inputs)
    return list(
        minigrad.autograd.grad(outputs, inputs, cotangents, retain_graph=True, create_graph=create, allow_unused=True)
    )


def compare_first(pair: Any, values: bool = True) -> bool:
    """Compare the products of a drawn cotangent with the Jacobian; False where there are none, or no `values` to compare."""
    ys, zs = differentiable(pair.expected, torch.Tensor), differentiable(pair.got, minigrad.Tensor)
    if len(ys) != len(zs):
        raise Mismatch(f"{len(zs)} results require gradients instead of {len(ys)}")
    xs, us = pair.inputs()
    if not ys or not values:
        return False
    gs = draw(1, ys)
    expected = torch_grad(ys, xs, [torch.from_numpy(g) for g in gs])
    compare_gradients(minigrad_grad(zs, us, [minigrad.from_numpy(g) for g in gs]), expected, xs, "gradient")
    return True


def compare_second(pair: Any) -> bool | None:
    """Compare the derivatives of those products by inputs and cotangents; None where PyTorch has none."""
    ys, zs = differentiable(pair.expected, torch.Tensor), differentiable(pair.got, minigrad.Tensor)
    if not ys:
        return False
    xs, us = pair.inputs()
    cotangents, weights = draw(1, ys), draw(2, xs)
    gs = [torch.from_numpy(g).requires_grad_() for g in cotangents]
    hs = [minigrad.from_numpy(g).requires_grad_() for g in cotangents]
    first, mine = torch_grad(ys, xs, gs, create=True), minigrad_grad(zs, us, hs, create=True)
    # What depends on nothing further has no second derivative to compare; zeros are one of its forms.
    keep = [i for i, d in enumerate(first) if d is not None and d.requires_grad]
    if not keep:
        return False
    try:
        expected = torch_grad([first[i] for i in keep], xs + gs, [torch.from_numpy(weights[i]) for i in keep])
    except (RuntimeError, NotImplementedError):
        return None
    kept = [i for i in keep if mine[i] is not None and mine[i].requires_grad]
    got = minigrad_grad([mine[i] for i in kept], us + hs, [minigrad.from_numpy(weights[i]) for i in kept])
    compare_gradients(got, expected, xs + gs, "second order")
    return True
