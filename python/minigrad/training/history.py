"""What happened in each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .._extras import require

Record = dict[str, float]

NOT_DRAWN = ("epoch", "lr", "seconds")
PREFIX = "val_"


class History:
    """The records of a run's epochs, each a dictionary with ``"epoch"``, ``"loss"``, ``"lr"`` and the metrics.

    Parameters
    ----------
    records : iterable of mapping, optional
        What happened before.

    Attributes
    ----------
    records : list of dict
        The records, one an epoch.

    Examples
    --------
    >>> from minigrad.training import History
    >>> history = History([{"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.5}])
    >>> history["loss"], history[-1]["epoch"], len(history)
    ([0.9, 0.5], 2, 2)
    """

    def __init__(self, records: Any = ()) -> None:
        self.records: list[Record] = [dict(record) for record in records]

    def append(self, record: Mapping[str, float]) -> None:
        """Add the record of an epoch."""
        self.records.append(dict(record))

    def names(self) -> list[str]:
        """Return what is recorded, in the order in which it first was."""
        return list(dict.fromkeys(name for record in self.records for name in record))

    def __getitem__(self, key: str | int) -> Any:
        """Return the record of an epoch, or by its name one quantity over all epochs that have it."""
        if isinstance(key, str):
            if self.records and not any(key in record for record in self.records):
                raise KeyError(f"the history has no {key!r}, only {', '.join(self.names())}")
            return [record[key] for record in self.records if key in record]
        return self.records[key]

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {value:.4g}" for name, value in self.records[-1].items()) if self.records else "empty"
        return f"History({len(self.records)} epochs; {last})"

    def plot(self, path: str | Path | None = None, title: str = "") -> Any:
        """Draw the learning curves: losses on the left, each other metric in an axis of its own.

        Parameters
        ----------
        path : str or Path, optional
            The picture to write.
        title : str, optional
            What stands above.

        Returns
        -------
        matplotlib.figure.Figure
            The drawing.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        figure = _draw_curves(self, title)
        if path is not None:
            figure.savefig(path, dpi=120)
        return figure


def _draw_curves(history: History, title: str) -> Any:
    """Return a figure with an axis for each quantity; the training's and the held-back part's share one."""
    names = [name for name in history.names() if name not in NOT_DRAWN]
    quantities = list(dict.fromkeys(name.removeprefix(PREFIX) for name in names))
    figure = require("matplotlib.figure", "train", "History.plot").Figure(
        figsize=(5.0 * max(1, len(quantities)), 3.8), layout="constrained"
    )
    for place, quantity in enumerate(quantities, start=1):
        axis = figure.add_subplot(1, len(quantities), place)
        for name, label in ((quantity, "training"), (PREFIX + quantity, "held back")):
            if name in names:
                points = [(record["epoch"], record[name]) for record in history if name in record]
                axis.plot([e for e, _ in points], [v for _, v in points], label=label)
        axis.set_xlabel("epoch")
        axis.set_ylabel(quantity)
        axis.legend()
    figure.suptitle(title)
    return figure
