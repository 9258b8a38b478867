"""Many fits at once: against SciPy, each as if it were alone, and what comes of bad data."""

from __future__ import annotations

import copy
import pickle
import signal

import numpy as np
import pytest
import schuss
from schuss import _core
from schuss.solvers import curve_fit_batch, least_squares_batch
from scipy.optimize import Bounds, curve_fit, least_squares
from test_models import FORMULAS, TWINS

T = np.linspace(0, 10, 30)
FIELDS = ["x", "cost", "grad", "covariance", "stderr", "nit", "nfev", "status", "relative_offset"]


def peaks(rng, count, m=30):
    """Gaussian peaks on a line with noise, and starts that are 10 % off."""
    t = np.linspace(0, 10, m)
    p = np.column_stack(
        [
            rng.uniform(1, 5, count),
            rng.uniform(3, 7, count),
            rng.uniform(0.5, 1.5, count),
            rng.normal(0, 0.5, count),
            rng.normal(0, 0.05, count),
        ]
    )
    y = FORMULAS["gaussian"](t, *(column[:, None] for column in p.T[:3]))
    y += p[:, 3:4] + p[:, 4:] * t + rng.normal(0, 0.05, (count, m))
    return t, y, p * rng.uniform(0.9, 1.1, p.shape)


NAME = "gaussian+offset+slope"


def peak(x, *p):
    return FORMULAS["gaussian"](x, *p[:3]) + p[3] + p[4] * x


def by_the_core(x, p):
    """What a user's function would return that has the values of the model by name."""
    return _core.Model("gaussian", True, True).evaluate(x, p)


def same(a, b, rows=slice(None)):
    for field in FIELDS:
        np.testing.assert_array_equal(a[field][rows], b[field], err_msg=field)


