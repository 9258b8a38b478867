"""The plots of fits: data, curve, its bands of confidence, and what is left."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from schuss.lab.fits import curve, student, with_error
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
LINES = "lines: of equal height"
LEVELS, SIDE = 5, 61  # of them, and of the grid that they are found on
COLOR = COLORS[0]


class Panel(NamedTuple):
    """What is drawn of one fit; x is (m,), or (2, m) of two variables."""

    f: str | Callable[..., Any]
    x: Array
    y: Array
    sigma: Array | None
    popt: Array
    pcov: Array
    dof: float  # with which pcov was estimated; infinite where it was known


def fit(
    f: str | Callable[..., Any],
    xdata: Any,
    ydata: Any,
    popt: Any,
    pcov: Any = None,
    *,
    sigma: Any = None,
    absolute_sigma: bool = False,
) -> Figure:
    """Data and curve with its bands of confidence, and below what is left: data less curve.

    The bands are where the curve is, not the data, with 68 % and 95 %: its standard error at x is
    the root of gᵀ C g, with the covariance C of the parameters and the gradient g of f(x, p) by p
    (the delta method), times a quantile of Student's t with m - n degrees of freedom. Where f bends
    within the standard errors of p they are only a hint. There are none where C is missing or not
    finite.

    Args:
        f: what was fitted: f(x, *p), or a model by name.
        xdata: (m,).
        ydata: (m,).
        popt: the parameters found, (n,).
        pcov: their covariance, (n, n).
        sigma: the standard errors of ydata, a number or (m,), for bars.
        absolute_sigma: whether pcov comes from sigma alone, as `curve_fit` made it with this
            argument: quantiles are the normal distribution's then.

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
    dof = math.inf if absolute_sigma else y.size - p.size
    _single(figure, Panel(f, x, y, bars, p, covariance, dof), names, "x", "y", name)
    return figure


