"""The line search: the runs of Moré and Thuente, rounding, walls, and random functions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from schuss import _core
from solver_cases import function_1, function_2, function_3, yanai

EPSILON = 2.0**-52


def search(phi, first_step, c1, c2, max_evaluations=20, max_step=1e10):
    """The verdict, the step with its value and slope, and all steps tried."""
    value, slope = phi(0.0)
    line = _core.LineSearch(
        value=value,
        slope=slope,
        first_step=first_step,
        noise=4096 * EPSILON * abs(value),
        c1=c1,
        c2=c2,
        max_step=max_step,
        max_evaluations=max_evaluations,
    )
    steps, verdict = [], "continue"
    while verdict == "continue":
        steps.append(line.step)
        verdict = line.tell(*phi(steps[-1]))
    return verdict, (steps[-1], *phi(steps[-1])) if verdict == "accept" else line.best, steps


# Of each function c1, c2, and for a first step of 1e-3, 1e-1, 1e1 and 1e3 the evaluations and the
# step found: tables 1 to 6.
TABLES = {
    "1": (function_1, 0.001, 0.1, [(6, 1.4), (3, 1.4), (1, 10), (4, 37)]),
    "2": (function_2, 0.1, 0.1, [(12, 1.6), (8, 1.6), (8, 1.6), (11, 1.6)]),
    "3": (function_3, 0.1, 0.1, [(12, 1.0), (12, 1.0), (10, 1.0), (13, 1.0)]),
    "4": (yanai(0.001, 0.001), 0.001, 0.001, [(4, 0.08), (1, 0.10), (3, 0.35), (4, 0.83)]),
    "5": (yanai(0.01, 0.001), 0.001, 0.001, [(6, 0.075), (3, 0.078), (7, 0.073), (8, 0.076)]),
    "6": (yanai(0.001, 0.01), 0.001, 0.001, [(13, 0.93), (11, 0.93), (8, 0.92), (11, 0.92)]),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("row", range(4))
def test_the_runs_of_more_and_thuente(table, row):
    phi, c1, c2, rows = TABLES[table]
    evaluations, published = rows[row]
    verdict, (step, value, slope), steps = search(phi, 10.0 ** (2 * row - 3), c1, c2)
    start, start_slope = phi(0.0)
    assert verdict == "accept"
    assert value <= start + c1 * step * start_slope
    assert abs(slope) <= c2 * abs(start_slope)
    assert len(steps) <= evaluations
    assert step == pytest.approx(published, rel=0.07)  # one of them was printed as .08


def test_slopes_of_the_test_functions():
    """What is tested with must be right: slopes against differences of fourth order."""
    for phi, *_ in TABLES.values():
        for a in (0.003, 0.4, 0.9, 1.7, 12.0):
            h = 1e-5 * a
            values = [phi(a + k * h)[0] for k in (-2, -1, 1, 2)]
            difference = (8 * (values[2] - values[1]) - (values[3] - values[0])) / (12 * h)
            assert difference == pytest.approx(phi(a)[1], rel=1e-6, abs=1e-6)


def test_a_parabola_takes_its_minimum():
    """The second trial is the minimum of the parabola, whichever side the first was on."""
    for first_step in (0.01, 0.3, 2.9, 40.0):
        verdict, (step, *_), steps = search(
            lambda a: ((a - 3) ** 2 / 2, a - 3), first_step, 1e-4, 1e-3
        )
        assert verdict == "accept"
        assert step == pytest.approx(3, rel=1e-12)
        # Without a bracket a trial goes at most four times as far as the last.
        assert len(steps) <= 2 + max(0, math.ceil(math.log(3 / first_step, 5)))


# Rounding.


@pytest.mark.parametrize("minimum", [1e-3, 0.7, 30.0])
@pytest.mark.parametrize("first_step", [1e-2, 1.0, 100.0])
def test_slopes_go_on_where_values_end(minimum, first_step):
    """phi falls by less than the spacing of doubles near 1: all values are equal."""
    size = 1e-18 / minimum**2

    def phi(a):
        return 1.0 + size * (a - minimum) ** 2, 2 * size * (a - minimum)

    verdict, (step, _, slope), _ = search(phi, first_step, 1e-4, 0.1)
    assert verdict == "accept"
    start = phi(0.0)[1]
    assert abs(slope) <= 0.1 * abs(start)
    assert slope <= (2e-4 - 1) * start
    assert 0.9 * minimum <= step <= 1.1 * minimum


def test_rounding_does_not_pass_for_a_decrease():
    """Values that rise by more than rounding are not taken, however flat the slope is."""
    rise = 5000 * EPSILON  # the noise is 4096 of these

    def phi(a):
        return (1.0 + rise if a > 0 else 1.0), (1e-3 if a > 0 else -1e-2)

    verdict, (step, value, _), _ = search(phi, 1.0, 1e-4, 0.9)
    assert verdict == "no_decrease"
    assert (step, value) == (0, 1)
    rise = 4000 * EPSILON
    assert search(phi, 1.0, 1e-4, 0.9)[0] == "accept"


# Walls, and what has no minimum.


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("what", ["value", "slope"])
@pytest.mark.parametrize("wall", [5.0, 0.9, 3e-5])
def test_steps_that_are_not_finite_are_backed_out_of(bad, what, wall):
    """The search goes to a tenth, however often, and never past the wall that it has seen."""

    def phi(a):
        value, slope = -math.log(5 + wall - a) - a if a < wall else 0.0, -1 + 1 / (5 + wall - a)
        if a < wall:
            return value, slope
        return (bad, slope) if what == "value" else (value, bad)

    verdict, (step, value, _), steps = search(phi, 16.0, 1e-4, 0.5)
    # f falls right to the wall, so that no step is good; they come as near as it takes.
    assert verdict in ("accept", "imperfect")
    assert value < phi(0.0)[0]
    bad_steps = [a for a in steps if a >= wall]
    assert bad_steps[0] == 16
    assert steps[1] == pytest.approx(1.6)
    lowest = math.inf
    for a in steps:
        assert 0 < a < lowest
        if a >= wall:
            lowest = a
    assert step >= wall / 20


def test_steps_that_are_not_finite_do_not_count():
    def phi(a):
        return ((a - 1e-7) ** 2, 2 * (a - 1e-7)) if a < 1e-5 else (math.nan, 0.0)

    verdict, (step, *_), steps = search(phi, 1.0, 1e-4, 0.1, max_evaluations=3)
    assert verdict == "accept"
    assert step == pytest.approx(1e-7)
    assert len(steps) > 6


def test_nothing_is_finite():
    verdict, best, steps = search(
        lambda a: (0.0, -1.0) if a == 0 else (math.nan, math.nan), 1.0, 1e-4, 0.9
    )
    assert verdict == "no_decrease"
    assert best == (0, 0, -1)
    assert len(steps) == 41
    assert steps[-1] == pytest.approx(1e-40)


@pytest.mark.parametrize("max_step", [1e10, 50.0, 0.5])
def test_no_minimum(max_step):
    verdict, (step, *_), steps = search(lambda a: (-a, -1.0), 1.0, 1e-4, 0.9, max_step=max_step)
    assert verdict == "unbounded"
    assert step == max_step == steps[-1]
    assert len(steps) <= 18  # four times as far each time


def test_no_decrease():
    """The slope says down, f goes up."""
    verdict, best, steps = search(lambda a: (a, -1.0), 1.0, 1e-4, 0.9, max_evaluations=60)
    assert verdict == "no_decrease"
    assert best == (0, 0, -1)
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] < 1e-30


@pytest.mark.parametrize("most", [1, 2, 5])
def test_no_more_than_max_evaluations(most):
    """Narrow minimum: the best step so far is handed back, with a sufficient decrease."""

    def phi(a):
        return math.log(1e-12 + (a - math.pi) ** 2), 2 * (a - math.pi) / (
            1e-12 + (a - math.pi) ** 2
        )

    verdict, (step, value, slope), steps = search(phi, 1.0, 1e-4, 1e-3, max_evaluations=most)
    assert verdict == "imperfect"
    assert len(steps) == most
    assert value == min(phi(a)[0] for a in steps)
    assert (value, slope) == phi(step)


# Random functions.


@st.composite
def lines(draw):
    """A parabola with waves on it, bounded below and falling at 0."""
    count = draw(st.integers(0, 4))
    number = st.floats(-1, 1)
    waves = [
        (draw(number), 10 ** draw(st.floats(-1, 1.5)), math.pi * draw(number)) for _ in range(count)
    ]
    center, curvature = 3 * draw(number), 10 ** draw(st.floats(-2, 2))
    scale, level = 10 ** draw(st.floats(-8, 8)), 10 * draw(number)

    def phi(a):
        value = level + curvature * (a - center) ** 2 / 2
        slope = curvature * (a - center)
        for height, frequency, phase in waves:
            value += height * math.sin(frequency * a + phase)
            slope += height * frequency * math.cos(frequency * a + phase)
        return scale * value, scale * slope

    _, slope = phi(0.0)
    assume(abs(slope) > 1e-3 * scale)
    return phi if slope < 0 else lambda a: (phi(-a)[0], -phi(-a)[1])


@settings(max_examples=300)
@given(lines(), st.floats(-3, 3), st.floats(-4, -1), st.floats(0.01, 0.9))
def test_random_functions(phi, first, sufficient, c2):
    c1 = min(10**sufficient, 0.9 * c2)
    verdict, (step, value, slope), steps = search(phi, 10**first, c1, c2, max_evaluations=60)
    start, start_slope = phi(0.0)
    noise = 4096 * EPSILON * abs(start)
    assert verdict == "accept"
    assert step > 0
    assert step in steps
    assert abs(slope) <= c2 * abs(start_slope)
    if value > start + c1 * step * start_slope:
        assert abs(value - start) <= noise
        assert slope <= (2 * c1 - 1) * start_slope
    assert all(0 < a <= 1e10 for a in steps)


@settings(max_examples=100)
@given(lines(), st.floats(-3, 3), st.integers(-20, 20))
def test_scales_change_nothing(phi, first, exponent):
    """No threshold is absolute: f times a power of two, and a times one, give the same run."""
    f_scale, a_scale = 2.0**exponent, 4.0 ** (exponent // 4)  # so are square roots

    def scaled(a):
        value, slope = phi(a / a_scale)
        return f_scale * value, f_scale * slope / a_scale

    verdict, (step, *_), steps = search(phi, 10**first, 1e-4, 0.3)
    verdict_scaled, (step_scaled, *_), steps_scaled = search(scaled, a_scale * 10**first, 1e-4, 0.3)
    assert verdict == verdict_scaled
    assert np.array_equal(np.array(steps) * a_scale, steps_scaled)
    assert step * a_scale == step_scaled
