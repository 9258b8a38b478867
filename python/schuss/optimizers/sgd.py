"""Gradient descent, its momenta, and the average of its points."""

from __future__ import annotations

from typing import Annotated, ClassVar

from .base import Coupled, Optimizer
from .settings import Fraction, Hyperparameter, Rate, Switch, Value

__all__ = ["SGD", "ASGD"]  # noqa: RUF022  (from simple to complex)


class SGD(Coupled):
    """Gradient descent, with momentum in three forms; `weight_decay` is an L2 gradient term.

    With g the gradient, η the learning rate, μ the momentum and d the dampening::

        momentum = 0:      p ← p - η g
        gradient form:     b ← μ b + (1 - d) g;    p ← p - η b
          with nesterov:                           p ← p - η ((1 - d) g + μ b)
        lr_in_velocity:    v ← μ v - η (1 - d) g;  p ← p + v
          with nesterov:                           p ← p + μ v - η (1 - d) g

    The two forms agree while η is constant; when η changes, the velocity keeps the old rate for
    what it has already gathered. `dampening=momentum` gives the averaged form m ← β m + (1 - β) g.

    Args:
        learning_rate: η, at least 0.
        momentum: μ in [0, 1). With the number 0 and no override there is no buffer.
        dampening: d in [0, 1); at the first step too, where PyTorch leaves it out.
        nesterov: look ahead along the momentum.
        lr_in_velocity: multiply by η before the sum instead of after it.
        weight_decay: λ, at least 0; adds λ p to the gradient.
        decoupled_weight_decay: take η λ p beside the step, see `AdamW`.

    Use it: Convex and well scaled problems; with momentum images and long runs, where the best test
    error counts.

    Trouble: Curvatures differ much: it crawls along the flat directions. The rate is not tuned.

    Memory: one array as large as the parameters with momentum, none without.

    Example:
        >>> import numpy as np
        >>> p, g = np.array([1.0, 2.0]), np.array([1.0, -1.0])
        >>> SGD(learning_rate=0.5).step(p, g)
        >>> p
        array([0.5, 2.5])

    Reference: Robbins and Monro, A Stochastic Approximation Method, 1951; Polyak, Some methods of
    speeding up the convergence of iteration methods, 1964; Sutskever et al., On the importance of
    initialization and momentum in deep learning, ICML 2013, equations 3 and 4.
    """

    learning_rate: Rate = 0.01
    momentum: Fraction = 0.0
    dampening: Fraction = 0.0
    nesterov: Switch = False
    lr_in_velocity: Switch = False
    weight_decay: Rate = 0.0

    _given: ClassVar = {"first_dampening": "dampening"}

    @property
    def rule(self) -> str:
        """Name of the update rule in use."""
        if not self._uses("momentum", "momentum_buffer") and not self._uses("momentum", "velocity"):
            if self.nesterov:
                raise ValueError("nesterov is True and momentum is 0; momentum above 0 is wanted")
            return "sgd"
        if self.lr_in_velocity:
            return "nesterov_velocity" if self.nesterov else "velocity"
        return "nesterov" if self.nesterov else "momentum"


class ASGD(Optimizer):
    """Gradient descent that averages its points; `weight_decay` is an L2 gradient term.

    With g the gradient, t the step, from 1, and ηₜ its rate, which begins as η₁ = η::

        p ← p - ηₜ (g + λ' p);    ηₜ₊₁ = η / (1 + λ' η t)^α
        a ← a + μ (p - a);        μ = 1 / max(1, t - 1 - t0)

    p jumps about the minimum for as long as its gradients are noisy; a, the mean of all p since
    step t0 + 2 and a copy of p before, settles in it: `state` has it for each parameter, under
    "ax". With the defaults, which are PyTorch's, averaging begins after a million steps: set `t0`
    to where p no longer gets nearer, after one epoch or two.

    Args:
        learning_rate: η, at least 0. From the second step on ηₜ follows from the η of the step
            before it.
        lambd: λ', at least 0: decay beside the step, which sets how fast the rate falls too; 0 for
            a constant one.
        alpha: α, at least 0; above 1/2 and below 1 where it is the average that counts.
        t0: at least 0; a is the mean of the points from step t0 + 2 on.
        weight_decay: λ, at least 0; adds λ p to the gradient.

    Use it: Convex problems with noisy gradients, where the average of the points is the answer.

    Trouble: The average is not read: `state` has it, the parameters are those of SGD. It begins
    before they are near.

    Memory: one array as large as the parameters.

    Example:
        >>> import numpy as np
        >>> p, opt = np.array([1.0]), ASGD(learning_rate=1.0, lambd=0.0, t0=0)
        >>> for g in (1.0, -1.0, 1.0, -1.0, 1.0):
        ...     opt.step(p, np.array([g]))
        >>> p, opt.state["ax"]
        (array([0.]), array([0.5]))

    Reference: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992. The
    rates are those of PyTorch, and of Bottou, Large-Scale Machine Learning with Stochastic Gradient
    Descent, 2010.
    """

    learning_rate: Rate = 0.01
    lambd: Rate = 1e-4
    alpha: Annotated[Value, Hyperparameter(double=True)] = 0.75
    t0: Annotated[Value, Hyperparameter(double=True)] = 1e6
    weight_decay: Rate = 0.0

    _rule = "asgd"
    _decoupled = False
