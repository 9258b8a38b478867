"""Time several candidates side by side in one process.

Memory bandwidth of a shared machine moves by tens of per cent within minutes, so a number means
something only beside its neighbours: every round visits every candidate once, in a new order.
"""

from __future__ import annotations

import gc
import itertools
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from bench.results import Comparison, Settings, Timing

Clock = Callable[[], int]
Sleep = Callable[[float], object]


@dataclass(frozen=True)
class Candidate:
    """One way to do the work, `passes` times a call.

    `bytes` is what a perfect single pass would move. A ceiling may be a part of a pass.
    """

    name: str
    call: Callable[[], object]
    bytes: float
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    note: str = ""
    passes: float = 1


QUICK = Settings(rounds=5, visit=0.010)


@dataclass(frozen=True)
class Plan:
    """How to answer a question; `curves` asks for sizes between those that are required, too."""

    threads: int
    settings: Settings
    curves: bool = False


def _batch(call: Callable[[], object], calls: int, clock: Clock) -> float:
    """Seconds per call over one batch."""
    turns = itertools.repeat(None, calls)
    start = clock()
    for _ in turns:
        call()
    return (clock() - start) * 1e-9 / calls


def _warm(call: Callable[[], object], seconds: float, clock: Clock) -> None:
    """Call at least once and until `seconds` have passed; not at all for 0."""
    end = clock() + seconds * 1e9
    if seconds > 0:
        call()
    while clock() < end:
        call()


def _calls_per_visit(candidate: Candidate, settings: Settings, clock: Clock) -> int:
    """How many calls fill a visit."""
    with candidate.around():
        _warm(candidate.call, settings.warm, clock)
        calls = 1
        while (seconds := _batch(candidate.call, calls, clock)) * calls < settings.visit / 8:
            calls *= 4
        # A disturbed batch would leave too few calls to a visit for its data to get warm.
        seconds = min(seconds, _batch(candidate.call, calls, clock))
    return max(1, math.ceil(settings.visit / seconds)) if seconds > 0 else calls


def interleave(
    label: str,
    candidates: Sequence[Candidate],
    settings: Settings,
    *,
    skipped: Mapping[str, str] | None = None,
    clock: Clock = time.perf_counter_ns,
    sleep: Sleep = time.sleep,
) -> Comparison:
    """Measure the candidates in rounds; each round visits all of them in a new random order."""
    calls = {c.name: _calls_per_visit(c, settings, clock) for c in candidates}
    seconds: dict[str, list[float]] = {c.name: [] for c in candidates}
    order = list(candidates)
    shuffle = random.Random(0).shuffle
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(settings.rounds):
            shuffle(order)
            for c in order:
                sleep(settings.pause)
                with c.around():
                    _warm(c.call, settings.warm, clock)
                    batch = _batch(c.call, calls[c.name], clock)
                    seconds[c.name].append(batch / c.passes)
    finally:
        if collecting:
            gc.enable()
    timings = {
        c.name: Timing(tuple(seconds[c.name]), calls[c.name], c.bytes, c.note) for c in candidates
    }
    return Comparison(label, timings, dict(skipped or {}))


def tagged(comparison: Comparison, group: str, count: int, length: int) -> Comparison:
    """The same comparison, marked with what it belongs to."""
    return replace(comparison, group=group, count=count, length=length)
