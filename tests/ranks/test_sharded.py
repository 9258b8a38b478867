"""Sharded optimizers on ranks that are threads: the bits of one whole optimizer."""

from __future__ import annotations

import collections
import re

import numpy as np
import pytest
import schuss
from schuss.distributed import Sharded

from tests.ranks.threads import on_ranks, outcomes
from tests.ranks.training import (
    PARTS,
    RULES,
    SHAPES,
    begin,
    crc,
    gradients,
    hashes,
    mean,
    momentum,
    optimizer,
    run,
    start,
    take_step,
    train,
    whole,
)


@pytest.mark.parametrize("rule", [*RULES, "LARS", "Adan", "Rprop"])
def test_bits_are_those_of_one_whole_optimizer(rule, dtype):
    wanted = hashes(rule, dtype)
    for ranks in (1, 2, 4, 8):
        assert on_ranks(ranks, lambda comm: run(comm, rule, dtype)) == [wanted] * ranks, ranks


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_parameters_of_16_bits(name):
    dtype = np.dtype(pytest.importorskip("ml_dtypes").bfloat16 if name == "bfloat16" else name)
    opt, params = optimizer("AdamW"), start(dtype)
    for step in range(3):
        parts = [gradients(step, part, np.float32) for part in range(PARTS)]
        opt.step(params, {k: mean([p[k] for p in parts]) for k in SHAPES})

    def sharded(comm):
        mine, own = begin(comm, "AdamW", dtype)
        train(mine, np.float32, range(3))
        return crc(own)

    assert on_ranks(2, sharded) == [crc(params)] * 2


def test_keys_of_gradients_may_come_in_any_order():
    def turned(comm):
        opt, params = begin(comm, "AdamW", np.float32)
        for part in opt.own_parts:
            opt.accumulate(dict(reversed(gradients(0, part, np.float32).items())))
        opt.step()
        return crc(params)

    assert on_ranks(2, turned) == [crc(whole("AdamW", np.float32, steps=1)[0])] * 2


def test_report_is_that_of_the_whole():
    _, _, report = whole("AdamW", np.float64)

    def last(comm):
        opt, _ = begin(comm, "AdamW", np.float64)
        train(opt, np.float64, range(8))
        return opt.last_step, opt.step_count

    assert on_ranks(4, last) == [(report, 7)] * 4


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_norms_beyond_the_range_of_squares(size):
    rng = np.random.default_rng(1)
    grads = [size * rng.standard_normal(9000) for _ in range(PARTS)]
    params, opt = np.ones(9000), schuss.SGD(1.0, max_norm=1.0)
    opt.step(params, mean(grads))

    def sharded(comm):
        mine = Sharded(schuss.SGD(1.0, max_norm=1.0), comm)
        own = mine.adopt(np.ones(9000))
        for part in mine.own_parts:
            mine.accumulate(grads[part])
        mine.step()
        return own.tobytes(), mine.last_step

    assert on_ranks(4, sharded) == [(params.tobytes(), opt.last_step)] * 4
    assert 0.0 < opt.last_step.grad_norm < np.inf


def test_states_lie_on_one_rank_each():
    def nbytes(comm):
        opt = Sharded(schuss.Adam(1e-3), comm)
        opt.adopt([np.zeros((300, 100), np.float32), np.zeros(41, np.float32)])
        return sum(a.nbytes for slots in opt.optimizer.state for a in slots.values())

    of_ranks = on_ranks(4, nbytes)
    assert sum(of_ranks) == 2 * 4 * 30041
    assert max(of_ranks) <= 2 * 4 * (30041 / 4 + 4096)
    assert on_ranks(8, nbytes)[-1] == 2 * 4 * (30041 - 7 * 4096)


@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_native_sums_serve_any_number_of_ranks(ranks):
    wanted, _, _ = whole("AdamW", np.float64, steps=4)

    def native(comm):
        opt = Sharded(optimizer("AdamW"), comm, reduction="native", parts=PARTS)
        params = opt.adopt(start(np.float64))
        train(opt, np.float64, range(4))
        return params

    found = on_ranks(ranks, native)
    assert len({crc(params) for params in found}) == 1
    for name in SHAPES:
        np.testing.assert_allclose(found[0][name], wanted[name], rtol=1e-9, atol=1e-12)


