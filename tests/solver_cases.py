"""What tests of the solver API share: the classes, two functions, and a run."""

from __future__ import annotations

import math

import numpy as np
from helpers import METHODS, leaves
from schuss import _core
from schuss.structures import map_leaves

SEARCHING = [name for name in METHODS if "maxls" in _core.methods()[name]["options"]]
START = [-1.2, 1.0]


def rosenbrock(x):
    a, b = 1 - x[0], x[1] - x[0] ** 2
    return a * a + 100 * b * b, np.array([-2 * a - 400 * x[0] * b, 200 * b])


def chained_rosenbrock(x):
    u, v = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    g = np.zeros_like(x)
    g[:-1] = -400 * x[:-1] * u - 2 * v
    g[1:] += 200 * u
    return 100 * u @ u + v @ v, g


def f_rosenbrock(x):
    return rosenbrock(x)[0]


def g_rosenbrock(x):
    return rosenbrock(x)[1]


def h_rosenbrock(x):
    return np.array([[2 - 400 * x[1] + 1200 * x[0] ** 2, -400 * x[0]], [-400 * x[0], 200.0]])


def shifted(x, shift, scale=1.0):
    f, g = bowl(x - shift)
    return scale * f, scale * g


def bowl(x):
    """Convex, with its minimum 0 where every element is 3; any shape and dtype."""
    d = x - 3
    return float((np.sqrt(1 + d * d) - 1).sum(dtype=np.float64)), d / np.sqrt(1 + d * d)


def tree_bowl(tree):
    return sum(bowl(leaf)[0] for leaf in leaves(tree)), map_leaves(lambda x: bowl(x)[1], tree)


def drive(solver, function=rosenbrock):
    while not solver.done:
        solver.tell(*function(solver.ask()))
    return solver.result()


# Section 5 of Moré and Thuente 1994.


def function_1(a):
    return -a / (a * a + 2), (a * a - 2) / (a * a + 2) ** 2


def function_2(a):
    b = a + 0.004
    return b**5 - 2 * b**4, 5 * b**4 - 8 * b**3


def function_3(a):
    angle = 39 * math.pi / 2 * a
    if abs(a - 1) >= 0.01:
        base, slope = abs(a - 1), math.copysign(1.0, a - 1)
    else:
        base, slope = (a - 1) ** 2 / 0.02 + 0.005, (a - 1) / 0.01
    size = 2 * 0.99 / (39 * math.pi)
    return base + size * math.sin(angle), slope + 0.99 * math.cos(angle)


def yanai(b1, b2):
    """Functions 4 to 6, of Yanai, Ozawa and Kaneko: two sharp bends."""

    def phi(a):
        u, v = math.sqrt(1 + b1 * b1) - b1, math.sqrt(1 + b2 * b2) - b2
        near, far = math.sqrt(a * a + b1 * b1), math.sqrt((1 - a) ** 2 + b2 * b2)
        return u * far + v * near, u * (a - 1) / far + v * a / near

    return phi
