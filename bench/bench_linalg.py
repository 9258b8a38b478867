"""Dense factorization: positive definite systems, Cholesky against the peak of a core, batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial

import numpy as np

from bench import ceiling, peers
from bench.cases import Array
from bench.harness import Candidate, Comparison, Settings, interleave, tagged
from bench.peers import optional
from bench.solvers import PAUSE, blas_threads

SYSTEMS, FACTOR, BATCHES = "positive definite systems", "Cholesky", "batches of systems"
ORDERS = (32, 128, 256, 512, 1_000, 2_000)
LARGEST = ORDERS[-1]
SMALL = (4, 8, 16, 32)
COUNT = 10_000  # systems in a batch
TWO = "schuss, 2 threads"

Solve = Callable[[Array, Array], Callable[[], object]]


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """For schuss and torch; those of BLAS are set once for all."""
    config = optional("schuss").config
    before = config.get_num_threads()
    config.set_num_threads(count)
    try:
        yield
    finally:
        config.set_num_threads(before)


def _matrices(n: int, *count: int) -> Array:
    """Random and well conditioned."""
    factor = np.random.default_rng(0).standard_normal((*count, n, n))
    return factor @ np.swapaxes(factor, -1, -2) + n * np.eye(n)


def _schuss(a: Array, b: Array) -> Callable[[], object]:
    return partial(optional("schuss").linalg.solve_spd, a, b)


def _scipy(a: Array, b: Array) -> Callable[[], object]:
    linalg = optional("scipy.linalg")
    return lambda: linalg.cho_solve(linalg.cho_factor(a, check_finite=False), b, check_finite=False)


def _numpy(a: Array, b: Array) -> Callable[[], object]:
    right = b if a.ndim == 2 else b[..., None]
    return partial(np.linalg.solve, a, right)


def _torch(a: Array, b: Array) -> Callable[[], object]:
    torch = optional("torch")
    matrix, right = torch.from_numpy(a), torch.from_numpy(b)[..., None]
    return lambda: torch.cholesky_solve(right, torch.linalg.cholesky(matrix))


def _flops(n: int) -> float:
    return n**3 / 3


def _candidate(name: str, *, solve: Solve, a: Array, b: Array, threads: int) -> Candidate:
    around: Callable[[], AbstractContextManager[object]] = partial(_threads, threads)
    return Candidate(name, solve(a, b), float(a.nbytes), around=around)


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
    candidates, skipped = peers.gather(makers, None)
    return tagged(interleave(label, candidates, settings, skipped=skipped), group, 1, n)


def _factor(settings: Settings) -> Comparison:
    """Cholesky alone, on one thread and on two, beside the peak of one core."""
    a = _matrices(LARGEST)
    ours = partial(optional("schuss").linalg.cholesky, a)
    call, flops = ceiling.multiply_adds()
    size = float(a.nbytes)
    candidates = [
        Candidate("schuss", ours, size, around=partial(_threads, 1)),
        Candidate(TWO, ours, size, around=partial(_threads, 2)),
        Candidate("NumPy", partial(np.linalg.cholesky, a), size),
        Candidate(ceiling.PEAK, call, size, passes=flops / _flops(LARGEST)),
    ]
    comparison = interleave(f"n = {LARGEST:,}, 1 thread", candidates, settings)
    return tagged(comparison, FACTOR, 1, LARGEST)


def measure(rows: Sequence[int], settings: Settings) -> Iterator[Comparison]:
    """What rows 1 to 4 need."""
    settings = replace(settings, pause=PAUSE)
    long = replace(settings, rounds=min(settings.rounds, 11), warm=0)
    one = {"schuss": _schuss, "SciPy": _scipy, "NumPy": _numpy}
    many = {"schuss": _schuss, "NumPy": _numpy, "torch": _torch}
    with blas_threads(1):
        for n in ORDERS if 1 in rows else ():
            label = f"n = {n:,}, 1 thread"
            yield _compare(label, SYSTEMS, n, one, settings if n < 1_000 else long)
        if {2, 3} & set(rows):
            yield _factor(long)
    for n in SMALL if 4 in rows else ():
        yield _compare(f"{COUNT:,} of n = {n}, 2 threads", BATCHES, n, many, long, COUNT)
