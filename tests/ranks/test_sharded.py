"""Sharded optimizers on ranks that are threads: the bits of one whole optimizer, and all errors."""

from __future__ import annotations

import collections
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import schuss
from schuss.distributed import Sharded
from schuss.distributed.agreement import agree

from tests.ranks.threads import on_ranks, outcomes
from tests.ranks.training import (
    PARTS,
    RULES,
    SHAPES,
    begin,
    crc,
    gradients,
    hashes,
    optimizer,
    run,
    start,
    train,
    whole,
)

FLOATS = (np.float32, np.float64)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("rule", [*RULES, "LARS", "Adan", "Rprop"])
def test_bits_are_those_of_one_whole_optimizer(rule, dtype, threads):
    threads(1)
    wanted = hashes(rule, dtype)
    for ranks in (1, 2, 4, 8):
        assert on_ranks(ranks, lambda comm: run(comm, rule, dtype)) == [wanted] * ranks, ranks


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_parameters_of_16_bits(name, threads):
    threads(1)
    dtype = np.dtype(pytest.importorskip("ml_dtypes").bfloat16 if name == "bfloat16" else name)
    opt, params = optimizer("AdamW"), start(dtype)
    for step in range(3):
        parts = [gradients(step, part, np.float32) for part in range(PARTS)]
        sums = {k: sum_in_pairs([p[k] for p in parts]) * np.float32(1 / PARTS) for k in SHAPES}
        opt.step(params, {k: np.asarray(g) for k, g in sums.items()})

    def sharded(comm):
        mine, own = begin(comm, "AdamW", dtype)
        train(mine, np.float32, range(3))
        return crc(own)

    assert on_ranks(2, sharded) == [crc(params)] * 2


def sum_in_pairs(arrays):
    while len(arrays) > 1:
        arrays = [a + b for a, b in zip(arrays[::2], arrays[1::2], strict=True)]
    return arrays[0]


def test_keys_of_gradients_may_come_in_any_order(threads):
    threads(1)

    def turned(comm):
        opt, params = begin(comm, "AdamW", np.float32)
        for part in opt.own_parts:
            opt.accumulate(dict(reversed(gradients(0, part, np.float32).items())))
        opt.step()
        return crc(params)

    assert on_ranks(2, turned) == [crc(whole("AdamW", np.float32, steps=1)[0])] * 2


def test_report_is_that_of_the_whole(threads):
    threads(1)
    _, _, report = whole("AdamW", np.float64)

    def last(comm):
        opt, _ = begin(comm, "AdamW", np.float64)
        train(opt, np.float64, range(8))
        return opt.last_step, opt.step_count

    assert on_ranks(4, last) == [(report, 7)] * 4


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_norms_beyond_the_range_of_squares(size, threads):
    threads(1)
    rng = np.random.default_rng(1)
    grads = [size * rng.standard_normal(9000) for _ in range(PARTS)]
    params, opt = np.ones(9000), schuss.SGD(1.0, max_norm=1.0)
    opt.step(params, sum_in_pairs(grads) * (1 / PARTS))

    def sharded(comm):
        mine = Sharded(schuss.SGD(1.0, max_norm=1.0), comm)
        own = mine.adopt(np.ones(9000))
        for part in mine.own_parts:
            mine.accumulate(grads[part])
        mine.step()
        return own.tobytes(), mine.last_step

    assert on_ranks(4, sharded) == [(params.tobytes(), opt.last_step)] * 4
    assert 0.0 < opt.last_step.grad_norm < np.inf


def test_states_lie_on_one_rank_each(threads):
    threads(1)

    def nbytes(comm):
        opt = Sharded(schuss.Adam(1e-3), comm)
        opt.adopt([np.zeros((300, 100), np.float32), np.zeros(41, np.float32)])
        return sum(a.nbytes for slots in opt.optimizer.state for a in slots.values())

    of_ranks = on_ranks(4, nbytes)
    assert sum(of_ranks) == 2 * 4 * 30041
    assert max(of_ranks) <= 2 * 4 * (30041 / 4 + 4096)
    assert on_ranks(8, nbytes)[-1] == 2 * 4 * (30041 - 7 * 4096)


@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_native_sums_serve_any_number_of_ranks(ranks, threads):
    threads(1)
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


