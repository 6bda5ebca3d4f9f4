"""One Prefect server and one ingested county for all tests of flows: both take seconds to make."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.local import prefect_session
from tasks.ingest import no_progress
from tasks.night import run
from tasks.workspace import open_workspace
from tests.support.small_county import small_county, write_scheme
from warehouse.settings import Settings


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prefect with a server of its own, for the whole session."""
    patch = pytest.MonkeyPatch()
    patch.delenv("PREFECT_API_URL", raising=False)
    with prefect_session(Settings(home=tmp_path_factory.mktemp("prefect"))):
        yield
    patch.undo()


@pytest.fixture(scope="session")
def ingested_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small county with its twelve files loaded and nothing scored; copied by ``ingested``, never run on."""
    settings = small_county(tmp_path_factory.mktemp("ingested"))
    report = run(open_workspace(settings), "ingest", None, no_progress, from_inbox=True, deliveries=(), scores=False)
    assert [answer.decision for answer in report.answers] == ["accepted"] * 12
    return settings.home


@pytest.fixture
def ingested(ingested_home: Path, tmp_path: Path) -> Callable[..., Settings]:
    """Make a home of the test's own with everything loaded and nothing scored."""

    def make(people_to_sign: int = 0) -> Settings:
        settings = Settings(home=Path(shutil.copytree(ingested_home, tmp_path / "home")), quiet_seconds=0)
        write_scheme(settings, people_to_sign)
        return settings

    return make
