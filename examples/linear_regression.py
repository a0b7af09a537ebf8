"""Linear regression by gradient descent: the step of 《深度学习与梯度》 repeated until it finds a line.

The model is ŷ = w x + b, the loss the mean of (ŷ − y)². Its gradient by hand is 2 mean((ŷ − y) x) and 2 mean(ŷ − y).

It prints::

    gradient by hand (-2.0249, -0.9979), by minigrad (-2.0249, -0.9979)
    step   1: loss 3.2712, w = 1.012, b = 0.499
    step   5: loss 0.1164, w = 2.605, b = 0.499
    step  40: loss 0.0080, w = 2.977, b = 0.499
    least squares:         w = 2.977, b = 0.499
"""

from __future__ import annotations

import numpy as np

import minigrad as torch


def main() -> None:
    """Descend, and compare with the exact solution."""
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 100)
    y = 3 * x + 0.5 + 0.1 * torch.randn(100)
    w = torch.zeros((), requires_grad=True)
    b = torch.zeros((), requires_grad=True)

    for step in range(1, 41):
        error = w * x + b - y
        loss = (error**2).mean()
        loss.backward()
        if step == 1:
            by_hand = 2 * (error * x).mean(), 2 * error.mean()
            print("gradient by hand ({:.4f}, {:.4f}),".format(*(g.item() for g in by_hand)), end=" ")
            print(f"by minigrad ({w.grad.item():.4f}, {b.grad.item():.4f})")
        with torch.no_grad():
            for parameter in (w, b):
                parameter.sub_(0.5 * parameter.grad)
                parameter.grad = None
        if step in {1, 5, 40}:
            print(f"step {step:3d}: loss {loss.item():.4f}, w = {w.item():.3f}, b = {b.item():.3f}")

    slope, intercept = np.polyfit(x.numpy(), y.numpy(), 1)
    print(f"least squares:         w = {slope:.3f}, b = {intercept:.3f}")


if __name__ == "__main__":
    main()
