"""A search on Dask and on Ray, with two workers on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import schuss
from schuss import lab
from schuss.__main__ import main
from test_cli import fails
from trials import bowl

pytest.importorskip("sklearn")
joblib = pytest.importorskip("joblib")

RATES = {"learning_rate": [k / 10 for k in range(1, 9)]}


@pytest.fixture(scope="module")
def dask_cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield SimpleNamespace(name="dask", address=cluster.scheduler_address)


@pytest.fixture(scope="module")
def ray_cluster():
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    register_ray()
    here = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    with ray.init(num_cpus=2, include_dashboard=False, runtime_env=here) as context:
        yield SimpleNamespace(name="ray", address=context.address_info["gcs_address"])


@pytest.fixture(params=["dask", "ray"])
def cluster(request):
    return request.getfixturevalue(f"{request.param}_cluster")


def where(optimizer):
    """The process, for which there must be one thread."""
    assert schuss.config.get_num_threads() == 1
    time.sleep(0.1)
    return os.getpid()


def scores(result):
    return [trial.score for trial in result.trials]


def test_trials_run_on_workers(cluster):
    """Where joblib is set to the cluster, and where the search is told; one after another ends."""
    seen = []
    with joblib.parallel_config(cluster.name):
        active = lab.search(["sgd"], RATES, train=where, progress=lambda *now: seen.append(now))
    named = lab.search(["sgd"], RATES, train=where, backend=cluster.name)
    for result in (active, named):
        assert os.getpid() not in scores(result)
        assert len(set(scores(result))) == 2
    assert seen == [("SGD", done, 8) for done in range(1, 9)]


def test_scores_are_those_of_one_process(cluster, blobs):
    for arguments in ({"train": bowl}, {"data": blobs, "epochs": 2}):
        alone = lab.search(["sgd", "adam"], RATES, **arguments)
        there = lab.search(["sgd", "adam"], RATES, backend=cluster.name, **arguments)
        assert scores(there) == scores(alone)
        assert there.experiment == alone.experiment


class Data:
    """Notes when it is packed, and by whom it is unpacked."""

    packed = 0

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        Data.packed += 1
        return unpacked, (self.file,)

    def __call__(self, optimizer):
        return where(optimizer)


def unpacked(file):
    with file.open("a") as log:
        log.write(f"{os.getpid()}\n")
    return Data(file)


def test_the_data_travels_once(cluster, tmp_path):
    Data.packed, file = 0, tmp_path / "unpacked"
    result = lab.search(["sgd"], RATES, train=Data(file), backend=cluster.name)
    assert Data.packed == 1
    if cluster.name == "dask":  # Ray's workers share the memory that it lies in
        assert sorted(file.read_text().split()) == sorted({f"{pid:.0f}" for pid in scores(result)})


def test_large_data_is_no_reason_to_warn(dask_cluster):
    data = np.ones(2_000_000)
    assert scores(lab.search(["sgd"], {}, train=lambda optimizer: data.sum(), backend="dask")) == [
        2e6
    ]


def test_as_many_at_once_as_processes_says(cluster, tmp_path):
    busy = tmp_path / "busy"

    def train(optimizer):
        busy.touch(exist_ok=False)
        time.sleep(0.02)
        busy.unlink()
        return os.getpid()

    result = lab.search(["sgd"], RATES, train=train, backend=cluster.name, processes=1)
    assert os.getpid() not in scores(result)


def test_a_train_that_fails(cluster, tmp_path):
    """What has not begun is cancelled."""

    def train(optimizer):
        if optimizer.learning_rate == 0.01:
            return [][optimizer.step_count]
        time.sleep(0.05)
        (tmp_path / str(optimizer.learning_rate)).touch()
        return 1.0

    rates = {"learning_rate": [k / 100 for k in range(1, 41)]}
    with pytest.raises(ValueError, match=r"train failed with SGD .*IndexError") as failed:
        lab.search(["sgd"], rates, train=train, backend=cluster.name)
    assert ", in train\n" in str(failed.value.__cause__)
    assert len(scores(lab.search(["sgd"], RATES, train=where, backend=cluster.name))) == 8
    assert len(list(tmp_path.iterdir())) < 30


def test_what_a_worker_cannot_unpack(cluster):
    with pytest.raises(ValueError, match=r"workers cannot begin: .*only here"):
        lab.search(["sgd"], {}, train=Stuck(), backend=cluster.name)


class Stuck:
    def __reduce__(self):
        return refuse, ()

    def __call__(self, optimizer):
        return 1.0


def refuse():
    raise RuntimeError("only here")


def test_a_trial_that_kills_its_worker_costs_itself_alone(cluster, tmp_path):
    deaths, file = tmp_path / "deaths", tmp_path / "a.jsonl"

    def train(optimizer):
        if optimizer.learning_rate == 0.3:
            with deaths.open("a") as log:
                log.write("x")
            os._exit(3)
        return bowl(optimizer)

    with pytest.raises(
        lab.LostTrialsError, match=r"with each of SGD {'learning_rate': 0\.3};"
    ) as lost:
        lab.search(["sgd"], RATES, train=train, backend=cluster.name, results_file=file)
    others = {"learning_rate": [rate for rate in RATES["learning_rate"] if rate != 0.3]}
    assert scores(lost.value.result) == scores(lab.search(["sgd"], others, train=bowl))
    assert deaths.read_text() == "xx"  # once more, alone
    assert file.read_text().count("\n") == 8


def test_a_worker_that_is_killed_costs_nothing(cluster, tmp_path):
    killed = tmp_path / "killed"

    def train(optimizer):
        if optimizer.learning_rate == 0.3 and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return bowl(optimizer)

    result = lab.search(["sgd"], RATES, train=train, backend=cluster.name)
    assert killed.exists()
    assert scores(result) == scores(lab.search(["sgd"], RATES, train=bowl))


def test_dask_without_a_client(tmp_path, monkeypatch):
    """Where all is done there need be none."""
    pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    lab.search(["sgd"], {}, train=bowl, results_file="done.jsonl")
    code = (
        "from schuss import lab; from trials import bowl\n"
        "lab.search(['sgd'], {}, train=bowl, backend='dask', results_file='done.jsonl')\n"
        "try: lab.search(['sgd'], {}, train=bowl, backend='dask')\n"
        "except ValueError as error: print(error)"
    )
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=here
    )
    assert done.stdout.startswith("backend is 'dask', and there is no client; make one with")


def test_the_page_that_shows_it(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("distributed")
    code = "from docs import snippets; snippets.run_python(snippets.HERE / 'gallery.md')"
    root = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=root, check=True)


# The command.


@pytest.fixture
def folder(file, tmp_path, monkeypatch):
    """The current directory, with a function, in two modules and a package, that is slow."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "mine.py").write_text(
        "import time\n"
        "from shape import bowl\n"
        "from parts.log import note\n"
        "def train(optimizer):\n"
        "    time.sleep(0.2)\n"
        "    score = bowl(optimizer)\n"
        "    note(optimizer.learning_rate)\n"
        "    return score\n"
    )
    (tmp_path / "shape.py").write_text(
        "import numpy as np\n"
        "def bowl(optimizer):\n"
        "    x = np.array([3.0])\n"
        "    for _ in range(10):\n"
        "        optimizer.step(x, 2 * x)\n"
        "    return float(x[0] ** 2)\n"
    )
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").touch()
    (tmp_path / "parts" / "log.py").write_text(
        "def note(rate):\n"
        f"    with open({str(tmp_path / 'log')!r}, 'a') as log:\n"
        "        log.write(f'{rate}\\n')\n"
    )
    return tmp_path


