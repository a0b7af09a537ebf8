"""The classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.metaestimators import available_if

from ..graph import Array
from ..training import Callback
from . import _losses, _targets
from ._base import BaseMLP
from ._losses import Loss


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A multi-layer perceptron that tells classes apart.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default (100,)
        The sizes of the hidden layers.
    activation : str, callable, or a list of them, default "relu"
        The function behind each hidden layer: scikit-learn's "identity", "logistic", "tanh" and "relu", or "gelu", "silu",
        "elu", "selu", "celu", "mish", "leaky_relu", "relu6", "hardswish", "softplus", "softsign", or a function of a tensor,
        or a module or a class of modules. A list has one for each layer.
    solver : str or callable, default "adam"
        "adam", "sgd", "lbfgs", another of minigrad's optimisers in small letters, such as "adamw", or a function that makes
        an optimiser of a list of parameter groups.
    alpha, batch_size, learning_rate, learning_rate_init, power_t, max_iter, shuffle, random_state, tol, verbose, \
warm_start, momentum, nesterovs_momentum, early_stopping, validation_fraction, beta_1, beta_2, epsilon, \
n_iter_no_change, max_fun
        As in scikit-learn's estimator of this name, the defaults as well.
    loss : str or callable, default "log_loss"
        "log_loss" (cross-entropy), "hinge", "focal", or a function of the network's output and the target that returns a
        tensor with a loss for each sample or output, or their mean. For several classes the target is their numbers, (n,),
        for two classes or for labels it is 0 and 1 in the output's shape.
    dropout : float or list of float, default 0
        The chance with which outputs of the hidden layers are dropped in training.
    normalization : {"batch", "layer", "rms"}, None, or a list of them
        What normalises the hidden layers before their activation.
    class_weight : mapping, list of mapping, or "balanced", optional
        A factor for the loss of each class; "balanced" gives all classes the same sum.
    scoring : str or callable, optional
        The metric of early stopping, with one of scikit-learn's names or as a scorer; "loss" is the loss of what is held
        back; by default what :meth:`score` returns. The weights of the best epoch are kept.
    scheduler : {"cosine", "warm_restarts", "linear", "plateau"} or callable, optional
        How the learning rate changes from epoch to epoch: along half a cosine wave, along three of them, each twice as
        long as the one before, along a line, or whenever the loss no longer falls. A function makes a schedule of the
        optimiser.
    callbacks : sequence of Callback, optional
        What is told of every epoch: see :mod:`minigrad.training`.

    Attributes
    ----------
    classes_ : ndarray or list of ndarray
        The labels; for several targets those of each.
    model_ : Sequential
        The network.
    history_ : History
        Loss, learning rate, seconds, and with early stopping "val_loss" and "val_score" of each epoch.
    coefs_, intercepts_, loss_, loss_curve_, best_loss_, validation_scores_, best_validation_score_, n_iter_, t_, \
n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    y may be one label a sample, an indicator matrix of labels, or have several columns with classes of their own.

    A batch's loss is the mean of its samples' losses, times their weights over the mean weight of all, plus alpha / 2 times
    the squared weights over the batch's size. Rumelhart, Hinton and Williams, "Learning Representations by Back-Propagating
    Errors".

    Examples
    --------
    >>> from minigrad.sklearn import MLPClassifier
    >>> X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    >>> classifier = MLPClassifier((8,), activation="tanh", solver="lbfgs", random_state=0)
    >>> classifier.fit(X, ["even", "odd", "odd", "even"]).predict(X).tolist()
    ['even', 'odd', 'odd', 'even']
    """

    classes_: Any
    class_weight: Any

    def __init__(
        self,
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
        loss: str | Callable[..., Any] = "log_loss",
        dropout: float | Sequence[float] = 0.0,
        normalization: str | Sequence[str | None] | None = None,
        class_weight: Mapping[Any, float] | Sequence[Mapping[Any, float]] | str | None = None,
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
            Their labels.
        sample_weight : array-like of shape (n,), optional
            A factor for the loss of each; 0 leaves a sample out.

        Returns
        -------
        MLPClassifier
            The estimator itself.
        """
        return self._fit(X, y, sample_weight)

    @available_if(lambda estimator: estimator._check_solver())
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Go once over samples; the arguments are those of :meth:`fit`.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        classes : array-like, or for several targets a list of them
            All labels that there will be, in the first call; not needed later, nor for an indicator matrix.

        Returns
        -------
        MLPClassifier
            The estimator itself.
        """
        self._announce(classes, y)
        return self._fit(X, y, sample_weight, incremental=True)

    def _announce(self, classes: Any, y: Any) -> None:
        """Remember the classes of a first call to partial_fit; compare those of another call."""
        if hasattr(self, "model_"):
            if classes is not None and not _same(_targets.of_classes(classes).classes, self.classes_):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit: {self.classes_!r}"
                )
            return
        if classes is not None:
            self._announced = _targets.of_classes(classes)
        elif _targets.is_indicator(y):
            self._announced = _targets.Labels(np.shape(y)[1])
        else:
            raise ValueError("classes must be passed on the first call to partial_fit.")

    def _read_targets(self, y: Any, first: bool) -> Any:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if first:
            announced = self.__dict__.pop("_announced", None)
            self._targets = _targets.find(y) if announced is None else announced
            self.classes_ = self._targets.classes
            self.n_outputs_ = self._targets.n_outputs
            self.out_activation_ = self._targets.activation
            first = announced is None
        if not first:
            _targets.check_known(self._targets, y)
        return y

    def _encode(self, y: Any, dtype: Any) -> Array:
        return self._targets.encode(y, dtype)

    def _find_loss(self) -> Loss:
        return _losses.find(self.loss, self._targets.losses)

    def _class_weights(self, y: Any) -> Array | None:
        if self.class_weight is None:
            return None
        dense = y.toarray() if hasattr(y, "toarray") else y
        return compute_sample_weight(self.class_weight, dense)

    def _stratify(self, target: Array) -> Array | None:
        return target[:, 0] if isinstance(self._targets, _targets.OneOfTwo) else None

    def predict(self, X: Any) -> Array:
        """Return the labels of samples X, in the shape that y had."""
        scores = self._scores(X).numpy()
        return self._targets.decide(scores)

    def predict_proba(self, X: Any) -> Any:
        """Return the probabilities of the classes, (n, classes); for several targets a list of such arrays."""
        scores = self._scores(X)
        return self._targets.probabilities(scores)

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of :meth:`predict_proba`."""
        scores = self._scores(X)
        return self._targets.log_probabilities(scores)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the fraction of samples for which everything is right, weighted if there are weights."""
        right = self.predict(X) == (y.toarray() if hasattr(y, "toarray") else np.asarray(y))
        if right.ndim > 1:
            right = right.all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, list) != isinstance(b, list):
        return False
    return all(map(np.array_equal, a, b)) if isinstance(a, list) else np.array_equal(a, b)
