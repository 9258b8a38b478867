"""Grid and random search over optimizers and their hyperparameters, which goes on where it stopped.

Example:
    >>> from schuss import lab
    >>> def train(optimizer):
    ...     x = np.array([3.0])
    ...     for _ in range(20):
    ...         optimizer.step(x, 2 * x)
    ...     return float(x[0] ** 2)
    >>> rates = {"learning_rate": [0.01, 0.1, 2.0]}
    >>> result = lab.search(["sgd", "adam"], rates, train=train, direction="minimize")
    >>> result.best.optimizer, result.best.settings
    ('SGD', {'learning_rate': 0.1})
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from numbers import Real
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np

from schuss import Optimizer
from schuss.checks import choice, count
from schuss.lab import catalog, network, task, workers
from schuss.lab import data as datasets
from schuss.lab.catalog import Progress
from schuss.lab.results_file import ResultsFile
from schuss.suggest import did_you_mean, explain

__all__ = ["LostTrialsError", "Search", "Trial", "search"]

Train = Callable[[Any], float]
Settings = dict[str, Any]


class TrainError(ValueError):
    """A user's `train` raised; the cause has its traceback."""


@dataclass(frozen=True)
class Trial:
    """One optimizer with its settings, and how it did.

    Attributes:
        optimizer: as in `available()`.
        settings: the hyperparameters that the search gave it.
        score: NaN where it diverged.
        seconds: that it took.
    """

    optimizer: str
    settings: Settings
    score: float = math.nan
    seconds: float = 0.0

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from the other trials of a search."""
        return self.optimizer, *sorted(self.settings.items())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `json.dumps`; None is the score of what diverged."""
        return {**asdict(self), "score": None if math.isnan(self.score) else self.score}


