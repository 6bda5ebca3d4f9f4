"""For everyone: how things stand, whether the installation is sound, which version this is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from serving.exit_codes import ExitCode
from serving.session import Session

if TYPE_CHECKING:
    from rich.table import Table

    from warehouse.overview import Overview, RunFacts

REJECTED_LISTED = 5


def version(session: Session) -> int:
    """The version of the program and of what it rests on."""
    from serving.doctor import versions

    parts = versions()
    if session.as_json:
        session.document(parts)
        return ExitCode.OK
    session.show("\n".join(f"{name} {number}" for name, number in parts.items()))
    return ExitCode.OK


def status(session: Session) -> int:
    """How things stand; STALE when the night or a publication was missed."""
    from warehouse.overview import overview

    settings = session.existing_settings()
    found = overview(session.reading_engine(), datetime.now(tz=UTC))
    waiting = _waiting_in_inbox(settings.inbox)
    code = ExitCode.STALE if found.stale else ExitCode.OK
    if session.as_json:
        home = str(settings.home)
        session.document({"home": home, **found.document(), "files_waiting": waiting, "is_stale": bool(found.stale)})
        return code
    session.show(_runs(session, found), _periods(session, found), _files(session, found, waiting))
    for reason in found.stale:
        session.remark(f"stale.{reason}", period=found.due_period or "")
    return code


def _waiting_in_inbox(inbox: Path) -> int:
    """Files the next night will find."""
    unfinished = (".manifest.yaml", ".tmp", ".part")
    names = (path.name for path in inbox.rglob("*") if path.is_file())
    return sum(1 for name in names if not name.startswith((".", "~$")) and not name.lower().endswith(unfinished))


def _runs(session: Session, found: Overview) -> Table:
    from serving.tables import moment, table

    words = session.words

    def line(name: str, run: RunFacts | None) -> tuple[str, ...]:
        if run is None:
            return words(name), words("run.none"), "", "", ""
        seconds = "" if run.seconds is None else f"{run.seconds:.0f} s"
        return words(name), run.kind, words(f"run.{run.state}"), moment(run.started_at), seconds

    headings = ["", words("column.kind"), words("column.state"), words("column.started"), words("column.duration")]
    rows = [line("status.last_run", found.last_run), line("status.last_success", found.last_success)]
    return table(words("title.runs"), headings, rows)


def _periods(session: Session, found: Overview) -> Table:
    from serving.tables import moment, table

    words = session.words
    headings = [words(f"column.{name}") for name in ("period", "state", "cutoff", "release", "version", "waiting")]
    rows = [
        (
            period.period_id, words(f"period.{period.status}"), moment(period.cutoff_at),
            period.published_release or words("status.history" if period.is_history else "status.not_published"),
            period.result_version, words.listed(period.waiting_releases),
        )
        for period in found.periods
    ]  # fmt: skip
    return table(words("title.periods"), headings, rows, numbers=(4,))


def _files(session: Session, found: Overview, waiting: int) -> Table:
    from serving.tables import table

    words = session.words
    held = words.listed(found.held_files[:REJECTED_LISTED])
    counts = [
        (words("status.waiting"), waiting, ""),
        *((words(f"file.{state}"), count, held if state == "held" else "") for state, count in found.files.items()),
        (words("status.rows_rejected"), found.rows_rejected, ""),
        (words("status.conflicts"), found.rows_in_conflict, ""),
    ]
    return table(words("title.intake"), ["", words("column.count"), ""], counts, numbers=(1,))


def doctor(session: Session) -> int:
    """Whether the installation is sound; ERROR when a check fails."""
    from serving.doctor import examine

    findings = examine(session.settings(), session.words)
    failed = any(finding.level == "fail" for finding in findings)
    if session.as_json:
        session.document({"ok": not failed, "checks": [finding.document() for finding in findings]})
    else:
        from serving.tables import table

        words = session.words
        rows = [(words(f"level.{each.level}"), each.title, each.detail) for each in findings]
        session.show(table(words("title.doctor"), ["", words("column.check"), words("column.found")], rows))
    return ExitCode.ERROR if failed else ExitCode.OK