# -- checkpoints -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["NAdam", "LAMB", "SGD"])
@pytest.mark.parametrize(("saved", "loaded"), [(4, 2), (2, 4), (4, 1), (1, 8)])
def test_checkpoints_load_on_any_number_of_ranks(saved, loaded, rule, tmp_path, threads):
    threads(1)
    wanted, folder = hashes(rule, np.float32), tmp_path / "new" / "checkpoint"
    on_ranks(1, lambda comm: run(comm, rule, np.float32, range(1), save=folder))  # an older one
    (folder / "notes.txt").write_text("mine")
    on_ranks(saved, lambda comm: run(comm, rule, np.float32, range(6), save=folder))
    assert len(os.listdir(folder)) == saved + 2
    found = on_ranks(loaded, lambda comm: run(comm, rule, np.float32, range(6, 8), load=folder))
    assert found == [wanted] * loaded
    assert (folder / "notes.txt").read_text() == "mine"


def damage_list(folder):
    (folder / "meta.safetensors").write_bytes(b"x" * 100)


def damage_shard(folder):
    file = max(folder.glob("shard-*"))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "meta.safetensors").unlink(), "has no meta.safetensors"),
        (lambda folder: max(folder.glob("shard-*")).unlink(), r"has no shard-.*whole is wanted"),
        (damage_list, "no whole checkpoint"),
        (damage_shard, "a byte in it was changed"),
    ],
)
def test_damaged_checkpoints_change_nothing(damage, message, tmp_path, threads):
    threads(1)
    on_ranks(2, lambda comm: run(comm, "AdamW", np.float32, range(2), save=tmp_path))
    damage(tmp_path)

    def refused(comm):
        opt, params = begin(comm, "AdamW", np.float32)
        with pytest.raises(schuss.CheckpointError, match=f"rank .: .*{message}"):
            opt.load(tmp_path)
        train(opt, np.float32, range(8))
        return crc(params)

    assert on_ranks(2, refused) == [hashes("AdamW", np.float32)[0]] * 2


def test_checkpoints_of_another_model_are_refused(tmp_path, threads):
    threads(1)
    on_ranks(2, lambda comm: run(comm, "AdamW", np.float32, range(2), save=tmp_path))

    def other_shape(comm):
        opt = Sharded(optimizer("AdamW"), comm)
        opt.adopt({**start(np.float32), "b": np.ones(81, np.float32)})
        with pytest.raises(ValueError, match=r"params\['b'\] float32 of shape \(80,\); .*\(81,\)"):
            opt.load(tmp_path)

    def other_rule(comm):
        opt = Sharded(schuss.Adam(1e-3), comm)
        opt.adopt(start(np.float32))
        with pytest.raises(ValueError, match="'AdamW'; 'Adam' is wanted"):
            opt.load(tmp_path)

    on_ranks(2, other_shape)
    on_ranks(2, other_rule)


def test_a_folder_that_cannot_be_written(tmp_path, threads):
    threads(1)
    (tmp_path / "file").write_text("")

    def refused(comm):
        opt, _ = begin(comm, "AdamW", np.float32)
        with pytest.raises(OSError, match="rank 0: "):
            opt.save(tmp_path / "file")

    on_ranks(2, refused)


# -- errors: the same on all ranks, with nothing written -------------------------------------------


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
def test_gradients_that_do_not_fit(change, kind, message, threads):
    threads(1)

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
def test_parts_that_are_missing_or_too_many(more, times, threads):
    threads(1)

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
def test_settings_that_differ(name, message, threads):
    threads(1)
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


def test_a_schedule_that_differs(threads):
    threads(1)

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


def test_nonfinite_gradients_are_raised_on_all_ranks(threads):
    threads(1)

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


def test_one_rank_that_has_it_all(threads):
    """Where the model is less than a block the first rank checks alone, and all hear of it."""
    threads(1)

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


def test_units_that_a_border_cuts_are_refused_on_all_ranks(threads):
    threads(1)

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


def test_a_namedtuple_comes_back_as_one():
    layer = collections.namedtuple("Layer", "w b")

    def check(comm):
        params = Sharded(schuss.SGD(), comm).adopt({"first": layer(np.ones(2), np.zeros(1))})
        assert isinstance(params["first"], layer)
        assert params["first"].w.tolist() == [1.0, 1.0]

    on_ranks(2, check)


