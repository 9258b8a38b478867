"""A function and its gradient as solvers want them, by differences where there is no gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..caller import warn
from ..structures import leaves, map_leaves
from .base import copied, flat, like, scalar
from .bounds import Sides, each_side, projected

__all__ = ["Differences", "GradientDifferences", "JacobianDifferences", "value_and_gradient"]

Evaluate = Callable[[Any], tuple[Any, Any]]

# A change of f by no more than so many rounding errors is none.
FLAT = 64.0
# Steps that fail are divided by ten, so often at most.
TRIES = 12
# The first gradient that is taken again is within so many times gtol, while it still leads well.
NEAR = 1000.0
# Two gradients agree where they differ by no more than this part of gtol.
AGREED = 0.1
# A variable is taken to be at least this part of what it was in the run.
SHRUNK = 1e-3


def rounding(*values: Any) -> float:
    """Return the coarsest rounding error among dtypes, NumPy's or another library's; 0 for none."""
    names = [str(getattr(value, "dtype", "")) for value in values]
    known = ("float16", "float32", "float64")
    return max(
        (float(np.finfo(part).eps) for name in names for part in known if part in name),
        default=0.0,
    )


def sizes(x: Any) -> Any:
    """Return how large each variable is taken to be: a zero like the largest, but at most 1."""
    found = np.abs(x)
    largest = float(found.max())
    return np.where(found > 0, found, min(largest, 1.0) if largest > 0 else 1.0)


@dataclass(frozen=True)
class _Line:
    """Values of a function along one variable.

    Attributes:
        at: the step that was taken, and the value there, of a step that is asked for.
        value: without a step.
        epsilon: the rounding error of the variable or the value, the coarser of both, relative.
        size: how large the variable is taken to be.
        number: of the variable.
        room: the longest step that stays inside its bounds, to one side.
    """

    at: Callable[[float], tuple[float, float]]
    value: float
    epsilon: float
    size: float
    number: int
    room: float = math.inf

    @property
    def noise(self) -> float:
        """What rounding may change the value by."""
        return self.epsilon * abs(self.value)

    def longest(self, central: bool) -> float:
        """Return the step for a variable of size 1."""
        return float(self.epsilon ** (1 / 3 if central else 1 / 2))

    def beside(self, step: float, central: bool) -> list[tuple[float, float]]:
        """Return steps as they were taken, and the values there; those that are finite."""
        seen = [self.at(step), self.at(-step)] if central else [self.at(step)]
        finite = [pair for pair in seen if math.isfinite(pair[1])]
        if not finite and not central:
            finite = [pair for pair in [self.at(-step)] if math.isfinite(pair[1])]
        return finite

    def flat(self, finite: list[tuple[float, float]]) -> bool:
        """Whether all values are the same: steps may be too short to tell a slope."""
        return all(found == self.value for _, found in finite)

    def slope(self, finite: list[tuple[float, float]], central: bool) -> float:
        """Return the derivative from the values at one or two steps."""
        if not finite or finite[0][0] == 0.0:
            return math.nan
        if len(finite) == 2:
            (high, above), (low, below) = finite
            return (above - below) / (high - low)
        near, found = finite[0]
        slope = (found - self.value) / near
        if not central:
            return slope
        far, beyond = self.at(2 * near)
        if not math.isfinite(beyond):
            return slope
        # Of the parabola through the three.
        return slope + (slope - (beyond - self.value) / far) * near / (far - near)


class Differences:
    """The value of a function and its gradient by differences: instead of `jac`.

    With ε the rounding error of x or of f, the coarser of both, and each step h as the dtype of x
    can represent it::

        central:  (f(x + h eᵢ) - f(x - h eᵢ)) / 2h,    h = ε^(1/3) |xᵢ|;    error of h²
        forward:  (f(x + h eᵢ) - f(x)) / h,            h = ε^(1/2) |xᵢ|;    error of h

    A zero counts as the largest of the variables, at most 1, or as 1 where all are zero. Where a
    step below ε^(1/3) or ε^(1/2) changes f by no more than rounding, longer ones are tried, up to
    that. Where f is not finite on one side, the other side is used, with f(x + 2h) too for central
    ones; where it is on neither, h is divided by ten. Where f(x) is not finite the gradient is NaN,
    and no differences are taken.

    A gradient within `gtol`, and before that the first within 1000 gtol, is taken again: by central
    differences, and with steps that are 8, 64, ... times shorter, or longer where that is worse,
    until two of them agree to a tenth of gtol or agree no better. Where the first was not that
    exact, these steps, and central differences, are kept for what follows.

    With bounds fun is not evaluated outside: such a point counts as one at which f is not finite.
    The slope along a variable that is fixed is 0.

    Args:
        fun: fun(x, *args); x is a copy, an array or a structure of arrays.
        args: further arguments of fun.
        central: which of the two.
        step: h / |xᵢ|, which then stays; None: as above.
        gtol: what the elements of the gradient are wanted to be within.
        bounds: lower and upper ones, one for all variables or one for each; None: none.

    Attributes:
        evaluations: of fun so far.
        error: of the last gradient, the largest over the variables: by how much it changes with
            the step where it was taken again, else ε |f| / h, which is what rounding f may change
            it by; NaN before the first.
        power: the relative error of a gradient, as a power of ε.

    Example:
        >>> evaluate = Differences(lambda x: x @ x)
        >>> f, g = evaluate(np.array([1.0, 2.0]))
        >>> f, g.round(8), evaluate.evaluations
        (5.0, array([2., 4.]), 5)
        >>> evaluate.error < 1e-9
        True

    Reference: Nocedal and Wright, Numerical Optimization, 2006, section 8.1; Gill, Murray and
    Wright, Practical Optimization, 1981, section 8.6, on going over to central differences.
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        args: tuple[Any, ...] = (),
        *,
        central: bool = True,
        step: float | None = None,
        gtol: float = 0.0,
        bounds: Sides | None = None,
    ) -> None:
        self._bounds = bounds
        self._fun = fun
        self._args = args
        self._central = central
        self._step = step
        self._gtol = gtol
        self._near = NEAR * gtol  # a gradient within it is taken again
        self._coarse = 0.0  # the rounding error of values, as far as their dtypes tell it
        self._again: Any = None  # where a gradient was last taken again, and what was found
        self._longer: dict[int, float] = {}  # steps that had to be, by the number of the variable
        self._times: dict[int, float] = {}  # what steps are multiplied by, likewise
        self.power = 2 / 3 if central else 1 / 2
        self.evaluations = 0
        self.error = math.nan

    def _value(self, x: Any) -> float:
        self.evaluations += 1
        value = self._fun(x, *self._args)
        self._coarse = max(self._coarse, rounding(value))
        return scalar(value)

    def __call__(self, x: Any) -> tuple[float, Any]:
        """Return the value and the gradient at x."""
        value = self._value(copied(x))
        gradient = self._slopes(x, value)
        if (np.abs(projected(flat(gradient), flat(x), self._bounds)) <= self._near).all():
            self._near = self._gtol
            gradient = self._refined(x, value, gradient)
        return value, gradient

    def check(self, x: Any, value: float, gradient: Any) -> None:
        """Have the error of a gradient at x, where f is finite."""
        if self._again is None or not np.array_equal(self._again[0], flat(x)):
            self._refined(x, value, self._slopes(x, value))
        _, found, error = self._again
        self.error = max(error, float(np.abs(found - flat(gradient)).max()))

    def _slopes(self, x: Any, value: float) -> Any:
        gradient = map_leaves(lambda leaf: np.full(leaf.shape, np.nan, leaf.dtype), x)
        self.error = 0.0 if math.isfinite(value) else math.nan
        if math.isfinite(value):
            for slopes, index, line in self._lines(x, gradient, value):
                slopes[index] = self._slope(line)
        return gradient

    def _lines(
        self, x: Any, gradient: Any, value: float
    ) -> Iterator[tuple[Any, tuple[int, ...], _Line]]:
        """Yield for each variable where its slope belongs, and the values beside x."""
        point = copied(x)
        scale, number = sizes(flat(x)), 0
        lower, upper = each_side(self._bounds, scale.size)
        for array, slopes in zip(leaves(point), leaves(gradient), strict=True):
            epsilon = max(rounding(array), self._coarse)
            for index in np.ndindex(array.shape):
                here = array[index].copy()
                low, high = lower[number], upper[number]

                def at(
                    step: float,
                    array: Any = array,
                    index: Any = index,
                    here: Any = here,
                    low: float = low,
                    high: float = high,
                ) -> tuple[float, float]:
                    """Return the step as it was taken, and the value there."""
                    if not low - here <= step <= high - here:
                        return step, math.nan
                    array[index] = min(max(here + step, low), high)
                    taken, found = float(array[index]) - float(here), self._value(copied(point))
                    array[index] = here
                    return taken, found

                if low == high:
                    slopes[index] = 0.0
                else:
                    size, room = float(scale[number]), max(float(here) - low, high - float(here))
                    with np.errstate(over="ignore", invalid="ignore"):
                        yield slopes, index, _Line(at, value, epsilon, size, number, room)
                number += 1

    def _first(self, line: _Line, central: bool) -> float:
        """Return the step to begin with."""
        if self._step is not None:
            return min(self._step * line.size, line.room)
        plain = line.longest(central) * line.size * self._times.get(line.number, 1.0)
        return min(max(plain, self._longer.get(line.number, 0.0)), line.room)

    def _slope(self, line: _Line) -> float:
        """Return the derivative by one variable."""
        number, central = line.number, self._central
        step = self._first(line, central)
        longest = min(line.longest(central), line.room) if self._step is None else 0.0
        for _ in range(TRIES):
            finite = line.beside(step, central)
            change = max((abs(found - line.value) for _, found in finite), default=0.0)
            if finite and change <= FLAT * line.noise and step < longest:
                step = self._longer[number] = min(100 * step, longest)
            elif finite:
                break
            else:
                step /= 10
                self._longer.pop(number, None)
        if not finite or finite[0][0] == 0.0:
            self.error = math.nan
            return math.nan
        self.error = max(self.error, line.noise / abs(finite[0][0]))
        if change > 1e3 * FLAT * line.noise and number in self._longer:
            self._longer[number] /= 10
        return line.slope(finite, central)

    def _refined(self, x: Any, value: float, gradient: Any) -> Any:
        """Return the gradient as exact as differences can be, and have its error."""
        found = copied(gradient)
        self.error = 0.0
        for slopes, index, line in self._lines(x, found, value):
            slope, error = self._agreed(line, float(slopes[index]))
            if self._step is None:
                slopes[index] = slope
            else:
                error += abs(slope - float(slopes[index]))
            self.error = max(self.error, error)
        changed = float(np.abs(flat(found) - flat(gradient)).max())
        self._central |= changed > AGREED * self._gtol
        self._again = flat(x), flat(found), self.error
        return found

    def _agreed(self, line: _Line, given: float) -> tuple[float, float]:
        """Return the slope on which two steps agree best, and by how much."""
        wanted = AGREED * self._gtol
        first, slope = self._first(line, True), given
        if not self._central:
            slope = line.slope(line.beside(first, True), True)
            doubt = abs(slope - given) + line.noise / first
            if slope != 0.0 and doubt <= wanted:
                return slope, doubt
        best, error, times, usual = slope, math.inf, 1.0, slope
        factors = [1 / 8, 8.0]
        if slope == 0.0:  # f may be coarser than its dtype
            seen = line.beside(first, True)
            while line.flat(seen) and 8 * times * first < line.size / 8:
                times *= 8
                seen = line.beside(times * first, True)
            if line.flat(seen):
                return 0.0, line.noise / (times * first)
            if times > 1:  # by one unit of f, perhaps
                best = line.slope(seen, True)
                error, factors = abs(best), [8.0]
        start, slope = times, best
        for factor in factors:
            last, step = slope, start
            while error > wanted and factor * step * first < line.size / 8:
                step *= factor
                seen = line.beside(step * first, True)
                found = line.slope(seen, True)
                doubt = abs(found - last) + line.noise / (step * first)
                if line.flat(seen) or not doubt < error:
                    break
                best, error, times, last = found, doubt, step, found
        if self._step is None and abs(best - usual) > wanted:
            self._times[line.number] = times * self._times.get(line.number, 1.0)
            if line.number in self._longer:
                self._longer[line.number] *= times
        return best, error


