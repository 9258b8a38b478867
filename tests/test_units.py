"""Gradients clipped by units: the steps of the twin, whatever the axis, the layout, the threads."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import reference
import schuss
from cases import RULES
from helpers import Twin, gradients, layouts, same_bits, ways
from schuss import _core, clipping

SHAPES = [
    (),
    (1,),
    (0,),
    (7,),
    (5000,),
    (1, 1),
    (3, 5),
    (0, 4),
    (4, 0),
    (40, 300),
    (300, 40),
    (2, 5000),
    (5000, 2),
    (3, 4, 5),
    (2, 3, 4500),
    (2, 4500, 3),
    (1, 70, 1),
    (3, 2, 4, 5),
    (3, 1, 17, 9),
]


def axes(shape):
    return [None, *range(-len(shape), len(shape))] if len(shape) > 1 else [None, -1, 0]


def near_the_limit(rng, shape, dtype):
    """Units some of which are to be clipped at 0.1 of a parameter of normal numbers."""
    g = gradients(rng, int(np.prod(shape)), dtype).reshape(shape)
    size = np.float64(0.0)
    for axis, n in enumerate(shape):
        along = rng.integers(-2, 2, n).reshape([-1 if a == axis else 1 for a in range(len(shape))])
        size = size + along
    return np.asarray(np.clip(g, -10, 10) * 10.0**size).astype(dtype)


def assert_equal(p, opt_state, twin, slots):
    assert same_bits(p, twin.p)
    for name in slots:
        assert same_bits(opt_state[name], twin.slots[name]), name


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_axis_and_layout(shape, dtype, rng):
    start = rng.standard_normal(shape).astype(dtype)
    steps = [near_the_limit(rng, shape, dtype) for _ in range(3)]
    for axis in axes(shape):
        opt = schuss.Adam(0.1, agc=0.1, agc_axis=axis, agc_epsilon=0.5)
        twin = Twin(opt, start)
        for g in steps:
            twin.step(g)
        for k, p in enumerate(layouts(start)):
            opt = schuss.Adam(0.1, agc=0.1, agc_axis=axis, agc_epsilon=0.5)
            for g in steps:
                opt.step(p, layouts(g)[(k + 1) % 3])
            assert_equal(p, opt.state, twin, opt.state)
        if start.size > 10:
            unclipped = start.copy()
            schuss.SGD().step(unclipped, 100 * steps[0])
            clipped = start.copy()
            schuss.SGD(agc=0.1, agc_axis=axis).step(clipped, 100 * steps[0])
            assert not same_bits(clipped, unclipped)


@pytest.mark.parametrize("case", RULES, ids=str)
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"max_norm": 1.0, "max_value": 0.5, "grad_scale": 4.0, "maximize": True},
        {"weight_decay": 0.125},
        {"ema": 0.5, "max_norm": 3.0},
    ],
    ids=lambda more: "-".join(more),
)
def test_every_rule(case, more, dtype, rng):
    """Clipped after max_norm and max_value, before the decay; norms of parameters as they are."""
    settings = {**case.settings, **more, "agc": 0.02}
    params = [rng.standard_normal(shape).astype(dtype) for shape in ((30, 40), (9,), (4, 5, 6))]
    grads = [[near_the_limit(rng, p.shape, dtype) for p in params] for _ in range(3)]
    opt = type(case.make())(**settings)
    sums = bool(_core.rules()[opt.rule]["sums"])
    if sums:  # whose twin takes one row of elements: one unit
        settings["agc_axis"] = None
        opt = type(case.make())(**settings)
        params = [p.ravel() for p in params]
        grads = [[g.ravel() for g in step] for step in grads]
    offsets = np.cumsum([0, *(p.size for p in params)])
    twins = [Twin(opt, p, at) for p, at in zip(params, offsets, strict=False)]
    for step in grads:
        opt.step(params, step)
        factor = opt.last_step.clip_factor
        if "max_norm" in more:
            assert opt.last_step.grad_norm == clipping.global_norm(step) / opt.grad_scale
            assert factor < 1.0
        for twin, g in zip(twins, step, strict=True):
            twin.step(g, factor)
    for p, state, twin in zip(params, opt.state, twins, strict=True):
        assert_equal(p, state, twin, twin.slots)


@pytest.mark.parametrize("name", ["LAMB", "LARS"])
@pytest.mark.parametrize("axis", [None, -1, 0])
def test_rules_with_sums_see_clipped_gradients_of_a_matrix(name, axis, dtype, rng):
    """The states and the sums are those of gradients that were clipped beforehand."""
    start = rng.standard_normal((70, 90)).astype(dtype)
    steps = [near_the_limit(rng, start.shape, dtype) for _ in range(3)]
    opt, plain = (getattr(schuss, name)(**more) for more in ({"agc": 0.05, "agc_axis": axis}, {}))
    p, q = start.copy(), start.copy()
    for g in steps:
        opt.step(p, g)
        plain.step(q, reference.prepare(q, g, agc=0.05, agc_axis=axis))
    assert same_bits(p, q)
    for slot in opt.state:
        assert same_bits(opt.state[slot], plain.state[slot])


@pytest.mark.parametrize("name", ["Adam", "LAMB", "LARS"])
def test_one_hash(name, threads, rng):
    """ISA x threads x layout, with clipping by norm: one hash."""
    shapes = [(300, 700), (5000, 60), (9,), (40, 30, 50), (2, 3, 30_000)]
    start = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    steps = [[near_the_limit(rng, shape, np.float32) for shape in shapes] for _ in range(2)]
    for axis in (-1, 0, None):
        hashes = set()
        for k in range(3):
            for isa, n_threads in ways(k, (1, 2, 3)):
                threads(n_threads)
                with schuss.config.use_isa(isa):
                    params = [layouts(p)[k] for p in start]
                    opt = getattr(schuss, name)(agc=0.1, agc_axis=axis, max_norm=30.0)
                    for step in steps:
                        opt.step(params, [layouts(g)[(k + 1) % 3] for g in step])
                digest = hashlib.sha256()
                for p, state in zip(params, opt.state, strict=True):
                    digest.update(p.tobytes())
                    for slot in state.values():
                        digest.update(slot.tobytes())
                hashes.add(digest.hexdigest())
        assert len(hashes) == 1


def test_overrides(rng):
    """The usual exception: a head is not clipped; and another has a limit of its own."""
    start = {name: rng.standard_normal((6, 8)) for name in ("body", "head", "neck")}
    grads = {name: rng.standard_normal((6, 8)) for name in start}
    opt = schuss.SGD(
        1.0, agc=0.01, overrides={"head*": {"agc": None}, "neck": {"agc": 0.1, "agc_epsilon": 5.0}}
    )
    params = {name: p.copy() for name, p in start.items()}
    opt.step(params, grads)
    for name, settings in (
        ("body", {"agc": 0.01}),
        ("head", {}),
        ("neck", {"agc": 0.1, "agc_epsilon": 5.0}),
    ):
        alone = start[name].copy()
        schuss.SGD(1.0, **settings).step(alone, grads[name])
        assert same_bits(params[name], alone), name
    assert not same_bits(params["body"], start["body"] - grads["body"])
    assert same_bits(params["head"], start["head"] - grads["head"])


def test_assigned_later(rng):
    start, g = rng.standard_normal((6, 8)), rng.standard_normal((6, 8))
    p, q, opt = start.copy(), start.copy(), schuss.SGD(1.0)
    opt.step(p, g)
    for setting, value in (("agc", 0.01), ("agc_axis", 0), ("agc_epsilon", 100.0), ("agc", None)):
        setattr(opt, setting, value)
        q[...] = p
        opt.step(p, g)
        schuss.SGD(1.0, agc=opt.agc, agc_axis=opt.agc_axis, agc_epsilon=opt.agc_epsilon).step(q, g)
        assert same_bits(p, q), setting


def test_a_schedule_of_the_limit(rng):
    start, g = rng.standard_normal((6, 8)), rng.standard_normal((6, 8))
    p, q = start.copy(), start.copy()
    opt = schuss.SGD(1.0, agc=lambda t: 0.01 * (t + 1))
    for t in range(3):
        opt.step(p, g)
        schuss.SGD(1.0, agc=0.01 * (t + 1)).step(q, g)
    assert same_bits(p, q)


def test_absent_and_frozen_parameters(rng):
    params = [rng.standard_normal((6, 8)) for _ in range(3)]
    before = [p.copy() for p in params]
    opt = schuss.SGD(1.0, agc=0.01, overrides={"2": {"learning_rate": 0.0}})
    opt.step(params, [None, np.full((6, 8), 3.0), np.full((6, 8), np.nan)])
    assert same_bits(params[0], before[0])
    assert same_bits(params[2], before[2])
    schuss.SGD(1.0, agc=0.01).step(before[1], np.full((6, 8), 3.0))
    assert same_bits(params[1], before[1])


@pytest.mark.parametrize("axis", [2, -3, 31, -32])
def test_bad_axes(axis, rng):
    p, g = [np.ones(3), np.ones((2, 2))], [np.ones(3), np.ones((2, 2))]
    with pytest.raises(ValueError, match=rf"agc_axis is {axis}; an axis of every array .* has 2"):
        schuss.SGD(agc=0.01, agc_axis=axis).step(p, g)
    assert p[0].tolist() == [1.0] * 3
    opt = schuss.SGD(agc=0.01)
    opt.step(p, g)
    before = [a.copy() for a in p]
    opt.agc_axis = axis
    with pytest.raises(ValueError, match=f"agc_axis is {axis}"):
        opt.step(p, g)
    assert all(same_bits(a, b) for a, b in zip(p, before, strict=True))
    assert opt.step_count == 1
    opt.agc_axis = 0
    opt.step(p, g)
    assert opt.step_count == 2
    schuss.SGD(agc=0.01, agc_axis=axis).step(np.ones(3), np.ones(3))  # one unit all the same
    for settings in ({}, {"agc": 0.01, "overrides": {"1": {"agc": None}}}):  # not clipped
        schuss.SGD(agc_axis=axis, **settings).step(p, g)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_spoils_its_unit_alone(value):
    p, g = np.ones((3, 4)), np.ones((3, 4))
    g[1, 2] = value
    schuss.SGD(1.0, agc=0.01).step(p, g)
    assert np.isfinite(np.delete(p, 2, axis=1)).all()
    assert np.isnan(p[1, 2])
