"""What the plots share: dashes, the grid, and names at the ends of lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from schuss.lab import catalog

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = list(catalog.COLORS)
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (2, 2)))
GRAY = "#5A5A5A"  # of lines that are no optimizer's
TEXTBOOK = "#B8B8B8"
MARKED = 12  # points at most of a line that has a marker at each
NAME_SIZE = 8.5  # points


class End(NamedTuple):
    """Where a line ends, in data, and its name; a y that is not finite is below all others."""

    x: float
    y: float
    name: str
    color: str


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


def last_finite(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """The last point of a line that can be drawn, or its last x where none can."""
    drawn = [point for point in zip(x, y, strict=True) if math.isfinite(point[1])]
    return drawn[-1] if drawn else (x[-1], math.nan)


def name_ends(axes: Axes, ends: Iterable[End]) -> None:
    """Write the name of each line to the right of the axes, as high as it ends, none over another.

    A thin line leads from the end to the name. Limits and scales of the axes are final by then, and
    the figure is laid out, for its height says how many names have room.
    """
    drawn = list(ends)
    if not drawn:
        return
    to_axes = axes.transData + axes.transAxes.inverted()
    bottom = axes.get_ylim()[0]
    at = to_axes.transform([(e.x, e.y if math.isfinite(e.y) else bottom) for e in drawn])
    at = np.clip(np.nan_to_num(at, nan=0.0), 0, 1)
    inches = axes.get_window_extent().height / axes.figure.dpi
    order = np.argsort(at[:, 1], kind="stable")
    heights = spread(at[order, 1], 1.25 * NAME_SIZE / 72 / inches)
    for index, height in zip(order, heights, strict=True):
        axes.annotate(
            drawn[index].name,
            at[index],
            (1.03, height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=drawn[index].color,
            fontsize=NAME_SIZE,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": drawn[index].color,
                "linewidth": 0.7,
                "alpha": 0.7,
                "shrinkA": 1,
                "shrinkB": 3,
            },
        )


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
