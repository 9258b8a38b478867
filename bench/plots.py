"""The pictures of a run: a figure for optimizers, one for solvers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.bench_profile import NO_FTOL, STANDARD, ratios
from bench.bench_solvers import group
from bench.ceiling import NAME as CEILING
from bench.ceiling import ONE_TO_ANOTHER
from bench.peers import AbsentError, optional
from bench.results import Comparison, Results, Timing, Trial

# Fixed colours, so that a peer looks the same in every plot; ours alone is strong and thick.
_OURS = {"color": "#c1121f", "linewidth": 2.6, "zorder": 5}
_COPY = {"color": "#333333", "linewidth": 1.4, "linestyle": (0, (4, 2)), "marker": ""}
_STYLE: dict[str, dict[str, Any]] = {
    "schuss": {**_OURS, "marker": "o"},
    CEILING: _COPY,
    "torch fused": {"color": "#1d6fb8", "marker": "s"},
    "torch foreach": {"color": "#7fb2dd", "marker": "s"},
    "optax jit": {"color": "#2a9d5c", "marker": "^"},
    "NumPy textbook": {"color": "#b08900", "marker": "D"},
    "SciPy": {"color": "#b08900", "marker": "D"},
    "torch": {"color": "#1d6fb8", "marker": "s"},
    ONE_TO_ANOTHER: {**_COPY, "linestyle": (0, (1, 1))},
    "float32 history": {**_OURS, "linewidth": 1.6, "linestyle": (0, (3, 1)), "marker": "o"},
    "schuss L-BFGS": _OURS,
    "schuss L-BFGS, float32 history": {**_OURS, "linewidth": 1.6, "linestyle": (0, (3, 1))},
    "schuss BFGS": {**_OURS, "color": "#f4773b"},
    "schuss SR1": {**_OURS, "color": "#8f2d8a"},
    "SciPy L-BFGS-B": {"color": "#b08900"},
    "SciPy BFGS": {"color": "#2a9d5c"},
    "SciPy CG": {"color": "#7d8590"},
    "torch LBFGS": {"color": "#1d6fb8"},
}
FARTHEST = 16  # ratio of evaluations where the profile ends

Panel = tuple[Callable[[Any, Any], None], Sequence[Any]]  # what draws on axes, and what it draws


def plot(results: Results, path: Path) -> None:
    """Of solvers their profile and times, or of optimizers their speeds and times."""
    solvers: list[Panel] = [
        (_plot_profile, [t for t in results.trials if t.group == STANDARD and t.runs]),
        (_plot_iterations, results.of(group("L-BFGS"))),
    ]
    optimizers: list[Panel] = [
        (_plot_sizes, [c for c in results.of("update", "sweep") if c.count == 1]),
        (_plot_ratios, results.of("update", "clip", "unfused", "numpy")),
    ]
    of_solvers = [panel for panel in solvers if panel[1]]
    panels = of_solvers or [panel for panel in optimizers if panel[1]]
    if not panels:
        raise AbsentError("no question was asked whose answer is drawn")
    matplotlib = optional("matplotlib")
    matplotlib.use("Agg")
    pyplot = optional("matplotlib.pyplot")
    figure, axes = pyplot.subplots(
        1,
        len(panels),
        figsize=(7 * len(panels), 6),
        width_ratios=(1.15, 1)[: len(panels)],
        layout="constrained",
        squeeze=False,
    )
    for (draw, what), on in zip(panels, axes[0], strict=True):
        draw(on, what)
        on.set_axisbelow(True)
    machine = results.machine
    subtitle = f"{machine['cpu']}, {machine['cores available']} cores, {results.date[:10]}"
    title = "Solvers" if of_solvers else "One optimizer step"
    figure.suptitle(f"{title} on a CPU: {subtitle}", fontsize=13)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _plot_profile(axes: Any, trials: Sequence[Trial]) -> None:
    """The share of the problems that are solved within a multiple of the fewest evaluations."""
    count = len(trials[0].runs)
    for trial, of in zip(trials, ratios([t.costs for t in trials]), strict=True):
        name = trial.solver.removesuffix(NO_FTOL)
        style = {"linewidth": 1.5, **_STYLE[name]}
        if name != trial.solver:
            style["linestyle"] = (0, (4, 2))
        within = [ratio for ratio in of if ratio <= FARTHEST]
        x, y = [1, *within, FARTHEST], [k / count for k in (*range(len(within) + 1), len(within))]
        axes.step(x, y, where="post", label=f"{trial.solver} ({len(trial.solved)})", **style)
    axes.set_xscale("log", base=2)
    axes.set(
        xlim=(1, FARTHEST), ylim=(0, 1.01), xlabel="evaluations over the fewest of all solvers"
    )
    axes.set_ylabel("share of problems solved within that")
    axes.set_title(f"{count} {STANDARD}, largest gradient 1e-5 (in brackets: solved)", fontsize=11)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(which="major", color="#dddddd")
    axes.legend(frameon=False, fontsize=9, loc="lower right")


def _plot_iterations(axes: Any, comparisons: Sequence[Comparison]) -> None:
    """Time of an iteration of L-BFGS."""
    _plot_curves(axes, comparisons, lambda timing: timing.median)
    axes.set(xlabel="n", ylabel="seconds an iteration, without the evaluations")
    axes.set_title("L-BFGS, m = 10, float64 (lower is better)", fontsize=11)


def _plot_curves(
    axes: Any, comparisons: Sequence[Comparison], height: Callable[[Timing], float]
) -> None:
    """A line per candidate over the sizes."""
    comparisons = sorted(comparisons, key=lambda c: c.length)
    for name in (n for n in _STYLE if any(n in c.timings for c in comparisons)):
        points = [(c.length, height(c.timings[name])) for c in comparisons if name in c.timings]
        style = {"linewidth": 1.5, "markersize": 5, **_STYLE[name]}
        axes.plot(*zip(*points, strict=True), label=name, **style)
    axes.set(xscale="log", yscale="log")
    axes.grid(which="major", color="#dddddd")
    axes.legend(frameon=False, fontsize=9)


def _plot_sizes(axes: Any, comparisons: Sequence[Comparison]) -> None:
    """Bytes of the model per second for one tensor."""
    _plot_curves(axes, comparisons, lambda timing: timing.rate / 1e9)
    axes.set_xlabel("parameters in one tensor")
    axes.set_ylabel("GB/s (28 bytes a parameter over the median time)")
    axes.set_title("AdamW, float32: speed against size (higher is better)", fontsize=11)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _plot_ratios(axes: Any, comparisons: Sequence[Comparison]) -> None:
    """Dots: how many times our time the others take."""
    comparisons = [c for c in comparisons if "schuss" in c.timings]
    seen: set[str] = set()
    for y, c in enumerate(comparisons):
        for name in c.timings:
            if name in ("schuss", CEILING):
                continue
            label = None if name in seen else name
            seen.add(name)
            style = {key: _STYLE[name][key] for key in ("color", "marker")}
            axes.scatter(c.ratio(name, "schuss"), y, s=48, label=label, zorder=3, **style)
    axes.axvline(1, color=_STYLE["schuss"]["color"], linewidth=2.6)
    labels = [c.label.replace(", float32", "").replace(" threads", "T") for c in comparisons]
    axes.set_yticks(range(len(comparisons)), labels, fontsize=9)
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="time over that of schuss (right of the red line: slower)")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axes.set_title("Time of the others over ours", fontsize=11)
    axes.grid(color="#dddddd")
