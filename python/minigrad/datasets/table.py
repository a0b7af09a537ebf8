"""Tables in CSV files."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from ..graph import Array
from .reading import Column, InputError, read

__all__ = ["Rows", "load_csv"]


class Rows(NamedTuple):
    """What a table's rows hold.

    Attributes
    ----------
    x : ndarray
        The columns of numbers, (rows, columns), float32; NaN where a cell is empty.
    y : ndarray or None
        The target column, (rows,): int64 for classes and whole numbers, otherwise float32.
    columns : list of str
        The names of the columns of `x`.
    classes : list of str or None
        What 0, 1, 2, ... in `y` stand for, where the target is a text.
    """

    x: Array
    y: Array | None
    columns: list[str]
    classes: list[str] | None


def load_csv(path: str | os.PathLike[str], target: str | int | None = None, *, header: bool | None = None) -> Rows:
    r"""Return the numbers in a CSV file.

    Cells are separated by commas, semicolons, tabs or bars, whichever the first line has most of. Needs the extra
    ``datasets``.

    Parameters
    ----------
    path : str or path
        The file.
    target : str or int, optional
        The column that is to be predicted, by name or by number (-1 is the last).
    header : bool, optional
        Whether the first line has the columns' names; found out unless given: a line with a number in it has not. The
        columns are ``column_1``, ``column_2``, ... then.

    Returns
    -------
    Rows
        The named tuple (x, y, columns, classes).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds no table, or has a text where a number should be; the text names file, column and row.
    ImportError
        If polars is not installed.

    Examples
    --------
    >>> import os, tempfile
    >>> import minigrad.datasets
    >>> path = os.path.join(tempfile.mkdtemp(), "flowers.csv")
    >>> with open(path, "w") as file:
    ...     _ = file.write("width,height,kind\n1.5,2,rose\n3,,lily\n")
    >>> rows = minigrad.datasets.load_csv(path, "kind")
    >>> rows.x.tolist(), rows.y.tolist(), rows.classes
    ([[1.5, 2.0], [3.0, nan]], [1, 0], ['lily', 'rose'])
    """
    name = os.fspath(path)
    if not os.path.exists(name):
        raise FileNotFoundError(f"load_csv: {name} does not exist")
    try:
        columns = dict(read(name, header).columns)
    except InputError as error:
        raise ValueError(f"load_csv: {error}") from error
    if target is None:
        y, classes = None, None
    else:
        y, classes = _target(name, columns.pop(_name_of(name, list(columns), target)))
    if not columns:
        raise ValueError(f"load_csv: {name} has no column besides the target")
    x = np.stack([_numbers(name, column) for column in columns.values()], axis=1).astype(np.float32)
    return Rows(x, y, list(columns), classes)


def _name_of(path: str, names: list[str], target: str | int) -> str:
    if isinstance(target, str):
        if target in names:
            return target
        raise ValueError(f"load_csv: {path} has no column {target!r}; it has {', '.join(names)}")
    if not -len(names) <= target < len(names):
        raise ValueError(f"load_csv: {path} has no column {target}; it has {len(names)}")
    return names[target]


def _numbers(path: str, column: Column) -> Array:
    strays = column.strays
    if strays:
        row = strays[0]
        raise ValueError(f"load_csv: {path}, column {column.name!r}, row {row + 1}: {column.texts[row]!r} is no number")
    return column.numbers


def _target(path: str, column: Column) -> tuple[Array, list[str] | None]:
    missing = np.flatnonzero(column.is_missing)
    if len(missing):
        raise ValueError(f"load_csv: {path}, column {column.name!r}, row {missing[0] + 1}: the target is missing")
    if column.strays:
        texts = [str(text) for text in column.texts]
        classes = sorted(set(texts))
        number = {name: i for i, name in enumerate(classes)}
        return np.array([number[text] for text in texts], np.int64), classes
    numbers = column.numbers
    return numbers.astype(np.int64 if (numbers == np.floor(numbers)).all() else np.float32), None
