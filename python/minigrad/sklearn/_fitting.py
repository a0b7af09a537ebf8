"""How an estimator is fitted: its samples, its optimiser, its part in the training loop."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize

from .. import _core, nn, optim
from ..graph import Array
from ..nn.module import overwrite
from ..optim import lr_scheduler
from ..tensor import Tensor, wrap
from ..training import Callback, EarlyStopping, Run
from ._losses import Loss
from ._network import linear_layers

_take = _core.kernels["index_rows"]


@dataclass(frozen=True)
class Samples:
    """What is learned from: rows of features, targets, and what the losses are weighted with."""

    x: Any  # (n, features), an array or a sparse matrix in rows
    y: Array  # as the network learns them
    labels: Any  # as the user gave them
    given: Array | None  # the user's weights
    weight: Array | None  # with the classes' weights, over the mean of all

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, chosen: Array) -> Samples:
        """Return some of the samples; weights stay as they are."""
        given, weight = (None if w is None else w[chosen] for w in (self.given, self.weight))
        return Samples(self.x[chosen], self.y[chosen], self.labels[chosen], given, weight)

    def batch(self, chosen: Array) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return some of them as tensors: by one gather each, or a sparse matrix made dense."""
        x = _take(self.x, chosen) if isinstance(self.x, np.ndarray) else self.x[chosen].toarray()
        weight = None if self.weight is None else wrap(_take(self.weight, chosen))
        return wrap(x), wrap(_take(self.y, chosen)), weight


def weighted(samples: Samples) -> tuple[Samples, float]:
    """Return samples without those of weight 0, the weights over their mean, and the mean.

    Equal weights are none.
    """
    if samples.weight is None:
        return samples, 1.0
    samples = samples.rows(np.flatnonzero(samples.weight))
    assert samples.weight is not None
    mean = float(samples.weight.mean(dtype=np.float64))
    equal = np.ptp(samples.weight) == 0
    return replace(samples, weight=None if equal else samples.weight / samples.weight.dtype.type(mean)), mean


class Batches:
    """The batches of each epoch, as scikit-learn draws them: each epoch shuffles the order of the one before."""

    def __init__(self, samples: Samples, size: int, random: np.random.RandomState | None) -> None:
        self.samples = samples
        self.size = size
        self.random = random
        self.order = np.arange(len(samples))

    def __call__(self) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Yield the batches of an epoch."""
        if self.random is not None:
            self.order = self.order[self.random.permutation(len(self.order))]
        for start in range(0, len(self.order), self.size):
            yield self.samples.batch(self.order[start : start + self.size])


# ----------------------------------------------------------------------------------------------------------------------
# Optimisers.


class PlainAdam(optim.Adam):
    """Adam with its epsilon beside the uncorrected root, as scikit-learn has it.

    p = p - lr √(1 - β₂ᵗ) / (1 - β₁ᵗ) m / (√v + eps): Kingma and Ba, the last line of their section 2.
    """

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient."""
        memory = next(iter(self.state.values()), {"step": 0})  # all parameters take all steps
        done = int(memory["step"])
        for group in self.param_groups:
            group["eps"] = self.defaults["eps"] / math.sqrt(1 - group["betas"][1] ** (done + 1))
        return super().step(closure)


def set_rate(optimizer: optim.Optimizer, rate: float) -> None:
    """Set the learning rate of gradient descent; a velocity keeps the rates with which it came about.

    PyTorch's velocity holds gradients and is multiplied by the rate of each step, scikit-learn's holds the steps.
    """
    for group in optimizer.param_groups:
        for p in group["params"]:
            velocity = optimizer.state.get(p, {}).get("momentum_buffer")
            if velocity is not None:
                velocity._array[...] *= group["lr"] / rate
        group["lr"] = rate


def named_optimizers() -> dict[str, type[optim.Optimizer]]:
    """Return the optimisers whose name, in small letters, can be an estimator's solver."""
    found = {name.lower(): getattr(optim, name) for name in optim.__all__}
    return {
        name: kind
        for name, kind in found.items()
        if isinstance(kind, type) and issubclass(kind, optim.Optimizer) and name not in {"optimizer", "lbfgs"}
    }


def make_optimizer(estimator: Any, model: nn.Module) -> optim.Optimizer:
    """Return what the estimator's parameters ask for; the first group is that of the weights that `alpha` keeps small."""
    weights = [layer.weight for layer in linear_layers(model)]
    known = {id(p) for p in weights}
    others = [p for p in model.parameters() if id(p) not in known]
    groups: list[dict[str, Any]] = [{"params": weights}, {"params": others}]
    solver, lr = estimator.solver, estimator.learning_rate_init
    if callable(solver):
        made: optim.Optimizer = solver(groups)
        return made
    if solver == "adam":
        return PlainAdam(groups, lr, (estimator.beta_1, estimator.beta_2), estimator.epsilon)
    if solver == "sgd":
        nesterov = estimator.nesterovs_momentum and estimator.momentum > 0
        return optim.SGD(groups, lr, momentum=estimator.momentum, nesterov=nesterov)
    return named_optimizers()[solver](groups, lr=lr)  # type: ignore[call-arg]


