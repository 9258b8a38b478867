"""NIST's nonlinear fits, each from its two starts: certified digits, no success without them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from bench import bench_fits, required
from bench.bench_fits import Peaks, attempt, digits
from problems.nist import fits

FITS = {fit.name: fit for fit in fits()}

cached = cache(attempt)


def run(solver, name):
    return cached(solver, FITS[name])


@pytest.mark.parametrize("name", FITS)
def test_the_certified_parameters(name):
    fit = FITS[name]
    f, g = fit.value_and_gradient(fit.certified)
    assert f == pytest.approx(fit.rss, rel=1e-9, abs=1e-20)
    jacobian = fit.jacobian(fit.certified)
    # The sum of squares has its minimum there: the step that is left is no more than the digits.
    step = np.linalg.lstsq(jacobian, fit.residuals(fit.certified), rcond=None)[0]
    assert np.abs(step / fit.certified).max() <= 1e-7
    assert np.isfinite(g).all()
    if not name.startswith("Lanczos1/"):
        q, r = np.linalg.qr(jacobian)
        deviation = np.sqrt(f / (len(q) - r.shape[1]) * (np.linalg.inv(r) ** 2).sum(axis=1))
        assert digits(deviation, fit.deviations) >= 5


@pytest.mark.parametrize("name", FITS)
def test_jacobians_are_derivatives_of_the_residuals(name):
    fit = FITS[name]
    b = 0.9 * fit.certified + 0.1 * FITS[f"{name[:-1]}2"].start
    jacobian = fit.jacobian(b)
    for k, unit in enumerate(np.eye(b.size)):
        h = 1e-4 * abs(b[k])
        at = [fit.residuals(b + j * h * unit) for j in (-2, -1, 1, 2)]
        difference = (8 * (at[2] - at[1]) - (at[3] - at[0])) / (12 * h)
        slack = 1e-14 * np.abs(fit.y).max() / h
        assert np.abs(difference - jacobian[:, k]).max() <= 1e-6 * np.abs(jacobian).max() + slack


def test_digits():
    assert digits(np.array([1.0, 2.002]), np.array([1.0, 2.0])) == pytest.approx(3)
    assert digits(np.array([1.0]), np.array([1.0])) == 11
    assert digits(np.array([np.nan]), np.array([1.0])) == 0
    assert digits(np.array([-5.0]), np.array([1.0])) == 0


@pytest.mark.parametrize("solver", required.FITS)
@pytest.mark.parametrize("name", FITS)
def test_no_fault(solver, name):
    assert not run(solver, name).fault


@pytest.mark.parametrize("solver", required.FITS)
def test_digits_of_all_fits(solver):
    found = [run(solver, name).digits for name in FITS]
    for right, least in required.FITS[solver].items():
        assert sum(digits >= right for digits in found) >= least, right


def test_peaks():
    peaks = Peaks(3)
    assert peaks.y.shape == (3, bench_fits.POINTS)
    assert np.abs(peaks.y - peaks.values(peaks.x, peaks.start)).max() > 0.1
    p = peaks.start + 0.1
    assert (peaks.values(peaks.x, p)[1] == peaks.values(peaks.x, p[1])).all()
    jacobian = peaks.jacobian(peaks.x, p)
    for k, unit in enumerate(1e-5 * np.eye(5)):
        difference = peaks.values(peaks.x, p + unit) - peaks.values(peaks.x, p - unit)
        assert np.abs(difference / 2e-5 - jacobian[..., k]).max() <= 1e-8
