"""Paths on surfaces: what the textbooks say of them, plots, and the command."""

from __future__ import annotations

import json

import numpy as np
import pytest
from schuss import lab
from schuss.__main__ import main
from schuss.lab import catalog, surfaces
from test_cli import fails


def ends(result):
    return {path.name: path.points[-1] for path in result.paths}


@pytest.mark.parametrize("name", lab.SURFACES)
def test_every_surface(name):
    surface = lab.SURFACES[name]
    for start, (low, high) in zip(surface.start, surface.box, strict=True):
        assert low < start < high
    result = lab.landscape(name, steps=30)
    assert [path.name for path in result.paths] == list(surfaces.DEFAULT)
    for path in result.paths:
        assert path.points[0].tolist() == list(surface.start)
        assert len(path.points) == len(path.values) <= 31
        assert path.values.tolist() == [surface(point) for point in path.points]
        assert path.values.min() < path.values[0]
        assert (path.learning_rate is None) == (path.name in surfaces.SOLVERS)


def test_the_local_minimum_and_the_global_one():
    result = lab.landscape("wave", ["sgd", "momentum", "newton"])
    found = ends(result)
    assert found["SGD"][0] == pytest.approx(-0.274, abs=0.01)
    assert found["Newton"][0] == pytest.approx(-0.274, abs=0.01)
    assert found["Momentum"][0] == pytest.approx(1.09, abs=0.02)


def test_the_vanishing_gradient():
    found = {path.name: path.values for path in lab.landscape("tanh").paths}
    assert found["SGD"][-1] > 0.99
    assert found["Adam"][-1] < -0.9
    assert len(found["Newton"]) < 15
    assert found["Newton"][-1] < -0.9


def test_a_few_of_newtons_steps_against_many():
    result = lab.landscape("cosh", ["newton", "sgd"], steps=1000)
    below = {p.name: int(np.argmax(p.values < 1.001)) for p in result.paths}
    assert 0 < below["Newton"] < 10
    assert below["SGD"] > 5 * below["Newton"]


def test_the_saddle():
    exact = lab.landscape("saddle", ["sgd", "newton"], start=(-1.0, 0.0))
    found = ends(exact)
    np.testing.assert_allclose(found["SGD"], 0, atol=1e-6)  # it stays on the ridge
    assert abs(found["Newton"][1]) > 10
    beside = lab.landscape("saddle", ["sgd"])
    assert abs(ends(beside)["SGD"][1]) > 10
    assert np.abs(beside.paths[0].values[20:30]).max() < 0.1  # after a while near it


def test_minima():
    for name, minimum in (("rosenbrock", [1, 1]), ("beale", [3, 0.5])):
        for path in lab.landscape(name, ["bfgs", "lbfgs", "sr1", "newton"]).paths:
            assert path.end == "converged"
            np.testing.assert_allclose(path.points[-1], minimum, atol=1e-3)


def test_a_way_to_infinity_ends():
    (path,) = lab.landscape("rosenbrock", "sgd", learning_rate=1.0).paths
    assert path.end == "infinite"
    assert np.isfinite(path.values).all()
    assert 1 < len(path.values) < 20


def test_all_names_walk():
    seen = []
    result = lab.landscape(
        "valley", surfaces.known(), steps=3, progress=lambda *done: seen.append(done)
    )
    assert [path.name for path in result.paths] == surfaces.known()
    assert seen[-1] == ("NewtonTextbook", len(seen), len(seen))
    assert len({path.points[-1].tobytes() for path in result.paths}) > 15


def test_what_makes_no_sense():
    for arguments, message in (
        ({"surface": "hill"}, "unknown surface 'hill'"),
        ({"optimizers": ["adma"]}, "unknown optimizer 'adma'"),
        ({"optimizers": []}, "no optimizer named"),
        ({"steps": 0}, "steps is 0; a whole number of at least 1"),
        ({"start": (1.0,)}, "valley has 2 variables; start X,Y is wanted, 1 came"),
        ({"start": (np.inf, 1.0)}, "a finite start is wanted"),
    ):
        with pytest.raises(ValueError, match=message):
            lab.landscape(**{"surface": "valley", **arguments})


@pytest.mark.parametrize("name", ["wave", "saddle", "rosenbrock"])
def test_plot(name, tmp_path):
    pytest.importorskip("matplotlib")
    result = lab.landscape(name, ["sgd", "adam", "newton"], steps=20)
    figure = lab.plots.landscape(result)
    left, right = figure.axes
    assert (left.get_xlabel(), right.get_xlabel(), right.get_ylabel()) == ("x", "step", "f")
    assert left.get_ylabel() == ("y" if len(result.surface.box) == 2 else left.get_ylabel())
    labels = sorted(text.get_text() for text in right.texts)
    assert (labels[1], labels[2]) == ("Newton", f"SGD ({result.surface.rate:.2g})")
    assert labels[0].startswith("Adam (")
    assert len(labels) == 3
    assert result.surface.formula in figure.get_suptitle()
    low, high = right.get_ylim()
    assert low < min(path.values[0] for path in result.paths) < high
    for path, line in zip(result.paths, right.get_lines(), strict=True):
        assert line.get_ydata().tolist() == path.values.tolist()
    for axes in (left, right) if len(result.surface.box) == 2 else (right,):
        for path, line in zip(result.paths, axes.get_lines(), strict=False):
            assert (line.get_color(), line.get_marker()) == catalog.look(path.name)
    figure.savefig(tmp_path / "a.png")  # which lays it out
    for part in (*right.texts, left.xaxis.label, left.yaxis.label, right.yaxis.label):
        assert all(figure.bbox.contains(*corner) for corner in part.get_window_extent().corners())


