"""Files of checkpoints: one that is not whole is refused; writing one is all or nothing."""

from __future__ import annotations

import errno
import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest
import schuss
from schuss import tensor_file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


@pytest.fixture
def content(path, rng):
    """The bytes of a small checkpoint with all kinds of things in it."""
    params = {"w": rng.standard_normal((20, 9)), "b": rng.standard_normal(5).astype(np.float32)}
    opt = schuss.AdamW(schuss.schedules.cosine(0.1, 10))
    opt.step(params, {"w": np.ones((20, 9)), "b": np.ones(5)})
    schuss.save(path, params=params, optimizer=opt, solver=schuss.BFGS(np.ones(3)), epoch=3)
    return path.read_bytes()


def header_of(content):
    return 8 + int.from_bytes(content[:8], "little")


def refused(path, content, words="is no whole checkpoint"):
    path.write_bytes(content)
    with pytest.raises(schuss.CheckpointError, match=words) as caught:
        schuss.load(path)
    assert str(path) in str(caught.value)
    return True


# -- damage ----------------------------------------------------------------------------------------


def test_every_byte_of_the_header_counts(path, content):
    flips = itertools.cycle((0x01, 0x20, 0xFF))
    for k, flip in zip(range(header_of(content)), flips, strict=False):
        damaged = bytearray(content)
        damaged[k] ^= flip
        assert refused(path, bytes(damaged))


def test_every_bit_of_the_data_counts(path, content, rng):
    begin = header_of(content)
    for bit in rng.integers(8 * begin, 8 * len(content), 1000):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        assert refused(path, bytes(damaged), "a byte in it was changed")


def test_a_file_that_was_cut(path, content):
    lengths = {len(content) * k // 100 for k in range(100)} | {0, 1, 7, 8, 9, len(content) - 1}
    for length in lengths:
        assert refused(path, content[:length], "ends after|bytes, and .* are wanted")


def test_a_file_with_more_behind_it(path, content):
    for more in (b"\0", b"12345678", content):
        assert refused(path, content + more, "are wanted by its header")


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
def test_any_length_of_the_header(length, path, content):
    assert refused(path, length.to_bytes(8, "little") + content[8:])


def test_other_files(path, tmp_path, rng):
    assert refused(path, b"", "ends after 0 bytes")
    assert refused(path, b"{}", "ends after 2 bytes")
    assert refused(path, rng.bytes(5000))
    assert refused(path, b"PK\x03\x04" + bytes(100))
    foreign = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    file = len(foreign).to_bytes(8, "little") + foreign + bytes(4)
    assert refused(path, file, "something else wrote it")
    with pytest.raises(schuss.CheckpointError, match="is a folder"):
        schuss.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        schuss.load(tmp_path / "none")
    with pytest.raises(TypeError, match="path is 3; a string or a path is wanted"):
        schuss.load(3)


HEADERS = {
    "overlap": lambda e: e["a"].update(data_offsets=[0, 24]) or e["b"].update(data_offsets=[8, 24]),
    "one place twice": lambda e: e["b"].update(data_offsets=[0, 16]),
    "gap": lambda e: e["b"].update(data_offsets=[32, 48]),
    "backwards": lambda e: e["a"].update(data_offsets=[16, 0]),
    "text": lambda e: e["a"].update(data_offsets=["0", "16"]),
    "none": lambda e: e["a"].pop("data_offsets"),
    "no dict": lambda e: e.update(a=5),
    "negative": lambda e: e["a"].update(data_offsets=[-8, 16]),
    "dtype": lambda e: e["a"].update(dtype="F31"),
    "shape": lambda e: e["a"].update(shape=[3]),
    "negative shape": lambda e: e["a"].update(shape=[-1]),
    "bool offsets": lambda e: e["a"].update(data_offsets=[False, 16]),
    "no shape": lambda e: e["a"].update(shape=None),
    "float shape": lambda e: e["a"].update(shape=[2.0]),
    "huge shape": lambda e: e["a"].update(shape=[0, 2**70]),
    "metadata": lambda e: e["__metadata__"].pop("schuss.checkpoint"),
    "no metadata": lambda e: e["__metadata__"].update({"schuss.checkpoint": 5}),
}


@pytest.mark.parametrize("spoil", HEADERS)
def test_headers_made_to_harm(spoil, path, monkeypatch):
    """Their hash is right, but not what they say."""
    real = json.dumps

    def dumps(value, **keywords):
        if isinstance(value, dict) and "__metadata__" in value:
            HEADERS[spoil](value)
        return real(value, **keywords)

    monkeypatch.setattr(tensor_file.json, "dumps", dumps)
    schuss.save(path, a=np.zeros(2), b=np.ones(2), c=np.ones(2))
    monkeypatch.undo()
    with pytest.raises(schuss.CheckpointError):
        schuss.load(path)


@pytest.mark.parametrize(
    "again",
    [
        '"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}',
        '"__metadata__":{"schuss.sha256":"0"}',
    ],
)
def test_a_name_that_stands_twice(again, path, monkeypatch):
    """Readers differ in which one they take; the hash is right."""
    real = json.dumps

    def dumps(value, **keywords):
        text = real(value, **keywords)
        inner = not (isinstance(value, dict) and "__metadata__" in value)
        return text if inner else f"{text[:-1]},{again}}}"

    monkeypatch.setattr(tensor_file.json, "dumps", dumps)
    schuss.save(path, a=np.zeros(2))
    monkeypatch.undo()
    with pytest.raises(schuss.CheckpointError, match="stands twice"):
        schuss.load(path)


def test_a_file_of_the_safetensors_package(path):
    package = pytest.importorskip("safetensors.numpy")
    for metadata in (None, {"schuss.sha256": "0" * 64}):
        package.save_file({"w": np.ones(3)}, path, metadata=metadata)
        with pytest.raises(schuss.CheckpointError, match="is no whole checkpoint"):
            schuss.load(path)


# -- all or nothing --------------------------------------------------------------------------------


def test_an_error_leaves_the_old_file(path, monkeypatch):
    schuss.save(path, a=np.zeros(5))
    before = path.read_bytes()

    def fails(*_):
        raise OSError(errno.ENOSPC, "no space left")

    for name in ("fsync", "replace", "chmod"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, fails)
            with pytest.raises(OSError, match="no space left"):
                schuss.save(path, a=np.ones(5))
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]


