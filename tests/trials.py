"""What searches train. Workers import it, so that it needs little."""

from __future__ import annotations

import os

import numpy as np


def bowl(optimizer):
    """The value of x² after ten steps from 3."""
    x = np.array([3.0])
    with np.errstate(all="ignore"):
        for _ in range(10):
            optimizer.step(x, 2 * x)
        return float(x[0] ** 2)


def process(optimizer):
    """Which one it is."""
    return os.getpid()
