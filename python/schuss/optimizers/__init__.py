"""First-order optimizers, from simple to complex."""

from __future__ import annotations

from . import adagrad, adam, sgd, sign
from .adagrad import *
from .adam import *
from .sgd import *
from .sign import *

__all__ = [*sgd.__all__, *adagrad.__all__, *adam.__all__, *sign.__all__]
