"""The solver API: minimize, ask and tell, options, results, callbacks, pickles, line_search."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
import re
import warnings

import numpy as np
import pytest
import schuss
from helpers import same_bits
from schuss.solvers import LineSearchResult, Result
from schuss.solvers.differences import Differences

CLASSES = {
    "lbfgs": schuss.LBFGS,
    "bfgs": schuss.BFGS,
    "sr1": schuss.SR1,
    "gradient_descent": schuss.GradientDescent,
}
SEARCHING = [name for name in CLASSES if name != "sr1"]
FIELDS = ["x", "fun", "jac", "nit", "nfev", "njev", "nhev", "status", "success", "message"]
MATRIX = {"bfgs": "hess_inv", "sr1": "hess"}


def rosenbrock(x):
    a, b = 1 - x[0], x[1] - x[0] ** 2
    return a * a + 100 * b * b, np.array([-2 * a - 400 * x[0] * b, 200 * b])


def f_rosenbrock(x):
    return rosenbrock(x)[0]


def g_rosenbrock(x):
    return rosenbrock(x)[1]


def bowl(x):
    """Convex, with its minimum 0 where every element is 3; any shape and dtype."""
    d = x - 3
    return float((np.sqrt(1 + d * d) - 1).sum(dtype=np.float64)), d / np.sqrt(1 + d * d)


def leaves(tree):
    if isinstance(tree, dict):
        return [leaf for child in tree.values() for leaf in leaves(child)]
    if isinstance(tree, (list, tuple)):
        return [leaf for child in tree for leaf in leaves(child)]
    return [tree]


def each(function, tree):
    if isinstance(tree, dict):
        return {key: each(function, child) for key, child in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)([each(function, child) for child in tree])
    return function(tree)


def tree_bowl(tree):
    return sum(bowl(leaf)[0] for leaf in leaves(tree)), each(lambda x: bowl(x)[1], tree)


def drive(solver, function=rosenbrock):
    while not solver.done:
        solver.tell(*function(solver.ask()))
    return solver.result()


@pytest.fixture(params=CLASSES)
def method(request):
    return request.param


START = [-1.2, 1.0]


# -- results ---------------------------------------------------------------------------------------


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
    assert [line.split(":")[0].strip() for line in lines] == FIELDS
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
    assert repr(Result(a=np.eye(2))).splitlines()[1].startswith("          ")


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


def test_a_gradient_that_is_wrong_is_found_out(method):
    result = schuss.minimize(
        lambda x: (f_rosenbrock(x), 2 * g_rosenbrock(x)), START, jac=True, method=method
    )
    assert (result.status, result.success) == (5, False)
    assert "gradient" in result.message


# -- fun, jac, args --------------------------------------------------------------------------------


def shifted(x, shift, scale=1.0):
    f, g = bowl(x - shift)
    return scale * f, scale * g


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
    assert result.nfev == per_gradient * result.njev
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


@pytest.mark.parametrize(
    "value", [np.float64, np.float32, np.array, lambda f: np.array([[f]]), lambda f: int(f * 1e6)]
)
def test_kinds_of_values(method, value):
    result = schuss.minimize(
        lambda x: (value(bowl(x)[0]), bowl(x)[1]), np.zeros(3), jac=True, method=method, maxiter=3
    )
    assert type(result.fun) is float
    assert result.fun == value(bowl(result.x)[0])


@pytest.mark.parametrize(
    ("value", "error"),
    [("1", TypeError), (None, TypeError), (1j, TypeError), (np.ones(2), ValueError)],
)
@pytest.mark.parametrize("jac", ["callable", "3-point"])
def test_values_that_are_none(value, error, jac):
    jac = g_rosenbrock if jac == "callable" else jac
    with pytest.raises(error, match=r"^f (is|has) .*number is wanted"):
        schuss.minimize(lambda x: value, START, jac=jac)


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
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays(method, kind):
    x0 = ARRAYS[kind]
    dtype = np.float32 if kind in ("float32", "float16") else np.float64
    seen = []

    def fun(x):
        seen.append((x.shape, x.dtype, x.flags.writeable, x.flags.c_contiguous))
        return bowl(x)

    result = schuss.minimize(fun, x0, jac=True, method=method)
    assert set(seen) == {(x0.shape, np.dtype(dtype), False, True)}
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
        assert not any(leaf.flags.writeable for leaf in leaves(x))
        return tree_bowl(x) if jac is True else tree_bowl(x)[0]

    result = schuss.minimize(fun, x0, jac=jac, method=method)
    assert result.success
    check(result.x)
    check(result.jac)
    assert result.fun == tree_bowl(result.x)[0]
    for leaf in leaves(result.x):
        np.testing.assert_allclose(leaf, 3, atol=1e-2)
    n = sum(leaf.size for leaf in leaves(result.x))
    assert result.nfev == (1 if jac is True else 2 * n + 1) * result.njev


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
        (np.ones(2, ">f8"), ValueError, "byte order"),
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


# -- ask and tell ----------------------------------------------------------------------------------


def test_asked_arrays_are_read_only_and_never_change(method):
    solver = CLASSES[method](START, maxfun=60)
    kept, copies = [], []
    while not solver.done:
        x = solver.ask()
        assert not x.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            x[0] = 1.0
        with pytest.raises(ValueError, match="WRITEABLE"):
            x.flags.writeable = True
        assert same_bits(solver.ask(), x)
        kept.append(x)
        copies.append(x.copy())
        solver.tell(*rosenbrock(x))
    assert len(kept) > 20
    result = solver.result()
    del solver
    assert all(same_bits(a, b) for a, b in zip(kept, copies, strict=True))
    assert any(same_bits(result.x, x) for x in kept)
    result.x[:] = 0
    assert all(same_bits(a, b) for a, b in zip(kept, copies, strict=True))


def test_kept_arrays_do_not_change_the_path(method):
    kept = []

    def keep(x):
        kept.append(x)
        return rosenbrock(x)

    a = schuss.minimize(keep, START, jac=True, method=method, maxiter=50)
    b = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=50)
    assert same_bits(a.x, b.x)
    assert a.nfev == b.nfev


def test_a_gradient_that_is_the_asked_array(method):
    """f = x.x / 2: the gradient is x itself, which `tell` must not overwrite."""
    a = schuss.minimize(lambda x: (x @ x / 2, x), [3.0, 4.0], jac=True, method=method)
    b = schuss.minimize(lambda x: (x @ x / 2, x.copy()), [3.0, 4.0], jac=True, method=method)
    assert a.success
    assert same_bits(a.x, b.x)
    assert same_bits(a.jac, b.jac)
    assert a.nfev == b.nfev


def test_a_gradient_buffer_may_be_used_again(method):
    buffer = np.empty(2)

    def fun(x):
        f, buffer[:] = rosenbrock(x)
        return f, buffer

    a = schuss.minimize(fun, START, jac=True, method=method, maxiter=50)
    b = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=50)
    assert same_bits(a.x, b.x)
    assert same_bits(a.jac, b.jac)


def test_x0_is_copied(method):
    x0 = np.array(START)
    solver = CLASSES[method](x0)
    x0[:] = 7
    assert same_bits(solver.ask(), np.array(START))
    solver.tell(*rosenbrock(solver.ask()))
    x0[:] = 8
    assert same_bits(solver.result().x, np.array(START))


def test_result_at_any_time(method):
    solver = CLASSES[method](START)
    assert solver.request == "value_and_gradient"
    assert not solver.done
    assert (solver.nit, solver.nfev) == (0, 0)
    result = solver.result()
    assert (result.status, result.success, result.message) == (-1, False, "still running")
    assert math.isnan(result.fun)
    assert np.isnan(result.jac).all()
    assert same_bits(result.x, np.array(START))
    lowest = math.inf
    while not solver.done and solver.nfev < 60:
        f, g = rosenbrock(solver.ask())
        solver.tell(f, g)
        lowest = min(f, lowest)
        result = solver.result()
        assert result.fun == rosenbrock(result.x)[0] == lowest
        assert (result.nit, result.nfev) == (solver.nit, solver.nfev)
        assert result.status == (0 if solver.done else -1)
    if not solver.done:
        solver.stop("enough")
        assert solver.result().message == "enough"
        assert (solver.result().status, solver.result().success) == (99, False)
    assert solver.done
    assert solver.request is None
    status = solver.result().status
    solver.stop("again")
    assert solver.result().status == status


def test_nothing_goes_on_when_done(method):
    solver = CLASSES[method](START)
    solver.stop()
    for call in (solver.ask, lambda: solver.tell(1.0, np.ones(2))):
        with pytest.raises(RuntimeError, match="the solver is done: stopped by the caller"):
            call()
    with pytest.raises(TypeError, match=r"^message is 3"):
        solver.stop(3)


def test_repr(method):
    solver = CLASSES[method](START)
    name = type(solver).__name__
    assert repr(solver) == f"<{name}: n=2, nit=0, nfev=0, still running>"
    solver.stop("enough")
    assert repr(solver) == f"<{name}: n=2, nit=0, nfev=0, enough>"


GRADIENTS = {
    "list": list,
    "tuple": tuple,
    "float32": lambda g: g.astype(np.float32),
    "longdouble": lambda g: g.astype(np.longdouble),
    "strided": lambda g: np.repeat(g, 3)[::3],
    "reversed": lambda g: g[::-1].copy()[::-1],
    "read-only": lambda g: np.frombuffer(g.tobytes()),
    "unaligned": lambda g: np.frombuffer(b"\0" + g.tobytes(), np.uint8)[1:].view(np.float64),
}


@pytest.mark.parametrize("kind", GRADIENTS)
def test_gradients_of_any_kind(method, kind):
    as_kind = GRADIENTS[kind]
    ours = schuss.minimize(
        lambda x: (bowl(x)[0], as_kind(bowl(x)[1])), np.zeros(4), jac=True, method=method
    )
    theirs = schuss.minimize(
        lambda x: (bowl(x)[0], np.array(as_kind(bowl(x)[1]), np.float64)),
        np.zeros(4),
        jac=True,
        method=method,
    )
    assert same_bits(ours.x, theirs.x)
    assert ours.success


def test_gradients_of_matrices_in_any_order(method, rng):
    x0 = rng.standard_normal((3, 4))
    for order in "CF":
        result = schuss.minimize(
            lambda x, order=order: (bowl(x)[0], np.array(bowl(x)[1], order=order)),
            np.array(x0, order=order),
            jac=True,
            method=method,
        )
        first = result if order == "C" else first  # noqa: F821
        assert same_bits(result.x, first.x)


@pytest.mark.parametrize(
    ("g", "error"),
    [
        (np.ones(3), ValueError),
        (np.ones((2, 1)), ValueError),
        (1.0, ValueError),
        ([1.0], ValueError),
        (np.ones(2, complex), TypeError),
        (np.ones(2, bool), TypeError),
        (np.ones(2, ">f8"), ValueError),
        (["a", "b"], TypeError),
        (None, TypeError),
        ({"a": np.ones(2)}, ValueError),
    ],
    ids=repr,
)
def test_bad_gradients(method, g, error):
    solver = CLASSES[method](START)
    with pytest.raises(error, match="gradient"):
        solver.tell(1.0, g)
    assert solver.nfev == 0
    assert drive(solver, rosenbrock).nit > 10


@pytest.mark.parametrize(
    "g",
    [
        np.ones(2),
        {"a": np.ones(2)},
        {"a": np.ones(2), "b": np.ones(3), "c": np.ones(1)},
        {"a": np.ones(2), "b": np.ones(2)},
        {"a": np.ones(2), "b": [np.ones(3)]},
    ],
    ids=repr,
)
def test_bad_gradient_structures(method, g):
    solver = CLASSES[method]({"a": np.zeros(2), "b": np.zeros(3)})
    with pytest.raises(ValueError, match="gradient"):
        solver.tell(1.0, g)
    assert solver.nfev == 0


def test_one_element_in_any_shape(method):
    """SciPy's users return scalars and 0-d arrays for problems of one variable."""
    shapes = [float, np.float64, lambda g: np.array([g]), lambda g: np.array([[g]]), lambda g: [g]]
    for shape in shapes:
        result = schuss.minimize(
            lambda x, shape=shape: (float(x[0] - 3) ** 2, shape(2 * (x[0] - 3))),
            0.0,
            jac=True,
            method=method,
        )
        assert result.success
        np.testing.assert_allclose(result.x, [3], atol=1e-4)


