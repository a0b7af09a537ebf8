"""How ``minigrad train`` trains: from a table to a network that is scored.

How the settings were chosen is told in docs/digits.md.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn, random
from ..datasets.reading import InputError, Table
from ..grad_mode import no_grad
from ..graph import Array
from ..nn.functional import cross_entropy, mse_loss
from ..ops.softmax import softmax
from ..optim import Adam
from ..optim.lr_scheduler import CosineAnnealingLR
from ..tensor import Tensor, wrap
from ..training import Callback, Checkpoint, EarlyStopping, History, Run
from ..utils.data import shuffled_batches
from . import metrics
from .preparation import Amount, Classes, Feature, Target, encode, find_feature, find_target, moments

LEAST_ROWS = 10


@dataclass(frozen=True)
class Settings:
    """How a table is learned.

    Attributes
    ----------
    task : str or None
        "classification" or "regression"; None finds it out.
    test, validation : float
        Which part of the rows is for the test, and which part of the others is held back for early stopping. Data that
        have a test part keep it, or go without for 0.
    patience : int
        After how many epochs without an improvement on what is held back training ends.
    """

    seed: int = 0
    epochs: int = 40
    hidden: tuple[int, ...] = (256, 128)
    batch_size: int = 64
    lr: float = 2e-3
    dropout: float = 0.0
    label_smoothing: float = 0.1
    task: str | None = None
    test: float = 0.2
    validation: float = 0.15
    patience: int = 15
    category: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Samples:
    """Rows of a table as the network takes them."""

    x: Tensor
    y: Tensor


@dataclass
class Problem:
    """A table that is ready to be learned: what its columns mean, and its parts."""

    title: str
    features: list[Feature]
    target: Target
    parts: dict[str, Samples]
    notes: list[str] = field(default_factory=list)


@dataclass
class Result:
    """What came of training."""

    problem: Problem
    settings: Settings
    model: nn.Sequential
    history: History
    best_epoch: int
    stopped: str | None
    metrics: dict[str, dict[str, float]]


# ----------------------------------------------------------------------------------------------------------------------
# The problem.


def pose(table: Table, target: str | None, settings: Settings) -> Problem:
    """Return the problem of predicting a column, the last one unless given, from the others.

    Raises
    ------
    InputError
        If there is nothing to learn, or nothing to learn from.
    """
    notes = list(table.notes)
    for name in (*settings.category, *settings.drop):
        table.column(name)
    if target is None:
        target = list(table.columns)[-1]
        if table.test is None:
            notes.append(f"no target given: column {target!r}, the last one, is learned")
    column = table.column(target)
    classes = find_target(column, settings.task)
    kept = np.flatnonzero(~column.is_missing)
    if len(kept) < len(table):
        notes.append(f"column {target!r}: {len(table) - len(kept)} rows without it left out")
    if len(kept) < LEAST_ROWS:
        raise InputError(f"{table.title} has {len(kept)} rows with a target; at least {LEAST_ROWS} are needed")
    order = Classes(target, classes).encode(column) if classes else column.numbers
    rows = split(order, kept, table.test, settings)
    features = _features(table, target, rows["train"], settings, notes)
    what = Classes(target, classes) if classes else Amount(target, *moments(column.numbers[rows["train"]]))
    x, filled = encode(table, features)
    y = what.encode(column)
    parts = {name: Samples(wrap(x[chosen]), wrap(y[chosen])) for name, chosen in rows.items()}
    return Problem(table.title, features, what, parts, notes + filled)


def split(order: Array, kept: Array, test: Array | None, settings: Settings) -> dict[str, Array]:
    """Return the rows of each part, drawn so that each has its share of every class, or of small and large targets."""
    parts: dict[str, Array] = {}
    draw = np.random.Generator(np.random.Philox(settings.seed % 2**64))
    if test is None:
        parts["test"], kept = _take(draw, order, kept, settings.test)
    else:
        parts["test"], kept = kept[test[kept] & (settings.test > 0)], kept[~test[kept]]
    if settings.validation:
        parts["validation"], kept = _take(draw, order, kept, settings.validation)
    return {"train": kept} | {name: rows for name, rows in reversed(parts.items()) if len(rows)}


def _take(draw: np.random.Generator, order: Array, rows: Array, share: float) -> tuple[Array, Array]:
    """Return a share of the rows, evenly over their order, and the rest."""
    mixed = draw.permutation(rows)
    ordered = mixed[np.argsort(order[mixed], kind="stable")]
    steps = np.floor(np.arange(len(rows) + 1) * share + 0.5)
    chosen = steps[1:] > steps[:-1]
    return np.sort(ordered[chosen]), np.sort(ordered[~chosen])


def _features(table: Table, target: str, rows: Array, settings: Settings, notes: list[str]) -> list[Feature]:
    features: list[Feature] = []
    for name, column in table.columns.items():
        if name == target or name in settings.drop:
            continue
        feature, note = find_feature(column, rows, name in settings.category)
        if feature is not None:
            features.append(feature)
        if note and not (table.test is not None and feature is None):  # corners of built-in images
            notes.append(note)
    if not features:
        raise InputError(f"{table.title} has no column to predict {target!r} from")
    return features


# ----------------------------------------------------------------------------------------------------------------------
# The network.


def build(inputs: int, outputs: int, hidden: Sequence[int], dropout: float) -> nn.Sequential:
    """Return linear layers with rectifiers, and dropout if there is any, between them."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((inputs, *hidden)):
        layers += [nn.Linear(before, after), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*layers, nn.Linear((inputs, *hidden)[-1], outputs))


