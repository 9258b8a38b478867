"""Where independent pieces of work run: in this process, in others beside it, on a cluster."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from threading import Lock
from typing import Any, Generic, TypeVar
from uuid import uuid4

from schuss import config
from schuss.lab import task

__all__ = ["BACKENDS", "run"]

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Item], Result]
# Yields results in whatever order they end, and adds to the list the items that have none.
Engine = Callable[[Sequence[Item], list[Item]], Iterator[Result]]

BACKENDS = ("loky", "threading", "dask", "ray")


def run(
    work: Work[Item, Result],
    items: Sequence[Item],
    processes: int | None,
    backend: str | None,
    lost: list[Item],
) -> Generator[Result, None, None]:
    """Yield `work(item)` for each item, in whatever order they end.

    What was under way where a worker died runs again when all others are done, one item at a time:
    whose worker dies then has itself to blame.

    Args:
        work: it travels once to each worker, with what it needs.
        items: what is small and differs.
        processes: how many run at once; None is what the backend is set to: all that a cluster has.
        backend: None is the one of joblib's that is active, which is loky where none is.
        lost: here go, at the end, the items whose workers died both times.
    """
    if not items:
        return  # no cluster is asked for
    engine: Engine[Item, Result] = _engine(work, len(items), processes, backend)
    suspects: list[Item] = []
    yield from engine(items, suspects)
    for item in suspects:
        yield from engine([item], lost)


def _engine(
    work: Work[Item, Result], total: int, processes: int | None, backend: str | None
) -> Engine[Item, Result]:
    from joblib.parallel import get_active_backend

    active, jobs = get_active_backend()
    if backend == "dask" or (backend is None and hasattr(active, "client")):
        return partial(_in_flight, _dask(work, getattr(active, "client", None)), processes)
    if backend == "ray" or (backend is None and type(active).__name__ == "RayBackend"):
        return partial(_in_flight, _ray(work), processes)
    if processes is not None:
        jobs = max(1, min(processes, total))
    elif jobs is None:
        jobs = active.default_n_jobs
    return partial(_joblib, work, backend or active, jobs)


# -- joblib ----------------------------------------------------------------------------------------


def _joblib(
    work: Work[Item, Result], backend: Any, jobs: int, items: Sequence[Item], lost: list[Item]
) -> Iterator[Result]:
    from joblib import Parallel, delayed, effective_n_jobs, parallel_config
    from joblib.parallel import LokyBackend, get_active_backend

    settings = {"backend": backend, "n_jobs": jobs}
    if type(backend) is LokyBackend and backend.inner_max_num_threads is None:
        settings["backend"] = backend = "loky"
    if backend == "loky":
        settings["inner_max_num_threads"] = 1
    with parallel_config(**settings):
        count = effective_n_jobs(jobs)
        unordered = get_active_backend()[0].supports_return_generator
    if count == 1:
        yield from map(work, items)
        return
    unfinished = dict(enumerate(items))
    left = iter(list(unfinished.items()))
    size = len(items) if unordered else 2 * count
    for first in left:
        calls = (
            delayed(_numbered)(work, number, item)
            for number, item in chain([first], islice(left, size - 1))
        )
        with ExitStack() as stack:
            with parallel_config(**settings):
                how = "generator_unordered" if unordered else "list"
                done = Parallel(return_as=how, batch_size=1)(calls)
            if unordered:
                stack.callback(done.close)
            try:
                for number, result in done:
                    del unfinished[number]
                    yield result
            except BrokenProcessPool:
                pass  # who was there is found out at the end
    lost.extend(unfinished.values())


def _numbered(work: Work[Item, Result], number: int, item: Item) -> tuple[int, Result]:
    with _one_thread:
        return number, work(item)


# -- clusters --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cluster(Generic[Item]):
    """What to do with an item, and how what happened is called there."""

    submit: Callable[[Item], Any]  # a Future
    cancel: Callable[[Any], object]
    died: tuple[type[Exception], ...]
    room: Callable[[], int]  # for so many at a time


def _dask(work: Work[Item, Any], client: Any) -> _Cluster[Item]:
    import cloudpickle
    import dask
    from distributed import KilledWorker, get_client

    if client is None:
        try:
            client = get_client()
        except ValueError:
            raise ValueError(
                "backend is 'dask', and there is no client; make one with "
                "distributed.Client(address) before"
            ) from None
    # A task, which runs again where workers die that hold its result: scattered data would be gone.
    # In bytes, as the scheduler unpickles tasks, and need not know what these import.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 PiB"}):
        held = client.submit(cloudpickle.loads, cloudpickle.dumps(work), pure=False)
    pool = client.get_executor(pure=False)
    return _Cluster(
        lambda item: pool.submit(_once, f"schuss-{uuid4().hex}", held, item),
        Future.cancel,
        (KilledWorker,),
        # One that runs and one that waits: all that wait where a worker dies fall under suspicion.
        lambda: 2 * max(1, sum(client.ncores().values())),
    )


def _once(name: str, work: Work[Item, Result], item: Item) -> Result | _Failed | _Died:
    """As `_on_worker`, unless a worker died that had begun.

    Dask runs what killed its worker four times by itself, each time with what is there beside it.
    """
    from distributed import Event

    begun = Event(name)
    try:
        if begun.is_set():
            return _Died()
        begun.set()
        return _on_worker(work, item)
    finally:
        begun.clear()


def _ray(work: Work[Item, Any]) -> _Cluster[Item]:
    import ray

    if not ray.is_initialized():
        ray.init()
    held = ray.put(work)
    remote = ray.remote(num_cpus=1, max_retries=0)(_on_worker)
    errors = ray.exceptions
    return _Cluster(
        lambda item: remote.remote(held, item).future(),
        lambda future: ray.cancel(future.object_ref, force=True),
        (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError),
        lambda: sys.maxsize,
    )


def _in_flight(
    cluster: _Cluster[Item], most: int | None, items: Sequence[Item], lost: list[Item]
) -> Iterator[Any]:
    left = iter(items)
    waiting: dict[Any, Item] = {}
    try:
        while True:
            for item in islice(left, max(0, (most or cluster.room()) - len(waiting))):
                waiting[cluster.submit(item)] = item
            if not waiting:
                return
            # A limit of time, as Ctrl-C would wait for the end of it on Windows.
            for future in wait(waiting, 1, FIRST_COMPLETED).done:
                item = waiting.pop(future)
                try:
                    result = future.result()
                except cluster.died:
                    lost.append(item)
                    continue
                except CancelledError as error:
                    raise ChildProcessError(
                        "the cluster forgot its work; is its scheduler still there?"
                    ) from error
                except Exception as error:
                    *_, what = "".join(traceback.format_exception_only(error)).splitlines()
                    raise ValueError(
                        f"workers cannot begin: {what}; they need schuss, and what train imports"
                    ) from error
                finally:
                    del future  # Dask would keep its result, and make it again where it is lost
                if isinstance(result, _Failed):
                    raise result.error from _RemoteError(result.trace)
                if isinstance(result, _Died):
                    lost.append(item)
                else:
                    yield result
    finally:
        for future in waiting:
            cluster.cancel(future)


class _Died:
    """In place of a result: a worker died with it."""


@dataclass(frozen=True)
class _Failed:
    """What work raised, and where; engines lose the cause of an exception."""

    error: Exception
    trace: str


class _RemoteError(Exception):
    """The traceback of an exception on a worker, as text."""

    def __str__(self) -> str:
        return f"on a worker\n\n{self.args[0]}"


def _on_worker(work: Work[Item, Result], item: Item) -> Result | _Failed:
    with _one_thread:
        try:
            return work(item)
        except Exception as error:
            return _Failed(error, traceback.format_exc())


class _OneThread:
    """Let all who are inside have one thread each; what was before comes back with the last one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._limits = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limits.enter_context(task.one_blas_thread())
                self._limits.callback(config.set_num_threads, config.get_num_threads())
                config.set_num_threads(1)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limits.close()


_one_thread = _OneThread()
