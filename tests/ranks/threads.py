"""Ranks that are threads of this process, for what needs no other process."""

from __future__ import annotations

import threading

import numpy as np


class Thread:
    """One rank of a group of threads; see `schuss.distributed.Communicator`."""

    def __init__(self, group, rank):
        self.group, self.rank, self.size = group, rank, group.size
        self.calls = []

    def exchange(self, name, array):
        self.calls.append(name)
        shared, barrier = self.group.shared, self.group.barrier
        shared[self.rank] = name, array.shape, array.dtype, array.copy()
        barrier.wait()
        every = list(shared)
        barrier.wait()
        assert len({(n, shape, dtype) for n, shape, dtype, _ in every}) == 1, every
        assert array.flags.c_contiguous
        assert len(array) == self.size
        assert array.dtype.name in ("float32", "float64", "int64", "uint8")
        return [a for _, _, _, a in every]

    def alltoall(self, send, recv):
        for k, other in enumerate(self.exchange("alltoall", send)):
            recv[k] = other[self.rank]

    def reduce_scatter(self, send, recv):
        recv[...] = 0
        for other in self.exchange("reduce_scatter", send):
            recv += other[self.rank]

    def allgather(self, full):
        for k, other in enumerate(self.exchange("allgather", full)):
            full[k] = other[k]


class Threads:
    def __init__(self, size):
        self.size, self.shared = size, [None] * size
        self.barrier = threading.Barrier(size, timeout=60)


def on_ranks(size, function):
    """What function(comm) returns or raises on each of so many ranks."""
    group, results = Threads(size), [None] * size

    def run(rank):
        try:
            results[rank] = function(Thread(group, rank))
        except Exception as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def raised(results):
    """The results, if none of them is an error."""
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def tree_mean(parts):
    """The mean of a power of two of arrays, added pairwise."""
    while len(parts) > 1:
        parts = [a + b for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


__all__ = ["Thread", "Threads", "np", "on_ranks", "raised", "tree_mean"]
