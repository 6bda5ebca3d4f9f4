"""The database: migrations make what the tables declare, readers cannot write, writers wait for each other."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text
from sqlalchemy.exc import OperationalError

from warehouse.database import Engine, migrate, reading_engine, schema_versions, writing_engine
from warehouse.owners import utc_now
from warehouse.tables import metadata, program_period


def test_the_newest_migration_makes_exactly_the_declared_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    current, needed = schema_versions(engine)
    assert current == needed
    assert current is not None


def test_migrating_again_changes_nothing(engine: Engine, url: str) -> None:
    statement = text("select type, name, tbl_name, sql from sqlite_master order by 1, 2")
    with engine.connect() as connection:
        before = connection.execute(statement).all()
    migrate(url)
    with engine.connect() as connection:
        assert connection.execute(statement).all() == before


def test_an_unmigrated_database_is_told_by_its_version(tmp_path: Path) -> None:
    current, needed = schema_versions(writing_engine(f"sqlite:///{tmp_path / 'empty.sqlite'}"))
    assert current is None
    assert needed is not None


def row(period_id: str) -> dict[str, object]:
    return {
        "period_id": period_id, "kind": "month", "start_date": "2026-07-01", "end_date": "2026-08-01",
        "cutoff_at": utc_now(), "status": "open",
    }  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "insert into program_period default values",
        "delete from program_period",
        "create table other (id integer)",
        "drop table lock",
        "pragma user_version = 7",
    ],
)
def test_a_reading_engine_cannot_change_anything(engine: Engine, url: str, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(insert(program_period).values(**row("2026M07")))
    reader = reading_engine(url)
    with reader.connect() as connection:
        assert connection.execute(select(program_period.c.period_id)).scalars().all() == ["2026M07"]
        with pytest.raises(OperationalError, match="readonly"):
            connection.execute(text(statement))
    with reader.connect() as connection:
        connection.execute(text("pragma query_only = off"))
        with pytest.raises(OperationalError, match="readonly"):
            connection.execute(text(statement))


def test_a_reading_engine_makes_no_database(tmp_path: Path) -> None:
    path = tmp_path / "absent.sqlite"
    with pytest.raises(OperationalError):
        reading_engine(f"sqlite:///{path}").connect()
    assert not path.exists()


def test_writers_wait_for_each_other_and_a_reader_sees_the_state_before(engine: Engine, url: str) -> None:
    """Two transactions that read before they write would fail at once if they were deferred ones."""
    with engine.begin() as connection:
        connection.execute(insert(program_period).values(**row("start")))
    done: list[str] = []

    def write(name: str) -> None:
        with writing_engine(url).begin() as connection:
            connection.execute(select(program_period)).all()
            connection.execute(insert(program_period).values(**row(name)))
            done.append(name)

    with engine.begin() as connection:
        connection.execute(insert(program_period).values(**row("holder")))
        threads = [threading.Thread(target=write, args=(f"writer-{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        with reading_engine(url).connect() as reader:
            assert reader.execute(select(program_period.c.period_id)).scalars().all() == ["start"]
        assert done == []
    for thread in threads:
        thread.join(timeout=30)
    assert len(done) == 4


def test_writes_are_durable_and_references_are_kept(engine: Engine) -> None:
    with engine.connect() as connection:
        pragmas = [
            connection.execute(text(f"pragma {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]
    with pytest.raises(Exception, match="FOREIGN KEY"), engine.begin() as connection:
        connection.execute(text("insert into release_pointer values ('2026M07', 'R-nothing')"))
