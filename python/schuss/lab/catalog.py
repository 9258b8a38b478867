"""What can be trained, by name, and a learning rate that is good for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from schuss import Optimizer
from schuss import optimizers as rules
from schuss.suggest import did_you_mean

__all__ = ["FULL_BATCH", "Progress", "available", "build", "first_order", "resolve", "setting"]

Progress = Callable[[str, int, int], None]  # (what is at work, done, in all)

# Rules that are a setting of a class and have a name of their own.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "Momentum": ("SGD", {"momentum": 0.9}),
    "Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "AMSGrad": ("Adam", {"amsgrad": True}),
}

# For the digits with the default network, batches and schedule: of 1, 2 and 5 times powers of ten,
# the smallest whose accuracy is within 0.3 % of the best, by five-fold cross-validation inside the
# training part. The test part had no say.
LEARNING_RATES: dict[str, float] = {
    "SGD": 0.5,
    "Momentum": 0.05,
    "Nesterov": 0.05,
    "AdaGrad": 0.02,
    "RMSprop": 0.001,
    "AdaDelta": 5.0,
    "Adam": 0.005,
    "AMSGrad": 0.01,
    "AdamW": 0.002,
    "AdaBelief": 0.002,
    "RAdam": 0.01,
    "NAdam": 0.005,
    "Adamax": 0.01,
    "Lion": 0.0005,
}
TUNED_BATCH = 64  # rows in the batches that these rates are for

# Rules whose steps are as long as the gradient is large; the others' are about as long as the rate.
AS_THE_GRADIENT = ("SGD", "Momentum", "Nesterov")

# Solvers that take all rows at once and find their own steps. Each evaluation of the loss and its
# gradients is a pass over the training part, which is what an epoch is to the others.
FULL_BATCH: dict[str, dict[str, Any]] = {"LBFGS": {"history_size": 10}}


def first_order() -> list[str]:
    """Every rule by name: the classes, and rules that are a setting of a class.

    Example:
        >>> {"Adam", "Nesterov", "AMSGrad"} <= set(first_order())
        True
    """
    names: list[str] = []
    for name in rules.__all__:
        rule = getattr(rules, name)
        if isinstance(rule, type) and issubclass(rule, Optimizer) and rule is not Optimizer:
            names.append(name)
            names += [variant for variant, (of, _) in VARIANTS.items() if of == name]
    return names


def available() -> list[str]:
    """Every name that `compare` knows: rules, and solvers that take all rows at once.

    Example:
        >>> {"Adam", "Nesterov", "LBFGS"} <= set(available())
        True
    """
    return first_order() + list(FULL_BATCH)


def resolve(optimizers: Iterable[str], known: Sequence[str]) -> list[str]:
    """Return names as `known` spells them, each once.

    Args:
        optimizers: names in any case, or one name.
        known: all that there are.

    Raises:
        ValueError: an unknown name, or none.

    Example:
        >>> resolve(["adam", "SGD", "Adam"], ["SGD", "Adam"])
        ['Adam', 'SGD']
    """
    by_lower = {name.lower(): name for name in known}
    names = []
    for name in [optimizers] if isinstance(optimizers, str) else optimizers:
        if name.lower() not in by_lower:
            near = did_you_mean(name, known)
            raise ValueError(f"unknown optimizer {name!r}; known: {', '.join(known)}{near}")
        names.append(by_lower[name.lower()])
    if not names:
        raise ValueError(f"no optimizer named; known: {', '.join(known)}")
    return list(dict.fromkeys(names))


def setting(name: str) -> tuple[str, dict[str, Any]]:
    """Return the class of a rule, and what it is given beside a learning rate.

    Example:
        >>> setting("Momentum")
        ('SGD', {'momentum': 0.9})
    """
    of, options = VARIANTS.get(name, (name, {}))
    return of, dict(options)


def build(name: str, **settings: Any) -> Optimizer:
    """Return a new optimizer.

    Args:
        name: from `first_order()`.
        settings: hyperparameters, which count more than those of the name.

    Raises:
        ValueError: what the optimizer does not take, in a line that begins with its name.

    Example:
        >>> made = build("Nesterov", learning_rate=0.1)
        >>> made.learning_rate, made.momentum, made.nesterov
        (0.1, 0.9, True)
    """
    of, options = setting(name)
    try:
        made: Optimizer = getattr(rules, of)(**{**options, **settings})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from error
    return made


def default_rate(name: str) -> float:
    """Return the learning rate of a rule where none is given.

    Example:
        >>> default_rate("Adam")
        0.001
    """
    rate = build(name).learning_rate
    assert not callable(rate), name
    return rate


def learning_rate(name: str, batch_size: int) -> float:
    """Return a rate that is good on the digits, and for a new rule the default of its class.

    In smaller batches gradients are noisier, and the rate is smaller too: in proportion for rules
    whose steps are as long as the gradient is large, by the root for the others. It does not grow
    with larger batches, for it was limited by the curvature already.

    Example:
        >>> learning_rate("SGD", 64), learning_rate("SGD", 16), learning_rate("Adam", 16)
        (0.5, 0.125, 0.0025)

    Reference: Goyal et al. 2017, Accurate, large minibatch SGD, section 2.1; Malladi et al. 2022,
        On the SDEs and scaling rules for adaptive gradient algorithms.
    """
    tuned = LEARNING_RATES.get(name)
    if tuned is None:
        return default_rate(name)
    share = min(1.0, batch_size / TUNED_BATCH)
    return tuned * (share if name in AS_THE_GRADIENT else math.sqrt(share))
