"""Two builds by turns: `python -m bench.turns PYTHON_BEFORE [PYTHON_AFTER]`.

Each interpreter has a build of schuss. In each of 20 alternations both start anew, since where the
system puts the arrays of a process makes up to a tenth of its time, and are asked for the cases by
turns. Printed are the medians of the time before, and of the ratio of after to before, with its
quartiles. `PYTHON_BEFORE` against itself shows the noise. `--threads 2` takes two threads, and
`--only BFGS` the cases whose names have that in them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections import defaultdict

SERVER = r"""
import json, sys, time
import numpy as np
import schuss

def step(name, sizes, dtype, settings):
    rng = [np.random.default_rng(seed) for seed in (1, 2)]
    p, g = ([r.standard_normal(n).astype(dtype) for n in sizes] for r in rng)
    opt = getattr(schuss, name)(**settings)
    for _ in range(20):
        opt.step(p, g)
    return lambda: opt.step(p, g)

def systems(count, n):
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((count, n, n)), rng.standard_normal((count, n))
    a = a @ a.swapaxes(1, 2) + n * np.eye(n)
    return lambda: schuss.linalg.solve_spd(a, b)

def batch(method, count, n):
    x = np.random.default_rng(1).uniform(-1.0, 1.0, (count, n))
    weight = np.arange(1.0, n + 1.0)
    def fun(x, _):
        return (weight * x**4 + x**2).sum(1), 4.0 * weight * x**3 + 2.0 * x
    return lambda: schuss.minimize_batch(fun, x, method=method, maxiter=10)

for line in sys.stdin:
    (kind, *spec), threads = json.loads(line)
    schuss.config.set_num_threads(threads)
    run = globals()[kind](*spec)
    run()
    t = time.perf_counter()
    run()
    once = time.perf_counter() - t
    count = max(1, int(0.005 / max(once, 1e-7)))
    best = []
    for _ in range(10):
        t = time.perf_counter()
        for _ in range(count):
            run()
        best.append((time.perf_counter() - t) / count)
    print(json.dumps(sorted(best)[2]), flush=True)
"""

CASES = {
    "AdamW, n = 10": ("step", "AdamW", [10], "float32", {}),
    "AdamW, n = 1,000": ("step", "AdamW", [1000], "float32", {}),
    "AdamW, 100 x 100": ("step", "AdamW", [100] * 100, "float32", {}),
    "AdamW, 100 x 1,000": ("step", "AdamW", [1000] * 100, "float32", {}),
    "AdamW, 100,000": ("step", "AdamW", [100_000], "float32", {}),
    "AdamW, 100,000, float64": ("step", "AdamW", [100_000], "float64", {}),
    "AdamW, 1,000,000": ("step", "AdamW", [1_000_000], "float32", {}),
    "AdamW, 4 Mi": ("step", "AdamW", [1 << 22], "float32", {}),
    "AdamW, 4 Mi, max_norm": ("step", "AdamW", [1 << 22], "float32", {"max_norm": 1.0}),
    "SGD, 100,000": ("step", "SGD", [100_000], "float32", {}),
    "SGD, momentum, 100,000": ("step", "SGD", [100_000], "float32", {"momentum": 0.9}),
    "NAdam, 100,000": ("step", "NAdam", [100_000], "float32", {}),
    "RMSprop, 100,000": ("step", "RMSprop", [100_000], "float32", {}),
    "Lion, 100,000": ("step", "Lion", [100_000], "float32", {}),
    "10,000 systems of 8": ("systems", 10_000, 8),
    "BFGS, 4,000 problems of 6": ("batch", "bfgs", 4000, 6),
    "L-BFGS, 4,000 problems of 6": ("batch", "lbfgs", 4000, 6),
}


def ask(server: subprocess.Popen[str], key: str, threads: int) -> float:
    """Return the seconds that a case takes there."""
    assert server.stdin is not None
    assert server.stdout is not None
    print(json.dumps([CASES[key], threads]), file=server.stdin, flush=True)
    return float(server.stdout.readline())


def compare(pythons: tuple[str, str], keys: list[str], threads: int, rounds: int = 20) -> None:
    """Print time after over time before for each case."""
    pairs = defaultdict(list)
    for k in range(rounds):
        servers = [
            subprocess.Popen(
                [python, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for python in pythons
        ]
        for key in keys:
            order = servers if k % 2 else servers[::-1]
            times = {id(s): ask(s, key, threads) for s in order}
            pairs[key].append([times[id(s)] for s in servers])
        for server in servers:
            server.communicate()
    for key in keys:
        low, middle, high = statistics.quantiles((b / a for a, b in pairs[key]), n=4)
        first = statistics.median(a for a, _ in pairs[key])
        print(f"{key:28} {1e6 * first:10.2f} us  {middle:.3f}  ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.turns")
    parser.add_argument("before")
    parser.add_argument("after", nargs="?", default=sys.executable)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    compare((args.before, args.after), [key for key in CASES if args.only in key], args.threads)
