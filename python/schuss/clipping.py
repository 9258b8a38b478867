"""Gradient clipping as functions; optimizers do it inside a step by `max_norm` and `max_value`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _core
from .checks import positive
from .structures import map_leaves
from .suggest import explain

__all__ = ["clip_by_global_norm", "clip_by_value", "global_norm"]


def global_norm(grads: Any) -> float:
    """Return the 2-norm of all gradients taken as one vector.

    The squares are summed in float64 in a fixed order, so that the value depends on neither the
    threads nor the instruction set, nor on how the elements are split into arrays; it neither
    overflows nor underflows.

    Args:
        grads: one array, or nested lists, tuples and dicts of arrays, of real dtypes.

    Example:
        >>> import numpy as np
        >>> global_norm({"w": np.array([[3.0, 0.0]]), "b": np.array([4.0])})
        5.0
    """
    return _core.global_norm(grads)


def clip_by_global_norm(grads: Any, max_norm: float, inplace: bool = False) -> Any:
    """Multiply all gradients by max_norm / (norm + 1e-6) where their norm is above max_norm.

    A norm within max_norm changes no bit.

    Args:
        grads: one array, or nested lists, tuples and dicts of floating-point arrays.
        max_norm: the largest `global_norm` allowed, above 0.
        inplace: write into the given arrays and return them, instead of into new ones.

    Example:
        >>> import numpy as np
        >>> clip_by_global_norm([np.array([3.0]), np.array([4.0])], 1.0)
        [array([0.59999988]), array([0.79999984])]

    Reference: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks,
    ICML 2013, Algorithm 1; 1e-6 as in PyTorch.
    """
    limit = positive("max_norm", max_norm)
    norm = global_norm(grads)
    if norm <= limit:
        return _apply(np.copyto, grads, inplace)
    factor = limit / (norm + 1e-6)

    def scale(out: Any, g: Any) -> None:
        dtype = np.promote_types(g.dtype, np.float32)  # float16 would make 0 of a small factor
        np.multiply(g, dtype.type(factor), out=out, dtype=dtype, casting="same_kind")

    return _apply(scale, grads, inplace)


def clip_by_value(grads: Any, max_value: float, inplace: bool = False) -> Any:
    """Limit every element to [-max_value, max_value]; NaN stays NaN.

    Args:
        grads: one array, or nested lists, tuples and dicts of floating-point arrays.
        max_value: the largest absolute value allowed, above 0.
        inplace: write into the given arrays and return them, instead of into new ones.

    Example:
        >>> import numpy as np
        >>> clip_by_value(np.array([3.0, -0.1]), 0.5)
        array([ 0.5, -0.1])
    """
    limit = positive("max_value", max_value)

    def clip(out: Any, g: Any) -> None:
        with np.errstate(over="ignore"):  # a limit beyond the dtype is no limit
            bound = g.dtype.type(limit)
        np.clip(g, -bound, bound, out=out)

    return _apply(clip, grads, inplace)


def _apply(clip: Callable[[Any, Any], object], grads: Any, inplace: bool) -> Any:
    """Call clip(out, array) on each array, once even where one stands twice in the structure."""
    for path, array in _core.flatten(grads, "grads"):
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            given = f"of dtype {array.dtype}" if isinstance(array, np.ndarray) else repr(array)
            raise TypeError(f"grads['{path}'] is {given}; a floating-point NumPy array is wanted")
        if inplace and not array.flags.writeable:
            raise ValueError(f"grads['{path}'] is read-only; a writeable array is wanted")
    done: dict[int, Any] = {}

    def once(array: Any) -> Any:
        if id(array) not in done:
            done[id(array)] = array if inplace else np.empty_like(array)
            clip(done[id(array)], array)
        return done[id(array)]

    result = map_leaves(once, grads)
    return grads if inplace else result


explain(__name__, arguments=False)
