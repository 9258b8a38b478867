"""The search: what it tries, its scores, the results file, the plot and the command."""

from __future__ import annotations

import importlib.util
import io
import json
import math
import os
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
import schuss
from schuss import lab
from schuss.__main__ import main
from schuss.lab import data, network, results_file
from test_cli import fails
from trials import bowl, process

pytest.importorskip("sklearn")
pytest.importorskip("joblib")


def counted(calls, train=bowl):
    """As `train`, noting each optimizer."""

    def count(optimizer):
        calls.append(optimizer)
        return train(optimizer)

    return count


# What is tried.


def test_the_grid():
    space = {"learning_rate": [0.1, 0.01], "weight_decay": [0.0, 0.1], "Adam.beta1": [0.8]}
    result = lab.search(["adam", "sgd"], space, train=bowl, direction="minimize")
    tried = [(trial.optimizer, *trial.settings.values()) for trial in result.trials]
    assert tried == [
        ("Adam", 0.8, 0.1, 0.0),
        ("Adam", 0.8, 0.1, 0.1),
        ("Adam", 0.8, 0.01, 0.0),
        ("Adam", 0.8, 0.01, 0.1),
        ("SGD", 0.1, 0.0),
        ("SGD", 0.1, 0.1),
        ("SGD", 0.01, 0.0),
        ("SGD", 0.01, 0.1),
    ]
    assert list(result.trials[0].settings) == ["beta1", "learning_rate", "weight_decay"]


def test_an_optimizer_is_built_as_its_trial_says():
    calls = []
    space = {"learning_rate": [0.25], "Momentum.momentum": [0.5], "max_norm": [None, 2.0]}
    lab.search(["momentum", "amsgrad"], space, train=counted(calls))
    assert [repr(optimizer) for optimizer in calls] == [
        repr(made)
        for make, settings in [
            (schuss.SGD, {"momentum": 0.5}),
            (schuss.Adam, {"amsgrad": True}),
        ]
        for made in (make(0.25, **settings), make(0.25, **settings, max_norm=2.0))
    ]


def test_without_a_rate_it_is_the_default_of_the_class_or_of_compare(blobs):
    (trial,) = lab.search(["adam"], {}, train=bowl).trials
    assert trial.settings == {"learning_rate": 0.001}
    (trial,) = lab.search(["adam"], {}, data=blobs, epochs=1, batch_size=64).trials
    assert trial.settings == {"learning_rate": 0.005}


def test_samples_are_seeded_and_no_more_than_the_grid():
    from scipy.stats import loguniform

    space = {"learning_rate": loguniform(1e-3, 1e-1), "momentum": [0.0, 0.5, 0.9]}
    first, again, other = (
        lab.search(["sgd"], space, samples=12, seed=seed, train=bowl).trials for seed in (3, 3, 4)
    )
    assert [t.settings for t in first] == [t.settings for t in again]
    assert [t.settings for t in first] != [t.settings for t in other]
    assert len({t.settings["learning_rate"] for t in first}) == 12
    assert all(1e-3 <= t.settings["learning_rate"] <= 1e-1 for t in first)
    few = lab.search(["sgd"], {"momentum": [0.0, 0.5, 0.9]}, samples=12, train=bowl).trials
    assert sorted(t.settings["momentum"] for t in few) == [0.0, 0.5, 0.9]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"optimizers": ["lbfgs"]}, "unknown optimizer 'lbfgs'"),
        ({"space": {"learning_rate": []}}, r"space\['learning_rate'\] is empty"),
        ({"space": {"learning_rate": 0.1}}, "a list or a distribution is wanted"),
        ({"space": {"learning_rate": "0.1"}}, "a list or a distribution is wanted"),
        ({"space": {"learning_rate": [math.nan]}}, "finite numbers"),
        ({"space": {"learning_rate": [[0.1]]}}, "finite numbers"),
        ({"space": {"beta1": [0.9]}}, "SGD has no beta1; it has learning_rate"),
        ({"space": {"overrides": [None]}}, "SGD has no overrides"),
        ({"space": {"Adam.beta1": [0.9]}}, "unknown optimizer 'Adam'; known: SGD"),
        ({"space": {"momentum": [0.9, 1.5]}}, "SGD: momentum"),
        ({"space": [0.1]}, "a dict of hyperparameters"),
        ({"samples": 0}, "samples"),
        ({"processes": 0}, "processes"),
        (
            {"backend": "slurm"},
            "backend is 'slurm'; 'loky', 'threading', 'dask' or 'ray' is wanted",
        ),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"direction": "up"}, "direction"),
        ({"train": 3}, "train is 3"),
        ({"train": None, "direction": "minimize"}, "accuracy"),
        ({"train": None, "epochs": 0}, "epochs"),
        ({"train": None, "hidden": (0,)}, r"hidden\[0\]"),
    ],
)
def test_bad_arguments(arguments, words):
    """Refused before anything is trained."""
    calls = []
    given = {"optimizers": ["sgd"], "space": {}, "train": counted(calls), **arguments}
    with pytest.raises(ValueError, match=words):
        lab.search(given.pop("optimizers"), given.pop("space"), **given)
    with pytest.raises(TypeError, match="processes is '2'; a whole number"):
        lab.search(["sgd"], {}, train=counted(calls), processes="2")
    assert not calls


