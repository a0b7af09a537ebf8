"""Joining tensors and splitting one: each is the other's way back.

《反向传播算法实现》 section 5. The records here take any number of inputs or give any number of outputs, so that the
gradient of all pieces is one pass over memory, however many there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import _core, _dtype
from .._methods import method, numpy_names
from .._observers import observe, observers
from ..batching import BatchedArray, Level
from ..batching_rules import level_of, lifted, split_level, spread
from ..graph import Node, next_sequence
from ..primitive import Variadic, registry
from ..tensor import Tensor, array_of, grad_enabled, wrap
from .creation import zeros
from .promotion import to_dtype
from .ranges import triu_indices
from .records import ARTICLE
from .shape import Shape, basic_index, normalise_dim, reshape, sizes_of, unindex, whole
from .views import along, meshgrid, narrow, rank_2, rank_3, tensors_of

if TYPE_CHECKING:
    from ..primitive import Primitive

__all__ = [
    "block_diag",
    "cartesian_prod",
    "cat",
    "chunk",
    "column_stack",
    "combinations",
    "concat",
    "concatenate",
    "dsplit",
    "dstack",
    "hsplit",
    "hstack",
    "row_stack",
    "split",
    "split_with_sizes",
    "stack",
    "tensor_split",
    "unbind",
    "vsplit",
    "vstack",
]

# ----------------------------------------------------------------------------------------------------------------------
# Records.

_cat_kernel = _core.kernels["cat"]
_index = registry["index"]


def join(xs: Sequence[Any], dim: int, stacked: bool) -> Any:
    """Join tensors or arrays of one dtype along `dim`, or where `stacked` along a new dimension `dim`."""
    if (joined := _core.joined(xs, dim, stacked, _join_record)) is not None:
        return joined
    arrays = _core.arrays_of(xs) or [x._array if isinstance(x, Tensor) else x for x in xs]
    out = _cat_kernel(arrays, dim, stacked)
    if out is NotImplemented and (level := level_of(xs)) is not None:
        xs = [lifted(x, level) for x in xs]
        out = _join_examples(xs, level, dim, stacked)
    if not any(isinstance(x, Tensor) for x in xs):
        return out
    result = wrap(out)
    edges = tuple([getattr(x, "_edge", None) for x in xs])
    if grad_enabled() and any(edges):
        shapes = (arrays[0].shape,) * len(arrays) if stacked else tuple([a.shape for a in arrays])
        node = _node(_join_record, edges, (shapes, dim, stacked), 1)
        result._edge = (node, 0)
        if observers:
            observe(node, (result,), tuple(arrays))
    return result


def _join_examples(xs: Sequence[Any], level: Level, dim: int, stacked: bool) -> BatchedArray:
    """Join what `vmap` maps: the values of all examples, one dimension further on if any have one for each."""
    values, batched = split_level(xs, level)
    if any(batched):
        values = [spread(level, v, b) for v, b in zip(values, batched, strict=True)]
    return BatchedArray(level, join(values, dim + any(batched), stacked), any(batched))


def _pull_join(g: Any, edges: Any, saved: Any) -> tuple[Any, ...]:
    shapes, dim, stacked = saved
    sizes = (1,) * len(shapes) if stacked else tuple([s[dim] for s in shapes])
    pieces = pieces_of(g, sizes, dim, stacked)
    return tuple([piece if edge is not None else None for piece, edge in zip(pieces, edges, strict=True)])


def _push_join(tangents: Sequence[Any], saved: Any) -> Any:
    shapes, dim, stacked = saved
    return join(_with_zeros(tangents, shapes), dim, stacked)


def pieces_of(x: Any, sizes: Shape, dim: int, dropped: bool) -> tuple[Any, ...]:
    """Split a tensor or an array into views of `sizes` slices along `dim`, of one slice without it where `dropped`."""
    node = None
    if isinstance(x, Tensor) and x._edge is not None and sizes and grad_enabled():
        node = _node(_split_record, (x._edge,), (x._array.shape, sizes, dim, dropped), len(sizes))
    pieces: tuple[Any, ...] = _core.pieces(x, sizes, dim, dropped, _index, node)
    if node is not None and observers:
        observe(node, pieces, (x._array,))
    return pieces


def _pull_split(g: Any, edges: Any, saved: Any) -> tuple[Any, ...]:  # noqa: ARG001
    shape, sizes, dim, dropped = saved
    shapes = ((*shape[:dim], *(() if dropped else (n,)), *shape[dim + 1 :]) for n in sizes)
    return (join(_with_zeros(g if len(sizes) > 1 else (g,), shapes), dim, dropped),)


def _push_split(tangents: Sequence[Any], saved: Any) -> Any:
    _, sizes, dim, dropped = saved
    return pieces_of(tangents[0], sizes, dim, dropped)


def _with_zeros(values: Sequence[Any], shapes: Iterable[Shape]) -> list[Any]:
    """Return the values with zeros, which take no memory, in place of those that are absent."""
    absent = [x is None for x in values]
    if not any(absent):
        return list(values)
    known = values[absent.index(False)]
    zero = np.zeros((), known._array.dtype if isinstance(known, Tensor) else known.dtype)
    wanted = list(shapes)
    of_shape = {s: np.broadcast_to(zero, s) for s in set(wanted)}
    return [of_shape[s] if x is None else x for x, s in zip(values, wanted, strict=True)]


def _node(record: Variadic, edges: tuple[Any, ...], saved: tuple[Any, ...], outputs: int) -> Node:
    node = Node()
    node.primitive = cast("Primitive", record)  # to the sweeps they are the same
    node.outputs = outputs
    node.sequence = next_sequence()
    node.edges = edges
    node.saved = saved
    node.versions = ()
    return node


_join_record = Variadic(
    "cat",
    equation="out[start_k + i] = x_k[i]",
    source=f"{ARTICLE} section 5",
    pullback=_pull_join,
    pushforward=_push_join,
)

_split_record = Variadic(
    "split",
    equation="out_k[i] = x[start_k + i]",
    source=f"{ARTICLE} section 5",
    pullback=_pull_split,
    pushforward=_push_split,
)

# ----------------------------------------------------------------------------------------------------------------------
# Joining.


def _common(name: str, tensors: Any) -> Sequence[Tensor]:
    """Return a sequence of tensors, brought to one dtype."""
    if _core.arrays_of(tensors) is not None:
        return tensors
    if type(tensors) not in (list, tuple) and (isinstance(tensors, Tensor) or not isinstance(tensors, Sequence)):
        raise TypeError(f"{name}: tensors must be a tuple or list of tensors, got {type(tensors).__name__}")
    given = list(tensors)
    if not given:
        raise RuntimeError(f"{name}: needs at least one tensor")
    try:
        dtypes = [x._array.dtype for x in given]
    except AttributeError:
        tensors_of(name, (tuple(given),))  # which says what is no tensor
        raise
    if dtypes.count(dtypes[0]) == len(dtypes):
        return given
    dtype = _dtype.result_type(*given)
    return [x if x.dtype is dtype else to_dtype(x, dtype) for x in given]


@numpy_names
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along a dimension.

    Parameters
    ----------
    tensors : sequence of Tensor
        Of one shape but for `dim`; brought to one dtype. Vectors without elements are passed over.
    dim : int, default 0
        The dimension.

    Returns
    -------
    Tensor
        A new tensor.

    Raises
    ------
    RuntimeError
        If the shapes do not fit, a tensor has no dimensions, or there is none.

    Notes
    -----
    out[start_k + i] = x_k[i]; the cotangent is split into the same pieces (《反向传播算法实现》 section 5).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.cat([minigrad.tensor([1, 2]), minigrad.tensor([3])])
    tensor([1, 2, 3])
    """
    return _joined(_common("cat", tensors), dim)


