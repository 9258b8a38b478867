"""schuss.minimize: its arguments and results, in SciPy's terms."""

from __future__ import annotations

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
import schuss
from helpers import CLASSES, leaves, same_bits
from schuss.solvers import BatchResult, Result
from solver_cases import (
    START,
    bowl,
    drive,
    f_rosenbrock,
    g_rosenbrock,
    rosenbrock,
    shifted,
    tree_bowl,
)

FIELDS = ["x", "fun", "jac", "nit", "nfev", "njev", "nhev", "status", "success", "message"]
MATRIX = {"bfgs": "hess_inv", "sr1": "hess"}


def test_result(method):
    points = []

    def fun(x):
        points.append((x, rosenbrock(x)[0]))
        return rosenbrock(x)

    options = {}
    if method == "gradient_descent":
        options = {"gtol": 0.01, "maxiter": None, "maxfun": None}
    result = schuss.minimize(fun, START, jac=True, method=method, **options)
    assert list(result) == [*FIELDS, *([MATRIX[method]] if method in MATRIX else [])]
    assert result.success is True
    assert result.status == 0
    assert "gtol" in result.message
    np.testing.assert_allclose(result.x, [1, 1], atol=0.05)
    assert result.x.flags.writeable
    assert isinstance(result.fun, float)
    assert result.fun == rosenbrock(result.x)[0]
    assert same_bits(result.jac, rosenbrock(result.x)[1])
    assert result.nfev == result.njev == len(points)
    assert result.nhev == 0
    assert 0 < result.nit < result.nfev
    assert result.fun <= min(f for _, f in points) * (1 + 1e-12)
    assert any(same_bits(x, result.x) for x, _ in points)


def test_result_is_a_dict_with_attributes():
    result = schuss.minimize(rosenbrock, START, jac=True)
    assert isinstance(result, dict)
    assert isinstance(result, Result)
    assert set(FIELDS) <= set(dir(result))
    lines = repr(result).splitlines()
    assert sorted(line.split(":")[0].strip() for line in lines) == sorted(FIELDS)
    assert lines[0].strip() == "success: True"
    assert lines[1].strip() == f"message: {result.message}"
    result.note = "mine"
    assert result["note"] == "mine"
    del result.note
    for access in (lambda: result.note, lambda: delattr(result, "note")):
        with pytest.raises(AttributeError, match="no 'note'"):
            access()
    for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), copy.copy(result)):
        assert type(again) is Result
        assert again.message == result.message
        assert same_bits(again.x, result.x)
    assert repr(Result()) == "Result()"


@pytest.mark.parametrize("n", [1, 6, 7, 300])
@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "sr1", "newton"])
def test_a_printed_result_is_short(method, n):
    def bowl(x):
        return x @ x, 2 * x

    settings = {"hess": lambda x: 2 * np.eye(n)} if method == "newton" else {}
    result = schuss.minimize(bowl, np.ones(n), jac=True, method=method, trace=True, **settings)
    result.update({f"mine{k}": np.ones((k, 3, 3)) for k in range(9)})
    lines = repr(result).splitlines()
    assert len(lines) == 15
    assert max(map(len, lines)) < 130
    assert lines[0].strip() == "success: True"
    for name in ("hess", "hess_inv"):
        if name in result and n > 6:
            assert f"{name}: <{n} x {n}, from " in repr(result)
    html = result._repr_html_()
    assert html.count("<tr>") == 15
    assert "<td" in html
    assert ("&lt;" in html) == ("<" in repr(result))


def test_structures_are_printed_in_a_line():
    small = Result(x={"w": np.ones(2)})
    assert repr(small) == "x: {'w': array([1., 1.])}"
    large = Result(x=[{"w": np.arange(12.0).reshape(3, 4)}, {"w": np.full(4, np.nan)}])
    assert repr(large) == "x: <list of 2 arrays, 16 elements, from 0 to 11, 4 not finite>"


def test_a_printed_batch_counts():
    def bowls(x, index):
        return ((x - index[:, None]) ** 4).sum(axis=1), 4 * (x - index[:, None]) ** 3

    result = schuss.minimize_batch(bowls, np.zeros((500, 2)), maxiter=2)
    assert type(result) is BatchResult
    lines = [line.strip() for line in repr(result).splitlines()]
    assert len(lines) <= 15
    assert lines[0] == f"success: {result.success.sum()} of 500"
    bad = int(np.flatnonzero(~result.success)[0])
    assert lines[1].startswith(f"message: row {bad}: ")
    assert "times 1" in lines[2]
    assert "<500 x 2, from " in lines[4]