def test_an_override_that_matches_nothing():
    def check(comm):
        opt = Sharded(schuss.SGD(1.0, overrides={"x": {"learning_rate": 0.1}}), comm)
        with pytest.raises(ValueError, match="rank 0: overrides: "):
            opt.adopt({"w": np.ones(3)})

    on_ranks(2, check)


def momentum(comm, params, **settings):
    opt = Sharded(schuss.SGD(0.1, momentum=0.9, **settings), comm)
    return opt, opt.adopt(params)


def take_step(opt, grads):
    for _ in opt.own_parts:
        opt.accumulate(grads)
    opt.step()


def test_a_checkpoint_in_another_order_is_refused(tmp_path):
    def save(comm):
        momentum(comm, {"w": np.arange(6.0).reshape(2, 3), "b": np.ones(2)})[0].save(tmp_path)

    def load(comm):
        opt, _ = momentum(comm, {"b": np.ones(2), "w": np.ones((2, 3))})
        with pytest.raises(ValueError, match=r"order \['w', 'b'\]; \['b', 'w'\] is wanted"):
            opt.load(tmp_path)

    on_ranks(2, save)
    on_ranks(2, load)


def test_checkpoints_that_differ_between_ranks_are_refused(tmp_path):
    for k in (0, 1):
        on_ranks(
            2, lambda comm, k=k: momentum(comm, np.full(9000, 1.0 * k))[0].save(tmp_path / str(k))
        )

    def load(comm):
        opt, params = momentum(comm, np.full(9000, 7.0))
        with pytest.raises(ValueError, match="the checkpoint differs between ranks"):
            opt.load(tmp_path / str(comm.rank))
        assert (params == 7).all()

    on_ranks(2, load)


@pytest.mark.parametrize("n", [0, 5, 4096, 4097])
@pytest.mark.parametrize("rule", ["Adam", "LAMB"])
def test_squares_that_overflow_on_one_rank_are_skipped_by_all(rule, n, threads):
    threads(1)

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


def test_the_report_counts_the_unfit_of_all_ranks(threads):
    threads(1)

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


class OwnSchedule:
    """With a state that one rank can neither give nor take."""

    def __init__(self, saves, loads):
        self.saves, self.loads = saves, loads

    def __call__(self, step):
        return 0.1

    def state_dict(self):
        if not self.saves:
            raise ValueError("cannot be saved")
        return {}

    def load_state_dict(self, state):
        if not self.loads:
            raise ValueError("cannot be loaded")


def test_a_schedule_that_fails_on_one_rank_fails_on_all(tmp_path):
    def check(comm):
        for saves, loads in ((False, True), (True, False)):
            ok = comm.rank == 0
            schedule = OwnSchedule(saves or ok, loads or ok)
            opt = Sharded(schuss.SGD(schedule), comm)
            opt.adopt(np.ones(3))
            if not saves:
                with pytest.raises(ValueError, match="rank 1: cannot be saved"):
                    opt.save(tmp_path)
                continue
            opt.save(tmp_path)
            with pytest.raises(ValueError, match=r"rank 1: .*cannot be loaded"):
                opt.load(tmp_path)

    on_ranks(2, check)


def test_a_load_forgets_gradients_and_their_errors(tmp_path):
    def check(comm):
        opt, params = momentum(comm, np.ones(3))
        opt.save(tmp_path)
        opt.accumulate(np.ones(4 if comm.rank else 3))
        opt.load(tmp_path)
        take_step(opt, np.ones(3))
        assert (params == 0.9).all()

    on_ranks(2, check)


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
def test_an_interrupted_step_can_be_taken_again(at, threads):
    """At each of the exchanges of a step but the last, after which it is over."""
    threads(1)

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


def test_a_save_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "meta.safetensors").mkdir()

    def check(comm):
        opt, _ = momentum(comm, np.ones(3))
        with pytest.raises(OSError, match="rank 0: "):
            opt.save(tmp_path)

    on_ranks(2, check)
    assert os.listdir(tmp_path) == ["meta.safetensors"]


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


def test_importing_brings_no_engine():
    code = (
        "import sys, schuss, schuss.distributed; schuss.distributed.Sharded;"
        "found = {'mpi4py', 'torch', 'dask', 'distributed', 'ray', 'joblib'} & set(sys.modules);"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_group_of_torch_comes_first():
    with pytest.raises(RuntimeError, match=r"torch\.distributed is not initialized"):
        schuss.distributed.torch_group()
