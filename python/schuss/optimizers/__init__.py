"""First-order optimizers, from simple to complex."""

from __future__ import annotations

from ..suggest import explain
from .adagrad import *
from .adam import *
from .layerwise import *
from .sgd import *
from .sign import *

__all__ = [  # noqa: RUF022  (as in the families' own lists, whose sum type checkers do not read)
    "SGD",
    "ASGD",
    "AdaDelta",
    "AdaGrad",
    "RMSprop",
    "AdEMAMix",
    "AdaBelief",
    "Adam",
    "AdamW",
    "Adamax",
    "Adan",
    "NAdam",
    "RAdam",
    "Lion",
    "Rprop",
    "LAMB",
    "LARS",
]


explain(__name__)
