"""What holds at every step of every run, on random functions."""

from __future__ import annotations

import numpy as np
from helpers import METHODS, accepted, core_solver, norm
from hypothesis import given, settings
from hypothesis import strategies as st

EPSILON = 2.0**-52


@st.composite
def quadratics(draw):
    """Convex, with a condition of up to 1e4, at any scale."""
    n = draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    scale = 10 ** draw(st.floats(-6, 6))
    a = q * (scale * np.logspace(0, draw(st.floats(0, 4)), n)) @ q.T
    center, level = rng.standard_normal(n), scale * draw(st.floats(-10, 10))

    def function(x):
        step = a @ (x - center)
        return float(step @ (x - center)) / 2 + level, step

    return function, 10 ** draw(st.floats(-2, 2)) * rng.standard_normal(n)


@st.composite
def smooth_functions(draw):
    """Not convex, bounded below: a bowl with waves in random directions."""
    n = draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    waves = draw(st.integers(1, 6))
    directions, phases = rng.standard_normal((waves, n)), rng.uniform(0, 6, waves)
    heights = draw(st.floats(0.01, 3)) * rng.standard_normal(waves)
    scale = 10 ** draw(st.floats(-6, 6))

    def function(x):
        angles = directions @ x + phases
        f = np.sqrt(1 + x @ x) + 0.05 * (x @ x) + heights @ np.sin(angles)
        g = x / np.sqrt(1 + x @ x) + 0.1 * x + (heights * np.cos(angles)) @ directions
        return scale * float(f), scale * g

    return function, 3 * rng.standard_normal(n)


functions = st.one_of(quadratics(), smooth_functions())
RELATIVE = 1e-6  # of the first gradient, where runs end: below it rounding decides


def started(method, function, start, **options):
    return core_solver(
        method,
        start,
        gtol=RELATIVE * float(np.abs(function(start)[1]).max()),
        maxiter=60,
        **options,
    )


@settings(max_examples=60)
@given(functions)
def test_bfgs_satisfies_the_secant_equation_and_stays_positive_definite(given_function):
    function, start = given_function
    solver = started("bfgs", function, start)
    last, reached = None, 0.0
    for x, _, g in accepted(solver, function):
        if last and not solver.done:
            h, s, y = solver.matrix(), x - last[0], g - last[1]
            assert np.linalg.eigvalsh(h)[0] > 0
            # H grows before its first updates, and terms of that size cancel, in -H g as well, of
            # which the next H y is made. A pair at a large angle blows rounding errors up.
            growth = max(s @ np.linalg.solve(last[2], s) / (s @ y), 1.0)
            before, reached = reached, np.abs(last[2]).max()
            if solver.nit <= 2 * len(x):
                reached *= growth
            sizes = np.abs(h).max() + reached + before, norm(g) + norm(last[1])
            rounding = 1e-13 * len(x) * sizes[0] * sizes[1] * norm(s) * norm(y) / (s @ y)
            # s is the step times the direction, which is x - x_old but for the rounding of x.
            assert norm(h @ y - s) <= rounding + EPSILON * norm(np.abs(x) + np.abs(last[0]))
        last = x, g, solver.matrix()


@settings(max_examples=60)
@given(functions)
def test_sr1_satisfies_the_secant_equation(given_function):
    """After every pair that it learns from, taken or not."""
    function, start = given_function
    solver = started("sr1", function, start)
    last, before = None, None
    while not solver.done:
        x, iterations = solver.ask(), solver.nit
        f, g = function(x)
        solver.tell(f, g)
        b = solver.matrix()
        if last:
            s, y = x - last[0], g - last[1]
            scale = (s @ y) / (s @ s)
            only_scaled = np.abs(b - scale * np.eye(x.size)).max() <= 1e-14 * abs(scale)
            if (b != before).any() and not only_scaled:
                # The largest element is as much larger than B s as r.s was small.
                largest = np.abs(b).max() + np.abs(before).max()
                assert norm(b @ s - y) <= 1e-13 * len(x) * largest * norm(s)
        if last is None or solver.nit > iterations:
            last = x, g
        before = b


@settings(max_examples=100)
@given(functions, st.sampled_from(["lbfgs", "bfgs", "gradient_descent"]), st.floats(0.05, 0.95))
def test_steps_satisfy_the_strong_wolfe_conditions(given_function, method, c2):
    """Or, where f changes by no more than rounding, the approximate ones.

    A point whose gradient is within gtol is taken whatever its slope.
    """
    function, start = given_function
    solver = started(method, function, start, c1=1e-3, c2=c2, maxls=40)
    last, lowest = None, np.inf
    for x, f, g in accepted(solver, function):
        if last and solver.status != 0:
            x_old, f_old, g_old = last
            s = x - x_old  # a d, but for the rounding of x
            slope_old, slope = g_old @ s, g @ s
            unsure = 8 * EPSILON * norm(np.maximum(np.abs(x), np.abs(x_old)))
            noise = 4096 * EPSILON * abs(lowest)
            assert slope_old < unsure * norm(g_old)
            assert abs(slope) <= c2 * abs(slope_old) + unsure * (norm(g) + norm(g_old))
            if f > f_old + 1e-3 * slope_old + unsure * norm(g_old):
                assert abs(f - f_old) <= noise
                assert slope <= (2e-3 - 1) * slope_old + unsure * (norm(g) + norm(g_old))
        last = x, f, g
        lowest = min(lowest, f)


@settings(max_examples=100)
@given(
    functions, st.sampled_from(METHODS), st.integers(1, 4), st.sampled_from(["float32", "float64"])
)
def test_f_falls(given_function, method, maxls, dtype):
    """No step raises f above the lowest so far by more than rounding, also in short searches."""
    function, start = given_function

    def rounded(x):
        f, g = function(x.astype(np.float64))
        return f, g.astype(dtype)

    solver = started(method, rounded, start.astype(dtype), maxls=maxls)
    noise = (16 if dtype == "float32" else 4096) * float(np.finfo(dtype).eps)
    lowest = np.inf
    for _, f, _ in accepted(solver, rounded):
        if lowest < np.inf:
            assert f <= lowest + noise * abs(lowest) * 1.001
        lowest = min(lowest, f)
    assert solver.best()[2] <= lowest + noise * abs(lowest) * 1.001


@settings(max_examples=100)
@given(functions, st.sampled_from(METHODS), st.integers(1, 200))
def test_a_power_of_two_times_f_changes_nothing(given_function, method, exponent):
    """No threshold is absolute, but that the first step is no longer than 1: all points are equal.

    f is scaled so that the gradient is above 1, where the first step has length 1, to the end.
    """
    function, start = given_function
    size = np.abs(function(start)[1]).max()
    base = 2.0 ** (24 - int(np.frexp(size)[1]))
    runs = []
    for scale in (base, base * 2.0**exponent):

        def scaled(x, scale=scale):
            f, g = function(x)
            return scale * f, scale * g

        solver = started(method, scaled, start)
        points = []
        while not solver.done:
            points.append(solver.ask().tolist())
            solver.tell(*scaled(solver.ask()))
        runs.append((points, solver.status, solver.nit))
    assert runs[0] == runs[1]
    assert runs[0][2] > 0
