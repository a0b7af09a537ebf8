"""Kernels of reductions, softmax and cross-entropy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from helpers import (
    FLOATS,
    ISAS,
    PROMISED_ISAS,
    Array,
    check_rows_past_the_caches,
    large_pair,
    layouts,
    same_bits,
    with_threads,
)

from minigrad import _core

KERNELS = _core.kernels
INTEGERS = [np.uint8, np.int8, np.int16, np.int32, np.int64]
SUMS = ["sum", "mean", "prod"]
EXTREMA = ["max", "min"]

LENGTHS = [1, 2, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 3333]
SHAPES = [
    *[(), (1,), (17,), (1000,), (2100,)],
    *[(1, 1), (3, 4), (8, 8), (17, 1), (1, 17), (70, 33), (33, 70), (130, 10), (9, 10), (40, 3), (3, 1100), (1100, 3)],
    *[(3, 4, 5), (7, 1, 9), (2, 530, 3), (70, 3, 66), (2, 3, 4, 5)],
]


def results(name: str, *args: Any) -> tuple[Array, ...]:
    """Run a kernel on every instruction set whose bits are promised and with 1, 2, 3 and 8 threads: one result."""
    first: tuple[Array, ...] | None = None
    for threads in (1, 2, 3, 8):
        with with_threads(threads):
            outs = {isa: ISAS[isa][name](*args) for isa in PROMISED_ISAS}
        for isa, out in outs.items():
            out_tuple = out if isinstance(out, tuple) else (out,)
            first = first or out_tuple
            pairs = zip(first, out_tuple, strict=True)
            assert all(itertools.starmap(same_bits, pairs)), f"{name} on {isa} with {threads} threads"
    assert first is not None, "no instruction set with a fused multiply-add"
    return first


def result(name: str, *args: Any) -> Array:
    return results(name, *args)[0]


def reference(name: str, *args: Any) -> tuple[Array, ...]:
    out = KERNELS[name].reference(*args)
    return out if isinstance(out, tuple) else (out,)


def dim_sets(rank: int) -> Iterator[tuple[int, ...]]:
    """Yield every set of dims of an array, () standing for all."""
    for count in range(rank + 1):
        yield from itertools.combinations(range(rank), count)


def normal(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


# ---- The order of additions, written down a second time --------------------------------------------------------------


def vectors_sum(vectors: Array) -> Array:
    """Sum along the first dimension: in groups of four, in blocks of 64, in a binary tree over the blocks."""
    zero = np.zeros((1, *vectors.shape[1:]), vectors.dtype)
    blocks = []
    for start in range(0, max(len(vectors), 1), 64):
        block = vectors[start : start + 64]
        block = np.concatenate([block, *[zero] * (-len(block) % 4)])
        total = zero[0]
        for a, b, c, d in block.reshape(-1, 4, *vectors.shape[1:]):
            total = total + ((a + b) + (c + d))
        blocks.append(total)
    return tree_sum(blocks)


def tree_sum(blocks: list[Array]) -> Array:
    if len(blocks) == 1:
        return blocks[0]
    half = 1 << (len(blocks) - 1).bit_length() - 1  # the largest power of two below their number
    return tree_sum(blocks[:half]) + tree_sum(blocks[half:])


def row_sum(row: Array) -> Array:
    """Sum a row: element i belongs to lane i mod 16 (8 in float64); the lanes are folded in halves."""
    lanes = 64 // row.itemsize
    padded = np.concatenate([row, np.zeros(-len(row) % lanes, row.dtype)])
    total = vectors_sum(padded.reshape(-1, lanes))
    while lanes > 1:
        lanes //= 2
        total = total[:lanes] + total[lanes:]
    return np.asarray(total[0])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", LENGTHS)
def test_sums_add_in_the_order_that_is_written_down(n: int, dtype: Any) -> None:
    x = normal((n, 21), dtype)
    expected = vectors_sum(x)
    for y in layouts(x):
        assert same_bits(result("sum", y, (0,), False), expected)
    expected = np.array([row_sum(row) for row in x.T])
    for y in layouts(x.T):
        assert same_bits(result("sum", y, (1,), False), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(300_001,), (3, 70_001), (70_001, 3), (3, 30_000, 4), (150, 20, 60)])
def test_threads_that_share_the_elements_of_a_result_keep_the_order(shape: tuple[int, ...], dtype: Any) -> None:
    x = normal(shape, dtype)
    assert same_bits(result("sum", x, (), False), np.asarray(row_sum(x.reshape(-1))))
    if len(shape) == 2:
        assert same_bits(result("sum", x, (0,), False), vectors_sum(x))
        assert same_bits(result("sum", x, (1,), False), np.array([row_sum(row) for row in x]))
    if len(shape) == 3:
        expected = np.array([row_sum(x[:, j].reshape(-1)) for j in range(shape[1])][:20])
        assert same_bits(result("sum", np.ascontiguousarray(x[:, :20]), (0, 2), False), expected)


def test_a_sum_is_as_accurate_as_its_tree() -> None:
    x = np.random.default_rng(0).random(1 << 20, np.float32)
    exact = x.astype(np.float64).sum()
    assert abs(float(KERNELS["sum"](x, (), False)) - exact) <= 1.5e-7 * exact


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("shape", "dims", "period"), [((1 << 17,), (), 1024), ((600, 40), (0,), 64), ((4099, 3), (0,), 64)]
)
def test_a_variance_is_accurate_where_every_block_begins_with_other_elements(
    shape: tuple[int, ...], dims: tuple[int, ...], period: int, dtype: Any
) -> None:
    x = normal(shape, np.float64)
    first = np.arange(shape[0]) % period < period // 16
    for apart in (1, 10, 1e2, 1e4):
        hard = (x + apart * (first if len(shape) == 1 else first[:, None])).astype(dtype)
        exact = hard.astype(np.longdouble)
        variance, mean = results("var_mean", hard, dims, False, 1)
        expected = exact.var(dims or None, ddof=1)
        assert np.all(np.abs(variance - expected) <= 4 * np.finfo(dtype).eps * expected)
        np.testing.assert_allclose(mean, exact.mean(dims or None).astype(dtype), rtol=0, atol=1e-6 * apart)


def test_a_variance_has_the_same_bits_beside_one_that_is_summed_twice() -> None:
    x = normal((4099, 20), np.float32)
    alone = result("var_mean", np.ascontiguousarray(x[:, 7:8]), (0,), False, 1)
    x[np.arange(4099) % 64 < 4, :7] += 100
    assert same_bits(result("var_mean", x, (0,), False, 1)[7:8], alone)


# ---- Reductions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_sums_and_products_match_the_reference(shape: tuple[int, ...], dtype: Any) -> None:
    eps = np.finfo(dtype).eps
    for dims, keepdim in itertools.product(dim_sets(len(shape)), (False, True)):
        for name in SUMS:
            x = normal(shape, dtype)
            x = np.asarray(1 + x / 100, dtype) if name == "prod" else x
            (expected,) = reference(name, x, dims, keepdim)
            outs = [result(name, y, dims, keepdim) for y in layouts(x)]
            assert all(same_bits(outs[0], out) for out in outs), f"{name} {dims}: strides change bits"
            # A product of n factors near 1 is off by at most n roundings; sums go up to the sum of magnitudes.
            scale = np.abs(x).sum(axis=dims or None, keepdims=keepdim) if name == "sum" else np.ones(())
            np.testing.assert_allclose(
                outs[0], expected, rtol=eps * (8 + x.size / 8), atol=float(8 * eps * scale.max())
            )


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, np.bool_])
@pytest.mark.parametrize("shape", SHAPES)
def test_extrema_match_the_reference(shape: tuple[int, ...], dtype: Any) -> None:
    kinds = [np.asarray(np.random.default_rng(1).integers(0, 40, shape)).astype(dtype)]
    if dtype in FLOATS:
        with_nan = normal(shape, dtype)
        with_nan.reshape(-1)[:: max(with_nan.size // 3, 2)] = np.nan
        kinds += [normal(shape, dtype), with_nan]
    for x, dims, name in itertools.product(kinds, dim_sets(len(shape)), EXTREMA):
        (expected,) = reference(name, x, dims, True)
        for y in layouts(x):
            assert same_bits(result(name, y, dims, True), expected)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_turned_matrix_has_the_bits_of_its_copy(dtype: Any, threads: int) -> None:
    """Long rows, rows of a block, and several rows in a block, also where a group has NaN in each of its places."""
    for rows, cols in [(40, 3072), (300, 1024), (1100, 1024), (700, 512), (36, 256), (520, 256), (16, 128), (3, 96)]:
        plain = np.asarray(np.where(normal((rows, cols), dtype) < -1, dtype(-0.0), normal((rows, cols), dtype)) / 9)
        with_nan = plain.copy()
        with_nan[rows // 2, 64:128:17] = np.nan
        for x, name in itertools.product([plain, with_nan], ["sum", "mean", "nansum", "prod", *EXTREMA]):
            expected = result(name, x, (), False)
            with with_threads(threads):
                assert same_bits(result(name, np.asfortranarray(x), (), False), expected)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "shape", [(12, 16, 64), (5, 192, 9), (64, 8, 17), (40, 6, 128), (9, 3, 70, 8), (16, 16, 8, 64)]
)
def test_permuted_arrays_have_the_bits_of_their_copies(shape: tuple[int, ...], threads: int) -> None:
    """Whichever dimension's elements are neighbours, and whether what lies behind it is whole blocks, groups or less."""
    plain = normal(shape, np.float32) / 9
    plain[plain < -0.1] = -0.0
    plain.reshape(-1)[1 :: plain.size // 3] = np.nan
    for dims, name in itertools.product(dim_sets(len(shape)), ["sum", "mean", "nansum", "prod", *EXTREMA]):
        expected = result(name, plain, dims, False)
        for order in itertools.permutations(range(len(shape))):
            permuted = np.ascontiguousarray(plain.transpose(order)).transpose(np.argsort(order))
            with with_threads(threads):
                assert same_bits(result(name, permuted, dims, False), expected), (name, dims, order)


@pytest.mark.parametrize("dtype", FLOATS)
def test_rows_in_pieces_of_whole_blocks_have_the_bits_of_their_copies(dtype: Any) -> None:
    for pieces, length in [(5, 1024), (3, 2048), (70, 1024), (9, 3072)]:
        x = normal((pieces, 3, length + 40), dtype)[:, :, :length]
        for name, dims in itertools.product(["sum", "prod", "max", "nansum"], [(), (0, 2), (2,)]):
            assert same_bits(result(name, x, dims, False), result(name, np.ascontiguousarray(x), dims, False))
        assert same_bits(result("sum", x, (), False), row_sum(np.ascontiguousarray(x).reshape(-1)))


@pytest.mark.parametrize("cols", [1, 2, 3, 4, 7, 8, 9, 10, 16, 17])
@pytest.mark.parametrize("dtype", FLOATS)
def test_few_columns_of_many_rows(cols: int, dtype: Any) -> None:
    """Also beside rows that are summed lane by lane without gaps, which are these columns turned."""
    for n in (1, 3, 64, 66, 1029, 40_003):
        x = normal((n, cols), dtype)
        assert same_bits(result("sum", x, (0,), False), vectors_sum(x))
        assert same_bits(result("sum", x.T, (1,), False), np.array([row_sum(row) for row in np.ascontiguousarray(x.T)]))
        assert same_bits(result("max", x, (0,), False), x.max(axis=0))


@pytest.mark.parametrize("name", EXTREMA)
@pytest.mark.parametrize("dtype", FLOATS)
def test_plus_0_is_greater_than_minus_0(name: str, dtype: Any) -> None:
    """So the largest zero has a sign if all zeros have one, the smallest if any has, in whatever order they are read."""
    rng = np.random.default_rng(3)
    sign = np.all if name == "max" else np.any
    for shape in [(40, 30), (90, 20), (6, 16, 64), (1, 300, 20), (300, 1, 20), (16, 16, 8, 8), (20, 90), (3, 1025)]:
        plain = np.where(rng.random(shape) < 0.5, dtype(0), -dtype(0)).astype(dtype)
        plain[rng.random(shape) < 0.9] = 1 if name == "min" else -1
        for dims in dim_sets(len(shape)):
            axes = dims or tuple(range(len(shape)))
            best = (plain.max if name == "max" else plain.min)(axes)
            signs = sign(np.signbit(plain), axes)
            expected = np.asarray(np.where(best == 0, np.where(signs, -dtype(0), dtype(0)), best), dtype)
            assert same_bits(reference(name, plain, dims, False)[0], expected)
            for y in layouts(plain):
                assert same_bits(result(name, y, dims, False), expected)
            for order in itertools.permutations(range(len(shape))):
                permuted = np.ascontiguousarray(plain.transpose(order)).transpose(np.argsort(order))
                assert same_bits(result(name, permuted, dims, False), expected)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, np.bool_])
