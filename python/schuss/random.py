"""Generators: what a user passes as `rng` made into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:  # numpy.random takes as long to import as all of schuss
    Rng: TypeAlias = int | Sequence[int] | np.random.SeedSequence | np.random.Generator | None

__all__ = ["generator"]


def generator(rng: Rng) -> np.random.Generator:
    """Return a generator as it is, and for None or a seed a new `Generator(PCG64(rng))`.

    Args:
        rng: None (fresh entropy), a seed or a `numpy.random.Generator`.

    Raises:
        TypeError, ValueError: neither of these.

    Example:
        >>> generator(7).random() == generator(7).random()
        True
    """
    if isinstance(rng, np.random.Generator):
        return rng
    try:
        return np.random.Generator(np.random.PCG64(rng))
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"rng is {rng!r}; None, a seed (an integer of at least 0) or a numpy.random.Generator "
            "is wanted"
        ) from None
