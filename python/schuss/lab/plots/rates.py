"""The plot of the learning-rate range test."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from schuss.lab import catalog
from schuss.lab.plots.style import DASHES, GRAY, TEXTBOOK, grid, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from schuss.lab.range_test import RangeTest


def range_test(result: RangeTest) -> Figure:
    """The loss against the learning rate, and where it falls fastest.

    Args:
        result: what `schuss.lab.range_test` or `schuss.lab.find_learning_rate` returned.

    Example:
        >>> from schuss import lab
        >>> figure = lab.plots.range_test(lab.find_learning_rate("adam", steps=40))
        >>> figure.axes[0].get_xlabel()
        'learning rate'
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    color = catalog.look(result.name).color if result.name else GRAY
    axes.plot(result.rates, result.losses, color=TEXTBOOK, linewidth=1, label="of each step")
    axes.plot(result.rates, result.smoothed, color=color, linewidth=2, label="smoothed")
    if math.isfinite(result.suggestion):
        at = result.rates.index(result.suggestion)
        axes.axvline(result.suggestion, color=GRAY, linestyle=DASHES[1], linewidth=1.2)
        axes.plot(
            result.suggestion,
            result.smoothed[at],
            catalog.look(result.name).marker if result.name else "o",
            color=color,
            markersize=8,
            label=f"falls fastest: {result.suggestion:.2g}",
        )
    finite = np.array([loss for loss in result.smoothed if math.isfinite(loss)])
    low, high = float(finite.min()), float(finite[: len(finite) // 2 + 1].max())
    axes.set_ylim(low - 0.1 * (high - low), high + 0.6 * (high - low))
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss (nats)")
    axes.set_title(plain(f"{result.name}: the loss while the rate grows".lstrip(": ")))
    axes.legend(frameon=False)
    grid(axes)
    return figure
