"""Training with a history and callbacks: what the estimators and the command line run.

`Run` goes over batches; what happened stands in its `History`; a `Callback` sees every epoch and may end the run.
"""

from .callbacks import Callback, Checkpoint, EarlyStopping, ProgressBar
from .history import History
from .loggers import CSVLogger, JSONLinesLogger, TensorBoardLogger
from .loop import Run

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "JSONLinesLogger",
    "ProgressBar",
    "Run",
    "TensorBoardLogger",
]
