"""The optimizer API: structures, schedules, overrides, clipping, policies, checkpoints."""

from __future__ import annotations

import copy
import inspect
import itertools
import pickle

import numpy as np
import pytest
import schuss
from cases import CASES, RULES
from helpers import leaves, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from schuss import _core, schedules
from schuss.optimizers.settings import Fraction, NonNegative


def model(rng, dtype=np.float32):
    return {
        "layers": [
            {"w": rng.standard_normal((5, 3)).astype(dtype), "b": rng.standard_normal(3)},
            {"w": rng.standard_normal((3, 2)).astype(dtype), "b": rng.standard_normal(2)},
        ],
        "scale": (rng.standard_normal(()).astype(dtype), np.empty((0, 4), dtype)),
    }


def same_trees(a, b):
    return all(same_bits(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))


def slots_of(opt):
    return opt.state_dict()["state"]


def same_states(a, b):
    a, b = slots_of(a), slots_of(b)
    return a.keys() == b.keys() and all(
        same_bits(a[path][name], b[path][name]) for path in a for name in a[path]
    )


# -- structures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", RULES, ids=str)
def test_structure_equals_single_arrays(case, rng):
    params, grads = model(rng), model(rng)
    singles = copy.deepcopy(leaves(params))
    opt, single_opts = case.make(), [case.make() for _ in singles]
    for _ in range(3):
        opt.step(params, grads)
        for p, g, o in zip(singles, leaves(grads), single_opts, strict=True):
            o.step(p, g)
    assert same_trees(params, singles)
    assert opt.step_count == 3
    state = opt.state
    assert state.keys() == {"layers", "scale"}
    assert isinstance(state["scale"], tuple)
    assert state["layers"][0]["w"].keys() == single_opts[0].state.keys()
    for name, slot in state["layers"][0]["w"].items():
        assert same_bits(slot, single_opts[0].state[name])


def test_dict_order_does_not_matter(rng):
    p, g = model(rng), model(rng)
    q = {"scale": p["scale"], "layers": [dict(reversed(x.items())) for x in p["layers"]]}
    q = copy.deepcopy(q)
    a, b = schuss.Adam(), schuss.Adam()
    for _ in range(2):
        a.step(p, g)
    b.step(q, g)
    b.step(copy.copy(q), {k: g[k] for k in ("scale", "layers")})
    assert same_bits(p["layers"][1]["w"], q["layers"][1]["w"])
    assert same_bits(p["scale"][0], q["scale"][0])


def test_gradients_are_never_written(rng):
    for case in RULES:
        p, g = model(rng), model(rng)
        before = copy.deepcopy(g)
        case.make(max_norm=0.1, max_value=0.01, grad_scale=3.0, weight_decay=0.1).step(p, g)
        assert same_trees(g, before)


def test_state_is_live_and_of_the_shape_of_its_parameter(rng):
    p = np.asfortranarray(rng.standard_normal((4, 6)))
    opt = schuss.Adam()
    assert opt.state == {}
    opt.step(p, p.copy())
    m = opt.state["exp_avg"]
    assert m.shape == p.shape
    before = m.copy()
    opt.step(p, np.ones((4, 6)))
    assert not np.array_equal(m, before)
    np.testing.assert_allclose(m, 0.9 * before + 0.1)


def test_states_are_aligned_and_staggered():
    p = [np.zeros(100_003, np.float32) for _ in range(3)]
    opt = schuss.Adam()
    opt.step(p, [np.ones_like(x) for x in p])
    addresses = [a.ctypes.data for leaf in opt.state for a in leaf.values()]
    assert all(a % 64 == 0 for a in addresses)
    assert len({a % 4096 for a in addresses[:2]}) == 2


# -- hyperparameters -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=str)
def test_constant_schedule_equals_number(case, rng):
    numbers = case.make()
    constants = {
        name: schedules.constant(value)
        for name, value in numbers._constants().items()
        if type(value) is float  # no word, and not None
    }
    scheduled = case.make(**constants) if case.rule != "sgd" else case.make()
    if case.rule == "sgd":
        scheduled.learning_rate = schedules.constant(numbers.learning_rate)
    p = rng.standard_normal(33)
    q = p.copy()
    for _ in range(4):
        g = rng.standard_normal(33)
        numbers.step(p, g)
        scheduled.step(q, g)
    if case.rule in ("rmsprop", "rmsprop_centered"):  # a scheduled momentum has a buffer
        np.testing.assert_allclose(p, q, rtol=1e-14)
    else:
        assert same_bits(p, q)


