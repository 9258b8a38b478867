"""The checks of arguments: what they take, what they refuse, and in which words."""

from __future__ import annotations

import ast
import math
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from schuss import checks


@pytest.mark.parametrize(
    "value", [10_000, 1e4, np.int16(10_000), np.float32(1e4), np.array(1e4), Fraction(10_000)]
)
def test_whole_numbers(value):
    found = checks.count("n", value)
    assert found == 10_000
    assert type(found) is int


def test_whole_numbers_beyond_exact_floats():
    assert checks.count("n", 2**63 + 1) == 2**63 + 1
    assert checks.count("n", 0, least=0) == 0


@pytest.mark.parametrize("value", [10.5, 0, 0.0, -3, 13, math.nan, math.inf, np.float64(1e-300)])
def test_numbers_that_are_no_count(value):
    with pytest.raises(ValueError, match=r"^n is .*; a whole number in \[1, 12\] is wanted$"):
        checks.count("n", value, most=12)


@pytest.mark.parametrize("value", [True, np.True_, "10", None, 3j, np.ones(2), [1]])
def test_what_is_no_number_at_all(value):
    with pytest.raises(TypeError, match=r"(?s)^n is .*; a whole number of at least 1 is wanted$"):
        checks.count("n", value)


@pytest.mark.parametrize(
    "value", [0.5, Fraction(1, 2), Decimal("0.5"), np.float32(0.5), np.array(0.5)]
)
def test_real_numbers(value):
    found = checks.number("x", value)
    assert found == 0.5
    assert type(found) is float


@pytest.mark.parametrize(
    ("check", "wanted"),
    [
        (checks.number, "a finite number"),
        (checks.tolerance, "a finite number of at least 0"),
        (checks.positive, "a finite number above 0"),
        (checks.fraction, "a number between 0 and 1"),
    ],
)
def test_one_sentence(check, wanted):
    """Whatever comes, the same is wanted."""
    bad = [math.nan, math.inf, -math.inf, 10**400]
    if check is not checks.number:
        bad.append(-1)
    if check in (checks.positive, checks.fraction):
        bad += [0, 0.0]
    if check is checks.fraction:
        bad += [1, 1.5]
    for value in bad:
        with pytest.raises(ValueError, match=f"^x is .*; {wanted} is wanted$"):
            check("x", value)
    for value in (True, np.array(True), "1", np.array("1"), None, 1j, np.complex64(1), np.ones(2)):
        with pytest.raises(TypeError, match=f"(?s)^x is .*; {wanted} is wanted$"):
            check("x", value)


ROOT = Path(__file__).parents[1]
OTHER_FORMS = re.compile(r"\bmust\b|\bgot\b|(^|: )expected\b|\bneeds? (at|to)\b|[<>]=")
SCIPYS_OWN = (
    "must return a scalar value.",
    "array must not contain infs or NaNs",
    "it must not be empty",
    "must be positive definite.",
)


def raised(text):
    """The pieces of text in what a Python source raises, with the line of each."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Raise) and node.exc:
            for part in ast.walk(node.exc):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.lineno, part.value


def literals(text):
    """The string literals of a C++ source, with the line of each."""
    for number, line in enumerate(text.splitlines(), start=1):
        for part in re.findall(r'"((?:[^"\\]|\\.)*)"', line.partition("//")[0]):
            yield number, part


def test_errors_have_one_form():
    """`x is X; W is wanted`: no source says it in another way where it raises."""
    python = sorted((ROOT / "python" / "schuss").rglob("*.py"))
    cpp = sorted((ROOT / "cpp").rglob("*.[ch]pp"))
    found = [
        f"{file.relative_to(ROOT)}:{line}: {part}"
        for files, pieces in ((python, raised), (cpp, literals))
        for file in files
        for line, part in pieces(file.read_text())
        if OTHER_FORMS.search(part) and not any(words in part for words in SCIPYS_OWN)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text", ["n must be 1, got 2", "expected a number", "need at least two"])
def test_other_forms_are_found(text):
    assert OTHER_FORMS.search(text)
    assert list(raised(f"raise ValueError({text!r})")) == [(1, text)]
    assert list(literals(f'throw error("{text}");  // must')) == [(1, text)]
