"""Problems with bounds: what is solved, in how many evaluations, and what an iteration takes.

Solved is what the projected gradient at the returned point says, whatever the solver says: no
element above 1e-5. A fault is a point outside the bounds, if only by an ulp, that was evaluated or
returned; a value that is not that of the point; or a verdict that is not true.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import bench_solvers
from bench.cases import Array
from bench.harness import Plan
from bench.peers import AbsentError, all_threads, optional
from bench.peers.solvers import CAP, HISTORY, Counted, EnoughError
from bench.results import Comparison, Run, Trial
from problems.bounded import bounded_problems
from problems.problem import Bounded

GROUP, CURVED = "problems with bounds", "small problems with bounds"
GTOL = 1e-5
SMALL = 50  # variables up to which methods have matrices
SOLVERS = {  # module and method
    "schuss L-BFGS": ("schuss", "lbfgs"),
    "schuss BFGS": ("schuss", "bfgs"),
    "schuss SR1": ("schuss", "sr1"),
    "schuss Newton": ("schuss", "newton"),
    "schuss Newton-CG": ("schuss", "newton_cg"),
    "SciPy L-BFGS-B, ftol=0": ("scipy.optimize", "L-BFGS-B"),
}
PEER = "SciPy L-BFGS-B, ftol=0"
FIRST = ("schuss L-BFGS", PEER)
SECOND = ("schuss Newton", "schuss Newton-CG", "schuss BFGS", "schuss SR1", PEER)
METHOD = "L-BFGS with bounds"  # of iterations
SIZES = (100, 10_000, bench_solvers.MANY)


@dataclass
class Witness:
    """The functions of a problem, which remember where they were asked, and what they said."""

    problem: Bounded

    def __post_init__(self) -> None:
        self.outside = False
        self.values: dict[int, float] = {}

    def __call__(self, x: Array) -> tuple[Any, Array]:
        """The value and the gradient."""
        self._see(x)
        f, g = self.problem.value_and_gradient(x)
        self.values[hash(x.tobytes())] = float(f)
        return f, g

    def hessian(self, x: Array) -> Array:
        """Dense."""
        self._see(x)
        return self.problem.hessian(x)

    def product(self, x: Array, v: Array) -> Array:
        """The Hessian times v."""
        self._see(x)
        return self.problem.hessian_product(x, v)

    def _see(self, x: Array) -> None:
        self.outside |= bool(((x < self.problem.lower) | (x > self.problem.upper)).any())

    def fault(self, found: Any, solved: bool) -> str:
        """What is wrong with a result, in words; empty where all is right."""
        self._see(found.x)
        if self.outside:
            return "outside"
        if self.values.get(hash(found.x.tobytes())) != found.fun:
            return "fun is not f(x)"
        if bool(found.success) != solved and "rounding" not in found.message:
            return "false failure" if solved else "false success"
        return ""


def attempt(module: str, method: str, problem: Bounded, most: int = CAP) -> Run:
    """One solver on one problem, with at most so many evaluations."""
    witness = Witness(problem)
    function = Counted(witness, most, witness.hessian)
    options: dict[str, object] = {"gtol": GTOL, "maxiter": most}
    if method == "L-BFGS-B":
        options |= {"maxcor": HISTORY, "maxfun": most, "ftol": 0.0}
    second: dict[str, dict[str, Any]] = {
        "newton": {"hess": function.hessian},
        "newton_cg": {"hessp": witness.product},
    }
    try:
        found = optional(module).minimize(
            function,
            problem.start,
            jac=True,
            method=method,
            bounds=list(zip(problem.lower, problem.upper, strict=True)),
            options=options,
            **second.get(method, {}),
        )
    except EnoughError:
        fault = "outside" if witness.outside else ""
        return Run(problem.name, most, solved=False, success=False, fault=fault)
    solved = bool(np.abs(problem.projected_gradient(found.x)).max() <= GTOL)
    fault = witness.fault(found, solved)
    return Run(problem.name, function.count, solved, bool(found.success), function.hessians, fault)


def _trial(group: str, solver: str, problems: Iterable[Bounded]) -> Trial:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runs = tuple(attempt(*SOLVERS[solver], problem) for problem in problems)
    except AbsentError as reason:
        return Trial(group, solver, (), str(reason))
    return Trial(group, solver, runs)


def solved(plan: Plan) -> Iterator[Trial]:
    """What is solved of the problems with bounds, in how many evaluations."""
    problems = bounded_problems()
    with all_threads(plan.threads):
        for solver in FIRST:
            yield _trial(GROUP, solver, problems)


def second_order(plan: Plan) -> Iterator[Trial]:
    """The same with matrices and with Hessians, of at most 50 variables."""
    problems = bounded_problems(SMALL)
    with all_threads(plan.threads):
        for solver in SECOND:
            yield _trial(CURVED, solver, problems)


def iterations(plan: Plan) -> Iterator[Comparison]:
    """How long an iteration takes with bounds, with one pair and with none, beside SciPy's."""
    return bench_solvers.measure(METHOD, SIZES, plan)
