"""Adam and its family: averages of gradients and their squares, corrected for their start at 0."""

from __future__ import annotations

from typing import Annotated, ClassVar

from .base import Coupled, Optimizer
from .settings import Fraction, Hyperparameter, NonNegative, Rate, Switch, Value

__all__ = ["AdEMAMix", "AdaBelief", "Adam", "AdamW", "Adamax", "Adan", "NAdam", "RAdam"]


class _Moments(Optimizer):
    """What the family has in common: its averages and their decay rates."""

    learning_rate: Rate = 0.001
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: NonNegative = 1e-8
    weight_decay: Rate = 0.0


class _Adam(_Moments):
    """With a switch for the largest second moment.

    Args:
        amsgrad: never let the denominator's v shrink.
    """

    amsgrad: Switch = False

    @property
    def rule(self) -> str:
        """Name of the update rule in use."""
        return "amsgrad" if self.amsgrad else "adam"


class Adam(_Adam, Coupled):
    """Adaptive moment estimation; `weight_decay` is an L2 gradient term.

    With g the gradient and t the step, from 1::

        m ← β1 m + (1 - β1) g;     m̂ = m / (1 - β1ᵗ)
        v ← β2 v + (1 - β2) g²;    v̂ = v / (1 - β2ᵗ)
        p ← p - η m̂ / (√v̂ + ε)

    With `amsgrad` the largest v so far stands for v in v̂.

    Args:
        learning_rate: η, at least 0.
        beta1: β1 in [0, 1).
        beta2: β2 in [0, 1).
        epsilon: ε, at least 0; outside the root of the corrected v̂, as in the paper and PyTorch.
        weight_decay: λ, at least 0; adds λ p to the gradient.
        amsgrad: never let the denominator's v shrink.
        decoupled_weight_decay: take η λ p beside the step, see `AdamW`.

    Use it: The first thing to try.

    Trouble: It generalizes less well than tuned momentum. L2 decay is scaled away. Memory is short
    (three arrays with `amsgrad`).

    Memory: two arrays as large as the parameters, three with `amsgrad`.

    Example:
        >>> import numpy as np
        >>> p = np.array([1.0, 2.0])
        >>> Adam(learning_rate=0.5, epsilon=0.0).step(p, np.array([4.0, -0.1]))
        >>> p.round(12)
        array([0.5, 2.5])

    Reference: Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, Algorithm 1.
    AMSGrad: Reddi, Kale and Kumar, On the Convergence of Adam and Beyond, ICLR 2018, Algorithm 2;
    the paper corrects no average, we correct both, as PyTorch does.
    """


class AdamW(_Adam):
    """Adam with decay beside the step; `weight_decay` is decoupled.

    With g the gradient and t the step, from 1::

        m ← β1 m + (1 - β1) g;     m̂ = m / (1 - β1ᵗ)
        v ← β2 v + (1 - β2) g²;    v̂ = v / (1 - β2ᵗ)
        p ← p - (η λ p + η m̂ / (√v̂ + ε))

    Args:
        learning_rate: η, at least 0; also multiplies the decay.
        beta1: β1 in [0, 1).
        beta2: β2 in [0, 1).
        epsilon: ε, at least 0.
        weight_decay: λ, at least 0.
        amsgrad: never let the denominator's v shrink.

    Use it: Transformers, and wherever decay matters.

    Trouble: As Adam, without the trouble with decay.

    Memory: two arrays as large as the parameters, three with `amsgrad`.

    Example:
        >>> import numpy as np
        >>> p = np.array([1.0, 2.0])
        >>> AdamW(learning_rate=0.5, epsilon=0.0, weight_decay=0.2).step(p, np.array([4.0, -0.1]))
        >>> p.round(12)
        array([0.4, 2.3])

    Reference: Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019, Algorithm 2
    (our rate multiplies the decay, as in PyTorch).
    """

    weight_decay: Rate = 0.01


class AdaBelief(_Moments, Coupled):
    """Adam with the variance around the averaged gradient; `weight_decay` is an L2 gradient term.

    With g the gradient and t the step, from 1::

        m ← β1 m + (1 - β1) g;                    m̂ = m / (1 - β1ᵗ)
        s ← β2 s + (1 - β2) (g - m)² + ε_root;    ŝ = s / (1 - β2ᵗ)
        p ← p - η m̂ / (√ŝ + ε)

    Args:
        learning_rate: η, at least 0.
        beta1: β1 in [0, 1).
        beta2: β2 in [0, 1).
        epsilon: ε, at least 0.
        weight_decay: λ, at least 0; adds λ p to the gradient.
        epsilon_root: ε_root, at least 0; stays in s, as in the paper, which sets both to ε.
        decoupled_weight_decay: take η λ p beside the step, see `AdamW`.

    Use it: Noisy gradients of steady direction.

    Trouble: Gradients are constant: its denominator vanishes, mind `epsilon`.

    Memory: two arrays as large as the parameters.

    Example:
        >>> import numpy as np
        >>> p = np.array([1.0])
        >>> AdaBelief(learning_rate=0.5, beta1=0.5, beta2=0.5, epsilon=0.0).step(p, np.array([4.0]))
        >>> p
        array([0.])

    Reference: Zhuang et al., AdaBelief Optimizer, NeurIPS 2020, Algorithm 2.
    """

    epsilon_root: NonNegative = 0.0

    _rule = "adabelief"


