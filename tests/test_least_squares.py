"""Least squares: NIST's fits, bounds, losses, standard errors, honest ends, bad input."""

from __future__ import annotations

import copy
import pickle
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import schuss

from problems import nist

scipy_optimize = pytest.importorskip("scipy.optimize")

FITS = {fit.name: fit for fit in nist.fits()}
LEAST = {"3-point": (54, 54, 45), "exact": (54, 54, 45)}


def digits(found, right):
    error = np.max(np.abs(found - right) / np.abs(right))
    return 15.0 if error == 0 else -np.log10(error)


@cache
def solved(name, jac):
    fit = FITS[name]
    with np.errstate(all="ignore"):
        return schuss.least_squares(
            fit.residuals, fit.start, fit.jacobian if jac == "exact" else jac
        )


@pytest.mark.parametrize("jac", LEAST)
def test_nist(jac):
    found = {name: digits(solved(name, jac).x, FITS[name].certified) for name in FITS}
    reached = tuple(sum(d >= wanted for d in found.values()) for wanted in (4, 6, 8))
    assert all(have >= want for have, want in zip(reached, LEAST[jac], strict=True)), found
    assert all(solved(name, jac).success for name in FITS)


@pytest.mark.parametrize("name", FITS)
def test_standard_errors_of_nist(name):
    result, fit = solved(name, "exact"), FITS[name]
    assert result.dof == fit.y.size - fit.start.size
    assert result.rank == fit.start.size
    np.testing.assert_allclose(2 * result.cost, fit.rss, rtol=1e-8, atol=1e-20)
    if not name.startswith("Lanczos1"):  # which has no noise
        assert digits(result.stderr, fit.deviations) >= 3


def test_fields_are_those_of_the_point():
    fit, result = FITS["Misra1a/1"], solved("Misra1a/1", "exact")
    np.testing.assert_array_equal(result.fun, fit.residuals(result.x))
    np.testing.assert_array_equal(result.jac, fit.jacobian(result.x))
    assert result.cost == pytest.approx(result.fun @ result.fun / 2, rel=1e-14)
    np.testing.assert_allclose(result.grad, result.jac.T @ result.fun, rtol=1e-6, atol=1e-12)
    assert result.optimality == np.abs(result.grad).max()
    assert result.nfev >= result.nit + 1
    assert result.njev == result.nit + 1
    assert result.relative_offset <= 1e-8
    np.testing.assert_array_equal(result.stderr, np.sqrt(np.diag(result.covariance)))


# -- ask and tell ----------------------------------------------------------------------------------


def drive(solver, fit, steps=10**9):
    with np.errstate(all="ignore"):
        while not solver.done and steps > 0:
            steps -= 1
            x = solver.ask()
            if solver.request == "jacobian":
                solver.tell_jacobian(fit.jacobian(x))
            else:
                solver.tell(fit.residuals(x))
    return solver


def bits(result):
    keys = ("x", "fun", "jac", "grad", "covariance", "nit", "nfev", "njev", "message")
    return [np.asarray(result[key]).tobytes() for key in keys]


@pytest.mark.parametrize("name", ["MGH09/1", "Hahn1/2", "BoxBOD/1"])
@pytest.mark.parametrize("options", [{}, {"bounds": (0.0, 1e4)}, {"loss": "huber"}])
def test_copies_in_mid_search_go_on_bit_for_bit(name, options):
    fit = FITS[name]
    whole = drive(schuss.LeastSquares(fit.start, **options), fit).result()
    for steps in (0, 1, 2, 5, 12):
        begun = drive(schuss.LeastSquares(fit.start, **options), fit, steps)
        for other in (pickle.loads(pickle.dumps(begun)), copy.deepcopy(begun), begun):
            assert bits(drive(other, fit).result()) == bits(whole)


