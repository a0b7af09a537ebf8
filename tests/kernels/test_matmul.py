"""Kernels of matrix products."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from helpers import FLOATS, ISAS, PROMISED, Array, layouts, output_layouts, same_bits, with_threads

from minigrad import _core

KERNELS = _core.kernels
MATMUL, LINEAR = KERNELS["matmul"], KERNELS["linear"]

# Part of the numerics: the block of k that one chain sums up; for a single column the block, and the bytes of its lanes.
BLOCK_K, DOT_BLOCK, DOT_BYTES = 256, 4096, 128

# Rows around the tiles (up to 14 of them) and the packed blocks; columns around vectors of 2 to 16 and strips of 1 to 8.
ROWS = (0, 1, 2, 3, 4, 5, 6, 7, 13, 14, 15, 28, 29, 63, 64, 65)
COLUMNS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 65, 127, 128, 129, 259)
INNER = (0, 1, 2, 3, 4, 5, 99, 100, 101, BLOCK_K - 1, BLOCK_K, BLOCK_K + 1, 2 * BLOCK_K + 1)


def draw(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_near(out: Array, a: Array, b: Array, expected: Array) -> None:
    """Check the error against the bound k eps |a| |b|, which holds for sums in any order."""
    assert out.dtype == expected.dtype
    assert out.shape == expected.shape
    bound = (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)) * np.finfo(out.dtype).eps
    assert np.all(np.abs(out.astype(np.float64) - expected) <= (a.shape[-1] + 2) * bound)


# ---- Against the reference -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("k", INNER)
def test_every_size_equals_the_reference(k: int, dtype: type) -> None:
    """Rows and columns of the largest product stand for all smaller ones, which the reference then need not compute."""
    whole_a, whole_b = draw((max(ROWS), k), dtype), draw((k, max(COLUMNS)), dtype, 1)
    whole = MATMUL.reference(whole_a, whole_b)
    for kernels in ISAS.values():
        for m, n in itertools.product(ROWS, COLUMNS):
            a, b = whole_a[:m], whole_b[:, :n]
            assert_near(kernels["matmul"](a, b), a, b, whole[:m, :n])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("k", [0, 1, 15, 16, 31, 32, 33, DOT_BLOCK - 1, DOT_BLOCK, DOT_BLOCK + 1, 2 * DOT_BLOCK + 5])
def test_single_columns_and_rows_equal_the_reference(k: int, dtype: type) -> None:
    for m in (0, 1, 2, 3, 4, 5, 9):
        a, b = draw((m, k), dtype), draw((k, 1), dtype, 1)
        for kernels in ISAS.values():
            assert_near(kernels["matmul"](a, b), a, b, MATMUL.reference(a, b))
            assert_near(kernels["matmul"](b.T, a.T), b.T, a.T, MATMUL.reference(b.T, a.T))


def test_large_product_equals_the_reference() -> None:
    """Several packed panels and blocks of rows, none of them full at the end."""
    a, b = draw((600, 300), np.float32), draw((300, 1100), np.float32, 1)
    expected = a.astype(np.float64) @ b.astype(np.float64)
    for kernels in ISAS.values():
        assert_near(kernels["matmul"](a, b), a, b, expected.astype(np.float32))


# ---- The order of operations -----------------------------------------------------------------------------------------


def chain(a: Array, b: Array) -> Array:
    """Multiply float32 matrices as the contract says: blocks of k, each a chain of fused multiply-adds from 0.

    A product of float32 numbers is exact in a long double; its sum with a third one is rounded there to 64 bits, which
    next to never changes what it is rounded to in float32.
    """
    total = np.zeros((len(a), b.shape[1]), np.float32)
    for start in range(0, a.shape[1], BLOCK_K):
        block = np.zeros_like(total)
        for i in range(start, min(start + BLOCK_K, a.shape[1])):
            product = np.multiply.outer(a[:, i].astype(np.longdouble), b[i].astype(np.longdouble))
            block = (product + block).astype(np.float32)
        total = total + block if start else block
    return total


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 60, reason="long double is no wider than double")
@pytest.mark.parametrize("k", [1, 5, BLOCK_K - 1, BLOCK_K, BLOCK_K + 1, 2 * BLOCK_K + 7])
def test_sums_are_chains_in_blocks(k: int) -> None:
    a, b = draw((9, k), np.float32), draw((k, 37), np.float32, 1)
    for kernels in PROMISED:
        assert same_bits(kernels["matmul"](a, b), chain(a, b))


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 60, reason="long double is no wider than double")
@pytest.mark.parametrize("k", [1, 31, 32, 33, 100, DOT_BLOCK + 45])
def test_single_columns_are_summed_in_lanes(k: int) -> None:
    lanes = DOT_BYTES // 4
    a, b = draw((5, k), np.float32), draw((k, 1), np.float32, 1)
    total = np.zeros(5, np.float32)
    for start in range(0, k, DOT_BLOCK):
        sums = np.zeros((5, lanes), np.float32)
        for i in range(start, min(start + DOT_BLOCK, k)):
            product = a[:, i].astype(np.longdouble) * b[i, 0].astype(np.longdouble)
            lane = (i - start) % lanes
            sums[:, lane] = (product + sums[:, lane]).astype(np.float32)
        while sums.shape[1] > 1:
            half = sums.shape[1] // 2
            sums = sums[:, :half] + sums[:, half:]
        total = total + sums[:, 0]
    for kernels in PROMISED:
        assert same_bits(kernels["matmul"](a, b)[:, 0], total)


# ---- One bit pattern -------------------------------------------------------------------------------------------------

SHAPES = [
    (1, 5, 1),
    (1, 300, 65),
    (5, 257, 1),
    (7, 33, 3),
    (15, 300, 33),
    (65, 100, 129),
    (130, 513, 140),
    (3, 0, 4),
    (1, 261, 4133),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
def test_threads_and_instruction_sets(m: int, k: int, n: int, dtype: type) -> None:
    a, b = draw((m, k), dtype), draw((k, n), dtype, 1)
    with with_threads(1):
        expected = PROMISED[0]["matmul"](a, b)
    for kernels in PROMISED:
        for threads in (1, 2, 3, 8):
            with with_threads(threads):
                assert same_bits(kernels["matmul"](a, b), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
def test_a_row_alone_equals_the_row_in_a_batch(m: int, k: int, n: int, dtype: type) -> None:
    a, b = draw((m, k), dtype), draw((k, n), dtype, 1)
    whole = MATMUL(a, b)
    for kernels in PROMISED:
        for i in range(m):
            assert same_bits(kernels["matmul"](a[i : i + 1], b), whole[i : i + 1])
        for start, stop in ((0, m // 2), (m // 3, m), (1, 1 + min(m, 13))):
            assert same_bits(kernels["matmul"](a[start:stop], b), whole[start:stop])


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_column_among_others_has_the_same_bits_whatever_their_number(dtype: type) -> None:
    a, b = draw((17, 300), dtype), draw((300, 150), dtype, 1)
    whole = MATMUL(a, b)
    for kernels in PROMISED:
        for start, stop in ((0, 2), (1, 18), (3, 150), (63, 128), (100, 102)):
            assert same_bits(kernels["matmul"](a, b[:, start:stop]), np.array(whole[:, start:stop], order="C"))


def operand_layouts(x: Array) -> list[Array]:
    """Return the operand in more layouts: transposed, rows and columns apart, and with strides of power-of-two bytes."""
    padded = np.zeros((x.shape[0], 1024), x.dtype)[:, : x.shape[1]]
    padded[...] = x
    reversed_rows = np.array(x[::-1])[::-1]
    reversed_columns = np.array(x[:, ::-1])[:, ::-1]
    return [*layouts(x), padded, reversed_rows, reversed_columns, np.array(x.T, order="C").T]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("m", "k", "n"), [(1, 40, 1), (5, 300, 1), (1, 300, 37), (15, 257, 33), (70, 300, 140)])
def test_any_strides_give_the_bits_of_contiguous_operands(m: int, k: int, n: int, dtype: type) -> None:
    a, b = draw((m, k), dtype), draw((k, n), dtype, 1)
    expected = MATMUL(a, b)
    for kernels in PROMISED:
        for x, y in itertools.product(operand_layouts(a), operand_layouts(b)):
            assert same_bits(kernels["matmul"](x, y), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("m", "k", "n"), [(1, 40, 1), (5, 300, 1), (1, 300, 37), (15, 257, 33), (70, 300, 140)])
def test_results_of_any_strides(m: int, k: int, n: int, dtype: type) -> None:
    x, w, b = draw((m, k), dtype), draw((n, k), dtype, 1), draw((n,), dtype, 2)
    for kernels in PROMISED:
        for name, operands in (("matmul", (x, w.T)), ("linear", (x, w, b, 2))):
            expected = KERNELS[name](*operands)
            for out, surroundings in output_layouts(expected):
                kernels[name].into(out, *operands)
                assert surroundings.is_intact()
                assert same_bits(np.array(out, order="C"), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [1, 2, 40, 140])
def test_repeated_operands(n: int, dtype: type) -> None:
    """Stride 0: one row of a, one column of b, one number."""
    row, column = draw((1, 70), dtype), draw((70, 1), dtype, 1)
    for a, b in (
        (np.broadcast_to(row, (70, 70)), draw((70, n), dtype, 2)),
        (draw((70, 70), dtype, 3), np.broadcast_to(column, (70, n))),
        (np.broadcast_to(row[:, :1], (70, 70)), np.broadcast_to(column[:1], (70, n))),
    ):
        expected = MATMUL(np.array(a), np.array(b))
        for kernels in PROMISED:
            assert same_bits(kernels["matmul"](a, b), expected)


def test_misaligned_and_byte_swapped_operands() -> None:
    a, b = draw((5, 30), np.float64), draw((30, 7), np.float64, 1)
    expected = MATMUL(a, b)
    buffer = np.zeros(a.nbytes + 1, np.uint8)
    misaligned = buffer[1:].view(np.float64).reshape(a.shape)
    misaligned[...] = a
    assert not misaligned.flags.aligned
    assert same_bits(MATMUL(misaligned, b.astype(">f8")), expected)


def test_nothing_behind_the_operands_is_used() -> None:
    """Vectors are wider than what is left of a row: what lies there must not reach the result."""
    for m, k, n in itertools.product((1, 3, 15), (1, 7, 33), (1, 3, 17, 33)):
        a = np.full((m + 1, k + 16), np.nan, np.float32)[:m, :k]
        b = np.full((k + 1, n + 16), np.nan, np.float32)[:k, :n]
        a[...], b[...] = draw((m, k), np.float32), draw((k, n), np.float32, 1)
        for kernels in ISAS.values():
            assert np.isfinite(kernels["matmul"](a, b)).all()
            out, surroundings = next(output_layouts(np.zeros((m, n), np.float32)))
            kernels["matmul"].into(out, a, b)
            assert np.isfinite(out).all()
            assert surroundings.is_intact()


@pytest.mark.parametrize("dtype", FLOATS)
def test_infinities_and_nan_stay_in_their_rows_and_columns(dtype: type) -> None:
    a, b = np.ones((20, 40), dtype), np.ones((40, 50), dtype)
    a[3, 5], a[7, 0], b[2, 11] = np.nan, np.inf, -np.inf
    expected = np.full((20, 50), 40, dtype)
    expected[:, 11], expected[7], expected[3], expected[7, 11] = -np.inf, np.inf, np.nan, np.nan
    for kernels in ISAS.values():
        assert same_bits(kernels["matmul"](a, b), expected)


# ---- Batches ---------------------------------------------------------------------------------------------------------

BATCHES = [
    ((3,), (3,)), ((3,), ()), ((), (3,)), ((1,), (3,)), ((3,), (1,)), ((2, 1), (3,)), ((2, 3), (2, 1)), ((2, 1, 3), (4, 1)),
    ((0,), (1,)), ((2, 0), (1, 1)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("left", "right"), BATCHES)
def test_every_product_of_a_batch_equals_the_product_alone(
    left: tuple[int, ...], right: tuple[int, ...], dtype: type
) -> None:
    for m, k, n in ((1, 6, 5), (5, 7, 1), (3, 260, 17), (20, 5, 33), (2, 0, 3)):
        a, b = draw((*left, m, k), dtype), draw((*right, k, n), dtype, 1)
        batch = np.broadcast_shapes(left, right)
        whole_a, whole_b = np.broadcast_to(a, (*batch, m, k)), np.broadcast_to(b, (*batch, k, n))
        for kernels in PROMISED:
            for threads in (1, 3):
                with with_threads(threads):
                    out = kernels["matmul"](a, b)
                assert out.shape == (*batch, m, n)
                for at in np.ndindex(*batch):
                    assert same_bits(out[at], MATMUL(whole_a[at], whole_b[at]))
        assert_near(out, whole_a, whole_b, MATMUL.reference(a, b))


def test_transposed_batches() -> None:
    a, b = draw((4, 5, 3, 9), np.float32), draw((4, 5, 9, 6), np.float32, 1)
    expected = MATMUL(a, b)
    for order in itertools.permutations(range(4)):
        back = np.argsort(order)
        x, y = (np.array(v.transpose(order), order="C").transpose(back) for v in (a, b))
        assert same_bits(MATMUL(x, y), expected)
        assert same_bits(MATMUL(a, y), expected)


# ---- Linear ----------------------------------------------------------------------------------------------------------

ACTIVATIONS = ("none", "relu", "tanh", "sigmoid")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("activation", range(4), ids=ACTIVATIONS)
def test_linear_is_a_product_a_sum_and_a_function(activation: int, dtype: type) -> None:
    """The epilogue, while the tile is in registers, gives the bits of separate steps."""
    for m, k, n in ((0, 3, 2), (1, 5, 1), (4, 40, 1), (1, 300, 33), (15, 257, 17), (70, 100, 140), (3, 0, 5)):
        x, w, b = draw((m, k), dtype), draw((n, k), dtype, 1), draw((n,), dtype, 2)
        product = MATMUL(x, np.array(w.T, order="C"))
        for bias in (b, b[:0]):
            expected = KERNELS["add"](product, bias) if bias.size else product
            if activation:
                expected = KERNELS[ACTIVATIONS[activation]](expected)
            for kernels in PROMISED:
                for threads in (1, 2, 8):
                    with with_threads(threads):
                        assert same_bits(kernels["linear"](x, w, bias, activation), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("activation", range(4), ids=ACTIVATIONS)
def test_linear_equals_the_reference(activation: int, dtype: type) -> None:
    for m, k, n in ((1, 5, 1), (3, 20, 7), (15, 257, 33), (2, 0, 3)):
        x, w, b = draw((m, k), dtype), draw((n, k), dtype, 1), draw((n,), dtype, 2)
        for bias in (b, b[:0]):
            expected = LINEAR.reference(x, w, bias, activation)
            for kernels in ISAS.values():
                out = kernels["linear"](x, w, bias, activation)
                assert out.dtype == dtype
                np.testing.assert_allclose(out, expected, rtol=0, atol=(k + 4) * 20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("m", "k", "n"), [(1, 40, 1), (9, 40, 1), (15, 257, 33), (70, 300, 140)])
def test_linear_of_any_strides(m: int, k: int, n: int, dtype: type) -> None:
    x, w, b = draw((m, k), dtype), draw((n, k), dtype, 1), draw((n,), dtype, 2)
    expected = LINEAR(x, w, b, 1)
    for kernels in PROMISED:
        for left, weight in itertools.product(operand_layouts(x), operand_layouts(w)):
            assert same_bits(kernels["linear"](left, weight, b, 1), expected)
        for bias in layouts(b):
            assert same_bits(kernels["linear"](x, w, bias, 1), expected)
        one = np.broadcast_to(b[:1], b.shape)
        assert same_bits(kernels["linear"](x, w, one, 1), LINEAR(x, w, np.array(one), 1))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("activation", range(4), ids=ACTIVATIONS)
def test_linear_of_a_row_alone(activation: int, dtype: type) -> None:
    x, w, b = draw((41, 300), dtype), draw((65, 300), dtype, 1), draw((65,), dtype, 2)
    whole = LINEAR(x, w, b, activation)
    for kernels in PROMISED:
        for i in range(len(x)):
            assert same_bits(kernels["linear"](x[i : i + 1], w, b, activation), whole[i : i + 1])


def test_linear_takes_batches() -> None:
    x, w, b = draw((2, 3, 4, 5), np.float32), draw((6, 5), np.float32, 1), draw((6,), np.float32, 2)
    assert same_bits(LINEAR(x, w, b, 0), LINEAR(x.reshape(-1, 5), w, b, 0).reshape(2, 3, 4, 6))


def test_relu_in_the_epilogue_lets_nan_through() -> None:
    x, w = np.array([[np.nan, 1.0], [-1.0, -1.0]]), np.eye(2)
    for kernels in ISAS.values():
        assert np.isnan(kernels["linear"](x, w, np.zeros(2), 1)).tolist() == [[True, True], [False, False]]
        assert kernels["linear"](x, w, np.zeros(2), 1)[1].tolist() == [0.0, 0.0]


# ---- Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        ((3, 4), (5, 6), r"inner sizes differ, got \(3, 4\) @ \(5, 6\)"),
        ((2, 3, 4), (2, 3, 4), r"inner sizes differ, got \(2, 3, 4\) @ \(2, 3, 4\)"),
        ((2, 3, 4), (3, 4, 5), r"batch dimensions do not broadcast, got \(2, 3, 4\) @ \(3, 4, 5\)"),
        ((4,), (4, 5), r"both must have two dimensions at least, got \(4,\) @ \(4, 5\)"),
        ((), (4, 5), r"both must have two dimensions at least, got \(\) @ \(4, 5\)"),
    ],
)
def test_shapes_that_do_not_fit_raise(a: tuple[int, ...], b: tuple[int, ...], text: str) -> None:
    with pytest.raises(RuntimeError, match=f"^matmul: .*{text}"):
        MATMUL(np.ones(a), np.ones(b))


@pytest.mark.parametrize(
    ("x", "w", "b"), [((3, 4), (5, 3), (5,)), ((3, 4), (5, 4), (4,)), ((4,), (5, 4), (5,)), ((3, 4), (4,), (4,)),
                      ((3, 4), (5, 4), (1, 5))]
)  # fmt: skip
def test_linear_of_shapes_that_do_not_fit_raises(x: tuple[int, ...], w: tuple[int, ...], b: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match=r"^linear: ") as error:
        LINEAR(np.ones(x), np.ones(w), np.ones(b), 0)
    assert str(w) in str(error.value)


@pytest.mark.parametrize("code", [-1, 4, 2**40])
def test_unknown_activations_raise(code: int) -> None:
    with pytest.raises(ValueError, match=f"linear: no activation has the code {code}"):
        LINEAR(np.ones((2, 3)), np.ones((4, 3)), np.ones(4), code)


def test_huge_results_raise_before_allocating() -> None:
    a, b = np.broadcast_to(np.ones(()), (2**40, 1)), np.broadcast_to(np.ones(()), (1, 2**40))
    with pytest.raises(RuntimeError, match=r"matmul: .*more elements than memory can address"):
        MATMUL(a, b)


def test_results_are_refused_where_they_cannot_be_written() -> None:
    a, b, frozen = np.ones((2, 3)), np.ones((3, 4)), np.zeros((2, 4))
    frozen.flags.writeable = False
    for out in (frozen, np.zeros((4, 2)), np.zeros((2, 4), np.float32), np.zeros((2, 4), ">f8")):
        with pytest.raises(ValueError, match="matmul: out must be"):
            MATMUL.into(out, a, b)
    assert not frozen.any()
