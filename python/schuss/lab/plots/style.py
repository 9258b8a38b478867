"""What the plots share: colors, line styles, the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito 2008, for color-blind readers too, without the yellow, which fades on white.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#222222"]
STYLES = ["-", (0, (5, 1.5)), (0, (1, 1.2))]
OURS = "#0072B2"
TEXTBOOK = "#B8B8B8"


def grid(axes: Axes, along: Literal["both", "x", "y"] = "both") -> None:
    """Light lines behind what is drawn, and no frame above and to the right."""
    axes.grid(True, axis=along, color="#E4E4E4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def plain(text: str) -> str:
    """A user's text as matplotlib draws it letter by letter: no mathematics between two dollars."""
    return text.replace("$", r"\$")
