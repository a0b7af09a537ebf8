"""Kernels of random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from helpers import FLOATS, ISAS, PROMISED, Array, layouts, same_bits, with_threads

from minigrad import _core

KERNELS = _core.kernels
CODES = {np.float32: 6, np.float64: 7}


def word(value: int) -> Array:
    """Return a key or an offset as kernels take them."""
    return np.array(value, np.int64)


# ---- Philox ----------------------------------------------------------------------------------------------------------


def philox(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """Philox4x32-10 as the paper describes it, on Python's integers."""
    low = 0xFFFFFFFF
    c, k = list(counter), list(key)
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & low, (p >> 32) ^ c[3] ^ k[1], p & low]
        k = [(k[0] + 0x9E3779B9) & low, (k[1] + 0xBB67AE85) & low]
    return tuple(c)


# Published with the paper: counter, key, result.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def words(key: int, offset: int, blocks: int) -> list[int]:
    """Return the 32-bit words of the blocks from `offset` on."""
    out: list[int] = []
    for block in range(blocks):
        at = (offset + block) % 2**64
        halves = (key % 2**32, key % 2**64 >> 32)
        out += philox((at % 2**32, at >> 32, 0, 0), halves)
    return out


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_of_this_file_gives_the_published_answers(
    counter: tuple[int, ...], key: tuple[int, int], answer: tuple[int, ...]
) -> None:
    assert philox(counter, key) == answer


STREAMS = [(0, 0), (-1, -3), (0x0123456789ABCDEF, 2**32 - 5), (7, 2**63 - 4)]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("key", "offset"), STREAMS)
def test_kernels_use_philox_words_in_order(isa: str, key: int, offset: int) -> None:
    kernels = ISAS[isa]
    w = words(key, offset, 70)
    wide = [w[i] | w[i + 1] << 32 for i in range(0, len(w), 2)]
    # With the widest range, the upper half of word * (2^64 - 1) is word - 1, so every bit can be read.
    integers = kernels["randint"](word(key), word(offset), -(2**63), 2**63 - 1, (len(wide),))
    assert [int(i) + 2**63 for i in integers] == [max(u - 1, 0) for u in wide]
    single = kernels["uniform"](word(key), word(offset), (len(w),), CODES[np.float32])
    assert same_bits(single, np.array([(u >> 8) / 2**24 for u in w], np.float32))
    double = kernels["uniform"](word(key), word(offset), (len(wide),), CODES[np.float64])
    assert same_bits(double, np.array([(u >> 11) / 2**53 for u in wide]))


# ---- Random numbers --------------------------------------------------------------------------------------------------

SIZES = [0, 1, 2, 3, 15, 16, 17, 127, 128, 129, 255, 256, 257, 1000]

RANDOM_CALLS: dict[str, tuple[str, Callable[[int], tuple[object, ...]]]] = {
    "uniform32": ("uniform", lambda n: ((n,), 6)),
    "uniform64": ("uniform", lambda n: ((n,), 7)),
    "normal32": ("normal", lambda n: ((n,), 6)),
    "normal64": ("normal", lambda n: ((n,), 7)),
    "randint": ("randint", lambda n: (-5, 17, (n,))),
    "permutation": ("permutation", lambda n: (n,)),
}


@pytest.mark.parametrize("case", RANDOM_CALLS)
@pytest.mark.parametrize("isa", ISAS)
def test_random_kernels_against_their_references(case: str, isa: str) -> None:
    name, arguments = RANDOM_CALLS[case]
    kernel = ISAS[isa][name]
    for n in SIZES:
        for key, offset in STREAMS:
            out = kernel(word(key), word(offset), *arguments(n))
            expected = kernel.reference(word(key), word(offset), *arguments(n))
            assert out.dtype == expected.dtype
            if name == "normal":
                close = 8 * np.finfo(out.dtype).eps
                np.testing.assert_allclose(out, expected, rtol=close, atol=close)
            else:
                assert same_bits(out, expected)


@pytest.mark.parametrize("case", RANDOM_CALLS)
def test_random_bits_do_not_depend_on_threads_or_instruction_set(case: str) -> None:
    name, arguments = RANDOM_CALLS[case]
    for n in (0, 1, 257, 5000):
        args = (word(42), word(10), *arguments(n))
        expected = PROMISED[0][name](*args)
        for kernels in PROMISED:
            for threads in (1, 2, 3, 8):
                with with_threads(threads):
                    assert same_bits(kernels[name](*args), expected)


@pytest.mark.parametrize("case", [name for name in RANDOM_CALLS if name != "permutation"])
def test_elements_depend_on_their_position_alone(case: str) -> None:
    name, arguments = RANDOM_CALLS[case]
    long = KERNELS[name](word(3), word(5), *arguments(700))
    per_counter = 4 if case.endswith("32") else 2
    for n in range(20):
        assert same_bits(KERNELS[name](word(3), word(5), *arguments(n)), long[:n])
        later = KERNELS[name](word(3), word(5 + n), *arguments(100))
        assert same_bits(later, long[per_counter * n :][:100])


@pytest.mark.parametrize("case", ["uniform64", "normal32", "randint"])
def test_random_into_any_layout_and_shape(case: str) -> None:
    name, arguments = RANDOM_CALLS[case]
    *front, last = arguments(7 * 40)
    shaped = [(7, 40) if a == (280,) else a for a in (*front, last)]
    expected = KERNELS[name](word(1), word(2), *arguments(280)).reshape(7, 40)
    assert same_bits(KERNELS[name](word(1), word(2), *shaped), expected)
    for out in layouts(np.zeros_like(expected)):
        KERNELS[name].into(out, word(1), word(2), *shaped)
        assert same_bits(np.ascontiguousarray(out), expected)


