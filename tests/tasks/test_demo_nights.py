"""The demo county's nights: reserves carried on, answers pooled, exclusions, and appeals after publication."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
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
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("county")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, county: Path) -> Iterator[Workspace]:
    workspace = demo_workspace(tmp_path_factory.mktemp("home"), county)
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


def _row(identifier: str, kind: str, table: str, key: dict[str, str], org_id: str, period_id: str, value: str) -> str:
    quoted = json.dumps(key).replace('"', '""')
    return (
        f'{identifier},{kind},{table},"{quoted}",{org_id},{period_id},{org_id},2026-10-12,登记数有误,upheld,'
        f"{value},2026-10-20,JC-XWB,霁办发〔2026〕9号"
    )


def _deliver(workspace: Workspace, period_id: str, *rows: str) -> None:
    inbox: Path = workspace.settings.inbox / "JC-XWB"
    inbox.mkdir(parents=True, exist_ok=True)
    target = inbox / f"adjustment__JC-XWB__{period_id}__v01.csv"
    target.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")


def _deliver_appeal(workspace: Workspace, org_id: str) -> None:
    key = {"indicator_id": INDICATOR, "period_id": PERIOD, "ground": "wrong_fact"}
    _deliver(workspace, PERIOD, _row("ADJ-1", "appeal", "performance_fact", key, org_id, PERIOD, "0.999"))


def test_published_values_are_the_delivered_counts(home: Workspace, county: Path) -> None:
    """What the tables and explanations call counted is what the offices' files say, and gives the value."""
    release = published_release(home.engine, PERIOD)
    assert release is not None
    tables = _tables(home, str(release["release_id"]))
    delivered = pl.concat(
        pl.read_csv(path, infer_schema=False)
        for path in sorted(county.rglob(f"inbox/*/performance_fact__*__{PERIOD}__v01.csv"))
    ).select("indicator_id", "org_id", *(pl.col(name).cast(pl.Decimal(18, 6)) for name in ("numerator", "denominator")))
    for name, subject in (("unit_indicator", "org_id"), ("department_indicator", "ratee_org_id")):
        counted = tables[name].filter(pl.col("numerator").is_not_null())
        facts = counted.rename({subject: "org_id"} if subject != "org_id" else {}).join(
            delivered, on=["indicator_id", "org_id"], suffix="_delivered"
        )
        assert facts.height > 0
        assert (facts["numerator"] == facts["numerator_delivered"]).all()
        assert (facts["denominator"] == facts["denominator_delivered"]).all()
        share = facts["numerator"].cast(pl.Float64) / facts["denominator"].cast(pl.Float64)
        assert (share - facts["value"].cast(pl.Float64)).is_between(-1e-6, 1e-6).all()
    burden = tables["department_indicator"].filter(pl.col("part") == "burden")
    assert set(burden["denominator"]) == {Decimal(278)}, "every unit of the county can bear"
    assert burden["numerator"].sum() > 0


def _published_tables(workspace: Workspace, period_id: str) -> dict[str, pl.DataFrame]:
    found = published_release(workspace.engine, period_id)
    assert found is not None
    return _tables(workspace, found["release_id"])


def test_what_is_left_in_reserve_is_carried_into_the_next_month(home: Workspace) -> None:
    months = ("2026M07", "2026M08", "2026M09")
    pools = {month: _published_tables(home, month)["bonus_pool"] for month in months}
    carried = {month: json.loads(published_release(home.engine, month)["manifest"])["carried_fen"] for month in months}  # type: ignore[index]
    first = pools["2026M07"]["pool_fen"].sum()
    assert carried["2026M07"] == 0
    for before, month in pairwise(months):
        assert carried[month] == pools[before]["reserve_fen"].sum() > 0
        assert pools[month]["pool_fen"].sum() == first + carried[month]


def test_units_with_few_answers_count_those_of_three_months(home: Workspace, county: Path) -> None:
    files = [
        next(county.glob(f"inbox/*/survey_response__*__{month}__v01.csv")) for month in ("2026M07", "2026M08", PERIOD)
    ]
    asked = pl.concat([pl.read_csv(file, infer_schema=False) for file in files]).filter(pl.col("status") == "answered")
    people = asked.group_by("respondent_org_id").agg(pl.col("submission_id").n_unique())
    all_months = dict(people.iter_rows())
    last = asked.filter(pl.col("period_id") == PERIOD)
    this_month = dict(last.group_by("respondent_org_id").agg(pl.col("submission_id").n_unique()).iter_rows())
    found = _published_tables(home, PERIOD)["unit_satisfaction"].filter(pl.col("n_respondents") > 0)
    pooled = pl.col("reason_codes").fill_null("").str.contains("POOLED_PERIODS")
    counted = {
        flag: dict(found.filter(pooled == flag).select("org_id", "n_respondents").iter_rows()) for flag in (True, False)
    }
    assert len(counted[True]) > 5
    assert counted[True] == {org_id: all_months[org_id] for org_id in counted[True]}
    assert counted[False] == {org_id: this_month[org_id] for org_id in counted[False]}


def test_a_department_few_can_judge_has_no_composite_and_no_place(home: Workspace) -> None:
    tables = _published_tables(home, PERIOD)
    scores = tables["department_score"].filter(pl.col("reason_codes").fill_null("").str.contains("LOW_CONTACT"))
    assert scores["ratee_org_id"].to_list() == ["JC-YCJ"]
    composite = tables["department_composite"].filter(pl.col("ratee_org_id") == "JC-YCJ").row(0, named=True)
    assert composite["burden_score"] is not None
    assert (composite["reverse_rating_score"], composite["composite_score"], composite["rank"]) == (None, None, None)


def test_only_an_exclusion_that_names_a_unit_takes_ballots_out(home: Workspace) -> None:
    period_id = "2026M08"
    before = _published_tables(home, period_id)["department_score"]
    keys = {
        "EX-1": {"rater_org_id": "JC-T01-C01", "target_org_id": "JC-MZJ"},
        "EX-2": {"rater_org_id": "NOWHERE"},
        "EX-3": {"target_org_id": "JC-MZJ"},
    }
    rows = [_row(name, "exclusion", "rating_event", key, "JC-T01-C01", period_id, "") for name, key in keys.items()]
    _deliver(home, period_id, *rows)
    next_night(home)
    assert reopen_period(home.engine, period_id, "剔除")
    next_night(home)
    newest = latest_release(home.engine, period_id)
    assert newest is not None
    after = _tables(home, newest["release_id"])
    concerned = pl.col("ratee_org_id") == "JC-MZJ"
    both = (before, after["department_score"])
    units = [scores.filter(concerned)["n_units"].item() for scores in both]
    assert units[1] == units[0] - 1
    others = [scores.filter(~concerned)["n_ballots"] for scores in both]
    assert others[0].equals(others[1])
    steps = after["adjustment_applied"].sort("adjustment_id").select("adjustment_id", "reason_codes").rows()
    assert steps == [("EX-1", None), ("EX-2", "EXCLUSION_INCOMPLETE"), ("EX-3", "EXCLUSION_INCOMPLETE")]


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
