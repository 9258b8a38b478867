"""The lab: its network, its data, `schuss.lab.compare`, the table and the plot."""

from __future__ import annotations

import dataclasses
import gzip
import io
import itertools
import json
import math
import subprocess
import sys
import time

import numpy as np
import pytest
import schuss
from helpers import peak
from schuss import lab
from schuss.lab import catalog, comparison, data, network, textbook

SMALL = {"epochs": 4, "batch_size": 16, "hidden": (8,)}


# The network.


@pytest.mark.parametrize("sizes", [[5, 3], [5, 4, 3], [5, 6, 4, 3]], ids=str)
def test_gradients_against_finite_differences(sizes, rng):
    params = network.initialize(sizes, rng=1, dtype=np.float64)
    for layer in params:
        layer["bias"][...] = rng.normal(size=layer["bias"].shape)
    x, y = rng.normal(size=(9, sizes[0])), rng.integers(sizes[-1], size=9)
    loss, grads = network.loss_and_gradients(params, x, y)
    assert loss == pytest.approx(network.mean_loss(params, x, y), rel=1e-15)
    for layer, layer_grads in zip(params, grads, strict=True):
        assert list(layer) == list(layer_grads)
        for name, array in layer.items():
            assert array.shape == layer_grads[name].shape
            for index in np.ndindex(array.shape):
                value = array[index]
                array[index] = value + 1e-6
                above = network.mean_loss(params, x, y)
                array[index] = value - 1e-6
                below = network.mean_loss(params, x, y)
                array[index] = value
                assert layer_grads[name][index] == pytest.approx((above - below) / 2e-6, abs=1e-8)


def test_network_keeps_float32_and_its_inputs(rng):
    params = network.initialize([4, 6, 3], rng=0)
    x, y = rng.normal(size=(10, 4)).astype(np.float32), rng.integers(3, size=10)
    before = [params[0]["weight"].copy(), x.copy()]
    _, grads = network.loss_and_gradients(params, x, y)
    assert {array.dtype for layer in grads for array in layer.values()} == {np.dtype(np.float32)}
    assert np.array_equal(params[0]["weight"], before[0])
    assert np.array_equal(x, before[1])


def test_loss_of_large_logits_is_finite():
    params = [{"weight": np.eye(2) * 1e4, "bias": np.zeros(2)}]
    loss, grads = network.loss_and_gradients(params, np.eye(2), np.array([0, 0]))
    assert loss == pytest.approx(5e3)
    assert np.isfinite(grads[0]["weight"]).all()


def test_initialize_is_he_normal_and_seeded():
    params = network.initialize([400, 300, 10], rng=3)
    assert params[0]["weight"].std() == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    assert not params[1]["bias"].any()
    again = network.initialize([400, 300, 10], rng=3)
    assert np.array_equal(params[1]["weight"], again[1]["weight"])
    with pytest.raises(ValueError, match="sizes"):
        network.initialize([4])


# The data.


def test_digits():
    pytest.importorskip("sklearn")
    digits = data.digits()
    assert digits.classes == tuple("0123456789")
    assert len(digits.y_train) + len(digits.y_test) == 1797
    assert digits.x_train.dtype == np.float32
    assert (digits.x_train.min(), digits.x_train.max()) == (0, 1)
    share = np.bincount(digits.y_test) / np.bincount(np.r_[digits.y_train, digits.y_test])
    assert np.all(np.abs(share - 0.2) < 0.01)


