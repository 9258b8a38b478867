"""Ranks that are threads of this process, for what needs no other process."""

from __future__ import annotations

import threading


class Thread:
    """One rank of a group of threads; see `schuss.distributed.Communicator`."""

    def __init__(self, group, rank):
        self.group, self.rank, self.size = group, rank, group.size

    def exchange(self, name, array):
        """What all ranks have given to a collective, which is the same one."""
        assert array.flags.c_contiguous
        assert len(array) == self.size
        assert array.dtype.name in ("float32", "float64", "int64", "uint8")
        self.group.given[self.rank] = (name, array.shape, array.dtype), array.copy()
        self.group.barrier.wait()
        given = list(self.group.given)
        self.group.barrier.wait()
        assert all(what == given[0][0] for what, _ in given), given
        return [sent for _, sent in given]

    def alltoall(self, send, recv):
        for k, sent in enumerate(self.exchange("alltoall", send)):
            recv[k] = sent[self.rank]

    def reduce_scatter(self, send, recv):
        recv[...] = 0
        for sent in self.exchange("reduce_scatter", send):
            recv += sent[self.rank]

    def allgather(self, full):
        for k, sent in enumerate(self.exchange("allgather", full)):
            full[k] = sent[k]


class Group:
    def __init__(self, size):
        self.size, self.given = size, [None] * size
        self.barrier = threading.Barrier(size, timeout=60)


def outcomes(size, function):
    """What function(comm) returns or raises, on each of so many ranks."""
    group, found = Group(size), [None] * size

    def run(rank):
        try:
            found[rank] = function(Thread(group, rank))
        except Exception as error:
            found[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def on_ranks(size, function):
    """What function(comm) returns on each of so many ranks."""
    found = outcomes(size, function)
    for result in found:
        if isinstance(result, Exception):
            raise result
    return found
