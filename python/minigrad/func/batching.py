"""`vmap` by running the function once for each example."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..ops.joining import stack
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor
from .tree import leaves_of, rebuild


def _spread(dims: Any, tree: Any) -> list[Any]:
    """Return a dim for each leaf of the tree: `dims` is one for all of them, or a tree of such."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(leaves_of(tree))
    if isinstance(dims, dict) and isinstance(tree, dict) and dims.keys() == tree.keys():
        return [d for key, part in tree.items() for d in _spread(dims[key], part)]
    sequences = isinstance(dims, tuple | list) and isinstance(tree, tuple | list)
    if not sequences or len(dims) != len(tree):
        raise ValueError(f"vmap: dims {dims!r} do not have the form of what they are for")
    return [d for one, part in zip(dims, tree, strict=True) for d in _spread(one, part)]


def _batch_size(leaves: list[Any], dims: list[Any]) -> int:
    for x, d in zip(leaves, dims, strict=True):
        if d is not None and (not isinstance(x, Tensor) or not -x.ndim <= d < x.ndim):
            raise ValueError(f"vmap: in_dim {d} needs a tensor with that dimension, got {x!r}")
    sizes = {x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None}
    if len(sizes) != 1:
        raise ValueError(f"vmap: the mapped dimensions must be of one size, and not none, got sizes {sorted(sizes)}")
    if sizes == {0}:
        raise ValueError("vmap: the mapped dimension is empty, so that the shapes of the results are unknown")
    return int(sizes.pop())


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that maps `func` over a dimension of its arguments.

    It runs `func` once for each example and stacks the results: right for every operation, at every order and nested,
    but no faster than such a loop.

    Parameters
    ----------
    func : callable
        Takes and returns tensors, or nested dictionaries, lists and tuples of them.
    in_dims : int, None or nested, default 0
        Which dimension of each argument is mapped; None for an argument that is the same for all examples.
    out_dims : int or nested, default 0
        Where the mapped dimension stands in the results.
    randomness : {"error", "different", "same"}
        Whether `func` may draw random numbers, and whether every example draws the same.
    chunk_size : int, optional
        Accepted for PyTorch's sake; examples run one at a time.

    Returns
    -------
    callable
        Takes positional arguments as `in_dims` says; keyword arguments are mapped over dimension 0.

    Raises
    ------
    ValueError
        If the dims do not fit the arguments, or the mapped dimension is empty.
    RuntimeError
        If `func` draws random numbers under ``randomness="error"``.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.func import grad, vmap
    >>> vmap(grad(lambda x: (x * x).sum()))(minigrad.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[2., 4.],
            [6., 8.]])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"vmap: randomness must be 'error', 'different' or 'same', got {randomness!r}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size must be positive, got {chunk_size}")

    @wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        tree = (args, kwargs)
        leaves = leaves_of(tree)
        dims = _spread((in_dims, 0), tree)
        size = _batch_size(leaves, dims)
        results = []
        state = None if randomness == "different" else get_rng_state()
        for n in range(size):
            if randomness == "same":
                set_rng_state(state)  # type: ignore[arg-type]
            example = [x if d is None else x.select(d, n) for x, d in zip(leaves, dims, strict=True)]
            positional, named = rebuild(tree, example)
            results.append(func(*positional, **named))
        if randomness == "error" and get_rng_state().tolist() != state.tolist():  # type: ignore[union-attr]
            raise RuntimeError("vmap: the function draws random numbers; say randomness='different' or 'same'")
        columns = zip(*(leaves_of(r) for r in results), strict=True)
        places = _spread(out_dims, results[0])
        return rebuild(results[0], [stack(c, d) for c, d in zip(columns, places, strict=True)])

    return mapped
