"""The network of an estimator: what its parameters say, layer by layer."""

from __future__ import annotations

import copy
import itertools
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _dtype, nn
from ..ops.creation import full
from ..random import Generator, bernoulli
from ..tensor import Tensor

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "celu": nn.CELU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "hardswish": nn.Hardswish,
    "leaky_relu": nn.LeakyReLU,
    "mish": nn.Mish,
    "relu6": nn.ReLU6,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
}
NORMS: dict[str, Callable[..., nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "rms": nn.RMSNorm}


class Hidden(NamedTuple):
    """A hidden layer: its size, its activation, the chance of dropout, its normalisation."""

    size: int
    activation: Any
    dropout: float
    normalization: Any


class Elementwise(nn.Module):
    """A user's function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, input: Tensor) -> Tensor:
        """Return what the function makes of the input."""
        return self.function(input)


class SeededDropout(nn.Module):
    """Dropout with numbers from a generator of its own, so that estimators do not disturb each other."""

    def __init__(self, p: float, generator: Generator) -> None:
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with some elements 0 and the others scaled up, in training only."""
        if not self.training:
            return input
        keep = 1 - self.p
        kept = bernoulli(full(input.shape, keep, dtype=input.dtype), generator=self.generator)
        return input * (kept / keep)

    def extra_repr(self) -> str:
        """Return the chance."""
        return f"p={self.p}"

    def __getstate__(self) -> dict[str, Any]:
        """Keep the generator's state: its lock cannot be pickled."""
        return {**self.__dict__, "generator": self.generator.get_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__["generator"] = Generator()
        self.generator.set_state(state["generator"])


def hidden_layers(sizes: Any, activation: Any, dropout: Any, normalization: Any) -> list[Hidden]:
    """Return the hidden layers; a setting that is no list holds for each of them.

    Raises
    ------
    ValueError
        If a size is not positive, a list is of the wrong length, or a setting makes no sense.
    """
    counts = [sizes] if not isinstance(sizes, Iterable) else list(sizes)
    if not all(isinstance(n, int | np.integer) and n > 0 for n in counts):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {counts}.")
    settings = [
        per_layer(name, given, len(counts))
        for name, given in (("activation", activation), ("dropout", dropout), ("normalization", normalization))
    ]
    layers = [Hidden(int(n), *chosen) for n, *chosen in zip(counts, *settings, strict=True)]
    for layer in layers:
        _check(layer)
    return layers


def per_layer(name: str, given: Any, count: int) -> list[Any]:
    """Return a setting for each of the layers."""
    if not isinstance(given, list | tuple):
        return [given] * count
    if len(given) != count:
        raise ValueError(f"{name}: there are {count} hidden layers, but {len(given)} values")
    return list(given)


def _check(layer: Hidden) -> None:
    if not callable(layer.activation) and layer.activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {sorted(ACTIVATIONS)} or a function, got {layer.activation!r}")
    if not 0 <= layer.dropout < 1:
        raise ValueError(f"dropout must lie in [0, 1), got {layer.dropout}")
    if layer.normalization is not None and layer.normalization not in NORMS:
        raise ValueError(f"normalization must be one of {sorted(NORMS)} or None, got {layer.normalization!r}")


def build(
    inputs: int, hidden: Sequence[Hidden], outputs: int, activation: Any, dtype: Any, random: np.random.RandomState
) -> nn.Sequential:
    """Return the network: for each hidden layer linear, normalisation, activation, dropout; then the output, linear.

    Weights and biases are drawn as scikit-learn draws them: uniform over ±√(6 / (in + out)), or ±√(2 / (in + out)) before
    the logistic function (Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks").
    `activation` decides for the output where there is no hidden layer.
    """
    kind = _dtype.from_numpy_dtype(np.dtype(dtype))
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    sizes = [inputs, *(layer.size for layer in hidden), outputs]
    chosen = [layer.activation for layer in hidden]
    chosen.append(chosen[-1] if chosen else activation)
    for i, (before, after) in enumerate(itertools.pairwise(sizes)):
        name = f"hidden{i + 1}" if i < len(hidden) else "output"
        parts[name] = _linear(before, after, 2.0 if chosen[i] == "logistic" else 6.0, kind, random)
        if i < len(hidden):
            parts.update(_behind_linear(i + 1, hidden[i], kind))
    for part in parts.values():
        if isinstance(part, SeededDropout):
            part.generator.manual_seed(int(random.randint(np.iinfo(np.int32).max)))
    return nn.Sequential(parts).to(kind)


def _linear(before: int, after: int, factor: float, kind: Any, random: np.random.RandomState) -> nn.Linear:
    bound = math.sqrt(factor / (before + after))
    layer = nn.Linear(before, after, dtype=kind)
    weight = random.uniform(-bound, bound, (before, after)).T
    bias = random.uniform(-bound, bound, after)
    layer.load_state_dict({"weight": weight.astype(kind.numpy), "bias": bias.astype(kind.numpy)})
    return layer


def _behind_linear(number: int, layer: Hidden, kind: Any) -> dict[str, nn.Module]:
    parts: dict[str, nn.Module] = {}
    if layer.normalization is not None:
        parts[f"norm{number}"] = NORMS[layer.normalization](layer.size, dtype=kind)
    if isinstance(layer.activation, str):
        parts[f"activation{number}"] = ACTIVATIONS[layer.activation]()
    else:
        parts[f"activation{number}"] = _own_activation(layer.activation)
    if layer.dropout:
        parts[f"dropout{number}"] = SeededDropout(layer.dropout, Generator())
    return parts


def _own_activation(given: Any) -> nn.Module:
    """Return a user's activation as a module: a class of modules, a module, which is copied, or a function."""
    if isinstance(given, type) and issubclass(given, nn.Module):
        return given()
    return copy.deepcopy(given) if isinstance(given, nn.Module) else Elementwise(given)


def linear_layers(model: nn.Module) -> list[nn.Linear]:
    """Return the linear layers in their order."""
    return [part for part in model.modules() if isinstance(part, nn.Linear)]
