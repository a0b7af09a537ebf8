"""The backward passes that 《反向传播算法实现》 writes out, written with public functions, beside autograd (row A28).

Each takes the operands and the cotangent of the result and returns the cotangents of the operands, as the article's do.
They use what its listings use: `heaviside`, `movedim`, `scatter_`, `eye`, `tril`, `full_like`, `zeros_like`,
`expand_as`, `reshape_as`, `broadcast_shapes`, `no_grad` as a decorator, `nn.Parameter`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minigrad as torch
from minigrad import Tensor, nn


def reduced_to(g: Tensor, x: Tensor, kept: int = 0) -> Tensor:
    """Sum over what broadcasting added or repeated; the last `kept` dimensions stay."""
    for _ in range(g.ndim - x.ndim):
        g = g.sum(dim=0)
    for d in range(g.ndim - kept):
        if g.shape[d] != x.shape[d]:
            g = g.sum(dim=d, keepdim=True)
    return g


@torch.no_grad()
def sin_backward(x: Tensor, g: Tensor) -> Tensor:
    return torch.cos(x) * g


@torch.no_grad()
def sigmoid_backward(x: Tensor, g: Tensor) -> Tensor:
    out = torch.sigmoid(x)
    return g * out * (1 - out)


@torch.no_grad()
def relu_backward(x: Tensor, g: Tensor) -> Tensor:
    return torch.heaviside(x, torch.tensor(0, dtype=x.dtype)) * g


@torch.no_grad()
def add_backward(x: Tensor, y: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    assert torch.broadcast_shapes(x.shape, y.shape) == g.shape
    return reduced_to(g * torch.ones_like(g), x), reduced_to(g * torch.ones_like(g), y)


@torch.no_grad()
def mul_backward(x: Tensor, y: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    return reduced_to(g * y, x), reduced_to(g * x, y)


@torch.no_grad()
def sum_backward(x: Tensor, g: Tensor, dim: int | None = None) -> Tensor:
    if dim is None:
        return torch.full_like(x, fill_value=g.item())
    return g.unsqueeze(dim).expand_as(x)


@torch.no_grad()
def prod_backward(x: Tensor, g: Tensor, dim: int | None = None) -> Tensor:
    """Divide by each factor, which must not be 0: the article's slip."""
    if dim is None:
        return torch.prod(x) / x * g
    return torch.prod(x, dim=dim).unsqueeze(dim=dim) / x * g.unsqueeze(dim)


@torch.no_grad()
def mean_backward(x: Tensor, g: Tensor, dim: int | None = None) -> Tensor:
    if dim is None:
        return torch.full_like(x, fill_value=g.item()) / x.numel()
    return g.unsqueeze(dim).expand_as(x) / x.size(dim=dim)


@torch.no_grad()
def max_backward(x: Tensor, g: Tensor, dim: int | None = None) -> Tensor:
    if dim is None:
        greatest = x == torch.max(x)
        return greatest * g / greatest.sum()
    _, places = torch.max(x, dim=dim)
    return torch.zeros_like(x).scatter_(dim=dim, index=places.unsqueeze(dim=dim), src=g.unsqueeze(dim=dim))


@torch.no_grad()
def var_backward(x: Tensor, g: Tensor, dim: int | None = None) -> Tensor:
    """Return the gradient of the variance of a population. The unit matrix has x's dtype: the article's is float32."""
    if dim is None:
        deviation = x - x.mean()
        return 2.0 / x.numel() * (deviation - deviation.sum() / x.numel()) * g
    moved = x.movedim(dim, -1)
    n = moved.size(-1)
    deviation = moved - moved.mean(dim=-1, keepdim=True)
    slopes = torch.sum((torch.eye(n).to(x.dtype) - 1.0 / n) * deviation.unsqueeze(-2), dim=-1)
    return (2.0 / n * slopes * g.unsqueeze(-1)).movedim(-1, dim)


