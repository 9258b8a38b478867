"""Checks of arguments: each returns the value in its final form, or raises an error that names it.

A value of a wrong kind is a TypeError, one of the right kind but out of range a ValueError. Both
read "x is X; W is wanted".
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import SupportsFloat, TypeGuard

import numpy as np

__all__ = [
    "choice",
    "count",
    "flag",
    "fraction",
    "is_real",
    "number",
    "positive",
    "real",
    "tolerance",
]


def is_real(value: object) -> TypeGuard[SupportsFloat]:
    """Whether float() takes a value for the number that it is: no text, truth value or complex.

    Fractions, decimals and other libraries' scalars are; arrays as well, of which float() takes
    those of one element.
    """
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
        return False
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return kind not in ("b", "c", "S", "U")


def number(
    name: str, value: object, *, minimum: float = -math.inf, below: float = math.inf
) -> float:
    """Return value as a finite float in [minimum, below), or raise an error that names it."""
    wanted = "a finite number"
    if minimum > -math.inf and below < math.inf:
        wanted = f"a number in [{minimum:g}, {below:g})"
    elif minimum > -math.inf:
        wanted = f"a finite number of at least {minimum:g}"
    return real(name, value, wanted, lambda x: minimum <= x < below)


def tolerance(name: str, value: object) -> float:
    """Return a finite number of at least 0, or raise an error that names it."""
    return number(name, value, minimum=0.0)


def positive(name: str, value: object) -> float:
    """Return a finite number above 0, or raise an error that names it."""
    return real(name, value, "a finite number above 0", lambda x: x > 0.0)


def fraction(name: str, value: object) -> float:
    """Return a number between 0 and 1, or raise an error that names it."""
    return real(name, value, "a number between 0 and 1", lambda x: 0.0 < x < 1.0)


def real(name: str, value: object, wanted: str, accepts: Callable[[float], bool]) -> float:
    """Return a finite number that is accepted, or raise an error that says what is wanted."""
    refusal = f"{name} is {value!r}; {wanted} is wanted"
    if not is_real(value):
        raise TypeError(refusal)
    try:
        result = float(value)
    except TypeError as error:  # an array of several numbers
        raise TypeError(refusal) from error
    except OverflowError:  # an integer beyond all floats
        result = math.inf
    if not (math.isfinite(result) and accepts(result)):
        raise ValueError(refusal)
    return result


def choice(name: str, value: object, words: Sequence[str | None]) -> str:
    """Return the word that value is, or raise an error that lists them; None is only listed."""
    if isinstance(value, str) and value in words:
        return str(value)
    *most, last = map(repr, words)
    raise ValueError(f"{name} is {value!r}; {', '.join(most)} or {last} is wanted")


def count(name: str, value: object, *, least: int = 1, most: int | None = None) -> int:
    """Return a whole number from least to most, or raise an error that names it.

    A float that is a whole number counts as one: 1e4 is 10,000.
    """
    wanted = f"a whole number of at least {least}"
    if most is not None:
        wanted = f"a whole number in [{least}, {most}]"
    refusal = f"{name} is {value!r}; {wanted} is wanted"
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(refusal)
    try:
        result = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        result = _whole(value, refusal)
    if result < least or (most is not None and result > most):
        raise ValueError(refusal)
    return result


def _whole(value: object, refusal: str) -> int:
    """Return a real number, or an array of one, as an integer when it is one."""
    if not is_real(value):
        raise TypeError(refusal)
    try:
        as_float = float(value)
    except TypeError:
        raise TypeError(refusal) from None
    if not as_float.is_integer():
        raise ValueError(refusal)
    return int(as_float)


def flag(name: str, value: object) -> bool:
    """Return a bool as it is; anything else is a TypeError."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {value!r}; True or False is wanted")
    return bool(value)
