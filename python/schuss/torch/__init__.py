"""PyTorch's optimizers on the core of schuss."""

from .solvers import BFGS, LBFGS, NewtonCG, minimize

__all__ = ["BFGS", "LBFGS", "NewtonCG", "minimize"]