def test_history():
    solver = schuss.LBFGS(START, history_size=5)
    steps, changes = np.empty((0, 2)), np.empty((0, 2))
    x = np.array(START)
    g = g_rosenbrock(x)
    solver.tell(*rosenbrock(solver.ask()))
    while True:
        s, y = solver.history()
        assert s.flags.writeable
        assert len(s) == len(y) == min(len(steps), 4)
        # A step is the direction times its length; x rounds when it is added.
        np.testing.assert_allclose(s, steps[len(steps) - len(s) :], rtol=0, atol=1e-15)
        assert np.array_equal(y, changes[len(steps) - len(y) :])
        nit, trial = solver.nit, solver.ask()
        solver.tell(*rosenbrock(trial))
        if solver.done:
            break
        if solver.nit > nit:
            steps = np.vstack([steps, trial - x])
            changes = np.vstack([changes, g_rosenbrock(trial) - g])
            x, g = trial, g_rosenbrock(trial)
    assert len(steps) > 10


@pytest.mark.parametrize("dtype", ["float32", np.float32, "float64", None])
def test_history_dtype(dtype):
    solver = schuss.LBFGS(START, history_dtype=dtype)
    result = drive(solver)
    wanted = np.dtype("float64" if dtype is None else dtype)
    assert solver.history()[0].dtype == solver.history()[1].dtype == wanted
    assert result.x.dtype == np.float64
    assert result.success


