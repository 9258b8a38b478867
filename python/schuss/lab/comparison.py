"""Train the same network with each optimizer, and time each one beside its textbook twin."""

from __future__ import annotations

import inspect
import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from schuss import schedules
from schuss.checks import count
from schuss.lab import catalog, network, task, textbook
from schuss.lab import data as datasets
from schuss.lab.catalog import FULL_BATCH, Progress, Settings
from schuss.lab.interrupt import Interrupted
from schuss.lab.task import Task
from schuss.suggest import did_you_mean, explain

__all__ = ["Comparison", "Result", "Start", "compare", "schedule_names"]

Array = npt.NDArray[Any]
Step = Callable[[Any, Any], None]

TIMED_STEPS = 400  # in a run
WATCHED_STEPS = 8  # in an epoch
EVALUATIONS = 2  # of a solver, for each epoch of the others


class Engine(NamedTuple):
    """What computes gradients and takes the steps, in words.

    Attributes:
        network: what is trained.
        peer: what our steps are timed beside.
        code: the same in full.
    """

    network: str
    peer: str
    code: str


ENGINES = {
    "numpy": Engine("network", "NumPy", "NumPy textbook code"),
    "torch": Engine("torch module", "torch", "torch.optim"),
}


@dataclass(frozen=True)
class Result:
    """What one optimizer did.

    Attributes:
        name: as in `available()`.
        label: the name, with batch size and initializer where the comparison has several.
        optimizer: name of the class.
        settings: hyperparameters that it was given; a schedule starts from the learning rate.
        batch_size: rows per step.
        init: what the weights were drawn from.
        train_loss: nats, before training and after each epoch; not finite where it diverged. Of a
            solver, at the best point so far, after each evaluation.
        test_accuracy: 0 to 1, at the same times; NaN where it diverged.
        seconds: the same times, from the start: those of the gradients and the steps alone, each
            step as long as the median one.
        gradient_norm: for each epoch, the median of |g| over some of its steps, g being all
            gradients as one vector. Of a solver, for each evaluation.
        update_ratio: for each epoch, the median of |change of x| / |x| over the same steps, x being
            all parameters as one vector.
        step_us: median microseconds of one step.
        peer_us: the same of the textbook twin, or of torch's optimizer; None where there is none.
        share: what part of the time of a gradient and a step the step has, 0 to 1.
        by: whose optimizer took the steps, "schuss" or "torch".
    """

    name: str
    label: str
    optimizer: str
    settings: dict[str, Any]
    batch_size: int
    init: str
    train_loss: list[float]
    test_accuracy: list[float]
    seconds: list[float]
    gradient_norm: list[float]
    update_ratio: list[float]
    step_us: float
    peer_us: float | None
    share: float
    by: str = "schuss"

    @property
    def ratio(self) -> float | None:
        """How many of our steps fit into one of the textbook code, or of torch's optimizer."""
        return None if self.peer_us is None else self.peer_us / self.step_us

    @property
    def has_epochs(self) -> bool:
        """Whether it passes over the rows in batches; an evaluation of a solver is no epoch."""
        return self.name not in FULL_BATCH

    def epochs_to(self, accuracy: float) -> int | None:
        """The first epoch after which the test accuracy was at least `accuracy`, or None.

        None also where the run diverged afterwards.
        """
        return self._first(accuracy) if self.has_epochs else None

    def seconds_to(self, accuracy: float) -> float | None:
        """The seconds until the test accuracy was at least `accuracy`, or None likewise."""
        first = self._first(accuracy)
        return None if first is None else self.seconds[first]

    def _first(self, accuracy: float) -> int | None:
        if math.isnan(self.test_accuracy[-1]):
            return None
        reached = (index for index, value in enumerate(self.test_accuracy) if value >= accuracy)
        return next(reached, None)


@dataclass(frozen=True)
class Start:
    """What an initializer makes of the signal before the first step.

    Attributes:
        init: its name.
        forth: standard deviation of each layer's output, over its units and the training part.
        back: standard deviation of the gradient that arrives at each layer, as in
            `schuss.lab.network.spread`.
    """

    init: str
    forth: list[float]
    back: list[float]


