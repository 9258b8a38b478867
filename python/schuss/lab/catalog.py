"""What can be trained, by name, a learning rate that is good for each, and how it is drawn."""

from __future__ import annotations

import inspect
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from schuss import Optimizer, solvers
from schuss import optimizers as rules
from schuss.suggest import did_you_mean

__all__ = [
    "COLORS",
    "DEFAULT",
    "FULL_BATCH",
    "Look",
    "Progress",
    "Settings",
    "available",
    "build",
    "first_order",
    "hyperparameters",
    "known_look",
    "look",
    "resolve",
    "setting",
    "settings_for",
    "solver",
]

Progress = Callable[[str, int, int], None]  # (what is at work, done, in all)
Settings = Mapping[str, Mapping[str, Any]]  # of optimizers, by name

# Rules that are a setting of a class and have a name of their own.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "Momentum": ("SGD", {"momentum": 0.9}),
    "Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "AMSGrad": ("Adam", {"amsgrad": True}),
    "NewtonTextbook": ("Newton", {"globalization": "none"}),
}

# What `compare` trains where nobody says: each adds one idea to those before it. The gradient; its
# memory; its size, parameter by parameter; both; decay apart from them; curvature, of all rows.
DEFAULT = ("SGD", "Momentum", "RMSprop", "Adam", "AdamW", "LBFGS")

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
    "AdEMAMix": 0.002,
    "Adan": 0.005,
    "Lion": 0.0005,
    "LAMB": 0.002,
    "LARS": 1.0,
}
TUNED_BATCH = 64  # rows in the batches that these rates are for

# Rules whose steps are as long as the gradient is large; the others' are about as long as the rate.
AS_THE_GRADIENT = ("SGD", "Momentum", "Nesterov", "ASGD")

# Solvers that take all rows at once and find their own steps.
FULL_BATCH: dict[str, dict[str, Any]] = {"LBFGS": {"history_size": 10}}

# Okabe and Ito 2008, for color-blind readers too, with a wine in place of the yellow, which fades
# on white.
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, ORANGE, BLACK, WINE = "#56B4E9", "#E69F00", "#222222", "#882255"
COLORS = (BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE, BLACK, WINE)
MARKERS = "os^vD*PXd<>ph8H"


class Look(NamedTuple):
    """How an optimizer is drawn, in every picture."""

    color: str
    marker: str


# Those that are often drawn together differ in color.
LOOKS: dict[str, Look] = {
    "SGD": Look(BLACK, "o"),
    "Momentum": Look(BLUE, "s"),
    "Nesterov": Look(SKY, "^"),
    "ASGD": Look(ORANGE, "o"),
    "AdaGrad": Look(PURPLE, "<"),
    "RMSprop": Look(GREEN, "v"),
    "AdaDelta": Look(ORANGE, ">"),
    "Adam": Look(VERMILION, "D"),
    "AMSGrad": Look(SKY, "d"),
    "AdamW": Look(ORANGE, "*"),
    "AdaBelief": Look(GREEN, "p"),
    "RAdam": Look(BLUE, "h"),
    "NAdam": Look(PURPLE, "H"),
    "Adamax": Look(BLACK, "d"),
    "AdEMAMix": Look(SKY, "*"),
    "Adan": Look(WINE, "v"),
    "Lion": Look(WINE, ">"),
    "Rprop": Look(PURPLE, "d"),
    "LAMB": Look(BLUE, "<"),
    "LARS": Look(GREEN, "^"),
    "GradientDescent": Look(BLUE, "8"),
    "LBFGS": Look(PURPLE, "P"),
    "BFGS": Look(ORANGE, "p"),
    "SR1": Look(GREEN, "h"),
    "Newton": Look(WINE, "X"),
    "NewtonTextbook": Look(SKY, "X"),
    "NewtonCG": Look(BLACK, "P"),
}


def known_look(name: str) -> Look | None:
    """Return color and marker of an optimizer by a name in any spelling, None for a new one.

    Example:
        >>> known_look("newton_cg") == LOOKS["NewtonCG"], known_look("mine")
        (True, None)
    """
    return next((look for each, look in LOOKS.items() if _plain(each) == _plain(name)), None)


