"""What SciPy's callers pass."""

from __future__ import annotations

import numpy as np
import pytest
import schuss
from solver_cases import START, f_rosenbrock, g_rosenbrock, rosenbrock


def second(x):
    return np.array([[2 - 400 * x[1] + 1200 * x[0] ** 2, -400 * x[0]], [-400 * x[0], 200.0]])


def test_positional_arguments():
    a = schuss.minimize(rosenbrock, START, (), "BFGS", True)
    assert a.success


def test_maxiter_zero():
    result = schuss.minimize(rosenbrock, START, jac=True, options={"maxiter": 0})
    assert (result.status, result.nfev, result.nit) == (1, 1, 0)
    assert result.fun == rosenbrock(np.array(START))[0]


@pytest.mark.parametrize("bounds", [[(None, None)] * 2, [(-np.inf, np.inf)] * 2, []])
def test_bounds_that_bound_nothing(bounds):
    assert schuss.minimize(rosenbrock, START, jac=True, bounds=bounds).success


def test_x_is_a_copy():
    def f(x):
        value = f_rosenbrock(x)
        x[:] = 7
        return value

    def g(x):
        slopes = g_rosenbrock(x)
        x[:] = 8
        return slopes

    a = schuss.minimize(f, START, jac=g)
    b = schuss.minimize(f_rosenbrock, START, jac=g_rosenbrock)
    assert (a.x == b.x).all()
    assert a.nfev == b.nfev


def test_no_gradient_where_f_is_infinite():
    def f(x):
        return (x[0] - np.log(x[0]), 1 - 1 / x) if x[0] > 0 else (np.inf, None)

    assert abs(schuss.minimize(f, [100.0], jac=True, tol=1e-8).x[0] - 1) < 1e-6


@pytest.mark.parametrize("method", ["newton-cg", "trust-ncg", "trust-exact", "dogleg"])
def test_hess_by_any_name(method):
    assert schuss.minimize(rosenbrock, START, jac=True, method=method, hess=second).success


def test_hessians_that_are_symmetric_to_float32():
    def skew(x):
        return second(x) + np.array([[0, 1e-6], [0, 0]])

    assert schuss.minimize(rosenbrock, START, jac=True, method="newton", hess=skew).success
    with pytest.raises(ValueError, match="not symmetric"):
        schuss.minimize(
            rosenbrock, START, jac=True, method="newton", hess=lambda x: np.tril(second(x))
        )


def test_linalg_takes_what_numpy_takes():
    a = np.array([[4.0, 2.0], [2.0, 10.0]])
    assert schuss.linalg.solve_spd(a.astype("f"), np.ones(2)).dtype == np.float64
    assert (schuss.linalg.cholesky(a.astype(">f8")) == schuss.linalg.cholesky(a)).all()
    with pytest.raises(ValueError, match="inhomogeneous"):
        schuss.linalg.cholesky([[1.0, 2.0], [3.0]])


def test_hess_inv0():
    inverse = np.linalg.inv(second(np.ones(2)))
    result = schuss.minimize(rosenbrock, [1.1, 1.2], jac=True, method="bfgs", hess_inv0=inverse)
    assert result.success
    with pytest.raises(ValueError, match=r"^'hess_inv0' matrix isn't positive definite\.$"):
        schuss.BFGS(START, hess_inv0=-np.eye(2))
