"""L-BFGS on a physics-informed network: `schuss.torch.LBFGS` beside `torch.optim.LBFGS`.

u'' = f on [-1, 1] with u = sin(pi x), by a network of 4 layers of 50 with tanh in float64, about
7,800 variables, at 101 points; history 100 and strong Wolfe searches for both, torch's tests off.
It prints the CPU time between two evaluations once the history is full, the loss after 600
evaluations, and what a loss in other units does to the end of a run.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import schuss
import schuss.torch
import torch
from torch import Tensor

HISTORY, POINTS, WIDTH = 100, 101, 50
NAMES: dict[str, Any] = {"torch": torch.optim.LBFGS, "schuss": schuss.torch.LBFGS}
SMALL = (1.0, 1e-4, 1e-8, 1e-12)


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


def units(name: str) -> Iterator[float]:
    """Of a quadratic of condition 1e3 in other units: the last loss over the first."""
    scale = torch.logspace(0, 3, 50, dtype=torch.float64)
    for factor in SMALL:
        x = torch.ones(50, dtype=torch.float64, requires_grad=True)
        optimizer = NAMES[name]([x], line_search_fn="strong_wolfe")

        def closure(x: Tensor = x, optimizer: Any = optimizer, factor: float = factor) -> Tensor:
            optimizer.zero_grad()
            value = factor * (scale * x**2).sum()
            torch.autograd.backward(value)
            return value

        first = closure().item()
        for _ in range(20):
            optimizer.step(closure)
        yield closure().item() / first


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=9)
    parser.add_argument("--evaluations", type=int, default=600)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    schuss.config.set_num_threads(given.threads)
    losses: dict[str, list[float]] = {name: [] for name in NAMES}
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    for seed in range(given.seeds):
        for name in NAMES:
            loss, gap = run(name, seed, given.evaluations)
            losses[name].append(loss)
            seconds[name].append(gap)
            print(f"seed {seed}  {name:6}  loss {loss:.3g}  {1e3 * gap:.3f} ms", flush=True)
    for title, found in (("own time an evaluation", seconds), ("loss at the end", losses)):
        medians = {name: statistics.median(found[name]) for name in NAMES}
        ratio = medians["torch"] / medians["schuss"]
        print(
            f"{title}, medians: torch {medians['torch']:.3g}, schuss {medians['schuss']:.3g}, "
            f"torch over schuss {ratio:.2f}"
        )
    print(f"last loss over the first, loss times {', '.join(f'{f:g}' for f in SMALL)}:")
    for name in NAMES:
        print(f"  {name:6}", *(f"{left:.2g}" for left in units(name)))


if __name__ == "__main__":
    main()
