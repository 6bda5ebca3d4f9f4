"""Releases: drafts, signatures, one pointer moved in one transaction, and a chain that shows what was touched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from sqlalchemy import select, text, update

import warehouse.releases as module
from scoring.tables import RESULT_TABLES
from warehouse.database import Engine, reading_engine
from warehouse.ledger import closed_periods, periods, reopen_period, save_periods
from warehouse.owners import utc_now
from warehouse.releases import (
    Draft,
    ReleaseStateError,
    chain_faults,
    find_release,
    latest_release,
    mark_audited,
    publish,
    published_release,
    read_results,
    releases,
    result_hash,
    sign,
    write_draft,
)
from warehouse.tables import program_period, release, release_event

PERIOD = "2026M07"


@pytest.fixture(autouse=True)
def calendar(engine: Engine) -> None:
    """One period whose cutoff has passed."""
    row = {
        "period_id": PERIOD, "kind": "month", "start_date": "2026-07-01", "end_date": "2026-08-01",
        "cutoff_at": utc_now() - timedelta(days=1), "status": "open",
    }  # fmt: skip
    save_periods(engine, [row, row | {"period_id": "2026M08"}])


def results(score: float) -> dict[str, pl.DataFrame]:
    """A satisfaction mean of one village, and no departments."""
    declared = RESULT_TABLES["satisfaction_mean"]
    row = {
        column.name: "1" if column.dtype == pl.String() else 1 for column in declared.columns if not column.nullable
    } | {"mean_0_100": score}
    absent = {name: [row.get(name)] for name in declared.schema}
    frame = pl.DataFrame(absent, strict=False).cast(dict(declared.schema))
    return {"satisfaction_mean": declared.conform(frame)}


def drafted(engine: Engine, score: float = 80.0, period_id: str = PERIOD, audited: bool = True) -> str:
    release_id = write_draft(engine, Draft(period_id, None, "trial", "00" * 32, results(score), {"seed": None}))
    if audited:
        mark_audited(engine, release_id)
    return release_id


def state_of(engine: Engine, release_id: str) -> str:
    return str(find_release(engine, release_id)["state"])


def test_results_come_back_as_they_were_hashed(engine: Engine) -> None:
    release_id = drafted(engine, 80.125)
    stored = {"satisfaction_mean": read_results(engine, release_id, "satisfaction_mean")}
    assert stored["satisfaction_mean"].equals(results(80.125)["satisfaction_mean"])
    assert result_hash(stored) == find_release(engine, release_id)["result_hash"] == result_hash(results(80.125))
    assert result_hash(results(80.126)) != result_hash(results(80.125))


def test_publishing_moves_the_pointer_once_and_supersedes_after_reopening(engine: Engine) -> None:
    first, second = drafted(engine), drafted(engine, 81.0)
    assert (first, second) == ("R-2026M07-001", "R-2026M07-002")
    publish(engine, first, 0, "自动")
    assert (state_of(engine, first), periods(engine)[0]["status"]) == ("published", "published")
    with pytest.raises(ReleaseStateError, match="reopen"):
        publish(engine, second, 0, "自动")
    assert published_release(engine, PERIOD)["release_id"] == first  # type: ignore[index]
    assert closed_periods(engine) == (PERIOD,)
    assert reopen_period(engine, PERIOD, "更正")
    assert closed_periods(engine) == ()
    publish(engine, second, 0, "自动")
    assert (state_of(engine, first), state_of(engine, second)) == ("superseded", "published")
    assert published_release(engine, PERIOD)["release_id"] == second  # type: ignore[index]
    assert latest_release(engine, PERIOD)["release_id"] == second  # type: ignore[index]
    with pytest.raises(ReleaseStateError, match="superseded"):
        publish(engine, first, 0, "自动")
    with engine.connect() as connection:
        told = connection.execute(
            select(release_event.c.release_id, release_event.c.event).order_by(release_event.c.event_id)
        )
        events = [tuple(row) for row in told]
    assert events == [
        (first, "drafted"), (first, "audited"), (second, "drafted"), (second, "audited"), (first, "published"),
        (first, "superseded"), (second, "published"),
    ]  # fmt: skip


def test_two_different_people_sign_and_only_what_was_audited(engine: Engine) -> None:
    raw = drafted(engine, 70.0, audited=False)
    with pytest.raises(ReleaseStateError, match="does not allow"):
        sign(engine, raw, "甲")
    with pytest.raises(ReleaseStateError):
        publish(engine, raw, 0, "甲")
    release_id = drafted(engine)
    assert sign(engine, release_id, "甲") == 1
    with pytest.raises(ReleaseStateError, match="already"):
        sign(engine, release_id, " 甲 ")
    with pytest.raises(ReleaseStateError, match="who signs"):
        sign(engine, release_id, " ")
    with pytest.raises(ReleaseStateError):
        sign(engine, release_id, "甲")
    with pytest.raises(ReleaseStateError, match="2 signatures"):
        publish(engine, release_id, 2, "甲")
    assert published_release(engine, PERIOD) is None
    assert sign(engine, release_id, "乙") == 2
    publish(engine, release_id, 2, "乙")
    assert state_of(engine, release_id) == "published"
    with pytest.raises(ReleaseStateError, match="no such"):
        publish(engine, "R-2026M07-009", 0, "乙")


@pytest.mark.parametrize("step", ["update", "insert", "_event"])
def test_publication_is_one_transaction_whatever_step_of_it_fails(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Readers see all of the first release or all of the second, and the failed attempt left nothing."""
    first, second = drafted(engine), drafted(engine, 81.0)
    if step != "insert":
        publish(engine, first, 0, "自动")
        reopen_period(engine, PERIOD, "更正")
    before = [tuple(row) for row in releases(engine)], periods(engine), events(engine)
    calls = []

    def fails(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) < {"update": 4, "insert": 1, "_event": 2}[step]:
            return original(*arguments)
        raise OSError(28, "no space left on device")

    original = getattr(module, step)
    with monkeypatch.context() as broken:
        broken.setattr(module, step, fails)
        with pytest.raises(OSError, match="no space"):
            publish(engine, second if step != "insert" else first, 0, "自动")
    assert ([tuple(row) for row in releases(engine)], periods(engine), events(engine)) == before
    seen = published_release(reading_engine(url), PERIOD)
    assert (None if seen is None else seen["release_id"]) == (None if step == "insert" else first)


