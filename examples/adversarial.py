"""Adversarial digits: the gradient by the image says which small change misleads a network most.

The fast gradient sign method moves each pixel by ε against the right answer: x' = x + ε sign(∂loss/∂x) (Goodfellow, Shlens
and Szegedy, "Explaining and Harnessing Adversarial Examples", section 4). Some digits are drawn to adversarial.png.

It prints::

    ε 0.00: loss 0.151, accuracy 95.2 %
    ε 0.05: loss 0.613, accuracy 78.7 %
    ε 0.10: loss 1.824, accuracy 42.3 %
    random signs, ε 0.10: loss 0.197, accuracy 93.9 %
    wrote adversarial.png
"""

from __future__ import annotations

from matplotlib.figure import Figure

import minigrad as torch
import minigrad.nn.functional as F
from minigrad import Tensor, nn
from minigrad.datasets import load_digits


def fgsm(model: nn.Module, x: Tensor, y: Tensor, epsilon: float) -> Tensor:
    """Return the inputs, each element moved by epsilon in the direction that raises the loss, within [0, 1]."""
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    return (x.detach() + epsilon * gradient.sign()).clamp(0, 1)


def train(x: Tensor, y: Tensor) -> nn.Module:
    """Return a network that knows the digits."""
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(200):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.requires_grad_(False)


def draw(model: nn.Module, pairs: list[tuple[Tensor, str]]) -> None:
    """Draw a row of digits for each pair, with what the network takes them for."""
    figure = Figure(figsize=(8, 2.4), layout="constrained")
    for axes, (images, name) in zip(figure.subplots(len(pairs), 8), pairs, strict=True):
        for ax, image, taken in zip(axes, images, model(images).argmax(1).tolist(), strict=False):
            ax.imshow(image.reshape(8, 8).numpy(), cmap="gray_r")
            ax.set_title(str(taken), fontsize=8)
            ax.set(xticks=[], yticks=[])
        axes[0].set_ylabel(name)
    figure.savefig("adversarial.png", dpi=100)


def main() -> None:
    """Train, attack, draw."""
    torch.manual_seed(0)
    x, y, x_test, y_test = (torch.tensor(array) for array in load_digits())
    x, x_test = x / 16, x_test / 16
    model = train(x, y)

    def show(name: str, images: Tensor) -> None:
        scores = model(images)
        accuracy = 100 * (scores.argmax(1) == y_test).float().mean().item()
        print(f"{name}: loss {F.cross_entropy(scores, y_test).item():.3f}, accuracy {accuracy:.1f} %")

    for epsilon in (0.0, 0.05, 0.1):
        show(f"ε {epsilon:.2f}", fgsm(model, x_test, y_test, epsilon))
    show("random signs, ε 0.10", (x_test + 0.1 * torch.randn_like(x_test).sign()).clamp(0, 1))
    draw(model, [(x_test[:8], "ε 0"), (fgsm(model, x_test[:8], y_test[:8], 0.1), "ε 0.1")])
    print("wrote adversarial.png")


if __name__ == "__main__":
    main()
