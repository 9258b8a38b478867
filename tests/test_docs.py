"""Every example runs, and every public name has a page."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
import schuss

from docs import pages, pictures, snippets, table

ROOT = Path(__file__).parents[1]
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(schuss.__path__, "schuss.")
    if not name.endswith(("_core", "__main__"))
]


class Finder(doctest.DocTestFinder):
    """Looks into functions that `schuss.suggest` has wrapped, too."""

    def _from_module(self, module, object):
        return super()._from_module(module, inspect.unwrap(object))


@pytest.mark.parametrize("name", ["schuss", *MODULES])
def test_doctests(name):
    if name.startswith("schuss.lab"):
        for extra in ("matplotlib", "rich", "sklearn"):
            pytest.importorskip(extra)
    if name.startswith("schuss.torch") or name == "schuss.lab.torch_module":
        pytest.importorskip("torch")
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in Finder().find(module, name):
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_modules_with_examples_have_them():
    finder = Finder()
    for name in ("optimizers.adam", "schedules", "initializers", "clipping", "batches", "config"):
        module = importlib.import_module(f"schuss.{name}")
        assert any(test.examples for test in finder.find(module)), name


def test_readme_examples_run(capsys):
    blocks = snippets.blocks(ROOT / "README.md", "python")
    assert blocks
    with np.errstate(all="raise", under="ignore"):
        for block in blocks:
            exec(compile(block, "README.md", "exec"), {})


@pytest.mark.parametrize("file", ["README.md", "docs/from_pytorch.md"])
def test_the_loop_with_torch_trains(file):
    pytest.importorskip("torch")
    blocks = snippets.blocks(ROOT / file, "python")
    block = next(block for block in blocks if "import torch" in block)
    assert "zero_grad()" in block
    namespace = {}
    exec(compile(block, file, "exec"), namespace)
    assert namespace["loss"].item() < 1e-3


def test_pages_have_the_keywords_of_every_optimizer():
    common = inspect.signature(schuss.Optimizer).parameters
    assert list(pages.common()) == list(common)
    page = pages.optimizer_pages()["optimizers/adam.rst"]
    for name in common:
        assert f"- ``{name}``: " in page
    assert ":inherited-members:" in page


def test_help_on_an_argument_is_what_the_docstring_says_of_it():
    """And not what stands before it in a formula."""
    assert schuss.SGD.lr_in_velocity.__doc__ == (
        "multiply by η before the sum instead of after it."
    )
    assert schuss.Adamax.learning_rate.__doc__ == "η, at least 0."
    assert schuss.SGD.grad_scale.__doc__.startswith("gradients are divided by it first")


@pytest.mark.parametrize("name", schuss.optimizers.__all__)
def test_attributes_of_an_optimizer_have_help(name):
    cls = getattr(schuss, name)
    for attribute, value in inspect.getmembers(cls, inspect.isdatadescriptor):
        if not attribute.startswith("__"):
            assert inspect.getdoc(value), f"{name}.{attribute}"
            assert not inspect.getdoc(value).startswith("A setting that is no"), attribute


PROSE = sorted(
    file
    for folder in (ROOT, ROOT / "bench", ROOT / "cpp", ROOT / "docs", ROOT / "docs" / "decisions")
    for file in folder.glob("*.md")
)


@pytest.mark.parametrize("file", PROSE, ids=lambda f: str(f.relative_to(ROOT)))
def test_prose_is_wrapped_at_100(file):
    """But for code, tables, and what cannot be broken."""
    text = re.sub(
        r"^```.*?^```$", lambda m: "\n" * m[0].count("\n"), file.read_text(), flags=re.M | re.S
    )
    long = [
        f"{file.name}:{number}: {line}"
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > 100 and not line.startswith("|") and len(line.split()) > 2
    ]
    assert not long, "\n".join(long)


def test_every_decision_is_listed():
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\(([\w-]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {file.name for file in folder.glob("*.md")} - {"README.md"}


# The pages; .ci/docs builds them and runs their snippets.


def test_every_optimizer_says_when_to_use_it_and_every_rule_has_a_setting():
    table.check()


@pytest.mark.parametrize("spoil", ["text", "class", "variant"])
def test_what_is_missing_is_named(spoil, monkeypatch):
    if spoil == "text":
        monkeypatch.setattr(schuss.RMSprop, "__doc__", "It has no words but these.")
        words = "docstring of RMSprop has no paragraph 'Use it'"
    elif spoil == "class":
        monkeypatch.setitem(table.TABLE, "Old", table.TABLE["Adam"])
        words = "unknown .'Old'"
    else:
        monkeypatch.setattr(table, "variants", lambda name: [{}])
        words = "no class chooses the rules .'amsgrad', 'momentum', 'nesterov'"
    with pytest.raises(ValueError, match=words):
        table.check()


@pytest.mark.parametrize("name", schuss.optimizers.__all__)
def test_what_a_step_moves(name):
    """Bytes in float32, as in bench/README.md; rules with norms read some arrays twice."""
    counted = {0: 12, 1: 20, 2: 28, 3: 36, 4: 44}
    for settings in table.variants(name):
        moved, slots = table.moved(name, settings, 4), table.slots(name, settings)
        if schuss._core.rules()[table.rule(name, settings)]["sums"]:
            assert moved == {"LAMB": 40, "LARS": 28}.get(name, moved) > counted[len(slots)]
        else:
            assert moved == counted[len(slots)]


@pytest.mark.parametrize("name", schuss.optimizers.__all__)
def test_a_row_is_true(name, torch_scalars):
    """Both calls do the same."""
    torch = pytest.importorskip("torch")
    row = table.row(name)
    has = hasattr(torch.optim, {"AdaGrad": "Adagrad", "AdaDelta": "Adadelta"}.get(name, name))
    assert has == bool(row.torch)
    if not row.torch:
        return
    ours = eval(row.ours, {"schuss": schuss})
    assert type(ours).__name__ == name
    torch_scalars(np.float64)
    rng = np.random.default_rng(0)
    p = rng.standard_normal(1001)
    tensor = torch.tensor(p.copy(), requires_grad=True)
    theirs = eval(row.torch, {"torch": torch, "params": [tensor]})
    for _ in range(40):
        g = rng.standard_normal(1001)
        ours.step(p, g)
        tensor.grad = torch.tensor(g)
        theirs.step()
    # Some of theirs are not exactly the same (RAdam).
    np.testing.assert_allclose(p, tensor.detach().numpy(), rtol=0, atol=1e-9)


def test_every_public_name_has_an_entry(tmp_path):
    pages.write(tmp_path)
    text = "".join(file.read_text() for file in tmp_path.rglob("*.rst"))
    entries = re.findall(r"^\.\. (?:autoclass|autofunction|automodule):: (\S+)", text, re.M)
    data = re.findall(r"^\.\. py:data:: (\S+)\n   :module: (\S+)", text, re.M)
    entries += [f"{module}.{name}" for name, module in data]
    assert len(entries) == len(set(entries))
    wanted = {full for names in pages.places().values() for full in names.values()}
    assert set(entries) - wanted == {"schuss", *({"schuss.torch"} & set(pages.modules()))}
    assert wanted <= set(entries)
    for name in (
        "schuss.Adam",
        "schuss.LBFGS",
        "schuss.schedules.cosine",
        "schuss.linalg.cholesky",
    ):
        assert name in entries


def test_pictures_show_every_schedule_and_initializer():
    pytest.importorskip("matplotlib")
    pictures.check_schedules()
    assert len(pictures.draw_initializers().axes) == len(pictures.WEIGHTS)


def test_pages_show_pictures_that_are_drawn():
    shown = set()
    for page in snippets.PAGES:
        shown |= set(re.findall(r"generated/pictures/([\w-]+)\.png", page.read_text()))
    drawn = set(pictures.pictures())
    assert {name for name in drawn if not name.startswith("optimizer-")} == shown


def test_markup_in_docstrings_is_kept_from_being_read():
    lines = [
        "a |s| and `x*` and x_ here::",
        "",
        "    |s| * x_",
        "",
        "    >>> a | b",
        "",
        "last |s|",
    ]
    assert pages.escape_docstring(lines) == [
        r"a \|s\| and `x*` and x\_ here::",
        "",
        "    |s| * x_",
        "",
        "    >>> a | b",
        "",
        r"last \|s\|",
    ]


def test_snippets_are_found_with_their_lines(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "text\n\n```python\na = 1\n```\n\n<!-- not run: why -->\n```python\nno\n```\n"
        "```sh\necho\n```\n\n<!-- needs: numpy, missing -->\n```python\nno\n```\n"
        "<!-- needs: numpy, sys -->\n```python\nassert a == 2\n```\n"
    )
    assert snippets.blocks(page, "sh") == ["\n" * 11 + "echo\n"]
    assert len(snippets.blocks(page, "python")) == 2
    with pytest.raises(AssertionError) as caught:
        snippets.run_python(page)
    assert caught.traceback[-1].lineno == 20
