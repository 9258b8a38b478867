"""Save and load: optimizers, parameters, solvers and what else a run needs, without pickle.

The arrays are the tensors of a file (`tensor_file`). All else is one string of JSON in its
metadata, in which an object is a dict with strings as keys and an array is a word with its
arguments: ["tuple", 1, 2], ["array", "params.w"], ["object", 0]. `_Encoder` and `_Decoder` list
the words. Objects are named from fixed lists, so that loading runs no code but ours.
"""

from __future__ import annotations

import dataclasses
import json
import math
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from . import optimizers, schedules, solvers, tensor_file
from .optimizers.base import Optimizer
from .solvers.base import STATE_FORMAT, Solver
from .tensor_file import CheckpointError, Path

__all__ = ["CheckpointError", "load", "save"]

FORMAT = "1"  # of all but the states of solvers, which have a number of their own
COMPLEX = ("complex64", "complex128")  # stored as pairs, which every reader knows
MAX_DEPTH = 200  # as for parameters: a container that holds itself ends here
WANTED = (
    "an array, a number, a string, bytes, None, a list, tuple or dict of them, or an optimizer, "
    "solver or schedule of schuss is wanted"
)
VALUE, FORMAT_KEY, VERSION = "schuss.checkpoint", "schuss.format", "schuss.version"


def save(
    path: Path,
    /,
    *,
    optimizer: Any = None,
    params: Any = None,
    solver: Any = None,
    **more: Any,
) -> None:
    """Write a checkpoint: one file with all that a run needs to be resumed bit for bit.

    It is a safetensors file, so that its arrays can be read elsewhere too, with a SHA-256 over all
    its bytes. It comes into being under another name in the same folder, reaches the disk, and only
    then takes the place of an older file: after a crash at any time either of them is there, whole.
    A process that is killed leaves a file `.schuss-*.tmp`, which may be removed.

    Args:
        path: of the file. A link is followed; a file that may not be written is not replaced.
        optimizer: an optimizer of schuss, or a list, tuple or dict of some. Settings, overrides,
            states and step count are saved, and schedules of `schuss.schedules` with their own
            state. Of any other callable only the place is kept: `load` asks for it.
        params: arrays in any structure, of the real or complex dtypes of NumPy up to float64 and
            complex128, and bfloat16, float8_e4m3fn and float8_e5m2 of ml_dtypes. Nothing is cast;
            byte order and layout are not kept.
        solver: a solver of schuss at any point of its run, or some.
        more: by names of your own, any of the above, and numbers, strings, bytes, None, and lists,
            tuples and dicts of all that. Subclasses of containers come back as plain ones.

    Memory beyond the arrays: a copy of the states of solvers.

    Raises:
        TypeError, ValueError: for what cannot be saved, before anything is written.
        RuntimeError: when an optimizer or a solver is at work in another thread, or an optimizer
            has taken a step since the call began. The old file stays.
        OSError: when the file cannot be written. The old file stays.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np, schuss
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = Path(folder.name) / "run.safetensors"
        >>> params = {"w": np.ones(3)}
        >>> opt = schuss.Adam(learning_rate=schuss.schedules.linear(0.1, total_steps=100))
        >>> opt.step(params, {"w": np.array([1.0, 2.0, 3.0])})
        >>> schuss.save(path, optimizer=opt, params=params, epoch=1)
        >>> found = schuss.load(path)
        >>> found["optimizer"].step_count, found["epoch"]
        (1, 1)
        >>> folder.cleanup()
    """
    from . import __version__

    target = tensor_file.path_text(path)
    named = {"optimizer": optimizer, "params": params, "solver": solver}
    values = {name: value for name, value in named.items() if value is not None} | more
    if not values:
        raise ValueError("there is nothing to save; optimizer, params, solver or more is wanted")
    encoder = _Encoder()
    document = {
        "values": encoder.value(values, ()),
        "objects": encoder.objects,
        "callables": encoder.callables,
    }
    metadata = {
        FORMAT_KEY: FORMAT,
        VERSION: __version__,
        VALUE: json.dumps(document, separators=(",", ":"), allow_nan=False),
    }
    tensor_file.write(target, encoder.tensors, metadata, encoder.check_moments)


