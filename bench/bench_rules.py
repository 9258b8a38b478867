"""Every rule out of cache, in turn with a copy that moves the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bench import cases, peers
from bench.ceiling import NAME as CEILING
from bench.ceiling import ceiling
from bench.harness import Plan, interleave, tagged
from bench.peers import optimizers
from bench.results import Comparison

GROUP = "rules"


def measure(plan: Plan) -> Iterator[Comparison]:
    """How near every rule comes to a copy of the same bytes, out of cache.

    Only the ceiling is beside each: with nine rules between two visits to the ceiling, its
    bandwidth was up to 20 % from theirs.
    """
    works = cases.rule_works(peers.optional("schuss"), plan.threads)
    for family in (works, {rule: cases.in_float64(work) for rule, work in works.items()}):
        for size in sorted({work.bytes for work in family.values()}):
            rules = {rule: work for rule, work in family.items() if work.bytes == size}
            copy, skipped = peers.gather(((CEILING, ceiling),), next(iter(rules.values())))
            for rule, work in rules.items():
                label = f"{rule}, {work.dtype}, {work.bytes // work.length} bytes a parameter"
                candidates = [*copy, replace(optimizers.schuss(work), name=rule)]
                measured = interleave(label, candidates, plan.settings, skipped=skipped)
                yield tagged(measured, f"{GROUP}, {work.dtype}", 1, work.length)
