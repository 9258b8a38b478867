"""A cluster of Dask or Ray for a command, and the user's modules on it."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4
from zipfile import ZipFile


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which cluster."""
    option = parser.add_argument
    option(
        "--backend",
        choices=("dask", "ray"),
        help="run on a cluster of Dask or Ray (default: on this machine)",
    )
    option(
        "--scheduler",
        metavar="ADDRESS",
        help="where the cluster is: tcp://HOST:8786 for Dask; HOST:6379 or ray://HOST:10001 for "
        "Ray, which is started here without",
    )
    option(
        "--scheduler-file",
        type=Path,
        metavar="FILE",
        help="in place of the address, what `dask scheduler --scheduler-file FILE` has written",
    )


def check(arguments: argparse.Namespace) -> None:
    """Raise a ValueError for options that do not go together."""
    places = [name for name in ("scheduler", "scheduler_file") if getattr(arguments, name)]
    if arguments.backend is None and places:
        option = places[0].replace("_", "-")
        raise ValueError(f"--{option} is given; --backend dask or ray is wanted with it")
    if arguments.backend == "dask" and len(places) != 1:
        raise ValueError(
            "--backend is dask; one of --scheduler ADDRESS and --scheduler-file FILE is wanted "
            "with it"
        )
    if arguments.backend == "ray" and arguments.scheduler_file:
        raise ValueError("--backend is ray; --scheduler-file is for dask, --scheduler is wanted")
    if arguments.scheduler_file and not arguments.scheduler_file.is_file():
        raise ValueError(f"--scheduler-file is {arguments.scheduler_file}; a file is wanted")


@contextmanager
def connected(arguments: argparse.Namespace) -> Iterator[None]:
    """Use the cluster, if there is one, while the block runs; the user's modules are there too."""
    if arguments.backend == "dask":
        from distributed import Client

        with Client(arguments.scheduler, scheduler_file=arguments.scheduler_file) as client:
            _send(client, sorted(_modules_here()))
            yield
    elif arguments.backend == "ray":
        import ray

        modules = [str(path) for path in sorted(_modules_here())]
        with ray.init(
            arguments.scheduler,
            runtime_env={"py_modules": modules} if modules else None,
            logging_level=logging.WARNING,
        ):
            yield
    else:
        yield


def _modules_here() -> Iterator[Path]:
    """The files and packages of the current directory that have been imported."""
    for name, module in list(sys.modules.items()):
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
        for path in (Path.cwd() / f"{name}.py", Path.cwd() / name):
            if str(path) in places:
                yield path


def _send(client: Any, modules: list[Path]) -> None:
    """Let Dask's workers import modules as they are now, those workers too that come later."""
    from distributed.diagnostics.plugin import UploadFile

    if not modules:
        return
    with TemporaryDirectory() as folder:
        # Always a new name, as Python remembers what is in an archive.
        archive = Path(folder, f"schuss-{uuid4().hex}.zip")
        with ZipFile(archive, "w") as file:
            for module in modules:
                for path in [module] if module.is_file() else module.rglob("*.py"):
                    file.write(path, path.relative_to(module.parent))
        names = [module.stem for module in modules]
        client.run(_forget, names)
        # In the place of what an earlier search has sent, or new workers would get both.
        client.register_plugin(UploadFile(str(archive)), name=f"schuss {' '.join(names)}")


def _forget(modules: Iterable[str]) -> None:
    """Let a worker import modules anew."""
    for name in list(sys.modules):
        if name.partition(".")[0] in modules:
            del sys.modules[name]
