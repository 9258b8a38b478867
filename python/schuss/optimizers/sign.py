"""Only the sign of a direction counts, not its size."""

from __future__ import annotations

from typing import Annotated

from .base import Coupled, Optimizer
from .settings import Fraction, Hyperparameter, NonNegative, Rate, Value

__all__ = ["Lion", "Rprop"]


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

    Use it: Large models, large batches, little memory.

    Trouble: Batches are small, or the rate is Adam's: take a tenth.

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


class Rprop(Coupled):
    """A step size for each parameter, from signs alone; `weight_decay` is an L2 gradient term.

    With g the gradient, h that of the step before, 0 at first, and d the step size, η at first::

        g h > 0:    d ← min(η⁺ d, step_max)
        g h < 0:    d ← max(η⁻ d, step_min);    g ← 0
        p ← p - d sign(g);    h ← g

    so that a parameter rests for a step where its gradient has turned. For gradients of the whole
    data set: in those of batches the sign is noise. Signs are compared, whatever the size of the
    gradients; PyTorch multiplies them, which loses those below 1e-22 in float32. A NaN gradient
    makes its parameter NaN; PyTorch leaves the parameter as it is and says nothing.

    Args:
        learning_rate: η, at least 0: the step size in the first step, and of no effect later on.
        eta_minus: η⁻ in [0, 1).
        eta_plus: η⁺, at least 1.
        step_min: the smallest step size, at least 0.
        step_max: the largest step size, at least 0.
        weight_decay: λ, at least 0; adds λ p to the gradient.
        decoupled_weight_decay: take η λ p beside the step, see `AdamW`.

    Use it: Gradients of the whole data set, whose size says nothing.

    Trouble: Gradients are those of batches: noise turns their signs.

    Memory: two arrays as large as the parameters.

    Example:
        >>> import numpy as np
        >>> p, opt = np.array([3.0]), Rprop(learning_rate=0.5)
        >>> for _ in range(3):
        ...     opt.step(p, 1e-9 * p)
        >>> p.round(12)
        array([1.18])

    Reference: Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning:
    The RPROP Algorithm, 1993. Without its step back where the gradient turns, this is the iRprop⁻
    of Igel and Hüsken, Improving the Rprop Learning Algorithm, 2000.
    """

    learning_rate: Rate = 0.01
    eta_minus: Fraction = 0.5
    eta_plus: Annotated[Value, Hyperparameter(minimum=1.0)] = 1.2
    step_min: NonNegative = 1e-6
    step_max: NonNegative = 50.0
    weight_decay: Rate = 0.0

    _rule = "rprop"
