"""Defects that public assessment systems have shipped, kept out of a whole night, from files to the warehouse.

Each test is named after its defect. ``tests.scoring.test_shipped_defects`` has those of the pure chain.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa

from scoring.scheme import Scheme, SchemeError
from scoring.tables import RESULT_TABLES
from tasks.aggregate import Sums, aggregate
from tasks.ingest import no_progress
from tasks.land import delivery_of
from tasks.night import night, run
from tasks.score import DraftSchemeError, scheme_for, score
from tasks.snapshot import take_snapshot
from tasks.workspace import Workspace, open_workspace
from tests.serving import awards_program
from tests.serving.program import PERIOD
from tests.support.small_county import small_county
from warehouse.ledger import periods, reopen_period
from warehouse.releases import read_results, releases
from warehouse.settings import Settings
from warehouse.tables import result_tables

DRAWN = frozenset({"rank_low", "rank_high", "p_within_quota", "p_top", "p_bottom", "rank_sets"})
"""Columns that come from seeded draws."""


@dataclass(frozen=True)
class Home:
    """A home with everything of the awards programme loaded and scored once."""

    settings: Settings
    scheme: Scheme
    sums: Sums
    results: Mapping[str, pl.DataFrame]


@contextmanager
def opened(settings: Settings) -> Iterator[Workspace]:
    """A workspace for one run."""
    workspace = open_workspace(settings)
    yield workspace
    workspace.engine.dispose()


def take(workspace: Workspace, *files: Path, scores: bool = False) -> None:
    deliveries = [delivery_of(path) for path in files]
    report = run(
        workspace, "nightly", None, no_progress, from_inbox=False, deliveries=deliveries, scores=scores
    )  # fmt: skip
    assert [answer.decision for answer in report.answers] == ["accepted"] * len(deliveries)


def sums_now(workspace: Workspace) -> tuple[Sums, Scheme]:
    period = next(row for row in periods(workspace.engine) if row["period_id"] == PERIOD)
    scheme = scheme_for(workspace.settings, period)
    return aggregate(workspace, take_snapshot(workspace, period, scheme), scheme), scheme


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("awards")
    settings = Settings(home=folder / "home", quiet_seconds=0)
    settings.make_folders()
    awards_program.write_scheme(settings.schemes)
    with opened(settings) as workspace:
        take(workspace, *awards_program.write_files(folder / "files"), scores=True)
        sums, scheme = sums_now(workspace)
    return Home(settings, scheme, sums, score(sums, scheme, PERIOD).results)


def test_the_programme_pays_and_has_every_table(home: Home) -> None:
    assert set(home.results) == set(RESULT_TABLES)
    assert home.results["bonus"].filter(pl.col("paid_fen") > 0).height >= 3
    assert home.results["unit_score"]["rank_high"].count() >= 3


def test_no_draft_scheme_is_scored(home: Home) -> None:
    with pytest.raises(DraftSchemeError, match=home.scheme.scheme_id):
        score(home.sums, home.scheme.model_copy(update={"status": "draft"}), PERIOD)


def test_a_home_with_nothing_but_a_draft_releases_nothing(tmp_path: Path) -> None:
    settings = small_county(tmp_path)
    path = settings.schemes / "small-county.yaml"
    adopted = path.read_text(encoding="utf-8")
    assert adopted.count("status: adopted") == 1
    path.write_text(adopted.replace("status: adopted", "status: draft"), encoding="utf-8")
    with opened(settings) as workspace:
        with pytest.raises(SchemeError, match="draft"):
            night(workspace)
        assert releases(workspace.engine) == []
        with workspace.engine.connect() as connection:
            stored = [connection.execute(sa.select(table)).all() for table in result_tables.values()]
        assert not any(stored)
    path.write_text(adopted, encoding="utf-8")
    with opened(settings) as workspace:
        assert [released.state for released in night(workspace).released] == ["published"] * 2


def register(folder: Path, version: int, lines: list[str]) -> Path:
    described = "org_id,org_name,org_kind,peer_group,level,parent_org_id,valid_from,staff,population"
    path = folder / f"org_unit__COUNTY__2026__v{version:02}.csv"
    path.write_text("\n".join([f"{described},change_kind,predecessor_org_ids", *lines]) + "\n", encoding="utf-8")
    return path


def moved_village(village: str, day: str) -> str:
    """Another name, group, parent, staff and population from a day on."""
    return f"{village},{village} 新村,village,mountain,village,COUNTY,{day},99,10,transfer,"


def test_a_future_organisation_tree_changes_no_result(home: Home, tmp_path: Path) -> None:
    tree = [
        *(moved_village(village, "2026-04-01") for village in ("V1", "V2", "V3")),
        "V4,V4 大村,village,plain,village,T1,2026-04-01,50,900,merge,V4;V5",
        "D1,清溪县水务局,county_gov_dept,政法,county,COUNTY,2026-04-01,1,,rename,",
        "D9,清溪县数据局,county_gov_dept,经济,county,COUNTY,2026-04-01,1,,new,",
    ]
    with opened(home.settings) as workspace:
        # What comes after publication counts once the period is reopened, and the tree still changes nothing.
        assert reopen_period(workspace.engine, PERIOD, "a tree of the next quarter")
        take(workspace, register(tmp_path, 2, tree))
        assert moved(home, workspace) == set()
    # The day before is of the period, and tells.
    with opened(home.settings) as workspace:
        take(workspace, register(tmp_path, 3, [moved_village("V6", "2026-03-31")]))
        assert {"bonus", "bonus_pool"} <= moved(home, workspace)


def moved(home: Home, workspace: Workspace) -> set[str]:
    after = score(*sums_now(workspace), PERIOD).results
    return {name for name in RESULT_TABLES if not after[name].equals(home.results[name])}


def test_no_money_is_a_float_in_any_result_table(home: Home) -> None:
    declared = {(name, column.name): column.dtype for name, table in RESULT_TABLES.items() for column in table.columns}
    money = {key: dtype for key, dtype in declared.items() if "fen" in key[1].split("_")}
    assert len(money) >= 8
    assert set(money.values()) == {pl.Int64()}
    assert all(home.results[name].schema[column] == pl.Int64() for name, column in money)


def test_no_money_is_a_float_in_the_warehouse(home: Home) -> None:
    money = [
        column for table in result_tables.values() for column in table.columns if "fen" in column.name.split("_")
    ]  # fmt: skip
    assert len(money) >= 8
    assert all(isinstance(column.type, sa.Integer) for column in money)
    # SQLite stores whatever it is given: what lies there is looked at too.
    with opened(home.settings) as workspace:
        with workspace.engine.connect() as connection:
            rows = [row for column in money for row in connection.execute(sa.select(sa.func.typeof(column))).all()]
        stored = read_results(workspace.engine, releases(workspace.engine)[-1]["release_id"], "bonus")
    assert ("integer",) in rows
    assert set(rows) <= {("integer",), ("null",)}
    assert stored.equals(home.results["bonus"])


def with_seed(scheme: Scheme, seed: int) -> Scheme:
    """The scheme with another seed, and half of a group within the quota so that places are in doubt."""
    assert scheme.ranks is not None
    assert scheme.tiers is not None
    number = scheme.ranks.seed.model_copy(update={"value": Decimal(seed)})
    half = scheme.tiers.quota.model_copy(update={"value": Decimal("0.5")})
    return scheme.model_copy(
        update={
            "ranks": scheme.ranks.model_copy(update={"seed": number}),
            "tiers": scheme.tiers.model_copy(update={"quota": half}),
        }
    )


def bytes_of(results: Mapping[str, pl.DataFrame]) -> dict[str, str]:
    return {name: rows.write_csv() for name, rows in results.items()}


def test_two_runs_give_equal_bytes_whatever_the_state_of_other_generators(home: Home) -> None:
    scheme = with_seed(home.scheme, 0)
    first = bytes_of(score(home.sums, scheme, PERIOD).results)
    random.seed(7)
    np.random.seed(7)
    assert bytes_of(score(home.sums, scheme, PERIOD).results) == first


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_another_seed_changes_drawn_columns_only(home: Home, seed: int) -> None:
    one, other = (score(home.sums, with_seed(home.scheme, each), PERIOD).results for each in (0, seed))
    differing = {
        (name, column)
        for name, rows in one.items()
        for column in rows.columns
        if not rows[column].equals(other[name][column])
    }
    assert ("incentive_score", "p_within_quota") in differing
    scores = one["incentive_score"].join(other["incentive_score"], on="org_id", suffix="_other")
    least = float(home.scheme.tiers.min_probability.fraction) if home.scheme.tiers else 0.0
    crossed = scores.filter((pl.col("p_within_quota") < least) != (pl.col("p_within_quota_other") < least))
    if crossed.is_empty():
        assert {column for _, column in differing} <= DRAWN
    assert other["bonus"].equals(one["bonus"])
    assert other["bonus_pool"].equals(one["bonus_pool"])
