"""Activations and distances as modules."""

from __future__ import annotations

from typing import Any

from .._dtype import dtype as DType
from ..tensor import Tensor, array_of
from . import functional as F
from ._new import layer_size, new_parameter, parameter_dtype
from .function_module import FunctionModule
from .module import Module
from .parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "CosineSimilarity",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "PairwiseDistance",
    "RReLU",
    "ReLU6",
    "SiLU",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanhshrink",
    "Threshold",
]


class _OfOne(FunctionModule):
    def forward(self, input: Tensor) -> Tensor:
        """Return the function's value at `input`."""
        return self._compute(input)


class _OfOneInPlace(_OfOne):
    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class _Shrinking(_OfOne):
    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def extra_repr(self) -> str:
        """Return the width."""
        return str(self.lambd)


class _AlongDim(FunctionModule):
    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)

    def forward(self, input: Tensor) -> Tensor:
        """Return the function's value; without a dimension it warns and takes the one that PyTorch takes."""
        return self._function(input, self.dim, 5)


class _OfPairs(FunctionModule):
    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the function's value at `x1` and `x2`."""
        return self._compute(x1, x2)


class ReLU6(_OfOneInPlace, function=F.relu6):
    """Clamps each element to [0, 6].

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input's memory.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.ReLU6()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """


class SiLU(_OfOneInPlace, function=F.silu):
    """Each element times its logistic function (swish).

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input's memory.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.SiLU()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2689,  0.0000,  1.7616])
    """


class GELU(_OfOne, function=F.gelu, shown=("approximate",)):
    """Each element times the normal distribution function of it.

    Parameters
    ----------
    approximate : str, default "none"
        ``"none"``, or ``"tanh"`` for the approximation by the hyperbolic tangent.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.GELU()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.1587,  0.0000,  1.9545])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class Mish(_OfOneInPlace, function=F.mish):
    """Each element times the hyperbolic tangent of its softplus.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input's memory.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Mish()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.3034,  0.0000,  1.9440])
    """


class Softplus(_OfOne, function=F.softplus, shown=("beta", "threshold")):
    """A smooth rectifier, ln(1 + exp(beta x)) / beta.

    Parameters
    ----------
    beta : float, default 1.0
        How sharp the bend at 0 is.
    threshold : float, default 20.0
        Where ``beta x`` is larger, x itself.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Softplus()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([0.3133, 0.6931, 2.1269])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


class LogSigmoid(_OfOne, function=F.logsigmoid):
    """The logarithm of the logistic function.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.LogSigmoid()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.3133, -0.6931, -0.1269])
    """


class ELU(_OfOne, function=F.elu, shown=("alpha",)):
    """x above 0, alpha (exp(x) - 1) below.

    Parameters
    ----------
    alpha : float, default 1.0
        The limit far below 0 is -alpha.
    inplace : bool, default False
        Write the result into the input's memory.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.ELU()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.6321,  0.0000,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)


class CELU(_OfOne, function=F.celu, shown=("alpha",)):
    """x above 0, alpha (exp(x / alpha) - 1) below.

    Parameters
    ----------
    alpha : float, default 1.0
        The limit far below 0 is -alpha.
    inplace : bool, default False
        Write the result into the input's memory.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.CELU()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.6321,  0.0000,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)


class SELU(_OfOneInPlace, function=F.selu):
    """ELU with the scales at which activations normalise themselves.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input's memory.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.SELU()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.1113,  0.0000,  2.1014])
    """


class LeakyReLU(_OfOne, function=F.leaky_relu, shown=("negative_slope",)):
    """x above 0, negative_slope x below.

    Parameters
    ----------
    negative_slope : float, default 0.01
        The slope below 0.
    inplace : bool, default False
        Write the result into the input's memory.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.LeakyReLU()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.0100,  0.0000,  2.0000])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope, inplace=inplace)


class RReLU(Module):
    """x above 0; below, x times a slope that is drawn for each element while training, else the middle of the range.

    Parameters
    ----------
    lower, upper : float
        The range of slopes, [1/8, 1/3] by default.
    inplace : bool, default False
        Write the result into the input's memory.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.RReLU(0.125, 0.375).eval()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2500,  0.0000,  2.0000])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function's value at `input`."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class Hardsigmoid(_OfOneInPlace, function=F.hardsigmoid):
    """x / 6 + 1/2, clamped to [0, 1].

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input's memory.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Hardsigmoid()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([0.3333, 0.5000, 0.8333])
    """

    def extra_repr(self) -> str:
        """Return nothing: PyTorch's text does not say whether it works in place."""
        return ""


class Hardswish(_OfOneInPlace, function=F.hardswish):
    """Each element times x / 6 + 1/2 clamped to [0, 1].

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input's memory.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Hardswish()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.3333,  0.0000,  1.6667])
    """

    def extra_repr(self) -> str:
        """Return nothing: PyTorch's text does not say whether it works in place."""
        return ""


class Softshrink(_Shrinking, function=F.softshrink):
    """Moves each element towards 0, no further than to 0.

    Parameters
    ----------
    lambd : float, default 0.5
        How far elements are moved towards 0.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Softshrink()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.5000,  0.0000,  1.5000])
    """


