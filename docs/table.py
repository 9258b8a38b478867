"""What no docstring says of an optimizer: the same elsewhere, and what its picture shows."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

import schuss
from schuss import _core

from bench import cases


@dataclass(frozen=True)
class Row:
    """One optimizer.

    Attributes:
        ours: a call of ours; `torch` does the same.
        torch: the call in PyTorch, of `params`; empty where `torch.optim` has none.
        note: what to mind between the two, or the same in other libraries.
        paths: what its picture shows, as names that `schuss.lab.landscape` knows; empty: SGD and
            itself.
    """

    ours: str = ""
    torch: str = ""
    note: str = ""
    paths: tuple[str, ...] = ()


# Of classes that PyTorch has, or of which there is something to say; of others there is none.
TABLE: dict[str, Row] = {
    "SGD": Row(
        ours="schuss.SGD(learning_rate=0.05, momentum=0.9, nesterov=True)",
        torch="torch.optim.SGD(params, lr=0.05, momentum=0.9, nesterov=True)",
        note="PyTorch leaves `dampening` out at the first step. It has no `lr_in_velocity`.",
        paths=("SGD", "Momentum", "Nesterov"),
    ),
    "ASGD": Row(
        ours="schuss.ASGD(learning_rate=0.01, lambd=1e-4, alpha=0.75, t0=1e6)",
        torch="torch.optim.ASGD(params, lr=0.01, lambd=1e-4, alpha=0.75, t0=1e6)",
        note="PyTorch keeps the rate and the weight of the average in float32, here they are in "
        "double.",
    ),
    "AdaGrad": Row(
        ours="schuss.AdaGrad(learning_rate=0.01, epsilon=1e-8)",
        torch="torch.optim.Adagrad(params, lr=0.01, eps=1e-8)",
        note="PyTorch's default for `eps` is 1e-10. Its `lr_decay` is a schedule here.",
    ),
    "RMSprop": Row(
        ours="schuss.RMSprop(learning_rate=0.001, beta=0.9, momentum=0.8, centered=True)",
        torch="torch.optim.RMSprop(params, lr=0.001, alpha=0.9, momentum=0.8, centered=True)",
        note="Other defaults in PyTorch: `lr=0.01`, `alpha=0.99`.",
    ),
    "AdaDelta": Row(
        ours="schuss.AdaDelta(learning_rate=1.0, rho=0.9, epsilon=1e-6)",
        torch="torch.optim.Adadelta(params, lr=1.0, rho=0.9, eps=1e-6)",
    ),
    "Adam": Row(
        ours="schuss.Adam(learning_rate=0.001, beta1=0.9, beta2=0.999, amsgrad=True)",
        torch="torch.optim.Adam(params, lr=0.001, betas=(0.9, 0.999), amsgrad=True)",
    ),
    "AdamW": Row(
        ours="schuss.AdamW(learning_rate=0.001, weight_decay=0.01)",
        torch="torch.optim.AdamW(params, lr=0.001, weight_decay=0.01)",
    ),
    "AdaBelief": Row(paths=("Adam", "AdaBelief")),
    "RAdam": Row(
        ours="schuss.RAdam(learning_rate=0.001, threshold=5.0)",
        torch="torch.optim.RAdam(params, lr=0.001)",
        note="PyTorch's threshold is 5, ours is the paper's 4. PyTorch adds `eps` to the root of "
        "the uncorrected average, which makes a small difference in early steps.",
        paths=("Adam", "RAdam"),
    ),
    "NAdam": Row(
        ours="schuss.NAdam(learning_rate=0.001, momentum_decay=0.004)",
        torch="torch.optim.NAdam(params, lr=0.001, momentum_decay=0.004)",
        note="PyTorch's default for `lr` is 0.002.",
        paths=("Adam", "NAdam"),
    ),
    "Adamax": Row(
        ours="schuss.Adamax(learning_rate=0.002)",
        torch="torch.optim.Adamax(params, lr=0.002)",
        paths=("Adam", "Adamax"),
    ),
    "AdEMAMix": Row(
        note="pytorch-optimizer's `AdEMAMix` is the same with `weight_decouple=True`. The "
        "schedules of optax start a step later, with a slow average that counts nothing.",
        paths=("AdamW", "AdEMAMix"),
    ),
    "Adan": Row(
        note="timm's and pytorch-optimizer's `Adan` are the same. optax's takes 1 - β2 for β2, and "
        "adan-pytorch does not move in the first step.",
        paths=("Adam", "Adan"),
    ),
    "Lion": Row(paths=("Adam", "Lion")),
    "Rprop": Row(
        ours="schuss.Rprop(learning_rate=0.01, eta_minus=0.5, eta_plus=1.2)",
        torch="torch.optim.Rprop(params, lr=0.01, etas=(0.5, 1.2))",
        note="PyTorch multiplies gradients where we compare their signs, and leaves a parameter "
        "whose gradient is NaN as it is.",
    ),
    "LAMB": Row(
        note="timm's `Lamb` is the same with `max_grad_norm=None, always_adapt=True`; by default "
        "it clips at a norm of 1 and adapts only what is decayed. optax's `lamb` is the same.",
        paths=("Adam", "LAMB"),
    ),
    "LARS": Row(
        note="timm's `Lars` is the same with `momentum=0.9, always_adapt=True`; with no decay and "
        "without `always_adapt` it is SGD. optax's `lars` has the rate in the buffer.",
        paths=("Momentum", "LARS"),
    ),
}


def names() -> list[str]:
    """Return all classes: those of the table in its order, then the others."""
    return [*TABLE, *(name for name in schuss.optimizers.__all__ if name not in TABLE)]


def row(name: str) -> Row:
    """Return what the table says of a class, if anything."""
    return TABLE.get(name, Row())


def paths(name: str) -> tuple[str, ...]:
    """Return what the picture of a class shows."""
    return row(name).paths or ("SGD", name)


def said(name: str, word: str) -> str:
    """Return what a class says of itself in the paragraph that begins with a word."""
    doc = inspect.getdoc(getattr(schuss, name)) or ""
    found = re.search(rf"^{word}: ((?:.+\n)+)", doc, re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def variants(name: str) -> list[dict[str, Any]]:
    """Return settings of a class, one for each rule that its switches choose."""
    found: dict[str, dict[str, Any]] = {}
    for of, keywords in cases.constructions(schuss):
        if of != name:
            continue
        settings = {key: value for key, value in keywords.items() if value}
        try:
            found.setdefault(rule(name, settings), settings)
        except ValueError:  # such as Nesterov without momentum
            continue
    return list(found.values())


def check() -> None:
    """Refuse a class that does not say when to use it, and rows and rules without a class."""
    classes = schuss.optimizers.__all__
    for name in classes:
        for word in ("Use it", "Trouble"):
            if not said(name, word):
                raise ValueError(f"the docstring of {name} has no paragraph {word!r}")
    if unknown := sorted(set(TABLE) - set(classes)):
        raise ValueError(f"docs/table.py has the unknown {unknown}")
    chosen = {rule(name, settings) for name in classes for settings in variants(name)}
    if missing := sorted(set(_core.rules()) - chosen):
        raise ValueError(f"no class chooses the rules {missing} by its switches")


def rule(name: str, settings: dict[str, Any]) -> str:
    """Return the rule that a class uses with these settings."""
    return str(getattr(schuss, name)(**settings).rule)


def slots(name: str, settings: dict[str, Any]) -> list[str]:
    """Return the arrays that it keeps, each as large as the parameters."""
    return list(_core.rules()[rule(name, settings)]["slots"])


def moved(name: str, settings: dict[str, Any], itemsize: int) -> int:
    """Bytes that a step moves for each parameter."""
    return itemsize * cases.moved(_core.rules()[rule(name, settings)])
