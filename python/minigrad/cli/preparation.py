"""What a table's columns become before a network sees them, and what its outputs mean."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..datasets.reading import Column, InputError, Table
from ..graph import Array
from ..ops.reduce import mean as mean_of
from ..ops.statistics import var
from ..tensor import wrap

MANY_VALUES = 100  # a column of texts with more different ones tells samples apart, not kinds of them
FEW_VALUES = 20  # up to so many, that each text is there once may be chance
MOSTLY = 0.8  # from this share of numbers on, a text among them is taken for a mistake
FARTHEST = 1e18  # deviations from the mean: the network's sums of more leave the range of its float32
DRESSED_UP = re.compile(r"[$€£¥]?\s*[-+]?\d[\d,' ]*(\.\d+)?\s*[%$€£¥]?")  # a number with its unit, or by thousands


def moments(values: Array) -> tuple[float, float]:
    """Return mean and standard deviation, 1 for values that do not vary: the same bits on every machine."""
    size = float(np.abs(values).max(initial=0))
    # Squares of what is very large or very small leave the range of floats; a power of two changes no other bit.
    scale = 1.0 if 1e-100 < size < 1e100 or size == 0 else 2.0 ** min(np.frexp(size)[1].item(), 1023)
    x = wrap(np.ascontiguousarray(values / scale, np.float64))
    deviation = float(var(x, correction=0).item()) ** 0.5
    return float(mean_of(x).item()) * scale, deviation * scale or 1.0


@dataclass(frozen=True)
class Number:
    """A column of numbers: what is missing becomes `fill`; then it is standardised."""

    name: str
    fill: float
    mean: float
    std: float

    width = 1

    def encode(self, column: Column) -> tuple[Array, str]:
        """Return the standardised numbers, (n, 1), and a note on what was filled.

        Raises
        ------
        InputError
            If the column has text in it.
        """
        if column.strays:
            row = column.strays[0]
            raise InputError(
                f"column {self.name!r} has text, {column.texts[row]!r} in row {row + 1}, but the model needs numbers"
            )
        numbers = column.numbers
        absent = np.isnan(numbers)
        note = (
            f"column {self.name!r}: {_count(absent.sum(), 'missing cell')} filled with {self.fill:g}"
            if absent.any()
            else ""
        )
        with np.errstate(over="ignore"):
            values = (np.where(absent, self.fill, numbers) - self.mean) / self.std
        far = np.flatnonzero(~(np.abs(values) < FARTHEST))
        if far.size:
            raise InputError(
                f"column {self.name!r} has {numbers[far[0]]:g} in row {far[0] + 1}, too far from the mean {self.mean:g} "
                f"(deviation {self.std:g}) of what the model learned from"
            )
        return values[:, None], note


@dataclass(frozen=True)
class Category:
    """A column of texts: each of its values becomes a column of zeros and ones."""

    name: str
    values: list[str]

    @property
    def width(self) -> int:
        """How many columns it becomes."""
        return len(self.values)

    def encode(self, column: Column) -> tuple[Array, str]:
        """Return the indicators, (n, values), and a note on values that were not there in training."""
        index = {value: i for i, value in enumerate(self.values)}
        codes = np.array([index.get(text, -1) if text is not None else -1 for text in column.texts])
        known = codes >= 0
        indicators = np.zeros((len(codes), len(self.values)))
        indicators[np.flatnonzero(known), codes[known]] = 1
        unknown = sorted({text for text in column.texts if text is not None and text not in index})
        note = (
            f"column {self.name!r}: {_count(len(unknown), 'new value')} such as {unknown[0]!r} count as none"
            if unknown
            else ""
        )
        return indicators, note


@dataclass(frozen=True)
class Classes:
    """A target of classes, by their names."""

    name: str
    values: list[str]

    task = "classification"

    @property
    def outputs(self) -> int:
        """How many outputs the network has."""
        return len(self.values)

    def encode(self, column: Column) -> Array:
        """Return the classes' numbers, −1 for what is none of them."""
        index = {value: i for i, value in enumerate(self.values)}
        return np.array([-1 if text is None else index.get(text, -1) for text in labels(column)], np.int64)


@dataclass(frozen=True)
class Amount:
    """A target of numbers, which the network learns standardised."""

    name: str
    mean: float
    std: float

    task = "regression"
    outputs = 1

    def encode(self, column: Column) -> Array:
        """Return the standardised numbers, (n, 1)."""
        return (((column.numbers - self.mean) / self.std)[:, None]).astype(np.float32)


Feature = Number | Category
Target = Classes | Amount
KINDS: dict[str, Any] = {kind.__name__.lower(): kind for kind in (Number, Category, Classes, Amount)}


def describe(part: Feature | Target) -> dict[str, Any]:
    """Return a feature or target as a dictionary that a file can hold."""
    return {"kind": type(part).__name__.lower(), **asdict(part)}


def restore(described: Mapping[str, Any]) -> Any:
    """Return what was described."""
    return KINDS[described["kind"]](**{name: value for name, value in described.items() if name != "kind"})


