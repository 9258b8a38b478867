"""What a run of the benchmarks found: its parts, and how it is written to a file and read again."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1


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


@dataclass(frozen=True)
class Memory:
    """Bytes beyond parameters, gradients and states, or why they are not known."""

    case: str
    threads: int
    extra: int | None
    skipped: str = ""

    @property
    def label(self) -> str:
        """One line for progress."""
        found = self.skipped or f"{self.extra:,} bytes"
        return f"{self.case}: {found}"


@dataclass(frozen=True)
class Run:
    """One solver on one problem."""

    problem: str
    evaluations: int
    solved: bool
    success: bool  # as the solver says
    hessians: int = 0
    fault: str = ""  # in words, of problems with bounds


@dataclass(frozen=True)
class Trial:
    """One solver on all problems of a group, or why it was not tried."""

    group: str
    solver: str
    runs: tuple[Run, ...]
    skipped: str = ""

    @property
    def solved(self) -> set[str]:
        """Names of the problems."""
        return {run.problem for run in self.runs if run.solved}

    @property
    def false_failures(self) -> list[str]:
        """Problems that were solved, with a solver that says that it failed."""
        return [run.problem for run in self.runs if run.solved and not run.success]

    @property
    def faults(self) -> list[str]:
        """What was wrong, whether or not it solved the problem."""
        return [f"{run.problem}: {run.fault}" for run in self.runs if run.fault]

    @property
    def costs(self) -> dict[str, float]:
        """Evaluations by problem; infinite where it was not solved."""
        return {run.problem: run.evaluations if run.solved else math.inf for run in self.runs}

    @property
    def hessians(self) -> dict[str, float]:
        """The same of Hessians."""
        return {run.problem: run.hessians if run.solved else math.inf for run in self.runs}

    @property
    def label(self) -> str:
        """One line for progress."""
        found = self.skipped or f"{len(self.solved)} of {len(self.runs)} solved"
        return f"{self.group}: {self.solver}, {found}"


@dataclass
class Results:
    """One run."""

    date: str
    machine: Mapping[str, Any]
    settings: Settings
    comparisons: list[Comparison] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)

    def of(self, *groups: str) -> list[Comparison]:
        """The comparisons of some groups."""
        return [c for c in self.comparisons if c.group in groups]

    def add(self, found: Comparison | Memory | Trial) -> None:
        """Keep one more."""
        if isinstance(found, Comparison):
            self.comparisons.append(found)
        elif isinstance(found, Memory):
            self.memories.append(found)
        else:
            self.trials.append(found)


def save(results: Results, path: Path) -> None:
    """Write a run as JSON, medians and minima beside the raw figures."""
    data = {"format": FORMAT, **asdict(results)}
    for plain, c in zip(data["comparisons"], results.comparisons, strict=True):
        for name, timing in c.timings.items():
            summary = {"median": timing.median, "minimum": timing.minimum, "rate": timing.rate}
            plain["timings"][name] = summary | plain["timings"][name]
    trials = ",\n".join("  " + json.dumps(trial) for trial in data.pop("trials"))  # a line each
    text = json.dumps(data, indent=1).removesuffix("\n}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{text},\n "trials": [\n{trials}\n ]\n}}\n')


def load(path: Path) -> Results:
    """Read a run."""
    data = json.loads(path.read_text())
    if data.get("format") != FORMAT:
        raise ValueError(f"{path.name} is not a benchmark file of format {FORMAT}")
    comparisons = []
    for c in data["comparisons"]:
        timings = {
            name: Timing(tuple(t["seconds"]), t["calls"], t["bytes"], t["note"])
            for name, t in c.pop("timings").items()
        }
        comparisons.append(Comparison(timings=timings, **c))
    memories = [Memory(**m) for m in data["memories"]]
    trials = [
        Trial(**{**t, "runs": tuple(Run(**r) for r in t["runs"])}) for t in data.get("trials", [])
    ]
    settings = Settings(**data["settings"])
    return Results(data["date"], data["machine"], settings, comparisons, memories, trials)
