"""L-BFGS in float32 on the problems of Moré, Garbow and Hillstrom."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import core_solver

from problems import more_garbow_hillstrom

# f at the start is above the largest float32.
OVERFLOW = "chebyquad n=8 x100"

# The gradient in float32 is not as small as 1e-3 anywhere near the minimum that float32 can tell;
# f is as low as it gets: as what SciPy 1.17 finds in float64 from the same start, the lower of the
# values of L-BFGS-B and BFGS where the largest element of the gradient is at most 1e-3.
ROUNDING = {
    "powell badly scaled": 3.76768e-18,
    "powell badly scaled x10": 4.17316e-09,
    "beale x100": 0.435538,
    "brown-dennis": 85822.2,
    "brown-dennis x10": 85822.2,
    "brown-dennis x100": 85822.2,
    "linear rank 1 n=50": 24.6269,
    "linear rank 1 with zeros n=50": 26.1269,
}
PROBLEMS = {p.name: p for p in more_garbow_hillstrom()}


def run(problem, **options):
    solver = core_solver("lbfgs", problem.start.astype(np.float32), gtol=1e-3, **options)
    while not solver.done:
        x = solver.ask()
        assert x.dtype == np.float32
        f, g = problem.value_and_gradient(x)
        assert g.dtype == np.float32
        solver.tell(float(f), g)
    return solver


@pytest.mark.parametrize("history_dtype", ["float32", "float64"])
# SciPy finds no such point on Meyer's.
@pytest.mark.parametrize("name", sorted(set(PROBLEMS) - {"meyer", "meyer x10", OVERFLOW}))
def test_what_scipy_solves_in_float64(name, history_dtype):
    problem = PROBLEMS[name]
    solver = run(problem, history_dtype=history_dtype)
    x, g, f = solver.best()
    assert x.dtype == g.dtype == np.float32
    assert (g == problem.gradient(x)).all()
    assert f == float(problem.fun(x))
    assert solver.nfev < 500
    if np.abs(g).max() <= 1e-3:
        assert solver.status == 0
    else:
        least = ROUNDING[name]
        assert solver.status in (0, 2)  # 2 where the gradient is not even as good as rounding
        assert f - least <= 1e-3 * abs(least) + 1e-6


def test_a_start_above_the_largest_float32():
    solver = run(PROBLEMS[OVERFLOW])
    assert (solver.status, solver.nfev) == (3, 1)
    assert "first point" in solver.message
