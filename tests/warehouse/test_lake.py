"""The lake: each delivery appended once, seen whole, and never by a reader before the ledger says so."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

import warehouse.lake as module
from expectations.common import BOOKKEEPING
from expectations.datasets import DATASETS
from warehouse.current_view import conflicting_keys, current_rows
from warehouse.lake import Lake, StagedPart
from warehouse.ledger import LoadedFile

FACT, PERIOD, SHA = DATASETS["performance_fact"], "2026M07", "ab" * 32
SCHEMA = {**FACT.stored_schema, **BOOKKEEPING}


def part(
    folder: Path, name: str, values: list[int], period_id: str = PERIOD, sha256: str = SHA, **more: object
) -> StagedPart:
    """A staged Parquet file of facts of as many villages as there are values."""
    rows = pl.DataFrame(
        [
            {
                "indicator_id": "A", "org_id": f"V-{number:02}", "source_org_id": "D-FARM", "unit": "点", "revision": 1,
                "record_op": "upsert", "_file_sha256": sha256, "_submitter_org_id": "D-FARM", "_file_version": 1,
                "_sheet": "", "_row": number, "_ingested_at": datetime(2026, 8, 1, tzinfo=UTC), "_late": False,
            } | more
            for number, _ in enumerate(values, start=2)
        ],
        schema={key: dtype for key, dtype in SCHEMA.items() if key not in (FACT.partition_by, "value")},
    ).with_columns(pl.Series("value", values).cast(pl.Decimal(18, 6)))  # fmt: skip
    path = folder / name
    rows.write_parquet(path)
    return StagedPart(path, period_id, rows.height)


def loaded(sha256: str = SHA, overlapping: int = 0, submitter: str = "D-FARM") -> LoadedFile:
    return LoadedFile(sha256, submitter, 1, datetime(2026, 8, 1, tzinfo=UTC), (PERIOD,), 1, overlapping)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_a_delivery_is_appended_once_however_often_it_is_tried(lake: Lake, tmp_path: Path) -> None:
    assert (lake.version(FACT.name), lake.files(FACT.name)) == (None, [])
    parts = [part(tmp_path, "a.parquet", [1, 2, 3]), part(tmp_path, "b.parquet", [4], "2026M08")]
    version = lake.append(FACT.name, SHA, parts)
    assert version == 1
    assert lake.append(FACT.name, SHA, parts) == version
    assert Lake(lake.folder).append(FACT.name, SHA, []) == version
    assert [(file.sha256, file.partition, file.rows) for file in lake.files(FACT.name)] == [
        (SHA, PERIOD, 3),
        (SHA, "2026M08", 1),
    ]
    rows = lake.scan(FACT.name, lake.files(FACT.name)).sort("value").collect()
    assert rows.select("period_id", pl.col("value").cast(pl.Int64)).rows() == [
        (PERIOD, 1), (PERIOD, 2), (PERIOD, 3), ("2026M08", 4),
    ]  # fmt: skip
    assert rows.schema == SCHEMA


def test_an_append_that_died_after_linking_is_finished_with_the_same_bytes(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [part(tmp_path, "a.parquet", [1, 2, 3])]

    def dies(name: str) -> None:
        raise KeyboardInterrupt(name)

    with monkeypatch.context() as killed:
        killed.setattr(module, "crash_point", dies)
        with pytest.raises(KeyboardInterrupt, match="linked"):
            lake.append(FACT.name, SHA, parts)
    assert lake.files(FACT.name) == []
    lake.append(FACT.name, SHA, parts)
    assert sum(file.rows for file in lake.files(FACT.name)) == 3
    assert not list((lake.folder / FACT.name).glob(".*.draft"))


def test_an_old_version_stays_readable(lake: Lake, tmp_path: Path) -> None:
    first = lake.append(FACT.name, SHA, [part(tmp_path, "a.parquet", [1])])
    lake.append(FACT.name, "cd" * 32, [part(tmp_path, "b.parquet", [2], sha256="cd" * 32)])
    assert [file.sha256 for file in lake.files(FACT.name, first)] == [SHA]
    assert len(lake.files(FACT.name)) == 2


def test_other_programs_read_the_same_rows(lake: Lake, tmp_path: Path) -> None:
    """Delta's own reader is another implementation: what we write is a Delta table and not just Parquet files."""
    lake.append(FACT.name, SHA, [part(tmp_path, "a.parquet", [7, 8])])
    table = DeltaTable(lake.folder / FACT.name)
    assert table.metadata().partition_columns == ["period_id"]
    assert sorted(int(value) for value in pl.read_delta(str(lake.folder / FACT.name))["value"]) == [7, 8]


def test_rows_of_files_the_ledger_does_not_call_loaded_do_not_exist(lake: Lake, tmp_path: Path) -> None:
    lake.append(FACT.name, SHA, [part(tmp_path, "a.parquet", [1, 2])])
    lake.append(FACT.name, "cd" * 32, [part(tmp_path, "b.parquet", [3], sha256="cd" * 32)])
    assert current_rows(lake, FACT, []).collect().is_empty()
    assert current_rows(lake, FACT, [loaded()]).collect().height == 2
    assert current_rows(lake, FACT, [loaded()], periods=["2026M08"]).collect().is_empty()
    assert conflicting_keys(lake, FACT, [loaded()]).is_empty()


def test_late_rows_count_from_the_moment_a_period_is_reopened(lake: Lake, tmp_path: Path) -> None:
    late = {"_late": True, "_ingested_at": datetime(2026, 9, 1, 12, tzinfo=UTC)}
    lake.append(FACT.name, SHA, [part(tmp_path, "a.parquet", [1], **late)])
    found = [
        current_rows(lake, FACT, [loaded()], late_until=until).collect().height
        for until in (None, datetime(2026, 9, 1, 11, tzinfo=UTC), datetime(2026, 9, 1, 12, tzinfo=UTC))
    ]
    assert found == [0, 0, 1]


def test_hashes_name_every_file_of_the_deliveries_asked_for(lake: Lake, tmp_path: Path) -> None:
    first = part(tmp_path, "a.parquet", [1, 2])
    lake.append(FACT.name, SHA, [first])
    lake.append(FACT.name, "cd" * 32, [part(tmp_path, "b.parquet", [3], sha256="cd" * 32)])
    import hashlib

    expected = hashlib.sha256(first.path.read_bytes()).hexdigest()
    assert lake.hashes(FACT.name, {SHA}) == {f"{SHA}-0.parquet": expected}
    (lake.folder / FACT.name / f"{SHA}-0.parquet").unlink()
    assert lake.hashes(FACT.name, {SHA}) == {f"{SHA}-0.parquet": ""}
    assert lake.hashes("org_unit", {SHA}) == {}
