"""Functions of tensors as functions of a vector, with derivatives by autograd; and `minimize`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .. import _core, solvers
from ..solvers.bounds import flat_bounds
from ..solvers.minimize import method_name, wants_result
from ..structures import filled, leaves, map_leaves
from .front import increment_version

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Unpack

    from ..solvers.minimize import Options

__all__ = ["Flat", "gradients_of", "hessian_products", "minimize"]

_READER = _core.TensorReader(torch)
DOUBLE = (torch.float64, torch.complex128)


# -- tensors and vectors ---------------------------------------------------------------------------


def _real(tensor: Tensor) -> Tensor:
    """Return a dense tensor of real numbers, complex ones as pairs."""
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


class Flat:
    """Tensors as one vector of real numbers after each other, and back."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.layout = [(t.shape, t.dtype) for t in tensors]
        self.dtype = torch.float64 if any(t.dtype in DOUBLE for t in tensors) else torch.float32
        shapes = [(*t.shape, 2) if t.is_complex() else t.shape for t in tensors]
        self._shapes = [torch.Size(shape) for shape in shapes]
        self._counts = [shape.numel() for shape in self._shapes]
        self.size = sum(self._counts)

    def fits(self, tensors: Sequence[Tensor]) -> bool:
        """Whether these have the shapes and dtypes of those that it was made of."""
        return self.layout == [(t.shape, t.dtype) for t in tensors]

    def vector(self) -> Tensor:
        """Return a new vector."""
        return torch.zeros(self.size, dtype=self.dtype)

    def parts(self, vector: Tensor) -> list[Tensor]:
        """Return views of a vector in the shapes of the tensors, of complex ones as pairs."""
        pieces = torch.split(vector, self._counts)
        return [piece.view(shape) for piece, shape in zip(pieces, self._shapes, strict=True)]

    def read(self, tensors: Iterable[Tensor | None], vector: Tensor) -> None:
        """Copy tensors into a vector; None stands for zeros."""
        found = list(tensors)
        if _READER.read(found, vector.numpy(), self._counts):
            return
        for tensor, part in zip(found, self.parts(vector), strict=True):
            if tensor is None:
                part.zero_()
            else:
                part.copy_(_real(tensor.detach()))

    def write(self, tensors: Sequence[Tensor], vector: Tensor) -> None:
        """Copy a vector into tensors, in place."""
        if _READER.write(list(tensors), vector.numpy()):
            increment_version(tensors)
            return
        for tensor, part in zip(tensors, self.parts(vector), strict=True):
            (torch.view_as_real(tensor) if tensor.is_complex() else tensor).copy_(part)

    def tensors(self, vector: Tensor) -> list[Tensor]:
        """Return a vector's elements as tensors like those that it was made of."""
        return [
            torch.view_as_complex(part).to(dtype) if dtype.is_complex else part.to(dtype)
            for part, (_, dtype) in zip(self.parts(vector), self.layout, strict=True)
        ]


# -- derivatives -----------------------------------------------------------------------------------


def gradients_of(loss: Tensor, tensors: Sequence[Tensor], *, create_graph: bool) -> list[Tensor]:
    """Return the gradients of a loss, zeros where it does not depend on a tensor."""
    return list(
        torch.autograd.grad(loss, tensors, create_graph=create_graph, materialize_grads=True)
    )


def hessian_products(
    gradients: Sequence[Tensor], tensors: Sequence[Tensor], v: Sequence[Tensor]
) -> list[Tensor]:
    """Return the Hessian, whose graph hangs on the gradients, times v."""
    curved = [(g, part) for g, part in zip(gradients, v, strict=True) if g.requires_grad]
    if not curved:
        return [torch.zeros_like(t) for t in tensors]
    outputs, along = zip(*curved, strict=True)
    return list(
        torch.autograd.grad(outputs, tensors, along, retain_graph=True, materialize_grads=True)
    )


# -- minimize --------------------------------------------------------------------------------------


