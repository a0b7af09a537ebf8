"""Kernels of scans and of indexing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from helpers import FLOATS, ISAS, PROMISED, Array, layouts, same_bits, with_threads

from minigrad import _core

KERNELS = _core.kernels
DTYPES = [np.bool_, np.uint8, np.int8, np.int16, np.int32, np.int64, np.float32, np.float64]

# A dim of a shape: short and long ones, first, last and between, without elements and without dimensions.
SCANNED = [
    ((), 0),
    ((0,), 0),
    ((3, 0), 1),
    ((0, 3), 1),
    *[((n,), -1) for n in (1, 2, 15, 16, 17, 63, 64, 65, 129, 1000)],
    *[((rows, 70), 1) for rows in (1, 2, 3, 4, 5, 7, 8, 9, 21)],
    *[((33, n), 1) for n in (8, 16, 31, 64)],
    *[((5, n), 0) for n in (1, 2, 15, 16, 17, 1023, 1025)],
    ((4, 6, 5), 0),
    ((4, 6, 5), 1),
    ((4, 6, 5), -1),
    ((2, 1, 130, 3), 2),
]
SCANS: dict[str, tuple[str, tuple[bool, ...]]] = {
    "cumsum": ("cumsum", (False,)),
    "cumsum reversed": ("cumsum", (True,)),
    "cumprod": ("cumprod", (False, False)),
    "cumprod reversed": ("cumprod", (True, False)),
    "cumprod exclusive": ("cumprod", (False, True)),
    "cumprod exclusive reversed": ("cumprod", (True, True)),
    "linear_recurrence": ("linear_recurrence", (False,)),
    "linear_recurrence reversed": ("linear_recurrence", (True,)),
}


def scan_inputs(name: str, shape: tuple[int, ...], dtype: type, seed: int = 0) -> list[Array]:
    """Return inputs whose scans neither overflow nor vanish."""
    rng = np.random.default_rng(seed)
    if name == "cumsum":
        return [np.asarray(rng.standard_normal(shape), dtype)]
    if name == "cumprod":
        return [np.asarray(rng.uniform(0.9, 1.1, shape) * rng.choice([-1, 1], shape), dtype)]
    return [np.asarray(rng.uniform(-1, 1, shape), dtype), np.asarray(rng.standard_normal(shape), dtype)]


# ---- Scans -----------------------------------------------------------------------------------------------------------


def chain(name: str, flags: tuple[bool, ...], inputs: list[Array], dim: int) -> Array:
    """Compute a scan along the first dimension, step by step in the inputs' dtype, the dimension brought there first."""
    moved = [np.moveaxis(x, dim, 0) for x in inputs]
    if flags[0]:
        moved = [x[::-1] for x in moved]
    out = np.empty_like(moved[0])
    for i in range(len(out)):
        if name == "cumsum":
            out[i] = moved[0][: i + 1].astype(np.float64).cumsum(axis=0)[-1]
        elif flags[1]:
            out[i] = out[i - 1] * moved[0][i - 1] if i else 1
        else:
            out[i] = out[i - 1] * moved[0][i] if i else moved[0][0]
    return np.moveaxis(out[::-1] if flags[0] else out, 0, dim)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scan", [scan for scan in SCANS if scan.startswith("cum")])
def test_sums_and_products_are_plain_chains(scan: str, dtype: type) -> None:
    name, flags = SCANS[scan]
    for shape, dim in SCANNED:
        if not shape:
            continue
        inputs = scan_inputs(name, shape, dtype)
        for kernels in ISAS.values():
            out = kernels[name](*inputs, dim, *flags)
            assert same_bits(out, np.array(chain(name, flags, inputs, dim), order="C"))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scan", SCANS)
