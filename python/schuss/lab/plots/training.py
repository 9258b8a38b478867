"""The plots of `schuss.lab.compare`."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from schuss.lab import catalog
from schuss.lab.comparison import ENGINES, Engine
from schuss.lab.plots.style import (
    DASHES,
    GRAY,
    TEXTBOOK,
    drawn_as,
    grid,
    headline,
    log_scale,
    name_ends,
    plain,
    width_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from schuss.lab.comparison import Comparison, Result, Start

BAR = 0.24  # inches

Panel = Callable[["Axes", "Comparison"], None]  # which fills it
_has_epochs = attrgetter("has_epochs")


def comparison(result: Comparison) -> Figure:
    """Loss against epochs and against seconds, and step times beside those of a peer.

    With several initializers, how widely each spreads the signal, layer by layer, takes the place
    of seconds and times, which do not depend on them. An evaluation of a solver is no epoch, so
    that solvers are drawn against seconds alone.

    Args:
        result: what `schuss.lab.compare` returned.

    Example:
        >>> from schuss import lab
        >>> figure = lab.plots.comparison(lab.compare(["adam", "lion"], epochs=2))
        >>> [axes.get_xlabel() for axes in figure.axes[:2]]
        ['epoch', 'seconds of gradients and steps']
    """
    epochs = any(entry.has_epochs for entry in result.results)
    panels: list[Panel] = [_draw_epochs] if epochs else []
    if len(result.starts) > 1:
        panels += [
            partial(_draw_spread, what="outputs", curve=attrgetter("forth")),
            partial(_draw_spread, what="gradients", curve=attrgetter("back")),
        ]
    learned = any(math.isfinite(loss) for e in result.results for loss in e.train_loss[1:])
    if not epochs or (len(result.starts) == 1 and learned):
        panels += [_draw_seconds]
    bars = _times(result.results) if len(result.starts) == 1 else []
    return _figure(result, panels, bars)


def diagnostics(result: Comparison) -> Figure:
    """Test accuracy, gradients, and how large an update is beside its parameters, by epochs.

    About a thousandth is a healthy update, a tenth is a rate that is too large, a millionth a
    network that does not learn. Solvers have no epochs and are not drawn.

    Args:
        result: what `schuss.lab.compare` returned.

    Raises:
        ValueError: there are only solvers.

    Example:
        >>> from schuss import lab
        >>> figure = lab.plots.diagnostics(lab.compare(["adam", "lion"], epochs=2))
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['test accuracy', 'gradient norm', 'update / parameter norm']
    """
    if not any(entry.has_epochs for entry in result.results):
        raise ValueError(
            "result has no epochs; at least one optimizer that takes batches is wanted"
        )
    norms = partial(_draw_watched, what="gradient norm", curve=attrgetter("gradient_norm"))
    updates = partial(
        _draw_watched, what="update / parameter norm", curve=attrgetter("update_ratio")
    )
    return _figure(result, [_draw_accuracy, norms, updates], [])


def _figure(result: Comparison, panels: Sequence[Panel], bars: list[Bar]) -> Figure:
    from matplotlib.figure import Figure

    lines = max(len(result.results), len(result.starts))
    height = max(4.5, 1.5 + 0.17 * lines, 1.9 + 2.6 * BAR * len(bars))
    columns = len(panels) + bool(bars)
    panel_width = 3.7 + width_of(map(_name, result.results))
    figure = Figure(figsize=(max(columns * panel_width, 6.5), height), layout="constrained")
    cells = figure.add_gridspec(1, columns, wspace=0.04)
    drawn = [figure.add_subplot(cells[0, index]) for index in range(len(panels))]
    for panel, axes in zip(panels, drawn, strict=True):
        panel(axes, result)
    if bars:
        # A bar is as high among two as among twenty.
        used = 2.6 * BAR * len(bars)
        share = cells[0, -1].subgridspec(2, 1, height_ratios=[used, max(height - 1.5 - used, 0.01)])
        _draw_times(figure.add_subplot(share[0, 0]), bars, ENGINES[result.engine])
    figure.suptitle(plain(result.summary()), fontsize=9.5, color=GRAY)
    name_ends(figure, *drawn)
    return figure


# -- lines -----------------------------------------------------------------------------------------


def _dashes(results: list[Result]) -> list[int]:
    """A number for each, which tells it from the optimizer's other runs."""
    seen = Counter[str]()
    numbers = []
    for entry in results:
        numbers.append(seen[entry.name])
        seen[entry.name] += 1
    return numbers


