"""Many independent least-squares fits at once, of a function or of a model by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from ..checks import count as checked_count
from ..checks import tolerance
from ..kinds import as_array, in_kind_of
from ..suggest import did_you_mean
from .base import real_array
from .guesses import guess
from .result import BatchResult
from .shares import Share, solved

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["curve_fit_batch", "least_squares_batch"]

# How a fit ended, as the core counts: the status, and words.
STATUSES = np.array([-1, 0, 0, 0, 0, 0, 1, 2, 3])
MESSAGES = np.array(
    [
        "it runs",
        "converged: the step that is left is below tol standard errors",
        "converged: the residuals are at right angles to the Jacobian's columns, within tol",
        "converged: the residuals are rounding",
        "converged: the step that is left is rounding",
        "converged: the decrease that is left is rounding",
        "maxfun evaluations are used up",
        "no decrease could be found: do the derivatives belong to the function?",
        "the function, its Jacobian or their squares are not finite or out of range at the start",
    ],
    dtype=object,
)
NOT_FINITE = 8
RELATIVE_STEP = np.finfo(float).eps ** (1 / 3)
GOOD_PIVOT = 1e-6  # of a column's norm: above, triangles are inverted as they are
FIRST_ROWS, CACHED_BYTES = 256, 1 << 19  # fits that run together: at first, and their Jacobians'
LOOSE = 1e-12  # the square of a parameter's share in a direction, above rounding


def least_squares_batch(
    fun: Callable[..., Any],
    X0: Any,
    bounds: Any = (-np.inf, np.inf),
    *,
    tol: float = 1e-8,
    maxfun: int | None = None,
    args: Any = (),
    progress: Callable[[str, int, int], None] | None = None,
    comm: Any = None,
) -> BatchResult:
    """Find the parameters with the least sum of squared residuals of each of many functions.

    Each fit minimizes cost = |r(x)|²/2 by a trust region on JᵀJ with Moré's scaling, D_j being the
    largest norm of column j so far, and ends where the step that is left is tol standard errors
    long: |P r|²/n <= tol² |r - P r|²/(m - n), P projecting on the columns of J (Bates and Watts
    1981). It takes the steps that it would take alone, bit for bit.

    Args:
        fun: fun(X, index, *args) returns residuals (k, m) and Jacobians (k, m, n) of the fits that
            still run: X (k, n) holds a point for each, index says which they are, as rows of X0.
            Points where a residual is not finite are backed out of.
        X0: where to start, (count, n), n at most 16. Starts outside the bounds are clipped. Where
            it is a tensor, X is one too, and so are x, grad and stderr of the result.
        bounds: (lower, upper), each a number, (n,) or (count, n), or SciPy's `Bounds`. Every point
            evaluated is inside.
        tol: of the relative offset; at least 0.
        maxfun: the most evaluations of one fit; 200 (n + 1) where it is None.
        args: further arguments of fun: a tuple, or one that is no tuple.
        progress: called now and then as progress(name, done, count), with the name of fun, how
            many fits are done, and of how many; as `lab.report.progress_bar` gives it. What it
            raises ends the call.
        comm: ranks that share out the fits, as in `minimize_batch`; each is told the progress of
            its own.

    Returns:
        A `BatchResult` with a row for each fit: `x`, `cost`, `grad` = Jᵀr, `covariance`, `stderr`,
        `dof`, `rank`, `relative_offset`, `optimality`, `active_mask`, `nit`, `nfev`, `njev`,
        `status`, `success`, `message`. The covariance, 2 cost/dof (JᵀJ)⁻¹, comes from a QR
        factorization of J, evaluated once more where the last point was not taken. It is NaN
        for parameters that are held at a bound and for fits whose start is not finite or out of
        range (status 3), and infinite for parameters that the data do not fix.

    Raises:
        ValueError, TypeError: for what does not fit in shape, dtype or range.

    Example:
        >>> import numpy as np
        >>> t, rates = np.linspace(0, 2, 20), np.array([[0.5], [1.0], [2.0]])
        >>> data = np.exp(-rates * t)
        >>> def decay(X, index):
        ...     values = np.exp(-X * t)
        ...     return values - data[index], (-t * values)[:, :, None]
        >>> result = least_squares_batch(decay, np.ones((3, 1)))
        >>> result.x.round(6).tolist()
        [[0.5], [1.0], [2.0]]
    """

    def solve(share: Share) -> BatchResult:
        starts = _starts("X0", X0, None)
        lower, upper = _bounds(bounds, *starts.shape)
        rows = share(len(starts))
        starts, lower, upper = _own(rows, len(starts), starts, lower, upper)
        further = args if isinstance(args, tuple) else (args,)

        def evaluate(points: Any, index: Any) -> tuple[Any, Any]:
            returned = fun(in_kind_of(X0, points.copy()), index + rows.start, *further)
            if not isinstance(returned, (tuple, list)) or len(returned) != 2:
                raise TypeError(
                    f"fun returned {type(returned).__name__}; (residuals, Jacobians) is wanted"
                )
            r = _numbers("r", returned[0], (len(index), None))
            return r, _numbers("J", returned[1], (*r.shape, starts.shape[1]))

        given = (starts, lower, upper, tol, maxfun, _told(progress, fun))
        return _in_kind(X0, _fit_function(evaluate, *given))

    return solved(comm, solve)


def curve_fit_batch(
    f: str | Callable[..., Any],
    xdata: Any,
    Y: Any,
    P0: Any = None,
    *,
    sigma: Any = None,
    absolute_sigma: bool = False,
    bounds: Any = (-np.inf, np.inf),
    jac: Callable[..., Any] | None = None,
    mask: Any = None,
    tol: float = 1e-8,
    maxfun: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    comm: Any = None,
) -> BatchResult:
    """Fit a curve to each row of Y.

    Models by name are computed by the core, a fit in each lane of its vectors:

    - "gaussian": height exp(-(x - center)²/(2 sigma²))
    - "gaussian_2d": height exp(-(x - center_x)²/(2 sigma_x²) - (y - center_y)²/(2 sigma_y²))
    - "lorentzian": height/(1 + ((x - center)/gamma)²)
    - "voigt": height ((1 - fraction) G + fraction L), a Gaussian G and a Lorentzian L
      of equal widths at half height
    - "exponential": amplitude exp(-rate x)
    - "biexponential": a1 exp(-k1 x) + a2 exp(-k2 x)
    - "sigmoid": height/(1 + exp(-(x - center)/width))
    - "power": amplitude x^exponent, x >= 0

    with parameters in the order in which they appear here (of "voigt": height, center, sigma,
    fraction). "+offset" adds a constant, "+slope" a
    term slope x, for two variables slope_x x + slope_y y; they follow, in this order.

    Args:
        f: a model by name, as in "gaussian+offset+slope", or f(x, P) -> (k, m), the values for the
            parameters P (k, n). x is xdata, or the rows of it that belong to P. Where xdata or P0
            is a tensor, x or P is one too.
        xdata: (m,), or for each fit its own, (count, m). For models of two variables (2, m) or
            (2, count, m).
        Y: the data, (count, m). Values that are missing must be masked.
        P0: where to start, (n,) or (count, n). Models by name guess where it is None: peaks start
            at the largest distance from a line through the ends (the mean of a tenth of the points
            each), with the width that their area has; exponentials and powers from a line through
            logarithms; sigmoids from where they pass a quarter, half and three quarters of their
            height. Where it is a tensor, so are x, grad and stderr of the result.
        sigma: standard errors of the data, above 0: a number, (m,) or (count, m).
        absolute_sigma: whether sigma has the data's units; else only its ratios count, and
            covariances are scaled by 2 cost/dof.
        bounds: (lower, upper), each a number, (n,) or (count, n), or SciPy's `Bounds`.
        jac: jac(x, P) -> (k, m, n) for a function f. Where it is None, central differences with
            steps relative to each parameter, inside the bounds.
        mask: True where a point is missing, as in NumPy's masked arrays: (m,) or (count, m).
        tol: as in `least_squares_batch`.
        maxfun: as there; evaluations for differences do not count.
        progress: as there, with the name of the model or of f. Ctrl-C ends long runs, also those of
            models by name.
        comm: ranks that share out the fits, as in `minimize_batch`.

    Returns:
        A `BatchResult` as `least_squares_batch` has it, with the residuals (f(x, p) - y)/sigma, and
        for a model by name `names`, those of its parameters.

    Raises:
        ValueError, TypeError: for what does not fit in shape, dtype or range, and for models of
            unknown names.

    Example:
        >>> import numpy as np
        >>> t = np.linspace(0, 4, 30)
        >>> Y = np.array([[2.0], [3.0]]) * np.exp(-np.array([[1.0], [0.5]]) * t)
        >>> result = curve_fit_batch("exponential", t, Y)
        >>> result.names, result.x.round(6).tolist()
        (['amplitude', 'rate'], [[2.0, 1.0], [3.0, 0.5]])
    """

    def solve(share: Share) -> BatchResult:
        missing = np.ma.getmaskarray(Y) if isinstance(Y, np.ma.MaskedArray) else None
        y = _numbers("Y", np.ma.getdata(Y) if missing is not None else Y, (None, None))
        missing = _mask(mask, missing, y.shape)
        weights = _weights(sigma, y.shape)
        count, m = y.shape
        rows = share(count)
        y, weights, missing = _own(rows, count, y, weights, missing)
        if isinstance(f, str):
            if jac is not None:
                raise ValueError(
                    "jac is given beside a model by name, which has its own; None is wanted"
                )
            model, names, variables = named_model(f)
            x = _numbers("xdata", xdata, None)
            own = (m,) if variables == 1 else (variables, m)
            each = (count, m) if variables == 1 else (variables, count, m)
            if x.shape not in (own, each):
                raise ValueError(f"xdata has shape {x.shape}; {own} or {each} is wanted")
            x = np.ascontiguousarray(x[..., rows, :]) if x.shape == each else x
            if P0 is None:
                all_x = x if x.ndim == len(each) else np.expand_dims(x, -2)  # of all fits the same
                starts = guess(f, np.broadcast_to(all_x, (*each[:-2], *y.shape)), y, missing)
            else:
                [starts] = _own(rows, count, _starts("P0", P0, count, len(names)))
            lower, upper = _own(rows, count, *_bounds(bounds, count, len(names)))
            limits = _limits(tol, maxfun, len(names))
            fitted = (x, y, starts, weights, missing, lower, upper)
            found, factors = model.fit(*fitted, *limits, _told(progress, f))
            result = _result(found, factors, m, missing, absolute_sigma)
            result["names"] = names
            return _in_kind(P0, result)
        if not callable(f):
            raise TypeError(
                f"f is of type {type(f).__name__}; a function or a model's name is wanted"
            )
        if P0 is None:
            raise ValueError("P0 is None; for a function f starts, (n,) or (count, n), are wanted")
        starts = _starts("P0", P0, count)
        lower, upper = _bounds(bounds, *starts.shape)
        starts, lower, upper = _own(rows, count, starts, lower, upper)
        x = as_array(xdata, "xdata")
        each_own = x.shape[-2:] == (count, m)
        x = x[..., rows, :] if each_own else x

        def at(points: Any, index: Any) -> tuple[Any, Any]:  # what f and jac are called with
            rows = x[..., index, :] if each_own else x
            return in_kind_of(xdata, rows), in_kind_of(P0, points.copy())

        def values(points: Any, index: Any) -> Any:
            return _numbers("f", f(*at(points, index)), (len(index), m))

        def evaluate(points: Any, index: Any) -> tuple[Any, Any]:
            at_points = values(points, index)
            if jac is None:
                return at_points, _differences(values, points, index, lower, upper)
            shape = (len(index), m, starts.shape[1])
            return at_points, _numbers("jac", jac(*at(points, index)), shape)

        given = (starts, lower, upper, tol, maxfun, _told(progress, f))
        data = (y, weights, missing, absolute_sigma)
        return _in_kind(P0, _fit_function(evaluate, *given, *data))

    return solved(comm, solve)


def _told(
    progress: Callable[[str, int, int], None] | None, f: str | Callable[..., Any]
) -> Callable[[int, int], None] | None:
    """Return what is told how many fits are done, and of how many."""
    if progress is None:
        return None
    if not callable(progress):
        raise TypeError(f"progress is {progress!r}; a function or None is wanted")
    name = f if isinstance(f, str) else getattr(f, "__name__", type(f).__name__)
    return partial(progress, name)


def _in_kind(starts: Any, result: BatchResult) -> BatchResult:
    """Return a result with parameters of the kind of the starts."""
    result.update({name: in_kind_of(starts, result[name]) for name in ("x", "grad", "stderr")})
    return result


def _own(rows: slice, count: int, *arrays: Any) -> list[Any]:
    """Return those rows of arrays that have one for each of so many fits; others as they are."""
    return [
        array[rows] if array is not None and array.shape[:-1] == (count,) else array
        for array in arrays
    ]


def _fit_function(
    evaluate: Callable[[Any, Any], tuple[Any, Any]],
    starts: NDArray[Any],
    lower: NDArray[Any],
    upper: NDArray[Any],
    tol: float,
    maxfun: int | None,
    told: Callable[[int, int], None] | None,
    y: Any = None,
    weights: Any = None,
    missing: Any = None,
    absolute_sigma: bool = False,
) -> BatchResult:
    """Return the fits of a function that gives values and Jacobians at points of some fits.

    So many fits run together as leave their Jacobians in a core's cache.
    """
    count, n = starts.shape
    limits = _limits(tol, maxfun, n)
    rows = slice(0, FIRST_ROWS)
    m: int | None = None
    parts: list[tuple[dict[str, Any], tuple[Any, Any, Any], int]] = []

    while m is None or rows.start < count:
        own = _own(rows, count, starts, lower, upper, y, weights, missing)
        parts.append(_fit_rows(evaluate, np.arange(count)[rows], limits, m, *own))
        m = parts[0][2]
        if told is not None:
            told(min(rows.stop, count), count)
        size = max(CACHED_BYTES // (8 * m * n + 1), 1)
        rows = slice(rows.stop, rows.stop + size)
    found = {key: np.concatenate([part[0][key] for part in parts]) for key in parts[0][0]}
    triangles, inverses, pivots = (np.concatenate([part[1][k] for part in parts]) for k in range(3))
    factors = (triangles, inverses, pivots)
    return _result(found, factors, m, missing, absolute_sigma)


def _fit_rows(
    evaluate: Callable[[Any, Any], tuple[Any, Any]],
    rows: NDArray[Any],
    limits: tuple[float, float],
    m: int | None,
    starts: NDArray[Any],
    lower: NDArray[Any],
    upper: NDArray[Any],
    y: Any,
    weights: Any,
    missing: Any,
) -> tuple[dict[str, Any], tuple[Any, Any, Any], int]:
    """Return the fits of some rows, the factors of their last Jacobians, and m."""
    index = np.arange(len(rows))
    points = np.clip(starts, lower, upper)
    values, jacobians = evaluate(points, rows)
    m = values.shape[1] if m is None else m
    batch = _core.FitBatch(starts, m, y, weights, missing, lower, upper, *limits)
    last = np.empty((len(rows), m, starts.shape[1]))
    x = batch.results()["x"]  # the core's own: where each fit is, or has ended
    again = [index[:0]]
    while index.size:
        if values.shape[1] != m:
            raise ValueError(f"r has shape {values.shape}; {(len(index), m)} is wanted")
        batch.tell(values, jacobians)
        running = batch.running()
        ended = ~np.isin(index, running, assume_unique=True)
        last[index[ended]] = jacobians[ended]
        again.append(index[ended][(x[index[ended]] != points[ended]).any(axis=1)])
        index, points = running, batch.points()
        if index.size:
            values, jacobians = evaluate(points, rows[index])
    if (untaken := np.concatenate(again)).size:
        last[untaken] = evaluate(x[untaken], rows[untaken])[1]
    return batch.results(), _core.factors(last, weights, missing), m


def _result(
    found: dict[str, Any],
    factors: tuple[Any, Any, Any],
    m: int,
    missing: NDArray[Any] | None,
    absolute_sigma: bool,
) -> BatchResult:
    ending, active = found.pop("ending"), found["active_mask"]
    points = np.full(len(active), m) if missing is None else m - missing.sum(axis=1)
    ending[points == 0] = NOT_FINITE
    with np.errstate(invalid="ignore", over="ignore"):
        covariance, rank = _inverse_squares(factors, active != 0)
        dof = points - rank
        if not absolute_sigma:
            variance = np.where(dof > 0, 2 * found["cost"] / np.maximum(dof, 1), np.inf)
            short = np.flatnonzero(rank < active.shape[1])
            loose = np.isinf(covariance[short])  # whatever the variance
            covariance *= variance[:, None, None]
            covariance[short] = np.where(loose, np.inf, covariance[short])
        covariance[ending == NOT_FINITE] = np.nan
        stderr = np.sqrt(np.einsum("kii->ki", covariance))
    status = STATUSES[ending]
    return BatchResult(
        **found,
        njev=found["nfev"].copy(),
        covariance=covariance,
        stderr=stderr,
        dof=dof,
        rank=rank,
        status=status,
        success=status == 0,
        message=MESSAGES[ending].tolist(),
    )


def _inverse_squares(factors: tuple[Any, Any, Any], held: Any) -> tuple[Any, Any]:
    """Return (JᵀJ)⁻¹ over what is not held, NaN in the rest, and ranks, from `_core.factors`."""
    triangles, result, pivots = factors
    count, n = held.shape
    rank = np.full(count, n)
    left = ~(pivots > GOOD_PIVOT)
    if held.any():
        left |= held.any(axis=1)
    if not left.any():
        return result, rank
    result[left], rank[left] = np.nan, 0
    left &= np.isfinite(triangles).all(axis=1)
    r = np.zeros((count, n, n))
    row, column = np.tril_indices(n)
    r[:, column, row] = triangles
    scales = np.abs(r).max(axis=1)  # squares of these may be out of range
    scales[scales == 0] = 1.0
    r /= scales[:, None]
    norms = np.sqrt((r * r).sum(axis=1))
    norms[norms == 0] = 1.0
    r /= norms[:, None]
    scales *= norms
    for pattern in np.unique(held[left], axis=0):
        rows, free = np.flatnonzero(left & (held == pattern).all(axis=1)), np.flatnonzero(~pattern)
        if not free.size:
            continue
        _, s, vt = np.linalg.svd(r[np.ix_(rows, np.arange(n), free)], full_matrices=False)
        fixed = s > s[:, :1] * n * 8 * np.finfo(float).eps
        part = np.where(fixed, 1 / np.where(fixed, s, 1.0), 0.0)[:, :, None] * vt
        part /= scales[rows][:, None, free]
        squares = part.transpose(0, 2, 1) @ part
        # What has a share in a direction that the data do not fix.
        loose = (np.where(fixed[:, :, None], 0.0, vt) ** 2).sum(axis=1) > LOOSE
        squares[loose[:, :, None] | loose[:, None, :]] = np.inf
        result[np.ix_(rows, free, free)] = squares
        rank[rows] = fixed.sum(axis=1)
    return result, rank


def _differences(values: Any, points: Any, index: Any, lower: Any, upper: Any) -> NDArray[Any]:
    """Return Jacobians by central differences, one-sided at bounds; 0 where none is possible."""
    low, high = (np.broadcast_to(b, (len(b), points.shape[1])) for b in (lower, upper))
    low, high = (b[index] if len(b) > 1 else b for b in (low, high))
    step = RELATIVE_STEP * np.where(points == 0, 1.0, np.abs(points))
    before, after = np.maximum(points - step, low), np.minimum(points + step, high)
    columns = []
    for j in range(points.shape[1]):
        below, above = points.copy(), points.copy()
        below[:, j], above[:, j] = before[:, j], after[:, j]
        way = (above[:, j] - below[:, j])[:, None]
        change = values(above, index) - values(below, index)
        columns.append(np.where(way > 0, change / np.where(way > 0, way, 1.0), 0.0))
    return np.ascontiguousarray(np.stack(columns, axis=2))


# -- arguments -------------------------------------------------------------------------------------


def named_model(name: str) -> tuple[_core.Model, list[str], int]:
    """Return a model, the names of its parameters, and how many variables it has."""
    known = _core.models()
    base, *terms = name.split("+")
    if base not in known:
        raise ValueError(
            f"f is {name!r}; a model among {list(known)} is wanted{did_you_mean(base, known)}"
        )
    for term in terms:
        if term not in ("offset", "slope"):
            raise ValueError(
                f"f is {name!r}; '+offset' and '+slope' are wanted after a model, not {term!r}"
                f"{did_you_mean(term, ('offset', 'slope'))}"
            )
        if terms.count(term) > 1:
            raise ValueError(f"f is {name!r}; {term!r} is wanted once")
    parameters, variables = known[base]
    names = [*parameters, *(["offset"] if "offset" in terms else [])]
    if "slope" in terms:
        names += ["slope"] if variables == 1 else ["slope_x", "slope_y"]
    return _core.Model(base, "offset" in terms, "slope" in terms), names, variables


def _numbers(name: str, given: Any, shape: tuple[int | None, ...] | None) -> NDArray[Any]:
    """Return a C-contiguous float64 array of a shape, in which None stands for any length."""
    array = real_array(name, given)
    if shape is not None:
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits:
            wanted = str(shape).replace("None", "any")
            raise ValueError(f"{name} has shape {array.shape}; {wanted} is wanted")
    return np.require(array, np.float64, ("C", "A"))


def _starts(name: str, given: Any, count: int | None, n: int | None = None) -> NDArray[Any]:
    """Return starts, (count, n)."""
    array = _numbers(name, given, None)
    if count is not None and array.ndim == 1:
        array = np.repeat(array[None], count, axis=0)
    if array.ndim != 2 or array.shape[1] < 1 or count not in (None, len(array)):
        wanted = "(count, n)" if count is None else f"(n,) or ({count}, n)"
        raise ValueError(f"{name} has shape {np.shape(given)}; {wanted} is wanted")
    if n is not None and array.shape[1] != n:
        raise ValueError(f"{name} has {array.shape[1]} parameters; {n} are wanted")
    if array.shape[1] > _core.MOST_PARAMETERS:
        raise ValueError(
            f"{name} has {array.shape[1]} parameters; {_core.MOST_PARAMETERS} at most are wanted"
        )
    if not (finite := np.isfinite(array)).all():
        at = tuple(int(k) for k in np.argwhere(~finite)[0])
        raise ValueError(f"{name}[{at[0]}, {at[1]}] is {array[at]}; finite numbers are wanted")
    return array


def _bounds(given: Any, count: int, n: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return lower and upper bounds, (1, n) or (count, n)."""
    if hasattr(given, "lb") and hasattr(given, "ub"):
        given = (given.lb, given.ub)
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise TypeError(f"bounds is of type {type(given).__name__}; (lower, upper) is wanted")
    sides = []
    for name, side in zip(("lower", "upper"), given, strict=True):
        array = _numbers(f"bounds: {name}", side, None)
        if array.shape not in ((), (1,), (n,), (1, n), (count, n)):
            raise ValueError(
                f"bounds: {name} has shape {array.shape}; a number, ({n},) or ({count}, {n}) is "
                "wanted"
            )
        sides.append(np.broadcast_to(array, (count, n) if len(array.shape) > 1 else (1, n)))
    lower, upper = sides
    if not (
        right := np.broadcast_to(lower <= upper, np.broadcast_shapes(*(s.shape for s in sides)))
    ).all():
        row, column = (int(k) for k in np.argwhere(~right)[0])
        low, high = (side[row if len(side) > 1 else 0, column] for side in sides)
        raise ValueError(
            f"bounds: lower and upper are {low} and {high} for parameter {column}"
            + (f" of row {row}" if len(right) > 1 else "")
            + "; a lower one that is no larger than the upper one is wanted"
        )
    return np.ascontiguousarray(lower), np.ascontiguousarray(upper)


