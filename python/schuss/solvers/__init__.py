"""Solvers that minimize a smooth function: ask-and-tell classes, and SciPy's `minimize`."""

from __future__ import annotations

from ..suggest import explain
from . import newton, quasi_newton
from .base import Solver
from .batch import minimize_batch
from .curve_fit import curve_fit
from .fit_batch import curve_fit_batch, least_squares_batch
from .interop import scipy_method
from .least_squares import LeastSquares, least_squares
from .line_search import LineSearchResult, line_search
from .minimize import minimize
from .newton import *
from .quasi_newton import *
from .result import BatchResult, LeastSquaresResult, Result

__all__ = [
    "BatchResult",
    "LeastSquares",
    "LeastSquaresResult",
    "LineSearchResult",
    "Result",
    "Solver",
    "curve_fit",
    "curve_fit_batch",
    "least_squares",
    "least_squares_batch",
    "line_search",
    "minimize",
    "minimize_batch",
    "scipy_method",
    *newton.__all__,
    *quasi_newton.__all__,
]


explain(__name__)