def fits(result: Fits) -> Figure:
    """What `schuss.lab.fit` found: as `fit` draws it, and for groups a small picture of each.

    Of a model of two variables, points are squares whose colors say y, in the plane of both, with
    the model's lines of equal height; beside them is what is left. There are no bands.

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
        _single(figure, _panel(result, 0), names, *_axis_names(result), result.model)
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
        _draw_model(axes, _panel(result, group))
        axes.locator_params(nbins=4, steps=[1, 2, 5, 10])
        axes.tick_params(labelsize="small")
        headline(axes, plain(_heading(result, group)))
    for axes in panels[len(shown) :]:
        axes.remove()
    across, up = _axis_names(result)
    figure.supxlabel(plain(across), y=0.15 / height, fontsize="medium")
    figure.supylabel(plain(up), x=0.2 / width, fontsize="medium")
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
    ends = f"{good:,} of {there:,} converged; {LINES if result.x[0].ndim == 2 else NOTE}"
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
    dof = math.inf if result.absolute_sigma else float(found.dof[group])
    return Panel(result.model, result.x[group], result.y[group], sigma, *own, dof)


def _axis_names(result: Fits) -> tuple[str, str]:
    """What is drawn to the right, and what upwards."""
    if result.x[0].ndim == 1:
        return result.x_name, result.y_name
    right, up = result.x_name.rsplit(", ", 1)
    return right, up


def _single(
    figure: Figure, panel: Panel, names: Sequence[str], x_name: str, y_name: str, title: str
) -> None:
    draw = _curve_and_residuals if panel.x.ndim == 1 else _map_and_residuals
    first, edge, note = draw(figure, panel, plain(x_name))
    first.set_ylabel(plain(y_name))
    headline(first, plain(title))
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.diag(panel.pcov))
    found = zip(names, panel.popt.tolist(), errors.tolist(), strict=True)
    lines = [f"{name}\n  {with_error(*value)}" for name, *value in found]
    edge.text(
        1.02,
        1.0,
        plain("\n".join([*lines, "", *textwrap.wrap(note, 20)])),
        transform=edge.transAxes,
        va="top",
        fontsize="small",
        color=GRAY,
        linespacing=1.5,
    )


def _curve_and_residuals(figure: Figure, panel: Panel, x_name: str) -> tuple[Axes, Axes, str]:
    """Draw both; return the first axes, those beside which there is room, and a note."""
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    _draw_model(top, panel)
    _draw_residuals(bottom, panel)
    top.tick_params(axis="x", labelbottom=False)
    bottom.set_ylabel("residual")
    bottom.set_xlabel(x_name)
    figure.align_ylabels()
    banded = np.isfinite(panel.pcov).all() and panel.dof >= 1
    return top, top, NOTE if banded else "no bands: infinite or unknown standard errors"


def _map_and_residuals(figure: Figure, panel: Panel, x_name: str) -> tuple[Axes, Axes, str]:
    """The same of a model of two variables."""
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    _draw_model(left, panel)
    values, _ = curve(panel.f, panel.x, panel.popt, panel.pcov)
    rest = panel.y - values
    most = np.abs(rest).max()
    _draw_squares(right, panel, rest, cmap="RdBu_r", vmin=-most, vmax=most)
    for axes in (left, right):
        axes.set_xlabel(x_name)
        figure.colorbar(axes.collections[0], ax=axes, location="bottom")
    headline(right, "residual")
    return left, right, LINES


def _draw_model(axes: Axes, panel: Panel) -> None:
    """Data, and the curve with its bands or lines of equal height."""
    if panel.x.ndim == 2:
        _draw_squares(axes, panel, panel.y, cmap="Greys")
        across, up = np.meshgrid(*(np.linspace(row.min(), row.max(), SIDE) for row in panel.x))
        at = np.stack([across.ravel(), up.ravel()])
        values, _ = curve(panel.f, at, panel.popt, panel.pcov)
        if values.min() < values.max():
            heights = values.reshape(across.shape)
            axes.contour(across, up, heights, LEVELS, colors=COLOR, linewidths=1.2)
        return
    at = np.linspace(panel.x.min(), panel.x.max(), POINTS)
    values, errors = curve(panel.f, at, panel.popt, panel.pcov)
    _draw_points(axes, panel, panel.y)
    _draw_bands(axes, at, values, errors, panel.dof)
    axes.plot(at, values, color=COLOR, linewidth=1.6, zorder=3)


def _draw_residuals(axes: Axes, panel: Panel) -> None:
    """What is left of the data, around zero, and the bands there."""
    at = np.linspace(panel.x.min(), panel.x.max(), POINTS)
    _, errors = curve(panel.f, at, panel.popt, panel.pcov)
    _draw_points(axes, panel, panel.y - curve(panel.f, panel.x, panel.popt, panel.pcov)[0])
    _draw_bands(axes, at, np.zeros(POINTS), errors, panel.dof)
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


def _draw_squares(axes: Axes, panel: Panel, heights: Array, **colors: Any) -> None:
    """Points in the plane of two variables, in the colors of heights."""
    box = axes.get_window_extent()
    size = min(box.width, box.height) * 72 / axes.figure.dpi / math.sqrt(heights.size)
    area = max(size * size / 2, 4.0)
    across, up = panel.x
    axes.scatter(across, up, s=area, c=heights, marker="s", linewidths=0, **colors)
    axes.set_xlim(*_around(across))
    axes.set_ylim(*_around(up))
    axes.spines[["top", "right"]].set_visible(False)


def _around(values: Array) -> tuple[float, float]:
    """Their range, and a margin."""
    margin = 0.05 * float(np.ptp(values)) or 1.0
    return float(values.min()) - margin, float(values.max()) + margin


def _draw_bands(axes: Axes, at: Array, middle: Array, errors: Array, dof: float) -> None:
    if dof < 1:
        return
    for inside, alpha in BANDS:
        reach = student(inside, dof) * errors
        axes.fill_between(at, middle - reach, middle + reach, color=COLOR, alpha=alpha, linewidth=0)


def _names(f: str | Callable[..., Any], popt: Array) -> list[str]:
    if isinstance(f, str):
        _, names, variables = named_model(f)
        if variables != 1:
            raise ValueError(f"f is {f!r}, of {variables} variables; one of one is wanted")
        return names
    given = list(inspect.signature(f).parameters)[1:]
    return given if len(given) == popt.size else [f"p[{k}]" for k in range(popt.size)]