def _weights(sigma: Any, shape: tuple[int, int]) -> NDArray[Any] | None:
    """Return 1/sigma, (m,) or (count, m)."""
    if sigma is None:
        return None
    array = _numbers("sigma", sigma, None)
    if array.shape not in ((), (1,), shape[1:], shape):
        raise ValueError(
            f"sigma has shape {array.shape}; a number, ({shape[1]},) or {shape} is wanted"
        )
    if not (right := (array > 0) & (array < math.inf)).all():
        at = tuple(int(k) for k in np.argwhere(~np.atleast_1d(right))[0])
        raise ValueError(
            f"sigma[{', '.join(map(str, at))}] is {np.atleast_1d(array)[at]}; finite numbers above "
            "0 are wanted"
        )
    return np.ascontiguousarray(
        np.broadcast_to(1 / array, shape if array.shape == shape else shape[1:])
    )


def _mask(mask: Any, missing: NDArray[Any] | None, shape: tuple[int, int]) -> NDArray[Any] | None:
    """Return where points are missing, (count, m); None where none is."""
    if mask is not None:
        array = as_array(mask, "mask")
        if array.dtype.kind != "b":
            raise TypeError(f"mask has dtype {array.dtype}; truth values are wanted")
        if array.shape not in (shape[1:], shape):
            raise ValueError(f"mask has shape {array.shape}; ({shape[1]},) or {shape} is wanted")
        missing = array | missing if missing is not None else np.broadcast_to(array, shape)
    if missing is None or not missing.any():
        return None
    return np.ascontiguousarray(missing)


def _limits(tol: float, maxfun: int | None, n: int) -> tuple[float, float]:
    """Return tol, and the most evaluations of a fit, checked."""
    most = 200 * (n + 1) if maxfun is None else checked_count("maxfun", maxfun)
    return tolerance("tol", tol), float(most)
