"""Our methods for `scipy.optimize.minimize`."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..structures import map_leaves
from ..suggest import did_you_mean
from .minimize import OPTIONS, method_name, minimize, wants_result

__all__ = ["scipy_method"]

# What SciPy passes that is no option.
ARGUMENTS = ("jac", "hess", "hessp", "bounds", "constraints", "tol", "callback")
ALSO = ("maxcor", "return_all")


def scipy_method(name: str = "lbfgs") -> Callable[..., Any]:
    """Return one of our methods as `scipy.optimize.minimize` takes it.

    SciPy's options, `tol`, `jac`, `args` and both kinds of callback mean what they mean in
    `schuss.minimize`; the result is SciPy's own class. An option that the method does not have is
    left out, with SciPy's OptimizeWarning; `return_all` adds `allvecs`, x0 and the point after each
    iteration. The callable can be pickled.

    Args:
        name: as `method` of `schuss.minimize`.

    Example, which needs SciPy::

        scipy.optimize.minimize(fun, x0, jac=True, method=schuss.scipy_method("lbfgs"))
    """
    return partial(_solve, method_name(name))


def _solve(name: str, fun: Callable[..., Any], x0: Any, args: Any = (), **keywords: Any) -> Any:
    scipy_optimize = importlib.import_module("scipy.optimize")
    known = (*OPTIONS[name], *ALSO)
    for option in [key for key in keywords if key not in known and key not in ARGUMENTS]:
        warnings.warn(
            f"{option!r} is no option of schuss's {name} and is left out"
            + did_you_mean(option, known),
            scipy_optimize.OptimizeWarning,
            stacklevel=3,  # beside ours that of SciPy's minimize
        )
        del keywords[option]
    if not keywords.pop("return_all", False):
        return scipy_optimize.OptimizeResult(minimize(fun, x0, args, method=name, **keywords))
    points = [map_leaves(np.array, x0) if isinstance(x0, dict) else np.array(x0)]
    callback = keywords.pop("callback", None)
    inner = _Recorder(points, callback)
    result = minimize(fun, x0, args, method=name, callback=inner, **keywords)
    return scipy_optimize.OptimizeResult(result, allvecs=points)


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
