"""First-order optimizers, from simple to complex."""

from __future__ import annotations

from ..suggest import explain
from . import adagrad, adam, layerwise, sgd, sign
from .adagrad import *
from .adam import *
from .layerwise import *
from .sgd import *
from .sign import *

__all__ = [*sgd.__all__, *adagrad.__all__, *adam.__all__, *sign.__all__, *layerwise.__all__]


explain(__name__)
