"""Problems of any number of variables, collected by many."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from problems.problem import Array, Problem, at, count, smooth


def diagonal_quadratic(n: int = 10, condition: float = 1e4) -> Problem:
    """Half of x D x, the entries of D from 1 to `condition`, evenly in their logarithms."""
    scale = np.geomspace(1, condition, n)

    def evaluate(x: Array) -> tuple[Any, Array]:
        g = scale.astype(x.dtype, copy=False) * x
        return x @ g / 2, g

    return smooth(f"diagonal quadratic {condition:.0e} n={n}", np.ones(n), [0], evaluate)


def hilbert_quadratic(n: int = 10) -> Problem:
    """The quadratic x H x of the matrix of Hilbert, 1 / (i + j - 1)."""
    i = np.arange(n)
    matrix = 1 / (i[:, None] + i + 1)

    def evaluate(x: Array) -> tuple[Any, Array]:
        g = matrix.astype(x.dtype) @ x
        return x @ g, 2 * g

    return smooth(f"hilbert quadratic n={n}", np.full(n, -3), [0], evaluate)


def trid(n: int = 10) -> Problem:
    """Trid, a quadratic with a tridiagonal matrix."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p = x - 1
        g = 2 * p
        g[1:] -= x[:-1]
        g[:-1] -= x[1:]
        return p @ p - x[1:] @ x[:-1], g

    return smooth(f"trid n={n}", np.zeros(n), [-n * (n + 4) * (n - 1) / 6], evaluate)


def tridia(n: int = 10) -> Problem:
    """TRIDIA, a quadratic with a tridiagonal matrix whose entries grow."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        i = count(x, n, first=2)
        first, p = x[0] - 1, 2 * x[1:] - x[:-1]
        g = np.zeros_like(x)
        g[0] = 2 * first
        g[1:] += 4 * i * p
        g[:-1] -= 2 * i * p
        return first * first + i @ (p * p), g

    return smooth(f"tridia n={n}", np.ones(n), [0], evaluate)


def dqdrtic(n: int = 10) -> Problem:
    """DQDRTIC, a diagonal quadratic."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p = x * x
        g = np.zeros_like(x)
        g[:-2] += 2 * x[:-2]
        g[1:-1] += 200 * x[1:-1]
        g[2:] += 200 * x[2:]
        return p[:-2].sum() + 100 * p[1:-1].sum() + 100 * p[2:].sum(), g

    return smooth(f"dqdrtic n={n}", np.full(n, 3), [0], evaluate)


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
    return smooth(f"chained rosenbrock n={n}", start, [0, *at(known, n)], evaluate)


def genrose(n: int = 10) -> Problem:
    """GENROSE."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x[:-1], x[1:]
        p, q = b - a * a, b - 1
        g = np.zeros_like(x)
        g[:-1] = -400 * a * p
        g[1:] += 200 * p + 2 * q
        return 1 + 100 * (p @ p) + q @ q, g

    return smooth(f"genrose n={n}", np.arange(1, n + 1) / (n + 1), [1], evaluate)


def nondia(n: int = 10) -> Problem:
    """NONDIA, as in CUTE: the last variable does not appear."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        first, p = x[0] - 1, x[0] - x[:-1] * x[:-1]
        g = np.zeros_like(x)
        g[:-1] = -400 * p * x[:-1]
        g[0] += 2 * first + 200 * p.sum()
        return first * first + 100 * (p @ p), g

    # The second where x1 = (10 - sqrt(92)) / 40 and the squares of the others are the same.
    return smooth(f"nondia n={n}", np.full(n, -1), [0, 0.98989687409518626], evaluate)


def liarwhd(n: int = 10) -> Problem:
    """LIARWHD."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p, q = x * x - x[0], x - 1
        g = 16 * p * x + 2 * q
        g[0] -= 8 * p.sum()
        return 4 * (p @ p) + q @ q, g

    return smooth(f"liarwhd n={n}", np.full(n, 4), [0], evaluate)


def tquartic(n: int = 10) -> Problem:
    """TQUARTIC."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        first, p = x[0] - 1, x[0] * x[0] - x[1:] * x[1:]
        g = np.empty_like(x)
        g[0] = 2 * first + 4 * x[0] * p.sum()
        g[1:] = -4 * p * x[1:]
        return first * first + p @ p, g

    return smooth(f"tquartic n={n}", np.full(n, 0.1), [0], evaluate)


