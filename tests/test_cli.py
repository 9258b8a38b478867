"""The command line: what it prints, where, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import schuss
from schuss import lab
from schuss.__main__ import main
from schuss.commands import options


def fails(capsys, status, *arguments):
    """The one line on stderr of a run that ends with this status."""
    assert main(list(arguments)) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n")
    assert err.count("\n") == 1, err
    return err.strip()


def test_info(capsys):
    assert main(["info"]) == 0
    rows = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    rows = {key: value.strip() for key, value in rows.items()}
    assert rows["schuss"] == schuss.__version__
    assert rows["ISA"] == schuss.config.isa()
    assert rows["ISAs available"].split(", ") == list(schuss.config.available_isas())
    assert rows["threads"] == str(schuss.config.get_num_threads())
    assert rows["NumPy"] == np.__version__
    assert rows["OpenMP"] in ("yes", "no")
    assert rows["compiler"]


def test_info_as_json(capsys, tmp_path):
    assert main(["info", "--json", "-"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["schuss"] == schuss.__version__
    assert main(["info", "--json", str(tmp_path / "a.json")]) == 0
    assert json.loads((tmp_path / "a.json").read_text()) == facts


def test_info_tells_the_isa_in_use(capsys, isa):
    main(["info"])
    assert f"ISA:            {isa}\n" in capsys.readouterr().out


def test_info_does_not_import_the_lab():
    code = (
        "import sys; from schuss.__main__ import main; main(['info']);"
        "assert not {'schuss.lab', 'matplotlib', 'rich', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"schuss {schuss.__version__}\n"


def test_help(capsys):
    assert main(["compare", "--help"]) == 0
    out = capsys.readouterr().out
    for option in ("--optimizers", "--epochs", "--batch-size", "--hidden", "--learning-rate"):
        assert option in out
    for option in ("--engine", "--init", "--schedule", "--seed", "--data", "--plot", "--json"):
        assert option in out


def test_compare(file, capsys, tmp_path):
    arguments = "--optimizers adam,nesterov --epochs 3 --hidden 8,4 --batch-size 8 --seed 2"
    extra = "--learning-rate 0.02 --schedule cosine --json a.json --plot a.png"
    assert main(["compare", "--data", file, *arguments.split(), *extra.split()]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "ratio" in out
    assert [line.split()[0] for line in out.splitlines() if " 0.02 " in line] == [
        "Adam",
        "Nesterov",
    ]
    assert "plot: a.png" in out
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    saved = json.loads((tmp_path / "a.json").read_text())
    assert saved["environment"]["NumPy"] == np.__version__
    assert saved["layers"] == [3, 8, 4, 2]
    assert (saved["batch_sizes"], saved["schedule"], saved["seed"]) == ([8], "cosine", 2)
    again = lab.compare(
        ["adam"],
        epochs=3,
        hidden=(8, 4),
        batch_size=8,
        seed=2,
        learning_rate=0.02,
        schedule="cosine",
        data=file,
    )
    assert saved["results"][0]["train_loss"] == again.results[0].train_loss


def test_settings_of_one_optimizer(file, capsys):
    words = "--optimizers adam,rmsprop --epochs 2 --json a.json --set adam.beta1=0.5"
    assert main(["compare", "--data", file, *words.split(), "--set", "RMSprop.centered=true"]) == 0
    adam, rmsprop = json.loads(Path("a.json").read_text())["results"]
    assert list(adam["settings"]) == ["learning_rate", "beta1"]
    assert adam["settings"]["beta1"] == 0.5
    assert rmsprop["settings"]["centered"] is True


def test_json_on_stdout_is_alone_there(file, capsys, tmp_path):
    arguments = ["compare", "--data", file, "--optimizers", "sgd", "--epochs", "1"]
    assert main([*arguments, "--batch-size", "all", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result["batch_sizes"] == [result["train_rows"]] == [48]
    assert err == "plot: schuss-compare.png\n"
    assert (tmp_path / "schuss-compare.png").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("compaer", "schuss: there is no command 'compaer'; known: info, compare"),
        ("compare --epoch five", "schuss compare: argument --epochs: 'five' is given; a whole"),
        ("compare --epochs 0", "schuss compare: argument --epochs: '0' is given; a whole"),
        ("compare --batch-size some", "schuss compare: argument --batch-size: 'some' is"),
        ("compare --batch-size 8,0", "schuss compare: argument --batch-size: '0' is"),
        ("compare --init he", "schuss compare: unknown initializer 'he'; known: he_normal"),
        ("compare --hidden 8,-1", "schuss compare: argument --hidden: '-1' is given; a whole"),
        ("compare --learning-rate nan", "schuss compare: argument --learning-rate: 'nan' is"),
        ("compare --seed -1", "schuss compare: argument --seed: '-1' is"),
        ("compare --no-such-option", "schuss: unrecognized arguments: --no-such-option"),
        (
            "compare --optimizers adam,adma",
            "schuss compare: unknown optimizer 'adma'; did you mean 'Ada",
        ),
        (
            "compare --set Adam.bta1=1",
            "schuss compare: Adam has no bta1; did you mean 'beta1'?",
        ),
        (
            "compare --set beta1=1",
            "schuss compare: argument --set: 'beta1=1' is given; OPTIMIZER.NAME=VALUE is wanted",
        ),
        ("compare --set adam.beta1=2", "schuss compare: Adam: beta1 is 2"),
        ("compare --schedule cosin", "schuss compare: unknown schedule 'cosin'; known: constant"),
        ("compare --data no.npz", "schuss compare: no.npz: no such file"),
        ("compare --data bad.csv", "schuss compare: bad.csv: line 6: 'x' is not a number"),
        ("compare --plot no/such/a.png", "schuss compare: no/such/a.png: cannot be written"),
        ("compare --plot a.xyz", "schuss compare: a.xyz: a name that ends in"),
        ("compare --json no/such/a.json", "schuss compare: no/such/a.json: cannot be written"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, line, file, capsys, tmp_path):
    (tmp_path / "bad.csv").write_text("1,0\n2,1\n3,0\n4,1\n5,0\nx,1\n")
    words = arguments.split()
    if words[:1] == ["compare"] and "--data" not in words:
        words += ["--data", file]
    assert fails(capsys, 2, *words).startswith(line)
    assert not (tmp_path / "schuss-compare.png").exists()


@pytest.mark.parametrize(
    ("module", "package"),
    [("matplotlib", "matplotlib"), ("rich", "rich"), ("sklearn", "scikit-learn")],
)
def test_missing_extra(module, package, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    others = {"matplotlib": ["rich"], "rich": [], "sklearn": ["rich", "matplotlib"]}[module]
    for other in others:
        pytest.importorskip(other)
    monkeypatch.setitem(sys.modules, module, None)
    line = fails(capsys, 2, "compare", "--epochs", "1")
    assert line.startswith(f"schuss compare: needs {package}; install it with: pip install ")


def test_the_engine_torch_without_torch(file, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "schuss.lab.torch_module", raising=False)
    line = fails(capsys, 2, "compare", "--data", file, "--engine", "torch")
    assert line == "schuss compare: needs torch; install it with: pip install torch"


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pip install 'schuss[lab]'"),
        ('{"url": "file:///somewhere"}', 'pip install ".[lab]" in a clone of it'),
    ],
)
def test_the_extra_comes_from_where_schuss_came_from(origin, command, monkeypatch):
    found = SimpleNamespace(read_text=lambda name: origin)
    monkeypatch.setattr(schuss.__main__, "distribution", lambda name: found)
    assert schuss.__main__._how_to_install() == command


def test_without_a_command_there_is_help(capsys):
    assert main([]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for command in ("info", "compare", "landscape", "lr-find", "search"):
        assert command in out


TYPOS = [
    ("compre", "compare"),
    ("lrfind", "lr-find"),
    ("compare --optimzers adam", "--optimizers"),
    ("compare --optimizers adma", "Adam"),
    ("compare --optimizers adam,rmspop", "RMSprop"),
    ("compare --init he_norml", "he_normal"),
    ("compare --init xavier_uniform_", "glorot_uniform"),
    ("compare --schedule cosin", "cosine"),
    ("compare --schedule warmup+cosin", "cosine"),
    ("landscape sadle", "saddle"),
    ("landscape saddle --optimizers newtn", "Newton"),
    ("lr-find momentm", "Momentum"),
    ("search --optimizers agadrad", "AdaGrad"),
]


def test_typos_are_understood_before_anything_slow(file):
    commands = [words.split() for words, _ in TYPOS]
    for words in commands:
        if words[0] in ("compare", "lr-find", "search"):
            words += ["--data", file]
    code = (
        "import json, sys; from schuss.__main__ import main;"
        "print([main(words) for words in json.loads(sys.argv[1])]);"
        "assert 'matplotlib' not in sys.modules, 'matplotlib was imported'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [2] * len(TYPOS)
    for line, (words, near) in zip(done.stderr.splitlines(), TYPOS, strict=True):
        assert line.endswith(f"did you mean {near!r}?"), words


def test_formats_are_those_of_matplotlib():
    bases = pytest.importorskip("matplotlib.backend_bases")
    assert set(bases.FigureCanvasBase.get_supported_filetypes()) >= options.FORMATS


def test_digits_are_not_needed_for_a_file(file, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert main(["compare", "--data", file, "--optimizers", "sgd", "--epochs", "1"]) == 0


def test_interrupt(file, capsys, monkeypatch):

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(lab, "compare", interrupted)
    assert fails(capsys, 130, "compare", "--data", file) == "schuss compare: stopped"


def interrupt_at(step):
    """A progress bar that stands for somebody who presses Ctrl-C."""

    @contextmanager
    def bar(console, unit="epochs"):
        def progress(name, done, total):
            if done == step:
                raise KeyboardInterrupt

        yield progress

    return bar


@pytest.mark.parametrize(
    ("arguments", "step", "done"),
    [
        ("compare --data data.npz --epochs 2 --optimizers sgd,adam", 3, "SGD"),
        ("landscape valley --optimizers sgd,adam", 1, "SGD"),
        ("lr-find sgd --data data.npz", 30, "SGD"),
    ],
)
def test_ctrl_c_saves_what_is_done(arguments, step, done, file, capsys, monkeypatch):
    monkeypatch.setattr(lab.report, "progress_bar", interrupt_at(step))
    assert main([*arguments.split(), "--plot", "a.png", "--json", "a.json"]) == 130
    out, err = capsys.readouterr()
    assert err == f"schuss {arguments.split()[0]}: stopped\n"
    assert done in out
    assert "Adam" not in out
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    saved = json.loads(Path("a.json").read_text())
    if "lr-find" in arguments:
        assert [len(saved[key]) for key in ("rates", "losses", "smoothed")] == [30] * 3
    else:
        entries = saved["results" if "results" in saved else "paths"]
        assert [entry.get("name", entry.get("optimizer")) for entry in entries] == ["SGD"]


@pytest.mark.parametrize(
    ("arguments", "step"),
    [
        ("compare --data data.npz --epochs 2 --optimizers sgd,adam", 1),
        ("lr-find sgd --data data.npz", 5),
    ],
)
def test_ctrl_c_before_anything_is_done(arguments, step, file, capsys, monkeypatch):
    monkeypatch.setattr(lab.report, "progress_bar", interrupt_at(step))
    assert fails(capsys, 130, *arguments.split()).endswith(": stopped")
    assert not list(Path().glob("*.png"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_plot_that_cannot_be_saved_does_not_cost_the_table(file, capsys, tmp_path):
    (tmp_path / "full.png").symlink_to("/dev/full")
    arguments = ["--optimizers", "sgd", "--epochs", "1", "--plot", "full.png"]
    assert main(["compare", "--data", file, *arguments]) == 2
    out, err = capsys.readouterr()
    assert "ratio" in out
    assert err.count("\n") == 1


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "schuss", "compare", "--optimizers", "adma"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("schuss compare: ")
    assert done.stderr.count("\n") == 1
