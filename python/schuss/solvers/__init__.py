"""Solvers that minimize a smooth function: ask-and-tell classes, and SciPy's `minimize`."""

from __future__ import annotations

from ..suggest import explain
from .base import Solver
from .batch import minimize_batch
from .interop import scipy_method
from .line_search import LineSearchResult, line_search
from .minimize import minimize
from .newton import Newton, NewtonCG
from .quasi_newton import BFGS, LBFGS, SR1, GradientDescent
from .result import BatchResult, Result

__all__ = [
    "BFGS",
    "LBFGS",
    "SR1",
    "BatchResult",
    "GradientDescent",
    "LineSearchResult",
    "Newton",
    "NewtonCG",
    "Result",
    "Solver",
    "line_search",
    "minimize",
    "minimize_batch",
    "scipy_method",
]


explain(__name__)