def fletchcr(n: int = 10) -> Problem:
    """FLETCHCR."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a = x[:-1]
        p = x[1:] - a + 1 - a * a
        g = np.zeros_like(x)
        g[:-1] = -200 * (1 + 2 * a) * p
        g[1:] += 200 * p
        return 100 * (p @ p), g

    return smooth(f"fletchcr n={n}", np.zeros(n), [0], evaluate)


def dixon_price(n: int = 10) -> Problem:
    """Dixon and Price; 2/3 is at (1/3, 0, ..., 0)."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        i = count(x, n, first=2)
        first, p = x[0] - 1, 2 * x[1:] * x[1:] - x[:-1]
        g = np.zeros_like(x)
        g[0] = 2 * first
        g[1:] += 8 * i * p * x[1:]
        g[:-1] -= 2 * i * p
        return first * first + i @ (p * p), g

    return smooth(f"dixon-price n={n}", np.full(n, 3), [0, 2 / 3], evaluate)


def zakharov(n: int = 10) -> Problem:
    """Zakharov."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        w = count(x, n) / 2
        s = w @ x
        return x @ x + s * s + s**4, 2 * x + (2 * s + 4 * s**3) * w

    return smooth(f"zakharov n={n}", np.ones(n), [0], evaluate)


def styblinski_tang(n: int = 10) -> Problem:
    """Styblinski and Tang: two minima in each variable."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        s = x * x
        return ((s - 16) * s + 5 * x).sum() / 2, (2 * s - 16) * x + 2.5

    deep, shallow = -39.166165703771415, -25.029446655283943
    minima = [deep * (n - k) + shallow * k for k in range(n + 1)]
    return smooth(f"styblinski-tang n={n}", np.linspace(-5, 5, n), minima, evaluate)


def power(n: int = 10) -> Problem:
    """POWER, of Oren: the square of a quadratic."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p = count(x, n) * x
        q = p @ x
        return q * q, 4 * q * p

    return smooth(f"power n={n}", np.ones(n), [0], evaluate)


def quartc(n: int = 10) -> Problem:
    """QUARTC: a fourth power in each variable."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        p = x - count(x, n)
        s = p * p
        return s @ s, 4 * p * s

    return smooth(f"quartc n={n}", np.full(n, 2), [0], evaluate)


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

    return smooth(f"nondquar n={n}", np.resize([1, -1], n), [0], evaluate)


def arwhead(n: int = 10) -> Problem:
    """ARWHEAD."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x[:-1], x[-1]
        p = a * a + b * b
        g = np.empty_like(x)
        g[:-1] = 4 * a * p - 4
        g[-1] = 4 * b * p.sum()
        return (p * p - 4 * a + 3).sum(), g

    return smooth(f"arwhead n={n}", np.ones(n), [0], evaluate)


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
    return smooth(f"engval1 n={n}", np.full(n, 2), at(known, n), evaluate)


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
    return smooth(f"edensch n={n}", np.full(n, 8), at(known, n), evaluate)


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
    return smooth(f"bdqrtic n={n}", np.ones(n), at(known, n), evaluate)


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
    return smooth(f"cragglvy n={n}", start, at(known, n), evaluate)


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

    return smooth(f"cosine n={n}", np.ones(n), [1 - n], evaluate)


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

    return smooth(f"noncvxun n={n}", i, [2.3168084197882132 * n], evaluate)


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

    return smooth(f"schmvett n={n}", np.full(n, 0.5), [-3 * (n - 2)], evaluate)


def hager(n: int = 10) -> Problem:
    """Hager: a strictly convex function in each variable."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        e, w = np.exp(x), np.sqrt(count(x, n))
        return e.sum() - w @ x, e - w

    w = np.sqrt(np.arange(1, n + 1))
    return smooth(f"hager n={n}", np.ones(n), [float(w.sum() - w @ np.log(w))], evaluate)


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
        t = count(x, n) / n
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

    return smooth(f"dixmaan{letter.lower()} n={n}", np.full(n, 2), [1], evaluate)


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
    return smooth(f"log-sum-exp n={n}", np.full(n, 2), at(known, n), evaluate)


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
    return smooth(name, np.zeros(n), at(known, (n, ridge)), evaluate)


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
