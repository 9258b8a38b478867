"""Parameters without a gradient take no part in a step, and no other parameter minds."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import schuss
from cases import CASES, RULES
from helpers import Twin, by_turns, gradients, same_bits
from schuss import _core

SHAPES = [(), (3,), (0,), (17, 5), (40, 9), (70, 3), (4097,), (9, 2, 50)]
STEPS = 6
SUMLESS = [case for case in CASES if not _core.rules()[case.rule]["sums"]]


def model(rng, dtype=np.float32):
    return by_turns([rng.standard_normal(shape).astype(dtype) for shape in SHAPES])


def copied(arrays):
    return [np.array(array, order="C") for array in arrays]


def steps_of_gradients(rng, dtype, steps=STEPS, some=0.6):
    """Gradients of each step, None for a random subset; a step without any among them."""
    for t in range(steps):
        present = rng.random(len(SHAPES)) < (some if t != 2 else 0.0)
        flat = [gradients(rng, math.prod(s), np.float32).reshape(s).astype(dtype) for s in SHAPES]
        yield [g if here else None for g, here in zip(flat, present, strict=True)]


def counts(opt):
    saved = opt.state_dict()
    return [saved["steps"].get(path, saved["step"]) for path in saved["state"]]


def assert_same(opt, params, alone, own):
    """One optimizer, and one for each parameter: bits, states, counts, carry."""
    saved = opt.state_dict()
    for k, (p, q, single) in enumerate(zip(params, own, alone, strict=True)):
        assert same_bits(p, q)
        assert counts(opt)[k] == single.step_count
        if single.step_count:
            there = single.state_dict()
            assert saved["carry"][f"{k}"] == there["carry"][""]
            for name, slot in saved["state"][f"{k}"].items():
                assert same_bits(slot, there["state"][""][name]), (k, name)


@pytest.mark.parametrize("case", SUMLESS, ids=str)
def test_bits_of_separate_optimizers(case, storage, rng):
    with np.errstate(over="ignore"):
        steps = list(steps_of_gradients(rng, storage))
    params = model(rng, storage)
    own, alone = copied(params), [case.make() for _ in params]
    opt = case.make()
    for t, grads in enumerate(steps):
        before = opt.step_count
        opt.step(params, grads)
        assert opt.step_count == before + (t != 2)
        for single, p, g in zip(alone, own, grads, strict=True):
            if g is not None:
                single.step(p, g)
    assert len(set(counts(opt))) > 1
    assert_same(opt, params, alone, own)


@pytest.mark.parametrize("case", RULES, ids=str)
def test_bits_of_separate_twins(case, dtype, rng):
    """Rules with sums too: a tensor's place in the grid is where it would be with all present."""
    params = model(rng, dtype)
    offsets = np.cumsum([0, *(p.size for p in params)])
    opt = case.make()
    twins = [Twin(opt, p.ravel(), offset) for p, offset in zip(params, offsets, strict=False)]
    for grads in steps_of_gradients(rng, dtype):
        opt.step(params, grads)
        for twin, g in zip(twins, grads, strict=True):
            if g is not None:
                twin.step(g.ravel())
    for p, twin, leaf in zip(params, twins, opt.state, strict=True):
        assert same_bits(p.ravel(), twin.p)
        for name, slot in leaf.items():
            assert same_bits(slot.ravel(), twin.slots[name])


@pytest.mark.parametrize("name", ["NAdam", "Adam", "SGD"])
def test_overrides_and_frozen_parameters(name, rng):
    of = {"1": {"learning_rate": 0.5}, "[34]": {"weight_decay": 0.25}, "5": {"learning_rate": 0.0}}
    cls = getattr(schuss, name)
    params = model(rng)
    opt = cls(overrides=of)
    alone = [
        cls(**(of["1"] if k == 1 else of["[34]"] if k in (3, 4) else {}))
        for k in range(len(params))
    ]
    own, frozen = copied(params), params[5].copy()
    for grads in steps_of_gradients(rng, np.float32):
        opt.step(params, grads)
        for k, (single, p, g) in enumerate(zip(alone, own, grads, strict=True)):
            if g is not None and k != 5:
                single.step(p, g)
    assert same_bits(params[5], frozen)
    assert not any(slot.any() for slot in opt.state[5].values())
    assert counts(opt)[5] == 0
    del params[5], own[5], alone[5]
    for p, q, single, count in zip(
        params, own, alone, [c for k, c in enumerate(counts(opt)) if k != 5], strict=True
    ):
        assert same_bits(p, q)
        assert count == single.step_count


def test_a_step_of_frozen_gradients_alone_counts_and_one_of_none_does_not():
    p = [np.ones(3), np.ones(2)]
    opt = schuss.Adam(overrides={"1": {"learning_rate": 0.0}})
    opt.step(p, [None, np.ones(2)])
    assert opt.step_count == 1
    opt.step(p, [None, None])
    assert opt.step_count == 1
    assert opt.last_step.step == 1
    assert (p[0] == 1.0).all()
    opt.step(p, [np.ones(3), None])
    assert counts(opt) == [1, 0]


def test_schedules_read_the_steps_of_the_optimizer(rng):
    asked = []

    def rate(t):
        asked.append(t)
        return 0.1 / (1 + t)

    params = [np.ones(3), np.ones(3)]
    opt = schuss.SGD(learning_rate=rate)
    g = np.ones(3)
    for grads in ([g, g], [None, None], [None, g], [g, None]):
        opt.step(params, grads)
    assert asked == [0, 1, 1, 2]
    np.testing.assert_allclose(params[0], 1.0 - 0.1 - 0.1 / 3, rtol=1e-15)
    np.testing.assert_allclose(params[1], 1.0 - 0.1 - 0.1 / 2, rtol=1e-15)


