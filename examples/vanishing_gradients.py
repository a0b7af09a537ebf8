"""Why deep chains of sigmoids do not learn, and two remedies: ReLU and residual connections (《深度学习与梯度》).

The derivative of the logistic function is at most 1/4, so a gradient that goes through n of them alone is at most 1/4 to
the n. A ReLU hands positive numbers on with the slope 1. A residual connection, y = x + f(x), has the slope 1 + f'(x): what
f takes away, the other path brings back.

It prints::

    layers   sigmoid    bound      ReLU       residual
         1   2.350e-01  2.500e-01  1.000e+00  1.235e+00
         5   6.080e-04  9.766e-04  1.000e+00  1.766e+00
        20   1.143e-13  9.095e-13  1.000e+00  1.793e+00
"""

from __future__ import annotations

from collections.abc import Callable

import minigrad as torch
from minigrad import Tensor

LAYERS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "ReLU": torch.relu,
    "residual": lambda x: x + torch.sigmoid(x),
}


def slope(layer: Callable[[Tensor], Tensor], count: int) -> float:
    """Return the derivative of so many layers, one behind the other, at 0.5."""
    x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y = x
    for _ in range(count):
        y = layer(y)
    y.backward()
    assert x.grad is not None
    return x.grad.item()


def main() -> None:
    """Print the derivatives of chains of layers."""
    print("layers   sigmoid    bound      ReLU       residual")
    for count in (1, 5, 20):
        sigmoid, relu, residual = (slope(layer, count) for layer in LAYERS.values())
        print(f"{count:>6}   {sigmoid:.3e}  {0.25**count:.3e}  {relu:.3e}  {residual:.3e}")


if __name__ == "__main__":
    main()