def look(name: str) -> Look:
    """Return color and marker of an optimizer, the same in all pictures.

    Those of a new one follow from its name.

    Example:
        >>> look("Adam")
        Look(color='#D55E00', marker='D')
    """
    known = known_look(name)
    if known is not None:
        return known
    free = [Look(c, m) for c in COLORS for m in MARKERS if (c, m) not in LOOKS.values()]
    return free[zlib.crc32(name.encode()) % len(free)]


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
        optimizers: names in any case, with dashes and underscores or without, or one name; "all"
            alone is all of them.
        known: all that there are.

    Raises:
        ValueError: an unknown name, or none.

    Example:
        >>> resolve(["adam", "SGD", "Adam"], ["SGD", "Adam"])
        ['Adam', 'SGD']
    """
    given = [optimizers] if isinstance(optimizers, str) else list(optimizers)
    if list(map(_plain, given)) == ["all"]:
        return list(known)
    spelled = {_plain(name): name for name in known}
    names = []
    for name in given:
        if _plain(name) not in spelled:
            near = did_you_mean(name, known)
            raise ValueError(f"unknown optimizer {name!r}{near or '; known: ' + ', '.join(known)}")
        names.append(spelled[_plain(name)])
    if not names:
        raise ValueError(f"no optimizer named; known: {', '.join(known)}")
    return list(dict.fromkeys(names))


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def setting(name: str) -> tuple[str, dict[str, Any]]:
    """Return the class of a rule or solver, and what it is given beside a learning rate.

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


def solver(name: str, x0: Any, **settings: Any) -> solvers.Solver:
    """Return a new solver that starts from `x0`.

    Args:
        name: of a class of `schuss.solvers`, or "NewtonTextbook".
        x0: where to start.
        settings: keywords of the class, which count more than those of the name.

    Raises:
        ValueError: what the solver does not take, in a line that begins with its name.

    Example:
        >>> solver("NewtonTextbook", [1.0], maxiter=5).request
        'value_and_gradient'
    """
    of, options = setting(name)
    try:
        made: solvers.Solver = getattr(solvers, of)(x0, **{**options, **settings})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from error
    return made


def hyperparameters(name: str) -> list[str]:
    """What a rule or a solver can be given: the class's own, then what all rules take.

    But for `overrides`, whose values are no plain ones, and where a solver starts.

    Example:
        >>> hyperparameters("Lion")[:4]
        ['learning_rate', 'beta1', 'beta2', 'weight_decay']
        >>> hyperparameters("LBFGS")[:2]
        ['history_size', 'gtol']
    """
    of, _ = setting(name)
    made = getattr(rules, of, None) or getattr(solvers, of)
    return [each for each in inspect.signature(made).parameters if each not in ("x0", "overrides")]


def settings_for(names: Sequence[str], settings: Settings | None) -> dict[str, dict[str, Any]]:
    """Return the settings of each optimizer, or refuse them.

    Args:
        names: the optimizers at work.
        settings: hyperparameters of some of them, by name in any case, as
            `{"Adam": {"beta1": 0.5}}`.

    Raises:
        ValueError: an optimizer that is not at work, or a hyperparameter that it does not have.

    Example:
        >>> settings_for(["SGD", "Adam"], {"adam": {"beta1": 0.5}})
        {'SGD': {}, 'Adam': {'beta1': 0.5}}
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    spelled = {_plain(name): name for name in names}
    for owner, own in (settings or {}).items():
        if _plain(owner) not in spelled:
            near = did_you_mean(owner, names)
            raise ValueError(
                f"settings name {owner!r}, which is not at work{near or ': ' + ', '.join(names)}"
            )
        name = spelled[_plain(owner)]
        has = hyperparameters(name)
        for key in own:
            if key not in has:
                near = did_you_mean(key, has)
                raise ValueError(f"{name} has no {key}{near or '; it has ' + ', '.join(has)}")
            if callable(own[key]):
                raise ValueError(f"{name}.{key} is {own[key]!r}; a plain value is wanted")
        found[name].update(own)
        if own:  # refused before anything is trained
            build(name, **own) if name in first_order() else solver(name, np.zeros(1), **own)
    return found


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
