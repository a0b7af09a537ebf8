"""The kernel of singular values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import FLOATS, ISAS, Array, layouts, same_bits, with_threads

from minigrad import _core

KERNEL = _core.kernels["singular_values"]
SHAPES = [
    *((m, n) for m in (0, 1, 2, 3, 7, 8, 9, 17) for n in (0, 1, 2, 3, 7, 8, 9, 17) if n <= m),
    *((40, 33), (100, 5), (0, 4, 3), (5, 4, 0), (6, 3, 3), (2, 3, 9, 4)),
]


def draw(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def run(x: Array) -> tuple[Array, Array, Array]:
    out, u, v = KERNEL(x)
    return out, u, v


def transposed(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


def assert_decomposed(x: Array) -> None:
    """Check that u diag(out) vᵀ is x, u and v orthonormal, the values in order and those of LAPACK."""
    out, u, v = (a.astype(np.float64) for a in run(x))
    eps, n = float(np.finfo(x.dtype).eps), x.shape[-1]
    size = float(out.max(initial=0))
    close = {"rtol": 0, "atol": 8 * eps * max(n, 1)}
    np.testing.assert_allclose((u * out[..., None, :]) @ transposed(v), x, rtol=0, atol=8 * eps * max(n, 1) * size)
    np.testing.assert_allclose(transposed(v) @ v, np.broadcast_to(np.eye(n), (*x.shape[:-2], n, n)), **close)
    kept = (out > 0)[..., None, :] & (out > 0)[..., None]
    np.testing.assert_allclose(np.where(kept, transposed(u) @ u - np.eye(n), 0), 0, **close)
    assert np.all(out[..., :-1] >= out[..., 1:])
    right = np.linalg.svd(x.astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(out, right, rtol=0, atol=8 * eps * max(n, 1) * size)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_size_equals_the_reference(shape: tuple[int, ...], dtype: type) -> None:
    x = draw(shape, dtype)
    assert_decomposed(x)
    out, u, v = run(x)
    right_out, right_u, right_v = KERNEL.reference(x)
    assert [a.shape for a in (out, u, v)] == [a.shape for a in (right_out, right_u, right_v)]
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(out, right_out, rtol=8 * eps, atol=8 * eps * float(out.max(initial=0)))
    signs = np.sign((v * right_v).sum(-2, keepdims=True))  # which are open
    for found, right in ((u, right_u), (v, right_v)):
        np.testing.assert_allclose(found, right * signs, rtol=0, atol=1024 * eps)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1, 1), (9, 4), (17, 17), (5, 4, 3), (0, 3, 2), (2, 3, 3, 2)], ids=str)
def test_bits_do_not_depend_on_layout_threads_or_batch(shape: tuple[int, ...], dtype: type) -> None:
    x = draw(shape, dtype)
    expected = run(x)
    for given in (*layouts(x), *(np.flip(np.flip(x, d).copy(), d) for d in range(x.ndim))):
        assert all(map(same_bits, run(given), expected))
    for threads in (1, 2, 3, 8):
        with with_threads(threads):
            assert all(map(same_bits, run(x), expected))
    for k in np.ndindex(shape[:-2]):
        assert all(same_bits(a, np.array(b[k])) for a, b in zip(run(x[k]), expected, strict=True))
    for kernels in ISAS.values():
        assert all(map(same_bits, kernels["singular_values"](x), expected))


def test_a_broadcast_batch() -> None:
    x = draw((4, 3), np.float64)
    for found, right in zip(run(np.broadcast_to(x, (3, 4, 3))), run(x), strict=True):
        assert all(same_bits(a, right) for a in found)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("rank", [1, 2, 5])
def test_matrices_of_any_rank(rank: int, dtype: type) -> None:
    for m, n in ((5, 5), (20, 9), (60, 30)):
        assert_decomposed(draw((m, rank), dtype) @ draw((rank, n), dtype, 1))
        whole = np.random.default_rng(2).integers(-3, 4, (m, n)).astype(dtype)
        whole[:, n // 2 :] = whole[:, : n - n // 2]  # columns that come twice
        assert_decomposed(whole)


def test_small_values_are_as_exact_as_large_ones() -> None:
    """Columns of very different lengths; LAPACK's values are exact to the last digits of the largest only."""
    scales = 10.0 ** -np.arange(0, 120, 10)
    triangle = np.triu(np.full((12, 12), 0.25), 1) + np.eye(12)
    for order in (np.arange(12), np.arange(12)[::-1], np.random.default_rng(3).permutation(12)):
        out, u, v = run((triangle * scales)[:, order])
        # Of such a matrix the k-th value is the k-th column's part that is orthogonal to those before it, here 1 in size.
        np.testing.assert_allclose(out[1:] / scales[1:], 1, rtol=1e-14)
        np.testing.assert_allclose(u.T @ u, np.eye(12), atol=1e-14)
        np.testing.assert_allclose(v.T @ v, np.eye(12), atol=1e-14)


@pytest.mark.parametrize("dtype", FLOATS)
def test_matrices_near_overflow_and_underflow(dtype: type) -> None:
    x = draw((6, 4), np.float64)
    right = np.linalg.svd(x, compute_uv=False)
    limits = np.finfo(dtype)
    for scale in (float(limits.max) / 32, float(limits.tiny) * 32, 1.0):
        out = run((x * scale).astype(dtype))[0]
        np.testing.assert_allclose(out / scale, right, rtol=32 * float(limits.eps))


@pytest.mark.parametrize("dtype", FLOATS)
def test_zeros_have_the_vectors_of_the_unit_matrix(dtype: type) -> None:
    for found in (run(np.zeros((4, 3), dtype)), KERNEL.reference(np.zeros((4, 3), dtype))):
        for a, right in zip(found, (np.zeros(3), np.eye(4, 3), np.eye(3)), strict=True):
            assert same_bits(a, right.astype(dtype))
    x = np.zeros((2, 3, 3), dtype)
    x[0, 1, 2] = -2
    out, u, _ = run(x)
    assert out.tolist() == [[2, 0, 0], [0, 0, 0]]
    assert u[0].tolist() == [[0, 0, 0], [-1, 0, 0], [0, 0, 0]]
    assert same_bits(u[1], np.eye(3, dtype=dtype))


def test_equal_values_keep_the_order_of_their_columns() -> None:
    out, u, v = run(np.diag([2.0, 3.0, 2.0, 3.0]))
    assert out.tolist() == [3, 3, 2, 2]
    assert u.tolist() == v.tolist() == np.eye(4)[:, [1, 3, 0, 2]].tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_matrix_that_is_not_finite_has_no_values(value: float) -> None:
    x = draw((3, 5, 3), np.float64)
    clean = run(x)
    x[1, 2, 1] = value
    for found in (run(x), KERNEL.reference(x)):
        assert np.isnan(found[0][1]).all()
        assert np.isnan(found[1][1]).all()
    for k in (0, 2):
        assert all(same_bits(np.array(a[k]), np.array(b[k])) for a, b in zip(run(x), clean, strict=True))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (4, 0, 1)], ids=str)
def test_shapes_that_it_refuses(shape: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match="singular_values: needs matrices with at least as many rows as columns"):
        KERNEL(np.zeros(shape))
