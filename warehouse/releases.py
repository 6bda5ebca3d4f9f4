"""Releases: immutable results of a period with their manifest, chained one to the next."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update

from scoring.tables import RESULT_TABLES
from warehouse.crash_points import crash_point
from warehouse.owners import as_utc, this_process, utc_now
from warehouse.tables import program_period, release, release_event, release_pointer, result_tables

COPIED = ("release_id", "period_id", "scheme_id", "input_hash", "result_hash", "previous_manifest_hash")
"""What a release's row repeats of its manifest."""


class ReleaseStateError(Exception):
    """The release is not in a state that allows this."""


@dataclass(frozen=True)
class Draft:
    """A release about to be written."""

    period_id: str
    run_id: str | None
    scheme_id: str
    input_hash: str
    results: Mapping[str, pl.DataFrame]
    facts: Mapping[str, Any]


def canonical_json(document: Mapping[str, Any]) -> str:
    """The one way a document is written for hashing."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def sha256_text(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def table_hash(frame: pl.DataFrame) -> str:
    """Hash of a conformed result: its rows as CSV in key order."""
    return hashlib.sha256(frame.write_csv().encode()).hexdigest()


def result_hash(results: Mapping[str, pl.DataFrame]) -> str:
    """The release hash: over every result table in its declared order."""
    tables = {name: table_hash(results[name]) for name in RESULT_TABLES if name in results}
    return sha256_text(canonical_json(tables))


def write_draft(engine: Engine, draft: Draft) -> str:
    """Write a draft release with its results and manifest in one transaction; returns its id."""
    with engine.begin() as connection:
        last = connection.execute(select(release).order_by(release.c.sequence.desc()).limit(1)).mappings().first()
        count = connection.execute(
            select(func.count()).select_from(release).where(release.c.period_id == draft.period_id)
        ).scalar_one()
        release_id = f"R-{draft.period_id}-{count + 1:03d}"
        previous = last["manifest_hash"] if last else None
        outcome = result_hash(draft.results)
        manifest = {
            **draft.facts,
            "release_id": release_id,
            "period_id": draft.period_id,
            "scheme_id": draft.scheme_id,
            "input_hash": draft.input_hash,
            "result_hash": outcome,
            "tables": {
                name: {"rows": frame.height, "sha256": table_hash(frame)} for name, frame in draft.results.items()
            },
            "previous_manifest_hash": previous,
        }
        text = canonical_json(manifest)
        connection.execute(
            insert(release).values(
                release_id=release_id, sequence=(last["sequence"] if last else 0) + 1, period_id=draft.period_id,
                number=count + 1, state="draft", run_id=draft.run_id, created_at=utc_now(), scheme_id=draft.scheme_id,
                input_hash=draft.input_hash, result_hash=outcome, manifest=text, manifest_hash=sha256_text(text),
                previous_manifest_hash=previous,
            )
        )  # fmt: skip
        for name, frame in draft.results.items():
            _insert_results(connection, name, release_id, frame)
        _event(connection, release_id, "drafted", this_process(), None, outcome)
    return release_id


def _insert_results(connection: Connection, name: str, release_id: str, frame: pl.DataFrame) -> None:
    decimals = [column for column, dtype in frame.schema.items() if isinstance(dtype, pl.Decimal)]
    rows = frame.with_columns(pl.col(decimals).cast(pl.String), release_id=pl.lit(release_id)).to_dicts()
    if rows:
        connection.execute(insert(result_tables[name]), rows)


def _event(
    connection: Connection, release_id: str, event: str, by: str, reason: str | None, outcome: str | None
) -> None:
    connection.execute(
        insert(release_event).values(
            release_id=release_id, at=utc_now(), event=event, by=by, reason=reason, result_hash=outcome
        )
    )


def mark_audited(engine: Engine, release_id: str) -> None:
    """A draft whose results passed the audit gate."""
    with engine.begin() as connection:
        changed = connection.execute(
            update(release)
            .where(release.c.release_id == release_id, release.c.state == "draft")
            .values(state="audited")
        )
        if changed.rowcount != 1:
            raise ReleaseStateError(f"{release_id}: 只有草稿可以核验 / only a draft can be audited")
        _event(connection, release_id, "audited", this_process(), None, None)


def sign(engine: Engine, release_id: str, person: str, reason: str | None = None) -> int:
    """Sign an audited release, bound to its result hash; returns how many people have signed.

    Raises:
        ReleaseStateError: the release is not waiting for signatures, a newer one replaces it, nobody is
            named, or this person has signed (white space and width do not make another person).
    """
    person = " ".join(unicodedata.normalize("NFKC", person).split())
    if not person:
        raise ReleaseStateError(f"{release_id}: 请写明签发人 / say who signs")
    with engine.begin() as connection:
        found = _release(connection, release_id)
        if found["state"] not in ("audited", "signed"):
            raise ReleaseStateError(f"{release_id}: 状态不允许签发 / its state does not allow a signature")
        _refuse_outdated(connection, found)
        signed = _signers(connection, release_id)
        if person in signed:
            raise ReleaseStateError(f"{release_id}: {person} 已经签发 / {person} has already signed")
        _event(connection, release_id, "signed", person, reason, found["result_hash"])
        connection.execute(update(release).where(release.c.release_id == release_id).values(state="signed"))
        return len(signed) + 1


def _release(connection: Connection, release_id: str) -> RowMapping:
    found = connection.execute(select(release).where(release.c.release_id == release_id)).mappings().first()
    if found is None:
        raise ReleaseStateError(f"{release_id}: 没有这个发布版 / there is no such release")
    return found


def _refuse_outdated(connection: Connection, found: RowMapping) -> None:
    newest = connection.execute(
        select(func.max(release.c.number)).where(release.c.period_id == found["period_id"])
    ).scalar_one()
    if newest > found["number"]:
        raise ReleaseStateError(
            f"{found['release_id']}: {found['period_id']} 已有更新的发布版，请用 release list 查看"
            f" / {found['period_id']} has a newer release: see release list"
        )


def _signers(connection: Connection, release_id: str) -> set[str]:
    events = select(release_event.c.by).where(
        release_event.c.release_id == release_id, release_event.c.event == "signed"
    )
    return set(connection.execute(events).scalars())


def publish(engine: Engine, release_id: str, people: int, by: str) -> None:
    """Publish: move the period's pointer in one transaction.

    Args:
        engine: the warehouse.
        release_id: an audited or signed release.
        people: how many different people the scheme asks to have signed.
        by: who publishes.

    Raises:
        ReleaseStateError: not audited, too few signatures, or the period is closed and not reopened.
    """
    with engine.begin() as connection:
        found = _release(connection, release_id)
        if found["state"] not in ("audited", "signed"):
            raise ReleaseStateError(
                f"{release_id}: 状态为 {found['state']}，只有 audited 或 signed 的可以发布，请用 release list 查看"
                f" / it is {found['state']}; only an audited or signed one can be published: see release list"
            )
        signers = len(_signers(connection, release_id))
        if signers < people:
            raise ReleaseStateError(
                f"{release_id}: 需要 {people} 人签发，已有 {signers} 人，请先执行 release sign"
                f" / {people} signatures are needed, {signers} given: run release sign first"
            )
        period = found["period_id"]
        former = connection.execute(
            select(release_pointer.c.release_id).where(release_pointer.c.period_id == period)
        ).scalar_one_or_none()
        status = connection.execute(
            select(program_period.c.status).where(program_period.c.period_id == period)
        ).scalar_one_or_none()
        if former is not None and status != "reopened":
            raise ReleaseStateError(
                f"{release_id}: {period} 已发布 {former}，须先 reopen"
                f" / {period} is published as {former}: reopen it first"
            )
        crash_point("publishing")
        if former is None:
            connection.execute(insert(release_pointer).values(period_id=period, release_id=release_id))
        else:
            connection.execute(
                update(release_pointer).where(release_pointer.c.period_id == period).values(release_id=release_id)
            )
            connection.execute(update(release).where(release.c.release_id == former).values(state="superseded"))
            _event(connection, former, "superseded", by, release_id, None)
        now = utc_now()
        connection.execute(
            update(release).where(release.c.release_id == release_id).values(state="published", published_at=now)
        )
        connection.execute(
            update(program_period).where(program_period.c.period_id == period).values(status="published")
        )
        _event(connection, release_id, "published", by, None, found["result_hash"])


def releases(engine: Engine, period_id: str | None = None) -> Sequence[RowMapping]:
    """Releases in the order of the chain, of one period or of all."""
    query = select(release).order_by(release.c.sequence)
    if period_id is not None:
        query = query.where(release.c.period_id == period_id)
    with engine.connect() as connection:
        return connection.execute(query).mappings().all()


def find_release(engine: Engine, release_id: str) -> RowMapping:
    """One release; ReleaseStateError when there is none."""
    with engine.connect() as connection:
        return _release(connection, release_id)


def published_release(engine: Engine, period_id: str) -> RowMapping | None:
    """The release readers of a period see, or None."""
    query = select(release).join(release_pointer, release_pointer.c.release_id == release.c.release_id)
    with engine.connect() as connection:
        return connection.execute(query.where(release_pointer.c.period_id == period_id)).mappings().first()


def latest_release(engine: Engine, period_id: str) -> RowMapping | None:
    """The newest release of a period in any state."""
    found = releases(engine, period_id)
    return found[-1] if found else None


def read_results(engine: Engine, release_id: str, table: str) -> pl.DataFrame:
    """The stored rows of one result of one release, conformed."""
    declared = RESULT_TABLES[table]
    sql = result_tables[table]
    query = select(*(sql.c[column.name] for column in declared.columns)).where(sql.c.release_id == release_id)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    texts = {name: pl.String() if isinstance(dtype, pl.Decimal) else dtype for name, dtype in declared.schema.items()}
    cells = [
        tuple(
            str(value) if texts[name] == pl.String() and value is not None else value
            for name, value in zip(texts, row, strict=True)
        )
        for row in rows
    ]
    return declared.conform(pl.DataFrame(cells, schema=texts, orient="row"))


def chain_faults(engine: Engine) -> list[str]:
    """What is wrong with the chain of manifests; empty when every link holds."""
    faults: list[str] = []
    previous: str | None = None
    for row in releases(engine):
        manifest_hash = sha256_text(row["manifest"])
        if manifest_hash != row["manifest_hash"]:
            faults.append(f"{row['release_id']}: manifest_hash")
        else:
            manifest = json.loads(row["manifest"])
            faults += [f"{row['release_id']}: {name}" for name in COPIED if manifest[name] != row[name]]
        if row["previous_manifest_hash"] != previous:
            faults.append(f"{row['release_id']}: previous_manifest_hash")
        previous = row["manifest_hash"]
    return faults


def when(row: RowMapping, column: str) -> str | None:
    """A moment of a release as ISO text in UTC, or None."""
    return as_utc(row[column]).isoformat(timespec="seconds") if row[column] is not None else None
