"""Solvers equal their NumPy twins bit for bit; their bits depend on no ISA, thread or pickle."""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
import pickle

import numpy as np
import pytest
import reference
import schuss
from helpers import METHODS, core_solver, same_bits, ways
from schuss import _core
from solver_cases import SEARCHING

NOISE = {"float32": 16.0, "float64": 4096.0}  # rounding errors of f, as in cpp/solvers/run.cpp


def hills(x):
    """Not convex, and curved from 1 to 1000; the gradient in the dtype of x, all else in double."""
    n, dtype = x.size, x.dtype
    x = x.astype(np.float64)
    weights, centers = np.logspace(0, 3, n), np.cos(np.arange(n))
    z = x - centers
    near = np.roll(x, 1) - x
    root, square = np.sqrt(1 + z * z), z * z
    f = (weights * (root - 1) + 0.1 * square * square + near * near + np.cos(3 * z)).sum()
    g = weights * z / root + 0.4 * square * z - 3 * np.sin(3 * z)
    return float(f), (g + 2 * (2 * x - np.roll(x, 1) - np.roll(x, -1))).astype(dtype)


def start(n, dtype):
    return (3 * np.sin(1.0 + np.arange(n))).astype(dtype)


# The twin. Each model knows H; the run around them is the same.


class PairHistory:
    def __init__(self, n, scale, dtype, m):
        self.pairs, self.gamma, self.dtype, self.m = [], scale, dtype, m

    def learn(self, pair, **_):
        self.pairs = [*self.pairs, pair][-self.m :]
        s, y = pair
        self.gamma = reference.dot(s, y) / reference.dot(y, y)

    def direction(self, g):
        return reference.lbfgs_direction(self.pairs, g, self.gamma, self.dtype)


class DenseInverse:
    dtype = np.float64

    def __init__(self, n, scale, dtype, m):
        self.n, self.h, self.updates, self.lesson = n, scale * np.eye(n), 0, None
        self.before = None

    def learn(self, pair, *, s_b_s, keep, damp, **_):
        growth = max(s_b_s / reference.dot(*pair), 1.0)
        if self.updates == 0 or self.updates >= 2 * self.n:
            growth = 1.0 if self.updates else None
        before = self.before if s_b_s >= 0.9 * reference.dot(*pair) else None
        self.lesson = pair, before, keep, damp, growth
        self.before = pair
        self.updates += 1

    def direction(self, g):
        if self.lesson:
            self.h, self.d = reference.bfgs_direction(self.h, g, self.d, *self.lesson)
        else:
            u = reference.symmetric_product(self.h, np.asarray(g, np.float64))
            self.d = reference.combination(g, 0.0, [u], [-1.0], np.float64)
        return self.d


class Steepest:
    def __init__(self, n, scale, dtype, m):
        self.scale, self.dtype = scale, dtype

    def learn(self, pair, *, g_new, **_):
        s, y = pair
        squares = reference.sum_squares(g_new)
        self.scale = (reference.dot(s, y) - reference.dot(s, g_new)) / squares

    def direction(self, g):
        return reference.combination(g, -self.scale, [], [], self.dtype)


MODELS = {"lbfgs": PairHistory, "bfgs": DenseInverse, "gradient_descent": Steepest}