def load(
    path: Path, *, schedules: Mapping[str, Callable[[int], float]] | None = None
) -> dict[str, Any]:
    """Read a checkpoint of `save`: a dict of the keywords that were saved.

    Arrays come back in their structure, with their dtypes and bits. Optimizers and solvers are
    objects that go on bit for bit where they were; an optimizer takes its states up again at its
    next step, with parameters of the structure that it had.

    Args:
        path: of the file.
        schedules: the callables that cannot be saved, such as functions of yours, by their places:
            {"learning_rate": f}, "overrides.*bias*.learning_rate" in overrides,
            "learning_rate.schedule_or_value" inside `warmup`; in front of it the keyword where an
            optimizer was not saved as `optimizer`. Without them the error lists the places.

    Raises:
        CheckpointError: a file that is not whole, or not of `save`, or of another format. Nothing
            of it is used.
        ValueError: callables are missing in `schedules`, or not asked for.
        ImportError: for arrays of ml_dtypes when nobody has imported it.
        OSError: when the file cannot be read.

    Example:
        >>> import tempfile
        >>> import numpy as np, schuss
        >>> solver = schuss.LBFGS(np.array([3.0, 4.0]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     while not solver.done:
        ...         x = solver.ask()
        ...         solver.tell(x @ x, 2 * x)
        ...         schuss.save(f"{folder}/fit.safetensors", solver=solver)
        ...         solver = schuss.load(f"{folder}/fit.safetensors")["solver"]  # a restart, say
        >>> solver.result().success
        True
    """
    source = tensor_file.path_text(path)
    given = {} if schedules is None else schedules
    if not isinstance(given, Mapping):
        raise TypeError(f"schedules is {schedules!r}; a dict of callables is wanted")
    for place, value in given.items():
        if not callable(value):
            raise TypeError(f"schedules[{place!r}] is {value!r}; a callable f(t) is wanted")
    tensors, metadata = tensor_file.read(source)
    if (came := metadata.get(FORMAT_KEY)) != FORMAT:
        raise CheckpointError(
            f"{source} has format {came}, of schuss {metadata.get(VERSION)}; format {FORMAT} is "
            "wanted"
        )
    with _restoring(source, metadata):
        document = json.loads(metadata[VALUE])
        saved, objects, values = (document[k] for k in ("callables", "objects", "values"))
    _check_callables(source, saved, given)
    with _restoring(source, metadata):
        decoder = _Decoder(tensors, given)
        for entry in objects:
            decoder.objects.append(decoder.value(entry))
        return dict(decoder.value(values))


@contextmanager
def _restoring(path: str, metadata: Mapping[str, str]) -> Iterator[None]:
    """Name the file in every error: its hash is right, so another schuss or program wrote it."""
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        raise CheckpointError(
            f"{path}, of schuss {metadata.get(VERSION)}, cannot be restored: {error}"
        ) from error


def _check_callables(path: str, saved: Mapping[str, str], given: Mapping[str, Any]) -> None:
    if missing := {place: text for place, text in saved.items() if place not in given}:
        asked = ", ".join(f"{place!r}: f" for place in missing)
        was = ", ".join(f"{place} was {text}" for place, text in missing.items())
        raise ValueError(
            f"{path} was saved with callables that are not in it ({was}); give them again: "
            f"load(path, schedules={{{asked}}})"
        )
    if unknown := [place for place in given if place not in saved]:
        raise ValueError(f"schedules has {unknown}; {path} asks for {list(saved) or 'nothing'}")


# -- from objects ----------------------------------------------------------------------------------


def _public_name(value: object, module: ModuleType) -> str | None:
    """The name under which a module has the class of a value, and no subclass of it."""
    name = type(value).__name__
    known = name in module.__all__ and getattr(module, name) is type(value)
    return name if known else None


