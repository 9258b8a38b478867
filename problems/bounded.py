"""Problems with bounds on their variables.

- W. Hock, K. Schittkowski, "Test examples for nonlinear programming codes" (1981), those with
  bounds only (HS 1 to 110), and K. Schittkowski, "More test examples" (1987; S 229 to S 368);
- D. M. Gay, "A trust-region approach to linearly constrained optimization" (1984): bounds for the
  problems of Moré, Garbow and Hillstrom;
- the collection CUTE (HATFLD, BIGGSB1, CVXBQP1, NCVXBQP1, EXPLIN, MCCORMCK, NONSCOMP, ...);
- B. M. Averick, R. G. Carter, J. J. Moré, G. L. Xue, "The MINPACK-2 test problem collection"
  (1992): obstacle, torsion and journal bearing, here by differences of second order;
- what users bring: non-negative least squares, duals of support vector machines, deblurring of
  counts, and functions that are not finite on a bound;
- the problems without bounds (`problems.standard_problems`), put into boxes around their starts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from problems import any_size, mgh, two_variables
from problems.problem import Array, Bounded, Evaluate, Problem, count, least_squares, smooth

INF = math.inf


def bounded(
    name: str,
    start: npt.ArrayLike,
    bounds: tuple[npt.ArrayLike, npt.ArrayLike],
    minima: tuple[float, ...],
    evaluate: Evaluate,
) -> Bounded:
    """A problem from what is easy to write."""
    return smooth(name, start, (), evaluate).within(*bounds, minima)


def renamed(problem: Problem, name: str, start: npt.ArrayLike) -> Problem:
    """The same function elsewhere."""
    return smooth(name, start, (), problem.evaluate)


# Hock and Schittkowski.


def hs1() -> Bounded:
    """Rosenbrock's function, its minimum within."""
    return renamed(mgh.rosenbrock(), "hs1", [-2, 1]).within([-INF, -1.5], INF, [0])


def hs2() -> Bounded:
    """The same, its minimum cut off."""
    x = 2 * math.sqrt(598 / 1200) * math.cos(math.acos(1 / (400 * (598 / 1200) ** 1.5)) / 3)
    minima = (100 * (x * x - 1.5) ** 2 + (x - 1) ** 2, 4.9412293189141346)
    return renamed(mgh.rosenbrock(), "hs2", [-2, 1]).within([-INF, 1.5], INF, minima)


def hs3() -> Bounded:
    """Nearly linear."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p = x[1] - x[0]
        return x[1] + 1e-5 * p * p, np.array([-2e-5 * p, 1 + 2e-5 * p], x.dtype)

    return bounded("hs3", [10, 1], ([-INF, 0], INF), (0,), evaluate)


def hs4() -> Bounded:
    """A vertex."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p = x[0] + 1
        return p**3 / 3 + x[1], np.array([p * p, 1], x.dtype)

    return bounded("hs4", [1.125, 0.125], ([1, 0], INF), (8 / 3,), evaluate)


def mccormick(n: int) -> Bounded:
    """MCCORMCK, of which HS 5 is the first."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x[:-1], x[1:]
        d, slope = a - b, np.cos(a + b)
        g = np.zeros_like(x)
        g[:-1] += slope + 2 * d - 1.5
        g[1:] += slope - 2 * d + 2.5
        return (np.sin(a + b) + d * d - 1.5 * a + 2.5 * b + 1).sum(), g

    if n == 2:
        minimum = -math.sqrt(3) / 2 - math.pi / 3
        return bounded("hs5", [0, 0], ([-1.5, -3], [4, 3]), (minimum,), evaluate)
    return bounded(f"mccormick n={n}", np.zeros(n), (-1.5, 3), (), evaluate)


def hs25() -> Bounded:
    """Gulf's older form; its start is on a plateau."""
    t = np.arange(1, 100) / 100
    u = 25 + (-50 * np.log(t)) ** (2 / 3)

    def terms(x: Array) -> tuple[Array, Array]:
        w = u.astype(x.dtype) - x[1]
        p = w ** x[2] / x[0]
        e = np.exp(-p)
        parts = p / x[0], p * x[2] / w, -p * np.log(w)
        return e - t.astype(x.dtype), e[:, None] * np.stack(parts, axis=1)

    problem = least_squares("hs25", [100, 12.5, 3], (), terms)
    return problem.within([0.1, 0, 0], [100, 25.6, 5], [0])


