"""What is required (`required.py`), measured, and the verdict.

The verdict goes by the median of the ratios taken within each round, in which drift of the machine
cancels; the ratio of the medians stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench import (
    bench_bounds,
    bench_fits,
    bench_linalg,
    bench_memory,
    bench_newton,
    bench_solvers,
    bench_torch,
    required,
)
from bench.bench_memory import MIB
from bench.bench_profile import (
    CURVED,
    CURVED_PAIR,
    PAIRS,
    SINGLE,
    SINGLE_OURS,
    SINGLE_PEER,
    STANDARD,
    mean_ratio,
)
from bench.bench_rules import GROUP as RULES
from bench.bench_update import FOREACH, FUSED, NUMPY
from bench.ceiling import NAME as CEILING
from bench.ceiling import ONE_TO_ANOTHER, PEAK, READ
from bench.peers.solvers import HISTORY, TRUST_EXACT
from bench.results import Comparison, Memory, Results, Trial

PEERS = {"update": FUSED[0], "clip": FUSED[0], "unfused": FOREACH[0], "numpy": NUMPY[0]}
FACTORS = {"clip": required.CLIP, "unfused": required.UNFUSED, "numpy": required.NUMPY}


@dataclass(frozen=True)
class Line:
    """One figure of the table."""

    question: str
    what: str
    required: str
    measured: str
    verdict: str


def _verdict(passed: bool) -> str:
    return "pass" if passed else "FAIL"


def _absent(question: str, what: str, required: str, reason: str) -> Line:
    return Line(question, what, required, "-", f"not measured ({reason})")


def _faster(
    question: str, comparison: Comparison, peer: str, factor: float, ours: str = "schuss"
) -> Line:
    """The peer's time over ours must be at least a factor."""
    what, wanted = f"{peer} over {ours}: {comparison.label}", f"at least {factor:.3g}"
    if reason := comparison.missing(ours, peer):
        return _absent(question, what, wanted, reason)
    ratio, by_round = comparison.ratio(peer, ours), comparison.round_ratio(peer, ours)
    measured = f"{by_round:.2f} (of medians {ratio:.2f})"
    return Line(question, what, wanted, measured, _verdict(by_round >= factor))


def _ceiling(group: str, comparisons: Sequence[Comparison]) -> Line:
    """Even the slowest rule must come near the copy of the same bytes."""
    wanted = f"at least {required.OF_CEILING:.0%}"
    if reason := comparisons[0].missing(CEILING):
        return _absent(RULES, f"{group} against the {CEILING}", wanted, reason)
    slowest = min(comparisons, key=lambda c: c.round_ratio(CEILING, _rule(c)))
    rule = _rule(slowest)
    what = f"{CEILING} over schuss, slowest of {len(comparisons)}: {slowest.label}"
    share, by_round = slowest.ratio(CEILING, rule), slowest.round_ratio(CEILING, rule)
    measured = f"{by_round:.1%} (of medians {share:.1%})"
    return Line(RULES, what, wanted, measured, _verdict(by_round >= required.OF_CEILING))


def _rule(comparison: Comparison) -> str:
    """The candidate beside the ceiling."""
    return next(name for name in comparison.timings if name != CEILING)


def _memory(memory: Memory) -> Line:
    """What a step needs beyond its arrays."""
    what = f"extra memory, {memory.case}, 2^24, {memory.threads} threads"
    wanted = f"under {required.STEP_MIB} MiB a thread"
    if memory.extra is None:
        return _absent("step-memory", what, wanted, memory.skipped)
    share = memory.extra / MIB / memory.threads
    verdict = _verdict(share < required.STEP_MIB)
    return Line("step-memory", what, wanted, f"{share:.3f} MiB a thread", verdict)


def _optimizers(results: Results) -> Iterator[Line]:
    for group in dict.fromkeys(c.group for c in results.comparisons):
        members = results.of(group)
        if group.startswith(RULES):
            yield _ceiling(group, members)
        elif group == "update":
            for c in members:
                yield _faster(group, c, PEERS[group], required.UPDATE[c.count, c.length])
        elif group in FACTORS:
            yield from (_faster(group, c, PEERS[group], FACTORS[group]) for c in members)


