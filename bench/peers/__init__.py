"""What people use in place of schuss, each skipped with a word where it is absent."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

from bench.harness import Candidate


class AbsentError(Exception):
    """This candidate cannot do this work here; the text says why."""


def optional(name: str) -> Any:
    """Import a module that may not be there."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise AbsentError(f"{name} is not installed") from error


W = TypeVar("W")


def _attempt(make: Callable[[W], Candidate], work: W) -> Candidate | str:
    """The candidate, or why there is none."""
    try:
        return make(work)
    except AbsentError as reason:
        return str(reason)


def gather(
    makers: Iterable[tuple[str, Callable[[W], Candidate]]], work: W
) -> tuple[list[Candidate], dict[str, str]]:
    """Build the candidates that can do this work, and say why the others cannot."""
    made = {name: _attempt(make, work) for name, make in makers}
    candidates = [c for c in made.values() if isinstance(c, Candidate)]
    return candidates, {name: c for name, c in made.items() if isinstance(c, str)}


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def own_threads(count: int) -> Iterator[None]:
    """So many threads for schuss."""
    config = optional("schuss").config
    before = config.get_num_threads()
    config.set_num_threads(count)
    try:
        yield
    finally:
        config.set_num_threads(before)


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """The same number of threads for every BLAS, where threadpoolctl can set it."""
    with ExitStack() as stack:
        with suppress(AbsentError):
            limit = optional("threadpoolctl").threadpool_limits
            optional("scipy.optimize")  # only what is loaded is limited
            stack.enter_context(limit(count, user_api="blas"))
        yield


@contextmanager
def all_threads(count: int) -> Iterator[None]:
    """The same number of threads for schuss, torch and every BLAS."""
    with suppress(AbsentError):
        optional("torch").set_num_threads(count)
    with own_threads(count), blas_threads(count):
        yield
