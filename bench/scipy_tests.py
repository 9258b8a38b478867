"""SciPy's own tests of `minimize`, answered by schuss: `python -m bench.scipy_tests [FOLDER]`.

FOLDER holds SciPy's tests/ of optimize, of the version that is installed; without one, those that
came with it. `scipy.optimize.minimize` gets `schuss.scipy_method` in place of each method that we
have, by name or as the default, and so do `fmin_bfgs`, `fmin_ncg` and `fmin_l_bfgs_b`; everything
else is as the tests call it. Calls with bounds or constraints stay SciPy's. A test counts when a
call reached schuss.

No code of SciPy's is kept here. The rest of the command line goes to pytest.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import schuss
import scipy.optimize
import scipy.optimize._lbfgsb_py
import scipy.optimize._optimize
from scipy._lib.deprecation import _NoValue

FILES = (
    "test_optimize.py",
    "test_trustregion.py",
    "test_trustregion_exact.py",
    "test_trustregion_krylov.py",
)
OURS = {
    "bfgs": "bfgs",
    "l-bfgs-b": "lbfgs",
    "dogleg": "newton",
    "trust-exact": "newton",
    "newton-cg": "newton",
    "trust-ncg": "newton",
    "trust-krylov": "newton",
}
BY_PRODUCTS = ("newton-cg", "trust-ncg", "trust-krylov")  # without hess: newton_cg
# The functions that stand for methods behind fmin_*, where those look for them.
BEHIND = (
    (scipy.optimize._optimize, "_minimize_bfgs", "bfgs"),
    (scipy.optimize._optimize, "_minimize_newtoncg", "newton-cg"),
    (scipy.optimize._lbfgsb_py, "_minimize_lbfgsb", "l-bfgs-b"),
)


def ours(theirs: Any, hess: Any) -> Any:
    """Return our method for one of SciPy's; theirs where we have none."""
    theirs = "bfgs" if theirs is None else theirs  # SciPy's default where nothing is bounded
    name = theirs.lower() if isinstance(theirs, str) else ""
    if name not in OURS:
        return theirs
    by_products = name in BY_PRODUCTS and not callable(hess)
    return schuss.scipy_method("newton_cg" if by_products else OURS[name])


def bounds_nothing(limit: Any) -> bool:
    """Whether bounds or constraints as SciPy takes them are none."""
    if hasattr(limit, "lb") and not hasattr(limit, "fun") and not hasattr(limit, "A"):
        return bool(np.all(np.isneginf(limit.lb)) and np.all(np.isposinf(limit.ub)))
    return limit is None or (hasattr(limit, "__len__") and len(limit) == 0)


class Replacement:
    """Replaces the methods, and keeps which tests reached one of ours and how they ended."""

    def __init__(self) -> None:
        self.reached = False
        self.outcomes: dict[str, str] = {}
        minimize = scipy.optimize.minimize
        signature = inspect.signature(minimize)

        @wraps(minimize)
        def replaced(*args: Any, **keywords: Any) -> Any:
            try:
                given = signature.bind(*args, **keywords)
            except TypeError:
                return minimize(*args, **keywords)
            method = ours(given.arguments.get("method"), given.arguments.get("hess"))
            limits = (given.arguments.get(name) for name in ("bounds", "constraints"))
            if (
                all(map(bounds_nothing, limits))
                and callable(method)
                and not callable(given.arguments.get("method"))
            ):
                self.reached = True
                given.arguments["method"] = method
            return minimize(*given.args, **given.kwargs)

        scipy.optimize.minimize = replaced

    def pytest_collection_finish(self, session: Any) -> None:
        """Replace what is behind fmin_*; a test that has imported it keeps SciPy's."""
        for module, function, method in BEHIND:
            setattr(module, function, self._behind(getattr(module, function), method))

    def _behind(self, theirs: Callable[..., Any], method: str) -> Callable[..., Any]:
        signature = inspect.signature(theirs)

        @wraps(theirs)
        def replaced(*args: Any, **options: Any) -> Any:
            given = signature.bind(*args, **options).arguments
            given = {name: value for name, value in given.items() if value is not _NoValue}
            if not bounds_nothing(given.get("bounds")):
                return theirs(*args, **options)
            self.reached = True
            callback = given.get("callback")
            if callback is not None:  # wrapped by fmin_*, it takes the result by position
                given["callback"] = lambda intermediate_result: callback(intermediate_result)
            return ours(method, given.get("hess"))(**given)

        return replaced

    def pytest_runtest_setup(self, item: Any) -> None:
        """Forget the test before."""
        self.reached = False

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note how a test ended that reached us."""
        if report.when == "call" and self.reached:
            self.outcomes[report.nodeid] = report.outcome


def main(arguments: list[str]) -> int:
    """Run the tests, print how many passed of those that reached schuss, and which did not."""
    folder = Path(scipy.optimize.__file__).parent / "tests"
    if arguments and Path(arguments[0]).is_dir():
        folder = Path(arguments.pop(0))
    replacement = Replacement()
    pytest.main(
        [*(str(folder / name) for name in FILES), "-q", "-p", "no:cacheprovider", *arguments],
        plugins=[replacement],
    )
    passed = [name for name, outcome in replacement.outcomes.items() if outcome == "passed"]
    for name, outcome in replacement.outcomes.items():
        if outcome != "passed":
            print(f"{outcome}: {name.rsplit('/', 1)[-1]}")
    print(f"{len(passed)} of {len(replacement.outcomes)} tests that reached schuss passed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