class RAdam(_Moments, Coupled):
    """Adam that waits until its v can be trusted; `weight_decay` is an L2 gradient term.

    With g the gradient and t the step, from 1::

        m ← β1 m + (1 - β1) g;     m̂ = m / (1 - β1ᵗ)
        v ← β2 v + (1 - β2) g²;    v̂ = v / (1 - β2ᵗ)
        ρ∞ = 2 / (1 - β2) - 1;    ρ = ρ∞ - 2 t β2ᵗ / (1 - β2ᵗ)
        ρ > threshold:  p ← p - η r m̂ / (√v̂ + ε)
                        with r = √((ρ - 4) (ρ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρ))
        otherwise:      p ← p - η m̂

    Args:
        learning_rate: η, at least 0.
        beta1: β1 in [0, 1).
        beta2: β2 in [0, 1).
        epsilon: ε, at least 0; the paper has none. PyTorch adds its ε to the root of the
            uncorrected v.
        weight_decay: λ, at least 0; adds λ p to the gradient.
        threshold: at least 4; 4 is the paper's, PyTorch and the authors' code take 5.
        decoupled_weight_decay: take η λ p beside the step, see `AdamW`.

    Use it: You would rather not tune a warmup.

    Trouble: The very first steps: it is momentum until its variance can be trusted.

    Memory: two arrays as large as the parameters.

    Example:
        >>> import numpy as np
        >>> p = np.array([1.0])
        >>> RAdam(learning_rate=0.5).step(p, np.array([2.0]))
        >>> p.round(12)
        array([0.])

    Reference: Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, ICLR 2020,
    Algorithm 2.
    """

    threshold: Annotated[Value, Hyperparameter(minimum=4.0, double=True)] = 4.0

    _rule = "radam"
    _given: ClassVar = {"epsilon_before_correction": 0.0}


class NAdam(_Moments, Coupled):
    """Adam with Nesterov's look-ahead; `weight_decay` is an L2 gradient term.

    With g the gradient, t the step, from 1, and ψ the momentum decay::

        m ← β1 m + (1 - β1) g
        v ← β2 v + (1 - β2) g²;    v̂ = v / (1 - β2ᵗ)
        μₜ = β1 (1 - 0.96^(t ψ) / 2);    Π = μ₁ μ₂ … μₜ
        p ← p - η ((1 - μₜ) / (1 - Π) g + μₜ₊₁ / (1 - Π μₜ₊₁) m) / (√v̂ + ε)

    Args:
        learning_rate: η, at least 0.
        beta1: β1 in [0, 1).
        beta2: β2 in [0, 1).
        epsilon: ε, at least 0.
        weight_decay: λ, at least 0; adds λ p to the gradient.
        momentum_decay: ψ, at least 0; 0.004 as in the paper and PyTorch.
        decoupled_weight_decay: take η λ p beside the step, see `AdamW`.

    Use it: Adam's place, often a little faster.

    Trouble: The rate is large.

    Memory: two arrays as large as the parameters.

    Example:
        >>> import numpy as np
        >>> p = np.array([1.0])
        >>> NAdam(learning_rate=0.5).step(p, np.array([2.0]))
        >>> p.round(4)
        array([0.4718])

    Reference: Dozat, Incorporating Nesterov Momentum into Adam, ICLR 2016 workshop, Algorithm 8 and
    its schedule of momenta.
    """

    momentum_decay: Annotated[Value, Hyperparameter(double=True)] = 0.004

    _rule = "nadam"


class Adamax(_Moments, Coupled):
    """Adam with a maximum for the second moment; `weight_decay` is an L2 gradient term.

    With g the gradient and t the step, from 1::

        m ← β1 m + (1 - β1) g;    u ← max(β2 u, |g| + ε)
        p ← p - η / (1 - β1ᵗ) m / u

    Args:
        learning_rate: η, at least 0.
        beta1: β1 in [0, 1).
        beta2: β2 in [0, 1).
        epsilon: ε, at least 0; added to |g|, as in PyTorch; the paper has none.
        weight_decay: λ, at least 0; adds λ p to the gradient.
        decoupled_weight_decay: take η λ p beside the step, see `AdamW`.

    Use it: Sparse, spiky gradients, embeddings.

    Trouble: There is one spike: it is remembered for long.

    Memory: two arrays as large as the parameters.

    Example:
        >>> import numpy as np
        >>> p = np.array([1.0, 2.0])
        >>> Adamax(learning_rate=0.5, epsilon=0.0).step(p, np.array([4.0, -0.1]))
        >>> p.round(12)
        array([0.5, 2.5])

    Reference: Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, Algorithm 2.
    """

    learning_rate: Rate = 0.002

    _rule = "adamax"


