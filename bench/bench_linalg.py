"""Dense factorization: positive definite systems, Cholesky against the peak of a core, batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from bench import ceiling
from bench.cases import Array
from bench.harness import Candidate, Plan, interleave, tagged
from bench.peers import blas_threads, gather, linalg, optional, own_threads
from bench.peers.linalg import Solve
from bench.peers.solvers import PAUSE
from bench.results import Comparison, Settings

SYSTEMS, FACTOR, BATCHES = "positive definite systems", "Cholesky", "batches of systems"
ORDERS = (32, 128, 256, 512, 1_000, 2_000)
LARGEST = ORDERS[-1]
SMALL = (4, 8, 16, 32)
COUNT = 10_000  # systems in a batch
TWO = "schuss, 2 threads"


def _matrices(n: int, *count: int) -> Array:
    """Random and well conditioned."""
    factor = np.random.default_rng(0).standard_normal((*count, n, n))
    return factor @ np.swapaxes(factor, -1, -2) + n * np.eye(n)


def _flops(n: int) -> float:
    return n**3 / 3


def _candidate(name: str, *, solve: Solve, a: Array, b: Array, threads: int) -> Candidate:
    return Candidate(name, solve(a, b), float(a.nbytes), around=partial(own_threads, threads))


def _long(settings: Settings) -> Settings:
    """For calls that need no others before them."""
    return replace(settings, pause=PAUSE, rounds=min(settings.rounds, 11), warm=0)


def _compare(
    label: str, group: str, n: int, solves: Mapping[str, Solve], settings: Settings, *count: int
) -> Comparison:
    """Everyone solves the same; a batch on both threads, one system on one."""
    a, b = _matrices(n, *count), np.ones((*count, n))
    threads = 2 if count else 1
    makers = [
        (
            name,
            lambda _, name=name, solve=solve: _candidate(
                name, solve=solve, a=a, b=b, threads=threads
            ),
        )
        for name, solve in solves.items()
    ]
    candidates, skipped = gather(makers, None)
    return tagged(interleave(label, candidates, settings, skipped=skipped), group, 1, n)


def _factor(settings: Settings) -> Comparison:
    """Cholesky alone, on one thread and on two, beside the peak of one core."""
    a = _matrices(LARGEST)
    ours = partial(optional("schuss").linalg.cholesky, a)
    call, flops = ceiling.multiply_adds()
    size = float(a.nbytes)
    candidates = [
        Candidate("schuss", ours, size, around=partial(own_threads, 1)),
        Candidate(TWO, ours, size, around=partial(own_threads, 2)),
        Candidate("NumPy", partial(np.linalg.cholesky, a), size),
        Candidate(ceiling.PEAK, call, size, passes=flops / _flops(LARGEST)),
    ]
    comparison = interleave(f"n = {LARGEST:,}, 1 thread", candidates, settings)
    return tagged(comparison, FACTOR, 1, LARGEST)


def systems(plan: Plan) -> Iterator[Comparison]:
    """How long a positive definite system takes on one thread, beside SciPy and NumPy."""
    with blas_threads(1):
        for n in ORDERS:
            short = replace(plan.settings, pause=PAUSE)
            how = short if n < 1_000 else _long(plan.settings)
            yield _compare(f"n = {n:,}, 1 thread", SYSTEMS, n, linalg.ONE, how)


def cholesky(plan: Plan) -> Iterator[Comparison]:
    """The share of a core's peak of multiply-adds, and what two threads are worth."""
    with blas_threads(1):
        yield _factor(_long(plan.settings))


def batches(plan: Plan) -> Iterator[Comparison]:
    """How long many small systems take on two threads, beside NumPy and torch."""
    for n in SMALL:
        label = f"{COUNT:,} of n = {n}, 2 threads"
        yield _compare(label, BATCHES, n, linalg.MANY, _long(plan.settings), COUNT)
