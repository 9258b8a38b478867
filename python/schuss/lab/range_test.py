"""The learning-rate range test: the loss while the rate grows, and a rate to begin with.

Example:
    >>> from schuss import lab
    >>> result = lab.find_learning_rate("adam", steps=60)
    >>> 1e-5 < result.suggestion < 0.3
    True
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from schuss.lab import catalog, network, task
from schuss.lab.catalog import Progress
from schuss.lab.interrupt import Interrupted
from schuss.suggest import explain

__all__ = ["RangeTest", "find_learning_rate", "range_test"]

SMOOTHING = 0.9  # part of the mean that one step leaves as it was
SETTLED = 10  # steps before the mean says something


@dataclass(frozen=True)
class RangeTest:
    """What the loss did while the rate grew.

    Attributes:
        name: what was trained.
        rates: of each step, up to where the loss diverged.
        losses: before each step, in the units of the loss.
        smoothed: their mean, in which older ones count exponentially less.
        suggestion: the rate at which the smoothed loss falls fastest by the logarithm of the rate;
            NaN where it never falls.
        diverged: whether the mean rose from its smallest value by more than the range of the
            losses until then, or became infinite. A constant added to the loss changes nothing.
    """

    name: str
    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    suggestion: float
    diverged: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `json.dumps`; None is what is not finite."""

        def plain(value: float) -> float | None:
            return value if math.isfinite(value) else None

        return {
            "optimizer": self.name,
            "rates": self.rates,
            "losses": [plain(loss) for loss in self.losses],
            "smoothed": [plain(loss) for loss in self.smoothed],
            "suggestion": plain(self.suggestion),
            "diverged": self.diverged,
        }


def range_test(
    step: Callable[[float], float],
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 200,
    name: str = "",
    progress: Progress | None = None,
) -> RangeTest:
    """Take steps with a rate that grows from `low` to `high`, until the loss diverges.

    The rate of step t is low (high / low)^(t / (steps - 1)).

    Args:
        step: step(rate) takes one step of yours with this rate, and returns the loss before it.
        low: the first rate, above 0.
        high: the last one, above `low`.
        steps: at most; at least 20.
        name: of what is trained, for the plot.
        progress: called as `progress(name, steps_done, steps_in_all)`.

    Raises:
        TypeError, ValueError: an argument that makes no sense.
        Interrupted: after Ctrl-C, with the steps that were taken.

    Example:
        >>> x = [3.0]
        >>> def step(rate):
        ...     loss = x[0] ** 2
        ...     x[0] -= rate * 2 * x[0]
        ...     return loss
        >>> result = range_test(step, low=1e-4)
        >>> result.diverged, 0.001 < result.suggestion < 1
        (True, True)

    Reference: Smith, Cyclical Learning Rates for Training Neural Networks, 2017, section 3.3.
    """
    if not 0 < low < high < math.inf:
        raise ValueError(f"low is {low} and high is {high}; 0 < low < high is wanted")
    if steps < 20:
        raise ValueError(f"steps is {steps}; at least 20 are wanted")
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    mean, lowest, span, diverged = 0.0, math.inf, 0.0, False

    def result() -> RangeTest:
        done = len(smoothed)
        suggestion = _steepest(rates[:done], smoothed)
        return RangeTest(name, rates[:done], losses[:done], smoothed, suggestion, diverged)

    try:
        for t in range(steps):
            rate = low * (high / low) ** (t / (steps - 1))
            loss = float(step(rate))
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            rates.append(rate)
            losses.append(loss)
            smoothed.append(mean / (1 - SMOOTHING ** (t + 1)))
            if progress is not None:
                progress(name, t + 1, steps)
            if t < SETTLED:
                continue
            if smoothed[-1] < lowest:
                lowest, span = smoothed[-1], max(losses) - min(losses)
            diverged = not smoothed[-1] - lowest <= span
            if diverged:
                break
    except KeyboardInterrupt:
        if len(smoothed) <= SETTLED:
            raise
        raise Interrupted(result()) from None
    return result()


def _steepest(rates: Sequence[float], smoothed: Sequence[float]) -> float:
    """The rate where the mean falls fastest, before it is at its lowest."""
    found = np.array(smoothed)
    with np.errstate(all="ignore"):
        slopes = np.gradient(found, np.log(rates))
    last = int(np.nanargmin(found)) if np.isfinite(found).any() else 0
    slopes = slopes[SETTLED : last + 1]
    if not (slopes < 0).any():
        return math.nan
    return float(rates[SETTLED + int(np.nanargmin(slopes))])


def find_learning_rate(
    optimizer: str = "SGD",
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 200,
    batch_size: int | None = 64,
    hidden: Sequence[int] = (128, 64),
    seed: int = 0,
    data: task.Source = None,
    progress: Progress | None = None,
) -> RangeTest:
    """Make the range test with a rule on the network of `compare`.

    Args:
        optimizer: a name from `first_order()`, in any case.
        low: the first rate, above 0.
        high: the last one, above `low`.
        steps: at most; at least 20.
        batch_size: rows per step; None is the whole training part.
        hidden: units of each hidden layer.
        seed: of the initial parameters and the order of the batches.
        data: a data set, the path of a .npz or .csv, or None for scikit-learn's digits.
        progress: called as `progress(name, steps_done, steps_in_all)`.

    Raises:
        TypeError, ValueError: an argument that makes no sense, or a file that cannot be used.

    Example:
        >>> from schuss import lab
        >>> result = lab.find_learning_rate("momentum", steps=50)
        >>> len(result.rates) <= 50, result.suggestion > 1e-4
        (True, True)
    """
    (name,) = catalog.resolve([optimizer], catalog.first_order())
    params, batches = task.make(data, hidden, batch_size, seed).begin()
    forever = itertools.chain.from_iterable(itertools.repeat(batches))
    rule = catalog.build(name, learning_rate=low)

    def step(rate: float) -> float:
        rule.learning_rate = rate
        loss, grads = network.loss_and_gradients(params, *next(forever))
        rule.step(params, grads)
        return loss

    # A rate that is too large is what is looked for.
    with task.one_blas_thread(), np.errstate(all="ignore"):
        return range_test(step, low=low, high=high, steps=steps, name=name, progress=progress)


explain(__name__)
