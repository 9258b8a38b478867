"""Bounds of the trust-region methods: steps in a box, faces, and what is a minimum there."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import scipy.optimize
from helpers import CLASSES, same_bits
from schuss import minimize, minimize_batch

from problems.bounded import bounded_problems

METHODS = ["newton", "newton_cg", "sr1"]
CURVED = METHODS[:2]  # they know whether they are at a minimum


class Function:
    """Value, gradient and Hessian, each seen only within the bounds."""

    def __init__(self, value, gradient, hessian, lower, upper):
        self.value, self.gradient, self.hessian = value, gradient, hessian
        self.lower, self.upper = np.asarray(lower), np.asarray(upper)
        self.points = []

    def look(self, x):
        assert (self.lower <= x).all(), x - self.lower
        assert (x <= self.upper).all(), self.upper - x
        return x

    def both(self, x):
        self.points.append(self.look(x).copy())
        return self.value(x), self.gradient(x)

    def second(self, x):
        return self.hessian(self.look(x))

    def pairs(self, n):
        return list(
            zip(np.broadcast_to(self.lower, n), np.broadcast_to(self.upper, n), strict=True)
        )

    def solve(self, method, x0, **options):
        x0 = np.asarray(x0)
        options.setdefault("bounds", self.pairs(x0.size))
        if method == "newton":
            options["hess"] = self.second
        elif method == "newton_cg":
            options["hessp"] = lambda x, v: (self.second(x) @ v).astype(v.dtype)
        result = minimize(self.both, x0, jac=True, method=method, **options)
        self.look(result.x)
        assert result.fun == self.value(result.x)
        return result

    def projected(self, x):
        g = self.gradient(x)
        return np.where(g < 0, np.maximum(x - self.upper, g), np.minimum(x - self.lower, g))


def rosenbrock(lower=-np.inf, upper=np.inf):
    return Function(
        lambda x: scipy.optimize.rosen(x),
        scipy.optimize.rosen_der,
        scipy.optimize.rosen_hess,
        lower,
        upper,
    )


def quadratic(h, g, lower, upper):
    return Function(lambda x: x @ (h @ x / 2 + g), lambda x: h @ x + g, lambda _: h, lower, upper)


def random_quadratic(seed, n, least):
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    h = q * np.geomspace(1, 100, n) @ q.T
    if least < 0:
        h -= (h @ q[:, :3]) @ q[:, :3].T + 50 * q[:, -3:] @ q[:, -3:].T
        h = (h + h.T) / 2
    return quadratic(h, 5 * rng.standard_normal(n), -rng.random(n), rng.random(n))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ([-2, -2, -2, -2], [0.5, 2, 2, 2]),
        ([-2, 0.3, -1, 0.2], [0.8, 2, 0.9, 2]),
        ([1.2, -1, -1, -1], [3, 3, 3, 3]),
        ([-9, -9, -9, -9], [9, 9, 9, 9]),
        ([-np.inf, 0.5, -np.inf, -np.inf], [np.inf, np.inf, 0.1, np.inf]),
    ],
)
def test_minima_are_those_of_scipy(method, lower, upper):
    f = rosenbrock(lower, upper)
    result = f.solve(method, [0.1, 0.6, -0.5, 0.7], gtol=1e-9)
    theirs = scipy.optimize.minimize(
        f.value,
        np.clip([0.1, 0.6, -0.5, 0.7], lower, upper),
        jac=f.gradient,
        method="L-BFGS-B",
        bounds=f.pairs(4),
        options={"ftol": 0, "gtol": 1e-9},
    )
    assert result.success
    assert abs(f.projected(result.x)).max() <= 1e-9
    assert abs(result.fun - theirs.fun) <= 1e-12 * (1 + abs(theirs.fun))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(6))
def test_convex_quadratics(method, seed):
    f = random_quadratic(seed, 20, 1)
    result = f.solve(method, np.zeros(20))
    assert result.success
    assert abs(f.projected(result.x)).max() <= 1e-5
    at_bound = (result.x == f.lower) | (result.x == f.upper)
    assert at_bound.sum() >= 3
    assert not at_bound.all()
    # Nothing is left within rounding of a bound that it should be at.
    assert min(abs(result.x - f.lower)[~at_bound]) > 1e-9
    assert min(abs(result.x - f.upper)[~at_bound]) > 1e-9
    if method == "newton":
        assert result.nfev <= 10
        assert result.is_minimum


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(6))
def test_indefinite_quadratics_end_in_local_minima(method, seed):
    f = random_quadratic(seed, 15, -1)
    result = f.solve(method, np.zeros(15))
    assert result.success
    assert abs(f.projected(result.x)).max() <= 1e-5
    free = (f.lower < result.x) & (result.x < f.upper)
    if method in CURVED:
        assert result.is_minimum
        if free.any():
            curvatures = np.linalg.eigvalsh(f.hessian(result.x)[np.ix_(free, free)])
            assert curvatures[0] > 0
            assert curvatures[0] * (1 - 1e-9) <= result.min_curvature <= curvatures[-1]


@pytest.mark.parametrize("method", METHODS)
def test_rounds_reach_the_first_bound(method):
    """Shortened by halves alone they end beside it: hundreds of evaluations."""
    (problem,) = (p for p in bounded_problems(9) if p.name == "watson n=9, Gay's bounds")
    f = Function(problem.fun, problem.gradient, problem.hessian, problem.lower, problem.upper)
    result = f.solve(method, problem.start)
    assert result.success
    assert result.nfev <= {"newton": 20, "newton_cg": 60, "sr1": 150}[method]


@pytest.mark.parametrize("method", METHODS)
def test_fixed_variables_stay(method):
    f = rosenbrock([-2, 0.25, -2, 0.1], [2, 0.25, 2, 0.1])
    result = f.solve(method, [-1.2, 1, 1, 1])
    assert result.success
    assert {tuple(x[[1, 3]]) for x in f.points} == {(0.25, 0.1)}


@pytest.mark.parametrize("method", METHODS)
def test_all_fixed(method):
    f = rosenbrock(0.5, 0.5)
    result = f.solve(method, [3.0, -4.0])
    assert result.success
    assert result.x.tolist() == [0.5, 0.5]
    assert result.nfev == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("x0", [[9.0, -9, 9, -9], [-2.0, 0.5, -2, 0.5], [0.5, 2, 0.5, 2]])
def test_starts_outside_and_on_bounds(method, x0):
    f = rosenbrock([-2, 0.5, -2, 0.5], [0.5, 2, 0.5, 2])
    result = f.solve(method, x0)
    assert result.success
    assert same_bits(f.points[0], np.clip(x0, f.lower, f.upper))
    assert abs(f.projected(result.x)).max() <= 1e-5
    assert 0.5 in result.x


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("x0", [[-1.2, 1.0], [2.0, 2, 2, -1, 3]])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_far_bounds_change_no_bit(method, x0, dtype):
    x0 = np.array(x0, dtype)

    def points(bounds):
        f = rosenbrock()
        f.value = lambda x: float(scipy.optimize.rosen(x.astype(float)))
        f.gradient = lambda x: scipy.optimize.rosen_der(x.astype(float)).astype(dtype)
        result = f.solve(method, x0, bounds=bounds)
        return np.array(f.points), result.message.replace("projected ", "")

    free, message = points(None)
    for bounds in (-1e30, 1e30), [(None, 1e30)] * x0.size:
        boxed, same = points(bounds)
        assert same_bits(free, boxed)
        assert same == message


def saddle(lower, upper):
    """x² - y² + y⁴ / 4 + z + z²: its free minima in y are ±√2."""
    return Function(
        lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4 / 4 + x[2] + x[2] ** 2,
        lambda x: np.array([2 * x[0], x[1] ** 3 - 2 * x[1], 1 + 2 * x[2]]),
        lambda x: np.diag([2, 3 * x[1] ** 2 - 2, 2.0]),
        lower,
        upper,
    )


@pytest.mark.parametrize("method", CURVED)
def test_saddles_on_faces_are_left(method):
    f = saddle([-1, -5, 0], 5)
    result = f.solve(method, [1.0, 0, 1])
    assert result.success
    assert result.is_minimum
    assert result.x[2] == 0
    assert abs(abs(result.x[1]) - math.sqrt(2)) < 1e-5


@pytest.mark.parametrize("method", CURVED)
@pytest.mark.parametrize(("low", "high"), [(-1e-3, 5), (-5, 1e-3), (0, 5), (-5, 0)])
def test_saddles_are_left_to_the_side_with_room(method, low, high):
    f = saddle([-1, low, 0], [1, high, 1])
    result = f.solve(method, [0.0, 0, 0])
    assert result.success
    assert result.is_minimum
    assert abs(result.x[1] - math.copysign(math.sqrt(2), low + high)) < 1e-5


@pytest.mark.parametrize("method", CURVED)
def test_a_maximum_between_bounds_ends_at_one(method):
    f = quadratic(-np.eye(2), np.zeros(2), [-1, -2], [3, 1])
    result = f.solve(method, [0.0, 0])
    assert result.success
    assert result.is_minimum
    assert set(abs(result.x)) <= {1, 2, 3}


@pytest.mark.parametrize("method", CURVED)
@pytest.mark.parametrize(
    ("h", "sure"),
    [
        ([[1, 0], [0, 1]], True),
        ([[1, 0.5], [0.5, 1]], True),
        ([[0, 1], [1, 0]], False),  # a minimum, for which no factorization vouches
        ([[1, 2], [2, 1]], False),
        ([[1, 0], [0, 0]], False),
    ],
)
def test_degenerate_vertices(method, h, sure):
    f = quadratic(np.array(h, float), np.zeros(2), 0, 5)
    result = f.solve(method, [0.0, 0])
    assert result.success
    assert result.x.tolist() == [0, 0]
    assert result.is_minimum is sure


@pytest.mark.parametrize("method", CURVED)
def test_a_degenerate_vertex_that_is_no_minimum_is_left(method):
    f = quadratic(np.diag([-1.0, -2]), np.zeros(2), [0, 0], [4, 3])
    result = f.solve(method, [0.0, 0])
    assert result.x.tolist() == [4, 3]
    assert result.is_minimum


def solver_and_function(method, x0, f):
    solver = CLASSES[method](np.array(x0), bounds=f.pairs(len(x0)))

    def answer(solver):
        x = solver.ask()
        if solver.request == "hessian":
            solver.tell_hessian(f.second(x))
        elif solver.request == "hessian_product":
            solver.tell_product(f.second(x) @ solver.direction)
        else:
            solver.tell(*f.both(x))

    return solver, answer


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["rosenbrock", "indefinite", "saddle"])
def test_pickles_go_on_with_the_same_bits(method, name):
    f, x0 = {
        "rosenbrock": (rosenbrock([-2, -2, -2, -2], [0.5, 2, 0.3, 2]), [-1.2, 1, -1.2, 1]),
        "indefinite": (random_quadratic(1, 15, -1), np.zeros(15)),
        "saddle": (saddle([-1, -5, 0], 5), [1.0, 0, 1]),
    }[name]
    whole, answer = solver_and_function(method, x0, f)
    pieces = copy.deepcopy(whole)
    while not whole.done:
        answer(whole)
        answer(pieces)
        pieces = pickle.loads(pickle.dumps(pieces))
        assert whole.request == pieces.request
        if not whole.done:
            assert same_bits(whole.ask(), pieces.ask())
    assert pieces.done
    assert whole.result().message == pieces.result().message
    assert same_bits(whole.result().x, pieces.result().x)


@pytest.mark.parametrize("method", METHODS)
def test_threads_change_no_bit(method, threads):
    found = []
    for n_threads in (1, 2, 5):
        threads(n_threads)
        f = random_quadratic(3, 150, -1)
        f.solve(method, np.zeros(150))
        found.append(np.array(f.points))
    assert len(found[0]) > 3
    assert all(same_bits(found[0], other) for other in found[1:])


@pytest.mark.parametrize("method", ["newton", "sr1"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_batch_has_the_bits_of_each_alone(method, dtype, threads):
    rng = np.random.default_rng(5)
    count, n = 60, 5
    a = rng.standard_normal((count, 2 * n, n))
    b = rng.standard_normal((count, 2 * n))
    lower, upper = -rng.random((2, count, n)) * [[[1]], [[-1]]]
    lower[::3], upper[::3] = -np.inf, np.inf  # the lanes' steps serve those
    upper[1::3] += 1
    lower, upper = (side.astype(np.float32).astype(float) for side in (lower, upper))
    starts = (2 * rng.standard_normal((count, n))).astype(dtype)

    def one(k, x):
        z = a[k] @ x.astype(float) - b[k]
        h = (a[k].T * (3 * z * z - 1)) @ a[k]
        return float((z**4).sum() / 4 - z @ z / 2), (a[k].T @ (z**3 - z)).astype(dtype), h

    wanted = 3 if method == "newton" else 2

    def many(x, index):
        rows = [one(k, row)[:wanted] for k, row in zip(index, x, strict=True)]
        return tuple(np.array(part) for part in zip(*rows, strict=True))

    box = scipy.optimize.Bounds(lower, upper)
    results = []
    for n_threads in (1, 2):
        threads(n_threads)
        results.append(minimize_batch(many, starts, method=method, bounds=box))
    batch, other = results
    assert same_bits(batch.x, other.x)
    second = {"hess": lambda x, k: one(k, x)[2]} if method == "newton" else {}
    active = 0
    for k in range(count):
        alone = minimize(
            lambda x, k: one(k, x)[:2],
            starts[k],
            args=(k,),
            jac=True,
            method=method,
            bounds=scipy.optimize.Bounds(lower[k], upper[k]),
            **second,
        )
        assert same_bits(batch.x[k], alone.x)
        assert (batch.nfev[k], batch.status[k]) == (alone.nfev, alone.status)
        active += int(((alone.x == lower[k]) | (alone.x == upper[k])).sum())
        if method == "newton":
            assert batch.min_curvature[k] == alone.min_curvature
            assert batch.is_minimum[k] == alone.is_minimum
            assert batch.shift[k] == alone.shift
    assert active > 20


@pytest.mark.parametrize("method", METHODS)
def test_float32_ends_on_the_bounds(method):
    f = rosenbrock(np.float32(-2), np.float32(0.3))
    f.value = lambda x: float(scipy.optimize.rosen(x.astype(float)))
    f.gradient = lambda x: scipy.optimize.rosen_der(x.astype(float)).astype(np.float32)
    result = f.solve(method, np.array([-1.2, 0.1, 0.2], np.float32), bounds=(-2, 0.3))
    assert result.success
    assert result.x.dtype == np.float32
    assert (result.x <= np.float32(0.3)).all()


@pytest.mark.parametrize("method", METHODS)
def test_not_finite_on_the_bound(method):
    """sum(x log x + 3 x), whose value and gradient are NaN and infinite at 0."""

    def log(x):
        with np.errstate(all="ignore"):
            return np.log(x)

    def value(x):
        with np.errstate(all="ignore"):
            return float((x * np.log(x) + 3 * x).sum())

    f = Function(value, lambda x: log(x) + 4, lambda x: np.diag(1 / x), 0, 2)
    result = f.solve(method, np.ones(4))
    assert result.success
    assert abs(result.x - math.exp(-4)).max() < 1e-6


@pytest.mark.parametrize("way", ["line_search", "none"])
def test_other_globalizations_refuse_bounds(way):
    with pytest.raises(ValueError, match=f"globalization is '{way}'; 'trust_region' is wanted"):
        CLASSES["newton"]([1.0], bounds=(0, 2), globalization=way)
    with pytest.raises(ValueError, match="bounds are given"):
        minimize_batch(
            lambda x, _: (x, x, x),
            np.ones((2, 1)),
            method="newton",
            bounds=(0, 2),
            globalization=way,
        )