# -- pickles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [lambda s: pickle.loads(pickle.dumps(s)), copy.deepcopy])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_copy_goes_on_bit_for_bit(method, copied, dtype):
    x0 = [np.array(START[:1], dtype), np.array(START[1:], dtype)]

    def function(x):
        f, g = rosenbrock(np.concatenate(x))
        return f, [g[:1], g[1:]]

    options = {"history_size": 3} if method == "lbfgs" else {}
    if method in SEARCHING:
        options["maxls"] = 7
    steady = CLASSES[method](x0, maxfun=70, gtol=0.0, ftol=0.0, **options)
    pickled = copied(steady)
    states = [copied(steady)]
    trace = []
    while not steady.done:
        x = steady.ask()
        trace.append(x)
        assert same_bits(np.concatenate(pickled.ask()), np.concatenate(x))
        steady.tell(*function(x))
        pickled.tell(*function(x))
        pickled = copied(pickled)
        states.append(copied(steady))
        a, b = steady.result(), pickled.result()
        assert repr(a) == repr(b)
        assert same_bits(np.concatenate(a.x), np.concatenate(b.x))
    assert pickled.done
    for k in (0, 1, 5, 20, 33):  # the copies are independent of each other and of the original
        for x in trace[k:]:
            assert same_bits(np.concatenate(states[k].ask()), np.concatenate(x))
            states[k].tell(*function(x))
        assert repr(states[k].result()) == repr(steady.result())


