"""Checked attributes: hyperparameters, which may be schedules, and options, which may not."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import numpy as np

if TYPE_CHECKING:
    from ..schedules import Schedule

__all__ = ["Hyperparameter", "Option", "number"]

T = TypeVar("T")


def number(
    name: str, value: object, *, minimum: float = -math.inf, below: float = math.inf
) -> float:
    """Return value as a finite float in [minimum, below), or raise an error that names it."""
    wanted = "a finite number"
    if minimum > -math.inf and below < math.inf:
        wanted = f"a number in [{minimum:g}, {below:g})"
    elif minimum > -math.inf:
        wanted = f"a finite number of at least {minimum:g}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (Real, np.ndarray)):
        raise TypeError(f"{name} is {value!r}; {wanted} is wanted")
    try:
        result = float(value)
    except TypeError as error:  # an array of several numbers
        raise TypeError(f"{name} is {value!r}; {wanted} is wanted") from error
    except OverflowError:  # an integer beyond all floats
        result = math.inf
    if not (math.isfinite(result) and minimum <= result < below):
        raise ValueError(f"{name} is {result!r}; {wanted} is wanted")
    return result


def _read(obj: Any, name: str) -> Any:
    try:
        return obj.__dict__[name]
    except KeyError:
        raise AttributeError(f"{type(obj).__name__} has no {name!r} yet") from None


def _text(owner: type, name: str) -> str | None:
    """Return what the docstring of a class says of an argument."""
    found = re.search(rf"^ {{8}}{name}: (.*(?:\n {{12}}.*)*)", owner.__doc__ or "", re.MULTILINE)
    return None if found is None else " ".join(found[1].split())


class Hyperparameter:
    """A number in [minimum, below), or a schedule of such numbers, on an optimizer."""

    def __init__(self, *, minimum: float = 0.0, below: float = math.inf) -> None:
        self.minimum = minimum
        self.below = below

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        top = f" and below {self.below:g}" if self.below < math.inf else ""
        general = f"A number of at least {self.minimum:g}{top}, or a schedule of such numbers."
        self.__doc__ = _text(owner, name) or general

    @overload
    def __get__(self, obj: None, owner: type) -> Hyperparameter: ...

    @overload
    def __get__(self, obj: object, owner: type) -> float | Schedule: ...

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


class Option(Generic[T]):
    """A setting that is no hyperparameter; `check(name, value)` returns it in its final form."""

    def __init__(self, check: Callable[[str, Any], T]) -> None:
        self.check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.__doc__ = _text(owner, name)

    @overload
    def __get__(self, obj: None, owner: type) -> Option[T]: ...

    @overload
    def __get__(self, obj: object, owner: type) -> T: ...

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        return self if obj is None else _read(obj, self.name)

    def __set__(self, obj: Any, value: T) -> None:
        obj.__dict__[self.name] = self.check(self.name, value)
        obj._stale = True
