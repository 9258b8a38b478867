"""The acceptance rows of optimizers, solvers and factorizations: required, measured, verdict.

The verdict goes by the median of the ratios taken within each round, in which drift of the machine
cancels; the ratio of the medians stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench import bench_linalg, bench_memory, bench_newton, bench_solvers
from bench.bench_memory import MIB, Memory
from bench.bench_profile import (
    CURVED,
    CURVED_PAIR,
    PAIRS,
    SINGLE,
    SINGLE_OURS,
    SINGLE_PEER,
    STANDARD,
    Trial,
    mean_ratio,
)
from bench.bench_update import FOREACH, FUSED, NUMPY
from bench.cases import LARGE
from bench.ceiling import NAME as CEILING
from bench.ceiling import ONE_TO_ANOTHER, PEAK, READ
from bench.harness import Comparison
from bench.solvers import HISTORY, TRUST_EXACT

ROWS = {
    "rows": (5, 6, 7, 8, 9, 10),
    "solvers": (1, 2, 3, 4, 5, 6, 9),
    "linalg": (1, 2, 3, 4),
    "newton": (5, 6, 10),
}
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

# Of solvers: what row 1, 2 or 4 wants of the time of an iteration, by n.
ITERATIONS = {
    1: ("L-BFGS", "SciPy", {100: 6.0, 100_000: 10.0, 1_000_000: 8.0, 4_000_000: 8.0}),
    2: ("L-BFGS", "torch", {1_000_000: 1.6, 10_000_000: 5.0}),
    4: ("BFGS", "SciPy", {1_000: 50.0}),
}
OVER_COPY = 1.25
MORE_SOLVED = 0.03  # of all problems
VECTORS = 2 * HISTORY + 6

# Of factorizations: what the best peer's time over ours must be, by n.
SYSTEMS = {
    1: (
        bench_linalg.SYSTEMS,
        {32: 4.0, 128: 2.5, 256: 2.5, 512: 1.8, 1_000: 1.6, 2_000: 1.5},
    ),
    4: (bench_linalg.BATCHES, {4: 8.0, 8: 6.0, 16: 5.0, 32: 5.0}),
}
OF_PEAK, TWO_OVER_ONE = 0.65, 1.7

# Of Newton's method: the peer's time of an iteration over ours; ours in a batch.
OWN_TIME, BATCH_TIME = 10.0, 1e-6


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


def _faster(row: int, comparison: Comparison, peer: str, factor: float) -> Line:
    """The peer's time over ours must be at least a factor."""
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


def _optimizers(comparisons: Sequence[Comparison]) -> Iterator[Line]:
    for group in dict.fromkeys(c.group for c in comparisons):
        members = [c for c in comparisons if c.group == group]
        row = next((row for row, name in GROUPS.items() if group.startswith(name)), 0)
        if row == 8:
            yield _ceiling(group, members)
        elif row:
            yield from (_faster(row, c, PEERS[row], _factor(row, c)) for c in members)


def _iterations(comparisons: Sequence[Comparison]) -> Iterator[Line]:
    """Rows 1 to 4 of solvers."""
    for row, (method, peer, required) in ITERATIONS.items():
        for c in comparisons:
            if c.group == bench_solvers.group(method) and c.length in required:
                yield _faster(row, c, peer, required[c.length])
    yield from map(_traffic, (c for c in comparisons if c.length == bench_solvers.HUGE))


def _traffic(comparison: Comparison) -> Line:
    """An iteration against copies of as many bytes, with the other ceilings beside it."""
    what, required = f"schuss over {ONE_TO_ANOTHER}: {comparison.label}", f"at most {OVER_COPY:g}"
    if reason := comparison.missing("schuss", ONE_TO_ANOTHER, CEILING, READ):
        return _absent(3, what, required, reason)
    copy, in_place, read = (
        comparison.round_ratio("schuss", name) for name in (ONE_TO_ANOTHER, CEILING, READ)
    )
    measured = f"{copy:.2f} (over a copy in place {in_place:.2f}, over a {READ} {read:.2f})"
    return Line(3, what, required, measured, _verdict(copy <= OVER_COPY))


def _names(problems: Sequence[str]) -> str:
    return ", ".join(problems) or "none"


def _contest(ours: Trial, peer: Trial) -> Line:
    """All that the peer solves and some more, in no more evaluations or Hessians."""
    total, curved = len(ours.runs), ours.group == CURVED
    row, cost = (6, "Hessians") if curved else (5, "evaluations")
    what = f"{ours.solver} against {peer.solver}, {total} {ours.group}"
    required = f"all that it solves, 3 more per 100; {cost} at most 1"
    if reason := ours.skipped or peer.skipped:
        return _absent(row, what, required, reason)
    missing = sorted(peer.solved - ours.solved)
    more = len(ours.solved) - len(peer.solved)
    ratio = mean_ratio(*((t.hessians if curved else t.costs) for t in (ours, peer)))
    passed = not missing and more >= MORE_SOLVED * total and ratio <= 1
    counts = f"{len(ours.solved)} against {len(peer.solved)}, missing: {_names(missing)}"
    return Line(row, what, required, f"{counts}; {cost} {ratio:.4f}", _verdict(passed))