def hs38() -> Bounded:
    """Wood's function."""
    return renamed(mgh.wood(), "hs38", [-3, -1, -3, -1]).within(-10, 10, [0])


def hs45() -> Bounded:
    """A product, its minimum a vertex; the start is outside."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        others = [np.prod(np.delete(x, k)) for k in range(5)]
        return 2 - np.prod(x) / 120, np.array(others, x.dtype) / -120

    return bounded("hs45", np.full(5, 2), (0, np.arange(1, 6)), (1,), evaluate)


def hs110() -> Bounded:
    """Logarithms that grow without bound outside."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b, p = np.log(x - 2), np.log(10 - x), np.exp(0.2 * np.log(x).sum())
        return a @ a + b @ b - p, 2 * a / (x - 2) - 2 * b / (10 - x) - p / (5 * x)

    return bounded("hs110", np.full(10, 9), (2.001, 9.999), (-45.778469707446597,), evaluate)


def s229() -> Bounded:
    """Rosenbrock's function in a box."""
    return renamed(mgh.rosenbrock(), "s229", [-1.2, 1]).within(-2, 2, [0])


def s242() -> Bounded:
    """Box's three-dimensional function in a box."""
    return renamed(mgh.box(), "s242", [2.5, 10, 10]).within(0, 10, [0])


def s257() -> Bounded:
    """Wood's function where no variable is negative; the start is outside."""
    return renamed(mgh.wood(), "s257", [-3, -1, -3, -1]).within(0, INF, [0])


def s328() -> Bounded:
    """A gear train's inertia; the start is outside."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        s, t = x * x
        last = 1 / (s * t) + 100 / (s * t) ** 2  # with its slopes in log s and log t
        slope = -1 / (s * t) - 200 / (s * t) ** 2
        f = (12 + s + (1 + t) / s + last) / 10
        a, b = s - (1 + t) / s + slope, t / s + slope
        return f, np.array([2 * a / x[0], 2 * b / x[1]], x.dtype) / 10

    return bounded("s328", [0.5, 0.5], (1, 3), (1.7441520055927139,), evaluate)


def s368(n: int = 8) -> Bounded:
    """Moments, with many vertices that are minima."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        s, c, q = (x**2).sum(), (x**3).sum(), (x**4).sum()
        return c * c - s * q, 6 * c * x**2 - 2 * q * x - 4 * s * x**3

    return bounded(f"s368 n={n}", 1 / np.arange(2, n + 2), (0, 1), (), evaluate)


# CUTE.


def hatfld(name: str, upper: npt.ArrayLike) -> Bounded:
    """HATFLDA and HATFLDB, the second with an upper bound."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        first, root = x[0] - 1, np.sqrt(x[1:])
        p = x[:-1] - root
        g = np.zeros_like(x)
        g[0] = 2 * first
        g[:-1] += 2 * p
        g[1:] -= p / root
        return first * first + p @ p, g

    minima = (0,) if name == "hatflda" else (5.5728090000841214e-3,)
    return bounded(name, np.full(4, 0.1), (1e-7, upper), minima, evaluate)


def hatfldc(n: int = 25) -> Bounded:
    """HATFLDC."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        ends, p = x[[0, -1]] - 1, x[2:] - x[1:-1] ** 2
        g = np.zeros_like(x)
        g[[0, -1]] = 2 * ends
        g[2:] += 2 * p
        g[1:-1] -= 4 * p * x[1:-1]
        return ends @ ends + p @ p, g

    return bounded(f"hatfldc n={n}", np.full(n, 0.9), (0, 10), (0,), evaluate)