def _torch(results: Results) -> Iterator[Line]:
    """Of `schuss.torch`: the last word of a label is the set of tensors."""
    for c in results.of(bench_torch.GROUP):
        size = c.label.rpartition(", ")[2]
        fused = bench_torch.FUSED in c.timings
        peer = bench_torch.FUSED if fused else bench_torch.UNFUSED
        factors = required.TORCH_FUSED if fused else required.TORCH_UNFUSED
        yield _faster("torch-steps", c, peer, factors[size])
        if bench_torch.CORE in c.timings and size == "policy":
            yield _faster("torch-steps", c, bench_torch.CORE, required.TORCH_CORE)
    for c in results.of(bench_torch.CLIP):
        size = c.label.rpartition(", ")[2]
        if size in required.TORCH_CLIP:
            yield _faster("torch-clip", c, bench_torch.FUSED, required.TORCH_CLIP[size])
    for c in results.of(bench_torch.EPOCH):
        yield _faster("torch-epochs", c, bench_torch.FUSED, required.TORCH_EPOCH)
        yield _faster("torch-epochs", c, bench_torch.BARE, required.TORCH_SHARE)
    for c in results.of(bench_torch.LBFGS):
        yield _faster("torch-lbfgs", c, "torch", required.TORCH_LBFGS)


def _iterations(results: Results) -> Iterator[Line]:
    """Of L-BFGS and BFGS."""
    wanted: tuple[tuple[str, str, Mapping[int, float]], ...] = (
        ("L-BFGS", "SciPy", required.LBFGS),
        ("L-BFGS", "torch", required.LBFGS_TORCH),
        ("BFGS", "SciPy", required.BFGS),
    )
    for method, peer, factors in wanted:
        for c in results.of(bench_solvers.group(method)):
            if c.length in factors:
                huge = "-huge" if c.length == bench_solvers.HUGE else ""
                question = method.replace("-", "").lower() + huge
                yield _faster(question, c, peer, factors[c.length])
            if peer == "torch" and c.length == bench_solvers.HUGE:
                yield _traffic(c)


def _traffic(comparison: Comparison) -> Line:
    """An iteration against copies of as many bytes, with the other ceilings beside it."""
    what = f"schuss over {ONE_TO_ANOTHER}: {comparison.label}"
    wanted = f"at most {required.OVER_COPY:g}"
    if reason := comparison.missing("schuss", ONE_TO_ANOTHER, CEILING, READ):
        return _absent("lbfgs-huge", what, wanted, reason)
    copy, in_place, read = (
        comparison.round_ratio("schuss", name) for name in (ONE_TO_ANOTHER, CEILING, READ)
    )
    measured = f"{copy:.2f} (over a copy in place {in_place:.2f}, over a {READ} {read:.2f})"
    return Line("lbfgs-huge", what, wanted, measured, _verdict(copy <= required.OVER_COPY))


def _names(problems: Sequence[str]) -> str:
    return ", ".join(problems) or "none"


def _contest(ours: Trial, peer: Trial) -> Line:
    """All that the peer solves and some more, in no more evaluations or Hessians."""
    total, curved = len(ours.runs), ours.group == CURVED
    question, cost = ("newton-profile", "Hessians") if curved else ("profile", "evaluations")
    what = f"{ours.solver} against {peer.solver}, {total} {ours.group}"
    more, most = required.MORE_SOLVED, required.EVALUATIONS
    wanted = f"all that it solves, {100 * more:g} more per 100; {cost} at most {most}"
    if reason := ours.skipped or peer.skipped:
        return _absent(question, what, wanted, reason)
    missing = sorted(peer.solved - ours.solved)
    ratio = mean_ratio(*((t.hessians if curved else t.costs) for t in (ours, peer)))
    enough = len(ours.solved) - len(peer.solved) >= more * total
    counts = f"{len(ours.solved)} against {len(peer.solved)}, missing: {_names(missing)}"
    verdict = _verdict(not missing and enough and ratio <= most)
    return Line(question, what, wanted, f"{counts}; {cost} {ratio:.4f}", verdict)


