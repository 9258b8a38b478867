"""Minibatches: the data in random order, a few samples at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, TypeVar, overload

import numpy as np

from .checks import count
from .random import generator
from .suggest import explain

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from .random import Rng

__all__ = ["minibatches"]

_Batch = TypeVar("_Batch", covariant=True)


class minibatches(Generic[_Batch]):  # noqa: N801  (called like a function)
    """The samples of one epoch, in batches; iterate again for the next epoch.

    A batch is a tuple with `batch_size` rows of each array, or just the rows when there is one
    array. Each iteration draws a new order from `rng`, so a seed fixes all epochs. `len()` is the
    number of batches.

    Batches are copies when they are shuffled, otherwise views of the data. Without drop_last the
    last batch holds what is left; with it, what is left is not seen in that epoch.

    Args:
        *arrays: Arrays, or what NumPy makes one of, with the same first size: one row per sample.
        batch_size: Samples per batch, at least 1. 1 is stochastic gradient descent; None is batch
            gradient descent: one batch with the data as they are, never shuffled or copied.
        rng: None, a seed or a `numpy.random.Generator`.
        shuffle: Whether the order is random.
        drop_last: Whether a last batch of fewer than `batch_size` samples is left out.

    Raises:
        TypeError, ValueError: An argument that makes no sense; with `drop_last`, fewer samples
            than `batch_size`, of which no batch can be made.

    Example:
        >>> x, y = np.arange(10.0).reshape(5, 2), np.arange(5)
        >>> batches = minibatches(x, y, batch_size=2, rng=0)
        >>> for epoch in range(3):
        ...     for x_batch, y_batch in batches:
        ...         assert np.array_equal(x_batch, x[y_batch])
        >>> [len(rows) for rows in minibatches(x, batch_size=2)]
        [2, 2, 1]

    Reference:
        Goodfellow, Bengio & Courville 2016, Deep Learning, section 8.1.3.
    """

    @overload
    def __init__(
        self: minibatches[NDArray[Any]],
        array: ArrayLike,
        /,
        *,
        batch_size: SupportsIndex | None,
        rng: Rng = ...,
        shuffle: bool = ...,
        drop_last: bool = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: minibatches[tuple[NDArray[Any], ...]],
        *arrays: ArrayLike,
        batch_size: SupportsIndex | None,
        rng: Rng = ...,
        shuffle: bool = ...,
        drop_last: bool = ...,
    ) -> None: ...

    def __init__(
        self,
        *arrays: ArrayLike,
        batch_size: SupportsIndex | None,
        rng: Rng = None,
        shuffle: bool = True,
        drop_last: bool = False,
    ) -> None:
        """Check the arguments; nothing is drawn or copied yet."""
        self._arrays = tuple(map(np.asarray, arrays))
        if not self._arrays or not all(array.ndim for array in self._arrays):
            shapes = [array.shape for array in self._arrays]
            raise ValueError(
                f"arrays has shapes {shapes}; at least one array, each of at least 1 dimension, "
                "is wanted"
            )
        lengths = [len(array) for array in self._arrays]
        if len(set(lengths)) > 1:
            raise ValueError(f"arrays has the first sizes {lengths}; the same for all is wanted")
        self._samples = lengths[0]
        whole = max(self._samples, 1)
        self._batch_size = whole if batch_size is None else count("batch_size", batch_size)
        if drop_last and batch_size is not None and self._samples < self._batch_size:
            raise ValueError(
                f"batch_size is {self._batch_size}, so that drop_last leaves no batch of the "
                f"{self._samples} samples; at least as many samples are wanted"
            )
        self._generator = generator(rng) if shuffle and batch_size is not None else None
        self._drop_last = drop_last

    def __len__(self) -> int:
        """Return the number of batches."""
        whole, rest = divmod(self._samples, self._batch_size)
        return whole + (rest > 0 and not self._drop_last)

    def __iter__(self) -> Iterator[_Batch]:
        """Yield the batches of the next epoch."""
        order = None if self._generator is None else self._generator.permutation(self._samples)
        for start in range(0, len(self) * self._batch_size, self._batch_size):
            rows = slice(start, start + self._batch_size)
            chosen = rows if order is None else order[rows]
            batch: Any = tuple(array[chosen] for array in self._arrays)
            yield batch if len(batch) > 1 else batch[0]

    def __repr__(self) -> str:
        """Return the sizes."""
        return f"<minibatches: {len(self)} of {self._batch_size} from {self._samples} samples>"


explain(__name__)
