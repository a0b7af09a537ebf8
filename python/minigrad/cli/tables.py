"""The data that a command is given: files, and what the package carries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..datasets import load_digits
from ..datasets.reading import Column, InputError, Table, read
from ..graph import Array


def load(source: str, header: bool | None = None) -> Table:
    """Return the table in a CSV or Parquet file, or the built-in one of this name.

    Parameters
    ----------
    source : str
        The file's name, or the data's.
    header : bool, optional
        Whether the file's first line has the names; found out unless given.

    Raises
    ------
    InputError
        If there is no such file, or no table in it.
    ImportError
        If it is a file and polars is not installed.
    """
    if source in BUILT_IN:
        return BUILT_IN[source]()
    if not Path(source).exists():
        raise InputError(f"{source} does not exist; data are a CSV or Parquet file, or one of: {', '.join(BUILT_IN)}")
    return read(source, header)


def digits() -> Table:
    """Return the handwritten digits: the authors' training part, then their test part."""
    data = load_digits()
    pixels = np.concatenate([data.x_train, data.x_test])
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    columns: Mapping[str, Array] = dict(zip(names, pixels.T, strict=True)) | {
        "digit": np.concatenate([data.y_train, data.y_test])
    }
    test = np.arange(len(pixels)) >= len(data.x_train)
    return Table("handwritten digits", {name: Column(name, cells) for name, cells in columns.items()}, test=test)


BUILT_IN = {"digits": digits}