def test_checkpoints(tmp_path):
    fit = FITS["MGH09/2"]
    solver = drive(schuss.LeastSquares(fit.start, loss="cauchy", bounds=(-1, 9)), fit, 6)
    schuss.save(tmp_path / "a.safetensors", solver=solver)
    other = schuss.load(tmp_path / "a.safetensors")["solver"]
    assert bits(drive(other, fit).result()) == bits(drive(solver, fit).result())
    odd = schuss.LeastSquares([1.0], loss=lambda z: np.stack([z, z**0, 0 * z]))
    with pytest.raises(ValueError, match="loss is"):
        schuss.save(tmp_path / "b.safetensors", solver=odd)


def test_jacobians_are_asked_for_where_it_goes_and_nowhere_else():
    fit = FITS["MGH10/2"]
    solver, costs = schuss.LeastSquares(fit.start), []
    while not solver.done:
        x = solver.ask()
        if solver.request == "jacobian":
            costs.append(fit.residuals(x) @ fit.residuals(x))
            solver.tell_jacobian(fit.jacobian(x))
        else:
            assert solver.request == "residuals"
            solver.tell(fit.residuals(x))
    assert all(b <= a * (1 + 1e-10) for a, b in pairwise(costs))
    assert len(costs) == solver.result().njev < solver.nfev
    assert solver.request is None


def test_requests_are_kept_apart():
    solver = schuss.LeastSquares([1.0, 2.0])
    with pytest.raises(RuntimeError, match="Jacobian"):
        solver.tell_jacobian(np.eye(2))
    with pytest.raises(ValueError, match="no elements"):
        solver.tell([])
    solver.tell([1.0, 2.0, 3.0])
    with pytest.raises(RuntimeError, match="residual"):
        solver.tell([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"jacobian has shape \(2, 3\); \(3, 2\) is wanted"):
        solver.tell_jacobian(np.ones((2, 3)))
    solver.tell_jacobian(np.array([[1.0, 0], [0, 1.0], [1.0, 1.0]]))
    with pytest.raises(ValueError, match="2 elements; 3 are wanted"):
        solver.tell([1.0, 2.0])


@pytest.mark.parametrize("shape", [(3000, 41), (40, 30), (20000, 5), (129, 1)])
def test_threads_change_no_bit(shape, rng, threads):
    A, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
    found = []
    for count in (1, 2, 5):
        threads(count)
        result = schuss.least_squares(
            lambda x: np.tanh(A @ x) - y,
            np.full(shape[1], 0.01),
            lambda x: A / np.cosh(A @ x)[:, None] ** 2,
        )
        found.append(bits(result))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 18, 33, 50])
@pytest.mark.parametrize("m", [1, 3, 20, 127, 128, 129, 300])
def test_products_take_rows_in_order_on_every_isa(m, n, rng, isa):
    J, r = rng.standard_normal((m, n)), 0.1 / n * rng.standard_normal(m)
    solver = schuss.LeastSquares(np.zeros(n))
    solver.tell(r)
    solver.tell_jacobian(J)
    np.testing.assert_array_equal(solver.result().grad, np.cumsum(J * r[:, None], axis=0)[-1])
    lengths = np.sqrt(np.cumsum(J * J, axis=0)[-1])
    np.testing.assert_array_equal(solver._solver.fitted()["scale"], lengths)
    if m >= 2 * n:
        step = np.linalg.lstsq(J, -r, rcond=None)[0]  # shorter than the first radius, 1
        np.testing.assert_allclose(solver.ask(), step, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["Hahn1/1", "ENSO/1", "MGH10/2"])
def test_instruction_sets_change_no_bit(name, isa):
    found = drive(schuss.LeastSquares(FITS[name].start), FITS[name]).result()
    assert bits(found) == bits(drive_as_usual(name))


@cache
def drive_as_usual(name):
    with schuss.config.use_isa(schuss.config.available_isas()[0]):
        return drive(schuss.LeastSquares(FITS[name].start), FITS[name]).result()


def test_a_line_is_one_step(rng):
    A, y = rng.standard_normal((50, 7)), rng.standard_normal(50)
    result = schuss.least_squares(lambda x: A @ x - y, np.ones(7), lambda x: A)
    x, rest, *_ = np.linalg.lstsq(A, y, rcond=None)
    np.testing.assert_allclose(result.x, x, rtol=1e-12)
    np.testing.assert_allclose(
        result.covariance, np.linalg.inv(A.T @ A) * rest[0] / 43, rtol=1e-10, atol=1e-15
    )