@pytest.mark.parametrize("case", RULES, ids=str)
def test_norms_take_what_is_absent_for_zeros(case, dtype, threads, rng):
    threads(3)
    sizes = [5000, 3, 100_000, 4096, 1, 8191]
    params = [rng.standard_normal(n).astype(dtype) for n in sizes]
    own, zeros = copied(params), [np.zeros_like(p) for p in params]
    opt = case.make(max_norm=0.5, grad_scale=2.0)
    twins = [
        Twin(opt, p, offset) for p, offset in zip(params, np.cumsum([0, *sizes]), strict=False)
    ]
    for absent in ({0, 4}, {2}, {1, 3, 5}, {5}, {0, 1, 2, 3, 4}):
        full = [rng.standard_normal(n).astype(dtype) for n in sizes]
        grads = [None if k in absent else g for k, g in enumerate(full)]
        dense = [z if g is None else g for z, g in zip(zeros, grads, strict=True)]
        norm = schuss.clipping.global_norm(dense) / 2.0
        opt.step(params, grads)
        assert opt.last_step.grad_norm == norm
        factor = opt.last_step.clip_factor
        assert factor == (0.5 / (norm + 1e-6) if norm > 0.5 else 1.0)
        if dtype == np.float64:  # the slow twin once
            for twin, g in zip(twins, grads, strict=True):
                if g is not None:
                    twin.step(g, factor)
    if dtype == np.float64:
        assert all(same_bits(p, twin.p) for p, twin in zip(params, twins, strict=True))
    assert not any(same_bits(p, q) for p, q in zip(params, own, strict=True))


@pytest.mark.parametrize("policy", ["skip", "raise"])
def test_finite_checks_see_what_is_present(policy):
    params = [np.ones(3), np.ones(3)]
    bad = np.array([1.0, np.nan, np.inf])
    opt = schuss.Adam(nonfinite=policy)
    opt.step(params, [np.ones(3), None])
    assert opt.last_step.nonfinite == 0
    before, counted = copied(params), counts(opt)
    if policy == "skip":
        opt.step(params, [None, bad])
        assert opt.last_step.skipped
        assert opt.last_step.nonfinite == 2
    else:
        with pytest.raises(FloatingPointError, match=r"2 gradient elements .* grads\['1'\]"):
            opt.step(params, [None, bad])
    assert counts(opt) == counted == [1, 0]
    assert all(same_bits(p, q) for p, q in zip(params, before, strict=True))
    params[1][:] = np.nan  # a parameter that takes no part
    opt.step(params, [np.ones(3), None])
    assert not opt.last_step.skipped
    assert counts(opt) == [2, 0]


def test_a_bad_gradient_in_an_array_of_the_step_before_is_not_seen():
    params, g = [np.ones(3), np.ones(3)], [np.ones(3), np.ones(3)]
    opt = schuss.Adam(nonfinite="raise", max_norm=1.0)
    opt.step(params, g)
    g[1][:] = np.nan
    opt.step(params, [g[0], None])
    assert opt.last_step.grad_norm == math.sqrt(3.0)


def test_two_sets_by_turns_with_new_arrays(rng):
    """Presence flips each step while addresses of gradients change, or stay, at random."""
    sizes = [3, 5000, 64, 1, 300]
    params = [rng.standard_normal(n) for n in sizes]
    own, alone = copied(params), [schuss.Adam() for _ in params]
    opt = schuss.Adam()
    kept, held = [rng.standard_normal(n) for n in sizes], []
    for t in range(40):
        grads = []
        for k, n in enumerate(sizes):
            if k % 2 == t % 2 and t % 7 != 6:
                grads.append(None)
            elif rng.random() < 0.5:
                kept[k][:] = rng.standard_normal(n)
                grads.append(kept[k])
            else:
                held.append(rng.standard_normal(n))
                grads.append(held[-1])
        opt.step(params, grads)
        for single, p, g in zip(alone, own, grads, strict=True):
            if g is not None:
                single.step(p, g)
    assert_same(opt, params, alone, own)


def test_none_stands_for_gradients_only():
    p = [np.ones(3), np.ones(3)]
    with pytest.raises(TypeError, match=r"params\['1'\]"):
        schuss.Adam().step([p[0], None], p)
    opt = schuss.Adam()
    opt.step(p, [np.ones(3), None])
    with pytest.raises(TypeError, match=r"params\['1'\]"):
        opt.step([p[0], None], [np.ones(3), None])
    assert counts(opt) == [1, 0]


def test_every_subset_of_three(rng):
    """Counts are those of who was there, for all orders of presence."""
    for order in itertools.permutations([(0,), (0, 1), (2,), ()]):
        params = [np.ones(2) for _ in range(3)]
        opt = schuss.NAdam()
        for present in order:
            opt.step(params, [np.ones(2) if k in present else None for k in range(3)])
        assert counts(opt) == [2, 1, 1]
        assert opt.step_count == 3
        assert same_bits(params[1], params[2])
        saved = opt.state_dict()
        assert saved["steps"] == {"0": 2, "1": 1, "2": 1}
        assert saved["carry"]["1"] == saved["carry"]["2"] != saved["carry"]["0"]
