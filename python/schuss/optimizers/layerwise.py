"""Steps relative to the norm of each tensor."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from .base import Coupled, Optimizer
from .settings import Choice, Fraction, Hyperparameter, Maybe, NonNegative, Rate, Switch, Value

__all__ = ["LAMB", "LARS"]

ADAPT = {"all": 1.0, "decayed": 2.0, False: 0.0}  # what words stand for in the core

Adapted = Annotated[Literal["all", "decayed", False], Choice(ADAPT)]
Most = Annotated[Maybe, Hyperparameter(double=True, absent=math.inf)]
Least = Annotated[Maybe, Hyperparameter(double=True, absent=0.0)]


class LAMB(Coupled):
    """Adam at a rate relative to each tensor's norm; `weight_decay` is a term of the step.

    With p a tensor, g its gradient, t the step, from 1, and ‖·‖ the norm over the tensor::

        m ← β1 m + (1 - β1) g;     m̂ = m / (1 - β1ᵗ)
        v ← β2 v + (1 - β2) g²;    v̂ = v / (1 - β2ᵗ)
        u = m̂ / (√v̂ + ε) + λ p
        r = ‖p‖ / ‖u‖, or 1 where one of them is 0
        p ← p - η r u

    So that every tensor moves by η of its own norm at each step: ‖Δp‖ = η ‖p‖. With
    `decoupled_weight_decay`, λ p is not in u: p ← p - (η λ p + η r u).

    Norms make the structure a part of the rule: one matrix moves otherwise than its two halves do,
    by 4 % of the way in 40 steps of a matrix of 8 x 5. Two consequences of r that surprise: a
    tensor of zeros takes one step of Adam and then grows by η of its norm at most, which is little;
    and a tensor whose gradient is 0 from the start shrinks by η at each step, whatever λ > 0 is.
    Where a NaN reaches a norm, the tensor becomes NaN.

    Args:
        learning_rate: η, at least 0; what a step changes, relative to the norm of the tensor.
        beta1: β1 in [0, 1).
        beta2: β2 in [0, 1).
        epsilon: ε, at least 0; 1e-6 as in the paper.
        weight_decay: λ, at least 0.
        bias_correction: divide m and v by 1 - βᵗ; without, as in version 3 of the paper, m̂ = m and
            v̂ = v. The common factor cancels in r: what is left is a matter of λ and ε.
        adapt: tensors that have r: "all", "decayed" (those with a weight decay above 0, as apex and
            timm do by default), or False for none; r is 1 for the others. An override such as
            `overrides={"*bias*": {"adapt": False}}` makes biases follow Adam.
        max_ratio: r is at most this, where it is a ratio of norms; None for no bound.
        min_ratio: r is at least this, where it is a ratio of norms; None for no bound.
        decoupled_weight_decay: take η λ p beside the step, not in u.

    Use it: Large batches: one rate for layers of all sizes, and rates that grow with the batch.

    Trouble: Batches are small, where AdamW does as well. Tensors start as zeros: they crawl.
    Tensors are joined or cut in another way: the result changes.

    Memory: two arrays as large as the parameters. A step reads the parameters and averages twice.

    Example:
        >>> import numpy as np
        >>> p = np.array([3.0, 4.0])
        >>> LAMB(learning_rate=0.1).step(p, np.array([4.0, -0.1]))
        >>> p.round(4)
        array([2.6342, 4.3409])
        >>> round(float(np.linalg.norm(p - [3.0, 4.0])), 12)
        0.5

    Reference: You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 Minutes,
    ICLR 2020, Algorithm 2, with φ(z) = z.
    """

    learning_rate: Rate = 0.001
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: NonNegative = 1e-6
    weight_decay: Rate = 0.01
    bias_correction: Switch = True
    adapt: Adapted = "all"
    max_ratio: Most = None
    min_ratio: Least = None

    _rule = "lamb"


class LARS(Optimizer):
    """Momentum at a rate relative to each tensor's norms; `weight_decay` is an L2 gradient term.

    With p a tensor, g its gradient, ‖·‖ the norm over the tensor, μ the momentum, d the dampening
    (0 in the first step) and κ the trust coefficient::

        r = κ ‖p‖ / (‖g‖ + λ ‖p‖ + ε), or zero_ratio where ‖p‖ or ‖g‖ is 0
        a = (1 - d) r (g + λ p)
        gradient form:     b ← μ b + a;    p ← p - η b
          with nesterov:                   p ← p - η (a + μ b)
        lr_in_velocity:    b ← μ b + η a;  p ← p - b
          with nesterov:                   p ← p - (η a + μ b)

    The paper is `lr_in_velocity=True`; the two forms agree while η is constant.

    Norms make the structure a part of the rule: one matrix moves otherwise than its two halves do,
    by 12 % of the way in 40 steps of a matrix of 8 x 5. Mind tensors without a norm: a tensor of
    zeros takes a step of plain momentum at the rate η, a thousand times that of the others with the
    defaults, and so does the decay of a tensor whose gradient is 0. `zero_ratio=0.001` tames both.
    Where a NaN reaches a norm, the tensor becomes NaN.

    Args:
        learning_rate: η, at least 0. Without decay and momentum a step changes a tensor by η κ of
            its norm, so that η of 1 to 10 is usual.
        momentum: μ in [0, 1).
        dampening: d in [0, 1); not in the first step, as in PyTorch.
        nesterov: look ahead along the momentum.
        trust_coefficient: κ, at least 0.
        epsilon: ε, at least 0; the paper has none.
        weight_decay: λ, at least 0; adds λ p to the gradient, after the norm of g was taken.
        adapt: tensors that have r: "all", "decayed" (those with a weight decay above 0, as timm
            does by default), or False for none; r is 1 for the others, which then need a rate of
            their own: `overrides={"*bias*": {"adapt": False, "learning_rate": 0.01}}`.
        lr_in_velocity: multiply by η before the sum instead of after it.
        max_ratio: r is at most this, where it is made of norms; None for no bound.
            `LARS(learning_rate=1.0, max_ratio=η, zero_ratio=η)` is LARC with the rate η.
        zero_ratio: r where ‖p‖ or ‖g‖ is 0, at least 0.

    Use it: Convolutional networks in very large batches, with a warmup and a falling rate.

    Trouble: The rate is that of SGD: it is too small by about 1,000. Tensors start as zeros: they
    move at the whole rate, see `zero_ratio`.

    Memory: one array as large as the parameters. A step reads parameters and gradients twice.

    Example:
        >>> import numpy as np
        >>> p = np.array([3.0, 4.0])
        >>> LARS(learning_rate=1.0).step(p, np.array([30.0, -40.0]))
        >>> p.round(6)
        array([2.997, 4.004])

    Reference: You, Gitman and Ginsburg, Large Batch Training of Convolutional Networks, 2017,
    Algorithm 1.
    """

    learning_rate: Rate = 1.0
    momentum: Fraction = 0.9
    dampening: Fraction = 0.0
    nesterov: Switch = False
    trust_coefficient: Annotated[Value, Hyperparameter(double=True)] = 0.001
    epsilon: Annotated[Value, Hyperparameter(double=True)] = 1e-8
    weight_decay: Rate = 0.0
    adapt: Adapted = "all"
    lr_in_velocity: Switch = False
    max_ratio: Most = None
    zero_ratio: Annotated[Value, Hyperparameter(double=True)] = 1.0

    _rule = "lars"
