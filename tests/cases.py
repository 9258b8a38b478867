"""The table of cases: settings of every optimizer, and settings that must be refused.

Every property test picks up a new optimizer: with its defaults, or with the settings of its rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import schuss


@dataclass(frozen=True)
class Case:
    name: str  # class in schuss
    rule: str  # function in reference.py
    settings: dict[str, Any] = field(default_factory=dict)
    given: dict[str, float] = field(default_factory=dict)  # hyperparameters of the rule alone

    def make(self, **common):
        cls = getattr(schuss, self.name)
        if self.given:
            cls = type(self.name, (cls,), {"_given": {**cls._given, **self.given}})
        return cls(**{**self.settings, **common})

    def __str__(self):
        settings = {**self.settings, **self.given}
        return "-".join([self.name, self.rule, *(f"{k}={v}" for k, v in settings.items())])


CASES = [
    Case("SGD", "sgd", {"learning_rate": 0.1}),
    Case("SGD", "momentum", {"momentum": 0.9}),
    Case("SGD", "momentum", {"momentum": 0.8, "dampening": 0.8}),
    Case("SGD", "nesterov", {"momentum": 0.9, "nesterov": True}),
    Case("SGD", "nesterov", {"momentum": 0.7, "nesterov": True, "dampening": 0.2}),
    Case("SGD", "velocity", {"momentum": 0.9, "lr_in_velocity": True}),
    Case("SGD", "nesterov_velocity", {"momentum": 0.9, "lr_in_velocity": True, "nesterov": True}),
    Case("ASGD", "asgd"),
    Case("ASGD", "asgd", {"learning_rate": 0.1, "lambd": 0.3, "t0": 2.0}),
    Case("AdaGrad", "adagrad"),
    Case("AdaGrad", "adagrad", {"initial_accumulator": 0.1, "epsilon_inside_sqrt": True}),
    Case("RMSprop", "rmsprop"),
    Case("RMSprop", "rmsprop", {"beta": 0.99, "epsilon": 1e-3, "epsilon_inside_sqrt": True}),
    Case("RMSprop", "rmsprop_momentum", {"momentum": 0.9}),
    Case("RMSprop", "rmsprop_centered", {"centered": True, "epsilon_inside_sqrt": True}),
    Case("RMSprop", "rmsprop_centered_momentum", {"centered": True, "momentum": 0.5}),
    Case("AdaDelta", "adadelta"),
    Case("AdaDelta", "adadelta", {"learning_rate": 0.5, "rho": 0.95, "epsilon": 1e-4}),
    Case("Adam", "adam"),
    Case("Adam", "adam", {"learning_rate": 0.1, "beta1": 0.0, "beta2": 0.5, "epsilon": 1e-3}),
    Case("Adam", "amsgrad", {"amsgrad": True}),
    Case("Adam", "adam", {"weight_decay": 0.2, "decoupled_weight_decay": True}),
    Case("AdamW", "adam"),
    Case("AdamW", "adam", {"weight_decay": 0.3, "learning_rate": 0.02}),
    Case("AdamW", "amsgrad", {"amsgrad": True}),
    Case("AdaBelief", "adabelief"),
    Case("AdaBelief", "adabelief", {"epsilon_root": 1e-6}),
    Case("NAdam", "nadam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    Case(
        "SGD",
        "nesterov_velocity",
        {
            "momentum": 0.9,
            "lr_in_velocity": True,
            "nesterov": True,
            "weight_decay": 0.1,
            "decoupled_weight_decay": True,
        },
    ),
    Case("RAdam", "radam"),
    Case("RAdam", "radam", {"threshold": 5.0, "beta2": 0.9}),
    Case("NAdam", "nadam"),
    Case("NAdam", "nadam", {"momentum_decay": 60.0}),
    Case("Lion", "lion", {"learning_rate": 0.01}),
    Case("Lion", "lion", {"weight_decay": 0.2}),
    Case("Rprop", "rprop", {"learning_rate": 0.1, "step_max": 0.13, "step_min": 0.06}),
    Case("Rprop", "rprop"),
    Case("AdEMAMix", "ademamix", {"weight_decay": 0.1}),
    Case("AdEMAMix", "ademamix", {"beta3": 0.99, "alpha_warmup": 3, "beta3_warmup": 5}),
    Case("Adan", "adan"),
    Case("Adan", "adan", {"weight_decay": 0.1}),
    Case("Adan", "adan", {"weight_decay": 0.1, "proximal": False}),
    Case("LARS", "lars"),
    Case("LARS", "lars", {"lr_in_velocity": True, "adapt": "decayed", "max_ratio": 0.1}),
    Case("LARS", "lars", {"weight_decay": 0.1, "nesterov": True, "dampening": 0.2}),
    Case("LAMB", "lamb"),
    Case("LAMB", "lamb", {"adapt": False, "weight_decay": 0.0, "learning_rate": 0.01}),
    Case("LAMB", "lamb", {"decoupled_weight_decay": True, "bias_correction": False}),
]

# A class without a row is taken with its defaults.
CASES += [
    Case(name, getattr(schuss, name)().rule)
    for name in schuss.optimizers.__all__
    if name not in {case.name for case in CASES}
]

# What no class offers: PyTorch's ways, which `schuss.torch` chooses.
VARIANTS = [
    Case("SGD", "momentum", {"momentum": 0.8, "dampening": 0.5}, {"first_dampening": 0.0}),
    Case(
        "SGD",
        "nesterov",
        {"momentum": 0.7, "nesterov": True, "dampening": 0.2},
        {"first_dampening": 0.0},
    ),
    Case("AdaGrad", "adagrad", {}, {"lr_decay": 0.3}),
    Case(
        "RAdam",
        "radam",
        {"threshold": 5.0, "beta2": 0.9, "epsilon": 0.01},
        {"epsilon_before_correction": 1.0},
    ),
]

# One case for each rule, the last: of a rule with sums one that uses them.
RULES = list({case.rule: case for case in CASES}.values())

# Beyond the ranges of single hyperparameters, which test_errors.py draws from the classes.
ERRORS = [
    ("SGD", {"nesterov": True}, ValueError, "nesterov"),
    ("SGD", {"nesterov": 1}, TypeError, "nesterov"),
    ("SGD", {"lr_in_velocity": "yes"}, TypeError, "lr_in_velocity"),
    ("ASGD", {"t0": -1.0}, ValueError, "t0"),
    ("Rprop", {"eta_plus": 0.9}, ValueError, "eta_plus"),
    ("AdaGrad", {"initial_accumulator": -1.0}, ValueError, "initial_accumulator"),
    ("AdaGrad", {"epsilon_inside_sqrt": None}, TypeError, "epsilon_inside_sqrt"),
    ("RMSprop", {"centered": 0.5}, TypeError, "centered"),
    ("Adam", {"amsgrad": 1.0}, TypeError, "amsgrad"),
    ("RAdam", {"threshold": 3.0}, ValueError, "threshold"),
    ("NAdam", {"momentum_decay": -0.1}, ValueError, "momentum_decay"),
    ("NAdam", {"decoupled_weight_decay": 1}, TypeError, "decoupled_weight_decay"),
    ("LAMB", {"adapt": "some"}, ValueError, "adapt is 'some'; one of 'all', 'decayed', False"),
    ("LAMB", {"adapt": True}, ValueError, "adapt is True; one of"),
    ("LAMB", {"adapt": 0.0}, ValueError, "adapt is 0.0; one of"),
    ("LARS", {"adapt": lambda t: "all"}, ValueError, "adapt is .*; one of"),
    ("LARS", {"overrides": {"*": {"adapt": "x"}}}, ValueError, r"overrides\['\*'\]\['adapt'\]"),
    ("Adan", {"proximal": None}, TypeError, "proximal"),
    ("AdEMAMix", {"alpha_warmup": -1.0}, ValueError, "alpha_warmup"),
]
