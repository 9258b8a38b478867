"""What SciPy's callers pass."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import schuss
from helpers import layouts
from solver_cases import START, f_rosenbrock, g_rosenbrock, h_rosenbrock, rosenbrock
from test_arrays import unaligned


def test_maxiter_zero():
    result = schuss.minimize(rosenbrock, START, jac=True, options={"maxiter": 0})
    assert (result.status, result.nfev, result.nit) == (1, 1, 0)
    assert result.fun == rosenbrock(np.array(START))[0]


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
    assert schuss.minimize(rosenbrock, START, jac=True, method=method, hess=h_rosenbrock).success


def test_hessians_that_are_symmetric_to_float32():
    def skew(x):
        return h_rosenbrock(x) + np.array([[0, 1e-6], [0, 0]])

    assert schuss.minimize(rosenbrock, START, jac=True, method="newton", hess=skew).success
    with pytest.raises(ValueError, match="not symmetric"):
        schuss.minimize(
            rosenbrock, START, jac=True, method="newton", hess=lambda x: np.tril(h_rosenbrock(x))
        )


def test_linalg_takes_what_numpy_takes():
    a = np.array([[4.0, 2.0], [2.0, 10.0]])
    assert schuss.linalg.solve_spd(a.astype("f"), np.ones(2)).dtype == np.float64
    assert (schuss.linalg.cholesky(a.astype(">f8")) == schuss.linalg.cholesky(a)).all()
    with pytest.raises(ValueError, match="inhomogeneous"):
        schuss.linalg.cholesky([[1.0, 2.0], [3.0]])


def test_hess_inv0():
    inverse = np.linalg.inv(h_rosenbrock(np.ones(2)))
    result = schuss.minimize(rosenbrock, [1.1, 1.2], jac=True, method="bfgs", hess_inv0=inverse)
    assert result.success
    plain = schuss.minimize(rosenbrock, [1.1, 1.2], jac=True, method="bfgs")
    assert result.nfev < plain.nfev
    with pytest.raises(ValueError, match=r"^'hess_inv0' matrix isn't positive definite\.$"):
        schuss.BFGS(START, hess_inv0=-np.eye(2))


# -- values, gradients and points in the forms that libraries give ---------------------------------

A = np.array([[4.0, 1.0], [1.0, 3.0]])
TARGET = np.array([1.0, -2.0])


def f_bowl(x):
    r = np.asarray(x) - TARGET
    return float(r @ A @ r) / 2


def g_bowl(x):
    return A @ (np.asarray(x) - TARGET)


class Foreign:
    """An array of another library: it is no np.ndarray, and becomes one."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.dtype = f"foreign.{self.values.dtype}"  # which need not be NumPy's

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


def torch_tensor(values, **more):
    torch = pytest.importorskip("torch")
    return torch.tensor(np.asarray(values), **more)


def sparse(kind):
    return lambda H: getattr(pytest.importorskip("scipy.sparse"), kind)(H)


def operator(H):
    linalg = pytest.importorskip("scipy.sparse.linalg")
    return linalg.LinearOperator(H.shape, matvec=lambda v: H @ v)


def reached(result, target=TARGET):
    return result.success and np.allclose(np.ravel(result.x), target, atol=1e-4)


