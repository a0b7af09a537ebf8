"""``minigrad train digits``: a multi-layer perceptron learns handwritten digits.

How the settings were chosen is told in docs/digits.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn
from .._config import __version__
from ..datasets import load_digits
from ..grad_mode import no_grad
from ..nn.functional import cross_entropy
from ..ops.reduce import argmax
from ..optim import Adam
from ..optim.lr_scheduler import CosineAnnealingLR
from ..random import manual_seed
from ..serialization import save
from ..tensor import Tensor, wrap
from ..utils.data import shuffled_batches

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Settings:
    """How the model is made and trained."""

    seed: int = 0
    epochs: int = 40
    hidden: tuple[int, ...] = (256, 128)
    batch_size: int = 64
    lr: float = 2e-3
    label_smoothing: float = 0.1


@dataclass(frozen=True)
class Samples:
    """Images, standardised, and their digits."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class Standard:
    """The mean and the standard deviation of each pixel over the digits trained on."""

    mean: Array
    std: Array

    def apply(self, x: Array, y: Array) -> Samples:
        """Return images with a mean of 0 and a variance of 1 in each pixel that varies at all, and their digits."""
        return Samples(wrap((x - self.mean) / self.std), wrap(y))


@dataclass(frozen=True)
class Epoch:
    """How training stood after an epoch, as measured batch by batch while the model changed."""

    loss: float
    accuracy: float
    lr: float


@dataclass
class Result:
    """What came of training."""

    settings: Settings
    model: nn.Sequential
    standard: Standard
    scored: str  # which digits, other than those trained on, the accuracy is of
    history: list[Epoch] = field(default_factory=list)
    train_accuracy: float = 0.0
    accuracy: float = 0.0


def pixel_standard(x: Array) -> Standard:
    """Return the pixels' means and standard deviations, 1 for a pixel that never varies.

    The counts are integers, so that the sums are exact, and the results the same on every machine.
    """
    counts = x.astype(np.int64)
    n = len(counts)
    total = counts.sum(axis=0)
    variance = (n * (counts * counts).sum(axis=0) - total * total) / n**2
    std = np.where(variance > 0, np.sqrt(variance), 1.0)
    return Standard((total / n).astype(np.float32), std.astype(np.float32))


def parts(validate: bool) -> tuple[str, Array, Array, Array, Array]:
    """Return what is scored, the digits to train on, and those to score.

    These are the test digits, or with `validate` the last fifth of the training digits, so that settings can be
    compared without a look at the test digits.
    """
    data = load_digits()
    if not validate:
        return "test", *data
    cut = len(data.x_train) * 4 // 5
    return "validation", data.x_train[:cut], data.y_train[:cut], data.x_train[cut:], data.y_train[cut:]


def build_model(settings: Settings) -> nn.Sequential:
    """Return linear layers with rectifiers between them: 64 pixels, the hidden sizes, 10 scores."""
    sizes = (64, *settings.hidden, 10)
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def correct(scores: Tensor, y: Tensor) -> int:
    """Return for how many samples the largest score is that of the right digit."""
    return int((argmax(scores.detach(), 1)._array == y._array).sum())


def accuracy(model: nn.Module, samples: Samples) -> float:
    """Return the fraction of samples for which the model's largest score is that of the right digit."""
    with no_grad():
        return correct(model(samples.x), samples.y) / len(samples.y)


def train_epochs(model: nn.Sequential, samples: Samples, settings: Settings) -> Iterator[Epoch]:
    """Train the model; yield after each epoch how it went."""
    optimizer = Adam(model.parameters(), lr=settings.lr)
    schedule = CosineAnnealingLR(optimizer, T_max=settings.epochs)
    for _ in range(settings.epochs):
        loss_sum, right = 0.0, 0
        for x, y in shuffled_batches(samples.x, samples.y, batch_size=settings.batch_size):
            scores = model(x)
            loss = cross_entropy(scores, y, label_smoothing=settings.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(y)
            right += correct(scores, y)
        n = len(samples.y)
        yield Epoch(loss_sum / n, right / n, schedule.get_last_lr()[0])
        schedule.step()


def train(settings: Settings, *, validate: bool = False) -> Result:
    """Train on the digits, with a progress bar on stderr; score the others once, at the end."""
    from tqdm import tqdm

    scored, x_train, y_train, x_other, y_other = parts(validate)
    standard = pixel_standard(x_train)
    samples = standard.apply(x_train, y_train)
    manual_seed(settings.seed)
    result = Result(settings, build_model(settings), standard, scored)
    with tqdm(train_epochs(result.model, samples, settings), total=settings.epochs, desc="digits", unit="epoch") as bar:
        for epoch in bar:
            result.history.append(epoch)
            bar.set_postfix(loss=f"{epoch.loss:.4f}", accuracy=f"{100 * epoch.accuracy:.1f} %")
    result.train_accuracy = accuracy(result.model, samples)
    result.accuracy = accuracy(result.model, standard.apply(x_other, y_other))
    return result


# ----------------------------------------------------------------------------------------------------------------------
# What is left of it.


def save_model(result: Result, path: Path) -> None:
    """Write the weights, the pixels' statistics and how the model was trained; read by :func:`minigrad.load`."""
    about = {"version": __version__, "layers": "Linear with ReLU between", **asdict(result.settings)}
    standard = {"mean": wrap(result.standard.mean), "std": wrap(result.standard.std)}
    save({"about": about, "model": result.model.state_dict(), "input": standard}, path)


def save_picture(result: Result, path: Path) -> None:
    """Draw loss and accuracy over the epochs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    left = figure.add_subplot()
    epochs = range(1, len(result.history) + 1)
    left.plot(epochs, [e.loss for e in result.history], color="tab:blue")
    left.set_xlabel("epoch")
    left.set_ylabel("training loss", color="tab:blue")
    left.set_ylim(bottom=0)
    right = left.twinx()
    right.plot(epochs, [100 * e.accuracy for e in result.history], color="tab:orange", label="training, as it went")
    end = 100 * result.accuracy
    right.axhline(end, color="tab:green", linestyle="--", label=f"{result.scored}, at the end: {end:.1f} %")
    right.set_ylabel("accuracy in %", color="tab:orange")
    right.set_ylim(min(90.0, end - 5), 100.5)
    right.legend(loc="lower right")
    left.set_title(f"Handwritten digits, seed {result.settings.seed}")
    figure.savefig(path, dpi=120)


def table(result: Result) -> str:
    """Return the accuracies as a table, with lines such as ``test accuracy 98.1 %``."""
    title = f"handwritten digits, seed {result.settings.seed}, {result.settings.epochs} epochs"
    rows = [("train", result.train_accuracy), (result.scored, result.accuracy)]
    return "\n".join([title, "-" * len(title), *(f"{name} accuracy {100 * value:.1f} %" for name, value in rows)])
