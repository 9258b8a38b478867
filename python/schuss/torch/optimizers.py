"""The classes of torch.optim on our core, and our own rules in torch's manner."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch

from ..checks import flag, number, positive
from ..optimizers.layerwise import ADAPT
from .front import HALF, Extras, Front

if TYPE_CHECKING:
    from torch import Tensor

    from .front import Group, Settings

    Params = Iterable[Any]

__all__ = [
    "ASGD",
    "LAMB",
    "LARS",
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
    "RAdam",
    "RMSprop",
    "Rprop",
]


class SGD(Front, torch.optim.SGD):
    """Stochastic gradient descent as `torch.optim.SGD`; see `schuss.torch` for the keywords.

    The first gradient of a buffer is taken without dampening.
    """

    _count = None

    def _settings(self, g: Group) -> Settings:
        momentum, decay = g["momentum"], g["weight_decay"]
        if not momentum:
            return "sgd", g["maximize"], False, (g["lr"], decay)
        rule = "nesterov" if g["nesterov"] else "momentum"
        return rule, g["maximize"], False, (g["lr"], momentum, g["dampening"], 0.0, decay)

    def _states(self, g: Group) -> dict[str, float]:
        return {"momentum_buffer": 0.0} if g["momentum"] else {}


class _Adam(Front):
    _decoupled: ClassVar[bool] = False  # where the group does not say

    def _settings(self, g: Group) -> Settings:
        return (
            "amsgrad" if g["amsgrad"] else "adam",
            g["maximize"],
            g.get("decoupled_weight_decay", self._decoupled),
            (g["lr"], *g["betas"], g["eps"], g["weight_decay"]),
        )

    def _states(self, g: Group) -> dict[str, float]:
        states = {"exp_avg": 0.0, "exp_avg_sq": 0.0}
        return {**states, "max_exp_avg_sq": 0.0} if g["amsgrad"] else states


class Adam(_Adam, torch.optim.Adam):
    """Adam as `torch.optim.Adam`; see `schuss.torch` for the keywords."""


class AdamW(_Adam, torch.optim.AdamW):
    """Adam with decoupled weight decay as `torch.optim.AdamW`; see `schuss.torch`."""

    _decoupled = True


class Adagrad(Front, torch.optim.Adagrad):
    """AdaGrad as `torch.optim.Adagrad`; see `schuss.torch` for the keywords."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        for group in self.param_groups:  # torch has made the sums in the parameters' dtype
            for p in group["params"]:
                if p.dtype in HALF:
                    fill = group["initial_accumulator_value"]
                    self.state[p]["sum"] = torch.full_like(p, fill, dtype=torch.float32)

    def _settings(self, g: Group) -> Settings:
        numbers = (g["lr"], g["eps"], 0.0, g["lr_decay"], g["weight_decay"])
        return "adagrad", g["maximize"], False, numbers

    def _states(self, g: Group) -> dict[str, float]:
        return {"sum": g["initial_accumulator_value"]}


class RMSprop(Front, torch.optim.RMSprop):
    """RMSprop as `torch.optim.RMSprop`; see `schuss.torch` for the keywords.

    Where rounding leaves the centered variance below 0, it counts as 0; torch's becomes NaN.
    """

    _rules: ClassVar = {
        (False, False): "rmsprop",
        (False, True): "rmsprop_momentum",
        (True, False): "rmsprop_centered",
        (True, True): "rmsprop_centered_momentum",
    }

    def _settings(self, g: Group) -> Settings:
        momentum = g["momentum"]
        numbers = (g["lr"], g["alpha"], g["eps"], 0.0, momentum, g["weight_decay"])
        return self._rules[bool(g["centered"]), momentum > 0], g["maximize"], False, numbers

    def _states(self, g: Group) -> dict[str, float]:
        states = {"square_avg": 0.0}
        if g["momentum"] > 0:
            states["momentum_buffer"] = 0.0
        if g["centered"]:
            states["grad_avg"] = 0.0
        return states


class Adadelta(Front, torch.optim.Adadelta):
    """AdaDelta as `torch.optim.Adadelta`; see `schuss.torch` for the keywords."""

    _slots = ("square_avg", "acc_delta")

    def _settings(self, g: Group) -> Settings:
        numbers = (g["lr"], g["rho"], g["eps"], g["weight_decay"])
        return "adadelta", g["maximize"], False, numbers


