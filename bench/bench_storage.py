"""What storage types cost: `python -m bench.bench_storage`.

A step of AdamW, one thread, 4 Mi elements, by turns with that of float32: how fast it is relative
to that; then what PyTorch people do without a shadow (a bfloat16 gradient is cast to float32, the
fused step taken, the parameters cast back), relative to ours with one; then averages.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import schuss

N = 1 << 22


def numbers(dtype: Any, seed: int, n: int = N) -> Any:
    """Return ordinary numbers."""
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32).astype(dtype)


def stepper(
    param: Any = np.float32, grad: Any = np.float32, *, shadow: Any = None, **settings: Any
) -> Callable[[], None]:
    """Return what takes a step of AdamW, in these storage types."""
    opt = schuss.AdamW(**settings)
    p, g = numbers(param, 1), numbers(grad, 2)
    out = None if shadow is None else np.zeros(N, shadow)
    return lambda: opt.step(p, g, shadow=out)


def strided() -> Callable[[], None]:
    """Return a step with every other element of an array as the gradient."""
    opt, p, g = schuss.AdamW(), numbers(np.float32, 1), numbers(np.float32, 2, 2 * N)[::2]
    return lambda: opt.step(p, g)


def transposed() -> Callable[[], None]:
    """Return a step with the gradient in Fortran order."""
    opt, p = schuss.AdamW(), numbers(np.float32, 1).reshape(2048, 2048)
    g = numbers(np.float32, 2).reshape(2048, 2048).T
    return lambda: opt.step(p, g)


def torch_with_casts() -> Callable[[], None]:
    """Return a cast, torch's fused step and a cast back."""
    import torch

    torch.set_num_threads(1)
    p = torch.randn(N, requires_grad=True)
    opt = torch.optim.AdamW([p], fused=True)
    grad, out = torch.randn(N).bfloat16(), torch.zeros(N, dtype=torch.bfloat16)

    def run() -> None:
        p.grad = grad.float()
        opt.step()
        out.copy_(p.detach())

    return run


def torch_with_average() -> Callable[[], None]:
    """Return torch's fused step and an average of its own, of 2^24 elements."""
    import torch

    torch.set_num_threads(1)
    p = torch.randn(1 << 24, requires_grad=True)
    opt = torch.optim.AdamW([p], fused=True)
    p.grad, average = torch.randn(1 << 24), p.detach().clone()

    def run() -> None:
        opt.step()
        average.lerp_(p.detach(), 0.001)

    return run


def averaging(**settings: Any) -> Callable[[], None]:
    """Return a step of 2^24 elements."""
    opt = schuss.AdamW(**settings)
    p, g = numbers(np.float32, 1, 1 << 24), numbers(np.float32, 2, 1 << 24)
    return lambda: opt.step(p, g)


def timed(run: Callable[[], None], times: int) -> float:
    """Return seconds of this thread for one run, without what others take of the core."""
    begin = time.thread_time()
    for _ in range(times):
        run()
    return (time.thread_time() - begin) / times


def speed_over(base: Callable[[], None], run: Callable[[], None], rounds: int = 20) -> str:
    """The median over rounds of the base's time over that of `run`, with quartiles."""
    for _ in range(3):
        base()
        run()
    ratios = []
    for _ in range(rounds):
        before, own, after = timed(base, 3), timed(run, 6), timed(base, 3)
        ratios.append((before + after) / (2 * own))
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Print all of it."""
    import ml_dtypes

    schuss.config.set_num_threads(1)
    base, bf16, f16 = stepper(), ml_dtypes.bfloat16, np.float16
    print(f"AdamW, {N:,} elements, one thread, {schuss.config.isa()}; speed over float32")
    cases = {
        "float32 against itself": stepper(),
        "bfloat16 gradients": stepper(grad=bf16),
        "bfloat16 gradients and shadow": stepper(grad=bf16, shadow=bf16),
        "bfloat16 parameters and gradients": stepper(bf16, bf16),
        "float16 gradients": stepper(grad=f16),
        "float16 parameters and gradients": stepper(f16, f16),
        "float64 gradients": stepper(grad=np.float64),
        "gradients [::2]": strided(),
        "gradients .T": transposed(),
    }
    for name, run in cases.items():
        print(f"{name:40} {speed_over(base, run)}", flush=True)
    try:
        ours = stepper(grad=bf16, shadow=bf16)
        print(f"{'torch, cast and fused, over shadow':40} {speed_over(torch_with_casts(), ours)}")
        print(
            f"{'torch, fused, and lerp, over ema':40} "
            f"{speed_over(torch_with_average(), averaging(ema=0.999), 8)}"
        )
    except ImportError:
        print("torch is not installed")
    print(f"{'2^24 without over with ema':40} {speed_over(averaging(), averaging(ema=0.999), 8)}")


if __name__ == "__main__":
    main()
