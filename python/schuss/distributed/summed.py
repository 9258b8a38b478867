"""Functions of many data, whose parts are evaluated on ranks: their sums, and rows of all of them.

Every rank runs the same solver on the same numbers, which are the same for any number of ranks.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import count
from ..kinds import as_array
from ..structures import filled, leaves, map_leaves
from ..suggest import explain
from .agreement import Agreement, agree
from .communicators import communicator
from .tree import PairwiseSum, own_parts, reduce_scatter

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["factored", "stacked", "summed"]


class _Value:
    """What a function has returned for a part.

    Attributes:
        tree: as it came.
        arrays: its leaves, none of which is None where it is `defined`.
        layout: its structure, with a shape for each leaf, as text.
    """

    def __init__(self, returned: Any, call: str, shape: Callable[[NDArray[Any]], Any]) -> None:
        found = leaves(returned)
        if not found:
            raise TypeError(f"{call} returned {returned!r}; at least one number is wanted")
        self.tree, self.defined = returned, all(leaf is not None for leaf in found)
        self.arrays = [as_array(leaf, call) for leaf in found if leaf is not None]
        for array in self.arrays:
            if array.dtype.kind not in "fiu":
                raise TypeError(f"{call} returned dtype {array.dtype}; real numbers are wanted")
        if not self.defined and found[0] is not None and np.isfinite(self.arrays[0]).all():
            raise TypeError(f"{call} returned None beside a finite number; numbers are wanted")
        shapes = iter([shape(array) for array in self.arrays])
        self.layout = repr(map_leaves(lambda x: None if x is None else next(shapes), returned))

    @property
    def size(self) -> int:
        """Numbers in it."""
        return sum(array.size for array in self.arrays)

    def write(self, to: NDArray[np.float64]) -> None:
        """Copy all numbers to an array, after each other."""
        np.concatenate([array.ravel() for array in self.arrays], out=to)


class _OverParts:
    """A function of parts, some of which are this rank's."""

    def __init__(self, fun: Callable[..., Any], comm: Any, parts: int) -> None:
        if not callable(fun):
            raise TypeError(f"fun is {fun!r}; a function is wanted")
        self._fun, self._comm, self._parts = fun, communicator(comm), count("parts", parts)
        self._own = own_parts(self._comm, parts)

    def __repr__(self) -> str:
        name = type(self).__name__.strip("_").lower()
        rank, size = self._comm.rank, self._comm.size
        return f"{name}({self._fun!r}, rank {rank} of {size}, parts={self._parts})"

    def _of_part(self, *args: Any, **kwargs: Any) -> Any:
        return self._fun(*args, **kwargs)

    def _shape(self, array: NDArray[Any]) -> Any:
        """Return what all parts have in common of the shape of a leaf."""
        raise NotImplementedError

    def _values(
        self, agreement: Agreement, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Iterator[tuple[int, _Value]]:
        """Yield the parts of this rank, and what fun returns for them: for all of them alike."""
        crc = _crc(x)
        agreement.facts.update({"the CRC of x": crc, "parts": self._parts})
        first: _Value | None = None
        for part in self._own:
            call = f"fun(x, {part})"
            value = _Value(self._of_part(x, *args, part, **kwargs), call, self._shape)
            if value.defined:
                first = first or value
                if value.layout != first.layout:
                    raise ValueError(
                        f"{call} returned the shapes {value.layout}; {first.layout} are wanted, as "
                        "of other parts"
                    )
            yield part, value
        if _crc(x) != crc:
            raise ValueError("fun has written into x, which the next part gets; x is to be read")


def _crc(x: Any) -> int:
    crc = 0
    for leaf in leaves(x):
        array = as_array(leaf, "x")
        crc = zlib.crc32(repr(array.shape).encode(), crc)
        crc = zlib.crc32(np.ascontiguousarray(array).data, crc)
    return crc


class _Summed(_OverParts):
    def _shape(self, array: NDArray[Any]) -> Any:
        return array.shape

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        sums, undefined = PairwiseSum(), False
        found: _Value | None = None
        with Agreement(self._comm) as agreement:
            for part, value in self._values(agreement, x, args, kwargs):
                if found is None or not value.defined:
                    found = value
                undefined = undefined or not value.defined
                if not undefined:
                    self._add(sums, part, value)
            assert found is not None  # each rank has a part
            # What says how the values lie; 0 where there are none.
            agreement.number = 0 if undefined else 1 + zlib.crc32(found.layout.encode())
        if 0 in agreement.numbers:
            return _undefined(found.tree)
        if len(set(agreement.numbers)) > 1:
            agree(self._comm, facts={"what fun returns": found.layout})
        return self._total(sums, found)

    def _add(self, sums: PairwiseSum, part: int, value: _Value) -> None:
        """Take in the numbers of a part, cut into a row for each rank."""
        ranks = self._comm.size
        length = max(-(-value.size // ranks), 1)
        array = sums.free.pop() if sums.free else np.zeros((ranks, length))
        value.write(array.reshape(-1)[: value.size])
        with np.errstate(all="ignore"):
            sums.add(0, part, array)

    def _total(self, sums: PairwiseSum, value: _Value) -> Any:
        """Return the sum over the parts of all ranks, in the structure of a part's value."""
        nodes = [array for _, _, array in sums.nodes]
        every = np.empty(nodes[0].shape)
        with np.errstate(all="ignore"):
            every[self._comm.rank] = reduce_scatter(self._comm, self._parts, nodes)
        self._comm.allgather(every)
        pieces = _pieces(every.reshape(-1), [array.shape for array in value.arrays])
        return filled(value.tree, pieces)


def _pieces(numbers: NDArray[np.float64], shapes: list[tuple[int, ...]]) -> list[Any]:
    """Return arrays of these shapes, which lie after each other; without axes, numbers."""
    found: list[Any] = []
    at = 0
    for shape in shapes:
        size = math.prod(shape)
        piece = numbers[at : at + size].reshape(shape)
        found.append(piece if shape else float(piece))
        at += size
    return found


def _undefined(tree: Any) -> Any:
    """Return what says to a solver that a function is not defined at a point."""
    if not isinstance(tree, (tuple, list, dict)):
        return None
    return filled(tree, chain([math.nan], repeat(None)))


class _Stacked(_OverParts):
    def _shape(self, array: NDArray[Any]) -> Any:
        if array.ndim == 0:
            raise ValueError(f"fun returned {array}; an array with a row for each datum is wanted")
        return (..., *array.shape[1:])

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        values: list[_Value] = []
        with Agreement(self._comm) as agreement:
            for _, value in self._values(agreement, x, args, kwargs):
                if not value.defined:
                    raise TypeError("fun returned None; residuals, and Jacobians, are wanted")
                value.arrays = [array.copy() for array in value.arrays]  # fun may use its own again
                values.append(value)
            own = self._joined(values)
            agreement.facts["what fun returns"] = values[0].layout
            agreement.number = own.size
        every = np.zeros((self._comm.size, max(agreement.numbers)))
        every[self._comm.rank, : own.size] = own
        self._comm.allgather(every)
        columns = [array.shape[1:] for array in values[0].arrays]
        pieces = []
        for numbers in every:
            rows, numbers = numbers[: len(columns)], numbers[len(columns) :]
            shapes = [(int(m), *shape) for m, shape in zip(rows, columns, strict=True)]
            pieces.append(_pieces(numbers, shapes))
        joined = [np.concatenate(leaf) for leaf in zip(*pieces, strict=True)]
        return filled(values[0].tree, joined)

    @staticmethod
    def _joined(values: list[_Value]) -> NDArray[np.float64]:
        """Return how many rows the leaves have, and the numbers of each leaf, of all parts."""
        leaves = [np.concatenate(leaf) for leaf in zip(*(v.arrays for v in values), strict=True)]
        rows = np.array([len(leaf) for leaf in leaves], np.float64)
        return np.concatenate([rows, *(leaf.ravel() for leaf in leaves)], dtype=np.float64)


class _Factored(_Stacked):
    def _of_part(self, *args: Any, **kwargs: Any) -> Any:
        return _triangle(super()._of_part(*args, **kwargs))

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        r, jacobian, observations = super().__call__(x, *args, **kwargs)
        return r, jacobian, int(observations.sum())


def _triangle(returned: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Return r and J with no more than n + 1 rows and the same JᵀJ, Jᵀr and |r|²; and their m."""
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        raise TypeError(
            f"fun returned an object of type {type(returned).__name__}; a pair (residuals, "
            "Jacobian) is wanted"
        )
    value = _Value(tuple(returned), "fun", np.shape)
    if not value.defined:
        raise TypeError("fun returned None; residuals, and their Jacobian, are wanted")
    r, *columns = value.arrays
    m, matrices = r.size, []
    for leaf in (*columns, r.ravel()):
        if leaf.shape[:1] != (m,):
            raise ValueError(
                f"fun returned {m} residuals, and a Jacobian of shape {leaf.shape}; ({m}, n) is "
                "wanted"
            )
        matrices.append(leaf.reshape(m, math.prod(leaf.shape[1:])))
    rows: Any = np.concatenate(matrices, axis=1, dtype=np.float64)
    if m > rows.shape[1]:
        rows = np.linalg.qr(rows, mode="r")
    return rows[:, -1], rows[:, :-1], np.array([m])


def summed(fun: Callable[..., Any], comm: Any, parts: int = 8) -> Callable[..., Any]:
    """Return the sum of a function over parts of the data, which ranks share out.

    With f the function and F what comes back::

        F(x) = ((f(x, 0) + f(x, 1)) + (f(x, 2) + f(x, 3))) + ...

    Each rank evaluates its own parts, contiguous ones, and gets the sum; each calls F with the same
    x, as it does where all run the same solver from the same start. The sum is pairwise, a binary
    tree over the parts in float64, so that its bits are the same for every number of ranks from 1
    to `parts`, as far as those of fun are: let NumPy's BLAS have as many threads everywhere.

    F may go wherever fun without `part` may: it is fun, jac, hess and hessp of `minimize`, f of
    `minimize_batch`, or what is told to a solver that asks::

        F = summed(loss, comm)                  # loss(x, part) -> (f, g)
        schuss.minimize(F, x0, jac=True)

    An evaluation is one small exchange, which agrees on errors, and one sum of all numbers that fun
    returns: of k numbers each rank sends, where ranks and parts are powers of two, 2 k at most.

    Args:
        fun: fun(x, *further, part, **keywords), with the arguments that F is called with, and last
            of the positional ones the part, from 0 to parts - 1. Returns a number, an array, or
            tuples, lists or dicts of such: (f, g), a Hessian, a product with it. The same shapes
            for all parts. It only reads x. Where it is not defined it may return NaN or infinity
            with None for the rest; the sum is then NaN, with None for the rest.
        comm: a communicator of mpi4py, `torch_group`, or another `Communicator`.
        parts: into how many the data are cut; at least one for each rank. Keep it while the number
            of ranks changes: the bits depend on it.

    Returns:
        F(x, *further, **keywords), the same on every rank: what fun returns with float64 arrays,
        and floats where there are no axes.

        F raises, on all ranks, what fun raises on one, as an error of its kind whose text begins
        with the rank; and a ValueError where x or the shapes differ between ranks.

    Raises:
        TypeError, ValueError: for arguments that do not fit.

    Callbacks that end a run have to end it on all ranks.

    Example:
        >>> import numpy as np, schuss
        >>> from schuss.distributed.communicators import Alone  # stands for MPI.COMM_WORLD
        >>> data = np.arange(24.0).reshape(8, 3)
        >>> def loss(x, part):
        ...     d = x - data[part]
        ...     return d @ d / 2, d
        >>> result = schuss.minimize(summed(loss, Alone()), np.zeros(3), jac=True)
        >>> result.success, result.x.round(6)
        (True, array([10.5, 11.5, 12.5]))
    """
    return _Summed(fun, comm, parts)


def stacked(fun: Callable[..., Any], comm: Any, parts: int = 8) -> Callable[..., Any]:
    """Return a function that has the rows of all parts of the data, one part after the other.

    For residuals r and their Jacobian J::

        r(x) = [r(x, 0); r(x, 1); ...],    J(x) = [J(x, 0); J(x, 1); ...]

    It is for `least_squares`. Each part is evaluated by one of the ranks; every rank gets all rows,
    and does with them what one process does: losses, standard errors and the residuals in the
    result are the same, with the bits of one process.

    With m residuals and n variables an evaluation sends m numbers to every rank, with a Jacobian
    m (n + 1), and every rank keeps them.

    Args:
        fun: fun(x, *further, part, **keywords), as in `summed`. Returns residuals, their Jacobian,
            or a tuple of both: arrays with as many rows as the part has data, which may be none.
        comm: a communicator of mpi4py, `torch_group`, or another `Communicator`.
        parts: into how many the data are cut; at least one for each rank.

    Returns:
        A function of (x, *further, **keywords), the same on every rank, with the errors of
        `summed`.

    Raises:
        TypeError, ValueError: for arguments that do not fit.

    Example:
        >>> import numpy as np, schuss
        >>> from schuss.distributed.communicators import Alone  # stands for MPI.COMM_WORLD
        >>> t = np.linspace(0, 4, 80).reshape(8, 10)
        >>> y = 3 * np.exp(-t / 2)
        >>> def residuals(p, part):
        ...     model = p[0] * np.exp(-p[1] * t[part])
        ...     return model - y[part], np.stack([model / p[0], -t[part] * model], axis=1)
        >>> result = schuss.least_squares(stacked(residuals, Alone()), [1.0, 1.0], jac=True)
        >>> result.success, result.x.round(6), result.dof
        (True, array([3. , 0.5]), 78)
    """
    return _Stacked(fun, comm, parts)


def factored(fun: Callable[..., Any], comm: Any, parts: int = 8) -> Callable[..., Any]:
    """Return a function that has rows which stand for all residuals of all parts, n + 1 a part.

    With the residuals r and the Jacobian J of a part, Q with orthonormal columns and R triangular::

        [J, r] = Q R,    J' = R without its last column,    r' = its last column

    It is for `least_squares` of many data, with jac=True: J'ᵀJ', J'ᵀr' and |r'|² are those of J and
    r, and so are the singular values, from which standard errors come, never from JᵀJ. The number
    of residuals goes along, for `dof` and the test that ends a run. Steps, results and standard
    errors are those of `stacked` up to rounding.

    With n variables an evaluation sends parts (n + 1)² numbers to every rank, however many data
    there are. In the result `fun` and `jac` are r' and J'. A loss other than "linear" needs the
    residuals themselves, and so `stacked`.

    Args:
        fun: fun(x, *further, part, **keywords), as in `summed`. Returns (r, J): m residuals, and
            m x n derivatives, or what else `LeastSquares.tell_jacobian` takes that is not sparse.
        comm: a communicator of mpi4py, `torch_group`, or another `Communicator`.
        parts: into how many the data are cut; at least one for each rank.

    Returns:
        A function of (x, *further, **keywords), the same on every rank, that returns r', J' and how
        many residuals they stand for; with the errors of `summed`.

    Raises:
        TypeError, ValueError: for arguments that do not fit.

    Example:
        >>> import numpy as np, schuss
        >>> from schuss.distributed.communicators import Alone  # stands for MPI.COMM_WORLD
        >>> t = np.linspace(0, 4, 8000).reshape(8, 1000)
        >>> y = 3 * np.exp(-t / 2)
        >>> def residuals(p, part):
        ...     model = p[0] * np.exp(-p[1] * t[part])
        ...     return model - y[part], np.stack([model / p[0], -t[part] * model], axis=1)
        >>> result = schuss.least_squares(factored(residuals, Alone()), [1.0, 1.0], jac=True)
        >>> result.success, result.x.round(6), result.dof, result.jac.shape
        (True, array([3. , 0.5]), 7998, (24, 2))

    Reference: Golub, Plemmons and Sameh, Parallel Block Schemes for Large-Scale Least-Squares
    Computations, 1988; Demmel, Grigori, Hoemmen and Langou, Communication-Optimal Parallel and
    Sequential QR and LU Factorizations, SIAM J. Sci. Comput. 34, 2012, for rows in parts.
    """
    return _Factored(fun, comm, parts)


explain(__name__)
