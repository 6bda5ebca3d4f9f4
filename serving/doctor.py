"""Is the installation sound? One line per check: ok, warning or fail, with what was found and what to do."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from expectations.time_zone import TIME_ZONE
from serving.words import Words
from warehouse.settings import Settings

Level = Literal["ok", "warning", "fail"]
PARTS = (
    "reverse-eval", "polars", "sqlalchemy", "alembic", "deltalake", "great-expectations", "prefect", "python-calamine",
    "xlsxwriter", "numpy", "scipy",
)  # fmt: skip
LITTLE_SPACE = 5 * 2**30
TOO_LITTLE_SPACE = 2**29
EARLIEST_CLOCK = datetime(2026, 1, 1, tzinfo=UTC)
"""A clock before the program was written is wrong."""

CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: str
    level: Level
    title: str
    detail: str

    def document(self) -> dict[str, Any]:
        """The finding as JSON-able data."""
        return asdict(self)


@dataclass(frozen=True)
class _Examination:
    settings: Settings
    words: Words

    def found(self, check: str, level: Level, key: str, **values: object) -> Finding:
        """One line of the answer."""
        return Finding(check, level, self.words(f"doctor.{check}"), self.words(f"doctor.{key}", **values))


def versions() -> dict[str, str]:
    """Version of the program, of Python and of the parts it rests on."""
    found = {}
    for part in PARTS:
        try:
            found[part] = version(part)
        except PackageNotFoundError:
            found[part] = "-"
    return {**found, "python": platform.python_version()}


def examine(settings: Settings, words: Words) -> list[Finding]:
    """Run every check; one that cannot be carried out is a failed one, never an abort."""
    examination = _Examination(settings, words)
    checks: tuple[tuple[str, Callable[[_Examination], Iterator[Finding]]], ...] = (
        ("home", _home), ("keys", _keys), ("disk", _disk), ("clock", _clock), ("tables", _tables), ("locks", _locks),
        ("lake", _lake), ("prefect", _prefect), ("parts", _parts),
    )  # fmt: skip
    findings: list[Finding] = []
    for name, check in checks:
        try:
            findings += check(examination)
        except Exception as error:  # noqa: BLE001 - the examination goes on
            detail = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            findings.append(examination.found(name, "fail", "broken", detail=detail))
    return findings


def _home(given: _Examination) -> Iterator[Finding]:
    home = given.settings.home
    if not home.is_dir():
        yield given.found("home", "fail", "home_missing", path=home)
    elif not os.access(home, os.W_OK | os.X_OK):
        yield given.found("home", "fail", "home_closed", path=home)
    else:
        yield given.found("home", "ok", "home_ok", path=home.resolve())


def _keys(given: _Examination) -> Iterator[Finding]:
    folder = given.settings.keys
    if not folder.is_dir():
        yield given.found("keys", "warning", "keys_missing", path=folder)
        return
    wrong = [path for path in (folder, *sorted(folder.glob("*.key"))) if path.stat().st_mode & 0o077]
    if wrong:
        yield given.found("keys", "fail", "keys_open", paths=given.words.listed([str(path) for path in wrong]))
    elif not list(folder.glob("*.key")):
        yield given.found("keys", "warning", "keys_none", path=folder)
    else:
        yield given.found("keys", "ok", "keys_ok", count=len(list(folder.glob("*.key"))))


def _disk(given: _Examination) -> Iterator[Finding]:
    home = given.settings.home
    existing = next(path for path in (home, *home.resolve().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    level: Level = "ok" if free > LITTLE_SPACE else "warning" if free > TOO_LITTLE_SPACE else "fail"
    key = "disk_ok" if level == "ok" else "disk_low"
    yield given.found("disk", level, key, free=f"{free / 2**30:.1f} GiB")


def _clock(given: _Examination) -> Iterator[Finding]:
    now = datetime.now(tz=UTC)
    try:
        local = now.astimezone(ZoneInfo(TIME_ZONE))
    except ZoneInfoNotFoundError:
        yield given.found("clock", "fail", "zone_missing", zone=TIME_ZONE)
        return
    shown = local.strftime("%Y-%m-%d %H:%M")
    if now < EARLIEST_CLOCK:
        yield given.found("clock", "fail", "clock_wrong", now=shown)
        return
    newest = _newest_run(given)
    if newest is not None and newest > now + CLOCK_TOLERANCE:
        yield given.found("clock", "fail", "clock_behind", now=shown, run=newest.isoformat(timespec="minutes"))
        return
    yield given.found("clock", "ok", "clock_ok", now=shown, host=time.strftime("%Z"))


def _newest_run(given: _Examination) -> datetime | None:
    if not _has_database(given.settings):
        return None
    from warehouse.database import reading_engine
    from warehouse.owners import as_utc
    from warehouse.runs import last_run

    row = last_run(reading_engine(given.settings.database_url))
    return None if row is None else as_utc(row["started_at"])


def _has_database(settings: Settings) -> bool:
    return settings.warehouse_url is not None or (settings.home / "warehouse.sqlite").is_file()


def _tables(given: _Examination) -> Iterator[Finding]:
    if not _has_database(given.settings):
        yield given.found("tables", "fail", "tables_missing")
        return
    from warehouse.database import reading_engine, schema_versions

    stored, needed = schema_versions(reading_engine(given.settings.database_url))
    if stored == needed:
        yield given.found("tables", "ok", "tables_ok", version=stored)
    else:
        yield given.found("tables", "fail", "tables_old", stored=stored or "-", needed=needed)


def _locks(given: _Examination) -> Iterator[Finding]:
    if not _has_database(given.settings):
        return
    from warehouse.database import reading_engine
    from warehouse.overview import locks_held

    held = locks_held(reading_engine(given.settings.database_url), datetime.now(tz=UTC))
    if not held:
        yield given.found("locks", "ok", "locks_free")
    for each in held:
        gone = each.is_dead or each.is_expired
        key = "lock_dead" if gone else "lock_held"
        level: Level = "warning" if gone else "ok"
        yield given.found("locks", level, key, name=each.name, owner=each.owner, since=each.since)


def _lake(given: _Examination) -> Iterator[Finding]:
    folder = given.settings.lake
    tables = sorted(path.name for path in folder.glob("*") if (path / "_delta_log").is_dir())
    if not tables:
        yield given.found("lake", "ok", "lake_empty")
        return
    from warehouse.lake import Lake

    lake = Lake(folder)
    gone = [file.path.name for name in tables for file in lake.files(name) if not file.path.is_file()]
    if gone:
        yield given.found("lake", "fail", "lake_torn", count=len(gone), first=gone[0])
    else:
        yield given.found("lake", "ok", "lake_ok", count=len(tables))


def _prefect(given: _Examination) -> Iterator[Finding]:
    place = os.environ.get("PREFECT_API_URL")
    if place:
        yield given.found("prefect", "ok", "prefect_server", url=place)
        return
    candidates = (given.settings.home / "prefect" / "prefect.db", given.settings.home / "prefect.db")
    database = next((path for path in candidates if path.is_file()), None)
    if database is None:
        yield given.found("prefect", "ok", "prefect_none")
    else:
        yield given.found("prefect", "ok", "prefect_ok", path=database, size=f"{_size(database) / 2**20:.1f} MiB")


def _size(path: Path) -> int:
    return path.stat().st_size


def _parts(given: _Examination) -> Iterator[Finding]:
    found = versions()
    missing = [name for name, number in found.items() if number == "-"]
    if missing:
        yield given.found("parts", "fail", "parts_missing", names=given.words.listed(missing))
    else:
        listed = given.words.listed([f"{name} {number}" for name, number in found.items()])
        yield given.found("parts", "ok", "parts_ok", listed=listed)
