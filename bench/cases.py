"""What is measured: sizes, rules, and the bytes that one perfect pass over them moves."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.peers import optional

Array = npt.NDArray[Any]

LARGE = 1 << 24  # parameters: 64 MiB in float32, beyond any cache that this was run on
MAX_NORM = 1.0


def moved(rule: Mapping[str, Any]) -> int:
    """How many numbers a step reads and writes for each parameter, by what the registry says.

    In go p, g and the slots, out p and the slots. A rule with norms of tensors reads once more what
    these are of; an update is made of all slots.
    """
    slots = len(rule["slots"])
    again = {"param": 1, "grad": 1, "update": slots}
    return 3 + 2 * slots + sum(again[each] for each in rule["sums"])


@dataclass(frozen=True)
class Work:
    """One step of one optimizer on `count` tensors of `length` elements."""

    optimizer: str
    count: int
    length: int
    threads: int
    dtype: str = "float32"
    max_norm: float | None = None
    keywords: Mapping[str, object] = field(default_factory=dict)
    isa: str | None = None

    @property
    def label(self) -> str:
        """One line for tables."""
        clipped = " with max_norm" if self.max_norm is not None else ""
        plural = "s" if self.threads > 1 else ""
        size = "2^24" if self.length == LARGE else f"{self.length:,}"
        what = f"{self.optimizer}{clipped}, {self.count} of {size}"
        return f"{what}, {self.dtype}, {self.threads} thread{plural}"

    @property
    def elements(self) -> int:
        """Parameters in all tensors."""
        return self.count * self.length

    @property
    def rule(self) -> Mapping[str, Any]:
        """What the registry says of the rule."""
        schuss = optional("schuss")
        optimizer = getattr(schuss, self.optimizer)(**self.keywords)
        found: Mapping[str, Any] = schuss._core.rules()[optimizer.rule]
        return found

    @property
    def n_slots(self) -> int:
        """State arrays per parameter array."""
        return len(self.rule["slots"])

    @property
    def bytes(self) -> int:
        """What a step moves at least; a limit on the norm reads g once more."""
        numbers = moved(self.rule) + (self.max_norm is not None)
        return self.elements * np.dtype(self.dtype).itemsize * numbers

    def arrays(self) -> tuple[list[Array], list[Array]]:
        """New parameters and gradients, the same values every time.

        Gradients are constant and 0.5 to 1.5 in size, so that no state comes near the denormals.
        """
        rng = np.random.default_rng(1)
        values = rng.uniform(0.5, 1.5, 4099) * rng.choice((-1.0, 1.0), 4099)
        values = np.resize(values, self.length).astype(self.dtype)
        copies = [[values.copy() for _ in range(self.count)] for _ in range(2)]
        return copies[0], copies[1]


def update_works(threads: int) -> list[Work]:
    """AdamW at sizes from one small tensor to a model out of cache."""
    sizes = ((1, 1_000), (100, 1_000), (1, 100_000), (1, 1_000_000), (500, 10_000), (1, LARGE))
    return [Work("AdamW", count, length, threads) for count, length in sizes]


def sweep_works(threads: int) -> list[Work]:
    """Sizes between these, for the curve of one tensor."""
    return [Work("AdamW", 1, n, threads) for n in (100, 10_000, 30_000, 300_000, 3_000_000)]


def clip_work(threads: int) -> Work:
    """The largest of these with global-norm clipping."""
    return Work("AdamW", 1, LARGE, threads, max_norm=MAX_NORM)


def unfused_works(threads: int) -> list[Work]:
    """Rules that torch has, but not fused."""
    sizes = (("RMSprop", LARGE), ("RAdam", LARGE), ("NAdam", 1_000_000))
    return [Work(name, 1, length, threads) for name, length in sizes]


def numpy_works() -> list[Work]:
    """Adam on one thread."""
    return [Work("Adam", 1, length, threads=1) for length in (1_000_000, LARGE)]


def rule_works(schuss: Any, threads: int) -> dict[str, Work]:
    """One piece of work per rule in the registry, by its name.

    Found by trying the boolean and momentum keywords of every class, so that a new rule needs no
    line here.
    """
    found: dict[str, Work] = {}
    for name, keywords in constructions(schuss):
        try:
            rule = getattr(schuss, name)(**keywords).rule
        except ValueError:  # such as Nesterov without momentum
            continue
        found.setdefault(rule, Work(name, 1, LARGE, threads, keywords=keywords))
    return {rule: found[rule] for rule in schuss._core.rules() if rule in found}


def constructions(schuss: Any) -> Iterator[tuple[str, dict[str, object]]]:
    """Every optimizer class with every combination of its switches."""
    base = schuss.Optimizer
    common = inspect.signature(base).parameters
    for name, kind in inspect.getmembers(schuss.optimizers, inspect.isclass):
        if not issubclass(kind, base) or kind is base:
            continue
        switches: dict[str, tuple[object, object]] = {
            key: (False, True)
            for key, parameter in inspect.signature(kind).parameters.items()
            if parameter.default is False and key not in common
        }
        if "momentum" in inspect.signature(kind).parameters:
            switches["momentum"] = (0.0, 0.9)
        for values in itertools.product(*switches.values()):
            yield name, dict(zip(switches, values, strict=True))


def in_float64(work: Work) -> Work:
    """The same bytes in float64: half the elements."""
    return replace(work, dtype="float64", length=work.length // 2)