@dataclass(frozen=True)
class Comparison:
    """The results, in the order in which they ran, and what they have in common.

    Attributes:
        data: name of the data set.
        train_rows: of the training part.
        test_rows: of the test part.
        layers: units of each layer of the network.
        epochs: passes over the training part.
        batch_sizes: rows per step.
        schedule: of the learning rate.
        seed: of the initial parameters and the order of the batches.
        starts: one for each initializer.
        results: one for each optimizer, batch size and initializer.
        engine: a name of `ENGINES`.
    """

    data: str
    train_rows: int
    test_rows: int
    layers: list[int]
    epochs: int
    batch_sizes: list[int]
    schedule: str
    seed: int
    starts: list[Start]
    results: list[Result]
    engine: str = "numpy"

    def summary(self) -> str:
        """What was trained on what, in two lines."""
        sizes = ["all rows" if n == self.train_rows else str(n) for n in self.batch_sizes]
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        return (
            f"{self.data}: {self.train_rows:,} rows to train on, {self.test_rows:,} to test on\n"
            f"{ENGINES[self.engine].network} {'-'.join(map(str, self.layers))}, "
            f"batches of {_listed(sizes)}, {self.schedule} learning rate, {epochs}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `json.dumps`; None is what is not finite or not there."""
        plain = asdict(self)
        for entry, result in zip(plain["results"], self.results, strict=True):
            entry["ratio"] = result.ratio
            entry["epochs_to_95"] = result.epochs_to(0.95)
            entry["seconds_to_95"] = result.seconds_to(0.95)
            for curve in ("train_loss", "test_accuracy", "gradient_norm", "update_ratio"):
                entry[curve] = [value if math.isfinite(value) else None for value in entry[curve]]
        return plain


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def schedule_names() -> list[str]:
    """Every schedule that `compare` knows; each also with "warmup+" in front."""
    return list(_SCHEDULES)


def compare(
    optimizers: Iterable[str] | None = None,
    *,
    epochs: int = 30,
    batch_size: int | Sequence[int | None] | None = 64,
    init: str | Sequence[str] = "he_normal",
    hidden: Sequence[int] = (128, 64),
    learning_rate: float | None = None,
    settings: Settings | None = None,
    schedule: str = "constant",
    seed: int = 0,
    data: task.Source = None,
    engine: str = "numpy",
    progress: Progress | None = None,
) -> Comparison:
    """Train a network once with each optimizer, from the same start, on the same batches.

    The textbook twin of each rule takes some of the same steps, on a copy of the parameters and
    with the same gradients, by turns before and after ours; the times are those of these steps.
    Matrix products have one thread for all, where threadpoolctl can see to it.

    LBFGS takes all rows at once and chooses its own steps, so that `batch_size`, `learning_rate`
    and `schedule` are not for it. An evaluation of it is no epoch, in which others take many steps:
    it gets two for each of theirs, and only seconds compare it with them.

    With the engine "torch" the network is a module of PyTorch, and each rule that torch.optim has
    trains it twice: with the optimizer of `schuss.torch` and with torch's default one, from the
    same start, on the same batches. A step is that of the optimizer and its `zero_grad`. Defaults
    are torch's, and there are no solvers.

    Args:
        optimizers: names from `available()`, in any case; None is SGD, Momentum, RMSprop, Adam,
            AdamW and LBFGS, each of which adds one idea to those before it, and "all" is all.
        epochs: passes over the training part, at least 1.
        batch_size: rows per step; 1 is stochastic, None is the whole training part. Each of
            several is a run of its own.
        init: what the weights are drawn from, a name from `schuss.lab.network.INITS`. Each of
            several is a run of its own.
        hidden: units of each hidden layer; empty is a linear model.
        learning_rate: one for all; None is one for each that is good on the digits, smaller for
            batches of less than 64, and the default of the class where there is none.
        settings: other hyperparameters of some, as `{"Adam": {"beta1": 0.5}}`; a learning rate
            among them counts more than `learning_rate`.
        schedule: a name from `schedule_names()`, over all steps; "warmup+" before it is a linear
            rise over the first 5 %, and the schedule has the other steps.
        seed: of the initial parameters and the order of the batches.
        data: a data set, the path of a .npz or .csv, or None for scikit-learn's digits.
        engine: what computes gradients and takes the steps: "numpy" or "torch".
        progress: called as `progress(label, epochs_done, epochs_in_all)` after each epoch.

    Raises:
        TypeError, ValueError: an argument that makes no sense, or a file that cannot be used.
        ModuleNotFoundError: the digits without scikit-learn, the engine "torch" without PyTorch.
        Interrupted: after Ctrl-C, with the runs that had ended.

    Example:
        >>> from schuss import lab
        >>> result = lab.compare(["adam", "sgd"], epochs=3, batch_size=[16, 64])
        >>> [entry.label for entry in result.results]
        ['Adam, batch 16', 'Adam, batch 64', 'SGD, batch 16', 'SGD, batch 64']
        >>> result.results[0].train_loss[-1] < result.results[0].train_loss[0]
        True
    """
    if engine not in ENGINES:
        near = did_you_mean(engine, ENGINES)
        raise ValueError(f"unknown engine {engine!r}; known: {', '.join(ENGINES)}{near}")
    known = catalog.available() if engine == "numpy" else catalog.first_order()
    names = catalog.resolve(
        [name for name in catalog.DEFAULT if name in known] if optimizers is None else optimizers,
        known,
    )
    own = catalog.settings_for(names, settings)
    epochs = count("epochs", epochs)
    sizes = list(batch_size) if isinstance(batch_size, Sequence) else [batch_size]
    inits = [init] if isinstance(init, str) else list(dict.fromkeys(init))
    if not sizes or not inits:
        raise ValueError(
            f"batch_size is {batch_size!r} and init {init!r}; at least one of each is wanted"
        )
    found = datasets.get(data)
    tasks: dict[tuple[int, str], Task] = {}
    for size, start in itertools.product(sizes, inits):
        made = task.make(found, hidden, size, seed, start)
        tasks[made.batch_size, start] = made
        _schedule(schedule, 1.0, _steps(made, epochs))  # refused before anything is trained
    several = len({size for size, _ in tasks}) > 1, len(inits) > 1

    one_thread: Callable[[], AbstractContextManager[None]] = nullcontext
    if engine == "torch":
        from schuss.lab import torch_module

        one_thread = torch_module.one_thread
    runs: list[tuple[str, Task, str]] = []
    for name in names:
        if name in FULL_BATCH:
            whole = (task.make(found, hidden, None, seed, start) for start in inits)
            runs += [(name, each, "schuss") for each in whole]
        else:
            trainers = ["schuss"] if engine == "numpy" else torch_module.trainers(name, own[name])
            runs += [(name, each, by) for each in tasks.values() for by in trainers]
    result = Comparison(
        data=found.name,
        train_rows=len(found.y_train),
        test_rows=len(found.y_test),
        layers=made.layers,
        epochs=epochs,
        batch_sizes=list(dict.fromkeys(size for size, _ in tasks)),
        schedule=schedule,
        seed=seed,
        starts=[_start(next(t for t in tasks.values() if t.init == start)) for start in inits],
        results=[],
        engine=engine,
    )
    for index, (name, each, by) in enumerate(runs):
        label = _label(name, each, several) + (", torch" if by == "torch" else "")

        def report(epoch: int, done: int = index * epochs, label: str = label) -> None:
            if progress is not None:
                progress(label, done + epoch, len(runs) * epochs)

        try:
            with task.one_blas_thread(), one_thread():
                if name in FULL_BATCH:
                    entry = _fit(name, label, own[name], each, epochs, report)
                else:
                    given = {"learning_rate": learning_rate, **own[name]}
                    begin = _in_numpy if engine == "numpy" else partial(_in_torch, by)
                    entry = _train(begin, name, label, given, each, schedule, epochs, report)
        except KeyboardInterrupt:
            if not result.results:
                raise
            raise Interrupted(result) from None
        if by == "torch":
            ours = result.results[-1]
            result.results[-1] = replace(ours, peer_us=entry.step_us)
            entry = replace(entry, by=by)
        result.results.append(entry)
    return result


def _label(name: str, each: Task, several: tuple[bool, bool]) -> str:
    """The name, and what tells this run from the optimizer's others."""
    rows = len(each.data.y_train)
    size = "all rows" if each.batch_size == rows else f"batch {each.batch_size}"
    parts = (size, name not in FULL_BATCH and several[0]), (each.init, several[1])
    return ", ".join([name, *(part for part, wanted in parts if wanted)])


def _steps(each: Task, epochs: int) -> int:
    return epochs * math.ceil(len(each.data.y_train) / each.batch_size)


def _start(each: Task) -> Start:
    params, _ = each.begin()
    with np.errstate(all="ignore"):
        return Start(each.init, *network.spread(params, each.data.x_train, each.data.y_train))


class _Trainee(NamedTuple):
    """A network at its start, and how it learns."""

    params: network.Params
    gradients: Callable[[Array, Array], network.Params]
    step: Step
    twin: Step | None


Rate = schedules.Schedule | float
Begin = Callable[[str, dict[str, Any], Rate, network.Params], _Trainee]


def _in_numpy(name: str, settings: dict[str, Any], rate: Rate, start: network.Params) -> _Trainee:
    optimizer = catalog.build(name, **{**settings, "learning_rate": rate})

    def gradients(x: Array, y: Array) -> network.Params:
        return network.loss_and_gradients(start, x, y)[1]

    of, _ = catalog.setting(name)
    twin = textbook.get(of)
    if twin is None or not set(settings) <= set(inspect.signature(twin).parameters):
        return _Trainee(start, gradients, optimizer.step, None)  # the textbooks clip nothing
    return _Trainee(start, gradients, optimizer.step, _follow(twin(**settings), rate))


def _in_torch(
    by: str, name: str, settings: dict[str, Any], rate: Rate, start: network.Params
) -> _Trainee:
    from schuss.lab import torch_module

    made = torch_module.Trainee(by, name, settings, rate, start)
    return _Trainee(made.params, made.gradients, made.step, None)


def _settings(name: str, each: Task, given: dict[str, Any]) -> dict[str, Any]:
    """What the optimizer is given, with a learning rate."""
    _, options = catalog.setting(name)
    settings = {"learning_rate": None, **options, **given}
    if settings["learning_rate"] is None:
        settings["learning_rate"] = catalog.learning_rate(name, each.batch_size)
    return settings


def _follow(twin: textbook.Textbook, rate: Rate) -> Step:
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
        near = did_you_mean(base, _SCHEDULES)
        text = f"unknown schedule {name!r}; known: {known}, and warmup+ before each{near}"
        raise ValueError(text)
    if name == "constant":
        return rate
    rise = math.ceil(steps / 20) if prefix else 0
    made = _SCHEDULES[base](rate, max(steps - rise, 1))
    return schedules.warmup(made, rise) if prefix else made


class _Record:
    """What is written down during a run."""

    def __init__(self) -> None:
        self.train_loss: list[float] = []
        self.test_accuracy: list[float] = []
        self.gradient_norm: list[float] = []
        self.update_ratio: list[float] = []
        self.whole_times: list[int] = []  # of a gradient and a step, ns
        self.times: list[int] = []
        self.twin_times: list[int] = []
        self._seen: list[tuple[float, float]] = []

    def evaluate(self, loss: float, accuracy: float) -> None:
        self.train_loss.append(loss)
        self.test_accuracy.append(accuracy)

    def watch(self, before: Array, after: Array, grads: Array) -> None:
        change = np.linalg.norm(after - before) / np.linalg.norm(before)
        self._seen.append((float(np.linalg.norm(grads)), float(change)))

    def end_epoch(self) -> None:
        norms, ratios = zip(*self._seen, strict=True)
        self.gradient_norm.append(float(np.median(norms)))
        self.update_ratio.append(float(np.median(ratios)))
        self._seen.clear()

    def result(
        self, name: str, label: str, settings: dict[str, Any], each: Task, steps: int = 1
    ) -> Result:
        """What is written down, with so many steps between two evaluations."""
        between = steps * statistics.median(self.whole_times) / 1e9
        return Result(
            name=name,
            label=label,
            optimizer=catalog.setting(name)[0],
            settings=settings,
            batch_size=each.batch_size,
            init=each.init,
            train_loss=self.train_loss,
            test_accuracy=self.test_accuracy,
            seconds=[index * between for index in range(len(self.train_loss))],
            gradient_norm=self.gradient_norm,
            update_ratio=self.update_ratio,
            step_us=statistics.median(self.times) / 1000,
            peer_us=statistics.median(self.twin_times) / 1000 if self.twin_times else None,
            share=statistics.median(self.times) / statistics.median(self.whole_times),
        )


def _train(
    begin: Begin,
    name: str,
    label: str,
    given: dict[str, Any],
    each: Task,
    schedule: str,
    epochs: int,
    report: Callable[[int], None],
) -> Result:
    settings = _settings(name, each, given)
    rate = _schedule(schedule, settings["learning_rate"], _steps(each, epochs))
    start, batches = each.begin()
    params, gradients, take_step, twin = begin(name, settings, rate, start)
    data = each.data
    shadow = [array.copy() for array in _flat(params)]
    timed_every = math.ceil(epochs * len(batches) / TIMED_STEPS)
    watched_every = math.ceil(len(batches) / WATCHED_STEPS)
    record = _Record()

    def evaluate() -> None:
        loss = network.mean_loss(params, data.x_train, data.y_train)
        record.evaluate(loss, network.accuracy(params, data.x_test, data.y_test))

    def timed(grads: network.Params) -> None:
        """A step, and the twin's before it or after it by turns."""
        times = record.times
        ours_first = len(times) % 2 == 1
        if twin is not None and not ours_first:
            record.twin_times.append(_timed(twin, shadow, _flat(grads)))
        times.append(_timed(take_step, params, grads))
        if twin is not None and ours_first:
            record.twin_times.append(_timed(twin, shadow, _flat(grads)))

    # A rate that is too large is a result, not something to warn of on every step.
    with np.errstate(all="ignore"):
        evaluate()
        step = 0
        for epoch in range(1, epochs + 1):
            for index, (x, y) in enumerate(batches):
                began = perf_counter_ns()
                grads = gradients(x, y)
                gradient_time = perf_counter_ns() - began
                before = _vector(params) if index % watched_every == 0 else None
                if step % timed_every:
                    take_step(params, grads)
                else:
                    timed(grads)
                    record.whole_times.append(gradient_time + record.times[-1])
                if before is not None:
                    record.watch(before, _vector(params), _vector(grads))
                step += 1
            evaluate()
            record.end_epoch()
            report(epoch)
    return record.result(name, label, settings, each, len(batches))


def _fit(
    name: str,
    label: str,
    given: dict[str, Any],
    each: Task,
    epochs: int,
    report: Callable[[int], None],
) -> Result:
    start, _ = each.begin()
    data, settings = each.data, {**FULL_BATCH[name], **given}
    limits = {"gtol": 0.0, "maxfun": EVALUATIONS * epochs}
    solver = catalog.solver(name, start, **{**limits, **settings})
    record, x = _Record(), _vector(start)
    record.evaluate(
        network.mean_loss(start, data.x_train, data.y_train),
        network.accuracy(start, data.x_test, data.y_test),
    )
    while not solver.done:
        begin = perf_counter_ns()
        loss, grads = network.loss_and_gradients(solver.ask(), data.x_train, data.y_train)
        gradient_time = perf_counter_ns() - begin
        record.times.append(_timed(solver.tell, loss, grads))
        record.whole_times.append(gradient_time + record.times[-1])
        best = solver.result()
        record.evaluate(best.fun, network.accuracy(best.x, data.x_test, data.y_test))
        x, before = _vector(best.x), x
        with np.errstate(all="ignore"):
            record.watch(before, x, _vector(best.jac))
        record.end_epoch()
        report(min(epochs, len(record.times) // EVALUATIONS))
    report(epochs)  # it may have had nothing left to gain
    return record.result(name, label, settings, each)


def _timed(step: Step, params: Any, grads: Any) -> int:
    start = perf_counter_ns()
    step(params, grads)
    return perf_counter_ns() - start


def _flat(params: network.Params) -> list[Array]:
    return [array for layer in params for array in layer.values()]


def _vector(params: network.Params) -> Array:
    """A copy of all arrays, one after the other."""
    return np.concatenate([array.ravel() for array in _flat(params)])


explain(__name__)
