"""What a test problem is, and the words in which problems are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Evaluate = Callable[[Array], tuple[Any, Array]]
Terms = Callable[[Array], tuple[Array, Array]]

TINY = 1e-150  # the complex step: its square vanishes beside anything, its cube underflows


@dataclass(frozen=True, eq=False)
class Problem:
    """A smooth function, where to start, and its values at the local minima that are known.

    There may be more minima, and none is known at some sizes. `evaluate` takes x to f and the
    gradient, both in the dtype of x. It is analytic: a complex x gives the continuation, so that
    derivatives come from a complex step.
    """

    name: str
    start: Array
    minima: tuple[float, ...]
    evaluate: Evaluate

    @property
    def n(self) -> int:
        """How many variables."""
        return self.start.size

    def value_and_gradient(self, x: Array) -> tuple[Any, Array]:
        """The value and its gradient; inf or NaN, without a warning, where they overflow."""
        with np.errstate(all="ignore"):
            return self.evaluate(x)

    def fun(self, x: Array) -> Any:
        """The value alone."""
        return self.value_and_gradient(x)[0]

    def gradient(self, x: Array) -> Array:
        """The gradient alone."""
        return self.value_and_gradient(x)[1]

    def hessian_product(self, x: Array, v: Array) -> Array:
        """The Hessian times v, in the time of one gradient.

        It is Im g(x + i h v) / h. Nothing is subtracted, so that it is as accurate as the
        gradient, for every v of moderate size; in float32 it is rounded from double.
        """
        with np.errstate(all="ignore"):
            z = x + 1j * (TINY * v.astype(np.float64))
            product: Array = (self.evaluate(z)[1].imag / TINY).astype(x.dtype)
        return product

    def hessian(self, x: Array) -> Array:
        """The Hessian, a column at a time; its two triangles are the same."""
        columns = np.stack([self.hessian_product(x, unit) for unit in np.eye(self.n)])
        lower = np.tril(columns)
        matrix: Array = lower + np.tril(lower, -1).T
        return matrix

    def scaled(self, factor: int) -> Problem:
        """The same from a multiple of the start."""
        return smooth(f"{self.name} x{factor}", factor * self.start, self.minima, self.evaluate)

    def within(
        self, lower: npt.ArrayLike, upper: npt.ArrayLike, minima: Iterable[float], words: str = ""
    ) -> Bounded:
        """The same with bounds, each for one variable or for all, and its minima there."""
        low, high = (
            np.broadcast_to(np.asarray(b, np.float64), self.start.shape) for b in (lower, upper)
        )
        known = tuple(map(float, minima))
        return Bounded(self.name + words, self.start, known, self.evaluate, low, high)


@dataclass(frozen=True, eq=False)
class Bounded(Problem):
    """A problem whose variables have bounds: infinite, equal, or with the start outside, maybe."""

    lower: Array
    upper: Array

    def projected(self, x: Array) -> Array:
        """The nearest point within the bounds."""
        return np.clip(x, self.lower, self.upper)

    def projected_gradient(self, x: Array) -> Array:
        """The gradient without what only leads out: zero at a minimum, with x within."""
        g, low, high = self.gradient(x), x - self.lower, x - self.upper
        projected: Array = np.where(g < 0, np.maximum(high, g), np.minimum(low, g))
        return projected


def smooth(name: str, start: npt.ArrayLike, minima: Iterable[float], evaluate: Evaluate) -> Problem:
    """A problem from what is easy to write."""
    point = np.array(start, np.float64)
    point.setflags(write=False)
    return Problem(name, point, tuple(map(float, minima)), evaluate)


def least_squares(
    name: str, start: npt.ArrayLike, minima: Iterable[float], terms: Terms
) -> Problem:
    """The sum of the squares of residuals, from `terms`, that gives them and their Jacobian."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        r, jacobian = terms(x)
        return r @ r, 2 * (r @ jacobian)

    return smooth(name, start, minima, evaluate)


def array(x: Array, rows: object) -> Array:
    """An array of the dtype of x."""
    return np.array(rows, x.dtype)


def count(x: Array, last: int, first: int = 1) -> Array:
    """first, ..., last in the dtype of x."""
    return np.arange(first, last + 1).astype(x.dtype)


def at(known: Mapping[Any, float], size: object) -> tuple[float, ...]:
    """The minimum that is known at this size, if any."""
    return (known[size],) if size in known else ()


def columns(*columns: Array) -> Array:
    """A matrix from its columns."""
    return np.stack(columns, axis=1)
