"""Runs: taking files, the night, and the scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.errors import CommandError
from serving.exit_codes import ExitCode, code_of_decisions
from serving.session import Session

if TYPE_CHECKING:
    from tasks.night import NightReport

Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="option.ingest_paths")]
Submitter = Annotated[str | None, typer.Option("--submitter", help="option.submitter", metavar="ORG_ID")]
Day = Annotated[datetime | None, typer.Option("--date", help="option.date", metavar="YYYY-MM-DD", formats=["%Y-%m-%d"])]

UNFINISHED_PREFIXES = ("~$", ".")
UNFINISHED_SUFFIXES = (".tmp", ".part", ".manifest.yaml")


def ingest(session: Session, paths: Paths, submitter: Submitter = None) -> int:
    """Take files now; the exit code is that of the worst decision."""
    from flows.local import run_flow

    files = files_of(session, paths)
    with session.progress() as progress:
        report = run_flow(
            "ingest", session.existing_settings(), progress, language=session.language, paths=files, submitter=submitter
        )
    _tell(session, report)
    return code_of_decisions(answer.decision for answer in report.answers)


def files_of(session: Session, paths: Sequence[Path]) -> list[Path]:
    """Files as given, and the finished files below folders, in order of name.

    Raises:
        CommandError: a path is not there, or there is no file at all.
    """
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise CommandError("no_such_file", path=session.words.listed(missing))
    found: list[Path] = []
    for path in paths:
        found += [path] if path.is_file() else sorted(each for each in path.rglob("*") if _is_finished(each))
    if not found:
        raise CommandError("no_files", path=session.words.listed([str(path) for path in paths]))
    return found


def _is_finished(path: Path) -> bool:
    name = path.name.lower()
    return path.is_file() and not name.startswith(UNFINISHED_PREFIXES) and not name.endswith(UNFINISHED_SUFFIXES)


def nightly(session: Session, day: Day = None) -> int:
    """Take the inbox and bring every due period up to date; ERROR when results failed their audit."""
    from flows.local import run_flow

    given: dict[str, Any] = {} if day is None else {"day": day.date()}
    with session.progress() as progress:
        report = run_flow("nightly", session.existing_settings(), progress, language=session.language, **given)
    _tell(session, report)
    return ExitCode.ERROR if any(released.findings for released in report.released) else ExitCode.OK


def _tell(session: Session, report: NightReport) -> None:
    if session.as_json:
        session.document(report.document())
        return
    if report.answers:
        from serving.tables import files_table

        session.show(files_table(session.words, [answer.__dict__ for answer in report.answers]))
    if report.released:
        session.show(released_table(session, report))
    if not report.answers and not report.released:
        session.remark("night.nothing")
    for released in report.released:
        for finding in released.findings:
            session.remark("night.finding", period=released.period_id, finding=finding)


def released_table(session: Session, report: NightReport) -> Any:
    """The releases a run made or confirmed."""
    from serving.tables import table

    words = session.words
    headings = [words(f"column.{name}") for name in ("period", "release", "state", "new", "result_hash")]
    rows = [
        (
            each.period_id, each.release_id, words(f"release_state.{each.state}"),
            words("word.yes" if each.is_new else "word.no"), each.result_hash[:12],
        )
        for each in report.released
    ]  # fmt: skip
    return table(words("title.releases"), headings, rows)


def schedule(session: Session) -> int:
    """Serve the nightly run and the runs on demand from this process until it is stopped."""
    from flows.local import serve_all

    session.remark("schedule.serving")
    serve_all(session.existing_settings())
    return ExitCode.OK
