"""The solver classes, driven by the caller; their pickles."""

from __future__ import annotations

import copy
import math
import sys
import threading

import numpy as np
import pytest
import schuss
from helpers import CLASSES, same_bits
from solver_cases import (
    START,
    bowl,
    drive,
    f_rosenbrock,
    g_rosenbrock,
    rosenbrock,
)


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


def test_a_gradient_that_is_the_asked_array(method):
    """f = x.x / 2: the gradient is x itself, which `tell` must not overwrite."""
    a = schuss.minimize(lambda x: (x @ x / 2, x), [3.0, 4.0], jac=True, method=method)
    b = schuss.minimize(lambda x: (x @ x / 2, x.copy()), [3.0, 4.0], jac=True, method=method)
    assert a.success
    assert same_bits(a.x, b.x)
    assert same_bits(a.jac, b.jac)
    assert a.nfev == b.nfev


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
        (np.ones(2, ">c16"), TypeError),
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


@pytest.mark.parametrize("dtype", ["float32", np.float32, "float64", None])
def test_history_dtype(dtype):
    solver = schuss.LBFGS(START, history_dtype=dtype)
    result = drive(solver)
    wanted = np.dtype("float64" if dtype is None else dtype)
    assert solver.history()[0].dtype == solver.history()[1].dtype == wanted
    assert result.x.dtype == np.float64
    assert result.success


# -- pickles ---------------------------------------------------------------------------------------


def test_a_shallow_copy_is_a_solver_of_its_own(method):
    solver = CLASSES[method](START)
    other = copy.copy(solver)
    other.tell(*rosenbrock(other.ask()))
    assert (solver.nfev, other.nfev) == (0, 1)


def test_damaged_pickles():
    state = schuss.LBFGS(START)._solver.__getstate__()
    fresh = type(schuss.LBFGS(START)._solver)
    *about, data = state
    title, members = data.split(b"\n", 1)
    whole = title.decode().removeprefix("a schuss solver's, ")
    older = title.replace(b"format", b"format 1 before")
    for damaged, words in (
        (about, "the state has 3 parts; 4 are wanted"),
        ((*about, data[:-1]), "the state is too short"),
        ((*about, data + b"0"), "the state has other members"),
        ((*about, data[:-1] + b"0"), "the state has other members"),
        ((*about, members), f"the state is of something else; .*{whole} is wanted"),
        ((*about, older + b"\n" + members), f"format 1 before .*; .*{whole} is wanted"),
        (("bfgs", *state[1:]), f"the state is .*{whole}; .*bfgs, .* is wanted: finish the run"),
    ):
        with pytest.raises(ValueError, match=words):
            fresh.__new__(fresh).__setstate__(tuple(damaged))


def test_a_result_beside_a_running_thread_is_of_one_moment():
    known, results = {}, []

    def run(solver):
        while not solver.done:
            values.append(f_rosenbrock(solver.ask()))
            solver.tell(values[-1], g_rosenbrock(solver.ask()))
            known[solver.nfev] = solver.nit, min(values)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            values = []
            solver = schuss.GradientDescent(START, maxfun=200)
            solver.tell(*rosenbrock(START))
            values.append(rosenbrock(START)[0])
            known[1] = 0, values[0]
            thread = threading.Thread(target=run, args=(solver,))
            thread.start()
            while thread.is_alive():
                results.append(solver.result())
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(results) > 100
    for result in results:
        assert (result.nit, result.fun) == known[result.nfev]
        assert (result.status == -1) == (result.message == "still running")
