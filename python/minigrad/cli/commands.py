"""What the commands do."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .._config import set_num_threads
from .._extras import require
from ..datasets.reading import InputError, Table
from ..graph import Array
from ..tensor import wrap
from ..training import Callback, CSVLogger, JSONLinesLogger, ProgressBar, TensorBoardLogger
from . import INTERRUPTED, files, metrics, pictures, recipe
from .preparation import Amount, Category, Classes, Target, encode
from .recipe import Result, Settings
from .tables import load

BATCHES = ((500_000, 1024), (50_000, 256), (0, 64))  # from how many rows on, how many there are in a step
LIBRARIES = ("tqdm", "matplotlib", "safetensors")


def train(arguments: argparse.Namespace) -> int:
    """Train on a table; write model and pictures; print the metrics."""
    for library in LIBRARIES:
        require(library, "train", "minigrad train")
    start(arguments)
    table = open_table(arguments)
    settings = settings_of(arguments, table)
    problem = recipe.pose(table, arguments.target, settings)
    for note in problem.notes:
        print(f"note: {note}", file=sys.stderr)
    arguments.out.mkdir(parents=True, exist_ok=True)
    name = Path(arguments.data).stem
    checkpoint = arguments.out / f"{name}-checkpoint.safetensors"
    made_with = files.fingerprint(settings, problem.title, list(table.columns), len(table))
    made_with["target"] = problem.target.name
    state = files.read_checkpoint(checkpoint, made_with) if arguments.resume else None
    began = time.perf_counter()
    callbacks = [ProgressBar(name, percent=metrics.PERCENT), *loggers(arguments.log)]
    about = {"made_with": made_with}
    result = recipe.train(problem, settings, callbacks=callbacks, checkpoint=checkpoint, about=about, state=state)
    if result is None:
        return tell_interruption(checkpoint)
    checkpoint.unlink(missing_ok=True)
    model = arguments.out / f"{name}.safetensors"
    files.write_model(result, model)
    written = [model, *pictures.draw(result, arguments.out, name)]
    if arguments.json:
        print(json.dumps(summary(result, written, time.perf_counter() - began), ensure_ascii=False))
    else:
        print(report(result))
        print("wrote " + ", ".join(map(str, written)))
    return 0


def loggers(path: Path | None) -> list[Callback]:
    """Return what writes the history, by the ending of a path."""
    if path is None:
        return []
    if path.suffix not in {".csv", ".jsonl"}:
        return [TensorBoardLogger(path)]
    path.parent.mkdir(parents=True, exist_ok=True)
    return [CSVLogger(path) if path.suffix == ".csv" else JSONLinesLogger(path)]


def tell_interruption(checkpoint: Path) -> int:
    """Say what an interrupted run leaves; return the exit status."""
    left = (
        f"{checkpoint} holds what was learned; --resume goes on" if checkpoint.exists() else "nothing was learned yet"
    )
    print(f"\nminigrad train: interrupted; {left}", file=sys.stderr)
    return INTERRUPTED


def start(arguments: argparse.Namespace) -> None:
    """Set the number of threads."""
    if arguments.threads is not None:
        set_num_threads(arguments.threads)


def open_table(arguments: argparse.Namespace) -> Table:
    """Return the table that the user names."""
    return load(arguments.data, {None: None, "yes": True, "no": False}[arguments.header])


def settings_of(arguments: argparse.Namespace, table: Table) -> Settings:
    """Return the settings: those given, and for the others what suits the table.

    Built-in data are learned whole, without holding anything back: their settings were chosen before.
    """
    built_in = table.test is not None
    suited: dict[str, Any] = {"epochs": 40, "validation": 0.0} if built_in else {"epochs": 100}
    suited["batch_size"] = next(size for least, size in BATCHES if len(table) >= least)
    given = {
        name: value
        for name in ("epochs", "hidden", "batch_size", "lr", "dropout", "test", "validation", "patience", "task")
        if (value := getattr(arguments, name)) is not None
    }
    lists = {"category": tuple(arguments.category), "drop": tuple(arguments.drop)}
    return Settings(**{**suited, **given, **lists, "seed": arguments.seed})


def report(result: Result) -> str:
    """Return the metrics as a table, with lines such as ``test accuracy 98.1 %``."""
    done = f"{len(result.history)} epochs"
    if result.stopped is not None:
        done += f", the best was {result.best_epoch}"
    title = f"{result.problem.title}: {result.problem.target.name}, seed {result.settings.seed}, {done}"
    lines = [title, "-" * len(title)]
    for part, values in result.metrics.items():
        lines += [f"{part} {metrics.shown(name, value)}" for name, value in values.items()]
    return "\n".join(lines)


def summary(result: Result, written: list[Path], seconds: float) -> dict[str, Any]:
    """Return the result as a dictionary for JSON."""
    return {
        "data": result.problem.title,
        "target": result.problem.target.name,
        "task": result.problem.target.task,
        "rows": {name: len(part.y) for name, part in result.problem.parts.items()},
        "epochs": len(result.history),
        "best_epoch": result.best_epoch,
        "stopped": result.stopped,
        "seconds": seconds,
        "metrics": result.metrics,
        "notes": result.problem.notes,
        "settings": recipe.as_dictionary(result.settings),
        "files": [str(path) for path in written],
    }


# ----------------------------------------------------------------------------------------------------------------------
# Predicting.


def predict(arguments: argparse.Namespace) -> int:
    """Write a line for each row; say how well the predictions do where the data have the target."""
    start(arguments)
    if arguments.out is not None and not arguments.out.parent.is_dir():
        raise InputError(f"--out: there is no folder {str(arguments.out.parent)!r}")
    saved = files.read_model(arguments.model)
    table = open_table(arguments)
    inputs, notes = encode(table, saved.features)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    predicted, probabilities = recipe.predict(saved.model, saved.target, wrap(inputs))
    text = as_csv(saved.target, predicted, probabilities)
    if arguments.out is None:
        print(text, end="")
    else:
        arguments.out.write_text(text, encoding="utf-8")
        print(f"wrote {len(predicted)} predictions to {arguments.out}")
    tell_scores(saved, table, inputs)
    return 0


def as_csv(target: Target, predicted: list[Any], probabilities: Array) -> str:
    """Return predictions as CSV: their column is called as the target; classes have their probabilities beside."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    classes = target.values if isinstance(target, Classes) else []
    writer.writerow([target.name, *(f"probability of {name}" for name in classes)])
    for value, row in zip(predicted, probabilities.tolist(), strict=True):
        shown = value if isinstance(value, str) else f"{value:.7g}"
        writer.writerow([shown, *(f"{p:.6f}" for p in row)])
    return out.getvalue()


