"""Plots of the lab's results; each returns a matplotlib Figure and neither shows nor saves it."""

from __future__ import annotations

from schuss.lab.plots.convergence import convergence
from schuss.lab.plots.fits import fit, fits
from schuss.lab.plots.paths import animation, landscape
from schuss.lab.plots.rates import range_test
from schuss.lab.plots.scores import search
from schuss.lab.plots.training import comparison, diagnostics
from schuss.suggest import explain

__all__ = [
    "animation",
    "comparison",
    "convergence",
    "diagnostics",
    "fit",
    "fits",
    "landscape",
    "range_test",
    "search",
]


explain(__name__)
