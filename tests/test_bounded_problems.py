"""Every method on the problems with bounds: what it solves, how fast, and that it is as it says."""

from __future__ import annotations

from functools import cache

import pytest

from bench import required
from bench.bench_bounds import PEER, SMALL, SOLVERS, attempt
from bench.bench_profile import mean_ratio
from bench.results import Trial
from problems.bounded import LARGE, bounded_problems

PROBLEMS = {p.name: p for p in bounded_problems(SMALL)}
OURS = [name for name, (module, method) in SOLVERS.items() if module == "schuss"]

# Where values end, far above gtol, and the message says so.
ROUNDING = {
    "meyer, Gay's bounds",
    "meyer in a box",
    "diagonal quadratic 1e+06 n=50 in a box, start outside",
}


@cache
def run(solver, name):
    return attempt(*SOLVERS[solver], PROBLEMS[name])


def trial(solver):
    return Trial("", solver, tuple(run(solver, name) for name in PROBLEMS))


@pytest.mark.filterwarnings("ignore:hess")
@pytest.mark.parametrize("solver", OURS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_solved(solver, name):
    found = run(solver, name)
    assert not found.fault
    assert found.solved or name in ROUNDING


@pytest.mark.parametrize("name", PROBLEMS)
def test_gradient_descent_is_as_it_says(name):
    assert not attempt("schuss", "gradient_descent", PROBLEMS[name], 300).fault


@pytest.mark.parametrize(
    ("solver", "share", "evaluations"),
    [
        ("schuss L-BFGS", required.BOUNDS_SOLVED, required.BOUNDS_EVALUATIONS),
        ("schuss Newton", required.CURVED_SOLVED, required.CURVED_EVALUATIONS),
    ],
)
def test_as_much_as_lbfgsb_solves(solver, share, evaluations):
    pytest.importorskip("scipy.optimize")
    ours, peer = trial(solver), trial(PEER)
    assert len(peer.solved) >= 130
    assert not peer.solved - ours.solved
    assert len(ours.solved) >= share * len(PROBLEMS)
    assert mean_ratio(ours.costs, peer.costs) <= evaluations


@pytest.mark.parametrize("make", LARGE)
def test_large(make):
    problem = make()
    found = attempt("schuss", "lbfgs", problem)
    assert not found.fault
    assert found.solved or problem.name in ROUNDING