def log_rosenbrock() -> Bounded:
    """LOGROS: a logarithm of Rosenbrock's function, with steep walls."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p, q = x[1] - x[0] * x[0], 1 - x[0]
        inner = 1 + 1e4 * p * p + q * q
        return np.log(inner), np.array([-4e4 * p * x[0] - 2 * q, 2e4 * p], x.dtype) / inner

    return bounded("log rosenbrock", [-1.2, 1], (0, INF), (0,), evaluate)


def camel() -> Bounded:
    """CAMEL6: the camel with six humps, all of its minima within."""
    problem = two_variables.six_hump_camel()
    return renamed(problem, "camel6", [1.1, 1.1]).within([-3, -1.5], [3, 1.5], problem.minima)


def pspdoc() -> Bounded:
    """PSPDOC: square roots, and a start outside."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p, q = x[:2], x[1:3] - x[2:]
        root = np.sqrt(1 + p * p + q * q)
        g = np.zeros_like(x)
        g[:2] += p / root
        g[1:3] += q / root
        g[2:] -= q / root
        return root.sum(), g

    return bounded("pspdoc", np.full(4, 3), (-INF, [-1, INF, INF, INF]), (), evaluate)


def biggsb1(n: int) -> Bounded:
    """BIGGSB1: a chain between ones that may not reach them."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        ends, p = x[[0, -1]] - 1, np.diff(x)
        g = np.zeros_like(x)
        g[[0, -1]] = 2 * ends
        g[1:] += 2 * p
        g[:-1] -= 2 * p
        return ends @ ends + p @ p, g

    upper = np.append(np.full(n - 1, 0.9), INF)
    return bounded(f"biggsb1 n={n}", np.zeros(n), (0, upper), (0.015,), evaluate)


def bqp(n: int, negative: int) -> Bounded:
    """CVXBQP1, and NCVXBQP1 to 3 where the last 1, 2 or 3 of 4 squares count negative."""
    i = np.arange(n)
    second, third = (2 * (i + 1) - 1) % n, (3 * (i + 1) - 1) % n
    sign = np.where(i < n - n * negative // 4, 1.0, -1.0)

    def evaluate(x: Array) -> tuple[Any, Array]:
        p = x + x[second] + x[third]
        weighted = sign.astype(x.dtype) * count(x, n) * p
        g = weighted.copy()
        np.add.at(g, second, weighted)
        np.add.at(g, third, weighted)
        return weighted @ p / 2, g

    words = f"ncvxbqp{negative}" if negative else "cvxbqp1"
    minima = () if negative else (0.045 * n * (n + 1) / 2,)
    return bounded(f"{words} n={n}", np.full(n, 0.5), (0.1, 10), minima, evaluate)


def explin(n: int, m: int = 10) -> Bounded:
    """EXPLIN: a few exponentials among linear terms."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x[:m], x[1 : m + 1]
        e, slope = np.exp(0.1 * a * b), 10 * count(x, n)
        g = -slope
        g[:m] += 0.1 * e * b
        g[1 : m + 1] += 0.1 * e * a
        return e.sum() - slope @ x, g

    return bounded(f"explin n={n}", np.zeros(n), (0, 10), (), evaluate)


def bdexp(n: int) -> Bounded:
    """BDEXP: a sum that only infinity would make zero."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b, c = x[:-2], x[1:-1], x[2:]
        s = a + b
        e = np.exp(-c * s)
        g = np.zeros_like(x)
        g[:-2] += e * (1 - c * s)
        g[1:-1] += e * (1 - c * s)
        g[2:] -= s * s * e
        return (s * e).sum(), g

    return bounded(f"bdexp n={n}", np.ones(n), (0, INF), (), evaluate)


def nonscomp(n: int) -> Bounded:
    """NONSCOMP: every other variable at least 1, as in the driver of L-BFGS-B."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        first, p = x[0] - 1, x[1:] - x[:-1] ** 2
        g = np.zeros_like(x)
        g[0] = 2 * first
        g[1:] += 8 * p
        g[:-1] -= 16 * p * x[:-1]
        return first * first + 4 * (p @ p), g

    lower = np.resize([1.0, -100.0], n)
    return bounded(f"nonscomp n={n}", np.full(n, 3), (lower, 100), (0,), evaluate)


