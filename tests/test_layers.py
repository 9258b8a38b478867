"""Who may include and import whom."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CPP = sorted((ROOT / "cpp").rglob("*.[hc]pp"))
PYTHON = sorted((ROOT / "python" / "schuss").rglob("*.py"))
BESIDE = sorted(file for room in ("bench", "problems") for file in (ROOT / room).rglob("*.py"))

# Folder -> folders whose headers it may include, beside its own.
LAYERS = {
    "core": set(),
    "simd": {"core"},
    "rules": {"simd", "core"},
    "kernels": {"rules", "simd", "core"},
    "dense": {"simd", "core"},
    "models": {"simd", "core"},
    "dispatch": {"kernels", "dense", "models", "core"},
    "runtime": {"dispatch", "kernels", "core"},
    "linalg": {"runtime", "dispatch", "dense", "models", "core"},
    "optim": {"runtime", "dispatch", "core"},
    "steps": {"linalg", "runtime", "dispatch", "kernels", "core"},
    "solvers": {"steps", "linalg", "runtime", "dispatch", "models", "core"},
    "bindings": {"solvers", "steps", "optim", "linalg", "runtime", "dispatch", "core"},
}
# Module or package of schuss -> what of schuss it may import, beside itself and `checks`, of which
# everybody may. `__init__` sees all, `lab` and `commands` all but each other's insides.
PYTHON_LAYERS = {
    "checks": set(),
    "suggest": set(),
    "caller": set(),
    "structures": set(),
    "kinds": {"_core", "structures"},
    "random": set(),
    "tensor_file": set(),
    "schedules": {"suggest"},
    "initializers": {"kinds", "random", "suggest"},
    "batches": {"random", "suggest"},
    "config": {"_core", "suggest"},
    "linalg": {"_core", "kinds", "suggest"},
    "clipping": {"_core", "kinds", "structures", "suggest"},
    "optimizers": {"_core", "caller", "structures", "suggest", "schedules"},
    "solvers": {"_core", "caller", "kinds", "linalg", "structures", "suggest"},
    "torch": {"_core", "caller", "optimizers", "solvers", "structures", "suggest"},
    "checkpoint": {"optimizers", "solvers", "schedules", "tensor_file", "__version__"},
    "distributed": {
        "_core",
        "checkpoint",
        "clipping",
        "kinds",
        "optimizers",
        "solvers",
        "structures",
        "suggest",
        "tensor_file",
    },
}
# File -> what a function of it imports against the layers, for callers who ask for that.
WHEN_CALLED = {"solvers/shares.py": {"distributed"}}
BOX = ("simd", "rules", "kernels", "dense", "models")


def includes(file):
    return re.findall(r'^\s*#\s*include\s+([<"][^>"]+[>"])', file.read_text(), re.MULTILINE)


def layer(file):
    return file.relative_to(ROOT / "cpp").parts[0]


@pytest.mark.parametrize("file", CPP, ids=lambda f: f.name)
def test_cpp_layers(file):
    own = layer(file)
    for include in includes(file):
        name = include[1:-1]
        if include.startswith('"'):
            target = name.split("/")[0]
            assert target == own or target in LAYERS[own], f"{own} must not include {name}"
            if own not in BOX and target in ("kernels", "dense", "models"):
                assert name == f"{target}/table.hpp", "the table is the only door"
        if own in BOX or own == "core":
            assert include.startswith('"') or name in ("cstdint", "immintrin.h", "arm_neon.h")
        if name.startswith("pybind11"):
            assert own == "bindings"
        assert name.split("/")[0] not in ("torch", "ATen", "c10"), "the wheel knows no torch"
        if name == "omp.h":
            assert file.name == "parallel.cpp"
        if name.endswith(("intrin.h", "neon.h")):
            assert own == "simd" or file.name == "float_environment.hpp"


def test_cpp_has_no_circle():
    names = {str(file.relative_to(ROOT / "cpp")) for file in CPP}
    included = {
        str(file.relative_to(ROOT / "cpp")): names & {name[1:-1] for name in includes(file)}
        for file in CPP
    }
    TopologicalSorter(included).prepare()  # raises CycleError
    TopologicalSorter(LAYERS).prepare()


def test_the_optimizer_knows_neither_python_nor_numpy():
    for file in CPP:
        if layer(file) == "optim":
            text = file.read_text().lower()
            assert not re.search(r"pybind|numpy|python\.h|py::|gil", text), file.name


@pytest.mark.parametrize("file", [f for f in CPP if layer(f) in BOX], ids=lambda f: f.name)
def test_boxes_are_closed(file):
    """ISA code is in the unnamed namespace of its ISA; only the table and the rule list are not."""
    if file.name not in ("table.hpp", "registry.hpp"):
        assert re.search(r"namespace schuss::SCHUSS_TARGET \{\nnamespace \{", file.read_text())


def test_only_the_dense_box_fuses():
    """The bit contract has no fused multiply-add; .ci/check_objects.py looks at the code too."""
    users = {layer(f) for f in CPP if '"simd/fma.hpp"' in includes(f)}
    assert users == {"dense"}


def test_assembly_is_in_three_places():
    users = {f.name for f in CPP if re.search(r"\basm\b", f.read_text())}
    assert users == {"tile_avx2.hpp", "float_environment.hpp", "cpu.cpp"}


def test_pragmas_of_openmp():
    for file in CPP:
        assert file.name == "parallel.cpp" or "#pragma omp" not in file.read_text()


def test_environment_is_read_in_two_places():
    readers = {layer(f) for f in CPP if "getenv" in f.read_text()}
    assert readers == {"dispatch", "runtime"}


@cache
def imported(file, at_once=False):
    """The dotted names of what a file imports: modules, and what it takes from them.

    at_once: not what its functions import.
    """
    home = ROOT / "python" if ROOT / "python" in file.parents else ROOT
    inside = file.relative_to(home).parent.parts
    tree = ast.parse(file.read_text())
    found = set()
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = inside[: len(inside) + 1 - node.level] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def packages(file):
    return {name.split(".")[0] for name in imported(file)}


def part(file):
    """The module or package directly under schuss that a file belongs to."""
    return file.relative_to(ROOT / "python" / "schuss").parts[0].removesuffix(".py")


def parts(names):
    """Those of schuss among dotted names."""
    return {name.split(".")[1] for name in names if name.startswith("schuss.")}


def module_of(file, home):
    """Its dotted name."""
    return ".".join(file.relative_to(home).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize(
    "file",
    [f for f in PYTHON if part(f) not in ("__init__", "__main__", "lab", "commands")],
    ids=lambda f: str(f.relative_to(ROOT / "python" / "schuss")),
)
def test_python_layers(file):
    own = part(file)
    assert own in PYTHON_LAYERS, f"say in PYTHON_LAYERS what {own} may import"
    late = WHEN_CALLED.get(file.relative_to(ROOT / "python" / "schuss").as_posix(), set())
    assert parts(imported(file)) <= {own, "checks", *PYTHON_LAYERS[own], *late}
    assert not late & parts(imported(file, at_once=True))


def test_python_has_no_circle():
    """Among modules; a package's `__init__` shows what they hold, and no module asks it."""
    modules = {module_of(f, ROOT / "python"): f for f in PYTHON if f.stem != "__init__"}
    graph = {name: modules.keys() & imported(file, True) for name, file in modules.items()}
    assert len(graph["schuss.solvers.minimize"]) > 5
    TopologicalSorter(graph).prepare()  # raises CycleError
    TopologicalSorter(PYTHON_LAYERS).prepare()