def _joined(xs: Sequence[Tensor], dim: int) -> Tensor:
    """Join tensors of one dtype along a dimension."""
    shape = xs[0]._array.shape
    try:
        d = dim if dim.__class__ is int and 0 <= dim < len(shape) else normalise_dim("cat", dim, shape)
        return join(xs, d, False)
    except (IndexError, RuntimeError):
        pass
    return _cat_unusual(xs, dim)


def _cat_unusual(xs: Sequence[Tensor], dim: int) -> Tensor:
    """Join tensors of which some are passed over, or say why they cannot be joined."""
    shapes = [x._array.shape for x in xs]
    if () in shapes:
        raise RuntimeError(f"cat: zero-dimensional tensor (at position {shapes.index(())}) cannot be concatenated")
    # As in PyTorch, where a vector without elements once was what a tensor began as.
    if (0,) in shapes:
        xs = [x for x in xs if x._array.shape != (0,)] or xs[:1]
    shape = xs[0]._array.shape
    return join(xs, normalise_dim("cat", dim, shape), False)


@numpy_names
def concat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along a dimension; the same as :func:`cat`."""
    return cat(tensors, dim)


@numpy_names
def concatenate(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along a dimension; the same as :func:`cat`."""
    return cat(tensors, dim)


@numpy_names
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new dimension.

    Parameters
    ----------
    tensors : sequence of Tensor
        Of one shape; brought to one dtype.
    dim : int, default 0
        Where the new dimension stands in the result.

    Returns
    -------
    Tensor
        A new tensor.

    Raises
    ------
    RuntimeError
        If the shapes differ, or there is no tensor.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.stack([minigrad.tensor([1, 2]), minigrad.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    xs = _common("stack", tensors)
    shape = xs[0]._array.shape
    d = normalise_dim("stack", dim, shape, added=1)
    try:
        return join(xs, d, True)
    except RuntimeError:
        other = next((x._array.shape for x in xs if x._array.shape != shape), shape)
        if other != shape:
            raise RuntimeError(f"stack: each tensor must have one size, got {shape} and {other}") from None
        raise


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along their columns: vectors along dim 0, others along dim 1.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.hstack((minigrad.tensor([1, 2]), minigrad.tensor([3, 4])))
    tensor([1, 2, 3, 4])
    """
    xs = [x if x._array.ndim else reshape(x, (1,)) for x in _common("hstack", tensors)]
    return _joined(xs, 0 if xs[0]._array.ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along dim 0, vectors being rows.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.vstack((minigrad.tensor([1, 2]), minigrad.tensor([3, 4])))
    tensor([[1, 2],
            [3, 4]])
    """
    return _join_widened(_common("vstack", tensors), 2, rank_2, 0)


def row_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along dim 0, vectors being rows; the same as :func:`vstack`."""
    return vstack(tensors)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along dim 2, having made them three-dimensional as :func:`atleast_3d` does.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.dstack((minigrad.tensor([1, 2]), minigrad.tensor([3, 4])))
    tensor([[[1, 3],
             [2, 4]]])
    """
    return _join_widened(_common("dstack", tensors), 3, rank_3, 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along dim 1, vectors being columns.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.column_stack((minigrad.tensor([1, 2]), minigrad.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    return _join_widened(_common("column_stack", tensors), 2, lambda x: reshape(x, (x._array.size, 1)), 1)


def _join_widened(xs: Sequence[Tensor], rank: int, widened: Callable[[Tensor], Tensor], dim: int) -> Tensor:
    """Join tensors along `dim`, those of fewer than `rank` dimensions widened."""
    if xs[0]._array.ndim == rank - 1:  # as a rule all have one shape, and the new dimension is that of `stack`
        try:
            return join(xs, dim, True)
        except RuntimeError:
            pass
    return _joined([x if x._array.ndim >= rank else widened(x) for x in xs], dim)


# ----------------------------------------------------------------------------------------------------------------------
# Splitting.


def block_diag(*tensors: Tensor) -> Tensor:
    """Return a matrix with the given ones along its diagonal, and zeros elsewhere.

    Parameters
    ----------
    *tensors : Tensor
        Matrices; a vector counts as a row, a number as a matrix of one element.

    Returns
    -------
    Tensor
        With as many rows, and columns, as all of them have.

    Raises
    ------
    RuntimeError
        If one has more than two dimensions.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.block_diag(minigrad.ones(1, 2), minigrad.tensor(3.0))
    tensor([[1., 1., 0.],
            [0., 0., 3.]])
    """
    for x in tensors:
        if array_of("block_diag", x, "each").ndim > 2:
            raise RuntimeError(f"block_diag: needs matrices, got shape {x._array.shape}")
    blocks = [reshape(x, (1, -1)) if x._array.ndim < 2 else x for x in tensors] or [zeros(1, 0)]
    height, width = [sum([x._array.shape[d] for x in blocks]) for d in (0, 1)]
    keys, row, column = [], 0, 0
    for x in blocks:
        n, m = x._array.shape
        keys.append((slice(row, row + n), slice(column, column + m)))
        row, column = row + n, column + m
    arrays = _core.arrays_of(blocks)
    if arrays is None or (grad_enabled() and any(x._edge for x in blocks)):
        return cat(
            [
                unindex(x, (slice(None), at), (x._array.shape[0], width))
                for x, (_, at) in zip(blocks, keys, strict=True)
            ],
            0,
        )
    out = zeros(height, width, dtype=blocks[0].dtype)
    for array, key in zip(arrays, keys, strict=True):
        _core.copy_into(out._array[key], array)
    return out


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Return all combinations of an element of each vector, one in a row; of one vector the vector.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.cartesian_prod(minigrad.tensor([1, 2]), minigrad.tensor([3, 4])).tolist()
    [[1, 3], [1, 4], [2, 3], [2, 4]]
    """
    grids = meshgrid(*tensors, indexing="ij")
    return grids[0] if len(grids) == 1 else stack([reshape(grid, -1) for grid in grids], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Return all choices of `r` elements of a vector, one in a row, in the order in which they stand there.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.combinations(minigrad.tensor([1, 2, 3])).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    array = array_of("combinations", input)
    if array.ndim != 1 or r < 0:
        raise RuntimeError(f"combinations: needs a vector and a number that is not negative, got {array.shape} and {r}")
    if r == 2:
        pairs = triu_indices(array.shape[0], array.shape[0], int(not with_replacement)).t()
        return reshape(input[pairs.reshape(-1)], pairs.shape)
    if r == 0:  # as in PyTorch
        return input[:0]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    found = list(choose(range(array.shape[0]), r))
    rows = np.array(found, dtype=np.int64).reshape(len(found), r)
    return reshape(input[wrap(rows.reshape(-1))], rows.shape)


def _extent(name: str, x: Tensor, dim: int) -> tuple[int, int]:
    """Return a dim counted from the front, and its size."""
    shape = array_of(name, x).shape
    if not shape:
        raise RuntimeError(f"{name}: expects at least one dimension")
    d = normalise_dim(name, dim, shape)
    return d, shape[d]


def _check_count(name: str, pieces: int) -> None:
    """Raise a RuntimeError where the tuple of so many pieces alone would take all memory."""
    if pieces > 2**20:
        raise RuntimeError(f"{name}: {pieces} pieces are too many")


@method
def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of the pieces of a tensor along a dimension.

    Parameters
    ----------
    tensor : Tensor
        With at least one dimension.
    split_size_or_sections : int or sequence of int
        The size of each piece, the last of which may be smaller; or the sizes of all.
    dim : int, default 0
        The dimension.

    Returns
    -------
    tuple of Tensor
        Views.

    Raises
    ------
    RuntimeError
        If the sizes are negative or do not add up.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if not isinstance(split_size_or_sections, int):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    d, extent = _extent("split", tensor, dim)
    size = split_size_or_sections
    if size < 0 or (size == 0 and extent > 0):
        raise RuntimeError(f"split: the size of a piece must be positive, got {size}")
    return _pieces_of_size(tensor, size, d, extent)


def _pieces_of_size(x: Tensor, size: int, d: int, extent: int) -> tuple[Tensor, ...]:
    count = max(1, -(-extent // size)) if size else 1
    return pieces_of(x, (size,) * (count - 1) + (extent - size * (count - 1),), d, False)


@method
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of pieces of the given sizes along a dimension.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.split_with_sizes(minigrad.tensor([1, 2, 3]), [1, 2])
    (tensor([1]), tensor([2, 3]))
    """
    d, extent = _extent("split_with_sizes", input, dim)
    sizes = sizes_of((split_sizes,))
    if any(n < 0 for n in sizes) or sum(sizes) != extent:
        raise RuntimeError(
            f"split_with_sizes: sizes {sizes} do not add up to {extent}, dim {d} of shape {input._array.shape}"
        )
    return pieces_of(input, sizes, d, False)


@method
@numpy_names
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of at most `chunks` pieces of one size, the last perhaps smaller, along a dimension.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.chunk(minigrad.tensor([1, 2, 3, 4, 5]), 2)
    (tensor([1, 2, 3]), tensor([4, 5]))
    """
    chunks = whole("chunk", "chunks", chunks)
    if chunks <= 0:
        raise RuntimeError(f"chunk: chunks must be positive, got {chunks}")
    _check_count("chunk", chunks)
    d, extent = _extent("chunk", input, dim)
    if extent == 0:
        return pieces_of(input, (0,) * chunks, d, False)
    return _pieces_of_size(input, -(-extent // chunks), d, extent)


@method
@numpy_names
def tensor_split(input: Tensor, indices_or_sections: int | Sequence[int] | Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of pieces along a dimension: so many of about one size, or those between the given indices.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor_split(minigrad.tensor([1, 2, 3, 4, 5]), 3)
    (tensor([1, 2]), tensor([3, 4]), tensor([5]))
    >>> minigrad.tensor_split(minigrad.tensor([1, 2, 3, 4, 5]), (1, 3))
    (tensor([1]), tensor([2, 3]), tensor([4, 5]))
    """
    d, extent = _extent("tensor_split", input, dim)
    where: Any = indices_or_sections
    if isinstance(where, Tensor):
        if where._array.dtype != np.int64 or where._array.ndim > 1:
            raise RuntimeError("tensor_split: needs an int64 tensor with at most one dimension")
        where = where.tolist()
    if isinstance(where, int):
        return pieces_of(input, _equal_sections(extent, where), d, False)
    if isinstance(where, str) or not isinstance(where, Sequence):
        raise TypeError(f"tensor_split: needs a number or a sequence of indices, got {type(where).__name__}")
    edges = [0, *[whole("tensor_split", "an index", n) for n in where], extent]
    slices = [slice(a, b).indices(extent)[:2] for a, b in pairwise(edges)]
    if all(a <= b for a, b in slices) and sum(b - a for a, b in slices) == extent:
        return pieces_of(input, tuple([b - a for a, b in slices]), d, False)
    return tuple([narrow(input, d, a, max(b - a, 0)) for a, b in slices])


def _equal_sections(extent: int, count: int) -> tuple[int, ...]:
    """Return `count` sizes that add up to `extent`; the first ones may be larger by one."""
    if count <= 0:
        raise RuntimeError(f"tensor_split: the number of sections must be positive, got {count}")
    _check_count("tensor_split", count)
    return tuple([extent // count + (i < extent % count) for i in range(count)])


def _split_equally(name: str, input: Tensor, where: Any, dim: int) -> tuple[Tensor, ...]:
    shape = array_of(name, input).shape
    if isinstance(where, int) and (where == 0 or shape[dim] % where):
        raise RuntimeError(f"{name}: dim {dim} of shape {shape} cannot be split into {where} equal pieces")
    return tensor_split(input, where, dim)


@method
def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Return views of pieces along the columns: dim 0 of a vector, otherwise dim 1. See :func:`tensor_split`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.hsplit(minigrad.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1],
            [3]]), tensor([[2],
            [4]]))
    """
    ndim = array_of("hsplit", input).ndim
    if ndim < 1:
        raise RuntimeError("hsplit: needs at least one dimension, got shape ()")
    return _split_equally("hsplit", input, indices_or_sections, 0 if ndim == 1 else 1)


@method
def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Return views of pieces along dim 0 of a tensor with at least two dimensions. See :func:`tensor_split`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.vsplit(minigrad.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    if array_of("vsplit", input).ndim < 2:
        raise RuntimeError(f"vsplit: needs at least two dimensions, got shape {input._array.shape}")
    return _split_equally("vsplit", input, indices_or_sections, 0)


@method
def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Return views of pieces along dim 2 of a tensor with at least three dimensions. See :func:`tensor_split`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.dsplit(minigrad.ones(1, 1, 2), 2)
    (tensor([[[1.]]]), tensor([[[1.]]]))
    """
    if array_of("dsplit", input).ndim < 3:
        raise RuntimeError(f"dsplit: needs at least three dimensions, got shape {input._array.shape}")
    return _split_equally("dsplit", input, indices_or_sections, 2)


@method
@numpy_names
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of all slices along a dimension, without it.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([[1, 2], [3, 4]]).unbind(1)
    (tensor([1, 3]), tensor([2, 4]))
    """
    shape = array_of("unbind", input).shape
    if not shape:
        raise IndexError("unbind: expects at least one dimension")
    d = normalise_dim("unbind", dim, shape)
    if shape[d] == 1:
        return (basic_index(input, along(d, 0)),)
    return pieces_of(input, (1,) * shape[d], d, True)
