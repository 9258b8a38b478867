"""The gradients of one step: sums over the parts of this rank, and their mean over all ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .flat import Flat
from .tree import PairwiseSum, own_parts, reduce_scatter

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Gradients"]


class Gradients:
    """Gradients of micro-batches, added as they come.

    Args:
        flat: where the parameters lie; gradients lie alike.
        parts: micro-batches of all ranks.
        tree: add pairwise, in an order that does not depend on the ranks; else as they come, and by
            the communicator.

    Attributes:
        present: the paths of parameters that had a gradient in any part.
    """

    def __init__(self, flat: Flat, parts: int, *, tree: bool) -> None:
        self._flat, self._parts, self._tree = flat, parts, tree
        self._own = own_parts(flat.comm, parts)
        self._free: list[NDArray[Any]] = []
        self._received: NDArray[Any] | None = None
        self._sums = PairwiseSum()
        self.begin()

    def begin(self) -> None:
        """Begin a step, without gradients; what it has needed is kept for the next."""
        self._free += [*self._sums.free, *(array for _, _, array in self._sums.nodes)]
        self._sums = PairwiseSum()
        self._count = 0
        self.present: set[str] = set()

    def add(self, grads: Any) -> None:
        """Copy the gradients of the next part, or add them to those of its brother.

        Raises:
            TypeError, ValueError: they do not fit, or there is no next part; nothing is added.
        """
        if self._count == len(self._own):
            raise ValueError(
                f"accumulate was called more than {self._count} times; once for each of own_parts, "
                f"{self._own}, is wanted"
            )
        arrays = self._fitting(grads)
        part, nodes = self._own[self._count], self._sums.nodes
        first = not nodes or (self._tree and not (part % 2 and nodes[-1][:2] == (0, part - 1)))
        if not first:
            to = nodes.pop()[2]
        else:
            free = self._free or self._sums.free
            to = free.pop() if free else np.zeros(self._flat.values.size, self._flat.compute)
        with np.errstate(all="ignore"):  # what is not finite is found in the sum
            for path, own, g in zip(self._flat.shapes, self._flat.views(to), arrays, strict=True):
                if g is not None:
                    self.present.add(path)
                if not first:
                    np.add(own, 0 if g is None else g, out=own, dtype=to.dtype, casting="unsafe")
                else:
                    np.copyto(own, 0 if g is None else g, casting="unsafe")
            if self._tree:
                self._sums.add(*((0, part) if first else (1, part // 2)), to)
            else:
                nodes.append((0, 0, to))
        self._count += 1

    def _fitting(self, grads: Any) -> list[NDArray[Any] | None]:
        """Return the gradients in the order of the parameters, if they fit."""
        found = {path: array for path, _, array in _core.views(grads, "grads", False)}
        shapes = self._flat.shapes
        if found.keys() != shapes.keys():
            raise ValueError(
                f"grads lacks {sorted(shapes.keys() - found.keys())} and has "
                f"{sorted(found.keys() - shapes.keys())} beside the parameters; their structure is "
                "wanted"
            )
        for path, array in found.items():
            if array is None:
                continue
            dtype = getattr(array, "dtype", None)
            if dtype is None or not (dtype.kind in "fiu" or dtype.name == "bfloat16"):
                raise TypeError(f"grads[{path!r}] is {array!r}; an array of real numbers is wanted")
            if array.shape != shapes[path]:
                raise ValueError(
                    f"grads[{path!r}] has shape {array.shape}; {shapes[path]} is wanted"
                )
        return [found[path] for path in shapes]

    def check_complete(self) -> None:
        """Raise a ValueError where parts of this rank are missing."""
        if self._count < len(self._own):
            raise ValueError(
                f"accumulate was called {self._count} times; once for each of own_parts, "
                f"{self._own}, is wanted"
            )

    def absent_everywhere(self) -> set[str]:
        """Return the parameters without a gradient in any part of any rank; all ranks call it."""
        comm, paths = self._flat.comm, list(self._flat.shapes)
        present = np.zeros((comm.size, len(paths)), np.uint8)
        present[comm.rank] = [path in self.present for path in paths]
        comm.allgather(present)
        return {path for k, path in enumerate(paths) if not present[:, k].any()}

    def mean(self) -> NDArray[Any]:
        """Return an array that has this rank's shard of the mean over all parts in its place."""
        comm, shard = self._flat.comm, self._flat.shard
        [(_, _, array)] = self._sums.nodes
        rows = array.reshape(comm.size, array.size // comm.size)
        if self._received is None:
            self._received = np.empty(rows.shape if self._tree else rows.shape[1:], rows.dtype)
        total = self._received
        if self._tree:
            total = reduce_scatter(comm, self._parts, [rows], total)
        else:
            comm.reduce_scatter(rows, total)
        np.multiply(total, rows.dtype.type(1.0 / self._parts), out=array[shard])
        return array
