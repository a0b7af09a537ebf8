"""IDX files: arrays as the authors of MNIST wrote them."""

from __future__ import annotations

import gzip
import io
import math
import os
import zlib
from pathlib import Path

import numpy as np

from ..graph import Array

__all__ = ["read_idx"]

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_SMALLER = 1100  # gzip makes nothing smaller than by this factor
_PIECE = 1 << 24


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Return the array in an IDX file, compressed by gzip or not.

    The file has two zeros, the code of a dtype, the number of dimensions, their sizes (32 bits, big-endian), and the
    elements, big-endian.

    Parameters
    ----------
    path : str or path
        The file; that it is compressed is seen in its first bytes, whatever its name.

    Returns
    -------
    ndarray
        A new array, of dtype uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    ValueError
        If it is no IDX file, or is truncated, longer than it says, or damaged; the text names it.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import minigrad.datasets
    >>> path = os.path.join(tempfile.mkdtemp(), "labels")
    >>> with open(path, "wb") as file:
    ...     _ = file.write(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    >>> minigrad.datasets.read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    name = os.fspath(path)
    with Path(name).open("rb") as raw:
        size = os.fstat(raw.fileno()).st_size
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file: io.BufferedIOBase = gzip.GzipFile(fileobj=raw) if compressed else raw
        try:
            return _read(file, size * (_MOST_SMALLER if compressed else 1))
        except EOFError:
            raise ValueError(f"read_idx: {name} is truncated: its compressed data end too early") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"read_idx: {name} is damaged: {error}") from None
        except ValueError as error:
            raise ValueError(f"read_idx: {name} {error}") from None


def _read(file: io.BufferedIOBase, most: int) -> Array:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _DTYPES or start[3] == 0:
        raise ValueError(f"is no IDX file: it begins with {start!r}")
    dtype, dims = np.dtype(_DTYPES[start[2]]), start[3]
    sizes = file.read(4 * dims)
    if len(sizes) < 4 * dims:
        raise ValueError("is truncated: it ends among its sizes")
    shape = tuple(np.frombuffer(sizes, ">u4").tolist())
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > most:
        raise ValueError(
            f"is truncated: its header tells of {wanted} bytes, for shape {shape}, but the file is too small"
        )
    data = _read_up_to(file, wanted + 1)
    if len(data) < wanted:
        raise ValueError(f"is truncated: it has {len(data)} of {wanted} bytes, for shape {shape}")
    if len(data) > wanted:
        raise ValueError(f"has more than the {wanted} bytes that its header tells of, for shape {shape}")
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("=")).reshape(shape)


def _read_up_to(file: io.BufferedIOBase, count: int) -> bytes:
    """Return the next bytes, read in pieces: memory is taken for those that are there only."""
    pieces = io.BytesIO()
    while pieces.tell() < count and (piece := file.read(min(_PIECE, count - pieces.tell()))):
        pieces.write(piece)
    return pieces.getvalue()
