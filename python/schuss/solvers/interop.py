"""Our methods for `scipy.optimize.minimize`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

from .minimize import method_name, minimize

__all__ = ["scipy_method"]


def scipy_method(name: str = "lbfgs") -> Callable[..., Any]:
    """Return one of our methods as `scipy.optimize.minimize` takes it.

    SciPy's options, `tol`, `jac`, `args` and both kinds of callback mean what they mean in
    `schuss.minimize`; the result is SciPy's own class. The callable can be pickled.

    Args:
        name: as `method` of `schuss.minimize`.

    Example, which needs SciPy::

        scipy.optimize.minimize(fun, x0, jac=True, method=schuss.scipy_method("lbfgs"))
    """
    return partial(_solve, method_name(name))


def _solve(name: str, fun: Callable[..., Any], x0: Any, args: Any = (), **keywords: Any) -> Any:
    scipy_result = importlib.import_module("scipy.optimize").OptimizeResult
    return scipy_result(minimize(fun, x0, args, method=name, **keywords))