class Hardshrink(_Shrinking, function=F.hardshrink):
    """0 for small elements, all others as they are.

    Parameters
    ----------
    lambd : float, default 0.5
        Up to which size elements become 0.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Hardshrink()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.,  0.,  2.])
    """


class Threshold(_OfOne, function=F.threshold, shown=("threshold", "value")):
    """Replaces the elements that are not above a threshold.

    Parameters
    ----------
    threshold : float
        Up to where elements are replaced.
    value : float
        By what.
    inplace : bool, default False
        Write the result into the input's memory.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Threshold(0.5, -1.0)(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-1., -1.,  2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(threshold=threshold, value=value, inplace=inplace)


class Softsign(_OfOne, function=F.softsign):
    """x / (1 + |x|) of each element.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Softsign()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.5000,  0.0000,  0.6667])
    """


class Tanhshrink(_OfOne, function=F.tanhshrink):
    """x - tanh(x) of each element.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Tanhshrink()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2384,  0.0000,  1.0360])
    """


class GLU(_OfOne, function=F.glu, shown=("dim",)):
    """The first half along a dimension times the logistic function of the second (gated linear unit).

    Parameters
    ----------
    dim : int, default -1
        The dimension that is halved.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.GLU()(minigrad.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)


class Softmax(_AlongDim, function=F.softmax, shown=("dim",)):
    """exp(x) over its sum along a dimension.

    Parameters
    ----------
    dim : int, optional
        The dimension along which elements sum to 1.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Softmax(dim=0)(minigrad.zeros(4))
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """


class Softmax2d(Module):
    """The softmax over the channels of (n, c, h, w) or (c, h, w).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Softmax2d()(minigrad.zeros(2, 1, 1))
    tensor([[[0.5000]],
    <BLANKLINE>
            [[0.5000]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the function's value; ValueError where there are not three or four dimensions."""
        if array_of("Softmax2d", input).ndim not in (3, 4):
            raise ValueError(f"Softmax2d: needs three or four dimensions, got shape {input.shape}")
        return F.softmax(input, -3)


class LogSoftmax(_AlongDim, function=F.log_softmax, shown=("dim",)):
    """The logarithm of the softmax along a dimension.

    Parameters
    ----------
    dim : int, optional
        The dimension.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.LogSoftmax(dim=0)(minigrad.zeros(4))
    tensor([-1.3863, -1.3863, -1.3863, -1.3863])
    """


class Softmin(_AlongDim, function=F.softmin, shown=("dim",)):
    """The softmax of -x along a dimension.

    Parameters
    ----------
    dim : int, optional
        The dimension.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Softmin(dim=0)(minigrad.zeros(4))
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """


class CosineSimilarity(_OfPairs, function=F.cosine_similarity):
    """The cosine of the angle between vectors.

    Parameters
    ----------
    dim : int, default 1
        The dimension of the vectors.
    eps : float, default 1e-8
        The least product of the norms that is divided by.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.CosineSimilarity()(minigrad.eye(2), minigrad.ones(2, 2))
    tensor([0.7071, 0.7071])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__(dim=dim, eps=eps)


class PairwiseDistance(_OfPairs, function=F.pairwise_distance):
    """The norm of the difference of vectors.

    Parameters
    ----------
    p : float, default 2.0
        The norm's order.
    eps : float, default 1e-6
        Added to each difference.
    keepdim : bool, default False
        Whether the reduced dimension stays, with size 1.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.PairwiseDistance()(minigrad.eye(2), minigrad.zeros(2, 2))
    tensor([1.0000, 1.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__(p=p, eps=eps, keepdim=keepdim)


class Hardtanh(_OfOne, function=F.hardtanh, shown=("min_val", "max_val")):
    """Clamps each element to a range.

    Parameters
    ----------
    min_val, max_val : float
        The range, [-1, 1] by default.
    inplace : bool, default False
        Write the result into the input's memory.
    min_value, max_value : float, optional
        The range by its older names.

    Raises
    ------
    ValueError
        If the range is empty.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.Hardtanh()(minigrad.tensor([-3.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        low = min_val if min_value is None else min_value
        high = max_val if max_value is None else max_value
        if not low < high:
            raise ValueError(f"Hardtanh: min_val must be below max_val, got {low} and {high}")
        super().__init__(min_val=low, max_val=high, inplace=inplace)


class PReLU(Module):
    """x above 0, weight x below, with a slope that is learned.

    Parameters
    ----------
    num_parameters : int, default 1
        One slope for all, or one for each channel (dimension 1).
    init : float, default 0.25
        What the slopes start as.
    device : device or str, optional
        The CPU, or RuntimeError.
    dtype : dtype, optional
        That of the slopes, the default dtype if not given.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.PReLU()(minigrad.tensor([-1.0, 2.0])).detach()
    tensor([-0.2500,  2.0000])
    """

    weight: Parameter

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        size = layer_size("PReLU", "num_parameters", num_parameters)
        self.weight = new_parameter((size,), parameter_dtype("PReLU", device, dtype), init)

    def reset_parameters(self) -> None:
        """Let the slopes be what they started as."""
        self.weight.detach().fill_(self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, where it is negative times the slope."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Return the number of slopes."""
        return f"num_parameters={self.num_parameters}"
