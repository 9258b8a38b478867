"""How ranks reach each other: mpi4py's communicators, groups of torch.distributed, and others."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Alone", "Communicator", "communicator", "torch_group"]


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


class Alone:
    """The one rank of a program without others, as in examples and tests."""

    rank, size = 0, 1

    def alltoall(self, send: NDArray[Any], recv: NDArray[Any]) -> None:
        """Receive what is sent."""
        recv[...] = send

    def reduce_scatter(self, send: NDArray[Any], recv: NDArray[Any]) -> None:
        """Receive the one row."""
        recv[...] = send[0]

    def allgather(self, full: NDArray[Any]) -> None:
        """Leave the one row as it is."""


class _EndsAll:
    """What Python calls with an error that nobody catches: the other ranks would wait for ever."""

    def __init__(self, comm: Any, inner: Any) -> None:
        self._comm, self._inner = comm, inner

    def __call__(self, *error: Any) -> None:
        rank, size = self._comm.Get_rank(), self._comm.Get_size()
        text = f"rank {rank} of {size} ends all ranks after this error"
        try:
            self._inner(*error)
            print(text, file=sys.stderr, flush=True)
        finally:
            self._comm.Abort(1)


class _MPI:
    """A communicator of mpi4py, known by its methods."""

    def __init__(self, comm: Any) -> None:
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.alltoall, self.reduce_scatter = comm.Alltoall, comm.Reduce_scatter_block
        self._comm = comm
        modules = (sys.modules[kind.__module__] for kind in type(comm).__mro__)
        self._in_place = next(m.IN_PLACE for m in modules if hasattr(m, "IN_PLACE"))
        if self.size > 1 and not isinstance(sys.excepthook, _EndsAll):
            sys.excepthook = _EndsAll(comm, sys.excepthook)

    def allgather(self, full: NDArray[Any]) -> None:
        self._comm.Allgather(self._in_place, full)


class _TorchGroup:
    """A process group of torch.distributed on the CPU, as gloo's."""

    def __init__(self, torch: Any, group: Any) -> None:
        dist = torch.distributed
        self.rank, self.size = dist.get_rank(group), dist.get_world_size(group)
        self._tensor, self._group = torch.from_numpy, group
        self._alltoall = dist.all_to_all_single
        # The newer names first: torch warns of the older ones.
        self._gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor
        self._reduce = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor

    def _call(self, collective: Any, send: NDArray[Any], recv: NDArray[Any]) -> None:
        to, own = (self._tensor(array.reshape(-1)) for array in (recv, send))
        collective(to, own, group=self._group)

    def alltoall(self, send: NDArray[Any], recv: NDArray[Any]) -> None:
        self._call(self._alltoall, send, recv)

    def reduce_scatter(self, send: NDArray[Any], recv: NDArray[Any]) -> None:
        self._call(self._reduce, send, recv)

    def allgather(self, full: NDArray[Any]) -> None:
        self._call(self._gather, full[self.rank].copy(), full)


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
