"""An optimizer whose states lie in shards, one on each rank (ZeRO-1)."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, clipping
from ..checks import choice
from ..kinds import in_kind_of
from ..optimizers.base import COMMON, RULES, Optimizer, StepInfo
from ..structures import map_leaves
from ..tensor_file import Path, path_text
from . import checkpoint_folder
from .agreement import agree
from .communicators import allgather_bytes, communicator
from .tree import PairwiseSum, own_parts, reduce_scatter

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Sharded"]

BLOCK = 4096  # elements; the core's sums of squares do not cross a multiple of it
REDUCTIONS = ("fixed-tree", "native")
STORAGE = ("float32", "float64", "bfloat16", "float16")
# Where the sum of squares leaves this range it is taken again of scaled gradients, as in the core.
SMALLEST, LARGEST, SCALE = 2.0**-900, 2.0**1000, 2.0**600


class Sharded:
    """Data-parallel training on ranks, each of which keeps the states of its share alone.

    Parameters lie in one flat buffer, which is cut into one shard for each rank. A step takes the
    mean of the gradients over `parts` micro-batches, each computed by one of the ranks; every rank
    updates its shard, and gets the others' parameters. With ``reduction="fixed-tree"`` the bits are
    those of the whole optimizer on one rank, whatever the number of ranks: all sums have a fixed
    order. Every rank calls the same methods in the same order.

    What can fail is checked on all ranks before any of them writes: they raise the same error,
    which names the rank, and the gradients of that step are forgotten. An error in code of yours on
    one rank is not known to the others, which would wait for it: start the ranks by ``mpiexec -n 4
    python -m mpi4py program.py``, or by ``torchrun``, which end them all.

    Args:
        optimizer: an optimizer of schuss that has taken no step. Its `max_norm`, `nonfinite`,
            overrides, schedules and `ema` hold for the whole model; assigned to on all ranks alike.
            `agc` is refused where a shard's border cuts a parameter that it clips.
        comm: a communicator of mpi4py, `torch_group`, or another `Communicator`.
        reduction: how gradients are added. "fixed-tree": pairwise, for powers of two of ranks and
            parts. "native": by the communicator's own sum, for any number of ranks, with bits that
            depend on it; takes less time. None: the fixed tree where it can be.
        parts: micro-batches a step, of all ranks together; at least one for each rank. Those of
            this rank are `own_parts`.

    Memory a rank, for n parameters: the states' bytes / ranks, n parameters, and in float32 (or
    float64) n for each level of the tree within the rank, log2(parts / ranks), at least 1, and n
    for what comes.

    Raises:
        TypeError, ValueError: for arguments that do not fit.

    Example:
        >>> import numpy as np, schuss
        >>> class Alone:  # stands for MPI.COMM_WORLD
        ...     rank, size = 0, 1
        ...     def alltoall(self, send, recv): recv[...] = send
        ...     def reduce_scatter(self, send, recv): recv[...] = send[0]
        ...     def allgather(self, full): pass
        >>> opt = Sharded(schuss.SGD(learning_rate=0.1), Alone(), parts=2)
        >>> params = opt.adopt({"w": np.ones(3)})
        >>> for part in opt.own_parts:
        ...     opt.accumulate({"w": params["w"] * part})
        >>> opt.step()
        >>> params["w"]
        array([0.95, 0.95, 0.95])

    Reference: Rajbhandari, Rasley, Ruwase and He, ZeRO: Memory Optimizations Toward Training
    Trillion Parameter Models, SC 2020, section 5.1.
    """

    def __init__(
        self, optimizer: Optimizer, comm: Any, reduction: str | None = None, parts: int = 8
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer is {optimizer!r}; an optimizer of schuss is wanted")
        if optimizer._stepper is not None or optimizer._pending is not None:
            raise ValueError(
                f"optimizer has taken {optimizer.step_count} steps, or was loaded; a new one is "
                "wanted: load() gives it its states"
            )
        self._comm = communicator(comm)
        self._own_parts = own_parts(self._comm, parts)
        self._parts = parts
        powers = all(k & (k - 1) == 0 for k in (parts, self._comm.size))
        if reduction is None:
            reduction = "fixed-tree" if powers else "native"
        elif choice("reduction", reduction, REDUCTIONS) == "fixed-tree" and not powers:
            raise ValueError(
                f"reduction is 'fixed-tree' with parts={parts} on {self._comm.size} ranks; powers "
                "of two are wanted, or 'native'"
            )
        self._reduction = reduction
        self._optimizer = optimizer
        self._adopted = False
        self._forget()

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer, which has the states of this rank's shard."""
        return self._optimizer

    @property
    def last_step(self) -> StepInfo | None:
        """What the last step did with the whole model; None before the first."""
        return self._optimizer.last_step

    @property
    def step_count(self) -> int:
        """Steps taken; skipped ones do not count."""
        return self._optimizer.step_count

    @property
    def own_parts(self) -> range:
        """Which of the parts of a step this rank accumulates, counted over all ranks."""
        return self._own_parts

    def __repr__(self) -> str:
        return (
            f"Sharded({self._optimizer!r}, rank {self._comm.rank} of {self._comm.size}, "
            f"reduction={self._reduction!r}, parts={self._parts})"
        )

    # -- parameters --------------------------------------------------------------------------------

    def adopt(self, params: Any) -> Any:
        """Move the parameters into the flat buffer, once; every rank gets those of rank 0.

        Args:
            params: arrays of one dtype, float32, float64, bfloat16 or float16, in any structure. Of
                PyTorch, tensors on the CPU: they are the same objects afterwards, over new memory.

        Returns:
            The same structure of arrays, views of the buffer: compute with these. Of tensors, the
            tensors.

        Raises:
            TypeError, ValueError: for arrays that do not fit, or that differ between ranks.
            RuntimeError: parameters have been adopted before.
        """
        error, leaves = None, []
        try:
            if self._adopted:
                raise RuntimeError("parameters have been adopted before; once is wanted")
            leaves = self._checked(params)
        except Exception as e:
            error = e
        shapes = {path: list(array.shape) for path, _, array in leaves}
        facts = {f"params[{path!r}].shape": shape for path, shape in shapes.items()}
        dtype = leaves[0][2].dtype if leaves else None
        agree(self._comm, error, {**facts, "the dtype of params": str(dtype), **self._facts()})

        self._lay_out([array.size for _, _, array in leaves], dtype)
        views = [
            self._flat[a : a + array.size].reshape(array.shape)
            for a, (_, _, array) in zip(self._offsets, leaves, strict=False)
        ]
        structure = iter(views)
        tree = map_leaves(lambda _: next(structure), params)
        try:
            stepper = self._optimizer._bind(tree, self._optimizer.rule, self._range)
            self._optimizer._configure(stepper)
        except Exception as e:
            error = e
        agree(self._comm, error)

        for view, (_, _, array) in zip(views, leaves, strict=True):
            view[...] = array
        self._broadcast(self._flat.view(np.int64).reshape(self._comm.size, -1))
        self._owners = [leaf for _, leaf, array in leaves if leaf is not array]
        for view, (_, leaf, array) in zip(views, leaves, strict=True):
            if leaf is not array:
                leaf.data = in_kind_of(leaf, view)
        self._optimizer._stepper = stepper
        self._shapes = [tuple(shape) for shape in shapes.values()]
        self._tree, self._paths, self._adopted = tree, stepper.paths, True
        kept = iter(
            [leaf if leaf is not array else v for v, (_, leaf, array) in zip(views, leaves)]
        )
        return map_leaves(lambda _: next(kept), params)

    @staticmethod
    def _checked(params: Any) -> list[tuple[str, Any, Any]]:
        """Return the leaves that can be adopted, with their paths and arrays."""
        leaves = _core.views(params, "params", True)
        seen: dict[int, str] = {}
        for path, leaf, array in leaves:
            if not isinstance(array, np.ndarray) or array.dtype.name not in STORAGE:
                what = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else repr(leaf)
                raise TypeError(
                    f"params[{path!r}] is {what}; one of {', '.join(STORAGE)} is wanted"
                )
            if leaf is not array and not hasattr(leaf, "data"):
                raise TypeError(
                    f"params[{path!r}] is {type(leaf).__name__}; an array of NumPy or a tensor of "
                    "PyTorch is wanted"
                )
            first = leaves[0][2].dtype
            if array.dtype != first:
                raise TypeError(
                    f"params[{path!r}] is {array.dtype}, and params[{leaves[0][0]!r}] is {first}; "
                    "one dtype for all is wanted"
                )
            if id(leaf) in seen:
                raise ValueError(
                    f"params[{path!r}] is params[{seen[id(leaf)]!r}]; each array once is wanted"
                )
            seen[id(leaf)] = path
        if not leaves:
            raise ValueError("params has no arrays; at least one is wanted")
        return leaves

    def _lay_out(self, sizes: list[int], dtype: np.dtype[Any]) -> None:
        """Make room for parameters: a shard is whole blocks, and the last ones end in zeros."""
        ranks = self._comm.size
        self._offsets = [0, *np.cumsum(sizes).tolist()]
        self._n = self._offsets[-1]
        self._shard = -(-self._n // (ranks * BLOCK)) * BLOCK
        self._flat = np.zeros(ranks * self._shard, dtype)
        self._compute = np.dtype(np.float64 if dtype == np.float64 else np.float32)
        self._range = (self._comm.rank * self._shard, (self._comm.rank + 1) * self._shard)
        self._received: NDArray[Any] | None = None

    def _broadcast(self, rows: NDArray[Any]) -> None:
        """Give all ranks what rank 0 has: each gets its row from there, and the others' after it."""
        received = np.empty_like(rows)
        self._comm.alltoall(rows, received)
        rows[self._comm.rank] = received[0]
        self._comm.allgather(rows)

    # -- a step ------------------------------------------------------------------------------------

    def _forget(self) -> None:
        """Begin a step without gradients."""
        sums: PairwiseSum | None = getattr(self, "_sums", None)
        free = [] if sums is None else [*sums.free, *(array for _, _, array in sums.nodes)]
        self._sums = PairwiseSum()
        self._sums.free = free
        self._count = 0
        self._present: set[int] = set()
        self._error: Exception | None = None

    def accumulate(self, grads: Any) -> None:
        """Take in the gradients of the next of `own_parts`.

        Args:
            grads: arrays or tensors in the structure of the parameters. They are copied, or added.
                None counts as zeros; a parameter whose gradient is None in all parts on all ranks
                takes no part in the step.

        Gradients that do not fit, and one part too many, are errors of `step`, on all ranks.

        Raises:
            RuntimeError: before `adopt`.
        """
        if not self._adopted:
            raise RuntimeError("there are no parameters yet; adopt(params) comes first")
        if self._error is not None:
            return
        try:
            if self._count == len(self._own_parts):
                raise ValueError(
                    f"accumulate was called more than {self._count} times; once for each of "
                    f"own_parts, {self._own_parts}, is wanted"
                )
            self._take(self._fitting(grads))
            self._count += 1
        except Exception as error:
            self._error = error

    def _fitting(self, grads: Any) -> list[NDArray[Any] | None]:
        """Return the gradients in the order of the parameters, if they fit."""
        found = _core.views(grads, "grads", False)
        if [path for path, _, _ in found] != self._paths:
            raise ValueError(
                f"grads has the arrays {[path for path, _, _ in found]}; {self._paths} are wanted"
            )
        for (path, _, array), shape in zip(found, self._shapes, strict=True):
            if array is None:
                continue
            kind = getattr(getattr(array, "dtype", None), "kind", "O")
            if not (kind in "fiu" or array.dtype.name == "bfloat16"):
                raise TypeError(f"grads[{path!r}] is {array!r}; an array of real numbers is wanted")
            if array.shape != shape:
                raise ValueError(f"grads[{path!r}] has shape {array.shape}; {shape} is wanted")
        return [array for _, _, array in found]

    def _take(self, grads: list[NDArray[Any] | None]) -> None:
        """Copy the gradients of a part, or add them to those of its brother."""
        part, nodes, free = self._own_parts[self._count], self._sums.nodes, self._sums.free
        native = self._reduction == "native"
        adds = bool(nodes) and (native or (part % 2 == 1 and nodes[-1][:2] == (0, part - 1)))
        if adds:
            to = nodes.pop()[2]
        else:
            to = free.pop() if free else np.zeros(self._flat.size, self._compute)
        for k, g in enumerate(grads):
            own = to[self._offsets[k] : self._offsets[k + 1]].reshape(self._shapes[k])
            if g is None:
                if not adds:
                    own[...] = 0
                continue
            self._present.add(k)
            if adds:
                np.add(own, g, out=own, dtype=self._compute, casting="unsafe")
            else:
                np.copyto(own, g, casting="unsafe")
        if native:
            nodes.append((0, 0, to))
        elif adds:
            self._sums.add(1, part // 2, to)
        else:
            self._sums.add(0, part, to)

    def step(self) -> None:
        """Take a step with the mean of the gradients of all parts; the same on every rank.

        Raises:
            ValueError, TypeError: gradients that do not fit, parts that are missing, or settings
                that differ between ranks; the text names the ranks. Nothing has been written.
            FloatingPointError: with nonfinite="raise"; nothing has been written.
            RuntimeError: before `adopt`.
        """
        if not self._adopted:
            raise RuntimeError("there are no parameters yet; adopt(params) comes first")
        stepper = self._optimizer._stepper
        assert stepper is not None
        try:
            self._step(stepper)
        finally:
            self._forget()

    def _step(self, stepper: _core.Stepper) -> None:
        error = self._error
        if error is None and self._count < len(self._own_parts):
            error = ValueError(
                f"accumulate was called {self._count} times; once for each of own_parts, "
                f"{self._own_parts}, is wanted"
            )
        if error is None:
            try:
                self._optimizer._refresh(stepper)
            except Exception as e:
                error = e
        absent = agree(self._comm, error, self._facts(), len(self._shapes) - len(self._present))
        present = self._present if not any(absent) else self._present_anywhere()

        shard = self._mean()
        grads = self._gradients(stepper, present)
        measured = self._checks or self._optimizer.max_norm is not None
        norm = self._norm(shard, present) if measured else None
        opened, error = False, None
        try:
            opened = stepper.open(self._tree, grads, None, norm)
        except Exception as e:
            error = e
        try:
            unfit = sum(agree(self._comm, error, number=stepper.unfit if opened else 0))
        except Exception:
            if opened:
                stepper.cancel()
            raise
        # The others have nothing where one rank has it all.
        if opened and self._checks and (self._range[0] > 0 or self._range[1] < self._n):
            opened = stepper.decide(unfit)
        if not opened:
            return
        sums = stepper.gather()
        if RULES[stepper.rule]["sums"]:
            every = allgather_bytes(self._comm, np.array(sums, np.float64).tobytes())
            stepper.settle(np.frombuffer(b"".join(every), np.float64).tolist())
        stepper.run(range(len(self._shapes)))
        stepper.close()
        self._exchange()

    @property
    def _checks(self) -> bool:
        return self._optimizer.nonfinite != "propagate"

    def _facts(self) -> dict[str, Any]:
        """What all ranks must have in common before a step."""
        optimizer, facts = self._optimizer, {}
        for setting in optimizer._settings():
            value = optimizer.__dict__[setting.name]
            facts[setting.name] = "a schedule" if callable(value) else value
        for name, value in zip([*RULES[optimizer.rule]["hyper"], *COMMON], zip(*optimizer._hyper)):
            facts[f"{name} at step {optimizer.step_count}"] = value
        return {
            **facts,
            "optimizer": type(optimizer).__name__,
            "ema": optimizer.__dict__["ema"],
            "overrides": sorted(optimizer._overrides),
            "reduction": self._reduction,
            "parts": self._parts,
            "step_count": optimizer.step_count,
        }

    def _present_anywhere(self) -> set[int]:
        """Return the parameters that have a gradient in any part of any rank."""
        mask = np.zeros((self._comm.size, len(self._shapes)), np.uint8)
        mask[self._comm.rank, list(self._present)] = 1
        self._comm.allgather(mask)
        return set(np.flatnonzero(mask.any(axis=0)).tolist())

    def _mean(self) -> NDArray[Any]:
        """Return this rank's shard of the mean gradient, which lies where its sum was."""
        comm = self._comm
        [(_, _, array)] = self._sums.nodes
        rows = array.reshape(comm.size, -1)
        if self._received is None and comm.size > 1:
            many = self._reduction == "fixed-tree"
            self._received = np.empty(rows.shape if many else rows.shape[1:], self._compute)
        if comm.size == 1:
            total = rows[0]
        elif self._reduction == "fixed-tree":
            total = reduce_scatter(comm, self._parts, [rows], self._received)
        else:
            comm.reduce_scatter(rows, self._received)
            total = self._received
        return np.multiply(total, self._compute.type(1.0 / self._parts), out=rows[comm.rank])

    def _gradients(self, stepper: _core.Stepper, present: set[int]) -> Any:
        """Return the gradients in the structure of the parameters; only those of the shard count."""
        [(_, _, array)] = self._sums.nodes
        cuts = zip(self._offsets, self._offsets[1:], self._shapes, strict=False)
        views = [array[a:b].reshape(shape) for a, b, shape in cuts]
        return stepper.unflatten([v if k in present else None for k, v in enumerate(views)])

    def _norm(self, shard: NDArray[Any], present: set[int]) -> float:
        """Return the norm of the gradients of the whole model over `grad_scale`, as the core does.

        Parameters that take no part count as zeros.
        """
        optimizer, (begin, end) = self._optimizer, self._range
        for k, path in enumerate(self._paths):
            patterns = optimizer._groups[optimizer._group_of[path]]
            if k not in present or optimizer._freezes(patterns):
                first, after = (min(max(at, begin), end) for at in self._offsets[k : k + 2])
                shard[first - begin : after - begin] = 0

        def block_sums(scale: float) -> NDArray[np.float64]:
            every = np.empty((self._comm.size, self._shard // BLOCK))
            every[self._comm.rank] = clipping.block_sums(shard, scale)
            self._comm.allgather(every)
            return every.ravel()

        return clipping.norm_by_scale(block_sums) / optimizer.grad_scale

    # -- averages ----------------------------------------------------------------------------------

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Lend the parameters their averages, in place, for the time of a `with` block.

        Every rank enters it and leaves it. The optimizer has been made with `ema`.

        Raises:
            AttributeError: the optimizer keeps no average.
            RuntimeError: before the first step.
        """
        averages = self._optimizer._averages_by_path()
        if not self.step_count:
            raise RuntimeError("there is no average before the first step")
        own = self._flat.copy()
        begin, _ = self._range
        for path, first in zip(self._paths, self._offsets, strict=False):
            values = averages[path].ravel()
            at = max(first, begin)
            self._flat[at : at + values.size] = values
        self._exchange()
        try:
            yield
        finally:
            self._flat[...] = own
            self._mark()

    def _exchange(self) -> None:
        """Give each rank the others' shards of the parameters."""
        self._comm.allgather(self._flat.view(np.int64).reshape(self._comm.size, -1))
        self._mark()

    def _mark(self) -> None:
        for owner in self._owners:
            _core.mark_written(owner)

    # -- checkpoints -------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write a checkpoint that any number of ranks can load: a file of each rank, and one of all.

        The folder is one that all ranks see. It may exist: a whole older checkpoint in it stays
        until the new one is whole, and is then removed; files of other names are left alone. After
        a crash at any time one of the two is there, whole, each file with a SHA-256 over its bytes.
        Gradients that are accumulated are not in it: save between steps.

        Raises:
            OSError, ValueError, TypeError: on all ranks, for what cannot be written; the older
                checkpoint stays.
            RuntimeError: before `adopt`.
        """
        if not self._adopted:
            raise RuntimeError("there are no parameters yet; adopt(params) comes first")
        begin, end = self._own_elements
        state = self._optimizer._state_dict(live=True)
        states = state.pop("state")
        slots = {
            name: np.concatenate([states[path][name].ravel() for path in self._paths])
            for name in states[self._paths[0]]
        }
        own = {"params": self._flat[begin:end], "slots": slots}
        whole = {"params": self._described(), "optimizer": state}
        checkpoint_folder.save(self._comm, folder, (begin, end), own, whole)

    @property
    def _own_elements(self) -> tuple[int, int]:
        """The range of this rank, without what fills up the last shards."""
        begin, end = self._range
        return min(begin, self._n), min(end, self._n)

    def _described(self) -> dict[str, str]:
        dtype = self._flat.dtype.name
        pairs = zip(self._paths, self._shapes, strict=True)
        return {path: f"{dtype} of shape {shape}" for path, shape in pairs}

    def load(self, folder: Path) -> None:
        """Go on bit for bit from a checkpoint of `save`, on any number of ranks.

        After `adopt`, with parameters of the same structure. Schedules that are not of schuss,
        and overrides, are those of the constructor.

        Raises:
            CheckpointError: there is no whole checkpoint in the folder.
            ValueError: it does not fit the parameters or the optimizer.
            OSError: it cannot be read. After any error, on all ranks, nothing has changed.
            RuntimeError: before `adopt`.
        """
        if not self._adopted:
            raise RuntimeError("there are no parameters yet; adopt(params) comes first")
        error, saved, params = None, {}, self._flat[:0]
        try:
            saved, params = self._read(pathlib.Path(path_text(folder)))
        except Exception as e:
            error = e
        agree(self._comm, error)
        try:
            self._optimizer.load_state_dict(saved)
        except Exception as e:
            error = e
        agree(self._comm, error)
        begin, end = self._own_elements
        self._flat[begin:end] = params
        self._exchange()
        self._forget()

    def _read(self, folder: pathlib.Path) -> tuple[dict[str, Any], NDArray[Any]]:
        """Return the states and parameters of this rank's shard, as far as they fit."""
        stepper, (begin, end) = self._optimizer._stepper, self._own_elements
        assert stepper is not None
        meta = checkpoint_folder.read_meta(folder)
        if (came := meta["params"]) != (wanted := self._described()):
            path = next(p for p in [*came, *wanted] if came.get(p) != wanted.get(p))
            raise ValueError(
                f"{folder} has params[{path!r}] {came.get(path, 'not')}; "
                f"{wanted.get(path, 'no such parameter')} is wanted"
            )
        own = checkpoint_folder.read_range(folder, meta, begin, end)
        states: dict[str, dict[str, Any]] = {}
        for k, path in enumerate(self._paths):
            first, after = (min(max(at, begin), end) - begin for at in self._offsets[k : k + 2])
            shape = {name: array.shape for name, array in stepper.slots(k).items()}
            states[path] = {
                name: array[first:after].reshape(shape.get(name, -1))
                for name, array in own["slots"].items()
            }
        saved = {**meta["optimizer"], "state": states}
        self._optimizer._check_state_dict(saved)
        self._optimizer._fitted(stepper, saved)
        return saved, own["params"]
