"""Draws the pictures of the pages: `python -m docs.pictures` for all, `... NAME` for some."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import schuss
from schuss import initializers, lab, schedules
from schuss.lab.plots.style import COLORS
from schuss.lab.plots.style import grid as light_grid

from docs import scale, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GENERATED = Path(__file__).parent / "generated" / "pictures"
DPI = 110

# Every schedule stands in one of these, which are the pictures of their page.
STEPS = 100
SCHEDULES: dict[str, list[Any]] = {
    "decays": [
        schedules.constant(0.1),
        schedules.linear(0.1, total_steps=80),
        schedules.cosine(0.1, total_steps=80),
        schedules.polynomial(0.1, total_steps=80, power=2),
        schedules.exponential(0.1, rate=0.05),
        schedules.inverse_sqrt(0.1, timescale=10),
    ],
    "stairs": [
        schedules.step_decay(0.1, gamma=0.5, step_size=20),
        schedules.piecewise([40, 70], [0.1, 0.05, 0.01]),
        schedules.ReduceOnPlateau(0.1, factor=0.5, patience=5),
    ],
    "cycles": [
        schedules.cosine_restarts(0.1, period=15, multiplier=2),
        schedules.one_cycle(0.1, total_steps=80),
        schedules.warmup_stable_decay(0.1, total_steps=80, warmup_steps=10, decay_steps=25),
    ],
    "compositions": [
        schedules.warmup(0.1, warmup_steps=20),
        schedules.warmup(schedules.cosine(0.1, total_steps=60), warmup_steps=20),
        schedules.join([0.1, schedules.linear(0.05, total_steps=30)], boundaries=[50]),
    ],
}

WEIGHTS = (
    "uniform",
    "normal",
    "truncated_normal",
    "glorot_uniform",
    "glorot_normal",
    "lecun_uniform",
    "lecun_normal",
    "he_uniform",
    "he_normal",
    "orthogonal",
)
NO_WEIGHTS = {"constant", "gain", "lstm_bias", "ones", "output_bias", "relu_bias", "zeros"}

# Which optimizers walk on which surfaces of the gallery.
GALLERY: dict[str, Sequence[str] | None] = {
    "saddle": ("SGD", "Momentum", "Adam", "LBFGS", "Newton"),
    "valley": ("SGD", "Momentum", "Nesterov", "RMSprop", "Adam", "BFGS"),
}


def draw(folder: Path = GENERATED, only: Sequence[str] = ()) -> None:
    """Save all pictures, or some."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in pictures().items():
        if not only or name in only:
            make().savefig(folder / f"{name}.png", dpi=DPI)


def pictures() -> dict[str, Callable[[], Figure]]:
    """Return what draws each picture."""
    found: dict[str, Callable[[], Figure]] = {
        **{f"schedules-{k}": partial(draw_schedules, group) for k, group in SCHEDULES.items()},
        "initializers": draw_initializers,
        "signals": draw_signals,
        **{f"optimizer-{name.lower()}": partial(draw_paths, name) for name in table.names()},
        **{f"landscape-{name}": partial(draw_landscape, name) for name in lab.SURFACES},
        "lr-find": draw_range_test,
        "compare": draw_comparison,
        "diagnostics": draw_diagnostics,
        "batches": draw_batches,
        "inits": draw_inits,
        "search": draw_search,
        "batch": draw_batch,
        "fit-pasture": draw_fit,
        "fit-petals": draw_fits,
        "scale": draw_scale,
    }
    return found


