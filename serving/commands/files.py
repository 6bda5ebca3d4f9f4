"""Files and their rows: checking before sending, what was rejected, decisions about held files and periods."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.errors import CommandError
from serving.exit_codes import ExitCode, code_of_decisions
from serving.session import Session

if TYPE_CHECKING:
    from tasks.check_alone import Verdict
    from warehouse.problems import Problems

CHECK_FOLDER = Path("reverse-eval-check")
_CODE, _MESSAGE = "错误代码", "问题说明"

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="option.check_files")]
Output = Annotated[Path, typer.Option("--output", "-o", help="option.check_output", metavar="FOLDER")]
OneFile = Annotated[str | None, typer.Argument(metavar="[FILE]", help="option.rejects_file")]
Code = Annotated[str | None, typer.Option("--code", help="option.code", metavar="CODE")]
Limit = Annotated[int, typer.Option("--limit", help="option.limit", metavar="N", min=1)]
HeldFile = Annotated[str, typer.Argument(metavar="FILE", help="option.accept_file")]
Period = Annotated[str, typer.Argument(metavar="PERIOD", help="option.reopen_period")]
Reason = Annotated[str, typer.Option("--reason", help="option.reason", metavar="TEXT")]


def check(session: Session, paths: Files, output: Output = CHECK_FOLDER) -> int:
    """Check files as the night would; no home, no database and no scheduler."""
    from tasks.check_alone import check_alone

    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise CommandError("no_such_file", path=session.words.listed(missing))
    with session.progress() as progress:
        verdicts = check_alone(paths, output, session.settings(), session.language, progress)
    if session.as_json:
        session.document({"files": [_verdict_document(verdict) for verdict in verdicts]})
    else:
        _show_verdicts(session, verdicts)
    return code_of_decisions(verdict.decision for verdict in verdicts)


def _verdict_document(verdict: Verdict) -> dict[str, Any]:
    return {**verdict.document, "written": [str(path) for path in verdict.written]}


def _show_verdicts(session: Session, verdicts: list[Verdict]) -> None:
    from serving.tables import files_table, table

    words = session.words
    session.show(files_table(words, [verdict.document for verdict in verdicts]))
    headings = [words(f"column.{name}") for name in ("code", "count", "first_line")]
    for verdict in verdicts:
        told = _first_messages(verdict)
        rows = [(code, count, told.get(code, "")) for code, count in _counts(verdict.document).items()]
        if rows:
            session.show(table(verdict.document["name"], headings, rows, numbers=(1,)))
    written = [str(path) for verdict in verdicts for path in verdict.written if _has_lines(verdict)]
    if written:
        session.remark("check.written", paths="\n  ".join(["", *written]))


def _counts(document: Mapping[str, Any]) -> dict[str, int]:
    """How often each code occurs; what the rules merely rewrote comes last."""
    counts = {code: int(entry["count"]) for code, entry in document["codes"].items()}
    return dict(sorted(counts.items(), key=lambda item: (item[0].startswith("I"), item[0])))


def _has_lines(verdict: Verdict) -> bool:
    return bool(verdict.document["codes"])


def _first_messages(verdict: Verdict) -> dict[str, str]:
    """The first line of errors.csv under each code: where it is and what is wrong with it."""
    errors = next((path for path in verdict.written if path.name.endswith("errors.csv")), None)
    if errors is None:
        return {}
    found: dict[str, str] = {}
    with errors.open(encoding="utf-8-sig", newline="") as file:
        for line in csv.DictReader(file):
            found.setdefault(line[_CODE], line[_MESSAGE])
    return found


def rejects(session: Session, file: OneFile = None, code: Code = None, limit: Limit = 50) -> int:
    """What was rejected, held or refused, and why."""
    from warehouse.problems import find_file, problems

    engine = session.reading_engine()
    sha256 = None if file is None else str(find_file(engine, file)["sha256"])
    code = None if code is None else _known_code(code)
    found = problems(engine, session.language, sha256=sha256, code=code, at_most=limit)
    if session.as_json:
        lines = [dict(line.__dict__) for line in found.lines]
        session.document({"total": found.total, "counts": found.counts, "lines": lines})
        return ExitCode.OK
    if not found.lines:
        session.remark("rejects.none")
        return ExitCode.OK
    show_problems(session, found)
    return ExitCode.OK


def _known_code(code: str) -> str:
    """The code as the catalogue writes it.

    Raises:
        CommandError: the catalogue has no such code.
    """
    from expectations.catalogue import catalogue

    written = code.strip().upper()
    if written not in catalogue():
        raise CommandError("no_such_code", ExitCode.USAGE, name=code)
    return written


def show_problems(session: Session, found: Problems) -> None:
    """Print problems as a table, and say when it does not list them all."""
    from serving.tables import table

    words = session.words
    headings = [words(f"column.{name}") for name in ("file", "row", "column", "code", "message", "remedy")]
    rows = [(line.file, line.row, line.column, line.code, line.message, line.remedy) for line in found.lines]
    counts = "  ".join(f"{code} x{count}" for code, count in found.counts.items())
    session.show(table(words("title.rejects"), headings, rows, numbers=(1,), caption=counts))
    if found.total > len(found.lines):
        session.remark("rejects.more", shown=len(found.lines), total=found.total)


def accept(session: Session, file: HeldFile, reason: Reason) -> int:
    """Release a held file: the next run loads it."""
    from warehouse.ledger import release_hold
    from warehouse.problems import find_file

    given = _given(reason)
    engine = session.writing_engine()
    row = find_file(engine, file)
    if not release_hold(engine, str(row["sha256"]), given):
        raise CommandError("not_held", file=row["name"], state=session.words(f"file.{row['state']}"))
    if session.as_json:
        session.document({"name": row["name"], "sha256": row["sha256"], "reason": given, "accepted": True})
    else:
        session.show(session.words("accept.done", file=row["name"]))
    return ExitCode.OK


def reopen(session: Session, period: Period, reason: Reason) -> int:
    """Reopen a published period: late and corrected rows count in its next release."""
    from warehouse.ledger import periods, reopen_period

    given = _given(reason)
    engine = session.writing_engine()
    known = {row["period_id"]: row for row in periods(engine)}
    if period not in known:
        raise CommandError("no_such_period", period=period, periods=session.words.listed(list(known)))
    if not reopen_period(engine, period, given):
        state = session.words(f"period.{known[period]['status']}")
        raise CommandError("not_reopened", period=period, state=state)
    if session.as_json:
        session.document({"period_id": period, "status": "reopened", "reason": given})
    else:
        session.show(session.words("reopen.done", period=period))
    return ExitCode.OK


def _given(reason: str) -> str:
    text = reason.strip()
    if not text:
        raise CommandError("no_reason", ExitCode.USAGE)
    return text