@pytest.mark.parametrize("shape", [*SHAPES, (25, 16), (40, 17), (25, 64), (9, 128), (16, 129)])
def test_places_of_extrema_are_the_first_ones(shape: tuple[int, ...], dtype: Any) -> None:
    kinds = [np.asarray(np.random.default_rng(3).integers(0, 9, shape)).astype(dtype)]
    if dtype in FLOATS:
        with_nan = normal(shape, dtype)
        with_nan.reshape(-1)[1 :: max(with_nan.size // 4, 2)] = np.nan
        kinds += [with_nan, np.asarray(kinds[0] - dtype(4)) * dtype(0)]  # the last: zeros of both signs
    for x in kinds:
        for name, function in (("argmax", np.argmax), ("argmin", np.argmin)):
            for y in layouts(x):
                assert result(name, y, (), False) == function(x)
            for dim in range(len(shape)):
                expected = np.asarray(function(x, axis=dim, keepdims=True))
                for y in layouts(x):
                    assert same_bits(result(name, y, (dim,), True), expected)
                    values, indices = results(f"{name[3:]}_with_index", y, dim - len(shape), True)
                    assert same_bits(indices, expected)
                    assert same_bits(values, np.take_along_axis(x, expected, dim))


@pytest.mark.parametrize("n", [65, 130, 1024])
@pytest.mark.parametrize("dtype", FLOATS)
def test_places_in_rows_are_found_wherever_they_are(n: int, dtype: Any) -> None:
    """A row is searched while the next one is read, the last one alone."""
    expected, later = np.arange(n), np.arange(n) + np.arange(n)[::-1] // 2
    for name, extreme in (("argmax", 9), ("argmin", -9), ("argmax", np.nan), ("argmin", np.nan)):
        x = normal((n, n), dtype)
        x[expected, expected] = x[expected, later] = extreme
        assert same_bits(result(name, x, (1,), False), expected)
        assert same_bits(result(name, x[::-1], (1,), False), expected[::-1])


def test_places_in_long_rows() -> None:
    x = np.random.default_rng(4).integers(0, 1 << 20, 300_001).astype(np.float32)
    assert result("argmax", x, (), False) == np.argmax(x)
    assert result("argmin", x, (), False) == np.argmin(x)
    x[[200_000, 250_000]] = np.nan
    assert result("argmax", x, (), False) == result("argmin", x, (), False) == 200_000


@pytest.mark.parametrize("dtype", [*INTEGERS, np.bool_])
@pytest.mark.parametrize("shape", [*SHAPES, (0, 3), (3, 5000), (5000, 3), (3, 40, 3)])
def test_integers_are_summed_and_multiplied_as_int64(shape: tuple[int, ...], dtype: Any) -> None:
    """Over their whole range, and where all of them are the smallest or the greatest number."""
    bounds = np.iinfo(np.uint8 if dtype is np.bool_ else dtype)
    x = np.asarray(np.random.default_rng(6).integers(bounds.min, bounds.max, shape, bounds.dtype, endpoint=True))
    for y, dims in itertools.product([x, np.full_like(x, bounds.min), np.full_like(x, bounds.max)], dim_sets(x.ndim)):
        wide, axes = y.astype(dtype).astype(np.int64), dims or None
        for z in layouts(y.astype(dtype)):
            assert same_bits(result("sum", z, dims, False), np.asarray(wide.sum(axis=axes)))
            assert same_bits(result("prod", z, dims, False), np.asarray(wide.prod(axis=axes)))


@pytest.mark.parametrize("dims", [(), (0,), (1,)])
def test_integers_wrap_around(dims: tuple[int, ...]) -> None:
    x = np.random.default_rng(5).integers(-(1 << 62), 1 << 62, (40, 70))
    for y in layouts(x):
        assert same_bits(result("sum", y, dims, False), np.asarray(x.sum(axis=dims or None)))
        assert same_bits(result("prod", y, dims, False), np.asarray(x.prod(axis=dims or None)))


@pytest.mark.parametrize("dtype", FLOATS)
def test_sum_to_undoes_broadcasting(dtype: Any) -> None:
    x = normal((3, 4, 5), dtype)
    for shape in [(), (1,), (5,), (4, 1), (1, 5), (4, 5), (3, 1, 5), (1, 4, 1), (1, 1, 1), (3, 4, 5)]:
        missing = 3 - len(shape)
        dims = tuple(d for d in range(3) if d < missing or (shape[d - missing] == 1))
        expected = result("sum", x, dims, True).reshape(shape) if dims else x
        for y in layouts(x):
            assert same_bits(result("sum_to", y, shape), expected)
        np.testing.assert_allclose(expected, reference("sum_to", x, shape)[0], rtol=0, atol=32 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("shape", "to"),
    [
        *[((3, 4, 5), to) for to in [(), (5,), (4, 1), (1, 5), (4, 5), (3, 1, 5), (1, 4, 1), (1, 1, 1), (3, 4, 5)]],
        *[((70, n), (70, 1)) for n in (1, 7, 16, 40, 300, 1100)],
        *[((n, cols), (cols,)) for n in (3, 64, 200) for cols in (1, 5, 40)],
        ((3, 5, 270), (5, 1)),
        ((300, 200), ()),
        ((0, 3), (3,)),
        ((3, 0), (3, 0)),
    ],
)
def test_products_are_summed_as_if_they_had_been_written(
    shape: tuple[int, ...], to: tuple[int, ...], dtype: Any
) -> None:
    x, y = normal(shape, dtype), normal(shape, dtype)
    x[..., :1], y[..., :1] = 0, np.inf
    expected = result("sum_to", result("safe_mul", x, y), to)
    for a, b in itertools.product(layouts(x), layouts(y)):
        assert same_bits(result("product_sum_to", a, b, to), expected)
    for number in (0.7, 0.0):
        repeated = np.broadcast_to(np.array(number, dtype), shape)
        expected = result("sum_to", result("safe_mul", repeated, y), to)
        for b in layouts(y):
            assert same_bits(result("product_sum_to", repeated, b, to), expected)


@pytest.mark.parametrize("dtype", FLOATS)
def test_short_arrays_at_every_offset(dtype: Any) -> None:
    buffer = normal((200,), dtype)
    for n in (1, 5, 16, 21, 40, 70):
        for name, attributes in (
            ("sum", ((), False)),
            ("max", ((), False)),
            ("argmin", ((), False)),
            ("softmax", (0,)),
        ):
            expected = KERNELS[name](buffer[:n].copy(), *attributes)
            for offset in range(33):
                moved = np.concatenate([np.full(offset, 9, dtype), buffer[:n], np.full(17, -9, dtype)])
                assert same_bits(result(name, moved[offset : offset + n], *attributes), expected)


def test_sums_write_into_any_strides() -> None:
    for shape, dims in (((70, 33), (0,)), ((70, 33), (1,)), ((9, 3000), (1,)), ((3000, 9), (0,)), ((5, 6, 7), (1,))):
        x = normal(shape, np.float32)
        expected = KERNELS["sum"](x, dims, False)
        spread = np.zeros([2 * n for n in expected.shape], np.float32)
        out = spread[tuple(slice(None, None, -2) for _ in expected.shape)]
        for y in layouts(x):
            KERNELS["sum"].into(out, y, dims, False)
            assert same_bits(np.ascontiguousarray(out), expected)


def test_sums_of_nothing() -> None:
    empty = np.zeros((0, 3), np.float32)
    assert same_bits(result("sum", empty, (0,), False), np.zeros(3, np.float32))
    assert same_bits(result("prod", empty, (0,), False), np.ones(3, np.float32))
    assert np.isnan(result("mean", empty, (0,), False)).all()
    assert result("sum", empty, (1,), False).shape == result("max", empty, (1,), False).shape == (0,)
    assert same_bits(result("sum", np.zeros((0, 3), np.int64), (), False), np.array(0))


# ---- Softmax ---------------------------------------------------------------------------------------------------------

SOFTMAX_SHAPES = [
    *[(), (0,), (1,), (17,), (1000,), (2100,)],
    *[(3, 0), (0, 3), (17, 10), (16, 16), (10, 17), (33, 65), (65, 33), (3, 2100), (1030, 20), (2, 30, 3), (3, 40, 70)],
]


def softmax_tolerance(name: str, x: Array) -> tuple[float, float]:
    """Return rtol and atol of a result: exp is exact to 2 ulp, its argument to half an ulp of the largest |x|."""
    eps = float(np.finfo(x.dtype).eps)
    size = float(np.abs(x).max(initial=1))
    return 8 * eps * size, 0 if name == "softmax" else 8 * eps * size * size


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SOFTMAX_SHAPES)
def test_softmax_matches_the_reference(shape: tuple[int, ...], dtype: Any) -> None:
    x, g = 3 * normal(shape, dtype), normal(shape, dtype, seed=1)
    x = np.asarray(x, dtype)
    for dim, name in itertools.product(range(max(len(shape), 1)), ("softmax", "log_softmax")):
        (expected,) = reference(name, x, dim)
        outs = [result(name, y, dim) for y in layouts(x)]
        assert all(same_bits(outs[0], out) for out in outs)
        np.testing.assert_allclose(outs[0], expected, *softmax_tolerance(name, x))

        (expected,) = reference(f"{name}_grad", g, outs[0], dim)
        pairs = itertools.product(layouts(g), layouts(outs[0]))
        grads = [result(f"{name}_grad", a, y, dim) for a, y in pairs]
        assert all(same_bits(grads[0], grad) for grad in grads)
        if g.size > 0:
            size = float(np.abs(g).max()) * (1 + (0 if name == "softmax" else np.sqrt(x.shape[dim] if shape else 1)))
            np.testing.assert_allclose(grads[0], expected, rtol=0, atol=16 * np.finfo(dtype).eps * size)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [1, 2, 3, 8, 10, 16, 17, 25, 31, 32, 33, 48, 50, 63, 64, 65, 100, 513, 1025, 3333])
