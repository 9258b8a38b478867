"""Ctrl-C, with what was done until then."""

from __future__ import annotations

from typing import Any

__all__ = ["Interrupted"]


class Interrupted(KeyboardInterrupt):
    """A KeyboardInterrupt during long work of the lab.

    Attributes:
        result: what was done until then, of the type that the work would have returned.

    Example:
        >>> from schuss import lab
        >>> def impatient(name, done, total):
        ...     if done == 3:
        ...         raise KeyboardInterrupt
        >>> try:
        ...     lab.compare(["adam", "lion"], epochs=2, progress=impatient)
        ... except lab.Interrupted as stopped:
        ...     [entry.name for entry in stopped.result.results]
        ['Adam']
    """

    def __init__(self, result: Any) -> None:
        super().__init__("stopped")
        self.result = result
