"""Cholesky and positive definite systems: exact answers, NumPy's answers, batches, threads."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from helpers import peak
from schuss.linalg import cholesky, solve_spd
from test_arrays import every_other, fortran, reversed_axes, unaligned

LAYOUTS = [fortran, every_other, reversed_axes, unaligned]
ORDERS = [*range(131), 191, 192, 193, 217, 385]


def positive(rng, *shape, dtype=np.float64):
    """Random, with condition numbers of a hundred or so."""
    n = shape[-1]
    factor = rng.standard_normal((*shape, n))
    return (factor @ np.swapaxes(factor, -1, -2) / max(n, 1) + 0.1 * np.eye(n)).astype(dtype)


def epsilon(dtype):
    return float(np.finfo(dtype).eps)


def wide(a):
    """With digits to spare; BLAS multiplies doubles."""
    return a.astype(np.float64 if a.dtype == np.float32 else np.longdouble)


@pytest.mark.parametrize("part", range(4))
def test_every_order(isa, dtype, part):
    rng = np.random.default_rng(part)
    for n in ORDERS[part::4]:
        a = positive(rng, n, dtype=dtype)
        b = rng.standard_normal(n).astype(dtype)
        lower, x = cholesky(a), solve_spd(a, b)
        assert lower.shape == a.shape
        assert lower.dtype == x.dtype == dtype
        assert (lower == np.tril(lower)).all()
        assert (np.diag(lower) > 0).all()
        if n == 0:
            continue
        # Higham 2002, theorem 10.3: |L L' - A| <= (n + 1) eps |L| |L'|, here with room to spare.
        product = wide(lower) @ wide(lower).T
        size = np.abs(lower).astype(np.float64)
        bound = (n + 4) * epsilon(dtype) * (size @ size.T)
        assert (np.abs(product - a) <= bound).all()
        room = 4 * (n + 4) * epsilon(dtype)
        length = np.abs(wide(a)) @ np.abs(wide(x)) + np.abs(b)
        assert (np.abs(wide(a) @ wide(x) - b) <= room * np.linalg.norm(length)).all()


@pytest.mark.parametrize("n", [1, 2, 5, 23, 24, 25, 40])
def test_powers_of_two_are_exact(isa, dtype, n):
    """L of small integers with powers of two on the diagonal: every operation is exact."""
    rng = np.random.default_rng(n)
    lower = np.tril(rng.integers(-3, 4, (n, n)), -1) + np.diag(2 ** rng.integers(0, 4, n))
    a = (lower @ lower.T).astype(dtype)
    assert (cholesky(a) == lower).all()
    x = rng.integers(-9, 10, n)
    if n <= 5:
        assert (solve_spd(a, (lower @ lower.T @ x).astype(dtype)) == x).all()


@pytest.mark.parametrize("n", [2, 5, 9, 12])
def test_hilbert(isa, n):
    hilbert = 1 / (np.arange(n)[:, None] + np.arange(n) + 1.0)
    x = solve_spd(hilbert, hilbert.sum(axis=1))
    residual = np.abs(wide(hilbert) @ wide(x) - hilbert.sum(axis=1))
    assert residual.max() <= 4 * n * epsilon(float) * np.abs(x).max()


def test_scaling_by_powers_of_four_changes_no_bits(isa, dtype):
    """D A D has D L for its factor, however much the diagonal grows and falls."""
    rng = np.random.default_rng(3)
    a = positive(rng, 70, dtype=dtype)
    scale = (2.0 ** rng.integers(-15, 16, 70)).astype(dtype)
    graded = scale[:, None] * a * scale
    assert (cholesky(graded) == scale[:, None] * cholesky(a)).all()


# Not positive definite.

BAD = {"zero": 0.0, "negative": -1.0, "nan": np.nan, "inf": np.inf}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("n", [1, 8, 33, 200, 400])
def test_the_leading_minor_is_named(isa, dtype, n, bad):
    for column in sorted({0, n // 2, n - 1, min(n - 1, 24), min(n - 1, 192)}):
        a = np.eye(n, dtype=dtype)
        a[column, column] = BAD[bad]
        given, b = a.copy(), np.ones(n, dtype)
        message = f"the leading minor of order {column + 1} is not positive"
        for overwrite in (False, True):
            with pytest.raises(np.linalg.LinAlgError, match=message):
                cholesky(a, overwrite=overwrite)
            with pytest.raises(np.linalg.LinAlgError, match=message):
                solve_spd(a, b, overwrite=overwrite)
        np.testing.assert_array_equal(a, given)
        assert (b == 1).all()


@pytest.mark.parametrize("n", [5, 40])
def test_the_matrix_of_a_batch_is_named(isa, n):
    a = np.broadcast_to(np.eye(n), (3, 7, n, n)).copy()
    a[1, 4, 3, 3] = a[2, 0, 0, 0] = -1
    given, b = a.copy(), np.ones((3, 7, n))
    with pytest.raises(np.linalg.LinAlgError, match=r"order 4 of matrix \(1, 4\) is"):
        cholesky(a, overwrite=True)
    with pytest.raises(np.linalg.LinAlgError, match="order 4 of matrix 4 is"):
        solve_spd(a[1], b[1], overwrite=True)
    assert (a == given).all()
    assert (b == 1).all()


def test_indefinite_with_a_positive_diagonal(isa):
    a = np.array([[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(np.linalg.LinAlgError, match="order 2"):
        cholesky(a)


# What is read and written.


@pytest.mark.parametrize("n", [3, 30, 100])
def test_only_the_lower_triangle_is_read(isa, dtype, n):
    rng = np.random.default_rng(n)
    a, b = positive(rng, n, dtype=dtype), np.ones(n, dtype)
    half = np.where(np.tri(n, dtype=bool), a, dtype(np.nan))
    for given in (half, np.asfortranarray(half)):
        assert (cholesky(given) == cholesky(a)).all()
        assert (solve_spd(given, b) == solve_spd(a, b)).all()


@pytest.mark.parametrize("shape", [(1,), (30,), (77,), (9, 6), (2, 3, 40), (3, 2, 20)])
def test_layouts_have_the_same_bits(isa, dtype, shape):
    rng = np.random.default_rng(5)
    a = positive(rng, *shape, dtype=dtype)
    b = rng.standard_normal(shape).astype(dtype)
    lower, x = cholesky(a), solve_spd(a, b)
    for layout in LAYOUTS:
        matrix, right = layout(a), layout(b)
        matrix.flags.writeable = right.flags.writeable = False
        assert (cholesky(matrix) == lower).all()
        assert (solve_spd(matrix, right) == x).all()
        assert (matrix == a).all()
        assert (right == b).all()


@pytest.mark.parametrize("n", [*range(1, 41), 60])
def test_a_batch_equals_one_by_one(isa, dtype, n):
    rng = np.random.default_rng(n)
    for count in (1, 2, 7, 17, 33):
        a = positive(rng, count, n, dtype=dtype)
        b = rng.standard_normal((count, n, 2)).astype(dtype)
        lower, x = cholesky(a), solve_spd(a, b)
        assert (solve_spd(a, b[..., 1]) == x[..., 1]).all()
        for k in range(count):
            assert (lower[k] == cholesky(a[k])).all()
            assert (x[k] == solve_spd(a[k], b[k])).all()


# Columns for which there are rows to spare in the factor travel through it, others do not.
@pytest.mark.parametrize("n", [*range(1, 50), 95, 96, 97, 200])
def test_columns_alone_and_among_many_have_the_same_bits(isa, dtype, n):
    rng = np.random.default_rng(n)
    a = positive(rng, n, dtype=dtype)
    b = rng.standard_normal((n, 60)).astype(dtype)
    b[: n // 2, ::3] = 0.0
    b[:, ::5] *= -0.0
    b[n // 2, 7] = np.inf
    with np.errstate(invalid="ignore"):
        x = solve_spd(a, b)
        for columns in (1, 2, 3, 8, 11, 12, 23, 47):
            part = solve_spd(a, b[:, :columns])
            assert part.tobytes() == np.ascontiguousarray(x[:, :columns]).tobytes()
        assert solve_spd(a, b[:, 7]).tobytes() == np.ascontiguousarray(x[:, 7]).tobytes()
    assert (solve_spd(np.eye(n, dtype=dtype), b[:, :1]) == b[:, :1]).all()


@pytest.mark.parametrize("shape", [(20,), (4, 6), (2, 3, 40)])
def test_overwrite(dtype, shape):
    rng = np.random.default_rng(7)
    a = positive(rng, *shape, dtype=dtype)
    b = rng.standard_normal((*shape, 3)).astype(dtype)
    lower, x = cholesky(a), solve_spd(a, b)
    for layout in LAYOUTS:
        matrix, right = layout(a), layout(b)
        assert solve_spd(matrix, right, overwrite=True) is right
        assert (right == x).all()
        assert (matrix == a).all()
        assert cholesky(matrix, overwrite=True) is matrix
        assert (matrix == lower).all()


def test_other_inputs():
    assert cholesky([[4, 2], [2, 10]]).tolist() == [[2, 0], [1, 3]]
    assert solve_spd(np.array([[True]]), [3]).tolist() == [3.0]
    assert cholesky(np.zeros((0, 3, 3))).shape == (0, 3, 3)
    assert solve_spd(np.zeros((0, 3, 3)), np.zeros((0, 3))).shape == (0, 3)
    assert solve_spd(np.eye(3), np.zeros((3, 0))).shape == (3, 0)
    for of_matrix, of_right in product((np.float32, np.float64), repeat=2):
        found = solve_spd(np.eye(3, dtype=of_matrix), np.ones(3, of_right))
        assert found.dtype == np.result_type(of_matrix, of_right)


@pytest.mark.parametrize("order", "<>")
def test_any_byte_order(dtype, order):
    rng = np.random.default_rng(8)
    a, b = positive(rng, 9, dtype=dtype), rng.standard_normal(9).astype(dtype)
    swapped, right = (array.astype(array.dtype.newbyteorder(order)) for array in (a, b))
    for found, wanted in (
        (cholesky(swapped), cholesky(a)),
        (solve_spd(swapped, right), solve_spd(a, b)),
    ):
        assert found.dtype == dtype
        assert (found == wanted).all()
    if swapped.dtype.isnative:
        assert cholesky(swapped, overwrite=True) is swapped


BAD_VALUES = [
    (lambda: cholesky(np.ones(3)), r"A has shape \(3,\)"),
    (lambda: cholesky(np.ones((3, 4))), r"A has shape \(3, 4\)"),
    (lambda: cholesky(np.eye(3, dtype=">f8"), overwrite=True), "A cannot be overwritten"),
    (lambda: solve_spd(np.eye(3), np.ones(4)), r"b has shape \(4,\)"),
    (lambda: solve_spd(np.eye(3), np.ones((3, 1, 1))), "b has shape"),
    (lambda: solve_spd(np.eye(3), 1.0), r"b has shape \(\)"),
    (lambda: cholesky([[1.0]], overwrite=True), "A cannot be overwritten"),
    (lambda: cholesky(np.broadcast_to(1.0, (1, 1)), overwrite=True), "A cannot be overwritten"),
    (
        lambda: solve_spd(np.eye(3), np.ones(3, np.float32), overwrite=True),
        "b cannot be overwritten; a writable array of float64",
    ),
]
BAD_TYPES = [
    (lambda: cholesky(np.eye(3, dtype=complex)), "A has dtype complex128"),
    (lambda: cholesky(np.eye(3, dtype=np.float16)), "A has dtype float16"),
    (lambda: cholesky(np.eye(3, dtype=">c16")), "A has dtype complex128"),
    (lambda: cholesky([["a"]]), "A has dtype"),
    (lambda: solve_spd(np.eye(3), np.ones(3) + 0j), "b has dtype complex128"),
]


@pytest.mark.parametrize(
    ("call", "message", "error"),
    [*((*row, ValueError) for row in BAD_VALUES), *((*row, TypeError) for row in BAD_TYPES)],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_overwriting_one_matrix_needs_no_second_one():
    a, b = np.eye(500), np.ones((500, 500))
    for call, least in ((lambda: cholesky(a, overwrite=True), a), (lambda: solve_spd(a, b), b)):
        assert (peak(call)[0] < least.nbytes / 2) == (least is a)
