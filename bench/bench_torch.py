"""`schuss.torch` beside torch.optim, on one thread: steps on sets of tensors, and whole epochs.

Each step finds new gradients, as after `zero_grad` and a backward pass, and only the step is timed;
a round's figure is the median of its steps.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from bench.harness import QUICK, Plan
from bench.peers import optional
from bench.results import Comparison, Timing

GROUP, CLIP, EPOCH, LBFGS = "torch steps", "torch steps, clipped", "torch epochs", "torch L-BFGS"
EVALUATIONS = 600
OURS, CORE, FUSED = "schuss", "schuss on NumPy", "torch fused"
LOOP, FOREACH = "torch for-loop", "torch foreach"
UNFUSED = "torch, best of for-loop and foreach"
BARE = "no optimizer"
POOL = 8  # sets of gradients
FUSABLE = {"Adam": {}, "AdamW": {}, "SGD": {"lr": 0.01, "momentum": 0.9}, "Adagrad": {}}
OTHERS = ("RMSprop", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop")

Shapes = list[tuple[int, ...]]
Step = Callable[[], object]


def _policy() -> Shapes:
    """The two towers of a small policy network: 12 tensors, 9.8 thousand elements."""
    tower = [(64, 8), (64,), (64, 64), (64,)]
    return [*tower, *tower, (2, 64), (2,), (1, 64), (1,)]


def _resnet18() -> Shapes:
    """ResNet-18 for 1,000 classes: 62 tensors, 11.7 million elements."""
    shapes: Shapes = [(64, 3, 7, 7), (64,), (64,)]
    before = 64
    for width in (64, 128, 256, 512):
        for block in range(2):
            for given in (before if block == 0 else width, width):
                shapes += [(width, given, 3, 3), (width,), (width,)]
            if block == 0 and width != before:
                shapes += [(width, before, 1, 1), (width,), (width,)]
        before = width
    return [*shapes, (1000, 512), (1000,)]


def _gpt() -> Shapes:
    """A GPT of 12 layers of width 384: 148 tensors, 30 million elements."""
    d = 384
    block = [(3 * d, d), (3 * d,), (d, d), (d,), (4 * d, d), (4 * d,), (d, 4 * d), (d,)]
    layer: Shapes = [(d,), (d,), *block, (d,), (d,)]
    return [(22_000, d), (256, d), *(shape for _ in range(12) for shape in layer), (d,), (d,)]


SETS = {"policy": (_policy, 400), "ResNet-18": (_resnet18, 6), "GPT": (_gpt, 4)}  # steps a round


def _round(step: Step, renew: Step, steps: int) -> float:
    times = []
    for _ in range(steps):
        renew()
        start = time.perf_counter_ns()
        step()
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times) * 1e-9


def _by_turns(
    label: str, group: str, candidates: dict[str, tuple[Step, Step]], steps: int, plan: Plan
) -> Comparison:
    """Rounds in which each candidate has its turn, in a new order each."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    order = list(candidates)
    for name in order:
        _round(*candidates[name], max(2, steps // 10))
    for _ in range(plan.settings.rounds):
        random.Random(len(seconds[order[0]])).shuffle(order)
        for name in order:
            seconds[name].append(_round(*candidates[name], steps))
    timings = {name: Timing(tuple(s), steps, 0.0) for name, s in seconds.items()}
    return Comparison(label, timings, group=group)


def _turns(parameters: Sequence[Any], gradients: Sequence[Sequence[Any]]) -> Step:
    """Give the parameters the next set of gradients."""
    at = 0

    def renew() -> None:
        nonlocal at
        at = (at + 1) % len(gradients)
        for p, g in zip(parameters, gradients[at], strict=True):
            p.grad = g.view_as(g)  # a tensor that no optimizer has seen

    return renew


class _Model:
    """Tensors of a set, with gradients that all candidates share."""

    def __init__(self, torch: Any, shapes: Shapes) -> None:
        generator = torch.Generator().manual_seed(0)
        self.torch = torch
        self.start = [torch.randn(s, generator=generator) for s in shapes]
        self.gradients = [
            [0.01 * torch.randn(s, generator=generator) for s in shapes] for _ in range(POOL)
        ]

    def candidate(self, make: Callable[[list[Any]], Any], clip: bool = False) -> Any:
        parameters = [self.torch.nn.Parameter(t.clone()) for t in self.start]
        optimizer = make(parameters)
        step = optimizer.step
        if clip:
            limit = self.torch.nn.utils.clip_grad_norm_

            def step() -> None:
                limit(parameters, 1.0)
                optimizer.step()

        return step, _turns(parameters, self.gradients)

    def core(self, make: Callable[[], Any]) -> tuple[Step, Step]:
        """The same on NumPy arrays at hand."""
        arrays = [t.clone().numpy() for t in self.start]
        pool = [[g.numpy() for g in set_] for set_ in self.gradients]
        optimizer, at = make(), 0

        def renew() -> None:
            nonlocal at
            at = (at + 1) % len(pool)

        return lambda: optimizer.step(arrays, pool[at]), renew


def _one_thread() -> tuple[Any, Any]:
    torch, schuss = optional("torch"), optional("schuss")
    front = optional("schuss.torch")
    torch.set_num_threads(1)
    schuss.config.set_num_threads(1)
    return torch, front


def steps(plan: Plan) -> Iterator[Comparison]:
    """How long a step takes with fresh gradients, beside torch fused or the best that torch has."""
    torch, front = _one_thread()
    schuss = optional("schuss")
    for name, (shapes, count) in SETS.items():
        model = _Model(torch, shapes())
        for rule, settings in FUSABLE.items():
            if name != "policy" and rule in ("Adam", "Adagrad"):
                continue
            theirs, ours = getattr(torch.optim, rule), getattr(front, rule)
            candidates = {
                OURS: model.candidate(partial(ours, **settings)),
                FUSED: model.candidate(partial(theirs, fused=True, **settings)),
            }
            if rule == "AdamW":
                candidates[CORE] = model.core(schuss.AdamW)
            yield _by_turns(f"{rule}, {name}", GROUP, candidates, count, plan)
        for rule in OTHERS if name == "policy" else ("RMSprop", "NAdam"):
            theirs, ours = getattr(torch.optim, rule), getattr(front, rule)
            candidates = {
                OURS: model.candidate(ours),
                LOOP: model.candidate(partial(theirs, foreach=False)),
                FOREACH: model.candidate(partial(theirs, foreach=True)),
            }
            measured = _by_turns(f"{rule}, {name}", GROUP, candidates, max(2, count // 8), plan)
            best = min((LOOP, FOREACH), key=lambda peer: measured.timings[peer].median)
            timings = {**measured.timings, UNFUSED: measured.timings[best]}
            yield Comparison(measured.label, timings, group=GROUP)


def clip(plan: Plan) -> Iterator[Comparison]:
    """The same with a limit on the norm, beside clip_grad_norm_ and the fused step."""
    torch, front = _one_thread()
    for name, (shapes, count) in SETS.items():
        model = _Model(torch, shapes())
        candidates = {
            OURS: model.candidate(partial(front.AdamW, max_norm=1.0)),
            FUSED: model.candidate(partial(torch.optim.AdamW, fused=True), clip=True),
        }
        yield _by_turns(f"AdamW, {name}", CLIP, candidates, count, plan)


def epochs(plan: Plan) -> Iterator[Comparison]:
    """How long an epoch of a small network takes, all of it, and the part of our optimizer."""
    torch, front = _one_thread()
    datasets = optional("sklearn.datasets")
    digits = datasets.load_digits()
    points = torch.tensor(digits.data / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target)

    def network() -> Any:
        torch.manual_seed(0)
        layer, relu = torch.nn.Linear, torch.nn.ReLU
        return torch.nn.Sequential(layer(64, 64), relu(), layer(64, 64), relu(), layer(64, 10))

    def epoch(make: Callable[[Any], Any] | None) -> Step:
        model = network()
        optimizer = None if make is None else make(model.parameters())
        loss_of = torch.nn.functional.cross_entropy

        def train() -> None:
            for at in range(0, len(labels), 64):
                model.zero_grad() if optimizer is None else optimizer.zero_grad()
                loss_of(model(points[at : at + 64]), labels[at : at + 64]).backward()
                if optimizer is not None:
                    optimizer.step()

        return train

    candidates: dict[str, tuple[Step, Step]] = {
        OURS: (epoch(front.Adam), lambda: None),
        FUSED: (epoch(partial(torch.optim.Adam, fused=True)), lambda: None),
        "torch": (epoch(torch.optim.Adam), lambda: None),
        BARE: (epoch(None), lambda: None),
    }
    yield _by_turns("digits, 64-64-64-10, batch 64", EPOCH, candidates, 5, plan)


def lbfgs(plan: Plan) -> Iterator[Comparison]:
    """How long an evaluation of L-BFGS takes beyond the network's, beside torch's LBFGS."""
    _one_thread()
    poisson = optional("bench.bench_torch_lbfgs")
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in poisson.NAMES}
    for seed in range(2 if plan.settings == QUICK else 9):
        for name, found in runs.items():
            found.append(poisson.run(name, seed, EVALUATIONS))
    timings = {}
    for name, found in runs.items():
        losses, seconds = zip(*found, strict=True)
        note = f"loss {statistics.median(losses):.2g} at the end"
        timings[name] = Timing(seconds, EVALUATIONS, 0.0, note)
    label = f"Poisson's equation, 7.8 thousand variables, history {poisson.HISTORY}"
    yield Comparison(label, timings, group=LBFGS)
