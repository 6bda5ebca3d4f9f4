"""The demo: a fictional county's files through the whole night to a published ranking, and a late correction."""

from __future__ import annotations

import os
import shutil
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.commands.files import show_problems
from serving.commands.results import Format, show_ranking, write_ranking
from serving.commands.runs import released_table
from serving.errors import CommandError
from serving.exit_codes import ExitCode
from serving.session import Session
from serving.tables import files_table
from warehouse.database import reading_engine
from warehouse.ledger import periods
from warehouse.problems import problems
from warehouse.published import ranking
from warehouse.releases import published_release
from warehouse.settings import Settings

if TYPE_CHECKING:
    from examples.demo_county import DemoCounty
    from tasks.night import NightReport

LAST_CUTOFF = date(2026, 10, 6)
"""The day after the county's last period closes for delivery."""

REJECTS_SHOWN = 8
MARK = ".demo-county"


def run_demo(session: Session, home: Path) -> int:
    """Run the demo in ``home``, which is made anew when an earlier demo made it.

    Raises:
        CommandError: the folder holds something that is not a demo.
    """
    from flows.local import prefect_session, run_flow

    began = time.monotonic()
    county = _prepare(home)
    settings = _settings(home)
    session.remark("demo.county", home=home)
    with prefect_session(settings), session.progress() as progress:
        first = run_flow("nightly", settings, progress, language=session.language, **_day())
        shutil.copytree(county.later, settings.inbox, dirs_exist_ok=True)
        second = run_flow("nightly", settings, progress, language=session.language, **_day())
    return _tell(session, settings, first, second, time.monotonic() - began)


def _settings(home: Path) -> Settings:
    """Settings of the demo alone: an installation's own database and scheme are never touched."""
    return Settings(home=home, warehouse_url=None, scheme=None, quiet_seconds=0)


def _prepare(home: Path) -> DemoCounty:
    """The county's files in the inbox of a new home."""
    from examples.demo_county import generate

    if home.exists() and any(home.iterdir()):
        if not (home / MARK).exists():
            raise CommandError("demo_folder_taken", folder=home)
        shutil.rmtree(home)
    settings = _settings(home)
    settings.make_folders()
    (home / MARK).touch()
    county = generate(home / "county")
    shutil.copytree(county.inbox, settings.inbox, dirs_exist_ok=True)
    shutil.copyfile(county.scheme, settings.schemes / county.scheme.name)
    return county


def _day() -> dict[str, Any]:
    """On a machine whose clock stands before the county's last cutoff, the demo runs as of the day after it."""
    today = (datetime.now(tz=UTC) - timedelta(days=1)).date()
    return {} if today >= LAST_CUTOFF else {"day": LAST_CUTOFF}


def _tell(session: Session, settings: Settings, first: NightReport, second: NightReport, seconds: float) -> int:
    engine = reading_engine(settings.database_url)
    released = [row["period_id"] for row in periods(engine) if published_release(engine, row["period_id"]) is not None]
    if not released:
        raise CommandError("demo_unpublished")
    shown = ranking(engine, released[-1])
    found = problems(engine, session.language, at_most=REJECTS_SHOWN)
    workbook = write_ranking(session, shown, Format.XLSX, settings.exports / f"{released[-1]}-departments.xlsx")
    is_unchanged = not any(each.is_new and each.state == "published" for each in second.released)
    if session.as_json:
        session.document(
            {
                "home": str(settings.home), "seconds": round(seconds, 1), "first_night": first.document(),
                "second_night": second.document(), "late_changed_nothing": is_unchanged, "workbook": str(workbook),
                "rejects": {"total": found.total, "counts": found.counts}, "ranking": shown.document(),
            }
        )  # fmt: skip
        return ExitCode.OK
    session.show(files_table(session.words, [answer.__dict__ for answer in first.answers]))
    session.show(released_table(session, first))
    show_problems(session, found)
    show_ranking(session, shown)
    late = [answer.__dict__ for answer in second.answers]
    session.show(files_table(session.words, late))
    session.show(session.words("demo.late" if is_unchanged else "demo.late_changed"))
    session.show(session.words("demo.workbook", path=workbook))
    best = shown.rows["ratee_org_id"][0]
    session.show(
        session.words(
            "demo.next",
            program=program_name(),
            home=settings.home,
            period=released[-1],
            subject=best,
            first=released[0],
        )
    )
    session.remark("demo.seconds", seconds=f"{seconds:.0f}")
    return ExitCode.OK


def program_name() -> str:
    """How to call this program from here: by its name where it is on the PATH, else by its relative path."""
    called = Path(sys.argv[0])
    found = shutil.which("reverse-eval")
    if called.name != "reverse-eval" or (found and Path(found).resolve() == called.resolve()):
        return "reverse-eval"
    return os.path.relpath(called)