def test_as_scipy(rng):
    t, y, start = peaks(rng, 12)
    found = curve_fit_batch(NAME, t, y, start)
    assert found.success.all()
    assert found.names == ["height", "center", "sigma", "offset", "slope"]
    for k in range(len(y)):
        x, covariance = curve_fit(peak, t, y[k], start[k], ftol=1e-14, xtol=1e-14, gtol=1e-14)
        np.testing.assert_allclose(found.x[k], x, rtol=1e-6)
        np.testing.assert_allclose(found.covariance[k], covariance, rtol=1e-4)
        np.testing.assert_allclose(found.cost[k], 0.5 * ((peak(t, *x) - y[k]) ** 2).sum())
    np.testing.assert_array_equal(found.dof, 25)
    np.testing.assert_array_equal(found.rank, 5)
    assert (found.relative_offset < 1.01e-7).all()


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("each", [False, True])
def test_weights_as_scipy(rng, absolute, each):
    t, y, start = peaks(rng, 5)
    sigma = rng.uniform(0.02, 0.2, y.shape if each else t.shape)
    found = curve_fit_batch(NAME, t, y, start, sigma=sigma, absolute_sigma=absolute)
    for k in range(len(y)):
        x, covariance = curve_fit(
            *(peak, t, y[k], start[k], np.broadcast_to(sigma, y.shape)[k], absolute),
            **{"ftol": 1e-14, "xtol": 1e-14, "gtol": 1e-14},
        )
        np.testing.assert_allclose(found.x[k], x, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(found.covariance[k], covariance, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("bounds", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_a_fit_alone_is_a_fit_in_a_batch(rng, isa, bounds, masked):
    t, y, start = peaks(rng, 21)
    sigma = rng.uniform(0.02, 0.2, y.shape)
    mask = rng.random(y.shape) < 0.2 if masked else None
    limits = (np.array([0, 4, 0.6, -0.2, -0.02]), np.array([3, 6, 1.2, 0.3, 0.03]))
    limits = limits if bounds else (-np.inf, np.inf)

    def fit(rows):
        part = mask[rows] if masked else None
        return curve_fit_batch(
            NAME, t, y[rows], start[rows], sigma=sigma[rows], mask=part, bounds=limits
        )

    found = fit(slice(None))
    assert len(set(found.nfev)) > 2
    for k in range(len(y)):
        same(found, fit(slice(k, k + 1)), slice(k, k + 1))
    order = rng.permutation(len(y))
    same(found, fit(order), order)


def test_any_number_of_threads_and_every_isa(rng, threads):
    t, y, start = peaks(rng, 3000)
    limits = ([0, 4, 0.6, -np.inf, -np.inf], [4, 6, 1.2, np.inf, np.inf])
    results = []
    for isa in schuss.config.available_isas():
        for n in (1, 2, 5):
            threads(n)
            with schuss.config.use_isa(isa):
                results.append(curve_fit_batch(NAME, t, y, start, bounds=limits))
                results.append(
                    curve_fit_batch(
                        lambda x, p: by_the_core(x, p)[0],
                        *(t, y, start),
                        bounds=limits,
                        jac=lambda x, p: by_the_core(x, p)[1],
                    )
                )
    for other in results[1:]:
        same(results[0], other)


@pytest.mark.parametrize("own_x", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_a_function_with_the_models_values_has_its_bits(rng, own_x, masked, isa):
    t, y, start = peaks(rng, 19)
    x = t + rng.normal(0, 0.1, y.shape) if own_x else t
    sigma = rng.uniform(0.05, 0.1, t.shape)
    mask = rng.random(y.shape) < 0.2 if masked else None
    more = {"sigma": sigma, "mask": mask, "bounds": ([0, 0, 0, -1, -0.03], [4, 8, 2, 1, 0.03])}
    named = curve_fit_batch(NAME, x, y, start, **more)
    given = curve_fit_batch(
        lambda x, p: by_the_core(x, p)[0],
        *(x, y, start),
        jac=lambda x, p: by_the_core(x, p)[1],
        **more,
    )
    same(named, given)
    np.testing.assert_array_equal(named.active_mask, given.active_mask)
    assert named.active_mask.any()


def test_a_masked_fit_is_the_fit_of_the_other_points(rng, isa):
    t, y, start = peaks(rng, 9)
    mask = np.zeros(len(t), bool)
    mask[[0, 3, 17, 29]] = True
    y[:, mask] = np.nan
    found = curve_fit_batch(NAME, t, y, start, mask=mask)
    same(found, curve_fit_batch(NAME, t[~mask], y[:, ~mask], start))
    same(found, curve_fit_batch(NAME, t, np.ma.masked_array(y, np.isnan(y)), start))
    np.testing.assert_array_equal(found.dof, 26 - 5)


def test_bounds_as_scipy(rng):
    t, y, start = peaks(rng, 8)
    lower, upper = np.array([0, 4.5, 0.6, -0.2, -0.02]), np.array([3, 5.5, 1.1, 0.3, 0.03])
    found = curve_fit_batch(NAME, t, y, start, bounds=Bounds(lower, upper))
    assert found.success.all()
    assert (lower <= found.x).all()
    assert (found.x <= upper).all()
    assert found.active_mask.any(axis=1).all()
    assert found.optimality.max() < 1e-5
    for k in range(len(y)):
        other = least_squares(
            lambda p, k=k: peak(t, *p) - y[k],
            np.clip(start[k], lower + 1e-3, upper - 1e-3),
            bounds=(lower, upper),
            **{"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15},
        )
        np.testing.assert_allclose(found.cost[k], other.cost, rtol=1e-9)
        np.testing.assert_allclose(found.x[k], other.x, rtol=1e-4, atol=1e-5)
    held = found.active_mask != 0
    np.testing.assert_array_equal(np.isnan(found.stderr), held)
    np.testing.assert_array_equal(found.rank, 5 - held.sum(axis=1))


def test_stderr_beside_a_bound_is_that_of_the_other_parameters_alone(rng):
    t, y, start = peaks(rng, 1)
    found = curve_fit_batch(NAME, t, y, start, bounds=([-9] * 5, [9, 9, 0.5, 9, 9]))
    assert found.active_mask.tolist() == [[0, 0, 1, 0, 0]]
    _, covariance = curve_fit(
        lambda x, a, c, b, d: peak(x, a, c, 0.5, b, d), t, y[0], found.x[0, [0, 1, 3, 4]]
    )
    free = [0, 1, 3, 4]
    np.testing.assert_allclose(found.stderr[0, free], np.sqrt(np.diag(covariance)), rtol=1e-4)


@pytest.mark.parametrize("given", [True, False])
def test_every_point_is_inside(rng, given):
    t, y, start = peaks(rng, 40)
    lower, upper = np.full(5, -0.1) / 3, np.array([2.9, 5.1, 0.7, 0.1, 0.01]) / 3

    def values(x, p):
        assert (lower <= p).all()
        assert (p <= upper).all()
        return by_the_core(x, p)[0]

    def jac(x, p):
        values(x, p)
        return by_the_core(x, p)[1]

    start[:, 4] = 1.0
    found = curve_fit_batch(values, t, y, start, bounds=(lower, upper), jac=jac if given else None)
    assert (found.status >= 0).all()


def test_fixed_parameters_stay(rng):
    t, y, start = peaks(rng, 6)
    lower, upper = np.full((6, 5), -np.inf), np.full((6, 5), np.inf)
    lower[:, 3] = upper[:, 3] = np.arange(6) / 10
    found = curve_fit_batch(NAME, t, y, start, bounds=(lower, upper))
    assert found.success.all()
    np.testing.assert_array_equal(found.x[:, 3], lower[:, 3])
    assert np.isfinite(found.stderr[:, [0, 1, 2, 4]]).all()


def test_differences_as_derivatives(rng):
    t, y, start = peaks(rng, 7)
    found = curve_fit_batch(lambda x, p: peak(x, *(c[:, None] for c in p.T)), t, y, start)
    exact = curve_fit_batch(NAME, t, y, start)
    assert found.success.all()
    np.testing.assert_allclose(found.x, exact.x, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found.stderr, exact.stderr, rtol=1e-5)


def test_small_parameters_by_differences():
    """Steps are relative to each parameter: an absolute one would be as large as the rate."""
    x = np.linspace(0, 1e7, 40)
    y = np.array([[3.0], [5.0]]) * np.exp(-np.array([[2e-7], [4e-7]]) * x)
    found = curve_fit_batch(
        lambda x, p: p[:, :1] * np.exp(-p[:, 1:] * x), x, y, np.array([1.0, 1e-7])
    )
    np.testing.assert_allclose(found.x, [[3, 2e-7], [5, 4e-7]], rtol=1e-8)


PARAMETERS = {
    "gaussian": [3.0, 4.0, 0.8],
    "gaussian_2d": [3.0, 4.0, 5.0, 0.8, 1.2],
    "lorentzian": [3.0, 4.0, 0.8],
    "voigt": [3.0, 4.0, 0.8, 0.4],
    "exponential": [3.0, 0.5],
    "biexponential": [3.0, 2.0, 2.0, 0.3],
    "sigmoid": [3.0, 4.0, 0.8],
    "power": [3.0, -0.7],
}


DECAYS = ("exponential", "biexponential", "power")  # hard to tell from a slope
GUESSES = [
    (name, more)
    for name in TWINS
    for more in ("", "+offset", "+offset+slope")
    if name not in DECAYS or "slope" not in more
]


@pytest.mark.parametrize(("name", "more"), GUESSES)
def test_guesses_lead_to_the_parameters(name, more, rng):
    own = np.array(PARAMETERS[name]) * rng.uniform(0.9, 1.1, (20, len(PARAMETERS[name])))
    if name not in DECAYS:
        own[::2, 0] *= -1
    x = np.linspace(0.1, 10, 60)
    slopes = 1
    if name == "gaussian_2d":
        x, slopes = np.stack(np.meshgrid(np.arange(0.0, 9), np.arange(0.0, 10))).reshape(2, -1), 2
    line = [0.7] * ("offset" in more) + [0.05] * slopes * ("slope" in more)
    p = np.column_stack([own, np.tile(line, (20, 1))]) if line else own
    model = _core.Model(name, "offset" in more, "slope" in more)
    y = model.evaluate(x, p)[0]
    found = curve_fit_batch(name + more, x, y)
    assert found.success.all()
    got = found.x
    if name == "biexponential":
        got[got[:, 1] < got[:, 3]] = got[got[:, 1] < got[:, 3]][
            :, [2, 3, 0, 1, *range(4, p.shape[1])]
        ]
    np.testing.assert_allclose(got, p, rtol=1e-6, atol=1e-7)


def test_one_bad_fit_spoils_no_other(rng, isa):
    t, y, start = peaks(rng, 20)
    alone = curve_fit_batch(NAME, t, y, start)
    y[3, 7] = np.nan
    y[8, 7] = np.inf
    found = curve_fit_batch(NAME, t, y, start)
    assert found.status[[3, 8]].tolist() == [3, 3]
    assert "not finite" in found.message[3]
    np.testing.assert_array_equal(found.x[[3, 8]], start[[3, 8]])
    assert np.isnan(found.cost[3])
    good = [k for k in range(20) if k not in (3, 8)]
    for field in FIELDS:
        np.testing.assert_array_equal(found[field][good], alone[field][good])


def test_flat_data_are_told():
    found = curve_fit_batch("gaussian+offset", T, np.ones((3, 30)))
    assert found.success.all()
    np.testing.assert_allclose(found.cost, 0, atol=1e-20)
    assert (found.rank < 4).all()
    assert np.isinf(found.stderr).any(axis=1).all()


def test_fewer_points_than_parameters_are_told():
    y = np.exp(-np.arange(2.0))[None]
    found = curve_fit_batch("exponential+offset", np.arange(2.0), y, [0.8, 0.9, 0.1])
    assert found.success.all()
    assert found.rank.tolist() == [2]
    assert np.isinf(found.stderr).all()
    nothing = curve_fit_batch("exponential", T, np.ones((1, 30)), [1, 1], mask=np.ones(30, bool))
    assert nothing.status.tolist() == [3]


def test_maxfun_counts_for_each(rng):
    t, y, start = peaks(rng, 5)
    found = curve_fit_batch(NAME, t, y, start, maxfun=3)
    assert found.status.tolist() == [1] * 5
    assert found.nfev.tolist() == [3] * 5
    assert (found.cost < curve_fit_batch(NAME, t, y, start, maxfun=1).cost).all()


def test_a_wrong_jacobian_is_no_success(rng):
    t, y, start = peaks(rng, 5)
    found = curve_fit_batch(
        lambda x, p: by_the_core(x, p)[0], t, y, start, jac=lambda x, p: -by_the_core(x, p)[1]
    )
    assert found.status.tolist() == [2] * 5


def test_least_squares_batch_calls_for_those_that_run(rng):
    t, y, start = peaks(rng, 30)
    seen = []

    def fun(points, index, scale):
        seen.append(len(index))
        values, jacobians = by_the_core(t, points)
        points[:] = np.nan  # they are ours
        return scale * (values - y[index]), scale * jacobians

    found = least_squares_batch(fun, start, args=(2.0,))
    assert seen[0] == 30
    assert min(seen) < 30
    named = curve_fit_batch(NAME, t, y, start)
    np.testing.assert_allclose(found.x, named.x, rtol=1e-6)
    np.testing.assert_allclose(found.stderr, named.stderr, rtol=1e-6)
    np.testing.assert_allclose(found.cost, 4 * named.cost)


def test_points_that_are_not_finite_are_backed_out_of():
    def fun(p, index):
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(p) - np.log([0.01, 3.0]), (1 / p)[:, :, None] * np.eye(2)

    found = least_squares_batch(fun, np.array([[1.0, 1.0], [5.0, 5.0]]))
    assert found.success.all()
    np.testing.assert_allclose(found.x, [[0.01, 3.0]] * 2, rtol=1e-9)


def test_sixteen_parameters(rng):
    a = rng.normal(size=(4, 40, 16))
    b = rng.normal(size=(4, 40))
    found = least_squares_batch(
        lambda x, index: (np.einsum("kmn,kn->km", a[index], x) - b[index], a[index]),
        np.zeros((4, 16)),
    )
    for k in range(4):
        np.testing.assert_allclose(found.x[k], np.linalg.lstsq(a[k], b[k])[0], rtol=1e-9)
        squares = np.linalg.inv(a[k].T @ a[k]) * 2 * found.cost[k] / 24
        np.testing.assert_allclose(found.covariance[k], squares, rtol=1e-8)


def test_float32_and_integers_are_taken(rng):
    t, y, start = peaks(rng, 3)
    narrow = y.astype(np.float32)
    found = curve_fit_batch(NAME, t.astype(np.float32), narrow, start.astype(np.float32))
    wide = [a.astype(np.float32).astype(float) for a in (t, y, start)]
    same(found, curve_fit_batch(NAME, *wide))


def test_no_fits():
    found = curve_fit_batch("exponential", T, np.ones((0, 30)), [1, 1])
    assert found.x.shape == (0, 2)
    assert found.stderr.shape == (0, 2)


@pytest.mark.parametrize("name", [NAME, "function", "residuals"])
def test_progress_counts_the_fits(rng, name):
    """In one order, to the end, and without a change of the results."""
    t, y, start = peaks(rng, 600)
    told = []

    def fit(**more):
        if name == "residuals":
            return least_squares_batch(
                lambda x, index: (by_the_core(t, x)[0] - y[index], by_the_core(t, x)[1]),
                start,
                **more,
            )
        if name == "function":
            jac = lambda x, p: by_the_core(x, p)[1]  # noqa: E731
            return curve_fit_batch(lambda x, p: by_the_core(x, p)[0], t, y, start, jac=jac, **more)
        return curve_fit_batch(name, t, y, start, **more)

    found = fit(progress=lambda *words: told.append(words))
    same(found, fit())
    done = [words[1] for words in told]
    assert done == sorted(set(done))
    assert done[-1] == 600
    assert {(what, total) for what, _, total in told} == {
        (NAME if name == NAME else "<lambda>", 600)
    }
    assert len(done) > 1 or name == NAME


def test_what_progress_raises_ends_the_call(rng):
    t, y, start = peaks(rng, 3)

    def impatient(name, done, total):
        raise StopIteration

    for f in (NAME, lambda x, p: by_the_core(x, p)[0]):
        with pytest.raises(StopIteration):
            curve_fit_batch(f, t, y, start, progress=impatient)
    with pytest.raises(TypeError, match="progress is 3; a function or None is wanted"):
        curve_fit_batch(NAME, t, y, start, progress=3)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_signals_are_looked_at_between_fits_of_a_model(rng, threads):
    """A timer's handler, in Python, runs only when it is asked for."""
    threads(1)
    m, count = 1 << 14, 6 * 64  # six looks
    x = np.linspace(0, 1, m)
    rows = np.broadcast_to(np.exp(-x), (count, m)).copy()
    starts, limit = np.full((count, 2), 0.9), np.full((1, 2), np.inf)
    model, calls = _core.Model("exponential", False, False), []

    def fit():
        model.fit(x, rows, starts, None, None, -limit, limit, 1e-8, 100.0, None)

    def stop(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, lambda *_: calls.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)
        fit()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert len(calls) > 3
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, 1e-3)
        with pytest.raises(KeyboardInterrupt):
            fit()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_results_are_copied_and_pickled(rng):
    t, y, start = peaks(rng, 4)
    named = curve_fit_batch(NAME, t, y, start)
    own = curve_fit_batch(lambda x, p: by_the_core(x, p)[0], t, y, start)
    for found in (named, own):
        for again in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found), copy.copy(found)):
            assert type(again) is type(found)
            assert list(again) == list(found)
            same(again, found)
            assert again.message == found.message
            assert repr(again) == repr(found)


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e-120, 1e120, 1e160, 1e300])
def test_data_of_any_size_warn_of_nothing(rng, size):
    """Where their squares are out of range, the status says so."""
    t, y, start = peaks(rng, 3)
    scale = np.array([size, 1, 1, size, size])
    found = curve_fit_batch(NAME, t, y * size, start * scale)
    plain = curve_fit_batch(NAME, t, y, start)
    if 1e-130 < size < 1e150:
        assert found.success.all()
        np.testing.assert_allclose(found.x, plain.x * scale, rtol=1e-6)
        np.testing.assert_allclose(found.stderr, plain.stderr * scale, rtol=1e-4)
    else:
        assert (found.status == 3).all()
        assert "squares are not finite or out of range" in found.message[0]
        assert not np.isfinite(found.stderr).any()
    curve_fit_batch(NAME, t, y * size)
    curve_fit_batch(lambda x, p: by_the_core(x, p)[0], t, y * size, start * scale)


