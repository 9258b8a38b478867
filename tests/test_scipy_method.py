"""Our methods in scipy.optimize.minimize."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import schuss
from helpers import same_bits
from schuss.solvers import Result
from solver_cases import START, f_rosenbrock, g_rosenbrock, h_rosenbrock, rosenbrock

optimize = pytest.importorskip("scipy.optimize")


@pytest.mark.parametrize("form", ["both", "two", "none"])
def test_scipy(method, form):
    how = schuss.scipy_method(method)
    options = {"maxiter": 30}
    if form == "both":
        a = optimize.minimize(rosenbrock, START, jac=True, method=how, options=options)
    elif form == "two":
        a = optimize.minimize(f_rosenbrock, START, jac=g_rosenbrock, method=how, options=options)
    else:
        with pytest.warns(UserWarning, match="2 n = 4"):
            a = optimize.minimize(f_rosenbrock, START, method=how, options=options)
    jac, fun = ("3-point", f_rosenbrock) if form == "none" else (True, rosenbrock)
    b = schuss.minimize(fun, START, jac=jac, method=method, **options)
    assert type(a) is optimize.OptimizeResult
    assert list(a) == list(b)
    assert same_bits(a.x, b.x)
    assert (a.fun, a.nit, a.nfev, a.njev, a.message) == (b.fun, b.nit, b.nfev, b.njev, b.message)


def test_scipy_errors(method):
    how = schuss.scipy_method(method)
    constraints = {"type": "eq", "fun": sum}
    with pytest.raises(ValueError, match="constraints are given"):
        optimize.minimize(rosenbrock, START, jac=True, method=how, constraints=constraints)
    with pytest.warns(
        optimize.OptimizeWarning, match=f"^'foo' is no option of schuss's {method} "
    ) as caught:
        a = optimize.minimize(rosenbrock, START, jac=True, method=how, options={"foo": 1})
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert repr(Result(a)) == repr(schuss.minimize(rosenbrock, START, jac=True, method=method))


def test_scipy_method_can_be_pickled():
    how = pickle.loads(pickle.dumps(schuss.scipy_method("L-BFGS-B")))
    assert optimize.minimize(rosenbrock, START, jac=True, method=how).success


@pytest.mark.parametrize("name", ["newton", "newton_cg", "Newton-CG"])
def test_scipy_second_derivatives(name):
    given = (
        {"hess": h_rosenbrock} if name == "newton" else {"hessp": lambda x, v: h_rosenbrock(x) @ v}
    )
    a = optimize.minimize(rosenbrock, START, jac=True, method=schuss.scipy_method(name), **given)
    b = schuss.minimize(rosenbrock, START, jac=True, method=name, **given)
    assert a.success
    assert same_bits(a.x, b.x)
    assert (a.nit, a.nfev, a.nhev, a.message) == (b.nit, b.nfev, b.nhev, b.message)
    assert a.nhev > 5


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"maxiter": -1}, {"maxiter": 0}),
        ({"maxiter": 6.1}, {"maxiter": 7}),
        ({"maxiter": np.float64(6.1)}, {"maxiter": 7}),
        ({"maxfun": 0}, {"maxfun": 1}),
    ],
    ids=str,
)
def test_scipy_limits_that_are_no_counts(method, given, taken):
    how = schuss.scipy_method(method)
    name, limit = next(iter(taken.items()))
    with pytest.warns(optimize.OptimizeWarning, match=f"^{name} is .*; {limit} is taken") as caught:
        a = optimize.minimize(rosenbrock, START, jac=True, method=how, options=given)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    b = schuss.minimize(rosenbrock, START, jac=True, method=method, **taken)
    assert repr(Result(a)) == repr(b)
    assert a.status == 1


def test_scipy_limits_that_are_infinite_or_nothing(method):
    how = schuss.scipy_method(method)
    options = {"maxiter": np.inf, "maxfun": np.inf}
    a = optimize.minimize(rosenbrock, START, jac=True, method=how, options=options)
    b = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=None, maxfun=None)
    assert repr(Result(a)) == repr(b)
    for bad in (np.nan, "3", True, 1j):
        with pytest.raises((TypeError, ValueError), match=r"^maxiter is .*wanted"):
            optimize.minimize(rosenbrock, START, jac=True, method=how, options={"maxiter": bad})


@pytest.mark.parametrize(("limit", "what"), [("maxiter", "iterations"), ("maxfun", "evaluations")])
@pytest.mark.parametrize("name", ["bfgs", "lbfgs", "newton"])
def test_scipy_warns_at_a_limit_when_it_prints(name, limit, what, capsys):
    how = schuss.scipy_method(name)
    more = {"hess": h_rosenbrock} if name == "newton" else {}
    category = RuntimeWarning if name == "newton" else optimize.OptimizeWarning
    options = {"maxiter": np.inf, "maxfun": np.inf, "disp": True, limit: 2}
    with pytest.warns(category, match=f"^Maximum number of {what} has been reached") as caught:
        optimize.minimize(rosenbrock, START, jac=True, method=how, options=options, **more)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert capsys.readouterr().out.count("\n") == 1
    options["disp"] = False  # and no warning, which would be an error here
    optimize.minimize(rosenbrock, START, jac=True, method=how, options=options, **more)
    optimize.minimize(rosenbrock, START, jac=True, method=how, options={"disp": True}, **more)


@pytest.mark.parametrize("name", ["newton", "newton_cg"])
@pytest.mark.parametrize("kind", ["cs", "strategy"])
def test_scipy_hessian_strategies_are_differences(name, kind):
    hess = "cs" if kind == "cs" else optimize.BFGS()
    with pytest.warns(optimize.OptimizeWarning, match="^hess is .*; '3-point' is taken") as caught:
        a = optimize.minimize(
            rosenbrock, START, jac=True, method=schuss.scipy_method(name), hess=hess
        )
    assert len(caught) == 1
    assert caught[0].filename == __file__
    argument = "hess" if name == "newton" else "hessp"
    b = schuss.minimize(rosenbrock, START, jac=True, method=name, **{argument: "3-point"})
    assert a.success
    assert same_bits(a.x, b.x)
    with pytest.raises(ValueError, match=r"^hessp? is "):
        schuss.minimize(rosenbrock, START, jac=True, method=name, hess=hess)
