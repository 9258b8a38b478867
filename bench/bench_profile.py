"""Which of the standard problems each solver solves, and in how many evaluations or Hessians.

Solved is what the gradient at the returned point says, whatever the solver says of itself.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.cases import Array
from bench.peers import AbsentError
from bench.solvers import CAP, NEWTON, SECOND_ORDER, SOLVERS, TRUST_EXACT, Limits, all_threads
from problems import Problem, more_garbow_hillstrom, standard_problems

STANDARD, SINGLE = "standard problems", "float32"  # groups
CURVED = "standard problems with Hessians"
GTOL = {STANDARD: 1e-5, SINGLE: 1e-3, CURVED: 1e-5}
NEAR = 1e-3  # relative difference of values that are the same in float32
HALF_ULP = 2.0**-24  # of float32: the largest relative error of rounding to it
NO_FTOL = ", ftol=0"
HAVE_FTOL = ("SciPy L-BFGS-B", "torch LBFGS")  # on, unless it is switched off
BASE = "schuss L-BFGS"
PAIRS = (  # of row 5: ours and the peer
    ("schuss L-BFGS", "SciPy L-BFGS-B"),
    ("schuss L-BFGS", "SciPy L-BFGS-B" + NO_FTOL),
    ("schuss BFGS", "SciPy BFGS"),
)
CURVED_PAIR = (NEWTON, TRUST_EXACT)
SINGLE_OURS = ("schuss L-BFGS", "schuss BFGS")
IN_DOUBLE = ", float64"
SINGLE_PEER = "SciPy L-BFGS-B" + IN_DOUBLE


@dataclass(frozen=True)
class Run:
    """One solver on one problem."""

    problem: str
    evaluations: int
    solved: bool
    success: bool  # as the solver says
    hessians: int = 0


@dataclass(frozen=True)
class Trial:
    """One solver on all problems of a group, or why it was not tried."""

    group: str
    solver: str
    runs: tuple[Run, ...]
    skipped: str = ""

    @property
    def solved(self) -> set[str]:
        """Names of the problems."""
        return {run.problem for run in self.runs if run.solved}

    @property
    def false_failures(self) -> list[str]:
        """Problems that were solved, with a solver that says that it failed."""
        return [run.problem for run in self.runs if run.solved and not run.success]

    @property
    def costs(self) -> dict[str, float]:
        """Evaluations by problem; infinite where it was not solved."""
        return {run.problem: run.evaluations if run.solved else math.inf for run in self.runs}

    @property
    def hessians(self) -> dict[str, float]:
        """The same of Hessians."""
        return {run.problem: run.hessians if run.solved else math.inf for run in self.runs}

    @property
    def label(self) -> str:
        """One line for progress."""
        found = self.skipped or f"{len(self.solved)} of {len(self.runs)} solved"
        return f"{self.group}: {self.solver}, {found}"


class _Exhausted(Exception):  # noqa: N818
    """CAP evaluations were made."""


class _Counted:
    """The function of a problem, which may be evaluated CAP times."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.evaluations = self.hessians = 0

    def __call__(self, x: Array) -> tuple[Any, Array]:
        if self.evaluations == CAP:
            raise _Exhausted
        self.evaluations += 1
        return self.problem.value_and_gradient(x)

    def hessian(self, x: Array) -> Array:
        self.hessians += 1
        return self.problem.hessian(x)


Judge = Callable[[Problem, Array], bool]


def _run(solver: str, problem: Problem, dtype: str, limits: Limits, judge: Judge) -> Run:
    function = _Counted(problem)
    try:
        solve = SECOND_ORDER[solver] if solver in SECOND_ORDER else SOLVERS[solver]
        answer = solve(function, problem.start.astype(dtype), limits)
    except (_Exhausted, np.linalg.LinAlgError, ValueError):
        return Run(problem.name, CAP, solved=False, success=False)
    solved = judge(problem, answer.x)
    return Run(
        problem.name, function.evaluations, solved, answer.success, hessians=function.hessians
    )


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


def _standard() -> Iterator[Trial]:
    """Row 5: every solver as it comes, and those with a test on f also without it."""
    problems, judge = standard_problems(), _at(STANDARD)
    for solver in SOLVERS:
        yield _trial(STANDARD, solver, problems, judge)
        if solver in HAVE_FTOL:
            yield _trial(STANDARD, solver + NO_FTOL, problems, judge)


def _single() -> Iterator[Trial]:
    """Row 6: SciPy in float64, then ours in float32.

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

    yield _trial(SINGLE, SINGLE_PEER, problems, flat)
    finite = [problem for problem in problems if finite_start(problem)]
    for solver in SINGLE_OURS:
        yield _trial(SINGLE, solver, finite, flat_or_low, "float32")


def measure(rows: Sequence[int], threads: int) -> Iterator[Trial]:
    """The trials of rows 5 and 6, a solver at a time."""
    with all_threads(threads):
        if 5 in rows:
            yield from _standard()
        if 6 in rows:
            yield from _single()


def measure_second_order(threads: int) -> Iterator[Trial]:
    """Newton's method and the peer, which both have the Hessian."""
    with all_threads(threads):
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
