"""A step of a model on two ranks, one thread each, against PyTorch's sharded optimizer.

`measure` starts this file on two ranks by mpiexec: ours talks over MPI, torch over gloo, in the
same processes, by turns. Everyone has the gradients of one micro-batch a rank in its own arrays.
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
from collections.abc import Callable, Iterator
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
ROOT = Path(__file__).parents[1]


def measure(plan: Plan) -> Iterator[Comparison]:
    """A step on two ranks: gradients averaged, states in shards, parameters exchanged."""
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent)]))
    label = f"{TENSORS} x {LENGTH} float32 on {RANKS} ranks"
    if mpiexec is None:
        skipped = dict.fromkeys((NATIVE, TREE, GLOO, FUSED, FOREACH), "needs mpi4py and mpich")
        yield Comparison(label, {}, skipped, "ranks", TENSORS, LENGTH)
        return
    with tempfile.TemporaryDirectory() as folder:
        worker = [sys.executable, "-m", "bench.bench_ranks", folder, str(plan.settings.rounds)]
        single = {"OMP_NUM_THREADS": "1", "SCHUSS_NUM_THREADS": "1"}
        output = subprocess.run(
            [mpiexec, "-n", str(RANKS), *worker],
            cwd=ROOT,
            env={**os.environ, **single},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    seconds = json.loads(output.splitlines()[-1])
    # States and parameters of a shard, read and written, and gradients and parameters sent.
    moved = 4 * TENSORS * LENGTH * (7 / RANKS + 2)
    timings = {name: Timing(tuple(of), 1, moved) for name, of in seconds.items()}
    yield Comparison(label, timings, {}, "ranks", TENSORS, LENGTH)


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


def _work(folder: str, rounds: int) -> None:
    """Time all candidates by turns, on each of the ranks; rank 0 prints the slower one's times."""
    from mpi4py import MPI

    torch = peers.optional("torch")
    schuss = peers.optional("schuss")
    torch.set_num_threads(1)
    schuss.config.set_num_threads(1)
    comm = MPI.COMM_WORLD
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/ranks", rank=comm.rank, world_size=comm.size
    )
    candidates = {
        NATIVE: _ours(comm, "native"),
        TREE: _ours(comm, "fixed-tree"),
        GLOO: _ours(schuss.distributed.torch_group(), "fixed-tree"),
        FUSED: _torch(fused=True),
        FOREACH: _torch(foreach=True),
    }
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
    _work(sys.argv[1], int(sys.argv[2]))
