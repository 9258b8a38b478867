"""What the pages show of schuss.torch runs: the examples of its page, and the whole scripts."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from docs import snippets

pytest.importorskip("torch")


@pytest.mark.filterwarnings("default")  # the tools warn of each other
def test_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = snippets.HERE / "from_pytorch.md"
    assert any("schuss.torch.minimize" in block for block in snippets.blocks(page, "python"))
    snippets.run_python(page)


def figures(script, pattern):
    """The numbers that a script prints."""
    file = snippets.HERE / "scripts" / script
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [float(number) for number in re.findall(pattern, done.stdout)], done.stdout


def test_digits_are_read():
    pytest.importorskip("sklearn")
    accuracies, _ = figures("digits.py", r"accuracy ([\d.]+)%")
    assert len(accuracies) == 20
    assert accuracies[-1] > 93


def test_characters_are_learned():
    losses, out = figures("characters.py", r"loss ([\d.]+)")
    assert len(losses) == 6
    assert losses[-1] < 2.3 < losses[0]
    assert len(out.partition("The ")[2]) >= 200
