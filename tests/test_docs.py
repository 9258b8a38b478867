"""Every example runs: in docstrings and in the README."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
import schuss

ROOT = Path(__file__).parents[1]
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(schuss.__path__, "schuss.")
    if not name.endswith(("_core", "__main__"))
]


@pytest.mark.parametrize("name", ["schuss", *MODULES])
def test_doctests(name):
    if name.startswith("schuss.lab"):
        for extra in ("matplotlib", "rich", "sklearn"):
            pytest.importorskip(extra)
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_modules_with_examples_have_them():
    finder = doctest.DocTestFinder()
    for name in ("optimizers.adam", "schedules", "initializers", "clipping", "batches", "config"):
        module = importlib.import_module(f"schuss.{name}")
        assert any(test.examples for test in finder.find(module)), name


def python_blocks(file):
    return re.findall(r"^```python\n(.*?)^```$", file.read_text(), re.MULTILINE | re.DOTALL)


def test_readme_examples_run(capsys):
    blocks = python_blocks(ROOT / "README.md")
    assert blocks
    with np.errstate(all="raise", under="ignore"):
        for block in blocks:
            exec(compile(block, "README.md", "exec"), {})
