"""Newton in a trust region: its subproblem, saddles, bad Hessians, standard problems, resuming."""

from __future__ import annotations

import math

import numpy as np
import pytest
import schuss
from schuss import Newton, minimize

from problems import standard_problems

PROBLEMS = {p.name: p for p in standard_problems(20)}


def quadratic(hessian, gradient):
    """Its value, gradient and Hessian, with `gradient` at 0."""

    def values(x):
        return float(gradient @ x + x @ hessian @ x / 2), gradient + hessian @ x

    return values, lambda _: hessian


def first_step(hessian, gradient):
    """From 0 with radius 1, which is 0.7 |f| / |g| there."""
    _, second = quadratic(hessian, gradient)
    solver = Newton(np.zeros(gradient.size))
    solver.tell(np.linalg.norm(gradient) / 0.7, gradient)
    solver.tell_hessian(second(solver.ask()))
    return solver.ask()


def model(hessian, gradient, p):
    return gradient @ p + p @ hessian @ p / 2


def best_in_region(hessian, gradient):
    """The least of the model over |p| <= 1, by eigenvalues and bisection for lambda."""
    values, vectors = np.linalg.eigh(hessian)
    g = vectors.T @ gradient

    def length(shift):
        return np.linalg.norm(g / (values + shift))

    low = max(0.0, -values[0])
    if values[0] > 0 and length(0.0) <= 1:
        return model(hessian, gradient, vectors @ (-g / values))
    if length(low + 1e-13) < 1:  # the hard case
        p = np.where(np.abs(values - values[0]) < 1e-9, 0, -g / (values - values[0] + 1e-300))
        p[0] = math.sqrt(1 - p @ p)
        return model(hessian, gradient, vectors @ p)
    high = low + np.linalg.norm(g) + 1
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if length(middle) > 1 else (low, middle)
    return model(hessian, gradient, vectors @ (-g / (values + high)))


@pytest.mark.parametrize("n", [1, 2, 5, 24, 30])
@pytest.mark.parametrize("kind", ["positive", "indefinite", "negative", "hard", "nearly hard"])
def test_the_subproblem(kind, n, isa):
    """At least 0.8 of the best decrease: (1 - k_easy)^2 of Conn, Gould and Toint, theorem 7.3.5."""
    rng = np.random.default_rng(n)
    for size in (1e-3, 0.3, 10.0):
        vectors = np.linalg.qr(rng.standard_normal((n, n)))[0]
        values = rng.uniform(0.5, 3, n)
        gradient = size * rng.standard_normal(n)
        if kind != "positive":
            values[0] = -1.5
        if kind == "negative":
            values = -np.abs(values)
        if "hard" in kind:
            away = vectors[:, 0]
            gradient -= (1 if kind == "hard" else 1 - 1e-9) * (away @ gradient) * away
        hessian = vectors @ np.diag(values) @ vectors.T
        hessian = (hessian + hessian.T) / 2
        if n == 1 and "hard" in kind:
            continue  # no gradient is left, and 0 is no start to step from
        p = first_step(hessian, gradient)
        assert np.linalg.norm(p) <= 1 + 1e-12
        best = best_in_region(hessian, gradient)
        assert best <= 0
        assert model(hessian, gradient, p) <= 0.8 * best


def test_one_step_on_a_quadratic():
    hessian = np.array([[4.0, 1.0], [1.0, 3.0]])
    values, second = quadratic(hessian, np.array([0.3, -0.2]))
    result = minimize(values, np.zeros(2), jac=True, method="newton", hess=second)
    assert result.success
    assert result.is_minimum
    assert (result.nit, result.nfev, result.nhev) == (1, 2, 2)
    np.testing.assert_allclose(result.x, np.linalg.solve(hessian, [-0.3, 0.2]), rtol=1e-14)
    assert result.min_curvature == pytest.approx(np.linalg.eigvalsh(hessian)[0], rel=0.1)
    assert (result.hess == hessian).all()


def cosh(c):
    return (
        lambda x: (math.cosh(c * x[0]), np.array([c * math.sinh(c * x[0])])),
        lambda x: np.array([[c * c * math.cosh(c * x[0])]]),
    )


def wave(x):
    angle = math.pi * x[0]
    return x[0] * math.cos(angle), np.array([math.cos(angle) - angle * math.sin(angle)])


def wave_second(x):
    angle = math.pi * x[0]
    return np.array([[-2 * math.pi * math.sin(angle) - math.pi * angle * math.cos(angle)]])


def test_cosh():
    """Far out Newton's steps are all 1 / c long."""
    for c in (0.5, 1.0, 2.0):
        values, second = cosh(c)
        result = minimize(values, [10.0], jac=True, method="newton", hess=second)
        assert result.success
        assert abs(c * math.sinh(c * result.x[0])) <= 1e-5
        assert result.nit < 10 * c + 10


def by(way, hessian):
    """What `minimize` takes for one of Newton's ways that end at minima."""
    if way == "products":
        return {"jac": True, "method": "newton", "hessp": lambda x, v: hessian(x) @ v}
    return {"jac": True, "method": "newton", "hess": hessian, "globalization": way}


GLOBALIZED = pytest.mark.parametrize("way", ["trust_region", "line_search"])
SAFE = pytest.mark.parametrize("way", ["trust_region", "line_search", "products"])


@GLOBALIZED
@pytest.mark.parametrize("start", [-0.3, 0.1, 0.2735, 0.27396, 0.5, 1.0])
def test_wave(start, way):
    """x cos(pi x): from anywhere, the maximum at 0.27 too, to a minimum."""
    result = minimize(wave, [start], **by(way, wave_second))
    assert result.success
    assert result.is_minimum
    assert result.min_curvature > 0
    assert wave_second(result.x)[0, 0] > 0