def rosenbrock_box(n: int) -> Bounded:
    """Chained Rosenbrock, every third variable at most 1/2."""
    upper = np.resize([2.0, 2.0, 0.5], n)
    return any_size.chained_rosenbrock(n).within(-2, upper, (), " in a box")


# MINPACK-2.


def membrane(
    name: str,
    shape: tuple[int, int],
    bounds: tuple[npt.ArrayLike, npt.ArrayLike],
    load: Array,
    sides: tuple[float, float] = (1, 1),
    weight: Callable[[Array], Array] = np.ones_like,
    start: npt.ArrayLike = 0,
) -> Bounded:
    """Half the integral of weight |grad v|^2, less that of load v, which is 0 at the edge.

    The rectangle has the `sides`, and points of a grid of this shape within it. The weight depends
    on the first coordinate; the load is for each point.
    """
    (rows, across), (h, k) = shape, (s / (m + 1) for s, m in zip(sides, shape, strict=True))
    down = k / h * weight(h * (np.arange(rows + 1) + 0.5))[:, None]
    beside = h / k * weight(h * np.arange(1, rows + 1))[:, None]
    pull = h * k * np.broadcast_to(load, shape)

    def evaluate(x: Array) -> tuple[Any, Array]:
        v = np.zeros((rows + 2, across + 2), x.dtype)
        v[1:-1, 1:-1] = x.reshape(shape)
        p, q = np.diff(v[:, 1:-1], axis=0), np.diff(v[1:-1], axis=1)
        a, b, c = (part.astype(x.dtype) for part in (down, beside, pull))
        f = (a * p * p).sum() / 2 + (b * q * q).sum() / 2 - (c * v[1:-1, 1:-1]).sum()
        return f, (-np.diff(a * p, axis=0) - np.diff(b * q, axis=1) - c).ravel()

    points = np.broadcast_to(start, rows * across)
    low, high = (np.broadcast_to(b, shape).ravel() for b in bounds)
    return bounded(f"{name} n={rows * across}", points, (low, high), (), evaluate)


def grid(m: int, side: float = 1) -> Array:
    """The points of one side."""
    return side * np.arange(1, m + 1) / (m + 1)


def obstacle(m: int, both: bool = False) -> Bounded:
    """A membrane pulled down to an obstacle, or kept between two."""
    turns = (9.2, 9.3) if both else (3.2, 3.3)
    bump = np.sin(turns[0] * grid(m))[:, None] * np.sin(turns[1] * grid(m))
    bounds = (bump**3, bump**2 + 0.02) if both else (bump**3, 2000.0)
    start = np.maximum(0, bump**3).ravel() if not both else (bump**3).ravel()
    name = "obstacles" if both else "obstacle"
    return membrane(name, (m, m), bounds, np.ones(1), start=start)


def torsion(m: int, angle: float) -> Bounded:
    """A bar twisted until it yields: v is at most the distance to the edge, on either side."""
    near = np.minimum(grid(m), grid(m)[::-1])
    distance = np.minimum(near[:, None], near)
    name = f"torsion {angle:g}"
    return membrane(name, (m, m), (-distance, distance), np.full(1, angle), start=distance.ravel())


def journal_bearing(m: int, eccentricity: float = 0.1) -> Bounded:
    """The pressure of the film in a bearing, which is not negative."""
    around = grid(m, 2 * math.pi)
    load = eccentricity * np.sin(around)[:, None]

    def weight(t: Array) -> Array:
        return np.asarray((1 + eccentricity * np.cos(t)) ** 3)

    name, sides = f"journal bearing {eccentricity:g}", (2 * math.pi, 20.0)
    start = np.maximum(np.sin(around), 0)[:, None].repeat(m, axis=1).ravel()
    return membrane(name, (m, m), (0, INF), load, sides, weight, start)


