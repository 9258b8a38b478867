"""Checked attributes: hyperparameters, which may be schedules, and options, which may not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..checks import number

if TYPE_CHECKING:
    from ..schedules import Schedule

__all__ = ["Hyperparameter", "Option"]


def _read(obj: Any, name: str) -> Any:
    try:
        return obj.__dict__[name]
    except KeyError:
        raise AttributeError(f"{type(obj).__name__} has no {name!r} yet") from None


class Hyperparameter:
    """A number in [minimum, below), or a schedule of such numbers, on an optimizer."""

    def __init__(self, *, minimum: float = 0.0, below: float = math.inf) -> None:
        self.minimum = minimum
        self.below = below

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        return self if obj is None else _read(obj, self.name)

    def __set__(self, obj: Any, value: float | Schedule) -> None:
        obj.__dict__[self.name] = self.check(self.name, value)
        obj._stale = True

    def check(self, name: str, value: object) -> float | Schedule:
        """Return a checked number, or a schedule as it is: its values are checked at each step."""
        return value if callable(value) else self.number(name, value)

    def number(self, name: str, value: object) -> float:
        """Return the value as a float in range, or raise an error that names it."""
        return number(name, value, minimum=self.minimum, below=self.below)

    def at(self, t: int, value: object) -> float:
        """Return the checked value of a schedule after t steps."""
        if type(value) is float and self.minimum <= value < self.below:
            return value
        return self.number(f"{self.name}({t})", value)


class Option:
    """A setting that is no hyperparameter; `check(name, value)` returns it in its final form."""

    def __init__(self, check: Callable[[str, Any], Any]) -> None:
        self.check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        return self if obj is None else _read(obj, self.name)

    def __set__(self, obj: Any, value: Any) -> None:
        obj.__dict__[self.name] = self.check(self.name, value)
        obj._stale = True
