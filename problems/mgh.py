"""The problems of Moré, Garbow and Hillstrom; residuals and variables are numbered as there.

J. J. Moré, B. S. Garbow, K. E. Hillstrom, "Testing Unconstrained Optimization Software", ACM
Transactions on Mathematical Software 7 (1981), 17-41.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from problems.problem import Array, Problem, array, at, columns, count, least_squares, smooth


def rosenbrock() -> Problem:
    """1. Rosenbrock."""
    return replace(extended_rosenbrock(2), name="rosenbrock")


def freudenstein_roth() -> Problem:
    """2. Freudenstein and Roth."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        r = [-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b]
        jacobian = [[1, (10 - 3 * b) * b - 2], [1, (3 * b + 2) * b - 14]]
        return array(x, r), array(x, jacobian)

    return least_squares("freudenstein-roth", [0.5, -2], [0, 48.984253679240021], terms)


def powell_badly_scaled() -> Problem:
    """3. Powell badly scaled."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        u, v = np.exp(-a), np.exp(-b)
        return (
            array(x, [1e4 * a * b - 1, u + v - 1.0001]),
            array(x, [[1e4 * b, 1e4 * a], [-u, -v]]),
        )

    return least_squares("powell badly scaled", [0, 1], [0], terms)


def brown_badly_scaled() -> Problem:
    """4. Brown badly scaled."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        return array(x, [a - 1e6, b - 2e-6, a * b - 2]), array(x, [[1, 0], [0, 1], [b, a]])

    return least_squares("brown badly scaled", [1, 1], [0], terms)


def beale() -> Problem:
    """5. Beale."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        y = array(x, [1.5, 2.25, 2.625])
        rest = 1 - array(x, [b, b * b, b * b * b])
        return y - a * rest, columns(-rest, a * array(x, [1, 2 * b, 3 * b * b]))

    return least_squares("beale", [1, 1], [0], terms)


def jennrich_sampson() -> Problem:
    """6. Jennrich and Sampson, m = 10."""

    def terms(x: Array) -> tuple[Array, Array]:
        i = count(x, 10)
        u, v = np.exp(i * x[0]), np.exp(i * x[1])
        return 2 + 2 * i - (u + v), columns(-i * u, -i * v)

    return least_squares("jennrich-sampson", [0.3, 0.4], [124.36218235561485], terms)


def helical_valley() -> Problem:
    """7. Helical valley; the angle jumps on the half plane x1 = 0, x2 < 0."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c = x
        turns = np.arctan(b / a) / (2 * math.pi) + (0.5 if a.real < 0 else 0.0)
        radius = np.sqrt(a * a + b * b)
        slope = 50 / math.pi / (radius * radius)
        return (
            array(x, [10 * (c - 10 * turns), 10 * (radius - 1), c]),
            array(
                x,
                [
                    [slope * b, -slope * a, 10],
                    [10 * a / radius, 10 * b / radius, 0],
                    [0, 0, 1],
                ],
            ),
        )

    return least_squares("helical valley", [-1, 0, 0], [0], terms)


