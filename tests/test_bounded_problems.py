"""Every method on the problems with bounds: what it solves, how fast, and that it is as it says."""

from __future__ import annotations

from functools import cache

import pytest

from bench.bench_bounds import PEER, SMALL, SOLVERS, attempt
from bench.bench_profile import mean_ratio
from bench.results import Trial
from problems.bounded import LARGE, bounded_problems

PROBLEMS = {p.name: p for p in bounded_problems(SMALL)}

# Rounding x alone changes its gradient by more than 1e-5.
MEYER = "meyer, Gay's bounds"


@cache
def run(solver, name):
    return attempt(*SOLVERS[solver], PROBLEMS[name])


def trial(solver):
    return Trial("", solver, tuple(run(solver, name) for name in PROBLEMS))


@pytest.mark.parametrize("solver", ["schuss L-BFGS", "schuss BFGS", "schuss Newton"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_solved(solver, name):
    found = run(solver, name)
    assert not found.fault
    assert found.solved or name == MEYER


@pytest.mark.parametrize(("method", "most"), [("sr1", 2000), ("gradient_descent", 300)])
@pytest.mark.parametrize("name", PROBLEMS)
def test_no_fault(method, most, name):
    assert not attempt("schuss", method, PROBLEMS[name], most).fault


@pytest.mark.parametrize(
    ("solver", "share", "evaluations"),
    [("schuss L-BFGS", 0.99, 1.05), ("schuss Newton", 0.98, 0.65)],
)
def test_as_much_as_lbfgsb_solves(solver, share, evaluations):
    pytest.importorskip("scipy.optimize")
    ours, peer = trial(solver), trial(PEER)
    assert len(peer.solved) >= 130
    assert not peer.solved - ours.solved
    assert len(ours.solved) >= share * len(PROBLEMS)
    assert mean_ratio(ours.costs, peer.costs) <= evaluations


@pytest.mark.parametrize("make", LARGE, ids=lambda make: make().name)
def test_large(make):
    found = attempt("schuss", "lbfgs", make())
    assert found.solved
    assert not found.fault
