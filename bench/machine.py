"""What a figure depends on: the machine and the versions. No host name, no paths, no user."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from bench.peers import AbsentError, available_cores, optional

PEERS = ("torch", "optax", "jax", "scipy", "scikit-learn")


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith(("model name", "Model")):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _caches() -> dict[str, str]:
    """Size of each cache that the first core sees."""
    caches = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / f).read_text().strip() for f in ("level", "type", "size"))
        suffix = {"Data": "d", "Instruction": "i"}.get(kind, "")
        caches[f"L{level}{suffix}"] = size
    return caches


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _schuss() -> dict[str, object] | str:
    """Version, build and settings of the schuss that is measured."""
    try:
        schuss = optional("schuss")
    except AbsentError as reason:
        return str(reason)
    config = schuss.config
    return {
        "version": schuss.__version__,
        "isa": config.isa(),
        "isas": list(config.available_isas()),
        "threads": config.get_num_threads(),
        **schuss._core.build_info(),
    }


def facts() -> dict[str, object]:
    """Everything worth knowing beside a figure."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "cores available": available_cores(),
        "load at start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "caches": _caches(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": _version("numpy"),
        "schuss": _schuss(),
        "peers": {name: _version(name) or "not installed" for name in PEERS},
    }


def available_memory() -> int | None:
    """Bytes that programs may still take, where the system tells."""
    info = Path("/proc/meminfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((int(x.split()[1]) * 1024 for x in lines if x.startswith("MemAvailable")), None)