def events(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(release_event))]


def test_a_draft_is_written_whole_or_not_at_all(engine: Engine) -> None:
    with pytest.raises(KeyError):
        write_draft(
            engine,
            Draft(
                PERIOD,
                None,
                "trial",
                "00" * 32,
                results(1.0) | {"no_such_table": results(1.0)["satisfaction_mean"]},
                {},
            ),
        )
    assert releases(engine) == []
    assert drafted(engine) == "R-2026M07-001"


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("update release set manifest = replace(manifest, 'trial', 'trjal')", "manifest_hash"),
        ("update release set manifest = substr(manifest, 2)", "manifest_hash"),
        ("update release set manifest_hash = '00' || substr(manifest_hash, 3)", "manifest_hash"),
        ("update release set previous_manifest_hash = null", "previous_manifest_hash"),
        ("update release set result_hash = '00' || substr(result_hash, 3)", "result_hash"),
        ("update release set input_hash = 'ff' || substr(input_hash, 3)", "input_hash"),
        ("update release set scheme_id = 'other'", "scheme_id"),
    ],
)
def test_the_chain_names_the_release_and_the_part_that_was_touched(engine: Engine, statement: str, named: str) -> None:
    drafted(engine, 79.0), drafted(engine, 80.0), drafted(engine, 81.0, "2026M08")
    assert chain_faults(engine) == []
    with engine.begin() as connection:
        connection.execute(text(f"{statement} where release_id = 'R-2026M07-002'"))
    assert f"R-2026M07-002: {named}" in chain_faults(engine)
    assert not any("R-2026M07-001" in fault for fault in chain_faults(engine))


def test_a_release_taken_out_of_the_chain_is_noticed(engine: Engine) -> None:
    for score in (79.0, 80.0, 81.0):
        drafted(engine, score)
    with engine.begin() as connection:
        connection.execute(text("delete from result_satisfaction_mean where release_id = 'R-2026M07-002'"))
        connection.execute(text("delete from release_event where release_id = 'R-2026M07-002'"))
        connection.execute(text("delete from release where release_id = 'R-2026M07-002'"))
    assert chain_faults(engine) == ["R-2026M07-003: previous_manifest_hash"]


def test_a_rewritten_manifest_breaks_the_link_of_the_next_release(engine: Engine) -> None:
    """Whoever changes a manifest and its own hash still has to change every later one."""
    drafted(engine, 79.0), drafted(engine, 80.0)
    manifest = find_release(engine, "R-2026M07-001")["manifest"].replace("trial", "trjal")
    values = {"manifest": manifest, "manifest_hash": module.sha256_text(manifest), "scheme_id": "trjal"}
    with engine.begin() as connection:
        connection.execute(update(release).where(release.c.release_id == "R-2026M07-001").values(**values))
    assert chain_faults(engine) == ["R-2026M07-002: previous_manifest_hash"]


def test_a_period_frozen_after_a_release_was_made_is_closed(engine: Engine) -> None:
    drafted(engine)
    assert closed_periods(engine) == ()
    with engine.begin() as connection:
        connection.execute(update(program_period).values(status="frozen"))
    assert closed_periods(engine) == (PERIOD,)
