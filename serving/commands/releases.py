"""Releases: what there is, what each was made from, recomputing, signing and publishing."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from serving.exit_codes import ExitCode
from serving.session import Session

Release = Annotated[str, typer.Argument(metavar="RELEASE", help="option.release")]
OfPeriod = Annotated[str | None, typer.Option("--period", "-p", help="option.of_period", metavar="PERIOD")]
By = Annotated[str, typer.Option("--by", help="option.by", metavar="NAME")]
WhyNote = Annotated[str | None, typer.Option("--reason", help="option.sign_reason", metavar="TEXT")]


def list_releases(session: Session, period: OfPeriod = None) -> int:
    """Releases in the order of their chain."""
    from warehouse.releases import releases, when

    found = [
        {
            "release_id": row["release_id"], "period_id": row["period_id"], "state": row["state"],
            "created_at": when(row, "created_at"), "published_at": when(row, "published_at"),
            "scheme_id": row["scheme_id"], "result_hash": row["result_hash"],
        }
        for row in releases(session.reading_engine(), period)
    ]  # fmt: skip
    if session.as_json:
        session.document({"releases": found})
        return ExitCode.OK
    from serving.tables import moment, table

    words = session.words
    if not found:
        session.remark("release.none")
        return ExitCode.OK
    names = ("release", "period", "state", "created", "published", "scheme", "result_hash")
    rows = [
        (
            each["release_id"], each["period_id"], words(f"release_state.{each['state']}"), moment(each["created_at"]),
            moment(each["published_at"]), each["scheme_id"], str(each["result_hash"])[:12],
        )
        for each in found
    ]  # fmt: skip
    session.show(table(words("title.releases"), [words(f"column.{name}") for name in names], rows))
    return ExitCode.OK


def show(session: Session, release: Release) -> int:
    """What a release was made from: its manifest."""
    from warehouse.releases import find_release, when

    row = find_release(session.reading_engine(), release)
    manifest = json.loads(row["manifest"])
    head = {
        "release_id": row["release_id"], "state": row["state"], "created_at": when(row, "created_at"),
        "published_at": when(row, "published_at"), "manifest_hash": row["manifest_hash"],
    }  # fmt: skip
    if session.as_json:
        # Estimates and counts of the fits would give suppressed figures away by subtraction.
        shown = {name: value for name, value in manifest.items() if name != "models"}
        session.document({**head, "manifest": shown})
        return ExitCode.OK
    from serving.tables import moment, table

    words = session.words
    inputs: dict[str, int] = {}
    for entry in manifest["inputs"]:
        inputs[entry["dataset"]] = inputs.get(entry["dataset"], 0) + 1
    results = [f"{name} {facts['rows']}" for name, facts in manifest["tables"].items()]
    facts = [
        (words("column.period"), row["period_id"]),
        (words("column.state"), words(f"release_state.{row['state']}")),
        (words("column.created"), moment(head["created_at"])),
        (words("column.published"), moment(head["published_at"])),
        (words("column.scheme"), f"{row['scheme_id']} ({manifest['scheme_hash'][:12]})"),
        (words("column.inputs"), words.listed([f"{name} x{count}" for name, count in sorted(inputs.items())])),
        (words("column.tables"), words.listed(results)),
        (words("column.software"), manifest["software"]["version"]),
        (words("column.result_hash"), row["result_hash"]),
        (words("column.manifest_hash"), row["manifest_hash"]),
        (words("column.previous"), row["previous_manifest_hash"] or "-"),
    ]  # fmt: skip
    session.show(table(row["release_id"], ["", ""], facts))
    return ExitCode.OK


def verify(session: Session, release: Release) -> int:
    """Recompute a release from the lake; ERROR when anything differs."""
    from tasks.release import verify_release
    from tasks.workspace import open_workspace

    found = verify_release(open_workspace(session.existing_settings(), language=session.language), release)
    document: dict[str, Any] = {
        "release_id": found.release_id, "holds": found.holds, "result_hash": found.result_hash,
        "stored_hash": found.stored_hash, "recomputed_hash": found.recomputed_hash,
        "differing_tables": list(found.differing_tables), "faults": list(found.faults),
    }  # fmt: skip
    if session.as_json:
        session.document(document)
    elif found.holds:
        session.show(session.words("verify.holds", release=release, hash=found.result_hash))
    else:
        wrong = session.words.listed([*found.differing_tables, *found.faults])
        session.show(session.words("verify.differs", release=release, detail=wrong))
    return ExitCode.OK if found.holds else ExitCode.ERROR


def sign(session: Session, release: Release, by: By, reason: WhyNote = None) -> int:
    """Sign an audited release in one's own name."""
    from warehouse.releases import find_release
    from warehouse.releases import sign as sign_release

    engine = session.writing_engine()
    signed = sign_release(engine, release, by, reason)
    needed = _people(find_release(engine, release)["manifest"])
    if session.as_json:
        session.document({"release_id": release, "by": by, "signed": signed, "needed": needed})
    else:
        key = "sign.enough" if signed >= needed else "sign.more"
        session.show(session.words(key, release=release, signed=signed, needed=needed))
    return ExitCode.OK


def publish(session: Session, release: Release, by: By) -> int:
    """Publish a release: readers of its period see it from now on."""
    from warehouse.releases import find_release
    from warehouse.releases import publish as publish_release

    engine = session.writing_engine()
    row = find_release(engine, release)
    publish_release(engine, release, _people(row["manifest"]), by)
    if session.as_json:
        session.document({"release_id": release, "period_id": row["period_id"], "state": "published", "by": by})
    else:
        session.show(session.words("publish.done", release=release, period=row["period_id"]))
    return ExitCode.OK


def _people(manifest: str) -> int:
    """How many people the release's own scheme asks to sign."""
    return int(float(json.loads(manifest)["scheme"]["sign_off"]["people"]["value"]))
