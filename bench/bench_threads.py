"""Threads by size; where they begin to pay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench import peers
from bench.cases import LARGE, Work
from bench.harness import Plan, interleave, tagged
from bench.peers import optimizers
from bench.results import Comparison

SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000, LARGE)
PAYS = 1.05  # threads pay from where they save 5 %


def counts(cores: int) -> list[int]:
    """1, 2, 4, ... and all cores."""
    doubling = [1 << k for k in range(cores.bit_length())]
    return sorted({n for n in doubling if n < cores} | {cores})


def name(threads: int) -> str:
    """Of a candidate."""
    return f"{threads} thread{'s' if threads > 1 else ''}"


def measure(plan: Plan) -> Iterator[Comparison]:
    """What threads are worth by size, and from which size on."""
    for length in SIZES:
        work = Work("AdamW", 1, length, threads=1)
        candidates = [
            replace(optimizers.schuss(replace(work, threads=n)), name=name(n))
            for n in counts(peers.available_cores())
        ]
        label = f"AdamW, {length:,}, float32"
        yield tagged(interleave(label, candidates, plan.settings), "threads", 1, length)


def threshold(comparisons: Sequence[Comparison]) -> int | None:
    """The smallest size from which on some number of threads always beats one."""
    found = None
    for c in sorted(comparisons, key=lambda c: c.length, reverse=True):
        rivals = [other for other in c.timings if other != name(1)]
        if not any(c.ratio(name(1), rival) >= PAYS for rival in rivals):
            break
        found = c.length
    return found
