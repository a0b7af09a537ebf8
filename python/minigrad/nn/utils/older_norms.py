"""Weight and spectral norm in PyTorch's older form: a hook sets the weight again before each call of the module."""

from __future__ import annotations

from typing import Any

from ...handles import RemovableHandle
from ...tensor import Tensor
from ..init import normal_
from ..module import Module
from ..parameter import Parameter
from .parametrizations import SpectralNorm
from .parametrizations import _WeightNorm as Rule

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


class _Recomputed:
    """Sets a weight from what stands in its place: a hook before each call."""

    handle: RemovableHandle

    def __init__(self, name: str, rule: Any) -> None:
        self.name, self.rule = name, rule

    def __call__(self, module: Module, *_: Any) -> None:
        setattr(module, self.name, self.value(module))

    def value(self, module: Module) -> Tensor:
        raise NotImplementedError

    def part(self, module: Module, suffix: str) -> Any:
        return getattr(module, f"{self.name}_{suffix}")

    def install(self, module: Module, function: str) -> Module:
        """Take the weight's place, unless such a hook has already."""
        if _found(module, self.name, type(self)) is not None:
            raise RuntimeError(f"{function}: {self.name!r} of {type(module).__name__} has one already")
        weight = getattr(module, self.name)
        delattr(module, self.name)
        self.divide(module, weight)
        setattr(module, self.name, self.value(module))
        self.handle = module.register_forward_pre_hook(self)
        return module

    def divide(self, module: Module, weight: Parameter) -> None:
        raise NotImplementedError

    def remove(self, module: Module, suffixes: str) -> None:
        """Put a parameter in the weight's place again."""
        self.handle.remove()
        weight = self.value(module).detach()
        delattr(module, self.name)
        for suffix in suffixes.split():
            delattr(module, f"{self.name}_{suffix}")
        setattr(module, self.name, Parameter(weight))


def _found(module: Module, name: str, kind: type[_Recomputed]) -> _Recomputed | None:
    """Return the hook of a kind that sets the weight of a name."""
    hooks = [getattr(before, "hook", None) for before in module._own_hooks().before.all()]
    return next((hook for hook in hooks if isinstance(hook, kind) and hook.name == name), None)


def _removed(module: Module, name: str, kind: type[_Recomputed], suffixes: str, function: str) -> Module:
    hook = _found(module, name, kind)
    if hook is None:
        raise ValueError(f"{function}: {name!r} of {type(module).__name__} has none")
    hook.remove(module, suffixes)
    return module


class _WeightNorm(_Recomputed):
    def divide(self, module: Module, weight: Parameter) -> None:
        lengths, vectors = self.rule.right_inverse(weight.detach())
        module.register_parameter(f"{self.name}_g", Parameter(lengths))
        module.register_parameter(f"{self.name}_v", Parameter(vectors))

    def value(self, module: Module) -> Tensor:
        return self.rule(self.part(module, "g"), self.part(module, "v"))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Let a module learn the lengths and the directions of a weight's rows apart, as :func:`parametrizations.weight_norm`.

    PyTorch's older form: its names are those of states that were saved with it. A module with it cannot be copied deeply.

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
        The same module, with the parameters ``weight_g``, the lengths, and ``weight_v``, the vectors.

    Raises
    ------
    RuntimeError
        If the weight has one already.

    Examples
    --------
    >>> import minigrad
    >>> layer = minigrad.nn.utils.weight_norm(minigrad.nn.Linear(20, 40))
    >>> {name: tuple(p.shape) for name, p in layer.named_parameters()}
    {'bias': (40,), 'weight_g': (40, 1), 'weight_v': (40, 20)}
    """
    return _WeightNorm(name, Rule(dim)).install(module, "weight_norm")


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make a weight a parameter again, as it is now; ValueError where it has no :func:`weight_norm`."""
    return _removed(module, name, _WeightNorm, "g v", "remove_weight_norm")


class _SpectralNorm(_Recomputed):
    def divide(self, module: Module, weight: Parameter) -> None:
        module.register_parameter(f"{self.name}_orig", weight)
        matrix = self.rule.as_matrix(weight.detach())
        for letter, size in zip("uv", matrix.shape, strict=True):
            module.register_buffer(f"{self.name}_{letter}", self.rule.direction(normal_(matrix.new_empty(size))))

    def __call__(self, module: Module, *_: Any) -> None:
        if module.training:
            matrix = self.rule.as_matrix(self.part(module, "orig").detach())
            u, v = self.part(module, "u"), self.part(module, "v")
            self.rule.approach(matrix.t(), v, u, self.rule.n_power_iterations)
        super().__call__(module)

    def value(self, module: Module) -> Tensor:
        return self.rule.divided(*(self.part(module, suffix) for suffix in ("orig", "u", "v")))


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Let a module use a weight divided by its greatest singular value, as :func:`parametrizations.spectral_norm`.

    PyTorch's older form: its names are those of states that were saved with it, and its vectors start at random.

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
        The same module, with the parameter ``weight_orig`` and the buffers ``weight_u`` and ``weight_v``.

    Raises
    ------
    ValueError
        If there is not at least one step.
    RuntimeError
        If the weight has one already.

    Examples
    --------
    >>> import minigrad
    >>> layer = minigrad.nn.utils.spectral_norm(minigrad.nn.Linear(20, 40))
    >>> {name: tuple(x.shape) for name, x in layer.state_dict().items()}
    {'bias': (40,), 'weight_orig': (40, 20), 'weight_u': (40,), 'weight_v': (20,)}
    """
    if n_power_iterations < 1:
        raise ValueError(f"spectral_norm: needs at least one power iteration, got {n_power_iterations}")
    rule = SpectralNorm(n_power_iterations, (dim or 0) % max(getattr(module, name).ndim, 1), eps)
    return _SpectralNorm(name, rule).install(module, "spectral_norm")


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make a weight a parameter again, as it is now; ValueError where it has no :func:`spectral_norm`."""
    return _removed(module, name, _SpectralNorm, "orig u v", "remove_spectral_norm")
