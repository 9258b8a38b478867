"""The classes of torch.optim with our step, and our own in their manner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .front import Front

if TYPE_CHECKING:
    from .front import Group, Settings

__all__ = ["Adam", "AdamW"]


class _Adam(Front):
    def _settings(self, g: Group) -> Settings:
        beta1, beta2 = g["betas"]
        return (
            "amsgrad" if g["amsgrad"] else "adam",
            g["maximize"],
            g["decoupled_weight_decay"],
            (g["lr"], beta1, beta2, g["eps"], g["weight_decay"]),
        )

    def _states(self, g: Group) -> dict[str, float]:
        names = {"exp_avg": 0.0, "exp_avg_sq": 0.0}
        return {**names, "max_exp_avg_sq": 0.0} if g["amsgrad"] else names


class Adam(_Adam, torch.optim.Adam):
    """torch.optim.Adam."""


class AdamW(_Adam, torch.optim.AdamW):
    """torch.optim.AdamW."""
