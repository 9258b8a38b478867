"""The plot of `schuss.lab.search`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from schuss.lab import catalog
from schuss.lab.plots.style import GRAY, grid, headline, log_scale, name_ends, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from schuss.lab.search import Search, Trial

__all__ = ["search"]

MOST_COLUMNS = 12  # of a heat map
DIVERGED = "#3A3A3A"


def search(result: Search, x: str = "learning_rate") -> Figure:
    """The scores as a heat map; as points where a hyperparameter was drawn at random.

    Args:
        result: what `schuss.lab.search` returned.
        x: the hyperparameter along the axis. All others, with the optimizer, make the rows.

    Raises:
        ValueError: no trial has this hyperparameter.

    Example:
        >>> from schuss import lab
        >>> found = lab.search(["adam", "sgd"], {"learning_rate": [0.001, 0.01, 0.1]}, epochs=1)
        >>> axes = lab.plots.search(found).axes[0]
        >>> [label.get_text() for label in axes.get_yticklabels()]
        ['Adam', 'SGD']
    """
    from matplotlib.figure import Figure

    trials = [trial for trial in result.trials if x in trial.settings]
    if not trials:
        raise ValueError(f"x is {x!r}, which no trial has")
    columns = _ordered({trial.settings[x] for trial in trials})
    varied = _varied(result.trials)
    rows: dict[str, list[Trial]] = {}
    for trial in trials:
        rows.setdefault(_row(trial, x, varied), []).append(trial)
    if len(columns) <= MOST_COLUMNS:
        width = 3.4 + 0.06 * max(map(len, rows)) + 0.85 * len(columns)
        figure = Figure(figsize=(max(6.5, width), 1.9 + 0.42 * len(rows)), layout="constrained")
        axes = figure.subplots()
        _draw_heat(figure, axes, result, rows, columns, x)
    else:
        figure = Figure(figsize=(8, 4.8), layout="constrained")
        axes = figure.subplots()
        _draw_points(figure, axes, result, trials, x)
    headline(axes, plain(_best(result)))
    figure.suptitle(plain(result.summary()), fontsize=9.5, color=GRAY)
    return figure


def _best(result: Search) -> str:
    if result.best is None:
        return "All diverged"
    settings = ", ".join(
        f"{key.replace('_', ' ')} {_text(value)}"
        for key, value in result.best.settings.items()
        if key in _varied(result.trials)
    )
    return f"Best: {', '.join(filter(None, [result.best.optimizer, settings]))}"


def _ordered(values: set[Any]) -> list[Any]:
    """Numbers by size, then words."""
    return sorted(values, key=lambda v: (isinstance(v, str) or v is None, v if v else 0, str(v)))


def _varied(trials: list[Trial]) -> set[str]:
    """The hyperparameters that are not the same in all trials of an optimizer."""
    seen: dict[tuple[str, str], set[Any]] = {}
    for trial in trials:
        for name, value in trial.settings.items():
            seen.setdefault((trial.optimizer, name), set()).add(value)
    return {name for (_, name), values in seen.items() if len(values) > 1}


def _row(trial: Trial, x: str, varied: set[str]) -> str:
    others = (f"{k}={v}" for k, v in trial.settings.items() if k in varied and k != x)
    return ", ".join([trial.optimizer, *others])


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _draw_heat(
    figure: Figure,
    axes: Axes,
    result: Search,
    rows: dict[str, list[Trial]],
    columns: list[Any],
    x: str,
) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    table = np.full((len(rows), len(columns)), math.nan)
    tried = np.zeros(table.shape, bool)
    for index, trials in enumerate(rows.values()):
        for trial in trials:
            column = columns.index(trial.settings[x])
            table[index, column] = trial.score
            tried[index, column] = True
    shades = colormaps["viridis" if result.direction == "maximize" else "viridis_r"]
    shades = shades.with_extremes(bad=(1, 1, 1, 0))
    known = table[np.isfinite(table)]
    limits = Normalize(*(np.min(known), np.max(known)) if known.size else (0, 1))
    drawn = axes.imshow(table, aspect="auto", cmap=shades, norm=limits)
    for (row, column), score in np.ndenumerate(table):
        if not tried[row, column]:
            continue
        if math.isnan(score):
            box = {"facecolor": DIVERGED, "edgecolor": "none"}
            axes.add_patch(_cell(column, row, **box))
        red, green, blue, alpha = shades(limits(score))
        light = alpha > 0 and 0.3 * red + 0.6 * green + 0.1 * blue > 0.5
        axes.text(
            column,
            row,
            result.as_text(score),
            ha="center",
            va="center",
            fontsize=8.5,
            color="black" if light else "white",
        )
    best = result.best
    if best is not None and x in best.settings:
        for index, trials in enumerate(rows.values()):
            if best in trials:
                at = columns.index(best.settings[x]), index
                axes.add_patch(
                    _cell(*at, facecolor="none", edgecolor="#D55E00", linewidth=2.5, clip_on=False)
                )
    axes.set_xticks(range(len(columns)), [plain(_text(value)) for value in columns])
    axes.set_yticks(range(len(rows)), [plain(row) for row in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(x.replace("_", " "))
    bar = figure.colorbar(drawn, ax=axes, label=result.score, pad=0.02)
    bar.ax.yaxis.set_major_formatter(lambda score, _: result.as_text(score))


def _cell(column: int, row: int, **drawn: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, **drawn)


def _draw_points(figure: Figure, axes: Axes, result: Search, trials: list[Trial], x: str) -> None:
    """A point for each trial; the name stands as high as the best one of the optimizer."""
    ranked = [trial for trial in result.ranked() if x in trial.settings]
    for name in dict.fromkeys(trial.optimizer for trial in trials):
        # The best one last: there ends the line that is named, of which only points are seen.
        points = [
            (trial.settings[x], trial.score)
            for trial in reversed(ranked)
            if trial.optimizer == name and math.isfinite(trial.score)
        ]
        if not points:
            continue
        best = f"{name}: {result.as_text(points[-1][1])}"
        color, marker = catalog.look(name)
        axes.plot(
            *zip(*points, strict=True), linestyle="none", marker=marker, color=color, label=best
        )
    low, high = axes.get_ylim()
    lost = sorted(t.settings[x] for t in trials if math.isnan(t.score))
    if lost:
        bottom = low - 0.06 * (high - low)
        axes.plot(lost, [bottom] * len(lost), "x", color=DIVERGED, label="diverged")
    values = [trial.settings[x] for trial in trials]
    if min(values) > 0 and max(values) > 20 * min(values):
        log_scale(axes, "x")
    axes.yaxis.set_major_formatter(lambda score, _: result.as_text(score))
    axes.set_xlabel(x.replace("_", " "))
    axes.set_ylabel(result.score)
    grid(axes)
    name_ends(figure, axes)