@functools.cache
def twin_run(method, n, dtype, directions, steps, m=3, damping=False, c2=0.9):
    """What is asked for and told on the way to so many steps; how many pairs were damped."""
    x = start(n, dtype)
    f, g = hills(x)
    # A small value makes the first step short, of which damped pairs come.
    size = math.sqrt(reference.sum_squares(x) * reference.sum_squares(g))
    shift = f - 1e-3 * size if damping else 0.0
    f -= shift
    told, lowest, damped = [(x, f, g)], f, 0
    noise = NOISE[dtype] * float(np.finfo(dtype).eps)
    model = MODELS[method](n, reference.first_scale(x, f, g), directions, m)
    for _ in range(steps):
        d = model.direction(g)
        slope = reference.dot(g, d)
        search = _core.LineSearch(
            value=f,
            slope=slope,
            first_step=1.0,
            noise=noise * abs(lowest),
            c1=1e-4,
            c2=c2,
            max_step=1e10,
            max_evaluations=20,
            patience=2,
        )
        verdict = "continue"
        while verdict == "continue":
            step = search.step
            x_new = reference.advance(x, d, step)
            f_new, g_new = hills(x_new)
            f_new -= shift
            told.append((x_new, f_new, g_new))
            lowest = min(lowest, f_new)
            slope_new = reference.dot(g_new, d)
            verdict = search.tell(f_new, slope_new)
        assert verdict == "accept"
        s_b_s, s_y = -step * step * slope, step * (slope_new - slope)
        keep = damp = 0.0
        if damping and s_y < 0.2 * s_b_s:
            keep = (1.0 - 0.2) * s_b_s / (s_b_s - s_y)
            damp = (1.0 - keep) * step
            damped += 1
        else:
            keep = 1.0
        pair = reference.curvature_pair(d, step, g, g_new, keep, damp)
        model.learn(pair, s_b_s=s_b_s, keep=keep, damp=damp, g_new=g_new)
        x, f, g = x_new, f_new, g_new
    return told, damped


def check_against_twin(solver, told):
    for k, (x, f, g) in enumerate(told):
        assert same_bits(solver.ask(), x), f"point {k} of {len(told)}"
        solver.tell(f, g)


DTYPES = {
    "64": ("float64", "float64"),
    "32": ("float32", "float32"),
    "64, history 32": ("float64", "float32"),
    "32, history 64": ("float32", "float64"),
}


def lbfgs(n, dtypes, **options):
    dtype, history_dtype = DTYPES[dtypes]
    x0 = start(n, dtype)
    return core_solver("lbfgs", x0, gtol=0.0, history_dtype=history_dtype, **options)


@pytest.mark.parametrize("dtypes", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 4095, 4096, 4097, 9001])
def test_lbfgs_equals_its_twin(n, dtypes, isa):
    """c2 is small, so that searches interpolate: the bits of slopes are in the points."""
    told, _ = twin_run("lbfgs", n, *DTYPES[dtypes], steps=4 if n <= 2 else 12, c2=0.2)
    assert n <= 2 or len(told) > 15
    check_against_twin(lbfgs(n, dtypes, history_size=3, c2=0.2), told)


@pytest.mark.parametrize("dtypes", DTYPES)
@pytest.mark.parametrize(("n", "m"), [(97, 10), (97, 1), (20_011, 10)])
def test_lbfgs_equals_its_twin_with_any_memory(n, m, dtypes, isa, threads):
    told, _ = twin_run("lbfgs", n, *DTYPES[dtypes], steps=14, m=m)
    for n_threads in (1, 2, 5):
        threads(n_threads)
        check_against_twin(lbfgs(n, dtypes, history_size=m), told)


@pytest.mark.parametrize("dtypes", DTYPES)
def test_damped_lbfgs_equals_its_twin(dtypes, isa):
    told, damped = twin_run("lbfgs", 17, *DTYPES[dtypes], steps=12, damping=True, c2=0.999)
    assert damped >= 1
    check_against_twin(lbfgs(17, dtypes, history_size=3, damping=True, c2=0.999), told)


def test_large_lbfgs_equals_its_twin(dtype, isa, threads):
    """So many elements that each kernel is shared out among threads."""
    n, name = 140_003, np.dtype(dtype).name
    told, _ = twin_run("lbfgs", n, name, name, steps=3)
    for n_threads in (1, 2, 5):
        threads(n_threads)
        check_against_twin(lbfgs(n, name[-2:], history_size=3), told)


