"""schuss: fused optimizers for training and fitting on a CPU, over plain NumPy arrays."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import clipping, config, initializers, linalg, optimizers, solvers
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

if TYPE_CHECKING:
    from . import schedules
    from .checkpoint import CheckpointError, load, save

    __version__: str

__all__ = [
    "BFGS",
    "LBFGS",
    "SR1",
    "CheckpointError",
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
    "load",
    "minibatches",
    "minimize",
    "minimize_batch",
    "optimizers",
    "save",
    "schedules",
    "scipy_method",
    "solvers",
    *optimizers.__all__,
]


def __getattr__(name: str) -> Any:
    """What takes long to import, when somebody asks for it."""
    if name == "schedules":
        return import_module(".schedules", __name__)
    if name in ("CheckpointError", "load", "save"):
        return getattr(import_module(".checkpoint", __name__), name)
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("schuss")
    except PackageNotFoundError:  # run from a source tree
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