def saddle(x):
    return x[0] ** 2 - x[1] ** 2 + x[1] ** 4 / 4, np.array([2 * x[0], x[1] ** 3 - 2 * x[1]])


def saddle_second(x):
    return np.diag([2.0, 3 * x[1] ** 2 - 2])


@SAFE
@pytest.mark.parametrize("start", [(0.0, 0.0), (1.0, 0.0), (-3.0, 0.0), (1e-9, 1e-12)])
def test_saddles_are_left(start, way):
    result = minimize(saddle, start, **by(way, saddle_second))
    assert result.success
    assert result.is_minimum
    close = 1e-4 if way == "products" else 1e-5
    np.testing.assert_allclose(np.abs(result.x), [0, math.sqrt(2)], atol=close)
    assert result.fun == pytest.approx(-1.0)


@GLOBALIZED
@pytest.mark.parametrize("start", [(0.0, 0.0), (1.0, 0.0), (1.0, 1e-3)])
def test_no_minimum(start, way):
    result = minimize(
        lambda x: (x[0] ** 2 - x[1] ** 2, np.array([2 * x[0], -2 * x[1]])),
        start,
        **by(way, lambda _: np.diag([2.0, -2.0])),
    )
    assert not result.success
    assert not result.is_minimum
    assert result.status == 4
    assert result.min_curvature == pytest.approx(-2.0)


def test_a_flat_minimum():
    """Zero curvature is not negative."""
    result = minimize(
        lambda x: (float((x**4).sum()), 4 * x**3),
        [1.0, 0.0],
        jac=True,
        method="newton",
        hess=lambda x: np.diag(12 * x**2),
    )
    assert result.success
    assert result.is_minimum


# Meyer's problem is so badly scaled that 1e-5 is below the rounding errors of its gradient.
@SAFE
@pytest.mark.parametrize("name", sorted(set(PROBLEMS) - {"meyer", "meyer x10"}))
def test_standard_problems(name, way):
    problem = PROBLEMS[name]
    result = minimize(problem.value_and_gradient, problem.start, **by(way, problem.hessian))
    assert result.success
    assert result.is_minimum
    assert np.abs(result.jac).max() <= 1e-5
    assert result.fun == problem.fun(result.x)
    values = np.linalg.eigvalsh(problem.hessian(result.x))
    assert values[0] >= -1e-6 * np.abs(values).max()
    assert result.nhev >= result.nit if way == "products" else result.nhev <= result.nit + 1


def test_a_trial_that_is_not_taken_may_be_the_best_point():
    solver = Newton([4.0, 0.0])
    solver.tell(8.0, [4.0, 0.0])
    solver.tell_hessian(np.eye(2))
    x = solver.ask()
    solver.tell(8.0 - 1e-6, [4.0, 0.0])  # much less than the model expects
    assert solver.nit == 0
    assert (solver.result().x == x).all()
    assert solver.result().fun == 8.0 - 1e-6


@pytest.mark.parametrize("n", [3, 33, 64, 400, 700])
def test_bad_hessians_of_any_size(n, threads):
    """One bad element, wherever it is."""
    rng = np.random.default_rng(n)
    threads(2)
    good = rng.standard_normal((n, n))
    good = good + good.T + 1e-9 * np.triu(np.ones((n, n)), 1)
    for i, j in rng.integers(0, n, (8, 2)).tolist():
        solver = Newton(np.ones(n))
        solver.tell(1.0, np.ones(n))
        for bad, message in ((math.nan, "not finite"), (good[i, j] + 1e-3, "not symmetric")):
            if i == j and message == "not symmetric":
                continue
            hessian = good.copy()
            hessian[i, j] = bad
            with pytest.raises(ValueError, match=message):
                solver.tell_hessian(hessian)
            assert solver.result().hess is None
        solver.tell_hessian(good)
        np.testing.assert_allclose(solver.result().hess, (good + good.T) / 2, rtol=1e-15)


# Bad Hessians.


def test_what_is_not_asked_for():
    solver = Newton([1.0, 2.0])
    with pytest.raises(RuntimeError, match="no Hessian is asked for"):
        solver.tell_hessian(np.eye(2))
    solver.tell(1.0, [1.0, 1.0])
    with pytest.raises(RuntimeError, match='request is "hessian"'):
        solver.tell(1.0, [1.0, 1.0])
    with pytest.raises(ValueError, match="hess is 'exact'; a function, '2-point'"):
        minimize(saddle, [1.0, 2.0], jac=True, method="newton", hess="exact")


@pytest.mark.parametrize("wrong", [lambda h: -h, np.zeros_like, lambda h: 1e-3 * h])
def test_a_wrong_hessian_is_never_a_false_minimum(wrong):
    """Whatever the Hessian, a success has a small gradient."""
    problem = PROBLEMS["rosenbrock"]
    result = minimize(
        problem.value_and_gradient,
        problem.start,
        jac=True,
        method="newton",
        hess=lambda x: wrong(problem.hessian(x)),
        maxfun=300,
    )
    assert not result.success or np.abs(result.jac).max() <= 1e-5


def test_structures_and_callbacks():
    seen = []
    result = minimize(
        lambda p: ((p["a"] - 1) ** 2 + (p["b"] @ p["b"]), {"a": 2 * (p["a"] - 1), "b": 2 * p["b"]}),
        {"a": np.array(3.0), "b": np.ones(2)},
        jac=True,
        method="newton",
        hess=lambda _: 2 * np.eye(3),
        callback=lambda intermediate_result: seen.append(intermediate_result.nit),
    )
    assert result.success
    assert float(result.x["a"]) == pytest.approx(1.0)
    assert seen == list(range(1, result.nit + 1))
    assert schuss.scipy_method("newton") is not None
