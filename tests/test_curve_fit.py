"""curve_fit: NIST's fits as they come, SciPy's conventions, bad input."""

from __future__ import annotations

import numpy as np
import pytest
import schuss

from problems import nist

scipy_optimize = pytest.importorskip("scipy.optimize")

T = np.linspace(0, 4, 25)
Y = 2 * np.exp(-0.7 * T) + 0.3 + 0.05 * np.sin(37 * T)


def decay(t, height, rate, offset):
    return height * np.exp(-rate * t) + offset


def test_nist_as_it_comes():
    found = {}
    for fit in nist.fits():
        with np.errstate(all="ignore"):
            popt, _ = schuss.curve_fit(
                lambda x, *b, model=fit.model: model(np.array(b), x), fit.x, fit.y, fit.start
            )
        error = np.max(np.abs(popt - fit.certified) / np.abs(fit.certified))
        found[fit.name] = -np.log10(max(error, 1e-15))
    assert len(found) == 54
    assert sum(d >= 4 for d in found.values()) >= 52, found
    assert sum(d >= 6 for d in found.values()) >= 50, found


SIGMA = 0.1 + 0.02 * np.arange(25)
CORRELATED = 0.01 * np.exp(-np.abs(np.subtract.outer(T, T)))


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("sigma", [None, 0.2, SIGMA, list(SIGMA), CORRELATED])
@pytest.mark.parametrize("p0", [None, [1.5, 1.0, 0.1]])
def test_against_scipy(p0, sigma, absolute):
    given = {"p0": p0, "sigma": sigma, "absolute_sigma": absolute}
    popt, pcov, info, message, ier = schuss.curve_fit(decay, T, Y, **given, full_output=True)
    right, covariance, theirs, *_ = scipy_optimize.curve_fit(
        decay, T, Y, **given, full_output=True, xtol=1e-14, ftol=1e-14
    )
    np.testing.assert_allclose(popt, right, rtol=1e-6)
    np.testing.assert_allclose(pcov, covariance, rtol=1e-5)
    np.testing.assert_allclose(info["fvec"], theirs["fvec"], rtol=1e-5, atol=1e-7)
    assert ier == 1
    assert info["nfev"] > 0
    assert message == info["result"].message
    assert info["result"].names == ["height", "rate", "offset"]
    np.testing.assert_array_equal(info["result"].stderr, np.sqrt(np.diag(pcov)))


def test_jacobians_of_the_users_own():
    def jac(t, height, rate, offset):
        e = np.exp(-rate * t)
        return np.stack([e, -t * height * e, np.ones_like(t)], axis=1)

    for sigma in (None, SIGMA, CORRELATED):
        popt, pcov = schuss.curve_fit(decay, T, Y, sigma=sigma, jac=jac)
        plain, covariance = schuss.curve_fit(decay, T, Y, sigma=sigma)
        np.testing.assert_allclose(popt, plain, rtol=1e-7)
        np.testing.assert_allclose(pcov, covariance, rtol=1e-6)


def test_bounds_and_where_it_starts():
    seen = []

    def model(t, height, rate, offset):
        seen.append((height, rate, offset))
        return decay(t, height, rate, offset)

    lower, upper = np.array([1.0, -np.inf, -np.inf]), np.array([1.8, 0.5, np.inf])
    with pytest.warns(UserWarning, match="height .*rate|height is on a bound|rate is on a bound"):
        popt, pcov = schuss.curve_fit(model, T, Y, bounds=(lower, upper))
    assert seen[0] == (1.4, -0.5, 1.0)
    assert all((lower <= p).all() and (p <= upper).all() for p in np.array(seen))
    on = (popt == lower) | (popt == upper)
    assert on.any()
    np.testing.assert_array_equal(np.isnan(np.diag(pcov)), on)
    scipy = scipy_optimize.curve_fit(decay, T, Y, bounds=(lower, upper), ftol=1e-14, xtol=1e-14)
    np.testing.assert_allclose(popt, scipy[0], rtol=1e-4)


def test_x_of_any_shape_and_y_of_any():
    x = np.random.default_rng(0).standard_normal((2, 5, 5))

    def plane(x, a, b, c):
        return a * x[0] + b * x[1] + c

    popt, pcov = schuss.curve_fit(plane, x, plane(x, 1.0, 2.0, 3.0) + 1e-3 * x[0] ** 2)
    np.testing.assert_allclose(popt, [1, 2, 3], atol=0.01)
    assert pcov.shape == (3, 3)


