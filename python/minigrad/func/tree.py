"""Nested dictionaries, lists and tuples of tensors, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def leaves_of(tree: Any) -> list[Any]:
    """Return what a tree holds, in its order; None is an empty tree."""
    if tree is None:
        return []
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in leaves_of(part)]
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in leaves_of(part)]
    return [tree]


def map_tree(f: Callable[[Any], Any], tree: Any) -> Any:
    """Return the tree with each leaf x replaced by f(x), which is called in the order of `leaves_of`."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return type(tree)((key, map_tree(f, part)) for key, part in tree.items())
    if isinstance(tree, tuple | list):
        parts = [map_tree(f, part) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_make") else type(tree)(parts)
    return f(tree)


def rebuild(tree: Any, leaves: Any) -> Any:
    """Return a tree of the form of `tree` that holds `leaves`."""
    following = iter(leaves)
    return map_tree(lambda _: next(following), tree)
