"""The NumPy twin: what every rule computes, in the order in which it is computed.

Each function takes a parameter array, its gradient, its slots, the step `t` (from 1) and the
hyperparameters, and returns the new parameter and slots. Coefficients are worked out in double and
rounded once to the array's dtype. The compiled kernels equal these functions bit for bit. This file
never imports schuss.
"""

from __future__ import annotations

import math

import numpy as np


def power(base, exponent):
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        exponent >>= 1
        base *= base
    return result


def bias_correction(beta, t):
    return 1.0 - power(beta, t)


def ema(average, value, beta):
    f = value.dtype.type
    return f(beta) * average + f(1.0 - beta) * value


def maximum(a, b):
    return np.where(a < b, b, a)


def sgd(p, g, *, t, learning_rate):
    f = p.dtype.type
    return (p - f(learning_rate) * g,)


def momentum(p, g, b, *, t, learning_rate, momentum, dampening):
    f = p.dtype.type
    b = f(momentum) * b + f(1.0 - dampening) * g
    return p - f(learning_rate) * b, b


def nesterov(p, g, b, *, t, learning_rate, momentum, dampening):
    f = p.dtype.type
    taken = f(1.0 - dampening) * g
    b = f(momentum) * b + taken
    return p - f(learning_rate) * (taken + f(momentum) * b), b


def velocity(p, g, v, *, t, learning_rate, momentum, dampening):
    f = p.dtype.type
    v = f(momentum) * v - f(learning_rate * (1.0 - dampening)) * g
    return p + v, v


def nesterov_velocity(p, g, v, *, t, learning_rate, momentum, dampening):
    f = p.dtype.type
    taken = f(learning_rate * (1.0 - dampening)) * g
    v = f(momentum) * v - taken
    return p + (f(momentum) * v - taken), v


def root(x, epsilon, inside):
    f = x.dtype.type
    return np.sqrt(x + f(epsilon)) if inside else np.sqrt(x) + f(epsilon)


def adagrad(p, g, total, *, t, learning_rate, epsilon, epsilon_inside_sqrt):
    f = p.dtype.type
    total = total + g * g
    return p - (f(learning_rate) * g) / root(total, epsilon, epsilon_inside_sqrt), total


def rmsprop(p, g, v, *, t, learning_rate, beta, epsilon, epsilon_inside_sqrt, momentum):
    f = p.dtype.type
    v = ema(v, g * g, beta)
    return p - (f(learning_rate) * g) / root(v, epsilon, epsilon_inside_sqrt), v


def rmsprop_momentum(p, g, v, b, *, t, learning_rate, beta, epsilon, epsilon_inside_sqrt, momentum):
    f = p.dtype.type
    v = ema(v, g * g, beta)
    b = f(momentum) * b + g / root(v, epsilon, epsilon_inside_sqrt)
    return p - f(learning_rate) * b, v, b


def spread(v, mean):
    difference = v - mean * mean
    return np.where(difference < 0, v.dtype.type(0), difference)


def rmsprop_centered(p, g, v, a, *, t, learning_rate, beta, epsilon, epsilon_inside_sqrt, momentum):
    f = p.dtype.type
    v, a = ema(v, g * g, beta), ema(a, g, beta)
    return p - (f(learning_rate) * g) / root(spread(v, a), epsilon, epsilon_inside_sqrt), v, a


def rmsprop_centered_momentum(
    p, g, v, a, b, *, t, learning_rate, beta, epsilon, epsilon_inside_sqrt, momentum
):
    f = p.dtype.type
    v, a = ema(v, g * g, beta), ema(a, g, beta)
    b = f(momentum) * b + g / root(spread(v, a), epsilon, epsilon_inside_sqrt)
    return p - f(learning_rate) * b, v, a, b


def adadelta(p, g, v, u, *, t, learning_rate, rho, epsilon):
    f = p.dtype.type
    v = ema(v, g * g, rho)
    x = np.sqrt(u + f(epsilon)) / np.sqrt(v + f(epsilon)) * g
    u = ema(u, x * x, rho)
    return p - f(learning_rate) * x, v, u


def adam_step(m, v, t, learning_rate, beta1, beta2, epsilon):
    f = m.dtype.type
    step_size = learning_rate / bias_correction(beta1, t)
    inverse_root = 1.0 / math.sqrt(bias_correction(beta2, t))
    return (f(step_size) * m) / (np.sqrt(v) * f(inverse_root) + f(epsilon))


def adam(p, g, m, v, *, t, learning_rate, beta1, beta2, epsilon):
    m, v = ema(m, g, beta1), ema(v, g * g, beta2)
    return p - adam_step(m, v, t, learning_rate, beta1, beta2, epsilon), m, v


def amsgrad(p, g, m, v, v_max, *, t, learning_rate, beta1, beta2, epsilon):
    m, v = ema(m, g, beta1), ema(v, g * g, beta2)
    v_max = maximum(v_max, v)
    return p - adam_step(m, v_max, t, learning_rate, beta1, beta2, epsilon), m, v, v_max