def test_a_distribution_needs_samples():
    from scipy.stats import loguniform

    with pytest.raises(ValueError, match="learning_rate is a distribution; samples"):
        lab.search(["sgd"], {"learning_rate": loguniform(1e-3, 1)}, train=bowl)


# Scores.


def test_the_network_by_hand(blobs):
    """The accuracy on a fifth of the training part; the test part is not looked at."""
    spoilt = data.Dataset(
        "blobs", blobs.classes, blobs.x_train, blobs.y_train, np.zeros((1, 2)), np.zeros(1, int)
    )
    (trial,) = lab.search(
        ["adam"], {"learning_rate": [0.02]}, data=spoilt, epochs=2, hidden=(8,), seed=5
    ).trials
    parts = data.split("blobs", blobs.x_train, blobs.y_train)
    assert len(parts.y_test) == 18
    rng = np.random.default_rng(5)
    params = network.initialize([2, 8, 3], rng=rng)
    optimizer = schuss.Adam(learning_rate=0.02)
    batches = schuss.minibatches(parts.x_train, parts.y_train, batch_size=64, rng=rng)
    for _ in range(2):
        for x, y in batches:
            optimizer.step(params, network.loss_and_gradients(params, x, y)[1])
    assert trial.score == network.accuracy(params, parts.x_test, parts.y_test)
    assert 0.3 < trial.score <= 1


def test_what_diverges_is_last_and_never_the_best(blobs):
    rates = {"learning_rate": [1e30, 0.1]}
    result = lab.search(["sgd"], rates, data=blobs, epochs=2, hidden=(8,))
    assert math.isnan(result.trials[0].score)
    assert result.best == result.trials[1] == result.ranked()[0]
    alone = lab.search(["sgd"], {"learning_rate": [1e30]}, data=blobs, epochs=2, hidden=(8,))
    assert alone.best is None
    assert json.loads(json.dumps(alone.to_dict(), allow_nan=False))["best"] is None


@pytest.mark.parametrize(("direction", "rate"), [("minimize", 0.4), ("maximize", 1.1)])
def test_direction(direction, rate):
    rates = {"learning_rate": [0.01, 0.4, 1.1]}
    assert lab.search(["sgd"], rates, train=bowl, direction=direction).best.settings == {
        "learning_rate": rate
    }


