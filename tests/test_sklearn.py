"""The estimators: scikit-learn's own checks, scikit-learn's own results, and what is new."""

from __future__ import annotations

import os
import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: the extra sklearn")

from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs, make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import minigrad
from minigrad import nn, optim
from minigrad.sklearn import MLPClassifier, MLPRegressor
from minigrad.training import Callback, History

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are meant


@parametrize_with_checks([MLPClassifier(), MLPRegressor()])
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


# ---- scikit-learn's own results: the same random_state gives the same network, to rounding ---------------------------


def two_classes() -> tuple[Any, Any]:
    return make_classification(300, 8, random_state=0)


def three_classes() -> tuple[Any, Any]:
    X, y = make_blobs(300, centers=3, n_features=5, cluster_std=3.0, random_state=0)
    return X, np.array(["one", "three", "two"])[y]


def labels() -> tuple[Any, Any]:
    X, y = three_classes()
    return X, np.stack([y == "one", X[:, 0] > 0], axis=1).astype(int)


SAME_CLASSIFIERS: list[dict[str, Any]] = [
    {},
    {"activation": "tanh", "hidden_layer_sizes": (20, 10), "alpha": 0.5},
    {"activation": "logistic", "batch_size": 64},
    {"activation": "identity", "shuffle": False},
    {"solver": "sgd", "learning_rate_init": 0.05},
    {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5, "learning_rate_init": 0.05},
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.3, "power_t": 0.2},
    {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "tol": 0.02, "n_iter_no_change": 2},
    {"solver": "lbfgs", "alpha": 1.0},
    {"early_stopping": True, "tol": 0.01, "n_iter_no_change": 3},
]


def assert_same_network(own: Any, theirs: Any) -> None:
    assert own.n_iter_ == theirs.n_iter_
    assert (own.t_, own.n_layers_, own.n_outputs_) == (theirs.t_, theirs.n_layers_, theirs.n_outputs_)
    assert own.out_activation_ == theirs.out_activation_
    for a, b in zip([*own.coefs_, *own.intercepts_], [*theirs.coefs_, *theirs.intercepts_], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("data", [two_classes, three_classes, labels])
@pytest.mark.parametrize("settings", SAME_CLASSIFIERS, ids=str)
def test_classifier_learns_what_scikit_learns_does(data: Any, settings: dict[str, Any]) -> None:
    X, y = data()
    settings = {"hidden_layer_sizes": (16,), "max_iter": 25, "random_state": 3, **settings}
    own = MLPClassifier(**settings).fit(X, y)
    theirs = neural_network.MLPClassifier(**settings).fit(X, y)
    assert_same_network(own, theirs)
    np.testing.assert_array_equal(own.predict(X), theirs.predict(X))
    np.testing.assert_allclose(own.predict_proba(X), theirs.predict_proba(X), rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(own.classes_, theirs.classes_)
    assert own.score(X, y) == theirs.score(X, y)
    if settings.get("early_stopping"):
        np.testing.assert_allclose(own.validation_scores_, theirs.validation_scores_)
        assert own.best_validation_score_ == pytest.approx(theirs.best_validation_score_)


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"solver": "lbfgs"},
        {"solver": "sgd", "learning_rate_init": 0.01},
        {"early_stopping": True},
        {"loss": "poisson"},
    ],
    ids=str,
)
def test_regressor_learns_what_scikit_learns_does(targets: int, settings: dict[str, Any]) -> None:
    X, y = make_regression(200, 6, n_targets=targets, random_state=0)
    y = np.exp(y / y.std() / 2)
    settings = {"hidden_layer_sizes": (16,), "max_iter": 25, "random_state": 3, **settings}
    own = MLPRegressor(**settings).fit(X, y)
    theirs = neural_network.MLPRegressor(**settings).fit(X, y)
    assert_same_network(own, theirs)
    np.testing.assert_allclose(own.predict(X), theirs.predict(X), rtol=1e-6, atol=1e-8)
    assert own.score(X, y) == pytest.approx(theirs.score(X, y))


