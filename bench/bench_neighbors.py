"""Limits set elsewhere and steps beside each other: `python -m bench.bench_neighbors`."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import schuss
import threadpoolctl


def cpu_over_wall(n: int = 40_000_000, repeats: int = 7) -> float:
    """Return CPU time over wall time of a step, the median of several."""
    p, g = np.zeros(n, np.float32), np.ones(n, np.float32)
    optimizer = schuss.SGD()
    optimizer.step(p, g)
    ratios = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        optimizer.step(p, g)
        ratios.append((time.process_time() - cpu) / (time.perf_counter() - wall))
    return statistics.median(ratios)


def beside_each_other(n: int, repeats: int = 7) -> float:
    """Return wall time of 4 optimizers in 4 threads over that of one after another."""
    steps = max(10, 80_000_000 // n)
    jobs = [(schuss.Adam(), np.zeros(n, np.float32), np.ones(n, np.float32)) for _ in range(4)]

    def work(optimizer: Any, p: Any, g: Any) -> None:
        for _ in range(steps):
            optimizer.step(p, g)

    def together() -> None:
        workers = [threading.Thread(target=work, args=job) for job in jobs]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def in_turn() -> None:
        for job in jobs:
            work(*job)

    def seconds(run: Callable[[], None]) -> float:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    in_turn()
    together()
    return statistics.median(seconds(together) / seconds(in_turn) for _ in range(repeats))


if __name__ == "__main__":
    with threadpoolctl.threadpool_limits(1):
        print(f"CPU over wall under threadpool_limits(1): {cpu_over_wall():.3f}")
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        found = joblib.Parallel()(joblib.delayed(cpu_over_wall)() for _ in range(1))
    print(f"CPU over wall in a joblib worker: {found[0]:.3f}")
    for n in (10_000, 1_000_000, 4_000_000, 10_000_000):
        print(f"4 threads over one after another, n = {n:,}: {beside_each_other(n):.3f}")
