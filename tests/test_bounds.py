"""Bounds: their forms, points inside to the last bit, and what a bounded run says of itself."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import schuss
from helpers import ways
from solver_cases import START, rosenbrock
from solver_cases import chained_rosenbrock as coupled

from problems.bounded import box_qp

INF = np.inf
BOUNDED = ["lbfgs", "bfgs", "gradient_descent"]
# Of a quadratic with this minimum; x0 and bounds of four variables.
CENTER = np.array([1.0, -2.0, 3.0, 0.5])
SCALES = np.array([1.0, 10.0, 3.0, 0.3])
LOWER = np.array([2.0, -INF, -1.0, 0.25])
UPPER = np.array([5.0, -2.5, INF, 0.25])
ANSWER = np.clip(CENTER, LOWER, UPPER)


class Sides:
    """As SciPy's Bounds."""

    def __init__(self, lb, ub):
        self.lb, self.ub = lb, ub

    def __repr__(self):
        return f"Sides({self.lb}, {self.ub})"


def quadratic(x):
    g = SCALES * (x - CENTER)
    return (x - CENTER) @ g / 2, g


class Seen:
    """A function that keeps where it was asked."""

    def __init__(self, function):
        self.function = function
        self.points = []

    def __call__(self, x):
        self.points.append(np.array(x))
        return self.function(x)

    def inside(self, lower, upper):
        points = np.array(self.points)
        return bool(((points >= lower) & (points <= upper)).all())


def projected(g, x, lower, upper):
    return np.where(g < 0, np.maximum(x - upper, g), np.minimum(x - lower, g))


PAIRS = list(zip(LOWER, UPPER, strict=True))
FORMS = {
    "pairs": PAIRS,
    "with None": [(2, 5), (None, -2.5), (-1, None), (0.25, 0.25)],
    "array": np.array(PAIRS),
    "object": Sides(LOWER, UPPER),
    "lists": Sides(LOWER.tolist(), UPPER.tolist()),
}


@pytest.mark.parametrize("method", BOUNDED)
@pytest.mark.parametrize("form", FORMS)
def test_forms(method, form):
    seen = Seen(quadratic)
    result = schuss.minimize(seen, np.zeros(4), jac=True, method=method, bounds=FORMS[form])
    assert result.success
    assert seen.inside(LOWER, UPPER)
    assert np.allclose(result.x, ANSWER, atol=1e-5)
    assert (result.x[[0, 1, 3]] == ANSWER[[0, 1, 3]]).all()
    assert result.message.startswith("the largest element of the projected gradient")


@pytest.mark.parametrize("method", BOUNDED)
def test_one_pair_is_that_pair_for_each(method):
    runs = [
        schuss.minimize(coupled, np.full(9, -1.2), jac=True, method=method, bounds=bounds)
        for bounds in ((-1.0, 0.5), [-1, 0.5], [(-1, 0.5)] * 9, Sides(-1, np.full(9, 0.5)))
    ]
    for run in runs:
        assert run.success
        assert (run.x == runs[0].x).all()
        assert run.nfev == runs[0].nfev


@pytest.mark.parametrize(
    "bounds",
    [None, (), [], (None, None), (-INF, INF), [(None, None)] * 2, Sides(-INF, [INF, INF])],
    ids=str,
)
def test_bounds_that_bound_nothing(method, bounds):
    free = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=50)
    run = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=50, bounds=bounds)
    assert (run.x == free.x).all()
    assert (run.nfev, run.message) == (free.nfev, free.message)


