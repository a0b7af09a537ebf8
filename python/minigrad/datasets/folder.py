"""Samples in folders that are called as their classes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .._extras import require
from ..tensor import Tensor, wrap
from ..utils.data import Dataset

__all__ = ["DatasetFolder", "ImageFolder", "load_image"]

IMAGES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

Function = Callable[[Any], Any]


class DatasetFolder(Dataset[tuple[Any, Any]]):
    """Files in folders, each folder a class: ``ROOT/CLASS/any/folders/file.ext``.

    Parameters
    ----------
    root : str or path
        The folder of the folders.
    loader : callable
        From a path to a sample.
    extensions : tuple of str, optional
        How the files' names end, in small letters.
    transform : callable, optional
        Called with each sample.
    target_transform : callable, optional
        Called with each class's number.
    is_valid_file : callable, optional
        From a path to whether it is a sample's, in place of `extensions`.
    allow_empty : bool, default False
        Whether a class may have no files.

    Attributes
    ----------
    classes : list of str
        The classes, sorted.
    class_to_idx : dict
        Their numbers.
    samples : list of (str, int)
        The files and the numbers of their classes, sorted by class and path.
    targets : list of int
        Those numbers alone.

    Raises
    ------
    FileNotFoundError
        If there are no folders, or a class has no files.
    ValueError
        Unless there is one of `extensions` and `is_valid_file`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Function | None = None,
        target_transform: Function | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        if (extensions is None) == (is_valid_file is None):
            raise ValueError("DatasetFolder: needs extensions or is_valid_file, not both")
        self.root = os.fspath(root)
        self.loader = loader
        self.extensions = extensions
        self.transform = transform
        self.target_transform = target_transform
        self.classes, self.class_to_idx = self.find_classes(self.root)
        valid = is_valid_file or (lambda path: path.lower().endswith(extensions or ()))
        files = {name: sorted(filter(valid, _files(os.path.join(self.root, name)))) for name in self.classes}
        empty = [name for name, found in files.items() if not found]
        if empty and not allow_empty:
            kinds = f" with {', '.join(extensions)}" if extensions else ""
            raise FileNotFoundError(f"DatasetFolder: no files{kinds} for the classes {', '.join(empty)} in {self.root}")
        self.samples = [(path, self.class_to_idx[name]) for name, found in files.items() for path in found]
        self.targets = [target for _, target in self.samples]

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        """Return the classes, which are the names of the folders, and their numbers."""
        classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        if not classes:
            raise FileNotFoundError(f"DatasetFolder: no class folder in {directory}")
        return classes, {name: i for i, name in enumerate(classes)}

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        sample = self.loader(path)
        return (
            sample if self.transform is None else self.transform(sample),
            target if self.target_transform is None else self.target_transform(target),
        )

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in folders, each folder a class; see :class:`DatasetFolder`.

    Parameters
    ----------
    root : str or path
        The folder of the folders.
    transform, target_transform : callable, optional
        Called with each image, and each class's number.
    loader : callable, optional
        From a path to an image, :func:`load_image` unless given.
    is_valid_file : callable, optional
        From a path to whether it is an image's; by default its name decides.
    allow_empty : bool, default False
        Whether a class may have no images.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Function | None = None,
        target_transform: Function | None = None,
        loader: Callable[[str], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMAGES if is_valid_file is None else None
        super().__init__(
            root, loader or load_image, extensions, transform, target_transform, is_valid_file, allow_empty
        )

    @property
    def imgs(self) -> list[tuple[str, int]]:
        """The same as `samples`."""
        return self.samples


def load_image(path: str | os.PathLike[str]) -> Tensor:
    """Return an image as a uint8 tensor of shape (3, height, width): red, green, blue.

    Needs the extra ``datasets``.

    Raises
    ------
    ValueError
        If it is no image or a damaged one; the text names it.
    OSError
        If it cannot be opened.
    """
    pillow = require("PIL.Image", "datasets", "load_image")
    with Path(path).open("rb") as file:
        try:
            image = np.asarray(pillow.open(file).convert("RGB"))
        except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
            raise ValueError(f"load_image: {os.fspath(path)} is no image or a damaged one: {error}") from error
    return wrap(np.ascontiguousarray(image.transpose(2, 0, 1)))


def _files(folder: str) -> Iterator[str]:
    for place, _, names in os.walk(folder, followlinks=True):
        yield from (os.path.join(place, name) for name in names)