def tell_scores(saved: files.Saved, table: Table, inputs: Array) -> None:
    """Print the metrics to stderr, if the table has the target in all rows."""
    column = table.columns.get(saved.target.name)
    if column is None or column.is_missing.any() or (isinstance(saved.target, Amount) and column.strays):
        return
    y = saved.target.encode(column)
    if isinstance(saved.target, Classes) and (y < 0).any():
        return
    found = recipe.evaluate(saved.model, saved.target, recipe.Samples(wrap(inputs), wrap(y)))
    shown = ", ".join(metrics.shown(name, value) for name, value in found.items())
    print(f"{table.title} has the target: {shown}", file=sys.stderr)


# ----------------------------------------------------------------------------------------------------------------------
# Inspecting.


def inspect(arguments: argparse.Namespace) -> int:
    """Print layers, parameters, columns, and how the model was trained."""
    saved = files.read_model(arguments.model)
    parameters = {name: list(p.shape) for name, p in saved.model.named_parameters()}
    total = sum(int(np.prod(shape)) for shape in parameters.values())
    if arguments.json:
        print(json.dumps({**saved.about, "parameters": parameters, "parameter_count": total}, ensure_ascii=False))
        return 0
    about = saved.about
    try:
        title = f"{about['target']['name']} of {about['data']}, {saved.target.task}, by minigrad {about['version']}"
        columns, training = describe_columns(saved), describe_training(about)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{arguments.model} is no model file of minigrad train") from error
    print(title)
    print(f"\n{saved.model!r}\n")
    for name, shape in parameters.items():
        print(f"{name:<12}{' × '.join(map(str, shape))}")
    print(f"{total:,} parameters\n")
    print(columns)
    print(training)
    return 0


def describe_columns(saved: files.Saved) -> str:
    """Return a line for each column."""
    lines = []
    for feature in saved.features:
        if isinstance(feature, Category):
            lines.append(f"column {feature.name}: {len(feature.values)} categories: {', '.join(feature.values)}")
        else:
            lines.append(
                f"column {feature.name}: mean {feature.mean:.4g}, deviation {feature.std:.4g}, else {feature.fill:.4g}"
            )
    if isinstance(saved.target, Classes):
        lines.append(
            f"target {saved.target.name}: {len(saved.target.values)} classes: {', '.join(saved.target.values)}"
        )
    else:
        lines.append(f"target {saved.target.name}: mean {saved.target.mean:.4g}, deviation {saved.target.std:.4g}")
    return "\n".join(lines)


def describe_training(about: dict[str, Any]) -> str:
    """Return how a model was trained, and the metrics."""
    rows = ", ".join(f"{count} rows for {name}" for name, count in about["rows"].items())
    lines = ["", f"trained for {about['epochs']} epochs, the best was {about['best_epoch']}; {rows}"]
    lines += [f"{name}: {value}" for name, value in about["settings"].items() if value not in (None, [])]
    lines += [f"note: {note}" for note in about["notes"]]
    for part, values in about["metrics"].items():
        lines += [f"{part} {metrics.shown(name, value)}" for name, value in values.items()]
    return "\n".join(lines)
