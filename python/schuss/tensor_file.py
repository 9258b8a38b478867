"""Named arrays and metadata in one file that is whole or refused: safetensors, with a hash.

A file is the length N of its header (8 bytes, little-endian), the header (N bytes of JSON, padded
with spaces to a multiple of 8) and the data: little-endian, in C order, without gaps::

    {"__metadata__": {"schuss.sha256": "...", ...}, name: {"dtype", "shape", "data_offsets"}, ...}

The hash is the first entry, so that it lies at the same place in every file. It is the SHA-256 of
all bytes, with 64 zeros in its own place.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from io import BufferedReader
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CheckpointError", "Path", "known_dtype", "path_text", "read", "storable", "write"]

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

# The words of the format, by NumPy's names. ml_dtypes registers bfloat16 and the float8 types.
CODES = {
    "float64": "F64",
    "int64": "I64",
    "uint64": "U64",
    "float32": "F32",
    "int32": "I32",
    "uint32": "U32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int16": "I16",
    "uint16": "U16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
NAMES = {code: name for name, code in CODES.items()}

HASH = "schuss.sha256"
START = f'{{"__metadata__":{{"{HASH}":"'.encode()
BLANK = b"0" * 64
LONGEST_HEADER = 100_000_000  # the safetensors package refuses longer ones
PIECE = 1 << 20  # bytes that are read or written, and hashed while they are in cache


class CheckpointError(ValueError):
    """A file that is no whole checkpoint: cut, changed, or of another program or format.

    Example:
        >>> import tempfile
        >>> import schuss
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     _ = file.write(b"something else")
        ...     file.flush()
        ...     try:
        ...         schuss.load(file.name)
        ...     except schuss.CheckpointError:
        ...         print("refused")
        refused
    """


def path_text(path: Path) -> str:
    """Return a path as a string, or raise an error that names it."""
    try:
        return os.fsdecode(path)
    except TypeError:
        raise TypeError(f"path is {path!r}; a string or a path is wanted") from None


def known_dtype(name: str) -> np.dtype[Any]:
    """Return the dtype of a name, or an ImportError where ml_dtypes has to be imported first."""
    if name not in CODES:
        raise ValueError(f"{name!r} is no dtype of the format")
    try:
        return np.dtype(name)
    except TypeError:
        raise ImportError(
            f"the file has an array of dtype {name}, which NumPy knows once ml_dtypes has been "
            "imported: import ml_dtypes first"
        ) from None


def storable(dtype: np.dtype[Any]) -> bool:
    """Whether the format has a word for it, whatever its byte order."""
    return dtype.name in CODES


# -- writing ---------------------------------------------------------------------------------------


def write(
    path: str,
    tensors: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str],
    check: Callable[[], None],
) -> None:
    """Write a file in the place of another: after an error, or a crash, the old one is there.

    Args:
        path: of the file; a link is followed.
        tensors: arrays of any layout and byte order, whose dtypes are `storable`.
        metadata: more than the hash.
        check: called when all is read; what it raises leaves the old file.
    """
    entries: dict[str, Any] = {"__metadata__": {HASH: BLANK.decode(), **metadata}}
    # Large items first: each tensor is then aligned to its items.
    ordered = sorted(tensors.items(), key=lambda item: -item[1].itemsize)
    end = 0
    for name, array in ordered:
        entries[name] = {
            "dtype": CODES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [end, end + array.nbytes],
        }
        end += array.nbytes
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > LONGEST_HEADER:
        raise ValueError(
            f"names and values that are no arrays take {len(header)} bytes; at most "
            f"{LONGEST_HEADER} are wanted: put many numbers into an array"
        )
    start = len(header).to_bytes(8, "little") + header
    with _replacement(path) as file:
        digest = hashlib.sha256(start)
        file.write(start)
        for _, array in ordered:
            for piece in _pieces(array):
                digest.update(piece)
                file.write(piece)
        check()
        file.seek(8 + len(START))
        file.write(digest.hexdigest().encode())


def _pieces(array: NDArray[Any]) -> Iterator[memoryview]:
    """The bytes of an array in the file; views of it where it has them like that."""
    for piece in np.nditer(  # type: ignore[call-overload]  # its stubs lack "contig"
        array,
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=[["readonly", "contig"]],
        order="C",
        op_dtypes=[array.dtype.newbyteorder("<")],
        casting="equiv",
        buffersize=PIECE // array.itemsize,
    ):
        yield np.atleast_1d(piece).view(np.uint8).data


@contextmanager
def _replacement(path: str) -> Iterator[BinaryIO]:
    """A new file, which takes the place of the old one when the block ends well."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.basename(path) and not os.path.isdir(target):
        raise OSError(errno.EISDIR, "this names a folder; a file is wanted", path)
    if os.path.islink(target):  # realpath gives up
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "the folder does not exist", folder)
    old = os.stat(target) if os.path.exists(target) else None
    if old and not stat.S_ISREG(old.st_mode):
        raise OSError(errno.EINVAL, "this is no ordinary file, and is not replaced", target)
    if old and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)
    mode = stat.S_IMODE(old.st_mode) if old else 0o666  # less the umask
    temporary = os.path.join(folder, f".schuss-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb", opener=partial(os.open, mode=mode)) as file:
            if old:
                os.chmod(temporary, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Have the new name on the disk too, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(descriptor)


# -- reading ---------------------------------------------------------------------------------------


def read(path: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the tensors and the metadata of a file that `write` has written.

    Raises:
        CheckpointError: a file that is not whole. Its hash is compared before anything is used of
            it but its length, where its tensors lie.
        ImportError: a tensor of a dtype that only ml_dtypes knows, which nobody has imported.
    """
    if os.path.isdir(path):
        raise CheckpointError(f"{path} is a folder; a checkpoint is wanted")
    with open(path, "rb") as file:
        try:
            return _read(file)
        except (OSError, ImportError, MemoryError):
            raise
        except Exception as error:  # there is no end of what a damaged header may be
            what = str(error) if isinstance(error, CheckpointError) else "its header is damaged"
            raise CheckpointError(f"{path} is no whole checkpoint: {what}") from error


def _read(file: BufferedReader) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    size = os.fstat(file.fileno()).st_size
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > size - 8:
        raise CheckpointError(f"it ends after {size} bytes, within its header")
    header = file.read(length) if length <= LONGEST_HEADER else b""
    if not header.startswith(START):
        raise CheckpointError(
            "it does not begin as a file of schuss.save: something else wrote it, or it is damaged"
        )
    entries = json.loads(header, object_pairs_hook=_unique)
    metadata = entries.pop("__metadata__")
    end = 0
    for entry in sorted(entries.values(), key=lambda entry: entry["data_offsets"]):
        begin, after = entry["data_offsets"]
        if any(type(k) is not int or k < 0 for k in (begin, after, *entry["shape"])):
            raise CheckpointError("a shape or an offset in its header is no whole number")
        if begin != end or after < begin:
            raise CheckpointError("the tensors in its header overlap, or leave gaps")
        end = after
    if (wanted := 8 + length + end) != size:
        raise CheckpointError(f"it has {size} bytes, and {wanted} are wanted by its header")
    at = len(START)
    digest = hashlib.sha256(start)
    digest.update(header[:at] + BLANK + header[at + len(BLANK) :])
    memory: dict[str, NDArray[Any]] = {}
    for name in sorted(entries, key=lambda name: entries[name]["data_offsets"]):
        begin, after = entries[name]["data_offsets"]
        memory[name] = np.empty(after - begin, np.uint8)
        for first in range(0, after - begin, PIECE):
            piece = memory[name][first : first + PIECE].data
            if file.readinto(piece) != piece.nbytes:
                raise CheckpointError("it became shorter while it was read")
            digest.update(piece)
    if digest.hexdigest().encode() != header[at : at + len(BLANK)]:
        raise CheckpointError("a byte in it was changed: its SHA-256 is not the one it should be")
    return {name: _tensor(entries[name], m) for name, m in memory.items()}, metadata


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CheckpointError("a name stands twice in its header")
    return found


def _tensor(entry: Mapping[str, Any], memory: NDArray[Any]) -> NDArray[Any]:
    dtype = known_dtype(NAMES[entry["dtype"]])
    tensor: NDArray[Any] = memory.view(dtype.newbyteorder("<")).reshape(entry["shape"])
    return tensor.astype(dtype, copy=False)
