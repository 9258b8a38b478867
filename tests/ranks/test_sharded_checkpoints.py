"""Checkpoints of sharded optimizers: for any number of ranks, whole or refused by all."""

from __future__ import annotations

import os

import numpy as np
import pytest
import schuss
from schuss.distributed import Sharded

from tests.ranks.threads import on_ranks
from tests.ranks.training import (
    begin,
    crc,
    hashes,
    momentum,
    optimizer,
    run,
    start,
    take_step,
    train,
)


@pytest.mark.parametrize("rule", ["NAdam", "LAMB", "SGD"])
@pytest.mark.parametrize(("saved", "loaded"), [(4, 2), (2, 4), (4, 1), (1, 8)])
def test_checkpoints_load_on_any_number_of_ranks(saved, loaded, rule, tmp_path):
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
def test_damaged_checkpoints_change_nothing(damage, message, tmp_path):
    on_ranks(2, lambda comm: run(comm, "AdamW", np.float32, range(2), save=tmp_path))
    damage(tmp_path)

    def refused(comm):
        opt, params = begin(comm, "AdamW", np.float32)
        with pytest.raises(schuss.CheckpointError, match=f"rank .: .*{message}"):
            opt.load(tmp_path)
        train(opt, np.float32, range(8))
        return crc(params)

    assert on_ranks(2, refused) == [hashes("AdamW", np.float32)[0]] * 2


def test_checkpoints_of_another_model_are_refused(tmp_path):
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


def test_a_save_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "meta.safetensors").mkdir()

    def check(comm):
        opt, _ = momentum(comm, np.ones(3))
        for folder in (tmp_path / "file", tmp_path):
            with pytest.raises(OSError, match="rank 0: "):
                opt.save(folder)

    on_ranks(2, check)
    assert sorted(os.listdir(tmp_path)) == ["file", "meta.safetensors"]
