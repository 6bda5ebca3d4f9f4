"""The ledger of files: who claimed which content, how far it came, and what became of its rows.

A file's life is ``claimed -> staged -> loaded``, or ends ``held`` or ``refused``. Each change is one
transaction guarded by the claim's fencing number, so that a process that was overtaken changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, RowMapping, insert, select, update

from warehouse.owners import as_utc, is_dead, this_process, utc_now
from warehouse.tables import (
    ingest_delivery,
    ingest_file,
    ingest_problem,
    program_period,
    release,
    release_pointer,
)

FINAL_STATES = ("loaded", "held", "refused")
LABEL_CODES = frozenset({"F101", "F103", "F104", "F119", "F122"})
"""Refusals for what a file is called or said to be, not for what is in it."""
BALANCE = ("read", "accepted", "unchanged", "rejected", "held", "skipped")


class OvertakenError(Exception):
    """The claim on this file passed to another run."""


@dataclass(frozen=True)
class Claim:
    """The right to process one file.

    ``recorded_at`` is the record time of its rows: the first claim's time, kept when a crashed claim
    is taken over, so that a row already in the lake and the ledger agree.
    """

    sha256: str
    fence: int
    recorded_at: datetime
    state: str


@dataclass(frozen=True)
class Arrival:
    """One delivery of a file under a name."""

    sha256: str
    name: str
    submitter_org_id: str
    modified_ns: int
    bytes: int
    manifest: str | None = None


@dataclass(frozen=True)
class LoadedFile:
    """A file whose rows count: what the current view needs to know of it."""

    sha256: str
    submitter_org_id: str
    file_version: int
    recorded_at: datetime
    periods: tuple[str, ...]
    rows_accepted: int
    rows_overlapping: int


def claim(engine: Engine, arrival: Arrival, lease_seconds: int, *, take_over: bool = False) -> Claim | RowMapping:
    """Claim a file's content, or return its ledger row when it was decided before or is in hand here.

    A claim whose lease ran out or whose process died is taken over with a higher fencing number. A
    held file that was released by ``accept`` can be claimed again, and so can content refused only for its label.

    Args:
        engine: the warehouse.
        arrival: the delivery.
        lease_seconds: how long the claim stands.
        take_over: also take over a claim of this very process: a run here failed and left it.

    Raises:
        OvertakenError: another living run is processing the same content.
    """
    now = utc_now()
    lease = {"owner": this_process(), "lease_until": now + timedelta(seconds=lease_seconds)}
    with engine.begin() as connection:
        known = _file(connection, arrival.sha256)
        if known is None:
            connection.execute(
                insert(ingest_file).values(
                    sha256=arrival.sha256, state="claimed", name=arrival.name, bytes=arrival.bytes,
                    submitter_org_id=arrival.submitter_org_id, manifest=arrival.manifest, fence=1, claimed_at=now,
                    **lease,
                )
            )  # fmt: skip
            _deliver(connection, arrival, now)
            return Claim(arrival.sha256, 1, now, "claimed")
        if _was_refused_for_its_label(known):
            return _claim_under_new_label(connection, arrival, int(known["fence"]) + 1, lease)
        released = known["state"] == "held" and known["accepted_reason"] is not None
        if known["state"] in FINAL_STATES and not released:
            return known
        mine = known["owner"] == lease["owner"]
        if mine and not released and not take_over:
            return known
        alive = as_utc(known["lease_until"]) > now and not is_dead(known["owner"])
        if alive and not mine:
            raise OvertakenError(known["owner"])
        state = "claimed" if released else known["state"]
        fence = int(known["fence"]) + 1
        connection.execute(
            update(ingest_file).where(ingest_file.c.sha256 == arrival.sha256).values(fence=fence, state=state, **lease)
        )
        return Claim(arrival.sha256, fence, as_utc(known["claimed_at"]), state)


def _was_refused_for_its_label(known: RowMapping) -> bool:
    """Whether nothing but the name, folder or manifest kept the content from being taken."""
    if known["state"] != "refused":
        return False
    codes = set(json.loads(known["receipt"] or "{}").get("codes", {}))
    return bool(codes) and codes <= LABEL_CODES


def _claim_under_new_label(connection: Connection, arrival: Arrival, fence: int, lease: Mapping[str, Any]) -> Claim:
    """Start over with content that was only ever refused for its label: this delivery is its first."""
    now = utc_now()
    connection.execute(
        update(ingest_file)
        .where(ingest_file.c.sha256 == arrival.sha256)
        .values(
            state="claimed", name=arrival.name, submitter_org_id=arrival.submitter_org_id, manifest=arrival.manifest,
            claimed_at=now, decided_at=None, decision=None, receipt=None, fence=fence, **lease,
        )
    )  # fmt: skip
    _deliver(connection, arrival, now)
    return Claim(arrival.sha256, fence, now, "claimed")


def claim_of(row: Mapping[str, Any]) -> Claim:
    """The claim a ledger row stands for."""
    return Claim(row["sha256"], int(row["fence"]), as_utc(row["claimed_at"]), row["state"])


def give_up(engine: Engine, sha256: str) -> None:
    """Leave an undecided file to whoever delivers its content again."""
    with engine.begin() as connection:
        connection.execute(
            update(ingest_file)
            .where(ingest_file.c.sha256 == sha256, ingest_file.c.state.not_in(FINAL_STATES))
            .values(owner="-", lease_until=utc_now())
        )


def _file(connection: Connection, sha256: str) -> RowMapping | None:
    return connection.execute(select(ingest_file).where(ingest_file.c.sha256 == sha256)).mappings().first()


def _deliver(connection: Connection, arrival: Arrival, now: datetime) -> None:
    connection.execute(
        insert(ingest_delivery).values(
            sha256=arrival.sha256, name=arrival.name, submitter_org_id=arrival.submitter_org_id,
            modified_ns=arrival.modified_ns, delivered_at=now,
        )
    )  # fmt: skip


def is_same_delivery(engine: Engine, arrival: Arrival) -> bool:
    """True when this very delivery was recorded before: a run died between deciding and clearing up."""
    with engine.connect() as connection:
        found = connection.execute(
            select(ingest_delivery.c.delivery_id).where(
                ingest_delivery.c.sha256 == arrival.sha256,
                ingest_delivery.c.name == arrival.name,
                ingest_delivery.c.submitter_org_id == arrival.submitter_org_id,
                ingest_delivery.c.modified_ns == arrival.modified_ns,
            )
        ).first()
    return found is not None


def find_file(engine: Engine, sha256: str) -> RowMapping | None:
    """The ledger row of a content, or None."""
    with engine.connect() as connection:
        return _file(connection, sha256)


def is_decided(engine: Engine, sha256: str) -> bool:
    """Whether a content was loaded, held or refused."""
    row = find_file(engine, sha256)
    return row is not None and row["decided_at"] is not None


def record_delivery(engine: Engine, arrival: Arrival) -> None:
    """Write down that known content arrived again."""
    with engine.begin() as connection:
        _deliver(connection, arrival, utc_now())


def stage(engine: Engine, held: Claim, receipt: Mapping[str, Any]) -> None:
    """Record that the file's rows and receipt are complete in the staging folder."""
    _advance(engine, held, {"state": "staged", **_summary(receipt)})


