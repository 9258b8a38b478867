"""Rows 5 to 10 of the acceptance table: required, measured, verdict.

The verdict goes by the median of the ratios taken within each round, in which drift of the machine
cancels; the ratio of the medians stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.bench_memory import MIB, Memory
from bench.bench_update import FOREACH, FUSED, NUMPY
from bench.cases import LARGE
from bench.ceiling import NAME as CEILING
from bench.harness import Comparison

ROWS = (5, 6, 7, 8, 9, 10)
GROUPS = {5: "update", 6: "clip", 7: "unfused", 8: "rules", 9: "numpy"}
UPDATE_REQUIRED = {
    (1, 1_000): 10.0,
    (100, 1_000): 12.0,
    (1, 100_000): 3.0,
    (1, 1_000_000): 1.7,
    (500, 10_000): 1.7,
    (1, LARGE): 1.0,
}
REQUIRED = {6: 1.3, 7: 5.0, 9: 8.0}
PEERS = {5: FUSED[0], 6: FUSED[0], 7: FOREACH[0], 9: NUMPY[0]}
OF_CEILING = 0.90


@dataclass(frozen=True)
class Line:
    """One figure of the table."""

    row: int
    what: str
    required: str
    measured: str
    verdict: str


def _verdict(passed: bool) -> str:
    return "pass" if passed else "FAIL"


def _absent(row: int, what: str, required: str, reason: str) -> Line:
    return Line(row, what, required, "-", f"not measured ({reason})")


def _faster(row: int, comparison: Comparison, factor: float) -> Line:
    """The peer's time over ours must be at least a factor."""
    peer = PEERS[row]
    what, required = f"{peer} over schuss: {comparison.label}", f"at least {factor:g}"
    if reason := comparison.missing("schuss", peer):
        return _absent(row, what, required, reason)
    ratio, by_round = comparison.ratio(peer, "schuss"), comparison.round_ratio(peer, "schuss")
    measured = f"{by_round:.2f} (of medians {ratio:.2f})"
    return Line(row, what, required, measured, _verdict(by_round >= factor))


def _ceiling(group: str, comparisons: Sequence[Comparison]) -> Line:
    """Even the slowest rule must come near the copy of the same bytes."""
    required = f"at least {OF_CEILING:.0%}"
    if reason := comparisons[0].missing(CEILING):
        return _absent(8, f"{group} against the {CEILING}", required, reason)
    slowest = min(comparisons, key=lambda c: c.round_ratio(CEILING, _rule(c)))
    rule = _rule(slowest)
    what = f"{CEILING} over schuss, slowest of {len(comparisons)}: {slowest.label}"
    share, by_round = slowest.ratio(CEILING, rule), slowest.round_ratio(CEILING, rule)
    measured = f"{by_round:.1%} (of medians {share:.1%})"
    return Line(8, what, required, measured, _verdict(by_round >= OF_CEILING))


def _rule(comparison: Comparison) -> str:
    """The candidate beside the ceiling."""
    return next(name for name in comparison.timings if name != CEILING)


def _memory(memory: Memory) -> Line:
    """The extra memory of one case must stay under 1 MiB a thread."""
    what = f"extra memory, {memory.case}, 2^24, {memory.threads} threads"
    if memory.extra is None:
        return _absent(10, what, "under 1 MiB a thread", memory.skipped)
    share = memory.extra / MIB / memory.threads
    return Line(10, what, "under 1 MiB a thread", f"{share:.3f} MiB a thread", _verdict(share < 1))


def _factor(row: int, comparison: Comparison) -> float:
    size = (comparison.count, comparison.length)
    return UPDATE_REQUIRED[size] if row == 5 else REQUIRED[row]


def table(comparisons: Sequence[Comparison], memories: Sequence[Memory]) -> list[Line]:
    """The lines for everything that was measured, in row order."""
    lines: list[Line] = []
    for group in dict.fromkeys(c.group for c in comparisons):
        members = [c for c in comparisons if c.group == group]
        row = next((row for row, name in GROUPS.items() if group.startswith(name)), 0)
        if row == 8:
            lines.append(_ceiling(group, members))
        elif row:
            lines += [_faster(row, c, _factor(row, c)) for c in members]
    lines.sort(key=lambda line: line.row)
    return lines + [_memory(m) for m in memories]
