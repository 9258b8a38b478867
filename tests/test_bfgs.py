"""BFGS: its matrix is that of the textbook's update, step by step, and its directions are -H g."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import core_solver, log_cosh, norm, wells

# Tiles have 64 rows: less than one, one, one row more, and three.
SIZES = (1, 2, 5, 63, 64, 65, 130)


def solve(matrix, v):
    """matrix^-1 v, refined until it is as good as longdouble."""
    x = np.linalg.solve(matrix, v.astype(np.float64)).astype(np.longdouble)
    for _ in range(3):
        residual = v - matrix.astype(np.longdouble) @ x
        x += np.linalg.solve(matrix, residual.astype(np.float64))
    return x


def updated(h, s, y):
    """(I - rho s y') H (I - rho y s') + rho s s': Nocedal and Wright 2006, equation 6.17."""
    rho = 1 / (s @ y)
    left = h - rho * np.outer(s, y @ h)
    return left - rho * np.outer(left @ y, s) + rho * np.outer(s, s)


class Textbook:
    """H after each pair from H before it, in longdouble, and what was special about the pairs."""

    def __init__(self, n, damping=False):
        self.n, self.damping = n, damping
        self.ratios = []  # s.B s / s.y of each pair since H was last forgotten; 1 for the first
        self.before = None
        self.pairs = self.damped = self.restarts = 0
        self.cancelled = 0.0  # p.q over what is left of it, where the pair before is used

    def restart(self):
        self.ratios.clear()
        self.before = None
        self.restarts += 1

    def learn(self, h, s, y):
        """H from the H before."""
        s, y = s.astype(np.longdouble), y.astype(np.longdouble)
        b_s = solve(h, s)
        self.pairs += 1
        if self.damping and s @ y < 0.2 * (s @ b_s):
            theta = 0.8 * (s @ b_s) / (s @ b_s - s @ y)
            y = theta * y + (1 - theta) * b_s
            self.damped += 1
        if not self.ratios:
            self.ratios.append(1.0)
            h = max(h[0, 0], (s @ y) / (y @ y)) * np.eye(self.n, dtype=np.longdouble)
        else:
            ratio = (s @ b_s) / (s @ y)
            grows = len(self.ratios) < 2 * self.n
            self.ratios.append(float(ratio))
            h = h * (max(ratio, 1) if grows else 1)
        self.cancelled = 0.0
        if self.before and s @ b_s >= 0.9 * (s @ y):
            p, q = self.before
            p_y, q_s = p @ y, q @ s
            p_q, s_y = p @ q, s @ y
            p, q = p - p_y / s_y * s, q - q_s / s_y * y
            if abs(p_y - q_s) <= 0.5 * np.sqrt(p_q * s_y) and p @ q > 1e-3 * p_q:
                h = updated(h, p, q)
                self.cancelled = float(p_q / (p @ q))
        self.before = s, y
        return updated(h, s, y), s, y


def check_run(solver, function, textbook):
    """Every matrix and every direction of a run; the number of pairs."""
    last = None
    while not solver.done:
        x = solver.ask()
        f, g = function(x)
        before = solver.matrix()
        if last and (before != last[2]).any():  # the search failed, and H was forgotten
            length = min(0.3 * norm(last[0]), abs(last[3]) / norm(last[1]))
            wanted = length / norm(last[1]) * np.eye(x.size)
            np.testing.assert_allclose(before, wanted, rtol=1e-14, atol=0)
            textbook.restart()
        iterations = solver.nit
        solver.tell(f, g)
        h = solver.matrix()
        if solver.done or (last and solver.nit == iterations):
            continue  # the point that ends a run is not learned from
        assert (h == h.T).all()
        assert np.linalg.eigvalsh(h)[0] > 0
        if last:
            wanted, s, y = textbook.learn(before, x - last[0], g - last[1])
            # v = H y comes from differences of H g, so that a few digits may go: 3e-15 was seen.
            # s is the step times the direction, which is x - x_old but for the rounding of x.
            error = 1e-13 + 1e-15 * norm(np.abs(x) + np.abs(last[0])) / norm(s)
            assert np.abs(h - wanted).max() <= error * np.abs(wanted).max()
            assert norm(h @ y - s) <= error * norm(s) * np.linalg.cond(h) ** 0.5
        d = -(h.astype(np.longdouble) @ g)
        trial = solver.ask()
        # x + d is rounded when it is stored; the error of d itself is relative to d.
        error = np.maximum(np.abs(trial - x - d) - 2.3e-16 * np.abs(trial), 0)
        assert norm(error) <= 1e-13 * norm(d)
        last = x, g, h, f
    return textbook.pairs


