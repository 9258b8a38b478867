"""A file of results that grows by a line of JSON each, so that work can go on where it stopped."""

from __future__ import annotations

import json
import sys
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["ResultsFile"]

FORMAT = 1
KINDS: dict[str, Any] = {
    "optimizer": str,
    "settings": dict,
    "score": (int, float, type(None)),
    "seconds": (int, float),
}

if sys.platform == "win32":
    import msvcrt

    def _lock(file: FileIO) -> None:
        file.seek(2**30)  # what is locked cannot be read by others; nothing is there
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: FileIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class ResultsFile:
    """The trials of one experiment: `with ResultsFile(path, experiment) as file: file.add(entry)`.

    The first line says what the results depend on; each other one is a trial, written as soon as
    it ends. A last line without an end is what was being written when the work was stopped; it is
    forgotten. The file is locked while it is open; the lock ends with its process.

    Args:
        path: None keeps nothing.
        experiment: plain values that JSON gives back as they are.

    Attributes:
        entries: what the file held when it was opened, in the order of its lines.

    Raises:
        ValueError: a file of something else, of another experiment, or that is in use.
    """

    def __init__(self, path: str | Path | None, experiment: dict[str, Any]) -> None:
        self.entries: list[dict[str, Any]] = []
        self._file: FileIO | None = None
        if path is None:
            return
        path = Path(path)
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError(f"results_file: {path} cannot be written")
        self._file = path.open("a+b", buffering=0)
        try:
            self._begin(path, experiment)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, path: Path, experiment: dict[str, Any]) -> None:
        """Take hold of the file, read what is there, and begin a new one with its first line."""
        assert self._file is not None
        try:
            _lock(self._file)
        except (BlockingIOError, PermissionError) as error:
            raise ValueError(
                f"results_file: {path} is in use by another search; name another file, or wait"
            ) from error
        header = _line({"schuss search": FORMAT, "experiment": experiment})
        self._file.seek(0)
        content = self._file.readall()
        whole = content[: content.rfind(b"\n") + 1]
        if whole:
            self.entries = _read(path, whole, experiment)
        elif not header.startswith(content):
            raise ValueError(f"results_file: {path} is no file of schuss search")
        self._file.truncate(len(whole))
        if not whole:
            self._append(header)

    def add(self, entry: dict[str, Any]) -> None:
        """Write one more line."""
        if self._file is not None:
            self._append(_line(entry))

    def _append(self, line: bytes) -> None:
        assert self._file is not None
        while line:
            line = line[self._file.write(line) :]

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()


def _read(path: Path, content: bytes, experiment: dict[str, Any]) -> list[dict[str, Any]]:
    """The trials of a file, which must be of this experiment."""
    header, *entries = (_parse(path, *line) for line in enumerate(content.splitlines(), start=1))
    if not isinstance(header, dict) or header.get("schuss search") != FORMAT:
        raise ValueError(f"results_file: {path} is no file of schuss search")
    there = header.get("experiment")
    if there != experiment:
        other = there if isinstance(there, dict) else {}
        names = [key for key in {**experiment, **other} if other.get(key) != experiment.get(key)]
        raise ValueError(
            f"results_file: {path} is of another experiment: "
            + ", ".join(f"{n} is {experiment.get(n)!r}, there {other.get(n)!r}" for n in names)
            + "; name another file, or remove it"
        )
    for number, entry in enumerate(entries, start=2):
        if not isinstance(entry, dict) or entry.keys() != KINDS.keys():
            raise ValueError(f"results_file: {path}, line {number} is no trial")
        for key, kind in KINDS.items():
            if not isinstance(entry[key], kind) or _is_nested(entry[key]):
                raise ValueError(f"results_file: {path}, line {number}: {key} is {entry[key]!r}")
    return entries


def _parse(path: Path, number: int, line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ValueError(f"results_file: {path}, line {number} is no JSON") from error


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(v, (dict, list)) for v in value.values())


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, allow_nan=False).encode() + b"\n"