def test_one_batch_with_weights_is_scikit_learns() -> None:
    X, y = three_classes()
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y))
    settings: dict[str, Any] = {"hidden_layer_sizes": (9,), "max_iter": 20, "random_state": 3, "batch_size": len(y)}
    own = MLPClassifier(**settings, alpha=5.0).fit(X, y, sample_weight=weight)
    theirs = neural_network.MLPClassifier(**settings, alpha=5.0).fit(X, y, sample_weight=weight)
    assert_same_network(own, theirs)
    np.testing.assert_allclose(own.loss_curve_[-1], theirs.loss_curve_[-1], rtol=1e-2)


def test_partial_fit_is_scikit_learns() -> None:
    X, y = three_classes()
    own, theirs = (kind(random_state=1) for kind in (MLPClassifier, neural_network.MLPClassifier))
    for part in np.array_split(np.arange(len(y)), 6):
        own.partial_fit(X[part], y[part], classes=["one", "two", "three"])
        theirs.partial_fit(X[part], y[part], classes=["one", "two", "three"])
    assert_same_network(own, theirs)
    assert len(own.history_) == 6


def test_warm_start_goes_on() -> None:
    X, y = three_classes()
    settings: dict[str, Any] = {"warm_start": True, "max_iter": 5, "random_state": 1}
    own, theirs = MLPClassifier(**settings), neural_network.MLPClassifier(**settings)
    for _ in range(3):
        assert_same_network(own.fit(X, y), theirs.fit(X, y))
    assert [record["epoch"] for record in own.history_] == list(range(1, 16))
    with pytest.raises(ValueError, match=r"not in `self\.classes_`"):
        own.fit(X, np.where(y == "one", "four", y))


