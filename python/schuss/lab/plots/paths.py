"""The plots of `schuss.lab.landscape`, still and moving."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np

from schuss.lab.plots.style import drawn_as, grid, name_ends, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from schuss.lab.surfaces import Landscape, Path, Surface


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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure, reveal = _landscape(result)
    figure.set_dpi(80)
    canvas: Any = FigureCanvasAgg(figure)
    for line in reveal(0):
        line.set_animated(True)
    canvas.draw()  # everything but the paths, once
    background = canvas.copy_from_bbox(figure.bbox)

    def picture(points: int) -> Image.Image:
        canvas.restore_region(background)
        for line in reveal(points):
            figure.draw_artist(line)
        return Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB")

    longest = max(len(path.values) for path in result.paths)
    ends = np.unique(np.linspace(1, longest, min(frames, longest)).round().astype(int))
    # One palette for all, so that a frame holds only what is new in it.
    palette = picture(longest).quantize()
    pictures = [
        picture(points).quantize(palette=palette, dither=Image.Dither.NONE)
        for points in ends.tolist()
    ]
    pace = [1000 // 12] * (len(pictures) - 1) + [1000]  # ms; the end stays for a while
    first, *others = pictures
    first.save(file, format="GIF", save_all=True, append_images=others, duration=pace, loop=0)


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
    for path, up in zip(result.paths, lift, strict=True):
        steps = np.arange(len(path.values))
        drawn = {**drawn_as(path.name, len(steps)), "label": _label(path)}
        x, y = path.points[:, 0], path.values + up if curve else path.points[:, 1]
        # A marker at each step shows how far it goes.
        (walk,) = left.plot(x, y, **{**drawn, "markevery": 1, "markersize": 4, "linewidth": 1.2})
        (fall,) = right.plot(steps, path.values, **drawn)
        lines += [(walk, x, y), (fall, steps, path.values)]
    first = result.paths[0].points[0]
    start = (first[0], result.paths[0].values[0] if curve else first[1])
    left.plot(*start, "o", markersize=10, markerfacecolor="none", markeredgecolor="#222222")
    _finish_values(right, result.paths, lowest, highest)
    figure.suptitle(plain(f"{surface.formula}\n{surface.note}".rstrip()))
    name_ends(figure, right)

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
    grid(axes)
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
    grid(axes)
