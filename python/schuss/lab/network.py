"""A multilayer perceptron in NumPy: relu layers, softmax cross-entropy, gradients by hand.

Parameters are a list with one dict per layer, `{"weight": (fan_in, fan_out), "bias": (fan_out,)}`,
which every schuss optimizer takes as it is. Their dtype is that of all arithmetic.

Example:
    >>> import numpy as np
    >>> import schuss
    >>> from schuss.lab import network
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(100, 2)).astype(np.float32)
    >>> y = (x[:, 0] > x[:, 1]).astype(np.intp)
    >>> params = network.initialize([2, 8, 2], rng=0)
    >>> optimizer = schuss.Adam(learning_rate=0.05)
    >>> for _ in range(50):
    ...     loss, grads = network.loss_and_gradients(params, x, y)
    ...     optimizer.step(params, grads)
    >>> network.accuracy(params, x, y) > 0.95
    True
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from schuss import initializers

__all__ = ["Params", "accuracy", "forward", "initialize", "loss_and_gradients", "mean_loss"]

Array = npt.NDArray[Any]
Params = list[dict[str, Array]]


def initialize(
    sizes: Sequence[int],
    *,
    rng: int | np.random.Generator | None = None,
    dtype: npt.DTypeLike = np.float32,
) -> Params:
    """Fresh parameters: He-normal weights, zero biases.

    Args:
        sizes: units per layer, inputs first and outputs last; at least two numbers.
        rng: a seed, a generator, or None.
        dtype: float32 or float64.

    Example:
        >>> [layer["weight"].shape for layer in initialize([64, 32, 10], rng=0)]
        [(64, 32), (32, 10)]

    Reference: He, Zhang, Ren and Sun 2015, Delving deep into rectifiers.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes: need at least two positive layer sizes, got {list(sizes)}")
    generator = np.random.default_rng(rng)
    return [
        {
            "weight": initializers.he_normal((fan_in, fan_out), rng=generator, dtype=dtype),
            "bias": np.zeros(fan_out, dtype),
        }
        for fan_in, fan_out in pairwise(sizes)
    ]


def _activations(params: Params, x: Array) -> list[Array]:
    """The input, every hidden layer's output, and the logits."""
    outputs = [x]
    for layer in params[:-1]:
        outputs.append(np.maximum(outputs[-1] @ layer["weight"] + layer["bias"], 0))
    outputs.append(outputs[-1] @ params[-1]["weight"] + params[-1]["bias"])
    return outputs


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def forward(params: Params, x: Array) -> Array:
    """The logits, one row per row of `x`."""
    return _activations(params, x)[-1]


def mean_loss(params: Params, x: Array, y: Array) -> float:
    """Mean softmax cross-entropy, in nats.

    `loss = -mean(log softmax(logits)[y])`
    """
    log_probabilities = _log_softmax(forward(params, x))
    return -float(log_probabilities[np.arange(len(y)), y].mean())


def accuracy(params: Params, x: Array, y: Array) -> float:
    """Fraction of rows whose largest logit is that of the label."""
    return float((forward(params, x).argmax(axis=1) == y).mean())


def loss_and_gradients(params: Params, x: Array, y: Array) -> tuple[float, Params]:
    """Mean softmax cross-entropy and its gradients, in the structure of `params`.

    With p the softmax of the logits of n rows, `d loss / d logits = (p - onehot(y)) / n`; each
    layer passes it back through its weights and through the relu.

    Args:
        params: as `initialize` makes them.
        x: rows of inputs, in the dtype of the parameters.
        y: labels 0, 1, ..., one per row.

    Example:
        >>> import numpy as np
        >>> params = initialize([3, 2], rng=0)
        >>> loss, grads = loss_and_gradients(params, np.zeros((4, 3), np.float32), np.zeros(4, int))
        >>> round(loss, 4), grads[0]["bias"]
        (0.6931, array([-0.5,  0.5], dtype=float32))
    """
    outputs = _activations(params, x)
    log_probabilities = _log_softmax(outputs.pop())
    rows = np.arange(len(y))
    loss = -float(log_probabilities[rows, y].mean())

    delta = np.exp(log_probabilities)
    delta[rows, y] -= 1
    delta /= len(y)
    grads: Params = []
    for layer, inputs in zip(reversed(params), reversed(outputs), strict=True):
        grads.append({"weight": inputs.T @ delta, "bias": delta.sum(axis=0)})
        if len(grads) < len(params):
            delta = (delta @ layer["weight"].T) * (inputs > 0)
    grads.reverse()
    return loss, grads
