"""The learning-rate range test: rates, means, where it stops, what it suggests, the command."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from schuss import lab
from schuss.__main__ import main
from test_cli import fails


def bowl(curvature=1.0):
    """Steps of gradient descent, and the rates that they were given."""
    x, rates = [5.0], []

    def step(rate):
        rates.append(rate)
        loss = curvature * x[0] ** 2 / 2
        x[0] -= rate * curvature * x[0]
        return loss

    return step, rates


def test_rates_grow_by_the_same_factor():
    step, rates = bowl()
    result = lab.range_test(step, low=1e-5, high=1e-1, steps=41)
    assert result.rates == rates
    np.testing.assert_allclose(rates, 1e-5 * 10 ** (np.arange(41) / 10), rtol=1e-12)
    assert not result.diverged


@pytest.mark.parametrize("curvature", [0.1, 1.0, 30.0])
def test_where_it_diverges_and_what_it_suggests(curvature):
    """From 2 / curvature on gradient descent diverges."""
    step, rates = bowl(curvature)
    result = lab.range_test(step, low=1e-4 / curvature, high=1e4 / curvature, steps=300)
    assert result.diverged
    assert len(rates) < 300
    assert rates[-1] > 2 / curvature
    assert 0.005 / curvature < result.suggestion < 1 / curvature
    assert result.suggestion in result.rates


@pytest.mark.parametrize("constant", [0.0, -100.0, 100.0, -25.0])
def test_a_constant_in_the_loss_changes_nothing(constant):
    plain, _ = bowl()
    result = lab.range_test(plain, steps=100, low=1e-4, high=1e4)
    step, _ = bowl()
    moved = lab.range_test(lambda rate: step(rate) + constant, steps=100, low=1e-4, high=1e4)
    assert moved.rates == result.rates
    assert moved.suggestion == result.suggestion
    assert moved.diverged


def test_the_mean():
    losses = iter(np.linspace(3, 1, 30))
    result = lab.range_test(lambda rate: next(losses), steps=30)
    weights = 0.9 ** np.arange(30)[::-1]
    assert result.smoothed[-1] == pytest.approx(weights @ result.losses / weights.sum())
    assert result.smoothed[0] == result.losses[0] == 3.0


def test_the_suggestion_is_where_the_mean_falls():
    losses = iter([*np.linspace(3, 2.9, 40), *[1.0] * 20])
    result = lab.range_test(lambda rate: next(losses), steps=60)
    assert result.suggestion in result.rates[39:42]


def test_a_loss_that_never_falls():
    losses = iter(range(1, 100))
    result = lab.range_test(lambda rate: next(losses), steps=50)
    assert math.isnan(result.suggestion)
    assert result.to_dict()["suggestion"] is None


def test_a_loss_that_becomes_infinite():
    losses = iter([*np.linspace(3, 1, 25), math.inf, math.nan, 1.0])
    result = lab.range_test(lambda rate: next(losses), steps=100)
    assert result.diverged
    assert len(result.losses) == 26
    assert np.isfinite(result.suggestion)
    assert result.to_dict()["losses"][-1] is None


def test_what_makes_no_sense():
    for keywords, message in (
        ({"low": 0.0}, "0 < low < high is wanted"),
        ({"low": 1.0, "high": 0.1}, "0 < low < high is wanted"),
        ({"high": math.inf}, "0 < low < high is wanted"),
        ({"steps": 5}, "steps is 5; at least 20"),
    ):
        with pytest.raises(ValueError, match=message):
            lab.range_test(bowl()[0], **keywords)
    for keywords, message in (
        ({"optimizer": "LBFGS"}, "unknown optimizer 'LBFGS'"),
        ({"batch_size": 0}, "batch_size is 0; a whole number"),
        ({"hidden": (3, 0)}, r"hidden\[1\] is 0; a whole number"),
    ):
        with pytest.raises(ValueError, match=message):
            lab.find_learning_rate(**keywords)


def test_digits():
    """Near the rates that cross-validation chose."""
    pytest.importorskip("sklearn")
    for name, chosen in (("SGD", 0.5), ("momentum", 0.05), ("Adam", 0.005)):
        seen = []
        result = lab.find_learning_rate(name, progress=lambda *done, seen=seen: seen.append(done))
        assert chosen / 5 < result.suggestion < chosen * 5
        assert seen[-1] == (result.name, len(result.rates), 200)
    again = lab.find_learning_rate("Adam")
    assert again == result
    assert lab.find_learning_rate("Adam", seed=1) != result


def test_plot():
    pytest.importorskip("matplotlib")
    step, rates = bowl()
    result = lab.range_test(lambda rate: step(rate) + 3 * (-1) ** len(rates), name="bowl")
    (axes,) = lab.plots.range_test(result).axes
    assert axes.get_xscale() == "log"
    assert {text.get_text() for text in axes.texts} == {"each step", "smoothed"}
    assert axes.get_title(loc="left") == f"bowl: the loss falls fastest at {result.suggestion:.2g}"
    low, high = axes.get_ylim()
    until = np.argmin(result.smoothed) + 1
    assert low < min(result.losses[:until])
    assert high < 3 * max(result.smoothed[:until])


@pytest.mark.parametrize("loss", [math.nan, 1.0, 0.0, math.inf])
def test_plot_of_what_never_falls(loss, tmp_path):
    pytest.importorskip("matplotlib")
    figure = lab.plots.range_test(lab.range_test(lambda rate: loss))
    assert figure.axes[0].get_title(loc="left") == "Loss falls nowhere"
    figure.savefig(tmp_path / "a.png")


def test_command(file, tmp_path, capsys):
    words = "lr-find adam --data data.npz --hidden 8 --batch-size 16 --steps 40 --json"
    assert main([*words.split(), "a.json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("Adam: the loss falls fastest at ")
    assert out.endswith("results: a.json\nplot: schuss-lr-find.png\n")
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["optimizer"] == "Adam"
    assert found["rates"][0] == 1e-6
    assert (tmp_path / "schuss-lr-find.png").stat().st_size > 10_000
    assert main([*words.split(), "-"]) == 0
    assert json.loads(capsys.readouterr().out)["suggestion"] == found["suggestion"]
    for extra, message in (
        (["--low", "1", "--high", "0.1"], "0 < low < high is wanted"),
        (["--steps", "5"], "at least 20"),
        (["--data", "no.npz"], "no such file"),
    ):
        assert message in fails(capsys, 2, *words.split(), "-", *extra)
