"""The vanishing gradient: deep networks of sigmoids learn nothing in their first layers; two remedies.

σ' is at most 0.25 (《反向传播算法实现》 (3.7)), so that the gradient through n sigmoids alone is at most 0.25ⁿ of what came in.
Rectifiers hand it on unchanged where they are active, and a residual layer, x + f(x), hands it on around f. The size of the
loss's gradient by each layer is drawn to vanishing_gradient.png.

It prints::

    gradient through 8 sigmoids alone: 7.73e-06, at most 1.53e-05
    layers of 20: gradient of the first layer over that of the last
    sigmoid   1.9e-16
    relu      9.0e-01
    residual  5.8e-01
    after 60 steps: sigmoid loss 2.297, relu loss 0.000, residual loss 0.001
    wrote vanishing_gradient.png
"""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

import minigrad as torch
import minigrad.nn.functional as F
from minigrad import Tensor, nn
from minigrad.datasets import load_digits

DEPTH, WIDTH = 20, 64


class Deep(nn.Module):
    """Many layers of one kind, and an output for each digit."""

    def __init__(self, function: Callable[[Tensor], Tensor], residual: bool = False) -> None:
        super().__init__()
        self.function = function
        self.residual = residual
        self.layers = nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)])
        self.output = nn.Linear(WIDTH, 10)
        for layer in self.layers:
            if function is torch.relu:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
            if residual:
                with torch.no_grad():
                    layer.weight.mul_(DEPTH**-0.5)

    def forward(self, input: Tensor) -> Tensor:
        """Return the scores of the digits."""
        x = input
        for layer in self.layers:
            change = self.function(layer(x))
            x = x + change if self.residual else change
        return self.output(x)


def gradient_sizes(model: Deep, x: Tensor, y: Tensor) -> list[float]:
    """Return the norm of the loss's gradient by each layer's weight."""
    model.zero_grad()
    F.cross_entropy(model(x), y).backward()
    return [layer.weight.grad.norm().item() for layer in model.layers]


def loss_after(model: Deep, x: Tensor, y: Tensor, steps: int) -> float:
    """Return the loss after some steps of Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return F.cross_entropy(model(x), y).item()


def through_sigmoids(x: Tensor, n: int) -> Tensor:
    """Return the derivative of n sigmoids one after another."""
    x = x.detach().clone().requires_grad_()
    out = x
    for _ in range(n):
        out = out.sigmoid()
    return torch.autograd.grad(out.sum(), x)[0]


def main() -> None:
    """Measure, train, draw."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)  # float32 knows no such small numbers
    steepest = through_sigmoids(torch.linspace(-3, 3, 601), 8).max().item()
    print(f"gradient through 8 sigmoids alone: {steepest:.2e}, at most {0.25**8:.2e}")

    x, y, _, _ = (torch.tensor(array) for array in load_digits())
    x, y = (x[:300].double() - 8) / 8, y[:300]
    models = {
        "sigmoid": Deep(torch.sigmoid),
        "relu": Deep(torch.relu),
        "residual": Deep(torch.relu, residual=True),
    }
    axes = Figure(figsize=(6, 4), layout="constrained").subplots()
    print(f"layers of {DEPTH}: gradient of the first layer over that of the last")
    for name, model in models.items():
        sizes = gradient_sizes(model, x, y)
        print(f"{name:<9} {sizes[0] / sizes[-1]:.1e}")
        axes.semilogy(range(1, DEPTH + 1), sizes, label=name)
    losses = [f"{name} loss {loss_after(model, x, y, 60):.3f}" for name, model in models.items()]
    print("after 60 steps:", ", ".join(losses))

    axes.set(xlabel="layer", ylabel="norm of the gradient by its weight", xticks=range(2, DEPTH + 1, 2))
    axes.legend()
    axes.figure.savefig("vanishing_gradient.png", dpi=100)
    print("wrote vanishing_gradient.png")


if __name__ == "__main__":
    main()
