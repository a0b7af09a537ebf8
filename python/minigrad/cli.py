"""The command ``minigrad``."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

EXTRA = ("tqdm", "matplotlib", "safetensors")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Its arguments, those of the process unless given.

    Returns
    -------
    int
        The exit status: 0 for success, 1 where files cannot be written, 2 where the arguments or the installation are
        at fault.
    """
    from ._config import __version__

    parser = argparse.ArgumentParser(prog="minigrad", description="Automatic differentiation on the CPU.")
    parser.add_argument("--version", action="version", version=f"minigrad {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    config = commands.add_parser("config", help="show what this copy was built with and runs on")
    config.set_defaults(run=show_config)
    train = commands.add_parser("train", help="train a model")
    _add_digits(train.add_subparsers(dest="model", required=True, metavar="model"))
    arguments = parser.parse_args(argv)
    status: int = arguments.run(arguments)
    return status


def _add_digits(models: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    digits = models.add_parser(
        "digits",
        help="a multi-layer perceptron on handwritten digits",
        description="Train a multi-layer perceptron on handwritten digits and score it on other writers' digits. "
        "Writes digits.safetensors (the model) and digits.png (the learning curve).",
    )
    digits.add_argument("--seed", type=seed, default=0, help="where the random numbers begin (default: 0)")
    digits.add_argument("--epochs", type=count, help="how often the training digits are gone through")
    digits.add_argument("--threads", type=count, help="how many threads to use; the result is the same for any")
    digits.add_argument("--out", type=Path, default=Path(), help="the folder to write to (default: the current one)")
    digits.add_argument(
        "--validate",
        action="store_true",
        help="train on four fifths of the training digits and score the last fifth instead of the test digits",
    )
    digits.set_defaults(run=train_digits)


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


def show_config(_: argparse.Namespace) -> int:
    """Print what :func:`minigrad.show_config` returns."""
    from . import _config

    print(_config.show_config())
    return 0


def train_digits(arguments: argparse.Namespace) -> int:
    """Train on the digits, print the accuracies, write the model and the picture."""
    missing = [name for name in EXTRA if not _is_installed(name)]
    if missing:
        return _complain(f'needs {", ".join(missing)}: run  pip install ".[train]"  in the checkout of minigrad')
    from ._config import set_num_threads
    from .train import digits

    if arguments.threads is not None:
        set_num_threads(arguments.threads)
    chosen = {"seed": arguments.seed} | ({} if arguments.epochs is None else {"epochs": arguments.epochs})
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        result = digits.train(digits.Settings(**chosen), validate=arguments.validate)
        digits.save_model(result, arguments.out / "digits.safetensors")
        digits.save_picture(result, arguments.out / "digits.png")
    except OSError as error:
        _complain(str(error))
        return 1
    print(digits.table(result))
    print(f"wrote {arguments.out / 'digits.safetensors'} and {arguments.out / 'digits.png'}")
    return 0


def _is_installed(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _complain(problem: str) -> int:
    """Print what is wrong; return the exit status for it."""
    print(f"minigrad train digits: {problem}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
