"""Rows 5, 6, 7 and 9: a step of one optimizer, beside the peers that can do it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench import cases, peers
from bench.cases import Work
from bench.ceiling import NAME as CEILING
from bench.ceiling import ceiling
from bench.harness import Comparison, Settings, interleave, tagged

SCHUSS = ("schuss", peers.schuss)
NUMPY = ("NumPy textbook", peers.numpy_textbook)
FUSED = ("torch fused", peers.torch_fused)
FOREACH = ("torch foreach", peers.torch_foreach)
OPTAX = ("optax jit", peers.optax_jit)
COPY = (CEILING, ceiling)

Makers = Iterable[tuple[str, peers.Maker]]


def compare(group: str, work: Work, makers: Makers, settings: Settings) -> Comparison:
    """Measure one piece of work with everything that can do it."""
    candidates, skipped = peers.gather(makers, work)
    measured = interleave(work.label, candidates, settings, skipped=skipped)
    return tagged(measured, group, work.count, work.length)


def measure(group: str, threads: int, settings: Settings) -> Iterator[Comparison]:
    """All comparisons of one group: update, sweep, clip, unfused or numpy."""
    works, makers = {
        "update": (cases.update_works(threads), (SCHUSS, COPY, FUSED, FOREACH, OPTAX, NUMPY)),
        "sweep": (cases.sweep_works(threads), (SCHUSS, COPY, FUSED, FOREACH, OPTAX, NUMPY)),
        "clip": ([cases.clip_work(threads)], (SCHUSS, FUSED, FOREACH, OPTAX)),
        "unfused": (cases.unfused_works(threads), (SCHUSS, COPY, FOREACH, OPTAX, NUMPY)),
        "numpy": (cases.numpy_works(), (SCHUSS, COPY, NUMPY)),
    }[group]
    for work in works:
        yield compare(group, work, makers, settings)