def test_split_keeps_rows_with_their_labels():
    x = np.arange(60.0).reshape(30, 2)
    y = np.arange(30) % 2 * 10
    parts = data.split("toy", x, y)
    assert parts.classes == ("0", "10")
    for rows, labels in [(parts.x_train, parts.y_train), (parts.x_test, parts.y_test)]:
        assert np.array_equal(labels, rows[:, 0] // 2 % 2)
    seen = np.concatenate([parts.x_train, parts.x_test])
    assert np.array_equal(np.sort(seen[:, 0]), x[:, 0])
    # The fifth, tenth and fifteenth row of each class.
    assert np.array_equal(parts.x_test[:, 0] // 2, [8, 9, 18, 19, 28, 29])


def test_load_npz_of_images_is_standardized(tmp_path, rng):
    x = rng.normal(5, 3, (50, 4, 2)).astype(np.float32)
    x[:, 0, 0] = 7
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(50) % 2)
    loaded = data.load(tmp_path / "a.npz")
    assert loaded.name == "a.npz"
    assert loaded.x_train.shape == (40, 8)
    np.testing.assert_allclose(loaded.x_train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(loaded.x_train.std(axis=0), [0] + [1] * 7, atol=1e-6)
    assert loaded.x_train.dtype == loaded.x_test.dtype == np.float32


def test_csv_labels_that_are_numbers_sort_as_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("".join(f"{i},{i % 2 * 8 + 2}\n" for i in range(20)))
    assert data.load(tmp_path / "a.csv").classes == ("2", "10")


ROWS = [(i / 4, -i, "cat" if i % 2 else "dog") for i in range(20)]


def _csv(separator=",", form=str, begin="", end="\n"):
    return begin + "".join(separator.join(map(form, row)) + end for row in ROWS)


GOOD_FILES = {
    "commas": _csv(),
    "spaces after commas": _csv(", "),
    "semicolons": _csv(";", begin="a;b;label\n"),
    "decimal commas": _csv(";", lambda cell: str(cell).replace(".", ",")),
    "tabs": _csv("\t", end="\r\n"),
    "bars": _csv("|"),
    "spaces": _csv("  ", begin="a b label\n"),
    "quotes": _csv(form=lambda cell: f'"{cell}"'),
    "numbers in the header": _csv(begin="2019,temp,label\n"),
    "comments": _csv(begin="# exported 2026-11-27\n#\n\na,b,label\n"),
    "empty lines": _csv(end="\n\n"),
    "utf-8 with a mark": _csv().encode("utf-8-sig"),
    "utf-16": _csv(";", begin="a;b;label\n").encode("utf-16"),
    "latin-1": _csv(begin="Größe,b,label\n").encode("latin-1"),
    "latin-1 alone": _csv(begin="Gr\x81\xf6,b,label\n").encode("latin-1"),
    "comments among the rows": _csv(end="\n# a, b, and c\n#\n## note\n"),
    "a separator that is named": _csv(";", begin="sep=;\n"),
}


@pytest.mark.parametrize("name", GOOD_FILES)
def test_csv_as_people_have_it(name, tmp_path):
    _text(GOOD_FILES[name])(tmp_path / "a.csv")
    loaded = data.load(tmp_path / "a.csv")
    _text(_csv())(tmp_path / "b.csv")
    plain = data.load(tmp_path / "b.csv")
    assert loaded.classes == ("cat", "dog")
    assert np.array_equal(loaded.x_train, plain.x_train)
    assert np.array_equal(loaded.y_test, plain.y_test)


def _labels(tmp_path, names):
    (tmp_path / "a.csv").write_text("".join(f"{i},{n}\n" for i, n in enumerate(names * 10)))
    return data.load(tmp_path / "a.csv").classes


def test_labels_are_as_they_are_spelt(tmp_path):
    large = ["9007199254740992", "9007199254740993", "9007199254740994"]
    assert _labels(tmp_path, large) == tuple(large)
    assert _labels(tmp_path, ["1", "1.0", "2"]) == ("1", "2")
    assert _labels(tmp_path, ["01", "1", "10"]) == ("01", "1", "10")
    assert _labels(tmp_path, ["none", "some "]) == ("none", "some")
    np.savez(tmp_path / "b.npz", X=np.ones((20, 1)), y=np.array([b"a", b"b"] * 10))
    assert data.load(tmp_path / "b.npz").classes == ("a", "b")
    np.savez(tmp_path / "b.npz", X=np.ones((20, 1)), y=np.array(["a ", " a", "b", "b"] * 5))
    assert data.load(tmp_path / "b.npz").classes == ("a", "b")
    lines = "".join(f"{i},{'€“'[i % 2]}\n" for i in range(20))
    (tmp_path / "c.csv").write_bytes(lines.encode("cp1252"))
    assert data.load(tmp_path / "c.csv").classes == ("“", "€")


@pytest.mark.parametrize("word", ["", "NA", "N/A", "NaN", "nan", "null", "#N/A", "<NA>", "None"])
def test_a_missing_label_is_no_class(tmp_path, word):
    names = ["a", "b", word, "b"] * 5
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{i},{n}\n" for i, n in enumerate(names)))
    with pytest.raises(ValueError, match=r"line 4: the label is missing \(column 2\)"):
        data.load(tmp_path / "a.csv")
    np.savez(tmp_path / "a.npz", X=np.ones((20, 1)), y=np.array(names))
    with pytest.raises(ValueError, match=f"y is '{word}' at index 2: the label is missing"):
        data.load(tmp_path / "a.npz")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mean_goes_before_the_digits_do(tmp_path, rng, dtype):
    z = rng.normal(size=500)
    x = np.c_[(1_700_000_000 + 10 * z if dtype is np.float64 else 1e4 + z), np.full(500, 0.1)]
    np.savez(tmp_path / "a.npz", X=x.astype(dtype), y=(z > 0).astype(int))
    lines = (f"{a:.3f},{b},{int(c > 0)}\n" for (a, b), c in zip(x, z, strict=True))
    (tmp_path / "a.csv").write_text("".join(lines))
    for name in ("a.npz", "a.csv"):
        train = data.load(tmp_path / name).x_train.astype(np.float64)
        assert train[:, 0].std() == pytest.approx(1, abs=0.01)
        assert abs(train[:, 0].mean()) < 1e-6
        assert len(np.unique(train[:, 0])) > 370
        assert not train[:, 1].any()


@pytest.mark.parametrize("form", ["{:.6f}", "{:.0f}"], ids=["fractions", "digits"])
def test_memory_of_a_csv(tmp_path, rng, form):
    x = np.abs(rng.normal(size=(20_000, 20))).clip(0, 9)
    with (tmp_path / "a.csv").open("w") as file:
        for k, row in enumerate(x):
            file.write(",".join([form.format(cell) for cell in row] + [str(k % 2)]) + "\n")
    needed, _ = peak(lambda: data.load(tmp_path / "a.csv"))
    assert needed < 4 * (tmp_path / "a.csv").stat().st_size


def _npz(**arrays):
    return lambda path: np.savez(path, **arrays)


def _text(text):
    return lambda path: path.write_bytes(text if isinstance(text, bytes) else text.encode())


TWENTY = "".join(f"{i},{i % 2}\n" for i in range(20))
LABELS = np.arange(20) % 2
BAD_FILES = {
    "missing.npz": (lambda path: None, "no such file"),
    "text.npz": (_text("hello"), "not a .npz file"),
    "table.xlsx": (_text("hello"), "a .npz or a .csv"),
    "names.npz": (_npz(images=np.ones((20, 2)), y=LABELS), "are images, y"),
    "lengths.npz": (_npz(X=np.ones((21, 2)), y=LABELS), "(21, 2) and y (20,)"),
    "flat.npz": (_npz(X=np.ones(20), y=LABELS), "(20,) and y (20,)"),
    "onehot.npz": (_npz(X=np.ones((20, 2)), y=np.eye(20)), "(20, 2) and y (20, 20)"),
    "columns.npz": (_npz(X=np.ones((20, 0)), y=LABELS), "(20, 0)"),
    "empty.npz": (_npz(X=np.ones((0, 2)), y=np.ones(0)), "(0, 2)"),
    "nan.npz": (_npz(X=np.r_[np.ones((19, 2)), [[1, np.nan]]], y=LABELS), "index 19"),
    "huge.npz": (_npz(X=np.full((20, 2), 1e300), y=LABELS), "infinity"),
    "complex.npz": (_npz(X=np.ones((20, 2), complex), y=LABELS), "real numbers"),
    "objects.npz": (_npz(X=np.ones((20, 2)), y=np.array([{}] * 20)), "bjects"),
    "nanlabel.npz": (_npz(X=np.ones((20, 2)), y=np.full(20, np.nan)), "y holds NaN"),
    "targets.npz": (_npz(X=np.ones((20, 2)), y=np.linspace(0, 1, 20)), "fractions"),
    "one.npz": (_npz(X=np.ones((20, 2)), y=np.zeros(20)), "labels of 1 class; at least two"),
    "rare.npz": (_npz(X=np.ones((20, 2)), y=np.r_[7, np.zeros(19)]), "class 7 has 1 rows"),
    "words.csv": (_text(TWENTY + "x,0\n"), "line 21: 'x' is not a number"),
    "ragged.csv": (_text(TWENTY + "1,2,0\n"), "line 21 has 3 columns"),
    "nan.csv": (_text(TWENTY + "nan,0\n"), "NaN"),
    "hole.csv": (_text("a,b\n" + TWENTY + ",0\n"), "line 22: '' is not a number"),
    "narrow.csv": (_text("1\n2\n3\n"), "there is one column"),
    "header.csv": (_text("a,b\n"), "no rows"),
    "empty.csv": (_text(""), "no rows"),
    "ambiguous.npz": (_npz(X=np.ones((20, 2)), x=np.zeros((20, 2)), y=LABELS), "both X and x"),
    "pandas.npz": (_npz(X=np.ones((20, 2)), y=LABELS.astype(object)), "save y.astype(str)"),
    "times.npz": (_npz(X=np.ones((20, 2)), y=LABELS.astype("M8[s]")), "whole numbers or words"),
    "emptyword.npz": (_npz(X=np.ones((20, 2)), y=np.array(["a", ""] * 10)), "y is '' at"),
    "nolabel.csv": (_text("a,b\n" + TWENTY + "1,\n"), "line 22: the label is missing (column 2)"),
    "nanlabel.csv": (_text(TWENTY + "1,NaN\n"), "line 21: the label is missing"),
    "trailing.csv": (_text(TWENTY.replace("\n", ",\n")), "the label column is empty"),
    "quantity.csv": (
        _text("".join(f"{i},{i + 100}\n" for i in range(60))),
        "60 distinct labels in 60 rows look like a quantity",
    ),
    "prices.csv": (_text("".join(f"{i},{i + 0.25}\n" for i in range(60))), "fractions"),
    "column.csv": (_text("# from here\n" + TWENTY + "?,0\n"), "is not a number (column 1)"),
    "trailing-words.csv": (_text(_csv(end=",\n")), "the label column is empty"),
    "trailing-header.csv": (_text("a,b,c\n" + _csv(end=",\n")), "the label column is empty"),
    "excel.csv": (_text(TWENTY + "#N/A,0\n"), "line 21: '#N/A' is not a number"),
    "marks.csv": (
        _text("".join(f"{i}{'.,'[i == 7]}500;{i % 2}\n" for i in range(20))),
        "line 8 has a decimal comma and line 1 a point",
    ),
    "open-quote.csv": (_text(TWENTY + '1,"a\n' + 90 * TWENTY), "class a 0,0 1,1"),
    "infinity16.npz": (
        _npz(X=np.r_[np.ones((19, 2)), [[1, np.inf]]].astype(np.float16), y=LABELS),
        "index 19",
    ),
    "packed.csv": (_text(gzip.compress(TWENTY.encode())), "not a text file"),
    "binary.csv": (_text(b"\xff\xfe\x00\x81"), "not a text file"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(name, tmp_path):
    write, words = BAD_FILES[name]
    write(tmp_path / name)
    with pytest.raises(ValueError, match=r".") as caught:
        data.load(tmp_path / name)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / name) + ": ")
    assert words in message
    assert "\n" not in message


# The comparison.


def test_every_optimizer_learns(blobs):
    result = lab.compare("all", data=blobs, **{**SMALL, "epochs": 10})
    assert [entry.name for entry in result.results] == lab.available()
    assert set(schuss.optimizers.__all__) <= {entry.name for entry in result.results}
    for entry in result.results:
        assert len(entry.train_loss) == (11 if entry.has_epochs else 21)
        assert len(entry.test_accuracy) == len(entry.seconds) == len(entry.train_loss)
        assert entry.seconds[0] == 0 < entry.seconds[1]
        assert entry.train_loss[-1] < 0.9 * entry.train_loss[0], entry.name
        assert entry.step_us > 0
        twin = entry.peer_us  # a new rule may have none in the textbook
        assert entry.ratio == (None if twin is None else twin / entry.step_us)


def test_all_start_alike_and_the_seed_decides(blobs):
    names = ["SGD", "Adam"]
    first, again = (lab.compare(names, data=blobs, **SMALL) for _ in range(2))
    other = lab.compare(names, data=blobs, seed=1, **SMALL)
    for a, b, c in zip(first.results, again.results, other.results, strict=True):
        assert a.train_loss == b.train_loss
        assert a.test_accuracy == b.test_accuracy
        assert a.train_loss[0] != c.train_loss[0]
    assert first.results[0].train_loss[0] == first.results[1].train_loss[0]
    alone = lab.compare(["Adam"], data=blobs, **SMALL)
    assert alone.results[0].train_loss == first.results[1].train_loss


def test_it_is_our_optimizer_that_trains(blobs):
    """The same run by hand, with schuss alone."""
    rng = np.random.default_rng(5)
    params = network.initialize([2, 8, 3], rng=rng)
    batches = schuss.minibatches(blobs.x_train, blobs.y_train, batch_size=16, rng=rng)
    optimizer = schuss.AdaBelief(learning_rate=0.01)
    for x, y in itertools.chain.from_iterable(itertools.repeat(batches, 4)):
        optimizer.step(params, network.loss_and_gradients(params, x, y)[1])
    result = lab.compare(["adabelief"], data=blobs, seed=5, learning_rate=0.01, **SMALL)
    wanted = network.mean_loss(params, blobs.x_train, blobs.y_train)
    assert result.results[0].train_loss[-1] == wanted


def test_variants_are_the_settings_that_they_name(blobs):
    names = lab.available()
    at = names.index("SGD")
    assert names[at : at + 3] == ["SGD", "Momentum", "Nesterov"]
    result = lab.compare(["nesterov", "AMSGRAD"], data=blobs, **SMALL)
    nesterov, amsgrad = result.results
    assert (nesterov.optimizer, nesterov.settings["nesterov"]) == ("SGD", True)
    assert (amsgrad.optimizer, amsgrad.settings["amsgrad"]) == ("Adam", True)


def test_a_solver_takes_all_rows_and_joins_the_others(blobs):
    """The same run by hand: an evaluation is no epoch, loss and gradient are the best point's."""
    result = lab.compare(["lbfgs", "adam"], data=blobs, seed=5, **{**SMALL, "epochs": 12})
    entry, adam = result.results
    assert (entry.name, entry.settings, entry.ratio) == ("LBFGS", {"history_size": 10}, None)
    assert (len(entry.train_loss), len(adam.train_loss)) == (25, 13)
    assert (entry.has_epochs, entry.epochs_to(0.0)) == (False, None)
    assert entry.seconds_to(0.0) == 0
    assert entry.train_loss[0] == adam.train_loss[0]
    start = network.initialize([2, 8, 3], rng=np.random.default_rng(5))
    solver = schuss.LBFGS(start, gtol=0.0)
    for loss, norm in zip(entry.train_loss[1:], entry.gradient_norm, strict=True):
        solver.tell(*network.loss_and_gradients(solver.ask(), blobs.x_train, blobs.y_train))
        found = solver.result()
        assert found.fun == loss
        squares = [float((a**2).sum()) for g in found.jac for a in g.values()]
        assert norm == pytest.approx(math.sqrt(sum(squares)), rel=1e-5)
    x = solver.result().x
    assert entry.test_accuracy[-1] == network.accuracy(x, blobs.x_test, blobs.y_test)
    assert sorted(entry.train_loss, reverse=True) == entry.train_loss
    assert entry.train_loss[-1] < 0.5 * entry.train_loss[0]


def test_batch_sizes(blobs):
    calls = []

    def count(name, done, total):
        calls.append((name, done, total))

    for size, steps in [(1, 96), (None, 1), (1000, 1), (40, 3)]:
        result = lab.compare(
            ["sgd"], data=blobs, epochs=2, hidden=(), batch_size=size, progress=count
        )
        assert result.batch_sizes == [96 if steps == 1 else size]
    assert calls[:2] == [("SGD", 1, 2), ("SGD", 2, 2)]


def test_each_batch_size_and_initializer_is_a_run_of_its_own(blobs):
    calls = []
    result = lab.compare(
        ["sgd", "lbfgs"],
        data=blobs,
        epochs=2,
        hidden=(8,),
        batch_size=[1, 16, None, 96],
        init=["he_normal", "zeros"],
        progress=lambda *now: calls.append(now),
    )
    assert result.batch_sizes == [1, 16, 96]
    assert [entry.label for entry in result.results] == [
        "SGD, batch 1, he_normal",
        "SGD, batch 1, zeros",
        "SGD, batch 16, he_normal",
        "SGD, batch 16, zeros",
        "SGD, all rows, he_normal",
        "SGD, all rows, zeros",
        "LBFGS, he_normal",
        "LBFGS, zeros",
    ]
    assert "batches of 1, 16 and all rows" in result.summary()
    assert calls[-1] == ("LBFGS, zeros", 16, 16)
    for entry in result.results:
        alone = lab.compare(
            [entry.name],
            data=blobs,
            epochs=2,
            hidden=(8,),
            batch_size=entry.batch_size,
            init=entry.init,
        ).results[0]
        assert alone.label == entry.name
        assert alone.train_loss == entry.train_loss
        assert alone.settings == entry.settings


def test_gradients_and_updates_are_those_of_the_steps(blobs):
    """One step an epoch, by hand: its gradient, and its change over the parameters before it."""
    result = lab.compare(["adam"], data=blobs, epochs=3, hidden=(8,), batch_size=None, seed=5)
    rng = np.random.default_rng(5)
    params = network.initialize([2, 8, 3], rng=rng)
    order = schuss.minibatches(blobs.x_train, blobs.y_train, batch_size=96, rng=rng)
    optimizer = schuss.Adam(learning_rate=0.005)

    def flat(tree):
        return np.concatenate([array.ravel() for layer in tree for array in layer.values()])

    for epoch in range(3):
        ((x, y),) = order
        _, grads = network.loss_and_gradients(params, x, y)
        before = flat(params)
        optimizer.step(params, grads)
        change = np.linalg.norm(flat(params) - before) / np.linalg.norm(before)
        assert result.results[0].gradient_norm[epoch] == np.linalg.norm(flat(grads))
        assert result.results[0].update_ratio[epoch] == pytest.approx(change, rel=1e-12)


def test_gradients_of_many_steps_are_watched_to_their_median(blobs, monkeypatch):
    """96 batches of one row: every 12th step counts, so that norms are of 8 of them."""
    seen = []
    real = network.loss_and_gradients

    def spy(params, x, y):
        loss, grads = real(params, x, y)
        seen.append(np.sqrt(sum(float((a**2).sum()) for g in grads for a in g.values())))
        return loss, grads

    monkeypatch.setattr(network, "loss_and_gradients", spy)
    entry = lab.compare(["sgd"], data=blobs, epochs=2, hidden=(), batch_size=1).results[0]
    medians = [np.median(seen[0:96:12]), np.median(seen[96:192:12])]
    np.testing.assert_allclose(entry.gradient_norm, medians, rtol=1e-5)


def test_smaller_batches_have_smaller_rates():
    rates = {name: catalog.LEARNING_RATES[name] for name in ("SGD", "Nesterov", "Adam", "Lion")}
    assert {name: catalog.learning_rate(name, 64) for name in rates} == rates
    assert {name: catalog.learning_rate(name, 5000) for name in rates} == rates
    assert catalog.learning_rate("Nesterov", 16) == rates["Nesterov"] / 4
    assert catalog.learning_rate("Lion", 16) == rates["Lion"] / 2


def test_starts_are_the_spread_of_each_initializer(rng):
    x, y = rng.normal(size=(4000, 50)), rng.integers(10, size=4000)
    made = data.split("noise", x, y)
    inits = ["he_normal", "glorot_uniform", "zeros"]
    result = lab.compare(["sgd"], data=made, epochs=1, hidden=(200, 200), init=inits)
    assert [start.init for start in result.starts] == inits
    he, glorot, zeros = result.starts
    # With He's variance the mean square of what goes into each relu is 2, of what comes out 1, and
    # the variance 1 - 1 / pi. Glorot's is smaller by (n_in + n_out) / n_in.
    assert he.forth[:2] == pytest.approx([math.sqrt(1 - 1 / math.pi)] * 2, rel=0.1)
    assert glorot.forth[1] < 0.7 * he.forth[1]
    assert glorot.back[0] != he.back[0]
    assert zeros.forth == [0, 0, 0]
    assert zeros.back[:2] == [0, 0]
    assert zeros.back[2] == pytest.approx(0.3, abs=0.01)  # of softmax - onehot, ten classes


def test_an_initializer_reaches_the_network(blobs):
    result = lab.compare(["sgd"], data=blobs, init="orthogonal", **SMALL)
    start = network.initialize([2, 8, 3], init="orthogonal", rng=0)
    loss = network.mean_loss(start, blobs.x_train, blobs.y_train)
    assert result.results[0].train_loss[0] == loss


@pytest.mark.parametrize("init", network.INITS)
def test_every_initializer_makes_a_network(init):
    params = network.initialize([7, 5, 3], init=init, rng=0)
    assert [layer["weight"].shape for layer in params] == [(7, 5), (5, 3)]
    assert {array.dtype for layer in params for array in layer.values()} == {np.dtype("float32")}


def test_schedules_reach_the_optimizer(blobs):
    losses = {}
    for name in lab.schedule_names():
        for schedule in (name, f"warmup+{name}"):
            result = lab.compare(["sgd"], data=blobs, schedule=schedule, **SMALL)
            losses[schedule] = result.results[0].train_loss[-1]
            assert result.schedule == schedule
    assert len(set(losses.values())) == len(losses)


@pytest.mark.parametrize("name", comparison._SCHEDULES)
def test_schedules_start_at_the_rate_and_end_low(name):
    schedule = comparison._schedule(name, 0.5, 100)
    if name == "constant":
        assert schedule == 0.5
        return
    values = [schedule(t) for t in range(100)]
    assert max(values) == pytest.approx(0.5)
    assert values[-1] < 0.5 / 3
    warmed = [comparison._schedule(f"warmup+{name}", 0.5, 100)(t) for t in range(100)]
    assert max(warmed) == pytest.approx(0.5)
    assert warmed[0] <= 0.1
    assert warmed[-1] < 0.5 / 3
    assert warmed[5:] == [comparison._SCHEDULES[name](0.5, 95)(t) for t in range(95)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"optimizers": ["adma"]}, "unknown optimizer 'adma'; did you mean 'Adam'"),
        ({"optimizers": []}, "no optimizer"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'; known: constant"),
        ({"schedule": "warmpu+cosine"}, "unknown schedule"),
        ({"engine": "numpi"}, "unknown engine 'numpi'; known: numpy, torch; did you mean 'numpy'"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": [16, 0]}, "batch_size"),
        ({"batch_size": []}, r"batch_size is \[\] and"),
        ({"init": []}, r"and init \[\]; at least one"),
        ({"init": "he"}, "unknown initializer 'he'; known: he_normal"),
        ({"hidden": (8, 0)}, r"hidden\[1\]"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"settings": {"Adma": {}}}, "'Adma', which is not at work; did you mean 'Adam'"),
        ({"settings": {"Adam": {"eps": 1}}}, "Adam has no eps; did you mean 'epsilon'"),
        ({"settings": {"LBFGS": {"beta1": 1}}}, "LBFGS has no beta1"),
        ({"settings": {"Adam": {"beta1": 1.5}}}, "Adam: beta1 is 1.5"),
        ({"settings": {"Adam": {"beta1": abs}}}, "a plain value is wanted"),
    ],
)
def test_bad_arguments(arguments, words, blobs):
    with pytest.raises(ValueError, match=words):
        lab.compare(**{"data": blobs, **SMALL, **arguments})