def _single(ours: Trial, peer: Trial) -> Line:
    """In float32 all that the peer solves in float64, and success where it is solved."""
    what = f"{ours.solver} in float32 against {peer.solver}"
    required = "all that it solves, no false failure"
    if reason := ours.skipped or peer.skipped:
        return _absent(6, what, required, reason)
    tried = {run.problem for run in ours.runs}
    wanted, false = peer.solved & tried, ours.false_failures
    missing = sorted(wanted - ours.solved)
    left_out = [run.problem for run in peer.runs if run.problem not in tried]
    measured = (
        f"{len(wanted) - len(missing)} of {len(wanted)}, missing: {_names(missing)}; "
        f"false failures: {_names(false)}; start not finite in float32: {_names(left_out)}"
    )
    return Line(6, what, required, measured, _verdict(not missing and not false))


def _trials(trials: Sequence[Trial]) -> Iterator[Line]:
    """Rows 5 and 6 of solvers, row 6 of Newton."""
    known = {(trial.group, trial.solver): trial for trial in trials}
    for line, group, pairs in (
        (_contest, STANDARD, PAIRS),
        (_contest, CURVED, [CURVED_PAIR]),
        (_single, SINGLE, [(ours, SINGLE_PEER) for ours in SINGLE_OURS]),
    ):
        for ours, peer in pairs:
            if (group, ours) in known and (group, peer) in known:
                yield line(known[group, ours], known[group, peer])


def _vectors(memories: Sequence[Memory]) -> Iterator[Line]:
    """Row 9 of solvers, with the peers beside ours; rounding up to pages and stacks are free."""
    vector = 8 * bench_memory.SOLVER_N
    peers = ", ".join(
        f"{m.case} {m.extra / vector:.1f}"
        for m in memories
        if m.case in bench_memory.SOLVER_PEERS and m.extra is not None
    )
    for memory in memories:
        if memory.case in (bench_memory.ASK_AND_TELL, bench_memory.MINIMIZE):
            what = f"memory, {memory.case}, n = {bench_memory.SOLVER_N:,}, m = {HISTORY}"
            required = f"at most {VECTORS} n doubles"
            if memory.extra is None:
                yield _absent(9, what, required, memory.skipped)
                continue
            passed = memory.extra <= VECTORS * vector + MIB * memory.threads
            measured = f"{memory.extra / vector:.2f} ({peers})"
            yield Line(9, what, required, measured, _verdict(passed))


def _systems(comparisons: Sequence[Comparison]) -> Iterator[Line]:
    """Rows 1 to 4 of factorizations."""
    for row, (group, required) in SYSTEMS.items():
        for c in comparisons:
            if c.group == group and c.length in required:
                peers = [name for name in c.timings if name != "schuss"]
                best = min(peers, key=lambda name: c.timings[name].median)
                yield _faster(row, c, best, required[c.length])
    for c in comparisons:
        if c.group == bench_linalg.FACTOR:
            share = c.round_ratio(PEAK, "schuss")
            what = f"Cholesky, {c.label}, share of the {PEAK}"
            verdict = _verdict(share >= OF_PEAK)
            yield Line(2, what, f"at least {OF_PEAK:.0%}", f"{share:.1%}", verdict)
            gain = c.round_ratio("schuss", bench_linalg.TWO)
            what = f"Cholesky, n = {c.length:,}, one thread over two"
            verdict = _verdict(gain >= TWO_OVER_ONE)
            yield Line(3, what, f"at least {TWO_OVER_ONE:g}", f"{gain:.2f}", verdict)


def _newton(comparisons: Sequence[Comparison]) -> Iterator[Line]:
    """Rows 5 and 10 of Newton."""
    for c in comparisons:
        if c.group == bench_newton.ALONE:
            yield _faster(5, c, TRUST_EXACT, OWN_TIME)
        elif c.group == bench_newton.BATCH:
            seconds = c.timings["schuss"].median
            required, measured = f"under {BATCH_TIME * 1e6:g} us", f"{seconds * 1e6:.2f} us"
            what = f"a problem's iteration: {c.label}"
            yield Line(10, what, required, measured, _verdict(seconds < BATCH_TIME))


def table(
    comparisons: Sequence[Comparison], memories: Sequence[Memory], trials: Sequence[Trial] = ()
) -> list[Line]:
    """The lines for everything that was measured, in row order."""
    steps = [m for m in memories if m.case not in bench_memory.SOLVER_CASES]
    lines = [
        *_optimizers(comparisons),
        *map(_memory, steps),
        *_iterations(comparisons),
        *_trials(trials),
        *_vectors(memories),
        *_systems(comparisons),
        *_newton(comparisons),
    ]
    return sorted(lines, key=lambda line: line.row)