def adamw(p, g, m, v, *, t, learning_rate, beta1, beta2, epsilon, weight_decay):
    f = p.dtype.type
    m, v = ema(m, g, beta1), ema(v, g * g, beta2)
    step = adam_step(m, v, t, learning_rate, beta1, beta2, epsilon)
    return p - (f(learning_rate * weight_decay) * p + step), m, v


def amsgradw(p, g, m, v, v_max, *, t, learning_rate, beta1, beta2, epsilon, weight_decay):
    f = p.dtype.type
    m, v = ema(m, g, beta1), ema(v, g * g, beta2)
    v_max = maximum(v_max, v)
    step = adam_step(m, v_max, t, learning_rate, beta1, beta2, epsilon)
    return p - (f(learning_rate * weight_decay) * p + step), m, v, v_max


def adabelief(p, g, m, s, *, t, learning_rate, beta1, beta2, epsilon, epsilon_root):
    f = p.dtype.type
    m = ema(m, g, beta1)
    s = ema(s, (g - m) * (g - m), beta2) + f(epsilon_root)
    return p - adam_step(m, s, t, learning_rate, beta1, beta2, epsilon), m, s


def radam(p, g, m, v, *, t, learning_rate, beta1, beta2, epsilon, threshold):
    f = p.dtype.type
    m, v = ema(m, g, beta1), ema(v, g * g, beta2)
    decay = power(beta2, t)
    limit = 2.0 / (1.0 - beta2) - 1.0
    rho = limit - 2.0 * t * decay / (1.0 - decay)
    if not rho > threshold:
        return p - f(learning_rate / bias_correction(beta1, t)) * m, m, v
    r = math.sqrt(((rho - 4.0) * (rho - 2.0) * limit) / ((limit - 4.0) * (limit - 2.0) * rho))
    step_size = learning_rate / bias_correction(beta1, t) * r
    inverse_root = 1.0 / math.sqrt(1.0 - decay)
    return p - (f(step_size) * m) / (np.sqrt(v) * f(inverse_root) + f(epsilon)), m, v


def power_096(x):
    whole = int(x)
    z = (x - whole) * -0.040821994520255129554577
    series = 1.0
    for k in range(10, 0, -1):
        series = 1.0 + z / k * series
    return power(0.96, whole) * series


def nadam(p, g, m, v, *, t, learning_rate, beta1, beta2, epsilon, momentum_decay):
    def mu(step):
        return beta1 * (1.0 - 0.5 * power_096(step * momentum_decay))

    f = p.dtype.type
    product = 1.0
    for step in range(1, t + 1):
        product *= mu(step)
    m, v = ema(m, g, beta1), ema(v, g * g, beta2)
    grad_step = learning_rate * (1.0 - mu(t)) / (1.0 - product)
    moment_step = learning_rate * mu(t + 1) / (1.0 - product * mu(t + 1))
    inverse_root = 1.0 / math.sqrt(bias_correction(beta2, t))
    denominator = np.sqrt(v) * f(inverse_root) + f(epsilon)
    return p - (f(grad_step) * g + f(moment_step) * m) / denominator, m, v


def adamax(p, g, m, u, *, t, learning_rate, beta1, beta2, epsilon):
    f = p.dtype.type
    m = ema(m, g, beta1)
    u = maximum(f(beta2) * u, np.abs(g) + f(epsilon))
    return p - (f(learning_rate / bias_correction(beta1, t)) * m) / u, m, u


def lion(p, g, m, *, t, learning_rate, beta1, beta2, weight_decay):
    f = p.dtype.type
    direction = np.sign(ema(m, g, beta1))
    p = p - (f(learning_rate * weight_decay) * p + f(learning_rate) * direction)
    return p, ema(m, g, beta2)


def prepare(p, g, *, scale=1.0, limit=math.inf, l2=0.0):
    """What happens to a gradient before its rule: scale, clip each element, add the L2 term."""
    f = p.dtype.type
    g = f(scale) * g
    g = np.where(f(limit) < g, f(limit), g)
    g = np.where(g < f(-limit), f(-limit), g)
    return g + f(l2) * p if l2 != 0.0 else g


BLOCK, LANES = 4096, 16


def sum_squares(x):
    """Blocks of 4096 elements, 16 lanes each, a fixed tree over the lanes, blocks in order."""
    x = np.asarray(x, np.float64)
    total = 0.0
    for begin in range(0, x.size, BLOCK):
        block = x[begin : begin + BLOCK]
        lanes = np.zeros(LANES)
        for row in range(0, block.size, LANES):
            part = block[row : row + LANES]
            lanes[: part.size] += part * part
        while lanes.size > 1:
            half = lanes.size // 2
            lanes = lanes[:half] + lanes[half:]
        total += lanes[0]
    return total


def clip_factor(norm, max_norm):
    factor = max_norm / (norm + 1e-6)
    return factor if factor < 1.0 else 1.0