# What users bring.


def quadratic(
    name: str,
    matrix: Array,
    linear: Array,
    bounds: tuple[npt.ArrayLike, npt.ArrayLike],
    start: float = 0,
) -> Bounded:
    """Half of x A x, plus b x."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = matrix.astype(x.dtype, copy=False), linear.astype(x.dtype, copy=False)
        product = a @ x
        return x @ product / 2 + b @ x, product + b

    points = np.full(linear.size, start)
    return bounded(f"{name} n={linear.size}", points, bounds, (), evaluate)


def nonnegative_least_squares(n: int) -> Bounded:
    """Half of |A x - b|^2, A of 2 n rows and positive, b by an x of which half would be 0."""
    rng = np.random.default_rng(3)
    a = rng.uniform(0, 1, (2 * n, n)) / math.sqrt(2 * n)
    b = a @ np.maximum(rng.standard_normal(n), 0) + 0.1 * rng.standard_normal(2 * n)
    return quadratic("non-negative least squares", a.T @ a, -(a.T @ b), (0, INF), start=1)


def svm_dual(n: int, cost: float = 1) -> Bounded:
    """The dual of a support vector machine without an offset, with Gaussian kernels."""
    rng = np.random.default_rng(4)
    points = rng.standard_normal((n, 4))
    labels = np.where(points[:, 0] * points[:, 1] + 0.5 * rng.standard_normal(n) > 0, 1.0, -1.0)
    squares = (points**2).sum(axis=1)
    kernel = np.exp(-(squares[:, None] + squares - 2 * points @ points.T) / 4)
    q = labels[:, None] * kernel * labels
    return quadratic(f"svm dual {cost:g}", q, np.full(n, -1.0), (0, cost))


def box_qp(n: int) -> Bounded:
    """An indefinite quadratic in a box: many vertices are minima."""
    rng = np.random.default_rng(5)
    a = rng.standard_normal((n, n))
    return quadratic("indefinite box qp", (a + a.T) / 2, rng.standard_normal(n), (-1, 1))


def deblurring(n: int) -> Bounded:
    """Counts behind a blur: the likelihood of Poisson's law, of what is not negative."""
    rng = np.random.default_rng(6)
    i = np.arange(n)
    blur = np.exp(-((i[:, None] - i) ** 2) / 2)
    blur /= blur.sum(axis=1, keepdims=True)
    scene = np.where(i % 25 < 3, 200.0, 0.0) + np.where(i % 40 < 10, 20.0, 0.0)
    counts = rng.poisson(blur @ scene + 1.0).astype(float)

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, y = blur.astype(x.dtype, copy=False), counts.astype(x.dtype)
        mean = a @ x + 1
        return mean.sum() - y @ np.log(mean), (1 - y / mean) @ a

    return bounded(f"poisson deblurring n={n}", np.full(n, counts.mean()), (0, INF), (), evaluate)


def entropy(n: int, slope: float = 3) -> Bounded:
    """The sum of x log x and slope x, which has no value at 0."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        log = np.log(x)
        return x @ log + slope * x.sum(), log + 1 + slope

    minimum = -n * math.exp(-1 - slope)
    return bounded(f"entropy n={n}", np.ones(n), (0, 2), (minimum,), evaluate)


def entropy_chain(n: int) -> Bounded:
    """Entropy with slopes that alternate in sign, and the squares of differences of neighbours."""
    slope = np.resize([-2.0, 2.0], n)

    def evaluate(x: Array) -> tuple[Any, Array]:
        log, p, b = np.log(x), np.diff(x), slope.astype(x.dtype)
        g = log + 1 + b
        g[1:] += p
        g[:-1] -= p
        return x @ log + b @ x + p @ p / 2, g

    return bounded(f"entropy chain n={n}", np.ones(n), (0, 1.5), (), evaluate)


def square_root(n: int) -> Bounded:
    """The sum of sqrt(x) (x - 1/2)^2 and x / 10, which has no slope at 0."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        root, p = np.sqrt(x), x - 0.5
        return (root * p * p + x / 10).sum(), p * p / (2 * root) + 2 * root * p + 0.1

    return bounded(f"square root n={n}", np.ones(n), (0, 2), (), evaluate)


