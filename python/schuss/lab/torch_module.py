"""The network of the lab as a module of PyTorch, for `compare(engine="torch")`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import cross_entropy

import schuss.torch
from schuss import schedules
from schuss.lab import catalog, network

__all__ = ["Trainee", "one_thread", "trainers"]

CLASSES = {"AdaGrad": "Adagrad", "AdaDelta": "Adadelta"}
KEYWORDS = {
    "learning_rate": "lr",
    "epsilon": "eps",
    "beta": "alpha",
    "initial_accumulator": "initial_accumulator_value",
}
PARTS = {
    "betas": ("beta1", "beta2", "beta3"),
    "etas": ("eta_minus", "eta_plus"),
    "step_sizes": ("step_min", "step_max"),
}


def trainers(name: str, settings: Mapping[str, Any]) -> list[str]:
    """Whose optimizers have the rule, "schuss" and "torch" or the first alone.

    Args:
        name: of the rule.
        settings: what it will be given, in the lab's names.

    Raises:
        ValueError: what one of them does not take.

    Example:
        >>> trainers("Nesterov", {}), trainers("Lion", {})
        (['schuss', 'torch'], ['schuss'])
    """
    found = [by for by in ("schuss", "torch") if _class(by, name) is not None]
    for by in found:
        _build(by, name, [torch.zeros(1)], {"learning_rate": 0.1, **settings})
    return found


def _class(by: str, name: str) -> Any:
    of, _ = catalog.setting(name)
    home: Any = schuss.torch if by == "schuss" else torch.optim
    return getattr(home, CLASSES.get(of, of), None)


def _build(
    by: str, name: str, params: Iterable[torch.Tensor], settings: dict[str, Any]
) -> tuple[Any, float | None]:
    """An optimizer, and the norm to which gradients must be clipped before its step."""
    make = _class(by, name)
    keywords = _keywords(make, settings)
    max_norm = keywords.pop("max_norm", None) if by == "torch" else None
    try:
        return make(params, **keywords), max_norm
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {by}'s {make.__name__}: {error}") from error


def _keywords(make: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings in torch's names."""
    left = dict(settings)
    given: dict[str, Any] = {}
    for name, parts in PARTS.items():
        if any(part in left for part in parts):
            default = make([torch.zeros(1)]).defaults[name]
            given[name] = tuple(
                left.pop(part, value) for part, value in zip(parts, default, strict=False)
            )
    return given | {KEYWORDS.get(key, key): value for key, value in left.items()}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch, and steps on its tensors, have one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Trainee:
    """A network that learns in PyTorch.

    Args:
        by: whose optimizer takes the steps, "schuss" or "torch". torch's clips with
            `clip_grad_norm_` where `max_norm` is among the settings.
        name: of the rule.
        settings: its hyperparameters, in the lab's names.
        rate: the learning rate, or a schedule of it.
        start: the parameters to begin with.

    Attributes:
        params: those of the module, which they share their memory with.

    Example:
        >>> import numpy as np
        >>> start = network.initialize([3, 2], rng=0)
        >>> trainee = Trainee("schuss", "Adam", {}, 0.01, start)
        >>> grads = trainee.gradients(np.ones((4, 3), np.float32), np.zeros(4, int))
        >>> trainee.step(trainee.params, grads)
        >>> trainee.params[0]["bias"]
        array([ 0.01, -0.01], dtype=float32)
    """

    def __init__(
        self,
        by: str,
        name: str,
        settings: dict[str, Any],
        rate: schedules.Schedule | float,
        start: network.Params,
    ) -> None:
        layers: list[Any] = []
        self.params: network.Params = []
        for each in start:
            layer = torch.nn.Linear(*each["weight"].shape)
            weight, bias = layer.weight.detach().numpy().T, layer.bias.detach().numpy()
            weight[...], bias[...] = each["weight"], each["bias"]
            self.params.append({"weight": weight, "bias": bias})
            layers += [layer, torch.nn.ReLU()]
        self._module = torch.nn.Sequential(*layers[:-1])
        self._layers = layers[:-1:2]
        self._rate = rate if callable(rate) else None
        self._steps = 0
        first = rate(0) if callable(rate) else rate
        self._optimizer, self._max_norm = _build(
            by, name, self._module.parameters(), {**settings, "learning_rate": first}
        )

    def gradients(self, x: network.Array, y: network.Array) -> network.Params:
        """Those of the mean softmax cross-entropy, by autograd."""
        loss: Any = cross_entropy(self._module(torch.from_numpy(x)), torch.from_numpy(y))
        loss.backward()
        grads = [(layer.weight.grad, layer.bias.grad) for layer in self._layers]
        return [{"weight": weight.numpy().T, "bias": bias.numpy()} for weight, bias in grads]

    def step(self, params: network.Params, grads: network.Params) -> None:
        """Take a step, and drop the gradients: they are in the module, as the parameters are."""
        if self._rate is not None:
            for group in self._optimizer.param_groups:
                group["lr"] = self._rate(self._steps)
        self._steps += 1
        if self._max_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._module.parameters(), self._max_norm)
        self._optimizer.step()
        self._optimizer.zero_grad()
