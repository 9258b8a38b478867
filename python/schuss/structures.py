"""Nested lists, tuples and dicts of arrays, seen from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["filled", "leaves", "map_leaves"]


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return the structure of a tree with function(leaf) for each leaf.

    In plain containers, but that a namedtuple is one of its kind.

    Example:
        >>> map_leaves(abs, {"a": -1, "b": [2, (-3,)]})
        {'a': 1, 'b': [2, (3,)]}
    """
    if isinstance(tree, dict):
        return {key: map_leaves(function, child) for key, child in tree.items()}
    if isinstance(tree, list):
        return [map_leaves(function, child) for child in tree]
    if isinstance(tree, tuple):
        make = getattr(type(tree), "_make", tuple)
        return make(map_leaves(function, child) for child in tree)
    return function(tree)


def leaves(tree: Any) -> list[Any]:
    """Return all leaves, in order.

    Example:
        >>> leaves({"a": -1, "b": [2, (-3,)]})
        [-1, 2, -3]
    """
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def filled(tree: Any, leaves: Iterable[Any]) -> Any:
    """Return the structure of a tree with other leaves, as many as it has.

    Example:
        >>> filled({"a": -1, "b": [2, (-3,)]}, "xyz")
        {'a': 'x', 'b': ['y', ('z',)]}
    """
    following = iter(leaves)
    return map_leaves(lambda _: next(following), tree)