def test_what_is_no_file_is_not_replaced(tmp_path):
    with pytest.raises(OSError, match="no ordinary file"):
        schuss.save(tmp_path, a=1)
    with pytest.raises(FileNotFoundError, match="the folder does not exist"):
        schuss.save(tmp_path / "none" / "a", a=1)
    with pytest.raises(OSError, match="a file is wanted"):
        schuss.save(f"{tmp_path}{os.sep}new{os.sep}", a=1)
    assert os.listdir(tmp_path) == []


posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")


@posix
def test_permissions_are_those_of_any_file(path):
    before = os.umask(0o027)
    try:
        schuss.save(path, a=1)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o606)
        schuss.save(path, a=2)
        assert stat.S_IMODE(path.stat().st_mode) == 0o606
    finally:
        os.umask(before)
    assert schuss.load(path) == {"a": 2}


@posix
def test_a_link_is_followed(path, tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(os.path.join("there", "file"))
    for value in (1, 2):
        schuss.save(link, a=value)
        assert link.is_symlink()
        assert schuss.load(tmp_path / "there" / "file") == {"a": value}
    assert os.listdir(tmp_path / "there") == ["file"]


@posix
def test_paths_of_any_kind(path):
    for kind in (str(path), os.fsencode(path), path):
        schuss.save(kind, a=1)
        assert schuss.load(kind) == {"a": 1}
    long = path.with_name("x" * 255)
    schuss.save(long, a=1)
    assert schuss.load(long) == {"a": 1}


@posix
def test_a_link_to_itself_is_not_replaced(path):
    path.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        schuss.save(path, a=1)
    assert path.is_symlink()
    assert os.listdir(path.parent) == [path.name]


@posix
@pytest.mark.parametrize("name", ["...", "a b", "\u043a\u043b\u044e\u0447 \U0001f3bf", "-rf"])
def test_names_in_the_working_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    schuss.save(name, a=1)
    assert schuss.load(name) == {"a": 1}
    assert os.listdir() == [name]


FULL = """
import resource, sys, numpy as np, schuss
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    schuss.save(sys.argv[1], a=np.zeros(100_000))
except OSError:
    sys.exit(3)
"""


@posix
def test_a_disk_that_is_full(path):
    schuss.save(path, a=1)
    assert subprocess.run([sys.executable, "-c", FULL, str(path)], check=False).returncode == 3
    assert schuss.load(path) == {"a": 1}
    assert os.listdir(path.parent) == [path.name]


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_may_not_be_written(path):
    schuss.save(path, a=1)
    path.parent.chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            schuss.save(path, a=2)
    finally:
        path.parent.chmod(0o755)
    assert schuss.load(path) == {"a": 1}


TWICE = """
import sys, numpy as np, schuss
for k in range(40):
    schuss.save(sys.argv[1], params=[np.full(50_000, float(sys.argv[2]))] * 2, k=float(sys.argv[2]))
"""


@posix
def test_two_processes_save_to_one_path(path):
    schuss.save(path, params=[np.zeros(1)], k=0.0)
    commands = [[sys.executable, "-c", TWICE, str(path), k] for k in ("1", "2")]
    processes = [subprocess.Popen(command) for command in commands]
    while any(process.poll() is None for process in processes):
        found = schuss.load(path)
        assert all((array == found["k"]).all() for array in found["params"])
    assert [process.wait() for process in processes] == [0, 0]
    assert schuss.load(path)["k"] in (1, 2)
    assert os.listdir(path.parent) == [path.name]


SAVER = """
import sys, numpy as np, schuss
path, k = sys.argv[1], 0
print("ready", flush=True)
while True:
    k += 1
    schuss.save(path, params=[np.full(300_000, float(k)), np.full(300_000, float(k))], k=k)
"""


@posix
@pytest.mark.parametrize("kills", [int(os.environ.get("SCHUSS_TEST_KILLS", "10"))])
def test_killed_in_mid_save(kills, path, rng):
    """The file is whole after every kill; SCHUSS_TEST_KILLS=200 for more of them."""
    schuss.save(path, params=[np.zeros(3)], k=0)
    left = 0
    for _ in range(kills):
        command = [sys.executable, "-c", SAVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        found = schuss.load(path)
        assert all((array == found["k"]).all() for array in found["params"])
        for file in path.parent.glob(".schuss-*.tmp"):
            file.unlink()
            left += 1
    assert os.listdir(path.parent) == [path.name]
    print(f"{kills} kills, {left} of them while a file was being written")
