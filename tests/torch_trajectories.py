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

# torch class, its settings. PyTorch adds RAdam's epsilon to the root of the uncorrected v, so that
# comparison runs with none.
COMPARISONS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "maximize": True}),
    ("Adagrad", {"lr": 0.1, "eps": 1e-08, "initial_accumulator_value": 0.1, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.95, "centered": True, "momentum": 0.8}),
    ("Adadelta", {"lr": 1.0, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.98), "eps": 1e-06, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "maximize": True}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.2}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.2, "amsgrad": True}),
    ("RAdam", {"lr": 0.01, "eps": 0.0, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.01, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.01, "weight_decay": 0.1}),
]
CLASSES = {"Adagrad": "AdaGrad", "Adadelta": "AdaDelta"}
NAMES = {
    "lr": "learning_rate",
    "alpha": "beta",
    "eps": "epsilon",
    "initial_accumulator_value": "initial_accumulator",
}


def ours(name, settings):
    """Our class and our settings of the same."""
    settings = {NAMES.get(key, key): value for key, value in settings.items()}
    if "betas" in settings:
        settings["beta1"], settings["beta2"] = settings.pop("betas")
    if name == "RAdam":
        settings["threshold"] = 5.0
    return CLASSES.get(name, name), settings


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
    for name, settings in COMPARISONS:
        p = torch.tensor(start.copy(), requires_grad=True)
        opt = getattr(torch.optim, name)([p], foreach=False, **settings)
        for g in grads:
            p.grad = torch.tensor(g)
            opt.step()
        row = dict(zip(("ours", "settings"), ours(name, settings), strict=True))
        rows.append({"torch": name, **row, "params": p.detach().numpy().tolist()})
    return {"torch": torch.__version__.split("+")[0], "steps": STEPS, "rows": rows}


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(record(), indent=1) + "\n")