def command(cluster, rates):
    words = "search --train mine:train --minimize --optimizers sgd --backend"
    place = ["--scheduler", cluster.address]
    chosen = ["--learning-rate", ",".join(map(str, rates)), "--json", "a.json"]
    return [sys.executable, "-m", "schuss", *words.split(), cluster.name, *place, *chosen]


def started(words, folder, lines):
    """A command that has begun, and has found something."""
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    file, deadline = folder / "schuss-search.jsonl", time.monotonic() + 120
    while not file.exists() or file.read_text().count("\n") <= lines:
        assert time.monotonic() < deadline
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)
    return running, file


def logged(folder):
    return [float(line) for line in (folder / "log").read_text().split()]


def found(file):
    return [
        json.loads(line)["settings"]["learning_rate"] for line in file.read_text().split("\n")[1:-1]
    ]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_driver_that_is_killed_goes_on(cluster, folder):
    """Modules of the user's reach the workers; what was found does not run again."""
    rates = [k / 100 for k in range(1, 31)]
    running, file = started(command(cluster, rates), folder, 4)
    running.kill()
    running.communicate()
    done = found(file)
    assert 4 <= len(done) < 30
    subprocess.run(command(cluster, rates), check=True, capture_output=True)
    assert sorted(found(file)) == rates
    assert all(logged(folder).count(rate) == 1 for rate in done)
    result = json.loads((folder / "a.json").read_text())
    assert result["resumed"] == len(done)
    alone = lab.search(["sgd"], {"learning_rate": rates}, train=bowl, direction="minimize")
    assert [trial["score"] for trial in result["trials"]] == scores(alone)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_cancels_what_has_not_begun(cluster, folder):
    """It comes while the driver waits: after four trials the others do not end before."""
    gate, log = folder / "gate", folder / "log"
    gate.touch()
    log.touch()
    (folder / "shape.py").write_text(
        "import os, time\n"
        "def bowl(optimizer):\n"
        f"    while os.path.exists({str(gate)!r}) and open({str(log)!r}).read().count('.') > 3:\n"
        "        time.sleep(0.02)\n"
        "    return 1.0\n"
    )
    rates = [k / 100 for k in range(1, 31)]
    running, file = started(command(cluster, rates), folder, 4)
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert err.splitlines()[-1] == "schuss search: stopped"
    gate.unlink()
    time.sleep(1)  # what had begun
    done = found(file)
    assert 4 <= len(done) <= 5
    assert {*done} <= {*logged(folder)}
    assert len(logged(folder)) <= len(done) + 2