class Adamax(Front, torch.optim.Adamax):
    """Adamax as `torch.optim.Adamax`; see `schuss.torch` for the keywords."""

    _slots = ("exp_avg", "exp_inf")

    def _settings(self, g: Group) -> Settings:
        numbers = (g["lr"], *g["betas"], g["eps"], g["weight_decay"])
        return "adamax", g["maximize"], False, numbers


class NAdam(Front, torch.optim.NAdam):
    """NAdam as `torch.optim.NAdam`; see `schuss.torch` for the keywords."""

    _carry = ("mu_product",)

    def _settings(self, g: Group) -> Settings:
        numbers = (g["lr"], *g["betas"], g["eps"], g["momentum_decay"], g["weight_decay"])
        return "nadam", g.get("maximize", False), g["decoupled_weight_decay"], numbers

    def _states(self, g: Group) -> dict[str, float]:
        return {"mu_product": 1.0, "exp_avg": 0.0, "exp_avg_sq": 0.0}


class RAdam(Front, torch.optim.RAdam):
    """RAdam as `torch.optim.RAdam`; see `schuss.torch` for the keywords.

    The variance counts as tractable from ρ > 5 on; epsilon is added to the root that is not
    corrected.
    """

    _slots = ("exp_avg", "exp_avg_sq")

    def _settings(self, g: Group) -> Settings:
        numbers = (g["lr"], *g["betas"], g["eps"], 5.0, 1.0, g["weight_decay"])
        return "radam", g.get("maximize", False), g["decoupled_weight_decay"], numbers


class ASGD(Front, torch.optim.ASGD):
    """Averaged gradient descent as `torch.optim.ASGD`; see `schuss.torch` for the keywords."""

    _carry = ("eta", "mu")

    def _settings(self, g: Group) -> Settings:
        numbers = (g["lr"], g["lambd"], g["alpha"], g["t0"], g["weight_decay"])
        return "asgd", g["maximize"], False, numbers

    def _states(self, g: Group) -> dict[str, float]:
        return {"eta": float(g["lr"]), "mu": 1.0, "ax": 0.0}


class Rprop(Front, torch.optim.Rprop):
    """Resilient propagation as `torch.optim.Rprop`; see `schuss.torch` for the keywords."""

    def _settings(self, g: Group) -> Settings:
        return "rprop", g["maximize"], False, (g["lr"], *g["etas"], *g["step_sizes"], 0.0)

    def _states(self, g: Group) -> dict[str, float]:
        return {"prev": 0.0, "step_size": float(g["lr"])}


# -- rules that torch does not have ----------------------------------------------------------------


class _Own(Front, torch.optim.Optimizer):
    """A rule whose decay stands beside the step; torch has no step to fall back to."""

    _torch_has_it = False

    def __init__(self, params: Params, defaults: dict[str, Any], **keywords: Any) -> None:
        checked = {**defaults, "maximize": flag("maximize", keywords.pop("maximize", False))}
        for name in ("lr", "eps", "weight_decay", "momentum", "alpha", "trust_coefficient"):
            if name in defaults and not (name == "lr" and isinstance(defaults["lr"], torch.Tensor)):
                number(name, defaults[name], minimum=0.0)
        for k, beta in enumerate(defaults.get("betas", ())):
            number(f"betas[{k}]", beta, minimum=0.0, below=1.0)
        for name in keywords.keys() - set(Extras._fields):
            raise TypeError(f"{type(self).__name__} has no argument {name!r}")
        super().__init__(params, checked, **keywords)


class AdaBelief(_Own):
    """AdaBelief (Zhuang et al. 2020) with the arguments of torch's Adam.

    With g the gradient and t the step, from 1::

        m ← β1 m + (1 - β1) g;               m̂ = m / (1 - β1ᵗ)
        s ← β2 s + (1 - β2) (g - m)²;        ŝ = s / (1 - β2ᵗ)
        p ← p - (η λ p + η m̂ / (√ŝ + ε)), or with λ p in g

    Args:
        params: tensors, named tensors, or groups, as `torch.optim.Optimizer` takes them.
        lr: η, at least 0.
        betas: (β1, β2), each in [0, 1).
        eps: ε, at least 0.
        weight_decay: λ, at least 0.
        decoupled_weight_decay: whether the decay stands beside the step.
        maximize: ascend instead of descend.
        keywords: see `schuss.torch`.

    States: `step`, `exp_avg`, `exp_avg_var`.
    """

    _slots = ("exp_avg", "exp_avg_var")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        decoupled_weight_decay: bool = True,
        maximize: bool = False,
        **keywords: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": flag("decoupled_weight_decay", decoupled_weight_decay),
        }
        super().__init__(params, defaults, maximize=maximize, **keywords)

    def _settings(self, g: Group) -> Settings:
        numbers = (g["lr"], *g["betas"], g["eps"], 0.0, g["weight_decay"])
        return "adabelief", g["maximize"], g["decoupled_weight_decay"], numbers