def test_a_new_optimizer_is_picked_up_and_may_lack_a_twin(blobs, monkeypatch):
    class Novel(schuss.Adam):
        """As Adam, under a name that the lab has never heard of."""

    monkeypatch.setattr(schuss.optimizers, "Novel", Novel, raising=False)
    monkeypatch.setattr(schuss.optimizers, "__all__", [*schuss.optimizers.__all__, "Novel"])
    assert "Novel" in lab.available()
    result = lab.compare(["novel", "adam"], data=blobs, learning_rate=0.01, **SMALL)
    novel, adam = result.results
    assert novel.train_loss == adam.train_loss
    assert novel.peer_us is None
    assert novel.ratio is None
    assert lab.compare(["novel"], data=blobs, **SMALL).results[0].settings == {
        "learning_rate": 0.001
    }


def test_times_are_those_of_the_steps(blobs, monkeypatch):
    class Slow(textbook.SGD):
        def step(self, params, grads):
            time.sleep(0.002)
            super().step(params, grads)

    monkeypatch.setattr(textbook, "get", {"SGD": Slow}.get)
    entry = lab.compare(["sgd"], data=blobs, **SMALL).results[0]
    assert entry.peer_us > 2000
    assert entry.step_us < 1000


def test_only_some_steps_of_a_long_run_are_timed(blobs, monkeypatch):
    calls = []

    class Counted(textbook.SGD):
        def step(self, params, grads):
            calls.append(1)
            super().step(params, grads)

    monkeypatch.setattr(textbook, "get", {"SGD": Counted}.get)
    monkeypatch.setattr(comparison, "TIMED_STEPS", 10)
    lab.compare(["sgd"], data=blobs, epochs=3, batch_size=4, hidden=())
    assert len(calls) == 9  # every 8th of 72 steps