@pytest.mark.parametrize(
    "score",
    [
        math.inf,
        math.nan,
        FloatingPointError(),
        OverflowError(),
        ZeroDivisionError(),
        np.linalg.LinAlgError(),
    ],
)
def test_scores_that_are_not_finite(score):
    def train(optimizer):
        if isinstance(score, Exception):
            raise score
        return score

    (trial,) = lab.search(["sgd"], {}, train=train).trials
    assert math.isnan(trial.score)


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (lambda optimizer: "high", "train returned 'high' with SGD"),
        (lambda optimizer: None, "train returned None"),
        (lambda optimizer: [][0], "train failed with SGD .*IndexError"),
    ],
)
def test_a_train_that_fails(train, words):
    with pytest.raises(ValueError, match=words):
        lab.search(["sgd"], {}, train=train)


def test_processes_change_nothing(blobs):
    """Closures travel too; each worker has one thread."""

    def train(optimizer):
        import os

        import schuss

        assert os.getpid() != parent
        assert schuss.config.get_num_threads() == 1
        return bowl_of(optimizer)

    parent, bowl_of = os.getpid(), bowl
    rates = {"learning_rate": [0.01, 0.1, 0.3]}
    alone = lab.search(["sgd", "adam"], rates, train=bowl)
    both = lab.search(["sgd", "adam"], rates, train=train, processes=2)
    assert [t.score for t in alone.trials] == [t.score for t in both.trials]
    alone, both = (
        lab.search(["adam"], rates, data=blobs, epochs=2, processes=n).trials for n in (1, 2)
    )
    assert [t.score for t in alone] == [t.score for t in both]