def finish(
    engine: Engine,
    held: Claim,
    state: str,
    receipt: Mapping[str, Any],
    problems: pl.DataFrame,
    delta_version: int | None,
) -> None:
    """Decide a file: state, counts, problems and Delta version in one transaction.

    Raises:
        OvertakenError: the claim passed to another run.
    """
    values = {"state": state, "decided_at": utc_now(), "delta_version": delta_version, **_summary(receipt)}
    rows = problems.with_columns(sha256=pl.lit(held.sha256)).to_dicts()
    with engine.begin() as connection:
        _guarded_update(connection, held, values)
        connection.execute(ingest_problem.delete().where(ingest_problem.c.sha256 == held.sha256))
        if rows:
            connection.execute(insert(ingest_problem), rows)


def _advance(engine: Engine, held: Claim, values: Mapping[str, Any]) -> None:
    with engine.begin() as connection:
        _guarded_update(connection, held, values)


def _guarded_update(connection: Connection, held: Claim, values: Mapping[str, Any]) -> None:
    changed = connection.execute(
        update(ingest_file)
        .where(ingest_file.c.sha256 == held.sha256, ingest_file.c.fence == held.fence)
        .values(**values)
    )
    if changed.rowcount != 1:
        raise OvertakenError(held.sha256)


def _summary(receipt: Mapping[str, Any]) -> dict[str, Any]:
    balance = receipt["balance"]
    return {
        "dataset": receipt.get("dataset"),
        "period_id": receipt.get("period_id"),
        "file_version": receipt.get("file_version"),
        "mode": receipt.get("mode"),
        "decision": receipt["decision"],
        "periods": json.dumps(receipt.get("periods", []), ensure_ascii=False),
        "rows_overlapping": receipt.get("rows_overlapping", 0),
        "receipt": json.dumps(receipt, ensure_ascii=False, sort_keys=True),
        **{f"rows_{part}": balance[part] for part in BALANCE},
    }


def release_hold(engine: Engine, sha256: str, reason: str) -> bool:
    """Let a held file be loaded by the next run; False when there is no held file of that content."""
    with engine.begin() as connection:
        changed = connection.execute(
            update(ingest_file)
            .where(ingest_file.c.sha256 == sha256, ingest_file.c.state == "held")
            .values(accepted_reason=reason)
        )
    return bool(changed.rowcount == 1)


def loaded_files(engine: Engine, dataset: str) -> list[LoadedFile]:
    """Files of a dataset whose rows count, in the order of their record time."""
    query = (
        select(ingest_file)
        .where(ingest_file.c.dataset == dataset, ingest_file.c.state == "loaded")
        .order_by(ingest_file.c.claimed_at, ingest_file.c.sha256)
    )
    with engine.connect() as connection:
        return [_loaded(row) for row in connection.execute(query).mappings()]


