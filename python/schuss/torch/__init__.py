"""PyTorch's optimizers on the core of schuss, for models on a CPU.

Change ``torch.optim.AdamW`` to ``schuss.torch.AdamW``: arguments, groups, states, hooks, closures,
schedulers and checkpoints stay as they are, and each class is a subclass of torch's. Checkpoints
load in both directions. AdaBelief, Lion, AdEMAMix, Adan, LAMB and LARS, which torch does not have,
follow the same conventions.

    >>> import torch, schuss.torch
    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = schuss.torch.AdamW(model.parameters(), lr=1e-3, max_norm=1.0)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     model(torch.ones(4, 3)).square().mean().backward()
    ...     optimizer.step()
    >>> optimizer.last_step.step
    2

**Keywords of every class**, beside torch's. They belong to the optimizer, not to a group, and none
of them writes to the gradients. With g the gradients of all groups:

``max_norm``
    Above 0. g ← g min(1, max_norm / ‖g‖), where ‖g‖ is the 2-norm of all gradients together, as
    ``torch.nn.utils.clip_grad_norm_`` before the step.
``max_value``
    Above 0. Each element is clipped to [-max_value, max_value], after ``max_norm``, as
    ``torch.nn.utils.clip_grad_value_`` does.
``nonfinite``
    What happens where a gradient holds NaN or infinity: "propagate" (the default) looks at none,
    "skip" leaves parameters, states and counts as they are, and says so in ``last_step.skipped``,
    "raise" raises FloatingPointError, nothing written.
``agc``
    At least 0; adaptive gradient clipping (Brock et al. 2021), after the two above. A unit is a row
    of the weights, an index of axis 0; a tensor of less than two axes is one unit. With p the
    parameters of a unit, g ← g min(1, agc max(‖p‖, 0.001) / ‖g‖).
``ema``
    In [0, 1). ``state[p]["ema"]`` is an average in float32, or float64 for float64 parameters,
    e ← ema e + (1 - ema) p after each step in which p took part; it begins as p before its first
    step. ``with optimizer.averaged():`` lends the parameters their averages, for a validation or a
    checkpoint of the model.
``master``
    "float32": steps of bfloat16 and float16 parameters are taken on ``state[p]["master"]``, a
    float32 copy, and p is its rounding. Without one, a change below half a unit in the last place
    of p is lost. What is written to p between steps (``p.copy_``, ``model.load_state_dict``) is
    taken over, but not what is written behind autograd's back, through ``p.data``.

``optimizer.last_step`` says what the last step did: a `schuss.StepInfo` with its number,
the learning rate of the first group, the norm of the gradients where it was computed, the clip
factor, and whether it was skipped.

**What the core cannot step goes through torch's own step**, for all parameters and for that step
alone: sparse gradients, tensors of subclasses or not on the CPU, parameters that share memory,
``capturable``, ``differentiable``, a rate that requires a gradient. A RuntimeWarning says why,
once; ``optimizer.fallbacks`` counts such steps. Where a keyword of ours was given, or torch has no
such class, it is a RuntimeError instead, and nothing is written. ``torch.compile`` traces torch's
step; with a keyword of ours, or a class of ours, the step stays outside what it compiles.

**What differs from torch**

- Gradients whose strides are not those of their parameters are right; torch 2.13's fused steps take
  them in the order of memory. ``fused`` and ``foreach`` are accepted and change nothing here.
- Steps of bfloat16 and float16 parameters are taken in float32, with states in float32, and are
  rounded once.
- Each step moves the parameters' version counters, so that autograd refuses to go back through
  values that are no longer there.
- ``load_state_dict`` copies, so that two optimizers never share states, and casts neither the
  numbers of NAdam and ASGD nor integers nor float32 states of bfloat16 models.
- A state that is missing because ``momentum``, ``amsgrad`` or ``centered`` was switched on later is
  made anew.
- Centered RMSprop takes a variance that rounding leaves below 0 as 0; torch's root of it is NaN.
- ``torch.set_num_threads`` bounds the threads here too.
"""

from ..suggest import explain
from .functions import minimize
from .optimizers import *
from .solvers import *

__all__ = [
    "ASGD",
    "BFGS",
    "LAMB",
    "LARS",
    "LBFGS",
    "SGD",
    "AdEMAMix",
    "AdaBelief",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Adan",
    "Lion",
    "NAdam",
    "NewtonCG",
    "RAdam",
    "RMSprop",
    "Rprop",
    "minimize",
]


explain(__name__)
