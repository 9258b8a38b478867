"""Powell's damping: y becomes theta y + (1 - theta) B s, so that s.y is at least 0.2 s.B s."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import accepted, core_solver, log_cosh, wells


def test_by_hand():
    """B is at first the identity, d = -g = (1/2, 0), taken whole: s = d, s.B s = 1/4.

    y = (1/16, 1/4): s.y = 1/32 is an eighth of s.B s. theta = 0.8 (1/4) / (1/4 - 1/32) = 32/35, and

        theta y + (1 - theta) B s = (2/35 + 3/70, 8/35) = (1/10, 8/35),

    whose product with s is 1/20, a fifth of s.B s.
    """
    y = [1 / 16, 1 / 4]
    for damping, expected in ((True, [1 / 10, 8 / 35]), (False, y)):
        solver = core_solver("lbfgs", [0.0, 0.0], damping=damping)
        solver.tell(0.25, [-0.5, 0.0])
        solver.tell(0.05, [-0.5 + y[0], y[1]])
        assert solver.nit == 1
        s_held, y_held = solver.history()
        assert s_held.tolist() == [[0.5, 0]]
        np.testing.assert_allclose(y_held, [expected], rtol=1e-15)
        # With one pair H is gamma (I - rho s y') (I - rho y s') + rho s s'.
        s, y_used, g = np.array([0.5, 0]), np.array(expected), np.array([-0.5 + y[0], y[1]])
        rho = 1 / (s @ y_used)
        left = np.eye(2) - rho * np.outer(s, y_used)
        h = (s @ y_used) / (y_used @ y_used) * left @ left.T + rho * np.outer(s, s)
        np.testing.assert_allclose(solver.ask() - [0.5, 0], -h @ g, rtol=1e-13)


@pytest.mark.parametrize(("curvature", "damped"), [(0.21, False), (0.19, True), (-0.5, True)])
def test_the_limit(curvature, damped):
    """s.y of 0.2 s.B s is enough; maxls=1 takes the step though the slope has risen so little."""
    solver = core_solver("lbfgs", [0.0, 0.0], damping=True, maxls=1)
    solver.tell(0.25, [-0.5, 0.0])
    y = [curvature / 2, 0.25]  # s.y = curvature s.B s
    solver.tell(0.05, [-0.5 + y[0], y[1]])
    (s,), (held,) = solver.history()
    assert (np.abs(held - y).max() > 1e-15) == damped
    assert s @ held == pytest.approx(max(curvature, 0.2) / 4, rel=1e-14)


def test_steps_that_are_not_one():
    """B s is -a g where the step is a d: here a is not 1."""
    solver = core_solver("lbfgs", [0.0, 0.0], damping=True, c2=0.99)
    solver.tell(0.25, [-0.5, 0.0])
    solver.tell(0.35, [0.5, 0.0])  # too far
    x = solver.ask().copy()
    step = x[0] / 0.5
    assert 0.1 < step < 0.9
    y = np.array([0.015, 0.25])
    solver.tell(0.15, np.array([-0.5, 0]) + y)
    assert solver.nit == 1
    s_b_s, b_s = step**2 / 4, np.array([step / 2, 0])
    theta = 0.8 * s_b_s / (s_b_s - y @ x)
    assert theta < 0.99
    np.testing.assert_allclose(solver.history()[1], [theta * y + (1 - theta) * b_s], rtol=1e-13)


@pytest.mark.parametrize("n", [2, 33])
@pytest.mark.parametrize("maxls", [1, 2, 20])
def test_every_pair_has_enough_curvature(n, maxls):
    """What is learned from has s.y >= 0.2 s.B s, and is y itself where that was so already."""
    damped = pairs = 0
    for seed in range(8):
        start = 0.05 * np.random.default_rng(seed).standard_normal(n)
        solver = core_solver(
            "lbfgs", start, damping=True, maxls=maxls, c2=0.999, maxiter=30, history_size=40
        )
        last = None
        for x, _, g in accepted(solver, wells):
            if last and not solver.done:
                x_old, g_old, d = last
                s, y = (rows[-1] for rows in solver.history())
                assert np.abs(s - (x - x_old)).max() <= 2.3e-16 * np.abs(x).max()
                step = (s @ d) / (d @ d)  # as B d = -g, which a failed search may have made anew
                if np.abs(s - step * d).max() <= 1e-9 * np.abs(s).max():
                    b_s = -step * g_old
                    s_b_s, s_y = s @ b_s, s @ (g - g_old)
                    pairs += 1
                    assert s @ y >= 0.2 * s_b_s * (1 - 1e-9)
                    if s_y >= 0.2 * s_b_s * (1 + 1e-9):
                        assert (y == g - g_old).all()
                    else:
                        theta = 0.8 * s_b_s / (s_b_s - s_y)
                        wanted = theta * (g - g_old) + (1 - theta) * b_s
                        assert np.abs(y - wanted).max() <= 1e-8 * np.abs(wanted).max()
                        damped += 1
            if not solver.done:
                last = x, g, solver.ask() - x
    assert damped >= 8
    assert pairs >= 30


@pytest.mark.parametrize("function", [wells, log_cosh(9, seed=9)], ids=["wells", "convex"])
@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_nothing_is_damped_where_the_search_sees_to_it(method, function):
    """With c2 <= 0.8 s.y = a (slope_new - slope) >= (1 - c2) a |slope| >= 0.2 s.B s."""
    runs = []
    for damping in (False, True):
        start = np.cos(np.arange(9.0))
        solver = core_solver(method, start, damping=damping, c2=0.79, gtol=1e-9)
        runs.append([x.tolist() for x, *_ in accepted(solver, function)])
    assert runs[0] == runs[1]
    assert len(runs[0]) > 8
