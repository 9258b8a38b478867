"""Gradients by differences: `python -m bench.bench_differences [schuss methods]`.

The standard problems and NIST's fits, each with exact gradients and with differences, at the
default gtol. What counts is the exact gradient where a run ended, whatever its solver has seen.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import schuss
import scipy.optimize
from schuss.solvers.differences import Differences
from scipy.optimize._numdiff import approx_derivative

from bench.cases import Array
from bench.peers.solvers import Counted, EnoughError
from problems import Problem, standard_problems
from problems.nist import Fit, fits

GTOL = 1e-5
NEAR, FAR = 2.0, 10.0  # times gtol: a gradient that counts as within it, and one far above it
CAP = 100_000  # evaluations of f
WAYS = ("exact", "2-point", "3-point")

Case = Problem | Fit


@dataclass(frozen=True)
class Run:
    """What one solver did on one case."""

    evaluations: int
    success: bool
    status: int
    message: str
    largest: float  # of the exact gradient at the end
    wrong: float  # by how much the last gradient that the solver has seen differs from it
    first_error: float  # of the gradient by differences, relative to its largest element
    last_error: float  # absolute

    @property
    def solved(self) -> bool:
        """Whether the exact gradient is within gtol, as far as differences can tell."""
        return self.largest <= NEAR * GTOL

    @property
    def false(self) -> bool:
        """Whether success was claimed on a wrong gradient."""
        return self.success and self.wrong > FAR * GTOL

    @property
    def honest(self) -> bool:
        """Whether a run that did not solve its case names rounding or differences as the reason."""
        return not self.false and any(word in self.message for word in ("rounding", "differences"))


def exact_gradient(case: Case, x: Array) -> Array:
    """The gradient alone."""
    return np.asarray(case.value_and_gradient(np.asarray(x, float))[1], float)


def _error(case: Case, x: Array, way: str, ours: bool) -> tuple[float, float]:
    """The error of a gradient by differences at x: relative, absolute."""
    exact = exact_gradient(case, x)
    with np.errstate(all="ignore"):
        f = lambda x: case.value_and_gradient(x)[0]  # noqa: E731
        if ours:
            found = Differences(f, central=way == "3-point")(x)[1]
        else:
            found = approx_derivative(f, x, method=way)
        error = float(np.abs(found - exact).max())
        return float(error / np.abs(exact).max()), error


def run(case: Case, module: Any, method: str, way: str) -> Run:
    """Minimize."""
    both = Counted(case.value_and_gradient, CAP)
    jac = True if way == "exact" else way
    fun = both if way == "exact" else lambda x: both(x)[0]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = module.minimize(fun, case.start, jac=jac, method=method)
    except EnoughError:
        return Run(CAP, False, -1, "cap", math.inf, math.nan, math.nan, math.nan)
    x = np.asarray(result.x, float)
    exact = exact_gradient(case, x)
    first = last = math.nan
    if way != "exact":
        ours = module is schuss
        first = _error(case, case.start, way, ours)[0]
        last = _error(case, x, way, ours)[1]
    return Run(
        evaluations=both.count,
        success=bool(result.success),
        status=int(result.status),
        message=str(result.message),
        largest=float(np.abs(exact).max()),
        wrong=float(np.abs(result.jac - exact).max()),
        first_error=first,
        last_error=last,
    )


def _quantiles(values: list[float]) -> str:
    found = sorted(v for v in values if not math.isnan(v))
    if not found:
        return "-"
    return " ".join(f"{found[int(q * (len(found) - 1))]:.0e}" for q in (0.5, 0.9, 1.0))


def rows(methods: list[str]) -> Iterator[str]:
    """Lines of a table."""
    solvers = [(schuss, "schuss", m) for m in methods] + [(scipy.optimize, "SciPy", "bfgs")]
    yield (
        f"{'set':9}{'solver':14}{'gradient':9}{'solved':>8}{'false':>6}{'honest':>7}{'other':>6}"
        f"{'evaluations':>12}  error at the start (median, 90 %, all), at the end"
    )
    sets: dict[str, list[Any]] = {"standard": standard_problems(), "NIST": list(fits())}
    for group, members in sets.items():
        for module, maker, method in solvers:
            for way in WAYS:
                runs = {case.name: run(case, module, method, way) for case in members}
                solved = {name for name, r in runs.items() if r.solved}
                false = [name for name, r in runs.items() if r.false]
                other = [n for n, r in runs.items() if not (r.solved or r.false or r.honest)]
                honest = len(runs) - len(solved | set(false) | set(other))
                mean = math.exp(np.mean([math.log(r.evaluations) for r in runs.values()]))
                yield (
                    f"{group:9}{maker + ' ' + method:14}{way:9}{len(solved):4}/{len(runs):3}"
                    f"{len(false):6}{honest:7}{len(other):6}{mean:12.1f}  "
                    f"{_quantiles([r.first_error for r in runs.values()])}, "
                    f"{_quantiles([r.last_error for r in runs.values()])}"
                )
                if module is schuss:
                    for name in [*false, *other]:
                        r = runs[name]
                        kind = "false" if name in false else "other"
                        yield f"    {kind}: {name}: |g| {r.largest:.1e}, {r.status}, {r.message}"


if __name__ == "__main__":
    for line in rows(sys.argv[1:] or ["bfgs", "lbfgs"]):
        print(line, flush=True)
