"""What other repositories' tests and defect lists ask of an autograd engine, row by row."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad import autograd


def test_R6_floor_division_and_remainder() -> None:
    x = mg.tensor([5.0, -5.0, 7.5], dtype=mg.float64, requires_grad=True)
    y = mg.tensor([2.0, 3.0, -2.0], dtype=mg.float64, requires_grad=True)
    assert (x // y).tolist() == [2.0, -2.0, -4.0]
    assert not (x // y).requires_grad
    rest = x % y
    assert rest.tolist() == [1.0, 1.0, -0.5]
    dx, dy = autograd.grad(rest.sum(), [x, y])
    assert dx.tolist() == [1.0, 1.0, 1.0]
    assert dy.tolist() == [-2.0, 2.0, 4.0]
    assert (7 // mg.tensor([2, -2])).tolist() == [3, -4]
    assert (7 % mg.tensor([4, -4])).tolist() == [3, -1]


@pytest.mark.parametrize("dtype", [mg.uint8, mg.int64, mg.float32, mg.float64], ids=str)
def test_X22_floor_division_in_place(dtype: mg.dtype) -> None:
    x = mg.tensor([5, 8, 1], dtype=dtype)
    memory = x.numpy()
    x //= 2
    assert x.numpy() is memory
    np.testing.assert_array_equal(memory, [2, 4, 0])
    x %= 3
    np.testing.assert_array_equal(memory, [2, 1, 0])
