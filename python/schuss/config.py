"""Threads and instruction sets of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import _core
from .checks import count
from .suggest import explain

__all__ = ["available_isas", "get_num_threads", "isa", "set_num_threads", "use_isa"]


def set_num_threads(n: int) -> None:
    """Let a step use at most n threads, at least 1.

    At import the number is that of SCHUSS_NUM_THREADS, else of OMP_NUM_THREADS, else what the CPU
    affinity and the control group of this process allow. A limit of OpenMP's own that is lower, as
    `threadpoolctl.threadpool_limits` sets it, holds as long as it lasts. It never changes a result.

    Example:
        >>> before = get_num_threads()
        >>> set_num_threads(1)
        >>> get_num_threads()
        1
        >>> set_num_threads(before)
    """
    _core.set_num_threads(count("n", n))


def get_num_threads() -> int:
    """Return how many threads a step may use; 1 in a forked child and in a build without OpenMP."""
    return _core.get_num_threads()


def isa() -> str:
    """Return the instruction set in use: "avx512", "avx2" or "baseline" (SSE2; NEON on aarch64)."""
    return _core.isa()


def available_isas() -> list[str]:
    """Return the instruction sets that this CPU has, best first."""
    return _core.available_isas()


@contextmanager
def use_isa(name: str) -> Iterator[None]:
    """Use one instruction set in the whole process while the block runs; the bits are the same.

    The environment variable SCHUSS_ISA does it for a whole run.

    Raises:
        ValueError: for a name that is not among `available_isas()`.

    Example:
        >>> with use_isa("baseline"):
        ...     isa()
        'baseline'
    """
    if not isinstance(name, str):
        raise TypeError(f"name is {name!r}; one of {available_isas()} is wanted")
    before = isa()
    _core.use_isa(name)
    try:
        yield
    finally:
        _core.use_isa(before)


explain(__name__)
