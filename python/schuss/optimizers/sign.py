"""Steps of one size: only the sign of a direction counts."""

from __future__ import annotations

from .base import Optimizer
from .settings import Fraction, Rate

__all__ = ["Lion"]


class Lion(Optimizer):
    """The sign of a momentum; `weight_decay` is decoupled.

    With g the gradient::

        p ← p - η (sign(β1 m + (1 - β1) g) + λ p);    m ← β2 m + (1 - β2) g

    with sign(0) = 0. Rates about a tenth of Adam's, and decays about ten times as large, suit it.

    Args:
        learning_rate: η, at least 0.
        beta1: β1 in [0, 1).
        beta2: β2 in [0, 1).
        weight_decay: λ, at least 0.

    Memory: one array as large as the parameters.

    Example:
        >>> import numpy as np
        >>> p = np.array([1.0, 2.0, 3.0])
        >>> Lion(learning_rate=0.5).step(p, np.array([4.0, -0.1, 0.0]))
        >>> p
        array([0.5, 2.5, 3. ])

    Reference: Chen et al., Symbolic Discovery of Optimization Algorithms, NeurIPS 2023, Algorithm
    2.
    """

    learning_rate: Rate = 1e-4
    beta1: Fraction = 0.9
    beta2: Fraction = 0.99
    weight_decay: Rate = 0.0

    _rule = "lion"
