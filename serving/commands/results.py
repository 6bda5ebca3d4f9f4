"""What is published: rankings, and the explanation of one subject."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.errors import CommandError
from serving.exit_codes import ExitCode
from serving.session import Session

if TYPE_CHECKING:
    from rich.table import Table

    from warehouse.published import Ranking


class Format(StrEnum):
    """How a ranking is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"


class What(StrEnum):
    """Which published rows."""

    DEPARTMENTS = "departments"
    ITEMS = "items"
    UNITS = "units"
    INDICATORS = "indicators"
    SATISFACTION = "satisfaction"
    AWARDS = "awards"
    TURNOUT = "turnout"
    ADJUSTMENTS = "adjustments"
    ANOMALIES = "anomalies"


Period = Annotated[str, typer.Option("--period", "-p", help="option.period", metavar="PERIOD")]
PeerGroup = Annotated[str | None, typer.Option("--peer-group", "-g", help="option.peer_group", metavar="GROUP")]
Form = Annotated[
    Format | None, typer.Option("--format", "-f", help="option.format", metavar="table|json|csv|xlsx|parquet")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="option.output", metavar="FILE")]
Which = Annotated[What, typer.Option("--what", "-w", help="option.what", metavar="KIND")]
Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="option.subject")]


def rankings(
    session: Session, period: Period, peer_group: PeerGroup = None, form: Form = None, output: Output = None,
    what: Which = What.DEPARTMENTS,
) -> int:  # fmt: skip
    """The published ranking of a period, to read or as a file."""
    from warehouse.published import ranking

    chosen = choose_format(session, form, output)
    return deliver(session, ranking(session.reading_engine(), period, what.value, peer_group), chosen, output)


def deliver(session: Session, found: Ranking, chosen: Format, output: Path | None) -> int:
    """Print a ranking or write it to a file, and say which release it is.

    Raises:
        CommandError: the folder is not there.
    """
    if chosen is Format.TABLE and output is None:
        show_ranking(session, found)
        return ExitCode.OK
    if chosen in (Format.JSON, Format.CSV) and output is None:
        print_bytes(_content(session, found, chosen))
        if chosen is Format.CSV:
            _say_source(session, found)
        return ExitCode.OK
    target = output or Path(f"reverse-eval-{found.source.period_id}-{found.what}.{chosen.value}")
    written = write_ranking(session, found, chosen, target)
    if session.as_json:
        session.document({"written": str(written), "format": chosen.value, **found.source.document()})
    else:
        session.show(str(written))
        _say_source(session, found)
    return ExitCode.OK


def choose_format(session: Session, form: Format | None, output: Path | None) -> Format:
    """The format asked for, else the one the file's ending says, else JSON or a table.

    Raises:
        CommandError: the ending is that of no format.
    """
    if form is not None:
        return form
    ending = output.suffix.lower().removeprefix(".") if output else ""
    if ending in {each.value for each in Format}:
        return Format(ending)
    if ending not in ("", "txt"):
        raise CommandError("no_such_format", ExitCode.USAGE, ending=f".{ending}")
    return Format.JSON if session.as_json else Format.TABLE


def print_bytes(content: bytes) -> None:
    """Print what a file would hold as data."""
    import sys

    sys.stdout.flush()
    _binary(sys.stdout).write(content)


def _binary(stream: Any) -> Any:
    class _Text:
        def write(self, content: bytes) -> None:
            stream.write(content.decode())

    return getattr(stream, "buffer", None) or _Text()


def _content(session: Session, found: Ranking, form: Format) -> bytes:
    from serving.ranking_files import content

    return content(found, form.value, session.words)


def write_ranking(session: Session, found: Ranking, form: Format, target: Path) -> Path:
    """Write a ranking to a file, whole or not at all.

    Raises:
        CommandError: the folder is not there.
    """
    if form is Format.TABLE:
        from serving.ranking_files import tables

        return write_whole(target, as_text(tables(found, session.words)))
    return write_whole(target, _content(session, found, form))


def write_whole(target: Path, content: bytes) -> Path:
    """Write a file, whole or not at all.

    Raises:
        CommandError: the folder is not there.
    """
    if not target.parent.is_dir():
        raise CommandError("no_such_folder", path=target.parent)
    draft = target.with_name(f".{target.name}.draft")
    draft.write_bytes(content)
    draft.replace(target)
    return target


def as_text(tables: Iterable[Table]) -> bytes:
    """Tables as a text file holds them."""
    from io import StringIO

    from rich.console import Console

    from serving.session import PLAIN_WIDTH

    buffer = StringIO()
    console = Console(file=buffer, width=PLAIN_WIDTH, no_color=True, highlight=False)
    for table in tables:
        console.print(table)
    return buffer.getvalue().encode()


def show_ranking(session: Session, found: Ranking) -> None:
    """Print a ranking as tables, and say which release it is."""
    from serving.ranking_files import tables

    session.show(*tables(found, session.words))
    if session.words.has(f"ranking.reading_{found.what}"):
        session.remark(f"ranking.reading_{found.what}")
    _say_source(session, found)


def _say_source(session: Session, found: Ranking) -> None:
    from serving.tables import moment

    source = found.source
    session.remark(
        "ranking.source", release=source.release_id, published=moment(source.published_at),
        data=moment(source.data_as_of), scheme=source.scheme_id, hash=source.result_hash[:12],
    )  # fmt: skip


def explain(session: Session, subject: Subject, period: Period) -> int:
    """From a published figure back to what it was made of."""
    from warehouse.explained import explain as explained

    document = explained(session.reading_engine(), period, subject)
    if session.as_json:
        session.document(document)
    else:
        from serving.explanation import tree

        session.show(tree(document, session.words))
    return ExitCode.OK
