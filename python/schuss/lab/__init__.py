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
from schuss.lab.catalog import available
from schuss.lab.comparison import Comparison, Result, Start, compare, schedule_names
from schuss.lab.fits import Fits, fit
from schuss.lab.interrupt import Interrupted
from schuss.lab.range_test import RangeTest, find_learning_rate, range_test
from schuss.lab.search import LostTrialsError, Search, Trial, search
from schuss.lab.surfaces import SURFACES, Landscape, Path, Surface, landscape
from schuss.suggest import explain

__all__ = [
    "SURFACES",
    "Comparison",
    "Fits",
    "Interrupted",
    "Landscape",
    "LostTrialsError",
    "Path",
    "RangeTest",
    "Result",
    "Search",
    "Start",
    "Surface",
    "Trial",
    "available",
    "compare",
    "data",
    "find_learning_rate",
    "fit",
    "landscape",
    "network",
    "plots",
    "range_test",
    "report",
    "schedule_names",
    "search",
    "surfaces",
    "textbook",
]


explain(__name__)
