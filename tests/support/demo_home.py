"""A home in which the demo county's night has run, without a scheduler."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from examples.demo_county import generate
from tasks.night import NightReport, night
from tasks.workspace import Workspace, open_workspace
from warehouse.settings import Settings

AFTER_THE_LAST_CUTOFF = datetime(2026, 11, 1, tzinfo=UTC)


def demo_workspace(home: Path, folder: Path) -> Workspace:
    """A home with the county's files in its inbox; nothing has been read yet."""
    settings = Settings(home=home, warehouse_url=None, scheme=None, quiet_seconds=0)
    settings.make_folders()
    county = generate(folder)
    shutil.copytree(county.inbox, settings.inbox, dirs_exist_ok=True)
    shutil.copyfile(county.scheme, settings.schemes / county.scheme.name)
    return open_workspace(settings, now=AFTER_THE_LAST_CUTOFF)


def next_night(workspace: Workspace) -> NightReport:
    """Another night in the same home, as a run of its own."""
    return night(open_workspace(workspace.settings, now=AFTER_THE_LAST_CUTOFF))