class Lion(_Own):
    """Lion (Chen et al. 2023): the sign of an average, decay beside it; see `schuss.Lion`.

    Args:
        params: as `torch.optim.Optimizer` takes them.
        lr: η, at least 0; about a tenth of Adam's.
        betas: (β1, β2), each in [0, 1).
        weight_decay: λ, at least 0.
        maximize: ascend instead of descend.
        keywords: see `schuss.torch`.

    States: `step`, `exp_avg`.
    """

    _slots = ("exp_avg",)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **keywords: Any,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
        super().__init__(params, defaults, maximize=maximize, **keywords)

    def _settings(self, g: Group) -> Settings:
        return "lion", g["maximize"], True, (g["lr"], *g["betas"], g["weight_decay"])


class AdEMAMix(_Own):
    """Adam with a second, slow average (Pagliardini et al. 2025); see `schuss.AdEMAMix`.

    Args:
        params: as `torch.optim.Optimizer` takes them.
        lr: η, at least 0.
        betas: (β1, β2, β3), each in [0, 1); β3 of the slow average.
        eps: ε, at least 0.
        weight_decay: λ, at least 0, beside the step.
        alpha: the weight of the slow average, at least 0.
        alpha_warmup: steps in which alpha grows to its value, or None.
        beta3_warmup: steps in which β3 grows to its value, or None.
        maximize: ascend instead of descend.
        keywords: see `schuss.torch`.

    States: `step`, `exp_avg_fast`, `exp_avg_sq`, `exp_avg_slow`.
    """

    _slots = ("exp_avg_fast", "exp_avg_sq", "exp_avg_slow")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float, float] = (0.9, 0.999, 0.9999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        alpha: float = 5.0,
        alpha_warmup: float | None = None,
        beta3_warmup: float | None = None,
        maximize: bool = False,
        **keywords: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "alpha": alpha,
            "alpha_warmup": alpha_warmup and positive("alpha_warmup", alpha_warmup),
            "beta3_warmup": beta3_warmup and positive("beta3_warmup", beta3_warmup),
        }
        super().__init__(params, defaults, maximize=maximize, **keywords)

    def _settings(self, g: Group) -> Settings:
        beta1, beta2, beta3 = g["betas"]
        warmups = (g["beta3_warmup"] or 0.0, g["alpha_warmup"] or 0.0)
        numbers = (g["lr"], beta1, beta2, g["eps"], beta3, g["alpha"], *warmups, g["weight_decay"])
        return "ademamix", g["maximize"], True, numbers


class Adan(_Own):
    """Nesterov momentum from differences of gradients (Xie et al. 2024); see `schuss.Adan`.

    Args:
        params: as `torch.optim.Optimizer` takes them.
        lr: η, at least 0.
        betas: (β1, β2, β3), each in [0, 1), what the averages keep.
        eps: ε, at least 0.
        weight_decay: λ, at least 0.
        proximal: divide by 1 + η λ after the step; else the decay stands beside it.
        maximize: ascend instead of descend.
        keywords: see `schuss.torch`.

    States: `step`, `exp_avg`, `exp_avg_sq`, `exp_avg_diff`, `previous_grad`.
    """

    _slots = ("exp_avg", "exp_avg_sq", "exp_avg_diff", "previous_grad")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float, float] = (0.98, 0.92, 0.99),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        proximal: bool = True,
        maximize: bool = False,
        **keywords: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "proximal": flag("proximal", proximal),
        }
        super().__init__(params, defaults, maximize=maximize, **keywords)

    def _settings(self, g: Group) -> Settings:
        decay = g["weight_decay"]
        numbers = (g["lr"], *g["betas"], g["eps"], decay, float(g["proximal"]), decay)
        return "adan", g["maximize"], True, numbers


def _ratio(name: str, value: float | None) -> float | None:
    return None if value is None else number(name, value, minimum=0.0)


def _adapt(value: Any) -> Any:
    if value not in ADAPT:
        raise ValueError(f"adapt is {value!r}; 'all', 'decayed' or False is wanted")
    return value


