"""What can be asked: THE list, by group and name; a docstring says what it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

from bench import (
    bench_bounds,
    bench_fits,
    bench_import,
    bench_isa,
    bench_linalg,
    bench_logistic,
    bench_memory,
    bench_newton,
    bench_profile,
    bench_ranks,
    bench_rules,
    bench_solvers,
    bench_threads,
    bench_torch,
    bench_update,
)
from bench.harness import Plan
from bench.results import Comparison, Memory, Trial

Measured = Comparison | Memory | Trial
Measure = Callable[[Plan], Iterable[Measured]]

GROUPS: dict[str, dict[str, Measure]] = {
    "optimizers": {
        "update": bench_update.update,
        "clip": bench_update.clip,
        "unfused": bench_update.unfused,
        "rules": bench_rules.measure,
        "numpy": bench_update.numpy,
        "step-memory": bench_memory.steps,
    },
    "solvers": {
        "lbfgs": bench_solvers.lbfgs,
        "lbfgs-huge": bench_solvers.lbfgs_huge,
        "bfgs": bench_solvers.bfgs,
        "profile": bench_profile.standard,
        "float32": bench_profile.single,
        "solver-memory": bench_memory.solvers,
        "logistic": bench_logistic.measure,
    },
    "linalg": {
        "systems": bench_linalg.systems,
        "cholesky": bench_linalg.cholesky,
        "batches": bench_linalg.batches,
    },
    "newton": {
        "newton-iteration": bench_newton.alone,
        "newton-batch": bench_newton.batch,
        "newton-profile": bench_profile.second_order,
        "newton-logistic": bench_logistic.measure_newton,
    },
    "bounds": {
        "bounds-solved": bench_bounds.solved,
        "bounds-newton": bench_bounds.second_order,
        "bounds-iteration": bench_bounds.iterations,
    },
    "fits": {
        "fits-nist": bench_fits.nist,
        "fits-batch": bench_fits.batch,
    },
    "torch": {
        "torch-steps": bench_torch.steps,
        "torch-clip": bench_torch.clip,
        "torch-epochs": bench_torch.epochs,
        "torch-lbfgs": bench_torch.lbfgs,
    },
    "ranks": {
        "ranks-step": bench_ranks.measure,
        "ranks-constants": bench_ranks.constants,
    },
    "machine": {
        "isa": bench_isa.measure,
        "threads": bench_threads.measure,
        "import": bench_import.measure,
    },
}
QUESTIONS = {name: measure for group in GROUPS.values() for name, measure in group.items()}


def text(name: str) -> str:
    """What a question asks."""
    return (inspect.getdoc(QUESTIONS[name]) or "").partition("\n")[0]


def chosen(words: Iterable[str]) -> list[str]:
    """The questions that are named, alone or by their group, once each and in the list's order."""
    wanted = {name for word in words for name in GROUPS.get(word, (word,))}
    return [name for name in QUESTIONS if name in wanted]
