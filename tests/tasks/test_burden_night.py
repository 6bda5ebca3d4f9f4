"""A whole night with the burden chapter: what was planted in the county's files is published, and can be recomputed."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from examples.demo_county import generate
from scoring.burden.false_data import PATTERN_CODES
from scoring.burden.rules import RULES
from tasks.release import verify_release
from tasks.workspace import Workspace, open_workspace
from tests.support.demo_home import AFTER_THE_LAST_CUTOFF, next_night
from warehouse.releases import read_results
from warehouse.settings import Settings

NEEDS_A_DICTIONARY = {
    ("FAL-02", "JC-GAJ", "2026M08"),
    ("FAL-08", "JC-BB", "2026M08"),
    ("FAL-08", "JC-BB", "2026M09"),
}
"""Look-alikes flagged at night, where nothing says that a figure is rounded by instruction or set by law."""

KEY = ["code", "subject_org_id", "period_id"]
Night = tuple[Workspace, str, set[tuple[str, ...]], set[tuple[str, ...]]]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    county = generate(tmp_path_factory.mktemp("county"))
    settings = Settings(home=tmp_path_factory.mktemp("home"), warehouse_url=None, scheme=None, quiet_seconds=0)
    settings.make_folders()
    shutil.copytree(county.inbox, settings.inbox, dirs_exist_ok=True)
    shutil.copyfile(county.scheme_with_burden, settings.schemes / county.scheme_with_burden.name)
    workspace = open_workspace(settings, now=AFTER_THE_LAST_CUTOFF)
    report = next_night(workspace)
    assert {each.state for each in report.released} == {"published"}
    flags, patterns = (
        pl.concat(read_results(workspace.engine, each.release_id, name) for each in report.released)
        for name in ("burden_flag", "false_data_watch")
    )
    found = pl.concat(
        [
            flags.filter(pl.col("result_type").is_in(["breach", "watch"])).rename({"form_code": "code"}).select(KEY),
            patterns.filter(pl.col("state") == "FLAGGED").rename({"pattern_code": "code"}).select(KEY),
        ]
    )
    wanted = county.planted_burden.filter(pl.col("code").is_in([*RULES, *PATTERN_CODES])).select(KEY)
    return workspace, report.released[-1].release_id, set(wanted.iter_rows()), set(found.iter_rows())


def test_every_planted_form_and_pattern_is_published_and_nothing_else(night: Night) -> None:
    _, _, planted, found = night
    assert len(planted) > 60
    assert planted - found == set()
    assert found - planted == NEEDS_A_DICTIONARY


def test_the_release_is_recomputed_from_the_lake(night: Night) -> None:
    workspace, release_id, *_ = night
    assert verify_release(workspace, release_id).holds


def test_nothing_prepared_is_left_behind(night: Night) -> None:
    workspace, *_ = night
    assert list(Path(workspace.settings.staging).iterdir()) == []
