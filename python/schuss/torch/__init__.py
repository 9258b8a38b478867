"""PyTorch's optimizers on the core of schuss.

Change ``torch.optim.AdamW`` to ``schuss.torch.AdamW``: arguments, groups, states, checkpoints and
schedulers stay as they are.
"""

from .optimizers import (
    ASGD,
    LAMB,
    LARS,
    SGD,
    AdaBelief,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Adan,
    AdEMAMix,
    Lion,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
)
from .solvers import BFGS, LBFGS, NewtonCG, minimize

__all__ = [
    "ASGD",
    "BFGS",
    "LAMB",
    "LARS",
    "LBFGS",
    "SGD",
    "AdEMAMix",
    "AdaBelief",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Adan",
    "Lion",
    "NAdam",
    "NewtonCG",
    "RAdam",
    "RMSprop",
    "Rprop",
    "minimize",
]