class LostTrialsError(ChildProcessError):
    """Workers died, perhaps for lack of memory, with some trials of a search; the others are done.

    Attributes:
        trials: those that have no score.
        result: the `Search` of the others.
    """

    def __init__(self, trials: list[Trial], result: Search) -> None:
        named = ", ".join(f"{trial.optimizer} {trial.settings}" for trial in trials[:3])
        more = f" and {len(trials) - 3} more" if len(trials) > 3 else ""
        super().__init__(
            f"a worker process died, perhaps for lack of memory, with each of {named}{more}; "
            f"the other trials are done"
        )
        self.trials = trials
        self.result = result


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes:
        experiment: what a score depends on beside optimizer and settings.
        direction: "maximize" or "minimize": which scores are the better ones.
        trials: in the order of the grid, or in which they were drawn.
        resumed: how many of them came from the results file.
    """

    experiment: dict[str, Any]
    direction: str
    trials: list[Trial]
    resumed: int

    @property
    def best(self) -> Trial | None:
        """The trial with the best score, the first of equals; None where all diverged."""
        return next((trial for trial in self.ranked() if not math.isnan(trial.score)), None)

    @property
    def score(self) -> str:
        """What the scores are."""
        return "score" if "train" in self.experiment else "validation accuracy"

    def ranked(self) -> list[Trial]:
        """All trials, the best first; those that diverged come last."""
        sign = -1 if self.direction == "maximize" else 1

        def place(trial: Trial) -> tuple[bool, float]:
            lost = math.isnan(trial.score)
            return lost, 0.0 if lost else sign * trial.score

        return sorted(self.trials, key=place)

    def as_text(self, score: float) -> str:
        """A score for a table."""
        if math.isnan(score):
            return "diverged"
        return f"{score:.4g}" if "train" in self.experiment else f"{score:.1%}"

    def summary(self) -> str:
        """What was trained on what, in two lines."""
        about = self.experiment
        if "train" in about:
            best = "highest" if self.direction == "maximize" else "lowest"
            return f"{about['train']}\n{len(self.trials)} trials, the {best} score is the best"
        batch = "all rows" if about["batch_size"] == about["train_rows"] else about["batch_size"]
        epochs = "1 epoch" if about["epochs"] == 1 else f"{about['epochs']} epochs"
        return (
            f"{about['data']}: {about['train_rows']:,} rows to train on, "
            f"{about['validation_rows']:,} held out for the score\n"
            f"network {'-'.join(map(str, about['layers']))}, batches of {batch}, {epochs}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return {
            "experiment": self.experiment,
            "score": self.score,
            "direction": self.direction,
            "resumed": self.resumed,
            "best": None if self.best is None else self.best.to_dict(),
            "trials": [trial.to_dict() for trial in self.trials],
        }


def search(
    optimizers: Iterable[str] | None,
    space: Mapping[str, Any],
    *,
    samples: int | None = None,
    train: Train | None = None,
    direction: Literal["maximize", "minimize"] = "maximize",
    epochs: int = 5,
    batch_size: int | None = 64,
    hidden: Sequence[int] = (128, 64),
    seed: int = 0,
    data: task.Source = None,
    processes: int | None = None,
    backend: Literal["loky", "threading", "dask", "ray"] | None = None,
    results_file: str | Path | None = None,
    progress: Progress | None = None,
) -> Search:
    """Train with every combination of a space, or with some drawn at random, and score each.

    Without `train` it is the network of `compare` that is trained. A fifth of the rows of the
    training part is held out, and the score is the accuracy on them; the test part has no say. All
    trials have the same start and the same batches, and scores do not depend on `processes`.

    Args:
        optimizers: names of rules from `available()`, in any case; None is all of them.
        space: the values to try of each hyperparameter, as `{"learning_rate": [0.01, 0.1]}`, or a
            distribution to draw them from, such as `scipy.stats.loguniform(1e-4, 1)`. It is for all
            the optimizers, and "Adam.beta1" is for one of them. Where no learning rate is named, it
            is the one of `compare`, and with `train` the default of the class.
        samples: None tries the whole grid; a number draws as many combinations, or fewer where the
            grid has no more.
        train: a function of yours that trains with an optimizer and returns a score. One that is
            not finite, or an ArithmeticError or `numpy.linalg.LinAlgError`, counts as diverged.
        direction: "maximize" where a higher score is better, as in scikit-learn, or "minimize" for
            a `train` that returns a loss.
        epochs: passes over the rows, for the network.
        batch_size: rows per step, for the network; None is all of them.
        hidden: units of each hidden layer of the network.
        seed: of what is drawn, and of the network's parameters and batches, 0 to 2^32 - 1.
        data: for the network: a data set, the path of a .npz or .csv, or None for the digits.
        processes: how many trials run at once. With 1 they run in this process, but for a cluster;
            with more each has one thread. None is 1, or what `joblib.parallel_config` says, or all
            that a cluster has.
        backend: where they run: "loky" is other processes of this machine, "threading" is this one;
            "dask" is the cluster of the newest `distributed.Client`, and "ray" the one of
            `ray.init`, or of the environment's RAY_ADDRESS. None is what `joblib.parallel_config`
            says, and "loky" elsewhere.
        results_file: each trial is written here as soon as it ends, a line of JSON each, and none
            that is here already runs again. A search that was stopped so goes on; one with a larger
            space or more samples adds to it. A change inside of `train` is not noticed.
        progress: called as `progress(name, trials_done, trials_in_all)`.

    Raises:
        TypeError, ValueError: an argument that makes no sense, before anything is trained; a file
            of another experiment, or one that another search is using; a `train` that failed, with
            its own exception as the cause.
        LostTrialsError: a ChildProcessError, after all other trials: workers died with some, and
            again when each of these ran alone. They are not in the results file.
        ModuleNotFoundError: scikit-learn is missing, or what the backend needs.

    Example:
        >>> from schuss import lab
        >>> result = lab.search(["adam", "lion"], {"learning_rate": [1e-3, 1e-2]}, epochs=2)
        >>> [(trial.optimizer, trial.settings["learning_rate"]) for trial in result.trials]
        [('Adam', 0.001), ('Adam', 0.01), ('Lion', 0.001), ('Lion', 0.01)]
        >>> result.best.score > 0.8
        True

    Reference: Bergstra and Bengio 2012, Random search for hyper-parameter optimization.
    """
    rules_known = catalog.first_order()
    names = catalog.resolve(rules_known if optimizers is None else optimizers, rules_known)
    if samples is not None:
        samples = count("samples", samples)
    epochs = count("epochs", epochs)
    if processes is not None:
        processes = count("processes", processes)
    if backend is not None:
        choice("backend", backend, workers.BACKENDS)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed!r}; an integer from 0 to 2^32 - 1 is wanted")
    choice("direction", direction, ("maximize", "minimize"))
    work: Train
    if train is None:
        if direction == "minimize":
            raise ValueError("direction is 'minimize'; the network's score is an accuracy")
        work, experiment = _network(data, epochs, batch_size, hidden, seed)
    else:
        if not callable(train):
            raise ValueError(f"train is {train!r}; a function train(optimizer) -> score is wanted")
        named = train if hasattr(train, "__qualname__") else type(train)
        work, experiment = train, {"train": f"{named.__module__}:{named.__qualname__}"}
    rates = {name: _default_rate(name, experiment) for name in names}
    planned = {trial.key: trial for trial in _plan(_spaces(rates, space), samples, seed)}

    found: dict[tuple[Any, ...], Trial] = {}
    with ResultsFile(results_file, experiment) as file:
        for entry in file.entries:
            trial = Trial(**{**entry, "score": _number(entry["score"])})
            if trial.key in planned:
                found[trial.key] = trial
        resumed = len(found)
        left = [trial for key, trial in planned.items() if key not in found]
        if progress is not None and found:
            progress(trial.optimizer, len(found), len(planned))
        lost: list[Trial] = []
        with closing(workers.run(partial(_score, work), left, processes, backend, lost)) as done:
            for trial in done:
                file.add(trial.to_dict())
                found[trial.key] = trial
                if progress is not None:
                    progress(trial.optimizer, len(found), len(planned))
    trials = [found[key] for key in planned if key in found]
    result = Search(experiment, direction, trials, resumed)
    if lost:
        raise LostTrialsError(lost, result)
    return result


def _number(score: float | None) -> float:
    return math.nan if score is None else score


# -- what to try -----------------------------------------------------------------------------------


def _default_rate(name: str, experiment: dict[str, Any]) -> float:
    if "train" in experiment:
        return catalog.default_rate(name)
    return catalog.learning_rate(name, experiment["batch_size"])


def _spaces(rates: Mapping[str, float], space: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The space of each optimizer, as scikit-learn takes them."""
    if not isinstance(space, Mapping):
        raise ValueError(f"space is {space!r}; a dict of hyperparameters and values is wanted")
    spaces: dict[str, dict[str, Any]] = {
        name: {"optimizer": [name], "learning_rate": [rate]} for name, rate in rates.items()
    }
    # What is for one optimizer counts more than what is for all, and so comes later.
    for key in sorted(space, key=lambda key: "." in str(key)):
        owner, _, parameter = str(key).rpartition(".")
        values = _values(key, space[key])
        for name in catalog.resolve([owner], list(rates)) if owner else rates:
            has = catalog.hyperparameters(name)
            if parameter not in has:
                near = did_you_mean(parameter, has) or (
                    f"; it has {', '.join(has)} (what one optimizer alone has is written as "
                    f"Adam.beta1)"
                )
                raise ValueError(f"{name} has no {parameter}{near}")
            spaces[name][parameter] = values
    return list(spaces.values())


