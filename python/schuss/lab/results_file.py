"""A file of results that grows by a line of JSON each, so that work can go on where it stopped."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

__all__ = ["ResultsFile"]

FORMAT = 1
KINDS: dict[str, Any] = {
    "optimizer": str,
    "settings": dict,
    "score": (int, float, type(None)),
    "seconds": (int, float),
}


class ResultsFile:
    """The trials of one experiment: `with ResultsFile(path, experiment) as file: file.add(entry)`.

    The first line says what the results depend on; each other one is a trial, written as soon as
    it ends. A last line without an end is what was being written when the work was stopped; it is
    forgotten.

    Args:
        path: None keeps nothing.
        experiment: plain values that JSON gives back as they are.

    Attributes:
        entries: what the file held when it was opened, in the order of its lines.

    Raises:
        ValueError: a file of something else, or of another experiment.
    """

    def __init__(self, path: str | Path | None, experiment: dict[str, Any]) -> None:
        self.entries: list[dict[str, Any]] = []
        self._file: BinaryIO | None = None
        if path is None:
            return
        path = Path(path)
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError(f"results_file: {path} cannot be written")
        header = _line({"schuss search": FORMAT, "experiment": experiment})
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole:
            self.entries = _read(path, whole, experiment)
        elif not header.startswith(content):
            raise ValueError(f"results_file: {path} is no file of schuss search")
        self._file = path.open("r+b" if path.exists() else "xb", buffering=0)
        self._file.truncate(len(whole))
        self._file.seek(len(whole))
        if not whole:
            self._file.write(header)

    def add(self, entry: dict[str, Any]) -> None:
        """Write one more line."""
        if self._file is not None:
            self._file.write(_line(entry))

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
