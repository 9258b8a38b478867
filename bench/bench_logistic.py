"""Logistic regression on the data sets that come with scikit-learn: whole fits, to the same gtol.

Everyone minimizes scikit-learn's objective at C = 1, the mean of -log p(label) and |W|^2 / 2 n with
an intercept that is not penalized, on features of mean 0 and variance 1, in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from bench import peers
from bench.cases import Array
from bench.harness import Candidate, Plan, interleave, tagged
from bench.peers import all_threads
from bench.peers.solvers import CAP, PAUSE, SECOND_ORDER, SOLVERS, Limits
from bench.results import Comparison, Settings

GROUP, NEWTON_GROUP = "logistic regression", "logistic regression with Hessians"
GTOL = 1e-5
DATA = ("breast_cancer", "digits")
FITS = {"schuss": "schuss L-BFGS", "SciPy": "SciPy L-BFGS-B", "torch": "torch LBFGS"}
CURVED_FITS = {"schuss": "schuss Newton", "SciPy": "SciPy trust-exact"}
LEARN = "scikit-learn"


@dataclass
class Logistic:
    """The objective on one data set; two classes need one column of weights, more one for each."""

    features: Array
    labels: Array

    def __post_init__(self) -> None:
        self.count = len(self.labels)
        self.classes = int(self.labels.max()) + 1
        self.first = 1 if self.classes == 2 else 0  # the first class of two stays at zero
        self.with_ones = np.column_stack([self.features, np.ones(self.count)])
        self.truth = np.eye(self.classes)[self.labels]
        self.start = np.zeros(self.with_ones.shape[1] * (self.classes - self.first))
        self.evaluations = 0

    def _scores(self, weights: Array) -> tuple[Array, Array, Array]:
        """Of each point and class: scores, likelihoods, and the sums of these over the classes."""
        scores = np.zeros((self.count, self.classes))
        scores[:, self.first :] = self.with_ones @ weights
        scores -= scores.max(axis=1, keepdims=True)
        likelihood = np.exp(scores)
        return scores, likelihood, likelihood.sum(axis=1, keepdims=True)

    def hessian(self, x: Array) -> Array:
        """Dense."""
        weights = x.reshape(self.with_ones.shape[1], -1)
        _, likelihood, total = self._scores(weights)
        p = (likelihood / total)[:, self.first :]
        many, classes = weights.shape
        blocks = np.empty((many, classes, many, classes))
        for a in range(classes):
            for b in range(a + 1):
                spread = p[:, a] * ((a == b) - p[:, b]) / self.count
                block = (self.with_ones * spread[:, None]).T @ self.with_ones
                blocks[:, a, :, b] = blocks[:, b, :, a] = block
        hessian = blocks.reshape(x.size, x.size)
        penalized = np.arange(x.size - classes)
        hessian[penalized, penalized] += 1 / self.count
        return hessian

    def __call__(self, x: Array) -> tuple[float, Array]:
        """The value and the gradient."""
        self.evaluations += 1
        weights = x.reshape(self.with_ones.shape[1], -1)
        scores, likelihood, total = self._scores(weights)
        value = (np.log(total).sum() - (scores * self.truth).sum()) / self.count
        residual = (likelihood / total - self.truth)[:, self.first :] / self.count
        gradient = self.with_ones.T @ residual
        gradient[:-1] += weights[:-1] / self.count
        penalty = (weights[:-1] ** 2).sum() / 2 / self.count
        return float(value + penalty), gradient.ravel()


def load(name: str) -> Logistic:
    """A data set of scikit-learn, its features standardized."""
    features, labels = getattr(peers.optional("sklearn.datasets"), f"load_{name}")(return_X_y=True)
    spread = features.std(axis=0)
    return Logistic((features - features.mean(axis=0)) / np.where(spread > 0, spread, 1), labels)


def _note(objective: Logistic, x: Array, effort: str) -> str:
    return f"{effort}, largest g {np.abs(objective(x)[1]).max():.1e}"


def _fit(objective: Logistic, *, name: str, solve: Callable[..., Any]) -> Candidate:
    """A solver on the objective, without a test on f."""
    limits = Limits(gtol=GTOL, ftol=0.0)

    def call() -> Array:
        x: Array = solve(objective, objective.start, limits).x
        return x

    objective.evaluations = 0
    x = call()
    note = _note(objective, x, f"{objective.evaluations} evaluations")
    return Candidate(name, call, objective.features.nbytes, note=note)


def _learn(objective: Logistic, *, solver: str = "lbfgs") -> Candidate:
    """scikit-learn's own fit: SciPy's L-BFGS-B, or a Newton of its own, on Cython."""
    kind = peers.optional("sklearn.linear_model").LogisticRegression
    model = kind(tol=GTOL, max_iter=CAP, solver=solver)

    def call() -> Any:
        return model.fit(objective.features, objective.labels)

    call()
    x = np.vstack([model.coef_.T, model.intercept_]).ravel()
    note = _note(objective, x, f"{model.n_iter_.max()} iterations")
    return Candidate(LEARN, call, objective.features.nbytes, note=note)


Maker = tuple[str, Callable[[Logistic], Candidate]]


def _compare(
    group: str, makers: list[Maker], threads: int, settings: Settings
) -> Iterator[Comparison]:
    """One comparison per data set and number of threads.

    One thread too, as the wheels of NumPy and SciPy bring a BLAS each, whose threads, while they
    wait for work, take the cores that those of the other need.
    """
    settings = replace(settings, pause=PAUSE)
    for name in DATA:
        objective = load(name)
        for count in sorted({1, threads}):
            with all_threads(count):
                candidates, skipped = peers.gather(makers, objective)
                shape = f"{objective.count:,} points, {objective.start.size:,} weights"
                label = f"{name}, {shape}, {count} thread{'s' if count > 1 else ''}"
                measured = interleave(label, candidates, settings, skipped=skipped)
                yield tagged(measured, group, 1, objective.start.size)


def measure(plan: Plan) -> Iterator[Comparison]:
    """How long whole fits of logistic regression on real data take."""
    fits: list[Maker] = [
        (name, partial(_fit, name=name, solve=SOLVERS[solver])) for name, solver in FITS.items()
    ]
    yield from _compare(GROUP, [*fits, (LEARN, _learn)], plan.threads, plan.settings)


def measure_newton(plan: Plan) -> Iterator[Comparison]:
    """How long such fits take with Hessians, beside trust-exact and newton-cholesky."""
    fits: list[Maker] = [
        (name, partial(_fit, name=name, solve=SECOND_ORDER[solver]))
        for name, solver in CURVED_FITS.items()
    ]
    learn = partial(_learn, solver="newton-cholesky")
    settings = replace(plan.settings, rounds=min(plan.settings.rounds, 9), warm=0)
    yield from _compare(NEWTON_GROUP, [*fits, (LEARN, learn)], plan.threads, settings)
