"""Handwritten digits."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

import numpy as np

from ..graph import Array


class Digits(NamedTuple):
    """Handwritten digits in the two parts that their authors made, by different writers.

    Attributes
    ----------
    x_train : ndarray
        Images, (3823, 64), float32: 8 × 8 counts of black pixels from 0 to 16, row by row.
    y_train : ndarray
        The digits, (3823,), int64.
    x_test : ndarray
        Images, (1797, 64), float32.
    y_test : ndarray
        The digits, (1797,), int64.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


def load_digits() -> Digits:
    """Return handwritten digits, 8 × 8 pixels each, split into a part to train on and a part to test with.

    Returns
    -------
    Digits
        The named tuple (x_train, y_train, x_test, y_test) of NumPy arrays, new at each call.

    Notes
    -----
    *Optical Recognition of Handwritten Digits*, E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning Repository,
    https://doi.org/10.24432/C50P49, licensed under CC BY 4.0. The digits are the authors' own, in their order and their
    split; only the file format differs. 43 people wrote them: 30 the first part, 13 others the second.

    Examples
    --------
    >>> import minigrad.datasets
    >>> digits = minigrad.datasets.load_digits()
    >>> digits.x_train.shape, digits.x_test.shape
    ((3823, 64), (1797, 64))
    >>> digits.y_train[:3].tolist()
    [0, 0, 7]
    """
    with (files(__package__) / "digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return Digits(
            x_train=arrays["x_train"].astype(np.float32),
            y_train=arrays["y_train"].astype(np.int64),
            x_test=arrays["x_test"].astype(np.float32),
            y_test=arrays["y_test"].astype(np.int64),
        )
