"""MNIST and Fashion-MNIST, from files that the user has or that are downloaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._extras import require
from ..graph import Array
from .idx import read_idx

__all__ = ["Images", "load_fashion_mnist", "load_mnist"]

_IMAGES, _LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"


class Source(NamedTuple):
    """Where a data set can be downloaded, and the MD5 sums of its files, which their authors or PyTorch published."""

    url: str
    sums: Mapping[str, str]


MNIST = Source(
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    {
        f"train-{_IMAGES}.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        f"train-{_LABELS}.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        f"t10k-{_IMAGES}.gz": "9fb629c4189551a2d022fa330f9573f3",
        f"t10k-{_LABELS}.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
)
FASHION = Source(
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    {
        f"train-{_IMAGES}.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        f"train-{_LABELS}.gz": "25c81989df183df01b3e8a0aad5dffbe",
        f"t10k-{_IMAGES}.gz": "bef4ecab320f06d8554ea6380940ec79",
        f"t10k-{_LABELS}.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
)


class Images(NamedTuple):
    """Images and their classes, in a part to train on and a part to test with.

    Attributes
    ----------
    x_train : ndarray
        Images, (60000, 28, 28), uint8: 0 for white to 255 for black.
    y_train : ndarray
        Their classes, (60000,), int64, from 0 to 9.
    x_test : ndarray
        Images, (10000, 28, 28), uint8.
    y_test : ndarray
        Their classes, (10000,), int64.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


def load_mnist(folder: str | os.PathLike[str], *, download: bool = False) -> Images:
    """Return MNIST: handwritten digits.

    Parameters
    ----------
    folder : str or path
        Where its four files are, ``train-images-idx3-ubyte`` and so on, compressed (``.gz``) or not.
    download : bool, default False
        Whether files that are not there are downloaded. Needs the extra ``datasets``.

    Returns
    -------
    Images
        The named tuple (x_train, y_train, x_test, y_test) of NumPy arrays.

    Raises
    ------
    FileNotFoundError
        If a file is not there; the text says which.
    ValueError
        If a file is truncated, damaged or another one than its name says; the text says which.
    ImportError
        If something has to be downloaded and pooch is not installed.

    Notes
    -----
    Y. LeCun, C. Cortes and C. J. C. Burges, *The MNIST database of handwritten digits*. A download is checked against
    published MD5 sums. Nothing is downloaded unless asked for.
    """
    return _load("load_mnist", MNIST, Path(folder), download)


def load_fashion_mnist(folder: str | os.PathLike[str], *, download: bool = False) -> Images:
    """Return Fashion-MNIST: clothes and shoes, in files that have MNIST's names.

    The classes are T-shirt, trousers, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot. Parameters, results
    and errors are those of :func:`load_mnist`.

    Notes
    -----
    H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms*, arXiv:1708.07747, 2017; MIT License.
    """
    return _load("load_fashion_mnist", FASHION, Path(folder), download)


def _load(caller: str, source: Source, folder: Path, download: bool) -> Images:
    parts: list[Array] = []
    for part in ("train", "t10k"):
        x_path, y_path = (_find(caller, source, folder, f"{part}-{kind}", download) for kind in (_IMAGES, _LABELS))
        parts += _read_part(caller, x_path, y_path)
    return Images(*parts)


def _find(caller: str, source: Source, folder: Path, name: str, download: bool) -> Path:
    """Return the path of a file, after it was downloaded if it has to be."""
    # Some archives have a dot in the name where the authors have a hyphen.
    names = [n + suffix for n in (name, name.replace("-idx", ".idx")) for suffix in ("", ".gz")]
    for candidate in names:
        if (folder / candidate).is_file():
            return folder / candidate
    if not download:
        raise FileNotFoundError(
            f"{caller}: {folder} has no {names[0]} or {names[1]}; download=True downloads what is not there"
        )
    compressed = names[1]
    pooch = require("pooch", "datasets", caller)
    known = f"md5:{source.sums[compressed]}"
    return Path(pooch.retrieve(source.url + compressed, known_hash=known, fname=compressed, path=folder))


def _read_part(caller: str, x_path: Path, y_path: Path) -> tuple[Array, Array]:
    x, y = read_idx(x_path), read_idx(y_path)
    if x.dtype != np.uint8 or x.shape[1:] != (28, 28):
        raise ValueError(
            f"{caller}: {x_path} should have images of 28 × 28 bytes, but has {x.dtype} of shape {x.shape}"
        )
    if y.dtype != np.uint8 or y.ndim != 1 or (y > 9).any():
        raise ValueError(f"{caller}: {y_path} should have classes from 0 to 9, but has {y.dtype} of shape {y.shape}")
    if len(x) != len(y):
        raise ValueError(f"{caller}: {x_path} has {len(x)} images, but {y_path} {len(y)} classes")
    return x, y.astype(np.int64)
