"""The core's rules, given hyperparameters by name, are the formulas of `torch.optim`.

A table says which rule and which hyperparameters a class of PyTorch with its settings is. The
arrays are NumPy's: what is compared is arithmetic, states by their names included.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from schuss import _core

torch = pytest.importorskip("torch")

STEPS = 12
SHAPES = ((7,), (3, 5))
ABSENT = {(1, 0), (1, 1), (1, 4)}  # tensors and steps without a gradient: counts are their own
TOLERANCE = {"float64": 1e-9, "float32": 1e-5}
SCALARS = {"nadam": ("mu_product",), "asgd": ("eta", "mu")}  # states of a rule, by PyTorch's names


def moments(group):
    beta1, beta2 = group["betas"]
    return {"beta1": beta1, "beta2": beta2, "epsilon": group["eps"]}


def sgd(group):
    rule = "sgd"
    if group["momentum"] != 0:
        rule = "nesterov" if group["nesterov"] else "momentum"
    taken = {name: group[name] for name in ("momentum", "dampening")}
    return rule, {**taken, "first_dampening": 0.0}


def adagrad(group):
    taken = {"epsilon": group["eps"], "lr_decay": group["lr_decay"]}
    return "adagrad", {**taken, "epsilon_inside_sqrt": 0.0}


def rmsprop(group):
    rule = "rmsprop" + "_centered" * group["centered"] + "_momentum" * (group["momentum"] != 0)
    taken = {"beta": group["alpha"], "epsilon": group["eps"], "momentum": group["momentum"]}
    return rule, {**taken, "epsilon_inside_sqrt": 0.0}


def adam(group):
    return "amsgrad" if group["amsgrad"] else "adam", moments(group)


def rprop(group):
    taken = zip(("eta_minus", "eta_plus"), group["etas"], strict=True)
    limits = zip(("step_min", "step_max"), group["step_sizes"], strict=True)
    return "rprop", {**dict(taken), **dict(limits)}


# The rule of a group of parameters, and the hyperparameters that it has beside the learning rate.
RULES = {
    "SGD": sgd,
    "Adagrad": adagrad,
    "RMSprop": rmsprop,
    "Adadelta": lambda group: ("adadelta", {"rho": group["rho"], "epsilon": group["eps"]}),
    "Adam": adam,
    "AdamW": adam,
    "Adamax": lambda group: ("adamax", moments(group)),
    "NAdam": lambda group: (
        "nadam",
        {**moments(group), "momentum_decay": group["momentum_decay"]},
    ),
    "ASGD": lambda group: ("asgd", {name: group[name] for name in ("lambd", "alpha", "t0")}),
    "Rprop": rprop,
    "RAdam": lambda group: (
        "radam",
        {**moments(group), "threshold": 5.0, "epsilon_before_correction": 1.0},
    ),
}

CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.4}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr_decay": 0.3, "initial_accumulator_value": 0.2, "eps": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"alpha": 0.0, "eps": 0.1}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"centered": True, "alpha": 0.8}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "eps": 0.1}),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.0, "eps": 0.1}),
    *(
        (name, settings)
        for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")
        for settings in (
            {},
            {"lr": 0.1, "eps": 0.1, "betas": (0.8, 0.9)},
            {"lr": 0.1, "betas": (0.0, 0.0)},
            {"lr": 0.1, "betas": (0.0, 0.7)},
        )
    ),
    *((name, {"lr": 0.1, "amsgrad": True, "betas": (0.5, 0.6)}) for name in ("Adam", "AdamW")),
    ("NAdam", {"momentum_decay": 0.5}),
    ("ASGD", {}),
    ("ASGD", {"lambd": 0.3, "t0": 3.0, "alpha": 1.5}),
    ("ASGD", {"lambd": 0.0, "t0": 0.0, "alpha": 0.0}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.9), "step_sizes": (0.05, 0.25)}),
]


def around(name):
    """What each case is tried with."""
    decay = {} if name == "Rprop" else {"weight_decay": 0.1}
    yield from ({}, {"lr": 0.0, **decay}, {**decay, "maximize": True})
    if name in ("Adam", "NAdam", "RAdam"):
        yield {**decay, "decoupled_weight_decay": True}


PAIRS = [(name, {**settings, **more}) for name, settings in CASES for more in around(name)]


class Core:
    """A rule of the core over a list of arrays."""

    def __init__(self, name, group, arrays):
        self.arrays = arrays
        self.rule, given = RULES[name](group)
        given["learning_rate"] = group["lr"]
        fills = {"sum": group.get("initial_accumulator_value", 0.0)} if name == "Adagrad" else {}
        self.stepper = _core.Stepper(self.rule, arrays, fills)
        self.stepper.assign_groups([0] * len(arrays), [False])
        own = [given[name] for name in _core.rules()[self.rule]["hyper"]]
        self.stepper.set_hyper([[*own, group.get("weight_decay", 0.0), math.inf, 1e-3]])
        self.stepper.set_options(
            max_norm=math.inf,
            max_value=math.inf,
            grad_scale=1.0,
            nonfinite="propagate",
            maximize=group["maximize"],
            decoupled=group.get("decoupled_weight_decay", False),
            agc_axis=None,
        )

    def step(self, grads):
        self.stepper.step(self.arrays, grads)


def run(name, settings, dtype, steps, absent=frozenset()):
    """Both over the same gradients, of many sizes: the core, and the optimizer of PyTorch."""
    rng = np.random.default_rng(7)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    theirs = getattr(torch.optim, name)(tensors, foreach=False, **settings)
    core = Core(name, theirs.param_groups[0], arrays)
    sizes = [np.logspace(-3, 2, math.prod(shape)).reshape(shape) for shape in SHAPES]
    for t in range(steps):
        grads = [(rng.standard_normal(s.shape) * s).astype(dtype) for s in sizes]
        grads = [None if (k, t) in absent else g for k, g in enumerate(grads)]
        for tensor, g in zip(tensors, grads, strict=True):
            tensor.grad = None if g is None else torch.tensor(g)
        core.step(grads)
        theirs.step()
    return core, theirs


def compare(core, theirs, tolerance):
    """Parameters, states by their names, and scalar states."""

    def close(ours, wanted):
        size = float(np.abs(wanted).max())
        np.testing.assert_allclose(ours, wanted, rtol=tolerance, atol=tolerance * size)

    for k, tensor in enumerate(theirs.param_groups[0]["params"]):
        close(core.arrays[k], tensor.detach().numpy())
        for slot, array in core.stepper.slots(k).items():
            close(array, theirs.state[tensor][slot].numpy())
        wanted = [theirs.state[tensor][name].item() for name in SCALARS.get(core.rule, ())]
        np.testing.assert_allclose(core.stepper.carry(k), wanted, rtol=tolerance)


@pytest.mark.parametrize(("name", "settings"), PAIRS, ids=str)
def test_formula(name, settings, dtype, torch_scalars):
    torch_scalars(dtype)
    core, theirs = run(name, settings, dtype, STEPS, ABSENT)
    compare(core, theirs, TOLERANCE[np.dtype(dtype).name])


@pytest.mark.parametrize("name", RULES)
def test_many_steps(name, torch_scalars):
    torch_scalars(np.float64)
    core, theirs = run(name, [*around(name)][-1], np.float64, 1000)
    compare(core, theirs, TOLERANCE["float64"])


@pytest.mark.parametrize("name", ["NAdam", "ASGD"])
def test_scalar_states_of_pytorch_are_float32(name, torch_scalars):
    """By default; ours are double, and the difference is one of their rounding."""
    torch_scalars(np.float32)
    core, theirs = run(name, {"lr": 0.01}, np.float64, STEPS)
    compare(core, theirs, TOLERANCE["float32"])