def test_a_done_solver_can_be_pickled(method):
    solver = CLASSES[method](START, maxfun=9)
    drive(solver)
    again = pickle.loads(pickle.dumps(solver))
    assert again.done
    assert repr(again) == repr(solver)
    assert repr(again.result()) == repr(solver.result())


def test_a_shallow_copy_is_a_solver_of_its_own(method):
    solver = CLASSES[method](START)
    other = copy.copy(solver)
    other.tell(*rosenbrock(other.ask()))
    assert (solver.nfev, other.nfev) == (0, 1)


def test_damaged_pickles():
    state = schuss.LBFGS(START)._solver.__getstate__()
    fresh = type(schuss.LBFGS(START)._solver)
    for damaged in ((*state[:3], state[3][:-1]), (*state[:3], state[3] + b"0"), state[:3]):
        with pytest.raises(ValueError, match="state"):
            fresh.__new__(fresh).__setstate__(damaged)


# -- options ---------------------------------------------------------------------------------------


def test_signatures():
    common = "gtol=None, ftol=0.0, maxiter=15000, maxfun=15000"
    search = "maxls=20, c1=0.0001, c2=0.9"
    wanted = {
        "lbfgs": f"history_size=10, {common}, {search}, damping=False, history_dtype=None",
        "bfgs": f"{common}, {search}, damping=False",
        "sr1": common,
        "gradient_descent": f"{common}, {search}",
    }
    for name, cls in CLASSES.items():
        x0, *parameters = inspect.signature(cls).parameters.values()
        assert x0.kind is x0.POSITIONAL_OR_KEYWORD
        assert all(p.kind is p.KEYWORD_ONLY for p in parameters)
        assert ", ".join(f"{p.name}={p.default!r}" for p in parameters) == wanted[name]


def test_docstrings(method):
    cls = CLASSES[method]
    doc = inspect.getdoc(cls)
    for section in ("Args:", "Memory:", "Example:", "Reference:", ">>> "):
        assert section in doc, section
    for parameter in inspect.signature(cls).parameters:
        assert f"    {parameter}: " in doc, parameter


OPTIONS = {
    "gtol": (0, 1e-3, np.float32(0.1)),
    "ftol": (0, 1e-3),
    "maxiter": (1, 10**30, None, np.int64(7)),
    "maxfun": (1, 10**30, None),
    "maxls": (1, 50),
    "c1": (1e-9, 0.4),
    "c2": (0.1, 0.999),
    "damping": (True, False, np.bool_(True)),
    "history_size": (1, 1000),
    "history_dtype": ("float32", "float64", None),
}
BAD = {
    "gtol": (-1e-9, math.nan, math.inf, "1", True, 1j),
    "ftol": (-1e-9, math.nan, math.inf, "1", False),
    "maxiter": (0, -1, 1.5, 2.0, True, "3", math.inf),
    "maxfun": (0, -1, 1.5, True, "3", np.ones(2)),
    "maxls": (0, -1, None, 1.5, True, 2**31),
    "c1": (0, -0.1, 0.5, 1, math.nan, None, True),
    "c2": (0, -0.1, 1, 1e-5, math.nan, None),
    "damping": (1, "yes", None),
    "history_size": (0, 1001, None, 2.5, True),
    "history_dtype": ("float16", int, "f8,f8", "nonsense", 3),
}


