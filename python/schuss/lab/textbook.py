"""The update rules as a NumPy user writes them from the papers.

This is the baseline that `schuss compare` times itself against, and an independent check of the
formulas: one array operation after another, as the paper writes them, with the temporaries that
NumPy makes. Nothing here is tuned, and nothing is slowed down.

Example:
    >>> import numpy as np
    >>> from schuss.lab import textbook
    >>> weight = np.array([1.0, -2.0])
    >>> optimizer = textbook.SGD(learning_rate=0.5)
    >>> optimizer.step([weight], [np.array([1.0, 1.0])])
    >>> weight
    array([ 0.5, -2.5])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from schuss.suggest import explain

__all__ = [
    "LAMB",
    "LARS",
    "SGD",
    "AdEMAMix",
    "AdaBelief",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Adan",
    "Lion",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Textbook",
    "get",
]

Array = npt.NDArray[Any]
State = dict[str, Array]


class Textbook:
    """The loop over the arrays; each subclass is one rule.

    Decay is an L2 term of the gradient, or beside the step where it is `decoupled`.
    """

    slots: ClassVar[tuple[str, ...]] = ()
    decoupled = False
    learning_rate: float
    weight_decay: float
    t = 0
    states: list[State]

    def step(self, params: Sequence[Array], grads: Sequence[Array]) -> None:
        """Update every array of `params` in place from the array of `grads` beside it."""
        if self.t == 0:
            self.states = [self._initial_state(p) for p in params]
        self.t += 1
        for p, g, state in zip(params, grads, self.states, strict=True):
            self._decay_and_update(p, g, state)

    def _initial_state(self, p: Array) -> State:
        """Zeros, of the shape of the parameter."""
        return {slot: np.zeros_like(p) for slot in self.slots}

    def _decay_and_update(self, p: Array, g: Array, state: State) -> None:
        if not self.weight_decay:
            self._update(p, g, state)
        elif self.decoupled:
            shrink = self.learning_rate * self.weight_decay * p
            self._update(p, g, state)
            p -= shrink
        else:
            self._update(p, g + self.weight_decay * p, state)

    def _update(self, p: Array, g: Array, state: State) -> None:
        """One step of the rule on one array."""
        raise NotImplementedError


@dataclass(eq=False)
class SGD(Textbook):
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's look-ahead (1983)."""

    slots = ("b",)
    learning_rate: float = 0.01
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    lr_in_velocity: bool = False
    weight_decay: float = 0.0

    def _update(self, p: Array, g: Array, state: State) -> None:
        if self.momentum == 0:
            p -= self.learning_rate * g
            return
        if self.dampening:
            g = (1 - self.dampening) * g
        if self.lr_in_velocity:
            v = state["b"] = self.momentum * state["b"] - self.learning_rate * g
            p += self.momentum * v - self.learning_rate * g if self.nesterov else v
        else:
            b = state["b"] = self.momentum * state["b"] + g
            p -= self.learning_rate * (g + self.momentum * b if self.nesterov else b)


@dataclass(eq=False)
class AdaGrad(Textbook):
    """Duchi, Hazan and Singer 2011."""

    learning_rate: float = 0.01
    epsilon: float = 1e-8
    initial_accumulator: float = 0.0
    weight_decay: float = 0.0
    epsilon_inside_sqrt: bool = False

    def _initial_state(self, p: Array) -> State:
        return {"sum": np.full_like(p, self.initial_accumulator)}

    def _update(self, p: Array, g: Array, state: State) -> None:
        state["sum"] = state["sum"] + g**2
        if self.epsilon_inside_sqrt:
            p -= self.learning_rate * g / np.sqrt(state["sum"] + self.epsilon)
        else:
            p -= self.learning_rate * g / (np.sqrt(state["sum"]) + self.epsilon)


