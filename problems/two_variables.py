"""Problems of two variables, collected by many."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from problems.problem import Array, Problem, array, least_squares, smooth


def booth() -> Problem:
    """Booth, a quadratic."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        return array(x, [a + 2 * b - 7, 2 * a + b - 5]), array(x, [[1, 2], [2, 1]])

    return least_squares("booth", [-10, 10], [0], terms)


def matyas() -> Problem:
    """Matyas, a quadratic."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x
        f = 0.26 * (a * a + b * b) - 0.48 * a * b
        return f, array(x, [0.52 * a - 0.48 * b, 0.52 * b - 0.48 * a])

    return smooth("matyas", [10, -7], [0], evaluate)


def himmelblau() -> Problem:
    """Himmelblau; four minima."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        return array(x, [a * a + b - 11, a + b * b - 7]), array(x, [[2 * a, 1], [1, 2 * b]])

    return least_squares("himmelblau", [1, 1], [0], terms)


def three_hump_camel() -> Problem:
    """Three-hump camel."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x
        s = a * a
        f = ((s / 6 - 1.05) * s + 2) * s + a * b + b * b
        return f, array(x, [((s - 4.2) * s + 4) * a + b, a + 2 * b])

    return smooth("three-hump camel", [-1.2, 2], [0, 0.29863844223685941], evaluate)


def six_hump_camel() -> Problem:
    """Six-hump camel."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x
        s, t = a * a, b * b
        f = ((s / 3 - 2.1) * s + 4) * s + a * b + (4 * t - 4) * t
        return f, array(x, [((2 * s - 8.4) * s + 8) * a + b, a + (16 * t - 8) * b])

    minima = [-1.0316284534898774, -0.21546382438371839, 2.1042503103112577]
    return smooth("six-hump camel", [-1, -1], minima, evaluate)


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
        return left * right, array(x, [u + 2 * v, u - 3 * v])

    return smooth("goldstein-price", [-0.5, 0.5], [3, 30, 84, 840], evaluate)


def branin() -> Problem:
    """Branin; its minima, one for each second extremum of the cosine, are all the same."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x
        p = b - 5.1 / (4 * math.pi**2) * a * a + 5 / math.pi * a - 6
        s = 10 - 10 / (8 * math.pi)
        slope = 2 * p * (5 / math.pi - 5.1 / (2 * math.pi**2) * a) - s * np.sin(a)
        return p * p + s * np.cos(a) + 10, array(x, [slope, 2 * p])

    return smooth("branin", [6, 14], [10 / (8 * math.pi)], evaluate)


def zettl() -> Problem:
    """Zettl."""

    def evaluate(x: Array) -> tuple[Any, Array]:
        a, b = x
        p = a * a + b * b - 2 * a
        return p * p + a / 4, array(x, [4 * p * (a - 1) + 0.25, 4 * p * b])

    return smooth("zettl", [-1.5, 4], [-3.7912372204688982e-3], evaluate)


def cube() -> Problem:
    """The cubic relative of Rosenbrock's function, of Leon."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        r, jacobian = [10 * (b - a * a * a), 1 - a], [[-30 * a * a, 10], [-1, 0]]
        return array(x, r), array(x, jacobian)

    return least_squares("cube", [-1.2, 1], [0], terms)


def denschna() -> Problem:
    """DENSCHNA, of Dennis and Schnabel."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        e = np.exp(b)
        return array(x, [a * a, a + b, e - 1]), array(x, [[2 * a, 0], [1, 1], [0, e]])

    return least_squares("denschna", [1, 1], [0], terms)


def denschnb() -> Problem:
    """DENSCHNB, of Dennis and Schnabel."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        return array(x, [a - 2, (a - 2) * b, b + 1]), array(x, [[1, 0], [b, a - 2], [0, 1]])

    return least_squares("denschnb", [1, 1], [0], terms)


def denschnc() -> Problem:
    """DENSCHNC, of Dennis and Schnabel."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        e = np.exp(a - 1)
        r, jacobian = [a * a + b * b - 2, e + b**3 - 2], [[2 * a, 2 * b], [e, 3 * b * b]]
        return array(x, r), array(x, jacobian)

    return least_squares("denschnc", [2, 3], [0, 0.18336165467793437], terms)


def denschnf() -> Problem:
    """DENSCHNF, of Dennis and Schnabel."""

    def terms(x: Array) -> tuple[Array, Array]:
        a, b = x
        s, t = a + b, a - b
        r = [2 * s * s + t * t - 8, 5 * a * a + (b - 3) * (b - 3) - 9]
        jacobian = [[4 * s + 2 * t, 4 * s - 2 * t], [10 * a, 2 * (b - 3)]]
        return array(x, r), array(x, jacobian)

    return least_squares("denschnf", [2, 0], [0], terms)


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