@pytest.mark.parametrize("data", ["california-housing", "optdigits"])
def test_scores_on_real_data_are_scikit_learns(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the benchmark measures, for few epochs."""
    if not os.environ.get("MINIGRAD_DATA"):
        pytest.skip("MINIGRAD_DATA names no folder with the data")
    benchmark = pytest.importorskip("benchmarks.estimators", reason="the benchmarks are not beside the tests")
    monkeypatch.setitem(benchmark.EPOCHS, data, 3)
    own, theirs = (benchmark.fit(library, data, "float64", 0) for library in ("minigrad", "scikit-learn"))
    assert own["score"] == pytest.approx(theirs["score"], abs=1e-3)
    assert own["epochs"] == theirs["epochs"] == 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_of_the_data_is_that_of_the_network(dtype: Any) -> None:
    X, y = three_classes()
    model = MLPClassifier((5,), max_iter=2).fit(X.astype(dtype), y)
    assert {a.dtype for a in [*model.coefs_, *model.intercepts_]} == {np.dtype(dtype)}
    assert model.predict_proba(X.astype(dtype)).dtype == dtype


# ---- What is new ------------------------------------------------------------------------------------------------------


def test_layers_have_their_own_activation_dropout_and_normalisation() -> None:
    X, y = three_classes()
    model = MLPClassifier(
        (16, 12, 8),
        activation=["gelu", nn.PReLU, minigrad.sin],
        dropout=[0.2, 0.0, 0.1],
        normalization=["batch", "layer", None],
        max_iter=60,
        learning_rate_init=0.01,
        random_state=0,
    ).fit(X, y)
    kinds = [type(part).__name__ for part in model.model_.children()]
    first = ["Linear", "BatchNorm1d", "GELU", "SeededDropout"]
    assert kinds == [*first, "Linear", "LayerNorm", "PReLU", "Linear", "Elementwise", "SeededDropout", "Linear"]
    assert model.score(X, y) > 0.9
    np.testing.assert_array_equal(model.predict(X), model.predict(X))  # nothing is dropped
    again = clone(model).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_a_module_as_activation_is_copied_and_learned() -> None:
    X, y = three_classes()
    slope = nn.PReLU()
    model = MLPClassifier((8, 8), activation=slope, max_iter=5, random_state=0).fit(X, y)
    learned = [part.weight for part in model.model_.modules() if isinstance(part, nn.PReLU)]
    assert slope.weight.item() == 0.25
    assert len({w.item() for w in learned} - {0.25}) == 2
    assert {w.dtype for w in model.model_.parameters()} == {minigrad.float64}


@pytest.mark.parametrize("loss", ["hinge", "focal"])
@pytest.mark.parametrize("data", [two_classes, three_classes, labels])
def test_losses_of_classifiers(loss: str, data: Any) -> None:
    X, y = data()
    model = MLPClassifier((16,), loss=loss, learning_rate_init=0.01, random_state=0, max_iter=60).fit(X, y)
    assert model.score(X, y) > 0.85
    weighted = MLPClassifier((16,), loss=loss, learning_rate_init=0.01, random_state=0, max_iter=60)
    assert weighted.fit(X, y, np.linspace(1, 2, len(y))).score(X, y) > 0.85


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "log_cosh"])
def test_losses_of_regressors(loss: str) -> None:
    X, y = make_regression(200, 4, random_state=0)
    model = MLPRegressor(loss, (32,), learning_rate_init=0.01, random_state=0).fit(X, y / y.std())
    assert model.score(X, y / y.std()) > 0.95


def test_a_loss_of_ones_own() -> None:
    """The pinball loss of 0.9 is least where nine tenths of the targets lie below."""
    X = np.random.default_rng(0).uniform(size=(2000, 1))
    y = np.random.default_rng(1).uniform(size=2000)

    def pinball(output: Any, target: Any) -> Any:
        error = target - output
        return minigrad.maximum(0.9 * error, -0.1 * error)

    model = MLPRegressor(pinball, (8,), learning_rate_init=0.01, max_iter=30, random_state=0)
    assert (y < model.fit(X, y).predict(X)).mean() == pytest.approx(0.9, abs=0.02)
    mean_only = MLPRegressor(
        lambda o, t: pinball(o, t).mean(), (8,), learning_rate_init=0.01, max_iter=30, random_state=0
    )
    np.testing.assert_allclose(mean_only.fit(X, y).predict(X), model.predict(X), rtol=1e-6)
    with pytest.raises(ValueError, match="one loss for each of the 200 samples"):
        mean_only.fit(X, y, np.linspace(1, 2, 2000))


def test_class_weight_counts_as_sample_weight() -> None:
    X, y = two_classes()
    model = MLPClassifier((8,), class_weight={0: 2.0, 1: 0.5}, max_iter=5, random_state=0).fit(X, y)
    other = MLPClassifier((8,), max_iter=5, random_state=0).fit(X, y, np.where(y == 0, 2.0, 0.5))
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    balanced = MLPClassifier((8,), class_weight="balanced", max_iter=5, random_state=0).fit(X[:200], y[:200])
    counts = np.bincount(y[:200])
    other.fit(X[:200], y[:200], (100 / counts)[y[:200]])
    np.testing.assert_array_equal(balanced.predict_proba(X), other.predict_proba(X))


def test_early_stopping_keeps_the_best_weights_by_any_metric() -> None:
    X, y = three_classes()
    for scoring in (None, "f1_macro", "loss", lambda model, X, y: model.score(X, y)):
        model = MLPClassifier(
            (16,), early_stopping=True, scoring=scoring, learning_rate_init=0.1, max_iter=40, random_state=0
        ).fit(X, y)
        scores = model.validation_scores_
        assert scores is not None
        assert model.best_validation_score_ == max(scores)
        assert set(model.history_.names()) >= {"loss", "val_loss", "val_score", "lr", "seconds"}


def test_what_is_held_back_is_scored_with_the_weights_of_samples() -> None:
    X, y = three_classes()
    weight = np.where(y == "one", 5.0, 1.0)
    seen: list[Any] = []

    def weighted(model: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        seen.append((y, sample_weight))
        return 0.0

    settings: dict[str, Any] = {"early_stopping": True, "max_iter": 2, "class_weight": {"one": 9, "two": 1, "three": 1}}
    MLPClassifier((4,), scoring=weighted, **settings).fit(X, y, weight)
    labels, weights = seen[0]
    np.testing.assert_array_equal(weights, np.where(labels == "one", 5.0, 1.0))
    MLPClassifier((4,), scoring=weighted, **settings).fit(X, y)
    assert seen[-1][1] is None
    MLPClassifier((4,), scoring=lambda model, X, y: 0.0, **settings).fit(X, y, weight)


def test_a_schedule_goes_on_over_partial_fits() -> None:
    X, y = three_classes()
    model = MLPClassifier((4,), scheduler="cosine", max_iter=10)
    for _ in range(10):
        model.partial_fit(X.astype(np.float32), y, classes=np.unique(y))
    rates = model.history_["lr"]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1e-4
    model.partial_fit(X, y)  # float64 is taken as what the network has
    assert model.coefs_[0].dtype == np.float32


def test_best_weights_are_those_of_the_best_epoch() -> None:
    X, y = three_classes()
    kept: list[Any] = []

    class Keep(Callback):
        def on_epoch_end(self, run: Any) -> None:
            kept.append(run.model[0].weight.detach().numpy().copy())

    model = MLPClassifier((16,), early_stopping=True, scoring="loss", learning_rate_init=0.1, callbacks=[Keep()])
    model.set_params(max_iter=30, random_state=0).fit(X, y)
    best = int(np.argmax(model.validation_scores_))
    assert 0 < best < len(kept) - 1
    np.testing.assert_array_equal(model.coefs_[0].T, kept[best])


@pytest.mark.parametrize("scheduler", ["cosine", "linear", "plateau", lambda o: optim.lr_scheduler.StepLR(o, 5)])
def test_schedules(scheduler: Any) -> None:
    X, y = three_classes()
    model = MLPClassifier((8,), scheduler=scheduler, max_iter=20, random_state=0, tol=0).fit(X, y)
    rates = model.history_["lr"]
    assert rates[0] == 0.001
    assert rates == sorted(rates, reverse=True)
    if callable(scheduler):
        assert rates[-1] == pytest.approx(1e-6)


def test_warm_restarts() -> None:
    X, y = three_classes()
    model = MLPClassifier((8,), scheduler="warm_restarts", max_iter=21, tol=0, random_state=0).fit(X, y)
    rates = model.history_["lr"]
    assert [i for i in range(21) if rates[i] == 0.001] == [0, 3, 9]


@pytest.mark.parametrize("solver", ["adamw", lambda groups: optim.SGD(groups, lr=0.1)])
def test_solvers(solver: Any) -> None:
    X, y = three_classes()
    assert MLPClassifier((16,), solver=solver, learning_rate_init=0.01, random_state=0).fit(X, y).score(X, y) > 0.9


def test_several_targets_with_classes_each() -> None:
    X, y = three_classes()
    both = np.stack([y, np.where(X[:, 0] > 0, "right", "left")], axis=1)
    model = MLPClassifier((32,), learning_rate_init=0.01, max_iter=60, random_state=0).fit(X, both)
    assert [c.tolist() for c in model.classes_] == [["one", "three", "two"], ["left", "right"]]
    assert model.predict(X).shape == both.shape
    assert [p.shape for p in model.predict_proba(X)] == [(300, 3), (300, 2)]
    for p, log_p in zip(model.predict_proba(X), model.predict_log_proba(X), strict=True):
        np.testing.assert_allclose(np.exp(log_p), p)
    assert model.score(X, both) > 0.85


def test_log_probabilities_do_not_overflow() -> None:
    X, y = two_classes()
    model = MLPClassifier(max_iter=50, random_state=0).fit(X, y)
    log_p = model.predict_log_proba(X * 1e6)
    assert np.isfinite(log_p).all()
    assert log_p.min() < -1000


def test_history_is_told_and_drawn(tmp_path: Any, capsys: Any) -> None:
    pytest.importorskip("matplotlib")
    X, y = two_classes()
    model = MLPClassifier((4,), early_stopping=True, max_iter=3, verbose=True, random_state=0).fit(X, y)
    assert isinstance(model.history_, History)
    assert "Iteration 3, loss = " in capsys.readouterr().out
    model.history_.plot(tmp_path / "curves.png", title="two classes")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_pickled_while_it_learns() -> None:
    X, y = three_classes()
    model = MLPClassifier((6,), dropout=0.3, random_state=0).partial_fit(X, y, classes=np.unique(y))
    copied = pickle.loads(pickle.dumps(model))
    for estimator in (model, copied):
        estimator.set_params(shuffle=False).partial_fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), copied.predict_proba(X))


def test_in_a_pipeline_and_a_search() -> None:
    X, y = load_digits(return_X_y=True)
    X, y = X[:400].astype(np.float32), y[:400]
    model = make_pipeline(StandardScaler(), MLPClassifier((32,), learning_rate_init=0.01, max_iter=20, random_state=0))
    assert cross_val_score(model, X, y, cv=3).mean() > 0.85
    search = GridSearchCV(model, {"mlpclassifier__dropout": [0.0, 0.5]}, cv=2, n_jobs=2).fit(X, y)
    assert set(search.best_params_) == {"mlpclassifier__dropout"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be > 0"),
        ({"activation": "step"}, "activation must be one of"),
        ({"activation": ["relu", "tanh"]}, "there are 1 hidden layers, but 2 values"),
        ({"dropout": 1.0}, "dropout must lie in"),
        ({"normalization": "group"}, "normalization must be one of"),
        ({"solver": "newton"}, "solver must be one of"),
        ({"loss": "l1"}, "loss must be one of"),
        ({"alpha": -1}, "alpha must be a number that is not negative"),
        ({"max_iter": 0.5}, "max_iter must be an integer above 0"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"learning_rate": "slow"}, "learning_rate must be one of"),
        ({"scheduler": "step"}, "scheduler must be one of"),
        ({"solver": "lbfgs", "dropout": 0.5}, "goes with neither dropout"),
        ({"early_stopping": True, "validation_fraction": 0.001}, "validation set is too small"),
    ],
    ids=str,
)
def test_bad_parameters(settings: dict[str, Any], message: str) -> None:
    X, y = three_classes()
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**{"hidden_layer_sizes": (3,), **settings}).fit(X, y)


def test_bad_calls() -> None:
    X, y = three_classes()
    with pytest.raises(ValueError, match="classes must be passed"):
        MLPClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="at least one non-zero"):
        MLPClassifier().fit(X, y, np.zeros(len(y)))
    with pytest.raises(ValueError, match="early_stopping"):
        MLPClassifier(early_stopping=True).partial_fit(X, y, classes=np.unique(y))
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")
    with pytest.raises(ValueError, match="not negative"):
        MLPRegressor("poisson").fit(X, X[:, 0])


def test_end_of_epochs_is_a_warning() -> None:
    X, y = three_classes()
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        MLPClassifier((4,), max_iter=2).fit(X, y)


def test_interrupted_training_keeps_what_was_learned() -> None:
    class Interrupt(Callback):
        def on_epoch_begin(self, run: Any) -> None:
            if run.epoch == 3:
                raise KeyboardInterrupt

    X, y = three_classes()
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = MLPClassifier((4,), callbacks=[Interrupt()]).fit(X, y)
    assert model.n_iter_ == 3
    assert len(model.predict(X)) == len(X)


def test_sparse_samples_are_as_dense_ones() -> None:
    import scipy.sparse

    X, y = three_classes()
    X = np.where(np.abs(X) > 3, X, 0)
    dense = MLPClassifier((8,), max_iter=10, early_stopping=True, random_state=0).fit(X, y)
    sparse = MLPClassifier((8,), max_iter=10, early_stopping=True, random_state=0).fit(scipy.sparse.csr_matrix(X), y)
    np.testing.assert_array_equal(dense.predict_proba(X), sparse.predict_proba(scipy.sparse.csr_array(X)))
