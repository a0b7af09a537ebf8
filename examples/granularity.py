"""One layer in two granularities: a function for the whole backward pass, as in caffe, or none, as in PyTorch.

The layer is softmax(x Wᵀ) with the cross-entropy of a class as its loss. Fine-grained, it is composed of operations that
know their gradients, and nothing has to be derived. Coarse-grained, it is one `autograd.Function`, whose backward is
derived by hand: softmax and logarithm cancel, and what is left is p − onehot (《深度学习与梯度》 (5.11)).

It prints::

    loss        fine 2.359354, coarse 2.359354
    nodes       fine 10, coarse 1
    gradients   equal to 1e-12: True
    gradcheck   of the coarse layer: True
    second      equal to 1e-12: True
"""

from __future__ import annotations

from typing import Any

import minigrad as torch
from minigrad import Tensor


def fine(x: Tensor, weight: Tensor, onehot: Tensor) -> Tensor:
    """Return the mean loss, composed of small operations: their rules give the gradient."""
    scores = (x @ weight.T).exp()
    p = scores / scores.sum(1, keepdim=True)
    return -(p.log() * onehot).sum() / len(x)


class Coarse(torch.autograd.Function):
    """The same loss as one operation, with a backward pass of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, onehot: Tensor) -> Tensor:
        """Return the mean loss, and keep what the way back reads."""
        logits = x @ weight.T
        ctx.save_for_backward(x, weight, onehot)
        return -(torch.log_softmax(logits, 1) * onehot).sum() / len(x)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return the gradients of x and of the weight; the classes have none.

        It is written with operations, so that it can be differentiated itself.
        """
        x, weight, onehot = ctx.saved_tensors
        by_logits = (torch.softmax(x @ weight.T, 1) - onehot) * (grad_outputs[0] / len(x))
        return by_logits @ weight, by_logits.T @ x, None


def count_nodes(loss: Tensor) -> int:
    """Return how many operations lie between a loss and its leaves."""
    pending, seen = [loss.grad_fn], set()
    while pending:
        node = pending.pop()
        if node is not None and node.next_functions and node not in seen:  # a leaf has none
            seen.add(node)
            pending += [parent for parent, _ in node.next_functions]
    return len(seen)


def main() -> None:
    """Compare the two layers."""
    torch.manual_seed(0)
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    onehot = torch.eye(5, dtype=torch.float64)[[0, 2, 4, 2]]

    losses = [layer(x, weight, onehot) for layer in (fine, Coarse.apply)]
    print("loss        fine {:.6f}, coarse {:.6f}".format(*(loss.item() for loss in losses)))
    print("nodes       fine {}, coarse {}".format(*map(count_nodes, losses)))

    firsts = [torch.autograd.grad(loss, (x, weight), create_graph=True) for loss in losses]
    print("gradients   equal to 1e-12:", same(*firsts))
    print("gradcheck   of the coarse layer:", torch.autograd.gradcheck(Coarse.apply, (x, weight, onehot)))

    seconds = [torch.autograd.grad(gx.square().sum() + gw.sin().sum(), (x, weight)) for gx, gw in firsts]
    print("second      equal to 1e-12:", same(*seconds))


def same(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> bool:
    """Return whether the gradients agree."""
    return all(torch.allclose(p, q, rtol=0, atol=1e-12) for p, q in zip(a, b, strict=True))


if __name__ == "__main__":
    main()
