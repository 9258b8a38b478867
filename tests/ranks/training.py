"""A model that is trained on ranks, and by one whole optimizer: `python -m tests.ranks.training`.

As a program it is started on each rank, by `mpiexec`, or with the variables of torch.distributed.
"""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import schuss
from schuss.distributed import Sharded

from tests.ranks import fits

PARTS = 8
SHAPES = {"w": (70, 80), "b": (80,), "u": (133, 129), "frozen": (7,), "s": ()}
RULES = ("AdamW", "NAdam", "Lion", "LAMB", "SGD")
BAD, WITHOUT = 4, 5  # the steps in which a gradient is NaN, and in which there is none of "b"


def optimizer(rule, **changes):
    """With norms, overrides by pattern, a schedule and averages."""
    settings = {
        "learning_rate": schuss.schedules.cosine(0.1, total_steps=10),
        "weight_decay": 0.1,
        "max_norm": 1.0,
        "nonfinite": "skip",
        "ema": 0.9,
        "overrides": {"b*": {"weight_decay": 0.0}, "frozen": {"learning_rate": 0.0}},
    }
    return getattr(schuss, rule)(**{**settings, **changes})


def start(dtype):
    rng = np.random.default_rng(0)
    return {name: np.asarray(rng.standard_normal(shape), dtype) for name, shape in SHAPES.items()}


def gradients(step, part, dtype):
    rng = np.random.default_rng([step, part])
    grads = {k: np.asarray(3 * rng.standard_normal(s), dtype) for k, s in SHAPES.items()}
    if step == BAD and part == 3:
        grads["u"][7, 11] = np.nan
    if step == WITHOUT:
        grads["b"] = None
    return grads


def mean(parts):
    """The mean of a power of two of gradients, added pairwise."""
    count = len(parts)
    while len(parts) > 1:
        parts = [a + b for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return np.asarray(parts[0] * parts[0].dtype.type(1 / count))


def whole(rule, dtype, steps=8, **changes):
    """Parameters, averages and report of one whole optimizer."""
    opt, params = optimizer(rule, **changes), start(dtype)
    for step in range(steps):
        parts = [gradients(step, part, dtype) for part in range(PARTS)]
        opt.step(
            params,
            {k: None if parts[0][k] is None else mean([p[k] for p in parts]) for k in SHAPES},
        )
    return params, opt.ema, opt.last_step


def crc(params):
    return zlib.crc32(b"".join(np.ascontiguousarray(params[name]).tobytes() for name in SHAPES))


def hashes(rule, dtype):
    """Of parameters and averages, by one whole optimizer."""
    params, averages, _ = whole(rule, dtype)
    return [crc(params), crc({k: a.astype(dtype) for k, a in averages.items()})]


def begin(comm, rule, dtype, **changes):
    opt = Sharded(optimizer(rule, **changes), comm, parts=PARTS)
    mine = start(dtype)
    if opt.own_parts.start > 0:  # rank 0's are everyone's
        mine = {name: np.asarray(array + 1) for name, array in mine.items()}
    return opt, opt.adopt(mine)


def train(opt, dtype, steps):
    for step in steps:
        for part in opt.own_parts:
            opt.accumulate(gradients(step, part, dtype))
        opt.step()


def run(comm, rule, dtype, steps=range(8), load=None, save=None):
    """Hashes of parameters and averages after these steps."""
    opt, params = begin(comm, rule, dtype)
    if load is not None:
        opt.load(load)
    train(opt, dtype, steps)
    if save is not None:
        opt.save(save)
    found = [crc(params)]
    with opt.averaged():
        found.append(crc(params))
    assert crc(params) == found[0]
    return found


def momentum(comm, params, **settings):
    opt = Sharded(schuss.SGD(0.1, momentum=0.9, **settings), comm)
    return opt, opt.adopt(params)


def take_step(opt, grads):
    """With the same gradients for every part."""
    for _ in opt.own_parts:
        opt.accumulate(grads)
    opt.step()


# -- as a program ----------------------------------------------------------------------------------


def communicator(kind):
    if kind == "mpi":
        from mpi4py import MPI

        return MPI.COMM_WORLD
    import torch.distributed as dist

    dist.init_process_group("gloo")
    return schuss.distributed.torch_group()


def note_pid(folder, opt):
    """Write which process a rank is, in one go."""
    file = Path(folder, f"pid-{opt.own_parts.start}")
    file.with_name(f".{file.name}").write_text(str(os.getpid()))
    file.with_name(f".{file.name}").rename(file)


def all_rules(comm, load="", save=""):
    """Print the hashes of every rule, which are the same on all ranks."""
    steps = range(4, 8) if load else range(4) if save else range(8)
    found = {}
    for rule in RULES:
        folders = [os.path.join(f, rule) if f else None for f in (load, save)]
        found[rule] = run(comm, rule, np.float32, steps, *folders)
    return found


def rules_and_fits(comm):
    return [all_rules(comm), fits.hashes(comm)]


def resumable(comm, folder, steps="40"):
    """Train with a checkpoint after every second step, from where the last run was ended."""
    folder = Path(folder)
    opt, params = begin(comm, "NAdam", np.float32)
    note_pid(folder, opt)
    done = 0
    if (folder / "checkpoint" / "meta.safetensors").exists():
        opt.load(folder / "checkpoint")
        done = schuss.load(folder / "checkpoint" / "meta.safetensors")["optimizer"]["step"]
        done += done > BAD - 1  # that step was skipped
    for step in range(done, int(steps)):
        train(opt, np.float32, [step])
        if step % 2 == 1:
            opt.save(folder / "checkpoint")
    return crc(params)


def failing(comm, how, folder="."):
    """Train until something happens on the last rank."""
    opt, _ = begin(comm, "AdamW", np.float32)
    last = opt.own_parts.stop == PARTS
    note_pid(folder, opt)
    for step in range(1_000_000):
        for part in opt.own_parts:
            grads = gradients(step % 3, part, np.float32)
            if last and step == 3 and how == "shape":
                grads["u"] = grads["u"][1:]
            if last and step == 3 and how == "exception":
                raise ArithmeticError("in the user's code")
            opt.accumulate(grads)
        if step > 3:
            Path(folder, "running").touch()
            time.sleep(0.01)
        opt.step()


if __name__ == "__main__":
    schuss.config.set_num_threads(1)
    kind, what, *arguments = sys.argv[1:]
    result = globals()[what](communicator(kind), *arguments)
    print(f"<result>{json.dumps(result)}</result>", flush=True)
    if kind == "gloo":
        import torch.distributed as dist

        dist.destroy_process_group()  # its threads may not outlive the process