def test_divergence_is_a_result(blobs):
    result = lab.compare(["sgd"], data=blobs, learning_rate=1e30, **SMALL)
    assert not math.isfinite(result.results[0].train_loss[-1])
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    for curve in ("train_loss", "test_accuracy", "gradient_norm", "update_ratio"):
        assert plain["results"][0][curve][-1] is None


def test_a_network_of_nan_has_no_accuracy(rng):
    """Though 96 % of the rows are of the class that argmax takes for NaN."""
    labels = (np.arange(500) % 25 == 0).astype(int)
    made = data.split("rare", rng.normal(size=(500, 3)), labels)
    result = lab.compare(["sgd", "adam"], data=made, epochs=2, hidden=(4,), learning_rate=1e30)
    for entry in result.results:
        assert math.isnan(entry.test_accuracy[-1])
        assert entry.epochs_to(0.95) is None
    params = [{"weight": np.zeros((2, 2)), "bias": np.array([0.0, np.inf])}]
    assert math.isnan(network.accuracy(params, np.zeros((4, 2)), np.ones(4, int)))
    rich = pytest.importorskip("rich.console")
    console = rich.Console(width=80, record=True, file=io.StringIO())
    console.print(lab.report.table(result))
    assert console.export_text().count("diverged") == 2
    pytest.importorskip("matplotlib")
    lab.plots.comparison(result)


