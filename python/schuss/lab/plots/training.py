"""The plot of `schuss.lab.compare`."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from schuss.lab.plots.style import COLORS, OURS, STYLES, TEXTBOOK, grid, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from schuss.lab.comparison import Comparison, Result


def comparison(result: Comparison) -> Figure:
    """Loss and accuracy, gradients and updates, and step times beside the textbook code's.

    With several initializers also how widely each spreads the signal, layer by layer.

    Args:
        result: what `schuss.lab.compare` returned.

    Example:
        >>> from schuss import lab
        >>> figure = lab.plots.comparison(lab.compare(["adam", "lion"], epochs=2))
        >>> [axes.get_ylabel() for axes in figure.axes[:2]]
        ['training loss (nats)', 'gradient norm']
    """
    from matplotlib.figure import Figure

    columns = 3 if len(result.starts) > 1 else 2
    figure = Figure(figsize=(7.5 + 4.5 * columns, 8.5), layout="constrained")
    halves = figure.add_gridspec(1, 2, width_ratios=[0.9 * columns, 1])
    left, right = figure.add_subfigure(halves[0, 0]), figure.add_subfigure(halves[0, 1])
    panels = left.subplots(2, columns)
    (loss, norm), (accuracy, update) = panels[0, :2], panels[1, :2]
    for entry, drawn in zip(result.results, _appearance(result.results), strict=True):
        epochs = range(len(entry.train_loss))
        loss.plot(epochs, entry.train_loss, **drawn)
        accuracy.plot(epochs, entry.test_accuracy, **drawn)
        norm.plot(epochs[1:], entry.gradient_norm, **drawn)
        update.plot(epochs[1:], entry.update_ratio, **drawn)
    _finish_loss(loss, result.results)
    _finish_accuracy(accuracy, result)
    _finish_watch(norm, "gradient norm", [e.gradient_norm for e in result.results])
    _finish_watch(update, "update / parameter norm", [e.update_ratio for e in result.results])
    _share_epochs(panels[:, :2].flat, result.epochs)
    if columns == 3:
        _draw_spread(panels[0, 2], "outputs", {s.init: s.forth for s in result.starts})
        _draw_spread(panels[1, 2], "gradients", {s.init: s.back for s in result.starts})
    _draw_times(right.subplots(), result.results)
    longest = max(len(entry.label) for entry in result.results)
    in_a_row = max(2, min(columns * 70 // (longest + 10), 10))
    rows_of_legend = math.ceil(len(result.results) / in_a_row)
    left.legend(
        *loss.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=math.ceil(len(result.results) / rows_of_legend),
        handlelength=3,
        frameon=False,
    )
    figure.suptitle(plain(result.summary()))
    return figure


def _appearance(results: list[Result]) -> Iterator[dict[str, Any]]:
    """A color for each optimizer and a style for each of its runs; else a pair for each line."""
    names = list(dict.fromkeys(entry.name for entry in results))
    by_run = 1 < len(names) < len(results)
    seen = Counter[str]()
    for index, entry in enumerate(results):
        place, run = (names.index(entry.name), seen[entry.name]) if by_run else (index, 0)
        seen[entry.name] += 1
        repeats, color = divmod(place, len(COLORS))
        repeats += run
        finite = math.isfinite(entry.train_loss[-1])
        yield {
            "linestyle": STYLES[repeats % len(STYLES)],
            "color": COLORS[color],
            # Where the styles are used up, the lines become thinner.
            "linewidth": 1.6 / (1 + 0.6 * (repeats // len(STYLES))),
            "label": entry.label if finite else f"{entry.label} (diverged)",
        }


def _finish_loss(axes: Axes, results: list[Result]) -> None:
    axes.set_yscale("log")
    # A run that diverged leaves the plot through the top, and the others keep their room.
    top = 10 * max(entry.train_loss[0] for entry in results)
    if not axes.get_ylim()[1] <= top:
        axes.set_ylim(top=top)
    axes.set_ylabel("training loss (nats)")
    grid(axes)


def _finish_watch(axes: Axes, what: str, curves: list[list[float]]) -> None:
    """On a log scale, without what is zero; runs that diverge do not decide what is seen."""
    axes.set_yscale("log", nonpositive="mask")
    positive = np.array([v for curve in curves for v in curve if 0 < v < math.inf] or [1.0])
    ends = np.array([c[-1] for c in curves if 0 < c[-1] < math.inf] or [1.0])
    # Between steps that are rounding and steps that are on their way to infinity.
    low, high = max(positive.min(), 1e-10), min(positive.max(), 100 * max(ends.max(), 1e-2))
    axes.set_ylim(low / 1.5, 1.5 * max(high, low))
    axes.set_ylabel(what)
    grid(axes)


def _share_epochs(panels: Iterable[Axes], epochs: int) -> None:
    from matplotlib.ticker import MaxNLocator

    for axes in panels:
        axes.set_xlim(0, epochs)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")


def _draw_spread(axes: Axes, what: str, deviations: dict[str, list[float]]) -> None:
    """One line for each initializer; where the signal is gone there is none."""
    from matplotlib.ticker import MaxNLocator

    looks = zip(itertools.cycle(COLORS), itertools.cycle("os^Dv<>P"), strict=False)
    for (init, curve), (color, marker) in zip(deviations.items(), looks, strict=False):
        gone = [str(layer) for layer, value in enumerate(curve, start=1) if value == 0]
        label = f"{init}: 0 in layer {', '.join(gone)}" if gone else init
        shown = [value or math.nan for value in curve]
        layers = range(1, len(curve) + 1)
        axes.plot(layers, shown, marker=marker, color=color, linewidth=1.6, label=label)
    axes.set_yscale("log")
    axes.margins(y=0.4)  # for the legend
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("layer")
    axes.set_ylabel(f"standard deviation of {what} at the start")
    axes.legend(frameon=False, fontsize="small")
    grid(axes)


def _finish_accuracy(axes: Axes, result: Comparison) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    ends = [entry.test_accuracy[-1] for entry in result.results]
    worst = min((end for end in ends if math.isfinite(end)), default=0.0)
    axes.set_ylim(max(0.0, min(0.95, worst) - 0.05), 1.005)
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
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
    axes.set_yticks(range(len(results)), [entry.label for entry in results])
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
