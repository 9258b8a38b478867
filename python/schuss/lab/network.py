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

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from schuss import initializers
from schuss.suggest import did_you_mean, explain

__all__ = [
    "INITS",
    "Params",
    "accuracy",
    "check_init",
    "forward",
    "initialize",
    "loss_and_gradients",
    "mean_loss",
    "spread",
]

Array = npt.NDArray[Any]
Params = list[dict[str, Array]]

# Initializers that make weights from nothing but a shape.
INITS = (
    "he_normal",
    "he_uniform",
    "glorot_normal",
    "glorot_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
    "normal",
    "truncated_normal",
    "uniform",
    "ones",
    "zeros",
)


def check_init(init: str) -> None:
    """Refuse a name that is not in `INITS`."""
    if init not in INITS:
        near = did_you_mean(init, INITS)
        raise ValueError(f"unknown initializer {init!r}; known: {', '.join(INITS)}{near}")


def initialize(
    sizes: Sequence[int],
    *,
    init: str = "he_normal",
    rng: int | np.random.Generator | None = None,
    dtype: npt.DTypeLike = np.float32,
) -> Params:
    """Fresh parameters: weights from an initializer, zero biases.

    Args:
        sizes: units per layer, inputs first and outputs last; at least two numbers.
        init: what the weights are drawn from, a name from `INITS`.
        rng: a seed, a generator, or None.
        dtype: float32 or float64.

    Example:
        >>> [layer["weight"].shape for layer in initialize([64, 32, 10], rng=0)]
        [(64, 32), (32, 10)]

    Reference: He, Zhang, Ren and Sun 2015, Delving deep into rectifiers.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes is {list(sizes)}; at least two, of at least 1 each, are wanted")
    check_init(init)
    draw, generator = getattr(initializers, init), np.random.default_rng(rng)
    return [
        {
            "weight": draw((fan_in, fan_out), rng=generator, dtype=dtype),
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
    """Fraction of rows whose largest logit is that of the label; NaN where one is not finite."""
    logits = forward(params, x)
    if not np.isfinite(logits).all():
        return math.nan
    return float((logits.argmax(axis=1) == y).mean())


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
    loss, deltas = _backward(params, outputs, y)
    return loss, [
        {"weight": inputs.T @ delta, "bias": delta.sum(axis=0)}
        for inputs, delta in zip(outputs[:-1], deltas, strict=True)
    ]


def _backward(params: Params, outputs: list[Array], y: Array) -> tuple[float, list[Array]]:
    """The loss, and its gradient by what goes into each relu and into the softmax."""
    log_probabilities = _log_softmax(outputs[-1])
    rows = np.arange(len(y))
    loss = -float(log_probabilities[rows, y].mean())
    delta = np.exp(log_probabilities)
    delta[rows, y] -= 1
    delta /= len(y)
    deltas = [delta]
    for layer, inputs in zip(reversed(params[1:]), reversed(outputs[1:-1]), strict=True):
        deltas.append((deltas[-1] @ layer["weight"].T) * (inputs > 0))
    deltas.reverse()
    return loss, deltas


def spread(params: Params, x: Array, y: Array) -> tuple[list[float], list[float]]:
    """How widely the signal is spread in each layer, on its way forth and on its way back.

    Where it shrinks or grows from layer to layer, a deeper network would not learn.

    Args:
        params: as `initialize` makes them.
        x: rows of inputs.
        y: labels 0, 1, ..., one per row.

    Returns:
        Two standard deviations for each layer, over its units and all rows: of its output, and of
        the gradient of a row's loss by what goes into its relu, the last one's into the softmax.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> x, y = rng.normal(size=(500, 64)), rng.integers(10, size=500)
        >>> forth, back = spread(initialize([64, 64, 64, 10], rng=rng), x, y)
        >>> [round(deviation, 1) for deviation in forth]
        [0.8, 0.8, 1.3]
        >>> spread(initialize([64, 64, 64, 10], init="zeros"), x, y)[0]
        [0.0, 0.0, 0.0]

    Reference: Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward
        neural networks, figures 6 and 7.
    """
    outputs = _activations(params, x)
    _, deltas = _backward(params, outputs, y)
    forth = [float(np.std(output, dtype=np.float64)) for output in outputs[1:]]
    back = [len(y) * float(np.std(delta, dtype=np.float64)) for delta in deltas]
    return forth, back


explain(__name__)