def _draw_lines(
    axes: Axes,
    result: Comparison,
    wanted: Callable[[Result], bool],
    points: Callable[[Result], tuple[Sequence[float], Sequence[float]]],
) -> None:
    """A line for each result that is wanted."""
    for entry, dash in zip(result.results, _dashes(result.results), strict=True):
        if not wanted(entry):
            continue
        x, y = points(entry)
        axes.plot(x, y, **drawn_as(entry.name, len(x), dash), label=_name(entry))
    grid(axes)


def _name(entry: Result) -> str:
    return entry.label + (" (diverged)" if not math.isfinite(entry.train_loss[-1]) else "")


def _draw_epochs(axes: Axes, result: Comparison) -> None:
    _draw_lines(
        axes, result, _has_epochs, lambda entry: (range(len(entry.train_loss)), entry.train_loss)
    )
    _finish_loss(axes, result.results)
    _finish_epochs(axes, result)
    after = "1 epoch" if result.epochs == 1 else f"{result.epochs} epochs"
    shown = [entry for entry in result.results if entry.has_epochs and entry.by == "schuss"]
    _say_lowest(axes, after, [(entry.label, entry.train_loss[-1]) for entry in shown])


def _draw_seconds(axes: Axes, result: Comparison) -> None:
    """On a log scale, as wide as from one row at a time to all rows at once; without the start."""
    _draw_lines(
        axes, result, lambda entry: True, lambda entry: (entry.seconds[1:], entry.train_loss[1:])
    )
    log_scale(axes, "x")
    axes.set_xlabel("seconds of gradients and steps")
    _finish_loss(axes, result.results)
    # As long as all have run, they can be compared.
    until = min(entry.seconds[-1] for entry in result.results)
    losses = [
        (entry.label, float(np.interp(until, entry.seconds, entry.train_loss)))
        for entry in result.results
    ]
    if len(losses) > 1:
        axes.axvline(until, color=GRAY, linestyle=DASHES[2], linewidth=1, zorder=0)
    _say_lowest(axes, f"{until:.2g} s", losses)


def _say_lowest(axes: Axes, after: str, losses: list[tuple[str, float]]) -> None:
    """A headline that names the lowest loss of all."""
    label, loss = min(losses, key=lambda each: each[1] if math.isfinite(each[1]) else math.inf)
    if not math.isfinite(loss):
        headline(axes, f"After {after} nothing is finite")
    elif len(losses) == 1:
        headline(axes, f"After {after} at {loss:.2g}")
    else:
        headline(axes, f"After {after} lowest: {label}")


def _finish_loss(axes: Axes, results: list[Result]) -> None:
    log_scale(axes, "y")
    # A run that diverged leaves the plot through the top, and the others keep their room.
    top = 10 * max(entry.train_loss[0] for entry in results)
    if not axes.get_ylim()[1] <= top:
        axes.set_ylim(top=top)
    axes.set_ylabel("training loss (nats)")


def _finish_epochs(axes: Axes, result: Comparison) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(0, 1.02 * result.epochs)  # a marker at the end is whole
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")


# -- diagnostics -----------------------------------------------------------------------------------


def _draw_accuracy(axes: Axes, result: Comparison) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    _draw_lines(
        axes,
        result,
        _has_epochs,
        lambda entry: (range(len(entry.test_accuracy)), entry.test_accuracy),
    )
    worst = min((v for e in result.results if math.isfinite(v := e.test_accuracy[-1])), default=0.0)
    axes.set_ylim(max(0.0, min(0.95, worst) - 0.05), 1.005)
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel("test accuracy")
    _finish_epochs(axes, result)