def test_a_worker_that_dies_costs_its_trial_alone(tmp_path):
    def train(optimizer):
        if optimizer.learning_rate == 0.2:
            os._exit(3)
        return bowl(optimizer)

    file, rates = tmp_path / "a.jsonl", {"learning_rate": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
    with pytest.raises(
        lab.LostTrialsError, match=r"died.* SGD {'learning_rate': 0.2}; the"
    ) as lost:
        lab.search(["sgd"], rates, train=train, processes=2, results_file=file)
    assert isinstance(lost.value, ChildProcessError)
    assert [trial.settings for trial in lost.value.trials] == [{"learning_rate": 0.2}]
    found = lost.value.result
    assert [t.settings["learning_rate"] for t in found.trials] == [0.1, 0.3, 0.4, 0.5, 0.6]
    train.__code__ = bowl.__code__
    again = lab.search(["sgd"], rates, train=train, results_file=file)
    assert (again.resumed, again.best) == (5, found.best)


def test_a_search_that_lost_all_has_no_best():
    def train(optimizer):
        os._exit(3)

    rates = {"learning_rate": [k / 10 for k in range(1, 6)]}
    with pytest.raises(lab.LostTrialsError, match=r"0\.3} and 2 more; the other") as lost:
        lab.search(["sgd"], rates, train=train, processes=2)
    assert (lost.value.result.best, lost.value.result.trials) == (None, [])


# Backends of joblib's.


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_the_backend_that_is_active(backend):
    """The last one has no generators: results come in groups."""
    from joblib import parallel_config

    seen, rates = [], {"learning_rate": [k / 10 for k in range(1, 8)]}
    alone = lab.search(["sgd"], rates, train=bowl)
    with parallel_config(backend, n_jobs=2):
        there = lab.search(["sgd"], rates, train=process).trials
        result = lab.search(["sgd"], rates, train=bowl, progress=lambda *now: seen.append(now))
    assert {t.score == os.getpid() for t in there} == {backend == "threading"}
    assert [t.score for t in result.trials] == [t.score for t in alone.trials]
    assert [done for _, done, _ in seen] == list(range(1, 8))


def test_what_is_named_counts_more_than_what_is_active():
    from joblib import parallel_config

    with parallel_config("threading", n_jobs=2):
        result = lab.search(["sgd"], {}, train=process, backend="loky", processes=2)
        two = {"learning_rate": [0.1, 0.2]}
        other = lab.search(["sgd"], two, train=process, backend="loky", processes=2)
    assert result.trials[0].score == os.getpid()  # one trial needs no other process
    assert os.getpid() not in {trial.score for trial in other.trials}


def test_threads_of_one_process_have_one_thread_each(threads):
    threads(3)

    def train(optimizer):
        time.sleep(0.01)
        return schuss.config.get_num_threads()

    rates = {"learning_rate": [0.1, 0.2, 0.3, 0.4]}
    result = lab.search(["sgd"], rates, train=train, backend="threading", processes=2)
    assert {trial.score for trial in result.trials} == {1}
    assert schuss.config.get_num_threads() == 3


# The results file.


def test_what_is_in_the_file_does_not_run_again(tmp_path):
    file, calls, seen = tmp_path / "a.jsonl", [], []
    train = counted(calls)
    rates = {"learning_rate": [0.01, 1e200]}
    first = lab.search(["sgd"], rates, train=train, results_file=file)
    assert (len(calls), first.resumed) == (2, 0)
    wider = {"learning_rate": [0.1, 0.01, 1e200]}
    again = lab.search(
        ["sgd"], wider, train=train, results_file=file, progress=lambda *now: seen.append(now)
    )
    assert (len(calls), again.resumed) == (3, 2)
    assert seen == [("SGD", 2, 3), ("SGD", 3, 3)]
    assert [t.settings["learning_rate"] for t in again.trials] == [0.1, 0.01, 1e200]
    assert again.trials[1] == first.trials[0]
    assert math.isnan(again.trials[2].score)  # it is known that it diverged
    assert lab.search(["sgd"], wider, train=train, results_file=file).resumed == 3
    assert len(calls) == 3
    assert len(file.read_text().splitlines()) == 4


def test_a_train_that_fails_does_not_cost_what_is_done(tmp_path):
    def train(optimizer):
        if optimizer.learning_rate == 0.3:
            raise RuntimeError("no")
        return bowl(optimizer)

    rates, file = {"learning_rate": [0.1, 0.2, 0.3]}, tmp_path / "a.jsonl"
    with pytest.raises(ValueError, match="RuntimeError: no"):
        lab.search(["sgd"], rates, train=train, results_file=file)
    train.__code__ = bowl.__code__
    assert lab.search(["sgd"], rates, train=train, results_file=file).resumed == 2


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_last_line_that_was_being_written_is_forgotten(tmp_path, cut):
    file, rates = tmp_path / "a.jsonl", {"learning_rate": [0.1, 0.2, 0.3]}
    whole = lab.search(["sgd"], rates, train=bowl, results_file=file)
    lines = file.read_bytes()
    file.write_bytes(lines[:-cut])
    again = lab.search(["sgd"], rates, train=bowl, results_file=file)
    assert again.resumed == 2
    assert [t.score for t in again.trials] == [t.score for t in whole.trials]
    assert len(file.read_bytes().splitlines()) == 4
    file.write_bytes(lines[:10])  # of the header
    assert lab.search(["sgd"], rates, train=bowl, results_file=file).resumed == 0


def test_another_experiment_is_refused_and_the_file_left_alone(tmp_path, blobs):
    file = tmp_path / "a.jsonl"
    lab.search(["sgd"], {}, data=blobs, epochs=1, results_file=file)
    before = file.read_bytes()
    with pytest.raises(ValueError, match="another experiment: epochs is 2, there 1; name another"):
        lab.search(["sgd"], {}, data=blobs, epochs=2, results_file=file)
    other = data.Dataset(*(getattr(blobs, name) for name in vars(blobs)))
    other.x_train[0, 0] += 1
    with pytest.raises(ValueError, match="another experiment: digest"):
        lab.search(["sgd"], {}, data=other, epochs=1, results_file=file)
    assert file.read_bytes() == before


def test_a_file_that_another_search_uses_is_refused(tmp_path):
    """In the same process too: a search in the train of another one."""
    file = tmp_path / "a.jsonl"

    def train(optimizer):
        with pytest.raises(ValueError, match=r"a\.jsonl is in use by another search"):
            lab.search(["sgd"], {}, train=bowl, results_file=file)
        return 1.0

    lab.search(["sgd"], {"learning_rate": [0.1, 0.2]}, train=train, results_file=file)
    assert len(file.read_text().splitlines()) == 3
    assert lab.search(["sgd"], {}, train=train, results_file=file).resumed == 0  # it is free again


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("hello\n", "line 1 is no JSON"),
        ("hello", "no file of schuss search"),
        ('{"a": 1}\n', "no file of schuss search"),
        ("[1]\n", "no file of schuss search"),
        ("{header}\n[1]\n", "line 2 is no trial"),
        ('{header}\n{"optimizer": "SGD"}\n', "line 2 is no trial"),
        (
            '{header}\n{"optimizer": "SGD", "settings": {"a": [1]}, "score": 1, "seconds": 1}\n',
            "line 2: settings is",
        ),
        (
            '{header}\n{"optimizer": "SGD", "settings": {}, "score": "x", "seconds": 1}\n',
            "line 2: score is 'x'",
        ),
    ],
)
def test_a_file_of_something_else(tmp_path, content, words):
    file = tmp_path / "a.jsonl"
    header = json.dumps({"schuss search": 1, "experiment": {"train": "trials:bowl"}})
    file.write_text(content.replace("{header}", header))
    before = file.read_bytes()
    with pytest.raises(ValueError, match=words):
        lab.search(["sgd"], {}, train=bowl, results_file=file)
    assert file.read_bytes() == before


