"""Gradient clipping as functions; optimizers do it inside a step by `max_norm` and `max_value`.

Gradients are NumPy's arrays, PyTorch's tensors on the CPU or arrays that lend their memory through
DLPack, as those of jax, also side by side. What is returned is of the kind that came. In place only
what can be written is: of an immutable array that is a TypeError.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from .checks import positive
from .kinds import in_kind_of
from .structures import map_leaves
from .suggest import explain

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["block_sums", "clip_by_global_norm", "clip_by_value", "global_norm", "norm_of"]


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


def block_sums(grads: Any, scale: float = 1.0) -> NDArray[np.float64]:
    """Return the sums of squares of which `global_norm` is made, one for each 4096 elements.

    The blocks are those of all arrays taken as one vector. Where gradients lie on several ranks,
    each with whole blocks of them, the ranks' sums one after the other are those of the whole, bit
    for bit. None counts as no elements.

    Args:
        grads: as for `global_norm`.
        scale: what each element is multiplied by first, see `norm_of`.

    Example:
        >>> import numpy as np
        >>> block_sums([np.ones(4096), np.full(2, 3.0)])
        array([4096.,   18.])
    """
    return np.array(_core.block_sums(grads, positive("scale", scale)))


def norm_of(sums: Any, scale: float = 1.0) -> float:
    """Return the norm from `block_sums` of the same scale: the root of their sum in order.

    Where the sum of unscaled squares is below 2⁻⁹⁰⁰ or above 2¹⁰⁰⁰, `global_norm` asks for the sums
    again, with the scale 2⁶⁰⁰ or 2⁻⁶⁰⁰. Who needs its bits there does the same.

    Args:
        sums: an array of float64.
        scale: that of `block_sums`.

    Example:
        >>> import numpy as np
        >>> norm_of(block_sums([np.array([3.0, 0.0]), np.array([4.0])]))
        5.0
    """
    total = 0.0
    for x in np.asarray(sums, np.float64).tolist():
        total += x
    return math.sqrt(total) / positive("scale", scale)


def norm_by_scale(sums: Callable[[float], Any]) -> float:
    """Return the norm from a function that makes `block_sums` of a scale, with the core's bits."""
    total = float(np.cumsum(sums(1.0), dtype=np.float64)[-1])
    if 2.0**-900 <= total <= 2.0**1000:
        return math.sqrt(total)
    scale = 2.0**600 if total < 1.0 else 2.0**-600
    return norm_of(sums(scale), scale)


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
    found = _core.views(grads, "grads", inplace)
    for path, leaf, array in found:
        numpy = isinstance(array, np.ndarray)
        if not numpy or (array.dtype.kind != "f" and array.dtype.name != "bfloat16"):
            given = f"of dtype {array.dtype}" if numpy else repr(leaf)
            raise TypeError(f"grads['{path}'] is {given}; a floating-point array is wanted")
        if inplace and not array.flags.writeable:
            raise ValueError(f"grads['{path}'] is read-only; a writeable array is wanted")
    done: dict[int, Any] = {}
    for _, leaf, array in found:
        if id(leaf) in done:
            continue
        out = array if inplace else np.empty_like(array)
        clip(out, array)
        done[id(leaf)] = leaf if inplace else in_kind_of(leaf, out)
        if inplace:
            _core.mark_written(leaf)
    return grads if inplace else map_leaves(lambda leaf: done[id(leaf)], grads)


explain(__name__, arguments=False)
