"""Functions of the user's, by the name of their module."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["load"]


def load(where: str) -> Callable[..., Any]:
    """Import a function.

    Args:
        where: "module:function".

    Raises:
        ValueError: there is no such function.

    Example:
        >>> load("math:hypot")(3, 4)
        5.0
    """
    module, _, name = where.partition(":")
    if not module or not name:
        raise ValueError(f"{where!r} is no function; module:function is wanted")
    try:
        found = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise ValueError(f"{where}: there is no module {error.name!r}") from error
    except AttributeError as error:
        raise ValueError(f"{where}: {error}") from error
    if not callable(found):
        raise ValueError(f"{where} is {found!r}; a function is wanted")
    function: Callable[..., Any] = found
    return function