BARD = np.array(
    [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
)


def bard() -> Problem:
    """8. Bard."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c = x
        u = count(x, 15)
        v = u[::-1]
        w = array(x, [*range(1, 9), *range(7, 0, -1)])
        q = v * b + w * c
        slope = u / (q * q)
        return (
            BARD.astype(x.dtype) - (a + u / q),
            columns(-np.ones_like(u), slope * v, slope * w),
        )

    # The second is the limit at (0.8406..., -inf, -inf).
    minima = [8.2148773065789798e-3, 17.428693333333333]
    return least_squares("bard", [1, 1, 1], minima, terms)


GAUSSIAN = np.array([0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989])


def gaussian() -> Problem:
    """9. Gaussian."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c = x
        d = (8 - count(x, 15)) / 2 - c
        e = np.exp(-b * d * d / 2)
        y = np.concatenate([GAUSSIAN, GAUSSIAN[-2::-1]]).astype(x.dtype)
        return a * e - y, columns(e, -a * e * d * d / 2, a * b * e * d)

    return least_squares("gaussian", [0.4, 1, 0], [1.1279327696190111e-8], terms)


MEYER = np.array(
    [
        [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744],
        [8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872],
    ]
).ravel()


def meyer() -> Problem:
    """10. Meyer."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c = x
        t = 45 + 5 * count(x, 16) + c
        e = np.exp(b / t)
        return a * e - MEYER.astype(x.dtype), columns(e, a * e / t, -a * b * e / (t * t))

    return least_squares("meyer", [0.02, 4000, 250], [87.945855170850908], terms)


def gulf() -> Problem:
    """11. Gulf research and development, m = 99, with |y - x2| where the paper has a misprint."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c = x
        t = count(x, 99) / 100
        d = 25 + (-50 * np.log(t)) ** (2 / 3) - b
        log = np.log(d * d) / 2
        power = np.exp(c * log) / a
        e = np.exp(-power)
        slope = e * power
        return e - t, columns(slope / a, c * slope / d, -slope * log)

    return least_squares("gulf", [5, 2.5, 0.15], [0], terms)


def box() -> Problem:
    """12. Box three-dimensional, m = 10."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c = x
        t = count(x, 10) / 10
        u, v, w = np.exp(-t * a), np.exp(-t * b), np.exp(-t) - np.exp(-10 * t)
        return u - v - c * w, columns(-t * u, t * v, -w)

    return least_squares("box", [0, 10, 20], [0], terms)


def powell_singular() -> Problem:
    """13. Powell singular."""
    return replace(extended_powell_singular(4), name="powell singular")


def wood() -> Problem:
    """14. Wood."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c, d = x
        s, t = math.sqrt(90), math.sqrt(10)
        r = [10 * (b - a * a), 1 - a, s * (d - c * c), 1 - c, t * (b + d - 2), (b - d) / t]
        jacobian = [
            [-20 * a, 10, 0, 0],
            [-1, 0, 0, 0],
            [0, 0, -2 * s * c, s],
            [0, 0, -1, 0],
            [0, t, 0, t],
            [0, 1 / t, 0, -1 / t],
        ]
        return array(x, r), array(x, jacobian)

    return least_squares("wood", [-3, -1, -3, -1], [0], terms)


KOWALIK = np.array(
    [
        [0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246],
        [4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625],
    ]
)


def kowalik_osborne() -> Problem:
    """15. Kowalik and Osborne."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c, d = x
        y, u = KOWALIK.astype(x.dtype)
        above, below = u * (u + b), u * (u + c) + d
        slope = a * above / (below * below)
        return y - a * above / below, columns(-above / below, -a * u / below, slope * u, slope)

    # The second is the limit at (inf, -14.07..., -inf, -inf).
    minima = [3.0750560384923778e-4, 1.0273430486954565e-3]
    return least_squares("kowalik-osborne", [0.25, 0.39, 0.415, 0.39], minima, terms)


def brown_dennis() -> Problem:
    """16. Brown and Dennis, m = 20."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c, d = x
        t = count(x, 20) / 5
        sine = np.sin(t)
        p, q = a + t * b - np.exp(t), c + d * sine - np.cos(t)
        return p * p + q * q, 2 * columns(p, p * t, q, q * sine)

    return least_squares("brown-dennis", [25, 5, -5, -1], [85822.201626356345], terms)


OSBORNE_1 = np.array(
    [
        [0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751],
        [0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490],
        [0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406],
    ]
).ravel()


def osborne_1() -> Problem:
    """17. Osborne 1."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c, d, e = x
        t = 10 * count(x, 32, first=0)
        u, v = np.exp(-t * d), np.exp(-t * e)
        return (
            OSBORNE_1.astype(x.dtype) - (a + b * u + c * v),
            columns(-np.ones_like(t), -u, -v, b * t * u, c * t * v),
        )

    return least_squares("osborne 1", [0.5, 1.5, -1, 0.01, 0.02], [5.4648946974829116e-5], terms)


def biggs_exp6() -> Problem:
    """18. Biggs EXP6, m = 13."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c, d, e, f = x
        t = count(x, 13) / 10
        u, v, w = np.exp(-t * a), np.exp(-t * b), np.exp(-t * e)
        y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
        return c * u - d * v + f * w - y, columns(-c * t * u, d * t * v, u, -v, -f * t * w, w)

    # The paper's second value is a minimum among x1 = x5, x3 = x6 only, which the starts satisfy
    # and exact gradients preserve; elsewhere it is a saddle.
    minima = [0, 5.6556499254999309e-3]
    return least_squares("biggs exp6", [1, 2, 1, 1, 1, 1], minima, terms)


OSBORNE_2 = np.array(
    [
        [1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608],
        [0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661],
        [0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428],
        [0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559],
        [0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054],
    ]
).ravel()


def osborne_2() -> Problem:
    """19. Osborne 2."""

    def terms(x: Array) -> tuple[Array, Array]:
        t = count(x, 64, first=0) / 10
        height, width, d = x[1:4], x[5:8], t[:, None] - x[8:11]
        decay, peaks = np.exp(-t * x[4]), np.exp(-d * d * width)
        slope = height * peaks * d
        return (
            OSBORNE_2.astype(x.dtype) - x[0] * decay - peaks @ height,
            np.hstack(
                [
                    -decay[:, None],
                    -peaks,
                    (x[0] * t * decay)[:, None],
                    slope * d,
                    -2 * width * slope,
                ]
            ),
        )

    start = [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5]
    return least_squares("osborne 2", start, [4.0137736293547744e-2], terms)


def watson(n: int = 6) -> Problem:
    """20. Watson."""
    t = np.arange(1, 30)[:, None] / 29
    j = np.arange(n)
    powers = t**j
    slopes = j * t ** np.maximum(j - 1, 0)

    def terms(x: Array) -> tuple[Array, Array]:
        v, d = powers.astype(x.dtype), slopes.astype(x.dtype)
        value = v @ x
        last = np.zeros((2, x.size), x.dtype)
        last[0, 0] = last[1, 1] = 1
        last[1, 0] = -2 * x[0]
        return (
            np.concatenate([d @ x - value * value - 1, array(x, [x[0], x[1] - x[0] * x[0] - 1])]),
            np.concatenate([d - 2 * value[:, None] * v, last]),
        )

    known = {6: 2.2876700535524287e-3, 9: 1.3997601380987200e-6, 12: 4.7223811072925006e-10}
    return least_squares(f"watson n={n}", np.zeros(n), at(known, n), terms)


def extended_rosenbrock(n: int = 10) -> Problem:
    """21. Extended Rosenbrock, n even."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x[0::2], x[1::2]
        p, q = b - a * a, 1 - a
        g = np.empty_like(x)
        g[0::2] = -400 * a * p - 2 * q
        g[1::2] = 200 * p
        return 100 * (p @ p) + q @ q, g

    return smooth(f"extended rosenbrock n={n}", np.tile([-1.2, 1], n // 2), [0], evaluate)


def extended_powell_singular(n: int = 12) -> Problem:
    """22. Extended Powell singular, n a multiple of 4."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b, c, d = x[0::4], x[1::4], x[2::4], x[3::4]
        p, q, r, s = a + 10 * b, c - d, b - 2 * c, a - d
        rr, ss = r * r, s * s
        g = np.empty_like(x)
        g[0::4] = 2 * p + 40 * s * ss
        g[1::4] = 20 * p + 4 * r * rr
        g[2::4] = 10 * q - 8 * r * rr
        g[3::4] = -10 * q - 40 * s * ss
        return p @ p + 5 * (q @ q) + rr @ rr + 10 * (ss @ ss), g

    start = np.tile([3, -1, 0, 1], n // 4)
    return smooth(f"extended powell singular n={n}", start, [0], evaluate)


def penalty_1(n: int = 4) -> Problem:
    """23. Penalty I; all variables are equal at the minimum, the largest root of a cubic."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p, q = x - 1, x @ x - 0.25
        return 1e-5 * (p @ p) + q * q, 2e-5 * p + 4 * q * x

    roots = np.roots([4 * n, 0, 2e-5 - 1, -2e-5])
    t = float(roots.real.max())
    minimum = 1e-5 * n * (t - 1) ** 2 + (n * t**2 - 0.25) ** 2
    return smooth(f"penalty 1 n={n}", np.arange(1, n + 1), [minimum], evaluate)


def penalty_2(n: int = 4) -> Problem:
    """24. Penalty II."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        i = count(x, n)
        e = np.exp(x / 10)
        pair = e[1:] + e[:-1] - np.exp(i[1:] / 10) - np.exp(i[:-1] / 10)
        single = e[1:] - math.exp(-0.1)
        weight = i[::-1]
        first, last = x[0] - 0.2, weight @ (x * x) - 1
        g = 4 * last * weight * x
        g[0] += 2 * first
        g[1:] += 2e-6 * (pair + single) * e[1:]
        g[:-1] += 2e-6 * pair * e[:-1]
        return first * first + 1e-5 * (pair @ pair + single @ single) + last * last, g

    known = {4: 9.3762930073554428e-6, 10: 2.9366053745674596e-4, 50: 4.2960981338613623}
    return smooth(f"penalty 2 n={n}", np.full(n, 0.5), at(known, n), evaluate)


def variably_dimensioned(n: int = 10) -> Problem:
    """25. Variably dimensioned."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        j = count(x, n)
        p = x - 1
        q = j @ p
        return p @ p + q * q + q**4, 2 * p + (2 * q + 4 * q**3) * j

    start = 1 - np.arange(1, n + 1) / n
    return smooth(f"variably dimensioned n={n}", start, [0], evaluate)


def trigonometric(n: int = 10) -> Problem:
    """26. Trigonometric; it has many minima, and here are those that solvers find."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        i = count(x, n)
        sine, cosine = np.sin(x), np.cos(x)
        r = n - cosine.sum() + i * (1 - cosine) - sine
        return r @ r, 2 * (sine * r.sum() + (i * sine - cosine) * r)

    known = {10: [2.7950561218794557e-5, 4.2186338879237244e-5], 50: [5.4517157016090418e-6]}
    minima = [0, *known.get(n, [])]
    return smooth(f"trigonometric n={n}", np.full(n, 1 / n), minima, evaluate)


def brown_almost_linear(n: int = 10) -> Problem:
    """27. Brown almost-linear; 1 is at (0, ..., 0, n + 1)."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        r = x[:-1] + x.sum() - (n + 1)
        others = np.ones_like(x)  # products of all but one
        others[1:] = np.cumprod(x[:-1])
        others[:-1] *= np.cumprod(x[:0:-1])[::-1]
        last = others[0] * x[0] - 1
        g = r.sum() + last * others
        g[:-1] += r
        return r @ r + last * last, 2 * g

    return smooth(f"brown almost-linear n={n}", np.full(n, 0.5), [0, 1], evaluate)


def discrete_boundary_value(n: int = 10) -> Problem:
    """28. Discrete boundary value."""
    h = 1 / (n + 1)

    def evaluate(x: Array) -> tuple[Any, Array]:
        c = x + count(x, n) * h + 1
        r = 2 * x + h**2 / 2 * c**3
        r[1:] -= x[:-1]
        r[:-1] -= x[1:]
        g = (2 + 1.5 * h**2 * c * c) * r
        g[1:] -= r[:-1]
        g[:-1] -= r[1:]
        return r @ r, 2 * g

    t = np.arange(1, n + 1) * h
    return smooth(f"discrete boundary value n={n}", t * (t - 1), [0], evaluate)


def discrete_integral_equation(n: int = 10) -> Problem:
    """29. Discrete integral equation."""
    h = 1 / (n + 1)

    def evaluate(x: Array) -> tuple[Any, Array]:
        t = count(x, n) * h
        u = 1 - t
        c = x + t + 1
        up, down = np.cumsum(t * c**3), _later(u * c**3)
        r = x + h / 2 * (u * up + t * down)
        up, down = np.cumsum((u * r)[::-1])[::-1], _later((t * r)[::-1])[::-1]
        return r @ r, 2 * r + 3 * h * c * c * (t * up + u * down)

    t = np.arange(1, n + 1) * h
    return smooth(f"discrete integral equation n={n}", t * (t - 1), [0], evaluate)


def _later(v: Array) -> Array:
    """For each entry the sum of those after it."""
    sums = np.zeros_like(v)
    sums[:-1] = np.cumsum(v[:0:-1])[::-1]
    return sums


def broyden_tridiagonal(n: int = 10) -> Problem:
    """30. Broyden tridiagonal."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        r = (3 - 2 * x) * x + 1
        r[1:] -= x[:-1]
        r[:-1] -= 2 * x[1:]
        g = (3 - 4 * x) * r
        g[:-1] -= r[1:]
        g[1:] -= 2 * r[:-1]
        return r @ r, 2 * g

    return smooth(f"broyden tridiagonal n={n}", np.full(n, -1), [0], evaluate)


def broyden_banded(n: int = 10) -> Problem:
    """31. Broyden banded."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        s = x * (1 + x)
        r = x * (2 + 5 * x * x) + 1
        r[:-1] -= s[1:]
        for k in range(1, 6):
            r[k:] -= s[:-k]
        band = np.zeros_like(x)
        band[1:] += r[:-1]
        for k in range(1, 6):
            band[:-k] += r[k:]
        return r @ r, 2 * ((2 + 15 * x * x) * r - (1 + 2 * x) * band)

    return smooth(f"broyden banded n={n}", np.full(n, -1), [0], evaluate)


def linear_full_rank(n: int = 10) -> Problem:
    """32. Linear, full rank, m = 2 n."""
    m = 2 * n

    def evaluate(x: Array) -> tuple[Any, Array]:
        rest = -2 / m * x.sum() - 1
        r = x + rest
        return r @ r + (m - n) * rest * rest, 2 * (r - 2 / m * (r.sum() + (m - n) * rest))

    return smooth(f"linear full rank n={n}", np.ones(n), [m - n], evaluate)


def _linear_rank_1(name: str, n: int, u: Array, v: Array, minimum: float) -> Problem:
    """Residuals u (v x) - 1."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p, q = u.astype(x.dtype), v.astype(x.dtype)
        r = p * (q @ x) - 1
        return r @ r, 2 * (p @ r) * q

    return smooth(f"{name} n={n}", np.ones(n), [minimum], evaluate)


def linear_rank_1(n: int = 10) -> Problem:
    """33. Linear, rank 1, m = 2 n."""
    m = 2 * n
    minimum = m * (m - 1) / (2 * (2 * m + 1))
    return _linear_rank_1("linear rank 1", n, np.arange(1, m + 1), np.arange(1, n + 1), minimum)


def linear_rank_1_with_zeros(n: int = 10) -> Problem:
    """34. Linear, rank 1 with zero columns and rows, m = 2 n."""
    m = 2 * n
    u = np.array([*range(m - 1), 0])
    v = np.array([0, *range(2, n), 0])
    minimum = (m * m + 3 * m - 6) / (2 * (2 * m - 3))
    return _linear_rank_1("linear rank 1 with zeros", n, u, v, minimum)


def chebyquad(n: int = 8) -> Problem:
    """35. Chebyquad, m = n."""

    def terms(x: Array) -> tuple[Array, Array]:
        y = 2 * x - 1
        value, slope = np.empty((2, n + 1, n), x.dtype)
        value[0], value[1], slope[0], slope[1] = 1, y, 0, 2
        for i in range(1, n):
            value[i + 1] = 2 * y * value[i] - value[i - 1]
            slope[i + 1] = 4 * value[i] + 2 * y * slope[i] - slope[i - 1]
        r = value[1:].sum(axis=1) / n
        even = count(x, n)[1::2]
        r[1::2] += 1 / (even * even - 1)
        return r, slope[1:] / n

    # For n = 10 the paper has the second only.
    known = {8: [3.5168737256779317e-3], 10: [4.7727136963753490e-3, 6.5039548008823061e-3]}
    minima = known.get(n, [0] if n < 10 else [])
    return least_squares(f"chebyquad n={n}", np.arange(1, n + 1) / (n + 1), minima, terms)


MORE_GARBOW_HILLSTROM: tuple[Callable[..., Problem], ...] = (
    rosenbrock,
    freudenstein_roth,
    powell_badly_scaled,
    brown_badly_scaled,
    beale,
    jennrich_sampson,
    helical_valley,
    bard,
    gaussian,
    meyer,
    gulf,
    box,
    powell_singular,
    wood,
    kowalik_osborne,
    brown_dennis,
    osborne_1,
    biggs_exp6,
    osborne_2,
    watson,
    extended_rosenbrock,
    extended_powell_singular,
    penalty_1,
    penalty_2,
    variably_dimensioned,
    trigonometric,
    brown_almost_linear,
    discrete_boundary_value,
    discrete_integral_equation,
    broyden_tridiagonal,
    broyden_banded,
    linear_full_rank,
    linear_rank_1,
    linear_rank_1_with_zeros,
    chebyquad,
)

# How many variables where there may be any number of them; the first is the default.
SIZES: dict[Callable[..., Problem], tuple[int, ...]] = {
    watson: (6, 9, 12),
    extended_rosenbrock: (10, 50),
    extended_powell_singular: (12, 48),
    penalty_1: (4, 10, 50),
    penalty_2: (4, 10, 50),
    variably_dimensioned: (10, 50),
    trigonometric: (10, 50),
    brown_almost_linear: (10, 50),
    discrete_boundary_value: (10, 50),
    discrete_integral_equation: (10, 50),
    broyden_tridiagonal: (10, 50),
    broyden_banded: (10, 50),
    linear_full_rank: (10, 50),
    linear_rank_1: (10, 50),
    linear_rank_1_with_zeros: (10, 50),
    chebyquad: (8, 9, 10),
}

# Multiples of the start, as in the paper. Left out are those where f overflows or is flat (Jennrich
# and Sampson; 100 times Gaussian and Gulf), that are the solution (10 times Gulf), from where
# solvers go to infinity or stop on a plateau (Osborne 1 and 2; 100 times Powell badly scaled,
# Meyer, Box, Biggs and Brown almost-linear), or that add nothing (a start at zero, linear
# residuals, and the extended functions, whose blocks are functions of the list).
MULTIPLES: dict[Callable[..., Problem], tuple[int, ...]] = {
    rosenbrock: (10, 100),
    freudenstein_roth: (10, 100),
    powell_badly_scaled: (10,),
    brown_badly_scaled: (10, 100),
    beale: (10, 100),
    helical_valley: (10, 100),
    bard: (10, 100),
    gaussian: (10,),
    meyer: (10,),
    box: (10,),
    powell_singular: (10, 100),
    wood: (10, 100),
    kowalik_osborne: (10, 100),
    brown_dennis: (10, 100),
    biggs_exp6: (10,),
    penalty_1: (10, 100),
    penalty_2: (10, 100),
    variably_dimensioned: (10, 100),
    trigonometric: (10, 100),
    brown_almost_linear: (10,),
    discrete_boundary_value: (10, 100),
    discrete_integral_equation: (10, 100),
    broyden_tridiagonal: (10, 100),
    broyden_banded: (10, 100),
    chebyquad: (10, 100),
}


def more_garbow_hillstrom() -> Iterator[Problem]:
    """Those of the paper: the first size from all starts, other sizes from the standard start."""
    for make in MORE_GARBOW_HILLSTROM:
        first = make()
        yield first
        yield from (first.scaled(factor) for factor in MULTIPLES.get(make, ()))
        yield from (make(n) for n in SIZES.get(make, ())[1:])
