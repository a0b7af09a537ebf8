"""How parameters start: functions that fill a tensor in place, unseen by the graph, and return it."""

from __future__ import annotations

import math
from typing import Any

from .. import _core
from ..random import Generator
from ..random.arrays import normal_array, uniform_array
from ..tensor import Tensor
from .module import overwrite

_GAINS = {
    "linear": 1.0,
    "identity": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by how much an initialisation should be scaled up for the nonlinearity that follows.

    Parameters
    ----------
    nonlinearity : str
        ``"linear"``, ``"sigmoid"``, ``"tanh"``, ``"relu"``, ``"leaky_relu"`` or ``"selu"``.
    param : float, optional
        For leaky_relu its slope below 0, 0.01 by default.

    Returns
    -------
    float
        1 for linear and sigmoid, 5/3 for tanh, √2 for relu, √(2 / (1 + slope²)) for leaky_relu, 3/4 for selu.

    Raises
    ------
    ValueError
        If no gain is known.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise ValueError(f"calculate_gain: the slope of leaky_relu must be a number, got {slope!r}")
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"calculate_gain: no gain is known for {nonlinearity!r}")
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers distributed uniformly over [a, b).

    Parameters
    ----------
    tensor : Tensor
        Of any shape, of floats.
    a, b : float
        The range.
    generator : Generator, optional
        Where the numbers come from.

    Returns
    -------
    Tensor
        The same tensor.

    Raises
    ------
    RuntimeError
        If the range is empty, or the elements are not floats.

    Examples
    --------
    >>> import minigrad
    >>> bool((minigrad.nn.init.uniform_(minigrad.empty(3), 2.0, 3.0) >= 2).all())
    True
    """
    overwrite(tensor, uniform_array(tensor, a, b, generator, "uniform_"), "uniform_")
    return tensor


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of the normal distribution with the given mean and standard deviation; see :func:`uniform_`."""
    overwrite(tensor, normal_array(tensor, mean, std, generator, "normal_"), "normal_")
    return tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.init.constant_(minigrad.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    overwrite(tensor, _core.kernels["full"](float(val), tensor._array.shape, tensor.dtype.code), "constant_")
    return tensor


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros; see :func:`constant_`."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones; see :func:`constant_`."""
    return constant_(tensor, 1.0)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill uniformly so that signals keep their variance forwards and backwards on average.

    Parameters
    ----------
    tensor : Tensor
        A weight of shape (out, in, ...), of floats.
    gain : float, default 1
        A factor; see :func:`calculate_gain`.
    generator : Generator, optional
        Where the numbers come from.

    Returns
    -------
    Tensor
        The same tensor.

    Raises
    ------
    ValueError
        If the tensor has fewer than two dimensions.

    Notes
    -----
    U(-a, a) with a = gain √(6 / (fan_in + fan_out)): Glorot and Bengio, "Understanding the Difficulty of Training Deep
    Feedforward Neural Networks", eq. 16.

    Examples
    --------
    >>> import minigrad
    >>> bool((minigrad.nn.init.xavier_uniform_(minigrad.empty(2, 4)).abs() <= 1).all())
    True
    """
    fan_in, fan_out = _fans("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6 / max(1, fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill from N(0, σ²) with σ = gain √(2 / (fan_in + fan_out)); see :func:`xavier_uniform_`."""
    fan_in, fan_out = _fans("xavier_normal_", tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2 / max(1, fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill uniformly so that signals keep their variance through rectifiers.

    Parameters
    ----------
    tensor : Tensor
        A weight of shape (out, in, ...), of floats.
    a : float, default 0
        The rectifier's slope below 0, for leaky_relu.
    mode : {"fan_in", "fan_out"}
        Whether the variance is kept on the way forwards or backwards.
    nonlinearity : str, default "leaky_relu"
        What follows; see :func:`calculate_gain`.
    generator : Generator, optional
        Where the numbers come from.

    Returns
    -------
    Tensor
        The same tensor.

    Raises
    ------
    ValueError
        If the tensor has fewer than two dimensions, or the mode or the nonlinearity is not known.

    Notes
    -----
    U(-b, b) with b = gain √(3 / fan): He and others, "Delving Deep into Rectifiers", eq. 10 and 14.

    Examples
    --------
    >>> import minigrad
    >>> bool((minigrad.nn.init.kaiming_uniform_(minigrad.empty(2, 6)).abs() <= 1).all())
    True
    """
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill from N(0, σ²) with σ = gain / √fan; see :func:`kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


def _kaiming_std(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _fans(name, tensor), strict=True))
    if mode not in fans:
        raise ValueError(f"{name}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, fans[mode]))


def _fans(name: str, tensor: Any) -> tuple[int, int]:
    """Return how many inputs one output has, and how many outputs one input."""
    shape = tensor._array.shape
    if len(shape) < 2:
        raise ValueError(f"{name}: a weight has at least two dimensions, (out, in, ...), got shape {shape}")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field
