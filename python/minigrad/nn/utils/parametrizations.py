"""Parametrizations: what parameters may be computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._absent import lookup
from ...grad_mode import no_grad
from ...ops.distance import normalize
from ...ops.norms import vector_norm
from ...tensor import Tensor
from ..init import normal_
from ..module import Module
from .parametrize import register_parametrization

__all__ = ["spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """Makes a weight of lengths and vectors."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def _norm(self, v: Tensor) -> Tensor:
        if self.dim == -1:
            return vector_norm(v)
        return vector_norm(v, 2, tuple(d for d in range(v.ndim) if d != self.dim), True)

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        """Return v with the lengths g."""
        return v * (g / self._norm(v))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lengths, and the weight itself."""
        return self._norm(weight), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Let a module learn the lengths and the directions of a weight's rows apart.

    Parameters
    ----------
    module : Module
        The module whose weight it is.
    name : str, default "weight"
        The weight.
    dim : int or None, default 0
        The dimension that counts the vectors; None for one length of the whole weight.

    Returns
    -------
    Module
        The same module, with the parameters ``parametrizations.weight.original0``, the lengths g, and ``original1``, the
        vectors v.

    Notes
    -----
    w = g v / |v| (Salimans and Kingma, Weight Normalization).

    Examples
    --------
    >>> import minigrad
    >>> layer = minigrad.nn.utils.parametrizations.weight_norm(minigrad.nn.Linear(20, 40))
    >>> {name: tuple(p.shape) for name, p in layer.named_parameters()}
    {'bias': (40,), 'parametrizations.weight.original0': (40, 1), 'parametrizations.weight.original1': (40, 20)}
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module.register_load_state_dict_pre_hook(_OldNames(name))
    return module


class SpectralNorm:
    """How a weight is divided by its greatest singular value, along two vectors that are being turned towards its."""

    def __init__(self, n_power_iterations: int, dim: int, eps: float) -> None:
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps

    def as_matrix(self, weight: Tensor) -> Tensor:
        """Return the weight as a matrix with a row for each output."""
        return weight.movedim(self.dim, 0).flatten(1)

    def direction(self, x: Tensor) -> Tensor:
        """Return a vector of length 1."""
        return normalize(x, dim=0, eps=self.eps)

    @no_grad()
    def approach(self, matrix: Tensor, u: Tensor, v: Tensor, steps: int) -> None:
        """Turn the two vectors towards those of the greatest singular value: the power iteration."""
        for _ in range(steps):
            u.copy_(self.direction(matrix.mv(v)))
            v.copy_(self.direction(matrix.t().mv(u)))

    def divided(self, weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """Return the weight divided by the singular value that the vectors give."""
        u, v = u.clone(), v.clone()  # which the next step changes
        return weight / u.dot(self.as_matrix(weight).mv(v))


class _SpectralNorm(Module):
    def __init__(self, weight: Tensor, rule: SpectralNorm) -> None:
        super().__init__()
        self.rule = rule
        if weight.ndim > 1:
            matrix = rule.as_matrix(weight.detach())
            self.register_buffer("_u", rule.direction(normal_(matrix.new_empty(matrix.shape[0]))))
            self.register_buffer("_v", rule.direction(normal_(matrix.new_empty(matrix.shape[1]))))
            rule.approach(matrix, self._u, self._v, 15)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight divided by its greatest singular value."""
        if weight.ndim == 1:
            return self.rule.direction(weight)
        if self.training:
            matrix = self.rule.as_matrix(weight.detach())
            self.rule.approach(matrix, self._u, self._v, self.rule.n_power_iterations)
        return self.rule.divided(weight, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        """Return the value itself."""
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Let a module use a weight divided by its greatest singular value.

    Parameters
    ----------
    module : Module
        The module whose weight it is.
    name : str, default "weight"
        The weight.
    n_power_iterations : int, default 1
        How many steps each call while training takes towards that value.
    eps : float, default 1e-12
        The least length that is divided by.
    dim : int, optional
        The dimension of the outputs, 0 unless given.

    Returns
    -------
    Module
        The same module, with the parameter ``parametrizations.weight.original``.

    Raises
    ------
    ValueError
        If there is not at least one step.

    Notes
    -----
    w / σ(w), where σ is found by the power iteration (Miyato, Kataoka, Koyama and Yoshida, Spectral Normalization for
    Generative Adversarial Networks).

    Examples
    --------
    >>> import minigrad
    >>> layer = minigrad.nn.Linear(2, 2)
    >>> layer.weight.data = minigrad.tensor([[4.0, 0.0], [0.0, 2.0]])
    >>> minigrad.nn.utils.parametrizations.spectral_norm(layer).eval().weight.detach().round(decimals=3)
    tensor([[1.0000, 0.0000],
            [0.0000, 0.5000]])
    """
    if n_power_iterations < 1:
        raise ValueError(f"spectral_norm: needs at least one power iteration, got {n_power_iterations}")
    weight = getattr(module, name)
    rule = SpectralNorm(n_power_iterations, (dim or 0) % max(weight.ndim, 1), eps)
    register_parametrization(module, name, _SpectralNorm(weight, rule))
    return module


class _OldNames:
    """Takes a state with the names that PyTorch's weight norm had before, ``weight_g`` and ``weight_v``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, _: Module, state: dict[str, Any], prefix: str, *__: Any) -> None:
        old = [f"{prefix}{self.name}_{letter}" for letter in "gv"]
        if all(key in state for key in old):
            for i, key in enumerate(old):
                state[f"{prefix}parametrizations.{self.name}.original{i}"] = state.pop(key)


if not TYPE_CHECKING:
    __getattr__ = lookup(__name__)
