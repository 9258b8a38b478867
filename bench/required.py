"""What is required of each question, with a reason each: aims, by what the peers must do at least.

Factors without another word are the peer's time over ours.
"""

from __future__ import annotations

from bench.cases import LARGE
from bench.peers.solvers import HISTORY

UPDATE = {  # over torch fused: tensors, and the elements of each
    (1, 1_000): 10.0,  # all is the call, which in torch passes through Python and a dispatcher
    (100, 1_000): 12.0,  # torch has a parallel region for each tensor, we have one
    (1, 100_000): 3.0,  # in cache, where a region still weighs beside the work
    (1, 1_000_000): 1.7,  # 28 MB of traffic in L3: whole vectors and a single pass tell
    (500, 10_000): 1.7,  # out of cache, but with 500 regions
    (1, LARGE): 1.0,  # memory decides, for everyone
}
CLIP = 1.3  # over torch fused, which passes over the gradients twice more where we do once
UNFUSED = 5.0  # over torch foreach, which passes over memory for each of many operations
NUMPY = 8.0  # over NumPy's operations, each a pass with an array to allocate, on one thread
OF_CEILING = 0.90  # share of the copy's speed: what noise and a call may take
STEP_MIB = 1  # MiB a thread: tiles for arrays that are gathered, never a copy of one

LBFGS = {  # over SciPy's L-BFGS-B, by n
    100: 6.0,  # SciPy's driver is Python between evaluations, ours C++
    100_000: 10.0,  # SciPy passes over the history several times, on one thread; we twice on all
    1_000_000: 8.0,  # the same out of cache
    4_000_000: 8.0,
}
LBFGS_TORCH = {  # over torch's LBFGS, by n
    1_000_000: 1.6,  # it passes over a pair for each product and again for each sum
    10_000_000: 5.0,  # its new vectors are new pages of the system's at every iteration
}
BFGS = {1_000: 50.0}  # over SciPy's, which multiplies n x n matrices where an update takes n^2
OVER_COPY = 1.25  # our time over that of copies of as many bytes: reads cost no more than copies
MORE_SOLVED = 0.03  # of all problems, beyond those of the peer: fewer may be luck
EVALUATIONS = 1  # or Hessians, ours over the peer's: what is solved must not cost more
VECTORS = 2 * HISTORY + 6  # the pairs; point, gradient, direction, trial; the best two

SYSTEMS = {  # over the best peer, by n
    32: 4.0,  # SciPy and NumPy spend microseconds before LAPACK begins
    128: 2.5,  # OpenBLAS is far from the peak here, and comes nearer as n grows
    256: 2.5,
    512: 1.8,
    1_000: 1.6,
    2_000: 1.5,
}
BATCHES = {  # over the best peer, by n
    4: 8.0,  # they call LAPACK for each system, we solve one in each lane
    8: 6.0,
    16: 5.0,
    32: 5.0,
}
OF_PEAK = 0.65  # share of a core's peak: the rest may go to panels, divisions and packing
TWO_OVER_ONE = 1.7  # one thread's time over two's: most of a second core

BOUNDS_SOLVED = 0.99  # of all: what is left has gradients that rounding alone makes larger
BOUNDS_EVALUATIONS = 1.05  # over SciPy's: without its search for the Cauchy point
CURVED_SOLVED = 0.98  # of all, with Hessians
CURVED_EVALUATIONS = 0.65  # over SciPy's L-BFGS-B: what a Hessian is worth
BOUNDS_LBFGS = {100: 6.0, 10_000: 6.0, 1_000_000: 4.0}  # over SciPy's, which sorts and projects
BOUNDS_SHARE = 1 / 1.20  # time without bounds over ours: they are 8 of 58 streams
PAIR_SHARE = 1 / 1.08  # the same with one pair for all: 2 of 52

FITS = {  # of NIST's 54, so many to at least so many digits
    "schuss least_squares": {4: 54, 6: 54, 8: 45},  # all; in some rounding hides the last digits
    "schuss least_squares, differences": {4: 54},  # all, if in more evaluations
    "schuss curve_fit": {4: 52, 6: 50},  # as it comes, without a hint: SciPy's has 45 to 4
}
FIT_BATCH = {  # over SciPy's curve_fit in a loop
    "NumPy": 25.0,  # half of our time is the model in NumPy
    "by name": 200.0,  # no Python and no memory between model and solver
}

TORCH_FUSED = {  # over torch's fused step, by the set of tensors
    "policy": 8.0,  # all is calls: torch's hooks, and a parallel region for each tensor
    "ResNet-18": 1.05,  # memory decides, for everyone
    "GPT": 1.1,
}
TORCH_UNFUSED = {"policy": 25.0, "ResNet-18": 4.0, "GPT": 4.0}  # a pass for each operation
TORCH_CLIP = {"policy": 16.0}  # clip_grad_norm_ costs as much as the fused step
TORCH_CORE = 0.45  # NumPy arrays' time over ours: what reading tensors may cost
TORCH_EPOCH = 1.35  # an epoch of a small network, forward and backward included
TORCH_LBFGS = 5.0  # torch forms each product of vectors by itself
TORCH_SHARE = 0.90  # an epoch without an optimizer over ours: a tenth may be the optimizer's

NEWTON = 10.0  # over SciPy's trust-exact, which is Python with a factorization for every trial
BATCH_SECONDS = 1e-6  # a problem's iteration: a million small fits in seconds