def test_a_field_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match=r"no 'funn'.*; did you mean 'fun'\?"):
        schuss.minimize(rosenbrock, START, jac=True).funn  # noqa: B018


@pytest.mark.parametrize(
    ("settings", "near"),
    [
        ({"methd": "bfgs"}, "method"),
        ({"gtl": 1e-3}, "gtol"),
        ({"max_iter": 3}, "maxiter"),
        ({"options": {"histroy_size": 3}}, "history_size"),
        ({"method": "lbgfs"}, "lbfgs"),
    ],
)
def test_misspelt_arguments_are_understood(settings, near):
    with pytest.raises(ValueError, match=f"did you mean '{near}'"):
        schuss.minimize(rosenbrock, START, jac=True, **settings)


@pytest.mark.parametrize("method", MATRIX)
def test_matrix_of_a_quadratic(method):
    hessian = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, -1.0], [0.0, -1.0, 2.0]])
    result = schuss.minimize(
        lambda x: (x @ hessian @ x / 2, hessian @ x), [3, 1, 1], jac=True, method=method, gtol=1e-9
    )
    matrix = result[MATRIX[method]]
    assert matrix.dtype == np.float64
    assert same_bits(matrix, matrix.T)
    wanted = np.linalg.inv(hessian) if method == "bfgs" else hessian
    np.testing.assert_allclose(matrix, wanted, atol=0.05 if method == "bfgs" else 1e-6)


def test_the_lowest_point_is_returned_when_stopped_early(method):
    for maxfun in range(1, 40):
        seen = []

        def fun(x, seen=seen):
            seen.append(rosenbrock(x)[0])
            return rosenbrock(x)

        result = schuss.minimize(fun, START, jac=True, method=method, maxfun=maxfun)
        assert result.nfev == len(seen) == maxfun
        assert (result.status, result.success) == (1, False)
        assert f"maxfun = {maxfun}" in result.message
        assert result.fun == min(seen) == rosenbrock(result.x)[0]
        assert same_bits(result.jac, rosenbrock(result.x)[1])


@pytest.mark.parametrize("maxiter", [1, 2, 7])
def test_maxiter_is_exact(method, maxiter):
    result = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=maxiter)
    assert result.nit == maxiter
    assert (result.status, result.success) == (1, False)
    assert f"maxiter = {maxiter}" in result.message


def test_converged_at_the_start(method):
    result = schuss.minimize(rosenbrock, [1.0, 1.0], jac=True, method=method)
    assert (result.nit, result.nfev, result.status) == (0, 1, 0)
    assert same_bits(result.x, np.ones(2))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nothing_finite_at_the_start(method, value):
    result = schuss.minimize(lambda x: (value, x), START, jac=True, method=method)
    assert (result.status, result.success, result.nfev) == (3, False, 1)
    assert same_bits(result.x, np.array(START))
    np.testing.assert_equal(result.fun, value)


# -- fun, jac, args --------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [(2.0,), 2.0, (2.0, 5.0), np.array([2.0, 2.0])], ids=str)
@pytest.mark.parametrize("form", ["both", "two", "3-point", "2-point"])
def test_jac_forms_and_args(method, form, args):
    calls = {"f": 0, "g": 0}

    def both(x, *args):
        calls["f"] += 1
        calls["g"] += 1
        return shifted(x, *args)

    def fun(x, *args):
        calls["f"] += 1
        return shifted(x, *args)[0]

    def jac(x, *args):
        calls["g"] += 1
        return shifted(x, *args)[1]

    of = {"both": (both, True), "two": (fun, jac), "3-point": (fun, form), "2-point": (fun, form)}
    function, how = of[form]
    result = schuss.minimize(function, [0.0, 7.0], args, jac=how, method=method)
    assert result.success
    np.testing.assert_allclose(result.x, [5, 5], atol=1e-3)
    assert result.fun == shifted(result.x, *(args if isinstance(args, tuple) else (args,)))[0]
    assert result.nfev == calls["f"]
    per_gradient = {"both": 1, "two": 1, "2-point": 3, "3-point": 5}[form]
    again = result.nfev - per_gradient * result.njev  # the last gradients, to know their errors
    assert again == 0 if callable(how) or how is True else 4 <= again <= 40
    if form in ("both", "two"):
        assert result.njev == calls["g"]