def test_to_dict(blobs):
    result = lab.compare(["adam", "lion"], data=blobs, **SMALL)
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["layers"] == [2, 8, 3]
    assert (plain["train_rows"], plain["test_rows"]) == (96, 24)
    fields = {field.name for field in dataclasses.fields(comparison.Result)}
    assert set(plain["results"][0]) == fields | {"epochs_to_95", "seconds_to_95", "ratio"}
    assert plain["results"][1]["train_loss"] == result.results[1].train_loss


def test_epochs_to():
    entry = result_of("A", [1.0] * 4, 0.1, 1.0, None, accuracy=[0.1, 0.9, 0.95, 0.94])
    assert entry.epochs_to(0.95) == 2
    assert entry.epochs_to(0.96) is None


def test_adam_reads_digits():
    pytest.importorskip("sklearn")
    entry = lab.compare(["adam"]).results[0]
    assert entry.test_accuracy[-1] >= 0.97
    assert entry.epochs_to(0.95) <= 10


# The table and the plot.


@pytest.fixture
def results():
    """As many as there are optimizers, one of them without a twin, one diverged."""
    entries = []
    for index, name in enumerate(lab.available()):
        loss = [2.3 * math.exp(-(0.1 + 0.02 * index) * epoch) for epoch in range(31)]
        entries.append(result_of(name, loss, 10.0 ** -(index % 4), 6.5, 65.0 + index))
    entries[2] = result_of("New", entries[2].train_loss, 0.01, 7.0, None)
    entries[3] = result_of("Gone", [2.3, 1e9, *[math.nan] * 29], 0.001, 7.0, 70.0, [0.1] * 31)
    return comparison_of(entries)


