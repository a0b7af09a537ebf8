"""What came of the samples: counts and failures."""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass, field

from .compare import Mismatch

STAGES = (
    "forward",
    "layouts",
    "methods",
    "in place",
    "gradient",
    "second order",
    "forward mode",
    "errors raised",
)


@dataclass
class Failure:
    """A sample on which minigrad is wrong."""

    name: str
    stage: str
    dtype: str
    sample: str
    message: str

    def __str__(self) -> str:
        return f"{self.name} [{self.stage}, {self.dtype}]\n    {self.sample}\n    {self.message}"


@dataclass
class Report:
    """What came of one operation's samples, or of all operations'."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: Report) -> None:
        """Take in another operation's counts and failures."""
        self.counts += other.counts
        self.skipped += other.skipped
        self.failures += other.failures
        self.seconds += other.seconds

    def totals(self) -> dict[str, int]:
        """Return the counts of one operation in the order in which they are printed."""
        counts = {what: self.counts[what] for what in ("samples", *STAGES, "error inputs")}
        return {"operations": 1, **counts, "skipped": sum(self.skipped.values()), "failures": len(self.failures)}


def describe(error: Exception) -> str:
    """Return how the libraries differ, or what was raised and where."""
    if isinstance(error, Mismatch):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames[-4:]))
    return f"{type(error).__name__}: {error} ({where})"[:1000]