def test_a_file_that_cannot_be_written(tmp_path):
    for place in (tmp_path, tmp_path / "no" / "a.jsonl"):
        with pytest.raises(ValueError, match="cannot be written"):
            lab.search(["sgd"], {}, train=bowl, results_file=place)


def test_the_lock_of_windows(tmp_path, monkeypatch):
    """What locks there cannot be read by others: it is a byte where no results are."""
    locked = set()

    def locking(number, mode, length):
        place = os.fstat(number).st_ino, os.lseek(number, 0, os.SEEK_CUR)
        assert (mode, length, place[1]) == (2, 1, 2**30)
        if place in locked:
            raise PermissionError(13, "Permission denied")
        locked.add(place)

    monkeypatch.setitem(sys.modules, "msvcrt", types.SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(sys, "platform", "win32")
    spec = importlib.util.spec_from_file_location("there", results_file.__file__)
    there = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(there)
    entry = {"optimizer": "SGD", "settings": {}, "score": 1.0, "seconds": 0.5}
    path = tmp_path / "a.jsonl"
    with there.ResultsFile(path, {"train": "a"}) as file:
        file.add(entry)
        with pytest.raises(ValueError, match="is in use by another search"):
            there.ResultsFile(path, {"train": "a"})
        file.add(entry)
    assert path.stat().st_size < 1000
    locked.clear()
    with there.ResultsFile(path, {"train": "a"}) as file:
        assert file.entries == [entry, entry]


# The table and the plots.


def test_table():
    rich = pytest.importorskip("rich.console")

    rates = {"learning_rate": [0.01, 0.4, 1e200], "SGD.momentum": [0.5]}
    result = lab.search(["sgd", "adam"], rates, train=bowl, direction="minimize")
    console = rich.Console(width=80, record=True, file=io.StringIO())
    console.print(lab.report.best(result, 3))
    console.print(lab.report.best(result))
    text = console.export_text()
    assert "…" not in text
    assert "the best 3 of 6" in text
    rows = [line.split() for line in text.splitlines() if line.startswith((" SGD", " Adam"))]
    assert len(rows) == 3 + 6
    assert rows[0][:3] == ["SGD", "0.4", "0.5"]
    assert rows[-1][-2] == "diverged"


def test_heat_map():
    pytest.importorskip("matplotlib")
    rates = {"learning_rate": [0.4, 0.01, 1e200], "SGD.momentum": [0.0, 0.5]}
    result = lab.search(["sgd", "adam"], rates, train=bowl, direction="minimize")
    figure = lab.plots.search(result)
    axes, colors = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.01", "0.4", "1e+200"]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "SGD, momentum=0.0",
        "SGD, momentum=0.5",
        "Adam",
    ]
    assert (axes.get_xlabel(), colors.get_ylabel()) == ("learning rate", "score")
    shown = {(t.get_position()): t.get_text() for t in axes.texts}
    assert len(shown) == 9
    for trial in result.trials:
        row = 2 if trial.optimizer == "Adam" else int(2 * trial.settings["momentum"])
        column = [0.01, 0.4, 1e200].index(trial.settings["learning_rate"])
        assert shown[column, row] == result.as_text(trial.score)
    marked = axes.patches[-1]
    best = result.best
    assert marked.get_xy()[0] + 0.5 == [0.01, 0.4, 1e200].index(best.settings["learning_rate"])
    with pytest.raises(ValueError, match="x is 'beta9'"):
        lab.plots.search(result, "beta9")
    by_momentum = lab.plots.search(result, "momentum").axes[0]
    assert by_momentum.get_xlabel() == "momentum"
    assert len(by_momentum.get_yticklabels()) == 3


