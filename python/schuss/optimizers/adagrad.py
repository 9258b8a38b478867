"""Steps scaled by past squared gradients: AdaGrad, RMSprop, AdaDelta."""

from __future__ import annotations

from typing import Annotated, ClassVar

from ..checks import tolerance
from .base import Coupled
from .settings import Fraction, NonNegative, Option, Rate, Switch

__all__ = ["AdaDelta", "AdaGrad", "RMSprop"]


class AdaGrad(Coupled):
    """Steps shrink with the sum of squared gradients; `weight_decay` is an L2 gradient term.

    With g the gradient::

        G ← G + g²;    p ← p - η g / (√G + ε)

    or η g / √(G + ε) with `epsilon_inside_sqrt`.

    Args:
        learning_rate: η, at least 0.
        epsilon: ε, at least 0.
        initial_accumulator: G before the first step, at least 0.
        weight_decay: λ, at least 0; adds λ p to the gradient.
        epsilon_inside_sqrt: put ε under the root, as Keras and optax do.
        decoupled_weight_decay: take η λ p beside the step, see `AdamW`.

    Use it: Sparse features, convex problems, little tuning.

    Trouble: Long runs: its rate only shrinks.

    Memory: one array as large as the parameters.

    Example:
        >>> import numpy as np
        >>> p = np.array([1.0, 2.0])
        >>> AdaGrad(learning_rate=0.5, epsilon=0.0).step(p, np.array([4.0, -0.1]))
        >>> p
        array([0.5, 2.5])

    Reference: Duchi, Hazan and Singer, Adaptive Subgradient Methods, JMLR 12, 2011, the diagonal
    form.
    """

    learning_rate: Rate = 0.01
    epsilon: NonNegative = 1e-8
    initial_accumulator: Annotated[float, Option(tolerance, lambda value: ("it", value))] = 0.0
    weight_decay: Rate = 0.0
    epsilon_inside_sqrt: Switch = False

    _rule = "adagrad"
    _given: ClassVar = {"lr_decay": 0.0}  # schedules do that

    def _fills(self) -> dict[str, float]:
        return {"sum": self.initial_accumulator}


class RMSprop(Coupled):
    """Steps scaled by a moving average of squared gradients; `weight_decay` is an L2 gradient term.

    With g the gradient::

        v ← β v + (1 - β) g²;    d = √v + ε, or √(v + ε) with epsilon_inside_sqrt
        centered:                a ← β a + (1 - β) g, and v - a² (at least 0) stands for v in d
        p ← p - η g / d
        with momentum:           b ← μ b + g / d;    p ← p - η b

    Args:
        learning_rate: η, at least 0.
        beta: β in [0, 1).
        epsilon: ε, at least 0.
        momentum: μ in [0, 1). With the number 0 and no override there is no buffer.
        centered: scale by the spread of the gradient instead of its mean square.
        weight_decay: λ, at least 0; adds λ p to the gradient.
        epsilon_inside_sqrt: put ε under the root, as Keras and optax do.
        decoupled_weight_decay: take η λ p beside the step, see `AdamW`.

    Use it: Recurrent networks, reinforcement learning.

    Trouble: Early steps: its average starts at 0 and is not corrected.

    Memory: one array as large as the parameters, one more each for `centered` and momentum.

    Example:
        >>> import numpy as np
        >>> p = np.array([1.0, 2.0])
        >>> RMSprop(learning_rate=0.5, beta=0.75, epsilon=0.0).step(p, np.array([4.0, -0.5]))
        >>> p
        array([0., 3.])

    Reference: Tieleman and Hinton, Lecture 6.5 of Neural Networks for Machine Learning, 2012;
    centered: Graves, Generating Sequences With Recurrent Neural Networks, 2013, equations 38 to 45
    (his ε stands under the root).
    """

    learning_rate: Rate = 0.001
    beta: Fraction = 0.9
    epsilon: NonNegative = 1e-8
    momentum: Fraction = 0.0
    centered: Switch = False
    weight_decay: Rate = 0.0
    epsilon_inside_sqrt: Switch = False

    @property
    def rule(self) -> str:
        """Name of the update rule in use."""
        centered = "_centered" if self.centered else ""
        momentum = "_momentum" if self._uses("momentum", "momentum_buffer") else ""
        return "rmsprop" + centered + momentum


class AdaDelta(Coupled):
    """RMSprop whose numerator follows past steps; `weight_decay` is an L2 gradient term.

    With g the gradient::

        v ← ρ v + (1 - ρ) g²
        x = √(u + ε) / √(v + ε) g
        u ← ρ u + (1 - ρ) x²;    p ← p - η x

    Args:
        learning_rate: η, at least 0; the paper has none, that is 1.
        rho: ρ in [0, 1).
        epsilon: ε, above 0 to move at all: with 0 the first step is 0, or NaN where g is 0.
        weight_decay: λ, at least 0; adds λ p to the gradient.
        decoupled_weight_decay: take η λ p beside the step, see `AdamW`.

    Use it: There is no rate to choose.

    Trouble: Speed matters: it starts slowly.

    Memory: two arrays as large as the parameters.

    Example:
        >>> import numpy as np
        >>> p = np.array([1.0])
        >>> AdaDelta(rho=0.75, epsilon=0.01).step(p, np.array([2.0]))
        >>> p.round(4)
        array([0.801])

    Reference: Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, Algorithm 1.
    """

    learning_rate: Rate = 1.0
    rho: Fraction = 0.9
    epsilon: NonNegative = 1e-6
    weight_decay: Rate = 0.0

    _rule = "adadelta"