def result_of(name, loss, rate, step_us, peer_us, accuracy=None, size=64, init="he_normal"):
    """A result with gradients and updates that fall with the loss."""
    return comparison.Result(
        name=name,
        label=name,
        optimizer=name,
        settings={"learning_rate": rate},
        batch_size=size,
        init=init,
        train_loss=loss,
        test_accuracy=accuracy or [1 - 0.9 * math.exp(-0.4 * t) for t in range(len(loss))],
        seconds=[0.002 * t for t in range(len(loss))],
        gradient_norm=loss[1:],
        update_ratio=[value / 100 for value in loss[1:]],
        step_us=step_us,
        peer_us=peer_us,
        share=0.25,
    )


def comparison_of(entries, starts=(("he_normal", [0.5, 0.6, 1.0], [0.1, 0.2, 0.3]),)):
    return comparison.Comparison(
        data="digits",
        train_rows=1442,
        test_rows=355,
        layers=[64, 128, 64, 10],
        epochs=30,
        batch_sizes=list(dict.fromkeys(entry.batch_size for entry in entries)),
        schedule="warmup+inverse_sqrt",
        seed=0,
        starts=[comparison.Start(*start) for start in starts],
        results=entries,
    )


def test_table(results):
    rich = pytest.importorskip("rich.console")
    console = rich.Console(width=80, record=True, file=io.StringIO())
    console.print(lab.report.table(results))
    text = console.export_text()
    assert "…" not in text  # nothing is cut off in 80 columns
    assert "ratio" in text
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    first = results.results[0].name
    assert rows[first] == [first, "1", "0.11", "100.0%", "8", "0.016", "6.5", "65.0", "10.0"]
    assert rows["New"][-3:] == ["7.0", "-", "-"]
    assert rows["Gone"][2:5] == ["nan", "10.0%", "-"]


