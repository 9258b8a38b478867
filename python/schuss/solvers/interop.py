"""Our methods for `scipy.optimize.minimize`."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any

import numpy as np

from ..caller import warn
from ..structures import map_leaves
from ..suggest import did_you_mean
from .minimize import OPTIONS, method_name, minimize, wants_result

__all__ = ["scipy_method"]

# What SciPy passes that is no option.
ARGUMENTS = ("jac", "hess", "hessp", "bounds", "constraints", "tol", "callback")
# Limits that SciPy takes as any number, and the least that we take.
LIMITS = {"maxiter": 0, "maxfun": 1}


def scipy_method(name: str = "lbfgs") -> Callable[..., Any]:
    """Return one of our methods as `scipy.optimize.minimize` takes it.

    SciPy's options, `tol`, `jac`, `args` and both kinds of callback mean what they mean in
    `schuss.minimize`; the result is SciPy's own class. An option that the method does not have is
    left out, with SciPy's OptimizeWarning; `return_all` adds `allvecs`, x0 and the point after each
    iteration. `maxiter` and `maxfun` that are no whole number or too small are taken as SciPy takes
    them, and 'cs' or a HessianUpdateStrategy as differences of the gradient, with that warning too.
    With `disp` a run that ends at a limit gives SciPy's warning. The callable can be pickled.

    Args:
        name: as `method` of `schuss.minimize`.

    Example, which needs SciPy::

        scipy.optimize.minimize(fun, x0, jac=True, method=schuss.scipy_method("lbfgs"))
    """
    return partial(_solve, method_name(name))


def _solve(name: str, fun: Callable[..., Any], x0: Any, args: Any = (), **keywords: Any) -> Any:
    scipy_optimize = importlib.import_module("scipy.optimize")
    known = (*OPTIONS[name], "return_all")
    if "history_size" in known:
        known = (*known, "maxcor")
    for option in [key for key in keywords if key not in known and key not in ARGUMENTS]:
        warn(
            f"{option!r} is no option of schuss's {name} and is left out"
            + did_you_mean(option, known),
            scipy_optimize.OptimizeWarning,
        )
        del keywords[option]
    for argument, value, taken in _replaced(keywords, scipy_optimize.HessianUpdateStrategy):
        warn(
            f"{argument} is {value!r}; {taken!r} is taken by schuss's {name}",
            scipy_optimize.OptimizeWarning,
        )
        keywords[argument] = taken
    points = None
    if keywords.pop("return_all", False):
        points = [map_leaves(np.array, x0) if isinstance(x0, dict) else np.array(x0)]
        keywords["callback"] = _Recorder(points, keywords.pop("callback", None))
    result = scipy_optimize.OptimizeResult(minimize(fun, x0, args, method=name, **keywords))
    if points is not None:
        result["allvecs"] = points
    if result["status"] == 1 and keywords.get("disp"):
        what = "iterations" if "maxiter" in result["message"] else "evaluations"
        warn(
            f"Maximum number of {what} has been reached: {result['message']}",
            RuntimeWarning if name == "newton" else scipy_optimize.OptimizeWarning,  # as SciPy
        )
    return result


def _replaced(keywords: dict[str, Any], strategies: type) -> list[tuple[str, Any, Any]]:
    """Return arguments that mean something to SciPy, their values, and what we take for them."""
    found: list[tuple[str, Any, Any]] = []
    for name, least in LIMITS.items():
        limit = keywords.get(name)
        if not isinstance(limit, Real) or isinstance(limit, bool):
            continue
        if limit == math.inf:
            keywords[name] = None
        elif limit < least:
            found.append((name, limit, least))
        elif not float(limit).is_integer() and not math.isnan(limit):
            found.append((name, limit, math.ceil(limit)))
    for name in ("hess", "hessp"):
        given = keywords.get(name)
        if isinstance(given, strategies) or (isinstance(given, str) and given == "cs"):
            found.append((name, given, "3-point"))
    return found


class _Recorder:
    """A callback that keeps the points, and calls another."""

    def __init__(self, points: list[Any], callback: Callable[..., Any] | None) -> None:
        self._points = points
        self._callback = callback

    def __call__(self, intermediate_result: Any) -> None:
        self._points.append(intermediate_result.x)
        if self._callback is not None:
            if wants_result(self._callback):
                self._callback(intermediate_result=intermediate_result)
            else:
                self._callback(intermediate_result.x.copy())
