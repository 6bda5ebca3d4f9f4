"""Starting: making a home, and seeing the whole of it on a fictional county."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from serving.exit_codes import ExitCode
from serving.session import Session

DEMO_FOLDER = Path(".reverse-eval-demo")

Folder = Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="option.demo_folder")]


def init(session: Session) -> int:
    """Make the home; run again, it makes only what is missing."""
    from expectations.time_zone import TIME_ZONE
    from tasks.home import make_home

    settings = session.settings()
    year = datetime.now(tz=ZoneInfo(TIME_ZONE)).year
    made = make_home(settings, year)
    home = settings.home.resolve()
    if session.as_json:
        session.document({"home": str(home), "made": [str(path) for path in made]})
        return ExitCode.OK
    words = session.words
    for path in made:
        session.show(f"  {path.relative_to(settings.home)}")
    session.show(words("init.done" if made else "init.nothing", home=home))
    session.show(words("init.next", inbox=settings.inbox))
    return ExitCode.OK


def demo(session: Session, folder: Folder = None) -> int:
    """A fictional county from its files to a published ranking."""
    from serving.demo import run_demo

    return run_demo(session, folder or session.home or DEMO_FOLDER)
