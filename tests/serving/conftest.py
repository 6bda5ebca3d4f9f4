from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from serving.command_line import main
from tasks.ingest import no_progress
from tasks.land import delivery_of
from tasks.night import NightReport, run
from tasks.workspace import open_workspace
from tests.serving import awards_program, program
from tests.support.world import view_of
from warehouse.settings import Settings


@dataclass(frozen=True)
class Called:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("REVERSE_EVAL_LANG", "REVERSE_EVAL_HOME", "LC_ALL", "LC_MESSAGES", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Callable[..., Called]:
    def command(*words: object) -> Called:
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Called(code, said.out, said.err)

    return command


def _published(folder: Path, programme: ModuleType) -> Path:
    """A home of a programme whose one due period was scored and published."""
    home = folder / "home"
    settings = Settings(home=home, quiet_seconds=0)
    settings.make_folders()
    programme.write_scheme(settings.schemes)
    deliveries = [delivery_of(path) for path in programme.write_files(folder / "files")]
    workspace = open_workspace(settings)
    report = run(workspace, "nightly", None, no_progress, from_inbox=False, deliveries=deliveries, scores=True)
    assert [answer.decision for answer in report.answers] == ["accepted"] * len(deliveries)
    assert [released.state for released in report.released] == ["published"]
    return home


@pytest.fixture(scope="session")
def published_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose one due period was scored and published; nobody writes to it."""
    return _published(tmp_path_factory.mktemp("published"), program)


@pytest.fixture(scope="session")
def awards_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of a programme with unit scores, satisfaction, tiers and money; nobody writes to it."""
    return _published(tmp_path_factory.mktemp("awards"), awards_program)


@pytest.fixture(scope="session")
def raters(awards_home: Path) -> frozenset[str]:
    """Tokens and pseudonyms of everybody who rated in ``awards_home``."""
    workspace = open_workspace(Settings(home=awards_home, quiet_seconds=0))
    pseudonyms = view_of(workspace, "rating_event")["rater_id"].unique().to_list()
    workspace.engine.dispose()
    tokens = {f"TK{village}{letter}" for village in program.VILLAGES for letter in "ABC"}
    assert len(pseudonyms) == len(tokens)
    return frozenset(tokens | set(pseudonyms))


@pytest.fixture
def home(published_home: Path, tmp_path: Path) -> Path:
    """A copy of the published home that a test may change."""
    return Path(shutil.copytree(published_home, tmp_path / "home"))


@pytest.fixture
def without_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs carry out the same steps without a scheduler."""

    def direct(
        name: str, settings: Settings, progress: Any = no_progress, *, language: str = "zh", **parameters: Any
    ) -> NightReport:
        given = [delivery_of(path, parameters.get("submitter")) for path in parameters.get("paths") or ()]
        settings = Settings(home=settings.home, quiet_seconds=0)
        nightly = name == "nightly"
        workspace = open_workspace(settings)
        return run(workspace, name, None, progress, from_inbox=nightly, deliveries=given, scores=nightly)

    monkeypatch.setattr("flows.local.run_flow", direct)