def _single(ours: Trial, peer: Trial) -> Line:
    """In float32 all that the peer solves in float64, and success where it is solved."""
    what = f"{ours.solver} in float32 against {peer.solver}"
    wanted = "all that it solves, no false failure"
    if reason := ours.skipped or peer.skipped:
        return _absent("float32", what, wanted, reason)
    tried = {run.problem for run in ours.runs}
    known, false = peer.solved & tried, ours.false_failures
    missing = sorted(known - ours.solved)
    left_out = [run.problem for run in peer.runs if run.problem not in tried]
    measured = (
        f"{len(known) - len(missing)} of {len(known)}, missing: {_names(missing)}; "
        f"false failures: {_names(false)}; start not finite in float32: {_names(left_out)}"
    )
    return Line("float32", what, wanted, measured, _verdict(not missing and not false))


def _pairs(
    trials: Sequence[Trial], group: str, names: Iterable[tuple[str, str]]
) -> list[tuple[Trial, Trial]]:
    """Ours and the peer's in a group, where both were made."""
    made = {trial.solver: trial for trial in trials if trial.group == group}
    return [(made[ours], made[peer]) for ours, peer in names if {ours, peer} <= made.keys()]


def _trials(trials: Sequence[Trial]) -> Iterator[Line]:
    """Which problems are solved, and for how much."""
    for line, group, names in (
        (_contest, STANDARD, PAIRS),
        (_contest, CURVED, [CURVED_PAIR]),
        (_single, SINGLE, [(ours, SINGLE_PEER) for ours in SINGLE_OURS]),
    ):
        yield from (line(*pair) for pair in _pairs(trials, group, names))


def _bounds(results: Results) -> Iterator[Line]:
    """Of problems with bounds."""
    peer = bench_bounds.PEER
    for pair in _pairs(results.trials, bench_bounds.GROUP, [(bench_bounds.FIRST[0], peer)]):
        share, most = required.BOUNDS_SOLVED, required.BOUNDS_EVALUATIONS
        yield _within("bounds-solved", *pair, share, most)
    for pair in _pairs(results.trials, bench_bounds.CURVED, [(bench_bounds.SECOND[0], peer)]):
        share, most = required.CURVED_SOLVED, required.CURVED_EVALUATIONS
        yield _within("bounds-newton", *pair, share, most)
    for c in results.of(bench_solvers.group(bench_bounds.METHOD)):
        yield _faster("bounds-iteration", c, "SciPy", required.BOUNDS_LBFGS[c.length])
        if c.length == bench_solvers.MANY:
            bare, share = "no bounds", required.PAIR_SHARE
            yield _faster("bounds-iteration", c, bare, required.BOUNDS_SHARE)
            yield _faster("bounds-iteration", c, bare, share, ours="one pair")


def _within(question: str, ours: Trial, peer: Trial, share: float, most: float) -> Line:
    """All that the peer solves, a share of all, in so many evaluations, without a fault."""
    total = len(ours.runs)
    what = f"{ours.solver} against {peer.solver}, {total} {ours.group}"
    wanted = f"all that it solves, {share:.0%} of all; evaluations at most {most:g}; no fault"
    if reason := ours.skipped or peer.skipped:
        return _absent(question, what, wanted, reason)
    missing, ratio = sorted(peer.solved - ours.solved), mean_ratio(ours.costs, peer.costs)
    measured = (
        f"{len(ours.solved)} against {len(peer.solved)}, missing: {_names(missing)}; "
        f"evaluations {ratio:.4f}; faults: {_names(ours.faults)} ({len(peer.faults)} of the peer)"
    )
    enough = len(ours.solved) >= share * total and ratio <= most
    return Line(
        question, what, wanted, measured, _verdict(not missing and enough and not ours.faults)
    )


def _fits(results: Results) -> Iterator[Line]:
    """Of fits of curves."""
    for trial in results.trials:
        if trial.group == bench_fits.NIST and trial.solver in required.FITS:
            yield _digits(trial, required.FITS[trial.solver])
    for c in results.of(bench_fits.BATCH):
        for ours, factor in required.FIT_BATCH.items():
            yield _faster("fits-batch", c, "SciPy", factor, ours)


