"""Newton's own time for an iteration, alone and in a batch, beyond the objective.

Everyone goes from the same start to the same gtol. Time counts between evaluations, from the end of
the first to the beginning of the last: neither start nor end of a run is in the figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bench import peers
from bench.bench_solvers import Watch
from bench.cases import Array
from bench.harness import Candidate, Plan, interleave, tagged
from bench.peers import all_threads, optional
from bench.peers.solvers import NEWTON, PAUSE, SECOND_ORDER, TRUST_EXACT, Limits
from bench.results import Comparison, Settings

ALONE, BATCH = "iterations of Newton", "iterations of a batch"  # groups
ORDERS = (2, 4, 8, 16, 32)
GTOL = 1e-8
PROBLEMS, VARIABLES, POINTS = 1_000, 10, 40
FEW = 20  # of the problems, for a peer that takes them one by one


class Rosenbrock:
    """The extended function of even n from its standard start, with a clock for the rest."""

    def __init__(self, n: int) -> None:
        self.start = np.tile([-1.2, 1.0], n // 2)
        self.watch = Watch(self._values)

    def __call__(self, x: Array) -> tuple[float, Array]:
        """The value and the gradient, off the clock."""
        found: tuple[float, Array] = self.watch(x)
        return found

    def hessian(self, x: Array) -> Array:
        """Dense, off the clock."""
        found: Array = self.watch.off_clock(self._hessian, x)
        return found

    def _values(self, x: Array) -> tuple[float, Array]:
        a, b = x[::2], x[1::2]
        rest = b - a * a
        gradient = np.empty_like(x)
        gradient[::2] = 2 * (a - 1) - 400 * a * rest
        gradient[1::2] = 200 * rest
        return float(100 * rest @ rest + (1 - a) @ (1 - a)), gradient

    def _hessian(self, x: Array) -> Array:
        a, b = x[::2], x[1::2]
        diagonal = np.full(x.size, 200.0)
        diagonal[::2] = 2 + 1200 * a * a - 400 * b
        beside = np.zeros(x.size - 1)
        beside[::2] = -400 * a
        return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def _alone(function: Rosenbrock, *, solver: str) -> Candidate:
    solve, limits = SECOND_ORDER[solver], Limits(gtol=GTOL)
    iterations = solve(function, function.start, limits).iterations

    def call() -> None:
        function.watch.begin(1)
        solve(function, function.start, limits)

    size = 8.0 * function.start.size**2
    name = "schuss" if solver == NEWTON else solver
    return Candidate(name, call, size, note=f"{iterations} iterations", passes=iterations)


def _compare_alone(n: int, settings: Settings) -> Comparison:
    function = Rosenbrock(n)
    makers = [(solver, partial(_alone, solver=solver)) for solver in (NEWTON, TRUST_EXACT)]
    candidates, skipped = peers.gather(makers, function)
    measured = interleave(
        f"n = {n}", candidates, settings, skipped=skipped, clock=function.watch.clock
    )
    return tagged(measured, ALONE, 1, n)


class Regressions:
    """Logistic regressions, each on its own points, with a penalty of |x|^2 / 20."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.points = rng.standard_normal((PROBLEMS, POINTS, VARIABLES))
        weights = rng.standard_normal((PROBLEMS, VARIABLES, 1))
        noise = rng.logistic(size=(PROBLEMS, POINTS))
        self.points *= np.sign((self.points @ weights)[..., 0] + noise)[..., None]
        self.start = np.zeros((PROBLEMS, VARIABLES))
        self.watch = Watch(self.values)

    def values(self, x: Array, index: Array, with_hessians: bool) -> tuple[Array, ...]:
        """Of many problems at once."""
        points = self.points[index]
        margin = np.einsum("kij,kj->ki", points, x)
        wrong = 0.5 - 0.5 * np.tanh(margin / 2)  # the probability of the other label
        f = np.logaddexp(0, -margin).sum(1) + 0.05 * (x * x).sum(1)
        g = 0.1 * x - np.einsum("kij,ki->kj", points, wrong)
        if not with_hessians:
            return f, g
        weighted = points * (wrong * (1 - wrong))[..., None]
        return f, g, np.swapaxes(weighted, 1, 2) @ points + 0.1 * np.eye(VARIABLES)


def _batch(function: Regressions, *, method: str) -> Candidate:
    batch = optional("schuss").minimize_batch
    newton = method == "newton"

    def call() -> Any:
        function.watch.begin(1)
        return batch(function.watch, function.start, (newton,), method=method, gtol=GTOL)

    iterations = int(call().nit.sum())
    size = 8.0 * VARIABLES**2
    note = f"{iterations / PROBLEMS:.1f} iterations a problem"
    name = "schuss" if newton else f"schuss {method}"
    return Candidate(name, call, size, note=note, passes=iterations)


def _one_by_one(function: Regressions, *, module: str, method: str) -> Candidate:
    minimize = optional(module).minimize

    def solve(k: int) -> int:
        index = np.array([k])

        def values(x: Array, with_hessians: bool) -> tuple[Array, ...]:
            return tuple(v[0] for v in function.values(x[None], index, with_hessians))

        function.watch.begin(1)
        found = minimize(
            lambda x: function.watch.off_clock(values, x, False),
            function.start[k],
            jac=True,
            hess=lambda x: function.watch.off_clock(lambda x: values(x, True)[2], x),
            method=method,
            options={"gtol": GTOL},
        )
        return int(found.nit)

    iterations = sum(map(solve, range(FEW)))

    def call() -> None:
        for k in range(FEW):
            solve(k)

    size = 8.0 * VARIABLES**2
    return Candidate(f"{module} {method}, one by one", call, size, passes=iterations)


def _compare_batch(settings: Settings) -> Comparison:
    function = Regressions()
    makers: list[tuple[str, Callable[[Regressions], Candidate]]] = [
        (f"schuss {method}", partial(_batch, method=method)) for method in ("newton", "lbfgs")
    ]
    makers += [
        (f"{module} {method}, one by one", partial(_one_by_one, module=module, method=method))
        for module, method in (("schuss", "newton"), ("scipy.optimize", "trust-exact"))
    ]
    candidates, skipped = peers.gather(makers, function)
    label = f"{PROBLEMS:,} logistic regressions, n = {VARIABLES}, 2 threads"
    measured = interleave(label, candidates, settings, skipped=skipped, clock=function.watch.clock)
    return tagged(measured, BATCH, PROBLEMS, VARIABLES)


def alone(plan: Plan) -> Iterator[Comparison]:
    """How long an iteration takes beyond the objective, beside SciPy's trust-exact."""
    with all_threads(plan.threads):
        for n in ORDERS:
            yield _compare_alone(n, replace(plan.settings, pause=PAUSE, warm=0))


def batch(plan: Plan) -> Iterator[Comparison]:
    """How long a problem's iteration takes in a batch of 1,000, beside one by one."""
    with all_threads(plan.threads):
        yield _compare_batch(replace(plan.settings, pause=PAUSE, warm=0))
