"""The ledger: one claim at a time, fencing, leases, deliveries, holds and the calendar of periods."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from sqlalchemy import insert, select, update

from warehouse.database import Engine
from warehouse.ledger import (
    Arrival,
    Claim,
    OvertakenError,
    claim,
    claim_of,
    closed_periods,
    find_file,
    finish,
    give_up,
    is_decided,
    is_same_delivery,
    loaded_files,
    periods,
    problems_of,
    record_delivery,
    release_hold,
    remember_inputs,
    reopen_period,
    save_periods,
    stage,
    unfinished_files,
)
from warehouse.owners import this_process, utc_now
from warehouse.tables import ingest_delivery, ingest_file, program_period, release, release_pointer

SHA = "ab" * 32
ARRIVAL = Arrival(SHA, "rating_event__X__2026M07__v01.csv", "X", 5, 100)
PROBLEMS = pl.DataFrame(
    schema={
        "code": pl.String, "sheet": pl.String, "row": pl.Int64, "column_letter": pl.String, "column": pl.String,
        "value": pl.String, "expected": pl.String, "detail": pl.String, "business_key": pl.String,
    }
)  # fmt: skip


def receipt(decision: str = "accepted", **more: Any) -> Mapping[str, Any]:
    balance = {"read": 3, "accepted": 2, "unchanged": 0, "rejected": 1, "held": 0, "skipped": 0}
    return {"decision": decision, "balance": balance, "dataset": "rating_event", "file_version": 1} | more


def taken(engine: Engine, arrival: Arrival = ARRIVAL) -> Claim:
    held = claim(engine, arrival, 900)
    assert isinstance(held, Claim)
    return held


def owned_by(engine: Engine, owner: str, **more: Any) -> None:
    with engine.begin() as connection:
        connection.execute(update(ingest_file).values(owner=owner, **more))


def test_a_content_is_claimed_once_and_its_record_time_never_changes(engine: Engine) -> None:
    first = taken(engine)
    assert (first.fence, first.state) == (1, "claimed")
    again = claim(engine, ARRIVAL, 900)
    assert not isinstance(again, Claim)
    assert (again["decided_at"], again["owner"]) == (None, this_process())
    assert claim_of(dict(again)) == first
    owned_by(engine, "elsewhere:1:1")
    with pytest.raises(OvertakenError, match="elsewhere"):
        claim(engine, ARRIVAL, 900)
    owned_by(engine, "elsewhere:1:1", lease_until=utc_now())
    second = taken(engine)
    assert (second.fence, second.recorded_at) == (2, first.recorded_at)


def test_a_claim_of_a_dead_process_or_a_failed_run_here_is_taken_over(engine: Engine) -> None:
    first = taken(engine)
    owned_by(engine, this_process().rpartition(":")[0] + ":1")
    assert taken(engine).fence == first.fence + 1
    assert not isinstance(claim(engine, ARRIVAL, 900), Claim)
    third = claim(engine, ARRIVAL, 900, take_over=True)
    assert isinstance(third, Claim)
    assert third.fence == first.fence + 2
    give_up(engine, SHA)
    assert taken(engine).fence == first.fence + 3


def test_an_overtaken_claim_changes_nothing(engine: Engine) -> None:
    first = taken(engine)
    second = claim(engine, ARRIVAL, 900, take_over=True)
    assert isinstance(second, Claim)
    with pytest.raises(OvertakenError):
        stage(engine, first, receipt())
    with pytest.raises(OvertakenError):
        finish(engine, first, "loaded", receipt(), PROBLEMS, 1)
    row = find_file(engine, SHA)
    assert row is not None
    assert (row["state"], row["decision"], row["delta_version"]) == ("claimed", None, None)
    assert problems_of(engine).is_empty()
    stage(engine, second, receipt())
    finish(engine, second, "loaded", receipt(periods=["2026M07"]), PROBLEMS, 4)
    assert [file.sha256 for file in loaded_files(engine, "rating_event")] == [SHA]
    assert is_decided(engine, SHA)


def test_a_decision_and_its_problems_are_one_transaction(engine: Engine) -> None:
    held = taken(engine)
    wrong = pl.DataFrame({"code": [None], "row": [2]}, schema={"code": pl.String, "row": pl.Int64})
    with pytest.raises(Exception, match="NOT NULL"):
        finish(engine, held, "loaded", receipt(), wrong, 1)
    assert not is_decided(engine, SHA)
    told = pl.DataFrame([{"code": "E204", "row": 7}], schema=PROBLEMS.schema)
    finish(engine, held, "loaded", receipt(), told, 1)
    finish(engine, held, "loaded", receipt(), told, 1)
    assert problems_of(engine, SHA).select("code", "row", "file").rows() == [("E204", 7, ARRIVAL.name)]


def test_files_are_loaded_staged_or_unfinished_and_nothing_else(engine: Engine) -> None:
    states = {"claimed": "c1" * 32, "staged": "51" * 32, "loaded": "10" * 32, "refused": "2e" * 32, "held": "4e" * 32}
    for state, sha256 in states.items():
        held = taken(engine, Arrival(sha256, state, "X", 1, 1))
        if state == "staged":
            stage(engine, held, receipt())
        elif state != "claimed":
            finish(engine, held, state, receipt(), PROBLEMS, None)
    assert [row["name"] for row in unfinished_files(engine)] == ["claimed", "staged"]
    assert [file.sha256 for file in loaded_files(engine, "rating_event")] == [states["loaded"]]
    assert not release_hold(engine, states["loaded"], "为何不行")
    assert release_hold(engine, states["held"], "核实无误")
    assert [row["name"] for row in unfinished_files(engine)] == ["claimed", "staged", "held"]
    again = taken(engine, Arrival(states["held"], "held", "X", 1, 1))
    assert (again.state, again.fence) == ("claimed", 2)


def test_a_delivery_is_known_by_name_submitter_and_time(engine: Engine) -> None:
    taken(engine)
    assert is_same_delivery(engine, ARRIVAL)
    for other in (
        Arrival(SHA, "other.csv", "X", 5, 100),
        Arrival(SHA, ARRIVAL.name, "Y", 5, 100),
        Arrival(SHA, ARRIVAL.name, "X", 6, 100),
    ):
        assert not is_same_delivery(engine, other)
        record_delivery(engine, other)
        assert is_same_delivery(engine, other)
    with engine.connect() as connection:
        assert len(connection.execute(select(ingest_delivery)).all()) == 4


def calendar(status: str = "open", **more: Any) -> dict[str, Any]:
    return {
        "period_id": "2026M07", "kind": "month", "start_date": "2026-07-01", "end_date": "2026-08-01",
        "cutoff_at": utc_now() - timedelta(days=1), "status": status,
    } | more  # fmt: skip


def test_the_calendar_keeps_what_releases_did_to_a_period(engine: Engine) -> None:
    save_periods(engine, [calendar()])
    assert not reopen_period(engine, "2026M07", "没有发布过")
    with engine.begin() as connection:
        connection.execute(insert(release).values(**a_release()))
        connection.execute(insert(release_pointer).values(period_id="2026M07", release_id="R-1"))
        connection.execute(update(program_period).values(status="published"))
    remember_inputs(engine, "2026M07", "00" * 32)
    save_periods(engine, [calendar("open")])
    assert periods(engine)[0]["status"] == "published"
    assert reopen_period(engine, "2026M07", "更正")
    save_periods(engine, [calendar("open", end_date="2026-08-02")])
    (period,) = periods(engine)
    assert (period["status"], period["end_date"], period["result_version"]) == ("reopened", "2026-08-02", 1)
    assert period["checked_input_hash"] == "00" * 32
    assert period["late_counted_until"] <= utc_now()
    assert not reopen_period(engine, "2026M07", "已经重开")


def test_a_period_delivered_as_published_was_not_published_here(engine: Engine) -> None:
    save_periods(engine, [calendar("published")])
    assert not reopen_period(engine, "2026M07", "历史数据")
    assert closed_periods(engine) == ()


def a_release() -> dict[str, Any]:
    return {
        "release_id": "R-1", "sequence": 1, "period_id": "2026M07", "number": 1, "state": "published",
        "created_at": utc_now(), "scheme_id": "trial", "input_hash": "0", "result_hash": "0", "manifest": "{}",
        "manifest_hash": "0",
    }  # fmt: skip
