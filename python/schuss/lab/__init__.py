"""Experiments on top of schuss: train one network with every optimizer, draw paths on surfaces.

The extra `lab` is imported where it is used: scikit-learn for the digits, matplotlib to plot, rich
for tables on a terminal. The rest needs NumPy only.

Example:
    >>> from schuss import lab
    >>> result = lab.compare(["adam", "nesterov"], epochs=2)
    >>> [entry.name for entry in result.results]
    ['Adam', 'Nesterov']
"""

from __future__ import annotations

from schuss.lab import data, network, plots, report, surfaces, textbook
from schuss.lab.comparison import Comparison, Result, available, compare, schedule_names
from schuss.lab.range_test import RangeTest, find_learning_rate, range_test
from schuss.lab.surfaces import SURFACES, Landscape, Surface, landscape

__all__ = [
    "SURFACES",
    "Comparison",
    "Landscape",
    "RangeTest",
    "Result",
    "Surface",
    "available",
    "compare",
    "data",
    "find_learning_rate",
    "landscape",
    "network",
    "plots",
    "range_test",
    "report",
    "schedule_names",
    "surfaces",
    "textbook",
]
