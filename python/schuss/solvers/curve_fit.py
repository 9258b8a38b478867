"""SciPy's `curve_fit`, over `LeastSquares`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, Literal, overload

import numpy as np

from ..caller import warn
from ..checks import choice, flag
from ..kinds import as_array
from ..linalg import cholesky
from ..suggest import explain
from .base import real_array, starting_point
from .bounds import each_side, two_sides
from .least_squares import covariance, fit

__all__ = ["curve_fit"]

# How SciPy calls the limit of evaluations with one method or another.
LIMITS = ("maxfun", "maxfev", "max_nfev")


def parameter_names(f: Callable[..., Any], count: int | None) -> list[str]:
    """Return the names of a model's parameters after x, as far as its signature has them.

    count: how many there are; None: as many as the signature has, which then must say.
    """
    try:
        given = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        given = []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in given if parameter.kind in kinds][1:]
    if count is None:
        if not names:
            raise ValueError(
                "p0 is None, and f does not say how many parameters it has; a start is wanted. "
                "Unable to determine number of fit parameters."  # SciPy's words
            )
        return names
    return names[:count] if len(names) >= count else [f"p[{k}]" for k in range(count)]


def _first_inside(lower: Any, upper: Any) -> Any:
    """Return where to start within bounds: in the middle, or one from the one that is finite."""
    with np.errstate(invalid="ignore"):
        middle = lower / 2 + upper / 2
    low, high = np.isfinite(lower), np.isfinite(upper)
    return np.where(low & high, middle, np.where(low, lower + 1, np.where(high, upper - 1, 1.0)))


def _finite(name: str, array: Any) -> None:
    bad = np.argwhere(~np.isfinite(array))
    if bad.size:
        at = ", ".join(map(str, bad[0]))
        raise ValueError(
            f"{name}[{at}] is {array[tuple(bad[0])]}; finite numbers are wanted: array must not "
            "contain infs or NaNs"  # SciPy's words
        )


def _whitener(sigma: Any, m: int) -> Callable[[Any], Any]:
    """Return what divides rows of residuals, or of a Jacobian, by their standard deviations."""
    if sigma.size == 1 or sigma.shape == (m,):
        sigma = np.broadcast_to(sigma.ravel(), (m,))
        wrong = np.flatnonzero(~((sigma > 0) & np.isfinite(sigma)))
        if wrong.size:
            k = int(wrong[0])
            raise ValueError(f"sigma[{k}] is {sigma[k]}; finite numbers above 0 are wanted")
        return lambda rows: rows / (sigma if rows.ndim == 1 else sigma[:, None])
    if sigma.shape != (m, m):
        raise ValueError(
            f"sigma has shape {sigma.shape}; ({m},) or ({m}, {m}) is wanted. `sigma` has incorrect "
            "shape."  # SciPy's words
        )
    _finite("sigma", sigma)
    skew = np.abs(sigma - sigma.T)
    if (skew > 1e-8 * np.abs(sigma).max()).any():
        i, k = (int(index) for index in np.unravel_index(int(skew.argmax()), skew.shape))
        raise ValueError(
            f"sigma[{i}, {k}] is {sigma[i, k]} and sigma[{k}, {i}] {sigma[k, i]}; a symmetric "
            "covariance is wanted"
        )
    try:
        factor = cholesky(sigma)
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"sigma is a covariance of which {error}; `sigma` must be positive definite."
        ) from None
    inverse = np.linalg.solve(factor, np.eye(m))
    return lambda rows: inverse @ rows


def _without_nan(xdata: Any, ydata: Any, sigma: Any, policy: Any) -> tuple[Any, Any, Any]:
    """Return data without the points at which x or y is NaN, or refuse them."""
    policy = choice("nan_policy", policy, ("raise", "omit"))
    missing = np.isnan(ydata)
    if isinstance(xdata, np.ndarray):
        missing = missing | np.isnan(xdata).any(axis=tuple(range(xdata.ndim - 1)))
    if not missing.any():
        return xdata, ydata, sigma
    if policy == "raise":
        raise ValueError(
            f"xdata or ydata is nan at {int(np.argmax(missing))}; numbers are wanted: the input "
            "contains nan values"  # SciPy's words
        )
    kept = ~missing
    if sigma is not None and sigma.ndim == 2:
        sigma = sigma[np.ix_(kept, kept)]
    elif sigma is not None and sigma.size > 1:
        sigma = sigma[kept]
    return xdata[..., kept] if isinstance(xdata, np.ndarray) else xdata, ydata[kept], sigma


@overload
def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = (-math.inf, math.inf),
    method: Any = None,
    jac: Any = None,
    *,
    full_output: Literal[False] = False,
    nan_policy: Any = None,
    **settings: Any,
) -> tuple[Any, Any]: ...
@overload
def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = (-math.inf, math.inf),
    method: Any = None,
    jac: Any = None,
    *,
    full_output: bool,
    nan_policy: Any = None,
    **settings: Any,
) -> tuple[Any, Any, dict[str, Any], str, int]: ...


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = (-math.inf, math.inf),
    method: Any = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: Any = None,
    **settings: Any,
) -> Any:
    """Fit a model f(x, p₁, p₂, ...) to data; called as SciPy's `curve_fit`.

    The least Σ ((f(xₖ, p) - yₖ) / σₖ)² by the method of `LeastSquares`.

    Args:
        f: f(xdata, *p) returns an array like ydata.
        xdata: what f takes: numbers become a float64 array of their shape, anything else is passed
            on as it is.
        ydata: the data, m numbers.
        p0: where to start, n numbers; None: ones, or a point within the bounds, for as many
            parameters as f names.
        sigma: standard deviations of ydata, m of them or one, above 0; or their covariance, m x m,
            symmetric and positive definite.
        absolute_sigma: whether sigma is in the units of ydata, or only as right as its ratios: then
            the residuals say how large the noise is.
        check_finite: whether to refuse data that are not finite; None: unless nan_policy is given.
        bounds: (lower, upper), each a number or n of them; or an object with `lb` and `ub`.
        method: SciPy's names are taken: there is one method here.
        jac: a function jac(xdata, *p) that returns the derivatives of f, m x n; "3-point" or
            "2-point"; None: "3-point", 2 n evaluations of f for each Jacobian.
        full_output: whether to return infodict, mesg and ier too.
        nan_policy: "omit" leaves out points at which xdata or ydata is NaN, "raise" refuses them.
        settings: those of `least_squares`; `maxfev` and `max_nfev` are maxfun.

    Returns:
        popt, the parameters, and pcov, their covariance: of a parameter on a bound NaN, and
        infinite where the data do not determine it, with a warning that says so. With full_output
        also infodict, with `nfev`, `fvec`, the residuals, and `result`, a `LeastSquaresResult` that
        has the parameters' names; mesg, how the run ended; and ier, 1.

    Raises:
        RuntimeError: when the run did not converge.
        ValueError: for data that are not finite, a sigma that is not positive, bounds that are
            crossed or NaN, lengths that do not fit.

    Example:
        >>> import numpy as np
        >>> t, y = np.arange(5.0), np.array([3.1, 2.0, 1.1, 0.9, 0.4])
        >>> popt, pcov = curve_fit(lambda t, height, rate: height * np.exp(-rate * t), t, y)
        >>> popt.round(3), np.sqrt(np.diag(pcov)).round(3)
        (array([3.112, 0.47 ]), array([0.111, 0.033]))
    """
    if not callable(f):
        raise TypeError(f"f is {f!r}; a function is wanted")
    absolute = flag("absolute_sigma", absolute_sigma)
    if "args" in settings:
        raise ValueError("args is given; f takes none beside xdata and parameters")
    if isinstance(xdata, (list, tuple, np.ndarray)):
        xdata = real_array("xdata", xdata).astype(np.float64)
    ydata = real_array("ydata", ydata).astype(np.float64)
    if ydata.size == 0:
        raise ValueError("ydata has no elements; at least one is wanted: it must not be empty")
    sigma = None if sigma is None else real_array("sigma", sigma).astype(np.float64)
    if nan_policy is None if check_finite is None else flag("check_finite", check_finite):
        _finite("ydata", ydata)
        if isinstance(xdata, np.ndarray):
            _finite("xdata", xdata)
    elif nan_policy is not None:
        xdata, ydata, sigma = _without_nan(xdata, ydata, sigma, nan_policy)
    whiten: Callable[[Any], Any] = (
        (lambda rows: rows) if sigma is None else _whitener(sigma, ydata.size)
    )

    start = None if p0 is None else np.ravel(starting_point(p0))
    names = parameter_names(f, None if start is None else start.size)
    if start is None:
        ones = np.ones(len(names))
        sides = two_sides(bounds, ones, [("", ones)], ones.dtype)
        start = _first_inside(*each_side(sides, ones.size))
    start = start.astype(np.float64)

    def residuals(p: Any) -> Any:
        found = as_array(f(xdata, *p), "f(xdata, *p)")
        if found.shape != ydata.shape and found.size not in (1, ydata.size):
            raise ValueError(
                f"f(xdata, *p) has shape {found.shape}; {ydata.shape} is wanted, as of ydata"
            )
        found = found if found.size == 1 else found.reshape(ydata.shape)
        return whiten((found - ydata).ravel())

    def jacobian(p: Any) -> Any:
        return whiten(as_array(jac(xdata, *p), "jac(xdata, *p)"))

    limits = {name: settings.pop(name) for name in LIMITS if name in settings}
    given = [value for value in limits.values() if value not in (None, 0)]  # 0: SciPy's for none
    if len(given) > 1:
        raise ValueError(f"{' and '.join(limits)} are given; one of them is wanted")
    result = fit(
        residuals,
        start,
        jacobian if callable(jac) else ("3-point" if jac is None else jac),
        bounds,
        names=names,
        maxfun=given[0] if given else None,
        **settings,
    )
    if not result.success:
        raise RuntimeError(f"Optimal parameters not found: {result.message}")
    exact = covariance(result.jac, result.cost, result.active_mask != 0, absolute)
    result.update(covariance=exact.matrix, stderr=exact.deviations)
    if not np.isfinite(exact.matrix).all():
        remark = exact.remark(names) or f"; there are as many parameters as data, {exact.rank}"
        warn(f"Covariance of the parameters could not be estimated{remark}", UserWarning)
    if not full_output:
        return result.x, exact.matrix
    info = {"nfev": result.nfev, "fvec": result.fun, "result": result}
    return result.x, exact.matrix, info, result.message, 1


explain(__name__)
