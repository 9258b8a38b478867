"""Errors of sharded optimizers: the same on all ranks, with nothing written."""

from __future__ import annotations

import numpy as np
import pytest
import schuss
from schuss.distributed import Sharded
from schuss.distributed.agreement import agree

from tests.ranks.threads import on_ranks
from tests.ranks.training import (
    begin,
    crc,
    gradients,
    hashes,
    momentum,
    take_step,
    train,
)


def broken(part, change):
    """The gradients of a part, changed."""
    grads = gradients(0, part, np.float32)
    change(grads)
    return grads


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            lambda g: g.update(u=g["u"][1:]),
            ValueError,
            r"rank 1: grads\['u'\] has shape \(132, 129\); \(133, 129\) is wanted",
        ),
        (lambda g: g.pop("b"), ValueError, r"rank 1: grads lacks \['b'\] and has \[\]"),
        (
            lambda g: g.update(b=g["b"] + 1j),
            TypeError,
            r"(?s)rank 1: grads\['b'\] is .*real numbers",
        ),
        (lambda g: g.update(b="b"), TypeError, r"rank 1: grads\['b'\] is 'b'"),
    ],
)
def test_gradients_that_do_not_fit(change, kind, message):
    def refused(comm):
        opt, params = begin(comm, "AdamW", np.float32)
        before = crc(params)
        for part in opt.own_parts:
            opt.accumulate(broken(part, change if part == 5 else lambda g: None))
        with pytest.raises(kind, match=message):
            opt.step()
        assert crc(params) == before
        train(opt, np.float32, range(8))
        return crc(params)

    assert on_ranks(2, refused) == [hashes("AdamW", np.float32)[0]] * 2


@pytest.mark.parametrize(("more", "times"), [(-1, 3), (1, 4)])
def test_parts_that_are_missing_or_too_many(more, times):
    def refused(comm):
        opt, params = begin(comm, "AdamW", np.float32)
        before = crc(params)
        for k in range(len(opt.own_parts) + more * (comm.rank == 1)):
            opt.accumulate(gradients(0, k, np.float32))
        with pytest.raises(ValueError, match=rf"rank 1: accumulate was called .*{times} times"):
            opt.step()
        assert crc(params) == before

    on_ranks(2, refused)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("max_norm", "max_norm differs between ranks: 1.0 on ranks 0, 1, 3, 0.5 on rank 2"),
        ("learning_rate", "learning_rate differs between ranks"),
        ("nonfinite", 'nonfinite differs .*"raise" on rank 2'),
    ],
)
def test_settings_that_differ(name, message):
    value = {"max_norm": 0.5, "learning_rate": 1e-3, "nonfinite": "raise"}[name]

    def refused(comm):
        opt, params = begin(comm, "AdamW", np.float32)
        before = crc(params)
        if comm.rank == 2:
            setattr(opt.optimizer, name, value)
        with pytest.raises(ValueError, match=message):
            train(opt, np.float32, [0])
        assert crc(params) == before

    on_ranks(4, refused)


def test_a_schedule_that_differs():
    def refused(comm):
        rate = schuss.schedules.linear(0.1, total_steps=10 + comm.rank)
        opt, params = begin(comm, "AdamW", np.float32, learning_rate=rate)
        train(opt, np.float32, [0])
        before = crc(params)
        with pytest.raises(ValueError, match="learning_rate at step 1 differs between ranks"):
            train(opt, np.float32, [1])
        assert crc(params) == before

    on_ranks(2, refused)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"w": np.ones((2, 3))}, r"params\['w'\] differs .*shape \(3, 2\).*shape \(2, 3\)"),
        ({"w": np.ones((3, 2), np.float32)}, r"params\['w'\] differs .*float64.*float32"),
        ({"w": np.ones((3, 2)), "b": np.ones(1)}, r"params\['b'\] differs .*null on rank 0"),
        ({"v": np.ones(1), "w": np.ones((3, 2))}, r"the order of params differs"),
    ],
)
def test_parameters_that_differ(params, message):
    def refused(comm):
        opt = Sharded(schuss.SGD(1.0), comm)
        usual = {"w": np.ones((3, 2)), **({"v": np.ones(1)} if "v" in params else {})}
        with pytest.raises(ValueError, match=message):
            opt.adopt(params if comm.rank else usual)

    on_ranks(2, refused)


def test_nonfinite_gradients_are_raised_on_all_ranks():
    def refused(comm):
        opt, params = begin(comm, "AdamW", np.float32, nonfinite="raise")
        train(opt, np.float32, range(4))
        before = crc(params)
        with pytest.raises(FloatingPointError, match=r"nothing was written"):
            train(opt, np.float32, [4])
        assert crc(params) == before
        assert opt.step_count == 4

    on_ranks(4, refused)
    on_ranks(1, refused)


def test_units_that_a_border_cuts_are_refused_on_all_ranks():
    def refused(comm):
        opt, params = begin(comm, "AdamW", np.float32, agc=0.01)
        before = crc(params)
        with pytest.raises(ValueError, match=r"rank .: agc is set for a parameter that the range"):
            train(opt, np.float32, [0])
        assert crc(params) == before
        opt.optimizer.agc = None
        train(opt, np.float32, range(8))
        return crc(params)

    assert on_ranks(2, refused) == [hashes("AdamW", np.float32)[0]] * 2


