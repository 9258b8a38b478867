"""What a step of `Sharded` costs on many ranks: the model of the page "At scale", and its tables.

AdamW, float32, one micro-batch a rank, the fixed tree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# `python -m bench ranks-constants`, two ranks with a thread each, medians of 25 rounds; bytes/s.
STEP = 27.5e9  # of AdamW
PASS = 25.0e9  # of NumPy's addition, in place
MEASURED_STEP = 11.5e-3  # seconds of a whole step of 4 Mi parameters on two ranks, in the same run


@dataclass(frozen=True)
class Network:
    """How ranks reach each other.

    Attributes:
        name: for people.
        bandwidth: bytes/s out of each rank, and as many into it at the same time.
        latency: seconds a message.
    """

    name: str
    bandwidth: float
    latency: float


MEASURED = Network("memory of one machine", 4.11e9, 1.7e-6)  # Alltoall and Allgather, by MPICH
ASSUMED = (
    Network("1 Gbit/s", 0.125e9, 50e-6),
    Network("10 Gbit/s", 1.25e9, 20e-6),
    Network("100 Gbit/s", 12.5e9, 2e-6),
)
PARAMETERS = (10**6, 10**7, 10**8, 10**9, 10**10)
RANKS = (1, 4, 16, 64, 256, 1024)


def memory(n: float, ranks: int, *, tree: bool = True) -> float:
    """Bytes of a rank: parameters, gradients, their sum, two states of a shard, and what comes."""
    return 3 * 4 * n + 2 * 4 * n / ranks + 4 * n * (1 if tree else 1 / ranks)


def sent(n: float, ranks: int) -> float:
    """Bytes that a rank sends in a step: gradients to the others, and its shard to each of them."""
    return 2 * 4 * n * (1 - 1 / ranks)


def alone(n: float) -> float:
    """Seconds of a step of one process without `Sharded`."""
    return 28 * n / STEP


def seconds(n: float, ranks: int, network: Network) -> float:
    """Seconds of a step: passes over memory, the step of a shard, bytes and messages."""
    messages = 2 * (ranks - 1) + 2 * math.ceil(math.log2(ranks))
    return (
        24 * n / PASS
        + 28 * n / ranks / STEP
        + sent(n, ranks) / network.bandwidth
        + messages * network.latency
    )


def tables() -> str:
    """Return the tables of the page, in Markdown."""
    rows = {
        "memory": [memory(1, ranks) for ranks in RANKS],
        "memory, native reduction": [memory(1, ranks, tree=False) for ranks in RANKS],
        "sent in a step": [sent(1, ranks) for ranks in RANKS],
    }
    shown = {name: [f"{value:.3g}" for value in values] for name, values in rows.items()}
    parts = ["### Bytes of a rank for each parameter", _table("bytes", shown)]
    for network in ASSUMED:
        shown = {f"{n:,}": [_time(seconds(n, r, network)) for r in RANKS] for n in PARAMETERS}
        parts += [f"### A step at {network.name} (assumed)", _table("parameters", shown)]
    return "\n\n".join([*parts, _held_against_a_measurement()])


def _held_against_a_measurement() -> str:
    n, ranks = 1 << 22, 2
    foretold = seconds(n, ranks, MEASURED)
    return (
        f"### Held against a measurement\n\nTwo ranks of MPICH on one machine, {n:,} parameters: "
        f"P = {PASS / 1e9:.1f} GB/s, S = {STEP / 1e9:.1f} GB/s, "
        f"B = {MEASURED.bandwidth / 1e9:.2f} GB/s, L = {MEASURED.latency * 1e6:.1f} µs, with both "
        f"ranks at work. The model says {foretold * 1e3:.1f} ms, a step takes "
        f"{MEASURED_STEP * 1e3:.1f} ms: the model is {1 - foretold / MEASURED_STEP:.0%} short."
    )


def _table(corner: str, rows: Mapping[str, Sequence[str]]) -> str:
    ranks = [f"{r:,} rank{'s' * (r > 1)}" for r in RANKS]
    lines = [(corner, ranks), ("---", ["---"] * len(RANKS)), *rows.items()]
    return "\n".join(f"| {' | '.join((first, *rest))} |" for first, rest in lines)


def _time(value: float) -> str:
    """Two digits, and a unit."""
    scaled, unit = (value, "s") if value >= 0.995 else (1e3 * value, "ms")
    return f"{scaled:.{max(0, 1 - math.floor(math.log10(scaled)))}f} {unit}"