def _figure(
    rows: int, columns: int, height: float, *, shared: bool = True
) -> tuple[Figure, list[Axes]]:
    """A figure and its fields, whose axes are shared or each its own."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=shared, sharey=shared, squeeze=False)
    for each in axes.flat:
        light_grid(each)
    return figure, list(axes.flat)


# -- schedules -------------------------------------------------------------------------------------


def check_schedules() -> None:
    """Refuse a schedule that no picture shows."""
    shown = {type(schedule).__name__ for group in SCHEDULES.values() for schedule in group}
    missing = set(schedules.__all__) - shown - {"Schedule"}
    if missing:
        raise ValueError(f"docs/pictures.py shows no {', '.join(sorted(missing))}")


def draw_schedules(group: Sequence[Any]) -> Figure:
    """One field for each schedule, under the call that makes it."""
    check_schedules()
    rows = math.ceil(len(group) / 3)
    figure, axes = _figure(rows, 3, 2.4 * rows + 0.3)
    for axis, schedule, color in zip(axes, group, COLORS, strict=False):
        t = range(STEPS)
        label = "steps taken"
        if isinstance(schedule, schedules.ReduceOnPlateau):
            values = []
            for step in t:
                values.append(schedule(step))
                schedule.update(math.exp(-min(step, 30) / 10))  # a loss that stops falling
            label = "updates, the metric flat from 30 on"
        else:
            values = [schedule(step) for step in t]
        axis.plot(t, values, color=color, linewidth=2, drawstyle="steps-post")
        axis.set_title(_call(schedule), fontsize=8.5, family="monospace")
        axis.set_xlabel(label, fontsize=9)
        axis.set_ylim(0, 0.108)
        axis.tick_params(labelsize=8)
    for axis in axes[::3]:
        axis.set_ylabel("learning rate", fontsize=9)
    return figure


def _call(schedule: Any) -> str:
    """The call that makes a schedule, in lines short enough for a title."""
    lines = [""]
    for piece in _pieces(schedule):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > 38:
            lines.append("  ")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def _pieces(value: Any) -> list[str]:
    """The call, cut where a line may end, without names of arguments that need none."""
    if isinstance(value, tuple):
        pieces = [_pieces(each) for each in value]
        begin, end = "[", "]"
    elif callable(value):
        pieces = []
        for k, parameter in enumerate(inspect.signature(type(value)).parameters.values()):
            given = getattr(value, parameter.name)
            if parameter.default != given:
                first, *rest = _pieces(given)
                pieces.append([first if k == 0 else f"{parameter.name}={first}", *rest])
        begin, end = f"{type(value).__name__}(", ")"
    else:
        return [repr(value)]
    result = [begin]
    for k, (first, *rest) in enumerate(pieces):
        result += [first, *rest]
        result[-1] += ", " if k + 1 < len(pieces) else end
    if len(result[0]) < 2:  # a bracket stays with what it opens
        result[:2] = ["".join(result[:2])]
    return result


# -- initializers ----------------------------------------------------------------------------------


def draw_initializers() -> Figure:
    """How the values of each initializer of weights are spread."""
    missing = set(initializers.__all__) - set(WEIGHTS) - NO_WEIGHTS
    if missing:
        raise ValueError(f"docs/pictures.py shows no {', '.join(sorted(missing))}")
    figure, axes = _figure(2, 5, 4.6)
    bins = np.linspace(-0.3, 0.3, 61).tolist()
    for axis, name in zip(axes, WEIGHTS, strict=True):
        w = getattr(initializers, name)((256, 128), rng=0)
        axis.hist(w.ravel(), bins=bins, density=True, color=COLORS[0])
        axis.set_title(f"{name}\nstandard deviation {w.std():.3f}", fontsize=8.5)
        axis.set_yticks([])
        axis.tick_params(labelsize=8)
    figure.supxlabel("value of a weight, shape (256, 128)", fontsize=9)
    figure.supylabel("density", fontsize=9)
    return figure


def draw_signals() -> Figure:
    """How large activations are, layer by layer."""
    figure, axes = _figure(1, 2, 4.0)
    activations: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("tanh", np.tanh),
        ("relu", lambda x: np.maximum(x, 0)),
    )
    shown = ("normal", "glorot_normal", "he_normal", "orthogonal")
    for axis, (activation, f) in zip(axes, activations, strict=True):
        for name, color in zip(shown, COLORS, strict=False):
            rng = np.random.default_rng(0)
            x = rng.standard_normal((256, 256)).astype(np.float32)
            sizes = [float(np.sqrt(np.mean(x * x)))]
            keywords = {"gain": initializers.gain(activation)} if name == "orthogonal" else {}
            for _ in range(20):
                x = f(x @ getattr(initializers, name)((256, 256), rng=rng, **keywords))
                sizes.append(float(np.sqrt(np.mean(x * x))))
            label = f"{name}, gain of {activation}" if keywords else name
            axis.plot(sizes, color=color, linewidth=1.8, label=label)
        axis.set_title(f"{activation}, layers of 256", fontsize=10)
        axis.set_yscale("log")
        axis.set_xlabel("layer", fontsize=9)
        axis.set_xticks(range(0, 21, 5))
        axis.legend(fontsize=8, frameon=False, loc="lower left")
    axes[0].set_ylabel("root mean square of the activations", fontsize=9)
    return figure


# -- the lab ---------------------------------------------------------------------------------------


def draw_paths(name: str) -> Figure:
    """The paths of one optimizer, and of what it is compared with."""
    return lab.plots.landscape(lab.landscape("valley", table.paths(name), steps=60))


def draw_landscape(name: str) -> Figure:
    """The paths on one surface."""
    return lab.plots.landscape(lab.landscape(name, GALLERY.get(name)))


def draw_range_test() -> Figure:
    """The learning-rate range test of momentum."""
    return lab.plots.range_test(lab.find_learning_rate("momentum"))


def draw_fit() -> Figure:
    """The curve of the page on fitting: Rat42 of NIST."""
    days = np.array([9.0, 14, 21, 28, 42, 57, 63, 70, 79])
    crop = np.array([8.93, 10.8, 18.59, 22.33, 39.35, 56.11, 61.73, 64.62, 67.08])

    def growth(x: Any, height: float, b: float, rate: float) -> Any:
        return height / (1 + np.exp(b - rate * x))

    popt, pcov = schuss.curve_fit(growth, days, crop, p0=[100, 1, 0.1])
    return lab.plots.fit(growth, days, crop, popt, pcov)


def draw_fits() -> Figure:
    """What `schuss fit --by species` draws there: how long the petals of iris are."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    edges = np.arange(0.8, 7.3, 0.2)
    counts = [np.histogram(iris.data[iris.target == kind, 2], edges)[0] for kind in range(3)]
    columns = {
        "species": np.repeat(iris.target_names, edges.size - 1),
        "length": np.tile((edges[1:] + edges[:-1]) / 2, 3),
        "flowers": np.concatenate(counts),
    }
    return lab.plots.fits(lab.fit(columns, "gaussian", "length", "flowers", by="species"))


