"""Parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

from ...ops.joining import cat
from ...tensor import Tensor, array_of
from ..module import overwrite


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return the elements of all parameters, one after the other, as a vector.

    Parameters
    ----------
    parameters : iterable of Tensor
        Of any shapes.

    Returns
    -------
    Tensor
        Of shape (n,), differentiable.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.utils.parameters_to_vector(minigrad.nn.Linear(3, 2).parameters()).shape
    minigrad.Size([8])
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of a vector into the parameters, one after the other.

    Parameters
    ----------
    vec : Tensor
        Of shape (n,), with as many elements as the parameters have together.
    parameters : iterable of Tensor
        Of any shapes; they keep their memory.

    Raises
    ------
    TypeError
        If `vec` is not a tensor.
    ValueError
        If it has another number of elements; nothing is written then.

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.zeros(2, 2)
    >>> minigrad.nn.utils.vector_to_parameters(minigrad.arange(4.0), [w])
    >>> w
    tensor([[0., 1.],
            [2., 3.]])
    """
    array_of("vector_to_parameters", vec, "vec")
    listed = list(parameters)
    n = sum(p.numel() for p in listed)
    if vec.shape != (n,):
        raise ValueError(f"vector_to_parameters: the parameters have {n} elements, got a vector of shape {vec.shape}")
    array, start = vec.detach().numpy(), 0
    for p in listed:
        overwrite(p, array[start : start + p.numel()].reshape(p.shape), "vector_to_parameters")
        start += p.numel()
