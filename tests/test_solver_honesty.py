"""Where f or its gradient is not what it should be, a solver does not say that it has converged."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from helpers import METHODS, core_solver, log_cosh
from solver_cases import chained_rosenbrock

# A function that misbehaves costs no more than this.
MOST = 500

NOISE = {"float32": 16, "float64": 4096}  # rounding errors that make two values of f equal


def run(solver, function, dtype, most=MOST):
    """Run to the end. What is returned was told, is finite, and nothing that was told is lower."""
    told, evaluations = {}, 0
    with np.errstate(all="ignore"):
        while not solver.done and evaluations < most:
            x = solver.ask()
            f, g = function(x.astype(np.float64))
            g = np.asarray(g).astype(dtype)
            told[x.tobytes()] = f, g
            solver.tell(f, g)
            evaluations += 1
    assert solver.done
    assert solver.message
    assert solver.nfev == evaluations
    x, g, f = solver.best()
    assert x.dtype == g.dtype == dtype
    assert np.isfinite(x).all()
    assert np.isfinite(g).all()
    assert math.isfinite(f)
    assert f == told[x.tobytes()][0]
    assert (g == told[x.tobytes()][1]).all()
    lowest = min(
        value
        for value, slopes in told.values()
        if math.isfinite(value) and float(np.abs(slopes).max()) < 1e150  # or its square overflows
    )
    epsilon = float(np.finfo(dtype).eps)
    assert f <= lowest + 1.001 * NOISE[np.dtype(dtype).name] * epsilon * abs(lowest)
    return x


# Wrong gradients.


def bowl(x):
    root = np.sqrt(1 + (x - 3) ** 2)
    return float(root.sum()), (x - 3) / root


def parabola(x):
    weights = np.logspace(0, 3, x.size)
    return float(weights @ (x - 1) ** 2) / 2, weights * (x - 1)


def quartic(x):
    return float(((x - 1) ** 4).sum()), 4 * (x - 1) ** 3


FUNCTIONS = {
    "rosenbrock": chained_rosenbrock,
    "log cosh": log_cosh(5, seed=5),
    "bowl": bowl,
    "parabola": parabola,
    "quartic": quartic,
}
START = np.array([-1.2, 1.1, 0.5, -0.7, 1.3])


def random(g):
    return np.random.default_rng(int(1e4 * abs(g[0])) % 2**32).standard_normal(g.size)


WRONG = {
    "sign": lambda g: -g,
    "doubled": lambda g: 2 * g,
    "halved": lambda g: g / 2,
    "one sign": lambda g: g * [1, 1, -1, 1, 1],
    "two swapped": lambda g: g[[1, 0, 2, 3, 4]],
    "offset": lambda g: g + 1,
    "permuted": lambda g: np.roll(g, 1),
    "constant": np.ones_like,
    "random": random,
}


# Methods that learn curvature. Others, such as steepest descent, take thousands of evaluations on
# all but the simplest functions when all is right.
LEARNING = ("lbfgs", "bfgs", "sr1")
CASES = [
    (method, wrong, name)
    for method in METHODS
    for wrong in WRONG
    for name in FUNCTIONS
    if method in LEARNING or name in ("bowl", "quartic")
]


@pytest.mark.parametrize(("method", "wrong", "name"), CASES)
def test_wrong_gradients(method, wrong, name, dtype):
    def function(x):
        f, g = FUNCTIONS[name](x)
        return f, WRONG[wrong](g)

    gtol = 1e-5 if dtype == np.float64 else 1e-3
    solver = core_solver(method, START.astype(dtype), gtol=gtol)
    x = run(solver, function, dtype)
    if wrong in ("doubled", "halved") and method in LEARNING:
        assert solver.status == 5
    # The others may be at the minimum of a simple function before they can tell.
    elif np.abs(FUNCTIONS[name](x.astype(np.float64))[1]).max() > 3 * gtol:
        assert solver.status in (2, 5)


# f or its gradient is not finite.


def log_barrier(x):
    """x.c - sum log x_i - log (5 - sum x); NaN outside. A minimum inside."""
    room = 5 - x.sum()
    c = np.arange(x.size) - 1.0
    f = float(x @ c - np.log(x).sum() - np.log(room))
    return f, c - 1 / x + 1 / room


def wall(bad):
    """f falls to the wall at x1 = 0.3 and is bad, or its gradient is, beyond."""

    def function(x):
        f, g = float(-x[0] + (x[1:] ** 2).sum()), np.concatenate([[-1.0], 2 * x[1:]])
        if x[0] >= 0.3:
            if isinstance(bad, float):
                f = bad
            else:
                g = g * bad
        return f, g

    return function


@pytest.mark.parametrize("gap", [1e-1, 1e-6])
def test_a_barrier_is_no_obstacle(method, gap, dtype):
    start = np.array([gap, 1.0, 2.0, 1.5], dtype)
    solver = core_solver(method, start, gtol=1e-5 if dtype == np.float64 else 1e-3)
    x = run(solver, log_barrier, dtype)
    assert solver.status == 0
    assert (x > 0).all()
    assert np.abs(log_barrier(x.astype(np.float64))[1]).max() <= 1.1e-3


BAD = {
    "nan": math.nan,
    "inf": math.inf,
    "gradient nan": np.array([math.nan, 1, 1]),
    "gradient inf": np.array([1, 1, math.inf]),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("distance", [1e-4, 1.0, 30.0])
def test_a_wall_is_no_minimum(method, bad, distance, dtype):
    solver = core_solver(method, np.array([0.3 - distance, 1.0, -2.0], dtype))
    x = run(solver, wall(BAD[bad]), dtype)
    assert solver.status in (2, 3)
    assert 0.3 - distance < x[0] < 0.3
    assert x[0] > 0.3 - distance / 10


def test_a_start_that_is_not_finite(method, dtype):
    for f, g in (
        (math.nan, [1.0, 2.0]),
        (math.inf, [1.0, 2.0]),
        (-math.inf, [1.0, 2.0]),
        (1.0, [math.nan, 2.0]),
        (1.0, [1.0, -math.inf]),
    ):
        solver = core_solver(method, np.array([3.0, 4.0], dtype))
        solver.tell(f, np.array(g, dtype))
        assert solver.done
        assert (solver.status, solver.nfev, solver.nit) == (3, 1, 0)
        assert solver.best()[0].tolist() == [3, 4]
        with pytest.raises(RuntimeError, match="done"):
            solver.ask()


def test_nothing_is_finite_but_the_start(method, dtype):
    start = np.array([1.0, 2.0], dtype)

    def function(x):
        return (3.0 if (x == start).all() else math.nan), np.array([1.0, -1.0])

    solver = core_solver(method, start)
    x = run(solver, function, dtype)
    assert (x == start).all()
    assert solver.status in (2, 3)


# No minimum.


@pytest.mark.parametrize("value", [0.0, 1.0, -1e8])
def test_f_that_does_not_change(method, value, dtype):
    solver = core_solver(method, START.astype(dtype))
    run(solver, lambda x: (value, np.linspace(-1, 2, 5)), dtype)
    assert solver.status in (2, 5)


UNBOUNDED = {
    "linear": lambda x: (float(x @ [1.0, -2, 3, 1, 1]), np.array([1.0, -2, 3, 1, 1])),
    "concave": lambda x: (-float(x @ x), -2 * x),
    "exponential": lambda x: (-float(np.exp(x).sum()), -np.exp(x)),
    "hyperbola": lambda x: (-math.sqrt(1 + float(x @ x)), -x / math.sqrt(1 + float(x @ x))),
    "cubic": lambda x: (float((x**3).sum()), 3 * x * x),
    "saddle": lambda x: (float(x @ (x * [1, 1, -1, 1, 1])), 2 * x * [1, 1, -1, 1, 1]),
}


@pytest.mark.parametrize("name", UNBOUNDED)
def test_unbounded_functions(method, name, dtype):
    solver = core_solver(method, START.astype(dtype))
    x = run(solver, UNBOUNDED[name], dtype)
    # Where the gradient overflows, steps on are no worse than others that are not finite.
    if (method, name) != ("sr1", "exponential") or solver.status != 2:
        assert solver.status == 4
        assert "unbounded" in solver.message
    assert UNBOUNDED[name](x.astype(np.float64))[0] < -1e6


@pytest.mark.parametrize("second", [math.nan, math.inf, 100.0])
@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "gradient_descent"])
def test_f_that_changes_its_mind(method, second, dtype):
    """A search that ends early asks for its best point again; f is another one there by then."""
    paths = []
    for copied in (False, True):
        solver = core_solver(method, START.astype(dtype), maxls=2, c2=0.01, maxfun=400)
        path, repeated = [], 0
        while not solver.done:
            if copied:
                solver = pickle.loads(pickle.dumps(solver))
            x = solver.ask()
            f, g = chained_rosenbrock(x.astype(np.float64))
            if x.tolist() in path:
                repeated += 1
                f, g = second, g * second
            path.append(x.tolist())
            solver.tell(f, g.astype(dtype))
        assert repeated > 0
        assert solver.status != 0
        x, g, f = solver.best()
        assert np.isfinite(x).all()
        assert np.isfinite(g).all()
        assert math.isfinite(f)
        paths.append((path, solver.message))
    assert paths[0] == paths[1]
