"""Robust losses: what large residuals count for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["LOSSES"]

Loss = Callable[[Any], Any]


def _soft_l1(z: Any) -> Any:
    t = 1 + z
    return np.stack([2 * (np.sqrt(t) - 1), t**-0.5, -0.5 * t**-1.5])


def _huber(z: Any) -> Any:
    inside, root = z <= 1, np.sqrt(np.maximum(z, 1))
    return np.stack(
        [
            np.where(inside, z, 2 * root - 1),
            np.where(inside, 1, 1 / root),
            np.where(inside, 0, -0.5 / root**3),
        ]
    )


def _cauchy(z: Any) -> Any:
    t = 1 + z
    return np.stack([np.log1p(z), 1 / t, -1 / t**2])


def _arctan(z: Any) -> Any:
    t = 1 + z**2
    return np.stack([np.arctan(z), 1 / t, -2 * z / t**2])


# By name: z of (m,) to rho(z), rho'(z), rho''(z) of (3, m); None for plain squares.
LOSSES: dict[str, Loss | None] = {
    "linear": None,
    "soft_l1": _soft_l1,
    "huber": _huber,
    "cauchy": _cauchy,
    "arctan": _arctan,
}
