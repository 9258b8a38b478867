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
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from tests.ranks import fits
from tests.ranks.threads import on_ranks
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


@contextmanager
def started(*arguments):
    """A job, which has ended after the block."""
    job = subprocess.Popen(
        command(*arguments),
        env=environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with job:
        try:
            yield job
        finally:
            with suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)


def results(*arguments):
    """What each rank has printed as its result."""
    with started(*arguments) as job:
        output, _ = job.communicate(timeout=120)
    assert job.returncode == 0, output
    return [json.loads(text) for text in re.findall(r"<result>(.*?)</result>", output)]


@pytest.mark.parametrize("engine", ENGINES)
def test_bits_are_those_of_one_process(engine):
    [fitted] = on_ranks(1, fits.hashes)
    wanted = [{rule: hashes(rule, np.float32) for rule in RULES}, fitted]
    assert results(engine, 4, "rules_and_fits") == [wanted] * 4


@needs_mpi
def test_checkpoints_load_on_any_number_of_ranks(tmp_path):
    wanted = {rule: hashes(rule, np.float32) for rule in RULES}
    for saved, loaded in ((4, 2), (2, 4)):
        folder = tmp_path / f"{saved}-{loaded}"
        results("mpi", saved, "all_rules", "", folder)
        assert results("mpi", loaded, "all_rules", folder) == [wanted] * loaded


def wait_for(files, folder):
    """Wait until so many ranks have noted which process they are; return these."""
    deadline = time.monotonic() + 60.0
    while len(found := sorted(folder.glob("pid-*"))) < files:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return [int(file.read_text()) for file in found]


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
            with started("mpi", 2, "resumable", folder) as job:
                pids = wait_for(2, folder)
                time.sleep(draw.uniform(0.0, 0.2))
                with suppress(ProcessLookupError):
                    os.kill(draw.choice(pids), signal.SIGKILL)
                    kills += 1
                job.communicate(timeout=60)
            left -= 1
        assert results("mpi", 2, "resumable", folder) == [wanted] * 2
    print(f"{kills} kills")
    assert kills > 0


ENDINGS = {
    "shape": r"rank 1: grads\['u'\] has shape \(132, 129\); \(133, 129\) is wanted",
    "exception": "ArithmeticError: in the user's code",
    "killed": "Killed|SIGKILL|Signal 9",
    "interrupted": "KeyboardInterrupt|SIGINT|Interrupt",
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("how", ENDINGS)
def test_a_rank_that_fails_ends_the_job(how, engine, tmp_path):
    """As often as SCHUSS_FAILURES says."""
    for k in range(int(os.environ.get("SCHUSS_FAILURES", "1"))):
        folder = tmp_path / str(k)
        folder.mkdir()
        with started(engine, 2, "failing", how, folder) as job:
            pids = wait_for(2, folder)
            if how in ("killed", "interrupted"):
                while not (folder / "running").exists():
                    time.sleep(0.01)
                victim, with_what = {
                    "killed": (pids[1], signal.SIGKILL),
                    "interrupted": (job.pid, signal.SIGINT),
                }[how]
                os.kill(victim, with_what)
            deadline = time.monotonic() + LIMIT
            output, _ = job.communicate(timeout=LIMIT)
            while any(map(runs, pids)):
                assert time.monotonic() < deadline
                time.sleep(0.01)
        assert job.returncode != 0
        assert re.search(ENDINGS[how], output), output
        if engine == "mpi" and how in ("shape", "exception"):
            assert "of 2 ends all ranks after this error" in output