def test_points_where_rates_were_drawn():
    pytest.importorskip("matplotlib")
    from scipy.stats import loguniform

    space = {"learning_rate": loguniform(1e-3, 1e160)}
    result = lab.search(["sgd", "adam"], space, samples=40, train=bowl, direction="minimize")
    axes = lab.plots.search(result).axes[0]
    assert axes.get_xscale() == "log"
    lines = {line.get_label(): line for line in axes.get_lines()}
    best = [result.as_text(t.score) for t in result.ranked() if not math.isnan(t.score)]
    first = {t.optimizer: result.as_text(t.score) for t in reversed(result.ranked()[: len(best)])}
    wanted = {*(f"{name}: {score}" for name, score in first.items()), "diverged"}
    assert set(lines) == wanted
    assert {text.get_text() for text in axes.texts} == wanted
    assert axes.get_title(loc="left").startswith(f"Best: {result.best.optimizer}, learning rate ")
    lost = sum(math.isnan(trial.score) for trial in result.trials)
    assert len(lines["diverged"].get_xdata()) == lost > 0
    assert sum(len(line.get_xdata()) for line in lines.values()) == 40


# The command.


@pytest.fixture
def folder(file, tmp_path, monkeypatch):
    """The current directory, with data and modules."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    code = "import numpy as np\nimport time\n\n\ndef bowl(optimizer):\n    {}x = np.array([3.0])\n"
    code += "    for _ in range(10):\n        optimizer.step(x, 2 * x)\n    return x[0] ** 2\n"
    (tmp_path / "trainers.py").write_text(code.format(""))
    (tmp_path / "slow.py").write_text(code.format("time.sleep(0.25)\n    "))
    return tmp_path


def test_command(folder, capsys):
    arguments = "--data data.npz --epochs 2 --hidden 4 --processes 1 --optimizers sgd,adam"
    assert main(["search", *arguments.split(), "--learning-rate", "0.1,0.01"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "validation" in out
    assert "trials: schuss-search.jsonl, 0 of 4 from there" in out
    assert "plot: schuss-search.png" in out
    assert (folder / "schuss-search.png").read_bytes().startswith(b"\x89PNG")
    more = ["--learning-rate", "0.1,0.01,0.001", "--json", "-"]
    assert main(["search", *arguments.split(), *more]) == 0
    out, err = capsys.readouterr()
    assert "4 of 6 from there" in err
    result = json.loads(out)
    assert (result["resumed"], len(result["trials"])) == (4, 6)
    assert result["best"]["score"] == max(trial["score"] for trial in result["trials"])


def test_a_function_of_the_users_and_random_settings(folder, capsys):
    arguments = "--train trainers:bowl --minimize --optimizers momentum --samples 5 --processes 2"
    more = "--learning-rate 1e-3..1e-1 --set momentum=0.5,0.9 --set nesterov=true --json a.json"
    assert main(["search", *arguments.split(), *more.split()]) == 0
    trials = json.loads((folder / "a.json").read_text())["trials"]
    assert len(trials) == 5
    for trial in trials:
        assert 1e-3 <= trial["settings"]["learning_rate"] <= 1e-1
        assert trial["settings"]["momentum"] in (0.5, 0.9)
        assert trial["settings"]["nesterov"] is True
    assert "lowest" in capsys.readouterr().out


def test_two_searches_that_start_together_lose_nothing(folder):
    words = "search --train slow:bowl --json - --learning-rate 0.1,0.2,0.3 --processes 1"
    command = [sys.executable, "-m", "schuss", *words.split(), "--optimizers"]
    names = ["sgd", "momentum"]
    both = [
        subprocess.Popen(
            [*command, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name in names
    ]
    said = [each.communicate(timeout=120)[1] for each in both]
    lines = (folder / "schuss-search.jsonl").read_text().splitlines()
    found = [json.loads(line)["optimizer"] for line in lines[1:]]
    for name, each, err in zip(("SGD", "Momentum"), both, said, strict=True):
        assert found.count(name) == (3 if each.returncode == 0 else 0)
        if each.returncode:
            assert err == (
                "schuss search: results_file: schuss-search.jsonl is in use by another search; "
                "name another file, or wait\n"
            )
    assert 0 in (each.returncode for each in both)


def test_a_function_that_fails_shows_its_traceback(folder, capsys):
    (folder / "broken.py").write_text("def train(optimizer):\n    return [][3]\n")
    arguments = "search --train broken:train --optimizers sgd --processes 1"
    assert main(arguments.split()) == 2
    err = capsys.readouterr().err
    assert "broken.py" in err
    assert err.splitlines()[-1].startswith("schuss search: train failed with SGD")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("--learning-rate 1..0.1", "argument --learning-rate: '1..0.1' is given; LOW..HIGH"),
        ("--learning-rate 0..1", "argument --learning-rate: '0' is given; a finite number above 0"),
        ("--learning-rate 0.1..1", "learning_rate is a distribution; samples"),
        ("--set momentum", "argument --set: 'momentum' is given; NAME=X,Y"),
        ("--set momentum=fast", "SGD: momentum"),
        ("--set beta9=1", "SGD has no beta9"),
        ("--samples 0", "argument --samples: '0' is given; a whole number"),
        ("--train nothing:here", "nothing:here: there is no module 'nothing'"),
        ("--train trainers", "'trainers' is no function; module:function is wanted"),
        ("--train trainers:np", "trainers:np is <module"),
        ("--minimize", "direction is 'minimize'; the network's score is an accuracy"),
        ("--results no/such/a.jsonl", "results_file: no/such/a.jsonl cannot be written"),
        ("--plot a.xyz", "a.xyz: a name that ends in"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, line, folder, capsys):
    words = ["search", "--optimizers", "sgd", "--data", "data.npz", *arguments.split()]
    assert fails(capsys, 2, *words).startswith(f"schuss search: {line}")
    assert not (folder / "schuss-search.jsonl").exists()


def worker_is_left(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_keeps_what_is_done(folder, capsys):
    """As a terminal sends it: to the command and its workers at once."""
    rates = ",".join(str(k / 100) for k in range(1, 41))
    arguments = f"--train slow:bowl --optimizers sgd --learning-rate {rates} --processes 2"
    command = [sys.executable, "-m", "schuss", "search", *arguments.split()]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    file, deadline = folder / "schuss-search.jsonl", time.monotonic() + 60
    while not file.exists() or file.read_text().count("\n") < 4:
        assert time.monotonic() < deadline
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (130, "", "schuss search: stopped\n")
    done = file.read_text().count("\n") - 1
    assert 3 <= done < 40
    while worker_is_left(running.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (folder / "slow.py").write_text((folder / "trainers.py").read_text())
    assert main([*command[3:], "--processes", "1", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["resumed"] == done
