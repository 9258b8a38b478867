"""An optimizer whose states lie in shards, one on each rank (ZeRO-1)."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, clipping
from ..checks import choice, count
from ..kinds import in_kind_of
from ..optimizers.base import COMMON, RULES, Optimizer, StepInfo
from ..optimizers.state_dict import fitted
from ..structures import filled
from ..suggest import explain
from ..tensor_file import Path, path_text
from . import checkpoint_folder
from .agreement import Agreement
from .communicators import allgather_bytes, communicator
from .flat import BLOCK, Flat
from .gradients import Gradients
from .tree import own_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Sharded"]

REDUCTIONS = ("fixed-tree", "native")
STORAGE = ("float32", "float64", "bfloat16", "float16")


class Sharded:
    """Data-parallel training on ranks, each of which keeps the states of its share alone.

    Parameters lie in one flat buffer, which is cut into one shard for each rank. A step takes the
    mean of the gradients over `parts` micro-batches, each computed by one of the ranks; every rank
    updates its shard, and gets the others' parameters. With ``reduction="fixed-tree"`` the bits are
    those of the whole optimizer on one rank, whatever the number of ranks: all sums have a fixed
    order. Every rank calls the same methods in the same order.

    What can fail is checked on all ranks before any of them writes: they raise the same error,
    which names the rank, and the gradients of that step are forgotten. Of an error in code of yours
    on one rank the others do not know; they would wait for it. One that nobody catches ends all
    ranks of mpi4py, as ``torchrun`` does with those of torch. A rank that is killed is noticed by
    ``mpiexec`` and ``torchrun``.

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
        >>> from schuss.distributed.communicators import Alone  # stands for MPI.COMM_WORLD
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
        self._parts = count("parts", parts, least=1)
        self._own_parts = own_parts(self._comm, self._parts)
        powers = all(k & (k - 1) == 0 for k in (self._parts, self._comm.size))
        if reduction is None:
            reduction = "fixed-tree" if powers else "native"
        elif choice("reduction", reduction, REDUCTIONS) == "fixed-tree" and not powers:
            raise ValueError(
                f"reduction is 'fixed-tree' with parts={parts} on {self._comm.size} ranks; powers "
                "of two are wanted, or 'native'"
            )
        self._reduction = reduction
        self._optimizer = optimizer
        self._model: _Model | None = None
        self._error: Exception | None = None  # of accumulate, which step raises on all ranks
        self._last_step: StepInfo | None = None

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer, which has the states of this rank's shard."""
        return self._optimizer

    @property
    def last_step(self) -> StepInfo | None:
        """What the last step did with the whole model; None before the first."""
        return self._last_step

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
        """Move the parameters into one flat buffer, once; every rank gets those of rank 0.

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
        with Agreement(self._comm) as agreement:
            if self._model is not None:
                raise RuntimeError("parameters have been adopted before; once is wanted")
            if self._optimizer._stepper is not None:
                raise RuntimeError("optimizer has parameters of another; a new one is wanted")
            leaves = _adoptable(params)
            described = {f"params[{path!r}]": _description(array) for path, _, array in leaves}
            order = {"the order of params": list(described)}
            agreement.facts = {**self._facts("adopt"), **described, **order}

        shapes = {path: array.shape for path, _, array in leaves}
        flat = Flat(self._comm, shapes, leaves[0][2].dtype)
        views = flat.views(flat.values)
        tree = filled(params, views)
        with Agreement(self._comm):
            own = flat.shard.start, flat.shard.stop
            stepper = self._optimizer._bind(tree, self._optimizer.rule, own)
            self._optimizer._configure(stepper)

        for view, (_, _, array) in zip(views, leaves, strict=True):
            view[...] = array
        flat.broadcast()
        tensors = {k: leaf for k, (_, leaf, array) in enumerate(leaves) if leaf is not array}
        for k, tensor in tensors.items():
            tensor.data = in_kind_of(tensor, views[k])
        gradients = Gradients(flat, self._parts, tree=self._reduction == "fixed-tree")
        self._optimizer._stepper = stepper
        self._model = _Model(flat, tree, list(tensors.values()), stepper, gradients)
        return filled(params, [tensors.get(k, view) for k, view in enumerate(views)])

    def _adopted(self) -> _Model:
        if self._model is None:
            raise RuntimeError("there are no parameters yet; adopt(params) comes first")
        if self._optimizer._stepper is not self._model.stepper:
            raise RuntimeError("optimizer was reset; a new one in a new Sharded is wanted")
        return self._model

    def _facts(self, call: str) -> dict[str, Any]:
        """What all ranks must have in common."""
        optimizer = self._optimizer
        settings: dict[str, Any] = {}
        for setting in optimizer._settings():
            value = optimizer.__dict__[setting.name]
            settings[setting.name] = "a schedule" if callable(value) else value
        names = [*RULES[optimizer.rule]["hyper"], *COMMON]
        for name, values in zip(names, zip(*optimizer._hyper, strict=True), strict=False):
            settings[f"{name} at step {optimizer.step_count}"] = values
        return {
            "a call": call,
            **settings,
            "optimizer": type(optimizer).__name__,
            "ema": optimizer.__dict__["ema"],
            "overrides": sorted(optimizer._overrides),
            "reduction": self._reduction,
            "parts": self._parts,
            "step_count": optimizer.step_count,
        }

    # -- a step ------------------------------------------------------------------------------------

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
        gradients = self._adopted().gradients
        if self._error is None:
            try:
                gradients.add(grads)
            except Exception as error:
                self._error = error

    def step(self) -> None:
        """Take a step with the mean of the gradients of all parts; the same on every rank.

        Raises:
            ValueError, TypeError: gradients that do not fit, parts that are missing, or settings
                that differ between ranks; the text names the ranks. Nothing has been written.
            FloatingPointError: with nonfinite="raise"; nothing has been written.
            RuntimeError: before `adopt`.
        """
        model = self._adopted()
        model.check_not_lent()
        try:
            with np.errstate(all="ignore"):  # between exchanges no rank may leave the others
                opened, unfit = self._open(model)
                if opened:
                    self._run(model)
            info = self._optimizer.last_step
            if info is not None and info.nonfinite is not None:
                info = replace(info, nonfinite=unfit)
            self._last_step = info
        finally:
            self._forget(model)

    def _forget(self, model: _Model) -> None:
        """Begin anew with the gradients of a step."""
        model.gradients.begin()
        self._error = None

    def _open(self, model: _Model) -> tuple[bool, int]:
        """Agree on a step, and open it on all ranks or on none.

        Returns whether it is open, which it is not where it is skipped, and how many elements of
        all gradients are not finite.
        """
        optimizer, gradients = self._optimizer, model.gradients
        with Agreement(self._comm) as agreement:
            if self._error is not None:
                raise self._error
            gradients.check_complete()
            optimizer._refresh(model.stepper)
            agreement.facts = self._facts("step")
            agreement.number = len(model.flat.shapes) - len(gradients.present)
        missing = any(agreement.numbers)
        absent: set[str] = gradients.absent_everywhere() if missing else set()
        mean = gradients.mean()
        checks = optimizer.nonfinite != "propagate"
        measured = checks or optimizer.max_norm is not None
        norm = self._norm(model, mean[model.flat.shard], absent) if measured else None
        grads = [
            None if path in absent else view
            for path, view in zip(model.flat.shapes, model.flat.views(mean), strict=True)
        ]
        stepper, opened = model.stepper, False
        try:
            with Agreement(self._comm) as agreement:
                opened = stepper.open(model.params, stepper.unflatten(grads), None, norm)
                agreement.number = stepper.unfit if measured else 0
        except BaseException:
            if opened:
                stepper.cancel()
            raise
        unfit = sum(agreement.numbers)
        if opened and checks and not model.flat.alone:  # who has all elements has decided already
            opened = stepper.decide(unfit)
        return opened, unfit

    def _run(self, model: _Model) -> None:
        """Take the step that is open."""
        stepper = model.stepper
        sums = stepper.gather()
        if RULES[stepper.rule]["sums"]:
            every = allgather_bytes(self._comm, np.array(sums, np.float64).tobytes())
            sums = np.frombuffer(b"".join(every), np.float64).tolist()
            stepper.set_sums(sums)
        stepper.run(range(len(model.flat.shapes)))
        stepper.close()
        model.exchange()

    def _norm(self, model: _Model, shard: NDArray[Any], absent: set[str]) -> float:
        """Return the norm of the gradients of the whole model over `grad_scale`, as the core does.

        Parameters that take no part count as zeros.
        """
        optimizer, comm = self._optimizer, self._comm
        for path, own in zip(model.flat.shapes, model.flat.own_parts(), strict=True):
            if path in absent or optimizer._group_of[path].frozen:
                shard[own] = 0

        def block_sums(scale: float) -> NDArray[np.float64]:
            every = np.empty((comm.size, shard.size // BLOCK))
            every[comm.rank] = clipping.block_sums(shard, scale)
            comm.allgather(every)
            return every.ravel()

        return clipping.norm_by_scale(block_sums) / optimizer.grad_scale

    # -- averages ----------------------------------------------------------------------------------

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Lend the parameters their averages, in place, for the time of a `with` block.

        Every rank enters it and leaves it. The optimizer has been made with `ema`. Within the block
        there are no steps and no `load`.

        Raises:
            AttributeError: the optimizer keeps no average.
            RuntimeError: before `adopt`, and before the first step.
        """
        model = self._adopted()
        model.check_not_lent()
        averages = self._optimizer._averages_by_path()
        if not self.step_count:
            raise RuntimeError("there is no average before the first step")
        values, elements = model.flat.values, model.flat.elements
        own = values.copy()
        with np.errstate(all="ignore"):
            values[elements] = np.concatenate([averages[p].ravel() for p in model.flat.shapes])
        model.exchange()
        model.lent = True
        try:
            yield
        finally:
            model.lent = False
            values[...] = own
            model.mark()

    # -- checkpoints -------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write a checkpoint that any number of ranks can load: a file of each, and one of all.

        The folder is one that all ranks see. It may exist: a whole older checkpoint in it stays
        until the new one is whole, and is then removed; files of other names are left alone. After
        a crash at any time one of the two is there, whole, each file with a SHA-256 over its bytes.
        Gradients that are accumulated are not in it: save between steps.

        Raises:
            OSError, ValueError, TypeError: on all ranks, for what cannot be written; the older
                checkpoint stays.
            RuntimeError: before `adopt`.
        """
        model = self._adopted()
        elements = model.flat.elements
        with Agreement(self._comm) as agreement:
            state = self._optimizer._state_dict(live=True)
            states = state.pop("state")
            slots = {
                name: np.concatenate([arrays[name].ravel() for arrays in states.values()])
                for name in next(iter(states.values()))
            }
            agreement.facts = self._facts("save")
        own = {"params": model.flat.values[elements], "slots": slots}
        whole = {"params": model.described(), "optimizer": state}
        checkpoint_folder.save(self._comm, folder, (elements.start, elements.stop), own, whole)

    def load(self, folder: Path) -> None:
        """Go on bit for bit from a checkpoint of `save`, on any number of ranks.

        After `adopt`, with parameters of the same structure. Schedules and overrides are those of
        the constructor; hyperparameters that were numbers and the states of schedules come from
        the checkpoint.

        Raises:
            CheckpointError: there is no whole checkpoint in the folder.
            ValueError: it does not fit the parameters or the optimizer.
            OSError: it cannot be read. After any error, on all ranks, nothing has changed.
            RuntimeError: before `adopt`.
        """
        model = self._adopted()
        model.check_not_lent()
        with Agreement(self._comm) as agreement:
            token, saved, params = self._read(pathlib.Path(path_text(folder)), model)
            agreement.facts = {"a call": "load", "the checkpoint": token}
        with Agreement(self._comm):
            self._optimizer.load_state_dict(saved)
        model.flat.values[model.flat.elements] = params
        model.exchange()
        self._forget(model)

    def _read(
        self, folder: pathlib.Path, model: _Model
    ) -> tuple[str, dict[str, Any], NDArray[Any]]:
        """Return the checkpoint's token, and what it has for this rank's shard, if that fits."""
        meta = checkpoint_folder.read_meta(folder)
        came, wanted = meta["params"], model.described()
        if came == wanted and list(came) != list(wanted):
            raise ValueError(
                f"{folder} has the params in the order {list(came)}; {list(wanted)} is wanted"
            )
        if came != wanted:
            path = next(p for p in [*came, *wanted] if came.get(p) != wanted.get(p))
            raise ValueError(
                f"{folder} has params[{path!r}] {came.get(path, 'not at all')}; "
                f"{wanted.get(path, 'no such parameter')} is wanted"
            )
        own = checkpoint_folder.read_range(folder, meta, model.flat.elements)
        states: dict[str, dict[str, Any]] = {}
        parts = zip(model.flat.shapes, model.flat.own_parts(), strict=True)
        for k, (path, part) in enumerate(parts):
            shapes = {name: array.shape for name, array in model.stepper.slots(k).items()}
            states[path] = {
                name: array[part].reshape(shapes.get(name, -1))
                for name, array in own["slots"].items()
            }
        saved = {**meta["optimizer"], "state": states}
        self._optimizer._check_state_dict(saved)
        fitted(model.stepper, saved)
        return meta["token"], saved, own["params"]


@dataclass
class _Model:
    """What a `Sharded` knows once it has parameters."""

    flat: Flat
    params: Any  # views of it, in the structure of the parameters
    tensors: list[Any]  # of PyTorch, over the same memory
    stepper: _core.Stepper
    gradients: Gradients
    lent: bool = False  # the parameters are their averages

    def check_not_lent(self) -> None:
        """Raise where parameters would be undone at the end of `averaged`."""
        if self.lent:
            raise RuntimeError("params are lent their averages; the end of averaged() comes first")

    def described(self) -> dict[str, str]:
        """Return what each parameter is, by path."""
        views = self.flat.views(self.flat.values)
        return {path: _description(v) for path, v in zip(self.flat.shapes, views, strict=True)}

    def exchange(self) -> None:
        """Give each rank the others' shards of the parameters."""
        self.flat.exchange()
        self.mark()

    def mark(self) -> None:
        """Tell PyTorch that its tensors have been written."""
        for tensor in self.tensors:
            _core.mark_written(tensor)


