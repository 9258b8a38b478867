"""schuss: fused optimizers for training and fitting on a CPU, over plain NumPy arrays."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from . import clipping, config, initializers, optimizers, schedules
from .batches import minibatches
from .optimizers import *
from .optimizers.base import Optimizer, StepInfo

try:
    __version__ = version("schuss")
except PackageNotFoundError:  # run from a source tree
    __version__ = "0+unknown"

__all__ = [
    "Optimizer",
    "StepInfo",
    "clipping",
    "config",
    "initializers",
    "minibatches",
    "optimizers",
    "schedules",
    *optimizers.__all__,
]