def takes(method, option):
    return option in inspect.signature(CLASSES[method]).parameters


@pytest.mark.parametrize("option", OPTIONS)
def test_options(method, option):
    for value in OPTIONS[option]:
        if takes(method, option):
            CLASSES[method](START, **{option: value})
        else:
            with pytest.raises(TypeError, match=option):
                CLASSES[method](START, **{option: value})


@pytest.mark.parametrize("option", BAD)
def test_bad_options(method, option):
    for value in BAD[option]:
        if takes(method, option):
            with pytest.raises((TypeError, ValueError), match=rf"\b{option} is .* wanted"):
                CLASSES[method](START, **{option: value})
            with pytest.raises((TypeError, ValueError), match=rf"\b{option} is .* wanted"):
                schuss.minimize(rosenbrock, START, jac=True, method=method, **{option: value})


@pytest.mark.parametrize(("dtype", "gtol"), [(np.float64, 1e-5), (np.float32, 1e-3)])
def test_default_tolerances(method, dtype, gtol):
    x0 = np.array(START, dtype)
    a = drive(CLASSES[method](x0, maxiter=200))
    b = drive(CLASSES[method](x0, gtol=gtol, ftol=0.0, maxiter=200))
    assert repr(a) == repr(b)


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
def test_unknown_options(method, unknown):
    text = rf"^'{unknown}' is no option of {method}, which takes \[.*'gtol'.*'disp'\]"
    for keywords in ({unknown: 1}, {"options": {unknown: 1}}):
        with pytest.raises(ValueError, match=text):
            schuss.minimize(rosenbrock, START, jac=True, method=method, **keywords)
    with pytest.raises(TypeError, match=r"^options is "):
        schuss.minimize(rosenbrock, START, jac=True, method=method, options=[1])


@pytest.mark.parametrize("tol", [1e-2, 1e-8])
def test_tol(method, tol):
    names = ("gtol", "ftol") if method == "lbfgs" else ("gtol",)
    a = schuss.minimize(rosenbrock, START, jac=True, method=method, tol=tol, maxiter=300)
    named = dict.fromkeys(names, tol)
    b = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=300, **named)
    assert repr(a) == repr(b)
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
    ],
)
def test_method_names(spelled, name):
    a = schuss.minimize(rosenbrock, START, jac=True, method=spelled, maxiter=20)
    b = schuss.minimize(rosenbrock, START, jac=True, method=name, maxiter=20)
    assert repr(a) == repr(b)


@pytest.mark.parametrize("unknown", ["newton", "nelder-mead", "", None, 3, schuss.LBFGS], ids=str)
def test_unknown_methods(unknown):
    wanted = re.escape("one of ['lbfgs', 'bfgs', 'sr1', 'gradient_descent'] is wanted")
    with pytest.raises(ValueError, match=f"^method is .*; {wanted}"):
        schuss.minimize(rosenbrock, START, jac=True, method=unknown)
    with pytest.raises(ValueError, match=wanted):
        schuss.scipy_method(unknown)


def test_only_unconstrained_problems(method):
    for keywords in ({"bounds": [(0, 1), (0, 1)]}, {"constraints": {"type": "eq"}}):
        with pytest.raises(ValueError, match="schuss solves unconstrained problems"):
            schuss.minimize(rosenbrock, START, jac=True, method=method, **keywords)
    for keywords in ({"bounds": None}, {"bounds": []}, {"constraints": ()}, {"constraints": None}):
        schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=1, **keywords)


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
    with pytest.raises(TypeError, match=r"^disp is 1"):
        schuss.minimize(rosenbrock, START, jac=True, method=method, disp=1)


@pytest.mark.parametrize("what", ["fun", "callback"])
def test_what_must_be_callable(what):
    with pytest.raises(TypeError, match=f"^{what} is 3; a function"):
        schuss.minimize(**{"fun": rosenbrock, "x0": START, "jac": True, what: 3})


def test_the_base_is_no_solver():
    with pytest.raises(TypeError, match="use one of its subclasses"):
        schuss.solvers.Solver(START)


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


