"""A Siamese network: the same network sees two digits and learns to put equal ones near each other, others apart.

The contrastive loss of a pair at distance d is d² for equal digits and max(0, m − d)² for others (Hadsell, Chopra and LeCun,
"Dimensionality Reduction by Learning an Invariant Mapping", (4)). The network never sees a class, and five of the digits
not at all: it tells apart digits that it was never shown.

It prints::

    pairs of digits 0 to 4, which it learned from: 98.2 % told apart
    pairs of digits 5 to 9, which it never saw:    70.7 % told apart
"""

from __future__ import annotations

import minigrad as torch
from minigrad import Tensor, nn
from minigrad.datasets import load_digits

MARGIN = 1.0


def contrastive(distance: Tensor, same: Tensor) -> Tensor:
    """Return the mean contrastive loss of pairs."""
    near, far = distance**2, (MARGIN - distance).clamp(min=0) ** 2
    return torch.where(same, near, far).mean()


def pairs(y: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the numbers of two samples for each pair; about half of the pairs have the same digit."""
    first = torch.randint(len(y), (count,))
    second = torch.randint(len(y), (count,))
    order = y.argsort(stable=True)
    ends = torch.bincount(y, minlength=10).cumsum(0)
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), ends[:-1]])
    digit = y[first]
    partner = order[starts[digit] + (torch.rand(count) * (ends - starts)[digit]).long()]
    return first, torch.where(torch.rand(count) < 0.5, partner, second)


def told_apart(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return for how many in a hundred pairs a distance of half the margin decides rightly."""
    first, second = pairs(y, 5000)
    with torch.no_grad():
        near = nn.functional.pairwise_distance(model(x[first]), model(x[second])) < MARGIN / 2
    return 100 * (near == (y[first] == y[second])).float().mean().item()


def main() -> None:
    """Learn from five digits, test on both halves."""
    torch.manual_seed(0)
    x, y, x_test, y_test = (torch.tensor(array) for array in load_digits())
    x, x_test = x / 16, x_test / 16
    x, y = x[y < 5], y[y < 5]

    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 16))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(400):
        first, second = pairs(y, 128)
        distance = nn.functional.pairwise_distance(model(x[first]), model(x[second]))
        optimizer.zero_grad()
        contrastive(distance, y[first] == y[second]).backward()
        optimizer.step()

    known = y_test < 5
    seen, unseen = (told_apart(model, x_test[part], y_test[part]) for part in (known, ~known))
    print(f"pairs of digits 0 to 4, which it learned from: {seen:.1f} % told apart")
    print(f"pairs of digits 5 to 9, which it never saw:    {unseen:.1f} % told apart")


if __name__ == "__main__":
    main()
