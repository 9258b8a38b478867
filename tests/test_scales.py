"""No scale of x or f changes a verdict; float32 values are known as such; nothing above f(x0)."""

from __future__ import annotations

import numpy as np
import pytest
import schuss
from helpers import CLASSES

SCALES = [(x, f) for x in (1e-30, 1e-12, 1.0, 1e12, 1e30) for f in (1e-50, 1.0, 1e50)]


def solve(method, values, x0, hessian, **options):
    second = {"newton": {"hess": hessian}, "newton_cg": {"hessp": lambda x, v: hessian(x) @ v}}
    return schuss.minimize(values, x0, jac=True, method=method, **second.get(method, {}), **options)


@pytest.mark.parametrize("method", CLASSES)
@pytest.mark.parametrize(("x_unit", "f_unit"), SCALES)
def test_a_bowl_in_any_units(method, x_unit, f_unit):
    weights, center = np.array([1.0, 3.0, 10.0]), np.array([1.0, 2.0, -3.0])

    def values(x):
        d = x / x_unit - center
        return f_unit * float(weights @ (d * d)), 2 * f_unit / x_unit * weights * d

    hessian = np.diag(2 * weights) * (f_unit / x_unit / x_unit)
    gtol = 1e-6 * f_unit / x_unit
    result = solve(method, values, x_unit * np.ones(3), lambda _: hessian, gtol=gtol)
    assert result.success, result.message
    assert np.abs(result.jac).max() <= gtol
    np.testing.assert_allclose(result.x / x_unit, center, atol=1e-5)


@pytest.mark.parametrize("method", CLASSES)
def test_a_modulus_from_one(method):
    """Stress over strain: the minimum is at 2e11, and f falls by 20 orders on the way from 1."""
    strain = np.linspace(1e-4, 2e-3, 20)
    stress = 2e11 * strain

    def values(x):
        r = x[0] * strain - stress
        return float(r @ r), np.array([2 * (r @ strain)])

    result = solve(method, values, [1.0], lambda _: np.array([[2 * (strain @ strain)]]))
    assert result.success, result.message
    assert result.x[0] == pytest.approx(2e11, rel=1e-9)


@pytest.mark.parametrize("method", CLASSES)
def test_a_small_gradient_far_from_the_minimum(method):
    weights, center = np.array([1.0, 10.0, 100.0]), 1e8 * np.array([1.0, 2.0, 3.0])

    def values(x):
        return float(weights @ ((x - center) / 1e8) ** 2), 2 * weights * (x - center) / 1e16

    result = solve(method, values, np.zeros(3), lambda _: np.diag(2e-16 * weights), gtol=1e-14)
    assert result.success, result.message
    np.testing.assert_allclose(result.x, center, rtol=1e-5)


def test_batches_know_no_length_either():
    targets = np.array([[1e11, 2e11], [1e-20, 3e-20], [5.0, -7.0]])

    def values(points, index):
        d = (points - targets[index]) / targets[index]
        return (d * d).sum(axis=1), 2 * d / targets[index]

    starts = 0.1 * targets
    gtol = 1e-13
    result = schuss.minimize_batch(values, starts, gtol=gtol)
    assert (result.status != 4).all()
    np.testing.assert_allclose(result.x[[0, 2]], targets[[0, 2]], rtol=1e-2)


@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "sr1"])
@pytest.mark.parametrize("ridge", [5e-4, 5e-2])
def test_a_float32_model_with_float64_weights(method, ridge):
    """Logistic regression in float32: the right gradient is never called wrong."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((150, 4)).astype(np.float32)
    y = (x @ [1, -2, 0.5, 0] + rng.logistic(size=150) > 0).astype(np.float32)

    def values(b):
        b = b.astype(np.float32)
        z = x @ b
        loss = (np.logaddexp(np.float32(0), z).sum() - y @ z) / np.float32(150)
        share = 1 / (1 + np.exp(-z)) - y
        return loss + np.float32(ridge) * (b @ b), (
            x.T @ share / np.float32(150) + np.float32(2 * ridge) * b
        )

    result = schuss.minimize(values, np.zeros(4), jac=True, method=method)
    seen = float(np.abs(result.jac).max())
    assert result.success if seen <= 1e-5 else "float32" in result.message or result.success
    assert result.status != 5
    assert seen < 1e-3
