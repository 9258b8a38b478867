"""Are the verdicts of `minimize` right in any units? `python -m bench.bench_verdicts [PART ...]`.

Parts: `standard` (the standard problems as they are), `units` (with x and f in other units),
`powers` (each variable in a unit of its own), `single` (f and its gradient in float32), `fits`
(NIST's and logistic fits, beside SciPy's BFGS). `--save FILE` keeps the runs, `--before FILE`
shows what changed since. `--methods lbfgs,bfgs` runs some.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import schuss
from schuss.solvers.minimize import METHODS
from scipy.optimize import minimize as scipy_minimize
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from bench.peers.solvers import Counted, EnoughError
from problems import Problem, standard_problems
from problems.nist import fits

Array = Any
Values = Callable[[Array], tuple[Any, Array]]

PARTS = ("standard", "units", "powers", "single", "fits")
GTOL = 1e-5
UNITS = [(x, 1.0) for x in (1e-12, 1e-6, 1e6, 1e12)] + [(1.0, f) for f in (1e-30, 1e30)]
MOST = 2000  # evaluations of steepest descent, and of all methods in units of their own
CAP = 20_000
NEAR = 1e-6  # a relative difference of values that means another end


@dataclass(frozen=True)
class Run:
    """How a run ended, and what is true of its last point."""

    evaluations: int
    status: int
    success: bool
    gradient: float  # largest element at the returned point over gtol
    seen: float  # the same of the gradient that the run has seen
    fun: float
    near: float  # the value at the minimum that is reached from there
    message: str

    @property
    def solved(self) -> bool:
        """Whether the gradient is within gtol, whatever the solver says."""
        return self.gradient <= 1


def run(
    method: str,
    values: Values,
    start: Array,
    hessian: Callable[[Array], Array] | None = None,
    *,
    gtol: float = GTOL,
    truth: Values | None = None,
    limited: bool = False,
) -> Run:
    """Minimize from `start`; `truth` judges the end where it is not `values`."""
    counted = Counted(values, CAP)
    options: dict[str, Any] = {"gtol": gtol}
    if limited or method == "gradient_descent":
        options["maxfun"] = MOST
    if hessian is not None and method == "newton":
        options["hess"] = hessian
    if hessian is not None and method == "newton_cg":
        at_last: tuple[Array, Array] | None = None

        def product(x: Array, v: Array) -> Array:
            nonlocal at_last
            if at_last is None or (at_last[0] != x).any():
                at_last = x.copy(), hessian(x)
            return at_last[1] @ v

        options["hessp"] = product
    try:
        if method == "SciPy":
            found = scipy_minimize(counted, start, jac=True, method="BFGS", options=options)
        else:
            found = schuss.minimize(counted, start, jac=True, method=method, **options)
    except EnoughError:
        return Run(CAP, -1, False, math.inf, math.inf, math.inf, math.inf, "cap")

    def largest(judge: Values) -> float:
        with np.errstate(all="ignore"):
            gradient = np.abs(np.asarray(judge(np.array(found.x, float))[1], float))
        return float(gradient.max()) / gtol

    seen = largest(values)
    near = float(found.fun)
    if found.success and seen > 1:
        rest = schuss.minimize(truth or values, found.x, jac=True, method="bfgs", gtol=gtol)
        near = float(rest.fun)
    return Run(
        counted.count,
        int(found.status),
        bool(found.success),
        largest(truth or values),
        seen,
        float(found.fun),
        near,
        str(found.message),
    )


def in_units(problem: Problem, x_unit: Array, f_unit: float) -> tuple[Values, Array, Any]:
    """Return f_unit f(x / x_unit), its start and its Hessian."""

    def values(x: Array) -> tuple[Any, Array]:
        f, g = problem.value_and_gradient(x / x_unit)
        return f_unit * f, f_unit * g / x_unit

    def hessian(x: Array) -> Array:
        unit = x_unit * np.ones(problem.n)
        return f_unit * problem.hessian(x / x_unit) / np.outer(unit, unit)

    return values, problem.start * x_unit, hessian


def in_single(problem: Problem) -> Values:
    """Return f and its gradient as a model in float32 gives them."""

    def values(x: Array) -> tuple[Any, Array]:
        f, g = problem.value_and_gradient(x.astype(np.float32))
        return np.float32(f), np.asarray(g, np.float32)

    return values


def logistic_fits() -> Iterator[tuple[str, Array, Values, Values]]:
    """Yield name, start, values in float64 and in float32 of six fits of real data."""

    def values_in(rows: Array, y: Array, ridge: float, dtype: Any) -> Values:
        rows, y = rows.astype(dtype), y.astype(dtype)
        n, ridge = dtype(len(y)), dtype(ridge)

        def values(b: Array) -> tuple[Any, Array]:
            b = b.astype(dtype)
            z = rows @ b
            f = (np.logaddexp(dtype(0), z).sum() - y @ z) / n + ridge * b @ b
            return f, rows.T @ (expit(z) - y) / n + dtype(2) * ridge * b

        return values

    for name, load in (("iris", load_iris), ("wine", load_wine), ("cancer", load_breast_cancer)):
        data = load()
        rows = (data.data - data.data.mean(0)) / data.data.std(0)
        y = data.target == 1
        for ridge in (5e-4, 5e-2):
            double = values_in(rows, y, ridge, np.float64)
            single = values_in(rows, y, ridge, np.float32)
            yield f"{name}, ridge {ridge:g}", np.zeros(rows.shape[1]), double, single


def runs_of(part: str, methods: tuple[str, ...]) -> Iterator[tuple[str, str, Run]]:
    """Yield group, problem and run; the group names the method last."""
    if part == "fits":
        for method in ("SciPy", *(m for m in methods if m in ("lbfgs", "bfgs", "sr1"))):
            for fit in fits():
                yield f"NIST, {method}", fit.name, run(method, fit.value_and_gradient, fit.start)
            for name, start, double, single in logistic_fits():
                yield f"logistic, {method}", name, run(method, double, start)
                found = run(method, single, start, truth=double)
                yield f"logistic in float32, {method}", name, found
        return
    for method in methods:
        for p in standard_problems():
            if part == "standard":
                found = run(method, p.value_and_gradient, p.start, p.hessian)
                yield f"standard, {method}", p.name, found
            elif part == "single":
                found = run(method, in_single(p), p.start, truth=p.value_and_gradient)
                yield f"in float32, {method}", p.name, found
            elif part == "powers":
                powers = np.random.default_rng(p.n).integers(-6, 7, p.n)
                values, start, hessian = in_units(p, 10.0**powers, 1.0)
                found = run(method, values, start, hessian, limited=True)
                yield f"own powers, {method}", p.name, found
            else:
                for x, f in UNITS:
                    values, start, hessian = in_units(p, x, f)
                    found = run(method, values, start, hessian, gtol=GTOL * f / x)
                    yield f"x {x:g} f {f:g}, {method}", p.name, found


def mean(ratios: list[float]) -> float:
    """Return the geometric mean."""
    return math.exp(math.fsum(map(math.log, ratios)) / len(ratios)) if ratios else math.nan


def against(runs: dict[str, Run], base: dict[str, Run]) -> str:
    """Return evaluations over those of `base` where both solve, and what only one solves."""
    both = [k for k, r in runs.items() if k in base and r.solved and base[k].solved]
    lost = [k for k, r in runs.items() if k in base and base[k].solved and not r.solved]
    won = [k for k, r in runs.items() if k in base and r.solved and not base[k].solved]
    ratio = mean([runs[k].evaluations / base[k].evaluations for k in both])
    text = f"{ratio:.3f} of its evaluations where both solve ({len(both)})"
    return text + (f", lost {lost}" if lost else "") + (f", won {won}" if won else "")


def wrong(run: Run) -> str:
    """Return what is wrong with a verdict; "" where it is right."""
    if run.status == 4 and math.isfinite(run.fun):
        return "unbounded"
    if run.status == 5:
        return "gradient called wrong"
    if run.success and run.seen > 1 and not run.fun <= run.near + NEAR * abs(run.near):
        return "success that does not hold"
    if not run.success and run.seen <= 1:
        return "no success within gtol"
    return ""


def report(groups: dict[str, dict[str, Run]], before: dict[str, dict[str, Run]]) -> None:
    """Print a line a group, and a line for each wrong verdict."""
    for group, runs in groups.items():
        solved = sum(r.solved for r in runs.values())
        success = sum(r.success for r in runs.values())
        print(f"{group}: solved {solved} of {len(runs)}, success {success}")
        if group in before:
            print("    before:", against(runs, before[group]))
        peer = group.rpartition(", ")[0] + ", SciPy"
        if peer in groups and peer != group:
            print("    SciPy's BFGS:", against(runs, groups[peer]))
        method = group.rpartition(", ")[2]
        base = groups.get(f"standard, {method}")
        if base is not None and group != f"standard, {method}" and runs.keys() == base.keys():
            solved_here = [k for k, r in runs.items() if base[k].solved and r.solved]
            share = len(solved_here) / sum(r.solved for r in base.values())
            print(f"    of those solved as they are: {share:.1%}")
        for name, found in runs.items():
            verdict = wrong(found)
            if verdict:
                print(f"    {name}: {verdict}: gradient {found.seen:.1e} gtol, {found.message}")


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help="of " + ", ".join(PARTS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--save", type=Path)
    parser.add_argument("--before", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    groups: dict[str, dict[str, Run]] = {}
    for part in options.parts or PARTS:
        for group, name, found in runs_of(part, tuple(options.methods.split(","))):
            if group not in groups:
                print(f"\r{group:60}", end="", file=sys.stderr, flush=True)
            groups.setdefault(group, {})[name] = found
    print(file=sys.stderr)
    if options.save:
        kept = {g: {n: asdict(r) for n, r in runs.items()} for g, runs in groups.items()}
        options.save.write_text(json.dumps(kept))
    before = json.loads(options.before.read_text()) if options.before else {}
    report(groups, {g: {n: Run(**r) for n, r in runs.items()} for g, runs in before.items()})


if __name__ == "__main__":
    main()
