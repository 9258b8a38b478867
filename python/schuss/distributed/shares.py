"""Batches of independent problems, of which each rank solves a share."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kinds import as_array, in_kind_of
from ..solvers.result import BatchResult
from .agreement import Agreement
from .communicators import Communicator, allgather_bytes, communicator

__all__ = ["solved_on_ranks"]

OF_ALL = ("names",)  # fields without a row for each problem


def solved_on_ranks(
    comm: Any, solve: Callable[[Callable[[int], slice]], BatchResult]
) -> BatchResult:
    """Return the result of a batch for all problems, on every rank.

    Args:
        comm: of the ranks, as users give it.
        solve: solve(share) returns the result of this rank's problems; share(count) says which they
            are, when it knows how many there are in all. Where there are fewer problems than ranks
            some are solved on more than one, so that none comes back with nothing.

    Raises:
        Exception: what solve raises on one rank, on all of them.
    """
    ranks = communicator(comm)
    counts: list[int] = []

    def share(count: int) -> slice:
        counts.append(count)
        begin, end = _cut(ranks, count)
        return slice(begin, max(end, min(begin + 1, count)))

    with Agreement(ranks) as agreement:
        found = solve(share)
        agreement.facts = {"the number of problems": counts[-1]}
    begin, end = _cut(ranks, counts[-1])
    every = [_unpacked(text) for text in allgather_bytes(ranks, _packed(found, end - begin))]
    return BatchResult(
        {
            name: own if name in OF_ALL else _joined(own, [fields[name] for fields in every])
            for name, own in found.items()
        }
    )


def _cut(ranks: Communicator, count: int) -> tuple[int, int]:
    return count * ranks.rank // ranks.size, count * (ranks.rank + 1) // ranks.size


def _packed(result: BatchResult, rows: int) -> bytes:
    """Return the first rows of all fields as bytes."""
    arrays: dict[str, Any] = {}
    for name, value in result.items():
        if isinstance(value, list):
            text = json.dumps(value[:rows]).encode()
            arrays[name] = np.frombuffer(text, np.uint8)
        else:
            arrays[name] = as_array(value, name)[:rows]
    to = io.BytesIO()
    np.savez(to, **arrays)
    return to.getvalue()


def _unpacked(packed: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        return dict(arrays)


def _joined(own: Any, pieces: list[Any]) -> Any:
    """Return a field of all problems, of the kind of this rank's."""
    if isinstance(own, list):
        return [text for piece in pieces for text in json.loads(piece.tobytes())]
    return in_kind_of(own, np.concatenate(pieces))
