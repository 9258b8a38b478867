"""The ways to solve positive definite systems: ours, SciPy's, NumPy's and torch's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from bench.cases import Array
from bench.peers import optional

Solve = Callable[[Array, Array], Callable[[], object]]


def schuss(a: Array, b: Array) -> Callable[[], object]:
    """Ours, of one system or a batch."""
    return partial(optional("schuss").linalg.solve_spd, a, b)


def scipy(a: Array, b: Array) -> Callable[[], object]:
    """LAPACK's Cholesky, without checks."""
    linalg = optional("scipy.linalg")
    return lambda: linalg.cho_solve(linalg.cho_factor(a, check_finite=False), b, check_finite=False)


def numpy(a: Array, b: Array) -> Callable[[], object]:
    """LU, as NumPy has no other."""
    right = b if a.ndim == 2 else b[..., None]
    return partial(np.linalg.solve, a, right)


def torch(a: Array, b: Array) -> Callable[[], object]:
    """Cholesky, of a batch."""
    package = optional("torch")
    matrix, right = package.from_numpy(a), package.from_numpy(b)[..., None]
    return lambda: package.cholesky_solve(right, package.linalg.cholesky(matrix))


ONE: dict[str, Solve] = {"schuss": schuss, "SciPy": scipy, "NumPy": numpy}
MANY: dict[str, Solve] = {"schuss": schuss, "NumPy": numpy, "torch": torch}
