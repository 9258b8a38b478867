"""schuss: fused optimizers for training and fitting on a CPU, over plain NumPy arrays."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from . import clipping, config, initializers, linalg, optimizers, schedules, solvers
from .batches import minibatches
from .optimizers import *
from .optimizers.base import Optimizer, StepInfo
from .solvers import (
    BFGS,
    LBFGS,
    SR1,
    GradientDescent,
    Newton,
    NewtonCG,
    line_search,
    minimize,
    minimize_batch,
    scipy_method,
)

try:
    __version__ = version("schuss")
except PackageNotFoundError:  # run from a source tree
    __version__ = "0+unknown"

__all__ = [
    "BFGS",
    "LBFGS",
    "SR1",
    "GradientDescent",
    "Newton",
    "NewtonCG",
    "Optimizer",
    "StepInfo",
    "clipping",
    "config",
    "initializers",
    "linalg",
    "line_search",
    "minibatches",
    "minimize",
    "minimize_batch",
    "optimizers",
    "schedules",
    "scipy_method",
    "solvers",
    *optimizers.__all__,
]