def _loaded(row: RowMapping) -> LoadedFile:
    return LoadedFile(
        row["sha256"],
        row["submitter_org_id"],
        row["file_version"] or 0,
        as_utc(row["claimed_at"]),
        tuple(json.loads(row["periods"] or "[]")),
        row["rows_accepted"] or 0,
        row["rows_overlapping"] or 0,
    )


def unfinished_files(engine: Engine) -> Sequence[RowMapping]:
    """Files a dead run left behind, and held files that somebody released, oldest first."""
    waiting = (ingest_file.c.state == "held") & ingest_file.c.accepted_reason.is_not(None)
    query = select(ingest_file).where(ingest_file.c.state.in_(["claimed", "staged"]) | waiting)
    with engine.connect() as connection:
        return connection.execute(query.order_by(ingest_file.c.claimed_at, ingest_file.c.sha256)).mappings().all()


def closed_periods(engine: Engine) -> tuple[str, ...]:
    """Periods whose rows are late from now on: published and not reopened, or frozen once a release exists."""
    published = (
        select(release_pointer.c.period_id)
        .join(program_period, program_period.c.period_id == release_pointer.c.period_id)
        .where(program_period.c.status != "reopened")
    )
    frozen = select(program_period.c.period_id).where(
        program_period.c.status == "frozen",
        program_period.c.period_id.in_(select(release.c.period_id)),
    )
    with engine.connect() as connection:
        found = set(connection.execute(published).scalars()) | set(connection.execute(frozen).scalars())
    return tuple(sorted(found))


def files_in_state(engine: Engine, states: Iterable[str]) -> Sequence[RowMapping]:
    """Ledger rows in any of the states, oldest first."""
    query = select(ingest_file).where(ingest_file.c.state.in_(list(states))).order_by(ingest_file.c.claimed_at)
    with engine.connect() as connection:
        return connection.execute(query).mappings().all()


def file_by_prefix(engine: Engine, prefix: str) -> Sequence[RowMapping]:
    """Ledger rows whose SHA-256 starts with ``prefix`` or whose name is ``prefix``."""
    query = select(ingest_file).where(ingest_file.c.sha256.startswith(prefix) | (ingest_file.c.name == prefix))
    with engine.connect() as connection:
        return connection.execute(query).mappings().all()


def problems_of(engine: Engine, sha256: str | None = None) -> pl.DataFrame:
    """Stored problems, of one file or of all, with the file's name and submitter."""
    query = (
        select(ingest_file.c.name.label("file"), ingest_file.c.submitter_org_id, ingest_file.c.dataset, ingest_problem)
        .join_from(ingest_problem, ingest_file)
        .order_by(ingest_problem.c.problem_id)
    )
    if sha256 is not None:
        query = query.where(ingest_problem.c.sha256 == sha256)
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return pl.DataFrame([dict(row) for row in rows], infer_schema_length=None)


def save_periods(engine: Engine, rows: Iterable[Mapping[str, Any]]) -> None:
    """Bring the calendar of periods in line with the current view of the ``period`` dataset.

    A period's ``published`` or ``reopened`` state here is the work of releases and is kept.
    """
    with engine.begin() as connection:
        known = {row["period_id"]: row for row in connection.execute(select(program_period)).mappings()}
        for row in rows:
            if row["period_id"] not in known:
                connection.execute(insert(program_period).values(result_version=0, **row))
                continue
            status = known[row["period_id"]]["status"]
            kept = {"status": status} if status in ("published", "reopened") else {}
            connection.execute(
                update(program_period)
                .where(program_period.c.period_id == row["period_id"])
                .values(**{key: value for key, value in row.items() if key != "period_id"} | kept)
            )


def periods(engine: Engine) -> list[dict[str, Any]]:
    """All periods in order of their end, times in UTC."""
    query = select(program_period).order_by(program_period.c.end_date, program_period.c.period_id)
    with engine.connect() as connection:
        found = [dict(row) for row in connection.execute(query).mappings()]
    for row in found:
        for name in ("cutoff_at", "late_counted_until"):
            row[name] = as_utc(row[name]) if row[name] is not None else None
    return found


def remember_inputs(engine: Engine, period_id: str, input_hash: str) -> None:
    """Note that the period was scored from these inputs, so that an unchanged night does nothing."""
    with engine.begin() as connection:
        connection.execute(
            update(program_period).where(program_period.c.period_id == period_id).values(checked_input_hash=input_hash)
        )


def reopen_period(engine: Engine, period_id: str, reason: str) -> bool:
    """Let late rows of a published period count in its next release; False when nothing of it was published here."""
    with engine.begin() as connection:
        changed = connection.execute(
            update(program_period)
            .where(
                program_period.c.period_id == period_id,
                program_period.c.status == "published",
                program_period.c.period_id.in_(select(release_pointer.c.period_id)),
            )
            .values(
                status="reopened",
                reopened_reason=reason,
                late_counted_until=utc_now(),
                result_version=program_period.c.result_version + 1,
            )
        )
    return bool(changed.rowcount == 1)
