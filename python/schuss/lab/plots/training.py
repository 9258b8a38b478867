"""The plot of `schuss.lab.compare`."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from schuss.lab.plots.style import COLORS, OURS, STYLES, TEXTBOOK, grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from schuss.lab.comparison import Comparison, Result


def comparison(result: Comparison) -> Figure:
    """Loss curves on a log scale, test accuracy, and step times beside the textbook code's.

    Args:
        result: what `schuss.lab.compare` returned.

    Example:
        >>> from schuss import lab
        >>> figure = lab.plots.comparison(lab.compare(["adam", "lion"], epochs=2))
        >>> [axes.get_ylabel() for axes in figure.axes[:2]]
        ['training loss (nats)', 'test accuracy']
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 8.5), layout="constrained")
    halves = figure.add_gridspec(1, 2, width_ratios=[1.55, 1])
    left, right = figure.add_subfigure(halves[0, 0]), figure.add_subfigure(halves[0, 1])
    loss, accuracy = left.subplots(2, 1, sharex=True)
    styles = itertools.cycle(itertools.product(STYLES, COLORS))
    for entry, (style, color) in zip(result.results, styles, strict=False):
        label = entry.name if math.isfinite(entry.train_loss[-1]) else f"{entry.name} (diverged)"
        drawn = {"linestyle": style, "color": color, "linewidth": 1.6, "label": label}
        epochs = range(len(entry.train_loss))
        loss.plot(epochs, entry.train_loss, **drawn)
        accuracy.plot(epochs, entry.test_accuracy, **drawn)
    _finish_loss(loss, result.results)
    _finish_accuracy(accuracy, result)
    _draw_times(right.subplots(), result.results)
    rows_of_legend = math.ceil(len(result.results) / 5)
    left.legend(
        *loss.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=math.ceil(len(result.results) / rows_of_legend),
        handlelength=3,
        frameon=False,
    )
    figure.suptitle(result.summary())
    return figure


def _finish_loss(axes: Axes, results: list[Result]) -> None:
    axes.set_yscale("log")
    # A run that diverged leaves the plot through the top, and the others keep their room.
    top = 10 * max(entry.train_loss[0] for entry in results)
    if not axes.get_ylim()[1] <= top:
        axes.set_ylim(top=top)
    axes.set_ylabel("training loss (nats)")
    grid(axes)


def _finish_accuracy(axes: Axes, result: Comparison) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    worst = min(entry.test_accuracy[-1] for entry in result.results)
    axes.set_ylim(max(0.0, min(0.95, worst) - 0.05), 1.005)
    axes.set_xlim(0, result.epochs)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("epoch")
    axes.set_ylabel("test accuracy")
    grid(axes)


def _draw_times(axes: Axes, results: list[Result]) -> None:
    from matplotlib.patches import Rectangle

    for row, entry in enumerate(results):
        _draw_bar(axes, row - 0.2, entry.step_us, OURS, f"{entry.step_us:.3g}")
        if entry.numpy_us is not None and entry.ratio is not None:
            text = f"{entry.numpy_us:.3g} ({entry.ratio:.3g} x)"
            _draw_bar(axes, row + 0.2, entry.numpy_us, TEXTBOOK, text)
    # Bars begin at zero, so that their lengths compare; the room on the right is for the figures.
    axes.set_xlim(0, 1.3 * max(max(entry.step_us, entry.numpy_us or 0) for entry in results))
    # From top to bottom; a few bars do not have to fill the height.
    axes.set_ylim(max(len(results), 6) - 0.5, -0.5)
    axes.set_yticks(range(len(results)), [entry.name for entry in results])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("median time of one optimizer step (us)")
    axes.legend(
        [Rectangle((0, 0), 1, 1, color=OURS), Rectangle((0, 0), 1, 1, color=TEXTBOOK)],
        ["schuss", "NumPy textbook code"],
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        ncols=2,
        frameon=False,
    )
    grid(axes, "x")


def _draw_bar(axes: Axes, y: float, length: float, color: str, text: str) -> None:
    axes.barh(y, length, 0.4, color=color)
    axes.annotate(
        text, (length, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize="small"
    )
