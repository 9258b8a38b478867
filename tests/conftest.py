from __future__ import annotations

import numpy as np
import pytest
import schuss
from helpers import CLASSES, METHODS
from hypothesis import settings

settings.register_profile("no timed assertion", deadline=None)
settings.load_profile("no timed assertion")

# The files of `pytest -m quick`: every rule, the errors, the solvers at work.
QUICK = (
    "test_batches",
    "test_clipping",
    "test_complete",
    "test_layers",
    "test_initializers",
    "test_schedules",
    "test_suggest",
    "test_textbook",
    "test_torch",
    "test_line_search",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem in QUICK:
            item.add_marker("quick")


@pytest.fixture
def rng():
    return np.random.default_rng(20260301)


@pytest.fixture(params=schuss.config.available_isas())
def isa(request):
    """Every instruction set of this CPU, in force, and checked to be."""
    with schuss.config.use_isa(request.param):
        assert schuss.config.isa() == request.param
        yield request.param


@pytest.fixture
def threads():
    """Set the number of threads for one test."""
    before = schuss.config.get_num_threads()
    yield schuss.config.set_num_threads
    schuss.config.set_num_threads(before)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=METHODS)
def method(request):
    """Every method that asks for gradients alone."""
    return request.param


@pytest.fixture(params=CLASSES)
def any_method(request):
    """Every method of the solvers."""
    return request.param


@pytest.fixture(params=["float32", "float64", "float16", "bfloat16"])
def storage(request):
    """Every dtype that parameters may be stored in."""
    if request.param == "bfloat16":
        return np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    return np.dtype(request.param)


@pytest.fixture
def blobs(rng):
    """Three clouds of points that a small network tells apart."""
    labels = np.arange(120) % 3
    centers = np.array([[2.0, 0.0], [-2.0, 1.0], [0.0, -2.0]])
    points = centers[labels] + rng.normal(0, 0.5, (120, 2))
    return schuss.lab.data.split("blobs", points, labels)


@pytest.fixture
def command_line():
    """What the commands need beside schuss."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("rich")


@pytest.fixture
def file(command_line, tmp_path, rng, monkeypatch):
    """A small data set, in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    labels = np.arange(60) % 2
    np.savez("data.npz", X=rng.normal(size=(60, 3)) + 4 * labels[:, None], y=labels)
    return "data.npz"


@pytest.fixture
def torch_scalars():
    """Set the default dtype of PyTorch for one test: that of its scalar states."""
    changed = []

    def use(dtype):
        torch = pytest.importorskip("torch")
        changed.append((torch.set_default_dtype, torch.get_default_dtype()))
        torch.set_default_dtype(getattr(torch, np.dtype(dtype).name))

    yield use
    for change, before in reversed(changed):
        change(before)