# -- bounds ----------------------------------------------------------------------------------------

DECAY_T = np.linspace(0, 4, 30)
DECAY_Y = 2 * np.exp(-0.7 * DECAY_T) + 0.3 + 0.05 * np.sin(37 * DECAY_T)


def decay(p, t=DECAY_T, y=DECAY_Y):
    return p[0] * np.exp(-p[1] * t) + p[2] - y


def decay_jacobian(p, t=DECAY_T):
    e = np.exp(-p[1] * t)
    return np.stack([e, -t * p[0] * e, np.ones_like(t)], axis=1)


BOXES = [
    ([0, 0, 0.4], [5, 5, 5]),
    ([0, 0, 0], [1.5, 5, 5]),
    ([0, 0.9, 0], [5, 5, 0.1]),
    ([2.5, 0, 0.1], [3, 0.5, 0.3]),
    ([0, 0.25, 0], [5, 0.25, 5]),
    ([-np.inf, -np.inf, 0.5], [np.inf, np.inf, np.inf]),
    (0.3, 0.7),
]


@pytest.mark.parametrize("jac", [decay_jacobian, "3-point", "2-point"])
@pytest.mark.parametrize("box", BOXES)
def test_bounds_against_scipy(box, jac):
    lower, upper = (np.broadcast_to(np.asarray(side, float), 3) for side in box)
    seen = []

    def fun(p):
        seen.append(p.copy())
        return decay(p)

    result = schuss.least_squares(fun, [1.0, 1.0, 0.2], jac, box)
    for p in seen:
        assert (lower <= p).all()
        assert (p <= upper).all()
    assert result.success, result.message
    assert result.nfev == len(seen)
    free = lower < upper
    inside = np.clip([1.0, 1.0, 0.2], lower + 1e-3, upper - 1e-3)

    def full(q):
        p = lower.copy()
        p[free] = q
        return decay(p)

    theirs = scipy_optimize.least_squares(
        full, inside[free], bounds=(lower[free], upper[free]), xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    assert result.cost <= theirs.cost * (1 + 1e-9)
    np.testing.assert_allclose(result.x[free], theirs.x, rtol=2e-4, atol=1e-9)
    active = np.where(result.x == upper, 1, 0) - np.where((result.x == lower) | ~free, 1, 0)
    np.testing.assert_array_equal(result.active_mask, np.where(free, active, -1))
    on = (result.x == lower) | (result.x == upper)
    np.testing.assert_array_equal(np.isnan(result.stderr), on)
    assert ("on a bound" in result.message) == on.any()


def test_a_start_outside_is_moved_inside_and_starts_on_bounds_are_normal():
    for start in ([9.0, -1.0, -4.0], [0.0, 0.0, 0.0], [5.0, 5.0, 5.0]):
        result = schuss.least_squares(decay, start, decay_jacobian, ([0, 0, 0], [5, 5, 5]))
        assert result.success, result.message
        free = schuss.least_squares(decay, [1.0, 1.0, 0.2], decay_jacobian)
        np.testing.assert_allclose(result.x, free.x, rtol=1e-6)


def test_infinite_bounds_change_no_bit():
    plain = schuss.least_squares(decay, [1.0, 1.0, 0.2], decay_jacobian)
    bounds = scipy_optimize.Bounds([-np.inf] * 3, np.inf)
    assert bits(plain) == bits(schuss.least_squares(decay, [1.0, 1.0, 0.2], decay_jacobian, bounds))


def test_structures_of_arrays():
    def fun(p):
        return p["scale"]["height"] * np.exp(-p["rate"][0] * DECAY_T) + p["rate"][1] - DECAY_Y

    def jac(p):
        J = decay_jacobian([p["scale"]["height"], *p["rate"]])
        return {"scale": {"height": J[:, 0]}, "rate": J[:, 1:]}

    start = {"scale": {"height": np.array(1.0)}, "rate": np.array([1.0, 0.2])}
    upper = {"scale": {"height": 1.9}, "rate": [np.inf, 5.0]}
    flat = schuss.least_squares(decay, [1.0, 1.0, 0.2], decay_jacobian, (0, [1.9, np.inf, 5]))
    for how in (jac, "3-point"):
        result = schuss.least_squares(fun, start, how, (0, upper))
        assert result.success
        assert result.names == ["scale.height", "rate[0]", "rate[1]"]
        np.testing.assert_allclose(result.x["rate"], flat.x[1:], rtol=1e-6)
        assert result.x["scale"]["height"] == 1.9
        np.testing.assert_allclose(result.stderr["rate"], flat.stderr[1:], rtol=1e-6)


def test_matrices_as_variables_and_residuals_of_any_shape(rng):
    A, right = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))

    def jac(x):
        J = np.zeros((6, 2, 3, 2))
        for k in range(2):
            J[:, k, :, k] = A
        return J

    result = schuss.least_squares(lambda x: A @ x - right, np.zeros((3, 2)), jac)
    np.testing.assert_allclose(result.x, np.linalg.lstsq(A, right, rcond=None)[0], rtol=1e-10)
    assert result.jac.shape == (12, 6)
    assert result.names[3] == "x[1, 1]"


