"""The regressor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from ..graph import Array
from ..training import Callback
from . import _losses
from ._base import BaseMLP
from ._losses import Loss


class MLPRegressor(RegressorMixin, BaseMLP):
    """A multi-layer perceptron that learns numbers.

    The parameters are those of :class:`MLPClassifier` without `class_weight`, and the first one is the loss.

    Parameters
    ----------
    loss : str or callable, default "squared_error"
        "squared_error" (half of it), "absolute_error", "huber", "log_cosh", "poisson" (of an output whose exponential is
        predicted), or a function of the network's output and the target, both (n, targets), that returns a tensor with a
        loss for each sample or output, or their mean.

    Attributes
    ----------
    model_ : Sequential
        The network.
    history_ : History
        Loss, learning rate, seconds, and with early stopping "val_loss" and "val_score" of each epoch.

    Notes
    -----
    The losses of several targets are added up.

    Examples
    --------
    >>> from minigrad.sklearn import MLPRegressor
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> regressor = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0, random_state=0)
    >>> regressor.fit(X, [1.0, 3.0, 5.0, 7.0]).predict([[4.0]]).round(3).tolist()
    [9.0]
    """

    _y_numeric = True

    def __init__(
        self,
        loss: str | Callable[..., Any] = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Callable[..., Any] | Sequence[Any] = "relu",
        *,
        solver: str | Callable[..., Any] = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float | Sequence[float] = 0.0,
        normalization: str | Sequence[str | None] | None = None,
        scoring: str | Callable[..., float] | None = None,
        scheduler: str | Callable[..., Any] | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> None:
        self._keep(locals())

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from samples.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, features)
            The samples. float32 computes in float32, everything else in float64.
        y : array-like of shape (n,) or (n, targets)
            Their targets.
        sample_weight : array-like of shape (n,), optional
            A factor for the loss of each; 0 leaves a sample out.

        Returns
        -------
        MLPRegressor
            The estimator itself.
        """
        return self._fit(X, y, sample_weight)

    @available_if(lambda estimator: estimator._check_solver())
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go once over samples; arguments and result are those of :meth:`fit`."""
        return self._fit(X, y, sample_weight, incremental=True)

    def _read_targets(self, y: Any, first: bool) -> Any:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        count = y.shape[1] if y.ndim == 2 else 1
        if not first and count != self.n_outputs_:
            raise ValueError(f"y has {count} targets, but the network was made for {self.n_outputs_}")
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError("loss='poisson' needs targets that are not negative")
        self.n_outputs_ = count
        self.out_activation_ = "exp" if self.loss == "poisson" else "identity"
        return y

    def _encode(self, y: Any, dtype: Any) -> Array:
        return np.asarray(y, dtype).reshape(len(y), -1)

    def _find_loss(self) -> Loss:
        return _losses.find(self.loss, _losses.OF_NUMBERS)

    def predict(self, X: Any) -> Array:
        """Return what is expected for samples X: (n,), or (n, targets) if y had several columns."""
        scores = self._scores(X).numpy()
        values = np.exp(scores) if self.out_activation_ == "exp" else scores
        return values[:, 0] if self.n_outputs_ == 1 else values
