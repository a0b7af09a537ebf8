"""The estimators beside scikit-learn's, on real data: test scores and the time of fitting.

Run with `python -m benchmarks.estimators`; the environment's MINIGRAD_DATA names the folder with the data. Both have the
same layers, epochs, dtype and threads. Each library runs in a process of its own, and they take turns. What is
asked: a mean score not below scikit-learn's minus its standard deviation over the seeds, in at most half the time.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Split = tuple[Array, Array, Array, Array]  # x_train, y_train, x_test, y_test

LIBRARIES = ("minigrad", "scikit-learn")
DATA = ("letter-recognition", "california-housing", "optdigits")
HIDDEN = {"letter-recognition": (100,), "california-housing": (100,), "optdigits": (100,)}
EPOCHS = {"letter-recognition": 50, "california-housing": 50, "optdigits": 30}

# ---- The data ---------------------------------------------------------------------------------------------------------


def folder() -> Path:
    """Return where the data are."""
    name = os.environ.get("MINIGRAD_DATA")
    if not name:
        raise SystemExit("MINIGRAD_DATA names no folder with the data")
    return Path(name)


def letters() -> Split:
    """Return the letters: by custom the first 16,000 to train on."""
    table = np.loadtxt(folder() / "letter-recognition.data", delimiter=",", dtype=str)
    x, y = table[:, 1:].astype(np.float64), table[:, 0]
    return x[:16000], y[:16000], x[16000:], y[16000:]


def housing() -> Split:
    """Return the housing prices, each fifth district for the test; a missing count is the median, a category five columns."""
    with (folder() / "california-housing.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    category = np.array([row.pop("ocean_proximity") for row in rows])
    table = np.array([[float(cell or "nan") for cell in row.values()] for row in rows])
    y = table[:, list(rows[0]).index("median_house_value")]
    x = np.delete(table, list(rows[0]).index("median_house_value"), axis=1)
    x = np.where(np.isnan(x), np.nanmedian(x, axis=0), x)
    x = np.hstack([x, category[:, None] == np.unique(category)])
    test = np.arange(len(x)) % 5 == 0
    mean, std = y[~test].mean(), y[~test].std()
    return x[~test], (y[~test] - mean) / std, x[test], (y[test] - mean) / std


def digits() -> Split:
    """Return the handwritten digits in their authors' split."""
    train, test = (np.loadtxt(folder() / f"optdigits.{part}", delimiter=",") for part in ("tra", "tes"))
    return train[:, :-1], train[:, -1].astype(int), test[:, :-1], test[:, -1].astype(int)


def load(data: str, dtype: str) -> Split:
    """Return training and test part, the features standardised by the former."""
    x, y, x_test, y_test = {"letter-recognition": letters, "california-housing": housing, "optdigits": digits}[data]()
    mean, std = x.mean(axis=0), x.std(axis=0)
    std[std == 0] = 1
    y, y_test = (a.astype(dtype) if a.dtype.kind == "f" else a for a in (y, y_test))
    return ((x - mean) / std).astype(dtype), y, ((x_test - mean) / std).astype(dtype), y_test


# ---- A process ------------------------------------------------------------------------------------------------------


def fit(library: str, data: str, dtype: str, seed: int) -> dict[str, float]:
    """Return test score and seconds of one fit."""
    if library == "minigrad":
        from minigrad import sklearn as estimators
    else:
        from sklearn import neural_network as estimators
    x, y, x_test, y_test = load(data, dtype)
    kind = estimators.MLPRegressor if data == "california-housing" else estimators.MLPClassifier
    epochs = EPOCHS[data]
    model = kind(hidden_layer_sizes=HIDDEN[data], max_iter=epochs, n_iter_no_change=epochs, tol=0, random_state=seed)
    start = time.perf_counter()
    model.fit(x, y)
    return {"seconds": time.perf_counter() - start, "score": model.score(x_test, y_test), "epochs": model.n_iter_}


def work(library: str) -> None:
    """Answer requests, one a line, until there is nothing more to read."""
    warnings.simplefilter("ignore")  # that the epochs end is meant
    for line in sys.stdin:
        data, dtype, seed = json.loads(line)
        print(json.dumps(fit(library, data, dtype, seed)), flush=True)


def start(library: str, threads: int) -> subprocess.Popen[str]:
    """Start the process of a library."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.estimators", "--work", library],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **dict.fromkeys(names, str(threads))},
    )


def ask(worker: subprocess.Popen[str], *request: Any) -> dict[str, float]:
    """Return a process's answer."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    print(json.dumps(request), file=worker.stdin, flush=True)
    answer: dict[str, float] = json.loads(worker.stdout.readline())
    return answer


# ---- The table ------------------------------------------------------------------------------------------------------


def measure(dtype: str, threads: int, seeds: int) -> dict[str, Any]:
    """Print a line for each data set; return all that was measured."""
    workers = {library: start(library, threads) for library in LIBRARIES}
    found: dict[str, Any] = {}
    for data in DATA:
        for library in LIBRARIES:
            ask(workers[library], data, dtype, 0)  # warm up
        results: dict[str, list[dict[str, float]]] = {library: [] for library in LIBRARIES}
        for seed in range(seeds):
            for library in LIBRARIES:
                results[library].append(ask(workers[library], data, dtype, seed))
        found[data] = results
        print_row(data, dtype, threads, results)
    for worker in workers.values():
        assert worker.stdin is not None
        worker.stdin.close()
        worker.wait()
    return found


def print_row(data: str, dtype: str, threads: int, results: dict[str, list[dict[str, float]]]) -> None:
    """Print scores and times of both libraries, and whether what is asked holds."""
    scores = {library: np.array([r["score"] for r in rows]) for library, rows in results.items()}
    # Every fit does the same work, so that the fastest is the one that other processes disturbed least.
    seconds = {library: min(r["seconds"] for r in rows) for library, rows in results.items()}
    own, theirs = LIBRARIES
    good = scores[own].mean() >= scores[theirs].mean() - scores[theirs].std(ddof=1)
    ratio = seconds[theirs] / seconds[own]
    cells = [f"{scores[lib].mean():.4f} ± {scores[lib].std(ddof=1):.4f} {seconds[lib]:7.3f} s" for lib in LIBRARIES]
    verdict = "holds" if good and ratio >= 2 else "FAILS"
    print(f"{data:<20}{dtype:<9}{threads:>7}  {cells[0]:>28}  {cells[1]:>28}  {ratio:5.2f}  {verdict}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimators", description=__doc__)
    parser.add_argument("--threads", type=int, nargs="*", default=[1], help="threads of each library (default: 1)")
    parser.add_argument("--dtypes", nargs="*", default=["float32", "float64"], choices=["float32", "float64"])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds (default: 5)")
    parser.add_argument("--json", type=Path, help="where to save what was measured")
    parser.add_argument("--work", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is not None:
        work(options.work)
        return
    print(f"{'data':<20}{'dtype':<9}threads  {'minigrad':>28}  {'scikit-learn':>28}  times")
    found = {
        f"{dtype}, {threads} threads": measure(dtype, threads, options.seeds)
        for threads in options.threads
        for dtype in options.dtypes
    }
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