def test_all_forms_take_the_same_path(method):
    a = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=30)
    b = schuss.minimize(f_rosenbrock, START, jac=g_rosenbrock, method=method, maxiter=30)
    c = drive(CLASSES[method](START, maxiter=30))
    for other in (b, c):
        assert same_bits(a.x, other.x)
        assert same_bits(a.jac, other.jac)
        assert (a.fun, a.nit, a.nfev, a.message) == (
            other.fun,
            other.nit,
            other.nfev,
            other.message,
        )


@pytest.mark.parametrize("jac", [None, False])
def test_without_jac_there_is_a_warning(method, jac):
    with pytest.warns(UserWarning, match=r"jac is .*: each gradient costs 2 n = 8 ") as caught:
        result = schuss.minimize(lambda x: bowl(x)[0], np.zeros((2, 2)), jac=jac, method=method)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert result.success
    np.testing.assert_allclose(result.x, 3, atol=1e-4)


@pytest.mark.parametrize("jac", ["cs", "4-point", 3, np.ones(2)], ids=str)
def test_other_jac(jac):
    with pytest.raises(ValueError, match=r"^jac is "):
        schuss.minimize(rosenbrock, START, jac=jac)


@pytest.mark.parametrize("fun", [f_rosenbrock, lambda x: None, lambda x: (1.0, x, 3)])
def test_jac_true_wants_a_pair(fun):
    with pytest.raises(TypeError, match=r"^fun returned an object of type .*\(f, gradient\)"):
        schuss.minimize(fun, START, jac=True)


def test_differences_of_huge_values(method):
    """Gradients beyond float32 end a run with a status, not a warning."""
    result = schuss.minimize(
        lambda x: 1e300 * float(x @ x), np.ones(2, np.float32), jac="3-point", method=method
    )
    assert result.status == 3


