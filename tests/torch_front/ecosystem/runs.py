"""What the tools train, and what is asked of each of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.utils.data import TensorDataset

OPTIONS = {"lr": 0.01, "weight_decay": 0.05}


class Run(NamedTuple):
    """A finished training."""

    losses: list[float]
    model: torch.nn.Module
    optimizer: torch.optim.Optimizer


def network() -> torch.nn.Module:
    """Return a small classifier, the same each time."""
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.LayerNorm(16), torch.nn.Linear(16, 3)
    )


def dataset() -> TensorDataset:
    """Return 96 examples of three classes."""
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(96, 8, generator=generator)
    teacher = torch.randn(8, 3, generator=generator)
    return TensorDataset(inputs, (inputs @ teacher).argmax(1))


def check_resumed(whole: Run, second: Run) -> None:
    """Check that a resumed run went on as the uninterrupted one did."""
    assert second.losses == whole.losses[-len(second.losses) :]
    assert 0 < len(second.losses) < len(whole.losses)
    for p, q in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(p, q)
    assert second.optimizer.fallbacks == 0


def check_curve(ours: Run, theirs: Run) -> None:
    """Check that the losses are torch's, but for rounding."""
    assert len(ours.losses) >= 8
    assert max(ours.losses) > 1.1 * min(ours.losses)
    torch.testing.assert_close(ours.losses, theirs.losses, rtol=1e-4, atol=0)
    assert ours.optimizer.fallbacks == 0
