"""Options of the solvers: defaults, ranges, what they do."""

from __future__ import annotations

import inspect
import math
import re
from itertools import pairwise

import numpy as np
import pytest
import schuss
from helpers import CLASSES, same_bits
from schuss import _core
from schuss.solvers.minimize import OPTIONS as TAKEN
from schuss.solvers.minimize import Options
from solver_cases import START, drive, rosenbrock


def test_signatures():
    common = "gtol=None, ftol=0.0, maxiter=15000, maxfun=15000"
    search = "maxls=20, c1=0.0001, c2=0.9"
    newton = common.replace("ftol=0.0, ", "")
    wanted = {
        "lbfgs": f"history_size=10, {common}, {search}, damping=False, history_dtype=None",
        "bfgs": f"{common}, {search}, damping=False, hess_inv0=None",
        "sr1": common,
        "newton": f"{newton}, globalization='trust_region', learning_rate=1.0",
        "newton_cg": newton,
        "gradient_descent": f"{common}, {search}",
    }
    assert wanted.keys() <= CLASSES.keys()
    for name in wanted:
        x0, *parameters = inspect.signature(CLASSES[name]).parameters.values()
        assert x0.kind is x0.POSITIONAL_OR_KEYWORD
        assert all(p.kind is p.KEYWORD_ONLY for p in parameters)
        bounded = ", bounds=None" if "bounds" in _core.methods()[name]["options"] else ""
        assert ", ".join(f"{p.name}={p.default!r}" for p in parameters) == wanted[name] + bounded


def test_signatures_are_those_of_the_list(any_method):
    rows = _core.methods()[any_method]["options"]
    signature = list(inspect.signature(CLASSES[any_method]).parameters.values())[1:]
    assert {p.name: p.default for p in signature} == {
        name: row["default"] for name, row in rows.items()
    }


def test_docstrings(any_method):
    cls = CLASSES[any_method]
    doc = inspect.getdoc(cls)
    for section in ("Args:", "Memory:", "Example:", "Reference:", ">>> "):
        assert section in doc, section
    for parameter in inspect.signature(cls).parameters:
        assert f"    {parameter}: " in doc, parameter


OPTIONS = {
    "gtol": (0, 1e-3, np.float32(0.1)),
    "ftol": (0, 1e-3),
    "maxiter": (0, 1, 10**30, None, np.int64(7), 1e4, np.float32(7.0)),
    "maxfun": (1, 10**30, None, 1e4),
    "maxls": (1, 50),
    "c1": (1e-9, 0.4),
    "c2": (0.1, 0.999),
    "damping": (True, False, np.bool_(True)),
    "history_size": (1, 1000),
    "history_dtype": ("float32", "float64", None),
    "globalization": ("trust_region", "line_search", "none"),
    "learning_rate": (1e-3, 0.5),
}
BAD = {
    "gtol": (-1e-9, math.nan, math.inf, "1", True, 1j),
    "ftol": (-1e-9, math.nan, math.inf, "1", False),
    "maxiter": (-1, 1.5, True, "3", math.inf),
    "maxfun": (0, -1, 1.5, True, "3", np.ones(2)),
    "maxls": (0, -1, None, 1.5, True, 2**31),
    "c1": (0, -0.1, 0.5, 1, math.nan, None, True),
    "c2": (0, -0.1, 1, 1e-5, math.nan, None),
    "damping": (1, "yes", None),
    "history_size": (0, 1001, None, 2.5, True),
    "history_dtype": ("float16", int, "f8,f8", "nonsense", 3),
    "globalization": ("wolfe", None, 1),
    "learning_rate": (0, -1.0, math.nan, "1"),
}


def takes(method, option):
    return option in inspect.signature(CLASSES[method]).parameters


@pytest.mark.parametrize("option", OPTIONS)
def test_options(any_method, option):
    for value in OPTIONS[option]:
        if takes(any_method, option):
            CLASSES[any_method](START, **{option: value})
        else:
            with pytest.raises(TypeError, match=option):
                CLASSES[any_method](START, **{option: value})


@pytest.mark.parametrize("option", BAD)
def test_bad_options(any_method, option):
    for value in BAD[option]:
        if takes(any_method, option):
            with pytest.raises((TypeError, ValueError), match=rf"\b{option} is .* wanted"):
                CLASSES[any_method](START, **{option: value})
            with pytest.raises((TypeError, ValueError), match=rf"\b{option} is .* wanted"):
                schuss.minimize(rosenbrock, START, jac=True, method=any_method, **{option: value})


