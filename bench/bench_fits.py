"""Fits of curves: NIST's, by the digits that are right, and thousands of peaks at once, by time.

Digits are those that all parameters share with the certified ones (`problems/nist.py`). A fault is
a success with fewer than 4 of them, or a standard error with fewer than 3 where x has 6.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bench import peers
from bench.cases import Array
from bench.harness import Candidate, Plan, interleave, tagged
from bench.peers import AbsentError, all_threads, optional
from bench.peers.solvers import Counted
from bench.results import Comparison, Run, Trial
from problems.nist import Fit, fits

NIST, BATCH = "NIST's fits", "many fits"  # groups
CERTIFIED = 11  # digits
CAP = 100_000  # calls of a model
MODEL = "gaussian+offset+slope"
COUNT, POINTS = 10_000, 30
FEW = 200  # of the fits, for a peer that takes them one by one

Answer = tuple[Array, Array | None, bool]  # parameters, their standard errors, success


def digits(found: Array, right: Array) -> float:
    """How many are right in all elements, 0 to 11."""
    with np.errstate(all="ignore"):
        error = np.abs((np.asarray(found, float) - right) / right).max()
    if not math.isfinite(error):
        return 0.0
    return min(max(-math.log10(max(error, 1e-300)), 0.0), float(CERTIFIED))


def fault(fit: Fit, answer: Answer) -> str:
    """What is wrong, in words."""
    x, errors, success = answer
    right = digits(x, fit.certified)
    if success and right < 4:
        return "false success"
    noisy = not fit.name.startswith("Lanczos1/")  # whose data are exact to their last digit
    if right >= 6 and noisy and errors is not None and digits(errors, fit.deviations) < 3:
        return "standard errors"
    return ""


def _least_squares(module: str, exact: bool, fit: Fit, residuals: Callable[[Array], Any]) -> Answer:
    jac = {"jac": fit.jacobian} if exact else {}
    found = optional(module).least_squares(residuals, fit.start, **jac)
    return found.x, getattr(found, "stderr", None), bool(found.success)


def _curve_fit(module: str, fit: Fit, residuals: Callable[[Array], Any]) -> Answer:
    curve_fit = optional(module).curve_fit
    try:
        x, covariance = curve_fit(
            lambda _, *b: residuals(np.array(b)) + fit.y, fit.x, fit.y, p0=fit.start
        )
    except RuntimeError:  # as both say that a fit has not converged
        return fit.start, None, False
    return x, np.sqrt(np.diag(covariance)) if module == "schuss" else None, True


SOLVERS: dict[str, Callable[[Fit, Callable[[Array], Any]], Answer]] = {
    "schuss least_squares": partial(_least_squares, "schuss", True),
    "schuss least_squares, differences": partial(_least_squares, "schuss", False),
    "schuss curve_fit": partial(_curve_fit, "schuss"),
    "SciPy least_squares": partial(_least_squares, "scipy.optimize", True),
    "SciPy least_squares, differences": partial(_least_squares, "scipy.optimize", False),
    "SciPy curve_fit": partial(_curve_fit, "scipy.optimize"),
}


def attempt(solver: str, fit: Fit) -> Run:
    """One solver, as it comes, on one fit."""
    residuals = Counted(fit.residuals, CAP)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        answer = SOLVERS[solver](fit, residuals)
    x, _, success = answer
    right = digits(x, fit.certified)
    return Run(
        fit.name, residuals.count, right >= 4, success, fault=fault(fit, answer), digits=right
    )


def _trial(solver: str) -> Trial:
    try:
        return Trial(NIST, solver, tuple(attempt(solver, fit) for fit in fits()))
    except AbsentError as reason:
        return Trial(NIST, solver, (), str(reason))


def nist(plan: Plan) -> Iterator[Trial]:
    """How many digits of NIST's fits are right, with Jacobians and as curve_fit comes."""
    with all_threads(plan.threads):
        for solver in SOLVERS:
            yield _trial(solver)


class Peaks:
    """Gaussian peaks on a slope, with noise, and where their fits start."""

    def __init__(self, count: int = COUNT) -> None:
        rng = np.random.default_rng(8)
        self.x = np.linspace(-5, 5, POINTS)
        lower, upper = [2, -1, 0.7, -1, -0.1], [4, 1, 1.5, 1, 0.1]
        right = rng.uniform(lower, upper, (count, 5))
        self.y = self.values(self.x, right) + 0.05 * rng.standard_normal((count, POINTS))
        self.start = np.tile([3.0, 0.0, 1.0, 0.0, 0.0], (count, 1))

    @staticmethod
    def values(x: Array, p: Array) -> Array:
        """One row a peak: p is (count, 5), or one peak's 5."""
        height, center, sigma, offset, slope = np.moveaxis(np.asarray(p)[..., None], -2, 0)
        u = (x - center) / sigma
        values: Array = height * np.exp(-0.5 * u * u) + offset + slope * x
        return values

    @staticmethod
    def jacobian(x: Array, p: Array) -> Array:
        """The derivatives by the 5 parameters, in the last axis."""
        height, center, sigma, _, _ = np.moveaxis(np.asarray(p)[..., None], -2, 0)
        u = (x - center) / sigma
        e = np.exp(-0.5 * u * u)
        jacobian = np.empty((*e.shape, 5))
        jacobian[..., 0] = e
        jacobian[..., 1] = height / sigma * e * u
        jacobian[..., 2] = jacobian[..., 1] * u
        jacobian[..., 3] = 1
        jacobian[..., 4] = x
        return jacobian


def _batch(work: Peaks, *, named: bool) -> Candidate:
    fit = optional("schuss").curve_fit_batch
    model: dict[str, Any] = {"f": MODEL} if named else {"f": work.values, "jac": work.jacobian}

    def call() -> Any:
        return fit(xdata=work.x, Y=work.y, P0=work.start, **model)

    solved = int(np.count_nonzero(call().success))
    name = "by name" if named else "NumPy"
    return Candidate(name, call, 8.0 * POINTS, note=f"{solved} solved", passes=COUNT)


def _one_by_one(work: Peaks, *, exact: bool) -> Candidate:
    fit = optional("scipy.optimize").curve_fit
    jac = {"jac": lambda x, *p: work.jacobian(x, np.array(p))} if exact else {}

    def call() -> None:
        for y, start in zip(work.y[:FEW], work.start, strict=False):
            fit(lambda x, *p: work.values(x, np.array(p)), work.x, y, start, **jac)

    name = "SciPy" + (", Jacobian" if exact else "")
    return Candidate(name, call, 8.0 * POINTS, passes=FEW)


def batch(plan: Plan) -> Iterator[Comparison]:
    """How long one of 10,000 fits of a peak takes on one thread, beside SciPy's curve_fit."""
    makers: list[tuple[str, Callable[[Peaks], Candidate]]] = [
        ("by name", partial(_batch, named=True)),
        ("NumPy", partial(_batch, named=False)),
        ("SciPy", partial(_one_by_one, exact=False)),
        ("SciPy, Jacobian", partial(_one_by_one, exact=True)),
    ]
    with all_threads(1):
        candidates, skipped = peers.gather(makers, Peaks())
        settings = replace(plan.settings, rounds=min(plan.settings.rounds, 9), warm=0)
        label = f"a fit of {MODEL}, {POINTS} points, 1 thread"
        yield tagged(interleave(label, candidates, settings, skipped=skipped), BATCH, COUNT, 5)
