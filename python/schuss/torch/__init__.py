"""PyTorch's optimizers on the core of schuss."""

from .optimizers import Adam, AdamW

__all__ = ["Adam", "AdamW"]
