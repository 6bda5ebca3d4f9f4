"""A migrated warehouse of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from warehouse.database import Engine, migrate, writing_engine


@pytest.fixture
def url(tmp_path: Path) -> str:
    """URL of a migrated SQLite warehouse."""
    found = f"sqlite:///{tmp_path / 'warehouse.sqlite'}"
    migrate(found)
    return found


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """An engine that writes to it."""
    found = writing_engine(url)
    yield found
    found.dispose()