def test_the_textbooks_newton_goes_to_the_saddle_and_away_from_the_minimum():
    saddle = lab.landscape("saddle", ["newton", "newton_textbook"], start=(-1.0, 0.5))
    safe, textbook = saddle.paths
    assert textbook.name == "NewtonTextbook"
    np.testing.assert_allclose(textbook.points[-1], 0, atol=1e-6)
    assert textbook.end == "a saddle"
    assert safe.end == "unbounded below"
    (climbs,) = lab.landscape("tanh", "newton_textbook").paths
    assert climbs.values[-1] > climbs.values[0]
    assert climbs.end.startswith("flat: gradient ")


def test_what_is_no_minimum_is_not_called_one():
    for path in lab.landscape("saddle", ["sgd", "lbfgs"], start=(-1.8, 0.0)).paths:
        assert path.end == "a saddle"
    for path in lab.landscape("tanh", ["lbfgs", "newton"]).paths:
        assert path.end.startswith("flat: gradient ")
    top = surfaces.Surface("hill", "-x²", lambda x: -(x**2), (0.0,), ((-1.0, 1.0),), 0.1)
    assert lab.landscape(top, "sgd", steps=2).paths[0].end == "a maximum"
    assert lab.landscape("cosh", "lbfgs").paths[0].end == "converged"


def test_settings_reach_one_optimizer():
    plain = ends(lab.landscape("valley", ["sgd", "momentum"], steps=9))
    result = lab.landscape(
        "valley", ["sgd", "momentum"], steps=9, settings={"momentum": {"momentum": 0.0}}
    )
    found = ends(result)
    assert found["SGD"].tolist() == plain["SGD"].tolist()
    assert found["Momentum"].tolist() != plain["Momentum"].tolist()
    slow, fast = (
        lab.landscape("valley", "newton_textbook", settings={"NewtonTextbook": given}).paths[0]
        for given in ({"learning_rate": 0.5}, {})
    )
    assert len(slow.points) > len(fast.points)


def test_the_box_follows_the_paths():
    assert lab.landscape("valley", "sgd").surface.box == lab.SURFACES["valley"].box
    moved = lab.landscape("saddle", ["sgd", "adam"], start=(-1.0, 2.0)).surface.box
    assert moved[0] == (-2.0, 2.0)
    assert moved[1][0] == -2.0
    assert 5 < moved[1][1] <= 6
    told = lab.landscape("saddle", "sgd", start=(-1.0, 2.0), box=[(-1, 1), (0, 3)])
    assert told.surface.box == ((-1.0, 1.0), (0.0, 3.0))


def test_animation(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    result = lab.landscape("valley", ["sgd", "newton"], steps=20)
    lab.plots.animation(result, tmp_path / "a.gif", frames=6)
    with image.open(tmp_path / "a.gif") as film:
        frames = []
        for k in range(film.n_frames):
            film.seek(k)
            frames.append(film.convert("RGB").tobytes())
    assert len(set(frames)) >= 5
    assert frames[0] != frames[-1]


@pytest.fixture
def mine(command_line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = (
        "def bowl(x, y):\n    return x**2 + 3 * y**2\ndef broken(x):\n    raise RuntimeError('no')"
    )
    (tmp_path / "my_hills.py").write_text(code)


def test_command(mine, capsys, tmp_path):
    words = "landscape my_hills:bowl --start 3,-2 --optimizers adam,newton --steps 12 --json a.json"
    assert main(words.split()) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "Newton" in out
    assert out.endswith("results: a.json\nplot: schuss-landscape.png\n")
    found = json.loads((tmp_path / "a.json").read_text())
    assert [path["optimizer"] for path in found["paths"]] == ["Adam", "Newton"]
    assert found["start"] == [3.0, -2.0]
    assert len(found["paths"][0]["points"]) == 13
    assert np.abs(found["paths"][1]["points"][-1]).max() < 1e-5
    assert (tmp_path / "schuss-landscape.png").stat().st_size > 10_000
    assert (
        main(["landscape", "my_hills:bowl", "--start", "-3,2", "--box", "-9,5,-8,7", "--json", "-"])
        == 0
    )
    assert json.loads(capsys.readouterr().out)["start"] == [-3.0, 2.0]
    assert main(["landscape", "wave", "--plot", "b.gif", "--steps", "5", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["surface"] == "wave"
    assert (tmp_path / "b.gif").read_bytes()[:3] == b"GIF"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("hill", "unknown surface 'hill'"),
        ("my_hills:bowl", "needs --start"),
        ("my_hills:valley --start 1", "has no attribute 'valley'"),
        ("no_hills:bowl --start 1", "there is no module 'no_hills'"),
        (":bowl --start 1", "module:function is wanted"),
        ("my_hills:broken --start 1", "my_hills:broken at (1.0,): no"),
        ("my_hills:bowl --start 1,2 --box 0,1,2", "--box has 3 numbers"),
        ("my_hills:bowl --start 1,2 --box 0,1,2,1", "a lower and a higher number"),
        ("wave --box 0,1,2", "--box has 3 numbers"),
        ("sadle", "did you mean 'saddle'?"),
        ("wave --start 1,2", "wave has one variable; start X is wanted, 2 came"),
        ("wave --set Adam.bta1=0.5", "Adam has no bta1; did you mean 'beta1'?"),
        ("wave --set Lion.beta1=0.5", "'Lion', which is not at work"),
        ("wave --start a", "'a' is given; numbers with commas between are wanted"),
        ("wave --optimizers adma", "unknown optimizer 'adma'; did you mean 'Ada"),
        ("wave --plot a.foo", "a name that ends in one of"),
        ("wave --plot no/a.png", "no is no directory"),
    ],
)
def test_command_with_bad_words(mine, capsys, words, message):
    assert message in fails(capsys, 2, "landscape", *words.split())
