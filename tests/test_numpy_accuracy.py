"""The arguments and results by which NumPy validates its elementary functions, which its wheels bring along.

Each row is an argument in float32 or float64, hard cases among them, the result to the last bit, and how many units in the
last place NumPy may be wrong by. minigrad may be by 2.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad

FOLDER = Path(np.__file__).parent / "_core" / "tests" / "data"
FILES = {path.stem.rsplit("-", 1)[1]: path for path in sorted(FOLDER.glob("umath-validation-set-*.csv"))}
NOT_PYTORCHS = {"cbrt"}
WORDS = {"np.float32": np.uint32, "np.float64": np.uint64}
LARGEST_ERROR = 2

Array = np.ndarray[Any, Any]


def read(path: Path) -> dict[str, tuple[Array, Array]]:
    """Return arguments and results for each dtype."""
    rows: dict[str, list[tuple[int, int]]] = {kind: [] for kind in WORDS}
    with path.open(encoding="utf-8") as file:
        for row in csv.reader(line for line in file if not line.startswith(("#", "dtype", "$"))):
            rows[row[0].strip()].append((int(row[1], 16), int(row[2], 16)))
    columns = {kind: np.array(pairs, WORDS[kind]).T for kind, pairs in rows.items() if pairs}
    return {kind: tuple(np.ascontiguousarray(c).view(kind[3:]) for c in pair) for kind, pair in columns.items()}


def units_apart(found: Array, right: Array) -> Array:
    """Return how many floating-point numbers lie between two, over 0 too; NaN is at NaN."""
    word = np.int32 if found.dtype == np.float32 else np.int64
    least = np.iinfo(word).min
    ordered = [np.where(w < 0, least - w, w) for w in (found.view(word), right.view(word))]
    apart = np.abs(ordered[0].astype(np.float64) - ordered[1].astype(np.float64))
    nan = np.isnan(found), np.isnan(right)
    return np.where(nan[0] & nan[1], 0, np.where(nan[0] | nan[1], np.inf, apart))


@pytest.mark.skipif(not FILES, reason="this NumPy has no validation sets")
@pytest.mark.parametrize("name", sorted(FILES.keys() - NOT_PYTORCHS))
def test_elementary_function(name: str, record_totals: Callable[..., None]) -> None:
    f = getattr(minigrad, name.replace("arc", "a"))
    sets = read(FILES[name])
    for kind, (x, right) in sets.items():
        found = f(minigrad.from_numpy(x)).numpy()
        errors = units_apart(found, right)
        worst = int(np.argmax(errors))
        assert errors[worst] <= LARGEST_ERROR, f"{name}({x[worst]!r}) in {kind}: {found[worst]!r}, not {right[worst]!r}"
    counts = {kind: len(x) for kind, (x, _) in sets.items()}
    record_totals(
        "NumPy's validation sets of elementary functions", {"functions": 1, "values": sum(counts.values()), **counts}
    )