@pytest.mark.parametrize("n", SIZES)
def test_each_matrix_is_the_update_of_the_last(n, isa):
    start = 3 * np.random.default_rng(n).standard_normal(n)
    solver = core_solver("bfgs", start, gtol=1e-6, maxiter=30)
    textbook = Textbook(n)
    pairs = check_run(solver, log_cosh(n, seed=n), textbook)
    assert pairs >= (2 if n == 1 else 7 if n == 2 else 15)


def quartic(x):
    """Flatter and flatter, so that H is always too small."""
    weights = 4.0 ** np.arange(x.size)
    return float(weights @ x**4), 4 * weights * x**3


@pytest.mark.parametrize("n", [2, 3])
def test_h_grows_in_the_first_2_n_updates(n):
    solver = core_solver("bfgs", np.linspace(2, 3, n), gtol=1e-9)
    textbook = Textbook(n)
    check_run(solver, quartic, textbook)
    early, late = textbook.ratios[1 : 2 * n], textbook.ratios[2 * n :]
    assert max(early) > 1.5
    assert sum(ratio > 1.1 for ratio in late) > 5  # and there was reason to go on


@pytest.mark.parametrize("n", [2, 65])
def test_damped_pairs(n):
    """Powell 1978: y becomes theta y + (1 - theta) B s, so that s.y is 0.2 s.B s.

    maxls=2 takes steps that fail the curvature condition, and has searches fail.
    """
    damped = restarts = 0
    for seed in range(15):
        start = 0.05 * np.random.default_rng(seed).standard_normal(n)
        solver = core_solver("bfgs", start, gtol=1e-6, maxiter=30, damping=True, c2=0.999, maxls=2)
        textbook = Textbook(n, damping=True)
        check_run(solver, wells, textbook)
        damped += textbook.damped
        restarts += textbook.restarts
    assert damped >= 5
    assert restarts >= 3


def test_by_hand():
    """Every number here is a short binary fraction, so that all results are exact.

    B is at first the identity, as |g| <= 1, so that d = -g = (1/2, 0) at x = (0, 0).

    At x = (1/2, 0), g = (-1/4, 1/4): s = (1/2, 0), y = (1/4, 1/4), s.y = y.y = 1/8, rho = 8, and H
    begins as the identity. I - rho s y' = [[0, -1], [0, 1]], and

        H = [[0, -1], [0, 1]] [[0, 0], [-1, 1]] + 8 [[1/4, 0], [0, 0]] = [[3, -1], [-1, 1]],

    d = -H g = (1, -1/2). At x = (3/2, -1/2), g = (0, 1/4): s = (1, -1/2), y = (1/4, 0), s.y = 1/4.
    With the pair before, p = (1/2, 0) and q = (1/4, 1/4), p.y = q.s = 1/8: f is quadratic over both
    steps, and H y = s, H q = p determine H in two dimensions,

        H = [[4, -2], [-2, 2]],

    d = -H g = (1/2, -1/2).
    """
    solver = core_solver("bfgs", [0.0, 0.0])
    assert solver.ask().tolist() == [0, 0]
    solver.tell(0.25, [-0.5, 0.0])
    assert solver.matrix().tolist() == [[1, 0], [0, 1]]
    assert solver.ask().tolist() == [0.5, 0]
    solver.tell(0.05, [-0.25, 0.25])
    assert solver.matrix().tolist() == [[3, -1], [-1, 1]]
    assert solver.ask().tolist() == [1.5, -0.5]
    solver.tell(-0.2, [0.0, 0.25])
    assert solver.matrix().tolist() == [[4, -2], [-2, 2]]
    assert solver.ask().tolist() == [2, -1]
    assert solver.nit == 2


@pytest.mark.parametrize("y", [[0.0, 0.0], [-0.125, 0.25], [1e-17, 1e-17]])
def test_pairs_without_curvature_are_left_out(y):
    """maxls=1 takes a step that fails the curvature condition: s.y is 0, negative, or rounding."""
    solver = core_solver("bfgs", [0.0, 0.0], maxls=1)
    for f, g in ((0.25, [-0.5, 0.0]), (0.05, [-0.25, 0.25])):
        solver.tell(f, g)
    h, x = solver.matrix(), solver.ask()
    g = np.array([-0.25, 0.25]) + y
    solver.tell(-0.35, g)
    assert solver.nit == 2
    assert (solver.matrix() == h).all()
    np.testing.assert_allclose(solver.ask(), x - h @ g, rtol=1e-15)
    # And it goes on learning: H may be updated in place of the one that was left out.
    s, x = solver.ask() - x, solver.ask()
    y = np.array([0.5, 0.125])
    solver.tell(-0.65, g + y)
    assert solver.nit == 3
    np.testing.assert_allclose(solver.matrix() @ y, s, rtol=1e-14)