@pytest.mark.parametrize("damping", [False, True])
@pytest.mark.parametrize("n", [1, 2, 15, 17, 63, 64, 65, 130])
def test_bfgs_equals_its_twin(n, damping, dtype, isa):
    c2 = 0.999 if damping else 0.5
    name = np.dtype(dtype).name
    told, damped = twin_run(
        "bfgs", n, name, "float64", steps=4 if n <= 2 else 12, damping=damping, c2=c2
    )
    assert (damped > 0) == damping
    solver = core_solver("bfgs", start(n, dtype), gtol=0.0, damping=damping, c2=c2)
    check_against_twin(solver, told)


def test_large_bfgs_equals_its_twin(isa, threads):
    """So many tiles that they are shared out among threads."""
    n = 1153
    told, _ = twin_run("bfgs", n, "float64", "float64", steps=4)
    for n_threads in (1, 2, 5):
        threads(n_threads)
        check_against_twin(core_solver("bfgs", start(n, "float64"), gtol=0.0), told)


@pytest.mark.parametrize("n", [1, 17, 4097])
def test_gradient_descent_equals_its_twin(n, dtype, isa):
    name = np.dtype(dtype).name
    told, _ = twin_run("gradient_descent", n, name, name, steps=4 if n <= 2 else 12)
    check_against_twin(core_solver("gradient_descent", start(n, dtype), gtol=0.0), told)


ends = pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 63, 4096, 4097, 9001])


# Of an element of the second gradient: status and steps.
ENDS = {2e-5: (-1, 1), -0.9e-5: (0, 1), np.nan: (-1, 0), np.inf: (-1, 0)}