class _Encoder:
    """Values as JSON; the arrays aside, in `tensors`, and each object once, in `objects`."""

    def __init__(self) -> None:
        self.tensors: dict[str, Any] = {}
        self.objects: list[Any] = []
        self.callables: dict[str, str] = {}
        self._known: dict[int, int] = {}
        self._moments: list[tuple[str, Optimizer, tuple[int, int]]] = []

    def value(self, value: Any, path: tuple[str, ...], ask: bool = False) -> Any:
        """Return the JSON of a value; `ask`: in which any callable may stand for a number."""
        if len(path) > MAX_DEPTH:
            raise ValueError(f"{path[0]} is nested more than {MAX_DEPTH} deep")
        kind = type(value)
        if value is None or kind in (bool, str):
            return value
        if kind is int:
            return value if abs(value) < 2**63 else ["int", hex(value)]
        if kind is float:
            bits = struct.pack(">d", value).hex()
            return value if math.isfinite(value) else ["float", bits]
        if kind is complex:
            return ["complex", self.value(value.real, path), self.value(value.imag, path)]
        if kind is bytes:
            return ["bytes", self._tensor(np.frombuffer(value, np.uint8), path)]
        if kind in (np.ndarray, np.memmap):
            return self._array(value, path)
        if isinstance(value, np.generic):
            self._check_dtype(value.dtype, path)
            return ["scalar", value.dtype.name, self.value(value.item(), path)]
        if isinstance(value, dict):
            pairs = [(k, self.value(v, (*path, str(k)), ask)) for k, v in value.items()]
            if all(type(key) is str for key, _ in pairs):
                return dict(pairs)
            return ["dict", *([self.value(k, (*path, str(k))), v] for k, v in pairs)]
        if isinstance(value, (list, tuple)):
            items = [self.value(v, (*path, str(k)), ask) for k, v in enumerate(value)]
            return ["list" if isinstance(value, list) else "tuple", *items]
        return self._object(value, path, ask)

    def _object(self, value: Any, path: tuple[str, ...], ask: bool) -> Any:
        if id(value) in self._known:
            return ["object", self._known[id(value)]]
        entry: list[Any]
        if name := _public_name(value, optimizers):
            arguments = self.value(value._arguments(), path, ask=True)
            self._moments.append((_label(path), value, value._moment()))
            state = value._state_dict(live=True)
            entry = ["optimizer", name, arguments, self.value(state, path)]
        elif name := _public_name(value, solvers):
            entry = ["solver", name, _state_format(), self.value(value._state(), path)]
        elif name := _public_name(value, schedules):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
            state = value.state_dict() if hasattr(value, "state_dict") else None
            entry = ["schedule", name, self.value(fields, path, ask=True), self.value(state, path)]
        elif ask and callable(value):
            return ["callable", self._callable(value, path)]
        else:
            cls = f"{type(value).__module__}.{type(value).__qualname__}"
            raise TypeError(f"{_label(path)} is of type {cls}; {WANTED}")
        self._known[id(value)] = len(self.objects)
        self.objects.append(entry)
        return ["object", self._known[id(value)]]

    def _callable(self, value: Any, path: tuple[str, ...]) -> str:
        place = ".".join(path[path[0] == "optimizer" :])
        if place in self.callables:
            raise ValueError(f"two callables have the place {place!r}; rename a key")
        self.callables[place] = getattr(value, "__qualname__", type(value).__qualname__)
        return place

    def _array(self, array: Any, path: tuple[str, ...]) -> Any:
        dtype = array.dtype
        self._check_dtype(dtype, path)
        if dtype.kind != "c":
            return ["array", self._tensor(array, path)]
        part = np.dtype(f"f{dtype.itemsize // 2}").newbyteorder(dtype.byteorder)
        return ["complex array", self._tensor(array[..., np.newaxis].view(part), path), dtype.name]

    def _tensor(self, array: Any, path: tuple[str, ...]) -> str:
        plain = ".".join(path).encode("utf-8", "replace").decode()
        name, count = plain, 1
        while name in self.tensors or name == "__metadata__":
            count += 1
            name = f"{plain}#{count}"
        self.tensors[name] = array
        return name

    @staticmethod
    def _check_dtype(dtype: np.dtype[Any], path: tuple[str, ...]) -> None:
        if dtype.name not in COMPLEX and not tensor_file.storable(dtype):
            raise TypeError(
                f"{_label(path)} has dtype {dtype}; bool, an integer, float16 to float64, "
                "complex64, complex128, bfloat16, float8_e4m3fn or float8_e5m2 is wanted"
            )

    def check_moments(self) -> None:
        """Refuse a file whose parameters or states may have changed while they were read."""
        for label, optimizer, moment in self._moments:
            if optimizer._moment() != moment:
                raise RuntimeError(
                    f"{label} took a step in another thread while it was saved, or was loaded; "
                    "save between steps"
                )


