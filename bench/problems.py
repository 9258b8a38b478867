"""Unconstrained test problems, on which solvers are compared and tested.

The first 35 are those of J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing Unconstrained
Optimization Software", ACM Transactions on Mathematical Software 7 (1981), 17-41, in its order
(`MORE_GARBOW_HILLSTROM`). Those after them were collected by many, among them

- A. R. Conn, N. I. M. Gould, M. Lescrenier, Ph. L. Toint, "Performance of a multifrontal scheme
  for partially separable optimization" (1992), and the collection CUTE that grew out of it;
- N. Andrei, "An unconstrained optimization test functions collection", Advanced Modeling and
  Optimization 10 (2008), 147-161;
- M. Jamil, X.-S. Yang, "A literature survey of benchmark functions for global optimization
  problems", International Journal of Mathematical Modelling and Numerical Optimisation 4 (2013).

Values of minima that have no closed form were computed here, by Newton's method in extended
precision, and agree with the digits that were published.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Evaluate = Callable[[Array], tuple[Any, Array]]
Terms = Callable[[Array], tuple[Array, Array]]

TINY = 1e-150  # the complex step: its square vanishes beside anything, its cube underflows


@dataclass(frozen=True, eq=False)
class Problem:
    """A smooth function, where to start, and its values at the local minima that are known.

    There may be more minima, and none is known at some sizes. `evaluate` takes x to f and the
    gradient, both in the dtype of x. It is analytic: a complex x gives the continuation, so that
    derivatives come from a complex step.
    """

    name: str
    start: Array
    minima: tuple[float, ...]
    evaluate: Evaluate

    @property
    def n(self) -> int:
        """How many variables."""
        return self.start.size

    def value_and_gradient(self, x: Array) -> tuple[Any, Array]:
        """The value and its gradient; inf or NaN, without a warning, where they overflow."""
        with np.errstate(all="ignore"):
            return self.evaluate(x)

    def fun(self, x: Array) -> Any:
        """The value alone."""
        return self.value_and_gradient(x)[0]

    def gradient(self, x: Array) -> Array:
        """The gradient alone."""
        return self.value_and_gradient(x)[1]

    def hessian_product(self, x: Array, v: Array) -> Array:
        """The Hessian times v, in the time of one gradient.

        It is Im g(x + i h v) / h. Nothing is subtracted, so that it is as accurate as the
        gradient, for every v of moderate size; in float32 it is rounded from double.
        """
        with np.errstate(all="ignore"):
            z = x + 1j * (TINY * v.astype(np.float64))
            product: Array = (self.evaluate(z)[1].imag / TINY).astype(x.dtype)
        return product

    def hessian(self, x: Array) -> Array:
        """The Hessian, a column at a time; its two triangles are the same."""
        columns = np.stack([self.hessian_product(x, unit) for unit in np.eye(self.n)])
        lower = np.tril(columns)
        matrix: Array = lower + np.tril(lower, -1).T
        return matrix

    def scaled(self, factor: int) -> Problem:
        """The same from a multiple of the start."""
        return _problem(f"{self.name} x{factor}", factor * self.start, self.minima, self.evaluate)


def _problem(
    name: str, start: npt.ArrayLike, minima: Iterable[float], evaluate: Evaluate
) -> Problem:
    """A problem from what is easy to write."""
    point = np.array(start, np.float64)
    point.setflags(write=False)
    return Problem(name, point, tuple(map(float, minima)), evaluate)


def _least_squares(
    name: str, start: npt.ArrayLike, minima: Iterable[float], terms: Terms
) -> Problem:
    """The sum of the squares of residuals, from `terms`, that gives them and their Jacobian."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        r, jacobian = terms(x)
        return r @ r, 2 * (r @ jacobian)

    return _problem(name, start, minima, evaluate)


def _array(x: Array, rows: object) -> Array:
    """An array of the dtype of x."""
    return np.array(rows, x.dtype)


def _count(x: Array, last: int, first: int = 1) -> Array:
    """first, ..., last in the dtype of x."""
    return np.arange(first, last + 1).astype(x.dtype)


def _at(known: Mapping[Any, float], size: object) -> tuple[float, ...]:
    """The minimum that is known at this size, if any."""
    return (known[size],) if size in known else ()


def _columns(*columns: Array) -> Array:
    """A matrix from its columns."""
    return np.stack(columns, axis=1)


# Moré, Garbow and Hillstrom. Residuals and variables are numbered as in the paper.


def rosenbrock() -> Problem:
    """1. Rosenbrock."""
    return replace(extended_rosenbrock(2), name="rosenbrock")


def freudenstein_roth() -> Problem:
    """2. Freudenstein and Roth."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        r = [-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b]
        jacobian = [[1, (10 - 3 * b) * b - 2], [1, (3 * b + 2) * b - 14]]
        return _array(x, r), _array(x, jacobian)

    return _least_squares("freudenstein-roth", [0.5, -2], [0, 48.984253679240021], terms)


def powell_badly_scaled() -> Problem:
    """3. Powell badly scaled."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        u, v = np.exp(-a), np.exp(-b)
        return (
            _array(x, [1e4 * a * b - 1, u + v - 1.0001]),
            _array(x, [[1e4 * b, 1e4 * a], [-u, -v]]),
        )

    return _least_squares("powell badly scaled", [0, 1], [0], terms)


