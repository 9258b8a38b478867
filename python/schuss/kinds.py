"""Results of the kind of what was given: PyTorch's tensors, or arrays of the array API."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .structures import map_leaves

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Kinds", "in_kind_of", "torch_dtype"]

Make = Callable[[Any], Any]


def _tensor(torch: Any, array: NDArray[Any]) -> Any:
    if array.dtype.name == "bfloat16":  # which NumPy does not know by itself
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _maker(leaf: Any) -> Make | None:
    """Return what makes arrays like a leaf of NumPy's; None for NumPy's own, and for others."""
    if isinstance(leaf, (np.ndarray, np.generic)):
        return None
    torch = sys.modules.get("torch")  # who has a tensor has imported it
    if torch is not None and isinstance(leaf, torch.Tensor):
        return partial(_tensor, torch)
    if hasattr(type(leaf), "__dlpack__") and hasattr(leaf, "__array_namespace__"):
        make: Make = leaf.__array_namespace__().asarray
        return make
    return None


def in_kind_of(leaf: Any, array: Any) -> Any:
    """Return a NumPy array as what the leaf is: a tensor over the same memory, for example.

    Example:
        >>> in_kind_of([1.0, 2.0], np.zeros(2))
        array([0., 0.])
    """
    make = _maker(leaf)
    return array if make is None else make(array)


def torch_dtype(dtype: Any) -> Any:
    """Return NumPy's dtype of one of PyTorch's; None for anything else."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(dtype, torch.dtype):
        return None
    return None


class Kinds:
    """What the leaves of a structure are; false where all are NumPy's or numbers.

    Example:
        >>> bool(Kinds({"w": np.ones(3), "b": 2.0}))
        False
    """

    def __init__(self, tree: Any) -> None:
        self._makers: list[Make | None] = []
        map_leaves(lambda leaf: self._makers.append(_maker(leaf)), tree)

    def __bool__(self) -> bool:
        return any(make is not None for make in self._makers)

    def __call__(self, arrays: Any) -> Any:
        """Return NumPy arrays in the structure as what its leaves are."""
        makers = iter(self._makers)

        def made(array: Any) -> Any:
            make = next(makers)
            return array if make is None else make(array)

        return map_leaves(made, arrays)

    def taken_by(self, function: Any, count: int = 1) -> Any:
        """Return a function whose first arguments, so many, come in kind."""
        if not callable(function):
            return function
        return lambda *args: function(*map(self, args[:count]), *args[count:])