def test_schedule_is_asked_for_the_steps_taken(rng):
    asked = []

    def rate(t):
        asked.append(t)
        return 0.5 / (t + 1)

    p = np.zeros(1)
    opt = schuss.SGD(learning_rate=rate)
    for _ in range(3):
        opt.step(p, np.ones(1))
    assert asked == [0, 1, 2]
    assert p[0] == -(0.5 + 0.25 + 0.5 / 3)
    assert opt.last_step.learning_rate == 0.5 / 3
    assert opt.learning_rate is rate


def test_hyperparameters_read_and_assign(rng):
    p = np.zeros(2)
    opt = schuss.SGD(learning_rate=0.5)
    opt.step(p, np.ones(2))
    opt.learning_rate = 0.25
    assert opt.learning_rate == 0.25
    opt.step(p, np.ones(2))
    assert p.tolist() == [-0.75, -0.75]
    opt.maximize = True
    opt.step(p, np.ones(2))
    assert p.tolist() == [-0.5, -0.5]
    opt.grad_scale = 2.0
    opt.step(p, np.ones(2))
    assert p.tolist() == [-0.375, -0.375]


def test_momentum_set_to_zero_keeps_its_buffer_but_not_the_other_way():
    p = np.zeros(1)
    opt = schuss.SGD(learning_rate=1.0, momentum=0.5)
    opt.step(p, np.ones(1))
    opt.momentum = 0.0
    opt.step(p, np.ones(1))
    assert p[0] == -2.0
    plain = schuss.SGD(learning_rate=1.0)
    plain.step(p, np.ones(1))
    plain.momentum = 0.5
    with pytest.raises(ValueError, match=r"reset\(\)"):
        plain.step(p, np.ones(1))
    plain.reset()
    plain.step(p, np.ones(1))


def test_overrides_by_path(rng):
    p, g = model(rng), model(rng)
    opt = schuss.AdamW(
        weight_decay=0.5,
        overrides={"*.b": {"weight_decay": 0.0}, "layers.1.*": {"learning_rate": 0.25}},
    )
    expected = copy.deepcopy(p)
    opt.step(p, g)
    settings_of = {
        ("layers", 0, "w"): {"weight_decay": 0.5},
        ("layers", 0, "b"): {"weight_decay": 0.0},
        ("layers", 1, "w"): {"weight_decay": 0.5, "learning_rate": 0.25},
        ("layers", 1, "b"): {"weight_decay": 0.0, "learning_rate": 0.25},
        ("scale", 0): {"weight_decay": 0.5},
    }
    for path, own in settings_of.items():
        q, d, now = expected, g, p
        for key in path:
            q, d, now = q[key], d[key], now[key]
        schuss.AdamW(**own).step(q, d)
        assert same_bits(q, now), path


def test_override_momentum_makes_buffers(rng):
    p, g = [np.zeros(1), np.zeros(1)], [np.ones(1), np.ones(1)]
    opt = schuss.SGD(learning_rate=1.0, overrides={"1": {"momentum": 0.5}})
    opt.step(p, g)
    opt.step(p, g)
    assert [x[0] for x in p] == [-2.0, -2.5]


def test_last_matching_override_wins():
    p = [np.zeros(1)]
    opt = schuss.SGD(overrides={"*": {"learning_rate": 1.0}, "0": {"learning_rate": 0.5}})
    opt.step(p, [np.ones(1)])
    assert p[0][0] == -0.5


def test_overrides_may_be_schedules():
    p = [np.zeros(1), np.zeros(1)]
    opt = schuss.SGD(learning_rate=1.0, overrides={"1": {"learning_rate": lambda t: float(t)}})
    for _ in range(3):
        opt.step(p, [np.ones(1), np.ones(1)])
    assert [x[0] for x in p] == [-3.0, -3.0]


def test_beta1_schedule_reaches_nadams_product(rng):
    """The product of momenta follows the values in force at each step, not the last one."""
    p = rng.standard_normal(5)
    q = p.copy()
    betas = [0.9, 0.8, 0.7]
    scheduled = schuss.NAdam(beta1=lambda t: betas[t])
    assigned = schuss.NAdam(beta1=0.9)
    for beta in betas:
        g = rng.standard_normal(5)
        assigned.beta1 = beta
        scheduled.step(p, g)
        assigned.step(q, g)
    assert same_bits(p, q)
    constant = schuss.NAdam(beta1=0.7)
    assert scheduled.state_dict()["carry"] != constant.state_dict()["carry"]


