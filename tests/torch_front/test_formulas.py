"""Our classes are the formulas of torch's, at the ends of what their arguments may be."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import schuss.torch
import torch
from front_cases import DROP_IN, close, members, parameters, set_gradients

ABSENT = {(1, 0), (1, 1), (1, 4)}  # parameters and steps without a gradient: counts are their own
TOLERANCE = {"float64": 1e-9, "float32": 1e-5}

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
    if "decoupled_weight_decay" in inspect.signature(getattr(torch.optim, name)).parameters:
        yield {**decay, "decoupled_weight_decay": True}  # Adam of PyTorch 2.6 lacks it


PAIRS = [(name, {**settings, **more}) for name, settings in CASES for more in around(name)]


def check(name, settings, dtype, steps, absent=frozenset()):
    """Train both with the same gradients, of many sizes; parameters and states are close."""
    mine = getattr(schuss.torch, name)(parameters(dtype), **settings)
    theirs = getattr(torch.optim, name)(parameters(dtype), foreach=False, **settings)
    for t in range(steps):
        for optimizer in (mine, theirs):
            set_gradients(optimizer, t)
            for k, p in enumerate(members(optimizer)):
                p.grad *= torch.logspace(-3, 2, p.numel(), dtype=dtype).view(p.shape)
                if (k, t) in absent:
                    p.grad = None
            optimizer.step()
    close(mine, theirs, TOLERANCE[str(dtype).removeprefix("torch.")])
    assert mine.fallbacks == 0


def test_every_class_has_a_case():
    assert {name for name, _ in CASES} == set(DROP_IN)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("name", "settings"), PAIRS, ids=str)
def test_formula(name, settings, dtype, torch_scalars):
    torch_scalars(str(dtype).removeprefix("torch."))
    check(name, settings, dtype, 12, ABSENT)


@pytest.mark.parametrize("name", DROP_IN)
def test_many_steps(name, torch_scalars):
    torch_scalars(np.float64)
    check(name, [*around(name)][-1], torch.float64, 1000)