def test_scans_against_their_references(scan: str, dtype: type) -> None:
    name, flags = SCANS[scan]
    for shape, dim in SCANNED:
        inputs = scan_inputs(name, shape, dtype)
        expected = KERNELS[name].reference(*inputs, dim, *flags)
        for kernels in ISAS.values():
            out = kernels[name](*inputs, dim, *flags)
            assert out.dtype == dtype
            n = shape[dim] if shape else 1
            np.testing.assert_allclose(out, expected, rtol=n * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scan", SCANS)
def test_scan_bits_do_not_depend_on_threads_layout_or_instruction_set(scan: str, dtype: type) -> None:
    name, flags = SCANS[scan]
    for shape, dim in SCANNED:
        inputs = scan_inputs(name, shape, dtype)
        expected = PROMISED[0][name](*inputs, dim, *flags)
        for kernel in [kernels[name] for kernels in PROMISED]:
            for threads in (1, 2, 3, 8):
                with with_threads(threads):
                    assert same_bits(kernel(*inputs, dim, *flags), expected)
            for given in zip(*[layouts(x) for x in inputs], strict=True):
                assert same_bits(kernel(*given, dim, *flags), expected)
            for out in layouts(np.zeros_like(expected)):
                kernel.into(out, *inputs, dim, *flags)
                assert same_bits(np.array(out, order="C"), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scan", SCANS)
def test_a_lane_alone_equals_the_lane_in_a_batch(scan: str, dtype: type) -> None:
    name, flags = SCANS[scan]
    inputs = scan_inputs(name, (21, 70), dtype)
    rows, columns = KERNELS[name](*inputs, 1, *flags), KERNELS[name](*inputs, 0, *flags)
    for i in range(21):
        assert same_bits(KERNELS[name](*[x[i] for x in inputs], 0, *flags), rows[i])
        assert same_bits(KERNELS[name](*[x[i:][:1] for x in inputs], 1, *flags)[0], rows[i])
        assert same_bits(
            KERNELS[name](*[np.ascontiguousarray(x[:, i]) for x in inputs], 0, *flags), columns[:, i].copy()
        )
    by_columns = KERNELS[name](*[np.ascontiguousarray(x.T) for x in inputs], 0, *flags)
    assert same_bits(np.ascontiguousarray(by_columns.T), rows)


@pytest.mark.parametrize("reverse", [False, True])
def test_cumsum_of_integers(*, reverse: bool) -> None:
    for shape, dim in SCANNED:
        x = np.random.default_rng(1).integers(-(2**62), 2**62, shape)
        x = np.asarray(x)
        with np.errstate(over="ignore"):
            ordered = np.flip(x, dim) if reverse and shape else x
            expected = np.cumsum(ordered, axis=dim) if shape else x
        if reverse and shape:
            expected = np.flip(expected, dim)
        for given in layouts(x):
            assert same_bits(KERNELS["cumsum"](given, dim, reverse), np.array(expected, order="C"))
        assert same_bits(KERNELS["cumsum"].reference(x, dim, reverse), np.array(expected, order="C"))


def test_cumsum_in_single_precision_is_rounded_once() -> None:
    x = np.random.default_rng(2).random(100_000, np.float32)
    exact = np.cumsum(x.astype(np.float64))
    for columns in (1, 3):
        out = KERNELS["cumsum"](np.repeat(x[:, None], columns, 1), 0, False)
        assert same_bits(out[:, 0].copy(), exact.astype(np.float32))


# 32 MiB read and written, which go past the caches where rows are whole lines.
@pytest.mark.parametrize("columns", [2048, 2032, 2003])
def test_cumsum_of_rows_past_the_caches(columns: int) -> None:
    x = np.random.default_rng(5).random((2201, columns), np.float32)
    with with_threads(1):
        for reverse in (False, True):
            exact = np.cumsum(x[:, ::-1] if reverse else x, 1, np.float64).astype(np.float32)
            for kernels in PROMISED:
                out = kernels["cumsum"](x, 1, reverse)
                assert same_bits(out[:, ::-1].copy() if reverse else out, exact)
                written = x.copy()
                kernels["cumsum"].into(written, written, 1, reverse)
                assert same_bits(written, out)


# 2 MiB and more read and written: threads share columns within a page where results are whole lines of memory, which the
# last two and an output off them are not.
@pytest.mark.parametrize("shape", [(700, 512), (300, 1008), (5, 200, 272), (700, 520), (700, 523)])
@pytest.mark.parametrize("threads", [3, 4, 8])
def test_cumsum_of_columns_that_threads_share_within_a_page(shape: tuple[int, ...], threads: int) -> None:
    x = np.random.default_rng(6).standard_normal(shape, np.float32)
    exact = np.cumsum(x, -2, np.float64).astype(np.float32)
    with with_threads(threads):
        assert same_bits(KERNELS["cumsum"](x, -2, False), exact)
        backwards = KERNELS["cumsum"](x[..., ::-1, :], -2, True)
        assert same_bits(np.array(backwards[..., ::-1, :], order="C"), exact)
        for out in layouts(np.zeros_like(x)):
            KERNELS["cumsum"].into(out, x, -2, False)
            assert same_bits(np.array(out, order="C"), exact)


def test_linear_recurrence_broadcasts() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((5, 1)), rng.standard_normal((4, 1, 7))
    full_a, full_b = np.broadcast_arrays(a, b)
    for dim in range(-3, 3):
        for reverse in (False, True):
            out = KERNELS["linear_recurrence"](a, b, dim, reverse)
            assert out.shape == (4, 5, 7)
            assert same_bits(out, KERNELS["linear_recurrence"](full_a.copy(), full_b.copy(), dim, reverse))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scan", [scan for scan in SCANS if scan.startswith("cum")])
def test_lanes_begin_with_their_first_elements(scan: str, dtype: type) -> None:
    name, flags = SCANS[scan]
    x = np.full((16, 33), -0.0 if name == "cumsum" else -1.0, dtype)
    x[:, [0, -1]] = [[-0.0], [0.0], [np.inf], [-2.0]] * 4
    for kernels in ISAS.values():
        for n in (1, 15, 16, 32, 33):
            part = x[:, -n:] if flags[0] else x[:, :n]
            assert same_bits(kernels[name](part, 1, *flags), np.array(chain(name, flags, [part], 1), order="C"))


@pytest.mark.parametrize("dtype", FLOATS)
def test_linear_recurrence_ignores_the_first_factors_of_lines(dtype: type) -> None:
    rng = np.random.default_rng(8)
    a, b = rng.uniform(-1, 1, (16, 48)).astype(dtype), rng.standard_normal((16, 48)).astype(dtype)
    b[:, [0, -1]] = -0.0
    for reverse in (False, True):
        first = -1 if reverse else 0
        for kernels in ISAS.values():
            outs = []
            for factor in (0.0, np.inf, np.nan):
                a[:, first] = factor
                outs.append(kernels["linear_recurrence"](a, b, 1, reverse))
                assert np.signbit(outs[-1][:, first]).all()
                assert same_bits(outs[-1], outs[0])


def test_linear_recurrence_ignores_the_first_factor() -> None:
    b = np.array([-0.0, 2.0, 3.0])
    for first in (0.0, np.inf, np.nan):
        out = KERNELS["linear_recurrence"](np.array([first, 10.0, 10.0]), b, 0, False)
        assert same_bits(out, np.array([-0.0, 2.0, 23.0]))
        out = KERNELS["linear_recurrence"](np.array([10.0, 10.0, first]), np.array([1.0, 2.0, 3.0]), 0, True)
        assert out.tolist() == [321.0, 32.0, 3.0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_shift(dtype: type) -> None:
    for shape, dim in SCANNED:
        x = np.asarray(np.random.default_rng(4).integers(0, 2 if dtype == np.bool_ else 100, shape), dtype)
        n = shape[dim] if shape else 1
        for by in sorted({0, 1, -1, 3, -3, n, -n, n + 5, 2**63 - 1, -(2**63)}):
            source = np.moveaxis(x.reshape(x.shape or (1,)), dim, 0)
            moved = np.zeros_like(source)
            for i in range(n):
                if 0 <= i - by < n:
                    moved[i] = source[i - by]
            expected = np.array(np.moveaxis(moved, 0, dim).reshape(shape), order="C")
            assert same_bits(KERNELS["shift"].reference(x, dim, by), expected)
            for given in layouts(x):
                assert same_bits(KERNELS["shift"](given, dim, by), expected)
        with with_threads(3):
            assert same_bits(KERNELS["shift"](x, dim, 1), KERNELS["shift"].reference(x, dim, 1))


@pytest.mark.parametrize(
    ("name", "inputs", "rest"),
    [("cumsum", 1, (False,)), ("cumprod", 1, (False, False)), ("linear_recurrence", 2, (False,)), ("shift", 1, (1,))],
)
def test_scans_refuse_a_dim_out_of_range(name: str, inputs: int, rest: tuple[object, ...]) -> None:
    for shape, dim in [((2, 4), 2), ((2, 4), -3), ((), 1), ((), -2)]:
        with pytest.raises(IndexError, match=rf"{name}: dim {dim} out of range for shape"):
            KERNELS[name](*[np.zeros(shape)] * inputs, dim, *rest)


def test_linear_recurrence_refuses_shapes_that_do_not_broadcast() -> None:
    with pytest.raises(RuntimeError, match=r"linear_recurrence: shapes \(3,\) and \(4,\) do not broadcast"):
        KERNELS["linear_recurrence"](np.zeros(3), np.zeros(4), 0, False)


# ---- gather and scatter_add ------------------------------------------------------------------------------------------


def values(shape: tuple[int, ...], dtype: type, seed: int = 0) -> Array:
    """Return random values that the dtype holds and whose sums are exact."""
    return np.asarray(np.random.default_rng(seed).integers(0, 2 if dtype == np.bool_ else 100, shape), dtype)


def along(shape: tuple[int, ...], dim: int, count: int, seed: int = 0) -> Array:
    """Return random indices into `dim` of an array of this shape, `count` of them along it."""
    sizes = list(shape)
    sizes[dim] = count
    return np.random.default_rng(seed).integers(0, max(shape[dim], 1), sizes)


INDEXED = [
    (shape, dim, count) for shape, dim in SCANNED if shape for count in (0, 1, 9) if shape[dim] > 0 or count == 0
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_gather(dtype: type) -> None:
    kernel = KERNELS["gather"]
    for shape, dim, count in INDEXED:
        x, index = values(shape, dtype), along(shape, dim, count)
        expected = np.take_along_axis(x, index, dim)
        assert same_bits(kernel.reference(x, index, dim), expected)
        for given, at in zip(layouts(x), layouts(index), strict=True):
            assert same_bits(kernel(given, index, dim), expected)
            assert same_bits(kernel(x, at, dim), expected)
        for threads in (1, 2, 3, 8):
            with with_threads(threads):
                assert same_bits(kernel(x, index, dim), expected)


def test_gather_from_part_of_x_and_without_dimensions() -> None:
    x, index = values((6, 5, 4), np.float64), along((3, 5, 2), 1, 8)
    expected = np.take_along_axis(x[:3, :, :2], index, 1)
    assert same_bits(KERNELS["gather"](x, index, 1), expected)
    assert KERNELS["gather"](np.array(3.0), np.array(0), 0) == 3
    assert KERNELS["gather"](np.array(3.0), np.array(0), -1).shape == ()


@pytest.mark.parametrize("dtype", [np.int64, *FLOATS])
def test_scatter_add(dtype: type) -> None:
    kernel = KERNELS["scatter_add"]
    for shape, dim, count in INDEXED:
        index = along(shape, dim, count)
        src = values(index.shape, dtype)
        expected = np.zeros(shape, dtype)
        places = list(np.indices(index.shape))
        places[dim] = index
        np.add.at(expected, tuple(places), src)
        assert same_bits(kernel.reference(src, index, shape, dim), expected)
        for given, at in zip(layouts(src), layouts(index), strict=True):
            assert same_bits(kernel(given, index, shape, dim), expected)
            assert same_bits(kernel(src, at, shape, dim), expected)
        for out in layouts(np.ones_like(expected)):
            kernel.into(out, src, index, shape, dim)
            assert same_bits(np.array(out, order="C"), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("shape", "dim"), [((40, 9), 0), ((9, 40), 1), ((5, 40, 3), 1), ((40,), 0)])
def test_scatter_add_adds_in_row_major_order(shape: tuple[int, ...], dim: int, dtype: type) -> None:
    index = along(shape, dim, 300)
    src = np.asarray(np.random.default_rng(5).standard_normal(index.shape), dtype)
    expected = np.zeros(shape, dtype)
    for place in np.ndindex(index.shape):
        target = list(place)
        target[dim] = int(index[place])
        expected[tuple(target)] += src[place]
    for threads in (1, 2, 3, 8):
        with with_threads(threads):
            assert same_bits(KERNELS["scatter_add"](src, index, shape, dim), expected)


def test_scatter_add_of_part_of_src_and_without_dimensions() -> None:
    src, index = values((6, 5, 4), np.float64), along((3, 7, 2), 1, 4)
    out = KERNELS["scatter_add"](src, index, (3, 7, 2), 1)
    assert same_bits(out, KERNELS["scatter_add"](src[:3, :4, :2].copy(), index, (3, 7, 2), 1))
    assert out.sum() == src[:3, :4, :2].sum()
    assert KERNELS["scatter_add"](np.array(3.0), np.array(0), (), 0) == 3


# ---- Rows ------------------------------------------------------------------------------------------------------------

ROW_SHAPES = [(5,), (6, 4), (6, 0), (7, 1), (3, 4, 5), (20, 64), (9, 300)]
INDEX_SHAPES = [(), (0,), (1,), (40,), (3, 5), (0, 2), (2, 1, 3)]


def row_indices(shape: tuple[int, ...], rows: int) -> Array:
    """Return random indices of rows, also counted from the end."""
    return np.asarray(np.random.default_rng(6).integers(-rows, rows, shape))


@pytest.mark.parametrize("width", [*range(1, 70), 127, 128, 129, 513, 1023, 1024, 1030])
def test_rows_of_any_number_of_bytes(width: int) -> None:
    rng = np.random.default_rng(width)
    x, index = rng.integers(0, 256, (19, width + 3)).astype(np.uint8)[:, 1:-2], rng.integers(0, 19, 50)
    assert same_bits(KERNELS["index_rows"](x, np.where(index % 2, index, index - 19)), x[index])
    repeated = np.broadcast_to(index[:, None], (50, width))
    assert same_bits(KERNELS["gather"](x, repeated, 0), x[index])
    expected = np.zeros((20, width + 3), np.uint8)
    expected[1:, 2:-1] = x
    assert same_bits(KERNELS["unslice"](x, expected.shape, (1, 2), (1, 1)), expected)
    for wrong in (-20, 19):
        index[17] = wrong
        with pytest.raises(IndexError):
            KERNELS["index_rows"](x, index)


@pytest.mark.parametrize("width", [*range(1, 40), 63, 64, 127, 128, 140])
@pytest.mark.parametrize("threads", [1, 3])
def test_short_lines_along_their_own_dim(width: int, threads: int) -> None:
    rng = np.random.default_rng(width)
    x, src = rng.integers(0, 100, (2, 70, width)).astype(np.float32)
    for count in {1, max(1, width - 2), width}:
        index = rng.integers(0, width, (70, count))
        expected, rows = x.copy(), np.arange(70)[:, None]
        np.add.at(expected, (rows, index), src[:, :count])
        with with_threads(threads):
            assert same_bits(KERNELS["gather"](x, index, 1), x[rows, index])
            assert same_bits(KERNELS["scatter"](x, src[:, :count], index, 1, 1), expected)
            index[33, -1] = width
            for name, operands in {"gather": (x,), "scatter": (x, src)}.items():
                with pytest.raises(IndexError):
                    KERNELS[name](*operands, index, 1, *[1] * (name == "scatter"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_index_rows(dtype: type) -> None:
    kernel = KERNELS["index_rows"]
    for shape in ROW_SHAPES:
        for index_shape in INDEX_SHAPES:
            x, index = values(shape, dtype), row_indices(index_shape, shape[0])
            expected = np.asarray(x[index])
            assert same_bits(kernel.reference(x, index), expected)
            for given in layouts(x):
                assert same_bits(kernel(given, index), expected)
            for at in layouts(index):
                assert same_bits(kernel(x, at), expected)
            for threads in (1, 2, 3, 8):
                with with_threads(threads):
                    assert same_bits(kernel(x, index), expected)
            for out in layouts(np.zeros_like(expected)):
                kernel.into(out, x, index)
                assert same_bits(np.array(out, order="C"), expected)


@pytest.mark.parametrize("dtype", [np.int64, *FLOATS])
def test_index_rows_add(dtype: type) -> None:
    kernel = KERNELS["index_rows_add"]
    for shape in ROW_SHAPES:
        for index_shape in INDEX_SHAPES:
            index = row_indices(index_shape, shape[0])
            g = values(index_shape + shape[1:], dtype)
            expected = np.zeros(shape, dtype)
            np.add.at(expected, index, g)
            assert same_bits(kernel.reference(g, index, shape[0]), expected)
            for given in layouts(g):
                assert same_bits(kernel(given, index, shape[0]), expected)
            for at in layouts(index):
                assert same_bits(kernel(g, at, shape[0]), expected)
            for out in layouts(np.ones_like(expected)):
                kernel.into(out, g, index, shape[0])
                assert same_bits(np.array(out, order="C"), expected)


@pytest.mark.parametrize("dtype", FLOATS)
def test_index_rows_add_adds_in_the_order_of_the_indices(dtype: type) -> None:
    index = row_indices((400,), 7)
    g = np.asarray(np.random.default_rng(7).standard_normal((400, 19)), dtype)
    expected = np.zeros((7, 19), dtype)
    for i, row in zip(index, g, strict=True):
        expected[i] += row
    for threads in (1, 2, 3, 8):
        with with_threads(threads):
            assert same_bits(KERNELS["index_rows_add"](g, index, 7), expected)


@pytest.mark.parametrize("sorted_places", [False, True])
@pytest.mark.parametrize("dtype", [*FLOATS, np.int64])
def test_add_rows_adds_products_in_the_order_of_the_indices(dtype: type, *, sorted_places: bool) -> None:
    draw = np.random.default_rng(9)
    for columns in (1, 5, 16, 67, 127, 128, 255, 256, 300, 517, 1100):
        x, factors = (draw.normal(0, 9, shape).astype(dtype) for shape in ((6, columns), 23))
        places, index = draw.integers(0, 7, 23), draw.integers(0, 6, 23)
        if sorted_places:
            places.sort()
        for factor in (1, factors, factors.repeat(2)[::2]):
            expected = np.zeros((7, columns), dtype)
            for n in range(23):
                expected[places[n]] += (1 if isinstance(factor, int) else factor[n]) * x[index[n]]
            for rows in (x, x.T.copy().T):
                assert same_bits(KERNELS["add_rows"](rows, places, index, factor, 7), expected)


# ---- border ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("mode", "way"), [(0, "edge"), (1, "reflect"), (2, "wrap")])
@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((5,), (4, 2)),
        ((4, 5), (0, 3, 2, 1)),
        ((3, 4, 90), (1, 0)),
        ((2, 3, 4), (3, 3, 2, 2, 1, 0)),
        ((2, 0, 3), (1, 1)),
    ],
)
def test_border(shape: tuple[int, ...], sizes: tuple[int, ...], mode: int, way: str, dtype: type) -> None:
    kernel, x = KERNELS["border"], values(shape, dtype)
    sides = [(0, 0)] * (len(shape) - len(sizes) // 2) + [*zip(sizes[-2::-2], sizes[::-2], strict=True)]
    expected = np.pad(x, sides, way)
    assert same_bits(kernel.reference(x, sizes, mode), expected)
    for given in layouts(x):
        assert same_bits(kernel(given, sizes, mode), expected)
    for out in layouts(np.ones_like(expected)):
        kernel.into(out, x, sizes, mode)
        assert same_bits(np.array(out, order="C"), expected)
    for threads in (1, 2, 3, 8):
        with with_threads(threads):
            assert same_bits(kernel(x, sizes, mode), expected)


@pytest.mark.parametrize(
    ("shape", "sizes", "mode"),
    [
        ((4,), (1,), 0), ((4,), (), 0), ((4,), (1, 1, 1, 1), 0), ((), (1, 1), 0), ((4,), (-1, 0), 0), ((4,), (4, 0), 1),
        ((4,), (0, 5), 2), ((0,), (1, 1), 0), ((4,), (1, 1), 3), ((4,), (1, 1), -1), ((4,), (2**63 - 1, 1), 0),
    ],
)  # fmt: skip
def test_a_border_that_cannot_be(shape: tuple[int, ...], sizes: tuple[int, ...], mode: int) -> None:
    with pytest.raises(RuntimeError, match="border: there is no border of these sizes"):
        KERNELS["border"](np.zeros(shape), sizes, mode)


# ---- unslice ---------------------------------------------------------------------------------------------------------

SLICES: list[tuple[tuple[int, ...], tuple[slice, ...]]] = [
    ((), ()),
    ((0,), (slice(None),)),
    ((9,), (slice(2, 7),)),
    ((9,), (slice(None, None, -1),)),
    ((9,), (slice(8, 1, -3),)),
    ((9,), (slice(4, 4),)),
    ((6, 7), (slice(1, 5), slice(None))),
    ((6, 7), (slice(None), slice(1, None, 2))),
    ((6, 7), (slice(5, None, -2), slice(3, 4))),
    ((4, 5, 6), (slice(None, None, -1), slice(1, 5, 3), slice(None, None, 2))),
    ((4, 0, 6), (slice(None), slice(None), slice(2, 3))),
    ((3, 90), (slice(None), slice(5, 84))),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "parts"), SLICES)
def test_unslice(shape: tuple[int, ...], parts: tuple[slice, ...], dtype: type) -> None:
    kernel = KERNELS["unslice"]
    expected = np.zeros(shape, dtype)
    g = values(expected[parts].shape, dtype)
    expected[parts] = g
    ranges = [part.indices(n) for part, n in zip(parts, shape, strict=True)]
    attributes = (shape, tuple(r[0] for r in ranges), tuple(r[2] for r in ranges))
    assert same_bits(kernel.reference(g, *attributes), expected)
    for given in layouts(g):
        assert same_bits(kernel(given, *attributes), expected)
    for out in layouts(np.ones_like(expected)):
        kernel.into(out, g, *attributes)
        assert same_bits(np.array(out, order="C"), expected)
    for threads in (1, 2, 3, 8):
        with with_threads(threads):
            assert same_bits(kernel(g, *attributes), expected)
    if g.size > 0:  # that of a sum is one element, repeated
        repeated = np.broadcast_to(g.reshape(-1)[-1], g.shape)
        expected[parts] = repeated
        assert same_bits(kernel(repeated, *attributes), expected)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int8, np.float32])
def test_nonzero_of_any_length(dtype: type) -> None:
    rng = np.random.default_rng(9)
    for length in [*range(70), 511, 512, 513, 1029]:
        for kept in (0.0, 0.1, 0.5, 0.9, 1.0):
            x = (rng.choice([1, 2, 64, -128, -1], length) * (rng.random(length) < kept)).astype(np.int8).astype(dtype)
            for given in (x, np.repeat(x, 2)[::2], x.reshape(1, -1), x.reshape(-1, 1)):
                places = np.argwhere(given)
                assert KERNELS["count_nonzero"](given, tuple(range(given.ndim)), False) == len(places)
                assert np.array_equal(KERNELS["nonzero"](given, len(places)), places)
                assert np.array_equal(KERNELS["nonzero"](given, len(places) // 2), places[: len(places) // 2])


# ---- Errors ----------------------------------------------------------------------------------------------------------

Build = Callable[[int], tuple[object, ...]]
OUT_OF_RANGE: list[tuple[str, list[int], Build]] = [
    ("gather", [-1, 5, 2**62, -(2**63)], lambda i: (np.zeros((5, 3)), np.full((2, 3), i), 0)),
    ("gather", [-1, 3], lambda i: (np.zeros((5, 3)), np.full((5, 2), i), 1)),
    ("gather", [0, 1], lambda i: (np.zeros((0, 3)), np.full((2, 3), i), 0)),
    ("scatter_add", [-1, 5, 2**62, -(2**63)], lambda i: (np.zeros((2, 3)), np.full((2, 3), i), (5, 3), 0)),
    ("scatter_add", [-1, 3], lambda i: (np.zeros((5, 2)), np.full((5, 2), i), (5, 3), 1)),
    ("scatter_add", [0], lambda i: (np.zeros((2, 3)), np.full((2, 3), i), (0, 3), 0)),
    ("index_rows", [-6, 5, 2**63 - 1, -(2**63)], lambda i: (np.zeros((5, 3)), np.array([0, 1, i]))),
    ("index_rows", [-6, 5], lambda i: (np.zeros(5), np.array([0, 1, i]))),
    ("index_rows", [-6, 5], lambda i: (np.zeros((3, 5)).T, np.array([0, 1, i]))),
    ("index_rows", [0, -1], lambda i: (np.zeros((0, 3)), np.array(i))),
    ("index_rows_add", [-6, 5, 2**63 - 1, -(2**63)], lambda i: (np.zeros((3, 2)), np.array([0, 1, i]), 5)),
    ("index_rows_add", [0, -1], lambda i: (np.zeros((1, 2)), np.array([i]), 0)),
]


@pytest.mark.parametrize(("name", "wrong", "build"), OUT_OF_RANGE)
def test_index_out_of_range(name: str, wrong: list[int], build: Build) -> None:
    for i in wrong:
        for threads in (1, 3):
            with with_threads(threads), pytest.raises(IndexError, match=f"{name}: index out of range"):
                KERNELS[name](*build(i))
        with pytest.raises(IndexError, match=f"{name}: index out of range"):
            KERNELS[name].reference(*build(i))


ONES = np.zeros((5, 3), np.int64)


@pytest.mark.parametrize(
    ("name", "arguments", "kind", "message"),
    [
        ("gather", (np.zeros((5, 3)), np.zeros(3, np.int64), 0), RuntimeError, r"gather: index must have as many"),
        (
            "gather",
            (np.zeros((5, 2)), ONES, 0),
            RuntimeError,
            r"gather: index \(5, 3\) is larger than x \(5, 2\) in dim 1",
        ),
        ("gather", (np.zeros((5, 3)), ONES, 2), IndexError, r"gather: dim 2 out of range for shape \(5, 3\)"),
        ("scatter_add", (np.zeros((5, 3)), ONES, (5,), 0), RuntimeError, "scatter_add: .* same number of dimensions"),
        ("scatter_add", (np.zeros((5, 2)), ONES, (5, 3), 0), RuntimeError, "scatter_add: index .* in dim 1"),
        ("scatter_add", (np.zeros((5, 3)), ONES, (4, 2), 0), RuntimeError, "scatter_add: index .* in dim 1"),
        ("scatter_add", (np.zeros((5, 3)), ONES, (-5, 3), 0), RuntimeError, r"negative size in shape \(-5, 3\)"),
        ("scatter_add", (np.zeros((5, 3)), ONES, (5, 3), -3), IndexError, "scatter_add: dim -3 out of range"),
        ("index_rows", (np.array(1.0), np.array(0)), RuntimeError, "index_rows: x must have at least one dimension"),
        ("index_rows", (np.zeros((1,) * 16), np.zeros((1, 1), np.int64)), RuntimeError, "more than 16 dimensions"),
        ("index_rows_add", (np.zeros((4, 3)), np.zeros(3, np.int64), 5), RuntimeError, "shape of g must begin with"),
        ("index_rows_add", (np.zeros(3), np.zeros((3, 1), np.int64), 5), RuntimeError, "shape of g must begin with"),
        ("index_rows_add", (np.zeros(3), np.zeros(3, np.int64), -1), RuntimeError, "rows must not be negative, got -1"),
        ("unslice", (np.zeros(3), (5, 5), (0,), (1,)), RuntimeError, "unslice: shape, starts and steps must have"),
        ("unslice", (np.zeros(3), (-5,), (0,), (1,)), RuntimeError, r"unslice: negative size in shape \(-5,\)"),
        *[
            ("unslice", (np.zeros(3), (5,), (start,), (step,)), RuntimeError, "unslice: g .* leaves dim 0")
            for start, step in [(3, 1), (-1, 1), (0, 3), (1, -1), (0, 0), (5, -1), (0, 2**63 - 1), (4, -(2**63))]
        ],
    ],
)
def test_errors_say_what_is_wrong(
    name: str, arguments: tuple[object, ...], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        KERNELS[name](*arguments)


def test_index_of_another_dtype_is_refused() -> None:
    with pytest.raises(TypeError, match="gather: index must have dtype int64, got int32"):
        KERNELS["gather"](np.zeros(3), np.zeros(3, np.int32), 0)