def test_workers_have_the_modules_as_they_are_now(dask_cluster, folder):
    (folder / "log").touch()
    for shift in (0.0, 2.0):
        (folder / "shape.py").write_text(f"def bowl(optimizer):\n    return {shift}\n")
        words = [*command(dask_cluster, [0.1]), "--results", f"{shift}.jsonl"]
        subprocess.run(words, check=True, capture_output=True)
        assert json.loads((folder / "a.json").read_text())["best"]["score"] == shift


def test_a_lost_trial_on_the_command_line(dask_cluster, folder):
    (folder / "shape.py").write_text(
        "import os\n"
        "def bowl(optimizer):\n"
        "    rate = optimizer.learning_rate\n"
        "    return rate if rate < 0.3 else os._exit(3)\n"
    )
    done = subprocess.run(command(dask_cluster, [0.1, 0.2, 0.3]), capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("schuss search: a worker process died")
    assert json.loads((folder / "a.json").read_text())["best"]["score"] == 0.1
    assert (folder / "schuss-search.png").exists()


def test_a_scheduler_file(dask_cluster, folder):
    (folder / "where.json").write_text(json.dumps({"address": dask_cluster.address}))
    words = command(dask_cluster, [0.1, 0.2])
    words[words.index("--scheduler") : words.index("--learning-rate")] = [
        "--scheduler-file",
        "where.json",
    ]
    subprocess.run(words, check=True, capture_output=True)
    assert sorted(found(folder / "schuss-search.jsonl")) == [0.1, 0.2]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("--scheduler tcp://a:1", "--scheduler is given; --backend dask or ray is wanted with it"),
        ("--scheduler-file a", "--scheduler-file is given; --backend dask or ray is wanted"),
        ("--backend dask", "--backend is dask; one of --scheduler ADDRESS and --scheduler-file"),
        ("--backend dask --scheduler a --scheduler-file b", "--backend is dask; one of"),
        ("--backend dask --scheduler-file no.json", "--scheduler-file is no.json; a file is"),
        ("--backend ray --scheduler-file b", "--backend is ray; --scheduler-file is for dask"),
    ],
)
def test_options_that_do_not_go_together(arguments, line, folder, capsys):
    assert fails(capsys, 2, "search", *arguments.split()).startswith(f"schuss search: {line}")
    assert not (folder / "schuss-search.jsonl").exists()


@pytest.mark.parametrize(("backend", "module"), [("dask", "distributed"), ("ray", "ray")])
def test_a_package_that_is_missing(backend, module, folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    words = ["search", "--backend", backend, "--data", "data.npz", "--scheduler", "tcp://a:1"]
    line = fails(capsys, 2, *words)
    assert line.startswith(f"schuss search: needs {module}; install it with: pip install ")
    assert f"[{backend}]" in line


def test_no_scheduler_there(folder, capsys, monkeypatch):
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    with dask.config.set({"distributed.comm.timeouts.connect": "500ms"}):
        arguments = "--data data.npz --backend dask --scheduler tcp://127.0.0.1:9"
        status = main(["search", *arguments.split()])
    assert status == 2
    assert "tcp://127.0.0.1:9" in capsys.readouterr().err.splitlines()[-1]
