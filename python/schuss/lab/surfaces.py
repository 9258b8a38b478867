"""Paths of optimizers on a function of one or two variables: what textbooks draw, and your own.

Example:
    >>> from schuss import lab
    >>> result = lab.landscape("saddle", ["sgd", "newton"], steps=50)
    >>> [path.name for path in result.paths]
    ['SGD', 'Newton']
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from schuss.checks import count
from schuss.lab import catalog, functions
from schuss.lab.catalog import AS_THE_GRADIENT, Progress, Settings
from schuss.lab.interrupt import Interrupted
from schuss.solvers.differences import Differences, GradientDifferences
from schuss.suggest import did_you_mean, explain

__all__ = ["SURFACES", "Landscape", "Path", "Surface", "known", "landscape", "load"]

Array = npt.NDArray[Any]

SOLVERS = ("GradientDescent", "LBFGS", "BFGS", "SR1", "Newton", "NewtonTextbook")
DEFAULT = ("SGD", "Momentum", "RMSprop", "Adam", "LBFGS", "Newton")

ENDS = {
    0: "converged",
    1: "all steps",
    2: "no decrease",
    3: "not finite",
    4: "unbounded below",
    5: "gradient is wrong",
    6: "no minimum",
}  # by the status of a solver

GRADIENT_TOLERANCE = 1e-5  # of the solvers, in float64
FLAT_STEP = 0.01  # of the box


@dataclass(frozen=True)
class Surface:
    """A function to draw.

    Attributes:
        name: of one word.
        formula: for the title.
        fun: of one or two numbers, or arrays of them.
        start: where the paths begin; its length says of how many variables fun is.
        box: for each variable the least and the largest value that is drawn.
        rate: a learning rate with which plain gradient descent gets on.
        note: what there is to see.
    """

    name: str
    formula: str
    fun: Callable[..., Any]
    start: tuple[float, ...]
    box: tuple[tuple[float, float], ...]
    rate: float
    note: str = ""

    def __call__(self, x: Array) -> float:
        """Return the value at one point."""
        return float(self.fun(*x))


@dataclass(frozen=True)
class Path:
    """The way of one optimizer.

    Attributes:
        name: as in `known()`.
        learning_rate: None for a solver, which finds its own steps.
        points: (steps + 1, n), the start first; it ends where the way becomes infinite.
        values: of the function there.
        end: how it ended, in a few words; where the gradient is small, what the curvature says of
            the point: "converged", "a saddle", "a maximum", or "flat" where the nearest zero of the
            gradient, by the step of Newton, is more than a hundredth of the box away.
    """

    name: str
    learning_rate: float | None
    points: Array
    values: Array
    end: str


@dataclass(frozen=True)
class Landscape:
    """A surface and the paths on it."""

    surface: Surface
    steps: int
    paths: list[Path]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return {
            "surface": self.surface.name,
            "formula": self.surface.formula,
            "start": list(self.surface.start),
            "steps": self.steps,
            "paths": [
                {
                    "optimizer": path.name,
                    "learning_rate": path.learning_rate,
                    "points": path.points.tolist(),
                    "values": path.values.tolist(),
                    "end": path.end,
                }
                for path in self.paths
            ],
        }


def _beale(x: Any, y: Any) -> Any:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _rastrigin(x: Any, y: Any) -> Any:
    return 20 + x**2 + y**2 - 10 * (np.cos(2 * np.pi * x) + np.cos(2 * np.pi * y))


SURFACES: dict[str, Surface] = {
    surface.name: surface
    for surface in (
        Surface(
            "wave",
            "x cos(πx)",
            lambda x: x * np.cos(np.pi * x),
            (-0.9,),
            ((-1.0, 2.0),),
            0.1,
            "a local minimum at -0.27 before the global one at 1.09: who stops in it?",
        ),
        Surface(
            "tanh",
            "tanh x",
            np.tanh,
            (4.0,),
            ((-3.0, 5.0),),
            1.0,
            "the gradient has all but vanished at the start",
        ),
        Surface(
            "cosh",
            "cosh(x / 2)",
            lambda x: np.cosh(x / 2),
            (10.0,),
            ((-11.0, 11.0),),
            0.1,
            "convex: a few of Newton's steps against many",
        ),
        Surface(
            "saddle",
            "x² - y²",
            lambda x, y: x**2 - y**2,
            (-1.8, 1e-3),
            ((-2.0, 2.0), (-2.0, 2.0)),
            0.1,
            "flat at the middle, but no minimum: who leaves, and when?",
        ),
        Surface(
            "valley",
            "x² / 10 + 2 y²",
            lambda x, y: x**2 / 10 + 2 * y**2,
            (-5.0, -2.0),
            ((-5.5, 3.0), (-3.0, 2.5)),
            0.4,
            "twenty times as steep across as along",
        ),
        Surface(
            "cliff",
            "(x² + y²) / 20 + 4 / (1 + exp(-20 x))",
            lambda x, y: (x**2 + y**2) / 20 + 2 * (1 + np.tanh(10 * x)),
            (0.6, 2.0),
            ((-3.0, 1.5), (-2.0, 2.5)),
            0.3,
            "nearly level, then a fall: one gradient forty times the others",
        ),
        Surface(
            "rosenbrock",
            "(1 - x)² + 100 (y - x²)²",
            lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
            (-1.2, 1.0),
            ((-2.0, 2.0), (-0.8, 2.5)),
            0.001,
            "a bent valley with a level floor; the minimum is at (1, 1)",
        ),
        Surface(
            "beale",
            "(1.5 - x + xy)² + (2.25 - x + xy²)² + (2.625 - x + xy³)²",
            _beale,
            (1.0, 1.5),
            ((-1.0, 4.5), (-2.0, 2.5)),
            0.01,
            "steep corners around a flat floor; the minimum is at (3, 0.5)",
        ),
        Surface(
            "himmelblau",
            "(x² + y - 11)² + (x + y² - 7)²",
            lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
            (0.0, -0.5),
            ((-5.0, 5.0), (-5.0, 5.0)),
            0.01,
            "four minima of the same value: who finds which?",
        ),
        Surface(
            "rastrigin",
            "20 + x² + y² - 10 (cos 2πx + cos 2πy)",
            _rastrigin,
            (2.3, -1.7),
            ((-3.2, 3.2), (-3.2, 3.2)),
            0.002,
            "a minimum in every square, the lowest in the middle",
        ),
    )
}


def known() -> list[str]:
    """Every name that `landscape` takes: rules, rules that are a setting of a class, solvers.

    Example:
        >>> {"Adam", "Nesterov", "BFGS", "Newton"} <= set(known())
        True
    """
    return catalog.first_order() + list(SOLVERS)


def load(where: str, start: Sequence[float], box: Sequence[Sequence[float]]) -> Surface:
    """Return a surface from a function of yours.

    Args:
        where: "module:function"; the function takes one or two numbers, or arrays of them.
        start: where the paths begin, one number or two.
        box: for each variable the least and the largest value that is drawn.

    Raises:
        ValueError: there is no such function, or it does not take the start.

    Example:
        >>> load("numpy:hypot", (1.0, 2.0), [(-2, 2), (-2, 3)])(np.array([3.0, 4.0]))
        5.0
    """
    fun = functions.load(where)
    sides = tuple((float(low), float(high)) for low, high in box)
    surface = Surface(where, where, fun, tuple(map(float, start)), sides, 0.01)
    _check(surface)
    return surface


def _check(surface: Surface) -> None:
    n, sides = len(surface.start), len(surface.box)
    if sides not in (1, 2):
        raise ValueError(f"box has {sides} pairs; one for each of 1 or 2 variables is wanted")
    if n != sides:
        raise ValueError(
            f"start has {n} numbers and box {sides} pairs; as many are wanted, "
            f"one for each variable of {surface.name}"
        )
    if not all(low < high for low, high in surface.box):
        raise ValueError(f"box is {surface.box}; pairs of a lower and a higher number are wanted")
    try:
        value = surface(np.array(surface.start))
    except Exception as error:  # whatever the user's function raises
        raise ValueError(f"{surface.name} at {surface.start}: {error}") from error
    if not np.isfinite(value):
        raise ValueError(f"{surface.name} is {value} at {surface.start}; a finite start is wanted")


def landscape(
    surface: str | Surface,
    optimizers: Iterable[str] | None = None,
    *,
    steps: int = 100,
    learning_rate: float | None = None,
    settings: Settings | None = None,
    start: Sequence[float] | None = None,
    box: Sequence[Sequence[float]] | None = None,
    progress: Progress | None = None,
) -> Landscape:
    """Let each optimizer walk on a surface, from the same start.

    Gradients and Hessians are taken by differences, so that any function will do.

    Args:
        surface: a name from `SURFACES`, or a `Surface`; see `load` for functions of yours.
        optimizers: names from `known()`, in any case; None is a choice of both kinds.
        steps: at most; solvers end by themselves where the gradient is zero.
        learning_rate: one for all rules; None is that of the surface for those whose steps are as
            long as the gradient is large, and a fiftieth of the box for the others.
        settings: other hyperparameters of some, as `{"Adam": {"beta1": 0.5}}`; a learning rate
            among them counts more than `learning_rate`.
        start: None is that of the surface.
        box: for each variable the least and the largest value that is drawn. None is that of the
            surface; with a `start` of yours it follows the paths, as far as its own width beyond
            itself and the start.
        progress: called as `progress(name, optimizers_done, optimizers_in_all)`.

    Raises:
        TypeError, ValueError: an argument that makes no sense.
        Interrupted: after Ctrl-C, with the paths that had ended.

    Example:
        >>> from schuss import lab
        >>> wave = lab.landscape("wave", ["momentum", "newton"])
        >>> [path.points[-1].round(1).tolist() for path in wave.paths]
        [[1.1], [-0.3]]
    """
    if isinstance(surface, str):
        if surface not in SURFACES:
            near = did_you_mean(surface, SURFACES)
            raise ValueError(f"unknown surface {surface!r}; known: {', '.join(SURFACES)}{near}")
        surface = SURFACES[surface]
    if start is not None:
        if len(start) != len(surface.start):
            variables = len(surface.start)
            has = "one variable" if variables == 1 else f"{variables} variables"
            raise ValueError(
                f"{surface.name} has {has}; start {','.join('XY'[:variables])} is wanted, "
                f"{len(start)} came"
            )
        surface = replace(surface, start=tuple(map(float, start)))
    if box is not None:
        surface = replace(surface, box=tuple((float(low), float(high)) for low, high in box))
    _check(surface)
    steps = count("steps", steps)
    names = catalog.resolve(DEFAULT if optimizers is None else optimizers, known())
    own = catalog.settings_for(names, settings)
    result = Landscape(surface, steps, [])
    try:
        for done, name in enumerate(names, start=1):
            walk = _solve if name in SOLVERS else _descend
            with np.errstate(all="ignore"):  # a way to infinity is a result
                result.paths.append(walk(surface, name, steps, learning_rate, own[name]))
            if progress is not None:
                progress(name, done, len(names))
    except KeyboardInterrupt:
        if not result.paths:
            raise
        raise Interrupted(result) from None
    if start is not None and box is None:
        result = replace(result, surface=replace(surface, box=_follow(surface, result.paths)))
    return result


def _follow(surface: Surface, paths: list[Path]) -> tuple[tuple[float, float], ...]:
    """The box, widened by the paths, but by no more than its own width to each side."""
    points = np.concatenate([path.points for path in paths])
    box = []
    for (low, high), first, along in zip(surface.box, surface.start, points.T, strict=True):
        width = high - low
        least, most = min(low, first) - width, max(high, first) + width
        seen = along[(along >= least) & (along <= most)]
        margin = 0.05 * width
        left = low if seen.min() >= low else max(least, seen.min() - margin)
        right = high if seen.max() <= high else min(most, seen.max() + margin)
        box.append((float(left), float(right)))
    return tuple(box)


def rate_for(surface: Surface, name: str) -> float:
    """Return the learning rate of a rule where none is given."""
    if name in AS_THE_GRADIENT:
        return surface.rate if name == "SGD" else surface.rate / 4
    if name == "AdaDelta":
        return catalog.default_rate(name)
    width = max(high - low for low, high in surface.box)
    return width / (10 if name == "AdaGrad" else 50)


def _descend(
    surface: Surface, name: str, steps: int, learning_rate: float | None, given: dict[str, Any]
) -> Path:
    settings = {"learning_rate": learning_rate, **given}
    if settings["learning_rate"] is None:
        settings["learning_rate"] = rate_for(surface, name)
    optimizer = catalog.build(name, **settings)
    evaluate = Differences(surface)
    x = np.array(surface.start)
    points, end = [x.copy()], "all steps"
    for _ in range(steps):
        _, gradient = evaluate(x)
        optimizer.step(x, gradient)
        if not np.isfinite(surface(x)):
            end = "infinite"
            break
        points.append(x.copy())
    if end == "all steps":
        end = _kind(surface, points[-1]) or end
    return _path(surface, name, settings["learning_rate"], points, end)


def _solve(
    surface: Surface, name: str, steps: int, learning_rate: float | None, given: dict[str, Any]
) -> Path:
    evaluate = Differences(surface)
    second = GradientDifferences(lambda x: evaluate(x)[1], power=evaluate.power)
    solver: Any = catalog.solver(name, np.array(surface.start), **{"maxiter": steps, **given})
    points = [np.array(surface.start)]
    trial = points[0]
    while not solver.done:
        point = solver.ask()
        if solver.request == "hessian":
            solver.tell_hessian(second.hessian(point))
            continue
        trial = point.copy()
        solver.tell(*evaluate(point))
        if solver.nit == len(points):
            points.append(trial)
    status = solver.result().status
    end = ENDS[status]
    if end in ("converged", "no minimum"):
        end = _kind(surface, points[-1]) or end
    return _path(surface, name, None, points, end)


def _kind(surface: Surface, point: Array) -> str:
    """What a point is where the gradient is small, and "" where it is not."""
    evaluate = Differences(surface)
    _, gradient = evaluate(point)
    largest = float(np.abs(gradient).max())
    if not largest <= GRADIENT_TOLERANCE:
        return ""
    # Steps are relative to the variables, which here may be zero but for rounding: the box is 1.
    widths = np.array([high - low for low, high in surface.box])
    near = Differences(lambda u: surface(point + widths * (u - 1)))
    second = GradientDifferences(lambda u: near(u)[1], power=near.power)
    hessian = second.hessian(np.ones(len(point))) / np.outer(widths, widths)
    curvatures, directions = np.linalg.eigh(hessian)
    reach = FLAT_STEP * widths.max() * np.abs(curvatures)
    if np.any(np.abs(directions.T @ gradient) >= reach):
        return f"flat: gradient {largest:.1g}"
    if curvatures[-1] < 0:
        return "a maximum"
    return "a saddle" if curvatures[0] < 0 else "converged"


def _path(surface: Surface, name: str, rate: float | None, points: list[Array], end: str) -> Path:
    values = np.array([surface(point) for point in points])
    return Path(name, rate, np.array(points), values, end)


explain(__name__)
