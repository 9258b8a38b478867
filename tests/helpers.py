"""What several test files need: bits, test data, and a run of the twin."""

from __future__ import annotations

import inspect
import itertools
import math
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import reference
import schuss
from schuss import _core
from schuss.solvers.minimize import METHODS as CLASSES


def same_bits(a, b):
    """Equal to the last bit, the sign of zero too; NaNs are equal, whatever their payload."""
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    unsigned = f"u{a.dtype.itemsize}"
    equal = (a.view(unsigned) == b.view(unsigned)) | (np.isnan(a) & np.isnan(b))
    return bool(equal.all())


def peak(call):
    """What a call needs at most, beyond what there was, in bytes; and what it returns."""
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def in_process(code, environment):
    """What a new process does, with no thread variables but the given ones."""
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    return subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True
    )


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


def hyperparameters(opt):
    """What the twin of an optimizer's rule takes, of its own hyperparameters and of all rules'."""
    values = {}
    for name in [*_core.rules()[opt.rule]["hyper"], "weight_decay"]:
        given = opt._given.get(name, name)
        argument = isinstance(given, str)
        values[name] = getattr(type(opt), given).in_core(vars(opt)[given]) if argument else given
    return values


class Twin:
    """The twin of one parameter of an optimizer: a step at a time, with all that surrounds a rule.

    Its array `p` may be float16 or bfloat16; arithmetic is in float32 then. Its first element is
    element `offset` of all parameters in a row.
    """

    def __init__(self, opt, p, offset=0):
        self.opt, self.p, self.offset, self.t = opt, p.copy(), offset, 0
        self.dtype = np.dtype(np.float64 if p.dtype == np.float64 else np.float32)
        names = _core.rules()[opt.rule]["slots"]
        self.slots = {n: np.full(p.shape, opt._fills().get(n, 0.0), self.dtype) for n in names}
        if vars(opt)["ema"] is not None:
            self.slots["ema"] = p.astype(self.dtype)

    def step(self, g, clip_factor=1.0):
        opt, f = self.opt, self.dtype.type
        p, g = self.p.astype(self.dtype), g.astype(self.dtype)
        hyper = hyperparameters(opt)
        beside = reference.decay(opt.rule, opt._decoupled, **hyper)
        l2 = 0.0 if opt._decoupled or "weight_decay" in _core.rules()[opt.rule]["hyper"] else 1.0
        self.t += 1
        names = [name for name in self.slots if name != "ema"]
        with np.errstate(all="ignore"):
            g = reference.prepare(
                p,
                g,
                scale=(-1.0 if opt.maximize else 1.0) / opt.grad_scale * clip_factor,
                limit=math.inf if opt.max_value is None else opt.max_value,
                l2=l2 * hyper["weight_decay"],
                agc=opt.agc,
                agc_epsilon=opt.agc_epsilon,
                agc_axis=opt.agc_axis,
            )
            rule = getattr(reference, opt.rule)
            more = {"t": self.t, "offset": self.offset, **hyper}
            known = inspect.signature(rule).parameters
            more = {name: value for name, value in more.items() if name in known}
            step, *after = rule(p, g, *(self.slots[name] for name in names), **more)
            self.slots.update(zip(names, after, strict=True))
            self.p[...] = reference.move(p, step, beside)
            if "ema" in self.slots:
                keep = vars(opt)["ema"]
                now = self.p.astype(self.dtype)
                self.slots["ema"] = f(keep) * self.slots["ema"] + f(1.0 - keep) * now


def run_twin(case, params, steps_of_grads, *, cuts=None, store=None, **settings):
    """Parameters and slots after a twin has stepped through all gradients.

    cuts: where one tensor ends and the next begins; only rules with sums mind. store: what keeping
    a parameter makes of it.
    """
    opt = case.make(**settings)
    ends = cuts if _core.rules()[case.rule]["sums"] else [0, params.size]
    tensors = list(itertools.pairwise(ends))
    twins = [Twin(opt, params[a:b], a) for a, b in tensors]
    for g in steps_of_grads:
        factor = 1.0
        if opt.max_norm is not None:
            norm = math.sqrt(reference.sum_squares(g)) / opt.grad_scale
            factor = reference.clip_factor(norm, opt.max_norm)
        for twin, (a, b) in zip(twins, tensors, strict=True):
            twin.step(g[a:b], factor)
            if store is not None:
                twin.p = store(twin.p)
    slots = {name: np.concatenate([twin.slots[name] for twin in twins]) for name in twins[0].slots}
    return np.concatenate([twin.p for twin in twins]), slots


def layouts(array):
    """The same array in three layouts: C, Fortran, and every other element of a larger one."""
    wide = np.empty((*array.shape[:-1], 2 * array.shape[-1]) if array.ndim else (2,), array.dtype)
    strided = wide[..., ::2] if array.ndim else wide[0:1].reshape(())
    strided[...] = array
    return array.copy(order="C"), array.copy(order="F"), strided


def by_turns(arrays):
    """Copies, in the three layouts by turns."""
    return [layouts(array)[k % 3] for k, array in enumerate(arrays)]


def stepper_of(opt, params, elements=None):
    """The core of an optimizer before its first step, with all settings; of a range of elements."""
    stepper = opt._bind(params, opt.rule, elements)
    opt._configure(stepper)
    return stepper


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


# That ask for values and gradients alone.
METHODS = tuple(name for name in CLASSES if _core.methods()[name]["needs"] == "value_and_gradient")


def core_solver(method, x0, **options):
    """A solver of the core, whose options are the usual ones but for the given ones."""
    return _core.Solver(
        method, np.asarray(x0), {"gtol": 1e-5, "history_dtype": "float64"} | options
    )


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


def wells(x):
    """Not convex: between its wells s.y is often small or negative."""
    near = np.roll(x, 1) - x
    f = float(((x * x - 1) ** 2).sum() / 4 + 0.1 * (near @ near) + 0.05 * x.sum())
    return f, (x * x - 1) * x + 0.05 + 0.2 * (2 * x - np.roll(x, 1) - np.roll(x, -1))
