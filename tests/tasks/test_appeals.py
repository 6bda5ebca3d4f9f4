"""An upheld appeal after publication: only the appellant's rows and the reserve change, and it can be verified."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from scoring.tables import RESULT_TABLES
from tasks.release import verify_release
from tasks.workspace import Workspace, open_workspace
from tests.support.demo_home import AFTER_THE_LAST_CUTOFF, demo_workspace, next_night
from warehouse.ledger import reopen_period
from warehouse.releases import latest_release, published_release, read_results

PERIOD = "2026M09"
INDICATOR = "DISPUTE"
HEADER = (
    "adjustment_id,adj_kind,target_table,target_key,org_id,period_id,filed_by_org_id,filed_at,grounds,decision,"
    "decided_value,decided_at,decided_by_org_id,decision_doc_no"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("appeals")
    workspace = demo_workspace(folder / "home", folder / "county")
    next_night(workspace)
    yield workspace
    workspace.engine.dispose()


def _tables(workspace: Workspace, release_id: str) -> dict[str, pl.DataFrame]:
    return {name: read_results(workspace.engine, release_id, name) for name in RESULT_TABLES}


def _appellant(before: dict[str, pl.DataFrame]) -> str:
    """A village in the middle of its group whose value of the indicator is far from the best."""
    facts = before["unit_indicator"].filter((pl.col("indicator_id") == INDICATOR) & (pl.col("score100") < 70))
    paid = facts.join(before["bonus"].filter(pl.col("paid_fen") > 0), on="org_id", how="semi")
    return str(paid.sort("org_id")["org_id"][0])


def _deliver_appeal(workspace: Workspace, org_id: str) -> None:
    key = json.dumps({"indicator_id": INDICATOR, "period_id": PERIOD, "ground": "wrong_fact"}).replace('"', '""')
    row = (
        f'ADJ-1,appeal,performance_fact,"{key}",{org_id},{PERIOD},{org_id},2026-10-12,登记数有误,upheld,'
        "0.999,2026-10-20,JC-XWB,霁办发〔2026〕9号"
    )
    inbox: Path = workspace.settings.inbox / "JC-XWB"
    inbox.mkdir(parents=True, exist_ok=True)
    target = inbox / f"adjustment__JC-XWB__{PERIOD}__v01.csv"
    target.write_text(f"{HEADER}\n{row}\n", encoding="utf-8")


def test_an_appeal_moves_only_the_appellant_and_the_reserve(home: Workspace) -> None:
    first = published_release(home.engine, PERIOD)
    assert first is not None
    before = _tables(home, first["release_id"])
    org_id = _appellant(before)
    _deliver_appeal(home, org_id)
    report = next_night(home)
    assert [answer.decision for answer in report.answers] == ["accepted"]
    assert reopen_period(home.engine, PERIOD, "申诉成立")
    next_night(home)
    second = latest_release(home.engine, PERIOD)
    assert second is not None
    assert second["release_id"] != first["release_id"]
    assert json.loads(second["manifest"])["adjusts"] == first["release_id"]
    after = _tables(home, second["release_id"])
    for name in ("unit_score", "unit_indicator", "unit_cell", "incentive_score", "bonus"):
        others = [tables[name].filter(pl.col("org_id") != org_id) for tables in (before, after)]
        assert others[0].equals(others[1]), name
    for name in ("department_score", "department_composite", "unit_satisfaction", "frame_member", "effective_weight"):
        assert before[name].equals(after[name]), name
    _paid_from_the_reserve(before, after, org_id)
    verified = verify_release(open_workspace(home.settings, now=AFTER_THE_LAST_CUTOFF), second["release_id"])
    assert verified.holds, verified


def _paid_from_the_reserve(before: dict[str, pl.DataFrame], after: dict[str, pl.DataFrame], org_id: str) -> None:
    own = [tables["bonus"].filter(pl.col("org_id") == org_id).row(0, named=True) for tables in (before, after)]
    extra = own[1]["paid_fen"] - own[0]["paid_fen"]
    assert extra > 0
    group = own[0]["peer_group"]
    for peer_group in before["bonus_pool"]["peer_group"]:
        pools = [
            tables["bonus_pool"].filter(pl.col("peer_group") == peer_group).row(0, named=True)
            for tables in (before, after)
        ]
        moved = extra if peer_group == group else 0
        assert pools[1]["paid_fen"] == pools[0]["paid_fen"] + moved
        assert pools[1]["reserve_fen"] == pools[0]["reserve_fen"] - moved
        assert pools[1]["pool_fen"] == pools[0]["pool_fen"] == pools[1]["paid_fen"] + pools[1]["reserve_fen"]
    step = after["adjustment_applied"].filter(pl.col("adjustment_id") == "ADJ-1")
    assert step["after"].to_list() == [Decimal("0.999000")]
