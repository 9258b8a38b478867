"""Schedules: every value against its formula, written here a second time."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schuss import schedules
from schuss.schedules import (
    ReduceOnPlateau,
    constant,
    cosine,
    cosine_restarts,
    exponential,
    inverse_sqrt,
    join,
    linear,
    one_cycle,
    piecewise,
    polynomial,
    step_decay,
    warmup,
    warmup_stable_decay,
)

EVERY = [
    constant(0.3),
    linear(0.3, 100, 0.1),
    step_decay(0.3, 0.5, 7),
    exponential(0.3, 0.05),
    cosine(0.3, 100, 0.03),
    cosine_restarts(0.3, 5, 2, 0.01),
    polynomial(0.3, 100, 2.0, 0.01),
    inverse_sqrt(0.3, 10),
    piecewise([10, 30], [0.3, 0.2, 0.1]),
    one_cycle(0.3, 100),
    warmup_stable_decay(0.3, 100, 10, 20, 0.01),
    warmup(cosine(0.3, 100), 10),
    join([linear(0.3, 10), 0.2, cosine(0.1, 50)], [10, 20]),
]
NAMES = [type(schedule).__name__ for schedule in EVERY]
every = pytest.mark.parametrize("schedule", EVERY, ids=NAMES)

values = st.floats(0.0, 10.0)
counts = st.integers(1, 500)
times = st.integers(0, 1_000)


def close(value: float) -> object:
    return pytest.approx(value, rel=1e-13, abs=1e-14)


# What holds for all of them.


def test_the_table_has_every_schedule() -> None:
    assert {*NAMES, "ReduceOnPlateau", "Schedule"} == set(schedules.__all__)


@every
def test_value_is_a_python_float_for_every_step(schedule: schedules.Schedule) -> None:
    for t in [*range(130), 10**6, 2**62]:
        value = schedule(t)
        assert type(value) is float
        assert 0.0 <= value <= 0.3


@every
def test_numpy_integer_time_and_no_memory(schedule: schedules.Schedule) -> None:
    forward = [schedule(t) for t in range(130)]
    backward = [schedule(np.int64(t)) for t in reversed(range(130))]
    assert forward == backward[::-1]


@every
def test_copies_and_repr_give_the_same_schedule(schedule: schedules.Schedule) -> None:
    rebuilt = eval(repr(schedule), vars(schedules))
    for twin in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule), rebuilt):
        assert twin == schedule
        assert hash(twin) == hash(schedule)
        assert [twin(t) for t in range(130)] == [schedule(t) for t in range(130)]
    assert schedule != constant(7.0)


@every
def test_frozen(schedule: schedules.Schedule) -> None:
    name = next(iter(vars(schedule)))
    with pytest.raises(AttributeError):
        setattr(schedule, name, 0.5)


@every
def test_bad_time(schedule: schedules.Schedule) -> None:
    with pytest.raises(ValueError, match=r"t is -1; a whole number of at least 0 is wanted"):
        schedule(-1)
    with pytest.raises(ValueError, match=r"t is 1\.5; a whole number of at least 0 is wanted"):
        schedule(1.5)


@pytest.mark.parametrize(
    ("schedule", "end", "final"),
    [
        (linear(0.3, 100, 0.1), 100, 0.1),
        (cosine(0.3, 100, 0.03), 100, 0.03),
        (polynomial(0.3, 100, 3.0, 0.1), 100, 0.1),
        (piecewise([100], [0.3, 0.1]), 100, 0.1),
        (one_cycle(0.5, 100, 0.3, 5.0, 10.0), 100, 0.01),
        (warmup_stable_decay(0.3, 100, 10, 20, 0.1), 100, 0.1),
        (warmup(linear(0.3, 90, 0.1), 10), 100, 0.1),
        (join([0.3, linear(0.3, 50, 0.1)], [50]), 100, 0.1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_final_value_is_reached_at_the_end_and_held(
    schedule: schedules.Schedule, end: int, final: float
) -> None:
    assert schedule(end - 1) > final
    assert [schedule(t) for t in (end, end + 1, 10 * end, 10**300)] == [final] * 4


# Formulas.


@given(values, times)
def test_constant(value: float, t: int) -> None:
    assert constant(value)(t) == value


@given(values, counts, values, times)
def test_linear(initial: float, total: int, final: float, t: int) -> None:
    x = t / total if t < total else 1
    f = linear(initial, total, final)
    assert f(t) == close((1 - x) * initial + x * final)
    assert (f(0), f(total)) == (initial, final)


@given(values, st.floats(0.01, 1.0), counts, times)
def test_step_decay(initial: float, gamma: float, size: int, t: int) -> None:
    assert step_decay(initial, gamma, size)(t) == close(initial * gamma ** math.floor(t / size))


@given(values, st.floats(0.0, 1.0), times)
def test_exponential(initial: float, rate: float, t: int) -> None:
    assert exponential(initial, rate)(t) == close(initial * math.pow(math.e, -rate * t))


@given(values, counts, values, times)
def test_cosine(initial: float, total: int, minimum: float, t: int) -> None:
    u = min(t, total)
    expected = minimum + 0.5 * (initial - minimum) * (1 + math.cos(math.pi * u / total))
    f = cosine(initial, total, minimum)
    assert f(t) == close(expected)
    assert (f(0), f(total)) == (initial, minimum)


@given(values, st.integers(1, 50), st.integers(1, 4), values, times)
def test_cosine_restarts(initial: float, period: int, multiplier: int, low: float, t: int) -> None:
    lengths = [period * multiplier**k for k in range(1_001)]
    start = 0
    while start + lengths[0] <= t:
        start += lengths.pop(0)
    expected = low + 0.5 * (initial - low) * (1 + math.cos(math.pi * (t - start) / lengths[0]))
    assert cosine_restarts(initial, period, multiplier, low)(t) == close(expected)


def test_cosine_restarts_on_time_far_out() -> None:
    f = cosine_restarts(1.0, 3, 3)
    restart = sum(3 * 3**k for k in range(30))
    assert f(restart) == 1.0
    assert f(restart - 1) < 1e-20
    assert cosine_restarts(1.0, 7)(7 * 10**15) == 1.0


@given(values, counts, st.floats(0.1, 5.0), values, times)
def test_polynomial(initial: float, total: int, power: float, final: float, t: int) -> None:
    rest = 1 - min(t, total) / total
    f = polynomial(initial, total, power, final)
    assert f(t) == close(final + (initial - final) * math.pow(rest, power))
    assert (f(0), f(total)) == (initial, final)


@given(values, counts, times)
def test_inverse_sqrt(initial: float, timescale: int, t: int) -> None:
    expected = initial if t < timescale else initial * math.sqrt(timescale) / math.sqrt(t + 1)
    assert inverse_sqrt(initial, timescale)(t) == close(expected)


@given(st.lists(st.integers(1, 900), unique=True, max_size=6), times)
def test_piecewise(boundaries: list[int], t: int) -> None:
    boundaries.sort()
    pieces = [10.0 - k for k in range(len(boundaries) + 1)]
    expected = pieces[sum(boundary <= t for boundary in boundaries)]
    assert piecewise(boundaries, pieces)(t) == expected


def test_piecewise_takes_arrays() -> None:
    f = piecewise(np.array([2, 4]), np.array([0.5, 0.25, 0.125], np.float32))
    assert f == piecewise((2, 4), (0.5, 0.25, 0.125))


def test_one_cycle() -> None:
    f = one_cycle(0.5, 200, warmup_fraction=0.25, div_factor=10.0, final_div_factor=100.0)
    low, high, last = 0.05, 0.5, 0.0005
    for t in range(250):
        if t <= 50:
            expected = low + (high - low) * (1 - math.cos(math.pi * t / 50)) / 2
        else:
            u = min(t - 50, 150)
            expected = last + (high - last) * (1 + math.cos(math.pi * u / 150)) / 2
        assert f(t) == close(expected)
    assert (f(0), f(50), f(200)) == (0.05, 0.5, 0.0005)


def test_one_cycle_defaults_and_extreme_fractions() -> None:
    f = one_cycle(1.0, 10)
    assert (f(0), f(3), f(10)) == (1 / 25, 1.0, 1 / 25 / 1e4)
    assert one_cycle(1.0, 10, warmup_fraction=0.0)(0) == 1.0
    climb = one_cycle(1.0, 10, warmup_fraction=1.0)
    assert climb(9) > climb(8) > climb(0) == 1 / 25
    assert climb(10) == 1 / 25 / 1e4


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 60), values, values, times)
def test_warmup_stable_decay(
    climb: int, decay: int, stable: int, peak: float, final: float, t: int
) -> None:
    total = climb + stable + decay
    if t < climb:
        expected = peak * (t + 1) / climb
    elif t <= climb + stable and t < total:
        expected = peak
    elif t < total:
        expected = peak + (final - peak) * (t - climb - stable) / decay
    else:
        expected = final
    assert warmup_stable_decay(peak, total, climb, decay, final)(t) == close(expected)


@given(st.integers(0, 50), times)
def test_warmup_rises_to_the_first_value_and_then_runs_the_schedule(steps: int, t: int) -> None:
    f = linear(0.3, 400, 0.1)
    expected = 0.3 * (t + 1) / steps if t < steps else f(t - steps)
    assert warmup(f, steps)(t) == close(expected)


@pytest.mark.parametrize("steps", [0, 1, 100])
def test_warmup_reaches_the_peak_that_was_asked_for(steps: int) -> None:
    f = warmup(cosine(0.1, 900), steps)
    assert max(map(f, range(1_000))) == 0.1
    assert f(900 + steps) == 0.0


def test_warmup_of_a_value() -> None:
    f = warmup(0.5, 4)
    assert [f(t) for t in range(6)] == [0.125, 0.25, 0.375, 0.5, 0.5, 0.5]


def test_join_starts_each_clock_at_zero() -> None:
    seen: list[tuple[str, int]] = []
    pieces = [lambda t, k=k: seen.append((k, t)) or np.float32(0.5) for k in "abc"]
    f = join(pieces, [2, 5])
    assert {type(f(t)) for t in range(7)} == {float}
    assert seen == [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2), ("c", 0), ("c", 1)]


def test_arguments_become_plain_numbers() -> None:
    f = cosine(np.float32(0.5), np.int32(8), np.array(0.25))
    assert repr(f) == "cosine(initial=0.5, total_steps=8, minimum=0.25)"
    assert f == cosine(0.5, 8, 0.25)


# Arguments.

NAN, INF = math.nan, math.inf


BAD_VALUES = [
    (lambda: constant(NAN), "value is nan; a finite number is wanted"),
    (lambda: linear(INF, 1), "initial is inf; a finite number is wanted"),
    (lambda: linear(1, 0), "total_steps is 0; a whole number of at least 1 is wanted"),
    (lambda: linear(1, 5.5), r"total_steps is 5\.5; a whole number of at least 1 is wanted"),
    (lambda: linear(1, 5, NAN), "final is "),
    (lambda: step_decay(1, 0.0, 1), r"gamma is 0\.0; a number in \(0, 1\] is wanted"),
    (lambda: step_decay(1, 1.1, 1), "gamma is "),
    (lambda: step_decay(1, 0.1, 0), "step_size is "),
    (lambda: exponential(1, -0.1), r"rate is -0\.1; a finite number of at least 0 is wanted"),
    (lambda: exponential(1, INF), "rate is "),
    (lambda: cosine(1, -1), "total_steps is "),
    (lambda: cosine_restarts(1, 0), "period is "),
    (lambda: cosine_restarts(1, 1, 0), "multiplier is "),
    (lambda: polynomial(1, 1, 0.0), "power is .*; a finite number above 0"),
    (lambda: inverse_sqrt(1, 0), "timescale is "),
    (lambda: piecewise([3, 3], [1, 2, 3]), "boundaries is .*; numbers that increase"),
    (lambda: piecewise([0], [1, 2]), r"boundaries\[0\] is .*; a whole number of at least 1"),
    (lambda: piecewise([1], [1, NAN]), r"values\[1\] is .*; a finite number"),
    (lambda: piecewise([1], [1]), "values has 1 items beside 1 .*; one item more"),
    (lambda: one_cycle(1, 10, 1.5), r"warmup_fraction is .*; a number in \[0, 1"),
    (lambda: one_cycle(1, 10, div_factor=0), "div_factor is "),
    (lambda: one_cycle(1, 10, final_div_factor=-1), "final_div_factor is "),
    (lambda: warmup_stable_decay(1, 10, 6, 5), "is 6 . 5; at most total_steps, 10"),
    (lambda: warmup_stable_decay(1, 10, -1, 5), "warmup_steps is "),
    (lambda: warmup(1.0, -1), "warmup_steps is -1; a whole number of at least 0 is wanted"),
    (lambda: join([1.0], [5]), "schedules has .*; one item more"),
    (lambda: ReduceOnPlateau(NAN), "initial is "),
    (lambda: ReduceOnPlateau(1.0, factor=1.0), "factor is 1.0; a number between 0 and 1"),
    (lambda: ReduceOnPlateau(1.0, patience=-1), "patience is "),
    (lambda: ReduceOnPlateau(1.0, threshold=-1.0), "threshold is "),
    (lambda: ReduceOnPlateau(1.0, cooldown=-1), "cooldown is "),
    (lambda: ReduceOnPlateau(1.0, minimum=2.0), "minimum is .*; at most initial"),
    (lambda: ReduceOnPlateau(1.0, mode="up"), "mode is 'up'; 'min' or 'max'"),
    (lambda: ReduceOnPlateau(1.0, threshold_mode="x"), "threshold_mode is "),
]
BAD_TYPES = [
    (lambda: constant("0.1"), "value is '0.1'; a finite number is wanted"),
    (lambda: constant(None), "value is None; a finite number is wanted"),
    (lambda: constant(np.ones(2)), "value is .*; a finite number"),
    (lambda: piecewise(1, [1, 2]), "boundaries is 1; a sequence is wanted"),
    (lambda: warmup("cosine", 5), "schedule_or_value is "),
    (lambda: join([1.0, None], [5]), r"schedules\[1\] is "),
    (lambda: ReduceOnPlateau(1.0).update("low"), "metric is .*; a number"),
]


@pytest.mark.parametrize(
    ("make", "message", "error"),
    [*((*row, ValueError) for row in BAD_VALUES), *((*row, TypeError) for row in BAD_TYPES)],
)
def test_bad_arguments(make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


# ReduceOnPlateau.


def run(plateau: ReduceOnPlateau, metrics: list[float]) -> list[float]:
    result = []
    for t, metric in enumerate(metrics):
        plateau.update(metric)
        result.append(plateau(t))
    return result


def test_plateau_reduces_after_more_than_patience() -> None:
    plateau = ReduceOnPlateau(1.0, factor=0.5, patience=2)
    assert plateau(0) == 1.0
    assert run(plateau, [5, 5, 5, 5, 5, 5, 5]) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]


def test_plateau_improvement_resets_the_count() -> None:
    plateau = ReduceOnPlateau(1.0, factor=0.5, patience=1)
    assert run(plateau, [5, 6, 4, 5, 3, 4, 3]) == [1, 1, 1, 1, 1, 1, 0.5]
    assert plateau.best == 3


def test_plateau_compares_with_the_best_and_not_the_last() -> None:
    plateau = ReduceOnPlateau(1.0, factor=0.5, patience=2)
    assert run(plateau, [5, 9, 8, 7]) == [1, 1, 1, 0.5]


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "best", "worse", "better"),
    [
        ("min", "rel", 10.0, 9.1, 8.9),
        ("max", "rel", 10.0, 10.9, 11.1),
        ("min", "abs", 10.0, 9.95, 9.85),
        ("max", "abs", 10.0, 10.05, 10.15),
        # Negative metrics, where best (1 - threshold) would be worse than best:
        ("min", "rel", -10.0, -10.9, -11.1),
        ("max", "rel", -10.0, -9.1, -8.9),
    ],
)
def test_plateau_margin(
    mode: str, threshold_mode: str, best: float, worse: float, better: float
) -> None:
    plateau = ReduceOnPlateau(
        1.0,
        factor=0.5,
        patience=0,
        threshold=0.1,
        mode=mode,
        threshold_mode=threshold_mode,
    )
    assert run(plateau, [best, worse, better, best]) == [1, 0.5, 0.5, 0.25]
    assert plateau.best == better


def test_plateau_cooldown_is_not_counted() -> None:
    plateau = ReduceOnPlateau(1.0, factor=0.5, patience=0, cooldown=2)
    assert run(plateau, [5, 5, 5, 5, 5]) == [1, 0.5, 0.5, 0.5, 0.25]


def test_plateau_minimum() -> None:
    plateau = ReduceOnPlateau(1.0, factor=0.5, patience=0, minimum=0.3)
    assert run(plateau, [5, 5, 5, 5]) == [1, 0.5, 0.3, 0.3]


@pytest.mark.parametrize(("mode", "first"), [("min", math.inf), ("max", -math.inf)])
def test_plateau_survives_nan_and_infinity(mode: str, first: float) -> None:
    plateau = ReduceOnPlateau(1.0, factor=0.5, patience=0, mode=mode)
    assert run(plateau, [math.nan, first, 5.0, math.nan]) == [0.5, 0.25, 0.25, 0.125]
    assert plateau.best == 5.0


def test_plateau_takes_what_a_loss_is() -> None:
    plateau = ReduceOnPlateau(1.0)
    for loss in (np.float32(4.0), np.array(3.0), 2):
        plateau.update(loss)
    assert type(plateau.best) is float
    assert plateau.best == 2.0


METRICS = [5.0, 4.0, 4.5, 4.2, 4.1, 4.0, 4.0, 3.0, 3.5, 3.2, 3.1, 3.0, 3.0, 3.0]


@pytest.mark.parametrize("cut", range(len(METRICS)))
def test_plateau_continues_after_every_copy(cut: int) -> None:
    def make() -> ReduceOnPlateau:
        return ReduceOnPlateau(1.0, factor=0.5, patience=1, cooldown=2)

    expected = run(make(), METRICS)
    plateau, loaded = make(), make()
    run(plateau, METRICS[:cut])
    loaded.load_state_dict(plateau.state_dict())
    for twin in (pickle.loads(pickle.dumps(plateau)), copy.deepcopy(plateau), loaded, plateau):
        assert run(twin, METRICS[cut:]) == expected[cut:]
    assert expected[-1] == 0.125  # otherwise the cuts would prove little


def test_plateau_state_is_plain_and_refused_whole() -> None:
    plateau = ReduceOnPlateau(1.0, patience=0)
    run(plateau, [2.0, 3.0])
    state = plateau.state_dict()
    assert state == {"value": 0.1, "best": 2.0, "bad_updates": 0, "cooldown_left": 0}
    other = ReduceOnPlateau(1.0)
    with pytest.raises(ValueError, match=r"state has the keys .* are wanted"):
        other.load_state_dict({"value": 0.5})
    with pytest.raises(ValueError, match="cooldown_left is "):
        other.load_state_dict(state | {"cooldown_left": -1})
    assert other.state_dict() == ReduceOnPlateau(1.0).state_dict()


def test_plateau_inside_other_schedules() -> None:
    plateau = ReduceOnPlateau(1.0, factor=0.5, patience=0)
    f = warmup(plateau, 2)
    assert (f(0), f(1)) == (0.5, 1.0)
    run(plateau, [1.0, 1.0])
    assert (f(0), f(5)) == (0.25, 0.5)
    assert repr(plateau).startswith("ReduceOnPlateau(initial=1.0, factor=0.5, patience=0")
