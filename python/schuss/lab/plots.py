"""Plots of the lab's results; each returns a matplotlib Figure and neither shows nor saves it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from schuss.lab.comparison import Comparison, Result
    from schuss.lab.range_test import RangeTest
    from schuss.lab.surfaces import Landscape, Path, Surface

__all__ = ["animation", "comparison", "landscape", "range_test"]

# Okabe and Ito 2008, for color-blind readers too, without the yellow, which fades on white.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#222222"]
STYLES = ["-", (0, (5, 1.5)), (0, (1, 1.2))]
OURS = "#0072B2"
TEXTBOOK = "#B8B8B8"


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
    grid = figure.add_gridspec(1, 2, width_ratios=[1.55, 1])
    left, right = figure.add_subfigure(grid[0, 0]), figure.add_subfigure(grid[0, 1])
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
    _grid(axes)


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
    _grid(axes)


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
    _grid(axes, "x")


def _draw_bar(axes: Axes, y: float, length: float, color: str, text: str) -> None:
    axes.barh(y, length, 0.4, color=color)
    axes.annotate(
        text, (length, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize="small"
    )


def _grid(axes: Axes, along: Literal["both", "x", "y"] = "both") -> None:
    axes.grid(True, axis=along, color="#E4E4E4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def landscape(result: Landscape) -> Figure:
    """Paths over the contours of a surface, or along a curve; beside it the values by steps.

    Args:
        result: what `schuss.lab.landscape` returned.

    Example:
        >>> from schuss import lab
        >>> figure = lab.plots.landscape(lab.landscape("valley", ["sgd", "newton"]))
        >>> [axes.get_xlabel() for axes in figure.axes]
        ['x', 'step']
    """
    return _landscape(result)[0]


def animation(result: Landscape, file: str | FilePath, *, frames: int = 60) -> None:
    """Save the same picture as a GIF in which the optimizers walk.

    Args:
        result: what `schuss.lab.landscape` returned.
        file: the name, which should end in .gif.
        frames: at most; with more steps than frames, some steps share one.
    """
    from matplotlib.animation import FuncAnimation, PillowWriter

    figure, reveal = _landscape(result)
    longest = max(len(path.values) for path in result.paths)
    ends = np.unique(np.linspace(1, longest, min(frames, longest)).round().astype(int))
    shown = [*ends.tolist(), *[longest] * 10]  # the end stays for a while
    film = FuncAnimation(figure, lambda k: reveal(int(k)), frames=shown, blit=False)
    film.save(file, writer=PillowWriter(fps=12), dpi=80)


def _landscape(result: Landscape) -> tuple[Figure, Callable[[int], list[Line2D]]]:
    """The figure, and what leaves of each path the first points."""
    from matplotlib.figure import Figure

    surface = result.surface
    figure = Figure(figsize=(13, 6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
    curve = len(surface.box) == 1
    lowest, highest = (_draw_curve if curve else _draw_contours)(left, surface)
    # Along a curve all paths are one; they are lifted apart.
    lift = np.arange(1, len(result.paths) + 1) * 0.04 * (highest - lowest) * curve
    lines: list[tuple[Line2D, Any, Any]] = []
    styles = itertools.cycle(itertools.product(STYLES, COLORS))
    longest = max(len(path.values) for path in result.paths)
    for path, up, (style, color) in zip(result.paths, lift, styles, strict=False):
        drawn = {"linestyle": style, "color": color, "linewidth": 1.6, "label": _label(path)}
        x, y = path.points[:, 0], path.values + up if curve else path.points[:, 1]
        dots = {"marker": "o", "markersize": 3.5, "markeredgewidth": 0}
        (walk,) = left.plot(x, y, **drawn, **dots)
        (fall,) = right.plot(path.values, **drawn, **(dots if longest < 150 else {}))
        steps = np.arange(len(path.values))
        lines += [(walk, x, y), (fall, steps, path.values)]
    first = result.paths[0].points[0]
    start = (first[0], result.paths[0].values[0] if curve else first[1])
    left.plot(*start, "o", markersize=10, markerfacecolor="none", markeredgecolor="#222222")
    _finish_values(right, result.paths, lowest, highest)
    figure.legend(
        *right.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=min(len(result.paths), 4),
        handlelength=3,
        frameon=False,
    )
    figure.suptitle(f"{surface.formula}\n{surface.note}".rstrip())

    def reveal(points: int) -> list[Line2D]:
        for line, x, y in lines:
            line.set_data(x[:points], y[:points])
        return [line for line, _, _ in lines]

    return figure, reveal


def _label(path: Path) -> str:
    return path.name if path.learning_rate is None else f"{path.name} ({path.learning_rate:.2g})"


def _draw_curve(axes: Axes, surface: Surface) -> tuple[float, float]:
    """A function of one variable, and its range."""
    ((low, high),) = surface.box
    x = np.linspace(low, high, 600)
    y = np.array([surface(np.array([each])) for each in x])
    axes.plot(x, y, color="#9A9A9A", linewidth=2.5)
    margin = 0.06 * float(y.max() - y.min())
    axes.set_xlim(low, high)
    axes.set_ylim(y.min() - margin, y.max() + 5 * margin)
    axes.set_xlabel("x")
    axes.set_ylabel("f(x), the paths lifted apart")
    _grid(axes)
    return float(y.min()), float(y.max())


def _draw_contours(axes: Axes, surface: Surface) -> tuple[float, float]:
    """A function of two variables, at levels that share the area out evenly, and its range."""
    x, y = (np.linspace(low, high, 241) for low, high in surface.box)
    z = np.array([[surface(np.array([a, b])) for a in x] for b in y])
    levels = np.unique(np.quantile(z[np.isfinite(z)], np.linspace(0, 1, 26)))
    axes.contourf(x, y, z, levels=levels, cmap="Greys", alpha=0.35)
    axes.contour(x, y, z, levels=levels, colors="#8A8A8A", linewidths=0.5)
    axes.set_xlim(*surface.box[0])
    axes.set_ylim(*surface.box[1])
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    return float(levels[0]), float(levels[-1])


def _finish_values(axes: Axes, paths: list[Path], lowest: float, highest: float) -> None:
    """Logarithmic where nothing is below zero; no more than what the surface itself has."""
    from matplotlib.ticker import MaxNLocator

    values = np.concatenate([path.values for path in paths])
    top = min(max(highest, paths[0].values[0]), max(values.max(), paths[0].values[0]))
    if min(lowest, values.min()) >= 0.0:
        floor = values[values > 0].min(initial=top)
        axes.set_yscale("log")
        axes.set_ylim(max(floor, 1e-12) / 2, 2 * top)
    else:
        bottom = max(lowest, values.min())
        margin = 0.05 * (top - bottom)
        axes.set_ylim(bottom - margin, top + margin)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("step")
    axes.set_ylabel("f")
    _grid(axes)


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
    axes.plot(result.rates, result.losses, color=TEXTBOOK, linewidth=1, label="of each step")
    axes.plot(result.rates, result.smoothed, color=OURS, linewidth=2, label="smoothed")
    if math.isfinite(result.suggestion):
        at = result.rates.index(result.suggestion)
        axes.axvline(result.suggestion, color="#D55E00", linestyle=STYLES[1], linewidth=1.2)
        axes.plot(
            result.suggestion,
            result.smoothed[at],
            "o",
            color="#D55E00",
            label=f"falls fastest: {result.suggestion:.2g}",
        )
    finite = np.array([loss for loss in result.smoothed if math.isfinite(loss)])
    low, high = float(finite.min()), float(finite[: len(finite) // 2 + 1].max())
    axes.set_ylim(low - 0.1 * (high - low), high + 0.6 * (high - low))
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss (nats)")
    axes.set_title(f"{result.name}: the loss while the rate grows".lstrip(": "))
    axes.legend(frameon=False)
    _grid(axes)
    return figure