def test_a_softmax_is_the_same_alone_in_a_batch_and_along_any_dim(n: int, dtype: Any) -> None:
    x, g = normal((37, n), dtype), normal((37, n), dtype, seed=1)
    for name in ("softmax", "log_softmax"):
        y = KERNELS[name](x, 1)
        grad = KERNELS[f"{name}_grad"](g, y, 1)
        across = [np.ascontiguousarray(a.T) for a in (x, g, y)]
        assert same_bits(np.ascontiguousarray(KERNELS[name](across[0], 0).T), y)
        assert same_bits(np.ascontiguousarray(KERNELS[f"{name}_grad"](across[1], across[2], 0).T), grad)
        for start, count in itertools.product((0, 5, 20, 36), (1, 4, 17)):
            part = slice(start, start + count)
            assert same_bits(KERNELS[name](x[part], 1), y[part])
            assert same_bits(KERNELS[f"{name}_grad"](g[part], y[part], 1), grad[part])


@pytest.mark.parametrize("dim", [0, 1])
def test_softmax_of_infinities(dim: int) -> None:
    inf, nan = np.inf, np.nan
    x = np.array([[-inf, -inf], [inf, 1], [nan, 0], [-inf, 0], [3e38, -3e38]], np.float32)
    expected = np.array([[nan, nan], [nan, nan], [nan, nan], [0, 1], [1, 0]], np.float32)
    with np.errstate(divide="ignore"):
        logarithms = np.log(expected)
    logarithms[4, 1] = -inf
    for repeat in (1, 30):  # short rows and long ones
        many = np.concatenate([x, np.full((5, 2 * repeat - 2), -inf, np.float32)], axis=1)
        many = many if dim == 1 else np.ascontiguousarray(many.T)
        for name, wanted in (("softmax", expected), ("log_softmax", logarithms)):
            out = result(name, many, dim)
            assert same_bits(np.ascontiguousarray((out if dim == 1 else out.T)[:, :2]), wanted)


