"""Functions over parts of data on ranks: the bits of one rank, and errors that all ranks have."""

from __future__ import annotations

import math

import numpy as np
import pytest
import schuss
from schuss.distributed import factored, stacked, summed

from tests.ranks import fits
from tests.ranks.threads import on_ranks, outcomes

RANKS = (1, 2, 3, 4, 8)
VALUES = np.random.default_rng(0).standard_normal((8, 3)) * np.geomspace(1, 100, 8)[:, None]


def equal(found, wanted):
    """Whether all fields of results are the same, bit for bit."""
    assert list(found) == list(wanted)
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


def messages(ranks, function, kind):
    """What the error says, of one kind, that all ranks have."""
    found = outcomes(ranks, function)
    assert [type(error) for error in found] == [kind] * ranks, found
    [text] = {str(error) for error in found}
    return text


# -- sums ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranks", RANKS)
def test_sum_is_a_binary_tree_over_the_parts(ranks):
    a = VALUES
    wanted = ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]))
    assert not np.array_equal(wanted, np.add.accumulate(a)[-1])  # the order is seen
    found = on_ranks(ranks, lambda comm: summed(lambda x, part: x * a[part], comm)(np.ones(3)))
    for own in found:
        np.testing.assert_array_equal(own, wanted)


@pytest.mark.parametrize("parts", [1, 3, 5, 6, 7, 11])
def test_any_number_of_parts(parts):
    a = np.resize(VALUES, (parts, 3)) * (1 + np.arange(parts)[:, None])
    found = [
        on_ranks(ranks, lambda comm: summed(lambda x, part: a[part], comm, parts)(np.ones(1)))
        for ranks in range(1, parts + 1)
    ]
    for same in found:
        for own in same:
            np.testing.assert_array_equal(own, found[0][0])
    np.testing.assert_allclose(found[0][0], a.sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("ranks", RANKS)
def test_whatever_fun_returns(ranks):
    def returned(x, part):
        return part, {"w": np.full((2, 2), part, np.float32), "b": [1, np.float64(part)]}

    for f, tree in on_ranks(ranks, lambda comm: summed(returned, comm)(0.0)):
        assert (f, type(f)) == (28.0, float)
        np.testing.assert_array_equal(tree["w"], np.full((2, 2), 28.0))
        assert tree["b"] == [8.0, 28.0]


def test_further_arguments_come_before_the_part():
    def weighted(x, scale, part, *, power):
        return scale * part**power + x

    [found] = on_ranks(1, lambda comm: summed(weighted, comm, parts=3)(1.0, 10.0, power=2))
    assert found == 53.0


def test_one_exchange_of_numbers_an_evaluation():
    """An agreement, and the sum: parts to their owners and back."""

    def calls(comm):
        f, seen, exchange = summed(fits.logistic, comm), [], comm.exchange
        comm.exchange = lambda name, array: seen.append(name) or exchange(name, array)
        f(np.zeros(fits.N))
        return seen

    for ranks in RANKS:
        assert on_ranks(ranks, calls) == [["allgather", "alltoall", "allgather"]] * ranks


@pytest.mark.parametrize("method", fits.METHODS)
def test_minima_have_the_bits_of_one_rank(method):
    [wanted] = on_ranks(1, lambda comm: fits.minimized(method, comm))
    assert wanted.success
    for ranks in RANKS[1:]:
        for found in on_ranks(ranks, lambda comm: fits.minimized(method, comm)):
            equal(found, wanted)


def test_solvers_that_ask():
    def run(comm):
        f, hess = summed(fits.logistic, comm), summed(fits.hessian, comm)
        solver = schuss.Newton(np.zeros(fits.N))
        while not solver.done:
            x = solver.ask()
            if solver.request == "hessian":
                solver.tell_hessian(hess(x))
            else:
                solver.tell(*f(x))
        return solver.result()

    [wanted] = on_ranks(1, run)
    assert wanted.success
    for found in on_ranks(3, run):
        equal(found, wanted)


def test_derivatives_by_differences():
    def run(comm):
        f = summed(lambda x, part: fits.logistic(x, part)[0], comm)
        return schuss.minimize(f, np.zeros(fits.N), jac="3-point")

    [wanted] = on_ranks(1, run)
    assert wanted.success
    for found in on_ranks(2, run):
        equal(found, wanted)


def test_many_problems_over_parts():
    """Sums of what a batch of problems returns."""
    shifts = np.random.default_rng(1).standard_normal((8, 6, 2))

    def distances(points, index, part):
        d = points - shifts[part][index]
        return (d * d).sum(axis=1), 2 * d

    def run(comm):
        return schuss.minimize_batch(summed(distances, comm), np.zeros((6, 2)))

    for found in on_ranks(3, run):
        assert found.success.all()
        np.testing.assert_allclose(found.x, shifts.mean(axis=0), atol=1e-9)


@pytest.mark.parametrize("ranks", RANKS)
def test_a_function_that_is_not_defined_somewhere(ranks):
    """A part may return None for the gradient there, and the run backs out on all ranks."""

    def barrier(x, part):
        if part != 5:
            return x[0], np.ones(1)
        return (x[0] - math.log(x[0]), 1 - 1 / x) if x[0] > 0 else (math.inf, None)

    def run(comm):
        f = summed(barrier, comm)
        value, gradient = f(np.array([-1.0]))
        assert math.isnan(value)
        assert gradient is None
        return schuss.minimize(f, [3.0], jac=True)

    for found in on_ranks(ranks, run):
        assert found.success
        np.testing.assert_allclose(found.x, 1 / 8, rtol=1e-5)


def test_tensors():
    torch = pytest.importorskip("torch")

    def loss(w, part):
        w = w.requires_grad_()
        f = ((w - part) ** 2).sum()
        return f, torch.autograd.grad(f, w)[0]

    def run(comm):
        start = {"w": torch.zeros(2, dtype=torch.float64)}
        f = summed(lambda p, part: (lambda f, g: (f, {"w": g}))(*loss(p["w"], part)), comm)
        batch = schuss.minimize_batch(
            lambda points, index: (((points - 1) ** 2).sum(1), 2 * (points - 1)),
            torch.zeros((5, 2)),
            comm=comm,
        )
        return schuss.minimize(f, start, jac=True).x["w"], batch.x

    for w, x in on_ranks(2, run):
        assert torch.allclose(w, torch.full((2,), 3.5, dtype=torch.float64))
        assert torch.equal(x, torch.ones((5, 2)))


def test_values_beyond_the_range():
    def huge(x, part):
        return [1e308, -math.inf if part == 3 else math.inf][part % 2]

    for found in on_ranks(2, lambda comm: summed(huge, comm)(0.0)):
        assert math.isnan(found)


# -- rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"loss": "soft_l1", "f_scale": 0.02}])
def test_least_squares_are_those_of_one_process(settings):
    def whole(p):
        parts = [fits.decay(p, part) for part in range(fits.PARTS)]
        return tuple(np.concatenate(rows) for rows in zip(*parts, strict=True))

    wanted = schuss.least_squares(whole, [1.0, 1.0, 0.0], jac=True, **settings)
    assert wanted.success
    assert wanted.dof == sum(fits.LENGTHS) - 3
    for ranks in RANKS:
        for found in on_ranks(ranks, lambda comm: fits.fitted(comm, **settings)):
            equal(found, wanted)


def test_residuals_and_jacobians_apart():
    def run(comm):
        r = stacked(lambda p, part: fits.decay(p, part)[0], comm)
        jacobian = stacked(lambda p, part: fits.decay(p, part)[1], comm)
        return schuss.least_squares(r, [1.0, 1.0, 0.0], jacobian)

    [wanted] = on_ranks(1, fits.fitted)
    for found in on_ranks(3, run):
        np.testing.assert_array_equal(found.x, wanted.x)
        assert (found.nfev, found.njev) == (wanted.nfev, wanted.njev)


@pytest.mark.parametrize("ranks", RANKS)
def test_rows_of_any_number_and_shape(ranks):
    def rows(x, part):
        return {"r": np.full((part % 3, 2), part), "j": np.full(1, part, np.int64)}

    for found in on_ranks(ranks, lambda comm: stacked(rows, comm)(0.0)):
        assert found["r"].tolist() == [[p, p] for p in range(8) for _ in range(p % 3)]
        assert found["j"].tolist() == list(range(8))


def test_rows_may_lie_in_one_buffer():
    def stack(comm):
        buffer = np.zeros(2)

        def fun(x, part):
            buffer[:] = part
            return buffer

        return stacked(fun, comm)(np.ones(1)).tolist()

    assert on_ranks(2, stack) == [[float(k // 2) for k in range(16)]] * 2


def test_factored_rows_stand_for_all():
    """The same cost, gradient, singular values and number of residuals; the same bits on ranks."""
    p = np.array([2.0, 0.7, 0.1])
    r, jacobian = (
        np.concatenate(rows) for rows in zip(*(fits.decay(p, k) for k in range(8)), strict=True)
    )
    [(few, triangles, m)] = on_ranks(1, lambda comm: factored(fits.decay, comm)(p))
    assert m == len(r) == sum(fits.LENGTHS)
    assert len(few) == sum(min(length, 4) for length in fits.LENGTHS)
    assert triangles.shape == (len(few), 3)
    np.testing.assert_allclose(few @ few, r @ r, rtol=1e-13)
    np.testing.assert_allclose(triangles.T @ few, jacobian.T @ r, rtol=1e-12)
    values = (np.linalg.svd(matrix, compute_uv=False) for matrix in (triangles, jacobian))
    np.testing.assert_allclose(*values, rtol=1e-13)
    for ranks in RANKS[1:]:
        for found in on_ranks(ranks, lambda comm: factored(fits.decay, comm)(p)):
            np.testing.assert_array_equal(found[0], few)
            np.testing.assert_array_equal(found[1], triangles)
            assert found[2] == m


def test_factored_fits_are_those_of_all_residuals():
    [wanted] = on_ranks(1, fits.fitted)
    found = on_ranks(3, lambda comm: fits.fitted(comm, factored))
    for own in found:
        equal(own, found[0])
        assert own.success
        assert (own.dof, own.rank, own.nfev) == (wanted.dof, wanted.rank, wanted.nfev)
        for name, rtol in (("x", 1e-9), ("cost", 1e-12), ("covariance", 1e-8), ("stderr", 1e-8)):
            np.testing.assert_allclose(own[name], wanted[name], rtol=rtol, err_msg=name)
        np.testing.assert_allclose(own.relative_offset, wanted.relative_offset, rtol=1e-3)


def test_factored_rows_are_few_however_many_the_data():
    def sizes(comm, m):
        rows, seen, exchange = np.ones((m, 3)), [], comm.exchange
        comm.exchange = lambda name, array: seen.append(array.size) or exchange(name, array)
        factored(lambda x, part: (rows[:, 0], rows), comm)(0.0)
        return seen

    few, many = (on_ranks(2, lambda comm, m=m: sizes(comm, m)) for m in (4, 4000))
    assert few == many
    # Of each rank its rows, how many data each of its parts has, and how many rows three leaves.
    assert max(many[0]) == 2 * (4 * 4 * 4 + 4 + 3)


def test_factored_structures():
    """Of a Jacobian in the structure of x, and residuals that are not defined at a point."""

    def decay(p, part):
        r, jacobian = fits.decay(np.array([p["a"][0], p["b"][0, 0], p["b"][0, 1]]), part)
        if p["b"][0, 0] > 5:
            r[:1] = math.nan
        return r, {"a": jacobian[:, :1], "b": jacobian[:, None, 1:]}

    start = {"a": np.ones(1), "b": np.array([[1.0, 0.0]])}

    def run(comm):
        return schuss.least_squares(factored(decay, comm), start, jac=True)

    [wanted] = on_ranks(1, lambda comm: fits.fitted(comm, factored))
    for found in on_ranks(2, run):
        np.testing.assert_array_equal(found.x["a"], wanted.x[:1])
        np.testing.assert_array_equal(found.x["b"], [wanted.x[1:]])
    away = {"a": np.ones(1), "b": np.array([[6.0, 0.0]])}
    for r, _, _ in on_ranks(2, lambda comm: factored(decay, comm)(away)):
        assert np.isnan(r @ r)


@pytest.mark.parametrize(
    ("returned", "kind", "text"),
    [
        (np.ones(3), TypeError, "fun returned an object of type ndarray; a pair (residuals, Jac"),
        ((np.ones(3), np.ones((4, 2))), ValueError, "fun returned 3 residuals, and a Jacobian of"),
    ],
)
def test_what_cannot_be_factored(returned, kind, text):
    found = messages(2, lambda comm: factored(lambda x, part: returned, comm)(0.0), kind)
    assert found.startswith(f"rank 0: {text}")


def test_undefined_pairs():
    def check(comm):
        with pytest.raises(TypeError, match="fun returned None"):
            factored(lambda x, part: (np.full(2, np.nan), None), comm)(np.ones(1))
        value = summed(lambda x, part: {"f": np.nan, "g": None}, comm)(np.ones(1))
        assert list(value) == ["f", "g"]
        assert np.isnan(value["f"])
        assert value["g"] is None
        with pytest.raises(ValueError, match="the CRC of x differs"):
            summed(lambda x, part: x.sum(), comm)(np.ones((2, 2) if comm.rank else 4))

    on_ranks(2, check)


def test_a_loss_needs_the_residuals_themselves():
    found = messages(2, lambda comm: fits.fitted(comm, factored, loss="huber"), ValueError)
    assert found.startswith("observations is 60, of 25 residuals, and the loss is not linear")


# -- errors, on all ranks --------------------------------------------------------------------------


@pytest.mark.parametrize("over", [summed, stacked])
def test_an_exception_on_one_rank(over):
    def fun(x, part):
        if part == 6:
            raise ArithmeticError("no such number")
        return np.ones(2)

    found = messages(4, lambda comm: over(fun, comm)(np.ones(3)), ArithmeticError)
    assert found == "rank 3: no such number"


def test_a_run_ends_on_all_ranks():
    assert messages(3, fits.interrupted, ArithmeticError) == "rank 2: no such number"


@pytest.mark.parametrize("over", [summed, stacked])
def test_another_x_on_one_rank(over):
    def run(comm):
        return over(lambda x, part: np.ones(3), comm)({"w": np.full(2, float(comm.rank > 1))})

    text = messages(4, run, ValueError)
    assert text.startswith("the CRC of x differs between ranks: ")
    assert text.endswith(" on ranks 2, 3; the same is wanted on all")


@pytest.mark.parametrize("over", [summed, stacked])
def test_other_parts_on_one_rank(over):
    def run(comm):
        return over(lambda x, part: np.ones(3), comm, parts=4 + comm.rank)(0.0)

    assert messages(2, run, ValueError) == (
        "parts differs between ranks: 4 on rank 0, 5 on rank 1; the same is wanted on all"
    )


@pytest.mark.parametrize(
    ("over", "ranks", "text"),
    [
        (summed, 2, "rank 1: fun(x, 7) returned the shapes (2,); (3,) are wanted, as of other"),
        (summed, 8, 'what fun returns differs between ranks: "(3,)" on ranks 0, 1, 2, 3, 4, 5, 6'),
        (stacked, 2, "rank 1: fun(x, 7) returned the shapes (Ellipsis, 2); (Ellipsis, 3) are want"),
        (stacked, 8, 'what fun returns differs between ranks: "(Ellipsis, 3)" on ranks 0, 1, 2,'),
    ],
)
def test_other_shapes_of_one_part(over, ranks, text):
    def fun(x, part):
        size = 2 if part == 7 else 3
        return np.ones(size) if over is summed else np.ones((4, size))

    assert messages(ranks, lambda comm: over(fun, comm)(0.0), ValueError).startswith(text)


@pytest.mark.parametrize(
    ("over", "returned", "kind", "text"),
    [
        (summed, "1.5", TypeError, "fun(x, 0) returned dtype <U3; real numbers are wanted"),
        (summed, 1j, TypeError, "fun(x, 0) returned dtype complex128; real numbers are wanted"),
        (summed, (), TypeError, "fun(x, 0) returned (); at least one number is wanted"),
        (summed, (1.0, None), TypeError, "fun(x, 0) returned None beside a finite number; numbe"),
        (stacked, None, TypeError, "fun returned None; residuals, and Jacobians, are wanted"),
        (stacked, 1.0, ValueError, "fun returned 1.0; an array with a row for each datum is wan"),
    ],
)
def test_what_cannot_be_summed(over, returned, kind, text):
    found = messages(2, lambda comm: over(lambda x, part: returned, comm)(0.0), kind)
    assert found.startswith(f"rank 0: {text}")


def test_x_is_to_be_read():
    def fun(x, part):
        x += 1
        return 1.0

    found = messages(2, lambda comm: summed(fun, comm)(np.ones(2)), ValueError)
    assert found.startswith("rank 0: fun has written into x")


@pytest.mark.parametrize("over", [summed, stacked, factored])
def test_arguments(over):
    def fun(x, part):
        return 1.0

    for bad, kind, text in (
        (lambda comm: over(3, comm), TypeError, "fun is 3; a function is wanted"),
        (lambda comm: over(fun, comm, parts=1), ValueError, "parts is 1; at least 2, one for each"),
        (lambda comm: over(fun, comm, parts=2.5), ValueError, "parts is 2.5; a whole number"),
        (lambda comm: over(fun, None), TypeError, "comm is None; a communicator of mpi4py"),
    ):
        assert messages(2, bad, kind).startswith(text)
    name = over.__name__
    assert on_ranks(2, lambda comm: repr(over(fun, comm)))[1].startswith(f"{name}(<function ")
    assert on_ranks(2, lambda comm: repr(over(fun, comm)))[1].endswith(", rank 1 of 2, parts=8)")


# -- shares of batches -----------------------------------------------------------------------------


RNG = np.random.default_rng(5)
COUNT = 11
LIMITS = np.sort(RNG.standard_normal((2, COUNT, 2)), axis=0)
TIMES = np.linspace(0, 4, 20)
DATA = RNG.uniform(2, 3, (COUNT, 1)) * np.exp(-RNG.uniform(0.5, 1, (COUNT, 1)) * TIMES)
DATA += 0.01 * RNG.standard_normal(DATA.shape)
OWN_TIMES = TIMES * np.linspace(1, 2, COUNT)[:, None]
OWN_DATA = 2 * np.exp(-OWN_TIMES / 2) + 0.01 * RNG.standard_normal(DATA.shape)
MISSING = RNG.random(DATA.shape) < 0.1
SIGMA = RNG.uniform(0.5, 1.5, DATA.shape)


class Sides:
    lb, ub = LIMITS


def quartics(points, index):
    d = points - np.stack([index, index**2], axis=1)
    return (d**4 + d * d).sum(axis=1), 4 * d**3 + 2 * d


def with_hessians(points, index):
    d = points - np.stack([index, index**2], axis=1)
    return *quartics(points, index), (12 * d * d + 2)[:, :, None] * np.eye(2)


def decays(x, p):
    return p[:, :1] * np.exp(-p[:, 1:] * x)


def decays_from_data(points, index):
    e = np.exp(-points[:, 1:] * TIMES)
    return points[:, :1] * e - DATA[index], np.stack([e, -points[:, :1] * TIMES * e], axis=2)


PLANE = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0))).reshape(2, 20)
HILLS = 3 * np.exp(-((PLANE[0] - 2) ** 2 + (PLANE[1] - 2) ** 2) / 2) * RNG.uniform(1, 2, (2, 1))
BATCHES = {
    "lbfgs": lambda comm: schuss.minimize_batch(quartics, np.ones((COUNT, 2)), comm=comm),
    "bounds": lambda comm: schuss.minimize_batch(
        quartics, np.zeros((COUNT, 2)), bounds=Sides, comm=comm
    ),
    "newton": lambda comm: schuss.minimize_batch(
        with_hessians, np.zeros((COUNT, 2)), method="newton", comm=comm
    ),
    "few": lambda comm: schuss.minimize_batch(quartics, np.ones((3, 2), np.float32), comm=comm),
    "none": lambda comm: schuss.minimize_batch(quartics, np.ones((0, 2)), comm=comm),
    "least_squares": lambda comm: schuss.least_squares_batch(
        decays_from_data, np.ones((COUNT, 2)), bounds=(0.6, np.full((COUNT, 2), 2.4)), comm=comm
    ),
    "named": lambda comm: schuss.curve_fit_batch(
        "exponential+offset", TIMES, DATA, sigma=SIGMA, mask=MISSING, comm=comm
    ),
    "own_x": lambda comm: schuss.curve_fit_batch(
        "exponential", OWN_TIMES, OWN_DATA, np.ones((COUNT, 2)), comm=comm
    ),
    "function": lambda comm: schuss.curve_fit_batch(
        decays, OWN_TIMES, OWN_DATA, [1.0, 1.0], sigma=SIGMA, comm=comm
    ),
    "plane": lambda comm: schuss.curve_fit_batch("gaussian_2d", PLANE, HILLS, comm=comm),
    "planes": lambda comm: schuss.curve_fit_batch(
        "gaussian_2d", np.stack([PLANE, PLANE + 0.5], axis=1), HILLS, comm=comm
    ),
}


@pytest.mark.parametrize("name", BATCHES)
def test_batches_are_those_of_one_process(name):
    wanted = BATCHES[name](None)
    assert wanted.success.all()
    for ranks in RANKS:
        for found in on_ranks(ranks, BATCHES[name]):
            equal(found, wanted)


def test_each_rank_solves_its_share():
    seen = [set(), set(), set()]

    def run(comm):
        def fun(points, index):
            seen[comm.rank] |= set(index.tolist())
            return quartics(points, index)

        schuss.minimize_batch(fun, np.ones((COUNT, 2)), comm=comm)

    on_ranks(3, run)
    assert seen == [set(range(3)), set(range(3, 7)), set(range(7, 11))]


def test_an_exception_in_a_share():
    def fun(points, index):
        if 9 in index:
            raise ArithmeticError("no such number")
        return quartics(points, index)

    def run(comm):
        schuss.minimize_batch(fun, np.ones((COUNT, 2)), comm=comm)

    assert messages(3, run, ArithmeticError) == "rank 2: no such number"


def test_other_problems_on_one_rank():
    def run(comm):
        schuss.minimize_batch(quartics, np.ones((COUNT + comm.rank, 2)), comm=comm)

    assert messages(2, run, ValueError) == (
        "the number of problems differs between ranks: 11 on rank 0, 12 on rank 1; the same is "
        "wanted on all"
    )


def test_arguments_of_batches_are_those_of_all_problems():
    def run(comm):
        schuss.curve_fit_batch("exponential", TIMES, DATA, np.ones((COUNT - 1, 2)), comm=comm)

    assert messages(2, run, ValueError).startswith(
        "rank 0: P0 has shape (10, 2); (n,) or (11, n) is wanted"
    )
    with pytest.raises(TypeError, match="comm is 3; a communicator of mpi4py"):
        schuss.minimize_batch(quartics, np.ones((COUNT, 2)), comm=3)