def test_pure_modules_import_numpy_only():
    for name in ("schedules", "initializers", "batches"):
        found = imported(ROOT / "python" / "schuss" / f"{name}.py")
        assert not {"schuss._core", "scipy"} & found


def test_the_core_has_few_users():
    users = {
        str(file.relative_to(ROOT / "python" / "schuss"))
        for file in PYTHON
        if "schuss._core" in imported(file)
    }
    assert users <= {
        "optimizers/base.py",
        "optimizers/state_dict.py",
        "solvers/base.py",
        "solvers/batch.py",
        "solvers/fit_batch.py",
        "solvers/line_search.py",
        "torch/front.py",
        "torch/functions.py",
        "kinds.py",
        "linalg.py",
        "clipping.py",
        "config.py",
        "commands/options.py",
        "distributed/sharded.py",
        "distributed/gradients.py",
    }


def test_torch_is_imported_in_its_room_alone():
    """But for type checkers, and in functions that were handed tensors or were asked for torch."""
    for file in PYTHON:
        if part(file) != "torch" and file.name != "torch_module.py":  # `lab` asks for it when used
            assert not any(name.split(".")[0] == "torch" for name in imported(file, True)), file


def test_nothing_imports_the_lab():
    for file in PYTHON:
        if file == ROOT / "python" / "schuss" / "__init__.py":
            continue  # names it for type checkers alone; test_typing.py looks at what is imported
        if not {"lab", "commands"} & set(file.parts):
            assert "lab" not in parts(imported(file))


def test_the_twin_is_independent():
    assert packages(ROOT / "tests" / "reference.py") == {"__future__", "math", "numpy"}


def test_imports_of_bench_and_problems_make_no_circle():
    modules = {module_of(file, ROOT): file for file in BESIDE}
    graph = {name: modules.keys() & imported(file) - {name} for name, file in modules.items()}
    TopologicalSorter(graph).prepare()  # names a circle


def test_problems_are_below_everybody():
    for file in (ROOT / "problems").rglob("*.py"):
        assert packages(file) <= {
            *("__future__", "collections", "dataclasses", "functools", "json", "math", "pathlib"),
            *("typing", "numpy", "problems"),
        }
    for file in PYTHON:
        assert not packages(file) & {"bench", "problems"}


def test_version_agrees():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[
        1
    ]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## (\[?{re.escape(version)}\]?|Unreleased)", changelog, re.MULTILINE)