SCHEDULES: dict[str, Callable[[optim.Optimizer, int], lr_scheduler.LRScheduler]] = {
    "cosine": lambda optimizer, epochs: lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs),
    "linear": lambda optimizer, epochs: lr_scheduler.LinearLR(optimizer, 1.0, 1 / epochs, total_iters=epochs - 1),
    "warm_restarts": lambda optimizer, epochs: lr_scheduler.CosineAnnealingWarmRestarts(
        optimizer, T_0=max(1, epochs // 7), T_mult=2
    ),
    "plateau": lambda optimizer, epochs: lr_scheduler.ReduceLROnPlateau(optimizer, patience=max(1, epochs // 20)),
}


def make_schedule(given: Any, optimizer: optim.Optimizer, epochs: int) -> Any:
    """Return a schedule by its name, or what the user's function makes of the optimiser."""
    if given is None:
        return None
    return SCHEDULES[given](optimizer, epochs) if isinstance(given, str) else given(optimizer)


# ----------------------------------------------------------------------------------------------------------------------
# The loop.


class FittingRun(Run):
    """A run whose loss has scikit-learn's penalty: alpha / 2 times the squared weights, over the samples of a batch.

    The history has the penalty as it is at the end of an epoch.
    """

    alpha = 0.0
    batch_size = 1

    def step(self, x: Any, *rest: Any) -> tuple[Tensor, float]:
        """Change the parameters once, after having set the penalty for a batch of this size."""
        group = self.optimizer.param_groups[0]
        if self.alpha and "weight_decay" in group:
            group["weight_decay"] = self.alpha / len(x)
        return super().step(x, *rest)

    def _train_batches(self, batches: Any) -> dict[str, float]:
        record = super()._train_batches(batches)
        if self.alpha:
            record["loss"] += penalty(self.model, self.alpha) / self.batch_size
        return record


class Stopper(EarlyStopping):
    """Early stopping that, under scikit-learn's adaptive learning rate, first divides the rate by 5 a few times."""

    adaptive = False

    def exhausted(self, run: Run) -> None:
        """Divide the rate, or end the run."""
        rate = run.optimizer.param_groups[0]["lr"]
        if not self.adaptive or rate <= 1e-6:
            super().exhausted(run)
            return
        set_rate(run.optimizer, rate / 5)
        self.waited = 0


class InverseScaling(Callback):
    """scikit-learn's schedule: the first rate over a power of the number of samples seen."""

    def __init__(self, rate: float, power: float, seen: int, count: int) -> None:
        self.rate = rate
        self.power = power
        self.seen = seen
        self.count = count

    def on_epoch_end(self, run: Run) -> None:
        """Set the rate."""
        self.seen += self.count
        set_rate(run.optimizer, self.rate / (self.seen + 1) ** self.power)


class Printer(Callback):
    """What `verbose` prints."""

    def on_epoch_end(self, run: Run) -> None:
        """Print loss and score."""
        record = run.history[-1]
        print(f"Iteration {record['epoch']}, loss = {record['loss']:.8f}")
        if "val_score" in record:
            print(f"Validation score: {record['val_score']:f}")

    def on_train_end(self, run: Run) -> None:
        """Print why training ended early."""
        if run.stopped:
            print(f"Stopping: {run.stopped}")


def penalty(model: nn.Module, alpha: float) -> float:
    """Return alpha / 2 times the sum of the squared weights."""
    weights = [layer.weight._array.astype(np.float64).ravel() for layer in linear_layers(model)]
    return 0.5 * alpha * sum(float(w @ w) for w in weights)


# ----------------------------------------------------------------------------------------------------------------------
# L-BFGS.


def fit_lbfgs(estimator: Any, model: nn.Module, loss: Loss, samples: Samples, alpha: float) -> Any:
    """Let SciPy's L-BFGS-B find the weights, with all samples in each step; return its result."""
    x, y, weight = samples.batch(np.arange(len(samples)))
    params = list(model.parameters())
    ends = np.cumsum([p.numel() for p in params])[:-1]
    decayed = {id(layer.weight) for layer in linear_layers(model)}

    def put(flat: Array) -> None:
        for p, part in zip(params, np.split(flat, ends), strict=True):
            overwrite(p, part.reshape(p.shape), "fit")

    def value_and_gradient(flat: Array) -> tuple[float, Array]:
        put(flat)
        model.zero_grad()
        value = loss.weighted(model(x), y, weight)
        value.backward()
        grads = []
        for p in params:
            assert p.grad is not None
            grads.append((p.grad._array + (alpha * p._array if id(p) in decayed else 0)).ravel())
        return value.item() + penalty(model, alpha), np.concatenate(grads).astype(np.float64)

    model.train()
    start = np.concatenate([p._array.ravel() for p in params]).astype(np.float64)
    options = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    result = minimize(value_and_gradient, start, method="L-BFGS-B", jac=True, options=options)
    put(result.x)
    model.zero_grad()
    model.eval()
    return result


def batch_size(given: Any, count: int) -> int:
    """Return how many samples a batch has: at most all of them."""
    if given == "auto":
        return min(200, count)
    if given > count:
        warnings.warn(f"Got `batch_size` {given}, larger than the sample size {count}. It is clipped.", stacklevel=4)
    return int(min(given, count))
