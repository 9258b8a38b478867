"""Cholesky factorization and positive definite systems, one or many.

Blocked, in panels of as many rows as three vector registers hold, on fused multiply-adds; threads
share the panels out. Every element takes its products in the order of the columns: the bits depend
neither on the threads nor on the instruction set, nor on whether a system came alone or in a batch.
Where the CPU has no fused multiply-add (x86-64 without FMA) software computes what it would give,
and a system of 128 unknowns takes 70 times as long as with AVX2. Batches of systems of at most 32
unknowns are solved side by side, one in each vector lane. Tensors and arrays of other libraries are
taken, and the result is one where A, of `solve_spd` b, is; `overwrite` wants NumPy's.

Reference: Golub and Van Loan, Matrix Computations, 4th edition, section 4.2; Higham, Accuracy and
Stability of Numerical Algorithms, 2nd edition, chapter 10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _core
from .kinds import in_kind_of
from .suggest import explain

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["cholesky", "solve_spd"]


def cholesky(A: npt.ArrayLike, *, overwrite: bool = False) -> Any:
    """Return the lower triangular L with positive diagonal for which A = L L'.

    n³/3 flops for each matrix. Only the lower triangle of A is read.

    Args:
        A: n x n, or a batch (..., n, n), symmetric positive definite; float32 or float64 in any
            layout. Integers are converted to float64.
        overwrite: write L into A, which must be an array of float32 or float64, and return A;
            in place for one matrix, of a batch once all have been factored.

    Raises:
        numpy.linalg.LinAlgError: a leading minor is not positive; it is named, and its index in a
            batch. Nothing has been written then.

    Memory: a working copy of the triangle beside the result; for a batch of small matrices next to
    nothing.

    Example:
        >>> import numpy as np
        >>> cholesky(np.array([[4.0, 2.0], [2.0, 10.0]]))
        array([[2., 0.],
               [1., 3.]])
    """
    return in_kind_of(A, _core.cholesky(A, overwrite))


def solve_spd(A: npt.ArrayLike, b: npt.ArrayLike, *, overwrite: bool = False) -> Any:
    """Return the x for which A x = b, by Cholesky factorization.

    n³/3 flops for each matrix and 2 n² for each right-hand side. Only the lower triangle of A is
    read, and A is never written.

    Args:
        A: n x n, or a batch (..., n, n), symmetric positive definite; float32 or float64 in any
            layout. Integers are converted to float64.
        b: of A's shape without its last axis, a vector for each matrix; or of as many axes as A,
            (..., n, k): k right-hand sides for each.
        overwrite: write x into b, which must be an array of the dtype of A, and return b;
            in place for one matrix, of a batch once all have been solved.

    Raises:
        numpy.linalg.LinAlgError: a leading minor is not positive; it is named, and its index in a
            batch. Nothing has been written then.

    Memory: a working copy of the triangle and of b; for a batch of small matrices that of b.

    Example:
        >>> import numpy as np
        >>> solve_spd(np.array([[4.0, 2.0], [2.0, 10.0]]), np.array([8.0, 22.0]))
        array([1., 2.])

    Where we differ: numpy.linalg.solve takes a b of one axis less than A for a matrix unless it has
    one axis only; here it is a vector for each matrix.
    """
    return in_kind_of(b, _core.solve_spd(A, b, overwrite))


explain(__name__, arguments=False)
