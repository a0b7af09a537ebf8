"""What classifier and regressor have in common."""

from __future__ import annotations

import copy
import inspect
import math
import numbers
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .. import nn, optim
from ..grad_mode import no_grad
from ..graph import Array
from ..tensor import Tensor, wrap
from ..training import Callback, History
from . import _fitting
from ._fitting import Batches, FittingRun, Samples, Stopper, weighted
from ._losses import Loss
from ._network import build, hidden_layers, linear_layers

ROWS_AT_ONCE = 8192  # in a prediction, so that it takes little memory

POSITIVE = (0, math.inf, False)
AT_LEAST_0 = (0, math.inf, True)
FRACTION = (0, 1, True)
RANGES: dict[str, tuple[float, float, bool]] = {
    "alpha": AT_LEAST_0,
    "learning_rate_init": POSITIVE,
    "power_t": AT_LEAST_0,
    "max_iter": POSITIVE,
    "tol": AT_LEAST_0,
    "momentum": FRACTION,
    "validation_fraction": FRACTION,
    "beta_1": FRACTION,
    "beta_2": FRACTION,
    "epsilon": POSITIVE,
    "n_iter_no_change": POSITIVE,
    "max_fun": POSITIVE,
}
INTEGERS = ("max_iter", "max_fun")
RATES = ("constant", "invscaling", "adaptive")


