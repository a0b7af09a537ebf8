"""House prices in California: a regression with a loss that outliers do not rule, and one of a quantile.

MINIGRAD_DATA names the folder with california-housing.csv (1990 census, Pace and Barry 1997), the current one if unset. Each
fifth district is for the test. The second network learns the price below which nine in ten houses of its kind stay: any
function can be the loss. Needs scikit-learn.

It prints::

    squared error: R² 0.787, mean error 36,016 $
    Huber's loss:  R² 0.789, mean error 35,398 $
    quantile 0.9:  88.9 % of the districts stay below
"""

from __future__ import annotations

import csv
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.sklearn import MLPRegressor  # first: where scikit-learn is missing, it says how to install it

# isort: split
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.metrics import mean_absolute_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import minigrad
from minigrad import Tensor


def load() -> tuple[Any, Any]:
    """Return the features, with the place by the sea as columns of zeros and ones, and the prices."""
    path = Path(os.environ.get("MINIGRAD_DATA", ".")) / "california-housing.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    place = np.array([row.pop("ocean_proximity") for row in rows])
    price = np.array([float(row.pop("median_house_value")) for row in rows])
    numbers = np.array([[float(cell or "nan") for cell in row.values()] for row in rows])
    return np.hstack([numbers, place[:, None] == np.unique(place)]).astype(np.float32), price


def quantile(output: Tensor, target: Tensor) -> Tensor:
    """Return the pinball loss of the quantile 0.9."""
    error = target - output
    return minigrad.maximum(0.9 * error, -0.1 * error)


def main() -> None:
    """Fit three networks that differ in their loss."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # that the epochs end is meant
    X, y = load()
    test = np.arange(len(y)) % 5 == 0
    for name, loss in (("squared error", "squared_error"), ("Huber's loss", "huber"), ("quantile 0.9", quantile)):
        network = MLPRegressor(
            loss, (64, 64), learning_rate_init=0.003, scheduler="cosine", max_iter=20, random_state=0
        )
        scaled = TransformedTargetRegressor(network, transformer=StandardScaler())
        model = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), scaled).fit(X[~test], y[~test])
        predicted = model.predict(X[test])
        if loss is quantile:
            print(f"{name}:  {100 * (y[test] < predicted).mean():.1f} % of the districts stay below")
        else:
            error = mean_absolute_error(y[test], predicted)
            print(f"{name + ':':<14} R² {model.score(X[test], y[test]):.3f}, mean error {error:,.0f} $")


if __name__ == "__main__":
    main()
