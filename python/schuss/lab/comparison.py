"""Train the same network with each optimizer, and time each one beside its textbook twin."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
import numpy.typing as npt

from schuss import Optimizer, minibatches, schedules, solvers
from schuss import optimizers as rules
from schuss.lab import data as datasets
from schuss.lab import network, textbook

__all__ = ["Comparison", "Result", "available", "compare", "resolve", "schedule_names"]

Progress = Callable[[str, int, int], None]
Step = Callable[[Any, Any], None]

# Rules that are a setting of a class and have a name of their own.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "Momentum": ("SGD", {"momentum": 0.9}),
    "Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "AMSGrad": ("Adam", {"amsgrad": True}),
}

# For the digits with the default network, batches and schedule: of 1, 2 and 5 times powers of ten,
# the smallest whose accuracy is within 0.3 % of the best, by five-fold cross-validation inside the
# training part. The test part had no say.
LEARNING_RATES: dict[str, float] = {
    "SGD": 0.5,
    "Momentum": 0.05,
    "Nesterov": 0.05,
    "AdaGrad": 0.02,
    "RMSprop": 0.001,
    "AdaDelta": 5.0,
    "Adam": 0.005,
    "AMSGrad": 0.01,
    "AdamW": 0.002,
    "AdaBelief": 0.002,
    "RAdam": 0.01,
    "NAdam": 0.005,
    "Adamax": 0.01,
    "Lion": 0.0005,
}

# Solvers that take all rows at once and find their own steps. Each evaluation of the loss and its
# gradients is a pass over the training part, which is what an epoch is to the others.
FULL_BATCH: dict[str, dict[str, Any]] = {"LBFGS": {"history_size": 10}}

TIMED_STEPS = 400


@dataclass(frozen=True)
class Result:
    """What one optimizer did.

    Attributes:
        name: as in `available()`.
        optimizer: name of the class.
        settings: hyperparameters that it was given; a schedule starts from the learning rate.
        train_loss: nats, before training and after each epoch; not finite where it diverged. Of a
            solver, at the best point so far.
        test_accuracy: 0 to 1, at the same times.
        step_us: median microseconds of one step.
        numpy_us: the same of the textbook twin; None where there is none.
    """

    name: str
    optimizer: str
    settings: dict[str, Any]
    train_loss: list[float]
    test_accuracy: list[float]
    step_us: float
    numpy_us: float | None

    @property
    def ratio(self) -> float | None:
        """How many of our steps fit into one of the textbook code."""
        return None if self.numpy_us is None else self.numpy_us / self.step_us

    def epochs_to(self, accuracy: float) -> int | None:
        """The first epoch after which the test accuracy was at least `accuracy`, or None."""
        reached = (epoch for epoch, value in enumerate(self.test_accuracy) if value >= accuracy)
        return next(reached, None)


@dataclass(frozen=True)
class Comparison:
    """The results, in the order in which they ran, and what they have in common."""

    data: str
    train_rows: int
    test_rows: int
    layers: list[int]
    epochs: int
    batch_size: int
    schedule: str
    seed: int
    results: list[Result]

    def summary(self) -> str:
        """What was trained on what, in two lines."""
        batch = "all rows" if self.batch_size == self.train_rows else str(self.batch_size)
        return (
            f"{self.data}: {self.train_rows:,} rows to train on, {self.test_rows:,} to test on\n"
            f"network {'-'.join(map(str, self.layers))}, batches of {batch}, "
            f"{self.schedule} learning rate, {self.epochs} epochs"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `json.dumps`; None is what is not finite or not there."""
        plain = asdict(self)
        for entry, result in zip(plain["results"], self.results, strict=True):
            entry["ratio"] = result.ratio
            entry["epochs_to_95"] = result.epochs_to(0.95)
            entry["train_loss"] = [
                value if math.isfinite(value) else None for value in result.train_loss
            ]
        return plain


def available() -> list[str]:
    """Every name that `compare` knows: classes, rules that are a setting of a class, solvers.

    Example:
        >>> {"Adam", "Nesterov", "LBFGS"} <= set(available())
        True
    """
    names: list[str] = []
    for name in rules.__all__:
        rule = getattr(rules, name)
        if isinstance(rule, type) and issubclass(rule, Optimizer) and rule is not Optimizer:
            names.append(name)
            names += [variant for variant, (of, _) in VARIANTS.items() if of == name]
    return names + list(FULL_BATCH)


def schedule_names() -> list[str]:
    """Every schedule that `compare` knows; each also with "warmup+" in front."""
    return list(_SCHEDULES)