# -- clipping and policies -------------------------------------------------------------------------


@pytest.mark.parametrize("case", RULES, ids=str)
def test_clipping_equals_clip_then_step(case, rng):
    params, grads = [rng.standard_normal(n) for n in (5, 4097, 40)], []
    inside, outside = case.make(max_norm=0.7, max_value=0.02), case.make()
    copies = copy.deepcopy(params)
    for _ in range(3):
        grads = [rng.standard_normal(p.size) for p in params]
        inside.step(params, grads)
        clipped = schuss.clipping.clip_by_global_norm(grads, 0.7)
        outside.step(copies, schuss.clipping.clip_by_value(clipped, 0.02))
        assert inside.last_step.grad_norm == schuss.clipping.global_norm(grads)
        assert inside.last_step.clip_factor < 1.0
    assert same_trees(params, copies)


def test_no_clipping_below_the_norm(rng):
    p, g = rng.standard_normal(9), rng.standard_normal(9) * 1e-3
    q = p.copy()
    a, b = schuss.Adam(max_norm=1.0), schuss.Adam()
    a.step(p, g)
    b.step(q, g)
    assert same_bits(p, q)
    assert a.last_step.clip_factor == 1.0
    assert b.last_step.grad_norm is None
    assert b.last_step.nonfinite is None


def test_grad_scale_divides_before_clipping(rng):
    p, g = rng.standard_normal(9), rng.standard_normal(9)
    q = p.copy()
    a = schuss.SGD(max_norm=0.5, max_value=0.1, grad_scale=8.0)
    b = schuss.SGD(max_norm=0.5, max_value=0.1)
    a.step(p, g * 8.0)
    b.step(q, g)
    assert same_bits(p, q)
    assert a.last_step == b.last_step


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("case", RULES, ids=str)
def test_skip_changes_nothing(case, bad, rng):
    p, g = model(rng), model(rng)
    opt = case.make(nonfinite="skip")
    opt.step(p, g)
    assert not opt.last_step.skipped
    before, state = copy.deepcopy(p), opt.state_dict()
    broken = copy.deepcopy(g)
    broken["layers"][1]["b"][1] = bad
    opt.step(p, broken)
    assert opt.last_step.skipped
    assert opt.last_step.nonfinite == 1
    assert same_trees(p, before)
    assert opt.step_count == 1
    assert opt.state_dict()["carry"] == state["carry"]
    other = case.make(nonfinite="skip")
    other.load_state_dict(state)
    q = copy.deepcopy(before)
    opt.step(p, g)
    other.step(q, g)
    assert same_trees(p, q)
    assert same_states(opt, other)


def test_skip_of_a_first_step_then_goes_on(rng):
    p, g = rng.standard_normal(5), rng.standard_normal(5)
    q = p.copy()
    a, b = schuss.Adam(nonfinite="skip"), schuss.Adam()
    a.step(p, g * np.nan)
    a.step(p, g)
    b.step(q, g)
    assert same_bits(p, q)


@pytest.mark.parametrize("n", [5, 200_000])  # the GIL is released in long steps
def test_raise_names_the_array_and_writes_nothing(n, rng):
    p, g = {**model(rng), "z": np.ones(n)}, {**model(rng), "z": np.ones(n)}
    opt = schuss.NAdam(nonfinite="raise", max_norm=1.0)
    opt.step(p, g)
    before, state, info = copy.deepcopy(p), opt.state_dict(), opt.last_step
    g["layers"][0]["w"][2, 1] = np.nan
    g["z"][-1] = np.inf
    with pytest.raises(FloatingPointError, match=r"2 gradient elements .* grads\['layers\.0\.w'\]"):
        opt.step(p, g)
    assert same_trees(p, before)
    assert opt.step_count == 1
    assert opt.state_dict()["carry"] == state["carry"]
    assert opt.last_step == info


def test_a_finite_check_alone_never_clips():
    """Even where the norm itself is beyond all doubles."""
    p, q = np.ones(3), np.ones(3)
    g = np.array([1.5e308, 1.5e308, 0.0])
    checked = schuss.SGD(learning_rate=1e-308, nonfinite="skip")
    checked.step(p, g)
    schuss.SGD(learning_rate=1e-308).step(q, g)
    assert same_bits(p, q)
    assert checked.last_step.clip_factor == 1.0