def brown_badly_scaled() -> Problem:
    """4. Brown badly scaled."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        return _array(x, [a - 1e6, b - 2e-6, a * b - 2]), _array(x, [[1, 0], [0, 1], [b, a]])

    return _least_squares("brown badly scaled", [1, 1], [0], terms)


def beale() -> Problem:
    """5. Beale."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        y = _array(x, [1.5, 2.25, 2.625])
        rest = 1 - _array(x, [b, b * b, b * b * b])
        return y - a * rest, _columns(-rest, a * _array(x, [1, 2 * b, 3 * b * b]))

    return _least_squares("beale", [1, 1], [0], terms)


def jennrich_sampson() -> Problem:
    """6. Jennrich and Sampson, m = 10."""

    def terms(x: Array) -> tuple[Array, Array]:
        i = _count(x, 10)
        u, v = np.exp(i * x[0]), np.exp(i * x[1])
        return 2 + 2 * i - (u + v), _columns(-i * u, -i * v)

    return _least_squares("jennrich-sampson", [0.3, 0.4], [124.36218235561485], terms)


def helical_valley() -> Problem:
    """7. Helical valley; the angle jumps on the half plane x1 = 0, x2 < 0."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c = x
        turns = np.arctan(b / a) / (2 * math.pi) + (0.5 if a.real < 0 else 0.0)
        radius = np.sqrt(a * a + b * b)
        slope = 50 / math.pi / (radius * radius)
        return (
            _array(x, [10 * (c - 10 * turns), 10 * (radius - 1), c]),
            _array(
                x,
                [
                    [slope * b, -slope * a, 10],
                    [10 * a / radius, 10 * b / radius, 0],
                    [0, 0, 1],
                ],
            ),
        )

    return _least_squares("helical valley", [-1, 0, 0], [0], terms)


BARD = np.array(
    [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
)


def bard() -> Problem:
    """8. Bard."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c = x
        u = _count(x, 15)
        v = u[::-1]
        w = _array(x, [*range(1, 9), *range(7, 0, -1)])
        q = v * b + w * c
        slope = u / (q * q)
        return (
            BARD.astype(x.dtype) - (a + u / q),
            _columns(-np.ones_like(u), slope * v, slope * w),
        )

    # The second is the limit at (0.8406..., -inf, -inf).
    minima = [8.2148773065789798e-3, 17.428693333333333]
    return _least_squares("bard", [1, 1, 1], minima, terms)


GAUSSIAN = np.array([0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989])


def gaussian() -> Problem:
    """9. Gaussian."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c = x
        d = (8 - _count(x, 15)) / 2 - c
        e = np.exp(-b * d * d / 2)
        y = np.concatenate([GAUSSIAN, GAUSSIAN[-2::-1]]).astype(x.dtype)
        return a * e - y, _columns(e, -a * e * d * d / 2, a * b * e * d)

    return _least_squares("gaussian", [0.4, 1, 0], [1.1279327696190111e-8], terms)


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
        t = 45 + 5 * _count(x, 16) + c
        e = np.exp(b / t)
        return a * e - MEYER.astype(x.dtype), _columns(e, a * e / t, -a * b * e / (t * t))

    return _least_squares("meyer", [0.02, 4000, 250], [87.945855170850908], terms)


def gulf() -> Problem:
    """11. Gulf research and development, m = 99, with |y - x2| where the paper has a misprint."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c = x
        t = _count(x, 99) / 100
        d = 25 + (-50 * np.log(t)) ** (2 / 3) - b
        log = np.log(d * d) / 2
        power = np.exp(c * log) / a
        e = np.exp(-power)
        slope = e * power
        return e - t, _columns(slope / a, c * slope / d, -slope * log)

    return _least_squares("gulf", [5, 2.5, 0.15], [0], terms)


def box() -> Problem:
    """12. Box three-dimensional, m = 10."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c = x
        t = _count(x, 10) / 10
        u, v, w = np.exp(-t * a), np.exp(-t * b), np.exp(-t) - np.exp(-10 * t)
        return u - v - c * w, _columns(-t * u, t * v, -w)

    return _least_squares("box", [0, 10, 20], [0], terms)


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
        return _array(x, r), _array(x, jacobian)

    return _least_squares("wood", [-3, -1, -3, -1], [0], terms)


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
        return y - a * above / below, _columns(-above / below, -a * u / below, slope * u, slope)

    # The second is the limit at (inf, -14.07..., -inf, -inf).
    minima = [3.0750560384923778e-4, 1.0273430486954565e-3]
    return _least_squares("kowalik-osborne", [0.25, 0.39, 0.415, 0.39], minima, terms)


def brown_dennis() -> Problem:
    """16. Brown and Dennis, m = 20."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c, d = x
        t = _count(x, 20) / 5
        sine = np.sin(t)
        p, q = a + t * b - np.exp(t), c + d * sine - np.cos(t)
        return p * p + q * q, 2 * _columns(p, p * t, q, q * sine)

    return _least_squares("brown-dennis", [25, 5, -5, -1], [85822.201626356345], terms)


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
        t = 10 * _count(x, 32, first=0)
        u, v = np.exp(-t * d), np.exp(-t * e)
        return (
            OSBORNE_1.astype(x.dtype) - (a + b * u + c * v),
            _columns(-np.ones_like(t), -u, -v, b * t * u, c * t * v),
        )

    return _least_squares("osborne 1", [0.5, 1.5, -1, 0.01, 0.02], [5.4648946974829116e-5], terms)


