"""The test problems: derivatives, published values, known solutions, and what SciPy finds."""

from __future__ import annotations

import dataclasses
import math
from decimal import Decimal

import numpy as np
import pytest

from problems import Problem, any_size, mgh, standard_problems
from problems.bounded import GAY, LARGE, SMALL, bounded_problems
from problems.problem import Bounded

STANDARD = {p.name: p for p in standard_problems()}
FUNCTIONS = [p for name, p in STANDARD.items() if " x1" not in name]  # each evaluate once
TWELVE = [make(12) for make in (*mgh.SIZES, *any_size.ANY_SIZE)]  # a size of them all
OWN = [make() for make in SMALL]  # those with bounds that are not among STANDARD
BOUNDED = {p.name: p for p in bounded_problems(50)}
PAPER = [p for p in mgh.more_garbow_hillstrom() if " x1" not in p.name]


def every(listed: list[Problem]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("problem", listed, ids=lambda p: p.name)


def near_start(problem: Problem) -> np.ndarray:
    """A fixed random point near the start, where nothing is zero or equal by symmetry."""
    rng = np.random.default_rng(5)
    size = 0.05 * (1 + np.abs(problem.start))
    return problem.start + size * rng.uniform(-1, 1, problem.n)


def difference(function, x: np.ndarray, direction: np.ndarray):
    """The derivative of fourth order from four points in real arithmetic."""
    at = [function(x + k * direction) for k in (-2, -1, 1, 2)]
    return (8 * (at[2] - at[1]) - (at[3] - at[0])) / 12


def test_the_list() -> None:
    listed = standard_problems()
    assert len(mgh.MORE_GARBOW_HILLSTROM) == 35
    assert 100 <= len(listed) <= 150
    assert len(STANDARD) == len(listed)
    assert max(p.n for p in listed) == 50
    assert {p.name for p in standard_problems(10)} == {p.name for p in listed if p.n <= 10}
    assert all(p.minima for p in listed)
    assert all(make().n == sizes[0] for make, sizes in mgh.SIZES.items())


@every(list(STANDARD.values()))
def test_start_is_finite_fixed_and_no_solution(problem: Problem) -> None:
    f, g = problem.value_and_gradient(problem.start)
    assert problem.start.dtype == np.float64
    assert np.isfinite(f)
    assert np.isfinite(g).all()
    assert np.abs(g).max() > 1e-3
    assert f > min(problem.minima)
    with pytest.raises(ValueError, match="read-only"):
        problem.start[0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.name = ""  # type: ignore[misc]


def test_scaled() -> None:
    far = mgh.wood().scaled(10)
    assert far.name == "wood x10"
    assert far.start.tolist() == [-30, -10, -30, -10]
    assert far.minima == mgh.wood().minima


# Derivatives.


@every([*FUNCTIONS, *OWN, *(p for p in TWELVE if p.name not in STANDARD)])
def test_gradient_is_the_derivative_of_the_value(problem: Problem) -> None:
    x = near_start(problem)
    f, g = problem.value_and_gradient(x)
    assert f == problem.fun(x)
    assert (g == problem.gradient(x)).all()
    # A complex step has no truncation: what is left is rounding, a few ulp of the largest sum.
    step = np.array([problem.fun(x + 1e-20j * unit).imag / 1e-20 for unit in np.eye(problem.n)])
    assert np.abs(step - g).max() <= 1e-12 * np.abs(g).max()
    # The same along one direction in real arithmetic: truncation is h^4, rounding eps f / h.
    rng = np.random.default_rng(6)
    direction = 1e-4 * np.maximum(np.abs(x), 0.01) * rng.choice((-1.0, 1.0), problem.n)
    bound = 1e-7 * np.abs(g) @ np.abs(direction) + 4e-16 * max(1.0, abs(f))
    assert abs(difference(problem.fun, x, direction) - g @ direction) <= bound


@every([*FUNCTIONS, *OWN])
def test_hessian_is_the_derivative_of_the_gradient(problem: Problem) -> None:
    x = near_start(problem)
    matrix = problem.hessian(x)
    assert (matrix == matrix.T).all()
    columns = np.stack([problem.hessian_product(x, unit) for unit in np.eye(problem.n)])
    largest = np.abs(matrix).max()
    assert np.abs(columns - columns.T).max() <= 1e-13 * largest
    steps = 1e-4 * np.maximum(np.abs(x), 0.01)
    g = np.abs(problem.gradient(x)).max()
    for j, (step, unit) in enumerate(zip(steps, np.eye(problem.n), strict=True)):
        column = difference(problem.gradient, x, step * unit) / step
        bound = 1e-7 * largest + 1e-15 * g / step
        assert np.abs(column - matrix[:, j]).max() <= bound
    v = np.linspace(-1, 1, problem.n)
    assert np.abs(problem.hessian_product(x, v) - matrix @ v).max() <= 1e-12 * largest * problem.n


# Dtypes and sizes.


@every([*FUNCTIONS, *OWN])
def test_dtypes_stay(problem: Problem) -> None:
    x = near_start(problem).astype(np.float32)
    f, g = problem.value_and_gradient(x)
    assert g.dtype == np.float32
    assert g.shape == x.shape
    assert problem.hessian(x).dtype == np.float32
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":  # before, Python scalars widen scalars
        assert f.dtype == np.float32
    exact, exact_g = problem.value_and_gradient(x.astype(np.float64))
    assert (exact.dtype, exact_g.dtype) == (np.float64, np.float64)
    assert abs(f - exact) <= 1e-3 * abs(exact)
    assert np.abs(g - exact_g).max() <= 1e-3 * np.abs(exact_g).max()

    f, g = problem.value_and_gradient(near_start(problem).astype(np.complex128))
    assert (f.dtype, g.dtype) == (np.complex128, np.complex128)
    assert f.real == pytest.approx(problem.fun(near_start(problem)), rel=1e-9)


@pytest.mark.parametrize("size", [0.0, 1e30, -1e30, 1e300, np.inf, np.nan])
def test_no_warning_far_out(size: float) -> None:
    for problem in (*FUNCTIONS, *OWN):
        for dtype in (np.float32, np.float64):
            with np.errstate(all="ignore"):
                x = np.full(problem.n, size).astype(dtype)
            f, g = problem.value_and_gradient(x)
            assert not np.isnan(size) or (np.isnan(f) and np.isnan(g).any())
            if problem.n <= 10:
                problem.hessian(x)


# Those with dense Jacobians or data; all others are to be linear in n.
DENSE = {
    mgh.watson,
    mgh.chebyquad,
    any_size.hilbert_quadratic,
    any_size.log_sum_exp,
    any_size.logistic,
}


def test_large() -> None:
    n = 120_000  # a matrix of n^2 would be 115 GB
    makes = {**mgh.SIZES, **any_size.ANY_SIZE}
    for make in makes:
        if getattr(make, "func", make) in DENSE:
            continue
        problem = make(n)
        f, g = problem.value_and_gradient(problem.start)
        assert g.shape == problem.start.shape == (n,)
        assert not np.isnan(f) or make is mgh.penalty_2  # whose data overflow
    million = mgh.extended_rosenbrock(10**6)
    assert million.fun(million.start) == pytest.approx(24.2 * 500_000, rel=1e-12)


# Values.

AT_START = {
    "rosenbrock": 24.2,
    "freudenstein-roth": 400.5,
    "powell badly scaled": 1 + (math.exp(-1) - 1e-4) ** 2,
    "brown badly scaled": (1e6 - 1) ** 2 + (1 - 2e-6) ** 2 + 1,
    "beale": 14.203125,
    "helical valley": 2500,
    "box": 1031.15381060940,
    "powell singular": 215,
    "wood": 19192,
    "brown-dennis": 7926693.336997432,
    "watson n=6": 30,
    "watson n=9": 30,
    "watson n=12": 30,
    "extended rosenbrock n=10": 5 * 24.2,
    "extended powell singular n=12": 3 * 215,
    "penalty 1 n=4": 885.0625 + 14e-5,
    "variably dimensioned n=10": 3.85 + 38.5**2 + 38.5**4,
    "brown almost-linear n=10": 9 * 5.5**2 + (1 - 2**-10) ** 2,
    "broyden tridiagonal n=10": 8 + 4 + 9,
    "broyden banded n=10": 360,
    "linear full rank n=10": 10 + 10 * 4,
    "booth": 9 + 225,
    "himmelblau": 81 + 25,
    "engval1 n=50": 49 * 59,
    "edensch n=36": 16 + 35 * (6**4 + 48**2 + 81),
    "arwhead n=50": 49 * 3,
    "liarwhd n=50": 50 * (4 * 144 + 9),
    "tridia n=50": sum(range(2, 51)),
    "power n=50": 1275**2,
    "dixmaana n=48": 1 + 48 * 4 + 0.125 * 32 * 64 + 0.125 * 16 * 4,
    "logistic 1e-02 n=20": math.log(2),
}


@pytest.mark.parametrize("name", AT_START)
def test_value_at_the_start(name: str) -> None:
    problem = STANDARD[name]
    assert problem.fun(problem.start) == pytest.approx(AT_START[name], rel=1e-12)


def counting(n: int) -> np.ndarray:
    return np.arange(1, n + 1).astype(np.float64)


# Minimizers in closed form and the value there.
SOLUTIONS = [
    ("rosenbrock", [1, 1], 0),
    ("freudenstein-roth", [5, 4], 0),
    ("brown badly scaled", [1e6, 2e-6], 0),
    ("beale", [3, 0.5], 0),
    ("helical valley", [1, 0, 0], 0),
    ("gulf", [50, 25, 1.5], 0),
    ("box", [1, 10, 1], 0),
    ("box", [10, 1, -1], 0),
    ("box", [2, 2, 0], 0),
    ("powell singular", [0, 0, 0, 0], 0),
    ("wood", [1, 1, 1, 1], 0),
    ("biggs exp6", [1, 10, 1, 5, 4, 3], 0),
    ("extended rosenbrock n=50", np.ones(50), 0),
    ("extended powell singular n=48", np.zeros(48), 0),
    ("variably dimensioned n=10", np.ones(10), 0),
    ("trigonometric n=10", np.zeros(10), 0),
    ("brown almost-linear n=10", np.ones(10), 0),
    ("brown almost-linear n=10", [0] * 9 + [11], 1),
    ("linear full rank n=10", -np.ones(10), 10),
    ("linear rank 1 n=10", [3 / 41] + [0] * 9, 190 / 41),
    ("linear rank 1 with zeros n=10", [0, 1.5 / 37] + [0] * 8, 227 / 37),
    ("booth", [1, 3], 0),
    ("matyas", [0, 0], 0),
    ("himmelblau", [3, 2], 0),
    ("three-hump camel", [0, 0], 0),
    ("goldstein-price", [0, -1], 3),
    ("goldstein-price", [-0.6, -0.4], 30),
    ("goldstein-price", [1.8, 0.2], 84),
    ("goldstein-price", [1.2, 0.8], 840),
    ("branin", [math.pi, 2.275], 1.25 / math.pi),
    ("branin", [-math.pi, 12.275], 1.25 / math.pi),
    ("cube", [1, 1], 0),
    ("denschna", [0, 0], 0),
    ("denschnb", [2, -1], 0),
    ("denschnc", [1, 1], 0),
    ("denschnf", [1, 1], 0),
    ("diagonal quadratic 1e+04 n=50", np.zeros(50), 0),
    ("hilbert quadratic n=10", np.zeros(10), 0),
    ("trid n=50", counting(50) * (51 - counting(50)), -50 * 54 * 49 / 6),
    ("tridia n=50", 2 / 2 ** counting(50), 0),
    ("dqdrtic n=50", np.zeros(50), 0),
    ("chained rosenbrock n=10", np.ones(10), 0),
    ("genrose n=10", np.ones(10), 1),
    ("genrose n=10", [-1] + [1] * 9, 1),
    ("nondia n=50", np.ones(50), 0),
    ("liarwhd n=50", np.ones(50), 0),
    ("tquartic n=50", np.ones(50), 0),
    ("fletchcr n=50", np.ones(50), 0),
    ("dixon-price n=10", 2 ** (2 / 2 ** counting(10) - 1), 0),
    ("dixon-price n=10", [1 / 3] + [0] * 9, 2 / 3),
    ("zakharov n=10", np.zeros(10), 0),
    ("power n=50", np.zeros(50), 0),
    ("quartc n=50", counting(50), 0),
    ("nondquar n=50", np.zeros(50), 0),
    ("arwhead n=50", [1] * 49 + [0], 0),
    ("cosine n=50", np.full(50, 0.25 + math.sqrt(1 / 16 + math.pi)), -49),
    ("schmvett n=50", np.full(50, math.pi / (math.pi + 1)), -144),
    ("hager n=50", np.log(counting(50)) / 2, None),
    ("dixmaana n=48", np.zeros(48), 1),
    ("dixmaane n=48", np.zeros(48), 1),
    ("dixmaani n=48", np.zeros(48), 1),
    ("dixmaanm n=48", np.zeros(48), 1),
]


@pytest.mark.parametrize(("name", "x", "value"), SOLUTIONS)
def test_known_solutions(name: str, x: list[float], value: float | None) -> None:
    problem = STANDARD[name]
    x = np.array(x, np.float64)
    f, g = problem.value_and_gradient(x)
    matrix = problem.hessian(x)
    value = problem.minima[0] if value is None else value
    assert f == pytest.approx(value, rel=1e-12, abs=1e-20)
    assert any(m == pytest.approx(value, rel=1e-12) for m in problem.minima)
    assert np.abs(g).max() <= 1e-11 * max(1.0, np.abs(matrix).max())
    assert np.linalg.eigvalsh(matrix).min() >= -1e-12 * np.abs(matrix).max()


# The digits of the paper, and for those after it of CUTE.
PUBLISHED = {
    "freudenstein-roth": "48.9842",
    "jennrich-sampson": "124.362",
    "bard": "8.21487e-3 17.4286",
    "gaussian": "1.12793e-8",
    "meyer": "87.9458",
    "kowalik-osborne": "3.07505e-4 1.02734e-3",
    "brown-dennis": "85822.2",
    "osborne 1": "5.46489e-5",
    "biggs exp6": "5.65565e-3",
    "osborne 2": "4.01377e-2",
    "watson n=6": "2.28767e-3",
    "watson n=9": "1.39976e-6",
    "watson n=12": "4.72238e-10",
    "penalty 1 n=4": "2.24997e-5",
    "penalty 1 n=10": "7.08765e-5",
    "penalty 2 n=4": "9.37629e-6",
    "penalty 2 n=10": "2.93660e-4",
    "trigonometric n=10": "0 2.79506e-5",
    "brown almost-linear n=10": "0 1",
    "chebyquad n=8": "3.51687e-3",
    "chebyquad n=9": "0",
    "chebyquad n=10": "6.50395e-3",
    "edensch n=36": "219.28",
    "cragglvy n=50": "15.372",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_minima_agree_with_the_published_digits(name: str) -> None:
    for value in map(Decimal, PUBLISHED[name].split()):
        last_digit = Decimal(1).scaleb(int(value.as_tuple().exponent))  # some were cut off
        tolerance = float(last_digit) if value else 0
        assert any(abs(m - float(value)) <= tolerance for m in STANDARD[name].minima)


# From the standard starts SciPy has to find the minima, so that the data must be right.


def found(problem: Problem, method: str, gtol: float) -> float:
    """What SciPy finds; its line searches step into overflow, which is no error here."""
    optimize = pytest.importorskip("scipy.optimize")
    with np.errstate(all="ignore"):
        result = optimize.minimize(
            problem.value_and_gradient,
            problem.start,
            jac=True,
            hess=None if method == "BFGS" else problem.hessian,
            method=method,
            options={"gtol": gtol, "maxiter": 2000},
        )
    return float(result.fun)


def is_minimum(problem: Problem, f: float, rel: float, slack: float) -> bool:
    return any(abs(f - m) <= rel * abs(m) + slack for m in problem.minima)


@every([p for p in FUNCTIONS if not p.name.startswith("linear rank 1")])
def test_trust_region_finds_a_known_minimum(problem: Problem) -> None:
    # Without those of rank 1, on which SciPy 1.13 does not return; BFGS has them.
    # The slack is for the quartic minima at zero, where the gradient vanishes before f.
    assert is_minimum(problem, found(problem, "trust-exact", 1e-10), rel=1e-6, slack=1e-13)


@every(PAPER)
def test_bfgs_finds_a_known_minimum(problem: Problem) -> None:
    # Watson's function with 12 variables has a Hessian of condition 1e14: BFGS stops at 1e-8.
    slack = 1e-6 if problem.name == "watson n=12" else 1e-8
    assert is_minimum(problem, found(problem, "BFGS", 1e-8), rel=1e-3, slack=slack)


# With bounds.


def test_the_list_with_bounds() -> None:
    listed = bounded_problems()
    assert len(listed) == len({p.name for p in listed})
    assert 150 <= len(listed) <= 180
    assert len(GAY) == 20
    assert len(listed) - len(BOUNDED) == len(LARGE)
    assert max(p.n for p in listed) == 10_000
    assert sum(bool((p.lower == p.upper).any()) for p in listed) >= 30
    assert sum(bool((p.start != p.projected(p.start)).any()) for p in listed) >= 30
    for problem in listed:
        assert isinstance(problem, Bounded)
        assert (problem.lower <= problem.upper).all()
        f, g = problem.value_and_gradient(problem.projected(problem.start))
        assert np.isfinite(f)
        assert np.isfinite(g).all()
        for bound in (problem.lower, problem.upper):
            assert bound.shape == problem.start.shape
            with pytest.raises(ValueError, match="read-only"):
                bound[0] = 0


def test_projected_gradient() -> None:
    problem = BOUNDED["hs4"]  # x >= 1, y >= 0, gradient ((x + 1)^2, 1)
    assert problem.projected_gradient(np.array([1.0, 0.0])).tolist() == [0, 0]
    assert problem.projected_gradient(np.array([1.5, 2.0])).tolist() == [0.5, 1]
    assert problem.projected_gradient(np.array([9.0, 0.25])).tolist() == [8, 0.25]


@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("hs3", [0, 0]),
        ("hs4", [1, 0]),
        ("hs5", [0.5 - math.pi / 3, -0.5 - math.pi / 3]),
        ("hs25", [50, 25, 1.5]),
        ("hs45", [1, 2, 3, 4, 5]),
        ("hatflda", [1, 1, 1, 1]),
        ("hatfldc n=25", np.ones(25)),
        ("log rosenbrock", [1, 1]),
        ("biggsb1 n=25", [0.9] * 24 + [0.95]),
        ("cvxbqp1 n=50", np.full(50, 0.1)),
        ("nonscomp n=25", np.ones(25)),
        ("entropy n=10", np.full(10, math.exp(-4))),
        ("analytic center n=20", 1 / counting(20)),
        ("linear full rank n=10, Gay's bounds", [-0.5] + [-1] * 9),
    ],
)
def test_known_solutions_within_bounds(name: str, x: list[float]) -> None:
    problem = BOUNDED[name]
    x = np.array(x, np.float64)
    assert (x == problem.projected(x)).all()
    assert problem.minima[0] == pytest.approx(problem.fun(x), rel=1e-12, abs=1e-12)
    assert np.abs(problem.projected_gradient(x)).max() <= 1e-12 * max(1, np.abs(problem.fun(x)))


def test_lbfgsb_finds_the_known_minima_within_bounds() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    active, missed = 0, set()
    for name, problem in BOUNDED.items():
        with np.errstate(all="ignore"):
            result = optimize.minimize(
                problem.value_and_gradient,
                problem.projected(problem.start),
                jac=True,
                bounds=list(zip(problem.lower, problem.upper, strict=True)),
                method="L-BFGS-B",
                options={"ftol": 0, "gtol": 1e-8, "maxfun": 10**4},
            )
        free = (problem.lower < result.x) & (result.x < problem.upper)
        active += not free.all()
        if problem.minima and not is_minimum(problem, result.fun, rel=1e-6, slack=1e-8):
            missed.add(name)
    assert active >= 110
    # A plateau; not finite on a bound, where it goes at once; a gradient that is not finite at the
    # first trial. Their minima are closed or published, and other tests reach them.
    left = {"hs25", "entropy n=10", "analytic center n=20"}
    assert missed <= left | {f"{name}, Gay's bounds" for name in ("bard", "meyer")}
