"""Parametrizations: what parameters may be computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._absent import lookup
from ...ops.norms import vector_norm
from ...tensor import Tensor
from ..module import Module
from .parametrize import register_parametrization

__all__ = ["weight_norm"]


class _WeightNorm(Module):
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
