"""Logistic regression: two clouds of points and the line between them.

Both clouds are normal with variance 1, around (1, 0.5) and (−1, −0.5). By Bayes' rule the logit of the first cloud is then
2 x₁ + x₂, which is what the loss leads to: gradient of the binary cross-entropy, σ(z) − y, times the input.

It prints::

    learned  1.96 x1 + 0.96 x2 + -0.05
    exact    2.00 x1 + 1.00 x2 + 0.00
    accuracy 86.4 %, exact line 86.4 %
"""

from __future__ import annotations

import minigrad as torch
from minigrad import nn


def main() -> None:
    """Learn the line."""
    torch.manual_seed(0)
    n = 2000
    center = torch.tensor([1.0, 0.5])
    x = torch.cat([torch.randn(n, 2) + center, torch.randn(n, 2) - center])
    y = torch.cat([torch.ones(n, 1), torch.zeros(n, 1)])

    model = nn.Linear(2, 1)
    loss_of = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    for _ in range(100):
        optimizer.zero_grad()
        loss_of(model(x), y).backward()
        optimizer.step()

    exact = nn.Linear(2, 1)
    exact.load_state_dict({"weight": torch.tensor([[2.0, 1.0]]), "bias": torch.zeros(1)})
    right = []
    for name, line in (("learned", model), ("exact", exact)):
        (w1, w2), b = line.weight.tolist()[0], line.bias.item()
        print(f"{name:<8} {w1:.2f} x1 + {w2:.2f} x2 + {b:.2f}")
        right.append(100 * ((line(x) > 0).float() == y).float().mean().item())
    print("accuracy {:.1f} %, exact line {:.1f} %".format(*right))


if __name__ == "__main__":
    main()
