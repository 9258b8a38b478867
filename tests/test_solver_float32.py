"""L-BFGS in float32 on the problems of Moré, Garbow and Hillstrom."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import core_solver

from problems import more_garbow_hillstrom

# What SciPy 1.17 finds in float64 from the same start: the lower of the values of L-BFGS-B and BFGS
# where the largest element of the gradient is at most 1e-3. They find no such point on Meyer's.
SCIPY = """
1.73581e-11  rosenbrock
5.93561e-11  rosenbrock x10
2.55245e-16  rosenbrock x100
48.9843  freudenstein-roth
48.9843  freudenstein-roth x10
48.9843  freudenstein-roth x100
3.76768e-18  powell badly scaled
4.17316e-09  powell badly scaled x10
4.59396e-22  brown badly scaled
7.88861e-31  brown badly scaled x10
3.59425e-29  brown badly scaled x100
1.37098e-09  beale
1.34311e-10  beale x10
0.435538  beale x100
124.362  jennrich-sampson
6.07587e-10  helical valley
2.27904e-12  helical valley x10
3.28125e-10  helical valley x100
0.00821488  bard
0.00821509  bard x10
0.00821488  bard x100
1.17868e-08  gaussian
1.1498e-08  gaussian x10
0.00013318  gulf
4.16344e-09  box
1.87555e-05  box x10
1.16048e-06  powell singular
9.59902e-07  powell singular x10
1.73334e-07  powell singular x100
2.54651e-10  wood
9.16686e-11  wood x10
4.79622e-12  wood x100
0.00038513  kowalik-osborne
0.00169035  kowalik-osborne x10
0.00734014  kowalik-osborne x100
85822.2  brown-dennis
85822.2  brown-dennis x10
85822.2  brown-dennis x100
5.4649e-05  osborne 1
0.00565622  biggs exp6
0.00835055  biggs exp6 x10
0.0401377  osborne 2
0.00228767  watson n=6
6.52627e-05  watson n=9
1.08024e-05  watson n=12
1.88965e-12  extended rosenbrock n=10
1.1347e-10  extended rosenbrock n=50
2.84315e-06  extended powell singular n=12
5.14215e-06  extended powell singular n=48
2.42426e-05  penalty 1 n=4
2.42728e-05  penalty 1 n=4 x10
2.41046e-05  penalty 1 n=4 x100
7.20614e-05  penalty 1 n=10
0.000441846  penalty 1 n=50
9.83349e-06  penalty 2 n=4
9.6762e-06  penalty 2 n=4 x10
9.69686e-06  penalty 2 n=4 x100
0.000294043  penalty 2 n=10
4.29611  penalty 2 n=50
1.95602e-12  variably dimensioned n=10
1.02154e-10  variably dimensioned n=10 x10
8.03425e-09  variably dimensioned n=10 x100
4.9204e-20  variably dimensioned n=50
4.12156e-05  trigonometric n=10
4.53438e-05  trigonometric n=10 x10
2.77831e-07  trigonometric n=10 x100
1.33823e-05  trigonometric n=50
3.78413e-08  brown almost-linear n=10
6.88309e-06  brown almost-linear n=10 x10
7.52376e-09  brown almost-linear n=50
6.80078e-08  discrete boundary value n=10
3.20515e-08  discrete boundary value n=10 x10
2.97412e-08  discrete boundary value n=10 x100
8.93245e-06  discrete boundary value n=50
1.13562e-08  discrete integral equation n=10
7.50536e-10  discrete integral equation n=10 x10
7.68326e-08  discrete integral equation n=10 x100
1.23529e-08  discrete integral equation n=50
3.02295e-10  broyden tridiagonal n=10
3.91293e-09  broyden tridiagonal n=10 x10
1.29411e-08  broyden tridiagonal n=10 x100
5.62796e-09  broyden tridiagonal n=50
1.68275e-09  broyden banded n=10
4.74069e-09  broyden banded n=10 x10
4.58424e-09  broyden banded n=10 x100
3.7844e-09  broyden banded n=50
10  linear full rank n=10
50  linear full rank n=50
4.63415  linear rank 1 n=10
24.6269  linear rank 1 n=50
6.13514  linear rank 1 with zeros n=10
26.1269  linear rank 1 with zeros n=50
0.00351688  chebyquad n=8
0.00351695  chebyquad n=8 x10
0.0035171  chebyquad n=8 x100
4.57815e-07  chebyquad n=9
0.00650396  chebyquad n=10
"""
VALUES = {
    name: float(value)
    for value, name in (line.split(maxsplit=1) for line in SCIPY.split("\n") if line)
}

# f at the start is above the largest float32.
OVERFLOW = "chebyquad n=8 x100"

# The gradient in float32 is not as small as 1e-3 anywhere near the minimum that float32 can tell;
# f is as low as it gets.
ROUNDING = {
    "powell badly scaled",
    "powell badly scaled x10",
    "beale x100",
    "brown-dennis",
    "brown-dennis x10",
    "brown-dennis x100",
    "linear rank 1 n=50",
    "linear rank 1 with zeros n=50",
}
PROBLEMS = {p.name: p for p in more_garbow_hillstrom()}


def run(problem, **options):
    solver = core_solver("lbfgs", problem.start.astype(np.float32), gtol=1e-3, **options)
    while not solver.done:
        x = solver.ask()
        assert x.dtype == np.float32
        f, g = problem.value_and_gradient(x)
        assert g.dtype == np.float32
        solver.tell(float(f), g)
    return solver


def test_the_list():
    assert set(PROBLEMS) - set(VALUES) == {"meyer", "meyer x10"}
    assert set(VALUES) <= set(PROBLEMS)


@pytest.mark.parametrize("history_dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in VALUES if name != OVERFLOW])
def test_what_scipy_solves_in_float64(name, history_dtype):
    problem = PROBLEMS[name]
    solver = run(problem, history_dtype=history_dtype)
    x, g, f = solver.best()
    assert x.dtype == g.dtype == np.float32
    assert (g == problem.gradient(x)).all()
    assert f == float(problem.fun(x))
    assert solver.nfev < 500
    if np.abs(g).max() <= 1e-3:
        assert solver.status == 0
    else:
        assert name in ROUNDING
        assert solver.status in (0, 2)  # 2 where the gradient is not even as good as rounding
        assert f - VALUES[name] <= 1e-3 * abs(VALUES[name]) + 1e-6


def test_a_start_above_the_largest_float32():
    solver = run(PROBLEMS[OVERFLOW])
    assert (solver.status, solver.nfev) == (3, 1)
    assert "first point" in solver.message
