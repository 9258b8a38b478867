"""Checkpoints of many ranks: a folder of shards, and a list that makes them one checkpoint.

The list is the file `meta.safetensors`, which is replaced last: what it names is whole, and what it
does not name is left over from a run that was ended, and removed by the next `save`. The shards of
one checkpoint carry its token in their names and within, a range of the flat elements each.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from .. import checkpoint, tensor_file
from .agreement import Agreement
from .communicators import Communicator, allgather_bytes

__all__ = ["read_meta", "read_range", "save"]

META = "meta.safetensors"
SHARD = re.compile(r"shard-[0-9a-f]{16}-\d+\.safetensors")


def save(
    comm: Communicator,
    folder: tensor_file.Path,
    elements: tuple[int, int],
    own: dict[str, Any],
    whole: dict[str, Any],
) -> None:
    """Write a checkpoint, on all ranks together.

    Args:
        comm: of the ranks.
        folder: that all of them see; made where it is missing.
        elements: range of this rank's share.
        own: arrays of this range, in dicts, which become this rank's file.
        whole: what all ranks have, which rank 0 writes.
    """
    token = allgather_bytes(comm, os.urandom(8))[0].hex()
    names = [f"shard-{token}-{rank}.safetensors" for rank in range(comm.size)]
    path: Path | None = None
    try:
        with Agreement(comm):
            path = Path(tensor_file.path_text(folder))
            path.mkdir(parents=True, exist_ok=True)
            checkpoint.save(path / names[comm.rank], token=token, elements=elements, own=own)
        ranges = np.zeros((comm.size, 2), np.int64)
        ranges[comm.rank] = elements
        comm.allgather(ranges)
        with Agreement(comm):
            if comm.rank == 0:
                shards = [[name, *r] for name, r in zip(names, ranges.tolist(), strict=True)]
                if missing := [name for name in names if not (path / name).is_file()]:
                    raise FileNotFoundError(
                        f"{path} has not {missing}, which other ranks have written; a folder that "
                        "all ranks see is wanted"
                    )
                checkpoint.save(path / META, token=token, shards=shards, **whole)
    except Exception:  # no rank leaves a shard that no list names
        with suppress(OSError, ValueError):
            if path is not None and not _lists(path, names[comm.rank]):
                (path / names[comm.rank]).unlink()
        raise
    if comm.rank == 0:
        with suppress(OSError):
            for file in path.iterdir():
                if SHARD.fullmatch(file.name) and file.name not in names:
                    file.unlink(missing_ok=True)


def _lists(folder: Path, shard: str) -> bool:
    return (folder / META).is_file() and shard in [s[0] for s in read_meta(folder)["shards"]]


def _loaded(folder: Path, name: str) -> dict[str, Any]:
    try:
        return checkpoint.load(folder / name)
    except FileNotFoundError:
        raise checkpoint.CheckpointError(
            f"{folder} has no {name}; a folder of Sharded.save that is whole is wanted"
        ) from None


def read_meta(folder: Path) -> dict[str, Any]:
    """Return what `save` was given as `whole`, with the token and the list of shards."""
    found = _loaded(folder, META)
    if not {"token", "shards"} <= found.keys():
        raise checkpoint.CheckpointError(f"{folder / META} is no list of shards")
    return found


def read_range(folder: Path, meta: dict[str, Any], elements: slice) -> Any:
    """Return these elements of what `save` was given as `own`."""
    begin, end = elements.start, elements.stop
    shards = meta["shards"]
    found: list[dict[str, Any]] = []
    for name, first, after in [s for s in shards if begin < s[2] and s[1] < end] or shards[:1]:
        shard = _loaded(folder, name)
        if shard.get("token") != meta["token"]:
            raise checkpoint.CheckpointError(f"{folder / name} is of another checkpoint")
        cut = slice(max(begin - first, 0), max(min(end, after) - first, 0))
        found.append(_cut(shard["own"], cut))
    return _joined(found)


def _cut(tree: Any, part: slice) -> Any:
    if isinstance(tree, dict):
        return {name: _cut(value, part) for name, value in tree.items()}
    return tree[part]


def _joined(trees: list[Any]) -> Any:
    if isinstance(trees[0], dict):
        return {name: _joined([tree[name] for tree in trees]) for name in trees[0]}
    return np.concatenate(trees)
