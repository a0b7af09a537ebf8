"""`vmap`: a function of one example, run once on all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..batching import BatchedArray, Level
from ..batching_rules import of_level
from ..ops.joining import cat
from ..ops.shape import movedim
from ..ops.views import narrow
from ..tensor import Tensor, wrap
from .tree import leaves_of, rebuild


def _spread(dims: Any, tree: Any, what: str) -> list[Any]:
    """Return a dim for each leaf of the tree: `dims` is one for all of them, or a tree of such."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(leaves_of(tree))
    if isinstance(dims, dict) and isinstance(tree, dict) and dims.keys() == tree.keys():
        return [d for key, part in tree.items() for d in _spread(dims[key], part, what)]
    sequences = isinstance(dims, tuple | list) and isinstance(tree, tuple | list)
    if not sequences or len(dims) != len(tree):
        raise ValueError(f"vmap: {what} {dims!r} is not compatible with the structure of what it is for")
    return [d for one, part in zip(dims, tree, strict=True) for d in _spread(one, part, what)]


def _batch_size(leaves: list[Any], dims: list[Any]) -> int:
    for x, d in zip(leaves, dims, strict=True):
        if d is not None and (not isinstance(x, Tensor) or not -x.ndim <= d < x.ndim):
            raise ValueError(f"vmap: in_dim {d} needs a tensor with that dimension, got {x!r}")
    sizes = {x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None}
    if len(sizes) != 1:
        raise ValueError(f"vmap: the mapped dimensions must be of one size, and not none, got sizes {sorted(sizes)}")
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

    `func` is written for one example and runs once, each operation on all examples at the same time. It nests with itself
    and with all transforms and gradients.

    Parameters
    ----------
    func : callable
        Takes and returns tensors, or nested dictionaries, lists and tuples of them. Inside, tensors have the shape of one
        example; what would need their elements (``if``, ``item()``) raises a RuntimeError.
    in_dims : int, None or nested, default 0
        Which dimension of each argument is mapped; None for an argument that is the same for all examples.
    out_dims : int, None or nested, default 0
        Where the mapped dimension stands in the results; None for a result that is the same for all examples.
    randomness : {"error", "different", "same"}
        Whether `func` may draw random numbers, and whether every example draws the same.
    chunk_size : int, optional
        How many examples run at the same time; all by default. A smaller number takes less memory.

    Returns
    -------
    callable
        Takes positional arguments as `in_dims` says; keyword arguments are the same for all examples.

    Raises
    ------
    ValueError
        If the dims do not fit the arguments or the results, or `func` returns something else than tensors.
    RuntimeError
        If `func` draws random numbers under ``randomness="error"``, needs the elements of a tensor, or writes what differs
        from example to example into a tensor that all of them share.

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
        leaves = leaves_of(args)
        dims = _spread(in_dims, args, "in_dims")
        size = _batch_size(leaves, dims)

        def run(leaves: list[Any], size: int) -> tuple[Any, list[Any], list[Any]]:
            level = Level(size, randomness)
            examples = rebuild(
                args, [x if d is None else entered(x, d, level) for x, d in zip(leaves, dims, strict=True)]
            )
            return _run(lambda: func(*examples, **kwargs), out_dims, level)

        if chunk_size is None or size <= chunk_size:
            form, results, _ = run(leaves, size)
            return rebuild(form, results)
        parts = []
        for start in range(0, size, chunk_size):
            count = min(chunk_size, size - start)
            some = [x if d is None else narrow(x, d, start, count) for x, d in zip(leaves, dims, strict=True)]
            parts.append(run(some, count))
        form, _, places = parts[0]
        columns = zip(*(results for _, results, _ in parts), strict=True)
        return rebuild(form, [c[0] if d is None else cat(c, d) for c, d in zip(columns, places, strict=True)])

    return mapped


def entered(x: Tensor, dim: int, level: Level) -> Tensor:
    """Return the examples that lie along a dim of a tensor as one, which shares their memory."""
    x._own()
    moved = movedim(x, dim, 0) if dim % x.ndim else x
    value = moved if moved._edge is not None else moved._array
    return of_level(level, value, cell=x._cell)


def left(x: Any, dim: int | None, level: Level) -> Tensor:
    """Return what a function gave for one example as a tensor of all examples along `dim`."""
    if not isinstance(x, Tensor):
        what = f"{type(x).__name__}: {x!r}"
        raise ValueError(f"vmap: the function must return tensors, got {what}")  # noqa: TRY004  as PyTorch's
    array: Any = x._array
    own = array.__class__ is BatchedArray and array.level is level
    value = array.value if own else x
    whole: Tensor = value if isinstance(value, Tensor) else wrap(value)
    if dim is None:
        if own and array.batched:
            raise ValueError("vmap: out_dims is None for a result that differs from example to example")
        return whole
    if not own or not array.batched:
        whole = whole.expand(level.size, *whole.shape)
    if not -whole.ndim <= dim < whole.ndim:
        raise IndexError(f"vmap: out_dims {dim} is out of range for a result of shape {tuple(x.shape)} an example")
    return movedim(whole, 0, dim) if dim % whole.ndim else whole


def _run(call: Callable[[], Any], out_dims: Any, level: Level) -> tuple[Any, list[Any], list[Any]]:
    """Return what a call gives: its form, the tensors of all examples, and the dims along which these lie."""
    with level:
        form = call()
    if form is None:
        raise ValueError("vmap: the function must return tensors, got None")
    places = _spread(out_dims, form, "out_dims")
    return form, [left(x, d, level) for x, d in zip(leaves_of(form), places, strict=True)], places
