"""SR1: its matrix is that of the textbook's update, and so is when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import core_solver, log_cosh, norm

F = 0.25  # of which comes a radius of 1/2


def begin():
    """At x = (1/2, 0), where g = (-1/4, 1/4) and B = I/2.

    At (0, 0), where g = (-1/2, 0), the radius is |f| / |g| = 1/2, and B = |g| / (1/2) I, the
    identity: p = -g. The region then grows to 1. The first pair
    s = (1/2, 0), y = (1/4, 1/4) has s.y / s.s = 1/2, so that B = I/2 before the update;
    r = y - B s = (0, 1/4), and as r.s = 0 there is none. f falls by 1/8, exactly as expected.
    """
    solver = core_solver("sr1", [0.0, 0.0])
    solver.tell(F, [-0.5, 0.0])
    assert solver.matrix().tolist() == [[1, 0], [0, 1]]
    assert solver.ask().tolist() == [0.5, 0]
    solver.tell(F - 0.125, [-0.25, 0.25])
    assert solver.matrix().tolist() == [[0.5, 0], [0, 0.5]]
    # The minimum of the model is at p = -g / (1/2), within the radius.
    assert solver.ask().tolist() == [1, -0.5]
    return solver


def test_by_hand():
    """s = (1/2, -1/2), y = (3/4, 0): B s = (1/4, -1/4), r = (1/2, 1/4), r.s = 1/8, and

    B = I/2 + 8 [[1/4, 1/8], [1/8, 1/16]] = [[5/2, 1], [1, 1]].

    p = -B^-1 g = -2/3 (1 1/2 - 1/4, -1/2 + 5/8) = -(1/6, 1/12).
    """
    solver = begin()
    solver.tell(F - 0.2, [0.5, 0.25])
    assert solver.matrix().tolist() == [[2.5, 1], [1, 1]]
    assert solver.nit == 2
    np.testing.assert_allclose(solver.ask(), [5 / 6, -7 / 12], rtol=1e-15)


def test_negative_curvature_by_hand():
    """s = (1/2, -1/2), y = (1/2, 1/4): r = (1/4, 1/2), r.s = -1/8, and

    B = I/2 - 8 [[1/16, 1/8], [1/8, 1/4]] = [[0, -1], [-1, -3/2]],

    g = (1/4, 1/2) has g.B g < 0, so that p = -g / |g|, to the boundary at radius 1.
    """
    solver = begin()
    solver.tell(F - 0.2, [0.25, 0.5])
    assert solver.matrix().tolist() == [[0, -1], [-1, -1.5]]
    p = np.array([-0.25, -0.5]) / np.sqrt(0.3125)
    np.testing.assert_allclose(solver.ask(), [1 + p[0], -0.5 + p[1]], rtol=1e-15)


@pytest.mark.parametrize(("part", "skipped"), [(3e-9, True), (3e-8, False), (-3e-8, False)])
def test_updates_are_skipped_where_their_denominator_is_small(part, skipped):
    """r at almost a right angle to s; r.s = part |r| |s|, and 1e-8 is the limit."""
    solver = begin()
    s = np.array([0.5, -0.5])
    r = np.array([0.25, 0.25]) + part * s / 2
    solver.tell(F - 0.2, np.array([-0.25, 0.25]) + s / 2 + r)
    b = solver.matrix()
    assert (b.tolist() == [[0.5, 0], [0, 0.5]]) == skipped
    if not skipped:
        assert np.abs(b).max() > 1e6
        np.testing.assert_allclose(b @ s, s / 2 + r, rtol=0, atol=1e-15 * np.abs(b).max())


def test_the_first_step_goes_to_the_radius():
    solver = core_solver("sr1", [1.0, 2.0])
    solver.tell(10.0, [3.0, -4.0])
    r = 0.3 * np.sqrt(5)  # as 0.3 |x| is less than |f| / |g|
    np.testing.assert_allclose(solver.ask(), [1 - 0.6 * r, 2 + 0.8 * r], rtol=1e-15)


def length(solver, x):
    return norm(solver.ask() - np.array(x))


@pytest.mark.parametrize(("rise", "learned"), [(12.0, True), (13.0, False)])
def test_trials_that_were_far_off_teach_nothing(rise, learned):
    """1/8 was expected, so that 12.5 is a hundred times as much in the wrong direction."""
    solver = begin()
    solver.tell(F - 0.125 + rise, [0.5, 0.25])
    assert solver.matrix().tolist() == ([[2.5, 1], [1, 1]] if learned else [[0.5, 0], [0, 0.5]])
    assert solver.nit == 1
    # The region has shrunk to half of the step.
    assert length(solver, [0.5, 0]) == pytest.approx(np.sqrt(0.5) / 2, rel=1e-14)


@pytest.mark.parametrize(
    ("f", "g"), [(np.nan, [0.5, 0.25]), (np.inf, [0.5, 0.25]), (F - 0.2, [np.nan, 0.25])]
)
def test_trials_that_are_not_finite_teach_nothing(f, g):
    solver = begin()
    solver.tell(f, g)
    assert solver.nit == 1
    assert solver.matrix().tolist() == [[0.5, 0], [0, 0.5]]
    np.testing.assert_allclose(solver.ask(), [0.55, -0.05], rtol=1e-15)  # a tenth of the step


@pytest.mark.parametrize(
    ("decrease", "radius"),
    [(0.9, 2.0), (0.76, 2.0), (0.74, 1.0), (0.11, 1.0), (0.09, 0.5), (-1.0, 0.5)],
)
def test_the_radius_follows_the_ratio(decrease, radius):
    """At first g = (3, -4), and B puts the minimum of the model on the boundary: 2.5 r less."""
    r = 0.3 * np.sqrt(5)
    solver = core_solver("sr1", [1.0, 2.0])
    solver.tell(10.0, [3.0, -4.0])
    x = solver.ask() if decrease > 1e-4 else [1, 2]
    # y = s / 16 r, so that B = I / 16 r and the minimum of the model is far outside.
    solver.tell(10.0 - 2.5 * r * decrease, [3 - 0.0375, -4 + 0.05])
    assert solver.nit == (decrease > 1e-4)
    assert length(solver, x) == pytest.approx(radius * r, rel=1e-14)


def saddles(x):
    """The start is near a maximum in every direction."""
    coupling = np.roll(x, 1) - x
    f = float((x**4).sum() / 4 - (x * x).sum() / 2 + 0.1 * (coupling @ coupling) + 0.05 * x.sum())
    return f, x**3 - x + 0.05 + 0.2 * (2 * x - np.roll(x, 1) - np.roll(x, -1))


def check_run(solver, function):
    """Every matrix of a run is an update of the last, after trials that were not taken too."""
    counts = {"taken": 0, "not taken": 0, "skipped": 0, "indefinite": 0}
    scaled, last = False, None
    while not solver.done:
        x = solver.ask()
        f, g = function(x)
        before, iterations = solver.matrix(), solver.nit
        solver.tell(f, g)
        b = solver.matrix()
        assert (b == b.T).all()
        if last is None:
            last = x, f, g
            continue
        s, y = x - last[0], g - last[2]
        predicted = -(last[2] @ s + s @ before @ s / 2)
        ratio = (last[1] - f) / predicted
        same = (b == before).all()
        if not scaled and s @ y > 0:
            before = (s @ y) / (s @ s) * np.eye(s.size)
            same = np.abs(b - before).max() <= 1e-15 * np.abs(before).max()
            scaled = True
        s, y = s.astype(np.longdouble), y.astype(np.longdouble)
        r = y - before @ s
        size = norm(r) * norm(s)
        if same:
            counts["skipped"] += 1
            noise = 10 * 2.3e-16 * (norm(g) + norm(last[2]))
            assert abs(r @ s) <= 1.01e-8 * size or norm(r) <= 1.01 * noise or ratio < -99
        else:
            counts["taken" if solver.nit > iterations else "not taken"] += 1
            wanted = before + np.outer(r, r) / (r @ s)
            # The rounding errors of r = y - B s, blown up where r.s is small.
            error = 1e-15 * (norm(y) + np.abs(before).max() * norm(s)) / norm(r) * size / abs(r @ s)
            assert (
                np.abs(b - wanted).max()
                <= 4 * error * np.abs(wanted - before).max() + 1e-15 * np.abs(wanted).max()
            )
            assert norm(b @ s - y) <= 4 * error * norm(r) + 1e-14 * norm(y)
        counts["indefinite"] += bool(np.linalg.eigvalsh(b)[0] < 0)
        if solver.nit > iterations:
            last = x, f, g
    return counts


@pytest.mark.parametrize("n", [1, 2, 5, 63, 64, 65, 130])
@pytest.mark.parametrize("name", ["convex", "saddles"])
def test_each_matrix_is_the_update_of_the_last(name, n):
    rng = np.random.default_rng(n)
    function, start = log_cosh(n, seed=n), 3 * rng.standard_normal(n)
    if name == "saddles":
        function, start = saddles, 0.1 * rng.standard_normal(n)
    solver = core_solver("sr1", start, gtol=1e-8, maxfun=100)
    counts = check_run(solver, function)
    if n > 1:  # of one variable the first pair already knows the curvature of a parabola
        assert counts["taken"] >= 5
    if name == "saddles":
        assert solver.status == 0
        assert counts["indefinite"] >= 1
    if n >= 63:
        assert counts["not taken"] >= 5


def steihaug(b, g, radius):
    """The step of Nocedal and Wright 2006, algorithm 7.2, and why it ended."""
    p, r, d = np.zeros_like(g), g.copy(), -g
    while True:
        curvature = d @ b @ d
        longer = p + (r @ r) / curvature * d
        if curvature <= 0 or norm(longer) >= radius:
            roots = np.roots([d @ d, 2 * (p @ d), p @ p - radius**2])
            return p + roots.max() * d, "curvature" if curvature <= 0 else "radius"
        p, r_old = longer, r
        r = r + (r @ r) / curvature * (b @ d)
        if norm(r) <= min(0.1, norm(g) ** 0.5) * norm(g):
            return p, "minimum"
        d = (r @ r) / (r_old @ r_old) * d - r


@pytest.mark.parametrize("n", [1, 2, 4])
def test_trials_are_those_of_steihaug(n):
    reasons = []
    for seed, function in enumerate([log_cosh(n, seed=n), saddles] * 3):
        start = (0.1 if function is saddles else 3) * np.random.default_rng(seed).standard_normal(n)
        solver = core_solver("sr1", start)
        radius, grown, last, before = None, 0, None, None
        while not solver.done:
            x = solver.ask()
            f, g = function(x)
            iterations = solver.nit
            solver.tell(f, g)
            if solver.done:
                break
            if last is None:
                last = x, f, g
                radius = min(0.3 * norm(x), abs(f) / norm(g))
            else:
                s = x - last[0]
                predicted = -(last[2] @ s + s @ before @ s / 2)
                ratio = (last[1] - f) / predicted
                assert min(abs(ratio - part) for part in (0.1, 0.75, 0.9, 1.1)) > 1e-6
                grown *= abs(ratio - 1) < 0.1
                if ratio < 0.1:
                    radius = min(radius, norm(s)) / 2
                elif ratio > 0.75 and norm(s) > 0.8 * radius:
                    grown += 1
                    radius *= 2 ** (1 + max(0, grown - 3))
                assert (solver.nit > iterations) == (ratio > 1e-4)
                if solver.nit > iterations:
                    last = x, f, g
            before = solver.matrix()
            p, reason = steihaug(before, last[2], radius)
            assert norm(solver.ask() - last[0] - p) <= 1e-9 * norm(p)
            reasons.append(reason)
    assert len(set(reasons)) == 3


@pytest.mark.parametrize("seed", range(5))
def test_a_quadratic_is_learned_in_n_updates(seed):
    """Whatever the steps, as long as they are independent: no line search is exact here."""
    n = 6
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    a = q * np.logspace(0, 1, n) @ q.T

    def function(x):
        return float(x @ a @ x) / 2, a @ x

    solver = core_solver("sr1", 3 * rng.standard_normal(n), gtol=1e-12)
    errors, before = [], None
    while not solver.done and len(errors) <= n:
        solver.tell(*function(solver.ask()))
        b = solver.matrix()
        if before is not None and (b != before).any():
            errors.append(np.abs(b - a).max() / np.abs(a).max())
        before = b
    assert errors[n - 1] > 1e-3  # the first of these changes was that of the scale
    assert errors[n] < 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_saddles_are_left(seed):
    """From a point where the Hessian is negative definite to a minimum."""
    x0 = 0.05 * np.random.default_rng(seed).standard_normal(4)
    solver = core_solver("sr1", x0)
    while not solver.done:
        solver.tell(*saddles(solver.ask()))
    assert solver.status == 0
    x, g, _ = solver.best()
    assert np.abs(g).max() <= 1e-5
    neighbors = 0.2 * (np.roll(np.eye(4), 1, 0) + np.roll(np.eye(4), -1, 0))
    assert np.linalg.eigvalsh(np.diag(3 * x * x - 1 + 0.4) - neighbors)[0] > 0.1
