"""Batches."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad
from minigrad import Generator
from minigrad.utils.data import shuffled_batches


def test_every_row_once_and_rows_together() -> None:
    x, y = minigrad.arange(20).reshape(10, 2), minigrad.arange(10)
    batches = list(shuffled_batches(x, y, batch_size=4, generator=Generator().manual_seed(0)))
    assert [len(b) for b, _ in batches] == [4, 4, 2]
    rows = np.concatenate([b.numpy() for _, b in batches])
    assert sorted(rows.tolist()) == list(range(10))
    assert rows.tolist() != list(range(10))
    np.testing.assert_array_equal(np.concatenate([b.numpy() for b, _ in batches]), x.numpy()[rows])


def test_seed_decides_the_order() -> None:
    orders = []
    for seed in (1, 1, 2):
        batches = shuffled_batches(minigrad.arange(50), batch_size=50, generator=Generator().manual_seed(seed))
        orders.append(next(batches)[0].tolist())
    assert orders[0] == orders[1] != orders[2]


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"equally many rows, got \[2, 3\]"):
        next(shuffled_batches(minigrad.zeros(2), minigrad.zeros(3), batch_size=1))
    with pytest.raises(ValueError, match="batch_size must be positive"):
        next(shuffled_batches(minigrad.zeros(2), batch_size=0))
    with pytest.raises(ValueError, match="equally many rows"):
        next(shuffled_batches(batch_size=1))
