"""schuss: fused optimizers for training and fitting on a CPU, over plain NumPy arrays."""

from __future__ import annotations

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


def __getattr__(name: str) -> str:
    """Look the version up when somebody asks: that takes as long as half of NumPy's import."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("schuss")
    except PackageNotFoundError:  # run from a source tree
        return "0+unknown"
