"""The plot of what solvers did, iteration by iteration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from schuss.lab.plots.style import COLORS, DASHES, grid
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
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for k, (name, result) in enumerate(named.items()):
        trace = result.trace
        marker = "o" if len(trace["nit"]) < 15 else None
        for axes, heights in ((left, trace["fun"] - lowest), (right, trace["gmax"])):
            axes.plot(
                trace["nfev"],
                np.where(heights > 0, heights, np.nan),
                color=COLORS[k % len(COLORS)],
                linestyle=DASHES[k // len(COLORS) % len(DASHES)],
                linewidth=1.8,
                marker=marker,
                markersize=4,
                label=name,
            )
    for axes, title in ((left, "f above its lowest value"), (right, "largest element of |g|")):
        axes.set_yscale("log")
        axes.set_xlabel("evaluations")
        axes.set_title(title)
        grid(axes)
    if any(named):
        left.legend(frameon=False)
    return figure
