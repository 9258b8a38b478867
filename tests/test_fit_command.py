"""Fits of tables: `schuss fit`, `lab.fit`, their tables and pictures."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import schuss
from schuss import lab
from schuss.__main__ import main
from schuss.lab import separated
from schuss.lab.fits import with_error
from scipy import stats

pytest.importorskip("matplotlib")
pytest.importorskip("rich")

T = np.linspace(0, 10, 30)
SIGMA = np.linspace(0.1, 0.3, 30)


def peaks(count, rng):
    """Peaks on an offset, with noise; the one in the middle has half of the points."""
    places = rng.uniform(3, 7, (count, 1))
    y = 4 * np.exp(-((T - places) ** 2) / 2) + 1 + SIGMA * rng.standard_normal((count, T.size))
    there = np.ones(y.shape, bool)
    there[count // 2, ::2] = False
    return y, there


@pytest.fixture
def one(tmp_path):
    """A file with one peak, and its columns."""
    (y,), _ = peaks(1, np.random.default_rng(1))
    rows = np.c_[T, y, SIGMA]
    np.savetxt(tmp_path / "one.csv", rows, "%.17g", ",", header="t,signal,err", comments="")
    return tmp_path / "one.csv", y


@pytest.fixture
def many(tmp_path):
    """A file with twenty peaks whose rows are mixed, and what is in it."""
    rng = np.random.default_rng(2)
    y, there = peaks(20, rng)
    cells = [(f"p{k}", T[j], y[k, j], SIGMA[j]) for k, j in np.argwhere(there)]
    head, rest = cells[::30], [cell for n, cell in enumerate(cells) if n % 30]
    rng.shuffle(rest)
    with (tmp_path / "many.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["pixel", "t", "signal", "err"])
        table.writerows(head + [tuple(cell) for cell in rest])
    return tmp_path / "many.csv", y, there


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the command in a folder of its own: the status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*words):
        status = main(["fit", *map(str, words)])
        return (status, *capsys.readouterr())

    return run


GAUSSIAN = ("--model", "gaussian+offset", "--x", "t", "--y", "signal")


def test_the_table_has_the_numbers_of_curve_fit(one, run):
    file, y = one
    status, out, err = run(file, *GAUSSIAN, "--sigma", "err", "--absolute-sigma")
    assert status == 0
    assert not err

    def model(x, height, center, sigma, offset):
        return height * np.exp(-((x - center) ** 2) / (2 * sigma**2)) + offset

    popt, pcov = schuss.curve_fit(model, T, y, [3, 5, 1, 0], SIGMA, absolute_sigma=True)
    rows = {words[0]: words[1:] for line in out.splitlines() if len(words := line.split()) == 3}
    for name, value, error in zip(
        ("height", "center", "sigma", "offset"), popt, np.sqrt(np.diag(pcov)), strict=True
    ):
        assert rows[name] == [f"{value:.8g}", f"{error:.3g}"]
    chi2 = (((model(T, *popt) - y) / SIGMA) ** 2).sum()
    assert f"chi2 {chi2:.6g}, 26 degrees of freedom" in out
    assert "\nconverged: " in out
    assert out.endswith("plot: schuss-fit.png\n")


def test_groups_are_fits_of_their_own(many, run):
    file, y, there = many
    found = lab.fit(file, "gaussian+offset", "t", "signal", by="pixel", sigma="err")
    order = [int(name[1:]) for name in found.groups]
    assert sorted(order) == list(range(20))
    for row, k in enumerate(order):
        at = np.argsort(found.x[row])
        assert np.array_equal(found.x[row][at], T[there[k]])
        assert np.array_equal(found.y[row][at], y[k, there[k]])
        alone = schuss.curve_fit_batch(
            "gaussian+offset", found.x[row], found.y[row][None], sigma=found.sigma[row]
        )
        for key in ("x", "covariance", "cost", "dof", "nfev"):
            assert np.array_equal(found.result[key][row], alone[key][0]), key
        assert found.result.message[row] == alone.message[0]


def test_the_bits_do_not_depend_on_what_is_fitted_together(many, monkeypatch):
    file, _, _ = many
    whole = lab.fit(file, "gaussian+offset", "t", "signal", by="pixel")
    calls = []
    monkeypatch.setattr("schuss.lab.fits.TOGETHER", 100)
    parts = lab.fit(
        file,
        "gaussian+offset",
        "t",
        "signal",
        by="pixel",
        progress=lambda *call: calls.append(call),
    )
    assert whole.groups == parts.groups
    for key, value in whole.result.items():
        assert np.array_equal(value, parts.result[key]), key
    assert calls == [("gaussian+offset", done, 20) for done in (3, 6, 9, 12, 15, 18, 20)]


def test_ctrl_c_leaves_what_was_done(many, monkeypatch):
    file, _, _ = many
    whole = lab.fit(file, "gaussian+offset", "t", "signal", by="pixel")
    monkeypatch.setattr("schuss.lab.fits.TOGETHER", 100)

    def impatient(name, done, total):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(lab.Interrupted) as stopped:
        lab.fit(file, "gaussian+offset", "t", "signal", by="pixel", progress=impatient)
    found = stopped.value.result
    assert len(found.groups) == len(found.x) == len(found.result.x) == 6
    rows = [whole.groups.index(name) for name in found.groups]
    assert np.array_equal(found.result.x, whole.result.x[rows])


def test_the_table_of_groups_and_the_files(many, run, tmp_path):
    file, _, _ = many
    more = ("--by", "pixel", "--sigma", "err", "--output", "all.csv", "--json", "all.json")
    status, out, err = run(file, *GAUSSIAN, *more, "--plot", "a.svg")
    assert status == 0
    assert not err
    found = lab.fit(file, "gaussian+offset", "t", "signal", by="pixel", sigma="err")
    lines = out.splitlines()
    firsts = [line.split()[0] for line in lines if line.split()]
    shown = [name for name in firsts if name in found.groups]
    assert shown == found.groups[:6] + found.groups[-6:]
    (medians,) = (line for line in lines if line.split()[:1] == ["median"])
    middle = np.median(found.result.x[:, 0]), np.median(found.result.stderr[:, 0])
    assert medians.split()[1] == with_error(*middle, short=True)
    counts = [int(n) for n, end in (line.split(" ", 1) for line in lines if " converged: " in line)]
    assert sum(counts) == 20
    with (tmp_path / "all.csv").open(newline="") as saved:
        rows = list(csv.DictReader(saved))
    assert [row["pixel"] for row in rows] == found.groups
    for k, name in enumerate(("height", "center", "sigma", "offset")):
        assert [float(row[name]) for row in rows] == found.result.x[:, k].tolist()
        assert [float(row[f"{name}_stderr"]) for row in rows] == found.result.stderr[:, k].tolist()
    assert [float(row["chi2"]) for row in rows] == (2 * found.result.cost).tolist()
    assert {row["success"] for row in rows} == {"True"}
    document = json.loads((tmp_path / "all.json").read_text())
    assert document["model"] == "gaussian+offset"
    assert [entry["height"] for entry in document["fits"]] == found.result.x[:, 0].tolist()
    assert (tmp_path / "a.svg").stat().st_size > 10_000


def test_groups_that_cannot_be_fitted_say_so(one, run, tmp_path):
    file, _ = one
    rows = [line.split(",")[:2] for line in file.read_text().splitlines()[1:]]
    few = [["few", *row] for row in rows[:2]]
    text = "\n".join(",".join(row) for row in [*(["good", *row] for row in rows), *few])
    (tmp_path / "two.csv").write_text(f"site,t,signal\n{text}\n")
    status, out, _ = run("two.csv", *GAUSSIAN, "--by", "site")
    assert status == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line.split()}
    assert lines["few"].rstrip().endswith("not fixed")
    assert "not" not in lines["good"]
    assert "1 with parameters that the points do not determine" in out
    figure = lab.plots.fits(lab.fit("two.csv", "gaussian+offset", "t", "signal", by="site"))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["site good", "site few: not fixed"]


def test_p0_and_bounds(one, run):
    file, _ = one
    words = ("--bounds", "sigma=..0.5", "--bounds", "offset=0..", "--p0", "-3,5,1,0.5")
    status, out, _ = run(file, *GAUSSIAN, *words, "--json", "-")
    assert status == 0
    (fit,) = json.loads(out)["fits"]
    assert fit["sigma"] == 0.5
    assert fit["sigma_stderr"] is None
    assert fit["offset"] >= 0


ERRORS = {
    "a model": (
        ("--model", "gausian", "--x", "t", "--y", "signal"),
        "'gausian'; a model among",
        "did you mean 'gaussian'?",
    ),
    "a term": (("--model", "gaussian+ofset", "--x", "t", "--y", "signal"), "'ofset'", "'offset'?"),
    "two variables": (
        ("--model", "gaussian_2d", "--x", "t", "--y", "signal"),
        "x is t; 2 columns are wanted",
        "as many as 'gaussian_2d' has variables",
    ),
    "one variable": ((*GAUSSIAN, "--x", "err"), "x is t, err; 1 column is wanted", ""),
    "a column": (
        ("--model", "gaussian", "--x", "t", "--y", "singal"),
        "no column 'singal'; it has t, signal, err",
        "did you mean 'signal'?",
    ),
    "the groups": ((*GAUSSIAN, "--by", "pixel"), "no column 'pixel'; it has t, signal, err", ""),
    "a parameter": ((*GAUSSIAN, "--bounds", "hight=0..1"), "no parameter 'hight'", "'height'?"),
    "a bound": ((*GAUSSIAN, "--bounds", "height=2..1"), "'height=2..1' is given", "LOW..HIGH"),
    "no bound": ((*GAUSSIAN, "--bounds", "height"), "'height' is given", "LOW..HIGH"),
    "a start": ((*GAUSSIAN, "--p0", "1,2"), "p0 has 2 numbers; 4", "height, center, sigma, offset"),
    "an output": ((*GAUSSIAN, "--output", "no/a.csv"), "no/a.csv: cannot be written", ""),
    "a picture": ((*GAUSSIAN, "--plot", "a.xyz"), "a.xyz: a name that ends in", ""),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_what_there_is(one, run, case):
    words, *parts = ERRORS[case]
    status, out, err = run(one[0], *words)
    assert status == 2
    assert not out
    assert err.count("\n") == 1
    for part in parts:
        assert part in err


def blobs(places, rng):
    """Columns of blobs in a plane, a group for each place."""
    u, v = (axis.ravel() for axis in np.mgrid[:12.0, :10.0])
    z = [5 * np.exp(-((u - at) ** 2) / 8 - (v - 4) ** 2 / 2) + 1 for at in places]
    z = np.array(z) + 0.1 * rng.standard_normal((len(places), u.size))
    table = {"u": np.tile(u, len(places)), "v": np.tile(v, len(places)), "z": z.ravel()}
    return table | {"blob": np.repeat([f"b{at}" for at in places], u.size)}


def test_two_variables(rng, run, tmp_path):
    table = blobs((3, 8), rng)
    with (tmp_path / "blobs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([table, *zip(*table.values(), strict=True)])
    words = ("--model", "gaussian_2d+offset", "--x", "u", "--x", "v", "--y", "z", "--by", "blob")
    status, out, _ = run("blobs.csv", *words, "--json", "-", "--plot", "blobs.png")
    assert status == 0
    assert (tmp_path / "blobs.png").stat().st_size > 10_000
    for fit, rows, place in zip(
        json.loads(out)["fits"], (slice(0, 120), slice(120, 240)), (3, 8), strict=True
    ):
        alone = schuss.curve_fit_batch(
            "gaussian_2d+offset",
            np.array([table["u"][rows], table["v"][rows]]),
            table["z"][None, rows],
        )
        assert fit["points"] == 120
        assert [fit[name] for name in alone.names] == alone.x[0].tolist()
        assert abs(fit["center_x"] - place) < 0.2
        assert abs(fit["center_y"] - 4) < 0.2


def test_two_variables_are_drawn_in_their_plane(rng):
    table = blobs((5,), rng)
    found = lab.fit(table, "gaussian_2d+offset", ("u", "v"), "z")
    assert found.summary() == "data: gaussian_2d+offset of z over u, v, 120 points"
    figure = lab.plots.fits(found)
    figure.draw_without_rendering()
    data, rest = figure.axes[:2]
    assert (data.get_xlabel(), data.get_ylabel()) == ("u", "v")
    at = found.x[0]
    residuals = table["z"] - lab.fits.curve(found.model, at, found.result.x[0], np.eye(6))[0]
    for axes, heights in ((data, table["z"]), (rest, residuals)):
        assert np.array_equal(axes.collections[0].get_offsets(), at.T)
        assert np.array_equal(axes.collections[0].get_array(), heights)
    assert len(data.collections) > len(rest.collections)  # lines of equal height
    assert "lines: of equal height" in " ".join(rest.texts[0].get_text().split())


def test_no_model_of_one_variable_takes_two_columns(rng):
    with pytest.raises(ValueError, match="x is u, v; 1 column is wanted, as many as 'gaussian'"):
        lab.fit(blobs((5,), rng), "gaussian", ["u", "v"], "z")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t,signal\n0,1\n1,x\n", "line 3, column 'signal': 'x' is no finite number"),
        ("# a\n\nt,signal\n0,1\n# b\n,2\n", "line 6, column 't': the number is missing"),
        ("t,signal\n0,1\n1,nan\n", "line 3, column 'signal': 'nan' is no finite number"),
        ("t,signal\n0,1\n1,2,3\n", "line 3 has 3 columns; 2 are wanted"),
        ("t,signal,t\n0,1,2\n", "there is more than one column 't'"),
        ("t,signal\n", "no rows below the names of the columns"),
        ("", "there is no column 't'; it has none"),
    ],
)
def test_bad_cells_are_named(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=r"^.*a\.csv: ") as error:
        lab.fit(tmp_path / "a.csv", "exponential", "t", "signal")
    assert message in str(error.value)


def test_other_separators(tmp_path):
    for text in ("a b;t\n1,5;2\n", "a b\tt\n1.5\t2\n", '"a b",t\n1.5,2\n', "a b|t\n1,5|2\n"):
        (tmp_path / "a.csv").write_text(text)
        found, words = separated.columns(tmp_path / "a.csv", ["a b"], ["t"])
        assert found["a b"].tolist() == [1.5]
        assert words == {"t": ["2"]}


def test_columns_of_a_table_are_checked():
    with pytest.raises(ValueError, match="no column 'z'; it has x, y"):
        lab.fit({"x": [1.0], "y": [1.0]}, "exponential", "x", "z")
    with pytest.raises(ValueError, match=r"shapes .*\(rows,\) for all is wanted"):
        lab.fit({"x": [1.0], "y": [1.0, 2.0]}, "exponential", "x", "y")
    with pytest.raises(ValueError, match="y is nan in row 2; finite numbers are wanted"):
        lab.fit({"x": [1.0, 2.0], "y": [1.0, np.nan]}, "exponential", "x", "y")
    table = {"x": [1.0, 2.0], "y": [1.0, 2.0], "e": [1.0, 0.0]}
    with pytest.raises(ValueError, match=r"e is 0.0 in row 2; above 0 is wanted"):
        lab.fit(table, "exponential", "x", "y", sigma="e")


@pytest.mark.parametrize(
    ("value", "error", "long", "short"),
    [
        (3.14159, 0.0123, "3.142 ± 0.012", "3.142(12)"),
        (3.14159, 0.00996, "3.142 ± 0.010", "3.142(10)"),
        (12.34, 1.5, "12.3 ± 1.5", "12.3(15)"),
        (1234.5, 67.8, "1234 ± 68", "1234(68)"),
        (289449, 38074, "(2.89 ± 0.38)e+05", "2.89(38)e+05"),
        (-2.5e9, 3e7, "(-2.500 ± 0.030)e+09", "-2.500(30)e+09"),
        (2.5e-6, 1e-8, "(2.500 ± 0.010)e-06", "2.500(10)e-06"),
        (2.5, np.inf, "2.5 ± inf", "2.5(inf)"),
        (2.5, np.nan, "2.5 ± nan", "2.5(nan)"),
        (2.5, 0.0, "2.5 ± 0", "2.5(0)"),
    ],
)
def test_numbers_with_errors(value, error, long, short):
    assert with_error(value, error) == long
    assert with_error(value, error, short=True) == short


# -- the plots -------------------------------------------------------------------------------------


def line(x, a, b):
    return a + b * x


@pytest.mark.parametrize(
    ("absolute_sigma", "quantiles"), [(True, (1.959964, 0.994458)), (False, (2.364624, 1.070287))]
)
def test_the_bands_are_those_of_a_straight_line(absolute_sigma, quantiles):
    """There the delta method is exact: var(a + b x) = Caa + 2 x Cab + x² Cbb."""
    x = np.linspace(0, 4, 9)
    p, cov = np.array([1.0, 0.5]), np.array([[0.04, -0.01], [-0.01, 0.01]])
    y = line(x, *p) + 0.1 * np.cos(5 * x)
    top, bottom = lab.plots.fit(line, x, y, p, cov, sigma=0.1, absolute_sigma=absolute_sigma).axes
    for axes, middle, heights in ((top, line(x, *p), y), (bottom, np.zeros(9), y - line(x, *p))):
        assert np.array_equal(axes.lines[0].get_xdata(), x)
        assert np.allclose(axes.lines[0].get_ydata(), heights)
        wide, narrow = (band.get_paths()[0].vertices for band in axes.collections[1:])
        for band, quantile in zip((wide, narrow), quantiles, strict=True):
            for at, center in ((0.0, middle[0]), (4.0, middle[-1])):
                reach = quantile * np.sqrt(0.04 - 0.02 * at + 0.01 * at**2)
                ends = band[band[:, 0] == at, 1]
                assert np.allclose([ends.min(), ends.max()], [center - reach, center + reach])
    assert np.allclose(top.lines[1].get_ydata(), line(top.lines[1].get_xdata(), *p))
    assert bottom.lines[1].get_ydata() == [0, 0]
    text = top.texts[0].get_text()
    assert "a\n  1.00 ± 0.20" in text
    assert "b\n  0.50 ± 0.10" in text


@pytest.mark.parametrize("dof", [1, 1.5, 2, 3, 7, 30, 1000, 10**6, np.inf])
def test_quantiles_of_students_t(dof):
    for inside in (0.01, 0.5, 0.68, 0.95, 0.999):
        expected = stats.t.ppf((1 + inside) / 2, dof)
        assert np.isclose(lab.fits.student(inside, dof), expected, rtol=1e-7)


def test_the_bands_know_whether_sigma_is_absolute(one):
    widths = []
    for absolute_sigma in (False, True):
        found = lab.fit(
            one[0], *("gaussian", "t", "signal"), sigma="err", absolute_sigma=absolute_sigma
        )
        _, errors = found.curve(0, np.array([5.0]))
        wide = lab.plots.fits(found).axes[0].collections[1].get_paths()[0].vertices
        near = np.abs(wide[:, 0] - 5) == np.abs(wide[:, 0] - 5).min()
        widths.append(np.ptp(wide[near, 1]) / (2 * errors[0]))
    assert np.allclose(widths, [stats.t.ppf(0.975, 27), stats.norm.ppf(0.975)], rtol=0.01)


def test_a_model_by_name_and_its_function_have_the_same_bands():
    x = np.linspace(0, 3, 20)
    p, cov = np.array([2.0, 1.5]), np.array([[0.04, 0.01], [0.01, 0.02]])
    named = lab.fits.curve("exponential", x, p, cov)
    own = lab.fits.curve(lambda x, a, k: a * np.exp(-k * x), x, p, cov)
    exact = np.stack([np.exp(-1.5 * x), -2 * x * np.exp(-1.5 * x)], axis=1)
    errors = np.sqrt(np.einsum("mi,ij,mj->m", exact, cov, exact))
    for values, spread in (named, own):
        assert np.allclose(values, 2 * np.exp(-1.5 * x), rtol=1e-12)
        assert np.allclose(spread, errors, rtol=1e-8)


def test_without_a_covariance_there_is_no_band():
    for pcov in (None, np.full((2, 2), np.inf)):
        figure = lab.plots.fit(line, [0.0, 1.0, 2.0], [1.0, 2.0, 2.5], [1.0, 0.8], pcov)
        figure.draw_without_rendering()
        text = " ".join(figure.axes[0].texts[0].get_text().split())
        assert "no bands: infinite or unknown standard errors" in text


def test_shapes_that_do_not_belong_together_are_refused():
    x, y, p = [0.0, 1.0], [1.0, 2.0], [1.0, 2.0]
    with pytest.raises(ValueError, match=r"ydata \(1,\); \(m,\) twice is wanted"):
        lab.plots.fit(line, x, y[:1], p)
    with pytest.raises(ValueError, match=r"pcov has shape \(1, 1\); \(2, 2\) is wanted"):
        lab.plots.fit(line, x, y, p, [[1.0]])
    with pytest.raises(ValueError, match=r"popt has shape \(2,\); \(3,\) is wanted"):
        lab.plots.fit("gaussian", x, y, p)
    with pytest.raises(ValueError, match="of 2 variables"):
        lab.plots.fit("gaussian_2d", x, y, [1.0] * 5)


def test_a_picture_for_each_group_up_to_twelve(many):
    file, _, _ = many
    found = lab.fit(file, "gaussian+offset", "t", "signal", by="pixel", sigma="err")
    figure = lab.plots.fits(found)
    spread = dict(zip(found.groups, found.spread, strict=True))
    shown = [axes.get_title(loc="left").removeprefix("pixel ") for axes in figure.axes]
    assert len(shown) == 12
    values = [spread[name] for name in shown]
    assert values == sorted(values)
    assert values[0] == min(spread.values())
    assert values[-1] == max(spread.values())
    assert "12 of them" in figure.get_suptitle()
    assert "20 groups by pixel" in figure.get_suptitle()
    few = {
        name: np.asarray(column)[:90]
        for name, column in zip(
            ("t", "signal"), (np.tile(T, 3), np.concatenate(many[1][:3])), strict=True
        )
    }
    few["pixel"] = np.repeat(["a", "$b$", "c"], 30)
    few = {name: [*column, *column[:60]] for name, column in few.items()}  # a row and a half
    few["pixel"][90:] = np.repeat(["d", "e"], 30)
    figure = lab.plots.fits(lab.fit(few, "gaussian+offset", "t", "signal", by="pixel"))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["pixel a", r"pixel \$b\$", "pixel c", "pixel d", "pixel e"]