class BaseMLP(BaseEstimator):
    """A multi-layer perceptron behind scikit-learn's interface; subclasses say what is learned."""

    _y_numeric = False  # whether y has to be numbers

    # What the constructor is given.
    hidden_layer_sizes: Any
    activation: Any
    solver: Any
    alpha: float
    batch_size: Any
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: bool
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    loss: Any
    dropout: Any
    normalization: Any
    scoring: Any
    scheduler: Any
    callbacks: Any

    # What fitting leaves.
    model_: nn.Sequential
    history_: History
    n_iter_: int
    t_: int
    loss_: float
    n_outputs_: int
    n_layers_: int
    out_activation_: str

    def _keep(self, parameters: Mapping[str, Any]) -> None:
        """Make an attribute of each of the constructor's parameters, as they are: scikit-learn wants it so."""
        self.__dict__.update({name: value for name, value in parameters.items() if name not in {"self", "__class__"}})

    # ------------------------------------------------------------------------------------------------------------------
    # What subclasses define.

    def _read_targets(self, y: Any, first: bool) -> Any:
        """Check and remember what is learned; return y as it is scored."""
        raise NotImplementedError

    def _encode(self, y: Any, dtype: Any) -> Array:
        raise NotImplementedError

    def _find_loss(self) -> Loss:
        raise NotImplementedError

    def _class_weights(self, y: Any) -> Array | None:
        return None

    def _stratify(self, target: Array) -> Array | None:
        return None

    # ------------------------------------------------------------------------------------------------------------------
    # Fitting.

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool = False) -> Any:
        self._check_parameters(incremental)
        first = not hasattr(self, "model_") or not (self.warm_start or incremental)
        X, y = self._validate(X, y, first)
        y = self._read_targets(y, first)
        given, weight = self._weights(X, y, sample_weight)
        samples, mean_weight = weighted(Samples(X, self._encode(y, X.dtype), y, given, weight))
        loss = self._find_loss()
        self._random = check_random_state(self.random_state)
        if first:
            self._begin(X)
        alpha = self.alpha / mean_weight
        if self.solver == "lbfgs":
            self._fit_at_once(loss, samples, alpha)
        else:
            self._fit_in_batches(loss, samples, alpha, incremental)
        self._check_finite()
        del self._random
        return self

    def _validate(self, X: Any, y: Any, first: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            multi_output=True,
            y_numeric=self._y_numeric,
            dtype=(np.float64, np.float32),
            reset=first,
        )
        return (X if first else X.astype(self._dtype(), copy=False)), y

    def _dtype(self) -> Any:
        """Return the dtype that the network computes in."""
        return linear_layers(self.model_)[0].weight.dtype.numpy

    def _weights(self, X: Any, y: Any, sample_weight: Any) -> tuple[Array | None, Array | None]:
        """Return the samples' weights, and their product with those of their classes."""
        given: Array | None = None
        if sample_weight is not None:
            given = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        by_class = self._class_weights(y)
        if by_class is None:
            return given, given
        return given, by_class.astype(X.dtype) * (1 if given is None else given)

    def _begin(self, X: Any) -> None:
        """Make the network, and forget what was before."""
        hidden = hidden_layers(self.hidden_layer_sizes, self.activation, self.dropout, self.normalization)
        activation = self.activation if isinstance(self.activation, str) else "relu"
        self.model_ = build(X.shape[1], hidden, self._count_outputs(), activation, X.dtype, self._random)
        self.model_.eval()
        self.n_layers_ = len(hidden) + 2
        self.history_ = History()
        self.t_ = 0
        self._optimizer: optim.Optimizer | None = None
        self._schedule: Any = None
        scored = "val_score" if self.early_stopping else "loss"
        self._stopper = Stopper(
            scored,
            patience=self.n_iter_no_change + 1,
            min_delta=self.tol,
            mode="max" if self.early_stopping else "min",
            restore_best=self.early_stopping,
        )

    def _count_outputs(self) -> int:
        return self.n_outputs_

    def _fit_at_once(self, loss: Loss, samples: Samples, alpha: float) -> None:
        """Fit by L-BFGS."""
        result = _fitting.fit_lbfgs(self, self.model_, loss, samples, alpha / len(samples))
        self.n_iter_ = min(int(result.nit), self.max_iter)
        self.loss_ = float(result.fun)
        if result.status != 0:
            warnings.warn(
                f"lbfgs failed to converge after {result.nit} iterations: {result.message}",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _fit_in_batches(self, loss: Loss, samples: Samples, alpha: float, incremental: bool) -> None:
        """Fit by batches: go over the samples until the loss, or the score of what is held back, improves no more."""
        validate = None
        if self.early_stopping:
            train, held_back = self._split(samples)
            validate = self._validation(loss, samples.rows(held_back))
            samples = samples.rows(train)
        size = _fitting.batch_size(self.batch_size, len(samples))
        run = self._prepare_run(loss, len(samples), incremental)
        run.validate = validate
        run.alpha, run.batch_size = alpha, size
        begun = run.epoch
        epochs = 1 if incremental else self.max_iter
        run.train(Batches(samples, size, self._random if self.shuffle else None), begun + epochs)
        self.n_iter_ = run.epoch - begun
        self.t_ += self.n_iter_ * len(samples)
        self._tell(run, incremental)

    def _prepare_run(self, loss: Loss, count: int, incremental: bool) -> FittingRun:
        if self._optimizer is None or not incremental:
            self._optimizer = _fitting.make_optimizer(self, self.model_)
            self._schedule = _fitting.make_schedule(self.scheduler, self._optimizer, self.max_iter)
        run = FittingRun(self.model_, self._optimizer, loss.weighted, schedule=self._schedule)
        run.history, run.epoch = self.history_, len(self.history_)
        self._stopper.adaptive = self.solver == "sgd" and self.learning_rate == "adaptive"
        run.callbacks = self._own_callbacks(count)
        return run

    def _own_callbacks(self, count: int) -> list[Callback]:
        """Return the run's callbacks: the estimator's own and then the user's."""
        own: list[Callback] = [_fitting.Printer()] if self.verbose else []
        if self.solver == "sgd" and self.learning_rate == "invscaling":
            own.append(_fitting.InverseScaling(self.learning_rate_init, self.power_t, self.t_, count))
        return [*own, self._stopper, *(self.callbacks or ())]

    def _tell(self, run: FittingRun, incremental: bool) -> None:
        """Warn of an end that was not convergence, and keep the last loss."""
        if run.interrupted:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        elif run.stopped is None and not incremental:
            text = f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't converged yet."
            warnings.warn(text, ConvergenceWarning, stacklevel=5)
        if len(self.history_):
            self.loss_ = self.history_[-1]["loss"]

    # ------------------------------------------------------------------------------------------------------------------
    # Early stopping.

    def _split(self, samples: Samples) -> tuple[Array, Array]:
        """Return the numbers of the samples to train on and of those to hold back."""
        train, held_back = train_test_split(
            np.arange(len(samples)),
            random_state=self._random,
            test_size=self.validation_fraction,
            stratify=self._stratify(samples.y),
        )
        if len(held_back) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return train, held_back

    def _validation(self, loss: Loss, samples: Samples) -> Any:
        """Return a function that scores the network on what is held back."""
        whole = samples.batch(np.arange(len(samples)))
        frozen = copy.copy(self)
        frozen.__dict__.pop("feature_names_in_", None)
        scorer = None if self.scoring == "loss" else check_scoring(frozen, self.scoring)
        weights = {"sample_weight": samples.given} if samples.given is not None and takes_weights(scorer) else {}

        def validate() -> dict[str, float]:
            with no_grad():
                value = loss.weighted(self.model_(whole[0]), *whole[1:]).item()
            if scorer is None:
                return {"val_loss": value, "val_score": -value}
            return {"val_loss": value, "val_score": float(scorer(frozen, samples.x, samples.labels, **weights))}

        return validate

    # ------------------------------------------------------------------------------------------------------------------
    # What was learned.

    def _scores(self, X: Any) -> Tensor:
        """Return the network's output for samples that are checked first."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        own = self._dtype()
        parts = []
        with no_grad():
            for start in range(0, X.shape[0], ROWS_AT_ONCE):
                rows = X[start : start + ROWS_AT_ONCE]
                dense = rows.toarray() if hasattr(rows, "toarray") else rows
                parts.append(self.model_(wrap(np.asarray(dense, own)))._array)
        return wrap(parts[0] if len(parts) == 1 else np.concatenate(parts))

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer, (inputs, outputs)."""
        check_is_fitted(self)
        return [layer.weight.detach().numpy().T for layer in linear_layers(self.model_)]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer."""
        check_is_fitted(self)
        return [layer.bias.detach().numpy() for layer in linear_layers(self.model_) if layer.bias is not None]

    @property
    def loss_curve_(self) -> list[float]:
        """The loss of each epoch."""
        check_is_fitted(self)
        return [record["loss"] for record in self.history_]

    @property
    def validation_scores_(self) -> list[float] | None:
        """The score of what is held back after each epoch; None without early stopping."""
        check_is_fitted(self)
        return [record["val_score"] for record in self.history_] if self.early_stopping else None

    @property
    def best_validation_score_(self) -> float | None:
        """The best score of what is held back; None without early stopping."""
        check_is_fitted(self)
        return self._stopper.best if self.early_stopping else None

    @property
    def best_loss_(self) -> float | None:
        """The least loss of an epoch; None with early stopping."""
        check_is_fitted(self)
        return None if self.early_stopping else self._stopper.best

    # ------------------------------------------------------------------------------------------------------------------
    # Checks.

    def _check_parameters(self, incremental: bool) -> None:
        """Raise ValueError where a parameter makes no sense."""
        for name in RANGES:
            _check_range(name, getattr(self, name))
        known = sorted({"lbfgs", *_fitting.named_optimizers()})
        if not callable(self.solver) and self.solver not in known:
            raise ValueError(f"solver must be one of {known} or a function of parameter groups, got {self.solver!r}")
        if self.learning_rate not in RATES:
            raise ValueError(f"learning_rate must be one of {list(RATES)}, got {self.learning_rate!r}")
        if isinstance(self.scheduler, str) and self.scheduler not in _fitting.SCHEDULES:
            names = sorted(_fitting.SCHEDULES)
            raise ValueError(f"scheduler must be one of {names}, a function or None, got {self.scheduler!r}")
        if self.batch_size != "auto" and not (
            isinstance(self.batch_size, numbers.Integral) and int(self.batch_size) >= 1
        ):
            raise ValueError(f'batch_size must be "auto" or a positive integer, got {self.batch_size!r}')
        self._check_combination(incremental)

    def _check_combination(self, incremental: bool) -> None:
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        random = any(self.dropout) if isinstance(self.dropout, list | tuple) else bool(self.dropout)
        if self.solver == "lbfgs" and (random or self.early_stopping or self.scheduler is not None):
            raise ValueError("solver='lbfgs' goes with neither dropout, early stopping nor a scheduler")

    def _check_finite(self) -> None:
        if not all(np.isfinite(p._array).all() for p in self.model_.parameters()):
            raise ValueError(
                "Solver produced non-finite parameter weights. "
                "The input data may contain large values and need to be preprocessed."
            )

    def _check_solver(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags


def takes_weights(scorer: Any) -> bool:
    """Return whether a scorer can be given the weights of samples."""
    parameters = inspect.signature(scorer).parameters.values() if callable(scorer) else ()
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def _check_range(name: str, value: Any) -> None:
    """Raise ValueError where a parameter is not a number, or an integer, in its range."""
    low, high, closed = RANGES[name]
    whole = name in INTEGERS
    sensible = isinstance(value, numbers.Integral if whole else numbers.Real) and not isinstance(value, bool)
    if not sensible or not (low <= float(value) <= high) or (value == low and not closed):
        sort = "an integer" if whole else "a number"
        raise ValueError(f"{name} must be {sort} {_range(low, high, closed)}, got {value!r}")


def _range(low: float, high: float, closed: bool) -> str:
    if high < math.inf:
        return f"in [{low}, {high}]"
    return "that is not negative" if closed else "above 0"
