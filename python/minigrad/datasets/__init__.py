"""Data that the package carries, and readers of data that the user has."""

from .digits import Digits, load_digits
from .folder import DatasetFolder, ImageFolder, load_image
from .idx import read_idx
from .mnist import Images, load_fashion_mnist, load_mnist
from .table import Rows, load_csv

__all__ = [
    "DatasetFolder",
    "Digits",
    "ImageFolder",
    "Images",
    "Rows",
    "load_csv",
    "load_digits",
    "load_fashion_mnist",
    "load_image",
    "load_mnist",
    "read_idx",
]