def test_arguments():
    def check(comm):
        for arguments, kind, message in (
            (("Adam", comm), TypeError, "optimizer is 'Adam'"),
            ((schuss.SGD(1.0), "world"), TypeError, "comm is 'world'"),
            ((schuss.SGD(1.0), comm, "tree"), ValueError, "reduction is 'tree'"),
            ((schuss.SGD(1.0), comm, None, 2), ValueError, "parts is 2; at least 3"),
            ((schuss.SGD(1.0), comm, None, 3.5), ValueError, "parts is 3.5"),
            ((schuss.SGD(1.0), comm, "fixed-tree"), ValueError, "parts=8 on 3 ranks; powers"),
        ):
            with pytest.raises(kind, match=message):
                Sharded(*arguments)
        used = schuss.SGD(1.0)
        used.step(np.ones(2), np.ones(2))
        with pytest.raises(ValueError, match="optimizer has taken 1 steps"):
            Sharded(used, comm)

    on_ranks(3, check)


def test_parameters_come_first_and_once(tmp_path):
    def check(comm):
        opt = Sharded(schuss.SGD(1.0), comm)
        for call in (
            opt.step,
            lambda: opt.accumulate(np.ones(2)),
            lambda: opt.save(tmp_path),
            lambda: opt.load(tmp_path),
            lambda: opt.averaged().__enter__(),
        ):
            with pytest.raises(RuntimeError, match=r"adopt\(params\) comes first"):
                call()
        shared = np.ones(2)
        for params, kind, message in (
            ([1.0], TypeError, r"params\['0'\] is 1.0"),
            ([np.ones(2, int)], TypeError, r"params\['0'\] is of int64"),
            ([np.ones(2), np.ones(2, np.float32)], TypeError, ".* one dtype for all"),
            ([shared, shared], ValueError, r"params\['1'\] is params\['0'\]"),
            ([], ValueError, "params has no arrays"),
        ):
            with pytest.raises(kind, match=f"rank 0: {message}"):
                opt.adopt(params)
        opt.adopt(np.ones(2))
        with pytest.raises(RuntimeError, match="rank 0: parameters have been adopted"):
            opt.adopt(np.ones(2))
        with pytest.raises(AttributeError, match="keeps no average"), opt.averaged():
            pass

    on_ranks(2, check)


def test_an_override_that_matches_nothing():
    def check(comm):
        opt = Sharded(schuss.SGD(1.0, overrides={"x": {"learning_rate": 0.1}}), comm)
        with pytest.raises(ValueError, match="rank 0: overrides: "):
            opt.adopt({"w": np.ones(3)})

    on_ranks(2, check)


def test_what_a_sharded_optimizer_cannot_do(tmp_path):
    def check(comm):
        opt, params = momentum(comm, np.ones(3), ema=0.5)
        take_step(opt, np.ones(3))
        opt.save(tmp_path)
        with opt.averaged():
            for call in (opt.step, lambda: opt.load(tmp_path)):
                with pytest.raises(RuntimeError, match=r"the end of averaged\(\) comes first"):
                    call()
        assert (params == 0.9).all()
        optimizer = schuss.SGD(0.1)
        first, second = Sharded(optimizer, comm), Sharded(optimizer, comm)
        first.adopt(np.ones(3))
        with pytest.raises(RuntimeError, match="optimizer has parameters of another"):
            second.adopt(np.ones(3))
        optimizer.reset()
        with pytest.raises(RuntimeError, match="optimizer was reset"):
            first.step()
        w = np.ones((3, 3))
        third = Sharded(schuss.SGD(0.1), comm, parts=8.0)
        with pytest.raises(ValueError, match=r"params\['0'\] and params\['1'\] share memory"):
            third.adopt([w, w[1:].T])
        third.adopt([w[::2], w[1::2]])

    on_ranks(2, check)


class OwnError(Exception):
    """Of the user's."""


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ValueError("x is 1"), ValueError, "rank 1: x is 1"),
        (KeyError("x"), RuntimeError, "rank 1: KeyError: 'x'"),
        (ZeroDivisionError("x"), ArithmeticError, "rank 1: ZeroDivisionError: x"),
        (OwnError("x"), RuntimeError, "rank 1: OwnError: x"),
        (FileNotFoundError(2, "gone", "x"), OSError, r"rank 1: FileNotFoundError: .*gone: 'x'"),
    ],
)
def test_errors_of_one_rank_on_all(error, kind, message):
    def check(comm):
        with pytest.raises(kind, match=message) as found:
            agree(comm, error if comm.rank == 1 else None)
        assert type(found.value) is kind
        assert found.value.__cause__ is (error if comm.rank == 1 else None)
        return agree(comm, number=comm.rank)

    assert on_ranks(3, check) == [[0, 1, 2]] * 3


def test_a_group_of_torch_comes_first():
    with pytest.raises(RuntimeError, match=r"torch\.distributed is not initialized"):
        schuss.distributed.torch_group()
