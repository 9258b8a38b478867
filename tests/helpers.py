"""What several test files need: bits, test data, and a run of the twin."""

from __future__ import annotations

import inspect
import itertools
import math

import numpy as np
import reference
import schuss
from schuss import _core
from schuss.solvers.minimize import METHODS as CLASSES
from schuss.solvers.minimize import SECOND


def same_bits(a, b):
    """Equal to the last bit, the sign of zero too; NaNs are equal, whatever their payload."""
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    unsigned = np.uint32 if a.dtype == np.float32 else np.uint64
    equal = (a.view(unsigned) == b.view(unsigned)) | (np.isnan(a) & np.isnan(b))
    return bool(equal.all())


def norm(v):
    return float(np.sqrt(v @ v))


def leaves(tree):
    """What nested lists, tuples and dicts hold, in order."""
    if isinstance(tree, dict):
        return [leaf for child in tree.values() for leaf in leaves(child)]
    if isinstance(tree, (list, tuple)):
        return [leaf for child in tree for leaf in leaves(child)]
    return [tree]


def gradients(rng, n, dtype):
    """Ordinary values with zeros of both signs, subnormals, tiny and large ones among them."""
    g = rng.standard_normal(n).astype(dtype)
    tiny = np.finfo(dtype).smallest_subnormal
    special = np.array([0.0, -0.0, tiny, -3 * tiny, 1e-30, 1e12, -1e12], dtype)
    at = rng.random(n) < 0.1
    g[at] = rng.choice(special, int(at.sum()))
    return g


def hyperparameters(opt, rule):
    """The hyperparameters of a rule as the twin takes them."""
    return {name: float(getattr(opt, name)) for name in _core.rules()[rule]["hyper"]}


def run_twin(case, params, steps_of_grads, *, scale=1.0, limit=math.inf, max_norm=None, l2=0.0):
    """Parameters and slots after the twin has stepped through all gradients."""
    opt = case.make()
    hyper = hyperparameters(opt, case.rule)
    rule = getattr(reference, case.rule)
    slot_names = _core.rules()[case.rule]["slots"]
    p = params.copy()
    slots = [np.full_like(p, opt._fills().get(name, 0.0)) for name in slot_names]
    with np.errstate(all="ignore"):
        for t, g in enumerate(steps_of_grads, start=1):
            factor = scale
            if max_norm is not None:
                norm = math.sqrt(reference.sum_squares(g)) * abs(scale)
                factor = scale * reference.clip_factor(norm, max_norm)
            if (factor, limit, l2) != (1.0, math.inf, 0.0):
                g = reference.prepare(p, g, scale=factor, limit=limit, l2=l2)
            p, *slots = rule(p, g, *slots, t=t, **hyper)
    return p, dict(zip(slot_names, slots, strict=True))


def aligned(n, dtype, offset):
    """An uninitialized array that begins `offset` bytes past a 64-byte boundary."""
    itemsize = np.dtype(dtype).itemsize
    memory = np.empty(n * itemsize + 128, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    return memory[start : start + n * itemsize].view(dtype)


def ways(turn, counts):
    """Each instruction set and each number of threads at least once, paired otherwise each turn."""
    isas = schuss.config.available_isas()
    most = max(len(isas), len(counts))
    return [(isas[k % len(isas)], counts[(k + turn) % len(counts)]) for k in range(most)]


def split(array, pieces):
    """Contiguous views of about equal length."""
    cuts = [array.size * k // pieces for k in range(pieces + 1)]
    return [array[a:b] for a, b in itertools.pairwise(cuts)]


# Of all methods, as the core takes them.
OPTIONS = {
    p.name: p.default
    for cls in CLASSES.values()
    for p in inspect.signature(cls).parameters.values()
    if p.name != "x0"
} | {"gtol": 1e-5, "history_dtype": "float64"}
METHODS = tuple(name for name in CLASSES if name not in SECOND)  # that ask for gradients alone


def core_solver(method, x0, **options):
    """A solver of the core, whose options are those of `OPTIONS` but for the given ones."""
    return _core.Solver(method, np.asarray(x0), OPTIONS | options)


def tell_one(solver, product):
    """Tell a Hessian, or its product with a vector: product(x, V) is the Hessian at x times V."""
    x = solver.ask()
    if solver.request == "hessian":
        solver.tell_hessian(product(x, np.eye(x.size)))
    else:
        v = solver.direction  # a method in the core
        solver.tell_product(product(x, v() if callable(v) else v))


def tell_second(solver, product):
    """Tell all that a solver asks for before it asks for another gradient."""
    while solver.request in ("hessian", "hessian_product"):
        tell_one(solver, product)


def path(solver, problem, *, copied=lambda solver: solver):
    """Every point that is asked for, and the end."""
    points = []
    while not solver.done:
        solver = copied(solver)
        x = solver.ask()
        points.append((solver.request, x.tolist()))
        if solver.request == "value_and_gradient":
            solver.tell(*problem.value_and_gradient(x))
        else:
            tell_one(solver, lambda x, v: problem.hessian(x) @ v)
    return points, repr(solver.result())


def accepted(solver, function):
    """Drive the solver; yield x, f and g of each point that it takes, as soon as it has been told.

    The first is the start. When it is yielded, the solver has learned from it and asks for more.
    """
    iterations = -1
    while not solver.done:
        x = solver.ask()
        f, g = function(x)
        solver.tell(f, g)
        if solver.nit > iterations:
            iterations = solver.nit
            yield x, f, g


def log_cosh(n, seed, ridge=0.05):
    """Strictly convex, neither quadratic nor separable: sum log cosh(A x - b) + ridge |x|^2."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, n)) / math.sqrt(n) * np.logspace(0, 1, n)
    b = rng.standard_normal(n)

    def function(x):
        z = a @ x - b
        return float(np.logaddexp(z, -z).sum() + ridge * (x @ x)), a.T @ np.tanh(z) + 2 * ridge * x

    return function