def scores(model: nn.Module, x: Tensor) -> Array:
    """Return the network's outputs."""
    with no_grad():
        return np.concatenate([model(part)._array for part in x.split(8192)])


def predict(model: nn.Module, target: Target, x: Tensor) -> tuple[list[Any], Array]:
    """Return what is predicted, and for classes their probabilities, (n, classes)."""
    output = scores(model, x)
    if isinstance(target, Classes):
        return [target.values[i] for i in output.argmax(axis=1).tolist()], softmax(wrap(output), 1)._array
    return (output[:, 0].astype(np.float64) * target.std + target.mean).tolist(), output[:, :0]


def evaluate(model: nn.Module, target: Target, samples: Samples) -> dict[str, float]:
    """Return the metrics of samples."""
    if isinstance(target, Classes):
        return metrics.of_classes(scores(model, samples.x), samples.y._array)
    back = [a.astype(np.float64)[:, 0] * target.std + target.mean for a in (scores(model, samples.x), samples.y._array)]
    return metrics.of_numbers(*back)


def make_run(problem: Problem, settings: Settings, callbacks: Iterable[Callback]) -> Run:
    """Return a run that has not begun; the network is drawn from the default generator."""
    random.manual_seed(settings.seed)
    classes = isinstance(problem.target, Classes)
    model = build(problem.parts["train"].x.shape[1], problem.target.outputs, settings.hidden, settings.dropout)
    optimizer = Adam(model.parameters(), lr=settings.lr)

    def loss(output: Tensor, target: Tensor) -> Tensor:
        if classes:
            return cross_entropy(output, target, label_smoothing=settings.label_smoothing)
        return mse_loss(output, target)

    run = Run(
        model,
        optimizer,
        loss,
        schedule=CosineAnnealingLR(optimizer, T_max=settings.epochs),
        callbacks=callbacks,
        measures={"accuracy": metrics.accuracy} if classes else {},
    )
    held_back = problem.parts.get("validation")
    if held_back is not None:
        run.validate = lambda: _validate(run, loss, held_back, classes)
    return run


def _validate(run: Run, loss: Any, samples: Samples, classes: bool) -> dict[str, float]:
    with no_grad():
        output = run.model(samples.x)
        record = {"val_loss": float(loss(output, samples.y).item())}
    return record | ({"val_accuracy": metrics.accuracy(output, samples.y)} if classes else {})


def train(
    problem: Problem,
    settings: Settings,
    *,
    callbacks: Sequence[Callback] = (),
    checkpoint: Path | None = None,
    about: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
) -> Result | None:
    """Train a network, from the start or from a checkpoint's state; return None where the user interrupted it."""
    stopping: list[Callback] = []
    if "validation" in problem.parts:
        stopping = [EarlyStopping("val_loss", patience=settings.patience)]
    saving = [] if checkpoint is None else [Checkpoint(checkpoint, seconds=2.0, extra=about)]
    run = make_run(problem, settings, [*stopping, *saving, *callbacks])
    if state is not None:
        own = len(stopping) + len(saving)
        kept = {**state["run"], "callbacks": [*state["run"]["callbacks"][:own], *({} for _ in callbacks)]}
        run.load_state_dict(kept)
        random.set_rng_state(state["generator"])
    samples = problem.parts["train"]
    run.train(lambda: shuffled_batches(samples.x, samples.y, batch_size=settings.batch_size), settings.epochs)
    if run.interrupted:
        return None
    scored = {name: evaluate(run.model, problem.target, part) for name, part in problem.parts.items()}
    best = stopping[0].best_epoch if stopping and isinstance(stopping[0], EarlyStopping) else run.epoch
    if not all(math.isfinite(value) for part in scored.values() for value in part.values()):
        raise InputError("training diverged: give a smaller --lr")
    return Result(problem, settings, run.model, run.history, best, run.stopped, scored)  # type: ignore[arg-type]


def as_dictionary(settings: Settings) -> dict[str, Any]:
    """Return the settings as a dictionary that a file can hold."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings).items()}
