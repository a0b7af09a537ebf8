"""The data that the package carries."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from minigrad.datasets import load_digits


def test_shapes_and_dtypes() -> None:
    digits = load_digits()
    assert [(a.shape, a.dtype.name) for a in digits] == [
        ((3823, 64), "float32"),
        ((3823,), "int64"),
        ((1797, 64), "float32"),
        ((1797,), "int64"),
    ]


def test_values_are_counts_and_digits() -> None:
    digits = load_digits()
    for x, y in ((digits.x_train, digits.y_train), (digits.x_test, digits.y_test)):
        assert (x.min(), x.max()) == (0, 16)
        assert (x == np.floor(x)).all()
        assert set(y.tolist()) == set(range(10))


def test_each_call_returns_new_arrays() -> None:
    first = load_digits()
    first.x_train[:] = -1
    assert load_digits().x_train.min() == 0


@pytest.mark.parametrize(("part", "name"), [("train", "optdigits.tra"), ("test", "optdigits.tes")])
def test_equals_the_authors_files(part: str, name: str) -> None:
    folder = os.environ.get("MINIGRAD_DATA")
    if not folder:
        pytest.skip("MINIGRAD_DATA names no folder with the authors' files")
    table = np.loadtxt(Path(folder) / name, delimiter=",", dtype=np.int64)
    digits = load_digits()
    np.testing.assert_array_equal(getattr(digits, f"x_{part}"), table[:, :64])
    np.testing.assert_array_equal(getattr(digits, f"y_{part}"), table[:, 64])