def analytic_center(n: int) -> Bounded:
    """The sum of c x - log x, c = 1, ..., n: infinite at 0."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        c = count(x, n)
        return c @ x - np.log(x).sum(), c - 1 / x

    minimum = n + math.lgamma(n + 1)
    return bounded(f"analytic center n={n}", np.ones(n), (0, INF), (minimum,), evaluate)


# Gay's bounds, where x has them, and twice the value that is published with them (his f is half of
# ours); Watson's and Chebyquad's depend on n.
GAY: dict[Callable[[], Problem], tuple[npt.ArrayLike, npt.ArrayLike, float | None]] = {
    mgh.rosenbrock: ([-50, 0], [0.5, 100], 0.25),
    mgh.freudenstein_roth: ([0, -30], [20, -0.9], 48.985202),
    mgh.jennrich_sampson: ([0.26, 0], [10, 20], 124.383112916377896),
    mgh.helical_valley: ([-100, -1, -1], [0.8, 1, 1], 0.9904221209613997),
    mgh.bard: ([0.1, 0, 0], [50, 100, 50], 9.58228472e-3),
    mgh.meyer: ([0.006, 0, 0], [2, 3e5, 3e4], 127.4517712),
    mgh.box: ([0, 5, 0], [2, 9.5, 20], 1.1434818e-4),
    mgh.powell_singular: ([0.1, -20, -1, -1], [100, 20, 1, 50], 1.8781963e-4),
    mgh.kowalik_osborne: ([0, -1, 0.13, 0.12], [10, 12, 13, 12], 3.07830723464198e-4),
    mgh.brown_dennis: ([-10, 0, -100, -20], [100, 15, 0, 0.2], 88860.479767500452),
    mgh.osborne_1: ([0, 0, -50, 0, 0], [50, 1.9, -0.1, 10, 10], 5.4702833433736e-5),
    mgh.osborne_2: (
        [1, 0.5, 0, 0.6, 0, 0, 0, 0, 0, 0, 0],
        [150, 100, 100, 100, 100, 500, 500, 500, 100, 10, 0],
        None,
    ),
    mgh.watson: ([-0.015, -10, -10, -10, -10, -10], [10, 100, 100, 100, 100, 0.99], 2.289606438e-3),
    lambda: mgh.watson(9): (
        [-1e-5, 0, 0, 0, 0, -3, 0, -3, 0],
        [1e-5, 0.9, 0.1, 1, 1, 0, 4, 0, 2],
        3.7401397793184500e-2,
    ),
    lambda: mgh.watson(12): (
        [-1, 0, -1, -1, -1, 0, -3, 0, -10, 0, -5, 0],
        [0, 0, 0, 0.3, 0, 1, 0, 10, 0, 10, 0, 1],
        11.7942441802209714,
    ),
    mgh.brown_almost_linear: ([0, 1, *[0] * 8], [100, 100, 0.9, *[100] * 7], 6.093178576596742e-3),
    mgh.linear_full_rank: ([-0.5, *[-2] * 9], 100, 10.25),
    mgh.linear_rank_1: ([-0.9, *[-2] * 9], 100, None),
    mgh.linear_rank_1_with_zeros: ([0, -0.4, 0.3, *[0] * 7], 100, None),
    mgh.chebyquad: ([0, 0, 0.1, *[0] * 5], [0.04, 0.2, 0.3, *[1] * 5], 3.592242385975062e-3),
}


def gay() -> Iterator[Bounded]:
    """Those of Moré, Garbow and Hillstrom, with Gay's bounds."""
    for make, (lower, upper, value) in GAY.items():
        yield make().within(lower, upper, () if value is None else (value,), ", Gay's bounds")