def test_starts_for_models_that_name_no_parameters():
    popt, _ = schuss.curve_fit(lambda t, *p: p[0] + p[1] * t, T, 2 + 3 * T + np.cos(T), [1, 1])
    np.testing.assert_allclose(popt, np.polyfit(T, 2 + 3 * T + np.cos(T), 1)[::-1], rtol=1e-7)
    with pytest.raises(ValueError, match="p0 is None, and f does not say how many"):
        schuss.curve_fit(lambda t, *p: p[0] + p[1] * t, T, Y)


@pytest.mark.parametrize("name", ["maxfev", "max_nfev", "maxfun"])
def test_a_fit_that_does_not_converge(name):
    with pytest.raises(RuntimeError, match="Optimal parameters not found: maxfun = 3"):
        schuss.curve_fit(decay, T, Y, **{name: 3})
    with pytest.raises(RuntimeError, match="residual 0 is nan"):
        schuss.curve_fit(lambda t, a: a * np.full(25, np.nan), T, Y)


def test_methods_and_losses_are_taken():
    plain, _ = schuss.curve_fit(decay, T, Y)
    for method in ("lm", "trf", "dogbox"):
        np.testing.assert_array_equal(schuss.curve_fit(decay, T, Y, method=method)[0], plain)
    spoilt = Y.copy()
    spoilt[3] += 50
    robust, _ = schuss.curve_fit(decay, T, spoilt, plain, loss="cauchy", f_scale=0.05)
    np.testing.assert_allclose(robust, plain, rtol=0.1)
    led_astray, _ = schuss.curve_fit(decay, T, spoilt, plain)
    assert np.abs(led_astray / plain - 1).max() > 1


def test_nan_policy():
    x, y, sigma = T.copy(), Y.copy(), SIGMA.copy()
    x[4] = y[9] = np.nan
    kept = ~(np.isnan(x) | np.isnan(y))
    for s in (None, sigma, CORRELATED):
        part = None if s is None else s[kept] if s.ndim == 1 else s[np.ix_(kept, kept)]
        popt, _ = schuss.curve_fit(decay, x, y, sigma=s, nan_policy="omit")
        np.testing.assert_array_equal(
            popt, schuss.curve_fit(decay, T[kept], Y[kept], sigma=part)[0]
        )
    with pytest.raises(ValueError, match="nan at 4"):
        schuss.curve_fit(decay, x, y, nan_policy="raise")
    with pytest.raises(ValueError, match=r"ydata\[9\] is nan"):
        schuss.curve_fit(decay, T, y)
    with pytest.raises(ValueError, match="nan_policy is 'propagate'"):
        schuss.curve_fit(decay, x, y, nan_policy="propagate")


def test_as_many_parameters_as_data():
    with pytest.warns(UserWarning, match="Covariance of the parameters could not be estimated"):
        popt, pcov = schuss.curve_fit(decay, T[:3], Y[:3])
    np.testing.assert_allclose(decay(T[:3], *popt), Y[:3], rtol=1e-9)
    assert np.isinf(pcov).all()


@pytest.mark.parametrize(
    ("error", "words", "given"),
    [
        (ValueError, r"sigma\[2\] is 0.0; finite numbers above 0", {"sigma": SIGMA * (T[2] != T)}),
        (ValueError, r"sigma\[0\] is -1.0", {"sigma": -np.ones(25)}),
        (ValueError, r"sigma has shape \(3,\)", {"sigma": np.ones(3)}),
        (ValueError, "positive definite", {"sigma": -CORRELATED}),
        (ValueError, r"sigma\[3, 9\].*symmetric", {"sigma": CORRELATED * np.linspace(1, 2, 25)}),
        (ValueError, r"xdata\[1\] is inf", {"xdata": np.where(T[1] == T, np.inf, T)}),
        (ValueError, "ydata has no elements", {"ydata": []}),
        (ValueError, r"f\(xdata, \*p\) has shape \(25,\); \(24,\)", {"ydata": Y[1:]}),
        (ValueError, r"bounds\[1\] is \(2.0, 1.0\)", {"bounds": ([0, 2, 0], [1, 1, 1])}),
        (ValueError, r"x0\[0\] is nan", {"p0": [np.nan, 1, 1]}),
        (ValueError, "args is given", {"args": (1,)}),
        (TypeError, "there is no argument 'maxfnu'; did you mean 'maxfun'", {"maxfnu": 3}),
        (TypeError, "f is None", {"f": None}),
        (TypeError, "absolute_sigma is 3", {"absolute_sigma": 3}),
    ],
)
def test_bad_input(error, words, given):
    with pytest.raises(error, match=words):
        schuss.curve_fit(**{"f": decay, "xdata": T, "ydata": Y, **given})
