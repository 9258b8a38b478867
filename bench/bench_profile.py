"""Which of the standard problems each solver solves, and in how many evaluations or Hessians.

Solved is what the gradient at the returned point says, whatever the solver says of itself.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from bench.cases import Array
from bench.harness import Plan
from bench.peers import AbsentError, all_threads
from bench.peers.solvers import (
    CAP,
    NEWTON,
    SECOND_ORDER,
    SOLVERS,
    TRUST_EXACT,
    Counted,
    EnoughError,
    Limits,
)
from bench.results import Run, Trial
from problems import Problem, more_garbow_hillstrom, standard_problems

STANDARD, SINGLE = "standard problems", "float32"  # groups
CURVED = "standard problems with Hessians"
GTOL = {STANDARD: 1e-5, SINGLE: 1e-3, CURVED: 1e-5}
NEAR = 1e-3  # relative difference of values that are the same in float32
HALF_ULP = 2.0**-24  # of float32: the largest relative error of rounding to it
NO_FTOL = ", ftol=0"
HAVE_FTOL = ("SciPy L-BFGS-B", "torch LBFGS")  # on, unless it is switched off
BASE = "schuss L-BFGS"
PAIRS = (  # ours and the peer
    ("schuss L-BFGS", "SciPy L-BFGS-B"),
    ("schuss L-BFGS", "SciPy L-BFGS-B" + NO_FTOL),
    ("schuss BFGS", "SciPy BFGS"),
)
CURVED_PAIR = (NEWTON, TRUST_EXACT)
SINGLE_OURS = ("schuss L-BFGS", "schuss BFGS")
IN_DOUBLE = ", float64"
SINGLE_PEER = "SciPy L-BFGS-B" + IN_DOUBLE

Judge = Callable[[Problem, Array], bool]


def _run(solver: str, problem: Problem, dtype: str, limits: Limits, judge: Judge) -> Run:
    function = Counted(problem.value_and_gradient, CAP, problem.hessian)
    try:
        solve = SECOND_ORDER[solver] if solver in SECOND_ORDER else SOLVERS[solver]
        answer = solve(function, problem.start.astype(dtype), limits)
    except (EnoughError, np.linalg.LinAlgError, ValueError):
        return Run(problem.name, CAP, solved=False, success=False)
    solved = judge(problem, answer.x)
    return Run(problem.name, function.count, solved, answer.success, hessians=function.hessians)


def _trial(
    group: str, name: str, problems: Iterable[Problem], judge: Judge, dtype: str = "float64"
) -> Trial:
    """All problems, as it comes or as the end of the name says; gtol is that of the group."""
    solver = name.removesuffix(NO_FTOL).removesuffix(IN_DOUBLE)
    limits = Limits(gtol=GTOL[group], ftol=None if name == solver else 0.0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runs = [_run(solver, problem, dtype, limits, judge) for problem in problems]
    except AbsentError as reason:
        return Trial(group, name, (), str(reason))
    return Trial(group, name, tuple(runs))


def _flat(problem: Problem, x: Array, gtol: float) -> bool:
    """No element of the gradient is larger; false where one is NaN."""
    return bool(np.abs(problem.gradient(x)).max() <= gtol)


def _at(group: str) -> Judge:
    return lambda problem, x: _flat(problem, x, GTOL[group])


def low(value: float, known: Iterable[float]) -> bool:
    """Whether a value is, as float32 goes, no higher than one that is known."""
    return any(value - k <= NEAR * abs(k) for k in known)


def flat_to_rounding(problem: Problem, x: Array, gtol: float) -> bool:
    """Whether rounding x to float32 changes each element of the gradient by what is above gtol."""
    wide = x.astype(np.float64)
    rounding = HALF_ULP * (np.abs(problem.hessian(wide)) @ np.abs(wide))
    return bool((np.abs(problem.gradient(wide)) <= gtol + rounding).all())


def finite_start(problem: Problem) -> bool:
    """Whether float32 can hold the value and the gradient at the start."""
    value, gradient = problem.value_and_gradient(problem.start.astype(np.float32))
    return bool(np.isfinite(value) and np.isfinite(gradient).all())


def standard(plan: Plan) -> Iterator[Trial]:
    """What is solved of the standard problems, in how many evaluations.

    Every solver as it comes, and those with a test on f also without it.
    """
    problems, judge = standard_problems(), _at(STANDARD)
    with all_threads(plan.threads):
        for solver in SOLVERS:
            yield _trial(STANDARD, solver, problems, judge)
            if solver in HAVE_FTOL:
                yield _trial(STANDARD, solver + NO_FTOL, problems, judge)


def single(plan: Plan) -> Iterator[Trial]:
    """What is solved of them in float32, beside SciPy in float64.

    Where float32 cannot tell gradients from rounding, a point counts too whose gradient is no more
    than rounding x makes of zero, or whose value is no higher than SciPy's or a known minimum.
    """
    problems = list(more_garbow_hillstrom())
    values: dict[str, tuple[float, ...]] = {}

    def flat(problem: Problem, x: Array) -> bool:
        values[problem.name] = problem.minima
        found = _flat(problem, x, GTOL[SINGLE])
        if found:
            values[problem.name] += (float(problem.fun(x)),)
        return found

    def flat_or_low(problem: Problem, x: Array) -> bool:
        value = float(problem.fun(x.astype(np.float64)))
        return (
            _flat(problem, x, GTOL[SINGLE])
            or flat_to_rounding(problem, x, GTOL[SINGLE])
            or low(value, values[problem.name])
        )

    finite = [problem for problem in problems if finite_start(problem)]
    with all_threads(plan.threads):
        yield _trial(SINGLE, SINGLE_PEER, problems, flat)
        for solver in SINGLE_OURS:
            yield _trial(SINGLE, solver, finite, flat_or_low, "float32")


def second_order(plan: Plan) -> Iterator[Trial]:
    """What is solved of the standard problems with Hessians, and how many of them it takes."""
    with all_threads(plan.threads):
        for solver in CURVED_PAIR:
            yield _trial(CURVED, solver, standard_problems(), _at(CURVED))


def ratios(costs: Sequence[Mapping[str, float]]) -> list[list[float]]:
    """Of each solver, for each problem: its cost over the lowest; infinite where it has none.

    Reference: Dolan and Moré, Benchmarking Optimization Software with Performance Profiles,
    Math. Programming 91, 2002. Each list is sorted: its k-th of n values is the ratio within which
    the share k / n of the problems is solved.
    """
    best = {problem: min(of[problem] for of in costs) for problem in costs[0]}
    return [
        sorted(of[p] / lowest if math.isfinite(of[p]) else math.inf for p, lowest in best.items())
        for of in costs
    ]


def mean_ratio(over: Mapping[str, float], under: Mapping[str, float]) -> float:
    """Geometric mean of the ratios of costs, of the problems that both solved; NaN for none."""
    both = (p for p in over.keys() & under.keys() if math.isfinite(over[p] + under[p]))
    logs = [math.log(over[p] / under[p]) for p in both]
    return math.exp(math.fsum(logs) / len(logs)) if logs else math.nan
