"""Engines of the warehouse: one that writes, one that can only read."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url

__all__ = ["Engine", "migrate", "reading_engine", "schema_versions", "writing_engine"]

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_MILLISECONDS = 30_000


def writing_engine(url: str) -> Engine:
    """An engine whose every transaction is a write transaction from its first statement.

    On SQLite that is ``BEGIN IMMEDIATE`` with a busy timeout, in WAL mode with full durability; a
    deferred transaction that turns into a write would fail at once when another one writes.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_for_writing)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def reading_engine(url: str) -> Engine:
    """An engine that cannot change anything."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(url, execution_options={"postgresql_readonly": True})
    database = Path(parsed.database or "").resolve()
    engine = create_engine(f"sqlite:///file:{database}?mode=ro&uri=true")
    event.listen(engine, "connect", _sqlite_for_reading)
    return engine


def _sqlite_for_writing(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event starts transactions, not the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_MILLISECONDS}"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_for_reading(connection: Any, _record: object) -> None:
    for pragma in ("query_only=ON", f"busy_timeout={BUSY_MILLISECONDS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrations(url: str) -> Config:
    from alembic.config import Config  # readers never migrate, and it takes as long to import as SQLAlchemy

    config = Config()
    config.set_main_option("script_location", str(files("warehouse").joinpath("migrations")))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def migrate(url: str) -> None:
    """Bring the warehouse to the newest version of its tables; does nothing when it is there."""
    from alembic import command

    command.upgrade(_migrations(url), "head")


def schema_versions(engine: Engine) -> tuple[str | None, str | None]:
    """Version of the tables in the database, and the one this code needs."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(_migrations("sqlite://")).get_current_head()
