"""The page on scale counts the bytes that a step sends, and those that a rank holds."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import schuss
from schuss.distributed import Sharded

from docs import scale
from tests.ranks.threads import on_ranks

N = 16 * 4096


class Counted:
    """A communicator that adds up what its rank sends to others."""

    def __init__(self, comm):
        self.rank, self.size, self.sent, self._comm = comm.rank, comm.size, 0, comm

    def alltoall(self, send, recv):
        self.sent += send.nbytes - send[0].nbytes
        self._comm.alltoall(send, recv)

    def reduce_scatter(self, send, recv):
        self.sent += send.nbytes - send[0].nbytes
        self._comm.reduce_scatter(send, recv)

    def allgather(self, full):
        self.sent += full.nbytes - full[0].nbytes
        self._comm.allgather(full)


@pytest.mark.parametrize("reduction", ["fixed-tree", "native"])
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_bytes_sent_by_a_step(ranks, reduction):
    def sent(comm):
        counted = Counted(comm)
        opt = Sharded(schuss.AdamW(1e-3), counted, reduction, parts=comm.size)
        grads = opt.adopt(np.ones(N, np.float32)).copy()
        counted.sent = 0
        opt.accumulate(grads)
        opt.step()
        return counted.sent

    agreements = 2 * 24 * (ranks - 1)
    assert on_ranks(ranks, sent) == [scale.sent(N, ranks) + agreements] * ranks


class OneOfMany:
    """The first of so many ranks, that all do the same."""

    rank = 0

    def __init__(self, size):
        self.size = size

    def alltoall(self, send, recv):
        recv[...] = send

    def reduce_scatter(self, send, recv):
        recv[...] = send[0]

    def allgather(self, full):
        full[...] = full[self.rank]


@pytest.mark.parametrize("reduction", ["fixed-tree", "native"])
@pytest.mark.parametrize("ranks", [1, 4, 16])
def test_bytes_that_a_rank_holds(ranks, reduction):
    tracemalloc.start()
    try:
        opt = Sharded(schuss.AdamW(1e-3), OneOfMany(ranks), reduction, parts=ranks)
        params = opt.adopt(np.ones(N, np.float32))
        grads = np.ones(N, np.float32)
        for _ in range(2):
            opt.accumulate(grads)
            opt.step()
        held, _ = tracemalloc.get_traced_memory()
        states = sum(array.nbytes for array in opt.optimizer.state.values())
    finally:
        tracemalloc.stop()
    assert params.size == N
    wanted = scale.memory(N, ranks, tree=reduction == "fixed-tree")
    assert wanted == pytest.approx(held + states, abs=20_000 + 0.01 * wanted)