def _digits(trial: Trial, least: Mapping[int, int]) -> Line:
    """So many fits to so many digits, without a fault."""
    what = f"{trial.solver}, {len(trial.runs)} of {trial.group}"
    words = ", ".join(f"{count} to {right} digits" for right, count in least.items())
    wanted = f"at least {words}; no fault"
    if trial.skipped:
        return _absent("fits-nist", what, wanted, trial.skipped)
    counts = {right: sum(run.digits >= right for run in trial.runs) for right in least}
    figures = ", ".join(f"{count} to {right}" for right, count in counts.items())
    passed = all(counts[right] >= least[right] for right in least) and not trial.faults
    measured = f"{figures}; faults: {_names(trial.faults)}"
    return Line("fits-nist", what, wanted, measured, _verdict(passed))


def _vectors(memories: Sequence[Memory]) -> Iterator[Line]:
    """What a solver needs, with the peers beside ours; rounding to pages and stacks are free."""
    vector = 8 * bench_memory.SOLVER_N
    peers = ", ".join(
        f"{m.case} {m.extra / vector:.1f}"
        for m in memories
        if m.case in bench_memory.SOLVER_PEERS and m.extra is not None
    )
    for memory in memories:
        if memory.case in (bench_memory.ASK_AND_TELL, bench_memory.MINIMIZE):
            what = f"memory, {memory.case}, n = {bench_memory.SOLVER_N:,}, m = {HISTORY}"
            wanted = f"at most {required.VECTORS} n doubles"
            if memory.extra is None:
                yield _absent("solver-memory", what, wanted, memory.skipped)
                continue
            passed = memory.extra <= required.VECTORS * vector + MIB * memory.threads
            measured = f"{memory.extra / vector:.2f} ({peers})"
            yield Line("solver-memory", what, wanted, measured, _verdict(passed))


def _systems(results: Results) -> Iterator[Line]:
    """Of factorizations."""
    for question, group, factors in (
        ("systems", bench_linalg.SYSTEMS, required.SYSTEMS),
        ("batches", bench_linalg.BATCHES, required.BATCHES),
    ):
        for c in results.of(group):
            peers = [name for name in c.timings if name != "schuss"]
            best = min(peers, key=lambda name: c.timings[name].median)
            yield _faster(question, c, best, factors[c.length])
    for c in results.of(bench_linalg.FACTOR):
        share, wanted = c.round_ratio(PEAK, "schuss"), required.OF_PEAK
        what, verdict = f"Cholesky, {c.label}, share of the {PEAK}", _verdict(share >= wanted)
        yield Line("cholesky", what, f"at least {wanted:.0%}", f"{share:.1%}", verdict)
        gain, least = c.round_ratio("schuss", bench_linalg.TWO), required.TWO_OVER_ONE
        what, verdict = f"Cholesky, n = {c.length:,}, one thread over two", _verdict(gain >= least)
        yield Line("cholesky", what, f"at least {least:g}", f"{gain:.2f}", verdict)


def _newton(results: Results) -> Iterator[Line]:
    """Of Newton's method, alone and in a batch."""
    for c in results.of(bench_newton.ALONE):
        yield _faster("newton-iteration", c, TRUST_EXACT, required.NEWTON)
    for c in results.of(bench_newton.BATCH):
        seconds, most = c.timings["schuss"].median, required.BATCH_SECONDS
        what, verdict = f"a problem's iteration: {c.label}", _verdict(seconds < most)
        wanted, measured = f"under {most * 1e6:g} us", f"{seconds * 1e6:.2f} us"
        yield Line("newton-batch", what, wanted, measured, verdict)


def table(results: Results) -> list[Line]:
    """The lines for everything that was measured."""
    steps = [m for m in results.memories if m.case not in bench_memory.SOLVER_CASES]
    return [
        *_optimizers(results),
        *map(_memory, steps),
        *_torch(results),
        *_iterations(results),
        *_trials(results.trials),
        *_bounds(results),
        *_fits(results),
        *_vectors(results.memories),
        *_systems(results),
        *_newton(results),
    ]
