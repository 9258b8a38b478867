"""Gradients by differences of values, Hessians by differences of gradients."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import schuss
from helpers import leaves, same_bits
from schuss.solvers.differences import Differences, GradientDifferences
from schuss.solvers.minimize import _judge
from schuss.solvers.result import Result
from solver_cases import START, f_rosenbrock, g_rosenbrock, h_rosenbrock, rosenbrock, tree_bowl


def wavy(x):
    return float((np.sin(x.astype(np.float64)) * np.arange(1, x.size + 1).reshape(x.shape)).sum())


@pytest.mark.parametrize(("central", "error"), [(True, 1e-9), (False, 1e-6)])
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3)])
def test_differences(rng, central, error, shape):
    x = np.asarray(rng.standard_normal(shape) * 3)
    evaluate = Differences(wavy, central=central)
    f, g = evaluate(x)
    exact = np.cos(x) * np.arange(1, x.size + 1).reshape(shape)
    assert f == wavy(x)
    assert g.shape == shape
    np.testing.assert_allclose(g, exact, atol=error)
    assert evaluate.evaluations == 1 + (2 if central else 1) * x.size
    evaluate(x)
    assert evaluate.evaluations == 2 * (1 + (2 if central else 1) * x.size)


@pytest.mark.parametrize(("central", "error"), [(True, 1e-4), (False, 1e-2)])
def test_differences_in_float32(rng, central, error):
    x = rng.standard_normal(4).astype(np.float32)
    _, g = Differences(wavy, central=central)(x)
    assert g.dtype == np.float32
    np.testing.assert_allclose(g, np.cos(x) * np.arange(1, 5), atol=error)


def test_differences_are_exact_for_lines_at_any_scale():
    x = np.array([1e-8, 1.0, 1e3, 1e8, -12345.678])
    slopes = np.array([2.0, -1.0, 0.5, 4.0, 0.25])
    for central in (True, False):
        for k in range(5):
            _, g = Differences(lambda x, k=k: slopes[k] * x[k], central=central)(x)
            assert same_bits(g, np.where(np.arange(5) == k, slopes, 0.0))


def test_points_of_differences_are_copies(rng):
    x = {"a": rng.standard_normal((2, 2)), "b": [rng.standard_normal(1)]}
    before = copy.deepcopy(x)
    kept = []

    def fun(x):
        if kept:
            assert all(leaf.flags.writeable for leaf in leaves(x))
        kept.append(x)
        return tree_bowl(x)[0]

    f, g = Differences(fun)(x)
    assert f == tree_bowl(x)[0]
    assert len({tuple(np.concatenate([a.ravel() for a in leaves(p)])) for p in kept}) == 11
    assert all(same_bits(a, b) for a, b in zip(leaves(x), leaves(before), strict=True))
    for ours, exact in zip(leaves(g), leaves(tree_bowl(x)[1]), strict=True):
        np.testing.assert_allclose(ours, exact, atol=1e-9)


# Of gradients.


def g_wavy(x):
    return np.cos(x) * np.arange(1, x.size + 1).reshape(x.shape) + x.sum() ** 2


def h_wavy(x):
    slopes = -np.sin(x).ravel() * np.arange(1, x.size + 1)
    return np.diag(slopes) + 2 * x.sum()


@pytest.mark.parametrize(("central", "error"), [(True, 1e-8), (False, 1e-5)])
@pytest.mark.parametrize("shape", [(1,), (5,), (2, 3)])
def test_hessians(rng, central, error, shape):
    x = rng.standard_normal(shape) * 3
    asked = []

    def gradient(x):
        assert x.flags.writeable
        asked.append(x)
        return g_wavy(x)

    x.flags.writeable = False
    second = GradientDifferences(gradient, central=central)
    found = second.hessian(x)
    np.testing.assert_allclose(found, h_wavy(x), atol=error * np.abs(h_wavy(x)).max())
    assert (found == found.T).all()
    assert second.evaluations == len(asked) == (2 if central else 1) * x.size + (not central)
    v = rng.standard_normal(shape)
    product = second.product(x, v)
    assert product.shape == shape
    expected = (h_wavy(x) @ v.ravel()).reshape(shape)
    np.testing.assert_allclose(product, expected, atol=error * 10 * np.abs(expected).max())
    assert second.evaluations == len(asked)


def test_hessians_from_values_alone(rng):
    """Differences of differences take longer steps."""
    x = rng.standard_normal(4)
    evaluate = Differences(lambda x: float(np.sin(x).sum() + x.sum() ** 3 / 3))
    second = GradientDifferences(lambda x: evaluate(x)[1], power=evaluate.power)
    exact = np.diag(-np.sin(x)) + 2 * x.sum()
    np.testing.assert_allclose(second.hessian(x), exact, atol=1e-6 * np.abs(exact).max())


def test_newton_without_second_derivatives():
    with pytest.warns(UserWarning, match="hess is None: each Hessian costs 2 n = 4 gradients"):
        warned = schuss.minimize(rosenbrock, START, jac=True, method="newton")
    exact = schuss.minimize(rosenbrock, START, jac=True, method="newton", hess=h_rosenbrock)
    assert warned.success
    assert abs(warned.nit - exact.nit) <= 2
    assert warned.nfev == warned.njev
    assert warned.njev == exact.nfev + 4 * exact.nhev or abs(warned.nit - exact.nit) > 0
    two = schuss.minimize(f_rosenbrock, START, jac=g_rosenbrock, method="newton", hess="3-point")
    assert same_bits(two.x, warned.x)
    assert two.njev == warned.njev
    assert two.nfev < two.njev
    forward = schuss.minimize(rosenbrock, START, jac=True, method="newton", hess="2-point")
    assert forward.success
    assert forward.nfev < warned.nfev
    alone = schuss.minimize(f_rosenbrock, START, jac="3-point", method="newton", hess="3-point")
    assert alone.success
    np.testing.assert_allclose(alone.x, 1, atol=1e-4)


def test_products_without_second_derivatives():
    with pytest.warns(UserWarning, match="hessp is None: each product costs 2 gradients"):
        result = schuss.minimize(rosenbrock, START, jac=True, method="Newton-CG")
    assert result.success
    assert result.nfev == result.njev
    assert result.nfev > 2 * result.nhev
    np.testing.assert_allclose(result.x, 1, atol=1e-4)
    tree = {"a": np.zeros(2), "b": [np.zeros((1, 2))]}
    result = schuss.minimize(tree_bowl, tree, jac=True, method="newton_cg", hessp="3-point")
    assert result.success
    np.testing.assert_allclose(result.x["b"][0], 3, atol=1e-5)


def test_success_is_not_claimed_on_rounding():
    result = schuss.minimize(
        lambda x: 1e14 + float(((x - 1) ** 2).sum()), [3.0, 4.0], jac="3-point"
    )
    assert not result.success
    assert result.status == 2
    assert "exact to about" in result.message


def test_steps_stay_in_the_domain():
    def f(x):
        return float(x[0] * 1e7 - np.log(x[0])) if x[0] > 0 else np.inf

    evaluate = Differences(f)
    _, g = evaluate(np.array([1e-6]))
    np.testing.assert_allclose(g, [1e7 - 1e6], rtol=1e-6)
    _, g = Differences(lambda x: float(x[0] ** 2) if x[0] >= 2 else np.inf)(np.array([2.0]))
    np.testing.assert_allclose(g, [4.0], rtol=1e-6)


STEEP = 1e3


def steep(x):
    """Its third derivative is a million times its slope: the usual steps are off by 6e-3."""
    return float((np.exp(STEEP * (x - 1)) - STEEP * x).sum())


def g_steep(x):
    return STEEP * (np.exp(STEEP * (x - 1)) - 1)


@pytest.mark.parametrize("method", ["bfgs", "lbfgs"])
@pytest.mark.parametrize("way", ["2-point", "3-point"])
def test_steps_become_as_short_as_gtol_needs(method, way):
    result = schuss.minimize(steep, [0.999, 1.001], jac=way, method=method)
    assert result.success, result.message
    assert np.abs(g_steep(result.x)).max() <= 2e-5
    np.testing.assert_allclose(result.jac, g_steep(result.x), atol=1e-5)


@pytest.mark.parametrize("way", ["2-point", "3-point"])
def test_steps_of_the_user_stay_and_are_found_too_long(way):
    points = []

    def fun(x):
        points.append(float(x[0]))
        return steep(x)

    result = schuss.minimize(fun, [0.999], jac=way, finite_diff_rel_step=1e-4)
    assert not result.success
    assert "exact to about" in result.message
    x = points[0]
    assert {round(abs(p / x - 1) * 1e4, 6) for p in points[1 : 3 if way == "3-point" else 2]} == {1}
    evaluate = Differences(steep, central=way == "3-point", step=1e-4)
    _, g = evaluate(np.array([1.0]))
    evaluate.check(np.array([1.0]), steep(np.array([1.0])), g)
    assert abs(g[0]) / 3 < evaluate.error < 3 * abs(g[0])  # it should be 0


def bowl(x):
    return float(np.array([1.0, 3.0, 10.0]) @ (x - [1, 2, -3]) ** 2)


COARSE = {
    "three decimals": lambda x: round(bowl(x), 3),
    "float32 inside": lambda x: float(np.float32(bowl(x)) + np.float32(7)),
    "an offset": lambda x: bowl(x) + 1e10,
    "noise": lambda x: bowl(x) + 1e-6 * np.sin(1e9 * x.sum()),
}


@pytest.mark.parametrize("way", ["2-point", "3-point"])
@pytest.mark.parametrize("kind", COARSE)
def test_a_function_coarser_than_its_dtype(kind, way):
    """Values that do not change along a step are no slope of 0."""
    result = schuss.minimize(COARSE[kind], np.ones(3), jac=way, method="bfgs")
    exact = np.array([2.0, 6.0, 20.0]) * (result.x - [1, 2, -3])
    assert np.abs(exact).max() < 1e-4 if result.success else "exact to about" in result.message
    if kind == "three decimals":
        assert bowl(result.x) < 0.01  # of 163 at the start, where no step of 6e-6 changes f
    if result.success:
        np.testing.assert_allclose(result.jac, exact, atol=1e-4)


def test_a_variable_without_influence_has_a_slope_of_0():
    result = schuss.minimize(lambda x: float((x[0] - 3) ** 2), [1.0, 1.0], jac="3-point")
    assert result.success
    assert result.jac[1] == 0
    assert schuss.minimize(lambda x: 3.0, [1.0, 2.0], jac="2-point").success


@pytest.mark.parametrize("way", ["2-point", "3-point"])
@pytest.mark.parametrize("f_unit", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("x_unit", [1e-12, 1e-6, 1.0, 1e6, 1e12])
def test_differences_in_any_units(x_unit, f_unit, way):
    def f(x):
        a, b = x / x_unit
        return f_unit * float(100 * (b - a * a) ** 2 + (1 - a) ** 2)

    gtol = 1e-5 * f_unit / x_unit
    start = x_unit * np.array([-1.2, 1.0])
    result = schuss.minimize(f, start, jac=way, method="bfgs", gtol=gtol)
    assert result.success, result.message
    np.testing.assert_allclose(result.x, x_unit, rtol=1e-4)


def test_the_end_of_a_failure_names_the_error_of_its_gradient():
    """Two kinks: rounding alone would explain an error of 1e-15."""
    result = schuss.minimize(lambda x: float(abs(x - [1, 2]).sum()), [0.0, 5.0], jac="2-point")
    assert not result.success
    assert "exact to about" in result.message
    evaluate = Differences(lambda x: float(abs(x).sum()), central=False)
    evaluate.check(np.array([1e-9]), 1e-9, np.array([1.0]))
    assert evaluate.error < 1e-6
    evaluate = Differences(lambda x: float(abs(x - 1).sum()), central=False)
    evaluate.check(np.array([1.0]), 0.0, np.array([1.0]))
    assert evaluate.error >= 1


@pytest.mark.parametrize("status", [0, 2, 5])
def test_an_end_is_judged_by_the_error_of_its_gradient(status):
    """Rounding alone would say 1e-9; the step makes 6e-3."""
    evaluate = Differences(steep, gtol=1e-9)
    x = np.array([1.0])
    value, gradient = evaluate(x)
    result = Result(x=x, fun=value, jac=gradient, status=status, success=status == 0, message="")
    _judge(result, evaluate, 1e-9, 0.0)
    assert result.status == 2
    assert not result.success
    found = float(result.message.partition("exact to about ")[2].split()[0].rstrip(","))
    assert found == pytest.approx(abs(gradient[0]), rel=0.1)
