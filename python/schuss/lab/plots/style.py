"""What the plots share: dashes, the grid, and names at the ends of lines."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from schuss.lab import catalog

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = list(catalog.COLORS)
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (2, 2)))
GRAY = "#5A5A5A"  # of lines that are no optimizer's
FAINT = "#999999"  # of lines behind another
TEXTBOOK = "#B8B8B8"
MARKED = 12  # points at most of a line that has a marker at each
NAME_SIZE = 9.0  # points


def grid(axes: Axes, along: Literal["both", "x", "y"] = "both") -> None:
    """Light lines behind what is drawn, and no frame above and to the right."""
    axes.grid(True, axis=along, color="#E4E4E4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def plain(text: str) -> str:
    """A user's text as matplotlib draws it letter by letter: no mathematics between two dollars."""
    return text.replace("$", r"\$")


def log_scale(axes: Axes, which: Literal["x", "y"]) -> None:
    """A log scale without what is not positive; within a decade it has more figures."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log", nonpositive="mask")
    if not math.isfinite(axis.get_minpos()):  # nothing can be drawn: matplotlib finds no limits
        (axes.set_xlim if which == "x" else axes.set_ylim)(0.1, 1.0)

    def between(value: float, place: float) -> str:
        low, high = axis.get_view_interval()
        digit = round(value / 10 ** math.floor(math.log10(value)))
        return f"{value:g}" if high < 20 * low and digit in (2, 3, 5) else ""

    axis.set_major_formatter(lambda value, place: f"{value:g}")
    axis.set_minor_formatter(between)


def headline(axes: Axes, text: str) -> None:
    """What there is to see in a panel."""
    axes.set_title(text, loc="left", fontsize=10.5, fontweight="bold")


def drawn_as(name: str, points: int, dash: int = 0) -> dict[str, Any]:
    """Keywords of `plot` for an optimizer's line: its color and marker, and a dash for its run."""
    look = catalog.look(name)
    return {
        "color": look.color,
        "marker": look.marker,
        "markersize": 8 if look.marker == "*" else 5.5,
        "markeredgewidth": 0,
        "markevery": 1 if points <= MARKED else (points - 1, points),
        "linestyle": DASHES[dash % len(DASHES)],
        "linewidth": 1.8,
    }


def end(points: npt.NDArray[Any]) -> tuple[float, float]:
    """Where a line ends that is drawn in a box from (0, 0) to (1, 1).

    At its last point in there or, where it goes on, where it leaves; beside the box or below where
    nothing of it is seen.

    Example:
        >>> end(np.array([[0.2, 0.5], [0.4, 0.5], [0.6, -0.5]]))
        (0.5, 0.0)
    """
    finite = np.isfinite(points).all(axis=1)
    inside = np.flatnonzero(finite & ((points >= -1e-9) & (points <= 1 + 1e-9)).all(axis=1))
    if not inside.size:
        x, y = points[np.flatnonzero(finite)[-1]] if finite.any() else (1.0, 0.0)
    else:
        last = inside[-1]
        x, y = points[last]
        if last + 1 < len(points) and not np.isnan(points[last + 1]).any():
            dx, dy = np.clip(points[last + 1], -1e6, 1e6) - points[last]
            # The part of the way to the next point that is inside.
            ways = ((1 if d > 0 else 0) - at for at, d in ((x, dx), (y, dy)))
            part = min(way / d if d else 1.0 for way, d in zip(ways, (dx, dy), strict=True))
            x, y = x + part * dx, y + part * dy
    return float(np.clip(x, 0, 1)), float(np.clip(y, 0, 1))


def name_ends(figure: Figure, *panels: Axes) -> None:
    """Write the label of each line to the right of its axes, as high as it ends, none over another.

    A thin line leads from the end to the name. Limits and scales of the axes are final by then. The
    figure is laid out first, for its height says how many names have room.
    """
    figure.draw_without_rendering()
    for axes in panels:
        _name_ends(axes)


def _name_ends(axes: Axes) -> None:
    lines = [line for line in axes.get_lines() if str(line.get_label() or "_")[0] != "_"]
    to_axes = axes.transData + axes.transAxes.inverted()
    if not lines:
        return
    named = [(*end(to_axes.transform(line.get_xydata())), line) for line in lines]
    # Of those that leave at the same height the inner ones are led around the outer ones.
    named.sort(key=lambda each: (each[1], each[0] if each[1] > 0.5 else -each[0]))
    inches = axes.get_window_extent().height / axes.figure.dpi
    wanted = np.array([y for _, y, _ in named])
    heights = spread(wanted, 1.25 * NAME_SIZE / 72 / inches)
    for (x, y, line), height in zip(named, heights, strict=True):
        axes.annotate(
            str(line.get_label()),
            (x, y),
            (1.03, height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=line.get_color(),
            fontsize=NAME_SIZE,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": line.get_color(),
                "linewidth": 0.7,
                "alpha": 0.7,
                "shrinkA": 1,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
        )


def width_of(names: Iterable[str]) -> float:
    """The inches that the longest of these names takes beside a panel."""
    return 0.6 * NAME_SIZE / 72 * max(map(len, names), default=0)


def spread(wanted: npt.NDArray[Any], gap: float) -> npt.NDArray[Any]:
    """Return heights between 0 and 1, at least a gap apart, as near to the wanted ones as can be.

    The wanted ones come in order. The sum of squares of what they move is the least, by the pooling
    of neighbors that would cross; where 1 has no room for all, the gaps are equal and smaller.

    Example:
        >>> spread(np.array([0.2, 0.2, 0.9]), 0.1).round(2).tolist()
        [0.15, 0.25, 0.9]

    Reference: Barlow et al. 1972, Statistical Inference under Order Restrictions.
    """
    n = len(wanted)
    gap = min(gap, 1 / max(n - 1, 1))
    offsets = gap * np.arange(n)
    pools: list[tuple[float, int]] = []  # mean and number
    for value in wanted - offsets:
        pools.append((float(value), 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m), (b, k) = pools[-2:]
            pools[-2:] = [((m * a + k * b) / (m + k), m + k)]
    means = np.repeat([mean for mean, _ in pools], [k for _, k in pools])
    return np.asarray(np.clip(means, 0, 1 - offsets[-1]) + offsets)