FORMS = {
    "list": lambda v: np.asarray(v).tolist(),
    "float32": np.float32,
    "longdouble": np.longdouble,
    "big-endian": lambda v: np.asarray(v, ">f8"),
    "objects": lambda v: np.asarray(v, object),
    "read-only": lambda v: np.broadcast_to(v, np.shape(v)),
    "strided": lambda v: layouts(np.asarray(v))[2],
    "unaligned": lambda v: unaligned(np.asarray(v)),
    "foreign": Foreign,
    "torch": torch_tensor,
    "torch graph": lambda v: torch_tensor(v, requires_grad=True),
    "pandas": lambda v: pytest.importorskip("pandas").Series(np.ravel(v)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize("jac", [g_bowl, "3-point"], ids=["jac", "3-point"])
def test_forms_of_values(form, shape, jac):
    def f(x):
        return FORMS[form](np.full(shape, f_bowl(x)))

    # A float32 value leaves its differences uncertain.
    gtol = 1e-2 if form == "float32" and jac == "3-point" else None
    result = schuss.minimize(f, [0.0, 0.0], jac=jac, gtol=gtol)
    assert np.allclose(result.x, TARGET, atol=1e-4 if gtol is None else 1e-2)
    assert type(result.fun) is float
    assert result.success


@pytest.mark.parametrize("jac", [g_bowl, "3-point"], ids=["jac", "3-point"])
@pytest.mark.parametrize(
    ("values", "error"),
    [
        (["1", None, 1j, {}, ["1"], Foreign(1j)], TypeError),
        ([[1.0, 2.0], (), np.ones(2), Foreign([1.0, 2.0])], ValueError),
    ],
)
def test_values_that_are_no_number(values, error, jac):
    for value in values:
        with pytest.raises(error, match=r"^f (is|has) .*number is wanted"):
            schuss.minimize(lambda x, value=value: value, [0.0, 0.0], jac=jac)


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_gradients_and_starts(form):
    exact = schuss.minimize(f_bowl, np.zeros(2), jac=g_bowl)
    result = schuss.minimize(f_bowl, [0.0, 0.0], jac=lambda x: FORMS[form](g_bowl(x)))
    assert reached(result)
    if form != "float32":
        assert (result.x == exact.x).all()
    start = FORMS[form](np.array([3.0, 4.0]))
    result = schuss.minimize(f_bowl, start, jac=g_bowl, gtol=1e-5)
    assert reached(result)
    assert isinstance(result.x, type(start) if "torch" in form else np.ndarray)


@pytest.mark.parametrize(
    ("g", "text"),
    [
        (None, "gradient is of type NoneType; an array of real numbers is wanted"),
        (np.array([1.0, None]), "gradient has dtype object"),
        (np.array([1.0, "2"], object), "gradient has dtype object"),
        (np.array([1.0, 2j], object), "gradient has dtype object"),
        (np.array([1.0, True], object), "gradient has dtype object"),
        (np.ma.ones(2), "gradient is a masked array"),
    ],
    ids=repr,
)
def test_gradients_that_are_none(g, text):
    with pytest.raises(TypeError, match=f"^{text}"):
        schuss.minimize(f_bowl, [0.0, 0.0], jac=lambda x: g)


def test_a_sparse_gradient_is_named():
    row = sparse("csr_array")(np.ones((1, 2)))
    with pytest.raises(TypeError, match=r"^gradient is of type csr_array; an array"):
        schuss.minimize(f_bowl, [0.0, 0.0], jac=lambda x: row)


# -- Hessians --------------------------------------------------------------------------------------

HESSIANS = FORMS | {
    "pandas": lambda H: pytest.importorskip("pandas").DataFrame(H),
    "Fortran": np.asfortranarray,
    "rows": list,
    "integers": lambda H: H.astype(int),
    "csr_matrix": sparse("csr_matrix"),
    "coo_array": sparse("coo_array"),
    "dia_matrix": sparse("dia_matrix"),
    "float32 csc": lambda H: sparse("csc_array")(H.astype(np.float32)),
    "operator": operator,
    "torch sparse": lambda H: torch_tensor(H).to_sparse(),
    "of a shape": lambda H: H.reshape(1, 2, 1, 2),
}


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.parametrize("method", ["newton", "newton_cg"])
@pytest.mark.parametrize("form", HESSIANS)
def test_forms_of_hessians(method, form):
    plain, result = (
        schuss.minimize(
            lambda x: f_bowl(x.ravel()),
            np.zeros((1, 2)) if form == "of a shape" else np.zeros(2),
            jac=lambda x: g_bowl(x.ravel()).reshape(x.shape),
            hess=lambda x, made=made: made,
            method=method,
        )
        for made in (A, HESSIANS[form](A))
    )
    assert reached(result)
    assert (result.nfev, result.nhev) == (plain.nfev, plain.nhev)


ONE = {
    "number": lambda: 2.0,
    "integer": lambda: 2,
    "0-d": lambda: np.array(2.0),
    "list": lambda: [2.0],
    "1 x 1": lambda: np.array([[2.0]]),
    "1 x 1 x 1": lambda: np.full((1, 1, 1), 2.0),
    "torch": lambda: torch_tensor(2.0),
    "sparse": lambda: sparse("csr_array")([[2.0]]),
    "operator": lambda: operator(np.array([[2.0]])),
}


@pytest.mark.parametrize("method", ["newton", "newton_cg"])
@pytest.mark.parametrize("form", ONE)
@pytest.mark.parametrize("x0", [0.0, [0.0], np.zeros((1, 1))], ids=repr)
def test_the_hessian_of_one_variable_is_any_number(method, form, x0):
    plain, result = (
        schuss.minimize(
            lambda x: (x - 3.0) ** 2,
            x0,
            jac=lambda x: 2 * (x - 3.0),
            hess=lambda x, made=made: made(),
            method=method,
        )
        for made in (ONE["1 x 1"], ONE[form])
    )
    assert reached(result, 3.0)
    assert (result.nfev, result.nhev) == (plain.nfev, plain.nhev)


@pytest.mark.parametrize("method", ["newton", "newton_cg"])
@pytest.mark.parametrize(
    ("H", "error", "text"),
    [
        (np.ones(4), ValueError, r"hessian has shape \(4,\); \(2, 2\) is wanted"),
        (np.eye(3), ValueError, r"hessian has shape \(3, 3\); \(2, 2\) is wanted"),
        (np.ones((2, 2, 1, 1)), ValueError, r"hessian has shape \(2, 2, 1, 1\)"),
        (2.0, ValueError, r"hessian has shape \(\)"),
        (A + 0j, TypeError, "hessian has dtype complex128; a real dtype is wanted"),
        (None, TypeError, "hessian "),
        (np.ma.array(A), TypeError, "hessian is a masked array"),
    ],
    ids=repr,
)
def test_hessians_that_are_none(method, H, error, text):
    with pytest.raises(error, match=f"^{text}"):
        schuss.minimize(f_bowl, [0.0, 0.0], jac=g_bowl, hess=lambda x: H, method=method)


@pytest.mark.parametrize("make", [sparse("csr_array"), operator], ids=["sparse", "operator"])
@pytest.mark.parametrize("method", ["newton", "newton_cg"])
def test_hessians_of_another_size_are_named(method, make):
    with pytest.raises(ValueError, match=r"^hessian has shape \(3, 3\); \(2, 2\) is wanted"):
        schuss.minimize(
            f_bowl, [0.0, 0.0], jac=g_bowl, hess=lambda x: make(np.eye(3)), method=method
        )


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"pandas"}))
def test_forms_of_products(form):
    result = schuss.minimize(
        f_bowl,
        [0.0, 0.0],
        jac=g_bowl,
        hessp=lambda x, v: FORMS[form](A @ v),
        method="trust-krylov",
    )
    assert reached(result)


