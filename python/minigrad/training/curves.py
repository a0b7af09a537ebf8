"""Learning curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._extras import require

if TYPE_CHECKING:
    from .history import History

NOT_DRAWN = ("epoch", "lr", "seconds")
PREFIX = "val_"


def draw(history: History, title: str) -> Any:
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
