"""NIST's 27 nonlinear fits (Statistical Reference Datasets), each from its two starts.

The models, data, starts and certified parameters are those of
https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml; `data/nist_strd.json` holds all but the
models. A fit minimizes the sum of the squares of its residuals, as NIST does; the Jacobian comes
from a complex step, exact to rounding (Squire and Trapp, SIAM Review 40, 1998).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from problems.problem import TINY

Array = Any
Model = Callable[[Array, Array], Array]  # f(b, x)

DATA = Path(__file__).parent / "data" / "nist_strd.json"


def _lanczos(b: Array, x: Array) -> Array:
    return b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x) + b[4] * np.exp(-b[5] * x)


def _gauss(b: Array, x: Array) -> Array:
    peaks = (b[k] * np.exp(-(((x - b[k + 1]) / b[k + 2]) ** 2)) for k in (2, 5))
    return b[0] * np.exp(-b[1] * x) + sum(peaks)


def _chwirut(b: Array, x: Array) -> Array:
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


def _cubics(b: Array, x: Array) -> Array:
    top = b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3
    return top / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def _enso(b: Array, x: Array) -> Array:
    found = b[0] + b[1] * np.cos(2 * np.pi * x / 12) + b[2] * np.sin(2 * np.pi * x / 12)
    for k in (3, 6):
        turn = 2 * np.pi * x / b[k]
        found = found + b[k + 1] * np.cos(turn) + b[k + 2] * np.sin(turn)
    return found


MODELS: dict[str, Model] = {
    "Misra1a": lambda b, x: b[0] * (1 - np.exp(-b[1] * x)),
    "Chwirut2": _chwirut,
    "Chwirut1": _chwirut,
    "Lanczos3": _lanczos,
    "Gauss1": _gauss,
    "Gauss2": _gauss,
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "Misra1b": lambda b, x: b[0] * (1 - (1 + b[1] * x / 2) ** -2),
    "Kirby2": lambda b, x: (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2),
    "Hahn1": _cubics,
    "Nelson": lambda b, x: b[0] - b[1] * x[0] * np.exp(-b[2] * x[1]),
    "MGH17": lambda b, x: b[0] + b[1] * np.exp(-b[3] * x) + b[2] * np.exp(-b[4] * x),
    "Lanczos1": _lanczos,
    "Lanczos2": _lanczos,
    "Gauss3": _gauss,
    "Misra1c": lambda b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
    "Misra1d": lambda b, x: b[0] * b[1] * x / (1 + b[1] * x),
    "Roszman1": lambda b, x: b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi,
    "ENSO": _enso,
    "MGH09": lambda b, x: b[0] * (x**2 + b[1] * x) / (x**2 + b[2] * x + b[3]),
    "Thurber": _cubics,
    "BoxBOD": lambda b, x: b[0] * (1 - np.exp(-b[1] * x)),
    "Rat42": lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)),
    "MGH10": lambda b, x: b[0] * np.exp(b[1] / (x + b[2])),
    "Eckerle4": lambda b, x: b[0] / b[1] * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Rat43": lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
}


@dataclass(frozen=True, eq=False)
class Fit:
    """A model, its data, one of its two starts, and what NIST certifies."""

    name: str
    model: Model
    x: Array
    y: Array
    start: Array
    certified: Array  # parameters
    deviations: Array  # standard deviations of the parameters
    rss: float  # residual sum of squares at `certified`

    def residuals(self, b: Array) -> Array:
        """Return model minus data."""
        with np.errstate(all="ignore"):
            return self.model(np.asarray(b, float), self.x) - self.y

    def jacobian(self, b: Array) -> Array:
        """Return the derivatives of the residuals, one column a parameter."""
        columns = []
        with np.errstate(all="ignore"):
            for k in range(len(b)):
                z = np.asarray(b, complex)
                z[k] += 1j * TINY
                columns.append(self.model(z, self.x).imag / TINY)
        return np.stack(columns, axis=1)

    def value_and_gradient(self, b: Array) -> tuple[float, Array]:
        """Return the sum of squares and its gradient."""
        r = self.residuals(b)
        with np.errstate(all="ignore"):
            return float(r @ r), 2 * (r @ self.jacobian(b))


def fits() -> Iterator[Fit]:
    """Yield every fit from its two starts, the far one first."""
    for name, data in json.loads(DATA.read_text()).items():
        x, y = np.array(data["x"], float), np.array(data["y"], float)
        if name == "Nelson":  # the model is of log y, over two variables
            x, y = x.T, np.log(y)
        for which in ("start1", "start2"):
            yield Fit(
                name=f"{name}/{which[-1]}",
                model=MODELS[name],
                x=x,
                y=y,
                start=np.array(data[which], float),
                certified=np.array(data["certified"], float),
                deviations=np.array(data["sd"], float),
                rss=float(data["rss"]),
            )
