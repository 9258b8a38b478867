"""Whatever the units of x and f, and in float32: the end of a run is what it says."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")  # and SciPy, which comes with it

from bench.bench_verdicts import in_single, in_units, run, wrong
from problems import standard_problems
from problems.nist import fits

METHODS = ("lbfgs", "bfgs", "sr1", "newton", "newton_cg")


@pytest.mark.filterwarnings("ignore:hess")  # Hessians and products by differences
@pytest.mark.parametrize("method", METHODS)
def test_standard_problems_in_float32(method):
    """No right gradient is called wrong, and one within gtol is success."""
    # A matrix by differences takes n gradients: not on the largest problems.
    most, wanted = (20, 80) if method in ("newton", "newton_cg") else (50, 110)
    successes = 0
    for problem in standard_problems(most):
        found = run(method, in_single(problem), problem.start, truth=problem.value_and_gradient)
        assert not wrong(found), (problem.name, found)
        successes += found.success
    assert successes >= wanted


@pytest.mark.parametrize(("x_unit", "f_unit"), [(1e-12, 1.0), (1e12, 1.0), (1.0, 1e-30)])
@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_standard_problems_in_other_units(method, x_unit, f_unit):
    successes = 0
    for problem in standard_problems():
        values, start, _ = in_units(problem, x_unit, f_unit)
        found = run(method, values, start, gtol=1e-5 * f_unit / x_unit)
        assert not wrong(found), (problem.name, found)
        successes += found.success
    assert successes >= 147


def test_each_variable_in_a_unit_of_its_own():
    for problem in standard_problems():
        powers = np.random.default_rng(problem.n).integers(-6, 7, problem.n)
        values, start, _ = in_units(problem, 10.0**powers, 1.0)
        found = run("bfgs", values, start, limited=True)
        assert not wrong(found), (problem.name, found)


def test_fits_of_raw_data():
    successes = 0
    for fit in fits():
        if fit.name.endswith("1"):
            f, _ = fit.value_and_gradient(fit.certified)
            assert f == pytest.approx(fit.rss, rel=1e-9, abs=1e-20), fit.name
        found = run("bfgs", fit.value_and_gradient, fit.start)
        assert not wrong(found), (fit.name, found)
        successes += found.success
    assert successes >= 51