@pytest.mark.parametrize(("dtype", "gtol"), [(np.float64, 1e-5), (np.float32, 1e-3)])
def test_default_tolerances(method, dtype, gtol):
    x0 = np.array(START, dtype)
    a = drive(CLASSES[method](x0, maxiter=200))
    b = drive(CLASSES[method](x0, gtol=gtol, ftol=0.0, maxiter=200))
    assert repr(dict(a)) == repr(dict(b))


def test_options_by_dict_and_by_keyword(method):
    a = schuss.minimize(rosenbrock, START, jac=True, method=method, options={"maxiter": 9})
    b = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=9)
    c = drive(CLASSES[method](START, maxiter=9))
    assert a.nit == b.nit == c.nit == 9
    assert same_bits(a.x, b.x)
    assert same_bits(a.x, c.x)
    options = {"maxiter": 9}
    schuss.minimize(rosenbrock, START, jac=True, options=options, gtol=0.0, disp=False)
    assert options == {"maxiter": 9}
    with pytest.raises(ValueError, match="'maxiter' is given twice"):
        schuss.minimize(rosenbrock, START, jac=True, options=options, maxiter=9)


def test_maxcor_is_history_size():
    a, b = (
        schuss.minimize(rosenbrock, START, jac=True, options={name: 2})
        for name in ("maxcor", "history_size")
    )
    assert same_bits(a.x, b.x)
    assert a.nfev == b.nfev
    with pytest.raises(ValueError, match="'history_size' is given twice"):
        schuss.minimize(rosenbrock, START, jac=True, maxcor=3, history_size=3)
    with pytest.raises(ValueError, match="'maxcor' is no option of bfgs"):
        schuss.minimize(rosenbrock, START, jac=True, method="bfgs", maxcor=3)


@pytest.mark.parametrize("unknown", ["iprint", "norm", "eps", "foo", "x0_"])
def test_unknown_options(any_method, unknown):
    takes = r"which takes \[.*'gtol'.*'disp', .*'trace'\]"
    text = rf"^'{unknown}' is no option of {any_method}, {takes}"
    for keywords in ({unknown: 1}, {"options": {unknown: 1}}):
        with pytest.raises(ValueError, match=text):
            schuss.minimize(rosenbrock, START, jac=True, method=any_method, **keywords)
    with pytest.raises(TypeError, match=r"^options is "):
        schuss.minimize(rosenbrock, START, jac=True, method=any_method, options=[1])


@pytest.mark.parametrize("tol", [1e-2, 1e-8])
def test_tol(method, tol):
    names = ("gtol", "ftol") if method == "lbfgs" else ("gtol",)
    a = schuss.minimize(rosenbrock, START, jac=True, method=method, tol=tol, maxiter=300)
    named = dict.fromkeys(names, tol)
    b = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=300, **named)
    assert repr(dict(a)) == repr(dict(b))
    c = schuss.minimize(rosenbrock, START, jac=True, method=method, tol=1e3, gtol=tol, ftol=0.0)
    assert np.abs(c.jac).max() <= tol or c.status == 1
    for bad in (-1.0, math.nan, "1"):
        with pytest.raises((TypeError, ValueError), match=r"^tol is "):
            schuss.minimize(rosenbrock, START, jac=True, tol=bad)


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("LBFGS", "lbfgs"),
        ("l-bfgs", "lbfgs"),
        ("L-BFGS-B", "lbfgs"),
        ("BFGS", "bfgs"),
        ("Sr1", "sr1"),
        ("Gradient_Descent", "gradient_descent"),
        (None, "lbfgs"),
        ("Trust-Exact", "newton"),
        ("dogleg", "newton"),
        ("Newton-CG", "newton_cg"),
        ("trust-ncg", "newton_cg"),
        ("trust-krylov", "newton_cg"),
    ],
)
def test_method_names(spelled, name):
    more = {"newton": {"hess": "3-point"}, "newton_cg": {"hessp": "3-point"}}.get(name, {})
    a = schuss.minimize(rosenbrock, START, jac=True, method=spelled, maxiter=20, **more)
    b = schuss.minimize(rosenbrock, START, jac=True, method=name, maxiter=20, **more)
    assert repr(dict(a)) == repr(dict(b))


@pytest.mark.parametrize(
    "unknown", ["trust-constr", "nelder-mead", "", False, 3, schuss.LBFGS], ids=str
)
def test_unknown_methods(unknown):
    wanted = re.escape(f"one of {list(CLASSES)} is wanted")
    with pytest.raises(ValueError, match=f"^method is .*; {wanted}"):
        schuss.minimize(rosenbrock, START, jac=True, method=unknown)
    with pytest.raises(ValueError, match=wanted):
        schuss.scipy_method(unknown)