@pytest.mark.parametrize(
    ("bounds", "error", "text"),
    [
        ([(0, 1)], ValueError, r"^bounds has 1 pairs; a pair \(low, high\) for each of 2"),
        ([(1, 0), (0, 1)], ValueError, r"^bounds\[0\] is \(1.0, 0.0\); low <= high is wanted"),
        ([(0, 1), (np.nan, 1)], ValueError, r"^bounds\[1\] is \(nan, 1.0\)"),
        ((INF, INF), ValueError, r"^bounds is \(inf, inf\); a number of float64 between"),
        ([(0, 1, 2), (0, 1)], ValueError, r"^bounds\[0\] is \(0, 1, 2\); a pair"),
        ([(0, "a"), (0, 1)], ValueError, r"^bounds\[0\] is \(0, 'a'\); a pair"),
        (np.zeros((2, 3)), ValueError, r"^bounds has shape \(2, 3\); a pair"),
        (Sides([0, 1, 2], 1), ValueError, r"^bounds.lb has shape \(3,\); \(2,\) or one"),
        (Sides(0, "high"), TypeError, r"^bounds.ub is 'high'; real numbers are wanted"),
        (5, TypeError, r"^bounds is 5; a pair"),
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [schuss.LBFGS, schuss.BFGS, schuss.GradientDescent])
def test_bad_bounds(make, bounds, error, text):
    with pytest.raises(error, match=text):
        make(np.zeros(2), bounds=bounds)


# -- structures ------------------------------------------------------------------------------------


def tree(x):
    parts = {"w": x[:6].reshape(2, 3), "b": [x[6:8], x[8]]}
    return parts


def of_tree(p):
    x = np.concatenate([p["w"].ravel(), p["b"][0], np.ravel(p["b"][1])])
    f, g = coupled(x)
    parts = tree(g)
    return f, {"w": parts["w"], "b": [parts["b"][0], np.reshape(parts["b"][1], p["b"][1].shape)]}


def test_a_structure_like_x0():
    lower, upper = np.full(9, -INF), np.full(9, INF)
    lower[:6], upper[:6] = -1, np.arange(6) / 10
    upper[8] = 0
    bounds = {"w": (-1, np.arange(6).reshape(2, 3) / 10), "b": [None, Sides(-INF, 0)]}
    whole = schuss.minimize(
        coupled, np.full(9, -1.2), jac=True, bounds=list(zip(lower, upper, strict=True))
    )
    parts = schuss.minimize(of_tree, tree(np.full(9, -1.2)), jac=True, bounds=bounds)
    assert whole.success
    assert whole.nfev == parts.nfev
    assert (np.concatenate([parts.x["w"].ravel(), parts.x["b"][0]]) == whole.x[:8]).all()
    with pytest.raises(ValueError, match=r"^bounds.w\[1, 0\] is \(3.0, 2.0\); low"):
        schuss.LBFGS(tree(np.zeros(9)), bounds={"w": ([[0, 0, 0], [3, 0, 0]], 2), "b": [None] * 2})
    with pytest.raises(ValueError, match=r"^bounds is .*; a structure like x0, with keys"):
        schuss.LBFGS(tree(np.zeros(9)), bounds={"w": (0, 1)})
    with pytest.raises(ValueError, match=r"^bounds.b is .*; a structure like x0, with 2 entries"):
        schuss.LBFGS(tree(np.zeros(9)), bounds={"w": (0, 1), "b": [None]})


def test_float32_bounds_are_rounded_inwards():
    low, high = -0.1, 0.6  # the float32 nearest to each is outside
    seen = Seen(coupled)
    x0 = np.full(5, 3.0, np.float32)
    result = schuss.minimize(seen, x0, jac=True, bounds=(low, high))
    assert result.success
    points = np.array(seen.points)
    assert points.dtype == np.float32
    assert points.min().astype(float) >= low
    assert points.max().astype(float) <= high
    assert result.x.max() == np.nextafter(np.float32(high), np.float32(0))
    with pytest.raises(ValueError, match=r"^bounds is \(0.1, 0.1\d*\); a number of float32"):
        schuss.LBFGS(x0, bounds=(0.1, 0.1 + 1e-12))


# -- runs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", BOUNDED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [2, 7, 130])
def test_inside_to_the_last_bit(method, dtype, n, rng):
    """Bounds that are no round numbers, starts outside, several of them fixed."""
    lower = rng.uniform(-2, 0.5, n).astype(dtype)
    upper = lower + rng.exponential(0.7, n).astype(dtype) * (rng.random(n) > 0.15)
    seen = Seen(coupled)
    result = schuss.minimize(
        seen,
        rng.normal(0, 3, n).astype(dtype),
        jac=True,
        method=method,
        maxiter=400,
        bounds=Sides(lower, upper),
    )
    assert seen.inside(lower, upper)
    f, g = coupled(result.x)
    assert f == result.fun
    assert (g == result.jac).all()
    gtol = 1e-3 if dtype is np.float32 else 1e-5
    largest = np.abs(projected(g, result.x, lower, upper)).max()
    assert (largest <= gtol) == (result.status == 0) or "rounding" in result.message
    if method != "gradient_descent":
        assert result.success


@pytest.mark.parametrize("method", BOUNDED)
def test_everything_fixed(method):
    result = schuss.minimize(quadratic, np.ones(4), jac=True, method=method, bounds=(0.5, 0.5))
    assert result.success
    assert (result.x == 0.5).all()
    assert result.nfev == 1


@pytest.mark.parametrize("method", BOUNDED)
def test_not_finite_on_the_bound(method):
    """Entropy, whose slope at 0 is infinite and whose value there is none."""

    def entropy(x):
        with np.errstate(all="ignore"):
            return (x * np.log(x) + 3 * x).sum(), np.log(x) + 4

    result = schuss.minimize(entropy, np.ones(10), jac=True, method=method, bounds=(0, 2))
    assert result.success
    assert np.allclose(result.x, np.exp(-4), atol=1e-5)

    def root(x):
        with np.errstate(all="ignore"):
            slopes = 0.5 / np.sqrt(x) * (x - 0.5) ** 2 + 2 * np.sqrt(x) * (x - 0.5) + 0.1
        return (np.sqrt(x) * (x - 0.5) ** 2 + 0.1 * x).sum(), slopes

    result = schuss.minimize(root, np.ones(2), jac=True, method=method, bounds=(0, 2))
    assert np.isfinite(result.jac).all() or not result.success


@pytest.mark.parametrize("method", BOUNDED)
def test_a_face_is_a_problem_of_its_own(method):
    """With the variables fixed that end at bounds, the rest is found as without bounds."""
    lower, upper = np.full(8, -2.0), np.full(8, 2.0)
    lower[[1, 5]] = upper[[1, 5]] = 0.3
    fixed = schuss.minimize(
        coupled, np.full(8, 0.1), jac=True, method=method, gtol=1e-8, bounds=Sides(lower, upper)
    )
    kept = [0, 2, 3, 4, 6, 7]

    def rest(z):
        x = np.full(8, 0.3)
        x[kept] = z
        f, g = coupled(x)
        return f, g[kept]

    alone = schuss.minimize(rest, np.full(6, 0.1), jac=True, method=method, gtol=1e-8)
    assert fixed.success
    assert np.allclose(fixed.x[kept], alone.x, atol=1e-7)


def drive(solver, steps):
    for _ in range(steps):
        if solver.done:
            break
        solver.tell(*coupled(solver.ask()))
    return solver


@pytest.mark.parametrize("make", [schuss.LBFGS, schuss.BFGS, schuss.GradientDescent])
@pytest.mark.parametrize("restore", [lambda s: pickle.loads(pickle.dumps(s)), copy.deepcopy])
@pytest.mark.parametrize("steps", [0, 1, 5, 17])
def test_a_copy_goes_on_bit_for_bit(make, restore, steps):
    bounds = Sides(np.linspace(-2, 0.2, 23), np.linspace(0.3, 0.9, 23))
    solver = drive(make(np.full(23, -1.2), bounds=bounds, maxiter=60), steps)
    again = restore(solver)
    for one in (solver, again):
        drive(one, 1000)
    assert again.nfev == solver.nfev
    assert (again.result().x == solver.result().x).all()
    assert (again.bounds[0] == solver.bounds[0]).all()


@pytest.mark.parametrize("make", [schuss.LBFGS, schuss.GradientDescent])
@pytest.mark.parametrize("n", [4096, 20_000])
@pytest.mark.parametrize("each", [False, True], ids=["for all", "for each"])
def test_threads_and_isas_change_no_bit(make, n, each, threads):
    bounds = Sides(np.linspace(-2, 0.2, n), np.linspace(0.3, 0.9, n)) if each else (-1.0, 0.5)
    found = set()
    for isa, n_threads in ways(0, (1, 2, 5)):
        threads(n_threads)
        with schuss.config.use_isa(isa):
            solver = make(np.full(n, -1.2), bounds=bounds, maxiter=25)
            found.add(drive(solver, 1000).result().x.tobytes())
    assert len(found) == 1


# -- differences, batches, SciPy -------------------------------------------------------------------


@pytest.mark.parametrize("jac", ["2-point", "3-point"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_differences_stay_inside(jac, dtype):
    seen = Seen(lambda x: coupled(x)[0])
    lower = np.array([-1.2, -3, 0.2, 0.5, -1], dtype)
    upper = np.array([0.1, 0.4, 0.2, np.nextafter(dtype(0.5), dtype(1)), 5], dtype)
    result = schuss.minimize(
        seen, np.full(5, -1.2, dtype), jac=jac, bounds=Sides(lower, upper), maxiter=200
    )
    assert seen.inside(lower, upper)
    exact = schuss.minimize(
        coupled, np.full(5, -1.2), jac=True, bounds=Sides(lower.astype(float), upper.astype(float))
    )
    assert np.allclose(result.x, exact.x, atol=1e-2 if dtype is np.float32 else 1e-5)
    assert result.jac[2] == 0.0


@pytest.mark.parametrize("method", BOUNDED)
@pytest.mark.parametrize("each", [False, True], ids=["for all", "for each"])
def test_a_batch_has_the_bits_of_each_alone(method, each, rng):
    starts = rng.normal(0, 2, (40, 6))
    shape = (40, 6) if each else (6,)
    lower = rng.uniform(-1, 0.3, shape)
    upper = lower + rng.exponential(0.5, shape) * (rng.random(shape) > 0.1)

    def all_of(points, index):
        values = [coupled(x) for x in points]
        return np.array([f for f, _ in values]), np.array([g for _, g in values])

    batch = schuss.minimize_batch(
        all_of, starts, method=method, maxiter=80, bounds=Sides(lower, upper)
    )
    for k, x0 in enumerate(starts):
        low, high = (lower[k], upper[k]) if each else (lower, upper)
        alone = schuss.minimize(
            coupled, x0, jac=True, method=method, maxiter=80, bounds=Sides(low, high)
        )
        assert (batch.x[k] == alone.x).all()
        assert (batch.nfev[k], batch.status[k]) == (alone.nfev, alone.status)
    with pytest.raises(ValueError, match=r"^bounds\[3, 2\] is|^bounds.lb has shape \(7, 6\)"):
        schuss.minimize_batch(all_of, starts, method=method, bounds=Sides(np.zeros((7, 6)), 1))


@pytest.mark.parametrize("method", BOUNDED)
def test_through_scipy(method):
    optimize = pytest.importorskip("scipy.optimize")
    for bounds in (optimize.Bounds(LOWER, UPPER), PAIRS):
        result = optimize.minimize(
            quadratic, np.zeros(4), jac=True, method=schuss.scipy_method(method), bounds=bounds
        )
        assert np.allclose(result.x, ANSWER, atol=1e-5)


def test_a_trace_of_projected_gradients():
    result = schuss.minimize(coupled, np.full(6, -1.2), jac=True, bounds=(-1, 0.5), trace=True)
    assert result.trace["gmax"][-1] <= 1e-5 < np.abs(result.jac).max()


def test_on_a_bound_or_away_from_it():
    problem = box_qp(10)  # where a step of another length than 1 comes to a bound
    bounds = list(zip(problem.lower, problem.upper, strict=True))
    found = schuss.minimize(
        problem.value_and_gradient, problem.start, jac=True, method="lbfgs", bounds=bounds
    )
    gaps = np.concatenate([found.x - problem.lower, problem.upper - found.x])
    assert (gaps == 0).sum() >= 5
    assert not ((gaps > 0) & (gaps < 1e-13)).any()
