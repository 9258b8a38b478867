from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def one_thread(threads):
    """For each rank, of which there are as many as there are threads."""
    threads(1)