def labels(column: Column) -> list[str | None]:
    """Return the cells as names of classes; whole numbers without a point."""
    if column.strays:
        return column.texts
    return [None if np.isnan(v) else f"{v:.0f}" if v == round(v) else f"{v:g}" for v in column.numbers]


# ----------------------------------------------------------------------------------------------------------------------
# Finding out.


def find_target(column: Column, task: str | None) -> list[str]:
    """Return the classes to tell apart; none mean regression.

    Unless it is said, texts, truth values, and whole numbers of at most 20 different values mean classification.

    Raises
    ------
    InputError
        If there is only one class, or a regression has text to learn.
    """
    numbers = column.numbers[~np.isnan(column.numbers)]
    whole = not column.strays and len(np.unique(numbers)) <= 20 and bool((numbers == np.round(numbers)).all())
    task = task or ("classification" if column.strays or whole else "regression")
    if task == "regression":
        if column.strays:
            raise InputError(
                f"column {column.name!r} has text, such as {column.texts[column.strays[0]]!r}: no regression"
            )
        if len(np.unique(numbers)) < 2:
            raise InputError(f"column {column.name!r} has one value only: there is nothing to learn")
        return []
    classes = Counter(label for label in labels(column) if label is not None)
    if len(classes) < 2:
        what = f"only the class {next(iter(classes))!r}" if classes else "nothing in it"
        raise InputError(f"column {column.name!r} has {what}: there is nothing to tell apart")
    if len(classes) > len(column) / 2:
        raise InputError(
            f"column {column.name!r} has {len(classes)} different values in {len(column)} rows: no classes"
        )
    return sorted(classes, key=_natural)


def _natural(label: str) -> tuple[float, str]:
    try:
        return float(label), label
    except ValueError:
        return float("inf"), label


def find_feature(column: Column, rows: Array, as_category: bool) -> tuple[Feature | None, str]:
    """Return what becomes of a column, learned from some rows, and a note; None leaves it out.

    Raises
    ------
    InputError
        If it has numbers but for a few texts.
    """
    numbers = column.numbers[rows]
    present = numbers[~np.isnan(numbers)]
    if column.strays and not as_category:
        share = 1 - len(column.strays) / max(1, len(column) - int(column.is_missing.sum()))
        if share >= MOSTLY:
            row = column.strays[0]
            raise InputError(
                f"column {column.name!r} has numbers, but text in row {row + 1}: {column.texts[row]!r}; "
                f"mend it, or give --category or --drop with the column's name"
            )
        _refuse_dressed_up(column)
        as_category = True
    if as_category:
        return _find_category(column, rows)
    if len(np.unique(present)) < 2:
        return None, f"column {column.name!r} left out: it does not vary"
    fill = float(np.median(present))
    mean, std = moments(np.where(np.isnan(numbers), fill, numbers))
    return Number(column.name, fill, mean, std), ""


def _refuse_dressed_up(column: Column) -> None:
    """Raise an InputError for texts most of which are numbers in a form that is not read."""
    texts = [text for text in column.texts if text is not None]
    dressed_up = [text for text in texts if DRESSED_UP.fullmatch(text)]
    if len(dressed_up) >= MOSTLY * len(texts) and len(set(texts)) > FEW_VALUES:
        raise InputError(
            f"column {column.name!r} has texts such as {dressed_up[0]!r} that look like numbers; write them as plain "
            "numbers, or give --category or --drop with the column's name"
        )


def _find_category(column: Column, rows: Array) -> tuple[Category | None, str]:
    texts = column.texts
    values = sorted({text for i in rows.tolist() if (text := texts[i]) is not None})
    if len(values) > MANY_VALUES:
        return None, f"column {column.name!r} left out: text with {len(values)} different values"
    if len(values) > FEW_VALUES and len(values) == sum(texts[i] is not None for i in rows.tolist()):
        return None, f"column {column.name!r} left out: each text is there once"
    absent = sum(text is None for text in texts)
    if len(values) < 2 and not absent:
        return None, f"column {column.name!r} left out: it does not vary"
    note = f"column {column.name!r}: {_count(len(values), 'category', 'categories')} encoded as zeros and ones"
    return Category(column.name, values), note + (f", {_count(absent, 'missing cell')} as all zeros" if absent else "")


def _count(number: int, what: str, several: str | None = None) -> str:
    return f"{number} {what if number == 1 else several or what + 's'}"


def encode(table: Table, features: Sequence[Feature]) -> tuple[Array, list[str]]:
    """Return what the network is given, (n, inputs) as float32, and notes.

    Raises
    ------
    InputError
        If columns are missing or have text where numbers are needed.
    """
    absent = [feature.name for feature in features if feature.name not in table.columns]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise InputError(f"{table.title} has no column {absent[0]!r}{more}, which the model needs")
    encoded = [feature.encode(table.columns[feature.name]) for feature in features]
    inputs = np.hstack([values for values, _ in encoded]).astype(np.float32)
    return inputs, [note for _, note in encoded if note]