class GradientDifferences:
    """Hessians, and products with them, by differences of gradients: instead of `hess` or `hessp`.

    With ε the rounding error of x or of the gradient, the coarser of both, ε^e the relative error
    of the gradient, and sᵢ = |xᵢ|, for a zero as in `Differences`::

        central:  H v = (g(x + h v) - g(x - h v)) / 2h,    h = ε^(e/3) / max |vᵢ| / sᵢ
        forward:  H v = (g(x + h v) - g(x)) / h,           h = ε^(e/2) / max |vᵢ| / sᵢ

    For a Hessian v is one unit vector after the other, and the mean of H and its transpose is
    taken. A variable counts as no less than a thousandth of the largest it has been. Where g is
    finite on one side alone, that side is used; where it is on neither, h is divided by ten.

    Args:
        gradient: gradient(x), in the structure of x, which is a copy.
        central: which of the two.
        power: e.
        step: the steps as parts of sᵢ; None: as above.
        bounds: lower and upper ones, outside of which the gradient counts as not finite, without a
            look at it; None: none. Columns of variables that they fix are 0.

    Attributes:
        evaluations: of the gradient so far.
        error: of the last product or Hessian: ε^e |g| / h, the largest, which is what rounding may
            change an element by; NaN before the first.

    Example:
        >>> second = GradientDifferences(lambda x: x**3 / 3)
        >>> second.hessian(np.array([1.0, 2.0])).round(6), second.evaluations
        (array([[1., 0.],
               [0., 4.]]), 4)

    Reference: Nocedal and Wright, Numerical Optimization, 2006, section 8.1.
    """

    def __init__(
        self,
        gradient: Callable[[Any], Any],
        *,
        central: bool = True,
        power: float = 1.0,
        step: float | None = None,
        bounds: Sides | None = None,
    ) -> None:
        self._bounds = bounds
        self._gradient = gradient
        self._central = central
        self._power = power
        self._step = step
        self._coarse = 0.0  # the rounding error of gradients, as far as their dtypes tell it
        self._seen: Any = 0.0  # how large each variable has been
        self.evaluations = 0
        self.error = math.nan

    def _slopes(self, x: Any) -> Any:
        here = flat(x)
        lower, upper = each_side(self._bounds, here.size)
        if not ((lower <= here) & (here <= upper)).all():
            return np.full(here.size, np.nan)
        self.evaluations += 1
        gradient = self._gradient(copied(x))
        self._coarse = max(self._coarse, rounding(*leaves(gradient)))
        return flat(gradient)

    def _sizes(self, x: Any) -> Any:
        found = sizes(flat(x))
        self._seen = np.maximum(self._seen, found)
        return np.maximum(found, SHRUNK * self._seen)

    def _along(self, x: Any, direction: Any, size: Any, slopes: Any) -> Any:
        """Return the change of the gradient for each length of the flat direction.

        slopes: the gradient at x, for forward differences.
        """
        here = flat(x)
        squares = direction @ direction
        epsilon = max(rounding(*leaves(x)), self._coarse)
        step = epsilon ** (self._power / (3 if self._central else 2))
        step = (step if self._step is None else self._step) / float((abs(direction) / size).max())
        for _ in range(TRIES):
            with np.errstate(over="ignore", invalid="ignore"):
                high, low = like(x, here + step * direction), like(x, here - step * direction)
                seen = [(here, slopes)] if slopes is not None else []
                tried = (high, low) if self._central else (high,)
                seen += [(flat(point), self._slopes(point)) for point in tried]
                if not self._central and not np.isfinite(seen[-1][1]).all():
                    seen.append((flat(low), self._slopes(low)))
                seen = [pair for pair in seen if np.isfinite(pair[1]).all()]
                if self._central and len(seen) == 1:
                    seen.append((here, self._slopes(x)))
                if len(seen) == 2:
                    (a, g_a), (b, g_b) = seen
                    made = float((a - b) @ direction) / squares
                    noise = epsilon**self._power * float(np.abs(g_a).max())
                    if made != 0.0:
                        self.error = max(self.error, noise / abs(made))
                        return (g_a - g_b) / made
            step /= 10
        return np.full(here.size, np.nan)

    def product(self, x: Any, v: Any) -> Any:
        """Return the Hessian at x times v, in the structure of x."""
        direction, size, coarse = flat(v), self._sizes(x), self._coarse
        length = float(np.linalg.norm(direction))
        self.error = 0.0
        slopes = None if self._central else self._slopes(x)
        product = length * self._along(x, direction / length, size, slopes)
        # A first gradient may be coarser than x was.
        return self.product(x, v) if self._coarse > coarse else like(x, product)

    def hessian(self, x: Any) -> Any:
        """Return the Hessian at x, n by n."""
        size, coarse = self._sizes(x), self._coarse
        self.error = 0.0
        slopes = None if self._central else self._slopes(x)
        columns = []
        lower, upper = each_side(self._bounds, size.size)
        for unit, free in zip(np.eye(size.size), lower < upper, strict=True):
            columns.append(self._along(x, unit, size, slopes) if free else 0.0 * unit)
            if self._coarse > max(coarse, rounding(*leaves(x))):
                return self.hessian(x)
        found = np.array(columns)
        return (found + found.T) / 2


