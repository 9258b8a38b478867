"""The task that rules are compared, searched and tested on: a network, data, batches, a start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from schuss import minibatches
from schuss.checks import count
from schuss.lab import data as datasets
from schuss.lab import network

__all__ = ["Source", "Task", "make", "one_blas_thread"]

Source = datasets.Dataset | str | Path | None  # of data


@dataclass(frozen=True)
class Task:
    """A multilayer perceptron, and the rows it learns from.

    Attributes:
        data: with a part to train on and a part to test on.
        layers: units of each, inputs and outputs included.
        batch_size: rows per step, no more than there are.
        init: what the weights are drawn from.
        seed: of the initial parameters and of the order of the batches.
    """

    data: datasets.Dataset
    layers: list[int]
    batch_size: int
    init: str
    seed: int

    def begin(self) -> tuple[network.Params, minibatches[tuple[network.Array, ...]]]:
        """New parameters, and the batches of one epoch after another; always the same ones."""
        rng = np.random.default_rng(self.seed)
        params = network.initialize(self.layers, init=self.init, rng=rng)
        data = self.data
        return params, minibatches(data.x_train, data.y_train, batch_size=self.batch_size, rng=rng)


def make(
    data: Source,
    hidden: Sequence[int],
    batch_size: int | None,
    seed: int,
    init: str = "he_normal",
) -> Task:
    """Check what a user says and return the task.

    Args:
        data: a data set, the path of a .npz or .csv, or None for scikit-learn's digits.
        hidden: units of each hidden layer; empty is a linear model.
        batch_size: rows per step; None is the whole training part.
        seed: as in `Task`.
        init: as in `Task`.

    Raises:
        TypeError, ValueError: a number that is not positive, a file that cannot be used, an unknown
            name.
    """
    inner = [count(f"hidden[{index}]", units) for index, units in enumerate(hidden)]
    if batch_size is not None:
        batch_size = count("batch_size", batch_size)
    network.check_init(init)
    found = datasets.get(data)
    rows, columns = found.x_train.shape
    layers = [columns, *inner, len(found.classes)]
    return Task(found, layers, min(batch_size or rows, rows), init, seed)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let NumPy's matrix products have one thread, where threadpoolctl is installed.

    Batches are too small for more: a second thread gains nothing, waits for a core where others are
    busy, and keeps ours from it meanwhile. With one, a second is that of one core for all, and the
    sums have the same order on every machine of a kind.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        yield
        return
    with threadpool_limits(1, user_api="blas"):
        yield
