"""The plots of fits: data, curve, its bands of confidence, and what is left."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from schuss.lab.fits import curve, with_error
from schuss.lab.plots.style import COLORS, FAINT, GRAY, grid, headline, plain
from schuss.solvers.fit_batch import named_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from schuss.lab.fits import Fits

__all__ = ["fit", "fits"]

Array = npt.NDArray[Any]

POINTS = 300  # of a curve
MOST_PANELS, COLUMNS = 12, 4
BANDS = ((0.95, 0.16), (0.68, 0.28))  # what they hold, and how dense they are; the wide one first
NOTE = "bands: where the curve is, with 68 and 95 %"
COLOR = COLORS[0]


class Panel(NamedTuple):
    """What is drawn of one fit."""

    f: str | Callable[..., Any]
    x: Array
    y: Array
    sigma: Array | None
    popt: Array
    pcov: Array


def fit(
    f: str | Callable[..., Any],
    xdata: Any,
    ydata: Any,
    popt: Any,
    pcov: Any = None,
    *,
    sigma: Any = None,
) -> Figure:
    """Data and curve with its bands of confidence, and below what is left: data less curve.

    The bands are where the curve is, not the data, with 68 % and 95 %: its standard error at x is
    the root of gᵀ C g, with the covariance C of the parameters and the gradient g of f(x, p) by p
    (the delta method), times a quantile of the normal distribution. With very few degrees of
    freedom they are too narrow, and where f bends within the standard errors of p they are only a
    hint. There are none where C is missing or not finite.

    Args:
        f: what was fitted: f(x, *p), or a model by name.
        xdata: (m,).
        ydata: (m,).
        popt: the parameters found, (n,).
        pcov: their covariance, (n, n).
        sigma: the standard errors of ydata, a number or (m,), for bars.

    Raises:
        ValueError: shapes that do not belong together.

    Example:
        >>> import numpy as np
        >>> import schuss
        >>> t = np.linspace(0, 4, 30)
        >>> y = 2 * np.exp(-t) + np.random.default_rng(0).normal(0, 0.05, t.size)
        >>> found = schuss.solvers.curve_fit_batch("exponential", t, y[None])
        >>> figure = schuss.lab.plots.fit("exponential", t, y, found.x[0], found.covariance[0])
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['y', 'residual']
    """
    from matplotlib.figure import Figure

    x, y, p = (np.asarray(each, float) for each in (xdata, ydata, popt))
    if x.ndim != 1 or y.shape != x.shape or not x.size:
        raise ValueError(f"xdata has shape {x.shape} and ydata {y.shape}; (m,) twice is wanted")
    names = _names(f, p)
    if p.shape != (len(names),):
        raise ValueError(f"popt has shape {p.shape}; ({len(names)},) is wanted")
    covariance = np.full((p.size, p.size), np.nan) if pcov is None else np.asarray(pcov, float)
    if covariance.shape != (p.size, p.size):
        raise ValueError(f"pcov has shape {covariance.shape}; ({p.size}, {p.size}) is wanted")
    bars = None if sigma is None else np.broadcast_to(np.asarray(sigma, float), y.shape)
    figure = Figure(figsize=(8.6, 5.4), layout="constrained")
    name = f if isinstance(f, str) else getattr(f, "__name__", "curve")
    _single(figure, Panel(f, x, y, bars, p, covariance), names, "x", "y", name)
    return figure


def fits(result: Fits) -> Figure:
    """What `schuss.lab.fit` found: as `fit` draws it, and for groups a small picture of each.

    Of more than twelve groups, twelve are drawn: from the one that is nearest to its curve to the
    one that is farthest from it, by chi2 over the degrees of freedom, as many between each and the
    next.

    Args:
        result: what `schuss.lab.fit` returned.

    Example:
        >>> import numpy as np
        >>> from schuss import lab
        >>> t = np.tile(np.linspace(0, 3, 20), 2)
        >>> table = dict(t=t, site=np.repeat([1, 2], 20), signal=np.exp(-t))
        >>> found = lab.fit(table, "exponential", "t", "signal", by="site")
        >>> lab.plots.fits(found).axes[0].get_title(loc="left")
        'site 1'
    """
    from matplotlib.figure import Figure

    names = result.result.names
    if not result.by:
        figure = Figure(figsize=(8.6, 5.4), layout="constrained")
        _single(figure, _panel(result, 0), names, result.x_name, result.y_name, result.model)
        return figure
    shown = _chosen(result)
    columns = min(COLUMNS, len(shown))
    rows = math.ceil(len(shown) / columns)
    width, height = max(3.1 * columns, 6.2) + 0.6, 2.1 * rows + 1.2
    # Set by hand: to lay out twelve panels takes as long as to draw them.
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(
        0.75 / width, 0.65 / height, 1 - 0.15 / width, 1 - 0.8 / height, wspace=0.22, hspace=0.4
    )
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, group in zip(panels, shown, strict=False):
        _draw_curve(axes, _panel(result, group))
        axes.locator_params(nbins=4, steps=[1, 2, 5, 10])
        axes.tick_params(labelsize="small")
        headline(axes, plain(_heading(result, group)))
    for axes in panels[len(shown) :]:
        axes.remove()
    figure.supxlabel(plain(result.x_name), y=0.15 / height, fontsize="medium")
    figure.supylabel(plain(result.y_name), x=0.2 / width, fontsize="medium")
    figure.suptitle(
        plain(_caption(result, len(shown))), y=1 - 0.1 / height, fontsize=9.5, color=GRAY
    )
    return figure


def _heading(result: Fits, group: int) -> str:
    end = result.trouble(group)
    return f"{result.by} {result.groups[group]}{end and ': '}{end}"


def _caption(result: Fits, shown: int) -> str:
    there = len(result.groups)
    good = int(np.count_nonzero(result.result.success))
    which = f"{shown} of them, from the nearest to its curve to the farthest; "
    ends = f"{good:,} of {there:,} converged; {NOTE}"
    return f"{result.summary()}\n{which if shown < there else ''}{ends}"


def _chosen(result: Fits) -> list[int]:
    """The groups to draw, in their order or, of too many, in that of their distance."""
    count = len(result.groups)
    if count <= MOST_PANELS:
        return list(range(count))
    order = np.argsort(result.spread, kind="stable")  # NaN last
    return [int(k) for k in order[np.linspace(0, count - 1, MOST_PANELS).round().astype(int)]]


def _panel(result: Fits, group: int) -> Panel:
    sigma = None if result.sigma is None else result.sigma[group]
    found = result.result
    own = found.x[group], found.covariance[group]
    return Panel(result.model, result.x[group], result.y[group], sigma, *own)


def _single(
    figure: Figure, panel: Panel, names: Sequence[str], x_name: str, y_name: str, title: str
) -> None:
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    _draw_curve(top, panel)
    _draw_residuals(bottom, panel)
    top.tick_params(axis="x", labelbottom=False)
    top.set_ylabel(plain(y_name))
    bottom.set_ylabel("residual")
    figure.align_ylabels()
    bottom.set_xlabel(plain(x_name))
    headline(top, plain(title))
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.diag(panel.pcov))
    found = zip(names, panel.popt.tolist(), errors.tolist(), strict=True)
    lines = [f"{name}\n  {with_error(*value)}" for name, *value in found]
    banded = np.isfinite(panel.pcov).all()
    note = NOTE if banded else "no bands: infinite or unknown standard errors"
    top.text(
        1.02,
        1.0,
        plain("\n".join([*lines, "", *textwrap.wrap(note, 20)])),
        transform=top.transAxes,
        va="top",
        fontsize="small",
        color=GRAY,
        linespacing=1.5,
    )


def _draw_curve(axes: Axes, panel: Panel) -> None:
    """Data, curve and bands."""
    at = np.linspace(panel.x.min(), panel.x.max(), POINTS)
    values, errors = curve(panel.f, at, panel.popt, panel.pcov)
    _draw_points(axes, panel, panel.y)
    _draw_bands(axes, at, values, errors)
    axes.plot(at, values, color=COLOR, linewidth=1.6, zorder=3)


def _draw_residuals(axes: Axes, panel: Panel) -> None:
    """What is left of the data, around zero, and the bands there."""
    at = np.linspace(panel.x.min(), panel.x.max(), POINTS)
    _, errors = curve(panel.f, at, panel.popt, panel.pcov)
    _draw_points(axes, panel, panel.y - curve(panel.f, panel.x, panel.popt, panel.pcov)[0])
    _draw_bands(axes, at, np.zeros(POINTS), errors)
    axes.axhline(0, color=COLOR, linewidth=1.2, zorder=1)


def _draw_points(axes: Axes, panel: Panel, heights: Array) -> None:
    size = 4.5 if heights.size <= 60 else 3.0 if heights.size <= 500 else 1.6
    axes.errorbar(
        panel.x,
        heights,
        panel.sigma,
        fmt="o",
        markersize=size,
        markeredgewidth=0,
        color=GRAY,
        ecolor=FAINT,
        elinewidth=0.9,
        zorder=2,
    )
    grid(axes)


def _draw_bands(axes: Axes, at: Array, middle: Array, errors: Array) -> None:
    for inside, alpha in BANDS:
        reach = NormalDist().inv_cdf((1 + inside) / 2) * errors
        axes.fill_between(at, middle - reach, middle + reach, color=COLOR, alpha=alpha, linewidth=0)


def _names(f: str | Callable[..., Any], popt: Array) -> list[str]:
    if isinstance(f, str):
        _, names, variables = named_model(f)
        if variables != 1:
            raise ValueError(f"f is {f!r}, of {variables} variables; one of one is wanted")
        return names
    given = list(inspect.signature(f).parameters)[1:]
    return given if len(given) == popt.size else [f"p[{k}]" for k in range(popt.size)]
