"""L-BFGS: its directions are those of the two loops, from the pairs that it should have."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from helpers import accepted, core_solver, log_cosh, norm

from problems.any_size import chained_rosenbrock, cragglvy


def two_loops(pairs, g, dtype):
    """Nocedal 1980; H0 is s.y / y.y of the newest pair."""
    pairs = [(s.astype(dtype), y.astype(dtype)) for s, y in pairs]
    q, alphas = g.astype(dtype), []
    for s, y in reversed(pairs):
        alphas.append((s @ q) / (s @ y))
        q = q - alphas[-1] * y
    s, y = pairs[-1]
    q = (s @ y) / (y @ y) * q
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        q = q + (alpha - (y @ q) / (s @ y)) * s
    return -q


# A direction of float64 is as good as sums of n products and triangles of m unknowns can be; 1e-14
# was seen. One of float32 is rounded at the end, each element by 2^-24 of itself at most.
CLOSE = {"float64": 1e-12, "float32": 1e-7}


def problem(name, n):
    """A function and a start; at 5000 without a dense matrix."""
    start = np.random.default_rng(n).standard_normal(n)
    if name == "chained rosenbrock":
        return chained_rosenbrock(n).value_and_gradient, start
    return (log_cosh(n, seed=n) if n < 1000 else cragglvy(n).value_and_gradient), start


@pytest.mark.parametrize("history_dtype", ["float64", "float32"])
@pytest.mark.parametrize("m", [1, 3, 10])
@pytest.mark.parametrize("n", [7, 50, 129, 5000])
@pytest.mark.parametrize("name", ["convex", "chained rosenbrock"])
def test_directions_are_those_of_the_two_loops(name, n, m, history_dtype):
    function, start = problem(name, n)
    solver = core_solver(
        "lbfgs", start, gtol=0.0, maxiter=36, history_size=m, history_dtype=history_dtype
    )
    pairs, learned, last = [], 0, None
    for x, _, g in accepted(solver, function):
        if solver.done or not last:
            last = x, g
            continue
        s, y = solver.history()
        pair = (x - last[0]).astype(history_dtype), (g - last[1]).astype(history_dtype)
        unsure = 2.3e-16 * norm(np.maximum(np.abs(x), np.abs(last[0])))
        if m > 1:  # s is the step times the direction: what it was before x was rounded
            assert norm(s[-1] - pair[0]) <= unsure + 2 * np.finfo(s.dtype).eps * norm(pair[0])
            pair, unsure = (s[-1].copy(), pair[1]), 0.0
        pairs = [*pairs, pair][-m:]
        learned += 1
        last = x, g
        # Of a full history the oldest pair is gone: its place holds the direction.
        held = pairs if learned < m else pairs[1:]
        assert s.shape == y.shape == (len(held), n)
        assert s.dtype == y.dtype == history_dtype
        for s_row, y_row, pair in zip(s, y, held, strict=True):
            assert (s_row == pair[0]).all()
            assert (y_row == pair[1]).all()
        trial = solver.ask()
        # x + d is rounded when it is stored; the error of d itself is relative to d.
        rounding = 2.3e-16 * np.abs(trial)
        for dtype in (np.longdouble, np.float64):
            d = two_loops(pairs, g, dtype)
            error = np.maximum(np.abs(trial - x.astype(np.longdouble) - d) - rounding, 0)
            assert norm(error) <= (CLOSE[history_dtype] + 10 * unsure / norm(pairs[-1][0])) * norm(
                d
            )
    assert learned >= 30


STEPS = [  # of f and g, for the two tests by hand
    (0.25, [-0.5, 0.0]),
    (0.05, [-0.25, 0.25]),
    (-0.2, [0.0, 0.25]),
]


@pytest.mark.parametrize(("m", "last"), [(10, [2.0, -1.125]), (1, [2.0, -2.0])])
def test_by_hand(m, last):
    """Every number here is a short binary fraction, so that all results are exact.

    H is at first the identity, as f = |g|^2, so that d = -g = (1/2, 0) at x = (0, 0).

    At x = (1/2, 0), g = (-1/4, 1/4): s1 = (1/2, 0), y1 = (1/4, 1/4), s1.y1 = y1.y1 = 1/8, rho = 8
    and gamma = 1. V = I - rho s1 y1' = [[0, -1], [0, 1]], and

        H = V V' + 8 s1 s1' = [[1, -1], [-1, 1]] + [[2, 0], [0, 0]] = [[3, -1], [-1, 1]],

    d = -H g = (1, -1/2). At x = (3/2, -1/2), g = (0, 1/4): s2 = (1, -1/2), y2 = (1/4, 0),
    s2.y2 = 1/4, rho = 4, y2.y2 = 1/16, gamma = 4. W = I - rho s2 y2' = [[0, 0], [1/2, 1]].
    With both pairs H is

        W (4 V V' + 8 s1 s1') W' + 4 s2 s2' = W [[6, -4], [-4, 4]] W' + [[4, -2], [-2, 1]]
                                            = [[0, 0], [0, 3/2]] + [[4, -2], [-2, 1]],

    d = -H g = (1/2, -5/8). With m = 1 it is

        4 W W' + 4 s2 s2' = [[0, 0], [0, 5]] + [[4, -2], [-2, 1]],

    d = (1/2, -3/2).
    """
    solver = core_solver("lbfgs", [0.0, 0.0], history_size=m)
    for expected, (f, g) in zip(([0, 0], [0.5, 0], [1.5, -0.5]), STEPS, strict=True):
        assert solver.ask().tolist() == expected
        solver.tell(f, g)
    assert solver.ask().tolist() == last
    assert solver.nit == 2
    s, y = solver.history()
    assert s.tolist() == ([[0.5, 0], [1, -0.5]] if m == 10 else [])
    assert y.tolist() == ([[0.25, 0.25], [0.25, 0]] if m == 10 else [])


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("m", [2, 5])
@pytest.mark.parametrize("y", [[0.0, 0.0], [-0.125, 0.25], [1e-17, 1e-17]])
def test_pairs_without_curvature_are_left_out(y, m, copied):
    """maxls=1 takes a step that fails the curvature condition: s.y is 0, negative, or rounding."""
    solver = core_solver("lbfgs", [0.0, 0.0], maxls=1, history_size=m)
    for f, g in STEPS:
        solver.tell(f, g)
    # Of two pairs at m = 2 the first is gone by now, whatever comes.
    pairs = [
        (np.array([0.5, 0.0]), np.array([0.25, 0.25])),
        (np.array([1.0, -0.5]), np.array([0.25, 0.0])),
    ][-(m - 1) :]
    if copied:  # what is known from before goes on to be used
        solver = pickle.loads(pickle.dumps(solver))
    x, g = solver.ask(), np.array([0.0, 0.25]) + y
    solver.tell(-0.65, g)
    assert solver.nit == 3
    s_held, y_held = solver.history()
    assert s_held.tolist() == [s.tolist() for s, _ in pairs]
    assert y_held.tolist() == [y.tolist() for _, y in pairs]
    np.testing.assert_allclose(solver.ask() - x, two_loops(pairs, g, float), rtol=1e-14, atol=1e-16)
    # The next good pair takes the place of the one that was left out.
    s, x = solver.ask() - x, solver.ask()
    change = 0.25 * s
    solver.tell(-0.95, g + change)
    assert solver.nit == 4
    pairs = [*pairs, (s, change)][-m:]
    d = two_loops(pairs, g + change, float)
    np.testing.assert_allclose(solver.ask() - x, d, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "gradient_descent"])
def test_the_first_step(method):
    """Along -g, as long as 0.3 |x| or |f| / |g|, whichever is less, in any units of x and f."""
    for x, f, g, length in (
        ([3.0, 4.0], 10.0, [3.0, -4.0], 1.5),
        ([3.0, 4.0], -5.0, [3.0, -4.0], 1.0),
        ([30.0, 40.0], 10.0, [30.0, -40.0], 0.2),
        ([0.0, 0.0], 10.0, [3.0, -4.0], 2.0),
        ([3.0, 4.0], 0.0, [3.0, -4.0], 1.5),
        ([0.0, 0.0], 0.0, [3.0, -4.0], 1.0),
        ([0.0, 0.0], 0.0, [0.3, -0.4], 0.5),
    ):
        for unit_x, unit_f in ((1.0, 1.0), (1e12, 1e-30), (1e-30, 1e50)):
            if f == 0.0 and x == [0.0, 0.0] and unit_x != 1.0:
                continue  # nothing says what the units are
            start, slopes = unit_x * np.array(x), unit_f / unit_x * np.array(g)
            solver = core_solver(method, start, gtol=0.0)
            solver.tell(unit_f * f, slopes)
            d = -length * unit_x * slopes / np.hypot(*slopes)
            np.testing.assert_allclose(solver.ask(), start + d, rtol=1e-13)


def test_a_long_memory_learns_a_quadratic():
    """With m >= n and searches that are nearly exact, conjugate directions end after n steps."""
    n = 8
    rng = np.random.default_rng(8)
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    a = q * np.logspace(0, 2, n) @ q.T

    def function(x):
        return float(x @ a @ x) / 2, a @ x

    solver = core_solver("lbfgs", rng.standard_normal(n), c2=1e-9, gtol=1e-7, history_size=n)
    taken = [norm(g) for _, _, g in accepted(solver, function)]
    assert solver.status == 0
    assert len(taken) == n + 1
    assert taken[-2] > 1e-3 * taken[0]