def test_every_part_belongs_to_one_rank():
    for ranks in (1, 3, 5, 8):
        own = on_ranks(ranks, lambda comm: Sharded(schuss.SGD(1.0), comm).own_parts)
        assert [part for parts in own for part in parts] == list(range(8))


def test_reduction_is_chosen_by_the_ranks():
    for ranks, parts, chosen in ((2, 8, "fixed-tree"), (3, 8, "native"), (2, 6, "native")):
        found = on_ranks(ranks, lambda comm, p=parts: repr(Sharded(schuss.SGD(1.0), comm, None, p)))
        assert all(f"reduction={chosen!r}, parts={parts}" in text for text in found)


def test_one_rank_that_has_it_all():
    """Where the model is less than a block the first rank checks alone, and all hear of it."""

    def small(comm, bad=None):
        opt = Sharded(schuss.Adam(0.1, nonfinite="raise"), comm)
        params = opt.adopt(np.ones(5))
        for part in opt.own_parts:
            opt.accumulate(np.full(5, np.inf if part == bad else part))
        opt.step()
        return params.tobytes()

    alone = np.ones(5)
    schuss.Adam(0.1).step(alone, np.full(5, 3.5))
    assert on_ranks(4, small) == [alone.tobytes()] * 4
    for error in outcomes(4, lambda comm: small(comm, bad=7)):
        assert isinstance(error, FloatingPointError)
        assert re.search("not finite", str(error))


def test_a_namedtuple_comes_back_as_one():
    layer = collections.namedtuple("Layer", "w b")

    def check(comm):
        params = Sharded(schuss.SGD(), comm).adopt({"first": layer(np.ones(2), np.zeros(1))})
        assert isinstance(params["first"], layer)
        assert params["first"].w.tolist() == [1.0, 1.0]

    on_ranks(2, check)


@pytest.mark.parametrize("n", [0, 5, 4096, 4097])
@pytest.mark.parametrize("rule", ["Adam", "LAMB"])
def test_squares_that_overflow_on_one_rank_are_skipped_by_all(rule, n):
    def skipped(comm):
        opt = Sharded(getattr(schuss, rule)(0.1, nonfinite="skip"), comm)
        params = opt.adopt(np.ones(n, np.float32))
        take_step(opt, np.full(n, 1e25, np.float32))
        taken = opt.step_count
        take_step(opt, np.ones(n, np.float32))
        return taken, opt.step_count, params.tobytes()

    found = on_ranks(3, skipped)
    assert found == [found[0]] * 3
    assert found[0][:2] == ((0, 1) if n else (1, 2))


def test_the_report_counts_the_unfit_of_all_ranks():
    def counted(comm):
        opt, _ = momentum(comm, np.ones(9000, np.float32), max_norm=1.0)
        grads = np.ones(9000, np.float32)
        grads[[3, 8999]] = np.inf
        take_step(opt, grads)
        return opt.last_step.nonfinite

    assert on_ranks(3, counted) == [2, 2, 2]


def test_floating_point_errors_that_are_raised_stop_no_rank():
    def overflow(comm):
        with np.errstate(all="raise"):
            opt, params = momentum(comm, np.ones(9000, np.float32), nonfinite="skip")
            grads = np.zeros(9000, np.float32)
            grads[0] = 3e38
            take_step(opt, grads)
            assert opt.last_step.skipped
            assert (params == 1).all()

    on_ranks(2, overflow)


class Interrupted:
    """A communicator that raises in one of its exchanges."""

    def __init__(self, comm, at):
        self.comm, self.left = comm, at
        self.rank, self.size = comm.rank, comm.size

    def __getattr__(self, name):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return getattr(self.comm, name)


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_an_interrupted_step_can_be_taken_again(at):
    """At each of the exchanges of a step but the last, after which it is over."""

    def check(comm):
        opt, params = momentum(comm, np.ones(9000), max_norm=1.0)
        flat = opt._model.flat
        opt._comm = flat.comm = Interrupted(comm, at)
        with pytest.raises(KeyboardInterrupt):
            take_step(opt, np.ones(9000))
        opt._comm = flat.comm = comm
        assert (params == 1).all()
        take_step(opt, np.ones(9000))
        assert opt.step_count == 1
        return params.tobytes()

    found = on_ranks(2, check)
    assert found[0] == found[1]
