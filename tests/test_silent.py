"""Training never fails silently: frozen parameters, overflow, precision, schedules, typos."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest
import schuss
from cases import RULES
from helpers import same_bits
from schuss import schedules

FROZEN = {"overrides": {"b": {"learning_rate": 0}}}
SIZES = {"a": 4090, "b": 5000, "c": 9001}


def model(rng, dtype=np.float32):
    return {name: rng.standard_normal(n).astype(dtype) for name, n in SIZES.items()}


# -- frozen parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e38])
@pytest.mark.parametrize("case", RULES, ids=str)
def test_a_frozen_parameter_keeps_its_bits_and_is_no_neighbor(case, bad, threads, rng):
    for n_threads, policy in ((1, "propagate"), (2, "skip"), (2, "raise")):
        threads(n_threads)
        settings = {"max_norm": 1.0, "nonfinite": policy, "weight_decay": 0.1}
        p, zeros = model(rng), np.zeros(SIZES["b"], np.float32)
        q, before = copy.deepcopy(p), p["b"].copy()
        frozen, other = case.make(**settings, **FROZEN), case.make(**settings)
        for _ in range(2):
            g = model(rng)
            frozen.step(p, {**g, "b": np.full(SIZES["b"], bad, np.float32)})
            other.step(q, {**g, "b": zeros})
        assert same_bits(p["b"], before)
        assert same_bits(p["a"], q["a"])
        assert same_bits(p["c"], q["c"])
        assert frozen.last_step == other.last_step
        for name, slot in frozen.state["b"].items():
            assert (slot == np.float32(frozen._fills().get(name, 0.0))).all()


def test_only_the_number_0_of_an_override_freezes():
    nan = np.full(3, np.nan)
    for settings in (
        {"learning_rate": 0.0},
        {"overrides": {"": {"learning_rate": lambda t: 0.0}}},
        {"overrides": {"*": {"learning_rate": 0.0}, "": {"learning_rate": 1.0}}},
    ):
        p = np.ones(3)
        schuss.SGD(**settings).step(p, nan)
        assert np.isnan(p).all()
    with pytest.raises(ValueError, match="shape"):
        schuss.SGD(overrides={"": {"learning_rate": 0.0}}).step(np.ones(3), np.ones(4))


# -- clipping --------------------------------------------------------------------------------------


def test_a_norm_within_the_limit_changes_no_bit():
    for norm in (5e-8, 1e-7):
        g = np.array([norm])
        assert schuss.clipping.clip_by_global_norm(g, 1e-7)[0] == norm
        p = np.zeros(1)
        opt = schuss.SGD(learning_rate=1.0, max_norm=1e-7)
        opt.step(p, g)
        assert p[0] == -norm
        assert opt.last_step.clip_factor == 1.0
    g = np.array([2e-7])
    assert schuss.clipping.clip_by_global_norm(g, 1e-7)[0] == 2e-7 * (1e-7 / (2e-7 + 1e-6))


# -- what does not fit the dtype -------------------------------------------------------------------


@pytest.mark.parametrize("case", RULES, ids=str)
def test_a_square_that_overflows_counts_as_not_finite(case, dtype):
    spike = dtype(1e25) if dtype is np.float32 else dtype(1e200)
    p, g = np.ones(3, dtype), np.array([1, spike, 1], dtype)
    plain = case.make()
    plain.step(p.copy(), g)
    overflows = any(np.isinf(slot).any() for slot in plain.state.values())
    checked = case.make(nonfinite="skip")
    checked.step(p, g)
    assert checked.last_step.skipped == overflows
    assert checked.last_step.nonfinite == overflows
    if overflows:
        assert (p == 1).all()
        with pytest.raises(FloatingPointError, match=r"1 gradient elements .* squares"):
            case.make(nonfinite="raise").step(p, g)
    for tamed in ({"max_norm": 1.0}, {"max_value": 1.0}, {"grad_scale": float(spike)}):
        opt = case.make(nonfinite="skip", **tamed)
        opt.step(p, g)
        assert not opt.last_step.skipped


def test_what_scaling_makes_infinite_counts_as_not_finite():
    p = np.ones(2)
    opt = schuss.SGD(grad_scale=1e-150, nonfinite="skip")
    opt.step(p, np.array([1e200, 1.0]))
    assert opt.last_step.nonfinite == 1
    assert (p == 1).all()


@pytest.mark.parametrize(
    ("settings", "made"),
    [
        ({"epsilon": 1e-50}, "makes 0"),
        ({"beta1": 1 - 1e-9}, "makes 1"),
        ({"learning_rate": 1e39}, "makes inf"),
        ({"learning_rate": 1e-50}, "makes 0"),
        ({"grad_scale": 1e50}, "makes 0 of its reciprocal"),
        ({"max_value": 1e-50}, "makes 0"),
    ],
)
def test_numbers_must_survive_float32(settings, made):
    (name,) = settings
    p = {"w": np.ones(2, np.float32)}
    g = {"w": np.array([0.0, 1.0], np.float32)}
    with pytest.raises(ValueError, match=rf"{name} is .*float32, .*params\['w'\], {made}"):
        schuss.Adam(**settings).step(p, g)
    assert (p["w"] == 1).all()
    opt = schuss.Adam()
    opt.step(p, g)
    before = getattr(opt, name)
    with pytest.raises(ValueError, match=name):
        setattr(opt, name, settings[name])
    assert getattr(opt, name) == before
    schuss.Adam(**settings).step(np.ones(2), np.ones(2))  # float64 holds them
    if name in ("epsilon", "beta1"):
        with pytest.raises(ValueError, match=rf"{name}\(0\)"):
            schuss.Adam(**{name: lambda t: settings[name]}).step(p, g)
        with pytest.raises(ValueError, match=rf"overrides\['w'\]\['{name}'\]"):
            schuss.Adam(overrides={"w": settings}).step(p, g)


def test_a_scheduled_rate_may_fade_to_0():
    p = np.ones(2, np.float32)
    schuss.Adam(learning_rate=lambda t: 1e-50).step(p, np.ones(2, np.float32))
    assert (p == 1).all()


# -- schedules with a state ------------------------------------------------------------------------


def reduced():
    plateau = schedules.ReduceOnPlateau(1.0, patience=0)
    plateau.update(1.0)
    plateau.update(2.0)
    return plateau


def fresh():
    return schedules.ReduceOnPlateau(1.0, patience=0)


@pytest.mark.parametrize("bound", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda s: schuss.SGD(s),
        lambda s: schuss.SGD(schedules.warmup(s, 1)),
        lambda s: schuss.SGD(schedules.join([0.5, s], [1])),
        lambda s: schuss.SGD(overrides={"*": {"learning_rate": s}}),
    ],
)
def test_the_state_of_a_schedule_travels(make, bound):
    p, g = np.zeros(2), np.ones(2)
    opt, plateau = make(reduced()), fresh()
    opt.step(p, g)
    other = make(plateau)
    if bound:
        other.step(p.copy(), g)
    other.load_state_dict(pickle.loads(pickle.dumps(opt.state_dict())))
    assert plateau.value == 0.1
    q = p.copy()
    opt.step(p, g)
    other.step(q, g)
    assert same_bits(p, q)


def test_schedules_that_do_not_fit_are_refused_or_warned_of():
    p = np.zeros(2)
    opt, plateau = schuss.SGD(reduced()), fresh()
    opt.step(p, np.ones(2))
    saved = opt.state_dict()
    with pytest.raises(ValueError, match="same schedules"):
        schuss.SGD(0.5).load_state_dict(saved)
    other = schuss.SGD(plateau)
    broken = {**saved, "schedules": {"learning_rate": {"value": 3.0}}}
    with pytest.raises(ValueError, match="does not fit"):
        other.load_state_dict(broken)
    assert other.step_count == 0
    first, second = fresh(), fresh()
    both = schuss.SGD(first, overrides={"*": {"weight_decay": second}})
    places = list(both.state_dict()["schedules"])
    states = dict(zip(places, [reduced().state_dict(), {"value": 3.0}], strict=True))
    with pytest.raises(ValueError, match="does not fit"):
        both.load_state_dict({**saved, "schedules": states})
    assert first.value == 1.0  # as before, though its own state would fit
    old = {k: v for k, v in saved.items() if k != "schedules"}
    with pytest.warns(UserWarning, match="no state of the schedules at"):
        other.load_state_dict(old)
    assert other.step_count == 1
    assert plateau.value == 1.0


# -- names -----------------------------------------------------------------------------------------


def test_misspelt_names_are_errors_that_name_the_nearest():
    opt = schuss.Adam(0.1)
    for name, near in (
        ("lr", "learning_rate"),
        ("weight_deacy", "weight_decay"),
        ("eps", "epsilon"),
    ):
        with pytest.raises(AttributeError, match=f"did you mean '{near}'"):
            setattr(opt, name, 0.5)
        with pytest.raises(AttributeError, match=name):
            getattr(opt, name)
        with pytest.raises(TypeError, match=f"did you mean '{near}'"):
            schuss.Adam(**{name: 0.5})
    with pytest.raises(TypeError, match="did you mean 'beta1' and 'beta2'"):
        schuss.Adam(betas=(0.9, 0.99))
    with pytest.raises(AttributeError, match="gtol"):
        schuss.LBFGS(np.ones(2)).gtol = 1.0
    with pytest.raises(AttributeError, match="patience"):
        fresh().pateince = 3


@pytest.mark.parametrize("params", [[np.ones(3)], {"w": np.ones(3)}, np.ones(3), iter([1])])
def test_parameters_first_is_told_where_they_go(params):
    with pytest.raises(TypeError, match=r"step\(params, grads\)"):
        schuss.AdamW(params, lr=0.1)


# -- threads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduled", [False, True])
def test_states_beside_a_step_are_whole_or_refused(scheduled, threads):
    """With gradients of 1 a buffer has one value between steps, which follows the count."""
    threads(1)
    n = 300_000
    rate = schedules.constant(0.1) if scheduled else 0.1
    opt = schuss.SGD(rate, momentum=0.5)
    p, g = np.zeros(n, np.float32), np.ones(n, np.float32)
    opt.step(p, g)
    saved = opt.state_dict()
    stop, failed = threading.Event(), []

    def work():
        try:
            while not stop.is_set():
                opt.step(p, g)
        except Exception as error:
            failed.append(error)

    def check(step, buffer):
        assert (buffer == buffer[0]).all()
        assert buffer[0] == np.float32(2 - 0.5 ** (step - 1))

    def copied(other):
        check(other.step_count, other.state["momentum_buffer"])

    ways = [
        lambda: copied(copy.deepcopy(opt)),
        lambda: copied(pickle.loads(pickle.dumps(opt))),
        lambda: check((d := opt.state_dict())["step"], d["state"][""]["momentum_buffer"]),
        lambda: opt.load_state_dict(saved),
    ]
    worker = threading.Thread(target=work)
    worker.start()
    for k in range(200):
        try:
            ways[k % 4]()
        except RuntimeError as error:
            failed.append(error)
    stop.set()
    worker.join()
    assert all(isinstance(e, RuntimeError) and "thread" in str(e) for e in failed)
    check(opt.step_count, opt.state["momentum_buffer"])
