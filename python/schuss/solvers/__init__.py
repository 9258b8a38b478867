"""Solvers that minimize a smooth function: ask-and-tell classes, and SciPy's `minimize`."""

from __future__ import annotations

from ..suggest import explain
from . import newton, quasi_newton
from .base import Solver
from .batch import minimize_batch
from .fit_batch import curve_fit_batch, least_squares_batch
from .interop import scipy_method
from .line_search import LineSearchResult, line_search
from .minimize import minimize
from .newton import *
from .quasi_newton import *
from .result import BatchResult, Result

__all__ = [
    "BatchResult",
    "LineSearchResult",
    "Result",
    "Solver",
    "curve_fit_batch",
    "least_squares_batch",
    "line_search",
    "minimize",
    "minimize_batch",
    "scipy_method",
    *newton.__all__,
    *quasi_newton.__all__,
]


explain(__name__)
