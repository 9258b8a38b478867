"""The plot of what solvers did, iteration by iteration."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from schuss.lab import catalog
from schuss.lab.plots.style import (
    COLORS,
    DASHES,
    MARKED,
    grid,
    headline,
    log_scale,
    name_ends,
    plain,
    width_of,
)
from schuss.solvers import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def convergence(results: Result | Mapping[str, Result]) -> Figure:
    """The value above the lowest one, and the largest element of the gradient, by evaluations.

    Both axes of values are logarithmic. The lowest value is that of all the results, so that the
    last point of the best run is missing on the left.

    Args:
        results: what `schuss.minimize` returned with `trace=True`, or several, by name.

    Raises:
        ValueError: a result without a trace, or none.

    Example:
        >>> import schuss
        >>> def bowl(x):
        ...     return (x**4).sum(), 4 * x**3
        >>> found = schuss.minimize(bowl, [1.0, 2.0], jac=True, trace=True)
        >>> schuss.lab.plots.convergence({"lbfgs": found}).axes[0].get_xlabel()
        'evaluations'
    """
    from matplotlib.figure import Figure

    named = {"": results} if isinstance(results, Result) else dict(results)
    if not named:
        raise ValueError("results is empty; at least one result is wanted")
    for name, result in named.items():
        if "trace" not in result:
            label = f" {name!r}" if name else ""
            raise ValueError(f"the result{label} has no trace; minimize(..., trace=True) keeps one")
    values = np.concatenate([result.trace["fun"] for result in named.values()])
    lowest = np.min(values[np.isfinite(values)], initial=np.inf)
    figure = Figure(figsize=(8 + 2 * width_of(named), 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, result), (color, marker, dash) in zip(named.items(), _looks(named), strict=True):
        trace = result.trace
        few = len(trace["nit"]) < MARKED
        for axes, heights in ((left, trace["fun"] - lowest), (right, trace["gmax"])):
            axes.plot(
                trace["nfev"],
                np.where(heights > 0, heights, np.nan),
                color=color,
                linestyle=DASHES[dash % len(DASHES)],
                linewidth=1.8,
                marker=marker,
                markersize=5,
                markevery=1 if few else [*np.flatnonzero(heights > 0)[-1:]],
                label=plain(name),
            )
    for axes, title in ((left, "f above its lowest value"), (right, "Largest element of |g|")):
        log_scale(axes, "y")
        axes.set_xlabel("evaluations")
        headline(axes, title)
        grid(axes)
    name_ends(figure, left, right)
    return figure


def _looks(names: Collection[str]) -> Iterator[tuple[str, str, int]]:
    """Color, marker and dash of each: the optimizer's, where a name is that of one."""
    known = {name: look for name in names if (look := catalog.known_look(name))}
    taken = [look.color for look in known.values()]
    free = [color for color in COLORS if color not in taken] or COLORS
    others = 0
    for name in names:
        if name in known:
            yield *known[name], 0
        else:
            yield free[others % len(free)], "o", others // len(free)
            others += 1
