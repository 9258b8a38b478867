"""Ranks that are processes: the bits over MPI and gloo, and how a job ends when a rank fails."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.ranks.training import RULES, crc, hashes, whole

ROOT = Path(__file__).parents[2]
PROGRAM = ["-m", "tests.ranks.training"]
LIMIT = 10.0  # seconds in which all ranks have ended


MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent))


def has(module):
    return importlib.util.find_spec(module) is not None


needs_mpi = pytest.mark.skipif(not (has("mpi4py") and MPIEXEC), reason="no mpi4py, or no mpiexec")
needs_torch = pytest.mark.skipif(not has("torch"), reason="no torch")
ENGINES = [pytest.param("mpi", marks=needs_mpi), pytest.param("gloo", marks=needs_torch)]


def command(engine, ranks, *arguments):
    """What starts the program on so many ranks."""
    if engine == "mpi":
        return [MPIEXEC, "-n", str(ranks), sys.executable, *PROGRAM, engine, *map(str, arguments)]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    return [sys.executable, *launcher, *PROGRAM, engine, *map(str, arguments)]


def environment():
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "error",
        "TORCHELASTIC_ERROR_FILE": "",
    }


def started(*arguments, **keywords):
    return subprocess.Popen(
        command(*arguments),
        env=environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **keywords,
    )


def results(*arguments):
    """What each rank has printed last."""
    job = started(*arguments)
    output, _ = job.communicate(timeout=120)
    assert job.returncode == 0, output
    found = re.findall(r"<result>(.*?)</result>", output)
    return [json.loads(text) for text in found]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("ranks", [2, 4])
def test_bits_are_those_of_one_whole_optimizer(engine, ranks):
    wanted = {rule: hashes(rule, np.float32) for rule in RULES}
    assert results(engine, ranks, "all_rules") == [wanted] * ranks


@needs_mpi
def test_checkpoints_load_on_any_number_of_ranks(tmp_path):
    wanted = {rule: hashes(rule, np.float32) for rule in RULES}
    for saved, loaded in ((4, 2), (2, 4), (4, 1)):
        folder = tmp_path / f"{saved}-{loaded}"
        results("mpi", saved, "all_rules", "", folder)
        assert results("mpi", loaded, "all_rules", folder) == [wanted] * loaded


def wait_for(files, folder):
    deadline = time.monotonic() + 60.0
    while len(list(folder.glob("pid-*"))) < files:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def runs(pid):
    """Whether a process is there, and has not ended with nobody to hear of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@needs_mpi
def test_killed_runs_go_on_with_the_same_bits(tmp_path):
    """A rank is killed as often as SCHUSS_KILLS says, at random moments."""
    wanted = crc(whole("NAdam", np.float32, steps=40)[0])
    draw = random.Random(7)
    kills, left = 0, int(os.environ.get("SCHUSS_KILLS", "5"))
    while left > 0:
        folder = tmp_path / str(left)
        folder.mkdir()
        for _ in range(min(left, 3)):
            for file in folder.glob("pid-*"):
                file.unlink()
            job = started("mpi", 2, "resumable", folder)
            wait_for(2, folder)
            time.sleep(draw.uniform(0.0, 0.2))
            victim = draw.choice(sorted(folder.glob("pid-*")))
            if job.poll() is None:
                os.kill(int(victim.read_text()), signal.SIGKILL)
            job.communicate(timeout=60)
            kills += job.returncode != 0
            left -= 1
        assert results("mpi", 2, "resumable", folder) == [wanted] * 2
    assert kills > 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("how", ["shape", "exception", "killed", "interrupted"])
def test_a_rank_that_fails_ends_the_job(how, engine, tmp_path):
    if engine == "gloo" and how == "interrupted":
        pytest.skip("torchrun's own")
    for _ in range(int(os.environ.get("SCHUSS_FAILURES", "1"))):
        for file in tmp_path.glob("*"):
            file.unlink()
        job = started(engine, 2, "failing", how, tmp_path)
        wait_for(2, tmp_path)
        pids = [int(file.read_text()) for file in sorted(tmp_path.glob("pid-*"))]
        if how in ("killed", "interrupted"):
            while not (tmp_path / "running").exists():
                time.sleep(0.01)
            if how == "killed":
                os.kill(pids[1], signal.SIGKILL)
            else:
                job.send_signal(signal.SIGINT)
        output, _ = job.communicate(timeout=LIMIT)
        assert job.returncode != 0
        assert not any(map(runs, pids))
        for text in {
            "shape": ["rank 1: grads['u'] has shape (132, 129); (133, 129) is wanted"],
            "exception": ["ArithmeticError: in the user's code", "rank 1 of 2 ends all ranks"],
            "killed": ["Killed|SIGKILL|Signal 9"],
            "interrupted": ["KeyboardInterrupt"],
        }[how]:
            if engine == "mpi" or "ends all" not in text:
                assert any(part in output for part in text.split("|")), output
