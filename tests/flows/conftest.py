"""One Prefect server for all tests of flows: starting one takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.local import prefect_session
from tests.support.small_county import small_county
from warehouse.settings import Settings


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prefect with a server of its own, for the whole session."""
    patch = pytest.MonkeyPatch()
    patch.delenv("PREFECT_API_URL", raising=False)
    with prefect_session(Settings(home=tmp_path_factory.mktemp("prefect"))):
        yield
    patch.undo()


@pytest.fixture
def county(tmp_path: Path) -> Callable[..., Settings]:
    """Make a small county in a home of its own."""

    def make(name: str = "home", **choices: int) -> Settings:
        return small_county(tmp_path / name, **choices)

    return make