# -- losses ----------------------------------------------------------------------------------------

LOSSES = ["soft_l1", "huber", "cauchy", "arctan"]


@pytest.mark.parametrize("f_scale", [0.03, 0.5])
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_against_scipy(loss, f_scale):
    y = DECAY_Y.copy()
    y[::7] += 3.0

    def fun(p):
        return decay(p, y=y)

    ours = schuss.least_squares(fun, [2.0, 0.7, 0.3], decay_jacobian, loss=loss, f_scale=f_scale)
    theirs = scipy_optimize.least_squares(
        fun,
        ours.x,
        decay_jacobian,
        loss=loss,
        f_scale=f_scale,
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    assert ours.success, ours.message
    start = scipy_optimize.least_squares(
        fun, ours.x, decay_jacobian, loss=loss, f_scale=f_scale, max_nfev=1
    )
    assert ours.cost == pytest.approx(start.cost, rel=1e-13)
    np.testing.assert_allclose(ours.grad, start.grad, atol=1e-12)
    np.testing.assert_allclose(ours.jac, start.jac, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(ours.fun, fun(ours.x))
    assert ours.cost <= theirs.cost * (1 + 1e-9)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-4, atol=1e-5)


def test_a_loss_of_the_users_own():
    def soft_l1(z):
        t = 1 + z
        return np.array([2 * (t**0.5 - 1), t**-0.5, -0.5 * t**-1.5])

    by_name = schuss.least_squares(decay, [1.0, 1.0, 0.2], decay_jacobian, loss="soft_l1")
    own = schuss.least_squares(decay, [1.0, 1.0, 0.2], decay_jacobian, loss=soft_l1)
    np.testing.assert_allclose(own.x, by_name.x, rtol=1e-10)
    with pytest.raises(ValueError, match=r"rho has shape \(2, 30\); \(3, 30\) is wanted"):
        schuss.least_squares(
            decay, [1.0, 1.0, 0.2], decay_jacobian, loss=lambda z: np.array([z, z])
        )


# -- standard errors -------------------------------------------------------------------------------


def test_what_the_data_do_not_determine_has_no_error(rng):
    t = np.linspace(0, 1, 20)
    y = 3 * np.exp(-t) + 0.01 * rng.standard_normal(20)

    def fun(p):
        return p[0] * p[1] * np.exp(-p[2] * t) - y

    result = schuss.least_squares(fun, [1.0, 2.0, 0.5], "3-point")
    assert result.rank == 2
    assert result.dof == 18
    np.testing.assert_array_equal(np.isinf(result.stderr), [True, True, False])
    assert "x[0] and x[1] are not determined" in result.message
    single = schuss.least_squares(lambda p: p[0] * np.exp(-p[1] * t) - y, [1.0, 0.5], "3-point")
    np.testing.assert_allclose(result.x[0] * result.x[1], single.x[0], rtol=1e-6)
    np.testing.assert_allclose(result.stderr[2], single.stderr[1], rtol=1e-4)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_no_more_data_than_variables(m):
    A = np.array([[1.0, 2.0, 0.5], [0.0, 1.0, 3.0], [2.0, 0.0, 1.0]])[:m]
    result = schuss.least_squares(lambda x: A @ x - 1.0, np.zeros(3), lambda x: A)
    assert result.success, result.message
    np.testing.assert_allclose(A @ result.x, 1.0, atol=1e-12)
    assert result.rank == m
    assert result.dof == 0
    assert np.isinf(result.stderr).all()


def test_unused_variable():
    result = schuss.least_squares(
        lambda x: np.array([x[0] - 1, x[0] - 2, x[0] - 4]), [0.0, 5.0], "3-point"
    )
    assert result.success
    assert result.x[1] == 5.0
    assert result.stderr[0] == pytest.approx(np.sqrt(14 / 3 / 2 / 3), rel=1e-6)
    assert np.isinf(result.stderr[1])


def test_units_of_variables_change_nothing():
    fit = FITS["Thurber/1"]
    units = 2.0 ** np.array([40, -30, 10, -50, 3, 0, -7])
    plain = solved("Thurber/1", "exact")
    other = schuss.least_squares(
        lambda z: fit.residuals(z * units),
        fit.start / units,
        lambda z: fit.jacobian(z * units) * units,
    )
    np.testing.assert_array_equal(other.x * units, plain.x)
    assert other.nfev == plain.nfev


# -- differences -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-12, 1e-3, 1.0, 1e9])
def test_differences_at_zero_find_the_size_of_a_variable(size):
    t = np.linspace(0, 1, 9)
    result = schuss.least_squares(
        lambda p: np.exp(p[0] / size * t) - np.exp(2 * t) * (1 + 1e-3 * np.cos(9 * t)),
        [0.0],
        "3-point",
    )
    assert result.success, result.message
    assert result.x[0] == pytest.approx(2 * size, rel=1e-2)


def test_differences_where_residuals_are_not_finite_on_one_side():
    def fun(x):
        with np.errstate(all="ignore"):
            return np.array([np.sqrt(x[0]) - 1e-7, 1e-3 * x[0], 1e-3])

    result = schuss.least_squares(fun, [1e-14], "3-point")
    assert np.isfinite(result.cost)
    assert result.status in (0, 2)


def test_a_step_of_the_users_own_is_kept():
    steps = set()

    def fun(x):
        if x[0] != 2.0:
            steps.add(abs(x[0] / 2 - 1))
        return np.array([x[0] - 2.0, x[0] + 2.0])

    schuss.least_squares(fun, [2.0], "2-point", diff_step=2.0**-10, maxfun=1)
    assert steps == {2.0**-10}


# -- ends ------------------------------------------------------------------------------------------


def test_residuals_that_are_not_finite():
    result = schuss.least_squares(
        lambda x: np.array([1.0, np.nan, x[0]]), [1.0], lambda x: np.ones((3, 1))
    )
    assert (result.status, result.success) == (3, False)
    assert "residual 1 is nan" in result.message
    result = schuss.least_squares(lambda x: x, [1.0], lambda x: np.array([[np.inf]]))
    assert result.status == 3
    assert "Jacobian" in result.message
    assert np.isnan(result.stderr).all()


def test_walls_are_backed_out_of():
    def fun(x):
        with np.errstate(invalid="ignore"):
            return np.array([np.log(x[0]) + 2, x[0] - 0.5, x[0]])

    result = schuss.least_squares(fun, [30.0], lambda x: np.array([[1 / x[0]], [1.0], [1.0]]))
    assert result.success, result.message


def test_a_wrong_jacobian_is_no_success():
    def jac(p):
        J = decay_jacobian(p)
        J[:, 1] *= -1
        J[:, 0] += 0.6
        return J

    result = schuss.least_squares(decay, [1.0, 1.0, 0.2], jac)
    best = schuss.least_squares(decay, [1.0, 1.0, 0.2], decay_jacobian)
    assert not result.success
    assert result.cost > best.cost


def test_the_limit_of_evaluations():
    result = schuss.least_squares(decay, [1.0, 1.0, 0.2], decay_jacobian, maxfun=2)
    assert (result.status, result.nfev) == (1, 2)
    assert "maxfun = 2" in result.message
    same = schuss.least_squares(decay, [1.0, 1.0, 0.2], decay_jacobian, max_nfev=2)
    assert bits(result) == bits(same)


def test_float32():
    y = DECAY_Y.astype(np.float32)
    result = schuss.least_squares(
        lambda p: p[0] * np.exp(-p[1] * DECAY_T.astype(np.float32)) + p[2] - y,
        np.array([1.0, 1.0, 0.2], np.float32),
        "3-point",
    )
    assert result.x.dtype == np.float32
    assert result.success, result.message
    right = schuss.least_squares(decay, [1.0, 1.0, 0.2], decay_jacobian)
    np.testing.assert_allclose(result.x, right.x, rtol=1e-3)


# -- SciPy's arguments -----------------------------------------------------------------------------


def test_jac_true_args_and_kwargs():
    def both(p, scale, *, shift):
        return scale * decay(p) + shift, scale * decay_jacobian(p)

    result = schuss.least_squares(both, [1.0, 1.0, 0.2], True, args=(2.0,), kwargs={"shift": 0.25})
    plain = schuss.least_squares(
        lambda p: 2 * decay(p) + 0.25, [1.0, 1.0, 0.2], lambda p: 2 * decay_jacobian(p)
    )
    assert bits(result) == bits(plain)


def reduced(fit):
    """Residuals and Jacobian by QR in n + 1 rows, and how many they were."""

    def both(x):
        r = fit.residuals(x)
        rows = np.linalg.qr(np.column_stack([fit.jacobian(x), r]), mode="r")
        return rows[:, -1], rows[:, :-1], r.size

    return both


@pytest.mark.parametrize("name", ["Misra1a/1", "Thurber/2", "Gauss1/1", "Lanczos3/2"])
def test_rows_that_stand_for_more_residuals(name):
    """Steps, ends and standard errors are those of all residuals."""
    fit, whole = FITS[name], solved(name, "exact")
    result = schuss.least_squares(reduced(fit), fit.start, jac=True)
    assert result.success
    assert (result.dof, result.rank) == (whole.dof, whole.rank)
    assert result.jac.shape == (len(fit.start) + 1, len(fit.start))
    assert abs(result.nfev - whole.nfev) <= 1
    np.testing.assert_allclose(result.x, whole.x, rtol=1e-6)
    np.testing.assert_allclose(result.stderr, whole.stderr, rtol=1e-6)
    solver, both = schuss.LeastSquares(fit.start), reduced(fit)
    while not solver.done:
        solver = pickle.loads(pickle.dumps(solver))
        r, J, observations = both(solver.ask())
        if solver.request == "jacobian":
            solver.tell_jacobian(J)
        else:
            solver.tell(r, observations)
    assert bits(solver.result()) == bits(result)


def test_the_relative_offset_counts_all_residuals():
    """At one point it is the same, whatever the rows."""
    fit = FITS["Thurber/2"]
    whole = schuss.least_squares(fit.residuals, fit.start, fit.jacobian, maxfun=1)
    found = schuss.least_squares(reduced(fit), fit.start, True, maxfun=1)
    assert np.isclose(found.relative_offset, whole.relative_offset, rtol=1e-6)
    assert np.allclose(found.stderr, whole.stderr, rtol=1e-6)


@pytest.mark.parametrize(
    ("observations", "loss", "error", "words"),
    [
        (2, "linear", ValueError, "observations is 2; a whole number of at least 3 is wanted"),
        (3.5, "linear", ValueError, "observations is 3.5; a whole number"),
        ("4", "linear", TypeError, "observations is '4'; a whole number"),
        (4, "cauchy", ValueError, "observations is 4, of 3 residuals, and the loss is not linear"),
    ],
)
def test_observations_that_do_not_fit(observations, loss, error, words):
    solver = schuss.LeastSquares([1.0], loss=loss)
    with pytest.raises(error, match=words):
        solver.tell(np.ones(3), observations)
    solver.tell(np.ones(3), 3)
    assert solver.request == "jacobian"


def test_the_default_warns_of_what_it_costs():
    with pytest.warns(UserWarning, match="each Jacobian costs 2 n = 6 evaluations"):
        schuss.least_squares(decay, [1.0, 1.0, 0.2])


@pytest.mark.parametrize(
    "given", [{"ftol": 1e-8}, {"xtol": 1e-8}, {"gtol": 1e-8}, {"method": "lm"}, {"x_scale": 2.0}]
)
def test_arguments_that_change_nothing_say_so(given):
    plain = schuss.least_squares(decay, [1.0, 1.0, 0.2], decay_jacobian)
    with pytest.warns(UserWarning, match=f"{next(iter(given))} is .* changes nothing"):
        result = schuss.least_squares(decay, [1.0, 1.0, 0.2], decay_jacobian, **given)
    assert bits(result) == bits(plain)


def test_callback_trace_and_print(capsys):
    seen = []

    def callback(intermediate_result):
        seen.append(intermediate_result.cost)
        if len(seen) == 2:
            raise StopIteration

    result = schuss.least_squares(
        decay, [1.0, 1.0, 0.2], decay_jacobian, callback=callback, trace=True, verbose=2
    )
    assert (result.status, result.nit) == (99, 2)
    assert seen == list(result.trace["fun"][1:])
    assert result.trace["nit"].tolist() == [0, 1, 2]
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_a_printed_result_is_a_table():
    result = schuss.least_squares(
        lambda p: decay([p["height"], p["rate"], p["offset"]]),
        {"height": 1.0, "rate": 1.0, "offset": 0.2},
        "3-point",
        (0, {"height": 1.5, "rate": np.inf, "offset": np.inf}),
    )
    lines = str(result).splitlines()
    assert lines[0].strip() == "success: True"
    table = [line for line in lines if "±" in line]
    assert [line.split(":")[0].strip() for line in table] == ["height", "rate", "offset"]
    assert "nan" in table[0]
    assert f"{result.stderr['rate']:.4g}" in table[1]
    assert "height is on a bound" in lines[1]
    assert result._repr_html_().count("±") == 3
    assert isinstance(result, schuss.solvers.Result)


@pytest.mark.parametrize(
    ("error", "words", "given"),
    [
        (ValueError, r"x0\[1\] is nan; finite is wanted", {"x0": [1.0, np.nan, 0.2]}),
        (ValueError, r"bounds\[2\] is \(1.0, 0.0\)", {"bounds": ([0, 0, 1], [1, 1, 0])}),
        (ValueError, r"bounds\[1\] is \(nan, 1.0\)", {"bounds": ([0, np.nan, 0], [1, 1, 1])}),
        (ValueError, r"bounds\[0\] has shape \(2,\)", {"bounds": ([0, 0], [1, 1])}),
        (ValueError, "bounds is", {"bounds": [(0, 1), (0, 1), (0, 1)]}),
        (ValueError, "loss is 'hubert'", {"loss": "hubert"}),
        (ValueError, "f_scale is 0", {"f_scale": 0}),
        (ValueError, "tol is -1", {"tol": -1}),
        (ValueError, "maxfun is 0", {"maxfun": 0}),
        (ValueError, "jac is 'cs'", {"jac": "cs"}),
        (ValueError, "maxfun is 3 and max_nfev 4", {"maxfun": 3, "max_nfev": 4}),
        (TypeError, "fun is 3", {"fun": 3}),
        (ValueError, "diff_step is 0", {"jac": "2-point", "diff_step": 0}),
    ],
)
def test_bad_input(error, words, given):
    arguments = {"fun": decay, "x0": [1.0, 1.0, 0.2], "jac": decay_jacobian, **given}
    with pytest.raises(error, match=words):
        schuss.least_squares(**arguments)