def test_softmax_writes_into_any_strides() -> None:
    for n in (10, 70, 1100):
        x = normal((37, n), np.float32)
        for dim in (0, 1):
            out = np.zeros((74, 2 * n), np.float32)[::2, ::-2]
            KERNELS["softmax"].into(out, x, dim)
            assert same_bits(np.ascontiguousarray(out), KERNELS["softmax"](x, dim))


# 40 MiB and more, which go past the caches: rows of whole lines of memory and not, and rows that no cache holds near.
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("columns", [1024, 1021, 20011])
@pytest.mark.parametrize("threads", [1, 3])
def test_lines_past_the_caches(dtype: Any, columns: int, threads: int) -> None:
    x, y = large_pair(dtype, columns)
    w, b = normal((2, columns), dtype)
    mean, variance = normal((len(x),), dtype), np.abs(normal((len(x),), dtype, seed=1))
    with with_threads(threads):
        for name in ("softmax", "log_softmax"):
            check_rows_past_the_caches(name, [x], (1,))
            check_rows_past_the_caches(f"{name}_grad", [x, y], (1,))
        eps, groups, centred = settings = (1e-5, 1, True)
        check_rows_past_the_caches("standardize", [x, w, b], settings)
        check_rows_past_the_caches("standardize", [x, w, b], (eps, groups, not centred))
        check_rows_past_the_caches("standardize_given", [x, w, b, mean, variance], settings, by_row=2)
        check_rows_past_the_caches("standardize_given", [x, w, b, w, np.abs(b)], (eps, 0, centred))
        check_rows_past_the_caches("standardize_grad", [x, y, w, mean, variance], settings, by_row=2)
        check_rows_past_the_caches("standardize_grads", [x, y, w, mean, variance], settings, by_row=2)