def test_large_finite_gradients_are_not_taken_for_infinite():
    p, g = np.zeros(3), np.array([1e200, -1e200, 1e200])
    opt = schuss.SGD(nonfinite="raise", max_norm=1.0, learning_rate=1.0)
    opt.step(p, g)
    assert opt.last_step.nonfinite == 0
    np.testing.assert_allclose(opt.last_step.grad_norm, np.sqrt(3) * 1e200)
    np.testing.assert_allclose(np.abs(p), 1 / np.sqrt(3))


def test_zero_grad(rng):
    g = model(rng)
    schuss.Adam().zero_grad(g)
    assert not any(leaf.any() for leaf in leaves(g))
    frozen = np.ones(2)
    frozen.flags.writeable = False
    good = np.ones(2)
    with pytest.raises(ValueError, match="read-only"):
        schuss.Adam().zero_grad([good, frozen])
    with pytest.raises(TypeError, match="float"):
        schuss.Adam().zero_grad([good, 1.0])
    assert good.all()


# -- checkpoints -----------------------------------------------------------------------------------


def test_checkpoint_of_a_fortran_model_keeps_its_layout(rng):
    p = np.asfortranarray(rng.standard_normal((30, 20)))
    opt = schuss.Adam()
    opt.step(p, np.ones((30, 20)))
    other = pickle.loads(pickle.dumps(opt))
    assert other.state["exp_avg"].strides == opt.state["exp_avg"].strides == p.strides
    assert opt.state_dict()["state"][""]["exp_avg"].flags.c_contiguous


def test_state_dict_is_plain(rng):
    p = model(rng)
    opt = schuss.NAdam(learning_rate=schedules.constant(0.1))
    opt.step(p, model(rng))
    d = opt.state_dict()
    assert d["step"] == 1
    assert "learning_rate" not in d["hyperparameters"]
    assert d["hyperparameters"]["beta1"] == 0.9

    def plain(x):
        if isinstance(x, dict):
            return all(isinstance(k, str) and plain(v) for k, v in x.items())
        if isinstance(x, list):
            return all(map(plain, x))
        return x is None or type(x) in (int, float, str, np.ndarray)

    assert plain(d)


