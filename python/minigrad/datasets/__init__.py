"""Data that the package carries."""

from .digits import Digits, load_digits

__all__ = ["Digits", "load_digits"]
