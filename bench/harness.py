"""Time several candidates side by side in one process.

Memory bandwidth of a shared machine moves by tens of per cent within minutes, so a number means
something only beside its neighbours: every round visits every candidate once, in a new order.
"""

from __future__ import annotations

import gc
import itertools
import math
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

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


@dataclass(frozen=True)
class Settings:
    """How long to measure; all times in seconds.

    A visit is: `pause` (threads of the last candidate's runtime stop spinning; libgomp's do so
    for about 5 ms), calls that are thrown away for `warm` (at least one unless it is 0: it wakes
    our threads and fills the caches), then one timed batch of about `visit`.
    """

    rounds: int = 25
    visit: float = 0.030
    pause: float = 0.010
    warm: float = 0.001


QUICK = Settings(rounds=5, visit=0.010)


@dataclass(frozen=True)
class Timing:
    """Seconds to do the work once, one figure (the mean of a batch) per round."""

    seconds: tuple[float, ...]
    calls: int
    bytes: float
    note: str = ""

    @property
    def median(self) -> float:
        """Of the rounds, in seconds."""
        return statistics.median(self.seconds)

    @property
    def minimum(self) -> float:
        """The best round."""
        return min(self.seconds)

    @property
    def rate(self) -> float:
        """Bytes of the model per second, by the median."""
        return self.bytes / self.median


@dataclass(frozen=True)
class Comparison:
    """Timings of all candidates for one piece of work, and why others are missing."""

    label: str
    timings: Mapping[str, Timing]
    skipped: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    count: int = 1
    length: int = 0

    def missing(self, *names: str) -> str:
        """Why a ratio of these names cannot be given; empty when it can."""
        reasons = [f"{n}: {self.skipped.get(n, 'not run')}" for n in names if n not in self.timings]
        return "; ".join(reasons)

    def ratio(self, over: str, under: str) -> float:
        """Median time of `over` divided by the median time of `under`."""
        return self.timings[over].median / self.timings[under].median

    def round_ratio(self, over: str, under: str) -> float:
        """Median of the ratios taken within each round: drift of the machine cancels."""
        pairs = zip(self.timings[over].seconds, self.timings[under].seconds, strict=True)
        return statistics.median(a / b for a, b in pairs)


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