@dataclass(eq=False)
class RMSprop(Textbook):
    """Tieleman and Hinton 2012; centered as in Graves 2013."""

    slots = ("v", "mean", "buffer")
    learning_rate: float = 0.001
    beta: float = 0.9
    epsilon: float = 1e-8
    momentum: float = 0.0
    centered: bool = False
    weight_decay: float = 0.0
    epsilon_inside_sqrt: bool = False

    def _update(self, p: Array, g: Array, state: State) -> None:
        variance = state["v"] = self.beta * state["v"] + (1 - self.beta) * g**2
        if self.centered:
            state["mean"] = self.beta * state["mean"] + (1 - self.beta) * g
            variance = variance - state["mean"] ** 2
        if self.epsilon_inside_sqrt:
            direction = g / np.sqrt(variance + self.epsilon)
        else:
            direction = g / (np.sqrt(variance) + self.epsilon)
        if self.momentum:
            direction = state["buffer"] = self.momentum * state["buffer"] + direction
        p -= self.learning_rate * direction


@dataclass(eq=False)
class AdaDelta(Textbook):
    """Zeiler 2012, algorithm 1."""

    slots = ("v", "u")
    learning_rate: float = 1.0
    rho: float = 0.9
    epsilon: float = 1e-6
    weight_decay: float = 0.0

    def _update(self, p: Array, g: Array, state: State) -> None:
        state["v"] = self.rho * state["v"] + (1 - self.rho) * g**2
        delta = np.sqrt(state["u"] + self.epsilon) / np.sqrt(state["v"] + self.epsilon) * g
        state["u"] = self.rho * state["u"] + (1 - self.rho) * delta**2
        p -= self.learning_rate * delta


@dataclass(eq=False)
class _Moments(Textbook):
    """What the family of Adam has in common: averages of the gradient and of its square."""

    slots = ("m", "v")
    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def _average(self, g: Array, state: State) -> tuple[Array, Array]:
        """Update both averages, and return them."""
        m = state["m"] = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = state["v"] = self.beta2 * state["v"] + (1 - self.beta2) * g**2
        return m, v


@dataclass(eq=False)
class Adam(_Moments):
    """Kingma and Ba 2015, algorithm 1; amsgrad of Reddi, Kale and Kumar 2018, bias-corrected."""

    amsgrad: bool = False

    def _initial_state(self, p: Array) -> State:
        slots = (*self.slots, "v_max") if self.amsgrad else self.slots
        return {slot: np.zeros_like(p) for slot in slots}

    def _direction(self, g: Array, state: State) -> Array:
        """The corrected mean over the root of the corrected mean square."""
        m, v = self._average(g, state)
        if self.amsgrad:
            v = state["v_max"] = np.maximum(state["v_max"], v)
        m_hat = m / (1 - self.beta1**self.t)
        v_hat = v / (1 - self.beta2**self.t)
        direction: Array = m_hat / (np.sqrt(v_hat) + self.epsilon)
        return direction

    def _update(self, p: Array, g: Array, state: State) -> None:
        p -= self.learning_rate * self._direction(g, state)


@dataclass(eq=False)
class AdamW(Adam):
    """Loshchilov and Hutter 2019: Adam with decoupled weight decay."""

    decoupled = True
    weight_decay: float = 0.01


@dataclass(eq=False)
class AdaBelief(_Moments):
    """Zhuang et al. 2020: the mean square is that of the gradient around its mean."""

    slots = ("m", "s")
    epsilon_root: float = 0.0

    def _update(self, p: Array, g: Array, state: State) -> None:
        m = state["m"] = self.beta1 * state["m"] + (1 - self.beta1) * g
        state["s"] = self.beta2 * state["s"] + (1 - self.beta2) * (g - m) ** 2 + self.epsilon_root
        m_hat = m / (1 - self.beta1**self.t)
        s_hat = state["s"] / (1 - self.beta2**self.t)
        p -= self.learning_rate * m_hat / (np.sqrt(s_hat) + self.epsilon)


@dataclass(eq=False)
class RAdam(_Moments):
    """Liu et al. 2020, algorithm 2: plain momentum until the variance can be trusted."""

    threshold: float = 4.0

    def _update(self, p: Array, g: Array, state: State) -> None:
        m, v = self._average(g, state)
        m_hat = m / (1 - self.beta1**self.t)
        limit = 2 / (1 - self.beta2) - 1
        length = limit - 2 * self.t * self.beta2**self.t / (1 - self.beta2**self.t)
        if length <= self.threshold:
            p -= self.learning_rate * m_hat
            return
        r = math.sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length))
        v_hat = v / (1 - self.beta2**self.t)
        p -= self.learning_rate * r * m_hat / (np.sqrt(v_hat) + self.epsilon)


