from __future__ import annotations

import pytest

pytest.importorskip("torch")


@pytest.fixture
def optimizer_class():
    """The class that every tool is given."""
    import schuss.torch

    return schuss.torch.AdamW


def pytest_itemcollected(item):
    """Let the tools warn: of each other's deprecations they do."""
    item.add_marker(pytest.mark.filterwarnings("default"))
