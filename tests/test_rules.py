"""Every rule equals its NumPy twin bit for bit on every ISA; its bits depend on nothing else."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
import schuss
from cases import CASES, RULES, VARIANTS
from helpers import aligned, gradients, run_twin, same_bits, split
from schuss.optimizers.base import Coupled

LENGTHS = [*range(71), 4097, 70_001]
STEPS = 6

# Each is another path before the rule.
PREPARATIONS = {
    "plain": {},
    "scaled": {"grad_scale": 4.0, "maximize": True},
    "clipped": {"max_value": 0.5, "max_norm": 30.0},
    "decayed": {"weight_decay": 0.125},
}


def has_l2(case):
    """Whether its decay is an L2 term; any other decay is in the cases."""
    opt, own = case.make(), schuss._core.rules()[case.rule]["hyper"]
    return isinstance(opt, Coupled) and not opt.decoupled_weight_decay and "weight_decay" not in own


PAIRS = [
    (case, preparation)
    for case, preparation in itertools.product([*CASES, *VARIANTS], PREPARATIONS)
    if preparation != "decayed" or has_l2(case)
]


@pytest.mark.parametrize(("case", "preparation"), PAIRS, ids=lambda p: str(p))
def test_equals_twin(case, preparation, dtype, rng):
    settings = PREPARATIONS[preparation]
    # The slow twin sums all lengths again at each step for the norm: fewer of them there.
    lengths = [1, 15, 16, 17, 4097, 9001] if preparation == "clipped" else LENGTHS
    cuts = np.cumsum([0, *lengths])
    start = rng.standard_normal(cuts[-1]).astype(dtype)
    steps = [gradients(rng, cuts[-1], dtype) for _ in range(STEPS)]

    wanted, slots = run_twin(case, start, steps, cuts=cuts, **settings)
    assert not np.array_equal(wanted, start)

    for isa in schuss.config.available_isas():
        flat = start.copy()
        params = [flat[a:b] for a, b in itertools.pairwise(cuts)]
        opt = case.make(**settings)
        assert opt.rule == case.rule
        with schuss.config.use_isa(isa):
            for g in steps:
                opt.step(params, [g[a:b] for a, b in itertools.pairwise(cuts)])
        assert same_bits(flat, wanted), isa
        for name, slot in slots.items():
            found = np.concatenate([leaf[name] for leaf in opt.state])
            assert same_bits(found, slot), (isa, name)


def pieces_of(case):
    """Into how many tensors all elements may be cut: a rule with sums minds."""
    return (13,) if schuss._core.rules()[case.rule]["sums"] else (1, 13, 200)


@pytest.mark.parametrize("case", RULES, ids=str)
def test_one_hash(case, threads, rng):
    """ISA x threads x alignment x split, with clipping, so that the norm is in it: one hash."""
    n = 300_007
    start = rng.standard_normal(n).astype(np.float32)
    steps = [gradients(rng, n, np.float32) for _ in range(2)]
    hashes = set()
    ways = itertools.product(schuss.config.available_isas(), (1, 2, 3, 7))
    memory = list(itertools.product((0, 4, 16, 60), pieces_of(case)))
    for turn, (isa, n_threads) in enumerate(ways, RULES.index(case)):
        offset, pieces = memory[turn % len(memory)]
        flat, grad = aligned(n, np.float32, offset), aligned(n, np.float32, 64 - offset)
        flat[:] = start
        params, grads = split(flat, pieces), split(grad, pieces)
        threads(n_threads)
        with schuss.config.use_isa(isa):
            opt = case.make(max_norm=1.0)
            for g in steps:
                grad[:] = g
                opt.step(params, grads)
        digest = hashlib.sha256(flat.tobytes())
        for name in opt.state[0]:
            digest.update(np.concatenate([leaf[name] for leaf in opt.state]).tobytes())
        hashes.add(digest.hexdigest())
    assert len(hashes) == 1
    assert not np.array_equal(flat, start)


def test_nan_stays_out_of_states_without_decay(isa):
    """A NaN parameter reaches neither its neighbors nor, without L2 decay, its state."""
    p = np.ones(37, np.float32)
    p[20] = np.nan
    opt = schuss.Adam(grad_scale=2.0)
    opt.step(p, np.ones(37, np.float32))
    assert np.isnan(p).nonzero()[0].tolist() == [20]
    assert not np.isnan(opt.state["exp_avg"]).any()


def test_nan_gradient_propagates_through_every_rule(isa):
    for case in RULES:
        for common in ({}, {"max_value": 1.0}):
            p = np.ones(37)
            g = np.ones(37)
            g[11] = np.nan
            case.make(**common).step(p, g)
            spoiled = range(37) if schuss._core.rules()[case.rule]["sums"] else [11]
            assert np.isnan(p).nonzero()[0].tolist() == list(spoiled), case


def test_rprop_sees_signs_alone(dtype, rng):
    """Where products of gradients would be less than the smallest number, too."""
    smallest = np.finfo(dtype).smallest_subnormal
    signs = rng.choice(np.array([-1.0, 0.0, 1.0], dtype), (20, 37))
    points = []
    for size in (dtype(1.0), smallest):
        p = np.zeros(37, dtype)
        opt = schuss.Rprop()
        for g in signs * size:
            opt.step(p, g)
        points.append(p)
    assert same_bits(*points)
    assert len(np.unique(opt.state["step_size"])) > 3


def test_average_of_asgd(rng):
    """A copy up to step t0 + 2, then the mean of the points from there on."""
    p, points = rng.standard_normal(37), []
    opt = schuss.ASGD(learning_rate=0.1, lambd=0.2, t0=4.0, weight_decay=0.1)
    for t in range(1, 12):
        opt.step(p, rng.standard_normal(37))
        points.append(p.copy())
        wanted = p if t <= 6 else np.mean(points[5:], axis=0)
        np.testing.assert_allclose(opt.state["ax"], wanted, rtol=0, atol=0 if t <= 6 else 1e-15)


def test_rates_of_asgd():
    """The one of the first step is its own; each of the others follows from the step before."""
    rates = [0.5, 0.25, 1.0, 0.0]
    p, opt = np.zeros(1), schuss.ASGD(lambda t: rates[t], lambd=0.3)
    eta = 0.5
    for t, rate in enumerate(rates, start=1):
        before = p.copy()
        opt.step(p, np.ones(1))
        assert p[0] == pytest.approx(before[0] - eta * (1.0 + 0.3 * before[0]), rel=1e-14)
        eta = rate / (1.0 + 0.3 * rate * t) ** 0.75


def test_centered_rmsprop_never_takes_the_root_of_a_negative(dtype):
    """With a constant gradient the mean square and the squared mean meet, up to rounding."""
    p = np.linspace(1, 2, 97, dtype=dtype)
    g = np.linspace(0.1, 3, 97, dtype=dtype)
    opt = schuss.RMSprop(centered=True, learning_rate=1e-12)
    for _ in range(2000):
        opt.step(p, g)
    assert np.isfinite(p).all()