def _description(array: NDArray[Any]) -> str:
    return f"{array.dtype.name} of shape {array.shape}"


def _adoptable(params: Any) -> list[tuple[str, Any, NDArray[Any]]]:
    """Return path, leaf and array of each parameter, if all can be adopted."""
    leaves = _core.views(params, "params", True)
    if not leaves:
        raise ValueError("params has no arrays; at least one is wanted")
    seen: dict[int, str] = {}
    for path, leaf, array in leaves:
        if not isinstance(array, np.ndarray) or array.dtype.name not in STORAGE:
            what = f"of {array.dtype}" if isinstance(array, np.ndarray) else repr(leaf)
            raise TypeError(
                f"params[{path!r}] is {what}; an array of {', '.join(STORAGE)} is wanted"
            )
        if leaf is not array and not hasattr(leaf, "data"):
            raise TypeError(
                f"params[{path!r}] is {type(leaf).__name__}; an array of NumPy or a tensor of "
                "PyTorch is wanted"
            )
        if array.dtype != (first := leaves[0][2].dtype):
            raise TypeError(
                f"params[{path!r}] is {array.dtype}, and params[{leaves[0][0]!r}] is {first}; one "
                "dtype for all is wanted"
            )
        if id(leaf) in seen:
            raise ValueError(
                f"params[{path!r}] is params[{seen[id(leaf)]!r}]; each array once is wanted"
            )
        seen[id(leaf)] = path
    _check_apart(leaves)
    return leaves


def _check_apart(leaves: list[tuple[str, Any, NDArray[Any]]]) -> None:
    """Raise where two parameters share elements, which would be two afterwards."""
    end, last = 0, leaves[0]
    for leaf in sorted((leaf for leaf in leaves if leaf[2].size), key=lambda leaf: _span(leaf[2])):
        first, after = _span(leaf[2])
        if first < end and np.shares_memory(leaf[2], last[2]):
            raise ValueError(
                f"params[{last[0]!r}] and params[{leaf[0]!r}] share memory; each its own is wanted"
            )
        if after > end:
            end, last = after, leaf


def _span(array: NDArray[Any]) -> tuple[int, int]:
    """Where the bytes of an array begin and end."""
    steps = [(n - 1) * s for n, s in zip(array.shape, array.strides, strict=True)]
    first = int(array.__array_interface__["data"][0])
    after = first + sum(s for s in steps if s > 0) + array.itemsize
    return first + sum(s for s in steps if s < 0), after


explain(__name__)
