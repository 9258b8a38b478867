"""The parameters of a model in one buffer, cut into a shard for each rank."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .communicators import Communicator

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BLOCK", "Flat"]

BLOCK = 4096  # elements; the core's sums of squares do not cross a multiple of it


class Flat:
    """One array of all elements, in the order of the paths; a shard is whole blocks of it.

    Zeros fill up the last shards; some ranks may have no elements at all.

    Attributes:
        comm: the ranks.
        shapes: of the parameters, by path.
        values: all elements.
        compute: the dtype of gradients and states.
        shard: the elements of this rank, as if the zeros were parameters.
        elements: the same, without them.
    """

    def __init__(
        self, comm: Communicator, shapes: Mapping[str, tuple[int, ...]], dtype: np.dtype[Any]
    ) -> None:
        self.comm = comm
        self.shapes = dict(shapes)
        sizes = [int(np.prod(shape, dtype=np.int64)) for shape in shapes.values()]
        self._offsets = [0, *np.cumsum(sizes, dtype=np.int64).tolist()]
        length = max(-(-self._offsets[-1] // (comm.size * BLOCK)), 1) * BLOCK
        self.values = np.zeros(comm.size * length, dtype)
        self.compute = np.dtype(np.float64 if dtype == np.float64 else np.float32)
        self.shard = slice(comm.rank * length, (comm.rank + 1) * length)
        n = self._offsets[-1]
        self.elements = slice(min(self.shard.start, n), min(self.shard.stop, n))

    @property
    def alone(self) -> bool:
        """Whether this rank has all elements, so that the others have none."""
        return self.comm.rank == 0 and self.elements.stop == self._offsets[-1]

    def views(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Return views of such an array, in the shapes of the parameters."""
        cuts = zip(self._offsets, self._offsets[1:], self.shapes.values(), strict=False)
        return [values[a:b].reshape(shape) for a, b, shape in cuts]

    def own_parts(self) -> Iterator[slice]:
        """Yield for each parameter which of the elements of this rank are its."""
        begin, end = self.elements.start, self.elements.stop
        for first, after in zip(self._offsets, self._offsets[1:], strict=False):
            yield slice(*(min(max(at, begin), end) - begin for at in (first, after)))

    def _rows(self) -> NDArray[np.int64]:
        return self.values.view(np.int64).reshape(self.comm.size, -1)

    def broadcast(self) -> None:
        """Give all ranks the values of rank 0: to each its shard, and then to each the others'."""
        rows = self._rows()
        received = np.empty_like(rows)
        self.comm.alltoall(rows, received)
        rows[self.comm.rank] = received[0]
        self.comm.allgather(rows)

    def exchange(self) -> None:
        """Give each rank the others' shards."""
        self.comm.allgather(self._rows())