class JacobianDifferences:
    """The Jacobian of residuals by differences: instead of `jac` of `least_squares`.

    With ε the rounding error of x or of r, the coarser of both::

        central:  the slope at x of the parabola through r(x), r(x + h eⱼ) and r(x - h eⱼ),
                  h = ε^(1/3) |xⱼ|
        forward:  (r(x + h eⱼ) - r(x)) / h,    h = ε^(1/2) |xⱼ|

    A variable counts as no less than a thousandth of the largest it has been; one that has always
    been zero as what changes the residuals by as much as they are, which is looked for. Every point
    is inside the bounds: where one is in the way, both points of a parabola lie on the other side,
    and between near bounds steps are shorter. A variable whose bounds are equal is left out: its
    column is zero. Where r is not finite on one side, the other is used; where it is on neither, h
    is divided by ten.

    Args:
        residuals: residuals(x), of an x that is a copy; returns a flat array.
        bounds: lower and upper ones, one for all variables or one for each; None: none.
        central: which of the two.
        step: h / |xⱼ|; None: as above.

    Attributes:
        evaluations: of the residuals so far.

    Example:
        >>> jacobian = JacobianDifferences(lambda x: x**2)
        >>> x = np.array([1.0, 2.0])
        >>> jacobian(x, x**2).round(8), jacobian.evaluations
        (array([[2., 0.],
               [0., 4.]]), 4)
    """

    def __init__(
        self,
        residuals: Callable[[Any], Any],
        *,
        central: bool = True,
        step: float | None = None,
        bounds: Sides | None = None,
    ) -> None:
        self._residuals = residuals
        self._bounds = bounds
        self._central = central
        self._step = step
        self._seen: Any = 0.0  # how large each variable has been
        self._found: dict[int, float] = {}  # sizes of variables that have always been zero
        self.evaluations = 0

    def __call__(self, x: Any, r: Any) -> Any:
        """Return the Jacobian at x, where the residuals are r: a row for each."""
        here = flat(x)
        self._seen = np.maximum(self._seen, np.abs(here))
        lower, upper = each_side(self._bounds, here.size)
        epsilon = max(rounding(*leaves(x)), rounding(r))
        part = epsilon ** (1 / 3 if self._central else 1 / 2) if self._step is None else self._step
        r = np.asarray(r, np.float64).ravel()
        jacobian = np.zeros((r.size, here.size))
        for j in range(here.size):
            if lower[j] == upper[j]:
                continue

            def at(offset: float, j: int = j) -> tuple[float, Any]:
                """Return the step as it was taken, inside, and the change of the residuals."""
                point = here.copy()
                point[j] = min(max(here[j] + offset, lower[j]), upper[j])
                moved = like(x, point)
                self.evaluations += 1
                taken = float(flat(moved)[j]) - float(here[j])
                return taken, np.asarray(self._residuals(moved), np.float64).ravel() - r

            size = max(abs(here[j]), SHRUNK * self._seen[j]) or self._size(j, at, part, r)
            room = here[j] - lower[j], upper[j] - here[j]
            with np.errstate(all="ignore"):
                jacobian[:, j] = self._slope(at, part * size, *room)
        return jacobian

    def _size(self, j: int, at: Callable[[float], tuple[float, Any]], part: float, r: Any) -> float:
        """Return how large a variable counts that is zero."""
        if j not in self._found:
            size, wanted = 1.0, part * float(np.abs(r).max(initial=0.0))
            for _ in range(TRIES):
                with np.errstate(all="ignore"):
                    taken, change = at(part * size)
                    if taken == 0.0:
                        taken, change = at(-part * size)
                    largest = float(np.abs(change).max(initial=0.0))
                    if not math.isfinite(largest):
                        size /= 1000
                    elif wanted > 0.0 and largest > 10 * wanted:
                        size *= max(wanted / largest, 1e-6)
                    else:
                        break
            self._found[j] = size
        return self._found[j]

    def _slope(
        self, at: Callable[[float], tuple[float, Any]], step: float, below: float, above: float
    ) -> Any:
        """Return one column, of which there is so much room on both sides."""
        slope: Any = math.nan
        for _ in range(TRIES):
            for offsets in self._offsets(step, below, above):
                seen = [at(offset) for offset in offsets]
                if all(taken != 0.0 and np.isfinite(change).all() for taken, change in seen):
                    return _slope_through(*seen)
            step /= 10
        return slope

    def _offsets(self, step: float, below: float, above: float) -> list[tuple[float, ...]]:
        """Return the steps to take, and others where r is not finite there."""
        up, down = min(step, above), min(step, below)
        if not self._central:
            sides: list[tuple[float, ...]] = [(up,), (-down,)]
            return sides if above >= below or up == step else sides[::-1]
        ahead, behind = min(2 * step, above), min(2 * step, below)
        one_sided: list[tuple[float, ...]] = [(ahead / 2, ahead), (-behind / 2, -behind)]
        if above < below:
            one_sided.reverse()
        return ([(step, -step)] if up == step == down else []) + one_sided


