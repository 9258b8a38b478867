"""Sums over a fixed number of parts, added pairwise, whichever ranks the parts belong to.

The parts are the leaves of one binary tree, ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)). A rank adds
up the nodes that lie within its own parts, and what is above them is added after one exchange, so
that the bits are those of one process. With powers of two of ranks and parts each has one node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import count
from .communicators import Communicator

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PairwiseSum", "own_parts", "reduce_scatter"]


def own_parts(comm: Communicator, parts: int, rank: int | None = None) -> range:
    """Return which of the parts a rank has: contiguous ones, as equal in number as can be."""
    parts = count("parts", parts, least=1)
    if parts < comm.size:
        raise ValueError(f"parts is {parts}; at least {comm.size}, one for each rank, is wanted")
    rank = comm.rank if rank is None else rank
    return range(parts * rank // comm.size, parts * (rank + 1) // comm.size)


class PairwiseSum:
    """Nodes of the tree from left to right, brothers added as soon as both are there.

    Attributes:
        nodes: (level, index, sum) of each that waits for its brother: the parts from index 2^level
            up to (index + 1) 2^level.
        free: arrays that sums have left.
    """

    def __init__(self) -> None:
        self.nodes: list[tuple[int, int, NDArray[Any]]] = []
        self.free: list[NDArray[Any]] = []

    def add(self, level: int, index: int, array: NDArray[Any]) -> None:
        """Take in the next node; its array is kept, or added to and set free."""
        while index % 2 and self.nodes and self.nodes[-1][:2] == (level, index - 1):
            _, _, left = self.nodes.pop()
            np.add(left, array, out=left)
            self.free.append(array)
            level, index, array = level + 1, index // 2, left
        self.nodes.append((level, index, array))

    def total(self) -> NDArray[Any]:
        """Return the sum of all nodes, from the right: the brothers that do not exist are zeros."""
        while len(self.nodes) > 1:
            _, _, right = self.nodes.pop()
            level, index, left = self.nodes.pop()
            self.nodes.append((level, index, np.add(left, right, out=left)))
        return self.nodes[0][2]


def _nodes(parts: range) -> list[tuple[int, int]]:
    """The largest nodes of the tree within these parts, from left to right."""
    found = PairwiseSum()
    for part in parts:
        found.add(0, part, np.empty(0))
    return [(level, index) for level, index, _ in found.nodes]


def reduce_scatter(
    comm: Communicator, parts: int, nodes: list[NDArray[Any]], received: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Return this rank's slice of the sum over all parts.

    Args:
        comm: of the ranks.
        parts: their number.
        nodes: what `PairwiseSum` made of this rank's parts, arrays of `comm.size` rows: of each
            rank's slice.
        received: memory for what comes, as large as all nodes.
    """
    every = [_nodes(own_parts(comm, parts, rank)) for rank in range(comm.size)]
    most = max(map(len, every))
    slice_shape = nodes[0].shape[1:]
    if most == 1:
        send = nodes[0]
    else:
        send = np.zeros((comm.size, most, *slice_shape), nodes[0].dtype)
        for k, node in enumerate(nodes):
            send[:, k] = node
    if received is None:
        received = np.empty_like(send)
    comm.alltoall(send, received)
    rows = received.reshape(comm.size, most, *slice_shape)
    total = PairwiseSum()
    for rank, own in enumerate(every):
        for k, (level, index) in enumerate(own):
            total.add(level, index, rows[rank, k])
    return total.total()
