"""schuss: fused optimizers for training and fitting on a CPU, over plain NumPy arrays."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import clipping, config, linalg, optimizers, solvers
from .batches import minibatches
from .optimizers.adagrad import *
from .optimizers.adam import *
from .optimizers.base import Optimizer, StepInfo
from .optimizers.layerwise import *
from .optimizers.sgd import *
from .optimizers.sign import *
from .solvers import (
    LeastSquares,
    curve_fit,
    curve_fit_batch,
    least_squares,
    least_squares_batch,
    line_search,
    minimize,
    minimize_batch,
    scipy_method,
)
from .solvers.newton import *
from .solvers.quasi_newton import *
from .suggest import did_you_mean

if TYPE_CHECKING:
    from . import distributed, initializers, lab, schedules
    from .checkpoint import CheckpointError, load, save

    __version__: str

__all__ = [
    "CheckpointError",
    "LeastSquares",
    "Optimizer",
    "StepInfo",
    "clipping",
    "config",
    "curve_fit",
    "curve_fit_batch",
    "distributed",
    "initializers",
    "lab",
    "least_squares",
    "least_squares_batch",
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
    *solvers.newton.__all__,
    *solvers.quasi_newton.__all__,
]


LATER = {  # imported when somebody asks for them
    "CheckpointError": ".checkpoint",
    "distributed": ".distributed",
    "initializers": ".initializers",
    "lab": ".lab",
    "load": ".checkpoint",
    "save": ".checkpoint",
    "schedules": ".schedules",
}
SETTINGS = (
    "SGD(momentum=0.9)",
    "SGD(momentum=0.9, nesterov=True)",
    "Adam(amsgrad=True)",
    "Newton(globalization='none')",
)

if not TYPE_CHECKING:  # with it, type checkers would take every name for one of ours

    def __getattr__(name: str) -> Any:
        if name in LATER:
            module = import_module(LATER[name], __name__)
            return module if LATER[name] == f".{name}" else getattr(module, name)
        if name == "__version__":
            return _version()
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}"
            + did_you_mean(name, [*__all__, *SETTINGS])
        )


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("schuss")
    except PackageNotFoundError:  # run from a source tree
        return "0+unknown"
