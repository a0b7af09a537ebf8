"""Tables that users bring: CSV and Parquet files."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .._extras import require
from ..graph import Array

#: What counts as an empty cell of a CSV file.
MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?", "-"]
SEPARATORS = ",;\t|"
DECIMAL_COMMA = r"^(\s*[-+]?\d*),(\d+)"
NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"


class InputError(Exception):
    """What the user gave cannot be used; the text is one sentence that says why."""


class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
        Its name.
    cells : polars.Series or ndarray
        Texts, numbers or truth values; what is missing is null or NaN.
    """

    def __init__(self, name: str, cells: Any) -> None:
        self.name = name
        self._cells = cells

    @cached_property
    def numbers(self) -> Array:
        """The cells as float64, NaN where a cell is missing, infinite or no number."""
        values = self._cells
        if not isinstance(values, np.ndarray):
            pl = require("polars", "train", "minigrad")
            if values.dtype == pl.String:
                values = values.str.strip_chars()
            values = values.cast(pl.Float64, strict=False).to_numpy()
        numbers = np.array(values, np.float64)
        numbers[~np.isfinite(numbers)] = np.nan
        return numbers

    @cached_property
    def texts(self) -> list[str | None]:
        """The cells as texts, None where a cell is missing."""
        if isinstance(self._cells, np.ndarray):
            return [None if np.isnan(v) else f"{v:g}" for v in self._cells.astype(np.float64)]
        pl = require("polars", "train", "minigrad")
        texts: list[str | None] = self._cells.cast(pl.String).str.strip_chars().to_list()
        return [text or None for text in texts]

    @cached_property
    def strays(self) -> list[int]:
        """The rows whose cell is a text that is no number."""
        if isinstance(self._cells, np.ndarray) or self._cells.dtype.is_numeric():
            return []
        empty = np.isnan(self.numbers)
        finite = {"inf", "+inf", "-inf", "infinity", "-infinity"}
        return [
            i
            for i in np.flatnonzero(empty).tolist()
            if (text := self.texts[i]) is not None and text.lower() not in finite
        ]

    @property
    def is_missing(self) -> Array:
        """Which cells are missing."""
        return np.isnan(self.numbers) if not self.strays else np.array([text is None for text in self.texts])

    def __len__(self) -> int:
        return len(self._cells)


@dataclass(frozen=True)
class Table:
    """Columns of the same length.

    Attributes
    ----------
    title : str
        What it is called in reports.
    columns : dict
        The columns by their names.
    notes : tuple of str
        What was found out as it was read.
    test : ndarray or None
        Which rows are the test part, where the data have one of their own.
    """

    title: str
    columns: dict[str, Column]
    notes: tuple[str, ...] = ()
    test: Array | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def column(self, name: str) -> Column:
        """Return a column; InputError where there is none of this name."""
        if name not in self.columns:
            known = ", ".join(list(self.columns)[:8]) + (", ..." if len(self.columns) > 8 else "")
            raise InputError(f"{self.title} has no column {name!r}; it has {known}")
        return self.columns[name]


# ----------------------------------------------------------------------------------------------------------------------
# Reading.


def read(source: str, header: bool | None = None) -> Table:
    """Return the table in a CSV or Parquet file.

    Parameters
    ----------
    source : str
        The file's name.
    header : bool, optional
        Whether its first line has the names; found out unless given: a line with a number among its cells has not.

    Raises
    ------
    InputError
        If there is no such file, or no table in it.
    ImportError
        If polars is not installed.
    """
    pl = require("polars", "train", "minigrad")
    path = Path(source)
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{source} {kind}; a table is a CSV or Parquet file")
    if path.stat().st_size == 0:
        raise InputError(f"{source} is empty")
    try:
        with path.open("rb") as file:
            frame, notes = _read_parquet(pl, path) if file.read(4) == b"PAR1" else _read_csv(pl, path, header)
    except UnicodeDecodeError as error:
        raise InputError(f"{source} cannot be read: it is no UTF-8 text ({error.reason}); save it as UTF-8") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, csv.Error) as error:
        raise InputError(f"{source} cannot be read: {_first_line(error)}") from error
    if frame.height == 0 or frame.width == 0:
        raise InputError(f"{source} has no rows")
    return Table(path.name, {name: Column(name, frame[name]) for name in frame.columns}, notes)


def _read_csv(pl: Any, path: Path, header: bool | None) -> tuple[Any, tuple[str, ...]]:
    """Return the cells as texts: what they mean is decided column by column."""
    blank, separator, names = _first_row(path)
    notes: tuple[str, ...] = ()
    if header is None:
        header = not any(map(_is_number, names))
        if not header:
            notes = (
                "the first line has numbers, so it counts as data; the columns are called column_1, column_2, ...",
            )
    if not header:
        names = [f"column_{i}" for i in range(1, len(names) + 1)]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"{path} has several columns {twice[0]!r}")
    options = {"has_header": header, "new_columns": names, "skip_lines": blank}
    try:
        frame = pl.read_csv(path, separator=separator, infer_schema=False, null_values=MISSING, **options)
    except pl.exceptions.PolarsError:
        _refuse_longer_rows(path, separator, len(names))
        raise
    return (frame.with_columns(map(_with_points, frame)) if separator == ";" else frame), notes


def _first_row(path: Path) -> tuple[int, str, list[str]]:
    """Return how many lines are blank before the first row, what separates its cells, and the cells."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        blank, first = 0, file.readline()
        while first and not first.strip():
            blank, first = blank + 1, file.readline()
        separator = max(SEPARATORS, key=first.count)
        file.seek(0)
        cells = next((row for row in csv.reader(file, delimiter=separator) if "".join(row).strip()), [])
    if not cells:
        raise InputError(f"{path} has no rows")
    return blank, separator, [cell.strip() for cell in cells]


def _refuse_longer_rows(path: Path, separator: str, width: int) -> None:
    """Raise an InputError that names the first row with more cells than there are columns, if there is one."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for n, row in enumerate(csv.reader(file, delimiter=separator), 1):
            if len(row) > width:
                raise InputError(f"{path} cannot be read: row {n} has {len(row)} cells, but the first one has {width}")


def _with_points(series: Any) -> Any:
    """Return a column of a file with semicolons, decimal commas made points if all its cells are numbers then."""
    changed = series.str.replace(DECIMAL_COMMA, "${1}.${2}")
    numbers = changed.str.strip_chars().str.contains(NUMBER)
    return changed if numbers.all() else series


def _read_parquet(pl: Any, path: Path) -> tuple[Any, tuple[str, ...]]:
    """Return the columns that have numbers, truth values, texts or times; times become seconds."""
    frame = pl.read_parquet(path)
    columns, left_out = [], []
    for series in frame:
        kind = series.dtype
        if kind.is_temporal():
            columns.append(_seconds(pl, series))
        elif kind.is_numeric() or isinstance(kind, pl.Boolean | pl.String | pl.Categorical | pl.Enum | pl.Null):
            columns.append(series)
        else:
            left_out.append(f"column {series.name!r} left out: it holds {kind}")
    return pl.DataFrame(columns), tuple(left_out)


def _seconds(pl: Any, series: Any) -> Any:
    """Return times as seconds: since 1970, since midnight, or how long something took."""
    if series.dtype == pl.Duration:
        return series.dt.total_microseconds() / 1e6
    if series.dtype == pl.Time:
        return series.to_physical() / 1e9
    return series.cast(pl.Datetime("us")).dt.timestamp("us") / 1e6


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