def compare(
    optimizers: Iterable[str] | None = None,
    *,
    epochs: int = 30,
    batch_size: int | None = 64,
    hidden: Sequence[int] = (128, 64),
    learning_rate: float | None = None,
    schedule: str = "constant",
    seed: int = 0,
    data: datasets.Dataset | str | Path | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Train a network once with each optimizer, from the same start, on the same batches.

    The textbook twin of each rule takes some of the same steps, on a copy of the parameters and
    with the same gradients, by turns before and after ours; the times are those of these steps.

    LBFGS takes all rows at once; an evaluation counts as an epoch. It chooses its own steps, so
    that `batch_size`, `learning_rate` and `schedule` are not for it.

    Args:
        optimizers: names from `available()`, in any case; None is all of them.
        epochs: passes over the training part, at least 1.
        batch_size: rows per step; 1 is stochastic, None is the whole training part.
        hidden: units of each hidden layer; empty is a linear model.
        learning_rate: one for all; None is one for each that is good on the digits, and the default
            of the class where there is none.
        schedule: a name from `schedule_names()`, over all steps; "warmup+" before it is a linear
            rise over the first 5 %.
        seed: of the initial parameters and the order of the batches.
        data: a data set, the path of a .npz or .csv, or None for scikit-learn's digits.
        progress: called as `progress(name, epochs_done, epochs_in_all)` after each epoch.

    Raises:
        ValueError: an argument that makes no sense, or a file that cannot be used.
        ModuleNotFoundError: the digits without scikit-learn.

    Example:
        >>> from schuss import lab
        >>> result = lab.compare(["adam", "sgd"], epochs=3)
        >>> [entry.name for entry in result.results]
        ['Adam', 'SGD']
        >>> result.results[0].train_loss[-1] < result.results[0].train_loss[0]
        True
    """
    names = resolve(available() if optimizers is None else optimizers, available())
    for argument, value in [("epochs", epochs), ("batch_size", batch_size), *_named(hidden)]:
        if value is not None and value < 1:
            raise ValueError(f"{argument}: expected a positive integer, got {value}")
    if data is None:
        data = datasets.digits()
    elif not isinstance(data, datasets.Dataset):
        data = datasets.load(data)
    rows, columns = data.x_train.shape
    layers = [columns, *hidden, len(data.classes)]
    batch_size = min(batch_size or rows, rows)
    steps = epochs * math.ceil(rows / batch_size)
    _schedule(schedule, 1.0, steps)  # refused before anything is trained
    results = []
    for index, name in enumerate(names):

        def report(epoch: int, done: int = index * epochs, name: str = name) -> None:
            if progress is not None:
                progress(name, done + epoch, len(names) * epochs)

        if name in FULL_BATCH:
            results.append(_fit(name, layers, data, epochs, seed, report))
        else:
            entry = _entry(name, learning_rate, schedule, steps)
            results.append(_train(entry, layers, data, epochs, batch_size, seed, report))
    return Comparison(
        data.name, rows, len(data.x_test), layers, epochs, batch_size, schedule, seed, results
    )


@dataclass(frozen=True)
class _Entry:
    """One optimizer, ready to run, with its twin."""

    name: str
    of: str
    settings: dict[str, Any]
    step: Step
    twin_step: Step | None


def resolve(optimizers: Iterable[str], known: Sequence[str]) -> list[str]:
    """Return names as `known` spells them, each once.

    Args:
        optimizers: names in any case, or one name.
        known: all that there are.

    Raises:
        ValueError: an unknown name, or none.

    Example:
        >>> resolve(["adam", "SGD", "Adam"], ["SGD", "Adam"])
        ['Adam', 'SGD']
    """
    by_lower = {name.lower(): name for name in known}
    names = []
    for name in [optimizers] if isinstance(optimizers, str) else optimizers:
        if name.lower() not in by_lower:
            raise ValueError(f"unknown optimizer {name!r}; known: {', '.join(known)}")
        names.append(by_lower[name.lower()])
    if not names:
        raise ValueError(f"no optimizer named; known: {', '.join(known)}")
    return list(dict.fromkeys(names))


def _named(hidden: Sequence[int]) -> list[tuple[str, int]]:
    return [(f"hidden[{index}]", units) for index, units in enumerate(hidden)]


def _entry(name: str, learning_rate: float | None, schedule: str, steps: int) -> _Entry:
    of, options = VARIANTS.get(name, (name, {}))
    rule = getattr(rules, of)
    if learning_rate is None:
        learning_rate = LEARNING_RATES.get(name, rule().learning_rate)
    rate = _schedule(schedule, learning_rate, steps)
    twin = textbook.get(of)
    settings = {"learning_rate": learning_rate, **options}
    return _Entry(
        name,
        of,
        settings,
        rule(**{**settings, "learning_rate": rate}).step,
        None if twin is None else _follow(twin(**settings), rate),
    )


def _follow(twin: textbook.Textbook, rate: schedules.Schedule | float) -> Step:
    """The step of a twin that computes its learning rate first, as ours does."""
    if not callable(rate):
        return twin.step

    def step(params: Any, grads: Any) -> None:
        twin.learning_rate = rate(twin.t)
        twin.step(params, grads)

    return step


_SCHEDULES: dict[str, Callable[[float, int], schedules.Schedule]] = {
    "constant": lambda rate, steps: schedules.constant(rate),
    "linear": schedules.linear,
    "cosine": schedules.cosine,
    "polynomial": lambda rate, steps: schedules.polynomial(rate, steps, power=2.0),
    "exponential": lambda rate, steps: schedules.exponential(rate, math.log(100) / steps),
    "step_decay": lambda rate, steps: schedules.step_decay(rate, 0.1, math.ceil(steps / 3)),
    "inverse_sqrt": lambda rate, steps: schedules.inverse_sqrt(rate, math.ceil(steps / 10)),
    "one_cycle": schedules.one_cycle,
}


def _schedule(name: str, rate: float, steps: int) -> schedules.Schedule | float:
    prefix, _, base = name.rpartition("+")
    if base not in _SCHEDULES or prefix not in ("", "warmup"):
        known = ", ".join(_SCHEDULES)
        raise ValueError(f"unknown schedule {name!r}; known: {known}, and warmup+ before each")
    if name == "constant":
        return rate
    made = _SCHEDULES[base](rate, steps)
    return schedules.warmup(made, math.ceil(steps / 20)) if prefix else made


def _train(
    entry: _Entry,
    layers: list[int],
    data: datasets.Dataset,
    epochs: int,
    batch_size: int,
    seed: int,
    report: Callable[[int], None],
) -> Result:
    rng = np.random.default_rng(seed)
    params = network.initialize(layers, rng=rng)
    shadow = [array.copy() for array in _flat(params)]
    batches = minibatches(data.x_train, data.y_train, batch_size=batch_size, rng=rng)
    timed_every = math.ceil(epochs * len(batches) / TIMED_STEPS)
    times: list[int] = []
    twin_times: list[int] = []
    losses: list[float] = []
    accuracies: list[float] = []

    def evaluate() -> None:
        losses.append(network.mean_loss(params, data.x_train, data.y_train))
        accuracies.append(network.accuracy(params, data.x_test, data.y_test))

    # A rate that is too large is a result, not something to warn of on every step.
    with np.errstate(all="ignore"):
        evaluate()
        step = 0
        for epoch in range(1, epochs + 1):
            for x, y in batches:
                _, grads = network.loss_and_gradients(params, x, y)
                if step % timed_every:
                    entry.step(params, grads)
                elif entry.twin_step is None:
                    times.append(_timed(entry.step, params, grads))
                elif len(times) % 2:
                    times.append(_timed(entry.step, params, grads))
                    twin_times.append(_timed(entry.twin_step, shadow, _flat(grads)))
                else:
                    twin_times.append(_timed(entry.twin_step, shadow, _flat(grads)))
                    times.append(_timed(entry.step, params, grads))
                step += 1
            evaluate()
            report(epoch)
    return Result(
        entry.name,
        entry.of,
        entry.settings,
        losses,
        accuracies,
        statistics.median(times) / 1000,
        statistics.median(twin_times) / 1000 if twin_times else None,
    )


def _fit(
    name: str,
    layers: list[int],
    data: datasets.Dataset,
    epochs: int,
    seed: int,
    report: Callable[[int], None],
) -> Result:
    settings = FULL_BATCH[name]
    start = network.initialize(layers, rng=np.random.default_rng(seed))
    solver: solvers.Solver = getattr(solvers, name)(start, gtol=0.0, maxfun=epochs, **settings)
    losses = [network.mean_loss(start, data.x_train, data.y_train)]
    accuracies = [network.accuracy(start, data.x_test, data.y_test)]
    times: list[int] = []
    for epoch in range(1, epochs + 1):
        if not solver.done:  # it may have nothing left to gain
            loss, grads = network.loss_and_gradients(solver.ask(), data.x_train, data.y_train)
            times.append(_timed(solver.tell, loss, grads))
        best = solver.result()
        losses.append(best.fun)
        accuracies.append(network.accuracy(best.x, data.x_test, data.y_test))
        report(epoch)
    return Result(name, name, settings, losses, accuracies, statistics.median(times) / 1000, None)


def _timed(step: Step, params: Any, grads: Any) -> int:
    start = perf_counter_ns()
    step(params, grads)
    return perf_counter_ns() - start


def _flat(params: network.Params) -> list[npt.NDArray[Any]]:
    return [array for layer in params for array in layer.values()]
