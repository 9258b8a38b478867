"""The NumPy twin: what every rule computes, in the order in which it is computed.

Each function takes a parameter array, its gradient, its slots, the step `t` (from 1) and the
hyperparameters, and returns the step, which `move` takes, and the new slots. Coefficients are
worked out in double and rounded once to the array's dtype. The compiled kernels equal these
functions bit for bit. This file never imports schuss.
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
    return (f(learning_rate) * g,)


def momentum(p, g, b, *, t, learning_rate, momentum, dampening, first_dampening):
    f = p.dtype.type
    b = f(momentum) * b + f(1.0 - (first_dampening if t == 1 else dampening)) * g
    return f(learning_rate) * b, b


def nesterov(p, g, b, *, t, learning_rate, momentum, dampening, first_dampening):
    f = p.dtype.type
    taken = f(1.0 - (first_dampening if t == 1 else dampening)) * g
    b = f(momentum) * b + taken
    return f(learning_rate) * (taken + f(momentum) * b), b


def velocity(p, g, v, *, t, learning_rate, momentum, dampening):
    f = p.dtype.type
    v = f(momentum) * v - f(learning_rate * (1.0 - dampening)) * g
    return -v, v


def nesterov_velocity(p, g, v, *, t, learning_rate, momentum, dampening):
    f = p.dtype.type
    taken = f(learning_rate * (1.0 - dampening)) * g
    v = f(momentum) * v - taken
    return -(f(momentum) * v - taken), v


def asgd(p, g, ax, *, t, learning_rate, lambd, alpha, t0):
    def rate(step):
        if step == 1:
            return learning_rate
        growth = log(1.0 + lambd * learning_rate * (step - 1))
        return learning_rate / (1.0 + expm1(alpha * growth))

    f = p.dtype.type
    mu = 1.0 / max(1.0, t - 1 - t0)
    step = f(lambd * rate(t)) * p + f(rate(t)) * g
    moved = p - step
    return step, ax + f(mu) * (moved - ax) if f(mu) < 1 else moved


def root(x, epsilon, inside):
    f = x.dtype.type
    return np.sqrt(x + f(epsilon)) if inside else np.sqrt(x) + f(epsilon)


def adagrad(p, g, total, *, t, learning_rate, epsilon, epsilon_inside_sqrt, lr_decay):
    f = p.dtype.type
    total = total + g * g
    rate = f(learning_rate / (1.0 + (t - 1) * lr_decay))
    return (rate * g) / root(total, epsilon, epsilon_inside_sqrt), total


def rmsprop(p, g, v, *, t, learning_rate, beta, epsilon, epsilon_inside_sqrt, momentum):
    f = p.dtype.type
    v = ema(v, g * g, beta)
    return (f(learning_rate) * g) / root(v, epsilon, epsilon_inside_sqrt), v


def rmsprop_momentum(p, g, v, b, *, t, learning_rate, beta, epsilon, epsilon_inside_sqrt, momentum):
    f = p.dtype.type
    v = ema(v, g * g, beta)
    b = f(momentum) * b + g / root(v, epsilon, epsilon_inside_sqrt)
    return f(learning_rate) * b, v, b


def spread(v, mean):
    difference = v - mean * mean
    return np.where(difference < 0, v.dtype.type(0), difference)


def rmsprop_centered(p, g, v, a, *, t, learning_rate, beta, epsilon, epsilon_inside_sqrt, momentum):
    f = p.dtype.type
    v, a = ema(v, g * g, beta), ema(a, g, beta)
    return (f(learning_rate) * g) / root(spread(v, a), epsilon, epsilon_inside_sqrt), v, a


def rmsprop_centered_momentum(
    p, g, v, a, b, *, t, learning_rate, beta, epsilon, epsilon_inside_sqrt, momentum
):
    f = p.dtype.type
    v, a = ema(v, g * g, beta), ema(a, g, beta)
    b = f(momentum) * b + g / root(spread(v, a), epsilon, epsilon_inside_sqrt)
    return f(learning_rate) * b, v, a, b


def adadelta(p, g, v, u, *, t, learning_rate, rho, epsilon):
    f = p.dtype.type
    v = ema(v, g * g, rho)
    x = np.sqrt(u + f(epsilon)) / np.sqrt(v + f(epsilon)) * g
    u = ema(u, x * x, rho)
    return f(learning_rate) * x, v, u


def denominator(v, t, beta2, epsilon):
    f = v.dtype.type
    inverse_root = 1.0 / math.sqrt(bias_correction(beta2, t))
    return np.sqrt(v) * f(inverse_root) + f(epsilon)


def adam_step(m, v, t, learning_rate, beta1, beta2, epsilon):
    step_size = m.dtype.type(learning_rate / bias_correction(beta1, t))
    return (step_size * m) / denominator(v, t, beta2, epsilon)


def adam(p, g, m, v, *, t, learning_rate, beta1, beta2, epsilon):
    m, v = ema(m, g, beta1), ema(v, g * g, beta2)
    return adam_step(m, v, t, learning_rate, beta1, beta2, epsilon), m, v


def amsgrad(p, g, m, v, v_max, *, t, learning_rate, beta1, beta2, epsilon):
    m, v = ema(m, g, beta1), ema(v, g * g, beta2)
    v_max = maximum(v_max, v)
    return adam_step(m, v_max, t, learning_rate, beta1, beta2, epsilon), m, v, v_max


def adabelief(p, g, m, s, *, t, learning_rate, beta1, beta2, epsilon, epsilon_root):
    f = p.dtype.type
    m = ema(m, g, beta1)
    s = ema(s, (g - m) * (g - m), beta2) + f(epsilon_root)
    return adam_step(m, s, t, learning_rate, beta1, beta2, epsilon), m, s


def radam(
    p, g, m, v, *, t, learning_rate, beta1, beta2, epsilon, threshold, epsilon_before_correction
):
    f = p.dtype.type
    m, v = ema(m, g, beta1), ema(v, g * g, beta2)
    if epsilon_before_correction:
        epsilon = epsilon * (1.0 / math.sqrt(bias_correction(beta2, t)))
    decay = power(beta2, t)
    limit = 2.0 / (1.0 - beta2) - 1.0
    rho = limit - 2.0 * t * decay / (1.0 - decay)
    if not rho > threshold:
        return f(learning_rate / bias_correction(beta1, t)) * m, m, v
    r = math.sqrt(((rho - 4.0) * (rho - 2.0) * limit) / ((limit - 4.0) * (limit - 2.0) * rho))
    step_size = learning_rate / bias_correction(beta1, t) * r
    return (f(step_size) * m) / denominator(v, t, beta2, epsilon), m, v


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
    step = f(grad_step) * g + f(moment_step) * m
    return step / denominator(v, t, beta2, epsilon), m, v


def adamax(p, g, m, u, *, t, learning_rate, beta1, beta2, epsilon):
    f = p.dtype.type
    m = ema(m, g, beta1)
    u = maximum(f(beta2) * u, np.abs(g) + f(epsilon))
    return (f(learning_rate / bias_correction(beta1, t)) * m) / u, m, u


def lion(p, g, m, *, t, learning_rate, beta1, beta2):
    f = p.dtype.type
    return f(learning_rate) * np.sign(ema(m, g, beta1)), ema(m, g, beta2)


def rprop(p, g, prev, size, *, t, learning_rate, eta_minus, eta_plus, step_min, step_max):
    f = p.dtype.type
    turn = np.sign(g) * np.sign(prev)
    factor = np.where(turn > 0, f(eta_plus), np.where(turn < 0, f(eta_minus), f(1.0)))
    size = (np.full_like(size, learning_rate) if t == 1 else size) * factor
    size = maximum(size, f(step_min))
    size = np.where(f(step_max) < size, f(step_max), size)
    g = np.where(turn < 0, f(0.0), g)
    return np.sign(g) * size, g, size


def adapts(adapt, weight_decay):
    return adapt == 1 or (adapt == 2 and weight_decay != 0.0)


def lamb(
    p,
    g,
    m,
    v,
    *,
    t,
    learning_rate,
    beta1,
    beta2,
    epsilon,
    weight_decay,
    bias_correction,
    decoupled_weight_decay,
    adapt,
    min_ratio,
    max_ratio,
    offset=0,
):
    """One tensor, of which the first element is element `offset` of all parameters in a row."""
    f = p.dtype.type
    m, v = ema(m, g, beta1), ema(v, g * g, beta2)
    if bias_correction:
        step = adam_step(m, v, t, 1.0, beta1, beta2, epsilon)
    else:
        step = m / (np.sqrt(v) + f(epsilon))
    u = f(0.0 if decoupled_weight_decay else weight_decay) * p + step
    ratio = 1.0
    if adapts(adapt, weight_decay):
        of_p, of_u = norm(p, offset), norm(u, offset)
        if of_p != 0.0 and of_u != 0.0:
            ratio = clamp(of_p / of_u, min_ratio, max_ratio)
    return f(learning_rate * ratio) * u, m, v


def lars(
    p,
    g,
    b,
    *,
    t,
    learning_rate,
    momentum,
    dampening,
    nesterov,
    trust_coefficient,
    epsilon,
    weight_decay,
    lr_in_velocity,
    adapt,
    zero_ratio,
    max_ratio,
    offset=0,
):
    """One tensor, of which the first element is element `offset` of all parameters in a row."""
    f = p.dtype.type
    ratio = 1.0
    if adapts(adapt, weight_decay):
        of_p, of_g = norm(p, offset), norm(g, offset)
        ratio = zero_ratio
        if of_p != 0.0 and of_g != 0.0:
            total = of_g + weight_decay * of_p + epsilon
            ratio = clamp(trust_coefficient * of_p / total, 0.0, max_ratio)
    take = 1.0 if t == 1 else 1.0 - dampening
    before, after = (learning_rate, 1.0) if lr_in_velocity else (1.0, learning_rate)
    on_taken, on_b = (after, after * momentum) if nesterov else (0.0, after)
    taken = f(before * take * ratio) * (g + f(weight_decay) * p)
    b = f(momentum) * b + taken
    return f(on_taken) * taken + f(on_b) * b, b


def log(x):
    """The logarithm of x > 0 from + - * / alone: the series of artanh, after x = 2^k z."""
    k = 0
    while x < 0.7071067811865476:
        x *= 2.0
        k -= 1
    while x > 1.4142135623730951:
        x *= 0.5
        k += 1
    z = (x - 1.0) / (x + 1.0)
    series = 0.0
    for n in range(23, -1, -2):
        series = series * (z * z) + 1.0 / n
    return k * 0.6931471805599453 + 2.0 * z * series


def expm1(x):
    """e^x - 1 from + - * / alone: the series where |x| is small, then doublings."""
    if x < -745.0:
        return -1.0
    if x > 710.0:
        return math.inf
    doublings = 0
    while abs(x) > 0.04:
        x *= 0.5
        doublings += 1
    series = 1.0
    for k in range(10, 1, -1):
        series = 1.0 + x / k * series
    result = x * series
    for _ in range(doublings):
        result = result * (2.0 + result)
    return result


def ademamix(
    p,
    g,
    m,
    v,
    slow,
    *,
    t,
    learning_rate,
    beta1,
    beta2,
    epsilon,
    beta3,
    alpha,
    beta3_warmup,
    alpha_warmup,
):
    """A warmup of 0 steps is none."""

    def time(beta):
        return 0.0 if beta == 0.0 else -1.0 / log(beta)

    f = p.dtype.type
    keep, take = beta3, 1.0 - beta3
    if t < beta3_warmup:
        part = t / beta3_warmup
        steps = (1.0 - part) * time(beta1) + part * time(beta3)
        take = -expm1(-1.0 / steps) if steps > 0.0 else 1.0
        keep = 1.0 - take
    if t < alpha_warmup:
        alpha = alpha * (t / alpha_warmup)
    m, v = ema(m, g, beta1), ema(v, g * g, beta2)
    slow = f(keep) * slow + f(take) * g
    mixed = f(learning_rate / bias_correction(beta1, t)) * m + f(learning_rate * alpha) * slow
    return mixed / denominator(v, t, beta2, epsilon), m, v, slow


def adan(
    p,
    g,
    m,
    n,
    d,
    previous,
    *,
    t,
    learning_rate,
    beta1,
    beta2,
    beta3,
    epsilon,
    weight_decay,
    proximal,
):
    """(p - rate u) / (1 + rate decay) is p - smaller (decay p + u), smaller = rate / (1 + ...)."""
    f = p.dtype.type
    ahead, take = (0.0, 0.0) if t == 1 else (beta2, 1.0 - beta2)
    change = g - previous
    m = ema(m, g, beta1)
    d = f(beta2) * d + f(take) * change
    looked = g + f(ahead) * change
    n = ema(n, looked * looked, beta3)
    rate = learning_rate / (1.0 + learning_rate * weight_decay) if proximal else learning_rate
    step = f(rate / bias_correction(beta1, t)) * m + f(rate * beta2 / bias_correction(beta2, t)) * d
    return step / denominator(n, t, beta3, epsilon), m, n, d, g


def prepare(p, g, *, scale=1.0, limit=math.inf, l2=0.0, agc=None, agc_epsilon=1e-3, agc_axis=-1):
    """What happens to a gradient before its rule: scale, clip elements, clip units, add L2."""
    f = p.dtype.type
    g = f(scale) * g
    g = np.where(f(limit) < g, f(limit), g)
    g = np.where(g < f(-limit), f(-limit), g)
    if agc is not None:
        g = g * unit_factors(p, g, agc, agc_epsilon, agc_axis)
    return g + f(l2) * p if l2 != 0.0 else g


def move(p, step, decay=0.0):
    """What happens to a parameter after its rule; decay is beside the step, times the rate."""
    return p - (p.dtype.type(decay) * p + step) if decay != 0.0 else p - step


def decay(rule, decoupled, *, learning_rate, weight_decay, proximal=0.0, **_):
    """What `move` takes: the decay beside the step of a rule, times the rate."""
    if rule == "adan" and proximal:
        learning_rate = learning_rate / (1.0 + learning_rate * weight_decay)
    beside = {"adan": True, "lars": False}.get(rule, decoupled)
    return learning_rate * weight_decay if beside else 0.0


def unit_factors(p, g, clip, epsilon, axis):
    """Of adaptive gradient clipping, in a shape that broadcasts with p.

    An index of `axis` is a unit; the whole tensor is one where axis is None and below two
    dimensions. The elements before the axis are added in order, each the sum of what is after it.
    """
    if axis is None or p.ndim < 2:
        units, kept = (1, 1, p.size), (1,) * p.ndim
    else:
        axis %= p.ndim
        units = math.prod(p.shape[:axis]), p.shape[axis], math.prod(p.shape[axis + 1 :])
        kept = tuple(n if k == axis else 1 for k, n in enumerate(p.shape))

    def norms(x):
        runs = x.reshape(units)
        totals = np.zeros(units[1])
        for sums in dots(runs, runs):
            totals += sums
        return np.sqrt(totals)

    of_g, largest = norms(g), clip * maximum(norms(p), epsilon)
    factors = np.where(largest < of_g, largest / maximum(of_g, 1e-6), 1.0)
    return factors.astype(p.dtype).reshape(kept)


BLOCK, LANES = 4096, 16


def dots(x, y, offset=0):
    """Over the last axis: blocks of 4096, 16 lanes each, a fixed tree over the lanes, in order.

    The first element is element `offset` of a row of blocks: its block may be a part of one.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    totals = np.zeros(x.shape[:-1])
    begin, size = 0, x.shape[-1]
    while begin < size:
        end = min(begin + BLOCK - (offset + begin) % BLOCK, size)
        rows = 1 + -(-(end - begin) // LANES)  # a row of zeros to begin with
        flat = np.zeros((*totals.shape, rows * LANES))
        flat[..., LANES : LANES + end - begin] = x[..., begin:end] * y[..., begin:end]
        lanes = np.cumsum(flat.reshape(*totals.shape, rows, LANES), axis=-2)[..., -1, :]
        totals = totals + tree(lanes)
        begin = end
    return totals


def tree(lanes):
    """Sums over the last axis of 16 lanes."""
    while lanes.shape[-1] > 1:
        half = lanes.shape[-1] // 2
        lanes = lanes[..., :half] + lanes[..., half:]
    return lanes[..., 0]


def dot(x, y):
    return float(dots(x, y))


def sum_squares(x, offset=0):
    x = np.ravel(x)
    return float(dots(x, x, offset))


def norm(x, offset):
    return math.sqrt(sum_squares(x, offset))


def clamp(x, lowest, highest):
    x = lowest if x < lowest else x
    return highest if highest < x else x


def clip_factor(norm, max_norm):
    return 1.0 if norm <= max_norm else max_norm / (norm + 1e-6)


# Solvers: vectors are converted to double, and results rounded once to the dtype that keeps them.


def first_scale(x, f, g):
    """Of -g: the step is 0.3 of x long, or |f| / |g| where that is less. Neither x nor f is 0."""
    length = math.sqrt(sum_squares(g))
    return min(0.3 * math.sqrt(sum_squares(x)), abs(f) / length) / length


def curvature_pair(d, step, g, g_new, keep, damp):
    """s = step d, whatever the rounding of x made of it, and y; in the dtype of d."""
    g, g_new = g.astype(np.float64), g_new.astype(np.float64)
    s, y = step * d.astype(np.float64), keep * (g_new - g) - damp * g
    return s.astype(d.dtype), y.astype(d.dtype)


def combination(g, on_g, rows, on_rows, dtype):
    """d = on_g g, to which the rows are added one after the other."""
    d = on_g * np.asarray(g, np.float64)
    for row, by in zip(rows, on_rows, strict=True):
        d = d + by * np.asarray(row, np.float64)
    return d.astype(dtype)


def advance(x, d, step):
    return (np.asarray(x, np.float64) + step * np.asarray(d, np.float64)).astype(x.dtype)


def lbfgs_direction(pairs, g, gamma, dtype):
    """-H g from the pairs (s, y), the oldest first; gamma is that of the newest."""
    m = len(pairs)
    s_y = [[dot(s, y) for _, y in pairs] for s, _ in pairs]
    y_y = [[dot(a, b) for _, b in pairs] for _, a in pairs]
    p, c = [0.0] * m, [0.0] * m
    for i in reversed(range(m)):
        total = dot(pairs[i][0], g)
        for j in range(i + 1, m):
            total -= s_y[i][j] * p[j]
        p[i] = total / s_y[i][i]
    for i in range(m):
        along = dot(pairs[i][1], g)
        for j in range(m):
            along -= y_y[i][j] * p[j]
        total = gamma * along
        for j in range(i):
            total += s_y[j][i] * c[j]
        c[i] = p[i] - total / s_y[i][i]
    rows = [s for s, _ in pairs] + [y for _, y in pairs]
    return combination(g, -gamma, rows, [-v for v in c] + [gamma * v for v in p], dtype)


TILE = 64


def symmetric_product(a, v):
    """a v by tiles of the lower triangle, one after the other, a row of tiles after the other.

    A tile adds to the elements of its rows sums over 16 lanes, and to those of its columns, unless
    it is on the diagonal, sums over its rows in order.
    """
    size = -(-v.size // TILE) * TILE
    matrix, vector = np.zeros((size, size)), np.zeros(size)
    matrix[: v.size, : v.size], vector[: v.size] = a, v
    out = np.zeros(size)
    for row in range(0, size, TILE):
        for column in range(0, row + TILE, TILE):
            down, across = slice(row, row + TILE), slice(column, column + TILE)
            lanes = np.zeros((TILE, 1 + TILE // LANES, LANES))
            lanes[:, 1:] = (matrix[down, across] * vector[across]).reshape(TILE, -1, LANES)
            out[down] += tree(np.cumsum(lanes, axis=1)[:, -1])
            if row != column:
                rows = np.zeros((1 + TILE, TILE))
                rows[1:] = matrix[down, across] * vector[down, None]
                out[across] += np.cumsum(rows, axis=0)[-1]
    return out[: v.size]


def conjugate(before, pair, v, growth):
    """The pair before, made conjugate to the last, and growth H q; None where it is not used."""
    (p, q), (s, y) = before, pair
    s_y, p_y, q_s, p_q = dot(s, y), dot(p, y), dot(q, s), dot(p, q)
    if abs(p_y - q_s) > 0.5 * math.sqrt(p_q) * math.sqrt(s_y):
        return None
    w = growth * p - q_s / s_y * v
    p, q = p - p_y / s_y * s, q - q_s / s_y * y
    return (p, q, w) if dot(p, q) > 1e-3 * p_q else None


def bfgs_direction(h, g, d_last, pair, before, keep, damp, growth):
    """H after the pair, and -H g. Before the pair -H g_last was d_last.

    growth is None for the first pair, from which H takes its scale where that makes it larger.
    before: the pair before it, or None.
    """
    s, y = pair
    g = np.asarray(g, np.float64)
    s_y = dot(s, y)
    if growth is None:
        growth, scale = 1.0, max(h[0, 0], s_y / dot(y, y))
        h = np.diag(np.full(g.size, scale))
        u, v = symmetric_product(h, g), scale * y
    else:
        u = symmetric_product(h, g)
        v = growth * (keep * u + (keep + damp) * d_last)
    h, rows, factors = growth * h, [u], [-growth]

    def update(s, y, v):
        nonlocal h
        rho = 1.0 / dot(s, y)
        w = rho * (1.0 + rho * dot(y, v)) / 2.0 * s - rho * v
        h = h + (np.outer(s, w) + np.outer(w, s))
        rows.extend([s, w])
        factors.extend([-dot(w, g), -dot(s, g)])
        return w

    kept = conjugate(before, pair, v, growth) if before else None
    if kept:
        p, w = kept[0], update(*kept)
        v = v + (dot(y, w) * p + dot(p, y) * w)
    update(s, y, v)
    return h, combination(g, 0.0, rows, factors, np.float64)
