"""One line search, for methods of your own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from ..checks import count, fraction, positive
from ..kinds import as_array
from ..suggest import explain
from .base import check_wolfe, dtype_of_iterates, scalar
from .differences import Differences, value_and_gradient

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LineSearchResult", "line_search"]

# Rounding errors of f that make two values equal, as in cpp/solvers/run.cpp.
_NOISE = {"float32": 16.0, "float64": 4096.0}

_MESSAGES = {
    "imperfect": "the step decreases f enough, but no step was found that meets the curvature "
    "condition too",
    "unbounded": "f still falls at the longest step: it seems to be unbounded below",
    "no_decrease": "no step was found that decreases f enough",
}


@dataclass(frozen=True)
class LineSearchResult:
    """Where a line search ended.

    Attributes:
        step: a, the step; 0 where no step decreased f.
        value: f(x + a d).
        slope: the derivative there along d.
        x: x + a d.
        gradient: the gradient there.
        nfev: evaluations, the one at x included where it was made.
        success: whether the step meets the conditions. Otherwise it is the step with the lowest
            value that was seen.
        message: the same in words.
    """

    step: float
    value: float
    slope: float
    x: NDArray[Any]
    gradient: NDArray[Any]
    nfev: int
    success: bool
    message: str


def line_search(
    fun: Callable[..., Any],
    x: Any,
    direction: Any,
    *,
    jac: Any = True,
    args: Any = (),
    value: Any = None,
    gradient: Any = None,
    first_step: float = 1.0,
    c1: float = 1e-4,
    c2: float = 0.9,
    max_step: float = 1e10,
    max_evaluations: int = 20,
) -> LineSearchResult:
    """Find a step along a direction of descent that meets the strong Wolfe conditions.

    With φ(a) = f(x + a d)::

        φ(a) ≤ φ(0) + c1 a φ'(0)    and    |φ'(a)| ≤ c2 |φ'(0)|

    Where φ(a) and φ(0) differ by no more than the rounding error of f (4096 ε |φ(0)| in float64,
    16 ε |φ(0)| in float32), φ(0) + a (φ'(0) + φ'(a)) / 2 stands for φ(a); the first condition then
    is φ'(a) ≤ (2 c1 - 1) φ'(0).

    Args:
        fun: fun(x, *args) returns (f, gradient), or f alone where jac is not True. x is read-only.
        x: where to start; a real array of any shape.
        direction: d, of the same shape, with φ'(0) < 0.
        jac: as in `minimize`.
        args: further arguments of fun and jac: a tuple, or one that is no tuple.
        value: f at x, where you have it.
        gradient: the gradient at x, where you have it; without both, fun is called at x.
        first_step: tried first, above 0.
        c1: of sufficient decrease, in (0, 0.5).
        c2: of the curvature condition, in (c1, 1).
        max_step: the longest step, above 0.
        max_evaluations: at most so many, at least 1, beside the one at x. Those that are NaN or
            infinite do not count; after each the search goes back to a tenth, 40 times at most.

    Raises:
        ValueError: for a direction that is none of descent, and where f or its gradient is not
            finite at x.

    Example:
        >>> import numpy as np
        >>> def quartic(x):
        ...     return ((x - 3) ** 4).sum(), 4 * (x - 3) ** 3
        >>> found = line_search(quartic, np.zeros(2), np.ones(2))
        >>> found.success, found.value < 162
        (True, True)

    Reference: Moré and Thuente, Line Search Algorithms with Guaranteed Sufficient Decrease, ACM
    TOMS 20, 1994; Hager and Zhang, A New Conjugate Gradient Method, SIAM J. Optim. 16, 2005,
    section 4, whose approximate Wolfe condition that is. Where we differ: it counts within the
    rounding error of f, not within 1e-6 |f|.
    """
    origin, along = as_array(x, "x"), as_array(direction, "direction")
    for name, array in (("x", origin), ("direction", along)):
        if array.dtype.kind not in "fiu":
            raise TypeError(f"{name} has dtype {array.dtype}; a real dtype is wanted")
    if along.shape != origin.shape:
        raise ValueError(f"direction has shape {along.shape}; {origin.shape} is wanted, as of x")
    dtype = dtype_of_iterates(origin)
    origin, along = origin.astype(dtype), along.astype(dtype)
    c1, c2 = fraction("c1", c1), fraction("c2", c2)
    check_wolfe(c1, c2)
    first_step, max_step = positive("first_step", first_step), positive("max_step", max_step)
    max_evaluations = count("max_evaluations", max_evaluations, most=2**31 - 1)
    evaluate = value_and_gradient(fun, jac, args, size=origin.size)
    points = 0

    def at(point: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        nonlocal points
        points += 1
        point.flags.writeable = False
        f, g = evaluate(point)
        value = scalar(f)
        if not math.isfinite(value):  # its gradient is not looked at
            return value, np.full(point.shape, np.nan, dtype)
        return value, _gradient(g, point)

    if value is None or gradient is None:
        best_value, best_gradient = at(origin)
    else:
        best_value, best_gradient = scalar(value), _gradient(gradient, origin)
    best_x, best_step, best_slope = origin, 0.0, _dot(best_gradient, along)
    if not math.isfinite(best_value):
        raise ValueError(f"f is {best_value} at x; a finite number is wanted")
    if not best_slope < 0.0 or math.isinf(best_slope):
        raise ValueError(
            f"the slope along direction is {best_slope}; one below 0, a direction of descent, is "
            "wanted"
        )
    noise = _NOISE[dtype.name] * float(np.finfo(dtype).eps) * abs(best_value)
    start, decrease, verdict = best_value, c1 * best_slope, "continue"
    search = _core.LineSearch(
        value=best_value,
        slope=best_slope,
        first_step=first_step,
        noise=noise,
        c1=c1,
        c2=c2,
        max_step=max_step,
        max_evaluations=max_evaluations,
    )
    while verdict == "continue":
        step = search.step
        with np.errstate(all="ignore"):
            trial = np.asarray(origin + step * along, dtype)
        f, g = at(trial)
        slope = _dot(g, along)
        verdict = search.tell(f, slope)
        if verdict == "accept" or (f < best_value and search.best[0] == step):
            best_step, best_value, best_slope, best_x, best_gradient = step, f, slope, trial, g
    if verdict == "accept":
        strong = best_value <= start + decrease * best_step
        message = f"the step meets the {'strong' if strong else 'approximate'} Wolfe conditions"
    else:
        message = _MESSAGES[verdict]
    return LineSearchResult(
        step=best_step,
        value=best_value,
        slope=best_slope,
        x=best_x,
        gradient=best_gradient,
        nfev=evaluate.evaluations if isinstance(evaluate, Differences) else points,
        success=verdict == "accept",
        message=message,
    )


def _gradient(g: Any, point: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of a gradient, which its owner may use again."""
    copy = np.array(g)
    if copy.dtype.kind not in "fiu":
        raise TypeError(f"gradient has dtype {copy.dtype}; a real dtype is wanted")
    if copy.shape != point.shape:
        if copy.size != 1 or point.size != 1:
            raise ValueError(f"gradient has shape {copy.shape}; {point.shape} is wanted, as of x")
        copy = copy.reshape(point.shape)
    return copy


def _dot(g: NDArray[Any], along: NDArray[Any]) -> float:
    with np.errstate(all="ignore"):
        return float(np.sum(np.multiply(g, along, dtype=np.float64)))


explain(__name__)