def test_six_by_default_and_settings_reach_one(blobs):
    plain = lab.compare(data=blobs, **SMALL)
    assert [entry.name for entry in plain.results] == list(catalog.DEFAULT)
    names = ["sgd", "rmsprop"]
    settings = {"RMSprop": {"momentum": 0.5, "learning_rate": 0.01}}
    sgd, rmsprop = lab.compare(names, data=blobs, settings=settings, **SMALL).results
    assert sgd.train_loss == plain.results[0].train_loss
    assert rmsprop.train_loss != plain.results[2].train_loss
    assert rmsprop.settings == {"learning_rate": 0.01, "momentum": 0.5}
    assert rmsprop.peer_us is not None
    (clipped,) = lab.compare(
        ["sgd"], data=blobs, settings={"sgd": {"max_norm": 1}}, **SMALL
    ).results
    assert clipped.peer_us is None  # the textbooks clip nothing


def names_at_ends(axes):
    """The names beside axes that were drawn, from above; none over another, none outside."""
    from matplotlib.text import Text

    # The box of an annotation holds its line too, so that the words alone are asked for.
    words = {text: Text.get_window_extent(text) for text in axes.texts}
    ordered = sorted(words, key=lambda text: -words[text].y0)
    for above, below in itertools.pairwise(ordered):
        assert words[above].y0 >= words[below].y0 + 0.8 * words[below].height
    for text, box in words.items():
        assert axes.bbox.x1 <= box.x0
        assert box.x1 <= axes.figure.bbox.x1
        assert text.arrow_patch.get_path().vertices[:, 0].max() <= box.x0  # through no name
    return [text.get_text() for text in ordered]


def test_plot(results):
    pytest.importorskip("matplotlib")
    figure = lab.plots.comparison(results)
    epochs, seconds, times = figure.axes
    assert epochs.get_yscale() == seconds.get_yscale() == seconds.get_xscale() == "log"
    assert epochs.get_ylim()[1] < 100  # the run that diverged leaves the others their room
    assert all(axes.get_xlabel() and axes.get_title(loc="left") for axes in figure.axes)
    figure.draw_without_rendering()
    titles = (axes._left_title for axes in figure.axes)
    for text in (figure._suptitle, *times.texts, times.xaxis.label, *titles):
        assert figure.bbox.x0 <= text.get_window_extent().x0
        assert text.get_window_extent().x1 <= figure.bbox.x1
    wanted = {x.name.replace("Gone", "Gone (diverged)") for x in results.results}
    assert set(names_at_ends(seconds)) == wanted
    assert set(names_at_ends(epochs)) == wanted - {"LBFGS"}
    assert len(times.patches) == 2 * (len(results.results) - 1) - 1  # New has no twin
    for axes in (epochs, seconds):
        for line in axes.get_lines():
            name = line.get_label().removesuffix(" (diverged)")
            if name[0] != "_":
                assert (line.get_color(), line.get_marker()) == catalog.look(name)
    diagnostics = lab.plots.diagnostics(results)
    diagnostics.draw_without_rendering()
    for axes in diagnostics.axes:
        assert set(names_at_ends(axes)) == wanted - {"LBFGS"}


@pytest.mark.parametrize("name", ["us$^$eu.csv", "$x$", "a$b"])
def test_a_name_with_dollars_is_drawn_as_it_is(results, name):
    pytest.importorskip("matplotlib")
    figure = lab.plots.comparison(dataclasses.replace(results, data=name))
    assert lab.plots.style.plain(name) in figure.get_suptitle()
    assert lab.plots.style.plain("$x$") == r"\$x\$"


def test_a_short_run_has_markers_and_bars_as_high_as_others(blobs):
    pytest.importorskip("matplotlib")
    heights = []
    for names in (["sgd", "adam"], lab.available()):
        result = lab.compare(names, epochs=1, data=blobs, hidden=(), batch_size=16)
        figure = lab.plots.comparison(result)
        epochs, seconds, times = figure.axes
        for axes in (epochs, seconds, *lab.plots.diagnostics(result).axes):
            shown = [line for line in axes.get_lines() if line.get_label()[0] != "_"]
            assert all(line.get_markevery() == 1 for line in shown)
        bar = times.patches[0].get_window_extent()
        heights.append(bar.height / figure.dpi)
    assert heights[0] == pytest.approx(heights[1], rel=0.3)


