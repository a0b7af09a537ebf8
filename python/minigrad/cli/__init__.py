"""The command ``minigrad``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

INTERRUPTED = 130  # what shells give to a command that Ctrl-C ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Its arguments, those of the process unless given.

    Returns
    -------
    int
        The exit status: 0 for success, 1 where files cannot be written, 2 where arguments, data or the installation are
        at fault, 130 where the user interrupted it.
    """
    arguments = make_parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(f"minigrad {arguments.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output wants no more
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (Python flushes it at the end)
        return 1
    except Exception as error:
        expected = status_of(error)
        if expected is None:
            raise
        print(f"minigrad {arguments.command}: {error}", file=sys.stderr)
        return expected
    return status


def status_of(error: Exception) -> int | None:
    """Return the exit status for an error that a user can be told in a sentence; None for one that is a bug."""
    from ..datasets.reading import InputError

    if isinstance(error, InputError | ImportError):
        return 2
    return 1 if isinstance(error, OSError) else None


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    from .._config import __version__

    parser = argparse.ArgumentParser(prog="minigrad", description="Automatic differentiation on the CPU.")
    parser.add_argument("--version", action="version", version=f"minigrad {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    config = commands.add_parser("config", help="show what this copy was built with and runs on")
    config.set_defaults(run=show_config)
    _add_train(commands)
    _add_predict(commands)
    _add_inspect(commands)
    return parser


Commands = argparse._SubParsersAction  # its name for what add_subparsers returns


def _add_train(commands: Commands[argparse.ArgumentParser]) -> None:
    train = commands.add_parser(
        "train",
        help="train a model on a table",
        description="Train a multi-layer perceptron to predict a column of a CSV or Parquet file, or of the built-in data "
        "'digits' (handwritten digits), from the other columns. Writes the model with all that is done to the columns, "
        "the learning curves, and a confusion matrix or the residuals.",
    )
    train.add_argument("data", help="a CSV or Parquet file, or: digits")
    train.add_argument("--target", metavar="COLUMN", help="what is predicted (default: the last column)")
    train.add_argument("--task", choices=["classification", "regression"], help="found out unless given")
    train.add_argument("--category", action="append", default=[], metavar="COLUMN", help="a column of categories")
    train.add_argument("--drop", action="append", default=[], metavar="COLUMN", help="a column to leave out")
    train.add_argument("--header", choices=["yes", "no"], help="whether the first line of a CSV file has the names")
    train.add_argument("--out", type=Path, default=Path(), help="the folder to write to (default: the current one)")
    train.add_argument(
        "--log",
        type=Path,
        metavar="PATH",
        help="write the history as it grows: to a .csv or .jsonl file, or to a folder for TensorBoard",
    )
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint of an interrupted run")
    train.add_argument("--seed", type=seed, default=0, help="where the random numbers begin (default: 0)")
    train.add_argument("--threads", type=count, help="how many threads to use; the result is the same for any")
    train.add_argument("--json", action="store_true", help="print the result as JSON")
    settings = train.add_argument_group("how it learns")
    settings.add_argument("--epochs", type=count, help="how often the rows are gone through at most")
    settings.add_argument("--hidden", type=sizes, metavar="N,N,...", help="sizes of the hidden layers (256,128)")
    settings.add_argument("--batch-size", type=count, help="rows in a step (default: 64, more for large tables)")
    settings.add_argument("--lr", type=positive, help="the first learning rate (default: 0.002)")
    settings.add_argument("--dropout", type=fraction, help="the chance of dropping a hidden value (default: 0)")
    settings.add_argument("--test", type=fraction, help="the part of the rows that is for the test (default: 0.2)")
    settings.add_argument(
        "--validation", type=fraction, help="the part of the other rows held back for early stopping (default: 0.15)"
    )
    settings.add_argument("--patience", type=count, help="epochs without an improvement before it ends (default: 15)")
    train.set_defaults(run=train_table)


def _add_predict(commands: Commands[argparse.ArgumentParser]) -> None:
    predict = commands.add_parser(
        "predict",
        help="predict with a trained model",
        description="Write what a model predicts for each row of a CSV or Parquet file, and for classes their "
        "probabilities, as CSV.",
    )
    predict.add_argument("model", help="the model file that minigrad train wrote")
    predict.add_argument("data", help="a CSV or Parquet file with the columns of the training data, or: digits")
    predict.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: standard output)")
    predict.add_argument("--header", choices=["yes", "no"], help="whether the first line of a CSV file has the names")
    predict.add_argument("--threads", type=count, help="how many threads to use; the result is the same for any")
    predict.set_defaults(run=predict_table)


def _add_inspect(commands: Commands[argparse.ArgumentParser]) -> None:
    inspect = commands.add_parser(
        "inspect",
        help="tell what is in a model file",
        description="Print a model's layers and parameters, its columns, and how it was trained.",
    )
    inspect.add_argument("model", help="the model file that minigrad train wrote")
    inspect.add_argument("--json", action="store_true", help="print it as JSON")
    inspect.set_defaults(run=inspect_model)


# ----------------------------------------------------------------------------------------------------------------------
# Arguments.


def seed(text: str) -> int:
    """Return a seed that was given as text."""
    number = int(text)
    if not -(2**63) <= number < 2**64:
        raise argparse.ArgumentTypeError(f"must be between -2**63 and 2**64 - 1, got {number}")
    return number


def count(text: str) -> int:
    """Return a positive number that was given as text."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def sizes(text: str) -> tuple[int, ...]:
    """Return positive numbers with commas between them."""
    return tuple(count(part) for part in text.split(",")) if text else ()


def positive(text: str) -> float:
    """Return a number above 0 that was given as text."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return number


def fraction(text: str) -> float:
    """Return a number in [0, 1) that was given as text."""
    number = float(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1, got {text}")
    return number


# ----------------------------------------------------------------------------------------------------------------------
# Commands. What they need is imported when they run.


def show_config(_: argparse.Namespace) -> int:
    """Print what :func:`minigrad.show_config` returns."""
    from .. import _config

    print(_config.show_config())
    return 0


def train_table(arguments: argparse.Namespace) -> int:
    """Train, and write what came of it."""
    from . import commands

    return commands.train(arguments)


def predict_table(arguments: argparse.Namespace) -> int:
    """Write predictions."""
    from . import commands

    return commands.predict(arguments)


def inspect_model(arguments: argparse.Namespace) -> int:
    """Print what a model file holds."""
    from . import commands

    return commands.inspect(arguments)
