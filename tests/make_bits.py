"""Writes data/bits.json, which every machine compares with: `python tests/make_bits.py`.

Inputs are made of + - * / and roots in a fixed order: the bits of `sum`, `@` and `exp` depend on
the machine.
"""

from __future__ import annotations

import itertools
import json
import math
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import schuss
from cases import CASES, VARIANTS
from schuss.solvers.minimize import METHODS

STORED = Path(__file__).parent / "data" / "bits.json"
DTYPES = ("float32", "float64")
SOLVERS = {
    **{name: {} for name in METHODS},
    "newton, line search": {"globalization": "line_search"},
    "newton, none": {"globalization": "none"},
}
LARGE = 450  # variables or unknowns for which three threads meet in one factorization
COUNT = 50  # problems of a batch that three threads share, and whose last lanes are not full


def numbers(count, dtype, seed=1):
    """From -1 to 1, by a linear congruence."""
    out = np.empty(count, dtype)
    for k in range(count):
        seed = (seed * 1103515245 + 12345) % 2**31
        out[k] = seed / 2**30 - 1.0
    return out


def crc(*arrays):
    value = 0
    for a in arrays:
        value = zlib.crc32(np.ascontiguousarray(a).tobytes(), value)
    return value


def positive(n, dtype, seed=1):
    """A positive definite matrix: off the diagonal small, in its rows together below it."""
    a = numbers(n * n, dtype, seed).reshape(n, n)
    a = a + a.T
    a[np.diag_indices(n)] = numbers(n, dtype, seed + 1) + dtype(2 * n + 2)
    return a


def hills(x, bent=0.0):
    return hills_at(tuple(map(float, x)), bent)


@cache  # as every way of computing asks for the same points
def hills_at(x, bent):
    """Value, gradient and dense Hessian, in order; convex where bent = 0.

    The sum of sqrt(1 + d²) + e⁴ / 4 - bent e², e = x[i + 1] - x[i], and of s² / 2, where s is the
    sum of x[i] / (i + 1).
    """
    n, f, s = len(x), 0.0, 0.0
    g, shares = np.zeros(n), 1.0 / np.arange(1.0, n + 1.0)
    h = shares[:, None] * shares
    for i in range(n):
        d = x[i] - 3.0 / (i + 1)
        root = math.sqrt(1.0 + d * d)
        f += root
        s += x[i] / (i + 1)
        g[i] += d / root
        h[i, i] += 1.0 / (root * root * root)
        if i + 1 < n:
            e = x[i + 1] - x[i]
            f += (0.25 * (e * e) - bent) * (e * e)
            slope, curvature = (e * e - 2.0 * bent) * e, 3.0 * (e * e) - 2.0 * bent
            g[i] -= slope
            g[i + 1] += slope
            h[i, i] += curvature
            h[i + 1, i + 1] += curvature
            h[i, i + 1] -= curvature
            h[i + 1, i] -= curvature
    g += s * shares
    g.flags.writeable = h.flags.writeable = False
    return f + 0.5 * s * s, g, h


def solver(name, dtype, n=37, bent=0.0, maxiter=12):
    method, options = name.split(",")[0], SOLVERS[name]
    seen = []

    def value(x):
        f, g, _ = hills(x, bent)
        seen.append(x.copy())
        return f, g.astype(dtype)

    more = dict(options)
    if method == "newton":
        more["hess"] = lambda x: hills(x, bent)[2]
    if method == "newton_cg":

        def product(x, v):
            h, out = hills(x, bent)[2], np.zeros(n)
            for j in range(n):
                out = out + h[:, j] * float(v[j])
            return out.astype(dtype)

        more["hessp"] = product
    start = numbers(n, dtype, 5)
    more["options"] = {"maxiter": maxiter}
    result = schuss.minimize(value, start, jac=True, method=method, **more)
    return crc(*seen, result.x)


def batch(name, dtype, n):
    """Problem k is bent by k / COUNT."""
    method, seen = name.split(",")[0], []
    wanted = 3 if method == "newton" else 2

    def values(x, index):
        seen.append(x.copy())
        each = [hills(row, k / COUNT) for row, k in zip(x, index.tolist(), strict=True)]
        f, g, h = map(np.array, zip(*each, strict=True))
        return (f, g.astype(dtype), h)[:wanted]

    starts = numbers(COUNT * n, dtype, 5).reshape(COUNT, n)
    options = {"maxiter": 12} | SOLVERS[name]
    result = schuss.minimize_batch(values, starts, method=method, options=options)
    return crc(*seen, result.x)


def rule(case, dtype, common):
    n, shapes = 1037, ((1037,), (3, 7), (129,))
    params = [numbers(math.prod(s), dtype, 3).reshape(s) for s in shapes]
    opt = case.make(**common)
    for t in range(5):
        grads = [numbers(math.prod(s), dtype, 7 + t).reshape(s) for s in shapes]
        opt.step(params, grads)
    assert params[0].size == n
    return crc(*params)


def table():
    """Name -> CRC of everything."""
    bits = {}
    for name in DTYPES:
        dtype = np.dtype(name).type
        for case in [*CASES, *VARIANTS]:
            for label, common in (("", {}), (", max_norm", {"max_norm": 0.5})):
                bits[f"{case}{label} {name}"] = rule(case, dtype, common)
        for n in (1, 15, 4097, 9001):
            g = numbers(n, dtype)
            bits[f"norm {n} {name}"] = crc(np.float64(schuss.clipping.global_norm(g)))
        for first, last in ((1, 8), (9, 40), (41, 100), (101, 200), (LARGE, LARGE)):
            orders = range(first, last + 1)
            a, b = positive(last, dtype), numbers(last * 5, dtype, 9).reshape(last, 5)
            factors = [schuss.linalg.cholesky(a[:n, :n]) for n in orders]
            solutions = [schuss.linalg.solve_spd(a[:n, :n], b[:n]) for n in orders]
            bits[f"cholesky {first} to {last} {name}"] = crc(*factors)
            bits[f"solve_spd {first} to {last} {name}"] = crc(*solutions)
        for n in (4, 21, 40):
            a = np.stack([positive(n, dtype, s) for s in range(7)])
            b = numbers(7 * n, dtype, 9).reshape(7, n)
            bits[f"batch of solve_spd {n} {name}"] = crc(schuss.linalg.solve_spd(a, b))
        for method, bent in itertools.product(SOLVERS, (0.0, 1.0)):
            bits[f"{method}, bent {bent:g} {name}"] = solver(method, dtype, bent=bent)
        for method in SOLVERS:
            if method.split(",")[0] == "newton":
                bits[f"{method} {LARGE} {name}"] = solver(method, dtype, LARGE, maxiter=3)
            if method != "newton_cg":
                for n in (7, 33):  # solvers of more than 32 variables share no lanes
                    bits[f"batch of {method} {n} {name}"] = batch(method, dtype, n)
    return bits


if __name__ == "__main__":
    STORED.write_text(json.dumps(table(), indent=1) + "\n")