# -- batches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["lbfgs", "newton"])
def test_a_batch_looks_at_nothing_where_f_is_infinite(method):
    def fun(points, index):
        rows = [
            (x - np.log(x), [1 - 1 / x], [[x**-2]]) if x > 0 else (np.inf, None, None)
            for x in points[:, 0]
        ]
        return tuple(zip(*rows, strict=True))[: 3 if method == "newton" else 2]

    starts = np.array([[100.0], [3.0], [0.1]])
    result = schuss.minimize_batch(fun, starts, method=method, gtol=1e-8)
    assert np.allclose(result.x, 1.0)
    assert result.nfev.max() > 3


def test_a_batch_that_is_defined_nowhere():
    for method, more in (("bfgs", ()), ("newton", (None,))):
        result = schuss.minimize_batch(
            lambda points, index, more=more: (np.full(len(points), np.nan), None, *more),
            np.ones((2, 2)),
            method=method,
        )
        assert result.status.tolist() == [3, 3]
    with pytest.raises(TypeError, match=r"^g has dtype object"):
        schuss.minimize_batch(lambda points, index: (np.ones(len(points)), None), np.ones((2, 2)))
    with pytest.raises(TypeError, match=r"^g\[1\] is None where f is finite; numbers are wanted"):
        schuss.minimize_batch(lambda points, index: ([np.inf, 1.0], [None, None]), np.ones((2, 2)))


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"pandas"}))
def test_forms_in_batches(form):
    as_form = FORMS[form]

    def fun(points, index):
        return as_form((points * points).sum(axis=1)), as_form(2 * points)

    assert schuss.minimize_batch(fun, as_form(np.ones((3, 2)))).success.all()


# -- through SciPy ---------------------------------------------------------------------------------


def through_scipy(method="bfgs", fun=rosenbrock, x0=START, jac=True, **more):
    optimize = pytest.importorskip("scipy.optimize")
    return optimize.minimize(fun, x0, jac=jac, method=schuss.scipy_method(method), **more)


@pytest.mark.parametrize("sides", [(), (-np.inf, np.inf), ([-np.inf] * 2, [np.inf] * 2)])
def test_bounds_objects_that_bound_nothing(sides):
    bounds = pytest.importorskip("scipy.optimize").Bounds(*sides)
    assert schuss.minimize(rosenbrock, START, jac=True, bounds=bounds).success
    assert through_scipy(bounds=bounds).success