def _values(key: str, values: Any) -> Any:
    """A distribution as it is, or a list of plain values."""
    if hasattr(values, "rvs"):
        return values
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f"space[{key!r}] is {values!r}; a list or a distribution is wanted")
    plain = [_plain(key, value) for value in values]
    if not plain:
        raise ValueError(f"space[{key!r}] is empty; at least one value is wanted")
    return plain


def _plain(key: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    finite = not isinstance(value, float) or math.isfinite(value)
    if value is not None and not (isinstance(value, (bool, int, float, str)) and finite):
        raise ValueError(
            f"space[{key!r}] has {value!r}; finite numbers, words, bools or None are wanted"
        )
    return value


def _plan(spaces: list[dict[str, Any]], samples: int | None, seed: int) -> Iterator[Trial]:
    """Every trial, in the order of scikit-learn."""
    from sklearn.model_selection import ParameterGrid, ParameterSampler

    drawn_from = [key for own in spaces for key, values in own.items() if hasattr(values, "rvs")]
    if samples is None and drawn_from:
        raise ValueError(f"{drawn_from[0]} is a distribution; samples, a number, is wanted")
    if samples is None:
        combinations: Iterable[Settings] = ParameterGrid(spaces)
    else:
        most = samples if drawn_from else min(samples, len(ParameterGrid(spaces)))
        combinations = ParameterSampler(spaces, most, random_state=seed)
    for combination in combinations:
        settings = {key: _plain(key, value) for key, value in sorted(combination.items())}
        name = settings.pop("optimizer")
        catalog.build(name, **settings)  # refused before anything is trained
        yield Trial(name, settings)


# -- what to train ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Network:
    """Train the network of `compare`; the score is the accuracy on rows it has not seen."""

    task: task.Task
    epochs: int

    def __call__(self, rule: Optimizer) -> float:
        with task.one_blas_thread(), np.errstate(all="ignore"):
            return self._train(rule)

    def _train(self, rule: Optimizer) -> float:
        data = self.task.data
        params, batches = self.task.begin()
        for _ in range(self.epochs):
            for x, y in batches:
                loss, grads = network.loss_and_gradients(params, x, y)
                if math.isnan(loss):  # nothing comes back from there
                    return math.nan
                rule.step(params, grads)
        return network.accuracy(params, data.x_test, data.y_test)


def _network(
    data: task.Source, epochs: int, batch_size: int | None, hidden: Sequence[int], seed: int
) -> tuple[_Network, dict[str, Any]]:
    whole = datasets.get(data)
    try:
        held_out = datasets.split(whole.name, whole.x_train, whole.y_train)
    except ValueError as error:
        raise ValueError(f"{whole.name}, rows to hold out of the training part: {error}") from error
    made = task.make(held_out, hidden, batch_size, seed)
    digest = hashlib.sha256()
    for array in (whole.x_train, whole.y_train):
        digest.update(np.ascontiguousarray(array).tobytes())
    return _Network(made, epochs), {
        "data": whole.name,
        "digest": digest.hexdigest()[:16],
        "train_rows": len(held_out.y_train),
        "validation_rows": len(held_out.y_test),
        "layers": made.layers,
        "epochs": int(epochs),
        "batch_size": int(made.batch_size),
        "seed": seed,
    }


def _score(train: Train, trial: Trial) -> Trial:
    """The trial with its score, NaN unless finite, and its seconds."""
    what = f"{trial.optimizer} {trial.settings}"
    begin = perf_counter()
    try:
        score = train(catalog.build(trial.optimizer, **trial.settings))
    except (ArithmeticError, np.linalg.LinAlgError):
        score = math.nan
    except Exception as error:  # whatever a user's function raises
        message = f"train failed with {what}: {type(error).__name__}: {error}"
        raise TrainError(message) from error
    seconds = perf_counter() - begin
    if isinstance(score, np.ndarray) and score.size == 1:
        score = score.item()
    if isinstance(score, bool) or not isinstance(score, Real):
        raise ValueError(f"train returned {score!r} with {what}; a number is wanted")
    value = float(score)
    return replace(trial, score=value if math.isfinite(value) else math.nan, seconds=seconds)


explain(__name__)
