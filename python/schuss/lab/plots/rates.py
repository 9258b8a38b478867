"""The plot of the learning-rate range test."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from schuss.lab import catalog
from schuss.lab.plots.style import (
    DASHES,
    FAINT,
    GRAY,
    grid,
    headline,
    log_scale,
    name_ends,
    plain,
)

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

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    color, marker = catalog.look(result.name) if result.name else (GRAY, "o")
    axes.plot(result.rates, result.losses, color=FAINT, linewidth=1, label="each step")
    axes.plot(result.rates, result.smoothed, color=color, linewidth=2, label="smoothed")
    found = "falls nowhere"
    if math.isfinite(result.suggestion):
        found = f"falls fastest at {result.suggestion:.2g}"
        at = result.smoothed[result.rates.index(result.suggestion)]
        axes.axvline(result.suggestion, color=GRAY, linestyle=DASHES[1], linewidth=1.2)
        axes.plot(result.suggestion, at, marker, color=color, markersize=8)
    if np.isfinite(result.smoothed).any():
        axes.set_ylim(*_limits(np.array(result.smoothed), np.array(result.losses)))
    log_scale(axes, "x")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss (nats)")
    headline(axes, plain(f"{result.name}: the loss {found}" if result.name else f"Loss {found}"))
    grid(axes)
    name_ends(figure, axes)
    return figure


def _limits(smoothed: npt.NDArray[Any], losses: npt.NDArray[Any]) -> tuple[float, float]:
    """What there was until the mean was lowest, and some of how it rose from there."""
    until = int(np.nanargmin(smoothed)) + 1
    low, high = np.min(losses[:until]), np.max(smoothed[:until])
    span = (high - low) or max(abs(high), 1.0)
    return float(low - 0.05 * span), float(high + 0.6 * span)
