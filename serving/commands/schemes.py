"""Schemes: which policy numbers are in force, and what is wrong with the files that state them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.errors import CommandError
from serving.exit_codes import ExitCode
from serving.session import Session

if TYPE_CHECKING:
    import polars as pl

    from scoring.lints import Finding
    from scoring.scheme import Scheme

ForPeriod = Annotated[str | None, typer.Option("--period", "-p", help="option.scheme_period", metavar="PERIOD")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="option.scheme_as_of", metavar="DATE")]
Folder = Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="option.scheme_folder")]


def show(session: Session, period: ForPeriod = None, as_of: AsOf = None) -> int:
    """The scheme in force in a period or on a day, every number with its unit and citation."""
    from scoring.scheme import scheme_hash

    if (period is None) == (as_of is None):
        raise CommandError("period_or_day", ExitCode.USAGE)
    scheme = _of_period(session, period) if period is not None else _of_day(session, str(as_of))
    document = scheme.model_dump(mode="json")
    if session.as_json:
        asked = {"period_id": period} if period is not None else {"as_of": as_of}
        session.document({**asked, "scheme_hash": scheme_hash(scheme), "scheme": document})
        return ExitCode.OK
    from serving.tables import table

    words = session.words
    headings = [words(f"column.{name}") for name in ("rule", "value", "unit", "reference")]
    title = f"{scheme.scheme_id}  {scheme.title.zh if session.language == 'zh' else scheme.title.en}"
    session.show(
        table(title, headings, list(_rules(document)), caption=f"{words('column.scheme_hash')} {scheme_hash(scheme)}")
    )
    return ExitCode.OK


def _of_period(session: Session, period: str) -> Scheme:
    from tasks.score import scheme_for
    from warehouse.ledger import periods

    known = {row["period_id"]: row for row in periods(session.reading_engine())}
    if period not in known:
        raise CommandError("no_such_period", period=period, periods=session.words.listed(list(known)))
    return scheme_for(session.existing_settings(), known[period])


def _of_day(session: Session, day: str) -> Scheme:
    """The scheme of a day; without a home, of those that come with the project."""
    from tasks.score import scheme_for

    try:
        date = dt.date.fromisoformat(day)
    except ValueError as error:
        raise CommandError("no_such_day", ExitCode.USAGE, day=day) from error
    # A period is scored under the scheme of its last day; its end is the day after.
    return scheme_for(session.settings(), {"end_date": date + dt.timedelta(days=1)})


def _rules(document: Any, path: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Every entry of a scheme as a line: where, value, unit, citation."""
    if isinstance(document, Mapping) and "reference" in document and "value" in document:
        yield path, _value(document["value"]), str(document.get("unit") or ""), str(document["reference"])
    elif isinstance(document, Mapping):
        for name, part in document.items():
            yield from _rules(part, f"{path}.{name}" if path else name)
    elif isinstance(document, list) and any(isinstance(part, Mapping) for part in document):
        for number, part in enumerate(document, start=1):
            name, rest = _named(part)
            lines = list(_rules(rest, f"{path}.{name or number}"))
            # An answer that carries no value is an entry all the same.
            yield from lines or [(f"{path}.{name or number}", "", "", "")]
    elif document not in (None, [], {}):
        yield path, _value(document), "", ""


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _named(entry: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """An entry of a list by its name and peer group, and what else it says."""
    rest = dict(entry)
    parts = [str(rest.pop(name)) for name in _NAMES if rest.get(name) is not None][:1]
    groups = rest.pop("peer_groups", None) or [rest.pop("peer_group", None)]
    inside = "+".join(str(group) for group in groups if group)
    return "".join(parts) + (f"[{inside}]" if inside else ""), rest


_NAMES = (
    "indicator_id", "adder_id", "red_line_id", "instrument_id", "item_id", "register_name", "data_element_id",
    "rater_class", "label", "dimension", "column", "category",
)  # fmt: skip


@dataclass(frozen=True)
class _Line:
    """One finding with the file it is about."""

    file: str
    finding: Finding


def lint(session: Session, folder: Folder = None) -> int:
    """What is wrong with the schemes of a folder: files that cannot be used, and every broken policy rule."""
    from scoring.lints import lint_scheme
    from scoring.scheme import read_folder

    place = folder or session.settings().schemes
    if not place.is_dir():
        raise CommandError("no_such_file", path=place)
    found = read_folder(place)
    registers = {name: _register(session, name) for name in ("indicator", "duty_item")}
    lines = [
        _Line(file, finding)
        for file, scheme in found.schemes
        for finding in lint_scheme(scheme, indicators=registers["indicator"], duty_items=registers["duty_item"])
    ]
    broken = bool(found.problems) or any(line.finding.level == "error" for line in lines)
    if session.as_json:
        names = [scheme.scheme_id for _, scheme in found.schemes]
        findings = [{"file": line.file, **asdict(line.finding)} for line in lines]
        problems = [asdict(problem) for problem in found.problems]
        session.document({"folder": str(place), "schemes": names, "problems": problems, "findings": findings})
    else:
        _show_findings(session, place, [_problem_line(problem) for problem in found.problems] + lines)
        if not broken:
            names = [scheme.scheme_id for _, scheme in found.schemes]
            session.show(session.words("lint.ok", folder=place, count=len(names), names=session.words.listed(names)))
    return ExitCode.ERROR if broken else ExitCode.OK


def _problem_line(problem: Any) -> _Line:
    """A mistake that keeps a file from being read, told like a finding."""
    from scoring.lints import Finding

    return _Line(problem.file, Finding(problem.lint, "error", problem.where, problem.zh, problem.en))


def _show_findings(session: Session, place: Path, lines: Sequence[_Line]) -> None:
    from serving.tables import table

    words, chinese = session.words, session.language == "zh"
    faults = [line for line in lines if line.finding.level != "not_checked"]
    rows = [
        (
            words(f"level.{line.finding.level}"), line.finding.lint, line.file, line.finding.where,
            line.finding.zh if chinese else line.finding.en,
        )
        for line in sorted(faults, key=lambda line: (line.finding.level, line.file, line.finding.lint))
    ]  # fmt: skip
    if rows:
        headings = [words(f"column.{name}") for name in ("level", "lint", "file", "place", "message")]
        session.show(table(str(place), headings, rows))
    unchecked: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        if line.finding.level == "not_checked":
            said = line.finding.zh if chinese else line.finding.en
            unchecked.setdefault((line.file, said), []).append(line.finding.lint)
    for (file, said), names in unchecked.items():
        session.show(words("lint.not_checked", file=file, lints=words.listed(names), reason=said))


def _register(session: Session, name: str) -> pl.DataFrame | None:
    """A dataset of the home's lake; None where there is no home or nothing was delivered."""
    from expectations.datasets import DATASETS
    from warehouse.current_view import current_rows
    from warehouse.lake import Lake
    from warehouse.ledger import loaded_files

    settings = session.settings()
    if settings.warehouse_url is None and not (settings.home / "warehouse.sqlite").is_file():
        return None
    files = loaded_files(session.reading_engine(), name)
    if not files:
        return None
    dataset = DATASETS[name]
    return current_rows(Lake(settings.lake), dataset, files).select(list(dataset.stored_schema)).collect()
