"""Averages of the parameters: the recursion bit for bit, and what lends them for evaluation."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import schuss
from cases import RULES
from helpers import by_turns, gradients, same_bits

SHAPES = [(), (3,), (0,), (17, 5), (70, 3), (5000,), (9, 2, 50)]


def compute(dtype):
    return np.float64 if dtype == np.float64 else np.float32


class Recursion:
    """e = keep e + (1 - keep) p by NumPy, beside an optimizer."""

    def __init__(self, params, keep):
        self.keep = keep
        self.averages = [np.array(p, compute(p.dtype)) for p in params]

    def take(self, params, present=None):
        for k, p in enumerate(params):
            if present is None or present[k]:
                f = compute(p.dtype)
                e, p = self.averages[k], np.asarray(p, f)
                self.averages[k] = f(self.keep) * e + f(1.0 - self.keep) * p

    def check(self, averages):
        for mine, wanted in zip(averages, self.averages, strict=True):
            assert same_bits(mine, wanted)


def model(rng, dtype=np.float32):
    return by_turns([rng.standard_normal(shape).astype(dtype) for shape in SHAPES])


def some_gradients(rng, dtype=np.float32):
    flat = [np.clip(gradients(rng, math.prod(s), np.float32), -9, 9) for s in SHAPES]
    return [g.reshape(s).astype(dtype) for g, s in zip(flat, SHAPES, strict=True)]


@pytest.mark.parametrize("keep", [0.999, 0.5, 0.0])
@pytest.mark.parametrize("case", RULES, ids=str)
def test_the_recursion(case, keep, storage, rng):
    """Of what the arrays hold after each step; and the steps do not mind."""
    params = model(rng, storage)
    plain = [p.copy() for p in params]
    opt, without = case.make(ema=keep), case.make()
    recursion = Recursion(params, keep)
    for _ in range(4):
        grads = some_gradients(rng, storage)
        opt.step(params, grads)
        without.step(plain, grads)
        recursion.take(params)
    recursion.check(opt.ema)
    assert all(same_bits(p, q) for p, q in zip(params, plain, strict=True))
    assert all(e.dtype == compute(storage) for e in opt.ema)
    assert (keep == 0.0) == same_bits(opt.ema[5], params[5].astype(compute(storage)))


def test_one_of_each_isa_and_thread(isa, threads, rng):
    start = rng.standard_normal(300_001).astype(np.float32)
    for n_threads in (1, 2, 3):
        threads(n_threads)
        p, opt = start.copy(), schuss.AdamW(ema=0.9)
        recursion = Recursion([p], 0.9)
        for _ in range(2):
            opt.step(p, rng.standard_normal(p.size).astype(np.float32))
            recursion.take([p])
        recursion.check([opt.ema])


def test_absent_frozen_and_skipped(rng):
    params = model(rng)
    start = [p.copy() for p in params]
    opt = schuss.Adam(ema=0.9, nonfinite="skip", overrides={"3": {"learning_rate": 0.0}})
    recursion = Recursion(params, 0.9)
    for t in range(8):
        grads = some_gradients(rng)
        present = rng.random(len(params)) < 0.6
        present[6] = t > 3  # absent at first: its average begins as the parameter was
        if t == 4:
            grads[5][7] = np.nan
            present[5] = True
        opt.step(params, [g if here else None for g, here in zip(grads, present, strict=True)])
        assert opt.last_step.skipped == (t == 4)
        present[3] = False
        if t != 4:
            recursion.take(params, present)
        recursion.check(opt.ema)
    assert same_bits(opt.ema[3], start[3])


def test_a_rate_of_0_from_a_schedule_is_no_frozen_one():
    p, opt = np.ones(3), schuss.SGD(learning_rate=lambda t: float(t == 0), ema=0.5)
    opt.step(p, np.ones(3))
    opt.step(p, np.ones(3))
    assert p.tolist() == [0.0] * 3
    assert opt.ema.tolist() == [0.25] * 3


def test_state_dicts_with_and_without_do_not_mix(rng):
    p, g = np.ones(3), np.ones(3)
    averaging, plain = schuss.Adam(ema=0.9), schuss.Adam()
    averaging.step(p, g)
    plain.step(p, g)
    assert set(averaging.state_dict()["state"][""]) == {"exp_avg", "exp_avg_sq", "ema"}
    for one, other in ((averaging, plain), (plain, averaging)):
        before = one.state_dict()
        with pytest.raises(ValueError, match="has the slots"):
            one.load_state_dict(other.state_dict())
        assert set(one.state_dict()["state"][""]) == set(before["state"][""])


def test_structure_and_life(rng):
    params = {"w": np.ones((2, 2), np.float32), "rest": [np.ones(3)]}
    opt = schuss.SGD(learning_rate=1.0, ema=0.5)
    assert opt.ema == {}
    opt.step(params, {"w": np.ones((2, 2), np.float32), "rest": [np.ones(3)]})
    assert opt.ema["w"].tolist() == [[0.5, 0.5]] * 2
    assert opt.ema["rest"][0].tolist() == [0.5] * 3
    opt.ema["rest"][0][:] = 7.0  # live
    opt.step(params, {"w": np.zeros((2, 2), np.float32), "rest": [np.zeros(3)]})
    assert opt.ema["rest"][0].tolist() == [3.5] * 3
    opt.reset()
    assert opt.ema == {}
    params["rest"][0][:] = 2.0
    opt.step(params, {"w": np.zeros((2, 2), np.float32), "rest": [np.zeros(3)]})
    assert opt.ema["rest"][0].tolist() == [2.0] * 3


def test_a_first_step_that_is_refused_begins_nothing():
    p, opt = np.ones(3), schuss.SGD(learning_rate=1.0, ema=0.5, nonfinite="raise")
    with pytest.raises(FloatingPointError):
        opt.step(p, np.full(3, np.nan))
    p[:] = 5.0
    opt.step(p, np.ones(3))
    assert opt.ema.tolist() == [4.5] * 3


def test_lent_and_given_back(storage, rng):
    params = model(rng, storage)
    opt = schuss.Adam(0.1, ema=0.5)
    for _ in range(3):
        opt.step(params, some_gradients(rng, storage))
    before, averages = [p.copy() for p in params], [e.copy() for e in opt.ema]
    with opt.averaged(params) as lent:
        assert lent is params
        for p, e in zip(params, averages, strict=True):
            assert same_bits(p, e.astype(storage))
    assert all(same_bits(p, q) for p, q in zip(params, before, strict=True))
    with pytest.raises(KeyError), opt.averaged(params):  # noqa: PT012
        params[1][:] = 3.0  # what is written into them is gone
        raise KeyError
    assert all(same_bits(p, q) for p, q in zip(params, before, strict=True))
    assert all(same_bits(e, was) for e, was in zip(opt.ema, averages, strict=True))


def test_lending_what_does_not_fit():
    p = {"w": np.ones(3, np.float32), "b": np.ones(2)}
    opt = schuss.SGD(ema=0.5)
    with pytest.raises(RuntimeError, match="no average before the first step"), opt.averaged(p):
        pass
    opt.step(p, {"w": np.ones(3), "b": None})
    before = copy.deepcopy(p)
    frozen = p["b"].copy()
    frozen.flags.writeable = False
    for bad, error, words in (
        ({"w": p["w"]}, ValueError, r"params has the arrays \['w'\]; \['b', 'w'\] are wanted"),
        (
            p | {"b": np.ones(3)},
            ValueError,
            r"params\['b'\] has shape \(3,\); that of the steps, \(2,\), is wanted",
        ),
        (p | {"b": 1.0}, TypeError, r"params\['b'\] is float"),
        (p | {"b": frozen}, ValueError, r"params\['b'\] is read-only"),
    ):
        with pytest.raises(error, match=words), opt.averaged(bad):
            pass
        assert all(same_bits(p[name], before[name]) for name in p)
    with pytest.raises(AttributeError, match="keeps no average"), schuss.SGD().averaged(p):
        pass


def test_beside_everything_else(dtype, rng):
    """Clipping by norm, by value and by units, shadows, and decay."""
    params = [rng.standard_normal((30, 20)).astype(dtype), rng.standard_normal(5000).astype(dtype)]
    settings = {"max_norm": 1.0, "max_value": 0.5, "agc": 0.01, "weight_decay": 0.1}
    opt, recursion = schuss.AdamW(0.1, ema=0.9, **settings), Recursion(params, 0.9)
    plain, without = [p.copy() for p in params], schuss.AdamW(0.1, **settings)
    shadow = [np.zeros(p.shape, np.float16) for p in params] if dtype == np.float32 else None
    for _ in range(3):
        grads = [rng.standard_normal(p.shape).astype(dtype) for p in params]
        opt.step(params, grads, shadow=shadow)
        without.step(plain, grads)
        recursion.take(params)
    recursion.check(opt.ema)
    assert all(same_bits(p, q) for p, q in zip(params, plain, strict=True))
    if shadow is not None:
        pairs = zip(params, shadow, strict=True)
        assert all(same_bits(p.astype(np.float16), s) for p, s in pairs)
