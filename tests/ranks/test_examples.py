"""The scripts that pages show: the same losses on every number of ranks."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from docs.snippets import HERE
from tests.ranks.test_processes import MPIEXEC, environment, needs_mpi, needs_torch

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
# What torchrun sets for a rank that is alone.
ALONE = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}


def printed(script, ranks, *arguments):
    """The lines that a script prints; a rank that is alone needs no launcher."""
    program = [HERE / "scripts" / script, *arguments]
    if ranks == 1:
        command, more = [sys.executable, *program], ALONE
    elif "torch" in script:
        command, more = [*TORCHRUN, str(ranks), *program], {}
    else:
        command, more = [MPIEXEC, "-n", str(ranks), sys.executable, *program], {}
    done = subprocess.run(
        command, env=environment() | more, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("script", "ranks"),
    [
        pytest.param("digits_mpi.py", (4, 2), marks=needs_mpi),
        pytest.param("digits_torchrun.py", (2, 1), marks=needs_torch),
    ],
)
def test_losses_are_those_of_one_rank_to_the_last_digit(script, ranks, tmp_path):
    """In a run that is ended and goes on, on other ranks, too."""
    pytest.importorskip("sklearn")
    alone = printed(script, 1, "--epochs", "4")
    folder = "--checkpoint", tmp_path / "digits"
    begun = printed(script, ranks[0], "--epochs", "2", *folder)
    assert begun + printed(script, ranks[1], "--epochs", "4", *folder) == alone
    assert [int(n) for n in re.findall(r"epoch +(\d+)", "".join(alone))] == [1, 2, 3, 4]
    losses = [float(loss) for loss in re.findall(r"loss (\d\.\d{10,})", "".join(alone))]
    assert losses == sorted(losses, reverse=True)
    assert float(re.search(r"accuracy ([\d.]+)%", alone[-1])[1]) > 85


@needs_mpi
def test_the_page_runs_on_two_ranks(tmp_path):
    code = "from docs import snippets; snippets.run_python(snippets.HERE / 'ranks.md')"
    done = subprocess.run(
        [MPIEXEC, "-n", "2", sys.executable, "-c", code],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "checkpoint" / "meta.safetensors").exists()