def boxed(problem: Problem, kind: int) -> Bounded:
    """A box around the start, lopsided; by kind some variables fixed, or starts outside.

    Its sides are in proportion to 1 + |start|. Every fifth variable has one bound only.
    """
    i = np.arange(1, problem.n + 1)
    below, above = (i * math.sqrt(2)) % 1, (i * math.sqrt(3)) % 1
    size = 1 + np.abs(problem.start)
    lower, upper = problem.start - size * below, problem.start + size * above
    lower[2::5], upper[4::5] = -INF, INF
    words = ("", ", some fixed", ", start outside")[kind]
    if kind == 1:
        lower[1::4] = upper[1::4] = problem.start[1::4]
    if kind == 2:
        moved = slice(0, None, 3)
        lower[moved] += size[moved]
        upper[moved] += 1.5 * size[moved]
    return problem.within(lower, upper, (), f" in a box{words}")


def small_boxes() -> Iterator[Bounded]:
    """Every standard problem in one size, by turns as it is, with fixed variables, from outside."""
    sized = (
        *(make() for make in mgh.MORE_GARBOW_HILLSTROM),
        *(make() for make in two_variables.TWO_VARIABLES),
        *(make(sizes[0]) for make, sizes in any_size.ANY_SIZE.items()),
    )
    yield from (boxed(problem, k % 3) for k, problem in enumerate(sized))


LARGE: tuple[Callable[[], Bounded], ...] = (
    lambda: biggsb1(1000),
    lambda: bqp(10_000, 0),
    lambda: bqp(1000, 1),
    lambda: bqp(1000, 3),
    lambda: explin(120),
    lambda: bdexp(1000),
    lambda: nonscomp(1000),
    lambda: mccormick(10_000),
    lambda: rosenbrock_box(10_000),
    lambda: obstacle(30),
    lambda: obstacle(100),
    lambda: obstacle(50, both=True),
    lambda: torsion(100, 5),
    lambda: torsion(50, 20),
    lambda: journal_bearing(50),
    lambda: journal_bearing(50, 0.5),
    lambda: nonnegative_least_squares(500),
    lambda: svm_dual(400),
    lambda: svm_dual(400, 100),
    lambda: box_qp(500),
    lambda: deblurring(500),
    lambda: entropy(10_000),
    lambda: entropy_chain(1000),
    lambda: analytic_center(1000),
)

SMALL: tuple[Callable[[], Bounded], ...] = (
    hs1,
    hs2,
    hs3,
    hs4,
    lambda: mccormick(2),
    hs25,
    hs38,
    hs45,
    hs110,
    s229,
    s242,
    s257,
    s328,
    s368,
    lambda: hatfld("hatflda", INF),
    lambda: hatfld("hatfldb", [INF, 0.8, INF, INF]),
    hatfldc,
    log_rosenbrock,
    camel,
    pspdoc,
    lambda: biggsb1(25),
    lambda: bqp(50, 0),
    lambda: bqp(50, 1),
    lambda: bqp(50, 2),
    lambda: explin(12),
    lambda: bdexp(50),
    lambda: nonscomp(25),
    lambda: mccormick(50),
    lambda: rosenbrock_box(30),
    lambda: obstacle(7),
    lambda: obstacle(7, both=True),
    lambda: torsion(7, 5),
    lambda: journal_bearing(7),
    lambda: nonnegative_least_squares(20),
    lambda: svm_dual(40),
    lambda: box_qp(10),
    lambda: box_qp(50),
    lambda: deblurring(50),
    lambda: entropy(10),
    lambda: entropy_chain(20),
    lambda: square_root(2),
    lambda: analytic_center(20),
)


def bounded_problems(max_n: int = 10_000) -> list[Bounded]:
    """All with at most `max_n` variables, the small ones first."""
    every = [make() for make in SMALL] + [*gay(), *small_boxes()]
    if max_n > 50:
        every += [make() for make in LARGE]
    return [problem for problem in every if problem.n <= max_n]
