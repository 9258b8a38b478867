"""L-BFGS on a physics-informed network: `schuss.torch.LBFGS` beside `torch.optim.LBFGS`.

u'' = f on [-1, 1] with u = sin(pi x), by a network of 4 layers of 50 with tanh in float64, about
7,800 variables, at 101 points; history 100 and strong Wolfe searches for both, torch's tests off.
Asked for by `bench_torch.lbfgs`; a file of its own, as it needs torch to be imported.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import schuss
import schuss.torch
import torch
from torch import Tensor

HISTORY, POINTS, WIDTH = 100, 101, 50
NAMES: dict[str, Any] = {"schuss": schuss.torch.LBFGS, "torch": torch.optim.LBFGS}


def poisson(seed: int) -> tuple[torch.nn.Module, Callable[[], Tensor]]:
    """The network, and its loss."""
    torch.manual_seed(seed)
    widths = [1, *[WIDTH] * 4, 1]
    layers: list[torch.nn.Module] = []
    for into, out in pairwise(widths):
        layers += [torch.nn.Linear(into, out), torch.nn.Tanh()]
    net = torch.nn.Sequential(*layers[:-1]).double()
    x = torch.linspace(-1, 1, POINTS, dtype=torch.float64)[:, None].requires_grad_()
    f = -(math.pi**2) * torch.sin(math.pi * x.detach())

    def loss() -> Tensor:
        u = net(x)
        (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        (curvature,) = torch.autograd.grad(slope.sum(), x, create_graph=True)
        found: Tensor = ((curvature - f) ** 2).mean() + u[0, 0] ** 2 + u[-1, 0] ** 2
        return found

    return net, loss


def run(name: str, seed: int, evaluations: int) -> tuple[float, float]:
    """The loss after so many evaluations, and the median of the CPU seconds between two of them."""
    net, loss = poisson(seed)
    tests = {"tolerance_grad": 0, "tolerance_change": 0} if name == "torch" else {}
    optimizer = NAMES[name](
        net.parameters(),
        max_iter=evaluations,
        max_eval=evaluations,
        history_size=HISTORY,
        line_search_fn="strong_wolfe",
        **tests,
    )
    gaps: list[float] = []
    left = math.nan

    def closure() -> Tensor:
        nonlocal left
        gaps.append(time.process_time() - left)
        optimizer.zero_grad()
        value = loss()
        torch.autograd.backward(value)
        left = time.process_time()
        return value

    optimizer.step(closure)
    full = gaps[min(2 * HISTORY, evaluations // 2) :]  # the history is full
    return loss().item(), statistics.median(full)
