"""Products of labelled dimensions, products with something added, chains of matrices."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.autograd import gradcheck, gradgradcheck

EQUATIONS: list[tuple[str, tuple[tuple[int, ...], ...]]] = [
    ("ij->ji", ((2, 3),)),
    ("ij", ((2, 3),)),
    ("ba", ((2, 3),)),
    ("ij->", ((2, 3),)),
    ("ii", ((3, 3),)),
    ("ii->i", ((3, 3),)),
    ("iji->j", ((2, 3, 2),)),
    ("iii->i", ((2, 2, 2),)),
    ("i,i", ((3,), (3,))),
    ("i,j->ij", ((3,), (2,))),
    ("i,j->ji", ((3,), (2,))),
    ("ij,jk", ((2, 3), (3, 4))),
    ("ij,kj->ki", ((2, 3), (4, 3))),
    ("ij,ij->ij", ((2, 3), (2, 3))),
    ("ij,ij->j", ((2, 3), (2, 3))),
    ("bij,bjk->bik", ((2, 3, 4), (2, 4, 5))),
    ("bij,bkj->ikb", ((2, 3, 4), (2, 5, 4))),
    ("...ij,...jk->...ik", ((2, 1, 3, 4), (5, 4, 2))),
    ("...i,...i", ((2, 3), (3,))),
    ("i...,ij->j...", ((3, 2), (3, 4))),
    ("...a->...", ((2, 3),)),
    ("ij,jk", ((2, 1), (3, 4))),
    ("ij,jk,kl->il", ((2, 3), (3, 4), (4, 5))),
    ("bn,anm,bm->ba", ((2, 3), (4, 3, 5), (2, 5))),
    ("a,b,c->abc", ((2,), (3,), (4,))),
    ("ij,jk", ((0, 3), (3, 2))),
    ("ij,jk", ((2, 0), (0, 3))),
    (",i->i", ((), (3,))),
]


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS, ids=str)
def test_einsum_is_numpys(equation: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    draw = np.random.default_rng(0)
    arrays = [np.asarray(draw.standard_normal(shape)) for shape in shapes]
    out = mg.einsum(equation, *map(mg.from_numpy, arrays))
    np.testing.assert_allclose(out.numpy(), np.einsum(equation, *arrays), rtol=1e-13, atol=1e-13)
    xs = [mg.from_numpy(a).requires_grad_() for a in arrays]
    assert gradcheck(lambda *xs: mg.einsum(equation, *xs), xs)
    assert gradgradcheck(lambda *xs: mg.einsum(equation, *xs), xs)


def test_einsum_of_lists() -> None:
    x, y = mg.randn(2, 3), mg.randn(3, 4)
    np.testing.assert_array_equal(mg.einsum(x, [0, 1], y, [1, 2], [2, 0]), mg.einsum("ab,bc->ca", x, y))
    np.testing.assert_array_equal(mg.einsum(x, [..., 1], y, [1, 2]), mg.einsum("...b,bc", [x, y]))
    np.testing.assert_array_equal(mg.einsum(x, [0, 1]), x)
    np.testing.assert_array_equal(mg.einsum(x, [1, 0]), x.T)


def test_numbered_labels_of_an_einsum_keep_their_order() -> None:
    x = mg.randn(2, 3)
    np.testing.assert_array_equal(mg.einsum(x, [0, 26]), x)
    np.testing.assert_array_equal(mg.einsum(x, [30, 3]), x.T)


MALFORMED: dict[str, Callable[[], Any]] = {
    "has 2 terms, but there are 1 operands": lambda: mg.einsum("i,j", mg.ones(2)),
    "does not describe 2 dimensions": lambda: mg.einsum("ijk", mg.ones(2, 2)),
    "does not describe 3 dimensions": lambda: mg.einsum("ij->i", mg.ones(2, 2, 2)),
    "labels must be letters": lambda: mg.einsum("i1", mg.ones(2, 2)),
    "a label occurs twice in the result": lambda: mg.einsum("ij->ii", mg.ones(2, 2)),
    "has a label that no operand has": lambda: mg.einsum("ij->ik", mg.ones(2, 2)),
    "has the sizes 2 and 3": lambda: mg.einsum("ij,jk", mg.ones(2, 2), mg.ones(3, 2)),
    "in one operand": lambda: mg.einsum("ii", mg.ones(2, 1)),
    "needs an equation": lambda: mg.einsum("ii"),
    "numbers from 0 to 51": lambda: mg.einsum(mg.ones(2), [52]),
}


@pytest.mark.parametrize("message", MALFORMED)
def test_malformed_equations(message: str) -> None:
    with pytest.raises(RuntimeError, match=f"einsum: .*{message}"):
        MALFORMED[message]()


@pytest.mark.parametrize("dims", [0, 1, 2, ([0], [1]), ([0, 2], [1, 0]), ([-1], [-1])], ids=str)
def test_tensordot_is_numpys(dims: Any) -> None:
    draw = np.random.default_rng(0)
    shapes = {0: ((2, 3), (4,)), 1: ((2, 3), (3, 4)), 2: ((2, 3, 4), (3, 4, 2))}
    a, b = (draw.standard_normal(s) for s in shapes.get(dims if isinstance(dims, int) else 3, ((2, 3, 4), (4, 2, 4))))
    expected = np.tensordot(a, b, dims)
    np.testing.assert_allclose(mg.tensordot(mg.from_numpy(a), mg.from_numpy(b), dims), expected, rtol=1e-13)


@pytest.mark.parametrize(
    "shapes", [((2, 3), (4, 5)), ((2,), (3, 2)), ((), (3,)), ((2, 1, 3), (2, 2)), ((4, 3, 8), (5, 2, 6))], ids=str
)
def test_kron_is_numpys(shapes: tuple[tuple[int, ...], ...]) -> None:
    draw = np.random.default_rng(0)
    a, b = (np.asarray(draw.standard_normal(s)) for s in shapes)
    np.testing.assert_array_equal(mg.kron(mg.from_numpy(a), mg.from_numpy(b)), np.kron(a, b))


def test_kron_and_cross_are_differentiable() -> None:
    a, b = (mg.randn(2, 3, dtype=mg.float64, requires_grad=True) for _ in range(2))
    for function in (mg.kron, mg.cross, mg.inner):
        assert gradcheck(function, (a, b))
        assert gradgradcheck(function, (a, b))
    wide = [mg.randn(8, 5, dtype=mg.float64, requires_grad=True) for _ in range(2)]
    assert gradcheck(mg.kron, wide)


def test_a_chain_is_multiplied_in_the_cheapest_order() -> None:
    draw = np.random.default_rng(0)
    sizes = [10, 100, 5, 50, 1, 20]
    arrays = [draw.standard_normal(pair) for pair in itertools.pairwise(sizes)]
    out = mg.linalg.multi_dot([mg.from_numpy(a) for a in arrays])
    np.testing.assert_allclose(out, np.linalg.multi_dot(arrays), rtol=1e-12)
    node = out.grad_fn
    assert node is None
    from minigrad.ops.products import _best_splits

    # By hand, for sizes 10, 100, 5, 50: (A B) C takes 5000 + 2500 products, A (B C) 25000 + 50000.
    assert _best_splits((10, 100, 5, 50))[0, 2] == 1


def test_beta_zero_lets_nothing_through() -> None:
    bias = mg.full((2,), mg.nan, requires_grad=True)
    out = mg.addmm(bias, mg.ones(2, 2), mg.ones(2, 2), beta=0)
    assert out.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    out.sum().backward()
    assert bias.grad is not None
    assert bias.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [mg.uint8, mg.int8, mg.int16, mg.int32, mg.int64], ids=str)
def test_products_of_integers_wrap_around(dtype: mg.dtype) -> None:
    draw = np.random.default_rng(0)
    info = mg.iinfo(dtype)
    a, b = (draw.integers(info.min, info.max, s, dtype.numpy, endpoint=True) for s in ((3, 1, 4, 7), (2, 7, 5)))
    for x, y in ((a, b), (a[..., ::-1], b[:, ::-1]), (a[:, 0], b[0])):
        out = mg.matmul(mg.from_numpy(x), mg.from_numpy(y))
        np.testing.assert_array_equal(out.numpy(), np.matmul(x, y), strict=True)


@pytest.mark.parametrize("dtype", [mg.int8, mg.int16, mg.int32, mg.int64], ids=str)
@pytest.mark.parametrize(
    ("m", "k", "n"), [(133, 259, 70), (1, 259, 70), (133, 259, 1), (133, 259, 3), (1, 259, 1), (5, 0, 5)]
)
def test_products_of_integers_in_blocks(dtype: mg.dtype, m: int, k: int, n: int) -> None:
    draw = np.random.default_rng(0)
    info = mg.iinfo(dtype)
    a, b = (draw.integers(info.min, info.max, s, dtype.numpy, endpoint=True) for s in ((m, k), (k, n)))
    for x in (a, np.asfortranarray(a)):
        for y in (b, np.asfortranarray(b)):
            out = mg.matmul(mg.from_numpy(x), mg.from_numpy(y))
            np.testing.assert_array_equal(out.numpy(), np.matmul(a, b), strict=True)


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(
        RuntimeError, match=r"addmm: input of shape \(3,\) does not broadcast to the product's shape \(2, 2\)"
    ):
        mg.addmm(mg.ones(3), mg.ones(2, 2), mg.ones(2, 2))
    with pytest.raises(
        RuntimeError, match=r"tensordot: cannot sum dims \[1\] of shape \(2, 3\) with dims \[0\] of shape \(2, 3\)"
    ):
        mg.tensordot(mg.ones(2, 3), mg.ones(2, 3), 1)
    with pytest.raises(RuntimeError, match="inner: the last sizes differ"):
        mg.inner(mg.ones(2), mg.ones(3))
    with pytest.raises(RuntimeError, match="cross: no dimension has size 3"):
        mg.cross(mg.ones(2), mg.ones(2))
    with pytest.raises(RuntimeError, match="trace: needs a matrix"):
        mg.trace(mg.ones(2))
    with pytest.raises(RuntimeError, match="multi_dot: needs at least two"):
        mg.linalg.multi_dot([mg.ones(2)])


def test_vectors_and_diagonals_of_linalg() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 3, 4)), rng.standard_normal((3, 1))
    ours, other = mg.tensor(x), mg.tensor(y)
    np.testing.assert_allclose(mg.linalg.vecdot(ours, other, dim=1).numpy(), (x * y).sum(1), rtol=1e-14)
    np.testing.assert_array_equal(mg.linalg.diagonal(ours, offset=1).numpy(), np.diagonal(x, 1, 1, 2))
    a, b = x[..., :3], x[..., 1:]
    np.testing.assert_allclose(mg.linalg.cross(mg.tensor(a), mg.tensor(b)).numpy(), np.cross(a, b), rtol=1e-13)


@pytest.mark.parametrize("increasing", [False, True])
@pytest.mark.parametrize("columns", [None, 0, 1, 2, 5])
@pytest.mark.parametrize("values", [[], [3], [2, 0, -1], [0.0, -1.5, 2.0]])
def test_powers_of_a_vector(values: list[float], columns: int | None, increasing: bool) -> None:
    expected = np.vander(np.array(values, None if values else np.float32), columns, increasing)
    found = mg.vander(mg.tensor(values), columns, increasing)
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found.numpy(), expected)


def test_powers_are_differentiable_at_0() -> None:
    x = mg.tensor([[0.0, 2.0, -3.0]], dtype=mg.float64, requires_grad=True)
    assert gradcheck(lambda x: mg.linalg.vander(x, N=4), x)
    assert gradgradcheck(lambda x: mg.linalg.vander(x, N=4), x)
    mg.linalg.vander(x).sum().backward()  # 1 + x + x²
    assert x.grad is not None
    assert x.grad.tolist() == [[1.0, 5.0, -5.0]]
    with pytest.raises(RuntimeError, match=r"vander: x must have one dimension, got shape \(1, 3\)"):
        mg.vander(x)
    with pytest.raises(RuntimeError, match="vander: N must not be negative, got -1"):
        mg.vander(x[0], -1)