def test_plot_of_several_sizes_and_initializers():
    pytest.importorskip("matplotlib")
    entries = [
        dataclasses.replace(result_of(name, [2.0, 1.0], 0.1, 5.0, 50.0), label=f"{name}, {run}")
        for name in ("SGD", "Adam", "Lion")
        for run in ("batch 1, he_normal", "all rows, he_normal", "batch 1, zeros")
    ]
    starts = ("he_normal", [0.8, 0.9, 1.1], [0.2, 0.2, 0.3]), ("zeros", [0] * 3, [0, 0, 0.3])
    figure = lab.plots.comparison(comparison_of(entries, starts))
    figure.draw_without_rendering()
    loss, forth, back = figure.axes
    lines = loss.get_lines()
    assert len({line.get_color() for line in lines[:3]}) == 1  # one optimizer, one color
    assert len({str(line._dash_pattern) for line in lines[:3]}) == 3
    assert len({line.get_color() for line in lines}) == 3
    for axes in (forth, back):
        assert axes.get_ylabel().startswith("standard deviation of ")
    assert names_at_ends(forth) == ["he_normal", "zeros: 0 everywhere"]
    assert set(names_at_ends(back)) == {"he_normal", "zeros: 0 in layer 1, 2"}
    assert len(names_at_ends(loss)) == 9


def test_each_optimizer_has_a_look_of_its_own():
    names = {*lab.available(), *lab.surfaces.known(), "NewtonCG"}
    assert set(catalog.LOOKS) <= names
    assert len({catalog.look(name) for name in names}) == len(names)
    for together in (catalog.DEFAULT, lab.surfaces.DEFAULT):
        assert len({catalog.look(name).color for name in together}) == len(together)
    new = catalog.look("Novel")
    assert new == catalog.look("Novel")
    assert new not in catalog.LOOKS.values()


@pytest.mark.parametrize("names", [["lbfgs"], ["sgd", "lion"]])
def test_no_panel_is_empty_and_no_line_of_text_is_cut_off(blobs, names):
    """Few lines make a narrow figure; where nothing is finite there are no seconds to draw."""
    pytest.importorskip("matplotlib")
    result = lab.compare(names, learning_rate=1e30, epochs=2, data=blobs)
    figure = lab.plots.comparison(result)
    figure.draw_without_rendering()
    title = figure._suptitle.get_window_extent()
    assert figure.bbox.x0 <= title.x0 < title.x1 <= figure.bbox.x1
    for axes in figure.axes:
        drawn = [line.get_ydata() for line in axes.get_lines() if line.get_label()[0] != "_"]
        assert axes.patches or np.isfinite(np.concatenate(drawn)).any()


@pytest.mark.parametrize(
    ("points", "end"),
    [
        ([[0.2, 0.5], [0.4, 0.6]], (0.4, 0.6)),
        ([[0.2, 0.5], [0.4, -1.5], [0.9, -3]], (0.25, 0.0)),
        ([[0.2, 0.5], [0.4, np.inf]], (0.2, 1.0)),
        ([[0.2, 0.5], [0.4, np.nan]], (0.2, 0.5)),
        ([[0.2, 0.5], [0.4, 3.0], [0.6, 0.5]], (0.6, 0.5)),
        ([[0.5, 0.5], [1.5, 0.5]], (1.0, 0.5)),
        ([[0.5, 0.5], [0.5, 0.5]], (0.5, 0.5)),
        ([[0.3, 2.0], [0.4, np.nan]], (0.3, 1.0)),
        ([[np.nan, np.nan]], (1.0, 0.0)),
    ],
)
def test_where_a_line_ends(points, end):
    assert lab.plots.style.end(np.array(points)) == pytest.approx(end, abs=1e-5)


def test_spread():
    spread = lab.plots.style.spread
    assert spread(np.array([0.1, 0.5]), 0.1).tolist() == [0.1, 0.5]
    assert spread(np.array([0.5, 0.5, 0.5]), 0.1) == pytest.approx([0.4, 0.5, 0.6])
    assert spread(np.array([0.0, 0.0, 0.02]), 0.1) == pytest.approx([0, 0.1, 0.2])
    assert spread(np.array([0.97, 1.0]), 0.1) == pytest.approx([0.9, 1.0])
    assert spread(np.ones(5), 0.5) == pytest.approx([0, 0.25, 0.5, 0.75, 1])


# Threads.


def test_matrix_products_have_one_thread_meanwhile(blobs):
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def threads(*_):
        pools = threadpoolctl.threadpool_info()
        return [pool["num_threads"] for pool in pools if pool["user_api"] == "blas"]

    seen = []
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = threads()
        lab.compare(["adam", "lbfgs"], data=blobs, progress=lambda *_: seen.extend(threads()))
        lab.find_learning_rate(data=blobs, steps=20, progress=lambda *_: seen.extend(threads()))
        assert threads() == before
    assert set(seen) <= {1}
    assert bool(seen) == bool(before)


# Imports.


def test_importing_is_light():
    code = (
        "import sys, schuss; assert 'schuss.lab' not in sys.modules; import schuss.lab;"
        "schuss.distributed.Sharded;"
        "heavy = {'matplotlib', 'rich', 'sklearn', 'scipy', 'joblib', 'threadpoolctl', 'torch'};"
        "heavy |= {'mpi4py', 'dask', 'distributed', 'ray', 'cloudpickle'};"
        "heavy &= set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_adds_little_to_numpy():
    """What takes long and is not needed yet: `python -m bench import` has the times."""
    code = (
        "import sys, numpy; before = set(sys.modules); import schuss;"
        "new = set(sys.modules) - before;"
        "slow = {'importlib.metadata', 'email', 'tempfile', 'numpy.random', 'numpy.typing'} & new;"
        "assert not slow, slow; assert 'schuss.schedules' not in new;"
        "assert schuss.schedules.constant(0.1)(3) == 0.1; assert 'schedules' in dir(schuss);"
        "assert schuss.__version__[0].isdigit()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