def biggs_exp6() -> Problem:
    """18. Biggs EXP6, m = 13."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b, c, d, e, f = x
        t = _count(x, 13) / 10
        u, v, w = np.exp(-t * a), np.exp(-t * b), np.exp(-t * e)
        y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
        return c * u - d * v + f * w - y, _columns(-c * t * u, d * t * v, u, -v, -f * t * w, w)

    # The paper's second value is a minimum among x1 = x5, x3 = x6 only, which the starts satisfy
    # and exact gradients preserve; elsewhere it is a saddle.
    minima = [0, 5.6556499254999309e-3]
    return _least_squares("biggs exp6", [1, 2, 1, 1, 1, 1], minima, terms)


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
        t = _count(x, 64, first=0) / 10
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
    return _least_squares("osborne 2", start, [4.0137736293547744e-2], terms)


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
            np.concatenate([d @ x - value * value - 1, _array(x, [x[0], x[1] - x[0] * x[0] - 1])]),
            np.concatenate([d - 2 * value[:, None] * v, last]),
        )

    known = {6: 2.2876700535524287e-3, 9: 1.3997601380987200e-6, 12: 4.7223811072925006e-10}
    return _least_squares(f"watson n={n}", np.zeros(n), _at(known, n), terms)


def extended_rosenbrock(n: int = 10) -> Problem:
    """21. Extended Rosenbrock, n even."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x[0::2], x[1::2]
        p, q = b - a * a, 1 - a
        g = np.empty_like(x)
        g[0::2] = -400 * a * p - 2 * q
        g[1::2] = 200 * p
        return 100 * (p @ p) + q @ q, g

    return _problem(f"extended rosenbrock n={n}", np.tile([-1.2, 1], n // 2), [0], evaluate)


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
    return _problem(f"extended powell singular n={n}", start, [0], evaluate)


def penalty_1(n: int = 4) -> Problem:
    """23. Penalty I; all variables are equal at the minimum, the largest root of a cubic."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p, q = x - 1, x @ x - 0.25
        return 1e-5 * (p @ p) + q * q, 2e-5 * p + 4 * q * x

    roots = np.roots([4 * n, 0, 2e-5 - 1, -2e-5])
    t = float(roots.real.max())
    minimum = 1e-5 * n * (t - 1) ** 2 + (n * t**2 - 0.25) ** 2
    return _problem(f"penalty 1 n={n}", np.arange(1, n + 1), [minimum], evaluate)


def penalty_2(n: int = 4) -> Problem:
    """24. Penalty II."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        i = _count(x, n)
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
    return _problem(f"penalty 2 n={n}", np.full(n, 0.5), _at(known, n), evaluate)


def variably_dimensioned(n: int = 10) -> Problem:
    """25. Variably dimensioned."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        j = _count(x, n)
        p = x - 1
        q = j @ p
        return p @ p + q * q + q**4, 2 * p + (2 * q + 4 * q**3) * j

    start = 1 - np.arange(1, n + 1) / n
    return _problem(f"variably dimensioned n={n}", start, [0], evaluate)


def trigonometric(n: int = 10) -> Problem:
    """26. Trigonometric; it has many minima, and here are those that solvers find."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        i = _count(x, n)
        sine, cosine = np.sin(x), np.cos(x)
        r = n - cosine.sum() + i * (1 - cosine) - sine
        return r @ r, 2 * (sine * r.sum() + (i * sine - cosine) * r)

    known = {10: [2.7950561218794557e-5, 4.2186338879237244e-5], 50: [5.4517157016090418e-6]}
    minima = [0, *known.get(n, [])]
    return _problem(f"trigonometric n={n}", np.full(n, 1 / n), minima, evaluate)


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

    return _problem(f"brown almost-linear n={n}", np.full(n, 0.5), [0, 1], evaluate)


def discrete_boundary_value(n: int = 10) -> Problem:
    """28. Discrete boundary value."""
    h = 1 / (n + 1)

    def evaluate(x: Array) -> tuple[Any, Array]:
        c = x + _count(x, n) * h + 1
        r = 2 * x + h**2 / 2 * c**3
        r[1:] -= x[:-1]
        r[:-1] -= x[1:]
        g = (2 + 1.5 * h**2 * c * c) * r
        g[1:] -= r[:-1]
        g[:-1] -= r[1:]
        return r @ r, 2 * g

    t = np.arange(1, n + 1) * h
    return _problem(f"discrete boundary value n={n}", t * (t - 1), [0], evaluate)


def discrete_integral_equation(n: int = 10) -> Problem:
    """29. Discrete integral equation."""
    h = 1 / (n + 1)

    def evaluate(x: Array) -> tuple[Any, Array]:
        t = _count(x, n) * h
        u = 1 - t
        c = x + t + 1
        up, down = np.cumsum(t * c**3), _later(u * c**3)
        r = x + h / 2 * (u * up + t * down)
        up, down = np.cumsum((u * r)[::-1])[::-1], _later((t * r)[::-1])[::-1]
        return r @ r, 2 * r + 3 * h * c * c * (t * up + u * down)

    t = np.arange(1, n + 1) * h
    return _problem(f"discrete integral equation n={n}", t * (t - 1), [0], evaluate)


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

    return _problem(f"broyden tridiagonal n={n}", np.full(n, -1), [0], evaluate)


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

    return _problem(f"broyden banded n={n}", np.full(n, -1), [0], evaluate)


def linear_full_rank(n: int = 10) -> Problem:
    """32. Linear, full rank, m = 2 n."""
    m = 2 * n

    def evaluate(x: Array) -> tuple[Any, Array]:
        rest = -2 / m * x.sum() - 1
        r = x + rest
        return r @ r + (m - n) * rest * rest, 2 * (r - 2 / m * (r.sum() + (m - n) * rest))

    return _problem(f"linear full rank n={n}", np.ones(n), [m - n], evaluate)


def _linear_rank_1(name: str, n: int, u: Array, v: Array, minimum: float) -> Problem:
    """Residuals u (v x) - 1."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p, q = u.astype(x.dtype), v.astype(x.dtype)
        r = p * (q @ x) - 1
        return r @ r, 2 * (p @ r) * q

    return _problem(f"{name} n={n}", np.ones(n), [minimum], evaluate)


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
        even = _count(x, n)[1::2]
        r[1::2] += 1 / (even * even - 1)
        return r, slope[1:] / n

    # For n = 10 the paper has the second only.
    known = {8: [3.5168737256779317e-3], 10: [4.7727136963753490e-3, 6.5039548008823061e-3]}
    minima = known.get(n, [0] if n < 10 else [])
    return _least_squares(f"chebyquad n={n}", np.arange(1, n + 1) / (n + 1), minima, terms)


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


# Two variables.


def booth() -> Problem:
    """Booth, a quadratic."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        return _array(x, [a + 2 * b - 7, 2 * a + b - 5]), _array(x, [[1, 2], [2, 1]])

    return _least_squares("booth", [-10, 10], [0], terms)


def matyas() -> Problem:
    """Matyas, a quadratic."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x
        f = 0.26 * (a * a + b * b) - 0.48 * a * b
        return f, _array(x, [0.52 * a - 0.48 * b, 0.52 * b - 0.48 * a])

    return _problem("matyas", [10, -7], [0], evaluate)


def himmelblau() -> Problem:
    """Himmelblau; four minima."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        return _array(x, [a * a + b - 11, a + b * b - 7]), _array(x, [[2 * a, 1], [1, 2 * b]])

    return _least_squares("himmelblau", [1, 1], [0], terms)


def three_hump_camel() -> Problem:
    """Three-hump camel."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x
        s = a * a
        f = ((s / 6 - 1.05) * s + 2) * s + a * b + b * b
        return f, _array(x, [((s - 4.2) * s + 4) * a + b, a + 2 * b])

    return _problem("three-hump camel", [-1.2, 2], [0, 0.29863844223685941], evaluate)


def six_hump_camel() -> Problem:
    """Six-hump camel."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x
        s, t = a * a, b * b
        f = ((s / 3 - 2.1) * s + 4) * s + a * b + (4 * t - 4) * t
        return f, _array(x, [((2 * s - 8.4) * s + 8) * a + b, a + (16 * t - 8) * b])

    minima = [-1.0316284534898774, -0.21546382438371839, 2.1042503103112577]
    return _problem("six-hump camel", [-1, -1], minima, evaluate)


def goldstein_price() -> Problem:
    """Goldstein and Price."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x
        s, t = a + b + 1, 2 * a - 3 * b
        p = 19 - 14 * (a + b) + 3 * (a + b) * (a + b)
        q = 18 - 16 * t + 3 * t * t
        left, right = 1 + s * s * p, 30 + t * t * q
        # Each factor depends on a sum, a + b or 2 a - 3 b, only.
        left_slope = 2 * s * p + s * s * (6 * (a + b) - 14)
        right_slope = 2 * t * q + t * t * (6 * t - 16)
        u, v = left_slope * right, left * right_slope
        return left * right, _array(x, [u + 2 * v, u - 3 * v])

    return _problem("goldstein-price", [-0.5, 0.5], [3, 30, 84, 840], evaluate)


def branin() -> Problem:
    """Branin; its minima, one for each second extremum of the cosine, are all the same."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x
        p = b - 5.1 / (4 * math.pi**2) * a * a + 5 / math.pi * a - 6
        s = 10 - 10 / (8 * math.pi)
        slope = 2 * p * (5 / math.pi - 5.1 / (2 * math.pi**2) * a) - s * np.sin(a)
        return p * p + s * np.cos(a) + 10, _array(x, [slope, 2 * p])

    return _problem("branin", [6, 14], [10 / (8 * math.pi)], evaluate)


def zettl() -> Problem:
    """Zettl."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x
        p = a * a + b * b - 2 * a
        return p * p + a / 4, _array(x, [4 * p * (a - 1) + 0.25, 4 * p * b])

    return _problem("zettl", [-1.5, 4], [-3.7912372204688982e-3], evaluate)


def cube() -> Problem:
    """The cubic relative of Rosenbrock's function, of Leon."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        r, jacobian = [10 * (b - a * a * a), 1 - a], [[-30 * a * a, 10], [-1, 0]]
        return _array(x, r), _array(x, jacobian)

    return _least_squares("cube", [-1.2, 1], [0], terms)


def denschna() -> Problem:
    """DENSCHNA, of Dennis and Schnabel."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        e = np.exp(b)
        return _array(x, [a * a, a + b, e - 1]), _array(x, [[2 * a, 0], [1, 1], [0, e]])

    return _least_squares("denschna", [1, 1], [0], terms)


def denschnb() -> Problem:
    """DENSCHNB, of Dennis and Schnabel."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        return _array(x, [a - 2, (a - 2) * b, b + 1]), _array(x, [[1, 0], [b, a - 2], [0, 1]])

    return _least_squares("denschnb", [1, 1], [0], terms)


def denschnc() -> Problem:
    """DENSCHNC, of Dennis and Schnabel."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        e = np.exp(a - 1)
        r, jacobian = [a * a + b * b - 2, e + b**3 - 2], [[2 * a, 2 * b], [e, 3 * b * b]]
        return _array(x, r), _array(x, jacobian)

    return _least_squares("denschnc", [2, 3], [0, 0.18336165467793437], terms)


def denschnf() -> Problem:
    """DENSCHNF, of Dennis and Schnabel."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        s, t = a + b, a - b
        r = [2 * s * s + t * t - 8, 5 * a * a + (b - 3) * (b - 3) - 9]
        jacobian = [[4 * s + 2 * t, 4 * s - 2 * t], [10 * a, 2 * (b - 3)]]
        return _array(x, r), _array(x, jacobian)

    return _least_squares("denschnf", [2, 0], [0], terms)


# Any number of variables.


def diagonal_quadratic(n: int = 10, condition: float = 1e4) -> Problem:
    """Half of x D x, the entries of D from 1 to `condition`, evenly in their logarithms."""
    scale = np.geomspace(1, condition, n)

    def evaluate(x: Array) -> tuple[Any, Array]:
        g = scale.astype(x.dtype, copy=False) * x
        return x @ g / 2, g

    return _problem(f"diagonal quadratic {condition:.0e} n={n}", np.ones(n), [0], evaluate)


def hilbert_quadratic(n: int = 10) -> Problem:
    """The quadratic x H x of the matrix of Hilbert, 1 / (i + j - 1)."""
    i = np.arange(n)
    matrix = 1 / (i[:, None] + i + 1)

    def evaluate(x: Array) -> tuple[Any, Array]:
        g = matrix.astype(x.dtype) @ x
        return x @ g, 2 * g

    return _problem(f"hilbert quadratic n={n}", np.full(n, -3), [0], evaluate)


def trid(n: int = 10) -> Problem:
    """Trid, a quadratic with a tridiagonal matrix."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p = x - 1
        g = 2 * p
        g[1:] -= x[:-1]
        g[:-1] -= x[1:]
        return p @ p - x[1:] @ x[:-1], g

    return _problem(f"trid n={n}", np.zeros(n), [-n * (n + 4) * (n - 1) / 6], evaluate)


def tridia(n: int = 10) -> Problem:
    """TRIDIA, a quadratic with a tridiagonal matrix whose entries grow."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        i = _count(x, n, first=2)
        first, p = x[0] - 1, 2 * x[1:] - x[:-1]
        g = np.zeros_like(x)
        g[0] = 2 * first
        g[1:] += 4 * i * p
        g[:-1] -= 2 * i * p
        return first * first + i @ (p * p), g

    return _problem(f"tridia n={n}", np.ones(n), [0], evaluate)


def dqdrtic(n: int = 10) -> Problem:
    """DQDRTIC, a diagonal quadratic."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p = x * x
        g = np.zeros_like(x)
        g[:-2] += 2 * x[:-2]
        g[1:-1] += 200 * x[1:-1]
        g[2:] += 200 * x[2:]
        return p[:-2].sum() + 100 * p[1:-1].sum() + 100 * p[2:].sum(), g

    return _problem(f"dqdrtic n={n}", np.full(n, 3), [0], evaluate)


def chained_rosenbrock(n: int = 10) -> Problem:
    """Rosenbrock's function, every variable tied to the next; a local minimum near (-1, 1, ...)."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x[:-1], x[1:]
        p, q = b - a * a, 1 - a
        g = np.zeros_like(x)
        g[:-1] = -400 * a * p - 2 * q
        g[1:] += 200 * p
        return 100 * (p @ p) + q @ q, g

    known = {10: 3.9865791123471382, 50: 3.9866238543009337}
    start = np.resize([-1.2, 1], n)
    return _problem(f"chained rosenbrock n={n}", start, [0, *_at(known, n)], evaluate)


def genrose(n: int = 10) -> Problem:
    """GENROSE."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x[:-1], x[1:]
        p, q = b - a * a, b - 1
        g = np.zeros_like(x)
        g[:-1] = -400 * a * p
        g[1:] += 200 * p + 2 * q
        return 1 + 100 * (p @ p) + q @ q, g

    return _problem(f"genrose n={n}", np.arange(1, n + 1) / (n + 1), [1], evaluate)


def nondia(n: int = 10) -> Problem:
    """NONDIA, as in CUTE: the last variable does not appear."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        first, p = x[0] - 1, x[0] - x[:-1] * x[:-1]
        g = np.zeros_like(x)
        g[:-1] = -400 * p * x[:-1]
        g[0] += 2 * first + 200 * p.sum()
        return first * first + 100 * (p @ p), g

    # The second where x1 = (10 - sqrt(92)) / 40 and the squares of the others are the same.
    return _problem(f"nondia n={n}", np.full(n, -1), [0, 0.98989687409518626], evaluate)


def liarwhd(n: int = 10) -> Problem:
    """LIARWHD."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p, q = x * x - x[0], x - 1
        g = 16 * p * x + 2 * q
        g[0] -= 8 * p.sum()
        return 4 * (p @ p) + q @ q, g

    return _problem(f"liarwhd n={n}", np.full(n, 4), [0], evaluate)


def tquartic(n: int = 10) -> Problem:
    """TQUARTIC."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        first, p = x[0] - 1, x[0] * x[0] - x[1:] * x[1:]
        g = np.empty_like(x)
        g[0] = 2 * first + 4 * x[0] * p.sum()
        g[1:] = -4 * p * x[1:]
        return first * first + p @ p, g

    return _problem(f"tquartic n={n}", np.full(n, 0.1), [0], evaluate)


def fletchcr(n: int = 10) -> Problem:
    """FLETCHCR."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a = x[:-1]
        p = x[1:] - a + 1 - a * a
        g = np.zeros_like(x)
        g[:-1] = -200 * (1 + 2 * a) * p
        g[1:] += 200 * p
        return 100 * (p @ p), g

    return _problem(f"fletchcr n={n}", np.zeros(n), [0], evaluate)


def dixon_price(n: int = 10) -> Problem:
    """Dixon and Price; 2/3 is at (1/3, 0, ..., 0)."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        i = _count(x, n, first=2)
        first, p = x[0] - 1, 2 * x[1:] * x[1:] - x[:-1]
        g = np.zeros_like(x)
        g[0] = 2 * first
        g[1:] += 8 * i * p * x[1:]
        g[:-1] -= 2 * i * p
        return first * first + i @ (p * p), g

    return _problem(f"dixon-price n={n}", np.full(n, 3), [0, 2 / 3], evaluate)


def zakharov(n: int = 10) -> Problem:
    """Zakharov."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        w = _count(x, n) / 2
        s = w @ x
        return x @ x + s * s + s**4, 2 * x + (2 * s + 4 * s**3) * w

    return _problem(f"zakharov n={n}", np.ones(n), [0], evaluate)


def styblinski_tang(n: int = 10) -> Problem:
    """Styblinski and Tang: two minima in each variable."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        s = x * x
        return ((s - 16) * s + 5 * x).sum() / 2, (2 * s - 16) * x + 2.5

    deep, shallow = -39.166165703771415, -25.029446655283943
    minima = [deep * (n - k) + shallow * k for k in range(n + 1)]
    return _problem(f"styblinski-tang n={n}", np.linspace(-5, 5, n), minima, evaluate)


def power(n: int = 10) -> Problem:
    """POWER, of Oren: the square of a quadratic."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p = _count(x, n) * x
        q = p @ x
        return q * q, 4 * q * p

    return _problem(f"power n={n}", np.ones(n), [0], evaluate)


def quartc(n: int = 10) -> Problem:
    """QUARTC: a fourth power in each variable."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p = x - _count(x, n)
        s = p * p
        return s @ s, 4 * p * s

    return _problem(f"quartc n={n}", np.full(n, 2), [0], evaluate)


def nondquar(n: int = 10) -> Problem:
    """NONDQUAR: a singular Hessian at the minimum."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        first, last = x[0] - x[1], x[-2] + x[-1]
        p = x[:-2] + x[1:-1] + x[-1]
        s = p * p
        slope = 4 * p * s
        g = np.zeros_like(x)
        g[:-2] += slope
        g[1:-1] += slope
        g[0] += 2 * first
        g[1] -= 2 * first
        g[-2] += 2 * last
        g[-1] += 2 * last + slope.sum()
        return first * first + s @ s + last * last, g

    return _problem(f"nondquar n={n}", np.resize([1, -1], n), [0], evaluate)


def arwhead(n: int = 10) -> Problem:
    """ARWHEAD."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x[:-1], x[-1]
        p = a * a + b * b
        g = np.empty_like(x)
        g[:-1] = 4 * a * p - 4
        g[-1] = 4 * b * p.sum()
        return (p * p - 4 * a + 3).sum(), g

    return _problem(f"arwhead n={n}", np.ones(n), [0], evaluate)


def engval1(n: int = 10) -> Problem:
    """ENGVAL1."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x[:-1], x[1:]
        p = a * a + b * b
        g = np.zeros_like(x)
        g[:-1] = 4 * a * p - 4
        g[1:] += 4 * b * p
        return (p * p - 4 * a + 3).sum(), g

    known = {10: 9.1774699571813889, 50: 53.582214885207617}
    return _problem(f"engval1 n={n}", np.full(n, 2), _at(known, n), evaluate)


def edensch(n: int = 36) -> Problem:
    """EDENSCH, of Li, after Dennis and Schnabel."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x[:-1], x[1:]
        p, q, r = (a - 2) * (a - 2), b * (a - 2), b + 1
        g = np.zeros_like(x)
        g[:-1] = 4 * (a - 2) * p + 2 * q * b
        g[1:] += 2 * q * (a - 2) + 2 * r
        return 16 + p @ p + q @ q + r @ r, g

    known = {10: 63.284601005263405, 36: 219.28459202076465, 50: 303.28459202076465}
    return _problem(f"edensch n={n}", np.full(n, 8), _at(known, n), evaluate)


def bdqrtic(n: int = 10) -> Problem:
    """BDQRTIC."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        s = x * x
        p = 3 - 4 * x[:-4]
        q = s[:-4] + 2 * s[1:-3] + 3 * s[2:-2] + 4 * s[3:-1] + 5 * s[-1]
        g = np.zeros_like(x)
        g[:-4] = -8 * p
        for k in range(4):
            g[k : k - 4] += 4 * (k + 1) * q * x[k : k - 4]
        g[-1] += 20 * x[-1] * q.sum()
        return p @ p + q @ q, g

    known = {10: 18.281161753593536, 50: 178.48870521047032}
    return _problem(f"bdqrtic n={n}", np.ones(n), _at(known, n), evaluate)


def cragglvy(n: int = 10) -> Problem:
    """CRAGGLVY, of Cragg and Levy, as in CUTE, n even."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b, c, d = x[:-2:2], x[1:-2:2], x[2::2], x[3::2]
        e = np.exp(a)
        tangent = np.tan(c - d)
        p, q, r, s = e - b, b - c, tangent + c - d, d - 1
        p3, q5, r3, a7 = p**3, q**5, r**3, a**7
        slope = 4 * r3 * (2 + tangent * tangent)
        g = np.zeros_like(x)
        g[:-2:2] += 4 * p3 * e + 8 * a7
        g[1:-2:2] += 600 * q5 - 4 * p3
        g[2::2] += slope - 600 * q5
        g[3::2] += 2 * s - slope
        return p3 @ p + 100 * (q5 @ q) + r3 @ r + a7 @ a + s @ s, g

    start = np.full(n, 2.0)
    start[0] = 1
    known = {10: 1.8865658966631105, 50: 15.372509465428697}
    return _problem(f"cragglvy n={n}", start, _at(known, n), evaluate)


def cosine(n: int = 10) -> Problem:
    """COSINE."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a = x[:-1]
        p = a * a - x[1:] / 2
        sine = np.sin(p)
        g = np.zeros_like(x)
        g[:-1] = -2 * a * sine
        g[1:] += sine / 2
        return np.cos(p).sum(), g

    return _problem(f"cosine n={n}", np.ones(n), [1 - n], evaluate)


def noncvxun(n: int = 13) -> Problem:
    """NONCVXUN: a nonconvex function of one variable, of sums of three.

    Where these sums are independent, as for n = 13 and 47, all minima are the same.
    """
    i = np.arange(1, n + 1)
    j, k = (2 * i - 1) % n, (3 * i - 1) % n

    def evaluate(x: Array) -> tuple[Any, Array]:
        u = x + x[j] + x[k]
        slope = 2 * u - 4 * np.sin(u)
        g = slope.copy()
        np.add.at(g, j, slope)
        np.add.at(g, k, slope)
        return (u * u + 4 * np.cos(u)).sum(), g

    return _problem(f"noncvxun n={n}", i, [2.3168084197882132 * n], evaluate)


def schmvett(n: int = 10) -> Problem:
    """SCHMVETT, of Schmidt and Vetters."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b, c = x[:-2], x[1:-1], x[2:]
        p, q, r = a - b, (math.pi * b + c) / 2, (a + c) / b - 2
        u, cosine, e = 1 / (1 + p * p), np.cos(q), np.exp(-r * r)
        bump, wave, valley = 2 * p * u * u, cosine / 2, 2 * r * e / b
        g = np.zeros_like(x)
        g[:-2] += bump + valley
        g[1:-1] -= bump + math.pi * wave + valley * (a + c) / b
        g[2:] += valley - wave
        return -(u + np.sin(q) + e).sum(), g

    return _problem(f"schmvett n={n}", np.full(n, 0.5), [-3 * (n - 2)], evaluate)


def hager(n: int = 10) -> Problem:
    """Hager: a strictly convex function in each variable."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        e, w = np.exp(x), np.sqrt(_count(x, n))
        return e.sum() - w @ x, e - w

    w = np.sqrt(np.arange(1, n + 1))
    return _problem(f"hager n={n}", np.ones(n), [float(w.sum() - w @ np.log(w))], evaluate)


# alpha, beta, gamma and delta for a letter, and the exponents of i / n beside them for its row.
DIXMAAN_ROWS = ("ABCD", "EFGH", "IJKL", "MNOP")
DIXMAAN_EXPONENTS = ((0, 0, 0, 0), (1, 0, 0, 1), (2, 0, 0, 2), (2, 1, 1, 2))
DIXMAAN_WEIGHTS = (
    (1, 0, 0.125, 0.125),
    (1, 0.0625, 0.0625, 0.0625),
    (1, 0.125, 0.125, 0.125),
    (1, 0.26, 0.26, 0.26),
)


def dixmaan(letter: str, n: int = 15) -> Problem:
    """DIXMAANA to DIXMAANP, of Dixon and Maany, n a multiple of 3."""
    m = n // 3
    row = next(k for k, letters in enumerate(DIXMAAN_ROWS) if letter in letters)
    weights, exponents = DIXMAAN_WEIGHTS[DIXMAAN_ROWS[row].index(letter)], DIXMAAN_EXPONENTS[row]

    def evaluate(x: Array) -> tuple[Any, Array]:
        t = _count(x, n) / n
        alpha, beta, gamma, delta = (w * t**k for w, k in zip(weights, exponents, strict=True))
        b = x[1:]
        p = b * (1 + b)
        bx = beta[:-1] * x[:-1]
        near = x[: 2 * m]
        far = x[m:]
        s = far * far
        gx = gamma[: 2 * m] * near
        dx = delta[:m] * x[:m]
        end = x[2 * m :]
        g = 2 * alpha * x
        g[:-1] += 2 * bx * p * p
        g[1:] += 2 * bx * x[:-1] * p * (1 + 2 * b)
        g[: 2 * m] += 2 * gx * s * s
        g[m:] += 4 * gx * near * far * s
        g[:m] += delta[:m] * end
        g[2 * m :] += dx
        f = 1 + alpha @ (x * x) + (bx * x[:-1]) @ (p * p) + (gx * near) @ (s * s) + dx @ end
        return f, g

    return _problem(f"dixmaan{letter.lower()} n={n}", np.full(n, 2), [1], evaluate)


def log_sum_exp(n: int = 10) -> Problem:
    """The logarithm of the sum of the exponentials of 10 n affine functions."""
    rng = np.random.default_rng(1)
    slopes, offsets = rng.uniform(-1, 1, (10 * n, n)), rng.uniform(-1, 1, 10 * n)

    def evaluate(x: Array) -> tuple[Any, Array]:
        a = slopes.astype(x.dtype)
        z = a @ x + offsets.astype(x.dtype)
        top = z.real.max()
        e = np.exp(z - top)
        total = e.sum()
        return top + np.log(total), e @ a / total

    known = {20: 5.4510032026335060, 50: 6.3047191791608316}
    return _problem(f"log-sum-exp n={n}", np.full(n, 2), _at(known, n), evaluate)


def logistic(n: int = 10, ridge: float = 1e-2) -> Problem:
    """Logistic regression on 20 n points with features of sizes 0.1 to 1, and `ridge` |x|^2 / 2."""
    m = 20 * n
    rng = np.random.default_rng(2)
    points = rng.uniform(-1, 1, (m, n)) * np.geomspace(0.1, 1, n)
    labels = np.where(points @ rng.uniform(-5, 5, n) > rng.uniform(-1, 1, m), 1.0, -1.0)
    signed = -labels[:, None] * points

    def evaluate(x: Array) -> tuple[Any, Array]:
        a = signed.astype(x.dtype)
        z = a @ x
        positive = z.real > 0
        e = np.exp(np.where(positive, -z, z))
        loss = np.where(positive, z, 0) + np.log1p(e)
        probability = np.where(positive, 1, e) / (1 + e)
        return loss.sum() / m + ridge / 2 * (x @ x), probability @ a / m + ridge * x

    known = {
        (20, 1e-2): 0.40316908874450266,
        (50, 1e-2): 0.40284027718384935,
        (20, 1e-4): 0.11984174372515345,
        (50, 1e-4): 0.10993512583396395,
    }
    name = f"logistic {ridge:.0e} n={n}"
    return _problem(name, np.zeros(n), _at(known, (n, ridge)), evaluate)


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

TWO_VARIABLES: tuple[Callable[[], Problem], ...] = (
    booth,
    matyas,
    himmelblau,
    three_hump_camel,
    six_hump_camel,
    goldstein_price,
    branin,
    zettl,
    cube,
    denschna,
    denschnb,
    denschnc,
    denschnf,
)

ANY_SIZE: dict[Callable[[int], Problem], tuple[int, ...]] = {
    **{partial(diagonal_quadratic, condition=c): (50,) for c in (1e2, 1e4, 1e6)},
    hilbert_quadratic: (10,),
    trid: (50,),
    tridia: (50,),
    dqdrtic: (50,),
    chained_rosenbrock: (10, 50),
    genrose: (10, 50),
    nondia: (50,),
    liarwhd: (50,),
    tquartic: (50,),
    fletchcr: (50,),
    dixon_price: (10,),
    zakharov: (10, 50),
    styblinski_tang: (10,),
    power: (50,),
    quartc: (50,),
    nondquar: (50,),
    arwhead: (50,),
    engval1: (50,),
    edensch: (36,),
    bdqrtic: (50,),
    cragglvy: (50,),
    cosine: (50,),
    noncvxun: (47,),
    schmvett: (50,),
    hager: (50,),
    **{partial(dixmaan, letter): (48,) for letter in "AEIM"},
    log_sum_exp: (20,),
    logistic: (20,),
    partial(logistic, ridge=1e-4): (20,),
}


def more_garbow_hillstrom() -> Iterator[Problem]:
    """Those of the paper: the first size from all starts, other sizes from the standard start."""
    for make in MORE_GARBOW_HILLSTROM:
        first = make()
        yield first
        yield from (first.scaled(factor) for factor in MULTIPLES.get(make, ()))
        yield from (make(n) for n in SIZES.get(make, ())[1:])


def collected() -> Iterator[Problem]:
    """Those from elsewhere."""
    yield from (make() for make in TWO_VARIABLES)
    yield from (make(n) for make, sizes in ANY_SIZE.items() for n in sizes)


def standard_problems(max_n: int = 50) -> list[Problem]:
    """The list on which solvers are compared: all with at most `max_n` variables."""
    return [p for p in (*more_garbow_hillstrom(), *collected()) if p.n <= max_n]
