"""Nested lists, tuples and dicts of arrays, seen from Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["map_leaves"]


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return the structure of a tree, in plain containers, with function(leaf) for each leaf.

    Example:
        >>> map_leaves(abs, {"a": -1, "b": [2, (-3,)]})
        {'a': 1, 'b': [2, (3,)]}
    """
    if isinstance(tree, dict):
        return {key: map_leaves(function, child) for key, child in tree.items()}
    if isinstance(tree, list):
        return [map_leaves(function, child) for child in tree]
    if isinstance(tree, tuple):
        return tuple(map_leaves(function, child) for child in tree)
    return function(tree)
