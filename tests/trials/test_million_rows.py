"""A million ratings with ten thousand faults of twelve kinds: exactly those are rejected, each for its reason."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tasks.land import delivery_of
from tasks.night import no_progress, run
from tasks.workspace import open_workspace
from tests.support.million_ratings import write_million_ratings
from warehouse.settings import Settings


@pytest.mark.trial
def test_exactly_the_planted_rows_are_rejected(tmp_path: Path) -> None:
    planted = write_million_ratings(tmp_path / "files")
    workspace = open_workspace(Settings(home=tmp_path / "home", detail_lines_per_code=100_000))
    deliveries = [delivery_of(path) for path in sorted((tmp_path / "files").glob("*.csv")) if "__" in path.name]
    run(workspace, "ingest", None, no_progress, from_inbox=False, deliveries=deliveries, scores=False)
    outbox = workspace.settings.outbox
    (receipt_path,) = outbox.rglob(f"{planted.rating_event.name}.receipt.json")
    receipt = json.loads(receipt_path.read_text(encoding="utf-8"))
    assert receipt["balance"] == {
        "read": 1_000_000, "accepted": 990_000, "unchanged": 0, "rejected": 10_000, "held": 0, "skipped": 0
    }  # fmt: skip
    (errors,) = outbox.rglob(f"{planted.rating_event.name}.errors.csv")
    lines = pl.read_csv(errors, infer_schema=False).filter(pl.col("严重程度") == "拒收")
    told = lines.select(pl.col("行号").cast(pl.Int64).alias("row"), pl.col("错误代码").alias("code"))
    expected = planted.faults.select(pl.col("row").cast(pl.Int64), "code")
    assert expected["code"].n_unique() == 12
    missing = expected.join(told, on=["row", "code"], how="anti")
    surplus = told.join(expected, on=["row", "code"], how="anti")
    assert missing.is_empty(), missing.group_by("code").len()
    assert surplus.is_empty(), surplus.group_by("code").len()
    assert told.height == expected.height == 10_000
    quarantined = pl.read_parquet(workspace.settings.quarantine / f"{receipt['sha256']}.parquet")
    assert sorted(quarantined["_row"]) == sorted(expected["row"])
