"""Errors that all ranks raise together, instead of one while the others wait for it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from ..tensor_file import CheckpointError
from .communicators import Communicator, allgather_bytes

__all__ = ["Agreement", "agree"]

# What is raised on the other ranks is the first of these that the error is.
KINDS = {
    kind.__name__: kind
    for kind in (
        CheckpointError,
        ValueError,
        TypeError,
        FloatingPointError,
        ArithmeticError,
        OSError,
        ImportError,
        RuntimeError,
    )
}


def agree(
    comm: Communicator,
    error: Exception | None = None,
    facts: Mapping[str, Any] | None = None,
    number: int = 0,
) -> list[int]:
    """Return a number of each rank, or raise one error on all of them.

    Every rank calls it at the same place. It is one collective of three numbers a rank, and two
    more, of texts, where there is something to say.

    Args:
        comm: of the ranks.
        error: what went wrong on this rank, if anything did.
        facts: what must be the same on all ranks, by the names that the error is to use.
        number: of this rank.

    Raises:
        ValueError: facts differ; it names the first of them, with the values and their ranks.
        Exception: of the kind of the first rank's error, whose text begins with that rank.
    """
    text = json.dumps(facts or {}, sort_keys=True, default=str)
    records = np.zeros((comm.size, 3), np.int64)
    records[comm.rank] = error is not None, zlib.crc32(text.encode()), number
    comm.allgather(records)
    if records[:, 0].any():
        _raise_first(comm, error)
    if (records[:, 1] != records[0, 1]).any():
        _raise_difference(comm, text)
    return [int(n) for n in records[:, 2]]


class Agreement:
    """A block that all ranks run: what is raised in it on one of them is on all, see `agree`.

    Args:
        comm: of the ranks.

    Attributes:
        facts: what must be the same on all ranks when it ends.
        number: of this rank.
        numbers: of each rank, once it has ended.
    """

    def __init__(self, comm: Communicator) -> None:
        self._comm = comm
        self.facts: dict[str, Any] = {}
        self.number = 0
        self.numbers: list[int] = []

    def __enter__(self) -> Agreement:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None or isinstance(error, Exception):
            self.numbers = agree(self._comm, error, self.facts, self.number)


def _raise_first(comm: Communicator, error: Exception | None) -> NoReturn:
    own = [] if error is None else [_kind(error), _text(error)]
    for rank, text in enumerate(allgather_bytes(comm, json.dumps(own).encode())):
        if found := json.loads(text):
            kind, message = found
            raise KINDS[kind](f"rank {rank}: {message}") from error
    raise AssertionError("no rank has failed")


def _kind(error: Exception) -> str:
    return next((name for name, kind in KINDS.items() if isinstance(error, kind)), "RuntimeError")


def _text(error: Exception) -> str:
    """What an error says, and what it is where the other ranks' error is of another class."""
    name = type(error).__name__
    return str(error) if name == _kind(error) else f"{name}: {error}"


def _raise_difference(comm: Communicator, text: str) -> NoReturn:
    every = [json.loads(other) for other in allgather_bytes(comm, text.encode())]
    names = sorted({name for facts in every for name in facts})
    for name in names:
        values: dict[str, list[int]] = {}
        for rank, facts in enumerate(every):
            values.setdefault(json.dumps(facts.get(name)), []).append(rank)
        if len(values) > 1:
            told = ", ".join(
                f"{value} on rank{'s' * (len(ranks) > 1)} {', '.join(map(str, ranks))}"
                for value, ranks in values.items()
            )
            raise ValueError(f"{name} differs between ranks: {told}; the same is wanted on all")
    raise AssertionError("no fact differs")