# The same where a channel has many elements in a row.
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("length", [1024, 1021])
def test_channels_past_the_caches(dtype: Any, length: int) -> None:
    x, y = (matrix[: len(matrix) // 4 * 4].reshape(-1, 4, length) for matrix in large_pair(dtype, length))
    w, b, mean, variance = normal((4, 4), dtype)
    moments = normal((len(x),), dtype), np.abs(normal((len(x),), dtype, seed=1))
    with with_threads(1):
        check_rows_past_the_caches("standardize", [x, w, b], (1e-5, 2, True))
        check_rows_past_the_caches("standardize_given", [x, w, b, mean, np.abs(variance)], (1e-5, 0, True))
        check_rows_past_the_caches("standardize_grad", [x, y, w, *moments], (1e-5, 1, True), by_row=2)


# ---- Cross-entropy ---------------------------------------------------------------------------------------------------

CASES = [
    (0, 10),
    (1, 1),
    (1, 10),
    (3, 2),
    (16, 10),
    (17, 10),
    (33, 5),
    (128, 10),
    (40, 16),
    (40, 17),
    (9, 100),
    (5, 2100),
]
IGNORED = -100
NONE, MEAN, SUM = 0, 1, 2


def samples(n: int, c: int, dtype: Any) -> tuple[Array, Array]:
    """Return logits and targets, some of them ignored."""
    target = np.random.default_rng(6).integers(0, c, n)
    target[1::5] = IGNORED
    return np.asarray(3 * normal((n, c), dtype), dtype), target


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("n", "c"), CASES)
def test_cross_entropy_matches_the_reference(n: int, c: int, smoothing: float, dtype: Any) -> None:
    x, target = samples(n, c, dtype)
    eps = np.finfo(dtype).eps
    for reduction in (NONE, MEAN, SUM):
        attributes = (IGNORED, smoothing, reduction)
        loss, probabilities = reference("cross_entropy", x, target, *attributes)
        outs = [results("cross_entropy", y, t, *attributes) for y, t in itertools.product(layouts(x), layouts(target))]
        assert all(same_bits(out[0], outs[0][0]) and same_bits(out[1], outs[0][1]) for out in outs)
        np.testing.assert_allclose(outs[0][0], loss, rtol=32 * eps, atol=32 * eps)
        np.testing.assert_allclose(outs[0][1], probabilities, *softmax_tolerance("softmax", x))
        assert same_bits(outs[0][1], result("softmax", x, 1))

        cotangents = [np.asarray(0.7, dtype)] + ([normal((n,), dtype)] if reduction == NONE else [])
        for g in cotangents:
            (expected,) = reference("cross_entropy_grad", g, probabilities, target, *attributes)
            grads = [result("cross_entropy_grad", g, p, target, *attributes) for p in layouts(probabilities)]
            assert all(same_bits(grads[0], grad) for grad in grads)
            np.testing.assert_allclose(grads[0], expected, rtol=8 * eps, atol=2 * eps)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("c", [1, 7, 8, 10, 16, 17, 25, 31, 32, 40, 63, 65, 1500])
def test_a_loss_is_the_same_alone_and_in_a_batch(c: int, dtype: Any) -> None:
    x, target = samples(40, c, dtype)
    loss, probabilities = KERNELS["cross_entropy"](x, target, IGNORED, 0.1, NONE)
    for i in range(40):
        alone = slice(i, i + 1)
        one, p = KERNELS["cross_entropy"](x[alone], target[alone], IGNORED, 0.1, NONE)
        assert same_bits(one, loss[alone])
        assert same_bits(p, probabilities[alone])
    total = KERNELS["cross_entropy"](x, target, IGNORED, 0.1, SUM)[0]
    assert same_bits(total, np.asarray(row_sum(loss)))
    mean = KERNELS["cross_entropy"](x, target, IGNORED, 0.1, MEAN)[0]
    assert same_bits(mean, np.asarray(total / dtype(np.sum(target != IGNORED))))


def test_cross_entropy_in_closed_form() -> None:
    x = np.zeros((5, 4), np.float64)
    target = np.arange(5) % 4
    loss, probabilities = KERNELS["cross_entropy"](x, target, IGNORED, 0.0, NONE)
    np.testing.assert_allclose(loss, np.full(5, np.log(4)), rtol=1e-15)
    assert same_bits(probabilities, np.full((5, 4), 0.25))
    grad = KERNELS["cross_entropy_grad"](np.ones(()), probabilities, target, IGNORED, 0.0, SUM)
    assert same_bits(grad, 0.25 - np.eye(4)[target])


def test_cross_entropy_without_targets_that_count() -> None:
    x, target = np.zeros((3, 4), np.float32), np.full(3, IGNORED)
    assert np.isnan(result("cross_entropy", x, target, IGNORED, 0.0, MEAN))
    assert result("cross_entropy", x, target, IGNORED, 0.0, SUM) == 0
    assert not result("cross_entropy", x, target, IGNORED, 0.0, NONE).any()
    probabilities = np.full((3, 4), 0.25, np.float32)
    one = np.ones((), np.float32)
    assert not result("cross_entropy_grad", one, probabilities, target, IGNORED, 0.0, MEAN).any()
    assert np.isnan(result("cross_entropy", x[:0], target[:0], IGNORED, 0.0, MEAN))


def test_a_logit_of_minus_infinity_costs_infinity_only_where_it_is_wanted() -> None:
    x = np.array([[0, -np.inf, 0], [0, -np.inf, 0]], np.float32)
    loss = result("cross_entropy", x, np.array([0, 1]), IGNORED, 0.0, NONE)
    assert same_bits(loss, np.array([np.log(np.float32(2)), np.inf], np.float32))
    assert np.isinf(result("cross_entropy", x, np.array([0, 1]), IGNORED, 0.1, NONE)).all()


# ---- Errors ----------------------------------------------------------------------------------------------------------

X = np.zeros((2, 3), np.float32)
T = np.zeros(2, np.int64)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda k: k["sum"](X, (2,), False), IndexError, r"sum: dim 2 out of range for shape \(2, 3\)"),
        (lambda k: k["mean"](X, (0, -2), False), RuntimeError, r"mean: dim -2 appears twice for shape \(2, 3\)"),
        (lambda k: k["max"](X[:0], (0,), False), IndexError, r"max: no elements to reduce in shape \(0, 3\)"),
        (lambda k: k["argmin"](X[:, :0], (), False), IndexError, r"argmin: no elements to reduce in shape \(2, 0\)"),
        (lambda k: k["argmax"](X, (0, 1), False), RuntimeError, r"argmax: takes one dim or none, got 2"),
        (lambda k: k["argmax"](X, (-3,), False), IndexError, r"argmax: dim -3 out of range"),
        (lambda k: k["max_with_index"](X, 2, False), IndexError, r"max_with_index: dim 2 out of range"),
        (lambda k: k["min_with_index"](X[:0], 0, False), IndexError, r"min_with_index: no elements to reduce"),
        (lambda k: k["sum_to"](X, (2,)), RuntimeError, r"sum_to: shape \(2,\) does not broadcast to shape \(2, 3\)"),
        (lambda k: k["sum_to"](X, (1, 2, 3)), RuntimeError, r"sum_to: shape \(1, 2, 3\) does not broadcast"),
        (lambda k: k["product_sum_to"](X, X[:1], ()), RuntimeError, r"product_sum_to: .* \(2, 3\) and \(1, 3\)"),
        (lambda k: k["product_sum_to"](X, X, (2,)), RuntimeError, r"product_sum_to: shape \(2,\) does not broadcast"),
        (lambda k: k["softmax"](X, 2), IndexError, r"softmax: dim 2 out of range"),
        (lambda k: k["softmax_grad"](X[:1], X, 0), RuntimeError, r"softmax_grad: .* \(1, 3\) and \(2, 3\)"),
        (
            lambda k: k["cross_entropy"](X, T[:1], 0, 0.0, 1),
            RuntimeError,
            r"cross_entropy: .* \(2, 3\) and target \(1,\)",
        ),
        (
            lambda k: k["cross_entropy"](X, T, 0, 0.0, 3),
            ValueError,
            r"cross_entropy: reduction must be 0, 1 or 2, got 3",
        ),
        (lambda k: k["cross_entropy"](X, T + 3, 0, 0.0, 1), IndexError, r"cross_entropy: index out of range"),
        (lambda k: k["cross_entropy"](X, T - 1, 0, 0.0, 1), IndexError, r"cross_entropy: index out of range"),
        (lambda k: k["cross_entropy_grad"](X, X, T, 0, 0.0, 1), RuntimeError, r"cross_entropy_grad: g must have shape"),
        (
            lambda k: k["cross_entropy_grad"](X[0, :1], X, T, 0, 0.0, 1),
            RuntimeError,
            r"g must have shape \(\) or \(n,\)",
        ),
        (
            lambda k: k["cross_entropy_grad"](np.ones((), np.float32), X, T + 3, 0, 0.0, 1),
            IndexError,
            "index out of range",
        ),
    ],
)
def test_errors_name_the_kernel_and_the_shapes(
    call: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(KERNELS)


def test_dtypes_that_a_kernel_does_not_take_are_left_to_promotion() -> None:
    assert KERNELS["nansum"](np.zeros(3, np.int32), (), False) is NotImplemented
    assert KERNELS["mean"](np.zeros(3, np.int64), (), False) is NotImplemented
    assert KERNELS["softmax"](np.zeros(3, np.int64), 0) is NotImplemented


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "cumsum"])
def test_turned_inputs_that_are_repeated(name: str) -> None:
    """A copy of such an input has room for every repetition."""
    x = np.random.default_rng(0).standard_normal((40, 300)).astype(np.float32)
    attributes = (-1, False) if name == "cumsum" else (-1,)
    out = KERNELS[name](np.broadcast_to(x.T, (70, 300, 40)), *attributes)
    right = KERNELS[name](np.ascontiguousarray(x.T), *attributes)
    assert all(same_bits(each, right) for each in out)
