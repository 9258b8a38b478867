"""How ranks reach each other: mpi4py's communicators, groups of torch.distributed, and others."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Communicator", "communicator", "torch_group"]


@runtime_checkable
class Communicator(Protocol):
    """What `Sharded` and `summed` ask of a communicator: three collectives over NumPy arrays.

    Every rank calls them in the same order, with contiguous arrays of the same shape and dtype
    (float32, float64, int64 or uint8), whose first axis has a row for each rank. They return when
    the receiving array is filled; the sending one may then be written again.

    Attributes:
        rank: of this process, from 0.
        size: number of ranks.
    """

    rank: int
    size: int

    def alltoall(self, send: NDArray[Any], recv: NDArray[Any]) -> None:
        """Send row k to rank k; row k of recv comes from rank k."""

    def reduce_scatter(self, send: NDArray[Any], recv: NDArray[Any]) -> None:
        """Add send over all ranks, in any order; recv, without the axis of ranks, is row `rank`."""

    def allgather(self, full: NDArray[Any]) -> None:
        """Fill the rows of full, in place: row `rank` is this rank's, row k comes from rank k."""


class _MPI:
    """A communicator of mpi4py, known by its methods."""

    def __init__(self, comm: Any) -> None:
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.alltoall, self.reduce_scatter = comm.Alltoall, comm.Reduce_scatter_block
        self._comm = comm
        self._in_place = sys.modules[type(comm).__module__].IN_PLACE

    def allgather(self, full: NDArray[Any]) -> None:
        self._comm.Allgather(self._in_place, full)


class _TorchGroup:
    """A process group of torch.distributed on the CPU, as gloo's."""

    def __init__(self, torch: Any, group: Any) -> None:
        self._torch, self._group, self._dist = torch, group, torch.distributed
        self.rank, self.size = self._dist.get_rank(group), self._dist.get_world_size(group)

    def _flat(self, array: NDArray[Any]) -> Any:
        return self._torch.from_numpy(array.reshape(-1))

    def alltoall(self, send: NDArray[Any], recv: NDArray[Any]) -> None:
        self._dist.all_to_all_single(self._flat(recv), self._flat(send), group=self._group)

    def reduce_scatter(self, send: NDArray[Any], recv: NDArray[Any]) -> None:
        self._dist.reduce_scatter_tensor(self._flat(recv), self._flat(send), group=self._group)

    def allgather(self, full: NDArray[Any]) -> None:
        own = self._flat(full[self.rank].copy())
        self._dist.all_gather_into_tensor(self._flat(full), own, group=self._group)


def torch_group(group: Any = None) -> Communicator:
    """Return the communicator of a process group of torch.distributed; None for the default one.

    Of gloo's, which talks between CPUs. MPI is several times as fast on one machine; this is for
    those who train with `torchrun` anyway.

    Raises:
        RuntimeError: torch.distributed is not initialized.

    Example:
        >>> import torch.distributed as dist  # doctest: +SKIP
        >>> dist.init_process_group("gloo")  # doctest: +SKIP
        >>> comm = torch_group()  # doctest: +SKIP
    """
    torch = sys.modules.get("torch")
    dist = None if torch is None else torch.distributed
    if dist is None or not dist.is_available() or not dist.is_initialized():
        raise RuntimeError(
            "torch.distributed is not initialized; torch.distributed.init_process_group('gloo') "
            "comes first"
        )
    return _TorchGroup(torch, group)


def communicator(given: Any) -> Communicator:
    """Return what was given as a Communicator."""
    if hasattr(given, "Alltoall") and hasattr(given, "Reduce_scatter_block"):
        return _MPI(given)
    if isinstance(given, Communicator):
        return given
    raise TypeError(
        f"comm is {given!r}; a communicator of mpi4py, schuss.distributed.torch_group() or an "
        "object with the methods of schuss.distributed.Communicator is wanted"
    )


def allgather_bytes(comm: Communicator, own: bytes) -> list[bytes]:
    """Return the bytes of all ranks, of any lengths."""
    lengths = np.zeros((comm.size, 1), np.int64)
    lengths[comm.rank] = len(own)
    comm.allgather(lengths)
    every = np.zeros((comm.size, max(int(lengths.max()), 1)), np.uint8)
    every[comm.rank, : len(own)] = np.frombuffer(own, np.uint8)
    comm.allgather(every)
    return [bytes(row[: int(n)]) for row, n in zip(every, lengths[:, 0], strict=True)]