def many_to_many(jacobian_of: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """Make a backward pass of a function that gives the Jacobian of the last dimension."""

    @torch.no_grad()
    def backward(x: Tensor, g: Tensor, dim: int) -> Tensor:
        jacobian = jacobian_of(x.movedim(dim, -1))
        pulled = torch.matmul(jacobian.transpose(-1, -2), g.movedim(dim, -1).unsqueeze(-1))
        return pulled.squeeze(-1).movedim(-1, dim)

    return backward


def softmax_jacobian(x: Tensor) -> Tensor:
    out = torch.softmax(x, dim=-1)
    return (torch.eye(x.size(-1)) - out.unsqueeze(-2)) * out.unsqueeze(-1)


def cumsum_jacobian(x: Tensor) -> Tensor:
    n = x.size(-1)
    return torch.ones(n, n).tril().to(x.dtype)


def cumprod_jacobian(x: Tensor) -> Tensor:
    """Divide by each factor, which must not be 0: the article's slip."""
    return torch.tril(torch.cumprod(x, dim=-1).unsqueeze(-1) / x.unsqueeze(-2))


@torch.no_grad()
def matmul_backward(a: Tensor, b: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """Handle the four cases. In the third, unlike in the article, the matrix may be one of a batch."""
    if a.ndim == b.ndim == 1:
        return g * b, g * a
    if b.ndim == 1:
        matrix, flat = torch.flatten(a, start_dim=0, end_dim=-2), torch.flatten(g)
        of_b = torch.matmul(matrix.transpose(-1, -2), flat)
        return (flat.unsqueeze(-1) * b.unsqueeze(-2)).reshape_as(a), of_b
    if a.ndim == 1:
        of_a = torch.matmul(b, g.unsqueeze(-1)).squeeze(-1)
        return reduced_to(of_a, a), g.unsqueeze(-2) * a.unsqueeze(-1)
    of_a, of_b = torch.matmul(g, b.transpose(-1, -2)), torch.matmul(a.transpose(-1, -2), g)
    return reduced_to(of_a, a, 2), reduced_to(of_b, b, 2)


Listing = tuple[Callable[..., Tensor], Callable[..., Any], list[tuple[int, ...]], tuple[int, ...]]
LISTINGS: dict[str, Listing] = {
    "sin": (torch.sin, sin_backward, [(2, 3, 4, 5)], ()),
    "sigmoid": (torch.sigmoid, sigmoid_backward, [(2, 3, 4, 5)], ()),
    "relu": (torch.relu, relu_backward, [(2, 3, 4, 5)], ()),
    "add": (torch.add, add_backward, [(3, 1, 5), (4, 1)], ()),
    "add, one size": (torch.add, add_backward, [(3, 5), (3, 5)], ()),
    "mul": (torch.mul, mul_backward, [(4, 1), (3, 1, 5)], ()),
    "mul, one size": (torch.mul, mul_backward, [(3, 5), (3, 5)], ()),
    **{name: (f, back, [(2, 3, 4)], ()) for name, f, back in (
        ("sum", torch.sum, sum_backward), ("prod", torch.prod, prod_backward), ("mean", torch.mean, mean_backward),
        ("max", torch.max, max_backward), ("var", lambda x: x.var(correction=0), var_backward),
    )},
    **{f"{name}, dim {d}": (f, back, [(2, 3, 4)], (d,)) for d in (0, 1, -1) for name, f, back in (
        ("sum", torch.sum, sum_backward), ("prod", torch.prod, prod_backward), ("mean", torch.mean, mean_backward),
        ("max", lambda x, dim: torch.max(x, dim).values, max_backward),
        ("var", lambda x, dim: x.var(dim, correction=0), var_backward),
        ("softmax", torch.softmax, many_to_many(softmax_jacobian)),
        ("cumsum", torch.cumsum, many_to_many(cumsum_jacobian)),
        ("cumprod", torch.cumprod, many_to_many(cumprod_jacobian)),
    )},
    **{f"matmul, {a} @ {b}": (torch.matmul, matmul_backward, [a, b], ()) for a, b in (
        ((3,), (3,)), ((2, 3), (3,)), ((5, 2, 3), (3,)), ((3,), (3, 4)), ((3,), (2, 3, 4)), ((2, 3), (3, 4)),
        ((5, 2, 3), (5, 3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 2)),
    )},
}  # fmt: skip


@pytest.mark.parametrize("name", LISTINGS)
def test_a28_backward_passes_written_by_hand(name: str) -> None:
    function, backward, shapes, options = LISTINGS[name]
    torch.manual_seed(0)
    operands = [nn.Parameter(torch.randn(shape).double()) for shape in shapes]
    out = function(*operands, *options)
    g = torch.randn_like(out).double()
    out.backward(g)
    by_hand = backward(*operands, g, *options)
    for x, found in zip(operands, by_hand if isinstance(by_hand, tuple) else (by_hand,), strict=True):
        assert x.grad is not None
        assert not found.requires_grad
        assert found.shape == x.grad.shape
        assert torch.allclose(x.grad, found, rtol=1e-12, atol=1e-13)


def test_a28_the_mlp() -> None:
    """《前向和反向传播》's example: two layers, a squared loss, `autograd.grad` for what lies between."""
    torch.manual_seed(0)
    x, y = torch.randn((5, 3), requires_grad=False), torch.randn(5, requires_grad=False)
    w1, b1 = torch.randn((3, 4), requires_grad=True), torch.randn(4, requires_grad=True)
    w2, b2 = torch.randn((4, 1), requires_grad=True), torch.randn(1, requires_grad=True)
    y1 = x @ w1 + b1
    y2 = y1 @ w2 + b2
    loss = (y - y2.squeeze()).pow(2).sum()
    of_y2, of_y1 = torch.autograd.grad(loss, (y2, y1), retain_graph=True)
    loss.backward()
    assert torch.allclose(of_y2, 2 * (y2 - y.unsqueeze(1)))
    assert torch.allclose(of_y1, of_y2 @ w2.T)
    for parameter, right in ((w1, x.T @ of_y1), (b1, of_y1.sum(0)), (w2, y1.T @ of_y2), (b2, of_y2.sum(0))):
        assert torch.allclose(parameter.grad, right, atol=1e-5)
    assert y1.shape == torch.Size([5, 4])
