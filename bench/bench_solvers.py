"""What an iteration of a solver takes beyond the objective.

Everyone minimizes the same quadratic from the same start. Time counts between the end of one
evaluation and the beginning of the next, after the first iterations: the history is full then, and
neither start nor end of a run is in the figure.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from bench import cases, ceiling, peers
from bench.cases import Array
from bench.harness import Candidate, Clock, Plan, interleave, tagged
from bench.machine import available_memory
from bench.peers import AbsentError, all_threads
from bench.peers.solvers import HISTORY, PAUSE, SOLVERS, WITH_BOUNDS, Limits
from bench.results import Comparison, Settings

SKIP = HISTORY + 2  # iterations until the history is full and all memory was touched
STREAMS = 4 * HISTORY + 10  # vectors that an iteration of L-BFGS reads or writes: the model
CONDITION = 1e4
MANY, HUGE = 1_000_000, 10_000_000  # n
ROOM = 80  # vectors that a solver and the ceilings may need, with room to spare
SIZES = (100, 100_000, MANY, 4_000_000)  # of L-BFGS
BETWEEN = (1_000, 10_000)  # for its curve
DENSE = 1_000  # of BFGS
NAMES = {
    "L-BFGS": {
        "schuss": "schuss L-BFGS",
        "float32 history": "schuss L-BFGS, float32 history",
        "SciPy": "SciPy L-BFGS-B",
        "torch": "torch LBFGS",
    },
    "BFGS": {"schuss": "schuss BFGS", "SciPy": "SciPy BFGS"},
    "L-BFGS with bounds": {  # none of which is reached, so that everyone does the same
        "schuss": "schuss L-BFGS, bounds",
        "one pair": "schuss L-BFGS, one pair of bounds",
        "no bounds": "schuss L-BFGS",
        "SciPy": "SciPy L-BFGS-B, bounds",
    },
}


class Quadratic:
    """Half of x D x, D from 1 to 10^4: an elementwise product and einsum, so no BLAS, no threads.

    The gradient is always in the same memory, as no L-BFGS keeps it; SciPy's BFGS does, and then
    everyone gets new memory.
    """

    def __init__(self, n: int, keeps: bool = False) -> None:
        self._scale = np.geomspace(1, CONDITION, n)
        self._gradient = None if keeps else np.zeros(n)

    def __call__(self, x: Array) -> tuple[float, Array]:
        """The value and the gradient."""
        gradient = np.multiply(self._scale, x, out=self._gradient)
        return 0.5 * float(np.einsum("i,i->", x, gradient)), gradient


class Watch:
    """An objective with a clock that runs only between evaluations, after the first `skip`."""

    def __init__(self, function: Callable[..., Any], clock: Clock = time.perf_counter_ns) -> None:
        self._function, self._clock = function, clock
        self._left = self._total = 0
        self.evaluations = 0
        self.skip = sys.maxsize

    def __call__(self, *point: Any) -> Any:
        """Evaluate, off the clock."""
        return self.off_clock(self._function, *point)

    def off_clock(self, function: Callable[..., Any], *point: Any) -> Any:
        """Evaluate what else the solver asks for, a Hessian say."""
        entered = self._clock()
        if self.evaluations >= self.skip:
            self._total += entered - self._left
        self.evaluations += 1
        answer = function(*point)
        self._left = self._clock()
        return answer

    def clock(self) -> int:
        """Nanoseconds in which the solver worked."""
        return self._total

    def begin(self, skip: int) -> None:
        """Count evaluations from 0."""
        self.evaluations, self.skip = 0, skip

    def timed(self, call: Callable[[], object]) -> Callable[[], object]:
        """Work without evaluations: once off the clock, to wake threads, and once on it."""

        def both() -> None:
            call()
            begin = self._clock()
            call()
            self._total += self._clock() - begin

        return both


def group(method: str) -> str:
    """Of the comparisons of one method."""
    return f"iterations of {method}"


@dataclass(frozen=True)
class Work:
    """Some iterations of one method on n variables."""

    method: str
    n: int
    threads: int

    @property
    def label(self) -> str:
        """One line for tables."""
        return f"{self.method}, n = {self.n:,}, float64, {self.threads} threads"

    @property
    def group(self) -> str:
        """What its comparison belongs to."""
        return group(self.method)

    @property
    def bytes(self) -> int:
        """What an iteration moves by the model of the method."""
        return (self.n * self.n if self.method == "BFGS" else STREAMS * self.n) * 8

    @property
    def long(self) -> bool:
        """Whether someone needs seconds for a run."""
        return self.n >= MANY or self.method == "BFGS"

    @property
    def iterations(self) -> int:
        """How many are timed in one run."""
        return 10 if self.long else 40

    def settings(self, given: Settings) -> Settings:
        """A long run needs no calls that are thrown away, and few rounds."""
        given = replace(given, pause=PAUSE)
        if not self.long:
            return given
        rounds = min(given.rounds, 3 if self.n >= HUGE else 9)
        return replace(given, rounds=rounds, visit=10 * given.visit, warm=0)


def _solver(work: Work, *, name: str, watch: Watch, counts: dict[str, int]) -> Candidate:
    """Runs of a fixed number of iterations; `counts` learns how many evaluations were timed."""
    solve, start = {**SOLVERS, **WITH_BOUNDS}[NAMES[work.method][name]], np.ones(work.n)

    def run(iterations: int, skip: int) -> None:
        watch.begin(skip)
        made = solve(watch, start, Limits(iterations=iterations)).iterations
        if made != iterations:
            raise AbsentError(f"it ended after {made} iterations")

    run(SKIP, sys.maxsize)
    skip = watch.evaluations

    def call() -> None:
        run(SKIP + work.iterations, skip)
        counts[name] = watch.evaluations - skip

    return Candidate(name, call, work.bytes, passes=work.iterations)


def _ceiling(work: Work, *, make: Callable[[Work], Candidate], watch: Watch) -> Candidate:
    """The part of an iteration that moves as many bytes."""
    c = make(work)
    part = c.passes * c.bytes / work.bytes
    return replace(c, call=watch.timed(c.call), bytes=work.bytes, passes=part)


# Of long arrays for every n: what an iteration touches is out of cache, one array may not be.
CEILINGS: dict[str, Callable[[Work], Candidate]] = {
    ceiling.ONE_TO_ANOTHER: lambda work: ceiling.copy_ceiling(HUGE, work.threads),
    ceiling.NAME: lambda work: ceiling.ceiling(
        cases.Work("AdaGrad", 1, HUGE, work.threads, "float64")  # one slot: two arrays are written
    ),
    ceiling.READ: lambda work: ceiling.read_ceiling(HUGE, work.threads),
}


def compare(work: Work, settings: Settings) -> Comparison:
    """Everyone who has the method, and the ceilings where vectors are out of cache."""
    names = NAMES[work.method]
    needed, memory = ROOM * 8 * work.n, available_memory()
    if memory is not None and memory < needed:
        reason = f"n = {work.n:,} needs {needed / 1e9:.1f} GB of free memory"
        return tagged(
            Comparison(work.label, {}, dict.fromkeys(names, reason)), work.group, 1, work.n
        )
    watch = Watch(Quadratic(work.n, keeps=work.method == "BFGS"))
    counts: dict[str, int] = {}
    makers = [(name, partial(_solver, name=name, watch=watch, counts=counts)) for name in names]
    if work.n >= MANY:
        makers += [
            (name, partial(_ceiling, make=make, watch=watch)) for name, make in CEILINGS.items()
        ]
    candidates, skipped = peers.gather(makers, work)
    measured = interleave(
        work.label, candidates, work.settings(settings), skipped=skipped, clock=watch.clock
    )
    timings = {
        name: replace(timing, note=f"{counts[name] / work.iterations:.2f} evaluations")
        if name in counts
        else timing
        for name, timing in measured.timings.items()
    }
    return tagged(replace(measured, timings=timings), work.group, 1, work.n)


def measure(method: str, sizes: Iterable[int], plan: Plan) -> Iterator[Comparison]:
    """One method by size."""
    with all_threads(plan.threads):
        for n in sizes:
            yield compare(Work(method, n, plan.threads), plan.settings)


def lbfgs(plan: Plan) -> Iterator[Comparison]:
    """How long an iteration of L-BFGS takes beyond the objective, beside SciPy and torch."""
    return measure("L-BFGS", sorted(SIZES + (BETWEEN if plan.curves else ())), plan)


def lbfgs_huge(plan: Plan) -> Iterator[Comparison]:
    """The same at n = 10^7, and how near it comes to copies of as many bytes."""
    return measure("L-BFGS", [HUGE], plan)


def bfgs(plan: Plan) -> Iterator[Comparison]:
    """How long an iteration of BFGS takes beyond the objective, beside SciPy."""
    return measure("BFGS", [DENSE], plan)