BREAKAGES = {
    "no dict": lambda d: [],
    "key": lambda d: {k: v for k, v in d.items() if k != "carry"},
    "optimizer": lambda d: {**d, "optimizer": "SGD"},
    "rule": lambda d: {**d, "rule": "amsgrad"},
    "step": lambda d: {**d, "step": -1},
    "step type": lambda d: {**d, "step": 1.5},
    "hyperparameter": lambda d: {**d, "hyperparameters": {"beta1": 2.0}},
    "unknown hyperparameter": lambda d: {**d, "hyperparameters": {"rho": 0.5}},
    "path": lambda d: {**d, "state": {"v": d["state"]["w"]}},
    "slot": lambda d: {**d, "state": {"w": {"exp_avg": d["state"]["w"]["exp_avg"]}}},
    "shape": lambda d: {
        **d,
        "state": {"w": {k: v[:2] for k, v in d["state"]["w"].items()}},
    },
    "dtype": lambda d: {
        **d,
        "state": {"w": {k: v.astype("f") for k, v in d["state"]["w"].items()}},
    },
    "carry": lambda d: {**d, "carry": []},
    "carry of a path": lambda d: {**d, "carry": {"w": [1.0]}},
    "carry type": lambda d: {**d, "carry": {"w": "x"}},
    "huge step": lambda d: {**d, "step": 10**30},
    "state type": lambda d: {**d, "state": {"w": 5}},
    "hyperparameters type": lambda d: {**d, "hyperparameters": []},
    "hyperparameter type": lambda d: {**d, "hyperparameters": {"beta1": "x"}},
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_broken_state_dict_is_refused_and_changes_nothing(breakage, rng):
    p = {"w": rng.standard_normal(3)}
    opt = schuss.Adam()
    opt.step(p, {"w": rng.standard_normal(3)})
    good = opt.state_dict()
    opt.step(p, {"w": rng.standard_normal(3)})
    reference = copy.deepcopy(opt)
    broken = BREAKAGES[breakage](copy.deepcopy(good))
    with pytest.raises(ValueError, match="state_dict"):
        opt.load_state_dict(broken)
    assert same_states(opt, reference)
    assert opt.step_count == 2
    assert opt.beta1 == 0.9


@pytest.mark.parametrize("breakage", ["state type", "hyperparameters type", "huge step", "rule"])
def test_broken_state_dict_is_refused_before_the_first_step_too(breakage):
    opt = schuss.Adam()
    opt.step({"w": np.zeros(3)}, {"w": np.ones(3)})
    fresh = schuss.Adam()
    with pytest.raises(ValueError, match="state_dict"):
        fresh.load_state_dict(BREAKAGES[breakage](opt.state_dict()))
    fresh.step([np.zeros(2)], [np.ones(2)])
    assert fresh.step_count == 1


def test_carry_follows_its_parameters_not_their_order(rng):
    settings = {"overrides": {"w": {"beta1": 0.5}, "b": {"beta1": 0.95}}}
    p = {"w": rng.standard_normal(3), "b": rng.standard_normal(3)}
    opt, other = schuss.NAdam(**settings), schuss.NAdam(**settings)
    for _ in range(3):
        opt.step(p, {"w": np.ones(3), "b": np.ones(3)})
    q = {"b": p["b"].copy(), "w": p["w"].copy()}
    other.load_state_dict(opt.state_dict())
    opt.step(p, {"w": np.ones(3), "b": np.ones(3)})
    other.step(q, {"w": np.ones(3), "b": np.ones(3)})
    assert same_bits(p["w"], q["w"])
    assert same_bits(p["b"], q["b"])


@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("bound", [False, True])
def test_checkpoint_after_momentum_was_set_to_zero(momentum, bound, rng):
    p, g = rng.standard_normal(4), rng.standard_normal(4)
    opt = schuss.SGD(momentum=0.9)
    opt.step(p, g)
    opt.momentum = 0.0
    opt.step(p, g)
    other = schuss.SGD(momentum=momentum)
    if bound and momentum:
        other.step(p.copy(), g)
    other.load_state_dict(opt.state_dict())
    q = p.copy()
    opt.step(p, g)
    other.step(q, g)
    assert same_bits(p, q)
    assert other.momentum == 0.0


def test_a_first_checkpoint_takes_an_optimizer_back_to_the_start(rng):
    p, g = rng.standard_normal(4), rng.standard_normal(4)
    opt = schuss.Adam(learning_rate=0.5)
    first, start = opt.state_dict(), p.copy()
    opt.step(p, g)
    opt.learning_rate = 0.1
    opt.load_state_dict(first)
    assert opt.step_count == 0
    q = start.copy()
    opt.step(q, g)
    assert same_bits(p, q)


def test_state_dict_of_a_loaded_optimizer_has_its_present_settings():
    opt = schuss.Adam()
    opt.step(np.zeros(2), np.ones(2))
    other = schuss.Adam()
    other.load_state_dict(opt.state_dict())
    other.learning_rate = 0.5
    assert other.state_dict()["hyperparameters"]["learning_rate"] == 0.5
    assert other.state_dict()["step"] == 1


def test_overrides_are_read_only():
    opt = schuss.Adam(overrides={"w": {"beta1": 0.5}})
    assert opt.overrides == {"w": {"beta1": 0.5}}
    with pytest.raises(AttributeError):
        opt.overrides = {}


def test_one_schedule_for_two_hyperparameters_is_asked_once():
    asked = []

    def half(t):
        asked.append(t)
        return 0.5

    opt = schuss.Adam(beta1=half, beta2=half, overrides={"0": {"beta1": half}})
    opt.step([np.zeros(2), np.zeros(2)], [np.ones(2), np.ones(2)])
    assert asked == [0]


def test_a_subclass_has_a_repr():
    class Mine(schuss.SGD):
        def __init__(self, warm=3, **rest):
            super().__init__(**rest)

    assert repr(Mine(momentum=0.5)).startswith("Mine(learning_rate=0.01, momentum=0.5, ")


def test_a_subclass_adds_arguments_by_fields():
    class Plain(schuss.Adam):
        pass

    class Mine(Plain):
        """Adam with a boost.

        Args:
            boost: at least 0.
        """

        beta1: Fraction = 0.5
        boost: NonNegative = 2.0

    assert inspect.signature(Plain) == inspect.signature(schuss.Adam)
    assert inspect.getdoc(Plain) == inspect.getdoc(schuss.Adam)
    names = list(inspect.signature(Mine).parameters)
    common = [*inspect.signature(schuss.Optimizer).parameters, "decoupled_weight_decay"]
    assert names == [*names[:6], "boost", *common]
    opt = Mine(boost=3)
    assert (opt.beta1, opt.boost, schuss.Adam().beta1) == (0.5, 3.0, 0.9)
    assert Mine.boost.__doc__ == "at least 0."
    assert "boost=3.0" in repr(opt)
    opt.step(np.zeros(2), np.ones(2))
    assert opt.state_dict()["hyperparameters"]["boost"] == 3.0
    with pytest.raises(ValueError, match="boost is -1"):
        opt.boost = -1
    with pytest.raises(TypeError, match="Mine has no argument 'bost'; did you mean 'boost'"):
        Mine(bost=1)


def test_a_pickle_from_before_an_argument_existed_has_its_default():
    opt = schuss.AdamW(0.1, maximize=True, overrides={"x": {"beta1": 0.5}})
    pickled = opt.__getstate__()
    del pickled["attributes"]["maximize"], pickled["attributes"]["amsgrad"]
    again = object.__new__(schuss.AdamW)
    again.__setstate__(pickled)
    assert (again.maximize, again.amsgrad, again.learning_rate) == (False, False, 0.1)
    assert again.overrides == opt.overrides


def test_pending_state_that_does_not_fit_is_refused_at_the_first_step(rng):
    opt = schuss.Adam()
    opt.step([np.zeros(3)], [np.ones(3)])
    other = schuss.Adam()
    other.load_state_dict(opt.state_dict())
    p = [np.zeros(4)]
    with pytest.raises(ValueError, match=r"shape \(4,\) is wanted"):
        other.step(p, [np.ones(4)])
    assert p[0].tolist() == [0.0] * 4
    other.step([np.zeros(3)], [np.ones(3)])
    assert other.step_count == 2


def test_reset_starts_afresh(rng):
    p, g = rng.standard_normal(4), rng.standard_normal(4)
    opt, fresh = schuss.Adam(), schuss.Adam()
    opt.step(rng.standard_normal((2, 2)), rng.standard_normal((2, 2)))
    opt.reset()
    assert opt.step_count == 0
    assert opt.last_step is None
    assert opt.state == {}
    q = p.copy()
    opt.step(p, g)
    fresh.step(q, g)
    assert same_bits(p, q)


def test_states_outlive_a_reset(rng):
    p = rng.standard_normal(100_000)
    opt = schuss.Adam()
    opt.step(p, np.ones_like(p))
    m = opt.state["exp_avg"]
    opt.reset()
    del opt
    np.testing.assert_allclose(m, 0.1)


def test_repr_can_be_read_back():
    opt = schuss.SGD(0.5, momentum=0.9, max_norm=2.0, overrides={"*b": {"weight_decay": 0.0}})
    assert repr(opt) == (
        "SGD(learning_rate=0.5, momentum=0.9, dampening=0.0, nesterov=False, lr_in_velocity=False, "
        "weight_decay=0.0, max_norm=2.0, overrides={'*b': {'weight_decay': 0.0}})"
    )
    assert repr(eval(repr(opt), vars(schuss))) == repr(opt)
    for case in CASES:
        assert repr(eval(repr(case.make()), vars(schuss))) == repr(case.make())


# -- splits ----------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    n=st.integers(0, 9000),
    cuts=st.lists(st.floats(0, 1), max_size=6),
    case=st.sampled_from([case for case in RULES if not _core.rules()[case.rule]["sums"]]),
    max_norm=st.sampled_from([None, 1e-3, 1e9]),
    seed=st.integers(0, 1000),
)
def test_split_tensors_equal_one(n, cuts, case, max_norm, seed):
    rng = np.random.default_rng(seed)
    p = rng.standard_normal(n).astype(np.float32)
    at = sorted({0, n, *(int(c * n) for c in cuts)})
    q = p.copy()
    pieces = [q[a:b] for a, b in itertools.pairwise(at)]
    one, many = case.make(max_norm=max_norm), case.make(max_norm=max_norm)
    for _ in range(2):
        g = rng.standard_normal(n).astype(np.float32)
        one.step(p, g)
        many.step(pieces, [g[a:b] for a, b in itertools.pairwise(at)])
    assert same_bits(p, q)
    assert one.last_step == many.last_step
