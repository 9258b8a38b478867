"""Two builds by turns: `python -m bench.turns PYTHON_BEFORE [PYTHON_AFTER]`.

Each interpreter has a build of schuss. Both run as servers of one thread's clock; a case is timed
20 times in each, in alternation, and the median of the ratios of neighbours is printed with their
quartiles. `PYTHON_BEFORE` against itself shows the noise.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

SERVER = r"""
import json, sys, time
import numpy as np
import schuss

def arrays(sizes, dtype, seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(n).astype(dtype) for n in sizes]

def case(name, sizes, dtype, settings):
    p, g = arrays(sizes, dtype, 1), arrays(sizes, dtype, 2)
    opt = getattr(schuss, name)(**settings)
    for _ in range(20):
        opt.step(p, g)
    return lambda: opt.step(p, g)

cases = {}
for line in sys.stdin:
    key, spec, seconds, threads = json.loads(line)
    schuss.config.set_num_threads(threads)
    run = cases.setdefault(key, None) or case(*spec)
    cases[key] = run
    t = time.perf_counter()
    run()
    once = time.perf_counter() - t
    count = max(1, int(seconds / 10 / max(once, 1e-7)))
    best = []
    for _ in range(10):
        t = time.perf_counter()
        for _ in range(count):
            run()
        best.append((time.perf_counter() - t) / count)
    print(json.dumps(sorted(best)[2]), flush=True)
"""

CASES = {
    "AdamW, n = 10": ("AdamW", [10], "float32", {}),
    "AdamW, n = 1,000": ("AdamW", [1000], "float32", {}),
    "AdamW, 100 x 100": ("AdamW", [100] * 100, "float32", {}),
    "AdamW, 100 x 1,000": ("AdamW", [1000] * 100, "float32", {}),
    "AdamW, 100,000": ("AdamW", [100_000], "float32", {}),
    "AdamW, 100,000, float64": ("AdamW", [100_000], "float64", {}),
    "AdamW, 1,000,000": ("AdamW", [1_000_000], "float32", {}),
    "AdamW, 4 Mi": ("AdamW", [1 << 22], "float32", {}),
    "AdamW, 4 Mi, max_norm": ("AdamW", [1 << 22], "float32", {"max_norm": 1.0}),
    "SGD, 100,000": ("SGD", [100_000], "float32", {}),
    "SGD, momentum, 100,000": ("SGD", [100_000], "float32", {"momentum": 0.9}),
    "NAdam, 100,000": ("NAdam", [100_000], "float32", {}),
    "RMSprop, 100,000": ("RMSprop", [100_000], "float32", {}),
    "Lion, 100,000": ("Lion", [100_000], "float32", {}),
}


def compare(before: str, after: str, rounds: int = 20, threads: int = 1) -> None:
    """Print time after over time before for each case."""
    servers = [
        subprocess.Popen(
            [python, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for python in (before, after)
    ]

    def ask(server: subprocess.Popen[str], key: str, seconds: float) -> float:
        assert server.stdin is not None
        assert server.stdout is not None
        print(json.dumps([key, CASES[key], seconds, threads]), file=server.stdin, flush=True)
        return float(server.stdout.readline())

    for key in CASES:
        for server in servers:
            ask(server, key, 0.02)
        pairs = []
        for k in range(rounds):
            order = servers if k % 2 else servers[::-1]
            times = {id(s): ask(s, key, 0.05) for s in order}
            pairs.append(tuple(times[id(s)] for s in servers))
        ratios = sorted(b / a for a, b in pairs)
        low, middle, high = statistics.quantiles(ratios, n=4)
        first = statistics.median(a for a, _ in pairs)
        print(
            f"{key:28} {1e6 * first:10.2f} us  {middle:.3f}  ({low:.3f} to {high:.3f})", flush=True
        )
    for server in servers:
        server.kill()


if __name__ == "__main__":
    compare(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else sys.executable)
