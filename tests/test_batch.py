"""Many problems at once: each as if it were alone."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import schuss
from helpers import CLASSES, same_bits
from schuss import minimize, minimize_batch

METHODS = [name for name in CLASSES if name != "newton_cg"]
KINDS = [
    *((method, {}) for method in METHODS),
    ("newton", {"globalization": "line_search"}),
    ("newton", {"globalization": "none", "maxiter": 30}),  # it goes round in circles
    ("lbfgs", {"history_size": 3}),
]


class Family:
    """Sums of log cosh(a x - b) with a ridge, one for each problem, and one after the other."""

    def __init__(self, count, n, dtype="float64"):
        rng = np.random.default_rng(n)
        self.a = rng.standard_normal((count, 2 * n, n)).astype(dtype)
        self.b = rng.standard_normal((count, 2 * n)).astype(dtype)
        self.starts = (2 * rng.standard_normal((count, n))).astype(dtype)

    def one(self, k, x):
        """Value, gradient and Hessian."""
        z = self.a[k] @ x - self.b[k]
        slope = np.tanh(z)
        return (
            float(np.logaddexp(z, -z).sum() + 0.05 * (x @ x)),
            self.a[k].T @ slope + np.float32(0.1) * x,
            (self.a[k].T * (1 - slope * slope)) @ self.a[k] + 0.1 * np.eye(x.size),
        )

    def many(self, x, index, wanted=2):
        values = [self.one(k, row) for k, row in zip(index, x, strict=True)]
        return tuple(np.array(part) for part in list(zip(*values, strict=True))[:wanted])


class Saddles(Family):
    """Sums of z^4 / 4 - z^2 / 2, z = a x - b: Hessians of any signs, and not quite symmetric."""

    def one(self, k, x):
        z = self.a[k] @ x - self.b[k]
        hessian = (self.a[k].T * (3 * z * z - 1)) @ self.a[k]
        hessian[np.tril_indices(x.size, -1)] *= 1 + 1e-13
        return float((z**4).sum() / 4 - z @ z / 2), self.a[k].T @ (z**3 - z), hessian


def wanted(method):
    return (3,) if method == "newton" else (2,)


@pytest.mark.parametrize(("method", "options"), KINDS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("count", "n"), [(1, 3), (50, 7)])
def test_batch_equals_one_by_one(method, options, dtype, count, n):
    family = Family(count, n, dtype)
    batch = minimize_batch(family.many, family.starts, wanted(method), method=method, **options)
    assert batch.x.dtype == family.starts.dtype
    for k in range(count):
        second = {"hess": lambda x, k=k: family.one(k, x)[2]} if method == "newton" else {}
        alone = minimize(
            lambda x, k=k: family.one(k, x)[:2],
            family.starts[k],
            jac=True,
            method=method,
            **second,
            **options,
        )
        assert same_bits(batch.x[k], alone.x)
        assert same_bits(batch.jac[k], alone.jac)
        fields = ("fun", "nit", "nfev", "njev", "status", "success")
        assert [batch[f][k] for f in fields] == [alone[f] for f in fields]
        assert batch.message[k] == alone.message
        for extra in ("nhev", "min_curvature", "is_minimum", "shift") if second else ():
            assert batch[extra][k] == alone[extra]
    assert "maxiter" in options or batch.success.sum() > 0.8 * count


@pytest.mark.parametrize("globalization", ["trust_region", "line_search", "none"])
@pytest.mark.parametrize("n", [1, 2, 5, 10, 31, 32, 33])
def test_hessians_in_lanes(n, globalization):
    """Up to 32 variables Hessians are worked on together; alone they never are."""
    family = Saddles(11, n)
    options = {"method": "newton", "globalization": globalization, "maxiter": 25}
    batch = minimize_batch(family.many, family.starts, (3,), **options)
    for k in range(11):
        alone = minimize(
            lambda x, k=k: family.one(k, x)[:2],
            family.starts[k],
            jac=True,
            hess=lambda x, k=k: family.one(k, x)[2],
            **options,
        )
        assert same_bits(batch.x[k], alone.x)
        assert [batch[f][k] for f in ("nit", "nhev")] == [alone.nit, alone.nhev]
        assert batch.message[k] == alone.message
        assert batch.min_curvature[k] == alone.min_curvature


def test_those_that_are_done_leave():
    """Problem k is a bowl whose start is k away from its minimum."""
    seen = []

    def bowls(x, index):
        seen.append(index.tolist())
        assert x.flags.writeable
        f, g = (x**4).sum(axis=1) / 4, x**3
        x[:] = np.nan  # the solvers have their own
        return f, g

    result = minimize_batch(bowls, np.arange(5.0)[:, None] * np.ones((5, 2)))
    assert result.success.all()
    assert seen[0] == [0, 1, 2, 3, 4]
    assert 0 not in seen[1]
    assert len(seen) == result.nfev.max()
    for before, after in itertools.pairwise(seen):
        assert set(after) <= set(before)
        assert after == sorted(after)
    assert [sum(k in index for index in seen) for k in range(5)] == result.nfev.tolist()


def test_points_of_any_shape():
    target = np.arange(24.0).reshape(4, 2, 3)

    def distances(x, index, scale):
        assert x.shape[1:] == (2, 3)
        d = x - target[index]
        return scale * (d * d).sum(axis=(1, 2)), 2 * scale * d

    result = minimize_batch(distances, np.zeros((4, 2, 3), int), 3.0, gtol=1e-9)
    assert result.success.all()
    assert result.jac.shape == (4, 2, 3)
    np.testing.assert_allclose(result.x, target, atol=1e-8)


def test_one_bad_problem_spoils_no_other():
    family = Family(6, 4)
    good = minimize_batch(family.many, family.starts, (3,), method="newton")

    def spoiled(x, index):
        f, g, h = family.many(x, index, 3)
        g[index == 1] = math.nan
        h[index == 2] = math.nan
        h[index == 3, 0, 1] += 1.0
        f[index == 4] = -math.inf
        return f, g, h

    result = minimize_batch(spoiled, family.starts, method="newton")
    assert result.status.tolist() == [0, 3, 3, 3, 3, 0]
    assert "the gradient is not finite" in result.message[1]
    assert "the Hessian has elements that are not finite" in result.message[2]
    assert "the Hessian is not symmetric" in result.message[3]
    for k in (0, 5):
        assert same_bits(result.x[k], good.x[k])
    assert np.isfinite(result.x).all()


def test_limits_count_for_each():
    family = Family(5, 4)
    result = minimize_batch(family.many, family.starts, method="lbfgs", options={"maxiter": 3})
    assert (result.nit <= 3).all()
    assert (result.status == 1).any()
    loose = minimize_batch(family.many, family.starts, tol=1.0)
    assert (loose.nit < minimize_batch(family.many, family.starts).nit).all()


def test_no_problems():
    result = minimize_batch(lambda x, index: None, np.zeros((0, 3)))
    assert result.x.shape == (0, 3)
    assert result.message == []


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        ((np.zeros(3), np.zeros((2, 2))), ValueError, r"f has shape \(3,\); \(2,\) is wanted"),
        ((np.zeros(2), np.zeros(2)), ValueError, r"g has shape \(2,\); \(2, 2\) is wanted"),
        ((np.zeros(2) * 1j, np.zeros((2, 2))), TypeError, "f has dtype complex128"),
        (np.zeros(2), TypeError, r"fun returned ndarray; \(values, gradients\) is wanted"),
        ((1, 2, 3), TypeError, r"fun returned tuple; \(values, gradients\) is wanted"),
    ],
)
def test_what_fun_returns(returned, error, message):
    with pytest.raises(error, match=message):
        minimize_batch(lambda x, index: returned, np.zeros((2, 2)))


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"X0 has shape \(3,\); \(count, n\) is wanted"):
        minimize_batch(print, np.zeros(3))
    with pytest.raises(ValueError, match=r"X0 has shape \(3, 0\)"):
        minimize_batch(print, np.zeros((3, 0)))
    with pytest.raises(TypeError, match="X0 has dtype complex128"):
        minimize_batch(print, np.zeros((2, 2), complex))
    with pytest.raises(ValueError, match="method is 'newton_cg'"):
        minimize_batch(print, np.zeros((2, 2)), method="newton_cg")
    with pytest.raises(ValueError, match="'foo' is no option of lbfgs"):
        minimize_batch(print, np.zeros((2, 2)), foo=1)
    with pytest.raises(ValueError, match="gtol is -1"):
        minimize_batch(print, np.zeros((2, 2)), gtol=-1)
    with pytest.raises(ValueError, match=r"H has shape \(2, 2\); \(2, 2, 2\) is wanted"):
        minimize_batch(
            lambda x, index: (np.ones(2), x, np.eye(2)), np.zeros((2, 2)), method="newton"
        )
    assert schuss.solvers.minimize_batch is minimize_batch
