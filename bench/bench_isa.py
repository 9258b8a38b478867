"""What each instruction set is worth: one thread, sizes that fit the caches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bench import peers
from bench.cases import Work
from bench.harness import Plan, interleave, tagged
from bench.peers import optimizers
from bench.results import Comparison

SIZES = (1_000, 10_000, 50_000, 500_000)
OPTIMIZERS = ("SGD", "AdamW")


def measure(plan: Plan) -> Iterator[Comparison]:
    """What instruction sets are worth by size, in cache, on one thread."""
    isas = peers.optional("schuss").config.available_isas()
    for name in OPTIMIZERS:
        for length in SIZES:
            work = Work(name, 1, length, threads=1)
            candidates = [replace(optimizers.schuss(replace(work, isa=i)), name=i) for i in isas]
            yield tagged(interleave(work.label, candidates, plan.settings), "isa", 1, length)