class Function:
    """A function of tensors in a structure, as one of a vector, with derivatives by autograd."""

    def __init__(self, fun: Callable[[Any], Any], params: Any) -> None:
        tensors = [_checked(leaf) for leaf in leaves(params)]
        if not tensors:
            raise ValueError("params has no tensors; at least one is wanted")
        self._fun, self._params = fun, params
        self.flat = Flat(tensors)
        self._devices = [tensor.device for tensor in tensors]
        start = self.flat.vector()
        self.flat.read(tensors, start)
        self.start: NDArray[Any] = start.numpy()
        self.twice = False  # whether gradients keep their graph
        self._rows_at_once = True  # whether torch.func goes through fun
        self._at: NDArray[Any] | None = None
        self._graph: tuple[list[Tensor], list[Tensor]] | None = None

    def tree(self, vector: NDArray[Any] | Tensor) -> Any:
        """Return a vector as tensors in the structure of params."""
        return filled(self._params, self._tensors(torch.as_tensor(vector)))

    def _tensors(self, vector: Tensor) -> list[Tensor]:
        tensors = self.flat.tensors(vector)
        return [t.to(device) for t, device in zip(tensors, self._devices, strict=True)]

    def bounds(self, given: Any) -> Any:
        """Return bounds in the structure of params as a pair for each element of the vector."""
        shapes = map_leaves(lambda leaf: np.broadcast_to(0.0, leaf.shape), self._params)
        sides = flat_bounds(given, shapes, _core.flatten(shapes, "params"), np.dtype(np.float64))
        if sides is None:
            return None
        if any(dtype.is_complex for _, dtype in self.flat.layout):
            raise ValueError("params has complex tensors, which bounds cannot be for")
        inner = [
            self._inwards(np.broadcast_to(side, self.start.shape), towards)
            for side, towards in zip(sides, (math.inf, -math.inf), strict=True)
        ]
        return np.stack(inner, axis=1)

    def _inwards(self, side: NDArray[Any], towards: float) -> NDArray[Any]:
        """Return bounds as numbers of the parameters' own dtypes, none of them farther out."""
        inner = []
        parts = self.flat.parts(torch.from_numpy(side.copy()))
        for part, (_, dtype) in zip(parts, self.flat.layout, strict=True):
            narrow = part.to(dtype)
            inwards = torch.nextafter(narrow, torch.full_like(narrow, towards))
            past = narrow < part if towards > 0 else narrow > part
            inner.append(torch.where(past, inwards, narrow).double().reshape(-1))
        return torch.cat(inner).numpy()

    def value(self, tensors: Iterable[Tensor]) -> Tensor:
        """Return the value at tensors, with its graph."""
        loss = self._fun(filled(self._params, tensors))
        if not isinstance(loss, Tensor) or loss.numel() != 1 or loss.is_complex():
            raise TypeError(f"fun returned {loss!r}; a tensor with one real number is wanted")
        return loss.reshape(())

    def value_and_gradient(self, x: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        """Return both at a vector."""
        leaves = [t.requires_grad_() for t in self._tensors(torch.from_numpy(np.array(x)))]
        with torch.enable_grad():
            loss = self.value(leaves)
            if not loss.requires_grad:
                raise ValueError(
                    "fun's value does not hang on params through autograd; operations of torch "
                    "without detach(), item() or numpy() are wanted"
                )
            gradients = gradients_of(loss, leaves, create_graph=self.twice)
        if self.twice:
            self._at, self._graph = np.array(x), (leaves, gradients)
        return loss.item(), self._vector(gradients)

    def product(self, x: NDArray[Any], v: NDArray[Any]) -> NDArray[Any]:
        """Return the Hessian at x times v."""
        if self._at is None or not np.array_equal(self._at, x):
            self.value_and_gradient(x)
        assert self._graph is not None
        leaves, gradients = self._graph
        return self._vector(hessian_products(gradients, leaves, self._tensors(torch.from_numpy(v))))

    def hessian(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the matrix at x: all rows at once where torch.func can, else one by one."""
        if self._rows_at_once:
            try:  # twice in reverse, as fewer operations can be differentiated forward
                rows = torch.func.jacrev(torch.func.grad(self._of_vector))
                found: NDArray[Any] = rows(torch.from_numpy(np.array(x))).detach().numpy()
                return found
            except (RuntimeError, NotImplementedError):
                self._rows_at_once = False
        self.twice = True
        return np.stack([self.product(x, row) for row in np.eye(x.size, dtype=x.dtype)])

    def _of_vector(self, vector: Tensor) -> Tensor:
        return self.value(self._tensors(vector)).to(vector)

    def _vector(self, tensors: Iterable[Tensor]) -> NDArray[Any]:
        vector = self.flat.vector()
        self.flat.read(tensors, vector)
        return vector.numpy()


def _checked(leaf: Any) -> Tensor:
    if not isinstance(leaf, Tensor):
        raise TypeError(f"params has a leaf of type {type(leaf).__name__}; tensors are wanted")
    if not (leaf.is_floating_point() or leaf.is_complex()):
        raise TypeError(f"params has a tensor of dtype {leaf.dtype}; floating point is wanted")
    return leaf


def minimize(
    fun: Callable[[Any], Tensor],
    params: Any,
    method: str | None = "lbfgs",
    *,
    bounds: Any = None,
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
    **more: Unpack[Options],
) -> solvers.Result:
    """Find a local minimum of a function of tensors: `schuss.minimize` with autograd.

    Args:
        fun: fun(params) returns a tensor with one real number, computed with operations of torch
            from tensors in the structure of params. It gets new tensors each time, with gradients
            on; it calls no `backward`. Where it is not defined, return NaN or infinity.
        params: where to start: a tensor, or nested dicts, lists and tuples of tensors, floating
            point or complex, of any shapes, requiring gradients or not. They are only read.
            Iterates are float64 where any of them is, and float32 otherwise; fun gets each in its
            own dtype.
        method: as in `schuss.minimize`. "newton" takes Hessians from `torch.func`, or row by row
            where that cannot go through fun; "newton_cg" takes products by differentiating
            twice.
        bounds: as in `schuss.minimize`; of real parameters only.
        tol: likewise.
        callback: likewise; it gets tensors in the structure of params.
        options: likewise.
        more: likewise, such as gtol=1e-8 or history_size=100.

    Returns:
        A `schuss.Result`: `x` and `jac` are tensors in the structure of params; `hess` and
        `hess_inv`, where the method has them, are matrices over all elements after each other, of
        complex ones the real part and then the imaginary one.

    Raises:
        TypeError, ValueError: for what is no tensor, for a value that does not hang on params, and
            as `schuss.minimize` does.

    Example:
        >>> import torch
        >>> t = torch.linspace(0, 1, 20, dtype=torch.float64)
        >>> y = 2 * torch.exp(-3 * t)
        >>> start = {"scale": torch.ones((), dtype=torch.float64), "rate": t.new_ones(())}
        >>> result = minimize(
        ...     lambda p: ((p["scale"] * torch.exp(-p["rate"] * t) - y) ** 2).sum(),
        ...     start,
        ...     method="newton",
        ... )
        >>> {name: round(value.item(), 5) for name, value in result.x.items()}
        {'scale': 2.0, 'rate': 3.0}
    """
    function = Function(fun, params)
    name = method_name(method)
    second: dict[str, Any] = {}
    if name == "newton":
        second = {"hess": function.hessian}
    elif name == "newton_cg":
        function.twice = True
        second = {"hessp": function.product}
    result = solvers.minimize(
        function.value_and_gradient,
        function.start,
        method=name,
        jac=True,
        bounds=function.bounds(bounds),
        tol=tol,
        callback=None if callback is None else _with_tensors(callback, function),
        options=options,
        **second,
        **more,
    )
    for key in ("x", "jac"):
        result[key] = function.tree(result[key])
    for key in {"hess", "hess_inv"} & set(result):
        result[key] = torch.from_numpy(result[key])
    return result


def _with_tensors(callback: Callable[..., Any], function: Function) -> Callable[..., Any]:
    """Return a callback that gives another one tensors."""
    if callable(callback) and wants_result(callback):

        def watch(intermediate_result: solvers.Result) -> Any:
            for key in ("x", "jac"):
                intermediate_result[key] = function.tree(intermediate_result[key])
            return callback(intermediate_result=intermediate_result)

        return watch
    return (lambda x: callback(function.tree(x))) if callable(callback) else callback
