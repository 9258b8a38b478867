"""Pairs of optimizers, torch's and ours, and what trains and compares them."""

from __future__ import annotations

import copy

import pytest
import schuss.torch
import torch
from schuss.torch.front import Front

NAMES = [
    name
    for name in schuss.torch.__all__
    if isinstance(getattr(schuss.torch, name), type)
    and issubclass(getattr(schuss.torch, name), Front)
]
DROP_IN = [name for name in NAMES if hasattr(torch.optim, name)]
FUSED = ["SGD", "Adam", "AdamW", "Adagrad"]
FEW = ["SGD", "Adam", "RMSprop", "NAdam", "Lion", "LAMB"]
MORE = {"SGD": {"lr": 0.01, "momentum": 0.9}, "RMSprop": {"momentum": 0.9, "centered": True}}
HALF = [torch.bfloat16, torch.float16]

every = pytest.mark.parametrize("name", NAMES)
drop_in = pytest.mark.parametrize("name", DROP_IN)
few = pytest.mark.parametrize("name", FEW)
half = pytest.mark.parametrize("dtype", HALF, ids=["bfloat16", "float16"])


def ours(name, params, **kwargs):
    return getattr(schuss.torch, name)(params, **{**MORE.get(name, {}), **kwargs})


def theirs(name, params, **kwargs):
    kwargs = {"foreach": False, **MORE.get(name, {}), **kwargs}
    return getattr(torch.optim, name)(params, **kwargs)


def parameters(dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(3, 4), (4,), (2, 5), ()]
    return [
        torch.nn.Parameter(torch.randn(s, generator=generator, dtype=torch.float64).to(dtype))
        for s in shapes
    ]


def members(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def set_gradients(optimizer, step, scale=1.0):
    generator = torch.Generator().manual_seed(100 + step)
    for p in members(optimizer):
        g = torch.randn(p.shape, generator=generator, dtype=torch.float64) * scale
        p.grad = g.to(p.dtype)


def train(*optimizers, steps=3, start=0, scale=1.0):
    for step in range(start, start + steps):
        for optimizer in optimizers:
            set_gradients(optimizer, step, scale)
            optimizer.step()


def close(one, other, tolerance=1e-9, states=True):
    """Whether parameters, and states by name, are within a tolerance."""
    for p, q in zip(members(one), members(other), strict=True):
        torch.testing.assert_close(p, q, rtol=tolerance, atol=tolerance)
        if not states:
            continue
        mine, yours = one.state.get(p, {}), other.state.get(q, {})
        assert list(mine) == list(yours)
        for key, value in yours.items():
            torch.testing.assert_close(
                mine[key], value, rtol=tolerance, atol=tolerance, check_dtype=False
            )


def same(one, other):
    close(one, other, 0)


def tolerance(name):
    """torch keeps the product of NAdam's momenta in float32."""
    return 1e-6 if name == "NAdam" else 1e-9


def pair(name, **kwargs):
    return ours(name, parameters(), **kwargs), theirs(name, parameters(), **kwargs)


def snapshot(optimizer):
    """Return copies of all that a step may write."""
    return copy.deepcopy([(p.detach(), optimizer.state.get(p, {})) for p in members(optimizer)])


def unchanged(optimizer, before):
    for p, (q, state) in zip(members(optimizer), before, strict=True):
        assert torch.equal(p, q)
        now = optimizer.state.get(p, {})
        assert list(now) == list(state)
        assert all(torch.equal(now[k], v) for k, v in state.items())