def draw_comparison() -> Figure:
    """What `schuss compare` draws."""
    return lab.plots.comparison(lab.compare())


def draw_diagnostics() -> Figure:
    """Accuracy, gradients and updates of the same."""
    return lab.plots.diagnostics(lab.compare())


def draw_batches() -> Figure:
    """Stochastic, mini-batch and batch descent."""
    return lab.plots.comparison(lab.compare(["sgd", "adam"], batch_size=[1, 64, None], epochs=5))


def draw_inits() -> Figure:
    """Initializers of the weights."""
    inits = ["glorot_uniform", "he_normal", "orthogonal", "zeros"]
    return lab.plots.comparison(lab.compare(["momentum"], init=inits, epochs=5))


def draw_search() -> Figure:
    """A grid of rates."""
    rates = {"learning_rate": [0.0001, 0.001, 0.01, 0.1, 1.0]}
    return lab.plots.search(lab.search(["sgd", "momentum", "adam", "lion"], rates, epochs=3))


def draw_batch() -> Figure:
    """A thousand decays fitted at once."""
    rng = np.random.default_rng(0)
    t, rates = np.linspace(0, 4, 30), rng.uniform(0.5, 2, (1000, 1))
    data = np.exp(-rates * t) + 0.05 * rng.standard_normal((1000, 30))

    def decay(x: Any, index: Any) -> tuple[Any, Any, Any]:
        model = np.exp(-x * t)
        r, slope = model - data[index], -t * model
        return (
            (r * r).sum(axis=1),
            2 * (r * slope).sum(axis=1, keepdims=True),
            2 * (slope**2 + r * t * t * model).sum(axis=1)[:, None, None],
        )

    fits = schuss.minimize_batch(decay, np.ones((1000, 1)), method="newton")
    figure, (left, right) = _figure(1, 2, 3.8, shared=False)
    for k, color in zip((0, 1, 2), COLORS, strict=False):
        left.plot(t, data[k], ".", color=color)
        left.plot(t, np.exp(-fits.x[k] * t), color=color, label=f"rate {fits.x[k, 0]:.2f}")
    left.set_xlabel("time")
    left.set_ylabel("measured, and fitted")
    left.legend(frameon=False)
    right.plot(rates, fits.x, ".", markersize=3, color=COLORS[0])
    right.plot([0.5, 2], [0.5, 2], color="#444444", linewidth=1)
    right.set_xlabel("true rate")
    right.set_ylabel("fitted rate, 1,000 problems")
    return figure


def draw_scale() -> Figure:
    """The model of the page on scale: by the size of the model, and by the network."""
    figure, (left, right) = _figure(1, 2, 3.8, shared=False)
    ranks = [2**k for k in range(11)]
    for n, color in zip(scale.PARAMETERS, COLORS, strict=False):
        times = [scale.seconds(n, r, scale.ASSUMED[1]) for r in ranks]
        left.plot(ranks, times, color=color, linewidth=1.8, label=f"{n:,} parameters")
        left.plot(1, scale.alone(n), "o", color=color, markersize=4)
    left.set_title(f"{scale.ASSUMED[1].name} (assumed)", fontsize=10)
    for network, color in zip((*scale.ASSUMED, scale.MEASURED), COLORS, strict=False):
        own = network is scale.MEASURED
        shown = [r for r in ranks if r <= 2 or not own]
        times = [scale.seconds(scale.PARAMETERS[2], r, network) for r in shown]
        label = network.name + (" (measured)" if own else " (assumed)")
        right.plot(shown, times, color=color, linewidth=1.8, label=label)
    right.set_title(f"{scale.PARAMETERS[2]:,} parameters", fontsize=10)
    for each in (left, right):
        each.set_xscale("log", base=2)
        each.set_yscale("log")
        each.set_xticks(ranks[::2], [f"{r:,}" for r in ranks[::2]])
        each.set_xlabel("ranks", fontsize=9)
        each.legend(fontsize=8, frameon=False, loc="upper right")
    left.set_ylabel("seconds a step, without the gradients", fontsize=9)
    left.set_ylim(top=1e5)
    right.set_ylim(top=100)
    return figure


if __name__ == "__main__":
    draw(only=sys.argv[1:])
