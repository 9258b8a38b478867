"""The instruction set in force is the one that was asked for, or there is an error."""

from __future__ import annotations

import contextlib
import os
import platform

import pytest
import schuss
from helpers import in_process
from schuss import _core


def with_isa(isa):
    return in_process("import schuss; print(schuss.config.isa())", {"SCHUSS_ISA": isa})


def test_baseline_is_always_there():
    assert schuss.config.available_isas()[-1] == "baseline"


@pytest.mark.skipif("SCHUSS_ISA" in os.environ, reason="SCHUSS_ISA forces one")
def test_best_is_the_default():
    assert schuss.config.isa() == schuss.config.available_isas()[0]


@pytest.mark.parametrize("isa", schuss.config.available_isas())
def test_environment_forces(isa):
    assert with_isa(isa).stdout.strip() == isa


def test_environment_with_an_unknown_name_is_an_error():
    result = with_isa("sse9")
    assert result.returncode != 0
    assert "SCHUSS_ISA is 'sse9'; of this CPU one of" in result.stderr


def test_use_isa_restores_what_was_there():
    before = schuss.config.isa()
    with contextlib.suppress(KeyError), schuss.config.use_isa("baseline"):
        assert schuss.config.isa() == "baseline"
        raise KeyError
    assert schuss.config.isa() == before


def test_unknown_isa():
    with (
        pytest.raises(ValueError, match=r"'sse9'; of this CPU one of .*'baseline' is wanted"),
        schuss.config.use_isa("sse9"),
    ):
        pass
    with pytest.raises(TypeError, match="name is 3"), schuss.config.use_isa(3):
        pass


def test_every_isa_has_every_rule():
    tables = []
    for isa in schuss.config.available_isas():
        with schuss.config.use_isa(isa):
            tables.append(_core.rules())
    assert all(table == tables[0] for table in tables)


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not os.path.exists("/proc/cpuinfo"),
    reason="the kernel's list is not here, or an emulator shows that of another machine",
)
def test_features_are_those_that_the_kernel_sees():
    with open("/proc/cpuinfo") as file:
        flags = set(next((line for line in file if line.startswith("flags")), "").split())
    isas = schuss.config.available_isas()
    assert ("avx2" in isas) == ({"avx2", "fma"} <= flags)
    assert ("avx512" in isas) == ({"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags)
