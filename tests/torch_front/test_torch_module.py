"""`lab.compare(engine="torch")` and its command: the same network, torch's optimizers and ours."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import schuss
from schuss import lab
from schuss.__main__ import main
from schuss.lab import comparison, network

pytest.importorskip("torch")

import torch
from schuss.lab import torch_module

SMALL = {"epochs": 4, "batch_size": 16, "hidden": (8,), "engine": "torch"}


def test_every_optimizer_learns_as_torchs_does(blobs):
    result = lab.compare("all", data=blobs, **SMALL)
    assert (result.engine, result.summary().splitlines()[1][:12]) == ("torch", "torch module")
    ours = {entry.name: entry for entry in result.results if entry.by == "schuss"}
    theirs = {entry.name: entry for entry in result.results if entry.by == "torch"}
    assert list(ours) == lab.catalog.first_order()
    assert set(ours) - set(theirs) == {"AdEMAMix", "AdaBelief", "Adan", "Lion", "LAMB", "LARS"}
    for name, entry in ours.items():
        assert entry.train_loss[-1] < entry.train_loss[0], name
        assert 0 < entry.share < 1
        if name in theirs:
            other = theirs[name]
            assert other.label == f"{name}, torch"
            assert entry.peer_us == other.step_us
            np.testing.assert_allclose(entry.train_loss, other.train_loss, rtol=1e-3)
        else:
            assert entry.ratio is None


def test_it_is_the_run_by_hand(blobs):
    """With torch alone, from the same start, on the same batches."""
    rng = np.random.default_rng(5)
    start = network.initialize([2, 8, 3], rng=rng)
    batches = schuss.minibatches(blobs.x_train, blobs.y_train, batch_size=16, rng=rng)
    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    with torch.no_grad():
        for layer, each in zip((model[0], model[2]), start, strict=True):
            layer.weight.copy_(torch.from_numpy(each["weight"].T))
            layer.bias.copy_(torch.from_numpy(each["bias"]))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.8, 0.999), eps=1e-6)
    schedule = comparison._schedule("cosine", 0.01, 4 * len(batches))
    steps = 0
    for _ in range(4):
        for x, y in batches:
            optimizer.param_groups[0]["lr"] = schedule(steps)
            optimizer.zero_grad()
            logits = model(torch.from_numpy(x))
            torch.nn.functional.cross_entropy(logits, torch.from_numpy(y)).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            steps += 1
    logits = model(torch.from_numpy(blobs.x_train)).detach()
    wanted = torch.nn.functional.cross_entropy(logits, torch.from_numpy(blobs.y_train)).item()
    settings = {"Adam": {"beta1": 0.8, "epsilon": 1e-6, "max_norm": 0.1}}
    for entry in lab.compare(
        ["adam"],
        data=blobs,
        seed=5,
        learning_rate=0.01,
        schedule="cosine",
        settings=settings,
        **SMALL,
    ).results:
        assert entry.train_loss[-1] == pytest.approx(wanted, rel=1e-5), entry.label


def test_settings_have_torchs_names(blobs):
    settings = {
        "RMSprop": {"beta": 0.5, "centered": True},
        "Rprop": {"eta_plus": 1.1, "step_max": 0.01},
        "AdaGrad": {"initial_accumulator": 0.1},
        "Lion": {"beta2": 0.5},
    }
    plain = lab.compare(list(settings), data=blobs, **SMALL).results
    given = lab.compare(list(settings), data=blobs, settings=settings, **SMALL).results
    for before, after in zip(plain, given, strict=True):
        assert before.train_loss[-1] != after.train_loss[-1], after.label


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"settings": {"Adam": {"ema": 0.5}}}, "Adam: torch's Adam: .* argument 'ema'"),
        ({"settings": {"Adam": {"epsilon": -1}}}, "Adam: epsilon is -1"),
        ({"optimizers": ["adam", "lbfgs"]}, "unknown optimizer 'lbfgs'; known: "),
    ],
)
def test_what_cannot_be_compared_is_refused_before_it_begins(arguments, words, blobs, monkeypatch):
    monkeypatch.setattr(comparison, "_train", None)
    with pytest.raises(ValueError, match=words):
        lab.compare(**{"optimizers": ["adam"], "data": blobs, **SMALL, **arguments})


def test_one_thread_trains(blobs, monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    seen = []
    real = torch_module.Trainee.step
    monkeypatch.setattr(
        torch_module.Trainee,
        "step",
        lambda *arguments: seen.append(torch.get_num_threads()) or real(*arguments),
    )
    try:
        lab.compare(["sgd"], data=blobs, **SMALL)
        assert set(seen) == {1}
        with torch_module.one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_table_and_plot(blobs):
    rich = pytest.importorskip("rich.console")
    pytest.importorskip("matplotlib")
    result = lab.compare(["momentum", "adadelta", "lion"], data=blobs, **SMALL)
    console = rich.Console(width=80, record=True, file=io.StringIO())
    console.print(lab.report.table(result))
    text = console.export_text()
    assert "…" not in text
    assert "torch.optim over schuss" in text
    lines = [line.split() for line in text.splitlines()]
    (at,) = (k for k, words in enumerate(lines) if words[:1] == ["Momentum"])
    assert lines[at][-1] == f"{result.results[0].ratio:.1f}"
    assert lines[at + 1][0] == "torch"
    assert lines[at + 1][-2:] == [f"{result.results[1].share:.0%}", "-"]
    epochs, seconds, times = lab.plots.comparison(result).axes
    for axes in (epochs, seconds):
        lines = {line.get_label(): line for line in axes.get_lines()}
        ours, theirs = lines["Momentum"], lines["Momentum, torch"]
        assert ours.get_color() == theirs.get_color()
        assert ours._dash_pattern != theirs._dash_pattern
    assert "torch" not in epochs.get_title(loc="left")  # which has the same losses
    assert len(times.patches) == 5
    assert times.get_xlabel().endswith("gray: torch.optim")
    assert times.get_title(loc="left").startswith("torch: ")


def test_command(file, capsys):
    arguments = "--engine torch --optimizers adam --epochs 2 --hidden 8 --json a.json"
    assert main(["compare", "--data", file, *arguments.split()]) == 0
    assert "  torch " in capsys.readouterr().out
    with open("a.json") as saved:
        results = json.load(saved)["results"]
    assert [entry["by"] for entry in results] == ["schuss", "torch"]
    assert results[0]["ratio"] == results[1]["step_us"] / results[0]["step_us"]
