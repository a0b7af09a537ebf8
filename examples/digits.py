"""Handwritten digits with a training loop written out; the bar needs tqdm.

The loop is the one that every PyTorch script has: batches, forward, loss, backward, step. Only the import names minigrad.

It prints::

    3823 digits to learn from, 1797 of other writers to test with
    train accuracy 99.8 %
    test accuracy 96.4 %
"""

from __future__ import annotations

from tqdm import trange

import minigrad as torch
import minigrad.nn.functional as F
from minigrad import Tensor, nn
from minigrad.datasets import load_digits
from minigrad.utils.data import DataLoader, TensorDataset


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return how many in a hundred digits are recognised."""
    model.eval()
    with torch.no_grad():
        return 100 * (model(x).argmax(1) == y).float().mean().item()


def main() -> None:
    """Train, then test once."""
    torch.manual_seed(0)
    x, y, x_test, y_test = (torch.tensor(array) for array in load_digits())
    x, x_test = x / 16, x_test / 16
    print(f"{len(x)} digits to learn from, {len(x_test)} of other writers to test with")

    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    for _ in trange(30, desc="digits", unit="epoch"):
        model.train()
        for images, digits in loader:
            loss = F.cross_entropy(model(images), digits)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    print(f"train accuracy {accuracy(model, x, y):.1f} %")
    print(f"test accuracy {accuracy(model, x_test, y_test):.1f} %")


if __name__ == "__main__":
    main()
