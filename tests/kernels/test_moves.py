"""Copying arrays of any layout: by rows, turned, filled, reversed, past the caches."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import Array, with_threads

from minigrad import _core

KERNELS = _core.kernels
COPY, UNSTRIDE = KERNELS["copy"], KERNELS["unstride"]
DTYPES = [np.bool_, np.uint8, np.int16, np.float16, np.float32, np.int64, np.float64]


def numbers(shape: tuple[int, ...], dtype: type) -> Array:
    count = np.arange(np.prod(shape, dtype=np.int64))
    return (count % (2 if dtype is np.bool_ else 127)).astype(dtype).reshape(shape)


def drawn_view(rng: np.random.Generator, dtype: type) -> Array:
    """Return a view with permuted dimensions, some of them cut, reversed, or repeated."""
    rank = int(rng.integers(1, 5))
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 4, 5, 17, 40, 70][: 8 if rank < 3 else 5], rank))
    x = numbers(shape, dtype).transpose(rng.permutation(rank))
    x = x[tuple(slice(int(rng.integers(0, 2)), None, int(rng.choice([1, 1, -1, 2]))) for _ in range(rank))]
    if rng.random() < 0.4:
        where = int(rng.integers(0, rank + 1))
        x = np.broadcast_to(np.expand_dims(x, where), (*x.shape[:where], int(rng.integers(1, 40)), *x.shape[where:]))
    return x


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threads", [1, 3])
def test_views_of_any_layout(dtype: type, threads: int) -> None:
    rng = np.random.default_rng(3)
    with with_threads(threads):
        for _ in range(400):
            x = drawn_view(rng, dtype)
            out = COPY(x)
            assert out.flags.c_contiguous
            assert np.array_equal(out, x), (x.shape, x.strides)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_into_memory_of_any_layout(dtype: type) -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        g = drawn_view(rng, dtype)
        order = rng.permutation(g.ndim)
        strides, extent = [0] * g.ndim, 1
        for d in order:  # an array whose dimensions lie in drawn order, with gaps
            strides[d], extent = extent, (extent + 1) * max(g.shape[d], 1)
        size = extent + 3
        out = UNSTRIDE(g, (size,), 3, tuple(strides))
        expected = np.zeros(size, dtype)
        if g.size > 0:
            np.lib.stride_tricks.as_strided(expected[3:], g.shape, [s * g.itemsize for s in strides])[...] = g
        assert np.array_equal(out, expected)


@pytest.mark.parametrize("length", [*range(70), 127, 128, 129, 511, 513, 4095, 4097, 70_001])
def test_rows_of_any_length(length: int) -> None:
    memory = numbers((3, length + 5), np.uint8)
    for start in range(3):
        x = memory[:, start : start + length]
        assert np.array_equal(COPY(x), x)
        assert np.array_equal(COPY(x[::-1, ::-1]), x[::-1, ::-1])


# What does not fit into the caches, for any number of threads: 40 MiB read and written.
ROWS = 5200
LARGE = {
    "flat": lambda x: x,
    "rows backwards": lambda x: x[::-1],
    "backwards": lambda x: x[:, ::-1],
    "turned": lambda x: x.T,
    "rows apart": lambda x: x.reshape(2, -1, 1023)[:, :, 1:],
    "every second": lambda x: np.broadcast_to(x[:, ::2], (2, ROWS, 512)),
    "repeated": lambda x: np.broadcast_to(x[:, :512, None], (ROWS, 512, 4)),
    "filled": lambda x: np.broadcast_to(x[:, :1], (ROWS, 8192 + 3)),
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("threads", [1, 3])
def test_past_the_caches(name: str, threads: int) -> None:
    x = LARGE[name](np.random.default_rng(1).integers(0, 2**31, (ROWS, 1023 + ("apart" not in name)), np.int32))
    with with_threads(threads):
        assert np.array_equal(COPY(x), x)


@pytest.mark.parametrize(("dtype", "code"), [(np.uint8, 1), (np.int16, 3), (np.int32, 4), (np.int64, 5)])
def test_turned_past_the_caches_into_matrices_that_begin_within_lines(dtype: type, code: int) -> None:
    x = np.random.default_rng(1).integers(0, 100, (2, 1024, 32768 // np.dtype(dtype).itemsize), dtype)
    plane = x[0].size
    memory = _core.kernels["full"](0.0, (2, plane + 1), code)
    out = memory[:, :plane].reshape(2, -1, 1024)
    assert out.ctypes.data % 64 == 0
    with with_threads(1):
        _core.copy_into(out, x.transpose(0, 2, 1))
    assert np.array_equal(out, x.transpose(0, 2, 1))
    assert not memory[:, plane:].any()


# Matrices whose columns are visited in panels, with ends and without; lanes made in a buffer.
@pytest.mark.parametrize("shape", [(300, 512), (700, 200), (4096, 530), (5, 400, 77)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 3])
def test_indices_along_every_dim(shape: tuple[int, ...], dtype: type, threads: int) -> None:
    rng = np.random.default_rng(2)
    x, src = rng.integers(0, 100, (2, *shape)).astype(dtype)
    for dim, extent in enumerate(shape):
        index = rng.integers(0, extent, shape)
        index[-1, -1:] = 0
        places = list(np.indices(shape, sparse=True))
        places[dim] = index
        added, expected = np.zeros(shape, dtype), x.copy()
        np.add.at(added, tuple(places), src)
        np.add.at(expected, tuple(places), src)
        calls = {
            "gather": ((x, index, dim), np.take_along_axis(x, index, dim)),
            "scatter_add": ((src, index, shape, dim), added),
            "scatter": ((x, src, index, dim, 1), expected),
        }
        with with_threads(threads):
            for name, (operands, result) in calls.items():
                assert np.array_equal(KERNELS[name](*operands), result), name
            for wrong in (-1, extent):
                index[-1, -1] = wrong
                for name, (operands, _) in calls.items():
                    with pytest.raises(IndexError):
                        KERNELS[name](*operands)


@pytest.mark.parametrize("shape", [s for s in np.ndindex(4, 4, 4) if 0 in s], ids=str)
def test_joining_arrays_without_elements(shape: tuple[int, ...]) -> None:
    x = np.ones(shape, np.float32)
    for dim in range(3):
        some = np.ones((*shape[:dim], 2, *shape[dim + 1 :]), np.float32)
        for stacked, arrays in ((False, [x]), (False, [x, x]), (True, [x, x]), (False, [x, some, x])):
            expected = np.stack(arrays, dim) if stacked else np.concatenate(arrays, dim)
            out = KERNELS["cat"](arrays, dim, stacked)
            assert out.shape == expected.shape
            assert np.array_equal(out, expected)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.float64])
def test_joining_rows_of_any_length(dtype: type, threads: int) -> None:
    wide = np.random.default_rng(3).integers(0, 100, (300, 700)).astype(dtype)
    with with_threads(threads):
        for a, b, c in (
            (1, 2, 3),
            (3, 0, 4),
            (4, 5, 6),
            (7, 8, 9),
            (11, 16, 17),
            (24, 40, 61),
            (64, 100, 1),
            (300, 8, 290),
        ):
            given = [np.ascontiguousarray(wide[:, :a]), wide[:, a : a + b], np.ascontiguousarray(wide[:, -c:])]
            assert np.array_equal(KERNELS["cat"](given, 1, False), np.concatenate(given, 1))
        for width in (1, 2, 5, 10, 33, 130):
            given = [np.ascontiguousarray(wide[:, i : i + width]) for i in range(3)]
            assert np.array_equal(KERNELS["cat"](given, 1, True), np.stack(given, 1))