@pytest.mark.parametrize("error", [KeyError, StopIteration, KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("where", ["fun", "jac", "both", "3-point"])
def test_exceptions_in_functions_propagate(method, error, where):
    raised = error("mine")

    def fail(x):
        if x[0] != START[0]:
            raise raised
        return rosenbrock(x)[0]

    def fail_both(x):
        fail(x)
        return rosenbrock(x)

    of = {
        "fun": (fail, g_rosenbrock),
        "jac": (f_rosenbrock, lambda x: (fail(x), rosenbrock(x)[1])[1]),
        "both": (fail_both, True),
        "3-point": (fail, "3-point"),
    }
    fun, jac = of[where]
    with pytest.raises(error) as caught:
        schuss.minimize(fun, START, jac=jac, method=method)
    assert caught.value is raised


# -- x0 --------------------------------------------------------------------------------------------

ARRAYS = {
    "1-d": np.zeros(6),
    "2-d": np.zeros((2, 3)),
    "0-d": np.zeros(()),
    "Fortran": np.zeros((2, 3), order="F"),
    "strided": np.zeros((4, 9))[::2, ::-3],
    "float32": np.zeros((3, 2), np.float32),
    "float16": np.zeros(3, np.float16),
    "int": np.zeros(3, np.int64),
    "uint8": np.zeros(3, np.uint8),
    "longdouble": np.zeros(3, np.longdouble),
    "read-only": np.broadcast_to(0.0, (3,)),
    "big-endian": np.zeros((3, 2), ">f8"),
    "big-endian float32": np.zeros(3, ">f4"),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays(method, kind):
    x0 = ARRAYS[kind]
    dtype = np.float32 if kind in ("float32", "float16", "big-endian float32") else np.float64
    seen = []

    def fun(x):
        seen.append((x.shape, x.dtype, x.flags.writeable, x.flags.c_contiguous))
        return bowl(x)

    result = schuss.minimize(fun, x0, jac=True, method=method)
    assert set(seen) == {(x0.shape, np.dtype(dtype), True, True)}
    assert result.success
    for array in (result.x, result.jac):
        assert array.shape == x0.shape
        assert array.dtype == dtype
    np.testing.assert_allclose(result.x, 3, atol=1e-2 if dtype == np.float32 else 1e-3)
    assert result.fun == bowl(result.x)[0]
    assert (x0 == 0).all()


@pytest.mark.parametrize(
    ("x0", "shape", "dtype"),
    [
        (0, (1,), np.float64),
        (0.0, (1,), np.float64),
        (np.float64(0), (1,), np.float64),
        (np.float32(0), (1,), np.float32),
        ([0, 0], (2,), np.float64),
        ((0.0, 0), (2,), np.float64),
        ([[0.0, 0.0], [0, 0]], (2, 2), np.float64),
        ([np.float32(0), np.float32(0)], (2,), np.float64),
    ],
)
def test_numbers(method, x0, shape, dtype):
    result = schuss.minimize(bowl, x0, jac=True, method=method)
    assert result.success
    assert result.x.shape == shape
    assert result.x.dtype == dtype
    np.testing.assert_allclose(result.x, 3, atol=1e-2)


STRUCTURES = {
    "list": [np.zeros(3), np.zeros((2, 2))],
    "dict": {"w": np.zeros((2, 2), np.float32), "b": np.zeros(2, np.float32)},
    "nested": {
        "layers": [{"w": np.zeros((2, 3))}, (np.zeros(()), np.zeros((0, 4)))],
        7: np.ones(1),
    },
    "mixed": {"w": np.zeros((2, 2), np.float32), "b": np.zeros(2)},
    "numbers": {"w": np.zeros((2, 2)), "b": 0.0},
    "list of a dict": [{"a": 0.0}, 0],
}


@pytest.mark.parametrize("kind", STRUCTURES)
@pytest.mark.parametrize("jac", [True, "3-point"])
def test_structures(method, kind, jac):
    x0 = STRUCTURES[kind]
    dtype = np.float32 if kind == "dict" else np.float64

    def check(tree):
        assert type(tree) is type(x0)
        if isinstance(tree, dict):
            assert list(tree) == list(x0)
        for ours, theirs in zip(leaves(tree), leaves(x0), strict=True):
            assert isinstance(ours, np.ndarray)
            assert ours.dtype == dtype
            assert ours.shape == np.shape(theirs)

    def fun(x):
        check(x)
        assert all(leaf.flags.writeable for leaf in leaves(x))
        f, g = tree_bowl(x)
        for leaf in leaves(x):
            leaf[...] = 99.0  # a copy, which is the function's own
        return (f, g) if jac is True else f

    result = schuss.minimize(fun, x0, jac=jac, method=method)
    assert result.success
    check(result.x)
    check(result.jac)
    assert result.fun == tree_bowl(result.x)[0]
    for leaf in leaves(result.x):
        np.testing.assert_allclose(leaf, 3, atol=1e-2)
    n = sum(leaf.size for leaf in leaves(result.x))
    again = result.nfev - (1 if jac is True else 2 * n + 1) * result.njev
    assert again == 0 if jac is True else 2 * n <= again <= 20 * n


@pytest.mark.parametrize("n", [1000, 1001])
def test_beyond_1000_variables_x_is_read_only(method, n):
    seen = []

    def fun(x):
        seen.append([leaf.flags.writeable for leaf in leaves(x)])
        return tree_bowl(x)

    schuss.minimize(fun, [np.zeros(n - 7), {"w": np.zeros((7, 1))}], jac=True, method=method)
    assert seen == [[n <= 1000] * 2] * len(seen)


def test_a_structure_takes_the_path_of_its_elements(method, rng):
    x0 = rng.standard_normal(7)
    tree = [x0[:4].reshape(2, 2), {"a": x0[4:]}]

    def fun(x):
        f, g = bowl(np.concatenate([leaf.ravel() for leaf in leaves(x)]))
        return f, (g[:4].reshape(2, 2), {"a": g[4:]})

    a = schuss.minimize(bowl, x0, jac=True, method=method)
    b = schuss.minimize(fun, tree, jac=True, method=method)
    assert same_bits(a.x, np.concatenate([leaf.ravel() for leaf in leaves(b.x)]))
    assert a.nfev == b.nfev


@pytest.mark.parametrize(
    ("x0", "error", "text"),
    [
        ([], ValueError, "x0 has no elements"),
        ({}, ValueError, "x0 has no elements"),
        (np.zeros((0, 3)), ValueError, "x0 has no elements"),
        ([1.0, [2.0, 3.0]], ValueError, "x0 is a list of lists whose lengths differ"),
        (True, TypeError, "x0 has dtype bool"),
        ("abc", TypeError, "x0 has dtype"),
        (None, TypeError, "x0 has dtype object"),
        ([1.0, 2j], TypeError, r"x0\['1'\] has dtype complex128"),
        (np.ones(2, ">c16"), TypeError, "x0 has dtype complex128"),
        (np.ma.ones(2), TypeError, "masked"),
        ({1.5: np.ones(2)}, TypeError, "key"),
    ],
    ids=repr,
)
def test_bad_starts(method, x0, error, text):
    with pytest.raises(error, match=text):
        CLASSES[method](x0)


def test_a_container_that_holds_itself():
    x0 = [np.ones(2)]
    x0.append(x0)
    with pytest.raises(ValueError, match="nested more than"):
        schuss.LBFGS(x0)


# -- callbacks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("jac", [True, "3-point"])
def test_callback_with_x(method, jac):
    fun = rosenbrock if jac is True else f_rosenbrock
    seen = []
    result = schuss.minimize(
        fun, START, jac=jac, method=method, maxiter=25, callback=lambda xk: seen.append(xk)
    )
    assert len(seen) == result.nit == 25
    assert same_bits(seen[-1], result.x)
    assert all(x.flags.writeable for x in seen)
    values = [f_rosenbrock(x) for x in seen]
    assert values == sorted(values, reverse=True)
    seen[-1][:] = 0  # a copy
    assert result.x.all()


@pytest.mark.parametrize("jac", [True, "3-point"])
def test_callback_with_intermediate_result(method, jac):
    calls, seen = 0, []

    def fun(x):
        nonlocal calls
        calls += 1
        return rosenbrock(x) if jac is True else f_rosenbrock(x)

    def callback(intermediate_result):
        assert type(intermediate_result) is Result
        assert list(intermediate_result) == ["x", "fun", "jac", "nit", "nfev"]
        assert intermediate_result.fun == f_rosenbrock(intermediate_result.x)
        assert intermediate_result.nfev == calls
        seen.append(intermediate_result)

    result = schuss.minimize(fun, START, jac=jac, method=method, maxiter=25, callback=callback)
    assert [state.nit for state in seen] == list(range(1, 26))
    last = seen[-1]
    assert (last.fun, last.nit, last.nfev) == (result.fun, result.nit, result.nfev)
    assert same_bits(last.x, result.x)
    assert same_bits(last.jac, result.jac)


@pytest.mark.parametrize("after", [1, 5])
@pytest.mark.parametrize("kind", ["x", "intermediate_result"])
def test_stop_iteration(method, kind, after):
    seen = []

    def count(x):
        seen.append(x)
        if len(seen) == after:
            raise StopIteration

    def with_result(intermediate_result):
        count(intermediate_result.x)

    callback = count if kind == "x" else with_result
    result = schuss.minimize(rosenbrock, START, jac=True, method=method, callback=callback)
    assert len(seen) == result.nit == after
    assert (result.status, result.success) == (99, False)
    assert result.message == "`callback` raised `StopIteration`."
    assert same_bits(result.x, seen[-1])
    assert result.fun == f_rosenbrock(result.x)


def test_stop_iteration_at_the_last_iteration(method):
    def stop(xk):
        raise StopIteration

    result = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=1, callback=stop)
    assert (result.nit, result.status, result.success) == (1, 99, False)


def test_callbacks_get_structures(method):
    x0 = {"a": np.zeros(2), "b": [np.zeros((1, 2))]}
    seen = []
    schuss.minimize(tree_bowl, x0, jac=True, method=method, callback=seen.append)
    assert seen
    assert all(x.keys() == x0.keys() and x["b"][0].shape == (1, 2) for x in seen)


def test_exceptions_in_callbacks_propagate(method):
    def fail(xk):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        schuss.minimize(rosenbrock, START, jac=True, method=method, callback=fail)


def test_no_callback_without_an_iteration(method):
    def never(xk):
        raise AssertionError

    schuss.minimize(rosenbrock, [1.0, 1.0], jac=True, method=method, callback=never)


# -- no surprises ----------------------------------------------------------------------------------


def test_no_warnings_and_no_state_between_runs(method):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=40)
        schuss.minimize(bowl, np.zeros(3, np.float32), jac=True, method=method)
        b = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=40)
    assert repr(dict(a)) == repr(dict(b))


def test_solvers_may_be_nested(method):
    """A function that minimizes another one."""

    def outer(x):
        inner = schuss.minimize(lambda y: bowl(y - x[0]), [0.0], jac=True, method=method)
        assert inner.success
        return bowl(x)

    assert schuss.minimize(outer, np.zeros(2), jac=True, method=method).success