def callbacks():
    """Return callbacks in every signature, each with a list of what it was given."""
    seen = []

    def xk(xk):
        seen.append(xk)

    def result(intermediate_result):
        seen.append(intermediate_result.x)

    def keyword(*, intermediate_result=None):
        seen.append(intermediate_result.x)

    class Both:
        def method(self, intermediate_result):
            seen.append(intermediate_result.x)

        def __call__(self, x, *more, state=None):
            assert not more
            assert state is None
            seen.append(x)

    def first(given, intermediate_result):
        given.append(intermediate_result.x)

    named = (xk, result, keyword, Both().method, Both(), functools.partial(first, seen))
    return [(function, seen) for function in named]


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("all_points", [False, True])
def test_signatures_of_callbacks(number, all_points):
    points = through_scipy(options={"return_all": True}).allvecs
    callback, seen = callbacks()[number]
    result = through_scipy(callback=callback, options={"return_all": all_points})
    assert len(seen) == result.nit
    assert np.array_equal(seen, points[1:])
    assert np.array_equal(points[0], START)
    seen.clear()
    schuss.minimize(rosenbrock, START, jac=True, method="bfgs", callback=callback)
    assert np.array_equal(seen, points[1:])


@pytest.mark.parametrize("all_points", [False, True])
def test_a_callback_ends_the_run(all_points):
    def stop(xk):
        raise StopIteration

    result = through_scipy(callback=stop, options={"return_all": all_points})
    theirs = pytest.importorskip("scipy.optimize").minimize(
        rosenbrock, START, jac=True, method="BFGS", callback=stop
    )
    assert result.nit == theirs.nit == 1
    assert (result.status, result.success) == (theirs.status, theirs.success)
    assert result.message == theirs.message


@pytest.mark.parametrize("args", [3.0, (3.0,), [3.0, 3.0], np.full(2, 3.0)], ids=repr)
@pytest.mark.parametrize("method", ["lbfgs", "newton", "newton_cg"])
def test_args_go_to_every_function(args, method):
    def f(x, target):
        return float(((x - target) ** 2).sum())

    functions = {
        "jac": lambda x, target: 2 * (x - target),
        "hess": (lambda x, target: 2 * np.eye(2)) if method != "lbfgs" else None,
    }
    assert reached(schuss.minimize(f, [0.0, 0.0], args, method, **functions), 3.0)
    assert reached(through_scipy(method, f, [0.0, 0.0], args=args, **functions), 3.0)


@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "newton_cg"])
def test_tol_is_gtol(method):
    more = {"hess": h_rosenbrock} if method == "newton_cg" else {}

    def evaluations(tol=None, **options):
        return through_scipy(method, tol=tol, options=options, **more).nfev

    also = {"ftol": 1e-4} if method == "lbfgs" else {}
    assert evaluations(1e-4) == evaluations(gtol=1e-4, **also) < evaluations(gtol=1e-10)
    also = {"ftol": 0.0} if method == "lbfgs" else {}
    assert evaluations(1e-1, gtol=1e-10, **also) == evaluations(gtol=1e-10)


@pytest.mark.parametrize(
    ("value", "end"), [(1e1, 1), (np.float32(10), 1), (np.array(10), 1), (0, 1), (np.inf, 0)]
)
def test_limits_that_are_whole_numbers(value, end):
    result = through_scipy("lbfgs", options={"maxiter": value})
    assert result.status == end
    assert result.nit == (value if end else 36)


def test_every_method_by_position():
    theirs = (START, (), "BFGS", True, None, None, None, (), 1e-3, None, {"maxiter": 100})
    ours = schuss.minimize(rosenbrock, *theirs)
    named = schuss.minimize(rosenbrock, START, method="bfgs", jac=True, tol=1e-3)
    assert (ours.x == named.x).all()


# -- warnings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "more", "text"),
    [
        ("bfgs", {"options": {"eps": 1e-8}}, "'eps' is no option"),
        ("bfgs", {"options": {"maxcor": 5}}, "'maxcor' is no option"),
        ("bfgs", {"options": {"gtoll": 1}}, "'gtoll' is no option .* did you mean 'gtol'"),
        ("bfgs", {"options": {"maxiter": 1.5}}, "maxiter is 1.5; 2 is taken"),
        ("bfgs", {"options": {"maxiter": 1, "disp": 1}}, "Maximum number of iterations"),
        ("bfgs", {"jac": None, "fun": f_rosenbrock}, "jac is None"),
        ("newton", {}, "hess is None"),
        ("newton_cg", {}, "hessp is None"),
        ("lbfgs", {"hess": h_rosenbrock}, "does not use hess"),
    ],
)
def test_warnings_name_the_callers_line(method, more, text):
    with pytest.warns(Warning, match=text) as caught:
        through_scipy(method, **more)
    assert {Path(warning.filename).name for warning in caught} == {Path(__file__).name}
    if "options" not in more:
        with pytest.warns(Warning, match=text) as caught:
            schuss.minimize(
                **({"fun": rosenbrock, "x0": START, "jac": True, "method": method} | more)
            )
        assert [warning.filename for warning in caught] == [__file__]
