"""Schemes: which policy numbers are in force, and whether the files that state them are valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from serving.errors import CommandError
from serving.exit_codes import ExitCode
from serving.session import Session

ForPeriod = Annotated[str, typer.Option("--period", "-p", help="option.scheme_period", metavar="PERIOD")]
Folder = Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="option.scheme_folder")]


def show(session: Session, period: ForPeriod) -> int:
    """The scheme in force in a period, every number with its unit and citation."""
    from scoring.scheme import scheme_hash
    from tasks.score import scheme_for
    from warehouse.ledger import periods

    known = {row["period_id"]: row for row in periods(session.reading_engine())}
    if period not in known:
        raise CommandError("no_such_period", period=period, periods=session.words.listed(list(known)))
    scheme = scheme_for(session.existing_settings(), known[period])
    document = scheme.model_dump(mode="json")
    if session.as_json:
        session.document({"period_id": period, "scheme_hash": scheme_hash(scheme), "scheme": document})
        return ExitCode.OK
    from serving.tables import table

    words = session.words
    headings = [words(f"column.{name}") for name in ("rule", "value", "unit", "reference")]
    title = f"{scheme.scheme_id}  {scheme.title.zh if session.language == 'zh' else scheme.title.en}"
    session.show(
        table(title, headings, list(_rules(document)), caption=f"{words('column.scheme_hash')} {scheme_hash(scheme)}")
    )
    return ExitCode.OK


def _rules(document: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Every cited number of a scheme as a line."""
    for name, part in document.items():
        where = f"{path}.{name}" if path else name
        if isinstance(part, Mapping) and "reference" in part and "value" in part:
            yield where, str(part["value"]), str(part.get("unit") or ""), str(part["reference"])
        elif isinstance(part, Mapping):
            yield from _rules(part, where)


def lint(session: Session, folder: Folder = None) -> int:
    """Whether every scheme of a folder can be read and no two are in force on one day."""
    from scoring.scheme import load_schemes

    place = folder or session.settings().schemes
    if not place.is_dir():
        raise CommandError("no_such_file", path=place)
    schemes = load_schemes(place)
    if session.as_json:
        session.document({"folder": str(place), "schemes": [scheme.scheme_id for scheme in schemes], "problems": []})
    else:
        names = session.words.listed([scheme.scheme_id for scheme in schemes])
        session.show(session.words("lint.ok", folder=place, count=len(schemes), names=names))
    return ExitCode.OK
