"""How long a step of one optimizer takes, beside the peers that can do it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench import cases
from bench.cases import Work
from bench.ceiling import NAME as CEILING
from bench.ceiling import ceiling
from bench.harness import Plan, interleave, tagged
from bench.peers import gather, optimizers
from bench.results import Comparison

SCHUSS = ("schuss", optimizers.schuss)
NUMPY = ("NumPy textbook", optimizers.numpy_textbook)
FUSED = ("torch fused", optimizers.torch_fused)
FOREACH = ("torch foreach", optimizers.torch_foreach)
OPTAX = ("optax jit", optimizers.optax_jit)
COPY = (CEILING, ceiling)

Makers = Iterable[tuple[str, optimizers.Maker]]


def _measure(group: str, works: Iterable[Work], makers: Makers, plan: Plan) -> Iterator[Comparison]:
    """Each piece of work with everything that can do it."""
    for work in works:
        candidates, skipped = gather(makers, work)
        measured = interleave(work.label, candidates, plan.settings, skipped=skipped)
        yield tagged(measured, group, work.count, work.length)


def update(plan: Plan) -> Iterator[Comparison]:
    """How long a step takes, beside torch fused, torch foreach, optax and NumPy."""
    makers = (SCHUSS, COPY, FUSED, FOREACH, OPTAX, NUMPY)
    yield from _measure("update", cases.update_works(plan.threads), makers, plan)
    if plan.curves:
        yield from _measure("sweep", cases.sweep_works(plan.threads), makers, plan)


def clip(plan: Plan) -> Iterator[Comparison]:
    """The same with a limit on the global norm, beside torch and optax."""
    makers = (SCHUSS, FUSED, FOREACH, OPTAX)
    return _measure("clip", [cases.clip_work(plan.threads)], makers, plan)


def unfused(plan: Plan) -> Iterator[Comparison]:
    """How long a step takes of a rule that torch has, but not fused."""
    makers = (SCHUSS, COPY, FOREACH, OPTAX, NUMPY)
    return _measure("unfused", cases.unfused_works(plan.threads), makers, plan)


def numpy(plan: Plan) -> Iterator[Comparison]:
    """How long the papers' formulas take in NumPy, on one thread."""
    return _measure("numpy", cases.numpy_works(), (SCHUSS, COPY, NUMPY), plan)