def _slope_through(first: tuple[float, Any], second: tuple[float, Any] | None = None) -> Any:
    """Return the slope at zero of the line or parabola through zero and one or two points."""
    a, change = first
    if second is None:
        return change / a
    b, beyond = second
    # Divided differences; where a = -b the same as (change - beyond) / (a - b).
    return (beyond * (a / b) - change * (b / a)) / (a - b)


def is_central(name: str, given: Any, cost: str, others: str = "True, a function") -> bool:
    """Whether differences that stand for a function are central; without a word, with a warning.

    cost: what each derivative costs, and what to give instead. others: what else may be given.
    """
    if given is None or (name == "jac" and isinstance(given, (bool, np.bool_))):
        warn(f"{name} is {given}: {cost}", UserWarning)
    elif not (isinstance(given, str) and given in ("2-point", "3-point")):
        raise ValueError(f"{name} is {given!r}; {others}, '2-point', '3-point' or None is wanted")
    return not isinstance(given, str) or given == "3-point"


def value_and_gradient(
    fun: Callable[..., Any],
    jac: Any,
    args: Any,
    *,
    size: int,
    step: float | None = None,
    gtol: float = 0.0,
    bounds: Sides | None = None,
    lend: Callable[[Any], Any] = lambda x: x,
) -> Evaluate:
    """Return what takes x to (f, g), from `fun` and `jac` as `minimize` takes them.

    step, gtol, bounds: of differences, see there. lend: makes of x what the first of two functions
    gets.
    """
    if not callable(fun):
        raise TypeError(f"fun is {fun!r}; a function is wanted")
    args = args if isinstance(args, tuple) else (args,)
    if isinstance(jac, (bool, np.bool_)) and jac:

        def both(x: Any) -> tuple[Any, Any]:
            returned = fun(x, *args)
            try:
                f, g = returned
            except (TypeError, ValueError):
                raise TypeError(
                    f"fun returned an object of type {type(returned).__name__}; with jac=True a "
                    "pair (f, gradient) is wanted"
                ) from None
            return f, g

        return both
    if callable(jac):
        return lambda x: (fun(lend(x), *args), jac(x, *args))
    cost = (
        f"each gradient costs 2 n = {2 * size} evaluations of fun; pass jac=True where fun returns "
        "(f, gradient), a function for the gradient, or, if you mean it, jac='3-point', or "
        "'2-point', which costs n + 1 and is less exact"
    )
    central = is_central("jac", jac, cost)
    return Differences(fun, args, central=central, step=step, gtol=gtol, bounds=bounds)
