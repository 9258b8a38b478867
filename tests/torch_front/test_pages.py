"""What the pages show of schuss.torch runs: the examples of its page, and the whole scripts."""

from __future__ import annotations

import re
import runpy

import pytest

from docs import snippets

torch = pytest.importorskip("torch")


@pytest.mark.filterwarnings("default")  # the tools warn of each other
def test_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = snippets.HERE / "from_pytorch.md"
    assert any("schuss.torch.minimize" in block for block in snippets.blocks(page, "python"))
    snippets.run_python(page)


@pytest.fixture
def figures(capsys):
    """The numbers that a script prints, and all of it."""
    threads = torch.get_num_threads()

    def run(script, pattern):
        runpy.run_path(str(snippets.HERE / "scripts" / script))
        out = capsys.readouterr().out
        return [float(number) for number in re.findall(pattern, out)], out

    yield run
    torch.set_num_threads(threads)


def test_digits_are_read(figures):
    pytest.importorskip("sklearn")
    accuracies, _ = figures("digits.py", r"accuracy ([\d.]+)%")
    assert len(accuracies) == 20
    assert accuracies[-1] > 93


def test_characters_are_learned(figures):
    losses, out = figures("characters.py", r"loss ([\d.]+)")
    assert len(losses) == 6
    assert losses[-1] < 2.3 < losses[0]
    assert len(out.partition("The ")[2]) >= 200
