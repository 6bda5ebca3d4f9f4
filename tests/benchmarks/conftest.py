"""Where published data and answers lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def reference() -> Path:
    """Published data sets with their answers; the test is skipped, with the reason, where they are absent."""
    path = Path(os.environ.get("REFERENCE", REPOSITORY.parent / "shared" / "data" / "reference")).resolve()
    if not path.is_dir():
        pytest.skip("published data not found: set REFERENCE to the folder reference/")
    return path