def test_what_holds_parameters_is_told(rng):
    """The mask and the projected gradient, from their definitions."""
    t, y, start = peaks(rng, 40)
    lower, upper = np.array([0, 4, 0.6, -0.2, 0.0]), np.array([3, 6, 1.2, 0.3, 0.0])
    found = curve_fit_batch(NAME, t, y, start, bounds=(lower, upper))
    x, grad = found.x, found.grad
    at = np.where((x == lower) & (grad > 0), -1, np.where((x == upper) & (grad < 0), 1, 0))
    at[:, 4] = np.where(grad[:, 4] < 0, 1, -1)
    np.testing.assert_array_equal(found.active_mask, at)
    assert set(at.ravel().tolist()) == {-1, 0, 1}
    projected = x - np.clip(x - grad, lower, upper)
    np.testing.assert_allclose(found.optimality, np.abs(projected).max(axis=1), atol=1e-12)


Y = np.ones((2, 30))


@pytest.mark.parametrize(
    ("arguments", "more", "error", "message"),
    [
        (("gausian", T, Y), {}, ValueError, r"f is 'gausian'; .* did you mean 'gaussian'\?"),
        (("gaussian+ofset", T, Y), {}, ValueError, r"not 'ofset'; did you mean 'offset'\?"),
        (("gaussian+offset+offset", T, Y), {}, ValueError, "'offset' is wanted once"),
        ((3, T, Y), {}, TypeError, "f is of type int; a function or"),
        ((lambda x, p: x, T, Y), {}, ValueError, "P0 is None"),
        (("gaussian", T[:-1], Y), {}, ValueError, r"xdata has shape \(29,\); \(30,\) or \(2, 30\)"),
        (("gaussian", T, T), {}, ValueError, r"Y has shape \(30,\)"),
        (("gaussian", T, Y, [1, 1]), {}, ValueError, "P0 has 2 parameters; 3 are wanted"),
        (("gaussian", T, Y, np.ones((3, 3))), {}, ValueError, r"P0 has shape \(3, 3\)"),
        (("gaussian", T, Y, [1, np.nan, 1]), {}, ValueError, r"P0\[0, 1\] is nan"),
        (("gaussian", T, Y), {"sigma": np.zeros(30)}, ValueError, r"sigma\[0\] is 0.0"),
        (("gaussian", T, Y), {"sigma": [1, 2]}, ValueError, r"sigma has shape \(2,\)"),
        (("gaussian", T, Y), {"bounds": (1, 0)}, ValueError, "lower and upper are 1.0 and 0.0 for"),
        (
            ("gaussian", T, Y),
            {"bounds": (np.nan, 0)},
            ValueError,
            "lower and upper are nan and 0.0",
        ),
        (
            ("gaussian", T, Y),
            {"bounds": ([0, 0], 1)},
            ValueError,
            r"bounds: lower has shape \(2,\)",
        ),
        (("gaussian", T, Y), {"bounds": 3}, TypeError, "bounds is of type int"),
        (("gaussian", T, Y), {"mask": np.zeros(30)}, TypeError, "mask has dtype float64"),
        (("gaussian", T, Y), {"mask": np.zeros(3, bool)}, ValueError, r"mask has shape \(3,\)"),
        (("gaussian", T, Y), {"jac": abs}, ValueError, "jac is given beside a model by name"),
        (("gaussian", T, Y), {"tol": -1}, ValueError, "tol is -1"),
        (("gaussian", T, Y), {"maxfun": 0}, ValueError, "maxfun is 0"),
        ((lambda x, p: x, T, Y, [1]), {}, ValueError, r"f has shape \(30,\); \(2, 30\) is wanted"),
    ],
)
def test_bad_input(arguments, more, error, message):
    with pytest.raises(error, match=message):
        curve_fit_batch(*arguments, **more)


def test_bad_input_of_least_squares():
    def fun(x, index):
        return np.ones((len(x), 3)), np.ones((len(x), 2, 2))

    with pytest.raises(ValueError, match=r"J has shape \(1, 2, 2\); \(1, 3, 2\) is wanted"):
        least_squares_batch(fun, np.ones((1, 2)))
    with pytest.raises(TypeError, match=r"\(residuals, Jacobians\) is wanted"):
        least_squares_batch(lambda x, index: x, np.ones((1, 2)))
    with pytest.raises(ValueError, match="17 parameters; 16 at most are wanted"):
        least_squares_batch(fun, np.ones((1, 17)))