def _draw_watched(
    axes: Axes, result: Comparison, what: str, curve: Callable[[Result], list[float]]
) -> None:
    """On a log scale, without what is zero; runs that diverge do not decide what is seen."""
    shown = [curve(entry) for entry in result.results if entry.has_epochs]
    _draw_lines(
        axes, result, _has_epochs, lambda entry: (range(1, len(curve(entry)) + 1), curve(entry))
    )
    log_scale(axes, "y")
    positive = np.array([v for values in shown for v in values if 0 < v < math.inf] or [1.0])
    last = np.array([values[-1] for values in shown if 0 < values[-1] < math.inf] or [1.0])
    # Between steps that are rounding and steps that are on their way to infinity.
    low, high = max(positive.min(), 1e-10), min(positive.max(), 100 * max(last.max(), 1e-2))
    axes.set_ylim(low / 1.5, 1.5 * max(high, low))
    axes.set_ylabel(what)
    _finish_epochs(axes, result)


# -- initializers ----------------------------------------------------------------------------------


def _draw_spread(
    axes: Axes, result: Comparison, what: str, curve: Callable[[Start], list[float]]
) -> None:
    """One line for each initializer, dashed as its runs; where the signal is gone there is none."""
    from matplotlib.ticker import MaxNLocator

    stopped = []
    for index, start in enumerate(result.starts):
        deviations = curve(start)
        gone = [str(layer) for layer, value in enumerate(deviations, start=1) if value == 0]
        stopped += [start.init] if gone else []
        where = "everywhere" if len(gone) == len(deviations) else f"in layer {', '.join(gone)}"
        name = f"{start.init}: 0 {where}" if gone else start.init
        layers, shown = range(1, len(deviations) + 1), [value or math.nan for value in deviations]
        dash = DASHES[index % len(DASHES)]
        axes.plot(layers, shown, marker=".", color=GRAY, linewidth=1.6, linestyle=dash, label=name)
    log_scale(axes, "y")
    axes.margins(y=0.1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("layer")
    axes.set_ylabel(f"standard deviation of {what} at the start")
    passed = f"{' and '.join(stopped)} let nothing through" if stopped else "all let it through"
    headline(axes, f"{what.capitalize()}: {passed}")
    grid(axes)


# -- times -----------------------------------------------------------------------------------------

Bar = tuple[str, float, float | None]  # name, ours and the peer's median, microseconds


def _times(results: list[Result]) -> list[Bar]:
    """A bar for each optimizer: a step does not know how many rows its gradient is of."""
    runs: dict[str, list[Result]] = {}
    for entry in results:
        if entry.has_epochs and entry.by == "schuss":
            runs.setdefault(entry.name, []).append(entry)
    found = []
    for name, entries in runs.items():
        peer = [entry.peer_us for entry in entries if entry.peer_us is not None]
        ours = statistics.median(entry.step_us for entry in entries)
        found.append((name, ours, statistics.median(peer) if peer else None))
    return found


def _draw_times(axes: Axes, bars: list[Bar], engine: Engine) -> None:
    for row, (name, ours, theirs) in enumerate(bars):
        _draw_bar(axes, row - 0.2, ours, catalog.look(name).color)
        if theirs is not None:
            _draw_bar(axes, row + 0.2, theirs, TEXTBOOK)
    # Bars begin at zero, so that their lengths compare; the room on the right is for the figures.
    axes.set_xlim(0, 1.2 * max(max(ours, theirs or 0) for _, ours, theirs in bars))
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.tick_params(axis="y", length=0)
    ratios = [theirs / ours for _, ours, theirs in bars if theirs is not None]
    gray = f"\ngray: {engine.code}" if ratios else ""
    axes.set_xlabel(f"median time of one step (us){gray}")
    if ratios:
        low, high = f"{min(ratios):.2g}", f"{max(ratios):.2g}"
        times = low if low == high else f"{low} to {high}"
        headline(axes, f"{engine.peer}: {times} x as long")
    grid(axes, "x")


def _draw_bar(axes: Axes, y: float, length: float, color: str) -> None:
    axes.barh(y, length, 0.4, color=color)
    axes.annotate(
        f"{length:.3g}",
        (length, y),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize="small",
    )
