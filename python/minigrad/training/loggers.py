"""Histories that are written as they grow."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._extras import require
from .callbacks import Callback

if TYPE_CHECKING:
    from .loop import Run


class _FileLogger(Callback):
    """Writes to a text file: a new one, or behind what is there if the run goes on."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: Any = None

    def on_train_begin(self, run: Run) -> None:
        """Open the file."""
        self._file = self.path.open("a" if run.epoch else "w", encoding="utf-8", newline="")

    def on_train_end(self, run: Run) -> None:
        """Close it."""
        self._file.close()
        self._file = None


class CSVLogger(_FileLogger):
    """Writes the history as CSV: a line with the names, then one an epoch.

    Parameters
    ----------
    path : str or Path
        The file; a run that goes on appends to it.
    """

    def on_epoch_end(self, run: Run) -> None:
        """Write a line; what the first epoch did not have is left out."""
        names = list(run.history[0])
        writer = csv.DictWriter(self._file, names, extrasaction="ignore", lineterminator="\n")
        if self._file.tell() == 0:
            writer.writeheader()
        writer.writerow(run.history[-1])
        self._file.flush()


class JSONLinesLogger(_FileLogger):
    """Writes the history as JSON lines: an object an epoch.

    Parameters
    ----------
    path : str or Path
        The file; a run that goes on appends to it.
    """

    def on_epoch_end(self, run: Run) -> None:
        """Write a line."""
        self._file.write(json.dumps(run.history[-1]) + "\n")
        self._file.flush()


class TensorBoardLogger(Callback):
    """Writes the history for TensorBoard.

    Parameters
    ----------
    folder : str or Path
        Where the event file goes.

    Raises
    ------
    ImportError
        If tensorboardX is not installed: the extra ``tensorboard``.
    """

    def __init__(self, folder: str | Path) -> None:
        self._new_writer = require("tensorboardX", "tensorboard", "TensorBoardLogger").SummaryWriter
        self.folder = Path(folder)
        self._writer: Any = None

    def on_train_begin(self, run: Run) -> None:
        """Open the event file."""
        self._writer = self._new_writer(str(self.folder))

    def on_epoch_end(self, run: Run) -> None:
        """Write each quantity as a scalar of this epoch."""
        for name, value in run.history[-1].items():
            if name != "epoch":
                self._writer.add_scalar(name, value, run.epoch)

    def on_train_end(self, run: Run) -> None:
        """Close the event file."""
        self._writer.close()
