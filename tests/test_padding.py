"""Borders, and views that a tensor becomes itself."""

from __future__ import annotations

import re

import numpy as np
import pytest

import minigrad as mg
from minigrad import autograd
from minigrad.nn import functional as F


@pytest.mark.parametrize("sizes", [(), (1, 2), (0, 3, 2, 0), (-1, 2), (1, -2, -1, 1), (-2, -1)])
@pytest.mark.parametrize("dtype", [mg.float32, mg.float64, mg.int64, mg.uint8, mg.bool], ids=str)
def test_pad_is_pytorchs(sizes: tuple[int, ...], dtype: mg.dtype) -> None:
    torch = pytest.importorskip("torch")
    x = np.arange(12).reshape(3, 4).astype(dtype.numpy)
    expected = torch.nn.functional.pad(torch.from_numpy(x), sizes, value=1).numpy()
    got = F.pad(mg.from_numpy(x), sizes, value=1).numpy()
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def test_pad_has_the_gradients_of_what_it_keeps() -> None:
    x = mg.tensor(np.random.default_rng(1).normal(size=(2, 3)), requires_grad=True)
    assert autograd.gradcheck(lambda x: F.pad(x, (2, -1, 0, 1), value=3.0), (x,))
    assert autograd.gradgradcheck(lambda x: F.pad(x, (2, -1, 0, 1)) ** 2, (x,))


@pytest.mark.parametrize("sizes", [(1,), (0, 0, 0, 0, 1, 1), (-3, 2), (-2, -1)])
def test_pad_refuses(sizes: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match="pad: "):
        F.pad(mg.ones(2, 2), sizes)
    with pytest.raises(NotImplementedError, match="there is no mode 'mirror'"):
        F.pad(mg.ones(2, 2), (1, 1), mode="mirror")


#: What becomes of 0 1 2 3, padded by two before and three behind.
BORDERS = {
    "reflect": [2, 1, 0, 1, 2, 3, 2, 1, 0],
    "replicate": [0, 0, 0, 1, 2, 3, 3, 3, 3],
    "circular": [2, 3, 0, 1, 2, 3, 0, 1, 2],
}


@pytest.mark.parametrize("mode", BORDERS)
def test_borders_of_a_tensors_own_elements(mode: str) -> None:
    row = np.array(BORDERS[mode])
    assert F.pad(mg.arange(4).reshape(1, 4), (2, 3), mode=mode).tolist() == [row.tolist()]
    x = np.arange(8.0).reshape(1, 2, 4)
    both = {"reflect": [1, 0, 1], "replicate": [0, 0, 1], "circular": [1, 0, 1]}[mode]
    np.testing.assert_array_equal(F.pad(mg.from_numpy(x), (2, 3, 1, 0), mode).numpy(), x[:, both][:, :, row])
    leaf = mg.tensor(x, requires_grad=True)
    assert autograd.gradcheck(lambda x: F.pad(x, (2, 3), mode), (leaf,))
    assert autograd.gradgradcheck(lambda x: F.pad(x, (2, 3, 1, 0), mode) ** 2, (leaf,))
    assert mg.func.vmap(lambda x: F.pad(x, (2, 3), mode))(mg.from_numpy(x)).shape == (1, 2, 9)


@pytest.mark.parametrize(
    ("mode", "shape", "sizes", "kind"),
    [
        ("reflect", (2, 4), (4, 0), RuntimeError),
        ("circular", (2, 4), (0, 5), RuntimeError),
        ("circular", (2, 4), (3, -2), RuntimeError),
        ("circular", (2, 4), (-4, 2), RuntimeError),
        ("circular", (2, 4), (0, -5), RuntimeError),
        ("replicate", (2, 4), (-2, -2), RuntimeError),
        ("replicate", (2, 0), (1, 1), RuntimeError),
        ("reflect", (4,), (1, 1), NotImplementedError),
        ("reflect", (2, 4), (1, 1, 1, 1), NotImplementedError),
    ],
)
def test_borders_that_cannot_be(mode: str, shape: tuple[int, ...], sizes: tuple[int, ...], kind: type) -> None:
    with pytest.raises(kind, match="pad: mode"):
        F.pad(mg.ones(shape), sizes, mode)


@pytest.mark.parametrize("mode", ["constant", "circular"])
def test_sizes_of_borders_that_are_none(mode: str) -> None:
    for sizes in (None, 1, "ab", (1.5, 1), [None]):
        with pytest.raises(TypeError, match=f"pad: pad must be a sequence of integers, got {re.escape(repr(sizes))}"):
            F.pad(mg.ones(2, 4), sizes, mode)
    with pytest.raises(RuntimeError, match="pad: needs an even number of sizes"):
        F.pad(mg.ones(2, 4), (1, 2, 3), mode)


@pytest.mark.parametrize(
    ("sizes", "row"),
    [
        ((1, -1), [2, 0, 1, 2]),
        ((-1, 1), [1, 2, 3, 1]),
        ((-3, 1), [3, 3]),
        ((2, -2), [0, 1, 0, 1]),
        ((-1, -1), [1, 2]),
        ((0, -4), []),
    ],
)
def test_what_is_left_of_a_tensor_goes_round(sizes: tuple[int, int], row: list[int]) -> None:
    assert F.pad(mg.arange(4.0).reshape(1, 4), sizes, "circular").tolist() == [row]
    x = mg.arange(12.0).reshape(1, 3, 4)
    rows = [[6.0, 4.0, 5.0, 6.0], [10.0, 8.0, 9.0, 10.0]]
    assert F.pad(x, (1, -1, -1, 2), "circular").tolist() == [rows + rows]