# -- differences -----------------------------------------------------------------------------------


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


def test_points_of_differences_are_read_only_and_kept(rng):
    x = {"a": rng.standard_normal((2, 2)), "b": [rng.standard_normal(1)]}
    before = copy.deepcopy(x)
    kept = []

    def fun(x):
        if kept:
            assert not any(leaf.flags.writeable for leaf in leaves(x))
        kept.append(x)
        return tree_bowl(x)[0]

    f, g = Differences(fun)(x)
    assert f == tree_bowl(x)[0]
    assert len({tuple(np.concatenate([a.ravel() for a in leaves(p)])) for p in kept}) == 11
    assert all(same_bits(a, b) for a, b in zip(leaves(x), leaves(before), strict=True))
    for ours, exact in zip(leaves(g), leaves(tree_bowl(x)[1]), strict=True):
        np.testing.assert_allclose(ours, exact, atol=1e-9)


# -- SciPy -----------------------------------------------------------------------------------------


@pytest.fixture
def scipy_minimize():
    return pytest.importorskip("scipy.optimize").minimize


@pytest.mark.parametrize("form", ["both", "two", "none"])
def test_scipy(method, form, scipy_minimize):
    from scipy.optimize import OptimizeResult

    how = schuss.scipy_method(method)
    options = {"maxiter": 30}
    if form == "both":
        a = scipy_minimize(rosenbrock, START, jac=True, method=how, options=options)
    elif form == "two":
        a = scipy_minimize(f_rosenbrock, START, jac=g_rosenbrock, method=how, options=options)
    else:
        with pytest.warns(UserWarning, match="2 n = 4"):
            a = scipy_minimize(f_rosenbrock, START, method=how, options=options)
    jac, fun = ("3-point", f_rosenbrock) if form == "none" else (True, rosenbrock)
    b = schuss.minimize(fun, START, jac=jac, method=method, **options)
    assert type(a) is OptimizeResult
    assert list(a) == list(b)
    assert same_bits(a.x, b.x)
    assert (a.fun, a.nit, a.nfev, a.njev, a.message) == (b.fun, b.nit, b.nfev, b.njev, b.message)


def test_scipy_args_tol_and_errors(method, scipy_minimize):
    how = schuss.scipy_method(method)
    a = scipy_minimize(shifted, [0.0, 9.0], args=(2.0, 5.0), jac=True, method=how, tol=1e-3)
    b = schuss.minimize(shifted, [0.0, 9.0], (2.0, 5.0), jac=True, method=method, tol=1e-3)
    assert repr(Result(a)) == repr(b)
    np.testing.assert_allclose(a.x, 5, atol=0.01)
    with pytest.raises(ValueError, match="unconstrained"):
        scipy_minimize(rosenbrock, START, jac=True, method=how, bounds=[(0, 1)] * 2)
    constraints = {"type": "eq", "fun": sum}
    with pytest.raises(ValueError, match="unconstrained"):
        scipy_minimize(rosenbrock, START, jac=True, method=how, constraints=constraints)
    with pytest.raises(ValueError, match="'foo' is no option"):
        scipy_minimize(rosenbrock, START, jac=True, method=how, options={"foo": 1})


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("kind", ["x", "intermediate_result"])
def test_scipy_callbacks(method, kind, stop, scipy_minimize):
    seen = []

    def count(x):
        assert type(x) is np.ndarray
        seen.append(x)
        if stop and len(seen) == 5:
            raise StopIteration

    def with_result(intermediate_result):
        assert intermediate_result.fun == f_rosenbrock(intermediate_result.x)
        count(intermediate_result.x)

    result = scipy_minimize(
        rosenbrock,
        START,
        jac=True,
        method=schuss.scipy_method(method),
        callback=count if kind == "x" else with_result,
        options={"maxiter": 20},
    )
    assert len(seen) == result.nit == (5 if stop else 20)
    assert result.status == (99 if stop else 1)
    assert not result.success
    assert same_bits(result.x, seen[-1])


def test_scipy_method_can_be_pickled(scipy_minimize):
    how = pickle.loads(pickle.dumps(schuss.scipy_method("L-BFGS-B")))
    assert scipy_minimize(rosenbrock, START, jac=True, method=how).success


# -- line_search -----------------------------------------------------------------------------------


def check_wolfe(found, phi, c1, c2):
    f0, slope0 = phi(0.0)
    f, slope = phi(found.step)
    assert (found.value, found.slope) == pytest.approx((f, slope), rel=1e-12)
    assert f <= f0 + c1 * found.step * slope0
    assert abs(slope) <= -c2 * slope0