def _label(path: tuple[str, ...]) -> str:
    return path[0] + (f"[{'.'.join(path[1:])!r}]" if path[1:] else "")


def _state_format() -> list[Any]:
    return [STATE_FORMAT, sys.byteorder]


# -- and back --------------------------------------------------------------------------------------


class _Decoder:
    """Values from JSON, by a function for each word."""

    def __init__(self, tensors: dict[str, Any], callables: Mapping[str, Any]) -> None:
        self.objects: list[Any] = []
        self._tensors = tensors
        self._callables = callables

    def value(self, node: Any) -> Any:
        """Return the value of a node of JSON."""
        if isinstance(node, dict):
            return {key: self.value(child) for key, child in node.items()}
        if isinstance(node, list):
            word, *arguments = node
            return self.WORDS[word](self, *arguments)
        return node

    def _list(self, *items: Any) -> list[Any]:
        return [self.value(item) for item in items]

    def _scalar(self, dtype: str, value: Any) -> Any:
        known = np.dtype(dtype) if dtype in COMPLEX else tensor_file.known_dtype(dtype)
        return known.type(self.value(value))

    def _array(self, name: str) -> Any:
        return self._tensors.pop(name)  # each belongs to one place

    def _complex_array(self, name: str, dtype: str) -> Any:
        parts = self._array(name)
        return parts.view(np.dtype(dtype)).reshape(parts.shape[:-1])

    def _optimizer(self, name: str, arguments: Any, state: Any) -> Optimizer:
        cls = _public_class(name, optimizers, Optimizer)
        optimizer: Optimizer = cls(**self.value(arguments))
        optimizer._load(self.value(state), dict)
        return optimizer

    def _solver(self, name: str, format: Any, state: Any) -> Solver:
        cls = _public_class(name, solvers, Solver)
        if format != (wanted := _state_format()):
            raise ValueError(
                f"a solver's state has format {format}; {wanted} is wanted: finish its run with "
                "the schuss that saved it"
            )
        solver: Solver = cls._from_state(self.value(state))
        return solver

    def _schedule(self, name: str, arguments: Any, state: Any) -> Any:
        schedule = _public_class(name, schedules, object)(**self.value(arguments))
        if state is not None:
            schedule.load_state_dict(self.value(state))
        return schedule

    WORDS: Mapping[str, Callable[..., Any]] = {
        "list": _list,
        "tuple": lambda self, *items: tuple(self._list(*items)),
        "dict": lambda self, *pairs: {self.value(key): self.value(child) for key, child in pairs},
        "int": lambda _, text: int(text, 16),
        "float": lambda _, bits: struct.unpack(">d", bytes.fromhex(bits))[0],
        "complex": lambda self, real, imag: complex(self.value(real), self.value(imag)),
        "bytes": lambda self, name: bytes(self._array(name)),
        "scalar": _scalar,
        "array": _array,
        "complex array": _complex_array,
        "object": lambda self, k: self.objects[k],
        "callable": lambda self, place: self._callables[place],
        "optimizer": _optimizer,
        "solver": _solver,
        "schedule": _schedule,
    }


def _public_class(name: str, module: ModuleType, base: type) -> Any:
    cls = getattr(module, name) if name in module.__all__ else None
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise ValueError(f"{name!r} is no {module.__name__.rpartition('.')[2][:-1]} of this schuss")
    return cls