def places(n):
    return {0, n // 2, n - 2, n - 1} - {-1}


@ends
def test_every_element_of_a_gradient_counts(n, dtype, isa):
    """The largest one decides, and one that is not finite, wherever it is: at the first point..."""
    for k in places(n):
        for value, status in ((2e-5, -1), (-2e-5, -1), (-0.9e-5, 0), (np.nan, 3), (-np.inf, 3)):
            g = np.full(n, 1e-7, dtype)
            g[k] = value
            solver = core_solver("gradient_descent", np.zeros(n, dtype))
            solver.tell(1.0, g)
            assert solver.status == status


@ends
def test_every_element_of_a_gradient_counts_at_each_step(n, dtype, isa):
    """... and at those after it: the second trial is one of a back-out if an element is NaN."""
    for k in places(n):
        for value, (status, steps) in ENDS.items():
            g = np.full(n, -0.5 / np.sqrt(n), dtype)
            solver = core_solver("lbfgs", np.zeros(n, dtype))
            solver.tell(1.0, g)
            g[:] = 1e-7
            g[k] = value
            first = solver.ask()
            solver.tell(0.8, g)
            assert (solver.status, solver.nit) == (status, steps)
            if steps == 0:
                np.testing.assert_allclose(solver.ask(), 0.1 * first, rtol=1e-6)


# One hash.


def coupled(x):
    """Hills, and the square of a sum in which every variable is."""
    f, g = hills(x)
    shares = 1 / np.arange(1.0, x.size + 1)
    s = (shares * x).sum()
    return f + 4 * s * s, (g + 8 * s * shares).astype(x.dtype)


def times_hessian(x, v):
    """The Hessian of `coupled` times v, or times each column of v."""
    n = x.size
    weights, z, shares = np.logspace(0, 3, n), x - np.cos(np.arange(n)), 1 / np.arange(1.0, n + 1)
    diagonal = weights / np.sqrt(1 + z * z) ** 3 + 1.2 * z * z - 9 * np.cos(3 * z) + 4
    by_rows = (slice(None), *[None] * (v.ndim - 1))
    near = np.roll(v, 1, axis=0) + np.roll(v, -1, axis=0)
    sums = (shares[by_rows] * v).sum(axis=0)
    return diagonal[by_rows] * v - 2 * near + 8 * shares[by_rows] * sums


def run(method, n, dtype, pickled=False, **options):
    """A hash of all points asked for, and of how the run ended."""
    solver = core_solver(method, start(n, dtype), **options)
    digest = hashlib.sha256()
    while not solver.done:
        if pickled:
            solver = pickle.loads(pickle.dumps(solver))
        x = solver.ask()
        digest.update(x.tobytes())
        if solver.request == "hessian":
            solver.tell_hessian(times_hessian(x, np.eye(n)))
        elif solver.request == "hessian_product":
            v = solver.direction()
            digest.update(v.tobytes())
            solver.tell_product(times_hessian(x, v).astype(dtype))
        else:
            solver.tell(*coupled(x))
    if pickled:
        solver = pickle.loads(pickle.dumps(solver))
    x, g, f = solver.best()
    digest.update(x.tobytes() + g.tobytes())
    end = f, solver.nit, solver.nfev, solver.status, solver.message
    return digest.hexdigest(), end, solver.result()["second_order"]


# Searches that end early have points asked for again, others that fail, and searches begun anew.
OPTIONS = {
    "usual": {},
    "short searches": {"maxls": 2, "c2": 0.1, "damping": True},
    "one trial": {"maxls": 1, "c1": 0.3},
    "rounding": {"gtol": 0.0},
    "history 32": {"history_dtype": "float32", "history_size": 3},
    "line search": {"globalization": "line_search"},
    "short line searches": {"globalization": "line_search", "maxls": 2, "c2": 0.1},
    "plain steps": {"globalization": "none", "learning_rate": 0.9},
}
RUNS = [
    *itertools.product(METHODS, ("usual", "rounding")),
    *itertools.product(SEARCHING, ("short searches", "one trial")),
    ("lbfgs", "history 32"),
    *itertools.product(("newton", "newton_cg"), ("usual", "rounding")),
    *(("newton", options) for options in ("line search", "short line searches", "plain steps")),
]


# Variables and evaluations: with many variables too few of these for a tolerance to matter.
SIZES = {"few": (3, 400), "some": (130, 60)}
MANY = {"bfgs": (1153, 12), "sr1": (1153, 12), "newton": (450, 5), "newton_cg": (140_003, 8)}
SIZED_RUNS = [
    (*run, size)
    for run, size in itertools.product(RUNS, (*SIZES, "many"))
    if (run[1], size) != ("rounding", "many")
]


@pytest.mark.parametrize(("method", "options", "size"), SIZED_RUNS, ids=str)
def test_one_hash(method, options, size, dtype, threads):
    """ISA x threads, and copies from pickles at every evaluation: one hash of full runs."""
    n, maxfun = MANY.get(method, (20_011, 30)) if size == "many" else SIZES[size]
    turn = RUNS.index((method, options)) + (dtype == np.float64)
    options = {"maxfun": maxfun} | OPTIONS[options]
    threads(1)
    expected = run(method, n, dtype, **options)
    assert expected[1][2] >= 3  # evaluations
    for isa, n_threads in ways(turn, (1, 2, 5)):
        threads(n_threads)
        with schuss.config.use_isa(isa):
            assert run(method, n, dtype, **options) == expected
    threads(2)
    assert run(method, n, dtype, pickled=True, **options) == expected


@ends
def test_every_element_of_a_gradient_counts_in_a_trust_region(n, dtype, isa):
    """As above, with products with the identity for the step and for the curvature."""
    for k in places(n):
        for value, (status, steps) in ENDS.items():
            g = np.full(n, -0.5 / np.sqrt(n), dtype)
            solver = core_solver("newton_cg", np.zeros(n, dtype))
            solver.tell(1.0, g)
            solver.tell_product(solver.direction())
            assert solver.request == "value_and_gradient"
            g[:] = 1e-7
            g[k] = value
            solver.tell(0.875, g)
            while solver.request == "hessian_product":
                solver.tell_product(solver.direction())
            assert (solver.status, solver.nit) == (status, steps)
