"""A table of vectors that are learned."""

from __future__ import annotations

from typing import Any, Self

from .._dtype import dtype as DType
from ..ops.embedding import embedding, embedding_bag
from ..tensor import Tensor
from . import init
from ._new import layer_size, new_parameter, parameter_dtype
from .module import Module
from .parameter import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


class Embedding(Module):
    """A table with a row for each class, of which indices pick.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        The numbers n of rows and d of columns.
    padding_idx : int, optional
        A row that starts as zeros and has a gradient of 0; negative numbers count from the end.
    max_norm : float, optional
        If given, rows that are picked and longer are first shortened to this length, in the table itself.
    norm_type : float, default 2
        The norm that measures them.
    scale_grad_by_freq : bool, default False
        Whether a row's gradient is divided by how often the row is picked.
    sparse : bool, default False
        Accepted so that scripts run: gradients are dense.
    device : device or str, optional
        The CPU, or RuntimeError.
    dtype : dtype, optional
        That of the table, the default dtype if not given.

    Attributes
    ----------
    weight : Parameter
        The table, of shape (n, d). It starts with elements of the standard normal distribution.

    Raises
    ------
    RuntimeError
        If a size is negative, or the device not the CPU.
    ValueError
        If `padding_idx` is out of range.
    IndexError
        When called, if an index is out of range.

    Examples
    --------
    >>> import minigrad
    >>> layer = minigrad.nn.Embedding(10, 3, padding_idx=0)
    >>> layer
    Embedding(10, 3, padding_idx=0)
    >>> layer(minigrad.tensor([[0, 4], [2, 0]])).shape
    minigrad.Size([2, 2, 3])
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        n = self.num_embeddings = layer_size("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = layer_size("Embedding", "embedding_dim", embedding_dim)
        if padding_idx is not None and not -n <= padding_idx < n:
            raise ValueError(f"Embedding: padding_idx must lie in [-{n}, {n}), got {padding_idx}")
        self.padding_idx = None if padding_idx is None else padding_idx % n
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        kind = parameter_dtype("Embedding", device, dtype)
        if _weight is None:
            self.weight = new_parameter((num_embeddings, embedding_dim), kind)
            self.reset_parameters()
        elif _weight.shape == (num_embeddings, embedding_dim):
            self.weight = Parameter(_weight)
        else:
            raise ValueError(f"Embedding: the table must have {(n, embedding_dim)} elements, got {_weight.shape}")
        self.weight.requires_grad_(not _freeze)

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            init.zeros_(self.weight.detach()[self.padding_idx])

    def forward(self, input: Tensor) -> Tensor:
        """Return the rows that the indices name: from (...) to (..., embedding_dim)."""
        return embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self) -> str:
        """Return the sizes, and the options that are not the default."""
        defaults = {"padding_idx": None, "max_norm": None, "norm_type": 2, "scale_grad_by_freq": False}
        shown = [f"{name}={vars(self)[name]}" for name, value in defaults.items() if vars(self)[name] != value]
        if self.sparse:
            shown.append("sparse=True")
        return ", ".join([str(self.num_embeddings), str(self.embedding_dim), *shown])

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """Return a layer with a given table, whose memory it shares.

        Parameters
        ----------
        embeddings : Tensor
            The table, of shape (n, d).
        freeze : bool, default True
            Whether it is not learned any more.
        padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
            As for the class; `padding_idx` does not change the table.

        Returns
        -------
        Embedding
            The layer.

        Raises
        ------
        ValueError
            If the table is no matrix.

        Examples
        --------
        >>> import minigrad
        >>> layer = minigrad.nn.Embedding.from_pretrained(minigrad.eye(3))
        >>> layer(minigrad.tensor([1]))
        tensor([[0., 1., 0.]])
        """
        if embeddings.ndim != 2:
            raise ValueError(f"from_pretrained: the table must be a matrix, got shape {embeddings.shape}")
        rows, columns = embeddings.shape
        return cls(
            rows,
            columns,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )


class EmbeddingBag(Embedding):
    """A table whose rows are added up for each bag of indices; also means and maxima.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        The numbers n of rows and d of columns.
    max_norm, norm_type, scale_grad_by_freq, sparse
        As for :class:`Embedding`.
    mode : {"mean", "sum", "max"}
        What is made of a bag.
    include_last_offset : bool, default False
        Whether the last of the offsets is the end of the last bag.
    padding_idx : int, optional
        An index that does not count.
    device, dtype : optional
        As for :class:`Embedding`.

    Attributes
    ----------
    weight : Parameter
        The table, of shape (n, d).

    Raises
    ------
    ValueError
        If the mode is unknown or `padding_idx` out of range.

    Examples
    --------
    >>> import minigrad
    >>> bags = minigrad.nn.EmbeddingBag(10, 3, mode="sum")
    >>> bags
    EmbeddingBag(10, 3, mode='sum')
    >>> bags(minigrad.tensor([1, 2, 4, 5]), minigrad.tensor([0, 3])).shape
    minigrad.Size([2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        if mode not in ("mean", "sum", "max"):
            raise ValueError(f"EmbeddingBag: mode must be mean, sum or max, got {mode!r}")
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight,
            device=device,
            dtype=dtype,
        )
        self.mode, self.include_last_offset = mode, include_last_offset

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        """Return a row for each bag, as :func:`minigrad.nn.functional.embedding_bag` does."""
        return embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """Return the sizes, the mode, and the options that are not the default."""
        *shown, last = [*super().extra_repr().split(", "), f"mode={self.mode!r}"]
        padding = [shown.pop(2)] if self.padding_idx is not None else []
        return ", ".join([*shown, last, *padding])

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """Return a layer with a given table, whose memory it shares; see :meth:`Embedding.from_pretrained`."""
        if embeddings.ndim != 2:
            raise ValueError(f"from_pretrained: the table must be a matrix, got shape {embeddings.shape}")
        rows, columns = embeddings.shape
        settings = (max_norm, norm_type, scale_grad_by_freq, mode, sparse)
        made = cls(rows, columns, *settings, embeddings, include_last_offset, padding_idx)
        made.weight.requires_grad_(not freeze)
        return made
