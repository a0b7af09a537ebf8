"""How parameters start: functions that fill a tensor in place, unseen by the graph, and return it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core
from .._contexts import Changes, Context, Entries, entry, innermost
from ..grad_mode import no_grad
from ..ops.norms import vector_norm
from ..random import Generator
from ..random.arrays import converted, normal_array, uniform_array
from ..tensor import Tensor, wrap
from .module import overwrite

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_CONVOLUTIONS = [f"conv{transposed}{n}d" for transposed in ("", "_transpose") for n in (1, 2, 3)]

_GAINS = {
    **dict.fromkeys(["linear", *_CONVOLUTIONS], 1.0),
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


_skipping: Entries = []


class skipped(Context):  # noqa: N801
    """Let the functions here do nothing, in this context, as `nn.utils.skip_init` wants it."""

    def _changes(self) -> Changes:
        return None, *entry(_skipping, True)


def _fill(tensor: Tensor, name: str, make: Callable[[], Any]) -> Tensor:
    """Write the array that `make` returns into a tensor; return the tensor."""
    if not innermost(_skipping):
        overwrite(tensor, make(), name)
    return tensor


def _change(tensor: Tensor, change: Callable[[], Any]) -> Tensor:
    """Let `change` write into a tensor; return the tensor."""
    if not innermost(_skipping):
        with no_grad():
            change()
    return tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by how much an initialisation should be scaled up for the nonlinearity that follows.

    Parameters
    ----------
    nonlinearity : str
        ``"linear"`` or a convolution's name, ``"sigmoid"``, ``"tanh"``, ``"relu"``, ``"leaky_relu"`` or ``"selu"``.
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
    return _fill(tensor, "uniform_", lambda: uniform_array(tensor, a, b, generator, "uniform_"))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of the normal distribution with the given mean and standard deviation; see :func:`uniform_`."""
    return _fill(tensor, "normal_", lambda: normal_array(tensor, mean, std, generator, "normal_"))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with numbers of the normal distribution that lie in [a, b].

    Parameters
    ----------
    tensor : Tensor
        Of any shape, of floats.
    mean, std : float
        Mean and standard deviation of the distribution of which those in the range are taken.
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
        If the range is empty, or `std` not positive.

    Notes
    -----
    out = mean + std √2 erf⁻¹(u), u uniform over [erf((a - mean) / (std √2)), erf((b - mean) / (std √2))]. Further than 7
    standard deviations from the mean float64 tells few such u apart; a warning is given for ranges that lie there.

    Examples
    --------
    >>> import minigrad
    >>> bool((minigrad.nn.init.trunc_normal_(minigrad.empty(9)).abs() <= 2).all())
    True
    """
    if not a <= b or not std > 0:
        raise RuntimeError(f"trunc_normal_: needs a range and a positive std, got [{a}, {b}] and {std}")
    low, high = (a - mean) / std, (b - mean) / std
    if low > 7 or high < -7:
        warnings.warn(f"trunc_normal_: [{a}, {b}] is further than 7 std from the mean {mean}", stacklevel=2)

    def make() -> Any:
        first, last = (math.erf(x / math.sqrt(2)) for x in (low, high))
        draws = uniform_array(wrap(np.empty(tensor.shape)), first, last, generator, "trunc_normal_")
        normal = (wrap(draws).erfinv() * math.sqrt(2)).clamp(low, high).numpy()
        return converted(normal * std + mean, tensor.dtype).clip(a, b)

    return _fill(tensor, "trunc_normal_", make)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.init.constant_(minigrad.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    return _change(tensor, lambda: tensor.fill_(float(val)))


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros; see :func:`constant_`."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones; see :func:`constant_`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.init.ones_(minigrad.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def eye_(tensor: Tensor) -> Tensor:
    """Make a matrix the identity, as far as its shape allows; ValueError where it is none.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.init.eye_(minigrad.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    _matrix("eye_", tensor)
    return _change(tensor, lambda: tensor.zero_().fill_diagonal_(1.0))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Make the weight of a convolution one that hands channels on.

    Parameters
    ----------
    tensor : Tensor
        Of shape (out, in, ...), with one to three further dimensions.
    groups : int, default 1
        How many parts of the outputs each hand the inputs on.

    Returns
    -------
    Tensor
        The same tensor.

    Raises
    ------
    ValueError
        If it has another number of dimensions, or the outputs cannot be split into the groups.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.init.dirac_(minigrad.empty(2, 1, 3))
    tensor([[[0., 1., 0.]],
    <BLANKLINE>
            [[0., 0., 0.]]])
    """
    shape = tensor._array.shape
    if not 3 <= len(shape) <= 5:
        raise ValueError(f"dirac_: needs three to five dimensions, got shape {shape}")
    if shape[0] % groups:
        raise ValueError(f"dirac_: {shape[0]} outputs cannot be split into {groups} groups of one size")

    def make() -> Any:
        array = np.zeros(shape, tensor._array.dtype)
        size = shape[0] // groups
        middle = tuple(n // 2 for n in shape[2:])
        for out in range(shape[0]):
            if out % size < shape[1]:
                array[(out, out % size, *middle)] = 1
        return array

    return _fill(tensor, "dirac_", make)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix from N(0, std²), with a share of each column set to zero.

    Parameters
    ----------
    tensor : Tensor
        A matrix, of floats.
    sparsity : float in [0, 1]
        The share, rounded up to whole elements.
    std : float, default 0.01
        The standard deviation.
    generator : Generator, optional
        Where the numbers come from.

    Returns
    -------
    Tensor
        The same tensor.

    Raises
    ------
    ValueError
        If it is no matrix.

    Notes
    -----
    Martens, "Deep Learning via Hessian-Free Optimization".

    Examples
    --------
    >>> import minigrad
    >>> (minigrad.nn.init.sparse_(minigrad.empty(5, 2), 0.5) == 0).sum(0)
    tensor([3, 3])
    """
    rows, _ = _matrix("sparse_", tensor)
    zeros = math.ceil(sparsity * rows)

    def make() -> Any:
        array = normal_array(tensor, 0.0, std, generator, "sparse_")
        order = uniform_array(wrap(np.empty(array.shape)), 0.0, 1.0, generator, "sparse_").argsort(0, kind="stable")
        np.put_along_axis(array, order[:zeros], 0, 0)
        return array

    return _fill(tensor, "sparse_", make)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with rows, or columns if these are fewer, that are orthogonal to each other and of length `gain`.

    Parameters
    ----------
    tensor : Tensor
        Of shape (n, ...), of floats; the dimensions behind the first count as one.
    gain : float, default 1
        The length; see :func:`calculate_gain`.
    generator : Generator, optional
        Where the numbers come from.

    Returns
    -------
    Tensor
        The same tensor.

    Raises
    ------
    ValueError
        If there is one dimension only.

    Notes
    -----
    Normal numbers, made orthogonal one row after the other (Gram-Schmidt, each time twice), in float64: uniform over all
    such matrices. Saxe and others, "Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural Networks".

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.nn.init.orthogonal_(minigrad.empty(2, 3))
    >>> minigrad.allclose(w @ w.T, minigrad.eye(2), atol=1e-6)
    True
    """
    shape = tensor._array.shape
    if len(shape) < 2:
        raise ValueError(f"orthogonal_: needs at least two dimensions, got shape {shape}")
    rows, columns = shape[0], math.prod(shape[1:])

    def make() -> Any:
        drawn = wrap(np.empty((min(rows, columns), max(rows, columns))))
        q = _orthonormal(normal_array(drawn, 0.0, 1.0, generator, "orthogonal_"))
        return converted((q if rows <= columns else q.T).reshape(shape) * gain, tensor.dtype)

    return _fill(tensor, "orthogonal_", make) if math.prod(shape) else tensor


_BLOCK = 32  # rows that are made orthogonal to all before them at once


def _orthonormal(array: Any) -> Any:
    """Make the rows of an array orthogonal to those before them and of length 1, in its memory; return it."""
    for start in range(0, len(array), _BLOCK):
        block = array[start : start + _BLOCK]
        _take_away(block, array[:start])
        for i in range(len(block)):
            row = block[i : i + 1]
            _take_away(row, block[:i])
            row /= vector_norm(wrap(row)).item()
    return array


def _take_away(rows: Any, before: Any) -> None:
    """Take from rows what lies along orthonormal ones, twice, for what the first time left by rounding."""
    matmul = _core.kernels["matmul"]
    for _ in range(2 if len(before) else 0):
        rows -= matmul(matmul(rows, before.T), before)


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
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, _fan(name, tensor, mode)))


def _fan(name: str, tensor: Tensor, mode: str) -> int:
    fans = dict(zip(("fan_in", "fan_out"), _fans(name, tensor), strict=True))
    if mode not in fans:
        raise ValueError(f"{name}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return fans[mode]


def _matrix(name: str, tensor: Tensor) -> tuple[int, int]:
    shape = tensor._array.shape
    if len(shape) != 2:
        raise ValueError(f"{name}: needs a matrix, got shape {shape}")
    return shape[0], shape[1]


def _fans(name: str, tensor: Any) -> tuple[int, int]:
    """Return how many inputs one output has, and how many outputs one input."""
    shape = tensor._array.shape
    if len(shape) < 2:
        raise ValueError(f"{name}: a weight has at least two dimensions, (out, in, ...), got shape {shape}")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def __getattr__(name: str) -> Any:
    """Return the function that an older PyTorch called by its name without the underscore."""
    if f"{name}_" not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"nn.init.{name} is an old name; use nn.init.{name}_", FutureWarning, stacklevel=2)
    return globals()[f"{name}_"]


# Names that layers of users' own call in their `reset_parameters`, as PyTorch's layers do.


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    return _fans("_calculate_fan_in_and_fan_out", tensor)


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    return _fan("_calculate_correct_fan", tensor, mode.lower())