class AdEMAMix(Optimizer):
    """Adam with a second, slow average of the gradients; `weight_decay` is decoupled.

    With g the gradient and t the step, from 1::

        m ← β1 m + (1 - β1) g;      m̂ = m / (1 - β1ᵗ)
        s ← β3 s + (1 - β3) g
        v ← β2 v + (1 - β2) g²;     v̂ = v / (1 - β2ᵗ)
        p ← p - (η λ p + η (m̂ + α s) / (√v̂ + ε))

    s is not corrected for its start at 0: it grows for about 1 / (1 - β3) steps, which are 10,000
    with the default. A shorter run gains nothing from it: take β3 = 1 - 5 / steps or so. A large α
    without warmups diverges early. With warmups, for t < T::

        α is α t / T;    τ is (1 - t / T) τ(β1) + (t / T) τ(β3), β3 is e^(-1/τ)

    where τ(β) = -1 / ln β is the time constant of an average: half-lives grow linearly.

    Args:
        learning_rate: η, at least 0; also multiplies the decay.
        beta1: β1 in [0, 1).
        beta2: β2 in [0, 1).
        beta3: β3 in [0, 1), the decay rate of the slow average.
        alpha: α, at least 0, the weight of the slow average.
        alpha_warmup: T for α in steps; None for no warmup. The paper takes all steps of the run.
        beta3_warmup: T for β3 in steps; None for no warmup. The paper takes all steps of the run.
        epsilon: ε, at least 0.
        weight_decay: λ, at least 0.

    The warmups count from t = 1, as the authors' code for PyTorch does; a schedule of yours for
    `alpha` or `beta3` sees the steps taken, 0 first, as all schedules do.

    Use it: Long runs of transformers: old gradients still help after thousands of steps.

    Trouble: Runs of fewer than about 1 / (1 - β3) steps. Memory is short: three arrays.

    Memory: three arrays as large as the parameters.

    Example:
        >>> import numpy as np
        >>> p = np.array([1.0, 2.0])
        >>> AdEMAMix(learning_rate=0.5, beta3=0.9, epsilon=0.0).step(p, np.array([4.0, -0.1]))
        >>> p.round(12)
        array([0.25, 2.75])

    Reference: Pagliardini, Ablin and Grangier, The AdEMAMix Optimizer: Better, Faster, Older,
    ICLR 2025, Algorithm 1.
    """

    learning_rate: Rate = 0.001
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    beta3: Fraction = 0.9999
    alpha: NonNegative = 5.0
    alpha_warmup: Annotated[float | None, Hyperparameter(double=True, absent=0.0)] = None
    beta3_warmup: Annotated[float | None, Hyperparameter(double=True, absent=0.0)] = None
    epsilon: NonNegative = 1e-8
    weight_decay: Rate = 0.0

    _rule = "ademamix"


class Adan(Optimizer):
    """Nesterov momentum from differences of gradients; `weight_decay` is decoupled.

    With g the gradient, g₋ that of the step before, and t the step, from 1::

        δ = g - g₋, and 0 in the first step
        m ← β1 m + (1 - β1) g;                m̂ = m / (1 - β1ᵗ)
        d ← β2 d + (1 - β2) δ;                d̂ = d / (1 - β2ᵗ)
        n ← β3 n + (1 - β3) (g + β2 δ)²;      n̂ = n / (1 - β3ᵗ)
        u = (m̂ + β2 d̂) / (√n̂ + ε)
        proximal:   p ← (p - η u) / (1 + η λ)
        otherwise:  p ← p - (η λ p + η u)

    β are what an average keeps; the paper writes 1 - β, that is (0.02, 0.08, 0.01).

    g is what the rule sees: after `grad_scale` and clipping, whose changes from step to step are in
    δ. With a new small batch at each step δ is mostly noise. A parameter without a gradient for
    some steps has in δ what happened meanwhile.

    Args:
        learning_rate: η, at least 0; also multiplies the decay.
        beta1: β1 in [0, 1).
        beta2: β2 in [0, 1), of the differences; also their weight in u and n.
        beta3: β3 in [0, 1), of the squares.
        epsilon: ε, at least 0.
        weight_decay: λ, at least 0.
        proximal: divide by 1 + η λ after the step, as in the paper, instead of decay beside it.

    Use it: Vision and language models trained from scratch, in large batches.

    Trouble: Batches are small: differences of gradients are noise. Memory is short: four arrays.

    Memory: four arrays as large as the parameters.

    Example:
        >>> import numpy as np
        >>> p = np.array([1.0, 2.0])
        >>> opt = Adan(learning_rate=0.5, epsilon=0.0, weight_decay=0.5)
        >>> opt.step(p, np.array([4.0, -0.1]))
        >>> p.round(12)
        array([0.4, 2. ])

    Reference: Xie et al., Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep
    Models, 2022, Algorithm 1, without its restarts (`reset` starts anew).
    """

    learning_rate: Rate = 0.001
    beta1: Fraction = 0.98
    beta2: Fraction = 0.92
    beta3: Fraction = 0.99
    epsilon: NonNegative = 1e-8
    weight_decay: Rate = 0.0
    proximal: Switch = True

    _rule = "adan"
