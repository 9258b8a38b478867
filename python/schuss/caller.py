"""Warnings that name the line of whoever called this package."""

from __future__ import annotations

import sys
import warnings

__all__ = ["warn"]

# Code that stands between: ours, and SciPy's and PyTorch's where they call us.
BETWEEN = ("schuss", "scipy.optimize", "torch")


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the nearest line outside this package and those that called it (see BETWEEN)."""
    frame, level = sys._getframe(1), 2  # of who called `warn`
    while frame.f_back is not None and _between(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _between(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in BETWEEN)