class LAMB(_Own):
    """Adam at a rate relative to each tensor's norm (You et al. 2020); see `schuss.LAMB`.

    Args:
        params: as `torch.optim.Optimizer` takes them.
        lr: η, at least 0; what a step changes, relative to the norm of the tensor.
        betas: (β1, β2), each in [0, 1).
        eps: ε, at least 0.
        weight_decay: λ, at least 0, a term of the step.
        bias_correction: divide the averages by 1 - βᵗ.
        decoupled_weight_decay: take the decay out of the step and its norm.
        adapt: tensors that have a ratio: "all", "decayed" (those of a group with a decay above 0)
            or False.
        min_ratio: the ratio is at least this, or None.
        max_ratio: the ratio is at most this, or None.
        maximize: ascend instead of descend.
        keywords: see `schuss.torch`.

    States: `step`, `exp_avg`, `exp_avg_sq`.
    """

    _slots = ("exp_avg", "exp_avg_sq")
    _walked_in_c_order = True

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        *,
        bias_correction: bool = True,
        decoupled_weight_decay: bool = False,
        adapt: Literal["all", "decayed", False] = "all",
        min_ratio: float | None = None,
        max_ratio: float | None = None,
        maximize: bool = False,
        **keywords: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "bias_correction": flag("bias_correction", bias_correction),
            "decoupled_weight_decay": flag("decoupled_weight_decay", decoupled_weight_decay),
            "adapt": _adapt(adapt),
            "min_ratio": _ratio("min_ratio", min_ratio),
            "max_ratio": _ratio("max_ratio", max_ratio),
        }
        super().__init__(params, defaults, maximize=maximize, **keywords)

    def _settings(self, g: Group) -> Settings:
        decay, most = g["weight_decay"], g["max_ratio"]
        numbers = (
            g["lr"],
            *g["betas"],
            g["eps"],
            decay,
            float(g["bias_correction"]),
            float(g["decoupled_weight_decay"]),
            ADAPT[g["adapt"]],
            g["min_ratio"] or 0.0,
            math.inf if most is None else most,
            decay,
        )
        return "lamb", g["maximize"], True, numbers


class LARS(_Own):
    """Momentum at a rate relative to each tensor's norm (You et al. 2017); see `schuss.LARS`.

    Args:
        params: as `torch.optim.Optimizer` takes them.
        lr: η, at least 0.
        momentum: μ in [0, 1).
        dampening: of all gradients but the first, in [0, 1).
        weight_decay: λ, at least 0, a term of the scaled gradient.
        nesterov: look ahead.
        trust_coefficient: κ, at least 0.
        eps: ε in the ratio's denominator, at least 0.
        adapt: as in `LAMB`.
        lr_in_velocity: whether the rate stands in the buffer, as in the paper.
        max_ratio: the ratio is at most this, or None.
        zero_ratio: the ratio where a norm is 0.
        maximize: ascend instead of descend.
        keywords: see `schuss.torch`.

    States: `step`, `momentum_buffer`.
    """

    _slots = ("momentum_buffer",)
    _walked_in_c_order = True

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        momentum: float = 0.9,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        trust_coefficient: float = 0.001,
        eps: float = 1e-8,
        adapt: Literal["all", "decayed", False] = "all",
        lr_in_velocity: bool = False,
        max_ratio: float | None = None,
        zero_ratio: float = 1.0,
        maximize: bool = False,
        **keywords: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": number("momentum", momentum, minimum=0.0, below=1.0),
            "dampening": number("dampening", dampening, minimum=0.0, below=1.0),
            "weight_decay": weight_decay,
            "nesterov": flag("nesterov", nesterov),
            "trust_coefficient": trust_coefficient,
            "eps": eps,
            "adapt": _adapt(adapt),
            "lr_in_velocity": flag("lr_in_velocity", lr_in_velocity),
            "max_ratio": _ratio("max_ratio", max_ratio),
            "zero_ratio": number("zero_ratio", zero_ratio, minimum=0.0),
        }
        super().__init__(params, defaults, maximize=maximize, **keywords)

    def _settings(self, g: Group) -> Settings:
        decay, most = g["weight_decay"], g["max_ratio"]
        numbers = (
            g["lr"],
            g["momentum"],
            g["dampening"],
            float(g["nesterov"]),
            g["trust_coefficient"],
            g["eps"],
            decay,
            float(g["lr_in_velocity"]),
            ADAPT[g["adapt"]],
            g["zero_ratio"],
            math.inf if most is None else most,
            decay,
        )
        return "lars", g["maximize"], True, numbers
