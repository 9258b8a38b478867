"""Fits of data in parts, on any number of ranks."""

from __future__ import annotations

import json
import zlib

import numpy as np
import schuss
from schuss.distributed import factored, stacked, summed

PARTS = 8
N = 5
METHODS = ("lbfgs", "bfgs", "sr1", "newton", "newton_cg")
RNG = np.random.default_rng(3)
LENGTHS = [7, 0, 12, 5, 9, 1, 20, 6]  # of the parts of the data
X = [RNG.standard_normal((m, N)) for m in LENGTHS]
Y = [np.where(x @ np.arange(N) + RNG.standard_normal(len(x)) > 0, 1.0, -1.0) for x in X]
T = [RNG.uniform(0, 5, m) for m in LENGTHS]
R = [3 * np.exp(-t / 2) + 0.4 + 0.02 * RNG.standard_normal(len(t)) for t in T]


def sums(array):
    """Sums of rows in their order, as no BLAS does them."""
    return np.add.accumulate(array, axis=0)[-1] if len(array) else np.zeros(array.shape[1:])


def logistic(w, part):
    """The loss of a logistic regression and its gradient, with a small ridge."""
    x, y = X[part], Y[part]
    z = y * (x * w).sum(axis=1)
    f = sums(np.logaddexp(0, -z)) + 0.01 * (w * w).sum()
    return f, sums((-y / (1 + np.exp(z)))[:, None] * x) + 0.02 * w


def hessian(w, part):
    x, y = X[part], Y[part]
    p = 1 / (1 + np.exp(y * (x * w).sum(axis=1)))
    return sums((p * (1 - p))[:, None, None] * (x[:, :, None] * x[:, None, :])) + 0.02 * np.eye(N)


def product(w, v, part):
    return (hessian(w, part) * v).sum(axis=1)


def decay(p, part):
    t = T[part]
    e = np.exp(-p[1] * t)
    return p[0] * e + p[2] - R[part], np.stack([e, -p[0] * t * e, np.ones_like(t)], axis=1)


def crc(result):
    """Of all arrays of a result."""
    found = 0
    for name in sorted(result):
        value = result[name]
        text = json.dumps(value) if isinstance(value, list) else np.asarray(value).tobytes()
        found = zlib.crc32(text.encode() if isinstance(text, str) else text, found)
    return found


def minimized(method, comm, parts=PARTS):
    settings = {
        "newton": {"hess": summed(hessian, comm, parts)},
        "newton_cg": {"hessp": summed(product, comm, parts)},
    }.get(method, {})
    f = summed(logistic, comm, parts)
    return schuss.minimize(f, np.zeros(N), jac=True, method=method, tol=1e-8, **settings)


def interrupted(comm):
    """A run in which the loss of the last part is an error after some evaluations."""

    def fun(w, part):
        if part == PARTS - 1 and abs(w).max() > 0.1:
            raise ArithmeticError("no such number")
        return logistic(w, part)

    return schuss.minimize(summed(fun, comm, PARTS), np.zeros(N), jac=True)


def fitted(comm, over=stacked, **settings):
    start = np.array([1.0, 1.0, 0.0])
    return schuss.least_squares(over(decay, comm, PARTS), start, jac=True, **settings)


def hashes(comm):
    """Of the results of all methods, which succeed."""
    results = {method: minimized(method, comm) for method in METHODS}
    results |= {over.__name__: fitted(comm, over) for over in (stacked, factored)}
    assert all(result.success for result in results.values())
    return {name: crc(result) for name, result in results.items()}