def test_constraints_are_refused(method):
    for constraints in ({"type": "eq"}, [{}]):
        with pytest.raises(ValueError, match=r"^constraints are given; schuss takes bounds"):
            schuss.minimize(rosenbrock, START, jac=True, method=method, constraints=constraints)
    for constraints in ((), None):
        schuss.minimize(
            rosenbrock, START, jac=True, method=method, maxiter=1, constraints=constraints
        )


@pytest.mark.parametrize("name", ["hess", "hessp"])
def test_hessians_are_not_used(method, name):
    with pytest.warns(RuntimeWarning, match=f"method {method} does not use {name}$") as caught:
        schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=1, **{name: max})
    assert caught[0].filename == __file__


def test_disp(method, capsys):
    result = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=3, disp=True)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.startswith(f"{result.message}: fun=")
    assert out.endswith(f"nit=3, nfev={result.nfev}\n")
    schuss.minimize(rosenbrock, START, jac=True, method=method, options={"disp": False}, maxiter=3)
    assert not capsys.readouterr().out
    for silent in (0, None, np.False_, -1, ""):
        schuss.minimize(rosenbrock, START, jac=True, method=method, disp=silent, maxiter=3)
    assert capsys.readouterr().out == ""
    for loud in (1, np.True_, 1.0, np.int64(1)):
        schuss.minimize(rosenbrock, START, jac=True, method=method, disp=loud, maxiter=3)
        assert capsys.readouterr().out.count("\n") == 1
    with pytest.raises(TypeError, match=r"^disp is .*; 0, 1 or 2 is wanted"):
        schuss.minimize(rosenbrock, START, jac=True, method=method, disp=np.zeros(2))


def test_disp_2_prints_a_table(method, capsys):
    result = schuss.minimize(
        rosenbrock, START, jac=True, method=method, maxiter=6, disp=2, trace=True
    )
    header, *rows, last = capsys.readouterr().out.splitlines()
    assert header.split() == ["nit", "nfev", "f", "max", "|g|", "|step|"]
    assert [int(row.split()[0]) for row in rows] == result.trace["nit"].tolist()
    assert float(rows[-1].split()[2]) == pytest.approx(result.fun, rel=1e-9)
    assert last.startswith(result.message)


def test_trace_has_a_row_for_the_start_and_for_each_iteration(method):
    points = [np.array(START, float)]
    result = schuss.minimize(
        rosenbrock,
        START,
        jac=True,
        method=method,
        maxiter=20,
        trace=True,
        callback=lambda x: points.append(x),
    )
    trace = result.trace
    assert list(trace) == ["nit", "nfev", "fun", "gmax", "step", "seconds"]
    assert trace["nit"].tolist() == list(range(result.nit + 1))
    assert trace["nfev"][0] == 1
    assert trace["nfev"][-1] <= result.nfev
    f, g = zip(*(rosenbrock(x) for x in points), strict=True)
    assert trace["fun"].tolist() == list(f)
    assert trace["gmax"].tolist() == [np.abs(each).max() for each in g]
    steps = [np.linalg.norm(b - a) for a, b in pairwise(points)]
    np.testing.assert_allclose(trace["step"], [0.0, *steps], rtol=1e-12)
    assert (np.diff(trace["seconds"]) >= 0).all()
    plain = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=20)
    assert "trace" not in plain
    del result["trace"]
    assert repr(dict(result)) == repr(dict(plain))


@pytest.mark.parametrize("value", [1, "yes", None])
def test_trace_is_a_flag(value):
    with pytest.raises(TypeError, match=r"^trace is .*; True or False is wanted"):
        schuss.minimize(rosenbrock, START, jac=True, trace=value)


def test_keywords_for_type_checkers_are_those_there_are():
    every = {name for options in TAKEN.values() for name in options}
    assert set(Options.__annotations__) == every | {"maxcor"}


def test_a_batch_prints_a_line_and_keeps_no_trace(capsys):
    def bowls(x, index):
        return (x * x).sum(axis=1), 2 * x

    schuss.minimize_batch(bowls, np.ones((3, 2)), disp=True)
    assert capsys.readouterr().out.startswith("3 of 3 converged: nit=")
    with pytest.raises(ValueError, match=r"^trace is True"):
        schuss.minimize_batch(bowls, np.ones((3, 2)), trace=True)


@pytest.mark.parametrize("what", ["fun", "callback"])
def test_what_must_be_callable(what):
    with pytest.raises(TypeError, match=f"^{what} is 3; a function"):
        schuss.minimize(**{"fun": rosenbrock, "x0": START, "jac": True, what: 3})


def test_the_base_is_no_solver():
    with pytest.raises(TypeError, match="use one of its subclasses"):
        schuss.solvers.Solver(START)
