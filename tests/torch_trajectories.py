"""Record what PyTorch's single-tensor float64 code does, for tests/test_torch.py.

Run `python tests/torch_trajectories.py` in an environment with torch to write tests/data/torch.json
again. The recording lets the comparison run where torch is not installed.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "data" / "torch.json"
STEPS, SIZE = 40, 7

# torch class, its settings; schuss class, its settings. PyTorch adds RAdam's epsilon to the root of
# the uncorrected v, so that comparison runs with none.
COMPARISONS = [
    ("SGD", {"lr": 0.1}, "SGD", {"learning_rate": 0.1}),
    (
        "SGD",
        {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1},
        "SGD",
        {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.1},
    ),
    (
        "SGD",
        {"lr": 0.05, "momentum": 0.8, "nesterov": True, "maximize": True},
        "SGD",
        {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True, "maximize": True},
    ),
    (
        "Adagrad",
        {"lr": 0.1, "eps": 1e-8, "initial_accumulator_value": 0.1, "weight_decay": 0.1},
        "AdaGrad",
        {"learning_rate": 0.1, "initial_accumulator": 0.1, "weight_decay": 0.1},
    ),
    (
        "RMSprop",
        {"lr": 0.01, "alpha": 0.9, "weight_decay": 0.1},
        "RMSprop",
        {"learning_rate": 0.01, "weight_decay": 0.1},
    ),
    (
        "RMSprop",
        {"lr": 0.01, "alpha": 0.95, "centered": True, "momentum": 0.8},
        "RMSprop",
        {"learning_rate": 0.01, "beta": 0.95, "centered": True, "momentum": 0.8},
    ),
    ("Adadelta", {"lr": 1.0, "weight_decay": 0.1}, "AdaDelta", {"weight_decay": 0.1}),
    (
        "Adam",
        {"lr": 0.01, "betas": (0.8, 0.98), "eps": 1e-6, "weight_decay": 0.1},
        "Adam",
        {"learning_rate": 0.01, "beta1": 0.8, "beta2": 0.98, "epsilon": 1e-6, "weight_decay": 0.1},
    ),
    (
        "Adam",
        {"lr": 0.01, "amsgrad": True, "maximize": True},
        "Adam",
        {"learning_rate": 0.01, "amsgrad": True, "maximize": True},
    ),
    (
        "AdamW",
        {"lr": 0.01, "weight_decay": 0.2},
        "AdamW",
        {"learning_rate": 0.01, "weight_decay": 0.2},
    ),
    (
        "AdamW",
        {"lr": 0.01, "weight_decay": 0.2, "amsgrad": True},
        "AdamW",
        {"learning_rate": 0.01, "weight_decay": 0.2, "amsgrad": True},
    ),
    (
        "RAdam",
        {"lr": 0.01, "eps": 0.0, "weight_decay": 0.1},
        "RAdam",
        {"learning_rate": 0.01, "epsilon": 0.0, "threshold": 5.0, "weight_decay": 0.1},
    ),
    (
        "NAdam",
        {"lr": 0.01, "weight_decay": 0.1},
        "NAdam",
        {"learning_rate": 0.01, "weight_decay": 0.1},
    ),
    (
        "Adamax",
        {"lr": 0.01, "weight_decay": 0.1},
        "Adamax",
        {"learning_rate": 0.01, "weight_decay": 0.1},
    ),
]


def problem():
    """Start and gradients, all non-zero, of every sign and size."""
    rng = np.random.default_rng(7)
    start = rng.standard_normal(SIZE)
    grads = rng.standard_normal((STEPS, SIZE)) * np.logspace(-3, 3, SIZE)
    return start, grads


def record():
    import torch

    start, grads = problem()
    rows = []
    for name, settings, ours, our_settings in COMPARISONS:
        p = torch.tensor(start.copy(), requires_grad=True)
        opt = getattr(torch.optim, name)([p], foreach=False, **settings)
        for g in grads:
            p.grad = torch.tensor(g)
            opt.step()
        rows.append(
            {
                "torch": name,
                "ours": ours,
                "settings": our_settings,
                "params": p.detach().numpy().tolist(),
            }
        )
    return {"torch": torch.__version__.split("+")[0], "steps": STEPS, "rows": rows}


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(record(), indent=1) + "\n")
