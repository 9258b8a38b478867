"""What is measured: sizes, rules, and the bytes that one perfect pass over them moves."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

LARGE = 1 << 24  # parameters: 64 MiB in float32, beyond any cache that this was run on
MAX_NORM = 1.0

# Slots of each class with its defaults; tests/test_bench.py compares them with the registry.
SLOTS = {
    "SGD": 0,
    "AdaGrad": 1,
    "RMSprop": 1,
    "AdaDelta": 2,
    "Adam": 2,
    "AdamW": 2,
    "AdaBelief": 2,
    "RAdam": 2,
    "NAdam": 2,
    "Adamax": 2,
    "Lion": 1,
}


def bytes_per_element(slots: int, itemsize: int, norm: bool = False) -> int:
    """One pass reads p, g and the slots and writes p and the slots; a norm reads g once more."""
    return itemsize * (3 + 2 * slots + norm)


@dataclass(frozen=True)
class Work:
    """One step of one optimizer on `count` tensors of `length` elements."""

    optimizer: str
    count: int
    length: int
    threads: int
    dtype: str = "float32"
    max_norm: float | None = None
    slots: int | None = None
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
    def n_slots(self) -> int:
        """State arrays per parameter array."""
        return SLOTS[self.optimizer] if self.slots is None else self.slots

    @property
    def bytes(self) -> int:
        """What a perfect single pass moves."""
        itemsize = np.dtype(self.dtype).itemsize
        return self.elements * bytes_per_element(
            self.n_slots, itemsize, norm=self.max_norm is not None
        )

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
    registry = schuss._core.rules()
    found: dict[str, Work] = {}
    for name, keywords in constructions(schuss):
        try:
            rule = getattr(schuss, name)(**keywords).rule
        except ValueError:  # such as Nesterov without momentum
            continue
        slots = len(registry[rule]["slots"])
        found.setdefault(rule, Work(name, 1, LARGE, threads, slots=slots, keywords=keywords))
    return {rule: found[rule] for rule in registry if rule in found}


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