@dataclass(eq=False)
class NAdam(_Moments):
    """Dozat 2016, algorithm 2, with his schedule of the momentum."""

    product = 1.0  # of the momenta so far
    momentum_decay: float = 0.004

    def _momentum_at(self, t: int) -> float:
        """The momentum of step `t`, which starts near beta1 / 2 and grows to beta1."""
        return self.beta1 * (1 - 0.5 * math.pow(0.96, t * self.momentum_decay))

    def step(self, params: Sequence[Array], grads: Sequence[Array]) -> None:
        """Update every array of `params` in place from the array of `grads` beside it."""
        self.product *= self._momentum_at(self.t + 1)
        super().step(params, grads)

    def _update(self, p: Array, g: Array, state: State) -> None:
        m, v = self._average(g, state)
        now = self._momentum_at(self.t)
        after = self._momentum_at(self.t + 1)
        m_bar = after * m / (1 - self.product * after) + (1 - now) * g / (1 - self.product)
        v_hat = v / (1 - self.beta2**self.t)
        p -= self.learning_rate * m_bar / (np.sqrt(v_hat) + self.epsilon)


@dataclass(eq=False)
class Adamax(_Moments):
    """Kingma and Ba 2015, algorithm 2: the largest gradient in place of the root mean square."""

    slots = ("m", "u")
    learning_rate: float = 0.002

    def _update(self, p: Array, g: Array, state: State) -> None:
        state["m"] = self.beta1 * state["m"] + (1 - self.beta1) * g
        state["u"] = np.maximum(self.beta2 * state["u"], np.abs(g) + self.epsilon)
        p -= self.learning_rate / (1 - self.beta1**self.t) * state["m"] / state["u"]


@dataclass(eq=False)
class Lion(Textbook):
    """Chen et al. 2023, algorithm 2: the sign of an interpolation; decoupled weight decay."""

    slots = ("m",)
    decoupled = True
    learning_rate: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0

    def _update(self, p: Array, g: Array, state: State) -> None:
        direction = np.sign(self.beta1 * state["m"] + (1 - self.beta1) * g)
        p -= self.learning_rate * direction
        state["m"] = self.beta2 * state["m"] + (1 - self.beta2) * g


@dataclass(eq=False)
class AdEMAMix(Textbook):
    """Pagliardini, Ablin and Grangier 2025, algorithm 1: Adam with a slow average beside m."""

    slots = ("m", "v", "slow")
    decoupled = True
    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    beta3: float = 0.9999
    alpha: float = 5.0
    alpha_warmup: float | None = None
    beta3_warmup: float | None = None
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def _update(self, p: Array, g: Array, state: State) -> None:
        alpha, beta3 = self.alpha, self.beta3
        if self.alpha_warmup and self.t < self.alpha_warmup:
            alpha *= self.t / self.alpha_warmup
        if self.beta3_warmup and self.t < self.beta3_warmup:
            part = self.t / self.beta3_warmup
            times = -1 / math.log(self.beta1), -1 / math.log(self.beta3)
            beta3 = math.exp(-1 / ((1 - part) * times[0] + part * times[1]))
        state["m"] = self.beta1 * state["m"] + (1 - self.beta1) * g
        state["v"] = self.beta2 * state["v"] + (1 - self.beta2) * g**2
        state["slow"] = beta3 * state["slow"] + (1 - beta3) * g
        m_hat = state["m"] / (1 - self.beta1**self.t)
        v_hat = state["v"] / (1 - self.beta2**self.t)
        mixed = m_hat + alpha * state["slow"]
        p -= self.learning_rate * mixed / (np.sqrt(v_hat) + self.epsilon)


