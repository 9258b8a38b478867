"""The NumPy twin of models by name: what the lanes compute, in the order in which they do.

`exp` and `log` are made of + - * / and the bits of exponents, a model of them. Each model takes a
point (arrays of its variables) and its parameters, and returns the value and the derivatives. This
file never imports schuss.
"""

from __future__ import annotations

import math

import numpy as np

WHOLE = float.fromhex("0x1.8p52")
LN2_HIGH, LN2_LOW = float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")
PER_LN2 = float.fromhex("0x1.71547652b82fep0")


def bits(x):
    return np.asarray(x, np.float64).view(np.uint64)


def number(x):
    return x.view(np.float64)


def power_of_two(k):
    """2^k of k + WHOLE."""
    return number((bits(k) + np.uint64(1023)) << np.uint64(52))


def series(s, coefficients):
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = c + s * total
    return total


@np.errstate(all="ignore")
def exp(x):
    x = np.asarray(x, np.float64)
    x = np.where(x < -800.0, -800.0, x)
    x = np.where(x > 800.0, 800.0, x)
    k = (x * PER_LN2 + WHOLE) - WHOLE
    high, low = x - k * LN2_HIGH, k * LN2_LOW
    r = high - low
    s = r * r
    even = series(s, [1 / math.factorial(n) for n in range(2, 13, 2)])
    odd = series(s, [1 / math.factorial(n) for n in range(3, 14, 2)])
    y = 1.0 + (high - (low - s * (even + r * odd)))
    half = k * 0.5 + WHOLE
    rest = k - (half - WHOLE) + WHOLE
    return y * power_of_two(half) * power_of_two(rest)


@np.errstate(all="ignore")
def log(x):
    x = np.asarray(x, np.float64)
    small = x < 2.0**-1022
    whole = bits(np.where(small, x * 2.0**54, x))
    shifted = whole - np.uint64(0x3FE6A09E667F3BCD)
    exponent = (shifted + np.uint64(1024 << 52)) >> np.uint64(52)
    f = number(whole - ((exponent - np.uint64(1024)) << np.uint64(52))) - 1.0
    k = number(exponent | np.uint64(0x433 << 52)) - (2.0**52 + 1024.0)
    k = np.where(small, k - 54.0, k)
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    half = 0.5 * f * f
    one = series(w, [2 / n for n in range(3, 24, 4)])
    other = series(w, [2 / n for n in range(5, 22, 4)])
    y = k * LN2_HIGH - ((half - (s * (half + z * (one + z * other)) + k * LN2_LOW)) - f)
    y = np.where(x == 0.0, -np.inf, y)
    y = np.where(x < np.inf, y, x)
    return np.where(x < 0.0, np.nan, y)


def gaussian(x, height, center, sigma):
    inverse = 1.0 / sigma
    z = (x - center) * inverse
    e = exp(-0.5 * z * z)
    value = height * e
    by_center = value * z * inverse
    return value, [e, by_center, by_center * z]


def gaussian_2d(x, height, center_x, center_y, sigma_x, sigma_y):
    inverse_x, inverse_y = 1.0 / sigma_x, 1.0 / sigma_y
    u, v = (x[0] - center_x) * inverse_x, (x[1] - center_y) * inverse_y
    e = exp(-0.5 * (u * u + v * v))
    value = height * e
    by_x, by_y = value * u * inverse_x, value * v * inverse_y
    return value, [e, by_x, by_y, by_x * u, by_y * v]


def lorentzian(x, height, center, gamma):
    inverse = 1.0 / gamma
    u = (x - center) * inverse
    part = 1.0 / (1.0 + u * u)
    value = height * part
    by_center = 2.0 * value * part * u * inverse
    return value, [part, by_center, by_center * u]


def voigt(x, height, center, sigma, fraction):
    per_square = float.fromhex("0x1.71547652b82fep-1")
    inverse = 1.0 / sigma
    z = (x - center) * inverse
    square = z * z
    gauss, lorentz = exp(-0.5 * square), 1.0 / (1.0 + square * per_square)
    part, other = (1.0 - fraction) * gauss, fraction * lorentz
    by_center = height * (part + 2.0 * per_square * other * lorentz) * z * inverse
    by = [part + other, by_center, by_center * z, height * (lorentz - gauss)]
    return height * (part + other), by


def exponential(x, amplitude, rate):
    e = exp(-rate * x)
    value = amplitude * e
    return value, [e, -x * value]


def biexponential(x, a1, k1, a2, k2):
    (first, by_first), (second, by_second) = exponential(x, a1, k1), exponential(x, a2, k2)
    return first + second, [*by_first, *by_second]


def sigmoid(x, height, center, width):
    inverse = 1.0 / width
    t = (x - center) * inverse
    e = exp(-np.abs(t))
    part = 1.0 / (1.0 + e)
    by_height = np.where(t < 0.0, e * part, part)
    by_center = -height * (e * part * part) * inverse
    return height * by_height, [by_height, by_center, by_center * t]


def power(x, amplitude, exponent):
    logarithm = log(x)
    with np.errstate(invalid="ignore"):
        e = exp(np.where(exponent == 0.0, 0.0, exponent * logarithm))
        value = amplitude * e
        return value, [e, np.where(e == 0.0, 0.0, value * logarithm)]


def with_line(model, n, x, *p, offset, slope):
    """A model of n parameters with a constant, and a slope in each variable."""
    value, by = model(x, *p[:n])
    rest = list(p[n:])
    if offset:
        value = value + rest.pop(0)
        by = [*by, np.ones_like(value)]
    if slope:
        for along in x if np.ndim(x) > np.ndim(value) else [x]:
            value = value + rest.pop(0) * along
            by = [*by, along + np.zeros_like(value)]
    return value, by