def test_shapes_without_dimensions_and_without_elements() -> None:
    assert KERNELS["uniform"](word(0), word(0), (), 6).shape == ()
    assert KERNELS["normal"](word(0), word(0), (3, 0, 2), 7).shape == (3, 0, 2)
    assert KERNELS["permutation"](word(0), word(0), 0).shape == (0,)


def chi_square(counts: Array, expected: Array) -> float:
    """Return Pearson's statistic, as a number of its standard deviations away from its mean."""
    degrees = counts.size - 1
    return float(((counts - expected) ** 2 / expected).sum() - degrees) / math.sqrt(2 * degrees)


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_is_uniform(dtype: type) -> None:
    n = 400_000
    u = KERNELS["uniform"](word(2024), word(0), (n,), CODES[dtype]).astype(np.float64)
    assert u.min() >= 0
    assert u.max() < 1
    for power in range(1, 5):
        deviation = math.sqrt(1 / (2 * power + 1) - 1 / (power + 1) ** 2) / math.sqrt(n)
        assert abs((u**power).mean() - 1 / (power + 1)) < 4 * deviation
    assert abs(chi_square(np.bincount((u * 1000).astype(int), minlength=1000), np.full(1000, n / 1000))) < 4
    pairs = (u[:-1:2] * 32).astype(int) * 32 + (u[1::2] * 32).astype(int)
    assert abs(chi_square(np.bincount(pairs, minlength=1024), np.full(1024, n / 2048))) < 4


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal_is_normal(dtype: type) -> None:
    n = 400_000
    x = KERNELS["normal"](word(2025), word(0), (n,), CODES[dtype]).astype(np.float64)
    for power, (moment, variance) in {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96)}.items():
        assert abs((x**power).mean() - moment) < 4 * math.sqrt(variance / n)
    assert abs((x[::2] * x[1::2]).mean()) < 4 / math.sqrt(n / 2)
    edges = np.linspace(-3, 3, 61)
    phi = np.array([0.0, *(0.5 * (1 + math.erf(e / math.sqrt(2))) for e in edges), 1.0])
    counts = np.bincount(np.searchsorted(edges, x), minlength=62)
    assert abs(chi_square(counts, n * np.diff(phi))) < 4


def test_randint_takes_all_values_equally_often() -> None:
    n, low, high = 200_000, -3, 34
    x = KERNELS["randint"](word(9), word(0), low, high, (n,))
    counts = np.bincount(x - low, minlength=high - low)
    assert counts.size == high - low
    assert abs(chi_square(counts, np.full(high - low, n / (high - low)))) < 4


def test_permutation_is_one_and_every_one_is_as_likely() -> None:
    for n in (1, 2, 1000):
        assert sorted(KERNELS["permutation"](word(4), word(6), n)) == list(range(n))
    trials, counts = 12_000, np.zeros(256)
    for trial in range(trials):
        p = KERNELS["permutation"](word(11), word(2 * trial), 4)
        counts[int(p[0]) * 64 + int(p[1]) * 16 + int(p[2]) * 4 + int(p[3])] += 1
    seen = counts[counts > 0]
    assert seen.size == math.factorial(4)
    assert abs(chi_square(seen, np.full(24, trials / 24))) < 4


@pytest.mark.parametrize(
    ("code", "dtype"),
    list(enumerate([np.bool_, np.uint8, np.int8, np.int16, np.int32, np.int64, np.float32, np.float64])),
)
def test_full(code: int, dtype: type) -> None:
    kernel = KERNELS["full"]
    for shape in [(), (0,), (5,), (3, 4, 5), (3000, 3)]:
        for value in (0.0, 1.0, 100.0):
            expected = np.full(shape, value, dtype)
            for threads in (1, 3):
                with with_threads(threads):
                    assert same_bits(kernel(value, shape, code), expected)
            assert same_bits(kernel.reference(value, shape, code), expected)
    for value in (math.nan, math.inf, -math.inf, 1e300, -1.75, 127.9, 2.0**63):
        assert same_bits(kernel(value, (3,), code), kernel.reference(value, (3,), code))
    for out in layouts(np.zeros((4, 6), dtype)):
        kernel.into(out, 1.0, (4, 6), code)
        assert (out == 1).all()


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("uniform", (word(0), word(0), (3, -1), 6), r"uniform: negative size in shape \(3, -1\)"),
        ("normal", (word(0), np.zeros(2, np.int64), (3,), 6), r"normal: the inputs must have shape \(\), got \(2,\)"),
        ("randint", (word(0), word(0), 5, 5, (3,)), "randint: low must be less than high, got 5 and 5"),
        ("permutation", (word(0), word(0), -1), "permutation: n must not be negative, got -1"),
    ],
)
def test_random_errors(name: str, arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        KERNELS[name](*arguments)


def test_unknown_dtype_code() -> None:
    for name in ("uniform", "full"):
        inputs = (1.0,) if name == "full" else (word(0), word(0))
        with pytest.raises(ValueError, match=f"{name}: no dtype has the code 9"):
            KERNELS[name](*inputs, (3,), 9)