@dataclass(eq=False)
class Adan(Textbook):
    """Xie et al. 2022, algorithm 1, with betas that say what an average keeps."""

    slots = ("m", "n", "d", "g")
    decoupled = True
    learning_rate: float = 0.001
    beta1: float = 0.98
    beta2: float = 0.92
    beta3: float = 0.99
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    proximal: bool = True

    def _decay_and_update(self, p: Array, g: Array, state: State) -> None:
        if self.proximal:
            self._update(p, g, state)
            p /= 1 + self.learning_rate * self.weight_decay
        else:
            super()._decay_and_update(p, g, state)

    def _update(self, p: Array, g: Array, state: State) -> None:
        change = g - (state["g"] if self.t > 1 else g)
        state["m"] = self.beta1 * state["m"] + (1 - self.beta1) * g
        state["d"] = self.beta2 * state["d"] + (1 - self.beta2) * change
        state["n"] = self.beta3 * state["n"] + (1 - self.beta3) * (g + self.beta2 * change) ** 2
        state["g"] = np.array(g)
        m_hat = state["m"] / (1 - self.beta1**self.t)
        d_hat = state["d"] / (1 - self.beta2**self.t)
        n_hat = state["n"] / (1 - self.beta3**self.t)
        p -= self.learning_rate * (m_hat + self.beta2 * d_hat) / (np.sqrt(n_hat) + self.epsilon)


@dataclass(eq=False)
class LAMB(_Moments):
    """You et al. 2020, algorithm 2: a step of Adam at a rate relative to the norm of its array."""

    epsilon: float = 1e-6
    weight_decay: float = 0.01
    bias_correction: bool = True
    adapt: str | bool = "all"
    max_ratio: float | None = None
    min_ratio: float | None = None

    def _decay_and_update(self, p: Array, g: Array, state: State) -> None:
        if self.decoupled:
            super()._decay_and_update(p, g, state)
        else:
            self._move(p, self._direction(g, state) + self.weight_decay * p)

    def _update(self, p: Array, g: Array, state: State) -> None:
        self._move(p, self._direction(g, state))

    def _direction(self, g: Array, state: State) -> Array:
        m, v = self._average(g, state)
        if self.bias_correction:
            m, v = m / (1 - self.beta1**self.t), v / (1 - self.beta2**self.t)
        direction: Array = m / (np.sqrt(v) + self.epsilon)
        return direction

    def _move(self, p: Array, update: Array) -> None:
        ratio = 1.0
        norms = float(np.linalg.norm(p)), float(np.linalg.norm(update))
        if _adapts(self.adapt, self.weight_decay) and all(norms):
            ratio = norms[0] / norms[1]
            ratio = max(ratio, self.min_ratio) if self.min_ratio is not None else ratio
            ratio = min(ratio, self.max_ratio) if self.max_ratio is not None else ratio
        p -= self.learning_rate * ratio * update


@dataclass(eq=False)
class LARS(Textbook):
    """You, Gitman and Ginsburg 2017, algorithm 1: momentum at a rate relative to norms."""

    slots = ("b",)
    learning_rate: float = 1.0
    momentum: float = 0.9
    dampening: float = 0.0
    nesterov: bool = False
    trust_coefficient: float = 0.001
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    adapt: str | bool = "all"
    lr_in_velocity: bool = False
    max_ratio: float | None = None
    zero_ratio: float = 1.0

    def _ratio(self, p: Array, g: Array) -> float:
        if not _adapts(self.adapt, self.weight_decay):
            return 1.0
        of_p, of_g = float(np.linalg.norm(p)), float(np.linalg.norm(g))
        if not (of_p and of_g):
            return self.zero_ratio
        ratio = self.trust_coefficient * of_p / (of_g + self.weight_decay * of_p + self.epsilon)
        return ratio if self.max_ratio is None else min(ratio, self.max_ratio)

    def _decay_and_update(self, p: Array, g: Array, state: State) -> None:
        taken = self._ratio(p, g) * (g + self.weight_decay * p)
        if self.t > 1:
            taken = (1 - self.dampening) * taken
        if self.lr_in_velocity:
            taken = self.learning_rate * taken
        state["b"] = self.momentum * state["b"] + taken
        moved = taken + self.momentum * state["b"] if self.nesterov else state["b"]
        p -= moved if self.lr_in_velocity else self.learning_rate * moved


def _adapts(adapt: str | bool, weight_decay: float) -> bool:
    """Whether an array has a ratio of norms."""
    return adapt == "all" or (adapt == "decayed" and weight_decay > 0)


_RULES: dict[str, type[Textbook]] = {
    name: globals()[name] for name in __all__ if name not in ("Textbook", "get")
}


def get(name: str) -> type[Textbook] | None:
    """The textbook class of a schuss class by its name, or None when nobody has written it yet.

    Example:
        >>> get("Adam").__name__
        'Adam'
        >>> get("Sophia") is None
        True
    """
    return _RULES.get(name)


explain(__name__)