def more_thuente_1(a):
    """Function 1 of the paper: concave near 0, then convex."""
    return -a / (a * a + 2), (a * a - 2) / (a * a + 2) ** 2


def more_thuente_2(a):
    """Function 2: nearly flat for most steps."""
    b = a + 0.004
    return b**5 - 2 * b**4, 5 * b**4 - 8 * b**3


def more_thuente_3(a):
    """Function 3: oscillates."""
    angle = 39 * math.pi / 2 * a
    if a <= 0.99:
        base, slope = 1 - a, -1.0
    elif a >= 1.01:
        base, slope = a - 1, 1.0
    else:
        base, slope = (a - 1) ** 2 / 0.02 + 0.005, (a - 1) / 0.01
    size = 2 * 0.99 / (39 * math.pi)
    return base + size * math.sin(angle), slope + 0.99 * math.cos(angle)


@pytest.mark.parametrize("first_step", [1e-3, 1e-1, 1e1, 1e3])
@pytest.mark.parametrize(
    ("phi", "c1", "c2"),
    [(more_thuente_1, 1e-3, 0.1), (more_thuente_2, 0.05, 0.1), (more_thuente_3, 0.05, 0.1)],
    ids=["1", "2", "3"],
)
def test_line_search_on_the_functions_of_the_paper(phi, c1, c2, first_step):
    def fun(x):
        f, g = phi(float(x[0]))
        return f, [g]

    found = schuss.line_search(fun, [0.0], [1.0], first_step=first_step, c1=c1, c2=c2)
    assert isinstance(found, LineSearchResult)
    assert found.success
    assert found.message == "the step meets the strong Wolfe conditions"
    assert found.nfev < 20
    check_wolfe(found, phi, c1, c2)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_line_search_on_quadratics(rng, shape, dtype):
    x = np.asarray(rng.standard_normal(shape), dtype)
    direction = np.asarray(-2 * x, dtype)
    seen = []

    def fun(x, scale):
        assert x.dtype == dtype
        assert x.shape == shape
        assert not x.flags.writeable
        seen.append(x)
        return scale * float((x * x).sum()) / 2, scale * x

    found = schuss.line_search(fun, x, direction, args=3.0, c2=0.1, first_step=0.01)
    assert found.success
    assert found.nfev == len(seen)
    np.testing.assert_allclose(found.step, 0.5, rtol=0.06)
    assert found.x is not x
    assert same_bits(found.x, (x + found.step * direction).astype(dtype))
    assert found.value == fun(found.x, 3.0)[0]
    assert same_bits(np.asarray(found.gradient, dtype), np.asarray(fun(found.x, 3.0)[1], dtype))
    assert x.flags.writeable
    assert direction.flags.writeable


def test_line_search_with_what_is_known_and_other_forms(rng):
    x = rng.standard_normal(3)
    f, g = bowl(x)
    a = schuss.line_search(bowl, x, -g)
    b = schuss.line_search(bowl, x, -g, value=f, gradient=list(g))
    c = schuss.line_search(lambda x: bowl(x)[0], x, -g, jac=lambda x: bowl(x)[1])
    d = schuss.line_search(lambda x: bowl(x)[0], x, -g, jac="3-point")
    e = schuss.line_search(bowl, x, -g, value=f)
    assert a.nfev == b.nfev + 1 == c.nfev == e.nfev == d.nfev / 7
    for other in (b, c, e):
        assert (a.step, a.value, a.slope) == (other.step, other.value, other.slope)
    assert d.step == pytest.approx(a.step, rel=1e-6)
    with pytest.warns(UserWarning, match="2 n = 6") as caught:
        schuss.line_search(lambda x: bowl(x)[0], x, -g, jac=None)
    assert caught[0].filename == __file__


def test_line_search_keeps_a_copy_of_the_gradient(rng):
    buffer = np.empty(3)

    def fun(x):
        f, buffer[:] = bowl(x)
        return f, buffer

    x = rng.standard_normal(3)
    found = schuss.line_search(fun, x, -bowl(x)[1], first_step=1e-3, c2=0.1)
    assert same_bits(found.gradient, bowl(found.x)[1])


def test_line_search_within_rounding_errors():
    """Where f no longer falls, a step is taken on slopes alone."""

    def fun(x):
        return 1e6 + (1e-9 if x[0] < 1 else 0.0), 2e-12 * x

    x = np.array([1.0])
    found = schuss.line_search(fun, x, np.array([-0.2]))
    assert found.success
    assert found.step > 0
    assert found.message == "the step meets the approximate Wolfe conditions"


