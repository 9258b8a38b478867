"""Results of the kind of what was given: PyTorch's tensors, or arrays of the array API."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from .structures import leaves, map_leaves

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Kinds", "as_array", "float_dtype", "in_kind_of"]

Make = Callable[[Any], Any]


def _same(array: NDArray[Any]) -> Any:
    return array


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
    make = None if type(leaf) is np.ndarray else _maker(leaf)
    return array if make is None else make(array)


def as_array(given: Any, name: str) -> NDArray[Any]:
    """Return what NumPy makes an array of, in this machine's byte order; numbers not as objects.

    bfloat16 becomes float32, in which it is exact.

    Args:
        given: an array, a tensor, of which only the values are read, numbers or lists of them.
        name: of the argument, for the error where it is in no memory that the CPU can read.

    Example:
        >>> as_array([1.0, 2.0], "x")
        array([1., 2.])
    """
    array = _core.native_array(given, name)
    if array.dtype.kind == "V" and array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    return array


def float_dtype(
    dtype: Any, like: Any = None
) -> tuple[np.dtype[Any], Callable[[NDArray[Any]], NDArray[Any]]]:
    """Return a floating-point dtype as NumPy's, and what makes the result of an array of it.

    Args:
        dtype: of NumPy or PyTorch; bfloat16 is that of ml_dtypes.
        like: what the result is in kind of, where the dtype is not PyTorch's.

    Example:
        >>> float_dtype("float32")[0]
        dtype('float32')
    """
    torch = sys.modules.get("torch")
    make, found = _maker(like) or _same, dtype
    if torch is not None and isinstance(dtype, torch.dtype):
        make, found = partial(_tensor, torch), getattr(np, str(dtype).removeprefix("torch."), bool)
        if dtype is torch.bfloat16:
            from ml_dtypes import bfloat16 as found
    result = np.dtype(found)
    if result.kind != "f" and result.name != "bfloat16":
        raise TypeError(f"dtype is {dtype!r}; a real floating-point type is wanted")
    return result, make


class Kinds:
    """What the leaves of a structure are; false where all are NumPy's or numbers.

    Example:
        >>> bool(Kinds({"w": np.ones(3), "b": 2.0}))
        False
    """

    def __init__(self, tree: Any) -> None:
        makers = [] if type(tree) is np.ndarray else [_maker(leaf) for leaf in leaves(tree)]
        self._makers = makers if any(makers) else []

    def __bool__(self) -> bool:
        return bool(self._makers)

    def __call__(self, arrays: Any) -> Any:
        """Return NumPy arrays in the structure as what its leaves are; only where this is true."""
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
