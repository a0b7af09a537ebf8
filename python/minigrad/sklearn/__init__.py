"""Multi-layer perceptrons as scikit-learn's estimators: the extra ``sklearn``.

They take scikit-learn's own parameters and behave as its estimators do, in pipelines, searches and cross-validation; with the
same `random_state` they also learn the same weights, to rounding. Beyond that they have what its users asked for.
"""

from .._extras import require

require("sklearn", "sklearn", "minigrad.sklearn")

from ._classifier import MLPClassifier
from ._regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