def test_line_search_goes_back_where_f_is_not_finite():
    calls = []

    def fun(x):
        calls.append(float(x[0]))
        a = calls[-1]
        if a >= 1:
            return math.nan, [math.nan]
        return -math.log(1 - a) - 2 * a, [1 / (1 - a) - 2]

    found = schuss.line_search(fun, [0.0], [1.0], first_step=1e3, c2=0.5)
    assert found.success
    assert 0 < found.step < 1
    assert found.nfev == len(calls)


def test_line_search_with_infinities():
    """Infinite gradients times zeros in the direction are no reason to warn."""

    def fun(x):
        a = float(x[0])
        return (a * (a - 1), [2 * a - 1, 0.0]) if a < 2 else (math.inf, [math.inf, math.inf])

    found = schuss.line_search(fun, [0.0, 0.0], [1.0, 0.0], first_step=8.0, c2=0.1)
    assert found.success
    np.testing.assert_allclose(found.step, 0.5, atol=0.05)


@pytest.mark.parametrize(
    ("fun", "options", "words"),
    [
        (lambda x: (-float(x[0]), [-1.0]), {}, "unbounded below"),
        (lambda x: (float(x[0]), [-1.0]), {}, "no step was found that decreases f enough"),
        (lambda x: (float((x[0] - 9) ** 2), 2 * (x - 9)), {"max_evaluations": 1}, "curvature"),
    ],
)
def test_line_searches_that_fail(fun, options, words):
    seen = []

    def watched(x):
        seen.append((fun(x)[0], float(x[0])))
        return fun(x)

    found = schuss.line_search(watched, [0.0], [1.0], first_step=0.1, **options, c2=0.1)
    assert not found.success
    assert words in found.message
    assert (found.value, float(found.x[0])) == min(seen)
    assert found.step == found.x[0]
    assert found.gradient.tolist() == list(fun(found.x)[1])
    assert found.nfev == len(seen)


@pytest.mark.parametrize(
    ("keywords", "error", "text"),
    [
        ({"direction": [1.0, 1.0]}, ValueError, "the slope along direction is .*of descent"),
        ({"direction": [0.0, 0.0]}, ValueError, "of descent"),
        ({"direction": [math.nan, 0.0]}, ValueError, "of descent"),
        ({"direction": [1.0]}, ValueError, r"direction has shape \(1,\)"),
        ({"direction": ["a", "b"]}, TypeError, "direction has dtype"),
        ({"x": np.ones(2, bool)}, TypeError, "x has dtype bool"),
        ({"value": math.nan, "gradient": [1.0, 1.0]}, ValueError, "f is nan at x"),
        ({"value": 1.0, "gradient": [1.0]}, ValueError, r"gradient has shape \(1,\)"),
        ({"first_step": 0.0}, ValueError, "first_step is 0"),
        ({"first_step": math.nan}, ValueError, "first_step is nan"),
        ({"max_step": -1.0}, ValueError, "max_step is -1"),
        ({"max_evaluations": 0}, ValueError, "max_evaluations is 0"),
        ({"max_evaluations": True}, TypeError, "max_evaluations is True"),
        ({"c1": 0.5}, ValueError, "c1 is 0.5"),
        ({"c1": 0.3, "c2": 0.2}, ValueError, "c1 is 0.3 and c2 is 0.2"),
        ({"fun": f_rosenbrock}, TypeError, "fun returned"),
        ({"jac": "cs"}, ValueError, "jac is 'cs'"),
    ],
    ids=str,
)
def test_bad_line_searches(keywords, error, text):
    arguments = {"fun": bowl, "x": np.ones(2), "direction": [-1.0, -1.0]}
    if keywords.get("direction") is None:
        arguments["direction"] = [1.0, 1.0]
        arguments["x"] = np.zeros(2)
    else:
        arguments["x"] = np.full(2, 5.0)
    with pytest.raises(error, match=text):
        schuss.line_search(**{**arguments, **keywords})


# -- no surprises ----------------------------------------------------------------------------------


def test_no_warnings_and_no_state_between_runs(method):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=40)
        schuss.minimize(bowl, np.zeros(3, np.float32), jac=True, method=method)
        b = schuss.minimize(rosenbrock, START, jac=True, method=method, maxiter=40)
    assert repr(a) == repr(b)


def test_solvers_may_be_nested(method):
    """A function that minimizes another one."""

    def outer(x):
        inner = schuss.minimize(lambda y: bowl(y - x[0]), [0.0], jac=True, method=method)
        assert inner.success
        return bowl(x)

    assert schuss.minimize(outer, np.zeros(2), jac=True, method=method).success
