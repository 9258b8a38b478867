"""A step of a model on two ranks, one thread each, against PyTorch's, and what its parts cost.

A question starts this file on two ranks by mpiexec. `measure`: ours talks over MPI, torch over
gloo, in the same processes, by turns. Everyone has the gradients of one micro-batch a rank in its
own arrays. `constants`: what the model of docs/scale.py takes from a machine, and a whole step that
it is to foretell; both ranks work at the same time.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import peers
from bench.harness import Plan
from bench.results import Comparison, Timing

RANKS = 2
TENSORS, LENGTH = 16, 1 << 18  # 4 M parameters
NATIVE, TREE, GLOO = "schuss, MPI, native", "schuss, MPI, fixed tree", "schuss, gloo, fixed tree"
FUSED, FOREACH = "torch ZeRO, gloo, fused", "torch ZeRO, gloo, foreach"
CONSTANTS = "constants of ranks"  # a group
STEP, PASS, SCATTER, GATHER = "step of a shard", "NumPy's addition", "Alltoall", "Allgather"
SMALL, WHOLE = "100 Allgathers of 24 bytes", "a whole step"
LARGE = 1 << 24  # elements of an array that is sent
ROOT = Path(__file__).parents[1]


def measure(plan: Plan) -> Iterator[Comparison]:
    """A step on two ranks: gradients averaged, states in shards, parameters exchanged."""
    label = f"{TENSORS} x {LENGTH} float32 on {RANKS} ranks"
    try:
        seconds = _on_ranks("step", plan)
    except peers.AbsentError as reason:
        skipped = dict.fromkeys((NATIVE, TREE, GLOO, FUSED, FOREACH), str(reason))
        yield Comparison(label, {}, skipped, "ranks", TENSORS, LENGTH)
        return
    # States and parameters of a shard, read and written, and gradients and parameters sent.
    moved = 4 * TENSORS * LENGTH * (7 / RANKS + 2)
    timings = {name: Timing(tuple(of), 1, moved) for name, of in seconds.items()}
    yield Comparison(label, timings, {}, "ranks", TENSORS, LENGTH)


def constants(plan: Plan) -> Iterator[Comparison]:
    """How fast two ranks step, add, exchange and agree, and a whole step of 4 M parameters."""
    moved = {
        STEP: 28 * LARGE / RANKS,  # reads p, g, m, v, writes p, m, v
        PASS: 12 * LARGE,
        SCATTER: 4 * LARGE * (1 - 1 / RANKS),  # what a rank sends
        GATHER: 4 * LARGE * (1 - 1 / RANKS),
    }
    label = f"{LARGE} float32 on {RANKS} ranks"
    try:
        seconds = _on_ranks("constants", plan)
    except peers.AbsentError as reason:
        skipped = dict.fromkeys((*moved, SMALL, WHOLE), str(reason))
        yield Comparison(label, {}, skipped, CONSTANTS, 1, LARGE)
        return
    timings = {}
    for name, of in seconds.items():
        timing = Timing(tuple(of), 1, moved.get(name, 0.0))
        note = f"{timing.rate / 1e9:.2f} GB/s" if name in moved else ""
        timings[name] = replace(timing, note=note)
    yield Comparison(label, timings, {}, CONSTANTS, 1, LARGE)


def _on_ranks(work: str, plan: Plan) -> dict[str, list[float]]:
    """What `WORK[work]` prints, in seconds by candidate."""
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    if mpiexec is None:
        raise peers.AbsentError("needs mpi4py and mpich")
    with tempfile.TemporaryDirectory() as folder:
        worker = ["-m", "bench.bench_ranks", work, folder, str(plan.settings.rounds)]
        single = {"OMP_NUM_THREADS": "1", "SCHUSS_NUM_THREADS": "1"}
        output = subprocess.run(
            [mpiexec, "-n", str(RANKS), sys.executable, *worker],
            cwd=ROOT,
            env={**os.environ, **single},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    found: dict[str, list[float]] = json.loads(output.splitlines()[-1])
    return found


def _ours(comm: Any, reduction: str) -> Callable[[], None]:
    schuss = peers.optional("schuss")
    opt = schuss.distributed.Sharded(schuss.AdamW(1e-4), comm, reduction, parts=RANKS)
    rng = np.random.default_rng(comm.rank if hasattr(comm, "rank") else comm.Get_rank())
    opt.adopt([np.ones(LENGTH, np.float32) for _ in range(TENSORS)])
    grads = [rng.standard_normal(LENGTH, np.float32) for _ in range(TENSORS)]

    def step() -> None:
        opt.accumulate(grads)
        opt.step()

    return step


def _torch(**settings: bool) -> Callable[[], None]:
    torch = peers.optional("torch")
    dist = torch.distributed
    from torch.distributed.optim import ZeroRedundancyOptimizer

    params = [torch.nn.Parameter(torch.ones(LENGTH)) for _ in range(TENSORS)]
    flat = torch.randn(TENSORS * LENGTH)  # one bucket, of which the gradients are views
    for k, p in enumerate(params):
        p.grad = flat[k * LENGTH : (k + 1) * LENGTH]
    opt = ZeroRedundancyOptimizer(
        params, torch.optim.AdamW, parameters_as_bucket_view=True, lr=1e-4, **settings
    )

    def step() -> None:
        dist.all_reduce(flat)
        flat.div_(RANKS)
        opt.step()

    return step


def _beside_torch(comm: Any, folder: str) -> Mapping[str, Callable[[], object]]:
    torch = peers.optional("torch")
    schuss = peers.optional("schuss")
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/ranks", rank=comm.rank, world_size=comm.size
    )
    return {
        NATIVE: _ours(comm, "native"),
        TREE: _ours(comm, "fixed-tree"),
        GLOO: _ours(schuss.distributed.torch_group(), "fixed-tree"),
        FUSED: _torch(fused=True),
        FOREACH: _torch(foreach=True),
    }


def _parts_of_a_step(comm: Any, folder: str) -> Mapping[str, Callable[[], object]]:
    schuss = peers.optional("schuss")
    from mpi4py import MPI

    opt = schuss.AdamW(1e-4)
    shard, slope = np.ones(LARGE // RANKS, np.float32), np.ones(LARGE // RANKS, np.float32)
    sent, received = (np.ones((comm.size, LARGE // comm.size), np.float32) for _ in range(2))
    small = np.zeros((comm.size, 3), np.int64)
    return {
        STEP: lambda: opt.step(shard, slope),
        PASS: lambda: np.add(sent, received, out=received),
        SCATTER: lambda: comm.Alltoall(sent, received),
        GATHER: lambda: comm.Allgather(MPI.IN_PLACE, received),
        SMALL: lambda: [comm.Allgather(MPI.IN_PLACE, small) for _ in range(100)],
        WHOLE: _ours(comm, "fixed-tree"),
    }


WORK = {"step": _beside_torch, "constants": _parts_of_a_step}


def _work(work: str, folder: str, rounds: int) -> None:
    """Time all candidates by turns, on each of the ranks; rank 0 prints the slower one's times."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    candidates = WORK[work](comm, folder)
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    order, draw = list(candidates), random.Random(0)  # the same on all ranks
    for k in range(rounds + 2):
        draw.shuffle(order)
        for name in order:
            candidates[name]()
            comm.Barrier()
            start = time.perf_counter()
            for _ in range(3):
                candidates[name]()
            slowest = comm.allreduce((time.perf_counter() - start) / 3, op=MPI.MAX)
            if k >= 2:
                seconds[name].append(slowest)
    if comm.rank == 0:
        print(json.dumps(seconds))


if __name__ == "__main__":
    _work(sys.argv[1], sys.argv[2], int(sys.argv[3]))
