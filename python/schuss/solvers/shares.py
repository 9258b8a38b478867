"""Whether a batch is solved here, or a share of it on each of many ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .result import BatchResult

__all__ = ["Share", "solved"]

Share = Callable[[int], slice]  # of how many problems there are to those that are solved here


def solved(comm: Any, solve: Callable[[Share], BatchResult]) -> BatchResult:
    """Return the result of all problems, where solve(share) gives that of those of one process."""
    if comm is None:
        return solve(lambda count: slice(0, count))
    from ..distributed.shares import solved_on_ranks  # who has ranks

    return solved_on_ranks(comm, solve)
