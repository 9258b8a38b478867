"""Newton's other steps: with a line search, as the textbooks have it, and by products alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from schuss import Newton, NewtonCG, minimize
from test_newton import PROBLEMS, cosh, quadratic, saddle, saddle_second, wave, wave_second


def symmetric(rng, values):
    vectors = np.linalg.qr(rng.standard_normal((len(values), len(values))))[0]
    matrix = vectors @ np.diag(values) @ vectors.T
    return (matrix + matrix.T) / 2


def first_step(hessian, gradient, **options):
    """From 0; the step, and the solver."""
    values, second = quadratic(hessian, gradient)
    solver = Newton(np.zeros(gradient.size), **options)
    solver.tell(*values(solver.ask()))
    solver.tell_hessian(second(solver.ask()))
    return solver.ask(), solver


# With a line search.


@pytest.mark.parametrize("n", [1, 2, 5, 24, 30, 65])
@pytest.mark.parametrize("least", [0.5, -1e-3, -2.0])
def test_the_shifted_step(n, least, rng, isa):
    values = rng.uniform(1, 3, n)
    values[0] = least
    hessian, gradient = symmetric(rng, values), rng.standard_normal(n)
    d, solver = first_step(hessian, gradient, globalization="line_search")
    shift = solver.result().shift
    assert (shift == 0.0) == (least > 0)
    assert least + shift > 0
    assert shift <= 4 * max(-least, 1e-7)
    np.testing.assert_allclose((hessian + shift * np.eye(n)) @ d, -gradient, atol=1e-9)


def test_the_line_search_is_one():
    """From far out, where the full step would go astray."""

    def values(x):
        root = math.sqrt(1 + x[0] ** 2)
        return root, x / root

    def second(x):
        return np.array([[(1 + x[0] ** 2) ** -1.5]])

    for globalization in ("line_search", "trust_region"):
        result = minimize(
            values, [3.0], jac=True, method="newton", hess=second, globalization=globalization
        )
        assert result.success
        assert abs(result.x[0]) < 1e-5
    astray = minimize(values, [3.0], jac=True, method="newton", hess=second, globalization="none")
    assert not astray.success
    assert astray.x[0] == 3.0  # the best point seen
    assert astray.fun == math.sqrt(10)


def test_no_second_hessian_at_a_point():
    """The steps of a line search ask for none."""
    problem = PROBLEMS["rosenbrock"]
    seen = []

    def second(x):
        seen.append(tuple(x))
        return problem.hessian(x)

    result = minimize(
        problem.value_and_gradient,
        problem.start,
        jac=True,
        method="newton",
        hess=second,
        globalization="line_search",
    )
    assert result.success
    assert result.nfev > result.nhev == len(seen) == len(set(seen)) == result.nit + 1


def test_the_hessian_is_not_asked_for_again_when_a_search_fails():
    """Steepest descent is tried, from what is known."""
    solver = Newton([1.0, 2.0], globalization="line_search")
    solver.tell(1.0, [1.0, 1.0])
    solver.tell_hessian(np.diag([1.0, 4.0]))
    steps = []
    while not solver.done:
        assert solver.request == "value_and_gradient"
        steps.append(solver.ask() - [1.0, 2.0])
        solver.tell(math.nan, [1.0, 1.0])
    assert solver.result().status == 3
    ratios = [step[0] / step[1] for step in steps if step[1] < -1e-6]
    assert ratios[0] == pytest.approx(4.0)
    assert ratios[-1] == pytest.approx(1.0)


# As the textbooks have it.


@pytest.mark.parametrize("n", [1, 2, 5, 24, 30, 65])
def test_the_plain_step(n, rng, isa):
    """Of any matrix that is not singular."""
    for trial in range(3):
        values = rng.uniform(0.5, 3, n) * (1 if trial == 0 else rng.choice([-1, 1], n))
        hessian, gradient = symmetric(rng, values), rng.standard_normal(n)
        if trial == 2 and n > 1:  # elimination needs to exchange rows
            hessian[0, 0] = 0.0
        d, _ = first_step(hessian, gradient, globalization="none")
        np.testing.assert_allclose(d, np.linalg.solve(hessian, -gradient), rtol=1e-9, atol=1e-9)


def test_learning_rate():
    values, second = quadratic(np.diag([2.0, 5.0]), np.array([-2.0, 5.0]))
    solver = Newton([9.0, 7.0], globalization="none", learning_rate=0.25)
    distance = np.array([9.0, 7.0]) - [1.0, -1.0]
    for _ in range(5):
        x = solver.ask()
        np.testing.assert_allclose(x - [1.0, -1.0], distance, rtol=1e-14)
        solver.tell(*values(x))
        solver.tell_hessian(second(x))
        distance *= 0.75
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="learning_rate is"):
            Newton([1.0], globalization="none", learning_rate=bad)
    with pytest.raises(ValueError, match="globalization is 'trust'; 'trust_region'"):
        Newton([1.0], globalization="trust")


def plain(values, start, second, **options):
    return minimize(
        values, start, jac=True, method="newton", hess=second, globalization="none", **options
    )


@pytest.mark.parametrize("c", [0.5, 1.0, 2.0])
def test_plain_cosh(c):
    values, second = cosh(c)
    result = plain(values, [10.0], second)
    assert result.success
    assert result.is_minimum
    assert abs(result.x[0]) < 1e-5


def test_plain_steps_end_at_saddles_and_maxima():
    for values, start, second, end in (
        (wave, [0.1], wave_second, [0.2738]),
        (saddle, [1.0, 0.1], saddle_second, [0.0, 0.0]),
        (saddle, [0.0, 0.0], saddle_second, [0.0, 0.0]),
    ):
        result = plain(values, start, second)
        assert result.status == 6
        assert not result.success
        assert not result.is_minimum
        assert result.min_curvature < 0
        assert "a saddle or a maximum" in result.message
        np.testing.assert_allclose(result.x, end, atol=1e-3)
        assert result.fun == values(result.x)[0]


def test_plain_steps_that_do_not_exist():
    result = plain(lambda x: (float(x @ x), 2 * x), [1.0, 2.0], lambda _: np.zeros((2, 2)))
    assert result.status == 2
    assert "singular" in result.message
    result = plain(
        lambda x: (float(np.log(x[0])) if x[0] > 0 else math.nan, 1 / x),
        [1.0],
        lambda x: np.array([[1e-3 / x[0] ** 2]]),
    )
    assert result.status == 3
    assert result.x[0] == 1.0


def test_a_minimum_above_a_point_that_was_passed():
    """The answer is where it converged, not the lowest point on the way."""
    above = 0
    for start in np.linspace(-6, 6, 241):
        told = []

        def values(x, told=told):
            told.append(wave(x)[0])
            return wave(x)

        result = plain(values, [start], wave_second)
        assert not result.success or abs(result.jac[0]) <= 1e-5
        above += result.success and result.fun > min(told) + 0.1
    assert above > 0


# By products.


def conjugate_gradients(hessian, gradient, radius):
    """Algorithm 7.2 of Nocedal and Wright."""
    z, r = np.zeros_like(gradient), gradient.copy()
    d = -r
    enough = min(0.1, math.sqrt(np.linalg.norm(gradient))) * np.linalg.norm(gradient)
    while True:
        curvature = d @ hessian @ d
        a = r @ r / curvature
        if curvature <= 0 or np.linalg.norm(z + a * d) >= radius:
            b, c = z @ d, z @ z - radius**2
            return z + d * (-b + math.sqrt(b * b - d @ d * c)) / (d @ d)
        z = z + a * d
        after = r + a * hessian @ d
        if np.linalg.norm(after) <= enough:
            return z
        d = after @ after / (r @ r) * d - after
        r = after


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("least", [0.5, -1.5])
@pytest.mark.parametrize("size", [1e-3, 0.5, 30.0])
def test_the_step_from_products(n, least, size, rng):
    values = rng.uniform(0.5, 3, n)
    values[0] = least
    hessian, gradient = symmetric(rng, values), size * rng.standard_normal(n)
    solver = NewtonCG(np.zeros(n))
    solver.tell(np.linalg.norm(gradient) / 0.7, gradient)  # whose radius is 1
    while solver.request == "hessian_product":
        solver.tell_product(hessian @ solver.direction)
    expected = conjugate_gradients(hessian, gradient, 1.0)
    np.testing.assert_allclose(solver.ask(), expected, rtol=1e-9, atol=1e-12)


def test_one_negative_curvature_among_many(rng):
    n = 200
    scale = rng.uniform(0.5, 2, n)
    scale[77] = -1.0

    def values(x):
        return float(scale @ (x * x) / 2 + x[77] ** 4 / 4), scale * x + x[77] ** 3 * (
            np.arange(n) == 77
        )

    def times(x, v):
        return scale * v + 3 * x[77] ** 2 * v * (np.arange(n) == 77)

    result = minimize(values, np.zeros(n), jac=True, method="newton_cg", hessp=times)
    assert result.success
    assert abs(abs(result.x[77]) - 1) < 1e-5


def test_bad_products():
    solver = NewtonCG([1.0, 2.0])
    with pytest.raises(RuntimeError, match="no product is asked for"):
        solver.tell_product([1.0, 1.0])
    with pytest.raises(RuntimeError, match="no product is asked for"):
        _ = solver.direction
    solver.tell(1.0, [1.0, 1.0])
    with pytest.raises(ValueError, match="read-only"):
        solver.direction[0] = 0.0
    for bad in ([math.nan, 1.0], [1.0, math.inf]):
        with pytest.raises(ValueError, match="product has elements that are not finite"):
            solver.tell_product(bad)
    with pytest.raises(ValueError, match=r"product has shape \(3,\); \(2,\) is wanted"):
        solver.tell_product(np.ones(3))
    with pytest.raises(RuntimeError, match='request is "hessian_product"'):
        solver.tell(1.0, [1.0, 1.0])
    assert solver.request == "hessian_product"
    solver.tell_product(np.ones(2))


def test_products_of_structures_in_float32():
    scale = {"a": np.float32(3.0), "b": np.array([1.0, 2.0], np.float32)}

    def values(p):
        return (
            float(sum((scale[k] * np.cosh(p[k] - 1)).sum() for k in p)),
            {k: scale[k] * np.sinh(p[k] - 1) for k in p},
        )

    result = minimize(
        values,
        {"a": np.float32([0.0]), "b": np.zeros(2, np.float32)},
        jac=True,
        method="newton",
        hessp=lambda p, v: {k: scale[k] * np.cosh(p[k] - 1) * v[k] for k in p},
    )
    assert result.success
    assert result.x["b"].dtype == np.float32
    np.testing.assert_allclose(result.x["b"], 1, atol=1e-3)
    np.testing.assert_allclose(result.x["a"], 1, atol=1e-3)
